"""A city in memory whose metrics can be worked out by hand: four districts of 2 km × 2 km.

Streets every 250 m, 20 m wide, also along every edge; so the density is 2 / 0.25 = 8 km/km² and the road area ratio
1 − (1 − 20/250)² = 15.36 %.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
from shapely import LineString, Polygon, box

from spatial.city import City

CRS = "EPSG:32631"
WEST, SOUTH = 500_000.0, 50_000.0  # in the open Gulf of Guinea: no real city is there
SIZE, SPACING, WIDTH = 4000, 250, 20
CORNERS = {"D1": (0, 0), "D2": (2000, 0), "D3": (0, 2000), "D4": (2000, 2000)}
PEOPLE = {"D1": 60_000, "D2": 40_000, "D3": 25_000, "D4": 15_000}


def square(x: float, y: float, size: float) -> Polygon:
    return box(WEST + x, SOUTH + y, WEST + x + size, SOUTH + y + size)


def streets() -> list[LineString]:
    steps = range(0, SIZE + 1, SPACING)
    along = [[(WEST + at, SOUTH + y) for y in steps] for at in steps]
    return [LineString(line) for line in (*along, *([(WEST + x, SOUTH + at) for x in steps] for at in steps))]


def analytic_city() -> City:
    """The whole city; every layer that a metric of streets, people or green land asks for."""

    def frame(geometry: list[Any], **columns: Any) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(columns, geometry=geometry, crs=CRS)

    lines = streets()
    districts = [square(*corner, 2000) for corner in CORNERS.values()]
    parks = frame([square(760, 760, 230), square(2260, 260, 230), square(260, 2260, 40), square(1260, 3260, 50)])
    plots = [square(x * 250 + 10, y * 250 + 10, 230) for x in range(16) for y in range(16)]
    return City.from_layers(
        "Gridville",
        crs=CRS,
        districts=frame(districts, area_id=list(CORNERS), name=list(CORNERS)),
        built_up_area=frame([square(0, 0, SIZE)]),
        roads=frame(lines, highway=["residential"] * len(lines), width=[float(WIDTH)] * len(lines)),
        parks=parks,
        green=parks,
        landuse=frame(plots, landuse=["residential"] * len(plots)),
        population=frame(districts, count=list(PEOPLE.values())),
    )
