"""Pre-training on a source task of the kit's own: what it is made of, and what is handed over."""

import copy
import dataclasses
import hashlib
import math
import re

import pytest
import torch
from torch import nn

from medkit.blocks import Prediction
from medkit.data.phantom import MODALITIES, modality_of, phantom, phantom_split
from medkit.models import CNN, Hybrid, Transformer, UNet
from medkit.preparation import Preparation
from medkit.pretrain import HEADS, PreTrained, other_modality, pretrain, start_from, textures
from medkit.training import Settings, fit
from medkit.transfer import delta_rows, fingerprint, freeze, table_2

pytestmark = pytest.mark.filterwarnings("error")
SHORT = Settings(batch_size=8, epochs=1)
ENCODERS = {  # what each model shares between tasks: the stages that Table 2 freezes
    CNN: ("encoder", "middle"),
    UNet: ("encoder",),
    Hybrid: ("encoder", "attention"),
    Transformer: ("patches", "place", "layers", "norm"),
}
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
    ),
]


def preprocess(data):
    """Each image by itself, as the runs of the experiment see it."""
    return Preparation().fitted_to(data)(data)


def build(Model, classes=3, seed=0, width=4, **kwargs):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Model(classes=classes, width=width, **kwargs)


def pretrained_on(source, Model=CNN, seed=0, settings=SHORT):
    model = build(Model, classes=len(source.classes), seed=9)
    return pretrain(model, source, preprocess, settings, seed=seed, progress=None)


@pytest.fixture(scope="module")
def lesions():
    return other_modality("ultrasound", count=24, size=32)


@pytest.fixture(scope="module")
def pieces():
    return textures("ultrasound", count=24, size=32)


@pytest.fixture(scope="module")
def target():
    data = phantom(12, size=32, modality="ultrasound")
    return preprocess(data), data.label, data.mask


def digest(state):
    joined = hashlib.sha256()
    for name, tensor in state.items():
        joined.update(name.encode() + tensor.numpy().tobytes())
    return joined.hexdigest()


def differing(a, b):
    return {name for name in a if a[name] != b[name]}


# --- source tasks -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [other_modality, textures])
@pytest.mark.parametrize("target", MODALITIES)
def test_law_no_source_contains_the_target_modality(make, target):
    data = make(target, count=15, size=32)
    others = tuple(modality for modality in MODALITIES if modality != target)
    assert set(modality_of(data)) == set(others) and target not in data.modality
    assert [modality_of(data).count(modality) for modality in others] == [8, 7]
    assert data.modality == " + ".join(others)
    assert data.title.startswith(f"phantom {others[0]} and {others[1]}: ")
    assert (data.tier, len(data), data.image.shape[1:]) == ("phantom", 15, (1, 32, 32))
    assert "A source task to pre-train on, in place of ImageNet." in data.notes


def test_law_no_patient_of_a_source_stands_in_a_phantom_set(pieces):
    for source in (other_modality("CT", count=24, size=32), pieces, textures(count=24, size=32)):
        split = phantom_split(18, 18, 18, size=32)
        for side in (split.train, split.val, split.test, phantom(12, size=32, split="val")):
            assert not set(source.group.tolist()) & set(side.group.tolist())
    nearest = phantom(2, size=32, modality="MRI", first=3_000_000)  # the check can fail: asked for by number
    assert set(nearest.group.tolist()) & set(pieces.group.tolist())
    assert not set(pieces.group[pieces.label == 0].tolist()) & set(pieces.group[pieces.label == 1].tolist())


def test_hand_lesions_are_the_phantoms_own(lesions):
    assert lesions.classes == ("healthy", "smooth", "spiculated")
    assert lesions.label.bincount().tolist() == [8, 8, 8]
    assert torch.equal(lesions.label > 0, lesions.mask.flatten(1).any(1))
    made = phantom(12, size=32, modality="CT", first=4_000_000)
    assert torch.equal(lesions.image[12:], made.image) and lesions.name[12:] == made.name
    assert torch.equal(lesions.mask[12:], made.mask) and torch.equal(lesions.group[12:], made.group)


def test_hand_pieces_are_the_four_quarters_of_a_phantom(pieces):
    assert pieces.classes == ("MRI", "CT") and pieces.mask is None
    assert pieces.label.tolist() == [0] * 12 + [1] * 12
    whole = phantom(3, size=64, modality="MRI", first=3_000_000)  # of two patients
    corners = [(0, 0), (0, 32), (32, 0), (32, 32)]
    for i in range(12):
        y, x = corners[i % 4]
        assert torch.equal(pieces.image[i], whole.image[i // 4, :, y : y + 32, x : x + 32])
        assert pieces.group[i] == whole.group[i // 4]
        assert pieces.name[i] == f"MRI train {3_000_000 + i // 4} quarter {1 + i % 4}"
    assert textures(count=7, size=32).label.tolist() == [0, 0, 0, 1, 1, 2, 2]  # not whole phantoms


def test_law_same_seed_same_source():
    for make in (other_modality, textures):
        first, again, other = (make("MRI", 8, 32, seed=seed) for seed in (0, 0, 1))
        assert first.sha256() == again.sha256() != other.sha256()
        assert make("MRI", 8, 32, difficulty=1.0).sha256() != first.sha256()


def test_edge_sources():
    for make in (other_modality, textures):
        with pytest.raises(ValueError, match=r"target must be one of .*, got 'mixed'; .* textures\(None\)"):
            make("mixed", size=32)
        with pytest.raises(ValueError, match="count must be 2 or more, one of each scanner, got 1; try 900"):
            make("MRI", count=1, size=32)
        with pytest.raises(ValueError, match="difficulty must lie in"):
            make("MRI", count=2, size=32, difficulty=2.0)
    with pytest.raises(ValueError, match="size must be at least 32 pixels, got 16"):
        textures("MRI", size=16)
    with pytest.raises(ValueError, match="target must be one of"):
        other_modality(None, size=32)


# --- pre-training -----------------------------------------------------------------------------


def test_pretrained_says_what_it_was_trained_on(lesions, pieces):
    found = pretrained_on(lesions)
    assert isinstance(found, PreTrained)
    assert found.source == (
        "phantom MRI and CT: lesions, 24 images (phantom), not ImageNet, not patients"
    )
    assert (found.data, found.settings, found.seed) == (lesions.sha256(), SHORT, 0)
    assert [row["epoch"] for row in found.history] == [1] and found.history[0]["dice"] is not None
    assert pretrained_on(pieces).source.startswith("phantom MRI and CT: textures, 24 images (phantom), not")
    real = dataclasses.replace(lesions, tier="real", title="brain MRI")
    assert pretrained_on(real).source == "brain MRI, 24 images (real), not ImageNet"


@pytest.mark.parametrize("device", DEVICES)
def test_law_same_seed_same_bytes(lesions, device):
    def run(seed):
        model = build(CNN, seed=9).to(device)
        return digest(pretrain(model, lesions.to(device), preprocess, SHORT, seed=seed, progress=None).state)

    first = run(0)
    torch.rand(5)  # what others draw in between does not matter
    assert run(0) == first != run(1)


def test_pretrained_is_a_copy(lesions):
    model = build(CNN, seed=9)
    found = pretrain(model, lesions, preprocess, SHORT, seed=0, progress=None)
    before = digest(found.state)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    assert digest(found.state) == before
    assert all(not tensor.requires_grad for tensor in found.state.values())


def test_what_did_not_learn_is_not_pretrained(lesions, pieces):
    """Without masks nothing teaches the decoder: it is as random as before, and not handed on."""
    with_masks, without = pretrained_on(lesions, Hybrid), pretrained_on(pieces, Hybrid)
    everything = set(build(Hybrid).state_dict())
    assert set(with_masks.state) == everything
    decoder = {name for name in everything if name.startswith(("up_", "merge_", "mask_head"))}
    assert set(without.state) == everything - decoder
    new = start_from(build(Hybrid, seed=1), without).new
    assert {"merge_half.0", "up_quarter.1"} <= set(new)
    assert not {"merge_half.0", "up_quarter.1"} & set(start_from(build(Hybrid, seed=1), with_masks).new)


def test_pretraining_uses_scored_labels_alone(lesions):
    one_wrong = lesions.label.clone()
    one_wrong[5] = (one_wrong[5] + 1) % 3
    wrong = dataclasses.replace(lesions, label=one_wrong)
    scored = torch.arange(24) != 5
    unscored = [dataclasses.replace(data, scored=scored) for data in (lesions, wrong)]
    first, second = (digest(pretrained_on(data).state) for data in unscored)
    assert first == second
    assert digest(pretrained_on(lesions).state) != digest(pretrained_on(wrong).state)


def test_edge_pretrain_wants_the_sources_classes(pieces):
    model = build(CNN, classes=3)
    before = fingerprint(model)
    with pytest.raises(ValueError, match="model must answer the source's 2 classes, got 3; build"):
        pretrain(model, pieces, preprocess, SHORT, seed=0, progress=None)
    assert fingerprint(model) == before


# --- handing over -----------------------------------------------------------------------------


@pytest.mark.parametrize("Model", ENCODERS)
def test_law_taken_frozen_and_tuned(Model, lesions, target):
    """Eq. 5 from end to end: what was frozen is the pre-trained one, byte for byte, after fine-tuning."""
    found, stages = pretrained_on(lesions, Model), ENCODERS[Model]
    model = build(Model, seed=1)
    untouched = fingerprint(model)
    start = start_from(model, found)
    begun = fingerprint(model)
    assert differing(untouched, begun) <= set(start.taken)
    assert {name.split(".")[0] for name in start.taken} >= set(stages)
    assert not any(name.startswith(HEADS) for name in start.taken)
    freeze(model, *stages)
    rows = table_2(model, new=start.new)
    states = {row.layer: (row.pretrained, row.state) for row in rows}
    for layer, state in states.items():
        if layer.split(".")[0] in stages:
            assert state == (True, "frozen")
        else:
            assert state == ((False, "new") if layer in start.new else (True, "tuned"))
    fit(model, *target, SHORT, seed=0, progress=None)
    after = model.state_dict()
    for name, tensor in found.state.items():
        if name.split(".")[0] in stages:
            assert torch.equal(after[name], tensor), name
    changed = {name.split(".")[0] for name in differing(begun, fingerprint(model))}
    assert set(HEADS) <= changed and not set(stages) & changed
    for row in delta_rows(start.taken, after):
        if row.layer in start.new:
            assert math.isnan(row.norm)
        else:
            assert (row.norm == 0) == (row.layer.split(".")[0] in stages), row


def test_without_start_from_it_is_another_model(lesions, target):
    """The control: frozen all the same, but never given the weights («the backbone not loaded at all»)."""
    found, model = pretrained_on(lesions), build(CNN, seed=1)
    freeze(model, "encoder")
    fit(model, *target, SHORT, seed=0, progress=None)
    weights = [name for name in found.state if name.startswith("encoder") and name.endswith("0.weight")]
    assert weights and not any(torch.equal(model.state_dict()[name], found.state[name]) for name in weights)


def test_delta_after_tuning_everything(lesions, target):
    model = build(CNN, seed=1)
    start = start_from(model, pretrained_on(lesions))

    def rows():
        return [row for row in delta_rows(start.taken, model.state_dict()) if row.layer not in start.new]

    assert rows() and all(row.norm == 0 for row in rows())
    fit(model, *target, SHORT, seed=0, progress=None)
    assert all(row.norm > 0 for row in rows())


def test_heads_stay_even_where_they_would_fit(lesions):
    found, model = pretrained_on(lesions), build(CNN, seed=1)
    heads = {name: tensor.clone() for name, tensor in model.state_dict().items() if name.startswith(HEADS)}
    assert all(heads[name].shape == found.state[name].shape for name in heads)
    start = start_from(model, found)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in heads.items())
    assert set(start.new) == {name.rpartition(".")[0] for name in heads}
    with_mask_head = start_from(build(CNN, seed=1), found, heads=("label_head",))
    assert with_mask_head.new == ("label_head.linear",)
    assert start_from(build(CNN, seed=1), found, heads=()).new == ()
    other_classes = start_from(build(CNN, classes=5, seed=1), found, heads=())
    assert other_classes.new == ("label_head.linear",)  # another number of classes never fits


def test_encoders_pass_between_models(lesions):
    found, model = pretrained_on(lesions, CNN), build(Hybrid, seed=1)
    start = start_from(model, found)
    assert {name.split(".")[0] for name in start.taken} == {"encoder"}
    assert all(torch.equal(model.state_dict()[name], found.state[name]) for name in start.taken)
    others = {name for name, _ in model.named_children()} - {"encoder"}
    assert {layer.split(".")[0] for layer in start.new} == others


class Net(nn.Module):
    """A contract as small as can be, with BatchNorm, whose statistics are part of what was learned."""

    def __init__(self, classes, width, bias=True):
        super().__init__()
        self.one, self.norm = nn.Conv2d(1, width, 3, padding=1, bias=bias), nn.BatchNorm2d(width)
        self.label_head, self.mask_head = nn.Linear(width, classes), nn.Conv2d(width, 1, 1)

    def forward(self, image):
        found = self.norm(self.one(image))
        return Prediction(self.label_head(found.mean(dim=(2, 3))), self.mask_head(found))


def test_statistics_are_taken_and_layers_come_whole(lesions):
    found, model = pretrained_on(lesions, Net), build(Net, seed=1)
    start_from(model, found)
    assert model.norm.num_batches_tracked == 3
    assert torch.equal(model.norm.running_mean, found.state["norm.running_mean"])
    start = start_from(build(Net, seed=1, bias=False), found)  # its weight would fit, alone
    assert "one" in start.new and not any(name.startswith("one.") for name in start.taken)


def test_a_model_keeps_its_type_and_place(lesions):
    found, model = pretrained_on(lesions), build(CNN, seed=1).double()
    places = {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    start = start_from(model, found)
    assert places == {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    assert {tensor.dtype for tensor in start.taken.values()} == {torch.float64}
    kept = copy.deepcopy(start.taken)
    nn.init.zeros_(model.middle[0].weight)
    assert all(torch.equal(kept[name], tensor) for name, tensor in start.taken.items())  # copies
    assert not model.middle[0].weight.equal(found.state["middle.0.weight"].double())


@pytest.mark.parametrize("Model, width", [(CNN, 8), (Transformer, 4)], ids=["wider", "another"])
def test_edge_nothing_fits(lesions, Model, width):
    model, found = build(Model, width=width, seed=1), pretrained_on(lesions)
    before = fingerprint(model)
    with pytest.raises(ValueError, match="model must share a layer with the pre-trained one .*, got none of"):
        start_from(model, found)
    assert fingerprint(model) == before


def test_edge_heads_are_parts_of_the_model(lesions):
    model, found = build(CNN, seed=1), pretrained_on(lesions)
    wanted = "heads must be parts of the model, got fc; name its output layers, or () for none, out of enc"
    with pytest.raises(ValueError, match=re.escape(wanted)):
        start_from(model, found, heads=("label_head", "fc"))
