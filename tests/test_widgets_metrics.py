"""The widgets of notebook 09: each picture at its ends, in the middle and on nonsense."""

from __future__ import annotations

import re

import pytest
import torch

from medkit import metrics
from medkit.widgets import metrics as widgets_09

pytestmark = pytest.mark.filterwarnings("error")


def caption(page: str) -> str:
    return re.search(r"<figcaption[^>]*>(.*?)</figcaption>", page, re.DOTALL)[1]


def assert_is_a_whole_figure(page: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "Data: phantom." in page
    assert len(re.search(r'src="([^"]+)"', page)[1]) > 5000


@pytest.mark.parametrize("image", list(widgets_09.soft_masks()))
@pytest.mark.parametrize("threshold", [0.04, 0.5, 0.96])
def test_threshold_picture_at_min_middle_max(image, threshold):
    page = widgets_09.threshold_picture(image, threshold)
    assert_is_a_whole_figure(page)
    soft = widgets_09.soft_masks()[image]
    counts = metrics.mask_counts((soft.probability > threshold)[None], soft.target[None])
    tp, fp, fn, tn = (int(count) for count in counts)
    assert f"tp {tp}, fp {fp}, fn {fn}, tn {tn} pixels" in caption(page)
    value = float(metrics.dice_per_image(counts)[0])
    assert ("no Dice (0/0" if value != value else f"Dice {value:.3f}") in caption(page)


def test_soft_masks_offer_what_the_page_asks_to_look_for():
    """All four counts on both lesions; on the healthy image a Dice of 0 first, and none from some threshold on."""
    for name, soft in widgets_09.soft_masks().items():
        assert soft.probability.min() > 0 and soft.probability.max() < 1 and name != "healthy" or not soft.target.any()
        counts = metrics.mask_counts((soft.probability > 0.5)[None], soft.target[None])
        if name != "healthy":
            assert min(int(count) for count in counts) > 0, name
    soft = widgets_09.soft_masks()
    assert soft["large lesions"].target.sum() > 2 * soft["small lesion"].target.sum() > 0
    dice = [
        float(metrics.dice_per_image(metrics.mask_counts((soft["healthy"].probability > cut)[None],
                                                         soft["healthy"].target[None]))[0])
        for cut in (0.1, 0.3, 0.96)
    ]  # fmt: skip
    assert dice[:2] == [0, 0] and dice[2] != dice[2]


@pytest.mark.parametrize("nonsense, message", [
    (("X-ray", 0.5), "image must be one of"), (("healthy", 0.0), "threshold must lie"),
    (("healthy", 1.0), "threshold must lie"), (("healthy", float("nan")), "threshold must lie"),
])  # fmt: skip
def test_edge_threshold_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        widgets_09.threshold_picture(*nonsense)


@pytest.mark.parametrize(
    "ill, sensitivity, specificity", [(1, 0, 50), (4, 80, 95), (25, 55, 75), (50, 100, 100), (1, 0, 100)]
)
def test_prevalence_picture_at_min_middle_max(ill, sensitivity, specificity):
    assert_is_a_whole_figure(widgets_09.prevalence_picture(ill, sensitivity, specificity))


def test_prevalence_picture_prints_what_the_labels_give():
    """Labels made one by one give the accuracy and the F1 of the caption."""
    target = torch.arange(1000) < 40
    pred = (torch.arange(1000) < 32) | (torch.arange(1000) >= 1000 - 48)
    counts = metrics.label_counts(pred.long(), target.long(), 2)
    ours = widgets_09.ill_and_healthy(4, 80, 95)
    assert all(torch.equal(one, other) for one, other in zip(counts, ours, strict=True))
    text = caption(widgets_09.prevalence_picture(4, 80, 95))
    assert f"Accuracy {metrics.accuracy(counts).value:.1f} %" in text
    assert f"F1 of ill {metrics.binary(metrics.f1_per_class, counts).value:.3f}" in text
    assert f"balanced accuracy {metrics.balanced_accuracy(counts).value:.1f} %" in text
    assert "always «healthy» 96 %" in text and "of 100 alarms 40 are true" in text


def test_law_balanced_accuracy_does_not_depend_on_the_share():
    values = [metrics.balanced_accuracy(widgets_09.ill_and_healthy(ill, 80, 90)).value for ill in (10, 20, 30, 50)]
    assert max(values) - min(values) < 0.1
    f1 = [metrics.binary(metrics.f1_per_class, widgets_09.ill_and_healthy(ill, 80, 90)).value for ill in (2, 10, 50)]
    assert f1[0] < f1[1] < f1[2]


@pytest.mark.parametrize("nonsense", [(0, 80, 95), (100, 80, 95), (4, -5, 95), (4, 80, 101)])
def test_edge_prevalence_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="must lie in"):
        widgets_09.prevalence_picture(*nonsense)
