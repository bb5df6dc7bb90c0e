"""The exercises of notebook 14: what they teach is what `medkit.anomaly` does."""

from __future__ import annotations

import itertools
import math
import random

import pytest
import torch

from medkit.anomaly import classical, measures
from medkit.exercises import EXERCISES, anomaly, check
from medkit.exercises.anomaly import mistakes as anomaly_mistakes
from medkit.exercises.anomaly import overlaps as anomaly_overlaps
from medkit.exercises.anomaly import questions as anomaly_questions
from medkit.exercises.anomaly import repair as anomaly_repair
from medkit.scores import auroc
from medkit.widgets.anomaly import precision_at

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 14.1


@pytest.mark.parametrize("rows", [5, 12, 200])
@pytest.mark.parametrize("distances", [anomaly.distances, *EXERCISES["14.1"].alternatives])
def test_distances_are_the_module_s_at_the_shrinkage_that_it_chose(distances, rows):
    healthy, x = drawn(rows, rows, 6) @ drawn(1, 6, 6) + 3, 4 * drawn(2, 7, 6)
    fitted = classical.fit_gaussian(healthy[None])
    assert 0 < float(fitted.shrinkage[0]) < 1
    ours = classical.mahalanobis(x[None], fitted)[0]
    torch.testing.assert_close(torch.as_tensor(distances(healthy, x, float(fitted.shrinkage[0]))).double(), ours, rtol=2e-3, atol=1e-2)


def test_distances_of_the_worked_numbers():
    healthy = torch.tensor([[-2.0, -0.5], [2.0, 0.5], [-2.0, 0.5], [2.0, -0.5]])
    two = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    assert anomaly.distances(healthy, two, 0.0).tolist() == pytest.approx([1, 16])
    assert anomaly.distances(healthy, two, 0.5).tolist() == pytest.approx([4 / 3.0625, 4 / 1.1875])


def test_edge_fewer_rows_than_columns_is_asked_for_and_a_plain_inverse_of_s_alone_is_refused():
    case = next(case for case in EXERCISES["14.1"].cases if case.edge)
    healthy, _, shrinkage = case.arguments
    assert healthy.shape[0] < healthy.shape[1] and shrinkage > 0

    def distances(healthy, x, shrinkage):
        off = healthy - healthy.mean(0)
        sample = off.T @ off / len(healthy)
        inverse = (1 - shrinkage) * torch.linalg.pinv(sample) + shrinkage / sample.diagonal().mean() * torch.eye(len(sample))
        return ((x - healthy.mean(0)) @ inverse * (x - healthy.mean(0))).sum(1)

    assert not check("14.1", distances).passed


def test_every_mistake_of_14_1_and_14_3_gives_numbers_of_its_own():
    for one in (EXERCISES["14.1"], EXERCISES["14.3"]):
        outputs = [one.outputs(version) for version in (one.solution, *(mistake.wrong for mistake in one.mistakes))]
        for mine, theirs in itertools.combinations(outputs, 2):
            apart = [a.shape != b.shape or not torch.allclose(a, b, rtol=1e-3, equal_nan=True) for a, b in zip(mine, theirs)]
            assert any(apart)


# ---- 14.2


def test_an_alarm_s_worth_is_counted_and_so_for_every_copy():
    one = EXERCISES["14.2"]
    assert one.truth() == pytest.approx(8 / 107) == pytest.approx(precision_at(0.8, 0.1, 0.01))
    for seed in range(1, 30):
        other = one.variant(seed)
        assert eval(other.working) == pytest.approx(other.truth())
        numbers = [other.truth(), *(mistake.wrong for mistake in other.mistakes)]
        assert min(abs(a - b) for a, b in itertools.combinations(numbers, 2)) > 2 * other.tolerance


def test_an_alarm_s_worth_is_the_first_step_of_average_precision():
    target = torch.zeros(1000, dtype=torch.bool)
    target[:10] = True
    score = torch.zeros(1000)
    score[:8], score[10:109] = 1.0, 1.0  # 8 of 10 and 99 of 990
    found = measures.average_precision(score, target).value
    assert found == pytest.approx(0.8 * EXERCISES["14.2"].truth() + 0.2 * 0.01)


def test_copies_of_14_2_differ():
    texts = {anomaly_questions._other_precision(random.Random(seed))["prompt"] for seed in range(20)}
    assert len(texts) == 5 and EXERCISES["14.2"].prompt not in texts


# ---- 14.3


@pytest.mark.parametrize("alarms", [anomaly_repair.alarms_per_healthy, *EXERCISES["14.3"].alternatives])
def test_alarms_are_the_module_s(alarms):
    generator = torch.Generator().manual_seed(5)
    for _ in range(20):
        score, group = torch.rand(60, generator=generator), torch.randint(25, (60,), generator=generator)
        target = torch.rand(60, generator=generator) < 0.15
        target[0] = True
        threshold = float(score[3])  # a score that occurs: at the threshold is flagged
        ours = measures.alarms(score, target, group, threshold).per_patient.value
        assert float(alarms(score, target, group, threshold)) == pytest.approx(ours)


def test_the_function_to_repair_counts_somebody_who_is_sick():
    score, target = torch.tensor([0.1, 0.9, 0.9]), torch.tensor([True, False, False])
    group = torch.tensor([0, 0, 1])
    assert float(anomaly_mistakes.alarms_of_healthy_images(score, target, group, 0.5)) == 1.0
    many = torch.tensor([True, False, False, False]), torch.tensor([0, 0, 0, 1])
    assert float(anomaly_mistakes.alarms_of_healthy_images(torch.tensor([0.1, 0.1, 0.1, 0.9]), *many, 0.5)) == 0.5
    assert float(anomaly_repair.alarms_per_healthy(torch.tensor([0.1, 0.1, 0.1, 0.9]), *many, 0.5)) == 1.0


def test_edge_alarms_where_nobody_is_healthy():
    everybody = torch.tensor([0.9, 0.2]), torch.tensor([True, False]), torch.tensor([4, 4]), 0.5
    for right in (anomaly_repair.alarms_per_healthy, *EXERCISES["14.3"].alternatives):
        assert math.isnan(float(right(*everybody)))


# ---- 14.4


def test_figure_of_14_4_shows_what_its_answer_says():
    one, found = EXERCISES["14.4"], {}
    for title, (healthy, anomalous) in anomaly_questions.scored_panels().items():
        target = torch.cat([torch.zeros(len(healthy)), torch.ones(len(anomalous))]).bool()
        score = torch.cat([healthy, anomalous])
        found[title] = auroc(score, target).value, measures.average_precision(score, target).value
    assert set(found) == set(one.options) and found[one.right][0] == pytest.approx(0.5, abs=0.01)
    assert found["a"][0] < 0.05 and found["b"][0] > 0.9 and found["d"][0] == pytest.approx(0.8, abs=0.03)
    assert found[one.right][1] == pytest.approx(0.9, abs=0.02), "the text after a pass"


# ---- 14.5


def some_regions(seed):
    """Return a batch with regions that the module finds itself, numbered by it, with gaps; and what is flagged."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(4, 9, 9, generator=generator) < 0.15
    mask[2] = False
    return torch.rand(4, 9, 9, generator=generator) < 0.5, torch.stack([measures.regions_of(one) for one in mask])


@pytest.mark.parametrize("overlap", EXERCISES["14.5"].right)
def test_right_versions_of_the_test_are_the_module_s_overlap_at_a_threshold(overlap):
    for seed in range(5):
        flagged, region = some_regions(seed)
        parts = measures.curve_parts(flagged.float()[:, None], (region > 0)[:, None]).sum(0)
        assert parts.shape == (3, 3)  # thresholds 1 and 0, and the totals
        assert float(overlap(flagged, region)) == pytest.approx(float(parts[0, 0] / parts[0, -1]), abs=1e-6)


def test_model_tests_accept_right_versions_and_kill_each_wrong_one():
    one = EXERCISES["14.5"]
    for test in (one.solution, *one.alternatives):
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_a_small_lesion_counts_as_much_as_a_large_one_but_for_who_pools():
    region = torch.tensor([[[1] * 18 + [0] + [2] * 2]])
    flagged = region == 1
    assert float(anomaly_overlaps.overlap_by_loop(flagged, region)) == pytest.approx(0.5)
    assert float(anomaly_overlaps.overlap_of_pixels(flagged, region)) == pytest.approx(0.9)


def test_a_test_with_one_image_is_told_so():
    def test_region_overlap(region_overlap):
        region = torch.tensor([[[5, 5, 5, 5, 0, 2, 0, 3]]])
        flagged = torch.tensor([[[1, 0, 0, 0, 1, 1, 0, 0]]]).bool()
        assert abs(float(region_overlap(flagged, region)) - 1.25 / 3) < 1e-5

    feedback = check("14.5", test_region_overlap)
    assert not feedback.passed and "one image" in repr(feedback)


def test_edge_an_image_without_a_region_adds_nothing():
    flagged, region = some_regions(0)
    for right in EXERCISES["14.5"].right:
        assert float(right(flagged, region)) == pytest.approx(float(right(flagged[[0, 1, 3]], region[[0, 1, 3]])))
    assert float(anomaly_overlaps.overlap_with_empty_images(flagged, region)) < float(anomaly_overlaps.overlap_by_loop(flagged, region))
