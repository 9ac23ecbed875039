"""The same folds, windows and seeds for every way of augmentation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer
from sklearn.model_selection import BaseCrossValidator, GroupKFold, check_cv
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.parallel import delayed
from sklearn.utils.validation import column_or_1d

from geneeg_sk._checks import as_microvolts, check_finite, check_groups
from geneeg_sk._seeding import MAX_SEED
from geneeg_sk._typing import RandomStateLike, WindowsLike
from geneeg_sk._version import __version__
from geneeg_sk.datasets import WindowRows
from geneeg_sk.datasets._content import content_hash
from geneeg_sk.model_selection._comparison import SamplerComparison, check_baselines
from geneeg_sk.model_selection._each_done import each_done, run_numbered
from geneeg_sk.model_selection._store import RowStore
from geneeg_sk.model_selection._task import KeptFold, Labels, Scorers, Task, find_frozen_patients
from geneeg_sk.model_selection._test_patients import check_adapt
from geneeg_sk.model_selection._time_left import FitsBar


def compare_samplers(
    candidates: Mapping[str, BaseEstimator | None],
    estimator: BaseEstimator,
    X: WindowsLike | WindowRows,
    y: ArrayLike,
    groups: ArrayLike,
    *,
    cv: int | BaseCrossValidator,
    n_repeats: int = 3,
    scoring: str | Iterable[str] | Mapping[str, Callable[..., float]] | None = None,
    baselines: Iterable[str] | None = None,
    adapt: float | None = None,
    store: str | Path | None = None,
    keep: str | None = None,
    n_jobs: int | None = None,
    random_state: RandomStateLike = None,
    verbose: int = 0,
) -> SamplerComparison:
    """Compare ways of augmentation on patients whom none of them has seen.

    Every candidate gets the same windows, folds and seeds. Whatever is fitted (samplers,
    generators, scalers, classifiers) sees the training fold only. Each test patient's windows are
    predicted in a call of their own, so that a pipeline with
    :class:`~geneeg_sk.preprocessing.BackgroundScaler` scales each by that patient's background.

    Parameters
    ----------
    candidates : dict of str to sampler, classifier or None
        A sampler is put before a clone of `estimator`; one that takes no windows in three
        dimensions is wrapped in :class:`~geneeg_sk.over_sampling.WindowedSampler`. A classifier
        (with ``predict``) is used without `estimator`: one with class weights, or an
        :class:`~geneeg_sk.classification.AugmentedClassifier`. None is `estimator` without
        augmentation.
    estimator : classifier
        Takes windows; may be a pipeline.
    X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
        Windows, in microvolts. :class:`~geneeg_sk.datasets.WindowRows` stay on disk: folds go to
        other processes as the name of their file and row numbers, and what trains from them
        reads a minibatch at a time. All else gets its fold as an array.
    y : array-like of shape (n_windows,)
        State of each window.
    groups : array-like of shape (n_windows,)
        Patient of each window: no patient is ever on both sides of a split.
    cv : int or splitter
        Number of folds for ``GroupKFold``, or a splitter that respects groups.
    n_repeats : int, default=3
        Seeds on each fold. A seed is given to every ``random_state`` of a candidate, nested ones
        too.
    scoring : str, list of str or dict of str to callable, default=None
        Further scores, as scorers of scikit-learn; columns of their names.
    baselines : sequence of str, default=None
        Candidates that the others are compared with in the summary: those that have to be beaten.
        None: ``"none"`` where there is one, else the first.
    adapt : float, default=None
        Share of each test patient's windows, the first in the order of rows, that nobody is scored
        on. A candidate with a method ``personalize``, such as
        :class:`~geneeg_sk.classification.AugmentedClassifier`, or a pipeline that ends in one, gets
        them without labels, and becomes a model of that patient. All candidates are scored on the
        rest. Windows have to be in order of time, as loaders return them.
    store : str or Path, default=None
        File of finished rows (JSON lines, with checksums). A comparison that was killed continues
        from there, if data, candidate, estimator, scorers, fold and seed are the same: fitted
        generators count by their content, functions by their own code, but not by that of
        functions which they call. Failures are tried again.
    keep : str, default=None
        Candidate whose fitted sampler and synthetic windows of the first fold, with the first
        seed, stay in memory, for a report. They are not kept in a `store`: with
        one, that fold is fitted again.
    n_jobs : int, default=None
        Processes for candidates, folds and seeds, as in joblib; inside
        ``joblib.parallel_config("dask")``, the workers of a cluster. Results may differ in the
        last digits where torch gets another number of threads.
    random_state : int, RandomState instance or None, default=None
        Where the seeds come from; with a store, it has to be an int.
    verbose : int, default=0
        1 shows progress and time left, from the mean seconds of each candidate's finished fits.

    Returns
    -------
    comparison : SamplerComparison
        ``results`` (a row for each candidate, fold and seed), ``scores_by_patient`` (and for each
        test patient), ``kept``, ``summary()``.

    Raises
    ------
    ValueError
        If lengths differ, `X` is not finite, `cv` puts a patient on both sides, a candidate is
        neither sampler nor classifier, a baseline or `keep` is none of them, `adapt` leaves no
        window of a patient to score, `store` is another kind of file, or a worker of dask lacks
        this version of geneeg_sk.
    OSError
        If a worker cannot read the file of `X`, or dask's scheduler is lost: rows in `store` are
        found again.

    Warns
    -----
    UserWarning
        If a candidate's frozen generator was fitted on patients of a test fold (they are named),
        if rows in `store` are damaged, if workers of dask share a process, and at the end, if
        candidates failed.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.features import EEGFeatures
    >>> from geneeg_sk.model_selection import compare_samplers
    >>> from geneeg_sk.over_sampling import FourierSurrogateSampler
    >>> cohort = make_eeg_cohort(n_patients=3, sfreq=64, length=2, random_state=0)
    >>> comparison = compare_samplers(
    ...     {"none": None, "surrogates": FourierSurrogateSampler()},
    ...     make_pipeline(EEGFeatures(sfreq=64), StandardScaler(), LogisticRegression()),
    ...     cohort.X,
    ...     cohort.y,
    ...     cohort.groups,
    ...     cv=3,
    ...     n_repeats=1,
    ...     random_state=0,
    ... )
    >>> comparison.results.shape[0]
    6
    """
    X, y, groups = _check_data(X, y, groups)
    _check_candidates(candidates)
    baselines = check_baselines(baselines, list(candidates))
    if keep is not None and not hasattr(candidates.get(keep), "fit_resample"):
        raise ValueError(f"keep={keep!r}; expected the name of a candidate that is a sampler.")
    if store is not None and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state={random_state!r}, but with a store it has to be an int: otherwise a "
            "second run draws other seeds and finds no finished row."
        )
    scorers = _get_scorers(scoring)
    states = np.unique(y)
    folds = _split(cv, X, y, groups)
    check_adapt(adapt, groups, [test for _, test in folds])
    _warn_of_frozen(candidates, groups, folds)
    seeds = check_random_state(random_state).randint(MAX_SEED, size=n_repeats).tolist()
    digest = None if store is None else _hash_data(X, y, groups, estimator, scorers, adapt)
    tasks = [
        Task(
            name,
            k,
            seed,
            train,
            test,
            key=_make_key(digest, name, candidate, train, test, seed),
            keep=name == keep and seed == seeds[0],
            adapt=adapt,
        )
        for seed in seeds
        for k, (train, test) in enumerate(folds)
        for name, candidate in candidates.items()
    ]
    rows = RowStore(store)
    found = {k: rows.found[task.key] for k, task in enumerate(tasks) if task.key in rows.found}
    first = next((k for k, task in enumerate(tasks) if task.keep), None)
    todo = [k for k in range(len(tasks)) if k not in found or k == first]
    labels = Labels(y, groups, states)
    kept: dict[int, KeptFold] = {}

    def job(k: int) -> tuple[Any, ...]:
        task = tasks[k]
        return delayed(run_numbered)(
            k, task, candidates[task.candidate], estimator, X, labels, scorers
        )

    seconds = [(tasks[k].candidate, result["row"]["fit_seconds"]) for k, result in found.items()]
    names = [tasks[k].candidate for k in todo]
    with FitsBar(seconds, names, total=len(tasks), n_jobs=n_jobs, disable=not verbose) as bar:
        for k, result in each_done(todo, job, n_jobs=n_jobs):
            fold = result.pop("kept")
            if fold is not None and k <= min(kept, default=k):
                kept = {k: fold}
            if k not in found:  # else it was fitted again, to be kept
                found[k] = result
                if not result["row"]["error"]:
                    rows.append(tasks[k].key, result)
            bar.finish(tasks[k].candidate, result["row"]["fit_seconds"])
    # A row is found by its content: number and name of fold and candidate are those of this call.
    done = [_rename(found[k], task) for k, task in enumerate(tasks)]
    table = pd.DataFrame([one["row"] for one in done])
    _warn_of_failures(table)
    by_patient = pd.DataFrame([patient for one in done for patient in one["patients"]])
    return SamplerComparison(
        table, by_patient, baselines=baselines, kept=next(iter(kept.values()), None)
    )


def _rename(result: dict[str, Any], task: Task) -> dict[str, Any]:
    name = {"candidate": task.candidate, "fold": task.fold}
    return {
        "row": {**result["row"], **name},
        "patients": [{**patient, **name} for patient in result["patients"]],
    }


def _check_data(
    X: WindowsLike | WindowRows, y: ArrayLike, groups: ArrayLike
) -> tuple[np.ndarray | WindowRows, np.ndarray, np.ndarray]:
    if not isinstance(X, WindowRows):
        X = np.asarray(as_microvolts(X))
    elif not X.is_stored:
        raise ValueError(
            "X holds windows that are generated. Give the real ones: augmentation is a candidate."
        )
    labels = column_or_1d(y)
    check_consistent_length(X, labels)
    patients = check_groups(groups, len(X))
    if patients is None:
        raise ValueError("groups is None; expected the patient of every window.")
    if X.ndim not in (2, 3):
        raise ValueError(
            f"X has shape {X.shape}; expected windows of shape (n_windows, n_channels, n_times) or "
            "(n_windows, n_times)."
        )
    if isinstance(X, WindowRows):
        for places, block in X.stored_blocks():
            check_finite(block, places)
    else:
        check_finite(X[:, None] if X.ndim == 2 else X)
    return X, labels, patients


def _check_candidates(candidates: Mapping[str, BaseEstimator | None]) -> None:
    if not candidates:
        raise ValueError("candidates is empty; expected a dict of names and samplers.")
    for name, candidate in candidates.items():
        if candidate is not None and not any(
            hasattr(candidate, method) for method in ("fit_resample", "predict")
        ):
            raise ValueError(
                f"candidate {name!r} is {candidate!r}; expected a sampler (fit_resample), a "
                "classifier (predict), or None for no augmentation."
            )


def _get_scorers(
    scoring: str | Iterable[str] | Mapping[str, Callable[..., float]] | None,
) -> Scorers:
    if scoring is None:
        return {}
    if isinstance(scoring, Mapping):
        return {name: get_scorer(scorer) for name, scorer in scoring.items()}
    names = [scoring] if isinstance(scoring, str) else list(scoring)
    return {name: get_scorer(name) for name in names}


def _split(
    cv: int | BaseCrossValidator, X: np.ndarray | WindowRows, y: np.ndarray, groups: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    cv = GroupKFold(cv) if isinstance(cv, Integral) else check_cv(cv)
    folds = list(cv.split(X, y, groups))
    for train, test in folds:
        both = np.intersect1d(groups[train], groups[test])
        if len(both):
            raise ValueError(
                f"{type(cv).__name__} puts windows of {both.tolist()} into training and test. "
                "Give a splitter that respects groups: GroupKFold, StratifiedGroupKFold, "
                "LeaveOneGroupOut."
            )
    return folds


def _warn_of_frozen(
    candidates: Mapping[str, BaseEstimator | None],
    groups: np.ndarray,
    folds: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    tested = {patient for _, test in folds for patient in groups[test].tolist()}
    for name, candidate in candidates.items():
        shared = sorted(find_frozen_patients(candidate) & tested, key=str)
        if shared:
            warnings.warn(
                f"candidate {name!r}: its frozen generator was fitted on patients {shared}, who "
                "are in test folds. Scores on them are not of unseen patients; fit the generator "
                "on others, or leave these out.",
                stacklevel=3,
            )


def _warn_of_failures(table: pd.DataFrame) -> None:
    failed = table[table["error"] != ""]
    if len(failed):
        first = failed.groupby("candidate", sort=False)["error"].agg(["size", "first"])
        text = "; ".join(
            f"{name!r} {one['size']} times ({one['first']})" for name, one in first.iterrows()
        )
        warnings.warn(f"{len(failed)} of {len(table)} fits failed: {text}.", stacklevel=3)


def _hash_data(*content: object) -> str:
    try:
        return content_hash(*content, __version__)
    except Exception as error:
        raise ValueError(
            f"estimator or scoring cannot be pickled ({error}), so that rows could not be found "
            "again in a store. Use functions and classes of a module."
        ) from error


def _make_key(digest: str | None, name: str, *content: object) -> str:
    if digest is None:
        return ""
    try:
        return content_hash(digest, *content)
    except Exception as error:
        raise ValueError(
            f"candidate {name!r} cannot be pickled ({error}), so its rows could not be found again "
            "in a store. Use FillGap or functions and classes of a module."
        ) from error
