"""Where to draw the line between states, learned from training patients alone.

Probabilities of rare states move with their share in training, and macro F1 with them. So every
method gets multipliers of the classes, chosen in the same way: on predictions for training
patients by networks that did not see them.
"""

from itertools import product

import numpy as np

from geneeg_sk.metrics._predictions import align_probabilities, f1_by_state

GRID = 2.0 ** np.arange(-4, 4.5, 0.5)


def two_folds(y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Fold (0 or 1) of each window: patients undivided, every state in both folds.

    Patients with the same states take turns.
    """
    fold = np.zeros(len(y), int)
    sides: dict[tuple, int] = {}
    for group in dict.fromkeys(groups.tolist()):
        own = groups == group
        states = tuple(np.unique(y[own]).tolist())
        # The first patient of every other kind starts on the other side: folds of like size.
        side = sides.setdefault(states, len(sides) % 2)
        fold[own] = side
        sides[states] = 1 - side
    if any(len(np.unique(y[fold == k])) < len(np.unique(y)) for k in (0, 1)):
        raise ValueError(
            "a state is known of one group only; two are needed to choose thresholds by group."
        )
    return fold


def out_of_fold(windows, fit, states: np.ndarray) -> np.ndarray:
    """Probabilities of all training windows, each by a classifier of the other fold.

    fit : takes the windows of a fold, and returns a fitted classifier.
    """
    fold = two_folds(windows.y, windows.groups)
    proba = np.zeros((len(windows.y), len(states)))
    for k in (0, 1):
        model = fit(windows[fold != k])
        proba[fold == k] = align_probabilities(
            model.predict_proba(windows[fold == k].X), model.classes_, states
        )
    return proba


def multipliers(y: np.ndarray, proba: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Multipliers of the classes with the best macro F1; of equals, the nearest to 1."""
    found = []
    for others in product(GRID, repeat=len(states) - 1):
        weights = np.array([1.0, *others])
        f1 = np.nanmean(f1_by_state(y, decided(proba, weights, states), states))
        found.append((f1, -np.sum(np.log(weights) ** 2), tuple(weights)))
    return np.array(max(found)[-1])


def decided(proba: np.ndarray, weights: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The state with the largest weighted probability."""
    return states[(proba * weights).argmax(axis=1)]
