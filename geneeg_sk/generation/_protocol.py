"""What a generator of windows has to do."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from geneeg_sk._typing import RandomStateLike


@runtime_checkable
class WindowGenerator(Protocol):
    """Any generative model of windows: it learns them with `fit`, and makes new ones with `sample`.

    :class:`LatentDiffusionGenerator` is one. A class of your own becomes one by having these two
    methods, and can then be the `generator` of :class:`~geneeg_sk.over_sampling.GenEEGSampler` and
    :func:`~geneeg_sk.over_sampling.augment_rows`. It does not inherit from this class. To be
    trained it has to be cloned first, and therefore inherits from `sklearn.base.BaseEstimator`.
    A fitted one in ``FrozenEstimator`` is never cloned, and needs `sample` alone.

    See Also
    --------
    LatentDiffusionGenerator : The patient-adaptive generator of this package.

    Notes
    -----
    These are used where a generator has them:

    - A parameter ``random_state`` gets a seed where it is None, and a parameter ``sfreq`` the
      sampling frequency of ``mne.Epochs``.
    - ``profile(X_background)`` describes a patient by windows of their background, as an array of
      shape (n_profile,), and ``sample(..., profiles=...)`` imitates patients so described, one
      in each row. Both together allow every `patient_mix` but "virtual", which also needs
      ``virtual_profiles(n, *, random_state=None)``: profiles of shape (n, n_profile).
    - ``sample(..., guidance=..., solver_steps=...)``, which `GenEEGSampler` hands on.
    - ``vary(X, y, *, strength, groups=None, profiles=None, random_state=None)`` makes a variation
      of each window; ``GenEEGSampler(method="vary")`` needs it.
    - ``save(folder)``, and a class method ``load(folder)`` that raises FileNotFoundError where
      there is nothing: `memory` keeps trained generators by them.
    - ``n_channels_``, ``n_times_``, ``classes_`` and ``sfreq_`` of a frozen generator are compared
      with the windows. ``background_`` is the state that `profile` takes; without it, that is
      ``"normal"`` or the majority. ``patients_`` are those that it was fitted on.

    ``isinstance(generator, WindowGenerator)`` looks for the methods and not for their arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from geneeg_sk.generation import WindowGenerator
    >>> class Repeater(BaseEstimator):
    ...     def fit(self, X, y, *, groups=None):
    ...         self.windows_ = {state: X[y == state] for state in np.unique(y)}
    ...         return self
    ...
    ...     def sample(self, y, *, groups=None, random_state=None):
    ...         rng = np.random.default_rng(random_state)
    ...         return np.stack([rng.choice(self.windows_[state]) for state in y])
    >>> isinstance(Repeater(), WindowGenerator)
    True
    """

    def fit(self, X: np.ndarray, y: np.ndarray, *, groups: np.ndarray | None = None) -> object:
        """Learn windows of each state.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_channels, n_times)
            Windows, in microvolts.
        y : ndarray of shape (n_windows,)
            State of each window.
        groups : ndarray of shape (n_windows,), default=None
            Patient of each window.

        Returns
        -------
        self : object
            The fitted generator.
        """

    def sample(
        self,
        y: np.ndarray,
        *,
        groups: np.ndarray | None = None,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
        """Generate one window for each state in `y`.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Requested states, which were in training.
        groups : ndarray of shape (n,), default=None
            Known patients to imitate. A generator that does not tell patients apart ignores them.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. The same int gives the same windows.

        Returns
        -------
        X : ndarray of shape (n, n_channels, n_times)
            Windows in microvolts, with channels and times as in training.
        """
