"""Where in the chain does a generated window become one that is told from real ones?

Real windows are passed through the fitted generator: encoded and decoded, then what sampling adds
to a decoded window, piece by piece. What is left of the way to a generated window is the diffusion
that draws latents and the prior that draws descriptors.
"""

import numpy as np
import torch
from scipy.fft import rfft, rfftfreq
from scipy.signal.windows import hann

from benchmarks.fidelity.data import Windows
from geneeg_sk.generation._corrections import CORRECTIONS
from geneeg_sk.generation._normalizer import blocks

BLOCK = 128
CPU = torch.device("cpu")
BANDS = {"0.5-4": (0.5, 4), "4-8": (4, 8), "8-13": (8, 13), "13-30": (13, 30), "30-45": (30, 45)}
BANDS |= {"0.5-20": (0.5, 20)}


# Each correction alone, then all of them.
STAGES = ("mean", "noise", *CORRECTIONS, "all_own", "all_drawn")


def passed(generator, windows, stage, seed):
    """Windows after a stage: what the generator makes of real ones up to there."""
    model = generator.model_
    described = model.describe(windows.X)
    if stage == "all_drawn":
        described = drawn(generator, windows, seed)
    if stage in CORRECTIONS:
        model = model.without(set(CORRECTIONS) - {stage})
    state = np.searchsorted(generator.classes_, windows.y)
    rng = np.random.default_rng([seed, len(windows)])
    out = np.empty(windows.X.shape, np.float32)
    for rows in blocks(len(windows), BLOCK):
        unit = model.decode(model.encode(windows.X[rows], CPU), CPU)
        if stage != "mean":
            unit = unit + model.noise.draw(state[rows], rng, unit.shape[2])
        if stage not in ("mean", "noise"):
            unit = model.correct(unit, state[rows], described[rows])
        out[rows] = model.normalizer.windows(unit, described[rows, 0])
    return Windows(out, windows.y, windows.recordings, windows.patients, windows.sfreq)


def drawn(generator, windows, seed):
    """Descriptors as sampling draws them for the states and patients of windows."""
    model, rng = generator.model_, np.random.default_rng([seed, 1])
    n, n_profile = len(windows), model.profiles.n_profile
    state = np.searchsorted(generator.classes_, windows.y)
    if windows.patients is None:
        profiles = model.profiles.draw(state, rng.random(n), rng.standard_normal((n, n_profile)))
    else:
        profiles = generator.profiles_[np.searchsorted(generator.patients_, windows.patients)]
    return model.prior.draw(
        state,
        model.profiles.scale(profiles),
        profiles,
        rng.random(n),
        rng.standard_normal((n, model.prior.n_normal)),
    )


def explained(generator, windows):
    """Share of the variance of real windows, at unit RMS, that reconstructions explain, by band."""
    normalizer = generator.model_.normalizer
    taper = hann(windows.X.shape[2], sym=False)
    freqs = rfftfreq(windows.X.shape[2], 1 / windows.sfreq)
    lost, total = np.zeros(len(freqs)), np.zeros(len(freqs))
    for rows in blocks(len(windows), BLOCK):
        real, _ = normalizer.unit(windows.X[rows])
        made = generator.model_.decode(generator.model_.encode(windows.X[rows], CPU), CPU)
        lost += (np.abs(rfft((real - made) * taper)) ** 2).sum(axis=(0, 1))
        total += (np.abs(rfft(real * taper)) ** 2).sum(axis=(0, 1))
    inside = {name: (freqs >= low) & (freqs < high) for name, (low, high) in BANDS.items()}
    return {
        name: 1 - lost[rows].sum() / total[rows].sum()
        for name, rows in inside.items()
        if rows.any()
    }
