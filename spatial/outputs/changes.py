"""What changed between two runs, as people read it: on the terminal, as CSV, as a workbook, and as a GeoPackage by area."""

from __future__ import annotations

import datetime
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from spatial.areas import RESERVED
from spatial.compare.changes import COMPARABLE, COMPARABLE_TITLES, Comparison
from spatial.compare.road_table import ALL, shares
from spatial.compare.runs import Run
from spatial.errors import OutputError, sample
from spatial.files import atomic_path, staged_folder, tidy, writing
from spatial.metrics import registered
from spatial.outputs.cells import clipped, figure, safe_cell
from spatial.outputs.geopackage import write_package
from spatial.outputs.qgis_evidence import Table
from spatial.outputs.qgis_style import Condition, Rule, Style, Symbol
from spatial.outputs.standing_sheets import Looks, write_sheet
from spatial.outputs.storable import one_kind, storable
from spatial.outputs.views import Cell, Column, Figure, Row, View, area_of, figure_of, in_both, text_of, titled
from spatial.result import SCHEMA_VERSION, STATUS_TITLES, MetricInfo
from spatial.roads import class_table
from spatial.text import Lang, Text
from spatial.units import unit_of

FILES = ("changes.csv", "changes.gpkg", "changes.json", "changes.xlsx")
ROADS = "roads.csv"
_TONES = {"yes": "", "with_care": "warn", "no": "idle"}
_FELL, _ROSE, _SAME, _NOT = "#2c7fb8", "#d7631f", "#f2f2f2", "#d0d0d0"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_ROAD_TITLES = {
    "before_km": Text("前一期", "before"),
    "after_km": Text("后一期", "after"),
    "change_km": Text("差", "difference"),
    "built_km": Text("新增：可能新建", "new: probably built"),
    "mapped_km": Text("新增：可能补绘", "new: probably mapped late"),
    "unknown_km": Text("新增：无法判断", "new: cannot be told"),
    "retagged_km": Text("改标转入", "from another class"),
    "left_km": Text("改标转出", "to another class"),
    "gone_km": Text("已不在图上", "gone from the map"),
    "redrawn_km": Text("重绘差额", "drawn anew"),
}


def titles_of(comparison: Comparison) -> dict[str, MetricInfo]:
    """Return what is known of the metrics that are compared, by name."""
    own = comparison.after.project()
    known = registered(own.parent if own else None)
    return {name: known[name].info() for name in sorted(set(comparison.table["metric"])) if name in known}


def changes_view(rows: pd.DataFrame, infos: Mapping[str, MetricInfo], title: Text) -> View:
    """Show figures of two runs beside one another."""

    def metric(row: Row, lang: Lang) -> Cell:
        info = infos.get(str(row["metric"]))
        return info.title.get(lang) if info else str(row["metric"])

    def variant(row: Row, lang: Lang) -> Cell:
        info = infos.get(str(row["metric"]))
        said = info.variants.get(str(row["variant"])) if info else None
        return said.get(lang) if said else str(row["variant"])

    columns = (
        Column(Text("指标", "Metric"), 26, metric, True),
        Column(Text("口径", "Variant"), 20, variant, True),
        Column(Text("区域", "Area"), 14, area_of, True),
        Column(Text("前一期", "Before"), 14, figure_of("before"), True),
        Column(Text("后一期", "After"), 14, figure_of("after"), True),
        Column(Text("变化", "Change"), 16, _change, True),
        Column(Text("变化率", "Relative"), 10, lambda row, lang: Figure(row["change_share"], "1")),
        Column(Text("前一期状态", "Status before"), 12, lambda row, lang: titled(STATUS_TITLES, row["status_before"], lang)),
        Column(Text("后一期状态", "Status after"), 12, lambda row, lang: titled(STATUS_TITLES, row["status_after"], lang)),
        Column(Text("可比性", "Comparable"), 12, lambda row, lang: titled(COMPARABLE_TITLES, row["comparable"], lang), True,
               lambda row: _TONES[str(row["comparable"])]),
        Column(Text("说明", "Why"), 60, in_both("note")),
        Column(Text("指标代号", "Metric's name"), 24, text_of("metric")),
        Column(Text("口径代号", "Variant's name"), 16, text_of("variant")),
    )  # fmt: skip
    return View(title, columns, rows, Text("没有可比的变化", "nothing comparable changed"))


def _change(row: Row, lang: Lang) -> Cell:
    """Show a difference with its sign, of shares in percentage points; nothing where the two are not comparable."""
    change, unit = float(row["change"]), str(row["unit"])
    if not np.isfinite(change):
        return ""
    code = "pp" if unit == "1" else unit
    text = f"{abs(change):g}" if unit in ("status", "boolean") else unit_of(code).show(abs(change), lang)
    digits = any(letter in "123456789" for letter in text)
    return ("±" if not digits else "+" if change > 0 else "\u2212") + text


def roads_view(table: pd.DataFrame) -> View:
    """Show what the difference of the roads consists of, by class."""

    def of(key: str) -> Any:
        return lambda row, lang: Figure(row[key], "km")

    columns = (
        Column(Text("道路等级", "Road class"), 24, lambda row, lang: road_class(str(row["road_class"])).get(lang), True),
        *(Column(title, 13, of(key), True) for key, title in _ROAD_TITLES.items()),
    )
    return View(Text("道路变化构成", "Roads: what the difference consists of"), columns, table, Text("没有道路", "no roads"))


def road_class(key: str) -> Text:
    """Return the title of a row of the table of roads."""
    return Text("合计（等级间改标不计）", "all (a change of class is none)") if key == ALL else Text(**class_table()[key]["title"])


def roads_said(table: pd.DataFrame) -> Text:
    """Say which share of what is new on the map was probably built, probably mapped, or cannot be told."""
    found = shares(table)
    if not found:
        return Text("两期地图之间没有新增道路", "no road is new on the later map")
    row = table[table["road_class"] == ALL].iloc[0]
    new = float(row[["built_km", "mapped_km", "unknown_km"]].sum())
    return Text(
        f"地图上新增道路 {new:,.1f} 公里：可能新建 {found['built']:.0%}，可能补绘 {found['mapped']:.0%}，无法判断 {found['unknown']:.0%}"
        "（按几何与标签推断，为估算，不作为完成量）",
        f"{new:,.1f} km of road are new on the map: {found['built']:.0%} probably built, {found['mapped']:.0%} probably mapped late,"
        f" {found['unknown']:.0%} cannot be told (inferred from geometry and tags: an estimate, never an achievement)",
    )


def check_target(target: Path, *, force: bool, kept: Sequence[Path]) -> None:
    """Tell before anything is computed whether a folder may be replaced: only an older comparison of ours, and nothing beside it.

    Raises
    ------
    OutputError
        It holds something else, or one of the runs.
    """
    with writing(target):
        if target.exists() and not target.is_dir():
            raise OutputError(f"{target}: is a file; choose a folder with --out")
        for path in (*(path.resolve() for path in kept), Path.cwd(), Path.home()):
            if path == target.resolve() or target.resolve() in path.parents:
                raise OutputError(f"{target}: holds {path}; it is never replaced; choose a new folder with --out")
        if not target.is_dir() or force:
            return
        tidy(target.parent)
        there = {path.name for path in target.iterdir()}
        if there and "changes.json" not in there:
            raise OutputError(f"{target}: is not empty and holds no comparison; choose a new folder, or --force to replace it whole")
        if others := sorted(there - {*FILES, ROADS}):
            raise OutputError(f"{target}: also holds {sample(others)}, which would be removed; move it away, or --force to replace all")


def never_replaced(runs: Sequence[Run], target: Path) -> list[Path]:
    """List what no comparison of these runs may remove, whatever ``--force`` says: the runs, their projects, and files in ``target`` named as their data are."""
    projects = [path for run in runs if (path := run.project()) is not None]
    inputs = [target / name for run in runs for name in run.files()]
    return [*(run.folder for run in runs), *projects, *(path for path in inputs if path.is_file())]


def write_changes(
    comparison: Comparison, target: Path, lang: Lang, roads: pd.DataFrame | None = None, *, force: bool = False
) -> list[Path]:
    """Write a comparison: ``changes.csv``, ``changes.xlsx``, ``changes.gpkg``, ``changes.json`` and, of roads, ``roads.csv``.

    Parameters
    ----------
    target
        A folder; it appears when it is whole.
    lang
        Of titles and notes.
    roads
        From ``road_table``; ``None`` where they were not compared.
    force
        Whether whatever stands there is replaced.

    Returns
    -------
    list of Path
        The files; the same comparison gives the same bytes.

    Raises
    ------
    OutputError
        The place cannot be written, or holds something else.
    """
    kept = never_replaced((comparison.before, comparison.after), target)
    check_target(target, force=force, kept=kept)
    infos = titles_of(comparison)
    with staged_folder(target, replace=lambda: check_target(target, force=force, kept=kept)) as stage, writing(target):
        _csv(comparison.table, stage / "changes.csv")
        if roads is not None:
            _csv(roads, stage / ROADS)
        _workbook(comparison, infos, lang, roads, stage / "changes.xlsx")
        layer = _areas(comparison, infos, lang)
        if layer is not None:
            days = [run.date for run in (comparison.after, comparison.before) if _DAY.fullmatch(run.date)]
            write_package(stage / "changes.gpkg", [layer], days[0] if days else "2000-01-01")
        names = sorted([*(path.name for path in stage.iterdir()), "changes.json"])
        said = json.dumps(_said(comparison, lang, roads, names), ensure_ascii=False, indent=1)
        (stage / "changes.json").write_text(said + "\n", encoding="utf-8")
    return [target / name for name in names]


def _said(comparison: Comparison, lang: Lang, roads: pd.DataFrame | None, names: list[str]) -> dict[str, Any]:
    runs = {
        side: {"run": run.name, "date": run.date, "by": run.by, "edition": run.said.get("edition", "")}
        for side, run in (("before", comparison.before), ("after", comparison.after))
    }
    table = comparison.table
    return {
        "schema_version": SCHEMA_VERSION,
        "city": comparison.after.city,
        **runs,
        "attribution": attribution(comparison),
        "comparable": {key: int((table["comparable"] == key).sum()) for key in COMPARABLE},
        **({"new_roads": {key: round(value, 4) for key, value in shares(roads).items()}} if roads is not None else {}),
        "notices": [notice.get(lang) for notice in comparison.notices],
        "files": names,
    }


def attribution(comparison: Comparison) -> str:
    """Return what every output must carry, of both runs, each once."""
    said = [str(run.said.get("attribution") or "") for run in (comparison.after, comparison.before)]
    return " · ".join(dict.fromkeys(part for part in said if part))


def _csv(table: pd.DataFrame, path: Path) -> None:
    made = {
        column: [figure(value) for value in table[column]] if pd.api.types.is_float_dtype(table[column]) else table[column].map(safe_cell)
        for column in table.columns
    }
    with atomic_path(path) as part:
        pd.DataFrame(made).to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")


def _workbook(comparison: Comparison, infos: Mapping[str, MetricInfo], lang: Lang, roads: pd.DataFrame | None, path: Path) -> None:
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    buffer = io.BytesIO()
    lines = [head(comparison).get(lang), *(notice.get(lang) for notice in comparison.notices), attribution(comparison)]
    whole = comparison.table["area_id"] == "city"
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties(
            {"title": clipped(comparison.after.city), "created": datetime.datetime(2020, 1, 1), "comments": attribution(comparison)}
        )
        looks = Looks(book, lang)
        write_sheet(book, looks, [changes_view(comparison.table[whole], infos, Text("全市", "City"))], lines, lang)
        write_sheet(book, looks, [changes_view(comparison.table[~whole], infos, Text("各区", "Areas"))], lines, lang)
        if roads is not None:
            view = roads_view(roads)
            write_sheet(
                book, looks, [View(Text("道路", "Roads"), view.columns, roads, view.empty)], [*lines, roads_said(roads).get(lang)], lang
            )
    path.write_bytes(buffer.getvalue())


def head(comparison: Comparison) -> Text:
    """Say which city and which runs."""
    before, after = comparison.before, comparison.after
    days = [run.date or run.name for run in (before, after)]
    if days[0] == days[1]:
        days = [f"{run.date} ({run.name})" for run in (before, after)]
    return Text(f"{after.city}：{days[0]} → {days[1]}", f"{after.city}: {days[0]} → {days[1]}")


def _areas(comparison: Comparison, infos: Mapping[str, MetricInfo], lang: Lang) -> Table | None:
    """Return the areas of the later run with the change of every default variant, and why there is none."""
    frame = comparison.after.areas()
    if frame is None or frame.empty:
        return None
    frame = frame.drop_duplicates("area_id").sort_values("area_id", kind="stable").reset_index(drop=True)
    names = comparison.table.drop_duplicates("area_id").set_index("area_id")["area_name"]
    columns: dict[str, Any] = {"area_id": frame["area_id"], "name": frame["area_id"].map(names).fillna("")}
    titles = {"area_id": ("area_id", ""), "name": (Text("名称", "Name").get(lang), "")}
    styles = []
    for (metric, variant), rows in comparison.table.groupby(["metric", "variant"], sort=True):
        info = infos.get(str(metric))
        if info is None or info.tables_only or variant != info.default_variant:
            continue
        part = rows.set_index("area_id").reindex(frame["area_id"])
        title = info.title.get(lang)
        for key, said in (("before", Text("前一期", "before")), ("after", Text("后一期", "after")), ("change", Text("变化", "change"))):
            columns[f"{metric}__{key}"] = part[key].to_numpy(dtype=float)
            titles[f"{metric}__{key}"] = (f"{title} · {said.get(lang)}", unit_of(info.unit).label.get(lang))
        columns[f"{metric}__comparable"] = part["comparable"].fillna("no").to_numpy(dtype=object)
        columns[f"{metric}__note"] = part[f"note_{lang}"].fillna("").to_numpy(dtype=object)
        titles[f"{metric}__comparable"] = (f"{title} · {Text('可比性', 'comparable').get(lang)}", "yes, with_care, no")
        titles[f"{metric}__note"] = (f"{title} · {Text('说明', 'why').get(lang)}", "")
        styles.append(_style(f"{metric}__change", title, lang))
    made, _ = storable(gpd.GeoDataFrame(columns, geometry=list(frame.geometry), crs=frame.crs))
    title = Text(f"{RESERVED['city'].zh}各区变化", "Changes by area").get(lang)
    description = f"{head(comparison).get(lang)} · {attribution(comparison)}"
    return Table("changes", title, description, one_kind(made, "polygon", multi=True), "polygon", titles, styles or [Style(title)])


def _style(column: str, title: str, lang: Lang) -> Style:
    def rule(label: Text, color: str, *where: Condition, otherwise: bool = False) -> Rule:
        return Rule(label.get(lang), Symbol(fill=color, stroke="#666666", opacity=0.8), where, otherwise)

    nothing = 1e-12
    return Style(title, (
        rule(Text("下降", "fell"), _FELL, Condition(column, high=-nothing)),
        rule(Text("未变", "unchanged"), _SAME, Condition(column, low=-nothing, high=nothing)),
        rule(Text("上升", "rose"), _ROSE, Condition(column, low=nothing)),
        rule(Text("不可比", "not comparable"), _NOT, otherwise=True),
    ))  # fmt: skip
