"""Places attached to the network by the nearest connector that nothing bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial.network.contract import Bools, Graph
from spatial.network.passage import expressways, text
from spatial.overlay import Floats, Geometries, Ints, segments

SNAP_LIMIT_M = 200.0
TOUCH_M = 0.1
_TINY_M = 1e-6
_CLOSE_M = 15.0


@dataclass(frozen=True, eq=False)
class Attached:
    """Places attached to a graph.

    Attributes
    ----------
    edge
        Edge that each place is attached to, -1 where it is unreachable, shape (k,).
    along_m
        Distance of the attachment from the edge's start, shape (k,); NaN where unreachable.
    gap_m
        Straight length of the connector, shape (k,); NaN where unreachable.
    """

    edge: Ints
    along_m: Floats
    gap_m: Floats

    def take(self, index: Any) -> Attached:
        """Keep some places, by index or mask."""
        return Attached(self.edge[index], self.along_m[index], self.gap_m[index])

    @property
    def reached(self) -> Bools:
        """Whether a place is attached."""
        return self.edge >= 0

    def __len__(self) -> int:
        return len(self.edge)


def snap(
    graph: Graph,
    places: Geometries,
    *,
    limit_m: float = SNAP_LIMIT_M,
    obstacles: Geometries | None = None,
    private: bool = True,
    least_part_m: float = 0.0,
) -> Attached:
    """Attach places to the nearest edge.

    Parameters
    ----------
    graph
        From ``street_graph``.
    places
        Points or polygons in the graph's CRS, shape (k,); a polygon is attached from the point of it that is nearest to an edge, one
        that streets run into at the point of them nearest to its centre.
    limit_m
        Longest connector in metres; exactly this long is attached.
    obstacles
        What a connector must not cross, from ``obstacle_lines``. Touching within 0.1 m of either end is no crossing. Where the nearest edge
        is barred, every straight piece of the edges around is tried at its nearest point, the nearest first.
    private
        Whether places may be attached to private edges.
    least_part_m
        Connected parts of the network with less length than this take no place.

    Returns
    -------
    Attached
        Of several edges at the same distance public ones go first, then the first in the order of the graph, which does not depend on
        the order of roads or places.
    """
    places = np.asarray(places, dtype=object)
    edge = np.full(len(places), -1, dtype=np.int64)
    along_m, gap_m = np.full(len(places), np.nan), np.full(len(places), np.nan)
    tree, edges, allowed = _edges(graph, private, least_part_m)
    real = np.flatnonzero(~(shapely.is_missing(places) | shapely.is_empty(places)))
    if len(edges) and len(real):
        place, near = tree.query_nearest(places[real], max_distance=limit_m + _TINY_M, all_matches=True)
        place, near = _one_each(graph, real[place], edges[near])
        line, along = _connectors(graph, places, place, near)
        barred = _barred(graph, line, obstacles)
        tried_m = shapely.length(line)
        for radius_m in limit_m * np.array([0.125, 0.25, 0.5, 1.0]):
            if not barred.any():
                break
            again, beyond_m = place[barred], tried_m[barred]
            found, way, more, at = _detour(graph, places, again, beyond_m, allowed, radius_m, obstacles)
            tried_m = np.maximum(tried_m, radius_m)
            position = np.flatnonzero(barred)[np.searchsorted(again, found)]
            near[position], line[position], along[position], barred[position] = way, more, at, False
        free = ~barred
        edge[place[free]], along_m[place[free]], gap_m[place[free]] = near[free], along[free], shapely.length(line[free])
    return Attached(edge, along_m, gap_m)


def obstacle_lines(
    walls: gpd.GeoDataFrame | None = None,
    rail: gpd.GeoDataFrame | None = None,
    water: gpd.GeoDataFrame | None = None,
    roads: gpd.GeoDataFrame | None = None,
) -> Geometries:
    """Gather the lines that nobody walks across.

    Parameters
    ----------
    walls, rail, water, roads
        Layers of these names; any may be missing. Of ``rail`` the tracks at grade count (no tunnel, no bridge, no subway, nothing that is
        not in use), of ``roads`` motorways, motorroads and expressways at grade, of ``water`` the outlines of polygons.

    Returns
    -------
    numpy.ndarray
        LineStrings; outlines of water are LinearRings, shells anticlockwise and islands clockwise: a place within a shell may leave it.
    """
    found: list[Geometries] = [np.empty(0, object)]
    if walls is not None:
        found.append(_lines_of(walls))
    if rail is not None:
        tracks = _at_grade(rail) & text(rail, "railway").isin(("", "rail", "light_rail", "narrow_gauge", "preserved"))
        found.append(_lines_of(rail[np.asarray(tracks)]))
    if roads is not None:
        fast = text(roads, "highway").isin(("motorway", "motorway_link")) | (text(roads, "motorroad") == "yes") | expressways(roads)
        found.append(_lines_of(roads[np.asarray(fast & _at_grade(roads))]))
    if water is not None:
        polygons = shapely.get_parts(np.asarray(water.geometry.to_numpy(), dtype=object))
        polygons = polygons[(shapely.get_type_id(polygons) == 3) & ~shapely.is_empty(polygons)]
        found.append(shapely.get_rings(shapely.orient_polygons(polygons)))
    return np.concatenate(found)


def _at_grade(frame: gpd.GeoDataFrame) -> pd.Series:
    off = pd.Series(False, index=frame.index)
    for column in ("bridge", "tunnel"):
        off |= ~text(frame, column).isin(("", "no", "F", "0"))
    return ~off & ~text(frame, "layer").str.fullmatch(r"-?[1-9]\d*(\.0)?")


def _lines_of(frame: gpd.GeoDataFrame) -> Geometries:
    """LineStrings of a frame, outlines of polygons among them."""
    parts = shapely.get_parts(np.asarray(frame.geometry.to_numpy(), dtype=object))
    parts = np.concatenate([parts[shapely.get_type_id(parts) != 3], shapely.get_rings(parts[shapely.get_type_id(parts) == 3])])
    parts = parts[np.isin(shapely.get_type_id(parts), (1, 2)) & ~shapely.is_empty(parts)]
    rings = shapely.get_type_id(parts) == 2
    xy, index = shapely.get_coordinates(parts[rings], return_index=True)
    parts[rings] = shapely.linestrings(xy, indices=index) if rings.any() else parts[rings]
    return parts


def _edges(graph: Graph, private: bool, least_part_m: float) -> tuple[shapely.STRtree, Ints, Bools]:
    """Index of the edges that places may be attached to, their numbers, and the same as a mask."""
    return graph.memo(("edges to attach to", private, least_part_m), lambda: _build_edges(graph, private, least_part_m))


def _build_edges(graph: Graph, private: bool, least_part_m: float) -> tuple[shapely.STRtree, Ints, Bools]:
    allowed = np.ones(len(graph.lines), bool)
    if not private:
        allowed &= ~graph.private
    if least_part_m > 0 and len(graph.lines):
        part = graph.components()[graph.start]
        allowed &= np.bincount(part, weights=graph.length_m)[part] >= least_part_m
    edges = np.flatnonzero(allowed)
    if len(edges) == len(graph.lines):
        return graph.tree, edges, allowed
    return shapely.STRtree(graph.lines[edges]), edges, allowed


def _one_each(graph: Graph, place: Ints, edge: Ints) -> tuple[Ints, Ints]:
    """Of several edges at one distance keep a public one, and of these the first."""
    order = np.lexsort((edge, graph.private[edge], place))
    place, edge = place[order], edge[order]
    first = np.r_[True, np.diff(place) != 0][: len(place)]
    return place[first], edge[first]


def _connectors(graph: Graph, places: Geometries, place: Ints, edge: Ints) -> tuple[Geometries, Floats]:
    """Shortest lines from places to edges, and where on the edges they end."""
    lines = shapely.shortest_line(places[place], graph.lines[edge])
    within = np.flatnonzero((shapely.length(lines) == 0) & (shapely.get_dimensions(places[place]) > 0))
    if len(within):  # a street runs into the polygon
        inside = shapely.intersection(places[place[within]], graph.lines[edge[within]])
        spot = shapely.get_point(shapely.shortest_line(shapely.centroid(places[place[within]]), inside), 1)
        lines[within] = shapely.linestrings(np.repeat(shapely.get_coordinates(spot)[:, None, :], 2, axis=1))
    ends = shapely.points(shapely.get_coordinates(lines)[1::2])
    return lines, shapely.line_locate_point(graph.lines[edge], ends)


def _barred(graph: Graph, connectors: Geometries, obstacles: Geometries | None) -> Bools:
    """Whether a connector crosses an obstacle farther than 0.1 m from its ends."""
    barred = np.zeros(len(connectors), bool)
    if obstacles is None or not len(obstacles):
        return barred
    # The array is kept with its tree, so that its identity stays its own.
    _, tree, owner = graph.memo(("obstacles", id(obstacles)), lambda: (obstacles, *_obstacle_tree(obstacles)))
    xy = shapely.get_coordinates(connectors).reshape(-1, 2, 2)
    step = xy[:, 1] - xy[:, 0]
    length_m = np.hypot(*step.T)
    long = np.flatnonzero(length_m > 2 * TOUCH_M)
    # Most of what bars a place stands close to it: a short stretch is asked first.
    for reach_m in (_CLOSE_M, np.inf):
        far = np.minimum(length_m[long] - TOUCH_M, reach_m)
        unit = step[long] / length_m[long][:, None]
        stretch = shapely.linestrings(np.stack([xy[long, 0] + unit * TOUCH_M, xy[long, 0] + unit * far[:, None]], axis=1))
        which, hit = tree.query(stretch, predicate="intersects")
        barred[_crossed(obstacles, long[which], owner[hit], xy[:, 0])] = True
        long = long[~barred[long] & (length_m[long] - TOUCH_M > reach_m)]
    return barred


def _crossed(obstacles: Geometries, which: Ints, hit: Ints, origin: Floats) -> Ints:
    """Of pairs of a connector and an obstacle that meet, the connectors; a shell does not bar who stands within it."""
    shell = (shapely.get_type_id(obstacles[hit]) == 2) & shapely.is_ccw(obstacles[hit])
    if shell.any():
        pair, index = np.unique(np.column_stack([which, hit])[shell], axis=0, return_inverse=True)
        water = shapely.polygons(obstacles[pair[:, 1]])
        left = shapely.contains_properly(water, shapely.points(origin[pair[:, 0]]))
        shell[np.flatnonzero(shell)] = left[index.ravel()]
    return which[~shell]


def _obstacle_tree(obstacles: Geometries) -> tuple[shapely.STRtree, Ints]:
    pieces, owner = segments(obstacles)
    return shapely.STRtree(shapely.linestrings(pieces)), owner


def _detour(
    graph: Graph,
    places: Geometries,
    place: Ints,
    beyond_m: Floats,
    allowed: Bools,
    radius_m: float,
    obstacles: Geometries | None,
) -> tuple[Ints, Ints, Geometries, Floats]:
    """For places whose ways up to a distance are barred, the nearest within a radius that is not: place, edge, connector, where."""
    tree, pieces, owner, offset_m = graph.memo("pieces", lambda: _pieces(graph))
    which, near = tree.query(places[place], predicate="dwithin", distance=radius_m + _TINY_M)
    new = allowed[owner[near]] & (shapely.distance(places[place[which]], pieces[near]) >= beyond_m[which] - _TINY_M)
    which, near = place[which[new]], near[new]
    lines = shapely.shortest_line(places[which], pieces[near])
    free = ~_barred(graph, lines, obstacles)
    which, near, lines = which[free], near[free], lines[free]
    edge = owner[near]
    order = np.lexsort((near, graph.private[edge], shapely.length(lines), which))
    order = order[np.r_[True, np.diff(which[order]) != 0][: len(order)]]
    which, near, edge, lines = which[order], near[order], edge[order], lines[order]
    ends = shapely.points(shapely.get_coordinates(lines)[1::2])
    along_m = np.minimum(offset_m[near] + shapely.line_locate_point(pieces[near], ends), graph.length_m[edge])
    return which, edge, lines, along_m


def _pieces(graph: Graph) -> tuple[shapely.STRtree, Geometries, Ints, Floats]:
    """Straight pieces of all edges: index, lines, edge, and how far along the edge each begins."""
    ends, owner = segments(graph.lines)
    pieces = shapely.linestrings(ends)
    length_m = shapely.length(pieces)
    along = np.cumsum(length_m) - length_m
    first = np.r_[True, np.diff(owner) != 0][: len(owner)]
    return shapely.STRtree(pieces), pieces, owner, along - along[np.maximum.accumulate(np.where(first, np.arange(len(owner)), 0))]
