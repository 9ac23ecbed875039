"""The classifier two-sample test."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state

from geneeg_sk._checks import check_groups
from geneeg_sk._seeding import MAX_SEED
from geneeg_sk._typing import RandomStateLike, WindowsLike
from geneeg_sk.metrics._power import look_up_detectable
from geneeg_sk.metrics._sets import check_sets, compute_features, pick_evenly, thin

N_FOLDS = 5
MAX_WINDOWS = 4000  # of each set: the regression grows with the square of their number
N_TREES = 100
ALPHAS = np.logspace(0, 5, 11)  # of the ridge
N_BOOTSTRAP, CONFIDENCE = 200, 0.95
MIN_GROUPS = 4  # two to learn on and two to be judged on: with fewer, a group is all there is


class TwoSampleResult(float):  # numpydoc ignore=PR01
    """An area under the ROC curve, with its interval and what the test could have detected.

    It is a float, the area, with these attributes:

    Attributes
    ----------
    auc : float
        The area: 0.5 where nothing tells the two sets apart, 1 where everything does.
    interval : tuple of two floats
        95 % interval by bootstrap over the groups, where given, and the windows that are judged;
        the classifiers are not trained again. With fewer than about ten groups it is too narrow.
    n : int
        Windows of the smaller set.
    n_groups : int or None
        Groups of the real windows; None where none were given.
    detectable : dict of str to float, or None
        Kinds of damage to real windows that a test of this kind detects with a power of at least
        0.8 with this many windows, and the smallest strength of each that it detects. Empty: no
        damage is known to be detected, and an area near 0.5 says nothing. None: not known, for an
        `estimator` of your own.
    """

    auc: float
    interval: tuple[float, float]
    n: int
    n_groups: int | None
    detectable: dict[str, float] | None

    def __new__(
        cls,
        auc: float,
        *,
        interval: tuple[float, float],
        n: int,
        n_groups: int | None,
        detectable: dict[str, float] | None,
    ) -> TwoSampleResult:
        result = super().__new__(cls, auc)
        result.auc, result.interval = float(auc), interval
        result.n, result.n_groups, result.detectable = n, n_groups, detectable
        return result

    def __getnewargs_ex__(self) -> tuple[tuple[float], dict[str, Any]]:
        about = {name: getattr(self, name) for name in ("interval", "n", "n_groups", "detectable")}
        return (self.auc,), about

    @property
    def blind(self) -> bool:
        """Whether the test is not known to see even windows of other patients."""
        return self.detectable is not None and "other_patients" not in self.detectable


def c2st(
    real: WindowsLike,
    synthetic: WindowsLike,
    *,
    sfreq: float,
    on: Literal["features", "windows"] = "features",
    groups: ArrayLike | None = None,
    synthetic_groups: ArrayLike | None = None,
    estimator: BaseEstimator | None = None,
    random_state: RandomStateLike = None,
) -> TwoSampleResult:
    """Classifier two-sample test: how well can synthetic windows be told from real ones?

    A classifier learns real against synthetic, and is judged on windows it has not seen, by
    cross-validation [1]_. A forest on features finds what features describe; random convolutions
    of the signals themselves [2]_ find waveforms, phases and edges that features do not see. Use
    both, and compare with real windows of *other recordings*: beside windows that lie between
    training windows, the test rewards being near to training windows.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.
    on : {"features", "windows"}, default="features"
        What the classifier gets: `EEGFeatures` of each channel, or the signals; in five folds, or
        fewer where there are fewer windows or groups. Of more than 4,000 windows of a set, 4,000
        evenly spaced are compared on signals, with a warning.
    groups : array-like of shape (n_real,), default=None
        Recording or patient of each real window. The real windows of one group are never on both
        sides of a fold, so that a classifier cannot win by knowing a recording again.
    synthetic_groups : array-like of shape (n_synthetic,), default=None
        The same for the synthetic windows: the patient each was asked for, or real windows' own,
        where these stand in their place. Without them synthetic windows are spread over folds at
        random, which drags the area far below 0.5 where they resemble the groups of the real ones.
    estimator : classifier, default=None
        Gets features, shape (n_windows, n_features), or windows in three dimensions, and has
        `predict_proba` or `decision_function`. None: extremely randomized trees on features, and
        on windows ridge regression on what 512 random convolutions give.
    random_state : int, RandomState or None, default=None
        Seed of the folds and of the default estimator.

    Returns
    -------
    result : TwoSampleResult
        The area under the ROC curve, mean over folds: 0.5 where nothing tells them apart, 1 where
        everything does. A float with the attributes `auc`, `interval`, `n`, `n_groups` and
        `detectable`: what a test of this kind is known to see with so many windows. With `groups`
        the area falls below 0.5 where synthetic windows resemble those of single recordings: a
        recording on trial then looks like what was synthetic in training. Read it beside the value
        for unseen real windows in place of the synthetic ones.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, have fewer than two
        windows, or groups are of another length or only one; if `on` is neither of the two.

    Warns
    -----
    UserWarning
        If nothing was seen, and a test with so few windows, or fewer than four groups, is not known
        to see even the windows of other patients.

    References
    ----------
    .. [1] Lopez-Paz, D., Oquab, M. (2017). Revisiting classifier two-sample tests. International
       Conference on Learning Representations.
    .. [2] Tan, C., Dempster, A., Bergmeir, C., Webb, G. (2022). MultiRocket: multiple pooling
       operators and transformations for fast and effective time series classification. Data
       Mining and Knowledge Discovery 36, 1623-1646.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from geneeg_sk.metrics import c2st
    >>> X = np.random.default_rng(0).normal(size=(60, 1, 128))
    >>> test = c2st(X[:30], 9 * X[30:], sfreq=64, estimator=LogisticRegression(), random_state=0)
    >>> test
    1.0
    >>> test.n, [round(end, 2) for end in test.interval]
    (30, [1.0, 1.0])
    """
    if on not in ("features", "windows"):
        raise ValueError(f"on={on!r}; expected 'features' or 'windows'.")
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    group_sets = [check_groups(groups, len(real)), check_groups(synthetic_groups, len(synthetic))]
    rng = check_random_state(random_state)
    fold_seed, model_seed, draw_seed = (int(s) for s in rng.randint(MAX_SEED, size=3))
    if on == "windows":
        group_sets = [
            None if g is None else g[pick_evenly(len(g), MAX_WINDOWS)] for g in group_sets
        ]
        real, synthetic = thin(MAX_WINDOWS, real=real, synthetic=synthetic)
        data = np.concatenate([real, synthetic])
        if estimator is None:
            from geneeg_sk.metrics._random_convolutions import random_convolutions  # loads torch

            data = random_convolutions(data, random_state=model_seed)
    else:
        data = np.concatenate(compute_features(real, synthetic, sfreq=sfreq))
    n = min(len(real), len(synthetic))
    n_groups = None if group_sets[0] is None else len(np.unique(group_sets[0]))
    detectable = None
    if estimator is None:
        enough = n_groups is None or n_groups >= MIN_GROUPS
        detectable = (
            look_up_detectable(f"c2st_{on}", n, one_channel=real.shape[1] == 1) if enough else {}
        )
        estimator = _make_estimator(on, model_seed)

    is_synthetic = np.arange(len(data)) >= len(real)
    tested = []
    for train, test in _split(len(real), len(synthetic), group_sets, fold_seed):
        model = clone(estimator).fit(data[train], is_synthetic[train])
        tested.append((test, _predict_scores(model, data[test])))
    units = _number_units(len(real), len(synthetic), group_sets)
    result = TwoSampleResult(
        np.mean([roc_auc_score(is_synthetic[test], scores) for test, scores in tested]),
        interval=_bootstrap_interval(tested, is_synthetic, units, np.random.default_rng(draw_seed)),
        n=n,
        n_groups=n_groups,
        detectable=detectable,
    )
    if result.blind and result.interval[0] <= 0.5:
        _warn_of_blindness(result, on)
    return result


def _warn_of_blindness(result: TwoSampleResult, on: str) -> None:
    of_groups = "" if result.n_groups is None else f" of {result.n_groups} groups"
    warnings.warn(
        f"With {result.n} windows{of_groups}, c2st(on={on!r}) is not known to tell even windows of "
        "other patients from real ones: an area near 0.5 says nothing. Give more windows of more "
        "recordings.",
        UserWarning,
        stacklevel=3,
    )


def _number_units(n_real: int, n_synthetic: int, groups: list[np.ndarray | None]) -> np.ndarray:
    """Number the groups of all rows, or the rows where they have no groups."""
    units = []
    for n, g in zip((n_real, n_synthetic), groups):
        units.append(np.arange(n) if g is None else np.unique(g, return_inverse=True)[1])
    return np.concatenate([units[0], units[1] + n_real])


def _bootstrap_interval(
    tested: list[tuple[np.ndarray, np.ndarray]],
    is_synthetic: np.ndarray,
    units: np.ndarray,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Bootstrap interval of the mean area, over the units that are judged in each fold."""
    areas = np.zeros(N_BOOTSTRAP)
    for test, scores in tested:
        kinds = is_synthetic[test]
        real, synthetic = (_draw_weights(units[test][kinds == k], rng) for k in (False, True))
        above = np.sign(scores[kinds][:, None] - scores[~kinds])  # (n_synthetic, n_real)
        areas += 0.5 + 0.5 * np.einsum("bs,sr,br->b", synthetic, above, real, optimize=True)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(areas / len(tested), [tail, 1 - tail])
    return float(low), float(high)


def _draw_weights(units: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw units with replacement, again and again: the share of every row, (n_bootstrap, n)."""
    _, unit = np.unique(units, return_inverse=True)
    n_units = unit.max() + 1
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=N_BOOTSTRAP)
    weights = drawn[:, unit].astype(float)
    return weights / weights.sum(axis=1, keepdims=True)


def _make_estimator(on: str, seed: int) -> BaseEstimator:
    if on == "features":
        return ExtraTreesClassifier(N_TREES, class_weight="balanced", random_state=seed)
    return make_pipeline(StandardScaler(), RidgeClassifierCV(ALPHAS, class_weight="balanced"))


def _predict_scores(model: BaseEstimator, data: np.ndarray) -> np.ndarray:
    """Return a number for each row that is the larger, the more synthetic it seems."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(data)[:, 1]
    return model.decision_function(data)


def _split(
    n_real: int,
    n_synthetic: int,
    groups: list[np.ndarray | None],
    seed: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield train and test rows; real rows come first, and every fold has both kinds."""
    units = [n if g is None else len(np.unique(g)) for n, g in zip((n_real, n_synthetic), groups)]
    n_folds = min(N_FOLDS, *units)
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
