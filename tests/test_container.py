"""The container refuses what does not fit, and no group stands on two sides."""

from __future__ import annotations

import pytest
import torch

from medkit.data import ImageSet, Split, split_by_group

pytestmark = pytest.mark.filterwarnings("error")


def make(n=60, per_group=3, **changed) -> ImageSet:
    group = torch.arange(n) // per_group
    fields = {
        "title": "made", "tier": "phantom", "modality": "MRI",
        "image": torch.arange(n * 16).reshape(n, 1, 4, 4).float(), "label": group % 2, "classes": ("a", "b"),
        "mask": torch.zeros(n, 1, 4, 4, dtype=torch.bool), "group": group, "unit": "patient",
        "name": tuple(f"image {i}" for i in range(n)), "source": "this test",
    }  # fmt: skip
    return ImageSet(**{**fields, **changed})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": torch.zeros(5, dtype=torch.int64)}, r"label must have shape \(60,\)"),
        ({"mask": torch.zeros(60, 4, 4, dtype=torch.bool)}, r"mask must have shape \(60, 1, 4, 4\)"),
        ({"image": torch.zeros(60, 1, 4, 4, dtype=torch.uint8)}, r"image must be \(N, C, H, W\) float32"),
        ({"tier": "synthetic"}, "tier must be one of"),
        ({"name": ("one",)}, "name must hold 60 names, got 1"),
        ({"label": torch.full((60,), 2)}, r"label must lie in 0 \.\.\. 1"),
    ],
)
def test_edge_a_set_that_does_not_fit_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        make(**changed)


def test_law_subset_keeps_rows_together():
    data = make().subset(torch.tensor([7, 2]))
    assert data.name == ("image 7", "image 2") and data.group.tolist() == [2, 0]
    assert data.image[1, 0, 0, 0] == 2 * 16 and len(data) == 2
    assert make().subset(make().label == 1).label.unique().tolist() == [1]


def test_law_the_hash_sees_every_tensor():
    data = make()
    assert data.sha256() == make().sha256()
    for field in ("image", "label", "mask", "group", "scored"):
        changed = getattr(data, field).clone()
        changed[0] = 1 - changed[0] if field in ("image", "label", "group") else ~changed[0]
        assert make(**{field: changed}).sha256() != data.sha256(), field


def test_edge_a_leak_is_refused():
    data = make()
    with pytest.raises(ValueError, match="train and test must share no patient, got 1 on both sides"):
        Split(*(data.subset(torch.arange(*ends)) for ends in ((0, 4), (30, 40), (4, 9))))


def test_law_three_sides_cover_all_and_share_no_group():
    data = make(n=300)
    split = split_by_group(data, seed=3)
    sides = (split.train, split.val, split.test)
    assert sorted(name for side in sides for name in side.name) == sorted(data.name)
    groups = [set(side.group.tolist()) for side in sides]
    assert len(set.union(*groups)) == sum(map(len, groups)) == 100
    assert [len(side) for side in sides] == pytest.approx([210, 30, 60], abs=6)
    assert all(side.label.unique().tolist() == [0, 1] for side in sides)


def test_law_the_split_follows_its_seed_alone():
    torch.manual_seed(0)
    first = split_by_group(make(), seed=1).test.name
    torch.manual_seed(1)
    assert split_by_group(make(), seed=1).test.name == first
    assert split_by_group(make(), seed=2).test.name != first


def test_edge_too_few_groups():
    with pytest.raises(ValueError, match="a class with three groups or more, got 1 groups in all"):
        split_by_group(make(n=3))


def test_law_a_rare_class_stands_on_every_side():
    label = torch.zeros(60, dtype=torch.int64)
    label[:9] = 1  # three groups of twenty
    split = split_by_group(make(label=label), seed=4)
    assert [int((side.label == 1).sum()) for side in (split.train, split.val, split.test)] == [3, 3, 3]
