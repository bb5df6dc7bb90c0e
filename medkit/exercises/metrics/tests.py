"""Exercise 9.6: a test for the AUROC, with the right and wrong versions that it is tried on."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest


def test_auroc(auroc):
    """Count the pairs by hand: 12 of them, two of them ties; turn the order round; leave a class out."""
    score = torch.tensor([2.5, -1.0, 0.3, 0.3, -1.0, 0.7, -3.0])
    target = torch.tensor([True, True, False, True, False, False, False])
    before = score.clone()
    assert abs(float(auroc(score, target)) - 8 / 12) < 1e-4  # 4 + 1.5 + 2.5
    assert torch.equal(score, before)
    assert abs(float(auroc(-before, target)) - 4 / 12) < 1e-4
    assert torch.isnan(torch.as_tensor(auroc(before, torch.ones(7, dtype=torch.bool))))
    assert torch.isnan(torch.as_tensor(auroc(before, torch.zeros(7, dtype=torch.bool))))


# Other good tests, and tests that are too weak or too strict


def test_against_all_pairs(auroc):
    """Compare with a count of all pairs, both ways round."""
    score = torch.tensor([4.0, -2.0, 0.6, 0.1, 0.6, -2.0, 0.6, 9.0])
    target = torch.tensor([True, False, True, False, False, True, True, False])
    given = score.clone()
    gap = given[target][:, None] - given[~target][None, :]
    share = float(((gap > 0).float() + 0.5 * (gap == 0).float()).mean())
    assert abs(float(auroc(score, target)) - share) < 1e-3 and torch.equal(score, given)
    assert abs(float(auroc(given, ~target)) - (1 - share)) < 1e-3
    for one in (target | True, target & False):
        value = float(auroc(given, one))
        assert value != value


def test_that_returns_a_bool(auroc):
    """Return what an assert would ask."""
    score = torch.tensor([-0.5, 1.5, 0.2, 1.5, 3.0])
    target = torch.tensor([True, True, False, False, False])
    given = score.clone()
    low = float(auroc(score, target))  # 6 pairs: one above, one tie
    high = float(auroc(-given, target))
    none, every = (float(auroc(given[:2], torch.tensor([one, one]))) for one in (False, True))
    same = bool((score == given).all())
    return abs(low - 1.5 / 6) < 1e-3 and abs(high - 4.5 / 6) < 1e-3 and none != none and every != every and same


def test_in_many_steps(auroc):
    """Ask one thing at a time, and treat NaN as what differs from itself."""
    score = torch.tensor([-4.0, -4.0, 8.0, 1.0])
    kept = score.tolist()
    target = torch.tensor([True, False, False, True])
    # the four pairs: -4 ties with -4, loses to 8; 1 beats -4, loses to 8
    assert round(float(auroc(score, target)), 3) == 0.375
    assert score.tolist() == kept
    assert round(float(auroc(score.neg(), target)), 3) == 0.625
    for wanted in (torch.tensor([True, True]), torch.tensor([False, False])):
        answer = float(auroc(torch.tensor([0.2, 0.6]), wanted))
        assert not answer <= 1 and not answer > 1


def test_only_a_perfect_order(auroc):
    """Too weak: let all positives stand above."""
    assert abs(float(auroc(torch.tensor([0.1, 0.2, 0.8, 0.9]), torch.tensor([False, False, True, True]))) - 1) < 1e-4


def test_without_ties(auroc):
    """Too weak: let all scores differ."""
    score = torch.tensor([2.5, -1.0, 0.3, 0.4, -2.0, 0.7, -3.0])
    target = torch.tensor([True, True, False, True, False, False, False])
    given = score.clone()
    assert abs(float(auroc(score, target)) - 9 / 12) < 1e-4 and torch.equal(score, given)
    assert abs(float(auroc(-given, target)) - 3 / 12) < 1e-4
    assert torch.isnan(torch.as_tensor(auroc(given, target | True)))


def test_only_probabilities(auroc):
    """Too weak: let all scores lie between 0 and 1."""
    score = torch.tensor([0.95, 0.25, 0.45, 0.45, 0.25, 0.65, 0.05])
    target = torch.tensor([True, True, False, True, False, False, False])
    given = score.clone()
    assert abs(float(auroc(score, target)) - 8 / 12) < 1e-4 and torch.equal(score, given)
    assert abs(float(auroc(1 - given, target)) - 4 / 12) < 1e-4
    assert torch.isnan(torch.as_tensor(auroc(given, target | True)))


def test_with_both_classes(auroc):
    """Too weak: never leave a class out."""
    score = torch.tensor([2.5, -1.0, 0.3, 0.3, -1.0, 0.7, -3.0])
    target = torch.tensor([True, True, False, True, False, False, False])
    given = score.clone()
    assert abs(float(auroc(score, target)) - 8 / 12) < 1e-4 and torch.equal(score, given)
    assert abs(float(auroc(-given, target)) - 4 / 12) < 1e-4


def test_only_above_one_half(auroc):
    """Too weak: try a good model alone."""
    score = torch.tensor([2.5, -1.0, 0.3, 0.3, -1.0, 0.7, -3.0])
    target = torch.tensor([True, True, False, True, False, False, False])
    given = score.clone()
    assert abs(float(auroc(score, target)) - 8 / 12) < 1e-4 and torch.equal(score, given)
    assert torch.isnan(torch.as_tensor(auroc(given, target | True)))


def test_without_a_look_back(auroc):
    """Too weak: hand over copies, so that the argument is never seen again."""
    score = torch.tensor([2.5, -1.0, 0.3, 0.3, -1.0, 0.7, -3.0])
    target = torch.tensor([True, True, False, True, False, False, False])
    assert abs(float(auroc(score.clone(), target)) - 8 / 12) < 1e-4
    assert abs(float(auroc(-score, target)) - 4 / 12) < 1e-4
    assert torch.isnan(torch.as_tensor(auroc(score.clone(), target | True)))


def test_to_the_last_digit(auroc):
    """Too strict: ask for equal bits."""
    score = torch.tensor([2.5, -1.0, 0.3, 0.3, -1.0, 0.7, -3.0])
    target = torch.tensor([True, True, False, True, False, False, False])
    assert float(auroc(score, target)) == 8 / 12


# Right versions


def by_pairs(score, target):
    """Compare each positive with each negative, in float32."""
    gap = score[target][:, None] - score[~target]
    return ((gap > 0).float() + 0.5 * (gap == 0).float()).mean()


def by_counting(score, target):
    """Count wins and ties in a loop; no pairs, no answer."""
    yes, no = score[target].tolist(), score[~target].tolist()
    won = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in yes for b in no)
    return won / (len(yes) * len(no)) if yes and no else float("nan")


def by_ranks(score, target):
    """Add up the positives' ranks; equal scores share their mean rank."""
    rank = (score[:, None] > score).sum(1) + ((score[:, None] == score).sum(1) + 1) / 2
    yes, no = target.sum(), (~target).sum()
    return (rank[target].sum() - yes * (yes + 1) / 2) / (yes * no)


def by_area(score, target):
    """Measure the area under the curve, threshold by threshold."""
    cuts = [float("inf"), *sorted(set(score.tolist()), reverse=True)]
    yes, no = int(target.sum()), int((~target).sum())
    if not yes or not no:
        return float("nan")
    found = [int((score[target] >= cut).sum()) / yes for cut in cuts]
    alarms = [int((score[~target] >= cut).sum()) / no for cut in cuts]
    corners = zip(found, found[1:], alarms, alarms[1:])
    return sum((low + high) / 2 * (right - left) for low, high, left, right in corners)


# Wrong versions


def ties_lose(score, target):
    """Count a tie as lost."""
    return (score[target][:, None] > score[~target]).double().mean()


def ties_win(score, target):
    """Count a tie as won."""
    return (score[target][:, None] >= score[~target]).double().mean()


def of_hard_labels(score, target):
    """Decide first: what is left of the order is two steps."""
    return by_pairs((score > 0.5).float(), target)


def is_accuracy(score, target):
    """Count the right decisions."""
    return float("nan") if target.all() or not target.any() else ((score > 0.5) == target).double().mean()


def of_the_other_class(score, target):
    """Take the negatives for the positives."""
    return by_pairs(score, ~target)


def never_below_half(score, target):
    """Turn a poor order round."""
    value = by_pairs(score, target)
    return torch.maximum(value, 1 - value)


def of_clipped_scores(score, target):
    """Take logits for probabilities and cut them off."""
    return by_pairs(score.clamp(0, 1), target)


def half_without_a_class(score, target):
    """Call it chance where a class is missing."""
    return by_pairs(score, target).nan_to_num(0.5)


def averaged_over_batches(score, target):
    """Average over two batches."""
    return torch.stack([by_pairs(*batch) for batch in zip(score.chunk(2), target.chunk(2))]).nanmean()


def spoils_the_scores(score, target):
    """Shift the scores it was given."""
    return by_pairs(score.sub_(score.min()), target)


KILL_AUROC = WriteTest(
    id="9.6",
    title="A test for the AUROC",
    section="exercises",
    points=3,
    minutes=14,
    name="test_auroc",
    prompt=(
        "Now you are the examiner. `auroc(score, target)` should be the share of all pairs, one positive and one "
        "negative image, in which the positive one has the higher score; a tie counts half. `score` is `(N,)`, "
        "float, probabilities or logits of any size, `target` `(N,)` bool. Where one of the classes is missing "
        "there is no pair, and it returns NaN. It leaves the scores it is given as they were. It may return a "
        "Python float or a tensor of one number.\n\nWrite `test_auroc(auroc)`: it accepts every right version, and "
        "fails for each of the wrong versions that the kit holds."
    ),
    unsolved="def test_auroc(auroc):\n    ...  # assert what must hold for auroc(score, target)",
    solution=test_auroc,
    alternatives=(test_against_all_pairs, test_that_returns_a_bool, test_in_many_steps),
    forbidden=("medkit.scores", "medkit.metrics", "sklearn", "torchmetrics"),
    right=(by_pairs, by_counting, by_ranks, by_area),
    wrong=(
        Mistake("counts a tie as lost", "Give two images of different classes one score.", ties_lose),
        Mistake("counts a tie as won", "Give two images of different classes one score.", ties_win),
        Mistake("decides at 0.5 first", "Hard labels hide the order.", of_hard_labels),
        Mistake("is the accuracy", "Not a single pair is compared.", is_accuracy),
        Mistake("takes the negatives for the positives", "Half of all orders are poor ones.", of_the_other_class),
        Mistake("never falls below one half", "A model can rank worse than chance.", never_below_half),
        Mistake("cuts scores off at 0 and 1", "Logits lie outside.", of_clipped_scores),
        Mistake("says 0.5 where a class is missing", "There is no pair: NaN.", half_without_a_class),
        Mistake("averages over two batches", "Pairs across batches count too.", averaged_over_batches),
        Mistake("changes the scores it is given", "Look at them afterwards.", spoils_the_scores),
    ),
    hints=(
        "Take five to seven images, few enough to count all pairs on paper: one score shared by both classes, "
        "some scores below 0 and above 1.",
        "Turn all scores round with a minus: the right answer is then 1 minus what it was.",
        "NaN differs from everything, itself included: `torch.isnan(torch.as_tensor(value))`. And keep "
        "`before = score.clone()`.",
    ),
    mistakes=(
        Mistake(
            "your test tries only a perfect order",
            "Most wrong versions get that one right.",
            test_only_a_perfect_order,
        ),
        Mistake("your test has no ties", "Two images with one score are where versions differ.", test_without_ties),
        Mistake(
            "all your scores lie between 0 and 1",
            "The AUROC takes logits as well: it asks for the order alone.",
            test_only_probabilities,
        ),
        Mistake(
            "both classes are always there in your test",
            "Leave one out once: the answer must be NaN.",
            test_with_both_classes,
        ),
        Mistake(
            "your test has no AUROC below one half",
            "A version that turns poor orders round gets through.",
            test_only_above_one_half,
        ),
        Mistake(
            "your test does not look back at the scores",
            "A version that writes into its argument gives the right number.",
            test_without_a_look_back,
        ),
        Mistake(
            "your test asks for equality to the last digit",
            "Right versions round differently: allow for a small difference.",
            test_to_the_last_digit,
        ),
    ),
    afterword="All wrong versions die and the right ones live: that is a test worth keeping.",
)
