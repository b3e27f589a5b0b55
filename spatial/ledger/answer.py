"""What a ledger answers to a declared metric on a day: the number by area, the records behind it, and what was left out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from spatial.areas import CITY, Areas
from spatial.errors import shown
from spatial.ledger.amounts import Amounts, amounts_of, base_of
from spatial.ledger.confirm import Layers, Proof, Prove, confirmed
from spatial.ledger.declared import LedgerMetric, Select
from spatial.ledger.ground import Ground, ground_of
from spatial.ledger.placing import Places, places_of
from spatial.ledger.records import LEFT_OUT, Ledger, Why, left_out_of
from spatial.ledger.selection import Stage, duplicates, naming, selected, stage_of
from spatial.ledger.values import plain_of
from spatial.text import Text
from spatial.unit_words import factor_between

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
NO_RECORD = Text("台账中没有该类型的记录", "the ledger has no record of this type")


@dataclass(frozen=True, eq=False)
class Answer:
    """One metric of a ledger for all rows of an ``Areas``.

    Attributes
    ----------
    value
        Shape (n,), in the metric's unit; NaN where there is none.
    numerator, denominator
        Base units (m, m², count …); the denominator NaN where the metric has none.
    confirmed
        Records that count and that the map confirms, by row.
    counted, open
        Ids of the records that count, and of those that have not come far enough, in the order of the ledger.
    left_out
        Columns ``LEFT_OUT``: records of this metric that do not count, each with its reason.
    notes
        For all rows.
    known
        Whether the ledger says anything of it.
    records
        Records that count, by row.
    waiting
        What has not come far enough, by row, in the metric's base unit (records of a share).
    ranks
        Lowest step on the ladder that a record has reached by the day, by row; NaN where there is none.
    row_notes
        By row, beside ``notes``.
    """

    value: Floats
    numerator: Floats
    denominator: Floats
    confirmed: Floats
    counted: tuple[str, ...]
    open: tuple[str, ...]
    left_out: pd.DataFrame
    notes: list[Text]
    known: bool
    records: Floats
    waiting: Floats
    ranks: Floats
    row_notes: dict[int, list[Text]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Judged:
    """Records of the metric, and for each whether it counts, waits, waits and does not say how much, or is left out with the reasons."""

    records: gpd.GeoDataFrame
    stage: Stage
    listed: Mask
    counts: Mask
    waits: Mask
    unknown: Mask
    amounts: Amounts
    reasons: dict[int, list[Why]]
    notes: list[Text]


def says_something(ledger: Ledger | None, metric: LedgerMetric) -> bool:
    """Tell whether a ledger has a record of a metric's types, or names them as complete."""
    if ledger is None:
        return False
    asked = (metric.select, *([metric.denominator] if metric.denominator else []))
    return _is_complete(ledger, metric) or any(bool(selected(ledger.frame, Select(select.types)).any()) for select in asked)


def answer(
    ledger: Ledger, city: Layers, areas: Areas, metric: LedgerMetric, *, as_of: date, since: date | None, subtypes: Sequence[str] = (),
    target_id: str = "", prove: Prove | None = None,
) -> Answer:  # fmt: skip
    """Answer a metric from the records of a ledger.

    Parameters
    ----------
    ledger
        Read and checked.
    city
        Whose layers confirm records, or cut the ground of a metric of the kind ``overlay``.
    areas
        Rows to report by.
    metric
        From ``ledger_metrics``.
    as_of
        The day; what came later has not come yet.
    since
        What reached the status after this day counts (an increment); ``None`` for all that has (a stock). Of what remains only the stock has a meaning.
    subtypes
        Only records that carry one of these.
    target_id
        Only records that name this target.
    prove
        Proves by the streets that roads were opened, for metrics that are confirmed so; without it none is.

    Returns
    -------
    Answer
        With ``known = False`` and NaN where the ledger has no such record and does not name the type as complete.
    """
    records = _records(ledger, metric, subtypes, target_id)
    if records.empty:
        return _nothing(ledger, metric, areas, complete=_is_complete(ledger, metric) and not target_id)
    if subtypes and metric.each:  # of several that must be there these are asked for
        asked = {plain_of(word) for word in subtypes}
        metric = replace(metric, each=tuple(word for word in metric.each if plain_of(word) in asked))
    since = None if metric.kind == "remaining" or metric.left else since
    judged = _judge(ledger, records, metric, as_of, since)
    places = places_of(judged.records, areas)
    ground = ground_of(judged.records, judged.counts, judged.amounts, metric, city, areas, places) if metric.kind == "overlay" else None
    numerator, denominator, waiting = _sums(ledger, judged, metric, areas, places, ground, as_of, subtypes, target_id)
    value = _value(metric, numerator, denominator, judged, places, areas, ground)
    proof = prove(judged.records, city) if prove is not None and metric.confirm == "network" else None
    seen = (confirmed(judged.records, metric, city) if proof is None else proof.confirmed) & judged.counts
    notes = [*judged.notes, *(ground.notes if ground else [])]
    given = Answer(
        value, numerator, denominator, places.sums(seen.astype(float), len(areas)), tuple(judged.records["id"][judged.counts]),
        tuple(judged.records["id"][judged.waits]), left_out_of(judged.records, dict(sorted(judged.reasons.items()))), notes, True,
        places.sums(judged.counts.astype(float), len(areas)), waiting, _ranks(judged, places, areas),
    )  # fmt: skip
    return replace(given, row_notes=_row_notes(given, judged, metric, places, areas, proof))


def _records(
    ledger: Ledger, metric: LedgerMetric, subtypes: Sequence[str], target_id: str, select: Select | None = None
) -> gpd.GeoDataFrame:
    frame = ledger.frame
    kept = selected(frame, select or metric.select)
    if subtypes:
        kept &= selected(frame, Select((), tuple(subtypes)))
    if target_id:
        kept &= naming(frame, "target_id", target_id)
    return frame[kept].reset_index(drop=True)


def _is_complete(ledger: Ledger, metric: LedgerMetric) -> bool:
    named = {plain_of(word) for word in ledger.complete_for}
    return bool(named & {plain_of(word) for word in (*metric.select.types, metric.name)})


def _nothing(ledger: Ledger, metric: LedgerMetric, areas: Areas, *, complete: bool) -> Answer:
    none, zero = np.full(len(areas), np.nan), np.zeros(len(areas))
    share = metric.unit == "1"
    told = Text("台账声明该类型完整，没有记录即为零", "the ledger is declared complete for this type: no record means none")
    notes = [told] if complete else [NO_RECORD]
    number = zero if complete else none
    return Answer(
        none if share or not complete else zero, number, number if share else none, zero, (), (), pd.DataFrame(columns=list(LEFT_OUT), dtype=object),
        notes, complete, zero, zero, none,
    )  # fmt: skip


def _judge(ledger: Ledger, records: gpd.GeoDataFrame, metric: LedgerMetric, as_of: date, since: date | None) -> _Judged:
    """Decide of each record whether it counts."""
    stage = stage_of(ledger, records, metric, as_of)
    reasons: dict[int, list[Why]] = {}

    def leave(which: Mask, why: Text, particulars: Sequence[str] = ()) -> None:
        for row in map(int, np.flatnonzero(which)):
            reasons.setdefault(row, []).append(Why(why, particulars[row] if particulars else ""))

    copies = duplicates(records, stage, metric)
    for row, first in copies.items():
        reasons.setdefault(row, []).append(Why(Text("与下列记录重复", "duplicate of"), shown(records["id"].iloc[first])))
    single = np.array([row not in copies for row in range(len(records))], dtype=bool)
    if metric.least_m2 > 0 or np.isfinite(metric.most_m2):
        records = _with_plots(records, copies)
    amounts = amounts_of(records, metric)
    live = single & ~stage.cancelled
    for row in map(int, np.flatnonzero(live & ~amounts.usable)):
        reasons.setdefault(row, []).append(amounts.why[row])
    small = live & amounts.usable & ~amounts.fits
    leave(small, Text("面积不在规定范围内", "its area lies outside the stated range"), [f"{size:.0f} m²" for size in amounts.size_m2])
    listed = live & amounts.usable & amounts.fits
    notes = []
    remains = metric.kind == "remaining" or metric.left
    if not remains and metric.kind != "ratio":
        leave(
            listed & stage.late,
            Text("状态日期晚于统计日", "its status came later than the day"),
            [str(day) for day in records["status_date"]],
        )
    elif late := int((listed & stage.late).sum()):  # they count, as not yet done
        notes.append(
            Text(
                f"{late} 条的状态日期晚于统计日，按尚未达到计", f"of {late} the status came later than the day: they count as not there yet"
            )
        )
    reached, waits, unknown = listed & stage.reached, listed & ~stage.reached, live & ~amounts.usable & amounts.fits & ~stage.reached
    if since is not None:
        days = records["status_date"]
        undated = np.array([day is None for day in days], dtype=bool)
        leave(reached & undated, Text("没有状态日期，无法归入时段", "it has no status_date, and no period takes it"))
        before = np.array([day is not None and day <= since for day in days], dtype=bool)
        if earlier := int((reached & before).sum()):
            notes.append(Text(f"另有 {earlier} 条在时段之前已达到", f"{earlier} more reached it before the period"))
        counts = reached & ~undated & ~before
    else:
        counts = waits if remains else reached
    if off := int((single & stage.cancelled).sum()):
        notes.append(Text(f"{off} 条已取消，不计", f"{off} were cancelled and do not count"))
    notes += _left_notes(reasons, records) + amounts.notes(listed)
    return _Judged(records, stage, listed, counts, waits | unknown, unknown, amounts, reasons, notes)


def _with_plots(records: gpd.GeoDataFrame, copies: dict[int, int]) -> gpd.GeoDataFrame:
    """Unite the plots of one name in the record that counts for them: a park of two plots is as large as both."""
    shapes = np.asarray(records.geometry.to_numpy(), dtype=object).copy()
    plots: dict[int, list[int]] = {}
    for row, first in copies.items():
        plots.setdefault(first, []).append(row)
    for first, others in plots.items():
        mine = shapes[[first, *others]]
        flat = mine[shapely.get_dimensions(mine) == 2]
        if len(flat) > 1 and shapely.get_dimensions(shapes[first]) == 2:
            shapes[first] = shapely.union_all(flat)
    return records.set_geometry(gpd.GeoSeries(shapes, index=records.index, crs=records.crs))


def _left_notes(reasons: dict[int, list[Why]], records: gpd.GeoDataFrame) -> list[Text]:
    """Say how many records were left out, by reason."""
    if not reasons:
        return []
    kinds: dict[Text, int] = {}
    for whys in reasons.values():
        for why in dict.fromkeys(why.reason for why in whys):
            kinds[why] = kinds.get(why, 0) + 1
    parts = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return [
        Text(
            f"{len(records)} 条中有 {len(reasons)} 条未计入（" + "，".join(f"{why.zh} {n} 条" for why, n in parts) + "）",
            f"{len(reasons)} of {len(records)} records left out (" + ", ".join(f"{why.en}: {n}" for why, n in parts) + ")",
        )
    ]


def _sums(
    ledger: Ledger, judged: _Judged, metric: LedgerMetric, areas: Areas, places: Places, ground: Ground | None, as_of: date,
    subtypes: Sequence[str], target_id: str,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """Numerator, denominator and what waits, by row of the areas, in base units."""
    none = np.full(len(areas), np.nan)
    waiting = judged.amounts.by_area(judged.waits, places, areas)
    if ground is not None:
        return ground.area_m2, ground.of_m2, waiting
    if metric.kind == "exists":
        if metric.each:
            return (*_each(judged, metric, places, areas), waiting)
        return places.sums(judged.counts.astype(float), len(areas)), none, waiting
    numerator = judged.amounts.by_area(judged.counts, places, areas)
    if metric.kind != "ratio":
        return numerator, none, waiting
    if metric.denominator is None:
        return numerator, judged.amounts.by_area(judged.listed, places, areas), waiting
    others = _records(ledger, metric, subtypes, target_id, metric.denominator)
    if others.empty:
        return numerator, none, waiting
    all_of = _judge(ledger, others, replace(metric, select=metric.denominator, mapped=False, answered=False, filled=()), as_of, None)
    return numerator, all_of.amounts.by_area(all_of.listed, places_of(others, areas), areas), waiting


def _each(judged: _Judged, metric: LedgerMetric, places: Places, areas: Areas) -> tuple[Floats, Floats]:
    """How many of the subtypes that must all be there are, and how many must be."""
    there = [
        places.sums((judged.counts & selected(judged.records, Select((), (word,)))).astype(float), len(areas)) > 0 for word in metric.each
    ]
    return np.sum(there, axis=0).astype(float), np.full(len(areas), float(len(metric.each)))


def _value(
    metric: LedgerMetric, numerator: Floats, denominator: Floats, judged: _Judged, places: Places, areas: Areas, ground: Ground | None
) -> Floats:
    if ground is not None and ground.absent:
        return np.full(len(areas), np.nan)
    if metric.unit == "1":
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(denominator > 0, numerator / denominator, np.nan)
    if metric.kind == "exists":
        wanted = denominator if metric.each else 1.0
        here = places.sums(np.ones(len(judged.records)), len(areas)) > 0  # an area without a record of its own: the city's may serve it
        return np.where(here, (numerator >= wanted).astype(float), np.nan)
    value: Floats = numerator * (factor_between(base_of(metric.unit), metric.unit) or 1.0)
    if not judged.amounts.usable.any():  # records are there, and none says how much
        return np.full(len(areas), np.nan)
    if metric.kind != "remaining" and not metric.left:
        return value
    unknown = judged.unknown if ground is None else judged.unknown | ground.lost  # how much is left of them nobody said: it is not nothing
    return np.where((value == 0) & (places.sums(unknown.astype(float), len(areas)) > 0), np.nan, value)


def _ranks(judged: _Judged, places: Places, areas: Areas) -> Floats:
    """Lowest step that a record which is not cancelled has reached, by row."""
    out = np.full(len(areas), np.inf)
    live = ~judged.stage.cancelled[places.record]
    np.minimum.at(out, places.owner[live], judged.stage.rank[places.record[live]].astype(float))
    return np.where(np.isfinite(out), out, np.nan)


def _proof_notes(proof: Proof, counted: Mask) -> list[Text]:
    """Say how much shorter the ways became that were opened, and why the others are not confirmed."""
    notes = []
    seen = counted & proof.confirmed
    before, after = proof.detour_m[seen].T
    joined_up = int(np.isinf(before).sum())
    both = np.isfinite(before) & np.isfinite(after)
    if both.any():
        was, now = before[both].sum() / 1e3, after[both].sum() / 1e3
        notes.append(
            Text(
                f"核实的道路两端之间的路程合计由 {was:.2f} 公里缩短到 {now:.2f} 公里",
                f"the ways between the ends of those confirmed: {was:.2f} km before, {now:.2f} km after, in all",
            )
        )
    if joined_up:
        notes.append(
            Text(
                f"{joined_up} 条连通了此前 10 公里内不相通的两端",
                f"{joined_up} joined ends with no way of 10 km or less between them before",
            )
        )
    reasons: dict[Text, int] = {}
    for row in np.flatnonzero(counted & ~proof.confirmed):
        if (why := proof.why[row]) is not None:
            reasons[why] = reasons.get(why, 0) + 1
    if reasons:
        parts = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        notes.append(
            Text(
                "未核实：" + "，".join(f"{why.zh} {n} 条" for why, n in parts),
                "not confirmed: " + ", ".join(f"{why.en}: {n}" for why, n in parts),
            )
        )
    return notes


def _row_notes(
    given: Answer, judged: _Judged, metric: LedgerMetric, places: Places, areas: Areas, proof: Proof | None
) -> dict[int, list[Text]]:
    """Say of each row what was confirmed, and of the total how many records no area has."""
    said: dict[int, list[Text]] = {}
    if metric.confirm:
        for row in np.flatnonzero(given.records > 0):
            n, m = int(given.confirmed[row]), int(given.records[row])
            said.setdefault(int(row), []).append(Text(f"{m} 条中经地图核实 {n} 条", f"the map confirms {n} of {m}"))
    if metric.unit == "1":
        for row in np.flatnonzero(given.value > 1 + 1e-9):
            said.setdefault(int(row), []).append(Text("超过所列总数，请核对", "more than is listed: to be checked"))
    total = np.flatnonzero(areas.ids == CITY)
    counted = judged.counts
    lost = int((places.unassigned & counted).sum())
    crossed = int((places.contradicted & counted).sum())
    bare = int((counted & shapely.is_missing(judged.records.geometry.to_numpy())).sum())
    for row in total:
        notes = said.setdefault(int(row), [])
        if proof is not None:
            notes += _proof_notes(proof, counted)
        if bare:
            notes.append(Text(f"{bare} 条未上图（没有位置）", f"{bare} are not mapped"))
        if lost:
            notes.append(Text(f"{lost} 条未归入任何分区", f"{lost} are not assigned to any area"))
        if crossed:
            notes.append(
                Text(
                    f"{crossed} 条的所属区与位置不符，以位置为准", f"of {crossed} the district is not where they lie; where they lie counts"
                )
            )
    return {row: notes for row, notes in said.items() if notes}
