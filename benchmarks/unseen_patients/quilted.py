"""Synthetic windows that are quilted from pieces of real ones: no model, no training.

A window grows piece by piece. Each next piece comes from another window of the same state and
patient, and from the place there that continues the end of what there is best, in all channels
(image quilting, Efros and Freeman 2001; for EEG, segments recombined at random: Lotte 2015).
"""

import numpy as np
import pandas as pd

from benchmarks.unseen_patients.recolored import Recoloring
from geneeg_sk.over_sampling._base import BaseWindowSampler

PIECE, OVERLAP = 1.0, 0.25  # s
FADE = 6  # samples
EMPHASIS = 0.9  # of a sample's difference from the one before: slow waves do not decide alone
N_BEST = 5  # of the best continuations, one is drawn


class Quilt:
    """Windows to take pieces from."""

    def __init__(self, X, sfreq):
        self.X, self.n_times = np.asarray(X, dtype=np.float64), X.shape[2]
        self.overlap = min(max(4, int(OVERLAP * sfreq)), self.n_times // 4)
        self.piece = min(int(PIECE * sfreq), self.n_times // 2)
        emphasized = emphasize(self.X)
        self.spectrum = np.fft.rfft(emphasized, 2 * self.n_times, axis=2)
        self.energy = np.cumsum(np.pad((emphasized**2).sum(axis=1), ((0, 0), (1, 0))), axis=1)

    def draw(self, rng):
        """One window."""
        window = int(rng.integers(len(self.X)))
        length = self._length(rng)
        start = int(rng.integers(self.n_times - length + 1))
        made, used = self.X[window, :, start : start + length], {window}
        while made.shape[1] < self.n_times:
            missing = self.n_times - made.shape[1]
            # A last piece that would be short is made part of this one.
            length = self._length(rng)
            length = missing if missing < 1.5 * length else length
            length = min(length, self.n_times - self.overlap)
            window, start = self._continuation(made, length, used, rng)
            used.add(window)
            piece = self.X[window, :, start : start + self.overlap + length]
            made = join(made, piece, self.overlap)
        return made[:, : self.n_times]

    def _length(self, rng):
        return int(rng.integers(int(0.75 * self.piece), int(1.25 * self.piece) + 1))

    def _continuation(self, made, length, used, rng):
        """Window and place whose next samples are nearest to the last ones of `made`."""
        end = emphasize(made)[:, -self.overlap :]
        n_places = self.n_times - self.overlap - length + 1
        alike = np.fft.rfft(end, 2 * self.n_times, axis=1).conj() * self.spectrum
        product = np.fft.irfft(alike.sum(axis=1), axis=1)[:, :n_places]
        energy = self.energy[:, self.overlap :][:, :n_places] - self.energy[:, :n_places]
        error = energy - 2 * product
        if len(used) < len(self.X):
            error[list(used)] = np.inf
        n_best = min(N_BEST, int(np.isfinite(error).sum()))
        best = np.argpartition(error.ravel(), n_best - 1)[:n_best]
        return np.unravel_index(rng.choice(best), error.shape)


def emphasize(X):
    return X - EMPHASIS * np.concatenate([X[..., :1], X[..., :-1]], axis=-1)


def join(made, piece, overlap):
    """Go over to the piece where, within the overlap, it is nearest to what there is."""
    end, begin = made[:, -overlap:], piece[:, :overlap]
    n_fade = min(FADE, overlap)
    distance = np.convolve(((end - begin) ** 2).sum(axis=0), np.ones(n_fade), "valid")
    start = int(distance.argmin())
    weight = np.zeros(overlap)
    weight[start : start + n_fade] = np.sin(np.pi / 2 * (np.arange(n_fade) + 0.5) / n_fade) ** 2
    weight[start + n_fade :] = 1
    mixed = end * (1 - weight) + begin * weight
    return np.concatenate([made[:, :-overlap], mixed, piece[:, overlap:]], axis=1)


class QuiltedSampler(BaseWindowSampler):
    """Over-sample by quilted windows with the background of another patient."""

    def __init__(self, *, sfreq, sampling_strategy="auto", random_state=None):
        super().__init__(sampling_strategy=sampling_strategy)
        self.sfreq, self.random_state = sfreq, random_state

    def _generate(self, X, y, groups, counts):
        rng = np.random.default_rng(self.random_state)
        recoloring = Recoloring(X, y, groups)
        made, labels = [X[:0]], []
        for state, n in counts.items():
            owners = np.unique(groups[y == state])
            quilts = {p: Quilt(X[(y == state) & (groups == p)], self.sfreq) for p in owners}
            for owner in rng.permutation(np.resize(owners, n)):
                made.append(recoloring(quilts[owner].draw(rng), owner, rng)[None])
            labels += [state] * n
        provenance = pd.DataFrame(index=range(len(labels)))
        return np.concatenate(made), np.array(labels, y.dtype), provenance
