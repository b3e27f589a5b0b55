"""Hold local layers against the streets: a layer in another datum than declared is a loud fault, and never moved in silence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyproj
import shapely

from spatial import crs as crs_
from spatial.city import City, Layer
from spatial.city_toml import LocalLayer, Project
from spatial.errors import CRSError, Faults
from spatial.shift import NEAR_M, Shift, find_shift
from spatial.sources.osm import OsmData
from spatial.text import Text

ALARMS = ("gcj02", "bd09", "over_converted")
CLEAR_LEAD = 10.0  # sd: of hundreds of layers that have nothing to do with the streets none came beyond 4


def alignments(project: Project, city: City, osm: OsmData | None) -> dict[str, Shift]:
    """Find where each local layer lies relative to the streets.

    Parameters
    ----------
    project
        What was declared.
    city
        Made of it.
    osm
        The extract, whose roads are the reference; without one a local layer of roads is, and is not judged itself.

    Returns
    -------
    dict
        Local layer → verdict, for layers of lines or polygons; files that are read twice alike are held once, by the fullest layer. Empty where
        there are no streets, or outside China, whose datums are the matter.
    """
    streets, judge = _streets(city, osm)
    if streets is None or not crs_.in_china(*_centre(city, streets)):
        return {}
    known: dict[Any, str] = {}
    found: dict[str, Shift] = {}
    names = [name for name in project.layers if name != judge and _has_edges(city.layers[name])]
    for name in sorted(names, key=lambda name: -len(city.frame(name))):
        local = project.layers[name]
        same = (local.path, local.read.layer, local.read.datum, local.read.crs)
        if same not in known:
            found[name] = find_shift(city.frame(name).geometry.to_numpy(), streets, city.crs)
            known[same] = name
        found[name] = found[known[same]]
    return {name: found[name] for name in project.layers if name in found}


def _streets(city: City, osm: OsmData | None) -> tuple[Any | None, str]:
    """Return the roads that are taken as right, in the city's CRS, and the name of the local layer that they are, if any."""
    if osm is not None and len(osm.frames["roads"]):
        return crs_.reproject(osm.frames["roads"].geometry.to_numpy(), pyproj.CRS(crs_.WGS84), city.crs), ""
    roads = city.layers["roads"]
    if roads.frame is None or roads.frame.empty:
        return None, ""
    return roads.frame.geometry.to_numpy(), "roads"


def _centre(city: City, streets: Any) -> tuple[float, float]:
    box = np.array([shapely.box(*shapely.total_bounds(streets))], dtype=object)
    centre = shapely.centroid(crs_.reproject(box, city.crs, pyproj.CRS(crs_.WGS84))[0])
    return float(centre.x), float(centre.y)


def _has_edges(layer: Layer) -> bool:
    return layer.frame is not None and bool((shapely.get_dimensions(layer.frame.geometry.to_numpy()) > 0).any())


def is_off(shift: Shift) -> bool:
    """Tell whether a layer lies off the streets: as a datum would put it, or clearly and with no known cause."""
    return shift.verdict in ALARMS or (shift.verdict == "unsure" and shift.lead >= CLEAR_LEAD and _away_m(shift) > NEAR_M)


def refuse_shifted(project: Project, found: Mapping[str, Shift], osm: OsmData | None) -> None:
    """Raise where a layer lies off the streets.

    Parameters
    ----------
    project
        A layer with ``datum_confirmed`` is left alone.
    found
        From ``alignments``.
    osm
        The extract, if any: whose streets they are is said.

    Raises
    ------
    CRSError
        Every such layer, with the remedy.
    """
    faults = Faults(CRSError)
    for name, shift in found.items():
        local = project.layers[name]
        if is_off(shift) and not local.datum_confirmed:
            faults.add(f"{name}: {local.path}: {told(local, shift, osm).en}")
    faults.raise_if_any()


def told(local: LocalLayer, shift: Shift, osm: OsmData | None) -> Text:
    """Say where a layer lies that is off the streets, what that looks like, and what to do."""
    datum = {"gcj02": "GCJ-02", "bd09": "BD-09"}.get(shift.verdict, "")
    if datum:
        cause = Text(f"正像把 {datum} 当作 WGS-84 读取", f"just where {datum} read as WGS-84 would lie")
    elif shift.verdict == "over_converted":
        cause = Text("与 GCJ-02 偏移方向相反：像本已是 WGS-84 的坐标又从 GCJ-02 转换了一次",
                     "opposite to the GCJ-02 shift, as WGS-84 that was converted from GCJ-02 once too often")  # fmt: skip
    else:
        cause = Text("不是已知基准所致：可能是地方坐标系、参数或转换有误", "where no known datum would put it: a local grid, its parameters or a conversion is wrong")  # fmt: skip
    whose = Text("", "") if osm is not None and len(osm.frames["roads"]) else Text(
        "（街道取自本地图层 roads，也可能是它的基准有误）", " (the streets are the local layer roads, whose datum may be the wrong one)")  # fmt: skip
    remedy = _remedy(local, shift.verdict)
    return Text(
        f"偏离街道 {_away_m(shift):.0f} 米（东 {shift.east_m:+.0f}，北 {shift.north_m:+.0f}）{whose.zh}，{cause.zh}；未作任何改动。{remedy.zh}；"
        "若已核实图层无误，请写 datum_confirmed = true",
        f"lies {_away_m(shift):.0f} m off the streets ({shift.east_m:+.0f} m east, {shift.north_m:+.0f} m north){whose.en}, {cause.en};"
        f" nothing was moved. {remedy.en}; if the layer is proved right, write datum_confirmed = true",
    )


def _away_m(shift: Shift) -> float:
    return math.hypot(shift.east_m, shift.north_m)


def _remedy(local: LocalLayer, verdict: str) -> Text:
    declared = local.read.datum
    if verdict == "over_converted" and declared in ("gcj02", "bd09"):
        return Text(f'请删去 datum = "{declared}"', f'Remove datum = "{declared}"')
    if verdict == "over_converted":
        return Text("请改用转换之前的文件", "Use the file from before the conversion")
    if verdict in ("gcj02", "bd09") and declared in ("wgs84", "cgcs2000"):
        return Text(f'请核对来源，并写 datum = "{verdict}"', f'Find out where the file comes from, and write datum = "{verdict}"')
    return Text("请向提供单位核实坐标系与基准", "Ask whoever gave the file for its CRS and datum")
