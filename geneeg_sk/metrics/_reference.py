"""What a score is for real windows in place of the synthetic ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from geneeg_sk._checks import check_groups
from geneeg_sk._seeding import MAX_SEED
from geneeg_sk._typing import RandomStateLike, WindowsLike
from geneeg_sk.metrics._copies import find_copies
from geneeg_sk.metrics._sets import check_sets

Score: TypeAlias = Callable[..., float | pd.Series | pd.DataFrame]

CONFIDENCE = 0.95
# Which patients each set of windows of a score is from, where the score asks.
GROUPS_OF = {"real": "groups", "synthetic": "synthetic_groups"}


def real_reference(
    score: Score,
    real: WindowsLike,
    *,
    sfreq: float,
    groups: ArrayLike | None = None,
    n_repeats: int = 20,
    random_state: RandomStateLike = None,
    **params: Any,
) -> pd.DataFrame:
    """Compute a score for disjoint sets of real windows: what a perfect generator would get.

    The real windows are split at random into as many sets as the score compares, patient by
    patient, and this is repeated. The interval is that of half-sampling, a bootstrap without
    replacement [1]_: for two halves it has the spread of two new sets of patients, and unlike
    resampling with replacement it never compares a window with itself.

    Parameters
    ----------
    score : callable
        A score of this module that compares sets of windows: ``score(real, synthetic, *, sfreq)``
        or ``score(real, synthetic, *, train, sfreq)``. It returns a number, a Series, or a
        DataFrame, of whose numeric columns the mean over rows is taken.
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Real windows in microvolts, or ``mne.Epochs``.
    sfreq : float
        Sampling frequency, Hz.
    groups : array-like of shape (n_windows,), default=None
        Patient (or recording) of each window: one is never in two sets. None: single windows are
        split; the reference then is that of *these* patients, and nearer than between patients.
    n_repeats : int, default=20
        How many times they are split.
    random_state : int, RandomState or None, default=None
        Seed of the splits, and of the score where it takes one.
    **params : dict
        Passed on to the score.

    Returns
    -------
    table : DataFrame
        A row per number of the score (index `score`): `reference`, mean over splits, and the
        interval from `reference_low` to `reference_high` that holds 95 % of them. It is the
        reference for sets as large as these parts: most scores fall with the number of windows.
        `score_with_reference` compares at one size.

    Raises
    ------
    ValueError
        If `groups` has fewer groups than the score compares sets.

    References
    ----------
    .. [1] Politis, D., Romano, J. (1994). Large sample confidence regions based on subsamples under
       minimal assumptions. Annals of Statistics 22, 2031-2050.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import amplitude_distance, real_reference
    >>> X = np.random.default_rng(0).normal(size=(80, 1, 128))
    >>> patients = np.arange(80) // 10
    >>> table = real_reference(amplitude_distance, X, sfreq=64, groups=patients, random_state=0)
    >>> table.round(2).loc["amplitude_distance"].to_dict()
    {'reference': 0.03, 'reference_low': 0.02, 'reference_high': 0.05}
    """
    splits = _RandomSplits(score, real, sfreq=sfreq, groups=groups, random_state=random_state)
    values = [splits.evaluate(splits.windows, rows, params) for rows in splits.draw(n_repeats)]
    return _summarize(values, "reference")


def score_with_reference(
    score: Score,
    real: WindowsLike,
    synthetic: WindowsLike,
    *,
    sfreq: float,
    groups: ArrayLike | None = None,
    n_repeats: int = 20,
    random_state: RandomStateLike = None,
    **params: Any,
) -> pd.DataFrame:
    """Compute a score for synthetic windows, and for real ones in their place.

    As `real_reference`; in each split, as many synthetic windows as the real ones that they stand
    for are drawn at random, so that both numbers are for equally large sets, against the same
    windows.

    Parameters
    ----------
    score : callable
        A score of this module that compares real with synthetic windows: ``score(real, synthetic,
        *, sfreq)``. Not one that needs to know all training windows, such as `find_copies`; see its
        `real_reference`.
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Real windows in microvolts, or ``mne.Epochs``.
    synthetic : array of windows
        Synthetic ones.
    sfreq : float
        Sampling frequency, Hz.
    groups : array-like of shape (n_windows,), default=None
        Patient (or recording) of each real window: one is never in two sets.
    n_repeats : int, default=20
        How many times real windows are split.
    random_state : int, RandomState or None, default=None
        Seed of the splits and draws, and of the score where it takes one.
    **params : dict
        Passed on to the score.

    Returns
    -------
    table : DataFrame
        A row per number of the score: `value`, `value_low`, `value_high`, `reference`,
        `reference_low`, `reference_high`, and `n_windows`, the mean size of the set of synthetic
        windows.

    Raises
    ------
    ValueError
        If there is only one group, windows differ in shape, or the score needs all training
        windows.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import amplitude_distance, score_with_reference
    >>> X = np.random.default_rng(0).normal(size=(80, 1, 128))
    >>> table = score_with_reference(amplitude_distance, X, 3 * X, sfreq=64, random_state=0)
    >>> bool((table["value_low"] > table["reference_high"]).all())
    True
    """
    splits = _RandomSplits(score, real, sfreq=sfreq, groups=groups, random_state=random_state)
    if score is find_copies or "train" in splits.sets:
        raise ValueError(
            f"{splits.name} needs all training windows, of which a split has a part. Compute it "
            "with these, and beside it real_reference(score, ...)."
        )
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    windows = np.concatenate([real, synthetic])
    values, references, sizes = [], [], []
    for rows in splits.draw(n_repeats):
        references.append(splits.evaluate(windows, rows, params))
        size = min(len(rows["synthetic"]), len(synthetic))
        drawn = len(real) + splits.rng.permutation(len(synthetic))[:size]
        values.append(splits.evaluate(windows, {**rows, "synthetic": drawn}, params))
        sizes.append(size)
    return (
        _summarize(values, "value")
        .join(_summarize(references, "reference"))
        .assign(n_windows=float(np.mean(sizes)))
    )


class _RandomSplits:
    """Real windows, split again and again into the sets that a score compares."""

    def __init__(
        self,
        score: Score,
        real: WindowsLike,
        *,
        sfreq: float,
        groups: ArrayLike | None,
        random_state: RandomStateLike,
    ) -> None:
        self.score, self.sfreq = score, sfreq
        (self.windows,) = check_sets(sfreq, real=real)
        self.groups = check_groups(groups, len(self.windows))
        self.rng = check_random_state(random_state)
        self.seed = int(self.rng.randint(MAX_SEED))
        self.parameters = inspect.signature(score).parameters
        self.sets = ["real", "synthetic", *(["train"] if "train" in self.parameters else [])]
        self.units = np.arange(len(self.windows)) if self.groups is None else self.groups
        n_units = len(np.unique(self.units))
        if n_units < len(self.sets):
            raise ValueError(
                f"{n_units} {'windows' if self.groups is None else 'groups'} cannot be split into "
                f"the {len(self.sets)} sets that {self.name} compares. Give more patients, or "
                "recordings as groups, or groups=None to split single windows."
            )

    @property
    def name(self) -> str:
        return getattr(self.score, "__name__", type(self.score).__name__)

    def draw(self, n_repeats: int) -> Iterator[dict[str, np.ndarray]]:
        """Yield the rows of each set, disjoint in patients."""
        if n_repeats < 1:
            raise ValueError(f"n_repeats={n_repeats}; expected at least 1.")
        units = np.unique(self.units)
        for _ in range(n_repeats):
            parts = np.array_split(self.rng.permutation(units), len(self.sets))
            yield {
                name: np.flatnonzero(np.isin(self.units, part))
                for name, part in zip(self.sets, parts)
            }

    def evaluate(
        self, windows: np.ndarray, rows: dict[str, np.ndarray], params: dict[str, Any]
    ) -> pd.Series:
        """Return the score's numbers for these rows of windows."""
        further = dict(params)
        if "random_state" in self.parameters:
            further.setdefault("random_state", self.seed)
        if self.groups is not None:
            for name, keyword in GROUPS_OF.items():
                # rows beyond the real windows are synthetic, and have no patient
                if keyword in self.parameters and rows[name].max() < len(self.groups):
                    further[keyword] = self.groups[rows[name]]
        if "train" in self.sets:
            further["train"] = windows[rows["train"]]
        result = self.score(
            windows[rows["real"]], windows[rows["synthetic"]], sfreq=self.sfreq, **further
        )
        if isinstance(result, pd.DataFrame):
            return result.select_dtypes(["number", "bool"]).mean()
        return result if isinstance(result, pd.Series) else pd.Series({self.name: float(result)})


def _summarize(values: list[pd.Series], name: str) -> pd.DataFrame:
    """Return mean and interval over splits."""
    table = pd.DataFrame(values)
    tail = (1 - CONFIDENCE) / 2
    return pd.DataFrame(
        {
            name: table.mean(),
            f"{name}_low": table.quantile(tail),
            f"{name}_high": table.quantile(1 - tail),
        }
    ).rename_axis("score")
