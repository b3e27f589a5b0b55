"""Exact overlay of many small things with a few large ones: tiles, dissolved surfaces, sums by polygon.

Large polygons are cut once along a fixed grid, so that every later intersection is between small neighbours. The grid is shifted by an
odd fraction of a metre, so that no real line ever runs along it; where one did, a length would be counted twice.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

TILE_M = 1000.0
EDGE_M = 0.1
_SHIFT_M = 0.3712345678

Geometries = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """Disjoint small polygons, each owned by one of ``count`` large ones.

    Attributes
    ----------
    geometry
        Polygons, shape (p,); those of one owner do not overlap.
    owner
        Index of the owner, shape (p,).
    count
        How many owners there are.
    """

    geometry: Geometries
    owner: Ints
    count: int

    @functools.cached_property
    def distinct(self) -> tuple[Geometries, Ints]:
        """Geometries that differ, and which of them each piece is: a city and its districts share most of their pieces."""
        _, first, which = np.unique(shapely.to_wkb(self.geometry), return_index=True, return_inverse=True)
        return self.geometry[first], which

    def areas(self) -> Floats:
        """Area of every owner, m², shape (count,)."""
        return sum_by(self.owner, shapely.area(self.geometry), self.count)

    def take(self, owners: Sequence[int] | Ints) -> Pieces:
        """Keep some owners, in the order given."""
        position = np.full(self.count, -1)
        position[np.asarray(owners, dtype=int)] = np.arange(len(owners))
        kept = position[self.owner] >= 0
        return Pieces(self.geometry[kept], position[self.owner[kept]], len(owners))


def cut(polygons: Geometries, tile_m: float = TILE_M) -> Pieces:
    """Cut polygons along the fixed grid.

    Parameters
    ----------
    polygons
        Valid polygons, shape (n,), metres; empty ones have no pieces.
    tile_m
        Grid spacing.

    Returns
    -------
    Pieces
        With ``count`` = n.
    """
    geometry: list[Geometries] = [np.empty(0, object)]
    owner: list[Ints] = [np.empty(0, int)]
    for index, polygon in enumerate(polygons):
        if polygon is None or shapely.is_empty(polygon):
            continue
        boxes = _boxes(shapely.bounds(polygon), tile_m)
        shapely.prepare(polygon)
        touched = boxes[shapely.intersects(polygon, boxes)] if len(boxes) > 1 else boxes
        inside = shapely.covers(polygon, touched)
        parts = shapely.intersection(polygon, touched[~inside]) if len(touched) <= 64 else _halved(polygon, touched[~inside], tile_m)
        pieces = _polygonal(np.concatenate([touched[inside], parts]))
        geometry.append(pieces)
        owner.append(np.full(len(pieces), index))
    return Pieces(np.concatenate(geometry), np.concatenate(owner), len(polygons))


def _halved(polygon: Any, boxes: Geometries, tile_m: float) -> Geometries:
    """Intersect a many-tiled polygon with boxes by way of coarse strips: each vertex is read a few times, not once a tile."""
    if not len(boxes):
        return boxes
    column = np.round(shapely.bounds(boxes)[:, 0] / tile_m).astype(int)
    out = np.empty(len(boxes), object)
    for value in np.unique(column):
        mine = np.flatnonzero(column == value)
        strip = shapely.intersection(polygon, shapely.box(*_outer(boxes[mine])))
        out[mine] = shapely.intersection(strip, boxes[mine])
    return out


def _outer(boxes: Geometries) -> tuple[float, float, float, float]:
    west, south, east, north = shapely.total_bounds(boxes)
    return float(west), float(south), float(east), float(north)


def _boxes(bounds: Floats, tile_m: float) -> Geometries:
    west, south, east, north = bounds
    x = np.arange(np.floor((west - _SHIFT_M) / tile_m), np.floor((east - _SHIFT_M) / tile_m) + 1) * tile_m + _SHIFT_M
    y = np.arange(np.floor((south - _SHIFT_M) / tile_m), np.floor((north - _SHIFT_M) / tile_m) + 1) * tile_m + _SHIFT_M
    xx, yy = (grid.ravel() for grid in np.meshgrid(x, y))
    return np.atleast_1d(shapely.box(xx, yy, xx + tile_m, yy + tile_m))


def _polygonal(geometry: Geometries) -> Geometries:
    """Keep the polygons among intersections, which may hold touching points and lines."""
    kinds = shapely.get_type_id(geometry)
    flat = np.concatenate([geometry[np.isin(kinds, (3, 6))], shapely.get_parts(geometry[kinds == 7])])
    flat = flat[np.isin(shapely.get_type_id(flat), (3, 6))]
    return flat[shapely.area(flat) > 0]


def dissolve(polygons: Geometries, tile_m: float = TILE_M / 3) -> Geometries:
    """Unite overlapping polygons into disjoint pieces that cover the same ground.

    Parameters
    ----------
    polygons
        Valid polygons, any overlap, metres.
    tile_m
        The union is made tile by tile: its cost grows faster than its size.

    Returns
    -------
    numpy.ndarray
        Disjoint polygons, cut along the tiles.
    """
    polygons = polygons[~(shapely.is_missing(polygons) | shapely.is_empty(polygons))]
    if not len(polygons):
        return np.empty(0, object)
    bounds = shapely.bounds(polygons)
    low = np.floor((bounds[:, :2] - _SHIFT_M) / tile_m).astype(np.int64)
    high = np.floor((bounds[:, 2:] - _SHIFT_M) / tile_m).astype(np.int64)
    spans = (high - low + 1).prod(axis=1)
    source = np.repeat(np.arange(len(polygons)), spans)
    step = np.arange(len(source)) - np.repeat(np.cumsum(spans) - spans, spans)
    height = (high - low + 1)[source, 1]
    column, row = low[source, 0] + step // height, low[source, 1] + step % height
    order = np.lexsort((source, row, column))
    source, column, row = source[order], column[order], row[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(column) != 0) | (np.diff(row) != 0)])
    pieces = []
    for start, end in zip(starts, np.r_[starts[1:], len(source)], strict=True):
        x, y = column[start] * tile_m + _SHIFT_M, row[start] * tile_m + _SHIFT_M
        mine = polygons[source[start:end]]
        whole = spans[source[start:end]] == 1
        united = shapely.union_all(np.concatenate([mine[whole], _clip(mine[~whole], x, y, tile_m)]))
        if not shapely.is_empty(united):
            pieces.append(united)
    return _polygonal(shapely.get_parts(np.array(pieces, dtype=object)))


def _clip(polygons: Geometries, x: float, y: float, tile_m: float) -> Geometries:
    clipped = shapely.clip_by_rect(polygons, x, y, x + tile_m, y + tile_m)
    bad = ~shapely.is_valid(clipped)
    if bad.any():  # the fast clip may leave a ring that touches itself
        clipped[bad] = shapely.intersection(polygons[bad], shapely.box(x, y, x + tile_m, y + tile_m))
    return clipped


def sum_by(owner: Ints, weights: Floats, count: int) -> Floats:
    """Sum weights by owner, shape (count,)."""
    return np.bincount(owner, weights=weights, minlength=count).astype(np.float64)


def pairs(left: Geometries, right: Geometries) -> tuple[Ints, Ints]:
    """Index pairs of intersecting geometries, sorted by left, then right."""
    if not len(left) or not len(right):
        return np.empty(0, int), np.empty(0, int)
    found = shapely.STRtree(right).query(left, predicate="intersects")
    order = np.lexsort((found[1], found[0]))
    return found[0][order], found[1][order]


def restrict(pieces: Pieces, ground: Geometries) -> Pieces:
    """Keep the part of each piece that lies on ``ground`` (disjoint polygons)."""
    distinct, which = pieces.distinct
    mine, theirs = pairs(distinct, ground)
    parts = _cut_pairs(distinct[mine], ground[theirs])
    kinds = np.isin(shapely.get_type_id(parts), (3, 6, 7))
    geometry, index = shapely.get_parts(parts[kinds], return_index=True)
    good = np.isin(shapely.get_type_id(geometry), (3, 6)) & (shapely.area(geometry) > 0)
    row, piece = _joined(mine[kinds][index][good], which)
    return Pieces(geometry[good][row], pieces.owner[piece], pieces.count)


def without(pieces: Geometries, ground: Geometries) -> Geometries:
    """Take ``ground`` (disjoint polygons) away from each piece, shape (n,); some are left empty."""
    mine, theirs = pairs(pieces, ground)
    shapely.prepare(ground)
    out = pieces.copy()
    out[mine[shapely.covers(ground[theirs], pieces[mine])]] = shapely.Polygon()
    rest = ~shapely.is_empty(out[mine])
    mine, theirs = mine[rest], theirs[rest]
    touched, index = np.unique(mine, return_inverse=True)
    if len(touched):
        # Neighbouring tiles of the ground meet along their edges, so that only a union of them is valid.
        order = np.split(ground[theirs], np.flatnonzero(np.diff(index)) + 1)
        several = np.array([part[0] if len(part) == 1 else shapely.union_all(part) for part in order], dtype=object)
        out[touched] = shapely.difference(out[touched], several)
    return out


def _joined(key: Ints, which: Ints) -> tuple[Ints, Ints]:
    """Pairs (row of ``key``, row of ``which``) that hold the same number, by row of ``which``."""
    order = np.argsort(key, kind="stable")
    first, last = np.searchsorted(key[order], which, "left"), np.searchsorted(key[order], which, "right")
    count = last - first
    other = np.repeat(np.arange(len(which)), count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return order[np.repeat(first, count) + step], other


def _cut_pairs(left: Geometries, right: Geometries) -> Geometries:
    """Intersection of pairs; where one covers the other no overlay is computed."""
    out = left.copy()
    if not len(left):
        return out
    shapely.prepare(right)
    inside = shapely.covers(right, left)
    shapely.prepare(left[~inside])
    around = np.zeros(len(left), bool)
    around[~inside] = shapely.covers(left[~inside], right[~inside])
    out[around] = right[around]
    rest = ~(inside | around)
    out[rest] = shapely.intersection(left[rest], right[rest])
    return out


def polygon_parts(polygons: Geometries, pieces: Pieces) -> tuple[Ints, Ints, Floats]:
    """Areas by polygon and owner, overlaps of the polygons counted as often as they occur: index of the polygon, owner, m²."""
    distinct, which = pieces.distinct
    index, mine = pairs(polygons, distinct)
    row, piece = _joined(mine, which)
    return index[row], pieces.owner[piece], shapely.area(_cut_pairs(polygons[index], distinct[mine]))[row]


def surface_within(surface: Geometries, pieces: Pieces) -> Floats:
    """Area of a surface (disjoint polygons) inside every owner, m², shape (count,)."""
    distinct, which = pieces.distinct
    theirs, mine = pairs(surface, distinct)
    area = sum_by(mine, shapely.area(_cut_pairs(surface[theirs], distinct[mine])), len(distinct))
    return sum_by(pieces.owner, area[which], pieces.count)


def length_within(lines: Geometries, pieces: Pieces, weights: Floats | None = None) -> Floats:
    """Length of lines inside every owner, m, shape (count,); see ``line_parts``."""
    index, owner, length = line_parts(lines, pieces)
    return sum_by(owner, length if weights is None else length * weights[index], pieces.count)


def line_parts(lines: Geometries, pieces: Pieces) -> tuple[Ints, Ints, Floats]:
    """Lengths by line and owner: index of the line, owner, metres. Stretches on an edge are first set ``astride`` it."""
    distinct, which = pieces.distinct
    index, mine = pairs(lines, distinct)
    line, ground = lines[index], distinct[mine]
    shapely.prepare(ground)
    inside = shapely.contains_properly(ground, line)
    part = line.copy()
    part[~inside] = shapely.intersection(line[~inside], ground[~inside])
    row, piece = _joined(mine, which)
    return index[row], pieces.owner[piece], shapely.length(part)[row]


def astride(lines: Geometries, edges: Geometries) -> tuple[Geometries, Ints, Floats]:
    """Move the stretches of lines that run along an edge half to each side of it.

    Outlines and streets that share a course never agree to the last digit once both are projected, so that "on the edge" needs a width.

    Parameters
    ----------
    lines
        LineStrings, shape (n,), metres.
    edges
        LineStrings.

    Returns
    -------
    tuple
        Lines, the index of the line each comes from, and its factor: 1, or about 0.5 for the two copies of a stretch on an edge. Lengths times
        factors sum to the lengths of ``lines``.
    """
    source, factor = np.arange(len(lines)), np.ones(len(lines))
    along = _along(lines, edges)
    if not len(along):
        return lines, source, factor
    out, origin, weight = [np.delete(lines, along)], [np.delete(source, along)], [np.ones(len(lines) - len(along))]
    sides = shapely.linestrings(segments(edges)[0])
    tree = shapely.STRtree(sides)
    for i in along:
        near = sides[tree.query(lines[i], predicate="dwithin", distance=EDGE_M)]
        band = shapely.buffer(shapely.line_merge(shapely.union_all(near)), EDGE_M, cap_style="flat")
        on_edge = _line_strings(shapely.intersection(lines[i], band))
        on_edge = on_edge[shapely.length(on_edge) > 10 * EDGE_M]
        rest = _line_strings(shapely.difference(lines[i], band)) if len(on_edge) else lines[i : i + 1]
        missing = shapely.length(lines[i]) - shapely.length(rest).sum() - shapely.length(on_edge).sum()
        copies = np.concatenate(
            [
                _line_strings(shapely.offset_curve(shapely.remove_repeated_points(part), side))
                for part in on_edge
                for side in (-2 * EDGE_M, 2 * EDGE_M)
            ]
            or [rest[:0]]
        )
        out += [rest, copies]
        origin += [np.full(len(rest) + len(copies), i)]
        total = shapely.length(copies).sum()
        weight += [np.ones(len(rest)), np.full(len(copies), (shapely.length(on_edge).sum() + missing) / total if total else 0.0)]
    return np.concatenate(out), np.concatenate(origin), np.concatenate(weight)


def _along(lines: Geometries, edges: Geometries) -> Ints:
    """Index of the lines that have a segment beside and parallel to a segment of an edge."""
    if not len(lines) or not len(edges):
        return np.empty(0, int)
    theirs, _ = segments(edges)
    tree = shapely.STRtree(shapely.linestrings(theirs))
    near = np.unique(tree.query(lines, predicate="dwithin", distance=EDGE_M)[0])
    mine, owner = segments(lines[near])
    a, b = tree.query(shapely.linestrings(mine), predicate="dwithin", distance=EDGE_M)
    u, v = (x[:, 1] - x[:, 0] for x in (mine[a], theirs[b]))
    size = np.hypot(*u.T) * np.hypot(*v.T)
    sine = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    return near[np.unique(owner[a[(sine < 0.02 * size) & (size > 0)]])]


def points_along(lines: Geometries, index: Ints, at_m: Floats) -> Floats:
    """Coordinates of places along lines.

    Parameters
    ----------
    lines
        LineStrings, shape (n,).
    index
        Which line each place is on, shape (p,).
    at_m
        Distance from its start, kept within the line, shape (p,).

    Returns
    -------
    numpy.ndarray
        Shape (p, 2).
    """
    xy, line = shapely.get_coordinates(lines, return_index=True)
    step = np.r_[0.0, np.hypot(*np.diff(xy, axis=0).T)] if len(xy) else np.empty(0)
    first = np.searchsorted(line, np.arange(len(lines)))
    last = np.r_[first[1:], len(line)] - 1
    along = np.cumsum(step)
    place = np.clip(along[first[index]] + at_m, along[first[index]], along[last[index]])
    before = np.clip(np.searchsorted(along, place, "right") - 1, first[index], last[index] - 1)
    span = along[before + 1] - along[before]
    share = np.where(span > 0, (place - along[before]) / np.where(span > 0, span, 1.0), 0.0)[:, None]
    return xy[before] * (1 - share) + xy[before + 1] * share


def segments(lines: Geometries) -> tuple[Floats, Ints]:
    """Take lines apart into segments: coordinates (s, 2, 2) and the index of the line."""
    xy, index = shapely.get_coordinates(lines, return_index=True)
    follows = np.flatnonzero(np.diff(index) == 0)
    return np.stack([xy[follows], xy[follows + 1]], axis=1), index[follows]


def _line_strings(geometry: Any) -> Geometries:
    parts = shapely.get_parts(np.atleast_1d(np.asarray(geometry, dtype=object)))
    parts = shapely.get_parts(parts)
    return parts[(shapely.get_type_id(parts) == 1) & (shapely.length(parts) > 0)]


def points_within(points: Geometries, pieces: Pieces, exclusive: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Assign points to owners.

    Parameters
    ----------
    points
        Shape (n,).
    pieces
        The owners.
    exclusive
        By owner: whether a point that lies on its edge is given to the first such owner only, so that neighbours add up.

    Returns
    -------
    tuple of arrays
        Index of the point and its owner, by assignment; a point may have several owners where they overlap.
    """
    index, mine = pairs(points, pieces.geometry)
    owner = pieces.owner[mine]
    inside = shapely.contains_properly(pieces.geometry[mine], points[index]) if len(index) else np.empty(0, bool)
    order = np.lexsort((~inside, owner, index))
    index, owner, inside = index[order], owner[order], inside[order]
    first = np.r_[True, (np.diff(index) != 0) | (np.diff(owner) != 0)] if len(index) else np.empty(0, bool)
    index, owner, inside = index[first], owner[first], inside[first]
    edge = exclusive[owner] & ~inside
    _, unique = np.unique(index[edge], return_index=True)
    keep = ~edge
    keep[np.flatnonzero(edge)[unique]] = True
    return index[keep], owner[keep]
