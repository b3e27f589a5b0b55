"""Files that are damaged, made to harm, or merely unusual: each is read whole or refused with a reason, and the process lives."""

from __future__ import annotations

import struct
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet

from spatial.errors import CRSError, LayerError, SourceError
from spatial.sources.files import read_vector
from spatial.sources.options import FileOptions

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
