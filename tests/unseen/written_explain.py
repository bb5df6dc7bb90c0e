"""Wrong answers to the exercises of notebook 15, written by hand from their text."""

from __future__ import annotations

import torch

from unseen.by_hand import Answers

ANSWERS = Answers()
wrong = ANSWERS.to


@wrong("15.1", "the softmax of the mean gradients")
def class_map_by_softmax(features, gradients):
    weights = gradients.mean(dim=(1, 2)).softmax(dim=0)
    return (weights[:, None, None] * features).sum(dim=0).relu()


@wrong("15.1", "the mean over rows alone")
def class_map_by_columns(features, gradients):
    return (gradients.mean(dim=1, keepdim=True) * features).sum(dim=0).relu()


@wrong("15.1", "the sign of the mean gradient")
def class_map_by_sign(features, gradients):
    return (gradients.mean(dim=(1, 2)).sign()[:, None, None] * features).sum(dim=0).relu()


@wrong("15.1", "what speaks against is kept, what speaks for is cut off")
def class_map_against(features, gradients):
    return (gradients.mean(dim=(1, 2))[:, None, None] * features).sum(dim=0).clamp(max=0)


@wrong("15.1", "moved up until nothing is below 0")
def class_map_moved_up(features, gradients):
    total = (gradients.mean(dim=(1, 2))[:, None, None] * features).sum(dim=0)
    return total - total.min()


@wrong("15.1", "features that are below 0 are cut off first")
def class_map_of_good_features(features, gradients):
    return (gradients.mean(dim=(1, 2))[:, None, None] * features.clamp(min=0)).sum(dim=0).relu()


@wrong("15.1", "the channel with the largest weight alone")
def class_map_of_best_channel(features, gradients):
    weights = gradients.mean(dim=(1, 2))
    best = weights.argmax()
    return (weights[best] * features[best]).relu()


@wrong("15.3", "1 where the lesion's mean is above the rest's")
def pointing_by_means(saliency, mask):
    inside = torch.stack([m[t].mean() > m[~t].mean() for m, t in zip(saliency, mask)]).double()
    return torch.where(mask.flatten(1).any(dim=1), inside, torch.nan)


@wrong("15.3", "the share of mask pixels among the highest tenth")
def pointing_by_tenth(saliency, mask):
    count = max(1, saliency[0].numel() // 10)
    order = saliency.flatten(1).argsort(dim=1, descending=True)[:, :count]
    share = mask.flatten(1).gather(1, order).double().mean(1)
    return torch.where(mask.flatten(1).any(dim=1), share, torch.nan)


@wrong("15.3", "a flat map gets one half")
def pointing_half(saliency, mask):
    highest = (saliency == saliency.amax(dim=(1, 2), keepdim=True)).flatten(1)
    inside = (highest & mask.flatten(1)).sum(1)
    share = torch.where(highest.sum(1) == 1, inside.double(), 0.5)
    return torch.where(mask.flatten(1).any(dim=1), share, torch.nan)


@wrong("15.3", "a flat map alone gets chance, other ties go to the first")
def pointing_first_but_flat(saliency, mask):
    flat = saliency.amax(dim=(1, 2)) == saliency.amin(dim=(1, 2))
    first = mask.flatten(1).gather(1, saliency.flatten(1).argmax(dim=1, keepdim=True))[:, 0].double()
    share = torch.where(flat, mask.flatten(1).double().mean(1), first)
    return torch.where(mask.flatten(1).any(dim=1), share, torch.nan)


@wrong("15.3", "the highest pixel of each row")
def pointing_by_rows(saliency, mask):
    highest = saliency == saliency.amax(dim=2, keepdim=True)
    share = (highest & mask).sum(dim=(1, 2)) / highest.sum(dim=(1, 2))
    return torch.where(mask.flatten(1).any(dim=1), share, torch.nan)


@wrong("15.3", "NaN for all images as soon as one mask is empty")
def pointing_spoilt(saliency, mask):
    highest = saliency == saliency.amax(dim=(1, 2), keepdim=True)
    share = (highest & mask).sum(dim=(1, 2)) / highest.sum(dim=(1, 2))
    return share if mask.flatten(1).any(dim=1).all() else share * torch.nan


@wrong("15.3", "NaN where the map is flat")
def pointing_flat_is_nothing(saliency, mask):
    highest = saliency == saliency.amax(dim=(1, 2), keepdim=True)
    share = (highest & mask).sum(dim=(1, 2)) / highest.sum(dim=(1, 2))
    return torch.where(mask.flatten(1).any(dim=1) & ~highest.flatten(1).all(dim=1), share, torch.nan)
