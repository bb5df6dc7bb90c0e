"""What the paper says of the work of others, mostly in its section 2."""

from __future__ import annotations

from medkit.paper.kinds import Claim, Place

FIELD = (
    Claim(
        "K31",
        "CNNs (ResNet, DenseNet) classify images better than older machine learning.",
        "field",
        (Place("§2.1", "outperform traditional machine learning methods"),),
        ("medkit.models.pretrained:imagenet_network", "medkit.models.backbones:ResNet50", "medkit.ablate.studies:IMAGENET"),
        pending="a linear baseline, the CNN and those two networks on the same real sets, from ImageNet's weights",
    ),
    Claim(
        "K32",
        "Thresholds and region growing fail on complex medical images.",
        "field",
        (
            Place("§1", "thresholding and region-based segmentation"),
            Place("abstract", "Traditional image processing"),
        ),
        pending="the Dice of both beside the networks' on the same masks",
    ),
    Claim(
        "K33",
        "Vision Transformers relate what lies far apart, and need many images to learn from.",
        "field",
        (
            Place("§2.1", "capturing long-range dependencies"),
            Place("§2.1", "require large amounts of training data"),
        ),
        ("medkit.models.transformer:Transformer", "tests/test_blocks.py::test_law_attention_sees_far"),
        pending="for the second half, learning curves of Transformer and CNN over the number of images",
    ),
    Claim(
        "K34",
        "U-Net and DeepLabV3+ segment tumours, organs and vessels very well.",
        "field",
        (Place("§2.2", "U-Net and DeepLabV3+"),),
        ("medkit.models.unet:UNet", "medkit.models.deeplab:DeepLabV3Plus"),
        pending="both beside published numbers, by a published protocol",
    ),
    Claim(
        "K35",
        "Attention gates make segmentation networks better.",
        "field",
        (Place("§2.2", "focus on relevant regions"),),
        ("medkit.models.gated:AttentionUNet", "tests/test_backbones.py::test_gates_cost_one_per_cent"),
        pending="runs of it beside the plain U-Net, long enough to learn, over seeds",
    ),
    Claim(
        "K36",
        "Segmentation suffers where lesions are small against the rest.",
        "field",
        (Place("§2.2", "struggle with class imbalance"),),
        ("medkit.losses:soft_dice_loss",),
        pending="Dice against the lesion's share of the image, with and without a loss that allows for it",
    ),
    Claim(
        "K37",
        "Autoencoders and GANs that have seen healthy images only find what is not healthy.",
        "field",
        (Place("§2.3", "learn normal anatomical structures"),),
        ("medkit.data.phantom:phantom", "medkit.scores:auroc"),
        pending="AUROC of both on healthy patients against ill ones, beside a plain baseline",
    ),
    Claim(
        "K38",
        "Deep features joined to classical statistics find anomalies better, in rare diseases above all.",
        "field",
        (Place("§2.3", "traditional statistical methods"),),
        pending="such a detector beside those of K37, over the number of healthy images",
    ),
    Claim(
        "K39",
        "Images made by GANs and by style transfer make models better; the paper's own model uses such "
        "images.",
        "field",
        (Place("§2.4", "style transfer techniques"), Place("§1", "synthetic data generation techniques")),
        (
            "medkit.synthesise.gan:train",
            "medkit.synthesise.style:swap_amplitude",
            "medkit.synthesise.copies:check",
            "tests/test_synthesise.py::test_a_planted_copier_is_caught",
            "medkit.claims.ablations:synthesis",
        ),
        pending="the same at 128 pixels with a GAN trained for longer, on sets split by patients",
    ),
    Claim(
        "K40",
        "Other scanners, settings and bodies spoil what a model has learned.",
        "field",
        (Place("§1", "Variability in image quality, acquisition settings"),),
        ("medkit.normalise:percentile", "medkit.normalise:z_score"),
        pending="training on one set, testing on another, under several normalisations",
    ),
    Claim(
        "K41",
        "Early layers hold what all images share, edges and textures; late layers hold what a task needs.",
        "field",
        (Place("§3.4", "low-level features like edges and textures"),),
        ("medkit.transfer:freeze", "medkit.pretrain:textures"),
        pending="freezing stage after stage, and what each costs",
    ),
    Claim(
        "K42",
        "Light models analyse images in real time without large computers.",
        "field",
        (Place("§2.5", "optimized for edge devices"),),
        ("medkit.cost:report", "medkit.timing:seconds_per_image", "medkit.deploy.run:clock", "results/deploy-us/hybrid-seed0.json"),
        pending="the same on a small device's own processor; on a server's two cores K8 and K18 are judged",
    ),
    Claim(
        "K43",
        "Deep models ask for much computing, which stands in the way of real time.",
        "field",
        (Place("§1", "necessitates high computational resources"),),
        ("medkit.cost:table",),
        pending="FLOPs, memory and time of the large published networks beside the kit's models",
    ),
)
