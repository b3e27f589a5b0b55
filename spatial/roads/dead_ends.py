"""Where public streets end, and which of these ends are suspected dead ends (疑似断头路)."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from spatial.city import City
from spatial.network.contract import Graph
from spatial.network.passage import CLOSED, OPEN, text, way_status
from spatial.network.streets import street_graph
from spatial.overlay import Floats, Geometries, Ints, segments
from spatial.roads.ahead import Ahead, both, crossed, ends_facing, headings, share_within, streets_ahead
from spatial.roads.classes import class_table, classify
from spatial.roads.ways_round import ways_round

Bools = npt.NDArray[np.bool_]

ENDING = ("primary", "secondary", "tertiary", "unclassified", "residential")
JOINING = (*ENDING, "motorway", "expressway", "link")
WIDE, INNER = ("motorway", "expressway", "primary", "secondary"), ("living_street", "service", "link")
GATE_M, MARK_M, JOIN_M, JOINED_M, EDGE_M, TWIN_M = 30.0, 15.0, 12.0, 150.0, 500.0, 40.0
DETOUR_RATIO, DETOUR_MORE_M, DETOUR_LIMIT_M = 3.0, 500.0, 5000.0
REAL = ("suspected", "confirmed")
COMPOUND_M2, DETACHED_M = 600_000.0, 3000.0
BUILT = ("completed", "opened", "建成", "已建", "已建成", "通车", "已通车")
GROUND = {
    "campus": (
        ("facilities", "amenity", ("school", "university", "college", "kindergarten", "hospital")),
        (
            "landuse",
            "landuse",
            (
                "education",
                "school",
                "university",
                "college",
                "hospital",
                "military",
                "cemetery",
                "教育科研用地",
                "医疗卫生用地",
            ),
        ),
    ),
    "works": (("landuse", "landuse", ("industrial", "railway", "port", "depot", "quarry", "工业用地", "物流仓储用地")),),
    "homes": (("landuse", "landuse", ("residential", "居住用地")),),
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
        Place on the public street ahead that it would meet, shape (n, 2); NaN where there is none.
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

    def __len__(self) -> int:
        return len(self.road)


def road_ends(city: City) -> RoadEnds:
    """Find the ends of public streets, once a city; see ``RoadEnds``.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return city.memo("road_ends", lambda: _find(city))


def _find(city: City) -> RoadEnds:
    roads, gates = city.frame("roads"), city.layer("gates").frame
    kind, status = classify(roads), way_status(roads, "drive")
    public = np.isin(kind, JOINING) & (status != CLOSED)
    row_of = np.flatnonzero(public)
    streets = street_graph(roads.iloc[row_of].reset_index(drop=True), gates, mode="drive")
    nodes, edges, rows = _ends(streets, row_of)
    chosen = np.isin(kind[rows], ENDING)
    nodes, edges, rows = nodes[chosen], edges[chosen], rows[chosen]
    xy, heading = streets.xy[nodes], headings(streets, nodes, edges)
    whole = street_graph(roads, gates, mode="drive")
    own, at = _placed(whole, xy)
    seen = np.isin(kind, (*ENDING, "expressway")) & (status == OPEN) & ~_off_ground(roads)
    ahead = streets_ahead(whole, seen[whole.segment_row], xy, heading, own)
    ahead = both(ahead, ends_facing(xy, heading, own, at, ahead))
    detour = ways_round(
        whole, own[ahead.end], at[ahead.end], ahead.edge, ahead.along_m, limit_m=DETOUR_LIMIT_M, used=~whole.private
    )  # fmt: skip
    wanted = (detour >= DETOUR_RATIO * ahead.gap_m) & (detour >= ahead.gap_m + DETOUR_MORE_M)
    best = _best(ahead, wanted, len(rows))
    found = best >= 0
    n = len(rows)
    target_xy, gap, way, target = np.full((n, 2), np.nan), np.full(n, np.nan), np.full(n, np.nan), np.full(n, -1)
    pick = best[found]
    target_xy[found], gap[found], way[found] = ahead.xy[pick], ahead.gap_m[pick], detour[pick]
    target[found] = _row_at(whole, ahead.edge[pick], ahead.along_m[pick])
    any_ahead = np.bincount(ahead.end, minlength=n) > 0
    link = shapely.linestrings(np.stack([xy, np.where(found[:, None], target_xy, xy + 1.0)], axis=1))
    named = roads["name"].fillna("").to_numpy(dtype=object)[rows]
    out = np.full(n, "suspected", dtype=object)
    joins, join_xy, join_road = _joining(whole, xy, heading, own, at, _off_ground(roads), kind)

    def mark(what: str, those: Bools) -> None:
        out[those & (out == "suspected")] = what

    mark("data_edge", _cut(roads, rows, xy) | _leaves(city, xy, heading))
    goes, planned_xy = _planned(city, xy, heading)
    mark("private", status[rows] != OPEN)
    mark("other_carriageway", _second_carriageways(xy, heading, named))
    mark("gate", _near(xy, _gates(gates), GATE_M))
    mark("confirmed", goes)
    mark("pedestrian_street", _touches(roads, roads["highway"].eq("pedestrian").to_numpy(), xy, MARK_M))
    mark("goes_on", _vertex_of(roads, ~np.isin(kind, JOINING) & (kind != "") & (status != CLOSED), xy))
    mark("joining_error", joins)
    mark("no_exit", text(roads, "noexit").eq("yes").to_numpy()[rows] | _near(xy, _marks(city, "noexit"), MARK_M))
    small = np.isin(kind[rows], ("unclassified", "residential"))
    plain = small & (named == "")
    last = streets.lines[edges]
    half = shapely.get_coordinates(shapely.line_interpolate_point(last, 0.5, normalized=True))
    mark("campus", small & _inside(_ground(city, "campus"), xy, half))
    mark("works", plain & _inside(_ground(city, "works"), xy, half))
    mark("compound", plain & _inside(_ground(city, "homes"), xy, half))
    mark("no_street_ahead", ~any_ahead)
    mark("short_way_round", ~found)
    mark("detached", _part_m(whole)[whole.start[own]] < DETACHED_M)
    mark("bank", found & (share_within(link, _polygons(city, "water")) > 5))
    mark("rail", found & crossed(link, _rails(city)))
    angle, facing = np.full(n, np.inf), np.zeros(n, bool)
    angle[found], facing[found] = ahead.angle[pick], ahead.facing[pick]
    built = share_within(link, _polygons(city, "buildings")) > 0
    long = streets.length_m[edges] >= 150
    straight = (angle <= 15) & long & (gap <= 200) & ~_inside(_ground(city, "homes", whole=True), xy, target_xy)
    mark("minor_street", plain & (built | ~(facing | straight)))
    return RoadEnds(xy, rows, heading, out, target_xy, target, gap, way, named)


def _ends(streets: Graph, row_of: Ints) -> tuple[Ints, Ints, Ints]:
    """Nodes where one edge ends, that edge, and the road of its last segment."""
    nodes = streets.dead_ends()
    edge_at = np.full(len(streets.xy), -1)
    edge_at[streets.start] = edge_at[streets.end] = np.arange(len(streets.start))
    both = np.r_[streets.start, streets.end]
    edge_at[both] = np.tile(np.arange(len(streets.start)), 2)
    edges = edge_at[nodes]
    first = np.searchsorted(streets.segment_edge, np.arange(len(streets.start)))
    last = np.r_[first[1:], len(streets.segment_edge)] - 1
    segment = np.where(streets.start[edges] == nodes, first[edges], last[edges])
    return nodes, edges, row_of[streets.segment_row[segment]]


def _placed(graph: Graph, xy: Floats) -> tuple[Ints, Floats]:
    """Edge of the whole graph on which each end lies, and where."""
    point, edge = graph.tree.query_nearest(shapely.points(xy), all_matches=False) if len(xy) else (np.empty(0, int), np.empty(0, int))
    own = np.empty(len(xy), np.int64)
    own[point] = edge
    return own, shapely.line_locate_point(graph.lines[own], shapely.points(xy))


def _row_at(graph: Graph, edge: Ints, along_m: Floats) -> Ints:
    """Road of the segment at a place of an edge."""
    total = np.cumsum(graph.segment_length_m)
    first = np.searchsorted(graph.segment_edge, edge)
    last = np.searchsorted(graph.segment_edge, edge, "right") - 1
    before = np.r_[0.0, total][first]
    return graph.segment_row[np.clip(np.searchsorted(total, before + along_m), first, last)]


def _best(ahead: Ahead, wanted: Bools, count: int) -> Ints:
    """Of what each end might meet, the nearest, what lies straight ahead first; -1 where there is nothing."""
    cost = ahead.gap_m * (1 + 2 * (ahead.angle / 45) ** 2) * np.where(ahead.facing, 0.5, 1.0)
    rows = np.flatnonzero(wanted)
    rows = rows[np.lexsort((ahead.angle[rows], cost[rows], ahead.end[rows]))]
    first = np.r_[True, np.diff(ahead.end[rows]) != 0][: len(rows)]
    best = np.full(count, -1)
    best[ahead.end[rows[first]]] = rows[first]
    return best


def _off_ground(roads: gpd.GeoDataFrame) -> Bools:
    """Bridges and tunnels: no street can join them where they are."""
    off = np.zeros(len(roads), bool)
    for column in ("bridge", "tunnel"):
        off |= ~text(roads, column).isin(("", "no", "F", "0")).to_numpy()
    return off


def _cut(roads: gpd.GeoDataFrame, rows: Ints, xy: Floats) -> Bools:
    """Ends where the extract lacks the rest of the way."""
    side = text(roads, "cut").to_numpy(dtype=object)[rows]
    lines = np.asarray(roads.geometry.to_numpy(), dtype=object)[rows]
    out = np.zeros(len(rows), bool)
    for nth, word in ((0, "start"), (-1, "end")):
        tip = shapely.get_coordinates(shapely.get_point(lines, nth)) if len(rows) else np.empty((0, 2))
        out |= np.isin(side, (word, "both")) & (np.hypot(*(tip - xy).T) < 0.1)
    return out


def _leaves(city: City, xy: Floats, heading: Floats) -> Bools:
    """Ends whose sight line leaves what the data cover."""
    extent = city.data_extent
    if extent is None or not len(xy):
        return np.zeros(len(xy), bool)
    shapely.prepare(extent)
    return np.asarray(~shapely.covers(extent, shapely.linestrings(np.stack([xy, xy + EDGE_M * heading], axis=1))), dtype=bool)


def _joining(
    graph: Graph, xy: Floats, heading: Floats, own: Ints, at_m: Floats, off_ground: Bools, kind: npt.NDArray[np.object_]
) -> tuple[Bools, Floats, Ints]:
    """Find ends a few metres short of a street on the ground: the map lacks the junction, not the city.

    Returns
    -------
    tuple of arrays
        Whether it is one, the place on the street that it ought to meet, and the row of that street.
    """
    reach = _reach_m(kind)[graph.segment_row]
    chosen = np.flatnonzero(~off_ground[graph.segment_row])
    side = segments(graph.lines)[0][chosen]
    drawn = shapely.linestrings(side)
    points = shapely.points(xy)
    end, near = shapely.STRtree(drawn).query(points, predicate="dwithin", distance=reach.max(initial=0.0))
    other = graph.segment_edge[chosen[near]] != own[end]
    end, near = end[other], near[other]
    spot = shapely.get_coordinates(shapely.get_point(shapely.shortest_line(points[end], drawn[near]), 1))
    way = spot - xy[end]
    gap = np.hypot(way[:, 0], way[:, 1])
    ahead = np.einsum("ij,ij->i", way, heading[end]) / np.where(gap > 0, gap, 1.0)
    course = side[near, 1] - side[near, 0]
    beside = np.abs(np.einsum("ij,ij->i", course, heading[end])) > 0.8 * np.hypot(course[:, 0], course[:, 1])
    limit = np.where(ahead >= 0.5, reach[chosen[near]], np.where(beside, 0.0, np.minimum(reach[chosen[near]], JOIN_M)))
    close = (gap <= limit) & ~(beside & (ahead < 0.8) & (gap > 0.1))
    end, near, spot, gap = end[close], near[close], spot[close], gap[close]
    edge = graph.segment_edge[chosen[near]]
    along = shapely.line_locate_point(graph.lines[edge], shapely.points(spot))
    joined = np.isfinite(ways_round(graph, own[end], at_m[end], edge, along, limit_m=JOINED_M))
    end, near, spot, gap = end[~joined], near[~joined], spot[~joined], gap[~joined]
    order = np.lexsort((spot[:, 1], spot[:, 0], gap, end))
    first = order[np.r_[True, np.diff(end[order]) != 0][: len(order)]]
    found, place, row = np.zeros(len(xy), bool), np.full((len(xy), 2), np.nan), np.full(len(xy), -1)
    found[end[first]], place[end[first]], row[end[first]] = True, spot[first], graph.segment_row[chosen[near[first]]]
    return found, place, row


def _reach_m(kind: npt.NDArray[np.object_]) -> Floats:
    """How near a street's end is as good as joined: within the widest red line of the other and 8 m, for an axis lies in the middle of a road."""
    widest = {key: row["redline"][2] / 2 for key, row in class_table().items()}
    widest = {key: 8.0 if key in INNER else half + (15.0 if key in WIDE else 8.0) for key, half in widest.items()}
    return np.array([widest.get(key, 0.0) for key in kind])


def _second_carriageways(xy: Floats, heading: Floats, name: npt.NDArray[np.object_]) -> Bools:
    """Of ends side by side that look the same way and bear one name, all but the first: both carriageways of one street."""
    second = np.zeros(len(xy), bool)
    if len(xy) < 2:
        return second
    pair = cKDTree(xy).query_pairs(TWIN_M, output_type="ndarray")
    a, b = pair[:, 0], pair[:, 1]
    same = (name[a] == name[b]) & (np.einsum("ij,ij->i", heading[a], heading[b]) > 0.8)
    second[np.maximum(a, b)[same]] = True
    return second


def _near(xy: Floats, places: Floats, limit_m: float) -> Bools:
    if not len(places) or not len(xy):
        return np.zeros(len(xy), bool)
    return np.asarray(cKDTree(places).query(xy)[0] <= limit_m, dtype=bool)


def _gates(gates: gpd.GeoDataFrame | None) -> Floats:
    """Places of what stands across a way: an entrance of a building and a kerb do not."""
    if gates is None or not len(gates):
        return np.empty((0, 2))
    across = ~text(gates, "barrier").isin(("", "kerb", "toll_booth", "height_restrictor", "border_control"))
    return shapely.get_coordinates(shapely.point_on_surface(gates.geometry.to_numpy()[across.to_numpy()]))


def _marks(city: City, column: str) -> Floats:
    frame = city.layer("road_ends").frame
    if frame is None or not len(frame):
        return np.empty((0, 2))
    chosen = text(frame, column).isin(("", "no")).to_numpy()
    return shapely.get_coordinates(shapely.point_on_surface(frame.geometry.to_numpy()[~chosen]))


def _touches(roads: gpd.GeoDataFrame, chosen: Bools, xy: Floats, limit_m: float) -> Bools:
    """Find ends within a distance of chosen ways."""
    found = np.zeros(len(xy), bool)
    lines = np.asarray(roads.geometry.to_numpy(), dtype=object)[chosen]
    if len(lines) and len(xy):
        found[shapely.STRtree(lines).query(shapely.points(xy), predicate="dwithin", distance=limit_m)[0]] = True
    return found


def _vertex_of(roads: gpd.GeoDataFrame, chosen: Bools, xy: Floats) -> Bools:
    """Find ends that are a vertex of chosen ways: there a way of another kind goes on."""
    return _near(xy, shapely.get_coordinates(np.asarray(roads.geometry.to_numpy(), dtype=object)[chosen]), 0.1)


def _ground(city: City, what: str, *, whole: bool = False) -> Geometries:
    """Polygons of campuses, works or housing compounds."""
    found = [np.empty(0, object)]
    for layer, column, words in GROUND[what]:
        frame = city.layer(layer).frame
        if frame is not None and len(frame):
            shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
            fits = text(frame, column).isin(words).to_numpy() & (shapely.get_dimensions(shapes) == 2)
            found.append(shapes[fits])
    shapes = np.concatenate(found)
    return shapes[shapely.area(shapes) <= COMPOUND_M2] if what == "homes" and not whole else shapes


def _inside(ground: Geometries, *places: Floats) -> Bools:
    """Whether all places of an end lie in the same polygon."""
    count = len(places[0])
    tree = shapely.STRtree(ground)
    pairs = [
        np.unique(np.ravel_multi_index(tree.query(shapely.points(xy), predicate="within"), (count, len(ground))))
        if len(ground) and count
        else np.empty(0, int)
        for xy in places
    ]
    out = np.zeros(count, bool)
    both = pairs[0]
    for other in pairs[1:]:
        both = np.intersect1d(both, other)
    if len(both):
        out[both // len(ground)] = True
    return out


def _planned(city: City, xy: Floats, heading: Floats) -> tuple[Bools, Floats]:
    """Ends from which a planned road goes on, and where that leads to."""
    goes, target = np.zeros(len(xy), bool), np.full((len(xy), 2), np.nan)
    frame = city.layer("planned_roads").frame
    if frame is None or not len(frame) or not len(xy):
        return goes, target
    frame = frame[~text(frame, "status").isin(BUILT).to_numpy()]
    lines = shapely.get_parts(shapely.line_merge(shapely.union_all(frame.geometry.to_numpy())))
    end, line = shapely.STRtree(lines).query(shapely.points(xy), predicate="dwithin", distance=MARK_M)
    for nth in (0, -1):
        tip = shapely.get_coordinates(shapely.get_point(lines[line], nth))
        way = tip - xy[end]
        far = np.hypot(way[:, 0], way[:, 1])
        on = (far > 2 * MARK_M) & (np.einsum("ij,ij->i", way, heading[end]) > -0.2 * far)
        goes[end[on]] = True
        target[end[on]] = tip[on]
    return goes, target


def _part_m(graph: Graph) -> Floats:
    """Length of the connected part of the network that each node belongs to."""
    part = graph.components()
    return np.bincount(part[graph.start], weights=graph.length_m, minlength=part.max(initial=-1) + 1)[part]


def _polygons(city: City, name: str) -> Geometries:
    frame = city.layer(name).frame
    if frame is None or not len(frame):
        return np.empty(0, object)
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    return shapes[shapely.get_dimensions(shapes) == 2]


def _rails(city: City) -> Geometries:
    frame = city.layer("rail").frame
    if frame is None or not len(frame):
        return np.empty(0, object)
    track = text(frame, "railway").isin(("rail", "narrow_gauge", "")).to_numpy() & ~_off_ground(frame)
    return np.asarray(frame.geometry.to_numpy(), dtype=object)[track]
