"""How models are really got wrong, and other ways to get them right: the versions behind `models`."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

# 6.1 what a convolution costs: other right versions


def cost_of_a_built_layer(channels, width, kernel, stride, padding, size, bias):
    """Build it, without memory for its numbers, and look."""
    layer = torch.nn.Conv2d(channels, width, kernel, stride, padding, bias=bias, device="meta")
    answer = layer(torch.zeros(1, channels, *size, device="meta"))
    parameters = sum(one.numel() for one in layer.parameters())
    return [parameters, *answer.shape[-2:], 2 * answer[0, 0].numel() * layer.weight.numel()]


def cost_by_walking(channels, width, kernel, stride, padding, size, bias):
    """Walk over the image, step by step, and count."""
    steps = []
    for side in size:
        steps.append(len(range(-padding, side + padding - kernel + 1, stride)))
    parameters = flops = 0
    for _ in range(width):
        parameters += channels * kernel * kernel + int(bias)
        for _ in range(steps[0] * steps[1]):
            flops += 2 * channels * kernel * kernel
    return torch.tensor([parameters, steps[0], steps[1], flops])


def cost_by_numpy(channels, width, kernel, stride, padding, size, bias):
    """Work with arrays."""
    out = np.floor((np.array(size) + 2 * padding - kernel) / stride + 1)
    weights = np.ones((width, channels, kernel, kernel)).size
    return np.array([weights + (width if bias else 0), *out, 2 * weights * out.prod()])


# 6.1 wrong versions


def _cost(channels, width, kernel, stride, padding, size, bias, area=None, around=2, one=1, twice=2):
    """Count with one number changed."""
    rows, columns = ((side + around * padding - kernel) // stride + one for side in size)
    weights = width * channels * (kernel**2 if area is None else area)
    return [weights + (width if bias else 0), rows, columns, twice * rows * columns * weights]


def cost_without_bias(channels, width, kernel, stride, padding, size, bias):
    """Count the kernels alone."""
    return _cost(channels, width, kernel, stride, padding, size, False)


def cost_always_with_bias(channels, width, kernel, stride, padding, size, bias):
    """Count a bias whatever is said."""
    return _cost(channels, width, kernel, stride, padding, size, True)


def cost_bias_of_channels(channels, width, kernel, stride, padding, size, bias):
    """Count one bias for each channel that goes in."""
    weights, *rest = _cost(channels, width, kernel, stride, padding, size, False)
    return [weights + (channels if bias else 0), *rest]


def cost_kernel_side(channels, width, kernel, stride, padding, size, bias):
    """Forget the square."""
    return _cost(channels, width, kernel, stride, padding, size, bias, area=kernel)


def cost_one_kernel_each(channels, width, kernel, stride, padding, size, bias):
    """Let one kernel do for all channels."""
    return _cost(1, width, kernel, stride, padding, size, bias)


def cost_padding_once(channels, width, kernel, stride, padding, size, bias):
    """Pad one side."""
    return _cost(channels, width, kernel, stride, padding, size, bias, around=1)


def cost_no_padding(channels, width, kernel, stride, padding, size, bias):
    """Pad nothing."""
    return _cost(channels, width, kernel, stride, padding, size, bias, around=0)


def cost_without_plus_one(channels, width, kernel, stride, padding, size, bias):
    """Count the steps and not the start."""
    return _cost(channels, width, kernel, stride, padding, size, bias, one=0)


def cost_without_stride(channels, width, kernel, stride, padding, size, bias):
    """Move by one."""
    return _cost(channels, width, kernel, 1, padding, size, bias)


def cost_rounded_up(channels, width, kernel, stride, padding, size, bias):
    """Take the last step though it leaves the image."""
    longer = [side + stride - 1 for side in size]
    return _cost(channels, width, kernel, stride, padding, longer, bias)


def cost_flops_of_input(channels, width, kernel, stride, padding, size, bias):
    """Let each pixel that goes in have its sum."""
    *three, _ = _cost(channels, width, kernel, stride, padding, size, bias)
    return [*three, 2 * size[0] * size[1] * width * channels * kernel**2]


def cost_multiply_adds(channels, width, kernel, stride, padding, size, bias):
    """Count pairs."""
    return _cost(channels, width, kernel, stride, padding, size, bias, twice=1)


def cost_bias_in_flops(channels, width, kernel, stride, padding, size, bias):
    """Count the addition of the bias."""
    weights, rows, columns, flops = _cost(channels, width, kernel, stride, padding, size, bias)
    return [weights, rows, columns, flops + (rows * columns * width if bias else 0)]


def cost_swapped(channels, width, kernel, stride, padding, size, bias):
    """Give columns before rows."""
    weights, rows, columns, flops = _cost(channels, width, kernel, stride, padding, size, bias)
    return [weights, columns, rows, flops]


# 6.2 a skip of the U-Net: other right versions


def merge_by_interpolate(deep, skip):
    """Let torch repeat the pixels."""
    return torch.cat((F.interpolate(deep, scale_factor=2, mode="nearest"), skip), 1)


def merge_by_index(deep, skip):
    """Ask for each new pixel which old one it shows."""
    rows, columns = torch.arange(skip.shape[2]) // 2, torch.arange(skip.shape[3]) // 2
    both = torch.empty(len(deep), deep.shape[1] + skip.shape[1], *skip.shape[2:])
    both[:, : deep.shape[1]] = deep[:, :, rows][:, :, :, columns]
    both[:, deep.shape[1] :] = skip
    return both


def merge_by_kron(deep, skip):
    """Multiply each pixel with a square of ones."""
    wide = np.kron(deep.numpy(), np.ones((1, 1, 2, 2), dtype=np.float32))
    return np.concatenate([wide, skip.numpy()], axis=1)


# 6.2 wrong versions


def _wide(deep):
    return deep.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def merge_added(deep, skip):
    """Add, as a residual net does."""
    return _wide(deep) + skip


def merge_averaged(deep, skip):
    """Take the mean of both."""
    return (_wide(deep) + skip) / 2


def merge_multiplied(deep, skip):
    """Gate the one with the other."""
    return _wide(deep) * skip


def merge_skip_first(deep, skip):
    """Put the skip first."""
    return torch.cat([skip, _wide(deep)], dim=1)


def merge_along_batch(deep, skip):
    """Take the axis of the images."""
    return torch.cat([_wide(deep).expand_as(skip), skip], dim=0)


def merge_along_rows(deep, skip):
    """Put one map below the other."""
    return torch.cat([_wide(deep).expand_as(skip), skip], dim=2)


def merge_along_columns(deep, skip):
    """Put the maps side by side."""
    return torch.cat([_wide(deep).expand_as(skip), skip], dim=3)


def merge_tiled(deep, skip):
    """Lay copies of the whole map beside each other."""
    return torch.cat([deep.repeat(1, 1, 2, 2), skip], dim=1)


def merge_bilinear(deep, skip):
    """Invent values in between."""
    wide = F.interpolate(deep, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.cat([wide, skip], dim=1)


def merge_with_gaps(deep, skip):
    """Leave three of four new pixels at zero."""
    wide = torch.zeros(*deep.shape[:2], *skip.shape[2:])
    wide[:, :, ::2, ::2] = deep
    return torch.cat([wide, skip], dim=1)


def merge_at_half_size(deep, skip):
    """Shrink the skip to the deep map's size."""
    return torch.cat([deep, F.avg_pool2d(skip, 2)], dim=1)


def merge_in_turns(deep, skip):
    """Take a feature of each in turns."""
    return torch.stack([_wide(deep).expand_as(skip), skip], dim=2).flatten(1, 2)


def merge_without_skip(deep, skip):
    """Go up alone."""
    return _wide(deep)
