"""How a training step is really got wrong, and other ways to get it right: the versions behind `training`."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # PyTorch's own for Adam

# 8.1 one step of Adam: other right versions


def adam_by_loops(weight, gradient, m, v, step, rate):
    """Move weight by weight, in plain Python."""
    found = []
    numbers = (tensor.flatten().tolist() for tensor in (weight, gradient, m, v))
    for w, g, first, second in zip(*numbers, strict=True):
        first = BETA_1 * first + (1 - BETA_1) * g
        second = BETA_2 * second + (1 - BETA_2) * g * g
        root = math.sqrt(second / (1 - BETA_2**step))
        found.append((w - rate * first / (1 - BETA_1**step) / (root + EPSILON), first, second))
    return torch.tensor(found).T.reshape(3, *weight.shape)


def adam_as_torch_does(weight, gradient, m, v, step, rate):
    """Put both corrections into the step, as PyTorch's own Adam does."""
    m = torch.lerp(m, gradient, 1 - BETA_1)
    v = (BETA_2 * v).addcmul(gradient, gradient, value=1 - BETA_2)
    bottom = v.sqrt() / math.sqrt(1 - BETA_2**step) + EPSILON
    return torch.stack([weight - rate / (1 - BETA_1**step) * m / bottom, m, v])


def adam_in_numpy(weight, gradient, m, v, step, rate):
    """Use NumPy, in float64."""
    w, g, m, v = (tensor.numpy().astype(np.float64) for tensor in (weight, gradient, m, v))
    m, v = m + (1 - BETA_1) * (g - m), v + (1 - BETA_2) * (g**2 - v)
    move = (m / (1 - BETA_1**step)) / (np.sqrt(v / (1 - BETA_2**step)) + EPSILON)
    return np.stack([w - rate * move, m, v])


# 8.1 wrong versions


def _moments(gradient, m, v, first=BETA_1, second=BETA_2):
    return first * m + (1 - first) * gradient, second * v + (1 - second) * gradient**2


def _move(m, v, step, first=BETA_1, second=BETA_2):
    return (m / (1 - first**step)) / ((v / (1 - second**step)).sqrt() + EPSILON)


def adam_not_corrected(weight, gradient, m, v, step, rate):
    """Forget that both averages begin at zero."""
    m, v = _moments(gradient, m, v)
    return torch.stack([weight - rate * m / (v.sqrt() + EPSILON), m, v])


def adam_epsilon_inside(weight, gradient, m, v, step, rate):
    """Put epsilon under the root."""
    m, v = _moments(gradient, m, v)
    root = (v / (1 - BETA_2**step) + EPSILON).sqrt()
    return torch.stack([weight - rate * m / (1 - BETA_1**step) / root, m, v])


def adam_swapped(weight, gradient, m, v, step, rate):
    """Swap the two betas."""
    m, v = _moments(gradient, m, v, BETA_2, BETA_1)
    return torch.stack([weight - rate * _move(m, v, step, BETA_2, BETA_1), m, v])


def adam_uphill(weight, gradient, m, v, step, rate):
    """Go with the gradient."""
    m, v = _moments(gradient, m, v)
    return torch.stack([weight + rate * _move(m, v, step), m, v])


def adam_one_late(weight, gradient, m, v, step, rate):
    """Count the step once more."""
    m, v = _moments(gradient, m, v)
    return torch.stack([weight - rate * _move(m, v, step + 1), m, v])


def adam_without_root(weight, gradient, m, v, step, rate):
    """Divide by the square."""
    m, v = _moments(gradient, m, v)
    bottom = v / (1 - BETA_2**step) + EPSILON
    return torch.stack([weight - rate * m / (1 - BETA_1**step) / bottom, m, v])


def adam_keeps_corrected(weight, gradient, m, v, step, rate):
    """Hand the corrected averages on to the next step."""
    m, v = _moments(gradient, m, v)
    moved = weight - rate * _move(m, v, step)
    return torch.stack([moved, m / (1 - BETA_1**step), v / (1 - BETA_2**step)])


def adam_with_old_averages(weight, gradient, m, v, step, rate):
    """Move by what the averages were before."""
    moved = weight - rate * _move(m, v, step)
    return torch.stack([moved, *_moments(gradient, m, v)])


def adam_without_memory(weight, gradient, m, v, step, rate):
    """Move along this gradient alone."""
    m, v = _moments(gradient, m, v)
    root = (v / (1 - BETA_2**step)).sqrt() + EPSILON
    return torch.stack([weight - rate * gradient / root, m, v])


def adam_gradient_in_full(weight, gradient, m, v, step, rate):
    """Add the gradient without its share, as SGD with momentum does."""
    m, v = BETA_1 * m + gradient, BETA_2 * v + gradient**2
    return torch.stack([weight - rate * _move(m, v, step), m, v])


def adam_not_squared(weight, gradient, m, v, step, rate):
    """Average the gradient twice."""
    m, v = BETA_1 * m + (1 - BETA_1) * gradient, BETA_2 * v + (1 - BETA_2) * gradient
    return torch.stack([weight - rate * _move(m, v, step), m, v])


# 8.2 the loss of a mask: other right versions


def mask_loss_by_softplus(pred, target):
    """Write the cross-entropy as softplus(z) - z t."""
    truth, probability = target.to(pred.dtype), pred.sigmoid()
    pixels = (F.softplus(pred) - pred * truth).mean()
    overlap, areas = (probability * truth).flatten(1).sum(1), (probability + truth).flatten(1).sum(1)
    return pixels + ((areas - 2 * overlap) / (areas + 1)).mean()


def mask_loss_by_loops(pred, target):
    """Take image by image, in float64."""
    losses = []
    for logits, truth in zip(pred.double(), target.double(), strict=True):
        p = 1 / (1 + torch.exp(-logits))
        dice = (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)
        right = torch.where(truth > 0, logits, -logits)  # the logit of what is true
        losses.append(1 - dice - F.logsigmoid(right).mean())
    return sum(losses) / len(losses)


def mask_loss_without_overflow(pred, target):
    """Write max(z, 0) - z t + log(1 + exp(-|z|)), which never overflows."""
    t, z = target.float(), pred
    cross = (z.clamp(min=0) - z * t + torch.log1p(torch.exp(-z.abs()))).mean()
    p = torch.sigmoid(z)
    numerator = 2 * torch.einsum("bchw,bchw->b", p, t) + 1
    return cross + 1 - (numerator / (p.sum((1, 2, 3)) + t.sum((1, 2, 3)) + 1)).mean()


# 8.2 wrong versions


def _dice_each(probability, truth, smooth=1.0, dim=(1, 2, 3)):
    overlap, areas = (probability * truth).sum(dim), probability.sum(dim) + truth.sum(dim)
    return (2 * overlap + smooth) / (areas + smooth)


def _pixels(pred, truth):
    return F.binary_cross_entropy_with_logits(pred, truth)


def mask_loss_sigmoid_twice(pred, target):
    """Hand probabilities to what asks for logits."""
    p, t = pred.sigmoid(), target.float()
    return (1 - _dice_each(p, t)).mean() + _pixels(p, t)


def mask_loss_of_logits(pred, target):
    """Take the logits for areas."""
    t = target.float()
    return (1 - _dice_each(pred, t)).mean() + _pixels(pred, t)


def mask_loss_pooled(pred, target):
    """Add the areas of all images up before dividing."""
    p, t = pred.sigmoid(), target.float()
    return 1 - _dice_each(p, t, dim=(0, 1, 2, 3)) + _pixels(pred, t)


def mask_loss_rewards_misses(pred, target):
    """Forget 1 minus Dice."""
    p, t = pred.sigmoid(), target.float()
    return _dice_each(p, t).mean() + _pixels(pred, t)


def mask_loss_overlap_once(pred, target):
    """Forget the 2."""
    p, t = pred.sigmoid(), target.float()
    overlap, areas = (p * t).sum((1, 2, 3)), p.sum((1, 2, 3)) + t.sum((1, 2, 3))
    return (1 - (overlap + 1) / (areas + 1)).mean() + _pixels(pred, t)


def mask_loss_not_smooth(pred, target):
    """Leave the one pixel out, above and below."""
    p, t = pred.sigmoid(), target.float()
    return (1 - _dice_each(p, t, smooth=0.0)).mean() + _pixels(pred, t)


def mask_loss_sum_of_pixels(pred, target):
    """Add up the cross-entropy where it is to be averaged."""
    p, t = pred.sigmoid(), target.float()
    return (1 - _dice_each(p, t)).mean() + F.binary_cross_entropy_with_logits(pred, t, reduction="sum")


def mask_loss_hard(pred, target):
    """Count pixels that are above one half: there is no gradient left."""
    t = target.float()
    return (1 - _dice_each((pred > 0).float(), t)).mean() + _pixels(pred, t)


def mask_loss_squared(pred, target):
    """Square the probabilities below the line."""
    p, t = pred.sigmoid(), target.float()
    overlap, areas = (p * t).sum((1, 2, 3)), (p**2).sum((1, 2, 3)) + (t**2).sum((1, 2, 3))
    return (1 - (2 * overlap + 1) / (areas + 1)).mean() + _pixels(pred, t)


def mask_loss_averaged(pred, target):
    """Average the two parts."""
    p, t = pred.sigmoid(), target.float()
    return ((1 - _dice_each(p, t)).mean() + _pixels(pred, t)) / 2


def mask_loss_overflows(pred, target):
    """Take the logarithm of the sigmoid."""
    p, t = pred.sigmoid(), target.float()
    cross = -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()
    return (1 - _dice_each(p, t)).mean() + cross


def mask_loss_with_crutch(pred, target):
    """Keep the logarithm finite by a small number."""
    p, t = pred.sigmoid(), target.float()
    cross = -(t * torch.log(p + 1e-8) + (1 - t) * torch.log(1 - p + 1e-8)).mean()
    return (1 - _dice_each(p, t)).mean() + cross


def mask_loss_cut_off(pred, target):
    """Use the cross-entropy of probabilities, which stops at 100."""
    p, t = pred.sigmoid(), target.float()
    return (1 - _dice_each(p, t)).mean() + F.binary_cross_entropy(p, t)
