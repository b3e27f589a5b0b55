"""A layer of the map page as bytes: places in whole steps from point to point, classes and facts in columns, all as small numbers.

The page reads them in ``maps/page/packed.js``. Every number is a varint (seven bits a byte, the lowest first, the high bit says that more
follow); one that may be negative is folded first (0, -1, 1, -2 … as 0, 1, 2, 3 …). In this order:

    format, steps a degree, features, paths, points, columns; of each column its kind, and of figures their decimals
    of the paths: steps from feature to feature; kinds (``POINT`` …); numbers of points
    of all points: steps to the east, folded; steps to the north, folded, each from the point before, the first from 0, 0
    of the features: the class; then one column after the other
        codes      a number of a list that the page holds, 0 for nothing
        figures    0 for nothing, else the folded whole number, plus 1
        names      a number of the column's own list, 0 for nothing; before them how many texts it has, their lengths in bytes, their bytes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from spatial.crs import WGS84, reproject

FORMAT = 1
OVERLAY_DEGREES = 1e-5  # about 1 m
POINT, LINE, RING, HOLE, SIGN = range(5)
_CODES, _FIGURES, _NAMES = range(3)

Ints = npt.NDArray[np.int64]
Geometries = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Codes:
    """A column of numbers of texts that the page holds; 0 for nothing."""

    values: Ints


@dataclass(frozen=True, eq=False)
class Figures:
    """A column of figures; NaN for nothing."""

    values: npt.NDArray[np.float64]
    decimals: int


@dataclass(frozen=True, eq=False)
class Names:
    """A column of texts that no language changes; empty for nothing."""

    texts: Sequence[str]


Column = Codes | Figures | Names


@dataclass(frozen=True, eq=False)
class _Paths:
    """Points, lines and rings of all features, one after the other."""

    rows: Ints
    kinds: Ints
    counts: Ints
    places: Ints


def pack_layer(
    geometry: Geometries,
    crs: pyproj.CRS,
    *,
    classes: npt.ArrayLike,
    columns: Sequence[Column] = (),
    degrees: float = OVERLAY_DEGREES,
    signs: tuple[Geometries, Ints] | None = None,
) -> bytes:
    """Pack features for the page.

    Parameters
    ----------
    geometry
        One a feature, of any kind, several or mixed kinds in one; missing and empty ones keep their row.
    crs
        What ``geometry`` is in.
    classes
        How each is drawn: 0, 1, 2 …
    columns
        What is known of each.
    degrees
        The step to which places are rounded; 1 divided by it must be whole.
    signs
        Points on lines and polygons where a sign stands, and the row of each.

    Returns
    -------
    bytes
        As the head of this file says; the same input gives the same bytes.
    """
    paths = _paths(reproject(geometry, crs, pyproj.CRS(WGS84)), degrees)
    if signs is not None:
        paths = _with_signs(paths, reproject(signs[0], crs, pyproj.CRS(WGS84)), signs[1], degrees)
    steps = np.diff(paths.places, axis=0, prepend=np.zeros((1, 2), np.int64))
    head = [FORMAT, round(1 / degrees), len(geometry), len(paths.rows), len(paths.places), len(columns)]
    for column in columns:
        head += [_CODES] if isinstance(column, Codes) else [_NAMES] if isinstance(column, Names) else [_FIGURES, column.decimals]
    streams = [
        varints(np.array(head)),
        varints(np.diff(paths.rows, prepend=0)),
        varints(paths.kinds),
        varints(paths.counts),
        varints(folded(steps[:, 0])),
        varints(folded(steps[:, 1])),
        varints(np.asarray(classes, np.int64)),
        *(_column(column) for column in columns),
    ]
    return b"".join(streams)


def varints(values: Ints) -> bytes:
    """Write whole numbers of at least 0, seven bits a byte, the lowest first."""
    left = np.asarray(values, np.int64).astype(np.uint64)
    most = max(1, -(-int(left.max(initial=0)).bit_length() // 7))
    septets = (left[:, None] >> (np.uint64(7) * np.arange(most, dtype=np.uint64))).astype(np.uint64)
    used = np.c_[np.ones(len(left), bool), septets[:, 1:] > 0]
    more = np.c_[septets[:, 1:] > 0, np.zeros(len(left), bool)]
    return ((septets & np.uint64(127)).astype(np.uint8) | np.where(more, 128, 0).astype(np.uint8))[used].tobytes()


def folded(values: Ints) -> Ints:
    """Fold whole numbers so that none is negative and small ones stay small."""
    return (values << 1) ^ (values >> 63)


def _column(column: Column) -> bytes:
    if isinstance(column, Codes):
        return varints(column.values)
    if isinstance(column, Figures):
        known = np.isfinite(column.values)
        whole = np.round(np.where(known, column.values, 0.0) * 10.0**column.decimals).astype(np.int64)
        return varints(np.where(known, folded(whole) + 1, 0))
    codes, found = pd.factorize(np.array(["", *column.texts], object))
    written = [str(text).encode("utf-8", "replace") for text in found[1:]]
    lengths = np.array([len(text) for text in written], np.int64)
    return varints(np.array([len(written)])) + varints(lengths) + b"".join(written) + varints(codes[1:])


def _paths(geometry: Geometries, degrees: float) -> _Paths:
    """Take features apart into points, lines and rings; round them and leave out what rounding makes repeat itself."""
    parts, rows = shapely.get_parts(geometry, return_index=True)
    while (shapely.get_type_id(parts) >= 4).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        rows = rows[inner]
    full = ~shapely.is_empty(parts)
    parts, rows = parts[full], rows[full]
    kind = shapely.get_type_id(parts)
    solid = np.flatnonzero(kind == 3)
    # Outer rings run one way and holes the other, so that overlapping polygons can be filled as one.
    rings, ring_of = shapely.get_rings(shapely.orient_polygons(parts[solid]), return_index=True)
    flat = np.flatnonzero(kind != 3)
    pieces = np.concatenate([parts[flat], rings])
    part_of = np.concatenate([flat, solid[ring_of]]).astype(np.int64)
    first = np.r_[True, ring_of[1:] != ring_of[:-1]] if len(ring_of) else np.zeros(0, bool)
    kinds = np.concatenate([np.where(kind[flat] == 0, POINT, LINE), np.where(first, RING, HOLE)]).astype(np.int64)
    order = np.argsort(part_of, kind="stable")
    pieces, part_of, kinds = pieces[order], part_of[order], kinds[order]

    xy, piece_of = shapely.get_coordinates(pieces, return_index=True)
    places = _rounded(xy, degrees)
    begins = np.r_[True, piece_of[1:] != piece_of[:-1]] if len(piece_of) else np.zeros(0, bool)
    ends = np.r_[begins[1:], True] if len(begins) else begins
    closing = ends & ~begins & np.isin(kinds, (RING, HOLE))[piece_of]
    kept = (begins | (np.diff(places, axis=0, prepend=0) != 0).any(axis=1)) & ~closing
    counts = np.bincount(piece_of[kept], minlength=len(pieces)).astype(np.int64)
    lost = (kinds == HOLE) & (counts < 3)
    kept &= ~lost[piece_of]
    return _Paths(rows[part_of][~lost].astype(np.int64), kinds[~lost], counts[~lost], places[kept])


def _with_signs(paths: _Paths, signs: Geometries, rows: Ints, degrees: float) -> _Paths:
    """Put the places of signs behind the paths of their features."""
    order = np.argsort(np.concatenate([paths.rows, rows]), kind="stable")
    counts = np.concatenate([paths.counts, np.ones(len(rows), np.int64)])
    places = np.concatenate([paths.places, _rounded(shapely.get_coordinates(signs), degrees)])
    begins = np.cumsum(counts) - counts
    taken = np.repeat(begins[order] - (np.cumsum(counts[order]) - counts[order]), counts[order]) + np.arange(len(places))
    kinds = np.concatenate([paths.kinds, np.full(len(rows), SIGN)])
    return _Paths(np.concatenate([paths.rows, rows])[order], kinds[order], counts[order], places[taken])


def _rounded(xy: npt.NDArray[np.float64], degrees: float) -> Ints:
    return np.asarray(np.round(xy * round(1 / degrees)), np.int64)
