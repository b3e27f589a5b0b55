"""Six squares of 1 km in a row, one a status, with hostile names: what a GeoPackage must show and survive."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial.city import City
from spatial.result import Evidence, MetricInfo, Results
from spatial.text import Lang, Text

EAST, NORTH = 350_000.0, 3_450_000.0
CRS = "EPSG:32651"
NAMES = ("甲区", 'O\'Neil "Ring" <b>&amp;', "x\x00\x0b\x1f]]>", "'; DROP TABLE areas; --", "戊", "己")
VALUES = (0.10, 0.12, 0.18, 0.22, 0.50, np.nan)
STATUSES = ("ok", "ok", "estimated", "ok", "partial", "no_data")
HOSTILE = "城\x01<&>\"']]>"


def square(column: int, size: float = 1000.0) -> shapely.Polygon:
    west = EAST + 1000.0 * column
    return shapely.box(west, NORTH, west + size, NORTH + size)


def city() -> City:
    """Six districts in a longer boundary, four roads, one park; the boundary leaves room outside the areas."""
    count = len(NAMES)
    districts = gpd.GeoDataFrame({"area_id": list("abcdef"), "name": list(NAMES)}, geometry=[square(n) for n in range(count)], crs=CRS)
    boundary = gpd.GeoDataFrame(geometry=[shapely.box(EAST, NORTH, EAST + 7000, NORTH + 1000)], crs=CRS)
    lines = [shapely.LineString([(EAST + 300 * n, NORTH), (EAST + 300 * n, NORTH + 1000)]) for n in range(1, 5)]
    highway = ["primary", "trunk", "footway", "'; --"]
    roads = gpd.GeoDataFrame(
        {"highway": highway, "name": ["<路>", "快速路", None, "\x02"], "ref": ["G1"] * 4, "nodes": [[1, 2]] * 4}, geometry=lines, crs=CRS
    )
    parks = gpd.GeoDataFrame({"name": ["公园"]}, geometry=[square(0, 200.0)], crs=CRS)
    return City.from_layers(HOSTILE, crs=CRS, date="2024-04-09", districts=districts, boundary=boundary, roads=roads, parks=parks)


def results(lang: Lang = "zh", *, statuses: tuple[str, ...] = STATUSES, evidence: dict[str, Any] | None = None) -> Results:
    """Road area ratio (paved as in ``VALUES``, red line a tenth more) and population, by hand."""
    made = city()
    areas = made.areas()
    rows = []
    for metric, variant, unit, factor in (
        ("population", "", "persons", 1e5),
        ("road_area_ratio", "paved", "1", 1.0),
        ("road_area_ratio", "redline", "1", 1.1),
    ):
        for index, area in enumerate(areas.ids):
            total = index >= len(VALUES)
            value = 0.15 if total else VALUES[index]
            status = "partial" if total else statuses[index]
            rows.append(
                {
                    "metric": metric,
                    "variant": variant,
                    "area_id": area,
                    "scope": "whole_area",
                    "date": made.date,
                    "area_name": areas.names[index],
                    "value": value * factor,
                    "low": np.nan,
                    "high": np.nan,
                    "numerator": value * 1e6,
                    "denominator": 1e6,
                    "unit": unit,
                    "status": status,
                    "coverage": 0.5 if status == "partial" else 1.0,
                    "quality": 1.0,
                    "note_zh": "说明",
                    "note_en": "note",
                }
            )
    variants = {"paved": Text("铺装面（物理）", "paved surface"), "redline": Text("道路红线", "red line")}
    ratio = MetricInfo(
        "road_area_ratio",
        Text("道路面积率", "Road area ratio"),
        Text("定义", "definition"),
        "1",
        Text("标准", "standard"),
        variants,
        "paved",
        evidence={"road_surface": Evidence(Text("道路面", "road surface"), "#9e9e9e")},
    )
    people = MetricInfo(
        "population", Text("人口", "Population"), Text("常住人口", "residents"), "persons", Text("—", "—"), {"": Text("", "")}, ""
    )
    frames = tricky() if evidence is None else evidence
    notices = (Text("提示<1>", "notice <1>"),)
    return Results(pd.DataFrame(rows), areas, made, frames, {"road_area_ratio": ratio, "population": people}, notices, "districts", lang)


def tricky() -> dict[str, gpd.GeoDataFrame]:
    """Evidence with what a GeoPackage cannot hold as it is."""
    surface = gpd.GeoDataFrame({"area_m2": [1.0, np.nan]}, geometry=[square(0), shapely.MultiPolygon([square(1)])], crs=CRS)
    columns = {
        "fid": [7, 8, 9],
        "Name": ["甲", None, "\x00丙"],
        "name": ["1", "2", "3"],
        "when": pd.to_datetime(["2026-11-21 08:00", None, "2026-11-21 09:00"]).tz_localize("Asia/Shanghai"),
        "nodes": [[1], [2], [3]],
        "mixed": [1, "two", None],
        "sure": [True, False, True],
        "number": pd.array([1, None, 3], dtype="Int64"),
    }
    shapes = [shapely.Point(EAST, NORTH), shapely.LineString([(EAST, NORTH), (EAST + 5, NORTH)]), square(2)]
    mixed = gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)
    nothing = gpd.GeoDataFrame({"n": pd.Series([], dtype="int64")}, geometry=gpd.GeoSeries([], crs=CRS))
    return {
        "road_area_ratio.road_surface": surface,
        "road_area_ratio.Road-Surface": surface,
        "population.死路": mixed,
        "gpkg_contents.n": nothing,
    }
