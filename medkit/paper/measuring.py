"""What the paper doesn't tell of how it measured, and what the kit decided."""

from __future__ import annotations

from medkit.paper.kinds import Place, UnstatedChoice

MEASURING = (
    UnstatedChoice(
        "U26",
        "which data sets and which classes",
        "three public sets: tumours in brain MRI, bleeds in head CT, lesions in breast ultrasound",
        (Place("§4", "large-scale medical datasets"), Place("Table 3")),
        (
            "medkit.data.public:brain_mri",
            "medkit.data.public:head_ct",
            "medkit.data.public:breast_ultrasound",
        ),
    ),
    UnstatedChoice(
        "U27",
        "how images are split, and what stays together",
        "training, validation and test; a patient, or a group of twins, stands on one side only",
        (Place("§4", "tested and evaluated"),),
        (
            "medkit.data.container:split_by_group",
            "tests/test_container.py::test_edge_a_leak_is_refused",
            "tests/test_container.py::test_law_three_sides_cover_all_and_share_no_group",
        ),
    ),
    UnstatedChoice(
        "U28",
        "how many runs stand behind a number",
        "a run has one seed, written into its record; records of several are read together",
        (Place("Table 4"), Place("Table 5"), Place("Table 6"), Place("Table 7")),
        ("medkit.experiment:run", "medkit.intervals:bootstrap_seeds"),
    ),
    UnstatedChoice(
        "U29",
        "how sure a number is",
        "resampled over patients, or over the smallest group known; differences on the same images",
        (Place("§4.1", "demonstrating a significant improvement"),),
        (
            "medkit.intervals:bootstrap_mean",
            "medkit.intervals:paired_difference",
            "tests/test_intervals.py::test_law_patients_cover_the_truth_and_slices_do_not",
        ),
    ),
    UnstatedChoice(
        "U30",
        "what one prediction is: of an image, a slice, a patient",
        "of an image; of a slice where there are slices",
        (Place("Eq. 6"),),
        ("medkit.metrics:label_counts",),
    ),
    UnstatedChoice(
        "U31",
        "whether Dice is a mean over images or pooled",
        "a mean over images; pooled stands beside it",
        (Place("Eq. 7"),),
        ("medkit.metrics:dice", "medkit.metrics:dice_pooled", "medkit.metrics:dice_conventions"),
    ),
    UnstatedChoice(
        "U32",
        "what two empty masks count, and whether the background does",
        "two empty masks are left out and counted; only the lesion counts, never the background",
        (Place("Eq. 7"),),
        ("medkit.metrics:mask_counts", "tests/test_metrics.py::test_law_order_of_the_dice_conventions"),
    ),
    UnstatedChoice(
        "U33",
        "from which score on a pixel is lesion",
        "a probability of a half, a logit of 0",
        (Place("Eq. 7"),),
        (
            "medkit.experiment:evaluate",
            "tests/test_experiment.py::test_a_pixel_is_lesion_from_a_logit_of_zero_on",
        ),
    ),
    UnstatedChoice(
        "U34",
        "how F1 is averaged over classes",
        "macro: the mean of the classes' F1; four others stand beside it",
        (Place("Eq. 9"),),
        ("medkit.metrics:f1", "medkit.metrics:f1_of_means", "tests/test_metrics.py::test_hand_two_macro_f1"),
    ),
    UnstatedChoice(
        "U35",
        "what Eq. 8 times: preprocessing, transfer, one image or many",
        "the model alone, one image at a time and 32; the other stages each by name where asked for",
        (Place("Eq. 8"),),
        ("medkit.timing:seconds_per_image", "medkit.timing:stage_seconds"),
    ),
    UnstatedChoice(
        "U36",
        "whether the clock waits for the device",
        "always, before it starts and before it stops",
        (Place("Eq. 8"),),
        (
            "medkit.timing:synchroniser",
            "tests/test_timing.py::test_hand_work_queued_before_the_clock_is_not_counted",
        ),
    ),
)
