"""Rows of a ledger or of statistics: any vector file, tables with or without coordinates, workbooks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from spatial import crs as crs_
from spatial.errors import CRSError, OptionError, named, nearest
from spatial.layers import Repair
from spatial.sources.files import crs_of, mapped, placed, read_as_is
from spatial.sources.options import FileOptions

_SERIAL = re.compile(r"\d{5}")
_NOWHERE = shapely.Point(np.inf, np.inf)  # of a row whose coordinates cannot be used, which the ledger leaves out


def read_rows(path: Path, read: FileOptions, *, where: str, wanted: tuple[str, ...], told: list[Repair] | None = None) -> gpd.GeoDataFrame:
    """Read the rows of a file that need no place.

    Parameters
    ----------
    path
        GeoPackage or another vector file (a layer without geometry too), CSV with or without coordinate columns, XLSX.
    read
        How to read it; ``layer`` names the sheet of a workbook.
    where
        What the file is, for messages.
    wanted
        Our field names; a column of that name is taken as it is unless ``fields`` maps another.
    told
        Takes what the user should know about the reading, counted.

    Returns
    -------
    geopandas.GeoDataFrame
        Those of ``wanted`` that the file has, as they are written; ``row``, where each stands in the file, text; geometry in degrees WGS-84 or
        ``None``, at infinity where the coordinates of single rows cannot be of the CRS.

    Raises
    ------
    SourceError
        Missing, truncated, corrupt, protected, or of an unknown kind.
    OptionError
        A mapped column, field, sheet or layer, or the condition, does not exist.
    CRSError
        There are places and no CRS, or coordinates that cannot be of it.
    """
    told = [] if told is None else told
    name, where = where, f"{where}: {path}"
    if unknown := [key for key in (*read.fields, *read.values) if key not in wanted]:
        raise OptionError(f"{where}: {unknown[0]} is no field here{nearest(unknown[0], wanted)}; known: {', '.join(wanted)}")
    frame = read_as_is(path, read, name, told, bare=True)
    identity = read.id or read.fields.get("id") or _own_id(frame)
    fields = {ours: theirs for ours, theirs in read.fields.items() if ours != "id"} | (
        {"id_": identity} if identity and "id" in wanted else {}
    )
    values = {("id_" if ours == "id" else ours): mapping for ours, mapping in read.values.items()}
    asked = tuple("id_" if ours == "id" else ours for ours in wanted)
    rows = mapped(frame, replace(read, id=None, fields=fields, values=values), where, asked, name, told)
    rows = rows.rename(columns={"id": "row"}).rename(columns={"id_": "id"})
    if later := int(frame.attrs.get("day_0", 0)):
        for day in (column for column in rows.columns if str(column).endswith("_date")):
            rows[day] = [str(int(value) + later) if _SERIAL.fullmatch(value) else value for value in map(str, rows[day])]
    return _in_degrees(rows, read, where)


def _strays(located: gpd.GeoDataFrame, here: pyproj.CRS) -> npt.NDArray[np.bool_]:
    """Tell which single rows have coordinates that cannot be of the CRS, such as swapped ones; where most have, the CRS is wrong, and nobody strays."""
    outside = crs_.outside_area_of_use(shapely.bounds(np.asarray(located.geometry.to_numpy(), dtype=object)), here)
    return outside if 2 * outside.sum() < len(outside) else np.zeros(len(outside), dtype=bool)


def _own_id(frame: gpd.GeoDataFrame) -> str | None:
    """Find a column that is called id."""
    return next((str(column) for column in frame.columns if str(column).lower() == "id"), None)


def _in_degrees(rows: gpd.GeoDataFrame, read: FileOptions, where: str) -> gpd.GeoDataFrame:
    """Move the places to degrees WGS-84; rows without one stay so, and a file without any needs no CRS."""
    shapes = np.asarray(rows.geometry.to_numpy(), dtype=object)
    there = ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)
    wgs84 = pyproj.CRS(crs_.WGS84)
    moved = np.full(len(rows), None, dtype=object)
    if there.any():
        located = rows[there].assign(id=rows["row"][there])
        here = crs_of(located, read, where)
        strays = _strays(located, here)
        moved[np.flatnonzero(there)[strays]] = _NOWHERE
        there[np.flatnonzero(there)[strays]] = False
        located = placed(located[~strays], here, read, where)
        with named(where, CRSError):
            moved[there] = crs_.reproject(located.geometry.to_numpy(), pyproj.CRS(located.crs), wgs84)
        moved[there] = shapely.force_2d(moved[there])
    plain = rows.drop(columns=rows.geometry.name).reset_index(drop=True)
    return gpd.GeoDataFrame(plain, geometry=gpd.GeoSeries(moved, index=plain.index, crs=wgs84))
