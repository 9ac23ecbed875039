"""A sampling strategy that works on every fold."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from geneeg_sk._typing import Label


class FillGap:
    """Sampling strategy that fills a fraction of the gap to the majority class.

    A class of ``n`` windows grows to ``n + fraction * (n_majority - n)``. Unlike a float strategy
    of imbalanced-learn it works with any number of classes and leaves a balanced fold alone. (A
    float raises on a fold that is already at the ratio, and folds of patients differ: whole
    candidates of a grid become NaN.) Instances can be pickled, compared and hashed.

    Parameters
    ----------
    fraction : float
        0 adds nothing, 1 balances, more than 1 makes the minority the larger one.

    Raises
    ------
    ValueError
        If `fraction` is negative, NaN or infinite.

    Examples
    --------
    >>> FillGap(0.5)(["normal"] * 10 + ["ictal"] * 4)
    {'ictal': 7, 'normal': 10}
    >>> grid = {"sampler__sampling_strategy": [FillGap(0.25), FillGap(0.5), FillGap(1)]}
    """

    fraction: float

    def __init__(self, fraction: float):
        if isinstance(fraction, bool) or not isinstance(fraction, Real):
            raise TypeError(f"fraction is {fraction!r}; expected a number, such as 0.5.")
        if not 0 <= fraction < float("inf"):
            raise ValueError(
                f"fraction is {fraction!r}; expected a finite number of at least 0: 0 adds "
                "nothing, 1 fills the whole gap to the majority class."
            )
        self.fraction = fraction

    def __call__(self, y: ArrayLike) -> dict[Label, int]:
        """Return the number of windows that each class of `y` shall have, old and new together."""
        classes, counts = np.unique(y, return_counts=True)
        gaps = counts.max() - counts
        wanted = counts + np.round(self.fraction * gaps).astype(int)
        return dict(zip(classes.tolist(), wanted.tolist()))

    def __repr__(self) -> str:
        return f"FillGap({self.fraction!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FillGap) and other.fraction == self.fraction

    def __hash__(self) -> int:
        return hash((FillGap, self.fraction))
