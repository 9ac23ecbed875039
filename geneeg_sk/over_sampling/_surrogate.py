"""Phase-randomized copies of windows."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from scipy.fft import irfft, rfft
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from geneeg_sk._typing import Label, RandomStateLike, SamplingStrategy
from geneeg_sk.over_sampling._base import BaseWindowSampler

# Surrogates are always computed in whole blocks of this many windows: transforms of another
# number of rows may round differently, and smaller ratios must stay prefixes of larger ones.
BLOCK = 64


class FourierSurrogateSampler(BaseWindowSampler):
    """Over-sample with phase-randomized copies of a state's own windows.

    Each synthetic window has the amplitude spectrum of one original window in every channel, and
    random phases. All channels are turned by the same angles, so that the cross-spectra, and with
    them correlations between channels and topographies, stay as they were [1]_. Mean and variance
    of each channel stay too. Everything that depends on the phases is lost: the shape of spikes,
    and the order of events within the window.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        How many windows to have of each state, as in imbalanced-learn. For a grid over ratios
        use :class:`FillGap`.
    phase_noise_magnitude : float in [0, 1], default=1.0
        Largest change of a phase, in either direction, as a share of half a turn: 1 makes phases
        uniform, 0 copies windows.
    random_state : int, RandomState instance or None, default=None
        Seed of the choice of windows and of the phases. With the same int, the windows of a smaller
        ratio are exactly the first of a larger one, in each state.

    Attributes
    ----------
    sampling_strategy_ : dict
        How many windows to generate for each state.
    n_synthetic_ : dict
        How many windows were generated for each state.
    is_synthetic_ : ndarray of bool, shape (n_windows_resampled,)
        Which windows of the result are synthetic.
    provenance_ : DataFrame
        For each synthetic window its ``state``, the row of `X` it was made from (``source``), and,
        where groups are given, the ``patient`` of that row.

    See Also
    --------
    WindowedSampler : Any over-sampler of imbalanced-learn on windows.

    Notes
    -----
    The Fourier transform takes the window as periodic: the step from the last sample back to the
    first is smeared over the surrogate. It matters little in windows of many cycles.

    References
    ----------
    .. [1] Prichard D, Theiler J (1994). Generating surrogate data for time series with several
       simultaneously measured variables. Physical Review Letters 73, 951.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.over_sampling import FourierSurrogateSampler
    >>> X = np.random.default_rng(0).normal(size=(12, 2, 64))
    >>> y = ["normal"] * 8 + ["ictal"] * 4
    >>> sampler = FourierSurrogateSampler(random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> X_res.shape
    (16, 2, 64)
    >>> sampler.provenance_.columns.tolist()
    ['state', 'source']
    """

    _parameter_constraints: dict[str, Any] = {
        **BaseOverSampler._parameter_constraints,
        "phase_noise_magnitude": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
    }
    _min_windows = 1

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        phase_noise_magnitude: float = 1.0,
        random_state: RandomStateLike = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.phase_noise_magnitude = phase_noise_magnitude
        self.random_state = random_state

    def _generate(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, counts: dict[Label, int]
    ) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
        seed = check_random_state(self.random_state).randint(2**31)
        sources, windows = [np.empty(0, int)], [X[:0]]
        for state, n in counts.items():
            # A stream per state: how many another state gets must not change these windows.
            which = int(np.searchsorted(np.unique(y), state))
            rows = np.flatnonzero(y == state)
            source = rows[draw_in_turns(len(rows), n, np.random.default_rng([seed, which, 0]))]
            sources.append(source)
            phases = np.random.default_rng([seed, which, 1])
            windows.append(surrogates(X, source, phases, self.phase_noise_magnitude))
        source = np.concatenate(sources)
        provenance = pd.DataFrame({"source": source})
        if groups is not None:
            provenance["patient"] = groups[source]
        return np.concatenate(windows), y[source], provenance


def draw_in_turns(n_rows: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `n` of `n_rows` rows: every row once, in random order, before any comes again."""
    turns = [rng.permutation(n_rows) for _ in range(-(-n // n_rows))]
    return np.concatenate(turns)[:n]


def surrogates(
    X: np.ndarray, source: np.ndarray, rng: np.random.Generator, magnitude: float
) -> np.ndarray:
    """Return a surrogate of each window ``X[source]``, of the dtype of `X`."""
    result = np.empty((len(source), *X.shape[1:]), X.dtype)
    for start in range(0, len(source), BLOCK):
        rows = source[start : start + BLOCK]
        padded = np.concatenate([rows, np.full(BLOCK - len(rows), rows[0])])
        result[start : start + BLOCK] = randomize_phases(X[padded], rng, magnitude)[: len(rows)]
    return result


def randomize_phases(X: np.ndarray, rng: np.random.Generator, magnitude: float = 1.0) -> np.ndarray:
    """Turn every frequency of each window by a random angle, the same in all channels.

    X : (n_windows, n_channels, n_times). Angles are at most `magnitude` of a half turn. The mean
    and, for an even number of samples, the Nyquist frequency stay as they are: they have to be
    real.
    """
    n_times = X.shape[-1]
    spectrum = rfft(X, axis=-1)
    angle = magnitude * rng.uniform(-np.pi, np.pi, size=(len(X), 1, spectrum.shape[-1]))
    angle[..., 0] = 0
    if n_times % 2 == 0:
        angle[..., -1] = 0
    return irfft(spectrum * np.exp(1j * angle).astype(spectrum.dtype), n_times, axis=-1)
