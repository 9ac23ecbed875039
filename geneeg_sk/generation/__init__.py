"""The patient-adaptive generative model of EEG windows.

`_generator` is the public class, `_fit` goes from windows to a model, and `_model` from a model to
windows. Each part of the model has a module: `_normalizer`, `_descriptors`, `_profiles`,
`_conditions`, `_noise`, `_corrections`, and `networks`.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
