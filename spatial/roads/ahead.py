"""What lies ahead of a road's end: the streets it would meet, and what stands between."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import shapely
from scipy.spatial import cKDTree

from spatial.network.contract import Bools, Graph
from spatial.overlay import Floats, Geometries, Ints, segments

AHEAD_M, HALF_ANGLE, _STEP = 500.0, 45.0, 5.0
_HEADING_M = 25.0
# A street that a line of sight grazes by less than 20°, and a near one that runs so beside the end's own course, is not ahead; ends face each other within 30° of the line between them.
_BESIDE_M = 250.0
_PARALLEL, _FACING = np.cos(np.radians(20.0)), np.cos(np.radians(30.0))


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
    facing
        Whether the place is the end of another street that looks back, shape (k,).
    """

    end: Ints
    edge: Ints
    along_m: Floats
    xy: Floats
    gap_m: Floats
    angle: Floats
    facing: Bools

    def take(self, index: Any) -> Ahead:
        """Keep some rows."""
        return Ahead(*(getattr(self, name)[index] for name in ("end", "edge", "along_m", "xy", "gap_m", "angle", "facing")))


def headings(graph: Graph, nodes: Ints, edges: Ints) -> Floats:
    """Find in which directions edges leave the network where they end, by the last 25 m: a bent last metre does not turn them."""
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
        return Ahead(none.astype(int), none.astype(int), none, np.empty((0, 2)), none, none, none.astype(bool))
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
    seen = Ahead(end, edge, along, spot, t, np.abs(np.degrees(turn))[ray % len(turn)], np.zeros(len(end), bool))
    course = v[first]
    beside = np.abs(np.einsum("ij,ij->i", course, heading[end])) > _PARALLEL * np.hypot(course[:, 0], course[:, 1])
    grazed = np.abs(np.einsum("ij,ij->i", course, d)) > _PARALLEL * np.hypot(course[:, 0], course[:, 1])
    return seen.take(~grazed & (~beside | (t > _BESIDE_M)))


def ends_facing(xy: Floats, heading: Floats, own: Ints, along_m: Floats, streets: Ahead, asked: Bools) -> Ahead:
    """Find the ends of other streets that look back, with no street between.

    Parameters
    ----------
    xy, heading, own, along_m
        Ends: place, unit vector outwards, edge and place on it, shape (n, …).
    streets
        What ``streets_ahead`` found: an end behind a street that is nearer on about the same line of sight is not faced.
    asked
        Which ends are asked for, shape (n,); any may be faced.
    """
    none = streets.take(np.empty(0, int))
    if len(xy) < 2:
        return none
    pair = cKDTree(xy).query_pairs(AHEAD_M, output_type="ndarray")
    a, b = np.r_[pair[:, 0], pair[:, 1]], np.r_[pair[:, 1], pair[:, 0]]
    a, b = a[asked[a]], b[asked[a]]
    way = xy[b] - xy[a]
    gap = np.hypot(way[:, 0], way[:, 1])
    real = gap > 0
    a, b, way, gap = a[real], b[real], way[real] / gap[real][:, None], gap[real]
    mine, theirs = np.einsum("ij,ij->i", heading[a], way), -np.einsum("ij,ij->i", heading[b], way)
    sees = (mine >= _FACING) & (theirs >= _FACING) & (own[a] != own[b])
    a, b, gap, mine = a[sees], b[sees], gap[sees], np.clip(mine[sees], -1, 1)
    before = np.full(len(xy), np.inf)
    straight = streets.angle <= 2 * _STEP
    np.minimum.at(before, streets.end[straight], streets.gap_m[straight])
    clear = gap <= before[a] + _STEP
    a, b, gap, mine = a[clear], b[clear], gap[clear], mine[clear]
    order = np.lexsort((b, a))
    a, b, gap, mine = a[order], b[order], gap[order], mine[order]
    return Ahead(a, own[b], along_m[b], xy[b], gap, np.degrees(np.arccos(mine)), np.ones(len(a), bool))


def both(one: Ahead, other: Ahead) -> Ahead:
    """Put two sets of places together."""
    return Ahead(*(np.concatenate([getattr(one, f.name), getattr(other, f.name)]) for f in fields(Ahead)))


def metres_within(lines: Geometries, ground: Geometries) -> Floats:
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
