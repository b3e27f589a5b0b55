"""The same city as Shapefile, GeoPackage, GeoJSON, FlatGeobuf and GeoParquet gives the same table; columns that lie change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from spatial.measurement import measure
from spatial.outputs.tables import write_tables
from spatial.project import open_city
from tests.small_city import SOUTH, STEP, WEST, square

LYING = (
    "area",
    "AREA_",
    "Shape_Area",
    "F_AREA",
    "length",
    "Shape_Leng",
    "SHAPE_Len",
    "area_m2",
    "area_ha",
    "hectares",
    "people",
    "perimeter",
)


def city_frames() -> dict[str, gpd.GeoDataFrame]:
    """Two by two districts twenty streets, nine parks, land use that fills the city, and people by block; seed 7."""
    rng = np.random.default_rng(7)

    def place(x: float, y: float) -> tuple[float, float]:
        return WEST + x * STEP, SOUTH + y * STEP

    def star(x: float, y: float, size: float) -> shapely.Polygon:
        angles, radii = np.arange(11) * 2 * np.pi / 11, size * STEP * rng.uniform(0.6, 1.0, 11)
        west, south = place(x, y)
        return shapely.Polygon(np.column_stack([west + radii * np.cos(angles), south + radii * np.sin(angles)]))

    def frame(shapes: list[shapely.Geometry], **columns: list[object]) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame({"code": [f"{n:03d}" for n in range(len(shapes))], **columns}, geometry=shapes, crs="EPSG:4326")

    blocks = [square(column / 3, row / 3, 1 / 3) for row in range(6) for column in range(6)]
    kinds = ["residential", "commercial", "industrial", "grass", "residential", "education"] * 6
    streets = [shapely.LineString([place(0.0, k / 5), place(0.9, k / 5 + 0.01), place(2.0, k / 5)]) for k in range(1, 10)]
    streets += [shapely.LineString([place(k / 5, 0.0), place(k / 5 - 0.01, 1.1), place(k / 5, 2.0)]) for k in range(1, 10)]
    streets += [shapely.LineString([place(0.33, 0.47), place(0.52, 0.61)]), shapely.LineString([place(1.33, 1.47), place(1.62, 1.71)])]
    classes = ["primary", "secondary", "tertiary", "residential"] * 5
    parks = [star(0.3 + 0.65 * (n % 3), 0.35 + 0.65 * (n // 3), 0.06 + 0.02 * n) for n in range(9)]
    with_hole = shapely.Polygon(parks[0].exterior, [shapely.get_coordinates(parks[0].centroid.buffer(STEP / 60, 2))])
    return {
        "districts": frame([square(c, r) for r in (0, 1) for c in (0, 1)], label=["南关区", "朝阳区", "宽城区", "绿园区"]),
        "parks": frame([with_hole, *parks[1:]], name=[f"公园{n}" for n in range(9)]),
        "roads": frame(streets, highway=classes, width=[30.0, 20.0, 12.5, None] * 5, oneway=["no"] * 20),
        "landuse": frame(blocks, landuse=kinds),
        "population": frame(blocks, residents=[float(100 + 37 * n % 400) for n in range(36)]),
    }


def geojson(frame: gpd.GeoDataFrame, path: Path) -> None:
    """With every digit; GDAL would write seven."""
    features = [
        {"type": "Feature", "properties": {k: None if v is None or v != v else v for k, v in row.items() if k != "geometry"},
         "geometry": shapely.geometry.mapping(row["geometry"])} for row in frame.to_dict("records")
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), encoding="utf-8")


def shuffled(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame.sample(frac=1, random_state=3)


Write = Callable[[gpd.GeoDataFrame, Path], None]
FORMATS: dict[str, tuple[str, Write]] = {
    "parquet": ("parquet", lambda f, p: f.to_parquet(p)),
    "shapefile": ("shp", lambda f, p: pyogrio.write_dataframe(f, p, encoding="UTF-8")),
    "shapefile in gbk without cpg": (
        "shp",
        lambda f, p: (pyogrio.write_dataframe(f, p, encoding="GBK"), p.with_suffix(".cpg").unlink())[0],
    ),
    "geopackage": ("gpkg", lambda f, p: pyogrio.write_dataframe(f, p, driver="GPKG")),
    "geojson": ("geojson", geojson),
    "flatgeobuf": ("fgb", lambda f, p: pyogrio.write_dataframe(f, p, driver="FlatGeobuf", SPATIAL_INDEX="NO")),
    "flatgeobuf with its index": ("fgb", lambda f, p: pyogrio.write_dataframe(f, p, driver="FlatGeobuf")),
    "shuffled": ("parquet", lambda f, p: shuffled(f).to_parquet(p)),
}


def project(folder: Path, frames: dict[str, gpd.GeoDataFrame], kind: str) -> Path:
    """A city of local layers alone; every layer is told which column holds its ids."""
    ending, write = FORMATS[kind]
    lines = ['name = "试城"', 'date = "2024-04-09"']
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        write(frame, folder / f"{name}.{ending}")
        lines += [f"[layers.{name}]", f'file = "{name}.{ending}"', 'id = "code"']
        lines += {"districts": ['name = "label"'], "population": ['field = "residents"']}.get(name, [])
    (folder / "city.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder / "city.toml"


def table(path: Path) -> bytes:
    results = measure(open_city(path, cache=False))
    write_tables(results, path.parent)
    return (path.parent / "metrics.csv").read_bytes()


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return table(project(tmp_path_factory.mktemp("wanted"), city_frames(), "parquet"))


def test_the_table_says_something(wanted: bytes) -> None:
    """Else any two would be equal."""
    frame = pd.read_csv(pd.io.common.BytesIO(wanted), dtype={"area_id": str})
    measured = frame[frame["status"] != "no_data"]
    assert {"road_area_ratio", "road_network_density", "park_area_per_capita", "population"} <= set(measured["metric"])
    assert len(measured) > 100
    assert measured["value"].nunique() > 60


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "parquet"])
def test_every_format_gives_the_same_table(tmp_path: Path, wanted: bytes, kind: str) -> None:
    assert table(project(tmp_path, city_frames(), kind)) == wanted


@pytest.mark.parametrize("kind", ["parquet", "geopackage", "shapefile"])
def test_columns_that_lie_change_nothing(tmp_path: Path, wanted: bytes, kind: str) -> None:
    """Areas and lengths stand in every layer, each off by a thousand; only the geometry counts."""
    frames = {
        name: frame.assign(**{column: np.arange(len(frame)) * 1000.0 + 7 for column in LYING}) for name, frame in city_frames().items()
    }
    assert table(project(tmp_path, frames, kind)) == wanted
