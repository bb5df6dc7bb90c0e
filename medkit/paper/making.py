"""What the paper doesn't tell of images, models and training, and what the kit decided."""

from __future__ import annotations

from medkit.paper.kinds import Place, UnstatedChoice

MAKING = (
    UnstatedChoice(
        "U1",
        "the kernel, its size and its σ",
        "a Gaussian of σ = 0.5 pixels, cut off at 4 σ; mean and median stand beside it",
        (Place("Eq. 1"),),
        ("medkit.preparation:KERNELS", "medkit.denoise:gaussian", "medkit.denoise:mean", "medkit.denoise:median"),
    ),
    UnstatedChoice(
        "U2",
        "what n is",
        "the number of the kernel's entries, as printed; runs leave 1/n out",
        (Place("Eq. 1"),),
        ("medkit.denoise:eq1_as_printed", "medkit.denoise:filter_image"),
    ),
    UnstatedChoice(
        "U3",
        "what lies beyond the border",
        "the image mirrored, its edge pixel repeated; four other rules can be asked for",
        (Place("Eq. 1"),),
        (
            "medkit.denoise:BORDERS",
            "tests/test_denoise.py::test_hand_border_rules_continue_a_line_as_the_table_says",
        ),
    ),
    UnstatedChoice(
        "U4",
        "whether every modality is denoised",
        "all alike",
        (Place("§3.1", "Noise Reduction"),),
        ("medkit.preparation:Preparation",),
    ),
    UnstatedChoice(
        "U5",
        "whose minimum and maximum",
        "each image's own; those of a volume or a training set can be asked for",
        (Place("Eq. 2"),),
        (
            "medkit.normalise:min_max",
            "medkit.normalise:min_max_volume",
            "medkit.normalise:min_max_data_set",
            "tests/test_normalise.py::test_hand_per_image_per_volume_per_data_set",
        ),
    ),
    UnstatedChoice(
        "U6",
        "what a constant image becomes",
        "zeros, and it can be asked which images were constant",
        (Place("Eq. 2"),),
        ("medkit.normalise:is_constant",),
    ),
    UnstatedChoice(
        "U7",
        "whether denoising or normalising comes first, and whether a CT is cut to a window of Hounsfield "
        "units",
        "denoise, then the window where there are Hounsfield units, then Eq. 2",
        (Place("§3.1", "Preprocessing involves several stages"),),
        (
            "medkit.preparation:Preparation",
            "medkit.preparation:SOFT_TISSUE",
            "medkit.normalise:ct_window",
            "tests/test_preparation.py::test_hounsfield_units_go_through_a_window_before_eq_2_and_not_without_it",
        ),
    ),
    UnstatedChoice(
        "U8",
        "how far images are turned and zoomed, and how often flipped",
        "up to 30° and 10 % either way, the largest that Table 1 shows; each flip for half of the images",
        (Place("§3.2", "within a specified range"), Place("Table 1")),
        ("medkit.augment:Ranges", "tests/test_augment.py::test_law_moves_lie_in_their_ranges_and_fill_them"),
    ),
    UnstatedChoice(
        "U9",
        "what fills the corners of a turned image",
        "the image's own minimum",
        (Place("§3.2", "rotated by a random angle"),),
        (
            "medkit.augment:move",
            "tests/test_augment.py::test_law_the_image_s_own_minimum_lies_beyond_the_border",
        ),
    ),
    UnstatedChoice(
        "U10",
        "whether copies are made once or anew in each epoch",
        "anew in training; the fivefold set of the example can be made too",
        (Place("§3.2", "increasing the dataset size"),),
        (
            "medkit.augment:augment",
            "medkit.augment:expand",
            "tests/test_step.py::test_augmented_on_the_fly_by_key",
        ),
    ),
    UnstatedChoice(
        "U11",
        "how many pixels an image has",
        "a number of each preset, written into every record",
        (Place("Table 3"),),
        ("medkit.presets:PRESETS", "medkit.data.resize:resize_image"),
    ),
    UnstatedChoice(
        "U12",
        "how a grey image enters a network that was trained in colour",
        "by a first layer that adds the three channels' weights up; the same as the image three times",
        (Place("§3.4", "pre-trained knowledge from large datasets"),),
        (
            "medkit.models.pretrained:GreyStem",
            "tests/test_pretrained.py::test_law_summed_stem_equals_repeated_channels",
        ),
    ),
    UnstatedChoice(
        "U13",
        "which network is the backbone",
        "for the comparison a small encoder, the same in CNN, U-Net and hybrid; four ImageNet networks "
        "beside it",
        (Place("Table 3"), Place("§3.4", "a large, general dataset")),
        ("medkit.blocks:Encoder", "medkit.models.pretrained:WEIGHTS"),
    ),
    UnstatedChoice(
        "U14",
        "how many parameters each model has",
        "about as many in all four",
        (Place("§4", "comparing the proposed hybrid model"),),
        ("medkit.blocks:parameter_count", "tests/test_cnn.py::test_equal_budgets"),
    ),
    UnstatedChoice(
        "U15",
        "where the attention sits",
        "once, at an eighth of the image's size, before both heads",
        (Place("§3.3", "integration of attention mechanisms"),),
        ("medkit.models.hybrid:Hybrid", "medkit.blocks:STRIDE"),
    ),
    UnstatedChoice(
        "U16",
        "the number of heads and d_k",
        "one head over all 64 features in the hybrid, four of 16 in the Transformer",
        (Place("Eq. 3"),),
        (
            "medkit.blocks:SelfAttention2d",
            "medkit.models.transformer:HEADS",
            "tests/test_paper.py::test_heads_and_features_are_as_said",
        ),
    ),
    UnstatedChoice(
        "U17",
        "whether positions are encoded",
        "not in the hybrid, whose convolutions feel the border; by sines in the Transformer",
        (Place("§3.3", "each pixel or region"),),
        ("medkit.blocks:SelfAttention2d", "medkit.models.transformer:sine_positions"),
    ),
    UnstatedChoice(
        "U18",
        "softmax or none",
        "softmax; the printed form is an ablation",
        (Place("Eq. 3"), Place("Eq. 4")),
        ("medkit.attention:attention_weights", "medkit.models.hybrid:HybridAsPrinted"),
    ),
    UnstatedChoice(
        "U19",
        "how each model answers with a label and a mask",
        "two heads of one form for all: average and maximum for the label, one step up for the mask",
        (Place("§4", "ability to classify, segment"),),
        ("medkit.blocks:LabelHead", "medkit.blocks:MaskHead", "medkit.blocks:Prediction"),
    ),
    UnstatedChoice(
        "U20",
        "which layers normalise",
        "GroupNorm, so that no image depends on its batch",
        (Place("Table 3"),),
        ("medkit.blocks:ConvBlock", "tests/test_blocks.py::test_law_batch_does_not_matter"),
    ),
    UnstatedChoice(
        "U21",
        "the loss and its weights",
        "cross-entropy, soft Dice and binary cross-entropy, 1 each",
        (Place("Table 3"),),
        ("medkit.losses:total_loss", "medkit.settings:Settings.dice_weight"),
    ),
    UnstatedChoice(
        "U22",
        "what else Adam and its rate do: schedule, decay, momenta",
        "a constant rate, no decay, PyTorch's momenta",
        (Place("Table 3"),),
        ("medkit.training:fit", "tests/test_training.py::test_hand_one_step_of_adam"),
    ),
    UnstatedChoice(
        "U23",
        "whether training stops early, and which epoch is reported",
        "it never stops early; all five rows are reported and none is chosen by test images",
        (Place("Table 3"), Place("Table 4")),
        (
            "medkit.experiment:report_epochs",
            "medkit.experiment:Sealed",
            "tests/test_experiment.py::test_test_images_decide_nothing",
        ),
    ),
    UnstatedChoice(
        "U24",
        "in how many bits a model computes",
        "bfloat16 where a GPU has it, weights in float32; float32 elsewhere",
        (Place("§4", "NVIDIA RTX 3080"),),
        ("medkit.settings:Settings.mixed_precision", "medkit.step:has_bfloat16"),
    ),
    UnstatedChoice(
        "U25",
        "what is frozen, and how it is held",
        "any stage by name; weights, statistics and every optimiser's moves are held, byte for byte",
        (Place("Eq. 5"), Place("Table 2")),
        ("medkit.transfer:freeze", "tests/test_transfer.py::test_law_whichever_optimiser_has_met_most"),
    ),
)
