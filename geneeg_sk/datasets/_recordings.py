"""From listed recordings to windows: check, read, pick, filter, cut, concatenate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ._channels import standard_channels, standard_name
from ._edf import open_edf
from ._listing import Listed, present, warn_of_unlisted
from ._windows import check_seizures, make_windows

PASSED_ON = {
    *("length", "step", "preictal", "preictal_offset", "postictal"),
    *("min_distance", "min_overlap", "reject"),
}


def load(
    listed: list[Listed],
    *,
    folder: Path,
    layout: str,
    patients: list[str] | None,
    channels: str | list[str],
    sfreq: float | None,
    l_freq: float | None,
    h_freq: float | None,
    notch: float | list[float] | None,
    verbose: bool,
    window_params: Mapping[str, Any],
) -> Bunch:
    """Load windows from recordings; see `load_chbmit`.

    The headers of all recordings are checked before the signals of the first are read.
    """
    from tqdm.auto import tqdm

    unknown = set(window_params) - PASSED_ON
    if unknown:
        raise TypeError(f"unknown parameters {sorted(unknown)}; windows take {sorted(PASSED_ON)}.")
    database = f"{layout} layout, {folder.name}"
    warn_of_unlisted(listed, folder)
    listed = present(_of_patients(listed, patients))
    if not listed:
        raise FileNotFoundError(f"{database}: none of the annotated recordings is there.")
    headers = [_Header(one, one.path) for one in listed if one.path is not None]
    picks = _choose_channels(headers, channels)
    _check_sfreq(headers, sfreq, h_freq)
    parts = []
    for header in tqdm(headers, desc="recordings", unit="file", disable=not verbose):
        raw = header.read(picks)
        raw.filter(l_freq, h_freq, verbose="ERROR")
        if notch is not None:
            raw.notch_filter(notch, verbose="ERROR")
        if sfreq is not None and sfreq != raw.info["sfreq"]:
            raw.resample(sfreq, verbose="ERROR")
        one = header.listed
        seizures = [(s.onset, s.duration) for s in one.seizures]
        parts.append(
            make_windows(
                raw, seizures=seizures, patient=one.patient, recording=one.name, **window_params
            )
        )
    return _concatenate(parts, database)


class _Header:
    """A recording of which nothing but the header is read."""

    def __init__(self, listed: Listed, path: Path):
        self.listed, self.path = listed, path
        raw = open_edf(path)
        self.sfreq = float(raw.info["sfreq"])
        self.names = raw.ch_names
        self.channels = standard_channels(raw.ch_names)
        check_seizures(
            [(s.onset, s.duration) for s in listed.seizures],
            raw.n_times / self.sfreq,
            f"{listed.name}{_annotated_in(listed)}",
        )

    def read(self, picks: list[str]):
        """Return the recording with the picked channels, in that order, under these names."""
        raw = open_edf(self.path).pick([self.channels[name] for name in picks])
        raw.load_data(verbose="ERROR")
        raw.rename_channels({self.channels[name]: name for name in picks}, verbose="ERROR")
        raw.set_channel_types(dict.fromkeys(picks, "eeg"), verbose="ERROR")
        raw.set_montage("standard_1005", on_missing="ignore", verbose="ERROR")
        return raw


def _annotated_in(listed: Listed) -> str:
    if not listed.seizures:
        return ""
    first = listed.seizures[0]
    return f" (annotated in {first.source}, line {first.line})"


def _of_patients(listed: list[Listed], patients: list[str] | None) -> list[Listed]:
    if patients is None:
        return listed
    known = sorted({one.patient for one in listed})
    unknown = sorted(set(patients) - set(known))
    if unknown:
        raise ValueError(f"unknown patients {unknown}; the annotations name {known}.")
    return [one for one in listed if one.patient in patients]


def _choose_channels(headers: list[_Header], channels: str | list[str]) -> list[str]:
    if isinstance(channels, str):
        if channels != "common":
            raise ValueError(f"channels must be 'common' or a list of names, got {channels!r}.")
        common = [name for name in headers[0].channels if all(name in h.channels for h in headers)]
        if common:
            return common
        montages = Counter(tuple(h.channels) for h in headers)
        raise ValueError(
            f"no EEG channel is common to all {len(headers)} recordings, which have "
            f"{len(montages)} montages; {_has(headers[0])}, {_has(headers[-1])}. "
            "Name channels, or load patients separately."
        )
    wanted = [standard_name(name) or name for name in channels]
    if not wanted or len(set(wanted)) < len(wanted):
        raise ValueError(f"channels must name at least one channel, each once; got {channels}.")
    for header in headers:
        missing = [name for name in wanted if name not in header.channels]
        if missing:
            raise ValueError(
                f"recording {header.listed.name} lacks channels {missing}; it "
                f"has {list(header.channels) or header.names}."
            )
    return wanted


def _has(header: _Header) -> str:
    return f"{header.listed.name} has {list(header.channels) or header.names}"


def _check_sfreq(headers: list[_Header], sfreq: float | None, h_freq: float | None) -> None:
    found = {header.sfreq: header.listed.name for header in reversed(headers)}
    if sfreq is None and len(found) > 1:
        shown = ", ".join(f"{name}: {hz:g} Hz" for hz, name in found.items())
        raise ValueError(
            f"recordings have different sampling frequencies ({shown}). Pass sfreq= to resample "
            "all of them to one."
        )
    if sfreq is not None and not sfreq > 0:
        raise ValueError(f"sfreq must be positive, in Hz, got {sfreq!r}.")
    lowest = min([*found, *([] if sfreq is None else [sfreq])])
    if h_freq is not None and h_freq >= lowest / 2:
        raise ValueError(
            f"h_freq={h_freq:g} Hz must lie below half the sampling frequency, {lowest / 2:g} Hz."
        )


def _concatenate(parts: list[Bunch], database: str) -> Bunch:
    import mne

    X = np.concatenate([part.X for part in parts])
    dropped = sum((Counter(part.dropped) for part in parts), Counter())
    if not len(X):
        raise ValueError(
            f"{database}: no window is left of {len(parts)} recordings; positions were dropped for "
            f"these reasons: {dict(dropped)}."
        )
    # A new info: nothing of the patient's name or the date of the recording goes on.
    info = mne.create_info(parts[0].info.ch_names, parts[0].sfreq, "eeg", verbose="ERROR")
    info.set_montage("standard_1005", on_missing="ignore", verbose="ERROR")
    y = np.concatenate([part.y for part in parts])
    groups = np.concatenate([part.groups for part in parts])
    states = ", ".join(f"{n} {state}" for state, n in Counter(y.tolist()).items())
    return Bunch(
        X=X,
        y=y,
        groups=groups,
        metadata=pd.concat([part.metadata for part in parts], ignore_index=True),
        info=info,
        sfreq=parts[0].sfreq,
        dropped=dict(dropped),
        DESCR=(
            f"{database}: windows of {X.shape[2] / info['sfreq']:g} s from {len(parts)} recordings "
            f"of {len(set(groups))} patients ({states}), {X.shape[1]} channels, "
            f"{info['sfreq']:g} Hz, microvolts. Not taken: {dict(dropped)}."
        ),
    )
