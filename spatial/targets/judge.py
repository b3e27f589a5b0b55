"""Every target of the plans held against what is known on a day: one row for its area, and indicative rows for the city's areas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import shapely

from spatial.areas import CITY, RESERVED, row_called
from spatial.city import City
from spatial.ledger.records import LEFT_OUT
from spatial.metrics.people import residents
from spatial.result import Floats, Results
from spatial.targets.layer_values import WHOLE as NO_SCOPE
from spatial.targets.layer_values import layer_values
from spatial.targets.ledger_values import ledger_values
from spatial.targets.model import TARGET_TABLE, Plan, Target
from spatial.targets.operators import TRENDS, side
from spatial.targets.reading import Ground, Measure, Reading, Unfit, both, due_of, scope_title
from spatial.targets.split import ADDITIVE, Shares, shares_of
from spatial.targets.statistic_values import statistic_values
from spatial.targets.together import members, together
from spatial.targets.verdict import Verdict, verdict
from spatial.text import Text, joined

MOST_AREAS = 300
"""A plan is carried by districts or communities: shares of the cells of a grid would say nothing."""
_SAME = Text("示意：各区与全市同一目标", "indicative: the same target as the city's")
_OVERLAP = Text("各区有重叠", "the areas overlap")
_AWAITED = Text("尚无对应指标", "there is no metric of it yet")
_NUMBERS = ("target", "baseline", "value", "low", "high", "quality", "progress", "expected", "gap", "forecast_year")


@dataclass(frozen=True, eq=False)
class Judgement:
    """What came of holding targets against what is known.

    Attributes
    ----------
    table
        Columns ``TARGET_TABLE``.
    left_out
        Columns ``LEFT_OUT``: records that were read and do not count for the measure of a target, which the reason names; each once.
    """

    table: pd.DataFrame
    left_out: pd.DataFrame


def judge(
    targets: Iterable[Target], plans: Mapping[str, Plan], city: City, results: Results | None, *, day: date, area: str = ""
) -> pd.DataFrame:
    """Hold every target against what is known on a day: the table of ``judgement``, which see for the arguments."""
    return judgement(targets, plans, city, results, day=day, area=area).table


def judgement(
    targets: Iterable[Target], plans: Mapping[str, Plan], city: City, results: Results | None, *, day: date, area: str = ""
) -> Judgement:
    """Hold every target against what is known on a day.

    Parameters
    ----------
    targets
        From ``read_plans``, after ``decided``.
    plans
        By name.
    city
        Its ledger and its statistics.
    results
        Measured metrics that targets are bound to, and the areas to report by; ``None`` where nothing was measured (then by districts).
    day
        The day of the judgement.
    area
        What plans call the city, beside its name.

    Returns
    -------
    Judgement
        ``table``: in the order of the targets the row of the target's own area, then, of a target of the city, its areas with our indicative share
        (of at most ``MOST_AREAS``). A target that cannot be held against anything has a row that says why.
        ``left_out``: records of the ledger that do not count for a target's measure.
    """
    areas = results.areas if results is not None else city.areas()
    ground = Ground(city, areas, results, plans, day, tuple(name for name in (city.name, area) if name))
    lost: list[pd.DataFrame] = []
    targets = list(targets)
    by_target = [_rows(target, ground, lost) for target in targets]
    judged = {target.id: (target, found[0]) for target, found in zip(targets, by_target, strict=True) if target.kind != "targets"}
    for target, found in zip(targets, by_target, strict=True):
        if target.kind == "targets" and not target.standing:
            found[:] = [_made_of(target, ground, judged)]
    rows = [row for found in by_target for row in found]
    table = pd.DataFrame(rows, columns=list(TARGET_TABLE))
    for name in _NUMBERS:
        table[name] = table[name].astype(float)
    none = pd.DataFrame(columns=list(LEFT_OUT), dtype=object)
    left_out = pd.concat(lost, ignore_index=True).drop_duplicates(ignore_index=True) if lost else none
    return Judgement(table.astype({"baseline_year": "Int64", "year": "Int64", "indicative": bool}), left_out)


def _rows(target: Target, ground: Ground, lost: list[pd.DataFrame]) -> list[dict[str, Any]]:
    plan = ground.plans.get(target.plan)
    label = target.area or (plan.area if plan else "")
    row = row_called(ground.areas, label, ground.names)
    if target.standing:
        to = f"：{target.successor}" if target.successor else ""
        told = [Text(f"见后续目标{to}", f"see its successor: {target.successor}")] if to else []
        return [_row(target, ground, row, label, Verdict(target.standing, math.nan), None, told)]
    if target.kind == "targets":  # judged when all others are
        return [_row(target, ground, row, label, Verdict("no_data", math.nan), None, [])]
    if target.kind == "awaited":
        return [_row(target, ground, row, label, Verdict("not_measurable", math.nan), None, [_AWAITED])]
    if row is None:
        why = Text(f"“{label}”不是本市，也不是其中一区", f'"{label}" is neither this city nor one of its areas')
        return [_row(target, ground, row, label, Verdict("not_comparable", math.nan), None, [why])]
    measure = _measure(target, ground)
    if isinstance(measure, Unfit):
        return [_row(target, ground, row, label, Verdict(measure.status, math.nan), None, [measure.why])]
    if (left_out := measure.left_out()) is not None and len(left_out):
        lost.append(left_out)
    target, scoped = measure.target, _scope_note(target)
    rows = [_judged(target, ground, row, measure, scoped)]
    if ground.areas.ids[row] == CITY:
        rows += _by_area(target, ground, measure, scoped)
    return rows


def _made_of(target: Target, ground: Ground, judged: Mapping[str, tuple[Target, dict[str, Any]]]) -> dict[str, Any]:
    """Row of a target that others of its plan make together."""
    plan = ground.plans.get(target.plan)
    label = target.area or (plan.area if plan else "")
    parts = {name: part for name, part in judged.items() if part[0].plan == target.plan}
    found, told = together(target, parts, over=ground.day > due_of(target))
    made = _row(target, ground, row_called(ground.areas, label, ground.names), label, found, None, told)
    quality = [part[1]["quality"] for name, part in parts.items() if name in members(target)]
    if math.isfinite(found.value):
        estimated = any(part[1]["value_status"] == "estimated" for name, part in parts.items() if name in members(target))
        made |= {"value_status": "estimated" if estimated else "ok", "quality": min(quality)}
    return made


def _measure(target: Target, ground: Ground) -> Measure | Unfit:
    if target.kind == "ledger":
        return ledger_values(target, ground)
    if target.kind == "statistic":
        return statistic_values(target, ground)
    return layer_values(target, ground)


def _scope_note(target: Target) -> list[Text]:
    """Tell the scope of a target that records or a yearbook answer: they carry none of their own that could be compared."""
    if target.kind == "metric" or target.scope in NO_SCOPE:
        return []
    named = scope_title(target.scope)
    return [Text(f"目标范围为{named.zh}，台账与统计不注明范围", f"the target is for {named.en}, and records and statistics state no scope")]


def _judged(
    target: Target, ground: Ground, row: int, measure: Measure, notes: Sequence[Text], *, indicative: bool = False
) -> dict[str, Any]:
    reading = measure.read(target, row)
    found = verdict(target, reading, ground.day, increment=measure.increment)
    said = [*notes, *reading.notes, *found.notes]
    label = str(ground.areas.names[row])
    return _row(target, ground, row, label, found, reading, said, measure.open_records(row), indicative=indicative)


def _row(
    target: Target, ground: Ground, row: int | None, label: str, found: Verdict, reading: Reading | None, notes: Sequence[Text],
    records: pd.DataFrame | None = None, *, indicative: bool = False,
) -> dict[str, Any]:  # fmt: skip
    plan = ground.plans.get(target.plan)
    identity = "" if row is None else str(ground.areas.ids[row])
    started = reading.start.year if reading is not None and reading.start is not None else None
    authority = plan.authority if plan else Text("", "")
    return {
        "target_id": target.id, "plan": target.plan, "clause": target.clause, "title_zh": target.title.zh, "title_en": target.title.en,
        "theme": target.theme, "area_id": identity, "area_name": label if identity != CITY else ground.city.name or RESERVED[CITY].zh,
        "level": target.level, "strength": target.strength, "measure": target.measure, "variant": target.variant,
        "operator": target.operator, "target": target.value, "wanted": target.wanted, "unit": target.unit,
        "baseline": target.baseline if reading is None else reading.baseline,
        "baseline_year": target.baseline_year if target.baseline_year is not None and not indicative else started,
        "year": target.year, "value": found.value, "low": reading.low if reading else math.nan, "high": reading.high if reading else math.nan,
        "value_status": reading.value_status if reading else "no_data", "quality": reading.quality if reading else math.nan,
        "progress": found.progress, "expected": found.expected, "status": found.status, "gap": found.gap, "reached": found.reached,
        "forecast_year": found.forecast_year, "indicative": indicative, "lead_unit": target.lead_unit or _units(records, "lead_unit"),
        "assisting_unit": _units(records, "assisting_unit"), "projects": ";".join([] if records is None else sorted(records["id"].astype(str))),
        "standing": plan.standing if plan else "", "authority_zh": authority.zh, "authority_en": authority.en,
        "note_zh": joined(both(notes), "zh"), "note_en": joined(both(notes), "en"),
    }  # fmt: skip


def _units(records: pd.DataFrame | None, column: str) -> str:
    """Name the units of the open records, each once, whatever the order of the ledger."""
    if records is None:
        return ""
    return "；".join(sorted({str(unit) for unit in records[column] if unit}))


def _by_area(target: Target, ground: Ground, measure: Measure, notes: Sequence[Text]) -> list[dict[str, Any]]:
    """Rows of the city's areas with our share of its target; none where nothing is known of any of them, or the thing is one and whole.

    Kilometres of a network that layers measure are one thing: shared out by land or residents they would promise every county its metro.
    """
    areas = ground.areas
    proper = np.flatnonzero(areas.is_area)
    values = measure.values()
    if (
        len(proper) > MOST_AREAS
        or target.operator == "exists"
        or target.unit in ("status", "boolean")
        or target.versus
        or not np.isfinite(values[proper]).any()
        or (target.kind == "metric" and target.unit == "km" and target.operator not in TRENDS)
    ):
        return []
    told = [*notes, *([_OVERLAP] if areas.overlap_m2 > 1.0 else [])]
    # The city's baseline is not that of an area, but the way that it goes is.
    own = replace(target, baseline=math.nan, falls=side(target) == "down")
    shares = _shares(target, ground, measure, values, proper)
    rows = []
    for number, row in enumerate(proper):
        mine = own if shares is None else replace(own, value=float(shares.parts[number]))
        rows.append(_judged(mine, ground, int(row), measure, [shares.basis if shares else _SAME, *told], indicative=True))
    return rows


def _shares(target: Target, ground: Ground, measure: Measure, values: Floats, proper: Any) -> Shares | None:
    """Share out what adds up; ``None`` for trends, shares and rates, which every area has in full."""
    if target.operator in TRENDS or target.unit not in ADDITIVE or not target.value >= 0:
        return None
    need = measure.need()
    people = ground.memo("people", lambda: _people(ground))
    land = shapely.area(ground.areas.whole[proper])
    return shares_of(
        target.value, unit=target.unit, upward=side(target) == "up", done=values[proper], need=None if need is None else need[proper],
        people=None if people is None else people[proper], land_m2=land,
    )  # fmt: skip


def _people(ground: Ground) -> Floats | None:
    """Residents by row of the areas: as measured, else from the layer; ``None`` where it was not supplied."""
    results = ground.results
    if results is not None and "population" in results.metrics:
        rows = results.rows[results.rows["metric"] == "population"].drop_duplicates("area_id").set_index("area_id")
        whole = rows["status"].isin(["ok", "estimated"])
        return np.asarray(rows["value"].where(whole).reindex(ground.areas.ids), dtype=float)
    if ground.city.layer("population").missing:
        return None
    return residents(ground.city, ground.areas)
