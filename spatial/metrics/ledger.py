"""Metrics that a ledger answers, each declared by one TOML in ``data/ledger``: no code for any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

import numpy as np

from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.ledger.amounts import base_of
from spatial.ledger.answer import Answer, answer
from spatial.ledger.declared import LedgerMetric, ledger_metrics
from spatial.metrics.registry import Metric, declare, family
from spatial.result import MetricResult
from spatial.roads.opened_links import proof_of_opening
from spatial.text import Text

YEAR, TOTAL = "year", "total"
_TITLES = {YEAR: Text("当年", "in the year"), TOTAL: Text("累计", "in all")}
_NO_LEDGER = Text("未提供台账", "no ledger was supplied")


@family
def ledger_answers(own: Path | None) -> Iterator[Metric]:
    """Make the metrics that ``data/ledger`` declares.

    Parameters
    ----------
    own
        The project's folder, whose own declarations add metrics and override shipped ones.

    Yields
    ------
    Metric
        One a declaration; increments have the variants ``year`` (reached in the year of the ledger's date) and ``total`` (reached by it).
    """
    for declared in ledger_metrics(own).values():
        yield declare(
            declared.name,
            _answered(declared),
            title=declared.title,
            definition=declared.definition,
            standard=declared.standard,
            unit=declared.unit,
            needs=(),
            variants=variants_of(declared),
            halo_m=None,
            bases=_bases(declared),
            source="ledger",
        )


def variants_of(metric: LedgerMetric) -> Mapping[str, Text] | None:
    """Return the variants of a metric: of an increment the year and the total, its own period first; a stock has none."""
    if metric.period == "stock":
        return None
    order = (YEAR, TOTAL) if metric.period == "year" else (TOTAL, YEAR)
    return {name: _TITLES[name] for name in order}


def start_of_year(day: date) -> date:
    """Return the last day of the year before: what comes after it, up to the day, came in the day's year."""
    return date(day.year - 1, 12, 31)


def _bases(metric: LedgerMetric) -> tuple[str, str]:
    if metric.kind == "exists":
        return "count", "count" if metric.each else ""
    if metric.unit == "1":
        base = {"length": "m", "area": "m2"}.get(metric.quantity, "count")
        return base, base
    return base_of(metric.unit), ""


def _answered(metric: LedgerMetric) -> Callable[..., MetricResult]:
    def recorded(city: City, areas: Areas, *, variant: str) -> MetricResult:
        """Answer from the records of the city's ledger, on the ledger's own day.

        Returns
        -------
        MetricResult
            Without a value where the ledger has no record of the type; notes say what was left out and why, what no area has, and what the map confirms.
        """
        if city.ledger is None:
            return MetricResult.without(len(areas), _NO_LEDGER)
        as_of = city.ledger.date
        since = start_of_year(as_of) if variant == YEAR else None
        given = answer(city.ledger, city, areas, metric, as_of=as_of, since=since, prove=proof_of_opening)
        if not given.known:
            return MetricResult.without(len(areas), given.notes[0])
        told = [Text(f"台账截至 {as_of}", f"ledger as of {as_of}")]
        rows = {row: list(notes) for row, notes in given.row_notes.items()}
        for row in np.flatnonzero(areas.ids == CITY):
            rows[int(row)] = [*given.notes, *rows.get(int(row), [])]
        return MetricResult(
            given.value, given.numerator, None if np.isnan(given.denominator).all() else given.denominator, quality=_quality(given, metric),
            notes=told, row_notes=rows, absent=bool(np.isnan(given.value).all()),
        )  # fmt: skip

    return recorded


def _quality(given: Answer, metric: LedgerMetric) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
    """Share of the records that count which the map confirms; all where nothing is declared to confirm by."""
    if not metric.confirm:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(given.records > 0, given.confirmed / given.records, 1.0)
