"""Made images: style by hand and by law, the GAN on what it can learn, and copies that are caught."""

import numpy as np
import pytest
import torch

from medkit.data.phantom import phantom
from medkit.normalise import min_max
from medkit.synthesise import copies, gan, style

pytestmark = pytest.mark.filterwarnings("error")


def images(n, seed=0, height=12, width=10):
    return torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(seed))


# --- style: Fourier -----------------------------------------------------------------------------


def test_hand_radius_1_takes_the_mean_alone():
    x, r = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 5.0], [5.0, 9.0]])
    assert torch.allclose(style.swap_amplitude(x, r, 1), x - 2.5 + 6.0)  # means 2.5 and 6


def test_hand_a_wave_takes_the_reference_s_height_and_stays_where_it_is():
    place = torch.arange(8) * 2 * torch.pi / 8
    x, r = (2 + torch.cos(place)).expand(8, 8), (2 + 0.5 * torch.sin(place)).expand(8, 8)
    assert torch.allclose(style.swap_amplitude(x, r, 2), (2 + 0.5 * torch.cos(place)).expand(8, 8), atol=1e-6)


@pytest.mark.parametrize("radius", [0, 1, 3, 12])
def test_law_swapped_with_itself_gives_the_image_back(radius):
    assert torch.allclose(style.swap_amplitude(images(4), images(4), radius), images(4), atol=1e-6)


def test_law_a_square_of_0_changes_nothing():
    assert torch.allclose(style.swap_amplitude(images(4), images(4, 1), 0), images(4), atol=1e-6)
    assert not torch.allclose(style.swap_amplitude(images(4), images(4, 1), 1), images(4), atol=1e-3)


def test_law_the_phase_is_kept_and_the_amplitude_is_taken():
    x, r = images(4), images(4, 1)
    y = style.swap_amplitude(x, r, 12)  # all of it
    before, after = torch.fft.fft2(x), torch.fft.fft2(y)
    assert torch.allclose(after.abs(), torch.fft.fft2(r).abs(), atol=1e-4)
    turn = torch.polar(torch.ones_like(x), after.angle() - before.angle())
    assert torch.allclose(turn.real, torch.ones_like(x), atol=1e-3)


def test_twin_of_the_authors_way_with_the_centre_shifted():
    """FDA's published recipe: shift the zero frequency to the centre, cut a square of half-width b out of it."""
    x, r, b = images(1)[0, 0].double().numpy(), images(1, 1)[0, 0].double().numpy(), 2
    own, other = (np.fft.fftshift(np.fft.fft2(part)) for part in (x, r))
    amplitude, (row, column) = np.abs(own), (x.shape[0] // 2, x.shape[1] // 2)
    square = np.s_[row - b : row + b + 1, column - b : column + b + 1]
    amplitude[square] = np.abs(other)[square]
    wanted = np.fft.ifft2(np.fft.ifftshift(amplitude * np.exp(1j * np.angle(own)))).real
    got = style.swap_amplitude(torch.from_numpy(x), torch.from_numpy(r), b + 1)
    assert np.allclose(got.numpy(), wanted, atol=1e-10)


def test_edge_flat_images_and_what_is_refused():
    assert torch.allclose(style.swap_amplitude(torch.zeros(4, 4), torch.ones(4, 4), 4), torch.ones(4, 4))
    with pytest.raises(ValueError, match="reference must have the shape of image"):
        style.swap_amplitude(images(2), images(1), 1)
    with pytest.raises(ValueError, match="radius must be 0 or above, got -1"):
        style.swap_amplitude(images(2), images(2), -1)
    with pytest.raises(ValueError, match="reference must be finite"):
        style.match_histogram(images(1), torch.full((1, 1, 3, 3), torch.nan))
    with pytest.raises(TypeError, match="image must be floating point"):
        style.swap_amplitude(torch.zeros(2, 2, dtype=torch.int64), torch.zeros(2, 2), 1)


# --- style: histogram ---------------------------------------------------------------------------


def test_hand_ties_take_the_value_at_their_share():
    x, r = torch.tensor([[0.0, 0.0], [1.0, 2.0]]), torch.tensor([[10.0, 20.0], [30.0, 40.0]])
    assert style.match_histogram(x, r).tolist() == [[20.0, 20.0], [30.0, 40.0]]  # half of the pixels: the second value


def test_twin_scikit_image():
    exposure = pytest.importorskip("skimage.exposure")
    for seed in range(50):
        x, r = images(1, seed)[0, 0], images(1, seed + 99, 7, 9)[0, 0]
        x, r = ((part * levels).round() for part, levels in ((x, 5 + seed), (r, 40)))  # with and without ties
        wanted = exposure.match_histograms(x.numpy(), r.numpy())
        assert np.allclose(style.match_histogram(x, r).numpy(), wanted, atol=1e-4), seed


def test_law_order_range_and_itself():
    x, r = images(3), images(3, 1)
    y = style.match_histogram(x, r)
    assert torch.equal(style.match_histogram(x, x), x)
    for one, other, own in zip(y, r, x):
        assert one.min() >= other.min() and one.max() <= other.max()
        assert (one.flatten()[own.flatten().argsort()].diff() >= 0).all()


def test_edge_a_reference_of_one_grey_value():
    assert torch.equal(style.match_histogram(images(1), torch.full((1, 1, 3, 3), 7.0)), torch.full((1, 1, 12, 10), 7.0))


# --- copies -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def patients():
    data = {side: phantom(n, size=32, split=side) for side, n in (("train", 120), ("val", 60), ("test", 60))}
    return {side: (min_max(found.image), found.group) for side, found in data.items()}


def test_hand_nearest_and_next_patient():
    train = torch.tensor([0.0, 0.1, 1.0]).reshape(3, 1, 1, 1)
    found = copies.neighbours(torch.tensor([0.2]).reshape(1, 1, 1, 1), train, torch.tensor([7, 7, 8]), shift=0)
    assert found.distance.item() == pytest.approx(0.1) and found.index.item() == 1
    assert found.ratio.item() == pytest.approx(0.1 / 0.8)  # the next patient, not the other slice of the same


def test_twin_scikit_learn(patients):
    nearest = pytest.importorskip("sklearn.neighbors").NearestNeighbors(n_neighbors=1)
    (train, group), (val, _) = patients["train"], patients["val"]
    both = torch.cat([train, train.flip(-1)]).flatten(1)
    distance, index = nearest.fit(both.numpy()).kneighbors(val.flatten(1).numpy())
    found = copies.neighbours(val, train, group, shift=0)
    assert np.allclose(found.distance.numpy(), distance[:, 0] / 32, atol=1e-5)
    assert (found.index.numpy() == index[:, 0] % len(train)).all()


def noisy(image, spread=0.05):
    return image + spread * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))


def shifted(image, down=2, right=-3):
    """Move what is seen; what enters at the border is as dark as an image gets."""
    padded = torch.nn.functional.pad(image, (3, 3, 3, 3))
    return padded[..., 3 - down : 35 - down, 3 - right : 35 - right]


def test_hand_a_shifted_copy_lies_at_distance_0(patients):
    train, group = patients["train"]
    for down, right in ((1, 0), (-3, 3), (2, -1)):
        found = copies.neighbours(shifted(train[:9], down, right), train, group)
        assert found.distance.tolist() == [0.0] * 9 and found.index.tolist() == list(range(9))
    assert copies.neighbours(shifted(train[:9].flip(-1)), train, group).distance.max() == 0.0
    assert copies.neighbours(shifted(train[:9]), train, group, shift=1).distance.min() > 0.01  # 2 and 3 are further


def test_law_more_shift_is_never_further_on_the_same_pixels(patients):
    (train, group), (val, _) = patients["train"], patients["val"]
    near, far = (copies.neighbours(val[:20], train, group, shift=s).distance for s in (3, 0))
    inner = copies.neighbours(val[:20, :, 3:-3, 3:-3], train[..., 3:-3, 3:-3], group, shift=0).distance
    assert (near <= inner + 1e-6).all() and (near < inner).any() and not torch.equal(inner, far)


COPIERS = [lambda x: x, noisy, lambda x: noisy(x.flip(-1)), lambda x: 0.9 * x + 0.05, lambda x: noisy(shifted(x))]


@pytest.mark.parametrize("copied", COPIERS)
def test_a_planted_copier_is_caught(patients, copied):
    train, group = patients["train"]
    found = copies.check(copied(train[:60]), train, group, patients["val"][0])
    assert found.copied and found.share > 0.9 and found.ratio < found.ratio_held_out


def test_one_copy_in_five_is_caught_and_the_least_share_is_said(patients):
    (train, group), (new, _) = patients["train"], patients["test"]
    found = copies.check(torch.cat([new[:48], noisy(train[:12])]), train, group, patients["val"][0])
    assert found.copied and found.share >= 0.2 > found.least == 9 / 60


def test_one_near_twin_among_the_held_out_does_not_blind_the_check(patients):
    (train, group), (val, _) = patients["train"], patients["val"]
    blinded = torch.cat([val, noisy(train[:1], 0.001)])
    assert copies.check(noisy(train[:60]), train, group, blinded).copied


def test_hand_what_new_patients_give(patients):
    (train, group), (val, _) = patients["train"], patients["val"]
    found = copies.check(val, train, group, val)
    assert found.expected == 2 / 61 and found.share == 1 / 60  # one of its own lies below the second
    few = copies.check(val[:20], train, group, val[:20])
    assert few.expected == 2 / 21 and few.least > 0.2  # of 20 held-out images one knows little


def test_law_new_patients_are_called_copies_as_seldom_as_is_said():
    """Uniform ratios, 20,000 times: the second lowest of 30 against 50 new ones."""
    rng = np.random.default_rng(0)
    second = np.sort(rng.random((20_000, 30)), axis=1)[:, 1]
    suspects = rng.binomial(50, second)
    wanted = copies.betabinom.sf(np.arange(-1, 50), 50, 2, 29)
    assert np.allclose([(suspects >= x).mean() for x in range(51)], wanted, atol=0.01)
    assert 0.002 < (wanted[suspects] <= copies.LIMIT).mean() <= 0.012


def test_other_patients_and_a_blurred_mean_are_no_copies(patients):
    (train, group), (new, _), (val, _) = patients["train"], patients["test"], patients["val"]
    assert not copies.check(new, train, group, val).copied
    mean = noisy(train.mean(0).expand(60, -1, -1, -1), 0.02)
    found = copies.check(mean, train, group, val)
    assert found.distance < found.distance_held_out and not found.copied  # near to everyone, and nobody's copy


def test_edge_too_few_to_compare(patients):
    train, group = patients["train"]
    with pytest.raises(ValueError, match="held_out must hold 20 images or more, got 3"):
        copies.check(train, train, group, patients["val"][0][:3])
    with pytest.raises(ValueError, match="two patients or more, got 1"):
        copies.neighbours(train, train, torch.zeros_like(group))
    for shift in (-1, 16):
        with pytest.raises(ValueError, match=f"shift must be 0 or more and below half of \\(32, 32\\), got {shift}"):
            copies.neighbours(train, train, group, shift=shift)


# --- GAN ----------------------------------------------------------------------------------------


def test_hand_losses():
    assert gan.discriminator_loss(torch.tensor([2.0, -1.0]), torch.tensor([-3.0, 1.0])).item() == 1.0 + 1.0
    assert gan.generator_loss(torch.tensor([-2.0, 4.0])).item() == -1.0


def squares(n=64):
    """Class 0: a dark field. Class 1: a bright square, which is its mask."""
    label = torch.arange(n) % 2
    mask = torch.zeros(n, 1, 32, 32, dtype=torch.bool)
    mask[label == 1, :, 8:24, 8:24] = True
    return (0.1 + 0.8 * mask) + 0.02 * torch.rand(n, 1, 32, 32, generator=torch.Generator().manual_seed(0)), mask, label


@pytest.fixture(scope="module")
def learned():
    return gan.train(*squares(), 2, steps=200, seed=0, progress=None)


def test_it_learns_class_and_mask_of_a_plain_world(learned):
    image, mask = gan.make(learned, torch.arange(40) % 2, seed=0)
    share = mask.float().mean((1, 2, 3))
    assert share[0::2].max() < 0.05 < 0.1 < share[1::2].mean() < 0.5
    inside = image[1::2][mask[1::2]].mean() - image[1::2][~mask[1::2]].mean()
    assert inside > 0.3  # the mask lies on what is bright


def test_law_who_watches_changes_nothing():
    seen = []
    watched = gan.train(*squares(8), 2, steps=3, seed=5, progress=None, watch=lambda n, net: seen.append((n, net.end.weight.clone())))
    alone = gan.train(*squares(8), 2, steps=3, seed=5, progress=None)
    assert torch.equal(watched.end.weight, alone.end.weight) and [n for n, _ in seen] == [1, 2, 3]
    assert torch.equal(seen[-1][1], alone.end.weight) and not torch.equal(seen[0][1], alone.end.weight)


def test_law_the_same_seed_gives_the_same_images(learned):
    label = torch.arange(6) % 2
    one, same, other = (gan.make(learned, label, seed=s)[0] for s in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.shape == (6, 1, 32, 32) and one.amin((1, 2, 3)).tolist() == [0.0] * 6 and one.max() == 1
    twice = [gan.train(*squares(8), 2, steps=2, seed=5, progress=None).end.weight for _ in range(2)]
    assert torch.equal(*twice)


def test_law_training_leaves_the_global_numbers_alone():
    torch.default_generator.manual_seed(1)
    wanted = torch.rand(1)
    torch.default_generator.manual_seed(1)
    gan.train(*squares(8), 2, steps=1, seed=0, progress=None)
    assert torch.equal(torch.rand(1), wanted)


def test_hand_moves_keep_image_and_mask_together():
    image, mask, _ = squares(8)
    pair = torch.cat([2 * image - 1, 2 * mask.float() - 1], 1)
    out = gan.moved(pair, torch.Generator().manual_seed(0))
    assert out.shape == pair.shape and not torch.equal(out, pair)
    assert torch.equal(out[:, 0] > 0.3, out[:, 1] > 0)


def test_edge_what_training_refuses():
    image, mask, label = squares(4)
    for wrong, said in (
        ((image[..., :16], mask, label, 2), "image and mask must be"),
        ((2 * image, mask, label, 2), "image must lie in 0 ... 1"),
        ((image, mask, label, 1), "label must lie in 0 ... 0, got 1"),
    ):
        with pytest.raises(ValueError, match=said):
            gan.train(*wrong, steps=1, seed=0, progress=None)
    with pytest.raises(ValueError, match="steps must be 1 or more"):
        gan.train(image, mask, label, 2, steps=0, seed=0, progress=None)
