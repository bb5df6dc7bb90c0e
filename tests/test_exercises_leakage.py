"""The exercises of notebook 13 against the modules that the page shows."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from medkit.data import leaks, split_by_group
from medkit.data.phantom import phantom
from medkit.exercises import EXERCISES, leakage
from medkit.exercises.leakage import mistakes as leakage_mistakes
from medkit.exercises.leakage import near as leakage_near
from medkit.exercises.leakage import questions as leakage_questions
from medkit.exercises.leakage import repair as leakage_repair
from medkit.exercises.leakage import splits as leakage_splits
from medkit.exercises.leakage import tests as leakage_tests

pytestmark = pytest.mark.filterwarnings("error")
TRAIN, TEST = phantom(18, size=48), phantom(9, size=48, split="test")


def with_images(data, *images):
    pixels = data.image.clone()
    pixels[: len(images)] = torch.stack(images)
    return dataclasses.replace(data, image=pixels)


def test_chosen_test_sides_pass_the_split_s_own_check():
    order = TRAIN.group.unique()[torch.randperm(9, generator=torch.Generator().manual_seed(0))]
    side = leakage.choose_test(TRAIN.group, order, 5)
    assert int(side.sum()) == 6  # two slices a patient
    one, other = TRAIN.subset(~side), TRAIN.subset(side)
    assert not set(one.group.tolist()) & set(other.group.tolist())
    cut = leakage_mistakes.whole_but_cut(TRAIN.group, order, 5)
    found = leaks.find_leaks({"train": TRAIN.subset(~cut), "test": TRAIN.subset(cut)})
    assert {leak.kind for leak in found} == {"same group"}


def test_twin_exact_twins_are_the_detector_s_byte_twins():
    test = with_images(TEST, TRAIN.image[5], TRAIN.image[5] + 1, TRAIN.image[11])
    found = leaks.find_leaks({"train": TRAIN, "test": test})
    byte = {leak.positions[1]: leak.positions[0] for leak in found if leak.kind == "byte twin"}
    ours = leakage.twin_of(TRAIN.image, test.image)
    assert byte == {0: 5, 2: 11} == {j: int(i) for j, i in enumerate(ours) if i >= 0}


def test_near_twins_have_the_smallest_gap():
    """A brighter, noisier copy is nearest in small pictures, its patient's other slice next; not so in full size."""
    generator = torch.Generator().manual_seed(1)
    noise = 0.3 * TRAIN.image[7].std() * torch.randn(TRAIN.image[7].shape, generator=generator)
    test = with_images(TEST, TRAIN.image[7] + 40 + noise)
    gap = leakage_near.twin_gaps(TRAIN.image[:, 0], test.image[:, 0], 12)
    assert gap.shape == (9, 18) and gap[0].argsort()[:2].tolist() == [7, 6] and TRAIN.group[6] == TRAIN.group[7]
    full = leakage_near.gaps_in_full_size(TRAIN.image[:, 0], test.image[:, 0], 12)
    others = torch.arange(18) // 2 != 3
    assert gap[0, 7] < 0.3 * gap[0][others].min() and full[0, 7] > 0.4 * full[0][others].min()


def test_repaired_statistics_do_not_know_the_test():
    train, test = TRAIN.image.flatten(1), TEST.image.flatten(1)
    alone = leakage_repair.test_scaled(train, test[:2])
    torch.testing.assert_close(alone, leakage_repair.test_scaled(train, test)[:2])
    leaky = leakage_repair.test_scaled_by_all
    assert not torch.allclose(leaky(train, test[:2]), leaky(train, test)[:2])


def test_predicted_accuracy_is_what_a_nearest_neighbour_measures():
    """1000 test images as the exercise says: the count is exact."""
    label = torch.arange(1000) % 2
    answer = label.clone()
    answer[:30] = 1 - answer[:30]  # of 300 twins one in ten carries another label
    answer[300:720] = 1 - answer[300:720]  # 60 % of 700 new ones are wrong
    measured = float((answer == label).double().mean())
    assert measured == pytest.approx(EXERCISES["13.4"].truth())


def test_figure_of_13_6_shows_what_its_answer_says():
    one, pairs = EXERCISES["13.6"], leakage_questions.pairs()
    assert pairs.keys() == set(one.options)
    base = phantom(1)
    likeness = {}
    for name, (above, below) in pairs.items():
        sides = {
            side: dataclasses.replace(
                base, image=image[None, None], mask=None, group=torch.tensor([place]), name=(side,),
                unit="image, patients unknown",
            )
            for place, (side, image) in enumerate((("one", above), ("two", below)))
        }  # fmt: skip
        found = leaks.find_leaks(sides)
        likeness[name] = [leak.kind for leak in found]
    assert [name for name, kinds in likeness.items() if kinds] == [one.right]
    assert "augmented copy" in likeness[one.right][0]
    data, places = leakage_questions.source(), leakage_questions.PLACES
    patients = {name: data.group[list(at)].tolist() for name, at in places.items()}
    labels = {name: data.label[list(at)].tolist() for name, at in places.items()}
    assert patients["a"][0] == patients["a"][1] and places["a"][0] != places["a"][1]
    assert patients["b"][0] != patients["b"][1] and labels["b"][0] == labels["b"][1]
    assert patients["d"][0] != patients["d"][1] and labels["d"][0] == labels["d"][1]


def test_model_tests_of_13_7_accept_the_kit_and_kill_each_wrong_version():
    one = EXERCISES["13.7"]

    def by_the_kit(patient, seed):
        """Use the kit's split; of one class, with a quarter of the patients for the test."""
        data = dataclasses.replace(
            phantom(1, size=32).subset(torch.zeros(len(patient), dtype=torch.int64)), group=patient.clone(), mask=None
        )
        split = split_by_group(data, shares=(0.5, 0.25, 0.25), seed=seed)
        return torch.isin(patient, split.test.group)

    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, by_the_kit), test.__name__
        assert all(one.accepts(test, version) for version in one.right), test.__name__
        assert not [version.name for version in one.wrong if one.accepts(test, version.wrong)], test.__name__


@pytest.mark.parametrize("version", EXERCISES["13.7"].right, ids=lambda version: version.__name__)
def test_right_versions_of_13_7_part_nobody(version):
    patient = torch.tensor([8, 3, 8, 21, 40, 3, 21, 8])
    for seed in range(5):
        side = version(patient, seed)
        assert len(patient[side].unique()) == 1
        assert not set(patient[side].tolist()) & set(patient[~side].tolist())
    assert leakage_splits.by_image(patient, 0).sum() == 2
    assert leakage_tests.KILL_SPLITS is EXERCISES["13.7"]
