"""The classifier two-sample test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.utils import check_random_state

from geneeg_sk._checks import check_groups
from geneeg_sk.metrics._sets import check_sets, describe

N_FOLDS = 5


def c2st(
    real: Any,
    synthetic: Any,
    *,
    sfreq: float,
    groups: Any = None,
    estimator: BaseEstimator | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    """Classifier two-sample test: how well can synthetic windows be told from real ones?

    A classifier learns real against synthetic on `EEGFeatures` of each channel, and is judged on
    windows it has not seen, by cross-validation in five folds, or fewer where there are fewer
    windows or groups [1]_.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.
    groups : array-like of shape (n_real,), default=None
        Recording or patient of each real window. The real windows of one group are never on both
        sides of a fold, so that a classifier cannot win by knowing a recording again. Synthetic
        windows are dealt out at random.
    estimator : classifier, default=None
        Gets features, shape (n_windows, n_features), and has `predict_proba`. None: a random
        forest of 200 trees with balanced classes.
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
        windows, or `groups` is of another length or only one group.

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
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    groups = check_groups(groups, len(real))
    rng = check_random_state(random_state)
    fold_seed, model_seed = (int(seed) for seed in rng.randint(2**31 - 1, size=2))
    if estimator is None:
        estimator = RandomForestClassifier(
            200, class_weight="balanced_subsample", random_state=model_seed
        )

    features = np.concatenate(describe(real, synthetic, sfreq=sfreq))
    is_synthetic = np.arange(len(features)) >= len(real)
    scores = []
    for train, test in _folds(len(real), len(synthetic), groups, fold_seed):
        model = clone(estimator).fit(features[train], is_synthetic[train])
        proba = model.predict_proba(features[test])[:, 1]
        scores.append(roc_auc_score(is_synthetic[test], proba))
    return float(np.mean(scores))


def _folds(
    n_real: int, n_synthetic: int, groups: np.ndarray | None, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield train and test rows; real rows come first, and every fold has both kinds."""
    units = n_real if groups is None else len(np.unique(groups))
    n_folds = min(N_FOLDS, units, n_synthetic)
    if n_folds < 2:
        what = "real windows" if groups is None else "groups of real windows"
        raise ValueError(
            f"c2st got {units} {what} and {n_synthetic} synthetic windows; expected at least two "
            "of each, to learn on some and be judged on others."
        )
    splitter = KFold if groups is None else GroupKFold
    of_real = splitter(n_folds, shuffle=True, random_state=seed)
    of_synthetic = KFold(n_folds, shuffle=True, random_state=seed)
    for real, synthetic in zip(
        of_real.split(np.zeros(n_real), groups=groups), of_synthetic.split(np.zeros(n_synthetic))
    ):
        train, test = (np.concatenate([r, s + n_real]) for r, s in zip(real, synthetic))
        yield train, test
