"""Values that a yearbook states: one number an area and year, each speaking for the end of its year."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from spatial.areas import row_called
from spatial.metrics.statistics import last_whole_year
from spatial.result import Floats
from spatial.statistics import StatisticMetric, left_out_of, statistic_metrics, told
from spatial.targets.model import Target
from spatial.targets.operators import TRENDS, meets
from spatial.targets.progress import year_end
from spatial.targets.reading import Ground, Reading, Unfit, begin_of, chosen, conversion, due_of
from spatial.text import Text

Series = Mapping[int, float]


def statistic_values(target: Target, ground: Ground) -> StatisticValues | Unfit:
    """Find the series that a target is held against; ``Unfit`` where there is no table, no such figure, or the unit does not fit."""
    statistics = ground.city.statistics
    if statistics is None:
        return Unfit("no_data", Text("未提供统计表", "no table of statistics was supplied"))
    folder = ground.city.folder
    figure = ground.city.memo(("statistic metrics", folder), lambda: statistic_metrics(folder)).get(target.measure)
    if figure is None:
        return Unfit("no_data", Text(f"统计指标 {target.measure} 未声明", f"the figure {target.measure} is not declared"))
    factor = conversion(figure.unit, target)
    if factor is None:
        return Unfit(
            "not_comparable", Text(f"单位 {target.unit} 与 {figure.unit} 不可换算", f"{target.unit} and {figure.unit} do not convert")
        )
    words = chosen(target, "series")
    slug = figure.series_of(words[0] if words else target.variant)
    if slug is None:
        said = words[0] if words else target.variant
        return Unfit("no_data", Text(f"{figure.name} 没有分项“{said}”", f'{figure.name} has no series "{said}"'))
    if target.period == "plan" and target.value > 0:  # a sum begins at 0, whatever the plan calls its baseline
        target = replace(target, falls=False)
    return StatisticValues(target, ground, figure, slug, factor)


def _versus(target: Target, ground: Ground, slug: str, row: int) -> Series | None:
    """Return the series that is taken off; ``None`` where the target is not relative."""
    kind, _, name = target.versus.partition(":")
    if not target.versus or ground.city.statistics is None:
        return None
    if kind == "metric":
        name, _, series = name.partition("/")
        return _series(ground, name, series)[1].get(row, {})
    named = row_called(ground.areas, name, ground.names)
    known, by_row = _series(ground, target.measure, slug)
    return known.get(name, {}) if named is None else by_row.get(named, {})


def _series(ground: Ground, measure: str, slug: str) -> tuple[dict[str, dict[int, float]], dict[int, dict[int, float]]]:
    """Numbers by year, of each area by the table's own name and by row of the areas."""
    return ground.memo(("series", measure, slug), lambda: _read_series(ground, measure, slug))


def _read_series(ground: Ground, measure: str, slug: str) -> tuple[dict[str, dict[int, float]], dict[int, dict[int, float]]]:
    assert ground.city.statistics is not None
    frame = ground.city.statistics.frame
    frame = frame[(frame["metric"] == measure) & (frame["series"] == slug)]
    by_name: dict[str, dict[int, float]] = {}
    for area, year, value in zip(frame["area"], frame["year"], frame["value"], strict=True):
        by_name.setdefault(str(area), {})[int(year)] = float(value)
    by_row: dict[int, dict[int, float]] = {}
    for name, numbers in by_name.items():
        row = row_called(ground.areas, name, ground.names)
        if row is not None:
            by_row[row] = {**by_row.get(row, {}), **numbers}
    return by_name, by_row


class StatisticValues:
    """One series of a table of statistics, by row of the areas.

    A target of a period ``plan`` is held against the sum of the yearly numbers from the year after its baseline.
    """

    def __init__(self, target: Target, ground: Ground, figure: StatisticMetric, slug: str, factor: float) -> None:
        self.target, self.ground, self.figure, self.slug, self.factor = target, ground, figure, slug, factor
        self.increment = target.period == "plan"
        self.begin = begin_of(target, ground.plans.get(target.plan))
        self.by_row = _series(ground, figure.name, slug)[1]

    def need(self) -> Floats | None:
        """Nothing tells what is left to do."""
        return None

    def open_records(self, row: int) -> pd.DataFrame | None:
        """No records stand behind a statistic."""
        return None

    def left_out(self) -> pd.DataFrame | None:
        """Rows are left out when the table is read."""
        return None

    def values(self) -> Floats:
        """Return the numbers by row on the day."""
        found = np.full(len(self.ground.areas), np.nan)
        for row in self.by_row:
            found[row] = self.read(self.target, row).value
        return found

    def _numbers(self, row: int) -> dict[int, float]:
        """Numbers by year in the target's unit: relative ones of years in which both are known, increments summed from the beginning."""
        numbers = self.by_row.get(row, {})
        less = _versus(self.target, self.ground, self.slug, row)
        if less is not None:
            numbers = {year: value - less[year] for year, value in numbers.items() if year in less}
        numbers = {year: value * self.factor for year, value in numbers.items()}
        if not self.increment or self.begin is None:
            return {} if self.increment else numbers
        summed, year, total = {}, self.begin.year + 1, 0.0
        while year in numbers:
            total += numbers[year]
            summed[year] = total
            year += 1
        return summed

    def read(self, target: Target, row: int) -> Reading:
        """Read a row: the number of the target's year, else of the latest year before; never one of a year that is not over."""
        due, day = due_of(target), self.ground.day
        newest = last_whole_year(day.isoformat()) or 0
        numbers = {year: value for year, value in self._numbers(row).items() if year <= newest}
        notes = self._notes(row)
        if not numbers:
            if self.increment and self.begin is None:
                why = Text(
                    "增量的起点不明：目标无基期，规划无日期",
                    "where the increment begins is not known: no baseline year, no date of the plan",
                )
            elif self.increment and self.by_row.get(row):
                why = Text("缺起始年份的数值，不能累计", "the first year of the sum is missing")
            else:
                why = Text("统计表没有该地区已结束年份的数值", "no number of this area for a year that is over")
            return Reading(math.nan, day, due, value_status="no_data", quality=math.nan, notes=(why, *notes))
        year = target.year if target.year in numbers else max(numbers)
        by_deadline = [known for known in numbers if known <= target.year]
        late = max(numbers)
        shown = year
        if day > due and not self._met(target, numbers, year) and self._met(target, numbers, late) and target.period != "year":
            shown = late  # reached late: the number that shows it
        other = target.period == "year" and shown != target.year
        notes = [Text(f"{shown} 年数值", f"figure of {shown}"), *notes]
        if other:
            notes.append(Text(f"{target.year} 年数值尚无", f"that of {target.year} is not there yet"))
        start, baseline = self._baseline(target, numbers, shown)
        if start is not None and not self.increment and not math.isfinite(target.baseline):
            notes.append(Text(f"基期值取自统计表（{start.year} 年）", f"the baseline is the table's own of {start.year}"))
        return Reading(
            numbers[shown], min(day, year_end(shown)), due, numbers[max(by_deadline)] if by_deadline else math.nan, year_end(max(numbers)), False,
            start, baseline, self._earlier(target, numbers, shown), reached=self._reached(target, numbers, shown), other_year=other,
            notes=tuple(notes),
        )  # fmt: skip

    def _notes(self, row: int) -> list[Text]:
        """Tell the period of a sum, and rows of this figure and area that could not be read."""
        statistics = self.ground.city.statistics
        assert statistics is not None
        notes = []
        if self.increment and self.begin is not None:
            first = self.begin.year + 1
            notes.append(Text(f"自 {first} 年起各年之和", f"sum of the years from {first}"))
        out = left_out_of(statistics, self.figure)
        mine = [row_called(self.ground.areas, name, self.ground.names) == row for name in out["name"]]
        return notes + told(out[np.array(mine, dtype=bool)])

    def _met(self, target: Target, numbers: Series, year: int) -> bool:
        return meets(target, numbers[year], earlier=self._earlier(target, numbers, year))

    def _earlier(self, target: Target, numbers: Series, year: int) -> float:
        """Return what a trend is held against: the baseline, its year's number, else the number before."""
        if math.isfinite(target.baseline):
            return target.baseline
        if target.baseline_year is not None and target.baseline_year < year and target.baseline_year in numbers:
            return numbers[target.baseline_year]
        before = [known for known in numbers if known < year]
        return numbers[max(before)] if before else math.nan

    def _baseline(self, target: Target, numbers: Series, year: int) -> tuple[date | None, float]:
        """Return where the straight line begins: at the baseline, at 0 of an increment, else at the series' own number of that year or the nearest one before."""
        if self.increment:
            return self.begin, 0.0
        if math.isfinite(target.baseline):
            return self.begin, target.baseline
        before = [known for known in numbers if known < min(year, target.year)]
        if not before or target.operator in TRENDS:
            return None, math.nan
        from_begin = [known for known in before if self.begin is not None and known <= self.begin.year]
        first = max(from_begin) if from_begin else min(before)
        return year_end(first), numbers[first]

    def _reached(self, target: Target, numbers: Series, year: int) -> str:
        """Return the first year from which the target was met without a break."""
        if not self._met(target, numbers, year) or target.operator in TRENDS:
            return ""
        known = sorted(known for known in numbers if known <= year)
        first = year
        for earlier in reversed(known):
            if not self._met(target, numbers, earlier):
                break
            first = earlier
        return str(first)
