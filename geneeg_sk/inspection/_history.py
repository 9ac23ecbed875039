"""How a training went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._style import BLACK, CYCLE, hide_spines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))  # for print without colors
NOT_TERMS = {"stage", "step", "loss", "validation"}


class HistoryDisplay(Display):
    """Losses over training steps, a panel for each stage, on a logarithmic scale.

    Use `from_estimator` to make one.

    Parameters
    ----------
    history : DataFrame
        Columns `stage`, `step`, `loss`, and, as far as there are any, `validation` and the terms
        that the loss is the sum of; as in `history_` of ``LatentDiffusionGenerator``.

    Attributes
    ----------
    ax_ : ndarray of Axes
        One for each stage.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.

    Examples
    --------
    >>> import pandas as pd
    >>> from geneeg_sk.inspection import HistoryDisplay
    >>> history = pd.DataFrame({"stage": "vae", "step": [10, 20], "loss": [1.0, 0.5]})
    >>> HistoryDisplay(history=history).plot().ax_[0].get_yscale()
    'log'
    """

    _has_panels = True

    def __init__(self, *, history: pd.DataFrame):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, *, ax: Axes | None = None) -> HistoryDisplay:
        """Draw the `history_` of a fitted estimator.

        Parameters
        ----------
        estimator : object
            Fitted, with `history_`, such as ``LatentDiffusionGenerator``.
        ax : Axes, sequence of Axes, or None, default=None
            Where to draw: one Axes is divided, a sequence has one for each stage. None: a new
            figure.

        Returns
        -------
        display : HistoryDisplay
            The drawn display.

        Raises
        ------
        NotFittedError
            If the estimator has no `history_`.
        """
        check_is_fitted(estimator, "history_")
        return cls(history=estimator.history_).plot(ax=ax)

    def _lay_out(self) -> Layout:
        missing = [c for c in ("stage", "step", "loss") if c not in self.history]
        if missing or self.history.empty:
            raise ValueError(
                f"history has {len(self.history)} rows and lacks the columns {missing}; expected "
                "at least one row of 'stage', 'step' and 'loss'."
            )
        n_stages = self.history["stage"].nunique()
        return Layout(n_stages, (3.0 * n_stages + 0.4, 4.0))

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        for one, (stage, rows) in zip(axes, self.history.groupby("stage", sort=False)):
            _draw_stage(one, str(stage), rows)
        axes[0].set_ylabel("loss (no unit)")


def _draw_stage(ax: Axes, stage: str, rows: pd.DataFrame) -> None:
    """Draw the terms of one stage thin, their sum and the validation loss thick."""
    terms = [c for c in rows if c not in NOT_TERMS and rows[c].notna().any()]
    for k, term in enumerate(terms if len(terms) > 1 else []):
        color, dashes = CYCLE[k % len(CYCLE)], DASHES[k % len(DASHES)]
        ax.plot(
            rows["step"], rows[term], linestyle=dashes, color=color, label=term.replace("_", " ")
        )
    ax.plot(rows["step"], rows["loss"], color=BLACK, linewidth=1.8, label="loss")
    if "validation" in rows and rows["validation"].notna().any():
        ax.plot(
            rows["step"],
            rows["validation"],
            "--s",
            color=BLACK,
            markersize=3,
            markevery=max(1, len(rows) // 12),
            label="validation",
        )
    ax.set_yscale("log" if _positive(rows, terms) else "symlog")
    ax.set_xlabel("training step")
    ax.set_title(stage)
    ax.legend(
        frameon=False, fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.2)
    )
    hide_spines(ax)


def _positive(rows: pd.DataFrame, terms: list[str]) -> bool:
    """Tell whether a logarithmic axis can show all losses."""
    losses = rows[[*terms, *rows.columns.intersection(["loss", "validation"])]]
    return not (losses <= 0).any(axis=None)
