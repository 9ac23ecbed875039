"""What a classifier learns from synthetic windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import f1_score
from sklearn.utils.validation import check_consistent_length, column_or_1d

from geneeg_sk._checks import as_microvolts, check_groups
from geneeg_sk._typing import WindowsLike
from geneeg_sk.metrics._statistics import paired_summary


def tstr_scores(
    real: WindowsLike,
    synthetic: WindowsLike,
    *,
    train: WindowsLike,
    y_real: ArrayLike,
    y_synthetic: ArrayLike,
    y_train: ArrayLike,
    estimator: BaseEstimator,
) -> pd.Series:
    """Train on synthetic, test on real windows (TSTR), and the other way round (TRTS).

    Parameters
    ----------
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows to test on, best of other patients; microvolts, or ``mne.Epochs``.
    synthetic : array of windows
        Synthetic ones.
    train : array of windows
        Real ones to train on, best those the generator was trained on.
    y_real, y_synthetic, y_train : array-like of shape (n_windows,)
        State of each window.
    estimator : classifier
        Takes windows; a clone of it is fitted each time.

    Returns
    -------
    scores : Series
        Macro F1, 0 to 1, over the states that are tested. `train_on_synthetic`, test on real (TSTR)
        [1]_: low where synthetic windows are unlike real ones, or a state of them is missing;
        `train_on_real`, test on real, what that is read beside; `test_on_synthetic`, train on real
        (TRTS) [1]_: low where synthetic windows are not of the state they claim.

    Raises
    ------
    ValueError
        If a set has another number of states than of windows.

    See Also
    --------
    augmentation_gain : What synthetic windows add to real ones.

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
    >>> from geneeg_sk.metrics import tstr_scores
    >>> X, y = np.random.default_rng(0).normal(size=(60, 1, 64)), np.arange(60) % 2
    >>> X[y == 1] *= 3
    >>> scores = tstr_scores(
    ...     X[:20],
    ...     X[20:40],
    ...     y_real=y[:20],
    ...     y_synthetic=y[20:40],
    ...     train=X[40:],
    ...     y_train=y[40:],
    ...     estimator=make_pipeline(EEGFeatures(sfreq=64), StandardScaler(), LogisticRegression()),
    ... )
    >>> scores["train_on_synthetic"]
    np.float64(1.0)
    """
    real, y_real = _check_labeled("real", real, y_real)
    synthetic, y_synthetic = _check_labeled("synthetic", synthetic, y_synthetic)
    train, y_train = _check_labeled("train", train, y_train)
    on_real = clone(estimator).fit(train, y_train)
    on_synthetic = clone(estimator).fit(synthetic, y_synthetic)
    return pd.Series(
        {
            "train_on_real": _macro_f1(y_real, on_real.predict(real)),
            "train_on_synthetic": _macro_f1(y_real, on_synthetic.predict(real)),
            "test_on_synthetic": _macro_f1(y_synthetic, on_real.predict(synthetic)),
        },
        name="macro_f1",
    )


def augmentation_gain(
    real: WindowsLike,
    synthetic: WindowsLike,
    *,
    train: WindowsLike,
    y_real: ArrayLike,
    y_synthetic: ArrayLike,
    y_train: ArrayLike,
    groups: ArrayLike,
    estimator: BaseEstimator,
) -> tuple[pd.DataFrame, pd.Series]:
    """What a classifier gains from synthetic windows beside real ones, patient by patient.

    Both classifiers are tested on the same patients; `compare_samplers` does this fairly over many
    folds and seeds, with the generator fitted again in each.

    Parameters
    ----------
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows to test on, of patients who are not in `train`; microvolts, or ``mne.Epochs``.
    synthetic : array of windows
        Synthetic ones.
    train : array of windows
        Real ones to train on.
    y_real, y_synthetic, y_train : array-like of shape (n_windows,)
        State of each window.
    groups : array-like of shape (n_windows,)
        Patient of each window of `real`.
    estimator : classifier
        Takes windows; clones of it are fitted, on `train` alone and on `train` and `synthetic`.

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

    See Also
    --------
    tstr_scores : What is learned from synthetic windows alone.

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
    >>> patients, summary = augmentation_gain(
    ...     X[20:],
    ...     X[10:20],
    ...     y_real=y[20:],
    ...     y_synthetic=y[10:20],
    ...     train=X[:10],
    ...     y_train=y[:10],
    ...     groups=np.arange(60) // 10,
    ...     estimator=make_pipeline(EEGFeatures(sfreq=64), StandardScaler(), LogisticRegression()),
    ... )
    >>> summary["n_patients"]
    np.float64(6.0)
    """
    real, y_real = _check_labeled("real", real, y_real)
    synthetic, y_synthetic = _check_labeled("synthetic", synthetic, y_synthetic)
    train, y_train = _check_labeled("train", train, y_train)
    patient_of = check_groups(groups, len(real))
    if patient_of is None:
        raise ValueError("groups is None; expected the patient of every window of real.")
    both = np.concatenate([train, synthetic]), np.concatenate([y_train, y_synthetic])
    predicted = {
        "real": clone(estimator).fit(train, y_train).predict(real),
        "augmented": clone(estimator).fit(*both).predict(real),
    }
    rows = {}
    for patient in np.unique(patient_of):
        own = patient_of == patient
        rows[patient] = {name: _macro_f1(y_real[own], y[own]) for name, y in predicted.items()}
    patients = pd.DataFrame.from_dict(rows, orient="index").rename_axis("patient")
    patients["gain"] = patients["augmented"] - patients["real"]
    return patients, paired_summary(patients["augmented"], patients["real"])


def _check_labeled(name: str, X: WindowsLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    windows, states = np.asarray(as_microvolts(X)), column_or_1d(y)
    try:
        check_consistent_length(windows, states)
    except ValueError as error:
        raise ValueError(
            f"{name} has {len(windows)} windows, but {len(states)} states are given."
        ) from error
    return windows, states


def _macro_f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Return macro F1 over the states that are there; what is never predicted counts 0."""
    return float(
        f1_score(y_true, y_pred, labels=np.unique(y_true), average="macro", zero_division=0)
    )
