"""Measures of the shape of waves: each sees what it is for, and not what it is not for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geneeg_sk.metrics import (
    asymmetry_distance,
    course_distance,
    lag_distance,
    phase_amplitude_distance,
    rhythm_distance,
    spike_survival,
)

SFREQ, N_TIMES = 128.0, 512
DISTANCES = [
    asymmetry_distance,
    course_distance,
    lag_distance,
    phase_amplitude_distance,
    rhythm_distance,
]


def spike_and_wave(n, seed, jitter=0.0):
    """Three a second, a spike on each wave, at any phase; `jitter` makes the rhythm irregular."""
    rng = np.random.default_rng(seed)
    hz = 3 * np.exp(jitter * rng.standard_normal((n, 1, N_TIMES)))
    phase = 2 * np.pi * np.cumsum(hz, axis=2) / SFREQ + rng.uniform(0, 2 * np.pi, (n, 1, 1))
    spike = np.exp(-((np.angle(np.exp(1j * phase)) / 0.25) ** 2))
    wave = np.cos(phase - 2) + 2 * spike
    X = 50 * np.concatenate([wave, np.roll(wave, 5, axis=2)], axis=1)
    return X + rng.normal(scale=5, size=X.shape)


def surrogates(X, seed=0):
    """Phases randomized, the same for all channels: every spectrum and cross-spectrum stays."""
    spectrum = np.fft.rfft(X, axis=2)
    turns = np.random.default_rng(seed).uniform(0, 2 * np.pi, (len(X), 1, spectrum.shape[2]))
    turns[..., [0, -1]] = 0
    return np.fft.irfft(spectrum * np.exp(1j * turns), X.shape[2], axis=2)


@pytest.mark.parametrize("measure", [asymmetry_distance, phase_amplitude_distance])
def test_surrogates_of_spike_and_wave_are_seen_and_fresh_ones_are_not(measure):
    real, fresh = spike_and_wave(60, 0), spike_and_wave(60, 1)
    assert measure(real, fresh, sfreq=SFREQ) < 0.35
    assert measure(real, surrogates(fresh), sfreq=SFREQ) > 0.7


def test_an_irregular_rhythm_is_seen():
    real, fresh, irregular = (spike_and_wave(60, k, 1.0 * (k == 2)) for k in range(3))
    assert rhythm_distance(real, fresh, sfreq=SFREQ) < 0.35
    assert rhythm_distance(real, irregular, sfreq=SFREQ) > 0.8


def test_a_regular_rhythm_is_more_regular_than_noise_and_scale_does_not_matter():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(50, 2, N_TIMES))
    assert rhythm_distance(spike_and_wave(50, 0), noise, sfreq=SFREQ) == 1
    assert rhythm_distance(noise, 1024 * noise, sfreq=SFREQ) < 0.03


def test_another_order_of_channels_in_time_is_seen():
    real = spike_and_wave(60, 0)
    assert lag_distance(real, spike_and_wave(60, 1)[:, ::-1], sfreq=SFREQ) > 0.8


def test_one_channel_has_no_lag():
    with pytest.raises(ValueError, match="two channels"):
        lag_distance(np.ones((4, 1, 32)), np.ones((4, 1, 32)), sfreq=SFREQ)


def test_the_course_of_power_is_seen_in_decibels():
    X = np.random.default_rng(0).normal(size=(400, 2, N_TIMES))
    louder = X * np.where(np.arange(N_TIMES) < N_TIMES // 2, 1.0, 2.0)
    # 4 of 10 parts of the power in the whole, against 1.6: 10 log10(0.4) and 10 log10(1.6)
    expected = np.sqrt(np.mean(10 * np.log10([0.4, 1.6])) ** 2 + 3.01**2)
    assert course_distance(X, louder, sfreq=SFREQ) == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_spikes_are_counted_window_by_window(share):
    rng = np.random.default_rng(0)
    slow = np.cumsum(rng.normal(size=(200, 2, N_TIMES)), axis=2)
    spiky = slow.copy()
    n = round(share * 200)
    bump = 60 * np.exp(-0.5 * ((np.arange(N_TIMES) / SFREQ - 2) / 0.017) ** 2)
    spiky[:n, 0] += bump
    survival = spike_survival(spiky, slow, sfreq=SFREQ)
    assert survival["real"] == pytest.approx(share, abs=0.03)
    assert survival["synthetic"] <= 0.03
    assert survival["difference"] == pytest.approx(survival["synthetic"] - survival["real"])


def test_without_spikes_in_real_windows_the_ratio_is_not_defined():
    X = np.sin(np.arange(N_TIMES) / 10) * np.ones((5, 1, 1))
    assert np.isnan(spike_survival(X, X, sfreq=SFREQ)["ratio"])


def test_spikes_need_a_sampling_frequency_that_holds_them():
    with pytest.raises(ValueError, match="expected at least 32"):
        spike_survival(np.ones((4, 1, 32)), np.ones((4, 1, 32)), sfreq=20)


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 5), st.integers(2, 4), st.integers(3, 40)),
    scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 99),
)
def test_windows_of_any_length_are_not_far_from_themselves(shape, scale, seed):
    X = scale * np.random.default_rng(seed).normal(size=shape)
    for distance in DISTANCES:
        assert distance(X, X, sfreq=SFREQ) == 0
    assert spike_survival(X, X, sfreq=SFREQ)["difference"] == 0


@pytest.mark.parametrize("distance", DISTANCES)
def test_flat_windows_give_numbers(distance):
    assert np.isfinite(distance(np.zeros((4, 2, 64)), np.zeros((4, 2, 64)), sfreq=SFREQ))
