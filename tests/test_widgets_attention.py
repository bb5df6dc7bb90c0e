"""Notebook 05's widgets: each picture at its ends and on nonsense, and its numbers against the module."""

from __future__ import annotations

import re

import pytest
import torch

from medkit import attention, lesson
from medkit.widgets import attention as widgets_05

pytestmark = pytest.mark.filterwarnings("error")

IMAGES = list(lesson.specimens())
SANE = {
    "image": "CT", "patch": "8 × 8 pixels", "compare": "likeness", "down": 54, "right": 40,
    "softmax": True, "scaled": True,
}  # fmt: skip


def assert_is_a_whole_figure(page: str, tier: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page
    assert f"Data: {tier}." in page and len(page) > 5000


@pytest.mark.parametrize("image", IMAGES)
def test_attention_picture_of_every_image(image):
    assert_is_a_whole_figure(widgets_05.attention_picture(**SANE | {"image": image}), lesson.specimens()[image].tier)


@pytest.mark.parametrize(
    "setting",
    [
        {"down": 0, "right": 0, "patch": "16 × 16 pixels"},
        {"down": 50, "right": 50, "patch": "4 × 4 pixels"},
        {"down": 100, "right": 100, "compare": "the patch itself"},
        {"softmax": False},
        {"scaled": False},
        {"softmax": False, "scaled": False},
    ],
)
def test_attention_picture_at_min_middle_max(setting):
    page = widgets_05.attention_picture(**SANE | setting)
    assert_is_a_whole_figure(page, "library sample")
    assert ("as printed" in page) == (not setting.get("softmax", True))
    tokens = (128 // widgets_05.PATCHES[setting.get("patch", "8 × 8 pixels")]) ** 2
    assert f"N = {tokens:,} tokens" in page and f"N² = {tokens**2:,} weights" in page


def test_attention_picture_prints_the_weights_that_the_module_gives():
    patches = widgets_05.tokens_of("CT", 8).patches
    weights = attention.attention_weights(*widgets_05.alike(patches))
    mine = weights[round(0.54 * 15) * 16 + round(0.4 * 15)]
    page = widgets_05.attention_picture(**SANE)
    assert f"the largest is {float(mine.max()):.3f}" in page and "sum 1." in page
    half = int(re.search(r"half of them lie on (\d+) token", page)[1])
    ordered = mine.sort(descending=True).values
    assert ordered[:half].sum() >= 0.5 > ordered[: half - 1].sum()
    assert "lie on 1 token," in widgets_05.attention_picture(**SANE | {"scaled": False})


def test_scores_are_eq_3_and_without_the_root_larger_by_it():
    patches = widgets_05.tokens_of("MRI", 16).patches
    printed = widgets_05.look(patches, "the patch itself", softmax=False, scaled=True)
    torch.testing.assert_close(printed, patches @ patches.T / 16)
    bare = widgets_05.look(patches, "the patch itself", softmax=False, scaled=False)
    torch.testing.assert_close(bare, patches @ patches.T, atol=1e-3, rtol=1e-4)


def test_alike_scores_the_token_itself_highest_and_a_dot_product_does_not():
    patches = widgets_05.tokens_of("MRI", 8).patches
    queries, keys = widgets_05.alike(patches)
    distance = (patches[:, None] - patches[None]).square().sum(dim=-1)
    half = patches.square().sum(dim=-1, keepdim=True) / 2
    torch.testing.assert_close(queries @ keys.T, half - distance / 2, atol=1e-2, rtol=1e-4)
    here = torch.arange(len(patches))
    assert ((queries @ keys.T).amax(dim=1) - (queries @ keys.T)[here, here]).max() < 1e-3
    assert ((patches @ patches.T).argmax(dim=1) != here).float().mean() > 0.5


def test_tokens_are_the_image_cut_up():
    tokens = widgets_05.tokens_of("ultrasound", 8)
    assert torch.equal(tokens.values[16 + 2].reshape(8, 8), tokens.pixels[8:16, 16:24])
    assert tokens.grid == (16, 16) and abs(float(tokens.patches.mean())) < 1e-4


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ({"image": "X-ray"}, "image must be one of"),
        ({"patch": "9 × 9 pixels"}, "patch must be one of"),
        ({"compare": "hope"}, "compare must be one of"),
        ({"down": -1}, "down must lie in 0"),
        ({"right": 101}, "right must lie in 0"),
        ({"right": float("nan")}, "right must lie in 0"),
    ],
)
def test_edge_attention_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        widgets_05.attention_picture(**SANE | nonsense)


# ---- what it costs


@pytest.mark.parametrize(
    "side, where, heads", [(64, "1/16 of the size", 1), (512, "1/8 of the size", 4), (1024, "every pixel", 16)]
)
def test_cost_picture_at_min_middle_max(side, where, heads):
    page = widgets_05.cost_picture(side, where, heads)
    assert_is_a_whole_figure(page, "phantom")
    tokens = (side // widgets_05.PLACES[where]) ** 2
    assert f"N = {tokens:,} tokens" in page
    assert widgets_05.in_bytes(heads * tokens**2 * 4) in page


def test_cost_is_what_the_weights_take():
    tokens = torch.zeros(2, (64 // 4) ** 2, 8)  # two heads, a map of 16 × 16
    assert attention.attention_weights(tokens, tokens).nbytes == widgets_05.weights_bytes(64, 4, heads=2)


@pytest.mark.parametrize(
    "nonsense", [(63, "every pixel", 1), (2048, "every pixel", 1), (64, "nowhere", 1), (64, "every pixel", 0)]
)
def test_edge_cost_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="must"):
        widgets_05.cost_picture(*nonsense)
