"""Values that the records of a ledger give: on any day, by area, with what is still open."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spatial.areas import CITY, row_called
from spatial.ledger.declared import LedgerMetric
from spatial.ledger.ladder import rank
from spatial.ledger.records import Ledger
from spatial.result import Floats
from spatial.targets.model import Target
from spatial.targets.operators import TRENDS, meets
from spatial.targets.progress import year_end
from spatial.targets.reading import Ground, Reading, Unfit, begin_of, both, chosen, conversion, day_note, due_of, names_itself
from spatial.text import Text

if TYPE_CHECKING:
    from spatial.ledger.answer import Answer  # type: ignore[import-not-found, import-untyped, unused-ignore]

_LEDGER = Text("台账", "ledger")
_WHEN = Text(
    "台账只记现状的日期，何时达到所要求的状态不明",
    "the ledger dates only the status that a record has now: when it came to the one that is asked is not known",
)


def ledger_values(target: Target, ground: Ground) -> LedgerValues | Unfit:
    """Find what the ledger says of a target; ``Unfit`` where there is none, the metric is not declared, or the unit does not fit."""
    if ground.city.ledger is None:
        return Unfit("no_data", Text("未提供台账", "no ledger was supplied"))
    from spatial.ledger.declared import ledger_metrics  # type: ignore[attr-defined, unused-ignore]

    folder = ground.city.folder
    declared: dict[str, LedgerMetric] = ground.city.memo(("ledger metrics", folder), lambda: ledger_metrics(folder))
    metric = declared.get(target.measure)
    if metric is None:
        return Unfit("no_data", Text(f"台账指标 {target.measure} 未声明", f"the ledger metric {target.measure} is not declared"))
    factor = conversion(metric.unit, target)
    if factor is None:
        return Unfit(
            "not_comparable", Text(f"单位 {target.unit} 与 {metric.unit} 不可换算", f"{target.unit} and {metric.unit} do not convert")
        )
    begin = begin_of(target, ground.plans.get(target.plan))
    period = "stock" if metric.kind == "remaining" or target.unit == "status" else target.period or metric.period
    if period == "plan" and begin is None:
        return Unfit(
            "no_data",
            Text(
                "增量的起点不明：目标无基期，规划无日期", "where the increment begins is not known: no baseline year, no date of the plan"
            ),
        )
    if target.unit == "status" and target.wanted:  # what is open is what has not come as far as the target asks
        metric = replace(metric, kind="count", quantity="records", required=target.wanted)
    kind, _, name = target.versus.partition(":")
    against = row_called(ground.areas, name, ground.names) if kind == "area" else None
    if target.versus and against is None:
        return Unfit("no_data", Text(f"没有可比对的 {target.versus}", f"there is no {target.versus} to hold it against"))
    if metric.kind == "remaining" or metric.left:
        target = replace(target, falls=True)
    elif period != "stock":  # it begins at 0, whatever the plan calls its baseline
        target = replace(target, falls=target.value == 0)
    return LedgerValues(target, ground, ground.city.ledger, metric, period, begin, factor, against)


class LedgerValues:
    """A metric of the ledger as one target asks for it.

    Parameters
    ----------
    period
        ``year``, ``plan`` or ``stock``.
    begin
        Where the plan begins; ``None`` where nothing tells.
    factor
        From the metric's unit into the target's.
    against
        Row whose value is taken off; ``None`` for nothing.
    """

    def __init__(
        self, target: Target, ground: Ground, ledger: Ledger, metric: LedgerMetric, period: str, begin: date | None, factor: float,
        against: int | None = None,
    ) -> None:  # fmt: skip
        self.target, self.ground, self.ledger, self.metric, self.begin, self.factor = target, ground, ledger, metric, begin, factor
        self.against = against
        self.increment = period != "stock"
        self.yearly = period == "year"
        self.day = min(ground.day, ledger.date)
        last = min(ground.day.year, target.year) - 1
        if begin is not None and begin.year < target.year:  # a plan asks nothing of the years before it
            last = max(last, begin.year)
        self.since = year_end(last) if self.yearly else begin if period == "plan" else None

    def at(self, day: date, since: date | None = None) -> Answer:
        """Ask the ledger as it stood on a day, at most its own."""
        from spatial.ledger.answer import answer
        from spatial.roads.opened_links import proof_of_opening

        as_of, after = min(day, self.ledger.date), self.since if since is None else since
        subtypes, named = chosen(self.target, "subtype"), self.target.id if names_itself(self.target) else ""
        return self.ground.memo(
            ("answer", self.metric.name, self.metric.required, as_of, after, subtypes, named),
            lambda: answer(
                self.ledger,
                self.ground.city,
                self.ground.areas,
                self.metric,
                as_of=as_of,
                since=after,
                subtypes=subtypes,
                target_id=named,
                prove=proof_of_opening,
            ),
        )

    def _values(self, as_of: date, since: date | None = None) -> Floats:
        """Take the number that the target asks for: the step on the ladder, how many of several are there, or the value."""
        found = self.at(as_of, since)
        if self.target.unit == "status":
            return self._ranks(found, as_of)
        several = self.metric.kind == "exists" and self.target.value > 1
        value = np.asarray(found.numerator if several else found.value, dtype=float) * self.factor
        if self.against is not None:
            value = value - value[self.against]
        return value if found.known else np.full(len(value), np.nan)

    def _ranks(self, found: Answer, as_of: date) -> Floats:
        """Return the lowest step by row; a ledger dates only the status that a record has now, but when it was started it says."""
        ranks = np.asarray(found.ranks, dtype=float)
        frame = self.ledger.frame
        mine = frame[frame["id"].isin([*found.counted, *found.open])]
        if len(mine) and all(isinstance(day, date) and day <= as_of for day in mine["start_date"]):
            ranks = np.where(ranks < rank("started"), float(rank("started")), ranks)
        return ranks

    def values(self) -> Floats:
        """Return the value on the day by row."""
        return self._values(self.day)

    def need(self) -> Floats | None:
        """Return what has not come far enough by row, in whatever it is counted in."""
        return np.asarray(self.at(self.day).waiting, dtype=float)

    def open_records(self, row: int) -> pd.DataFrame | None:
        """Return the records that are still open on the day and lie in a row."""
        from spatial.ledger.placing import places_of  # type: ignore[import-not-found, import-untyped, unused-ignore]

        open_now = self.at(self.day).open
        frame = self.ledger.frame
        waiting = self.ground.memo(("waiting", open_now), lambda: frame[frame["id"].isin(open_now)].reset_index(drop=True))
        if self.ground.areas.ids[row] == CITY or waiting.empty:
            return waiting
        places = self.ground.memo(("places", open_now), lambda: places_of(waiting, self.ground.areas))
        return waiting.iloc[np.unique(places.record[places.owner == row])]

    def left_out(self) -> pd.DataFrame | None:
        """Return the records that were read and do not count, each reason with the metric that it is of."""
        out, title = self.at(self.day).left_out, self.metric.title
        return out.assign(reason_zh=f"{title.zh}：" + out["reason_zh"], reason_en=f"{title.en}: " + out["reason_en"])

    def read(self, target: Target, row: int) -> Reading:
        """Read a row on the day and, where that has passed, on the deadline."""
        found, due, day = self.at(self.day), due_of(target), self.ground.day
        value = float(self._values(self.day)[row])
        other_year = self.yearly and self.since is not None and self.since.year + 1 < target.year
        silent = self.since is not None and self.ledger.date <= self.since < day  # it ends before what is asked begins
        value = math.nan if silent else value
        notes = [*day_note(day, self.ledger.date, _LEDGER), *found.notes, *found.row_notes.get(row, [])]
        by_deadline = float(self._values(due)[row]) if day > due else math.nan
        start, baseline = self._baseline(target, row)
        earlier, more = self._earlier(target, row)
        if other_year:
            notes.insert(
                0, Text(f"{target.year} 年尚未开始，此为 {day.year} 年数值", f"{target.year} has not begun: the number is of {day.year}")
            )
        if self.since is not None:
            notes.insert(0, Text(f"{self.since.isoformat()} 之后的增量", f"what was added after {self.since.isoformat()}"))
        elif not math.isfinite(target.baseline) and math.isfinite(baseline) and start:
            notes.append(Text(f"基期值取自台账（{start.isoformat()}）", f"the baseline is the ledger's own of {start.isoformat()}"))
        if target is self.target and (lost := len(self.ledger.left_out)):
            notes.append(
                Text(
                    f"台账读入时有 {lost} 行未采用（类型不限，见“未计入”）",
                    f"{lost} rows of the ledger, of whatever type, could not be used (see left out)",
                )
            )
        if target.unit == "status" and by_deadline < target.value < value:
            notes.append(_WHEN)
        line_due = min(due, year_end(self.since.year + 1)) if self.yearly and self.since else due
        counted = float(found.records[row])
        quality = min(float(found.confirmed[row]) / counted, 1.0) if self.metric.confirm and counted > 0 else 1.0
        known = math.isfinite(value)
        return Reading(
            value, self.day, line_due, by_deadline, self.ledger.date, False, start, baseline, earlier,
            value_status="ok" if known else "no_data", quality=quality if known else math.nan,
            reached=self._reached(target, row, value) if self.ground.areas.ids[row] == CITY or target is self.target else "",
            other_year=other_year, notes=both([*notes, *more]),
        )  # fmt: skip

    def _baseline(self, target: Target, row: int) -> tuple[date | None, float]:
        """Return where the straight line begins: at 0 of an increment, at the stated baseline, else at what the ledger itself says of that day."""
        if self.since is not None:
            return self.since, 0.0
        if math.isfinite(target.baseline):
            return self.begin, target.baseline
        if self.begin is None or self.begin >= self.day:
            return None, math.nan
        return self.begin, float(self._values(self.begin)[row])

    def _earlier(self, target: Target, row: int) -> tuple[float, list[Text]]:
        """Return what a trend is held against: the baseline, the same stretch of the year before, nothing added, or the ledger when the plan began."""
        if target.operator not in TRENDS:
            return math.nan, []
        if math.isfinite(target.baseline):
            return target.baseline, []
        if self.yearly and self.since is not None:
            then = date(self.day.year - 1, self.day.month, min(self.day.day, 28) if self.day.month == 2 else self.day.day)
            told = Text(
                f"与上年同期（至 {then.isoformat()}）比较", f"held against the same stretch of the year before, to {then.isoformat()}"
            )
            return float(self._values(then, year_end(self.since.year - 1))[row]), [told]
        return self._baseline(target, row)[1], []

    def _reached(self, target: Target, row: int, value: float) -> str:
        """Return the day on which the target was met, from the dates of the records; empty where it was met before any of them, or is not."""
        if target.operator in TRENDS or not meets(target, value):
            return ""
        frame = self.ledger.frame
        found = self.at(self.day)
        mine = frame[frame["id"].isin([*found.counted, *found.open])] if self.metric.kind != "remaining" else frame
        days = sorted({day for day in mine["status_date"] if isinstance(day, date) and day <= self.day})
        low, high = 0, len(days)
        while low < high:
            middle = (low + high) // 2
            if meets(target, float(self._values(days[middle])[row])):
                high = middle
            else:
                low = middle + 1
        if low == len(days) or (low == 0 and meets(target, float(self._values(date.fromordinal(days[0].toordinal() - 1))[row]))):
            return ""
        return days[low].isoformat()
