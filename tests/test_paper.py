"""The paper as data: numbers against those the text repeats, sums, and links that must be alive."""

import ast
import dataclasses
import functools
import importlib
import re
from pathlib import Path

import pytest
import torch
import torchvision

from medkit import augment, paper
from medkit.attention import attend, attention_scores, attention_weights
from medkit.blocks import parameter_count
from medkit.models import Hybrid, transformer
from medkit.models.pretrained import WEIGHTS
from medkit.paper import contradictions, equations, field, kinds, making, measuring, methods, results, tables
from medkit.settings import Settings
from medkit.transfer import table_2_shapes

pytestmark = pytest.mark.filterwarnings("error")
ROOT = Path(__file__).resolve().parent.parent
PENDING = (  # what nothing decides yet; whoever decides one takes it off this list
    *(f"K{i}" for i in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 19, 25, 29, 30)),
    *(f"K{i}" for i in range(31, 44)),
    "C18",
)

# --- links ------------------------------------------------------------------------------------


@functools.cache
def names_of_tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def why_dead(link: str) -> str | None:
    """Say why a link leads nowhere; None: it is alive."""
    if re.fullmatch(r"medkit(\.\w+)*:[A-Za-z]\w*(\.\w+)*", link):
        module, name = link.split(":")
        try:
            functools.reduce(getattr, name.split("."), importlib.import_module(module))
        except (ModuleNotFoundError, AttributeError) as error:
            return str(error)
    elif found := re.fullmatch(r"(tests/test_\w+\.py)::(test_\w+)", link):
        path = ROOT / found[1]
        if not path.is_file() or found[2] not in names_of_tests(path):
            return "no such test"
    elif re.fullmatch(r"(results|benchmarks)/(?!local/)(?!.*\.\./)[\w./-]+\.json", link):
        if not (ROOT / link).is_file():
            return "no such record"
    else:
        return "no form that a link may have"
    return None


def links_of(entry: paper.Entry) -> tuple[str, ...]:
    return entry.links + ((entry.home,) if isinstance(entry, paper.Equation) else ())


def can_decide(link: str) -> bool:
    """A function can't be right or wrong about a claim; a test or a record can."""
    return link.startswith(("tests/", "results/", "benchmarks/"))


def faults(entry: paper.Entry) -> list[str]:
    found = [f"{link}: {why}" for link in links_of(entry) if (why := why_dead(link))]
    missing = getattr(entry, "pending", "")
    if not links_of(entry) and not missing:
        found.append("neither a link nor a reason for none")
    if isinstance(entry, paper.Claim) and not missing and not any(map(can_decide, entry.links)):
        found.append("nothing decides it, and nothing is said to be missing")
    return found


@pytest.mark.parametrize("entry", paper.ENTRIES, ids=lambda entry: entry.id)
def test_every_entry_is_answered_by_live_links(entry):
    assert not faults(entry)


@pytest.mark.parametrize(
    "link",
    [
        "medkit.denoise:gaussiann",
        "medkit.denoises:gaussian",
        "medkit.settings:Settings.rate",
        "tests/test_denoise.py::test_nothing",
        "tests/test_nothing.py::test_hand",
        "tests/test_denoise.py::noise",  # a function there, but no test
        "results/nothing.json",
        "benchmarks/nothing.json",
        "results/local/quick.json",  # git doesn't keep it
        "benchmarks/denoise.py",
        "torch:nn",
        "medkit.denoise",
        "",
    ],
)
def test_a_dead_link_of_each_kind_is_found(link):
    assert why_dead(link)
    assert faults(dataclasses.replace(paper.find("K14"), links=paper.find("K14").links + (link,)))
    assert faults(dataclasses.replace(paper.find("Eq. 1"), home=link))


def test_live_links_of_each_kind_are_found_alive():
    assert why_dead("medkit.settings:Settings.batch_size") is None
    assert why_dead("tests/test_paper.py::test_live_links_of_each_kind_are_found_alive") is None
    assert why_dead("benchmarks/denoise-cpu.json") is None


@pytest.mark.parametrize("name", ["K14", "K30", "C1", "C18", "U1", "Table 1"])
def test_an_entry_without_a_link_is_found(name):
    entry = paper.find(name)
    bare = {"links": (), "pending": ""} if hasattr(entry, "pending") else {"links": ()}
    assert not faults(entry)
    assert faults(dataclasses.replace(entry, **bare))


def test_a_claim_that_nothing_decides_is_found():
    frozen = paper.find("K14")
    assert faults(dataclasses.replace(frozen, links=("medkit.transfer:fingerprint",)))
    assert not faults(dataclasses.replace(frozen, links=("medkit.transfer:fingerprint",), pending="a test"))


def test_what_is_still_pending_is_on_the_list():
    assert sorted(entry.id for entry in paper.pending()) == sorted(PENDING)


# --- entries ----------------------------------------------------------------------------------


def test_names_have_no_gap():
    groups = {"K": paper.CLAIMS, "C": paper.CONTRADICTIONS, "U": paper.CHOICES}
    groups |= {"Table ": paper.TABLES, "Eq. ": paper.EQUATIONS}
    for letter, group in groups.items():
        assert [entry.id for entry in group] == [f"{letter}{i}" for i in range(1, len(group) + 1)]
    assert [len(group) for group in groups.values()] == [43, 24, 36, 7, 9]
    assert sum(map(len, groups.values())) == len(paper.ENTRIES) == len({e.id for e in paper.ENTRIES})


def test_every_file_holds_what_it_is_named_for():
    for kind, group in (("result", results.RESULTS), ("method", methods.METHODS), ("field", field.FIELD)):
        assert {claim.kind for claim in group} == {kind}
    assert paper.CHOICES == making.MAKING + measuring.MEASURING
    assert paper.CONTRADICTIONS == contradictions.CONTRADICTIONS
    assert (paper.TABLES, paper.EQUATIONS) == (tables.TABLES, equations.EQUATIONS)


@pytest.mark.parametrize("entry", paper.ENTRIES, ids=lambda entry: entry.id)
def test_every_entry_has_a_place_and_quotes_few_words(entry):
    assert entry.places
    for place in entry.places:
        printed = place.where.startswith(("Table ", "Eq. "))
        assert place.where in paper.SECTIONS or printed and paper.find(place.where)
        assert len(place.words.split()) <= 8
        assert place.words or printed, "a section is long: a few words must lead to the place in it"


def test_sections_are_numbered_as_in_the_paper():
    numbered = [name for name in kinds.SECTIONS if name.startswith("§")]
    assert numbered == sorted(numbered) and len(numbered) == 15


def test_find():
    for entry in paper.ENTRIES:
        assert paper.find(entry.id) is entry
    for wrong in ("K0", "K44", "k1", "Table 8", "Eq.1", ""):
        with pytest.raises(ValueError, match=f"got '{re.escape(wrong)}'; medkit.paper.ENTRIES holds all"):
            paper.find(wrong)


def test_about():
    assert paper.find("C9") in paper.about("Table 2") and paper.find("C9") not in paper.about("Table 1")
    assert {"K20", "K21", "K22", "C1"} <= {entry.id for entry in paper.about("abstract")}
    with pytest.raises(ValueError, match="got 'Table 8'; try 'Eq. 1'"):
        paper.about("Table 8")


@pytest.mark.parametrize("equation", paper.EQUATIONS, ids=lambda equation: equation.id)
def test_an_equation_leaves_something_open_and_stands_in_its_home(equation):
    spoken = paper.about(equation.id)
    assert any(isinstance(entry, paper.Contradiction | paper.UnstatedChoice) for entry in spoken)
    module, name = equation.home.split(":")
    said = getattr(importlib.import_module(module), name).__doc__
    assert re.search(rf"^\s*{re.escape(equation.id)}(?:, [^:]*)?:  ", said, re.M)


# --- tables -----------------------------------------------------------------------------------


def test_tables_are_rectangles_of_printed_text():
    for table in paper.TABLES:
        assert all(len(row) == len(table.header) for row in table.rows)
        assert all(cell and cell == cell.strip() for row in table.rows for cell in row)
    assert [len(table.rows) for table in paper.TABLES] == [4, 3, 9, 5, 5, 5, 5]


def test_margins_at_epoch_50_are_those_the_text_names():
    named = {  # the sentences under Tables 4-7
        4: {"CNN": 4.6, "U-Net": 2.7, "Transformer": 2.1},
        5: {"CNN": 7.9, "U-Net": 6.0, "Transformer": 4.2},
        6: {"CNN": -0.6, "U-Net": -1.1, "Transformer": -1.8},
        7: {"CNN": 4.7, "U-Net": 2.5, "Transformer": 1.8},
    }
    assert {table.number: table.margins() for table in paper.RESULT_TABLES} == named


def test_every_table_is_whole():
    assert [table.number for table in paper.RESULT_TABLES] == [4, 5, 6, 7]
    for table in paper.RESULT_TABLES:
        assert tuple(table.column) == paper.MODELS
        for column in table.column.values():
            assert len(column) == len(paper.EPOCHS)
            # every column of the paper moves one way: a slip of the pen would show
            assert list(column) == sorted(column, reverse=table is paper.TIME)


def test_numbers_are_the_printed_cells():
    for table in paper.RESULT_TABLES:
        printed = paper.find(f"Table {table.number}")
        assert printed.header == ("Epochs", *paper.MODELS[:3], "Proposed Method")
        for i, (epoch, *cells) in enumerate(printed.rows):
            assert int(epoch) == paper.EPOCHS[i]
            assert cells == [f"{table.column[model][i]:.1f}" for model in paper.MODELS]


def test_numbers_add_up_to_sums_taken_from_the_text_by_other_means():
    """Of columns and of rows: every slip of a single cell shows in one of each."""
    sums = {
        4: ((439.5, 451.5, 455.0, 466.2), (352.2, 358.1, 363.1, 367.8, 371.0)),
        5: ((391.7, 405.1, 414.8, 432.1), (317.1, 323.9, 329.4, 334.6, 338.7)),
        6: ((10.6, 13.8, 17.6, 7.6), (11.7, 10.8, 9.9, 8.9, 8.3)),
        7: ((428.2, 438.8, 442.9, 452.1), (343.0, 347.5, 352.5, 357.2, 361.8)),
    }
    for table in paper.RESULT_TABLES:
        columns = list(table.column.values())
        of_columns = tuple(round(sum(column), 1) for column in columns)
        assert (of_columns, tuple(round(sum(row), 1) for row in zip(*columns))) == sums[table.number]


def test_numbers_of_the_conclusion():
    last = [table.column["hybrid"][-1] for table in paper.RESULT_TABLES]
    assert last == [95.1, 89.2, 1.2, 92.7]


def test_table_1_is_made_of_moves_that_the_kit_knows():
    moves = [{"angle": 30}, {"flip_horizontal": True}, {"zoom": 1.1}, {"flip_vertical": True}]
    made = [augment.describe(augment.fixed(1, **move))[0] for move in moves]
    assert [row[2] for row in paper.find("Table 1").rows] == made


def test_settings_are_table_3_as_printed():
    printed, settings = dict(paper.find("Table 3").rows), Settings()
    assert int(printed["Batch Size"]) == settings.batch_size
    assert float(printed["Learning Rate"]) == settings.learning_rate
    assert int(printed["Epochs"]) == settings.epochs == paper.EPOCHS[-1]
    assert hasattr(torch.optim, printed["Optimizer"])


# --- contradictions that are sums -------------------------------------------------------------


def test_contradiction_1_of_the_headline():
    abstract = 98.5
    highest = max(max(column) for column in paper.ACCURACY.column.values())
    assert highest == 95.1 < abstract


def test_contradiction_2_of_three_to_five_percent():
    inside = {model for model, points in paper.ACCURACY.margins().items() if 3 <= points <= 5}
    assert inside == {"CNN"}
    relative = paper.ACCURACY.relative_margins()
    assert relative == {"CNN": 5.1, "U-Net": 2.9, "Transformer": 2.3}
    assert {model for model, share in relative.items() if 3 <= round(share) <= 5} == {"CNN", "U-Net"}


def test_contradiction_3_of_ten_percent():
    points, relative = paper.DICE.margins(), paper.DICE.relative_margins()
    assert max(points.values()) == 7.9
    assert relative == {"CNN": 9.7, "U-Net": 7.2, "Transformer": 4.9}
    assert {model for model, share in relative.items() if round(share) == 10} == {"CNN"}


def test_contradictions_9_and_19_of_the_parameters():
    counts = [int(row[3]) for row in paper.find("Table 2").rows]
    assert counts == [0, 5000, 100]
    shapes = table_2_shapes(*counts[1:])
    assert len(shapes) == 22 and (100, 50, 2, False, False) in shapes
    layers = {}
    with torch.device("meta"):  # shapes alone, no weights
        for name in WEIGHTS:
            network = torchvision.models.get_model(name)
            layers[name] = [part for part in network.modules() if isinstance(part, torch.nn.Linear)]
    held = {name: [parameter_count(layer) for layer in found] for name, found in layers.items()}
    assert held["resnet18"] == [513_000]
    assert all(numbers and 5000 not in numbers for numbers in held.values())
    heads = {found[-1].in_features for found in layers.values()}
    assert heads == {512, 768, 1024, 2048} and not heads & {shape.features for shape in shapes}


def test_contradictions_10_and_11_of_the_clock():
    for column in paper.TIME.column.values():
        assert all(later < earlier for earlier, later in zip(column, column[1:]))
    assert paper.TIME.relative_margins()["CNN"] == -33.3


def test_contradiction_13_of_what_no_table_measures():
    measured = [table.title for table in paper.TABLES] + [equation.printed for equation in paper.EQUATIONS]
    assert not any(word in text.lower() for text in measured for word in ("anomal", "interpret", "auroc"))


def test_contradiction_16_of_numbers_too_smooth():
    values = [value for table in paper.RESULT_TABLES for column in table.column.values() for value in column]
    assert len(values) == 80
    for table in paper.RESULT_TABLES:
        rows = zip(*table.column.values())
        ranks = {tuple(sorted(range(4), key=row.__getitem__)) for row in rows}
        assert len(ranks) == 1
        for column in table.column.values():
            steps = [later - earlier for earlier, later in zip(column, column[1:])]
            assert all(step < 0 for step in steps) or all(step > 0 for step in steps)


def test_contradiction_21_of_the_set_without_a_name():
    cells = dict(paper.find("Table 3").rows)
    assert cells["Dataset"] == "MRI, CT, Ultrasound Images" and not re.search(r"\d", cells["Dataset"])
    assert not any("image" in parameter.lower() or "split" in parameter.lower() for parameter in cells)


def test_contradiction_23_of_four_copies():
    originals, copies, kinds_of_move = zip(*paper.find("Table 1").rows)
    assert (len(set(originals)), len(set(copies))) == (3, 4)
    assert any(move.startswith("Zoom") for move in kinds_of_move)
    made = augment.plan(1000, seed=0)
    assert len(made.original) == 5000 and len(made.listing) == 4 * 1000


def test_contradiction_24_of_shares_and_percentages():
    for table in (paper.DICE, paper.F1):
        values = [value for column in table.column.values() for value in column]
        assert (table.unit, min(values) >= 75, max(values) <= 93) == ("%", True, True)


def test_a_low_score_can_outweigh_a_high_one_where_no_softmax_stands():
    q, k, v = torch.tensor([[1.0]]), torch.tensor([[-3.0], [1.0]]), torch.eye(2)
    scores, weights = attention_scores(q, k), attention_weights(q, k)
    as_printed, weighed = attend(scores, v)[0], attend(weights, v)[0]  # how much of each comes through
    assert scores[0, 0] < scores[0, 1]
    assert as_printed[0].abs() > as_printed[1].abs()
    assert weighed[0].abs() < weighed[1].abs()


def test_heads_and_features_are_as_said():
    model, image = Hybrid(2), torch.zeros(1, 1, 32, 32)
    assert model.attention.query.weight.shape == (64, 64)
    assert [weights.shape[1] for weights in model.eval().look(image).weights] == [1]
    other = transformer.Transformer(2)
    assert transformer.HEADS == 4 and other.place.out_features / transformer.HEADS == 16
