"""The figures that ``statistics.toml`` declares: looked up in the city's table of statistics, never computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from spatial.areas import Areas, row_called
from spatial.city import City
from spatial.metrics.registry import Metric, declare, family
from spatial.result import MetricResult
from spatial.statistics import StatisticMetric, left_out_of, statistic_metrics, told
from spatial.text import Text

_NO_TABLE = Text("未提供统计表", "no table of statistics was supplied")
_NO_NUMBER = Text("统计表中没有这一指标", "the table of statistics has no number of it")
_NOT_OVER = Text("统计表只有尚未结束的年份的数值", "the table of statistics has a number only for a year that is not over")
_NOT_COPIED = Text("统计表没有该区的数值（全市数值不下推）", "no number of this area; the city's own is not copied down")
_NOT_SUMMED = Text("统计表没有全市的数值（各区不相加）", "no number of the whole city; those of districts are not summed up")


@family
def statistic_figures(own: Path | None) -> Iterator[Metric]:
    """Make the metrics that ``statistics.toml`` declares.

    Parameters
    ----------
    own
        The project's folder, whose own file adds figures.

    Yields
    ------
    Metric
        One a figure, its series as variants; none of those that only stand beside a metric that is measured.
    """
    for figure in statistic_metrics(own).values():
        if figure.beside:
            continue
        yield declare(
            figure.name,
            _looked_up(figure),
            title=figure.title,
            definition=figure.definition,
            standard=figure.standard,
            unit=figure.unit,
            needs=(),
            variants=figure.series or None,
            halo_m=None,
            source="statistics",
        )


def last_whole_year(day: str) -> int | None:
    """Return the last year that was over on an ISO day: a yearbook's figure speaks for the end of its year; ``None`` for no day."""
    if not day:
        return None
    known = date.fromisoformat(day)
    return known.year if (known.month, known.day) == (12, 31) else known.year - 1


def _looked_up(figure: StatisticMetric) -> Callable[..., MetricResult]:
    def stated(city: City, areas: Areas, *, variant: str) -> MetricResult:
        """Look a figure up: by area the latest year that was over on the day of the city's data.

        Returns
        -------
        MetricResult
            With ``City.statistics``; the row ``city`` has the city's own number, other rows theirs, and the note says year and source.
        """
        if city.statistics is None:
            return MetricResult.without(len(areas), _NO_TABLE)
        frame = city.statistics.frame
        frame = frame[(frame["metric"] == figure.name) & (frame["series"] == variant)]
        newest, listed = last_whole_year(city.date), len(frame)
        if newest is not None:
            frame = frame[frame["year"] <= newest]
        out = left_out_of(city.statistics, figure)
        if frame.empty:
            why = _NOT_OVER if listed else _NO_NUMBER
            return replace(MetricResult.without(len(areas), why), notes=(why, *told(out)))
        value = np.full(len(areas), np.nan)
        proper = areas.is_area
        notes = {row: [_NOT_COPIED if proper[row] else _NOT_SUMMED] for row in range(len(areas))}
        year_of: dict[int, int] = {}
        for entry in frame.sort_values("year", kind="stable").to_dict("records"):
            row = row_called(areas, entry["area"], [city.name])
            if row is not None:
                value[row], year_of[row] = entry["value"], entry["year"]
                said = entry["source"] or city.statistics.source
                notes[row] = [
                    Text(
                        f"{entry['year']} 年" + (f"，来源：{said}" if said else ""),
                        f"{entry['year']}" + (f", source: {said}" if said else ""),
                    )
                ]
        lost = np.array([row_called(areas, name, [city.name]) for name in out["name"]], dtype=object)
        for row in notes:
            notes[row] += told(out[lost == row])
        mixed = [Text("各区年份不同", "the years differ between areas")] if len(set(year_of.values())) > 1 else []
        return MetricResult(value, notes=mixed, row_notes=notes)

    return stated
