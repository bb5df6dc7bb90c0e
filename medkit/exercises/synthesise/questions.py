"""The exercises of notebook 16 that ask for a number and a panel, and the function to repair: 16.2, 16.3, 16.4."""

from __future__ import annotations

import random

import torch
from matplotlib.axes import Axes

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.questions import PredictNumber, ReadFigure
from medkit.exercises.synthesise import ratios
from medkit.exercises.values import small_image

HELD_OUT, MADE = 60, 200  # drawn ratios in each panel of 16.4


def _numbers(scores) -> str:
    return ", ".join(f"{score:g}" for score in scores)


def _hinge(real: tuple[float, ...], made: tuple[float, ...]) -> dict:
    """Return the fields of 16.2 that change with its scores."""
    r, m = torch.tensor(real, dtype=torch.float64), torch.tensor(made, dtype=torch.float64)
    cut = [(1 - r).clamp(min=0), (1 + m).clamp(min=0)]
    likely = torch.nn.functional.softplus
    working = [
        f"({' + '.join(f'max(0, 1 {sign} {score:g})' if score >= 0 else f'max(0, 1 {sign} ({score:g}))' for score in scores)}) / {len(scores)}"
        for sign, scores in (("-", real), ("+", made))
    ]
    return {
        "prompt": (
            f"A discriminator gives four real images the scores {_numbers(real)} and four made ones {_numbers(made)}. "
            "What is its hinge loss, mean max(0, 1 - real) + mean max(0, 1 + made)?"
        ),
        "truth": lambda: float((1 - r).clamp(min=0).mean() + (1 + m).clamp(min=0).mean()),
        "working": " + ".join(working),
        "mistakes": (
            Mistake("you did not cut off at 0", "A score beyond its step counts 0, not less.", float((1 - r).mean() + (1 + m).mean())),
            Mistake("you took one mean over all eight", "Each kind has its own mean, and the two are added.", float(torch.cat(cut).mean())),
            Mistake("you added all up", "A mean over the images of each kind.", float(torch.cat(cut).sum())),
            Mistake("you mixed up the signs", "Real images shall score high, made ones low.", float((1 + r).clamp(min=0).mean() + (1 - m).clamp(min=0).mean())),
            Mistake("you forgot the step of 1", "Being on the right side is not enough: by 1, or it costs.", float((-r).clamp(min=0).mean() + m.clamp(min=0).mean())),
            Mistake("you stopped at the real images", "What the made ones cost comes on top.", float(cut[0].mean())),
            Mistake("you stopped at the made images", "What the real ones cost comes on top.", float(cut[1].mean())),
            Mistake("you took the logarithmic loss", "That is the first GAN's; this one has a hinge.", float(likely(-r).mean() + likely(m).mean())),
            Mistake("you gave the generator's loss", "-mean(made) is what the other one wants small.", float(-m.mean())),
        ),
    }


def _other_hinge(draw: random.Random) -> dict:
    return _hinge(*draw.choice((
        ((-0.25, 1.25, 1.75, 0.5), (-3.0, -0.25, -0.75, 0.5)),
        ((1.5, 2.5, -0.75, 0.25), (-1.25, -0.5, 0.25, -1.5)),
        ((0.25, 2.5, -0.75, 0.5), (-0.5, -1.75, 0.25, -3.0)),
        ((1.5, 1.75, 0.5, -0.25), (-3.0, -1.75, 0.25, -0.25)),
        ((-0.5, 0.5, 1.5, 2.25), (-2.5, -0.25, 0.75, -1.5)),
    )))  # fmt: skip


HINGE = PredictNumber(
    id="16.2",
    title="What the discriminator loses",
    section="exercises",
    points=1,
    minutes=5,
    name="loss",
    tolerance=0.004,
    hints=(
        "Eight small numbers: what does each score cost? A real image at 1 or above costs nothing.",
        "Four costs of real images, their mean; four of made ones, their mean; and add the two.",
    ),
    other=_other_hinge,
    afterword="A discriminator that gives all images the score 0 loses 2: near 2 it can't tell, near 0 the generator learns nothing.",
    **_hinge((2.5, 0.5, -0.5, 1.0), (-3.0, -0.5, 0.25, -1.0)),
)


def neighbour_ratio(made, train, patient):
    """Return how much nearer each made image lies to its nearest training patient than to the next."""
    plain, mirrored = made[:, None] - train, made[:, None] - train.flip(-1)
    each = torch.minimum(plain.square().mean((2, 3)), mirrored.square().mean((2, 3))).sqrt()
    nearest = torch.stack([each[:, patient == p].amin(1) for p in patient.unique()], 1)
    first, second = nearest.topk(2, largest=False).values.unbind(1)
    return first / second.clamp(min=1e-12)


def _pictures(n, seed, height=3, width=4):
    return small_image(n, height, width, seed=seed)


def _case(seed: int, patient: tuple[int, ...], flip: bool = False, edge: bool = False) -> Case:
    """Return made images near some training images; slices of one patient are alike."""
    people = _pictures(1 + max(patient), seed)
    train = people[list(patient)] + _pictures(len(patient), seed + 1, 3, 4) / 4
    made = torch.stack([train[0] + _pictures(1, seed + 2)[0] / 8, train[-1].flip(-1) + 0.5, train[1].flip(-2), _pictures(1, seed + 3)[0]])
    return Case((made.flip(-1) if flip else made, train, torch.tensor(patient)), edge)


TWINS = torch.tensor([[[1.0, 2.0], [3.0, 5.0]], [[9.0, 1.0], [0.0, 4.0]], [[2.0, 1.0], [5.0, 3.0]]])  # the third: the first, mirrored

RATIO = RepairFunction(
    id="16.3",
    title="A check that lets copies through",
    section="exercises",
    points=2,
    minutes=10,
    name="neighbour_ratio",
    parameters=("made", "train", "patient"),
    prompt=(
        "`neighbour_ratio(made, train, patient)` should say of each made image how much nearer it lies to its nearest training "
        "*patient* than to the next one. `made` is (N, H, W), `train` (M, H, W), float; `patient` (M,) says whose each training "
        "image is: whole numbers, two patients or more, some with several slices. The distance of two images is the root of the mean "
        "square difference; a training image counts as it is or mirrored left to right, whichever is nearer. A patient is as near as "
        "the nearest of their images. Return (N,): the distance of the nearest patient over that of the second nearest; where both are "
        "0, 0. A generator that had learned its patients by heart was called honest by the function below: a copy of a patient "
        "with two slices got a ratio near 1. Find the bug and repair it."
    ),
    broken=ratios.ratio_of_images,
    solution=neighbour_ratio,
    alternatives=(ratios.ratio_by_numpy, ratios.ratio_by_masking, ratios.ratio_by_scatter),
    forbidden=("medkit.synthesise",),
    cases=(
        Case((torch.tensor([[[0.0, 4.0]]]), torch.tensor([[[0.0, 5.0]], [[1.0, 4.0]], [[4.0, 8.0]]]), torch.tensor([7, 7, 8]))),
        _case(41, (0, 0, 1, 1, 2)),
        _case(52, (2, 0, 1, 0, 2, 2)),
        _case(63, (0, 1, 0, 1), flip=True),
        _case(74, (3, 3, 0, 1, 2, 2, 0)),
        Case((TWINS[:2], TWINS, torch.tensor([0, 1, 2])), edge=True),
    ),
    hints=(
        "Which are the two nearest *images* of a copy, if its patient has two slices that look alike?",
        "First one number for each patient: the least distance of their images. Then the two smallest of these.",
        "`nearest = torch.stack([each[:, patient == p].amin(1) for p in patient.unique()], 1)`, and the two smallest of `nearest`.",
    ),
    mistakes=(
        Mistake("you compared two images of one patient", "The second nearest image may be the same patient's next slice.", ratios.ratio_of_images),
        Mistake("you looked at each patient's first image only", "Any of a patient's images may have been copied.", ratios.ratio_of_neighbours_in_the_list),
        Mistake("you took the mean distance of a patient", "A patient is as near as the nearest of their images.", ratios.ratio_of_the_patient_s_mean),
        Mistake("you compared with each patient's mean image", "A mean of two slices is neither of them.", ratios.ratio_of_the_mean_image),
        Mistake("you forgot mirrored copies", "A mirrored copy is a copy.", ratios.ratio_without_mirror),
        Mistake("you mirrored from top to bottom", "Left to right is asked for: the last axis.", ratios.ratio_upside_down),
        Mistake("you compared with mirrored images only", "As it is or mirrored, whichever is nearer.", ratios.ratio_of_mirror_alone),
        Mistake("you counted a mirrored patient as another one", "Mirrored or not, it is the same patient.", ratios.ratio_with_mirrored_patients),
        Mistake("you returned the distance alone", "A blurred image is near to everyone: divide by the second.", ratios.distance_alone),
        Mistake("you left the root out", "The root of the mean square: without it the ratio is squared.", ratios.ratio_without_root),
        Mistake("you took absolute differences", "The root of the mean square is asked for.", ratios.ratio_of_absolute_differences),
        Mistake("you divided the other way round", "Nearest over second nearest: never above 1.", ratios.ratio_turned_over),
        Mistake("you divided by the farthest patient", "By the second nearest.", ratios.ratio_to_the_farthest),
        Mistake("you divided by the mean of all patients", "By the second nearest.", ratios.ratio_to_the_mean),
        Mistake("you subtracted the two", "A ratio is asked for: a difference depends on the grey values.", ratios.difference_of_two),
        Mistake("you divided 0 by 0", "An image that lies on two patients at once has the ratio 0.", ratios.ratio_of_nan),
    ),
    afterword="Count patients, not images: the same rule as for splits and for intervals.",
)


def ratio_panels() -> dict[str, torch.Tensor]:
    """Return for each panel of 16.4 the ratios of its made images; those of new patients are `new_ratios()`."""
    draw = torch.Generator().manual_seed(4)

    def about(n: int, middle: float, spread: float) -> torch.Tensor:
        return (middle + spread * torch.randn(n, generator=draw)).clamp(0.01, 1.0)

    as_new = about(MADE, 0.88, 0.045).clamp(min=0.78)
    return {
        "a": about(MADE, 0.985, 0.008),
        "b": torch.cat([as_new[: MADE * 4 // 5], about(MADE // 5, 0.2, 0.06)]),
        "c": about(MADE, 0.82, 0.02).clamp(min=0.78),
        "d": as_new,
    }


def new_ratios() -> torch.Tensor:
    """Return the ratios of patients whom no generator of 16.4 has seen."""
    drawn = 0.88 + 0.05 * torch.randn(HELD_OUT, generator=torch.Generator().manual_seed(5))
    return drawn.clamp(0.76, 1.0)


def ratio_figure() -> str:
    """Draw the panels of 16.4."""
    panels = [_ratio_panel(title, values) for title, values in ratio_panels().items()]
    return figure.as_html(
        figure.row(*panels, inches=2.7),
        alt="Four panels for exercise 16.4: the ratios of a generator's images as bars, those of new patients as an outline",
        caption=f"Ratios drawn for this page: {MADE} made images (bars), {HELD_OUT} new patients (outline), each as a share. "
        "Dashed: the lowest ratio of a new patient.",
        tier="phantom",
    )


def _ratio_panel(title: str, made: torch.Tensor) -> figure.Panel:
    def draw(axis: Axes) -> None:
        bins = [i / 40 for i in range(41)]
        new = new_ratios()
        axis.hist(made.tolist(), bins, weights=[1 / len(made)] * len(made), color=figure.BLUE)
        axis.hist(new.tolist(), bins, weights=[1 / len(new)] * len(new), histtype="step", color=figure.INK, linewidth=1.5)
        axis.axvline(float(new.min()), color=figure.ORANGE, linestyle="--", linewidth=1.5)
        axis.set_title(title, color=figure.INK, fontsize=11)
        axis.set_xlabel("nearest / second nearest", color=figure.INK, fontsize=9)
        axis.set_facecolor("none")
        axis.set_box_aspect(0.8)
        axis.tick_params(colors=figure.INK, labelsize=8)
        for side in axis.spines.values():
            side.set_edgecolor(figure.INK)

    return draw


COPIER = ReadFigure(
    id="16.4",
    title="Who has copied?",
    section="exercises",
    points=1,
    minutes=4,
    name="copier",
    prompt=(
        "Each panel of the figure above belongs to one generator. The bars are its made images: how near is the nearest training "
        "patient, as a share of the distance to the second nearest? The outline is the same for patients who never stood in the "
        "training. Which panel's generator has copied some of its training patients?"
    ),
    draw=ratio_figure,
    right="b",
    hints=(
        "What is the ratio of a copy, and what is that of somebody new?",
        "Look left of the dashed line: no new patient lies there. Whose made images do?",
    ),
    mistakes=(
        Mistake(
            "you took an image that is near to everyone for a copy",
            "In panel a all ratios are near 1: two patients are equally near, as for a blurred mean. It is nobody's copy.",
            "a",
        ),
        Mistake(
            "you took a lower mean for copying",
            "In panel c the ratios lie at the lower end of the new patients', and not below it. No image is nearer than new ones are.",
            "c",
        ),
        Mistake("you took the honest one", "In panel d the bars lie where the outline lies: like new patients.", "d"),
    ),
    afterword="Most of its images look honest, and the mean hardly moves: one copy in five is found by the lowest ratios alone.",
)
