"""A street of 2 km with residents, stops and schools with hostile names: service metrics whose evidence fits in a comment."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import shapely
from shapely import Point

from spatial.city import City
from spatial.measurement import measure
from spatial.result import Results

CRS = "EPSG:32628"
WEST, SOUTH = 450_000.0, 3_100_000.0
HOSTILE_SITES = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    '=HYPERLINK("http://x","y")',
    "x\x00]]>\u202e" + "y" * 300,
]
METRICS = [
    "service_15min_coverage",
    "service_15min_by_class",
    "school_coverage",
    "bus_stop_500m_coverage",
    "rail_station_800m_coverage",
    "pocket_park_gap",
    "detour_index",
    "road_network_density",
]
PEOPLE = [(100, 50), (600, 40), (1100, 30), (1900, 20)]  # metres along the street, residents


def at(x: float, y: float = 0.0) -> Point:
    return Point(WEST + x, SOUTH + 500 + y)


def frame(shapes: list[Any], **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": [f"n{n}" for n in range(len(shapes))], **columns}, geometry=shapes, crs=CRS)


def served_city(**extra: Any) -> City:
    """One stop at 0 m and four schools from 50 m westwards; residents at 100, 600, 1,100 and 1,900 m. Housing from 1,500 m on, a park at 200 m.

    ``extra`` replaces layers; ``None`` leaves one out.
    """
    whole = shapely.box(WEST - 100, SOUTH, WEST + 2100, SOUTH + 1000)
    halves = [shapely.box(WEST - 100, SOUTH, WEST + 1000, SOUTH + 1000), shapely.box(WEST + 1000, SOUTH, WEST + 2100, SOUTH + 1000)]
    streets = [
        shapely.LineString([at(0), at(2000)]),
        shapely.LineString([at(1000), at(1000, 300)]),
        shapely.LineString([at(300), at(300, -300)]),
    ]
    schools = [at(50 - 20 * n) for n in range(len(HOSTILE_SITES))]
    layers: dict[str, Any] = {
        "districts": frame(halves, area_id=["w", "e"], name=["West", "East"]),
        "built_up_area": frame([whole], name=["built"]),
        "roads": frame(streets, highway=["residential"] * 3),
        "population": frame([at(x) for x, _ in PEOPLE], count=[float(n) for _, n in PEOPLE]),
        "facilities": frame(schools, amenity=["school"] * len(schools), name=HOSTILE_SITES, isced_level=["1;2"] * len(schools)),
        "transit_stops": frame([at(0)], highway=["bus_stop"], name=["stop"]),
        "landuse": frame([shapely.box(WEST + 1500, SOUTH + 400, WEST + 1700, SOUTH + 600)], landuse=["residential"]),
        "parks": frame([shapely.box(WEST + 200, SOUTH + 510, WEST + 300, SOUTH + 610)], name=["park"]),
        **extra,
    }
    return City.from_layers("Served", crs=CRS, date="2024-05-01", **{name: layer for name, layer in layers.items() if layer is not None})


def served_results(lang: Any = "en", metrics: list[str] | None = None, **extra: Any) -> Results:
    return measure(served_city(**extra), metrics or METRICS, lang=lang)
