"""Versions of the equivalence verdict, right ones and wrong ones, for exercise 12.6.

Each takes the ends of a measured interval, a claimed number and a margin above 0. It returns 1 where
the interval lies wholly within claimed ± margin (its edges count), -1 where it lies wholly outside,
and 0 where it does neither, as where it reaches over an edge or only touches one from outside.
"""

from __future__ import annotations

# right versions


def by_edges(low, high, claimed, margin):
    """Compare with both edges."""
    if claimed - margin <= low and high <= claimed + margin:
        return 1
    if high < claimed - margin or claimed + margin < low:
        return -1
    return 0


def by_shifting(low, high, claimed, margin):
    """Move the claim to 0."""
    low, high = low - claimed, high - claimed
    if max(abs(low), abs(high)) <= margin:
        return 1
    return -1 if low > margin or high < -margin else 0


def by_clipping(low, high, claimed, margin):
    """Clip the interval to the zone, and see what is left of it."""
    inside = [min(max(end, claimed - margin), claimed + margin) for end in (low, high)]
    if inside == [low, high]:
        return 1
    return -1 if inside[0] == inside[1] and inside[0] not in (low, high) else 0


def by_counting(low, high, claimed, margin):
    """Count the edges that the interval has beyond it, with numbers of its own."""
    lower, upper = float(claimed - margin), float(claimed + margin)
    holds = (low >= lower) + (high <= upper)
    return 1 if holds == 2 else -int(low > upper or high < lower)


# wrong versions


def the_middle_decides(low, high, claimed, margin):
    """Ask where the middle lies."""
    return 1 if abs((low + high) / 2 - claimed) <= margin else -1


def the_claim_inside(low, high, claimed, margin):
    """Take the claim inside the interval for a proof of it."""
    return 1 if low <= claimed <= high else by_edges(low, high, claimed, margin)


def any_overlap(low, high, claimed, margin):
    """Let any overlap do."""
    return 1 if low <= claimed + margin and high >= claimed - margin else -1


def open_is_against(low, high, claimed, margin):
    """Take what is open for a verdict against."""
    return 1 if by_edges(low, high, claimed, margin) == 1 else -1


def never_against(low, high, claimed, margin):
    """Never say that it is another number."""
    return max(by_edges(low, high, claimed, margin), 0)


def no_margin(low, high, claimed, margin):
    """Forget the margin."""
    return 1 if low <= claimed <= high else -1


def whole_margin(low, high, claimed, margin):
    """Take the margin for the width of the zone."""
    return by_edges(low, high, claimed, margin / 2)


def twice_the_margin(low, high, claimed, margin):
    """Make the zone twice as wide."""
    return by_edges(low, high, claimed, 2 * margin)


def upper_edge_only(low, high, claimed, margin):
    """Ask for the upper edge alone."""
    if high <= claimed + margin:
        return 1
    return -1 if low > claimed + margin else 0


def lower_edge_only(low, high, claimed, margin):
    """Ask for the lower edge alone."""
    if low >= claimed - margin:
        return 1
    return -1 if high < claimed - margin else 0


def around_nothing(low, high, claimed, margin):
    """Put the zone around 0."""
    return by_edges(low, high, 0, margin)


def a_share_of_the_claim(low, high, claimed, margin):
    """Take the margin for a share of the claimed number."""
    return by_edges(low, high, claimed, margin * abs(claimed))


def open_edges(low, high, claimed, margin):
    """Leave the edges out of the zone."""
    if claimed - margin < low and high < claimed + margin:
        return 1
    return -1 if high < claimed - margin or claimed + margin < low else 0


def touching_is_outside(low, high, claimed, margin):
    """Take an interval that touches the zone for one outside."""
    if claimed - margin <= low and high <= claimed + margin:
        return 1
    return -1 if high <= claimed - margin or claimed + margin <= low else 0


def swapped(low, high, claimed, margin):
    """Ask whether the zone lies in the interval."""
    if low <= claimed - margin and claimed + margin <= high:
        return 1
    return -1 if high < claimed - margin or claimed + margin < low else 0


def never_below(low, high, claimed, margin):
    """Forget intervals that lie below the zone."""
    if claimed - margin <= low and high <= claimed + margin:
        return 1
    return -1 if claimed + margin < low else 0


def without_sign(low, high, claimed, margin):
    """Forget the sign of the claimed number."""
    return by_edges(low, high, abs(claimed), margin)
