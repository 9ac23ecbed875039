"""Recordings to windows: loaders, annotations, the simulated cohort."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_bids": ["load_bids"],
        "_chbmit": ["load_chbmit"],
        "_cohort": ["make_eeg_cohort"],
        "_mne": ["to_epochs", "write_edf"],
        "_seizures": ["read_seizures"],
        "_siena": ["load_siena"],
        "_store": ["read_windows", "write_windows"],
        "_windows": ["make_windows"],
    },
)
