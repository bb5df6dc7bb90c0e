"""medkit.packages: lists are read, versions compared, half-written packages found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.version import Version

from medkit.packages import Requirement, allows, half_installed, installed, missing, read_list, release

ROOT = Path(__file__).resolve().parent.parent


def put(site: Path, name: str, version: str, record: str | None = "", **files: str) -> Path:
    """Write a package as an installer does; its RECORD is made from `files` unless given, None for none."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(text, encoding="utf-8")
    for path, text in files.items():
        (site / path).write_text(text, encoding="utf-8")
    if record is not None:
        lines = [f"{path},sha256=x,{len(text)}" for path, text in files.items()] + [f"{info.name}/RECORD,,"]
        (info / "RECORD").write_text(record or "\n".join(lines), encoding="utf-8")
    return info


def put_editable(site: Path, url: str) -> None:
    info = put(site, "medkit", "0.1.0")
    origin = {"url": url, "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(origin), encoding="utf-8")


def test_lists_of_this_project_are_read():
    names = [requirement.name for requirement in read_list(ROOT / "requirements.txt")]
    assert names[-1] == "medkit" and read_list(ROOT / "requirements.txt")[-1].editable
    assert {"torch", "torchvision", "jupyterlab", "tqdm"} <= set(names)
    assert {"pytest", "hypothesis"} <= {r.name for r in read_list(ROOT / "tests" / "requirements.txt")}


def test_list_is_read_line_by_line(tmp_path):
    text = "# a\n\ntorch >= 2.11, !=2.13.0  # why\nplain\n-e .\n"
    (tmp_path / "list.txt").write_text(text, encoding="utf-8")
    torch, plain, medkit = read_list(tmp_path / "list.txt")
    assert torch == ("torch", ((">=", "2.11"), ("!=", "2.13.0")), False)
    assert str(torch) == "torch>=2.11,!=2.13.0"
    assert plain == ("plain", (), False) and medkit.editable


@pytest.mark.parametrize("line", ["torch~=2.1", "torch>=", "-r other.txt", "x[extra]>=1", "a>=1;b", "x @ f"])
def test_list_refuses_what_it_can_not_read(tmp_path, line):
    (tmp_path / "list.txt").write_text(f"tqdm>=4\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="list.txt line 2 must be NAME>=VERSION"):
        read_list(tmp_path / "list.txt")


def test_twin_versions_compare_as_in_packaging():
    versions = ["2.9", "2.9.1", "2.11", "2.11.0", "2.13.0", "2.13.1", "3", "10.0.1"]
    for first in versions:
        for second in versions:
            assert (release(first) >= release(second)) == (Version(first) >= Version(second))
    assert release("2.11.0a0+git12") == (2, 11) and release("") == ()


def test_rules_are_all_held():
    torch = Requirement("torch", ((">=", "2.11"), ("!=", "2.13.0"), ("<", "3")))
    allowed = {v for v in ("2.10.9", "2.11.0+cu130", "2.13", "2.13.1", "3.0") if allows(torch, v)}
    assert allowed == {"2.11.0+cu130", "2.13.1"}


def test_missing_names_what_is_absent_and_what_is_too_old(tmp_path):
    put(tmp_path, "scikit-image", "0.25.1")
    put(tmp_path, "torch", "2.9.0")
    wanted = [Requirement("scikit-image", ((">=", "0.24"),)), Requirement("torch", ((">=", "2.11"),))]
    wanted.append(Requirement("tqdm"))
    assert missing(wanted, [str(tmp_path)], tmp_path) == ["torch>=2.11 (found 2.9.0)", "tqdm"]
    assert missing(wanted[:1], [str(tmp_path)], tmp_path) == []


def test_editable_install_must_lead_to_this_folder(tmp_path):
    root, other = tmp_path / "the kit", tmp_path / "another kit"
    root.mkdir()
    line = Requirement("medkit", editable=True)
    put_editable(tmp_path / "site", root.as_uri())
    assert installed(line, [str(tmp_path / "site")], root) == "0.1.0"
    assert installed(line, [str(tmp_path / "site")], other) is None
    put(tmp_path / "plain", "medkit", "0.1.0")  # installed, but not editable
    assert installed(line, [str(tmp_path / "plain")], root) is None


def test_half_installed_packages_are_found(tmp_path):
    put(tmp_path, "whole", "1.0", **{"whole.py": "text"})
    killed = put(tmp_path, "killed", "1.0", record=None, **{"killed.py": "te"})
    cut = put(tmp_path, "cut", "1.0", record="cut.py,sha256=x,4\n", **{"cut.py": "te"})
    gone = put(tmp_path, "gone", "1.0", record="gone.py,sha256=x,4\n")
    empty = put(tmp_path, "empty", "1.0", record="\n")
    compiled = put(tmp_path, "compiled", "1.0", record="__pycache__/a.pyc,,\n")
    assert set(half_installed(tmp_path)) == {killed, cut, gone, empty} and compiled.exists()
    assert half_installed(tmp_path / "no such folder") == []
