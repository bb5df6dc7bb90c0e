"""The linear baseline: what it can tell, what it can't, and from whom it learned."""

import dataclasses
import json

import pytest
import torch

from medkit import baseline, experiment
from medkit.data.container import Split
from medkit.data.phantom import phantom_split
from medkit.evidence import value_of
from medkit.preparation import Preparation
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")
SETTINGS = Settings(epochs=5)


@pytest.fixture(scope="module")
def split():
    return phantom_split(36, 18, 36, size=32, modality="MRI")


def run(split):
    return baseline.run(experiment.prepare(split, Preparation(), torch.device("cpu")), SETTINGS)


def told_by(split, bright):
    """The same images, their class told by which of three squares is brightened, and by nothing else."""
    sides = []
    for side in (split.train, split.val, split.test):
        label = torch.arange(len(side)) % 3
        image = side.image.clone()
        for k in range(3):
            image[label == k, :, :8, 8 * k : 8 * k + 8] += bright * image.amax()
        group = side.group + torch.arange(len(side)) * 10_000_000  # each image a group of its own
        sides.append(dataclasses.replace(side, image=image, label=label, group=group))
    return Split(*sides)


def test_what_is_linear_is_found_and_what_is_not_there_is_not(split):
    assert run(told_by(split, bright=1.0))["result"][0]["accuracy"]["value"] > 90
    chance = run(told_by(split, bright=0.0))["result"][0]["accuracy"]["value"]
    assert abs(chance - 100 / 3) < 3 * 100 * (2 / 9 / 36) ** 0.5  # within three standard errors


def test_bright_lesions_are_found_pixel_by_pixel(split):
    def with_bright_lesions(side):
        return dataclasses.replace(side, image=torch.where(side.mask, 5.0, 0.2 * side.image / side.image.amax()))

    easy = Split(*(with_bright_lesions(side) for side in (split.train, split.val, split.test)))
    assert run(easy)["result"][0]["dice"]["value"] > 0.9 > 0.5 > run(split)["result"][0]["dice"]["value"]


def test_the_record_is_like_a_models(split):
    done = run(split)
    assert done["seedless"] and done["model"] == "linear" and done["test_opened"] == 1
    assert [row["epoch"] for row in done["result"]] == [5] and done["clock"] is None
    assert value_of([json.loads(json.dumps(done))], "accuracy").n == 36
    assert run(split) == done  # no seed, no chance
    assert set(done["chosen"]) == {"C", "threshold"} and done["chosen"]["C"] in baseline.STRENGTHS


def test_test_images_decide_nothing(split):
    noise = torch.rand(split.test.image.shape, generator=torch.Generator().manual_seed(5))
    garbage = dataclasses.replace(split.test, image=noise, label=split.test.label.flip(0))
    true, changed = run(split), run(Split(split.train, split.val, garbage))
    assert changed["chosen"] == true["chosen"] and changed["validation"] == true["validation"]
    assert changed["result"] != true["result"]


def test_strength_is_not_chosen_on_test_images(split):
    """Test images that are training images would ask for the largest strength, which fits those best."""
    known = dataclasses.replace(split.test, image=split.train.image, label=split.train.label)
    chosen = run(Split(split.train, split.val, known))["chosen"]["C"]
    assert chosen == run(split)["chosen"]["C"] < max(baseline.STRENGTHS)


def test_strength_and_threshold_are_chosen_on_validation_images(split):
    """Training images ask for the largest strength, masks that are lesion all over for the lowest threshold."""
    image, label = split.train.image[: len(split.val)], split.train.label[: len(split.val)]
    known = dataclasses.replace(split.val, image=image, label=label, mask=torch.ones_like(split.val.mask))
    chosen = run(Split(split.train, known, split.test))["chosen"]
    assert chosen == {"C": max(baseline.STRENGTHS), "threshold": min(baseline.THRESHOLDS)} != run(split)["chosen"]


def test_edge_no_masks_and_no_labels(split):
    bare = Split(*(dataclasses.replace(side, mask=None) for side in (split.train, split.val, split.test)))
    assert run(bare)["result"][0]["dice"] is None
    unscored = Split(*(dataclasses.replace(s, scored=torch.zeros(len(s), dtype=torch.bool)) for s in (split.train, split.val, split.test)))
    done = run(unscored)
    assert done["chosen"]["C"] is None and done["result"][0]["accuracy"] is None
