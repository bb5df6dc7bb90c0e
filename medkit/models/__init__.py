"""The models, one file each, all with one contract.

    image (B, C, H, W)  ->  Prediction(label (B, K), mask (B, 1, H, W)), both logits

H and W are 32 or more and divisible by 8; C is 1 or 3. At the same `width` CNN, UNet, Transformer
and Hybrid have about equal numbers of parameters (within 10 % at widths of 16, 24 and 32), so that a
comparison compares ideas, not sizes. What they compute and hold differs more: `medkit.cost` counts it.

Beside them stand networks of the literature, not matched in size, each imported from its own file: ResNet18,
ResNet50, DenseNet121 (`backbones`), ViTB16 (`vit`) and DeepLabV3Plus (`deeplab`), with ImageNet's weights where
they are at hand, and AttentionUNet (`gated`). They keep the same contract; the map that `look` shows is at 1/32
or 1/16 in the first five. Torchvision is loaded by them alone.

    model.look(image)   ->  Look(prediction, features, weights), for explanation

PyTorch draws initial weights from its global generator. Whoever builds a model seeds that one,
inside `fork_rng`, so that nobody else's random numbers change:

>>> import torch
>>> with torch.random.fork_rng(devices=[]):
...     torch.default_generator.manual_seed(0).initial_seed()
...     model = Hybrid(classes=3)
0
>>> model(torch.zeros(2, 1, 64, 64)).mask.shape
torch.Size([2, 1, 64, 64])
"""

from medkit.models.cnn import CNN
from medkit.models.hybrid import Hybrid, HybridAsPrinted, HybridUniform, HybridWithConvolution
from medkit.models.transformer import Transformer
from medkit.models.unet import UNet

__all__ = [
    "CNN",
    "UNet",
    "Transformer",
    "Hybrid",
    "HybridAsPrinted",
    "HybridUniform",
    "HybridWithConvolution",
]
