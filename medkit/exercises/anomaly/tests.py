"""Exercise 14.5, a test for the overlap of regions: what it accepts, and what it must kill."""

from __future__ import annotations

import torch

from medkit.exercises.anomaly import overlaps
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest


def test_region_overlap(region_overlap):
    """Work one small batch out on paper: regions of 4, 1 and 2 pixels, a gap in the numbers, an image without any."""
    region = torch.tensor([[[5, 5, 5, 5, 0, 2]], [[0, 2, 2, 0, 0, 0]], [[0, 0, 0, 0, 0, 0]]])
    flagged = torch.tensor([[[1, 0, 0, 0, 1, 1]], [[0, 0, 0, 1, 0, 0]], [[1, 0, 0, 0, 0, 0]]]).bool()
    assert abs(float(region_overlap(flagged, region)) - (0.25 + 1 + 0) / 3) < 1e-5


# Other good tests


def test_one_thing_at_a_time(region_overlap):
    """Ask for each part of the task by a batch of its own."""
    cases = (
        ([[[3, 3, 3, 3, 0, 1]]], [[[1, 1, 1, 0, 0, 0]]], 0.375),  # sizes, a gap, a miss
        ([[[1, 1, 2, 0]], [[1, 0, 0, 0]]], [[[0, 1, 1, 1]], [[0, 0, 0, 0]]], 0.5),  # the same number in two images
        ([[[1, 1, 2, 0]], [[0, 0, 0, 0]]], [[[0, 1, 1, 1]], [[0, 1, 0, 0]]], 0.75),  # an image without a region
        ([[[7, 7, 7, 0]], [[1, 1, 0, 2]]], [[[1, 0, 0, 0]], [[1, 1, 0, 1]]], 7 / 9),
    )
    for region, flagged, wanted in cases:
        assert abs(float(region_overlap(torch.tensor(flagged).bool(), torch.tensor(region))) - wanted) < 1e-4


def test_by_laws(region_overlap):
    """Ask for what must hold: each region adds its share, however large it is and wherever it lies."""
    region = torch.zeros(3, 4, 6, dtype=torch.int64)
    region[0, 0, :5], region[0, 3, 0], region[1, 1:3, 1:4] = 4, 2, 2
    nothing = torch.zeros(3, 4, 6, dtype=torch.bool)
    assert abs(float(region_overlap(nothing, region))) < 1e-6
    assert abs(float(region_overlap(~nothing, region)) - 1) < 1e-5
    for image, number, size in ((0, 4, 5), (0, 2, 1), (1, 2, 6)):
        for outside in (False, True):
            flagged = nothing.clone()
            flagged[image][region[image] == number] = True
            flagged[:, 3, 5] = outside
            assert abs(float(region_overlap(flagged, region)) - 1 / 3) < 1e-5
            row, column = (region[image] == number).nonzero()[0].tolist()
            flagged[image, row, column] = False
            assert abs(float(region_overlap(flagged, region)) - (size - 1) / size / 3) < 1e-5


# Tests that are too weak or too strict


def test_only_ends(region_overlap):
    """Too weak: all and nothing."""
    region = torch.tensor([[[1, 1, 0, 2]], [[3, 0, 0, 0]]])
    assert abs(float(region_overlap(region > 0, region)) - 1) < 1e-5
    assert abs(float(region_overlap(torch.zeros_like(region).bool(), region))) < 1e-6


def test_only_one_region(region_overlap):
    """Too weak: one region in one image."""
    region = torch.tensor([[[0, 1, 1, 1, 1, 0]]])
    flagged = torch.tensor([[[1, 1, 0, 0, 0, 0]]]).bool()
    assert abs(float(region_overlap(flagged, region)) - 0.25) < 1e-5


def test_only_equal_sizes(region_overlap):
    """Too weak: regions of one size."""
    region = torch.tensor([[[1, 1, 0, 2, 2, 0]]])
    flagged = torch.tensor([[[1, 0, 1, 1, 1, 0]]]).bool()
    assert abs(float(region_overlap(flagged, region)) - 0.75) < 1e-5


def test_only_one_image(region_overlap):
    """Too weak: one image, of several regions."""
    region = torch.tensor([[[5, 5, 5, 5, 0, 2, 0, 3]]])
    flagged = torch.tensor([[[1, 0, 0, 0, 1, 1, 0, 0]]]).bool()
    assert abs(float(region_overlap(flagged, region)) - 1.25 / 3) < 1e-5


def test_only_one_region_an_image(region_overlap):
    """Too weak: several images, with a region each."""
    region = torch.tensor([[[1, 1, 1, 1, 0, 0]], [[0, 1, 0, 0, 0, 0]], [[0, 0, 0, 0, 0, 0]]])
    flagged = torch.tensor([[[1, 0, 0, 0, 1, 0]], [[0, 1, 0, 0, 0, 0]], [[0, 1, 0, 0, 0, 0]]]).bool()
    assert abs(float(region_overlap(flagged, region)) - 0.625) < 1e-5


def test_only_a_range(region_overlap):
    """Too weak: ask for a share."""
    region = torch.tensor([[[5, 5, 5, 5, 0, 2]], [[0, 2, 2, 0, 0, 0]]])
    flagged = torch.tensor([[[1, 0, 0, 0, 1, 1]], [[0, 0, 0, 1, 0, 0]]]).bool()
    assert 0 < float(region_overlap(flagged, region)) < 1


def test_to_the_last_digit(region_overlap):
    """Too strict: ask for equal bits."""
    region = torch.tensor([[[5, 5, 5, 5, 0, 2]], [[0, 2, 2, 0, 0, 0]], [[0, 0, 0, 0, 0, 0]]])
    flagged = torch.tensor([[[1, 0, 0, 0, 1, 1]], [[0, 0, 0, 1, 0, 0]], [[1, 0, 0, 0, 0, 0]]]).bool()
    assert float(region_overlap(flagged, region)) == (0.25 + 1 + 0) / 3


KILL_OVERLAPS = WriteTest(
    id="14.5",
    title="A test for the overlap of regions",
    section="exercises",
    points=3,
    minutes=15,
    name="test_region_overlap",
    prompt=(
        "You are the examiner. `region_overlap(flagged, region)` should return what PRO averages at one threshold: of each "
        "region the share of its pixels that is flagged; then the mean over all regions of all images, so that a small lesion "
        "counts as much as a large one. `flagged` (N, H, W) is bool. `region` (N, H, W) is int64: 0 on the ground, "
        "and in each image another number above 0 for each region, with gaps between the numbers; the same number in another "
        "image is another region. An image may have none, and adds nothing then; one image at least has one. What is "
        "flagged on the ground changes nothing. Write a function that accepts every right version, and raises an "
        "AssertionError (or returns False) for each of the wrong ones that the kit holds."
    ),
    unsolved=(
        "def test_region_overlap(region_overlap):\n"
        "    # for example: a region of 4 pixels, one of them flagged, and a region of 1 pixel, flagged: (1/4 + 1) / 2\n"
        "    ...\n"
        "    return ..."
    ),
    solution=test_region_overlap,
    alternatives=(test_one_thing_at_a_time, test_by_laws),
    forbidden=("medkit.anomaly",),
    right=(overlaps.overlap_by_loop, overlaps.overlap_by_count, overlaps.overlap_by_weight),
    wrong=(
        Mistake("pools all lesion pixels", "Hand in a large region and a small one.", overlaps.overlap_of_pixels),
        Mistake("averages within each image first", "Hand in an image with two regions and one with a single region.", overlaps.overlap_of_images),
        Mistake("pools the lesion pixels of each image", "Hand in an image with a large region and a small one.", overlaps.overlap_of_pixels_by_image),
        Mistake("joins regions of the same number in two images", "Use one number in two images.", overlaps.overlap_of_numbers),
        Mistake("counts a region as found with its first pixel", "Flag a part of a region.", overlaps.overlap_of_hits),
        Mistake("counts a region as found from half of it", "Flag a part of a region.", overlaps.overlap_of_halves),
        Mistake("leaves out the regions that were missed", "Let a region have no flagged pixel.", overlaps.overlap_of_found),
        Mistake("takes the ground for a region", "Flag nothing, or little, on the ground.", overlaps.overlap_with_ground),
        Mistake("gives an image without a region a 0", "Hand in an image without a region.", overlaps.overlap_with_empty_images),
        Mistake("divides by region and flagged ground together", "Flag a pixel of the ground.", overlaps.overlap_of_unions),
        Mistake("divides by the flagged pixels", "That is the precision: flag a part of a region.", overlaps.overlap_of_flagged),
        Mistake("counts the numbers without a gap", "Let the numbers have a gap.", overlaps.overlap_of_counted_numbers),
        Mistake("divides by the highest number", "Let the numbers have a gap.", overlaps.overlap_over_highest_number),
        Mistake("looks at the largest region of each image alone", "Hand in an image with two regions.", overlaps.overlap_of_the_largest),
    ),
    hints=(
        "Draw two images on paper, a row of six pixels is enough: a region of 4 pixels with 1 flagged, a region of 1 pixel, "
        "flagged, and in the second image a region that is missed. What is the mean?",
        "Which of these are in your batch: two sizes, a partly flagged region, a missed one, a flagged pixel on the ground, a gap in the "
        "numbers, one number in two images, an image without a region?",
        "`region = torch.tensor([[[5, 5, 5, 5, 0, 2]], [[0, 2, 2, 0, 0, 0]]])`, flagged likewise with `.bool()`, and "
        "`assert abs(float(region_overlap(flagged, region)) - 1.25 / 3) < 1e-5`.",
    ),
    mistakes=(
        Mistake("your test asks for all and nothing", "Between them everything may happen.", test_only_ends),
        Mistake("your test has one region", "How several are averaged stays unseen.", test_only_one_region),
        Mistake("your test has regions of one size", "Pooled pixels give the same then.", test_only_equal_sizes),
        Mistake("your test has one image", "What happens between images stays unseen.", test_only_one_image),
        Mistake("your test has one region in each image", "Images and regions are the same then.", test_only_one_region_an_image),
        Mistake("your test asks for a share alone", "Every wrong version gives a share.", test_only_a_range),
        Mistake("your test asks for equality to the last digit", "Right versions differ in rounding.", test_to_the_last_digit),
    ),
    afterword="By pixels, one large lesion outweighs ten small ones; and it is the small ones that nobody sees.",
)
