"""The studies, four that answer claims and two that are asked for by name: which claim each answers, its arms, and how large it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from medkit import presets
from medkit.preparation import NOT_SCALED, Preparation
from medkit.presets import Preset

LABELS = (25, 50, 100, 200)  # images with a label; beside all there are


@dataclass(frozen=True)
class Arm:
    """One way to do it; whatever it does not name is as everywhere else.

    Args:
        name: in records and tables.
        model: a name of `medkit.experiment.MODELS`, `VARIANTS` or `BACKBONES`.
        preparation: Eq. 1 and 2.
        augmented: images are moved anew in each epoch (§3.2).
        pretrained: it starts from a source task, not from random weights.
        frozen: parts of the model that are then held (Eq. 5).
    """

    name: str
    model: str = "hybrid"
    preparation: Preparation = Preparation()
    augmented: bool = True
    pretrained: bool = False
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """A comparison of arms.

    Args:
        name: of the command's --study.
        claims: that it answers, as `medkit.paper` numbers them.
        question: in words.
        arms: the first is the one that the others are compared with.
        data: names of `medkit.sets`, unless --data says otherwise.
        labels: numbers of labels that each arm is run with, beside all; () for all alone.
        early: the claim is also about speed: the table shows a fifth of the run as well.
        notes: what must be known to read the result.
    """

    name: str
    claims: tuple[str, ...]
    question: str
    arms: tuple[Arm, ...]
    data: tuple[str, ...]
    labels: tuple[int, ...] = ()
    early: bool = False
    notes: tuple[str, ...] = ()


ATTENTION = Study(
    "attention",
    ("K9", "K10"),
    "Does attention do more than a convolution of its size, a plain average, or Eq. 3 without softmax?",
    (
        Arm("softmax"),
        Arm("convolution", "hybrid, convolution instead"),
        Arm("printed", "hybrid, as printed"),
        Arm("uniform", "hybrid, uniform weights"),
    ),
    ("mri", "lung", "us", "phantom"),  # those with masks: the claim is about segmentation above all
    notes=(
        "The arms have equal numbers of parameters, ± 2 %; uniform, which needs no queries and keys, has 7 % less.",
    ),
)
PREPARATION = Study(
    "preparation",
    ("K11",),
    "Do denoising (Eq. 1) and normalising (Eq. 2) help, each beside the other?",
    (
        Arm("both"),
        Arm("denoise only", preparation=Preparation(scale=NOT_SCALED)),
        Arm("normalise only", preparation=Preparation(kernel="none")),
        Arm("neither", preparation=Preparation(kernel="none", scale=NOT_SCALED)),
    ),
    ("mri", "ct", "us", "phantom"),
    notes=(
        "Not normalised: grey values 0 to 255, and Hounsfield units without a window where the set has them.",
        "The model normalises its own features after the first convolution (GroupNorm), which undoes a mere factor: "
        "a model without that may need Eq. 2 more.",
    ),
)
AUGMENTATION = Study(
    "augmentation",
    ("K12",),
    "Does augmentation (rotation, flips, zoom) help, and most where labels are few?",
    (Arm("plain", augmented=False), Arm("augmented")),
    ("us", "phantom"),
    LABELS,
)
TRANSFER = Study(
    "transfer",
    ("K13",),
    "Does it help to start from another task, frozen or tuned, most where labels are few, and to learn faster?",
    (Arm("scratch"), Arm("tuned", pretrained=True), Arm("frozen", pretrained=True, frozen=("encoder",))),
    ("us", "phantom"),
    LABELS,
    early=True,
)
_KNOWN = ("ResNet-18", "ResNet-50", "DenseNet-121", "ViT-B/16", "DeepLabV3+")
_BESIDE = (
    "The arms are not matched: the hybrid and the attention U-Net have 0.12 million parameters, the others 8.6 to 86.",
)
BACKBONES = Study(
    "backbones",
    (),
    "How do the networks that the paper cites do beside the hybrid, from random weights?",
    (Arm("hybrid"), Arm("attention U-Net", "attention U-Net"), *(Arm(name.replace("/", "-"), name) for name in _KNOWN)),
    ("us", "phantom"),
    notes=_BESIDE,
)
IMAGENET = Study(
    "imagenet",
    (),
    "How do they do from ImageNet's weights?",
    (Arm("hybrid"), *(Arm(name.replace("/", "-"), f"{name}, ImageNet") for name in _KNOWN)),
    ("us", "phantom"),
    notes=(*_BESIDE, "All layers are tuned. The weights have to be in torch's cache, or are downloaded."),
)
ASKED_FOR = {study.name: study for study in (BACKBONES, IMAGENET)}  # large: `--study all` leaves them out
STUDIES = {study.name: study for study in (ATTENTION, PREPARATION, AUGMENTATION, TRANSFER)}

PRESETS: dict[str, Preset] = {  # 201 trainings by default: smaller than the comparison of models
    "quick": dataclasses.replace(
        presets.PRESETS["quick"], limit=384, phantoms=(384, 96, 360), seeds=3, says="all four in 25 minutes on 2 cores"
    ),
    "small": dataclasses.replace(
        presets.PRESETS["quick"],
        settings=dataclasses.replace(presets.PRESETS["quick"].settings, epochs=5),
        limit=204,
        phantoms=(204, 48, 180),
        seeds=2,
        says="5 epochs, to see large networks run at all",
    ),
    "class": presets.PRESETS["class"],
    "paper": presets.PRESETS["paper"],
}
