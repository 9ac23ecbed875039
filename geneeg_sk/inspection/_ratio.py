"""How much augmentation is best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted

from geneeg_sk.inspection._benchmark import check_score, compute_intervals
from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._style import BLUE, GRAY, hide_spines
from geneeg_sk.metrics._registry import METRICS
from geneeg_sk.model_selection._comparison import SamplerComparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RatioDisplay(Display):
    """Score over how much of the gap between states was filled with synthetic windows.

    A thin line is a patient (or a fold), the thick one the mean, the bars its 95 % bootstrap
    interval over patients (or folds).

    Use `from_comparison` or `from_estimator` to make one.

    Parameters
    ----------
    scores : DataFrame
        Patients (or folds) x fractions; the columns are numbers, 0 (nothing filled) and up.
    intervals : DataFrame
        One row for each fraction: ``mean``, and ``low`` and ``high``, the ends of its interval.
    score : str
        Name of the score.
    unit : str, default="patient"
        What a row is.

    Attributes
    ----------
    ax_ : Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        Figure that holds it.

    See Also
    --------
    geneeg_sk.over_sampling.FillGap : Fills a fraction of the gap.

    Examples
    --------
    >>> import pandas as pd
    >>> from geneeg_sk.inspection import RatioDisplay
    >>> scores = pd.DataFrame({0.0: [0.5, 0.6], 0.5: [0.6, 0.65]})
    >>> intervals = pd.DataFrame(
    ...     {"mean": [0.55, 0.63], "low": [0.5, 0.6], "high": [0.6, 0.65]}, index=[0.0, 0.5]
    ... )
    >>> display = RatioDisplay(scores=scores, intervals=intervals, score="macro_f1").plot()
    >>> display.ax_.get_ylabel()
    'macro F1 (0 to 1)'
    """

    def __init__(
        self, *, scores: pd.DataFrame, intervals: pd.DataFrame, score: str, unit: str = "patient"
    ):
        self.scores = scores
        self.intervals = intervals
        self.score = score
        self.unit = unit

    @classmethod
    def from_comparison(
        cls,
        comparison: SamplerComparison,
        fractions: Mapping[str, float],
        *,
        score: str = "macro_f1",
        ax: Axes | None = None,
    ) -> RatioDisplay:
        """Draw candidates of a comparison that differ in how much they fill.

        Parameters
        ----------
        comparison : SamplerComparison
            From ``compare_samplers``.
        fractions : dict of str to float
            Which fraction each candidate filled, such as ``{"none": 0, "half": 0.5}``. Others are
            left out.
        score : str, default="macro_f1"
            Any score of ``comparison.scores_by_patient``.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : RatioDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If a candidate or the score is not in the comparison.
        """
        unknown = [name for name in fractions if name not in comparison.candidates]
        if unknown:
            raise ValueError(f"fractions name {unknown}, not among {comparison.candidates}.")
        check_score(comparison, score)
        table = comparison.pivot(score).reindex(columns=list(fractions))
        table = table.rename(columns=dict(fractions))
        return cls(scores=table, intervals=compute_intervals(table), score=score).plot(ax=ax)

    @classmethod
    def from_estimator(cls, search: GridSearchCV, *, ax: Axes | None = None) -> RatioDisplay:
        """Draw a grid search over ``sampling_strategy``.

        Parameters
        ----------
        search : GridSearchCV
            Fitted, with a grid over a parameter ``...sampling_strategy`` of `FillGap`. Of the other
            parameters of the grid, those of the best candidate are kept.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : RatioDisplay
            The drawn display; a line is a fold.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        ValueError
            If its grid is over no `FillGap`.
        """
        check_is_fitted(search, "cv_results_")
        results = pd.DataFrame(search.cv_results_)
        best = results.loc[search.best_index_]
        names = [c for c in results if c.startswith("param_")]
        filled = [c for c in names if results[c].map(lambda v: hasattr(v, "fraction")).all()]
        if len(filled) != 1:
            raise ValueError(
                f"{len(filled)} parameters of the grid are FillGap throughout, of {names}; "
                "expected one, such as {'augment__sampling_strategy': [FillGap(0), FillGap(0.5)]}."
            )
        others = [c for c in names if c != filled[0]]
        same = results[others].map(str).eq(best[others].map(str)).all(axis=1)
        rows = results[same]
        folds = rows.filter(regex=r"^split\d+_test_score$").T
        folds.columns = [float(v.fraction) for v in rows[filled[0]]]
        scorer = search.scoring if isinstance(search.scoring, str) else "score"
        intervals = compute_intervals(folds)
        return cls(scores=folds, intervals=intervals, score=scorer, unit="fold").plot(ax=ax)

    def _lay_out(self) -> Layout:
        if not self.scores.notna().any(axis=None):
            raise ValueError("There is no score to draw; expected patients x fractions.")
        return Layout(1, (5.2, 3.6))

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        (ax,) = axes
        table = self.scores.dropna(axis=1, how="all").sort_index(axis=1)
        fractions = table.columns.to_numpy(float)
        ax.plot(fractions, table.T, "o-", color=GRAY, markersize=3, linewidth=0.7, alpha=0.6)
        means, lows, highs = self.intervals.loc[table.columns, ["mean", "low", "high"]].T.to_numpy()
        ax.plot(fractions, means, "D-", color=BLUE, linewidth=2, markersize=6, zorder=3)
        ax.vlines(fractions, lows, highs, color=BLUE, linewidth=3, alpha=0.8, zorder=3)
        ax.set_xticks(fractions, [f"{f:g}" for f in fractions])
        ax.set_xlabel("fraction of the gap to the majority that was filled (no unit)")
        metric = METRICS.get(self.score)
        name = self.score.replace("_", " ")
        ax.set_ylabel(f"{metric.label} ({metric.range})" if metric else name)
        ax.set_title(
            f"a thin line is a {self.unit} ({len(table)}); diamonds and bars: mean and 95 % "
            "interval",
            fontsize="small",
            loc="right",
        )
        ax.grid(axis="y", color="0.92")
        ax.set_axisbelow(True)
        hide_spines(ax)
