"""What a frame holds more than once: features of the very same geometry, and polygons that overlap."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

_TOUCH = 1e-9  # of the smaller polygon's area: what rounding leaves where two only touch
_NEGLIGIBLE = 1e-3  # of a polygon's area: not worth the union of what lies over it
_PLAIN = 0.01  # of the smaller polygon's area: neighbours drawn by hand share slivers, which are not worth naming


def duplicates(frame: gpd.GeoDataFrame) -> npt.NDArray[np.int64]:
    """Rows whose geometry an earlier row has too, whatever way round it is drawn.

    Parameters
    ----------
    frame
        Any geometries; missing and empty ones are never the same.

    Returns
    -------
    numpy.ndarray
        Positions, shape (d,), ascending.
    """
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    there = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
    keys = shapely.to_wkb(shapely.normalize(shapely.force_2d(shapes[there])))
    return there[pd.Series(keys, dtype=object).duplicated().to_numpy(dtype=bool)]


def overlap_share(frame: gpd.GeoDataFrame) -> tuple[float, tuple[str, ...]]:
    """How much of the area of a frame's polygons lies under another of them: (sum of areas - area of the union) / sum of areas.

    Parameters
    ----------
    frame
        With ``id``; points and lines are passed over. Any CRS: in degrees the share is near enough over one city.

    Returns
    -------
    tuple
        The share, 0-1, and the ids, in the order of the frame, of polygons that share more than 1 % of the smaller one's area with another.
        0 for polygons that only touch.
    """
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    rows = np.flatnonzero(shapely.get_dimensions(shapes) == 2)
    areas = shapely.area(shapes[rows])
    rows = rows[np.argsort(-areas, kind="stable")]  # the larger first, so that what lies in one large polygon has that one before it
    areas = shapely.area(shapes[rows])
    total = float(areas.sum())
    if len(rows) < 2 or not total > 0:
        return 0.0, ()
    polygons = shapes[rows]
    flawed = ~shapely.is_valid(polygons)
    polygons[flawed] = shapely.make_valid(polygons[flawed])
    later, earlier = _candidates(polygons, areas)
    common = shapely.intersection(polygons[later], polygons[earlier])
    shared = shapely.area(common)
    real = shared > _TOUCH * areas[later]
    later, earlier, common, shared = later[real], earlier[real], common[real], shared[real]
    plain = shared > _PLAIN * areas[later]
    ids = frame["id"].astype(str).to_numpy()
    named = np.sort(rows[np.union1d(later[plain], earlier[plain])])
    return float(_under_earlier(later, common, shared, areas) / total), tuple(ids[named])


def _candidates(polygons: npt.NDArray[np.object_], areas: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs whose boxes have some area in common, the later (and smaller) one first."""
    later, earlier = shapely.STRtree(polygons).query(polygons)
    apart = later > earlier
    later, earlier = later[apart], earlier[apart]
    bounds = shapely.bounds(polygons)
    low, high = np.maximum(bounds[later, :2], bounds[earlier, :2]), np.minimum(bounds[later, 2:], bounds[earlier, 2:])
    meeting = np.maximum(high - low, 0).prod(axis=1) > _TOUCH * areas[later]
    return later[meeting], earlier[meeting]


def _under_earlier(
    later: npt.NDArray[np.int64], common: npt.NDArray[Any], shared: npt.NDArray[np.float64], areas: npt.NDArray[np.float64]
) -> float:
    """Sum, over the polygons, what lies under any earlier one: the sum of areas less the area of the union, without that union."""
    if not len(later):
        return 0.0
    order = np.argsort(later, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(later[order]) > 0])
    owners, most = later[order][starts], np.maximum.reduceat(shared[order], starts)
    upper = np.minimum(np.add.reduceat(shared[order], starts), areas[owners])
    settled = upper - most <= _NEGLIGIBLE * areas[owners]  # mostly: one partner, or a copy of the whole polygon
    under = most.copy()
    for group in np.flatnonzero(~settled):
        stop = starts[group + 1] if group + 1 < len(starts) else len(order)
        under[group] = shapely.area(shapely.union_all(common[order[starts[group] : stop]]))
    return float(under.sum())
