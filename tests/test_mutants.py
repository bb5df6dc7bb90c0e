"""The tool that counts how many wrong versions of medkit its tests refuse; and, behind `slow`, the count."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutants import mutate, operators, runner
from mutants.equivalent import EQUIVALENT
from mutants.wrong_versions import BULLETS, WRONG, WrongVersion, applied

pytestmark = pytest.mark.filterwarnings("error")
ROOT = Path(__file__).resolve().parent.parent
PROJECT = mutate.Project(ROOT)

SUMS = '''
"""Add 1 to 1."""


def area(width: "0 or more", height=2):
    if width < 0:
        raise ValueError(f"width must be {0 + 0} or more")
    return width * height


def double(x):
    return 2 * x
'''
GOOD = """
import pytest
from medkit.sums import area, double


def test_area():
    assert area(3, 4) == 12 and area(0) == 0 and area(1) == 2
    with pytest.raises(ValueError):
        area(-1)
"""
WEAK = "\n\ndef test_double():\n    assert double(0) == 0\n"
STRONG = "\n\ndef test_double():\n    assert double(3) == 6\n"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A project like this one, with a module and the tests that are asked for."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def make(tests, source=SUMS):
        files = {"medkit/__init__.py": "", "medkit/sums.py": source, "tests/test_sums.py": tests}
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
        return mutate.Project(tmp_path, fresh=True)  # this process has threads: it must not fork

    return make


def command(*arguments, **kwargs):
    script = str(ROOT / "tests" / "mutants" / "mutate.py")
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment["PYTHONIOENCODING"] = "utf-8"
    return subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, encoding="utf-8", env=environment, **kwargs
    )


# --- the rules --------------------------------------------------------------------------------


def changes(source):
    return [mutant.change for mutant in operators.mutants("toy", source)]


def test_what_the_rules_change_and_what_they_leave_alone():
    assert changes(SUMS) == ["2 -> 3", "< -> <=", "< -> >=", "0 -> 1", "* -> /", "* -> /", "2 -> 3"]


@pytest.mark.parametrize(
    "source, expected",
    [
        ("a + b", ["a - b"]),
        ("a // b % c", ["a // b // c", "a * b % c"]),
        ("a @ b", ["b @ a"]),
        ("0 < a", ["0 <= a", "0 >= a", "1 < a"]),
        ("a <= 1 == b", ["a < 1 == b", "a > 1 == b", "a <= 1 != b", "a <= 0 == b", "a <= 2 == b"]),
        ("a and not b", ["a or not b", "a and b"]),
        ("x.sum(dim=-1)", ["x.mean(dim=-1)", "x.sum(dim=1)", "x.sum(dim=-0)", "x.sum(dim=-2)"]),
        ("x[1:, :5]", ["x[0:, :5]", "x[2:, :5]", "x[1:, :6]"]),
        ("x.clamp(min=0.5)", ["x.clamp(max=0.5)", "x.clamp(min=1.0)", "x.clamp(min=0.0)"]),
        ("min(x, key=f)", ["max(x, key=f)"]),
        ("f(keepdim=True)", ["f(keepdim=False)"]),
        ("x += 1", ["x -= 1", "x += 0", "x += 2"]),
        ("f'{a + b:.3g}'", ["f'{a - b:.3g}'"]),
        ("f'a {1}' 'b'", ["f'a {0}b'", "f'a {2}b'"]),
        ("'a' if x is None else 'b'", ["'a' if x is not None else 'b'"]),
        ("raise ValueError(1 + 1)", []),
        ("x: Literal[1] = None", []),
        ("def f(a: 1) -> 2:\n    '''3'''\n    return a", []),
        ("minimum = maximum", []),
    ],
)
def test_hand_mutants(source, expected):
    assert list(operators.mutated_all(source)) == expected
    assert [operators.mutated(source, n) for n in range(len(expected))] == expected


def test_every_mutant_is_a_program_of_its_own_with_a_name_of_its_own():
    source = PROJECT.source("losses")
    found, texts = operators.mutants("losses", source), list(operators.mutated_all(source))
    assert len(found) == len(texts) == len(set(texts)) > 30
    assert len({mutant.id for mutant in found}) == len({mutant[1:4] for mutant in found}) == len(found)
    assert operators.plain(source) not in texts
    assert all(ast.parse(text) for text in texts)
    assert found == operators.mutants("losses", source)
    moved = operators.mutants("losses", "import math\n" + source)
    assert [mutant[1:] for mutant in moved] == [mutant[1:] for mutant in found]  # though all lines have moved


# --- running ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fresh", [True, False] if runner.CAN_FORK else [True])
@pytest.mark.slow
def test_a_survivor_is_reported_and_a_better_test_kills_it(toy, fresh):
    options = ["--root", str(toy(GOOD + WEAK).root), *(["--fresh"] if fresh else []), "sums"]
    weak = command(*options)
    assert weak.returncode == 1, weak.stderr
    assert "survived: sums:12:11:2 -> 3    return 2 * x" in weak.stdout
    assert weak.stdout.count("survived:") == 1
    assert weak.stdout.splitlines()[1].split() == ["sums", "7", "6", "85.7", "0", "0", "1"]
    toy(GOOD + STRONG)
    strong = command(*options)
    assert strong.returncode == 0, strong.stdout + strong.stderr
    assert strong.stdout.splitlines()[-1].split() == ["total", "7", "7", "100.0", "0", "0", "0"]


def test_what_was_run_is_kept_until_the_tests_change(toy, monkeypatch):
    head, source = "from medkit.sums import double\n", "def double(x):\n    return 2 * x\n"
    project = toy(head + WEAK, source)
    first = mutate.mutate(project, "sums", {})
    with monkeypatch.context() as patched:
        patched.setattr(mutate, "run_all", None)
        assert mutate.mutate(project, "sums", {}) == first
    toy(head + STRONG, source)
    assert len(first.survived) == 1 and not mutate.mutate(project, "sums", {}).survived


def test_equivalents_are_excused_and_stale_ones_named(toy, capsys):
    project = toy(GOOD + WEAK)
    listed = {("sums", "return 2 * x", "2 -> 3"): "no", ("sums", "if width < 0:", "0 -> 1"): "nor this"}
    tally = mutate.mutate(project, "sums", listed)
    assert (tally.excused, tally.survived, tally.stale) == (1, [], ["sums:6:15:0 -> 1"])
    assert not mutate.report([tally])
    assert "listed as equivalent, but killed: sums:6:15:0 -> 1" in capsys.readouterr().out
    clean = tally._replace(stale=[])
    assert not mutate.report([clean])  # 6 of 7 are not 95 %, whatever the reasons
    assert mutate.report([clean, clean._replace(total=20, killed=20)])


def job(project, source, **changed):
    made = runner.Job(str(project.root), "sums", source, project.tests("sums"), {}, 60.0)
    return made._replace(**changed)


def only(made):
    return next(iter(runner.run_all({"": made}, 1, fresh=True)))[1]


def test_true_source_survives_and_wrong_is_killed_by_name(toy):
    project = toy(GOOD + STRONG)
    assert only(job(project, SUMS)).verdict == "survived"
    outcome = only(job(project, SUMS.replace("2 * x", "2 + x")))
    assert (outcome.verdict, outcome.by) == ("killed", "tests/test_sums.py::test_double")
    assert (project.root / "medkit" / "sums.py").read_text(encoding="utf-8") == SUMS  # nothing was written


def test_edge_what_hangs_crashes_or_does_not_start_is_killed(toy):
    project = toy(GOOD + STRONG)
    assert only(job(project, SUMS.replace("return 2 * x", "while True: pass"), limit=5.0)).verdict == "hung"
    assert only(job(project, "import os\nos.kill(os.getpid(), 9)")).by.startswith("crash")
    assert only(job(project, "nonsense(")).verdict == "killed"


def test_edge_quick_tests_go_first(toy):
    slow = "\n\ndef test_slow():\n    assert double(3) == 6\n"
    project = toy(GOOD + slow + STRONG)
    seconds = {"tests/test_sums.py::test_slow": 9.0, "tests/test_sums.py::test_double": 0.1}
    broken = job(project, SUMS.replace("2 * x", "3 * x"))
    assert only(broken).by.endswith("test_slow")
    assert only(broken._replace(seconds=seconds)).by.endswith("test_double")


@pytest.mark.parametrize(
    "tests, message",
    [
        ("def test_alone():\n    pass\n", "never imported the module"),
        ("import medkit.sums\n", "ended with 5"),
        ("from medkit import sums\n\n\ndef test_one():\n    assert sums.area(1) == 3\n", "must pass, pass"),
    ],
)
def test_edge_tests_that_can_not_judge_are_refused(toy, tests, message):
    with pytest.raises(RuntimeError, match=message):
        mutate.mutate(toy(tests), "sums", {})


# --- the lists --------------------------------------------------------------------------------


def test_each_line_of_known_mistakes_has_its_wrong_versions():
    assert {version.bullet for version in WRONG} == set(BULLETS)
    assert len({version.id for version in WRONG}) == len(WRONG) >= 60


@pytest.mark.parametrize("version", WRONG, ids=lambda version: version.id)
def test_a_wrong_version_is_a_change_of_the_code_that_stands(version):
    assert compile(applied(version, PROJECT.source(version.module)), version.module, "exec")


def test_a_wrong_version_of_other_code_is_refused():
    version = WrongVersion("Eq. 1", "none", "denoise", "a", "b")
    for source, count in (("x", 0), ("a + a", 2)):
        with pytest.raises(ValueError, match=f"must occur once in denoise, got {count} times; bring 'Eq"):
            applied(version, source)


@pytest.mark.parametrize("module", sorted({module for module, *_ in EQUIVALENT}))
def test_what_is_called_equivalent_is_still_there(module):
    there = {mutant[1:4] for mutant in operators.mutants(module, PROJECT.source(module))}
    assert {key for key in EQUIVALENT if key[0] == module} <= there
    assert all(len(reason) > 10 for reason in EQUIVALENT.values())


def test_list_and_show():
    listed = command("--list", "losses").stdout.splitlines()
    assert listed == [mutant.id for mutant in operators.mutants("losses", PROJECT.source("losses"))]
    shown = command("--show", listed[0], WRONG[0].id).stdout
    assert "-    return clean\n" in shown and "+    return clean / kernel.numel()\n" in shown
    assert command("--show", "losses:0:0:no").returncode == 1


# --- the count --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def verdicts(request, tmp_path_factory):
    """Run the wrong versions that this session selected, all in one go."""
    chosen = [item for item in request.session.items if "verdicts" in getattr(item, "fixturenames", ())]
    ids = [item.callspec.params["version"].id for item in chosen]
    path = tmp_path_factory.mktemp("mutants") / "verdicts.json"
    done = command("--wrong", "--json", str(path), *ids)
    assert path.exists(), done.stderr[-2000:]
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("version", WRONG, ids=lambda version: version.id)
def test_a_wrong_version_is_refused(version, verdicts):
    verdict, by = verdicts[version.id]
    assert verdict in mutate.REFUSED, by


@pytest.mark.slow
def test_mutants_of_eq_1_to_9_are_refused():
    done = command()
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
