"""What is known of a target in one area on a day: the value, what it is held against, and to which day it speaks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, TypeVar

import pandas as pd

from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.registry import SCOPES as METRIC_SCOPES
from spatial.result import Floats, Results
from spatial.targets.model import Plan, Target
from spatial.targets.progress import year_end
from spatial.text import Text
from spatial.unit_words import factor_between

T = TypeVar("T")
SCOPES = {
    **METRIC_SCOPES,
    "metro_area": Text("都市圈", "the metropolitan area"),
    "urban_area": Text("城区", "the urban area"),
    "main_urban_area": Text("主城区", "the main urban area"),
    "municipal_districts": Text("市辖区", "the municipal districts"),
    "growth_boundary": Text("城镇开发边界", "the urban growth boundary"),
    "inside_third_ring": Text("三环以内", "the area inside the third ring"),
}
"""What plans and metrics may be about, as people call it."""


def scope_title(scope: str) -> Text:
    """Return what people call a scope; a word that is not known is shown as it is written."""
    return SCOPES.get(scope, Text(scope, scope))


@dataclass(frozen=True, eq=False)
class Ground:
    """What targets are held against.

    Attributes
    ----------
    day
        The day of the judgement.
    names
        What plans call the whole city.
    known
        Answers that several targets ask for, kept for this judgement.
    """

    city: City
    areas: Areas
    results: Results | None
    plans: Mapping[str, Plan]
    day: date
    names: tuple[str, ...]
    known: dict[Any, Any] = field(default_factory=dict)

    def memo(self, key: Any, build: Callable[[], T]) -> T:
        """Return what was found once in this judgement."""
        if key not in self.known:
            self.known[key] = build()
        found: T = self.known[key]
        return found


@dataclass(frozen=True)
class Reading:
    """One target in one area.

    Attributes
    ----------
    value
        On the day, in the target's unit; NaN where there is none.
    by_deadline
        What it was on the deadline, where the day lies after it; NaN where nobody knows.
    known_until
        The day to which the data speak; ``None`` where nothing tells.
    younger
        Whether the data are of after the deadline and cannot say what was before (a map has one date).
    speaks
        The day at which progress is held against the straight line.
    due
        The end of that line.
    start, baseline
        Its beginning; ``None`` and NaN where there is none.
    earlier
        What a trend is held against.
    low, high
        Band of the value.
    value_status
        As in the table of results.
    quality
        Share of the value that was measured or confirmed.
    reached
        ISO day or year on which the target was reached.
    other_year
        Whether the number is of another year than a target of one year asks for.
    notes
        What a reader must know.
    """

    value: float
    speaks: date
    due: date
    by_deadline: float = math.nan
    known_until: date | None = None
    younger: bool = False
    start: date | None = None
    baseline: float = math.nan
    earlier: float = math.nan
    low: float = math.nan
    high: float = math.nan
    value_status: str = "ok"
    quality: float = 1.0
    reached: str = ""
    other_year: bool = False
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Unfit:
    """Why a target cannot be held against anything: ``not_comparable`` or ``no_data``, and the reason."""

    status: str
    why: Text


class Measure(Protocol):
    """What a target is bound to: a metric of the results, the ledger, or statistics."""

    target: Target
    increment: bool

    def read(self, target: Target, row: int) -> Reading:
        """Read the target in one row of the areas."""
        ...

    def values(self) -> Floats:
        """Return what is known by row of the areas, in the target's unit, NaN where nothing is."""
        ...

    def need(self) -> Floats | None:
        """Return what is left to do by row of the areas; ``None`` where nothing tells."""
        ...

    def open_records(self, row: int) -> pd.DataFrame | None:
        """Return the records of the ledger that are still open in a row, with ``id``, ``lead_unit`` and ``assisting_unit``."""
        ...

    def left_out(self) -> pd.DataFrame | None:
        """Return the records that do not count on the day, columns ``LEFT_OUT``."""
        ...


def conversion(code: str, target: Target) -> float | None:
    """Return the factor from a measure's unit into the target's; ``None`` where the one says nothing of the other."""
    if target.unit in ("boolean", "status", code):
        return 1.0
    factor = factor_between(code, target.unit)
    if factor is None and (back := factor_between(target.unit, code)):
        factor = 1.0 / back
    return factor


def due_of(target: Target) -> date:
    """Return the last day of a target."""
    return target.due or year_end(target.year)


def begin_of(target: Target, plan: Plan | None) -> date | None:
    """Return the day from which a target counts: the end of its baseline's year, else of the year before the plan was issued."""
    if target.baseline_year is not None:
        return year_end(target.baseline_year)
    issued = plan.issued[:4] if plan else ""
    return year_end(int(issued) - 1) if issued.isdigit() and len(issued) == 4 else None


def chosen(target: Target, key: str) -> tuple[str, ...]:
    """Return what ``select`` says after ``key:``; several stand between semicolons."""
    parts = [part.strip() for part in target.select.split(";")]
    return tuple(part.removeprefix(f"{key}:").strip() for part in parts if part.startswith(f"{key}:"))


def names_itself(target: Target) -> bool:
    """Tell whether only records count that name this target."""
    return "target" in [part.strip() for part in target.select.split(";")]


def day_note(day: date, said: date, what: Text) -> list[Text]:
    """Tell where data end before the day."""
    if said >= day:
        return []
    return [Text(f"{what.zh}截至 {said.isoformat()}", f"the {what.en} ends on {said.isoformat()}")]


def both(notes: Sequence[Text]) -> tuple[Text, ...]:
    """Keep each note once, in the order given."""
    return tuple(dict.fromkeys(notes))
