"""Recordings to windows: loaders, annotations, the simulated cohort."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_bids": ["load_bids"],
        "_braindecode": ["load_braindecode"],
        "_chbmit": ["load_chbmit"],
        "_describe": ["describe"],
        "_events": ["write_events"],
        "_fetch": ["fetch_chbmit", "fetch_siena"],
        "_mne": ["to_epochs", "write_edf"],
        "_rows": ["WindowRows"],
        "_seizures": ["read_seizures"],
        "_siena": ["load_siena"],
        "_store": ["cached_windows", "read_windows", "write_windows"],
        "_windows": ["make_windows"],
        "simulation": ["make_eeg_cohort"],
    },
)
