"""What long commands share: one sentence and an exit code for each way to end."""

import argparse
import errno
import importlib
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
import torch

from medkit import _command
from medkit.__main__ import EXPERIMENTS
from medkit._check import MedkitInputError
from medkit._interrupt import Interrupted

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("error, code, said", [
    (MedkitInputError("a.png", "is no image", "export it again"), 2, "medkit: a.png is no image; export it again"),
    (FloatingPointError("loss is NaN"), 2, "medkit: loss is NaN"),
    (Interrupted("stopped in epoch 3"), 130, "stopped in epoch 3; start the same command again"),
])  # fmt: skip
def test_what_a_user_can_cause_is_one_sentence(error, code, said, capsys):
    def work():
        raise error

    assert _command.run(work) == code
    assert said in capsys.readouterr().err
    assert _command.run(lambda: 5) == 0


def test_what_is_a_mistake_of_ours_is_not_hidden():
    def work():
        raise OSError(errno.EIO, "unforeseen")

    with pytest.raises(OSError, match="unforeseen"):
        _command.run(work)


def test_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _command.device_named(None) == _command.device_named("cpu") == torch.device("cpu")
    with pytest.raises(MedkitInputError, match="--device cuda needs a CUDA GPU.*leave --device out"):
        _command.device_named("cuda")


COMMANDS = {  # those that take a path, and with which arguments; X stands for it
    "check": (["X"], ["a", "--html", "X"]),
    "reproduce": (["--data", "X"], ["--out", "X"]),
    "ablate": (["--data", "X"], ["--out", "X"]),
    "multiverse": (["--out", "X"],),
    "anomaly": (["--out", "X"],),
    "deploy": (["--data", "X"], ["--out", "X"]),
    "explain": (["--data", "X"], ["--out", "X"]),
    "synthesise": (["--data", "X"], ["--out", "X"]),
    "shift": (["--data", "X", "mri"], ["--out", "X"]),
    "claims": (["--results", "X"],),
    "teach": (["hand-out", "X"], ["hand-out", "a", "--students", "X"], ["solve", "X"], ["grade", "X", "--out", "a"], ["grade", "a", "--out", "X"], ["site", "X"]),
    "fetch": (["busi", "--to", "X"],),
    "prepare": (["us", "X"], ["us", "a", "--out", "X"]),
}  # fmt: skip
CASES = [(name, arguments) for name, several in COMMANDS.items() for arguments in several]


@pytest.mark.parametrize("name, arguments", CASES, ids=lambda one: one if isinstance(one, str) else " ".join(one))
def test_an_empty_path_is_an_error_and_not_the_folder_one_is_in(name, arguments, monkeypatch, capsys):
    monkeypatch.setattr(_command, "run", lambda work: pytest.fail("it began to work"))
    for empty in ("", "  "):
        with pytest.raises(SystemExit) as caught:
            importlib.import_module(f"medkit.{name}").main([empty if word == "X" else word for word in arguments])
        said = capsys.readouterr().err
        assert caught.value.code == 2 and "must name something, got an empty text" in said


@pytest.mark.parametrize("name, arguments", CASES, ids=lambda one: one if isinstance(one, str) else " ".join(one))
def test_a_tilde_is_the_user_s_own_folder(name, arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    module, seen = importlib.import_module(f"medkit.{name}"), []
    parse = argparse.ArgumentParser.parse_args

    def stop(self, given):
        seen.append(parse(self, given))
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(SystemExit):
        module.main(["~/x" if word == "X" else word for word in arguments])
    values = [one for value in vars(seen[0]).values() for one in (value if isinstance(value, list) else [value])]
    assert tmp_path / "x" in [Path(value) for value in values if isinstance(value, (str, Path))]


def test_every_command_is_among_those_that_take_a_path():
    assert set(COMMANDS) == set(EXPERIMENTS)


def test_hand_on_windows_both_shells_are_told_how_to_name_the_data():
    folder = PureWindowsPath(r"C:\my sets\it's")
    assert _command.quoted(folder, "nt") == r'"C:\my sets\it' + "'s\"" and _command.quoted(folder.parent.parent, "nt") == "C:\\"
    assert _command.call_with_data(folder, "claims", "nt") == [
        r"(PowerShell) $env:MEDKIT_DATA='C:\my sets\it''s'; py -m medkit claims",
        r'(cmd) set "MEDKIT_DATA=C:\my sets\it' + "'s\" && py -m medkit claims",
    ]
    assert _command.call_with_data(PurePosixPath("/a/it's"), "claims", "posix") == ["MEDKIT_DATA='/a/it'\"'\"'s' python3 -m medkit claims"]


def test_names_of_sets_and_paths_stay_as_they_are():
    assert _command.data("mri") == "mri" and _command.path("a/b c") == Path("a/b c") and _command.path(".") == Path(".")


def test_share(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert _command.share() == (0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert _command.share() == (2, 4)


REFUSED = {  # arguments that are refused once the command has begun; nothing is called "nope", and MEDKIT_DATA is not set
    "reproduce": ["--data", "nope"],
    "ablate": ["--data", "nope"],
    "multiverse": ["--data", "us"],
    "anomaly": ["--data", "us"],
    "deploy": ["--data", "nope"],
    "explain": ["--data", "nope"],
    "synthesise": ["--data", "nope"],
    "shift": ["--data", "nope", "nothing"],
    "prepare": ["us", "nope"],
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_command_makes_no_folder(name, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert importlib.import_module(f"medkit.{name}").main([*REFUSED[name], "--out", str(tmp_path / "out" / "inner")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("medkit: ") and not list(tmp_path.iterdir())


def test_whoever_can_be_refused_and_writes_to_out_is_asked():
    writing = {name for name, several in COMMANDS.items() if any("--out" in arguments for arguments in several)}
    assert writing - {"teach"} == set(REFUSED)  # teach grades what it has found first
