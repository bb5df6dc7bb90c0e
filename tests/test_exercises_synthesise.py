"""The exercises of notebook 16: what they teach is what `medkit.synthesise` does."""

from __future__ import annotations

import pytest
import torch

from medkit.exercises import EXERCISES, check, synthesise
from medkit.exercises.synthesise import matchers, mistakes, questions, ratios
from medkit.synthesise import gan, style

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def numbers(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# --- 16.1


@pytest.mark.parametrize("radius", [0, 1, 2, 4, 9])
@pytest.mark.parametrize("shape", [(8, 8), (7, 10), (1, 4)])
@pytest.mark.parametrize("swap", [synthesise.swap_slow_waves, *EXERCISES["16.1"].alternatives])
def test_slow_waves_are_the_module_s(swap, shape, radius):
    image, reference = numbers(*shape), 2 * numbers(*shape, seed=1)
    got = torch.as_tensor(swap(image, reference, radius)).float()
    assert torch.allclose(got, style.swap_amplitude(image, reference, radius), atol=1e-5)


def test_each_wave_of_each_case_has_an_amplitude_and_so_a_phase():
    for case in EXERCISES["16.1"].cases:
        assert float(torch.fft.fft2(case.arguments[0].double()).abs().min()) > 0.1


def test_the_cases_hold_values_below_0_and_a_square_that_is_no_circle():
    swapped = [synthesise.swap_slow_waves(*case.arguments) for case in EXERCISES["16.1"].cases]
    assert min(float(one.min()) for one in swapped) < -0.5
    image, reference = numbers(8, 8), numbers(8, 8, seed=1)
    same = [torch.allclose(mistakes.swap_a_circle(image, reference, r), synthesise.swap_slow_waves(image, reference, r)) for r in (2, 3, 4)]
    assert same == [True, True, False]  # below 4 turns the corner (3, 3) is the first that a circle leaves out


# --- 16.2


def test_the_hinge_is_the_module_s_and_so_for_every_copy():
    one = EXERCISES["16.2"]
    real, made = torch.tensor([2.5, 0.5, -0.5, 1.0]), torch.tensor([-3.0, -0.5, 0.25, -1.0])
    assert one.truth() == pytest.approx(float(gan.discriminator_loss(real, made))) == pytest.approx(0.5 + 0.4375)
    texts = set()
    for seed in range(1, 30):
        other = one.variant(seed)
        numbers_of = [other.truth(), *(mistake.wrong for mistake in other.mistakes)]
        assert eval(other.working) == pytest.approx(other.truth())
        assert min(abs(a - b) for i, a in enumerate(numbers_of) for b in numbers_of[:i]) > 2 * other.tolerance
        texts.add(other.prompt)
    assert len(texts) == 5 and one.prompt not in texts


# --- 16.3


def world(seed=0):
    patient = torch.tensor([5, 5, 2, 9, 2, 9, 9])
    train = numbers(3, 6, 5, seed=seed)[torch.tensor([0, 0, 1, 2, 1, 2, 2])] + 0.1 * numbers(7, 6, 5, seed=seed + 1)
    made = torch.cat([train[:2].flip(-1) + 0.01, numbers(3, 6, 5, seed=seed + 2)])
    return made, train, patient


def by_a_loop(made, train, patient):
    found = []
    for image in made:
        least = {}
        for other, who in zip(train, patient.tolist()):
            for side in (other, other.flip(1)):
                d = float(((image - side) ** 2).mean() ** 0.5)
                least[who] = min(d, least.get(who, d))
        first, second = sorted(least.values())[:2]
        found.append(first / second if second else 0.0)
    return torch.tensor(found)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ratio", [questions.neighbour_ratio, *EXERCISES["16.3"].alternatives])
def test_twin_neighbour_ratio_is_that_of_a_loop(ratio, seed):
    assert torch.allclose(torch.as_tensor(ratio(*world(seed))).float(), by_a_loop(*world(seed)), atol=1e-5)


def test_the_function_to_repair_lets_a_copy_of_a_patient_with_two_slices_through():
    made, train, patient = world()
    assert float(questions.neighbour_ratio(made, train, patient)[0]) < 0.1
    assert float(ratios.ratio_of_images(made, train, patient)[0]) > 2 * float(questions.neighbour_ratio(made, train, patient)[0])
    first = EXERCISES["16.3"].cases[0].arguments
    assert float(ratios.ratio_of_images(*first)) == 1.0 > 0.2 > float(questions.neighbour_ratio(*first))


@pytest.mark.parametrize("ratio", [questions.neighbour_ratio, *EXERCISES["16.3"].alternatives])
def test_edge_an_image_that_lies_on_two_patients_at_once_has_the_ratio_0(ratio):
    train = torch.stack([torch.eye(3), torch.eye(3).flip(-1), torch.ones(3, 3)])
    assert torch.as_tensor(ratio(torch.eye(3)[None], train, torch.tensor([0, 1, 2]))).tolist() == [0.0]
    assert ratios.ratio_of_nan(torch.eye(3)[None], train, torch.tensor([0, 1, 2])).isnan().all()


# --- 16.4


def test_figure_of_16_4_shows_what_its_answer_says():
    one, lowest = EXERCISES["16.4"], float(questions.new_ratios().min())
    shares = {title: float((made < lowest).double().mean()) for title, made in questions.ratio_panels().items()}
    assert [title for title, share in shares.items() if share > 0] == [one.right] and shares[one.right] == pytest.approx(0.2)
    assert shares.keys() == set(one.options)
    means = {title: float(made.mean()) for title, made in questions.ratio_panels().items()}
    new = float(questions.new_ratios().mean())
    assert means["a"] > new + 0.08 > new > means["c"] + 0.04 and abs(means["d"] - new) < 0.01


# --- 16.5


@pytest.mark.parametrize("match", EXERCISES["16.5"].right)
def test_right_versions_of_the_test_are_the_module_s(match):
    for seed in range(6):
        image, reference = (numbers(5, 6, seed=seed) * (2 + 3 * seed)).round(), 7 * numbers(4, 5 + seed, seed=50 + seed)
        reference = reference.round() if seed % 2 else reference
        assert torch.allclose(match(image, reference), style.match_histogram(image, reference), atol=1e-4), seed


def test_edge_right_versions_take_a_reference_of_one_grey_value():
    for match in EXERCISES["16.5"].right:
        assert torch.allclose(match(numbers(3, 4), torch.full((2, 2), 7.0)), torch.full((3, 4), 7.0))


def test_model_tests_accept_the_module_and_kill_each_wrong_version():
    one = EXERCISES["16.5"]
    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, style.match_histogram) and all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_ranks_are_shares_only_where_the_sizes_are_equal():
    image, reference = torch.tensor([[3.0, 0.0], [2.0, 1.0]]), torch.tensor([[40.0, 12.0], [30.0, 20.0]])
    assert torch.allclose(matchers.match_by_rank(image, reference), matchers.match_plainly(image, reference))
    assert not torch.allclose(matchers.match_by_rank(image, reference[:1]), matchers.match_plainly(image, reference[:1]))


def test_a_test_of_the_order_alone_is_told_that_values_may_be_anything():
    def test_match(match):
        image = torch.tensor([[3.0, 0.0], [2.0, 1.0]])
        got = match(image, torch.tensor([[40.0, 12.0], [30.0, 20.0]]))
        assert (got.flatten()[image.flatten().argsort()].diff() > 0).all()

    feedback = check("16.5", test_match)
    assert not feedback.passed and "looks at the order alone" in repr(feedback)
