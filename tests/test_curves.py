"""Learning curves: the records' own numbers, told apart without colour, and nothing cut or laid over another."""

import io
import math
import statistics

import numpy as np
import pytest
from made_up import made_up
from made_up_set import made_up_set
from matplotlib import colors, pyplot
from matplotlib import image as png_reader

from medkit import curves, paper, table
from medkit.evidence import value_of
from medkit.runs import by_model, linear_of, most_frequent

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def records():
    return made_up_set(seeds=(0, 1, 2), n=90, units=45)


@pytest.fixture(scope="module")
def picture(records):
    found = curves.learning_curves(records)
    found.draw_without_rendering()
    return found


def panel(picture, unit):
    return next(axis for axis in picture.axes if axis.get_ylabel().startswith(unit))


def line(axis, model):
    """The line of a model, by its look: no panel has a legend of its own."""
    wanted = curves.STYLES[model]["color"]
    return next(line for line in axis.lines if line.get_color() == wanted)


def luminance(colour):
    value = np.array(colors.to_rgb(colour))
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


# --- the numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("metric, unit", [("accuracy", "accuracy, %"), ("dice", "Dice, %"), ("f1", "F1, %")])
def test_a_line_is_the_mean_over_seeds_and_its_band_the_tables_interval(records, picture, metric, unit):
    axis = panel(picture, unit)
    block = next(block for block in table.BLOCKS if block.metric == metric)
    for band, (model, runs) in zip(axis.collections, by_model(records).items(), strict=True):
        values = [statistics.fmean(run["result"][i][metric]["value"] for run in runs) * block.factor for i in range(5)]
        drawn = line(axis, model)
        assert drawn.get_ydata() == pytest.approx(values, abs=1e-3) and list(drawn.get_xdata()) == [2, 4, 6, 8, 10]
        corners = band.get_paths()[0].vertices
        for row, epoch in enumerate((2, 4, 6, 8, 10)):
            interval = value_of(runs, metric, row)
            at = corners[corners[:, 0] == epoch][:, 1]
            assert (at.min(), at.max()) == pytest.approx((100 * interval.low, 100 * interval.high))


def test_the_loss_has_every_epoch_and_a_band_from_seed_to_seed(records, picture):
    axis = panel(picture, "training loss")
    runs = by_model(records)["U-Net"]
    losses = [[row["loss"] for row in run["loss"]] for run in runs]
    assert line(axis, "U-Net").get_ydata() == pytest.approx([statistics.fmean(values) for values in zip(*losses)])
    found = curves.loss_of(runs)
    assert found.low == pytest.approx(np.min(losses, 0)) and found.high == pytest.approx(np.max(losses, 0))
    assert all(map(math.isnan, curves.loss_of(runs[:1]).low))  # one seed has no range


def test_the_papers_values_stand_beside_thin_and_grey(picture):
    for unit, printed in (("accuracy", paper.ACCURACY), ("Dice", paper.DICE), ("F1", paper.F1)):
        thin = [line for line in panel(picture, unit).lines if line.get_linewidth() < 1]
        assert {tuple(line.get_ydata()) for line in thin} == set(printed.column.values())
        by_marker = {line.get_marker(): tuple(line.get_ydata()) for line in thin}
        assert all(by_marker[curves.STYLES[model]["marker"]] == printed.column[model] for model in paper.MODELS)
        assert {line.get_color() for line in thin} == {curves.INK}


def flat(axis):
    """The heights of the lines that reach from edge to edge."""
    return [line.get_ydata()[0] for line in axis.lines if list(line.get_xdata()) == [0, 1]]


def test_baselines_are_lines_or_words_but_always_there(records, picture):
    always = most_frequent(records[0]["data"])
    linear = 100 * value_of([linear_of(records)], "accuracy").value
    assert flat(panel(picture, "accuracy")) == pytest.approx([linear, always["accuracy"]])
    high = made_up_set(seeds=(0,), n=90)
    for record in high[:-1]:
        for row in record["result"]:
            row["pred"] = list(record["data"]["truth"]["label"])  # never wrong: 33 is far away
    axis = panel(curves.learning_curves(high), "accuracy")
    assert not flat(axis) and axis.get_ylim()[0] > 60
    assert axis.get_xlabel().startswith("epoch\nfar below this range: linear baseline 3")
    assert axis.get_xlabel().endswith(f", most frequent class {always['accuracy']:.1f}")


def test_a_set_shows_the_panels_that_it_has_numbers_for():
    def units(records):
        return [axis.get_ylabel() for axis in curves.learning_curves(records).axes if axis.axison]

    records = made_up_set(seeds=(0,), k=2, masks=False)
    assert units(records) == ["accuracy, %", "F1, % (macro)", "training loss, no unit"]
    for record in records:
        record["data"]["dominated"] = True
    assert units(records)[0] == "balanced accuracy, %"
    assert units([made_up("CNN", 0)]) == ["accuracy, %", "Dice, %", "F1, % (macro)"]  # an old record without losses
    records = made_up_set(seeds=(0,))
    for record in records:
        record["data"]["truth"]["scored"] = [False] * 60
        for row in record["result"]:
            row |= dict.fromkeys(("accuracy", "balanced_accuracy", "auroc", "f1"))
    assert units(records) == ["Dice, %", "training loss, no unit"]
    for record in records:
        record["data"]["masks"] = False
        del record["loss"]
        for row in record["result"]:
            row["dice"] = None
    with pytest.raises(ValueError, match="records must hold accuracy, Dice, F1 or losses, got none"):
        curves.learning_curves(records)


# --- to be read -------------------------------------------------------------------------------


def test_models_are_told_apart_without_colour_and_seen_on_white_and_on_dark():
    looks = list(curves.STYLES.values())
    assert set(curves.STYLES) == set(paper.MODELS)
    for key in ("color", "marker", "linestyle"):
        assert len({look[key] for look in looks}) == 4
    for colour in (curves.INK, *(look["color"] for look in looks)):
        light = luminance(colour) + 0.05
        on_white, on_dark = 1.05 / light, light / (luminance("#111111") + 0.05)
        assert min(on_white, on_dark) >= 2.9, f"{colour}: {on_white:.1f} on white, {on_dark:.1f} on dark"


def test_axes_are_labelled_and_the_legend_stands_once(records, picture):
    for axis in picture.axes:
        assert axis.get_xlabel().startswith("epoch") and axis.get_ylabel() and axis.get_title()
        assert axis.get_legend() is None and list(axis.get_xticks()) == [2, 4, 6, 8, 10]
    assert len(picture.legends) == 1
    words = [text.get_text() for text in picture.legends[0].get_texts()]
    assert words[:4] == list(paper.MODELS) and words[-1] == "linear baseline" and len(words) == len(set(words)) == 8
    without = curves.learning_curves([r for r in records if r["model"] != "linear"]).legends[0].get_texts()
    assert "linear baseline" not in [text.get_text() for text in without]


def overlaps(boxes):
    return [(one, other) for i, one in enumerate(boxes) for other in boxes[i + 1 :] if one.overlaps(other)]


@pytest.mark.parametrize("title", ["made up", "a set with a long name, of three hospitals and two scanners " * 3])
def test_nothing_is_cut_and_no_panel_lies_over_another(title):
    records = made_up_set(seeds=(0,), n=90)
    for record in records:
        record["data"]["title"] = title
        for row in record["result"]:
            if record["model"] != "linear":
                row["pred"] = list(record["data"]["truth"]["label"])  # words below the panels, too
    picture = curves.learning_curves(records)
    picture.draw_without_rendering()
    drawn, page = picture.get_tightbbox(), picture.bbox_inches
    assert page.x0 <= drawn.x0 and drawn.x1 <= page.x1 and page.y0 <= drawn.y0 and drawn.y1 <= page.y1
    boxes = [axis.get_tightbbox() for axis in picture.axes]
    boxes += [picture.legends[0].get_window_extent(), picture._suptitle.get_window_extent()]
    assert not overlaps(boxes) and overlaps([*boxes, boxes[0]])


def test_title_and_caption_name_data_tier_n_seeds_and_short_run(records, picture):
    said = picture.get_suptitle()
    assert "short run: 10 of 50 epochs · seeds 0, 1, 2" in said and "tier: phantom" in said and "made up" in said
    caption = curves.caption(records)
    for words in ("made up", "tier: phantom", "n = 90 test images of 45 units (patient)", "seeds 0, 1, 2", "short run"):
        assert words in caption
    assert "95 % interval over seeds and test units" in caption and "linear baseline." in caption
    assert not any(words in caption for words in ("too narrow", "not run", "one seed", "LEAKY"))
    poor = made_up_set(seeds=(0,), linear=False)
    for record in poor:
        record["data"] |= {"unit": "image, patients unknown", "leaks_allowed": True, "leaks": ["a and b"]}
    caption = curves.caption(poor)
    for words in ("probably too narrow", "Linear baseline: not run", "one seed"):
        assert words in caption
    picture = curves.learning_curves(poor)
    assert caption.startswith("LEAKY: ") and picture.get_suptitle().startswith("LEAKY: ")
    assert picture._suptitle.get_fontweight() == "bold"


def test_one_unit_has_no_band():
    axis = panel(curves.learning_curves([made_up("CNN", 0, units=1)]), "accuracy")
    assert not any(np.isfinite(path.vertices).any() for path in axis.collections[0].get_paths())


# --- the file ---------------------------------------------------------------------------------


def test_save_writes_a_whole_png_with_its_caption_and_leaves_no_figure_open(records, tmp_path):
    path = tmp_path / "new" / "curves.png"
    curves.save(records, path)
    pixels = png_reader.imread(io.BytesIO(path.read_bytes()), format="png")
    assert pixels.shape[0] > 800 and pixels.shape[1] > 1200
    assert pixels[..., 3].min() == 0, "the ground is the page's"
    assert not pixels[[0, -1], :, 3].any() and not pixels[:, [0, -1], 3].any(), "no ink touches the edge"
    from PIL import Image

    with Image.open(path) as image:
        assert image.info["Description"] == curves.caption(records)
    assert not pyplot.get_fignums() and [p.name for p in path.parent.iterdir()] == ["curves.png"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "curves.png"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        curves.save([made_up("CNN", 0)], path)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["curves.png"]


def test_edge_records_that_do_not_belong_together(records):
    with pytest.raises(ValueError, match="records must share their settings"):
        curves.learning_curves([*records, made_up("CNN", 5)])
