"""Hold local layers against the streets: a layer in another datum than declared is a loud fault, and never moved in silence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely

from spatial import crs as crs_
from spatial.city import City, Layer
from spatial.city_toml import LocalLayer, Project
from spatial.errors import CRSError, Faults
from spatial.shift import Shift, find_shift
from spatial.sources.osm import OsmData
from spatial.text import Text

ALARMS = ("gcj02", "bd09", "over_converted")


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


def refuse_shifted(project: Project, found: Mapping[str, Shift]) -> None:
    """Raise where a layer lies as another datum than the declared one would.

    Parameters
    ----------
    project
        A layer with ``datum_confirmed`` is left alone.
    found
        From ``alignments``.

    Raises
    ------
    CRSError
        Every such layer, with the remedy.
    """
    faults = Faults(CRSError)
    for name, shift in found.items():
        local = project.layers[name]
        if shift.verdict in ALARMS and not local.datum_confirmed:
            faults.add(f"{name}: {local.path}: {told(local, shift).en}")
    faults.raise_if_any()


def told(local: LocalLayer, shift: Shift) -> Text:
    """Say where a shifted layer lies, what that looks like, and what to do."""
    away = float(np.hypot(shift.east_m, shift.north_m))
    file = local.path.name if isinstance(local.path, Path) else ""
    declared = local.read.datum
    remedy = _remedy(declared, shift.verdict)
    cause = {
        "gcj02": Text("像把 GCJ-02 当作所声明的基准读取", "as GCJ-02 does when it is read as what was declared"),
        "bd09": Text("像把 BD-09 当作所声明的基准读取", "as BD-09 does when it is read as what was declared"),
        "over_converted": Text("像已是 WGS-84 却又从 GCJ-02 转换了一次", "as WGS-84 does that was converted from GCJ-02 once too often"),
    }[shift.verdict]
    return Text(
        f"与街道相比偏移 {away:.0f} 米（东 {shift.east_m:+.0f}，北 {shift.north_m:+.0f}），{cause.zh}（按 {declared} 读取）；{remedy.zh.format(file=file)}；"
        "若图层其实正确，请写 datum_confirmed = true",
        f"lies {away:.0f} m off the streets ({shift.east_m:+.0f} m east, {shift.north_m:+.0f} m north), {cause.en} (it is read as {declared});"
        f" {remedy.en.format(file=file)}; if the layer is right all the same, write datum_confirmed = true",
    )


def _remedy(declared: str, verdict: str) -> Text:
    if verdict == "over_converted" and declared in ("gcj02", "bd09"):
        return Text('请改为 datum = "wgs84"', 'write datum = "wgs84"')
    if verdict == "over_converted":
        return Text("请使用转换前的原始文件，或把 {file} 转换回去", "take the file from before the conversion, or convert {file} back")
    if verdict in ("gcj02", "bd09") and declared in ("wgs84", "cgcs2000"):
        return Text(f'请改为 datum = "{verdict}"', f'write datum = "{verdict}"')
    return Text("请查明文件的基准", "find out which datum the file has")
