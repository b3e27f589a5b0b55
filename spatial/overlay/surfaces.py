"""Surfaces: dissolved, cut by one another, and their areas by owner."""

from __future__ import annotations

import numpy as np
import shapely

from spatial.overlay.pieces import SHIFT_M, TILE_M, Atoms, Floats, Geometries, Ints, Pieces, joined, pairs, polygonal, sum_by

_HAIR_M = 1e-8  # a few units in the last place of a coordinate: boxes that share no more than this only touch


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
    low = np.floor((bounds[:, :2] - SHIFT_M) / tile_m).astype(np.int64)
    high = np.floor((bounds[:, 2:] - SHIFT_M) / tile_m).astype(np.int64)
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
        x, y = column[start] * tile_m + SHIFT_M, row[start] * tile_m + SHIFT_M
        mine = polygons[source[start:end]]
        whole = spans[source[start:end]] == 1
        # The next tile begins at this very number; x + tile_m may be another float, and leave a hairline between the two.
        east, north = (column[start] + 1) * tile_m + SHIFT_M, (row[start] + 1) * tile_m + SHIFT_M
        united = shapely.union_all(np.concatenate([mine[whole], _clip(mine[~whole], x, y, east, north)]))
        if not shapely.is_empty(united):
            pieces.append(united)
    return polygonal(shapely.get_parts(np.array(pieces, dtype=object)))


def _clip(polygons: Geometries, x: float, y: float, east: float, north: float) -> Geometries:
    try:
        clipped = shapely.clip_by_rect(polygons, x, y, east, north)
    except shapely.errors.GEOSException:  # it gives up over a sliver of which less than a triangle lies inside
        return shapely.intersection(polygons, shapely.box(x, y, east, north))
    bad = ~shapely.is_valid(clipped)
    if bad.any():  # the fast clip may leave a ring that touches itself
        clipped[bad] = shapely.intersection(polygons[bad], shapely.box(x, y, east, north))
    return clipped


def restrict(pieces: Pieces, ground: Geometries) -> Pieces:
    """Keep the part of each piece that lies on ``ground`` (disjoint polygons)."""
    return split(pieces, ground)[0]


def split(pieces: Pieces, ground: Geometries) -> tuple[Pieces, Ints]:
    """Cut pieces by ``ground`` (disjoint polygons): the parts that lie on it, and which polygon each lies on."""
    atoms, which = pieces.distinct
    inner, source, theirs = atoms.once("split", ground, lambda: _split(atoms.geometry, ground))
    part, piece = joined(source, which)
    return Pieces(inner.geometry[part], pieces.owner[piece], pieces.count, (inner, part)), theirs[part]


def _split(atoms: Geometries, ground: Geometries) -> tuple[Atoms, Ints, Ints]:
    mine, theirs = _overlapping(atoms, ground)
    parts = _cut_pairs(atoms[mine], ground[theirs])
    kinds = np.isin(shapely.get_type_id(parts), (3, 6, 7))
    geometry, index = shapely.get_parts(parts[kinds], return_index=True)
    good = np.isin(shapely.get_type_id(geometry), (3, 6)) & (shapely.area(geometry) > 0)
    return Atoms(geometry[good]), mine[kinds][index][good], theirs[kinds][index][good]


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
    atoms, which = pieces.distinct
    index, mine, size = atoms.once("polygons", polygons, lambda: _areas_of_pairs(polygons, atoms.geometry))
    row, piece = joined(mine, which)
    return index[row], pieces.owner[piece], size[row]


def surface_within(surface: Geometries, pieces: Pieces) -> Floats:
    """Area of a surface (disjoint polygons) inside every owner, m², shape (count,)."""
    atoms, which = pieces.distinct
    _, mine, size = atoms.once("polygons", surface, lambda: _areas_of_pairs(surface, atoms.geometry))
    area = sum_by(mine, size, len(atoms.geometry))
    return sum_by(pieces.owner, area[which], pieces.count)


def _areas_of_pairs(polygons: Geometries, atoms: Geometries) -> tuple[Ints, Ints, Floats]:
    index, mine = _overlapping(polygons, atoms)
    return index, mine, shapely.area(_cut_pairs(polygons[index], atoms[mine]))


def _overlapping(left: Geometries, right: Geometries) -> tuple[Ints, Ints]:
    """Pairs that may have ground in common: half of those that intersect are neighbours along a tile's edge."""
    mine, theirs = pairs(left, right)
    one, other = shapely.bounds(left)[mine], shapely.bounds(right)[theirs]
    size = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    common = (size > _HAIR_M).all(axis=1)
    return mine[common], theirs[common]
