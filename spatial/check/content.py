"""Facts of what the layers hold: attributes of roads, facilities by class, people against buildings, dates of edits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.areas import CITY, Areas, titles
from spatial.check.report import Column, Report, Table, listed
from spatial.city import City
from spatial.errors import ProjectError, SpatialError, sample
from spatial.metrics.facilities import facilities, facility_classes, mapped
from spatial.metrics.land import unread_land_use
from spatial.metrics.people import residents
from spatial.project import Inputs
from spatial.result import ratio
from spatial.roads import length_by_area, road_model
from spatial.roads.dead_ends import KINDS, road_ends
from spatial.text import Text

FAR_BELOW = 0.2  # of the median of the other areas: a fifth of what they have is rather the map than the city
FEW = 5.0  # below so many expected, an absence says nothing
EMPTY_PER_KM2 = 10.0
CROWDED = 5.0  # times the median of people by floor area
OLD_YEARS = 5
_AREA = Column("area", Text("区", "area"))


def look_at_contents(report: Report, city: City, read: Inputs, by: str) -> None:
    """Add the tables of roads, facilities, people and edits that the inputs allow."""
    try:
        areas = city.areas(by)
    except SpatialError:  # told already
        return
    covered = areas.covered_by(city.data_extent)
    people = None if city.layer("population").missing else residents(city, covered)
    _roads(report, city, covered)
    for note in unread_land_use(city):
        report.add("problem" if city.layer("landuse").origin == "local" else "warning", "landuse", note)
    if people is not None:
        _people(report, city, covered, people)
    try:
        _facilities(report, city, covered, people)
    except ProjectError as error:
        report.add("problem", "facilities.toml", Text(str(error), str(error)))
    if read.osm:
        _edits(report, read.osm.edits)


def _roads(report: Report, city: City, areas: Areas) -> None:
    if city.layer("roads").missing:
        return
    model, frame = road_model(city), city.frame("roads")
    streets = model.classes("length")
    length = length_by_area(city, areas, streets, once=False)
    known = {
        "lanes": frame["lanes"].notna().to_numpy(),
        "width": (frame["width"].notna() | frame["carriageway_width"].notna()).to_numpy(),
        "surface": frame["surface"].notna().to_numpy(),
        "name": frame["name"].fillna("").str.strip().ne("").to_numpy(),
    }
    known["either"] = known["lanes"] | known["width"]
    shares = {
        key: ratio(length_by_area(city, areas, streets & mask[model.road], once=False), length) for key, mask in known.items()
    }  # fmt: skip
    columns = (
        _AREA,
        Column("km", Text("道路公里", "km of road"), "number"),
        Column("lanes", Text("有车道数", "with lanes"), "share"),
        Column("width", Text("有宽度", "with a width"), "share"),
        Column("surface", Text("有路面", "with a surface"), "share"),
        Column("name", Text("有名称", "with a name"), "share"),
    )
    called = titles(areas)
    rows = [
        {"area": called[row], "km": length[row] / 1e3} | {key: float(share[row]) for key, share in shares.items() if key != "either"}
        for row in range(len(areas))
        if areas.coverage[row] > 0
    ]
    remark = Text("道路长度不含匝道、内部路和步行路；两者皆无的道路用等级默认宽度，路面面积为 estimated",
                  "without ramps, service roads and footways; shares are of length; a road with neither a width nor lanes gets the default width of its class, and areas of road are estimated")  # fmt: skip
    report.tables.append(Table("roads", Text("道路属性", "Roads: what is known of them"), columns, rows, remark))
    _unjoined(report, city)
    total = int(np.flatnonzero(areas.ids == CITY)[0])
    guessed = 1 - float(shares["either"][total])
    if guessed > 0.5:
        report.add("warning", "roads", Text(
            f"{guessed:.0%} 的道路长度既无宽度也无车道数：道路面积主要靠等级默认宽度",
            f"{guessed:.0%} of the length of road has neither a width nor lanes: road areas rest mostly on default widths of the classes",
        ))  # fmt: skip


def _unjoined(report: Report, city: City) -> None:
    """Tell streets that stop a few metres short of another, or hang together with nothing: the network is cut there."""
    ends = road_ends(city)
    ids = city.frame("roads")["id"].to_numpy(dtype=object)
    for kind in ("joining_error", "detached"):
        found = ids[ends.road[ends.kind == kind]]
        if len(found):
            told = KINDS[kind]
            report.add("warning", "roads", Text(
                f"{len(found)} 处道路尽端——{told.zh}（id {sample(sorted(found))}）",
                f"{len(found)} ends of streets, {told.en} (ids {sample(sorted(found))})",
            ))  # fmt: skip


def _facilities(report: Report, city: City, areas: Areas, people: npt.NDArray[np.float64] | None) -> None:
    """One row a class: how many, how many for 10,000 residents, and the areas that have far fewer than the others."""
    rows = []
    proper = np.flatnonzero(areas.is_area & (areas.coverage > 0))
    total = int(np.flatnonzero(areas.ids == CITY)[0])
    for name, kind in facility_classes(city).classes.items():
        if all(city.layer(layer).frame is None for layer in kind.layers):
            continue
        found, judged = facilities(city, name), mapped(city, name)
        first = np.unique(found.facility, return_index=True)[1]
        points = shapely.point_on_surface(found.shapes[first])
        _, owner = overlay.points_within(points, areas.pieces, areas.exclusive)
        count = np.bincount(owner, minlength=len(areas)).astype(float)
        rate = np.full(len(areas), np.nan) if people is None else ratio(count, people / 1e4)
        below = _far_below(rate, people, proper) if judged.verdict != "absent" else []
        rows.append({
            "class": name,
            "title": kind.title,
            "count": count[total],
            "per_10000": _known(judged.per_10000) if people is not None and judged.verdict != "absent" else None,
            "verdict": {"counts": Text("可用", "counts"), "thin": Text("稀疏", "thin: estimated"),
                        "absent": Text("无：no_data", "none: no_data")}[judged.verdict],
            "far_below": ", ".join(str(areas.names[row]) for row in below) or None,
            "least": _extreme(np.nanargmin, rate, areas, proper),
            "most": _extreme(np.nanargmax, rate, areas, proper),
            "by_area": {str(areas.ids[row]): {"count": int(count[row]), "per_10000": _known(rate[row])} for row in proper},
        })  # fmt: skip
        if below:
            names = sample((areas.names[row] for row in below), 8)
            report.add("warning", "facilities", Text(
                f"{kind.title.zh}：{listed(names)} 每万人数量不足其他区中位数的五分之一，可能未测绘",
                f"{kind.title.en}: {names} have less than a fifth of the median of the other areas by 10,000 residents; perhaps not mapped there",
            ))  # fmt: skip
    _unclassified(report, city)
    columns = (
        Column("class", Text("类别", "class")),
        Column("title", Text("名称", "title")),
        Column("count", Text("个数", "number"), "count"),
        Column("per_10000", Text("每万人", "per 10,000"), "number"),
        Column("verdict", Text("判断", "taken as")),
        Column("least", Text("每万人最少", "least per 10,000")),
        Column("most", Text("每万人最多", "most per 10,000")),
        Column("far_below", Text("远少于其他区", "far below the others")),
        Column("by_area", Text("各区", "by area"), "json"),
    )
    remark = Text("未测绘不等于没有：稀疏的类别为 estimated、质量 0，没有的类别为 no_data",
                  "not mapped is not absent: a thin class is estimated with quality 0, one without any is no_data")  # fmt: skip
    report.tables.append(Table("facilities", Text("设施（全市）", "Facilities of the whole city"), columns, rows, remark))


def _unclassified(report: Report, city: City) -> None:
    """Tell local layers of facilities none of whose features belongs to a class: their classes are not mapped to ours."""
    for name in ("facilities", "transit_stops"):
        layer = city.layer(name)
        if layer.origin != "local" or layer.frame is None or layer.frame.empty:
            continue
        kinds = [key for key, kind in facility_classes(city).classes.items() if name in kind.layers]
        if not any(facilities(city, key).count for key in kinds):
            report.add("problem", name, Text(
                f"{len(layer.frame)} 个要素不属于任何设施类别：请用 fields 和 values 把它们的分类映射为 OSM 标签（如 amenity、shop、railway）",
                f"none of {len(layer.frame)} features belongs to a class; map their kinds to tags of OpenStreetMap (amenity, shop, railway …) with"
                " fields and values",
            ))  # fmt: skip


def _extreme(which: Callable[[Any], Any], rate: npt.NDArray[np.float64], areas: Areas, proper: npt.NDArray[np.int64]) -> str | None:
    if len(proper) < 2 or not np.isfinite(rate[proper]).any():
        return None
    row = proper[which(rate[proper])]
    return f"{areas.names[row]} {rate[row]:.2f}"


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _far_below(rate: npt.NDArray[np.float64], people: npt.NDArray[np.float64] | None, proper: npt.NDArray[np.int64]) -> list[int]:
    """Areas with less than a fifth of the rate that the median of the others has, where at least five would be expected."""
    if people is None or len(proper) < 3:
        return []
    found = []
    for row in proper:
        others = rate[proper[proper != row]]
        others = others[np.isfinite(others)]
        if not len(others) or not people[row] > 0:
            continue
        typical = float(np.median(others))
        if typical * people[row] / 1e4 >= FEW and rate[row] < FAR_BELOW * typical:
            found.append(int(row))
    return found


def _people(report: Report, city: City, areas: Areas, people: npt.NDArray[np.float64]) -> None:
    """Hold people against buildings: many people where hardly a building stands is a fault of one of the two."""
    size = areas.measured_m2
    buildings = city.layer("buildings")
    floor = np.full(len(areas), np.nan)
    if buildings.missing is None and buildings.frame is not None:
        shapes = np.asarray(buildings.frame.geometry.to_numpy(), dtype=object)
        levels = buildings.frame["levels"].to_numpy(dtype=float)
        index, owner = overlay.points_within(shapely.point_on_surface(shapes), areas.pieces, areas.exclusive)
        known = np.where(np.isfinite(levels) & (levels > 0), levels, 1.0)
        floor = overlay.sum_by(owner, (shapely.area(shapes) * known)[index], len(areas))
    by_floor = ratio(people, floor / 1e3)
    columns = (
        _AREA,
        Column("people", Text("人口", "people"), "count"),
        Column("people_per_km2", Text("人/平方公里", "people/km²"), "count"),
        Column("floor_m2", Text("建筑面积（平方米）", "floor area (m²)"), "count"),
        Column("people_per_1000_m2", Text("人/千平方米", "people per 1,000 m²"), "number"),
    )
    called = titles(areas)
    rows = [
        {"area": called[row], "people": people[row], "people_per_km2": float(ratio(people, size / 1e6)[row]),
         "floor_m2": float(floor[row]), "people_per_1000_m2": float(by_floor[row])}
        for row in range(len(areas)) if areas.coverage[row] > 0
    ]  # fmt: skip
    remark = Text("建筑面积 = 基底 × 层数，层数不明按一层", "floor area = footprint × levels, one level where none is known")
    report.tables.append(Table("people", Text("人口与建筑", "People against buildings"), columns, rows, remark))
    total = int(np.flatnonzero(areas.ids == CITY)[0])
    density = float(ratio(people, size / 1e6)[total])
    if 0 < density < EMPTY_PER_KM2:
        report.add("warning", "population", Text(
            f"全市只有 {people[total]:,.0f} 人，每平方公里 {density:.1f} 人：单位是否为万人？",
            f"only {people[total]:,.0f} people in the city, {density:.1f} per km²: are the numbers in 10,000 persons?",
        ))  # fmt: skip
    proper = np.flatnonzero(areas.is_area & (areas.coverage > 0) & (people > 1000))
    if len(proper) < 3 or not np.isfinite(by_floor[proper]).any():
        return
    typical = float(np.nanmedian(by_floor[proper]))
    crowded = [int(row) for row in proper if not by_floor[row] <= CROWDED * typical]
    if crowded:
        names = sample((areas.names[row] for row in crowded), 8)
        report.add("warning", "population", Text(
            f"{listed(names)}：每平方米建筑的人口超过各区中位数的五倍，或人多而无建筑：建筑未测绘，或人口位置有误",
            f"{names}: more than five times the median of people by floor area, or people and no building: buildings are not mapped there,"
            " or the people are in the wrong place",
        ))  # fmt: skip


def _edits(report: Report, edits: dict[str, int]) -> None:
    if not edits:
        return
    total = sum(edits.values())
    rows = [{"year": year, "count": count, "share": count / total} for year, count in edits.items()]
    columns = (
        Column("year", Text("年份", "year")),
        Column("count", Text("要素", "features"), "count"),
        Column("share", Text("占比", "share"), "share"),
    )
    report.tables.append(Table("edits", Text("OSM 最后编辑年份", "OSM: year of the last edit"), columns, rows))
    newest = max(int(year) for year in edits)
    old = sum(count for year, count in edits.items() if int(year) <= newest - OLD_YEARS) / total
    if old > 0.5:
        report.add("warning", "osm", Text(
            f"{old:.0%} 的 OSM 要素在 {newest - OLD_YEARS} 年或更早以后未再编辑：新近变化可能缺失",
            f"{old:.0%} of the OSM features were last edited in {newest - OLD_YEARS} or before: recent changes may be missing",
        ))  # fmt: skip
