"""The field's usual augmentations, drawn anew for every minibatch.

Every function takes a minibatch (n, n_channels, n_times) and returns one of the same shape and
type. They are our own few lines instead of braindecode's: that would bring thirty packages, and a
torchaudio of another release than our torch, for functions of this length.
"""

import math
import re
from dataclasses import dataclass, replace
from functools import partial

import torch

from geneeg_sk.classification import CNNBiLSTMClassifier

PROBABILITY = 0.5  # that a window is changed, for each augmentation


@dataclass(frozen=True)
class Strength:
    """How far each augmentation goes."""

    jitter: float  # share of the window that the start moves, at most
    amplitude: float  # standard deviation of the logarithm of the gain
    dropout: float  # share of channels
    mask: float  # share of the window
    shift: float  # Hz, at most
    mixup: float = 0.0  # parameter of the beta distribution; 0: none


STRENGTHS = {
    "weak": Strength(0.05, 0.1, 0.05, 0.1, 0.25),
    "medium": Strength(0.15, 0.2, 0.1, 0.2, 0.5),
    "strong": Strength(0.3, 0.4, 0.2, 0.4, 1.0),
    "mixup": Strength(0.15, 0.2, 0.1, 0.2, 0.5, mixup=0.2),
}
# Which of them pays: each left out of the medium ones, and a wider spread of amplitudes.
ABLATIONS = {
    **{
        f"no-{name}": replace(STRENGTHS["medium"], **{name: 0.0})
        for name in ("jitter", "amplitude", "dropout", "mask", "shift")
    },
    "wide-amplitude": replace(STRENGTHS["medium"], amplitude=0.5),
}


def mirror_order(channels):
    """Positions of the channels that change places from left to right and back.

    Odd numbers are left, even ones right; midline channels, and those whose counterpart was not
    recorded, stay where they are.
    """

    def other_side(name):
        return re.sub(r"\d+", lambda n: str(int(n[0]) + (1 if int(n[0]) % 2 else -1)), name)

    place = {}
    for k, name in enumerate(channels):
        place.setdefault(name, k)
    return [place.get(other_side(n), k) if place[n] == k else k for k, n in enumerate(channels)]


def mirror(X, order):
    return X[:, order]


def start_jitter(X, most):
    """Begin earlier or later; what lies outside is the mirror image of what lies inside."""
    n, c, t = X.shape
    starts = (most * t * signs(n)).round().long()
    columns = (torch.arange(t) + starts[:, None]).abs()
    columns = torch.minimum(columns, 2 * (t - 1) - columns)
    return X.gather(2, columns[:, None].expand(n, c, t))


def amplitude(X, spread):
    return X * torch.exp(spread * torch.randn(len(X), 1, 1))


def channel_dropout(X, share):
    return X * (torch.rand(*X.shape[:2], 1) >= share)


def time_mask(X, share):
    n, _, t = X.shape
    length = math.ceil(share * t)
    start = torch.randint(t - length + 1, (n, 1, 1))
    column = torch.arange(t)
    return X * ((column < start) | (column >= start + length))


def frequency_shift(X, most, sfreq):
    """Move the spectrum by the analytic signal, as single side bands do."""
    n, _, t = X.shape
    spectrum = torch.fft.fft(X)
    spectrum[..., t // 2 + 1 :] = 0
    spectrum[..., 1 : (t + 1) // 2] *= 2
    turn = torch.arange(t) * (2 * torch.pi * most * signs(n)[:, None, None] / sfreq)
    return (torch.fft.ifft(spectrum) * torch.exp(1j * turn)).real.to(X.dtype)


def mixup(X, target, alpha):
    """Means of two windows and of their targets (n, n_classes)."""
    share = torch.distributions.Beta(alpha, alpha).sample((len(X),))
    share = torch.maximum(share, 1 - share)
    other = torch.randperm(len(X))
    s = share[:, None]
    mixed = s[..., None] * X + (1 - s[..., None]) * X[other]
    return mixed, s * target + (1 - s) * target[other]


def signs(n):
    """n numbers between -1 and 1."""
    return 2 * torch.rand(n) - 1


def augmented(X, strength, sfreq, order):
    """A minibatch with every augmentation applied to some of its windows."""
    for change in (
        partial(mirror, order=order),
        partial(start_jitter, most=strength.jitter),
        partial(amplitude, spread=strength.amplitude),
        partial(channel_dropout, share=strength.dropout if X.shape[1] > 1 else 0),
        partial(time_mask, share=strength.mask),
        partial(frequency_shift, most=strength.shift, sfreq=sfreq),
    ):
        chosen = torch.rand(len(X), 1, 1) < PROBABILITY
        X = torch.where(chosen, change(X), X)
    return X


class Batches:
    """Minibatches of an iterator, augmented as they come."""

    def __init__(self, batches, change):
        self.batches, self.change = batches, change

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for X, y in self.batches:
            yield self.change(X, y)


class OnTheFlyClassifier(CNNBiLSTMClassifier):
    """The classifier of all methods, with augmented minibatches in training.

    What augments is set after construction: this class is not for cloning.
    """

    def set_augmentations(self, strength, sfreq, channels):
        """Set the augmentations; windows of unnamed channels are not mirrored."""
        self.strength, self.sfreq, self.order = strength, sfreq, mirror_order(channels)
        return self

    def _change(self, X, y):
        """Augment a minibatch; with mixup, classes become probabilities."""
        order = self.order or list(range(X.shape[1]))
        X = augmented(X, self.strength, self.sfreq, order)
        if not self.strength.mixup:
            return X, y
        target = torch.nn.functional.one_hot(y, len(self.classes_)).to(X.dtype)
        return mixup(X, target, self.strength.mixup)

    def _build_net(self, *args, **kwargs):
        net = super()._build_net(*args, **kwargs)
        plain, change = net.iterator_train, self._change

        def iterator_train(*args, **kwargs):
            return Batches(plain(*args, **kwargs), change)

        return net.set_params(iterator_train=iterator_train)
