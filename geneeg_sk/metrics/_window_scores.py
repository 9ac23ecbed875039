"""Real, diverse, private, useful: numbers for synthetic windows, and for real in their place."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from geneeg_sk._checks import as_microvolts, check_groups
from geneeg_sk._typing import WindowsByState, WindowsLike
from geneeg_sk.metrics._clouds import prdc
from geneeg_sk.metrics._copies import find_copies
from geneeg_sk.metrics._fidelity import ks_by_feature
from geneeg_sk.metrics._memorization import membership_inference_auc
from geneeg_sk.metrics._patient_test import PatientTest
from geneeg_sk.metrics._reference import CONFIDENCE, Score, real_reference, score_with_reference
from geneeg_sk.metrics._sets import check_sets, embed, pick_evenly
from geneeg_sk.metrics._training import tstr_scores
from geneeg_sk.metrics._waveform_shape import LOWEST_SFREQ, rhythm_distance, spike_survival

MIN_WINDOWS = 8  # in each of the sets that are compared; with fewer, no number means anything
MAX_WINDOWS = 200  # of each state and set: more change the numbers little, and cost
MIN_GROUPS = 4  # two in each half: a classifier learns on one and is judged on the other
N_SPLITS = 8
MIN_COPIES = 30  # windows in which copies are looked for, whatever it costs
COPY_COST = 2e8  # samples compared at all shifts: a second or two
MAX_COPY_COST = 1e9  # with which it is seconds also where real windows are many
SEED = 0
COLUMNS = [f"{name}{end}" for name in ("value", "reference") for end in ("", "_low", "_high")]


def score_windows(
    real: WindowsByState,
    synthetic: WindowsByState,
    *,
    sfreq: float,
    groups: Mapping[Any, ArrayLike] | None = None,
    holdout: WindowsByState | None = None,
) -> pd.DataFrame:
    """Score the synthetic windows of each state, and real windows in their place.

    Parameters
    ----------
    real, synthetic : dict of state to array of shape (n_windows, n_channels, n_times)
        Windows in microvolts, or ``mne.Epochs``; the real ones are those the generator has seen.
    sfreq : float
        Sampling frequency, Hz.
    groups : dict of state to array, default=None
        Patient of each real window. Real windows are split in halves by patient where there are
        four or more with enough windows, else one by one.
    holdout : dict of state to array, default=None
        Real windows that the generator has not seen.

    Returns
    -------
    table : DataFrame
        One row for each `state` that is in both with at least 16 real and 8 synthetic windows, and
        `score`: `c2st_windows`, `c2st_features`, `ks`, `precision`, `rhythm`, `spikes` (real?),
        `recall`, `coverage` (diverse?), `copies`, and with a holdout `membership` (private?).
        `value` and `reference`, each with an interval from ``_low`` to ``_high``; `n_real`,
        `n_synthetic`, how many windows were compared; `by_patient`, whether the reference is that
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
        own = None if own is None else own[pick_evenly(len(own), MAX_WINDOWS)]
        n_patients = 0 if own is None else len(np.unique(own))
        train = sets["real"]
        sets = {name: X[pick_evenly(len(X), MAX_WINDOWS)] for name, X in sets.items()}
        if len(sets["real"]) < 2 * MIN_WINDOWS or len(sets["synthetic"]) < MIN_WINDOWS:
            continue
        own = own if _can_be_split(own) else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what is left out is said on the page
            scores = _score_sets(sets, train, sfreq, own)
        common = {
            "n_real": len(sets["real"]),
            "n_synthetic": len(sets["synthetic"]),
            "by_patient": own is not None,
            "n_patients": n_patients,
            "one_channel": train.shape[1] == 1,
        }
        rows += [{"state": state, "score": name, **common, **one} for name, one in scores.items()]
    return pd.DataFrame(rows)


def _can_be_split(groups: np.ndarray | None) -> bool:
    """Tell whether each half of the patients, also that with fewest windows, has enough."""
    if groups is None:
        return False
    counts = np.sort(np.unique(groups, return_counts=True)[1])
    return len(counts) >= MIN_GROUPS and counts[: len(counts) // 2].sum() >= MIN_WINDOWS


def _score_sets(
    sets: dict[str, np.ndarray], train: np.ndarray, sfreq: float, groups: np.ndarray | None
) -> dict[str, dict[str, Any]]:
    real, synthetic = sets["real"], sets["synthetic"]
    how: dict[str, Any] = {
        "sfreq": sfreq,
        "groups": groups,
        "n_repeats": N_SPLITS,
        "random_state": SEED,
    }
    shares = score_with_reference(prdc, real, synthetic, **how)
    scores = {
        **_run_two_sample_tests(real, synthetic, sfreq, groups),
        "ks": _score(_mean_ks, real, synthetic, how),
        "precision": shares.loc["precision", COLUMNS].to_dict(),
        "rhythm": _score(rhythm_distance, real, synthetic, how),
    }
    if sfreq >= LOWEST_SFREQ:
        scores["spikes"] = _compare_spikes(real, synthetic, sfreq)
    for name in ("recall", "coverage"):
        scores[name] = shares.loc[name, COLUMNS].to_dict()
    scores["copies"] = _count_copies(real, synthetic, train, how)
    if "holdout" in sets:
        scores["membership"] = _infer_membership(sets, how)
    return scores


def _run_two_sample_tests(
    real: np.ndarray, synthetic: np.ndarray, sfreq: float, groups: np.ndarray | None
) -> dict[str, dict[str, Any]]:
    """Return AUCs of the tests, what they would have seen, and AUCs of halves of the real windows.

    With few patients a fold judges one or two, and the bootstrap over them is too narrow; so an
    interval is at least as wide as that of the reference.
    """
    test = PatientTest(real, synthetic, sfreq=sfreq, groups=groups, random_state=SEED)
    found = {}
    for on in ("windows", "features"):
        result = test.test_synthetic(on)
        reference = _summarize("reference", test.test_real(on))
        below, above = (
            abs(reference["reference"] - reference[f"reference_{end}"]) for end in ("low", "high")
        )
        found[f"c2st_{on}"] = {
            "value": result.auc,
            "value_low": max(0.0, min(result.interval[0], result.auc - below)),
            "value_high": min(1.0, max(result.interval[1], result.auc + above)),
            **reference,
            "detectable": result.detectable,
        }
    return found


def _score(
    score: Score, real: np.ndarray, synthetic: np.ndarray, how: dict[str, Any]
) -> dict[str, float]:
    return score_with_reference(score, real, synthetic, **how).iloc[0][COLUMNS].to_dict()


def _compare_spikes(real: np.ndarray, synthetic: np.ndarray, sfreq: float) -> dict[str, float]:
    """Share of synthetic windows with sharp discharges, and of the real ones as reference."""
    found = spike_survival(real, synthetic, sfreq=sfreq)
    return {
        **_share("value", round(found["synthetic"] * len(synthetic)), len(synthetic)),
        **_share("reference", round(found["real"] * len(real)), len(real)),
    }


def _mean_ks(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    """Mean over features and channels of the Kolmogorov-Smirnov statistic."""
    return float(ks_by_feature(real, synthetic, sfreq=sfreq)["statistic"].mean())


def _count_copies(
    real: np.ndarray, synthetic: np.ndarray, train: np.ndarray, how: dict[str, Any]
) -> dict[str, Any]:
    """Share of copies of any window of `train`, and the share of such copies among real windows.

    Not of halves: the generator has seen all real windows, and a copy is a copy of one.
    """
    size = train[0].size
    most = max(MAX_WINDOWS, int(MAX_COPY_COST / (MIN_COPIES * size)))
    train = train[pick_evenly(len(train), most)]
    n_looked_at = max(MIN_COPIES, int(COPY_COST / (len(train) * size)))
    looked_at = synthetic[pick_evenly(len(synthetic), n_looked_at)]
    near = find_copies(train, looked_at, sfreq=how["sfreq"])["near"]
    kept = pick_evenly(len(real), max(2 * MIN_COPIES, int((COPY_COST / size) ** 0.5)))
    options = how if how["groups"] is None else {**how, "groups": how["groups"][kept]}
    among_real = real_reference(find_copies, real[kept], **options).loc["near"]
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


def _infer_membership(sets: dict[str, np.ndarray], how: dict[str, Any]) -> dict[str, float]:
    """Membership inference, its interval by half-sampling the real sets, and its reference.

    The synthetic windows stay whole: half of them would lack half of the copies.
    """
    rng = np.random.default_rng(SEED)

    def half(X: np.ndarray) -> np.ndarray:
        return X[rng.permutation(len(X))[: (len(X) + 1) // 2]]

    def score(train: np.ndarray, holdout: np.ndarray) -> float:
        return membership_inference_auc(holdout, sets["synthetic"], train=train, sfreq=how["sfreq"])

    train, holdout = sets["real"], sets["holdout"]
    values = [score(half(train), half(holdout)) for _ in range(N_SPLITS)]
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    reference = real_reference(membership_inference_auc, train, **how).iloc[0]
    value = score(train, holdout)
    return {
        "value": value,
        "value_low": min(low, value),
        "value_high": max(high, value),
        **reference.to_dict(),
    }


def score_training(
    real: WindowsByState,
    synthetic: WindowsByState,
    *,
    sfreq: float,
    groups: Mapping[Any, ArrayLike] | None = None,
) -> dict[str, float] | None:
    """Train a plain classifier on synthetic windows alone, and test it on real ones.

    `tstr_scores` of a logistic regression on features. Real windows are split in halves, by patient
    where each half then has all states: `value` is the macro F1 on one half after training on
    synthetic windows, `reference` that after training on the other half, of equally many windows of
    each state.

    Returns
    -------
    scores : dict or None
        `value` and `reference` with their intervals, `n_states`, `by_patient`. None where fewer
        than two states have enough windows.
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
        kept = [pick_evenly(len(source[state]), MAX_WINDOWS) for state in states]
        windows = [as_microvolts(source[state])[k] for state, k in zip(states, kept)]
        labels.append(np.repeat(np.arange(len(states)), [len(X) for X in windows]))
        points.append(np.concatenate(windows))
        if groups is not None and source is real and all(state in groups for state in states):
            patients = [np.asarray(groups[state])[k] for state, k in zip(states, kept)]
    points = embed(*check_sets(sfreq, real=points[0], synthetic=points[1]), sfreq=sfreq)
    halves, by_patient = _split_in_halves(labels[0], np.concatenate(patients) if patients else None)
    rng = np.random.default_rng(SEED)
    scores = []
    for first, second in halves:
        train, drawn = _draw_equally_many(labels[0], first, labels[1], rng)
        scores.append(
            tstr_scores(
                points[0][second],
                points[1][drawn],
                y_real=labels[0][second],
                y_synthetic=labels[1][drawn],
                train=points[0][train],
                y_train=labels[0][train],
                estimator=LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000),
            )
        )
    table = pd.DataFrame(scores)
    return {
        **_summarize("value", table["train_on_synthetic"]),
        **_summarize("reference", table["train_on_real"]),
        "n_states": len(states),
        "by_patient": by_patient,
    }


def _split_in_halves(
    labels: np.ndarray, groups: np.ndarray | None
) -> tuple[list[tuple[np.ndarray, np.ndarray]], bool]:
    """Return halves of the rows, by patient where both then have all states; and whether so."""
    rng = np.random.default_rng(SEED)
    if groups is not None:
        known = np.unique(groups)
        found = []
        for _ in range(5 * N_SPLITS):
            first = np.isin(groups, rng.permutation(known)[: len(known) // 2])
            if all(np.isin(np.unique(labels), labels[part]).all() for part in (first, ~first)):
                found.append((np.flatnonzero(first), np.flatnonzero(~first)))
            if len(found) == N_SPLITS:
                return found, True
    halves = []
    for _ in range(N_SPLITS):
        order = rng.permutation(len(labels))
        rank = np.empty(len(labels), int)
        for state in np.unique(labels):
            rows = order[labels[order] == state]
            rank[rows] = np.arange(len(rows))
        halves.append((np.flatnonzero(rank % 2 == 0), np.flatnonzero(rank % 2 == 1)))
    return halves, False


def _draw_equally_many(
    labels: np.ndarray, rows: np.ndarray, synthetic: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of real and of synthetic windows to train on: of each state, equally many."""
    chosen: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for state in np.unique(labels):
        both = rows[labels[rows] == state], np.flatnonzero(synthetic == state)
        size = min(map(len, both))
        for kept, own in zip(chosen, both):
            kept.append(rng.permutation(own)[:size])
    return np.concatenate(chosen[0]), np.concatenate(chosen[1])


def _summarize(name: str, values: Sequence[float] | pd.Series) -> dict[str, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return {name: float(np.mean(values)), f"{name}_low": float(low), f"{name}_high": float(high)}
