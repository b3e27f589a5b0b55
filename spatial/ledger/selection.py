"""Which records a metric is about, how far each has come by a day, and which of them are one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from spatial.ledger.amounts import amounts_of
from spatial.ledger.declared import LedgerMetric, Select
from spatial.ledger.ladder import rank
from spatial.ledger.records import Ledger
from spatial.ledger.values import plain_of, words_of

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
_PHASE = re.compile(r"[(（\[]?(第?[一二三四五六七八九十\d]+(期|阶段|批次?)|phase\d+)[)）\]]?$")
_ENDING = re.compile(r"(?<=..)(自治县|自治旗|市|区|县|旗)$")
_MARKS = re.compile(r"[\s\"'“”‘’·•,，.。:：;；\-—_()（）\[\]【】《》<>#]+")


def selected(frame: gpd.GeoDataFrame, select: Select) -> Mask:
    """Tell which records a filter lets through; a record may carry several subtypes."""
    kept = np.ones(len(frame), dtype=bool)
    if select.types:
        wanted = {plain_of(word) for word in select.types}
        kept &= _each(frame["type"], lambda said: plain_of(said) in wanted)
    if select.subtypes:
        named = {plain_of(word) for word in select.subtypes}
        kept &= _each(frame["subtype"], lambda said: bool(named & {plain_of(said), *words_of(said)}))
    return kept


def naming(frame: gpd.GeoDataFrame, column: str, identity: str) -> Mask:
    """Tell which records name an id in a column that may hold several."""
    wanted = plain_of(identity)
    return _each(frame[column], lambda said: wanted in words_of(said) or wanted == plain_of(said))


def _each(column: pd.Series, fits: Callable[[Any], bool]) -> Mask:
    """Ask once of each word that stands in a column: a ledger has many records and few types."""
    codes, words = pd.factorize(column)
    found: Mask = np.array([fits(word) for word in words], dtype=bool)[codes] if len(words) else np.zeros(len(column), dtype=bool)
    return found


@dataclass(frozen=True, eq=False)
class Stage:
    """How far records have come by a day, each shape (n,).

    Attributes
    ----------
    rank
        Step on the ladder that they have reached: 0 where the status came later than the day, -1 where they were cancelled.
    late
        Whether the status came later than the day.
    reached
        Whether they have come as far as the metric asks.
    """

    rank: Ints
    late: Mask
    reached: Mask

    @property
    def cancelled(self) -> Mask:
        """Whether they are off the ladder."""
        return self.rank < 0


def stage_of(ledger: Ledger, records: gpd.GeoDataFrame, metric: LedgerMetric, as_of: date) -> Stage:
    """Tell how far records have come by a day.

    Parameters
    ----------
    ledger
        Whose other records may answer these.
    records
        Some of its records.
    metric
        What is asked of them.
    as_of
        The day.
    """
    late = np.array([day is not None and day > as_of for day in records["status_date"]], dtype=bool)
    step = np.array([rank(status) for status in records["status"]], dtype=np.int64)
    step = np.where(late & (step > 0), 0, step)
    step = np.where(late & (step < 0), 0, step)  # cancelled later: by then it still was to be done
    reached = (step >= rank(metric.required)) & ~late
    if metric.mapped:
        reached &= ~shapely.is_missing(records.geometry.to_numpy())
    if metric.answered:
        late_of = [day is not None and day > as_of for day in ledger.frame["status_date"]]
        said = ledger.frame["status"]  # on the day: not yet cancelled, and not planned only since
        live = ledger.frame[np.where(late_of, said != "planned", said != "cancelled")]
        answers = {word for said in live["answers"] for word in (*words_of(said), plain_of(said))}
        reached &= np.array([plain_of(identity) in answers for identity in records["id"]], dtype=bool)
    for column in metric.filled:
        reached &= np.array([_is_filled(value) for value in records[column]], dtype=bool)
    return Stage(step, late, reached)


def _is_filled(value: Any) -> bool:
    return value is not None and value == value and str(value).strip() not in ("", "<NA>")


def duplicates(records: gpd.GeoDataFrame, stage: Stage, metric: LedgerMetric) -> dict[int, int]:
    """Find records that are another one once more: of one name and type, near one another, or without a place in one district.

    Parameters
    ----------
    records
        Of one metric, index 0 … n-1.
    stage
        How far they have come.
    metric
        Within how many metres records are one, and whether phases of one name are.

    Returns
    -------
    dict
        Position of a record that does not count → the one that counts for it: one that came far enough and says how much, the earliest of several.
        The order of the rows decides between none that differ in anything else.
    """
    if metric.same_within_m == 0:
        return {}
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, (name, kind, subtype) in enumerate(zip(records["name"], records["type"], records["subtype"], strict=True)):
        if word := _name_of(name, phases=metric.phases):
            groups.setdefault((word, "" if metric.select.types else plain_of(kind), "" if metric.phases else plain_of(subtype)), []).append(
                row
            )
    shapes = np.asarray(records.geometry.to_numpy(), dtype=object)
    far = [day.toordinal() if day is not None else 0 for day in records["status_date"]]
    amounts = amounts_of(records, metric)
    numbers = [(not usable, number) for usable, number in zip(amounts.usable, np.nan_to_num(amounts.amount), strict=True)]
    called = ["" if said.startswith("row ") else said for said in records["id"]]
    found: dict[int, int] = {}
    for rows in groups.values():
        if len(rows) == 1:
            continue
        order = sorted(rows, key=lambda row: (
            not stage.reached[row], numbers[row][0], far[row] or 10**7, -int(stage.rank[row]), called[row], numbers[row][1], row,
        ))  # fmt: skip
        bare = [row for row in order if shapes[row] is None]
        placed = [row for row in order if shapes[row] is not None]
        found |= _in_one_district(bare, records)
        found |= _near(placed, shapes, metric)
    return found


def _in_one_district(rows: list[int], records: gpd.GeoDataFrame) -> dict[int, int]:
    """Pair each record without a place with the first in order of the same district, unless two addresses tell them apart.

    One without an address is one of those that have one, whatever the order.
    """
    places: dict[str, dict[str, list[int]]] = {}
    for row in rows:
        district, address = (plain_of(records[name].iloc[row]) for name in ("district", "address"))
        places.setdefault(_ENDING.sub("", district), {}).setdefault(address, []).append(row)
    found: dict[int, int] = {}
    order = {row: number for number, row in enumerate(rows)}
    for here in places.values():
        bare = here.pop("", []) if len(here) > 1 else []
        for number, same in enumerate(here.values()):  # in the order of their first
            first, *others = sorted([*same, *bare], key=order.__getitem__) if number == 0 else same
            found |= dict.fromkeys(others, first)
    return found


def _name_of(name: str, *, phases: bool) -> str:
    word = _MARKS.sub("", plain_of(name)) if not phases else plain_of(name)
    return _MARKS.sub("", _PHASE.sub("", word)) if phases else word


def _near(rows: list[int], shapes: npt.NDArray[np.object_], metric: LedgerMetric) -> dict[int, int]:
    """Pair each record with the first in order that it is near to, over steps of nearness."""
    if len(rows) < 2:
        return {}
    mine = shapes[rows]
    _, first, same = np.unique(shapely.to_wkb(mine), return_index=True, return_inverse=True)
    tree = shapely.STRtree(mine[first])
    left, right = tree.query(mine[first], predicate="dwithin", distance=max(metric.same_within_m, 1e-6))
    if metric.quantity != "records":  # stretches of one road, plots of one park: they meet, and are measured together
        apart = np.array(
            [a != b and _is_part(mine[first[a]], mine[first[b]], metric.same_within_m) for a, b in zip(left, right, strict=True)], bool
        )
        left, right = left[~apart], right[~apart]
    parent = list(range(len(first)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in zip(left, right, strict=True):
        parent[root(int(a))] = root(int(b))
    head: dict[int, int] = {}
    found = {}
    for position, row in enumerate(rows):
        kept = head.setdefault(root(int(same[position])), row)
        if kept != row:
            found[row] = kept
    return found


def _is_part(one: Any, other: Any, within_m: float) -> bool:
    """Tell whether two lines, or two polygons, only meet: less than half of the smaller lies along, or on, the other."""
    dimensions = (shapely.get_dimensions(one), shapely.get_dimensions(other))
    if dimensions == (1, 1):
        small, large = sorted((one, other), key=shapely.length)
        return bool(
            shapely.length(shapely.intersection(small, shapely.buffer(large, within_m, cap_style="flat"))) < shapely.length(small) / 2
        )
    if dimensions == (2, 2):
        return bool(shapely.area(shapely.intersection(one, other)) < min(shapely.area(one), shapely.area(other)) / 2)
    return False
