"""Roads: area ratio, density, junctions."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.network.graph import build_network, unjoined_crossings
from spatial.overlay import Floats, Geometries
from spatial.result import Evidence, MetricResult, ratio
from spatial.roads import (
    HALO_M,
    SOURCES,
    class_table,
    drawn_ground,
    drawn_share,
    length_by_area,
    parts_by_area,
    road_model,
    strips_by_run,
    surface,
    unknown_note,
    used_runs,
)
from spatial.roads.side_roads import length_classes
from spatial.text import Text

JUNCTION_M = 30.0

_STANDARD_DENSITY = Text("中发〔2016〕6号：8 公里/平方公里（2020 年）", "Central Committee and State Council 2016 no. 6: 8 km/km² by 2020")


@metric(
    "road_area_ratio",
    title=Text("道路面积率", "Road area ratio"),
    definition=Text(
        "建成区内市政道路的水平投影面积（重叠只计一次）÷ 建成区面积",
        "Area of municipal roads inside the built-up area, seen from above and counted once where roads cross ÷ built-up area",
    ),
    standard=Text("中发〔2016〕6号：15 %；建成区口径", "Central Committee and State Council 2016 no. 6: 15 % of the built-up area"),
    unit="1",
    bases=("m2", "m2"),
    evidence={"road_surface": Evidence(Text("道路面", "road surface"), "#9e9e9e", shows=("road_polygons",))},
    needs=("roads",),
    scope="built_up_area",
    variants={
        "paved": Text("铺装面（物理，不含隧道）", "paved surface (physical, no tunnels)"),
        "carriageway": Text("车行道", "carriageway"),
        "redline": Text("道路红线（规划宽度）", "red line (planned width)"),
        "statistic": Text("统计口径（含隧道、3.5 米以上开放内部道路）", "statistic (with tunnels and open inner roads of 3.5 m or more)"),
    },
    halo_m=HALO_M,
)
def road_area_ratio(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Area of roads over built-up area.

    Parameters
    ----------
    city
        With ``roads``; metres.
    areas
        Rows, restricted to the built-up area.
    variant
        ``paved``, ``carriageway``, ``redline`` or ``statistic``.

    Returns
    -------
    MetricResult
        ``value`` 0–1; ``low``/``high`` from the width ranges of the classes; ``quality``: share of length whose width or lanes were mapped;
        ``estimated`` where a class default was used. ``evidence["road_surface"]``: the united surface.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Buffers are united, never length × width: a crossing counts once. In a declared scope the low and the high widths are united too. In an
    estimated one without road polygons, whose outline closes over the streets, the band is carried through the overlap that the default widths show: with
    s = Σ length × width and A the united area, the overlap grows linearly with width, which is exact on a grid of streets.
    """
    model = road_model(city)
    used, widths = used_runs(city, variant)
    over = None if variant == "paved" else areas.pieces.distinct[0]  # the paved surface is also shown, wherever it is
    ground = surface(city, variant, over=over)
    area = overlay.surface_within(ground, areas.pieces)
    size = areas.measured_m2
    # The weight of a run is its length; in a declared scope, whose parcels may lie beside the axis of a road, the area of its strip.
    if areas.scope_declared:
        strips, runs = strips_by_run(city, variant)
        index, owner, weight = overlay.polygon_parts(strips, areas.pieces)
        index = runs[index]
    else:
        index, owner, weight = parts_by_area(city, areas)
        mine = used[index]
        index, owner, weight = index[mine], owner[mine], weight[mine]
    total = overlay.sum_by(owner, weight, len(areas))
    source = model.source[index] if variant != "redline" else np.full(len(index), len(SOURCES) - 1)
    shares = np.stack([overlay.sum_by(owner[source == k], weight[source == k], len(areas)) for k in range(len(SOURCES))])
    drawn = len(drawn_ground(city, variant)) > 0
    in_drawn = overlay.sum_by(owner, weight * drawn_share(city, variant)[index] * (source == len(SOURCES) - 1), len(areas))
    known = np.clip(ratio(shares[:-1].sum(axis=0) + in_drawn, total), 0, 1)
    if np.ptp(widths[used], axis=1).max(initial=0.0) == 0:
        low, high = area, area
    elif areas.scope_declared or drawn:
        low, high = (overlay.surface_within(surface(city, variant, k, over=areas.pieces.distinct[0]), areas.pieces) for k in (0, 2))
    else:
        strips_m2 = [overlay.sum_by(owner, weight * widths[index, k], len(areas)) for k in range(3)]
        low, high = (_with_width(area, strips_m2[1], strips_m2[k]) for k in (0, 2))
    rows = {}
    for i in np.flatnonzero((areas.ids == CITY) & (total > 0)):
        mine = owner == i
        motorway = weight[mine & (model.road_class[index] == "motorway")].sum() / total[i]
        mean = float(np.average(widths[index[mine], 1], weights=weight[mine]))
        rows[int(i)] = [_sources(shares[:, i] / total[i], mean, motorway, by_area=areas.scope_declared)]
        if drawn:
            within = overlay.surface_within(drawn_ground(city, variant), areas.pieces)[i] / area[i] if area[i] > 0 else 0.0
            rows[int(i)].append(
                Text(
                    f"其中 {within:.0%} 的道路面积来自道路面数据",
                    f"{within:.0%} of the road area comes from road polygons, the rest from lines",
                )
            )
    evidence = {}
    if variant == "paved":
        evidence["road_surface"] = lambda: gpd.GeoDataFrame({"area_m2": shapely.area(ground)}, geometry=list(ground), crs=city.crs)
    notes = [*unknown_note(city)]
    if model.rejected_widths:
        notes.append(
            Text(
                f"{model.rejected_widths} 段道路宽度不可信，改用车道数或等级默认值",
                f"{model.rejected_widths} road widths were not credible and gave way to lanes or class defaults",
            )
        )
    if model.rejected_lanes:
        notes.append(
            Text(
                f"{model.rejected_lanes} 段道路车道数不可信，改用等级默认值",
                f"{model.rejected_lanes} numbers of lanes were not credible and gave way to class defaults",
            )
        )
    return MetricResult(
        value=ratio(area, size),
        numerator=area,
        denominator=size,
        low=ratio(np.minimum(low, area), size),
        high=ratio(np.minimum(np.maximum(high, area), size), size),
        quality=known,
        estimated=(total > 0) & (np.nan_to_num(known) < 1 - 1e-9),
        notes=notes,
        row_notes=rows,
        evidence=evidence,
    )


def _with_width(area: Floats, strips: Floats, other: Floats) -> Floats:
    """Area at other widths, the overlap growing in proportion to the width."""
    overlap = np.clip(1 - ratio(area, strips), 0, 1)
    return np.nan_to_num(other * np.clip(1 - overlap * ratio(other, strips), 0, 1))


def _sources(shares: Floats, mean_m: float, motorway: float, *, by_area: bool) -> Text:
    parts = [f"{share:.0%}" for share in shares]
    return Text(
        f"宽度来源（按{'面积' if by_area else '长度'}）：车行道宽 {parts[0]}、总宽 {parts[1]}、车道数 {parts[2]}、等级默认 {parts[3]}；"
        f"平均宽 {mean_m:.1f} 米；其中高速公路 {motorway:.1%}",
        f"width by {'area' if by_area else 'length'}: carriageway {parts[0]}, width {parts[1]}, lanes {parts[2]}, class default {parts[3]};"
        f" mean {mean_m:.1f} m; motorway {motorway:.1%} of it",
    )


_CLASS_KEYS = ("motorway", "expressway", "primary", "secondary", "tertiary", "unclassified", "residential")


@metric(
    "road_network_density",
    title=Text("路网密度", "Road network density"),
    definition=Text(
        "建成区内已通车市政道路长度（分幅道路只计一次，快速路、高速公路的辅路随主路，匝道不计）÷ 建成区面积",
        "Length of open municipal roads inside the built-up area, dual carriageways once, side roads of expressways and motorways with them, links left out"
        " ÷ built-up area",
    ),
    standard=_STANDARD_DENSITY,
    unit="km/km2",
    bases=("m", "m2"),
    evidence={
        "dual_carriageways": Evidence(Text("分幅道路", "dual carriageways"), "#8e44ad", by="carriageways"),
        "pair_links": Evidence(Text("分幅道路的配对", "carriageways taken for one road"), "#d6006c"),
    },
    needs=("roads",),
    scope="built_up_area",
    variants={"total": Text("合计", "total"), **{key: Text(**class_table()[key]["title"]) for key in _CLASS_KEYS}},
    halo_m=None,
)
def road_network_density(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of open municipal roads over built-up area.

    Parameters
    ----------
    city
        With ``roads``; metres.
    areas
        Rows, restricted to the built-up area.
    variant
        ``total`` or a class of ``data/road_classes.toml``.

    Returns
    -------
    MetricResult
        ``value`` km/km², ``numerator`` m, ``denominator`` m². A road on a common edge counts half on each side.
        ``evidence["dual_carriageways"]``: every run of a road with n carriageways, which counts 1/n; ``evidence["pair_links"]``: lines across
        such roads about every 100 m, from one outermost carriageway to the other.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    model = road_model(city)
    # Side roads (辅路) as in the lengths by class, so that these add up to the total here as there.
    kind, counts = length_classes(city)
    used = model.classes("length") & counts & (True if variant == "total" else kind == variant)
    if not used.any() and city.layer("roads").origin == "osm":
        title = class_table()[variant]["title"] if variant != "total" else {"zh": "市政道路", "en": "municipal road"}
        return MetricResult.without(len(areas), Text("整个 OSM 提取中没有{zh}", "the whole OSM extract has no {en}").format(**title))
    metres = length_by_area(city, areas, used, once=True)
    evidence = _pairs(city, used) if variant == "total" else {}
    size = areas.measured_m2
    rows = {int(row): _said(city, areas, used, int(row), metres) for row in np.flatnonzero(areas.ids == CITY)} if variant == "total" else {}
    return MetricResult(
        value=ratio(metres / 1e3, size / 1e6),
        numerator=metres,
        denominator=size,
        notes=unknown_note(city),
        row_notes=rows,
        evidence=evidence,
    )


def _pairs(city: City, used: npt.NDArray[np.bool_]) -> dict[str, gpd.GeoDataFrame]:
    """Draw every carriageway of a road that has several, and what was joined."""
    model = road_model(city)
    roads = city.frame("roads")
    twin = used & model.paired
    links = model.links
    shown = np.isin(links.road, np.unique(model.road[twin]))
    ids, names = (roads[column].to_numpy(dtype=object) for column in ("id", "name"))
    return {
        "dual_carriageways": gpd.GeoDataFrame(
            {
                "id": ids[model.road[twin]],
                "name": names[model.road[twin]],
                "road_class": model.road_class[twin],
                "carriageways": model.carriageways[twin],
            },
            geometry=list(model.lines[twin]),
            crs=city.crs,
        ),
        "pair_links": gpd.GeoDataFrame(
            {"name": names[links.road[shown]], "carriageways": links.carriageways[shown], "gap_m": np.round(links.gap_m[shown], 1)},
            geometry=list(links.lines[shown]),
            crs=city.crs,
        ),
    }


def _said(city: City, areas: Areas, used: npt.NDArray[np.bool_], row: int, metres: Floats) -> list[Text]:
    """Say how much of the length was joined, and by what; and what is not open yet."""
    model = road_model(city)
    index, owner, length = parts_by_area(city, areas)
    mine = (owner == row) & used[index]
    index, length = index[mine], length[mine]
    drawn, paired = length.sum(), model.paired[index]
    said = []
    if paired.any():
        named = ratio(np.array([(length * model.by_name[index])[paired].sum()]), np.array([length[paired].sum()]))[0]
        said.append(
            Text(
                f"图上线长 {drawn / 1e3:.1f} 公里，其中 {length[paired].sum() / 1e3:.1f} 公里属分幅道路（{named:.0%} 按路名或编号配对，"
                f"其余仅按等级与位置），归并后计 {metres[row] / 1e3:.1f} 公里",
                f"{drawn / 1e3:.1f} km of lines, of which {length[paired].sum() / 1e3:.1f} km are carriageways of divided roads ({named:.0%} joined by"
                f" name or number, the rest by class and place alone); each road once: {metres[row] / 1e3:.1f} km",
            )
        )
    roads = city.frame("roads")

    def drawn_as(*tags: str) -> Geometries:
        return np.asarray(roads.geometry[roads["highway"].isin(tags)].to_numpy(), dtype=object)

    for lines, what in (
        (drawn_as("construction"), Text("在建道路", "roads under construction")),
        (drawn_as("proposed", "planned"), Text("规划道路", "planned roads")),
        (model.lines[model.coming], Text("待通车道路（按通车日期或状态）", "roads yet to be opened (by their day or status)")),
    ):
        unbuilt = overlay.length_within(lines, areas.pieces)[row] if len(lines) else 0.0
        if unbuilt > 0:
            said.append(
                Text(
                    f"{what.zh}图上线长 {unbuilt / 1e3:.1f} 公里，未通车不计",
                    f"{unbuilt / 1e3:.1f} km of {what.en} are not open and not counted",
                )
            )
    return said


@metric(
    "intersection_density",
    title=Text("交叉口密度", "Intersection density"),
    definition=Text(
        "建成区内市政道路交叉口（三条及以上路段相交；立交桥、匝道合流不算）个数 ÷ 建成区面积",
        "Junctions of municipal roads inside the built-up area, where three or more segments meet (neither a bridge over a street nor a ramp is one)"
        " ÷ built-up area",
    ),
    standard=Text("无统一限值", "no common threshold"),
    unit="1/km2",
    bases=("count", "m2"),
    evidence={"junctions": Evidence(Text("交叉口", "junctions"), "#c0392b")},
    needs=("roads",),
    scope="built_up_area",
    variants={
        "consolidated": Text("合并（30 米以内的节点算一个路口）", "consolidated (nodes within 30 m of one another are one)"),
        "nodes": Text("节点", "nodes"),
    },
    halo_m=500.0,
)
def intersection_density(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Junctions per square kilometre.

    Parameters
    ----------
    city
        With ``roads``; metres.
    areas
        Rows, restricted to the built-up area.
    variant
        ``consolidated`` (crossings of dual carriageways are one junction) or ``nodes``.

    Returns
    -------
    MetricResult
        ``value`` per km², ``numerator`` count. ``evidence["junctions"]``: the points counted.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    points, unjoined = city.memo(("junctions", variant), lambda: _junctions(city, consolidated=variant == "consolidated"))
    _, owner = overlay.points_within(points, areas.pieces, areas.exclusive)
    count = np.bincount(owner, minlength=len(areas)).astype(float)
    size = areas.measured_m2
    evidence = (
        {"junctions": gpd.GeoDataFrame({"n": np.arange(len(points))}, geometry=list(points), crs=city.crs)}
        if variant == "consolidated"
        else {}
    )
    missed = np.bincount(overlay.points_within(unjoined, areas.pieces, areas.exclusive)[1], minlength=len(areas))
    rows = {
        int(row): [
            Text(
                f"{missed[row]} 处本地道路相交却没有公共节点，未计为路口：请在交叉处打断道路",
                f"{missed[row]} crossings of local roads have no common vertex and are not counted: split the roads where they cross",
            )
        ]
        for row in np.flatnonzero(missed)
    }
    return MetricResult(
        ratio(count, size / 1e6), count, size, estimated=missed > 0, notes=unknown_note(city), row_notes=rows, evidence=evidence
    )


def _junctions(city: City, *, consolidated: bool) -> tuple[overlay.Geometries, overlay.Geometries]:
    """Junctions, and the crossings of local roads on one level that have no vertex in common."""
    model = road_model(city)
    roads = city.frame("roads")
    chosen = np.unique(model.road[model.classes("length")])
    if not len(chosen):
        return np.empty(0, object), np.empty(0, object)
    lines = roads.iloc[chosen].explode(index_parts=False).reset_index(drop=True)
    network = build_network(lines)
    xy = network.xy[network.degree() >= 3]
    if consolidated and len(xy):
        near = cKDTree(xy).query_pairs(JUNCTION_M, output_type="ndarray")
        links = coo_array((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(xy), len(xy)))
        count, label = connected_components(links, directed=False)
        weight = np.bincount(label, minlength=count)
        xy = np.column_stack([overlay.sum_by(label, xy[:, axis], count) / weight for axis in (0, 1)])
    return np.atleast_1d(shapely.points(xy)), unjoined_crossings(lines)
