"""How much augmentation is best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from geneeg_sk.inspection._benchmark import SCORES, as_comparison
from geneeg_sk.inspection._style import BLUE, GREY, make_axes, unspine
from geneeg_sk.metrics._statistics import interval


class RatioDisplay:
    """Score over how much of the gap between states was filled with synthetic windows.

    A thin line is a patient (or a fold), the thick one the mean, the bars its 95 % bootstrap
    interval over patients (or folds).

    Use `from_comparison` or `from_estimator` to make one.

    Parameters
    ----------
    scores : DataFrame
        Patients (or folds) x fractions; the columns are numbers, 0 (nothing filled) and up.
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
    >>> scores = pd.DataFrame({0.0: [0.5, 0.6], 0.5: [0.6, 0.65], 1.0: [0.55, 0.7]})
    >>> RatioDisplay(scores=scores, score="macro_f1").plot().ax_.get_ylabel()
    'macro F1 (0 to 1)'
    """

    def __init__(self, *, scores: pd.DataFrame, score: str, unit: str = "patient"):
        self.scores = scores
        self.score = score
        self.unit = unit

    @classmethod
    def from_comparison(
        cls,
        result: Any,
        fractions: Mapping[str, float],
        *,
        score: str = "macro_f1",
        ax: Any = None,
    ) -> RatioDisplay:
        """Draw candidates of a comparison that differ in how much they fill.

        Parameters
        ----------
        result : SamplerComparison
            From ``compare_samplers``, or any object with its `frame` and `patients`.
        fractions : dict of str to float
            Which fraction each candidate filled, such as ``{"none": 0, "half": 0.5}``. Others are
            left out.
        score : str, default="macro_f1"
            Any score of `result.patients`.
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
        result = as_comparison(result)
        unknown = [name for name in fractions if name not in result.candidates]
        if unknown:
            raise ValueError(f"fractions name {unknown}, not among {result.candidates}.")
        if score not in result.patients:
            raise ValueError(
                f"score={score!r} is not a column of the comparison's patients, which are "
                f"{list(result.patients.columns)}."
            )
        table = result.patients.pivot_table(index="group", columns="candidate", values=score)
        table = table.reindex(columns=list(fractions)).rename(columns=dict(fractions))
        return cls(scores=table, score=score).plot(ax=ax)

    @classmethod
    def from_estimator(cls, search: Any, *, ax: Any = None) -> RatioDisplay:
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
        ours = [c for c in names if results[c].map(lambda v: hasattr(v, "fraction")).all()]
        if len(ours) != 1:
            raise ValueError(
                f"{len(ours)} parameters of the grid are FillGap throughout, of {names}; expected "
                "one, such as {'augment__sampling_strategy': [FillGap(0), FillGap(0.5)]}."
            )
        others = [c for c in names if c != ours[0]]
        same = results[others].map(str).eq(best[others].map(str)).all(axis=1)
        rows = results[same]
        folds = rows.filter(regex=r"^split\d+_test_score$").T
        folds.columns = [float(v.fraction) for v in rows[ours[0]]]
        scorer = search.scoring if isinstance(search.scoring, str) else "score"
        return cls(scores=folds, score=scorer, unit="fold").plot(ax=ax)

    def plot(self, ax: Any = None) -> RatioDisplay:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        self : RatioDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If there is no score to draw.
        """
        table = self.scores.dropna(axis=1, how="all").sort_index(axis=1)
        if table.empty:
            raise ValueError("There is no score to draw; expected patients x fractions.")
        fractions = table.columns.to_numpy(float)
        (ax,) = make_axes(ax, 1, (5.2, 3.6))
        ax.plot(fractions, table.T, "o-", color=GREY, markersize=3, linewidth=0.7, alpha=0.6)
        means = table.mean().to_numpy()
        bounds = np.array([interval(table[f].dropna().to_numpy()) for f in table])
        ax.plot(fractions, means, "D-", color=BLUE, linewidth=2, markersize=6, zorder=3)
        ax.vlines(fractions, *bounds.T, color=BLUE, linewidth=3, alpha=0.8, zorder=3)
        ax.set_xticks(fractions, [f"{f:g}" for f in fractions])
        ax.set_xlabel("fraction of the gap to the majority that was filled (no unit)")
        name = SCORES.get(self.score, self.score.replace("_", " "))
        ax.set_ylabel(f"{name} (0 to 1)" if self.score in SCORES else name)
        ax.set_title(
            f"a thin line is a {self.unit} ({len(table)}); diamonds and bars: mean and 95 % "
            "interval",
            fontsize="small",
            loc="right",
        )
        ax.grid(axis="y", color="0.92")
        ax.set_axisbelow(True)
        unspine(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self
