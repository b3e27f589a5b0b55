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
from spatial.roads.ahead import AHEAD_M, Ahead, crossed, headings, share_within, streets_ahead
from spatial.roads.classes import classify
from spatial.roads.ways_round import ways_round

Bools = npt.NDArray[np.bool_]

ENDING = ("expressway", "primary", "secondary", "tertiary", "unclassified", "residential")
JOINING = (*ENDING, "motorway", "link")
GATE_M, MARK_M, JOIN_M, EDGE_M, TWIN_M = 30.0, 15.0, 12.0, 500.0, 40.0
DETOUR_RATIO, DETOUR_MORE_M, DETOUR_LIMIT_M = 3.0, 500.0, 5000.0
REAL = ("suspected", "confirmed")


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
    seen = np.isin(kind, ENDING) & (status == OPEN) & ~_off_ground(roads)
    ahead = streets_ahead(whole, seen[whole.segment_row], xy, heading, own)
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

    def mark(what: str, those: Bools) -> None:
        out[those & (out == "suspected")] = what

    mark("data_edge", _cut(roads, rows, xy) | _leaves(city, xy, heading))
    mark("joining_error", _joining(whole, xy, heading, own, roads))
    mark("other_carriageway", _second_carriageways(xy, heading, named))
    mark("private", status[rows] != OPEN)
    mark("gate", _near(xy, _gates(gates), GATE_M))
    mark("no_exit", text(roads, "noexit").eq("yes").to_numpy()[rows] | _near(xy, _marks(city, "noexit"), MARK_M))
    mark("goes_on", _meets(whole, xy, ~np.isin(kind, JOINING)))
    mark("no_street_ahead", ~any_ahead)
    mark("short_way_round", ~found)
    mark("bank", found & (share_within(link, _polygons(city, "water")) > 5))
    mark("rail", found & crossed(link, _rails(city)))
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
    cost = ahead.gap_m * (1 + (ahead.angle / 45) ** 2)
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


def _joining(graph: Graph, xy: Floats, heading: Floats, own: Ints, roads: gpd.GeoDataFrame) -> Bools:
    """Ends a few metres short of a street on the ground that they point at: the map lacks the junction, not the city."""
    ground = ~_off_ground(roads)
    near = streets_ahead(graph, ground[graph.segment_row], xy, heading, own)
    found = np.zeros(len(xy), bool)
    found[near.end[near.gap_m <= JOIN_M]] = True
    return found


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


def _meets(graph: Graph, xy: Floats, others: Bools) -> Bools:
    """Ends where a way that is no public street goes on."""
    segment = others[graph.segment_row]
    places = segments(graph.lines)[0][segment].reshape(-1, 2)
    return _near(xy, places, 0.1)


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
