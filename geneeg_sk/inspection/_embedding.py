"""Real and synthetic windows as points, in the plane that shows most of the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.decomposition import PCA

from geneeg_sk._typing import WindowsLike
from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._sets import check_pair, label_with_count, thin_sets
from geneeg_sk.inspection._style import COLORS, hide_spines
from geneeg_sk.metrics._sets import embed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_POINTS = 1000  # of each set; more hide each other
MARKERS = {"real": "o", "synthetic": "^"}


class EmbeddingDisplay(Display):
    """Windows as points: the first two principal components of their features.

    A point is a window, by the `EEGFeatures` of each channel (powers, activity and line length as
    logarithms), standardized on the real windows. Components are those of the real windows, and
    synthetic ones are projected on them, so that adding or changing synthetic windows moves no
    real one.

    Use `from_windows` to make one.

    Parameters
    ----------
    points : dict of str to ndarray of shape (n_windows, 2)
        Of ``"real"``, and of ``"synthetic"`` where there are any.
    explained : ndarray of shape (2,)
        Share of the variance of the real windows' features that each component has, 0 to 1.
    n_windows : dict of str to int
        How many windows there were, of which these were taken.

    Attributes
    ----------
    ax_ : Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        Figure that holds it.

    See Also
    --------
    geneeg_sk.metrics.prdc : Numbers for what this shows: are the clouds in the same place?

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.inspection import EmbeddingDisplay
    >>> X = np.random.default_rng(0).normal(size=(40, 2, 128))
    >>> display = EmbeddingDisplay.from_windows(X[:20], X[20:], sfreq=64)
    >>> display.points["synthetic"].shape
    (20, 2)
    """

    def __init__(
        self, *, points: dict[str, np.ndarray], explained: np.ndarray, n_windows: dict[str, int]
    ):
        self.points = points
        self.explained = explained
        self.n_windows = n_windows

    @classmethod
    def from_windows(
        cls,
        real: WindowsLike,
        synthetic: WindowsLike | None = None,
        *,
        sfreq: float | None = None,
        ax: Axes | None = None,
    ) -> EmbeddingDisplay:
        """Compute features and components, and draw the windows.

        Parameters
        ----------
        real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Real windows in microvolts, or ``mne.Epochs``; at least three. Of more than 1,000,
            1,000 evenly spaced are shown, and the legend says so.
        synthetic : array of windows, or Epochs, default=None
            Synthetic ones.
        sfreq : float, default=None
            Sampling frequency, Hz; None: that of the ``mne.Epochs``.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : EmbeddingDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If windows differ in shape, hold NaN or infinity, there are fewer than three real ones,
            or no sampling frequency is known.
        """
        sets, sfreq = check_pair(real, synthetic, sfreq)
        if len(sets.get("real", ())) < 3:
            raise ValueError(
                f"{len(sets.get('real', ()))} real windows have no principal components worth a "
                "picture; expected at least 3."
            )
        shown = thin_sets(sets, MAX_POINTS)
        clouds = embed(shown["real"], *list(shown.values())[1:], sfreq=sfreq)
        pca = PCA(2, svd_solver="full").fit(clouds[0])
        points = {name: pca.transform(cloud) for name, cloud in zip(shown, clouds)}
        n_windows = {name: len(X) for name, X in sets.items()}
        explained = np.nan_to_num(pca.explained_variance_ratio_)  # all windows equal: 0 / 0
        return cls(points=points, explained=explained, n_windows=n_windows).plot(ax=ax)

    def _lay_out(self) -> Layout:
        return Layout(1, (5.2, 4.0))

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        (ax,) = axes
        for name, xy in self.points.items():
            ax.scatter(
                xy[:, 0],
                xy[:, 1],
                s=18,
                marker=MARKERS[name],
                facecolor="none" if name == "real" else (COLORS[name], 0.35),
                edgecolor=COLORS[name],
                linewidth=0.8,
                label=label_with_count(name, len(xy), self.n_windows[name]),
            )
        ax.set_xlabel(f"component 1 ({self.explained[0]:.0%} of real variance, no unit)")
        ax.set_ylabel(f"component 2 ({self.explained[1]:.0%} of real variance, no unit)")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
        hide_spines(ax)
