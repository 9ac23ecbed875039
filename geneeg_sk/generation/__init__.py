"""The patient-adaptive generative model of EEG windows."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_generator": ["LatentDiffusionGenerator"],
        "_protocol": ["WindowGenerator"],
    },
)
