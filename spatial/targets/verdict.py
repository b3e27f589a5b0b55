"""How a target stands: its status on a day, its progress against the straight line, what is missing, and when it will be there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from spatial.targets.model import Target
from spatial.targets.operators import TRENDS, beyond, gap, meets, side
from spatial.targets.progress import expected_share, forecast, share_of_way
from spatial.targets.reading import Reading, due_of
from spatial.text import Text

_AS_FAR = 1e-9  # progress is a quotient of sums
_BEYOND = Text("超过所列数值", "beyond the stated number")
_EXACTLY = Text("恰为所列数值，而要求超过它", "exactly the stated number, and more than that is asked")
_BAND = Text("目标在数值区间之内，结论不确定", "the target lies within the band of the value: the answer is not certain")
_NOT_PROVED = Text("数据晚于到期日，按期达到未得证实", "the data are of after the deadline: that it was reached in time is not proved")
_NO_LINE = Text("数值已知、基期值未知，无法画出进度线", "the value is known and the baseline is not: no line can be drawn")
_HAD = Text("基期已优于目标，此后变差", "the baseline was beyond the target, and it has become worse since")
_NO_EARLIER = Text("趋势须有两个时点的数值", "a trend needs two dated values")
_LAST_YEAR = Text("以上一有数年份暂作比较", "the latest figure that is there is held against it for the time being")
_LOST = Text("到期时已达到，此后又低于目标", "met on the deadline, no longer since")


@dataclass(frozen=True)
class Verdict:
    """Columns of the table of targets that follow from a reading."""

    status: str
    value: float
    progress: float = math.nan
    expected: float = math.nan
    gap: float = math.nan
    forecast_year: float = math.nan
    reached: str = ""
    notes: tuple[Text, ...] = ()


def verdict(target: Target, reading: Reading, day: date, *, increment: bool = False) -> Verdict:
    """Judge one target in one area.

    Parameters
    ----------
    target
        What was promised.
    reading
        What is known.
    day
        The day of the judgement: on the deadline itself there still is time.
    increment
        Whether what comes after the deadline adds to the value without belonging to it.

    Returns
    -------
    Verdict
        ``no_data`` where the value, or what it must be held against, is not known.
    """
    value, earlier = reading.value, reading.earlier
    if not math.isfinite(value) or reading.value_status in ("no_data", "partial"):
        return Verdict("no_data", value)
    if target.operator in TRENDS and not math.isfinite(earlier):
        return Verdict("no_data", value, notes=(_NO_EARLIER,))
    met = meets(target, value, earlier=earlier)
    notes: list[Text] = []
    if day <= due_of(target):
        status = _before(target, reading, met, notes, increment=increment)
    else:
        status = _after(target, reading, met, notes)
        if status == "met" and increment and math.isfinite(reading.by_deadline):
            value = reading.by_deadline
    done = status in ("met", "met_late") or (met and reading.other_year)
    if beyond(target, value):
        notes.append(_BEYOND)
    if not met and value == target.value:
        notes.append(_EXACTLY)
    if _band_holds(target, reading):
        notes.append(_BAND)
    return Verdict(
        status, value, _progress(target, reading, value), _expected(target, reading), 0.0 if done else gap(target, value, earlier=earlier),
        math.nan if done or met else _forecast(target, reading), reading.reached if done and not (reading.other_year and status == "on_track") else "", tuple(notes),
    )  # fmt: skip


def _before(target: Target, reading: Reading, met: bool, notes: list[Text], *, increment: bool) -> str:
    """Status while there is time."""
    if reading.other_year:
        notes.append(_LAST_YEAR)
        if met or not reading.due < due_of(target):  # a year that is under way has a line of its own
            return "on_track" if met else "behind"
    if target.operator in TRENDS or (
        increment and side(target) == "down"
    ):  # a direction or a limit is kept to until the end, never reached before
        return "on_track" if met else "behind"
    if met:
        return "met"
    if _had_been_there(target, reading):
        notes.append(_HAD)
        return "behind"
    done, expected = share_of_way(reading.baseline, reading.value, target.value), _expected(target, reading)
    if math.isfinite(done) and math.isfinite(expected):
        return "on_track" if done >= expected - _AS_FAR else "behind"
    if math.isfinite(reading.baseline) and math.isclose(
        reading.baseline, target.value, rel_tol=1e-12
    ):  # nothing was to be moved, and it has moved away
        return "behind"
    notes.append(_NO_LINE)
    return "no_data"


def _after(target: Target, reading: Reading, met: bool, notes: list[Text]) -> str:
    """Status when the time is over."""
    due = due_of(target)
    if reading.younger:
        if met:
            notes.append(_NOT_PROVED)
        return "met" if met else "not_met"
    if reading.known_until is not None and reading.known_until < due and not met:
        until = reading.known_until.isoformat()
        notes.append(Text(f"数据止于 {until}，到期时的情况未知", f"the data end on {until}: how it stood on the deadline is not known"))
        return "no_data"
    if reading.other_year:
        return "no_data"
    by_deadline = meets(target, reading.by_deadline, earlier=reading.earlier)
    if by_deadline and not met:
        notes.append(_LOST)
    if by_deadline:
        return "met"
    return "met_late" if met else "not_met"


def _had_been_there(target: Target, reading: Reading) -> bool:
    """Tell whether the baseline lies beyond the target: to come nearer to it from there is no progress."""
    return reading.baseline > target.value if side(target) == "up" else reading.baseline < target.value


def _progress(target: Target, reading: Reading, value: float) -> float:
    if target.operator in TRENDS or _had_been_there(target, reading):
        return math.nan
    done = share_of_way(reading.baseline, value, target.value)
    if math.isfinite(done) or math.isfinite(reading.baseline):
        return done
    # Without a baseline the share of the target is all that can be said, and only of what is to grow.
    return value / target.value if target.value > 0 and target.operator not in ("<=", "<") else math.nan


def _expected(target: Target, reading: Reading) -> float:
    if target.operator in TRENDS or reading.start is None or not math.isfinite(reading.baseline):
        return math.nan
    return expected_share(reading.start, reading.speaks, reading.due)


def _forecast(target: Target, reading: Reading) -> float:
    if (
        target.operator in (*TRENDS, "exists")
        or target.unit in ("status", "boolean")
        or reading.start is None
        or _had_been_there(target, reading)
    ):
        return math.nan
    return forecast(reading.start, reading.baseline, reading.speaks, reading.value, target.value)


def _band_holds(target: Target, reading: Reading) -> bool:
    """Tell whether one end of the band meets the target and the other does not."""
    low, high = reading.low, reading.high
    return math.isfinite(low) and math.isfinite(high) and meets(target, low) != meets(target, high)
