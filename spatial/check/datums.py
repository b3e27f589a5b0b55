"""Which datum the local layers are in: what ``city.toml`` declares against the file's own name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from spatial.alignment import alignments, is_off, told
from spatial.check.report import Column, Report, Table
from spatial.city import City
from spatial.city_toml import Project
from spatial.project import Inputs
from spatial.shift import Shift
from spatial.text import Text
from spatial.twins import find_twin_shift

_NAMED = {"gcj02": r"gcj[-_ ]?0?2|火星", "bd09": r"bd[-_ ]?0?9|百度", "wgs84": r"wgs[-_ ]?(19)?84", "cgcs2000": r"cgcs[-_ ]?2000|大地2000"}
_SAME = ({"wgs84", "cgcs2000"},)


_VERDICTS = {
    "aligned": Text("在街道上", "on the streets"),
    "unsure": Text("无法判断", "cannot be told"),
    "gcj02": Text("像未声明的 GCJ-02", "like undeclared GCJ-02"),
    "bd09": Text("像未声明的 BD-09", "like undeclared BD-09"),
    "over_converted": Text("像多转换了一次", "like one conversion too many"),
}
_OFF = Text("偏离，原因不明", "off, cause unknown")
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
    """Add what is known of the datum of each local layer: its file's name, the streets, and other layers of the same shapes."""
    found = alignments(project, city, read.osm)
    for name, local in project.layers.items():
        if local.path is not None:
            _by_name(report, name, local.path.name, local.read.datum, on_the_streets=name in found and found[name].verdict == "aligned")
    rows = []
    for name, shift in found.items():
        local = project.layers[name]
        called = shift.verdict != "unsure" or is_off(shift)
        rows.append({
            "layer": name, "declared": local.read.datum, "verdict": _OFF if shift.verdict == "unsure" and is_off(shift) else _VERDICTS[shift.verdict], "z": shift.z if called else None,
            "east_m": shift.east_m if called else None, "north_m": shift.north_m if called else None,
            "lead": shift.lead if called else None, "expected_m": shift.expected_m or None,
        })  # fmt: skip
        if is_off(shift):
            report.add("warning" if local.datum_confirmed else "problem", name, told(local, shift, read.osm))
    _twins(report, project, city, found)
    remark = Text("边线不沿街道的图层（公园、水系、边界、点）大多无法判断；无法判断不等于正确",
                  "layers without edges along streets (parks, water, outlines, points) mostly cannot be told; that is no word of comfort")  # fmt: skip
    report.tables.append(Table("datums", Text("基准：与街道对照", "Datum: layers held against the streets"), _COLUMNS, rows, remark))


def _twins(report: Report, project: Project, city: City, found: Mapping[str, Shift]) -> None:
    """Tell local layers that hold the same shapes in two datums: one of the two lies wrong, and the streets may say which."""
    frames = {name: frame for name in project.layers if (frame := city.layers[name].frame) is not None and len(frame)}
    for one, other in itertools.combinations(frames, 2):
        if project.layers[one].path == project.layers[other].path:
            continue
        twin = find_twin_shift(frames[one].geometry.to_numpy(), frames[other].geometry.to_numpy(), city.crs)
        if twin.relation in ("same", "unrelated"):
            continue
        right = [name for name in (one, other) if name in found and found[name].verdict == "aligned"]
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


def _by_name(report: Report, name: str, file: str, declared: str, *, on_the_streets: bool) -> None:
    named = [datum for datum, pattern in _NAMED.items() if re.search(pattern, file, re.IGNORECASE)]
    if len(named) != 1 or named[0] == declared or any({named[0], declared} <= same for same in _SAME):
        return
    if on_the_streets:
        report.add("note", name, Text(
            f"文件名 {file} 称 {named[0]}，但按 {declared} 读取时落在街道上：文件名不实",
            f"the name {file} says {named[0]}, yet read as {declared} it lies on the streets: the name is wrong",
        ))  # fmt: skip
    else:
        report.add("warning", name, Text(
            f"文件名 {file} 称 {named[0]}，按 {declared} 读取：请核实，并写明 datum",
            f"the name {file} says {named[0]}, it is read as {declared}: find out which is true, and state datum",
        ))  # fmt: skip
