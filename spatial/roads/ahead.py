"""What lies ahead of a road's end: the streets it would meet, and what stands between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from spatial.network.contract import Bools, Graph
from spatial.overlay import Floats, Geometries, Ints, segments

AHEAD_M, HALF_ANGLE, _STEP = 500.0, 45.0, 5.0
_HEADING_M = 25.0


@dataclass(frozen=True, eq=False)
class Ahead:
    """Places on streets that ends point at, one row a pair.

    Attributes
    ----------
    end
        Which end, shape (k,).
    edge, along_m
        Edge of the graph that is met and the place on it, shape (k,).
    xy
        The place, shape (k, 2).
    gap_m
        Straight distance, shape (k,).
    angle
        Degrees between the heading and the place, 0 to 45, shape (k,).
    """

    end: Ints
    edge: Ints
    along_m: Floats
    xy: Floats
    gap_m: Floats
    angle: Floats

    def take(self, index: Any) -> Ahead:
        """Keep some rows."""
        return Ahead(*(getattr(self, name)[index] for name in ("end", "edge", "along_m", "xy", "gap_m", "angle")))


def headings(graph: Graph, nodes: Ints, edges: Ints) -> Floats:
    """Unit vectors in which edges leave the network at nodes where they end, from the last 25 m, so that a bent last metre does not turn them."""
    back = np.minimum(_HEADING_M, graph.length_m[edges])
    at_end = graph.end[edges] == nodes
    spot = shapely.line_interpolate_point(graph.lines[edges], np.where(at_end, graph.length_m[edges] - back, back))
    way = graph.xy[nodes] - shapely.get_coordinates(spot)
    norm = np.hypot(way[:, 0], way[:, 1])
    return way / np.where(norm > 0, norm, 1.0)[:, None]


def streets_ahead(graph: Graph, targets: Bools, xy: Floats, heading: Floats, own: Ints) -> Ahead:
    """Find the first street that each of a fan of sight lines meets.

    Parameters
    ----------
    graph
        From ``street_graph``.
    targets
        Segments that may be met, shape (s,).
    xy, heading, own
        Ends: place, unit vector outwards, and the edge each belongs to, shape (n, 2), (n, 2) and (n,).

    Returns
    -------
    Ahead
        Sight lines every 5° within 45° of the heading, 500 m long; what lies behind the first street is not ahead.
    """
    side, owner = segments(graph.lines)[0][targets], graph.segment_edge[targets]
    turn = np.radians(np.arange(-HALF_ANGLE, HALF_ANGLE + _STEP / 2, _STEP))
    cos, sin = np.cos(turn), np.sin(turn)
    fan = np.stack([heading[:, :1] * cos - heading[:, 1:] * sin, heading[:, :1] * sin + heading[:, 1:] * cos], axis=2)
    tip = xy[:, None] + AHEAD_M * fan
    rays = shapely.linestrings(np.stack([np.broadcast_to(xy[:, None], tip.shape), tip], axis=2).reshape(-1, 2, 2))
    if not len(side) or not len(rays):
        none = np.empty(0)
        return Ahead(none.astype(int), none.astype(int), none, np.empty((0, 2)), none, none)
    ray, hit = shapely.STRtree(shapely.linestrings(side)).query(rays, predicate="intersects")
    end = ray // len(turn)
    other = owner[hit] != own[end]
    ray, hit, end = ray[other], hit[other], end[other]
    # Where two straight lines cross: o + t·d = a + s·(b − a).
    d = fan.reshape(-1, 2)[ray]
    a, b = side[hit, 0], side[hit, 1]
    v, w = b - a, a - xy[end]
    cross = d[:, 0] * v[:, 1] - d[:, 1] * v[:, 0]
    level = np.abs(cross) < 1e-12
    safe = np.where(level, 1.0, cross)
    t = np.where(level, np.hypot(*w.T), (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / safe)
    order = np.lexsort((owner[hit], np.round(t, 6), ray))
    first = order[np.r_[True, np.diff(ray[order]) != 0][: len(order)]]
    ray, hit, end, t, d = ray[first], hit[first], end[first], t[first], d[first]
    spot = xy[end] + t[:, None] * d
    edge = owner[hit]
    along = shapely.line_locate_point(graph.lines[edge], shapely.points(spot))
    return Ahead(end, edge, along, spot, t, np.abs(np.degrees(turn))[ray % len(turn)])


def share_within(lines: Geometries, ground: Geometries) -> Floats:
    """Metres of each line that lie in polygons, overlapping ones counted once as far as the longest single one tells."""
    metres = np.zeros(len(lines))
    if not len(lines) or not len(ground):
        return metres
    line, polygon = shapely.STRtree(ground).query(lines, predicate="intersects")
    np.add.at(metres, line, shapely.length(shapely.intersection(lines[line], ground[polygon])))
    return np.minimum(metres, shapely.length(lines))


def crossed(lines: Geometries, barriers: Geometries) -> Bools:
    """Whether each line crosses one of the barriers."""
    found = np.zeros(len(lines), bool)
    if len(lines) and len(barriers):
        found[shapely.STRtree(barriers).query(lines, predicate="intersects")[0]] = True
    return found
