"""Streets with dead ends, drawn in metres from one corner."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import shapely
from shapely import LineString, Point, Polygon

from spatial.city import City

CRS = "EPSG:4551"
X, Y = 500_000.0, 4_860_000.0


def line(*points: tuple[float, float]) -> LineString:
    return LineString([(X + east, Y + north) for east, north in points])


def box(west: float, south: float, east: float, north: float) -> Polygon:
    return shapely.box(X + west, Y + south, X + east, Y + north)


def at(east: float, north: float) -> Point:
    return Point(X + east, Y + north)


def layer(shapes: list[Any], **columns: list[Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": [f"f{n}" for n in range(len(shapes))], **columns}, geometry=shapes, crs=CRS)


def streets(lines: list[LineString], **columns: list[Any]) -> gpd.GeoDataFrame:
    count = len(lines)
    return layer(lines, **{"highway": ["residential"] * count, "name": [f"街{n}" for n in range(count)], **columns})


def town(lines: list[LineString], *, people: dict[tuple[float, float], float] | None = None, **layers: gpd.GeoDataFrame) -> City:
    """A built-up square of 8 km whose streets lie in its middle."""
    ground = box(-4000, -4000, 4000, 4000)
    if people is not None:
        layers["population"] = layer([at(*spot) for spot in people], count=list(people.values()))
    return City.from_layers(
        "子虚市", crs=CRS, date="2025-06-30", boundary=layer([ground], name=["子虚市"]), districts=layer([ground], name=["区"]),
        built_up_area=layer([ground]), roads=streets(lines), **layers,
    )  # fmt: skip


# Two stubs face each other 120 m apart in the middle of a loop: 300 + 840 + 720 + 840 + 300 = 3,000 m round.
WEST, EAST = line((-60, 0), (-360, 0)), line((60, 0), (360, 0))
LOOP = [line((-360, 0), (-360, 840), (360, 840), (360, 0)), line((-360, 0), (-360, -300)), line((360, 0), (360, -300))]
FACING = [WEST, EAST, *LOOP]
# A comb: a street with a stub that points at a parallel street 100 m from its tip; both streets are joined far off, at their east ends.
STUB = line((0, 0), (0, 200))
COMB = [STUB, line((-900, 0), (0, 0)), line((0, 0), (1000, 0)), line((1000, 0), (1000, 300)), line((-900, 300), (1000, 300))]
