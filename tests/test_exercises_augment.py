"""The exercises of notebook 03: they agree with `medkit.augment`, and what they tell apart is really apart."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import medkit.augment
from medkit.exercises import EXERCISES, augment, check
from medkit.exercises.augment import flips as augment_flips
from medkit.exercises.augment import lungs as augment_lungs
from medkit.exercises.augment import mistakes as augment_mistakes
from medkit.exercises.augment import places as augment_places
from medkit.exercises.augment import questions as augment_questions
from medkit.exercises.questions import worked_out

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 3.1 and 3.2: together they are medkit's move


@pytest.mark.parametrize("height, width", [(9, 14), (12, 7), (8, 8)])
@pytest.mark.parametrize("angle, zoom", [(30.0, 1.0), (-75.0, 0.8), (200.0, 1.7), (0.0, 1.1), (45.0, 0.5)])
def test_places_and_reading_make_the_module_s_move(height, width, angle, zoom):
    image = noise(height, width, seed=1) * 100 - 30
    rows, columns = augment_places.reading_places(height, width, angle, zoom)
    ours = augment_places.read_between(image, rows, columns)
    theirs = medkit.augment.move(image[None, None], None, medkit.augment.fixed(1, angle=angle, zoom=zoom))[0]
    torch.testing.assert_close(ours, theirs[0, 0], atol=2e-3, rtol=1e-4)
    other = medkit.augment.move(image[None, None], None, medkit.augment.fixed(1, angle=-angle - 1, zoom=zoom))[0]
    assert (ours - other[0, 0]).abs().max() > 1  # the comparison sees another angle


def test_a_mask_read_at_the_nearest_place_is_the_module_s_mask():
    mask = noise(9, 14, seed=2) > 0.6
    rows, columns = augment_places.reading_places(9, 14, 33.0, 0.85)
    ours = augment_mistakes.read_nearest(mask.float(), rows, columns) > 0.5
    moves = medkit.augment.fixed(1, angle=33, zoom=0.85)
    theirs = medkit.augment.move(mask[None, None].float(), mask[None, None], moves)
    assert torch.equal(ours, theirs[1][0, 0])


@pytest.mark.parametrize("exercise_id", ["3.1", "3.2", "3.4"])
def test_every_mistake_differs_from_every_other_and_from_the_solution_on_a_plain_case(exercise_id):
    one = EXERCISES[exercise_id]
    plain = [i for i, case in enumerate(one.cases) if not case.edge]
    versions = [one.solution, *(mistake.wrong for mistake in one.mistakes)]
    outputs = [[one.outputs(version)[i] for i in plain] for version in versions]
    for i, first in enumerate(outputs):
        for second in outputs[:i]:
            assert any(a.shape != b.shape or not torch.allclose(a, b, atol=1e-3) for a, b in zip(first, second))
    assert len(one.mistakes) >= 7 and len(one.alternatives) >= 3 and any(case.edge for case in one.cases)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda height, width, angle, zoom: augment_places.reading_places(height, width, angle, zoom) + 0.01,
        lambda height, width, angle, zoom: augment_places.reading_places(height, width, angle, zoom)[:, :1],
        lambda height, width, angle, zoom: augment_places.reading_places(height, width, angle, zoom**2),
        lambda height, width, angle, zoom: augment_places.reading_places(height, width, angle % 180, zoom),
        lambda height, width, angle, zoom: augment_places.reading_places(width, height, angle, zoom).transpose(1, 2),
        lambda height, width, angle, zoom: augment_places.reading_places(height, width, angle, zoom).clamp(min=0),
    ],
)
def test_other_wrong_places_are_refused(wrong):
    assert not check("3.1", wrong).passed


@pytest.mark.parametrize(
    "wrong",
    [
        lambda image, rows, columns: augment_places.read_between(image, rows, columns).clamp(min=0),
        lambda image, rows, columns: augment_places.read_between(image, rows + 0.25, columns),
        lambda image, rows, columns: augment_places.read_between(image, rows.clamp(min=0), columns.clamp(min=0)),
        lambda image, rows, columns: augment_places.read_between(image, rows.clamp(-1, image.shape[0] - 1), columns),
        lambda image, rows, columns: augment_places.read_between(image.flip(0), rows, columns),
        lambda image, rows, columns: augment_places.read_between(image.T, rows, columns),
        lambda image, rows, columns: augment_mistakes._read(
            image, rows, columns, augment_mistakes._filled(lambda one: one.mean())
        ),
        lambda image, rows, columns: augment_mistakes._read(
            image, rows, columns, weights=lambda down, right: (0 * down, right)
        ),
    ],
)
def test_other_wrong_readings_are_refused(wrong):
    assert not check("3.2", wrong).passed


def test_reading_at_whole_places_gives_the_pixels():
    image = noise(4, 6, seed=3)
    rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(6.0), indexing="ij")
    assert torch.equal(augment_places.read_between(image, rows, columns), image)
    beyond = augment_places.read_between(image, rows + 9, columns)
    torch.testing.assert_close(beyond, image.min().expand(4, 6))


# ---- 3.3


def test_the_dot_goes_where_the_module_sends_it():
    image = torch.zeros(1, 1, 101, 101)
    image[0, 0, 50, 70] = 1.0
    moves = medkit.augment.fixed(1, flip_horizontal=True, angle=90.0, zoom=1.5)
    row, column = divmod(int(medkit.augment.move(image, None, moves)[0].argmax()), 101)
    one = EXERCISES["3.3"]
    assert (50 - row, column - 50) == (one.truth(), 0)
    swapped = medkit.augment.move(image, None, medkit.augment.fixed(1, angle=90.0, zoom=1.5))[0]
    swapped = medkit.augment.move(swapped, None, medkit.augment.fixed(1, flip_horizontal=True))[0]
    assert 50 - int(swapped.argmax()) // 101 == worked_out(one.mistakes[0])


# ---- 3.4


def test_lungs_change_sides_as_the_module_flips():
    mask = noise(4, 2, 5, 6, seed=4) > 0.5
    chosen = torch.tensor([True, False, False, True])
    moves = medkit.augment.fixed(4)._replace(flip_horizontal=chosen)
    moved = medkit.augment.move(mask.float(), mask, moves)[1]
    wanted = torch.where(chosen[:, None, None, None], moved.flip(1), moved)
    assert torch.equal(augment.flip_lungs(mask, chosen), wanted)
    assert torch.equal(augment.flip_with_wrong_sides(mask, chosen), moved)
    assert torch.equal(augment_lungs.lungs_by_index(mask, chosen), wanted)


# ---- 3.5


def test_figure_of_3_5_shows_what_its_answer_says():
    one, panels = EXERCISES["3.5"], augment_questions.turned_panels()
    assert set(panels) == {"before", *one.options}
    image, mask = (x[None, None] for x in panels["before"])
    fits = {}
    for name in one.options:
        new, new_mask = (x[None, None] for x in panels[name])
        turned, turned_mask = medkit.augment.move(image, mask, medkit.augment.fixed(1, angle=30.0))
        fits[name] = torch.allclose(new, turned), torch.equal(new_mask, turned_mask)
    assert [name for name, both in fits.items() if both == (True, True)] == [one.right]
    assert fits["a"] == (True, False)
    in_radians = medkit.augment.move(image, mask, medkit.augment.fixed(1, angle=float(torch.tensor(30.0).rad2deg())))
    assert (panels["b"][0] - in_radians[0][0, 0]).abs().max() < 1e-2 * image.max()
    overlap = {
        name: (panels[name][1] & panels[one.right][1]).sum() / panels[one.right][1].sum() for name in one.options
    }
    assert all(share < 0.3 for name, share in overlap.items() if name != one.right)  # it can be seen


# ---- 3.6


def by_the_module(image, mask, index, seed, epoch):
    ranges = medkit.augment.Ranges(vertical=0.0, angle=0.0, zoom=0.0)
    return medkit.augment.augment(image, mask, index, seed, epoch, ranges)


def test_model_tests_accept_the_module_and_kill_each_wrong_version():
    one = EXERCISES["3.6"]
    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, by_the_module), test.__name__
        assert [version.__name__ for version in one.right if not one.accepts(test, version)] == []
        assert [version.name for version in one.wrong if one.accepts(test, version.wrong)] == []


def test_weak_tests_let_through_what_their_name_says():
    one = EXERCISES["3.6"]
    alive = {
        test.__name__: {version.name for version in one.wrong if one.accepts(test, version.wrong)}
        for test in (mistake.wrong for mistake in one.mistakes)
    }
    assert alive["test_only_the_shapes"] == {version.name for version in one.wrong}
    assert alive["test_only_the_image"] == {"leaves the mask where it was", "draws for the mask anew"}
    assert alive["test_only_in_one_order"] == {"goes by the place in the batch"}
    assert alive["test_only_one_key"] == {"ignores the epoch", "ignores the seed", "adds the key's numbers up"}
    assert alive["test_without_a_count"] == {"flips one image in ten"}
    assert alive["test_without_a_look_back"] == {"changes the batch it is given"}
    assert "takes one draw for the whole batch" in alive["test_only_one_image"]


def test_right_versions_flip_about_half_and_differ_in_which():
    image = torch.arange(2400.0).reshape(400, 1, 2, 3)
    chosen = []
    for version in EXERCISES["3.6"].right:
        new, mask = version(image, image % 2 == 0, list(range(400)), 1, 2)
        turned = (new != image).flatten(1).any(1)
        assert torch.equal(mask, new % 2 == 0) and 150 < turned.sum() < 250
        chosen.append(tuple(turned.tolist()))
    assert len(set(chosen)) == 3
    stream = augment_flips.DrawsOnAndOn()
    first, second = (stream(image, image > 0, range(400), 1, 2)[0] for _ in range(2))
    assert not torch.equal(first, second)


def test_bilinear_reading_is_torch_s():
    image, (rows, columns) = noise(5, 7, seed=6), (noise(3, 4, seed=7) * 4, noise(3, 4, seed=8) * 6)
    grid = torch.stack([2 * columns / 6 - 1, 2 * rows / 4 - 1], dim=-1)[None]
    twin = F.grid_sample(image[None, None], grid, "bilinear", align_corners=True)[0, 0]
    torch.testing.assert_close(augment_places.read_between(image, rows, columns), twin)


@pytest.mark.parametrize("seed", range(1, 30))
def test_other_numbers_of_3_3_keep_their_answers_apart(seed):
    one = EXERCISES["3.3"].variant(seed)
    numbers = [one.truth(), *(worked_out(mistake) for mistake in one.mistakes)]
    assert min(abs(a - b) for i, a in enumerate(numbers) for b in numbers[:i]) > 2 * one.tolerance
    assert f"{-one.truth():g} above" in one.afterword and one.prompt != "" and eval(one.working) == one.truth()
