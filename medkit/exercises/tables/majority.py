"""Versions of the accuracy of always answering the most frequent class: right ones and wrong ones, for exercise 11.6.

Each takes the labels of the training images, those of the test images, and which of these are scored;
it returns what it is worth on the scored test images, in %, to answer training's most frequent class
always, and of equally frequent ones the class with the smallest number.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

# right versions


def by_bincount(train, test, scored):
    """Count with torch."""
    return (test[scored] == train.bincount().argmax()).double().mean() * 100


def by_counter(train, test, scored):
    """Count with Python."""
    often = Counter(train.tolist())
    answer = min(often, key=lambda label: (-often[label], label))
    asked = [label for label, counts in zip(test.tolist(), scored.tolist(), strict=True) if counts]
    return 100 * asked.count(answer) / len(asked)


def by_numpy(train, test, scored):
    """Count with NumPy, in single precision."""
    labels, counts = np.unique(train.numpy(), return_counts=True)
    hits = test.numpy()[scored.numpy()] == labels[counts.argmax()]
    return np.float32(hits.mean()) * np.float32(100)


def by_weights(train, test, scored):
    """Weight each image by whether it is scored."""
    answer = torch.nn.functional.one_hot(train).sum(0).argmax()
    return 100 / scored.sum() * ((test == answer) & scored).sum()


# wrong versions


def _worth(answer, test, scored):
    return (test[scored] == answer).double().mean() * 100


def of_the_test(train, test, scored):
    """Take the class that is most frequent in the test."""
    return _worth(test[scored].bincount().argmax(), test, scored)


def of_both(train, test, scored):
    """Take the class that is most frequent in training and test together."""
    return _worth(torch.cat([train, test]).bincount().argmax(), test, scored)


def share_of_training(train, test, scored):
    """Give the class's share of the training images."""
    return (train == train.bincount().argmax()).double().mean() * 100


def unscored_too(train, test, scored):
    """Count images that are not scored as well."""
    return (test == train.bincount().argmax()).double().mean() * 100


def over_all_images(train, test, scored):
    """Divide by all images."""
    return ((test == train.bincount().argmax()) & scored).sum() * 100 / len(test)


def as_a_share(train, test, scored):
    """Forget the 100."""
    return by_bincount(train, test, scored) / 100


def the_others(train, test, scored):
    """Count the images that it gets wrong."""
    return 100 - by_bincount(train, test, scored)


def rarest(train, test, scored):
    """Take the rarest class."""
    counts = train.bincount()
    return _worth(torch.where(counts > 0, counts, len(train) + 1).argmin(), test, scored)


def largest_number(train, test, scored):
    """Take the largest label for the most frequent one."""
    return _worth(train.max(), test, scored)


def always_class_0(train, test, scored):
    """Take class 0 for the most frequent one."""
    return _worth(0, test, scored)


def tie_to_the_larger(train, test, scored):
    """Of equally frequent classes take the one with the larger number."""
    counts = train.bincount()
    return _worth((counts == counts.max()).nonzero().max(), test, scored)


def tie_to_the_first(train, test, scored):
    """Of equally frequent classes take the one that is shown first."""
    return _worth(Counter(train.tolist()).most_common(1)[0][0], test, scored)


def chance(train, test, scored):
    """Take what guessing is worth: one over the number of classes."""
    return 100 / len(train.unique())


def sorts_the_labels(train, test, scored):
    """Sort the training labels in place to count them."""
    answer = by_bincount(train, test, scored)
    train.copy_(train.sort().values)
    return answer
