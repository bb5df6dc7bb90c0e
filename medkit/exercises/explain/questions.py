"""The exercises of notebook 15 that ask for a number, a repair and a map: 15.2, 15.3, 15.4."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.explain import mistakes as versions
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.pictures import outlined
from medkit.exercises.questions import PredictNumber, ReadFigure

SIDE, STEPS = 32, 16  # pixels along each side of 15.4's image, and steps of its curves


# ---- 15.2


def mass_of_the_middle(side: int, lesion: int, inside: int) -> float:
    """Return the mean mass inside the lesion of the map that says "the middle", counted pixel by pixel.

    Args:
        side: of the image; the middle is the square of half that side. lesion: side of the lesion.
        inside: of ten lesions, how many lie wholly in the middle; the others lie wholly outside.
    """
    says = torch.zeros(side, side)
    says[side // 4 : side - side // 4, side // 4 : side - side // 4] = 1
    found = []
    for corner in (side // 4, 0):
        mask = torch.zeros(side, side)
        mask[corner : corner + lesion, corner : corner + lesion] = 1
        found.append(float((says * mask).sum() / says.sum()))
    return inside / 10 * found[0] + (1 - inside / 10) * found[1]


def _middle(side: int, lesion: int, inside: int) -> dict:
    """Return the fields of 15.2 that change with its numbers."""
    half = side // 2
    share, whole = inside / 10, lesion**2 / half**2
    chance = lesion**2 / side**2
    right = share * whole
    return {
        "prompt": (
            f"All images are {side} × {side} pixels, all lesions {lesion} × {lesion}. One map for all images has never seen a "
            f"model, nor the images: it is 1 in the square of {half} × {half} pixels in the middle, and 0 elsewhere. "
            f"Of ten lesions {inside} lie wholly in that square, the others wholly outside it. What is the mean, over the "
            "images, of the map's mass inside the lesion, as a share from 0 to 1?"
        ),
        "truth": lambda: mass_of_the_middle(side, lesion, inside),
        "tolerance": 0.01 * right,
        "working": f"{share:g} * {lesion}**2 / {half}**2",
        "mistakes": (
            Mistake("you gave what a uniform map gets", "That is chance; this map leaves the border out.", chance),
            Mistake("you forgot the lesions outside", f"{10 - inside} of ten have none of the map's mass.", whole),
            Mistake("you stopped at the share of lesions", "The map's mass lies in all of the square, not in the lesion alone.", share),
            Mistake("you divided by the whole image", "The map's mass lies in the square alone.", share * chance),
            Mistake("you gave the lesions outside what chance gives", "Out there the map is 0.", right + (1 - share) * chance),
            Mistake("you compared sides", "Mass goes by areas.", share * lesion / half),
            Mistake("you gave per cent", "A share from 0 to 1 is asked for.", 100 * right),
        ),
        "afterword": (
            f"Chance is {chance:.4f}; {right / chance:.1f} times as much, from a map that knows nothing. To beat chance is not "
            "enough: a map must beat the centre too."
        ),
    }


def _other_middle(draw: random.Random) -> dict:
    return _middle(*draw.choice(((64, 8, 8), (64, 12, 9), (96, 16, 6), (128, 24, 8), (128, 16, 6))))


CENTRE = PredictNumber(
    id="15.2",
    title="What a map gets that knows nothing",
    section="exercises",
    points=1,
    minutes=5,
    name="mean_mass",
    hints=(
        "Take one lesion in the middle first. Which share of the square does it cover?",
        "A lesion outside the square gets 0. Average over ten lesions.",
    ),
    other=_other_middle,
    **_middle(side=64, lesion=16, inside=7),
)


# ---- 15.3


def pointing(saliency, mask):
    """Return for each image which share of its map's highest pixels lies in the mask."""
    highest = saliency == saliency.amax(dim=(1, 2), keepdim=True)
    share = (highest & mask).sum(dim=(1, 2)) / highest.sum(dim=(1, 2))
    return torch.where(mask.flatten(1).any(dim=1), share, torch.nan)


def _squares(*rows: str) -> Tensor:
    """Return images (B, H, W) from their rows of one figure a pixel, images apart by blanks."""
    return torch.stack([torch.tensor([[float(one) for one in row] for row in image.split("/")]) for image in rows])


TIES = RepairFunction(
    id="15.3",
    title="A flat map that won the game",
    section="exercises",
    points=2,
    minutes=8,
    name="pointing",
    parameters=("saliency", "mask"),
    prompt=(
        "`pointing(saliency, mask)` plays the pointing game. `saliency` are maps (B, H, W), float; `mask` the lesions, "
        "(B, H, W) bool. For each image it should say whether the map's highest pixel lies in the mask: 1 a hit, 0 a miss. "
        "Where several pixels share the highest value, none is better than another: then the result is the *share* of them "
        "that lies in the mask. So a map that is the same everywhere gets chance. Where a mask is empty, the result is NaN. "
        "The function below gave a flat map a full hit for a lesion in a corner. Find the bug and repair it."
    ),
    broken=versions.pointing_at_the_first,
    solution=pointing,
    alternatives=(versions.pointing_by_numpy, versions.pointing_by_counts, versions.pointing_by_sorting),
    forbidden=("medkit.explain",),
    cases=(
        Case((_squares("11/11", "11/11"), _squares("10/00", "01/11").bool())),
        Case((_squares("901/230/491", "250/070/100", "045/133/200"), _squares("011/000/001", "000/010/000", "010/010/000").bool())),
        Case((_squares("3000/0300/0030", "2222/1111/0000"), _squares("1100/1100/0000", "0111/0111/0000").bool())),
        Case((_squares("031/010/322", "000/080/000") - 5, _squares("110/110/100", "111/101/111").bool())),
        Case((_squares("12/34", "43/21"), _squares("00/01", "00/00").bool()), edge=True),
    ),
    hints=(
        "Let the map be 1 everywhere. Which pixel does `argmax` find?",
        "`saliency == saliency.amax(dim=(1, 2), keepdim=True)` marks all highest pixels of each image.",
        "Of those pixels, the share in the mask: `(highest & mask).sum(dim=(1, 2)) / highest.sum(dim=(1, 2))`. Keep the NaN.",
    ),
    mistakes=(
        Mistake("you took the first of equal pixels", "In a flat map that is a corner, whatever the model did.", versions.pointing_at_the_first),
        Mistake("you took the last of equal pixels", "In a flat map that is the other corner.", versions.pointing_at_the_last),
        Mistake("you called one of several a hit", "Then a flat map always wins.", versions.pointing_of_any),
        Mistake("you asked that all of them lie inside", "Half of them inside is half a hit.", versions.pointing_of_all),
        Mistake("you rounded to hit or miss", "The share itself is asked for.", versions.pointing_rounded),
        Mistake("you called several a miss", "Half of them inside is half a hit.", versions.pointing_misses_flat_maps),
        Mistake("you divided by the lesion's size", "Divide by the number of highest pixels.", versions.pointing_of_the_mask),
        Mistake("you divided by all pixels", "Divide by the number of highest pixels.", versions.pointing_of_the_image),
        Mistake("you took one maximum for all images", "Each map has its own highest value.", versions.pointing_of_the_batch),
        Mistake("you took the largest absolute value", "Far below 0 is not high.", versions.pointing_without_sign),
        Mistake("you took the lowest pixels", "The highest are asked for.", versions.pointing_at_the_lowest),
        Mistake("you took the share of the mass", "That is the other measure; here the highest pixels alone count.", versions.pointing_by_mass),
        Mistake("you averaged over the images", "One number for each image.", versions.pointing_on_average),
        Mistake("you called an empty mask a miss", "There is nothing to point at: NaN.", versions.pointing_at_nothing_is_a_miss),
    ),
    afterword="medkit's phantom record has such maps: where a model learned nothing, Grad-CAM was 0 everywhere, and got chance.",
)


# ---- 15.4


def marked_image() -> tuple[Tensor, Tensor, Tensor]:
    """Return 15.4's image (32, 32), its lesion and its mark in the corner, both (32, 32) bool."""
    row, column = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    image = 0.25 + 0.05 * torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    lesion = (row - 18) ** 2 + (column - 13) ** 2 <= 5**2
    mark = (row >= 2) & (row < 6) & (column >= 24) & (column < 30)
    image[lesion], image[mark] = 0.6, 1.0
    return image, lesion, mark


def classifier(image: Tensor) -> float:
    """Return the probability of "ill": it goes by the mark in the corner, and by nothing else."""
    mark = marked_image()[2]
    return float(torch.sigmoid(12 * (image[mark].mean() - 0.65)))


def four_maps() -> dict[str, Tensor]:
    """Return 15.4's maps: of the lesion, of a square elsewhere, of the mark, and of the middle."""
    _, lesion, mark = marked_image()
    row, column = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")

    def spot(where: Tensor) -> Tensor:
        y, x = row[where].double().mean(), column[where].double().mean()
        return torch.exp(-((row - y) ** 2 + (column - x) ** 2) / (2 * 4.0**2))

    below = (row >= 26) & (column >= 22)
    middle = torch.exp(-((row - 15.5) ** 2 + (column - 15.5) ** 2) / (2 * 8.0**2))
    return {"a": spot(lesion), "b": middle, "c": spot(mark), "d": spot(below)}


def deletion_curve(saliency: Tensor, model: Callable[[Tensor], float] = classifier) -> list[float]:
    """Return the probability as 0, 1/16, ... of the pixels are put to the image's mean, the map's highest first."""
    image = marked_image()[0]
    order, found = saliency.flatten().argsort(descending=True), []
    for step in range(STEPS + 1):
        now = image.flatten().clone()
        now[order[: step * len(order) // STEPS]] = image.mean()
        found.append(model(now.view_as(image)))
    return found


def faithful_figure() -> str:
    """Draw 15.4: the image and four maps with the lesion's outline; below, the maps' deletion curves."""
    image, lesion, _ = marked_image()
    maps = four_maps()
    curves = {f"map {title}": deletion_curve(shown) for title, shown in maps.items()}
    shares = [step / STEPS for step in range(STEPS + 1)]
    panels = [outlined(image, lesion, "image"), *(outlined(shown, lesion, title) for title, shown in maps.items())]
    above = figure.as_html(
        figure.row(*panels, inches=1.9),
        alt="For exercise 15.4: an image and four maps of it, side by side, each with the lesion's outline",
        caption="An image drawn for this page, and four maps of one classifier; the lesion is outlined in each.",
        tier="phantom",
    )
    below = figure.as_html(
        figure.row(figure.curve(shares, curves, "probability of ill", "share of the pixels deleted"), inches=4.2),
        alt="For exercise 15.4: the classifier's probability of ill as pixels are deleted, one curve for each of the four maps",
        caption="Pixels are put to the image's mean, those where the map is highest first.",
        tier="phantom",
    )
    return above + below


FAITHFUL = ReadFigure(
    id="15.4",
    title="Which map tells the truth about this classifier?",
    section="exercises",
    points=1,
    minutes=4,
    name="truthful",
    prompt=(
        "The figures above show an image that a classifier calls ill, four maps that are said to explain why, each with "
        "the outline of the lesion, and what the classifier says as pixels are deleted, each map's highest first. Which "
        "map shows best what *this classifier* goes by?"
    ),
    draw=faithful_figure,
    right="c",
    hints=(
        "Where the lesion lies is not the question. What happens to the answer when the right pixels go?",
        "A map that is faithful to the model has the curve that falls first.",
    ),
    mistakes=(
        Mistake(
            "you took what a doctor looks at for what the model looks at",
            "Map a lies on the lesion, and deleting all of it changes nothing for a long while: the classifier does not go by it.",
            "a",
        ),
        Mistake(
            "you took the middle",
            "Map b knows nothing of model or image, and comes to what counts late.",
            "b",
        ),
        Mistake(
            "you chose a curve that stays high",
            "Under deletion the answer must fall *early*: what map d takes away first does not matter to the classifier.",
            "d",
        ),
    ),
    afterword="It goes by the mark in the corner. The map is right, and the classifier is useless: that is what maps are for.",
)
