"""Notebook 05's exercises agree with medkit.attention, and their figure shows what its answer says."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import medkit.attention
from medkit.exercises import EXERCISES, attention, check
from medkit.exercises.attention import masked as attention_masked
from medkit.exercises.attention import mistakes as attention_mistakes
from medkit.exercises.attention import questions as attention_questions
from medkit.exercises.attention import tests as attention_tests
from medkit.exercises.questions import worked_out

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def draw_mask(*shape, seed=0):
    mask = draw(*shape, seed=seed) > 0
    mask[0, 0] = False
    return mask


def by_module(q, k, v, mask=None):
    return medkit.attention.attend(medkit.attention.attention_weights(q, k, mask), v)


def test_solutions_agree_with_the_module():
    q, k, v = draw(2, 3, 8, seed=1), draw(2, 5, 8, seed=2), draw(2, 5, 4, seed=3)
    torch.testing.assert_close(attention.softmax_attention(q, k, v), by_module(q, k, v))
    scores, mask = medkit.attention.attention_scores(q, k), draw_mask(2, 3, 5, seed=4)
    expected = medkit.attention.attention_weights(q, k, mask)
    torch.testing.assert_close(attention_masked.masked_weights(scores, mask), expected)
    assert (expected[0, 0] == 0).all()
    split = [medkit.attention.split_heads(x, 2) for x in (q, k, v)]
    merged = medkit.attention.merge_heads(by_module(*split))
    torch.testing.assert_close(attention.many_heads(q, k, v, 2), merged)
    assert not torch.allclose(attention.many_heads_mixed(q, k, v, 2), merged, atol=1e-3)
    torch.testing.assert_close(attention.many_heads_mixed(q, k, v, 1), by_module(q, k, v))  # as the prompt says


def test_predicted_number_comes_out_of_the_module():
    q, k = torch.tensor([[2.0, 0.0, 1.0, 0.0]]), torch.tensor([[3.0, 5.0, 2.0, 1.0]]).expand(10, 4)
    v, one = torch.full((10, 1), 0.6), EXERCISES["5.3"]
    printed = medkit.attention.attend(medkit.attention.attention_scores(q, k), v)
    assert float(printed) == pytest.approx(one.truth()) == 24.0
    assert float(by_module(q, k, v)) == pytest.approx(0.6)  # the first known mistake
    for wrong in (None, "twenty", float("nan"), [24.0, 24.0], True):
        assert not check("5.3", wrong).passed


def test_other_numbers_of_5_3_keep_answer_and_mistakes_apart():
    prompts = set()
    for seed in range(1, 60):
        one = EXERCISES["5.3"].variant(seed)
        numbers = [one.truth(), *map(worked_out, one.mistakes)]
        assert min(abs(a - b) for i, a in enumerate(numbers) for b in numbers[:i]) > 2 * one.tolerance, one.prompt
        assert len({mistake.name for mistake in one.mistakes}) == len(one.mistakes)
        prompts.add(one.prompt)
    assert len(prompts) > 40


def test_figure_of_5_5_shows_what_its_answer_says():
    one, tables = EXERCISES["5.5"], attention_questions.weight_panels()
    rows = {letter for letter, table in tables.items() if torch.allclose(table.sum(1), torch.ones(3))}
    columns = {letter for letter, table in tables.items() if torch.allclose(table.sum(0), torch.ones(4))}
    assert rows == {one.right} and columns == {"b"} and tables.keys() == set(one.options)
    assert tables["c"].min() < 0 and float(tables["d"].sum()) == pytest.approx(1)
    eye = 4**0.5 * torch.eye(4)  # keys that hand the scores out one by one
    torch.testing.assert_close(medkit.attention.attention_weights(tables["c"], eye), tables[one.right])


def test_model_test_accepts_the_module_and_kills_each_wrong_version():
    one = EXERCISES["5.6"]
    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, by_module)
        assert one.accepts(test, medkit.attention.attend_fused)
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_right_versions_agree_with_the_module():
    q, k, v, mask = draw(2, 4, 6, seed=5), draw(2, 7, 6, seed=6), draw(2, 7, 3, seed=7), draw_mask(2, 4, 7, seed=8)
    for version in EXERCISES["5.6"].right:
        torch.testing.assert_close(version(q, k, v, mask), by_module(q, k, v, mask), atol=1e-5, rtol=1e-5)
    for version in EXERCISES["5.1"].alternatives:
        got = torch.as_tensor(version(q, k, v)).float()
        torch.testing.assert_close(got, F.scaled_dot_product_attention(q, k, v), atol=1e-5, rtol=1e-5)


def test_masks_of_the_cases_hide_something_and_show_something():
    for case in EXERCISES["5.2"].cases:
        scores, mask = case.arguments
        assert mask.any() and not mask.all()
        assert case.edge or mask.expand(scores.shape).any(dim=-1).all()


def test_a_mask_mistake_is_named_with_the_blind_row_handled_or_not():
    def after_and_nan(scores, mask):
        return torch.softmax(scores, dim=-1) * mask

    assert check("5.2", after_and_nan).mistake == "you masked after the softmax"


def test_an_answer_that_calls_the_module_is_told_apart():
    assert "ready-made" in check("5.1", lambda q, k, v: by_module(q, k, v)).mistake
    heads = check("5.4", lambda q, k, v, heads: medkit.attention.merge_heads(attention.many_heads(q, k, v, heads)[None]))
    assert not heads.passed


def test_wrong_versions_are_wrong_for_a_reason():
    """Each of 5.1's mistakes leaves the solution by far more than rounding, on a plain or on an edge case."""
    one = EXERCISES["5.1"]
    right = one.outputs(one.solution)
    for mistake in one.mistakes:
        gaps = []
        for got, wanted in zip(one.outputs(mistake.wrong), right):
            gaps.append(torch.inf if got.shape != wanted.shape else float((got - wanted).abs().nan_to_num(1e9).max()))
        assert max(gaps) > 1e-2, mistake.name
    assert attention_mistakes.without_softmax(*[torch.ones(1, 2, 4)] * 3).tolist() == [[[4.0] * 4] * 2]


def test_overflow_is_what_the_names_say():
    q, k, v, mask = draw(1, 2, 4, seed=9) * 200, draw(1, 3, 4, seed=10), draw(1, 3, 2, seed=11), torch.ones(1, 2, 3) > 0
    assert attention_tests.overflowing(q, k, v, mask).isnan().any()
    assert by_module(q, k, v, mask).isfinite().all()
