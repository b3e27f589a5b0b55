"""Exact overlay of many small things with a few large ones: tiles, dissolved surfaces, sums by polygon.

Large polygons are cut once along a fixed grid, so that every later intersection is between small neighbours. The grid is shifted by an
odd fraction of a metre, so that no real line ever runs along it; where one did, a length would be counted twice.

Rows and nested scopes share their smallest parts (``Atoms``). ``surface_within``, ``line_parts``, ``polygon_parts``, ``points_within`` and
``restrict`` lay an array over all atoms once and then only sum it by scope and row; they know the array again by its identity. So whoever
measures keeps surfaces, lines and points with ``City.memo`` and passes the same array for every scope; nothing else is to be done.
"""

from __future__ import annotations

from spatial.overlay.lines import EDGE_M, astride, length_within, line_parts, points_along, points_within, segments
from spatial.overlay.pieces import TILE_M, Atoms, Floats, Geometries, Ints, Pieces, cut, pairs, sum_by
from spatial.overlay.surfaces import dissolve, polygon_parts, restrict, split, surface_within, without

__all__ = [
    "EDGE_M",
    "TILE_M",
    "Atoms",
    "Floats",
    "Geometries",
    "Ints",
    "Pieces",
    "astride",
    "cut",
    "dissolve",
    "length_within",
    "line_parts",
    "pairs",
    "points_along",
    "points_within",
    "polygon_parts",
    "restrict",
    "segments",
    "split",
    "sum_by",
    "surface_within",
    "without",
]
