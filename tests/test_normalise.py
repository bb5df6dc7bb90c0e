"""Eq. 2 against hand, scikit-image, numpy and its own laws."""

import pytest
import torch

from medkit.normalise import (
    ct_window,
    is_constant,
    min_max,
    min_max_data_set,
    min_max_volume,
    percentile,
    z_score,
)

pytestmark = pytest.mark.filterwarnings("error")
INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.bool]
FLOATS = [torch.float16, torch.float32, torch.float64]
EACH = [min_max, min_max_volume, percentile, z_score, lambda x: ct_window(x, 40, 80)]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- hand -------------------------------------------------------------------------------------


def test_hand_numbers_of_the_notebook():
    image = torch.tensor([[10.0, 20.0], [30.0, 50.0]])
    assert min_max(image).tolist() == [[0.0, 0.25], [0.5, 1.0]]
    assert ct_window(torch.tensor([[-1000.0, 20.0, 40.0, 100.0]]), 40, 80).tolist() == [[0.0, 0.25, 0.5, 1.0]]
    assert z_score(torch.tensor([[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]]))[0, 0].item() == -1.5


def test_hand_per_image_per_volume_per_data_set():
    stack = torch.tensor([[[0.0, 1.0]], [[0.0, 4.0]]])[:, None]
    assert min_max(stack).flatten().tolist() == [0.0, 1.0, 0.0, 1.0]
    assert min_max_volume(stack).flatten().tolist() == [0.0, 0.25, 0.0, 1.0]
    assert min_max_data_set(stack, 0.0, 2.0).flatten().tolist() == [0.0, 0.5, 0.0, 1.0]


# --- twin -------------------------------------------------------------------------------------


def test_twin_scikit_image_and_numpy():
    numpy = pytest.importorskip("numpy")
    exposure = pytest.importorskip("skimage.exposure", reason="scikit-image is not installed")
    image = noise(17, 23) * 300
    twin = exposure.rescale_intensity(image.numpy(), out_range=(0.0, 1.0))
    assert abs(min_max(image).numpy() - twin).max() <= 1e-12
    limits = tuple(numpy.percentile(image.numpy(), (2.5, 97)))
    twin = exposure.rescale_intensity(image.numpy(), in_range=limits, out_range=(0.0, 1.0))
    assert abs(percentile(image, 2.5, 97).numpy() - twin).max() <= 1e-12
    twin = (image.numpy() - image.numpy().mean()) / image.numpy().std()
    assert abs(z_score(image).numpy() - twin).max() <= 1e-12


@pytest.mark.parametrize("shape", [(2, 2), (5, 7), (1, 1)])
@pytest.mark.parametrize("low, high", [(1, 99), (0, 100), (0, 50), (30, 99.9)])
def test_twin_percentiles_of_few_pixels(shape, low, high):
    """In a small image the last pixel decides already below 100 %."""
    numpy = pytest.importorskip("numpy")
    image = noise(*shape)
    bottom, top = numpy.percentile(image.numpy(), (low, high))
    twin = (image.numpy().clip(bottom, top) - bottom) / ((top - bottom) or 1.0)
    assert abs(percentile(image, low, high).numpy() - twin).max() <= 1e-12


# --- law --------------------------------------------------------------------------------------


def test_law_five_hundred_cases_over_float_and_integer_types():
    hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is not installed")
    st = hypothesis.strategies
    seen = set()

    @hypothesis.settings(max_examples=500, derandomize=True, deadline=None, database=None)
    @hypothesis.given(
        dtype=st.sampled_from(INTEGERS + FLOATS),
        shape=st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)),
        scale=st.sampled_from([1e-3, 1.0, 300.0, 30000.0]),
        seed=st.integers(0, 2**31),
    )
    def holds(dtype, shape, scale, seed):
        seen.add(dtype)
        image = noise(*shape, seed=seed) * scale
        if not dtype.is_floating_point:
            with pytest.raises(TypeError, match="integers overflow silently"):
                min_max(image.clamp(0, 100).to(dtype))
            image, dtype = image.clamp(-128, 65535).round(), torch.float64  # the remedy
        image = image.clamp(-30000, 30000).to(dtype)
        scaled = min_max(image)
        eps = torch.finfo(dtype).eps
        assert scaled.dtype == dtype and scaled.shape == image.shape and torch.isfinite(scaled).all()
        assert scaled.amin() >= 0 and scaled.amax() <= 1
        flat, flat_scaled = image.flatten(1), scaled.flatten(1)
        order = flat.argsort(1)
        assert (flat_scaled.gather(1, order).diff(dim=1) >= 0).all()  # monotone
        assert torch.allclose(min_max(scaled), scaled, atol=2 * eps)  # idempotent
        constant = is_constant(image)
        assert torch.equal(constant, torch.tensor([len(one.unique()) == 1 for one in image]))
        assert (scaled[constant] == 0).all()
        for one in scaled[~constant]:
            assert one.min() == 0 and one.max() == 1
        if dtype == torch.float64:  # blind to gain and offset
            assert torch.allclose(min_max(image * 3 + 7 * scale), scaled, atol=1e-9)

    holds()
    assert seen == set(INTEGERS + FLOATS)


def test_law_images_of_a_batch_do_not_touch():
    batch = noise(4, 3, 6, 5)
    for each in (min_max, percentile, z_score):
        for one, scaled in zip(batch, each(batch)):
            assert torch.allclose(scaled, each(one), atol=1e-12)
    assert not torch.allclose(min_max_volume(batch), min_max(batch))


def test_law_channels_share_their_extremes():
    image = torch.stack([torch.zeros(2, 2), torch.eye(2), 4 * torch.eye(2)])
    assert min_max(image)[1].max().item() == 0.25


def test_law_percentile_leaves_one_in_a_hundred_out_on_either_side_if_nothing_is_said():
    line = torch.arange(101.0)[None]
    assert torch.equal(percentile(line), ((line - 1) / 98).clamp(0, 1))


def test_law_nothing_is_remembered_and_input_left_alone():
    first, second = noise(1, 1, 4, 4) * 100, noise(1, 1, 4, 4, seed=1)
    alone, before = min_max(second), second.clone()
    min_max(first)
    assert torch.equal(min_max(second), alone) and torch.equal(second, before)


def test_law_one_hot_pixel_moves_min_max_but_not_percentiles():
    image = noise(1, 1, 40, 40)
    hot = image.clone()
    hot[0, 0, 0, 0] = 1e4
    assert (percentile(hot) - percentile(image)).abs().flatten()[1:].max() < 0.05
    assert min_max(hot).flatten()[1:].max() < 0.001


def test_law_window_clips_and_keeps_order():
    hu = torch.linspace(-1000, 3000, 4001)[None]
    shown = ct_window(hu, 40, 80)
    assert (shown[hu <= 0] == 0).all() and (shown[hu >= 80] == 1).all() and (shown.diff() >= 0).all()


def test_law_z_score_has_mean_0_and_deviation_1():
    scaled = z_score(noise(3, 1, 20, 20) * 50 + 9)
    assert scaled.mean((1, 2, 3)).abs().max() < 1e-12
    assert (scaled.std((1, 2, 3), unbiased=False) - 1).abs().max() < 1e-12


@pytest.mark.parametrize("each", EACH)
def test_law_gradients_are_true(each):
    image = (noise(1, 1, 3, 3) * 30).requires_grad_()
    assert torch.autograd.gradcheck(each, (image,))


@pytest.mark.parametrize("each", EACH)
def test_law_a_constant_image_has_a_gradient_of_zeros(each):
    """Where 0/0 is put aside only after the division, its gradient is NaN."""
    image = torch.full((1, 1, 3, 3), 500.0, requires_grad=True)
    each(image).sum().backward()
    assert (image.grad == 0).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("each", EACH)
def test_law_cuda_equals_cpu(each):
    image = noise(4, 1, 64, 48).float() * 100
    assert (each(image.cuda()).cpu() - each(image)).abs().max() <= 1e-5


def test_hand_window_narrower_than_one_unit():
    assert ct_window(torch.tensor([[-0.25, 0.0, 0.125, 0.25]]), 0, 0.5).tolist() == [[0.0, 0.5, 0.75, 1.0]]


# --- edge -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, -3.5, 1e30])
def test_edge_constant_image_becomes_zeros_and_is_told(value):
    batch = torch.stack([torch.full((1, 3, 3), value), torch.eye(3)[None]])
    for each in (min_max, percentile, z_score):
        scaled = each(batch)
        assert (scaled[0] == 0).all() and scaled[1].any()
    assert is_constant(batch).tolist() == [True, False]
    assert bool(is_constant(batch[0])) and is_constant(batch[0, 0]).shape == ()


@pytest.mark.parametrize("each", EACH)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_edge_nan_and_infinity_are_refused(each, bad):
    image = torch.ones(1, 1, 3, 3)
    image[0, 0, 1, 1] = bad
    with pytest.raises(ValueError, match="must be finite, got 1 NaN or infinite values; .*nan_to_num"):
        each(image)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("each", EACH)
def test_edge_integers_are_refused(each, dtype):
    with pytest.raises(TypeError, match="must be floating point, got torch"):
        each(torch.ones(2, 2).to(dtype))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: min_max(torch.rand(1, 1, 1, 2, 2)), "use min_max_volume"),
        (lambda: min_max(torch.tensor([[-3e38, 3e38]])), r"range that fits torch.float32.*image.double\(\)"),
        (lambda: percentile(torch.rand(2, 2), 99, 1), "0 <= low < high <= 100, got 99 and 1"),
        (lambda: percentile(torch.rand(2, 2), -1, 50), "try 1 and 99"),
        (lambda: min_max(torch.tensor([[[[0.0, 1.0]]], [[[-3e38, 3e38]]]])), "range that fits torch.float32"),
        (lambda: percentile(torch.rand(2, 2), 50, 50), "0 <= low < high <= 100, got 50 and 50"),
        (lambda: percentile(torch.rand(2, 2), 50, 100.5), "got 50 and 100.5"),
        (lambda: ct_window(torch.rand(2, 2), 40, 0), "width must be positive, got 0 HU"),
        (lambda: min_max_data_set(torch.rand(2, 2), 5.0, 5.0), "minimum must be below maximum"),
        (lambda: min_max(torch.rand(0, 1, 2, 2)), "at least one pixel"),
    ],
)
def test_edge_bad_input_gets_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
