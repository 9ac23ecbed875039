"""What all displays share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Layout(NamedTuple):
    """Panels that a picture needs."""

    n_panels: int
    size: tuple[float, float]  # of a new figure, inches
    n_rows: int = 1  # panels fill one row after the other
    sharey: bool = False


class Display:
    """A picture of what was computed before.

    A subclass says in `_lay_out` which panels it needs, and draws into them in `_draw`.

    Attributes
    ----------
    ax_ : Axes, or ndarray of Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        Figure that holds it.
    """

    _has_panels = False  # then `ax_` is an array, also of one panel

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, sequence of Axes, or None, default=None
            Where to draw; of a picture of several panels, one Axes is divided, and a sequence has
            one for each. None: a new figure, which is none of pyplot's and opens no window.

        Returns
        -------
        self : Display
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If there is nothing to draw, or `ax` cannot hold the panels.
        """
        layout = self._lay_out()
        axes = make_axes(ax, layout)
        self._draw(axes, is_new=ax is None)
        self.ax_: Any = np.array(axes, dtype=object) if self._has_panels else axes[0]
        self.figure_: Figure = axes[0].figure.figure  # of a subfigure, the figure around it
        return self

    def save(self, path: str | Path) -> Path:
        """Save the figure, drawn first where it is not yet.

        Parameters
        ----------
        path : str or Path
            File to write; its ending says which kind, such as ``.png`` or ``.pdf``.

        Returns
        -------
        path : Path
            The file.
        """
        if not hasattr(self, "figure_"):
            self.plot()
        self.figure_.savefig(path)
        return Path(path)

    def _lay_out(self) -> Layout:
        """Check what is to be drawn, and return the panels it needs."""
        raise NotImplementedError

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        """Draw into the panels; `is_new`: into a figure of its own."""
        raise NotImplementedError


def make_axes(ax: Axes | Sequence[Axes] | None, layout: Layout) -> list[Axes]:
    """Return an Axes for each panel: new ones where `ax` is None, else in or from `ax`.

    A new figure is not a figure of pyplot: it never opens a window, and needs not be closed. One
    Axes is divided where more than one panel is needed.

    Raises
    ------
    ValueError
        If `ax` is a sequence of another length, or one Axes that cannot be divided.
    """
    n_panels, grid = layout.n_panels, (layout.n_rows, layout.n_panels // layout.n_rows)
    if ax is None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=layout.size, layout="constrained")
        return list(figure.subplots(*grid, squeeze=False, sharey=layout.sharey).ravel())
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
    parts = spec.subgridspec(*grid).subplots(squeeze=False, sharey=layout.sharey)
    return list(parts.ravel())
