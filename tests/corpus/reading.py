"""Strict readers of our own: what a damaged file says, read without the package, where it is still well formed.

Formats without checksums cannot tell a changed coordinate from a true one; what such a file says is what must be measured, no less. Text formats,
Shapefile, GeoPackage and OSM XML are read here byte by byte; the rest by their library, which must find as many features as were written.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import shutil
import sqlite3
import struct
import warnings
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from tests.corpus import city
from tests.corpus.scene import replace_layer


class Malformed(Exception):
    """The file contradicts itself: nobody may measure with it in silence."""


def read_project(damaged: Path, template: Path, into: Path, subject: city.Subject) -> None:
    """Make the project that a strict reader understands: the undamaged one, with what the damaged file says in a plain format.

    Raises
    ------
    Malformed
        The damaged file is not well formed.
    """
    shutil.copytree(template, into, dirs_exist_ok=True)
    path = damaged / subject.file
    warnings.simplefilter("ignore")
    try:
        if subject.role == "osm":
            _extract(path, into / subject.file, template / subject.file)
        elif subject.kind == "tif":
            _raster(path, into / subject.file)
        else:
            replace_layer(into, subject, _frame(path, subject))
    except Malformed:
        raise
    except Exception as error:
        raise Malformed(f"{type(error).__name__}: {error}") from error


def _frame(path: Path, subject: city.Subject) -> gpd.GeoDataFrame:
    whole = city.frames()[subject.role]
    if subject.kind == "geojson":
        frame = _geojson(path)
    elif subject.kind == "csv":
        frame = _table(path)
    elif subject.kind == "shp":
        frame = _shapefile({part.suffix: part.read_bytes() for part in path.parent.glob(f"{path.stem}.*")})
    elif subject.kind == "zip":
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise Malformed("a file in the archive has another checksum")
            frame = _shapefile({Path(name).suffix: archive.read(name) for name in archive.namelist()})
    elif subject.kind == "gpkg":
        frame = _geopackage(path, subject.role)
    else:
        frame = gpd.read_parquet(path) if subject.kind == "parquet" else gpd.read_file(path, engine="pyogrio", on_invalid="ignore")
        if (
            len(frame) != len(whole)
            or frame.geometry.isna().any()
            or (list(frame.columns) != list(whole.columns) and subject.kind != "dxf")
        ):
            raise Malformed(f"{len(frame)} of {len(whole)} features, columns {list(frame.columns)}")
    if frame.crs is None or not frame.crs.equals(whole.crs, ignore_axis_order=True):
        if subject.kind in ("csv", "dxf"):
            return frame.set_crs(whole.crs, allow_override=True)
        raise Malformed("another CRS")
    return frame


def _geojson(path: Path) -> gpd.GeoDataFrame:
    content = json.loads(path.read_bytes().decode("utf-8-sig"))
    rows = content["features"]
    shapes = [shapely.geometry.shape(row["geometry"]) for row in rows]
    columns = {key for row in rows for key in row["properties"]}
    wanted = set(json.loads(path.read_bytes().decode("utf-8-sig"))["features"][0]["properties"])
    if columns != wanted:
        raise Malformed("features with other columns than the first")
    return gpd.GeoDataFrame({key: [row["properties"][key] for row in rows] for key in sorted(columns)}, geometry=shapes, crs="EPSG:4326")


def _table(path: Path) -> gpd.GeoDataFrame:
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True))
    head, rows = rows[0], [row for row in rows[1:] if row]
    if len(set(head)) != len(head) or any(len(row) != len(head) for row in rows):
        raise Malformed("rows of several lengths")
    table = {name: [row[place] for row in rows] for place, name in enumerate(head)}
    xy = np.array([[float(x), float(y)] for x, y in zip(table.pop("x"), table.pop("y"), strict=True)])
    return gpd.GeoDataFrame(table, geometry=list(shapely.points(xy)), crs="EPSG:4326")


def _shapefile(parts: dict[str, bytes]) -> gpd.GeoDataFrame:
    shp, shx, dbf = parts[".shp"], parts[".shx"], parts[".dbf"]
    code, size = struct.unpack(">i", shp[:4])[0], 2 * struct.unpack(">i", shp[24:28])[0]
    kind = struct.unpack("<i", shp[32:36])[0]
    if code != 9994 or size != len(shp) or 2 * struct.unpack(">i", shx[24:28])[0] != len(shx) or shx[32:36] != shp[32:36]:
        raise Malformed("sizes or kinds of the heads")
    shapes, at, number = [], 100, 0
    while at < len(shp):
        number += 1
        said, words = struct.unpack(">ii", shp[at : at + 8])
        offset, length = struct.unpack(">ii", shx[100 + 8 * (number - 1) : 108 + 8 * (number - 1)])
        if said != number or 2 * offset != at or length != words:
            raise Malformed("records and index")
        body = shp[at + 8 : at + 8 + 2 * words]
        shapes.append(_shape(body, kind))
        at += 8 + 2 * words
    if 100 + 8 * number != len(shx) or at != len(shp):
        raise Malformed("number of records")
    count, first, width = struct.unpack("<IHH", dbf[4:12])
    fields, place = [], 32
    while dbf[place] != 0x0D:
        fields.append((dbf[place : place + 11].split(b"\0")[0].decode("ascii"), chr(dbf[place + 11]), dbf[place + 16]))
        place += 32
    if (
        count != number
        or first != place + 1
        or width != 1 + sum(field[2] for field in fields)
        or len(dbf) - first - count * width not in (0, 1)
    ):
        raise Malformed("attributes")
    table: dict[str, list[object]] = {name: [] for name, _, _ in fields}
    for row in range(count):
        record = dbf[first + row * width : first + (row + 1) * width]
        if record[:1] != b" ":
            raise Malformed("a deleted record")
        at = 1
        for name, type_, size in fields:
            text = record[at : at + size].decode("utf-8")
            if type_ in "NF":
                table[name].append(float(text))
            elif type_ == "C":
                table[name].append(text.split("\0")[0].rstrip(" "))  # a text ends where its bytes do
            else:
                raise Malformed(f"a field of type {type_}")
            at += size
    import pyproj

    return gpd.GeoDataFrame(table, geometry=shapes, crs=pyproj.CRS.from_wkt(parts[".prj"].decode()))


def _shape(body: bytes, kind: int) -> shapely.Geometry:
    if struct.unpack("<i", body[:4])[0] != kind:
        raise Malformed("a record of another kind")
    if kind == 1:
        if len(body) != 20:
            raise Malformed("length of a point")
        return shapely.Point(*struct.unpack("<dd", body[4:]))
    box = struct.unpack("<4d", body[4:36])
    parts, points = struct.unpack("<ii", body[36:44])
    if len(body) != 44 + 4 * parts + 16 * points or parts != 1 or struct.unpack("<i", body[44:48])[0] != 0:
        raise Malformed("length of a record")
    xy = np.frombuffer(body[48:], "<f8").reshape(-1, 2)
    if not np.array_equal(np.array(box), np.concatenate([xy.min(axis=0), xy.max(axis=0)])):
        raise Malformed("the box of a record is not that of its points")
    return shapely.Polygon(xy) if kind == 5 else shapely.LineString(xy)


def _geopackage(path: Path, layer: str) -> gpd.GeoDataFrame:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise Malformed("SQLite finds damage")
        (column, srs) = database.execute("SELECT column_name, srs_id FROM gpkg_geometry_columns WHERE table_name = ?", (layer,)).fetchone()
        (said,) = database.execute("SELECT feature_count FROM gpkg_ogr_contents WHERE table_name = ?", (layer,)).fetchone()
        cursor = database.execute(f'SELECT * FROM "{layer}"')
        names = [each[0] for each in cursor.description]
        rows = cursor.fetchall()
    if srs != 4326 or said != len(rows):
        raise Malformed(f"{said} features are said, {len(rows)} are there")
    table = {name: [row[place] for row in rows] for place, name in enumerate(names) if name not in (column, "fid")}
    return gpd.GeoDataFrame(table, geometry=[_blob(row[names.index(column)]) for row in rows], crs="EPSG:4326")


def _blob(blob: bytes) -> shapely.Geometry:
    magic, version, flags, srs = struct.unpack("<2sBBi", blob[:8])
    if magic != b"GP" or version or flags & 0b11110001 != 1 or srs != 4326:
        raise Malformed("head of a geometry")
    doubles = (0, 4, 6, 6, 8)[flags >> 1 & 7]
    shape = shapely.from_wkb(blob[8 + 8 * doubles :])
    if doubles:
        west, east, south, north = struct.unpack("<4d", blob[8:40])
        if (west, south, east, north) != shape.bounds:
            raise Malformed("the box of a geometry is not that of its points")
    return shape


def _extract(path: Path, target: Path, whole: Path) -> None:
    if path.name.endswith(".pbf"):
        import osmium

        counts = []
        for each in (path, whole):
            counts.append([sum(1 for _ in osmium.FileProcessor(str(each), kind)) for kind in (osmium.osm.NODE, osmium.osm.WAY)])
        if counts[0] != counts[1] or not osmium.io.Reader(str(path)).header().box().valid():
            raise Malformed(f"{counts[0]} objects for {counts[1]}")
        shutil.copy(path, target)
        return
    content = path.read_bytes()
    if path.name.endswith(".gz"):
        content = gzip.decompress(content)
    elif path.name.endswith(".bz2"):
        content = bz2.decompress(content)
    root = ET.fromstring(content.decode("utf-8"))
    if root.tag != "osm" or root.get("version") != "0.6":
        raise Malformed(f"{root.tag} {root.get('version')}")
    own = {"osm": {"version", "generator"}, "bounds": {"minlon", "minlat", "maxlon", "maxlat"}, "node": {"id", "version", "timestamp", "lon", "lat"},
           "way": {"id", "version", "timestamp"}, "nd": {"ref"}, "tag": {"k", "v"}}  # fmt: skip
    for element in root.iter():
        if element.tag not in own or set(element.keys()) != own[element.tag]:
            raise Malformed(f"{element.tag} with {sorted(element.keys())}")
    if not (nodes := {node.get("id") for node in root.iter("node")}) >= {nd.get("ref") for nd in root.iter("nd")}:
        raise Malformed("a way names a node that is not there")
    if len(nodes) != len(list(root.iter("node"))) or root.find("bounds") is None:
        raise Malformed("nodes that stand twice, or no box")
    plain = ET.tostring(root, encoding="utf-8")
    pack = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
    target.write_bytes(pack(plain))


def _raster(path: Path, target: Path) -> None:
    import rasterio

    with rasterio.open(path) as source, rasterio.open(target) as whole:
        if (source.count, source.shape, source.crs, source.dtypes) != (
            1,
            whole.shape,
            whole.crs,
            whole.dtypes,
        ) or source.colorinterp != whole.colorinterp:
            raise Malformed("another shape")
        values, transform, nodata = source.read(1), source.transform, source.nodata
    from rasterio.transform import array_bounds

    from tests.small_city import write_raster

    if transform.b or transform.d or transform.e >= 0:
        raise Malformed("turned")
    write_raster(target, values, bounds=array_bounds(*values.shape, transform), nodata=nodata)
