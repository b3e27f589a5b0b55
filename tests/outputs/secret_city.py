"""A project with planted secrets, and everything that a run's files hold, unpacked: what must not be found is searched for in all of it."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyarrow.parquet as pq
import shapely

from tests.outputs.packed_layers import read_layer
from tests.outputs.test_maps import blob_of, payload_of
from tests.small_city import SOUTH, STEP, WEST, project, square

SECRETS = {
    "sewers": ("PLANT-SEWER", (WEST + 0.31234 * STEP, SOUTH + 0.41567 * STEP), (WEST + 0.38765 * STEP, SOUTH + 0.46543 * STEP)),
    "gas_stores": ("PLANT-GAS", (WEST + 1.71234 * STEP, SOUTH + 1.31579 * STEP)),
    "parks": ("PLANT-PARK", (WEST + 1.42345 * STEP, SOUTH + 0.23456 * STEP)),
    "ledger": ("PLANT-TASK", (WEST + 0.72345 * STEP, SOUTH + 1.61234 * STEP)),
}
"""Name that is planted, and the places, by what they are of."""

_GAS = """title = { zh = "PLANT-TITLE 储气", en = "PLANT-TITLE gas stores" }
geometry = "point"
[fields.name]
title = { zh = "名称", en = "Name" }
[style]
color = "#884422"
size = 2
"""
_MAP = """[overlays.gas]
layer = "gas_stores"
title = { zh = "PLANT-OVERLAY", en = "PLANT-OVERLAY" }
shown = true
style = { color = "#884422", weight = 1, radius = 4 }
"""
_LEDGER = """id,name,type,district,quantity,unit,status,status_date,due_date,lead_unit,x,y
PLANT-ID-1,PLANT-TASK 口袋公园,口袋公园,,900,平方米,已竣工,2024-03-18,2024-06-30,PLANT-UNIT 园林局,{x:.7f},{y:.7f}
PLANT-ID-2,PLANT-TASK 二,口袋公园,朝阳区,1200,平方米,在建,2024-03-20,2024-12-31,PLANT-UNIT 园林局,,
"""
_PLAN = """id,clause,area,level,scope,title_zh,title_en,theme,operator,value,unit,tolerance,strength,baseline,baseline_year,year,kind,measure,variant,note
P1,1,试城,city,whole_city,道路网密度,Road network density,transport,>=,8,km/km2,,binding,,,2025,metric,road_network_density,,
P2,2,试城,city,whole_city,公园面积,Park area per resident,green,>=,12,m2/person,,binding,,,2025,metric,park_area_per_capita,,
P3,3,试城,city,whole_city,口袋公园,Pocket parks,green,>=,5,count,,binding,0,2023,2025,ledger,pocket_parks_built,,
"""


def secret_project(folder: Path, *, text: str = "", small: bool = True, approved: bool = True) -> Path:
    """A city in Changchun: roads and buildings of OSM are public, parks and the ledger internal, sewers and gas stores secret."""
    (word, *ends), (gas, gas_at), (park, park_at) = SECRETS["sewers"], SECRETS["gas_stores"], SECRETS["parks"]
    name = {"crs": "EPSG:4326"}
    frames: dict[str, Any] = {
        "sewers": gpd.GeoDataFrame({"name": [f"{word} 干管"]}, geometry=[shapely.LineString(ends)], **name),
        "gas_stores": gpd.GeoDataFrame({"name": [gas]}, geometry=[shapely.Point(gas_at)], **name),
        "parks": gpd.GeoDataFrame(
            {"name": [park, f"{park} 二"]}, geometry=[shapely.box(*park_at, park_at[0] + 0.001, park_at[1] + 0.001), _bow()], **name
        ),
        "population": gpd.GeoDataFrame({"count": [900.0, 300.0]}, geometry=[square(0.1, 0.1, 0.5), square(1.2, 0.2, 0.5)], **name),
    }
    levels = {"sewers": "secret", "gas_stores": "secret", "parks": "internal", "population": "public"}
    path = project(folder, osm=True)
    lines = [
        path.read_text(encoding="utf-8").replace('name = "name"', 'name = "name"\nsensitivity = "public"'),
        "\n[map]\nissuing_unit = '试城规划局'\n" + ("approval_number = '吉S(2024)001号'\n" if approved else ""),
    ]
    for layer, frame in frames.items():
        frame.to_file(
            folder / "data" / f"PLANT-FILE-{layer}.gpkg" if layer != "population" else folder / "data" / "people.gpkg", driver="GPKG"
        )
        file = f"PLANT-FILE-{layer}.gpkg" if layer != "population" else "people.gpkg"
        source = f"PLANT-SOURCE {layer}" if levels[layer] != "public" else "统计局"
        lines.append(f'[layers.{layer}]\nfile = "data/{file}"\nsensitivity = "{levels[layer]}"\nsource = "{source}"')
        lines.append('on_invalid = "repair"\n' if layer == "parks" else "")
    (folder / "layers").mkdir()
    (folder / "layers" / "gas_stores.toml").write_text(_GAS, encoding="utf-8")
    (folder / "maps").mkdir()
    (folder / "maps" / "overview.toml").write_text(_MAP, encoding="utf-8")
    x, y = SECRETS["ledger"][1]
    (folder / "data" / "PLANT-FILE-ledger.csv").write_text(_LEDGER.format(x=x, y=y), encoding="utf-8")
    (folder / "data" / "plan.csv").write_text(_PLAN, encoding="utf-8")
    lines.append(
        '[ledger]\nfile = "data/PLANT-FILE-ledger.csv"\ndate = "2024-04-09"\ncrs = "EPSG:4326"\nsensitivity = "internal"\nsource = "PLANT-SOURCE"\n'
        '[plans.trial]\nfile = "data/plan.csv"\ntitle = { zh = "试城规划", en = "Plan of the trial city" }\narea = "试城"\n'
        'authority = { zh = "试城", en = "Trial city" }\nstanding = "in_force"\nissued = "2023"\n'
    )
    path.write_text("\n".join([*lines, text]), encoding="utf-8")
    if small:  # its districts have 0.9 km²
        (folder / "editions.toml").write_text("[public]\nsmallest_area_m = 500\n", encoding="utf-8")
    return path


def _bow() -> shapely.Polygon:
    """A ring that crosses itself, so that its repair is told in a notice with its id."""
    x, y = SECRETS["parks"][1]
    return shapely.Polygon([(x, y + 0.002), (x + 0.001, y + 0.003), (x + 0.001, y + 0.002), (x, y + 0.003)])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run as it is, and beside it everything that it holds packed: members, blobs of pages, columns, rows."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            raw = path.read_bytes()
            found[path.name] = raw
            for name, part in _unpacked(path, raw):
                found[f"{path.name}/{name}"] = part
    return found


def _unpacked(path: Path, raw: bytes) -> Iterator[tuple[str, bytes]]:
    if path.suffix == ".html":
        for key, packed in re.findall(rb'<script type="application/octet-stream" id="([^"]*)">([^<]*)</script>', raw):
            yield key.decode(), zlib.decompress(base64.b64decode(packed))
    elif path.suffix in (".xlsx", ".qgz"):
        with zipfile.ZipFile(path) as book:
            yield from ((name, book.read(name)) for name in book.namelist())
    elif path.suffix == ".parquet":
        table = pq.read_table(path)
        yield "rows", table.to_pandas().to_csv().encode()
        yield "schema", str(table.schema.metadata).encode()
    elif path.suffix == ".gpkg":
        with closing(sqlite3.connect(path)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()
                yield name, b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row)
                for nth, cell in enumerate(cell for row in rows for cell in row):
                    if isinstance(cell, str) and re.fullmatch("(?:[0-9a-f]{2})+", cell) and cell.startswith("504b0304"):
                        member = path.with_suffix(f".{nth}.zip")
                        member.write_bytes(bytes.fromhex(cell))
                        with zipfile.ZipFile(member) as book:
                            yield from ((f"{name}/{each}", book.read(each)) for each in book.namelist())
                        member.unlink()


def traces(place: tuple[float, float], crs: Any) -> dict[str, bytes]:
    """How a place in degrees would stand in a file: as doubles, degrees and metres, and as text of five decimals or whole metres."""
    (metres,) = gpd.GeoSeries([shapely.Point(place)], crs="EPSG:4326").to_crs(crs)
    found = {}
    for unit, values in (("degrees", place), ("metres", (metres.x, metres.y))):
        for axis, value in zip("xy", values, strict=True):
            found[f"{unit} {axis} as a double"] = struct.pack("<d", value)[1:]  # the last bits differ by how it was reprojected
            found[f"{unit} {axis} as text"] = (f"{value:.5f}"[:-1] if unit == "degrees" else f"{value:.1f}").encode()
    return found


def vertices(html: str) -> list[tuple[float, float]]:
    """Every vertex that a page draws, degrees, of its data and of its packed layers."""
    page = payload_of(html)
    found: list[tuple[float, float]] = []
    for overlay in page["overlays"]:
        layer = read_layer(blob_of(html, overlay["blob"]))
        found += [(x / layer.steps, y / layer.steps) for paths in layer.paths for _, places in paths for x, y in places]

    def unpack(numbers: list[int], degrees: float) -> None:
        x = y = 0
        for east, north in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + east, y + north
            found.append((x * degrees, y * degrees))

    def walk(node: Any, degrees: float) -> None:
        if isinstance(node, dict):
            degrees = node.get("degrees", degrees)
            if "points" in node and isinstance(node["points"], list) and degrees:
                unpack(node["points"], degrees)
            for value in node.values():
                walk(value, degrees)
        elif isinstance(node, list) and node and degrees and all(isinstance(each, int) for each in node) and len(node) % 2 == 0:
            unpack(node, degrees)
        elif isinstance(node, list):
            for value in node:
                walk(value, degrees)

    walk(json.loads(json.dumps(page)), 0.0)
    return found
