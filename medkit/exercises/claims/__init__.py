"""The exercises of notebook 12 (the ledger), and in full those where a function is written or repaired.

`questions` has the number, the figure and the test; `mistakes` and `leads` the wrong versions.
"""

from __future__ import annotations

import math

import torch

from medkit.exercises.claims import leads
from medkit.exercises.claims import mistakes as versions
from medkit.exercises.claims.questions import KILL_AS_PRINTED, NINE_LOOKS, READINGS_OR_SEEDS
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction, WriteFunction

READY_MADE = ("medkit.claims", "medkit.intervals", "medkit.evidence", "medkit.runs", "scipy", "statsmodels")


def percentile_interval(means, level):
    """Cut the same share of the repeats off at both ends."""
    known = means[~means.isnan()]
    tail = (1 - level) / 2
    return torch.stack([known.quantile(tail), known.quantile(1 - tail)])


def verdict(low, high, seeds, units):
    """Return 1 where the claim holds, -1 where it fails, 0 where it stays open."""
    if seeds < 3 or units < 20 or low == high:
        return 0
    if low > 0:
        return 1
    if high < 0 or (low > -1 and high < 1):
        return -1
    return 0


def chosen_lead_by_luck(validation, test):
    """Return the chosen model's lead over the baseline, on the test images."""
    return test[1:].max() - test[0].mean()


def chosen_lead(validation, test):
    """Return the chosen model's lead over the baseline, on the test images."""
    chosen = 1 + validation[1:].nanmean(dim=1).argmax()
    return test[chosen].nanmean() - test[0].nanmean()


def _rows(*rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32)


def _case(low: float, high: float, seeds: int = 3, units: int = 120, edge: bool = False) -> Case:
    return Case((low, high, seeds, units), edge)


NAN = math.nan
PERCENTILES = WriteFunction(
    id="12.1",
    title="From repeats to an interval",
    section="before the code",
    points=2,
    minutes=6,
    name="percentile_interval",
    parameters=("means", "level"),
    prompt=(
        "A bootstrap has given `means`, `(R,)`, float, in no order; a repeat that drew no image with a value is NaN and "
        "is left out. `level` lies between 0 and 1, such as 0.95. Return two numbers, low and high: between them lies "
        "the share `level` of the repeats, and the same share is cut off at either end. Where an end falls between two "
        "repeats, interpolate in a straight line between them, as quantiles usually are."
    ),
    unsolved="def percentile_interval(means, level):\n    ...\n    return ...  # two numbers: low, high",
    solution=percentile_interval,
    alternatives=(versions.ends_by_sorting, versions.ends_by_numpy, versions.ends_by_nanquantile),
    forbidden=READY_MADE,
    cases=(
        Case((_rows(4.0, -1.0, 9.0, 2.0, 2.5, 7.0, 0.5), 0.8)),
        Case((_rows(31.0, 12.0, 25.0, 40.0, 18.0, 22.0, 19.0, 36.0), 0.5)),
        Case((_rows(0.5, 0.25, -0.75, 0.0, 1.5, 1.25, -0.25, 0.75, 3.0, 0.125, 2.0), 0.9)),
        Case((_rows(6.0, NAN, 1.0, 3.0, NAN, 2.0, 8.0), 0.6), edge=True),
    ),
    hints=(
        "With level 0.95, 5 % are outside: how much of that at the low end?",
        "`means[~means.isnan()]` leaves NaN out; `.quantile(share)` sorts and interpolates for you.",
        "The shares are (1 − level)/2 and 1 − (1 − level)/2.",
    ),
    mistakes=(
        Mistake("you cut the whole rest off at each end", "Of 1 − level, half belongs to either end.",
                versions.ends_twice_the_tail),
        Mistake("you cut off at the upper end alone", "The same share goes at both ends.", versions.ends_upper_only),
        Mistake("you always took 95 %", "The level is an argument.", versions.ends_always_95),
        Mistake("you took the smallest and the largest", "Those are the ends at level 1, and grow with every repeat.",
                versions.ends_extremes),
        Mistake("you gave the high end first", "Low, then high.", versions.ends_swapped),
        Mistake("you took 1.96 standard deviations", "That is for a bell curve; the repeats say themselves how they "
                "are spread.", versions.ends_by_deviation),
        Mistake("you divided the spread by the root of the repeats", "More repeats must not make the interval "
                "narrower: they are no new patients.", versions.ends_by_standard_error),
        Mistake("you did not interpolate", "Where an end falls between two repeats it lies between them.",
                versions.ends_without_interpolation),
        Mistake("you did not sort", "The repeats come in no order.", versions.ends_unsorted),
        Mistake("you gave the width", "Two numbers are asked for.", versions.ends_as_width),
        Mistake("you let a NaN spoil the whole", "A repeat without a value is left out.", versions.ends_with_nan),
        Mistake("you counted a NaN as 0", "A repeat without a value is left out.", versions.ends_with_zeros),
    ),
    afterword="Two lines, and the most useful ones in this course: every [ ] on these pages is made by them.",
)  # fmt: skip

VERDICT = WriteFunction(
    id="12.2",
    title="The verdict on one number",
    section="before the code",
    points=3,
    minutes=10,
    name="verdict",
    parameters=("low", "high", "seeds", "units"),
    prompt=(
        "A claim says that one model is better than another. `low` and `high` are the ends of the 95 % interval of "
        "the measured lead, in points; `seeds` says from how many trainings and `units` from how many test units "
        "(patients). The rule was fixed before the run, with a margin of **1 point**. Return\n\n"
        "- **1** (it holds) where the whole interval lies above 0;\n"
        "- **−1** (it fails) where it lies wholly below 0, or wholly between −1 and +1: a lead that small is none. "
        "Above 0 comes first: 0.2 to 0.8 holds;\n"
        "- **0** (open) everywhere else; also with fewer than 3 seeds or fewer than 20 units, and where the interval "
        "has no width at all (two models that answer alike have shown nothing).\n\n"
        "An end that lies exactly on 0 or ±1 is not beyond it."
    ),
    unsolved="def verdict(low, high, seeds, units):\n    ...\n    return ...  # 1, -1 or 0",
    solution=verdict,
    alternatives=(versions.verdict_by_cases, versions.verdict_by_arithmetic, versions.verdict_by_table),
    forbidden=READY_MADE,
    cases=(
        _case(0.4, 6.0), _case(-5.0, -0.5), _case(-2.0, 3.5), _case(-4.5, 1.5), _case(-0.6, 0.7), _case(0.2, 0.8),
        _case(-3.0, 0.5), _case(-0.5, 1.8), _case(2.0, 9.0, seeds=2), _case(2.0, 9.0, units=19),
        _case(-8.0, -2.0, seeds=1), _case(-8.0, -2.0, units=5), _case(1.5, 4.0, seeds=3, units=20),
        _case(-7.0, -3.0, seeds=5, units=20), _case(-1.5, 0.5), _case(-0.8, -0.3), _case(-1.2, 0.4), _case(-0.4, 1.2),
        _case(0.0, 3.0, edge=True), _case(-3.0, 0.0, edge=True), _case(-1.0, 0.5, edge=True),
        _case(-0.5, 1.0, edge=True), _case(0.0, 0.6, edge=True), _case(2.0, 2.0, edge=True),
        _case(-2.0, -2.0, edge=True), _case(0.0, 0.0, edge=True),
    ),
    hints=(
        "Begin with what stays open whatever the numbers say: few seeds, few units, no width.",
        "Then `low > 0`. What is left is not above 0: where is it shown that there is no lead?",
        "`high < 0 or (low > -1 and high < 1)`; all that is left then is open.",
    ),
    mistakes=(
        Mistake("you took an interval that holds 0 for a proof that there is nothing", "−2 to 3.5 allows a lead of 3: "
                "it is open. No evidence is no evidence against.", versions.verdict_zero_refutes),
        Mistake("you let the middle decide", "An interval exists because the middle alone decides nothing.",
                versions.verdict_by_the_middle),
        Mistake("you let the high end decide", "What *might* be true is not shown.", versions.verdict_high_end),
        Mistake("you did not ask for the seeds", "With fewer than 3 it stays open.",
                versions.verdict_whatever_the_seeds),
        Mistake("you did not ask for the units", "With fewer than 20 it stays open.",
                versions.verdict_whatever_the_units),
        Mistake("you took few seeds or units for a failure", "Too little to say is no verdict against the claim.",
                versions.verdict_few_refute),
        Mistake("you asked for more than 3 seeds or 20 units", "*Fewer than* 3 is open; 3 are enough.",
                versions.verdict_more_than_enough),
        Mistake("you know no lead that is none", "Wholly between −1 and +1 the claim fails, though 0 is inside.",
                versions.verdict_never_the_same),
        Mistake("you asked for a small lead before asking for one above 0", "0.2 to 0.8 lies above 0: it holds.",
                versions.verdict_same_first),
        Mistake("you asked for a whole point", "To hold, the interval must lie above 0; to fail, below 0.",
                versions.verdict_by_a_margin),
        Mistake("you counted an end on the border as beyond it", "0 is not above 0.", versions.verdict_touching),
        Mistake("you looked at the high end of a small lead only", "−3 to 0.5 may be a loss of 3: that is more than "
                "none, and not shown either.", versions.verdict_one_sided),
        Mistake("you took no width for certainty", "Two models that give one class always differ by exactly 0, and "
                "have learned nothing.", versions.verdict_without_width),
        Mistake("you mixed up holds and fails", "1 where the claim holds.", versions.verdict_reversed),
    ),
    afterword="Three answers, not two: most honest studies of small sets end at the third.",
)  # fmt: skip

BEST_OF_FIVE = RepairFunction(
    id="12.4",
    title="The best of five seeds",
    section="exercises",
    points=3,
    minutes=10,
    name="chosen_lead",
    parameters=("validation", "test"),
    prompt=(
        "`validation` and `test` are `(M, S)`: accuracies in % of M models, each trained with S seeds, on the "
        "validation and on the test images. Row 0 is a baseline; the models in rows 1 … M − 1 compete. A run that was "
        "not made is NaN in both; each mean is over the runs that there are.\n\n"
        "`chosen_lead` should choose **one model** by its mean on the **validation** images, the baseline left out of "
        "the race, and return its mean on the **test** images less the baseline's mean there. The function below "
        "gives leads that nobody finds again. Find the bug and repair it."
    ),
    broken=chosen_lead_by_luck,
    solution=chosen_lead,
    alternatives=(versions.lead_in_a_loop, versions.lead_by_numpy, versions.lead_by_sums),
    forbidden=READY_MADE,
    cases=(
        Case((
            _rows([70, 74, 72], [75, 71, 76], [69, 73, 83], [73, 77, 76]),
            _rows([71, 69, 73], [77, 74, 78], [70, 80, 66], [70, 76, 72]),
        )),
        Case((
            _rows([81, 80, 84, 83], [77, 79, 74, 81], [78, 80, 79, 75]),
            _rows([80, 82, 79, 84], [85, 76, 81, 79], [77, 75, 80, 71]),
        )),
        Case((
            _rows([60, 62], [64, 61], [66, 63], [58, 72], [61, 60]),
            _rows([59, 64], [74, 69], [62, 68], [57, 65], [68, 66]),
        )),
        Case((
            _rows([70, 71, NAN], [72, NAN, NAN], [71, 70, 73], [66, 69, 74]),
            _rows([68, 73, NAN], [74, NAN, NAN], [75, 72, 79], [70, 69, 67]),
        ), edge=True),
    ),
    hints=(
        "Which images did the broken function choose on? And does it give a model's number, or one lucky training's?",
        "`validation[1:]` cuts the baseline off; the position that argmax gives is then one too small.",
        "`1 + validation[1:].nanmean(dim=1).argmax()` is the chosen row; then means on the test images.",
    ),
    mistakes=(
        Mistake("you still take the best run on the test images", "The largest of many noisy numbers is large by luck.",
                chosen_lead_by_luck),
        Mistake("you chose the model on the test images", "Then the test has become a part of the training.",
                leads.lead_of_the_best_model_in_test),
        Mistake("you gave the one run that was best in validation", "A model is what it is on average over seeds.",
                leads.lead_of_the_best_run_in_validation),
        Mistake("you compared the best run of each side", "Two lucky numbers make no fair one, least of all where one "
                "side had more draws.", leads.lead_of_the_luckiest_of_both),
        Mistake("you chose the model by its best single run", "By its mean over seeds.",
                leads.lead_by_the_best_single_run),
        Mistake("you gave the lead on the validation images", "There the winner was chosen: it is too good there.",
                leads.lead_in_validation),
        Mistake("you are one row off", "Row 0 was cut off before argmax: add 1.", leads.lead_one_row_off),
        Mistake("you let the baseline compete", "It is what the winner is compared with.",
                leads.lead_with_the_baseline_in_the_race),
        Mistake("you chose another model for each seed", "One model is chosen.", leads.lead_picked_for_each_seed),
        Mistake("you compared with the other models", "Row 0 is the baseline.", leads.lead_over_the_others),
        Mistake("you subtracted the wrong way round", "Chosen less baseline.", leads.lead_reversed),
        Mistake("you chose the worst in validation", "argmax, not argmin.", leads.lead_of_the_worst),
        Mistake("you counted a run that was not made as 0", "It is left out.", leads.lead_with_zeros),
        Mistake("you let a run that was not made spoil its model", "mean() of a NaN is NaN; nanmean() leaves it out.",
                leads.lead_with_nan),
    ),
    afterword="That is medkit's own rule as well: choose on validation images, then open the test once.",
)  # fmt: skip

EXERCISES = (PERCENTILES, VERDICT, NINE_LOOKS, BEST_OF_FIVE, READINGS_OR_SEEDS, KILL_AS_PRINTED)
