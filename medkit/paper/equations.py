"""Eq. 1-9 as printed, each with its home in the kit."""

from __future__ import annotations

from medkit.paper.kinds import Equation, Place

EQUATIONS = (
    Equation(
        1,
        "I_clean(x, y) = 1/n · Σ_{i=-k..k} Σ_{j=-k..k} I(x+i, y+j) · K(i, j)",
        (Place("§3.1", "Noise Reduction"),),
        "What n is, which kernel K and how large, and what lies beyond the border.",
        "medkit.denoise:eq1_as_printed",
        (
            "medkit.denoise:filter_image",
            "tests/test_denoise.py::test_hand_numbers_of_the_notebook",
            "tests/test_denoise.py::test_law_printed_form_darkens_by_n",
        ),
    ),
    Equation(
        2,
        "I_norm(x, y) = (I(x, y) - I_min) / (I_max - I_min)",
        (Place("§3.1", "Normalization of pixel intensities"),),
        "Over what the extremes are taken, and what becomes of a constant image.",
        "medkit.normalise:min_max",
        (
            "medkit.normalise:is_constant",
            "tests/test_normalise.py::test_hand_numbers_of_the_notebook",
            "tests/test_normalise.py::test_edge_constant_image_becomes_zeros_and_is_told",
        ),
    ),
    Equation(
        3,
        "A_ij = Q_i · K_j' / √d_k",
        (Place("§3.3", "scaled dot-product attention"),),
        "Whether a softmax follows, how Q and K come from the image, how many heads there are.",
        "medkit.attention:attention_scores",
        (
            "medkit.attention:attention_weights",
            "tests/test_attention.py::test_hand_scores_weights_output",
        ),
    ),
    Equation(
        4,
        "Output_i = Σ_j A_ij V_j",
        (Place("§3.3", "weighted sum of the value vectors"),),
        "Whether the A_ij are weights at all: as printed they needn't be positive, nor sum to one.",
        "medkit.attention:attend",
        (
            "medkit.attention:attend_linear",
            "tests/test_attention.py::test_hand_scores_weights_output",
            "tests/test_attention.py::test_law_rows_are_weights",
        ),
    ),
    Equation(
        5,
        "Model_new = Pre-trained model + ΔWeights",
        (Place("§3.4", "updates applied to the pre-trained model"),),
        "What the sum means for a layer that is new, and which layers move.",
        "medkit.transfer:delta_weights",
        (
            "medkit.transfer:delta_rows",
            "tests/test_transfer.py::test_law_before_plus_delta_is_after",
            "tests/test_transfer.py::test_edge_a_new_layer_has_no_delta",
        ),
    ),
    Equation(
        6,
        "Accuracy = Number of Correct Predictions / Total Number of Predictions × 100",
        (Place("§4.1", "percentage of correct predictions"),),
        "What one prediction is about: an image, a slice, a patient.",
        "medkit.metrics:accuracy",
        (
            "medkit.metrics:balanced_accuracy",
            "tests/test_metrics.py::test_hand_labels",
            "tests/test_metrics_twins.py::test_twin_scikit_learn",
        ),
    ),
    Equation(
        7,
        "DSC = 2 × Area of Overlap / (Area of Prediction + Area of Ground Truth)",
        (Place("§4.1", "from 0 (no overlap) to 1"),),
        "Mean over images or pooled pixels, and what counts where both masks are empty.",
        "medkit.metrics:dice_per_image",
        (
            "medkit.metrics:dice_conventions",
            "tests/test_metrics.py::test_hand_five_dice_of_the_same_masks",
            "tests/test_metrics_twins.py::test_twin_monai",
        ),
    ),
    Equation(
        8,
        "Processing Time = Total Time Taken / Number of Images Processed",
        (Place("§4.1", "speed at which the model processes"),),
        "What the clock holds, how many images go at once, whether it waits for the device.",
        "medkit.timing:seconds_per_image",
        (
            "medkit.timing:stage_seconds",
            "tests/test_timing.py::test_hand_fake_device",
            "tests/test_timing.py::test_twin_torch_benchmark",
        ),
    ),
    Equation(
        9,
        "F1-Score = 2 × (Precision × Recall) / (Precision + Recall)",
        (Place("§4.1", "harmonic mean of precision and recall"),),
        "Which class is the positive one, or how classes are averaged.",
        "medkit.metrics:f1_per_class",
        (
            "medkit.metrics:f1",
            "tests/test_metrics.py::test_hand_two_macro_f1",
            "tests/test_metrics_twins.py::test_twin_scikit_learn",
        ),
    ),
)
