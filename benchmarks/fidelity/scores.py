"""Every number by which the fidelity benchmark compares two sets of windows."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score, f1_score

from geneeg_sk import metrics
from geneeg_sk.features import EEGFeatures

TREES = 300
FEWEST_GROUPS = 4  # for folds that keep them apart


def similarity(reference, windows):
    """Scores of windows of one state beside the reference of that state."""
    real, made, sfreq = reference.X, windows.X, reference.sfreq
    ks = metrics.ks_by_feature(real, made, sfreq=sfreq)["statistic"]
    spectrum = metrics.spectral_distance(real, made, sfreq=sfreq)
    diversity = metrics.prdc(real, made, sfreq=sfreq)
    scores = two_sample(reference, windows)
    scores |= {
        "ks_mean": ks.mean(),
        "lsd_db": spectrum["mean"],
        "worst_band_db": spectrum.drop("mean").max(),
        "worst_band": spectrum.drop("mean").idxmax(),
        "density": diversity["density"],
        "coverage": diversity["coverage"],
    }
    scores |= spikes(reference, windows)
    for name, measure in DISTANCES.items():
        scores[name] = measure(real, made, sfreq=sfreq)
    if real.shape[1] > 1:
        scores["correlation_error"] = metrics.correlation_error(real, made, sfreq=sfreq)
        scores["coherence_error"] = metrics.coherence_error(real, made, sfreq=sfreq)["mean"]
        scores["lag"] = metrics.lag_distance(real, made, sfreq=sfreq)
    return scores


DISTANCES = {
    "autocorrelation": metrics.autocorrelation_distance,
    "amplitude": metrics.amplitude_distance,
    "mmd": metrics.mmd,
    "rhythm": metrics.rhythm_distance,
    "asymmetry": metrics.asymmetry_distance,
    "phase_amplitude": metrics.phase_amplitude_distance,
    "course": metrics.course_distance,
}


def spikes(reference, windows):
    """Windows in which a detector of discharges fires, beside real ones."""
    found = metrics.spike_survival(reference.X, windows.X, sfreq=reference.sfreq)
    return {f"spike_{name}": float(found[name]) for name in ("ratio", "difference")}


def two_sample(reference, windows):
    """Areas under the ROC curve of both two-sample tests, and their intervals.

    Folds keep patients apart on both sides, where there are enough: with folds by recording, a
    fresh recording on trial looks like another one of the same patient, which was real or synthetic
    in training by chance, and two sets of real windows come out far from 0.5. Elsewhere folds keep
    recordings apart, see `by_recording`.
    """
    scores = {}
    groups, made_groups = folds(reference, windows)
    for on in ("windows", "features"):
        result = _c2st(reference, windows, on, groups, made_groups)
        scores |= {f"c2st_{on}": float(result), f"c2st_{on}_interval": list(result.interval)}
    return scores


def by_recording(reference, windows):
    """The same with folds by recording, whatever the patients."""
    groups = reference.recordings, of_recordings(windows)
    return {
        f"c2st_{on}_by_recording": float(_c2st(reference, windows, on, *groups))
        for on in ("windows", "features")
    }


def _c2st(reference, windows, on, groups, made_groups):
    return metrics.c2st(
        reference.X,
        windows.X,
        sfreq=reference.sfreq,
        on=on,
        groups=groups,
        synthetic_groups=made_groups,
        random_state=0,
    )


def folds(reference, windows):
    """Groups of either side that folds keep whole: patients, or recordings where they are few."""
    patients = reference.patients
    if patients is not None and len(np.unique(patients)) >= FEWEST_GROUPS:
        return patients, windows.patients
    return reference.recordings, of_recordings(windows)


def of_recordings(windows):
    """Recordings that windows are or were made of; of very few recordings, equal windows."""
    if windows.recordings is None:
        return None
    if len(np.unique(windows.recordings)) >= FEWEST_GROUPS:
        return windows.recordings
    return np.unique([window.tobytes() for window in windows.X], return_inverse=True)[1]


def memorization(reference, windows, train):
    """Is there more of single training windows in `windows` than in fresh real ones?"""
    sfreq = reference.sfreq
    ratio = metrics.nearest_neighbor_ratio(reference.X, windows.X, train=train.X, sfreq=sfreq)
    copies = metrics.find_copies(train.X, windows.X, sfreq=sfreq, on="features")
    return {"nn_ratio": ratio, "near_copies": copies["near"].mean()}


def conditioning(train, reference, windows):
    """Are states and patients recovered by classifiers that learned on real training windows?

    Synthetic windows imitate those of the reference, one by one.
    """
    features = EEGFeatures(sfreq=train.sfreq)
    real, test, made = (features.fit_transform(part.X) for part in (train, reference, windows))
    forest = RandomForestClassifier(TREES, class_weight="balanced", random_state=0, n_jobs=1)
    forest.fit(real, train.y)
    scores = {
        "state_real": balanced_accuracy_score(reference.y, forest.predict(test)),
        "state_synthetic": balanced_accuracy_score(windows.y, forest.predict(made)),
        "f1_train_real": f1_score(reference.y, forest.predict(test), average="macro"),
    }
    forest.fit(made, windows.y)
    scores["f1_train_synthetic"] = f1_score(reference.y, forest.predict(test), average="macro")
    if train.patients is not None and len(np.unique(train.patients)) > 1:
        for state in np.unique(train.y):
            rows, rest, new = (part.y == state for part in (train, reference, windows))
            forest.fit(real[rows], train.patients[rows])
            of_real = forest.predict(test[rest]) == reference.patients[rest]
            of_made = forest.predict(made[new]) == windows.patients[new]
            scores[f"patient_real_{state}"] = of_real.mean()
            scores[f"patient_synthetic_{state}"] = of_made.mean()
    return scores
