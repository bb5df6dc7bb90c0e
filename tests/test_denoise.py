"""Eq. 1 against hand, scipy and its own laws."""

import pytest
import torch

from medkit import _border, denoise
from medkit.denoise import (
    BORDERS,
    eq1_as_printed,
    filter_image,
    gaussian,
    gaussian_kernel,
    kernel_matrix,
    mean,
    mean_kernel,
    median,
    pad,
)

pytestmark = pytest.mark.filterwarnings("error")
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
    ),
]


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


# --- hand -------------------------------------------------------------------------------------


def test_hand_numbers_of_the_notebook():
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 50.0, 6.0], [7.0, 8.0, 9.0]])
    assert filter_image(image, mean_kernel(3))[1, 1].item() == pytest.approx(90 / 9)
    assert eq1_as_printed(image, torch.ones(3, 3))[1, 1].item() == pytest.approx(90 / 9)
    assert eq1_as_printed(image, mean_kernel(3))[1, 1].item() == pytest.approx(90 / 81)
    assert median(image, 3)[1, 1].item() == 6.0


def test_hand_border_rules_continue_a_line_as_the_table_says():
    line = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    continued = {border: pad(line, 0, 3, border)[0].int().tolist() for border in BORDERS}
    assert continued == {
        "reflect": [3, 2, 1, 1, 2, 3, 4, 4, 3, 2],
        "mirror": [4, 3, 2, 1, 2, 3, 4, 3, 2, 1],
        "nearest": [1, 1, 1, 1, 2, 3, 4, 4, 4, 4],
        "wrap": [2, 3, 4, 1, 2, 3, 4, 1, 2, 3],
        "constant": [0, 0, 0, 1, 2, 3, 4, 0, 0, 0],
    }


def test_hand_table_of_border_names_in_torch_and_numpy():
    numpy = pytest.importorskip("numpy")
    names = {"reflect": ("symmetric", None), "mirror": ("reflect", "reflect"), "nearest": ("edge", "replicate")}
    names |= {"wrap": ("wrap", "circular"), "constant": ("constant", "constant")}
    image = noise(1, 1, 6, 5)
    for border, (in_numpy, in_torch) in names.items():
        row = next(line for line in _border.__doc__.splitlines() if line.startswith(f"| {border} |"))
        assert row.endswith(f"| {in_numpy} | {in_torch or '-'} |")
        ours = pad(image, 2, 2, border)
        assert torch.equal(ours[0, 0], torch.from_numpy(numpy.pad(image[0, 0].numpy(), 2, mode=in_numpy)))
        if in_torch:
            assert torch.equal(ours, torch.nn.functional.pad(image, (2, 2, 2, 2), mode=in_torch))


# --- twin -------------------------------------------------------------------------------------


def test_twin_thousand_images_equal_scipy_under_every_border():
    scipy = pytest.importorskip("scipy.ndimage", reason="scipy is not installed")
    hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is not installed")
    st = hypothesis.strategies
    seen = []

    @hypothesis.settings(max_examples=1000, derandomize=True, deadline=None, database=None)
    @hypothesis.given(
        height=st.integers(3, 24),
        width=st.integers(3, 24),
        size=st.sampled_from([1, 3, 5]),
        border=st.sampled_from(BORDERS),
        seed=st.integers(0, 2**31),
    )
    def equal(height, width, size, border, seed):
        seen.append((border, size))
        image, kernel = noise(height, width, seed=seed), noise(size, size, seed=seed + 1)
        ours = filter_image(image, kernel, border).numpy()
        assert abs(ours - scipy.correlate(image.numpy(), kernel.numpy(), mode=border)).max() <= 1e-9
        fast = gaussian(image, 0.8, border, size).numpy()
        twin = scipy.gaussian_filter(image.numpy(), 0.8, mode=border, radius=size // 2)
        assert abs(fast - twin).max() <= 1e-9
        fast = mean(image, size, border).numpy()
        assert abs(fast - scipy.uniform_filter(image.numpy(), size, mode=border)).max() <= 1e-9
        exact = median(image, size, border).numpy()
        assert (exact == scipy.median_filter(image.numpy(), size, mode=border)).all()

    equal()
    assert len(seen) >= 1000 and set(seen) == {(border, size) for border in BORDERS for size in (1, 3, 5)}


@pytest.mark.parametrize("border", BORDERS)
def test_twin_kernel_larger_than_the_image_is_what_scipy_says(border):
    scipy = pytest.importorskip("scipy.ndimage", reason="scipy is not installed")
    for shape in ((1, 1), (1, 4), (2, 3), (3, 3)):
        image, kernel = noise(*shape), noise(9, 9, seed=1)
        twin = scipy.correlate(image.numpy(), kernel.numpy(), mode=border)
        assert abs(filter_image(image, kernel, border).numpy() - twin).max() <= 1e-9
        twin = scipy.gaussian_filter(image.numpy(), 2.0, mode=border)
        assert abs(gaussian(image, 2.0, border).numpy() - twin).max() <= 1e-9
        assert (median(image, 7, border).numpy() == scipy.median_filter(image.numpy(), 7, mode=border)).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_twin_fast_forms_equal_the_formula(device, dtype, tolerance):
    image = noise(2, 3, 150, 131, dtype=dtype).to(device)
    weights = torch.exp(-(torch.arange(-7, 8, dtype=torch.float64) ** 2) / (2 * 1.7**2))
    weights = weights / weights.sum()
    for border in BORDERS:
        for fast, kernel in (
            (gaussian(image, 1.7, border), torch.outer(weights, weights)),
            (mean(image, 5, border), torch.full((5, 5), 1 / 25, dtype=torch.float64)),
        ):
            slow = filter_image(image.double(), kernel.to(device), border)
            assert fast.dtype == dtype and fast.device == image.device
            assert (fast - slow).abs().max() <= tolerance


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("device", DEVICES)
def test_twin_median_equals_sorting(size, device):
    image = noise(2, 1, 40, 33).to(device)
    windows = pad(image, size // 2, size // 2).unfold(2, size, 1).unfold(3, size, 1)
    assert torch.equal(median(image, size), windows.flatten(-2).median(-1).values)


@pytest.mark.parametrize("strip", [100, 4, 2**16])  # three rows at a time; a row wider than a strip; all
def test_twin_median_in_strips_equals_whole(strip, monkeypatch):
    image = noise(2, 3, 40, 33)
    whole = denoise._median_of_windows(pad(image, 2, 2).flatten(0, 1), 5).reshape(image.shape)  # as on a GPU
    monkeypatch.setattr(denoise, "_STRIP", strip)
    assert torch.equal(median(image, 5), whole)


# --- law --------------------------------------------------------------------------------------


def test_law_asymmetric_kernel_proves_correlation_not_convolution():
    scipy = pytest.importorskip("scipy.ndimage", reason="scipy is not installed")
    image, kernel = noise(9, 8), torch.zeros(3, 3, dtype=torch.float64)
    kernel[0, 1] = 1.0  # K(-1, 0): each pixel reads its upper neighbour
    ours = filter_image(image, kernel, "wrap")
    assert torch.equal(ours, image.roll(1, dims=0))
    assert abs(ours.numpy() - scipy.correlate(image.numpy(), kernel.numpy(), mode="wrap")).max() == 0
    convolved = scipy.convolve(image.numpy(), kernel.numpy(), mode="wrap")
    assert abs(ours.numpy() - convolved).max() > 0.1


@pytest.mark.parametrize("border", BORDERS[:-1])
def test_law_brightness_is_kept_and_the_range_not_left(border):
    image = noise(2, 1, 30, 20)
    for clean in (gaussian(image, 2.0, border), mean(image, 7, border), median(image, 3, border)):
        assert clean.amin() >= image.amin() - 1e-12 and clean.amax() <= image.amax() + 1e-12
    grey = torch.full((12, 12), 0.3, dtype=torch.float64)
    assert torch.allclose(gaussian(grey, 2.0, border), grey, atol=1e-12)
    assert not torch.allclose(gaussian(grey, 2.0, "constant"), grey, atol=1e-2)  # a zero border darkens


def test_law_printed_form_darkens_by_n():
    image = noise(12, 12)
    for size in (3, 5):
        kernel = gaussian_kernel(1.0, size)
        darker = eq1_as_printed(image, kernel)
        assert torch.allclose(darker * size**2, filter_image(image, kernel), atol=1e-12)


def test_law_median_is_no_instance_of_eq_1():
    a, b = noise(8, 8, seed=1), noise(8, 8, seed=2)
    linear = (mean(a + b, 3) - mean(a, 3) - mean(b, 3)).abs().max()
    bent = (median(a + b, 3) - median(a, 3) - median(b, 3)).abs().max()
    assert linear < 1e-12 < 0.01 < bent


def test_law_images_of_a_batch_do_not_touch():
    batch = noise(3, 2, 20, 17)
    for each in (lambda x: gaussian(x, 1.5), lambda x: mean(x, 3), lambda x: median(x, 3)):
        assert torch.allclose(each(batch)[1, 1], each(batch[1, 1]), atol=1e-14)


def test_law_layout_and_input_are_left_alone():
    image = noise(2, 3, 18, 22)
    before = image.clone()
    for each in (lambda x: gaussian(x, 1.5), lambda x: mean(x, 3), lambda x: median(x, 3)):
        expected = each(image)
        for layout in (image.to(memory_format=torch.channels_last), image.mT.contiguous().mT):
            assert torch.allclose(each(layout), expected, rtol=0, atol=1e-14)
    assert torch.equal(image, before)


@pytest.mark.parametrize("border", BORDERS)
def test_law_gradients_are_true(border):
    image = noise(1, 1, 5, 4).requires_grad_()
    kernel = noise(3, 3, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, k: filter_image(x, k, border), (image, kernel))
    assert torch.autograd.gradcheck(lambda x: gaussian(x, 1.0, border), (image,))
    assert torch.autograd.gradcheck(lambda x: median(x, 3, border), (image,))


def test_law_kernel_matrix_rows_are_the_kernel():
    weights = torch.tensor([0.25, 0.5, 0.25])
    assert torch.allclose(kernel_matrix(weights, 7, "reflect").sum(1), torch.ones(7))
    assert kernel_matrix(weights, 7, "wrap")[0, 6] == 0.25  # the corner


# --- edge -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: filter_image([[1.0]], mean_kernel(3)), TypeError, r"image must be a torch.Tensor, got list"),
        (lambda: gaussian(torch.ones(4, 4, dtype=torch.uint8), 1.0), TypeError, r"call image.float\(\) first"),
        (lambda: median(torch.ones(4), 3), ValueError, r"shape \(\.\.\., H, W\)"),
        (lambda: mean(torch.ones(0, 4, 4), 3), ValueError, "at least one pixel"),
        (lambda: mean(torch.full((4, 4), float("nan")), 3), ValueError, "image must be finite, got 16 NaN"),
        (lambda: median(torch.full((4, 4), float("inf")), 3), ValueError, "nan_to_num"),
        (lambda: filter_image(torch.ones(4, 4), torch.ones(2, 3)), ValueError, r"odd sides, got \(2, 3\)"),
        (lambda: filter_image(torch.ones(4, 4), 3), ValueError, "kernel must be a 2-D tensor"),
        (lambda: mean(torch.ones(4, 4), 4), ValueError, "size must be an odd whole number of pixels, got 4"),
        (lambda: median(torch.ones(4, 4), 0), ValueError, "got 0"),
        (lambda: gaussian(torch.ones(4, 4), 0.0), ValueError, "sigma must be a positive number"),
        (lambda: gaussian(torch.ones(4, 4), float("nan")), ValueError, "sigma must be a positive number"),
        (lambda: gaussian(torch.ones(4, 4), float("inf")), ValueError, "positive number of pixels, got inf"),
        (lambda: gaussian(torch.ones(4, 4), 1.0, "symmetric"), ValueError, "border must be one of reflect"),
    ],
)
def test_edge_bad_input_gets_one_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_edge_one_pixel_and_size_one():
    pixel = torch.tensor([[3.0]])
    for border in BORDERS[:-1]:
        assert mean(pixel, 5, border).item() == pytest.approx(3.0)
        assert median(pixel, 5, border).item() == 3.0
    image = noise(5, 5)
    assert torch.equal(median(image, 1), image) and torch.equal(mean(image, 1), image)
