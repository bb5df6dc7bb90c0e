"""Two processes train as one does."""

import subprocess
import time
from pathlib import Path

import pytest
import torch
import two_processes

from medkit import checkpoint, processes
from medkit.processes import add_up, anyone, count, joined, rank, run, share

pytestmark = pytest.mark.filterwarnings("error")
SCRIPT = str(Path(two_processes.__file__))


def load(path):
    return torch.load(path, weights_only=True)


def apart(one, other):
    """Return the largest difference of weights, and of losses."""
    weights = [(one["weights"][name] - other["weights"][name]).abs().max() for name in one["weights"]]
    rows = torch.tensor(one["rows"], dtype=torch.float64) - torch.tensor(other["rows"], dtype=torch.float64)
    return float(max(weights)), float(rows.abs().max())


def alone(kind):
    model, history = two_processes.train(kind)
    rows = [[row[name] for name in ("loss", "label", "dice", "bce")] for row in history]
    return {"weights": model.state_dict(), "rows": rows}


def test_alone_there_is_nothing_to_share():
    batch = torch.arange(5)
    assert (count(), rank()) == (1, 0) and torch.equal(share(batch), batch)
    assert anyone(True) and not anyone(False)
    tensors = [torch.ones(2)]
    add_up(tensors)
    assert tensors[0].tolist() == [1.0, 1.0]
    with joined() as device:
        assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_law_shares_make_the_whole(monkeypatch):
    batch, met = torch.arange(11), []
    monkeypatch.setattr(processes, "count", lambda: 3)
    for number in range(3):
        monkeypatch.setattr(processes, "rank", lambda: number)
        met += share(batch).tolist()
    assert sorted(met) == list(range(11))


def test_twin_two_processes_train_as_one(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run(2, SCRIPT, "float64", str(tmp_path), timeout=240)
    assert "process 1 of 2" in capfd.readouterr().out
    first, second, whole = load(tmp_path / "0.pt"), load(tmp_path / "1.pt"), alone(torch.float64)
    assert apart(first, second)[0] == 0.0
    weights, rows = apart(first, whole)
    assert max(weights, rows) <= 1e-10  # 20 steps
    drift = apart({k: v for k, v in alone(torch.float32).items()}, whole)
    print(f"20 steps in float64: two processes against one {weights:.1e}; float32 against float64 {drift[0]:.1e}")
    assert drift[0] > 1e-8  # the negative control: a difference of that size would be seen


def test_negative_control_shares_that_are_averaged_are_not_the_whole():
    """What is often done: each process divides by its own share, and the results are averaged."""
    image, label, mask = two_processes.images(torch.float64)
    scored = torch.arange(41) % 5 > 0
    batch = torch.arange(9)
    from medkit.losses import Whole, total_loss

    draw = torch.Generator().manual_seed(0)
    pred, pixels = torch.randn((9, 3), generator=draw).double(), torch.randn((9, 1, 32, 32), generator=draw).double()

    def loss(part, whole=None):
        return total_loss(pred[part], pixels[part], label[part], mask[part], scored[part], whole=whole).total

    parts = [batch[0::2], batch[1::2]]
    whole = loss(batch)
    together = sum(loss(part, Whole(9, scored[:9].sum())) for part in parts)
    assert abs(together - whole) < 1e-12
    assert abs(sum(loss(part) for part in parts) / 2 - whole) > 1e-6


def test_an_interrupt_of_one_stops_both_after_the_same_step(tmp_path, capfd):
    with pytest.raises(RuntimeError, match="two_processes.py must end well in all processes, got exit code"):
        run(2, SCRIPT, "interrupt", str(tmp_path), timeout=120)
    printed = capfd.readouterr().out
    assert "Interrupted: training stopped in epoch 2 after step 2; saved in run" in printed
    assert checkpoint.load(tmp_path / "run", "last").facts["state"]["steps"] == 7


def test_edge_failures_and_time_limits_are_raised(tmp_path):
    with pytest.raises(RuntimeError, match="got exit code 1; see above"):
        run(2, SCRIPT, "fail", str(tmp_path), timeout=120)
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    start = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        run(1, str(slow), timeout=4.0)
    assert time.monotonic() - start < 60
    for wrong in ((0, "a.py"), (2,)):
        with pytest.raises(ValueError, match="number must be 1 or more and command a script, got"):
            run(*wrong)


def test_edge_one_broken_share_stops_both(tmp_path, capfd):
    with pytest.raises(RuntimeError):
        run(2, SCRIPT, "nan", str(tmp_path), timeout=120)
    assert "FloatingPointError: loss must be finite" in capfd.readouterr().out
