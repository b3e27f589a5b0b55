"""Hold local layers against the streets: a layer in another datum than declared is a loud fault, and never moved in silence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from spatial import crs as crs_
from spatial import datum as datum_
from spatial.city import City
from spatial.city_toml import LocalLayer, Project
from spatial.errors import CRSError, Faults
from spatial.shift import NEAR_M, Shift, find_shift
from spatial.sources.osm import OsmData
from spatial.text import Text

ALARMS = ("gcj02", "bd09", "over_converted", "mixed")
_CONFIRM = Text("若已核实图层无误，请写 datum_confirmed = true", "if the layer is proved right, write datum_confirmed = true")
DOUBTFUL_LEAD = 3.0
CLEAR_LEAD = 10.0  # sd: of hundreds of layers that have nothing to do with the streets none came beyond 4


@dataclass(frozen=True)
class Alignments:
    """Where local layers lie relative to the streets.

    Attributes
    ----------
    found
        Local layer of lines or polygons → verdict.
    judge
        ``osm`` where the extract's roads are the reference, ``roads`` where a local layer of roads is, which nobody has proved right; empty
        where there are no streets, or outside China, whose datums are the matter.
    truly
        Layer whose declared datum is not its own → the datum that would put it on the streets.
    """

    found: Mapping[str, Shift]
    judge: str
    truly: Mapping[str, str] = field(default_factory=dict)

    def off(self) -> list[str]:
        """Name the layers that lie off the streets; the judge first where the others agree that it is the wrong one."""
        names = [name for name, shift in self.found.items() if is_off(shift) or name in self.truly]
        return ["roads", *names] if self.blames_roads() else names

    def blames_roads(self) -> bool:
        """Tell whether two layers or more lie off the local roads alike, and none lies on them."""
        off = [shift for shift in self.found.values() if is_off(shift)]
        if any(shift.verdict == "mixed" for shift in off):
            return False
        apart = max((math.hypot(a.east_m - b.east_m, a.north_m - b.north_m) for a in off for b in off), default=0.0)
        called = [shift for shift in self.found.values() if shift.verdict != "unsure"]
        return self.judge == "roads" and len(off) > 1 and apart <= NEAR_M and all(is_off(shift) for shift in called)


def alignments(project: Project, city: City, local: Mapping[str, gpd.GeoDataFrame], osm: OsmData | None) -> Alignments:
    """Find where each local layer lies relative to the streets.

    Parameters
    ----------
    project
        What was declared.
    city
        Made of it.
    local
        Local layers as they were read, degrees WGS-84: before they are united with those of the extract.
    osm
        The extract, whose roads are the reference; without one a local layer of roads is, and is not judged itself.

    Returns
    -------
    Alignments
        Files that are read twice alike are held once.
    """
    streets, judge = _streets(city, osm)
    if streets is None or not crs_.in_china(*_centre(city, streets)):
        return Alignments({}, "")
    known: dict[str, str] = {}
    found: dict[str, Shift] = {}
    truly: dict[str, str] = {}
    for name, frame in local.items():
        if (
            name == judge
            or city.layers[name].origin == "osm"
            or not len(frame)
            or not (shapely.get_dimensions(frame.geometry.to_numpy()) > 0).any()
        ):
            continue
        declared = project.layers[name]
        same = repr((declared.path, replace(declared.read, fields={}, values={}, id=None)))
        if same not in known:
            known[same] = name
            found[name] = _held(frame, streets, city)
            if _may_be_off(found[name]) and (datum := _other_datum(declared, frame, streets, city)):
                truly[name] = datum
        found[name] = found[known[same]]
        if known[same] in truly:
            truly[name] = truly[known[same]]
    return Alignments(found, judge, truly)


def _held(frame: gpd.GeoDataFrame, streets: Any, city: City) -> Shift:
    return find_shift(crs_.reproject(frame.geometry.to_numpy(), pyproj.CRS(crs_.WGS84), city.crs), streets, city.crs)


def _other_datum(declared: LocalLayer, frame: gpd.GeoDataFrame, streets: Any, city: City) -> str:
    """Take the declared conversion back and name the datum that would put the file on the streets."""
    forward = {"gcj02": datum_.wgs84_to_gcj02, "bd09": datum_.wgs84_to_bd09}.get(declared.read.datum)
    if forward is None:
        return ""
    raw = shapely.transform(frame.geometry.to_numpy(), lambda xy: np.column_stack(forward(xy[:, 0], xy[:, 1])))
    verdict = _held(frame.set_geometry(gpd.GeoSeries(raw, index=frame.index, crs=frame.crs)), streets, city).verdict
    return {"aligned": "wgs84", "gcj02": "gcj02", "bd09": "bd09"}.get(verdict, "")


def _streets(city: City, osm: OsmData | None) -> tuple[Any | None, str]:
    """Return the roads that are taken as right, in the city's CRS, and whose they are."""
    if osm is not None and len(osm.frames["roads"]):
        return crs_.reproject(osm.frames["roads"].geometry.to_numpy(), pyproj.CRS(crs_.WGS84), city.crs), "osm"
    roads = city.layers["roads"]
    if roads.frame is None or roads.frame.empty:
        return None, ""
    return roads.frame.geometry.to_numpy(), "roads"


def _centre(city: City, streets: Any) -> tuple[float, float]:
    box = np.array([shapely.box(*shapely.total_bounds(streets))], dtype=object)
    centre = shapely.centroid(crs_.reproject(box, city.crs, pyproj.CRS(crs_.WGS84))[0])
    return float(centre.x), float(centre.y)


def is_off(shift: Shift) -> bool:
    """Tell whether a layer lies off the streets: as a datum would put it, or clearly and with no known cause."""
    return shift.verdict in ALARMS or (shift.verdict == "unsure" and shift.lead >= CLEAR_LEAD and _away_m(shift) > NEAR_M)


def _may_be_off(shift: Shift) -> bool:
    """Tell whether it is worth holding what the file says without its declared conversion."""
    return shift.verdict in ALARMS or (shift.verdict == "unsure" and shift.lead >= DOUBTFUL_LEAD and _away_m(shift) > NEAR_M)


def refuse_shifted(project: Project, held: Alignments) -> None:
    """Raise where a layer lies off the streets.

    Parameters
    ----------
    project
        A layer with ``datum_confirmed`` is left alone.
    held
        From ``alignments``.

    Raises
    ------
    CRSError
        Every such layer, with the remedy.
    """
    faults = Faults(CRSError)
    for name in held.off():
        local = project.layers[name]
        if not local.datum_confirmed:
            faults.add(f"{name}: {local.path}: {told(project, name, held).en}")
    faults.raise_if_any()


def told(project: Project, name: str, held: Alignments) -> Text:
    """Say where a layer lies that is off the streets, what that looks like, and what to do."""
    local = project.layers[name]
    if name == held.judge:
        others = [other for other in held.off() if other != name]
        verdict = held.found[others[0]].verdict
        likely = {"over_converted": "gcj02", "gcj02": "wgs84"}.get(verdict, "")
        write = Text(f'；请写 datum = "{likely}"', f'; write datum = "{likely}"') if likely else Text("", "")
        listed = ", ".join(others)
        return Text(
            f"图层 {listed.replace(', ', '、')} 都同样偏离这些道路 {_away_m(held.found[others[0]]):.0f} 米：多半是道路本身的基准有误{write.zh}。{_CONFIRM.zh}",
            f"{listed} all lie {_away_m(held.found[others[0]]):.0f} m off these roads alike: most likely the roads themselves are in another datum"
            f"{write.en}; {_CONFIRM.en}",
        )
    shift = held.found[name]
    datum = {"gcj02": "GCJ-02", "bd09": "BD-09"}.get(shift.verdict, "")
    if shift.verdict == "mixed":
        return _told_mixed(shift, local)
    if name in held.truly:
        cause = Text(f"因为文件不是所声明的 {local.read.datum}", f"since the file is not in {local.read.datum}, as declared")
    elif datum:
        cause = Text(f"正像把 {datum} 当作 WGS-84 读取", f"just where {datum} read as WGS-84 would lie")
    elif shift.verdict == "over_converted":
        cause = Text("与 GCJ-02 偏移方向相反：像本已是 WGS-84 的坐标又从 GCJ-02 转换了一次",
                     "opposite to the GCJ-02 shift, as WGS-84 that was converted from GCJ-02 once too often")  # fmt: skip
    else:
        cause = Text("不是已知基准所致：可能是地方坐标系、参数或转换有误",
                     "where no known datum would put it: a local grid, its parameters or a conversion is wrong")  # fmt: skip
    whose = Text("", "") if held.judge == "osm" else Text(
        "（街道取自本地图层 roads，也可能是它的基准有误）", " (the streets are the local layer roads, whose datum may be the wrong one)")  # fmt: skip
    remedy = _remedy(local, shift.verdict, held.truly.get(name, ""))
    return Text(
        f"偏离街道 {_away_m(shift):.0f} 米（东 {shift.east_m:+.0f}，北 {shift.north_m:+.0f}）{whose.zh}，{cause.zh}；未作任何改动。{remedy.zh}"
        + ("" if local.datum_confirmed else f"；{_CONFIRM.zh}"),
        f"lies {_away_m(shift):.0f} m off the streets ({shift.east_m:+.0f} m east, {shift.north_m:+.0f} m north){whose.en}, {cause.en};"
        f" nothing was moved. {remedy.en}" + ("" if local.datum_confirmed else f"; {_CONFIRM.en}"),
    )


_LIES = {
    "aligned": Text("落在街道上", "lies on the streets"),
    "gcj02": Text("像未声明的 GCJ-02", "lies as undeclared GCJ-02 would"),
    "bd09": Text("像未声明的 BD-09", "lies as undeclared BD-09 would"),
    "over_converted": Text("像多转换了一次", "lies as WGS-84 that was converted once too often"),
}


def _told_mixed(shift: Shift, local: LocalLayer) -> Text:
    one, other = _LIES[shift.main], _LIES[shift.also]
    return Text(
        f"图层混有两种基准：一部分{one.zh}，另一部分{other.zh}（东 {shift.also_east_m:+.0f}，北 {shift.also_north_m:+.0f} 米）；未作任何改动。"
        "请按来源拆分，分别写明 datum" + ("" if local.datum_confirmed else f"；{_CONFIRM.zh}"),
        f"holds two datums: a part {one.en}, another part {other.en} ({shift.also_east_m:+.0f} m east, {shift.also_north_m:+.0f} m north);"
        " nothing was moved. Split it by where the parts come from, and state the datum of each"
        + ("" if local.datum_confirmed else f"; {_CONFIRM.en}"),
    )


def _away_m(shift: Shift) -> float:
    return math.hypot(shift.east_m, shift.north_m)


def _remedy(local: LocalLayer, verdict: str, truly: str) -> Text:
    declared = local.read.datum
    if truly == "wgs84" or (verdict == "over_converted" and declared in ("gcj02", "bd09") and not truly):
        return Text(f'请删去 datum = "{declared}"', f'Remove datum = "{declared}"')
    if truly:
        return Text(f'请改为 datum = "{truly}"', f'Write datum = "{truly}"')
    if verdict == "over_converted":
        return Text("请改用转换之前的文件", "Use the file from before the conversion")
    if verdict in ("gcj02", "bd09") and declared in ("wgs84", "cgcs2000"):
        return Text(f'请核对来源，并写 datum = "{verdict}"', f'Find out where the file comes from, and write datum = "{verdict}"')
    return Text("请向提供单位核实坐标系与基准", "Ask whoever gave the file for its CRS and datum")
