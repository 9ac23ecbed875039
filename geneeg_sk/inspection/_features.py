"""Distributions of features over real and over synthetic windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import ks_2samp

from geneeg_sk._typing import WindowsLike
from geneeg_sk.features._eeg_features import FEATURES
from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._sets import MAX_SHOWN, check_pair, label_with_count, thin_sets
from geneeg_sk.inspection._style import COLORS, LINES, hide_spines
from geneeg_sk.metrics._sets import LOG_FEATURES, compute_features

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNITS = {
    **dict.fromkeys([name for name in FEATURES if name.endswith("_power")], "µV²"),
    "hjorth_activity": "µV²",
    "hjorth_mobility": "1/s",
    "line_length": "µV",
}
COLUMNS = 4
INCHES = (2.1, 1.75)  # of a panel


class FeaturesDisplay(Display):
    """Distribution of each of the twelve `EEGFeatures`, real and synthetic.

    A panel has the share of windows (empirical distribution function) whose feature is at most
    what the horizontal axis says, so that nothing depends on bins; the greatest vertical distance
    of two curves is the Kolmogorov-Smirnov distance written above. Features are averaged over
    channels; powers, activity and line length are on a logarithmic axis.

    Use `from_windows` to make one.

    Parameters
    ----------
    features : dict of str to ndarray of shape (n_windows, 12)
        Features of ``"real"`` and ``"synthetic"`` windows, or one of them.
    n_windows : dict of str to int
        How many windows there were, of which these were taken.
    distances : ndarray of shape (12,), default=None
        Kolmogorov-Smirnov distance of the two distributions of each feature. None: there is one
        set only.

    Attributes
    ----------
    ax_ : ndarray of Axes
        One for each feature.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.

    See Also
    --------
    geneeg_sk.metrics.ks_by_feature : The distances of each channel, with p-values.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.inspection import FeaturesDisplay
    >>> X = np.random.default_rng(0).normal(size=(40, 2, 128))
    >>> display = FeaturesDisplay.from_windows(X[:20], 2 * X[20:], sfreq=64)
    >>> display.ax_[0].get_xlabel()
    'delta power (µV²)'
    """

    _has_panels = True

    def __init__(
        self,
        *,
        features: dict[str, np.ndarray],
        n_windows: dict[str, int],
        distances: np.ndarray | None = None,
    ):
        self.features = features
        self.n_windows = n_windows
        self.distances = distances

    @classmethod
    def from_windows(
        cls,
        real: WindowsLike | None,
        synthetic: WindowsLike | None = None,
        *,
        sfreq: float | None = None,
        ax: Axes | None = None,
    ) -> FeaturesDisplay:
        """Compute the features, and draw them.

        Parameters
        ----------
        real, synthetic : array of shape (n_windows, n_channels, n_times), Epochs, or None
            Windows in microvolts, or ``mne.Epochs``. Of more than 2,000, 2,000 evenly spaced are
            shown, and the legend says so.
        sfreq : float, default=None
            Sampling frequency, Hz; None: that of the ``mne.Epochs``.
        ax : Axes, sequence of 12 Axes, or None, default=None
            Where to draw; one Axes is divided. None: a new figure.

        Returns
        -------
        display : FeaturesDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If windows differ in shape, hold NaN or infinity, or no sampling frequency is known.
        """
        sets, sfreq = check_pair(real, synthetic, sfreq)
        shown = thin_sets(sets, MAX_SHOWN)
        features = compute_features(*shown.values(), sfreq=sfreq, average=True)
        distances = None
        if len(features) == 2:
            distances = np.array(
                [ks_2samp(a, b).statistic for a, b in zip(*(f.T for f in features))]
            )
        n_windows = {name: len(X) for name, X in sets.items()}
        return cls(
            features=dict(zip(sets, features)), n_windows=n_windows, distances=distances
        ).plot(ax=ax)

    def _lay_out(self) -> Layout:
        n_rows = len(FEATURES) // COLUMNS
        size = (INCHES[0] * COLUMNS, INCHES[1] * n_rows + 0.4)
        return Layout(len(FEATURES), size, n_rows=n_rows, sharey=True)

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        for k, (one, feature) in enumerate(zip(axes, FEATURES)):
            self._draw_feature(one, k, feature)
        for one in axes[::COLUMNS]:
            one.set_ylabel("share of windows")
        if is_new:
            handles, labels = axes[0].get_legend_handles_labels()
            axes[0].figure.legend(
                handles, labels, loc="outside upper center", ncols=2, frameon=False
            )
        else:
            axes[0].legend(fontsize="x-small", frameon=False)

    def _draw_feature(self, ax: Axes, k: int, feature: str) -> None:
        values = {name: X[:, k] for name, X in self.features.items()}
        positive = all((v > 0).all() for v in values.values())
        for name, v in values.items():
            label = label_with_count(name, len(v), self.n_windows[name])
            ax.ecdf(v, color=COLORS[name], linestyle=LINES[name], linewidth=1.6, label=label)
        if feature in LOG_FEATURES and positive:
            _logarithmic(ax)
        ax.set_ylim(0, 1)
        unit = UNITS.get(feature, "no unit")
        ax.set_xlabel(f"{feature.replace('_', ' ')} ({unit})", fontsize="small")
        ax.tick_params(labelsize="small")
        if self.distances is not None:
            ax.set_title(f"KS {self.distances[k]:.2f}", fontsize="small")
        hide_spines(ax)


def _logarithmic(ax: Axes) -> None:
    """Scale logarithmically, with more than one label where values span less than two decades."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

    ax.set_xscale("log")
    low, high = ax.get_xlim()
    wide = high > 100 * low
    ax.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 3), numticks=5))
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_minor_locator(NullLocator())
