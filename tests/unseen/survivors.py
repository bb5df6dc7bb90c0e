"""Changed solutions that are no wrong answers, each with the reason: {(exercise, change): reason}."""

from __future__ import annotations

SURVIVORS: dict[tuple[str, str], str] = {
    (
        "1.4",
        "- x -> x    return wide.unfold(0, size, 1).unfold(1, size, 1).mean(dim=(-2, -1))",
    ): "of four dimensions, 2 and -2 are the same",
    (
        "4.1",
        "2 -> 3    wide = torch.zeros(channels, height + 2 * padding, width + 2 * padding)",
    ): "more zeros behind the last row, where no kernel is laid",
    (
        "4.1",
        "2 -> 3 #2    wide = torch.zeros(channels, height + 2 * padding, width + 2 * padding)",
    ): "more zeros behind the last column, where no kernel is laid",
    ("4.1", "+ -> -    total = bias[:, None, None] + torch.zeros(len(weight), high, broad)"): "zero is added or taken off",
    (
        "4.4",
        "arguments swapped: x.reshape(groups, batch, channels // groups, height, width)",
    ): "each group of an image is one block of memory, whatever the two first dimensions are called",
    (
        "5.4",
        "- x -> x    weights = (q @ k.transpose(-2, -1) / (d // heads) ** 0.5).softmax(dim=-1)",
    ): "of four dimensions, 2 and -2 are the same",
    ("16.3", "1e-12 -> 2e-12    return first / second.clamp(min=1e-12)"): "0 over any small number is 0",
    ("18.1", "arguments swapped: min(0.0, low)"): "the smaller of two numbers, whichever comes first",
    ("18.1", "arguments swapped: max(0.0, high)"): "the larger of two numbers, whichever comes first",
}
