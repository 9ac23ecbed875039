"""The work: all trainings of a split, in the order in which they are most useful."""

from benchmarks.unseen_patients import cohorts, recordings
from benchmarks.unseen_patients.levers import RECIPES
from benchmarks.unseen_patients.methods import ABLATED, CHEAP, CHOSEN, STEPS, TUNED
from benchmarks.unseen_patients.windows import Task

SIMULATED = "cohort"
# How long training has to be, in steps relative to those of all methods: for `none`, development.
STEP_SHARES = (0.25, 0.5, 1, 2)
N_TUNING_COHORTS = 2
QUICK_COHORTS = range(1000, 1004)
QUICK_RULER = (8, 32)


def module_of(data):
    """Where the windows of a data set come from."""
    return cohorts if data == SIMULATED else recordings


def development():
    """Steps first, then the settings of every method that has some, then what might pay."""
    some = list(cohorts.COHORTS["development"])[:N_TUNING_COHORTS]
    for cohort in some:
        for share in STEP_SHARES:
            for n in (cohorts.N, 4 * cohorts.N):
                yield simulated("all", "development", cohort, n, "none", round(share * STEPS))
    for cohort in some:
        for method in TUNED:
            for regime, n in (("few", cohorts.FEW), ("all", cohorts.N)):
                yield simulated(regime, "development", cohort, n, method)
    for method in ("none", "augment", *RECIPES, *ABLATED):
        for cohort in cohorts.COHORTS["development"]:
            for regime, n in (("few", cohorts.FEW), ("one", cohorts.FEW), ("all", cohorts.N)):
                if regime != "one" or method not in ABLATED:
                    yield simulated(regime, "development", cohort, n, method)
    yield from of_recordings("development", ("none", "augment", "scaled", "scaled+augment"))


def final():
    """By cohort, the ruler first; then real recordings; then what was chosen in development."""
    for methods in (CHEAP, CHOSEN):
        yield from cohort_by_cohort(methods)
        yield from of_recordings("final", methods)


def cohort_by_cohort(methods):
    """The ruler, where `none` is among the methods, and the methods in every regime."""
    for cohort in cohorts.COHORTS["final"]:
        if "none" in methods:
            yield from ruler(cohort)
        for method in methods:
            for regime in cohorts.RULER:
                if method != "none":
                    n = cohorts.N if regime == "all" else cohorts.FEW
                    yield simulated(regime, "final", cohort, n, method)


def ruler(cohort):
    """`none` with more and more patients; eight of eight in `few` are the eight of `all`."""
    for regime, ns in cohorts.RULER.items():
        for n in ns:
            if (regime, n) != ("few", cohorts.N):
                yield simulated(regime, "final", cohort, n, "none")


def of_recordings(split, methods):
    n_cohorts = max(len(numbers) for numbers in recordings.COHORTS.values())
    for cohort in range(n_cohorts):
        for data, regimes in recordings.REGIMES.items():
            for method in methods if cohort in recordings.COHORTS[split] else ():
                if data == "bonn" and "scaled" in method:
                    continue  # a segment has one state, and no background
                for regime in regimes:
                    n = recordings.n_patients(data, regime)
                    yield Task(data, regime, split, cohort, n, 0, method, STEPS)


def quick():
    """The positive control, and a method of every kind on one cohort."""
    for cohort in QUICK_COHORTS:
        for n in QUICK_RULER:
            yield simulated("all", "development", cohort, n, "none")
    for method in ("ros", "augment", CHOSEN[-1]):
        yield simulated("few", "development", QUICK_COHORTS[0], cohorts.FEW, method)


def simulated(regime, split, cohort, n_patients, method, steps=STEPS):
    return Task(SIMULATED, regime, split, cohort, n_patients, 0, method, steps)
