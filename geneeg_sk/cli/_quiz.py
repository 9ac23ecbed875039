"""``geneeg-sk quiz``: can clinicians tell synthetic from real windows?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geneeg_sk.cli._options import Seed
from geneeg_sk.cli._stored import windows_at


def quiz(
    windows: Annotated[Path, typer.Argument(help="Real windows.")],
    synthetic: Annotated[Path, typer.Argument(help="Synthetic windows.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("quiz.html"),
    n: Annotated[int, typer.Option("--n", min=2, help="Number of questions.")] = 20,
    pairs: Annotated[bool, typer.Option("--pairs", help="Show windows in pairs.")] = False,
    seed: Seed = 0,
) -> None:
    """Write an HTML page on which a clinician tells synthetic from real windows.

    Windows are window stores, or what `sample` wrote as .npz. The right answers are in the page,
    obfuscated but not encrypted.
    """
    from geneeg_sk.inspection import make_quiz
    from geneeg_sk.inspection._quiz import check_alike

    X, y, info, _ = windows_at(windows)
    X_synthetic, y_synthetic, other, _ = windows_at(synthetic)
    check_alike(info, other)
    make_quiz(
        X,
        X_synthetic,
        out=out,
        y_real=y,
        y_synthetic=y_synthetic,
        sfreq=info["sfreq"],
        ch_names=info.ch_names,
        n_questions=n,
        pairs=pairs,
        random_state=seed,
    )
    typer.echo(out)
