"""The classifier two-sample test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.utils import check_random_state

from geneeg_sk._checks import check_groups
from geneeg_sk.metrics._sets import check_sets, describe, spaced, thin

N_FOLDS = {"features": 5, "windows": 3}  # a network costs more than a forest
MAX_WINDOWS = 4000  # of each set: more than the network ever sees


def c2st(
    real: Any,
    synthetic: Any,
    *,
    sfreq: float,
    on: Literal["features", "windows"] = "features",
    groups: Any = None,
    synthetic_groups: Any = None,
    estimator: BaseEstimator | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    """Classifier two-sample test: how well can synthetic windows be told from real ones?

    A classifier learns real against synthetic, and is judged on windows it has not seen, by
    cross-validation [1]_. A forest on features finds what features describe; a network on the
    signals themselves finds waveforms, phases and edges that features do not see.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.
    on : {"features", "windows"}, default="features"
        What the classifier gets: `EEGFeatures` of each channel, in five folds, or the signals, in
        three; fewer where there are fewer windows or groups. Of more than 4,000 windows of a set,
        4,000 evenly spaced are compared on signals, with a warning.
    groups : array-like of shape (n_real,), default=None
        Recording or patient of each real window. The real windows of one group are never on both
        sides of a fold, so that a classifier cannot win by knowing a recording again.
    synthetic_groups : array-like of shape (n_synthetic,), default=None
        The same for the synthetic windows, where they have groups too: real windows in their
        place, for a floor. None: they are dealt out at random.
    estimator : classifier, default=None
        Gets features, shape (n_windows, n_features), or windows in three dimensions, and has
        `predict_proba`. None: a random forest of 200 trees with balanced classes on features, a
        small convolutional network (two layers, 150 steps of 32 windows) on windows.
    random_state : int, RandomState or None, default=None
        Seed of the folds and of the default estimator.

    Returns
    -------
    auc : float
        Area under the ROC curve, mean over folds: 0.5 where nothing tells them apart, 1 where
        everything does. With `groups` it falls below 0.5 where synthetic windows resemble those of
        single recordings: a recording on trial then looks like what was synthetic in training.
        Read it beside the value for unseen real windows in place of the synthetic ones.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, have fewer than two
        windows, or groups are of another length or only one; if `on` is neither of the two.

    References
    ----------
    .. [1] Lopez-Paz, D., Oquab, M. (2017). Revisiting classifier two-sample tests. International
       Conference on Learning Representations.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from geneeg_sk.metrics import c2st
    >>> X = np.random.default_rng(0).normal(size=(60, 1, 128))
    >>> c2st(X[:30], 9 * X[30:], sfreq=64, estimator=LogisticRegression(), random_state=0)
    1.0
    """
    if on not in N_FOLDS:
        raise ValueError(f"on={on!r}; expected 'features' or 'windows'.")
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    group_sets = [check_groups(groups, len(real)), check_groups(synthetic_groups, len(synthetic))]
    rng = check_random_state(random_state)
    fold_seed, model_seed = (int(seed) for seed in rng.randint(2**31 - 1, size=2))
    if on == "windows":
        group_sets = [None if g is None else g[spaced(len(g), MAX_WINDOWS)] for g in group_sets]
        real, synthetic = thin(MAX_WINDOWS, real=real, synthetic=synthetic)
        data = np.concatenate([real, synthetic])
    else:
        data = np.concatenate(describe(real, synthetic, sfreq=sfreq))
    if estimator is None:
        estimator = _default_estimator(on, model_seed)

    is_synthetic = np.arange(len(data)) >= len(real)
    scores = []
    for train, test in _folds(len(real), len(synthetic), group_sets, N_FOLDS[on], fold_seed):
        model = clone(estimator).fit(data[train], is_synthetic[train])
        proba = model.predict_proba(data[test])[:, 1]
        scores.append(roc_auc_score(is_synthetic[test], proba))
    return float(np.mean(scores))


def _default_estimator(on: str, seed: int) -> BaseEstimator:
    if on == "features":
        return RandomForestClassifier(200, class_weight="balanced_subsample", random_state=seed)
    from geneeg_sk.metrics._window_network import WindowNetwork  # loads torch

    return WindowNetwork(random_state=seed)


def _folds(
    n_real: int,
    n_synthetic: int,
    groups: list[np.ndarray | None],
    most: int,
    seed: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield train and test rows; real rows come first, and every fold has both kinds."""
    units = [n if g is None else len(np.unique(g)) for n, g in zip((n_real, n_synthetic), groups)]
    n_folds = min(most, *units)
    if n_folds < 2:
        what = ["windows" if g is None else "groups of windows" for g in groups]
        raise ValueError(
            f"c2st got {units[0]} real {what[0]} and {units[1]} synthetic {what[1]}; expected at "
            "least two of each, to learn on some and be judged on others."
        )
    of_real, of_synthetic = (
        (KFold if g is None else GroupKFold)(n_folds, shuffle=True, random_state=seed).split(
            np.zeros(n), groups=g
        )
        for n, g in zip((n_real, n_synthetic), groups)
    )
    for real, synthetic in zip(of_real, of_synthetic):
        train, test = (np.concatenate([r, s + n_real]) for r, s in zip(real, synthetic))
        yield train, test
