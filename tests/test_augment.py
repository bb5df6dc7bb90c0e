"""§3.2 against hand, torchvision, scipy and its own laws."""

import dataclasses
import hashlib
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from medkit import augment as module
from medkit.augment import Moves, Ranges, augment, describe, draw, expand, fixed, move, plan, undo

pytestmark = pytest.mark.filterwarnings("error")
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
    ),
]
EXACT = Ranges(quarter_turns=True, angle=0.0, zoom=0.0)


def noise(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def blobs(count, height=48, width=48, seed=0):
    """Ellipses somewhere, (B, 1, H, W) bool: masks with an inside, as lesions have."""
    middle, radius = 0.25 + 0.5 * noise(count, 2, seed=seed), 4 + 8 * noise(count, 2, seed=seed + 1)
    y, x = torch.arange(height)[:, None], torch.arange(width)
    across = (x - width * middle[:, :1, None]) / radius[:, :1, None]
    down = (y - height * middle[:, 1:, None]) / radius[:, 1:, None]
    return (across**2 + down**2 <= 1)[:, None]


def boundary(mask):
    """Pixels whose 3 x 3 neighbourhood holds both True and False."""
    wide = F.max_pool2d(mask.float(), 3, 1, 1)
    return wide != 1 - F.max_pool2d(1 - mask.float(), 3, 1, 1)


def is_aligned(image, mask):
    """Say for each image if it, made from the mask, still is the mask but for the boundary's pixels."""
    return (((image > 0.5) != mask) & ~boundary(mask)).flatten(1).sum(1) == 0


def one_of_two(**changed):
    """Moves for two images: nothing for the first, this for the second."""
    return Moves(*(torch.cat(pair) for pair in zip(fixed(1), fixed(1, **changed))))


def pieces(moves, rows):
    return Moves(*(field[rows] for field in moves))


# --- hand -------------------------------------------------------------------------------------


def test_hand_quarter_turns_and_flips():
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    expected = {
        "flip_horizontal": [[2, 1], [4, 3]],
        "flip_vertical": [[3, 4], [1, 2]],
        "quarter_turns": [[2, 4], [1, 3]],  # anticlockwise: what was right is on top
    }
    for kind, pixels in expected.items():
        assert move(image, None, fixed(1, **{kind: 1}))[0][0, 0].tolist() == pixels
    both = move(image, None, fixed(1, flip_horizontal=True, quarter_turns=1))[0]
    assert both[0, 0].tolist() == [[1, 3], [2, 4]]  # the flip comes first


@pytest.mark.parametrize("device", DEVICES)
def test_hand_a_point_on_the_right_moves_up(device):
    image = torch.zeros(1, 1, 9, 21, device=device)  # not square
    image[0, 0, 4, 14] = 1.0
    for angle, (row, column) in {90: (0, 10), 180: (4, 6), -90: (8, 10), 360: (4, 14)}.items():
        turned, mask = move(image, image > 0.5, fixed(1, angle=angle))
        assert turned[0, 0, row, column].item() == pytest.approx(1, abs=1e-5) and mask[0, 0, row, column]
        assert mask.sum() == 1


def test_hand_zoom_magnifies_and_reduces_about_the_middle():
    mask = torch.zeros(1, 1, 40, 60, dtype=torch.bool)
    mask[..., 10:30, 20:40] = True  # 20 x 20 in the middle
    for zoom, side in ((1.1, 22), (1.5, 30), (0.5, 10)):
        image, moved = move(mask.float(), mask, fixed(1, zoom=zoom))
        wanted = torch.zeros_like(mask)
        wanted[..., 20 - side // 2 : 20 + side // 2, 30 - side // 2 : 30 + side // 2] = True
        assert torch.equal(moved, wanted) and torch.equal(image > 0.5, wanted)


def test_hand_half_a_pixel_is_read_between_two():
    image = torch.tensor([[[[0.0, 4.0], [0.0, 4.0]]]])
    read = move(image, None, fixed(1, zoom=2.0))[0]  # reads at 1/4 and 3/4 of the way
    assert torch.allclose(read, torch.tensor([1.0, 3.0]).expand(1, 1, 2, 2))


def test_hand_table_1():
    kinds = [{"angle": 30}, {"flip_horizontal": True}, {"zoom": 1.1}, {"flip_vertical": True}]
    names = [describe(fixed(1, **kind))[0] for kind in kinds]
    assert names == ["Rotation (30°)", "Horizontal Flip", "Zoom +10%", "Vertical Flip"]
    assert describe(fixed(2, zoom=0.93, quarter_turns=5)) == ["Rotation (90°), Zoom -7%"] * 2
    turned = [describe(fixed(1, quarter_turns=turns))[0] for turns in (1, 2, -1, 4)]
    assert turned == ["Rotation (90°)", "Rotation (180°)", "Rotation (270°)", "none"]
    assert describe(fixed(1)) == ["none"]


# --- twin -------------------------------------------------------------------------------------


def inside(height, width, margin):
    """Pixels whose source stays in the image for every move below."""
    y, x = torch.arange(height)[:, None] - (height - 1) / 2, torch.arange(width) - (width - 1) / 2
    return (x**2 + y**2).sqrt() < min(height, width) / 2 * 0.85 - margin


@pytest.mark.parametrize("angle", [-140.0, -30.0, 7.3, 30.0, 90.0])
@pytest.mark.parametrize("zoom", [0.9, 1.0, 1.1])
def test_twin_torchvision_turns_and_zooms_alike(angle, zoom):
    vision = pytest.importorskip("torchvision.transforms.functional")
    bilinear = vision.InterpolationMode.BILINEAR
    image, middle = noise(1, 2, 41, 62), inside(41, 62, 2)
    ours = move(image, None, fixed(1, angle=angle, zoom=zoom))[0]
    twin = vision.affine(image, -angle, [0, 0], zoom, [0.0, 0.0], bilinear)  # its angle runs clockwise
    assert (ours - twin)[..., middle].abs().max() <= 1e-4
    if zoom == 1:
        twin = vision.rotate(image, angle, bilinear)
        assert (ours - twin)[..., middle].abs().max() <= 1e-4
        wrong = vision.rotate(image, -angle, bilinear)
        assert (ours - wrong)[..., middle].abs().max() > 0.1  # the check sees the direction


@pytest.mark.parametrize("angle", [-75.0, 12.0, 30.0])
def test_twin_scipy_turns_and_zooms_alike(angle):
    scipy = pytest.importorskip("scipy.ndimage", reason="scipy is not installed")
    image, middle = noise(40, 57, dtype=torch.float64), inside(40, 57, 2)
    ours = move(image[None, None], None, fixed(1, angle=angle))[0][0, 0]
    twin = torch.from_numpy(scipy.rotate(image.numpy(), angle, reshape=False, order=1))
    assert (ours - twin)[middle].abs().max() <= 1e-9
    ours = move(image[None, None], None, fixed(1, zoom=1.1))[0][0, 0]
    offset = [(1 - 1 / 1.1) * (side - 1) / 2 for side in image.shape]
    twin = torch.from_numpy(scipy.affine_transform(image.numpy(), [1 / 1.1, 1 / 1.1], offset, order=1))
    assert (ours - twin)[middle].abs().max() <= 1e-9


def test_twin_one_resampling_equals_the_moves_one_after_the_other():
    image, mask = noise(64, 1, 32, 32), blobs(64, 32, 32)
    moves = draw(range(64), 0, 0, Ranges(quarter_turns=True))
    at_once, mask_at_once = move(image, mask, moves)
    still = fixed(64)
    first = moves._replace(angle=still.angle, zoom=still.zoom)
    then = still._replace(angle=moves.angle, zoom=moves.zoom)
    one_by_one, mask_one_by_one = move(*move(image, mask, first), then)
    assert (at_once - one_by_one).abs().max() <= 1e-4
    assert (mask_at_once != mask_one_by_one).float().mean() <= 1e-4
    swapped = move(*move(image, mask, then), first)[0]  # the order matters
    assert (at_once - swapped).abs().max() > 0.1


# --- law: image and mask move together ---------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
def test_law_thousand_draws_keep_an_image_made_from_its_mask_aligned(device):
    mask = torch.cat([blobs(500), blobs(500, seed=5)]).to(device)
    image, moved = augment(mask.float(), mask, range(1000), seed=3, epoch=2)
    wrong, rim = (image > 0.5) != moved, boundary(moved)
    assert moved.flatten(1).any(1).all() and is_aligned(image, moved).all()
    assert not (wrong & ((image < 1e-4) | (image > 1 - 1e-4))).any()  # only where the image is between
    assert 0 < wrong.sum() < 0.03 * rim.sum()  # under 3 % of the boundary's pixels
    for axis in (-1, -2):  # a mask one pixel off is seen
        assert ((image > 0.5) != moved.roll(1, axis)).sum() > 0.2 * rim.sum()
    other = move(mask.float(), mask, draw(range(1000), seed=4, epoch=2))[1]
    assert is_aligned(image, other).float().mean() < 0.1  # moved differently: seen


@pytest.mark.parametrize("device", DEVICES)
def test_law_thousand_flips_and_turns_keep_it_equal(device):
    mask = blobs(1000).to(device)
    image, moved = augment(mask.float(), mask, range(1000), seed=3, epoch=2, ranges=EXACT)
    assert torch.equal(image > 0.5, moved) and torch.equal(image.float(), moved.float())
    other = augment(mask.float(), mask, range(1000), seed=4, epoch=2, ranges=EXACT)[1]
    assert (image > 0.5).ne(other).flatten(1).any(1).float().mean() > 0.8


def test_law_masks_stay_binary_and_no_label_is_invented():
    label_map = (noise(50, 1, 8, 8) * 4).long().repeat_interleave(6, -1).repeat_interleave(6, -2)
    mask = torch.cat([label_map == label for label in (1, 2, 3)], dim=1)  # 0 is the background
    moved = augment(noise(50, 1, 48, 48), mask, range(50), 0, 0)[1]
    assert moved.dtype == torch.bool and (moved.sum(1) <= 1).all()
    before, after = mask.flatten(2).any(2), moved.flatten(2).any(2)
    assert not (after & ~before).any()
    grid = module._grid(draw(range(50), 0, 0), label_map.float())
    blurred = F.grid_sample(label_map.float(), grid, "bilinear", align_corners=False)
    assert len(blurred.unique()) > 4  # a bilinear label map holds labels that nobody gave
    near = F.grid_sample(label_map.float(), grid, "nearest", align_corners=False)
    assert torch.equal(near.long(), (moved * torch.tensor([1, 2, 3])[:, None, None]).sum(1, keepdim=True))


# --- law: the key decides, and nothing else ----------------------------------------------------


def digests(image, mask):
    pairs = [i.numpy().tobytes() + m.numpy().tobytes() for i, m in zip(image, mask)]
    return [hashlib.sha256(pair).hexdigest() for pair in pairs]


def mixed(count):
    """Every third image is only flipped and turned, the rest is read between pixels too."""
    moves = draw(range(count), 5, 1, Ranges(quarter_turns=True))
    some = torch.arange(count) % 3 == 0
    return moves._replace(angle=moves.angle.where(~some, 0.0), zoom=moves.zoom.where(~some, 1.0))


@pytest.mark.parametrize("pixels", [1, 33**2 * 5, 2**18])
def test_law_same_key_gives_the_same_bytes_in_any_batch_and_order(pixels, monkeypatch):
    monkeypatch.setattr(module, "_PIXELS", pixels)
    image, mask = noise(37, 2, 33, 33), blobs(37, 33, 33)
    whole = digests(*augment(image, mask, range(37), 5, 1))
    order = torch.randperm(37, generator=torch.Generator().manual_seed(0))
    for size in (1, 4, 36):
        for rows in order.split(size):
            assert digests(*augment(image[rows], mask[rows], rows, 5, 1)) == [whole[i] for i in rows]
    moves, exact = mixed(37), torch.arange(37) % 3 == 0
    whole = digests(*move(image, mask, moves))
    for rows in [*order.split(1), exact.nonzero().flatten(), (~exact).nonzero().flatten()]:
        part = digests(*move(image[rows], mask[rows], pieces(moves, rows)))
        assert part == [whole[i] for i in rows]


def test_law_every_key_gives_other_moves_and_one_draw_for_all_is_seen():
    def distinct(moves):
        return len({row for row in zip(*(field.tolist() for field in moves))})

    assert distinct(draw(range(1000), 0, 0)) == 1000
    assert distinct(pieces(draw(range(1000), 0, 0), torch.zeros(1000, dtype=torch.int64))) == 1
    keys = [draw([7], seed, epoch) for seed in range(9) for epoch in range(9)]
    assert distinct(Moves(*map(torch.cat, zip(*keys)))) == 81
    image = noise(6, 1, 20, 20)
    one_for_all = move(image, None, pieces(draw(range(6), 0, 0), torch.zeros(6, dtype=torch.int64)))[0]
    alone = torch.cat([augment(image[i : i + 1], None, [i], 0, 0)[0] for i in range(6)])
    same = [torch.equal(a, b) for a, b in zip(one_for_all, alone)]
    assert same == [True] + [False] * 5


CHILD = """
import sys, torch; sys.path.insert(0, "tests"); torch.set_num_threads(int(sys.argv[1]))
from test_augment import augment, blobs, digests, noise
rows = torch.arange(int(sys.argv[2]), 16, 2).flip(0)
image, mask = noise(16, 1, 64, 64)[rows], blobs(16, 64, 64)[rows]
print("\\n".join(digests(*augment(image, mask, rows, 5, 1))))
"""


def test_law_two_processes_give_the_bytes_of_one():
    whole = digests(*augment(noise(16, 1, 64, 64), blobs(16, 64, 64), range(16), 5, 1))
    root = module.__file__.rsplit("medkit", 1)[0]
    commands = [[sys.executable, "-c", CHILD, threads, part] for threads, part in (("1", "0"), ("2", "1"))]
    children = [subprocess.Popen(c, cwd=root, stdout=subprocess.PIPE, text=True) for c in commands]
    for part, child in enumerate(children):
        assert child.communicate(timeout=120)[0].split()[::-1] == whole[part::2]


def test_law_moves_lie_in_their_ranges_and_fill_them():
    ranges = Ranges(horizontal=0.25, vertical=0.0, quarter_turns=True, angle=10, zoom=0.2)
    moves = draw(range(4000), 0, 0, ranges)
    assert abs(moves.flip_horizontal.float().mean() - 0.25) < 0.03 and not moves.flip_vertical.any()
    assert (moves.quarter_turns.bincount() - 1000).abs().max() < 120
    assert -10 <= moves.angle.min() < -9.9 and 9.9 < moves.angle.max() <= 10
    assert 0.8 <= moves.zoom.min() < 0.802 and 1.198 < moves.zoom.max() <= 1.2
    default = draw(range(4000), 0, 0)
    assert not default.quarter_turns.any() and default.angle.abs().max() <= 30
    assert torch.allclose(default.angle, 3 * moves.angle)  # one range changed, the numbers kept


# --- law: exactness, border, gradients ---------------------------------------------------------


def test_twin_a_draw_is_numpy_s_and_its_ranges_are_table_1_s():
    """Augmented sets of long ago can be made again: the numbers of a key never change."""
    numpy = pytest.importorskip("numpy")
    u = numpy.random.default_rng((5, 3, 9)).random(5)
    drawn = draw([9], seed=5, epoch=3)
    assert (drawn.flip_horizontal.item(), drawn.flip_vertical.item()) == (u[0] < 0.5, u[1] < 0.5)
    assert (drawn.angle.item(), drawn.zoom.item()) == ((2 * u[3] - 1) * 30.0, 1 + (2 * u[4] - 1) * 0.1)
    assert drawn.quarter_turns.item() == 0
    assert draw([9], 5, 3, Ranges(quarter_turns=True)).quarter_turns.item() == int(4 * u[2])


def test_law_each_kind_of_move_has_a_draw_of_its_own():
    """Turns drawn from the angle's number, say, would always come with an angle to the same side."""
    drawn = draw(range(2000), seed=0, epoch=0, ranges=Ranges(quarter_turns=True))
    related = torch.corrcoef(torch.stack([field.double() for field in drawn]))
    assert (related - torch.eye(5)).abs().max() < 0.1
    assert drawn.quarter_turns.bincount().tolist() == pytest.approx([500] * 4, rel=0.15)


def test_law_what_is_forbidden_never_happens(monkeypatch):
    """Not even where the draw is exactly 0; nor does a copy stay where it was at a draw of exactly ½."""
    monkeypatch.setattr(module, "_uniform", lambda index, *key, **named: torch.zeros(len(index), 5).double())
    drawn = draw([0], 0, 0, Ranges(horizontal=0.0, vertical=0.0))
    assert not drawn.flip_horizontal.any() and not drawn.flip_vertical.any()
    always = draw([0], 0, 0, Ranges(horizontal=1.0, vertical=1.0, angle=180.0, zoom=0.9))
    assert always.flip_horizontal.all() and always.flip_vertical.all()
    monkeypatch.setattr(module, "_uniform", lambda index, *key, **named: torch.full((len(index), 5), 0.5).double())
    moves = plan(1, seed=0).moves
    assert (moves.angle[1].item(), moves.zoom[3].item()) == (1.0, 1.01)


def test_law_flips_and_turns_are_undone_exactly():
    image, mask = noise(200, 3, 17, 17), blobs(200, 17, 17)
    moves = draw(range(200), 1, 1, EXACT)
    moved = move(image, mask, moves)
    assert torch.equal(moved[0].flatten(1).sort(1).values, image.flatten(1).sort(1).values)
    back = undo(*moved, moves)
    assert torch.equal(back[0], image) and torch.equal(back[1], mask)
    wrong = move(*moved, moves._replace(quarter_turns=-moves.quarter_turns))[0]  # flips undone too early
    assert not torch.equal(wrong, image)
    oblong = noise(8, 1, 5, 9)
    moves = draw(range(8), 1, 1, Ranges(angle=0, zoom=0))
    assert torch.equal(undo(move(oblong, None, moves)[0], None, moves)[0], oblong)


def test_law_the_image_s_own_minimum_lies_beyond_the_border():
    image = torch.stack([torch.full((1, 20, 30), value) for value in (-1000.0, 0.0, 250.0)])
    image[:, :, 8:12, 13:17] += 400
    mask = torch.ones(3, 1, 20, 30, dtype=torch.bool)
    read, moved = move(image, mask, fixed(3, angle=45, zoom=0.5))
    assert read.amin((1, 2, 3)).tolist() == [-1000.0, 0.0, 250.0]
    assert (read[:, :, [0, 0, -1, -1], [0, -1, 0, -1]] == image.amin((1, 2, 3))[:, None, None]).all()
    assert not moved[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].any() and moved[:, :, 10, 15].all()
    constant = torch.full((1, 1, 9, 9), 7.5)
    assert torch.equal(augment(constant, None, [0], 0, 0)[0], constant)


def test_law_input_is_left_alone_and_types_are_kept():
    image, mask = noise(3, 2, 16, 16), blobs(3, 16, 16)
    copies = image.clone(), mask.clone()
    for moves in (fixed(3), mixed(3), fixed(3, angle=10)):
        for dtype, tolerance in ((torch.float64, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 1e-2)):
            read, moved = move(image.to(dtype), mask, moves)
            gap = (read.float() - move(image, mask, moves)[0]).abs().max()
            assert read.dtype == dtype and gap < tolerance
            read.zero_(), moved.zero_()
        layout = image.to(memory_format=torch.channels_last)
        assert torch.allclose(move(layout, mask, moves)[0], move(image, mask, moves)[0], atol=1e-6)
    move(image, mask, fixed(3))[0].zero_()
    assert torch.equal(image, copies[0]) and torch.equal(mask, copies[1])


def test_law_gradients_are_true():
    image = noise(3, 1, 5, 5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: move(x, None, mixed(3))[0], (image,))


# --- law: the offline form ---------------------------------------------------------------------


def test_hand_a_plan_stays_the_same_for_ever():
    """The listing of a set that was expanded long ago can be made again."""
    kinds = [kind for *_, kind in plan(2, seed=0).listing]
    assert kinds[:4] == ["Rotation (-30°)", "Horizontal Flip", "Zoom +7%", "Vertical Flip"]
    assert kinds[4:] == ["Rotation (-13°)", "Horizontal Flip", "Zoom -7%", "Vertical Flip"]


def test_law_thousand_become_five_thousand_with_table_1():
    made = plan(1000, seed=0)
    assert len(made.original) == len(made.name) == len(set(made.name)) == 5000 and len(made.listing) == 4000
    assert made.name[:6] == ("Img_001", *(f"Img_001_aug_{k}" for k in (1, 2, 3, 4)), "Img_002")
    assert made.name[-1] == "Img_1000_aug_4"
    for k, (original, copy, kind) in enumerate(made.listing):
        assert copy == f"{original}_aug_{k % 4 + 1}"
        assert kind.startswith(("Rotation (", "Horizontal Flip", "Zoom ", "Vertical Flip")[k % 4])
    degrees = {kind[10:-2] for *_, kind in made.listing[::4]}
    percent = {kind[5:-1] for *_, kind in made.listing[2::4]}
    assert degrees == {str(sign * n) for n in range(1, 31) for sign in (1, -1)}  # "30" as in Table 1
    assert percent == {f"{sign * n:+d}" for n in range(1, 11) for sign in (1, -1)}  # "+10" too
    assert plan(1000, seed=0).listing == made.listing != plan(1000, seed=1).listing


def test_law_ranges_of_the_plan_go_to_their_ends():
    for angle, percent in ((1, 1), (180, 90)):
        made = plan(2000, seed=0, angle=angle, percent=percent)
        assert made.moves.angle.abs().max().item() == angle
        assert (made.moves.zoom - 1).abs().max().item() == pytest.approx(percent / 100)


def test_law_copies_keep_label_and_group_and_are_what_the_listing_says():
    image, mask = noise(6, 1, 24, 24), blobs(6, 24, 24)
    label, group = torch.tensor([0, 1, 2, 0, 1, 2]), torch.tensor([9, 9, 4, 4, 2, 2])
    new, new_mask, new_label, new_group, made = expand(image, mask, label, group, seed=0)
    assert torch.equal(new[::5], image) and torch.equal(new_mask[::5], mask)
    assert torch.equal(new[2::5], image.flip(-1)) and torch.equal(new_mask[2::5], mask.flip(-1))
    assert torch.equal(new[4::5], image.flip(-2)) and torch.equal(new_mask[4::5], mask.flip(-2))
    for k, (*_, kind) in enumerate(made.listing):
        angle = float(kind[10:-2]) if k % 4 == 0 else 0.0
        zoom = 1 + float(kind[5:-1]) / 100 if k % 4 == 2 else 1.0
        if k % 2 == 0:
            alone = move(image[k // 4][None], mask[k // 4][None], fixed(1, angle=angle, zoom=zoom))
            assert torch.allclose(new[made.name.index(made.listing[k][1])], alone[0][0], atol=1e-5)
    assert torch.equal(new_label, label.repeat_interleave(5))
    assert torch.equal(new_group, group.repeat_interleave(5))
    assert expand(image, None, label, group, seed=0)[1] is None


def test_law_a_split_by_group_parts_no_copy_from_its_original():
    from medkit.data.container import ImageSet, split_by_group

    label = torch.arange(20) % 2
    image, mask, label, group, made = expand(noise(20, 1, 8, 8), None, label, torch.arange(20), seed=0)

    def parted(group):
        name = tuple(str(i) for i in made.original.tolist())
        head = ("noise", "phantom", "none")
        data = ImageSet(*head, image, label, ("a", "b"), mask, group, "image", name, "made here")
        split = split_by_group(data)
        return set(split.train.name) & set(split.test.name)

    assert not parted(group)
    assert parted(torch.arange(100))  # each copy a group of its own: originals leak into the test side


# --- edge -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Ranges(horizontal=1.5), ValueError, r"horizontal must lie in 0 \.\.\. 1, got 1.5"),
        (lambda: Ranges(vertical=float("nan")), ValueError, "vertical must lie in"),
        (lambda: Ranges(vertical=1.5), ValueError, r"vertical must lie in 0 \.\.\. 1, got 1.5"),
        (lambda: Ranges(angle=-3), ValueError, r"angle must lie in 0 \.\.\. 180, got -3"),
        (lambda: Ranges(zoom=1.1), ValueError, r"zoom must lie in 0 \.\.\. 0.9, got 1.1"),
        (lambda: draw([-1], 0, 0), ValueError, r"index\) must lie in 0 .*, got \(0, 0, -1\); count from 0"),
        (lambda: draw([0], 2**32, 0), ValueError, "got .4294967296, 0, 0"),
        (lambda: move(torch.ones(8, 8), None, fixed(1)), ValueError, r"got \(8, 8\); use image\[None\]"),
        (lambda: move(torch.ones(1, 1, 8, 8).int(), None, fixed(1)), TypeError, "image must be floating"),
        (lambda: move(torch.full((1, 1, 2, 2), float("nan")), None, fixed(1)), ValueError, "must be finite"),
        (lambda: move(noise(2, 1, 8, 8), None, fixed(3)), ValueError, "moves must hold 2 entries.*got 3"),
        (lambda: move(noise(2, 1, 8, 8), blobs(1, 8, 8), fixed(2)), ValueError, r"bool \(2, M, 8, 8\)"),
        (lambda: move(noise(1, 1, 8, 9), blobs(1, 8, 8), fixed(1)), ValueError, r"torch.bool \(1, 1, 8, 8\)"),
        (lambda: move(noise(1, 1, 8, 8), noise(1, 1, 8, 8), fixed(1)), ValueError, "compare with > 0.5"),
        (lambda: move(noise(1, 1, 8, 8), None, fixed(1, zoom=0)), ValueError, "zooms above 0"),
        (lambda: move(noise(2, 1, 8, 8), None, fixed(2)._replace(zoom=torch.ones(3))), ValueError, "2 entries"),
        (lambda: move(noise(2, 1, 8, 8), None, one_of_two(angle=float("nan"))), ValueError, "finite angles"),
        (lambda: move(noise(2, 1, 8, 8), None, one_of_two(zoom=float("inf"))), ValueError, "finite angles"),
        (lambda: move(noise(2, 1, 8, 8), None, one_of_two(zoom=-1.0)), ValueError, "zooms above 0"),
        (lambda: move(noise(2, 1, 8, 9), None, one_of_two(quarter_turns=1)), ValueError, "square .*got 8 x 9"),
        (lambda: undo(noise(2, 1, 8, 8), None, one_of_two(angle=1.0)), ValueError, "got angles or zooms"),
        (lambda: undo(noise(2, 1, 8, 8), None, one_of_two(zoom=1.1)), ValueError, "got angles or zooms"),
        (lambda: move(noise(1, 1, 8, 8), None, fixed(1, angle=float("inf"))), ValueError, "finite angles"),
        (lambda: move(noise(1, 1, 8, 9), None, fixed(1, quarter_turns=3)), ValueError, "square .*got 8 x 9"),
        (lambda: undo(noise(1, 1, 8, 8), None, fixed(1, angle=1)), ValueError, "keep the original"),
        (lambda: undo(noise(1, 1, 8, 8), None, fixed(2)), ValueError, "moves must hold 1 entries"),
        (lambda: plan(3, 0, angle=0), ValueError, "must be 1 ... 180, 1 ... 90, got 0, 10"),
        (lambda: plan(3, 0, angle=181), ValueError, "must be 1 ... 180, 1 ... 90, got 181, 10"),
        (lambda: plan(3, 0, percent=0), ValueError, "must be 1 ... 180, 1 ... 90, got 30, 0"),
        (lambda: plan(3, 0, percent=91), ValueError, "must be 1 ... 180, 1 ... 90, got 30, 91; try 30, 10"),
    ],
)
def test_edge_bad_input_gets_one_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_edge_ranges_are_not_edited():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Ranges().angle = 90.0


def test_edge_one_pixel_full_and_empty_masks():
    pixel = torch.tensor([[[[3.0]]]])
    assert move(pixel, pixel > 0, fixed(1, angle=20, zoom=1.1))[0].item() == 3.0
    empty = torch.zeros(2, 1, 9, 9, dtype=torch.bool)
    assert not augment(noise(2, 1, 9, 9), empty, [0, 1], 0, 0)[1].any()
    full = move(noise(1, 1, 9, 9), ~empty[:1], fixed(1, zoom=1.3))[1]
    assert full.all()
    half = move(noise(1, 1, 8, 9), None, fixed(1, quarter_turns=2))[0]
    assert torch.equal(half, noise(1, 1, 8, 9).flip(-1, -2))  # half turns need no square
