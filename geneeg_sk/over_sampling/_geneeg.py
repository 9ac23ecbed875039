"""Over-sampling with the generative model."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _clone_parametrized, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _is_fitted, check_is_fitted

from geneeg_sk._checks import doubts_about
from geneeg_sk._seeding import MAX_SEED
from geneeg_sk._typing import Label, RandomStateLike, SamplingStrategy, WindowsLike
from geneeg_sk.generation import LatentDiffusionGenerator, WindowGenerator
from geneeg_sk.over_sampling._base import BaseWindowSampler
from geneeg_sk.over_sampling._generators import (
    check_made,
    check_makes,
    check_profiles,
    check_trainable,
    missing_for_profiles,
    sampling_options,
)
from geneeg_sk.over_sampling._plausibility import Plausibility, is_finite
from geneeg_sk.over_sampling._profiles import ProfileSource
from geneeg_sk.over_sampling._sources import Sources
from geneeg_sk.over_sampling._trained import cache_folder, fit_or_load

# Candidates are drawn in chunks of this size, each with its own seed: so that the windows of a
# smaller ratio are exactly the first of a larger one.
CHUNK = 64
# More candidates than this for one window, and the generator is at fault.
MAX_TRIES = 20
# Rejection rates of two patients that are so far apart are worth a warning.
MAX_RATE_DIFFERENCE = 0.5
# Times as many synthetic windows as real ones of a state, from which on to warn.
MAX_TIMES_REAL = 20


class GenEEGSampler(BaseWindowSampler):
    """Over-sample the rare states with windows from a generative model of EEG.

    The model is trained on the windows given to `fit_resample` (inside a pipeline, those of the
    training fold), and then generates the missing windows of each state.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        How many windows to have of each state, as in imbalanced-learn. For a grid over ratios
        use :class:`FillGap`.
    generator : WindowGenerator or FrozenEstimator, default=None
        An unfitted generator is cloned and fitted; ``FrozenEstimator(generator)`` is used as it
        is. None means ``LatentDiffusionGenerator()``. Any other generative model can stand here:
        see :class:`~geneeg_sk.generation.WindowGenerator`.
    patient_mix : {"auto", "balanced", "proportional", "virtual", "pooled"}, default="auto"
        Which patients' profiles the synthetic windows get. "balanced": each patient's equally
        often. "proportional": in proportion to the patients' windows of the state. "virtual":
        those of fictitious patients between and around the known ones. "pooled": left to the
        generator. "auto": pooled where no `groups` are given, or the generator does not describe
        patients by profiles; virtual where some patients lack a state that is to be generated, and
        balanced where none does.
    method : {"sample", "vary"}, default="sample"
        "sample": windows are generated from noise. "vary": each is a variation of a real window of
        its state, moved to the patient whose profile it gets; real windows are drawn so that each
        patient who has the state serves equally often. Needs a generator with `vary`.
    strength : float, default=0.2
        Share of a window that is new, where it is varied; see
        :meth:`~geneeg_sk.generation.LatentDiffusionGenerator.vary`.
    quality : {"plausible"} or None, default="plausible"
        "plausible" refuses windows that cannot be scalp EEG: not finite, or with a channel that is
        flat, clipped, or of an amplitude more than three times beyond those of the real windows.
        Windows that are merely unlike the known ones are kept. A refused window is generated
        again, for the same patient. None refuses only windows that are not finite.
    guidance : float, default=1.0
        See :meth:`~geneeg_sk.generation.LatentDiffusionGenerator.sample` of the generator. Another
        generator may not have it, and `method="vary"` does not.
    solver_steps : int, default=None
        See :meth:`~geneeg_sk.generation.LatentDiffusionGenerator.sample` of the generator. Another
        generator may not have it.
    memory : str or joblib.Memory, default=None
        Folder that keeps trained generators. Their key is the data, the generator's parameters, the
        seed and the version of this package, but not the ratio: a grid over ratios trains one
        generator for each fold. They are stored by `LatentDiffusionGenerator.save`, with checksums:
        reading them runs no code, and damaged ones are trained again. See there which data of
        patients they hold. Other generators are stored by their own `save`.
    random_state : int, RandomState instance or None, default=None
        Seed of training, where `generator` has none of its own, and of sampling. With the same
        int, the windows of a smaller ratio are exactly the first of a larger one, in each state.

    Attributes
    ----------
    sampling_strategy_ : dict
        How many windows to generate for each state.
    generator_ : WindowGenerator
        The fitted generator.
    n_synthetic_ : dict
        How many windows were generated for each state.
    is_synthetic_ : ndarray of bool, shape (n_windows_resampled,)
        Which windows of the result are synthetic.
    provenance_ : DataFrame
        For each synthetic window its ``state``, ``profile`` (patient, "virtual" or "pooled"),
        ``nearest_patient`` by profile, and ``tries`` (candidates drawn for it); with
        ``method="vary"`` also ``source``, the row of `X` that it was made of.
    rejection_rate_ : DataFrame
        Share of refused candidates, a row for each state and a column for each profile.

    See Also
    --------
    FourierSurrogateSampler : A simple method that is hard to beat.
    WindowedSampler : Any over-sampler of imbalanced-learn on windows.

    Notes
    -----
    Results repeat for an int `random_state`, also in joblib's loky workers; under its threading
    backend they may not. Groups reach the sampler inside a pipeline by metadata routing only.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.generation import LatentDiffusionGenerator
    >>> from geneeg_sk.over_sampling import FillGap, GenEEGSampler
    >>> cohort = make_eeg_cohort(n_patients=2, sfreq=64, length=2, random_state=0)
    >>> sampler = GenEEGSampler(
    ...     sampling_strategy=FillGap(0.2),
    ...     generator=LatentDiffusionGenerator(vae_steps=20, diffusion_steps=20),
    ...     quality=None,
    ...     random_state=0,
    ... )
    >>> X_res, y_res = sampler.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    >>> int(sampler.is_synthetic_.sum()) == len(X_res) - len(cohort.X)
    True
    """

    _parameter_constraints: dict[str, Any] = {
        **BaseOverSampler._parameter_constraints,
        "generator": [HasMethods(["fit", "sample"]), FrozenEstimator, None],
        "patient_mix": [
            StrOptions({"auto", "balanced", "proportional", "virtual", "pooled"}),
        ],
        "method": [StrOptions({"sample", "vary"})],
        "strength": [Interval(Real, 0, 1, closed="both")],
        "quality": [StrOptions({"plausible"}), None],
        "guidance": [Interval(Real, 0, None, closed="left")],
        "solver_steps": [Interval(Integral, 1, None, closed="left"), None],
        "memory": [str, HasMethods(["cache"]), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        generator: WindowGenerator | FrozenEstimator | None = None,
        patient_mix: str = "auto",
        method: str = "sample",
        strength: float = 0.2,
        quality: str | None = "plausible",
        guidance: float = 1.0,
        solver_steps: int | None = None,
        memory: str | Path | joblib.Memory | None = None,
        random_state: RandomStateLike = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.generator = generator
        self.patient_mix = patient_mix
        self.method = method
        self.strength = strength
        self.quality = quality
        self.guidance = guidance
        self.solver_steps = solver_steps
        self.memory = memory
        self.random_state = random_state

    def __sklearn_clone__(self) -> GenEEGSampler:
        self._warn_if_bare_fitted()
        return _clone_parametrized(self)

    def fit_resample(
        self, X: WindowsLike, y: ArrayLike, *, groups: ArrayLike | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows with synthetic ones appended.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows, in microvolts.
        y : array-like of shape (n_windows,)
            State of each window.
        groups : array-like of shape (n_windows,), default=None
            Patient of each window. Inside a pipeline it arrives by metadata routing:
            ``sklearn.set_config(enable_metadata_routing=True)``.

        Returns
        -------
        X_resampled : ndarray of shape (n_windows_resampled, ...)
            `X` itself, then the synthetic windows.
        y_resampled : ndarray of shape (n_windows_resampled,)
            Their states.

        Raises
        ------
        ValueError
            If the input is not as described, `patient_mix` needs groups and there are none, a
            frozen generator does not fit the windows, the generator lacks what an option needs or
            makes windows of another shape, or nearly everything that it makes is refused.

        Warns
        -----
        UserWarning
            If far more windows are requested than there are real ones, or the windows of one
            patient are refused much more often than those of another.
        """
        return super().fit_resample(X, y, groups=groups)

    def _generate(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, counts: dict[Label, int]
    ) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
        mix = self._patient_mix(y, groups, counts)
        self._options = self._check_generator(mix)
        _warn_if_extreme(X, y, counts)
        rng = check_random_state(self.random_state)
        fit_seed, draw_seed = (int(rng.randint(MAX_SEED)) for _ in range(2))
        self.generator_ = self._fitted_generator(X, y, groups, fit_seed)
        source = ProfileSource(self.generator_, mix, X, y, groups)
        sources = Sources(X, y, None if mix == "pooled" else groups)
        accepts = is_finite if self.quality is None else Plausibility(X)
        states = np.unique(y).tolist()
        windows, rows = [X[:0]], []
        for state, n in counts.items():
            seed = (draw_seed, states.index(state))
            made, provenance = self._draw(state, n, seed, source, sources, accepts)
            windows.append(made)
            rows.append(provenance.assign(state=state))
        labels = np.repeat(np.array(list(counts), dtype=y.dtype), list(counts.values()))
        columns = ["state", "profile", "nearest_patient", "tries"]
        columns += ["source"] if self.method == "vary" else []
        provenance = pd.concat(rows)[columns] if rows else pd.DataFrame(columns=columns)
        self.rejection_rate_ = rejection_rates(provenance)
        return np.concatenate(windows), labels, provenance

    def _draw(
        self,
        state: Label,
        n: int,
        seed: tuple[int, int],
        source: ProfileSource,
        sources: Sources,
        accepts: Callable[[np.ndarray], np.ndarray],
    ) -> tuple[np.ndarray, pd.DataFrame]:
        """Generate whole chunks of windows; the first `n` in order are taken."""
        windows, rows = [], []
        for chunk in range(-(-n // CHUNK)):
            rng = np.random.default_rng([*seed, chunk])
            profiles, provenance = source.draw(state, CHUNK, rng)
            X, made_by = self._fill(state, profiles, rng, accepts, sources)
            if X is None:
                advice = doubts_about(sources.X[sources.y == state]) or (
                    "Train the generator longer (vae_steps, diffusion_steps), or look at what it "
                    "makes, with quality=None."
                )
                raise ValueError(
                    f"{MAX_TRIES} candidates in turn for the same synthetic window of state "
                    f"{state!r} were refused: not finite, flat, clipped, or of an amplitude far "
                    f"beyond that of the real windows. {advice}"
                )
            windows.append(X)
            rows.append(provenance.assign(**made_by))
        return np.concatenate(windows)[:n], pd.concat(rows)[:n]

    def _fill(
        self,
        state: Label,
        profiles: np.ndarray | None,
        rng: np.random.Generator,
        accepts: Callable[[np.ndarray], np.ndarray],
        sources: Sources,
    ) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
        """Generate a chunk, and what is refused of it again with the same profiles.

        Returns the windows, None if some were refused time after time, and columns of their
        provenance.
        """
        X, missing = None, np.arange(CHUNK)
        made_by = {"tries": np.zeros(CHUNK, int), "source": np.zeros(CHUNK, int)}
        for _ in range(MAX_TRIES):
            its = {} if profiles is None else {"profiles": profiles[missing]}
            made, rows = self._make(state, len(missing), its, rng, sources)
            made = check_made(made, len(missing), sources.X.shape[1:], self.generator_)
            X = np.empty((CHUNK, *made.shape[1:]), made.dtype) if X is None else X
            made_by["tries"][missing] += 1
            made_by["source"][missing] = rows
            accepted = accepts(made)
            X[missing[accepted]] = made[accepted]
            missing = missing[~accepted]
            if not len(missing):
                return X, made_by
        return None, made_by

    def _make(
        self,
        state: Label,
        n: int,
        profiles: dict[str, np.ndarray],
        rng: np.random.Generator,
        sources: Sources,
    ) -> tuple[np.ndarray, np.ndarray | int]:
        """Windows of a state, and the rows that they are variations of."""
        states = np.array([state] * n)
        seed = int(rng.integers(MAX_SEED))
        if self.method == "sample":
            return self.generator_.sample(
                states, **profiles, **self._options, random_state=seed
            ), -1
        X, groups = sources.X, sources.groups
        rows = sources.draw(state, n, rng)
        varied = self.generator_.vary(
            X[rows],
            states,
            strength=self.strength,
            **({} if groups is None else {"groups": groups[rows]}),
            **profiles,
            **self._options,
            random_state=seed,
        )
        return varied, rows

    def _fitted_generator(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, seed: int
    ) -> BaseEstimator:
        if isinstance(self.generator, FrozenEstimator):
            generator = self.generator.estimator
            if isinstance(generator, BaseEstimator):  # others may not follow its convention
                check_is_fitted(generator)
            _check_compatible(generator, X, y, self._sfreq)
            return generator
        self._warn_if_bare_fitted()
        generator = LatentDiffusionGenerator() if self.generator is None else clone(self.generator)
        params = generator.get_params(deep=False)
        for name, value in {"random_state": seed, "sfreq": self._sfreq}.items():
            if value is not None and name in params and params[name] is None:
                generator.set_params(**{name: value})
        return fit_or_load(generator, X, y, groups, cache_folder(self.memory))

    def _given_generator(self) -> WindowGenerator:
        if isinstance(self.generator, FrozenEstimator):
            return self.generator.estimator
        return LatentDiffusionGenerator() if self.generator is None else self.generator

    def _check_generator(self, mix: str) -> dict[str, Any]:
        """Return the options that its `sample` takes, if it has everything that is asked of it."""
        generator = self._given_generator()
        if not isinstance(self.generator, FrozenEstimator):
            check_trainable(generator)
        check_makes(generator, self.method)
        check_profiles(generator, mix, self.method)
        return sampling_options(
            generator, self.method, guidance=self.guidance, solver_steps=self.solver_steps
        )

    def _patient_mix(
        self, y: np.ndarray, groups: np.ndarray | None, counts: dict[Label, int]
    ) -> str:
        if self.patient_mix == "auto":
            generator = self._given_generator()
            if groups is None or missing_for_profiles(generator):
                return "pooled"
            # Few patients have seizures: seizures of others are what detectors lack.
            lacking = any(set(groups) - set(groups[y == state]) for state in counts)
            return "virtual" if lacking and hasattr(generator, "virtual_profiles") else "balanced"
        if groups is None and self.patient_mix != "pooled":
            raise ValueError(
                f"patient_mix={self.patient_mix!r} needs the patient of every window, but groups "
                "is None. Inside a Pipeline, enable routing with "
                "sklearn.set_config(enable_metadata_routing=True) and pass "
                "params={'groups': groups} to cross_validate, or groups=groups to fit. In a grid "
                "that swaps samplers, swap them inside a WindowedSampler, which always asks for "
                "groups."
            )
        return self.patient_mix

    def _warn_if_bare_fitted(self) -> None:
        is_frozen = isinstance(self.generator, FrozenEstimator)
        if (
            isinstance(self.generator, BaseEstimator)
            and not is_frozen
            and _is_fitted(self.generator)
        ):
            warnings.warn(
                "The generator is fitted, but will be cloned and fitted again. To use it as it is, "
                "wrap it: GenEEGSampler(generator=sklearn.frozen.FrozenEstimator(generator)).",
                stacklevel=3,
            )


def rejection_rates(provenance: pd.DataFrame) -> pd.DataFrame:
    """Return the share of refused candidates by state and profile; warn where it is lopsided."""
    by = provenance.astype({"tries": float}).groupby(["state", "profile"])["tries"]
    rates = (1 - 1 / by.mean()).unstack()
    for state, rate in rates.iterrows():
        if rate.max() - rate.min() > MAX_RATE_DIFFERENCE:
            warnings.warn(
                f"Of the synthetic windows of state {state!r}, {rate.max():.0%} were refused for "
                f"patient {rate.idxmax()!r}, and {rate.min():.0%} for {rate.idxmin()!r}. Look at "
                "the recordings of the former: its amplitudes may be of another unit.",
                stacklevel=6,
            )
    return rates


def _check_compatible(
    generator: WindowGenerator, X: np.ndarray, y: np.ndarray, sfreq: float | None
) -> None:
    problems = []
    n_channels = getattr(generator, "n_channels_", X.shape[1])
    n_times = getattr(generator, "n_times_", X.shape[2])
    states = np.unique(y).tolist()
    if X.shape[1] != n_channels:
        problems.append(f"{n_channels} channels, the windows have {X.shape[1]}")
    if X.shape[2] != n_times:
        problems.append(f"{n_times} samples, the windows have {X.shape[2]}")
    known = np.asarray(getattr(generator, "classes_", states)).tolist()
    unknown = sorted(set(states) - set(known), key=str)
    if unknown:
        problems.append(f"states {known}, the windows also have {unknown}")
    own = getattr(generator, "sfreq_", None)
    if sfreq is not None and own is not None and not np.isclose(sfreq, own):
        problems.append(f"{own} Hz, the windows have {sfreq} Hz")
    if problems:
        raise ValueError(
            f"The frozen generator was fitted on {'; and on '.join(problems)}. Cut, pick, resample "
            "and label the windows as for the generator, or give an unfitted one."
        )


def _warn_if_extreme(X: np.ndarray, y: np.ndarray, counts: dict[Label, int]) -> None:
    extreme = {s: n for s, n in counts.items() if n > MAX_TIMES_REAL * np.count_nonzero(y == s)}
    if extreme:
        gigabytes = sum(counts.values()) * X[0].nbytes / 1e9
        listed = ", ".join(
            f"{n} of {s!r} from {np.count_nonzero(y == s)}" for s, n in extreme.items()
        )
        warnings.warn(
            f"About to generate {sum(counts.values())} windows ({gigabytes:.2g} GB): {listed}. "
            "Many windows from few add little; sampling_strategy=FillGap(fraction) asks for fewer.",
            stacklevel=4,
        )
