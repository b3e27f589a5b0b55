"""Geometry for an edition that is given away: coarser than it was measured, so that it serves orientation and no measuring."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial.areas import CITY, Areas
from spatial.overlay import Pieces

Geometries = npt.NDArray[np.object_]


def generalised(frame: gpd.GeoDataFrame, grid_m: float) -> gpd.GeoDataFrame:
    """Simplify features and round their coordinates; what vanishes below the grid is left out.

    Parameters
    ----------
    frame
        Metres.
    grid_m
        Tolerance, and size of the grid that every vertex lies on.

    Returns
    -------
    geopandas.GeoDataFrame
        A new frame. A feature without geometry (a task that has no place) stays as it is.
    """
    before = np.asarray(frame.geometry.to_numpy(), dtype=object)
    after = on_grid(before, grid_m)
    kept = shapely.is_missing(before) | ~(shapely.is_missing(after) | shapely.is_empty(after))
    return frame[kept].set_geometry(gpd.GeoSeries(after[kept], index=frame.index[kept], crs=frame.crs))


def on_grid(geometry: Geometries, grid_m: float) -> Geometries:
    """Return each geometry simplified, on a grid of ``grid_m``; polygons stay valid, what is too small becomes empty."""
    simple = shapely.simplify(geometry, grid_m)
    lines = shapely.get_dimensions(simple) == 1
    placed = np.asarray(shapely.set_precision(simple, grid_m), dtype=object)
    placed[lines] = shapely.remove_repeated_points(shapely.set_precision(simple[lines], grid_m, mode="pointwise"))
    gone = lines & (shapely.length(placed) == 0)
    placed[gone] = shapely.LineString()
    # GEOS keeps the grid in the geometry, and would round what is made of it later; the edition is plain coordinates.
    return np.asarray(shapely.set_precision(placed, 0), dtype=object)


def generalised_areas(areas: Areas, grid_m: float) -> Areas:
    """Generalise the areas as a coverage: neighbours keep their common edge, and the city is what its areas make where they fill it.

    Parameters
    ----------
    areas
        Metres; their measured part is replaced by the outlines as they are drawn.
    grid_m
        As for ``generalised``.
    """
    whole = areas.whole.copy()
    proper = areas.is_area
    mine = whole[proper]
    neighbours = len(mine) > 1 and bool(shapely.coverage_is_valid(mine))
    mine = shapely.coverage_simplify(mine, grid_m) if neighbours else shapely.simplify(mine, grid_m)
    # Equal vertices of neighbours are rounded alike, so that no gap opens between them.
    rounded = shapely.transform(mine, lambda xy: np.round(xy / grid_m) * grid_m)
    whole[proper] = [_polygons(shape, before, grid_m) for shape, before in zip(rounded, areas.whole[proper], strict=True)]
    filled = bool(proper.any()) and len(areas) == int(proper.sum()) + 1
    for row in np.flatnonzero(~proper):
        if areas.ids[row] == CITY and filled:
            whole[row] = shapely.union_all(whole[proper])
        else:
            whole[row] = _polygons(on_grid(areas.whole[row : row + 1], grid_m)[0], areas.whole[row], grid_m)
    return Areas(
        areas.ids, areas.names, whole, Pieces(whole, np.arange(len(whole)), len(whole)), areas.coverage, areas.overlap_m2, areas.crs
    )


def _polygons(shape: shapely.Geometry, before: shapely.Geometry, grid_m: float) -> shapely.Geometry:
    """Return valid polygons; a shape that rounding wiped out becomes the cells of the grid that it lay in."""
    valid = shape if shapely.is_valid(shape) else shapely.make_valid(shape, method="structure")
    parts = [part for part in shapely.get_parts(valid) if shapely.get_type_id(part) in (3, 6) and shapely.area(part) > 0]
    if parts:
        return parts[0] if len(parts) == 1 else shapely.union_all(parts)
    west, south, east, north = shapely.bounds(before)
    return shapely.box(
        np.floor(west / grid_m) * grid_m,
        np.floor(south / grid_m) * grid_m,
        np.ceil(east / grid_m) * grid_m,
        np.ceil(north / grid_m) * grid_m,
    )
