"""What the sliders of notebook 10 do: a device with a queue, mean and median, and Table 6 against a clock."""

from __future__ import annotations

import copy
import functools
import statistics
from typing import NamedTuple

import ipywidgets
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn
from tqdm.auto import trange

from medkit import figure, lesson, paper
from medkit.blocks import drawn_by
from medkit.data.phantom import phantom
from medkit.experiment import MODELS, report_epochs
from medkit.normalise import min_max
from medkit.settings import Settings
from medkit.timing import batch_seconds, synchroniser
from medkit.training import epoch_order, fit
from medkit.widgets.controls import linked, menu, pick, slider

TRUTH = 10.0  # milliseconds that a run of the made-up series takes when nothing disturbs it
BATCHES = {"1": 1, "16": 16}  # images at once, of those that the real clock times


# ---- a device with a queue


def queue_picture(jobs: int, queueing: float, work: float) -> str:
    """Return what program and device do, job by job, with two clocks stopped, as an HTML figure.

    Args:
        jobs: how many are handed over, 1 or more.
        queueing: milliseconds that the program takes to hand one over, > 0.
        work: milliseconds that the device takes for one, > 0.

    Raises:
        ValueError: a number outside its range.
    """
    for name, value in (("jobs", jobs), ("queueing", queueing), ("work", work)):
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}; nothing takes no time")
    handed, started = queue_times(jobs, queueing, work)
    stopped, waited = handed[-1], started[-1] + work
    picture = figure.row(_queue_panel(handed, started, queueing, work, stopped, waited), inches=7)
    picture.set_figheight(3.2)
    return figure.as_html(
        picture,
        alt=f"Two rows of bars over time: {jobs} jobs handed over by a program, and worked off by a device",
        caption=f"{jobs} jobs, {queueing:g} ms to hand one over, {work:g} ms of work each. A clock that does not wait "
        f"shows {stopped:g} ms, one that waits {waited:g} ms: {waited / stopped:.1f} times as much. A drawing, no data.",
        tier="phantom",
    )


def queue_times(jobs: int, queueing: float, work: float) -> tuple[list[float], list[float]]:
    """Return when each job has been handed over, and when the device starts it."""
    handed, started, free = [], [], 0.0
    for job in range(jobs):
        handed.append((job + 1) * queueing)
        started.append(max(handed[-1], free))
        free = started[-1] + work
    return handed, started


def explore_queue() -> ipywidgets.VBox:
    """Return sliders for `queue_picture`."""
    return linked(
        {
            "jobs": slider(ipywidgets.IntSlider, 5, 1, 10, 1, "jobs"),
            "queueing": slider(ipywidgets.FloatSlider, 0.5, 0.5, 10.0, 0.5, "handing over (ms)"),
            "work": slider(ipywidgets.FloatSlider, 6.0, 0.5, 12.0, 0.5, "work (ms)"),
        },
        queue_picture,
    )


def _queue_panel(
    handed: list[float], started: list[float], queueing: float, work: float, stopped: float, waited: float
) -> figure.Panel:
    def draw(axis: Axes) -> None:
        look = {"edgecolor": figure.INK, "linewidth": 1}
        axis.broken_barh([(end - queueing, queueing) for end in handed], (1.15, 0.7), facecolor=figure.BLUE, **look)
        axis.broken_barh([(start, work) for start in started], (0.15, 0.7), facecolor=figure.ORANGE, hatch="//", **look)
        for time, style in ((stopped, ":"), (waited, "--")):
            axis.axvline(time, color=figure.INK, linestyle=style, linewidth=2)
        axis.set_yticks([0.5, 1.5], labels=["device works", "program hands over"])
        axis.set_xlim(0, 1.05 * waited)
        _labelled(axis, "", "milliseconds\ndotted: stopped without waiting, dashed: stopped when the device is done")

    return draw


# ---- mean and median


def repeats_picture(warm_up: int, repeats: int, outliers: bool) -> str:
    """Return a made-up series of times | what the first run, the mean and the median say, as an HTML figure.

    Args:
        warm_up: runs that don't count, 0 ... 10.
        repeats: runs that count, 3 ... 60.
        outliers: True lets other work disturb a run now and then.

    Raises:
        ValueError: a number outside its range.
    """
    if not 0 <= warm_up <= 10:
        raise ValueError(f"warm_up must lie in 0 ... 10, got {warm_up}; the series is slow for four runs")
    if not 3 <= repeats <= 60:
        raise ValueError(f"repeats must lie in 3 ... 60, got {repeats}; the series has 70 runs")
    times = made_up_times(outliers)[: warm_up + repeats]
    counted = times[warm_up:]
    says = {"first run": times[0], "mean": counted.mean(), "median": np.median(counted)}
    low, high = np.quantile(counted, [0.25, 0.75])
    picture = figure.row(_series_panel(times, warm_up), _says_panel(says), inches=3.6)
    return figure.as_html(
        picture,
        alt=f"Times of {len(times)} runs, the first {warm_up} of them left out, and three ways to sum them up as bars",
        caption=f"{repeats} runs after {warm_up} to warm up, {'with' if outliers else 'without'} disturbances: mean "
        f"{says['mean']:.2f} ms, median {says['median']:.2f} ms (quartiles {low:.2f} and {high:.2f}). The undisturbed "
        f"run takes {TRUTH:g} ms. Times made up for this page.",
        tier="phantom",
    )


def made_up_times(outliers: bool) -> np.ndarray:
    """Return 70 times in milliseconds: 10 each and a little noise, the first four slow, some disturbed."""
    rng = np.random.default_rng(4)
    times = TRUTH + rng.normal(0.0, 0.15, 70)
    times[:4] += (52.0, 16.0, 6.0, 2.0)
    disturbed = rng.choice(np.arange(4, 70), 6, replace=False)
    if outliers:
        times[disturbed] += rng.uniform(15.0, 70.0, 6)
    return times


def explore_repeats() -> ipywidgets.VBox:
    """Return sliders and a box for `repeats_picture`."""
    return linked(
        {
            "warm_up": slider(ipywidgets.IntSlider, 0, 0, 10, 1, "warm-up (runs)"),
            "repeats": slider(ipywidgets.IntSlider, 10, 3, 60, 1, "repeats (runs)"),
            "outliers": ipywidgets.Checkbox(True, description="other work disturbs", indent=False),
        },
        repeats_picture,
    )


def _series_panel(times: np.ndarray, warm_up: int) -> figure.Panel:
    def draw(axis: Axes) -> None:
        run = np.arange(1, len(times) + 1)
        axis.plot(run[:warm_up], times[:warm_up], "x", color=figure.INK, markersize=6, label="warm-up")
        axis.plot(run[warm_up:], times[warm_up:], "o", color=figure.BLUE, markersize=4, label="counts")
        axis.set_xlim(0, 71)
        axis.set_ylim(0, 90)
        axis.legend(frameon=False, labelcolor=figure.INK, fontsize=9)
        _labelled(axis, "ms for each run", "run")

    return draw


def _says_panel(says: dict[str, float]) -> figure.Panel:
    def draw(axis: Axes) -> None:
        bars = axis.barh(list(says), list(says.values()), color=figure.BLUE, height=0.6)
        axis.bar_label(bars, fmt=" %.1f", color=figure.INK, fontsize=10)
        axis.axvline(TRUTH, color=figure.ORANGE, linestyle="--", linewidth=2)
        axis.set_xlim(0, 75)
        axis.invert_yaxis()
        _labelled(axis, "what they say", f"ms; dashed: undisturbed, {TRUTH:g} ms")

    return draw


# ---- Table 6 against a clock


class Measured(NamedTuple):
    """Seconds for one image: the median between its quartiles."""

    low: float
    seconds: float
    high: float


def epochs_picture(model: str, batch: str) -> str:
    """Return Table 6's column of a model | what a real clock says of ours, as an HTML figure.

    Args:
        model: one of the paper's four, a name from `paper.MODELS`.
        batch: images processed at once, a name from `BATCHES`.

    Raises:
        ValueError: a name that is not in the menus.
    """
    printed = pick(paper.TIME.column, model, "model")
    found = clock_by_epoch(pick(BATCHES, batch, "batch"))[model]
    fall, change = (100 * (row[-1] / row[0] - 1) for row in (printed, [each.seconds for each in found.values()]))
    picture = figure.row(_printed_panel(printed), _measured_panel(found), inches=3.6)
    return figure.as_html(
        picture,
        alt=f"{model}: seconds for an image by training epoch as Table 6 prints them, and as a clock measures ours",
        caption=f"{model}, {batch} image(s) at once. From the first row to the last Table 6 changes by {fall:+.0f} %, our "
        f"clock by {change:+.0f} %. Bars: quartiles. Our model is small, trained on made-up images, and timed on this "
        "computer's CPU; only the change can be compared.",
        tier="phantom",
    )


def explore_epochs() -> ipywidgets.VBox:
    """Return menus for `epochs_picture`; the models are trained and timed once, when it is first drawn."""
    return linked(
        {
            "model": menu(paper.MODELS, "model", "hybrid"),
            "batch": menu(list(BATCHES), "images at once"),
        },
        epochs_picture,
    )


@functools.cache
def trained_models() -> dict[str, dict[int, nn.Module]]:
    """Train the paper's four models, small, on a few made-up images; keep each as it was at five epochs."""
    image, label, mask = _images()
    epochs = report_epochs(10 if lesson.fast() else 50)
    kept = {}
    for name, kind in MODELS.items():
        with drawn_by(0):
            model = kind(classes=3, width=8)
        kept[name] = {}
        fit(
            model, image[:6], label[:6], mask[:6], Settings(epochs=epochs[-1]), seed=0, at_epochs=epochs, title=name,
            on_epoch=lambda epoch, model, mine=kept[name]: mine.update({epoch: copy.deepcopy(model)}),
        )  # fmt: skip
    return kept


@functools.cache
def clock_by_epoch(batch_size: int) -> dict[str, dict[int, Measured]]:
    """Time every kept model, in turns: whatever else the computer does meets all of them alike.

    Args:
        batch_size: images processed at once, 1 ... 18.
    """
    models = {(name, epoch): model for name, kept in trained_models().items() for epoch, model in kept.items()}
    keys, times = list(models), {key: [] for key in models}
    batch, rounds = _images()[0][:batch_size], 5 if lesson.fast() else 20
    with torch.no_grad():
        for turn in trange(rounds, desc=f"timing {batch_size} at once"):
            for i in epoch_order(len(keys), seed=0, epoch=turn).tolist():
                run = functools.partial(models[keys[i]].eval(), batch)
                times[keys[i]] += batch_seconds(run, 2, 1, synchroniser(batch.device))
    found = {name: {} for name in MODELS}
    for (name, epoch), each in times.items():
        quartiles = statistics.quantiles([second / batch_size for second in each], n=4, method="inclusive")
        found[name][epoch] = Measured(*quartiles)
    return found


@functools.cache
def _images() -> tuple[Tensor, Tensor, Tensor]:
    data = phantom(18, size=32)
    return min_max(data.image), data.label, data.mask


def _printed_panel(printed: tuple[float, ...]) -> figure.Panel:
    def draw(axis: Axes) -> None:
        axis.plot(paper.EPOCHS, printed, "s--", color=figure.ORANGE, linewidth=1.8, markersize=6)
        axis.set_xticks(paper.EPOCHS)
        axis.set_ylim(0, 1.2 * max(printed))
        _labelled(axis, "Table 6: s for an image", "epochs of training")

    return draw


def _measured_panel(found: dict[int, Measured]) -> figure.Panel:
    def draw(axis: Axes) -> None:
        middle = np.array([each.seconds for each in found.values()]) * 1000
        ends = np.array([(one.seconds - one.low, one.high - one.seconds) for one in found.values()]).T * 1000
        axis.errorbar(list(found), middle, yerr=ends, fmt="o-", color=figure.BLUE, linewidth=1.8, capsize=4)
        axis.set_xticks(list(found))
        axis.set_ylim(0, 1.2 * float((middle + ends[1]).max()))
        _labelled(axis, "a clock: ms for an image", "epochs of training")

    return draw


def _labelled(axis: Axes, title: str, below: str) -> None:
    axis.set_box_aspect(0.8 if title else None)  # the queue is as wide as the page
    axis.set_title(title, color=figure.INK, fontsize=11)
    axis.set_xlabel(below, color=figure.INK, fontsize=9)
    axis.set_facecolor("none")
    axis.tick_params(colors=figure.INK, labelsize=9, which="both")
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_edgecolor(figure.INK)
