"""Scores and statistics of windows, predictions and patients."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_calibration": ["expected_calibration_error"],
        "_channels": ["coherence_error", "correlation_error"],
        "_clouds": ["frechet_distance", "mmd", "prdc"],
        "_copies": ["find_copies"],
        "_events": ["event_scores", "events_from_windows", "window_event_scores"],
        "_fidelity": ["ks_by_feature", "spectral_distance"],
        "_memorization": [
            "distance_to_closest_record",
            "membership_inference_auc",
            "nearest_neighbor_ratio",
        ],
        "_readers": ["ReaderAgreement", "reader_agreement"],
        "_registry": ["list_metrics"],
        "_reference": ["real_reference", "score_with_reference"],
        "_statistics": ["paired_summary"],
        "_training": ["augmentation_gain", "tstr_scores"],
        "_two_sample": ["TwoSampleResult", "c2st"],
        "_waveform": ["amplitude_distance", "autocorrelation_distance"],
        "_waveform_shape": [
            "asymmetry_distance",
            "course_distance",
            "lag_distance",
            "phase_amplitude_distance",
            "rhythm_distance",
            "spike_survival",
        ],
    },
)
