"""Conditions in OGR SQL, one syntax for every kind of file, and the columns that they see."""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterable
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from spatial.errors import OptionError, shown

_ROW = "row_in_file"
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


def filtered(frame: gpd.GeoDataFrame, condition: str | None, where: str) -> gpd.GeoDataFrame:
    """Apply an OGR SQL condition in memory, so that one syntax serves every kind of file."""
    if not condition or frame.empty:
        return frame
    import pyogrio

    check_names(condition, (column for column in frame.columns if column != frame.geometry.name), where)
    named = condition.lower()
    theirs = [column for column in frame.columns if column != frame.geometry.name and str(column).lower() in named]
    table = pd.DataFrame({column: _comparable(as_written(frame[column])) for column in theirs})
    table[_ROW] = np.arange(len(frame))
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a table without geometry has no CRS
            pyogrio.write_dataframe(table, buffer, driver="GeoJSONSeq", layer="layer")
        kept = pyogrio.read_dataframe(buffer.getvalue(), where=quoted(condition, theirs), columns=[_ROW], read_geometry=False)
    except (ValueError, RuntimeError) as error:
        raise bad_condition(condition, where) from error
    return frame.iloc[kept[_ROW].to_numpy(dtype=int)]


def quoted(condition: str, columns: Iterable[Any]) -> str:
    """Put double quotes around column names that OGR SQL takes only so, such as Chinese ones; texts in quotes are left alone."""
    names = sorted((str(name) for name in columns if not str(name).isascii()), key=len, reverse=True)
    if not names:
        return condition
    known = re.compile("|".join(map(re.escape, names)))
    parts = re.split(r"""('(?:[^']|'')*'|"[^"]*")""", condition)
    return "".join(part if index % 2 else known.sub(lambda match: f'"{match[0]}"', part) for index, part in enumerate(parts))


def check_names(condition: str, columns: Iterable[Any], where: str) -> None:
    """OGR SQL cannot tell columns apart that differ only by case, and would take the first."""
    text = re.sub(r"'(?:[^']|'')*'", "''", condition).lower()
    alike: dict[str, list[str]] = {}
    for column in columns:
        alike.setdefault(str(column).lower(), []).append(str(column))
    for lower, names in alike.items():
        if len(names) > 1 and re.search(rf"(?<!\w){re.escape(lower)}(?!\w)", text):
            raise OptionError(f"{where}: where cannot tell the columns {', '.join(names)} apart, which differ only by case; rename one")


def bad_condition(condition: str, where: str) -> OptionError:
    """Say that a text is no condition on the columns of a file."""
    return OptionError(
        f'{where}: where = "{shown(condition, 200)}" is not a condition on its columns;'
        " write OGR SQL, as in where = \"kind = 'park' AND area > 100\""
    )


def _comparable(column: pd.Series) -> pd.Series:
    """Make a column of a table that holds only plain numbers numeric; a code with leading zeros stays text."""
    if pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column):
        text = column.astype(object)
        given = text[text.notna() & (text != "")]
        if len(given) and all(isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value) for value in given):
            return pd.to_numeric(text.where(text != "", None))
    return column


def as_written(column: pd.Series) -> pd.Series:
    """Write what is neither text nor number as text, alike for every kind of file: times as in ISO 8601, lists and tables as JSON."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in ("string", "integer", "floating", "boolean", "empty", "mixed-integer-float"):
        return column
    return column.astype(object).map(_as_text)


def _as_text(value: Any) -> Any:
    if isinstance(value, str | bool | int | float | np.number | np.bool_) or value is None or value is pd.NA or value is pd.NaT:
        return None if value is pd.NaT else value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict | list | tuple | np.ndarray):
        return json.dumps(value, ensure_ascii=False, default=lambda inner: inner.tolist() if hasattr(inner, "tolist") else str(inner))
    return str(value)
