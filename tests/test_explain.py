"""Maps of what a model went by: equal to Captum's, caught when they look aside, changed by other weights."""

import dataclasses
import json
from collections import namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_contract import draw, seeded
from PIL import Image
from torch import nn

from medkit import presets
from medkit._check import MedkitInputError
from medkit.blocks import Look, Prediction
from medkit.claims.explained import interpretable
from medkit.claims.trials import gather
from medkit.claims.verdict import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED
from medkit.explain import command, maps, measures, run, sanity, show
from medkit.models import CNN, Hybrid, Transformer, UNet
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")
SIDE, CELL = 64, 8


class Planted(nn.Module):
    """Says "ill" where one place of the image is bright: a corner, or, with no place given, anywhere."""

    def __init__(self, corner: bool):
        super().__init__()
        self.corner = corner

    def look(self, image):
        cells = nn.functional.avg_pool2d(image, CELL)
        if self.corner:
            where = torch.zeros_like(cells)
            where[..., 0, 0] = 1
            cells = (cells + 0.1) * where  # goes by that place alone
        label = cells.mean((1, 2, 3))
        return Look(Prediction(torch.stack([-label, label], 1), image), cells, ())

    def forward(self, image):
        return self.look(image).prediction


@pytest.fixture(scope="module")
def lesions():
    """Images with one bright square on a faint background, away from the first corner; and its mask."""
    image, mask = 0.05 * draw(20, 1, SIDE, SIDE, seed=3).abs(), torch.zeros(20, SIDE, SIDE, dtype=torch.bool)
    for i, (y, x) in enumerate(torch.randint(2, 6, (20, 2), generator=torch.Generator().manual_seed(0)) * CELL):
        mask[i, y : y + 2 * CELL, x : x + 2 * CELL] = True
        image[i, 0][mask[i]] += 1
    return image, mask


# --- maps -------------------------------------------------------------------------------------


@pytest.mark.parametrize("build, layer", [(CNN, "middle"), (Hybrid, "attention"), (UNet, None)])
def test_twin_raw_grad_cam_is_captums(build, layer):
    attr = pytest.importorskip("captum.attr")
    model = seeded(lambda: build(classes=3)).eval()
    layer = getattr(model, layer) if layer else last_below(model)
    Label = namedtuple("Label", "label")

    class Only(nn.Module):
        def forward(self, x):
            return Label(model(x).label).label

    image, target = draw(6, 1, 48, 64, seed=1), torch.tensor([0, 1, 2, 0, 1, 2])
    theirs = attr.LayerGradCam(Only(), layer).attribute(image, target=target, relu_attributions=False)[:, 0]
    ours = maps.raw_grad_cam(model, image, target)
    assert (ours - theirs).abs().max() <= 1e-5 * max(1, theirs.abs().max()) and ours.std() > 0
    assert not torch.allclose(maps.raw_grad_cam(model, image, target.roll(1)), theirs, atol=1e-5)  # can fail


def last_below(model):
    """Return the module of a U-Net whose output is `look(image).features`."""
    found, image = [], draw(1, 1, 32, 32, seed=0)
    hooks = [m.register_forward_hook(lambda m, i, o: found.append((m, o))) for m in model.modules() if m is not model]
    features = model.look(image).features
    [hook.remove() for hook in hooks]
    same = [m for m, out in found if isinstance(out, torch.Tensor) and out.shape == features.shape and out.equal(features)]
    return same[-1]


def test_hand_occlusion_finds_the_only_place_that_counts(lesions):
    image = lesions[0].clone()
    image[:, :, :CELL, :CELL] += 2
    shown = maps.occlusion(Planted(corner=True), image, torch.ones(20, dtype=torch.int64), patch=8, stride=8)
    assert (shown[:, :8, :8] > 0).all() and shown[:, 8:].abs().max() == 0 == shown[:, :, 8:].abs().max()


def test_hand_rollout_of_two_layers():
    first, second = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    look = Look(None, torch.zeros(1, 1, 1, 2), (first[None, None], second[None, None]))
    model = nn.Module()
    model.look = lambda image: look
    # (1 + A2)/2 · (1 + A1)/2 = [[.5, .5], [0, 1]] · [[1, 0], [.5, .5]] = [[.75, .25], [.5, .5]]
    assert maps.attention_rollout(model, torch.zeros(1, 1, 1, 2)).flatten().tolist() == [0.625, 0.375]
    assert maps.attention_map(model, torch.zeros(1, 1, 1, 2)).flatten().tolist() == [0, 1]


def test_law_attention_is_shared_out_wholly():
    model, image = seeded(lambda: Transformer(classes=2)), draw(3, 1, 32, 48, seed=0)
    for method in (maps.attention_map, maps.attention_rollout):
        assert method(model, image).mean((1, 2)).tolist() == pytest.approx([1 / 24] * 3, rel=1e-2)


def test_edge_of_maps():
    model, image = seeded(lambda: CNN(classes=2)), draw(2, 1, 32, 32, seed=0)
    with pytest.raises(ValueError, match="must have attention"):
        maps.attention_map(model, image)
    with pytest.raises(ValueError, match=r"target must be \(2,\) int64"):
        maps.grad_cam(model, image, torch.tensor([0]))
    for patch, stride in ((64, 8), (8, 9), (8, 0)):
        with pytest.raises(ValueError, match="patch must be"):
            maps.occlusion(model, image, torch.tensor([0, 1]), patch, stride)
    model.requires_grad_(False)  # a frozen model can be explained, and the image stays as it was
    assert maps.grad_cam(model, image, torch.tensor([0, 1])).shape == image[:, 0].shape and not image.requires_grad


# --- measures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [maps.grad_cam, maps.occlusion])
def test_a_planted_classifier_that_looks_at_a_corner_is_caught(lesions, method):
    image, mask = lesions
    target, chance = torch.ones(20, dtype=torch.int64), measures.area(mask).mean()
    marked = image.clone()
    marked[:, :, :CELL, :CELL] += 2  # such as a ruler or a letter at the border
    shown = method(Planted(corner=True), marked, target)
    assert measures.pointing_game(shown, mask).mean() == 0 and measures.mass_inside(shown, mask).mean() < chance
    shown = method(Planted(corner=False), image, target)  # the control: one that looks at the lesion passes
    assert measures.pointing_game(shown, mask).mean() > 0.9
    assert measures.mass_inside(shown, mask).mean() > 3 * chance


@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 100))
@settings(max_examples=30, deadline=None)
def test_law_measures_know_no_scale_and_add_up(seed, scale):
    saliency = draw(2, 1, 8, 8, seed=seed)[:, 0]
    mask = draw(2, 1, 8, 8, seed=seed + 1)[:, 0] > 0.5
    for measure in (measures.mass_inside, measures.pointing_game):
        inside = measure(saliency, mask)
        assert torch.allclose(inside, measure(saliency * scale, mask), atol=1e-5)
        assert torch.allclose(inside + measure(saliency, ~mask), torch.ones(2), atol=1e-5)


def test_edge_of_measures():
    mask = torch.zeros(2, 4, 4, dtype=torch.bool)
    mask[0, :2, :2] = True
    for flat in (torch.zeros(2, 4, 4), torch.ones(2, 4, 4)):  # both say nothing: chance
        for measure in (measures.mass_inside, measures.pointing_game):
            inside = measure(flat, mask)
            assert inside[0] == measures.area(mask)[0] == 0.25 and inside[1].isnan()
    with pytest.raises(ValueError, match="as large as mask"):
        measures.mass_inside(torch.zeros(2, 2, 2), mask)
    with pytest.raises(ValueError, match="finite"):
        measures.pointing_game(torch.full((2, 4, 4), torch.nan), mask)


def test_deletion_and_insertion_tell_a_faithful_map(lesions):
    image, mask = lesions
    model, target = Planted(corner=True), torch.ones(20, dtype=torch.int64)
    image = image.clone()
    image[:, :, :CELL, :CELL] += 500
    right, wrong = torch.zeros(2, 20, SIDE, SIDE)
    right[:, :CELL, :CELL] = 1
    wrong[:, -CELL:, -CELL:] = 1
    areas = [[measures.area_under(m(model, image, target, s, seed=0)).mean() for s in (right, wrong)] for m in (measures.deletion, measures.insertion)]
    assert areas[0][0] < areas[0][1] and areas[1][0] > areas[1][1]
    curve = measures.deletion(model, image, target, right, seed=0)
    assert curve.shape == (20, measures.STEPS + 1)
    assert torch.allclose(curve[:, 0], model(image).label.softmax(1)[:, 1])
    assert torch.allclose(curve[:, -1], measures.insertion(model, image, target, wrong, seed=0)[:, 0])


# --- sanity -----------------------------------------------------------------------------------


def test_twin_similarity_is_spearman():
    stats = pytest.importorskip("scipy.stats")
    a, b = (draw(5, 1, 6, 6, seed=s)[:, 0].mul(3).round() for s in (0, 1))  # with ties
    wanted = [stats.spearmanr(x.flatten(), y.flatten()).statistic for x, y in zip(a, b)]
    assert sanity.similarity(a, b).tolist() == pytest.approx(wanted, abs=1e-5)
    assert sanity.similarity(a, torch.ones_like(a)).isnan().all()
    with pytest.raises(ValueError, match="one shape"):
        sanity.similarity(a, b[:1])


@pytest.mark.parametrize("build", [CNN, UNet, Transformer, Hybrid])
def test_random_weights_change_the_map(build):
    model, fresh = (seeded(lambda: build(classes=2), seed) for seed in (0, 1))
    image, target = draw(4, 1, 32, 32, seed=2), torch.tensor([0, 1, 0, 1])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    whole = maps.raw_grad_cam(model, image, target)
    states = list(sanity.cascade(model, fresh, image))
    assert states[0][0] == "label_head" and not any("mask" in name for name, _ in states)
    last = maps.raw_grad_cam(states[-1][1], image, target)
    assert torch.allclose(last, maps.raw_grad_cam(fresh, image, target), atol=1e-6)  # nothing of the model is left
    assert sanity.similarity(whole, last).mean() < 0.7
    assert sanity.similarity(whole, maps.raw_grad_cam(model, image, target)).mean() == pytest.approx(1)  # the control
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())


# --- the record -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A run of the command on a few phantoms: its folder, and its records."""
    out = tmp_path_factory.mktemp("explain")
    preset = dataclasses.replace(presets.PRESETS["quick"], settings=Settings(epochs=5), phantoms=(36, 18, 36), size=32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "quick", preset)
        arguments = ["--data", "phantom", "--models", "hybrid", "CNN", "--device", "cpu", "--out", str(out)]
        assert command.main(arguments) == 0
        first = (out / "tables.txt").read_bytes()
        assert command.main(arguments) == 0  # nothing to do: the same records, the same text
        assert (out / "tables.txt").read_bytes() == first
    return out, [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*.json"))]


def test_the_command_leaves_records_and_tables(tiny):
    out, (cnn, hybrid) = tiny
    assert set(cnn["methods"]) == {"Grad-CAM", "occlusion", run.CENTRE, run.LOT}
    assert set(hybrid["methods"]) == set(cnn["methods"]) | set(run.NEED_ATTENTION)
    assert hybrid["kind"] == "explain" and len(hybrid["area"]) == len(hybrid["group"]) == len(hybrid["methods"]["attention"]["mass"])
    assert set(hybrid["methods"]["attention"]["similarity"]) == {"label_head", "attention", "encoder"}
    text = (out / "tables.txt").read_text(encoding="utf-8")
    for said in ("tier: phantom", "Inside the lesion", "less centre", "by lot", "Untrained weights"):
        assert said in text
    with pytest.raises(ValueError, match="one set"):
        show.sheet([])
    with pytest.raises(MedkitInputError, match="other images"):
        command._read(out / "CNN-seed0.json", hybrid["data"], {"preset": "quick", "epochs": 6})
    (out / "CNN-seed0.json").write_text("{}", encoding="utf-8")
    with pytest.raises(MedkitInputError, match="no record"):
        command._read(out / "CNN-seed0.json", hybrid["data"], {"preset": "quick", "epochs": 5})


def refused(folder, monkeypatch, capsys):
    """Return what the command says of a folder that it must refuse before any training, leaving nothing behind."""
    monkeypatch.setattr(run, "train", lambda *arguments: pytest.fail("it began to train"))
    out = folder.parent / "out"
    assert command.main(["--data", str(folder), "--size", "32", "--device", "cpu", "--out", str(out)]) == 2 and not out.exists()
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"medkit: {folder.name} has no ") and said.endswith("or take phantom, us or mri")
    return said


def drawn(path, seed, marked=None):
    """Write a picture of noise, or where `marked` is given a mask with a square or without."""
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32), dtype=np.uint8)
    if marked is not None:
        pixels[:] = 0
        pixels[8:16, 8 + seed % 8 : 20] = 255 * marked
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_a_set_without_masks_is_refused_before_training(tmp_path, monkeypatch, capsys):
    for seed in range(24):
        drawn(tmp_path / "mine" / ("ill" if seed % 2 else "well") / f"{seed}.png", seed)
    assert "has no masks" in refused(tmp_path / "mine", monkeypatch, capsys)


def test_a_set_whose_labels_are_not_scored_is_refused_before_training(tmp_path, monkeypatch, capsys):
    for seed in range(24):
        drawn(tmp_path / "mine" / "images" / f"{seed}.png", seed)
        drawn(tmp_path / "mine" / "masks" / f"{seed}.png", seed, marked=True)
    assert "has no label to learn" in refused(tmp_path / "mine", monkeypatch, capsys)


def test_a_set_without_a_lesion_among_the_tested_is_refused_before_training(tmp_path, monkeypatch, capsys):
    for side, marks in (("train", (True, False)), ("val", (True, False)), ("test", (False,))):
        for seed in range(12):
            name = f"{side}{seed}.png"
            drawn(tmp_path / "mine" / side / "images" / name, 100 * len(side) + 50 * (side == "test") + seed)
            drawn(tmp_path / "mine" / side / "masks" / name, seed, marked=marks[seed % len(marks)])
    assert "no test image with a lesion" in refused(tmp_path / "mine", monkeypatch, capsys)


def explained(inside=0.5, alike=0.1, unit="patient", seeds=3, tier="real", pointing=0.9):
    """Return records of a hybrid whose maps have so much of their mass in the lesion."""
    n = 60
    jitter = [0.01 * (i % 5) for i in range(n)]
    part = {"mass": [inside + j for j in jitter], "pointing": [pointing + j for j in jitter]}
    maps_of = {"similarity": {"encoder": [alike + j for j in jitter]}, **part}
    centre = {"mass": [0.2] * n, "pointing": [0.3] * n}
    return [
        {"kind": "explain", "model": "hybrid", "seed": seed, "unit": unit, "group": list(range(n)), "area": [0.1] * n,
         "data": {"tier": tier, "key": "us", "size": 64}, "file": f"results/x/hybrid-seed{seed}.json",
         "methods": {"attention": maps_of, "Grad-CAM": maps_of, "centre prior": centre}}
        for seed in range(seeds)
    ]  # fmt: skip


@pytest.mark.parametrize("change, wanted", [
    ({}, REPRODUCED),
    ({"inside": 0.05}, NOT_REPRODUCED),
    ({"inside": 0.15}, NOT_REPRODUCED),  # above chance, below the centre
    ({"pointing": 0.2}, NOT_REPRODUCED),
    ({"alike": 0.8}, NOT_REPRODUCED),
    ({"alike": 0.48}, INCONCLUSIVE),
    ({"unit": "duplicate group"}, INCONCLUSIVE),
    ({"unit": "duplicate group", "inside": 0.05}, INCONCLUSIVE),
    ({"seeds": 1}, INCONCLUSIVE),
    ({"tier": "phantom"}, None),
])  # fmt: skip
def test_k15_asks_for_more_than_chance_and_centre(change, wanted):
    found = interpretable(gather([], explained(**change)))
    assert found.verdict == wanted and bool(found.real) == (change.get("tier") != "phantom")
    assert bool(found.phantom) == (change.get("tier") == "phantom")


def test_k15_without_records_says_what_to_run():
    assert "medkit explain" in interpretable(gather([], [])).why
