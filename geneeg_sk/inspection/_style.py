"""What all pictures share: colors that everybody can tell apart, and axes without pyplot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito (2008), Color universal design: told apart by all common kinds of color vision.
# Lines differ in more than color too, for print in black and white.
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, YELLOW, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
    "#000000",
)
COLORS = {"real": BLUE, "synthetic": VERMILLION}
LINES = {"real": "-", "synthetic": "--"}
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
GRAY = "#666666"


def make_axes(
    ax: Axes | Sequence[Axes] | None,
    n_panels: int,
    size: tuple[float, float],
    *,
    n_rows: int = 1,
    **kwargs: Any,
) -> list[Axes]:
    """Return `n_panels` axes: new ones where `ax` is None, else in or from `ax`.

    Parameters
    ----------
    ax : Axes, sequence of Axes, or None
        One Axes is divided where more than one panel is needed.
    n_panels : int
        Number of axes needed.
    size : (float, float)
        Width and height of a new figure, inches. A new figure is not a figure of pyplot: it never
        opens a window, and needs not be closed.
    n_rows : int, default=1
        Rows of panels; panels fill one row after the other.
    **kwargs : dict
        Passed to ``subplots``, such as ``sharey``.

    Raises
    ------
    ValueError
        If `ax` is a sequence of another length, or one Axes that cannot be divided.
    """
    if ax is None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        return list(figure.subplots(n_rows, n_panels // n_rows, squeeze=False, **kwargs).ravel())
    if isinstance(ax, Sequence | np.ndarray):
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) != n_panels:
            raise ValueError(f"ax holds {len(axes)} Axes, but this picture has {n_panels} panels.")
        return axes
    if n_panels == 1:
        return [ax]
    spec = ax.get_subplotspec()
    if spec is None:
        raise ValueError(
            f"ax is a free-standing Axes, which cannot be divided into {n_panels} panels. "
            f"Pass a list of {n_panels} Axes."
        )
    ax.set_axis_off()
    grid = spec.subgridspec(n_rows, n_panels // n_rows)
    return list(grid.subplots(squeeze=False, **kwargs).ravel())


def hide_spines(ax: Axes, *sides: str) -> None:
    """Hide the frame on some sides."""
    for side in sides or ("top", "right"):
        ax.spines[side].set_visible(False)
