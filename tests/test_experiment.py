"""One run: repeatable, resumable, and blind to the test images."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from killed_runs import PressAt
from scipy.stats import binom

from medkit import experiment, metrics, paper
from medkit._interrupt import Interrupted
from medkit.blocks import Prediction
from medkit.data.container import Split
from medkit.data.phantom import phantom_split
from medkit.preparation import Preparation
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")
TINY = Settings(epochs=5)
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")),
]


@pytest.fixture(scope="module")
def split():
    return phantom_split(36, 18, 36, size=32)


def prepare(split, device="cpu"):
    return experiment.prepare(split, Preparation(), torch.device(device))


def run(split, name="CNN", seed=0, device="cpu", **kwargs):
    return experiment.run(name, prepare(split, device), TINY, seed, progress=None, **kwargs)


def without_clock(record):
    return json.dumps({name: value for name, value in record.items() if name != "clock"})


@pytest.mark.parametrize("name", list(experiment.MODELS))
def test_record_has_a_row_for_each_fifth_of_the_run(split, name):
    done = run(split, name)
    assert done["model"] == name and [row["epoch"] for row in done["result"]] == [1, 2, 3, 4, 5]
    assert len(done["loss"]) == len(done["clock"]["training"]) == len(done["clock"]["time"]) == 5
    assert set(done["clock"]["time"][0]) == {"batch 1", "batch 32"}
    assert done["test_opened"] == 6 and 110_000 < done["parameters"] < 130_000
    assert len(done["result"][0]["pred"]) == len(done["result"][0]["dice_each"]) == 36
    assert [row["epoch"] for row in done["validation"]] == [1, 2, 3, 4, 5]
    assert done["validation"][0]["accuracy"]["n"] == 18 and "pred" not in done["validation"][0]
    assert json.loads(json.dumps(done))["data"]["truth"]["label"] == split.test.label.tolist()


@pytest.mark.parametrize("device", DEVICES)
def test_same_seed_same_numbers_another_seed_others(split, device):
    first, again, other = (run(split, "hybrid", seed, device) for seed in (0, 0, 1))
    assert without_clock(first) == without_clock(again)
    assert first["loss"] != other["loss"] and first["result"] != other["result"]


@pytest.mark.slow  # five starts of Python
def test_same_seed_same_record_in_five_processes():
    """Each a fresh Python with its own order of sets and dicts of strings, all but the clock the same."""
    code = (
        "import json, torch\n"
        "from medkit import experiment\n"
        "from medkit.data.phantom import phantom_split\n"
        "from medkit.preparation import Preparation\n"
        "from medkit.settings import Settings\n"
        "task = experiment.prepare(phantom_split(24, 6, 12, size=32), Preparation(), torch.device('cpu'))\n"
        "for seed in (0, 1):\n"
        "    done = experiment.run('hybrid', task, Settings(epochs=5), seed, progress=None)\n"
        "    done.pop('clock')\n"
        "    print(json.dumps(done))\n"
    )
    printed = []
    for hash_seed in ("1", "22", "333", "4444", "55555"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout.splitlines())
    assert len({first for first, _ in printed}) == 1 and len({second for _, second in printed}) == 1
    assert printed[0][0] != printed[0][1]


@pytest.mark.parametrize("step", [1, 5, 10])  # two steps an epoch
def test_a_stopped_run_goes_on_to_the_same_record(split, tmp_path, step):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # under nohup it would be ignored
    try:
        with pytest.raises(Interrupted):
            experiment.run("CNN", prepare(split), TINY, 0, tmp_path, PressAt(step))
    finally:
        signal.signal(signal.SIGINT, before)
    resumed = run(split, folder=tmp_path)
    assert without_clock(resumed) == without_clock(run(split))


def test_each_row_is_timed_with_the_weights_of_its_epoch(split, tmp_path, monkeypatch):
    for folder in (None, tmp_path):
        seen = []
        monkeypatch.setattr(experiment, "clock", lambda model, image: seen.append(_sum(model)) or {"of": seen[-1]})
        done = run(split, folder=folder)
        timed = [row["of"] for row in done["clock"]["time"]]
        assert len(set(seen)) == 5 and sorted(timed) == sorted(seen) and timed != seen  # in a shuffled order
    assert _sum(experiment.build("CNN", prepare(split), 0)) not in seen


def _sum(model):
    return float(sum(parameter.detach().double().sum() for parameter in model.parameters()))


def test_test_images_decide_nothing(split):
    """Noise in place of the test images and labels leaves weights, losses and validation as they were, bit for bit."""
    noise = torch.rand(split.test.image.shape, generator=torch.Generator().manual_seed(5)) * 100
    garbage = dataclasses.replace(split.test, image=noise, label=split.test.label.flip(0))
    true, changed = run(split), run(Split(split.train, split.val, garbage))
    for kept in ("weights", "loss", "validation"):
        assert changed[kept] == true[kept]
    assert changed["result"] != true["result"]
    noisy = dataclasses.replace(split.train, image=torch.rand_like(split.train.image, generator=torch.Generator().manual_seed(5)))
    assert run(Split(noisy, split.val, split.test))["weights"] != true["weights"]  # the training images do decide


def test_statistics_of_preparation_are_the_trainings(split):
    """Brighter test images change nothing that training or validation images become."""
    bright = dataclasses.replace(split.test, image=split.test.image * 3)
    scale = Preparation(scale="min-max of the training set")
    one, other = (
        experiment.prepare(Split(split.train, split.val, test), scale, torch.device("cpu"))
        for test in (split.test, bright)
    )
    assert torch.equal(one.image, other.image) and torch.equal(one.val_image, other.val_image)
    assert not torch.equal(one.test.open("a look")[1], other.test.open("a look")[1])


def test_a_run_can_begin_from_other_weights(split):
    def zero(model):
        with torch.no_grad():
            model.label_head.linear.weight.zero_()

    seen = []
    begun = run(split, begin=lambda model: (zero(model), seen.append(_sum(model))))
    assert len(seen) == 1 and begun["weights"] != run(split)["weights"]


@pytest.mark.parametrize("name", list(experiment.VARIANTS))
def test_variants_run_like_models(split, name):
    assert run(split, name)["model"] == name


def test_every_look_at_the_test_images_is_counted(split):
    task = prepare(split)
    done = experiment.run("CNN", task, TINY, 0, progress=None)
    assert done["test_opened"] == len(task.test.log)
    assert task.test.log[0] == "CNN, seed 0, epoch 1" and task.test.log[-1] == "CNN, seed 0, timing"


def test_first_weights_are_the_seeds_and_draw_nobody_elses_numbers(split):
    task = prepare(split)
    state = torch.random.get_rng_state()
    first, again, other = (_sum(experiment.build("hybrid", task, seed)) for seed in (0, 0, 1))
    assert first == again != other and torch.equal(state, torch.random.get_rng_state())


def test_all_models_train_alike(split, monkeypatch):
    seen = []

    def fit(model, *data, **rest):
        seen.append((data, rest["seed"], rest["scored"]))
        raise InterruptedError

    monkeypatch.setattr(experiment, "fit", fit)
    task = prepare(split)
    for name in experiment.MODELS:
        with pytest.raises(InterruptedError):
            experiment.run(name, task, TINY, 0)
    assert all(data is other for one in seen for data, other in zip(one[0], seen[0][0])) and len(seen) == 4


def test_a_pixel_is_lesion_from_a_logit_of_zero_on(split):
    class Timid(torch.nn.Module):
        def forward(self, image):
            return Prediction(image.new_zeros(len(image), 3), torch.full_like(image, 0.25))  # probability 0.56

    found = experiment.evaluate(Timid(), split.test, split.test.image)
    everywhere = metrics.mask_counts(torch.ones_like(split.test.mask), split.test.mask)
    assert found["dice"]["value"] == metrics.dice(everywhere).value
    each = [value for value in found["dice_each"] if value is not None]
    assert sum(each) / len(each) == pytest.approx(found["dice"]["value"], abs=1e-6)


def test_unscored_labels_are_left_out(split):
    scored = torch.ones(len(split.test), dtype=torch.bool)
    scored[:6] = False
    test = dataclasses.replace(split.test, scored=scored)
    assert run(Split(split.train, split.val, test))["result"][0]["accuracy"]["n"] == len(test) - 6


def test_a_cut_is_the_validation_images(split):
    """Two classes, one of them rare: other test labels move no cut, other validation labels do."""
    def rare(side, every):
        return dataclasses.replace(side, label=(torch.arange(len(side)) % every == 0).long(), classes=("well", "ill"))

    sides = rare(split.train, 6), rare(split.val, 6), rare(split.test, 6)
    cuts = [row["cut"] for row in run(Split(*sides))["result"]]
    assert all(0 < cut < 1 for cut in cuts)
    assert [row["cut"] for row in run(Split(*sides[:2], rare(split.test, 4)))["result"]] == cuts
    assert [row["cut"] for row in run(Split(sides[0], rare(split.val, 4), sides[2]))["result"]] != cuts


def test_a_set_whose_labels_say_nothing_has_a_dice_alone(split):
    def silent(side):
        return dataclasses.replace(side, scored=torch.zeros(len(side), dtype=torch.bool))

    row = run(Split(silent(split.train), silent(split.val), silent(split.test)))["result"][-1]
    assert row["accuracy"] is row["balanced_accuracy"] is row["auroc"] is row["f1"] is None
    assert row["dice"]["n"] > 0


def random_labels(split, seed):
    draw = torch.Generator().manual_seed(seed)
    return Split(*(
        dataclasses.replace(side, label=torch.randint(3, (len(side),), generator=draw))
        for side in (split.train, split.val, split.test)
    ))  # fmt: skip


def test_random_labels_score_at_chance():
    """Inside the band that holds 95 % of guesses, for 120 test images of which no label can be known."""
    split = phantom_split(120, 18, 120, size=32, modality="MRI")
    value = run(random_labels(split, 0))["result"][-1]["accuracy"]["value"]
    low, high = (100 * binom.ppf(share, 120, 1 / 3) / 120 for share in (0.025, 0.975))
    assert low <= value <= high
    leaky = random_labels(split, 0)
    told = dataclasses.replace(leaky.test, image=_marked(leaky.test))  # labels that the image does show
    train = dataclasses.replace(leaky.train, image=_marked(leaky.train))
    shown = experiment.run("CNN", prepare(Split(train, leaky.val, told)), dataclasses.replace(TINY, epochs=15), 0, progress=None)
    assert shown["result"][-1]["accuracy"]["value"] > high


def _marked(data):
    """The images with a bright square whose place is the label."""
    image = data.image.clone()
    for k in range(3):
        image[data.label == k, :, 8:24, 10 * k : 10 * k + 10] = image.amax()
    return image


def test_run_too_short_for_five_rows_is_refused():
    assert experiment.report_epochs(50) == list(paper.EPOCHS)
    with pytest.raises(ValueError, match="epochs must be 5 or more, got 4"):
        experiment.report_epochs(4)


def test_majority_is_the_trainings_and_empty_pairs_have_no_dice(split):
    label = torch.zeros_like(split.train.label)
    label[:3] = torch.tensor([0, 1, 2])
    train = dataclasses.replace(split.train, label=label)
    test = dataclasses.replace(split.test, label=torch.ones_like(split.test.label))
    assert experiment.describe(Split(train, split.val, test))["majority"] == 0.0  # nobody there is of class 0

    class Blind(torch.nn.Module):
        def forward(self, image):
            return Prediction(image.new_zeros(len(image), 3), torch.full_like(image, -1.0))

    each = experiment.evaluate(Blind(), split.test, split.test.image)["dice_each"]
    empty = ~split.test.mask.flatten(1).any(1)
    assert [value is None for value in each] == empty.tolist() and empty.any() and not empty.all()
