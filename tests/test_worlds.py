"""Planted worlds: one cue decides, an oracle that knows it is right, and shortcuts are at chance."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import torch

from medkit.data import anatomy, leaks, worlds
from medkit.data.phantom import modality_of, nodules, phantom
from medkit.data.worlds import mirror_world, texture_world
from medkit.normalise import min_max

pytestmark = pytest.mark.filterwarnings("error")
both_worlds = pytest.mark.parametrize("world", [texture_world, mirror_world])


@functools.cache
def drawn(world: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the nodules of the first training images, without drawing these: (count, 4, 8) and labels."""
    rule = {"texture": worlds._outlines, "mirror": worlds._pairs}[world]
    label = np.array([worlds.label_of(i) for i in range(count)])
    return np.stack([worlds._numbers(world, rule, "train", i, 32, 0)["nodule"] for i in range(count)]), label


def band(n: int) -> float:
    """Return how far from 50 % a coin's share in n throws stays, 99 times of 100."""
    return 2.58 * 50 / n**0.5


def linear(features: np.ndarray, label: np.ndarray) -> float:
    """Fit a logistic regression to the first half; return how many % of the other half it gets right."""
    linear_model, preprocessing = (pytest.importorskip(f"sklearn.{name}") for name in ("linear_model", "preprocessing"))
    half = len(label) // 2
    scaled = preprocessing.StandardScaler().fit(features[:half]).transform(features)
    model = linear_model.LogisticRegression(max_iter=2000).fit(scaled[:half], label[:half])
    return 100 * model.score(scaled[half:], label[half:])


def neighbours(features: np.ndarray, label: np.ndarray) -> float:
    """The same by the 100 nearest of the first half: it needs no straight line."""
    half, model = len(label) // 2, pytest.importorskip("sklearn.neighbors").KNeighborsClassifier(100)
    return 100 * model.fit(features[:half], label[:half]).score(features[half:], label[half:])


def global_numbers(data) -> np.ndarray:
    """Return what can be told of an image without seeing place or shape: (N, 22)."""
    image = min_max(data.image).flatten(1)
    histogram = torch.stack([(image * 15.999).long().eq(k).float().mean(1) for k in range(16)], dim=1)
    bright = [(image > level).float().mean(1) for level in (0.5, 0.6, 0.7)]  # the area of nodules and more
    count = nodules(data).float()
    return torch.column_stack([image.mean(1), image.std(1), *bright, count, histogram]).double().numpy()


# What both worlds keep


@both_worlds
def test_law_counts_are_exact_and_classes_balanced(world):
    split = world(24, 12, 8, size=32)
    for side, count in (("train", 24), ("val", 12), ("test", 8)):
        data = getattr(split, side)
        assert data.label.bincount().tolist() == [count // 2] * 2 and data.image.shape == (count, 1, 32, 32)
        for patient in data.group.unique():
            assert (data.group == patient).sum() == 2 and len(data.label[data.group == patient].unique()) == 1
        assert (data.tier, data.unit, set(modality_of(data))) == ("phantom", "patient", {"MRI"})
        assert data.title == f"phantom, {world.__name__.replace('_', ' ')}"
        assert data.notes[0].startswith("Phantom") and data.notes[1].startswith("Only ")
        assert torch.isfinite(data.image).all() and data.window is None
    assert not leaks.find_leaks(split)


@both_worlds
def test_law_an_image_depends_on_seed_side_and_number_alone(world):
    torch.manual_seed(1)
    few, many = world(8, 4, 4, size=32, seed=5), world(44, 4, 4, size=32, seed=5)
    assert torch.equal(many.train.image[:8], few.train.image) and many.train.name[:8] == few.train.name
    assert few.test.sha256() == many.test.sha256()
    assert not torch.equal(few.val.image, few.test.image)
    assert not torch.equal(world(8, 4, 4, size=32, seed=6).train.image, few.train.image)


def test_law_the_worlds_share_no_body():
    one, two = texture_world(8, 4, 4, size=32).train, mirror_world(8, 4, 4, size=32).train
    two = dataclasses.replace(two, group=two.group + 1000)  # both number their patients from 0
    assert not leaks.find_leaks({"train": one, "test": two})


@both_worlds
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": 6}, "train must be a positive multiple of 4, got 6; give 8"),
        ({"val": 0}, "val must be a positive multiple of 4, got 0; give 4"),
        ({"size": 33}, "size must be even and at least 32 pixels, got 33"),
        ({"seed": -1}, "seed must be 0 or above, got -1"),
    ],
)
def test_edge_what_can_not_be_made(world, arguments, message):
    with pytest.raises(ValueError, match=message):
        world(**{"train": 8, "val": 4, "test": 4, "size": 32, **arguments})


def test_law_what_is_drawn_is_what_the_picture_shows():
    for world, make in (("texture", texture_world), ("mirror", mirror_world)):
        data, (nodule, _) = make(24, 4, 4, size=64).train, drawn(world, 24)
        rng = [np.random.default_rng([0, 0, ("texture", "mirror").index(world), 0, i // 2]) for i in range(24)]
        pose = torch.tensor(np.stack([anatomy.draw_patient(r)["pose"] for r in rng])).float()
        u, v = anatomy.body_coordinates(pose, 64)
        cover, mask = anatomy.nodule_maps(torch.tensor(nodule).float(), u, v)
        assert torch.equal(mask, data.mask)
        around = (cover == 0) & (torch.hypot(u, v) < 0.5)
        assert all(data.image[i][cover[i] > 0.5].mean() > data.image[i][around[i]].mean() for i in range(24))
        assert (nodule[:, :, 0] < 2).sum(1).tolist() == nodules(data).tolist()


# Texture world


def test_law_an_oracle_of_outlines_is_always_right_in_the_texture_world():
    nodule, label = drawn("texture", 400)
    assert ((nodule[:, :, 3].max(1) > 0.2) == label).all()
    data = texture_world(200, 4, 4, size=64).train
    edges = [(data.mask.diff(dim=dim)).sum((1, 2, 3)) for dim in (2, 3)]
    long = (edges[0] + edges[1]) / data.mask.sum((1, 2, 3))  # edge for area, from the exact masks
    assert torch.equal(long > 0.7, data.label == 1)


def test_law_nothing_but_the_outline_differs_in_the_texture_world():
    nodule, label = drawn("texture", 1200)
    first = nodule[:, 0]  # a lesion, always
    area = first[:, 2] ** 2 * (1 + first[:, 3] ** 2 / 2)
    told = np.column_stack([np.abs(first[:, 0]) / 0.4, first[:, 1], 50 * area, first[:, 6]])
    count = (nodule[:, :, 0] < 2).sum(1)
    assert abs(neighbours(told, label) - 50) < band(600)
    assert abs(neighbours(told[:, :2], label) - 50) < band(600)
    assert abs(linear(np.column_stack([told, count]), label) - 50) < band(600)
    assert neighbours(np.column_stack([told, first[:, 3]]), label) > 95  # the check can fail


def test_law_places_would_tell_if_phantoms_were_only_picked():
    rng, label = np.random.default_rng(0), np.arange(1200) % 2
    first = np.stack([anatomy.draw_nodules(rng, 1 + k, 1.0)[0] for k in label])
    assert neighbours(np.column_stack([np.abs(first[:, 0]) / 0.4, first[:, 1]]), label) > 60
    two = [n for n in (anatomy.draw_nodules(rng, 1, 1.0) for _ in range(1000)) if n[:, 7].sum() == 2]
    in_one_lobe = np.mean([n[0, 0] * n[1, 0] > 0 for n in two])  # where a pair never stands
    assert in_one_lobe == pytest.approx(0.5, abs=0.06)


# Mirror world


def test_law_an_oracle_of_places_is_always_right_in_the_mirror_world():
    nodule, label = drawn("mirror", 400)
    apart = np.hypot(nodule[:, 0, 0] + nodule[:, 1, 0], nodule[:, 0, 1] - nodule[:, 1, 1])
    assert (apart[label == 0] < 0.015).all() and (apart[label == 1] > 0.25).all()
    assert (nodule[:, 0, 0] < 0).all() and (nodule[:, 1, 0] > 0).all() and (nodule[:, 2:, 0] > 2).all()


def test_law_neither_lobe_alone_tells_the_mirror_world():
    nodule, label = drawn("mirror", 1200)
    for lobe in (0, 1):
        one = nodule[:, lobe][:, [0, 1, 2, 3, 6]] * (1, 1, 10, 10, 1)
        assert abs(neighbours(one, label) - 50) < band(600)
        assert abs(neighbours(one[:, :2], label) - 50) < band(600)
    both = np.column_stack([nodule[:, 0, 1], nodule[:, 1, 1]])
    assert neighbours(both, label) > 95  # the check can fail


def test_law_shortcuts_are_at_chance_in_the_mirror_world():
    data = mirror_world(800, 4, 4, size=32).train
    features, label = global_numbers(data), data.label.numpy()
    assert set(nodules(data).tolist()) == {2}
    assert abs(linear(features, label) - 50) < band(400)
    assert abs(neighbours(features, label) - 50) < band(400)


def test_law_the_same_shortcuts_tell_where_the_number_of_nodules_does():
    data = phantom(900, size=32, difficulty=1.0)
    count = nodules(data)
    data = data.subset((count == 1) | (count == 4))
    features, label = global_numbers(data), (nodules(data) == 4).numpy()
    features[:, 5] = 0  # without the count itself
    assert linear(features, label) > 50 + 2 * band(len(label) // 2)


@both_worlds
def test_law_lesions_stay_in_their_lobes(world):
    data, key = world(60, 4, 4, size=64).train, ("texture_world", "mirror_world").index(world.__name__)
    rngs = [np.random.default_rng([0, 0, key, 0, i // 2]) for i in range(60)]
    patients = [anatomy.draw_patient(rng) for rng in rngs]
    pose, organ = (torch.tensor(np.stack([p[k] for p in patients])).float() for k in ("pose", "organ"))
    lobes = anatomy.organ_maps(organ, *anatomy.body_coordinates(pose, 64))[:, 2:4].sum(1, keepdim=True)
    assert (lobes[data.mask] > 0.5).all()
