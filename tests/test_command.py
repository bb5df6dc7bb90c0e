"""What long commands share: one sentence and an exit code for each way to end."""

import errno

import pytest
import torch

from medkit import _command
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


def test_share(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert _command.share() == (0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert _command.share() == (2, 4)
