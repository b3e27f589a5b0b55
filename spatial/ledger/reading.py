"""Rows of a file → a ledger: what each cell means, what cannot be used and why, what stands twice."""

from __future__ import annotations

import calendar
import datetime
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from spatial import crs as crs_
from spatial.errors import Faults, LayerError, sample, shown
from spatial.ledger.ladder import STATUSES, status_of
from spatial.ledger.records import FIELDS, Ledger, Why, left_out_of
from spatial.ledger.values import day_of, number_of, plain_of, text_of, year_of
from spatial.text import Text
from spatial.unit_words import unit_word

_DAYS = {"status_date": "状态日期", "start_date": "开工日期", "due_date": "完成期限"}
# "12月前" may end before the month or with it; 2025.1 may be what a spreadsheet made of 2025.10.
_MONTH = re.compile(r"((?:19|20)\d\d)(?:年|[-/])(\d{1,2})(?:月(?:[底末]前?)?)?")
_NUMBERS = ("quantity", "investment", "people", "weight")
_NEEDED = ("type", "status")
_MOST_NAMED = 5
OUTSIDE = Text("位于城市范围之外", "it lies outside the city")


ALL_OUTSIDE = Text(
    "台账：所有有位置的行都在城市范围之外；请核对 [ledger] 的 crs、datum 和坐标列",
    "ledger: every row that has a place lies outside the city; check crs, datum and the columns of the coordinates under [ledger]",
)
"""What is no fault of single rows; a layer that does not meet the city is an error, and a ledger also has rows that need no place."""


class Said(Protocol):
    """What ``city.toml`` says of a ledger; ``spatial.plan_toml.TableFile`` is one."""

    @property
    def date(self) -> datetime.date | None:
        """The day to which it speaks."""

    @property
    def complete_for(self) -> tuple[str, ...]:
        """Types of which it has every record."""

    @property
    def on_fault(self) -> str:
        """``leave_out`` or ``error``."""

    @property
    def source(self) -> str:
        """Where it comes from."""

    @property
    def sensitivity(self) -> str:
        """Who may see it."""


@dataclass
class _Rows:
    """Rows on their way, with what is wrong with each."""

    frame: gpd.GeoDataFrame
    wrong: dict[int, list[Why]] = field(default_factory=dict)
    told: dict[Text, list[int]] = field(default_factory=dict)

    def fault(self, row: int, why: Text, particulars: str = "") -> None:
        self.wrong.setdefault(row, []).append(Why(why, particulars))

    def tell(self, row: int, what: Text) -> None:
        self.told.setdefault(what, []).append(row)


def make_ledger(rows: gpd.GeoDataFrame, file: Said, *, crs: pyproj.CRS, boundary: Any | None, where: str) -> Ledger:
    """Check and type the rows of a ledger.

    Parameters
    ----------
    rows
        From ``spatial.sources.ledger.read_rows``: those of ``FIELDS`` that the file has, ``row``, and geometry in degrees WGS-84 or none.
    file
        The day to which the ledger speaks, and what is done with what cannot be used.
    crs
        The city's CRS.
    boundary
        The city's outline in ``crs``; ``None`` where it is not known, and nothing lies outside.
    where
        File, for messages.

    Returns
    -------
    Ledger
        Records, and in ``left_out`` every row that is none, with the reason.

    Raises
    ------
    LayerError
        A column that is needed is missing, or a word for a status is not known; with ``on_fault = "error"`` also whatever would have been left
        out. All faults are gathered.
    """
    _check_columns(rows, where)
    read = _Rows(rows.reset_index(drop=True).copy())
    day = file.date or datetime.date.max
    data: dict[str, Any] = {name: [text_of(value) for value in rows[name]] if name in rows else [""] * len(rows) for name in FIELDS}
    data["row"] = [str(value) for value in rows["row"]] if "row" in rows else [str(row + 1) for row in range(len(rows))]
    data["id"] = [identity or f"row {row}" for identity, row in zip(data["id"], data["row"], strict=True)]
    data["status"] = _statuses(data, where, read)
    for name in _DAYS:
        data[name] = [_day(read, row, name, value, day) for row, value in enumerate(data[name])]
    _quantities(read, data)
    for name in ("people", "weight"):
        data[name] = [_number(read, row, name, value) for row, value in enumerate(data[name])]
    data["investment"] = [_money(read, row, value) for row, value in enumerate(data["investment"])]
    data["plan_year"] = pd.array([_year(read, row, value) for row, value in enumerate(data["plan_year"])], dtype="Int64")
    for row, kind in enumerate(data["type"]):
        if not kind:
            read.fault(row, Text("没有类型", "no type"))
    geometry = _geometry(read, crs, boundary)
    frame = gpd.GeoDataFrame({**{name: data[name] for name in FIELDS}, "row": data["row"]}, geometry=geometry, crs=crs)
    copies = _copies(frame, read)
    if file.on_fault == "error":
        _raise(frame, read, where)
    left = {**copies, **read.wrong}
    kept = np.array([row not in left for row in range(len(frame))], dtype=bool)
    return Ledger(
        _typed(frame[kept].reset_index(drop=True)),
        left_out_of(frame, {row: left[row] for row in sorted(left)}),
        file.date or datetime.date.min,
        tuple(file.complete_for),
        file.source,
        file.sensitivity,
        _notices(frame, read, left),
    )


def _check_columns(rows: gpd.GeoDataFrame, where: str) -> None:
    faults = Faults(LayerError)
    for name in _NEEDED:
        if name not in rows:
            faults.add(f'{where}: the ledger has no column for {name}; map one with fields = {{ {name} = "…" }} under [ledger]')
    faults.raise_if_any()


def _statuses(data: dict[str, Any], where: str, read: _Rows) -> list[str]:
    known = [status_of(word) if word else "" for word in data["status"]]
    unknown: dict[str, list[int]] = {}
    for row, (word, status) in enumerate(zip(data["status"], known, strict=True)):
        if status is None:
            unknown.setdefault(word, []).append(row)
        elif not word:
            read.fault(row, Text("没有状态", "no status"))
    faults = Faults(LayerError)
    for word, rows in unknown.items():
        faults.add(
            f'{where}: the status "{shown(word)}" of {len(rows)} of {len(known)} rows (ids {sample(data["id"][row] for row in rows)}) is not known;'
            f' say what it means: values = {{ status = {{ "{shown(word)}" = "…" }} }} under [ledger] (one of {", ".join(STATUSES)})'
        )
    faults.raise_if_any()
    return [status or "planned" for status in known]


def _day(read: _Rows, row: int, name: str, value: str, until: datetime.date) -> datetime.date | None:
    day = day_of(value)
    if isinstance(day, str) and name == "due_date":
        day = _month_end(day) or day
    if isinstance(day, str):
        read.fault(row, Text(f"{_DAYS[name]}不是有效日期", f"{name} is no possible day"), shown(day))
        return None
    if name == "status_date" and day is not None and day > until:
        read.fault(row, Text("状态日期晚于台账日期", "status_date lies after the ledger's own date"), day.isoformat())
    return day


def _month_end(said: str) -> datetime.date | None:
    """Read a deadline that names its month (``2025年12月``, ``2025年12月底前``): there is time until its last day."""
    match = _MONTH.fullmatch(unicodedata.normalize("NFKC", said).replace(" ", ""))
    if not match or not 1 <= int(match[2]) <= 12:
        return None
    year, month = int(match[1]), int(match[2])
    return datetime.date(year, month, calendar.monthrange(year, month)[1])


def _quantities(read: _Rows, data: dict[str, Any]) -> None:
    quantities, units = [], []
    for row, (value, word) in enumerate(zip(data["quantity"], data["unit"], strict=True)):
        number, unit = number_of(value), unit_word(word)
        if number is None:
            read.fault(row, Text("数量不是数字", "the quantity is no number"), shown(value))
        elif number < 0:
            read.fault(row, Text("数量为负", "the quantity is negative"), shown(value))
        if unit is None:
            read.fault(row, Text("单位无法换算", "the unit does not convert"), shown(word))
        code, factor = unit or ("count", 1.0)
        quantities.append((np.nan if number is None else number) * factor)
        units.append(code)
    data["quantity"], data["unit"] = quantities, units


def _number(read: _Rows, row: int, name: str, value: str) -> float:
    number = number_of(value)
    if number is None and name == "people" and value.endswith("人"):  # 1.2万人
        digits = value.rstrip("人十百千万亿 \u3000")
        unit = unit_word(value[len(digits) :])
        number = number_of(digits)
        number = number * unit[1] if number is not None and unit and unit[0] == "persons" else None
    if number is None or number < 0:
        title = {"people": "受益人数", "weight": "权重"}.get(name, name)
        read.tell(row, Text(f"{title}不是非负数字，按空值处理", f"{name} is no number of 0 or more, and taken as absent"))
        return float("nan")
    return number


def _money(read: _Rows, row: int, value: str) -> float:
    """Read money: plain yuan, or with its unit (``1.2亿元``, ``3000 万元``)."""
    number = number_of(value)
    if number is None:
        digits = value.rstrip("元十百千万亿人民币 \u3000")
        unit = unit_word(value[len(digits) :])
        number = number_of(digits)
        number = number * unit[1] if number is not None and unit and unit[0] in ("CNY", "count") else None
    if number is None or number < 0:
        what = Text("投资额不是数字，按空值处理", "the investment is no number, and taken as absent")
        read.tell(row, what)
        return float("nan")
    return number


def _year(read: _Rows, row: int, value: str) -> int | None:
    year = year_of(value)
    if isinstance(year, str):
        read.tell(row, Text("计划年度不是年份，按空值处理", "plan_year is no year, and taken as absent"))
        return None
    return year


def _geometry(read: _Rows, crs: pyproj.CRS, boundary: Any | None) -> gpd.GeoSeries:
    frame = read.frame
    values = np.asarray(frame.geometry.to_numpy(), dtype=object).copy()
    values[shapely.is_empty(values)] = None
    if frame.crs is not None:
        values = crs_.reproject(values, pyproj.CRS(frame.crs), crs)
    there = ~shapely.is_missing(values)
    broken = there & ~np.isfinite(shapely.bounds(values)).all(axis=1)
    for row in np.flatnonzero(broken):
        read.fault(int(row), Text("坐标不可用", "the coordinates cannot be used"))
    values[broken] = None  # before any repair, which takes no infinite coordinate
    there &= ~broken
    bad = there & ~shapely.is_valid(values)
    for row in np.flatnonzero(bad):
        read.tell(int(row), Text("几何图形无效，已修复", "the geometry is invalid and was repaired"))
    values[bad] = shapely.make_valid(values[bad])
    if boundary is not None and there.any():
        shapely.prepare(boundary)
        inside = shapely.intersects(boundary, values[there])
        flat = shapely.get_dimensions(values[there]) == 2
        inside[flat] &= ~shapely.touches(boundary, values[there][flat])  # a neighbour's plot shares the edge alone
        for row in np.flatnonzero(there)[~inside]:
            read.fault(int(row), Text("位于城市范围之外", "it lies outside the city"))
    return gpd.GeoSeries(values, crs=crs)


def _copies(frame: gpd.GeoDataFrame, read: _Rows) -> dict[int, list[Why]]:
    """Find rows that stand twice (the first counts), and ids that stand for different things (none counts)."""
    shapes = shapely.to_wkb(frame.geometry.to_numpy(), hex=True)
    columns = [name for name in FIELDS if name != "id"]
    content = [
        (*(str(value) for value in values), shape)
        for values, shape in zip(frame[columns].itertuples(index=False, name=None), shapes, strict=True)
    ]
    without_id = frame["id"] == [f"row {row}" for row in frame["row"]]
    by_id: dict[tuple[Any, ...], list[int]] = {}
    for row, (identity, bare) in enumerate(zip(frame["id"], without_id, strict=True)):
        key = ("content", content[row]) if bare else ("id", plain_of(identity))
        by_id.setdefault(key, []).append(row)
    copies: dict[int, list[Why]] = {}
    places = [str(place) for place in frame["row"]]
    for rows in by_id.values():
        if len(rows) == 1:
            continue
        if len({content[row] for row in rows}) > 1:
            for row in rows:
                others = [places[other] for other in rows[: _MOST_NAMED + 1] if other != row][:_MOST_NAMED]
                more = len(rows) - 1 - len(others)  # all of them in the reason of each: the square of their number
                other = ", ".join(others) + (f" +{more}" if more else "")
                read.fault(
                    row,
                    Text("编号重复而内容不同，均不采用", "its id stands on other records too, and none of them counts"),
                    f"→ {shown(other)}",
                )
            continue
        first = frame["row"].iloc[rows[0]]
        for row in rows[1:]:
            copies[row] = [Why(Text("重复行，与下列行相同", "duplicate of row"), str(first))]
    return copies


def _raise(frame: gpd.GeoDataFrame, read: _Rows, where: str) -> None:
    faults = Faults(LayerError)
    grouped: dict[str, list[int]] = {}
    for row, reasons in sorted(read.wrong.items()):
        for why in reasons:
            grouped.setdefault(why.reason.en, []).append(row)
    for said, rows in grouped.items():
        faults.add(
            f"{where}: {said}: {len(rows)} of {len(frame)} rows (ids {sample(frame['id'].iloc[rows])}; rows {sample(frame['row'].iloc[rows])});"
            ' correct them, or set on_fault = "leave_out" under [ledger]'
        )
    faults.raise_if_any()


def _typed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    for name in FIELDS:
        if name in _NUMBERS:
            frame[name] = frame[name].astype(float)
        elif name != "plan_year":
            frame[name] = frame[name].astype(object)
    for name in _DAYS:  # pandas makes NaT of None where all are absent
        frame[name] = pd.Series([day if isinstance(day, datetime.date) else None for day in frame[name]], index=frame.index, dtype=object)
    return frame


def _notices(frame: gpd.GeoDataFrame, read: _Rows, left: dict[int, list[Why]]) -> tuple[Text, ...]:
    """Say how many rows were left out by reason, and what else was done to some."""
    said = []
    kinds: dict[Text, int] = {}
    for whys in left.values():
        for reason in dict.fromkeys(why.reason for why in whys):
            kinds[reason] = kinds.get(reason, 0) + 1
    if left:
        parts = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
        said.append(
            Text(
                f"台账：{len(frame)} 行中有 {len(left)} 行未采用（" + "，".join(f"{reason.zh} {n} 行" for reason, n in parts) + "）",
                f"ledger: {len(left)} of {len(frame)} rows are left out (" + ", ".join(f"{reason.en}: {n}" for reason, n in parts) + ")",
            )
        )
    outside = {row for row, whys in left.items() if OUTSIDE in {why.reason for why in whys}}
    if outside and outside >= set(np.flatnonzero(~frame.geometry.isna())):
        said.append(ALL_OUTSIDE)
    for what, rows in read.told.items():
        count = len([row for row in rows if row not in left])
        if count:
            said.append(Text(f"台账：{count} 行的{what.zh}", f"ledger: of {count} rows {what.en}"))
    return tuple(said)
