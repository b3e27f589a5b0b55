"""Frames as SQLite and GDAL can hold them: names, types, one kind of geometry."""

from __future__ import annotations

import contextlib
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial.outputs.qgis_style import clean


def unique_name(name: str, taken: set[str]) -> str:
    """Name that differs from those taken by more than case; it is taken then."""
    candidate, number = name, 2
    while candidate.lower() in taken:
        candidate, number = f"{name}_{number}", number + 1
    taken.add(candidate.lower())
    return candidate


def storable(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Columns that a GeoPackage can hold under names that it can hold.

    Returns
    -------
    tuple
        A frame whose geometry, if any, is the column ``geometry``, without list columns; and old name → new name.
    """
    shape = frame.geometry.name if isinstance(frame, gpd.GeoDataFrame) else None
    taken = {"fid", "geom", "geometry"}
    columns: dict[str, Any] = {}
    names = {}
    for position, column in enumerate(frame.columns):  # by position: two columns may bear one name
        if column == shape or (values := _values(frame.iloc[:, position])) is None:
            continue
        names[str(column)] = unique_name(clean(column).strip() or "column", taken)
        columns[names[str(column)]] = values
    if shape is None:
        return pd.DataFrame(columns, index=frame.index), names
    geometry = np.asarray(frame.geometry.to_numpy(), dtype=object)
    if shapely.has_z(geometry).any():
        geometry = shapely.force_2d(geometry)
    return gpd.GeoDataFrame(columns, index=frame.index, geometry=list(geometry), crs=frame.crs), names


def _values(column: pd.Series) -> Any:
    """Values of a column in a type that GDAL knows; ``None`` for lists and the like."""
    kind = column.dtype
    if isinstance(kind, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC")
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
        return column
    if pd.api.types.is_float_dtype(kind) or pd.api.types.is_signed_integer_dtype(kind):
        return column.astype("float64") if str(kind) == "float16" else column
    if isinstance(kind, pd.StringDtype) and kind.storage == "pyarrow" and not column.str.contains("\x00", regex=False).any():
        return column.array  # Arrow keeps UTF-8, so that no surrogate is among them
    given = column.astype(object)
    known = given.dropna()
    numbers = {"boolean": "boolean", "integer": "Int64", "floating": "Float64", "mixed-integer-float": "Float64"}
    inferred = pd.api.types.infer_dtype(known)
    if inferred == "mixed" and any(isinstance(value, list | tuple | set | dict | np.ndarray) for value in known):
        return None
    if inferred in numbers:
        with contextlib.suppress(OverflowError):
            return given.where(given.notna(), None).astype(numbers[inferred])
    if inferred == "string" and _is_clean(known):
        return pd.array(given.where(given.notna(), None).to_numpy(dtype=object), dtype="string")
    text = given.map(lambda value: _text(value) if value is not None and not pd.isna(value) else None)
    return pd.array(text.to_numpy(dtype=object), dtype="string")


def _is_clean(texts: pd.Series) -> bool:
    """Whether SQLite and UTF-8 can hold all texts as they are; looked at in one go, since hardly any is not."""
    together = "".join(texts)
    return "\x00" not in together and together.encode("utf-8", "ignore").decode("utf-8") == together


def _text(value: object) -> str:
    """Text without what SQLite's and UTF-8 cannot hold: NUL and lone surrogates."""
    return str(value).replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")


def one_kind(frame: pd.DataFrame, kind: str, *, multi: bool = False) -> gpd.GeoDataFrame:
    """Frame whose geometries are all single or all multi."""
    geometry = np.asarray(frame["geometry"].to_numpy(), dtype=object)
    single = np.isin(shapely.get_type_id(geometry), (0, 1, 2, 3))
    if (multi or (~single & ~shapely.is_missing(geometry)).any()) and single.any():
        build = {"point": shapely.multipoints, "line": shapely.multilinestrings, "polygon": shapely.multipolygons}[kind]
        geometry = geometry.copy()
        geometry[single] = build(geometry[single], indices=np.arange(int(single.sum())))
    return gpd.GeoDataFrame(frame.drop(columns="geometry"), geometry=list(geometry), crs=frame.crs)
