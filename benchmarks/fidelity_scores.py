"""Every number by which the fidelity benchmark compares two sets of windows."""

import numpy as np
from scipy.signal import hilbert
from scipy.stats import ks_2samp
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score, f1_score

from geneeg_sk.features import EEGFeatures
from geneeg_sk.metrics import (
    amplitude_distance,
    autocorrelation_distance,
    c2st,
    coherence_error,
    correlation_error,
    ks_by_feature,
    mmd,
    near_copies,
    nearest_neighbour_ratio,
    prdc,
    spectral_distance,
)

LAG_SECONDS = 0.25  # over which channels can lead or lag
TREES = 300
SHIFTED = 50  # windows compared with every training window at every shift: it is slow


def similarity(held_out, windows, sfreq, groups):
    """Scores of `windows` beside held-out real ones; `groups` are the latter's recordings."""
    ks = ks_by_feature(held_out, windows, sfreq=sfreq)
    spectrum = spectral_distance(held_out, windows, sfreq=sfreq)
    diversity = prdc(held_out, windows, sfreq=sfreq)
    scores = {
        "ks_mean": ks["statistic"].mean(),
        "ks_max": ks["statistic"].max(),
        "ks_rejected": ks["rejected"].mean(),
        "lsd_db": spectrum["mean"],
        "lsd_bands_db": spectrum.drop("mean").to_dict(),
        "autocorrelation": autocorrelation_distance(held_out, windows, sfreq=sfreq),
        "amplitude": amplitude_distance(held_out, windows, sfreq=sfreq),
        "mmd": mmd(held_out, windows, sfreq=sfreq),
        "density": diversity["density"],
        "coverage": diversity["coverage"],
        "beyond_spectrum": beyond_spectrum(held_out, windows, sfreq),
    }
    if held_out.shape[1] > 1:
        scores["correlation_error"] = correlation_error(held_out, windows, sfreq=sfreq)
        scores["coherence_error"] = coherence_error(held_out, windows, sfreq=sfreq)["mean"]
    for on, key in (("features", "c2st_features"), ("windows", "c2st_raw")):
        scores[key] = c2st(
            held_out,
            windows,
            sfreq=sfreq,
            on=on,
            groups=groups if len(np.unique(groups)) > 1 else None,
            random_state=0,
        )
    return scores


def memorisation(held_out, windows, train, sfreq):
    """Is there more of single training windows in `windows` than in held-out real ones?"""
    some = windows[:: -(-len(windows) // SHIFTED)]
    return {
        "nn_ratio": nearest_neighbour_ratio(windows, train, held_out, sfreq=sfreq),
        "near_copies": near_copies(windows, train, sfreq=sfreq),
        "near_copies_shifted": near_copies(some, train, sfreq=sfreq, on="windows"),
    }


def beyond_spectrum(held_out, windows, sfreq):
    """KS distances, mean over channels, of what phase randomisation destroys."""
    real, other = (_nonlinear(X.astype(float), sfreq) for X in (held_out, windows))
    return {
        name: float(
            np.mean([ks_2samp(a, b).statistic for a, b in zip(real[name].T, other[name].T)])
        )
        for name in real
    }


def _nonlinear(X, sfreq):
    """Statistics of higher order of each window and channel."""
    x = X - X.mean(axis=2, keepdims=True)
    x /= np.maximum(x.std(axis=2, keepdims=True), 1e-9)
    step = np.diff(x, axis=2)
    envelope = np.abs(hilbert(x, axis=2))
    envelope -= envelope.mean(axis=2, keepdims=True)
    spectrum = np.fft.rfft(envelope, axis=2)
    rhythm = np.fft.irfft(np.abs(spectrum) ** 2, x.shape[2], axis=2)
    lags = slice(max(1, round(0.1 * sfreq)), x.shape[2] // 2)
    # Three frequencies of which the third is the sum of two keep a phase if waves have a shape.
    n = max(2, min(x.shape[2] // 8, 24))
    f = np.fft.rfft(x, axis=2)[:, :, 1 : 2 * n + 2]
    doubled = f[:, :, :n] ** 2 * f[:, :, 1 : 2 * n : 2].conj()
    scores = {
        "kurtosis": (x**4).mean(axis=2),
        "time_reversal_asymmetry": (step**3).mean(axis=2) / ((step**2).mean(axis=2) ** 1.5 + 1e-9),
        "envelope_autocorrelation": rhythm[:, :, lags].max(axis=2) / (rhythm[:, :, 0] + 1e-9),
        "phase_coupling": np.abs(doubled.sum(axis=2)) / (np.abs(doubled).sum(axis=2) + 1e-9),
    }
    if x.shape[1] > 1:
        scores["channel_lag"] = _lags(x, sfreq)
    return scores


def _lags(x, sfreq):
    """Delay of each channel behind the one before it, in samples, by cross-correlation."""
    n = x.shape[2]
    most = max(1, min(round(LAG_SECONDS * sfreq), n // 2 - 1))
    f = np.fft.rfft(x, 2 * n, axis=2)
    cross = np.fft.irfft(f[:, 1:] * f[:, :-1].conj(), 2 * n, axis=2)
    near = np.concatenate([cross[:, :, -most:], cross[:, :, : most + 1]], axis=2)
    return np.abs(near).argmax(axis=2) - most


def conditioning(train, held_out, synthetic, y_synthetic, patients_synthetic):
    """Are states and patients recovered by classifiers that learned on real training windows?"""
    features = EEGFeatures(sfreq=train.sfreq)
    real, test, made = (features.fit_transform(X) for X in (train.X, held_out.X, synthetic))
    forest = RandomForestClassifier(TREES, class_weight="balanced", random_state=0, n_jobs=1)
    state = forest.fit(real, train.y)
    scores = {
        "state_real": balanced_accuracy_score(held_out.y, state.predict(test)),
        "state_synthetic": balanced_accuracy_score(y_synthetic, state.predict(made)),
        "f1_train_real": f1_score(held_out.y, state.predict(test), average="macro"),
    }
    on_synthetic = forest.fit(made, y_synthetic)
    scores["f1_train_synthetic"] = f1_score(held_out.y, on_synthetic.predict(test), average="macro")
    if train.patients is not None and len(np.unique(train.patients)) > 1:
        scores |= _patients(forest, train, held_out, real, test, made, y_synthetic)
    return scores


def _patients(forest, train, held_out, real, test, made, y_synthetic):
    """The same for patients, in each state on its own."""
    scores = {}
    for state in np.unique(train.y):
        rows, rest, new = train.y == state, held_out.y == state, y_synthetic == state
        model = forest.fit(real[rows], train.patients[rows])
        truth = held_out.patients[rest]  # synthetic windows imitate those of the held-out ones
        scores[f"patient_real_{state}"] = np.mean(model.predict(test[rest]) == truth)
        scores[f"patient_synthetic_{state}"] = np.mean(model.predict(made[new]) == truth)
    return scores
