"""What a score is for real windows in place of the synthetic ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from geneeg_sk._checks import check_groups
from geneeg_sk._seeding import MAX_SEED
from geneeg_sk.metrics._sets import check_sets

CONFIDENCE = 0.95
# Which patients each set of windows of a score is from, where the score asks.
GROUPS_OF = {"real": "groups", "synthetic": "synthetic_groups"}


def floor(
    score: Callable,
    real: Any,
    *,
    sfreq: float,
    groups: Any = None,
    n_repeats: int = 20,
    random_state: int | np.random.RandomState | None = None,
    **params: Any,
) -> pd.DataFrame:
    """Compute a score for disjoint sets of real windows: what a perfect generator would get.

    The real windows are dealt into as many sets as the score compares, patient by patient, and
    this is repeated. The interval is that of half-sampling, a bootstrap without replacement
    [1]_: for two halves it has the spread of two new sets of patients, and unlike resampling with
    replacement it never compares a window with itself.

    Parameters
    ----------
    score : callable
        A score of this module that compares sets of windows: ``score(real, synthetic, *, sfreq)``
        or ``score(synthetic, train, holdout, *, sfreq)``. It returns a number, a Series, or a
        DataFrame, of whose numeric columns the mean over rows is taken.
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Real windows in microvolts, or ``mne.Epochs``.
    sfreq : float
        Sampling frequency, Hz.
    groups : array-like of shape (n_windows,), default=None
        Patient (or recording) of each window: one is never in two sets. None: single windows are
        dealt; the floor then is that of *these* patients, and lower than between patients.
    n_repeats : int, default=20
        How many times they are dealt.
    random_state : int, RandomState or None, default=None
        Seed of the deals, and of the score where it takes one.
    **params
        Passed on to the score.

    Returns
    -------
    table : DataFrame
        A row per number of the score (index `score`): `floor`, mean over deals, and the interval
        from `floor_low` to `floor_high` that holds 95 % of them. It is the floor for sets as large
        as these parts: most scores fall with the number of windows. `score_with_floor` compares at
        one size.

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
    >>> from geneeg_sk.metrics import amplitude_distance, floor
    >>> X = np.random.default_rng(0).normal(size=(80, 1, 128))
    >>> table = floor(amplitude_distance, X, sfreq=64, groups=np.arange(80) // 10, random_state=0)
    >>> table.round(2).loc["amplitude_distance"].to_dict()
    {'floor': 0.03, 'floor_low': 0.02, 'floor_high': 0.05}
    """
    deals = _Deals(score, real, sfreq=sfreq, groups=groups, random_state=random_state)
    values = [
        deals.evaluate(deals.windows, rows, deals.groups, params) for rows in deals.draw(n_repeats)
    ]
    return _summary(values, "floor")


def score_with_floor(
    score: Callable,
    real: Any,
    synthetic: Any,
    *,
    sfreq: float,
    groups: Any = None,
    n_repeats: int = 20,
    random_state: int | np.random.RandomState | None = None,
    **params: Any,
) -> pd.DataFrame:
    """Compute a score for synthetic windows, and its floor for real ones in their place.

    As `floor`; in each deal, as many synthetic windows as the real ones that they stand for are
    drawn at random, so that both numbers are for equally large sets, against the same windows.

    Parameters
    ----------
    score : callable
        A score of this module that compares real with synthetic windows: ``score(real, synthetic,
        *, sfreq)``. Not one that needs to know the training windows; see its `floor`.
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Real windows in microvolts, or ``mne.Epochs``.
    synthetic : array of windows
        Synthetic ones.
    sfreq : float
        Sampling frequency, Hz.
    groups : array-like of shape (n_windows,), default=None
        Patient (or recording) of each real window: one is never in two sets.
    n_repeats : int, default=20
        How many times real windows are dealt.
    random_state : int, RandomState or None, default=None
        Seed of the deals and draws, and of the score where it takes one.
    **params
        Passed on to the score.

    Returns
    -------
    table : DataFrame
        A row per number of the score: `value`, `value_low`, `value_high`, `floor`, `floor_low`,
        `floor_high`, and `n_windows`, the mean size of the set of synthetic windows.

    Raises
    ------
    ValueError
        If there is only one group, windows differ in shape, or the score compares other sets.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import amplitude_distance, score_with_floor
    >>> X = np.random.default_rng(0).normal(size=(80, 1, 128))
    >>> table = score_with_floor(amplitude_distance, X, 3 * X, sfreq=64, random_state=0)
    >>> bool((table["value_low"] > table["floor_high"]).all())
    True
    """
    deals = _Deals(score, real, sfreq=sfreq, groups=groups, random_state=random_state)
    if deals.sets != ["real", "synthetic"]:
        raise ValueError(
            f"{deals.name} compares {deals.sets}; expected a score of real and synthetic. Compute "
            "it with the training windows, and beside it floor(score, ...)."
        )
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    windows = np.concatenate([real, synthetic])
    values, floors, sizes = [], [], []
    for rows in deals.draw(n_repeats):
        floors.append(deals.evaluate(windows, rows, deals.groups, params))
        size = min(len(rows["synthetic"]), len(synthetic))
        drawn = len(real) + deals.rng.permutation(len(synthetic))[:size]
        values.append(deals.evaluate(windows, {**rows, "synthetic": drawn}, deals.groups, params))
        sizes.append(size)
    return (
        _summary(values, "value")
        .join(_summary(floors, "floor"))
        .assign(n_windows=float(np.mean(sizes)))
    )


class _Deals:
    """Real windows, dealt again and again into the sets that a score compares."""

    def __init__(
        self, score: Callable, real: Any, *, sfreq: float, groups: Any, random_state: Any
    ) -> None:
        self.score, self.sfreq = score, sfreq
        (self.windows,) = check_sets(sfreq, real=real)
        self.groups = check_groups(groups, len(self.windows))
        self.rng = check_random_state(random_state)
        self.seed = int(self.rng.randint(MAX_SEED))
        self.parameters = inspect.signature(score).parameters
        self.sets = [
            name
            for name, parameter in self.parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            and parameter.default is parameter.empty
        ]
        self.units = np.arange(len(self.windows)) if self.groups is None else self.groups
        n_units = len(np.unique(self.units))
        if n_units < len(self.sets):
            raise ValueError(
                f"{n_units} {'windows' if self.groups is None else 'groups'} cannot be dealt into "
                f"the {len(self.sets)} sets that {self.name} compares. Give more patients, or "
                "recordings as groups, or groups=None to deal single windows."
            )

    @property
    def name(self) -> str:
        return getattr(self.score, "__name__", type(self.score).__name__)

    def draw(self, n_repeats: int) -> Any:
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
        self, windows: np.ndarray, rows: dict[str, np.ndarray], groups: Any, params: dict
    ) -> pd.Series:
        """Return the score's numbers for these rows of windows."""
        further = dict(params)
        if "random_state" in self.parameters:
            further.setdefault("random_state", self.seed)
        if groups is not None:
            for name, keyword in GROUPS_OF.items():
                # rows beyond the real windows are synthetic, and have no patient
                if keyword in self.parameters and rows[name].max() < len(groups):
                    further[keyword] = groups[rows[name]]
        result = self.score(
            *(windows[rows[name]] for name in self.sets), sfreq=self.sfreq, **further
        )
        if isinstance(result, pd.DataFrame):
            return result.select_dtypes(["number", "bool"]).mean()
        return result if isinstance(result, pd.Series) else pd.Series({self.name: float(result)})


def _summary(values: list[pd.Series], name: str) -> pd.DataFrame:
    """Mean and interval over deals."""
    table = pd.DataFrame(values)
    tail = (1 - CONFIDENCE) / 2
    return pd.DataFrame(
        {
            name: table.mean(),
            f"{name}_low": table.quantile(tail),
            f"{name}_high": table.quantile(1 - tail),
        }
    ).rename_axis("score")
