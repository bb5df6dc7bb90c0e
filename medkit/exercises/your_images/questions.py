"""The exercises of notebook 19 that ask for a number, a repair and a panel: 19.2, 19.3, 19.4."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from medkit import figure
from medkit.data.phantom import phantom
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.pictures import outlined
from medkit.exercises.questions import PredictNumber, ReadFigure
from medkit.exercises.your_images import mistakes as versions


def groups_of(slices, patient):
    """Return a group for each slice: what shares one never stands on two sides of a split."""
    groups, known = [], {}
    for i, count in enumerate(slices.tolist()):
        who = int(patient[i])
        key = ("patient", who) if who >= 0 else ("file", i)
        groups += [known.setdefault(key, len(known))] * count
    return torch.tensor(groups)


def _area(rows: int, columns: int, spacing: float, size: int, pixels: int) -> dict:
    """Return the fields of 19.2 that change with its numbers."""
    high, wide = spacing * rows / size, spacing * columns / size
    return {
        "prompt": (
            f"A slice of {rows} × {columns} pixels (rows × columns) has a spacing of {spacing:g} mm, between rows and between "
            f"columns. It is resized to {size} × {size}, height and width each on its own, with nothing cut off. A model then "
            f"marks {pixels} of the {size} × {size} pixels. How large is the marked area, in mm²?"
        ),
        "truth": lambda: pixels * high * wide,
        "tolerance": 0.002 * pixels * high * wide,
        "working": f"{pixels} * ({spacing:g} * {rows} / {size}) * ({spacing:g} * {columns} / {size})",
        "mistakes": (
            Mistake("you took the spacing of the file", "The pixels have grown.", pixels * spacing**2),
            Mistake(
                "you let the pixels shrink",
                "Fewer pixels lie on the same patient: each one is larger.",
                pixels * (spacing * size / rows) * (spacing * size / columns),
            ),
            Mistake("you took the rows' spacing for both", "The image was not square, its pixels now are not.", pixels * high**2),
            Mistake("you took the columns' spacing for both", "The image was not square, its pixels now are not.", pixels * wide**2),
            Mistake("you multiplied by one side", "An area has two sides.", pixels * high),
            Mistake("you let the spacing grow once", "It grows in both directions.", pixels * high * spacing),
            Mistake("you gave the area of all pixels", "Those that are marked.", size * size * high * wide),
        ),
    }


def _other_area(draw: random.Random) -> dict:
    rows, columns = draw.choice(((512, 384), (480, 360), (640, 480)))
    return _area(rows, columns, draw.choice((0.6, 0.7, 0.8)), draw.choice((96, 128)), draw.choice((90, 110, 150)))


AREA = PredictNumber(
    id="19.2",
    title="How large is a pixel now?",
    section="exercises",
    points=1,
    minutes=5,
    name="square_millimetres",
    hints=(
        "How many millimetres of patient lie along one side of the image? As many lie there after the resize.",
        "A row is now (spacing · rows / new rows) high. The same for the columns; then multiply.",
    ),
    other=_other_area,
    afterword="medkit carries both numbers with each image, in `spacing`: without them, an area in pixels says nothing.",
    **_area(512, 384, 0.7, 128, 90),
)


ONE_PATIENT = RepairFunction(
    id="19.3",
    title="One patient on two sides",
    section="exercises",
    points=2,
    minutes=10,
    name="groups_of",
    parameters=("slices", "patient"),
    prompt=(
        "A folder holds volumes. `slices` (N,) says how many slices each file has, one or more; `patient` (N,) whose it is: a "
        "number from 0 up, or -1 where the file does not say. `groups_of(slices, patient)` should return a whole number for each "
        "*slice* of all files, in the order of the files: its group, which a split never parts. All slices of one patient share "
        "a group, in whichever files they are. The slices of a file that does not say whose it is share a group with each "
        "other, and with nobody else. Groups are numbered 0, 1, 2 ... in the order in which they first appear. With the function "
        "below, a patient who came back for a second scan stood in training and in test. Find the bug and repair it."
    ),
    broken=versions.groups_by_neighbour,
    solution=groups_of,
    alternatives=(versions.groups_by_first_file, versions.groups_by_list, versions.groups_by_numpy),
    forbidden=("medkit.data",),
    cases=(
        Case((torch.tensor([2, 1, 3]), torch.tensor([4, 0, 4]))),
        Case((torch.tensor([1, 2, 1, 2]), torch.tensor([7, 7, 3, 7]))),
        Case((torch.tensor([2, 3, 1, 2]), torch.tensor([-1, 5, -1, 5]))),
        Case((torch.tensor([3, 1, 2, 2, 1]), torch.tensor([2, 0, 1, 0, 2]))),
        Case((torch.tensor([1, 1, 2, 1, 3, 1]), torch.tensor([0, -1, 0, 9, -1, 9]))),
        Case((torch.tensor([1, 2, 1, 2]), torch.tensor([2, -1, 1, 2]))),  # the unknown file stands in place 1
        Case((torch.tensor([2, 2]), torch.tensor([-1, -1])), edge=True),
    ),
    hints=(
        "Let the patients be 4, 0, 4: which group does the third file get?",
        "To look at the neighbour is enough only where files are sorted by patient. Keep a dictionary of all who were seen.",
        "`known.setdefault(key, len(known))` gives a new number to a new key and the old one to an old key; a file without a "
        'patient needs a key of its own, such as `("file", i)`.',
    ),
    mistakes=(
        Mistake("you compared neighbours alone", "The same patient may come back later.", versions.groups_by_neighbour),
        Mistake("you took each file for a patient", "A patient may have several files.", versions.groups_by_file),
        Mistake("you took each slice for a patient", "Neighbouring slices are almost the same picture.", versions.groups_by_slice),
        Mistake("you took all unknown patients for one", "-1 says nothing, not «the same».", versions.groups_of_one_unknown),
        Mistake("you parted the slices of an unknown patient", "They are in one file, so they are of one patient.", versions.groups_of_unknown_slices),
        Mistake("you handed the patients' numbers on", "Number the groups, in the order in which they appear.", versions.groups_as_written),
        Mistake("you numbered by the patients' numbers", "Who appears first is 0, whatever their number.", versions.groups_by_size_of_number),
        Mistake("you left gaps in the numbers", "The next new group gets the next number.", versions.groups_with_gaps),
        Mistake("you gave one number for each file", "One for each slice is asked for.", versions.groups_one_a_file),
        Mistake("you counted from 1", "The first group is 0.", versions.groups_from_one),
        Mistake("you left the unknown out", "Their slices are images like all others.", versions.groups_without_unknown),
        Mistake("you let the files take turns", "All slices of the first file come first.", versions.groups_taking_turns),
    ),
    afterword="That is what `medkit.data.stack` does with the patient that a DICOM file names, and with volumes.",
)


# ---- 19.4


def mask_panels() -> dict[str, tuple[Tensor, Tensor]]:
    """Return for each panel of 19.4 the image (64, 64) and a mask (64, 64) bool: once right, three times not."""
    data = phantom(24, 64, "MRI", difficulty=0.5, seed=5)
    number = 23
    image, mask = data.image[number, 0], data.mask[number, 0]
    return {"a": (image, mask.T), "b": (image, mask.flip(1)), "c": (image, mask.roll((6, 5), (0, 1))), "d": (image, mask)}


def mask_figure() -> str:
    """Draw the panels of 19.4."""
    panels = [outlined(image, mask, title) for title, (image, mask) in mask_panels().items()]
    return figure.as_html(
        figure.row(*panels, inches=2.2),
        alt="Four panels for exercise 19.4: one image, each time with the outline of a mask in another place",
        caption="The same image four times, drawn for this page. Orange: the outline of the mask as it was read.",
        tier="phantom",
    )


ON_ITS_IMAGE = ReadFigure(
    id="19.4",
    title="Which mask lies on its image?",
    section="exercises",
    points=1,
    minutes=3,
    name="lies_right",
    prompt=(
        "The mask of the image above, which outlines its one lesion, a bright spot with no partner on the other side, was read four "
        "times; three times something went wrong. In which panel does the mask lie on its image?"
    ),
    draw=mask_figure,
    right="d",
    hints=(
        "Bright spots come in pairs, left and right, but for one. Find it first, then look for an outline.",
        "Swapped axes mirror a place on the diagonal; a flip leaves its height; another origin moves it by a few pixels.",
    ),
    mistakes=(
        Mistake(
            "you took swapped axes for right",
            "In panel a rows and columns are swapped: NIfTI's first axis runs left to right, an array's from top to bottom.",
            "a",
        ),
        Mistake("you took a mirrored mask for right", "In panel b the mask lies on the other side: left and right were swapped.", "b"),
        Mistake("you took a shifted mask for right", "In panel c the mask lies beside the lesion: image and mask have another origin.", "c"),
    ),
    afterword="Right. All four masks have the same size and area: no check of shapes would have found the other three.",
)
