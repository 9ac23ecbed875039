"""CNN-BiLSTM classifiers, alone, around augmentation, and patient by patient."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_augmented": ["AugmentedClassifier"],
        "_classifier": ["CNNBiLSTMClassifier"],
        "_cnn_bilstm": ["CNNBiLSTM"],
        "_minibatch_augmentation": ["MinibatchAugmentation"],
        "_detector": ["detect_seizures"],
        "_sequential": ["SequentialClassifier"],
    },
)
