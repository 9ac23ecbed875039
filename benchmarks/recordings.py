"""From EDF files to windows, and from windows to features: how fast, beside the bare libraries.

    python benchmarks/recordings.py --recordings 4 --minutes 60 --jobs 1 2

Simulated recordings of CHB-MIT's montage are written as a database in its layout. `load_chbmit`
reads, filters, resamples, cuts and labels them; MNE's read + filter + resample of the same channels
is what cannot be saved: without a result (``times_mne``), and with the signals given back in
microvolts, from other processes too (``times_mne_with_signals``). `EEGFeatures` is compared with
mne-features on the same windows: the same kinds of features, spectra by one FFT (``fft``) or as it
does by itself (``welch``). Both are measured one after the other in every round. In one process,
seconds of loading are those of the processor (``clock``), and the median counts; elsewhere those of
the wall, and the best time, to which other programs add least. JSON lines, also written to
``benchmarks/results/recordings.jsonl``.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path

import mne
import numpy as np
from joblib import Parallel, delayed
from mne_features.feature_extraction import extract_features

from geneeg_sk.datasets import load_chbmit, make_eeg_cohort
from geneeg_sk.features import EEGFeatures

RESULTS = Path(__file__).parent / "results/recordings.jsonl"
LOADING_BAR, FEATURES_BAR = 0.6, 10.0
SFREQ, TARGET = 256.0, 128.0
L_FREQ, H_FREQ = 0.5, 45.0
CHANNELS = [
    *("FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP1-F3", "F3-C3", "C3-P3", "P3-O1", "FP2-F4"),
    *("F4-C4", "C4-P4", "P4-O2", "FP2-F8", "F8-T8", "T8-P8", "P8-O2", "FZ-CZ", "CZ-PZ"),
]
BANDS = {"delta": (0.5, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 45)}
SAME_KIND = [
    *("pow_freq_bands", "variance", "hjorth_mobility", "hjorth_complexity"),
    *("spect_entropy", "line_length", "kurtosis", "skewness"),
]


def write_database(folder, n_recordings, minutes):
    """Write recordings with one seizure each, and their summary."""
    rng = np.random.default_rng(0)
    n_times = round(minutes * 60 * SFREQ)
    patient = folder / "chb01"
    patient.mkdir()
    lines = []
    for k in range(n_recordings):
        signal = rng.standard_normal((len(CHANNELS), n_times)).cumsum(axis=1)
        signal -= np.linspace(signal[:, 0], signal[:, -1], n_times, axis=1)
        signal *= 50e-6 / signal.std(axis=1, keepdims=True)
        raw = mne.io.RawArray(signal, mne.create_info(CHANNELS, SFREQ, "eeg"), verbose="ERROR")
        name = f"chb01_{k + 1:02d}.edf"
        mne.export.export_raw(patient / name, raw, fmt="edf", verbose="ERROR")
        onset = round(minutes * 30)
        lines += [f"File Name: {name}", "Number of Seizures in File: 1"]
        lines += [f"Seizure Start Time: {onset} seconds", f"Seizure End Time: {onset + 40} seconds"]
    (patient / "chb01-summary.txt").write_text("\n".join(lines), encoding="utf-8")
    return sorted(patient.glob("*.edf"))


def bare(path, sfreq, keep):
    """Read, filter and resample with MNE, and return nothing, or the signal in microvolts."""
    raw = mne.io.read_raw_edf(path, preload=True, verbose="ERROR")
    raw.filter(L_FREQ, H_FREQ, verbose="ERROR")
    if sfreq is not None:
        raw.resample(sfreq, verbose="ERROR")
    return (raw.get_data() * 1e6).astype(np.float32) if keep else None


def load(folder, sfreq, n_jobs):
    """Return all windows of the database."""
    return load_chbmit(
        folder,
        sfreq=sfreq,
        l_freq=L_FREQ,
        h_freq=H_FREQ,
        n_jobs=n_jobs,
        min_distance=60,
        verbose=False,
    )


def seconds(function, *args, clock=time.perf_counter):
    """Return how long a call takes."""
    start = clock()
    function(*args)
    return clock() - start


def measure_loading(folder, paths, sfreq, hours, n_jobs, n_rounds):
    """Return one line: windows from EDF beside MNE's part of it."""

    def all_bare(keep):
        return Parallel(n_jobs=n_jobs)(delayed(bare)(path, sfreq, keep) for path in paths)

    clock = time.process_time if n_jobs == 1 else time.perf_counter
    load(folder, sfreq, n_jobs)  # starts the processes, and fills the page cache
    rounds = [
        (
            seconds(all_bare, False, clock=clock),
            seconds(all_bare, True, clock=clock),
            seconds(load, folder, sfreq, n_jobs, clock=clock),
        )
        for _ in range(n_rounds)
    ]
    typical = np.median if n_jobs == 1 else np.min
    mne_seconds, kept_seconds, own_seconds = typical(rounds, axis=0).tolist()
    ratio = own_seconds / mne_seconds
    return {
        "benchmark": "EDF to windows",
        "hours": round(hours, 3),
        "recordings": len(paths),
        "channels": len(CHANNELS),
        "sfreq": [SFREQ, sfreq or SFREQ],
        "jobs": n_jobs,
        "cpus": os.cpu_count(),
        "clock": clock.__name__,
        "windows": len(load(folder, sfreq, n_jobs).X),
        "hours_per_second": round(hours / own_seconds, 3),
        "mne_hours_per_second": round(hours / mne_seconds, 3),
        "times_mne": round(ratio, 3),
        "times_mne_with_signals": round(own_seconds / kept_seconds, 3),
        "rounds": [round(own / other, 3) for other, _, own in rounds],
        "bar": LOADING_BAR,
        "reached": ratio <= LOADING_BAR,
    }


def measure_features(n_windows, dtype, method, n_rounds):
    """Return one line: `EEGFeatures` beside mne-features on the same windows."""
    X = make_eeg_cohort(
        n_patients=1, n_windows={"normal": n_windows, "ictal": 4}, sfreq=SFREQ, random_state=0
    ).X.astype(dtype)
    params = {
        "pow_freq_bands__freq_bands": {name: np.array(band) for name, band in BANDS.items()},
        "pow_freq_bands__normalize": False,
        "pow_freq_bands__psd_method": method,
        "spect_entropy__psd_method": method,
    }

    def other():
        return extract_features(X, SFREQ, SAME_KIND, funcs_params=params, n_jobs=1)

    def own():
        return EEGFeatures(sfreq=SFREQ).fit_transform(X)

    assert other().shape == own().shape  # and both are warm
    rounds = [(seconds(other), seconds(own)) for _ in range(n_rounds)]
    other_seconds, own_seconds = np.min(rounds, axis=0).tolist()
    ratio = other_seconds / own_seconds
    length = X.shape[2] / SFREQ
    return {
        "benchmark": "features",
        "windows": list(X.shape),
        "dtype": dtype,
        "spectra_of_mne_features": method,
        "features": own().shape[1],
        "times_real_time": round(len(X) * length / own_seconds),
        "mne_features_times_real_time": round(len(X) * length / other_seconds),
        "times_faster": round(ratio, 1),
        "rounds": [round(theirs / ours, 1) for theirs, ours in rounds],
        "bar": FEATURES_BAR,
        "reached": ratio >= FEATURES_BAR,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loading-only", action="store_true", help="keep the lines of features")
    args = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    if args.loading_only:
        before = map(json.loads, RESULTS.read_text(encoding="utf-8").splitlines())
        lines = [line for line in before if line["benchmark"] == "features"]
    else:
        lines = [
            measure_features(200, dtype, method, args.rounds)
            for dtype in ("float32", "float64")
            for method in ("fft", "welch")
        ]
    with tempfile.TemporaryDirectory() as folder:
        paths = write_database(Path(folder), args.recordings, args.minutes)
        hours = args.recordings * args.minutes / 60
        for n_jobs in args.jobs:
            for sfreq in (None, TARGET):
                at = (Path(folder), paths, sfreq, hours, n_jobs, args.rounds)
                lines.append(measure_loading(*at))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    print(text, end="", flush=True)
    RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
