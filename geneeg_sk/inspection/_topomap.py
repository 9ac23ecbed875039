"""Where on the head the power is, band by band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geneeg_sk._typing import WindowsLike
from geneeg_sk.features._eeg_features import FEATURES
from geneeg_sk.features._spectrum import BANDS
from geneeg_sk.inspection._channels import locate_channels
from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._sets import (
    MAX_SHOWN,
    check_pair,
    get_channel_names,
    label_with_count,
    thin_sets,
)
from geneeg_sk.inspection._style import COLORS
from geneeg_sk.metrics._fidelity import DYNAMIC_RANGE
from geneeg_sk.metrics._sets import compute_features

if TYPE_CHECKING:
    import mne
    from matplotlib.axes import Axes

MIN_PLACES = 4  # for a map between them
COLOR_MAP = "cividis"  # even in lightness, and the same for all kinds of color vision
INCHES = (1.55, 1.75)  # of a map


class TopomapDisplay(Display):
    """Maps of band power over the scalp: a column for each band, a row for each set of windows.

    A map is the median over windows of the power of each channel, in dB relative to 1 µV²,
    interpolated by MNE [1]_. Real and synthetic share the colors of a band. A bipolar derivation
    is put halfway between its electrodes: it says how the potential *differs* there.

    Use `from_windows` to make one.

    Parameters
    ----------
    power : dict of str to ndarray of shape (n_places, 5)
        Of ``"real"``, ``"synthetic"``, or one of them: median band power in dB re 1 µV², from delta
        to gamma.
    info : mne.Info
        Places of the channels.
    n_windows : dict of str to (int, int)
        How many windows were used, and how many there were.

    Attributes
    ----------
    ax_ : ndarray of Axes
        Row by row.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.

    References
    ----------
    .. [1] Gramfort, A. et al. (2013). MEG and EEG data analysis with MNE-Python. Frontiers in
       Neuroscience 7, 267.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.inspection import TopomapDisplay
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=64, random_state=0)
    >>> display = TopomapDisplay.from_windows(cohort.X, sfreq=64, ch_names=cohort.info.ch_names)
    >>> [ax.get_title() for ax in display.ax_][:2]
    ['delta\\n0.5–4 Hz', 'theta\\n4–8 Hz']
    """

    _has_panels = True

    def __init__(
        self,
        *,
        power: dict[str, np.ndarray],
        info: mne.Info,
        n_windows: dict[str, tuple[int, int]],
    ):
        self.power = power
        self.info = info
        self.n_windows = n_windows

    @classmethod
    def from_windows(
        cls,
        real: WindowsLike | None,
        synthetic: WindowsLike | None = None,
        *,
        sfreq: float | None = None,
        ch_names: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> TopomapDisplay:
        """Compute the band powers, and draw the maps.

        Parameters
        ----------
        real, synthetic : array of shape (n_windows, n_channels, n_times), Epochs, or None
            Windows in microvolts, or ``mne.Epochs``. Of more than 2,000, 2,000 evenly spaced are
            used, and the row says so.
        sfreq : float, default=None
            Sampling frequency, Hz; None: that of the ``mne.Epochs``.
        ch_names : sequence of str, default=None
            Names of the channels in the 10-20 or 10-10 system, or pairs of them (``"F7-T7"``);
            None: those of the ``mne.Epochs``. Other channels are left out.
        ax : Axes, sequence of Axes, or None, default=None
            Where to draw, five for each set of windows; one Axes is divided. None: a new figure.

        Returns
        -------
        display : TopomapDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If fewer than four channels have a known place of their own, windows differ in shape,
            hold NaN or infinity, or no sampling frequency is known.
        """
        sets, sfreq = check_pair(real, synthetic, sfreq)
        n_channels = next(iter(sets.values())).shape[1]
        names = get_channel_names(real, synthetic, ch_names, n_channels)
        picks, info = locate_channels(names)
        if len(picks) < MIN_PLACES:
            raise ValueError(
                f"{len(picks)} of {len(names)} channels have a known place on the head; a map "
                f"needs at least {MIN_PLACES}. Pass ch_names of the 10-20 system."
            )
        shown = thin_sets({name: X[:, picks] for name, X in sets.items()}, MAX_SHOWN)
        power = [_band_power(X) for X in compute_features(*shown.values(), sfreq=sfreq)]
        least = max(max(p.max() for p in power) * DYNAMIC_RANGE, np.finfo(np.float32).tiny)
        decibels = [10 * np.log10(np.maximum(p, least)) for p in power]
        counts = {name: (len(shown[name]), len(X)) for name, X in sets.items()}
        return cls(power=dict(zip(sets, decibels)), info=info, n_windows=counts).plot(ax=ax)

    def _lay_out(self) -> Layout:
        n_rows, n_bands = len(self.power), len(BANDS)
        size = (INCHES[0] * n_bands + 0.3, INCHES[1] * n_rows + 1.0)
        return Layout(n_rows * n_bands, size, n_rows=n_rows)

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        grid = np.array(axes, dtype=object).reshape(len(self.power), len(BANDS))
        for k, (band, (low, high)) in enumerate(BANDS.items()):
            self._draw_band(grid[:, k], k)
            grid[0, k].set_title(f"{band}\n{low:g}–{high:g} Hz", fontsize="medium")
        for one, (name, (n_used, n_all)) in zip(grid[:, 0], self.n_windows.items()):
            label = label_with_count(name, n_used, n_all).replace(" (", "\n(")
            one.set_ylabel(label, color=COLORS[name], fontweight="bold", fontsize="small")

    def _draw_band(self, axes: np.ndarray, k: int) -> None:
        """Draw one band of all sets, with one scale of colors below."""
        import mne

        values = [power[:, k] for power in self.power.values()]
        low, high = min(v.min() for v in values), max(v.max() for v in values)
        low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
        for one, v in zip(axes, values):
            image, _ = mne.viz.plot_topomap(
                v, self.info, axes=one, vlim=(low, high), cmap=COLOR_MAP, contours=4, show=False
            )
        bar = axes[0].figure.colorbar(
            image, ax=list(axes), orientation="horizontal", shrink=0.85, pad=0.04, aspect=12
        )
        bar.set_label("dB re 1 µV²", fontsize="small")
        bar.ax.tick_params(labelsize="small")
        bar.ax.locator_params(nbins=4)


def _band_power(features: np.ndarray) -> np.ndarray:
    """Median over windows of the band powers of each channel, (n_channels, n_bands), µV²."""
    of_channels = features.reshape(len(features), -1, len(FEATURES))
    return np.median(of_channels[..., : len(BANDS)], axis=0)
