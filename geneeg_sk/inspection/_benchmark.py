"""Which way of augmentation helps, patient by patient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from geneeg_sk.inspection._style import BLUE, GREY, make_axes, unspine
from geneeg_sk.metrics._statistics import interval
from geneeg_sk.model_selection._comparison import SamplerComparison

SCORES = {"macro_f1": "macro F1", "macro_auc": "macro AUC", "brier": "Brier score", "ece": "ECE"}


class BenchmarkDisplay:
    """Differences to a baseline, paired by patient: each patient, the mean and its interval.

    A thin line joins the dots of one patient. The interval is the 95 % bootstrap interval of the
    mean over patients, as in ``SamplerComparison.summary``.

    Use `from_comparison` to make one.

    Parameters
    ----------
    differences : DataFrame
        Patients x candidates: score of the candidate minus score of the baseline, NaN where a
        patient was not tested with both.
    baseline : str
        Name of the baseline.
    score : str
        Name of the score.

    Attributes
    ----------
    ax_ : Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        Figure that holds it.

    See Also
    --------
    geneeg_sk.model_selection.compare_samplers : Makes what this draws.

    Examples
    --------
    >>> import pandas as pd
    >>> from geneeg_sk.inspection import BenchmarkDisplay
    >>> differences = pd.DataFrame({"SMOTE": [0.1, -0.1, 0.0], "GenEEG": [0.1, 0.2, 0.1]})
    >>> display = BenchmarkDisplay(differences=differences, baseline="none").plot()
    >>> display.ax_.get_xlabel()
    'macro F1 minus that of “none”'
    """

    def __init__(self, *, differences: pd.DataFrame, baseline: str, score: str = "macro_f1"):
        self.differences = differences
        self.baseline = baseline
        self.score = score

    @classmethod
    def from_comparison(
        cls, result: Any, *, baseline: str | None = None, score: str = "macro_f1", ax: Any = None
    ) -> BenchmarkDisplay:
        """Pair the scores of a comparison, and draw them.

        Parameters
        ----------
        result : SamplerComparison
            From ``compare_samplers``, or any object with its `frame` and `patients`.
        baseline : str, default=None
            Candidate to compare with. None: ``"none"`` where there is one, else the first.
        score : str, default="macro_f1"
            Any score of `result.patients`.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : BenchmarkDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the baseline or the score is not in the comparison, or there is no patient whom
            the baseline and another candidate were both tested on.
        """
        result = as_comparison(result)
        baseline = default_baseline(result.candidates) if baseline is None else baseline
        if baseline not in result.candidates:
            raise ValueError(f"baseline={baseline!r} is not among {result.candidates}.")
        if score not in result.patients:
            raise ValueError(
                f"score={score!r} is not a column of the comparison's patients, which are "
                f"{list(result.patients.columns)}."
            )
        others = [name for name in result.candidates if name != baseline]
        differences = pd.DataFrame({name: result.paired(name, baseline, score) for name in others})
        return cls(differences=differences, baseline=baseline, score=score).plot(ax=ax)

    def plot(self, ax: Any = None) -> BenchmarkDisplay:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        self : BenchmarkDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If there is no difference to draw.
        """
        if not self.differences.notna().any(axis=None):
            raise ValueError(
                f"No patient was tested with {self.baseline!r} and with another candidate: "
                "there is no difference to draw. Look at the column 'error' of the comparison."
            )
        names = list(self.differences)
        rows = np.arange(len(names))
        (ax,) = make_axes(ax, 1, (5.6, 1.3 + 0.5 * len(names)))
        ax.plot(self.differences.T, rows, color="0.8", linewidth=0.7, zorder=1)
        ax.plot(self.differences.T, rows, "o", color=GREY, markersize=3.5, alpha=0.7, zorder=2)
        labels = [
            f"{name}\n{_draw_mean(ax, row, self.differences[name].dropna().to_numpy())}"
            for row, name in enumerate(names)
        ]
        ax.axvline(0, color="black", linewidth=0.8, zorder=0)
        ax.set_yticks(rows, labels)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.tick_params(axis="y", labelsize="small")
        ax.set_xlabel(f"{SCORES.get(self.score, self.score)} minus that of “{self.baseline}”")
        ax.set_title(
            "a dot is a patient; diamond and bar: mean and 95 % interval",
            fontsize="small",
            loc="right",
        )
        ax.locator_params(axis="x", nbins=5)
        ax.grid(axis="x", color="0.92")
        ax.set_axisbelow(True)
        ax.tick_params(left=False)
        unspine(ax, "top", "right", "left")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _draw_mean(ax: Any, row: int, d: np.ndarray) -> str:
    """Draw mean and interval of the differences `d`, and return them as text."""
    if not len(d):
        return "not tested"
    low, high = interval(d)
    ax.plot([low, high], [row, row], color=BLUE, linewidth=3, alpha=0.8, zorder=3)
    ax.plot(d.mean(), row, "D", color=BLUE, markersize=7, markeredgecolor="white", zorder=4)
    return f"{signed(d.mean())} ({span(low, high)})"


def as_comparison(result: Any) -> SamplerComparison:
    """Return a comparison with all methods from anything with its `frame` and `patients`."""
    patients = result.patients
    if not len(patients):  # all fits failed: no patient, and no columns of scores either
        columns = ["candidate", "group", *result.frame.columns]
        patients = patients.reindex(columns=list(dict.fromkeys(columns)))
    return SamplerComparison(result.frame, patients, ours=getattr(result, "ours", ()))


def default_baseline(candidates: list[str]) -> str:
    """Return the candidate without augmentation, by its name; else the first."""
    return "none" if "none" in candidates else candidates[0]


def signed(value: float) -> str:
    """Write a difference with its sign.

    >>> signed(-0.0312), signed(-0.0001)
    ('−0.031', '+0.000')
    """
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # + 0.0: no negative zero


def span(low: float, high: float) -> str:
    """Write an interval of differences.

    >>> span(-0.01, 0.02), span(float("nan"), float("nan"))
    ('−0.010 to +0.020', 'no interval')
    """
    return f"{signed(low)} to {signed(high)}" if np.isfinite(low) else "no interval"
