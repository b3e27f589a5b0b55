"""What the map says of a record: its polygon is there, it has a before and an after, its road meets the streets."""

from __future__ import annotations

from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial.ledger.declared import LedgerMetric

Mask = npt.NDArray[np.bool_]
END_M = 20.0  # how far the end of a drawn road may lie from the middle of the street that it meets
_NO_CARS = (
    "footway",
    "path",
    "cycleway",
    "steps",
    "pedestrian",
    "bridleway",
    "corridor",
    "construction",
    "proposed",
    "platform",
    "elevator",
)


class Layers(Protocol):
    """A city as this room needs it: its layers by name."""

    @property
    def layers(self) -> Any:
        """Name → layer, whose ``frame`` may be absent."""

    def memo(self, key: Any, build: Any) -> Any:
        """Return a value derived from the city, computed once."""


def confirmed(records: gpd.GeoDataFrame, metric: LedgerMetric, city: Layers) -> Mask:
    """Tell which records the map confirms, shape (n,).

    Parameters
    ----------
    records
        Of the metric, in the city's CRS.
    metric
        ``confirm = "polygon"``: a record has a polygon of the stated size; ``before_after``: both are given, and with ``ends`` its line meets
        driving roads of the city at both ends, where the city has roads.
    city
        Its layers.

    Returns
    -------
    numpy.ndarray
        All false where the metric declares nothing to confirm by.
    """
    shapes = np.asarray(records.geometry.to_numpy(), dtype=object)
    if metric.confirm == "polygon":
        size = shapely.area(shapes)
        return (shapely.get_dimensions(shapes) == 2) & (size >= metric.least_m2) & (size <= metric.most_m2)
    if metric.confirm != "before_after":
        return np.zeros(len(records), dtype=bool)
    pairs = zip(records["before"], records["after"], strict=True)
    both = np.array([bool(before.strip()) and bool(after.strip()) for before, after in pairs], dtype=bool)
    return both & _meets_streets(shapes, city) if metric.ends else both


def _meets_streets(shapes: npt.NDArray[np.object_], city: Layers) -> Mask:
    """Tell whether both ends of a line lie at a driving road; true for all where the city has no roads to hold them against."""
    streets = city.memo(("ledger", "driving roads"), lambda: _driving_roads(city))
    if streets is None:
        return np.ones(len(shapes), dtype=bool)
    lines = np.array([None if shape is None else shapely.line_merge(shape) for shape in shapes], dtype=object)
    single = shapely.get_type_id(lines) == 1
    met = np.zeros(len(shapes), dtype=bool)
    for end in (0, -1):
        points = shapely.get_point(lines[single], end)
        near = np.zeros(len(points), dtype=bool)
        near[streets.query(points, predicate="dwithin", distance=END_M)[0]] = True
        met[single] = near if end == 0 else met[single] & near
    return met


def _driving_roads(city: Layers) -> shapely.STRtree | None:
    layer = city.layers.get("roads")
    frame = None if layer is None else layer.frame
    if frame is None or frame.empty or "highway" not in frame:
        return None
    cars = ~frame["highway"].isin(_NO_CARS).to_numpy()
    return shapely.STRtree(np.asarray(frame.geometry.to_numpy(), dtype=object)[cars])
