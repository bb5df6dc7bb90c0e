"""What every model has to hold. A test file takes `ModelContract`, names its model, adds its own.

    class TestCNN(ModelContract):
        Model = CNN
"""

import pytest
import torch

from medkit.blocks import Prediction
from medkit.training import Settings, fit, predict


def seeded(build, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def eight_images():
    """Bright boxes on noise; how bright is the label."""
    image, label = 0.1 * draw(8, 1, 32, 32), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    mask = torch.zeros(8, 1, 32, 32, dtype=torch.bool)
    for i in range(8):
        mask[i, 0, 3 * i : 3 * i + 6, 4 : 8 + 2 * i] = True
    return image + mask * (0.4 + 0.2 * label.view(-1, 1, 1, 1)), label, mask


class ModelContract:
    Model = None
    weights = ()  # heads of each attention layer
    chooses = True  # its weights are computed from the image, so that a gradient can be asked for
    epochs = 100  # in which it learns 8 images by heart

    def build(self, seed=0, **kwargs):
        return seeded(lambda: self.Model(**{"classes": 3, **kwargs}), seed)

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("size", [(32, 32), (40, 72), (64, 64)])
    def test_contract(self, size, channels):
        prediction = self.build(channels=channels, classes=5)(draw(2, channels, *size))
        assert isinstance(prediction, Prediction)
        assert prediction.label.shape == (2, 5)
        assert prediction.mask.shape == (2, 1, *size)

    def test_look_shows_what_forward_does(self):
        model, image = self.build().double(), draw(2, 1, 40, 64).double()
        look, prediction = model.look(image), model(image)
        assert (look.prediction.label - prediction.label).abs().max() <= 1e-12
        assert (look.prediction.mask - prediction.mask).abs().max() <= 1e-12
        assert look.features.shape == (2, 64, 5, 8)
        assert (model.label_head(look.features) - prediction.label).abs().max() <= 1e-12
        assert [tuple(weights.shape) for weights in look.weights] == [(2, n, 40, 40) for n in self.weights]
        assert all(weights.requires_grad == self.chooses for weights in look.weights)
        (gradient,) = torch.autograd.grad(look.prediction.label.sum(), look.features)
        assert gradient.abs().max() > 0

    def test_edge_wrong_images(self):
        for call in (self.build(), self.build().look):
            with pytest.raises(ValueError, match=r"shape \(B, 1, H, W\), got \(2, 3, 32, 32\)"):
                call(draw(2, 3, 32, 32))
            with pytest.raises(ValueError, match=r"divisible by 8, got \(32, 36\)"):
                call(draw(2, 1, 32, 36))
        with pytest.raises(ValueError, match="classes must be 2 or more"):
            self.build(classes=1)

    def test_no_batch_statistics(self):
        kinds = {type(part).__name__ for part in self.build().modules()}
        assert "GroupNorm" in kinds
        assert not any("Batch" in kind or "Dropout" in kind for kind in kinds)
        assert not list(self.build().buffers())

    def test_seed_decides_the_weights_and_nothing_else_moves(self):
        before = torch.random.get_rng_state()
        first, again, other = self.build(0), self.build(0), self.build(1)
        assert torch.equal(torch.random.get_rng_state(), before)
        for a, b in zip(first.parameters(), again.parameters()):
            assert torch.equal(a, b)
        assert not torch.equal(next(first.parameters()), next(other.parameters()))

    def test_every_parameter_gets_a_gradient(self):
        model = self.build()
        label, mask = model(draw(4, 1, 32, 32))
        torch.nn.functional.cross_entropy(label, torch.tensor([0, 1, 2, 0])).backward(retain_graph=True)
        assert all(p.grad is None for p in model.mask_head.parameters())  # the label alone can't reach it
        mask.square().mean().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().max() > 1e-7, name

    def test_one_image_does_not_see_the_rest_of_its_batch(self):
        model, image = self.build().double().train(), draw(3, 1, 32, 32).double()
        together, alone = model(image), model(image[:1])
        assert (together.label[:1] - alone.label).abs().max() <= 1e-10
        assert (together.mask[:1] - alone.mask).abs().max() <= 1e-10

    def test_overfits_8_images(self):
        image, label, mask = eight_images()
        model = self.build()

        def wrong(prediction):
            return int((prediction.label.argmax(1) != label).sum())

        def overlap(prediction):
            found = prediction.mask > 0
            return float(2 * (found & mask).sum() / (found.sum() + mask.sum()))

        before = predict(model, image)
        fit(model, image, label, mask, Settings(batch_size=8, epochs=self.epochs), seed=0, progress=None)
        after = predict(model, image)
        assert wrong(before) > 0 and overlap(before) < 0.5
        assert wrong(after) == 0 and overlap(after) > 0.9

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
    def test_gpu_equals_cpu(self):
        model, image = self.build().double(), draw(2, 1, 32, 32).double()
        cpu, gpu = model(image), model.cuda()(image.cuda())
        assert (gpu.label.cpu() - cpu.label).abs().max() <= 1e-10
        assert (gpu.mask.cpu() - cpu.mask).abs().max() <= 1e-10


class SkipContract(ModelContract):
    """Of a model whose encoder's features come across to its decoder."""

    @pytest.mark.parametrize("level", [0, 1])
    def test_what_comes_across_is_told_from_what_comes_up(self, level):
        """Take a number from one and give it to the other: a sum would not see it."""
        model, image = self.build(), draw(1, 1, 32, 32)
        before, encode = model(image).mask, model.encoder.forward

        def lowered(image):
            maps = list(encode(image))
            maps[level] = maps[level] - 1
            return tuple(maps)

        model.encoder.forward = lowered
        up = (model.up_half, model.up_quarter)[level]
        up.register_forward_hook(lambda module, inputs, output: output + 1)
        assert (model(image).mask - before).abs().max() > 1e-3
