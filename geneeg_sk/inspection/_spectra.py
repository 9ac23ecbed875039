"""Power spectra of real and of synthetic windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import welch

from geneeg_sk._typing import WindowsLike
from geneeg_sk.features._spectrum import BANDS
from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._sets import MAX_SHOWN, check_pair, label_with_count, thin_sets
from geneeg_sk.inspection._style import COLORS, GRAY, LINES, hide_spines
from geneeg_sk.metrics._fidelity import DYNAMIC_RANGE
from geneeg_sk.preprocessing._base import iter_blocks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEGMENT = 2.0  # seconds: a resolution of 0.5 Hz, the lower edge of the delta band
HIGHEST = 50.0  # Hz shown: gamma ends at 45
QUANTILES = (10, 50, 90)
GREEK = {"delta": "δ", "theta": "θ", "alpha": "α", "beta": "β", "gamma": "γ"}
HATCHES = {"real": None, "synthetic": "////"}


class SpectraDisplay(Display):
    """Median power spectrum over windows, with the band that holds 80 % of them.

    The spectrum of a window is the mean over channels of Welch's estimate [1]_ (Hann segments of
    2 s, or of the window where it is shorter, half overlapping).

    Use `from_windows` to make one.

    Parameters
    ----------
    freqs : ndarray of shape (n_freqs,)
        Frequencies, Hz.
    quantiles : dict of str to ndarray of shape (3, n_freqs)
        For ``"real"`` and ``"synthetic"``, or one of them: the 10th percentile, median and 90th
        percentile over windows, in dB relative to 1 µV²/Hz.
    n_windows : dict of str to (int, int)
        How many windows of each set were used, and how many there were.

    Attributes
    ----------
    ax_ : Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        Figure that holds it.

    References
    ----------
    .. [1] Welch, P. (1967). The use of fast Fourier transform for the estimation of power spectra.
       IEEE Transactions on Audio and Electroacoustics 15, 70-73.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.inspection import SpectraDisplay
    >>> X = np.random.default_rng(0).normal(size=(40, 2, 256))
    >>> display = SpectraDisplay.from_windows(X[:20], X[20:], sfreq=128)
    >>> display.ax_.get_ylabel()
    'power density (dB re 1 µV²/Hz)'
    """

    def __init__(
        self,
        *,
        freqs: np.ndarray,
        quantiles: dict[str, np.ndarray],
        n_windows: dict[str, tuple[int, int]],
    ):
        self.freqs = freqs
        self.quantiles = quantiles
        self.n_windows = n_windows

    @classmethod
    def from_windows(
        cls,
        real: WindowsLike | None,
        synthetic: WindowsLike | None = None,
        *,
        sfreq: float | None = None,
        ax: Axes | None = None,
    ) -> SpectraDisplay:
        """Compute the spectra, and draw them.

        Parameters
        ----------
        real, synthetic : array of shape (n_windows, n_channels, n_times), Epochs, or None
            Windows in microvolts, or ``mne.Epochs``. Of more than 2,000, 2,000 evenly spaced are
            used, and the legend says so.
        sfreq : float, default=None
            Sampling frequency, Hz; None: that of the ``mne.Epochs``.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : SpectraDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If windows differ in shape, hold NaN or infinity, or no sampling frequency is known.
        """
        sets, sfreq = check_pair(real, synthetic, sfreq)
        spectra = {}
        for name, X in thin_sets(sets, MAX_SHOWN).items():
            freqs, spectra[name] = _spectra(X, sfreq)
        least = max(*(s.max() for s in spectra.values()), np.finfo(np.float32).tiny / DYNAMIC_RANGE)
        quantiles = {
            name: 10
            * np.log10(np.maximum(np.percentile(s, QUANTILES, axis=0), least * DYNAMIC_RANGE))
            for name, s in spectra.items()
        }
        n_windows = {name: (len(spectra[name]), len(X)) for name, X in sets.items()}
        return cls(freqs=freqs, quantiles=quantiles, n_windows=n_windows).plot(ax=ax)

    def _lay_out(self) -> Layout:
        return Layout(1, (5.2, 3.6))

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        (ax,) = axes
        for name, (low, median, high) in self.quantiles.items():
            color = COLORS[name]
            ax.fill_between(
                self.freqs,
                low,
                high,
                facecolor=(color, 0.15),
                edgecolor=(color, 0.35),
                hatch=HATCHES[name],
                linewidth=0,
            )
            label = label_with_count(name, *self.n_windows[name])
            ax.plot(self.freqs, median, LINES[name], color=color, linewidth=1.8, label=label)
        highest = min(HIGHEST, float(self.freqs[-1])) or 1.0
        ax.set_xlim(0, highest)
        _mark_bands(ax, highest)
        ax.set_xlabel("frequency (Hz)")
        ax.set_ylabel("power density (dB re 1 µV²/Hz)")
        ax.legend(title="median, 10–90 % of windows", loc="upper right", edgecolor="none")
        hide_spines(ax)


def _spectra(X: np.ndarray, sfreq: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies from above 0 to the highest shown, and the power of each window there."""
    n_segment = max(1, min(X.shape[2], round(SEGMENT * sfreq)))
    parts = []
    for block in iter_blocks(X):
        freqs, power = welch(X[block], sfreq, nperseg=n_segment)
        shown = (freqs > 0) & (freqs <= HIGHEST)
        parts.append(power[..., shown].mean(axis=1))
    if not shown.any():
        raise ValueError(
            f"Windows of {X.shape[2]} samples at {sfreq:g} Hz have no frequency up to "
            f"{HIGHEST:g} Hz but 0; expected longer windows."
        )
    return freqs[shown], np.concatenate(parts)


def _mark_bands(ax: Axes, highest: float) -> None:
    """Name the bands above the axes, and divide them by dotted lines."""
    for name, (low, high) in BANDS.items():
        if high > highest * 1.05:
            continue
        for edge in (low, high):
            ax.axvline(edge, color=GRAY, linewidth=0.6, linestyle=":", zorder=0)
        ax.text(
            (low + high) / 2,
            1.01,
            GREEK[name],
            color=GRAY,
            transform=ax.get_xaxis_transform(),
            ha="center",
            va="bottom",
        )
