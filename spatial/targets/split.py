"""A city's target shared out among its areas: indicative, since no plan says who carries how much, and adding up exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatial.text import Text

Floats = npt.NDArray[np.float64]
ADDITIVE = (
    "count", "m", "km", "m2", "ha", "km2", "m3", "t", "t/d", "persons", "households", "dwellings", "places", "CNY", "MW", "PFLOPS",
)  # fmt: skip
"""Units whose numbers of areas add up to the city's."""
WHOLE = ("count", "persons", "households", "dwellings", "places")
"""Units of which there is no half."""

BY_WHAT_IS_LEFT = Text(
    "示意分解：已完成的留在各区，余下的按未完成任务分摊",
    "indicative split: what is done stays with its area, what is missing is split by what each has left to do",
)
BY_WHAT_IS_DONE = Text("示意分解：全市已达到，按各区已完成的分摊", "indicative split: the city is there, so by what each area has done")
BY_NEED = Text("示意分解：按各区剩余任务分摊", "indicative split: by what each area has left")
BY_PEOPLE = Text("示意分解：按常住人口分摊", "indicative split: by residents")
BY_LAND = Text("示意分解：按土地面积分摊", "indicative split: by land")


def split(total: float, weights: Floats, *, whole: bool) -> Floats:
    """Share a number out by weights.

    Parameters
    ----------
    total
        What is to be shared, at least 0.
    weights
        At least 0, shape (n,), one of them above 0.
    whole
        Give whole numbers where ``total`` is one: what rounding down leaves goes to the largest remainders, of equal ones to the first.

    Returns
    -------
    numpy.ndarray
        Shape (n,), at least 0; adds up to ``total`` (``math.fsum``).

    Raises
    ------
    ValueError
        The total or a weight is below 0 or no number, or every weight is 0.
    """
    weights = np.asarray(weights, dtype=float)
    if not (math.isfinite(total) and total >= 0 and np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError("a split needs a total of at least 0 and weights of at least 0, one of them above 0")
    shares = weights / weights.max()  # first, so that sums of very large or small weights neither overflow nor vanish
    parts = total * (shares / math.fsum(shares))
    unit = 1.0 if whole and total == math.floor(total) and total < 2**53 else _unit(total)
    down = np.floor(parts / unit + 1e-9)
    left = round(total / unit - math.fsum(down)) if unit == 1.0 else 0
    if unit == 1.0:
        order = np.argsort(-(parts - down), kind="stable")
        down[order[: max(left, 0)]] += 1
        return down
    given = down * unit
    largest = int(np.argmax(weights))
    others = math.fsum(np.delete(given, largest))
    given[largest] = total - others
    return given


def _unit(total: float) -> float:
    """Return a step so small that nobody misses it: a thousandth, or less for a small total."""
    return 10.0 ** max(min(-3, math.floor(math.log10(total)) - 3), -300) if total > 0 else 1e-3


@dataclass(frozen=True, eq=False)
class Shares:
    """What each area carries of a city's target.

    Attributes
    ----------
    parts
        Shape (n,), adding up to the target.
    basis
        What it was shared out by.
    """

    parts: Floats
    basis: Text


def shares_of(
    total: float, *, unit: str, upward: bool, done: Floats, need: Floats | None, people: Floats | None, land_m2: Floats
) -> Shares:
    """Share a city's target out among its areas: by need, else by population, else by land.

    Parameters
    ----------
    total
        The city's target, at least 0.
    unit
        Whole numbers for those of ``WHOLE``.
    upward
        Whether more is better. Then what an area has done stays with it, and what is missing goes where most is left to do; of a number that is to
        fall each area keeps its share of what is left.
    done
        Value by area; NaN for nothing known.
    need
        What is left to do by area; ``None`` where nothing tells.
    people
        Residents by area; ``None`` or NaN where they are not known.
    land_m2
        Ground by area.
    """
    whole = unit in WHOLE
    if need is not None and np.isfinite(need).all() and (need > 0).any():
        if not upward:
            return Shares(split(total, need, whole=whole), BY_NEED)
        have = np.where(np.isfinite(done) & (done > 0), done, 0.0)
        if (left := total - math.fsum(have)) > 0:
            return Shares(_closed(have + split(left, need, whole=whole), total, need), BY_WHAT_IS_LEFT)
        if have.any():
            return Shares(split(total, have, whole=whole), BY_WHAT_IS_DONE)
    if people is not None and np.isfinite(people).all() and (people > 0).any():
        return Shares(split(total, people, whole=whole), BY_PEOPLE)
    return Shares(split(total, land_m2, whole=whole), BY_LAND)


def _closed(parts: Floats, total: float, weights: Floats) -> Floats:
    """Give the last rounding to the largest, so that the parts add up to the last digit."""
    largest = int(np.argmax(weights))
    closed = parts.copy()
    closed[largest] = total - math.fsum(np.delete(parts, largest))
    return closed
