"""What notebook 13 plants and measures: leaks of known size, and how much a simple model gains from them."""

from __future__ import annotations

import dataclasses
from functools import cache

import ipywidgets
import torch
from matplotlib.axes import Axes
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from medkit import augment, figure
from medkit.data import leaks
from medkit.data.container import ImageSet
from medkit.data.phantom import SLICES, phantom
from medkit.data.resize import resize_image
from medkit.widgets.controls import grey_range, linked, menu, pick, slider

TRAIN, TEST = 120, 60  # patients on each side, one slice of each
COARSE = 16  # pixels along each side, for the models here
SHARES = (0, 20, 40, 60, 80, 100)  # % of the test images, for the curve
KNOWN, LOST = "patient, one image each", "image, patients unknown"  # units, as `leaks.DECLARED` has them


# ---- two simple models


def rows(image: Tensor) -> Tensor:
    """Return (N, D): each image coarsened to 16 × 16, less its mean, divided by its standard deviation."""
    flat = resize_image(image, COARSE).flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    return flat / flat.std(1, keepdim=True).clamp(min=1e-6)


def nearest_neighbour(train: ImageSet, test: ImageSet) -> Tensor:
    """Return (M,) labels: that of the training image whose pixels are nearest. It learns nothing but by heart.

    >>> one = phantom(6, size=32)
    >>> nearest_neighbour(one, one).tolist() == one.label.tolist()
    True
    """
    return train.label[torch.cdist(rows(test.image), rows(train.image)).argmin(1)]


def linear(train: ImageSet, test: ImageSet) -> Tensor:
    """Return (M,) labels of a logistic regression on the coarse pixels."""
    scale = StandardScaler().fit(rows(train.image).numpy())
    model = LogisticRegression(C=0.1, max_iter=2000)
    model.fit(scale.transform(rows(train.image).numpy()), train.label.numpy())
    return torch.as_tensor(model.predict(scale.transform(rows(test.image).numpy())))


MODELS = {"nearest neighbour": nearest_neighbour, "linear": linear}


# ---- leaks, planted


@cache
def _honest() -> tuple[ImageSet, ImageSet, ImageSet]:
    """Return training images, the other slice of each training patient, and test images of other patients."""
    both = phantom(SLICES * TRAIN, seed=1)
    others = phantom(SLICES * TEST, seed=1, split="test")
    return tuple(data.subset(torch.arange(first, len(data), SLICES))
                 for data, first in ((both, 0), (both, 1), (others, 0)))  # fmt: skip


def _same(train: ImageSet, second: ImageSet) -> ImageSet:
    return train


def _saved_again(train: ImageSet, second: ImageSet) -> ImageSet:
    """Return the images resized there and back, brighter and with less contrast."""
    image = resize_image(resize_image(train.image, 40), train.image.shape[-1])
    return dataclasses.replace(train, image=0.7 * image + 50, name=tuple(f"{name}, saved again" for name in train.name))


def _moved(train: ImageSet, second: ImageSet) -> ImageSet:
    """Return a copy of each image, moved in one of the four ways of Table 1, in turns."""
    number = torch.arange(len(train))
    image, _, _, _, made = augment.expand(train.image, None, train.label, train.group, seed=3)
    chosen = 5 * number + 1 + number % 4  # of five images the first is the original
    done = augment.describe(augment.Moves(*(field[chosen] for field in made.moves)))
    names = tuple(f"{name}, {move}" for name, move in zip(train.name, done))
    return dataclasses.replace(train, image=image[chosen], mask=None, name=names)


def _other_slice(train: ImageSet, second: ImageSet) -> ImageSet:
    return second


LEAKS = {
    "exact twins": _same,
    "twins saved again": _saved_again,
    "copies moved as in Table 1": _moved,
    "other slices of training patients": _other_slice,
}


def _taken() -> Tensor:
    """Return the places of the training images that leak, (60,): the first one becomes test image 0."""
    return torch.randperm(TRAIN, generator=torch.Generator().manual_seed(2))[:TEST]


def planted(leak: str, share: int, known: bool = True) -> dict[str, ImageSet]:
    """Return training and test images, of which the first `share` % of the test come from training patients.

    Args:
        leak: a name from `LEAKS`.
        share: % of the 60 test images, 0 ... 100.
        known: False gives each image a group of its own, as if nobody had kept the patients' numbers.

    Raises:
        ValueError: no such leak, or a share outside 0 ... 100.
    """
    pick(LEAKS, leak, "leak")
    if not 0 <= share <= 100:
        raise ValueError(f"share must lie in 0 ... 100 %, got {share}; try 30")
    return dict(_planted(leak, share, known))


@cache
def _planted(leak: str, share: int, known: bool) -> dict[str, ImageSet]:
    train, second, test = (dataclasses.replace(data, mask=None, unit=KNOWN) for data in _honest())
    count = TEST * share // 100
    leaked, kept = LEAKS[leak](train, second).subset(_taken()[:count]), test.subset(torch.arange(count, TEST))
    fields = ("image", "label", "group")
    joined = {field: torch.cat([getattr(leaked, field), getattr(kept, field)]) for field in fields}
    mixed = dataclasses.replace(test, name=leaked.name + kept.name, **joined)
    if known:
        return {"train": train, "test": mixed}
    return {
        "train": dataclasses.replace(train, group=torch.arange(TRAIN), unit=LOST),
        "test": dataclasses.replace(mixed, group=TRAIN + torch.arange(TEST), unit=LOST),
    }


def accuracy(sides: dict[str, ImageSet], model: str = "nearest neighbour") -> float:
    """Return the % of test images that a model of `MODELS` gets right."""
    train, test = sides["train"], sides["test"]
    return 100 * float((pick(MODELS, model, "model")(train, test) == test.label).double().mean())


@cache
def _found(leak: str, share: int, known: bool) -> list[leaks.Leak]:
    return leaks.find_leaks(planted(leak, share, known))


# ---- a leak that no pair of images shows


def chosen_pixels(seed: int, look_at_test: bool, keep: int = 20) -> float:
    """Return the % right of a model that can't be right: the labels are thrown by a coin.

    The `keep` of 256 coarse pixels that differ most between the classes are chosen, then each test image gets the
    class whose mean training image is nearer in them. 30 phantoms for training, 30 for the test.

    Args:
        seed: of the coin. look_at_test: choose the pixels on all 60 images, not on the 30 for training.
    """
    train, _, test = _honest()
    pixel = torch.cat([rows(train.image[:30]), rows(test.image[:30])])
    coin = torch.randperm(60, generator=torch.Generator().manual_seed(seed)) < 30  # half of the images each
    seen = torch.arange(60) < (60 if look_at_test else 30)
    gap = (pixel[seen & coin].mean(0) - pixel[seen & ~coin].mean(0)) / pixel[seen].std(0)
    pixel = pixel[:, gap.abs().topk(keep).indices]
    learnt = torch.arange(60) < 30
    far = [(pixel[30:] - pixel[learnt & side].mean(0)).square().sum(1) for side in (coin, ~coin)]
    return 100 * float(((far[0] < far[1]) == coin[30:]).double().mean())


# ---- the picture


@cache
def _curve(leak: str) -> list[float]:
    return [accuracy(planted(leak, share)) for share in SHARES]


def leak_picture(leak: str, share: int, known: bool) -> str:
    """Return a pair that was named, or planted at least | accuracy by share, as an HTML figure.

    Arguments and errors as for `planted`.
    """
    sides = planted(leak, share, known)
    measured, honest, found = accuracy(sides), _curve(leak)[0], _found(leak, share, known)
    lines = {"measured": _curve(leak), "new patients alone": [honest] * len(SHARES)}
    ill = [leak for leak in found if sides["test"].label[leak.positions[1]] > 0]  # more to see in them
    shown = next(iter(ill + found), None)
    picture = figure.row(
        *_pair(sides, TEST * share // 100, shown),
        _marked(figure.curve(SHARES, lines, "right, %", "leaked, % of test"), share),
        inches=3.0,
    )
    numbers = "patients' numbers known" if known else "patients' numbers lost"
    first = f", such as {shown}" if shown else ""
    return figure.as_html(
        picture,
        alt=f"A training and a test image that leak ({leak}), and accuracy by the share of leaked test images",
        caption=f"Phantoms: {leak}, {share} % of {TEST} test images, {numbers}. Nearest neighbour: "
        f"{measured:.0f} % right, against {honest:.0f} % on new patients. Planted {TEST * share // 100}, named by "
        f"find_leaks {len(found)}{first}.",
        tier="phantom",
    )


def _pair(sides: dict[str, ImageSet], count: int, shown: leaks.Leak | None) -> tuple[figure.Panel, figure.Panel]:
    """Return panels of the pair that was named, else of one that was planted and not named."""
    if not count:
        return figure.words("nothing\nis planted", "training image"), figure.words("nothing\nis planted", "test image")
    j = int((sides["test"].label[:count] > 0).int().argmax()) if shown is None else shown.positions[1]
    i = int(_taken()[j]) if shown is None else shown.positions[0]
    kind = "planted, not named" if shown is None else shown.kind.split(",")[0]
    one, two = sides["train"].image[i, 0], sides["test"].image[j, 0]
    return (
        figure.grey(one, "training image", *grey_range(one)),
        figure.grey(two, f"test image: {kind}", *grey_range(two)),
    )


def _marked(panel: figure.Panel, at: float) -> figure.Panel:
    def draw(axis: Axes) -> None:
        panel(axis)
        axis.set_ylim(0, 104)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False, labelcolor=figure.INK, fontsize=9)
        axis.axvline(at, color=figure.INK, linewidth=1.2, linestyle=(0, (6, 3)))

    return draw


def explore_leak() -> ipywidgets.VBox:
    """Return menu, slider and box for `leak_picture`."""
    controls = {
        "leak": menu(list(LEAKS), "leak"),
        "share": slider(ipywidgets.IntSlider, 30, 0, 100, 10, "leaked (% of test images)"),
        "known": ipywidgets.Checkbox(True, description="patients' numbers known", indent=False),
    }
    return linked(controls, leak_picture)
