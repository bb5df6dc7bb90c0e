"""MEDKIT_DATA: unset, right, wrong."""

from __future__ import annotations

import pytest

from medkit._check import MedkitInputError
from medkit.data.where import data_root

pytestmark = pytest.mark.filterwarnings("error")


def test_edge_unset_or_empty_means_no_data(monkeypatch):
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    assert data_root() is None
    monkeypatch.setenv("MEDKIT_DATA", "  ")
    assert data_root() is None


def test_edge_a_folder_comes_back_absolute(monkeypatch, tmp_path):
    (tmp_path / "sets").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDKIT_DATA", "sets")
    assert data_root() == (tmp_path / "sets").resolve()


def test_edge_set_but_missing_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDKIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(MedkitInputError, match="nowhere is named by MEDKIT_DATA but is no folder; correct"):
        data_root()
