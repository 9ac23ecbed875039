"""The benchmark of `personalize` scores no window that was given, and counts patients right."""

import numpy as np
import pytest

from benchmarks import personalize


class Loudness:
    """Takes loud windows for seizures."""

    classes_ = np.array(["ictal", "normal"])

    def predict_proba(self, X):
        loud = np.abs(X).max(axis=(1, 2)) / 100
        return np.stack([loud, 1 - loud], axis=1)


def test_windows_that_were_given_are_not_scored():
    rng = np.random.default_rng(0)
    y = np.repeat(["normal", "ictal"], [130, 10])
    X = rng.uniform(1, 10, size=(140, 2, 8))
    X[y == "ictal"] *= 9
    found = personalize.scores(Loudness(), X, y, {"none": Loudness()})
    assert (found["n_scored"], found["n_ictal"]) == (40, 10)
    X[:100], y[:100] = 99, "ictal"
    assert personalize.scores(Loudness(), X, y, {"none": Loudness()}) == found
    X[100] = 99
    assert personalize.scores(Loudness(), X, y, {"none": Loudness()}) != found


def test_patients_who_gain_are_counted_by_their_mean_over_cohorts():
    gains = {"P01": (0.3, -0.1), "P02": (0.1, 0.1), "P03": (-0.3, 0.1), "P04": (0.1, 0.0)}
    lines = []
    for group, by_cohort in gains.items():
        for cohort, gain in enumerate(by_cohort):
            for method in personalize.METHODS:
                better = gain if "personalize" in method else 0.0
                values = dict.fromkeys(personalize.SCORES, 0.5 + better) | {"brier": 0.5 - better}
                lines.append({"cohort": cohort, "group": group, "method": method, **values})
    answers = list(personalize.answers(lines))
    assert len(answers) == len(personalize.GIVEN) * len(personalize.SCORES)
    for answer in answers:
        assert (answer["patients"], answer["better"], answer["share"]) == (4, 3, 0.75)
        assert answer["gain"] == pytest.approx(np.mean([np.mean(g) for g in gains.values()]))
