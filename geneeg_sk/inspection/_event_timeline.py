"""Annotated and detected seizures of a recording, and the probability behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from geneeg_sk.inspection._display import Display, Layout
from geneeg_sk.inspection._style import BLACK, BLUE, GRAY, VERMILLION, hide_spines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Below the probability, which has 0 to 1 of the height.
ROWS = {"annotated": -0.16, "detected": -0.34}
COLORS = {"annotated": BLUE, "detected": VERMILLION}
HEIGHT = 0.13
UNITS = {"h": 3600.0, "min": 60.0, "s": 1.0}  # the first of which a recording has three


class EventTimelineDisplay(Display):
    """Seizures over the time of one recording: as annotated, as detected, and how probable.

    Use `from_detection` to make one.

    Parameters
    ----------
    detected : DataFrame
        ``onset`` and ``duration`` of each detection, in seconds.
    times : ndarray of shape (n_steps,)
        Where each step of the probability begins, in seconds.
    probability : ndarray of shape (n_steps,)
        Probability of a seizure, 0 to 1.
    threshold : float
        Probability from which there is a detection.
    duration : float
        Of the recording, in seconds.
    annotated : DataFrame, default=None
        ``onset`` and ``duration`` of each annotated seizure. None: there are no annotations,
        and no row for them.

    Attributes
    ----------
    ax_ : Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        Figure that holds it.

    See Also
    --------
    geneeg_sk.classification.detect_seizures : Makes what is shown.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from geneeg_sk.inspection import EventTimelineDisplay
    >>> detected = pd.DataFrame({"onset": [20.0], "duration": [30.0]})
    >>> display = EventTimelineDisplay(
    ...     detected=detected,
    ...     times=np.arange(100.0),
    ...     probability=np.repeat([0.1, 0.9, 0.1], [20, 30, 50]),
    ...     threshold=0.5,
    ...     duration=100.0,
    ... )
    >>> display.plot().ax_.get_xlabel()
    'time (s)'
    """

    def __init__(
        self,
        *,
        detected: pd.DataFrame,
        times: np.ndarray,
        probability: np.ndarray,
        threshold: float,
        duration: float,
        annotated: pd.DataFrame | None = None,
    ):
        self.detected = detected
        self.times = times
        self.probability = probability
        self.threshold = threshold
        self.duration = duration
        self.annotated = annotated

    @classmethod
    def from_detection(
        cls, detection: Bunch, seizures: pd.DataFrame | None = None, *, ax: Axes | None = None
    ) -> EventTimelineDisplay:
        """Draw what `detect_seizures` returned, beside what is annotated.

        Parameters
        ----------
        detection : Bunch
            From `detect_seizures`.
        seizures : DataFrame, default=None
            ``onset`` and ``duration`` (seconds) of the annotated seizures of this recording, as
            rows of `read_seizures`; empty where it is known to have none.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : EventTimelineDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If `seizures` lacks a column, or is of more than one recording.
        """
        if seizures is not None and "recording" in seizures and seizures["recording"].nunique() > 1:
            raise ValueError(
                f"seizures are of {seizures['recording'].nunique()} recordings; expected those of "
                f"{detection.recording} only. Choose its rows."
            )
        return cls(
            detected=detection.events,
            times=detection.times,
            probability=detection.probability,
            threshold=detection.threshold,
            duration=detection.duration,
            annotated=seizures,
        ).plot(ax=ax)

    def _events(self) -> dict[str, pd.DataFrame]:
        events = {"annotated": self.annotated, "detected": self.detected}
        return {name: table for name, table in events.items() if table is not None}

    def _lay_out(self) -> Layout:
        for name, table in self._events().items():
            if not {"onset", "duration"} <= set(table):
                raise ValueError(
                    f"{name} has the columns {list(table)}; expected 'onset' and 'duration'."
                )
        if len(self.times) != len(self.probability) or not len(self.times):
            raise ValueError(
                f"there are {len(self.times)} times for {len(self.probability)} probabilities; "
                "expected one each, and at least one."
            )
        return Layout(1, (8.0, 2.8))

    def _draw(self, axes: list[Axes], *, is_new: bool) -> None:
        (ax,) = axes
        shown = self._events()
        unit, seconds = next(
            (item for item in UNITS.items() if self.duration >= 3 * item[1]), ("s", 1.0)
        )
        borders = np.append(self.times, self.duration) / seconds
        height = np.append(self.probability, self.probability[-1])
        ax.plot(borders, height, drawstyle="steps-post", color=BLACK, linewidth=1.2)
        ax.axhline(self.threshold, color=GRAY, linestyle="--", linewidth=0.8)
        for name, table in shown.items():
            spans = table[["onset", "duration"]].to_numpy(float) / seconds
            ax.broken_barh(
                spans,
                (ROWS[name] - HEIGHT / 2, HEIGHT),
                facecolor=COLORS[name],
                edgecolor=COLORS[name],  # a seizure of seconds is to be seen in a day
                linewidth=1.0,
            )
        ax.axhline(-0.04, color=GRAY, linewidth=0.6)
        ax.set_xlim(0, self.duration / seconds)
        ax.set_ylim(min(ROWS.values()) - HEIGHT, 1.04)
        ax.set_yticks(
            [*(ROWS[name] for name in shown), 0, self.threshold, 1],
            [*shown, "0", f"threshold {self.threshold:g}", "1"],
        )
        for label, name in zip(ax.get_yticklabels(), shown):
            label.set_color(COLORS[name])
        ax.set_xlabel(f"time ({unit})")
        ax.set_ylabel("probability", y=0.7)
        hide_spines(ax)
