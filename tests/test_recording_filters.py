"""Filters of recordings are those of MNE: gain, phase, ends, blocks, gaps."""

import mne
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from geneeg_sk.classification import detect_seizures
from geneeg_sk.datasets import _filtering, _preparer

SFREQ = 128.0


class Recorder(ClassifierMixin, BaseEstimator):
    """Keep the windows that it is shown."""

    def __init__(self):
        self.classes_ = np.array(["ictal", "normal"])
        self.seen_ = []

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        self.seen_.append(X)
        return np.tile([0.0, 1.0], (len(X), 1))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(_preparer, "BLOCK_SECONDS", 60.0)
    monkeypatch.setattr(_filtering, "PIECE", 1 << 10)


def raw_of(signal, sfreq=SFREQ):
    info = mne.create_info([f"EEG{k}" for k in range(len(signal))], sfreq, "eeg")
    return mne.io.RawArray(np.asarray(signal) / 1e6, info, verbose="ERROR")


def drifting(seconds=400, n_channels=6, sfreq=SFREQ):
    """Noise and line noise on a slow drift, 300 µV from zero at both ends."""
    rng = np.random.default_rng(0)
    times = np.arange(round(seconds * sfreq)) / sfreq
    noise = rng.normal(0, 20, (n_channels, len(times)))
    return 300 + 200 * np.sin(times / 30) + 30 * np.sin(2 * np.pi * 50 * times) + noise


def prepared(raw, **options):
    """Return the signal as the detector sees it, without the rest of less than a second."""
    recorder = Recorder()
    names = {"channels": raw.ch_names, "length": 1.0, "step": 1.0}
    detect_seizures(raw, recorder, **names, **options)
    return np.concatenate(list(np.concatenate(recorder.seen_)), axis=1)


def by_mne(raw, *, l_freq=0.5, h_freq=45.0, notch=None, sfreq=None):
    raw = raw.copy().filter(l_freq, h_freq, verbose="ERROR")
    if notch is not None:
        raw.notch_filter(notch, verbose="ERROR")
    if sfreq is not None:  # with its own padding, MNE's resampling rings at both ends
        raw.resample(sfreq, npad=12800, verbose="ERROR")
    return raw.get_data() * 1e6


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"l_freq": None},
        {"h_freq": None, "l_freq": 0.1},
        {"notch": 50.0, "h_freq": None},
        {"notch": [25.0, 50.0]},
        {"sfreq": 64.0, "h_freq": 20.0},
        {"sfreq": 96.0, "h_freq": 30.0, "notch": [20.0]},
        {"sfreq": 256.0, "h_freq": 30.0},
    ],
    ids=str,
)
def test_the_signal_is_that_of_mne_from_end_to_end(options):
    raw = raw_of(drifting())
    found, expected = prepared(raw, **options), by_mne(raw, **options)
    np.testing.assert_allclose(found, expected[:, : found.shape[1]], atol=1e-3)


@pytest.mark.usefixtures("small_blocks")
def test_a_gap_is_where_filters_of_mne_stop():
    signal = drifting()
    signal[:, 20_000:] += 1000
    raw = raw_of(signal)
    raw.set_annotations(
        mne.Annotations([20_000 / SFREQ, 300.0], [0.0, 7.0], ["EDGE boundary", "BAD_ACQ_SKIP"])
    )
    expected = by_mne(raw, h_freq=30.0)
    found = prepared(raw, h_freq=30.0)
    np.testing.assert_allclose(found, expected[:, : found.shape[1]], atol=1e-3)
    assert np.abs(found[:, : 300 * int(SFREQ)]).max() < 200  # the step does not ring


@pytest.mark.parametrize(
    ("frequency", "low", "high"),
    [(1.9, 0, 0.0025), (4, 0.98, 1.02), (10, 0.98, 1.02), (30, 0.98, 1.02), (40, 0, 0.0025)],
)
def test_gain_is_one_within_and_none_beyond_the_edges_without_a_shift(frequency, low, high):
    times = np.arange(round(600 * SFREQ)) / SFREQ
    wave = np.sin(2 * np.pi * frequency * times)
    found = prepared(raw_of([100 * wave]), l_freq=4.0, h_freq=30.0)[0, 6400:-6400]
    wave, shifted = wave[6400:-6400], np.cos(2 * np.pi * frequency * times)[6400:-6400]
    gain, turned = (2 * np.mean(found * one) / 100 for one in (wave, shifted))
    assert low <= abs(gain) <= high
    assert abs(turned) < 0.0025


@pytest.mark.parametrize("sfreq", [None, 64.0, 256.0])
def test_an_offset_takes_nothing_from_what_changes(sfreq):
    signal = np.round(drifting(60) * 64) / 64  # exact in single precision, also with the offset
    options = {"h_freq": 25.0, "sfreq": sfreq}
    found = prepared(raw_of(signal + 2.0**17), **options)
    np.testing.assert_allclose(found, prepared(raw_of(signal), **options), atol=1e-3)


def test_without_a_high_pass_the_offset_stays():
    raw = raw_of(np.full((1, 7680), 2.0**17))
    with pytest.warns(UserWarning, match="flat"):
        found = prepared(raw, l_freq=None, h_freq=30.0, sfreq=64.0)
    np.testing.assert_allclose(found, 2.0**17, rtol=1e-6)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 5.0])
def test_a_recording_shorter_than_the_filter_is_filtered(seconds):
    found = prepared(raw_of(drifting(seconds)), h_freq=30.0, sfreq=64.0)
    assert found.shape == (6, 64 * seconds)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 200
