"""Maps and what they are worth: Captum's Grad-CAM, planted classifiers, and weights drawn anew."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_contract import draw, seeded
from torch import nn

from medkit.blocks import Look, Prediction
from medkit.explain import maps, measures, sanity
from medkit.models import CNN, Hybrid, Transformer, UNet


class Planted(nn.Module):
    """A classifier that sees one place only: its features are the image's patches there, and zero elsewhere."""

    def __init__(self, place):
        super().__init__()
        self.place = place

    def look(self, image):
        features = nn.functional.avg_pool2d(image * self.place, 8)
        logit = features.mean(dim=(1, 2, 3))
        return Look(Prediction(torch.stack([-logit, logit], 1), image), features, ())

    def score(self, image):
        return self.look(image).prediction.label[:, 1]


@pytest.fixture
def lesions():
    """Eight dark images with a bright lesion inside, and a mark burned into the corner at the top left."""
    image, mask = draw(8, 1, 64, 64, seed=3) * 0.1, torch.zeros(8, 64, 64, dtype=torch.bool)
    for i in range(8):
        mask[i, 24 : 24 + 16, 16 + 3 * i : 32 + 3 * i] = True
    image[..., :8, :8] = 1
    return image + mask[:, None] * 1.0, mask


def explained(model, image):
    label = torch.ones(len(image), dtype=torch.long)
    look = model.look(image.clone().requires_grad_(True))
    return {
        "grad_cam": maps.enlarge(maps.grad_cam(look, label), 64, 64),
        "occlusion": maps.enlarge(maps.occlusion(model.score, image), 64, 64),
    }


def test_law_a_classifier_that_looks_at_a_corner_is_caught(lesions):
    image, mask = lesions
    corner = torch.zeros(1, 1, 64, 64)
    corner[..., :8, :8] = 1
    for name, found in explained(Planted(corner), image).items():
        assert measures.pointing(found, mask).max() == 0, name
        assert (measures.mass_inside(found, mask) < measures.chance(mask)).all(), name


def test_law_a_classifier_that_looks_at_the_lesion_passes(lesions):
    image, mask = lesions
    for name, found in explained(Planted(mask[:, None].float()), image).items():
        assert measures.pointing(found, mask).min() == 1, name
        assert (measures.mass_inside(found, mask) > 4 * measures.chance(mask)).all(), name


@pytest.mark.parametrize(
    "build, layer",
    [(CNN, "middle"), (UNet, "encoder.stages.2"), (Hybrid, "attention")],
)
def test_twin_captums_layer_grad_cam(build, layer):
    attribution = pytest.importorskip("captum.attr")
    model, image = seeded(lambda: build(classes=3)).eval(), draw(5, 1, 64, 48, seed=1)
    label = torch.tensor([0, 1, 2, 1, 0])
    ours = maps.grad_cam(model.look(image), label)
    theirs = attribution.LayerGradCam(lambda x: model(x).label, model.get_submodule(layer)).attribute(image, label)
    assert torch.allclose(ours, theirs[:, 0], atol=1e-5, rtol=0) and ours.abs().max() > 1e-3


@pytest.mark.parametrize(
    "build, parts",
    [
        (CNN, ("label_head", "middle", "encoder.stages.2", "encoder.stages.1", "encoder.stages.0")),
        (Hybrid, ("label_head", "attention", "encoder.stages.2", "encoder.stages.1", "encoder.stages.0")),
    ],
)
def test_law_random_weights_change_the_map(build, parts):
    model, image = seeded(lambda: build(classes=3)).eval(), draw(6, 1, 64, 64, seed=2)
    label = torch.zeros(6, dtype=torch.long)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = sanity.similarities(model, parts, lambda m: maps.grad_cam(m.look(image), label), seed=5)
    assert tuple(found) == parts and found[parts[-1]].abs().mean() < 0.7
    still = sanity.similarities(model, parts, lambda m: maps.centre(8, 8).expand(6, 8, 8), seed=5)
    assert all((value > 0.999).all() for value in still.values())  # a map that ignores the model is found out
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_law_rollout_sums_to_one_and_keeps_the_residual():
    look = seeded(lambda: Transformer(classes=2)).eval().look(draw(2, 1, 32, 48, seed=4))
    assert torch.allclose(maps.rollout(look.weights).sum(1), torch.ones(2), atol=1e-5)
    nobody = torch.zeros(1, 2, 3, 3)
    assert torch.allclose(maps.rollout((nobody,)), torch.full((1, 3), 1 / 6))  # what passes by is left


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), cut=st.floats(0.1, 0.9))
def test_law_a_flat_map_is_at_chance(seed, cut):
    mask = draw(3, 8, 8, seed=seed) > cut
    flat, expected = torch.ones(3, 8, 8), measures.chance(mask)
    for measure in (measures.mass_inside, measures.pointing):
        assert torch.allclose(measure(flat, mask), expected, equal_nan=True)


def test_twin_spearman_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    one, other = (draw(4, 6, 6, seed=7) * 5).round(), (draw(4, 6, 6, seed=8) * 5).round()
    theirs = [stats.spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(one, other)]
    assert torch.allclose(measures.similarity(one, other), torch.tensor(theirs).float(), atol=1e-5)


def test_law_the_right_order_deletes_sooner_and_inserts_sooner(lesions):
    image, mask = lesions
    score = Planted(mask[:, None].float()).score
    good, bad = mask.float(), -mask.float()
    for curve, sign in ((measures.deletion, 1), (measures.insertion, -1)):
        areas = [measures.area(curve(score, image, found)) for found in (good, bad)]
        assert (sign * (areas[1] - areas[0]) > 0).all()
    whole = measures.deletion(score, image, good)
    assert torch.equal(whole[:, 0], score(image))


def test_edge_nothing_to_measure():
    empty, some = torch.zeros(1, 4, 4, dtype=torch.bool), torch.ones(1, 4, 4, dtype=torch.bool)
    assert measures.mass_inside(torch.ones(1, 4, 4), empty).isnan().all()
    assert measures.mass_inside(-torch.ones(1, 4, 4), some).isnan().all()
    assert measures.pointing(torch.ones(1, 4, 4), empty).isnan().all() and measures.chance(empty).isnan().all()
    with pytest.raises(ValueError, match="one attention layer"):
        maps.rollout(())
    with pytest.raises(ValueError, match="must divide"):
        maps.occlusion(lambda x: x.mean((1, 2, 3)), torch.ones(1, 1, 30, 30))
    with pytest.raises(ValueError, match="must be"):
        measures.pointing(torch.ones(1, 2, 2), some)
