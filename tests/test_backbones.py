"""Networks of the literature under the contract of our models: `medkit.models.backbones`, `vit`, `deeplab`, `gated`."""

import copy
import dataclasses

import pytest
import torch
from model_contract import SkipContract, draw, eight_images, seeded
from torch import nn
from torchvision import models as networks

from medkit import experiment, transfer
from medkit._check import MedkitInputError
from medkit.ablate import studies
from medkit.blocks import Prediction, parameter_count
from medkit.data.phantom import phantom_split
from medkit.models import UNet, backbones, pretrained
from medkit.models.backbones import DenseNet121, ResNet18, ResNet50
from medkit.models.deeplab import DeepLabV3Plus
from medkit.models.gated import AttentionGate, AttentionUNet
from medkit.models.vit import ViTB16, ViTEncoder
from medkit.preparation import Preparation
from medkit.settings import Settings
from medkit.training import fit, predict

pytestmark = pytest.mark.filterwarnings("error")
KNOWN = {"ResNet-18": ResNet18, "ResNet-50": ResNet50, "DenseNet-121": DenseNet121, "ViT-B/16": ViTB16, "DeepLabV3+": DeepLabV3Plus}
BATCH_NORM = {name: kind for name, kind in KNOWN.items() if kind is not ViTB16}
every_network = pytest.mark.parametrize("kind", KNOWN.values(), ids=KNOWN)
every_batch_norm = pytest.mark.parametrize("kind", BATCH_NORM.values(), ids=BATCH_NORM)


class TestAttentionUNet(SkipContract):
    Model = AttentionUNet


@every_network
@pytest.mark.parametrize("channels", [1, 3])
def test_contract(kind, channels):
    model = seeded(lambda: kind(classes=5, channels=channels)).eval()
    for size in ((32, 32), (40, 72), (64, 64)):
        with torch.no_grad():
            prediction = model(draw(2, channels, *size))
        assert isinstance(prediction, Prediction)
        assert prediction.label.shape == (2, 5) and prediction.mask.shape == (2, 1, *size)


@every_network
def test_look_shows_what_forward_does_and_the_map_that_the_label_is_read_from(kind):
    model, image = seeded(lambda: kind(classes=3)).eval(), draw(2, 1, 64, 64)
    with torch.no_grad():
        look, prediction = model.look(image), model(image)
        assert (look.prediction.label - prediction.label).abs().max() <= 1e-5
        assert (look.prediction.mask - prediction.mask).abs().max() <= 1e-5
        assert (model.label_head(look.features) - prediction.label).abs().max() <= 1e-5
    if kind is ViTB16:
        assert [tuple(weights.shape) for weights in look.weights] == [(2, 12, 16, 16)] * 12
        assert all(0 < weights.sum(-1).max() < 1 for weights in look.weights)  # the class token has the rest
    else:
        assert look.weights == ()


@every_network
def test_edge_wrong_images_and_sizes(kind):
    model = seeded(lambda: kind(classes=2)).eval()
    with pytest.raises(ValueError, match=r"shape \(B, 1, H, W\), got \(2, 3, 32, 32\)"):
        model(draw(2, 3, 32, 32))
    with pytest.raises(ValueError, match=r"divisible by 8, got \(32, 36\)"):
        model(draw(2, 1, 32, 36))
    with pytest.raises(ValueError, match="classes must be 2 or more"):
        kind(classes=1)
    with pytest.raises(ValueError, match="channels must be 1 or 3"):
        kind(classes=2, channels=2)


@every_network
def test_every_parameter_gets_a_gradient_and_in_use_no_image_sees_another(kind):
    model = seeded(lambda: kind(classes=3)).train()
    label, mask = model(draw(2, 1, 64, 64))
    (label.square().sum() + mask.square().mean()).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
    model.eval()
    with torch.no_grad():
        image = draw(3, 1, 64, 64)
        together, alone = model(image), model(image[:1])
    assert (together.mask[:1] - alone.mask).abs().max() <= 1e-3 * together.mask.abs().max()


@every_batch_norm
def test_freezing_the_encoder_holds_weights_and_statistics(kind):
    """`requires_grad_(False)` alone would let BatchNorm's running statistics move."""
    model = seeded(lambda: kind(classes=3))
    transfer.freeze(model, "encoder")
    before = transfer.fingerprint(model.encoder)
    image, label, mask = eight_images()
    fit(model, image[:4], label[:4], mask[:4], Settings(batch_size=4, epochs=1), seed=0, progress=None)
    assert transfer.fingerprint(model.encoder) == before
    assert parameter_count(model) < 0.5 * sum(parameter.numel() for parameter in model.parameters())


def test_resnet_18_overfits_8_images():
    image, label, mask = eight_images()
    model = seeded(lambda: ResNet18(classes=3))
    fit(model, image, label, mask, Settings(batch_size=8, epochs=60), seed=0, progress=None)
    after = predict(model, image)
    assert (after.label.argmax(1) == label).all()
    found = after.mask > 0
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.8


# --- ImageNet's weights -----------------------------------------------------------------------


@pytest.fixture
def weights_at_hand(monkeypatch):
    """ImageNet's weights as this test draws them: where the real ones lie is the reader's affair."""
    drawn = {}

    def network(name, progress=True):
        if name not in drawn:
            drawn[name] = seeded(lambda: networks.get_model(name, weights=None), seed=7)
        return copy.deepcopy(drawn[name]).eval()

    monkeypatch.setattr(backbones, "imagenet_network", network)
    monkeypatch.setattr("medkit.models.deeplab.imagenet_weights", lambda name: network(name).state_dict())
    return network


@every_network
def test_imagenet_weights_arrive_in_the_encoder(kind, weights_at_hand):
    name = {ResNet18: "resnet18", DenseNet121: "densenet121", ViTB16: "vit_b_16"}.get(kind, "resnet50")
    source = {value.flatten()[:50].sum().item() for value in weights_at_hand(name).state_dict().values() if value.dim() > 1}
    model, other = kind(classes=2, channels=3, imagenet=True), seeded(lambda: kind(classes=2, channels=3), seed=1)

    def from_source(network):
        return sum(value.flatten()[:50].sum().item() in source for value in network.encoder.state_dict().values() if value.dim() > 1)

    assert from_source(model) == sum(value.dim() > 1 for value in model.encoder.state_dict().values()) > 15
    assert from_source(other) <= 2  # what is a constant in both
    assert all(part.training for part in model.modules())


def test_a_grey_network_answers_as_the_colour_network_does_for_a_grey_image(weights_at_hand):
    grey, colour = (seeded(lambda c=c: ResNet18(classes=3, channels=c, imagenet=True)).eval() for c in (1, 3))
    image = draw(2, 1, 64, 64)
    with torch.no_grad():
        a, b = grey.encoder(image), colour.encoder(backbones.as_imagenet(image.expand(-1, 3, -1, -1)))
    assert all((x - y).abs().max() <= 1e-3 * y.abs().max() for x, y in zip(a, b))


def test_weights_that_are_not_there_are_one_sentence(monkeypatch, tmp_path):
    def none(name, progress=True):
        raise MedkitInputError(tmp_path / "resnet18.pth", "is not there and can't be downloaded", "put it there")

    monkeypatch.setattr(backbones, "imagenet_network", none)
    with pytest.raises(MedkitInputError, match="is not there and can't be downloaded; put it there"):
        ResNet18(classes=2, imagenet=True)


# --- the parts --------------------------------------------------------------------------------


def test_twin_the_encoders_are_torchvision_s_networks_but_for_the_classifier():
    image = draw(2, 3, 64, 64)
    for kind, name in ((ResNet18, "resnet18"), (DenseNet121, "densenet121")):
        model = seeded(lambda kind=kind: kind(classes=2, channels=3), seed=3).eval()
        whole = seeded(lambda name=name: networks.get_model(name, weights=None), seed=3).eval()
        last = nn.Sequential(*list(whole.children())[:-2]) if kind is ResNet18 else nn.Sequential(whole.features, nn.ReLU())
        with torch.no_grad():
            assert torch.allclose(model.encoder(image)[-1], last(image), atol=1e-5)


def test_twin_vit_at_its_own_size_is_torchvision_s():
    whole = seeded(lambda: networks.vit_b_16(weights=None), seed=3).eval()
    image = draw(1, 3, 224, 224)
    with torch.no_grad():
        tokens = whole._process_input(image)
        theirs = whole.encoder(torch.cat([whole.class_token, tokens], dim=1))[:, 1:]
        ours = ViTEncoder(whole)(image).flatten(2).transpose(1, 2)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_deeplab_has_a_plus():
    """Without what comes from the fine map it is DeepLabV3: change that map, and the mask changes."""
    model, image = seeded(lambda: DeepLabV3Plus(classes=2)).eval(), draw(1, 1, 64, 64)
    with torch.no_grad():
        before = model(image).mask
        shapes = [tuple(part.shape[-2:]) for part in model.encoder(image)]
        model.fine[0].weight.mul_(-1.0)
        assert (model(image).mask - before).abs().max() > 1e-4
    assert shapes == [(32, 32), (16, 16), (8, 8), (4, 4), (4, 4)]  # the last stage dilates, and does not halve


def test_hand_a_gate_lets_through_what_its_score_says():
    gate = AttentionGate(8)
    with torch.no_grad():
        gate.score.weight.zero_()
        gate.score.bias.fill_(0.0)
        skip = draw(1, 8, 4, 4)
        assert torch.allclose(gate(skip, skip), 0.5 * skip)
        gate.score.bias.fill_(-30.0)
        assert gate(skip, skip).abs().max() < 1e-9
        gate.score.bias.fill_(30.0)
        assert torch.allclose(gate(skip, skip), skip)


def test_gates_cost_one_per_cent():
    ours, gated = (parameter_count(seeded(lambda kind=kind: kind(classes=3))) for kind in (UNet, AttentionUNet))
    assert ours < gated < 1.02 * ours


# --- in the experiment ------------------------------------------------------------------------


def test_every_network_is_an_arm_and_none_is_run_unasked():
    arms = {arm.model for study in studies.ASKED_FOR.values() for arm in study.arms}
    assert arms - {"hybrid"} == set(experiment.BACKBONES) and not set(studies.ASKED_FOR) & set(studies.STUDIES)
    assert not any("/" in arm.name or " ," in arm.name for study in studies.ASKED_FOR.values() for arm in study.arms)


def test_a_short_run_gives_a_record_as_our_own_models_do():
    task = experiment.prepare(phantom_split(24, 12, 12, size=32, seed=0), Preparation(), torch.device("cpu"))
    settings = dataclasses.replace(Settings(), epochs=5, batch_size=12)
    found = experiment.run("ResNet-18", task, settings, 0, progress=None, timed=False)
    assert found["model"] == "ResNet-18" and len(found["result"]) == 5 and found["parameters"] > 11_000_000
    assert len(found["result"][-1]["dice_each"]) == 12


def test_pretrained_names_are_those_of_the_networks():
    assert set(pretrained.WEIGHTS) == {"resnet18", "resnet50", "densenet121", "vit_b_16"}
