"""A cohort of simulated patients with epilepsy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state

from ..._checks import STATES, VOLT
from ..._typing import RandomStateLike
from ._head import CHANNELS, make_info, spherical_head
from ._patient import draw_patient
from ._recording import Plan, simulate

if TYPE_CHECKING:
    import mne

DEFAULT_WINDOWS = {"normal": 60, "preictal": 20, "ictal": 12}
LOWEST_SFREQ = 32.0  # Hz: below it, the rhythms of a seizure's onset would not fit

TRANSITION = 5.0  # seconds between the normal and the preictal part of a recording
POSTICTAL = 6.0  # seconds recorded after a seizure
SEIZURE_SECONDS = (20.0, 60.0)
LONGEST_SEIZURE = 90.0  # more ictal windows mean more seizures


def make_eeg_cohort(
    *,
    n_patients: int = 8,
    n_windows: Mapping[str, int] | None = None,
    channels: Sequence[str] | None = None,
    sfreq: float = 256.0,
    length: float = 4.0,
    difficulty: float = 1.0,
    session: int = 0,
    continuous: bool = False,
    random_state: RandomStateLike = None,
) -> Bunch:
    """Simulate scalp EEG of patients with focal epilepsy.

    Every patient has 2 to 4 recordings with one seizure each: a normal part, a transition, a
    preictal part, the seizure, its end. Windows are cut from these recordings without overlap, so
    windows of one seizure follow each other and resemble each other.

    Parameters
    ----------
    n_patients : int, default=8
        Number of patients. The first patients are the same for every number.
    n_windows : dict of str to int, default=None
        Windows of each state for each patient, distributed over the patient's recordings. States
        are ``"normal"``, ``"preictal"``, ``"ictal"``; those not named get none. By default
        ``{"normal": 60, "preictal": 20, "ictal": 12}``.
    channels : sequence of str, default=None
        Any of the 19 channels of the 10-20 system (by default all, from Fp1 to O2), with T7, T8,
        P7, P8 in today's spelling. Signals are always referred to the mean of all 19, so that a
        channel is the same whichever others are chosen.
    sfreq : float, default=256.0
        Sampling frequency in Hz, at least 32.
    length : float, default=4.0
        Length of a window in seconds.
    difficulty : float, default=1.0
        Each step of 1 halves the amplitude of seizures and spikes and the preictal changes, and
        doubles the rate of muscle artifacts. At 1, a linear classifier of band powers is neither
        near chance nor near perfect on unseen patients.
    session : int, default=0
        Another number simulates another day of the same patients: head, focus and all other traits
        stay the same; recordings, seizures and artifacts are new. Synthetic windows should be
        compared with such fresh recordings.
    continuous : bool, default=False
        Also return the recordings that the windows were cut from, as ``mne.io.RawArray``.
    random_state : int, RandomState instance or None, default=None
        Seed of the simulation.

    Returns
    -------
    cohort : sklearn.utils.Bunch
        X : ndarray of shape (n_windows, n_channels, n_times), float32
            Windows in microvolts, by patient, recording and time.
        y : ndarray of str, shape (n_windows,)
            State of each window.
        groups : ndarray of str, shape (n_windows,)
            Patient of each window.
        metadata : pandas.DataFrame
            One row per window: ``patient``, ``recording``, ``onset`` (seconds from the start of
            the recording), ``seizure`` (missing for normal windows), ``state``.
        info : mne.Info
            Channels with their 10-20 positions, and the sampling frequency.
        sfreq : float
            Sampling frequency in Hz.
        DESCR : str
            Description of the cohort.
        raws : list of mne.io.RawArray
            With ``continuous=True`` only. In volts, seizures annotated as ``"seizure"``, the
            patient in ``info["subject_info"]["his_id"]``, the recording in ``info["description"]``.

    Raises
    ------
    ValueError
        If a state or channel is unknown, a number is out of range, or no window is asked for.

    See Also
    --------
    make_windows : Cut windows from recordings, also from these.

    Notes
    -----
    *Head.* Current dipoles at 500 sites of a cortical shell in MNE's spherical model with four
    layers (brain, fluid, skull, scalp), EEG forward solution after [1]_, electrodes of the
    10-20 system, average reference.

    *Background.* Each dipole has its own orientation, mostly radial, and 1/f activity whose
    exponent (1.2 to 1.9 by patient; [2]_) and power vary over the cortex. Amplitude differs between
    patients about threefold. Posterior alpha (9.8 ± 1.0 Hz by patient; [3]_) waxes, wanes and
    blocks while the eyes are open. Drowsy theta comes and goes over tens of seconds.

    *Artifacts.* Blinks while the eyes are open (15 a minute; a corneo-retinal dipole), bursts of
    muscle at temples and forehead (20 to 120 Hz; [4]_), in every state.

    *Seizures.* Site, frequencies, amplitude and spread belong to the patient. The rhythm starts at
    6 to 14 Hz and slows to 2 to 4 Hz, turns from sinusoidal to spike and wave, grows, and recruits
    rings of cortex around the focus, later the opposite hemisphere ([5]_, [6]_). Some patients
    have muscle tension in seizures. Duration 20 to 60 s.

    *Preictal.* The EEG changes gradually, one of the known routes to a seizure ([7]_): more spikes,
    more focal and diffuse slowing, less alpha; strong before some seizures, faint before others.
    Spikes and slowing also occur in normal EEG.

    *Not modeled.* Real head shapes and skull holes; sleep stages and spindles, age, drugs; slow
    shifts, high-frequency oscillations; generalized seizures and electrodecrement; electrode pops,
    mains hum; the hours between normal and preictal EEG. Nothing was fitted to a data set: results
    on this cohort compare methods, and say nothing about patients.

    References
    ----------
    .. [1] Berg & Scherg (1994), A fast method for forward computation of multiple-shell spherical
       head models. Electroencephalogr. Clin. Neurophysiol. 90, 58-64.
    .. [2] Donoghue et al. (2020), Parameterizing neural power spectra into periodic and aperiodic
       components. Nat. Neurosci. 23, 1655-1665.
    .. [3] Haegens et al. (2014), Inter- and intra-individual variability in alpha peak frequency.
       NeuroImage 92, 46-55.
    .. [4] Goncharova et al. (2003), EMG contamination of EEG: spectral and topographical
       characteristics. Clin. Neurophysiol. 114, 1580-1593.
    .. [5] Schiff et al. (2000), Brain chirps: spectrographic signatures of epileptic seizures.
       Clin. Neurophysiol. 111, 953-958.
    .. [6] Foldvary et al. (2001), The localizing value of ictal EEG in focal epilepsy. Neurology
       57, 2022-2028.
    .. [7] Lopes da Silva et al. (2003), Dynamical diseases of brain systems: different routes to
       epileptic seizures. IEEE Trans. Biomed. Eng. 50, 540-548.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> cohort = make_eeg_cohort(n_patients=2, sfreq=64, random_state=0)
    >>> cohort.X.shape
    (184, 19, 256)
    >>> cohort.metadata["state"].value_counts().to_dict()
    {'normal': 120, 'preictal': 40, 'ictal': 24}
    """
    counts = _check_counts(n_windows)
    picks = _check_channels(channels)
    _check_numbers(n_patients, sfreq, length, difficulty, session)
    seed = check_random_state(random_state).randint(2**31, size=4)
    streams = np.random.SeedSequence(seed.tolist()).spawn(n_patients)
    info = make_info([CHANNELS[k] for k in picks], sfreq)
    parts: list[np.ndarray] = []
    tables: list[pd.DataFrame] = []
    raws: list[mne.io.RawArray] = []
    for k, stream in enumerate(streams):
        name = f"P{k + 1:02d}"
        for recording, plan, table, signal in _recordings(
            stream, name, counts, sfreq, length, difficulty, session
        ):
            starts = np.rint(table["onset"].to_numpy() * sfreq).astype(int)
            parts.append(_cut(signal[picks], starts, round(length * sfreq)))
            tables.append(table)
            if continuous:
                raws.append(_to_raw(signal[picks], info, plan, name, recording))
    metadata = pd.concat(tables, ignore_index=True)
    cohort = Bunch(
        X=np.concatenate(parts),
        y=metadata["state"].to_numpy(dtype="U8"),
        groups=metadata["patient"].to_numpy(dtype=f"U{len(name)}"),
        metadata=metadata,
        info=info,
        sfreq=float(sfreq),
        DESCR=_describe(n_patients, counts, len(picks), sfreq, length, difficulty),
    )
    if continuous:
        cohort.raws = raws
    return cohort


def _check_counts(n_windows: Mapping[str, int] | None) -> dict[str, int]:
    counts = dict(DEFAULT_WINDOWS if n_windows is None else n_windows)
    unknown = [state for state in counts if state not in STATES]
    if unknown:
        raise ValueError(f"n_windows names unknown states {unknown}; expected any of {STATES}.")
    counts = {state: counts.get(state, 0) for state in STATES}
    if any(not isinstance(n, int | np.integer) or n < 0 for n in counts.values()):
        raise ValueError(f"n_windows must hold integers of 0 or more, got {dict(n_windows or {})}.")
    if not sum(counts.values()):
        raise ValueError("n_windows asks for no window at all; give at least one state a number.")
    return counts


def _check_channels(channels: Sequence[str] | None) -> list[int]:
    channels = CHANNELS if channels is None else list(channels)
    unknown = [name for name in channels if name not in CHANNELS]
    if unknown or not channels or len(set(channels)) < len(channels):
        raise ValueError(
            f"channels must be distinct names among {', '.join(CHANNELS)}; got {channels}."
        )
    return [CHANNELS.index(name) for name in channels]


def _check_numbers(
    n_patients: int, sfreq: float, length: float, difficulty: float, session: int
) -> None:
    if not isinstance(n_patients, int | np.integer) or n_patients < 1:
        raise ValueError(f"n_patients must be an integer of 1 or more, got {n_patients!r}.")
    if not LOWEST_SFREQ <= sfreq < np.inf:
        raise ValueError(f"sfreq must be at least {LOWEST_SFREQ:g} Hz, got {sfreq!r}.")
    if not 2 / sfreq <= length < np.inf:
        raise ValueError(f"length must be at least two samples, in seconds, got {length!r}.")
    if not 0 <= difficulty <= 10:
        raise ValueError(f"difficulty must be between 0 and 10, got {difficulty!r}.")
    if not isinstance(session, int | np.integer) or session < 0:
        raise ValueError(f"session must be an integer of 0 or more, got {session!r}.")


def _recordings(
    stream: np.random.SeedSequence,
    name: str,
    counts: dict[str, int],
    sfreq: float,
    length: float,
    difficulty: float,
    session: int,
) -> Iterator[tuple[str, Plan, pd.DataFrame, np.ndarray]]:
    """Yield name, plan, table of windows and signal of each recording of one patient."""
    # Traits, habits and signals have streams of their own: none depends on the length of another.
    traits, habits, signals = stream.spawn(3)
    day = ""
    if session:
        habits, signals = stream.spawn(session)[-1].spawn(2)
        day = f"D{session}-"
    patient = draw_patient(np.random.default_rng(traits), name, spherical_head(), difficulty)
    rng = np.random.default_rng(habits)
    shares = _share_out(rng, counts, length)
    for k, (share, child) in enumerate(zip(shares, signals.spawn(len(shares)))):
        shortest = rng.uniform(*SEIZURE_SECONDS)
        plan, starts = _plan(share, length, shortest, sfreq)
        recording = f"{name}-{day}R{k + 1}"
        table = _table(name, recording, f"{name}-{day}S{k + 1}", starts)
        yield recording, plan, table, simulate(np.random.default_rng(child), patient, plan, sfreq)


def _share_out(
    rng: np.random.Generator, counts: dict[str, int], length: float
) -> list[dict[str, int]]:
    """Share the windows out over 2 to 4 recordings, more where seizures would get too long."""
    at_least = int(np.ceil(counts["ictal"] * length / LONGEST_SEIZURE))
    n = max(int(rng.integers(2, 5)), at_least)
    n = min(n, max(counts.values()))
    whole = {
        state: [len(part) for part in np.array_split(range(count), n)]
        for state, count in counts.items()
    }
    return [{state: whole[state][k] for state in STATES} for k in range(n)]


def _plan(
    share: dict[str, int], length: float, shortest: float, sfreq: float
) -> tuple[Plan, dict[str, np.ndarray]]:
    """Lay out one recording and say where its windows start, in seconds, on the sampling grid."""
    sample, n_samples = 1 / sfreq, round(length * sfreq)
    width = n_samples * sample
    gap = round(TRANSITION * sfreq) * sample
    normal_end = share["normal"] * width
    preictal = normal_end + gap
    onset = preictal + share["preictal"] * width
    starts = {
        "normal": np.arange(share["normal"]) * width,
        "preictal": preictal + np.arange(share["preictal"]) * width,
        "ictal": np.empty(0),
    }
    if not share["preictal"] + share["ictal"]:
        return Plan(normal_end, normal_end, normal_end, normal_end, normal_end), starts
    n_seizure = max(round(shortest * sfreq), share["ictal"] * n_samples)
    spread = np.linspace(0, n_seizure - n_samples, max(share["ictal"], 1))[: share["ictal"]]
    starts["ictal"] = onset + np.floor(spread) * sample
    end = onset + n_seizure * sample
    return Plan(end + POSTICTAL, normal_end, preictal, onset, end), starts


def _table(
    patient: str, recording: str, seizure: str, starts: dict[str, np.ndarray]
) -> pd.DataFrame:
    rows = [
        (patient, recording, onset, None if state == "normal" else seizure, state)
        for state in STATES
        for onset in starts[state]
    ]
    columns = ["patient", "recording", "onset", "seizure", "state"]
    return pd.DataFrame(rows, columns=columns).astype({"seizure": "string"})


def _cut(signal: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
    cuts = [signal[:, start : start + n_samples] for start in starts]
    return np.stack(cuts) if cuts else np.empty((0, len(signal), n_samples), signal.dtype)


def _to_raw(
    signal: np.ndarray, info: mne.Info, plan: Plan, patient: str, recording: str
) -> mne.io.RawArray:
    import mne

    raw = mne.io.RawArray(signal / VOLT, info.copy(), verbose="ERROR")
    raw.info["subject_info"] = {"his_id": patient}
    raw.info["description"] = recording
    if plan.has_seizure:
        raw.set_annotations(mne.Annotations(plan.onset, plan.end - plan.onset, "seizure"))
    return raw


def _describe(
    n_patients: int,
    counts: dict[str, int],
    n_channels: int,
    sfreq: float,
    length: float,
    difficulty: float,
) -> str:
    per_patient = ", ".join(f"{n} {state}" for state, n in counts.items())
    return (
        f"Simulated scalp EEG of {n_patients} patients with focal epilepsy: per patient "
        f"{per_patient} windows of {length:g} s, {n_channels} channels (10-20, average reference), "
        f"{sfreq:g} Hz, microvolts; difficulty {difficulty:g}. Model, sources and what is not "
        "modeled: geneeg_sk.datasets.make_eeg_cohort."
    )
