"""From listed recordings to windows: check, prepare, cut, and put together."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ._edf import open_recording
from ._left_out import LeftOut
from ._listing import Layout, Listed, existing_folder, keep_present, warn_of_unlisted
from ._options import PreparationOptions, WindowingOptions, split_options
from ._preparer import RecordingPreparer
from ._store import cached_windows
from ._transport import make_each
from ._windows import bad_stretches, check_seizures, cut_windows

if TYPE_CHECKING:
    import mne

ADVICE = "Name others in channels=, or leave it out (on_error='warn')."
ARRAYS, TABLES = ("X", "y", "groups"), ("metadata", "recordings", "seizures")


def load(
    layout: Layout,
    folder: str | Path,
    *,
    patients: Sequence[str] | None = None,
    on_error: str = "raise",
    n_jobs: int | None = None,
    verbose: bool = True,
    store: str | Path | None = None,
    **options: Any,
) -> Bunch:
    """Load windows from a folder; see `load_chbmit`."""
    preparation, windowing = split_options(options)
    left_out = LeftOut(on_error)
    folder = existing_folder(folder)
    listed = layout.read(folder, left_out)
    if not listed:
        raise FileNotFoundError(
            f"no {layout.annotations} that can be used below {folder}; expected {layout.name}'s "
            f"layout.{_mention_left_out(left_out)}"
        )
    database = f"{layout.name} layout, {folder.name}"
    warn_of_unlisted(listed, folder)
    chosen = keep_present(_select_patients(listed, patients))
    paths = [one.path for one in chosen if one.path is not None]
    if not paths:
        raise FileNotFoundError(f"{database}: none of the annotated recordings is there.")
    recordings = [
        Recording(
            one.name,
            one.patient,
            [(s.onset, s.duration) for s in one.seizures],
            f"{one.seizures[0].source}, line {one.seizures[0].line}" if one.seizures else "",
            partial(open_recording, path),
        )
        for one, path in zip(chosen, paths)
    ]
    cut = partial(
        cut_all,
        recordings,
        preparation,
        windowing,
        database,
        left_out,
        n_jobs=n_jobs,
        verbose=verbose,
        beside=None if store is None else Path(store).resolve(),
    )
    if store is None:
        windows = join_parts(cut())
    else:
        identity = {
            "database": database,
            "preparation": asdict(preparation),
            "windowing": asdict(windowing),
            "recordings": [[one.name, one.patient, one.seizures] for one in recordings],
            "on_error": on_error,
            "left_out": left_out.reasons,
        }
        windows = cached_windows(store, cut, identity, sources=paths)
        left_out.reasons = dict(windows.left_out.to_numpy().tolist())
    left_out.warn()
    return windows


class Recording:
    """A recording of which nothing but the header is read."""

    def __init__(
        self,
        name: str,
        patient: str,
        seizures: Sequence[tuple[float, float]],  # onset and duration, seconds
        annotated_in: str,
        open_raw: Callable[[], mne.io.BaseRaw],
    ):
        self.name, self.patient, self.seizures = name, patient, seizures
        self.annotated_in, self.open = annotated_in, open_raw

    def check(self, options: PreparationOptions) -> None:
        """Open it, and raise a ValueError if it cannot give what is asked for."""
        self.preparer = RecordingPreparer(self.open(), self.name, options, advice=ADVICE)
        source = f" (annotated in {self.annotated_in})" if self.annotated_in else ""
        self.sfreq = self.preparer.own_sfreq
        self.spans = check_seizures(self.seizures, self.preparer.duration, f"{self.name}{source}")


def cut_all(
    recordings: list[Recording],
    preparation: PreparationOptions,
    windowing: WindowingOptions,
    database: str,
    left_out: LeftOut,
    *,
    n_jobs: int | None,
    verbose: bool,
    beside: Path | None = None,
) -> Iterator[Bunch]:
    """Yield the windows of one recording that can be used after the other.

    The headers of all are checked before the signals of the first are read. A last part has no
    windows, but what is known in the end: `left_out` and `DESCR`.
    """
    good = []
    for one in recordings:
        with left_out.when_wrong(one.name):
            one.check(preparation)
            good.append(one)
    states: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    patients: set[str] = set()
    n_parts, last = 0, None
    if good:
        sfreq = _common_sfreq(good, preparation)
        cut = partial(_cut_recording, windowing=windowing, sfreq=sfreq)
        for one, part in make_each(cut, good, n_jobs=n_jobs, verbose=verbose, beside=beside):
            if isinstance(part, Exception):
                left_out.add(one.name, part)
                continue
            n_parts += 1
            states.update(part.y.tolist())
            dropped.update(part.dropped)
            patients.update(part.groups.tolist())
            last = part
            yield part
    if last is None:
        raise ValueError(f"{database}: no recording can be used.{_mention_left_out(left_out)}")
    if not states:
        raise ValueError(
            f"{database}: no window is left of {n_parts} recordings; positions were dropped for "
            f"these reasons: {dict(dropped)}.{_mention_left_out(left_out)}"
        )
    shown = ", ".join(f"{n} {state}" for state, n in states.items())
    yield Bunch(
        **{name: last[name][:0] for name in (*ARRAYS, *TABLES)},
        info=last.info,
        sfreq=last.sfreq,
        dropped={},
        left_out=left_out.table(),
        DESCR=(
            f"{database}: windows of {last.X.shape[2] / last.sfreq:g} s from {n_parts} recordings "
            f"of {len(patients)} patients ({shown}), {last.X.shape[1]} channels, "
            f"{last.sfreq:g} Hz, microvolts. Not taken: {dict(dropped)}. Files left out: "
            f"{len(left_out.reasons)}."
        ),
    )


def _cut_recording(
    one: Recording, windowing: WindowingOptions, sfreq: float
) -> Bunch | ValueError | OSError:
    """Return the windows of a recording, or why there are none."""
    import mne

    try:
        part = cut_windows(
            one.preparer.signal(sfreq),
            mne.create_info(one.preparer.names, sfreq, "eeg", verbose="ERROR"),
            np.column_stack([one.spans[:, 0], np.diff(one.spans)]),
            bad_stretches(one.preparer.annotations, 0.0),
            patient=one.patient,
            recording=one.name,
            options=windowing,
        )
    except (ValueError, OSError) as error:
        return error
    part.recordings["sfreq"] = one.sfreq
    return part


def _common_sfreq(recordings: list[Recording], options: PreparationOptions) -> float:
    """Return the sampling frequency of all windows; warn where it was not the user's choice."""
    found = {one.sfreq: one.name for one in reversed(recordings)}
    lowest = min(found)
    options.check_sfreq(lowest if options.sfreq is None else min(options.sfreq, lowest))
    if options.sfreq is None and len(found) > 1:
        shown = ", ".join(f"{name}: {hz:g} Hz" for hz, name in sorted(found.items()))
        warnings.warn(
            f"recordings have different sampling frequencies ({shown}); all are resampled to "
            f"{lowest:g} Hz. Pass sfreq= to choose.",
            stacklevel=5,
        )
    return lowest if options.sfreq is None else float(options.sfreq)


def _select_patients(listed: list[Listed], patients: Sequence[str] | None) -> list[Listed]:
    if patients is None:
        return listed
    known = sorted({one.patient for one in listed})
    unknown = sorted(set(patients) - set(known))
    if unknown:
        raise ValueError(f"unknown patients {unknown}; the annotations name {known}.")
    return [one for one in listed if one.patient in patients]


def _mention_left_out(left_out: LeftOut) -> str:
    return f" {left_out.summary()}" if left_out.reasons else ""


def join_parts(parts: Iterable[Bunch]) -> Bunch:
    """Return the parts that `cut_all` yields as one."""
    import mne

    parts = list(parts)
    last = parts[-1]
    # A new info: nothing of the patient's name or the date of the recording goes on.
    info = mne.create_info(last.info.ch_names, last.sfreq, "eeg", verbose="ERROR")
    info.set_montage("standard_1005", on_missing="ignore", verbose="ERROR")
    return Bunch(
        **{name: np.concatenate([part[name] for part in parts]) for name in ARRAYS},
        **{name: pd.concat([part[name] for part in parts], ignore_index=True) for name in TABLES},
        info=info,
        sfreq=last.sfreq,
        dropped=dict(sum((Counter(part.dropped) for part in parts), Counter())),
        left_out=last.left_out,
        DESCR=last.DESCR,
    )
