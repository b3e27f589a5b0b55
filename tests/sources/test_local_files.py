"""Geodatabases, drawings, heights, curves, mixed parts and odd columns: read as they are meant, or one clear error."""

from __future__ import annotations

import datetime
import json
import math
import shutil
import sqlite3
import struct
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from spatial.errors import LayerError, OptionError, SourceError
from spatial.files import fingerprint
from spatial.layers import layer_specs, typed
from spatial.project import open_city
from spatial.sources.files import FileOptions, read_vector
from tests.small_city import SOUTH, STEP, WEST, project, square

RING = [(WEST + 0.001, SOUTH + 0.001), (WEST + 0.004, SOUTH + 0.001), (WEST + 0.004, SOUTH + 0.004), (WEST + 0.001, SOUTH + 0.001)]


def frame(*shapes: Any, **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": [f"n{n}" for n in range(len(shapes))], **columns}, geometry=list(shapes), crs="EPSG:4326")


def read(path: Path, *, wanted: tuple[str, ...] = ("name",), **options: Any) -> gpd.GeoDataFrame:
    return read_vector(path, FileOptions(**options), where="layer", wanted=wanted)


# Geodatabases and archives.


@pytest.mark.parametrize("zipped", [False, True])
def test_a_geodatabase_with_several_layers(tmp_path: Path, zipped: bool) -> None:
    folder = tmp_path / "city.gdb"
    for name in ("公园", "roads"):
        pyogrio.write_dataframe(
            frame(square(0.1, 0.1, 0.1)).assign(name=name), folder, driver="OpenFileGDB", layer=name, append=folder.exists()
        )
    path = folder
    if zipped:
        path = tmp_path / "city.gdb.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for part in folder.iterdir():
                archive.write(part, f"规划/city.gdb/{part.name}")
        shutil.rmtree(folder)
    with pytest.raises(OptionError, match=r'holds 2 layers; name one: layer = "公园" \(there are 公园, roads\)'):
        read(path)
    assert list(read(path, layer="公园", where="name = '公园'")["name"]) == ["公园"]


# Drawings.


def drawing(path: Path, *, layer: str = "ROAD", version: str = "AC1015", page: str | None = "ANSI_936", encoding: str = "gbk") -> Path:
    """A DXF by hand: closed and open polylines, a bulge, text, and a block that is inserted, on two layers; x from 445,000, y from 4,864,000."""
    lines: list[str] = []

    def put(*pairs: Any) -> None:
        lines.extend(str(part) for part in pairs)

    def polyline(on: str, closed: int, *corners: tuple[float, float]) -> None:
        put(0, "LWPOLYLINE", 8, on, 90, len(corners), 70, closed)
        for x, y in corners:
            put(10, 445000 + x, 20, 4864000 + y)

    put(0, "SECTION", 2, "HEADER", 9, "$ACADVER", 1, version)
    if page:
        put(9, "$DWGCODEPAGE", 3, page)
    put(0, "ENDSEC", 0, "SECTION", 2, "BLOCKS", 0, "BLOCK", 8, "0", 2, "TREE", 70, 0, 10, 0, 20, 0, 30, 0)
    put(0, "LWPOLYLINE", 8, layer, 90, 3, 70, 1, 10, 0, 20, 0, 10, 2, 20, 0, 10, 2, 20, 2, 0, "ENDBLK", 8, "0", 0, "ENDSEC")
    put(0, "SECTION", 2, "ENTITIES")
    polyline(layer, 1, (0, 0), (100, 0), (100, 100), (0, 100))
    polyline(layer, 0, (0, 0), (50, 50))
    polyline("0", 1, (200, 0), (300, 0), (300, 100))
    put(0, "TEXT", 8, layer, 10, 445010, 20, 4864010, 30, 0, 40, 5, 1, "公园")
    put(0, "INSERT", 8, layer, 2, "TREE", 10, 445500, 20, 4864000, 30, 0, 41, 1, 42, 1)
    put(0, "CIRCLE", 8, layer, 10, 445700, 20, 4864000, 30, 0, 40, 50)
    put(0, "ENDSEC", 0, "EOF")
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


@pytest.mark.parametrize(
    ("version", "page", "encoding"),
    [
        ("AC1015", "ANSI_936", "gbk"),
        ("AC1015", None, "gbk"),
        ("AC1015", "ANSI_1252", "gbk"),
        ("AC1021", "ANSI_936", "utf-8"),  # since 2007 UTF-8, whatever page is named
        ("AC1027", None, "utf-8"),
        ("AC1015", "ANSI_936", "utf-8"),
    ],
)
def test_the_text_of_a_drawing(tmp_path: Path, version: str, page: str | None, encoding: str) -> None:
    path = drawing(tmp_path / "plan.dxf", layer="绿地", version=version, page=page, encoding=encoding)
    found = read(path, where="Layer = '绿地' AND Text IS NOT NULL", crs="EPSG:4551", fields={"name": "Text"})
    assert list(found["name"]) == ["公园"]
    assert len(read(path, where="Layer = '绿地'", crs="EPSG:4551")) == 5


def test_escaped_text_of_a_drawing(tmp_path: Path) -> None:
    path = drawing(tmp_path / "plan.dxf", layer=r"\U+7EFF\U+5730", page=None, encoding="utf-8")
    assert len(read(path, where="Layer = '绿地'", crs="EPSG:4551")) == 5


def test_closed_lines_blocks_and_circles_of_a_drawing_are_polygons(tmp_path: Path) -> None:
    """100 × 100 m, the block of 2 m² and a circle of radius 50 m on one layer; its open line and its text are told."""
    path = project(tmp_path, '[layers.parks]\nfile = "data/plan.dxf"\ncrs = "EPSG:4551"\nwhere = "Layer = \'ROAD\'"\non_invalid = "drop"\n')
    drawing(tmp_path / "data" / "plan.dxf")
    city = open_city(path)
    areas = sorted(city.frame("parks").area)
    assert areas[0] == pytest.approx(2, rel=1e-4)
    assert areas[1] == pytest.approx(math.pi * 50**2, rel=1e-4)
    assert areas[2] == pytest.approx(100**2, rel=1e-4)
    assert any("features are not of kind polygon: dropped: 2" in notice.en for notice in city.notices)
    path.write_text(path.read_text("utf-8").replace('on_invalid = "drop"', ""), encoding="utf-8")
    with pytest.raises(LayerError, match="2 of 5 features are not of kind polygon"):
        open_city(path)


# Heights, measures, curves, surfaces, mixed parts.

KINDS = {"polygon": "Polygon", "line": "LineString", "point": "Point"}
PLACES = {
    "polygon": f"(({', '.join(f'{x} {y}{{0}}' for x, y in RING)}))",
    "line": f"({', '.join(f'{x} {y}{{0}}' for x, y in RING[:3])})",
    "point": f"({RING[0][0]} {RING[0][1]}{{0}})",
}


def gpkg(path: Path, kind: str, content: bytes, *, z: int = 0, m: int = 0, srs: int = 4326) -> Path:
    """A GeoPackage whose only geometry is given as WKB, which may be a kind that no library here writes."""
    start = frame(shapely.Point(0, 0)).set_crs(srs, allow_override=True)
    pyogrio.write_dataframe(start, path, layer="l", driver="GPKG", geometry_type="Unknown", SPATIAL_INDEX="NO")
    database = sqlite3.connect(path)
    with database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("UPDATE l SET geom = ?", (b"GP\x00\x01" + struct.pack("<i", srs) + content,))
        database.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = ?, z = ?, m = ?", (kind, z, m))
    database.close()
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("ending", "extra"),
    [
        *((ending, extra) for ending in ("parquet", "gpkg") for extra in ("Z", "M", "ZM")),
        *((e, "Z") for e in ("shp", "geojson", "fgb", "gdb")),
    ],
)
def test_heights_and_measures_are_left_out(tmp_path: Path, kind: str, extra: str, ending: str) -> None:
    shape = shapely.from_wkt(f"{KINDS[kind].upper()} {extra} {PLACES[kind].format(' 5' * len(extra))}")
    path = tmp_path / f"x.{ending}"
    if ending == "parquet":
        frame(shape).to_parquet(path)
    elif ending == "gpkg":
        gpkg(path, KINDS[kind].upper(), bytes(shapely.to_wkb(shape, flavor="iso", output_dimension=4)), z="Z" in extra, m="M" in extra)
    else:
        pyogrio.write_dataframe(frame(shape), path, driver={"gdb": "OpenFileGDB"}.get(ending))
    layer = {"polygon": "parks", "line": "walls", "point": "transit_stops"}[kind]
    toml = project(tmp_path, f'[layers.{layer}]\nfile = "{path.name}"\n')
    (found,) = open_city(toml).frame(layer).to_crs("EPSG:4326").geometry
    assert not found.has_z
    assert not shapely.has_m(found)
    assert found.hausdorff_distance(shapely.force_2d(shape)) < 1e-8


def string_of(corners: list[tuple[float, float]], kind: int) -> bytes:
    return struct.pack("<BII", 1, kind, len(corners)) + b"".join(struct.pack("<dd", *corner) for corner in corners)


def half_disc(x: float, y: float, radius: float) -> bytes:
    """A curve polygon: an arc over the top and a straight line back."""
    arc = string_of([(x - radius, y), (x, y + radius), (x + radius, y)], 8)
    ring = struct.pack("<BII", 1, 9, 2) + arc + string_of([(x + radius, y), (x - radius, y)], 2)
    return struct.pack("<BII", 1, 10, 1) + ring


@pytest.mark.parametrize("multi", [False, True])
def test_curves_become_chords_of_one_degree(tmp_path: Path, multi: bool) -> None:
    """Half a disc of radius 100 m holds π · 100² / 2 m²; chords of 1° take 0.005 % of it, and lie within 4 mm of the arc."""
    content = half_disc(445000, 4864000, 100)
    content = struct.pack("<BII", 1, 12, 1) + content if multi else content
    toml = project(tmp_path, '[layers.parks]\nfile = "x.gpkg"\n')
    gpkg(tmp_path / "x.gpkg", "MULTISURFACE" if multi else "CURVEPOLYGON", content, srs=4551)
    (found,) = open_city(toml).frame("parks").geometry
    whole = math.pi * 100**2 / 2
    assert found.geom_type == ("MultiPolygon" if multi else "Polygon")
    assert 0 < 1 - found.area / whole < 6e-5
    assert shapely.get_num_coordinates(found) > 180
    radius = np.hypot(*(shapely.get_coordinates(found.segmentize(0.1)) - (445000, 4864000)).T)
    assert radius.max() < 100 + 1e-6
    above = shapely.get_coordinates(found.segmentize(0.1))[:, 1] > 4864000 + 1e-6
    assert radius[above].min() > 100 - 0.004


@pytest.mark.parametrize("kind", ["CIRCULARSTRING", "COMPOUNDCURVE", "MULTICURVE"])
def test_curved_lines(tmp_path: Path, kind: str) -> None:
    arc = string_of([(444900, 4864000), (445000, 4864100), (445100, 4864000)], 8)
    content = {
        "CIRCULARSTRING": arc,
        "COMPOUNDCURVE": struct.pack("<BII", 1, 9, 1) + arc,
        "MULTICURVE": struct.pack("<BII", 1, 11, 1) + arc,
    }[kind]
    toml = project(tmp_path, '[layers.walls]\nfile = "x.gpkg"\n')
    gpkg(tmp_path / "x.gpkg", kind, content, srs=4551)
    assert open_city(toml).frame("walls").length.sum() == pytest.approx(math.pi * 100, rel=2e-5)


def test_the_step_of_arcs_is_ours_only_while_we_read(tmp_path: Path) -> None:
    before = pyogrio.get_gdal_config_option("OGR_ARC_STEPSIZE")
    read(gpkg(tmp_path / "x.gpkg", "CURVEPOLYGON", half_disc(445000, 4864000, 100), srs=4551))
    assert pyogrio.get_gdal_config_option("OGR_ARC_STEPSIZE") == before


GML = (
    '<ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" xmlns:gml="http://www.opengis.net/gml"><gml:featureMember><ogr:f><ogr:geom>'
    '<gml:{kind}><gml:{patches}><gml:{patch}><gml:exterior><gml:LinearRing><gml:posList srsDimension="3">0 0 0 1 0 0 0 1 0 0 0 0</gml:posList>'
    "</gml:LinearRing></gml:exterior></gml:{patch}></gml:{patches}></gml:{kind}></ogr:geom></ogr:f></gml:featureMember></ogr:FeatureCollection>"
)


@pytest.mark.parametrize(
    ("kind", "patches", "patch"),
    [("TriangulatedSurface", "trianglePatches", "Triangle"), ("PolyhedralSurface", "polygonPatches", "PolygonPatch")],
)
def test_surfaces_of_triangles_are_told(tmp_path: Path, kind: str, patches: str, patch: str) -> None:
    (tmp_path / "x.gml").write_text(GML.format(kind=kind, patches=patches, patch=patch))
    with pytest.raises(LayerError, match=r"x\.gml: holds surfaces of triangles or faces .* convert them to polygons"):
        read(tmp_path / "x.gml", crs="EPSG:4551")


@pytest.mark.parametrize("ending", ["parquet", "gpkg", "geojson", "fgb"])
def test_single_and_multi_parts_and_collections_mixed(tmp_path: Path, ending: str) -> None:
    """One part, two parts, and a collection of two polygons: 1 + 2 + 2 squares."""
    parts = [square(0.1 + 0.2 * n, 0.1, 0.1) for n in range(5)]
    shapes = [parts[0], shapely.MultiPolygon(parts[1:3]), shapely.GeometryCollection(parts[3:])]
    path = tmp_path / f"x.{ending}"
    if ending == "parquet":
        frame(*shapes).to_parquet(path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pyogrio.write_dataframe(frame(*shapes), path, geometry_type="Unknown")
    found = open_city(project(tmp_path, f'[layers.parks]\nfile = "{path.name}"\n')).frame("parks")
    assert sorted(found.geom_type) == ["MultiPolygon", "MultiPolygon", "Polygon"]
    single = gpd.GeoSeries(parts, crs="EPSG:4326").to_crs(found.crs)
    assert found.area.sum() == pytest.approx(single.area.sum(), rel=1e-9)


def test_points_of_many_parts(tmp_path: Path) -> None:
    both = frame(
        shapely.MultiPoint([(WEST + 0.001, SOUTH + 0.001), (WEST + 0.002, SOUTH + 0.002)]), shapely.Point(WEST + 0.003, SOUTH + 0.003)
    )
    both.to_parquet(tmp_path / "x.parquet")
    found = open_city(project(tmp_path, '[layers.transit_stops]\nfile = "x.parquet"\n')).frame("transit_stops")
    assert sorted(found.geom_type) == ["MultiPoint", "Point"]


# Columns.


def two_names(path: Path) -> Path:
    properties = {"Name": "A", "NAME": "B", "kind": 1}
    feature = {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(square(0.1, 0.1, 0.1))}
    if path.suffix == ".parquet":
        gpd.GeoDataFrame({key: [value] for key, value in properties.items()}, geometry=[square(0.1, 0.1, 0.1)], crs="EPSG:4326").to_parquet(
            path
        )
    else:
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


@pytest.mark.parametrize("ending", ["geojson", "parquet"])
def test_columns_that_differ_only_by_case(tmp_path: Path, ending: str) -> None:
    path = two_names(tmp_path / f"x.{ending}")
    with pytest.raises(OptionError, match="the columns Name, NAME differ only by case; say which is name: fields"):
        read(path)
    assert list(read(path, fields={"name": "NAME"})["name"]) == ["B"]
    assert list(read(path, fields={"name": "Name"})["name"]) == ["A"]
    with pytest.raises(OptionError, match="where cannot tell the columns Name, NAME apart"):
        read(path, fields={"name": "Name"}, where="NAME = 'B'")
    assert len(read(path, fields={"name": "Name"}, where="kind = 1")) == 1
    assert len(read(path, fields={"name": "Name"}, where="kind = 1 OR 'name' = 'x'")) == 1


def test_our_own_name_wins_over_another_case(tmp_path: Path) -> None:
    frame(square(0.1, 0.1, 0.1), NAME=["other"]).to_parquet(tmp_path / "x.parquet")
    assert list(read(tmp_path / "x.parquet")["name"]) == ["n0"]


ODD: dict[str, Any] = {
    "day": ([datetime.date(2020, 1, 2), None], "2020-01-02"),
    "time": (pd.to_datetime(["2020-01-02T03:04:05+08:00"] * 2), "2020-01-02T03:04:05+08:00"),
    "flag": ([True, None], "True"),
    "texts": ([["市", "b"], None], '["市", "b"]'),
    "numbers": ([[1, 2], None], "[1, 2]"),
    "table": ([{"a": "b"}, None], '{"a": "b"}'),
    "nested": ([{"a": {"b": [1.5]}}, None], '{"a": {"b": [1.5]}}'),
    "bytes": ([b"\x00\xff", None], "00ff"),
    "whole": (pd.array([7, None], dtype="Int64"), "7"),
    "kinds": (pd.Categorical(["u", None]), "u"),
}


@pytest.mark.parametrize("column", ODD)
def test_odd_columns_break_nothing(tmp_path: Path, column: str) -> None:
    """As a text, as a number, as an id, in a condition and in a table of values."""
    values, text = ODD[column]
    everything = {f"c_{name}": content for name, (content, _) in ODD.items()}
    frame(square(0.1, 0.1, 0.1), square(0.5, 0.1, 0.1), **everything).to_parquet(tmp_path / "x.parquet")
    specs = layer_specs()
    found = read(tmp_path / "x.parquet", fields={"name": f"c_{column}"})
    table, _ = typed(found, specs["parks"])
    assert table["name"][0] == text
    lanes, repairs = typed(read(tmp_path / "x.parquet", fields={"lanes": f"c_{column}"}, wanted=("lanes",)), specs["roads"])
    assert np.isnan(lanes["lanes"][1]) or column == "time"
    assert bool(repairs) == (column != "whole")
    assert len(read(tmp_path / "x.parquet", where=f"c_{column} IS NOT NULL")) == (2 if column == "time" else 1)
    mapped = read(tmp_path / "x.parquet", fields={"name": f"c_{column}"}, values={"name": {text: "ours"}})
    assert mapped["name"][0] == "ours"
    if column != "time":
        with pytest.raises(LayerError, match=f'1 of 2 features have no id in "c_{column}"'):
            read(tmp_path / "x.parquet", id=f"c_{column}")
    else:
        assert list(read(tmp_path / "x.parquet", id=f"c_{column}")["id"]) == [text, text]
    assert len(values) == 2


def test_figures_rest_on_the_small_city() -> None:
    assert square(0, 0).bounds == pytest.approx((WEST, SOUTH, WEST + STEP, SOUTH + STEP))


# Edits that lie beside a database.

WITHOUT_TRIGGERS = """
import os, sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
for name, in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
    base.execute(f'DROP TRIGGER "{name}"')
"""
LEFT = {
    "-wal": """
base.execute("PRAGMA journal_mode = wal")
base.execute("PRAGMA wal_autocheckpoint = 0")
base.execute("UPDATE parks SET name = 'new'")
os._exit(0)
""",
    "-journal": """
base.execute("PRAGMA cache_size = 1")
base.execute("PRAGMA cache_spill = 1")
base.execute("BEGIN")
base.execute("UPDATE parks SET name = 'half of an edit' || hex(randomblob(3000))")
os._exit(0)
""",
}


@pytest.mark.parametrize("ending", ["gpkg", "sqlite"])
@pytest.mark.parametrize("side", LEFT)
def test_reading_changes_no_database(tmp_path: Path, side: str, ending: str) -> None:
    """A program was killed: what it had finished counts, what it had not does not, and the files stay byte by byte as they are."""
    path = tmp_path / f"a.{ending}"
    frame(*[square(0.1, 0.1, 0.1)] * 40).to_file(path, layer="parks", driver="GPKG" if ending == "gpkg" else "SQLite")
    subprocess.run([sys.executable, "-c", WITHOUT_TRIGGERS + LEFT[side], str(path)], check=True)
    assert (tmp_path / f"{path.name}{side}").stat().st_size
    before = {part.name: part.read_bytes() for part in tmp_path.iterdir()}
    digest = fingerprint(path)
    found = read(path)
    assert set(found["name"]) == ({"new"} if side == "-wal" else {f"n{n}" for n in range(40)})
    assert {part.name: part.read_bytes() for part in tmp_path.iterdir()} == before
    assert fingerprint(path) == digest
    (tmp_path / f"{path.name}{side}").unlink()
    assert fingerprint(path) != digest


def test_a_database_that_is_being_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of one state and half of the next is no copy."""
    path = tmp_path / "a.gpkg"
    frame(square(0.1, 0.1, 0.1)).to_file(path, driver="GPKG")
    (tmp_path / "a.gpkg-wal").write_bytes(b"x")
    copyfile = shutil.copyfile

    def meanwhile(source: Path, target: Path) -> None:
        copyfile(source, target)
        with path.open("ab") as edited:
            edited.write(b"x")

    monkeypatch.setattr(shutil, "copyfile", meanwhile)
    with pytest.raises(SourceError, match="another program is writing it; save and close it there"):
        read(path)
