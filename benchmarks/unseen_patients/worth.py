"""How many real patients a method is worth, read off the learning curve of real patients.

Scores come as arrays of shape (n_cohorts, n_groups): a row for each training cohort, a column for
each test patient, NaN where a cohort does not judge a patient. Intervals are percentiles of
a bootstrap over cohorts and test patients, drawn together for all arrays, so that everything is
paired; they always draw the same.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

N_BOOTSTRAP = 999
SCORES = ("average_precision", "macro_auc", "macro_f1")
CONTROL = (8, 32)  # real patients


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self):
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


class ControlFailed(ValueError):
    """The benchmark cannot see what real patients are worth."""


class ControlMissing(ControlFailed):
    """Nobody has asked yet."""


# --- from lines to arrays ----------------------------------------------------------------------


def table(lines, score):
    """Scores by method and number of patients: {(method, n_patients): (n_cohorts, n_groups)}.

    All arrays have the same cohorts and groups, those of any method.
    """
    frame = pd.DataFrame(lines)
    keys = ["method", "n_patients", "cohort", "group"]
    cells = frame.assign(**{score: frame[score].astype(float)}).groupby(keys)[score].mean()
    cells = cells.unstack("group")
    cohorts = sorted(frame["cohort"].unique())
    return {
        key: part.droplevel([0, 1]).reindex(cohorts).to_numpy()
        for key, part in cells.groupby(level=[0, 1])
    }


# --- the bootstrap -----------------------------------------------------------------------------


def draws(shape, n=N_BOOTSTRAP):
    """Rows and columns of each resample."""
    rng = np.random.default_rng(0)
    n_cohorts, n_groups = shape
    for _ in range(n):
        yield rng.integers(n_cohorts, size=n_cohorts), rng.integers(n_groups, size=n_groups)


def estimate(function, arrays):
    """`function` of the mean scores of arrays, with its interval.

    Only cohorts that all arrays have are used: a run that is not finished is compared fairly.
    """
    arrays = complete(arrays)
    if not len(arrays[0]):
        return Estimate(np.nan, np.nan, np.nan)
    found = [function([mean(a[np.ix_(*rows)]) for a in arrays]) for rows in draws(arrays[0].shape)]
    low, high = np.nanpercentile(found, [2.5, 97.5]) if np.isfinite(found).any() else (np.nan,) * 2
    return Estimate(float(function([mean(a) for a in arrays])), float(low), float(high))


def complete(arrays):
    """The cohorts of which all arrays have scores."""
    had = np.all([np.isfinite(a).any(axis=1) for a in arrays], axis=0)
    return [a[had] for a in arrays]


def mean(scores):
    """Mean over cohorts of the means over test patients."""
    known = np.isfinite(scores)
    return np.where(known, scores, 0).sum() / known.sum() if known.any() else np.nan


def difference(scores, baseline):
    """Gain over another method, paired."""
    return estimate(lambda m: m[0] - m[1], [scores, baseline])


def better_in(scores, baseline):
    """Cohorts in which the mean gain is above 0, and how many there are."""
    gains = [mean(a) - mean(b) for a, b in zip(*complete([scores, baseline]))]
    return int(np.sum(np.array(gains) > 0)), len(gains)


# --- the ruler ---------------------------------------------------------------------------------


def read_off(score, ns, curve):
    """The number of real patients at which a curve reaches a score.

    The curve is made monotone (isotonic regression) and is linear in log2 of the number between its
    points; beyond its ends the ends are returned.
    """
    rising = isotonic_regression(curve).x
    if score <= rising[0]:
        return float(ns[0])
    if score >= rising[-1]:
        return float(ns[-1])
    k = int(np.searchsorted(rising, score))  # rising[k - 1] < score <= rising[k]
    share = (score - rising[k - 1]) / (rising[k] - rising[k - 1])
    log_n = np.log2(ns)
    return float(2 ** (log_n[k - 1] + share * (log_n[k] - log_n[k - 1])))


def worth(scores, ruler, n):
    """Real patients that a method stands for, relative to the n that it was trained on.

    ruler : {number of real patients: scores without augmentation}.
    """
    ns = sorted(ruler)
    return estimate(
        lambda means: read_off(means[0], ns, means[1:]) / n, [scores, *(ruler[k] for k in ns)]
    )


def marked(found, ns, n):
    """Worth in words: an end of the curve says only that the value lies beyond it."""

    def said(value):
        if np.isnan(value):
            return "–"
        least, most = ns[0] / n, ns[-1] / n
        if np.isclose(value, least):
            return f"≤ {least:.2g}"
        return f"≥ {most:.2g}" if np.isclose(value, most) else f"{value:.2f}"

    return f"{said(found.value)} ({said(found.low)} to {said(found.high)})"


def gap_closed(scores, none, full):
    """Share of the way from none to seizures of all patients that a method goes."""
    return estimate(
        lambda m: (m[0] - m[1]) / (m[2] - m[1]) if m[2] > m[1] else np.nan, [scores, none, full]
    )


# --- the positive control ----------------------------------------------------------------------


def require_control(lines, split):
    """What 32 real patients add to 8, for each score; an error unless all are surely above 0."""
    few, many = CONTROL
    lines = [line for line in lines if line["split"] == split and line["method"] == "none"]
    lines = [line for line in lines if (line["data"], line["regime"]) == ("cohort", "all")]
    if {few, many} - {line["n_patients"] for line in lines}:
        raise ControlMissing(f"there are no lines of {few} and of {many} patients in {split}.")
    found = {}
    for score in SCORES:
        by_size = table(lines, score)
        found[score] = difference(by_size["none", many], by_size["none", few])
    said = "; ".join(f"{score} {gain}" for score, gain in found.items())
    if not all(gain.low > 0 for gain in found.values()):
        raise ControlFailed(f"{many} real patients are not surely better than {few}: {said}.")
    return f"{many} real patients against {few}: {said}"
