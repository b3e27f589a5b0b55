"""A small made-up city at 43.90° N, 125.30° E (Changchun), as files: four square districts, a few streets, parks and buildings."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

WEST, SOUTH, STEP = 125.30, 43.90, 0.01
"""South-west corner and edge of a district, degrees; the city is two by two of them."""

BOX = (WEST, SOUTH, WEST + 2 * STEP, SOUTH + 2 * STEP)


def square(column: float, row: float, size: float = 1.0) -> shapely.Polygon:
    """A square in units of a district, from the south-west corner of the city."""
    west, south = WEST + column * STEP, SOUTH + row * STEP
    return shapely.box(west, south, west + size * STEP, south + size * STEP)


def districts() -> gpd.GeoDataFrame:
    """Four squares that fill the city: ids 220101 … 220104."""
    squares = [square(column, row) for row in (0, 1) for column in (0, 1)]
    names = ["南关区", "朝阳区", "宽城区", "绿园区"]
    return gpd.GeoDataFrame({"adcode": [220101, 220102, 220103, 220104], "name": names}, geometry=squares, crs="EPSG:4326")


def parks() -> gpd.GeoDataFrame:
    """Two squares of a tenth of a district's edge, one park and one plot of housing."""
    return gpd.GeoDataFrame(
        {"Level2_cn": ["公园与绿地用地", "居住用地"], "Name": ["劳动公园", "小区"]},
        geometry=[square(0.2, 0.2, 0.1), square(1.2, 1.2, 0.1)],
        crs="EPSG:4326",
    )


def osm_xml(*, header: bool = True) -> str:
    """A street each way through the middle, one local street, one park, one residential and one commercial building with land use."""
    nodes: list[tuple[float, float]] = []
    ways: list[tuple[list[int], dict[str, str]]] = []

    def way(points: list[tuple[float, float]], **tags: str) -> None:
        first = len(nodes)
        closed = points[0] == points[-1]
        nodes.extend(points[:-1] if closed else points)
        refs = list(range(first, len(nodes)))
        ways.append(([*refs, first] if closed else refs, tags))

    def ring(column: float, row: float, size: float) -> list[tuple[float, float]]:
        return [(WEST + x * STEP, SOUTH + y * STEP) for x, y in _corners(column, row, size)]

    middle_x, middle_y = WEST + STEP, SOUTH + STEP
    way([(WEST, middle_y), (middle_x, middle_y), (WEST + 2 * STEP, middle_y)], highway="primary", name="人民大街", width="30")
    way([(middle_x, SOUTH), (middle_x, SOUTH + 2 * STEP)], highway="secondary", name="解放大路", lanes="4")
    way([(WEST + STEP / 2, SOUTH), (WEST + STEP / 2, SOUTH + STEP)], highway="residential")
    way(ring(0.2, 0.2, 0.3), leisure="park", name="南湖公园")
    way(ring(0.6, 0.6, 0.1), building="apartments", **{"building:levels": "6"})
    way(ring(1.6, 1.6, 0.1), building="retail")
    way(ring(0.0, 0.0, 1.0), landuse="residential")
    west, south, east, north = BOX
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6" generator="made up">']
    if header:
        lines.append(f'<bounds minlon="{west}" minlat="{south}" maxlon="{east}" maxlat="{north}"/>')
    stamp = 'version="1" timestamp="2024-04-09T00:00:00Z"'
    lines += [f'<node id="{n + 1}" {stamp} lon="{x:.7f}" lat="{y:.7f}"/>' for n, (x, y) in enumerate(nodes)]
    for number, (refs, tags) in enumerate(ways, start=1):
        inner = "".join(f'<nd ref="{ref + 1}"/>' for ref in refs) + "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        lines.append(f'<way id="{number}" {stamp}>{inner}</way>')
    return "\n".join([*lines, "</osm>"])


def _corners(column: float, row: float, size: float) -> list[tuple[float, float]]:
    return [(column, row), (column + size, row), (column + size, row + size), (column, row + size), (column, row)]


def write_osm(path: Path) -> Path:
    """Write the extract in the format that the name asks for (``.osm``, ``.osm.gz``, ``.osm.pbf``)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".osm.gz"):
        path.write_bytes(gzip.compress(osm_xml().encode(), mtime=0))
        return path
    if path.name.endswith(".osm"):
        path.write_text(osm_xml(), encoding="utf-8")
        return path
    import osmium

    plain = path.with_name("plain.osm")
    plain.write_text(osm_xml(), encoding="utf-8")
    header = osmium.io.Header()
    box = osmium.osm.Box(*BOX)
    header.add_box(box)
    path.unlink(missing_ok=True)
    writer = osmium.SimpleWriter(str(path), header=header)
    for item in osmium.FileProcessor(str(plain)):
        writer.add(item)
    writer.close()
    plain.unlink()
    return path


def write_raster(path: Path, values: Any, *, crs: str | None = "EPSG:4326", bounds: Any = BOX, nodata: float | None = None) -> Path:
    """Write a GeoTIFF of ``values`` (rows from north, or bands of rows) over ``bounds``."""
    import rasterio
    from rasterio.transform import from_bounds

    bands = np.atleast_3d(np.asarray(values, dtype="float32").T).T
    count, height, width = bands.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": "float32", "nodata": nodata, "crs": crs}
    with rasterio.open(path, "w", transform=from_bounds(*bounds, width, height), **profile) as target:
        target.write(bands)
    return path


def project(folder: Path, text: str = "", *, layers: Mapping[str, Any] | None = None, osm: bool = False) -> Path:
    """Make a project folder: districts always (``data/districts.geojson``), frames of ``layers`` as ``data/NAME.gpkg``, and ``text``.

    Returns
    -------
    Path
        ``city.toml``; its lines for the districts come first, then ``text``.
    """
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "districts.geojson").write_text(districts().to_json(drop_id=True), encoding="utf-8")
    lines = ['name = "试城"', ""]
    if osm:
        write_osm(folder / "data" / "city.osm")
        lines += ["[osm]", 'file = "data/city.osm"', ""]
    lines += ["[layers.districts]", 'file = "data/districts.geojson"', 'id = "adcode"', 'name = "name"', ""]
    for name, frame in (layers or {}).items():
        frame.to_file(folder / "data" / f"{name}.gpkg", layer=name, driver="GPKG")
        lines += [f"[layers.{name}]", f'file = "data/{name}.gpkg"', ""]
    path = folder / "city.toml"
    path.write_text("\n".join([*lines, text]), encoding="utf-8")
    return path
