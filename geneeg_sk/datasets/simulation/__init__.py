"""Simulated patients with epilepsy, from the sources in a head to labeled windows."""

from ._cohort import make_eeg_cohort

__all__ = ["make_eeg_cohort"]
