"""One reading of Eq. 1 and 2: what models see, and from whom it was learned."""

import dataclasses

import pytest
import torch

from medkit import denoise, normalise
from medkit.data.container import ImageSet
from medkit.data.phantom import modality_of, phantom_split
from medkit.preparation import KERNELS, SCALES, Preparation

pytestmark = pytest.mark.filterwarnings("error")


def plain(image: torch.Tensor) -> ImageSet:
    """A real set of those images, in grey values."""
    n = len(image)
    return ImageSet(
        title="made up", tier="real", modality="MRI", image=image, label=torch.zeros(n, dtype=torch.int64),
        classes=("a", "b"), mask=None, group=torch.arange(n), unit="patient", name=("x",) * n, source="drawn",
    )  # fmt: skip


@pytest.fixture(scope="module")
def split():
    return phantom_split(18, 6, 12, size=32)


@pytest.fixture
def grey():
    return plain(200 * torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)))


def test_hand_the_default_is_a_gaussian_then_eq_2(grey):
    seen = Preparation().fitted_to(grey)(grey)
    assert torch.equal(seen, normalise.min_max(denoise.gaussian(grey.image, 0.5)))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", SCALES)
def test_every_reading_is_its_own(grey, kernel, scale):
    seen = {
        (k, s): Preparation(kernel=k, scale=s).fitted_to(grey)(grey) for k in KERNELS for s in SCALES
    }
    mine = seen[kernel, scale]
    assert mine.shape == grey.image.shape and mine.isfinite().all()
    same = [reading for reading, image in seen.items() if torch.allclose(image, mine, atol=1e-4)]
    assert same == [(kernel, scale)]


def test_a_border_is_read_too(grey):
    rims = [Preparation(border=border).fitted_to(grey)(grey) for border in ("reflect", "constant")]
    assert not torch.allclose(*rims)


def test_hounsfield_units_go_through_a_window_before_eq_2_and_not_without_it(split):
    ct = torch.tensor([m == "CT" for m in modality_of(split.train)])
    assert (split.train.image[ct].amin((1, 2, 3)) < -900).all()  # air
    seen = Preparation().fitted_to(split.train)(split.train)
    assert seen.amin() == 0 and seen.amax() == 1
    unwindowed = normalise.min_max(denoise.gaussian(split.train.image[ct], 0.5))
    assert abs((seen[ct] > 0.2).double().mean() - (unwindowed > 0.2).double().mean()) > 0.05
    raw = Preparation(scale="none", kernel="none").fitted_to(split.train)(split.train)
    assert torch.equal(raw, split.train.image)


def test_a_set_in_hounsfield_units_names_its_window(grey):
    brain = dataclasses.replace(grey, window=(40.0, 80.0))
    seen = Preparation(kernel="none").fitted_to(brain)(brain)
    assert torch.equal(seen, normalise.min_max(normalise.ct_window(grey.image, 40, 80)))
    assert not torch.allclose(seen, Preparation(kernel="none").fitted_to(grey)(grey))


def test_extremes_of_a_set_are_the_trainings(grey):
    """Brighter test images are clipped; had they been asked, nothing would be."""
    bright = plain(2 * grey.image)
    scale = "min-max of the training set"
    see = Preparation(kernel="none", scale=scale).fitted_to(grey)
    assert see(grey).amin() == 0 and see(grey).amax() == 1
    assert (see(bright) == 1).double().mean() > 0.3
    assert (Preparation(kernel="none", scale=scale).fitted_to(bright)(bright) == 1).sum() == 1


@pytest.mark.parametrize("field", ["kernel", "scale"])
def test_edge_unknown_names_are_refused(field):
    with pytest.raises(ValueError, match=f"{field} must be one of none, .* got 'blur'; choose one"):
        dataclasses.replace(Preparation(), **{field: "blur"})
