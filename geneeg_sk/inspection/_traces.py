"""Windows as a clinician reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_random_state

from geneeg_sk._typing import RandomStateLike, WindowsLike
from geneeg_sk.inspection._channels import sort_clinically
from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._sets import check_pair, get_channel_names
from geneeg_sk.inspection._style import COLORS, GRAY, hide_spines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 6.6  # inches, both panels
ROW = 0.24  # inches, one channel
TALLEST = 9.5  # inches, all channels: a page
FONT = 72 * 0.62  # points, of a row of an inch


class TracesDisplay(Display):
    """Real and synthetic windows side by side, channel under channel.

    Channels go from front to back and from left to right, bipolar ones along the chains of the
    longitudinal montage, independent of their order in the data; channels with unknown names come
    last.

    Both panels have the same scale, given by a bar in microvolts; positive is up, as in MNE (many
    clinical systems draw negative up). Windows follow each other, divided by a thin line.

    Use `from_windows` to make one.

    Parameters
    ----------
    windows : dict of str to ndarray of shape (n_shown, n_channels, n_times)
        Windows of each panel, microvolts: ``"real"``, ``"synthetic"``, or one of them.
    sfreq : float
        Sampling frequency, Hz.
    ch_names : list of str
        Channels, from top to bottom.
    spacing : float, default=None
        Distance of neighboring channels, microvolts. None: so that 95 % of all samples stay within
        half of it.

    Attributes
    ----------
    ax_ : ndarray of Axes
        One for each panel.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.

    See Also
    --------
    SpectraDisplay : Their power spectra.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.inspection import TracesDisplay
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=64, random_state=0)
    >>> real, other = cohort.X[cohort.y == "ictal"], cohort.X[cohort.y == "normal"]
    >>> display = TracesDisplay.from_windows(real, other, sfreq=64, ch_names=cohort.info.ch_names)
    >>> [ax.get_title() for ax in display.ax_]
    ['real', 'synthetic']
    """

    _has_panels = True

    def __init__(
        self,
        *,
        windows: dict[str, np.ndarray],
        sfreq: float,
        ch_names: Sequence[str],
        spacing: float | None = None,
    ):
        self.windows = windows
        self.sfreq = sfreq
        self.ch_names = ch_names
        self.spacing = spacing

    @classmethod
    def from_windows(
        cls,
        real: WindowsLike | None,
        synthetic: WindowsLike | None = None,
        *,
        sfreq: float | None = None,
        ch_names: Sequence[str] | None = None,
        n_windows: int = 2,
        random_state: RandomStateLike = 0,
        ax: Axes | None = None,
    ) -> TracesDisplay:
        """Draw some windows of each kind, picked at random.

        Parameters
        ----------
        real, synthetic : array of shape (n_windows, n_channels, n_times), Epochs, or None
            Windows in microvolts, or ``mne.Epochs``.
        sfreq : float, default=None
            Sampling frequency, Hz; None: that of the ``mne.Epochs``.
        ch_names : sequence of str, default=None
            Names of the channels; None: those of the ``mne.Epochs``, else ``ch0``, ``ch1``, ...
        n_windows : int, default=2
            How many windows of each kind, at most.
        random_state : int, RandomState or None, default=0
            Seed of the pick. The pick is random, so that the windows are typical ones.
        ax : Axes, sequence of Axes, or None, default=None
            Where to draw: one Axes is divided, a sequence has one for each panel. None: a new
            figure.

        Returns
        -------
        display : TracesDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If windows differ in shape, hold NaN or infinity, names do not match the channels, or
            no sampling frequency is known.
        """
        if n_windows < 1:
            raise ValueError(f"n_windows={n_windows}; expected at least one window to draw.")
        sets, sfreq = check_pair(real, synthetic, sfreq)
        rng = check_random_state(random_state)
        shown = {name: X[np.sort(rng.permutation(len(X))[:n_windows])] for name, X in sets.items()}
        n_channels = next(iter(sets.values())).shape[1]
        names = get_channel_names(real, synthetic, ch_names, n_channels)
        order = sort_clinically(names)
        shown = {name: X[:, order] for name, X in shown.items()}
        names = [names[k] for k in order]
        return cls(windows=shown, sfreq=sfreq, ch_names=names).plot(ax=ax)

    def _lay_out(self) -> Layout:
        height = 1.0 + self._row_height() * len(self.ch_names)
        return Layout(len(self.windows), (WIDTH, height), sharey=True)

    def _row_height(self) -> float:
        return min(ROW, TALLEST / len(self.ch_names))

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        centered = {
            name: X - np.median(X, axis=2, keepdims=True) for name, X in self.windows.items()
        }
        spacing = self.spacing or _choose_spacing(centered)
        for one, (name, X) in zip(axes, centered.items()):
            self._draw_panel(one, name, X, spacing)
        size = min(10.0, FONT * self._row_height())
        axes[0].set_yticks(self._levels(spacing), self.ch_names, fontsize=size)
        for one in axes[1:]:
            one.tick_params(labelleft=False)
        _draw_scale_bar(axes[-1], spacing)

    def _levels(self, spacing: float) -> np.ndarray:
        return -spacing * np.arange(len(self.ch_names))

    def _draw_panel(self, ax: Axes, name: str, X: np.ndarray, spacing: float) -> None:
        n_shown, _, n_times = X.shape
        length = n_times / self.sfreq
        times = np.arange(n_times) / self.sfreq
        for k, window in enumerate(X):
            ax.plot(
                times + k * length,
                (window + self._levels(spacing)[:, None]).T,
                color=COLORS[name],
                linewidth=0.6,
            )
            if k:
                ax.axvline(k * length, color=GRAY, linewidth=0.8)
        ax.set_xlim(0, n_shown * length)
        ax.set_ylim(-spacing * len(self.ch_names), spacing)
        ax.set_xlabel("time (s)")
        ax.set_title(name, color=COLORS[name], fontweight="bold")
        ax.tick_params(left=False)
        hide_spines(ax, "top", "right", "left")


def _choose_spacing(windows: dict[str, np.ndarray]) -> float:
    """Distance of channels in microvolts, the same for all panels."""
    spacing = 2 * max(float(np.percentile(np.abs(X), 95)) for X in windows.values())
    return spacing or 1.0  # all flat


def _draw_scale_bar(ax: Axes, spacing: float) -> None:
    """Draw a bar of 1, 2 or 5 times a power of ten microvolts, no longer than `spacing`."""
    power = 10.0 ** np.floor(np.log10(spacing))
    size = max(step for step in (1, 2, 5) if step * power <= spacing) * power
    place = ax.get_yaxis_transform()  # to the right of the axes, at heights in microvolts
    bottom = ax.get_ylim()[0]
    ax.plot(
        [1.02, 1.02],
        [bottom, bottom + size],
        color="black",
        linewidth=2,
        transform=place,
        clip_on=False,
        solid_capstyle="butt",
    )
    ax.text(1.035, bottom + size / 2, f"{size:g} µV", transform=place, va="center")
