"""Overlaps of regions, right and wrong: the versions that exercise 14.5 holds."""

from __future__ import annotations

import torch


def _shares(flagged, region):
    """Return for each image the shares of its regions that are flagged, as a list of numbers."""
    return [
        [float(one[number == name].double().mean()) for name in number[number > 0].unique()]
        for one, number in zip(flagged, region)
    ]


def _mean(values):
    return sum(values) / len(values)


# Right versions


def overlap_by_loop(flagged, region):
    """Go from image to image and from region to region."""
    return _mean([share for shares in _shares(flagged, region) for share in shares])


def overlap_by_count(flagged, region):
    """Give each region of all images a number of its own, and count."""
    own = region + (int(region.max()) + 1) * torch.arange(len(region))[:, None, None]
    own, hit = own[region > 0], flagged[region > 0].float()
    _, place, size = own.unique(return_inverse=True, return_counts=True)
    return (torch.zeros(len(size)).index_add(0, place, hit) / size).mean()


def overlap_by_weight(flagged, region):
    """Weigh each pixel by one over the size of its region."""
    found, regions = 0.0, 0
    for one, number in zip(flagged.double(), region):
        for name in set(number.flatten().tolist()) - {0}:
            inside = (number == name).double()
            found, regions = found + float((one * inside).sum() / inside.sum()), regions + 1
    return torch.tensor(found / regions)


# Wrong versions


def overlap_of_pixels(flagged, region):
    """Pool all lesion pixels."""
    return flagged[region > 0].double().mean()


def overlap_of_images(flagged, region):
    """Average within each image first."""
    return _mean([_mean(shares) for shares in _shares(flagged, region) if shares])


def overlap_of_pixels_by_image(flagged, region):
    """Pool the lesion pixels of each image."""
    return _mean([float(one[number > 0].double().mean()) for one, number in zip(flagged, region) if (number > 0).any()])


def overlap_of_numbers(flagged, region):
    """Take the same number in two images for one region."""
    return _mean([float(flagged[region == name].double().mean()) for name in region[region > 0].unique()])


def overlap_of_hits(flagged, region):
    """Count a region as found with its first pixel."""
    return _mean([float(share > 0) for shares in _shares(flagged, region) for share in shares])


def overlap_of_halves(flagged, region):
    """Count a region as found from half of it."""
    return _mean([float(share >= 0.5) for shares in _shares(flagged, region) for share in shares])


def overlap_of_found(flagged, region):
    """Leave out the regions that were missed."""
    found = [share for shares in _shares(flagged, region) for share in shares if share > 0]
    return _mean(found) if found else 0.0


def overlap_with_ground(flagged, region):
    """Take the ground for a region."""
    return _mean([share for shares in _shares(flagged, region + 1) for share in shares])


def overlap_with_empty_images(flagged, region):
    """Give an image without a region a 0."""
    return _mean([share for shares in _shares(flagged, region) for share in shares or [0.0]])


def overlap_of_unions(flagged, region):
    """Divide by what is region or flagged."""
    found = []
    for one, number in zip(flagged, region):
        for name in number[number > 0].unique():
            inside = number == name
            found.append(float((one & inside).sum() / (one & (number == 0) | inside).sum()))
    return _mean(found)


def overlap_of_flagged(flagged, region):
    """Divide by what is flagged."""
    return (flagged & (region > 0)).sum() / flagged.sum().clamp(min=1)


def overlap_of_counted_numbers(flagged, region):
    """Count the numbers from 1 up, without a gap."""
    found = []
    for one, number in zip(flagged, region):
        for name in range(1, len(number[number > 0].unique()) + 1):
            if (number == name).any():
                found.append(float(one[number == name].double().mean()))
    return _mean(found) if found else 0.0


def overlap_over_highest_number(flagged, region):
    """Divide by the highest number of each image."""
    highest = sum(int(number.max()) for number in region)
    return sum(share for shares in _shares(flagged, region) for share in shares) / highest


def overlap_of_the_largest(flagged, region):
    """Look at the largest region of each image alone."""
    found = []
    for one, number in zip(flagged, region):
        names, size = number[number > 0].unique(return_counts=True)
        if len(names):
            found.append(float(one[number == names[size.argmax()]].double().mean()))
    return _mean(found)
