"""Real, diverse, private, useful: numbers for synthetic windows, and for real in their place."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from geneeg_sk._checks import as_microvolts, check_groups
from geneeg_sk.inspection._two_sample import PatientTest
from geneeg_sk.metrics import (
    find_copies,
    floor,
    ks_by_feature,
    membership_inference_auc,
    near_copies,
    prdc,
    rhythm_distance,
    score_with_floor,
    spike_survival,
)
from geneeg_sk.metrics._sets import check_sets, embed, spaced
from geneeg_sk.metrics._waveform_shape import LOWEST_SFREQ

MIN_WINDOWS = 8  # in each of the sets that are compared; with fewer, no number means anything
MAX_WINDOWS = 200  # of each state and set: more change the numbers little, and cost
MIN_GROUPS = 4  # two in each half: a classifier learns on one and is judged on the other
N_DEALS = 8
MIN_COPIES = 30  # windows in which copies are looked for, whatever it costs
COPY_COST = 2e8  # samples compared at all shifts: a second or two
MOST_COPY_COST = 1e9  # with which it is seconds also where real windows are many
SEED = 0
CONFIDENCE = 0.95
COLUMNS = ("value", "value_low", "value_high", "floor", "floor_low", "floor_high")


def window_scores(
    real: Mapping[Any, Any],
    synthetic: Mapping[Any, Any],
    *,
    sfreq: float,
    groups: Mapping[Any, Any] | None = None,
    holdout: Mapping[Any, Any] | None = None,
) -> pd.DataFrame:
    """Score the synthetic windows of each state, and real windows in their place.

    Parameters
    ----------
    real, synthetic : dict of state to array of shape (n_windows, n_channels, n_times)
        Windows in microvolts, or ``mne.Epochs``; the real ones are those the generator has seen.
    sfreq : float
        Sampling frequency, Hz.
    groups : dict of state to array, default=None
        Patient of each real window. Real windows are dealt in halves by patient where there are
        four or more with enough windows, else one by one.
    holdout : dict of state to array, default=None
        Real windows that the generator has not seen.

    Returns
    -------
    table : DataFrame
        A row for each `state` that is in both with at least 16 real and 8 synthetic windows, and
        `score`: `c2st_windows`, `c2st_features`, `ks`, `precision`, `rhythm`, `spikes` (real?),
        `recall`, `coverage` (diverse?), `copies`, and with a holdout `membership` (private?).
        `value` and `floor`, each with an interval from ``_low`` to ``_high``; `n_real`,
        `n_synthetic`, how many windows were compared; `by_patient`, whether the floor is that
        between patients; `n_patients`, how many were given; `one_channel`; and for the two tests
        `detectable`, what they would have seen.
    """
    rows: list[dict[str, Any]] = []
    for state in real:
        if state not in synthetic or not len(real[state]) or not len(synthetic[state]):
            continue
        given = {"real": as_microvolts(real[state]), "synthetic": as_microvolts(synthetic[state])}
        unseen = (holdout or {}).get(state)
        if unseen is not None and len(unseen):
            given["holdout"] = as_microvolts(unseen)
        sets = dict(zip(given, check_sets(sfreq, **given)))
        own = check_groups((groups or {}).get(state), len(sets["real"]))
        own = None if own is None else own[spaced(len(own), MAX_WINDOWS)]
        n_patients = 0 if own is None else len(np.unique(own))
        train = sets["real"]
        sets = {name: X[spaced(len(X), MAX_WINDOWS)] for name, X in sets.items()}
        if len(sets["real"]) < 2 * MIN_WINDOWS or len(sets["synthetic"]) < MIN_WINDOWS:
            continue
        own = own if _can_be_dealt(own) else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what is left out is said on the page
            scores = _scores(sets, train, sfreq, own)
        common = {
            "n_real": len(sets["real"]),
            "n_synthetic": len(sets["synthetic"]),
            "by_patient": own is not None,
            "n_patients": n_patients,
            "one_channel": train.shape[1] == 1,
        }
        rows += [{"state": state, "score": name, **common, **one} for name, one in scores.items()]
    return pd.DataFrame(rows)


def _can_be_dealt(groups: np.ndarray | None) -> bool:
    """Tell whether each half of the patients, also that with fewest windows, has enough."""
    if groups is None:
        return False
    counts = np.sort(np.unique(groups, return_counts=True)[1])
    return len(counts) >= MIN_GROUPS and counts[: len(counts) // 2].sum() >= MIN_WINDOWS


def _scores(
    sets: dict[str, np.ndarray], train: np.ndarray, sfreq: float, groups: np.ndarray | None
) -> dict[str, dict[str, Any]]:
    real, synthetic = sets["real"], sets["synthetic"]
    how: dict[str, Any] = {
        "sfreq": sfreq,
        "groups": groups,
        "n_repeats": N_DEALS,
        "random_state": SEED,
    }
    clouds = score_with_floor(prdc, real, synthetic, **how)
    found = {
        **_two_sample(real, synthetic, sfreq, groups),
        "ks": _with_floor(_mean_ks, real, synthetic, how),
        "precision": clouds.loc["precision", list(COLUMNS)].to_dict(),
        "rhythm": _with_floor(rhythm_distance, real, synthetic, how),
    }
    if sfreq >= LOWEST_SFREQ:
        found["spikes"] = _spikes(real, synthetic, sfreq)
    for name in ("recall", "coverage"):
        found[name] = clouds.loc[name, list(COLUMNS)].to_dict()
    found["copies"] = _copies(real, synthetic, train, how)
    if "holdout" in sets:
        found["membership"] = _membership(sets, how)
    return found


def _two_sample(
    real: np.ndarray, synthetic: np.ndarray, sfreq: float, groups: np.ndarray | None
) -> dict[str, dict[str, Any]]:
    """AUC of the tests on all windows, what they would have seen, and their floors on halves.

    With few patients a fold judges one or two, and the bootstrap over them is too narrow; so an
    interval is at least as wide as that of the floor.
    """
    test = PatientTest(real, synthetic, sfreq=sfreq, groups=groups, random_state=SEED)
    found = {}
    for on in ("windows", "features"):
        told = test.value(on)
        in_place = _summary("floor", test.floor(on))
        below, above = (
            abs(in_place["floor"] - in_place[f"floor_{end}"]) for end in ("low", "high")
        )
        found[f"c2st_{on}"] = {
            "value": told.auc,
            "value_low": max(0.0, min(told.interval[0], told.auc - below)),
            "value_high": min(1.0, max(told.interval[1], told.auc + above)),
            **in_place,
            "detectable": told.detectable,
        }
    return found


def _with_floor(
    score: Any, real: np.ndarray, synthetic: np.ndarray, how: dict[str, Any]
) -> dict[str, float]:
    return score_with_floor(score, real, synthetic, **how).iloc[0][list(COLUMNS)].to_dict()


def _spikes(real: np.ndarray, synthetic: np.ndarray, sfreq: float) -> dict[str, float]:
    """Share of synthetic windows with sharp discharges, and of the real ones as its floor."""
    found = spike_survival(real, synthetic, sfreq=sfreq)
    return {
        **_share("value", round(found["synthetic"] * len(synthetic)), len(synthetic)),
        **_share("floor", round(found["real"] * len(real)), len(real)),
    }


def _mean_ks(real: Any, synthetic: Any, *, sfreq: float) -> float:
    """Mean over features and channels of the Kolmogorov-Smirnov statistic."""
    return float(ks_by_feature(real, synthetic, sfreq=sfreq)["statistic"].mean())


def _copies(
    real: np.ndarray, synthetic: np.ndarray, train: np.ndarray, how: dict[str, Any]
) -> dict[str, Any]:
    """Share of copies of any window of `train`, and the share of such copies among real windows.

    Not of halves: the generator has seen all real windows, and a copy is a copy of one.
    """
    size = train[0].size
    most = max(MAX_WINDOWS, int(MOST_COPY_COST / (MIN_COPIES * size)))
    train = train[spaced(len(train), most)]
    n_looked_at = max(MIN_COPIES, int(COPY_COST / (len(train) * size)))
    looked_at = synthetic[spaced(len(synthetic), n_looked_at)]
    near = find_copies(looked_at, train, sfreq=how["sfreq"])["near"]
    kept = spaced(len(real), max(2 * MIN_COPIES, int((COPY_COST / size) ** 0.5)))
    dealt = how if how["groups"] is None else {**how, "groups": how["groups"][kept]}
    among_real = floor(near_copies, real[kept], on="windows", **dealt).iloc[0]
    return {
        **_share("value", int(near.sum()), len(near)),
        **among_real.to_dict(),
        "n_real": len(train),
        "n_synthetic": len(near),
    }


def _share(name: str, count: int, n: int) -> dict[str, float]:
    """Share of windows with its exact binomial interval."""
    bounds = binomtest(count, n).proportion_ci(CONFIDENCE)
    return {name: count / n, f"{name}_low": float(bounds.low), f"{name}_high": float(bounds.high)}


def _membership(sets: dict[str, np.ndarray], how: dict[str, Any]) -> dict[str, float]:
    """Membership inference, its interval by half-sampling the real sets, and its floor.

    The synthetic windows stay whole: half of them would lack half of the copies.
    """
    rng = np.random.default_rng(SEED)

    def half(X: np.ndarray) -> np.ndarray:
        return X[rng.permutation(len(X))[: (len(X) + 1) // 2]]

    def score(*windows: np.ndarray) -> float:
        return membership_inference_auc(*windows, sfreq=how["sfreq"])

    synthetic, train, holdout = (sets[name] for name in ("synthetic", "real", "holdout"))
    values = [score(synthetic, half(train), half(holdout)) for _ in range(N_DEALS)]
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    reference = floor(membership_inference_auc, sets["real"], **how).iloc[0]
    value = score(synthetic, train, holdout)
    return {
        "value": value,
        "value_low": min(low, value),
        "value_high": max(high, value),
        **reference.to_dict(),
    }


def usefulness(
    real: Mapping[Any, Any],
    synthetic: Mapping[Any, Any],
    *,
    sfreq: float,
    groups: Mapping[Any, Any] | None = None,
) -> dict[str, float] | None:
    """Train a plain classifier on synthetic windows alone, and test it on real ones.

    A logistic regression on features. Real windows are dealt in halves, by patient where each half
    then has all states: `value` is the macro F1 on one half after training on synthetic windows,
    `floor` that after training on the other half, of equally many windows of each state.

    Returns
    -------
    scores : dict or None
        `value` and `floor` with their intervals, `n_states`, `by_patient`. None where fewer than
        two states have enough windows.
    """
    states = [
        state
        for state in real
        if state in synthetic
        and len(real[state]) >= 2 * MIN_WINDOWS
        and len(synthetic[state]) >= MIN_WINDOWS
    ]
    if len(states) < 2:
        return None
    points, labels, patients = [], [], []
    for source in (real, synthetic):
        kept = [spaced(len(source[state]), MAX_WINDOWS) for state in states]
        windows = [as_microvolts(source[state])[k] for state, k in zip(states, kept)]
        labels.append(np.repeat(np.arange(len(states)), [len(X) for X in windows]))
        points.append(np.concatenate(windows))
        if groups is not None and source is real and all(state in groups for state in states):
            patients = [np.asarray(groups[state])[k] for state, k in zip(states, kept)]
    points = embed(*check_sets(sfreq, real=points[0], synthetic=points[1]), sfreq=sfreq)
    halves, by_patient = _deals(labels[0], np.concatenate(patients) if patients else None)
    rng = np.random.default_rng(SEED)
    values, floors = [], []
    for first, second in halves:
        train, drawn = _equally_many(labels[0], first, labels[1], rng)
        test = points[0][second], labels[0][second]
        floors.append(_trained_and_tested(points[0][train], labels[0][train], *test))
        values.append(_trained_and_tested(points[1][drawn], labels[1][drawn], *test))
    scores = {**_summary("value", values), **_summary("floor", floors)}
    return {**scores, "n_states": len(states), "by_patient": by_patient}


def _deals(
    labels: np.ndarray, groups: np.ndarray | None
) -> tuple[list[tuple[np.ndarray, np.ndarray]], bool]:
    """Halves of the rows, by patient where both then have all states; and whether it was so."""
    rng = np.random.default_rng(SEED)
    if groups is not None:
        known = np.unique(groups)
        found = []
        for _ in range(5 * N_DEALS):
            first = np.isin(groups, rng.permutation(known)[: len(known) // 2])
            if all(np.isin(np.unique(labels), labels[part]).all() for part in (first, ~first)):
                found.append((np.flatnonzero(first), np.flatnonzero(~first)))
            if len(found) == N_DEALS:
                return found, True
    halves = []
    for _ in range(N_DEALS):
        order = rng.permutation(len(labels))
        rank = np.empty(len(labels), int)
        for state in np.unique(labels):
            rows = order[labels[order] == state]
            rank[rows] = np.arange(len(rows))
        halves.append((np.flatnonzero(rank % 2 == 0), np.flatnonzero(rank % 2 == 1)))
    return halves, False


def _equally_many(
    labels: np.ndarray, rows: np.ndarray, synthetic: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of real and of synthetic windows to train on: of each state, equally many."""
    chosen: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for state in np.unique(labels):
        both = rows[labels[rows] == state], np.flatnonzero(synthetic == state)
        size = min(map(len, both))
        for kept, own in zip(chosen, both):
            kept.append(rng.permutation(own)[:size])
    return np.concatenate(chosen[0]), np.concatenate(chosen[1])


def _trained_and_tested(
    X: np.ndarray, y: np.ndarray, X_test: np.ndarray, y_test: np.ndarray
) -> float:
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000).fit(X, y)
    return float(f1_score(y_test, model.predict(X_test), average="macro", zero_division=0))


def _summary(name: str, values: list[float]) -> dict[str, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return {name: float(np.mean(values)), f"{name}_low": float(low), f"{name}_high": float(high)}
