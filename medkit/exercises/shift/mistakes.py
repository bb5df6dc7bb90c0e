"""How a z-score of the body is really got wrong, and other ways to get it right: the versions behind 17.1."""

from __future__ import annotations

import numpy as np
import torch

# Other right versions


def z_by_loop(images, inside):
    """Work image by image, on the pixels that the mask picks."""
    result = torch.zeros_like(images)
    for i in range(len(images)):
        body = images[i][inside[i]]
        if body.max() > body.min():
            result[i][inside[i]] = (body - body.mean()) / body.std(correction=0)
    return result


def z_by_nan(images, inside):
    """Let NaN stand for the outside, and functions that pass over it do the rest."""
    body = torch.where(inside, images.double(), torch.nan)
    centred = body - body.nanmean(dim=(1, 2), keepdim=True)
    variance = centred.square().nanmean(dim=(1, 2), keepdim=True)
    return (centred / variance.sqrt()).nan_to_num(0.0)


def z_by_numpy(images, inside):
    """Use NumPy's masked arrays."""
    body = np.ma.masked_array(images.numpy(), mask=~inside.numpy())
    centred = body - body.mean(axis=(1, 2), keepdims=True)
    spread = np.ma.filled(body.std(axis=(1, 2), keepdims=True), 0.0)
    return np.ma.filled(centred, 0.0) / np.where(spread > 0, spread, 1.0)


def z_by_weights(images, inside):
    """Give each pixel of the body the weight 1/n, in one long row an image."""
    x, w = images.flatten(1), inside.flatten(1).to(images)
    w = w / w.sum(1, keepdim=True)
    x = (x - (x * w).sum(1, keepdim=True)) * (w > 0)
    spread = (x.square() * w).sum(1, keepdim=True).sqrt()
    spread[spread == 0] = 1.0
    return (x / spread).reshape(images.shape)


# Wrong versions


def _mean(images, inside):
    return (images * inside).sum(dim=(1, 2), keepdim=True) / inside.sum(dim=(1, 2), keepdim=True)


def _spread(images, inside):
    """Return the body's standard deviation, 1 where it is 0."""
    spread = _mean((images - _mean(images, inside)).square(), inside).sqrt()
    return torch.where(spread > 0, spread, 1.0)


def _spread_of_all(images):
    return images.std(dim=(1, 2), keepdim=True, correction=0).clamp(min=1e-9)


def z_of_all_pixels(images, inside):
    """Take mean and spread of all pixels."""
    return (images - images.mean(dim=(1, 2), keepdim=True)) / _spread_of_all(images) * inside


def z_everywhere(images, inside):
    """Scale the outside too."""
    return (images - _mean(images, inside)) / _spread(images, inside)


def z_with_zeros(images, inside):
    """Set the outside to 0 and count it."""
    body = images * inside
    return (body - body.mean(dim=(1, 2), keepdim=True)) / _spread_of_all(body) * inside


def z_spread_of_all(images, inside):
    """Take the body's mean and the spread of all pixels."""
    return (images - _mean(images, inside)) / _spread_of_all(images) * inside


def z_mean_of_all(images, inside):
    """Take the body's spread and the mean of all pixels."""
    return (images - images.mean(dim=(1, 2), keepdim=True)) / _spread(images, inside) * inside


def z_by_n_minus_one(images, inside):
    """Divide by n - 1 under the root."""
    n = inside.sum(dim=(1, 2), keepdim=True)
    return (images - _mean(images, inside)) / _spread(images, inside) * ((n - 1) / n).sqrt() * inside


def z_by_variance(images, inside):
    """Forget the root."""
    return (images - _mean(images, inside)) / _spread(images, inside).square() * inside


def z_of_the_batch(images, inside):
    """Take one mean and one spread of all bodies."""
    body = images[inside]
    return (images - body.mean()) / body.std(correction=0).clamp(min=1e-9) * inside


def z_without_mean(images, inside):
    """Divide, and take nothing off."""
    return images / _spread(images, inside) * inside


def z_without_spread(images, inside):
    """Take the mean off, and never divide."""
    return (images - _mean(images, inside)) * inside


def z_of_black_outside(images, inside):
    """Set the outside to 0, and scale it with the body's mean and spread."""
    return (images * inside - _mean(images, inside)) / _spread(images, inside)


def min_max_inside(images, inside):
    """Scale by the body's minimum and maximum."""
    low = torch.where(inside, images, torch.inf).amin(dim=(1, 2), keepdim=True)
    high = torch.where(inside, images, -torch.inf).amax(dim=(1, 2), keepdim=True)
    return (images - low) / torch.where(high > low, high - low, 1.0) * inside


def z_by_median(images, inside):
    """Take the body's median off."""
    middle = torch.where(inside, images, torch.nan).flatten(1).nanmedian(dim=1).values[:, None, None]
    return (images - middle) / _spread(images, inside) * inside


def z_of_the_outside(images, inside):
    """Mix up inside and outside."""
    outside = ~inside
    outside = outside | (outside.sum(dim=(1, 2), keepdim=True) == 0)
    return (images - _mean(images, outside)) / _spread(images, outside) * ~inside


def z_without_guard(images, inside):
    """Divide by the spread, whatever it is."""
    centred = (images - _mean(images, inside)) * inside
    return centred / _mean(centred.square(), inside).sqrt()
