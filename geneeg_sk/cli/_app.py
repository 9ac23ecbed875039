"""The application, without its commands."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated

import typer

from geneeg_sk._version import __version__

app = typer.Typer(
    help="Generative EEG augmentation for seizure detection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def clear_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn an error of input or files into one message and exit code 1."""

    @functools.wraps(command)
    def run(*args: object, **kwargs: object) -> None:
        try:
            command(*args, **kwargs)
        except MemoryError as error:
            typer.secho(f"Error: there is not enough memory. {error}", err=True, fg="red")
            raise typer.Exit(1) from error
        except (ValueError, OSError, OverflowError) as error:
            typer.secho(f"Error: {' '.join(str(error).split())}", err=True, fg="red")
            raise typer.Exit(1) from error

    return run


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Generative EEG augmentation for seizure detection."""
