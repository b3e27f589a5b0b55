"""How evidence is called, graded and sorted by kind: one answer for the web map and for QGIS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from spatial.errors import ProjectError, nearest
from spatial.metrics.facilities import facility_classes, mapped
from spatial.metrics.walking import class_service_area
from spatial.outputs.classes import Classes, grade
from spatial.outputs.map_specs import MapSpec
from spatial.result import Evidence, Results
from spatial.text import Text
from spatial.units import Unit, unit_of

COLUMN_TITLES = {
    "metric": Text("指标", "Metric"),
    "variant": Text("口径", "Variant"),
    "area_id": Text("区域编号", "Area id"),
    "scope": Text("统计范围", "Scope"),
    "date": Text("数据日期", "Date of the data"),
    "area_name": Text("区域名称", "Area"),
    "name": Text("名称", "Name"),
    "value": Text("数值", "Value"),
    "low": Text("下限", "Low"),
    "high": Text("上限", "High"),
    "numerator": Text("分子", "Numerator"),
    "denominator": Text("分母", "Denominator"),
    "unit": Text("单位（1 = 比例 0–1）", "Unit (1 = share 0–1)"),
    "status": Text("状态", "Status"),
    "coverage": Text("数据覆盖率（0–1）", "Coverage by the data (0–1)"),
    "quality": Text("实测占比（0–1）", "Share measured, not assumed (0–1)"),
    "note": Text("说明", "Note"),
    "id": Text("编号", "Id"),
    "key": Text("项目", "Key"),
    "area_m2": Text("面积（平方米）", "Area (m²)"),
    "area_ha": Text("面积（公顷）", "Area (ha)"),
    "length_m": Text("长度（米）", "Length (m)"),
    "road_class": Text("道路类别", "Road class"),
    "ref": Text("道路编号", "Road number"),
    "opened": Text("通车（启用）日期", "Opened"),
    "surface": Text("路面", "Surface"),
    "directions": Text("设道方向数", "Directions with a lane"),
    "possible": Text("判定", "Verdict"),
    "congestion": Text("拥堵指数", "Congestion index"),
    "free_flow_kmh": Text("自由流速度（公里/小时）", "Free-flow speed (km/h)"),
    "peak_kmh": Text("高峰速度（公里/小时）", "Peak speed (km/h)"),
    "was": Text("早期等级", "Class before"),
    "sign": Text("依据", "What speaks for it"),
    "estimated": Text("估算", "Estimated"),
    "n": Text("数量（个）", "Count"),
    "gap_m": Text("间隔（米）", "Gap (m)"),
    "class": Text("设施类别", "Kind of facility"),
    "people": Text("居民（人）", "Residents"),
    "rank": Text("排序（居民多者在前）", "Rank by residents"),
    "reached": Text("步行可达类别数", "Classes reached on foot"),
    "of_classes": Text("参评类别数", "Classes that are mapped"),
    "reachable": Text("附近有步行路", "A walkable way is near"),
    "detour_index": Text("绕行系数（倍）", "Detour index (×)"),
    "side_m": Text("街区长边（米）", "Longer side of the block (m)"),
    "limit_m": Text("推荐边长上限（米）", "Recommended side at most (m)"),
    "block_use": Text("街区主要用地", "Main land use of the block"),
    "slow_kind": Text("慢行道类型", "Kind of path"),
    "slow_rank": Text("排序（不通者在前）", "Rank, not joined first"),
    "around_m": Text("现绕行步行距离（米），空 = 1 公里内不通", "Way on foot now (m), empty = none within 1 km"),
    "joins_m": Text("可连通的较短一侧慢行网（米）", "Shorter of the two networks it would join (m)"),
    "barred": Text("隔铁路、快速路或水岸", "Railway, expressway or shore across"),
    "streets": Text("所经道路", "Streets"),
    "level": Text("道路等级口径", "Classes of road"),
    "length_km": Text("长度（公里）", "Length (km)"),
    "radius_km": Text("平均半径（公里）", "Mean radius (km)"),
    "completeness_deg": Text("相交方向数（共 360）", "Directions met (of 360)"),
    "closed": Text("是否闭合", "Closed"),
    "cut": Text("是否被数据边缘截断", "Cut by the edge of the data"),
    "along": Text("断点沿线的同级道路", "Roads that run along the gap"),
    "from_deg": Text("起始方位（度，自北顺时针）", "From bearing (degrees from north)"),
    "to_deg": Text("终止方位（度，自北顺时针）", "To bearing (degrees from north)"),
    "bearing_deg": Text("方位（度，自北顺时针）", "Bearing (degrees from north)"),
    "reach_km": Text("自内环向外（公里）", "Reach beyond the ring (km)"),
    "source": Text("依据", "Source"),
    "kind": Text("类型", "Kind"),
    "stations": Text("车站（座）", "Stations"),
    "complete": Text("数据是否完整", "Whole in the data"),
    "reason": Text("未计入的原因", "Why it is left out"),
    "transfer_m": Text("平均换乘步行距离（米）", "Mean walk to change (m)"),
    "to_bus_stop_m": Text("步行到公交站（米）", "Walk to a bus stop (m)"),
    "to_taxi_rank_m": Text("步行到出租车候车点（米）", "Walk to a taxi rank (m)"),
    "to_car_park_m": Text("步行到公共停车场（米）", "Walk to a public car park (m)"),
    "entrances": Text("已测绘的出入口（个）", "Entrances mapped"),
    "end_kind": Text("尽端类别", "Kind of end"),
    "detour_m": Text("现需绕行（米；空为 5 公里内不可达或无目标）", "Way round today (m; empty: none within 5 km, or nothing ahead)"),
    "detour_ratio": Text("绕行倍数", "Way round ÷ gap"),
    "detour_rank": Text("排序（绕行倍数大者在前）", "Rank by way round ÷ gap"),
    "link_rank": Text("排序（居民省路多者在前）", "Rank by what residents save"),
    "detour_before_m": Text("此前绕行（米；空为 5 公里内不通）", "Way round before (m; empty: none within 5 km)"),
    "detour_after_m": Text("此后路程（米）", "Way after (m)"),
    "saving_m": Text("人均省路（米）", "Saved by each (m)"),
    "person_kilometres": Text("合计省路（人·公里）", "Saved in all (person-km)"),
    "buildings": Text("穿越建筑（栋）", "Buildings in the way"),
    "buildings_m2": Text("其占地（平方米）", "Ground under them (m²)"),
    "water_m": Text("跨越水面（米）", "Over water (m)"),
    "tracks": Text("跨越铁路（股）", "Railway tracks crossed"),
    "dead_ends": Text("打通尽端（个）", "Dead ends opened"),
    "planned": Text("沿规划道路", "Along a planned road"),
    "cut_share": Text("超过 3 倍或不可达的路程占比（0–1）", "Share of ways above 3 times or impossible (0–1)"),
}
# Units of columns that say none in their name.
_UNITS = {
    "people": "persons",
    "reached": "classes",
    "of_classes": "classes",
    "detour_index": "ratio",
    "rank": "count",
    "slow_rank": "count",
    "stations": "count",
    "entrances": "count",
    "carriageways": "count",
    "detour_ratio": "ratio",
    "link_rank": "count",
    "buildings": "count",
    "tracks": "count",
    "dead_ends": "count",
    "detour_rank": "count",
}
_SUFFIXES = {"_m": "m", "_ha": "ha", "_m2": "m2", "_km": "km"}
_PLAIN = Unit("", Text("", ""), 1.0, 2)
# Counts, and the column that says how many there can be.
COUNTS = {"reached": "of_classes"}
KIND_COLORS = ("#2b6cb0", "#c2410c", "#2f855a", "#7b3fa0", "#b7791f", "#9b2c5a", "#0f766e", "#5b6472")


@dataclass(frozen=True)
class Graded:
    """A column by which features are graded: its title, its unit as people read it, and its classes."""

    column: str
    title: str
    unit: str
    classes: Classes


def column_title(results: Results, column: str) -> str | None:
    """Title of a column of evidence; ``None`` where none is known. ``market_m`` is the distance to the nearest market."""
    lang = results.lang
    if column in COLUMN_TITLES:
        return COLUMN_TITLES[column].get(lang)
    kind = facility_classes(results.city).classes.get(column.removesuffix("_m")) if column.endswith("_m") else None
    return None if kind is None else Text(f"距{kind.title.zh}（米）", f"Distance to {kind.title.en} (m)").get(lang)


def beyond_m(results: Results, column: str) -> float | None:
    """How far a distance column looks, metres; beyond, it is empty. ``None`` where the column is no distance to a class."""
    declared = facility_classes(results.city)
    name = column.removesuffix("_m")
    return declared.farthest_m(name) if column.endswith("_m") and name in declared.classes else None


def unit_of_column(column: str) -> Unit:
    """Find the unit of a column, by what is known of it or by its ending; a plain number where nothing tells."""
    code = _UNITS.get(column) or next((unit for ending, unit in _SUFFIXES.items() if column.endswith(ending)), None)
    return unit_of(code) if code else _PLAIN


def declared_evidence(results: Results, key: str) -> tuple[str, Evidence]:
    """Return the title of the metric and what a frame, as ``metric.frame``, is declared to be; its name where nothing is declared."""
    metric, _, name = key.partition(".")
    info = results.metrics.get(metric)
    said = name.replace("_", " ")
    found = info.evidence.get(name) if info is not None else None
    return info.title.get(results.lang) if info is not None else "", found or Evidence(Text(said, said), "#5dade2")


def graded(results: Results, frame: pd.DataFrame, by: str, color: str) -> Graded | None:
    """Grade a frame by a column of numbers; ``None`` where it has no such column or no value.

    Parameters
    ----------
    results
        For the language.
    frame
        Evidence.
    by
        The column.
    color
        ``#rrggbb`` of a single class.
    """
    if not by or by not in frame or not pd.api.types.is_numeric_dtype(frame[by]):
        return None
    unit, lang = unit_of_column(by), results.lang
    values = frame[by].to_numpy(dtype=float, na_value=np.nan)
    most = None
    if by in COUNTS:
        limits = frame[COUNTS[by]] if COUNTS[by] in frame else frame[by]
        most = int(limits.max()) if len(limits) else 0
    classes = grade(values, unit.code or "count", color, lang, most=most)
    if not classes.colors:
        return None
    if most is not None and classes.breaks[-1] == most:
        every = Text(f"{most}（全部）", f"{most} (all)").get(lang)
        classes = Classes(classes.breaks, classes.colors, (*classes.labels[:-1], every))
    title = (column_title(results, by) or by.replace("_", " ")).removesuffix(f" ({unit.label.en})").removesuffix(f"（{unit.label.zh}）")
    return Graded(by, title, "" if most is not None else unit.label.get(lang), classes)


def kinds_of(results: Results, frame: pd.DataFrame) -> dict[str, str]:
    """Kinds of facility in a frame and their titles, in the order of the declarations; empty where it has no column ``class``."""
    if "class" not in frame:
        return {}
    present = set(frame["class"])
    found = {name: kind.title.get(results.lang) for name, kind in facility_classes(results.city).classes.items() if name in present}
    return {**found, **{str(name): str(name) for name in sorted(present - set(found), key=str)}}


def secret_layers(results: Results, key: str) -> list[str]:
    """List the secret layers whose features or figures a frame of evidence, ``metric.frame``, would show.

    Those of its kinds of facility; where it has none, whatever the metric needs, since a frame is drawn from it; residents where it has them by place; and what
    its declaration says that it shows besides.
    """
    frame, info = results.evidence[key], results.metrics.get(key.partition(".")[0])
    declared = facility_classes(results.city).classes
    kinds = kinds_of(results, frame)
    shown = [layer for kind in kinds if kind in declared for layer in declared[kind].layers]
    if info is not None:
        needed = [layer for needs in info.needs.values() for layer in needs if not kinds and layer != "population"]
        shown += [*needed, *declared_evidence(results, key)[1].shows]
    if "people" in frame:
        shown.append("population")
    layers = results.city.layers
    return [layer for layer in dict.fromkeys(shown) if layer in layers and layers[layer].sensitivity == "secret"]


def service_areas(results: Results, spec: MapSpec) -> Iterator[tuple[str, Mapping[str, Any], gpd.GeoDataFrame]]:
    """Make the service areas that a map declares, once for all maps and the GeoPackage.

    Parameters
    ----------
    results
        Areas are made for classes that a measured metric counted and that are mapped well enough to count: around half of the facilities they
        would mislead.
    spec
        The map.

    Yields
    ------
    name, overlay, frame
        Of the declaration, and disjoint polygons in the city's CRS.

    Raises
    ------
    ProjectError
        A project's declaration names no class, or no distance that the class is asked for. A shipped one is left out where the project asks for
        less.
    """
    city = results.city
    known = facility_classes(city)
    counted = {kind for key, frame in results.evidence.items() if key.endswith(".sites") for kind in frame["class"]}
    for name, overlay in spec.overlays.items():
        if "service_area" not in overlay:
            continue
        kind, distance_m = str(overlay["service_area"].get("class")), overlay["service_area"].get("distance_m")
        where = f"{spec.path}: overlays.{name}.service_area"
        if kind not in known.classes:
            raise ProjectError(f'{where}: class "{kind}" is not known{nearest(str(kind), known.classes)}')
        farthest_m = known.farthest_m(kind)
        asked = not isinstance(distance_m, bool) and isinstance(distance_m, int | float) and 0 < distance_m <= farthest_m
        if not asked and name in spec.own_overlays:
            raise ProjectError(f"{where}: distance_m must lie above 0 and at most at {farthest_m:g}, what facilities.toml asks of {kind}")
        if not asked or kind not in counted or city.layer("roads").missing or _secret(results, known.classes[kind].layers):
            continue
        if mapped(city, kind).verdict != "counts":
            continue
        made = city.memo(("service_area", kind, distance_m), partial(class_service_area, city, kind, distance_m))
        if len(made):
            yield name, overlay, made


def _secret(results: Results, layers: tuple[str, ...]) -> bool:
    return any(results.city.layer(layer).sensitivity == "secret" for layer in (*layers, "roads"))
