"""Are synthetic windows of any use to a classifier?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import f1_score
from sklearn.utils.validation import check_consistent_length, column_or_1d

from geneeg_sk._checks import as_microvolts, check_groups
from geneeg_sk.metrics._statistics import paired_summary


def utility(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    X_synthetic: Any,
    y_synthetic: Any,
    X_test: Any,
    y_test: Any,
) -> pd.Series:
    """Train on synthetic and test on real windows, and the other way round.

    Parameters
    ----------
    estimator : classifier
        Takes windows; a clone of it is fitted each time.
    X, X_synthetic, X_test : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Real windows to train on (best those the generator was trained on), synthetic ones, and real
        ones to test on, best of other patients; microvolts, or ``mne.Epochs``.
    y, y_synthetic, y_test : array-like of shape (n_windows,)
        State of each window.

    Returns
    -------
    scores : Series
        Macro F1, 0 to 1, over the states of `y_test` or, where synthetic windows are tested on, of
        `y_synthetic`. `real`: train on real, test on real, what the others are read beside;
        `train_on_synthetic`, test on real (TSTR) [1]_: low where synthetic windows are unlike real
        ones, or a state of them is missing; `test_on_synthetic`, train on real (TRTS) [1]_: low
        where synthetic windows are not of the state they claim; `augmented`: train on both, test
        on real.

    Raises
    ------
    ValueError
        If a set has another number of states than of windows.

    References
    ----------
    .. [1] Esteban, C., Hyland, S., Rätsch, G. (2017). Real-valued (medical) time series generation
       with recurrent conditional GANs. arXiv:1706.02633.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from geneeg_sk.features import EEGFeatures
    >>> from geneeg_sk.metrics import utility
    >>> X, y = np.random.default_rng(0).normal(size=(60, 1, 64)), np.arange(60) % 2
    >>> X[y == 1] *= 3
    >>> model = make_pipeline(EEGFeatures(sfreq=64), StandardScaler(), LogisticRegression())
    >>> sets = X[:20], y[:20], X[20:40], y[20:40], X[40:], y[40:]
    >>> utility(model, *sets)["train_on_synthetic"]
    np.float64(1.0)
    """
    X, y = _check_labelled("X", X, y)
    X_synthetic, y_synthetic = _check_labelled("X_synthetic", X_synthetic, y_synthetic)
    X_test, y_test = _check_labelled("X_test", X_test, y_test)
    on_real = clone(estimator).fit(X, y)
    on_synthetic = clone(estimator).fit(X_synthetic, y_synthetic)
    on_both = clone(estimator).fit(*_both(X, y, X_synthetic, y_synthetic))
    return pd.Series(
        {
            "real": _macro_f1(y_test, on_real.predict(X_test)),
            "train_on_synthetic": _macro_f1(y_test, on_synthetic.predict(X_test)),
            "test_on_synthetic": _macro_f1(y_synthetic, on_real.predict(X_synthetic)),
            "augmented": _macro_f1(y_test, on_both.predict(X_test)),
        },
        name="macro_f1",
    )


def augmentation_gain(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    X_synthetic: Any,
    y_synthetic: Any,
    X_test: Any,
    y_test: Any,
    groups_test: Any,
) -> tuple[pd.DataFrame, pd.Series]:
    """What a classifier gains from synthetic windows, patient by patient.

    Both classifiers are tested on the same patients; `compare_samplers` does this fairly over many
    folds and seeds, with the generator fitted anew in each.

    Parameters
    ----------
    estimator : classifier
        Takes windows; clones of it are fitted, on real windows and on real and synthetic ones.
    X, y, X_synthetic, y_synthetic, X_test, y_test
        As for `utility`.
    groups_test : array-like of shape (n_test,)
        Patient of each test window.

    Returns
    -------
    patients : DataFrame
        A row per patient: macro F1 over the states that the patient has, `real` (trained on real
        windows only) and `augmented`, and `gain`, their difference, -1 to 1.
    summary : Series
        Of the gain over patients: `n_patients`, `mean`, its 95 % bootstrap interval `low` to
        `high`, `p_value` of the signed-rank test, and the effect sizes `cohens_dz` and
        `cliffs_delta`.

    Raises
    ------
    ValueError
        If a set has another number of states or patients than of windows, or patients are not
        given.

    Warns
    -----
    UserWarning
        With fewer than 6 patients: too few to say anything.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from geneeg_sk.features import EEGFeatures
    >>> from geneeg_sk.metrics import augmentation_gain
    >>> X, y = np.random.default_rng(0).normal(size=(80, 1, 64)), np.arange(80) % 2
    >>> X[y == 1] *= 3
    >>> model = make_pipeline(EEGFeatures(sfreq=64), StandardScaler(), LogisticRegression())
    >>> sets = X[:10], y[:10], X[10:20], y[10:20], X[20:], y[20:]
    >>> patients, summary = augmentation_gain(model, *sets, groups_test=np.arange(60) // 10)
    >>> summary["n_patients"]
    np.float64(6.0)
    """
    X, y = _check_labelled("X", X, y)
    X_synthetic, y_synthetic = _check_labelled("X_synthetic", X_synthetic, y_synthetic)
    X_test, y_test = _check_labelled("X_test", X_test, y_test)
    groups_test = check_groups(groups_test, len(X_test))
    if groups_test is None:
        raise ValueError("groups_test is None; expected the patient of every test window.")
    predicted = {
        "real": clone(estimator).fit(X, y).predict(X_test),
        "augmented": clone(estimator).fit(*_both(X, y, X_synthetic, y_synthetic)).predict(X_test),
    }
    rows = {}
    for patient in np.unique(groups_test):
        own = groups_test == patient
        rows[patient] = {k: _macro_f1(y_test[own], p[own]) for k, p in predicted.items()}
    patients = pd.DataFrame.from_dict(rows, orient="index").rename_axis("patient")
    patients["gain"] = patients["augmented"] - patients["real"]
    return patients, paired_summary(patients["augmented"], patients["real"])


def _check_labelled(name: str, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    X, y = np.asarray(as_microvolts(X)), column_or_1d(y)
    try:
        check_consistent_length(X, y)
    except ValueError as error:
        raise ValueError(f"{name} has {len(X)} windows, but {len(y)} states are given.") from error
    return X, y


def _both(
    X: np.ndarray, y: np.ndarray, X_synthetic: np.ndarray, y_synthetic: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([X, X_synthetic]), np.concatenate([y, y_synthetic])


def _macro_f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Macro F1 over the states that are there; what is never predicted counts 0."""
    return float(
        f1_score(y_true, y_pred, labels=np.unique(y_true), average="macro", zero_division=0)
    )
