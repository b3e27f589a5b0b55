"""Walking and cycling: how dense the network of paths is, what main roads offer, how well it hangs together, and where short pieces are missing."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from spatial import catalogue, overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.metrics.slow_network import Bools, SlowNetwork, largest_part, slow_gaps, slow_network
from spatial.overlay import Floats
from spatial.result import Evidence, MetricResult, ratio
from spatial.roads import length_by_area, road_model
from spatial.text import Text

_RULES = catalogue.reference("slow_traffic")
_GAP_M = float(_RULES["gaps"]["most_m"])
_STANDARD = Text(
    "GB/T 51439-2021 城市步行和自行车交通系统规划标准（条文待核）；无统一限值",
    "GB/T 51439-2021, planning of walking and cycling (clauses to be confirmed); no common threshold",
)
_NO_PATHS = Text(
    "整个 OSM 提取中没有步行道、自行车道，也没有道路标注人行道",
    "the whole OSM extract has no path and no street whose tags speak of a sidewalk",
)
_MODES = {"walk": ("walk",), "cycle": ("cycle",), "total": ("walk", "cycle")}


@metric(
    "slow_traffic_network",
    title=Text("慢行网密度", "Walking and cycling network"),
    definition=Text(
        "建成区内慢行道长度 ÷ 建成区面积：独立的步行道、自行车道、步行街各计一次，随道路标注的人行道、自行车道按侧计",
        "Length of paths for walking and cycling in the built-up area ÷ built-up area: paths and pedestrian streets of their own once, sidewalks and cycle"
        " lanes that a street's tags speak of by side",
    ),
    standard=_STANDARD,
    unit="km/km2",
    bases=("m", "m2"),
    needs=("roads",),
    scope="built_up_area",
    variants={"total": Text("合计", "total"), "walk": Text("步行", "walking"), "cycle": Text("骑行", "cycling")},
    halo_m=None,
    evidence={"slow_paths": Evidence(Text("慢行道", "paths for walking and cycling"), "#00897b")},
)
def slow_traffic_network(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of paths for walking and cycling over built-up area.

    Parameters
    ----------
    city
        With ``roads``.
    areas
        Rows, restricted to the built-up area.
    variant
        ``walk``, ``cycle`` (painted lanes too) or ``total``; a path for both counts once in the total.

    Returns
    -------
    MetricResult
        ``value`` km/km², ``numerator`` m, ``denominator`` m². ``high``: as if every side of a main road of which nothing is known had one; ``quality``:
        share of the sides of main roads that are known; ``estimated`` where any is not. ``evidence["slow_paths"]``: paths of their own and the streets
        that have one beside them.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Metric catalogue, slow traffic. A sidewalk that is both told by tags and drawn as a path (parallel, within 30 m) counts once, as the path; one that the
    tags call ``separate`` counts only where it is drawn. Crossings are paths; outlines of squares have no length.
    """
    slow, model = slow_network(city), road_model(city)
    if _without_any(city, slow):
        return MetricResult.without(len(areas), _NO_PATHS)
    modes = _MODES[variant]
    paths = np.any([getattr(slow, mode) for mode in modes], axis=0) & ~slow.outlines
    metres = length_by_area(city, areas, paths[model.road], once=False)
    beside, maybe = np.zeros(len(areas)), np.zeros(len(areas))
    known, needed = np.zeros(len(areas)), np.zeros(len(areas))
    main = _main(city, slow)
    for mode in modes:
        beside += _by_area(city, areas, slow.sides.on_the_line(mode).sum(axis=1))
        unknown = slow.sides.unknown(mode) & slow.sides.needed & main[:, None]
        maybe += _by_area(city, areas, unknown.sum(axis=1))
        needed += _by_area(city, areas, (slow.sides.needed & main[:, None]).sum(axis=1))
    known = ratio(needed - maybe, needed)
    size = areas.measured_m2
    length = metres + beside
    return MetricResult(
        value=ratio(length / 1e3, size / 1e6),
        numerator=length,
        denominator=size,
        low=ratio(length / 1e3, size / 1e6),
        high=ratio((length + maybe) / 1e3, size / 1e6),
        quality=np.clip(np.nan_to_num(known, nan=1.0), 0, 1),
        estimated=maybe > 1e-6,
        row_notes=_composed(areas, metres, beside),
        evidence={"slow_paths": lambda: _paths_frame(city, slow)} if variant == "total" else {},
    )


@metric(
    "main_road_slow_lanes",
    title=Text("主次干路慢行道设置率", "Main roads with footways and cycle tracks"),
    definition=Text(
        "建成区内主、次干路两侧已确认设有步行道（或与机动车道分隔的自行车道）的长度 ÷ 主、次干路长度；单侧计一半，未标注的只计入上限",
        "Length of primary and secondary roads in the built-up area with a known footway (or a cycle track apart from the carriageway) ÷ their length; one side"
        " counts half, what is not known only in the upper bound",
    ),
    standard=Text(
        "各级城市道路应设步行空间（GB/T 51439-2021，待核）",
        "streets of every class have room for walkers (GB/T 51439-2021, to be confirmed)",
    ),
    unit="1",
    bases=("m", "m"),
    needs=("roads",),
    scope="built_up_area",
    variants={"footway": Text("步行道", "footway"), "cycle_track": Text("分隔自行车道", "separated cycle track")},
    halo_m=None,
    evidence={"main_roads_without": Evidence(Text("未确认有步行道的主次干路", "main roads without a known footway"), "#ef6c00")},
)
def main_road_slow_lanes(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of main roads with a footway or a separated cycle track.

    Parameters
    ----------
    city
        With ``roads``.
    areas
        Rows, restricted to the built-up area.
    variant
        ``footway`` or ``cycle_track`` (a painted lane is none).

    Returns
    -------
    MetricResult
        ``value`` 0–1, what is known to be there, which is ``low``; ``high``: as if all that is not known had one; ``numerator`` and ``denominator`` m of
        road, several carriageways once; ``quality``: share that is known; ``estimated`` where some is not; NaN where less than a tenth is known.
        ``evidence["main_roads_without"]``: stretches where no footway is known.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Metric catalogue, slow traffic. A side is known by ``sidewalk`` and ``cycleway`` tags, or by a path drawn parallel to the road within 30 m (to be
    confirmed). Of one of several carriageways only the outer side is asked. Expressways are left out: their side roads have the footways.
    """
    slow = slow_network(city)
    mode = "walk" if variant == "footway" else "cycle"
    sides, main = slow.sides, _main(city, slow)
    share = sides.needed / np.maximum(sides.needed.sum(axis=1), 1)[:, None] * main[:, None] * road_model(city).weights[sides.run][:, None]
    there = _by_area(city, areas, (share * sides.there(mode)).sum(axis=1))
    maybe = _by_area(city, areas, (share * sides.unknown(mode)).sum(axis=1))
    length = _by_area(city, areas, share.sum(axis=1))
    known = np.clip(ratio(length - maybe, length), 0, 1)
    little = np.nan_to_num(known, nan=1.0) < _RULES["beside"]["least_known"]
    rows = {int(row): [_unknown(float(known[row]), variant)] for row in np.flatnonzero(little & (length > 0))}
    return MetricResult(
        value=np.where(little, np.nan, ratio(there, length)),
        numerator=there,
        denominator=length,
        low=ratio(there, length),
        high=ratio(there + maybe, length),
        quality=np.nan_to_num(known),
        estimated=maybe > 1e-6,
        row_notes=rows,
        evidence={"main_roads_without": lambda: _without_frame(city, slow)} if variant == "footway" else {},
    )


def _unknown(known: float, variant: str) -> Text:
    what = Text("步行道", "footways") if variant == "footway" else Text("自行车道", "cycle tracks")
    return Text(
        f"仅 {known:.0%} 的主次干路有{what.zh}信息（标注或并行路径），不足以计算",
        f"only {known:.0%} of main roads have anything mapped of {what.en} (tags, or a path beside): too little to say",
    )


@metric(
    "slow_network_connectivity",
    title=Text("慢行网连通度", "Connectivity of the walking and cycling network"),
    definition=Text(
        "建成区内属于全市最大连通部分的慢行道长度 ÷ 慢行道总长度",
        "Length of paths in the built-up area that belong to the largest connected part of the city's network ÷ length of all of them",
    ),
    standard=_STANDARD,
    unit="1",
    bases=("m", "m"),
    needs=("roads",),
    scope="built_up_area",
    variants={
        "dedicated": Text("仅慢行道自身相连", "connected by paths alone"),
        "with_streets": Text("可经支路、内部道路相连", "connected by calm streets too"),
    },
    halo_m=None,
    evidence={"largest_part": Evidence(Text("最大连通慢行网", "largest connected part"), "#00695c")},
)
def slow_network_connectivity(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of the network that hangs together.

    Parameters
    ----------
    city
        With ``roads``.
    areas
        Rows, restricted to the built-up area.
    variant
        ``dedicated``: paths, crossings and streets with a sidewalk or a cycle lane of their own; ``with_streets``: residential, service and unclassified
        streets connect them too, and do not count themselves.

    Returns
    -------
    MetricResult
        ``value`` 0–1, ``numerator`` and ``denominator`` m of path, a street with sidewalks once. The largest part is that of the whole data, so that areas
        add up. ``evidence["largest_part"]``: its lines.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    slow, model = slow_network(city), road_model(city)
    if _without_any(city, slow):
        return MetricResult.without(len(areas), _NO_PATHS)
    counted = (slow.paths | (slow.streets & ~slow.outlines))[model.road]
    mine = counted & largest_part(city, with_streets=variant == "with_streets")[model.road]
    above, all_of = (length_by_area(city, areas, each, once=False) for each in (mine, counted))
    evidence = {}
    if variant == "dedicated":
        evidence["largest_part"] = lambda: gpd.GeoDataFrame(
            {"length_m": np.round(shapely.length(model.lines[mine]))}, geometry=list(model.lines[mine]), crs=city.crs
        )
    return MetricResult(ratio(above, all_of), above, all_of, evidence=evidence)


@metric(
    "slow_network_gaps",
    title=Text("慢行网断点", "Gaps of the walking and cycling network"),
    definition=Text(
        f"建成区内慢行道断头之间不足 {_GAP_M:g} 米、方向相对、无建筑阻隔且附近没有便捷步行联系的缺口数，计入缺口中点所在的区",
        f"Gaps of less than {_GAP_M:g} m between loose ends of paths that lead towards one another, with no building between and no short way on foot; a gap counts"
        " where its middle lies",
    ),
    standard=Text("无统一限值；逐步消除", "no common threshold; to be closed step by step"),
    unit="count",
    bases=("count", ""),
    needs=("roads",),
    scope="built_up_area",
    halo_m=None,
    evidence={"slow_gaps": Evidence(Text("慢行网断点", "gaps of the network"), "#d50000")},
)
def slow_network_gaps(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Count the short gaps of the network.

    Parameters
    ----------
    city
        With ``roads``; ``buildings`` refine it.
    areas
        Rows, restricted to the built-up area.
    variant
        Only ``""``.

    Returns
    -------
    MetricResult
        ``value`` and ``numerator``: gaps. ``evidence["slow_gaps"]``: straight lines with their rank, their length, the way round
        (empty where there is none within 1 km), the length of the shorter of the two parts that they would join, and whether a railway, an expressway or a shore lies across.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Metric catalogue, slow traffic. Ends at doors (within 3 m of a building), at the edge of the data, of parts shorter than 50 m, and those joined by a way
    on foot of at most twice the gap or 50 m more are left out; gaps that nothing joins come first, by what they would join, then the others by what they save; ``data/slow_traffic.toml`` has the figures, to be confirmed. A gap may be one of the map alone: look before you build.
    """
    slow = slow_network(city)
    if _without_any(city, slow):
        return MetricResult.without(len(areas), _NO_PATHS)
    gaps = slow_gaps(city)
    index, owner = overlay.points_within(gaps.middles, areas.pieces, areas.exclusive)
    count = np.bincount(owner, minlength=len(areas)).astype(float)
    shown = np.unique(index)
    size = areas.measured_m2
    frame = gpd.GeoDataFrame(
        {
            "slow_rank": np.arange(1, len(shown) + 1),
            "gap_m": np.round(shapely.length(gaps.lines[shown]), 1),
            "around_m": np.round(np.where(np.isfinite(gaps.around_m[shown]), gaps.around_m[shown], np.nan)),
            "joins_m": np.round(gaps.joins_m[shown]),
            "barred": np.where(gaps.barred[shown], "yes", "no").astype(object),
        },
        geometry=list(gaps.lines[shown]),
        crs=city.crs,
    )
    note = Text(
        "依据现有地图；可能只是地图缺漏，须现场核实", "by the map as it is; a gap may be one of the map alone, to be looked at on site"
    )
    return MetricResult(np.where(size > 0, count, np.nan), count, notes=[note], evidence={"slow_gaps": frame})


def _without_any(city: City, slow: SlowNetwork) -> bool:
    return not slow.network.any() and city.layer("roads").origin == "osm"


def _main(city: City, slow: SlowNetwork) -> Bools:
    """Which places of the sides lie on main roads."""
    return np.isin(road_model(city).road_class[slow.sides.run], _RULES["main_roads"])


def _by_area(city: City, areas: Areas, weight: Floats) -> Floats:
    """Metres by row, each place with its weight; a street on a common edge counts half on each side."""
    sides = slow_network(city).sides
    index, owner = overlay.points_within(sides.points, areas.pieces, areas.exclusive)
    each = np.tile(sides.metres * weight / 2, 2)
    return overlay.sum_by(owner, each[index], len(areas))


def _composed(areas: Areas, paths: Floats, beside: Floats) -> dict[int, list[Text]]:
    row = int(np.flatnonzero(areas.ids == CITY)[0])
    if paths[row] + beside[row] <= 0:
        return {}
    return {
        row: [
            Text(
                f"独立慢行道 {paths[row] / 1e3:.1f} 公里，道路标注的人行道、自行车道 {beside[row] / 1e3:.1f} 公里（按侧）",
                f"{paths[row] / 1e3:.1f} km of paths of their own, {beside[row] / 1e3:.1f} km of sidewalks and cycle lanes by the tags of streets (by side)",
            )
        ]
    }


def _paths_frame(city: City, slow: SlowNetwork) -> gpd.GeoDataFrame:
    model = road_model(city)
    shown = np.flatnonzero((slow.network & ~slow.outlines)[model.road])
    walked, cycled = slow.walk[model.road[shown]], slow.cycle[model.road[shown]]
    kind = np.select([walked & cycled, walked, cycled], ["both", "walk", "cycle"], "street").astype(object)
    return gpd.GeoDataFrame({"slow_kind": kind}, geometry=list(model.lines[shown]), crs=city.crs)


def _without_frame(city: City, slow: SlowNetwork) -> gpd.GeoDataFrame:
    """Show the runs of main roads of which most sides have no known footway."""
    model, sides = road_model(city), slow.sides
    main = _main(city, slow)
    lacking = (sides.needed & ~sides.there("walk")).sum(axis=1) / np.maximum(sides.needed.sum(axis=1), 1)
    metres = overlay.sum_by(sides.run[main], sides.metres[main], len(model.lines))
    share = ratio(overlay.sum_by(sides.run[main], (sides.metres * lacking)[main], len(model.lines)), metres)
    shown = np.flatnonzero(np.nan_to_num(share) > 0.5)
    columns = {"road_class": model.road_class[shown], "length_m": np.round(shapely.length(model.lines[shown]))}
    return gpd.GeoDataFrame(columns, geometry=list(model.lines[shown]), crs=city.crs)
