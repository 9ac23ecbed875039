"""Neurophysiological features of windows."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_eeg_features": ["EEGFeatures"],
    },
)
