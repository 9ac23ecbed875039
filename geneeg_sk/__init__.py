"""Generative EEG augmentation that behaves like scikit-learn.

The subpackages follow the way the data take: `datasets`, `preprocessing`, `features`,
`metrics`, `generation`, `over_sampling`, `classification`, `model_selection`, `inspection`.
Nothing heavy (torch, mne) is imported before it is used.
"""

import lazy_loader as _lazy

from ._version import __version__

__getattr__, __dir__, _public = _lazy.attach(
    __name__,
    submodules=[
        "classification",
        "datasets",
        "features",
        "generation",
        "inspection",
        "metrics",
        "model_selection",
        "over_sampling",
        "preprocessing",
    ],
    submod_attrs={
        "classification": ["AugmentedClassifier", "CNNBiLSTMClassifier", "MinibatchAugmentation"],
        "datasets": ["make_eeg_cohort"],
        "features": ["EEGFeatures"],
        "generation": ["LatentDiffusionGenerator"],
        "model_selection": ["compare_samplers"],
        "over_sampling": ["FillGap", "FourierSurrogateSampler", "GenEEGSampler", "WindowedSampler"],
        "preprocessing": ["BackgroundScaler"],
    },
)
__all__ = ["__version__", *_public]
