"""From listed recordings to windows: check, read, derive, filter, cut, concatenate."""

from __future__ import annotations

import inspect
import tempfile
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import Bunch

from ._channels import COMMON, Montage, standard_name
from ._edf import can_be_read_in_parts, open_recording
from ._left_out import LeftOut
from ._listing import Layout, Listed, existing_folder, present, warn_of_unlisted
from ._store import cached_windows
from ._windows import (
    WindowOptions,
    bad_stretches,
    check_options,
    check_seizures,
    cut_windows,
    make_windows,
    read_signal,
)

FILTER_BYTES = 1 << 24  # of float64 to filter at once
ARRAYS, TABLES = ("X", "y", "groups"), ("metadata", "recordings", "seizures")

Loader = TypeVar("Loader", bound=Callable[..., Bunch])


class LoadOptions(WindowOptions, total=False):
    """What every loader takes; `load_chbmit` says what it means."""

    patients: Sequence[str] | None
    channels: str | Sequence[str]
    sfreq: float | None
    l_freq: float | None
    h_freq: float | None
    notch: float | Sequence[float] | None
    reference: str | Sequence[str] | None
    on_error: str
    n_jobs: int | None
    verbose: bool


class FolderOptions(LoadOptions, total=False):
    """What loaders take that read a folder of files."""

    store: str | Path | None


def shows_options(taken: type) -> Callable[[Loader], Loader]:
    """Give a loader of ``**options`` the signature that it has in effect, for help and editors."""
    known: dict[str, inspect.Parameter] = {}
    for where in (Way, make_windows, load):
        known |= inspect.signature(where).parameters
    options = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, one in known.items()
        if name in taken.__annotations__
    ]

    def show(loader: Loader) -> Loader:
        first = next(iter(inspect.signature(loader).parameters.values()))
        signature = inspect.Signature([first, *options], return_annotation=Bunch)
        loader.__signature__ = signature  # type: ignore[attr-defined]
        return loader

    return show


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
    way = Way.of(**options)
    left_out = LeftOut(on_error)
    folder = existing_folder(folder)
    listed = layout.read(folder, left_out)
    if not listed:
        raise FileNotFoundError(
            f"no {layout.annotations} that can be used below {folder}; expected {layout.name}'s "
            f"layout.{_also(left_out)}"
        )
    database = f"{layout.name} layout, {folder.name}"
    warn_of_unlisted(listed, folder)
    chosen = present(_of_patients(listed, patients))
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
    cut = partial(cut_all, recordings, way, database, left_out, n_jobs=n_jobs, verbose=verbose)
    if store is None:
        windows = joined(cut())
    else:
        identity = {
            "database": database,
            "way": way.in_full(),
            "recordings": [[one.name, one.patient, one.seizures] for one in recordings],
            "on_error": on_error,
            "left_out": left_out.reasons,
        }
        windows = cached_windows(store, cut, identity, sources=paths)
        left_out.reasons = dict(windows.left_out.to_numpy().tolist())
    left_out.warn()
    return windows


@dataclass(frozen=True)
class Way:
    """How a recording becomes windows; see `load_chbmit`."""

    channels: str | Sequence[str] = "common"
    sfreq: float | None = None
    l_freq: float | None = 0.5
    h_freq: float | None = 45.0
    notch: float | Sequence[float] | None = None
    reference: str | Sequence[str] | None = None
    cutting: WindowOptions = field(default_factory=WindowOptions)

    @classmethod
    def of(cls, **options: Any) -> Way:
        """Make one of what a loader was given."""
        unknown = set(options) - set(LoadOptions.__annotations__)
        if unknown:
            raise TypeError(
                f"unknown parameters {sorted(unknown)}; loaders take "
                f"{sorted(LoadOptions.__annotations__)}."
            )
        own = {one.name for one in fields(cls)} - {"cutting"}
        cutting = {key: value for key, value in options.items() if key not in own}
        check_options(**cutting)
        return cls(
            **{key: value for key, value in options.items() if key in own},
            cutting=WindowOptions(**cutting),  # type: ignore[typeddict-item]
        )

    def in_full(self) -> dict[str, Any]:
        """Return all parameters, those that were not given too."""
        known = inspect.signature(make_windows).parameters
        defaults = {name: known[name].default for name in WindowOptions.__annotations__}
        return asdict(self) | {"cutting": defaults | self.cutting}

    def __post_init__(self) -> None:
        if self.sfreq is not None and not self.sfreq > 0:
            raise ValueError(f"sfreq must be positive, in Hz, got {self.sfreq!r}.")
        if len(set(self.wanted)) < len(self.wanted) or not self.wanted:
            raise ValueError(
                f"channels must name at least one channel, each once; got {self.channels}."
            )
        if isinstance(self.reference, str) and self.reference != "average":
            raise ValueError(
                f"reference must be 'average' or a list of electrodes, got {self.reference!r}."
            )
        derivations = [name for name in self.wanted if "-" in name]
        if self.reference is not None and derivations:
            raise ValueError(
                f"reference={self.reference!r} concerns electrodes, but {derivations[0]} is a "
                "derivation, which has none. Leave it out, or name electrodes in channels=."
            )

    @cached_property
    def wanted(self) -> list[str]:
        """The channels of the windows."""
        if isinstance(self.channels, str):
            if self.channels != "common":
                raise ValueError(
                    f"channels must be 'common' or a list of names, got {self.channels!r}."
                )
            return list(COMMON)
        return [standard_name(name) or name for name in self.channels]

    @cached_property
    def against(self) -> list[str] | None:
        """The electrodes of the reference."""
        if self.reference is None or isinstance(self.reference, str):
            return self.wanted if self.reference else None
        return [standard_name(name) or name for name in self.reference]

    def check_sfreq(self, lowest: float) -> None:
        """Raise a ValueError if a filter does not fit the sampling frequency."""
        if self.notch is not None and np.max(self.notch) >= lowest / 2:
            raise ValueError(
                f"notch={self.notch} Hz must lie below half the sampling frequency, "
                f"{lowest / 2:g} Hz."
            )
        if self.h_freq is not None and self.h_freq >= lowest / 2:
            raise ValueError(
                f"h_freq={self.h_freq:g} Hz must lie below half the sampling frequency, "
                f"{lowest / 2:g} Hz."
            )


class Recording:
    """A recording of which nothing but the header is read."""

    def __init__(
        self,
        name: str,
        patient: str,
        seizures: Sequence[tuple[float, float]],  # onset and duration, seconds
        annotated_in: str,
        opened: Callable[[], Any],
    ):
        self.name, self.patient, self.seizures = name, patient, seizures
        self.annotated_in, self.opened = annotated_in, opened

    def check(self, way: Way) -> None:
        """Open it, and raise a ValueError if it cannot give what is asked for."""
        self.raw = raw = self.opened()
        self.sfreq = float(raw.info["sfreq"])
        self.montage = Montage(raw.ch_names)
        lacking = self.montage.lacking(dict.fromkeys([*way.wanted, *(way.against or ())]))
        if lacking:
            raise ValueError(
                f"recording {self.name} lacks channels {lacking}; it has "
                f"{list(self.montage.channels) or raw.ch_names}. Name others in channels=, or "
                "leave it out (on_error='warn')."
            )
        source = f" (annotated in {self.annotated_in})" if self.annotated_in else ""
        self.spans = check_seizures(self.seizures, raw.n_times / self.sfreq, f"{self.name}{source}")

    def read(self, way: Way) -> tuple[np.ndarray, Any]:
        """Return the channels asked for, in that order, and the annotations of the recording.

        In microvolts, shape (n_channels, n_times), float32; annotations count from the start.
        """
        import mne

        raw = self.raw
        names, weights = self.montage.matrix(way.wanted, way.against)
        is_plain = np.array_equal(weights, np.eye(len(names)))
        in_parts = can_be_read_in_parts(raw)
        signal = read_signal(raw, names, None if is_plain else weights, in_parts=in_parts)
        noted = raw.annotations
        onsets = noted.onset - raw.first_time
        return signal, mne.Annotations(onsets, noted.duration, noted.description)


def cut_all(
    recordings: list[Recording],
    way: Way,
    database: str,
    left_out: LeftOut,
    *,
    n_jobs: int | None,
    verbose: bool,
) -> Iterator[Bunch]:
    """Yield the windows of one recording that can be used after the other.

    The headers of all are checked before the signals of the first are read. A last part has no
    windows, but what is known in the end: `left_out` and `DESCR`.
    """
    good = []
    for one in recordings:
        with left_out.when_wrong(one.name):
            one.check(way)
            good.append(one)
    states: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    patients: set[str] = set()
    n_parts, part = 0, None
    if good:
        sfreq = _common_sfreq(good, way)
        for part in _cut(good, way, sfreq, left_out, n_jobs=n_jobs, verbose=verbose):
            n_parts += 1
            states.update(part.y.tolist())
            dropped.update(part.dropped)
            patients.update(part.groups.tolist())
            yield part
    if part is None:
        raise ValueError(f"{database}: no recording can be used.{_also(left_out)}")
    if not states:
        raise ValueError(
            f"{database}: no window is left of {n_parts} recordings; positions were dropped for "
            f"these reasons: {dict(dropped)}.{_also(left_out)}"
        )
    shown = ", ".join(f"{n} {state}" for state, n in states.items())
    yield Bunch(
        **{name: part[name][:0] for name in (*ARRAYS, *TABLES)},
        info=part.info,
        sfreq=part.sfreq,
        dropped={},
        left_out=left_out.table(),
        DESCR=(
            f"{database}: windows of {part.X.shape[2] / part.sfreq:g} s from {n_parts} recordings "
            f"of {len(patients)} patients ({shown}), {part.X.shape[1]} channels, "
            f"{part.sfreq:g} Hz, microvolts. Not taken: {dict(dropped)}. Files left out: "
            f"{len(left_out.reasons)}."
        ),
    )


def _cut(recordings, way, sfreq, left_out, *, n_jobs, verbose) -> Iterator[Bunch]:
    from tqdm.auto import tqdm

    with ExitStack() as stack:
        shelf = None
        if effective_n_jobs(n_jobs) > 1:
            folder = tempfile.TemporaryDirectory(prefix="geneeg-", ignore_cleanup_errors=True)
            shelf = Path(stack.enter_context(folder))
        jobs = (delayed(_in_process)(one, way, sfreq, shelf) for one in recordings)
        results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
        stack.callback(_stop, results)
        shown = tqdm(
            zip(recordings, results),
            desc="recordings",
            unit="file",
            total=len(recordings),
            disable=not verbose,
        )
        for one, (part, messages) in shown:
            # A warning in another process would be lost.
            for message in messages:
                warnings.warn(message, stacklevel=5)
            if isinstance(part, Exception):
                left_out.add(one.name, part)
            else:
                yield _taken(part)


def _stop(results: Any) -> None:
    with warnings.catch_warnings():  # that results were made which nobody asks for any more
        warnings.simplefilter("ignore", UserWarning)
        results.close()


def _in_process(one: Recording, way: Way, sfreq: float, shelf: Path | None) -> Any:
    """Return what `_windows_of` does, but `X` as a file in the folder `shelf`, if there is one.

    Windows would go from process to process through a pipe, in small pieces, copied four times.
    """
    part, messages = _windows_of(one, way, sfreq)
    if shelf is not None and isinstance(part, Bunch) and len(part.X):
        path = shelf / f"{uuid.uuid4().hex}.npy"
        np.save(path, part.X)
        part.X = path
    return part, messages


def _taken(part: Bunch) -> Bunch:
    if isinstance(part.X, Path):
        path, part.X = part.X, np.load(part.X, mmap_mode="r")
        with suppress(OSError):  # Windows keeps the file of a map until the end
            path.unlink()
    return part


def _windows_of(
    one: Recording, way: Way, sfreq: float
) -> tuple[Bunch | ValueError | OSError, list[str]]:
    """Return the windows of a recording, or why there are none, and what is to be warned about."""
    import mne

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            signal, annotations = one.read(way)
            signal = _filtered(signal, annotations, one.sfreq, way, sfreq)
            part = cut_windows(
                signal,
                mne.create_info(way.wanted, sfreq, "eeg", verbose="ERROR"),
                np.column_stack([one.spans[:, 0], np.diff(one.spans)]),
                bad_stretches(annotations, 0.0),
                patient=one.patient,
                recording=one.name,
                options=way.in_full()["cutting"],
            )
            part.recordings["sfreq"] = one.sfreq
        except (ValueError, OSError) as error:
            part = error
    return part, [str(w.message) for w in caught if issubclass(w.category, UserWarning)]


def _filtered(
    signal: np.ndarray, annotations: Any, own_sfreq: float, way: Way, sfreq: float
) -> np.ndarray:
    """Filter and resample with MNE, a few channels at a time.

    It works in float64, which for all channels at once would take several times the memory.
    """
    import mne

    out = signal if sfreq == own_sfreq else None
    n_channels = max(1, FILTER_BYTES // (8 * signal.shape[1]))
    for first in range(0, len(signal), n_channels):
        some = slice(first, first + n_channels)
        info = mne.create_info(way.wanted[some], own_sfreq, "eeg", verbose="ERROR")
        raw = mne.io.RawArray(signal[some].astype(np.float64), info, copy=None, verbose="ERROR")
        raw.set_annotations(annotations, emit_warning=False)
        raw.filter(way.l_freq, way.h_freq, verbose="ERROR")
        if way.notch is not None:
            raw.notch_filter(way.notch, verbose="ERROR")
        if sfreq != own_sfreq:
            raw.resample(sfreq, verbose="ERROR")
        if out is None:
            out = np.empty((len(signal), raw.n_times), np.float32)
        out[some] = raw.get_data()
    assert out is not None  # there is at least one channel
    return out


def _common_sfreq(recordings: list[Recording], way: Way) -> float:
    """Return the sampling frequency of all windows; warn where it was not the user's choice."""
    found = {one.sfreq: one.name for one in reversed(recordings)}
    lowest = min(found)
    way.check_sfreq(lowest if way.sfreq is None else min(way.sfreq, lowest))
    if way.sfreq is None and len(found) > 1:
        shown = ", ".join(f"{name}: {hz:g} Hz" for hz, name in sorted(found.items()))
        warnings.warn(
            f"recordings have different sampling frequencies ({shown}); all are resampled to "
            f"{lowest:g} Hz. Pass sfreq= to choose.",
            stacklevel=5,
        )
    return lowest if way.sfreq is None else float(way.sfreq)


def _of_patients(listed: list[Listed], patients: Sequence[str] | None) -> list[Listed]:
    if patients is None:
        return listed
    known = sorted({one.patient for one in listed})
    unknown = sorted(set(patients) - set(known))
    if unknown:
        raise ValueError(f"unknown patients {unknown}; the annotations name {known}.")
    return [one for one in listed if one.patient in patients]


def _also(left_out: LeftOut) -> str:
    return f" {left_out.summary()}" if left_out.reasons else ""


def joined(parts: Iterable[Bunch]) -> Bunch:
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
