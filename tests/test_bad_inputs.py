"""Bad input ends in one clear error, a counted repair or a notice; nothing is lost, nothing is half written, and no traceback is shown."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from spatial.cli import main
from tests.small_city import STEP, districts, parks, project, square, write_osm, write_raster

POLICIES = ("error", "repair", "drop")
BOWTIE = shapely.Polygon([(125.301, 43.901), (125.303, 43.903), (125.303, 43.901), (125.301, 43.903)])
"""Two triangles that meet in a point: its signed area is 0, its true area is not."""


@pytest.fixture(autouse=True)
def light_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page and the GeoPackage have tests of their own."""

    def write(results: Any, path: Path, *, standing: Any = None) -> Path:
        path.write_text("light", encoding="utf-8")
        return path

    import spatial.outputs.folder

    monkeypatch.setattr(spatial.outputs.folder, "write_map", write)
    monkeypatch.setattr(spatial.outputs.folder, "write_geopackage", write)


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder but the cache, which is allowed to stay."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".spatial-cache" not in path.parts
    }


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``spatial run`` on a project; a failing run must leave the project's folder as it was."""

    def run(path: Path, *options: str) -> tuple[int, str]:
        folder = path if path.is_dir() else path.parent
        before = files(folder)
        folders = {entry for entry in folder.rglob("*") if entry.is_dir()}
        capsys.readouterr()
        code = main(["run", str(path), "--quiet", "--lang", "en", *options])
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert "Warning" not in said
        if code:
            assert said.startswith(("error: ", "notice: ", "interrupted"))
            assert files(folder) == before
            left = {entry for entry in folder.rglob("*") if entry.is_dir() and ".spatial-cache" not in entry.parts} - folders
            assert not left
        return code, said

    return run


def frame(*geometry: Any, **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": [f"n{n}" for n in range(len(geometry))], **columns}, geometry=list(geometry), crs="EPSG:4326")


def many() -> gpd.GeoDataFrame:
    return frame(*(square(0.1 + 0.001 * n, 0.1, 0.05) for n in range(300)))


# Files that are missing, truncated or corrupt.


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[layers.parks]\nfile = "data/absent.gpkg"', "absent.gpkg: no such file; paths are relative to city.toml"),
        ('[osm]\nfile = "data/absent.osm.pbf"', "absent.osm.pbf: no such file"),
        ('[layers.parks]\nfile = "data"', "is a folder; name the file inside it"),
        ('[layers.parks]\nfile = "https://example.com/x.geojson"', "no such file"),
        (f'[layers.parks]\nfile = "{"a" * 5000}"', "no such file"),
        ('[layers.parks]\nfile = "data/district.geojson"', 'relative to city.toml; did you mean "districts.geojson"?'),
    ],
)
def test_missing_file(tmp_path: Path, run: Run, text: str, part: str) -> None:
    code, said = run(project(tmp_path, text))
    assert code == 3
    assert part in said
    assert "city.toml" in said
    assert len(said) < 1000


def test_missing_project(tmp_path: Path, run: Run) -> None:
    code, said = run(tmp_path)
    assert code == 2
    assert 'city.toml: no such file; "spatial init DIR" makes a project folder' in said


@pytest.mark.parametrize("ending", [".osm", ".osm.gz", ".osm.pbf"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_truncated_extract(tmp_path: Path, run: Run, ending: str, share: float) -> None:
    path = write_osm(tmp_path / "data" / f"city{ending}")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    code, said = run(project(tmp_path, f'[osm]\nfile = "data/{path.name}"'))
    assert code == 3
    assert f"{path.name}: cannot be read as OSM data, it may be truncated or corrupt" in said
    assert said.strip().endswith("get the file again")


def flip(path: Path, at: float) -> None:
    content = bytearray(path.read_bytes())
    start = int(len(content) * at)
    content[start : start + 40] = bytes(byte ^ 0xFF for byte in content[start : start + 40])
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("at", [0.0, 0.5, 0.9])
def test_corrupt_extract(tmp_path: Path, run: Run, at: float) -> None:
    flip(write_osm(tmp_path / "data" / "city.osm.pbf"), at)
    code, said = run(project(tmp_path, '[osm]\nfile = "data/city.osm.pbf"'))
    assert code == 3
    assert "truncated or corrupt" in said


WRITERS: dict[str, Callable[[Path], None]] = {
    "gpkg": lambda path: many().to_file(path, driver="GPKG"),
    "shp": lambda path: many().to_file(path, driver="ESRI Shapefile"),
    "fgb": lambda path: many().to_file(path, driver="FlatGeobuf"),
    "geojson": lambda path: many().to_file(path, driver="GeoJSON"),
    "parquet": lambda path: many().to_parquet(path),
}


@pytest.mark.parametrize("ending", [*WRITERS, "dbf", "shx"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("policy", ["error", "drop"])
def test_truncated_vector_file(tmp_path: Path, run: Run, ending: str, share: float, policy: str) -> None:
    """A policy for broken geometry does not let half a file through."""
    named = "shp" if ending in ("dbf", "shx") else ending
    path = project(tmp_path, f'[layers.parks]\nfile = "data/parks.{named}"\non_invalid = "{policy}"')
    WRITERS[named](tmp_path / "data" / f"parks.{named}")
    part = tmp_path / "data" / f"parks.{ending}"
    part.write_bytes(part.read_bytes()[: int(part.stat().st_size * share)])
    code, said = run(path)
    assert code == 3
    assert f"parks.{named}: " in said


@pytest.mark.parametrize("part", ["dbf", "shx"])
def test_shapefile_without_a_part(tmp_path: Path, run: Run, part: str) -> None:
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.shp"')
    WRITERS["shp"](tmp_path / "data" / "parks.shp")
    (tmp_path / "data" / f"parks.{part}").unlink()
    code, said = run(path)
    assert code == 3
    assert f"parks.{part} is missing" in said


def test_corrupt_geopackage(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.gpkg"')
    whole = tmp_path / "whole.gpkg"
    WRITERS["gpkg"](whole)
    damaged = tmp_path / "data" / "parks.gpkg"
    for at in (0.0, 0.5):
        shutil.copy(whole, damaged)
        flip(damaged, at)
        code, said = run(path)
        assert code == 3
        assert "parks.gpkg: is truncated or corrupt" in said


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_raster(tmp_path: Path, run: Run, share: float) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    raster = write_raster(tmp_path / "data" / "pop.tif", np.ones((256, 256)))
    raster.write_bytes(raster.read_bytes()[: int(raster.stat().st_size * share)])
    code, said = run(path)
    assert code == 3
    assert "pop.tif: cannot be read as a raster, it may be truncated or corrupt" in said


def test_corrupt_raster(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    flip(write_raster(tmp_path / "data" / "pop.tif", np.ones((256, 256))), 0.0)
    code, said = run(path)
    assert code == 3
    assert "truncated or corrupt" in said


# Place: CRS, area of use, meeting the city.


def layer(folder: Path, content: gpd.GeoDataFrame, options: str = "", *, name: str = "parks") -> Path:
    """A project with one more layer, GeoParquet, which keeps every geometry as it is."""
    path = project(folder, f'[layers.{name}]\nfile = "data/{name}.parquet"\n{options}')
    content.to_parquet(folder / "data" / f"{name}.parquet")
    return path


def test_layer_without_crs(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, frame(square(0.1, 0.1, 0.1)).set_crs(None, allow_override=True)))
    assert code == 3
    assert 'parks.parquet: has no CRS; state it: crs = "EPSG:4326"' in said


def test_raster_without_crs(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    write_raster(tmp_path / "data" / "pop.tif", np.ones((4, 4)), crs=None)
    code, said = run(path)
    assert code == 3
    assert "pop.tif: the raster has no CRS; assign one" in said


def test_coordinates_outside_the_area_of_use(tmp_path: Path, run: Run) -> None:
    """1 of 3 features has metres where degrees are declared."""
    wrong = shapely.box(500000, 4860000, 500100, 4860100)
    code, said = run(layer(tmp_path, frame(square(0.1, 0.1, 0.1), wrong, square(0.5, 0.5, 0.1))))
    assert code == 3
    assert "parks.parquet: 1 of 3 features (ids 1) lie at x 500000 … 500100, y 4860000 … 4860100" in said
    assert "outside the area of use of EPSG:4326" in said
    assert "swap its axes" in said


def test_swapped_axes(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, frame(shapely.box(43.9, 125.3, 43.91, 125.31))))
    assert code == 3
    assert "outside the area of use of EPSG:4326" in said


def test_degrees_declared_as_metres(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, parks().set_crs("EPSG:4551", allow_override=True)))
    assert code == 3
    assert "2 of 2 features (ids 0, 1)" in said
    assert "outside the area of use of EPSG:4551" in said


def test_unknown_datum(tmp_path: Path, run: Run) -> None:
    """Xian-1980 needs parameters that PROJ does not have."""
    code, said = run(layer(tmp_path, parks().to_crs("EPSG:4551").set_crs("EPSG:2343", allow_override=True)))
    assert code == 3
    assert "EPSG:2343 → EPSG:4326: the datums differ" in said


def test_layer_that_does_not_meet_the_city(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, frame(shapely.box(126.0, 45.0, 126.1, 45.1), shapely.box(126.2, 45, 126.3, 45.1))))
    assert code == 3
    assert "parks.parquet: does not meet the city: all 2 features (ids 0, 1) lie at" in said
    assert "check the layer's CRS, datum and place" in said


def test_raster_that_does_not_meet_the_city(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    write_raster(tmp_path / "data" / "pop.tif", np.ones((4, 4)), bounds=(10, 10, 11, 11))
    code, said = run(path)
    assert code == 3
    assert "pop.tif: does not meet the city: the raster lies at x 10 … 11, y 10 … 11 in EPSG:4326" in said


def test_raster_of_the_world_meets_every_city(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    write_raster(tmp_path / "data" / "pop.tif", np.ones((90, 180)), crs="ESRI:54009", bounds=(-18040095, -9020047, 18040095, 9020047))
    code, _ = run(path, "--metrics", "population", "--out", str(tmp_path / "o"))
    assert code == 0
    table = pd.read_csv(tmp_path / "o" / "metrics.csv", dtype={"area_id": str}).set_index("area_id")
    assert (table["status"] == "ok").all()
    cell_m2 = (2 * 18040095 / 180) * (2 * 9020047 / 90)  # Mollweide is equal-area: one person a cell
    city_m2 = float(districts().to_crs("EPSG:6933").area.sum())
    assert table.loc["city", "value"] == pytest.approx(city_m2 / cell_m2, rel=2e-3)


@pytest.mark.parametrize(
    ("crs", "code", "part"),
    [
        ("EPSG:4326", 3, "is not a projected CRS in metres"),
        ("EPSG:2263", 3, "is not a projected CRS in metres"),
        ("EPSG:3857", 3, "distorts lengths by up to 388"),
        ("EPSG:99999", 3, "is not known"),
        ("", 3, "is not known"),
    ],
)
def test_unfit_city_crs(tmp_path: Path, run: Run, crs: str, code: int, part: str) -> None:
    path = project(tmp_path)
    path.write_text(f'crs = "{crs}"\n[layers.districts]\nfile = "data/districts.geojson"', encoding="utf-8")
    found, said = run(path)
    assert found == code
    assert part in said


# Empty layers.


def test_empty_layer(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, parks()[:0]))
    assert code == 3
    assert "parks.parquet: is empty: it holds no feature; if that is the truth, set allow_empty = true" in said


def test_nothing_matches_where(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, parks(), "where = \"Name = 'nobody'\""))
    assert code == 3
    assert "no feature matches where = \"Name = 'nobody'\"" in said


@pytest.mark.parametrize("text", ['{"type": "FeatureCollection", "features": []}', None])
def test_an_empty_layer_that_is_the_truth_counts_as_zero(tmp_path: Path, run: Run, text: str | None) -> None:
    if text:
        path = project(tmp_path, '[layers.parks]\nfile = "data/parks.geojson"\nallow_empty = true')
        (tmp_path / "data" / "parks.geojson").write_text(text)
    else:
        path = layer(tmp_path, parks()[:0], "allow_empty = true")
    code, _ = run(path, "--metrics", "park_area_per_capita,data_completeness", "--out", str(tmp_path / "o"))
    assert code == 0


# Geometry.

HOLE = shapely.Polygon([(125.301, 43.901), (125.303, 43.903), (125.301, 43.901)])
NAN = shapely.Polygon([(125.301, 43.901), (125.302, 43.903), (125.303, 43.901)])
BROKEN = {
    "self-intersecting": (BOWTIE, "geometries are invalid (self-intersection or the like)", "repaired"),
    "zero-area": (HOLE, "features have zero area or length", "dropped"),
    "missing": (None, "features have no geometry", "dropped"),
    "empty": (shapely.Polygon(), "features have no geometry", "dropped"),
    "point": (shapely.Point(125.31, 43.91), "features are not of kind polygon", "dropped"),
    "collection": (
        shapely.GeometryCollection([square(0.3, 0.3, 0.05), shapely.Point(125.31, 43.91)]),
        "features are not of kind polygon",
        "dropped",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("policy", POLICIES)
def test_broken_geometry(tmp_path: Path, run: Run, kind: str, policy: str) -> None:
    shape, words, repaired = BROKEN[kind]
    path = layer(tmp_path, frame(square(0.1, 0.1, 0.1), shape, square(0.6, 0.1, 0.1)), f'on_invalid = "{policy}"')
    code, said = run(path, "--metrics", "data_completeness")
    if policy == "error":
        assert code == 3
        assert f"parks.parquet: 1 of 3 {words} (ids 1)" in said
        assert 'set on_invalid = "repair" or "drop"' in said
    else:
        assert code == 0
        done = repaired if policy == "repair" else "dropped"
        assert "notice: parks: " in said
        assert f"{words}: {done}" in said


@pytest.mark.parametrize("policy", POLICIES)
def test_nan_coordinates(tmp_path: Path, run: Run, policy: str) -> None:
    """GeoJSON with NaN, as some programs write it."""
    ring = "[[125.301, 43.901], [125.303, 43.9], [125.302, 43.905], [125.301, 43.901]]"
    features = [
        f'{{"type": "Feature", "properties": {{}}, "geometry": {{"type": "Polygon", "coordinates": [{r}]}}}}'
        for r in (ring, ring.replace("125.303", "NaN"))
    ]
    path = project(tmp_path, f'[layers.parks]\nfile = "data/parks.geojson"\non_invalid = "{policy}"')
    (tmp_path / "data" / "parks.geojson").write_text(f'{{"type": "FeatureCollection", "features": [{", ".join(features)}]}}')
    code, said = run(path, "--metrics", "data_completeness")
    assert code == (3 if policy == "error" else 0)
    assert "NaN or infinite coordinates" in said
    assert ("1 of 2 features" in said) == (policy == "error")


def test_repair_keeps_what_a_bowtie_covers(tmp_path: Path) -> None:
    from spatial.project import open_city

    city = open_city(layer(tmp_path, frame(BOWTIE), 'on_invalid = "repair"'))
    parts = shapely.make_valid(BOWTIE)
    kept = city.frame("parks").to_crs("EPSG:4326").geometry.to_numpy()
    assert shapely.area(kept).sum() == pytest.approx(shapely.area(parts), rel=1e-6)


def test_all_faults_of_a_layer_are_told_at_once(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, frame(*(shape for shape, _, _ in BROKEN.values()), square(0.1, 0.1, 0.1))))
    assert code == 3
    assert all(words in said for _, words, _ in BROKEN.values())
    assert "2 of 7 features have no geometry (ids 2, 3)" in said


def test_points_where_polygons_are_needed(tmp_path: Path, run: Run) -> None:
    for policy in POLICIES:
        code, said = run(layer(tmp_path, frame(shapely.Point(125.31, 43.91)), f'on_invalid = "{policy}"'))
        assert code == 3
        assert "no feature is a polygon, which parks needs; it holds Point" in said


def test_nothing_is_left_after_dropping(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, frame(BOWTIE), 'on_invalid = "drop"'))
    assert code == 3
    assert "no usable feature is left of 1" in said


def test_heights_and_homogeneous_collections_are_no_fault(tmp_path: Path) -> None:
    from spatial.project import open_city

    high = shapely.force_3d(square(0.1, 0.1, 0.1), 5.0)
    both = shapely.GeometryCollection([square(0.5, 0.5, 0.1), shapely.GeometryCollection([square(0.8, 0.5, 0.1)])])
    shapes = open_city(layer(tmp_path, frame(high, both))).frame("parks").geometry
    assert list(shapes.geom_type) == ["Polygon", "MultiPolygon"]
    assert not shapes.has_z.any()


# Areas.


def areas(folder: Path, content: gpd.GeoDataFrame, options: str = 'id = "code"') -> Path:
    path = project(folder)
    content.to_parquet(folder / "data" / "areas.parquet")
    path.write_text(f'[layers.districts]\nfile = "data/areas.parquet"\n{options}', encoding="utf-8")
    return path


def test_duplicate_ids(tmp_path: Path, run: Run) -> None:
    code, said = run(areas(tmp_path, frame(square(0, 0), square(1, 0), square(0, 1), code=["a", "a ", "b"])))
    assert code == 3
    assert "areas.parquet: districts: 1 ids stand on more than one area (ids a)" in said


def test_missing_ids(tmp_path: Path, run: Run) -> None:
    code, said = run(areas(tmp_path, frame(square(0, 0), square(1, 0), code=["a", None])))
    assert code == 3
    assert 'areas.parquet: 1 of 2 features have no id in "code" (rows 1)' in said


def test_reserved_id(tmp_path: Path, run: Run) -> None:
    code, said = run(areas(tmp_path, frame(square(0, 0), square(1, 0), code=["a", "city"])))
    assert code == 3
    assert "the id city is reserved for the totals" in said


def test_overlapping_areas_are_noticed_with_their_size(tmp_path: Path, run: Run) -> None:
    code, said = run(areas(tmp_path, frame(square(0, 0), square(0.5, 0), code=["a", "b"])), "--metrics", "data_completeness")
    assert code == 0
    overlap = gpd.GeoSeries([square(0, 0).intersection(square(0.5, 0))], crs="EPSG:4326").to_crs("EPSG:4551").area[0] / 1e6
    assert f"notice: areas overlap by {overlap:.3f} km²" in said


def test_nothing_to_report_by(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path)
    write_osm(tmp_path / "data" / "city.osm")
    path.write_text('[osm]\nfile = "data/city.osm"')
    code, said = run(path)
    assert code == 2
    assert "there is nothing to report by" in said
    assert "[layers.districts]" in said


# Population.


def test_negative_population_in_a_raster(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    write_raster(tmp_path / "data" / "pop.tif", [[1, 2], [3, -9999]])
    code, said = run(path)
    assert code == 3
    assert "pop.tif: 1 of 4 cells are negative (lowest -9999)" in said
    assert "declare that value as no-data" in said


@pytest.mark.parametrize(("values", "nodata"), [([[1, 2], [3, -9999]], -9999.0), ([[1, 2], [3, np.nan]], None)])
def test_cells_without_data_count_nobody(tmp_path: Path, run: Run, values: Any, nodata: float | None) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    write_raster(tmp_path / "data" / "pop.tif", values, nodata=nodata)
    code, said = run(path, "--metrics", "population", "--out", str(tmp_path / "o"))
    assert code == 0
    assert "notice: population: 1 of 4 raster cells have no data and count nobody" in said
    table = pd.read_csv(tmp_path / "o" / "metrics.csv", dtype={"area_id": str}).set_index("area_id")
    assert table.loc["city", "value"] == pytest.approx(6.0, rel=1e-4)  # a parallel is no straight line in the city's CRS


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ([[1, np.inf], [3, 4]], "1 of 4 cells are infinite or beyond 1e+11"),
        ([[1, 3.4e38], [3, 4]], "1 of 4 cells are infinite or beyond 1e+11"),
        ([[9e10, 9e10], [3, 4]], "the cells sum to 1.8e+11 people"),
        ([[np.nan, np.nan], [np.nan, np.nan]], "none of 4 cells has data"),
        (np.ones((2, 2, 2)), "has 2 bands; keep the one that counts people"),
    ],
)
def test_raster_that_counts_no_people(tmp_path: Path, run: Run, values: Any, part: str) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    write_raster(tmp_path / "data" / "pop.tif", values)
    code, said = run(path)
    assert code == 3
    assert part in said


@pytest.mark.parametrize(
    ("count", "part"),
    [
        (-10, "1 of 2 features have a negative number of people"),
        (None, "1 of 2 features have no number of people"),
        ("many", "1 of 2 features have no number of people"),
        ("1,2", "1 of 2 features have no number of people"),
        ("0,201", "1 of 2 features have no number of people"),
        (np.inf, "1 of 2 features have no number of people"),
        (1e300, "1 of 2 features have more than 1e+11 people"),
        ("True", "1 of 2 features have no number of people"),
    ],
)
def test_bad_counts_of_polygons(tmp_path: Path, run: Run, count: Any, part: str) -> None:
    counts = ["20", count] if isinstance(count, str) else [20.0, count]
    code, said = run(layer(tmp_path, frame(square(0, 0), square(1, 0), pop=counts), 'field = "pop"', name="population"))
    assert code == 3
    such = f'such as "{count}"; ' if isinstance(count, str) else ""
    assert f'population.parquet: {part} in "pop" ({such}ids 1)' in said


def test_options_that_a_raster_cannot_follow(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"\ndatum = "gcj02"\nwhere = "a = 1"')
    write_raster(tmp_path / "data" / "pop.tif", [[1, 2], [3, 4]])
    code, said = run(path)
    assert code == 2
    assert "datum, where cannot be applied to a raster" in said


# Elevation.


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ([[1, -9999], [3, 4]], "dem.tif: 1 of 4 cells are below -500 m or above 9000 m (from -9999 to 4), so they are no heights"),
        ([[np.nan, np.nan]], "dem.tif: none of 2 cells has data, so no height is known"),
        (np.ones((3, 2, 2)), "dem.tif: has 3 bands; keep the one that holds the heights"),
    ],
)
def test_raster_that_holds_no_heights(tmp_path: Path, run: Run, values: Any, part: str) -> None:
    path = project(tmp_path, '[layers.elevation]\nfile = "data/dem.tif"')
    write_raster(tmp_path / "data" / "dem.tif", values)
    code, said = run(path)
    assert code == 3
    assert part in said


def test_elevation_elsewhere(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.elevation]\nfile = "data/dem.tif"')
    write_raster(tmp_path / "data" / "dem.tif", np.ones((4, 4)), bounds=(10, 10, 11, 11))
    code, said = run(path)
    assert code == 3
    assert "dem.tif: does not meet the city: the raster lies at x 10 … 11, y 10 … 11 in EPSG:4326" in said


def test_heights_that_are_not_known_are_noticed(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.elevation]\nfile = "data/dem.tif"')
    write_raster(tmp_path / "data" / "dem.tif", [[1, -154], [3, -9999]], nodata=-9999)
    code, said = run(path, "--metrics", "data_completeness")
    assert code == 0
    assert "notice: elevation: 1 of 4 raster cells have no data\n" in said


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[layers.parks]\nfile = "data/dem.tif"', "[layers.parks]: file is a raster, and this layer is made of features"),
        ('[layers.elevation]\nfile = "data/dem.gpkg"', "[layers.elevation]: file must be a raster (.tif, .tiff, .img, .asc)"),
        ('[layers.elevation]\nfile = "data/dem.tif"\nfield = "z"\ndatum = "gcj02"', "field, datum cannot be applied to a raster"),
        ("[layers.elevation]\ntotal = 5", "total must be a number of people above 0, and stands with [layers.population] only"),
        ("[layers.elevation]", "[layers.elevation]: file is missing"),
    ],
)
def test_rasters_and_features_where_they_do_not_belong(tmp_path: Path, run: Run, text: str, part: str) -> None:
    path = project(tmp_path, text)
    write_raster(tmp_path / "data" / "dem.tif", np.ones((4, 4)))
    code, said = run(path)
    assert code == 2
    assert part in said


@pytest.mark.parametrize(("name", "kind"), [("gates", "point"), ("walls", "line"), ("communities", "polygon")])
def test_another_kind_of_geometry_than_the_layer_needs(tmp_path: Path, run: Run, name: str, kind: str) -> None:
    wrong = square(0.1, 0.1, 0.1) if kind != "polygon" else square(0.1, 0.1, 0.1).centroid
    code, said = run(layer(tmp_path, frame(wrong), name=name))
    assert code == 3
    assert f"{name}.parquet: no feature is a {kind}, which {name} needs" in said


# Words that are not known.


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('nmae = "x"', 'unknown key "nmae"; did you mean "name"?'),
        ('[osmm]\nfile = "x"', 'unknown key "osmm"; did you mean "osm"?'),
        ('[layers.parks]\nfil = "x"', '[layers.parks]: unknown key "fil"; did you mean "file"?'),
        ('[layers.parks]\nfile = "x"\ndatum = "gcj-02"', "datum = 'gcj-02' is not one of wgs84, gcj02, bd09, cgcs2000; did you mean"),
        ('[layers.parks]\nfile = "x"\nmerge = "unoin"', 'did you mean "union"?'),
        ('[layers.parks]\nfile = "x"\nencoding = "klingon"', 'encoding "klingon" is not known'),
        ('[layers.parks]\nfile = ""', "file is missing"),
        ('[layers."../x"]\nfile = "x"', "a layer's name has letters, digits and _ only"),
        ("[osm]", "[osm]: file is missing"),
        ('[scopes]\nbuilt_up_area = "distircts"', 'names no layer; did you mean "districts"?'),
        ('[scopes]\nbuiltup = "districts"', 'unknown key "builtup"; did you mean "built_up_area"?'),
        ("data_extent = [126, 44, 125, 43]", "data_extent must be [west, south, east, north]"),
        ("data_extent = [nan, 44, 126, 45]", "data_extent must be [west, south, east, north]"),
        ('date = "../../x"', 'date must be written as "2024-04-09"'),
        ("[layers.population]\ntotal = 1e300", "total must be a number of people above 0"),
        ("[layers.population]\ntotal = nan", "total must be a number of people above 0"),
        ("a = " + "[" * 5000, "is nested too deeply"),
        ("name = ", "is not valid TOML"),
        ("crs = “EPSG:4551”", 'crs = “EPSG:4551”; “ is not the sign that TOML knows: write "'),
        ('a = { 地铁 = "station" }', '; a key with Chinese letters needs quotes: "地铁" = …'),
        ('[layers.parks]\nvalues = { fee = { 是 = "yes" } }', 'a key with Chinese letters needs quotes: "是" = …'),
        ('地铁 = "station"', 'a key with Chinese letters needs quotes: "地铁" = …'),
        ('a地铁-1 = "a，b"', 'a key with Chinese letters needs quotes: "a地铁-1" = …'),
        ("name = 长春", 'name = 长春; a text needs quotes: "长春"'),
        ('[osm]\nfile = "data\\kity.osm"', 'write paths with /, as in "data/parks.shp"'),
    ],
)
def test_city_toml(tmp_path: Path, run: Run, text: str, part: str) -> None:
    path = project(tmp_path)
    head = "" if text.startswith("[") else f"{text}\n"
    tail = text if text.startswith("[") else ""
    path.write_text(f'{head}[layers.districts]\nfile = "data/districts.geojson"\n{tail}', encoding="utf-8")
    code, said = run(path)
    assert code == 2
    assert part in said
    assert str(path) in said


def test_wrong_types_everywhere_are_told_at_once(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path)
    keys = [
        "file",
        "id",
        "name",
        "layer",
        "crs",
        "x",
        "y",
        "where",
        "encoding",
        "source",
        "licence",
        "datum",
        "merge",
        "fields",
        "values",
        "on_invalid",
        "sensitivity",
    ]
    wrong = "\n".join(f"{key} = 3" for key in keys)
    path.write_text(f'name = 1\ncrs = 4551\ndata_extent = "a"\nosm = "x"\nscopes = 3\n[layers.parks]\n{wrong}\nallow_empty = "yes"\n')
    code, said = run(path)
    assert code == 2
    for key in [*keys, "allow_empty"]:
        assert f"[layers.parks]: {key} " in said
    for key in ("osm", "scopes", "name", "crs", "data_extent"):
        assert f"city.toml: {key} must be" in said


def test_city_toml_in_another_encoding(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path)
    path.write_bytes('name = "哈尔滨"'.encode("gbk"))
    code, said = run(path)
    assert code == 2
    assert "is not UTF-8 (perhaps GBK, as some editors save by default); save it as UTF-8" in said


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--metrics", "road_area_rati"], 'metric "road_area_rati" is not known; did you mean "road_area_ratio"?'),
        (["--metrics", ","], "--metrics names no metric"),
        (["--by", "distrits"], '--by "distrits" is neither a layer nor a grid such as grid:500; did you mean "districts"?'),
        (["--by", "../x"], '--by "../x" is neither a layer'),
        (["--by", "roads"], "roads"),
        (["--by", "grid:x"], "write the cell size in metres"),
        (["--by", "grid:-5"], "the cell size must be at least 10 m"),
        (["--by", "grid:nan"], "the cell size must be at least 10 m"),
    ],
)
def test_options_of_a_run(tmp_path: Path, run: Run, options: list[str], part: str) -> None:
    code, said = run(project(tmp_path), *options)
    assert code == 2
    assert part in said


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ('layer = "nope"', 'has no layer "nope"'),
        ('id = "Nmae"', 'has no column "Nmae"; did you mean "Name"?'),
        ('fields = { nmae = "Name" }', 'nmae is no field of parks; did you mean "name"?'),
        ('fields = { name = "Nmae" }', 'did you mean "Name"?'),
        ('values = { fee = { a = "b" } }', "values.fee: no column feeds this field"),
        ('where = "nope = 1"', 'where = "nope = 1" is not a condition on its columns'),
        ('where = "1 = 1; DROP TABLE parks"', "is not a condition on its columns"),
        ('where = "1 = 1) UNION SELECT * FROM sqlite_master --"', "is not a condition on its columns"),
        ("where = \"__import__('os').system('true')\"", "is not a condition on its columns"),
        ('x = "Name"', "x and y name the coordinate columns of a table"),
    ],
)
def test_options_of_a_layer(tmp_path: Path, run: Run, options: str, part: str) -> None:
    path = project(tmp_path, f'[layers.parks]\nfile = "data/parks.gpkg"\n{options}')
    parks().to_file(tmp_path / "data" / "parks.gpkg", layer="parks", driver="GPKG")
    code, said = run(path)
    assert code == 2
    assert part in said
    assert "parks.gpkg: " in said


def test_a_layer_whose_name_is_nearly_known_is_noticed(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, parks(), name="Parks"), "--metrics", "data_completeness")
    assert code == 0
    assert 'layer Parks has no role of its own and only serves --by; did you mean "parks"?' in said


def test_a_users_declaration_with_wrong_types(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path)
    (tmp_path / "layers").mkdir()
    wrong = 'geometry = 3\ndense = "x"\ntitle = 1\nstyle = 2\n[osm]\nmatch = [{ leisure = 3 }]\nexclude = 4\n[fields]\nname = 3\n'
    (tmp_path / "layers" / "parks.toml").write_text(wrong)
    code, said = run(path)
    assert code == 2
    for part in ("geometry must be one of", "dense must be", "title must be", "style must be", "match is", "exclude maps", "[fields.name]"):
        assert part in said


# Messy tables and names.


def test_rows_without_coordinates(tmp_path: Path, run: Run) -> None:
    rows = ["name,x,y", "a,125.301,43.901", "b,,43.9", "c,east,43.9", '"d\nd",125.302,43.902']
    path = project(tmp_path, '[layers.transit_stops]\nfile = "data/stops.csv"\ncrs = "EPSG:4326"')
    (tmp_path / "data" / "stops.csv").write_text("\n".join(rows))
    code, said = run(path)
    assert code == 3
    assert "stops.csv: 2 of 4 features have no geometry (ids 3, 4)" in said  # the ids are the lines of the table


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("", 3, "is not a table"),
        ("name,x\na,1", 2, "which column holds y?"),
        ("x,lon,y\n1,2,3", 2, "which column holds x?"),
        ('name,x,y\n"a,125.3,43.9', 3, "is not a table"),
        ("name,x,y\na,125.3,43.9,1,2,3", 3, "is not a table"),
    ],
)
def test_broken_table(tmp_path: Path, run: Run, text: str, code: int, part: str) -> None:
    path = project(tmp_path, '[layers.transit_stops]\nfile = "data/stops.csv"\ncrs = "EPSG:4326"')
    (tmp_path / "data" / "stops.csv").write_text(text)
    found, said = run(path)
    assert found == code
    assert f"stops.csv: {part}" in said


def test_hostile_names_reach_the_outputs_harmless(tmp_path: Path, run: Run) -> None:
    names = ["=HYPERLINK(1)", 'a\nb,"c"', "区" * 10_000, "<script>alert(1)</script>\x1b[31m"]
    squares = [square(column, row) for row in (0, 1) for column in (0, 1)]
    frame_ = gpd.GeoDataFrame({"code": names, "name": names}, geometry=squares, crs="EPSG:4326")
    code, _ = run(areas(tmp_path, frame_, 'id = "code"\nname = "name"'), "--metrics", "data_completeness", "--out", str(tmp_path / "o"))
    assert code == 0
    table = pd.read_csv(tmp_path / "o" / "metrics.csv", dtype=str)
    assert {"'=HYPERLINK(1)", 'a\nb,"c"', "区" * 10_000} <= set(table["area_name"])
    assert not table["area_name"].str.contains("\x1b").any()


def test_messages_carry_nothing_that_a_terminal_obeys(tmp_path: Path, run: Run) -> None:
    evil = "\x1b[31m" + "x" * 10_000
    code, said = run(areas(tmp_path, frame(square(0, 0), square(1, 0), code=[evil, evil])))
    assert code == 3
    assert "\x1b" not in said
    assert len(said) < 1000


def test_path_with_quotes(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / 'it\'s "a" plan; & 规划'
    code, _ = run(project(folder, layers={"parks": parks()}), "--metrics", "data_completeness")
    assert code == 0
    assert json_of(folder / "out" / "latest.json")["run"]


def json_of(path: Path) -> Any:
    import json

    return json.loads(path.read_text(encoding="utf-8"))


# Output: folders that cannot be written, disks that are full. Injected, since tests may run as root.


def refuse(number: int) -> Callable[..., Any]:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return refused


REASONS = {errno.EACCES: "no permission to write there", errno.ENOSPC: "no space left", errno.EROFS: "the file system is read-only"}


@pytest.mark.parametrize("number", REASONS)
def test_output_folder_is_not_writable(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr("spatial.outputs.folder.tempfile.TemporaryDirectory", refuse(number))
    code, said = run(project(tmp_path))
    assert code == 4
    assert f"cannot be written: {REASONS[number]}" in said
    assert "choose another folder with --out" in said


@pytest.mark.parametrize("step", ["metrics.csv", "metrics.parquet", "metrics.xlsx", "city.gpkg", "map.html", "run.json", "sync", "swap"])
def test_disk_is_full(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Wherever the space ends: exit 4, the former output untouched, no part left."""
    path = project(tmp_path)
    out = tmp_path / "o"
    assert run(path, "--metrics", "data_completeness", "--out", str(out))[0] == 0
    before = files(out)
    full = refuse(errno.ENOSPC)
    targets = {
        "metrics.csv": "pandas.DataFrame.to_csv",
        "metrics.parquet": "pyarrow.parquet.write_table",
        "metrics.xlsx": "pathlib.Path.write_bytes",
        "city.gpkg": "spatial.outputs.folder.write_geopackage",
        "map.html": "spatial.outputs.folder.write_map",
        "run.json": "spatial.outputs.folder._run_json",
        "sync": "spatial.files.os.fsync",
        "swap": "spatial.files._swap",
    }
    monkeypatch.setattr(targets[step], full)
    code, said = run(path, "--metrics", "data_completeness", "--out", str(out), "--no-cache")
    assert code == 4
    assert "no space left; free some or choose another folder with --out" in said
    assert files(out) == before
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".") and entry.name != ".spatial-cache"]


def test_disk_is_full_on_the_first_run(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatial.outputs.folder.write_map", refuse(errno.ENOSPC))
    code, _ = run(project(tmp_path))  # the fixture sees that not even the folder "out" stays
    assert code == 4


def test_output_below_a_file(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path)
    code, said = run(path, "--out", str(path))
    assert code == 4
    assert "is a file; choose a folder with --out" in said
    code, _ = run(path, "--out", str(path / "below"))
    assert code == 4


def test_district_edges_are_those_of_the_fixture() -> None:
    """The figures above rest on squares of 0.01°."""
    assert districts().total_bounds == pytest.approx([125.3, 43.9, 125.3 + 2 * STEP, 43.9 + 2 * STEP])


@pytest.mark.parametrize(("content", "part"), [(b"PK\x03\x04junk", "truncated or corrupt"), (None, "holds no")])
def test_a_zip_without_a_layer(tmp_path: Path, run: Run, content: bytes | None, part: str) -> None:
    """Broken, or with nothing but a text in it and a name that points outside."""
    import zipfile

    path = tmp_path / "d.zip"
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../../readme.txt", "nothing here")
    else:
        path.write_bytes(content)
    (tmp_path / "city.toml").write_text('crs = "EPSG:4551"\n[layers.districts]\nfile = "d.zip"\n', encoding="utf-8")
    code, said = run(tmp_path)
    assert code == 3, said
    assert "fault of spatial" not in said


def test_a_vrt_is_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "d.vrt").write_text("<OGRVRTDataSource/>", encoding="utf-8")
    (tmp_path / "city.toml").write_text('crs = "EPSG:4551"\n[layers.districts]\nfile = "d.vrt"\n', encoding="utf-8")
    code, said = run(tmp_path)
    assert code == 3
    assert "VRT only names other files" in said


def test_a_wrapper_under_another_name_is_refused(tmp_path: Path, run: Run) -> None:
    """GDAL looks at the content, not at the name: a VRT called GeoJSON would read files anywhere."""
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.geojson"\n')
    (tmp_path / "data" / "parks.geojson").write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>{tmp_path}/data/districts.geojson</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
        encoding="utf-8",
    )
    code, said = run(path)
    assert code == 3
    assert "only names other files" in said


@pytest.mark.parametrize("lon", ["500", "nan"])
def test_an_impossible_place_in_osm_is_told(tmp_path: Path, run: Run, lon: str) -> None:
    path = project(tmp_path, osm=True)
    osm = tmp_path / "data" / "city.osm"
    osm.write_text(osm.read_text(encoding="utf-8").replace('lon="125', f'lon="{lon}" was="125', 1), encoding="utf-8")
    code, said = run(path)
    assert code == 3
    assert "cannot be read as OSM data" in said


# What the campaign of tests/corpus found, one by one.


def spoilt_osm(folder: Path, *changes: tuple[str, str]) -> Path:
    path = project(folder, osm=True)
    osm = folder / "data" / "city.osm"
    text = osm.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    osm.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ((('generator="made up"', "generator='JOSM'"), ("<way ", "<way action='delete' ")), "were deleted in JOSM"),
        ((("<way ", '<way visible="false" '),), "holds deleted objects, as a history or a change file does"),
    ],
)
def test_an_extract_that_is_none_of_one_day(tmp_path: Path, run: Run, changes: Any, part: str) -> None:
    code, said = run(spoilt_osm(tmp_path, *changes))
    assert code == 3
    assert part in said
    assert "city.osm" in said


@pytest.mark.parametrize("lat", ["0", "-91", "1e308"])
def test_a_street_to_the_equator_is_left_out_and_told(tmp_path: Path, run: Run, lat: str) -> None:
    """Osmium reads 1e308 as 0, and takes -91; the street would be 4,900 km long."""
    code, said = run(spoilt_osm(tmp_path, ('lat="43.9100000"', f'lat="{lat}"')), "--metrics", "road_network_density")
    assert code == 0
    assert "osm: features that span hundreds of kilometres, so that a node of theirs is misplaced, left out: 1 (id w1)" in said


@pytest.mark.parametrize("part", [".shx", ".dbf"])
@pytest.mark.parametrize("rows", [250, 320])
def test_a_part_of_another_shapefile(tmp_path: Path, run: Run, part: str, rows: int) -> None:
    """GDAL reads as many features as the index says."""
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.shp"')
    WRITERS["shp"](tmp_path / "data" / "parks.shp")
    other = many().iloc[[n % 300 for n in range(rows)]]
    (tmp_path / "other").mkdir()
    other.to_file(tmp_path / "other" / "parks.shp", driver="ESRI Shapefile")
    shutil.copy(tmp_path / "other" / f"parks{part}", tmp_path / "data" / f"parks{part}")
    code, said = run(path)
    assert code == 3
    assert f"parks{part}" in said
    assert "of another file" in said


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        (b'{"type": "Feature", ', b'null, {"type": "Feature", ', "1 of 3 features are null or do not say that they are features (rows 0)"),
        (b'"type": "Feature", ', b"", "1 of 2 features are null or do not say that they are features (rows 0)"),
        ("劳动公园".encode(), b"\xff\xfe", "is not UTF-8, as GeoJSON must be"),
    ],
)
def test_geojson_of_which_gdal_would_read_less(tmp_path: Path, run: Run, old: bytes, new: bytes, part: str) -> None:
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.geojson"')
    content = parks().to_json(drop_id=True, ensure_ascii=False).encode()
    assert old in content
    (tmp_path / "data" / "parks.geojson").write_bytes(content.replace(old, new, 1))
    code, said = run(path)
    assert code == 3
    assert f"parks.geojson: {part}" in said


@pytest.mark.parametrize("policy", POLICIES)
def test_features_that_stand_twice(tmp_path: Path, run: Run, policy: str) -> None:
    """With the same id and geometry; two of one geometry with ids of their own are two."""
    content = frame(*[square(0, 0, 0.5)] * 3, square(1, 1, 0.5), code=["a", "a", "b", "c"], pop=[10.0, 10.0, 10.0, 5.0])
    options = f'id = "code"\nfield = "pop"\non_invalid = "{policy}"'
    code, said = run(layer(tmp_path, content, options, name="population"), "--metrics", "population", "--out", str(tmp_path / "o"))
    if policy == "error":
        assert code == 3
        assert "population.parquet: 1 of 4 features stand in the file before, with the same id and geometry (ids a)" in said
        return
    assert code == 0
    assert "population: features that stand twice, with the same id and geometry: dropped: 1 (id a)" in said
    table = pd.read_csv(tmp_path / "o" / "metrics.csv", dtype={"area_id": str}).set_index("area_id")
    assert table.loc["city", "value"] == pytest.approx(25.0, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("name,x,y,x\na,125.3,43.9,1", "the column x stands in the head more than once"),
        ("x,y,name\n125.3,43.9,a\n125.3,43.9", "1 rows have fewer fields than the head (lines 3)"),
    ],
)
def test_a_table_of_which_pandas_would_make_another(tmp_path: Path, run: Run, text: str, part: str) -> None:
    path = project(tmp_path, '[layers.transit_stops]\nfile = "data/stops.csv"\ncrs = "EPSG:4326"')
    (tmp_path / "data" / "stops.csv").write_text(text)
    code, said = run(path)
    assert code == 3
    assert f"stops.csv: {part}" in said


def test_counts_that_are_to_be_multiplied(tmp_path: Path, run: Run) -> None:
    import rasterio

    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    with rasterio.open(write_raster(tmp_path / "data" / "pop.tif", [[1, 2], [3, 4]]), "r+") as target:
        target.scales = (0.1,)
    code, said = run(path)
    assert code == 3
    assert "pop.tif: its cells are to be multiplied by 0.1" in said


def test_a_raster_that_lies_nowhere(tmp_path: Path, run: Run) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/pop.tif"')
    write_raster(tmp_path / "data" / "pop.tif", [[1, 2], [3, 4]], crs='LOCAL_CS["nowhere",UNIT["metre",1]]')
    code, said = run(path)
    assert code == 3
    assert "pop.tif: the raster's CRS, nowhere, is a local one" in said


@pytest.mark.parametrize(
    "written", ['"1403-01-01"', "1403-01-01", '"2567-04-09"', '"0113-04-09"', '"民国113年"', '"9999-12-31"', '"2024-02-30"']
)
def test_dates_of_other_calendars(tmp_path: Path, run: Run, written: str) -> None:
    path = project(tmp_path)
    path.write_text(f"date = {written}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    code, said = run(path)
    assert code == 2
    assert 'date must be written as "2024-04-09", in the Gregorian calendar' in said


@pytest.mark.parametrize("key", ["\\u001b[31m", "k" * 10_000])
def test_no_message_repeats_what_a_terminal_obeys_or_all_of_a_long_text(tmp_path: Path, run: Run, key: str) -> None:
    path = project(tmp_path)
    path.write_text(f'crs = "{key}"\n"{key}" = 1\n{path.read_text(encoding="utf-8")}', encoding="utf-8")
    code, said = run(path)
    assert code == 2
    assert "unknown key" in said
    assert "\x1b" not in said
    assert len(said) < 2000


@pytest.mark.parametrize(
    "style", ['color = "url(http://example.com)"', 'color = "#fff"', "width = nan", "size = -1", 'dash = "<b>"', "color = 3"]
)
def test_styles_that_are_none(tmp_path: Path, run: Run, style: str) -> None:
    path = project(tmp_path)
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "parks.toml").write_text(f"[style]\n{style}\n")
    code, said = run(path)
    assert code == 2
    assert f"[style]: {style.split(' ')[0]} must be" in said


def test_numbers_of_lanes_that_no_street_has_are_told(tmp_path: Path, run: Run) -> None:
    code, _ = run(
        spoilt_osm(tmp_path, ('k="lanes" v="4"', 'k="lanes" v="400"')), "--metrics", "road_area_ratio", "--out", str(tmp_path / "o")
    )
    assert code == 0
    notes = pd.read_csv(tmp_path / "o" / "metrics.csv")["note"]
    assert notes.str.contains("1 numbers of lanes were not credible and gave way to class defaults").any()


def test_a_header_box_that_is_a_point(tmp_path: Path, run: Run) -> None:
    path = spoilt_osm(tmp_path, ('maxlon="125.32" maxlat="43.92"', 'maxlon="125.3" maxlat="43.9"'))
    code, said = run(path, "--metrics", "data_completeness")
    assert code == 0
    assert "the extract has no header box: its extent is taken from its features" in said


def test_yes_and_no_are_no_numbers_of_people(tmp_path: Path, run: Run) -> None:
    code, said = run(layer(tmp_path, frame(square(0, 0), square(1, 0), pop=[True, False]), 'field = "pop"', name="population"))
    assert code == 3
    assert 'population.parquet: 2 of 2 features have no number of people in "pop" (ids 0, 1)' in said


@pytest.mark.parametrize("old", [b"\x05\x00\x00\x00", "南".encode()])
def test_geoparquet_with_a_broken_geometry_or_text(tmp_path: Path, run: Run, old: bytes) -> None:
    """Five corners become four, or two bytes of a letter no letter: neither is a fault of the program."""
    path = project(tmp_path)
    districts().to_parquet(tmp_path / "data" / "d.parquet", compression=None, write_statistics=False, use_dictionary=False)
    content = (tmp_path / "data" / "d.parquet").read_bytes()
    assert old in content
    (tmp_path / "data" / "d.parquet").write_bytes(content.replace(old, b"\x04\x00\x00\x00" if old[0] == 5 else b"\xff\xff\xff", 1))
    path.write_text('[layers.districts]\nfile = "data/d.parquet"\nid = "adcode"\nname = "name"\n', encoding="utf-8")
    code, said = run(path)
    assert code == 3
    assert "d.parquet: cannot be read as GeoParquet" in said
