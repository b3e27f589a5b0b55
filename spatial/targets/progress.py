"""How far a target has come, how far the straight line says it should have, and when it will be there at this pace."""

from __future__ import annotations

import calendar
import math
from datetime import date

_FURTHEST_DAYS = 73_000  # two centuries: a pace that needs longer says that it does not lead there


def year_end(year: int) -> date:
    """Return the day for which the number of a year speaks."""
    return date(year, 12, 31)


def decimal_year(ordinal: float) -> float:
    """Return a day (of ``date.toordinal``, parts of days allowed) as a year and its part: 2025-07-02 12:00 is 2025.5."""
    year = date.fromordinal(math.floor(ordinal)).year
    return year + (ordinal - date(year, 1, 1).toordinal()) / (366 if calendar.isleap(year) else 365)


def share_of_way(baseline: float, value: float, target: float) -> float:
    """Return the part of the way from the baseline to the target that is done: 0 at the one, 1 at the other, in both directions.

    NaN where either is unknown or nothing was to be moved.
    """
    if not all(math.isfinite(number) for number in (baseline, value, target)) or math.isclose(target, baseline, rel_tol=1e-12):
        return math.nan
    return (value - baseline) / (target - baseline)


def expected_share(start: date, day: date, due: date) -> float:
    """Return the part of the time from ``start`` to ``due`` that is over on a day, 0–1; NaN where there is no time between them."""
    whole = (due - start).days
    return min(max((day - start).days / whole, 0.0), 1.0) if whole > 0 else math.nan


def forecast(start: date, baseline: float, day: date, value: float, target: float) -> float:
    """Return the year, with its part, in which the target is reached if it goes on as from the start until the day.

    Returns
    -------
    float
        On the straight line through (``start``, ``baseline``) and (``day``, ``value``); NaN where nothing moves, where it moves the wrong way, where
        it would take more than two centuries, or where a number is unknown.
    """
    done = share_of_way(baseline, value, target)
    days = (day - start).days
    if not math.isfinite(done) or done <= 0 or days <= 0 or days / done > _FURTHEST_DAYS:
        return math.nan
    return decimal_year(start.toordinal() + days / done)
