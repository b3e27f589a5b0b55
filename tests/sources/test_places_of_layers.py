"""Wrong zones, zone prefixes and swapped axes: one error that names the reading under which the layer lies on the city."""

from __future__ import annotations

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from spatial.errors import CRSError, LayerError, SpatialError
from spatial.placement import explain
from spatial.project import open_city
from spatial.sources.files import FileOptions, read_vector
from tests.small_city import BOX, SOUTH, STEP, WEST, districts, project, square

CITY = (125.1, 43.7, 125.5, 44.0)
POINTS = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[shapely.Point(125.305, 43.905), shapely.Point(125.315, 43.915)], crs="EPSG:4326")


def stops(folder: Path, frame: gpd.GeoDataFrame, *, declared: str, swapped: bool = False, kind: str = "parquet") -> Path:
    """A layer of points that says it is in another CRS than it is."""
    path = project(folder, f'[layers.transit_stops]\nfile = "data/stops.{kind}"\n' + (f'crs = "{declared}"\n' if kind == "csv" else ""))
    x, y = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
    if swapped:
        x, y = y, x
    if kind == "csv":
        rows = ["name,x,y", *(f"{name},{a},{b}" for name, a, b in zip("ab", x, y, strict=True))]
        (folder / "data" / "stops.csv").write_text("\n".join(rows))
    else:
        wrong = frame.set_geometry(gpd.points_from_xy(x, y)).set_crs(declared, allow_override=True)
        wrong.to_parquet(folder / "data" / "stops.parquet")
    return path


def told(path: Path) -> str:
    with pytest.raises(SpatialError) as caught:
        open_city(path)
    assert isinstance(caught.value, CRSError | LayerError)
    assert "stops." in str(caught.value)
    return str(caught.value)


def test_both_ways_to_write_a_zone_are_read(tmp_path: Path) -> None:
    """Zone 42: x = 443,000 without its prefix, 42,443,000 with it; the same place."""
    wanted = POINTS.to_crs("EPSG:4551")
    assert 430_000 < wanted.geometry.x.iloc[0] < 460_000
    for code in ("EPSG:4551", "EPSG:4530", "EPSG:4550", "EPSG:4510", "EPSG:4499"):
        frame = POINTS.to_crs(code)
        city = open_city(stops(tmp_path / code[-4:], frame, declared=code))
        assert max(a.distance(b) for a, b in zip(city.frame("transit_stops").geometry, wanted.geometry, strict=True)) < 1e-3


@pytest.mark.parametrize(
    ("true", "declared"),
    [
        ("EPSG:4530", "EPSG:4551"),  # x carries the prefix, the CRS has none
        ("EPSG:4551", "EPSG:4530"),  # the other way round
        ("EPSG:4551", "EPSG:4550"),  # the neighbouring zone: 240 km
        ("EPSG:4551", "EPSG:4552"),
        ("EPSG:4551", "EPSG:4510"),  # 6-degree zone 21, central meridian 123, for the 3-degree zone 42, central meridian 126
        ("EPSG:4550", "EPSG:4551"),
        ("EPSG:4530", "EPSG:4501"),  # zone 42 of 3 degrees under zone 23 of 6 degrees
        ("EPSG:4499", "EPSG:4530"),
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_wrong_zone_is_named(tmp_path: Path, true: str, declared: str, kind: str, swapped: bool) -> None:
    said = told(stops(tmp_path, POINTS.to_crs(true), declared=declared, swapped=swapped, kind=kind))
    named = re.findall(r'crs = "(EPSG:\d+)"', said)
    bare = true in ("EPSG:4551", "EPSG:4550") and declared != "EPSG:4530"
    assert named == ([] if swapped and bare else [true])  # a northing first says nothing of the zone: that is told when it is put right
    assert ("x and y look swapped" in said) == swapped
    assert ("assign" in said) == (kind == "parquet" and bool(named) and "does not meet the city" in said)


def test_following_the_advice_puts_the_layer_on_the_city(tmp_path: Path) -> None:
    path = stops(tmp_path, POINTS.to_crs("EPSG:4530"), declared="EPSG:4510", kind="csv", swapped=True)
    advised = re.findall(r'crs = "(EPSG:\d+)"', told(path))[0]
    text = path.read_text("utf-8").replace('crs = "EPSG:4510"', f'crs = "{advised}"\nx = "y"\ny = "x"')
    path.write_text(text, encoding="utf-8")
    found = open_city(path).frame("transit_stops").to_crs("EPSG:4326").geometry
    assert np.allclose(found.x, POINTS.geometry.x, atol=1e-8)
    assert np.allclose(found.y, POINTS.geometry.y, atol=1e-8)


@pytest.mark.parametrize("declared", ["EPSG:4326", "EPSG:4490"])
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_latitude_first(tmp_path: Path, declared: str, kind: str) -> None:
    said = told(stops(tmp_path, POINTS, declared=declared, swapped=True, kind=kind))
    assert "x and y look swapped" in said
    assert ('x = "…" (east), y = "…" (north)' in said) == (kind == "csv")


@pytest.mark.parametrize(("true", "declared"), [("EPSG:4530", "EPSG:4551"), ("EPSG:4551", "EPSG:4326")])
def test_a_claim_that_cannot_be_gives_way_to_a_stated_crs(tmp_path: Path, true: str, declared: str) -> None:
    """GeoJSON in metres without a word about its CRS counts as degrees; nothing of it can be that."""
    path = stops(tmp_path, POINTS.to_crs(true), declared=declared)
    told(path)
    path.write_text(path.read_text("utf-8") + f'crs = "{true}"\n', encoding="utf-8")
    city = open_city(path)
    assert np.allclose(city.frame("transit_stops").to_crs("EPSG:4326").geometry.x, POINTS.geometry.x, atol=1e-8)
    assert any(f"features cannot be in {declared}, as the file says: read in {true}, as stated: 2" in n.en for n in city.notices)


def test_a_claim_that_can_be_does_not_give_way(tmp_path: Path) -> None:
    path = stops(tmp_path, POINTS.to_crs("EPSG:4551"), declared="EPSG:4550")
    path.write_text(path.read_text("utf-8") + 'crs = "EPSG:4551"\n', encoding="utf-8")
    assert "says EPSG:4550 but city.toml says" in told(path)


def test_northing_first_as_surveyors_write(tmp_path: Path) -> None:
    """X is north and Y is east in a Chinese survey: the columns X and Y are found, and cannot be right."""
    frame = POINTS.to_crs("EPSG:4551")
    path = project(tmp_path, '[layers.transit_stops]\nfile = "data/stops.csv"\ncrs = "EPSG:4551"\n')
    rows = ["name,X,Y", *(f"a,{y},{x}" for x, y in zip(frame.geometry.x, frame.geometry.y, strict=True))]
    (tmp_path / "data" / "stops.csv").write_text("\n".join(rows))
    said = told(path)
    assert "2 of 2 features" in said
    assert 'x and y look swapped: name the columns the other way round: x = "…" (east), y = "…" (north)' in said
    path.write_text(path.read_text("utf-8") + 'x = "Y"\ny = "X"\n', encoding="utf-8")
    assert len(open_city(path).frame("transit_stops")) == 2


def test_swapped_geojson_where_both_ways_are_places(tmp_path: Path) -> None:
    """Las Palmas, 28° N 15° W: swapped, it lies in the Atlantic off Africa, lawful degrees, and only the city tells."""
    (tmp_path / "data").mkdir()
    gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.box(-15.45, 28.1, -15.40, 28.15)], crs="EPSG:4326").to_file(tmp_path / "d.geojson")
    gpd.GeoDataFrame(geometry=[shapely.box(28.11, -15.43, 28.12, -15.42)], crs="EPSG:4326").to_file(tmp_path / "stops.geojson")
    path = tmp_path / "city.toml"
    path.write_text('[layers.districts]\nfile = "d.geojson"\nid = "code"\n[layers.parks]\nfile = "stops.geojson"\n', encoding="utf-8")
    said = told(path)
    assert "does not meet the city" in said
    assert "x and y look swapped: swap them in the file" in said


def test_degrees_under_a_projected_crs_and_the_other_way_round(tmp_path: Path) -> None:
    assert 'its coordinates are those of crs = "EPSG:4326"' in told(stops(tmp_path / "a", POINTS, declared="EPSG:4551"))
    said = told(stops(tmp_path / "b", POINTS.to_crs("EPSG:4530"), declared="EPSG:4326"))
    assert 'its coordinates are those of crs = "EPSG:4530"' in said


def test_a_layer_of_another_city_gets_no_advice(tmp_path: Path) -> None:
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.parquet"\n')
    gpd.GeoDataFrame(geometry=[shapely.box(126.5, 45.7, 126.6, 45.8)], crs="EPSG:4326").to_parquet(tmp_path / "data" / "parks.parquet")
    with pytest.raises(LayerError, match=r"does not meet the city: .* check the layer's CRS, datum and place"):
        open_city(path)


ESRI = (
    'PROJCS["CGCS2000_3_Degree_GK_{zone}",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",SPHEROID["CGCS2000",'
    '6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],'
    'PARAMETER["False_Easting",{easting}],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",126.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


@pytest.mark.parametrize(("zone", "easting", "code"), [("CM_126E", 500000.0, 4551), ("Zone_42", 42500000.0, 4530)])
def test_a_prj_in_esris_words(tmp_path: Path, zone: str, easting: float, code: int) -> None:
    frame = POINTS.to_crs(code)
    pyogrio.write_dataframe(frame, tmp_path / "s.shp")
    (tmp_path / "s.prj").write_text(ESRI.format(zone=zone, easting=easting))
    read = read_vector(tmp_path / "s.shp", FileOptions(), where="stops", wanted=("name",))
    assert read.crs.to_epsg() == code
    assert read.crs.area_of_use is not None
    assert np.allclose(read.to_crs("EPSG:4326").geometry.x, POINTS.geometry.x)


def test_a_zone_that_no_code_has(tmp_path: Path) -> None:
    """A city's own central meridian on CGCS2000 is no local datum: it is read as it is written."""
    wkt = ESRI.format(zone="CM_125_20", easting=500000.0).replace('"Central_Meridian",126.0', '"Central_Meridian",125.3333')
    frame = POINTS.to_crs(wkt)
    pyogrio.write_dataframe(frame, tmp_path / "s.shp")
    (tmp_path / "s.prj").write_text(wkt)
    path = project(tmp_path, '[layers.transit_stops]\nfile = "s.shp"\n')
    found = open_city(path).frame("transit_stops").to_crs("EPSG:4326").geometry
    assert np.allclose(found.x, POINTS.geometry.x, atol=1e-8)


def test_the_case_of_changchun(cases: Path) -> None:
    """Its own Shapefile says WGS-84 in ESRI's words, and UTF-8."""
    frame = read_vector(cases / "changchun" / "长春市.shp", FileOptions(), where="districts", wanted=("name",))
    assert frame.crs.to_epsg() == 4326
    west, south, east, north = frame.total_bounds
    assert west < 125.3 < east
    assert south < 43.9 < north


def test_no_reading_is_better_than_a_wrong_one() -> None:
    import pyproj

    assert explain((443000.0, 4860000.0, 444000.0, 4861000.0), pyproj.CRS(32651), (0.0, 50.0, 1.0, 51.0)) == ("", False)
    assert explain((450000.0, 3109000.0, 458000.0, 3115000.0), pyproj.CRS(32629), (-15.5, 28.0, -15.3, 28.2)) == ("EPSG:32628", False)
    assert explain((443000.0, 4860000.0, 444000.0, 4861000.0), pyproj.CRS(4552), CITY) == ("EPSG:4551", False)
    assert explain((4860000.0, 443000.0, 4861000.0, 444000.0), pyproj.CRS(4551), CITY) == ("", True)


def test_the_square_city_is_where_the_figures_say() -> None:
    assert districts().total_bounds == pytest.approx(BOX)
    assert square(0, 0).bounds == pytest.approx((WEST, SOUTH, WEST + STEP, SOUTH + STEP))
