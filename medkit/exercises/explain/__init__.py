"""The exercises of notebook 15 (explanation), and in full the one where a function is written.

`questions` has the number, the figure and the function to repair, `tests` the test with its `rollouts`,
`mistakes` the versions of 15.1 and 15.3.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.explain import mistakes as versions
from medkit.exercises.explain.questions import CENTRE, FAITHFUL, TIES
from medkit.exercises.explain.tests import KILL_ROLLOUTS
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.values import small_image


def class_map(features, gradients):
    """Return Grad-CAM: each channel by its mean gradient, added up, what speaks against cut off."""
    weights = gradients.mean(dim=(1, 2))
    total = (weights[:, None, None] * features).sum(dim=0)
    return total.clamp(min=0)


CLASS_MAP = WriteFunction(
    id="15.1",
    title="Grad-CAM",
    section="before the code",
    points=3,
    minutes=12,
    name="class_map",
    parameters=("features", "gradients"),
    prompt=(
        "Write Grad-CAM for one image, by the formula above. `features` are the maps of D channels, a float tensor "
        "(D, h, w); `gradients`, of the same shape, say how the logit of the class changes with each of these numbers. "
        "A channel's weight is the *mean* of its gradients over all positions. Add the channels up, each times its "
        "weight, and only then put what is below 0 to 0. Return the map (h, w), neither enlarged nor scaled: "
        "where all speaks against the class, it is 0 everywhere."
    ),
    unsolved="def class_map(features, gradients):\n    ...\n    return ...",
    solution=class_map,
    alternatives=(versions.map_by_einsum, versions.map_by_loop, versions.map_by_numpy, versions.map_as_a_layer),
    forbidden=("medkit.explain", "captum"),
    cases=(
        Case((
            torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[0.0, 3.0], [1.0, 0.0]]]),
            torch.tensor([[[1.0, 1.0], [3.0, -1.0]], [[-1.0, 0.0], [0.0, -1.0]]]),
        )),
        Case((small_image(3, 3, 2, seed=1) - 3, small_image(3, 3, 2, seed=2) - 5)),
        Case((small_image(2, 4, 5, seed=3), small_image(2, 4, 5, seed=4) - 4)),
        Case((small_image(4, 1, 3, seed=5) - 2, small_image(4, 1, 3, seed=6) - 4)),
        Case((torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), torch.tensor([[[-1.0, -1.0], [1.0, -2.0]]])), edge=True),
    ),
    hints=(
        "Three steps: one weight for each channel, one sum over the channels, one cut at 0.",
        "`gradients.mean(dim=(1, 2))` has one number for each channel; `weights[:, None, None]` lays it over all positions.",
        "`return (weights[:, None, None] * features).sum(dim=0).clamp(min=0)`.",
    ),
    mistakes=(
        Mistake("you never cut off", "Below 0 a position speaks against the class: put it to 0.", versions.map_with_both_signs),
        Mistake("you cut each channel before the sum", "Channels must be able to speak against each other: add up first.", versions.map_cut_early),
        Mistake("you threw away negative weights", "A channel that speaks against the class counts too.", versions.map_of_good_channels),
        Mistake("you threw away negative gradients", "A channel's weight is the mean of all its gradients.", versions.map_of_good_gradients),
        Mistake("you took absolute values at the end", "What speaks against the class is not for it: 0, not its size.", versions.map_without_sign),
        Mistake("you summed the gradients", "The mean is asked for; a sum grows with the number of positions.", versions.map_by_summed_gradients),
        Mistake("you averaged over channels at the end", "The channels are added up.", versions.map_averaged),
        Mistake("you averaged over channels for the weights", "One weight for each channel: the mean over rows and columns.", versions.map_weighted_by_place),
        Mistake("you weighted place by place", "Every position of a channel has the same weight, its mean gradient.", versions.map_place_by_place),
        Mistake("you gave all channels one weight", "Each channel has its own.", versions.map_of_one_weight),
        Mistake("you took the channels for the gradients", "Average the gradients, and add up the features.", versions.map_swapped),
        Mistake("you forgot the gradients", "Without them the map belongs to no class.", versions.map_without_gradients),
        Mistake("you scaled the map", "Divided by its maximum, a faint map looks like a strong one; it is asked for as it is.", versions.map_scaled),
        Mistake("you took the largest gradient", "The mean over positions is asked for.", versions.map_by_largest_gradient),
    ),
    afterword="Those are Eq. 1 and 2 of the paper that introduced Grad-CAM; all that is left is to enlarge it.",
)

EXERCISES = (CLASS_MAP, CENTRE, TIES, FAITHFUL, KILL_ROLLOUTS)
