"""A comparison that takes a while, run by a test in a process of its own and interrupted there."""

import time

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from sklearn.dummy import DummyClassifier

from geneeg_sk.model_selection import compare_samplers

SECONDS = 0.3


class Slow(DummyClassifier):
    """Takes `SECONDS` to fit."""

    def fit(self, X, y):
        time.sleep(SECONDS)
        return super().fit(X, y)


def compare(store, n_jobs=None):
    """Compare two candidates in 16 fits."""
    y, groups = np.tile(["a", "b"], 20), np.repeat(range(4), 10)
    X = np.random.default_rng(0).normal(size=(40, 2, 16))
    candidates = {"none": None, "random": RandomOverSampler()}
    options = {"cv": 4, "n_repeats": 2, "random_state": 0, "store": store, "n_jobs": n_jobs}
    return compare_samplers(candidates, Slow(), X, y, groups, **options)
