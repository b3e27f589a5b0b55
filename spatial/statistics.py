"""Statistics: dated numbers of areas that a yearbook or an office states, and what of them could not be read."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from spatial import catalogue
from spatial.errors import Faults, LayerError, ProjectError, nearest, shown
from spatial.ledger.records import LEFT_OUT
from spatial.text import Text
from spatial.unit_words import factor_between, unit_word
from spatial.units import UNITS

if TYPE_CHECKING:
    from spatial.plan_toml import TableFile

FIELDS = ("area", "metric", "series", "year", "value", "unit", "source")
"""Columns of a table of statistics, tidy: one number a row. ``series`` tells several of one metric apart (a sector, a kind), else it is empty."""
NEEDED = ("area", "metric", "year", "value")
YEARS = (1949, 2100)
_KEYS = ("title", "definition", "unit", "standard", "series", "beside")
_AS_NAMED = Text("口径以所引年鉴或部门为准", "as the yearbook or office that is cited defines it")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d{1,2})?")
_MOST_REASONS = 5  # in one sentence; every row stands in the table of what was left out
_MOST = 1e18  # beyond every economy in the smallest unit: a number that nobody means


@dataclass(frozen=True, eq=False)
class Statistics:
    """A table of statistics, read and checked.

    Attributes
    ----------
    frame
        Columns ``FIELDS``: texts ``str``, ``year`` int, ``value`` float in the base unit whose code stands in ``unit``; beside them ``row`` (text).
    left_out
        Columns ``spatial.ledger.records.LEFT_OUT``; ``id`` is the metric and ``name`` the area of the row.
    notices
        How many rows were left out, and why.
    """

    frame: pd.DataFrame
    left_out: pd.DataFrame
    source: str = ""
    notices: tuple[Text, ...] = ()
    sensitivity: str = "public"


@dataclass(frozen=True)
class StatisticMetric:
    """One table of ``statistics.toml``: a figure that is looked up, not computed.

    Attributes
    ----------
    unit
        Code of ``spatial.units``, into which every number of the table is converted once.
    series
        Slug → title of figures that share the name; ``""`` is the figure without a series. Empty where there is only that one.
    beside
        Whether it only stands beside a metric of that name that is measured (the yearbook's road area ratio), and is none of its own.
    """

    name: str
    title: Text
    definition: Text
    unit: str
    series: Mapping[str, Text] = field(default_factory=dict)
    standard: Text = _AS_NAMED
    beside: bool = False

    def series_of(self, word: str) -> str | None:
        """Return the slug of a series by its slug or title; ``None`` where it is none of this metric."""
        wanted = _plain(word)
        if not self.series:
            return None if wanted else ""
        for slug, title in self.series.items():
            if wanted in (slug, _plain(title.zh), _plain(title.en)):
                return slug
        return None


def statistic_metrics(own: Path | None = None) -> dict[str, StatisticMetric]:
    """Read the figures that a table of statistics may hold: those of ``data/statistics.toml`` and of a project's ``statistics.toml``.

    Parameters
    ----------
    own
        The project's folder, whose ``statistics.toml`` overrides the shipped one key by key; ``None`` for what is shipped.

    Returns
    -------
    dict
        By slug, sorted.

    Raises
    ------
    ProjectError
        A declaration cannot be used; every fault is named.
    """
    faults = Faults(ProjectError)
    where = f"{own / 'statistics.toml'}" if own and (own / "statistics.toml").is_file() else "statistics.toml"
    found = {
        name: _declared(str(name), table, f"{where} [{shown(name)}]", faults)
        for name, table in catalogue.own_reference("statistics", own).items()
    }
    faults.raise_if_any()
    return dict(sorted(found.items()))


def _declared(name: str, table: Any, where: str, faults: Faults) -> StatisticMetric:
    nothing = StatisticMetric(name, Text("", ""), Text("", ""), "count")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        faults.add(f"{where}: a name has small letters, digits and _ only")
    if not isinstance(table, dict):
        faults.add(f'{where}: must be a table with title, definition and unit, as in [gdp_total] unit = "CNY"')
        return nothing
    for message in catalogue.check_keys(table, _KEYS, where=where) + catalogue.check_type(
        table, "beside", bool, "true or false", where=where
    ):
        faults.add(message)
    unit = table.get("unit")
    if not isinstance(unit, str) or unit not in UNITS:
        faults.add(
            f"{where}: unit = {shown(unit)} is not a unit of the tables; known: {', '.join(sorted(UNITS))}{nearest(str(unit), UNITS)}"
        )
        unit = "count"
    titles = {key: _text(table.get(key), f"{where}: {key}", faults) for key in ("title", "definition")}
    standard = _text(table["standard"], f"{where}: standard", faults) if "standard" in table else _AS_NAMED
    series = table.get("series", {})
    if not isinstance(series, dict):
        faults.add(f'{where}: series must be a table, as in [{name}.series] retail = {{ zh = "…", en = "…" }}')
        series = {}
    for slug in series:
        if slug and not re.fullmatch(r"[a-z][a-z0-9_]*", slug):
            faults.add(f"{where}: series {shown(slug)}: a name has small letters, digits and _ only")
    named = {slug: _text(title, f"{where}: series {shown(slug)}", faults) for slug, title in series.items()}
    return StatisticMetric(name, titles["title"], titles["definition"], unit, named, standard, table.get("beside") is True)


def _text(value: Any, where: str, faults: Faults) -> Text:
    if isinstance(value, dict) and set(value) == {"zh", "en"} and all(isinstance(item, str) and item for item in value.values()):
        return Text(value["zh"], value["en"])
    faults.add(f'{where} must be given in both languages, {{ zh = "…", en = "…" }}')
    return Text("", "")


def make_statistics(rows: pd.DataFrame, file: TableFile, declared: Mapping[str, StatisticMetric], *, where: str) -> Statistics:
    """Check a table of statistics row by row and convert every number once.

    Parameters
    ----------
    rows
        Text columns of ``FIELDS`` that the file has, and ``row``: where each stands in it.
    file
        What ``city.toml`` says of it: ``on_fault``, ``date`` (no year after it is taken), ``source``.
    declared
        From ``statistic_metrics``.
    where
        The table and its file, for messages.

    Returns
    -------
    Statistics
        Numbers in the declared units, and every row that was left out, with its reason.

    Raises
    ------
    LayerError
        A column is missing; or, where ``on_fault = "error"``, any row cannot be used: all of them are named at once.
    """
    if missing := [name for name in NEEDED if name not in rows]:
        raise LayerError(
            f"{where}: column {', '.join(missing)} is missing; a table of statistics has {', '.join(FIELDS)};"
            ' name yours with fields = { value = "数值" }'
        )
    newest = file.date.year if file.date else YEARS[1]
    cells = {name: [_cell(value) for value in rows[name]] if name in rows else [""] * len(rows) for name in FIELDS}
    places = [_cell(value) for value in rows["row"]] if "row" in rows else [str(number + 2) for number in range(len(rows))]
    kept: list[dict[str, Any]] = []
    out: list[tuple[str, str, str, Text]] = []
    for number, place in enumerate(places):
        said = {name: column[number] for name, column in cells.items()}
        if not any(said.values()):
            continue  # an empty line of a spreadsheet states nothing
        read = _read(said, declared, newest)
        if isinstance(read, Text):
            out.append((place, said["metric"], said["area"], read))
        else:
            kept.append({**read, "row": place})
    frame = pd.DataFrame(kept, columns=[*FIELDS, "row"])
    frame, twice = _once(frame)
    out = sorted([*out, *twice], key=lambda entry: _in_file(entry[0]))
    if out and file.on_fault == "error":
        faults = Faults(LayerError)
        for place, metric, area, why in out:
            faults.add(f"{where}: row {shown(place)} ({shown(metric)}, {shown(area)}): {why.en}")
        faults.add(f'{where}: {len(out)} rows cannot be used; correct them, or set on_fault = "leave_out"')
        faults.raise_if_any()
    left = pd.DataFrame([("statistics", place, metric, area, why.zh, why.en) for place, metric, area, why in out], columns=list(LEFT_OUT))
    return Statistics(
        frame.astype({"year": "int64", "value": "float64"}), left.astype(object), file.source, tuple(told(left)), file.sensitivity
    )


def left_out_of(statistics: Statistics, figure: StatisticMetric) -> pd.DataFrame:
    """Return the rows of one figure that were left out, by whichever of its names they go."""
    names = {_plain(name) for name in (figure.name, figure.title.zh, figure.title.en)}
    out = statistics.left_out
    return out[pd.Series([_plain(str(name)) in names for name in out["id"]], index=out.index, dtype=bool)]


def told(left_out: pd.DataFrame) -> list[Text]:
    """Say how many rows of a table of statistics were left out, and why: each reason with its number, the most frequent first."""
    if left_out.empty:
        return []
    by_reason = left_out.groupby(["reason_zh", "reason_en"], sort=True).size().sort_values(ascending=False, kind="stable")
    first = list(by_reason.items())[:_MOST_REASONS]
    zh, en = (
        "、".join(f"{reason[0]}（{count}）" for reason, count in first),
        ", ".join(f"{reason[1]} ({count})" for reason, count in first),
    )
    rows, more = "1 row" if len(left_out) == 1 else f"{len(left_out)} rows", len(by_reason) > len(first)
    return [
        Text(
            f"统计表未计入 {len(left_out)} 行：{zh}{'……' if more else ''}",
            f"{rows} of the table of statistics left out: {en}{' …' if more else ''}",
        )
    ]


def _cell(value: Any) -> str:
    return "" if value is None or (not isinstance(value, str) and pd.isna(value)) else str(value).strip()


def _plain(word: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", word)).strip().lower()


def _in_file(place: str) -> tuple[int, str]:
    digits = re.search(r"\d{1,12}", place)
    return (int(digits[0]) if digits else 0, place)


def _read(said: Mapping[str, str], declared: Mapping[str, StatisticMetric], newest: int) -> dict[str, Any] | Text:
    """Read one row; the reason where it cannot be used."""
    if not said["area"]:
        return Text("未写地区", "no area is given")
    metric = _metric_of(said["metric"], declared)
    if metric is None:
        return _unknown(said["metric"], declared)
    series = metric.series_of(said["series"])
    if series is None:
        known = ", ".join(f"{slug} {title.zh}".strip() for slug, title in metric.series.items()) or "—"
        return Text(
            f"{metric.name} 没有分项“{shown(said['series'])}”；已知：{known}",
            f'{metric.name} has no series "{shown(said["series"])}"; known: {known}',
        )
    year = re.fullmatch(r"(\d{4})(?:\.0+)?\s*年?", unicodedata.normalize("NFKC", said["year"]))
    if not year or not YEARS[0] <= int(year[1]) <= YEARS[1]:
        return Text(f"年份“{shown(said['year'])}”不可能", f'the year "{shown(said["year"])}" is impossible')
    if int(year[1]) > newest:
        return Text(f"{year[1]} 年晚于统计表日期", f"the year {year[1]} lies after the table's own date")
    number = unicodedata.normalize("NFKC", said["value"]).replace(" ", "").lower()
    if number.endswith("%") and said["unit"] in ("", "%", "％"):  # so a spreadsheet writes a cell that it shows as per cent
        number, said = number[:-1], {**said, "unit": "%"}
    if not _NUMBER.fullmatch(number) or abs(value := float(number.replace(",", ""))) > _MOST:
        return Text(f"数值“{shown(said['value'])}”不是数", f'the value "{shown(said["value"])}" is no number')
    unit = unit_word(said["unit"])
    factor = factor_between(unit[0], metric.unit) if unit else None
    if unit is None or factor is None:
        stated = shown(said["unit"]) or "—"
        return Text(f"单位“{stated}”不能换算为 {metric.unit}", f'the unit "{stated}" does not convert into {metric.unit}')
    # As on paper: 11.2 % is 0.112 and no digit less, or a number that equals a target would miss it.
    return {
        "area": said["area"], "metric": metric.name, "series": series, "year": int(year[1]), "value": float(f"{value * unit[1] * factor:.15g}"),
        "unit": metric.unit, "source": said["source"],
    }  # fmt: skip


def _unknown(word: str, declared: Mapping[str, StatisticMetric]) -> Text:
    close = difflib.get_close_matches(_plain(word), [*declared, *(metric.title.zh for metric in declared.values())], n=1, cutoff=0.5)
    meant = Text(f"；是否应为“{close[0]}”？", f'; did you mean "{close[0]}"?') if close else Text("", "")
    return Text(f"指标“{shown(word)}”未声明{meant.zh}", f'the metric "{shown(word)}" is not declared{meant.en}')


def _metric_of(word: str, declared: Mapping[str, StatisticMetric]) -> StatisticMetric | None:
    """Find a metric by its slug, else by its title in either language."""
    plain = _plain(word)
    if plain in declared:
        return declared[plain]
    titled = [metric for metric in declared.values() if plain and plain in (_plain(metric.title.zh), _plain(metric.title.en))]
    return titled[0] if len(titled) == 1 else None


def _once(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[str, str, str, Text]]]:
    """Keep one of equal rows; of rows that contradict one another none, since which one is right is not ours to say."""
    key = [frame["area"].map(_plain), frame["metric"], frame["series"], frame["year"]]
    out: list[tuple[str, str, str, Text]] = []
    dropped: list[int] = []
    for _, group in frame.groupby(key, sort=False):
        if len(group) < 2:
            continue
        first = group.iloc[0]
        same = bool((abs(group["value"] - first["value"]) <= 1e-12 * abs(first["value"])).all())
        others = ", ".join(shown(place) for place in group["row"][:5])
        for index, row in (group.iloc[1:] if same else group).iterrows():
            why = (
                Text(f"与第 {first['row']} 行相同", f"the same as row {first['row']}")
                if same
                else Text(
                    f"同一地区、指标、年份有不同的数值（第 {others} 行）", f"one area, metric and year has different values (rows {others})"
                )
            )
            out.append((str(row["row"]), str(row["metric"]), str(row["area"]), why))
            dropped.append(int(str(index)))
    return frame.drop(index=dropped).reset_index(drop=True), out
