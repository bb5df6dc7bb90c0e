"""Right and wrong versions of 3.4, the flip that has to exchange left and right: the versions behind `augment`."""

from __future__ import annotations

import torch

# other right versions


def lungs_by_loop(mask, chosen):
    """Build patient by patient, lung by lung."""
    result = torch.zeros(mask.shape)
    for i, flip in enumerate(chosen.tolist()):
        for lung in (0, 1):
            result[i, lung] = mask[i, 1 - lung].fliplr() if flip else mask[i, lung]
    return result


def lungs_by_index(mask, chosen):
    """Copy, then exchange both axes of the chosen ones by their indices."""
    result = mask.clone()
    backwards = torch.arange(mask.shape[3] - 1, -1, -1)
    result[chosen] = mask[chosen][:, [1, 0]][..., backwards]
    return result


def lungs_by_sum(mask, chosen):
    """Add up what stays and what is turned, each times its 0 or 1."""
    pixels, weight = mask.numpy().astype(float), chosen.numpy().astype(float).reshape(-1, 1, 1, 1)
    return weight * pixels[:, ::-1, :, ::-1] + (1 - weight) * pixels


# wrong versions


def _where(chosen, yes, no):
    return torch.where(chosen[:, None, None, None], yes, no)


def lungs_all_renamed(mask, chosen):
    """Exchange the channels of everybody."""
    return _where(chosen, mask.flip(3), mask).flip(1)


def lungs_only_renamed(mask, chosen):
    """Exchange the channels and leave the pixels."""
    return _where(chosen, mask.flip(1), mask)


def lungs_all_flipped(mask, chosen):
    """Ignore the choice."""
    return mask.flip(1, 3)


def lungs_others_flipped(mask, chosen):
    """Turn the choice round."""
    return _where(chosen, mask, mask.flip(1, 3))


def lungs_upside_down(mask, chosen):
    """Flip the rows."""
    return _where(chosen, mask.flip(1, 2), mask)


def lungs_half_turn(mask, chosen):
    """Flip rows and columns."""
    return _where(chosen, mask.flip(1, 2, 3), mask)


def lungs_patients_reversed(mask, chosen):
    """Flip axis 0 where it should be axis 1."""
    return _where(chosen, mask.flip(0, 3), mask)


def lungs_overwritten(mask, chosen):
    """Exchange in two steps, the second of which reads what the first wrote."""
    flipped = mask.flip(3)
    flipped[:, 0] = flipped[:, 1]
    flipped[:, 1] = flipped[:, 0]
    return _where(chosen, flipped, mask)


def lungs_merged(mask, chosen):
    """Put both lungs into both channels."""
    both = mask.flip(3).any(1, keepdim=True).expand_as(mask)
    return _where(chosen, both, mask)
