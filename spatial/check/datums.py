"""Which datum the local layers are in: what ``city.toml`` and names say, against the streets and against one another."""

from __future__ import annotations

import itertools
import re
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from spatial.alignment import Alignments, alignments, is_off, told
from spatial.check.report import Column, Report, Table, listed
from spatial.city import City
from spatial.city_toml import LocalLayer, Project
from spatial.crs import WGS84, in_china, reproject
from spatial.errors import sample
from spatial.project import Inputs
from spatial.shift import NEAR_M
from spatial.text import Text
from spatial.twins import find_twin_shift

_NAMED = {"gcj02": r"gcj[-_ ]?0?2|火星", "bd09": r"bd[-_ ]?0?9|百度", "wgs84": r"wgs[-_ ]?(19)?84", "cgcs2000": r"cgcs[-_ ]?2000|大地2000"}
_SAME = ({"wgs84", "cgcs2000"},)
_COUNTS_ALIKE = 0.8  # of vertices: with fewer two layers are not the same shapes
_VERDICTS = {
    "aligned": Text(f"在街道上（±{NEAR_M:.0f} 米）", f"on the streets (±{NEAR_M:.0f} m)"),
    "unsure": Text("无法判断", "cannot be told"),
    "gcj02": Text("像未声明的 GCJ-02", "like undeclared GCJ-02"),
    "bd09": Text("像未声明的 BD-09", "like undeclared BD-09"),
    "over_converted": Text("像多转换了一次", "like one conversion too many"),
    "mixed": Text("混有两种基准", "two datums in one layer"),
}
_ON_LOCAL = Text(f"与本地道路一致（±{NEAR_M:.0f} 米）", f"on the local roads (±{NEAR_M:.0f} m)")
_OFF = Text("偏离，原因不明", "off, cause unknown")
_JUDGE = Text("作为对照，本身未经核实", "the reference, itself not proved right")
_POINTS = Text("点：无法判断", "points: cannot be told")
_NO_STREETS = Text("没有街道可对照", "no streets to hold it against")
_COLUMNS = (
    Column("layer", Text("图层", "layer")),
    Column("declared", Text("声明", "declared")),
    Column("verdict", Text("与街道相比", "held against the streets")),
    Column("east_m", Text("向东（米）", "east (m)"), "count"),
    Column("north_m", Text("向北（米）", "north (m)"), "count"),
    Column("z", Text("峰值（标准差）", "peak (sd)"), "number"),
    Column("lead", Text("领先（标准差）", "lead (sd)"), "number"),
    Column("expected_m", Text("本地 GCJ-02 偏移（米）", "local GCJ-02 shift (m)"), "count"),
)


def look_at_datums(report: Report, project: Project, city: City, read: Inputs) -> None:
    """Add what is known of the datum of each local layer: names, the streets, and other layers of the same shapes.

    Outside China, where no layer lies in a shifted datum, only twins are looked for.
    """
    local = read.frames()
    _twins(report, project, city, local, held := alignments(project, city, local, read.osm))
    for name in local:
        _by_name(report, name, project.layers[name], on_the_streets=name in held.found and held.found[name].verdict == "aligned")
    if not _here(city):
        return
    rows = [_row(project, name, frame, held) for name, frame in local.items() if len(frame)]
    for name in held.off():
        report.add("warning" if project.layers[name].datum_confirmed else "problem", name, told(project, name, held))
    untold = [
        row["layer"] for row in rows if row["verdict"] in (_POINTS, _NO_STREETS) and project.layers[row["layer"]].read.datum == "wgs84"
    ]
    if untold:
        names = sample(untold, 20)
        report.add("warning", "datum", Text(
            f"{listed(names)}：没有声明 datum，也无法由街道核实；请向提供者确认是否为 GCJ-02 或 BD-09",
            f"{names}: no datum is declared, and streets cannot tell it; ask the supplier whether it is GCJ-02 or BD-09",
        ))  # fmt: skip
    if held.judge == "roads":
        report.add("warning", "roads", Text(
            "没有 OSM 提取文件，各图层只与本地道路对照：若道路本身是 GCJ-02，一致也不说明正确",
            "without an extract, layers are held against the local roads alone: if those are in GCJ-02, agreeing with them proves nothing",
        ))  # fmt: skip
    remark = Text("边线不沿街道的图层（公园、水系、边界、点）大多无法判断；无法判断不等于正确",
                  "layers without edges along streets (parks, water, outlines, points) mostly cannot be told; that is no word of comfort")  # fmt: skip
    report.tables.append(Table("datums", Text("基准：与街道对照", "Datum: layers held against the streets"), _COLUMNS, rows, remark))


def _here(city: City) -> bool:
    boxes = [layer.frame.total_bounds for layer in city.layers.values() if layer.frame is not None and len(layer.frame)]
    if not boxes:
        return False
    box = shapely.box(*np.min(boxes, axis=0)[:2], *np.max(boxes, axis=0)[2:])
    centre = shapely.centroid(reproject(np.array([box], dtype=object), city.crs, pyproj.CRS(WGS84))[0])
    return in_china(float(centre.x), float(centre.y))


def _row(project: Project, name: str, frame: gpd.GeoDataFrame, held: Alignments) -> dict[str, Any]:
    row: dict[str, Any] = {"layer": name, "declared": project.layers[name].read.datum}
    if name == held.judge:
        return {**row, "verdict": _JUDGE}
    if not (shapely.get_dimensions(frame.geometry.to_numpy()) > 0).any():
        return {**row, "verdict": _POINTS}
    if name not in held.found:
        return {**row, "verdict": _NO_STREETS}
    shift = held.found[name]
    off = is_off(shift) or name in held.truly
    verdict = _OFF if shift.verdict == "unsure" and off else _VERDICTS[shift.verdict]
    row |= {
        "verdict": _ON_LOCAL if shift.verdict == "aligned" and held.judge == "roads" else verdict,
        "expected_m": shift.expected_m or None,
    }
    if shift.verdict == "unsure" and not off:
        return row
    return row | {"east_m": shift.east_m, "north_m": shift.north_m, "z": shift.z, "lead": shift.lead}


def _twins(report: Report, project: Project, city: City, local: dict[str, gpd.GeoDataFrame], held: Alignments) -> None:
    """Tell local layers that hold the same shapes in two datums: one of the two lies wrong, and the streets may say which."""
    counts = {name: int(shapely.get_num_coordinates(frame.geometry.to_numpy()).sum()) for name, frame in local.items() if len(frame)}
    for one, other in itertools.combinations(counts, 2):
        if min(counts[one], counts[other]) < _COUNTS_ALIKE * max(counts[one], counts[other]) or _reads_alike(project, one, other):
            continue
        shapes = [reproject(local[name].geometry.to_numpy(), pyproj.CRS(WGS84), city.crs) for name in (one, other)]
        twin = find_twin_shift(shapes[0], shapes[1], city.crs)
        if twin.relation in ("same", "unrelated"):
            continue
        right = [name for name in (one, other) if name in held.found and held.found[name].verdict == "aligned"]
        about, beside = (other, one) if right == [one] else (one, other)
        tail = (
            Text(f"{right[0]} 落在街道上", f"{right[0]} lies on the streets")
            if right
            else Text("须查明哪个正确", "find out which is right")
        )
        report.add("warning" if right else "problem", about, Text(
            f"与图层 {beside} 是同一组图形，相差一次 {twin.datum.upper()} 偏移（{twin.share:.0%} 的顶点吻合）；{tail.zh}",
            f"holds the same shapes as {beside}, one {twin.datum.upper()} shift away ({twin.share:.0%} of the vertices agree); {tail.en}",
        ))  # fmt: skip


def _reads_alike(project: Project, one: str, other: str) -> bool:
    """Whether two layers take their places from the same columns of the same file."""
    a, b = project.layers[one], project.layers[other]
    return a.path == b.path and all(
        getattr(a.read, key) == getattr(b.read, key) for key in ("layer", "datum", "crs", "x", "y", "geometry", "datum_parameters")
    )


def _by_name(report: Report, name: str, local: LocalLayer, *, on_the_streets: bool) -> None:
    """Hold what names of the file, the layer and its coordinate columns say against what is declared."""
    declared = local.read.datum
    names = [text for text in (local.path.name if local.path else "", name, local.read.layer, local.read.x, local.read.y) if text]
    said = {text: [datum for datum, pattern in _NAMED.items() if re.search(pattern, text, re.IGNORECASE)] for text in names}
    for text, datums in said.items():
        if len(datums) != 1 or datums[0] == declared or any({datums[0], declared} <= same for same in _SAME):
            continue
        if on_the_streets:
            report.add("note", name, Text(
                f"名称 {text} 称 {datums[0]}，但按 {declared} 读取时落在街道上：名称不实",
                f"the name {text} says {datums[0]}, yet read as {declared} it lies on the streets: the name is wrong",
            ))  # fmt: skip
        else:
            report.add("warning", name, Text(
                f"名称 {text} 称 {datums[0]}，按 {declared} 读取：请核实，并写明 datum",
                f"the name {text} says {datums[0]}, it is read as {declared}: find out which is true, and state datum",
            ))  # fmt: skip
        return
