"""The parts of the loss."""

import math

import pytest
import torch
import torch.nn.functional as F

from medkit.losses import label_loss, soft_dice_loss, total_loss

pytestmark = pytest.mark.filterwarnings("error")


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(seed=0):
    """Logits of 6 images and 3 classes, mask logits, labels, masks."""
    label, mask = torch.tensor([0, 1, 2, 0, 1, 2]), draw(6, 1, 8, 8, seed=seed + 2) > 1
    return draw(6, 3, seed=seed), draw(6, 1, 8, 8, seed=seed + 1), label, mask


def test_hand_numbers():
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
    expected = (math.log(4 / 3) + math.log(2)) / 2
    assert label_loss(logits, torch.tensor([0, 1])).item() == pytest.approx(expected)
    half = torch.zeros(1, 1, 2, 2)  # probability 0.5 everywhere; 4 pixels, 1 of them lesion
    one = torch.tensor([[[[True, False], [False, False]]]])
    assert soft_dice_loss(half, one).item() == pytest.approx(1 - (2 * 0.5 + 1) / (2 + 1 + 1))
    losses = total_loss(logits[1:], half, torch.tensor([1]), one)
    assert losses.bce.item() == pytest.approx(math.log(2))
    assert losses.total.item() == pytest.approx(math.log(2) + 0.5 + math.log(2))


def test_twin_cross_entropy_from_probabilities():
    label_pred, mask_pred, label, mask = batch()
    losses = total_loss(label_pred, mask_pred, label, mask)
    p, t = mask_pred.sigmoid(), mask.double()
    assert losses.label.item() == pytest.approx(-label_pred.softmax(1).log()[range(6), label].mean().item())
    assert losses.bce.item() == pytest.approx(F.binary_cross_entropy(p, t).item())
    each = [1 - (2 * (p[i] * t[i]).sum() + 1) / (p[i].sum() + t[i].sum() + 1) for i in range(6)]
    assert losses.dice.item() == pytest.approx(float(sum(each)) / 6)
    pooled = 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    assert abs(losses.dice - pooled) > 1e-4  # mean over images, not pooled


def test_law_weights_weigh():
    args = batch()
    plain = total_loss(*args)
    weighed = total_loss(*args, label_weight=2.0, dice_weight=0.5, bce_weight=0.0)
    assert weighed[1:] == plain[1:]
    assert weighed.total.item() == pytest.approx((2 * plain.label + 0.5 * plain.dice).item())


def test_law_unscored_images_leave_the_label_loss_and_stay_in_the_mask_loss():
    label_pred, mask_pred, label, mask = batch()
    scored = torch.tensor([True, True, False, True, False, True])
    label_pred.requires_grad_(), mask_pred.requires_grad_()
    losses = total_loss(label_pred, mask_pred, label, mask, scored)
    assert losses.label.item() == pytest.approx(F.cross_entropy(label_pred[scored], label[scored]).item())
    assert abs(losses.label - label_loss(label_pred, label)) > 1e-3
    losses.total.backward()
    assert not label_pred.grad[~scored].any() and label_pred.grad[scored].any(1).all()
    assert mask_pred.grad.flatten(1).any(1).all()


def test_law_smaller_when_better():
    label_pred, mask_pred, label, mask = batch()
    right_label, right_mask = 20.0 * F.one_hot(label, 3), 20.0 * (2.0 * mask - 1)
    best, some = total_loss(right_label, right_mask, label, mask), total_loss(*batch())
    assert all(b < 1e-6 for b in best) and all(s > 0.1 for s in some)


def test_edge_empty_mask_rightly_left_empty_costs_nothing():
    empty = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    assert soft_dice_loss(torch.full((2, 1, 4, 4), -40.0), empty).item() == pytest.approx(0, abs=1e-6)
    assert soft_dice_loss(torch.full((2, 1, 4, 4), 40.0), empty).item() > 0.9


def test_edge_of_one_class_a_label_that_does_not_count_may_be_none():
    pred = torch.zeros(3, 1)
    assert label_loss(pred, torch.tensor([0, 7, -1]), torch.tensor([True, False, False])) == 0


def test_edge_no_masks_no_scored_images():
    label_pred, mask_pred, label, mask = batch()
    label_pred.requires_grad_(), mask_pred.requires_grad_()
    losses = total_loss(label_pred, mask_pred, label, None)
    losses.total.backward()
    assert losses.dice is None and losses.bce is None and losses.total == losses.label
    assert mask_pred.grad is None and label_pred.grad.any()
    label_pred.grad = None
    nobody = label_loss(label_pred, label, torch.zeros(6, dtype=torch.bool))
    nobody.backward()
    assert nobody == 0 and not label_pred.grad.any()


def test_edge_large_logits_stay_finite():
    label_pred, mask_pred, label, mask = batch()
    assert all(torch.isfinite(part) for part in total_loss(1e4 * label_pred, 1e4 * mask_pred, label, mask))


def test_edge_mask_head_at_half_size():
    label_pred, mask_pred, label, mask = batch()
    with pytest.raises(ValueError, match=r"mask_pred must have the masks' shape \(6, 1, 8, 8\), got"):
        total_loss(label_pred, mask_pred[..., ::2, ::2], label, mask)
