"""What each score means: which way is better, its range, and where it comes from."""

from __future__ import annotations

from typing import Literal, NamedTuple

import pandas as pd


class Metric(NamedTuple):
    """A number that a function of this module computes."""

    function: str
    label: str  # in tables and pictures
    better: Literal["higher", "lower", "as real"]
    range: str
    source: str  # first author and year, in full in the function's docstring; "" if it is its own


METRICS = {
    # sets of windows: are they real?
    "c2st_windows": Metric(
        "c2st", "AUC of a test on signals", "as real", "0 to 1", "Lopez-Paz 2017"
    ),
    "c2st_features": Metric(
        "c2st", "AUC of a test on features", "as real", "0 to 1", "Lopez-Paz 2017"
    ),
    "ks": Metric("ks_by_feature", "mean KS distance", "lower", "0 to 1", ""),
    "precision": Metric("prdc", "precision", "higher", "0 to 1", "Kynkäänniemi 2019"),
    "density": Metric("prdc", "density", "as real", "0 and up", "Naeem 2020"),
    "rhythm": Metric("rhythm_distance", "KS distance of rhythm", "lower", "0 to 1", "Boersma 1993"),
    "asymmetry": Metric(
        "asymmetry_distance", "KS distance of asymmetry", "lower", "0 to 1", "Schreiber 2000"
    ),
    "phase_amplitude": Metric(
        "phase_amplitude_distance",
        "KS distance of phase-amplitude coupling",
        "lower",
        "0 to 1",
        "Canolty 2006",
    ),
    "lag": Metric("lag_distance", "KS distance of lags between channels", "lower", "0 to 1", ""),
    "spikes": Metric(
        "spike_survival", "windows with sharp discharges", "as real", "0 to 1", "Kural 2020"
    ),
    "course": Metric("course_distance", "distance of courses (dB)", "lower", "0 and up", ""),
    "spectral_distance": Metric(
        "spectral_distance", "log-spectral distance (dB)", "lower", "0 and up", "Gray 1976"
    ),
    "amplitude": Metric(
        "amplitude_distance", "distance of amplitudes", "lower", "0 and up", "Ramdas 2017"
    ),
    "autocorrelation": Metric(
        "autocorrelation_distance", "distance of autocorrelation", "lower", "0 to 2", "Box 1976"
    ),
    "correlation": Metric(
        "correlation_error", "error of channel correlation", "lower", "0 to 2", "Ni 2021"
    ),
    "coherence": Metric(
        "coherence_error", "error of channel coherence", "lower", "0 to 1", "Welch 1967"
    ),
    "frechet_distance": Metric(
        "frechet_distance", "Fréchet distance", "lower", "0 and up", "Dowson 1982"
    ),
    "mmd": Metric("mmd", "maximum mean discrepancy, squared", "lower", "up to 2", "Gretton 2012"),
    # ... are they diverse?
    "recall": Metric("prdc", "recall", "higher", "0 to 1", "Kynkäänniemi 2019"),
    "coverage": Metric("prdc", "coverage", "higher", "0 to 1", "Naeem 2020"),
    # ... are they private?
    "copies": Metric("find_copies", "share of near copies", "lower", "0 to 1", "Yoon 2023"),
    "membership": Metric(
        "membership_inference_auc", "membership inference AUC", "as real", "0 to 1", "Chen 2020"
    ),
    "nearest_neighbor_ratio": Metric(
        "nearest_neighbor_ratio", "nearest-neighbor ratio", "as real", "0 and up", "Park 2018"
    ),
    "nearer_to_train": Metric(
        "distance_to_closest_record",
        "share nearer to training windows",
        "as real",
        "0 to 1",
        "Platzer 2021",
    ),
    # ... are they useful?
    "train_on_synthetic": Metric(
        "tstr_scores", "macro F1, trained on synthetic", "higher", "0 to 1", "Esteban 2017"
    ),
    "gain": Metric("augmentation_gain", "gain in macro F1", "higher", "-1 to 1", ""),
    # predictions
    "accuracy": Metric("compare_samplers", "accuracy", "higher", "0 to 1", ""),
    "macro_f1": Metric("compare_samplers", "macro F1", "higher", "0 to 1", ""),
    "macro_auc": Metric("compare_samplers", "macro AUC", "higher", "0 to 1", ""),
    "brier": Metric("compare_samplers", "Brier score", "lower", "0 to 2", "Brier 1950"),
    "ece": Metric("expected_calibration_error", "ECE", "lower", "0 to 1", "Guo 2017"),
    # seizures
    "event_sensitivity": Metric("event_scores", "sensitivity", "higher", "0 to 1", "Dan 2024"),
    "event_precision": Metric("event_scores", "precision", "higher", "0 to 1", "Dan 2024"),
    "event_f1": Metric("event_scores", "F1", "higher", "0 to 1", "Dan 2024"),
    "false_alarms_per_day": Metric(
        "event_scores", "false alarms in 24 h", "lower", "0 and up", "Dan 2024"
    ),
    "latency": Metric("event_scores", "latency (s)", "lower", "-30 and up", "Dan 2024"),
    # human readers
    "reader_accuracy": Metric("reader_agreement", "accuracy of readers", "as real", "0 to 1", ""),
}


def list_metrics() -> pd.DataFrame:
    """List the scores: which way is better, the range, and the source of each.

    Returns
    -------
    table : DataFrame
        One row for each number that a function of this module computes (index `metric`):
        `function`; `label`, as tables and pictures call it; `better`: ``"higher"``, ``"lower"``,
        or ``"as real"``, the nearer to the value for real windows (`real_reference`); `range`;
        `source`, first author and year, in full in the docstring of the function.

    Examples
    --------
    >>> from geneeg_sk.metrics import list_metrics
    >>> list_metrics().loc["coverage", ["function", "better", "range"]].tolist()
    ['prdc', 'higher', '0 to 1']
    """
    return pd.DataFrame.from_dict(METRICS, orient="index", columns=Metric._fields).rename_axis(
        "metric"
    )
