"""One candidate, one fold, one seed: fit on the training windows, score on the test windows."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from types import MethodType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metadata_routing import get_routing_for_object

from geneeg_sk._seeding import set_random_states
from geneeg_sk._typing import Label
from geneeg_sk.datasets import WindowRows
from geneeg_sk.datasets._rows import pack_rows, unpack_rows
from geneeg_sk.metrics._predictions import align_probabilities, score_names, score_predictions
from geneeg_sk.model_selection._test_patients import (
    PatientByPatient,
    meet_patients,
    split_beginnings,
)
from geneeg_sk.over_sampling import WindowedSampler
from geneeg_sk.over_sampling._windowed import takes_windows

Scorers: TypeAlias = dict[str, Callable[..., float]]


@dataclass(frozen=True)
class Task:
    """What to fit, on which rows, with which seed; pickled small, as it goes to a worker."""

    candidate: str
    fold: int
    seed: int
    train: np.ndarray
    test: np.ndarray
    key: str
    keep: bool  # the fitted sampler and its windows
    adapt: float | None = None  # share of each test patient's windows that is not scored

    def __getstate__(self) -> dict[str, Any]:
        rows = {"train": pack_rows(self.train), "test": pack_rows(self.test)}
        return self.__dict__ | rows

    def __setstate__(self, state: dict[str, Any]) -> None:
        rows = {name: unpack_rows(state[name]) for name in ("train", "test")}
        self.__dict__.update(state | rows)


@dataclass(frozen=True)
class Labels:
    """State and patient of every window, and all states; pickled as small numbers."""

    y: np.ndarray
    groups: np.ndarray
    states: np.ndarray

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"y": _pack(self.y), "groups": _pack(self.groups)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        columns = {name: _unpack(*state[name]) for name in ("y", "groups")}
        self.__dict__.update(state | columns)


def _pack(labels: np.ndarray) -> tuple[np.ndarray, str, bytes]:
    values, codes = np.unique(labels, return_inverse=True)
    codes = codes.astype(np.min_scalar_type(len(values)))
    return values, codes.dtype.str, zlib.compress(codes.tobytes(), 1)


def _unpack(values: np.ndarray, dtype: str, codes: bytes) -> np.ndarray:
    return values[np.frombuffer(zlib.decompress(codes), dtype)]


class KeptFold(NamedTuple):
    """A fitted sampler, and what it was given and made.

    Attributes
    ----------
    sampler : sampler
        Fitted on the training windows.
    train, test : ndarray of int
        Rows of the training and test windows.
    X_synthetic : ndarray of shape (n_synthetic, n_channels, n_times)
        Synthetic windows.
    y_synthetic : ndarray of shape (n_synthetic,)
        Their states.
    """

    sampler: BaseEstimator
    train: np.ndarray
    test: np.ndarray
    X_synthetic: np.ndarray
    y_synthetic: np.ndarray


def run_task(
    task: Task,
    candidate: BaseEstimator | None,
    estimator: BaseEstimator,
    X: np.ndarray | WindowRows,
    labels: Labels,
    scorers: Scorers,
) -> dict[str, Any]:
    """Return ``row``, scores of the fold, ``patients``, those of each test patient, and ``kept``.

    An error is caught, and becomes the row's ``error``: one candidate must not stop the others.
    """
    y, groups, states = labels.y, labels.groups, labels.states
    row: dict[str, Any] = {"candidate": task.candidate, "fold": task.fold, "seed": task.seed}
    scored, beginnings = split_beginnings(task.test, groups, task.adapt)
    sizes = {"n_train": len(task.train), "n_test": len(scored), "test_groups": [*beginnings]}
    try:
        # Routing carries groups to the samplers; where it is off they would be lost silently.
        with config_context(enable_metadata_routing=True):
            sampler, model = build(candidate, estimator, task.seed)
            given = X[task.train], y[task.train]
            own = groups[task.train]
            began = perf_counter()
            X_fit, y_fit = given if sampler is None else call(sampler.fit_resample, *given, own)
            call(model.fit, X_fit, y_fit, own)
            seconds = perf_counter() - began
            met = meet_patients(model, X, groups, scored, beginnings)
            rows = score_by_patient(met, X[scored], y[scored], groups[scored], states, scorers)
    except Exception as error:
        names = [*score_names(states), *scorers, "fit_seconds", "n_synthetic"]
        missing = dict.fromkeys(names, np.nan)
        text = f"{type(error).__name__}: {error}"
        return {"row": {**row, **missing, **sizes, "error": text}, "patients": [], "kept": None}
    n_synthetic = count_synthetic(model if sampler is None else sampler)
    fitted = {"fit_seconds": seconds, "n_synthetic": n_synthetic, **sizes, "error": ""}
    whole, patients = rows
    n = len(task.train)  # the original windows come first
    kept = KeptFold(sampler, task.train, task.test, X_fit[n:], y_fit[n:]) if task.keep else None
    return {
        "row": {**row, **whole, **fitted},
        "patients": [{**row, **patient} for patient in patients],
        "kept": kept,
    }


def build(
    candidate: BaseEstimator | None, estimator: BaseEstimator, seed: int
) -> tuple[BaseEstimator | None, BaseEstimator]:
    """Return a sampler, or None, and the classifier that is trained on what it returns."""
    if candidate is None:
        return None, set_random_states(clone(estimator), seed)
    if hasattr(candidate, "predict"):
        return None, set_random_states(clone(candidate), seed)
    sampler = clone(candidate)
    if not takes_windows(sampler):
        sampler = WindowedSampler(sampler=sampler)
    return set_random_states(sampler, seed), set_random_states(clone(estimator), seed)


def call(method: MethodType, X: np.ndarray | WindowRows, y: np.ndarray, groups: np.ndarray) -> Any:
    """Call a method, with groups where its object or anything in that asks for them."""
    routing = get_routing_for_object(method.__self__)
    asks = bool(routing.consumes(method.__name__, ["groups"]))
    return method(X, y, **({"groups": groups} if asks else {}))


def score_by_patient(
    model: PatientByPatient,
    X: np.ndarray | WindowRows,
    y: np.ndarray,
    groups: np.ndarray,
    states: np.ndarray,
    scorers: Scorers,
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Return the scores of a fitted model on all windows, and on those of each patient."""
    y_pred = model.predict(X)
    proba = None
    if hasattr(model, "predict_proba"):
        proba = align_probabilities(model.predict_proba(X), model.classes_, states)

    def scores_of(rows: np.ndarray) -> dict[str, float]:
        p = None if proba is None else proba[rows]
        further = {
            name: float(scorer(model[rows], X[rows], y[rows])) for name, scorer in scorers.items()
        }
        return {**score_predictions(y[rows], y_pred[rows], p, states), **further}

    patients = [
        {"group": patient, "n_windows": int((groups == patient).sum())}
        | scores_of(np.flatnonzero(groups == patient))
        for patient in np.unique(groups).tolist()
    ]
    return scores_of(np.arange(len(y))), patients


def count_synthetic(model: BaseEstimator) -> int:
    """Count the synthetic windows that a fitted sampler or model made."""
    parts = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    parts += [part.sampler_ for part in parts if hasattr(part, "sampler_")][:1]
    masks = [part.is_synthetic_ for part in parts if hasattr(part, "is_synthetic_")]
    return int(masks[0].sum()) if masks else 0


def find_frozen_patients(candidate: BaseEstimator | None) -> set[Label]:
    """Return the patients whom frozen generators inside a candidate were fitted on."""
    if candidate is None:
        return set()
    params = [candidate, *candidate.get_params(deep=True).values()]
    frozen = [p.estimator for p in params if isinstance(p, FrozenEstimator)]
    return {p for one in frozen for p in np.asarray(getattr(one, "patients_", [])).tolist()}
