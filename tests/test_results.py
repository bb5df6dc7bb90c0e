"""The committed records: whole, alike, and what the tables beside them were made from."""

import json
from pathlib import Path

import pytest
import torch

from medkit import experiment, reproduce, sets, table
from medkit.ablate.studies import ASKED_FOR, STUDIES
from medkit.claims import read_records
from medkit.preparation import Preparation
from medkit.presets import PRESETS
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")
RESULTS = Path(__file__).resolve().parent.parent / "results"
FOLDERS = sorted(path.parent for path in RESULTS.glob("*/linear-seed0.json"))  # comparisons of models
ABLATIONS = sorted(RESULTS.glob("ablation-*"))
WORLDS = ("texture", "mirror")


def runs_in(folder: Path) -> list[dict]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*-seed*.json"))]


def test_there_are_records_of_every_modality_and_of_phantoms():
    names = {folder.name for folder in FOLDERS}
    assert {"mri-class", "us-class", "ct-class", "phantom-quick"} | {f"{world}-quick" for world in WORLDS} <= names


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_records_are_whole_and_of_this_protocol(folder):
    records = read_records([folder])
    assert {record["model"] for record in records} == {*experiment.MODELS, "linear"}
    for record in records:
        assert record["data"]["leaks"] == [] and not record["data"]["leaks_allowed"]
        assert record["left_out"] == list(reproduce.LEFT_OUT)
        preset = PRESETS[record["protocol"]["preset"]]
        assert record["settings"]["epochs"] == preset.settings.epochs and record["data"]["size"] == preset.size
        if record["protocol"]["name"] == "paper":
            assert record["settings"] == json.loads(json.dumps(experiment.settings_of(preset.settings)))


def test_ablations_have_every_arm_with_three_seeds():
    for folder in ABLATIONS:
        records = read_records([folder])
        least = 3 if records[0]["study"] in STUDIES else 1  # no claim is judged by the others
        arms = {arm.name for arm in (STUDIES | ASKED_FOR)[records[0]["study"]].arms}
        seeds = {arm: {run["seed"] for run in records if run["arm"]["name"] == arm} for arm in arms}
        assert {record["arm"]["name"] for record in records} == arms
        assert min(map(len, seeds.values())) >= least, f"{folder.name} lacks seeds"


@pytest.mark.parametrize("folder", [*FOLDERS, *ABLATIONS], ids=lambda folder: folder.name)
def test_no_record_holds_a_path_of_the_machine(folder):
    for path in folder.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert str(Path.home()) + "/" not in text and str(RESULTS.parent) not in text and "/tmp/" not in text


@pytest.mark.slow  # intervals of all tables, anew
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_tables_are_made_from_these_records(folder):
    assert table.render(runs_in(folder)) + "\n" == (folder / "tables.txt").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_a_planted_world_is_what_its_records_saw_and_trains_the_same_again(world):
    """Labels to the last one; images and training within what another processor's rounding may change, whose bits differ."""
    recorded = next(run for run in runs_in(RESULTS / f"{world}-quick") if (run["model"], run["seed"]) == ("CNN", 0))
    loaded = sets.load(world, PRESETS["quick"])
    task = experiment.prepare(loaded.split, Preparation(), torch.device("cpu"), loaded.facts)
    assert {**task.facts, "sha256": None} == {**recorded["data"], "sha256": None}
    again = experiment.run("CNN", task, PRESETS["quick"].settings, 0, progress=None)
    accuracy, before = (run["result"][-1]["accuracy"]["value"] for run in (again, recorded))
    assert accuracy == pytest.approx(before, abs=10)
    other = experiment.run("CNN", task, Settings(epochs=5), 0, progress=None)
    assert other["loss"] != again["loss"][:5]  # without augmentation it is another training
