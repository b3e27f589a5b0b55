"""Rural roads: hamlets that a hard road reaches, and the share of rural roads that is hard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.catalogue import reference
from spatial.city import City
from spatial.metrics.land import built_up_area, built_up_scopes
from spatial.metrics.registry import metric
from spatial.network.graph import Network, build_network
from spatial.overlay import Floats
from spatial.result import Evidence, MetricResult, ratio
from spatial.roads import HALO_M, class_table, classify, length_by_area, parts_by_area, road_model, unknown_note
from spatial.roads.hard_surface import HARD, SOFT, UNKNOWN, surface_of
from spatial.roads.opened import opened_roads
from spatial.text import Text

NEAR_M = 200.0
"""From how far a hamlet is reached by a road (to be confirmed)."""

LEAST_KNOWN = 0.5
"""Share of the length whose surface must be known for a value (to be confirmed)."""

EDGE_M = 50.0
"""How near to the edge of the data a road leaves them, so that what it is linked to beyond cannot be told."""

_NOT_BUILT = ("private", "no")

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Hamlets:
    """Hamlets and whether a hard road reaches them, shape (h,).

    Attributes
    ----------
    served
        By hard roads, county roads of unknown surface taken as hard.
    certain
        By roads whose surface is written to be hard, all the way.
    possible
        If every unknown surface were hard, and what leaves the data were linked there.
    """

    served: Bools
    certain: Bools
    possible: Bools


@metric(
    "hamlet_paved_access",
    title=Text("自然屯通硬化路比例", "Natural hamlets reached by a hard road"),
    definition=Text(
        f"距硬化路不超过 {NEAR_M:g} 米、且该路经硬化路与县道及以上道路连通的自然屯 ÷ 自然屯总数",
        f"Natural hamlets within {NEAR_M:g} m of a hard-surface road that is linked to a county road by hard roads ÷ natural hamlets",
    ),
    standard=Text(
        "规划目标 100 %；距离与“县道及以上视为硬化”的假定待确认",
        "plans ask for 100 %; the distance, and that county roads and better are taken as hard, are to be confirmed",
    ),
    unit="1",
    bases=("count", "count"),
    evidence={
        "served": Evidence(Text("已通硬化路的自然屯", "hamlets reached by a hard road"), "#1b7837"),
        "unserved": Evidence(Text("未通硬化路或无法判定的自然屯", "hamlets not reached by a hard road, or not known to be"), "#b2182b"),
    },
    needs=("hamlets", "roads"),
    halo_m=None,
)
def hamlet_paved_access(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of natural hamlets that a hard road reaches.

    Parameters
    ----------
    city
        With ``hamlets`` (points or outlines) and ``roads``; metres.
    areas
        Rows; a hamlet belongs to the area that holds its middle.

    Returns
    -------
    MetricResult
        ``value`` 0–1, ``numerator`` and ``denominator`` count. ``high`` counts hamlets that would be reached if every unknown surface were hard
        or the data went on; ``quality``: share of hamlets of which the written surfaces alone decide.
        ``evidence["served"]``, ``evidence["unserved"]``: the hamlets, the latter with ``possible``.

    Raises
    ------
    LayerError
        A layer was not supplied as features.

    References
    ----------
    Where no surface is written, tertiary roads and better are taken as hard, every other road as unknown and never as hard. A hard road that
    no hard road links to a county road is an island and reaches nobody; motorways, expressways and ramps are no way to a hamlet.
    """
    found = city.memo("hamlets reached", lambda: _reached(city))
    shapes = np.asarray(city.frame("hamlets").geometry.to_numpy(), dtype=object)
    places = city.memo("hamlet places", lambda: shapely.point_on_surface(shapes))
    index, owner = overlay.points_within(places, areas.pieces, areas.exclusive)

    def count(chosen: Bools) -> Floats:
        return overlay.sum_by(owner, chosen[index].astype(float), len(areas))

    everyone = count(np.ones(len(places), bool))
    decided = count(found.certain | ~found.possible)
    served, possible = count(found.served), count(found.possible)
    open_ = possible - served
    rows = {
        int(row): [
            Text(
                f"另有 {open_[row]:.0f} 个自然屯取决于未标注路面的道路，未计入",
                f"{open_[row]:.0f} more hamlets depend on roads of unknown surface and are not counted",
            )
        ]
        for row in np.flatnonzero(open_ > 0)
    }
    assumed = count(found.served & ~found.certain)
    for row in np.flatnonzero(assumed > 0):
        rows.setdefault(int(row), []).append(
            Text(
                f"其中 {assumed[row]:.0f} 个自然屯所依道路未注明路面，按县道及以上视为硬化推定",
                f"{assumed[row]:.0f} of those reached are so by roads of unwritten surface, which as county roads or better are taken as hard",
            )
        )
    known = np.where(everyone > 0, np.clip(np.nan_to_num(ratio(decided, everyone)), 0, 1), 1.0)
    return MetricResult(
        value=ratio(served, everyone),
        numerator=served,
        denominator=everyone,
        low=ratio(served, everyone),
        high=ratio(possible, everyone),
        quality=known,
        estimated=(everyone > 0) & (known < 1),
        notes=unknown_note(city),
        row_notes=rows,
        evidence={name: partial(_hamlets, city, found, served=chosen) for name, chosen in (("served", True), ("unserved", False))},
    )


@metric(
    "rural_paved_share",
    title=Text("农村公路硬化率", "Rural roads with a hard surface"),
    definition=Text(
        "建成区以外、路面类型已知的农村公路中硬化路面的长度比例；路面不详的计入上下限",
        "Share with a hard surface of the length of rural roads outside the built-up area whose surface is known; the unknown make the range",
    ),
    standard=Text(
        "无统一限值；农村公路按县道、乡道、村道对应的道路等级认定，待确认",
        "no common threshold; which classes are rural roads is to be confirmed",
    ),
    unit="1",
    bases=("m", "m"),
    evidence={
        "soft": Evidence(Text("未硬化的农村公路", "rural roads without a hard surface"), "#8c510a"),
        "unknown": Evidence(Text("路面不详的农村公路", "rural roads of unknown surface"), "#9e9e9e"),
    },
    needs=("roads",),
    variants={
        "rural_roads": Text("农村公路（县、乡、村道）", "rural roads (county, township, village)"),
        "all_roads": Text("建成区外全部道路", "all roads outside the built-up area"),
    },
    halo_m=HALO_M,
)
def rural_paved_share(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of rural roads with a hard surface.

    Parameters
    ----------
    city
        With ``roads``; ``built_up_area``, else its estimate, tells what is not rural.
    areas
        Rows.
    variant
        ``rural_roads``: tertiary, unclassified and residential; ``all_roads``: every class that counts in length.

    Returns
    -------
    MetricResult
        ``value`` 0–1 of the length whose surface is known, NaN where that is less than half; ``low`` and ``high``: if none or all of the
        unknown were hard; ``quality``: share of the length whose surface is written. ``evidence["soft"]`` and ``evidence["unknown"]``: those roads.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Nothing is assumed of a surface that nobody wrote down: mappers write it where they have been, so that the known part may not stand for the rest.
    """
    model, built = road_model(city), built_up_area(city)
    state = surface_of(city.frame("roads"))[model.road]
    classes = reference("road_surfaces")["rural"] if variant == "rural_roads" else list(class_table())
    used = model.classes("length") & np.isin(model.road_class, classes) & opened_roads(city).open[model.road]
    inside = built_up_scopes(city, areas)[0] if len(built.ground) else None
    metres = []
    for kind in (SOFT, UNKNOWN, HARD):
        whole = length_by_area(city, areas, used & (state == kind), once=True)
        within = 0.0 if inside is None else length_by_area(city, inside, used & (state == kind), once=True)
        outside = whole - within
        metres.append(np.where(outside > 1e-6 * np.maximum(whole, 1.0), outside, 0.0))
    soft, unknown, hard = metres
    total, known = soft + unknown + hard, soft + hard
    quality = np.where(total > 0, np.clip(np.nan_to_num(ratio(known, total)), 0, 1), 1.0)
    few = (total > 0) & (quality < LEAST_KNOWN)
    rows = {int(row): [_too_few(soft[row], unknown[row], hard[row])] for row in np.flatnonzero(few)}
    notes = [*built.notes, *unknown_note(city)]
    ground = built.ground

    def frame(kind: int) -> gpd.GeoDataFrame:
        whole = _of_city(city, areas, len(model.lines))
        within = np.zeros(len(whole)) if inside is None else _of_city(city, inside, len(whole))
        runs = np.flatnonzero(used & (state == kind) & (whole - within > 1.0))
        lines, partly = model.lines[runs], within[runs] > 1e-6
        lines[partly] = _beyond(lines[partly], ground)
        roads = city.frame("roads")
        columns = {name: roads[name].fillna("").to_numpy(dtype=object)[model.road[runs]] for name in ("id", "name", "surface")}
        return gpd.GeoDataFrame({**columns, "road_class": model.road_class[runs]}, geometry=lines, crs=city.crs)

    first = variant == "rural_roads"
    return MetricResult(
        value=np.where(few, np.nan, ratio(hard, known)),
        numerator=hard,
        denominator=known,
        low=ratio(hard, total),
        high=ratio(hard + unknown, total),
        quality=quality,
        estimated=(unknown > 0) | built.estimated,
        notes=notes,
        row_notes=rows,
        evidence={name: partial(frame, kind) for name, kind in (("soft", SOFT), ("unknown", UNKNOWN))} if first else {},
    )


def _too_few(soft: float, unknown: float, hard: float) -> Text:
    """Say what can be said where hardly any surface is written: a share of a few roads would look like a finding."""
    total, known = soft + unknown + hard, soft + hard
    of_known = f"{hard / known:.0%}" if known > 0 else "—"
    return Text(
        f"{total / 1e3:.1f} 公里中仅 {known / total:.1%} 注明路面，不足 {LEAST_KNOWN:.0%}，不出数；已知部分硬化 {of_known}，全部介于"
        f" {hard / total:.1%} 与 {(hard + unknown) / total:.1%} 之间",
        f"of {total / 1e3:.1f} km only {known / total:.1%} have a surface, less than {LEAST_KNOWN:.0%}: no value; {of_known} of the known are hard,"
        f" all between {hard / total:.1%} and {(hard + unknown) / total:.1%}",
    )


def _of_city(city: City, areas: Areas, count: int) -> Floats:
    """Length of every run in the row of the whole city, metres."""
    index, owner, metres = parts_by_area(city, areas)
    mine = areas.ids[owner] == CITY
    return overlay.sum_by(index[mine], metres[mine], count)


def _beyond(lines: overlay.Geometries, ground: overlay.Geometries) -> overlay.Geometries:
    """Leave out what lies on the ground."""
    out = lines.copy()
    near, piece = shapely.STRtree(ground).query(lines, predicate="intersects")
    for index in np.unique(near):
        out[index] = shapely.difference(lines[index], shapely.union_all(ground[piece[near == index]]))
    return out


def _reached(city: City) -> Hamlets:
    roads = city.frame("roads").reset_index(drop=True)
    shapes = np.asarray(city.frame("hamlets").geometry.to_numpy(), dtype=object)
    rules = reference("road_surfaces")
    kind = classify(roads, city.road_classes)
    closed = (roads["access"].isin(_NOT_BUILT) | roads["motor_vehicle"].isin(_NOT_BUILT)).to_numpy(dtype=bool)
    # A hard farm track is a village road to whoever lives at its end; foot- and cycleways are not.
    drivable = ((kind != "") | (roads["highway"] == "track").to_numpy(dtype=bool)) & ~closed & opened_roads(city).open
    state = surface_of(roads)
    assumed = (state == UNKNOWN) & np.isin(kind, rules["assumed"])
    hard = state == HARD
    way_in, county = ~np.isin(kind, rules["no_access"]), np.isin(kind, rules["county"])
    # One network of all that is drivable; which of its stretches are hard decides three times over what hangs together.
    kept = np.flatnonzero(drivable)
    if not len(kept) or not len(shapes):
        return Hamlets(*(np.zeros(len(shapes), bool) for _ in range(3)))
    lines = roads.iloc[kept].explode(index_parts=False)
    row = lines.index.to_numpy()
    lines = lines.reset_index(drop=True)
    network = build_network(lines)
    ways = np.asarray(lines.geometry.to_numpy(), dtype=object)
    place, way = shapely.STRtree(ways).query(shapes, predicate="dwithin", distance=NEAR_M)
    place, way = place[way_in[row[way]]], way[way_in[row[way]]]
    leaves = np.zeros(len(ways), bool)
    if city.data_extent is not None:
        leaves = shapely.dwithin(ways, shapely.boundary(city.data_extent), EDGE_M)
    found = []
    for chosen, goal in (((hard | assumed)[row], county[row]), (hard[row], county[row]), ((state != SOFT)[row], county[row] | leaves)):
        good = _linked(network, chosen, goal)[way]
        reached = np.zeros(len(shapes), bool)
        reached[place[good]] = True
        found.append(reached)
    return Hamlets(*found)


def _linked(network: Network, chosen: Bools, goal: Bools) -> Bools:
    """Tell which of the chosen lines hang together, by chosen lines alone, with one that is a goal."""
    used = chosen[network.line]
    start, end, line = network.start[used], network.end[used], network.line[used]
    size = len(network.xy)
    _, label = connected_components(coo_array((np.ones(len(start)), (start, end)), shape=(size, size)), directed=False)
    of_line = np.full(len(chosen), -1)
    of_line[line] = label[start]
    return np.isin(of_line, of_line[goal & (of_line >= 0)]) & (of_line >= 0)


def _hamlets(city: City, found: Hamlets, *, served: bool) -> gpd.GeoDataFrame:
    frame = city.frame("hamlets")
    mine = found.served == served
    return gpd.GeoDataFrame(
        {
            "id": frame["id"].to_numpy(dtype=object)[mine],
            "name": frame["name"].fillna("").to_numpy(dtype=object)[mine],
            "possible": np.where(found.possible, "yes", "no")[mine],
        },
        geometry=frame.geometry.to_numpy()[mine],
        crs=city.crs,
    )
