"""Large polygons as small pieces: tiles, owners, and the atoms that owners and scopes share."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import shapely

TILE_M = 1000.0
SHIFT_M = 0.3712345678
_FEW_TILES = 64

T = TypeVar("T")
Geometries = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Atoms:
    """Small polygons that owners and nested scopes share, so that a surface is laid over each of them once.

    Attributes
    ----------
    geometry
        Polygons, shape (a,), all different.
    """

    geometry: Geometries
    _memory: dict[tuple[str, int], Any] = field(default_factory=dict, repr=False)

    def once(self, work: str, other: Geometries, build: Callable[[], T]) -> T:
        """Return what ``build`` makes of the atoms and ``other``, made once as long as ``other`` lives.

        It is known again by its identity: pass the same array, as ``City.memo`` gives it, and never change it.
        """
        key = (work, id(other))
        if key not in self._memory:
            self._memory[key] = build()
            weakref.finalize(other, self._memory.pop, key, None).atexit = False
        value: T = self._memory[key]
        return value

    def __reduce__(self) -> tuple[type[Atoms], tuple[Geometries]]:
        """Copy without what was made: in the copy's world the identities are those of other arrays."""
        return Atoms, (self.geometry,)


@dataclass(frozen=True, eq=False)
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
    shared
        Atoms, and which of them each piece is, shape (p,); ``None`` where that is still to be found.
    """

    geometry: Geometries
    owner: Ints
    count: int
    shared: tuple[Atoms, Ints] | None = None

    @functools.cached_property
    def distinct(self) -> tuple[Atoms, Ints]:
        """Geometries that differ, and which of them each piece is: a city and its districts share most of their pieces."""
        if self.shared is not None:
            return self.shared
        _, first, which = np.unique(shapely.to_wkb(self.geometry), return_index=True, return_inverse=True)
        return Atoms(self.geometry[first]), which

    def areas(self) -> Floats:
        """Area of every owner, m², shape (count,)."""
        return sum_by(self.owner, shapely.area(self.geometry), self.count)

    def only(self, kept: npt.NDArray[np.bool_]) -> Pieces:
        """Keep some pieces; they still share the atoms of all."""
        atoms, which = self.distinct
        return Pieces(self.geometry[kept], self.owner[kept], self.count, (atoms, which[kept]))

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
    polygons = np.asarray(polygons, dtype=object)
    held = np.flatnonzero(~(shapely.is_missing(polygons) | shapely.is_empty(polygons)))
    low, high = np.split(np.floor((shapely.bounds(polygons[held]) - SHIFT_M) / tile_m), 2, axis=1)
    small = (high - low + 1).prod(axis=1) <= _FEW_TILES
    pieces, which = _cut_small(polygons[held[small]], low[small], high[small], tile_m)
    geometry, owner = [pieces], [held[small][which]]
    for index, first, last in zip(held[~small], low[~small], high[~small], strict=True):
        polygon = polygons[index]
        boxes = _boxes(first[None], last[None], tile_m)[0]
        shapely.prepare(polygon)
        touched = boxes[shapely.intersects(polygon, boxes)]
        inside = shapely.covers(polygon, touched)
        parts = (
            shapely.intersection(polygon, touched[~inside]) if len(touched) <= _FEW_TILES else _halved(polygon, touched[~inside], tile_m)
        )
        pieces = polygonal(np.concatenate([touched[inside], parts]))
        geometry.append(pieces)
        owner.append(np.full(len(pieces), index))
    order = np.argsort(np.concatenate(owner), kind="stable")
    return Pieces(np.concatenate(geometry)[order], np.concatenate(owner)[order], len(polygons))


def _cut_small(polygons: Geometries, low: Floats, high: Floats, tile_m: float) -> tuple[Geometries, Ints]:
    """Cut all polygons of a few tiles at once: their pieces by polygon, and which polygon each is of."""
    boxes, owner = _boxes(low, high, tile_m)
    shapely.prepare(polygons)
    touched = shapely.intersects(polygons[owner], boxes)
    boxes, owner = boxes[touched], owner[touched]
    inside = shapely.covers(polygons[owner], boxes)
    astride = ~inside
    parts = shapely.intersection(polygons[owner[astride]], boxes[astride])
    kinds = shapely.get_type_id(parts)
    plain = np.isin(kinds, (3, 6))
    inner, of = shapely.get_parts(parts[kinds == 7], return_index=True)
    geometry = np.concatenate([boxes[inside], parts[plain], inner])
    of_part = owner[astride]
    owner = np.concatenate([owner[inside], of_part[plain], of_part[kinds == 7][of]])
    flat = np.isin(shapely.get_type_id(geometry), (3, 6)) & (shapely.area(geometry) > 0)
    order = np.flatnonzero(flat)[np.argsort(owner[flat], kind="stable")]
    return geometry[order], owner[order]


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


def _boxes(low: Floats, high: Floats, tile_m: float) -> tuple[Geometries, Ints]:
    """Return the tiles from one column and row to another, of several things: row by row, and which thing each is of."""
    wide, tall = (high - low + 1).astype(np.int64).T
    owner = np.repeat(np.arange(len(low)), wide * tall)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(wide * tall) - wide * tall, wide * tall)
    x, y = low[owner, 0] + step % wide[owner], low[owner, 1] + step // wide[owner]
    # Each tile ends at the very number at which the next begins.
    west_m, south_m, east_m, north_m = (at * tile_m + SHIFT_M for at in (x, y, x + 1, y + 1))
    return shapely.box(west_m, south_m, east_m, north_m), owner


def polygonal(geometry: Geometries) -> Geometries:
    """Keep the polygons among intersections, which may hold touching points and lines."""
    kinds = shapely.get_type_id(geometry)
    flat = np.concatenate([geometry[np.isin(kinds, (3, 6))], shapely.get_parts(geometry[kinds == 7])])
    flat = flat[np.isin(shapely.get_type_id(flat), (3, 6))]
    return flat[shapely.area(flat) > 0]


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


def joined(key: Ints, which: Ints) -> tuple[Ints, Ints]:
    """Pairs (row of ``key``, row of ``which``) that hold the same number, by row of ``which``."""
    order = np.argsort(key, kind="stable")
    first, last = np.searchsorted(key[order], which, "left"), np.searchsorted(key[order], which, "right")
    count = last - first
    other = np.repeat(np.arange(len(which)), count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return order[np.repeat(first, count) + step], other
