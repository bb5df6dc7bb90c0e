"""Weights from files, and grey images in colour networks."""

import hashlib
import io
import pickle
import socket
import urllib.error

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models import Weights, WeightsEnum

from medkit._check import MedkitInputError
from medkit.models import pretrained
from medkit.models.pretrained import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    WEIGHTS,
    GreyStem,
    grey_network,
    imagenet_network,
    imagenet_weights,
    weights_path,
)
from medkit.transfer import fingerprint, freeze

pytestmark = pytest.mark.filterwarnings("error")


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def network(name, **kwargs):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return torchvision.models.get_model(name, weights=None, **kwargs).eval()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of torch's, and no network."""

    def nobody_answers(*args, **kwargs):
        raise urllib.error.URLError("name resolution failed")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "urlopen", nobody_answers)
    return tmp_path / "home" / "hub" / "checkpoints"


def publish(monkeypatch, name, state, folder):
    """Put weights of our own where torchvision's would be published, under torchvision's rules."""
    file = io.BytesIO()
    torch.save(state, file)
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    path = folder / f"{name}-{digest[:8]}.pth"
    path.write_bytes(file.getvalue())

    class Published(WeightsEnum):
        V1 = Weights(url=path.as_uri(), transforms=None, meta={})

    monkeypatch.setitem(WEIGHTS, name, Published.V1)
    return path


# --- weights ----------------------------------------------------------------------------------


def test_hand_the_four_networks_and_their_preprocessing():
    assert list(WEIGHTS) == ["resnet18", "resnet50", "densenet121", "vit_b_16"]
    for name, weights in WEIGHTS.items():
        assert weights.name == "IMAGENET1K_V1" and weights_path(name).name.startswith(name)
        assert tuple(weights.transforms().mean) == IMAGENET_MEAN
        assert tuple(weights.transforms().std) == IMAGENET_STD


@pytest.mark.parametrize("name", WEIGHTS)
def test_edge_offline_says_which_file_belongs_where(name, cache):
    with pytest.raises(MedkitInputError) as error:
        imagenet_weights(name, progress=False)
    message = str(error.value)
    assert message.startswith(f"{weights_path(name).name} is not there and can't be downloaded")
    assert "name resolution failed" in message
    url = WEIGHTS[name].url
    assert message.endswith(f"download {url} on a machine with a network and put it into {cache}")
    assert weights_path(name).parent == cache and not list(cache.iterdir())


def test_edge_a_silent_network_is_given_up(cache, monkeypatch):
    """torch.hub sets no timeout of its own; ours holds during the download and no longer."""
    during = []

    def listen(*args, **kwargs):
        during.append(socket.getdefaulttimeout())
        raise TimeoutError("timed out")

    monkeypatch.setattr(torch.hub, "urlopen", listen)
    with pytest.raises(MedkitInputError, match="timed out"):
        imagenet_weights("resnet18", progress=False)
    assert during == [pretrained.PATIENCE] and socket.getdefaulttimeout() is None


@pytest.fixture
def online(tmp_path, cache, monkeypatch):
    """A network that has files of our own."""
    monkeypatch.undo()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    folder = tmp_path / "published"
    folder.mkdir()
    return folder


def test_law_downloaded_once_then_from_the_cache(online, monkeypatch, capsys):
    model = network("resnet18")
    path = publish(monkeypatch, "resnet18", model.state_dict(), online)
    random = torch.default_generator.get_state()
    assert fingerprint(imagenet_network("resnet18", progress=False)) == fingerprint(model)
    path.unlink()
    again = imagenet_network("resnet18", progress=False)
    assert fingerprint(again) == fingerprint(model) and not again.training
    assert torch.equal(again(draw(1, 3, 32, 32)), model(draw(1, 3, 32, 32)))
    assert all(p.requires_grad for p in again.parameters()) and capsys.readouterr().out == ""
    assert torch.equal(torch.default_generator.get_state(), random)  # nobody's numbers change


def test_edge_one_flipped_bit_is_found_in_the_cache(online, monkeypatch):
    publish(monkeypatch, "resnet18", {"fc.weight": draw(50, 50)}, online)
    good = imagenet_weights("resnet18", progress=False)["fc.weight"]
    path = weights_path("resnet18")
    data = bytearray(path.read_bytes())
    data[data.find(good.numpy().tobytes()) + 1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(MedkitInputError, match="is damaged .* delete it, download file:.* and put it into"):
        imagenet_weights("resnet18", progress=False)
    # torchvision's own check looks at downloads only
    bad = WEIGHTS["resnet18"].get_state_dict(check_hash=True, weights_only=True)["fc.weight"]
    assert not torch.equal(bad, good)


def test_edge_a_damaged_download_is_not_kept(online, monkeypatch):
    path = publish(monkeypatch, "resnet18", {"fc.weight": draw(5, 5)}, online)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MedkitInputError, match="is not there and can't be downloaded .*invalid hash"):
        imagenet_weights("resnet18", progress=False)
    assert not weights_path("resnet18").exists()


def test_edge_a_missing_weight_and_code_in_the_file_are_refused(online, monkeypatch):
    state = network("resnet18").state_dict()
    del state["layer1.0.conv1.weight"]
    publish(monkeypatch, "resnet18", state, online)
    with pytest.raises(MedkitInputError, match="holds no resnet18"):
        imagenet_network("resnet18", progress=False)
    publish(monkeypatch, "resnet50", {"fc.weight": print}, online)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        imagenet_weights("resnet50", progress=False)


def test_law_densenet_under_its_old_names(online, monkeypatch):
    model = network("densenet121")
    old = {}
    for key, tensor in model.state_dict().items():
        for word in ("norm", "conv"):
            for number in "12":
                if "denselayer" in key:
                    key = key.replace(f".{word}{number}.", f".{word}.{number}.")
        if "num_batches" not in key:  # younger than the file, too
            old[key] = tensor
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    publish(monkeypatch, "densenet121", old, online)
    assert fingerprint(imagenet_network("densenet121", progress=False)) == fingerprint(model)


def test_edge_unknown_name():
    for function in (weights_path, imagenet_weights, imagenet_network):
        with pytest.raises(ValueError, match="name must be one of resnet18, .*, got 'vgg16'"):
            function("vgg16")


# --- grey images ------------------------------------------------------------------------------


def colour(image):
    """Preprocess a grey image for a colour network the long way: repeat, less mean, over std."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (image.repeat(1, 3, 1, 1) - mean) / std


STEMS = {
    "as in ResNet": {"kernel_size": 7, "stride": 2, "padding": 3, "bias": False},
    "as in ViT": {"kernel_size": 16, "stride": 16},
    "dilated": {"kernel_size": 3, "padding": 2, "dilation": 2},
}


@pytest.mark.parametrize("kind", STEMS)
def test_law_summed_stem_equals_repeated_channels(kind):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        stem = nn.Conv2d(3, 8, **STEMS[kind])
    image = draw(2, 1, 32, 48)
    assert (GreyStem(stem)(image) - stem(colour(image))).abs().max() <= 1e-5
    plain = GreyStem(stem, mean=(0, 0, 0), std=(1, 1, 1))
    assert (plain(image) - stem(image.repeat(1, 3, 1, 1))).abs().max() <= 1e-5
    # the known mistakes, each seen: mean and std forgotten, or their means off at the rim
    assert (plain(image) - stem(colour(image))).abs().max() > 1e-2
    folded = GreyStem(stem)
    shift = folded.weight[:, 1].sum(dim=(1, 2)).view(1, -1, 1, 1)
    bias = 0 if stem.bias is None else stem.bias.view(1, -1, 1, 1)
    summed = nn.functional.conv2d(image, folded.weight[:, :1], None, stem.stride, stem.padding, stem.dilation)
    error = (summed + shift + bias - stem(colour(image))).abs()
    assert error[..., 4:-4, 4:-4].numel() == 0 or error[..., 4:-4, 4:-4].max() <= 1e-5
    assert (error.max() > 1e-2) == (stem.padding != (0, 0))


def test_hand_summed_stem():
    stem = nn.Conv2d(3, 1, 1)
    with torch.no_grad():
        stem.weight.copy_(torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1))
        stem.bias.fill_(10.0)
    grey = GreyStem(stem, mean=(0.5, 0.5, 1.0), std=(1.0, 2.0, 1.0))
    assert grey.weight.flatten().tolist() == [1 + 1 + 3, -(0.5 + 0.5 + 3.0)]
    assert grey(torch.full((1, 1, 1, 1), 2.0)).item() == 1.5 + 2 * 0.75 + 3 * 1.0 + 10


@pytest.mark.parametrize("name, size", [("resnet18", 32), ("densenet121", 32), ("vit_b_16", 32)])
def test_twin_whole_networks_see_the_same(name, size):
    model = network(name, **({"image_size": size} if name == "vit_b_16" else {}))
    image = draw(2, 1, size, size)
    with torch.no_grad():
        expected = model(colour(image))
        assert (grey_network(model)(image) - expected).abs().max() <= 1e-5 * expected.abs().max().clamp(min=1)
    with pytest.raises(ValueError, match=r"image must have shape \(B, 1, H, W\), .* don't repeat the image"):
        model(colour(image))


def test_law_the_grey_stem_learns_and_freezes():
    stem = GreyStem(nn.Conv2d(3, 4, 3))
    stem(draw(1, 1, 8, 8)).sum().backward()
    assert stem.weight.grad.abs().min() > 0 and stem.bias.grad.abs().min() > 0
    freeze(stem)
    assert stem.weight.grad is None and not stem.weight.requires_grad


def test_edge_stems_that_cannot_be_summed():
    reflecting = nn.Conv2d(3, 4, 3, padding_mode="reflect")
    for stem in (nn.Conv2d(1, 4, 3), nn.Conv2d(3, 3, 3, groups=3), reflecting):
        with pytest.raises(ValueError, match="stem must take 3 channels in one group, padded with zeros"):
            GreyStem(stem)
    for mean, std in (((0.5,), (1, 1, 1)), ((0, 0, 0), (1, 0, 1)), ((0, 0, 0), (1, 1))):
        with pytest.raises(ValueError, match="mean and std must be three numbers each"):
            GreyStem(nn.Conv2d(3, 4, 3), mean, std)
    with pytest.raises(ValueError, match="network must contain an nn.Conv2d, got none"):
        grey_network(nn.Linear(3, 4))
    with pytest.raises(ValueError, match="stem must take 3 channels"):
        grey_network(grey_network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))))
