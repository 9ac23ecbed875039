"""The field's usual augmentations, drawn anew for every minibatch.

Those that pay are in the package, as `MinibatchAugmentation`; here they get a left-right mirror
and, on trial, mixup. braindecode has them too, but would bring thirty packages, and a torchaudio of
another release than our torch.
"""

import re
from dataclasses import dataclass, replace

import torch

from geneeg_sk.classification import CNNBiLSTMClassifier, MinibatchAugmentation
from geneeg_sk.classification._minibatch_augmentation import PROBABILITY


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


def mixup(X, target, alpha):
    """Means of two windows and of their targets (n, n_classes)."""
    share = torch.distributions.Beta(alpha, alpha).sample((len(X),))
    share = torch.maximum(share, 1 - share)
    other = torch.randperm(len(X))
    s = share[:, None]
    mixed = s[..., None] * X + (1 - s[..., None]) * X[other]
    return mixed, s * target + (1 - s) * target[other]


def augmented(X, strength, sfreq, order):
    """A minibatch with every augmentation applied to some of its windows."""
    chosen = torch.rand(len(X), 1, 1) < PROBABILITY
    X = torch.where(chosen, mirror(X, order), X)
    change = MinibatchAugmentation(
        start_jitter=strength.jitter,
        amplitude=strength.amplitude,
        channel_dropout=strength.dropout,
        time_mask=strength.mask,
        frequency_shift=strength.shift * X.shape[2] / sfreq,
    )
    return change(X)


class Batches:
    """Minibatches of an iterator, augmented as they come.

    In each epoch after the first the last windows are replaced by those that `more` gives.
    """

    def __init__(self, batches, change, more=None):
        self.batches, self.change, self.more = batches, change, more
        self.epoch = 0

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        if self.more is not None and self.epoch:
            X = next(self.more)
            self.batches.dataset.X[-len(X) :] = X
        self.epoch += 1
        for X, y in self.batches:
            yield self.change(X, y)


class OnTheFlyClassifier(CNNBiLSTMClassifier):
    """The classifier of all methods, with augmented minibatches in training.

    What augments is set after construction: this class is not for cloning.
    """

    def set_augmentations(self, strength, sfreq, channels, more=None):
        """Set the augmentations; windows of unnamed channels are not mirrored."""
        self.strength, self.sfreq, self.order = strength, sfreq, mirror_order(channels)
        self.more = more
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
        plain, change, more = net.iterator_train, self._change, self.more

        def iterator_train(*args, **kwargs):
            return Batches(plain(*args, **kwargs), change, more)

        return net.set_params(iterator_train=iterator_train)
