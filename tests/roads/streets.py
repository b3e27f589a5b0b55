"""Small streets to pair: lines around (0, 0) at a real place."""

from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import LineString, affinity

from spatial.city import City
from spatial.roads import RoadModel, road_model

CRS = "EPSG:32651"
EAST, NORTH = 512_000.0, 4_860_000.0


def lane(y: float, *, east: bool = True, start: float = 0.0, end: float = 1000.0, **tags: Any) -> dict[str, Any]:
    """A carriageway along y, one-way to the east or to the west."""
    points = [(start, y), (end, y)]
    return street(*(points if east else points[::-1]), **{"oneway": "yes", **tags})


def street(*points: tuple[float, float], **tags: Any) -> dict[str, Any]:
    return {"highway": "primary", **tags, "geometry": LineString(points)}


def frame(rows: Iterable[dict[str, Any]]) -> gpd.GeoDataFrame:
    rows = list(rows)
    shapes = [affinity.translate(row["geometry"], EAST, NORTH) for row in rows]
    return gpd.GeoDataFrame(pd.DataFrame(rows).drop(columns="geometry"), geometry=shapes, crs=CRS)


def city(roads: Iterable[dict[str, Any]], **layers: Iterable[dict[str, Any]]) -> City:
    square = shapely.box(-500, -1000, 2500, 1000)
    districts = frame([{"area_id": "a", "name": "a", "geometry": square}])
    more = {name: frame(rows) for name, rows in layers.items()}
    return City.from_layers(crs=CRS, districts=districts, built_up_area=districts, roads=frame(roads), **more)


def model(roads: Iterable[dict[str, Any]]) -> RoadModel:
    return road_model(city(roads))


def once_m(roads: Iterable[dict[str, Any]]) -> float:
    """Length with each road once, metres."""
    made = model(roads)
    return float((shapely.length(made.lines) * made.weights)[made.classes("length")].sum())


def carriageways(roads: list[dict[str, Any]], x: float = 500.0) -> list[int]:
    """How many carriageways the road of each line has where it passes x."""
    made = model(roads)
    probe = shapely.box(EAST + x - 0.01, NORTH - 1e4, EAST + x + 0.01, NORTH + 1e4)
    met = shapely.intersects(made.lines, probe)
    return [int(made.carriageways[met & (made.road == row)][0]) for row in range(len(roads)) if np.any(met & (made.road == row))]
