"""Files that are damaged, made to harm, or merely unusual: each is read whole or refused with a reason, and the process lives."""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet

from spatial.errors import CRSError, LayerError, OptionError, SourceError
from spatial.layers import layer_specs
from spatial.sources.files import read_vector
from spatial.sources.options import FileOptions
from spatial.sources.osm import read_osm

SQUARES = [shapely.box(125.30 + 0.01 * x, 43.90, 125.305 + 0.01 * x, 43.905) for x in range(6)]


def read(path: Path, **options: object) -> gpd.GeoDataFrame:
    return read_vector(path, FileOptions(**options), where="parks", wanted=("name", "code"))


def squares(**columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"code": [f"G{row}" for row in range(6)], **columns}, geometry=SQUARES, crs="EPSG:4326")


def nested_wkb(deep: int, order: str = "<") -> bytes:
    mark = b"\1" if order == "<" else b"\0"
    return (mark + struct.pack(f"{order}II", 7, 1)) * deep + mark + struct.pack(f"{order}Idd", 1, 125.3, 43.9)


def table(tmp_path: Path, *rows: str, head: str = "code,geom") -> Path:
    path = tmp_path / "p.csv"
    path.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return path


def test_an_outline_of_many_corners_in_a_table(tmp_path: Path) -> None:
    circle = shapely.Point(125.3, 43.9).buffer(0.01, quad_segs=1000)
    assert len(circle.wkt) > 131_072
    got = read(table(tmp_path, f'G1,"{circle.wkt}"'), geometry="geom", crs="EPSG:4326")
    assert shapely.get_num_coordinates(got.geometry[0]) == 4001


@pytest.mark.parametrize(
    "value",
    [nested_wkb(100_000).hex(), nested_wkb(100_000, ">").hex(), "GEOMETRYCOLLECTION(" * 100_000 + "POINT(1 2)" + ")" * 100_000],
    ids=["wkb", "wkb of the other order", "wkt"],
)
def test_geometries_nested_without_end_in_a_table(tmp_path: Path, value: str) -> None:
    with pytest.raises(SourceError, match=r"1 geometries lie more than 32 deep inside one another \(rows 1\)"):
        read(table(tmp_path, f'G1,"{value}"'), geometry="geom", crs="EPSG:4326")


def test_geometries_nested_without_end_in_geoparquet(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    squares().to_parquet(path)
    whole = parquet.read_table(path)
    at = whole.schema.get_field_index("geometry")
    for deep in (200_000, 20):
        values = [*whole.column(at).to_pylist()[:-1], nested_wkb(deep)]
        parquet.write_table(whole.set_column(at, whole.schema.field(at), pa.array(values)), path, compression="zstd")
        if deep > 32:
            with pytest.raises(SourceError, match=r"more than 32 deep inside one another \(rows 5\)"):
                read(path)
    assert shapely.get_num_coordinates(np.asarray(read(path).geometry)).tolist() == [5, 5, 5, 5, 5, 1]


def test_srids_of_a_table(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match=r'1 of 2 places in "geom" say no SRID while others say 4490 \(rows 2\)'):
        read(table(tmp_path, "G1,SRID=4490;POINT(125.3 43.9)", "G2,POINT(125.3 43.9)"), geometry="geom")
    with pytest.raises(CRSError, match='the SRID in "geom": crs "EPSG:99999" is not known'):
        read(table(tmp_path, "G1,SRID=99999;POINT(125.3 43.9)"), geometry="geom")
    with pytest.raises(CRSError, match="is not known"):
        read(table(tmp_path, f"G1,SRID={'9' * 5000};POINT(125.3 43.9)"), geometry="geom")
    assert read(table(tmp_path, "G1,SRID=4490;POINT(125.3 43.9)"), geometry="geom").crs.to_epsg() == 4490


def test_rows_of_a_table_go_by_their_line(tmp_path: Path) -> None:
    rows = ("", "  ", "G1,POINT(125.3 43.9)", '"G', '2",POINT(125.3 43.9)', "", "G3,POINT(125.3 43.9)")
    assert list(read(table(tmp_path, *rows), geometry="geom", crs="EPSG:4326")["id"]) == ["4", "5", "8"]


def geojson(tmp_path: Path, value: object, *, name: str = "p.geojson") -> Path:
    path = tmp_path / name
    path.write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def collection(**other: object) -> dict[str, Any]:
    return {**json.loads(squares(name="公园").to_json(drop_id=True)), **other}


def test_geojson_by_lines_is_whole_or_refused(tmp_path: Path) -> None:
    lines = [json.dumps(feature) for feature in collection()["features"]]
    assert len(read(geojson(tmp_path, "\n".join(lines) + "\n"))) == 6
    with pytest.raises(SourceError, match=r"1 of 6 lines are cut or damaged \(lines 6\)"):
        read(geojson(tmp_path, "\n".join(lines)[:-40]))
    with pytest.raises(SourceError, match=r"1 of 6 lines are cut or damaged \(lines 3\)"):
        read(geojson(tmp_path, "\n".join([*lines[:2], lines[2][:-40], *lines[3:]])))
    with pytest.raises(SourceError, match="6 features are announced, 5 can be read"):
        read(geojson(tmp_path, "\n".join([*lines[:2], lines[2].replace('"Feature"', '"Feture"'), *lines[3:]])))


def test_features_that_gdal_passes_over(tmp_path: Path) -> None:
    features = collection()["features"]
    for other in ({**features[5], "type": "feature"}, {**features[5], "type": "Feture"}, collection(features=features[5:]), {}, []):
        with pytest.raises(SourceError, match=r"1 of 6 features are null or do not say that they are features \(rows 5\)"):
            read(geojson(tmp_path, collection(features=[*features[:5], other])))


@pytest.mark.parametrize("name", ["p.zip", "p.xyz"])
def test_geojson_in_an_archive_or_under_another_name(tmp_path: Path, name: str) -> None:
    for value, said in (
        ("\n".join(json.dumps(feature) for feature in collection()["features"])[:-40], "1 of 6 lines are cut"),
        (json.dumps(collection(crs=named_crs("GCJ02"))), "names GCJ02"),
    ):
        path = packed(tmp_path, {"a.geojson": value.encode()}, name) if name == "p.zip" else geojson(tmp_path, value, name=name)
        with pytest.raises((SourceError, CRSError), match=said):
            read(path)
    if name == "p.zip":
        command = {"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read {tmp_path}/other.gpkg"}
        with pytest.raises(SourceError, match="an instruction to read other files"):
            read(packed(tmp_path, {"a.json": json.dumps(command).encode()}, name))


@pytest.mark.parametrize("spaces", [None, 2], ids=["dense", "indented"])
def test_parts_of_geometries_that_gdal_passes_over(tmp_path: Path, spaces: int | None) -> None:
    square = collection()["features"][0]["geometry"]
    ring = square["coordinates"][0]
    texts = [[str(x), str(y)] for x, y in ring]
    broken: list[dict[str, Any]] = [
        {"type": "MultiPolygon", "coordinates": [[ring], [texts]]},
        {"type": "MultiPolygon", "coordinates": [[ring], ["x"]]},
        {"type": "MultiPolygon", "coordinates": [[ring], [[*ring[:2], None, *ring[2:]]]]},
        {"type": "GeometryCollection", "geometries": [square, {"type": "Polygn", "coordinates": [ring]}]},
        {"type": "GeometryCollection", "geometries": [square, None]},
    ]
    for geometry in broken:
        features = collection()["features"]
        features[2]["geometry"] = geometry
        with pytest.raises(
            SourceError, match=r"1 of 6 features have a geometry of an unknown type or coordinates that are no numbers \(rows 2\)"
        ):
            read(geojson(tmp_path, json.dumps(collection(features=features), indent=spaces)))
    assert len(read(geojson(tmp_path, json.dumps(collection(bbox=[125, 43, 126, 44]), indent=spaces)))) == 6


def test_whole_geojson_is_not_parsed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatial.sources.geojson._features", lambda *_: pytest.fail("parsed twice"))
    path = tmp_path / "p.geojson"
    squares(name="公园").to_file(path, driver="GeoJSON")
    assert len(read(path)) == 6
    assert len(read(geojson(tmp_path, json.dumps(collection(bbox=[125, 43, 126, 44]), indent=1)))) == 6


def named_crs(name: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": name}}


def test_the_crs_that_geojson_names(tmp_path: Path) -> None:
    with pytest.raises(CRSError, match='its "crs" names EPSG:99999, which is not known; state the true one'):
        read(geojson(tmp_path, collection(crs=named_crs("EPSG:99999"))))
    with pytest.raises(CRSError, match='names GCJ02, which is not known; state it: datum = "gcj02"'):
        read(geojson(tmp_path, collection(crs=named_crs("GCJ02"))))
    assert len(read(geojson(tmp_path, collection(crs=named_crs("GCJ02"))), datum="gcj02")) == 6
    assert read(geojson(tmp_path, collection(crs=named_crs("own"))), crs="EPSG:4490").crs.to_epsg() == 4490
    for name, code in (("urn:ogc:def:crs:OGC:1.3:CRS84", 4326), ("EPSG:4490", 4490), ("urn:ogc:def:crs:EPSG::4490", 4490)):
        assert read(geojson(tmp_path, collection(crs=named_crs(name)))).crs.to_epsg(min_confidence=20) == code
    assert read(geojson(tmp_path, collection(crs=None))).crs.to_epsg(min_confidence=20) == 4326
    twice = json.dumps(collection(crs=named_crs("EPSG:4490")))[:-1] + f', "crs": {json.dumps(named_crs("EPSG:3857"))}}}'
    with pytest.raises(CRSError, match=r"names 2 CRS \(EPSG:3857, EPSG:4490\)"):
        read(geojson(tmp_path, twice))


def test_an_instruction_to_read_other_files(tmp_path: Path) -> None:
    squares().to_file(tmp_path / "other.gpkg")
    command = f"gdal vector pipeline ! read {tmp_path}/other.gpkg ! write {tmp_path}/written.gpkg"
    value = {"type": "gdal_streamed_alg", "command_line": command}
    for name in ("a.json", "a.geojson", "a.gdalg.json"):
        with pytest.raises(SourceError, match="an instruction to read other files"):
            read(geojson(tmp_path, value, name=name))
    with pytest.raises(SourceError, match="is a GDALG file; known: ESRI Shapefile"):
        read(geojson(tmp_path, {**value, "command_line": f"gdal vector pipeline ! read {tmp_path}/other.gpkg"}, name="a.xyz"))
    assert not (tmp_path / "written.gpkg").exists()


def test_a_name_of_a_column_for_every_feature(tmp_path: Path) -> None:
    features = [
        {**feature, "properties": {f"k{row}_{more}": 1 for more in range(400)}} for row, feature in enumerate(collection()["features"])
    ]
    with pytest.raises(SourceError, match=r"has 2400 columns \(k0_0, k0_1, k0_2 …\), more than 2000"):
        read(geojson(tmp_path, collection(features=features)))


def packed(tmp_path: Path, parts: dict[str, bytes], name: str) -> Path:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return path


def shapefile(tmp_path: Path) -> dict[str, bytes]:
    (tmp_path / "s").mkdir()
    squares(name="公园").to_file(tmp_path / "s" / "p.shp", encoding="gbk")
    return {part.name: part.read_bytes() for part in (tmp_path / "s").iterdir() if part.suffix != ".cpg"}


@pytest.mark.parametrize("name", ["p.zip", "p.shz"])
def test_packed_shapefiles_are_whole_and_read_in_their_encoding(tmp_path: Path, name: str) -> None:
    parts = shapefile(tmp_path)
    assert set(read(packed(tmp_path, parts, name))["name"]) == {"公园"}
    shx = parts["p.shx"]
    short = shx[:24] + struct.pack(">i", (len(shx) - 16) // 2) + shx[28:-16]
    for broken, said in (
        ({"p.shx": short}, "is the index of another file"),
        ({"p.shp": parts["p.shp"][:-40]}, "is truncated"),
        ({"p.dbf": parts["p.dbf"][:-40]}, r"p\.dbf is truncated"),
    ):
        with pytest.raises(SourceError, match=said):
            read(packed(tmp_path, {**parts, **broken}, name))


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = shapefile(tmp_path)
    monkeypatch.setattr("spatial.sources.whole._MUCH", 1 << 20)
    with pytest.raises(SourceError, match=r"p\.dbf in it unpacks to 2 MiB from . KiB, as no data of a city do"):
        read(packed(tmp_path, {**parts, "p.dbf": parts["p.dbf"] + bytes(2 << 20)}, "p.zip"))
    monkeypatch.setattr("spatial.sources.whole.MOST_UNPACKED", 1000)
    with pytest.raises(SourceError, match=r"unpacks to 0\.0 GiB, more than"):
        read(packed(tmp_path, parts, "p.zip"))


@pytest.mark.parametrize("name", ["a!b.geojson", "a;b.geojson"])
def test_names_that_mean_a_file_in_another(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="a path with ! or ; cannot be opened"):
        read(geojson(tmp_path, collection(), name=name))


FORMATS = {"gpkg": "GPKG", "fgb": "FlatGeobuf", "geojson": "GeoJSON", "gdb": "OpenFileGDB", "sqlite": "SQLite", "shp": "ESRI Shapefile"}
CONDITIONS = [
    ("num > '2'", "0 1 2 4 5"), ("num > 2", "0 1 2 4 5"), ("num LIKE '1%'", None), ("level = '007'", "4"), ("kind <> 'park'", "2"),
    ("kind IS NULL", "3 4"), ("kind = ''", ""), ("built > '2010/01/01'", "2 3 4 5"), ("built >= '2010-10-10'", "2 3 4 5"),
    ("flag = 1", "0 2 4"), ("flag = 'true'", None), ("r IS NULL", "2"), ("n / 2 = 1", "1 2"), ("n = '1'", "0"), ("name LIKE '%0'", "0"),
    ("FID < 3", None), ("OGR_GEOM_AREA > 0", None), ("\"OGR_GEOMETRY\" = 'POLYGON'", None), ("kind = 'fid'", ""), ("spatial_row_in_file < 2", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One layer in eight formats."""
    folder = tmp_path_factory.mktemp("alike")
    frame = squares(
        name=[f"公园{row}" for row in range(6)], level=["9", "10", "11", "2", "007", ""], n=np.arange(1, 7, dtype="int32"), r=[0.5, 1.5, None, 3.5, 4.5, 5.5],
        num=["9", "10", "11", "2", "30", "100"], kind=["park", "park", "square", None, "", "park "], flag=[True, False] * 3,
        built=pd.to_datetime(["2001-01-01", "2005-05-05", "2010-10-10", "2015-01-01", "2020-01-01", "2021-01-01"]).date,
    )  # fmt: skip
    for ending, driver in FORMATS.items():
        frame.to_file(folder / f"p.{ending}", driver=driver, encoding="utf-8" if ending == "shp" else None)
    frame.to_parquet(folder / "p.parquet")
    pd.DataFrame(frame.drop(columns="geometry")).assign(geom=frame.geometry.to_wkt()).to_csv(folder / "p.csv", index=False)
    return [folder / f"p.{ending}" for ending in (*FORMATS, "parquet", "csv")]


@pytest.mark.parametrize(("condition", "rows"), CONDITIONS, ids=[condition for condition, _ in CONDITIONS])
def test_a_condition_means_the_same_in_every_format(alike: list[Path], condition: str, rows: str | None) -> None:
    for path in alike:
        place = {"geometry": "geom", "crs": "EPSG:4326"} if path.suffix == ".csv" else {}
        if rows is None:
            with pytest.raises(OptionError, match="where"):
                read(path, where=condition, **place)
        else:
            kept = read(path, where=condition, **place)["code"]
            assert sorted(code.removeprefix("G") for code in kept) == rows.split(), path.name


def test_osm_data_that_unpack_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatial.sources.osm._MUCH", 1 << 20)
    path = tmp_path / "a.osm.gz"
    path.write_bytes(
        gzip.compress(b'<osm version="0.6"><node id="1" lat="1" lon="1"><tag k="a" v="' + b"a" * (3 << 20) + b'"/></node></osm>')
    )
    with pytest.raises(SourceError, match=r"it would unpack to 3 MiB from . KiB"):
        read_osm(path, layer_specs().values())


def test_a_geoparquet_that_announces_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    squares().to_parquet(tmp_path / "p.parquet")
    monkeypatch.setattr("spatial.sources.files.MOST_ROWS", 5)
    with pytest.raises(SourceError, match=r"p\.parquet: announces 6 rows of \d+ columns, more than 5 rows"):
        read(tmp_path / "p.parquet")
