"""The public generator."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from .._checks import background_state, check_groups, check_windows, resolve_sfreq
from .._device import resolve_device
from .._sealed import history_from_json, history_to_json, labels_from_json, labels_to_json
from .._seeding import MAX_SEED, seeded
from .._typing import Label, RandomStateLike, WindowsLike
from .._version import __version__
from ..datasets import WindowRows
from ..datasets._content import content_hash
from ..datasets._rows import check_rows
from ._checkpoint import Checkpoint
from ._data import TrainingSet
from ._fit import Settings, fit, untrained
from ._model import LatentDiffusion
from ._profiles import profile_of
from ._replay import add_replay, extend_model
from ._storage import read_folder, write_folder
from .networks._diffusion import SOLVER_STEPS
from .networks._training import Training


class LatentDiffusionGenerator(BaseEstimator):
    """Generate windows of EEG for a clinical state and a patient.

    A variational autoencoder turns windows into short sequences of latents. A diffusion model
    learns these, conditioned on the state, on the patient's profile, and on descriptors of the
    window, which are themselves drawn from their joint distribution. Patients are described by
    their background EEG and not by an id, so that unseen patients can be imitated.

    Parameters
    ----------
    sfreq : float, default=None
        Sampling frequency in Hz. Training does not need it, but it is kept with the model and
        compared with that of data it is used on. None: taken from ``mne.Epochs``.
    latent_channels : int, default=64
        Channels of the latent sequence; fewer are used where the windows hold fewer numbers.
    width : int, default=128
        Channels of the hidden layers of all networks.
    vae_steps, diffusion_steps : int, default=800, 2000
        Optimizer steps of each stage; the cost does not grow with the data.
    batch_size : int, default=32
        Windows of one step.
    background : label or "auto", default="auto"
        The state that is plentiful and describes a patient: ``"normal"`` where there is such a
        label, else the majority.
    device : str, default="auto"
        A torch device; "auto" takes CUDA where there is one.
    random_state : int, RandomState instance or None, default=None
        Seed of training, and of sampling where `sample` is given none.
    verbose : int, default=0
        With 1, a progress bar with stage and loss.

    Attributes
    ----------
    classes_ : ndarray of shape (n_states,)
    patients_ : ndarray of shape (n_patients,)
        Patients as in `groups`; empty without groups.
    profiles_ : ndarray of shape (n_patients, n_profile)
        Profiles of `patients_`: medians over background windows of log-RMS (log µV), the log
        power at unit RMS of each channel in each of a few frequency bands, and each channel's
        spectral entropy and compressed skewness and kurtosis.
    n_channels_, n_times_ : int
    sfreq_ : float or None
    history_ : DataFrame
        Columns stage, step, each loss term, their sum, and validation (held-out windows, where
        a state has 20 or more).

    See Also
    --------
    geneeg_sk.over_sampling.GenEEGSampler : This generator as an over-sampler.

    Notes
    -----
    Results repeat for an int `random_state` on one machine, also in joblib's loky workers; under
    joblib's threading backend they may not.

    Epileptiform discharges of `sample` are waves bent into peaks, in channels for which a high
    kurtosis was drawn. `vary`, with a low strength, keeps a part of the real ones.

    References
    ----------
    .. [1] Rombach et al. (2022). High-resolution image synthesis with latent diffusion models.
    .. [2] Karras et al. (2022). Elucidating the design space of diffusion-based generative models.
    .. [3] Lu et al. (2022). DPM-Solver++: fast solver for guided sampling of diffusion models.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.generation import LatentDiffusionGenerator
    >>> cohort = make_eeg_cohort(n_patients=2, sfreq=64, length=2, random_state=0)
    >>> generator = LatentDiffusionGenerator(vae_steps=20, diffusion_steps=20, random_state=0)
    >>> generator = generator.fit(cohort.X, cohort.y, groups=cohort.groups)
    >>> generator.sample(["ictal"] * 3).shape
    (3, 19, 128)
    """

    __metadata_request__fit = {"groups": True}
    __metadata_request__partial_fit = {"groups": True}

    _parameter_constraints: dict[str, Any] = {
        "sfreq": [Interval(Real, 0, None, closed="neither"), None],
        "latent_channels": [Interval(Integral, 1, None, closed="left")],
        "width": [Interval(Integral, 4, None, closed="left")],
        "vae_steps": [Interval(Integral, 1, None, closed="left")],
        "diffusion_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "background": "no_validation",
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        sfreq: float | None = None,
        latent_channels: int = 64,
        width: int = 128,
        vae_steps: int = 800,
        diffusion_steps: int = 2000,
        batch_size: int = 32,
        background: Label = "auto",
        device: str = "auto",
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self.sfreq = sfreq
        self.latent_channels = latent_channels
        self.width = width
        self.vae_steps = vae_steps
        self.diffusion_steps = diffusion_steps
        self.batch_size = batch_size
        self.background = background
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: WindowsLike | WindowRows,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        checkpoint: str | Path | None = None,
    ) -> LatentDiffusionGenerator:
        """Learn windows of each state and of each patient.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows in microvolts. Of `WindowRows`, a minibatch or block is read at a time.
        y : array-like of shape (n_windows,)
            Clinical state of each window.
        groups : array-like of shape (n_windows,), default=None
            Patient of each window.
        checkpoint : str or Path, default=None
            Folder in which training is kept 25 times a stage. The same `fit` goes on from there
            after it was killed, and ends with the generator that it would have ended with, on the
            same machine. Needs an int as `random_state`.

        Returns
        -------
        self : object
            The fitted generator.

        Raises
        ------
        ValueError
            If windows are not finite, lengths differ, or `background` is not a label; or if
            `checkpoint` holds a training on other windows or with other settings.
        FileExistsError
            If there is something else in the place of a checkpoint.
        KeyboardInterrupt
            On Ctrl-C; what is trained so far stays usable.

        Notes
        -----
        A state with fewer than three windows gets the spread of its descriptors from all states. A
        patient without background windows gets the profile of all patients together, with a
        warning.
        """
        self.sfreq_ = resolve_sfreq(self.sfreq, X)
        if isinstance(X, WindowRows) and X.dtype in (np.float32, np.float64):
            X = check_rows(self, X, reset=True)
        else:
            X = check_windows(self, X, reset=True)
        y = self._check_states(X, y)
        self.classes_ = np.unique(y)
        self.background_ = background_state(y, self.background)
        self.dtype_ = X.dtype
        data, patients = self._training_set(X, y, groups)
        kept = None if checkpoint is None else self._checkpoint(checkpoint, X, y, groups)
        rng = check_random_state(self.random_state)
        settings = self._settings()
        with seeded(int(rng.randint(MAX_SEED))):
            model = untrained(data, settings)
        self._train(data, model, patients, settings, rng, kept)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: WindowsLike | WindowRows, y: ArrayLike, *, groups: ArrayLike | None = None
    ) -> LatentDiffusionGenerator:
        """Learn further patients without forgetting the earlier ones.

        The earlier patients' windows are not kept: as many as there were are generated and
        learned again beside the new ones (generative replay, Shin et al. 2017). The first call is
        a `fit`, and fixes states, channels and times.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times)
            Windows, in microvolts.
        y : array-like of shape (n_windows,)
            State of each window.
        groups : array-like of shape (n_windows,), default=None
            Patient of each window, of earlier or of new patients.

        Returns
        -------
        self : object
            The fitted generator.

        Raises
        ------
        ValueError
            As in `fit`; and for states that the first call did not have.
        """
        if not hasattr(self, "model_"):
            return self.fit(X, y, groups=groups)
        self._check_can_sample()
        if (groups is None) != (len(self.patients_) == 0):
            raise ValueError(
                "groups has to be given to every call of partial_fit or to none: the patients of "
                f"the earlier calls are {self.patients_.tolist()}."
            )
        X = check_windows(self, X, reset=False)
        data, new = self._training_set(X, self._check_states(X, y), groups)
        rng = check_random_state(self.random_state)
        settings = self._settings()
        known = self.patients_ if len(self.patients_) else np.array([None])
        patients = np.concatenate([known, new[~np.isin(new, known)]])
        data = add_replay(
            data,
            self.model_,
            self.counts_,
            renumber=np.array([int(np.flatnonzero(patients == p)[0]) for p in new]),
            background=int(np.flatnonzero(self.classes_ == self.background_)[0]),
            seed=int(rng.randint(MAX_SEED)),
            device=settings.device,
        )
        self._train(data, extend_model(data, self.model_), patients, settings, rng)
        return self

    def sample(
        self,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        profiles: ArrayLike | None = None,
        guidance: float = 1.0,
        solver_steps: int | None = None,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
        """Generate one window for each state in `y`.

        Parameters
        ----------
        y : array-like of shape (n,)
            Requested states.
        groups : array-like of shape (n,), default=None
            Known patients to imitate.
        profiles : array-like of shape (n_profile,) or (n, n_profile), default=None
            Profiles to imitate, as `profile` returns them. With neither `groups` nor `profiles`,
            patients are drawn in proportion to their windows of the state.
        guidance : float, default=1.0
            Above 1, windows are more typical of their condition and less diverse.
        solver_steps : int, default=None
            Evaluations of the denoiser for each window; None means 10.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; None means the generator's own. The first windows for a seed are
            the same, however many are asked for.

        Returns
        -------
        X : ndarray of shape (n, n_channels, n_times)
            Windows in microvolts, of the dtype of the training windows.

        Raises
        ------
        ValueError
            For a state or patient that was not in training, or profiles of another shape.
        """
        check_is_fitted(self, "model_")
        self._check_can_sample()
        validate_parameter_constraints(
            {
                "guidance": [Interval(Real, 0, None, closed="left")],
                "solver_steps": [Interval(Integral, 1, None, closed="left"), None],
            },
            {"guidance": guidance, "solver_steps": solver_steps},
            "LatentDiffusionGenerator.sample",
        )
        state = self._codes(column_or_1d(y), self.classes_, "state")
        profiles = self._profiles_for(len(state), groups, profiles)
        seed = self.random_state if random_state is None else random_state
        X = self.model_.sample(
            state,
            profiles,
            check_random_state(seed).randint(MAX_SEED),
            guidance=float(guidance),
            solver_steps=SOLVER_STEPS if solver_steps is None else solver_steps,
            device=resolve_device(self.device),
        )
        return X.astype(self.dtype_, copy=False)

    def vary(
        self,
        X: WindowsLike,
        y: ArrayLike,
        *,
        strength: float,
        groups: ArrayLike | None = None,
        profiles: ArrayLike | None = None,
        solver_steps: int | None = None,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
        """Make a variation of each window, of its own patient or of another.

        Windows are encoded, made noisy, and denoised under their state and descriptors. With
        `profiles` they are first filtered to the band powers that they would be expected to have in
        these patients. What the autoencoder does not keep is replaced by noise in the same share.

        Parameters
        ----------
        X : array-like of shape (n, n_channels, n_times)
            Windows in microvolts, with channels and times as in `fit`.
        y : array-like of shape (n,)
            State of each window.
        strength : float
            Share of the variance of the latents that is new, between 0 and 1. 0: the windows
            themselves, or, with `profiles`, the filtered ones. 1: nothing is left of a window but
            its state and descriptors.
        groups : array-like of shape (n,), default=None
            Patient of each window, known from training. None: unknown; needed with `profiles`.
        profiles : array-like of shape (n_profile,) or (n, n_profile), default=None
            Profiles of the patients to move the windows to, as `profile` returns them. None: they
            stay with their patients.
        solver_steps : int, default=None
            As in `sample`; for low strengths only those that are left are computed.
        random_state : int, RandomState instance or None, default=None
            Seed; None means the generator's own.

        Returns
        -------
        X_varied : ndarray of shape (n, n_channels, n_times)
            Windows in microvolts, of the dtype of the training windows.

        Raises
        ------
        ValueError
            For windows that do not fit, a state or patient that was not in training, or `profiles`
            without `groups`.

        Notes
        -----
        Low strengths copy: measure :func:`~geneeg_sk.metrics.nearest_neighbor_ratio` before
        variations of a patient's windows are given to others. The method follows variations of
        images [1]_.

        References
        ----------
        .. [1] Trabucco et al. (2023). Effective data augmentation with diffusion models.
        """
        check_is_fitted(self, "model_")
        self._check_can_sample()
        validate_parameter_constraints(
            {
                "strength": [Interval(Real, 0, 1, closed="both")],
                "solver_steps": [Interval(Integral, 1, None, closed="left"), None],
            },
            {"strength": strength, "solver_steps": solver_steps},
            "LatentDiffusionGenerator.vary",
        )
        X = check_windows(self, X, reset=False)
        state = self._codes(column_or_1d(y), self.classes_, "state")
        check_consistent_length(X, state)
        if profiles is not None and groups is None:
            raise ValueError(
                "profiles is given without groups; expected the patient of each window, whom it is "
                "moved from."
            )
        seed = self.random_state if random_state is None else random_state
        varied = self.model_.vary(
            np.asarray(X, np.float32),
            state,
            self._profiles_for(len(state), groups, None),
            self._profiles_for(len(state), None, profiles),
            float(strength),
            check_random_state(seed).randint(MAX_SEED),
            solver_steps=SOLVER_STEPS if solver_steps is None else solver_steps,
            device=resolve_device(self.device),
        )
        return varied.astype(self.dtype_, copy=False)

    def profile(self, X_background: WindowsLike) -> np.ndarray:
        """Describe a patient, also one never seen, by windows of their background.

        Parameters
        ----------
        X_background : array-like of shape (n_windows, n_channels, n_times)
            At least one window in microvolts; ten or more give a stable profile.

        Returns
        -------
        profile : ndarray of shape (n_profile,)
            Medians of the descriptors of the windows; see ``profiles_``.
        """
        check_is_fitted(self, "model_")
        X = check_windows(self, X_background, reset=False)
        return profile_of(self.model_.describe(X))

    def virtual_profiles(self, n: int, *, random_state: RandomStateLike = None) -> np.ndarray:
        """Draw profiles of fictitious patients, between and around the known ones.

        Drawn from a normal distribution over the patients' profiles, with shrunk covariance
        (Ledoit and Wolf 2004).

        Parameters
        ----------
        n : int
            How many.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.

        Returns
        -------
        profiles : ndarray of shape (n, n_profile)
            Like ``profiles_``.
        """
        check_is_fitted(self, "model_")
        normal = check_random_state(random_state).standard_normal((n, self.profiles_.shape[1]))
        return self.model_.profiles.draw_virtual(normal)

    def encode(self, X: WindowsLike) -> np.ndarray:
        """Turn windows into latents.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times)
            Windows, in microvolts, with channels and times as in `fit`.

        Returns
        -------
        z : ndarray of shape (n_windows, latent_channels, positions)
            Standardized latents.
        """
        check_is_fitted(self, "model_")
        return self.model_.encode(check_windows(self, X, reset=False), resolve_device(self.device))

    def decode(self, z: ArrayLike, log_rms: ArrayLike) -> np.ndarray:
        """Turn latents into windows: the mean that the autoencoder predicts.

        Parameters
        ----------
        z : array-like of shape (n, latent_channels, positions)
            Latents as `encode` returns them.
        log_rms : array-like of shape (n,)
            Natural logarithm of each window's root mean square in microvolts, which latents do
            not hold.

        Returns
        -------
        X : ndarray of shape (n, n_channels, n_times)
            Windows, in microvolts.
        """
        check_is_fitted(self, "model_")
        z = np.asarray(z, dtype=np.float32)
        unit = self.model_.decode(z, resolve_device(self.device))
        X = self.model_.normalizer.windows(unit, np.asarray(log_rms, dtype=float))
        return X.astype(self.dtype_, copy=False)

    def reconstruct(self, X: WindowsLike) -> np.ndarray:
        """Pass windows through the autoencoder, without the noise that sampling adds.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times)
            Windows, in microvolts, with channels and times as in `fit`.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_windows, n_channels, n_times)
            Windows, in microvolts.
        """
        check_is_fitted(self, "model_")
        X = check_windows(self, X, reset=False)
        z = self.model_.encode(X, resolve_device(self.device))
        return self.decode(z, self.model_.normalizer.log_rms(X))

    def save(self, folder: str | Path, *, profiles: bool = True) -> None:
        """Write the fitted generator into `folder`: safetensors and JSON, atomically.

        The folder holds data of patients: weights of networks that were trained on their windows,
        and, unless ``profiles=False``, their ids, one profile each, the mean difference of their
        windows of each state from those of all patients, and the descriptors (band powers and
        others) of their training windows. Without profiles, `sample` takes no `groups` and draws
        profiles from a normal distribution over patients.

        Parameters
        ----------
        folder : str or Path
            Folder to write.
        profiles : bool, default=True
            Whether profiles of patients are saved.

        Raises
        ------
        FileExistsError
            If `folder` holds something else than a saved generator. Files that are beside an
            earlier one stay.
        """
        check_is_fitted(self, "model_")
        self._check_can_sample()
        params = self.get_params(deep=False)
        if not isinstance(params["random_state"], (Integral, type(None))):
            params["random_state"] = None  # the state of a generator is not a setting
        header = {
            "params": {k: v.item() if isinstance(v, np.generic) else v for k, v in params.items()},
            "classes": labels_to_json(self.classes_),
            "background": int(np.flatnonzero(self.classes_ == self.background_)[0]),
            "patients": labels_to_json(self.patients_ if profiles else self.patients_[:0]),
            "counts": self.counts_.tolist() if profiles else self.counts_[:, :0].tolist(),
            "dtype": np.dtype(self.dtype_).name,
            "sfreq": self.sfreq_,
            "shape": [self.n_channels_, self.n_times_],
            "n_features_in": self.n_features_in_,
            "history": history_to_json(self.history_),
        }
        write_folder(folder, self.model_ if profiles else self.model_.without_patients(), header)

    @classmethod
    def load(cls, folder: str | Path) -> LatentDiffusionGenerator:
        """Read a generator that `save` wrote; nothing in the folder is executed.

        Parameters
        ----------
        folder : str or Path
            Folder that `save` wrote.

        Returns
        -------
        generator : LatentDiffusionGenerator
            Fitted.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is none, or it is damaged, foreign, or of a newer version.
        """
        model, header = read_folder(folder)
        try:
            generator = cls(**header["params"])
            generator.classes_ = labels_from_json(header["classes"])
            generator.background_ = generator.classes_[header["background"]]
            generator.patients_ = labels_from_json(header["patients"])
            generator.counts_ = np.array(header["counts"], dtype=int)
            generator.dtype_ = np.dtype(header["dtype"])
            generator.sfreq_ = header["sfreq"]
            generator.n_channels_, generator.n_times_ = header["shape"]
            generator.n_features_in_ = header["n_features_in"]
            generator.history_ = history_from_json(header["history"])
            generator._validate_params()
        except Exception as error:  # whoever wrote it by hand may have written anything
            raise ValueError(f"{folder} is not a complete generator: {error!r}.") from error
        generator.model_ = model
        generator.profiles_ = model.profiles.known[: len(generator.patients_)]
        return generator

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.non_deterministic = self.random_state is None
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _check_states(self, X: np.ndarray | WindowRows, y: ArrayLike | None) -> np.ndarray:
        if y is None:
            raise ValueError(
                "LatentDiffusionGenerator requires y to be passed, but the target y is None: give "
                "the state of every window."
            )
        states = column_or_1d(y, warn=True)
        check_consistent_length(X, states)
        check_classification_targets(states)
        return states

    def _training_set(
        self, X: np.ndarray | WindowRows, y: np.ndarray, groups: ArrayLike | None
    ) -> tuple[TrainingSet, np.ndarray]:
        """States and patients as numbers, and the patients; a single None without groups."""
        groups = check_groups(groups, len(X))
        patients = np.array([None]) if groups is None else np.unique(groups)
        patient = np.zeros(len(X), int) if groups is None else np.searchsorted(patients, groups)
        is_background = y == self.background_
        without = np.bincount(patient, is_background, minlength=len(patients)) == 0
        if without.any():
            warnings.warn(
                f"no windows of the background state {str(self.background_)!r} of patients "
                f"{patients[without].tolist()}: they get the profile of all patients together.",
                stacklevel=3,
            )
        state = self._codes(y, self.classes_, "state")
        return TrainingSet(
            X, state, patient, is_background, len(self.classes_), len(patients)
        ), patients

    def _settings(self) -> Settings:
        return Settings(
            self.latent_channels,
            self.width,
            self.vae_steps,
            self.diffusion_steps,
            self.batch_size,
            resolve_device(self.device),
            self.verbose,
        )

    def _checkpoint(
        self,
        folder: str | Path,
        X: np.ndarray | WindowRows,
        y: np.ndarray,
        groups: ArrayLike | None,
    ) -> Checkpoint:
        if not isinstance(self.random_state, Integral):
            raise ValueError(
                f"checkpoint needs an int as random_state, not {self.random_state!r}: a training "
                "that goes on has to draw what it would have drawn."
            )
        params = self.get_params(deep=False) | {"verbose": None}
        device = str(resolve_device(self.device))
        groups = None if groups is None else np.asarray(groups)
        key = content_hash(params, device, X, y, groups, torch.__version__, __version__)
        found = Checkpoint(Path(folder), key)
        found.check_place()
        return found

    def _train(
        self,
        data: TrainingSet,
        model: LatentDiffusion,
        patients: np.ndarray,
        settings: Settings,
        rng: np.random.RandomState,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Train the networks of `model`, and keep it also when Ctrl-C ends the training."""
        generator = torch.Generator().manual_seed(int(rng.randint(MAX_SEED)))
        training = Training(*data.split(rng), rng, generator, settings.verbose, checkpoint)
        self.model_ = model = fit(model, data, settings, training)
        self.counts_ = data.counts
        self.patients_ = patients[patients != np.array(None)]
        self.profiles_ = model.profiles.known[: len(self.patients_)]
        self.history_ = pd.DataFrame(training.history)
        if training.interrupted:
            raise KeyboardInterrupt

    def _check_can_sample(self) -> None:
        if self.model_.denoiser is None:
            raise NotFittedError(
                "Training was interrupted before the diffusion stage: encode, decode and "
                "reconstruct work, but there is nothing to sample from. Fit again."
            )

    def _profiles_for(
        self, n: int, groups: ArrayLike | None, profiles: ArrayLike | None
    ) -> np.ndarray | None:
        if groups is not None and profiles is not None:
            raise ValueError("groups and profiles are both given; expected one of them at most.")
        if groups is not None:
            if not len(self.patients_):
                raise ValueError(
                    "groups asks for known patients, but this generator knows none: it was fitted "
                    "without groups, or saved with profiles=False. Give profiles instead."
                )
            known = np.asarray(check_groups(groups, n))
            return self.profiles_[self._codes(known, self.patients_, "patient")]
        if profiles is None:
            return None
        n_profile = self.model_.profiles.n_profile
        profiles = np.asarray(profiles, dtype=float)
        if profiles.shape not in {(n_profile,), (n, n_profile)} or not np.isfinite(profiles).all():
            raise ValueError(
                f"profiles has shape {profiles.shape}; expected finite numbers of shape "
                f"({n_profile},) or ({n}, {n_profile}), as profile() returns them."
            )
        return np.broadcast_to(profiles, (n, n_profile))

    @staticmethod
    def _codes(values: np.ndarray, known: np.ndarray, what: str) -> np.ndarray:
        """Numbers of `values` in `known`, which is sorted or short."""
        unknown = [v for v in np.unique(values).tolist() if v not in known.tolist()]
        if unknown:
            raise ValueError(f"unknown {what} {unknown}: the generator knows {known.tolist()}.")
        order = np.argsort(known)
        return order[np.searchsorted(known, values, sorter=order)]
