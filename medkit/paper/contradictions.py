"""Where the paper stands against itself, against arithmetic, or against what it cites: C1-C24."""

from __future__ import annotations

from medkit.paper.kinds import Contradiction, Place

CONTRADICTIONS = (
    Contradiction(
        "C1",
        "The accuracy is 98.5 % in the abstract and 95.1 % in the table and the conclusions.",
        (Place("abstract", "98.5%"), Place("Table 4"), Place("§5", "classification accuracy of 95.1%")),
        ("tests/test_paper.py::test_contradiction_1_of_the_headline",),
    ),
    Contradiction(
        "C2",
        "A lead of 3 to 5 % over other deep models; the table gives 4.6, 2.7 and 2.1 points, or 5.1, 2.9 "
        "and 2.3 % of the others' values. The Transformer lies outside either way.",
        (Place("abstract", "3–5%"), Place("Table 4")),
        (
            "medkit.paper:ResultTable.relative_margins",
            "tests/test_paper.py::test_contradiction_2_of_three_to_five_percent",
        ),
    ),
    Contradiction(
        "C3",
        "A lead of 10 % in Dice; the table gives 7.9, 6.0 and 4.2 points. It holds as a share of the CNN's "
        "value only (9.7 %), and no traditional method is in the table.",
        (Place("abstract", "10% improvement"), Place("Table 5")),
        (
            "medkit.paper:ResultTable.relative_margins",
            "tests/test_paper.py::test_contradiction_3_of_ten_percent",
        ),
    ),
    Contradiction(
        "C4",
        "The formula divides by an undefined n and weights by a kernel as well: a kernel that sums to one "
        "makes the image n times darker, and a kernel of ones allows the mean filter only.",
        (Place("Eq. 1"),),
        (
            "medkit.denoise:eq1_as_printed",
            "medkit.denoise:filter_image",
            "tests/test_denoise.py::test_law_printed_form_darkens_by_n",
        ),
    ),
    Contradiction(
        "C5",
        "The median is offered as a way to do Eq. 1; the equation is linear and the median is not.",
        (Place("§3.1", "Gaussian filtering or median filtering"), Place("Eq. 1")),
        ("medkit.denoise:median", "tests/test_denoise.py::test_law_median_is_no_instance_of_eq_1"),
    ),
    Contradiction(
        "C6",
        "For a constant image the formula divides 0 by 0.",
        (Place("Eq. 2"),),
        (
            "medkit.normalise:is_constant",
            "tests/test_normalise.py::test_edge_constant_image_becomes_zeros_and_is_told",
        ),
    ),
    Contradiction(
        "C7",
        "The name is scaled dot-product attention, but the softmax is missing: scores may be negative and "
        "sum to anything, Eq. 4 is no average, and the whole costs N·d² in place of N²·d, for the products "
        "may be swapped.",
        (Place("Eq. 3"), Place("Eq. 4"), Place("§3.3", "scaled dot-product attention")),
        (
            "medkit.attention:attention_weights",
            "medkit.attention:attend_linear",
            "tests/test_attention.py::test_twin_linear_form_is_the_printed_one",
            "tests/test_attention.py::test_law_linear_form_costs_linearly",
        ),
    ),
    Contradiction(
        "C8",
        "To an output layer that is new nothing can be added, and for a frozen layer what is added is zero.",
        (Place("Eq. 5"), Place("Table 2")),
        (
            "tests/test_transfer.py::test_edge_a_new_layer_has_no_delta",
            "tests/test_transfer.py::test_law_frozen_layers_have_delta_zero_and_the_naive_way_shows",
        ),
    ),
    Contradiction(
        "C9",
        "Which two layers have 5000 and 100 parameters? 22 pairs of small ones, such as 100 to 50 to 2; "
        "none of them takes the features that an ImageNet network gives.",
        (Place("Table 2"),),
        (
            "medkit.transfer:table_2_shapes",
            "tests/test_transfer.py::test_hand_table_2_shapes",
            "tests/test_paper.py::test_contradictions_9_and_19_of_the_parameters",
        ),
    ),
    Contradiction(
        "C10",
        "The time for an image falls from epoch to epoch, for every model; how long a network was trained "
        "changes nothing in what it computes for an image.",
        (Place("Table 6"),),
        ("tests/test_paper.py::test_contradictions_10_and_11_of_the_clock",),
    ),
    Contradiction(
        "C11",
        "A CNN gets 33 % faster when attention is added to it; and real time is said of 1.2 s for an image.",
        (Place("Table 6"), Place("§4.1", "ideal for real-time applications")),
        ("medkit.cost:report", "tests/test_paper.py::test_contradictions_10_and_11_of_the_clock"),
    ),
    Contradiction(
        "C12",
        "Dice for a CNN, accuracy of images for a U-Net, both for a Transformer that detects anomalies: no "
        "head that could answer either is described.",
        (Place("Table 4"), Place("Table 5"), Place("§4", "Transformer-based model for anomaly detection")),
        ("medkit.blocks:Prediction", "medkit.blocks:LabelHead", "medkit.blocks:MaskHead"),
    ),
    Contradiction(
        "C13",
        "Finding anomalies and being interpretable are promised; no table or number measures either.",
        (Place("§1", "improve interpretability"), Place("§5", "and anomaly detection")),
        ("tests/test_paper.py::test_contradiction_13_of_what_no_table_measures",),
    ),
    Contradiction(
        "C14",
        "Made-up images are listed among the contributions; the method describes rotation, flips and zoom "
        "alone.",
        (Place("§1", "synthetic data generation techniques"), Place("Table 1"), Place("Table 3")),
        ("medkit.augment:Ranges", "tests/test_paper.py::test_table_1_is_made_of_moves_that_the_kit_knows"),
    ),
    Contradiction(
        "C15",
        "Images are multiplied and then learned from; nothing says that test images were put aside first.",
        (Place("§3.2", "before and after augmentation"), Place("Table 1")),
        (
            "medkit.augment:expand",
            "medkit.data.container:Split",
            "tests/test_augment.py::test_law_a_split_by_group_parts_no_copy_from_its_original",
        ),
    ),
    Contradiction(
        "C16",
        "80 numbers without spread or count, of data without a name; each column only rises or only falls, "
        "and no model ever changes its rank. The differences are called significant all the same.",
        (
            Place("Table 4"),
            Place("Table 5"),
            Place("Table 6"),
            Place("Table 7"),
            Place("§4.1", "significantly outperforms the existing methods"),
        ),
        (
            "medkit.intervals:bootstrap_mean",
            "tests/test_paper.py::test_contradiction_16_of_numbers_too_smooth",
        ),
    ),
    Contradiction(
        "C17",
        "Two frameworks at once, the card named, but no code, versions or seeds.",
        (Place("§4", "TensorFlow and PyTorch"),),
        ("medkit.record:machine", "tests/test_record.py::test_machine_names_what_numbers_depend_on"),
    ),
    Contradiction(
        "C18",
        "Several references are about something else than the sentence that cites them: the price of drugs "
        "[6] at scanners that differ, registration [11] at U-Net, polarised light on skin [16] at "
        "autoencoders.",
        (Place("references", "Prescription Drug Costs"), Place("§1", "across different datasets [6]")),
        pending="nothing to compute: compare the list of references with the sentences",
    ),
    Contradiction(
        "C19",
        "ImageNet is said to give 5000 parameters, fully connected; a ResNet-18 has 513,000 there, and none "
        "of the four networks that the kit loads has 5000.",
        (Place("Table 2"),),
        ("tests/test_paper.py::test_contradictions_9_and_19_of_the_parameters",),
    ),
    Contradiction(
        "C20",
        "Where the metric is introduced, time is for one image or for many; everywhere else it is for one.",
        (Place("§4.1", "seconds per image or seconds per batch"), Place("Eq. 8"), Place("Table 6")),
        (
            "medkit.timing:Timing.batch_seconds",
            "tests/test_timing.py::test_hand_median_and_quartiles_per_image",
        ),
    ),
    Contradiction(
        "C21",
        "Trained on large sets, and meant for few labels; no set is named and no count of images given, but "
        "the 1000 and 5000 of an example.",
        (
            Place("abstract", "limited labeled data"),
            Place("§3", "trained on large-scale medical datasets"),
            Place("Table 3"),
        ),
        (
            "medkit.data.container:ImageSet",
            "tests/test_paper.py::test_contradiction_21_of_the_set_without_a_name",
        ),
    ),
    Contradiction(
        "C22",
        "Scores come from a learned matrix of weights; the formula holds none.",
        (Place("§3.3", "using a learned weight matrix"), Place("Eq. 3")),
        (
            "medkit.blocks:SelfAttention2d",
            "tests/test_blocks.py::test_twin_attention_block_is_the_fused_kernel",
        ),
    ),
    Contradiction(
        "C23",
        "1000 images become 5000 by rotations and flips, which takes four copies of each; the table beside "
        "it shows a zoom too, and 4 copies of 3 images.",
        (Place("§3.2", "applying random rotations and flips"), Place("Table 1")),
        ("medkit.augment:plan", "tests/test_paper.py::test_contradiction_23_of_four_copies"),
    ),
    Contradiction(
        "C24",
        "Dice and F1 lie between 0 and 1 by their formulas, and between 75 and 93 in their tables.",
        (Place("Eq. 7"), Place("Eq. 9"), Place("Table 5"), Place("Table 7")),
        ("medkit.table:BLOCKS", "tests/test_paper.py::test_contradiction_24_of_shares_and_percentages"),
    ),
)
