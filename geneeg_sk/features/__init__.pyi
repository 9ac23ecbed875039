from ._eeg_features import EEGFeatures as EEGFeatures
