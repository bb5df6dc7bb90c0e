"""Models that keep the contract of notebook 06, and models that break it: what exercise 6.6 tests."""

from __future__ import annotations

import functools
import itertools

import torch
import torch.nn.functional as F

from medkit.models import CNN, Hybrid, Transformer, UNet

_CALLS = itertools.count()

# right models: untrained, each with weights of its own


@functools.cache
def _built(kind: type) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(6)
        model = kind(classes=3, width=8 if kind is Transformer else 4).train(False)
    with torch.no_grad():
        model.label_head.linear.bias.copy_(torch.tensor([-3.0, 0.5, 2.0]))
    return model.requires_grad_(False)


def cnn(image):
    """Answer by a CNN."""
    return _built(CNN)(image)


def u_net(image):
    """Answer by a U-Net."""
    return _built(UNet)(image)


def transformer(image):
    """Answer by a Transformer."""
    return _built(Transformer)(image)


def hybrid(image):
    """Answer by a hybrid."""
    return _built(Hybrid)(image)


def three_sums(image):
    """Answer by nothing but the image's own mean, maximum and spread."""
    mean, spread = image.mean(dim=(1, 2, 3)), image.std(dim=(1, 2, 3))
    label = torch.stack([mean - 2, image.amax(dim=(1, 2, 3)), 2 * spread], dim=1)
    return label, 4 * (image - mean[:, None, None, None]) - 2


def last_digits(image):
    """Answer as on a graphics card, where the last digits may differ from call to call."""
    label, mask = three_sums(image)
    rounding = 1 + 1e-6 * (next(_CALLS) % 2)
    return label * rounding, mask * rounding


# wrong models


def mask_at_half_size(image):
    """Leave the last doubling out."""
    label, mask = three_sums(image)
    return label, F.avg_pool2d(mask, 2)


def mask_always_64(image):
    """Draw the mask at the size of the training images."""
    label, mask = three_sums(image)
    return label, F.interpolate(mask, size=(64, 64))


def mask_turned(image):
    """Take rows for columns."""
    label, mask = three_sums(image)
    return label, mask.transpose(2, 3)


def mask_for_each_class(image):
    """Draw a mask for each class."""
    label, mask = three_sums(image)
    return label, mask.expand(-1, 3, -1, -1)


def mask_after_sigmoid(image):
    """Answer with probabilities: the loss takes its sigmoid again."""
    label, mask = three_sums(image)
    return label, mask.sigmoid()


def label_after_softmax(image):
    """Answer with probabilities: the cross-entropy takes its softmax again."""
    label, mask = three_sums(image)
    return label.softmax(dim=1), mask


def in_training_mode(image):
    """Normalise with the batch's own mean and spread, as BatchNorm does in training."""
    return three_sums((image - image.mean()) / (image.std() + 1e-5))


class StatisticsThatMove:
    """Normalise with a running mean that each call moves on, as BatchNorm left in training does."""

    def __init__(self):
        self.mean = 0.0

    def __call__(self, image):
        self.mean = 0.5 * self.mean + 0.5 * float(image.mean())
        label, mask = three_sums(image)
        return label - self.mean, mask - self.mean


def one_label_for_all(image):
    """Average over the batch as well."""
    label, mask = three_sums(image)
    return label.mean(dim=0, keepdim=True), mask


def batch_of_one_squeezed(image):
    """Drop every axis of length one."""
    label, mask = three_sums(image)
    return label.squeeze(), mask


def mask_before_label(image):
    """Answer in the other order."""
    label, mask = three_sums(image)
    return mask, label


def scaled_in_place(image):
    """Write into the image it is given."""
    return three_sums(image.sub_(0.5))
