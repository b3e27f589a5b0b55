"""Make ``data/demo``: a small analytic city, synthetic and said to be so, whose metrics can be checked by hand.

Four districts of 2 km × 2 km. Streets every 250 m, 20 m wide, also along every edge; so the density is 2 / 0.25 = 8 km/km² and the road
area ratio 1 − (1 − 20/250)² = 15.36 %. Run ``python tests/make_demo.py`` to write it anew; a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyproj

TARGET = Path(__file__).parents[1] / "data" / "demo"
CRS = "EPSG:32631"
WEST, SOUTH = 500_000.0, 50_000.0  # in the open Gulf of Guinea: no real city is there
SIZE, SPACING, WIDTH = 4000, 250, 20
NAMES = {"D1": "西南区 Southwest", "D2": "东南区 Southeast", "D3": "西北区 Northwest", "D4": "东北区 Northeast"}
PEOPLE = {"D1": 60_000, "D2": 40_000, "D3": 25_000, "D4": 15_000}

_to_degrees = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform


def point(x: float, y: float) -> list[float]:
    lon, lat = _to_degrees(WEST + x, SOUTH + y)
    return [round(lon, 9), round(lat, 9)]


def box(x: float, y: float, width: float, height: float) -> dict:
    ring = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    return {"type": "Polygon", "coordinates": [[point(*xy) for xy in ring]]}


def line(*xy: tuple[float, float]) -> dict:
    return {"type": "LineString", "coordinates": [point(*each) for each in xy]}


def layers() -> dict[str, list[tuple[dict, dict]]]:
    corners = {"D1": (0, 0), "D2": (2000, 0), "D3": (0, 2000), "D4": (2000, 2000)}
    steps = range(0, SIZE + 1, SPACING)
    streets = []
    for at in steps:
        main = at % 1000 == 0
        row = {"highway": "secondary" if main else "residential", "width": WIDTH}
        along = [(at, y) for y in steps], [(x, at) for x in steps]
        for way, (vertices, letter) in enumerate(zip(along, "NE", strict=True)):
            streets.append(({**row, "name": f"{letter}{at // SPACING + 1} {'Avenue' if way else 'Street'}"}, line(*vertices)))
    parks = [
        ({"name": "Circle Lake Park"}, box(760, 760, 230, 230)),
        ({"name": "Harbour Garden"}, box(2260, 260, 230, 230)),
        ({"name": "Pocket Park 1"}, box(260, 2260, 40, 40)),
        ({"name": "Pocket Park 2"}, box(1260, 3260, 50, 50)),
    ]
    return {
        "districts": [({"code": key, "name": NAMES[key]}, box(*corners[key], 2000, 2000)) for key in corners],
        "built_up": [({"name": "whole city"}, box(0, 0, SIZE, SIZE))],
        "roads": streets,
        "parks": parks,
        "landuse": [({"landuse": "residential"}, box(x * 250 + 10, y * 250 + 10, 230, 230)) for x in range(16) for y in range(16)],
        "population": [({"people": PEOPLE[key]}, box(*corners[key], 2000, 2000)) for key in corners],
    }


CITY = """\
# A synthetic city: every street and every number is made up. See tests/make_demo.py of the project.
name = "方格示例城 Gridville"
synthetic = "合成数据 synthetic"
crs = "EPSG:32631"
date = "2026-01-01"

[layers.districts]
file = "data/districts.geojson"
id = "code"
name = "name"

[layers.built_up_area]
file = "data/built_up.geojson"

[layers.roads]
file = "data/roads.geojson"

[layers.parks]
file = "data/parks.geojson"

[layers.green]
file = "data/parks.geojson"

[layers.landuse]
file = "data/landuse.geojson"

[layers.population]
file = "data/population.geojson"
field = "people"
"""


MAP = """\
# The map of the demo opens with a metric that differs between districts.
opens_with = "park_service_coverage"
"""


def write(folder: Path) -> None:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "maps").mkdir(parents=True, exist_ok=True)
    (folder / "maps" / "overview.toml").write_text(MAP, encoding="utf-8")
    (folder / "city.toml").write_text(CITY, encoding="utf-8")
    for name, rows in layers().items():
        features = [{"type": "Feature", "properties": fields, "geometry": geometry} for fields, geometry in rows]
        text = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
        (folder / "data" / f"{name}.geojson").write_text(f'{{"type": "FeatureCollection", "features": [\n{text}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    write(TARGET)
