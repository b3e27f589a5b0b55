"""Facts of every layer that was supplied: features, CRS and datum, repairs, duplicates, and how much of each area it covers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from spatial.areas import CITY, FULL_COVERAGE, Areas, titles
from spatial.check.report import Column, Report, Table, listed
from spatial.city import City, Layer
from spatial.city_toml import Project
from spatial.crs import WGS84, name_of, reproject
from spatial.errors import OptionError, ProjectError, sample
from spatial.layers import ADDED_UP, duplicates
from spatial.ledger.reading import ALL_OUTSIDE
from spatial.metrics.land import built_up_area
from spatial.project import Inputs
from spatial.text import Text

BESIDE_M, MOSTLY_BESIDE = 5.0, 0.3

_LAYER_COLUMNS = (
    Column("layer", Text("图层", "layer")),
    Column("origin", Text("来源", "from")),
    Column("features", Text("要素", "features"), "count"),
    Column("kinds", Text("几何", "geometry")),
    Column("crs", Text("坐标系、基准", "CRS, datum")),
    Column("repaired", Text("修复或剔除", "repaired or left out"), "count"),
    Column("duplicates", Text("重复", "duplicates"), "count"),
    Column("covered_least", Text("最少覆盖的区", "least covered area"), "share"),
    Column("covered_city", Text("覆盖全市", "of the city"), "share"),
    Column("empty_areas", Text("无要素的区", "areas without one"), "count"),
    Column("extent", Text("范围（度）", "extent (degrees)")),
    Column("source", Text("出处、许可、日期", "source, licence, date"), "json"),
)


def look_at_layers(report: Report, project: Project, city: City, read: Inputs, by: str) -> None:
    """Add the facts of the layers and of the areas, and what they mean."""
    for notice in city.notices:
        if notice == ALL_OUTSIDE:
            report.add("problem", "ledger", notice)
        else:
            report.add("note", "", notice)
    try:
        areas = city.areas(by)
    except (ProjectError, OptionError) as error:
        report.add("problem", by, Text(str(error), str(error)))
        return
    there = {name: layer for name, layer in city.layers.items() if layer.origin != "absent"}
    counts = {name: _per_area(layer.frame, areas) for name, layer in there.items() if layer.frame is not None}
    covered: dict[bytes | None, npt.NDArray[np.float64]] = {}
    rows = []
    for name, layer in there.items():
        key = None if layer.extent is None else shapely.to_wkb(layer.extent)
        if key not in covered:
            covered[key] = areas.covered_by(layer.extent).coverage
        rows.append(_layer_row(report, name, layer, areas, read, covered[key], counts.get(name)))
    report.tables.append(Table("layers", Text("图层", "Layers"), _LAYER_COLUMNS, rows))
    _beside_osm(report, city, read)
    _areas(report, city, areas, by, {name: count for name, count in counts.items() if not _is_outline(name) and count.any()})
    _scopes(report, city)
    _origin_of_layers(report, project)


def _layer_row(
    report: Report, name: str, layer: Layer, areas: Areas, read: Inputs, covered: npt.NDArray[np.float64],
    counted: npt.NDArray[np.float64] | None,
) -> dict[str, Any]:  # fmt: skip
    total = int(np.flatnonzero(areas.ids == CITY)[0])
    proper = np.flatnonzero(areas.is_area)
    least = float(covered[proper].min()) if len(proper) else float(covered[total])
    if layer.frame is None and layer.raster is None and name not in ("population",):
        return {"layer": name, "origin": Text("未能读取", "not read")}
    row: dict[str, Any] = {
        "layer": name,
        "origin": layer.origin if layer.raster is None else "raster",
        "crs": _crs_of(layer, name, read),
        "covered_least": least,
        "covered_city": float(covered[total]),
        "source": layer.source or None,
    }
    if layer.raster is not None:
        return {
            **row,
            "features": layer.raster.cells,
            "kinds": Text("像元", "cells"),
            "extent": _degrees(layer.raster.bounds, layer.raster.crs),
        }
    frame = layer.frame
    if frame is None or counted is None:
        return row
    twice = duplicates(frame)
    if len(twice):
        _tell_duplicates(report, name, layer, frame, twice)
    empty = int((counted[proper] == 0).sum()) if len(proper) and len(frame) else None
    return {
        **row,
        "features": len(frame),
        "kinds": _kinds(frame),
        "repaired": sum(repair.count for repair in layer.repairs if repair.what.en.endswith((": repaired", ": dropped"))),
        "duplicates": len(twice),
        "empty_areas": empty,
        "extent": _extent_of(name, layer, read),
    }


def _crs_of(layer: Layer, name: str, read: Inputs) -> str:
    if layer.raster is not None:
        return name_of(layer.raster.crs)
    datum = layer.options.get("datum")
    if name in read.local:
        return read.local[name].crs + (f" ← {datum}" if datum else "")
    return "EPSG:4326"


def _extent_of(name: str, layer: Layer, read: Inputs) -> str | None:
    frame = read.local[name].frame if name in read.local else read.osm.frames.get(name) if read.osm else None
    if frame is None or not len(frame):
        return None
    return _degrees(frame.total_bounds, pyproj.CRS(WGS84))


def _degrees(bounds: Any, crs: pyproj.CRS) -> str:
    west, south, east, north = shapely.total_bounds(reproject(np.array([shapely.box(*bounds)]), crs, pyproj.CRS(WGS84)))
    return f"{_span(west, east, 'EW')}, {_span(south, north, 'NS')}"


def _span(low: float, high: float, sides: str) -> str:
    """Write two degrees as people do, each with its side, which is said once where it is one."""
    first, last = sides[int(low < 0)], sides[int(high < 0)]
    return f"{abs(low):.3f}{f' {first}' if first != last else ''}–{abs(high):.3f} {last}"


def _kinds(frame: gpd.GeoDataFrame) -> str:
    counts = frame.geom_type.str.removeprefix("Multi").value_counts().sort_index()
    return ", ".join(str(kind) if len(counts) == 1 else f"{kind} {count}" for kind, count in counts.items())


def _tell_duplicates(report: Report, name: str, layer: Layer, frame: gpd.GeoDataFrame, twice: npt.NDArray[np.int64]) -> None:
    """Lines and areas drawn twice count twice; points at one place may be two flats of a house."""
    ids = sample(frame["id"].to_numpy()[twice])
    drawn = bool((shapely.get_dimensions(frame.geometry.to_numpy()[twice]) > 0).any())
    wrong = name in ADDED_UP and "local" in layer.origin and drawn
    zh = f"{len(frame)} 个要素中有 {len(twice)} 个与另一要素几何完全相同（id {listed(ids)}）"
    en = f"{len(twice)} of {len(frame)} features have the very geometry of another (ids {ids})"
    if wrong and layer.origin == "osm+local":
        zh, en = (
            f'{zh}，会重复计入；本地图层与 OSM 重叠时请写 merge = "replace"',
            f'{en}, and count twice; where a local layer repeats OSM write merge = "replace"',
        )
    elif wrong:
        zh = f"{zh}，会重复计入；请去重（--repair 会剔除各列完全相同的行）"
        en = f"{en}, and count twice; remove them (--repair drops rows that are alike in every column)"
    report.add("problem" if wrong else "note", name, Text(zh, en))


def _beside_osm(report: Report, city: City, read: Inputs) -> None:
    """Tell local roads that run along those of the extract though the two are united: trimmed or simplified copies are never exact."""
    if city.layers["roads"].origin != "osm+local" or read.osm is None or "roads" not in read.local:
        return
    own = read.local["roads"].frame.geometry.to_numpy()
    osm = shapely.STRtree(reproject(read.osm.frames["roads"].geometry.to_numpy(), pyproj.CRS(WGS84), city.crs))
    parts = shapely.get_parts(reproject(own, pyproj.CRS(WGS84), city.crs))
    middles = shapely.line_interpolate_point(parts, 0.5, normalized=True)
    along = np.unique(osm.query(middles, predicate="dwithin", distance=BESIDE_M)[0])
    length = shapely.length(parts)
    share = float(length[along].sum() / length.sum()) if length.sum() else 0.0
    if share > MOSTLY_BESIDE:
        report.add("problem", "roads", Text(
            f'本地道路有 {share:.0%} 的长度与 OSM 道路相距不足 {BESIDE_M:.0f} 米，合并后会重复计入；请写 merge = "replace"',
            f'{share:.0%} of the length of the local roads runs within {BESIDE_M:.0f} m of those of the extract and counts twice; write merge = "replace"',
        ))  # fmt: skip


def _per_area(frame: gpd.GeoDataFrame, areas: Areas) -> npt.NDArray[np.float64]:
    """Features by row of ``areas``: each counted where a point of it lies."""
    if not len(frame):
        return np.zeros(len(areas))
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    lines = shapely.get_dimensions(shapes) == 1
    points = shapely.point_on_surface(shapes)
    points[lines] = shapely.line_interpolate_point(_longest(shapes[lines]), 0.5, normalized=True)
    owner, _ = shapely.STRtree(points).query(areas.whole, predicate="intersects")
    return np.bincount(owner, minlength=len(areas)).astype(float)


def _longest(lines: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    parts, index = shapely.get_parts(lines, return_index=True)
    order = np.lexsort((-shapely.length(parts), index))
    return parts[order][np.unique(index[order], return_index=True)[1]]


def _areas(report: Report, city: City, areas: Areas, by: str, counts: Mapping[str, npt.NDArray[np.float64]]) -> None:
    """Say how much of each area the data cover, and what lies in it."""
    covered = areas.covered_by(city.data_extent).coverage
    called = titles(areas)
    rows = [
        {"area": called[row], "area_id": areas.ids[row], "km2": float(shapely.area(areas.whole[row]) / 1e6), "covered": covered[row]}
        | {name: count[row] for name, count in counts.items()}
        for row in range(len(areas))
    ]
    columns = (
        Column("area", Text("区", "area")),
        Column("area_id", Text("编号", "id")),
        Column("km2", Text("平方公里", "km²"), "number"),
        Column("covered", Text("数据覆盖", "covered"), "share"),
        *(Column(name, Text(city.layers[name].spec.title.zh, name), "count") for name in counts),
    )
    report.tables.append(Table("areas", Text("各区：数据覆盖与要素数", "Areas: what the data cover, and features"), columns, rows))
    proper = areas.is_area
    partial = proper & (covered < FULL_COVERAGE) & (covered > 0)
    untouched = proper & (covered <= 0)
    if partial.any():
        names = sample(f"{name} {share:.0%}" for name, share in zip(areas.names[partial], covered[partial], strict=True))
        report.add("warning", "data_extent", Text(f"{int(partial.sum())} 个区只有部分被数据覆盖，其值为 partial：{listed(names)}",
                                                  f"{int(partial.sum())} areas are covered in part and will be partial: {names}"))  # fmt: skip
    if untouched.any():
        names = sample(areas.names[untouched])
        report.add("warning", "data_extent", Text(f"{int(untouched.sum())} 个区没有数据，其值为 no_data：{listed(names)}",
                                                  f"{int(untouched.sum())} areas are not touched by the data and will be no_data: {names}"))  # fmt: skip
    called_alike = pd.Series(areas.names[proper])
    if (alike := called_alike[called_alike.duplicated(keep=False)].unique()).size:
        names = sample(alike)
        report.add(
            "warning",
            by,
            Text(f"有同名的区：{listed(names)}；表中只能靠编号区分", f"areas bear the same name: {names}; only their ids tell them apart"),
        )
    for repair in (
        repair
        for key in dict.fromkeys(("districts", "boundary", "population", by))
        if key in city.layers
        for repair in city.layers[key].repairs
    ):
        if "count more than once" in repair.what.en:
            report.add("problem", repair.layer, repair.text())
        if repair.what.en.endswith(": dropped"):
            report.add(
                "warning", repair.layer, Text(f"{repair.text().zh}；全市因此变小", f"{repair.text().en}: the city is smaller for it")
            )
    if areas.overlap_m2 > 1.0:
        report.add("warning", by, Text(f"各区重叠共 {areas.overlap_m2 / 1e6:.3f} 平方公里：各区之和大于全市",
                                                f"areas overlap by {areas.overlap_m2 / 1e6:.3f} km²: they sum to more than the city"))  # fmt: skip


def _is_outline(name: str) -> bool:
    return name in ("districts", "boundary", "built_up_area", "communities")


def _scopes(report: Report, city: City) -> None:
    built = built_up_area(city)
    found = len(built.ground) > 0
    state = Text("估算", "estimated") if built.estimated else Text("已给定图层", "a declared layer")
    row = {
        "scope": "built_up_area",
        "state": state if found else Text("无数据", "no data"),
        "km2": float(shapely.area(built.ground).sum() / 1e6) if found else None,
        "layer": city.scopes.get("built_up_area", "built_up_area"),
    }
    columns = (
        Column("scope", Text("范围", "scope")),
        Column("state", Text("状态", "state")),
        Column("km2", Text("平方公里", "km²"), "number"),
        Column("layer", Text("图层", "layer")),
    )
    report.tables.append(Table("scopes", Text("统计范围", "Scopes"), columns, [row]))
    if built.estimated and found:
        report.add("warning", "built_up_area", Text(
            "未给定建成区，按用地、建筑与街道估算：以建成区为范围的指标均为 estimated；请提供 [layers.built_up_area]",
            "no built-up area was given; it is estimated from land use, buildings and streets, and every metric of that scope will be estimated;"
            " give [layers.built_up_area]",
        ))  # fmt: skip


def _origin_of_layers(report: Report, project: Project) -> None:
    silent = [name for name, local in project.layers.items() if local.path is not None and not local.source]
    if silent:
        names = sample(silent, 20)
        report.add("note", "", Text(f"以下图层未注明出处、许可或日期：{listed(names)}",
                                    f"these layers do not say their source, licence or date: {names}"))  # fmt: skip
