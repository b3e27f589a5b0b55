"""When a value meets a target: operators, tolerance, and what is still missing."""

from __future__ import annotations

import math
from typing import Literal

from spatial.targets.model import Target

TRENDS = ("trend_up", "trend_down")
"""Operators that have no number of their own."""
ABOUT = 0.05
"""Tolerance of ``~=`` (左右) where the plan states none."""
_ROUNDING = 1e-9  # of the target: sums of shares and lengths are exact to this, and no plan means more
_NOTHING = 1e-15  # what is left of a difference of two equal shares

Side = Literal["up", "down"]


def side(target: Target) -> Side:
    """Return the favourable direction of a target.

    ``==`` and ``~=`` say none: it goes as the measure does (what remains falls, what is added grows); else down where the baseline lies higher, or
    where the target is 0 and nothing lies below it; else up.
    """
    if target.operator in (">=", ">", "trend_up", "exists"):
        return "up"
    if target.operator in ("<=", "<", "trend_down"):
        return "down"
    if target.falls is not None:
        return "down" if target.falls else "up"
    if math.isfinite(target.baseline) and target.baseline != target.value:
        return "down" if target.baseline > target.value else "up"
    return "up" if target.value > 0 else "down"


def allowance(target: Target) -> float:
    """Return what may be missing on the unfavourable side, in the target's unit, at least 0.

    A share of the target; of one that is 0, a share of the baseline, since nothing is a share of 0.
    """
    share = target.tolerance if math.isfinite(target.tolerance) else 0.0
    if target.operator == "~=" and share <= 0:
        share = ABOUT
    base = target.value if target.value != 0 or not math.isfinite(target.baseline) else target.baseline
    return max(share, 0.0) * abs(base)


def meets(target: Target, value: float, *, earlier: float = math.nan) -> bool:
    """Tell whether a value meets a target.

    Parameters
    ----------
    target
        Operator, value, tolerance, baseline.
    value
        In the target's unit; NaN never meets.
    earlier
        What a trend is held against; a trend without it is never met.
    """
    if not math.isfinite(value):
        return False
    if target.operator in TRENDS:
        if not math.isfinite(earlier):
            return False
        moved = value - earlier if target.operator == "trend_up" else earlier - value
        return moved > _ROUNDING * max(abs(value), abs(earlier))
    if not math.isfinite(target.value):
        return False
    rounding = max(_ROUNDING * abs(target.value), _NOTHING)
    ahead = value - target.value if side(target) == "up" else target.value - value
    least = -allowance(target)
    return ahead > least + rounding if target.operator in (">", "<") else ahead >= least - rounding


def beyond(target: Target, value: float) -> bool:
    """Tell whether a stated number (``==``, ``~=``) is more than reached, on the favourable side."""
    return target.operator in ("==", "~=") and meets(target, value) and abs(value - target.value) > max(
        _ROUNDING * abs(target.value), allowance(target)
    )  # fmt: skip


def gap(target: Target, value: float, *, earlier: float = math.nan) -> float:
    """Return what is missing to the stated number, in the target's unit: above 0, 0 when met, NaN without a value or anything to hold it against."""
    wanted = earlier if target.operator in TRENDS else target.value
    if not (math.isfinite(value) and math.isfinite(wanted)):
        return math.nan
    if meets(target, value, earlier=earlier):
        return 0.0
    return max(wanted - value if side(target) == "up" else value - wanted, 0.0)
