"""What did the model go by? Maps, and whether they can be believed, measured.

    python3 -m medkit explain --data us --out results/explain-us

    maps.grad_cam, occlusion, attention_map, attention_rollout    an image -> a map
    measures.mass_inside, pointing_game                           does it point at the lesion?
    measures.deletion, insertion                                  does the model go by it?
    sanity.cascade, similarity                                    does it depend on the weights at all?

The paper says that attention improves interpretability and measures none of this (K15).
"""

from __future__ import annotations

from medkit.explain.command import main  # noqa: F401, what this package is used by
from medkit.explain.maps import attention_map, attention_rollout, grad_cam, occlusion, raw_grad_cam  # noqa: F401
from medkit.explain.show import render, sheet  # noqa: F401
