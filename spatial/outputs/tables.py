"""The table as CSV, Parquet and workbook."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spatial.files import atomic_path, writing
from spatial.outputs.cells import clipped, figure, safe_cell
from spatial.outputs.standing_sheets import add_sheets, write_standing
from spatial.result import COLUMNS, SCHEMA_VERSION, STATUS_TITLES, Results
from spatial.targets.model import Standing
from spatial.text import Text
from spatial.units import unit_of


def write_tables(results: Results, folder: str | Path, standing: Standing | None = None) -> list[Path]:
    """Write ``metrics.csv``, ``metrics.parquet`` and ``metrics.xlsx``; where the city has plans or a ledger, how it stands too.

    Parameters
    ----------
    results
        A measured city.
    folder
        Where they go; made when absent.
    standing
        Gives the workbook its sheets of targets and tasks, and the folder ``targets.csv``, ``tasks.csv`` and ``left_out.csv``; of a secret
        ledger no single record is written.

    Returns
    -------
    list of Path
        What was written. Each CSV is sorted by its key, fixed in format, UTF-8 with BOM; the same input gives the same bytes.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    folder = Path(folder)
    written = [folder / "metrics.csv", folder / "metrics.parquet", folder / "metrics.xlsx"]
    for path, write in zip(written, (_csv, _parquet, _workbook), strict=True):
        with atomic_path(path) as part, writing(path):
            write(results, part, standing)
    return written + (write_standing(standing, results, folder) if standing else [])


def _csv(results: Results, path: Path, standing: Standing | None) -> None:
    table = results.table.copy()
    for column in COLUMNS:
        if pd.api.types.is_float_dtype(table[column]):
            table[column] = [figure(value) for value in table[column]]
        else:
            safe = {value: safe_cell(value) for value in set(table[column])}  # most texts stand in many rows
            table[column] = table[column].map(safe)
    table.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")


def _parquet(results: Results, path: Path, standing: Standing | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(results.table, preserve_index=False)
    meta = {"schema_version": SCHEMA_VERSION, "attribution": results.city.attribution, "city": results.city.name}
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **meta}), path, compression="zstd")


def _workbook(results: Results, path: Path, standing: Standing | None) -> None:
    import datetime

    import xlsxwriter

    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        "in_memory": True,
    }
    buffer = io.BytesIO()  # the workbook's own file errors are not those of the file system
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties(
            {"title": clipped(results.city.name), "created": datetime.datetime(2020, 1, 1), "comments": results.city.attribution}
        )
        look = {
            "head": book.add_format(
                {"bold": True, "bg_color": "#e8eef4", "text_wrap": True, "valign": "top", "border": 1, "border_color": "#c0c8d0"}
            )
        }
        for name, style in (
            ("ok", {}),
            ("estimated", {"italic": True}),
            ("partial", {"font_color": "#8a6d00"}),
            ("no_data", {"font_color": "#999999"}),
        ):
            look[name] = book.add_format({"num_format": "#,##0.00", **style})
        look["text"] = book.add_format({"text_wrap": True, "valign": "top"})
        _summary(results, book, look)
        _long(results, book, look)
        _definitions(results, book, look)
        if standing:
            add_sheets(standing, results, book)
        _about(results, book, look)
    path.write_bytes(buffer.getvalue())


def _say(results: Results, zh: str, en: str) -> str:
    return Text(zh, en).get(results.lang)


def _summary(results: Results, book: Any, look: dict[str, Any]) -> None:
    """Areas down, metrics across, in the units people read; the status shows by the look of the figure and in words beside it."""
    sheet = book.add_worksheet(_say(results, "汇总", "Summary"))
    sheet.freeze_panes(1, 2)
    head = [_say(results, "编号", "Area id"), _say(results, "名称", "Name")]
    head[1] += f"\n{results.city.synthetic}" if results.city.synthetic else ""
    shown = []
    for name, info in results.shown.items():
        unit = unit_of(info.unit)
        title = info.variants[info.default_variant].get(results.lang)
        label = unit.label.get(results.lang)
        head.append(info.title.get(results.lang) + (f"\n{title}" if title else "") + (f"\n({label})" if label else ""))
        head.append(_say(results, "状态", "Status"))
        table = results.table
        part = table[(table.metric == name) & (table.variant == info.default_variant)].set_index("area_id").loc[results.areas.ids]
        shown.append((unit, part["value"].to_numpy(dtype=float), part["status"].to_numpy(dtype=object)))
    for column, text in enumerate(head):
        sheet.write_string(0, column, clipped(text), look["head"])
    names = results.table.drop_duplicates("area_id").set_index("area_id")["area_name"]
    for row, area in enumerate(results.areas.ids, start=1):
        sheet.write_string(row, 0, clipped(area))
        sheet.write_string(row, 1, clipped(names[area]))
        for index, (unit, values, statuses) in enumerate(shown):
            value, status = values[row - 1], statuses[row - 1]
            if np.isfinite(value) and abs(value) < 1e300:
                sheet.write_number(row, 2 + 2 * index, round(value * unit.factor, unit.decimals + 2), look[status])
            else:
                sheet.write_string(row, 2 + 2 * index, "—", look["no_data"])
            sheet.write_string(row, 3 + 2 * index, STATUS_TITLES[status].get(results.lang), look[status])
    sheet.set_column(0, 0, 12)
    sheet.set_column(1, 1, 20)
    sheet.set_column(2, 1 + 2 * len(shown), 15)
    sheet.set_row(0, 62)


def _long(results: Results, book: Any, look: dict[str, Any]) -> None:
    sheet = book.add_worksheet("metrics")
    sheet.freeze_panes(1, 0)
    table = results.table
    for column, name in enumerate(COLUMNS):
        sheet.write_string(0, column, name, look["head"])
        values = table[name]
        if pd.api.types.is_float_dtype(values):
            for row, value in enumerate(values, start=1):
                if np.isfinite(value):
                    sheet.write_number(row, column, float(value))
        else:
            safe = {value: clipped(value) for value in set(values)}
            for row, value in enumerate(values, start=1):
                sheet.write_string(row, column, safe[value])
    sheet.autofilter(0, 0, len(table), len(COLUMNS) - 1)
    sheet.set_column(0, len(COLUMNS) - 2, 14)
    sheet.set_column(len(COLUMNS) - 1, len(COLUMNS) - 1, 80)


def _definitions(results: Results, book: Any, look: dict[str, Any]) -> None:
    sheet = book.add_worksheet(_say(results, "指标定义", "Definitions"))
    head = [
        ("metric", 24),
        (_say(results, "名称", "Title"), 28),
        (_say(results, "单位", "Unit"), 14),
        (_say(results, "定义", "Definition"), 70),
        (_say(results, "依据", "Standard"), 60),
    ]
    for column, (text, width) in enumerate(head):
        sheet.write_string(0, column, text, look["head"])
        sheet.set_column(column, column, width)
    for row, (name, info) in enumerate(results.metrics.items(), start=1):
        texts = [
            name,
            info.title.get(results.lang),
            unit_of(info.unit).label.get(results.lang),
            info.definition.get(results.lang),
            info.standard.get(results.lang),
        ]
        for column, text in enumerate(texts):
            sheet.write_string(row, column, clipped(text), look["text"])


def _about(results: Results, book: Any, look: dict[str, Any]) -> None:
    from spatial import __version__, crs

    sheet = book.add_worksheet(_say(results, "说明", "About"))
    city = results.city
    lines = [
        (_say(results, "城市", "City"), city.name),
        (_say(results, "数据日期", "Data date"), city.date or "—"),
        (_say(results, "坐标系", "CRS"), f"{crs.name_of(city.crs)} {city.crs.name}"),
        (_say(results, "统计单元", "Areas"), _areas_title(results)),
        (_say(results, "数据来源", "Attribution"), city.attribution),
        (_say(results, "软件", "Software"), f"spatial {__version__}, schema {SCHEMA_VERSION}"),
        *((_say(results, "提示", "Notice"), notice.get(results.lang)) for notice in results.notices),
        *((_say(results, "图层", "Layer"), _layer_line(results, name)) for name, layer in city.layers.items() if layer.origin != "absent"),
    ]
    for row, (key, value) in enumerate(lines):
        sheet.write_string(row, 0, key, look["head"])
        sheet.write_string(row, 1, clipped(value), look["text"])
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 110)


def _areas_title(results: Results) -> str:
    layer = results.city.layers.get(results.by)
    return layer.spec.title.get(results.lang) if layer else results.by


def _layer_line(results: Results, name: str) -> str:
    """Where a layer comes from and what was done to it on reading."""
    layer = results.city.layers[name]
    zh = results.lang == "zh"
    count = "" if layer.frame is None else f"{len(layer.frame)}{' 个要素' if zh else ' features'}"
    read = [f"{key} = {layer.options[key]}" for key in ("file", "datum", "where", "total") if layer.options.get(key)]
    return f"{layer.spec.title.get(results.lang)} ({name}): " + "; ".join(
        part for part in (layer.origin, count, *read, layer.source) if part
    )
