"""Real and synthetic windows as clouds of points in the space of their features."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import NearestNeighbors

from geneeg_sk._typing import WindowsLike
from geneeg_sk.metrics._sets import check_sets, embed, thin

MAX_WINDOWS = 4000  # of each set, where all pairs are compared
ROWS = 500  # of a matrix of distances that is held at a time


def mmd(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    r"""Maximum mean discrepancy between the features of real and of synthetic windows.

    The unbiased estimate of its square (Gretton et al. 2012, eq. 3 [1]_) in the `EEGFeatures` of
    each channel (powers, activity and line length as logarithms), standardized on the real windows.
    The kernel is fixed, so that numbers compare: :math:`k(x, y) = \exp(-|x - y|^2 / 2d)` with
    :math:`d` the number of features, for which two independent real windows are
    :math:`|x - y|^2 = 2d` apart on average.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; at least two each. Of more than 4,000 windows of a
        set, 4,000 evenly spaced are compared, with a warning.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    mmd2 : float
        No unit. About 0, and as often below as above it, for equal distributions; up to 2.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, or one has fewer than
        two windows.

    References
    ----------
    .. [1] Gretton, A. et al. (2012). A kernel two-sample test. Journal of Machine Learning Research
       13, 723-773.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import mmd
    >>> X = np.random.default_rng(0).normal(size=(90, 2, 128))
    >>> abs(mmd(X[:45], X[45:], sfreq=64)) < 0.01 < mmd(X[:45], 2 * X[45:], sfreq=64)
    True
    """
    points = _points(real, synthetic, sfreq=sfreq, at_least=2, score="mmd")
    within = [_mean_kernel(x, x, itself=True) for x in points]
    return within[0] + within[1] - 2 * _mean_kernel(*points)


def frechet_distance(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    r"""Fréchet distance between Gaussians fitted to the features of real and synthetic windows.

    :math:`|\mu_1-\mu_2|^2+\mathrm{tr}(\Sigma_1+\Sigma_2-2(\Sigma_1\Sigma_2)^{1/2})`, the square of
    the Wasserstein-2 distance (Dowson and Landau 1982 [1]_), as in the Fréchet inception distance
    [2]_, in the `EEGFeatures` of each channel (powers, activity and line length as logarithms),
    standardized on the real windows.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; at least two each. Compare only numbers of equally
        many windows: it falls with how many there are.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distance : float
        In variances of the real features, summed over features; 0 (equal) and up.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, or one has fewer than
        two windows.

    References
    ----------
    .. [1] Dowson, D., Landau, B. (1982). The Fréchet distance between multivariate normal
       distributions. Journal of Multivariate Analysis 12, 450-455.
    .. [2] Heusel, M. et al. (2017). GANs trained by a two time-scale update rule converge to a
       local Nash equilibrium. Advances in Neural Information Processing Systems 30.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import frechet_distance
    >>> X = np.random.default_rng(0).normal(size=(90, 2, 128))
    >>> abs(frechet_distance(X, X[::-1], sfreq=64)) < 1e-6
    True
    """
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    _check_enough(2, "frechet_distance", real=real, synthetic=synthetic)
    first, second = embed(real, synthetic, sfreq=sfreq)
    means = first.mean(axis=0) - second.mean(axis=0)
    # tr (S1 S2)^(1/2) is the sum of the singular values of A1 A2ᵀ with Si = Aiᵀ Ai
    a1, a2 = (_root(x) for x in (first, second))
    overlap = np.linalg.svd(a1 @ a2.T, compute_uv=False).sum()
    return float(means @ means + (a1**2).sum() + (a2**2).sum() - 2 * overlap)


def prdc(
    real: WindowsLike, synthetic: WindowsLike, *, sfreq: float, n_neighbors: int = 5
) -> pd.Series:
    """Precision, recall, density and coverage: are synthetic windows real, and are they diverse?

    Each window has a ball around it, in feature space, that reaches to the k-th nearest window of
    its own set. In the `EEGFeatures` of each channel (powers, activity and line length as
    logarithms), standardized on the real windows:

    - `precision`: share of synthetic windows inside any real ball [1]_;
    - `recall`: share of real windows inside any synthetic ball [1]_;
    - `density`: in how many real balls a synthetic window lies, on average, divided by k [2]_;
    - `coverage`: share of real balls that hold a synthetic window [2]_.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; more than `n_neighbors` each, and best equally
        many. Of more than 4,000 windows of a set, 4,000 evenly spaced are compared, with a warning.
    sfreq : float
        Sampling frequency, Hz.
    n_neighbors : int, default=5
        k; 5 in [2]_.

    Returns
    -------
    scores : Series
        `precision`, `recall` and `coverage` from 0 to 1, `density` from 0 up, 1 expected where the
        distributions are equal. Coverage then is ``1 - 0.5 ** k`` for equally many windows.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, or one has not more
        than `n_neighbors` windows.

    References
    ----------
    .. [1] Kynkäänniemi, T. et al. (2019). Improved precision and recall metric for assessing
       generative models. Advances in Neural Information Processing Systems 32.
    .. [2] Naeem, M. et al. (2020). Reliable fidelity and diversity metrics for generative models.
       International Conference on Machine Learning, PMLR 119, 7176-7185.

    Examples
    --------
    Copies of one window are real enough, but cover little:

    >>> import numpy as np
    >>> from geneeg_sk.metrics import prdc
    >>> X = np.random.default_rng(0).normal(size=(90, 2, 128))
    >>> scores = prdc(X, np.tile(X[:1], (90, 1, 1)), sfreq=64)
    >>> bool(scores["precision"] == 1 and scores["coverage"] < 0.5)
    True
    """
    if n_neighbors < 1:
        raise ValueError(f"n_neighbors={n_neighbors}; expected at least 1.")
    first, second = _points(
        real, synthetic, sfreq=sfreq, at_least=n_neighbors + 1, score=f"prdc, k={n_neighbors}"
    )
    real_radius, synthetic_radius = (_radii(x, n_neighbors) for x in (first, second))
    in_real_balls = np.zeros(len(second), int)
    recalled = covered = 0
    for rows in _blocks(len(first)):
        distances = cdist(first[rows], second)
        inside = distances < real_radius[rows, None]
        in_real_balls += inside.sum(axis=0)
        covered += inside.any(axis=1).sum()
        recalled += (distances < synthetic_radius).any(axis=1).sum()
    return pd.Series(
        {
            "precision": (in_real_balls > 0).mean(),
            "recall": recalled / len(first),
            "density": in_real_balls.mean() / n_neighbors,
            "coverage": covered / len(first),
        }
    )


def _points(
    real: WindowsLike, synthetic: WindowsLike, *, sfreq: float, at_least: int, score: str
) -> list[np.ndarray]:
    """Check and embed two sets, thinned to what all pairs of can be afforded."""
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    _check_enough(at_least, score, real=real, synthetic=synthetic)
    real, synthetic = thin(MAX_WINDOWS, real=real, synthetic=synthetic)
    return embed(real, synthetic, sfreq=sfreq)


def _check_enough(at_least: int, score: str, **sets: np.ndarray) -> None:
    for name, X in sets.items():
        if len(X) < at_least:
            raise ValueError(
                f"{name} has {len(X)} windows; {score} needs at least {at_least} of each set."
            )


def _mean_kernel(x: np.ndarray, y: np.ndarray, *, itself: bool = False) -> float:
    """Mean of the kernel over all pairs; of a set with itself, over pairs of different points."""
    gamma = 1 / (2 * x.shape[1])
    total = sum(rbf_kernel(x[rows], y, gamma=gamma).sum() for rows in _blocks(len(x)))
    if itself:
        return float((total - len(x)) / (len(x) * (len(x) - 1)))
    return float(total / (len(x) * len(y)))


def _root(x: np.ndarray) -> np.ndarray:
    """A matrix A of at most as many rows as columns, AᵀA the covariance of the rows of x."""
    return np.linalg.qr(x - x.mean(axis=0), mode="r") / np.sqrt(len(x) - 1)


def _radii(x: np.ndarray, k: int) -> np.ndarray:
    """Distance of each point to its k-th nearest other."""
    return NearestNeighbors(n_neighbors=k).fit(x).kneighbors()[0][:, -1]


def _blocks(n: int) -> list[slice]:
    return [slice(start, start + ROWS) for start in range(0, n, ROWS)]
