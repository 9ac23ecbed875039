"""Every measure of `geneeg_sk.metrics` that compares sets of windows, as one number each.

Not here: scores of predictions (events, calibration), and `tstr_scores` and `augmentation_gain`,
which need labels of several states.
"""

import numpy as np

from geneeg_sk import metrics

COPY_WINDOWS = 50  # windows in which shifted copies are looked for: the search is slow


def on_windows(score):
    """A score of real and synthetic windows."""
    return lambda real, trial, train, sfreq, seed: float(score(real.X, trial, sfreq=sfreq))


def part(score, name):
    """One number of a score that has several."""
    return lambda real, trial, train, sfreq, seed: float(score(real.X, trial, sfreq=sfreq)[name])


def two_sample(on):
    def measure(real, trial, train, sfreq, seed):
        groups = real.recordings if len(np.unique(real.recordings)) > 1 else None
        return float(
            metrics.c2st(real.X, trial, sfreq=sfreq, on=on, groups=groups, random_state=seed)
        )

    return measure


def copies(real, trial, train, sfreq, seed):
    return float(metrics.find_copies(train.X, trial, sfreq=sfreq, on="features")["near"].mean())


def shifted_copies(real, trial, train, sfreq):
    """Near and exact copies, shifted or turned over: shares of some of the windows."""
    some = trial[:: -(-len(trial) // COPY_WINDOWS)]
    found = metrics.find_copies(train.X, some, sfreq=sfreq)
    return {
        "near_copies_windows": float(found["near"].mean()),
        "exact_copies": float(found["exact"].mean()),
    }


def diversity(real, trial, train, sfreq):
    return {f"prdc_{k}": float(v) for k, v in metrics.prdc(real.X, trial, sfreq=sfreq).items()}


def spectrum(real, trial, train, sfreq):
    bands = metrics.spectral_distance(real.X, trial, sfreq=sfreq)
    return {
        "spectral_distance_mean": float(bands["mean"]),
        "spectral_distance_worst_band": float(bands.drop("mean").max()),
    }


def features(real, trial, train, sfreq):
    statistic = metrics.ks_by_feature(real.X, trial, sfreq=sfreq)["statistic"]
    return {
        "ks_by_feature_mean": float(statistic.mean()),
        "ks_by_feature_max": float(statistic.max()),
    }


def nearest(real, trial, train, sfreq, seed):
    return float(metrics.nearest_neighbor_ratio(real.X, trial, train=train.X, sfreq=sfreq))


def record_distance(real, trial, train, sfreq, seed):
    distances = metrics.distance_to_closest_record(real.X, trial, train=train.X, sfreq=sfreq)
    return float(distances["median"])


def membership(real, trial, train, sfreq, seed):
    return float(metrics.membership_inference_auc(real.X, trial, train=train.X, sfreq=sfreq))


MEASURES = {
    "c2st_features": two_sample("features"),
    "c2st_windows": two_sample("windows"),
    "amplitude_distance": on_windows(metrics.amplitude_distance),
    "autocorrelation_distance": on_windows(metrics.autocorrelation_distance),
    "asymmetry_distance": on_windows(metrics.asymmetry_distance),
    "course_distance": on_windows(metrics.course_distance),
    "phase_amplitude_distance": on_windows(metrics.phase_amplitude_distance),
    "rhythm_distance": on_windows(metrics.rhythm_distance),
    "spike_survival": part(metrics.spike_survival, "difference"),
    "frechet_distance": on_windows(metrics.frechet_distance),
    "mmd": on_windows(metrics.mmd),
    "near_copies_features": copies,
    "nearest_neighbor_ratio": nearest,
    "distance_to_closest_record": record_distance,
    "membership_inference_auc": membership,
}
MANY_CHANNELS = {
    "lag_distance": on_windows(metrics.lag_distance),
    "correlation_error": on_windows(metrics.correlation_error),
    "coherence_error": part(metrics.coherence_error, "mean"),
}
SEVERAL = (features, spectrum, diversity, shifted_copies)  # several numbers at once


def all_measures(real, trial, train, sfreq, seed):
    """Every measure of a set on trial, by name."""
    measures = MEASURES if trial.shape[1] == 1 else {**MEASURES, **MANY_CHANNELS}
    found = {name: measure(real, trial, train, sfreq, seed) for name, measure in measures.items()}
    for measure in SEVERAL:
        found |= measure(real, trial, train, sfreq)
    return found
