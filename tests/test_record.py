"""Records are written whole or not at all."""

import errno
import json
import os

import pytest
import torch

from medkit import record
from medkit._check import MedkitInputError

pytestmark = pytest.mark.filterwarnings("error")


def test_saved_record_comes_back_and_nan_becomes_null(tmp_path):
    path = tmp_path / "run.json"
    record.save({"a": [1, float("nan")], "b": {"c": float("inf")}, "ü": "½"}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, None], "b": {"c": None}, "ü": "½"}
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_disk_full_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, broken):
    path = tmp_path / "run.json"
    record.save({"old": 1}, path)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, broken, full)
    with pytest.raises(MedkitInputError, match=r"run.json could not be saved \(No space left.*--out"):
        record.save({"new": 2}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_unwritable_place_is_found_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MedkitInputError, match="run.json can't be written .*--out"):
        record.check_writable(tmp_path / "file" / "run.json")
    record.check_writable(tmp_path / "new" / "run.json")
    assert not (tmp_path / "new").exists()


def test_machine_names_what_numbers_depend_on():
    found = record.machine(torch.device("cpu"))
    assert found["threads"] == torch.get_num_threads()
    assert found["versions"]["torch"] == torch.__version__ and found["gpu"] is None
