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

_ROW = "spatial_row_in_file"
_PSEUDO = re.compile(r"(?<!\w)(fid|ogr_\w+|spatial_row_in_file)(?!\w)", re.IGNORECASE)  # of GDAL: another in every format
_TRUTH = {"true": True, "false": False}
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


def filtered(frame: gpd.GeoDataFrame, condition: str | None, where: str) -> gpd.GeoDataFrame:
    """Apply an OGR SQL condition in memory, so that one syntax and one meaning serve every kind of file.

    A column whose values all are plain numbers is numeric, one of true and false is 1 and 0, whatever the file takes them for; an empty text
    is NULL, and blanks at the end of one do not count.

    Raises
    ------
    OptionError
        It is no condition on the columns, or on a number that GDAL gives to rows.
    """
    if not condition:
        return frame
    import pyogrio

    if pseudo := _PSEUDO.search(re.sub(r"'(?:[^']|'')*'", "''", condition)):
        raise OptionError(
            f'{where}: where cannot use "{pseudo[1]}", which GDAL makes up and counts anew in each format; name a column of the file'
        )
    if frame.empty:
        return frame
    check_names(condition, (column for column in frame.columns if column != frame.geometry.name), where)
    named = condition.lower()
    theirs = [column for column in frame.columns if column != frame.geometry.name and str(column).lower() in named]
    table = pd.DataFrame({column: _comparable(as_written(frame[column])) for column in theirs})
    table[_ROW] = np.arange(len(frame))
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a table without geometry has no CRS, and what an error says as well
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
        " write OGR SQL, as in where = \"kind = 'park' AND area > 100\" (a column that holds only numbers is compared with numbers, true and"
        " false are 1 and 0)"
    )


def _comparable(column: pd.Series) -> pd.Series:
    """Make a column that holds only plain numbers, or only true and false, one of them; a code with leading zeros stays text."""
    if pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column):
        text = column.astype(object).map(lambda value: value.rstrip(" ") if isinstance(value, str) else value)  # which a dbf cannot keep
        text = text.where(text.notna() & (text != ""), None)
        given = text[text.notna()]
        if len(given) and all(isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value) for value in given):
            column = pd.to_numeric(text)
        elif len(given) and all(isinstance(value, bool) or (isinstance(value, str) and value.lower() in _TRUTH) for value in given):
            return text.map(lambda value: _TRUTH.get(str(value).lower())).astype("boolean").astype("Int64")
        else:
            return text
    if pd.api.types.is_bool_dtype(column):
        return column.astype("Int64")
    if pd.api.types.is_float_dtype(column):
        given = column.dropna()
        if len(given) and (given.abs() < 2**53).all() and (given % 1 == 0).all():
            return column.astype("Int64")  # whole numbers, which some formats keep as others
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
