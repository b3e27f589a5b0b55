"""``city.toml`` works as written, every format gives the same frame, and the cache is never trusted."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from spatial import datum
from spatial.cache import CACHE_FOLDER
from spatial.city import City
from spatial.city_toml import parse_project
from spatial.errors import LayerError, OptionError, ProjectError, SourceError
from spatial.project import open_city
from spatial.sources.files import FileOptions, read_vector
from tests.small_city import BOX, SOUTH, STEP, WEST, districts, parks, project, square, write_osm, write_raster

WRITTEN = """
name = "哈尔滨"
crs = "auto"
date = "2024-04-09"
[osm]
file = "data/harbin.osm.pbf"
[layers.districts]
file = "data/districts.geojson"
id = "adcode"
name = "name"
datum = "gcj02"
[layers.boundary]
file = "data/boundary.geojson"
[layers.parks]
file = "data/parcels.shp"
where = "Level2_cn = '公园与绿地用地'"
merge = "replace"
fields = { name = "Name" }
values = { fee = { F = "yes", T = "no" } }
encoding = "gbk"
source = "规划局"
licence = "internal use"
date = "2023-12-31"
sensitivity = "internal"
[layers.roads]
file = "data/roads.fgb"
fields = { highway = "class" }
values = { oneway = { B = "no", F = "yes", T = "-1" } }
merge = "union"
[layers.population]
file = "data/population.tif"
field = "pop"
[layers.built_up]
file = "data/built_up.gpkg"
[scopes]
built_up_area = "built_up"
"""


def shifted(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The same frame as a map service of China would draw it."""
    moved = shapely.transform(frame.geometry.to_numpy(), lambda xy: np.column_stack(datum.wgs84_to_gcj02(xy[:, 0], xy[:, 1])))
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=frame.crs))


@pytest.fixture
def as_written(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    write_osm(data / "harbin.osm.pbf")
    shifted(districts()).to_file(data / "districts.geojson", driver="GeoJSON")
    gpd.GeoDataFrame(geometry=[square(0, 0, 2)], crs="EPSG:4326").to_file(data / "boundary.geojson", driver="GeoJSON")
    parcels = gpd.GeoDataFrame(
        {"Level2_cn": ["公园与绿地用地", "居住用地", "公园与绿地用地"], "Name": ["劳动公园", "小区", "街头绿地"], "fee": ["F", "F", "T"]},
        geometry=[square(0.2, 0.2, 0.1), square(1.2, 1.2, 0.1), square(1.5, 0.5, 0.1)],
        crs="EPSG:4326",
    ).to_crs("EPSG:4551")
    pyogrio.write_dataframe(parcels, data / "parcels.shp", encoding="GBK")
    (data / "parcels.cpg").unlink(missing_ok=True)  # received without it: city.toml must say the encoding
    ways = [shapely.LineString([(WEST + 0.001 * n, SOUTH), (WEST + 0.001 * n, SOUTH + STEP)]) for n in (1, 2, 3)]
    roads = gpd.GeoDataFrame(
        {"class": ["tertiary"] * 3, "oneway": ["B", "F", "T"], "width": [7.5, 8.0, 0.0]}, geometry=ways, crs="EPSG:4326"
    )
    pyogrio.write_dataframe(roads, data / "roads.fgb", driver="FlatGeobuf", SPATIAL_INDEX="NO")
    write_raster(data / "population.tif", np.full((10, 10), 25.0))
    gpd.GeoDataFrame(geometry=[square(0, 0, 1)], crs="EPSG:4326").to_file(data / "built_up.gpkg", driver="GPKG")
    path = tmp_path / "city.toml"
    path.write_text(WRITTEN, encoding="utf-8")
    return path


def test_city_toml_works_as_written(as_written: Path) -> None:
    city = open_city(as_written)
    assert city.name == "哈尔滨"
    assert city.crs.to_epsg() == 4551
    assert city.date == "2024-04-09"

    areas = city.areas()
    assert list(areas.ids[areas.is_area]) == ["220101", "220102", "220103", "220104"]
    assert "南关区" in list(areas.names)
    true = districts().to_crs(city.crs)
    moved = city.frame("districts")
    assert max(a.hausdorff_distance(b) for a, b in zip(true.geometry, moved.geometry, strict=True)) < 1e-5  # GCJ-02 is undone

    parks = city.layer("parks")
    assert list(parks.frame["name"]) == ["劳动公园", "街头绿地"]  # where, encoding and fields; the park of the extract gave way
    assert list(parks.frame["fee"]) == ["yes", "no"]
    assert parks.source == "规划局; internal use; 2023-12-31"
    assert parks.sensitivity == "internal"

    roads = city.layer("roads")
    assert roads.origin == "osm+local"
    local = roads.frame[~roads.frame["id"].str.startswith("w")]
    assert len(roads.frame) == 3 + 3
    assert list(local["oneway"]) == ["no", "yes", "-1"]
    assert list(local["highway"]) == ["tertiary"] * 3
    assert list(local["width"]) == [7.5, 8.0, 0.0]

    assert city.layer("population").raster.total == 2500
    assert city.scopes == {"built_up_area": "built_up"}
    assert {entry["layer"] for entry in city.inputs} == {
        "city.toml", "osm", "districts", "boundary", "parks", "roads", "population", "built_up",
    }  # fmt: skip


# Every format gives the same frame.


def places() -> gpd.GeoDataFrame:
    """Points, which every format can hold: ids with a leading zero, Chinese text, a number, an absent value."""
    points = [shapely.Point(WEST + 0.001 * n, SOUTH + 0.002 * n) for n in range(1, 5)]
    columns = {"code": ["007", "008", "009", "010"], "站名": ["南湖", "人民广场", "b'c", None], "runs": [3, 40, 5, 6]}
    return gpd.GeoDataFrame(columns, geometry=points, crs="EPSG:4326")


def write_csv(frame: gpd.GeoDataFrame, path: Path, **options: Any) -> None:
    table = pd.DataFrame(frame.drop(columns="geometry")).assign(x=frame.geometry.x, y=frame.geometry.y)
    table.to_csv(path, index=False, **options)


def write_zip(frame: gpd.GeoDataFrame, path: Path, inside: str = "") -> None:
    folder = path.parent / "zipped"
    folder.mkdir()
    pyogrio.write_dataframe(frame, folder / "stops.shp", encoding="UTF-8")
    with zipfile.ZipFile(path, "w") as archive:
        for part in folder.iterdir():
            archive.write(part, f"{inside}{part.name}")
    shutil.rmtree(folder)


def write_gpkg_with_styles(frame: gpd.GeoDataFrame, path: Path) -> None:
    """As QGIS saves it: a second table, which is no layer."""
    frame.to_file(path, layer="stops", driver="GPKG")
    pyogrio.write_dataframe(pd.DataFrame({"styleName": ["x"]}), path, layer="layer_styles", driver="GPKG", append=True)


Write = Callable[[gpd.GeoDataFrame, Path], None]
FORMATS: dict[str, tuple[str, str, Write]] = {
    "geojson": ("stops.geojson", "", lambda f, p: f.to_file(p, driver="GeoJSON")),
    "gpkg": ("stops.gpkg", "", write_gpkg_with_styles),
    "gdb": ("stops.gdb", "", lambda f, p: pyogrio.write_dataframe(f.astype({"runs": "int32"}), p, driver="OpenFileGDB", layer="stops")),
    "shp": ("stops.shp", "", lambda f, p: pyogrio.write_dataframe(f, p, encoding="UTF-8")),
    "shp in capitals": ("STOPS.SHP", "", lambda f, p: _in_capitals(f, p)),
    "shp gbk": ("stops.shp", 'encoding = "gbk"', lambda f, p: pyogrio.write_dataframe(f, p, encoding="GBK")),
    "zip": ("stops.zip", "", write_zip),
    "zip with a folder": ("stops.zip", "", lambda f, p: write_zip(f, p, "规划/")),
    "fgb": ("stops.fgb", "", lambda f, p: pyogrio.write_dataframe(f, p, driver="FlatGeobuf", SPATIAL_INDEX="NO")),
    "parquet": ("stops.parquet", "", lambda f, p: f.to_parquet(p)),
    "parquet in metres": ("stops.parquet", "", lambda f, p: f.to_crs("EPSG:4551").to_parquet(p)),
    "csv": ("stops.csv", 'crs = "EPSG:4326"', write_csv),
    "csv gbk": ("stops.csv", 'crs = "EPSG:4326"', lambda f, p: write_csv(f, p, encoding="gbk")),
    "csv with bom": ("stops.csv", 'crs = "EPSG:4326"', lambda f, p: write_csv(f, p, encoding="utf-8-sig", sep=";")),
    "tsv": ("stops.tsv", 'crs = "EPSG:4326"', lambda f, p: write_csv(f, p, sep="\t")),
    "csv named": ("stops.csv", 'crs = "EPSG:4326"\nx = "东"\ny = "北"', lambda f, p: _renamed_csv(f, p)),
}


def _in_capitals(frame: gpd.GeoDataFrame, path: Path) -> None:
    pyogrio.write_dataframe(frame, path.with_suffix(".shp"), encoding="UTF-8")
    for part in path.parent.glob("STOPS.*"):
        part.rename(part.with_name(part.name.upper()))


def _renamed_csv(frame: gpd.GeoDataFrame, path: Path) -> None:
    write_csv(frame, path)
    path.write_text(path.read_text("utf-8").replace(",x,y", ",东,北"), encoding="utf-8")


def stops(folder: Path, kind: str) -> City:
    name, needed, write = FORMATS[kind]
    path = project(folder, f'[layers.transit_stops]\nfile = "data/{name}"\nid = "code"\nname = "站名"\n{needed}\n')
    write(places(), folder / "data" / name)
    return open_city(path)


def present(values: pd.Series) -> list[str | None]:
    """Text; an absent one is empty in some formats."""
    return [value if isinstance(value, str) and value else None for value in values]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_frame(tmp_path: Path, kind: str) -> None:
    city = stops(tmp_path, kind)
    found, wanted = city.frame("transit_stops"), places().to_crs(city.crs)
    assert list(found["id"]) == list(wanted["code"])
    assert present(found["name"]) == present(wanted["站名"])
    assert max(a.distance(b) for a, b in zip(found.geometry, wanted.geometry, strict=True)) < 1e-3


CONDITIONS = {
    "runs >= 5 AND runs < 40": ["009", "010"],
    "runs IN (3, 40)": ["007", "008"],
    "站名 = '南湖'": ["007"],
    "code = '009'": ["009"],
    "\"站名\" LIKE '人民%' OR code = '007'": ["007", "008"],
    "站名 = 'b''c'": ["009"],
    "站名 IS NULL OR 站名 = ''": ["010"],
}


@pytest.mark.parametrize("kind", FORMATS)
def test_where_is_ogr_sql_for_every_format(tmp_path: Path, kind: str) -> None:
    name, _, write = FORMATS[kind]
    write(places(), tmp_path / name)
    encoding = "gbk" if kind == "shp gbk" else None
    x, y = ("东", "北") if kind == "csv named" else (None, None)
    crs = "EPSG:4326" if ".csv" in name or ".tsv" in name else None
    for where, ids in CONDITIONS.items():
        options = FileOptions(where=where, id="code", encoding=encoding, crs=crs, x=x, y=y)
        assert list(read_vector(tmp_path / name, options, where="stops", wanted=("name",))["id"]) == ids, where
    with pytest.raises(OptionError, match="is not a condition on its columns"):
        read_vector(tmp_path / name, FileOptions(where="nope = 1", crs=crs, x=x, y=y), where="stops", wanted=("name",))


def test_dxf_needs_a_crs_and_gives_closed_lines_as_polygons(tmp_path: Path) -> None:
    ring = shapely.LineString(shapely.get_coordinates(districts().to_crs("EPSG:4551").geometry.iloc[0]))
    open_ = shapely.LineString([(450000, 4860000), (450100, 4860000)])
    path = project(tmp_path, '[layers.parks]\nfile = "data/plan.dxf"\ncrs = "EPSG:4551"\nwhere = "Layer = \'0\'"\non_invalid = "drop"')
    drawing = gpd.GeoDataFrame({"Layer": ["0", "0"]}, geometry=[ring, open_], crs="EPSG:4551")
    pyogrio.write_dataframe(drawing, tmp_path / "data" / "plan.dxf", driver="DXF")
    parks = open_city(path).frame("parks")
    assert list(parks.geom_type) == ["Polygon"]
    assert parks.geometry.iloc[0].hausdorff_distance(ring) < 1e-3
    path.write_text(path.read_text("utf-8").replace('crs = "EPSG:4551"', ""), encoding="utf-8")
    with pytest.raises(ValueError, match=r"plan\.dxf: has no CRS; state it"):
        open_city(path)


def test_several_layers_in_one_file(tmp_path: Path) -> None:
    path = project(tmp_path, '[layers.transit_stops]\nfile = "data/all.gpkg"\n')
    for name in ("stops", "站点"):
        places().to_file(tmp_path / "data" / "all.gpkg", layer=name, driver="GPKG")
    with pytest.raises(OptionError, match=r'holds 2 layers; name one: layer = "stops" \(there are stops, 站点\)'):
        open_city(path)
    path.write_text(path.read_text("utf-8") + 'layer = "站点"', encoding="utf-8")
    assert len(open_city(path).frame("transit_stops")) == 4


def test_a_table_without_geometry_is_no_layer(tmp_path: Path) -> None:
    path = project(tmp_path, '[layers.parks]\nfile = "data/table.gpkg"')
    pyogrio.write_dataframe(pd.DataFrame({"a": [1]}), tmp_path / "data" / "table.gpkg", layer="t", driver="GPKG")
    with pytest.raises(LayerError, match="holds no geometry, only a table"):
        open_city(path)


# Keys.


@pytest.mark.parametrize("kind", ["gcj02", "bd09"])
def test_a_declared_datum_is_undone(tmp_path: Path, kind: str) -> None:
    forward = {"gcj02": datum.wgs84_to_gcj02, "bd09": datum.wgs84_to_bd09}[kind]
    path = project(tmp_path, f'[layers.transit_stops]\nfile = "data/stops.csv"\ndatum = "{kind}"')
    true = places()
    lon, lat = forward(true.geometry.x.to_numpy(), true.geometry.y.to_numpy())
    write_csv(true.set_geometry(gpd.points_from_xy(lon, lat), crs="EPSG:4326"), tmp_path / "data" / "stops.csv")
    city = open_city(path)
    found, wanted = city.frame("transit_stops").geometry, true.to_crs(city.crs).geometry
    assert max(a.distance(b) for a, b in zip(found, wanted, strict=True)) < 1e-5
    assert np.hypot(lon - true.geometry.x, lat - true.geometry.y).min() > 1e-3  # the shift is hundreds of metres


def test_cgcs2000_is_where_wgs84_is(tmp_path: Path) -> None:
    path = project(tmp_path, '[layers.transit_stops]\nfile = "data/stops.csv"\ndatum = "cgcs2000"\ncrs = "EPSG:4490"')
    write_csv(places(), tmp_path / "data" / "stops.csv")
    city = open_city(path)
    wanted = places().to_crs(city.crs).geometry
    assert max(a.distance(b) for a, b in zip(city.frame("transit_stops").geometry, wanted, strict=True)) < 1e-3


def test_merge(tmp_path: Path) -> None:
    one = gpd.GeoDataFrame({"name": ["新公园"]}, geometry=[square(1.5, 1.5, 0.1)], crs="EPSG:4326")
    path = project(tmp_path, "", layers={"parks": one}, osm=True)
    assert list(open_city(path).frame("parks")["name"]) == ["新公园"]
    path.write_text(path.read_text("utf-8") + 'merge = "union"\n', encoding="utf-8")
    parks = open_city(path).layer("parks")
    assert sorted(parks.frame["name"]) == ["南湖公园", "新公园"]
    assert parks.origin == "osm+local"


def test_defaults(tmp_path: Path) -> None:
    path = project(tmp_path / "长春", osm=True)
    path.write_text('[osm]\nfile = "data/city.osm"\n[layers.districts]\nfile = "data/districts.geojson"\n', encoding="utf-8")
    city = open_city(tmp_path / "长春")
    assert city.name == "长春"
    assert city.date == "2024-04-09"  # the newest edit of the extract
    assert city.crs.to_epsg() == 4551
    assert shapely.bounds(city.data_extent)[0] == pytest.approx(shapely.bounds(city.frame("districts").union_all())[0], abs=0.5)
    assert list(city.frame("districts")["id"]) == ["0", "1", "2", "3"]
    assert list(city.frame("districts")["name"]) == ["南关区", "朝阳区", "宽城区", "绿园区"]


@pytest.mark.parametrize(
    ("text", "day"), [("2024-04-09", "2024-04-09"), ('"2024-04-09"', "2024-04-09"), ("2024-04-09T08:00:00Z", "2024-04-09")]
)
def test_date(tmp_path: Path, text: str, day: str) -> None:
    path = project(tmp_path)
    path.write_text(f'date = {text}\n[layers.districts]\nfile = "data/districts.geojson"\n')
    assert parse_project(path).date == day


def test_local_layers_only(tmp_path: Path) -> None:
    city = open_city(project(tmp_path))
    assert city.data_extent is None
    assert city.date == ""
    assert city.layer("roads").origin == "absent"
    assert len(city.areas()) == 5


def test_nothing_to_report_by(tmp_path: Path) -> None:
    path = project(tmp_path, "", layers={"parks": gpd.GeoDataFrame(geometry=[square(0, 0)], crs="EPSG:4326")})
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("[layers.districts]")] + text[text.index("[layers.parks]") :], encoding="utf-8")
    city = open_city(path)
    with pytest.raises(ProjectError, match=r"nothing to report by"):
        city.areas()
    assert len(city.areas("parks")) == 2  # --by: the park and the whole


def test_only_a_boundary(tmp_path: Path) -> None:
    path = project(tmp_path, "", layers={"boundary": gpd.GeoDataFrame(geometry=[square(0, 0)], crs="EPSG:4326")})
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("[layers.districts]")] + text[text.index("[layers.boundary]") :], encoding="utf-8")
    assert list(open_city(path).areas().ids) == ["city"]


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project(tmp_path / "plan")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(open_city(Path("..") / "plan").frame("districts")) == 4
    assert len(open_city(path).frame("districts")) == 4


def test_a_users_declaration_is_part_of_the_inputs(tmp_path: Path) -> None:
    path = project(tmp_path, osm=True)
    before = open_city(path)
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "parks.toml").write_text('geometry = "polygon"\n[osm]\nmatch = [{ landuse = ["residential"] }]\n')
    after = open_city(path)
    assert len(before.frame("parks")) == len(after.frame("parks")) == 1
    assert before.frame("parks")["id"][0] != after.frame("parks")["id"][0]
    assert before.inputs != after.inputs


def test_a_users_reference_table_is_part_of_the_inputs(tmp_path: Path) -> None:
    path = project(tmp_path, osm=True)
    before = open_city(path).inputs
    (tmp_path / "facilities.toml").write_text("[communities]\ncovered_from = 0.8\n")
    (tmp_path / "notes.toml").write_text("whatever = 1\n")
    added = [entry for entry in open_city(path).inputs if entry not in before]
    assert [(entry["layer"], entry["file"]) for entry in added] == [("data", "facilities.toml")]


def test_data_extent_of_the_box(tmp_path: Path) -> None:
    path = project(tmp_path)
    text = path.read_text("utf-8")
    path.write_text(f"data_extent = [{BOX[0]}, {BOX[1]}, {BOX[0] + STEP / 2}, {BOX[3]}]\n{text}", encoding="utf-8")
    coverage = open_city(path).areas().covered_by(open_city(path).data_extent).coverage
    assert coverage[:4] == pytest.approx([0.5, 0.0, 0.5, 0.0], abs=1e-3)


# Cache.


def everything(city: City) -> dict[str, gpd.GeoDataFrame]:
    return {name: layer.frame for name, layer in city.layers.items() if layer.frame is not None}


def assert_same(one: City, other: City) -> None:
    frames, others = everything(one), everything(other)
    assert frames.keys() == others.keys()
    for name, frame in frames.items():
        assert_geodataframe_equal(frame, others[name])
        assert list(frame.dtypes) == list(others[name].dtypes)
    assert (one.date, one.crs, one.inputs) == (other.date, other.crs, other.inputs)


def rebuilt(city: City) -> bool:
    return any("a damaged cache entry was rebuilt" in notice.en for notice in city.notices)


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    """A project with an extract and a local layer that needed a repair."""
    bowtie = shapely.Polygon([(125.301, 43.901), (125.303, 43.903), (125.303, 43.901), (125.301, 43.903)])
    frame = gpd.GeoDataFrame({"name": ["a", None]}, geometry=[bowtie, square(1.5, 1.5, 0.1)], crs="EPSG:4326")
    return project(tmp_path, 'on_invalid = "repair"', layers={"parks": frame}, osm=True)


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the inputs that were really read, in order."""
    import spatial.cache

    read: list[str] = []
    read_osm, read_vector = spatial.cache.read_osm, spatial.cache.read_vector

    def osm(path: Path, *args: Any, **kwargs: Any) -> Any:
        read.append("osm")
        return read_osm(path, *args, **kwargs)

    def vector(path: Path, *args: Any, **kwargs: Any) -> Any:
        read.append(path.stem)
        return read_vector(path, *args, **kwargs)

    monkeypatch.setattr(spatial.cache, "read_osm", osm)
    monkeypatch.setattr(spatial.cache, "read_vector", vector)
    return read


def test_the_second_read_is_from_the_cache_and_equal(cached: Path, readers: list[str]) -> None:
    plain = open_city(cached, cache=False)
    assert not (cached.parent / CACHE_FOLDER).exists()
    first = open_city(cached)
    assert readers == ["osm", "districts", "parks"] * 2
    second = open_city(cached)
    assert len(readers) == 6
    assert_same(plain, first)
    assert_same(first, second)
    assert first.notices == second.notices  # the repairs are told again
    assert any("repaired" in notice.en for notice in second.notices)


def test_a_changed_input_is_read_again(cached: Path, readers: list[str]) -> None:
    open_city(cached)
    readers.clear()
    moved = districts().assign(name=["甲", "乙", "丙", "丁"])
    (cached.parent / "data" / "districts.geojson").write_text(moved.to_json(drop_id=True), encoding="utf-8")
    assert list(open_city(cached).frame("districts")["name"]) == ["甲", "乙", "丙", "丁"]
    assert readers == ["districts"]


def test_a_changed_option_is_read_again(cached: Path, readers: list[str]) -> None:
    open_city(cached)
    readers.clear()
    cached.write_text(cached.read_text("utf-8").replace('"repair"', '"drop"'), encoding="utf-8")
    assert len(open_city(cached).frame("parks")) == 1
    assert readers == ["parks"]


def test_a_changed_side_file_is_read_again(tmp_path: Path, readers: list[str]) -> None:
    """The attributes of a Shapefile stand beside it; edits of an open GeoPackage stand in its -wal."""
    path = project(tmp_path, '[layers.parks]\nfile = "data/PARKS.SHP"\n[layers.green]\nfile = "data/green.gpkg"')
    data = tmp_path / "data"
    frame = gpd.GeoDataFrame({"name": ["old"]}, geometry=[square(0.2, 0.2, 0.1)], crs="EPSG:4326")
    frame.to_file(data / "green.gpkg", driver="GPKG")

    def shape(name: str) -> None:
        pyogrio.write_dataframe(frame.assign(name=name), data / "x.shp")
        for part in data.glob("x.*"):
            part.rename(data / f"PARKS{part.suffix.upper()}")

    shape("old")
    open_city(path)
    shape("new")
    assert list(open_city(path).frame("parks")["name"]) == ["new"]
    readers.clear()
    editor = sqlite3.connect(data / "green.gpkg", isolation_level=None)
    try:
        editor.execute("PRAGMA journal_mode = WAL")
        open_city(path)
        editor.execute("DROP TRIGGER IF EXISTS rtree_green_geom_update1")
        for (trigger,) in editor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            editor.execute(f'DROP TRIGGER "{trigger}"')
        editor.execute("UPDATE green SET name = 'new'")
        assert list(open_city(path).frame("green")["name"]) == ["new"]
    finally:
        editor.close()


def damage(folder: Path, how: str) -> None:
    parquet = sorted(folder.glob("*.parquet"))[0]
    manifest = folder / "manifest.json"
    if how == "truncated":
        parquet.write_bytes(parquet.read_bytes()[:100])
    elif how == "flipped":
        content = bytearray(parquet.read_bytes())
        content[len(content) // 2] ^= 0xFF
        parquet.write_bytes(bytes(content))
    elif how == "deleted":
        parquet.unlink()
    elif how == "broken manifest":
        manifest.write_text("{")
    elif how == "empty manifest":
        manifest.write_text("")
    elif how == "another manifest":
        manifest.write_text("[1, 2]")
    elif how == "no manifest":
        manifest.unlink()
    elif how == "altered manifest":  # a byte of the kept box or of a counted repair
        text = manifest.read_text("utf-8")
        assert '"count": 1' in text or "125.3" in text
        manifest.write_text(text.replace("125.3", "126.3").replace('"count": 1', '"count": 7'))


@pytest.mark.parametrize(
    "how", ["truncated", "flipped", "deleted", "broken manifest", "empty manifest", "another manifest", "no manifest", "altered manifest"]
)
def test_a_damaged_cache_is_rebuilt_with_a_notice(cached: Path, readers: list[str], how: str) -> None:
    first = open_city(cached)
    readers.clear()
    for entry in (cached.parent / CACHE_FOLDER).iterdir():
        if how != "altered manifest" or any(word in (entry / "manifest.json").read_text("utf-8") for word in ("125.3", '"count": 1')):
            damage(entry, how)
    second = open_city(cached)
    assert rebuilt(second)
    assert readers
    assert_same(first, second)
    readers.clear()
    third = open_city(cached)
    assert not rebuilt(third)
    assert not readers


def test_a_cache_that_cannot_be_written_is_only_a_notice(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_city(cached, cache=False)

    def refused(*args: Any, **kwargs: Any) -> str:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("spatial.cache.tempfile.mkdtemp", refused)
    second = open_city(cached)
    assert any("the cache cannot be written" in notice.en for notice in second.notices)
    assert_same(first, second)


def test_a_file_where_the_cache_should_be(cached: Path) -> None:
    (cached.parent / CACHE_FOLDER).write_text("not a folder")
    city = open_city(cached)
    assert any("no cache is used: .spatial-cache is a file, not a folder" in notice.en for notice in city.notices)
    assert (cached.parent / CACHE_FOLDER).read_text() == "not a folder"


def test_the_cache_stays_small_and_clean(cached: Path) -> None:
    folder = cached.parent / CACHE_FOLDER
    open_city(cached)
    left = folder / ".part-a1b2c3d4"
    left.mkdir()
    os.utime(left, (0, 0))
    fresh = folder / ".part-e5f6g7h8"
    fresh.mkdir()
    for number in range(60):
        entry = folder / f"{number:024x}"
        entry.mkdir()
        (entry / "manifest.json").write_text("{}", encoding="utf-8")
        os.utime(entry, (number, number))
    (folder / "thesis").mkdir()  # of the user's, who is free to keep things where he likes
    os.utime(folder / "thesis", (0, 0))
    cached.write_text(cached.read_text("utf-8").replace('"repair"', '"drop"'), encoding="utf-8")
    open_city(cached)
    names = {entry.name for entry in folder.iterdir()}
    assert left.name not in names
    assert {fresh.name, "thesis"} <= names
    assert len(names) < 30


def _open(path: str, number: int) -> tuple[int, float]:
    city = open_city(Path(path))
    return len(city.frame("roads")), float(city.frame("parks").area.sum())


@pytest.mark.parametrize("damaged", [False, True])
def test_two_runs_at_once(cached: Path, damaged: bool) -> None:
    first = open_city(cached, cache=False)
    if damaged:
        open_city(cached)
        for entry in (cached.parent / CACHE_FOLDER).iterdir():
            damage(entry, "truncated")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(_open, [(str(cached), n) for n in range(4)])
    wanted = (len(first.frame("roads")), float(first.frame("parks").area.sum()))
    assert found == [wanted] * 4
    assert not rebuilt(open_city(cached))


def test_an_unreadable_input_leaves_no_cache_entry(cached: Path) -> None:
    (cached.parent / "data" / "city.osm").write_text("<osm>")
    with pytest.raises(SourceError):
        open_city(cached)
    assert not (cached.parent / CACHE_FOLDER).exists()


def test_local_layers_that_fill_the_city_tell_how_far_the_data_reach(tmp_path: Path) -> None:
    """Districts reach far beyond the roads: what lies beyond is no data, never 0."""
    roads = gpd.GeoDataFrame(
        {"highway": ["residential"] * 8},
        geometry=[shapely.LineString([(125.301 + k / 1000, 43.901), (125.301 + k / 1000, 43.909)]) for k in range(8)],
        crs="EPSG:4326",
    )
    for name, frame in {"districts": districts(), "roads": roads}.items():
        frame.to_file(tmp_path / f"{name}.geojson")
    (tmp_path / "city.toml").write_text(
        '[layers.districts]\nfile = "districts.geojson"\nid = "adcode"\n[layers.roads]\nfile = "roads.geojson"\n', encoding="utf-8"
    )
    from spatial.measurement import measure

    city = open_city(tmp_path)
    assert city.data_extent is not None
    table = measure(city, ["built_up_area", "road_network_density"]).table
    far = table[table.area_id == "220104"]
    assert (far.status == "no_data").all()
    assert (far.coverage == 0).all()


@pytest.mark.parametrize(
    ("inset", "covered"),
    [
        (0.0, 1.0),
        (0.0003, 1.0),  # 1.5 % of the city's width of 0.02°: the last parcel ends a little inside the outline
        (0.002, 0.9),  # 10 %: the layer ends there
    ],
)
def test_a_layer_that_ends_a_little_inside_the_outline_is_complete(tmp_path: Path, inset: float, covered: float) -> None:
    west, south, east, north = BOX
    parcels = gpd.GeoDataFrame({"landuse": ["residential"]}, geometry=[shapely.box(west + inset, south, east, north)], crs="EPSG:4326")
    from spatial.areas import Areas

    city = open_city(project(tmp_path, layers={"landuse": parcels}))
    areas: Areas = city.areas().covered_by(city.layer("landuse").extent)
    city_row = list(areas.ids).index("city")
    assert areas.coverage[city_row] == pytest.approx(covered, abs=0.01)  # a box in degrees is not quite one in metres
    outline = shapely.union_all(city.frame("districts").geometry.to_numpy())
    assert shapely.covers(shapely.buffer(city.data_extent, 1e-6), outline) == (covered == 1.0)


def test_each_side_is_judged_by_itself_and_a_stated_extent_stays(tmp_path: Path) -> None:
    """1 % short in the west, half the city short in the north: only the west reaches the edge."""
    west, south, east, north = BOX
    box = shapely.box(west + 0.0002, south, east, north - 0.01)
    parcels = gpd.GeoDataFrame({"landuse": ["residential"]}, geometry=[box], crs="EPSG:4326")
    path = project(tmp_path, layers={"landuse": parcels})
    city = open_city(path)
    bounds = city.frame("districts").total_bounds
    reach = shapely.bounds(city.layer("landuse").extent)
    assert reach[0] == bounds[0]
    assert reach[3] == pytest.approx(city.frame("landuse").total_bounds[3])
    assert reach[3] < bounds[3] - 1000
    path.write_text(f"data_extent = [{west + 0.0002}, {south}, {east}, {north}]\n" + path.read_text("utf-8"), encoding="utf-8")
    stated = open_city(path)
    assert stated.layer("landuse").extent.equals(stated.data_extent)
    assert shapely.bounds(stated.data_extent)[0] > bounds[0] + 10


ELEVATION = '[layers.elevation]\nfile = "data/dem.tif"\nsource = "SRTM"\n'


def test_elevation_is_a_surface_that_is_part_of_the_inputs(tmp_path: Path) -> None:
    # 100 m in the west, 10 m more a column of 0.002°; a point in the middle of the fourth column has 130 m.
    path = project(tmp_path, ELEVATION, osm=True)
    write_raster(tmp_path / "data" / "dem.tif", np.tile(100 + 10.0 * np.arange(10), (10, 1)))
    city = open_city(path)
    layer = city.layer("elevation")
    assert (layer.origin, layer.source, layer.missing) == ("local", "SRTM", None)
    (place,) = gpd.GeoSeries([shapely.Point(WEST + 0.007, SOUTH + STEP)], crs="EPSG:4326").to_crs(city.crs)
    assert layer.raster.sample(np.array([[place.x, place.y]]), city.crs) == pytest.approx([130], abs=1e-3)
    before = {entry["layer"]: entry["sha256"] for entry in city.inputs}
    write_raster(tmp_path / "data" / "dem.tif", np.tile(100 + 11.0 * np.arange(10), (10, 1)))
    after = {entry["layer"]: entry["sha256"] for entry in open_city(path).inputs}
    assert {name for name in before if before[name] != after[name]} == {"elevation"}
    assert "elevation" in repr(city)


def test_without_elevation_the_layer_is_absent(tmp_path: Path) -> None:
    layer = open_city(project(tmp_path, osm=True)).layer("elevation")
    assert layer.raster is None
    assert layer.missing is not None


def test_gates_and_walls_come_from_the_cache_as_they_were_read(tmp_path: Path) -> None:
    path = project(tmp_path, '[osm]\nfile = "data/c.osm"\n')
    corners = [(WEST, SOUTH), (WEST + STEP, SOUTH), (WEST + STEP, SOUTH + STEP), (WEST, SOUTH + STEP)]
    nodes = "".join(f'<node id="{n}" lon="{x}" lat="{y}"/>' for n, (x, y) in enumerate(corners, 2))
    gate = f'<node id="1" lon="{WEST + 0.001}" lat="{SOUTH}"><tag k="barrier" v="gate"/><tag k="access" v="private"/></node>'
    refs = "".join(f'<nd ref="{n}"/>' for n in (2, 1, 3, 4, 5, 2))
    wall = f'<way id="7">{refs}<tag k="barrier" v="wall"/><tag k="height" v="2 m"/></way>'
    west, south, east, north = BOX
    bounds = f'<bounds minlon="{west}" minlat="{south}" maxlon="{east}" maxlat="{north}"/>'
    (tmp_path / "data" / "c.osm").write_text(f'<osm version="0.6">{bounds}{gate}{nodes}{wall}</osm>', encoding="utf-8")
    first, second = open_city(path), open_city(path)
    assert first.frame("gates")["id"].tolist() == ["n1"]
    assert first.frame("walls")["height"].tolist() == [2.0]
    for name in ("gates", "walls"):
        assert_geodataframe_equal(first.frame(name), second.frame(name))


def test_gates_walls_and_a_surface_in_memory(tmp_path: Path) -> None:
    """A wall with a gate, and heights of 7 m everywhere."""
    wall = gpd.GeoDataFrame({"barrier": ["wall"]}, geometry=[shapely.LineString([(WEST, SOUTH), (WEST + STEP, SOUTH)])], crs="EPSG:4326")
    gate = gpd.GeoDataFrame({"id": ["g"], "barrier": ["gate"]}, geometry=[shapely.Point(WEST + STEP / 2, SOUTH)], crs="EPSG:4326")
    path = write_raster(tmp_path / "dem.tif", np.full((4, 4), 7.0))
    city = City.from_layers(districts=districts().rename(columns={"adcode": "id"}), walls=wall, gates=gate, elevation=path)
    assert city.frame("gates").loc[0, ["id", "barrier"]].tolist() == ["g", "gate"]
    assert city.frame("gates")["locked"].isna().all()
    assert city.frame("walls").geometry.distance(city.frame("gates").geometry.iloc[0]).max() < 0.05
    centre = city.frame("districts").union_all()
    layer = city.layer("elevation")
    assert layer.raster.sample(shapely.get_coordinates(shapely.centroid(centre)), city.crs) == pytest.approx([7.0])
    assert layer.missing is None
    with pytest.raises(LayerError, match="elevation: is read from a raster, never from features"):
        City.from_layers(districts=districts().rename(columns={"adcode": "id"}), elevation=gate)
    far = write_raster(tmp_path / "far.tif", np.ones((4, 4)), bounds=(10, 10, 11, 11))
    with pytest.raises(LayerError, match=r"elevation: .*far\.tif: the raster does not meet the city"):
        City.from_layers(districts=districts().rename(columns={"adcode": "id"}), elevation=str(far))
    with pytest.raises(LayerError, match="walls: needs a GeoDataFrame"):
        City.from_layers(districts=districts().rename(columns={"adcode": "id"}), walls=str(path))


def test_only_a_file_that_is_said_to_be_made_up_goes_without_the_notice_of_openstreetmap(tmp_path):
    path = project(tmp_path, 'synthetic = "made up"', osm=True)
    text = path.read_text(encoding="utf-8")
    path.write_text('synthetic = "made up"\n' + text.replace('\nsynthetic = "made up"', ""), encoding="utf-8")
    assert open_city(path).attribution == "made up · © OpenStreetMap contributors, ODbL"
    path.write_text(path.read_text(encoding="utf-8").replace("[osm]\n", "[osm]\nmade_up = true\n"), encoding="utf-8")
    assert open_city(path).attribution == "made up"
    path.write_text(path.read_text(encoding="utf-8").replace('synthetic = "made up"\n', ""), encoding="utf-8")
    with pytest.raises(ProjectError, match="made_up is for data"):
        open_city(path)


@pytest.mark.parametrize(
    ("options", "carries"),
    [
        ('source = "OpenStreetMap, Geofabrik"', True),
        ('licence = "ODbL 1.0"', True),
        ('id = "osm_id"', True),
        ('source = "city survey"', False),
    ],
)
def test_a_local_cut_of_openstreetmap_carries_its_notice(tmp_path: Path, options: str, carries: bool) -> None:
    path = project(tmp_path, f'[layers.parks]\nfile = "data/p.geojson"\n{options}')
    (tmp_path / "data" / "p.geojson").write_text(parks().assign(osm_id=["1", "2"]).to_json(drop_id=True), encoding="utf-8")
    assert ("© OpenStreetMap contributors, ODbL" in open_city(path).attribution) == carries
