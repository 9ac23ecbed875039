"""Augmentation as imbalanced-learn over-samplers."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_fill_gap": ["FillGap"],
        "_geneeg": ["GenEEGSampler"],
        "_rows": ["augment_rows"],
        "_surrogate": ["FourierSurrogateSampler"],
        "_windowed": ["WindowedSampler"],
    },
)
