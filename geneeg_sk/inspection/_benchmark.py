"""Which way of augmentation helps, patient by patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._style import BLUE, GRAY, hide_spines
from geneeg_sk.metrics._registry import METRICS
from geneeg_sk.metrics._statistics import bootstrap_interval
from geneeg_sk.model_selection._comparison import SamplerComparison
from geneeg_sk.model_selection._score_table import format_interval, format_signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class BenchmarkDisplay(Display):
    """Differences to a baseline, paired by patient: each patient, the mean and its interval.

    A thin line joins the dots of one patient. The interval is the 95 % bootstrap interval of the
    mean over patients, as in ``SamplerComparison.summary``.

    Use `from_comparison` to make one.

    Parameters
    ----------
    differences : DataFrame
        Patients x candidates: score of the candidate minus score of the baseline, NaN where a
        patient was not tested with both.
    intervals : DataFrame
        One row for each candidate: ``mean``, and ``low`` and ``high``, the ends of its interval.
    baseline : str
        Name of the baseline.
    score : str, default="macro_f1"
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
    >>> differences = pd.DataFrame({"SMOTE": [0.1, -0.1, 0.0]})
    >>> intervals = pd.DataFrame({"mean": 0.0, "low": -0.1, "high": 0.1}, index=["SMOTE"])
    >>> display = BenchmarkDisplay(
    ...     differences=differences, intervals=intervals, baseline="none"
    ... ).plot()
    >>> display.ax_.get_xlabel()
    'macro F1 minus that of “none”'
    """

    def __init__(
        self,
        *,
        differences: pd.DataFrame,
        intervals: pd.DataFrame,
        baseline: str,
        score: str = "macro_f1",
    ):
        self.differences = differences
        self.intervals = intervals
        self.baseline = baseline
        self.score = score

    @classmethod
    def from_comparison(
        cls,
        comparison: SamplerComparison,
        *,
        baseline: str | None = None,
        score: str = "macro_f1",
        ax: Axes | None = None,
    ) -> BenchmarkDisplay:
        """Pair the scores of a comparison, and draw them.

        Parameters
        ----------
        comparison : SamplerComparison
            From ``compare_samplers``.
        baseline : str, default=None
            Candidate to compare with. None: the first of the comparison's baselines.
        score : str, default="macro_f1"
            Any score of ``comparison.scores_by_patient``.
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
        candidates = comparison.candidates
        baseline = comparison.baselines[0] if baseline is None else baseline
        if baseline not in candidates:
            raise ValueError(f"baseline={baseline!r} is not among {candidates}.")
        check_score(comparison, score)
        differences = pd.DataFrame(
            {
                name: comparison.subtract(name, baseline, score)
                for name in candidates
                if name != baseline
            }
        )
        intervals = compute_intervals(differences)
        return cls(
            differences=differences, intervals=intervals, baseline=baseline, score=score
        ).plot(ax=ax)

    def _lay_out(self) -> Layout:
        if not self.differences.notna().any(axis=None):
            raise ValueError(
                f"No patient was tested with {self.baseline!r} and with another candidate: "
                "there is no difference to draw. Look at the column 'error' of the comparison."
            )
        return Layout(1, (5.6, 1.3 + 0.5 * len(self.differences.columns)))

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        (ax,) = axes
        names = list(self.differences)
        rows = np.arange(len(names))
        ax.plot(self.differences.T, rows, color="0.8", linewidth=0.7, zorder=1)
        ax.plot(self.differences.T, rows, "o", color=GRAY, markersize=3.5, alpha=0.7, zorder=2)
        labels = [
            f"{name}\n{_draw_mean(ax, row, *self.intervals.loc[name, ['mean', 'low', 'high']])}"
            for row, name in enumerate(names)
        ]
        ax.axvline(0, color="black", linewidth=0.8, zorder=0)
        ax.set_yticks(rows, labels)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.tick_params(axis="y", labelsize="small")
        name = METRICS[self.score].label if self.score in METRICS else self.score
        ax.set_xlabel(f"{name} minus that of “{self.baseline}”")
        ax.set_title(
            "a dot is a patient; diamond and bar: mean and 95 % interval",
            fontsize="small",
            loc="right",
        )
        ax.locator_params(axis="x", nbins=5)
        ax.grid(axis="x", color="0.92")
        ax.set_axisbelow(True)
        ax.tick_params(left=False)
        hide_spines(ax, "top", "right", "left")


def check_score(comparison: SamplerComparison, score: str) -> None:
    """Raise a ValueError if patients have no such score."""
    if score not in comparison.scores_by_patient:
        raise ValueError(
            f"score={score!r} is not a column of the comparison's scores_by_patient, which are "
            f"{list(comparison.scores_by_patient.columns)}."
        )


def compute_intervals(scores: pd.DataFrame) -> pd.DataFrame:
    """Return ``mean``, ``low`` and ``high`` of every column; NaN where there is no score."""
    rows = {}
    for name, column in scores.items():
        values = column.dropna().to_numpy()
        rows[name] = (values.mean() if len(values) else np.nan, *bootstrap_interval(values))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "low", "high"])


def _draw_mean(ax: Axes, row: int, mean: float, low: float, high: float) -> str:
    """Draw a mean and its interval, and return them as text."""
    if np.isnan(mean):
        return "not tested"
    ax.plot([low, high], [row, row], color=BLUE, linewidth=3, alpha=0.8, zorder=3)
    ax.plot(mean, row, "D", color=BLUE, markersize=7, markeredgecolor="white", zorder=4)
    return f"{format_signed(mean)} ({format_interval(low, high)})"
