"""Is synthetic EEG real enough, and not memorised?"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_calibration": ["expected_calibration_error"],
        "_fidelity": ["ks_by_feature", "spectral_distance"],
        "_memorisation": ["near_copies", "nearest_neighbour_ratio"],
        "_two_sample": ["c2st"],
    },
)
