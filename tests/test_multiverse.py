"""The multiverse: a balanced factorial, conventions by hand, runs that go on, and sentences that count rightly."""

import copy
import dataclasses
import functools
import io
import itertools
import json
import signal

import numpy as np
import pytest
import torch
from made_up import made_up
from matplotlib import image as png_reader
from matplotlib import pyplot

from medkit import experiment, metrics, paper
from medkit._interrupt import Interrupted
from medkit.data.phantom import phantom_split
from medkit.intervals import bootstrap_seeds
from medkit.multiverse import command, conventions, figure, readings, report, running, specifications
from medkit.multiverse.readings import CHOICES, READINGS, REFERENCE, Reading

pytestmark = pytest.mark.filterwarnings("error")
TINY = running._preset(25, 32, 60, (24, 12, 24), "tiny")
N = 60  # test images of a planted record


@pytest.fixture(scope="module", autouse=True)
def few_repeats():
    """Intervals from 50 resamplings: that they are right is tested where they are at home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conventions, "bootstrap_seeds", functools.partial(bootstrap_seeds, repeats=50))
        yield


def planted(reading, role, seed=0, right=30, found=0.5):
    """A record whose accuracy and Dice are known: so many of 60 images right, such a share of each mask found."""
    record = made_up(reading.hybrid if role == "hybrid" else "CNN", seed, n=N, units=N)
    truth = record["data"]["truth"]
    truth["scored"] = [True] * N
    record["result"][-1]["pred"] = [label if i < right else (label + 1) % 3 for i, label in enumerate(truth["label"])]
    target = [0 if label == 0 else 100 for label in truth["label"]]
    counts = {"pred": target, "target": target, "overlap": [round(found * pixels) for pixels in target]}
    arm = readings.answers_of(reading) | {"role": role}
    protocol = {"name": "paper", "preset": "class"}
    return record | {"study": "multiverse", "arm": arm, "counts": counts, "protocol": protocol}


def world(lead=lambda reading, seed: 6, seeds=(0, 1, 2)):
    """Records of all readings and seeds; lead: by how many of 60 images, and hundredths of Dice, hybrids are better."""
    jobs = [(reading, seeds[0]) for reading in READINGS] + [(REFERENCE, seed) for seed in seeds[1:]]
    return [
        planted(reading, role, seed, 30 + more, 0.5 + more / 100)
        for reading, seed in jobs
        for role, more in (("hybrid", lead(reading, seed)), ("CNN", 0))
    ]


# --- the readings -----------------------------------------------------------------------------


def balanced(some):
    """Whether each answer, and each pair of answers, stands in as many readings as any other."""
    signs = np.array([[1 - 2 * reading.changed(choice) for choice in CHOICES] for reading in some])
    return not signs.sum(0).any() and not (signs.T @ signs - len(signs) * np.eye(len(CHOICES))).any()


def column(letters, some=READINGS):
    """The signs of a change of these choices together, one for each reading."""
    chosen = [choice for choice in CHOICES if choice.letter in letters]
    return [int(np.prod([1 - 2 * reading.changed(choice) for choice in chosen])) for reading in some]


def test_sixteen_readings_are_different_and_balanced_in_answers_and_pairs():
    assert len(READINGS) == len(set(READINGS)) == len({reading.name for reading in READINGS}) == 16
    assert balanced(READINGS) and READINGS[0] == REFERENCE and REFERENCE.name == "reference"
    every = [Reading(*answers) for answers in itertools.product(*((c.first, c.other) for c in CHOICES))]
    assert balanced(every) and not balanced(every[:16]) and not balanced(READINGS[:8])


def test_the_generator_holds_and_aliases_are_as_said():
    assert readings.GENERATOR == "E = ABCD" and column("E") == column("ABCD")
    letters = readings.ALL_LETTERS
    for size in (1, 2):
        for some in map("".join, itertools.combinations(letters, size)):
            assert sorted(some + readings.alias_of(some)) == list(letters)
            assert column(some) == column(readings.alias_of(some))
            assert column(some) != column(readings.alias_of(some)[1:]), "only that one"
    clear = [column("".join(some)) for size in (1, 2) for some in itertools.combinations(letters, size)]
    assert len(clear) == 15 and not (np.array(clear) @ np.array(clear).T - 16 * np.eye(15)).any()
    for wrong in ("", "AA", "F"):
        with pytest.raises(ValueError, match="letters must be different ones of ABCDE"):
            readings.alias_of(wrong)


def test_each_choice_and_convention_is_one_that_the_paper_leaves_open():
    for choice in CHOICES:
        entry = paper.find(choice.entry)
        assert isinstance(entry, paper.UnstatedChoice) and choice.first != choice.other
    words = {"U1": "kernel", "U3": "border", "U5": "minimum", "U10": "copies", "U18": "softmax"}
    assert all(words[choice.entry] in paper.find(choice.entry).untold for choice in CHOICES)
    open_ones = {entry for convention in conventions.CONVENTIONS for entry in convention.entries}
    assert open_ones == {"U31", "U32", "U34"}
    assert "F1" in paper.find("U34").untold and "Dice" in paper.find("U31").untold
    with pytest.raises(ValueError, match="kernel must be 'Gaussian, σ 0.5' or 'median 3 × 3', got 'mean'"):
        Reading(kernel="mean")


def test_the_reference_is_what_the_kit_decided():
    from medkit.preparation import Preparation
    from medkit.presets import PRESETS

    assert REFERENCE.preparation() == Preparation() and REFERENCE.hybrid == "hybrid" and not REFERENCE.once
    table_3 = dataclasses.replace(PRESETS["paper"].settings, epochs=25)
    assert running.PRESETS["class"].settings == table_3
    changed = Reading(*(choice.other for choice in CHOICES))
    assert changed.hybrid == "hybrid, as printed" and changed.hybrid in experiment.VARIANTS and changed.once


# --- the conventions --------------------------------------------------------------------------


def small(truth, pred, counts=((0,) * 4,) * 3):
    """A record with just what a convention reads; every image is a unit of its own."""
    n = len(truth)
    about = {"classes": ["a", "b"], "truth": {"label": truth, "scored": [True] * n, "group": list(range(n))}}
    pixels = dict(zip(("pred", "target", "overlap"), map(list, counts)))
    return {"data": about, "result": [{"pred": pred}], "counts": pixels}


def values(metric, run):
    return [round(conventions.value(convention, run) / 100, 4) for convention in conventions.of(metric)]


def test_hand_dice_of_a_half_hit_a_false_alarm_and_an_empty_image():
    run = small([0] * 3, [0] * 3, ((4, 3, 0), (4, 0, 0), (2, 0, 0)))
    assert values("Dice", run) == [0.25, 0.5, 0.5, 0.1667, 0.3636]  # 2·2/8; 4/11
    run["counts"]["overlap"][0] = 4
    assert values("Dice", run) != [0.25, 0.5, 0.5, 0.1667, 0.3636]


def test_hand_f1_averages_and_accuracy():
    run = small([0, 1, 1, 1], [0, 0, 1, 1])
    assert values("F1", run) == [0.7333, 0.75, 0.7667, 0.7895] and values("accuracy", run) == [0.75]


def test_twin_conventions_are_those_of_the_metrics():
    draw = torch.Generator().manual_seed(0)
    for k in (2, 3, 5):
        truth, pred = torch.randint(0, k - 1, (2, 40), generator=draw)  # the last class is never there
        truth[0] = k - 1
        pixels = torch.randint(0, 9, (3, 40), generator=draw) * (torch.rand(3, 40, generator=draw) < 0.6)
        tp, fp, fn = pixels
        run = small(truth.tolist(), pred.tolist(), (part.tolist() for part in (tp + fp, tp + fn, tp)))
        run["data"]["classes"] = [str(i) for i in range(k)]
        of_masks = metrics.dice_conventions(metrics.Counts(tp, fp, fn, 100 - tp))
        assert values("Dice", run) == [round(metric.value, 4) for metric in of_masks]
        counts, each = metrics.label_counts(pred, truth, k), metrics.f1_per_class
        twins = (metrics.macro(each, counts), metrics.micro(each, counts), metrics.weighted(each, counts))
        assert values("F1", run) == [round(metric.value, 4) for metric in (*twins, metrics.f1_of_means(counts))]
        assert values("accuracy", run) == [round(metrics.accuracy(counts).value / 100, 4)]


@pytest.mark.parametrize("convention", conventions.CONVENTIONS, ids=lambda c: f"{c.metric} {c.name}")
def test_a_difference_is_that_of_the_values_and_of_a_run_with_itself_zero(convention):
    hybrid, cnn = planted(REFERENCE, "hybrid", right=40, found=0.7), planted(REFERENCE, "CNN", right=30, found=0.5)
    lead = conventions.difference(convention, hybrid, cnn)
    assert lead.value == pytest.approx(conventions.value(convention, hybrid) - conventions.value(convention, cnn))
    assert 0 < lead.low <= lead.value + 1e-9 and lead.value <= lead.high + 1e-9
    assert conventions.difference(convention, cnn, cnn)[:3] == (0, 0, 0)
    cnn["data"] = copy.deepcopy(cnn["data"])
    cnn["data"]["truth"]["group"][0] = 7
    with pytest.raises(ValueError, match="first and second must share their test images"):
        conventions.difference(convention, hybrid, cnn)


# --- what it comes to -------------------------------------------------------------------------


def test_where_readings_make_no_difference_chance_says_so_at_its_level():
    draw = torch.randn(300, 18, generator=torch.Generator().manual_seed(3), dtype=torch.float64).tolist()
    found = []
    for row in draw:
        all_readings, seeds = torch.tensor([row[:16]]), [row[0], *row[16:]]
        found.append(specifications.by_chance(float(specifications.span(all_readings)), specifications.span, seeds, 16))
    shares = [sum(chance < level for chance in found) / len(found) for level in (0.05, 0.5)]
    assert 0.02 < shares[0] < 0.09 and 0.42 < shares[1] < 0.58
    far = specifications.by_chance(100.0, specifications.span, [0.0, 1.0, 2.0], 16)
    assert far < 0.01 and specifications.by_chance(100.0, specifications.span, [0.0], 16) is None


def test_the_effect_of_a_choice_is_found_at_its_letter_alone():
    scale = CHOICES[2]
    found = report.specify(world(lambda reading, seed: 6 * reading.changed(scale) + seed))
    effects = {choice.letter: specifications.effect(found, "accuracy", choice) for choice in CHOICES}
    assert effects["C"].points == pytest.approx(10.0)  # 6 of 60 images
    assert all(effects[letter].points == pytest.approx(0, abs=1e-9) for letter in "ABDE")
    assert effects["C"].chance < 0.2 < effects["A"].chance


def said(records, metric):
    return " ".join(report.summary(report.specify(records), metric))


def test_sentences_count_what_is_as_large_as_printed_and_what_has_the_other_sign():
    better = said(world(lambda reading, seed: 6), "accuracy")  # 10 points in each reading
    assert "Printed: 95.1 % for the hybrid, +4.6 points over the CNN" in better
    assert "Of 16 specifications 16 lead by at least as much as printed, 0 have the opposite sign" in better
    worse = said(world(lambda reading, seed: -6), "accuracy")
    assert "Of 16 specifications 0 lead by at least as much as printed, 16 have the opposite sign" in worse
    border = CHOICES[1]
    half = said(world(lambda reading, seed: 6 if reading.changed(border) else -3), "accuracy")
    assert "8 lead by at least as much as printed, 8 have the opposite sign" in half
    assert "the hybrid reaches 45.0 ... 60.0 %, and leads by -5.0 ... +10.0 points" in half
    assert "moves the lead over 15.0 points: 3.3 times what is printed" in half
    dice = said(world(lambda reading, seed: 6), "Dice")  # 6 points; where empty images count, less or the same
    assert "Of 80 specifications 0 lead by at least as much as printed" in dice and "+7.9 points" in dice


def test_conventions_alone_move_the_value_by_what_the_empty_images_are_worth():
    sentence = said(world(lambda reading, seed: 0), "Dice")  # 0.5 on two thirds of the images, a third is empty
    assert "values up to 33.3 points apart (mean 33.3), leads up to 0.0 (mean 0.0)" in sentence
    assert "Conventions alone" not in said(world(), "accuracy")


def test_a_spread_of_readings_is_called_shown_only_where_it_is_far_beyond_seeds():
    scale = CHOICES[2]
    sure = world(lambda reading, seed: (20 if reading.changed(scale) else 0) + seed, seeds=(0, 1, 2, 3, 4))
    assert "readings move it by more than seeds." in said(sure, "accuracy")
    noise = world(lambda reading, seed: 3 * reading.changed(scale) + 2 * seed)
    assert "that readings move it is not shown." in said(noise, "accuracy")
    one = said(world(seeds=(0,)), "accuracy")
    assert "One seed: how far seeds alone move the lead is not known, and no difference between readings is" in one


def test_the_text_has_a_line_for_each_reading_by_its_lead_and_says_what_misleads():
    scale = CHOICES[2]
    records = world(lambda reading, seed: 6 * reading.changed(scale))
    for record in records:
        record["data"] |= {"unit": "duplicate group", "leaks_allowed": True, "leaks": ["a and b"]}
    text = report.render(records)
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("reading"))
    rows = [line.split() for line in lines[start + 1 : start + 17]]
    assert {row[0] for row in rows} == {reading.name for reading in READINGS}
    leads = [float(row[2]) for row in rows]
    assert leads == sorted(leads) and ["C" in row[0] for row in rows] == [False] * 8 + [True] * 8
    assert text.startswith("LEAKY: ") and "C  scale (U5): min-max of each image | min-max of the training set" in text
    flat = " ".join(text.split())
    noise = "A difference between readings within the spread of seeds is noise"
    for words in ("tier: phantom", "E = ABCD (I = ABCDE)", "probably too narrow", noise, "Not in these runs: much."):
        assert words in flat


def test_edge_a_lone_model_or_no_reference_is_refused():
    with pytest.raises(ValueError, match="records must be pairs of hybrid and CNN, got BCDE with hybrid"):
        report.specify([r for r in world() if not (r["arm"]["name"] == "BCDE" and r["arm"]["role"] == "CNN")])
    with pytest.raises(ValueError, match="records must hold the reference reading at seed 0, got none"):
        report.specify([r for r in world() if r["arm"]["name"] != "reference"])


# --- the figure -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records():
    return world(lambda reading, seed: (7 * len(reading.name) + 5 * seed) % 11 - 4)


@pytest.fixture(scope="module")
def picture(records):
    drawn = figure.curves(records)
    drawn.draw_without_rendering()
    return drawn


def overlapping(boxes):
    return [(one, other) for i, one in enumerate(boxes) for other in boxes[i + 1 :] if one.overlaps(other)]


def test_nothing_is_cut_and_no_panel_or_label_lies_over_another(picture):
    def inside(box):
        page = picture.bbox
        return page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1

    labels = [text for axis in picture.axes for text in (*axis.get_yticklabels(), *axis.texts) if text.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    assert len(boxes) > 40 and all(map(inside, boxes))
    box = boxes[0]
    assert not inside(box.translated(-picture.bbox.width, 0))
    panels = [axis.get_tightbbox() for axis in picture.axes]
    panels += [picture.legends[0].get_window_extent(), picture._suptitle.get_window_extent()]
    assert all(map(inside, panels)) and not overlapping(panels) and overlapping([*panels, panels[0]])
    for axis in picture.axes:
        assert not overlapping([text.get_window_extent() for text in axis.texts])


def test_leads_are_sorted_and_stand_with_their_interval_beside_the_printed_one(records, picture):
    found = report.specify(records)
    for metric, axis in zip(conventions.METRICS, picture.axes[:3]):
        specs = found.of(metric)
        points = {}
        for line in axis.lines[:4]:
            look = line.get_marker() == "s", line.get_markerfacecolor() != "none"
            points |= {x: (y, *look) for x, y in zip(line.get_xdata(), line.get_ydata())}
        assert [points[x][0] for x in range(len(specs))] == sorted(spec.lead.value for spec in specs)
        for x, spec in enumerate(specs):
            assert points[x][1:] == (spec.reading == REFERENCE, spec.lead.low > 0 or spec.lead.high < 0)
        ends = [tuple(path.vertices[:, 1]) for path in axis.collections[0].get_paths()]
        assert ends == [(spec.lead.low, spec.lead.high) for spec in specs]
        printed = report.PRINTED[metric].margins()["CNN"]
        assert any(list(line.get_ydata()) == [printed] * 2 for line in axis.lines)
        assert [text.get_text() for text in axis.texts] == [f"printed\n{printed:+.1f}"]
        leads, (band,) = found.leads_of_seeds(metric), axis.patches
        assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((min(leads), max(leads)))


def test_dots_say_which_reading_and_convention_each_lead_has(records, picture):
    found = report.specify(records)
    choices, rules = picture.axes[6:9], picture.axes[9:12]
    for metric, choice_axis, rule_axis in zip(conventions.METRICS, choices, rules):
        specs = found.of(metric)
        rows = [list(line.get_ydata()) for line in choice_axis.lines]
        assert rows == [[2 * i + s.reading.changed(c) for s in specs] for i, c in enumerate(CHOICES)]
        names = [text.get_text() for text in rule_axis.get_yticklabels()]
        assert [names[row] for row in rule_axis.lines[0].get_ydata()] == [spec.convention.name for spec in specs]
    names = [text.get_text() for text in choices[0].get_yticklabels()]
    assert names[:2] == ["A  kernel: Gaussian, σ 0.5", "median 3 × 3"] and len(names) == 10


def test_models_are_told_apart_without_colour(picture):
    words = [text.get_text() for text in picture.legends[0].get_texts()]
    handles = dict(zip(words, picture.legends[0].legend_handles))
    looks = {(handles[m].get_marker(), handles[m].get_markerfacecolor() == "none") for m in ("hybrid", "CNN")}
    assert len(looks) == 2 and len(words) == len(set(words))
    assert any("a difference as small is noise" in word for word in words)


def test_save_writes_a_whole_png_with_its_caption(records, tmp_path):
    path = tmp_path / "multiverse.png"
    figure.save(records, path)
    pixels = png_reader.imread(io.BytesIO(path.read_bytes()), format="png")
    assert pixels.shape[1] > 2000 and pixels[..., 3].min() == 0
    assert not pixels[[0, -1], :, 3].any() and not pixels[:, [0, -1], 3].any(), "no ink touches the edge"
    from PIL import Image

    with Image.open(path) as image:
        caption = image.info["Description"]
    assert caption == figure.caption(records) and "tier: phantom" in caption and "is noise" in caption
    assert not pyplot.get_fignums() and [p.name for p in tmp_path.iterdir()] == ["multiverse.png"]


# --- the runs ---------------------------------------------------------------------------------


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setitem(running.PRESETS, "quick", TINY)


@pytest.fixture(scope="module")
def split():
    return phantom_split(24, 12, 24, size=32)


@pytest.fixture
def made(quiet, split, tmp_path):
    facts = experiment.describe(split) | {"key": "phantom", "leaks": [], "leaks_allowed": False}
    return running.Plan(split, facts, "quick", torch.device("cpu"), tmp_path)


def run(plan, *names, **more):
    wanted = [running.Job(reading, 0) for name in names for reading in READINGS if reading.name == name]
    return running.run_all(plan, wanted, progress=None, **more)


def test_a_record_is_a_runs_record_with_pixels_that_give_its_dice(made):
    hybrid, cnn = run(made, "DE")
    assert (hybrid["model"], cnn["model"]) == ("hybrid, as printed", "CNN")
    for record in (hybrid, cnn):
        convention, row = conventions.of("Dice")[0], record["result"][-1]
        assert conventions.value(convention, record) == pytest.approx(100 * row["dice"]["value"])
        assert conventions.value(conventions.of("accuracy")[0], record) == pytest.approx(row["accuracy"]["value"])
        assert record["test_opened"] == 5 + 1 and record["study"] == "multiverse"
        assert record["settings"]["epochs"] == 5 and record["settings"]["augment"] is None
        assert record["data"]["train"] == 24 and record["arm"]["copies"] == "made once, fivefold"
    assert sorted(p.name for p in made.out.glob("*.json")) == ["DE-CNN-seed0.json", "DE-hybrid-seed0.json"]
    assert not list((made.out / "checkpoints").iterdir())


def test_copies_made_once_are_of_the_training_side_and_cost_as_many_steps(made, split):
    copied, reference = (running.task_of(made, reading) for reading in (READINGS[1], REFERENCE))
    assert READINGS[1].name == "DE" and len(copied.image) == len(copied.train) == 5 * len(split.train)
    assert torch.equal(copied.image[::5], reference.image) and not torch.equal(copied.image[1::5], reference.image)
    assert torch.equal(copied.train.label, split.train.label.repeat_interleave(5))
    moved = copied.train.mask[2::5]  # the copy that is flipped left to right
    assert torch.equal(moved, split.train.mask.flip(-1)) and not torch.equal(moved, split.train.mask)
    for side in ("val_image", "facts"):
        one, other = getattr(copied, side), getattr(reference, side)
        assert torch.equal(one, other) if torch.is_tensor(one) else one == other
    for number in (546, 600):
        steps = [5 * -(-5 * number // 32), 25 * -(-number // 32)]
        assert abs(steps[0] / steps[1] - 1) < 0.06
    once, anew = made.settings(READINGS[1]), made.settings(REFERENCE)
    assert (once.epochs * 5, once.augment) == (anew.epochs, None) and anew.augment is not None


def test_readings_see_other_images(made):
    seen = [running.task_of(made, reading).val_image for reading in READINGS]
    prepared = {reading.preparation(): image for reading, image in zip(READINGS, seen)}
    assert len(prepared) == 8
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(prepared.values(), 2))


def test_what_is_there_is_not_run_again_and_processes_share_the_readings(made, monkeypatch, capsys):
    both = run(made, "BD", "DE")
    monkeypatch.setattr(experiment, "run", lambda *a, **k: pytest.fail("trained again"))
    assert run(made, "BD", "DE") == both
    path = made.out / "DE-CNN-seed0.json"
    whole = path.read_text(encoding="utf-8")
    path.unlink()
    assert len(run(made, "BD", "DE", rank=0, processes=2)) == 3  # the other process has DE
    path.write_text(whole, encoding="utf-8")
    assert run(made, "BD", "DE") == both
    assert "Run 4 of 4: reading DE, CNN, seed 0" in capsys.readouterr().err


def test_a_stopped_run_goes_on_to_the_same_bits(made, monkeypatch):
    before, real, calls = signal.signal(signal.SIGINT, signal.default_int_handler), experiment.evaluate, []

    def press(*arguments):
        calls.append(1)
        if len(calls) == 8:  # in the second run, at its third row
            signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(experiment, "evaluate", press)
    try:
        with pytest.raises(Interrupted):
            run(made, "DE")
    finally:
        signal.signal(signal.SIGINT, before)
    assert [path.name for path in made.out.glob("*.json")] == ["DE-hybrid-seed0.json"]
    stopped = run(made, "DE")
    assert len(calls) == 8 + 3, "two rows were there; the third was measured again"
    whole = run(dataclasses.replace(made, out=made.out / "whole"), "DE")
    for one, other in zip(stopped, whole, strict=True):
        assert {**one, "clock": 0, "test_opened": 0} == {**other, "clock": 0, "test_opened": 0}


@pytest.mark.parametrize("change, message", [
    ({"seed": 3}, "is a record of another run"),
    ({"arm": {}}, "is a record of another reading"),
    ({"protocol": {}}, "is a record of another protocol"),
    ({"settings": {"epochs": 5}}, "is a record of another settings"),
    ({"counts": {"pred": [], "target": [], "overlap": []}}, "lacks the pixels of some images"),
    ({"counts": {}}, "is no record of the multiverse"),
    (None, "is no record of the multiverse"),
])  # fmt: skip
def test_another_runs_record_is_refused_before_any_training(made, monkeypatch, change, message):
    job, fake = running.Job(REFERENCE, 0), planted(REFERENCE, "hybrid")
    good = fake | {
        "data": made.facts, "protocol": made.described(REFERENCE),
        "settings": json.loads(json.dumps(experiment.settings_of(made.settings(REFERENCE)))),
        "counts": {key: [0] * made.facts["test"] for key in ("pred", "target", "overlap")},
    }  # fmt: skip
    path = made.path(job, "hybrid")
    path.write_text(json.dumps(good), encoding="utf-8")
    assert running.read(path, made, job, "hybrid")["seed"] == 0
    path.write_text("{" if change is None else json.dumps(good | change), encoding="utf-8")
    monkeypatch.setattr(experiment, "run", lambda *a, **k: pytest.fail("trained before it looked"))
    with pytest.raises(ValueError, match=f"reference-hybrid-seed0.json {message}; delete it"):
        run(made, "reference")


# --- the command ------------------------------------------------------------------------------


def untrained(model, *arguments, on_epoch, at_epochs, **more):
    """In place of `fit`: measure the first weights, and learn nothing."""
    from medkit.history import History

    row = {"seconds": 0.0, "loss": 1.0, "label": 1.0, "dice": 1.0, "bce": 1.0}
    return History([{"epoch": epoch, **row, **on_epoch(epoch, model)} for epoch in sorted(at_epochs)])


def test_the_command_makes_all_runs_a_text_and_a_figure_and_then_only_reads(quiet, tmp_path, monkeypatch, capsys):
    four = tuple(reading for reading in READINGS if reading.name in ("reference", "AB", "CD", "DE"))
    monkeypatch.setattr(running, "READINGS", four)
    monkeypatch.setattr(experiment, "fit", untrained)
    monkeypatch.setattr(command.reproduce, "RESULTS", tmp_path)
    arguments = ["--data", "phantom", "--preset", "quick", "--device", "cpu"]
    assert command.main(arguments) == 0
    out, here = capsys.readouterr(), tmp_path / "multiverse-phantom-quick"
    assert "Run 12 of 12: reading reference, CNN, seed 2" in out.err and len(list(here.glob("*.json"))) == 12
    text = (here / "multiverse.txt").read_text(encoding="utf-8")
    assert text.strip() in out.out and "4 readings, 40 specifications" in text and "3 seeds of the reference" in text
    assert (here / "multiverse.png").stat().st_size > 10_000
    assert command.main(arguments) == 0
    again = capsys.readouterr()
    assert "Run " not in again.err and again.out == out.out


def test_the_command_says_what_is_wrong_in_one_sentence(quiet, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    assert command.main(["--data", "us", "--device", "cpu", "--out", str(tmp_path)]) == 2
    assert "medkit: us needs the environment variable MEDKIT_DATA" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["--data", "ct"])  # no masks, no Dice
    assert command.parse(["--seeds", "4", "4", "5"]).seeds == [4, 5] and command.parse([]).data == "us"
    jobs = running.jobs([4, 5])
    assert [job.seed for job in jobs] == [4] * 16 + [5] and len(set(jobs)) * len(running.ROLES) == 34
