"""A stopped run goes on to the same bits; a broken one loses nothing; another's is refused."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import killed_runs
import pytest
import torch
from killed_runs import PressAt

from medkit import checkpoint, resume
from medkit._check import MedkitInputError
from medkit._interrupt import Interrupted
from medkit.settings import Settings
from medkit.training import fit, predict

pytestmark = pytest.mark.filterwarnings("error")
SETTINGS = Settings(batch_size=8, epochs=3, learning_rate=0.01)
posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")


@pytest.fixture(autouse=True)
def hears_ctrl_c():
    """Under nohup Ctrl-C is ignored, here too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def build(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return killed_runs.Chancy()


def train(folder=None, model=None, settings=SETTINGS, **kwargs):
    model = model or build()
    history = fit(
        model, *killed_runs.images(), settings, seed=kwargs.pop("seed", 0), folder=folder,
        progress=kwargs.pop("progress", None), **kwargs,
    )  # fmt: skip
    return model, history


def rows(history):
    return [{key: row[key] for key in row if key != "seconds"} for row in history]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values()))


# --- interrupted --------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 6, 9, 18])  # 6 steps an epoch: first, last, middle, last of all
def test_law_interrupted_and_resumed_is_never_interrupted(tmp_path, step):
    whole, expected = train()
    finger = PressAt(step)
    with pytest.raises(Interrupted) as stopped:
        train(tmp_path / "run", progress=finger)
    assert time.monotonic() - finger.pressed < 2.0
    assert str(stopped.value).startswith(f"training stopped in epoch {(step - 1) // 6 + 1} after step {(step - 1) % 6 + 1}")
    assert "saved in run: the same call goes on from there" in str(stopped.value)
    bar = PressAt(None)
    model, history = train(tmp_path / "run", model=build(seed=9), progress=bar)
    assert bar.began == step
    assert same(model, whole) and rows(history) == rows(expected) and history.notes == []


def test_negative_control_what_a_checkpoint_must_hold(tmp_path, monkeypatch):
    whole, _ = train()
    for forgotten in ("optimiser", "chance"):
        folder = tmp_path / forgotten
        with pytest.raises(Interrupted):
            train(folder, progress=PressAt(9))
        with monkeypatch.context() as patch:
            if forgotten == "optimiser":
                patch.setattr(checkpoint, "_OPTIMISER", "nothing.")
            else:
                patch.setattr("medkit.step.key", lambda text: hash(text + "!") % 2**40)
            model, _ = train(folder)
        assert not same(model, whole)


@pytest.mark.parametrize("folder", [None, "run"])
def test_interrupt_of_a_process(tmp_path, folder):
    """A real Ctrl-C to a real process, in a run that would take hours."""
    script = tmp_path / "long.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import killed_runs\nfrom pathlib import Path\nfrom medkit.settings import Settings\n"
        "from medkit.training import fit\n"
        "def look(epoch, model):\n    print('epoch', epoch, flush=True)\n"
        f"folder = {None if folder is None else str(tmp_path / folder)!r}\n"
        "fit(killed_runs.Chancy(), *killed_runs.images(), Settings(batch_size=8, epochs=10**6), seed=0,\n"
        "    on_epoch=look, folder=folder, progress=None)\n",
        encoding="utf-8",
    )
    child = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "epoch 1\n"
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert "medkit._interrupt.Interrupted: training stopped in epoch" in errors
    if folder:
        assert len(checkpoint.finished(tmp_path / folder, "last")) >= 1
    else:
        assert "nothing is saved, for no folder was given" in errors


def test_interrupt_of_a_kernel_and_the_same_cell_again(tmp_path):
    """The notebook's stop button: the cell ends within 2 s and says where; run again, it goes on."""
    jupyter_client = pytest.importorskip("jupyter_client")
    manager = jupyter_client.KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(Path(__file__).parent))
    client = manager.blocking_client()
    client.start_channels()
    cell = (
        "import killed_runs\nfrom medkit.settings import Settings\nfrom medkit.training import fit\n"
        "def look(epoch, model):\n    print('epoch', epoch, flush=True)\n"
        f"history = fit(killed_runs.Chancy(), *killed_runs.images(), Settings(batch_size=8, epochs=EPOCHS), seed=0,\n"
        f"              on_epoch=look, folder={str(tmp_path / 'run')!r}, progress=None)"
    )

    def press_when_training(message):
        if message["msg_type"] == "stream" and not pressed:
            pressed.append(time.monotonic())
            manager.interrupt_kernel()

    try:
        client.wait_for_ready(timeout=60)
        pressed: list[float] = []
        client.execute_interactive("EPOCHS = 10**6", output_hook=lambda message: None, timeout=60)
        reply = client.execute_interactive(cell, output_hook=press_when_training, timeout=120)["content"]
        assert time.monotonic() - pressed[0] < 2.0
        assert reply["ename"] == "Interrupted" and "the same call goes on from there" in reply["evalue"]
        done = checkpoint.load(tmp_path / "run", "last").facts["state"]["epoch"] - 1
        client.execute_interactive(f"EPOCHS = {done + 2}", output_hook=lambda message: None, timeout=60)
        printed: list[str] = []
        again = client.execute_interactive(
            cell, output_hook=lambda message: printed.append(message["content"].get("text", "")), timeout=120
        )["content"]
        assert again["status"] == "ok"
        assert f"epoch {done + 2}" in "".join(printed) and "epoch 1\n" not in "".join(printed)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_interrupt_while_measuring_need_not_wait_and_measures_again(tmp_path):
    whole, expected = train(on_epoch=lambda epoch, model: {"epoch squared": float(epoch**2)})

    def slow(epoch, model):
        signal.raise_signal(signal.SIGINT)
        pytest.fail("went on")

    with pytest.raises(Interrupted, match="stopped in epoch 1 after step 6"):
        train(tmp_path, on_epoch=slow)
    model, history = train(tmp_path, on_epoch=lambda epoch, model: {"epoch squared": float(epoch**2)})
    assert same(model, whole) and rows(history) == rows(expected)
    assert history.column("epoch squared") == [1.0, 4.0, 9.0]


# --- killed -------------------------------------------------------------------------------------


def killed(what, count, folder):
    command = [sys.executable, str(Path(killed_runs.__file__)), what, str(count), str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@posix
@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_law_killed_at_random_moments(tmp_path, count):
    found = killed("train", count, tmp_path)
    print(found)
    assert found["same"] == count and found["killed"] >= count / 2
    assert count < 20 or found["went on from the middle"] >= 2


@posix
@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_law_killed_inside_a_save(tmp_path, count):
    found = killed("save", count, tmp_path)
    print(found)
    assert found["readable"] == count
    if count == 10:
        naive = killed("in place", count, tmp_path)
        print(naive)
        assert naive["readable"] < 10  # the negative control


# --- broken -------------------------------------------------------------------------------------


def test_edge_nan_keeps_the_last_good_checkpoint_and_the_best(tmp_path):
    image, label, mask = killed_runs.images()
    image = image.clone()

    def spoil(epoch, model):
        if epoch == 2:
            image[7] = torch.nan
        return {"value": float(epoch)}

    model = build()
    with pytest.raises(FloatingPointError, match=r"image must be finite, got NaN .* in epoch 3, step \d, images \[7\]"):
        fit(model, image, label, mask, SETTINGS, seed=0, on_epoch=spoil, folder=tmp_path, best="value", progress=None)
    good = checkpoint.load(tmp_path, "last")
    assert good.facts["state"]["epoch"] == 3 and good.facts["state"]["step"] == 0
    assert all(tensor.isfinite().all() for tensor in good.tensors.values())
    best = checkpoint.load(tmp_path, "best")
    assert best.facts["epoch"] == 2
    assert torch.equal(best.tensors["model.label.weight"], good.tensors["model.label.weight"])


def test_best_is_the_largest_finite_and_the_first_of_two(tmp_path):
    found = iter([0.5, 0.7, math.nan, 0.7, 0.6])
    weights = []

    def look(epoch, model):
        weights.append(model.label.weight.detach().clone())
        return {"value": next(found)}

    longer = Settings(batch_size=8, epochs=5, learning_rate=0.01)
    model, history = train(tmp_path, settings=longer, on_epoch=look, best="value")
    assert history.best == {"epoch": 2, "value": 0.7}
    assert [path.name for path in checkpoint.finished(tmp_path, "best")] == ["best-000002.safetensors"]
    checkpoint.load_weights(checkpoint.finished(tmp_path, "best")[0], model)
    assert torch.equal(model.label.weight, weights[1]) and not torch.equal(weights[1], weights[3])


def test_edge_a_folder_that_can_not_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(MedkitInputError, match="file can't be written .*; name another folder"):
        train(tmp_path / "file")
    with pytest.raises(ValueError, match="folder must be given with best='value', got None"):
        train(best="value", on_epoch=lambda epoch, model: None)


def test_edge_best_is_a_number_that_is_measured(tmp_path):
    with pytest.raises(ValueError, match="on_epoch must be given with best='value'"):
        train(tmp_path / "a", best="value")
    for name in ("valeu", "loss"):
        with pytest.raises(ValueError, match=f"best must be a number that on_epoch returns, got '{name}'; it returned value"):
            train(tmp_path / name, best=name, on_epoch=lambda epoch, model: {"value": 1.0})
    both = {"value": 1.0, "other": 2.0}
    train(tmp_path / "b", best="value", on_epoch=lambda epoch, model: both)
    longer = Settings(batch_size=8, epochs=4, learning_rate=0.01)
    with pytest.raises(MedkitInputError, match=r"another run's \(best was value, now other\)"):
        train(tmp_path / "b", settings=longer, best="other", on_epoch=lambda epoch, model: both)


def test_edge_a_run_is_not_cut_short_within_an_epoch(tmp_path):
    with pytest.raises(Interrupted):
        train(tmp_path, progress=PressAt(15))  # in epoch 3
    with pytest.raises(MedkitInputError, match=r"a longer run's \(3 epochs\)"):
        train(tmp_path, settings=Settings(batch_size=8, epochs=2, learning_rate=0.01))


def test_two_presses_while_measuring_save_all_the_same(tmp_path, monkeypatch):
    real = checkpoint.save

    def press_again(*arguments, **words):
        signal.raise_signal(signal.SIGINT)
        return real(*arguments, **words)

    monkeypatch.setattr(checkpoint, "save", press_again)
    with pytest.raises(Interrupted, match="stopped in epoch 1 after step 6"):
        train(tmp_path, on_epoch=lambda epoch, model: signal.raise_signal(signal.SIGINT))
    assert checkpoint.load(tmp_path, "last").facts["state"]["step"] == 6


def test_a_press_during_the_very_last_save_is_heard(tmp_path, monkeypatch):
    real, saves = checkpoint.save, []

    def press_at_the_end(*arguments, **words):
        saves.append(1)
        if len(saves) == 3:
            signal.raise_signal(signal.SIGINT)
        return real(*arguments, **words)

    monkeypatch.setattr(checkpoint, "save", press_at_the_end)
    with pytest.raises(Interrupted):
        train(tmp_path)
    assert len(train(tmp_path)[1]) == 3


# --- another run's ------------------------------------------------------------------------------


def test_a_finished_run_returns_at_once_and_may_be_lengthened(tmp_path):
    one, first = train(tmp_path)
    again, history = train(tmp_path, model=build(5), progress=PressAt(1))  # no step is taken: none is pressed
    assert same(one, again) and rows(first) == rows(history)
    longer = Settings(batch_size=8, epochs=5, learning_rate=0.01)
    lengthened, _ = train(tmp_path, settings=longer)
    assert same(lengthened, train(settings=longer)[0])
    with pytest.raises(MedkitInputError, match=r"holds a checkpoint that is a longer run's \(5 epochs\)"):
        train(tmp_path)


def test_edge_another_run_is_refused(tmp_path):
    train(tmp_path / "run")
    for kwargs, message in (
        ({"seed": 1}, r"run holds a checkpoint that is another run's \(seed was 0, now 1\); name another folder"),
        ({"settings": Settings(batch_size=4, epochs=3, learning_rate=0.01)}, "settings.batch_size was 8, now 4"),
        ({"scored": torch.arange(44) > 3}, "images.scored was"),
        ({"model": torch.nn.Sequential(build())}, "another model's"),
    ):
        with pytest.raises(MedkitInputError, match=message):
            train(tmp_path / "run", **kwargs)


def test_other_threads_are_noted(tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        train(tmp_path, progress=PressAt(2))
    monkeypatch.setattr(resume, "_machine", lambda model: {"threads": 99, "torch": "0"})
    _, history = train(tmp_path)
    assert "the steps up to 2 were made with device cpu" in history.notes[0]


def test_a_checkpoint_once_a_minute(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(resume.time, "monotonic", lambda: now[0])
    saves = []
    real = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda *a, **k: saves.append(a[2]) or real(*a, **k))

    class Slow(PressAt):
        def update(self):
            now[0] += 25.0

    train(tmp_path, progress=Slow(None), settings=Settings(batch_size=8, epochs=1))
    assert saves == [4, 7, 8]  # after steps 3 and 6 (75 s each), and at the epoch's end


def test_predict_does_not_move_a_run():
    whole, _ = train()
    looked, _ = train(on_epoch=lambda epoch, model: predict(model, killed_runs.images()[0]) and None)
    assert same(whole, looked)
