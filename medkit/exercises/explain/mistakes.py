"""How maps and their measures are really got wrong, and other ways to get them right: behind 15.1 and 15.3."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

# 15.1 Grad-CAM: other right versions


def map_by_einsum(features, gradients):
    """Add up in one sum over channels."""
    return torch.einsum("d,dhw->hw", gradients.mean(dim=(1, 2)), features).relu()


def map_by_loop(features, gradients):
    """Add one channel after the other."""
    total = torch.zeros_like(features[0])
    for channel, gradient in zip(features, gradients):
        total = total + channel * gradient.sum() / gradient.numel()
    return torch.where(total > 0, total, torch.zeros_like(total))


def map_by_numpy(features, gradients):
    """Take the sum as a product of a row and a matrix, in NumPy."""
    flat = features.numpy().reshape(len(features), -1)
    total = gradients.numpy().reshape(len(flat), -1).mean(axis=1) @ flat
    return np.maximum(total, 0).reshape(features.shape[1:])


def map_as_a_layer(features, gradients):
    """Let the mean gradients be the weights of a 1 × 1 convolution, and a ReLU follow."""
    kernel = F.adaptive_avg_pool2d(gradients[None], 1)
    return F.conv2d(features[None], kernel)[0, 0].relu()


# 15.1 wrong versions


def _weights(gradients):
    return gradients.mean(dim=(1, 2))[:, None, None]


def map_with_both_signs(features, gradients):
    """Never cut off."""
    return (_weights(gradients) * features).sum(dim=0)


def map_cut_early(features, gradients):
    """Cut each channel off before the sum."""
    return (_weights(gradients) * features).relu().sum(dim=0)


def map_of_good_channels(features, gradients):
    """Throw negative weights away."""
    return (_weights(gradients).relu() * features).sum(dim=0).relu()


def map_of_good_gradients(features, gradients):
    """Throw negative gradients away."""
    return (_weights(gradients.relu()) * features).sum(dim=0).relu()


def map_without_sign(features, gradients):
    """Take absolute values at the end."""
    return (_weights(gradients) * features).sum(dim=0).abs()


def map_by_summed_gradients(features, gradients):
    """Sum the gradients over positions."""
    return (gradients.sum(dim=(1, 2))[:, None, None] * features).sum(dim=0).relu()


def map_averaged(features, gradients):
    """Average over the channels at the end."""
    return (_weights(gradients) * features).mean(dim=0).relu()


def map_weighted_by_place(features, gradients):
    """Average the gradients over channels: a weight for each place."""
    return (gradients.mean(dim=0) * features).sum(dim=0).relu()


def map_place_by_place(features, gradients):
    """Multiply each number by its own gradient."""
    return (gradients * features).sum(dim=0).relu()


def map_of_one_weight(features, gradients):
    """Give all channels one weight."""
    return (gradients.mean() * features).sum(dim=0).relu()


def map_swapped(features, gradients):
    """Average the features, and add up the gradients."""
    return (_weights(features) * gradients).sum(dim=0).relu()


def map_without_gradients(features, gradients):
    """Add up the features alone."""
    return features.sum(dim=0).relu()


def map_scaled(features, gradients):
    """Divide by the maximum."""
    total = (_weights(gradients) * features).sum(dim=0).relu()
    return total / total.max()


def map_by_largest_gradient(features, gradients):
    """Take each channel's largest gradient."""
    return (gradients.amax(dim=(1, 2))[:, None, None] * features).sum(dim=0).relu()


# 15.3 the pointing game: other right versions


def pointing_by_numpy(saliency, mask):
    """Go image by image, in NumPy; the mean over the highest pixels is the share."""
    found = []
    for values, inside in zip(saliency.numpy(), mask.numpy()):
        found.append(inside[values == values.max()].mean() if inside.any() else np.nan)
    return np.array(found)


def pointing_by_counts(saliency, mask):
    """Count by multiplication; 0/0 is NaN where the mask is empty."""
    highest = (saliency >= saliency.amax(dim=(1, 2), keepdim=True)).float()
    there = mask.float().amax(dim=(1, 2))
    return (highest * mask).sum(dim=(1, 2)) * there / (highest.sum(dim=(1, 2)) * there)


def pointing_by_sorting(saliency, mask):
    """Sort each image's pixels, and look at those that share the first value."""
    flat, inside = saliency.flatten(1), mask.flatten(1).double()
    values, order = flat.sort(dim=1, descending=True)
    first = (values == values[:, :1]).double()
    share = (first * inside.gather(1, order)).sum(1) / first.sum(1)
    share[inside.sum(1) == 0] = torch.nan
    return share


# 15.3 wrong versions


def _known(share, mask):
    return torch.where(mask.flatten(1).any(dim=1), share.double(), torch.nan)


def _highest(saliency):
    return (saliency == saliency.amax(dim=(1, 2), keepdim=True)).flatten(1)


def pointing_at_the_first(saliency, mask):
    """Return for each image how far its map's highest pixel lies in the mask."""
    place = saliency.flatten(1).argmax(dim=1, keepdim=True)
    share = mask.flatten(1).gather(1, place)[:, 0].double()
    return torch.where(mask.flatten(1).any(dim=1), share, torch.nan)


def pointing_at_the_last(saliency, mask):
    """Take the last of several highest pixels."""
    place = saliency.flatten(1).flip(1).argmax(dim=1, keepdim=True)
    return _known(mask.flatten(1).flip(1).gather(1, place)[:, 0], mask)


def pointing_of_any(saliency, mask):
    """Count a hit where any highest pixel lies inside."""
    return _known((_highest(saliency) & mask.flatten(1)).any(dim=1), mask)


def pointing_of_all(saliency, mask):
    """Count a hit where all highest pixels lie inside."""
    return _known((mask.flatten(1) | ~_highest(saliency)).all(dim=1), mask)


def pointing_rounded(saliency, mask):
    """Count a hit where at least half of the highest pixels lie inside."""
    highest = _highest(saliency)
    return _known(2 * (highest & mask.flatten(1)).sum(1) >= highest.sum(1), mask)


def pointing_of_the_mask(saliency, mask):
    """Divide by the mask's pixels."""
    return (_highest(saliency) & mask.flatten(1)).sum(1) / mask.flatten(1).sum(1)


def pointing_of_the_image(saliency, mask):
    """Divide by all pixels."""
    return _known((_highest(saliency) & mask.flatten(1)).double().mean(1), mask)


def pointing_of_the_batch(saliency, mask):
    """Take one maximum for all images."""
    highest = (saliency == saliency.max()).flatten(1)
    return _known((highest & mask.flatten(1)).sum(1) / highest.sum(1).clamp(min=1), mask)


def pointing_without_sign(saliency, mask):
    """Take the pixel with the largest absolute value."""
    highest = _highest(saliency.abs())
    return _known((highest & mask.flatten(1)).sum(1) / highest.sum(1), mask)


def pointing_at_the_lowest(saliency, mask):
    """Take the lowest pixels."""
    highest = _highest(-saliency)
    return _known((highest & mask.flatten(1)).sum(1) / highest.sum(1), mask)


def pointing_by_mass(saliency, mask):
    """Take the share of the mass."""
    mass = (saliency - saliency.amin(dim=(1, 2), keepdim=True) + 1e-6).flatten(1)
    return _known((mass * mask.flatten(1)).sum(1) / mass.sum(1), mask)


def pointing_misses_flat_maps(saliency, mask):
    """Call several highest pixels a miss."""
    highest = _highest(saliency)
    return _known((highest & mask.flatten(1)).any(dim=1) & (highest.sum(1) == 1), mask)


def pointing_at_nothing_is_a_miss(saliency, mask):
    """Give 0 where the mask is empty."""
    highest = _highest(saliency)
    return (highest & mask.flatten(1)).sum(1) / highest.sum(1)


def pointing_on_average(saliency, mask):
    """Return one number, the mean over the images."""
    highest = _highest(saliency)
    return ((highest & mask.flatten(1)).sum(1) / highest.sum(1))[mask.flatten(1).any(dim=1)].mean()
