"""What the paper says that the steps of its method do."""

from __future__ import annotations

from medkit.paper.kinds import Claim, Place

METHODS = (
    Claim(
        "K9",
        "Attention makes a CNN better, at segmentation above all.",
        "method",
        (
            Place("§3.3", "improving segmentation accuracy"),
            Place("§3", "improving segmentation and detection"),
        ),
        (
            "medkit.models.hybrid:HybridWithConvolution",
            "medkit.models.hybrid:HybridUniform",
            "tests/test_hybrid.py::test_ablation_has_the_same_budget",
            "tests/test_hybrid.py::test_same_seed_same_weights_everywhere_else",
            "medkit.claims.ablations:attention",
            "medkit.ablate.studies:ATTENTION",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K10",
        "Attention works with the scores of Eq. 3 as they are, for no softmax is printed.",
        "method",
        (Place("Eq. 3"), Place("Eq. 4"), Place("§3.3", "The attention score is then used to weight")),
        (
            "medkit.models.hybrid:HybridAsPrinted",
            "tests/test_blocks.py::test_twin_attention_as_printed",
            "medkit.claims.ablations:no_softmax",
            "medkit.ablate.studies:ATTENTION",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K11",
        "Denoising and normalising help a model learn.",
        "method",
        (Place("§3.1", "enabling the model to learn features effectively"),),
        (
            "medkit.denoise:gaussian",
            "medkit.denoise:median",
            "medkit.normalise:min_max",
            "medkit.claims.ablations:preparation",
            "medkit.ablate.studies:PREPARATION",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K12",
        "Augmentation helps a model generalise, most where labels are few.",
        "method",
        (
            Place("§3.2", "helps to improve model generalization"),
            Place("§3", "especially when labeled data is"),
        ),
        (
            "medkit.augment:augment",
            "medkit.settings:Settings.augment",
            "medkit.claims.ablations:augmentation",
            "medkit.ablate.studies:AUGMENTATION",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K13",
        "Starting from ImageNet and holding the convolutions helps, most where labels are few, and trains "
        "faster.",
        "method",
        (
            Place("§3.4", "significantly improves the model's performance"),
            Place("§3", "speeds up model convergence"),
            Place("Table 3"),
        ),
        (
            "medkit.transfer:freeze",
            "medkit.models.pretrained:imagenet_weights",
            "medkit.pretrain:start_from",
            "tests/test_pretrain.py::test_law_taken_frozen_and_tuned",
            "medkit.claims.ablations:transfer",
            "medkit.ablate.studies:TRANSFER",
        ),
        pending="the study with ImageNet's weights, which are not at hand; a substitute source is reported apart",
    ),
    Claim(
        "K14",
        "Frozen layers do not change: none of their parameters is tuned.",
        "method",
        (Place("Table 2"), Place("§3.4", "weights are not updated during fine-tuning")),
        (
            "medkit.transfer:fingerprint",
            "tests/test_transfer.py::test_law_no_byte_of_a_frozen_layer_changes",
            "tests/test_transfer.py::test_law_the_naive_way_fails",
        ),
    ),
    Claim(
        "K15",
        "Attention shows what the model goes by.",
        "method",
        (Place("§1", "enhance feature extraction and improve interpretability"),),
        (
            "medkit.blocks:Look",
            "medkit.models.hybrid:Hybrid.look",
            "medkit.explain.maps:attention_map",
            "medkit.explain.measures:pointing_game",
            "medkit.explain.sanity:cascade",
            "tests/test_explain.py::test_a_planted_classifier_that_looks_at_a_corner_is_caught",
            "medkit.claims.explained:interpretable",
        ),
    ),
    Claim(
        "K18",
        "The model is light enough for a clinic's computers.",
        "method",
        (Place("§1", "lightweight model"), Place("§1", "reducing computational overhead")),
        (
            "medkit.cost:report",
            "tests/test_cost.py::test_twin_flops_of_the_models",
            "medkit.deploy.export:to_onnx",
            "medkit.deploy.int8:to_int8",
            "medkit.deploy.memory:of_file",
            "tests/test_deploy.py::test_a_file_runs_without_pytorch_in_less_memory",
            "medkit.claims.deployed:light",
        ),
    ),
    Claim(
        "K19",
        "The model generalises to data it has not seen.",
        "method",
        (
            Place("§1", "improve model generalization and robustness"),
            Place("§3.2", "generalize better on unseen data"),
        ),
        (
            "medkit.data.own:own_images",
            "medkit.data.container:Split",
            "medkit.shift.runs:run",
            "medkit.claims.shifted:unseen",
        ),
        pending="two sets of patients of one modality and one question, which nobody has put beside each other here yet",
    ),
    Claim(
        "K23",
        "Eq. 2 gives all images the same contrast.",
        "method",
        (Place("§3.1", "the images have uniform contrast"), Place("Eq. 2")),
        (
            "medkit.normalise:percentile",
            "tests/test_normalise.py::test_law_one_hot_pixel_moves_min_max_but_not_percentiles",
        ),
    ),
    Claim(
        "K24",
        "Augmentation makes 5000 images of 1000.",
        "method",
        (Place("§3.2", "increasing the dataset size to 5000 images"),),
        ("medkit.augment:plan", "tests/test_augment.py::test_law_thousand_become_five_thousand_with_table_1"),
    ),
    Claim(
        "K25",
        "Augmentation keeps a model from overfitting and prepares it for real variation.",
        "method",
        (Place("§3", "reduce overfitting"), Place("§3.2", "handling different real-world variations")),
        ("medkit.settings:Settings.augment", "tests/test_step.py::test_augmented_on_the_fly_by_key"),
        pending="the gap between training and test images with and without it, and a set of another origin",
    ),
    Claim(
        "K26",
        "In Eq. 4 a region with a higher score has more influence.",
        "method",
        (Place("§3.3", "have a greater influence"), Place("Eq. 4")),
        (
            "tests/test_paper.py::test_a_low_score_can_outweigh_a_high_one_where_no_softmax_stands",
            "tests/test_attention.py::test_law_rows_are_weights",
        ),
    ),
    Claim(
        "K27",
        "A high accuracy makes a model fit for clinical decisions.",
        "method",
        (Place("§4.1", "suitable for clinical decision support"), Place("Eq. 6")),
        (
            "medkit.metrics:balanced_accuracy",
            "tests/test_metrics.py::test_law_balanced_accuracy_is_not_fooled",
        ),
    ),
    Claim(
        "K28",
        "F1 is the metric for classes of uneven size.",
        "method",
        (Place("§4.1", "when there is an uneven class distribution"), Place("Eq. 9")),
        (
            "tests/test_metrics.py::test_law_micro_is_the_accuracy",
            "tests/test_metrics.py::test_law_macro_is_not_the_accuracy",
        ),
    ),
)
