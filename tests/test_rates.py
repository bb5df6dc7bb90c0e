"""The learning-rate check: on validation images, once, the same for every model."""

import dataclasses
import json

import pytest
import torch

from medkit import experiment, rates
from medkit._check import MedkitInputError
from medkit.data.container import Split
from medkit.data.phantom import phantom_split
from medkit.preparation import Preparation
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")
SETTINGS = Settings(epochs=5, cosine=True)


@pytest.fixture(scope="module")
def split():
    return phantom_split(36, 18, 36, size=32, modality="MRI")


def task(split):
    return experiment.prepare(split, Preparation(), torch.device("cpu"))


def check(split, path, models=("CNN", "hybrid")):
    return rates.check(task(split), SETTINGS, list(models), path, progress=None)


def test_every_model_gets_the_same_rates_and_the_best_in_validation(split, tmp_path):
    images = task(split)
    found = rates.check(images, SETTINGS, ["CNN", "hybrid"], tmp_path / "rates.json", progress=None)
    assert images.test.log == []  # the test stays closed
    for name, losses in found["loss"].items():
        assert list(losses) == [str(rate) for rate in rates.RATES] and len(set(losses.values())) == 3
        assert losses[str(found["chosen"][name])] == min(losses.values())
    assert rates.chosen(images, SETTINGS, ["hybrid"], tmp_path / "rates.json") == {"hybrid": found["chosen"]["hybrid"]}


def test_what_is_there_is_not_trained_again(split, tmp_path, monkeypatch):
    path = tmp_path / "rates.json"
    first = check(split, path, ["CNN"])
    monkeypatch.setattr(rates, "fit", None)  # would raise
    assert check(split, path, ["CNN"]) == first
    monkeypatch.undo()
    assert check(split, path)["loss"]["CNN"] == first["loss"]["CNN"]


def test_test_images_decide_nothing(split, tmp_path):
    noise = torch.rand(split.test.image.shape, generator=torch.Generator().manual_seed(5))
    garbage = Split(split.train, split.val, dataclasses.replace(split.test, image=noise))
    true, changed = check(split, tmp_path / "a.json", ["CNN"]), check(garbage, tmp_path / "b.json", ["CNN"])
    assert (true["loss"], true["chosen"]) == (changed["loss"], changed["chosen"])


def test_a_rate_that_explodes_is_never_chosen(split, tmp_path, monkeypatch):
    monkeypatch.setattr(rates, "validation_loss", lambda model, task, settings: losses.pop(0))
    losses = [2.0, float("inf"), 3.0]
    assert check(split, tmp_path / "rates.json", ["CNN"])["chosen"] == {"CNN": 3e-4}


def test_edge_missing_foreign_and_incomplete_records(split, tmp_path):
    path = tmp_path / "rates.json"
    with pytest.raises(MedkitInputError, match="rates.json is missing; run the same command with --rates first"):
        rates.chosen(task(split), SETTINGS, ["CNN"], path)
    check(split, path, ["CNN"])
    with pytest.raises(MedkitInputError, match="rates.json lacks hybrid; run the same command with --rates"):
        rates.chosen(task(split), SETTINGS, ["CNN", "hybrid"], path)
    with pytest.raises(MedkitInputError, match="is a check of other images or settings"):
        rates.chosen(task(split), dataclasses.replace(SETTINGS, epochs=6), ["CNN"], path)
    for text in ("{", "[]", json.dumps({"settings": {}})):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(MedkitInputError, match="no record of a learning-rate check"):
            rates.chosen(task(split), SETTINGS, ["CNN"], path)
