"""Transformers of windows: filters, reference, resampling, artifacts, scaling."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_artifacts": ["ArtifactRepairer"],
        "_background": ["BackgroundScaler"],
        "_channels": ["ChannelPicker", "Rereferencer"],
        "_filters": ["BandpassFilter", "NotchFilter"],
        "_resample": ["Resampler"],
        "_scaling": ["WindowScaler"],
    },
)
