"""Sets of patients for training, early stopping and the gate."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import BaseCrossValidator, StratifiedGroupKFold, StratifiedKFold

NOTHING = np.empty(0, int)


class TooFewPatients(ValueError):
    """No split by patient is left."""


@dataclass
class PatientSplit:
    """Rows of three sets of patients without overlap."""

    training: np.ndarray
    validation: np.ndarray
    gate: np.ndarray


def split_patients(
    y: np.ndarray, groups: np.ndarray | None, n_splits: int, validate: bool, n_gates: int
) -> list[PatientSplit]:
    """Split rows so that no patient is on two sides and training has every state.

    With `n_gates`, as many splits at most, each with another gate, which has every state, and with
    the same patients for validation; without, one split that has no gate.

    Raises
    ------
    TooFewPatients
        If there are fewer patients than sets, or no choice of folds leaves training, and the gate,
        every state.
    """
    n_sets = 1 + validate + (n_gates > 0)
    if n_sets == 1:
        return [PatientSplit(np.arange(len(y)), NOTHING, NOTHING)]
    folds = _folds(y, groups, n_splits, n_sets)
    n_states = [len(np.unique(y[fold])) for fold in folds]
    best_first = sorted(range(len(folds)), key=lambda i: -n_states[i])
    for validation in best_first if validate else [None]:
        gates = [i for i in best_first if i != validation] if n_gates else [None]
        splits = [_split(folds, validation, gate) for gate in gates]
        usable = [s for s in splits if all(_has_every_state(y, r) for r in (s.training, s.gate))]
        if usable:
            return usable[: max(n_gates, 1)]
    raise TooFewPatients(
        "No split by patient leaves every state in training and in the gate: one is known of too "
        "few patients. Use gate=None or early_stopping=False, a larger n_splits, or more patients."
    )


def _split(folds: list[np.ndarray], validation: int | None, gate: int | None) -> PatientSplit:
    rest = [fold for i, fold in enumerate(folds) if i not in (validation, gate)]
    return PatientSplit(
        training=np.sort(np.concatenate([NOTHING, *rest])),
        validation=NOTHING if validation is None else folds[validation],
        gate=NOTHING if gate is None else folds[gate],
    )


def _has_every_state(y: np.ndarray, rows: np.ndarray) -> bool:
    """Whether a set has every state; no set at all lacks nothing."""
    return not len(rows) or len(np.unique(y[rows])) == len(np.unique(y))


def _folds(
    y: np.ndarray, groups: np.ndarray | None, n_splits: int, n_sets: int
) -> list[np.ndarray]:
    if groups is None:
        warnings.warn(
            "AugmentedClassifier got no groups: windows are split by rows, so that those of one "
            "patient may be on both sides. Pass groups, the patient of every window.",
            stacklevel=6,
        )
        rarest = int(np.unique(y, return_counts=True)[1].min())
        n_splits = min(max(n_splits, n_sets), max(rarest, 2))
        if n_splits < n_sets:
            raise TooFewPatients(
                f"The rarest state has {rarest} windows, but {n_sets} sets need one each: "
                "training, early stopping, gate. Use more windows, or gate=None."
            )
        splitter: BaseCrossValidator = StratifiedKFold(n_splits)
    else:
        n_patients = len(np.unique(groups))
        if n_patients < n_sets:
            raise TooFewPatients(
                f"{n_patients} patients cannot be split into {n_sets} sets: training, early "
                "stopping, gate. Use gate=None, or more patients."
            )
        n_splits = min(max(n_splits, n_sets), n_patients)
        splitter = StratifiedGroupKFold(n_splits)
    with warnings.catch_warnings():
        # A state with fewer patients than folds cannot be in each of them; that is handled here.
        warnings.filterwarnings("ignore", message="The least populated class")
        return [test for _, test in splitter.split(np.zeros(len(y)), y, groups)]
