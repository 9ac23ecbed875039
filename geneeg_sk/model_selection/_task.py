"""One candidate, one fold, one seed: fit on the training windows, score on the test windows."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from imblearn.pipeline import Pipeline
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metadata_routing import get_routing_for_object

from geneeg_sk._seeding import set_random_states
from geneeg_sk.model_selection._scores import aligned, score, score_names
from geneeg_sk.over_sampling import WindowedSampler
from geneeg_sk.over_sampling._windowed import takes_windows


@dataclass(frozen=True)
class Task:
    """What to fit, on which rows, with which seed."""

    candidate: str
    fold: int
    seed: int
    train: np.ndarray
    test: np.ndarray
    key: str


def run_task(
    task: Task,
    candidate: Any,
    estimator: Any,
    X: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    states: np.ndarray,
    scorers: dict[str, Any],
) -> dict[str, Any]:
    """Return ``row``, the scores of the fold, and ``patients``, those of each test patient.

    An error is caught, and becomes the row's ``error``: one candidate must not stop the others.
    """
    row: dict[str, Any] = {"candidate": task.candidate, "fold": task.fold, "seed": task.seed}
    test_groups = np.unique(groups[task.test]).tolist()
    sizes = {"n_train": len(task.train), "n_test": len(task.test), "test_groups": test_groups}
    try:
        # Routing carries groups to the samplers; where it is off they would be lost silently.
        with config_context(enable_metadata_routing=True):
            model = set_random_states(build_model(candidate, estimator), task.seed)
            began = perf_counter()
            fit(model, X[task.train], y[task.train], groups[task.train])
            seconds = perf_counter() - began
            rows = by_patient(model, X[task.test], y[task.test], groups[task.test], states, scorers)
    except Exception as error:
        names = [*score_names(states), *scorers, "fit_seconds", "n_synthetic"]
        missing = dict.fromkeys(names, np.nan)
        text = f"{type(error).__name__}: {error}"
        return {"row": {**row, **missing, **sizes, "error": text}, "patients": []}
    n_synthetic = count_synthetic(model)
    fitted = {"fit_seconds": seconds, "n_synthetic": n_synthetic, **sizes, "error": ""}
    whole, patients = rows
    return {
        "row": {**row, **whole, **fitted},
        "patients": [{**row, **patient} for patient in patients],
    }


def build_model(candidate: Any, estimator: Any) -> Any:
    """Return an unfitted model: the classifier itself, or the estimator behind the sampler."""
    if candidate is None:
        return clone(estimator)
    if hasattr(candidate, "predict"):
        return clone(candidate)
    sampler = clone(candidate)
    if not takes_windows(sampler):
        sampler = WindowedSampler(sampler=sampler)
    return Pipeline([("sampler", sampler), ("estimator", clone(estimator))])


def fit(model: Any, X: np.ndarray, y: np.ndarray, groups: np.ndarray) -> None:
    """Fit, with groups where anything in the model asks for them."""
    asks = bool(get_routing_for_object(model).consumes("fit", ["groups"]))
    model.fit(X, y, **({"groups": groups} if asks else {}))


def by_patient(
    model: Any,
    X: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    states: np.ndarray,
    scorers: dict[str, Any],
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Return the scores of a fitted model on all windows, and on those of each patient."""
    y_pred = model.predict(X)
    proba = None
    if hasattr(model, "predict_proba"):
        proba = aligned(model.predict_proba(X), model.classes_, states)

    def scores_of(rows: np.ndarray) -> dict[str, float]:
        p = None if proba is None else proba[rows]
        further = {name: float(scorer(model, X[rows], y[rows])) for name, scorer in scorers.items()}
        return {**score(y[rows], y_pred[rows], p, states), **further}

    patients = [
        {"group": patient, "n_windows": int((groups == patient).sum())}
        | scores_of(np.flatnonzero(groups == patient))
        for patient in np.unique(groups).tolist()
    ]
    return scores_of(np.arange(len(y))), patients


def count_synthetic(model: Any) -> int:
    """How many synthetic windows a fitted model was trained on."""
    parts = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    parts += [part.sampler_ for part in parts if hasattr(part, "sampler_")][:1]
    masks = [part.is_synthetic_ for part in parts if hasattr(part, "is_synthetic_")]
    return int(masks[0].sum()) if masks else 0


def frozen_patients(candidate: Any) -> set:
    """Patients whom frozen generators inside a candidate were fitted on."""
    if candidate is None:
        return set()
    params = [candidate, *candidate.get_params(deep=True).values()]
    frozen = [p.estimator for p in params if isinstance(p, FrozenEstimator)]
    return {p for one in frozen for p in np.asarray(getattr(one, "patients_", [])).tolist()}
