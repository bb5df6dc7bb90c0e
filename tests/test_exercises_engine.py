"""How checks, hints, solutions and the record of progress behave, with hostile answers too."""

from __future__ import annotations

import errno
import functools
import html.parser
import importlib.util
import inspect
import json
import linecache
import os
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

import medkit.denoise
import medkit.normalise
from medkit.exercises import (
    EXERCISES,
    ExerciseError,
    UnknownExercise,
    check,
    denoise,
    engine,
    hint,
    progress,
    run,
    solution,
    store,
    values,
    verdict,
)
from medkit.exercises.denoise.mistakes import sum_by_windows
from medkit.exercises.run import same_code
from medkit.exercises.verdict import Outcome

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("MEDKIT_PROGRESS", str(path))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)
    return path


def right_sum(image, kernel):
    return sum_by_windows(image, kernel)


def typed(source: str, name: str):
    """Run a cell's text as Jupyter does: with its lines registered, so that errors can show them."""
    file = f"<cell {abs(hash(source))}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"torch": torch, "__name__": "__main__"}
    exec(compile(source, file, "exec"), names)
    return names[name]


class Balanced(html.parser.HTMLParser):
    """Collects tags, and refuses HTML that closes what it did not open."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.seen = [], set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.seen.add(tag)
        assert all(not name.startswith("on") for name, _ in attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


# --- the four outcomes --------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [..., None, NotImplemented])
@pytest.mark.parametrize("exercise_id", list(EXERCISES))
def test_nothing_handed_in_is_not_attempted(exercise_id, nothing):
    assert check(exercise_id, nothing).outcome is Outcome.NOT_ATTEMPTED
    assert progress().rows[0][-1] == "0"


@pytest.mark.parametrize(
    "body",
    ["...", "pass", "return ...", "return None", "raise NotImplementedError", "return NotImplemented"],
)
def test_empty_bodies_are_not_attempted(body):
    function = typed(f"def weighted_sum(image, kernel):\n    {body}\n", "weighted_sum")
    assert check("1.1", function).outcome is Outcome.NOT_ATTEMPTED


def test_forgotten_return_is_named():
    function = typed("def weighted_sum(image, kernel):\n    total = image.sum()\n", "weighted_sum")
    feedback = check("1.1", function)
    assert feedback.outcome is Outcome.NOT_YET and feedback.mistake == "you forgot the `return`"


def test_an_error_shows_the_students_own_line_and_no_wall():
    source = (
        "def helper(image):\n"
        "    return torch.cat([image, image[:, :2]])\n"
        "\n"
        "def weighted_sum(image, kernel):\n"
        "    k = len(kernel) // 2\n"
        "    return helper(image) * k\n"
    )
    feedback = check("1.1", typed(source, "weighted_sum"))
    assert feedback.outcome is Outcome.RAISED
    details = dict(feedback.verdict.details)
    assert details["line"] == "2: return torch.cat([image, image[:, :2]])"
    assert details["error"].startswith("RuntimeError: Sizes of tensors must match")
    assert "Traceback" not in repr(feedback) and "medkit" not in repr(feedback)


def test_an_error_inside_a_library_shows_the_line_that_called_it():
    source = "def weighted_sum(image, kernel):\n    return torch.nn.functional.pad(image, (9, 9), 'new')\n"
    feedback = check("1.1", typed(source, "weighted_sum"))
    assert feedback.outcome is Outcome.RAISED, "torch raises NotImplementedError here: that is no stub"
    details = dict(feedback.verdict.details)
    assert details["line"].startswith("2: return torch.nn.functional.pad(")


def test_an_error_without_a_readable_message_and_exit_are_caught():
    class Unreadable(Exception):
        def __str__(self):
            raise ValueError

    def raises(image, kernel):
        raise Unreadable

    def leaves(image, kernel):
        sys.exit(3)

    assert "can't be shown" in repr(check("1.1", raises))
    assert check("1.1", leaves).outcome is Outcome.RAISED
    assert check("1.1", lambda image, kernel: leaves(image, kernel)[0]).outcome is Outcome.RAISED


def test_interrupting_the_kernel_gets_through_and_leaves_no_watcher():
    def stopped(image, kernel):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("1.1", stopped)
    assert sys.getprofile() is None


# --- answers of other types -------------------------------------------------------------------


@pytest.mark.parametrize(
    "turn",
    [torch.Tensor.numpy, torch.Tensor.tolist, torch.Tensor.double, lambda t: t.clone().requires_grad_()],
)
def test_right_numbers_in_another_container_pass(turn):
    assert check("1.1", lambda image, kernel: turn(right_sum(image, kernel))).passed


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text", "must return a torch.Tensor, got str"),
        ({"a": 1}, "must return a torch.Tensor, got dict"),
        ([[1.0], [1.0, 2.0]], "must return a torch.Tensor, got list"),
        (torch.tensor([1j]), "must return a torch.Tensor, got Tensor"),
        (torch.full((1, 2), float("nan")), "NaN or infinite"),
        (torch.zeros(1, 1, 2), r"The shape must be \(1, 2\), yours is \(1, 1, 2\)"),
        (torch.zeros(1, 2, dtype=torch.int64), "can't hold fractions"),
    ],
)
def test_wrong_type_shape_nan_and_dtype_are_said(value, message):
    feedback = check("1.1", lambda image, kernel: value)
    assert feedback.outcome is Outcome.NOT_YET and feedback.mistake is None
    assert re.search(message, repr(feedback))


@pytest.mark.parametrize("answer", [3.0, "weighted_sum", torch.zeros(3), [1, 2]])
def test_no_function_is_said(answer):
    assert "must be the function itself" in repr(check("1.1", answer))


def test_wrong_parameters_are_said_before_anything_runs():
    feedback = check("1.1", lambda image: image)
    assert feedback.outcome is Outcome.NOT_YET and "must take (image, kernel)" in repr(feedback)


@pytest.mark.parametrize("answer", [True, "4", [1, 2], float("nan"), torch.zeros(2), object(), 4j])
def test_no_number_is_said(answer):
    feedback = check("1.3", answer)
    assert feedback.outcome is Outcome.NOT_YET and "number" in repr(feedback)


@pytest.mark.parametrize("answer", [4, 4.0, torch.tensor(4.0), np.float32(4.02), np.array([4])])
def test_numbers_of_all_types_are_taken(answer):
    assert check("1.3", answer).passed


@pytest.mark.parametrize(
    ("answer", "passes"), [("c", True), (" C ", True), ("panel c", True), ("z", False), (3, False)]
)
def test_panels_are_chosen_by_letter(answer, passes):
    feedback = check("1.5", answer)
    assert feedback.passed is passes and feedback.mistake is None


def test_changing_the_argument_in_place_is_named_and_spoils_nothing():
    def in_place(image, kernel):
        result = right_sum(image, kernel)
        image.zero_()
        return result

    first = check("1.1", in_place)
    assert first.outcome is Outcome.NOT_YET and first.mistake == "you changed the argument in place"
    assert "`image`" in repr(first)
    assert check("1.1", in_place).mistake == first.mistake and check("1.1", right_sum).passed


# --- the kit's own function -------------------------------------------------------------------


def cropped(image, kernel):
    k = len(kernel) // 2
    whole = medkit.denoise.filter_image(image, kernel)
    return whole[k : len(image) - k, k : image.shape[1] - k]


def one_step_further(image, kernel):
    return cropped(image, kernel)


READY = {
    "itself": ("1.4", medkit.denoise.mean),
    "partial": ("1.4", functools.partial(medkit.denoise.mean, border="reflect")),
    "lambda": ("1.4", lambda image, size: medkit.denoise.mean(image, size)),
    "wrapper": ("1.1", cropped),
    "wrapper of a wrapper": ("1.1", one_step_further),
    "wraps": ("1.4", functools.wraps(medkit.denoise.mean)(lambda image, size: image)),
    "kernel": ("1.2", lambda sigma, k: medkit.denoise.gaussian_kernel(sigma, 2 * k + 1)),
    "min_max": ("2.1", medkit.normalise.min_max),
    "min_max in a lambda": ("2.1", lambda images: medkit.normalise.min_max(images)),
    "window": ("2.2", lambda hu, level, width: medkit.normalise.ct_window(hu, level, width)),
    "min_max of floats": ("2.4", lambda image: medkit.normalise.min_max(image.float())),
    "test against the kit": (
        "1.6",
        lambda mean: torch.allclose(mean(torch.eye(5), 3), medkit.denoise.mean(torch.eye(5), 3)),
    ),
    "the exercise's own solution": ("1.1", denoise.weighted_sum),
}


@pytest.mark.parametrize("how", READY)
def test_ready_made_functions_are_told_apart(how):
    exercise_id, answer = READY[how]
    feedback = check(exercise_id, answer)
    assert feedback.outcome is Outcome.NOT_YET and feedback.mistake == "you handed in a ready-made function"
    assert "does not count" in repr(feedback)


def test_library_filters_are_told_apart():
    ndimage = pytest.importorskip("scipy.ndimage")
    answer = lambda image, size: torch.as_tensor(ndimage.uniform_filter(image.numpy(), size))  # noqa: E731
    assert "`scipy.ndimage" in repr(check("1.4", answer))


def test_importing_the_kit_without_calling_it_is_fine():
    def honest(image, kernel):
        import medkit.denoise  # noqa: F401

        return right_sum(image, kernel)

    assert check("1.1", honest).passed


# --- tests that students write ----------------------------------------------------------------


def test_score_counts_the_wrong_versions_that_die():
    def half_a_test(mean):
        assert mean(torch.ones(5, 6), 3).mean() > 0.9

    feedback = check("1.6", half_a_test)
    assert feedback.outcome is Outcome.NOT_YET and "of 9 wrong versions die" in repr(feedback)
    assert "One that still lives: «" in repr(feedback)


def test_a_test_that_never_calls_is_named():
    def elsewhere(mean):
        assert torch.ones(2).sum() == 2

    assert check("1.6", elsewhere).mistake == "your test never calls the function"


def test_a_test_that_refuses_every_right_version_is_told_which_line():
    source = "def test_mean(mean):\n    image = torch.eye(5)\n    assert mean(image, 3).sum() == 77\n"
    feedback = check("1.6", typed(source, "test_mean"))
    assert feedback.mistake == "your test refuses right versions"
    assert dict(feedback.verdict.details)["line"] == "3: assert mean(image, 3).sum() == 77"


def test_a_test_that_fails_by_itself_has_raised():
    assert check("1.6", lambda mean: mean(torch.eye(5), 3)[99]).outcome is Outcome.RAISED


def test_a_test_may_return_false_in_place_of_asserting():
    assert not check("1.6", lambda mean: bool(mean(torch.eye(5), 3).sum() == 77)).passed
    assert "refuses" in repr(check("1.6", lambda mean: mean(torch.eye(5), 3).sum() == 77))


# --- what is shown ----------------------------------------------------------------------------

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>`<b>`"


def evil_error(image, kernel):
    raise ValueError(EVIL)


EVIL_NAMED = typed(f"def f(image, kernel):\n    raise ValueError()  # {EVIL}\n", "f")


class EvilType:
    pass


EvilType.__name__ = EVIL


@pytest.mark.parametrize(
    ("exercise_id", "answer"),
    [
        ("1.1", evil_error),
        ("1.1", EVIL_NAMED),
        ("1.1", lambda image, kernel: EvilType()),
        ("1.1", EvilType()),
        ("1.3", EVIL),
        ("1.5", EVIL),
        ("1.6", lambda mean: evil_error(mean(torch.eye(5), 3), 0)),
    ],
)
def test_what_a_student_wrote_never_becomes_markup(exercise_id, answer):
    shown = check(exercise_id, answer)._repr_html_()
    assert "&lt;script&gt;" in shown
    assert Balanced(shown).seen <= {"div", "b", "pre", "code"}
    assert "<b>`" not in shown and "<script" not in shown and "<img" not in shown


def test_balanced_can_fail():
    with pytest.raises(AssertionError):
        Balanced("<div><b></div>")
    with pytest.raises(AssertionError):
        Balanced("<div onclick=x></div>")


@pytest.mark.parametrize(
    ("answer", "word"),
    [(..., "not attempted"), (1.0, "not yet"), (evil_error, "it raised"), (right_sum, "passed")],
)
def test_outcome_is_a_word_and_a_symbol_never_colour_alone(answer, word):
    feedback = check("1.1", answer)
    for shown in (feedback._repr_html_(), repr(feedback)):
        assert word in shown and feedback.outcome.symbol in shown
    assert "border-left:4px solid var(--jp-" in feedback._repr_html_()
    assert "background:#" not in feedback._repr_html_() and "color:black" not in feedback._repr_html_()


def test_outcomes_have_four_symbols_and_four_colours():
    assert len({outcome.symbol for outcome in verdict.Outcome}) == 4
    assert len({outcome.colour for outcome in verdict.Outcome}) == 4


def test_big_answers_are_cut():
    text = values.show(torch.zeros(300, 300))
    assert len(text) < 1500 and "shape (300, 300)" in text
    assert len(repr(check("1.5", "x" * 10_000))) < 1000
    assert values.show(-(2**900)).startswith("-84527") and values.show(10**5000) == "a whole number of 16610 bits"
    assert "a whole number of 16610 bits" in repr(check("1.3", 10**5000))  # more digits than Python writes out


# --- hints, solution, progress ------------------------------------------------------------------


def test_hints_come_one_at_a_time_and_stay():
    total = len(EXERCISES["1.1"].hints)
    assert [len(hint("1.1").paragraphs) for _ in range(total + 2)] == [1, 2, *[total] * total]
    Balanced(hint("1.1")._repr_html_())


def test_solution_shows_only_after_a_try():
    source = EXERCISES["1.1"].answer
    assert source not in repr(solution("1.1")) and "Try it first" in repr(solution("1.1"))
    check("1.1", ...)
    assert source not in repr(solution("1.1")), "an unsolved stub is no try"
    check("1.1", 3.0)
    card = solution("1.1")
    assert card.code == source and "def weighted_sum" in repr(card)
    Balanced(card._repr_html_())
    check("1.1", right_sum)
    assert row("1.1")[3] == "✓ passed after the solution"


def test_solution_looked_at_after_the_pass_leaves_no_mark():
    check("1.1", right_sum)
    solution("1.1")
    assert row("1.1")[3] == "✓ passed"


def row(exercise_id):
    return next(line for line in progress().rows if line[0] == exercise_id)


def test_progress_counts_tries_up_to_the_pass_and_keeps_a_pass():
    check("1.1", 3.0)
    check("1.1", lambda image, kernel: right_sum(image, kernel) / kernel.numel())
    assert row("1.1")[3:] == ("✗ not yet", "2")
    check("1.1", right_sum)
    check("1.1", 3.0)
    assert row("1.1")[3:] == ("✓ passed", "3")
    table = progress(1)
    assert table.points == 3 and {line[0][0] for line in table.rows} == {"1"}
    assert "3 of 12 points" in repr(table)
    assert Balanced(table._repr_html_()).seen == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert store.load()[0]["1.1"]["mistakes"] == {"you divided by n": 1}


@pytest.mark.parametrize("ask", [lambda i: check(i, 1), hint, solution, progress])
@pytest.mark.parametrize("exercise_id", ["9.9", "", torch, "1.11"])
def test_an_unknown_id_lists_the_ids(ask, exercise_id):
    with pytest.raises(UnknownExercise, match=r"must be one of 0\.1, 1\.1.*got"):
        ask(exercise_id)


@pytest.mark.parametrize("answer", [..., 3.0, evil_error, cropped])
def test_strict_mode_raises_on_anything_but_a_pass(monkeypatch, answer):
    assert not check("1.1", answer).passed
    monkeypatch.setenv("MEDKIT_STRICT", "1")
    with pytest.raises(ExerciseError, match="1.1 The sum of Eq. 1"):
        check("1.1", answer)
    assert check("1.1", right_sum).passed and issubclass(engine.ExerciseError, AssertionError)


# --- the file -----------------------------------------------------------------------------------


def test_progress_is_kept_in_one_json_file(own_progress):
    check("1.1", right_sum)
    content = json.loads(own_progress.read_text(encoding="utf-8"))
    assert content["exercises"]["1.1"]["passed"] is True
    assert [path.name for path in own_progress.parent.iterdir()] == ["progress.json"]


def test_default_file_stands_in_the_checkout_and_is_ignored_by_git(monkeypatch):
    monkeypatch.delenv("MEDKIT_PROGRESS")
    path = store.progress_file()
    assert path.parts[-2:] == (".medkit", "progress.json")
    ignored = (path.parents[1] / ".gitignore").read_text(encoding="utf-8").split()
    assert ".medkit/" in ignored


def test_two_notebooks_share_the_file(own_progress):
    check("1.1", right_sum)
    content = json.loads(own_progress.read_text(encoding="utf-8"))
    content["exercises"]["2.1"] = store.blank() | {"tries": 4}
    content["exercises"]["77.1"] = store.blank()
    own_progress.write_text(json.dumps(content), encoding="utf-8")
    check("1.3", 4)
    entries = json.loads(own_progress.read_text(encoding="utf-8"))["exercises"]
    assert entries["2.1"]["tries"] == 4 and "77.1" in entries and entries["1.3"]["passed"]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'{"version": 99}',
        b'{"version": 1, "exercises": []}',
        b'{"version": 1, "exercises": {"1.1": 3}}',
        b'{"version": 1, "exercises": {"1.1": {"tries": "two"}}}',
        b'{"version": 1, "exercises": {"1.1": {"mistakes": {"x": "y"}}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_set_aside_with_a_sentence(own_progress, damage):
    own_progress.write_bytes(damage)
    feedback = check("1.1", right_sum)
    assert feedback.passed and "set aside as progress.damaged-1.json" in repr(feedback)
    assert (own_progress.parent / "progress.damaged-1.json").read_bytes() == damage
    own_progress.write_bytes(damage)
    assert "damaged-2" in repr(progress())
    assert (own_progress.parent / "progress.damaged-1.json").read_bytes() == damage
    assert check("1.3", 4).notes == ()


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["os.fsync", "os.replace"])
def test_a_full_disk_loses_nothing_and_leaves_nothing_half_written(own_progress, monkeypatch, where):
    check("1.1", right_sum)
    before = own_progress.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(f"medkit._files.{where}", full_disk)
        feedback = check("1.3", 4)
        assert feedback.passed and "could not be saved" in repr(feedback)
        assert "No space left" in repr(feedback)
        assert row("1.3")[3] == "✓ passed"
        assert own_progress.read_bytes() == before
    assert [path.name for path in own_progress.parent.iterdir()] == ["progress.json"]
    check("1.5", "c")
    entries = json.loads(own_progress.read_text(encoding="utf-8"))["exercises"]
    assert set(entries) == {"1.1", "1.3", "1.5"}, "what could not be saved goes with the next save"


def test_a_place_that_cannot_be_written_still_answers(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "file" / "progress.json"))
    assert "could not be saved" in repr(check("1.1", 3.0))
    assert "def weighted_sum" in repr(solution("1.1")), "the try counts, saved or not"
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path))
    assert "could not be" in repr(check("1.1", right_sum)) and hint("1.1").paragraphs


def test_a_damaged_file_that_cannot_be_moved_is_never_written_over(own_progress, monkeypatch):
    own_progress.write_bytes(b"{precious")
    monkeypatch.setattr("medkit.exercises.store.os.rename", full_disk)
    feedback = check("1.1", right_sum)
    assert feedback.passed and "could not be set aside" in repr(feedback)
    assert own_progress.read_bytes() == b"{precious"


def test_killed_while_saving_the_file_stays_whole(own_progress):
    program = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('store', sys.argv[1])\n"
        "store = importlib.util.module_from_spec(spec); spec.loader.exec_module(store)\n"
        "print('ready', flush=True)\n"
        "while True: store.update('1.1', lambda e: e.update(tries=e['tries'] + 1))\n"
    )
    environment = os.environ | {"MEDKIT_PROGRESS": str(own_progress)}
    tries = []
    for delay in (0.02, 0.05, 0.08, 0.11, 0.14):
        command = [sys.executable, "-c", program, importlib.util.find_spec("medkit.exercises.store").origin]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(delay)
            process.kill()
        tries.append(json.loads(own_progress.read_text(encoding="utf-8"))["exercises"]["1.1"]["tries"])
    assert tries == sorted(tries) and tries[-1] > tries[0] > 0


# --- the watcher ----------------------------------------------------------------------------------


def test_watching_puts_an_earlier_profiler_back():
    seen = []

    def profiler(frame, event, argument):
        seen.append(event)

    sys.setprofile(profiler)
    try:
        run.run(right_sum, (torch.ones(3, 3), torch.ones(3, 3)), ("medkit.denoise",))
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


def test_belongs_goes_by_whole_words():
    assert run.belongs("medkit.denoise", ("medkit.denoise",))
    assert run.belongs("scipy.ndimage._x", ("scipy.ndimage",))
    assert not run.belongs("medkit.denoiser", ("medkit.denoise",)) and not run.belongs("sci", ("scipy",))


def test_checks_work_in_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(check("1.1", right_sum)))
    thread.start()
    thread.join()
    assert found[0].passed


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_an_answer_on_the_gpu_is_taken():
    assert check("1.1", lambda image, kernel: right_sum(image, kernel).cuda()).passed


def through_torch(x, n):
    """Clip what is below zero, then add n times; the file imports torch, a notebook's cell may not."""
    y = torch.where(x > 0, x, torch.zeros_like(x))
    for _ in range(n):
        y = y + torch.clamp(x, min=0)
    return y


def test_a_function_is_known_again_in_a_cell_that_does_not_import_torch():
    source, names = inspect.getsource(through_torch), {}
    exec(compile(source, "a cell", "exec"), names)
    assert same_code(names["through_torch"], through_torch)
    for change in (("x > 0", "x < 0"), ("min=0", "min=1"), ("torch.clamp", "torch.clip")):
        exec(compile(source.replace(*change), "a cell", "exec"), names)
        assert not same_code(names["through_torch"], through_torch), change
