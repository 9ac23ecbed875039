"""Augmentation inside the training loop: synthetic windows are generated when they are read."""

from __future__ import annotations

import numpy as np
from imblearn.utils import check_sampling_strategy
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from geneeg_sk._checks import check_groups
from geneeg_sk._seeding import MAX_SEED
from geneeg_sk._typing import Label, RandomStateLike, SamplingStrategy
from geneeg_sk.datasets import WindowRows
from geneeg_sk.generation import WindowGenerator
from geneeg_sk.over_sampling._base import check_two_states, windows_to_generate
from geneeg_sk.over_sampling._generators import check_made, check_takes
from geneeg_sk.over_sampling._surrogate import draw_in_turns

# Windows of a state that are drawn in one go, and used up before the next are drawn. Single
# minibatches hold too few of a state for the networks to be fast.
POOL = 128


def augment_rows(
    X: np.ndarray | WindowRows,
    y: ArrayLike,
    generator: WindowGenerator,
    *,
    groups: ArrayLike | None = None,
    sampling_strategy: SamplingStrategy = "auto",
    random_state: RandomStateLike = None,
) -> tuple[WindowRows, np.ndarray]:
    """Put synthetic windows behind real ones without holding either in memory.

    `fit_resample` of imbalanced-learn has to return real and synthetic windows in one array, which
    copies the whole training fold. Here the synthetic windows are generated when a minibatch reads
    them, and new ones in every epoch.

    Parameters
    ----------
    X : WindowRows, memory map or array of shape (n_windows, n_channels, n_times)
        Windows of the training fold, in microvolts.
    y : array-like of shape (n_windows,)
        State of each window.
    generator : WindowGenerator
        Fitted on this training fold, or on other patients. Only its `sample` is used.
    groups : array-like of shape (n_windows,), default=None
        Patient of each window; all known to the generator. With them, each patient is imitated as
        often as any other, if the generator tells patients apart; without, the generator chooses.
    sampling_strategy : float, str, dict or callable, default="auto"
        How many windows to have of each state, as in imbalanced-learn, or
        :class:`~geneeg_sk.over_sampling.FillGap`.
    random_state : int, RandomState instance or None, default=None
        For the synthetic windows. Results repeat for an int, if windows are read in the same
        order, as `CNNBiLSTMClassifier` with a `random_state` does.

    Returns
    -------
    X_augmented : WindowRows
        The real windows, then the synthetic ones.
    y_augmented : ndarray
        Their states.

    Raises
    ------
    ValueError
        If `X` is not 3-D, or unlike the windows that the generator makes; if `y` holds one state
        only, or `y` or `groups` has another length; if `sample` of the generator does not take
        what :class:`~geneeg_sk.generation.WindowGenerator` says.

    See Also
    --------
    GenEEGSampler : The same as a step of a pipeline, with a choice of profiles and of windows.

    Notes
    -----
    Reading a synthetic row twice gives two windows. To have the same ones in every epoch, write
    them once (:func:`~geneeg_sk.datasets.write_windows` takes a generator of bunches), and train
    on ``WindowRows(real, synthetic)``.

    Examples
    --------
    >>> from geneeg_sk.classification import CNNBiLSTMClassifier
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.generation import LatentDiffusionGenerator
    >>> from geneeg_sk.over_sampling import FillGap, augment_rows
    >>> windows = make_eeg_cohort(n_patients=2, sfreq=64, length=2, random_state=0)
    >>> generator = LatentDiffusionGenerator(vae_steps=20, diffusion_steps=20, random_state=0)
    >>> generator = generator.fit(windows.X, windows.y, groups=windows.groups)
    >>> X, y = augment_rows(windows.X, windows.y, generator, sampling_strategy=FillGap(0.2))
    >>> clf = CNNBiLSTMClassifier(max_epochs=1).fit(X, y)
    """
    real = X if isinstance(X, WindowRows) else WindowRows(X)
    y = np.asarray(y)
    if y.shape != (len(real),):
        raise ValueError(f"y has shape {y.shape} for {len(real)} windows; expected one state each.")
    check_two_states(y)
    groups = check_groups(groups, len(real))
    for name in ("groups", "random_state"):
        check_takes(generator, "sample", name)
    counts = windows_to_generate(check_sampling_strategy(sampling_strategy, y, "over-sampling"))
    states = np.repeat(np.array(list(counts), dtype=y.dtype), list(counts.values()))
    if not len(states):
        return real, y
    seed = check_random_state(random_state).randint(MAX_SEED)
    patients = None if groups is None else np.unique(groups)
    synthetic = GeneratedWindows(generator, states, patients, real, seed)
    return WindowRows(real, synthetic), np.concatenate([y, states])


class GeneratedWindows:
    """Windows of given states that are made when they are read: a source of `WindowRows`.

    Parameters
    ----------
    generator : WindowGenerator
        Fitted.
    states : ndarray of shape (n_windows,)
        State of each window.
    patients : ndarray or None
        Known patients to imitate in turn.
    real : WindowRows
        Windows of the training fold, of which these have the type; and the shape, where the
        generator does not say what it makes.
    seed : int
        Of everything that is drawn.
    """

    generated = True  # nothing to check beforehand, and no window to be made only for that

    def __init__(
        self,
        generator: WindowGenerator,
        states: np.ndarray,
        patients: np.ndarray | None,
        real: WindowRows,
        seed: int,
    ) -> None:
        self.generator, self.states, self.patients = generator, states, patients
        self.dtype, self.seed = real.dtype, seed
        n_channels = getattr(generator, "n_channels_", real.shape[1])
        n_times = getattr(generator, "n_times_", real.shape[2])
        self.shape = (len(states), n_channels, n_times)
        self._labels = np.unique(states).tolist()
        self._pools = {label: np.empty((0, *self.shape[1:]), real.dtype) for label in self._labels}
        self._n_drawn = dict.fromkeys(self._labels, 0)

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Return a new window for each of the rows, an array of int."""
        states = self.states[rows]
        X = np.empty((len(states), *self.shape[1:]), self.dtype)
        for label in np.unique(states).tolist():
            here = np.flatnonzero(states == label)
            X[here] = self._take(label, len(here))
        return X

    def _take(self, label: Label, n: int) -> np.ndarray:
        """Use up what was drawn, and draw more where that is too little."""
        pool = self._pools[label]
        while len(pool) < n:
            pool = np.concatenate([pool, self._draw(label)])
        self._pools[label] = pool[n:]
        return pool[:n]

    def _draw(self, label: Label) -> np.ndarray:
        seed = [self.seed, self._labels.index(label), self._n_drawn[label]]
        self._n_drawn[label] += 1
        rng = np.random.default_rng(seed)
        groups = None
        if self.patients is not None:
            groups = self.patients[draw_in_turns(len(self.patients), POOL, rng)]
        X = self.generator.sample(
            np.full(POOL, label, dtype=self.states.dtype),
            groups=groups,
            random_state=int(rng.integers(MAX_SEED)),
        )
        X = check_made(X, POOL, self.shape[1:], self.generator)
        return X.astype(self.dtype, copy=False)
