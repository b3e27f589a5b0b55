"""Geometry as the map page takes it: simplified to what can be seen, packed as whole steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from spatial.crs import WGS84, reproject

SIMPLIFY_M = 1.0
MAX_VERTICES = 120_000

Geometries = npt.NDArray[np.object_]


def simplified(geometry: Geometries, *, coverage: bool = True, tolerance: float = SIMPLIFY_M, most: int = MAX_VERTICES) -> Geometries:
    """Leave out what cannot be seen (``tolerance`` in metres, more where there are above ``most`` corners); neighbours keep their common edge."""
    while True:
        neighbours = coverage and len(geometry) > 1 and bool(shapely.coverage_is_valid(geometry))
        simple = shapely.coverage_simplify(geometry, tolerance) if neighbours else shapely.simplify(geometry, tolerance)
        if tolerance > 100 or int(shapely.get_num_coordinates(simple).sum()) <= most:
            return np.asarray(simple, dtype=object)
        tolerance *= 2.5


def packed(geometry: Geometries, crs: pyproj.CRS, degrees: float) -> dict[str, Any]:
    """Pack polygons or lines: one list of rings or paths a feature, each as whole steps of ``degrees`` from point to point (x, y, x, y, …).

    Points are left out; see ``packed_points``. The first pair is the position itself.
    """
    moved = reproject(geometry, crs, pyproj.CRS(WGS84))
    shapes: list[list[list[list[int]]]] = []
    for feature in moved:
        parts = []
        for part in shapely.get_parts(feature):
            kind = shapely.get_type_id(part)
            rings = shapely.get_rings(part) if kind == 3 else [part] if kind == 1 else []
            steps = [_steps(ring, degrees) for ring in rings]
            steps = [step for step in steps if len(step) >= (8 if kind == 3 else 4)] or steps[:1]
            if steps:
                parts.append(steps)
        shapes.append(parts)
    return {"degrees": degrees, "shapes": shapes}


def packed_points(geometry: Geometries, crs: pyproj.CRS, degrees: float) -> dict[str, Any]:
    """Pack points, one a feature, as whole steps of ``degrees`` from one to the next (x, y, x, y, …)."""
    moved = reproject(geometry, crs, pyproj.CRS(WGS84))
    whole = np.round(shapely.get_coordinates(moved) / degrees).astype(np.int64)
    return {"degrees": degrees, "points": np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64)).ravel().tolist()}


def _steps(path: Any, degrees: float) -> list[int]:
    whole = np.round(shapely.get_coordinates(path) / degrees).astype(np.int64)
    moved = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64))
    moved = moved[np.r_[True, (moved[1:] != 0).any(axis=1)]]
    return [int(step) for step in moved.ravel()]
