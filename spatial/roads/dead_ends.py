"""Where public streets end, and which of these ends are dead ends (断头路), suspected or confirmed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial.city import City
from spatial.network.contract import Bools, Graph
from spatial.network.passage import CLOSED, OPEN, directions, way_status
from spatial.network.streets import street_graph
from spatial.overlay import Floats, Ints
from spatial.roads import around_ends as around
from spatial.roads.ahead import HALF_ANGLE, Ahead, both, crossed, ends_facing, headings, metres_within, streets_ahead
from spatial.roads.classes import classify
from spatial.roads.joining import joining_errors
from spatial.roads.ways_round import ways_round
from spatial.text import Text

# Streets whose ends are looked at; an expressway that stops in the air waits for its next stage and is no 断头路.
ENDING = ("primary", "secondary", "tertiary", "unclassified", "residential")
_NETWORK = (*ENDING, "motorway", "expressway", "link")
_SMALL = ("unclassified", "residential")
# This project's proposal, to be confirmed: a street wants to go on where the way round is three times as long as the gap and 500 m longer.
DETOUR_RATIO, DETOUR_MORE_M, DETOUR_LIMIT_M = 3.0, 500.0, 5000.0
# What hangs together with less than a third of the length that its target does, up to 3 km, is an island of the map.
DETACHED_M, DETACHED_TIMES, WATER_M, PLANNED_END_M, PLANNED_M = 3000.0, 3.0, 5.0, 30.0, 1000.0
# A small street must show more, for most of its like are meant to end: within 250 m another end that looks back or,
# where it is 80 m or longer, a street straight ahead.
MINOR_LENGTH_M, MINOR_GAP_M, MINOR_ANGLE, FACING_ANGLE, NAMELESS_GAP_M = 80.0, 250.0, 15.0, 20.0, 30.0

REAL = ("suspected", "confirmed")
KINDS = {
    "suspected": Text("疑似断头路", "suspected dead end"),
    "confirmed": Text("断头路（有规划或在建道路接续）", "dead end that a planned road continues"),
    "joining_error": Text("数据问题：距另一条路数米而未相接", "data problem: stops short of a street and is not joined to it"),
    "data_edge": Text("数据边界", "edge of the data"),
    "private": Text("不对外开放", "not open to the public"),
    "other_carriageway": Text("同一道路的另一幅", "another carriageway of the same street"),
    "gate": Text("止于大门或路障", "ends at a gate or barrier"),
    "pedestrian_street": Text("止于步行街", "ends at a pedestrian street"),
    "goes_on": Text("以内部道路或生活街接续", "goes on as a service road or living street"),
    "no_exit": Text("标注为尽端路", "marked as having no exit"),
    "turning": Text("设有回车场的小路", "small street with a place to turn"),
    "campus": Text("校园、医院等大院内部道路", "inside a campus or hospital"),
    "works": Text("厂区、仓储区内部道路", "inside works or depots"),
    "compound": Text("居住小区内部尽端路", "cul-de-sac inside a housing compound"),
    "no_street_ahead": Text("前方 500 米内无公共道路", "no public street within 500 m ahead"),
    "short_way_round": Text("绕行很短", "the way round is short"),
    "detached": Text("数据问题：与路网不相连", "data problem: not connected with the network"),
    "bank": Text("止于水边，无规划桥梁", "ends at water without a planned bridge"),
    "rail": Text("止于铁路", "ends at a railway"),
    "minor_street": Text("小路，去向不明", "small street that points nowhere in particular"),
}


@dataclass(frozen=True, eq=False)
class RoadEnds:
    """Ends of public streets, one an end, in an order that does not depend on that of the roads.

    Attributes
    ----------
    xy
        Place, shape (n, 2), metres.
    road
        Row of ``city.frame("roads")``, shape (n,).
    heading
        Unit vector outwards, shape (n, 2).
    kind
        What the end is taken for, shape (n,): a key of ``KINDS``. Real dead ends are those in ``REAL``.
    target_xy
        Place that it would meet, shape (n, 2): on the public street ahead; of a joining error on the street that it misses; of a confirmed end
        where the planned road leads to, if that is a street. NaN where there is none.
    target_road
        Row of that street, shape (n,); -1 where there is none.
    gap_m, detour_m
        Straight distance and the drive round to that place, shape (n,); NaN where there is none, inf where none is shorter than 5 km.
    name
        Name of the street that ends, shape (n,); empty where it has none.
    """

    xy: Floats
    road: Ints
    heading: Floats
    kind: npt.NDArray[np.object_]
    target_xy: Floats
    target_road: Ints
    gap_m: Floats
    detour_m: Floats
    name: npt.NDArray[np.object_]

    @property
    def real(self) -> Bools:
        """Which ends are dead ends, suspected or confirmed."""
        return np.isin(self.kind, REAL)

    @property
    def detour_ratio(self) -> Floats:
        """Way round over gap: inf where there is no way within 5 km, NaN where there is no place to reach."""
        return self.detour_m / np.where(self.gap_m > 0, self.gap_m, np.nan)

    def __len__(self) -> int:
        return len(self.road)


def road_ends(city: City) -> RoadEnds:
    """Find the ends of public streets, once a city.

    An end is a node of degree 1 in the multigraph of public streets that may be driven: parallel edges and loops count, so that a turning loop
    is no end. Each is the first that fits of the kinds below; what fits none is suspected.

    Parameters
    ----------
    city
        With ``roads``; metres. Gates, marks at ends, land use, facilities, planned roads, water, rail and buildings tell more where they are.

    Returns
    -------
    RoadEnds
        All ends, those told apart included.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Metric catalogue, ``dead_end_roads_open``: another public street within 500 m and 45° ahead. We ask further that the way round is long,
    since a street that stops beside a junction is nobody's loss, and take the first street that a line of sight meets, since what lies behind
    it would be reached by it.
    """
    return city.memo("road_ends", lambda: _find(city))


def drive(city: City) -> Graph:
    """Build the graph of all that may be driven, once a city.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return city.memo("drive", lambda: street_graph(city.frame("roads"), city.layer("gates").frame, mode="drive"))


@dataclass(frozen=True, eq=False)
class _Tips:
    """Ends before they are judged: as in ``RoadEnds``, and their edges in the graph of public streets and in that of all that may be driven."""

    xy: Floats
    heading: Floats
    road: Ints
    edge_m: Floats
    halfway: Floats
    own: Ints
    along_m: Floats


@dataclass(frozen=True, eq=False)
class _Met:
    """What ends would meet, by end: whether a street lies ahead at all, and the one to which the way round is long; NaN, -1 and inf for none."""

    any: Bools
    found: Bools
    xy: Floats
    road: Ints
    detour_m: Floats
    angle: Floats
    facing: Bools
    part_m: Floats


def _find(city: City) -> RoadEnds:
    roads = city.frame("roads")
    kind, status = classify(roads), way_status(roads, "drive")
    public = np.flatnonzero(np.isin(kind, _NETWORK) & (status != CLOSED))
    streets = street_graph(roads.iloc[public].reset_index(drop=True), city.layer("gates").frame, mode="drive")
    # What may be driven leads round, whatever its class; what is met must be a public street on the ground.
    whole, ground = drive(city), around.on_ground(roads)
    tips = _tips(streets, whole, public, np.isin(kind, ENDING))
    n = len(tips.road)
    seen = np.isin(kind, (*ENDING, "expressway")) & (status == OPEN) & ground
    name = roads["name"].fillna("").to_numpy(dtype=object)[tips.road]
    small = np.isin(kind[tips.road], _SMALL)
    nameless = small & (name == "")
    missed_xy, missed = joining_errors(whole, tips.xy, tips.heading, tips.own, tips.along_m, kind=kind, on_ground=ground)
    planned, leads_to = around.planned_on(city, tips.xy, tips.heading, nameless)
    homes = around.ground(city, "homes")
    out = np.full(n, "suspected", dtype=object)

    def take(what: str, those: Bools) -> None:
        out[those & (out == "suspected")] = what

    take("data_edge", around.at_edge_of_data(city, roads, tips.road, tips.xy, tips.heading))
    take("private", status[tips.road] != OPEN)
    take("other_carriageway", around.second_carriageways(roads, tips.road, tips.xy, tips.heading, _oneway(roads)[tips.road]))
    take("gate", around.at_gates(city.layer("gates").frame, tips.xy))
    take("pedestrian_street", around.near_ways(roads, roads["highway"].eq("pedestrian").to_numpy(), tips.xy, around.MARK_M))
    take("joining_error", missed >= 0)
    take("confirmed", planned)
    take("goes_on", around.on_vertices(roads, ~np.isin(kind, (*_NETWORK, "")) & (status != CLOSED), tips.xy))
    take("no_exit", around.marked_without_exit(city, roads, tips.road, tips.xy))
    take("turning", small & around.at_turning_places(city, tips.xy))
    take("campus", small & around.inside(around.ground(city, "campus"), (tips.xy, tips.halfway)))
    take("works", nameless & around.inside(around.ground(city, "works"), (tips.xy, tips.halfway)))
    take("compound", nameless & around.inside(homes[shapely.area(homes) <= around.COMPOUND_M2], (tips.xy, tips.halfway)))
    met = _met(whole, tips, seen, np.isin(out, REAL))
    target_xy, target, target_m = met.xy, met.road, met.detour_m
    there = np.where(met.found[:, None], target_xy, tips.xy)
    link, gap = shapely.linestrings(np.stack([tips.xy, there], axis=1)), np.hypot(*(there - tips.xy).T)
    take("no_street_ahead", ~met.any)
    take("short_way_round", ~met.found)
    take("detached", met.found & (DETACHED_TIMES * _part_m(whole, tips.own) < np.minimum(met.part_m, DETACHED_M)))
    take("bank", metres_within(link, around.polygons_of(city, "water")) > WATER_M)
    take("rail", crossed(link, around.tracks(city)))
    straight = (met.angle <= MINOR_ANGLE) & (tips.edge_m >= MINOR_LENGTH_M)
    take("minor_street", small & ~((gap <= MINOR_GAP_M) & (straight | (met.facing & (met.angle <= FACING_ANGLE)))))
    take("minor_street", nameless & (crossed(link, around.polygons_of(city, "buildings")) | (gap < NAMELESS_GAP_M) | np.isinf(target_m)))
    take("minor_street", nameless & ~met.facing & around.among_buildings(city, tips.xy))
    take("minor_street", nameless & ~met.facing & around.inside(homes, (tips.xy, there)))
    lost = out == "joining_error"
    leads, planned_xy, planned_road, planned_m = _leading(whole, tips, seen, leads_to)
    leads &= (out == "confirmed") & (np.hypot(*(planned_xy - tips.xy).T) <= PLANNED_M)
    target_xy = np.select([lost[:, None], leads[:, None]], [missed_xy, planned_xy], target_xy)
    target = np.select([lost, leads], [missed, planned_road], target)
    detour = np.select([lost, leads], [np.full(n, np.nan), planned_m], target_m)
    return RoadEnds(tips.xy, tips.road, tips.heading, out, target_xy, target, np.hypot(*(target_xy - tips.xy).T), detour, name)


def _tips(streets: Graph, whole: Graph, row_of: Ints, ending: Bools) -> _Tips:
    """Gather the nodes where one edge of the public streets ends."""
    nodes, edges, rows = _ends(streets, row_of)
    nodes, edges, rows = (each[ending[rows]] for each in (nodes, edges, rows))
    xy = streets.xy[nodes]
    own, along = _placed(whole, xy)
    halfway = shapely.get_coordinates(shapely.line_interpolate_point(streets.lines[edges], 0.5, normalized=True))
    return _Tips(xy, headings(streets, nodes, edges), rows, streets.length_m[edges], halfway, own, along)


def _met(whole: Graph, tips: _Tips, seen: Bools, asked: Bools) -> _Met:
    """Find what the asked ends would meet."""
    n, at = len(asked), np.flatnonzero(asked)
    ahead = streets_ahead(whole, seen[whole.segment_row], tips.xy[at], tips.heading[at], tips.own[at])
    ahead = replace(ahead, end=at[ahead.end])
    ahead = both(ahead, ends_facing(tips.xy, tips.heading, tips.own, tips.along_m, ahead, asked))
    round_m = ways_round(
        whole, tips.own[ahead.end], tips.along_m[ahead.end], ahead.edge, ahead.along_m, limit_m=DETOUR_LIMIT_M, used=~whole.private
    )
    best = _best(ahead, (round_m >= DETOUR_RATIO * ahead.gap_m) & (round_m >= ahead.gap_m + DETOUR_MORE_M), n)
    found = best >= 0
    met = ahead.take(best[found])
    out = _Met(
        np.bincount(ahead.end, minlength=n) > 0, found, np.full((n, 2), np.nan), np.full(n, -1), np.full(n, np.nan), np.full(n, np.inf),
        np.zeros(n, bool), np.zeros(n),
    )  # fmt: skip
    out.xy[found], out.road[found], out.detour_m[found] = met.xy, _row_at(whole, met.edge, met.along_m), round_m[best[found]]
    out.angle[found], out.facing[found], out.part_m[found] = met.angle, met.facing, _part_m(whole, met.edge)
    return out


def _oneway(roads: gpd.GeoDataFrame) -> Bools:
    along, against = directions(roads)
    return along != against


def _ends(streets: Graph, row_of: Ints) -> tuple[Ints, Ints, Ints]:
    """Nodes where one edge ends, that edge, and the road of its last segment."""
    nodes = streets.dead_ends()
    edge_at = np.full(len(streets.xy), -1)
    edge_at[np.r_[streets.start, streets.end]] = np.tile(np.arange(len(streets.start)), 2)
    edges = edge_at[nodes]
    first = np.searchsorted(streets.segment_edge, edges)
    last = np.searchsorted(streets.segment_edge, edges, "right") - 1
    return nodes, edges, row_of[streets.segment_row[np.where(streets.start[edges] == nodes, first, last)]]


def _placed(graph: Graph, xy: Floats) -> tuple[Ints, Floats]:
    """Edge of the whole graph on which each end lies, and where."""
    own = np.zeros(len(xy), np.int64)
    if len(xy):
        point, edge = graph.tree.query_nearest(shapely.points(xy), all_matches=True)
        order = np.lexsort((edge, point))
        first = np.r_[True, np.diff(point[order]) != 0]
        own[point[order][first]] = edge[order][first]
    return own, shapely.line_locate_point(graph.lines[own], shapely.points(xy)) if len(xy) else np.empty(0)


def _row_at(graph: Graph, edge: Ints, along_m: Floats) -> Ints:
    """Road of the segment at a place of an edge."""
    total = np.r_[0.0, np.cumsum(graph.segment_length_m)]
    first = np.searchsorted(graph.segment_edge, edge)
    last = np.searchsorted(graph.segment_edge, edge, "right") - 1
    at = np.searchsorted(total, total[first] + along_m, "right") - 1
    return graph.segment_row[np.clip(at, first, last)]


def _best(ahead: Ahead, wanted: Bools, count: int) -> Ints:
    """Of what each end might meet, the row to take, -1 where there is none: what is near, what is straight ahead, and what looks back."""
    cost = ahead.gap_m * (1 + 2 * (ahead.angle / HALF_ANGLE) ** 2) * np.where(ahead.facing, 0.5, 1.0)
    rows = np.flatnonzero(wanted)
    rows = rows[np.lexsort((ahead.edge[rows], np.round(ahead.angle[rows], 6), np.round(cost[rows], 6), ahead.end[rows]))]
    first = np.r_[True, np.diff(ahead.end[rows]) != 0][: len(rows)]
    best = np.full(count, -1)
    best[ahead.end[rows[first]]] = rows[first]
    return best


def _leading(graph: Graph, tips: _Tips, seen: Bools, leads_to: Floats) -> tuple[Bools, Floats, Ints, Floats]:
    """Find the streets that planned roads lead to: whether there is one, the place on it, its road and the way round, by end."""
    n, own, at = len(tips.road), tips.own, tips.along_m
    known, place, row, round_m = np.zeros(n, bool), np.full((n, 2), np.nan), np.full(n, -1), np.full(n, np.nan)
    ends = np.flatnonzero(np.isfinite(leads_to[:, 0]))
    edges = np.flatnonzero(np.bincount(graph.segment_edge, weights=seen[graph.segment_row], minlength=len(graph.start)) > 0)
    if not len(ends) or not len(edges):
        return known, place, row, round_m
    points = shapely.points(leads_to[ends])
    end, near = shapely.STRtree(graph.lines[edges]).query_nearest(points, max_distance=PLANNED_END_M, all_matches=True)
    order = np.lexsort((near, end))
    first = order[np.r_[True, np.diff(end[order]) != 0][: len(order)]]
    edge, mine = edges[near[first]], ends[end[first]]
    along = shapely.line_locate_point(graph.lines[edge], points[end[first]])
    known[mine] = True
    place[mine] = shapely.get_coordinates(shapely.line_interpolate_point(graph.lines[edge], along))
    row[mine] = _row_at(graph, edge, along)
    round_m[mine] = ways_round(graph, own[mine], at[mine], edge, along, limit_m=DETOUR_LIMIT_M, used=~graph.private)
    return known, place, row, round_m


def _part_m(graph: Graph, edge: Ints) -> Floats:
    """Length of the connected part of the network that each edge belongs to."""
    part = graph.components()
    total = np.bincount(part[graph.start], weights=graph.length_m, minlength=part.max(initial=-1) + 1)
    return np.asarray(total[part[graph.start[edge]]], dtype=np.float64)
