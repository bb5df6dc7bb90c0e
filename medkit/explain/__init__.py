"""Interpretation (claim K15): maps that say where a model looked, and measures that say whether to believe them.

    maps       Grad-CAM, attention, attention rollout, occlusion, and the centre prior that knows no image
    measures   mass inside the lesion, pointing game, deletion and insertion, similarity of two maps
    sanity     weights drawn anew, part by part: a map that stays the same explains no model
"""
