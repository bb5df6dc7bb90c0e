"""How convolutions are really got wrong, and other ways to get them right: the versions behind `features`."""

from __future__ import annotations

import numpy as np
import torch

# 4.1 a convolution: other right versions


def convolve_by_loops(x, weight, bias, stride, padding):
    """Work out one number after the other."""
    wide = np.pad(x.numpy(), ((0, 0), (padding, padding), (padding, padding)))
    outs, _, rows, columns = weight.shape
    high, broad = (wide.shape[1] - rows) // stride + 1, (wide.shape[2] - columns) // stride + 1
    result = np.zeros((outs, high, broad))
    for o, y, z in np.ndindex(*result.shape):
        window = wide[:, y * stride : y * stride + rows, z * stride : z * stride + columns]
        result[o, y, z] = float(bias[o]) + (window * weight[o].numpy()).sum()
    return result


def convolve_by_windows(x, weight, bias, stride, padding, shift=0):
    """Cut all windows out, and multiply them with the weights."""
    wide = torch.nn.functional.pad(x, (padding, padding, padding, padding))[:, shift:, shift:]
    windows = wide.unfold(1, weight.shape[2], stride).unfold(2, weight.shape[3], stride)
    return torch.einsum("chwij,ocij->ohw", windows, weight) + bias[:, None, None]


def convolve_by_matrix(x, weight, bias, stride, padding):
    """Write every window as a column, and the kernels as the rows of one matrix."""
    columns = torch.nn.functional.unfold(x[None], weight.shape[2:], padding=padding, stride=stride)[0]
    flat = torch.addmm(bias[:, None], weight.flatten(1), columns)
    return flat.reshape(len(weight), (x.shape[1] + 2 * padding - weight.shape[2]) // stride + 1, -1)


# 4.1 wrong versions


def convolve_flipped(x, weight, bias, stride, padding):
    """Turn the kernels by 180 degrees."""
    return convolve_by_windows(x, weight.flip(2, 3), bias, stride, padding)


def convolve_without_bias(x, weight, bias, stride, padding):
    """Forget the bias."""
    return convolve_by_windows(x, weight, 0 * bias, stride, padding)


def convolve_without_stride(x, weight, bias, stride, padding):
    """Put the kernel on every pixel."""
    return convolve_by_windows(x, weight, bias, 1, padding)


def convolve_without_padding(x, weight, bias, stride, padding):
    """Leave the border out."""
    return convolve_by_windows(x, weight, bias, stride, 0)


def convolve_padded_once(x, weight, bias, stride, padding):
    """Pad on the left and on top only."""
    wide = torch.nn.functional.pad(x, (padding, 0, padding, 0))
    return convolve_by_windows(wide, weight, bias, stride, 0)


def convolve_repeating_the_rim(x, weight, bias, stride, padding):
    """Repeat the rim pixel where zeros are asked for."""
    wide = torch.nn.functional.pad(x[None], (padding,) * 4, mode="replicate")[0]
    return convolve_by_windows(wide, weight, bias, stride, 0)


def convolve_first_channel(x, weight, bias, stride, padding):
    """Look at the first input channel only."""
    return convolve_by_windows(x[:1], weight[:, :1], bias, stride, padding)


def convolve_averaging_channels(x, weight, bias, stride, padding):
    """Average over the input channels."""
    return convolve_by_windows(x, weight / x.shape[0], bias, stride, padding)


def convolve_divided_by_n(x, weight, bias, stride, padding):
    """Keep the 1/n of Eq. 1 as printed."""
    return convolve_by_windows(x, weight / weight[0, 0].numel(), bias, stride, padding)


def convolve_bias_for_each_channel(x, weight, bias, stride, padding):
    """Add the bias inside the loop over the input channels."""
    return convolve_by_windows(x, weight, x.shape[0] * bias, stride, padding)


def convolve_first_kernel(x, weight, bias, stride, padding):
    """Use the first kernel of each output channel for all input channels."""
    return convolve_by_windows(x, weight[:, :1].expand_as(weight), bias, stride, padding)


def convolve_transposed(x, weight, bias, stride, padding):
    """Swap rows and columns of the kernels."""
    return convolve_by_windows(x, weight.transpose(2, 3), bias, stride, padding)


def convolve_one_late(x, weight, bias, stride, padding):
    """Begin one pixel too far right and down."""
    return convolve_by_windows(x, weight, bias, stride, padding, shift=1)


def convolve_one_short(x, weight, bias, stride, padding):
    """Forget the + 1 in the size."""
    return convolve_by_windows(x, weight, bias, stride, padding)[:, :-1, :-1]


def convolve_with_relu(x, weight, bias, stride, padding):
    """Put the ReLU in at once."""
    return convolve_by_windows(x, weight, bias, stride, padding).clamp(min=0)


# 4.2 the receptive field: other right versions


def field_from_the_end(layers):
    """Go back from one pixel of the last map."""
    side = 1
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + kernel
    return side


def field_by_numpy(layers):
    """Multiply the strides up, all at once."""
    if not layers:
        return 1
    kernels, strides = np.array(layers).T
    steps = np.concatenate([[1], np.cumprod(strides)[:-1]])
    return 1 + int(((kernels - 1) * steps).sum())


def field_by_marking(layers):
    """Count the input pixels that the first place of the last map can be reached from."""
    reached = {0}
    for kernel, stride in layers[::-1]:
        reached = {stride * place + step for place in reached for step in range(kernel)}
    return max(reached) - min(reached) + 1


# 4.2 wrong versions


def field_own_stride_first(layers):
    """Count a layer's stride for its own kernel already."""
    side, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        side += (kernel - 1) * step
    return side


def field_without_strides(layers):
    """Forget the strides."""
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def field_of_whole_kernels(layers):
    """Add kernels, not kernels less one."""
    side, step = 1, 1
    for kernel, stride in layers:
        side += kernel * step
        step *= stride
    return side


def field_from_zero(layers):
    """Forget the pixel that one starts with."""
    return field_from_the_end(layers) - 1


def field_adding_strides(layers):
    """Add strides where they multiply."""
    side, step = 1, 1
    for kernel, stride in layers:
        side += (kernel - 1) * step
        step += stride - 1
    return side


def field_of_last_stride(layers):
    """Look back at the one layer before only."""
    side, step = 1, 1
    for kernel, stride in layers:
        side += (kernel - 1) * step
        step = stride
    return side


def field_backwards(layers):
    """Begin at the wrong end."""
    return field_from_the_end(layers[::-1])


def field_as_product(layers):
    """Multiply the kernels."""
    return int(np.prod([kernel for kernel, _ in layers]))


def field_as_area(layers):
    """Count the pixels of the square."""
    return field_from_the_end(layers) ** 2


def field_as_radius(layers):
    """Count to one side only."""
    return (field_from_the_end(layers) - 1) // 2


def field_of_the_jump(layers):
    """Multiply the strides: how far neighbours are apart, not how far one sees."""
    return int(np.prod([stride for _, stride in layers]))
