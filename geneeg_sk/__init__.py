"""Generative EEG augmentation that behaves like scikit-learn.

The subpackages follow the way the data take: `datasets`, `preprocessing`, `features`,
`metrics`, `generation`, `over_sampling`, `classification`, `model_selection`, `inspection`.
Nothing heavy (torch, mne) is imported before it is used.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
