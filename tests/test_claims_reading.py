"""Records from folders, and the ledger as text, as HTML and from the command line."""

import copy
import json
import subprocess
import sys

import pytest
from planted import BETTER, planted, world

from medkit._check import MedkitInputError
from medkit.claims import Verdict, command, html, ledger, main, names, reading, render, show, trials
from medkit.claims.questions import COMMON
from medkit.claims.reading import read_records

pytestmark = pytest.mark.filterwarnings("error")


def save(folder, record):
    kept = {key: value for key, value in record.items() if key != "file"}
    path = folder / f"{record['model']}-seed{record['seed']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept), encoding="utf-8")
    return path


@pytest.fixture
def results(tmp_path):
    for record in world(BETTER, sets=("ct",), n=60):
        save(tmp_path / "results" / "ct-paper", record)
    return tmp_path / "results"


# --- reading ----------------------------------------------------------------------------------


def test_records_are_found_at_any_depth_and_know_where_they_came_from(results, tmp_path):
    save(results / "local" / "a" / "b", planted("CNN", 7, 0.5, n=20))
    found = read_records([results])
    assert len(found) == 13 and found[0]["file"] == "results/ct-paper/CNN-seed0.json"
    assert found[-1]["file"] == "results/local/a/b/CNN-seed7.json"
    assert len(read_records([results / "local", results / "ct-paper"])) == 13
    original = world(BETTER, sets=("ct",), n=60)[0]
    assert {**found[0], "file": ""} == json.loads(json.dumps({**original, "file": ""}))


def test_other_files_are_passed_over(results):
    before = read_records([results])
    for name, text in {"rates.json": '{"chosen": {"CNN": 0.001}}', "list.json": "[1, 2]", "tables.txt": "{"}.items():
        (results / name).write_text(text, encoding="utf-8")
    assert read_records([results]) == before


def test_a_linear_baseline_has_one_row(results):
    path = save(results, planted("linear", 0, 0.5, n=20))
    assert read_records([results])[-1]["model"] == "linear"
    record = json.loads(path.read_text())
    del record["seedless"]
    path.write_text(json.dumps(record))
    with pytest.raises(MedkitInputError, match="its rows are not those of its report epochs"):
        read_records([results])


def spoil(*path, value):
    def change(record):
        place = record
        for name in path[:-1]:
            place = place[name]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return change


@pytest.mark.parametrize("change, message", [
    (spoil("data", value=None), "lacks or spoils 'data'"),
    (spoil("data", "truth", value=None), "lacks or spoils 'truth'"),
    (spoil("data", "tier", value="patients"), "its data are not described"),
    (spoil("data", "sha256", "test", value=None), "lacks or spoils"),
    (spoil("settings", "epochs", value="50"), "epochs and seed are no numbers"),
    (spoil("data", "truth", "group", value=[0]), "different lengths"),
    (spoil("data", "truth", "label", 3, value=9), "a label is of no class"),
    (spoil("data", "truth", "group", 3, value=0.5), "a group is no number"),
    (spoil("data", "truth", "scored", 3, value=1), "scored must be true or false"),
    (spoil("result", value=[]), "its rows are not those of its report epochs"),
    (spoil("result", 1, "epoch", value=21), "its rows are not those of its report epochs"),
    (spoil("result", 4, "pred", value=[0, 1]), "epoch 50 has not one answer for each test image"),
    (spoil("result", 4, "pred", 0, value=-1), "epoch 50 answers with a class that is none"),
    (spoil("result", 4, "pred_cut", value=[1]), "epoch 50 has not one answer by the cut"),
    (spoil("result", 2, "dice_each", 0, value=1.5), "epoch 30 has a Dice outside 0 ... 1"),
    (spoil("result", 2, "dice_each", value=[1.0]), "epoch 30 has not one answer"),
    (spoil("result", 2, "pred", value=7), "lacks or spoils"),
    (spoil("settings", "report_epochs", value=None), "lacks or spoils 'report_epochs'"),
])  # fmt: skip
def test_a_damaged_record_is_refused_by_name(results, change, message):
    record = copy.deepcopy(planted("CNN", 9, 0.5, n=20))
    change(record)
    save(results, record)
    with pytest.raises(MedkitInputError, match=f"^CNN-seed9.json is a damaged record .*{message}.*run it again"):
        read_records([results])


@pytest.mark.parametrize("text", ["", '{"model": "CNN"', "[" * 100_000, "\ufeff{}"])
def test_a_file_that_is_no_json_is_refused_by_name(results, text):
    (results / "half.json").write_text(text, encoding="utf-8")
    with pytest.raises(MedkitInputError, match="half.json can't be read as JSON; run it again"):
        read_records([results])


def test_no_such_folder(tmp_path):
    with pytest.raises(MedkitInputError, match="nothing is no folder; name one that holds records"):
        read_records([tmp_path / "nothing"])
    assert reading.RESULTS.name == "results" and reading.RESULTS.is_dir()


# --- showing ----------------------------------------------------------------------------------

EVIL = '<script>alert("x")</script>'


def test_text_fits_a_terminal_and_names_all_parts(results):
    records = read_records([results])
    text = render(ledger(records), ["3 records: a"])
    assert max(map(len, text.splitlines())) <= 100
    blocks = text.split("\n\n")
    assert blocks[0].startswith("43 claims: ") and " ".join(blocks[1].split()) == COMMON and len(blocks) == 46
    first = blocks[2].splitlines()
    assert first[0] == "K1   inconclusive" and [line[5:13].strip() for line in first[1:] if line[5:13].strip()] == [
        "claim", "test", "why", "real", "phantom", "records",
    ]  # fmt: skip
    assert "results/ct-paper/{hybrid,Transformer,U-Net,CNN}-seed{0,1,2}.json" in text
    assert "`python3 -m medkit reproduce --data mri --preset paper`" in text  # whole, to be copied
    assert blocks[-1] == "Records that no verdict rests on:\n· 3 records: a"


def test_the_counts_name_only_verdicts_that_there_are():
    assert show.counted(ledger([], ["K1", "K20"])) == "2 claims: 1 contradicts itself, 1 no verdict yet"


def test_html_escapes_all_text_and_has_no_colour_of_its_own():
    verdict = Verdict("K1", EVIL, EVIL, None, EVIL, f"{EVIL}\nsecond line", EVIL, (EVIL,))
    page = html([verdict], [EVIL])
    assert "<script" not in page and page.count("&lt;script&gt;") == 7
    assert "<li>second line</li>" in page and 'scope="row"' in page and "no verdict yet" in page
    assert "color:" not in page.replace("border-color", "") and "background" not in page
    found = ledger([], ["K1", "K20", "K31"])
    assert all(f"{one.id}: " in html(found) for one in found)


def test_html_keeps_the_numbers_closed_and_opens_nothing_where_there_are_none():
    page = html([Verdict("K1", "it is", "by K1", None, "why", "a number", "", ("r/a.json",))])
    assert "<summary>real images, records behind K1</summary>" in page and "<details open" not in page
    assert "<details" not in html([Verdict("K1", "it is", "by K1", None, "why", "", "", ())])


def test_many_names_are_written_as_few():
    files = [f"r/{model}-seed{seed}.json" for model in ("CNN", "U-Net") for seed in (0, 1)]
    assert names.short([*files, "r/hybrid-seed0.json", "r/other.json"]) == [
        "r/{CNN,U-Net}-seed{0,1}.json", "r/hybrid-seed0.json", "r/other.json",
    ]  # fmt: skip


def test_records_of_systems_are_read_by_their_kind_and_stand_beside_those_of_models(results):
    made = {"kind": "deploy", "model": "hybrid", "tier": "real"}
    (results / "small.json").write_text(json.dumps(made), encoding="utf-8")
    (results / "rates.json").write_text(json.dumps({"kind": 3, "model": "CNN"}), encoding="utf-8")  # no name of a kind
    assert reading.read_systems([results]) == [{**made, "file": "results/small.json"}]
    evidence = trials.gather(read_records([results]), reading.read_systems([results]))
    assert len(evidence.counted) == len(read_records([results])) > 0  # and those are none of it
    assert evidence.of_kind("deploy")[0]["model"] == "hybrid" and evidence.of_kind("anomaly") == []
    with pytest.raises(MedkitInputError, match="is no folder"):
        reading.read_systems([results / "nothing"])


# --- the command ------------------------------------------------------------------------------


def test_the_command_prints_the_ledger(results, capsys):
    assert main(["--results", str(results), "--claim", "K1", "K20"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 claims: 1 inconclusive, 1 contradicts itself\n") and "\nK20  contradicts itself\n" in out
    save(results, planted("CNN", 9, 0.5, n=20, leak=True))
    assert main(["--results", str(results), "--claim", "K20"]) == 0
    assert "leaks were allowed, counts for nothing: results/CNN-seed9.json" in " ".join(capsys.readouterr().out.split())


def test_the_command_refuses_in_one_sentence(results, capsys):
    (results / "half.json").write_text("{", encoding="utf-8")
    assert main(["--results", str(results)]) == 2
    assert capsys.readouterr().err.startswith("medkit: half.json can't be read as JSON; ")
    with pytest.raises(SystemExit):
        main(["--claim", "K44"])
    assert "K44" in capsys.readouterr().err


def test_by_default_all_claims_and_the_kits_own_results():
    chosen = command.parse([])
    assert chosen.results == [reading.RESULTS] and len(chosen.claim) == 43


def test_a_reader_who_has_seen_enough_is_no_error(results):
    arguments = ["--results", str(results), "--claim", "K1"]
    code = f"import sys; from medkit.claims import main; sys.exit(main({arguments!r}))"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.stdout.close()  # as `head` does
    with child.stderr as errors:
        assert errors.read() == ""
    assert child.wait() == 0
