"""The layers that the models share."""

import pytest
import torch
import torch.nn.functional as F

from medkit.attention import attend, attention_scores
from medkit.blocks import (
    AttentionAsPrinted2d,
    ConvBlock,
    ConvolutionInstead,
    Encoder,
    LabelHead,
    MaskHead,
    SelfAttention2d,
    UniformAttention2d,
    UpBlock,
    check_model_image,
    check_sizes,
    parameter_count,
)

pytestmark = pytest.mark.filterwarnings("error")


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def seeded(build, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()


def test_shapes():
    x = torch.zeros(2, 8, 16, 24)
    assert ConvBlock(8, 12)(x).shape == (2, 12, 16, 24)
    assert ConvBlock(8, 12, stride=2)(x).shape == (2, 12, 8, 12)
    assert UpBlock(8, 4)(x).shape == (2, 4, 32, 48)
    assert MaskHead(8)(x).shape == (2, 1, 32, 48)
    assert SelfAttention2d(8)(x).shape == x.shape
    assert SelfAttention2d(8).weights(x).shape == (2, 16 * 24, 16 * 24)
    assert LabelHead(8, 3)(x).shape == (2, 3)
    assert [tuple(f.shape[1:]) for f in Encoder(3, 4)(torch.zeros(2, 3, 32, 64))] == [
        (4, 16, 32),
        (8, 8, 16),
        (16, 4, 8),
    ]


def test_twin_attention_block_is_the_fused_kernel():
    block, x = seeded(lambda: SelfAttention2d(8)).double(), draw(2, 8, 3, 5)
    tokens = F.group_norm(x, 4, block.norm.weight, block.norm.bias).reshape(2, 8, 15).permute(0, 2, 1)
    q, k, v = block.query(tokens), block.key(tokens), block.value(tokens)
    seen = block.out(F.scaled_dot_product_attention(q, k, v))
    expected = x + seen.permute(0, 2, 1).reshape(2, 8, 3, 5)
    assert (block(x) - expected).abs().max() <= 1e-12
    assert (expected - x).abs().max() > 1e-3  # it does something
    assert (attend(block.weights(x), v) - F.scaled_dot_product_attention(q, k, v)).abs().max() <= 1e-12
    scrambled = x + seen.reshape(2, 8, 3, 5)  # the classic: tokens and features mixed by reshape
    assert (block(x) - scrambled).abs().max() > 1e-3


def test_twin_attention_as_printed():
    block, x = seeded(lambda: AttentionAsPrinted2d(8)).double(), draw(2, 8, 3, 5)
    tokens = block.norm(x).reshape(2, 8, 15).mT
    scores = attention_scores(block.query(tokens), block.key(tokens))
    assert (block.weights(x) - scores).abs().max() <= 1e-12
    expected = x + block.out(attend(scores, block.value(tokens))).mT.reshape(x.shape)
    assert (block(x) - expected).abs().max() <= 1e-10  # by the linear form
    softmax = seeded(lambda: SelfAttention2d(8)).double()  # the same weights, from the same seed
    assert (softmax(x) - expected).abs().max() > 1e-3


def test_twin_uniform_attention():
    block, x = seeded(lambda: UniformAttention2d(8)).double(), draw(2, 8, 3, 5)
    tokens = block.norm(x).reshape(2, 8, 15).mT
    expected = x + block.out(attend(block.weights(x), block.value(tokens))).mT.reshape(x.shape)
    assert (block(x) - expected).abs().max() <= 1e-12
    assert (block.weights(x) == 1 / 15).all()
    same = seeded(lambda: SelfAttention2d(8)).double()
    with torch.no_grad():
        same.query.weight.zero_()  # all scores 0: what is left of attention is the average
        same.value.load_state_dict(block.value.state_dict())
        same.out.load_state_dict(block.out.state_dict())
    assert (same(x) - block(x)).abs().max() <= 1e-12


def test_hand_convolution_instead():
    block, x = seeded(lambda: ConvolutionInstead(16)).double(), draw(2, 16, 5, 6)
    norm, wide, _, back = block
    expected = x + F.conv2d(F.conv2d(norm(x), wide.weight, padding=1).clamp(min=0), back.weight, back.bias)
    assert (block(x) - expected).abs().max() <= 1e-12
    assert wide.out_channels == 6  # 0.4 · 16, rounded
    assert parameter_count(block) == 2 * 16 + 9 * 16 * 6 + 6 * 16 + 16


@pytest.mark.parametrize("width", [32, 48, 64, 80, 96, 112, 128, 256])
def test_law_convolution_instead_has_attentions_budget(width):
    ratio = parameter_count(ConvolutionInstead(width)) / parameter_count(SelfAttention2d(width))
    assert abs(ratio - 1) <= 0.02
    assert abs(parameter_count(ConvBlock(width, width)) / parameter_count(SelfAttention2d(width)) - 1) > 1


def test_law_attention_follows_its_pixels():
    block, x = seeded(lambda: SelfAttention2d(8)).double(), draw(1, 8, 4, 4)
    assert (block(x.flip(-1)) - block(x).flip(-1)).abs().max() <= 1e-12
    conv = seeded(lambda: ConvBlock(8, 8)).double()
    assert (conv(x.flip(-1)) - conv(x).flip(-1)).abs().max() > 1e-3  # a convolution doesn't


def test_law_attention_sees_far():
    """One pixel changed at one end moves the other end: through attention, not through a convolution."""
    x = draw(1, 8, 1, 16)
    y = x.clone()
    y[..., 0] += draw(8, seed=1)[None, :, None]
    blocks = (SelfAttention2d, AttentionAsPrinted2d, UniformAttention2d, ConvolutionInstead)
    for block, far in zip(blocks, (True, True, True, False)):
        block = seeded(lambda block=block: block(8)).double()
        norm = next(part for part in block.modules() if isinstance(part, torch.nn.GroupNorm))
        norm.forward = lambda x: x  # it looks at the whole map, if only at two numbers a group
        assert ((block(x) - block(y))[..., -1].abs().max() > 1e-9) == far


def test_law_batch_does_not_matter():
    block, x = seeded(lambda: ConvBlock(1, 8)).double().train(), draw(4, 1, 8, 8)
    assert (block(x)[:1] - block(x[:1])).abs().max() <= 1e-12
    norm = torch.nn.BatchNorm2d(1).double().train()
    assert (norm(x)[:1] - norm(x[:1])).abs().max() > 1e-3  # what GroupNorm spares us


def test_hand_label_head_averages_and_takes_the_maximum():
    head = LabelHead(1, 2)
    with torch.no_grad():
        head.linear.weight.copy_(torch.eye(2))
        head.linear.bias.zero_()
    assert head(torch.tensor([[[[0.0, 1.0], [2.0, 5.0]]]])).tolist() == [[2.0, 5.0]]


def test_hand_mask_head_starts_at_five_percent():
    assert MaskHead(4)(torch.zeros(1, 4, 2, 2)).sigmoid().mean().item() == pytest.approx(0.0474, abs=1e-4)


def test_hand_parameter_count():
    assert parameter_count(torch.nn.Linear(3, 2)) == 8
    assert parameter_count(torch.nn.Linear(3, 2).requires_grad_(False)) == 0
    assert parameter_count(SelfAttention2d(8)) == 2 * 8 + 3 * 64 + 64 + 8


def test_edge_messages():
    for kwargs, message in (
        ({"classes": 1}, "classes must be 2 or more, got 1"),
        ({"channels": 2}, "channels must be 1 or 3, got 2"),
        ({"width": 6}, "width must be a multiple of 4, got 6"),
        ({"width": 0}, "width must be a multiple of 4, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            check_sizes(**{"classes": 2, "channels": 1, "width": 8, **kwargs})
    check_sizes(2, 3, 4)
    for shape, message in (
        ((2, 3, 32, 32), r"shape \(B, 1, H, W\), got \(2, 3, 32, 32\)"),
        ((1, 32, 32), r"shape \(B, 1, H, W\), got \(1, 32, 32\)"),
        ((2, 1, 32, 36), r"divisible by 8, got \(32, 36\)"),
        ((2, 1, 24, 32), r"32 or more, divisible by 8, got \(24, 32\)"),
    ):
        with pytest.raises(ValueError, match=message):
            check_model_image(torch.zeros(shape), channels=1)
    check_model_image(torch.zeros(2, 1, 32, 40), channels=1)
