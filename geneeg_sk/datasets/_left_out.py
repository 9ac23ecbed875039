"""What was left out, and why."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

SHOWN = 10  # in the warning; the table has all


class LeftOut:
    """Recordings and annotation files that cannot be used: raise at once, or collect and warn.

    Parameters
    ----------
    on_error : {"raise", "warn"}
        What to do with them.
    """

    def __init__(self, on_error: str):
        if on_error not in ("raise", "warn"):
            raise ValueError(f"on_error must be 'raise' or 'warn', got {on_error!r}.")
        self.on_error = on_error
        self.reasons: dict[str, str] = {}

    @contextmanager
    def when_wrong(self, name: str) -> Iterator[None]:
        """Take errors of data and files that occur inside for reasons to leave `name` out."""
        try:
            yield
        except (ValueError, OSError) as error:
            self.add(name, error)

    def add(self, name: str, error: Exception) -> None:
        """Leave `name` out because of `error`, or raise it."""
        if self.on_error == "raise":
            raise error
        self.reasons[name] = str(error)

    def table(self) -> pd.DataFrame:
        """Return a row for each: ``recording`` (or annotation file) and ``reason``."""
        return pd.DataFrame(
            {"recording": list(self.reasons), "reason": list(self.reasons.values())}, dtype="string"
        )

    def warn(self) -> None:
        """Sum up in one warning, if there is anything to say."""
        if self.reasons:
            warnings.warn(self.summary(), stacklevel=4)

    def summary(self) -> str:
        """Return what was left out, one file per line."""
        lines = [f"{name}: {reason}" for name, reason in self.reasons.items()]
        if len(lines) > SHOWN:
            lines[SHOWN:] = [f"... and {len(lines) - SHOWN} more"]
        return "\n  ".join([f"{len(self.reasons)} files were left out:", *lines])
