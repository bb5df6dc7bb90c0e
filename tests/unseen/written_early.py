"""Wrong answers to the exercises of notebooks 01-07, written by hand from their text."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from unseen.by_hand import Answers

ANSWERS = Answers()
wrong = ANSWERS.to


@wrong("1.1", "the kernel's centre is left out")
def sum_without_the_centre(image, kernel):
    k = len(kernel) // 2
    kernel = kernel.clone()
    kernel[k, k] = 0
    return image.unfold(0, 2 * k + 1, 1).unfold(1, 2 * k + 1, 1).mul(kernel).sum(dim=(-2, -1))


@wrong("1.1", "weights are made to sum to one, but by their magnitudes")
def sum_over_magnitudes(image, kernel):
    n = len(kernel)
    return image.unfold(0, n, 1).unfold(1, n, 1).mul(kernel / kernel.abs().sum()).sum(dim=(-2, -1))


@wrong("1.2", "k is taken for the side of the kernel")
def gaussian_of_side_k(sigma, k):
    steps = torch.arange(k) - (k - 1) / 2
    weights = torch.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / (2 * sigma**2))
    return weights / weights.sum()


@wrong("1.2", "each row sums to one")
def gaussian_by_rows(sigma, k):
    steps = torch.arange(-k, k + 1)
    weights = torch.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / (2 * sigma**2))
    return weights / weights.sum(dim=1, keepdim=True)


@wrong("2.1", "the range becomes -1 to 1")
def min_max_symmetric(images):
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    return torch.nan_to_num(2 * (images - low) / (high - low) - 1)


@wrong("2.1", "a small number below the fraction bends every value")
def min_max_with_a_large_epsilon(images):
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    return (images - low) / (high - low + 0.1)


@wrong("2.2", "the window is not cut off above")
def window_open_above(hu, level, width):
    return ((hu - level + width / 2) / width).clamp(min=0)


@wrong("2.2", "level is taken for the lower edge")
def window_from_level(hu, level, width):
    return ((hu - level) / width).clamp(0, 1)


@wrong("3.1", "turned clockwise")
def places_clockwise(height, width, angle, zoom):
    a = math.radians(angle)
    y, x = torch.meshgrid(torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij")
    rows, columns = (math.cos(a) * y - math.sin(a) * x) / zoom, (math.sin(a) * y + math.cos(a) * x) / zoom
    return torch.stack([rows + (height - 1) / 2, columns + (width - 1) / 2])


@wrong("3.1", "magnified forwards: the places lie further out, not closer")
def places_zoomed_out(height, width, angle, zoom):
    a = math.radians(angle)
    y, x = torch.meshgrid(torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij")
    rows, columns = zoom * (math.cos(a) * y + math.sin(a) * x), zoom * (-math.sin(a) * y + math.cos(a) * x)
    return torch.stack([rows + (height - 1) / 2, columns + (width - 1) / 2])


@wrong("3.1", "turned about the top left corner")
def places_about_the_corner(height, width, angle, zoom):
    a = math.radians(angle)
    y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    return torch.stack([(math.cos(a) * y + math.sin(a) * x) / zoom, (-math.sin(a) * y + math.cos(a) * x) / zoom])


@wrong("3.2", "places outside are moved to the rim")
def read_with_the_rim(image, rows, columns):
    height, width = image.shape
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    top, left = rows.floor().long().clamp(max=height - 2), columns.floor().long().clamp(max=width - 2)
    down, right = rows - top, columns - left
    above = image[top, left] * (1 - right) + image[top, left + 1] * right
    below = image[top + 1, left] * (1 - right) + image[top + 1, left + 1] * right
    return above * (1 - down) + below * down


@wrong("3.2", "whole result is the minimum as soon as one neighbour is outside")
def read_or_minimum(image, rows, columns):
    height, width = image.shape
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    read = read_with_the_rim(image, rows, columns)
    return torch.where(inside, read, image.min())


@wrong("3.2", "truncates towards zero where it should round down")
def read_truncated(image, rows, columns):
    wide = F.pad(image[None, None], (50, 50, 50, 50), value=float(image.min()))[0, 0]
    top, left = rows.trunc(), columns.trunc()
    total = 0
    for i in (0, 1):
        for j in (0, 1):
            weight = (1 - (rows - top - i).abs()) * (1 - (columns - left - j).abs())
            total = total + weight * wide[(top + i).long() + 50, (left + j).long() + 50]
    return total


@wrong("3.4", "names are swapped for everybody")
def flip_and_swap_all(mask, chosen):
    flipped = torch.where(chosen[:, None, None, None], mask.flip(3), mask)
    return flipped.flip(1)


@wrong("3.4", "names are swapped, the pixels stay")
def swap_names_only(mask, chosen):
    return torch.where(chosen[:, None, None, None], mask.flip(1), mask)


@wrong("3.4", "flipped upside down")
def flip_upside_down(mask, chosen):
    return torch.where(chosen[:, None, None, None], mask.flip(1).flip(2), mask)


@wrong("4.1", "the bias is added once for each input channel")
def convolve_with_much_bias(x, weight, bias, stride, padding):
    return torch.nn.functional.unfold(x[None], weight.shape[2:], padding=padding, stride=stride)[0].T.matmul(
        weight.flatten(1).T
    ).T.reshape(
        len(weight), (x.shape[1] + 2 * padding - weight.shape[2]) // stride + 1, -1
    ) + len(x) * bias[:, None, None]


@wrong("4.1", "steps by the kernel's size, not by the stride")
def convolve_side_by_side(x, weight, bias, stride, padding):
    k, l = weight.shape[2:]
    x = F.pad(x, (padding,) * 4)
    windows = x.unfold(1, k, stride).unfold(2, l, l)
    return torch.einsum("chwkl,ockl->ohw", windows, weight) + bias[:, None, None]


@wrong("4.1", "the border repeats the rim")
def convolve_with_rim(x, weight, bias, stride, padding):
    k, l = weight.shape[2:]
    x = F.pad(x[None], (padding,) * 4, mode="replicate")[0] if padding else x
    windows = x.unfold(1, k, stride).unfold(2, l, stride)
    return torch.einsum("chwkl,ockl->ohw", windows, weight) + bias[:, None, None]


@wrong("4.2", "the stride of a layer counts in that layer already")
def field_stride_too_early(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        field += (kernel - 1) * jump
    return field


@wrong("4.2", "strides do not pile up")
def field_with_one_stride(layers):
    field, before = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * before
        before = stride
    return field


@wrong("4.4", "each channel on its own")
def norm_each_channel(x, groups):
    mean = x.mean(dim=(2, 3), keepdim=True)
    return (x - mean) / (x.var(dim=(2, 3), keepdim=True, correction=0) + 1e-5).sqrt()


@wrong("4.4", "divides by n - 1")
def norm_with_correction(x, groups):
    parts = x.reshape(len(x), groups, -1)
    normed = (parts - parts.mean(dim=2, keepdim=True)) / (parts.var(dim=2, keepdim=True) + 1e-5).sqrt()
    return normed.reshape(x.shape)


@wrong("4.4", "groups of every so-manieth channel")
def norm_of_strided_groups(x, groups):
    b, c, h, w = x.shape
    parts = x.reshape(b, c // groups, groups, h, w)
    mean = parts.mean(dim=(1, 3, 4), keepdim=True)
    variance = parts.var(dim=(1, 3, 4), keepdim=True, correction=0)
    return ((parts - mean) / (variance + 1e-5).sqrt()).reshape(x.shape)


@wrong("5.1", "a sigmoid in the softmax's place")
def attention_by_sigmoid(q, k, v):
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    weights = scores.sigmoid()
    return weights / weights.sum(dim=-1, keepdim=True) @ v


@wrong("5.1", "the largest score takes all")
def attention_of_the_first(q, k, v):
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    return F.one_hot(scores.argmax(dim=-1), k.shape[1]).to(v.dtype) @ v


@wrong("5.1", "softmax over the images of the batch")
def attention_over_the_batch(q, k, v):
    return (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(dim=0) @ v


@wrong("5.2", "hidden after the softmax: rows no longer sum to one")
def masked_too_late(scores, mask):
    return scores.softmax(dim=-1) * mask


@wrong("5.2", "hidden by a small negative number that large scores outdo")
def masked_by_a_hundred(scores, mask):
    weights = scores.masked_fill(~mask, -100.0).softmax(dim=-1)
    return weights * mask.any(dim=-1, keepdim=True)


@wrong("5.2", "a query that may see nothing looks at everything alike")
def masked_row_uniform(scores, mask):
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)


@wrong("5.4", "the heads take every so-manieth feature")
def heads_interleaved(q, k, v, heads):
    def parts(x):
        return x.reshape(*x.shape[:2], -1, heads).permute(0, 3, 1, 2)

    q, k, v = parts(q), parts(k), parts(v)
    out = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1) @ v
    return out.transpose(1, 2).flatten(2)


@wrong("5.4", "scaled by all features, not by a head's")
def heads_scaled_by_all(q, k, v, heads):
    def parts(x):
        return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)

    out = (parts(q) @ parts(k).transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1) @ parts(v)
    return out.transpose(1, 2).flatten(2)


@wrong("6.1", "rows and columns swapped")
def cost_turned(channels, width, kernel, stride, padding, size, bias):
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in size[::-1])
    weights = channels * width * kernel**2
    return [weights + width * bias, rows, columns, 2 * weights * rows * columns]


@wrong("6.1", "padding is added once, not on each side")
def cost_padded_once(channels, width, kernel, stride, padding, size, bias):
    rows, columns = ((side + padding - kernel) // stride + 1 for side in size)
    weights = channels * width * kernel**2
    return [weights + width * bias, rows, columns, 2 * weights * rows * columns]


@wrong("6.1", "the bias counts among the FLOPs")
def cost_with_bias_flops(channels, width, kernel, stride, padding, size, bias):
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in size)
    parameters = channels * width * kernel**2 + (width if bias else 0)
    return [parameters, rows, columns, 2 * parameters * rows * columns]


@wrong("6.2", "the deep features are stretched bilinearly")
def merge_bilinear(deep, skip):
    return torch.cat([F.interpolate(deep, scale_factor=2, mode="bilinear"), skip], dim=1)


@wrong("6.2", "rows are repeated as a whole, one copy below the other")
def merge_tiled(deep, skip):
    return torch.cat([deep.repeat(1, 1, 2, 2), skip], dim=1)


@wrong("6.4", "a pixel's channels stand together")
def tokens_channels_last(image, patch):
    b, c, h, w = image.shape
    cut = image.reshape(b, c, h // patch, patch, w // patch, patch)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, c * patch**2)


@wrong("6.4", "patches column by column")
def tokens_by_columns(image, patch):
    b, c, h, w = image.shape
    cut = image.reshape(b, c, h // patch, patch, w // patch, patch)
    return cut.permute(0, 4, 2, 1, 3, 5).reshape(b, -1, c * patch**2)


@wrong("7.1", "decay still moves frozen weights' velocity")
def step_with_moving_velocity(weight, gradient, velocity, frozen, rate, momentum, decay):
    velocity = momentum * velocity + torch.where(frozen, 0, gradient) + decay * weight
    return torch.stack([torch.where(frozen, weight, weight - rate * velocity), velocity])


@wrong("7.1", "the weights move by the old velocity")
def step_by_the_old_velocity(weight, gradient, velocity, frozen, rate, momentum, decay):
    new = momentum * velocity + gradient + decay * weight
    moved = weight - rate * velocity
    return torch.stack([torch.where(frozen, weight, moved), torch.where(frozen, velocity, new)])


@wrong("7.1", "frozen entries are multiplied by zero, so that NaN stays NaN")
def step_times_zero(weight, gradient, velocity, frozen, rate, momentum, decay):
    free = (~frozen).float()
    new = velocity * frozen + free * (momentum * velocity + gradient + decay * weight)
    return torch.stack([weight - rate * free * new, new])


@wrong("7.2", "the mean is not divided by std")
def stem_mean_not_divided(weight, mean, std):
    grey = (weight / std[:, None, None]).sum(dim=1)
    ones = -(weight * mean[:, None, None]).sum(dim=1)
    return torch.stack([grey, ones], dim=1)


@wrong("7.2", "the channels are averaged")
def stem_averaged(weight, mean, std):
    grey = (weight / std[:, None, None]).mean(dim=1)
    ones = -(weight * (mean / std)[:, None, None]).mean(dim=1)
    return torch.stack([grey, ones], dim=1)


@wrong("7.4", "steps once too often")
def delta_one_step_more(head, features, target, rate, steps):
    after = head.clone()
    for _ in range(steps + 1):
        after = after - rate * features.T @ (features @ after - target) / len(features)
    return after - head


@wrong("7.4", "copies what is returned, and still changes the head")
def delta_changing_the_head(head, features, target, rate, steps):
    before = head.clone()
    for _ in range(steps):
        head -= rate * features.T @ (features @ head - target) / len(features)
    return head - before
