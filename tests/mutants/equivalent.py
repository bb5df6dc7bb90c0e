"""Mutants that no test can refuse, because they are no wrong versions: each with the reason why.

(module, text of the line, what changed) -> reason. A test takes care that each is still one of the
mutants; mutate.py complains where one is listed and yet refused.
"""

from __future__ import annotations

PORTIONS = "how much is done at once; the numbers are the same, portion by portion or in one"
FOUR_AXES = "the tensor has four axes here, so that the axis is the same counted from either end"
UNREAD = "a factor of a column that nobody reads: only the columns 3 and 4 are used below"

WHOLE = (
    "whole = (signed.abs() * torch.tensor([1, 1, 1, angle, percent])).ceil().clamp(min=1).copysign(signed)"
)


def _same(module: str, line: str, reason: str, *changes: str) -> dict[tuple[str, str, str], str]:
    return {(module, line, change): reason for change in changes}


EQUIVALENT = {
    **_same("denoise", "_BLOCK = 64  # rows of a kernel matrix multiplied at once", PORTIONS, "64 -> 65"),
    **_same(
        "denoise",
        "_STRIP = 2**16  # pixels whose neighbours fit into a processor's cache",
        PORTIONS,
        "** -> *",
        "2 -> 3",
        "16 -> 17",
    ),
    **_same(
        "denoise",
        "near = slice(int(used.min()), int(used.max()) + 1)",
        "one column more beside the band, all zeros: it adds 0 · a finite pixel",
        "1 -> 2",
    ),
    **_same(
        "denoise",
        'if image.device.type != "cpu":',
        "the whole at once or strip by strip: the same medians",
        "!= -> ==",
    ),
    **_same("denoise", "rows = max(_STRIP // width, 1)", PORTIONS, "// -> *", "1 -> 2"),
    **_same(
        "denoise",
        "held = [waiting.pop() for _ in range(size**2 // 2 + 2)] if size > 1 else waiting",
        "sizes are odd: above 1 is above 2",
        "1 -> 2",
    ),
    **_same(
        "denoise",
        "held = [waiting.pop() for _ in range(size**2 // 2 + 2)] if size > 1 else waiting",
        "of m + 3 values, too, neither extreme is the median; it only costs more exchanges",
        "2 -> 3 #3",
    ),
    **_same(
        "denoise",
        "while len(held) > 1:",
        "3 are held before the last round and 1 after it, never 2",
        "1 -> 2",
    ),
    **_same(
        "denoise",
        "pairs = list(zip(values[:half], values[half : 2 * half]))",
        "zip ends with the shorter half, however long the other is",
        "2 -> 3",
    ),
    **_same(
        "denoise",
        "if len(values) % 2:",
        "for an even number, too: one more value among those whose largest is dropped, the rest are kept",
        "% -> //",
    ),
    **_same(
        "denoise",
        "if not isinstance(size, int) or size < 1 or size % 2 == 0:",
        "only 0 lies between the two, and 0 is refused as even",
        "1 -> 0",
    ),
    **_same(
        "_border",
        "source = torch.minimum(position, period - position) if length > 1 else position",
        "of one pixel the position is 0, of two 0 or 1: there both forms read the same",
        "> -> >=",
        "1 -> 0",
        "1 -> 2",
    ),
    **_same(
        "transfer",
        "for hidden in range(1, min(first, second) + 1)",
        "what is larger than either count divides it with a remainder, and is left out",
        "min -> max",
        "1 -> 2 #2",
    ),
    **_same(
        "augment",
        "_PIXELS = 2**18  # moved at once on a CPU, so that they stay in the processor's cache",
        PORTIONS,
        "** -> *",
        "2 -> 3",
        "18 -> 19",
    ),
    **_same(
        "augment",
        "step = len(image) if image.is_cuda else max(_PIXELS // image[0, 0].numel(), 1)",
        PORTIONS,
        "// -> *",
        "1 -> 2",
    ),
    **_same(
        "augment",
        "return torch.from_numpy(np.array(rows).reshape(-1, 5))",
        "numpy takes any negative length as the one to be found out",
        "1 -> 2",
    ),
    **_same(
        "augment",
        WHOLE,
        UNREAD,
        "1 -> 0",
        "1 -> 2",
        "1 -> 0 #2",
        "1 -> 2 #2",
        "1 -> 0 #3",
        "1 -> 2 #3",
    ),
    **_same(
        "augment",
        "for axis, chosen in ((-1, moves.flip_horizontal), (-2, moves.flip_vertical)):",
        FOUR_AXES,
        "- x -> x #2",
    ),
    **_same(
        "augment",
        "turned = torch.where(chosen.to(x.device)[:, None, None, None], x.rot90(turns, (-2, -1)), turned)",
        FOUR_AXES,
        "- x -> x",
    ),
    **_same("augment", "height, width = image.shape[-2:]", FOUR_AXES, "- x -> x"),
    **_same(
        "augment",
        "if not fits or (mask is not None and (len(mask), *mask.shape[-2:]) != (count, height, width)):",
        FOUR_AXES,
        "- x -> x",
    ),
}
