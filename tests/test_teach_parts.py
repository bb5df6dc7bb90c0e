"""The parts of grading one by one: files found, cells chosen, values sent, deeds refused. Nothing is graded here."""

from __future__ import annotations

import ast
import io
import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkit._check import MedkitInputError
from medkit.exercises import EXERCISES
from medkit.exercises.run import FarAssertion, FarError, error_text, is_placeholder, own_line
from medkit.teach import answer, cells, course, fence, report, returned, sheet, submission, wire
from medkit.teach.submission import Cell

pytestmark = pytest.mark.filterwarnings("error")
STEMS = ["01_denoise", "02_normalise"]
PAGE = course.course()["01_denoise"]


# ---- returned: whose file is which


def find(tmp_path, *files: str):
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", encoding="utf-8")
    found, left_out = returned.find(tmp_path, STEMS)
    return [(one.student, one.stem) for one in found], left_out


@pytest.mark.parametrize(
    ("file", "student", "stem"),
    [
        ("ann_01_denoise.ipynb", "ann", "01_denoise"),
        ("Ann Lee - 01_Denoise.IPYNB", "Ann Lee", "01_denoise"),
        ("ann/01_denoise.ipynb", "ann", "01_denoise"),
        ("ann/01_denoise (1).ipynb", "ann", "01_denoise"),
        ("ann/01_denoise-Copy2.ipynb", "ann", "01_denoise"),
        ("ann/final_01_denoise.ipynb", "ann", "01_denoise"),
        ("ann/my work.ipynb", "ann", None),
        ("submitted/ann/ps1/01_denoise.ipynb", "ann", "01_denoise"),
        ("submitted/ann/01_denoise/answers.ipynb", "ann", "01_denoise"),
        ("Ann Lee_123_assignsubmission_file_/02_normalise.ipynb", "Ann Lee", "02_normalise"),
        ("Ann Lee_123_assignsubmission_file_02_normalise.ipynb", "Ann Lee", "02_normalise"),
        ("leeann_LATE_12345_67890_01_denoise-1.ipynb", "leeann", "01_denoise"),
        ("group_7_01_denoise.ipynb", "group_7", "01_denoise"),
        ("01_denoise/ann/x.ipynb", "ann", "01_denoise"),
        ("01_denoise.ipynb", "(no name)", "01_denoise"),
        ("Zoe\u0308_01_denoise.ipynb", "Zoë", "01_denoise"),
        ("x\x1b[31m_01_denoise.ipynb", "x [31m", "01_denoise"),
        ("zip/ann_01_denoise.ipynb", "zip", "01_denoise"),
    ],
)
def test_student_and_notebook_are_told_from_the_place(tmp_path, file, student, stem):
    assert find(tmp_path, file)[0] == [(student, stem)]


def test_several_names_in_one_folder_are_several_students(tmp_path):
    found, _ = find(tmp_path, "zip/ann_01_denoise.ipynb", "zip/ben_01_denoise.ipynb", "zip/ben_02_normalise.ipynb")
    assert found == [("ann", "01_denoise"), ("ben", "01_denoise"), ("ben", "02_normalise")]


def test_namesakes_stay_two(tmp_path):
    found, _ = find(tmp_path, *(f"Ann Lee_{n}_assignsubmission_file_/01_denoise.ipynb" for n in (12, 34)))
    assert found == [("Ann Lee 12", "01_denoise"), ("Ann Lee 34", "01_denoise")]


def test_of_two_files_the_newer_counts_and_the_other_is_named(tmp_path):
    find(tmp_path, "ann/01_denoise.ipynb", "ann/01_denoise (1).ipynb")
    os.utime(tmp_path / "ann" / "01_denoise (1).ipynb", (1, 1))
    (one,), _ = returned.find(tmp_path, STEMS)
    assert one.path.name == "01_denoise.ipynb" and one.notes == [
        "01_denoise (1).ipynb is older than 01_denoise.ipynb: not read"
    ]


def test_hidden_files_are_passed_over_and_links_are_named_but_not_followed(tmp_path):
    back = tmp_path / "back"
    (tmp_path / "secret_01_denoise.ipynb").write_text("{}", encoding="utf-8")
    back.mkdir()
    (back / "link_01_denoise.ipynb").symlink_to(tmp_path / "secret_01_denoise.ipynb")
    (back / "folder").symlink_to(tmp_path, target_is_directory=True)
    (back / "dir_01_denoise.ipynb").mkdir()
    files = (
        "ann_01_denoise.ipynb",
        ".ipynb_checkpoints/ben_01_denoise.ipynb",
        "__MACOSX/._c_01_denoise.ipynb",
        "a.txt",
    )
    found, left_out = find(back, *files)
    assert found == [("ann", "01_denoise")]
    assert left_out == [
        "folder is a symbolic link: not followed",
        "link_01_denoise.ipynb is a symbolic link: not followed",
    ]


def test_a_folder_without_notebooks_is_one_sentence(tmp_path):
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(MedkitInputError, match="must (be a folder|hold)"):
            returned.find(folder, STEMS)


# ---- submission: any file, and its cells


def write(tmp_path, content: bytes | dict):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[1]", "no notebook"),
        (b"null", "no notebook"),
        (b'{"cells": 3}', "no cells"),
        (b'{"worksheets": []}', "before 2015"),
        (b"[" * 10**6, "nested too deep"),
    ],
)
def test_what_is_no_notebook_says_why(tmp_path, content, words):
    with pytest.raises(submission.Unreadable, match=words):
        submission.read(write(tmp_path, content))


def test_odd_cells_are_named_and_the_rest_is_read(tmp_path):
    odd = [3, None, {}, {"cell_type": "code"}, {"cell_type": "code", "source": [1]},
           {"cell_type": "code", "source": "x" * 60_000}, {"cell_type": "markdown", "source": "text"},
           {"cell_type": "code", "source": ["a = 1\r\n", "b = 2"], "id": ["list"]},
           {"cell_type": "code", "source": "\ud800 = 1"}]  # fmt: skip
    read = submission.read(write(tmp_path, {"cells": odd, "metadata": {"medkit": {"copy": "x", "student": 5}}}))
    assert [cell.source for cell in read.cells] == ["a = 1\nb = 2", "? = 1"]
    assert (read.copy, read.student) == (0, "5")
    assert read.notes == ("cell 4 is no text: not read", "cell 5 is no text: not read", "cell 6 is too long: not read")
    many = submission.read(write(tmp_path, {"cells": [{"cell_type": "code", "source": "1"}] * 1001}))
    assert len(many.cells) == 1000 and "it has 1001 cells" in many.notes[0]


def chosen(exercise_id: str, *sources: str, ids: tuple[str, ...] = ()):
    exercise = EXERCISES[exercise_id]
    found = tuple(Cell(text, ids[i] if ids else f"c{i}", i + 1) for i, text in enumerate(sources))
    cell, notes = submission.choose(exercise, found, [cells.facts(text, PAGE.imports) for text in sources], PAGE)
    return (cell.place if cell else None), notes


STUB, RIGHT = EXERCISES["1.1"].cell, EXERCISES["1.1"].solved_cell
BARE = EXERCISES["1.1"].answer


@pytest.mark.parametrize(
    ("sources", "place"),
    [
        ([STUB], 1),
        ([STUB, RIGHT], 2),
        ([RIGHT, STUB], 1),
        ([RIGHT, RIGHT + "\nx = 1", STUB], 2),
        ([BARE, 'check("1.1", weighted_sum)'], 1),
        (["x = 1", BARE], 2),
        ([STUB, BARE], 1),
        (["def mine(image, kernel):\n    return 1\ncheck('1.1', mine)"], 1),
        ([BARE + '\n\ncheck("1.2", weighted_sum)'], 1),
        (["def weighted_sum(image, kernel:\n    pass\ncheck('1.1', weighted_sum)"], 1),
        (['check(answer=weighted_sum, exercise_id="1.1")'], 1),
        (["x = 1"], None),
        ([], None),
    ],
)
def test_the_cell_that_counts(sources, place):
    assert chosen("1.1", *sources)[0] == place


def test_the_page_s_own_variable_is_no_answer_and_the_cell_s_id_is_the_last_resort():
    own = next(
        cell.source for cell in PAGE.notebook.cells if cell.cell_type == "code" and cell.source.startswith("ct = ")
    )
    assert "smooth = " in own and chosen("1.4", own)[0] is None
    place, notes = chosen("1.4", "pass", ids=("exercise-1-4",))
    assert place == 1 and notes == ["the check of 1.4 is gone"]


def test_a_friend_s_number_in_the_check_makes_no_stub_of_it():
    stub = EXERCISES["1.3"].variant(4).cell
    assert submission.bare(stub) == submission.bare(EXERCISES["1.3"].cell)


# ---- cells: by their syntax tree


def test_facts_of_a_cell():
    told = cells.facts("import numpy as np\nx = 1\ndef f(a):\n    y = 2\ncheck('1.1', f)\nr = check('1.3', 4)", "")
    assert told == {"checks": [["1.1", "f"], ["1.3", None]], "defines": ["f", "r", "x"],
                    "names": ["f", "np", "r", "x"], "fouls": [], "error": None}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "foul"),
    [
        ("def check(*a): pass", "redefines `check`"),
        ("from mine import check", "redefines `check`"),
        ("check = print", "redefines `check`"),
        ("EXERCISES = {}", "redefines `EXERCISES`"),
        ("torch.allclose = lambda *a: True", "patches `torch.allclose`"),
        ("setattr(torch, 'equal', print)", "patches `torch.equal`"),
        ("def f():\n    denoise.mean = None", "patches `medkit.denoise.mean`"),
        ("import sys\nsys.setprofile = None", "patches `sys.setprofile`"),
        ("del torch.equal", "patches `torch.equal`"),
        ("torch.backends.cudnn.deterministic = True", None),
        ("image.requires_grad = False", None),
        ("from medkit.exercises import check", None),
        ("solution = 3", None),
    ],
)
def test_foul_play_is_seen_in_the_text(source, foul):
    assert cells.facts(source, PAGE.imports)["fouls"] == ([foul] if foul else [])


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(x):\n    return denoise.mean(x, 3)", "medkit.denoise.mean"),
        ("import medkit.denoise as d\ndef f(x):\n    g = d.mean\n    return g(x, 3)", "medkit.denoise.mean"),
        ("from scipy.ndimage import uniform_filter as u\nf = lambda x: u(x)", "scipy.ndimage.uniform_filter"),
        (
            "def f(x):\n    from scipy import ndimage\n    return ndimage.median_filter(x)",
            "scipy.ndimage.median_filter",
        ),
        ("def g(x):\n    return getattr(denoise, 'mean')(x)\ndef f(x):\n    return g(x)", "medkit.denoise"),
        ("f = EXERCISES['1.1'].solution", "medkit.exercises.EXERCISES"),
        ("def f(x):\n    return x\nprint(denoise.mean(x, 3))", None),
        ("def g(x):\n    return denoise.mean(x)\ndef f(x):\n    return x", None),
        ("def f(x, denoise):\n    return denoise.mean(x)", None),
        ("def f(x):\n    denoise = x\n    return denoise.mean()", None),
        ("from medkit import normalise\ndef f(x):\n    return normalise.min_max(x)", None),
    ],
)
def test_ready_made_functions_are_seen_in_the_text_of_the_answer_alone(source, found):
    tree = cells.parse(source)
    known = cells.aliases(ast.parse(PAGE.imports)) | cells.aliases(tree)
    assert cells.ready_made(tree, "f", ("medkit.denoise", "scipy.ndimage"), known) == found


def test_jupyter_s_own_lines_are_left_out_and_lines_keep_their_numbers():
    tree = cells.parse("%%time\n\n!pip list\n%matplotlib inline\nx = 1")
    assert tree.body[0].lineno == 5
    with pytest.raises(SyntaxError):
        cells.parse("def f(:\n    pass")


# ---- wire: values travel, code does not


def sent(*values, **options):
    return wire.read(io.BytesIO(wire.encode({"a": 1}, values, **options)))[1]


DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
          torch.float32, torch.float64]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)], ids=str)
def test_tensors_and_arrays_arrive_as_they_were(dtype, shape):
    drawn = torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    (found,) = sent(drawn)
    assert found.dtype == dtype and found.shape == shape and torch.equal(found, drawn)
    if dtype != torch.bfloat16:
        (array,) = sent(drawn.numpy())
        assert (
            isinstance(array, np.ndarray)
            and array.dtype == drawn.numpy().dtype
            and np.array_equal(array, drawn.numpy())
        )


def test_odd_tensors_arrive_plain():
    leaf = torch.ones(2, 3, requires_grad=True)
    odd = (leaf * 2, leaf.T, torch.ones(3).expand(2, 3), torch.eye(3).to_sparse(), np.arange(6.0)[::-2], np.float32(2))
    for before, after in zip(odd, sent(*odd), strict=True):
        wanted = before.detach().to_dense() if isinstance(before, torch.Tensor) else before
        assert np.array_equal(np.asarray(after), np.asarray(wanted))
    assert sent(np.arange(3, dtype=">i4"))[0].tolist() == [0, 1, 2]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(PLAIN)
def test_plain_values_arrive_as_they_were(value):
    assert sent(value) == (value,) and sent(value, whole=True) == (value,)


def test_signs_arrive_and_what_can_not_travel_becomes_a_name():
    assert sent(..., NotImplemented) == (..., NotImplemented)
    imaginary = torch.ones(2, dtype=torch.complex64)
    for value in (object(), print, 10**5000, 1j, imaginary, {1: 2}, b"x"):
        name = type(value).__name__
        assert type(sent(value)[0]).__name__ == name
        with pytest.raises(wire.Unsendable):
            sent(value, whole=True)
    assert len(sent("x" * 10**6)[0]) < 11_000 and len(sent("x" * 10**6, whole=True)[0]) == 10**6


class Evil(float):
    def __reduce__(self):
        raise AssertionError("code travelled")

    __eq__ = __gt__ = __lt__ = lambda self, other: True


def test_an_object_s_own_ways_stay_behind():
    (found,) = sent(Evil(3.0))
    assert isinstance(found, torch.Tensor) and float(found) == 3.0


def endless_list() -> list:
    loop: list = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    "value",
    [torch.ones(1).expand(10**9), torch.ones(1, 1).expand(10**6, 10**6), [0] * 10**6, endless_list(),
     [torch.ones(2**22)] * 5],
    ids=["long", "wide", "list", "loop", "sum"],
)  # fmt: skip
def test_too_much_is_refused_before_it_is_copied(value):
    with pytest.raises(wire.TooLarge):
        sent(value)


def frame(text: bytes, numbers: bytes = b"") -> bytes:
    return struct.pack(">II", len(text), len(numbers)) + text + numbers


@pytest.mark.parametrize(
    "data",
    [
        b"zzzzzzzz" * 100,
        frame(b"{}")[:-1],
        frame(b"[]"),
        frame(b'{"head": 1, "values": []}'),
        frame(b'{"head": {}, "values": [{"tensor": [0, "float32", [4]]}]}', b"1234"),
        frame(b'{"head": {}, "values": [{"tensor": [0, "float32", [-4]]}]}', b"1234"),
        frame(b'{"head": {}, "values": [{"tensor": [0, "object", [1]]}]}', b"12345678"),
        frame(b'{"head": {}, "values": [{"tensor": [0, "float32", [1e9]]}]}'),
        frame(b'{"head": {}, "values": [{"sign": "x"}]}'),
        frame(b'{"head": {}, "values": [{}]}'),
        frame(b'{"head": {}, "values": ' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
        frame(b'{"head": {}, "values": [' + b'{"list": [' * 50 + b"]}" * 50 + b"]}"),
        struct.pack(">II", 2**31, 0),
    ],
)
def test_a_frame_that_is_none_is_refused(data):
    with pytest.raises((wire.Malformed, StopIteration)) as error:
        wire.read(io.BytesIO(data))
    assert error.type is wire.Malformed


def test_the_end_of_a_stream_is_no_frame():
    assert wire.read(io.BytesIO(b"")) is None


def test_an_error_told_from_afar_is_shown_like_one_from_here():
    told = {"text": "ValueError: no", "line": [3, "x = 1"], "placeholder": True, "assertion": True}
    error = answer.far_error(told)
    assert isinstance(error, FarAssertion) and isinstance(error, AssertionError) and is_placeholder(error)
    assert own_line(error) == (3, "x = 1") and error_text(error) == "ValueError: no"
    odd = answer.far_error({"line": ["x"], "text": 5})
    assert type(odd) is FarError and own_line(odd) is None and answer.far_error(None) is None


# ---- fence


@pytest.mark.parametrize(
    ("event", "arguments", "words"),
    [
        ("open", ("a/b.csv", "w", 0), "open 'b.csv' for writing"),
        ("open", (b"b.csv", None, os.O_WRONLY | os.O_CREAT), "open 'b.csv' for writing"),
        ("open", ("b.csv", "r+", 0), "open 'b.csv' for writing"),
        ("open", (3, "wb", 0), "open '3' for writing"),
        ("open", ("b.csv", "rb", os.O_RDONLY), None),
        ("open", (os.devnull, "w", 0), None),
        ("os.fork", (), "start another program or process"),
        ("subprocess.Popen", ("ls", [], None, None), "start another program or process"),
        ("os.remove", ("x/y", -1), "change files (os.remove, 'y')"),
        ("socket.connect", (None, None), "use the network"),
        ("os.kill", (1, 9), "send signals to processes"),
        ("import", ("torch",), None),
        ("compile", (None, "x"), None),
    ],
)
def test_what_is_refused_and_how_it_is_called(event, arguments, words):
    assert fence.refused(event, arguments) == words


def test_the_fence_holds_in_a_process_and_notes_what_was_tried(tmp_path):
    code = (
        "import sys, os, resource\n"
        "from medkit.teach.fence import Fence, NotAllowed\n"
        "fence = Fence(); fence.close(300 * 2**20, 60)\n"
        "tried = [lambda: open(sys.argv[1], 'w'), os.fork, lambda: os.mkdir(sys.argv[1]), lambda: os.system('ls')]\n"
        "for deed in tried * 2:\n"
        "    try: deed(); print('done')\n"
        "    except NotAllowed: pass\n"
        "try: bytearray(2**30); print('large')\n"
        "except MemoryError: pass\n"
        "open(sys.argv[0] if sys.argv[0] != '-c' else os.devnull).close()\n"
        "print(fence.tried, resource.getrlimit(resource.RLIMIT_FSIZE))\n"
    )
    if sys.platform != "linux":
        pytest.skip("MEDKIT_DATA")  # pragma: no cover
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (
        "[\"open 'x' for writing\", 'start another program or process', \"change files (os.mkdir, 'x')\"] (0, 0)"
    )
    assert list(tmp_path.iterdir()) == []


# ---- report and sheet


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\t=1", "|calc"])
def test_no_name_is_a_formula(text):
    assert report.harmless(text) == f"'{text}" and report.harmless("Ann -1") == "Ann -1"


def test_pages_have_names_that_any_disk_takes():
    taken: set[str] = set()
    for student in ("Ann/Ben", "../../etc", "CON", "ann-ben", "", "ÄÖ", "x" * 300, "=cmd|'!A1"):
        name = report.file_name(student, taken)
        assert name not in taken and "/" not in name and len(name) < 80 and not name.startswith(".")
        taken.add(name)
    assert len({name.casefold() for name in taken}) == 8


def test_a_page_loads_nothing_and_runs_nothing():
    text = sheet.page("a <b>", sheet.table("c <d>", ["e"], [["f"]]))
    assert "<title>a &lt;b&gt;</title>" in text and "c &lt;d&gt;" in text
    assert (
        "default-src 'none'" in text and 'content="light dark"' in text and "http" not in text.replace("http-equiv", "")
    )
