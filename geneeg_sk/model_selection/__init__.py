"""Fair comparison of augmentation methods on unseen patients."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_compare": ["compare_samplers"],
        "_comparison": ["SamplerComparison"],
    },
)
