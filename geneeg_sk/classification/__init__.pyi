from ._augmented import AugmentedClassifier as AugmentedClassifier
from ._classifier import CNNBiLSTMClassifier as CNNBiLSTMClassifier
from ._cnn_bilstm import CNNBiLSTM as CNNBiLSTM
from ._detector import detect_seizures as detect_seizures
from ._minibatch_augmentation import MinibatchAugmentation as MinibatchAugmentation
from ._sequential import SequentialClassifier as SequentialClassifier
