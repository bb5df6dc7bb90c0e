"""A model and its exported forms: the same answers where they must be, and the loss measured where not."""

import copy
import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_contract import draw, seeded

from medkit import deploy, experiment, presets
from medkit._check import MedkitInputError
from medkit.blocks import Prediction
from medkit.claims.reading import RESULTS
from medkit.deploy import alone, command, export, forms, half, int8, memory, run, show
from medkit.deploy.parity import Parity, compare, parity
from medkit.models import CNN, Hybrid
from medkit.settings import Settings

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)
# torch's exporter and ONNX Runtime's quantiser tell of their own future in warnings that medkit keeps back
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def hybrid():
    """A hybrid with weights as a seed draws them, in all its forms."""
    model = seeded(lambda: Hybrid(classes=3))
    return forms.deployed(model, draw(16, 1, 48, 48, seed=1))


# --- eight bits -------------------------------------------------------------------------------


def test_hand_scale_and_zero_point():
    assert int8.scale_and_zero(-1.0, 1.55) == (0.01, -28)  # 255 steps of 0.01; -1 is -128, so 0 is -28
    assert int8.scale_and_zero(0.0, 2.55) == (0.01, -128)
    assert int8.scale_and_zero(1.0, 2.55) == (0.01, -128)  # widened to hold 0
    assert int8.scale_and_zero(0.0, 0.0) == (1.0, -128)


def test_hand_there_and_back():
    x = torch.tensor([-1.0, -0.004, 0.0, 0.26, 1.55, 3.0])
    n = int8.quantise(x, 0.01, -28)
    assert n.dtype == torch.int8 and n.tolist() == [-128, -28, -28, -2, 127, 127]
    back = int8.dequantise(n, 0.01, -28)
    assert torch.allclose(back, torch.tensor([-1.0, 0.0, 0.0, 0.26, 1.55, 1.55]))


@settings(max_examples=50, deadline=None)
@given(low=st.floats(-50, 0), high=st.floats(0.1, 50), seed=st.integers(0, 99))
def test_twin_pytorchs_own_rounding(low, high, seed):
    scale, zero = int8.scale_and_zero(low, high)
    x = (draw(200, seed=seed) - 0.5) * 150
    ours = int8.dequantise(int8.quantise(x, scale, zero), scale, zero)
    theirs = torch.fake_quantize_per_tensor_affine(x, scale, zero, -128, 127)
    # PyTorch multiplies by 1 / s: at a tie of two neighbours it may take the other one
    assert ((ours - theirs).abs() > 1e-4 * scale).float().mean() < 0.02
    assert (ours - theirs).abs().max() <= 1.001 * scale


@settings(max_examples=50, deadline=None)
@given(low=st.floats(-50, 0), high=st.floats(0.1, 50), seed=st.integers(0, 99))
def test_law_within_the_range_half_a_step_is_the_most_that_is_lost(low, high, seed):
    scale, zero = int8.scale_and_zero(low, high)
    x = low + (high - low) * draw(300, seed=seed)
    back = int8.dequantise(int8.quantise(x, scale, zero), scale, zero)
    # the zero point is rounded: an end of the range may lie half a step outside
    assert (back - x).abs().max() <= scale * 1.0001
    inner = (x > scale * (-128 - zero)) & (x < scale * (127 - zero))
    assert (back - x)[inner].abs().max() <= 0.5001 * scale
    assert float(int8.dequantise(int8.quantise(torch.zeros(1), scale, zero), scale, zero)) == 0.0


@pytest.mark.parametrize("low, high", [(1.0, 0.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_edge_no_range(low, high):
    with pytest.raises(ValueError, match="low and high must be finite"):
        int8.scale_and_zero(low, high)


# --- the same answers -------------------------------------------------------------------------


@pytest.mark.parametrize("name", experiment.MODELS)
def test_twin_exported_models_answer_100_images_of_several_sizes_as_in_pytorch(name):
    model = seeded(lambda: experiment.MODELS[name](classes=3)).eval()
    program, file = forms.Called(export.exported(model).module()), export.OnnxModel(export.to_onnx(model))
    for number, size in enumerate([(32, 32), (64, 64), (40, 96), (128, 128)]):
        image = draw(100 if size[0] < 128 else 20, 1, *size, seed=number)
        for other in (program, file):
            found = parity(model, other, image)
            assert found.same and max(found.label, found.mask) <= 1e-4 and found.classes == 1
    assert file(draw(1, 1, 32, 40)).mask.shape == (1, 1, 32, 40)  # a batch of one


LARGE = ("ResNet-50", "DenseNet-121", "ViT-B/16", "DeepLabV3+")


@pytest.mark.parametrize(
    "name",
    ["ResNet-18", "attention U-Net", *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)],
)
def test_twin_networks_of_the_literature_are_exported_too(name):
    model = seeded(lambda: experiment.BACKBONES[name](classes=3)).eval()
    file = export.OnnxModel(export.to_onnx(model))
    for number, size in enumerate([(32, 32), (64, 64), (40, 72)]):  # 40 is no multiple of 16 or 32
        found = parity(model, file, draw(4, 1, *size, seed=number))
        assert found.same and found.classes == 1


def test_rgb_and_five_classes():
    model = seeded(lambda: CNN(classes=5, channels=3)).eval()
    file = export.OnnxModel(export.to_onnx(model, channels=3), threads=2)
    assert parity(model, file, draw(3, 3, 32, 48)).same


def test_exporting_leaves_the_model_in_its_mode():
    model = seeded(lambda: CNN(classes=2)).train()
    model.encoder.eval()
    export.exported(model)
    assert model.training and not model.encoder.training and model.label_head.training


def test_other_weights_are_found_out(hybrid):
    other = copy.deepcopy(hybrid.model)
    with torch.no_grad():
        other.label_head.linear.bias[1] += 0.001
    found = parity(other, export.OnnxModel(hybrid.onnx), draw(4, 1, 32, 32))
    assert not found.same and found.label == pytest.approx(0.001, abs=1e-5) and found.mask < 1e-4


def answer(label, mask=0.0):
    return Prediction(torch.tensor([[label, 0.0]]), torch.full((1, 1, 2, 2), mask))


def test_hand_parity():
    assert compare(answer(2.0, 1.0), answer(2.5, -1.0)) == Parity(0.5, 2.0, 1.0, 0.0, 2.0, 1)
    assert compare(answer(200.0), answer(200.0 + 0.01)).same  # a share of 5e-5
    assert not compare(answer(0.5), answer(0.5 + 0.01)).same
    assert compare(answer(-1.0), answer(1.0)).classes == 0.0


def test_edge_nan_and_other_shapes_are_not_the_same():
    assert not compare(answer(float("nan")), answer(1.0)).same and not compare(answer(1.0), answer(float("nan"))).same
    with pytest.raises(ValueError, match=r"mask must have one shape in both, got \(1, 1, 2, 2\) and \(1, 1, 4, 4\)"):
        compare(answer(1.0), answer(1.0)._replace(mask=torch.zeros(1, 1, 4, 4)))


def test_edge_sizes_threads_and_files(hybrid):
    file = export.OnnxModel(hybrid.onnx)
    for shape in ((1, 1, 36, 32), (1, 1, 24, 32), (1, 32, 32)):
        with pytest.raises(ValueError, match="divisible by 8"):
            file(torch.zeros(shape))
    with pytest.raises(ValueError, match="threads must be 1 or more, got 0"):
        export.OnnxModel(hybrid.onnx, threads=0)
    with pytest.raises(MedkitInputError, match="can't be run by ONNX Runtime"):
        export.OnnxModel(b"no model")
    with pytest.raises(MedkitInputError, match="nowhere.onnx"):
        export.OnnxModel("nowhere.onnx")
    with pytest.raises(ValueError, match="model must be on the CPU"):
        export.exported(CNN(classes=2).to("meta"))


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MedkitInputError, match="onnxruntime is not installed; install it with `pip install onnx"):
        export.OnnxModel(b"")


# --- fewer bits -------------------------------------------------------------------------------


def test_int8_is_smaller_near_and_really_in_int8(hybrid):
    import onnx

    found = parity(hybrid.model, export.OnnxModel(hybrid.int8), draw(16, 1, 48, 48, seed=2))
    assert 1e-3 < max(found.label, found.mask) < 1.0 and not found.same
    assert len(hybrid.int8) < 0.6 * len(hybrid.onnx)
    kinds = {one.data_type for one in onnx.load_from_string(hybrid.int8).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds


def test_int8_that_was_calibrated_on_black_images_is_far_off(hybrid):
    blind = export.OnnxModel(int8.to_int8(hybrid.onnx, torch.zeros(4, 1, 48, 48)))
    image = draw(8, 1, 48, 48, seed=2)
    good = parity(hybrid.model, export.OnnxModel(hybrid.int8), image)
    assert parity(hybrid.model, blind, image).mask > 3 * good.mask
    with pytest.raises(ValueError, match=r"image must be \(N, C, H, W\)"):
        int8.to_int8(hybrid.onnx, torch.zeros(1, 48, 48))


def test_half_precision_is_near_and_half_as_large(hybrid):
    image = draw(4, 1, 48, 48)
    for dtype, most in zip(half.HALVES, (0.3, 0.03)):
        small = half.InHalf(hybrid.model, dtype)
        assert 0 < parity(hybrid.model, small, image).mask < most
        assert 2 * half.bytes_of(small) == half.bytes_of(hybrid.model) == hybrid.sizes()[forms.EAGER]
    assert next(hybrid.model.parameters()).dtype == torch.float32
    with pytest.raises(ValueError, match="dtype must be torch.bfloat16 or torch.float16, got torch.float64"):
        half.InHalf(hybrid.model, torch.float64)


def test_float64_shows_what_float32_rounds(hybrid):
    found = parity(hybrid.model, hybrid.exact(), draw(4, 1, 48, 48))
    assert 0 < found.mask < 1e-4 and found.same


# --- alone ------------------------------------------------------------------------------------


def test_a_file_runs_without_pytorch_in_less_memory(hybrid, tmp_path):
    found = memory.of_file(hybrid.onnx, 64)
    assert found["torch"] is False
    if found["peak_bytes"] is not None:
        assert 10 * 2**20 < found["peak_bytes"] < memory.of_model("Hybrid", 3, 1, 64)["peak_bytes"]
    (tmp_path / "model.onnx").write_bytes(hybrid.onnx)
    here = alone.run_file(str(tmp_path / "model.onnx"), 32, 1)
    assert here["torch"] is True and here["peak_bytes"] == alone.peak_bytes()


def test_a_child_that_fails_says_why():
    with pytest.raises(MedkitInputError, match="the process failed"):
        memory.of_file(b"no model", 32)


# --- the record -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A run of the command on a few phantoms: its folder, and its records."""
    out = tmp_path_factory.mktemp("deploy")
    preset = dataclasses.replace(presets.PRESETS["quick"], settings=Settings(epochs=5), phantoms=(36, 18, 36), size=32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "quick", preset)
        for name, value in {"TURNS": 3, "REPEATS": 3, "COMPARED": 6, "CALIBRATION": 20, "TIMED": 64}.items():
            patch.setattr(run, name, value)
        arguments = ["--data", "phantom", "--models", "hybrid", "--device", "cpu", "--out", str(out)]
        assert command.main(arguments) == 0
        first = (out / "tables.txt").read_bytes()
        assert command.main(arguments) == 0  # nothing to do: the same records, the same text
        assert (out / "tables.txt").read_bytes() == first
        before = json.loads((out / "hybrid-seed0.json").read_text(encoding="utf-8"))
        assert command.main([*arguments, "--clock-again"]) == 0
    after = json.loads((out / "hybrid-seed0.json").read_text(encoding="utf-8"))
    assert after.pop("clock") != before.pop("clock") and after.pop("machine") and before.pop("machine")
    assert after == before  # all else as it was
    return out, [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*.json"))]


def test_the_command_leaves_records_and_tables(tiny):
    out, records = tiny
    assert [record["model"] for record in records] == ["hybrid"]
    for record in records:
        assert record["kind"] == "deploy" and record["data"]["tier"] == "phantom" and record["epochs"] == 5
        assert set(record["quality"]) == set(deploy.FORMS) == set(record["clock"]["times"]["threads: 2"])
        assert all(len(turns) == 3 for turns in record["clock"]["times"]["threads: 1"].values())
        assert {found["images"] for found in record["parity"]["ONNX Runtime"].values()} == {6}
        assert record["cost"]["size"] == 64 and record["machine"]["versions"]["onnxruntime"]
        assert torch.cuda.is_available() or record["left_out"] == ["CUDA: this machine has no GPU"]
    assert show.failing(records) == []
    text = (out / "tables.txt").read_text(encoding="utf-8")
    for said in ("tier: phantom", "What it weighs", "answer as in PyTorch?", "points", "threads: 1", "seeds: [0]"):
        assert said in text


def test_every_form_in_float32_is_worth_the_same(tiny):
    for record in tiny[1]:
        for form in forms.EQUAL:
            assert show.loss([record], form, "dice").value == pytest.approx(0, abs=1e-3)
            assert record["quality"][form]["pred"] == record["quality"][forms.EAGER]["pred"]


def test_a_loss_of_more_than_a_point_is_said_and_a_smaller_one_is_not(tiny):
    record = copy.deepcopy(tiny[1][0])
    shown = [0.5 if value is not None else None for value in record["quality"][forms.EAGER]["dice_each"]]
    for form in deploy.FORMS:
        record["quality"][form]["dice_each"] = shown
        record["quality"][form]["pred"] = record["quality"][forms.EAGER]["pred"]
    assert show.said_of_losses([record])[0].startswith("No form of any model loses more than a point")
    record["quality"][forms.INT8]["dice_each"] = [None if value is None else value - 0.008 for value in shown]
    assert show.said_of_losses([record])[0].startswith("No form")
    record["quality"][forms.INT8]["dice_each"] = [None if value is None else value - 0.02 for value in shown]
    assert show.said_of_losses([record]) == ["hybrid, ONNX Runtime, int8: loses -2.0 [-2.0, -2.0] points of dice."]


def test_an_exported_model_that_answers_otherwise_is_named(tiny):
    record = copy.deepcopy(tiny[1][0])
    record["parity"]["ONNX Runtime"]["64 x 64"]["relative"] = 0.01
    assert show.failing([record]) == ["hybrid, ONNX Runtime, 64 x 64"]
    assert " no\n" in deploy.render([record])


def test_records_of_another_run_are_not_taken_over(tiny, tmp_path, capsys):
    path = tmp_path / "CNN-seed0.json"
    facts, who = tiny[1][0]["data"], {"preset": "quick", "epochs": 5}
    path.write_text(json.dumps(tiny[1][0]), encoding="utf-8")
    assert command._read(path, facts, who)["model"] == "hybrid"
    with pytest.raises(MedkitInputError, match="of other images or another preset"):
        command._read(path, facts, who | {"epochs": 50})
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(MedkitInputError, match="no record of an exported model"):
        command._read(path, facts, who)
    assert command.main(["--data", "no-such-set", "--out", str(tmp_path)]) == 2
    assert "neither a data set nor a folder" in capsys.readouterr().err


def test_two_sets_make_no_sheet(tiny):
    other = copy.deepcopy(tiny[1][0])
    other["data"]["key"] = "us"
    with pytest.raises(ValueError, match="records must be of one set"):
        show.sheet([tiny[1][0], other])


# --- the record that comes with the kit -------------------------------------------------------


@pytest.fixture(scope="module")
def committed():
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((RESULTS / "deploy-us").glob("*.json"))]


def test_the_record_is_whole(committed):
    assert {(one["model"], one["seed"]) for one in committed} == {(name, seed) for name in run.MODELS for seed in (0, 1, 2)}
    for one in committed:
        assert one["data"]["tier"] == "real" and one["data"]["leaks"] == [] and one["data"]["size"] == 128
        assert list(one["parity"]["ONNX Runtime"]) == [f"{height} x {width}" for height, width in run.SIZES]
        assert {found["images"] for form in one["parity"].values() for found in form.values()} == {run.COMPARED}
        assert {len(turns) for times in one["clock"]["times"].values() for turns in times.values()} == {run.TURNS}
        assert "/tmp/" not in json.dumps(one) and one["memory"]["ONNX Runtime"]["torch"] is False


def test_the_paper_s_four_models_answer_as_exported_and_the_narrow_one_as_float64_lets_it(committed):
    four = [one for one in committed if one["model"] != run.NARROW]
    assert show.failing(four) == []
    for one in committed:
        for size, found in one["parity"]["ONNX Runtime"].items():
            assert found["classes"] == 1 and found["relative"] <= 2 * max(1e-4, one["parity"][forms.EXACT][size]["relative"])


@pytest.mark.slow  # all intervals anew
def test_the_tables_are_made_from_the_records(committed):
    order = {name: place for place, name in enumerate(run.MODELS)}
    text = deploy.render(sorted(committed, key=lambda one: (one["seed"], order[one["model"]])))
    assert text + "\n" == (RESULTS / "deploy-us" / "tables.txt").read_text(encoding="utf-8")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_is_timed_too(hybrid):
    found = run.clock_gpu({"hybrid": hybrid}, draw(1, 1, 64, 64))
    assert len(found["hybrid"]) == 3 and next(hybrid.model.parameters()).device.type == "cpu"
