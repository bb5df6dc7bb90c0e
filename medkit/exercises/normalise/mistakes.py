"""How Eq. 2 is really got wrong, and other ways to get it right: the versions behind `normalise`."""

from __future__ import annotations

import numpy as np
import torch

# 2.1 and 2.6 min-max of each image: other right versions


def each_in_a_loop(images):
    """Scale one image after the other."""
    scaled = []
    for image in images:
        low, span = image.min(), image.max() - image.min()
        scaled.append((image - low) / span if span > 0 else torch.zeros_like(image))
    return torch.stack(scaled)


def each_by_amin(images):
    """Choose zeros where the span is zero."""
    low = images.amin(dim=(1, 2, 3), keepdim=True)
    high = images.amax(dim=(1, 2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low), 0.0)


def each_with_a_floor(images):
    """Divide by at least a tiny number."""
    flat = images.flatten(start_dim=1).double()
    flat = flat - flat.min(dim=1, keepdim=True).values
    return (flat / flat.max(dim=1, keepdim=True).values.clamp(min=1e-30)).reshape(images.shape).float()


def each_by_reciprocal(images):
    """Multiply by one over the span."""
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    factor = torch.where(high > low, (high - low).reciprocal(), 0.0)
    return (images - low) * factor


# 2.1 and 2.6 wrong versions


def _scale(image, low, high):
    return torch.where(high > low, (image - low) / (high - low), torch.zeros_like(image))


def whole_batch(images):
    """Take one minimum and maximum for all."""
    return _scale(images, images.min(), images.max())


def channel_by_channel(images):
    """Take a minimum and maximum for each channel."""
    return _scale(images, images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True))


def row_by_row(images):
    """Take a minimum and maximum for each row."""
    return _scale(images, images.amin(dim=3, keepdim=True), images.amax(dim=3, keepdim=True))


def over_the_batch_axis(images):
    """Compare the same pixel of different images."""
    return _scale(images, images.amin(dim=0, keepdim=True), images.amax(dim=0, keepdim=True))


def by_the_maximum(images):
    """Forget the minimum."""
    high = images.amax(dim=(1, 2, 3), keepdim=True)
    return torch.where(high != 0, images / high, torch.zeros_like(images))


def _extremes(images):
    return images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)


def by_the_batch_maximum(images):
    """Forget the minimum, and take one maximum for all."""
    return images / images.max()


def without_minus_above(images):
    """Forget the minimum above the line."""
    low, high = _extremes(images)
    return torch.where(high > low, images / (high - low), torch.zeros_like(images))


def without_minus_below(images):
    """Forget the minimum below the line."""
    low, high = _extremes(images)
    return torch.where(high != 0, (images - low) / high, torch.zeros_like(images))


def clipped(images):
    """Cut off what is outside [0, 1]."""
    return images.clamp(0.0, 1.0)


def to_minus_one(images):
    """Scale to [-1, 1]."""
    return 2 * each_in_a_loop(images) - 1


def not_a_number(images):
    """Divide zero by zero."""
    low, high = _extremes(images)
    return (images - low) / (high - low)


def constant_to_one(images):
    """Give a constant image ones."""
    low, high = _extremes(images)
    return torch.where(high > low, (images - low) / (high - low), torch.ones_like(images))


def constant_unchanged(images):
    """Leave a constant image as it is."""
    low, high = _extremes(images)
    return torch.where(high > low, (images - low) / (high - low), images)


def first_image_for_all(images):
    """Take the extremes of the first image of the batch."""
    return _scale(images, images[0].min(), images[0].max())


class RemembersTheFirst:
    """Keeps the extremes of the first batch it sees: a class, because it has a memory."""

    def __init__(self):
        self.low = None

    def __call__(self, images):
        if self.low is None:
            self.low, self.high = images[0].min(), images[0].max()
        return _scale(images, self.low, self.high)


def scaled_in_place(images):
    """Write the result into the batch it was given."""
    return images.copy_(each_in_a_loop(images))


# 2.2 the CT window: other right versions


def window_by_edges(hu, level, width):
    """Clip to the edges, then scale."""
    low, high = level - width / 2, level + width / 2
    return (hu.clamp(low, high) - low) / (high - low)


def window_by_interpolation(hu, level, width):
    """Interpolate between the edges; outside, NumPy repeats the end values."""
    return torch.as_tensor(np.interp(hu.numpy(), [level - width / 2, level + width / 2], [0.0, 1.0]))


def window_by_where(hu, level, width):
    """Start from the middle, which is 0.5."""
    grey = 0.5 + (hu - level) / width
    grey = torch.where(grey < 0, torch.zeros_like(grey), grey)
    return torch.where(grey > 1, torch.ones_like(grey), grey)


# 2.2 wrong versions


def window_not_clipped(hu, level, width):
    """Forget to clip."""
    return (hu - (level - width / 2)) / width


def window_from_level(hu, level, width):
    """Begin the window at its level."""
    return ((hu - level) / width).clamp(0, 1)


def window_twice_as_wide(hu, level, width):
    """Reach a whole width to each side."""
    return ((hu - (level - width)) / (2 * width)).clamp(0, 1)


def window_half_lost(hu, level, width):
    """Begin a whole width below the level."""
    return ((hu - (level - width)) / width).clamp(0, 1)


def window_in_hounsfield(hu, level, width):
    """Clip only."""
    return hu.clamp(level - width / 2, level + width / 2)


def window_then_min_max(hu, level, width):
    """Scale what is inside by its own extremes."""
    inside = hu.clamp(level - width / 2, level + width / 2)
    return (inside - inside.min()) / (inside.max() - inside.min())


def window_after_min_max(hu, level, width):
    """Scale first, then cut as if it were Hounsfield units."""
    scaled = (hu - hu.min()) / (hu.max() - hu.min())
    return ((scaled - (level - width / 2)) / width).clamp(0, 1)


def window_swapped(hu, level, width):
    """Take the level for the width."""
    return ((hu - (width - level / 2)) / level).clamp(0, 1)


def window_to_255(hu, level, width):
    """Scale to bytes."""
    return 255 * ((hu - (level - width / 2)) / width).clamp(0, 1)


def window_zero_outside(hu, level, width):
    """Blacken what is above the window too."""
    grey = (hu - (level - width / 2)) / width
    return torch.where((grey >= 0) & (grey <= 1), grey, torch.zeros_like(grey))


# 2.4 whole numbers: other right versions


def unit_by_double(image):
    """Widen to float64."""
    wide = image.double()
    return (wide - wide.min()) / (wide.max() - wide.min())


def unit_by_long(image):
    """Widen to int64, whose differences fit."""
    wide = image.to(torch.int64)
    return (wide - wide.min()) / (wide.max() - wide.min())


def unit_by_python(image):
    """Let Python's endless integers subtract."""
    low, high = int(image.min()), int(image.max())
    return (image.numpy().astype("float32") - low) / (high - low)


# 2.4 wrong versions


def unit_span_only(image):
    """Widen the span alone."""
    return (image - image.min()) / (image.max().float() - image.min().float())


def unit_pixels_only(image):
    """Widen the pixels alone."""
    return (image.float() - image.min().float()) / (image.max() - image.min())


def unit_absolute_span(image):
    """Hide the sign of a span that ran over."""
    return (image.float() - image.min().float()) / (image.max() - image.min()).abs()


def unit_by_type(image):
    """Divide by the largest number of the type."""
    return image.float() / torch.iinfo(image.dtype).max


def unit_by_type_range(image):
    """Use the range of the type."""
    info = torch.iinfo(image.dtype)
    return (image.float() - info.min) / (info.max - info.min)


def unit_whole(image):
    """Divide without a remainder."""
    wide = image.to(torch.int64)
    return (wide - wide.min()) // (wide.max() - wide.min())


def unit_without_negatives(image):
    """Cut the negative values off."""
    positive = image.float().clamp(min=0)
    return positive / positive.max()


def unit_from_bytes(image):
    """Squeeze the image into 8 bits."""
    small = image.to(torch.uint8).float()
    return (small - small.min()) / (small.max() - small.min())


def unit_in_half(image):
    """Use 11 bits."""
    half = image.half()
    return (half - half.min()) / (half.max() - half.min())
