"""A progress bar of fits whose time left comes from what each candidate costs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from statistics import fmean
from typing import Self

from joblib import effective_n_jobs

from geneeg_sk._bar import Bar

# Without tqdm's own time left, which takes all fits as equal: one of a generator takes twenty times
# one without augmentation.
FORMAT = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"


def estimate_seconds_left(
    finished: Mapping[str, Sequence[float]], left: Mapping[str, int], n_jobs: int
) -> float | None:
    """Return how long the fits that are left will take.

    Parameters
    ----------
    finished : dict of str to sequence of float
        Seconds of the finished fits of each candidate; NaN for one that failed, which says nothing
        of the others.
    left : dict of str to int
        Fits of each candidate that are not finished; those that run now count in full. A candidate
        without a finished fit is taken to cost the mean of those that have one.
    n_jobs : int
        Fits that run at once.

    Returns
    -------
    seconds : float or None
        None as long as nothing is known of any candidate.

    Examples
    --------
    >>> estimate_seconds_left({"none": [1.0, 3.0]}, {"none": 2, "generator": 1}, n_jobs=1)
    6.0
    """
    left = {name: n for name, n in left.items() if n}
    if not left:
        return 0.0
    known = {name: [s for s in seconds if isfinite(s)] for name, seconds in finished.items()}
    means = {name: fmean(seconds) for name, seconds in known.items() if seconds}
    if not means:
        return None
    cost = {name: means.get(name, fmean(means.values())) for name in left}
    total = sum(n * cost[name] for name, n in left.items())
    # The last fit runs alone, however many processes there are.
    return max(total / n_jobs, max(cost.values()))


class FitsBar:
    """A progress bar of the fits of a comparison; to be used as a context.

    Only fitting is timed: the time left leaves out scoring, which is short beside it.

    Parameters
    ----------
    found : iterable of (str, float)
        Candidate and seconds of the fits that were found in a store.
    todo : iterable of str
        Candidate of each fit that is left.
    total : int
        Number of all fits.
    n_jobs : int or None
        As in joblib.
    disable : bool
        Whether to show nothing.
    """

    def __init__(
        self,
        found: Iterable[tuple[str, float]],
        todo: Iterable[str],
        *,
        total: int,
        n_jobs: int | None,
        disable: bool,
    ):
        self._seconds = defaultdict(list)
        for candidate, seconds in found:
            self._seconds[candidate].append(seconds)
        self._left = Counter(todo)
        self._n_jobs = n_jobs
        self._bar = Bar(
            total=total,
            initial=total - self._left.total(),
            desc="fits",
            bar_format=FORMAT,
            disable=disable,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def finish(self, candidate: str, seconds: float) -> None:
        """Count a fit, and show the time left."""
        self._seconds[candidate].append(seconds)
        self._left[candidate] -= 1
        if self._bar.disable:
            return  # a cluster is not asked for its size in vain
        # The workers are asked for when one has finished: only then it is sure that there are some.
        n_jobs = effective_n_jobs(self._n_jobs)
        left = estimate_seconds_left(self._seconds, self._left, n_jobs)
        text = "time left unknown" if left is None else f"{Bar.format_interval(left)} left"
        if not all(self._seconds.get(name) for name, n in self._left.items() if n):
            text += " at a guess"  # the dearest candidate may be one that is not known yet
        self._bar.set_postfix_str(f"{text}, last {candidate}", refresh=False)
        self._bar.update()
