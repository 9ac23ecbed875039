"""When a patient was recorded, when seizures were, and where windows were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from geneeg_sk._typing import Label
from geneeg_sk.datasets._describe import check_origin
from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._style import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILLION,
    hide_spines,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = {"normal": BLUE, "preictal": ORANGE, "ictal": VERMILLION}
OTHERS = (GREEN, PURPLE)
UNITS = {"h": 3600.0, "min": 60.0, "s": 1.0}
ROW = 0.32  # inches


class TimelineDisplay(Display):
    """The recordings of a patient, a row each: windows by state, and the seizures.

    The gray line is what was recorded, colored blocks are the windows that were taken of it, a
    black triangle and line are the onset and duration of a seizure. Use `from_windows` to make one.

    Parameters
    ----------
    patient : str
        Whose recordings they are.
    recordings : pandas.DataFrame
        ``recording`` and ``duration`` (seconds), in the order of rows.
    seizures : pandas.DataFrame
        ``recording``, ``onset`` and ``duration`` (seconds).
    windows : pandas.DataFrame
        ``recording``, ``onset`` (seconds) and ``state``.
    length : float
        Length of a window, seconds.

    Attributes
    ----------
    ax_ : Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        Figure that holds it.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort, make_windows
    >>> from geneeg_sk.inspection import TimelineDisplay
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=64, continuous=True, random_state=0)
    >>> windows = make_windows(cohort.raws[0], preictal=28, postictal=10, min_distance=30)
    >>> TimelineDisplay.from_windows(windows).ax_.get_title("left")
    'P01: 1 recordings, 1 seizures'
    """

    def __init__(
        self,
        *,
        patient: str,
        recordings: pd.DataFrame,
        seizures: pd.DataFrame,
        windows: pd.DataFrame,
        length: float,
    ):
        self.patient = patient
        self.recordings = recordings
        self.seizures = seizures
        self.windows = windows
        self.length = length

    @classmethod
    def from_windows(
        cls, windows: Bunch, patient: Label | None = None, *, ax: Axes | None = None
    ) -> TimelineDisplay:
        """Draw the timeline of a patient.

        Parameters
        ----------
        windows : sklearn.utils.Bunch
            As loaders and `make_windows` return it.
        patient : str, default=None
            Whose recordings to draw; may be left out where there is only one patient.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : TimelineDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the patient is unknown, or not named where there are several, or if `windows` does
            not tell what it was cut from.
        """
        check_origin(windows)
        known = windows.recordings["patient"].unique().tolist()
        if patient is None and len(known) == 1:
            (patient,) = known
        if patient not in known:
            raise ValueError(f"patient is {patient!r}; expected one of {known}.")
        tables = {
            name: table[table["patient"] == patient].reset_index(drop=True)
            for name, table in (
                ("recordings", windows.recordings),
                ("seizures", windows.seizures),
                ("windows", windows.metadata),
            )
        }
        length = windows.X.shape[2] / windows.sfreq
        return cls(patient=str(patient), length=length, **tables).plot(ax=ax)

    def _lay_out(self) -> Layout:
        return Layout(1, (7.2, 1.6 + ROW * len(self.recordings)))

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        (ax,) = axes
        longest = self.recordings["duration"].max()
        unit = next((u for u, seconds in UNITS.items() if longest >= 2 * seconds), "s")
        row = {name: k for k, name in enumerate(self.recordings["recording"])}
        scale = 1 / UNITS[unit]
        durations = self.recordings["duration"].to_numpy() * scale
        ax.hlines(range(len(row)), 0, durations, color=GRAY, linewidth=1.2, zorder=1)
        self._draw_windows(ax, row, scale)
        onsets, durations = (self.seizures[k].to_numpy() * scale for k in ("onset", "duration"))
        rows = self.seizures["recording"].map(row).to_numpy(dtype=float)
        if len(onsets):
            ax.plot(onsets, rows - 0.45, "v", color=BLACK, markersize=5, label="seizure")
            ax.hlines(rows - 0.36, onsets, onsets + durations, color=BLACK, linewidth=2)
        ax.set_yticks(range(len(row)), [name.rsplit("/", 1)[-1] for name in row])
        ax.set_ylim(len(row) - 0.4, -0.75)
        ax.set_xlim(0, longest * scale)
        ax.set_xlabel(f"time from the start of the recording ({unit})")
        title = f"{self.patient}: {len(row)} recordings, {len(onsets)} seizures"
        ax.set_title(title, loc="left", fontsize=10)
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), edgecolor="none")
        hide_spines(ax, "top", "right", "left")
        ax.tick_params(axis="y", length=0)

    def _draw_windows(self, ax: Axes, row: dict[str, int], scale: float) -> None:
        """Draw the windows of each state, in one collection each."""
        from matplotlib.collections import PolyCollection

        states = self.windows["state"].value_counts()
        others = iter(OTHERS * len(states))
        for state in sorted(states.index, key=lambda s: ([*COLORS, s].index(s), s)):
            color = COLORS.get(state) or next(others)
            of_state = self.windows[self.windows["state"] == state]
            left = of_state["onset"].to_numpy() * scale
            right = left + self.length * scale
            middle = of_state["recording"].map(row).to_numpy(dtype=float)
            low, high = middle + 0.25, middle - 0.25
            corners = np.stack([left, low, left, high, right, high, right, low], axis=1)
            ax.add_collection(
                PolyCollection(
                    list(corners.reshape(-1, 4, 2)),
                    facecolor=color,
                    edgecolor=color,
                    linewidth=0.4,  # a window of seconds would vanish in hours
                    label=f"{state} ({len(of_state)} windows)",
                    zorder=2,
                )
            )
