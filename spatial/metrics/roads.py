"""Roads: area ratio, density, junctions."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.metrics.road_model import HALO_M, SOURCES, class_table, length_by_area, parts_by_area, road_model, surface, unknown_note
from spatial.network.graph import build_network
from spatial.overlay import Floats
from spatial.result import Evidence, MetricResult, ratio
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
    evidence={"road_surface": Evidence(Text("道路面", "road surface"), "#9e9e9e")},
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
    Buffers are united, never length × width: a crossing counts once. The band of widths is carried through the overlap that the default widths
    show: with s = Σ length × width and A the united area, the overlap grows linearly with width, which is exact on a grid of streets.
    """
    model = road_model(city)
    ground, used, widths = surface(city, variant)
    area = overlay.surface_within(ground, areas.pieces)
    size = areas.measured_m2
    index, owner, length = parts_by_area(city, areas)
    mine = used[index]
    index, owner, length = index[mine], owner[mine], length[mine]
    width = widths[index]
    by_width = [overlay.sum_by(owner, length * width[:, column], len(areas)) for column in range(3)]
    metres = overlay.sum_by(owner, length, len(areas))
    source = model.source[index]
    shares = np.stack([overlay.sum_by(owner[source == k], length[source == k], len(areas)) for k in range(len(SOURCES))])
    known = ratio(shares[:3].sum(axis=0), metres) if variant != "redline" else np.where(metres > 0, 0.0, np.nan)
    low, high = (np.minimum(_with_width(area, by_width[1], by_width[k]), size) for k in (0, 2))
    rows = {int(i): [_sources(shares[:, i], metres[i], by_width[1][i])] for i in np.flatnonzero(areas.ids == CITY) if metres[i] > 0}
    motorway = model.road_class[index] == "motorway"
    if motorway.any() and rows:
        part = overlay.sum_by(owner[motorway], (length * width[:, 1])[motorway], len(areas))
        for i, notes in rows.items():
            share = part[i] / by_width[1][i]
            notes.append(Text(f"其中高速公路占道路面积约 {share:.1%}", f"about {share:.1%} of the road area is motorway"))
    evidence = {}
    if variant == "paved":
        evidence["road_surface"] = gpd.GeoDataFrame({"area_m2": shapely.area(ground)}, geometry=list(ground), crs=city.crs)
    notes = [*unknown_note(city)]
    if model.rejected_widths:
        notes.append(
            Text(
                f"{model.rejected_widths} 段道路宽度不可信，改用车道数或等级默认值",
                f"{model.rejected_widths} road widths were not credible and gave way to lanes or class defaults",
            )
        )
    return MetricResult(
        value=ratio(area, size),
        numerator=area,
        denominator=size,
        low=ratio(low, size),
        high=ratio(high, size),
        quality=known,
        estimated=(metres > 0) & (np.nan_to_num(known) < 1 - 1e-9),
        notes=notes,
        row_notes=rows,
        evidence=evidence,
    )


def _with_width(area: Floats, strips: Floats, other: Floats) -> Floats:
    """Area at other widths, the overlap growing in proportion to the width."""
    overlap = np.clip(1 - ratio(area, strips), 0, 1)
    return np.nan_to_num(other * np.clip(1 - overlap * ratio(other, strips), 0, 1))


def _sources(shares: Floats, metres: float, strips: float) -> Text:
    parts = [f"{share / metres:.0%}" for share in shares]
    mean = strips / metres
    return Text(
        f"宽度来源（按长度）：车行道宽 {parts[0]}、总宽 {parts[1]}、车道数 {parts[2]}、等级默认 {parts[3]}；平均宽 {mean:.1f} 米",
        f"width by length: carriageway {parts[0]}, width {parts[1]}, lanes {parts[2]}, class default {parts[3]}; mean {mean:.1f} m",
    )


_CLASS_KEYS = ("motorway", "expressway", "primary", "secondary", "tertiary", "unclassified", "residential")


@metric(
    "road_network_density",
    title=Text("路网密度", "Road network density"),
    definition=Text(
        "建成区内市政道路长度（分幅道路只计一次，匝道不计）÷ 建成区面积",
        "Length of municipal roads inside the built-up area, dual carriageways once, links left out ÷ built-up area",
    ),
    standard=_STANDARD_DENSITY,
    unit="km/km2",
    bases=("m", "m2"),
    evidence={"dual_carriageways": Evidence(Text("分幅道路", "dual carriageways"), "#8e44ad")},
    needs=("roads",),
    scope="built_up_area",
    variants={"total": Text("合计", "total"), **{key: Text(**class_table()[key]["title"]) for key in _CLASS_KEYS}},
    halo_m=HALO_M,
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
        ``evidence["dual_carriageways"]``: every run that counts half.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    model = road_model(city)
    used = model.classes("length") & (True if variant == "total" else model.road_class == variant)
    metres = length_by_area(city, areas, used, once=True)
    evidence = {}
    if variant == "total":
        twin = used & model.paired
        evidence["dual_carriageways"] = gpd.GeoDataFrame(
            {"id": city.frame("roads")["id"].to_numpy()[model.road[twin]], "road_class": model.road_class[twin]},
            geometry=list(model.lines[twin]),
            crs=city.crs,
        )
    size = areas.measured_m2
    return MetricResult(
        value=ratio(metres / 1e3, size / 1e6), numerator=metres, denominator=size, notes=unknown_note(city), evidence=evidence
    )


@metric(
    "intersection_density",
    title=Text("交叉口密度", "Intersection density"),
    definition=Text(
        "建成区内市政道路交叉口（三条及以上路段相交；立交桥不算）个数 ÷ 建成区面积",
        "Junctions of municipal roads inside the built-up area, where three or more segments meet (a bridge over a street is none) ÷ built-up area",
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
    points = city.memo(("junctions", variant), lambda: _junctions(city, consolidated=variant == "consolidated"))
    _, owner = overlay.points_within(points, areas.pieces, areas.exclusive)
    count = np.bincount(owner, minlength=len(areas)).astype(float)
    size = areas.measured_m2
    evidence = (
        {"junctions": gpd.GeoDataFrame({"n": np.arange(len(points))}, geometry=list(points), crs=city.crs)}
        if variant == "consolidated"
        else {}
    )
    return MetricResult(value=ratio(count, size / 1e6), numerator=count, denominator=size, evidence=evidence)


def _junctions(city: City, *, consolidated: bool) -> overlay.Geometries:
    model = road_model(city)
    roads = city.frame("roads")
    chosen = np.unique(model.road[model.classes("municipal")])
    if not len(chosen):
        return np.empty(0, object)
    network = build_network(roads.iloc[chosen].explode(index_parts=False).reset_index(drop=True))
    xy = network.xy[network.degree() >= 3]
    if consolidated and len(xy):
        near = cKDTree(xy).query_pairs(JUNCTION_M, output_type="ndarray")
        links = coo_array((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(xy), len(xy)))
        count, label = connected_components(links, directed=False)
        weight = np.bincount(label, minlength=count)
        xy = np.column_stack([overlay.sum_by(label, xy[:, axis], count) / weight for axis in (0, 1)])
    return np.atleast_1d(shapely.points(xy))
