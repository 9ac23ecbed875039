"""Copies of training windows, also shifted in time, turned over or scaled."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import pandas as pd
from scipy import fft

from geneeg_sk._typing import WindowsLike
from geneeg_sk.metrics._neighbors import find_nearest, standardize_features
from geneeg_sk.metrics._sets import check_sets, pick_evenly

NEAR = 1 / 3  # of the distance to the second nearest: a copy, not just a typical window
EXACT = 1e-4  # of the window's standard deviation: more than rounding to float32 leaves
MAX_PAIRS = 1_000_000  # of windows that are compared
CHUNK = 64  # windows of each set at a time, so that what is between stays below 100 MB


def find_copies(
    real: WindowsLike,
    synthetic: WindowsLike,
    *,
    sfreq: float,
    on: Literal["windows", "features"] = "windows",
) -> pd.DataFrame:
    r"""Find the training window that each synthetic window resembles most: is it a copy?

    A near copy has its nearest training window nearer than a third of the distance to the second
    nearest [1]_. The share of copies is the mean of a column: ``find_copies(...)["near"].mean()``.

    On windows, two are compared at every shift that leaves at least half of them overlapping, and
    in both polarities, by the correlation :math:`r` of what overlaps, all channels together, each
    channel's mean removed; by FFT. This also finds copies whose end was put before their
    beginning. Their distance is :math:`\sqrt{2 - 2 \max |r|}`, that of the overlaps at unit norm,
    so that a copy of another amplitude is one too.

    On features, distances are those of the `EEGFeatures` of each channel, standardized on the
    training windows: fast, but copies that are shifted or turned over are found only as far as
    features do not see the difference.

    Parameters
    ----------
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``, that the generator was trained on; at least two
        that differ. Windows that are equal count once.
    synthetic : array of windows
        Synthetic ones.
    sfreq : float
        Sampling frequency, Hz.
    on : {"windows", "features"}, default="windows"
        What is compared.

    Returns
    -------
    copies : DataFrame
        One row per synthetic window. Index `window`: its number. `nearest`: number of the nearest
        training window. `distance`: to it; on windows 0 (equal) to 1.41 (uncorrelated), on features
        in their standard deviations. `ratio`: that distance divided by the distance to the second
        nearest, 0 to 1. `near`: whether it is a near or exact copy. On windows also `shift`: by
        how many seconds the synthetic window begins later in the training window; `polarity`: 1 or
        -1; `exact`: whether the overlap is equal except for rounding. Real windows that were cut
        with overlap are copies of each other: compare with their share.

    Raises
    ------
    ValueError
        If the sets have other channels or times, hold NaN or infinity, windows have fewer than
        four samples, or `real` has fewer than two windows that differ; if `on` is neither of the
        two.

    Warns
    -----
    UserWarning
        If there are more than a million pairs of windows, or a hundred million on features. Then
        only some synthetic windows are looked at, evenly spaced; training windows are never left
        out.

    References
    ----------
    .. [1] Yoon, T. et al. (2023). Diffusion probabilistic models generalize when they fail to
       memorize. ICML 2023 workshop on structured probabilistic inference.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import find_copies
    >>> train = np.random.default_rng(0).normal(size=(20, 2, 64))
    >>> find_copies(train, -np.roll(train[7:8], -16, axis=2), sfreq=64).round(2)
            nearest  shift  polarity  distance  ratio  exact  near
    window
    0             7   0.25        -1       0.0    0.0   True  True
    """
    if on not in ("windows", "features"):
        raise ValueError(f"on={on!r}; expected 'windows' or 'features'.")
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    if on == "features":
        return _compare_features(real, synthetic, sfreq)
    return _compare_windows(real, synthetic, sfreq)


def _compare_features(real: np.ndarray, synthetic: np.ndarray, sfreq: float) -> pd.DataFrame:
    real, synthetic = standardize_features(real, synthetic, sfreq=sfreq)
    different = _find_different(real)
    windows, nearest, distances = find_nearest(synthetic, real[different], n_nearest=2)
    return pd.DataFrame(
        {
            "nearest": different[nearest[:, 0]],
            "distance": distances[:, 0],
            "ratio": distances[:, 0] / distances[:, 1],
            "near": distances[:, 0] < NEAR * distances[:, 1],
        },
        index=pd.Index(windows, name="window"),
    )


def _compare_windows(real: np.ndarray, synthetic: np.ndarray, sfreq: float) -> pd.DataFrame:
    n_times = real.shape[2]
    if n_times < 4:
        raise ValueError(f"Windows of {n_times} samples cannot be shifted; expected at least 4.")
    different = _find_different(real)
    real = real[different]
    windows = np.arange(len(synthetic))[pick_evenly(len(synthetic), _n_affordable(synthetic, real))]
    synthetic = synthetic[windows]

    correlation, lag = _match(synthetic, real)
    two_best = np.argsort(-np.abs(correlation), axis=1)[:, :2]
    rows = []
    for i, candidates in enumerate(two_best):
        # Again and directly: near 1, float32 leaves little of the distance.
        pairs = [_overlaps(synthetic[i], real[j], lag[i, j]) for j in candidates]
        distances = [_distance(*pair) for pair in pairs]
        first = int(np.argmin(distances))
        j = candidates[first]
        polarity = -1 if correlation[i, j] < 0 else 1
        rows.append(
            {
                "nearest": different[j],
                "shift": lag[i, j] / sfreq,
                "polarity": polarity,
                "distance": distances[first],
                "ratio": distances[first] / max(distances) if max(distances) > 0 else 1.0,
                "exact": _is_equal(*pairs[first], polarity),
            }
        )
    table = pd.DataFrame(rows, index=pd.Index(windows, name="window"))
    table["near"] = table["exact"] | (table["ratio"] < NEAR)
    return table


def _find_different(rows: np.ndarray) -> np.ndarray:
    """Return the numbers of rows that differ from each other: the first of each that are equal."""
    _, different = np.unique(rows.reshape(len(rows), -1), axis=0, return_index=True)
    if len(different) < 2:
        raise ValueError(
            "find_copies needs at least two training windows (real) that differ, to compare the "
            f"nearest with the second nearest; got {len(different)}."
        )
    return different


def _n_affordable(synthetic: np.ndarray, real: np.ndarray) -> int:
    """Return how many synthetic windows can be compared; warn if that is not all of them."""
    limit = max(MAX_PAIRS // len(real), 1)
    if len(synthetic) > limit:
        warnings.warn(
            f"copies are looked for in {limit} of the {len(synthetic)} synthetic windows, evenly "
            f"spaced: more than a million pairs with {len(real)} training windows would take "
            "minutes.",
            UserWarning,
            stacklevel=4,
        )
    return limit


def _match(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation greatest in size over all lags, and its lag, of every pair: both (n_a, n_b)."""
    best = np.empty((len(a), len(b)), np.float32)
    lag = np.empty((len(a), len(b)), int)
    for i in range(0, len(a), CHUNK):
        for j in range(0, len(b), CHUNK):
            here = slice(i, i + CHUNK), slice(j, j + CHUNK)
            best[here], lag[here] = _match_chunk(a[here[0]], b[here[1]])
    return best, lag


def _match_chunk(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n_times = a.shape[2]
    lags = np.arange(-(n_times // 2), n_times // 2 + 1)
    a, b = (x - x.mean(axis=2, keepdims=True, dtype=np.float64) for x in (a, b))
    overlap = n_times - np.abs(lags)
    # At a positive lag the beginning of a lies over the end of b.
    sum_a, energy_a = _partial_sums(a, lags)
    sum_b, energy_b = _partial_sums(b, -lags)

    length = fft.next_fast_len(n_times + n_times // 2, real=True)
    spectrum_a, spectrum_b = (
        fft.rfft(x.astype(np.float32), length).transpose(2, 0, 1) for x in (a, b)
    )  # (n_freqs, n, n_channels)
    cross = spectrum_a.conj() @ spectrum_b.transpose(0, 2, 1)  # summed over channels
    products = fft.irfft(cross, length, axis=0)[lags]  # (n_lags, n_a, n_b)
    products -= (sum_a / overlap[:, None, None]).astype(np.float32) @ sum_b.transpose(
        0, 2, 1
    ).astype(np.float32)
    products *= energy_a.astype(np.float32)[:, :, None]
    products *= energy_b.astype(np.float32)[:, None, :]
    at = np.abs(products).argmax(axis=0)
    best = np.take_along_axis(products, at[None], axis=0)[0]
    return best, lags[at]


def _partial_sums(x: np.ndarray, lags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the part of each window that overlaps at each lag: sums, and one over root energy.

    The part is the beginning for a positive lag, the end for a negative one. Shapes (n_lags, n,
    n_channels) and (n_lags, n).
    """
    n_times = x.shape[2]

    def over_part(values: np.ndarray) -> np.ndarray:
        until = np.zeros((n_times + 1, *values.shape[:2]))
        np.cumsum(values.transpose(2, 0, 1), axis=0, out=until[1:])
        begin, end = np.maximum(-lags, 0), n_times - np.maximum(lags, 0)
        return until[end] - until[begin]

    sums = over_part(x)
    overlap = (n_times - np.abs(lags))[:, None]
    energy = over_part((x**2).sum(axis=1, keepdims=True))[..., 0]
    energy_left = energy - (sums**2).sum(axis=2) / overlap
    # What rounding leaves of a flat part is not a signal.
    real = energy_left > 1e-9 * np.maximum((x**2).sum(axis=(1, 2)), np.finfo(float).tiny)
    return sums, np.where(real, 1 / np.sqrt(np.where(real, energy_left, 1)), 0)


def _overlaps(a: np.ndarray, b: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """The parts of two windows that lie over each other where a begins `lag` samples into b."""
    n = a.shape[1] - abs(lag)
    start_a, start_b = max(-lag, 0), max(lag, 0)
    return (
        a[:, start_a : start_a + n].astype(np.float64),
        b[:, start_b : start_b + n].astype(np.float64),
    )


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Distance of two overlaps at unit norm, in the nearer polarity; √2 where one is flat."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    norms = np.linalg.norm(a), np.linalg.norm(b)
    if min(norms) == 0:
        return float(np.sqrt(2))
    a, b = a / norms[0], b / norms[1]
    return float(min(np.linalg.norm(a - b), np.linalg.norm(a + b)))


def _is_equal(a: np.ndarray, b: np.ndarray, polarity: int) -> bool:
    return bool(np.abs(a - polarity * b).max() <= EXACT * b.std())
