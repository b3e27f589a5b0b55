"""A town whose answers fit in a comment: two districts of 1 km² side by side, and a strip of the city that belongs to none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas as gpd
import pyproj
import shapely

from spatial.city import City
from spatial.ledger.reading import make_ledger
from spatial.ledger.records import Ledger

CRS = "EPSG:4551"
X, Y = 500_000.0, 4_860_000.0
DAY = date(2025, 6, 30)
SINCE = date(2024, 12, 31)


@dataclass(frozen=True)
class Said:
    """What ``city.toml`` would say."""

    date: date = DAY
    complete_for: tuple[str, ...] = ()
    on_fault: str = "leave_out"
    source: str = ""
    sensitivity: str = "public"


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    """A rectangle in metres from the south-west corner of the town."""
    return shapely.box(X + west, Y + south, X + east, Y + north)


def at(east: float, north: float) -> shapely.Point:
    """A point in metres from the south-west corner of the town."""
    return shapely.Point(X + east, Y + north)


def line(*points: tuple[float, float]) -> shapely.LineString:
    """A line in metres from the south-west corner of the town."""
    return shapely.LineString([(X + east, Y + north) for east, north in points])


OUTLINE = box(0, 0, 2000, 1500)


def town(**layers: gpd.GeoDataFrame) -> City:
    """West 东风区 (id A), east 西岭区 (id B), and north of both a strip of 500 m that is the city's alone: 2 km by 1.5 km in all."""
    districts = gpd.GeoDataFrame(
        {"id": ["A", "B"], "name": ["东风区", "西岭区"]}, geometry=[box(0, 0, 1000, 1000), box(1000, 0, 2000, 1000)], crs=CRS
    )
    boundary = gpd.GeoDataFrame({"id": ["T"], "name": ["子虚市"]}, geometry=[OUTLINE], crs=CRS)
    return City.from_layers("子虚市", crs=CRS, date="2025-06-30", districts=districts, boundary=boundary, **layers)


def ledger(rows: Sequence[Mapping[str, Any]], **said: Any) -> Ledger:
    """Make a ledger of rows as a file would give them; ``geometry`` in the town's CRS or absent."""
    names = dict.fromkeys(["type", "status", *(name for row in rows for name in row)])
    data = {name: [row.get(name, "") for row in rows] for name in names if name != "geometry"}
    frame = gpd.GeoDataFrame(data, geometry=gpd.GeoSeries([row.get("geometry") for row in rows], crs=CRS), crs=CRS)
    frame["row"] = [str(row) for row in range(2, len(rows) + 2)]
    return make_ledger(frame, Said(**said), crs=pyproj.CRS(CRS), boundary=OUTLINE, where="ledger: table.csv")
