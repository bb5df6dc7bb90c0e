"""Wrong answers to the exercises of notebook 16, written by hand from their text."""

from __future__ import annotations

import torch

from unseen.by_hand import Answers

ANSWERS = Answers()
wrong = ANSWERS.to


def turns(n):
    i = torch.arange(n)
    return torch.minimum(i, n - i)


@wrong("16.1", "a wave at the end of an axis is taken to turn once more than it does")
def swap_turns_counted_from_1(image, reference, radius):
    h, w = image.shape
    i, j = torch.arange(h), torch.arange(w)
    rows, columns = torch.minimum(i, h - 1 - i), torch.minimum(j, w - 1 - j)
    slow = (rows[:, None] < radius) & (columns < radius)
    f, g = torch.fft.fft2(image), torch.fft.fft2(reference)
    return torch.fft.ifft2(torch.where(slow, g.abs(), f.abs()) * torch.exp(1j * f.angle())).real


@wrong("16.1", "the mean stays the image's")
def swap_but_the_mean(image, reference, radius):
    f, g = torch.fft.fft2(image), torch.fft.fft2(reference)
    slow = (turns(image.shape[0])[:, None] < radius) & (turns(image.shape[1]) < radius)
    slow[0, 0] = False
    return torch.fft.ifft2(torch.polar(torch.where(slow, g.abs(), f.abs()), f.angle())).real


@wrong("16.1", "rows and columns are mixed up in the mask")
def swap_with_a_mask_on_its_side(image, reference, radius):
    f, g = torch.fft.fft2(image), torch.fft.fft2(reference)
    h, w = image.shape
    slow = ((turns(w)[:, None] < radius) & (turns(h) < radius)).reshape(h, w)
    return torch.fft.ifft2(torch.polar(torch.where(slow, g.abs(), f.abs()), f.angle())).real


@wrong("16.1", "the result is stretched to the range of the image")
def swap_and_stretch(image, reference, radius):
    f, g = torch.fft.fft2(image), torch.fft.fft2(reference)
    slow = (turns(image.shape[0])[:, None] < radius) & (turns(image.shape[1]) < radius)
    y = torch.fft.ifft2(torch.polar(torch.where(slow, g.abs(), f.abs()), f.angle())).real
    return (y - y.min()) / (y.max() - y.min()) * (image.max() - image.min()) + image.min()


@wrong("16.1", "the reference is brought to the image's mean first")
def swap_after_centring(image, reference, radius):
    reference = reference - reference.mean() + image.mean()
    f, g = torch.fft.fft2(image), torch.fft.fft2(reference)
    slow = (turns(image.shape[0])[:, None] < radius) & (turns(image.shape[1]) < radius)
    return torch.fft.ifft2(torch.polar(torch.where(slow, g.abs(), f.abs()), f.angle())).real


@wrong("16.3", "the other slices of the nearest patient are left out, not compared at all")
def ratio_of_one_slice_each(made, train, patient):
    each = torch.minimum((made[:, None] - train).square().mean((2, 3)), (made[:, None] - train.flip(-1)).square().mean((2, 3))).sqrt()
    last = {int(p): i for i, p in enumerate(patient)}
    kept = each[:, list(last.values())]
    first, second = kept.topk(2, largest=False).values.unbind(1)
    return first / second.clamp(min=1e-12)


@wrong("16.3", "the second is the nearest image of any patient but the last")
def ratio_by_rank_three(made, train, patient):
    each = torch.minimum((made[:, None] - train).square().mean((2, 3)), (made[:, None] - train.flip(-1)).square().mean((2, 3))).sqrt()
    found = each.sort(1).values
    return found[:, 0] / found[:, 2].clamp(min=1e-12)


@wrong("16.3", "plain and mirrored distances are averaged")
def ratio_of_averages(made, train, patient):
    each = ((made[:, None] - train).square().mean((2, 3)).sqrt() + (made[:, None] - train.flip(-1)).square().mean((2, 3)).sqrt()) / 2
    nearest = torch.stack([each[:, patient == p].amin(1) for p in patient.unique()], 1)
    first, second = nearest.topk(2, largest=False).values.unbind(1)
    return first / second.clamp(min=1e-12)


@wrong("16.3", "the root comes before the mean")
def ratio_of_a_mean_of_roots(made, train, patient):
    plain, mirrored = made[:, None] - train, made[:, None] - train.flip(-1)
    each = torch.minimum(plain.square().sqrt().mean((2, 3)), mirrored.square().sqrt().mean((2, 3)))
    nearest = torch.stack([each[:, patient == p].amin(1) for p in patient.unique()], 1)
    first, second = nearest.topk(2, largest=False).values.unbind(1)
    return first / second.clamp(min=1e-12)


@wrong("16.3", "two images are mirrored, and so none against the other")
def ratio_of_two_mirrored(made, train, patient):
    plain, mirrored = made[:, None] - train, made.flip(-1)[:, None] - train.flip(-1)
    each = torch.minimum(plain.square().mean((2, 3)), mirrored.square().mean((2, 3))).sqrt()
    nearest = torch.stack([each[:, patient == p].amin(1) for p in patient.unique()], 1)
    first, second = nearest.topk(2, largest=False).values.unbind(1)
    return first / second.clamp(min=1e-12)
