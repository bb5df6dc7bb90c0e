"""Exercise 19.5, a test for a reader of masks: what it accepts, and what it must kill."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest
from medkit.exercises.your_images import readers


def test_inside(inside):
    """Try each kind of file alone, then two at a time."""
    full = torch.tensor([[0, 255, 255], [255, 255, 0]])
    assert inside(full[None]).tolist() == [[False, True, True], [True, True, False]]
    lossy = torch.tensor([[3, 128, 127], [250, 255, 1]])
    assert inside(lossy[None]).tolist() == [[False, True, False], [True, True, False]]
    ones, none = torch.tensor([[1, 0, 0], [0, 1, 0]]), torch.zeros(2, 3, dtype=torch.int64)
    assert inside(ones[None]).tolist() == [[True, False, False], [False, True, False]]
    assert not inside(none[None]).any()
    for files in ((full, ones), (ones, full), (none, full, ones)):
        assert inside(torch.stack(files)).tolist() == [[True, True, True], [True, True, False]]


# Other good tests


def test_by_a_table(inside):
    """One row a file, one column a case."""
    table = [
        ([[0, 127, 128, 255]], [0, 0, 1, 1]),
        ([[0, 1, 1, 1]], [0, 1, 1, 1]),
        ([[0, 0, 0, 0]], [0, 0, 0, 0]),
        ([[255, 255, 0, 0], [0, 255, 255, 0]], [1, 1, 1, 0]),
        ([[0, 255, 255, 0], [1, 0, 1, 0]], [1, 1, 1, 0]),
        ([[0, 0, 0, 0], [0, 0, 255, 0]], [0, 0, 1, 0]),
        ([[0, 0, 255, 0], [0, 0, 0, 0]], [0, 0, 1, 0]),
    ]
    for files, wanted in table:
        assert inside(torch.tensor(files)[:, None]).int().tolist() == [wanted]


def test_by_drawn_files(inside):
    """Draw what is inside, write it in all ways, and ask for it back."""
    draw = torch.Generator().manual_seed(0)
    for _ in range(10):
        one, other = torch.rand(2, 6, 7, generator=draw) < 0.5
        files = 128 + (127 * torch.rand(6, 7, generator=draw)).long(), (127 * torch.rand(6, 7, generator=draw)).long()
        lossy = torch.where(one, *files)
        lossy[one.nonzero()[0][0], one.nonzero()[0][1]] = 128
        for masks in (torch.stack([lossy, other.long()]), torch.stack([255 * one.long(), other.long(), 0 * lossy])):
            assert torch.equal(inside(masks), one | other)
        assert torch.equal(inside(other.long()[None]), other) and torch.equal(inside(lossy[None]), one)


# Tests that are too weak or too strict


def test_only_255(inside):
    """Too weak: one clean file of 0 and 255."""
    assert inside(torch.tensor([[[0, 255], [255, 0]]])).tolist() == [[False, True], [True, False]]


def test_only_single_files(inside):
    """Too weak: never two files."""
    assert inside(torch.tensor([[[0, 127, 128, 255]]])).tolist() == [[False, False, True, True]]
    assert inside(torch.tensor([[[0, 1, 1, 1]]])).tolist() == [[False, True, True, True]]
    assert not inside(torch.zeros(1, 2, 3)).any()


def test_only_apart(inside):
    """Too weak: two files whose marks never meet."""
    files = torch.tensor([[[255, 0, 0]], [[0, 0, 255]]])
    assert inside(files).tolist() == [[True, False, True]]


def test_only_meeting(inside):
    """Too weak: two files of 0 and 255 that meet, and nothing else."""
    files = torch.tensor([[[255, 255, 0]], [[0, 255, 0]]])
    assert inside(files).tolist() == [[True, True, False]]
    assert inside(files.flip(0)).tolist() == [[True, True, False]]


def test_only_area(inside):
    """Too weak: count pixels."""
    assert inside(torch.tensor([[[255, 255, 0, 0]], [[0, 255, 255, 0]]])).sum() == 3
    assert inside(torch.tensor([[[0, 1, 0, 0]]])).sum() == 1


def test_only_empty(inside):
    """Too weak: an empty file."""
    assert not inside(torch.zeros(1, 4, 4)).any() and not inside(torch.zeros(2, 4, 4)).any()


def test_without_lossy(inside):
    """Too weak: all files clean."""
    full, ones = torch.tensor([[0, 255, 255]]), torch.tensor([[1, 1, 0]])
    none = torch.zeros(1, 3, dtype=torch.int64)
    assert inside(ones[None]).tolist() == [[True, True, False]] and not inside(none[None]).any()
    for files in ((full, ones), (ones, full), (none, full, ones)):
        assert inside(torch.stack(files)).tolist() == [[True, True, True]]


def test_that_the_type_stays(inside):
    """Too strict: ask for 0 and 255."""
    assert inside(torch.tensor([[[0, 255]]])).tolist() == [[0, 255]]


KILL_READERS = WriteTest(
    id="19.5",
    title="A test for a reader of masks",
    section="exercises",
    points=3,
    minutes=15,
    name="test_inside",
    prompt=(
        "You are the examiner. An image may have several mask files, as in BUSI. `inside(masks)` gets them as one tensor (M, H, "
        "W) of numbers, M one or more, and should return (H, W) bool: True where **any** of the files says inside. A file whose "
        "highest value is 1 or less is one of 0 and 1: 1 is inside. Any other file is one of 0 and 255, perhaps saved with loss, "
        "so that values lie near both: from 128 on, a pixel is inside. Each file is judged by its own highest value. An empty "
        "file, all 0, says inside nowhere. Marks may cover more than half of an image. Write a function that accepts every right "
        "version, and raises an AssertionError (or returns False) for each of the wrong ones that the kit holds."
    ),
    unsolved=(
        "def test_inside(inside):\n"
        "    # for example: one file of one row, 0 127 128 255\n"
        "    ...\n"
        "    return ..."
    ),
    solution=test_inside,
    alternatives=(test_by_a_table, test_by_drawn_files),
    forbidden=("medkit.data",),
    right=(readers.inside_one_by_one, readers.inside_at_once, readers.inside_by_numpy),
    wrong=(
        Mistake("reads the first file alone", "Hand in two files; the second one marks a pixel of its own.", readers.inside_the_first),
        Mistake("lets the last file write over all others", "Hand in two files; the first one marks a pixel of its own.", readers.inside_the_last),
        Mistake("asks for what all files mark", "Hand in two files that mark different pixels.", readers.inside_all),
        Mistake("takes out what two files mark", "Let two files mark one pixel.", readers.inside_an_odd_number),
        Mistake("takes all that is not 0", "In a lossy file, 3 is outside.", readers.inside_above_zero),
        Mistake("takes 255 alone", "In a lossy file, 250 is inside.", readers.inside_255_alone),
        Mistake("takes every file for one of 0 and 255", "Hand in a file of 0 and 1.", readers.inside_from_128),
        Mistake("cuts at half of the highest value", "In an empty file, half of 0 is 0.", readers.inside_by_half_of_the_highest),
        Mistake("lets one file decide for all", "Hand in a file of 0 and 1 beside one of 0 and 255.", readers.inside_by_the_highest_of_all),
        Mistake("leaves 128 outside", "From 128 on, a pixel is inside.", readers.inside_above_128),
        Mistake("turns large masks over", "Let more than half of the pixels be inside.", readers.inside_the_smaller_part),
        Mistake("finds nothing", "Hand in any mask that is not empty.", readers.inside_nothing),
    ),
    hints=(
        "Write down four small files: clean, lossy, of 0 and 1, and empty. Which pixels are inside?",
        "Then two at a time: with marks apart, with marks that meet, and of two kinds.",
        "`assert inside(torch.tensor([[[0, 127, 128, 255]]])).tolist() == [[False, False, True, True]]`, and so on.",
    ),
    mistakes=(
        Mistake("your test has one clean file", "Other files are written in other ways.", test_only_255),
        Mistake("your test never hands in two files", "BUSI has images with three.", test_only_single_files),
        Mistake("your test keeps the marks apart", "Where two files mark one pixel, it is inside.", test_only_apart),
        Mistake("your test has files of one kind alone", "0 and 1, lossy and empty ones stay unseen.", test_only_meeting),
        Mistake("your test counts pixels", "The right number can lie in the wrong place.", test_only_area),
        Mistake("your test looks at empty files alone", "Who finds nothing passes.", test_only_empty),
        Mistake("your test has no lossy file", "JPEG writes 3 for 0 and 250 for 255.", test_without_lossy),
        Mistake("your test asks for 0 and 255", "True and False are to come back.", test_that_the_type_stays),
    ),
    afterword="`medkit.data.mask.read_mask` does more: what is neither, such as a map of organs, it refuses by name.",
)
