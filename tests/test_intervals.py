"""Intervals against hand, scipy, and a simulation in which the truth is known."""

import math

import pytest
import torch

from medkit.intervals import Interval, bootstrap_mean, bootstrap_seeds, paired_difference, within

pytestmark = pytest.mark.filterwarnings("error")


def clustered(patients: int, slices: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Values with mean 0: each patient has a level of their own, slices vary little around it."""
    generator = torch.Generator().manual_seed(seed)
    level = torch.randn(patients, 1, generator=generator, dtype=torch.float64)
    noise = 0.2 * torch.randn(patients, slices, generator=generator, dtype=torch.float64)
    group = torch.arange(patients)[:, None].expand(patients, slices)
    return (level + noise).flatten(), group.flatten()


# --- hand -------------------------------------------------------------------------------------


def test_hand_two_groups_have_three_outcomes():
    """Two groups of means 0 and 1 are drawn as 00, 01, 10 or 11: means 0, ½, 1."""
    values, group = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([7, 7, 9, 9])
    found = bootstrap_mean(values, group, seed=0, level=0.95)
    assert found == Interval(0.5, 0.0, 1.0, 0.95, n=4, n_groups=2)
    assert bootstrap_mean(values, group, seed=0, level=0.4)[1:3] == (0.5, 0.5)  # half are ½


def test_hand_a_large_group_weighs_by_its_images():
    values, group = torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.tensor([0, 1, 1, 1])
    assert bootstrap_mean(values, group, seed=0).value == 0.25


def test_hand_verdicts_at_the_edges():
    exact = Interval(4.0, 3.5, 4.5, 0.9, 10, 5)
    assert within(exact, 4.0, 0.5) is True
    assert within(exact, 4.1, 0.5) is None
    assert within(exact, 5.5, 0.9) is False
    assert within(exact, 5.25, 0.75) is None is within(exact, 2.75, 0.75)  # they share a single point
    assert within(exact, 4.75, 0.5) is None is within(exact, 3.25, 0.5)  # over one edge, over the other
    assert within(exact, 2.5, 0.75) is False


# --- twin -------------------------------------------------------------------------------------


def test_twin_one_image_a_group_is_the_usual_bootstrap():
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    numpy = pytest.importorskip("numpy")
    values, _ = clustered(60, 1, seed=3)
    ours = bootstrap_mean(values, torch.arange(60), seed=0, repeats=20000)
    rng = numpy.random.default_rng(0)
    twin = stats.bootstrap((values.numpy(),), numpy.mean, n_resamples=20000, method="percentile", rng=rng)
    spread = ours.high - ours.low
    assert abs(ours.low - twin.confidence_interval.low) < 0.03 * spread
    assert abs(ours.high - twin.confidence_interval.high) < 0.03 * spread


def test_twin_normal_theory():
    values, group = clustered(400, 1, seed=5)
    found = bootstrap_mean(values, group, seed=1)
    half = 1.96 * values.std().item() / math.sqrt(400)
    assert found.low == pytest.approx(found.value - half, rel=0.1)
    assert found.high == pytest.approx(found.value + half, rel=0.1)


# --- law --------------------------------------------------------------------------------------


def test_law_patients_cover_the_truth_and_slices_do_not():
    """At a nominal 95 %: over patients 88 to 98 of 100 intervals hold the truth, over slices not half."""
    trials, by_patient, by_slice = 200, 0, 0
    for trial in range(trials):
        values, patient = clustered(40, 12, seed=trial)
        for name, group in (("patient", patient), ("slice", torch.arange(len(values)))):
            found = bootstrap_mean(values, group, seed=trial, repeats=400)
            holds = found.low <= 0 <= found.high
            by_patient, by_slice = by_patient + holds * (name == "patient"), by_slice + holds * (name == "slice")
    assert 0.88 <= by_patient / trials <= 0.98
    assert by_slice / trials < 0.5  # the negative control


def test_law_a_paired_difference_is_narrower_than_two_intervals():
    hard, group = clustered(50, 4, seed=9)
    better = hard + 0.1
    apart = bootstrap_mean(better, group, seed=0)
    paired = paired_difference(better, hard, group, seed=0)
    assert paired.low == pytest.approx(0.1) == paired.high
    assert apart.high - apart.low > 0.3


def test_law_seed_and_only_seed_decides():
    values, group = clustered(30, 3, seed=2)
    first = bootstrap_mean(values, group, seed=4)
    torch.manual_seed(99)
    assert bootstrap_mean(values, group, seed=4) == first
    assert bootstrap_mean(values, group, seed=5) != first
    shuffled = torch.randperm(90, generator=torch.Generator().manual_seed(0))
    again = bootstrap_mean(values[shuffled], group[shuffled], seed=4)
    assert (again.low, again.high) == pytest.approx((first.low, first.high), abs=1e-12)


def test_law_two_thousand_repeats_if_nothing_is_said():
    values, group = clustered(30, 3, seed=2)
    for measure in (bootstrap_mean, lambda v, g, **rest: paired_difference(v, torch.zeros_like(v), g, **rest)):
        unsaid = measure(values, group, seed=4)
        assert unsaid == measure(values, group, seed=4, level=0.95, repeats=2000)
        assert unsaid != measure(values, group, seed=4, level=0.95, repeats=2001)


# --- edge -------------------------------------------------------------------------------------


def test_edge_images_without_a_value_are_left_out():
    values = torch.tensor([0.5, float("nan"), 0.7, float("nan")])
    found = bootstrap_mean(values, torch.tensor([0, 0, 1, 2]), seed=0)
    assert (found.n, found.n_groups) == (2, 2) and found.value == pytest.approx(0.6)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: bootstrap_mean(torch.rand(4), torch.zeros(4), seed=0), "two groups or more, got 1"),
        (lambda: bootstrap_mean(torch.rand(4), torch.arange(3), seed=0), r"got \(4,\) torch.float32 and \(3,\)"),
        (lambda: bootstrap_mean(torch.ones(4).long(), torch.arange(4), seed=0), "floating point"),
        (lambda: bootstrap_mean(torch.rand(4), torch.arange(4), seed=0, level=95), "level must lie between"),
        (lambda: bootstrap_mean(torch.rand(4), torch.arange(4), seed=0, level=0.0), "between 0 and 1, got 0.0"),
        (lambda: bootstrap_mean(torch.rand(4), torch.arange(4), seed=0, level=1.0), "between 0 and 1, got 1.0"),
        (lambda: bootstrap_mean(torch.rand(4), torch.arange(4), seed=0, level=1.5), "got 1.5; 0.95 is usual"),
        (lambda: bootstrap_mean(torch.tensor([1.0, math.inf]), torch.arange(2), seed=0), "finite or NaN, got 1"),
        (lambda: paired_difference(torch.rand(4), torch.rand(3), torch.arange(4), seed=0), "same images"),
        (lambda: within(Interval(0, 0, 0, 0.9, 2, 2), 0.0, 0.0), "margin must be above 0"),
    ],
)
def test_edge_bad_input_gets_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- seeds and groups together ----------------------------------------------------------------


def mean_of(parts):
    return parts[..., 0] / parts[..., 1]


def as_parts(values):
    """(S, N) values -> (S, N, 2): what a mean adds up."""
    return torch.stack([values, torch.ones_like(values)], dim=-1)


def test_hand_two_seeds_that_agree_on_each_image_spread_by_seed_alone():
    parts = as_parts(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))  # all means are 0, ½ or 1, as the seeds are drawn
    found = bootstrap_seeds(parts, torch.tensor([3, 4]), mean_of, seed=0)
    assert found == Interval(0.5, 0.0, 1.0, 0.95, n=2, n_groups=2)
    assert bootstrap_seeds(parts, torch.tensor([3, 4]), mean_of, seed=0, level=0.4)[1:3] == (0.5, 0.5)


def test_twin_one_seed_is_the_bootstrap_over_groups():
    values, group = clustered(30, 4, seed=0)
    one = bootstrap_mean(values, group, seed=0, repeats=8000)
    other = bootstrap_seeds(as_parts(values[None]), group, mean_of, seed=1, repeats=8000)
    assert other.value == pytest.approx(one.value) and (other.n, other.n_groups) == (120, 30)
    assert other.low == pytest.approx(one.low, abs=0.03) and other.high == pytest.approx(one.high, abs=0.03)


def test_law_a_statistic_of_sums_need_not_be_a_mean():
    """An F1 of resampled counts, not a mean of resampled F1s."""
    draw = torch.Generator().manual_seed(0)
    parts = (torch.rand((2, 40, 3), generator=draw) < 0.4).double()

    def f1(sums):
        return 2 * sums[..., 0] / (2 * sums[..., 0] + sums[..., 1] + sums[..., 2])

    found = bootstrap_seeds(parts, torch.arange(40), f1, seed=0)
    assert found.value == pytest.approx(float(f1(parts.sum(1)).mean()))
    assert found.low < found.value < found.high


def simulated(seeds, patients, slices, number):
    """Values with mean 0 of which seed, patient and slice each have a part."""
    draw = torch.Generator().manual_seed(number)
    seed = 0.2 * torch.randn(seeds, 1, generator=draw, dtype=torch.float64)
    patient = torch.randn(patients, generator=draw, dtype=torch.float64).repeat_interleave(slices)
    noise = 0.3 * torch.randn(seeds, patients * slices, generator=draw, dtype=torch.float64)
    return as_parts(seed + patient + noise), torch.arange(patients).repeat_interleave(slices)


def test_law_seeds_and_patients_cover_the_truth_and_slices_do_not():
    covered = {"patients": 0, "slices": 0}
    for number in range(200):
        parts, group = simulated(8, 40, 6, number)
        for unit, units in (("patients", group), ("slices", torch.arange(240))):
            found = bootstrap_seeds(parts, units, mean_of, seed=number, repeats=300)
            covered[unit] += found.low <= 0 <= found.high
    print(f"nominal 95 %: {covered['patients'] / 2:.1f} % over seeds and patients, {covered['slices'] / 2:.1f} % over slices")
    assert 0.90 <= covered["patients"] / 200 <= 0.98
    assert covered["slices"] / 200 < 0.80


def test_law_the_seed_of_the_resampling_decides():
    parts, group = simulated(3, 20, 2, 0)
    one, again, other = (bootstrap_seeds(parts, group, mean_of, seed=s) for s in (0, 0, 1))
    assert one == again and one != other


def test_law_a_thousand_repeats_if_nothing_is_said():
    parts, group = simulated(3, 20, 2, 0)
    said = bootstrap_seeds(parts, group, mean_of, seed=0, repeats=1000)
    assert bootstrap_seeds(parts, group, mean_of, seed=0) == said
    assert bootstrap_seeds(parts, group, mean_of, seed=0, repeats=1001) != said


def test_law_the_statistic_is_given_sums():
    """One that is not the same for sums and means: how many images there are."""
    parts, group = simulated(3, 20, 2, 0)
    assert bootstrap_seeds(parts, group, lambda sums: sums[..., 1], seed=0).value == 40.0


def test_edge_one_group_with_a_value_has_no_ends():
    parts = torch.zeros(1, 60, 2)
    parts[0, 7] = torch.tensor([0.7, 1.0])  # one of sixty images has a Dice
    found = bootstrap_seeds(parts, torch.arange(60), mean_of, seed=0)
    assert found.value == pytest.approx(0.7) and math.isnan(found.low) and found.n_groups == 1
    parts[0, 8] = torch.tensor([0.1, 1.0])
    assert bootstrap_seeds(parts, torch.arange(60), mean_of, seed=0).n_groups == 2
    other = torch.zeros(1, 60, 2)
    other[0, 9] = torch.tensor([0.4, 1.0])  # another run has its only value elsewhere: three in all
    assert bootstrap_seeds(torch.cat([parts, other]), torch.arange(60), mean_of, seed=0).n_groups == 3
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 95"):
        bootstrap_seeds(parts, torch.arange(60), mean_of, seed=0, level=95)


def test_edge_one_group_has_no_ends():
    found = bootstrap_seeds(as_parts(torch.ones(2, 3)), torch.zeros(3), mean_of, seed=0)
    assert found.value == 1.0 and math.isnan(found.low) and math.isnan(found.high)


@pytest.mark.parametrize("parts, group", [
    (torch.ones(2, 3), torch.zeros(3)), (torch.ones(2, 3, 2), torch.zeros(2)),
    (torch.full((2, 3, 2), math.nan), torch.zeros(3)), (torch.tensor([[[1.0, math.inf]]]), torch.zeros(1)),
])  # fmt: skip
def test_edge_parts_that_do_not_fit(parts, group):
    with pytest.raises(ValueError, match=r"parts must be \(S, N, P\) and finite, and group \(N,\), got"):
        bootstrap_seeds(parts, group, mean_of, seed=0)
