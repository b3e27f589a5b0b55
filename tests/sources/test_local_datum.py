"""Xian-1980 and Beijing-1954: an error without parameters, exact with them; and the parameters reach nothing that is written."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from spatial.city_toml import parse_project
from spatial.cli import main
from spatial.crs import WGS84, reproject
from spatial.errors import CRSError, ProjectError
from spatial.project import open_city
from tests.small_city import SOUTH, STEP, WEST, project, square

# Made up, of the size that such parameters have.
SEVEN = (-87.6531, 112.3478, 61.9127, 1.73519, -2.41873, 3.26154, -4.81726)
THREE = (-23.7165, 138.2941, 72.8813)
XIAN, BEIJING = (6378140.0, 298.257), (6378245.0, 298.3)


def cartesian(lon: float, lat: float, ellipsoid: tuple[float, float]) -> np.ndarray:
    major, inverse = ellipsoid
    e2 = (2 - 1 / inverse) / inverse
    normal = major / math.sqrt(1 - e2 * math.sin(lat) ** 2)
    return np.array([normal * math.cos(lat) * math.cos(lon), normal * math.cos(lat) * math.sin(lon), normal * (1 - e2) * math.sin(lat)])


def geodetic(xyz: np.ndarray, ellipsoid: tuple[float, float]) -> tuple[float, float]:
    major, inverse = ellipsoid
    e2 = (2 - 1 / inverse) / inverse
    p = math.hypot(xyz[0], xyz[1])
    lat = math.atan2(xyz[2], p * (1 - e2))
    for _ in range(10):
        normal = major / math.sqrt(1 - e2 * math.sin(lat) ** 2)
        lat = math.atan2(xyz[2] + e2 * normal * math.sin(lat), p)
    return math.degrees(math.atan2(xyz[1], xyz[0])), math.degrees(lat)


def to_wgs84(lon: float, lat: float, ellipsoid: tuple[float, float], parameters: tuple[float, ...]) -> tuple[float, float]:
    """The textbook: X' = T + (1 + s) R X with small rotations, position-vector convention."""
    dx, dy, dz, rx, ry, rz, ppm = (*parameters, *[0.0] * 7)[:7]
    rx, ry, rz = (math.radians(angle / 3600) for angle in (rx, ry, rz))
    turn = np.array([[1, -rz, ry], [rz, 1, -rx], [-ry, rx, 1]])
    xyz = cartesian(math.radians(lon), math.radians(lat), ellipsoid)
    return geodetic(np.array([dx, dy, dz]) + (1 + ppm * 1e-6) * turn @ xyz, (6378137.0, 298.257223563))


def to_local(lon: float, lat: float, ellipsoid: tuple[float, float], parameters: tuple[float, ...]) -> tuple[float, float]:
    """The place on the local ellipsoid from which ``to_wgs84`` leads here, by iteration."""
    x, y = lon, lat
    for _ in range(12):
        fx, fy = to_wgs84(x, y, ellipsoid, parameters)
        x, y = x - (fx - lon), y - (fy - lat)
    return x, y


PLACES = [(WEST + 0.001, SOUTH + 0.002), (WEST + 2 * STEP, SOUTH + STEP), (WEST + 0.5 * STEP, SOUTH + 1.9 * STEP)]


def local_file(folder: Path, crs: int, ellipsoid: tuple[float, float], parameters: tuple[float, ...]) -> Path:
    """Places of WGS-84, as a surveyor on the local datum would have written them."""
    datum = pyproj.CRS(crs).geodetic_crs
    points = np.array([shapely.Point(to_local(*place, ellipsoid, parameters)) for place in PLACES], dtype=object)
    path = project(folder, f'[layers.transit_stops]\nfile = "data/stops.parquet"\ndatum_parameters = {list(parameters)}')
    frame = gpd.GeoDataFrame({"name": ["a", "b", "c"]}, geometry=reproject(points, datum, pyproj.CRS(crs)), crs=crs)
    frame.to_parquet(folder / "data" / "stops.parquet")
    return path


@pytest.mark.parametrize(
    ("crs", "ellipsoid"), [(2387, XIAN), (2366, XIAN), (4610, XIAN), (2439, BEIJING), (21463 - 2, BEIJING), (4214, BEIJING)]
)
@pytest.mark.parametrize("parameters", [SEVEN, THREE])
def test_the_way_there_and_back(tmp_path: Path, crs: int, ellipsoid: tuple[float, float], parameters: tuple[float, ...]) -> None:
    city = open_city(local_file(tmp_path, crs, ellipsoid, parameters))
    assert any("with the stated parameters, whose accuracy is that of the office" in notice.en for notice in city.notices)
    found = city.frame("transit_stops").to_crs(WGS84).geometry
    apart = [pyproj.Geod(ellps="WGS84").inv(*place, point.x, point.y)[2] for place, point in zip(PLACES, found, strict=True)]
    assert max(apart) < 1e-3
    moved = [pyproj.Geod(ellps="WGS84").inv(*place, *to_local(*place, ellipsoid, parameters))[2] for place in PLACES]
    assert min(moved) > 20  # what would be wrong without the parameters


def test_without_parameters_the_error_tells_the_way_out(tmp_path: Path) -> None:
    path = local_file(tmp_path, 2387, XIAN, SEVEN)
    path.write_text(path.read_text("utf-8").replace("datum_parameters", "# datum_parameters"), encoding="utf-8")
    with pytest.raises(CRSError, match=r"EPSG:2387 → EPSG:4326: the datums differ .*datum_parameters = \[dx, dy, dz, rx, ry, rz, ppm\]"):
        open_city(path)


PRJ = (
    'PROJCS["local",GEOGCS["GCS_local",DATUM["{datum}",SPHEROID["{name}",{major},{inverse}]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],'
    'PARAMETER["Central_Meridian",125.0],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


@pytest.mark.parametrize(("datum", "major", "inverse"), [("D_Xian_1980", *XIAN), ("D_Changchun_Local", *BEIJING)])
def test_a_prj_whose_datum_nobody_knows(tmp_path: Path, datum: str, major: float, inverse: float) -> None:
    """A city's own central meridian; the datum under ESRI's name, or under a made-up one."""
    wkt = PRJ.format(datum=datum, name="e", major=major, inverse=inverse)
    here = pyproj.CRS(wkt)
    points = np.array([shapely.Point(to_local(*place, (major, inverse), SEVEN)) for place in PLACES], dtype=object)
    projected = reproject(points, here.geodetic_crs, here)
    path = project(tmp_path, '[layers.transit_stops]\nfile = "data/stops.shp"\n')
    gpd.GeoDataFrame({"name": ["a", "b", "c"]}, geometry=projected, crs="EPSG:4551").to_file(tmp_path / "data" / "stops.shp")
    (tmp_path / "data" / "stops.prj").write_text(wkt)
    with pytest.raises(CRSError, match="the datums differ and their relation is not known"):
        open_city(path)
    path.write_text(path.read_text("utf-8") + f"datum_parameters = {list(SEVEN)}", encoding="utf-8")
    found = open_city(path).frame("transit_stops").to_crs(WGS84).geometry
    assert max(pyproj.Geod(ellps="WGS84").inv(*a, b.x, b.y)[2] for a, b in zip(PLACES, found, strict=True)) < 1e-3


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("3", "must be 3 or 7 numbers"),
        ('"1,2,3"', "must be 3 or 7 numbers"),
        ("[1, 2]", "must be 3 or 7 numbers"),
        ("[1, 2, 3, 4, 5, 6]", "must be 3 or 7 numbers"),
        ('[1, 2, "84.4321"]', "must be 3 or 7 numbers"),
        ("[1, 2, nan]", "must be 3 or 7 numbers"),
        ("[true, 2, 3]", "must be 3 or 7 numbers"),
        ("[9184.4321, 2, 3]", "dx cannot be so large"),
        ("[1, 2, 3, 84.4321, 0, 91.22, 0]", "rx, rz cannot be so large"),
        ("[1, 2, 3, 0, 0, 0, 184.4321]", "ppm cannot be so large"),
        ('[1, 2, 3]\ndatum = "gcj02"', "remove datum"),
    ],
)
def test_parameters_that_cannot_be(tmp_path: Path, value: str, part: str) -> None:
    path = project(tmp_path, f'[layers.parks]\nfile = "data/parks.gpkg"\ndatum_parameters = {value}')
    with pytest.raises(ProjectError, match=r"\[layers\.parks\]: datum_parameters") as caught:
        parse_project(path)
    assert part in str(caught.value)
    assert not any(number in str(caught.value) for number in ("84.4321", "91.22"))


def test_parameters_under_another_key_are_not_repeated(tmp_path: Path) -> None:
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.gpkg"\ndatum = [1.234567, 2.5, 3.5]')
    with pytest.raises(ProjectError, match="datum must be one of") as caught:
        parse_project(path)
    assert "1.234567" not in str(caught.value)


def test_parameters_for_a_layer_that_needs_none(tmp_path: Path) -> None:
    path = project(tmp_path, f"datum_parameters = {list(THREE)}")
    with pytest.raises(CRSError, match="EPSG:4326 needs no datum_parameters") as caught:
        open_city(path)
    assert not any(str(number) in str(caught.value) for number in THREE)


def test_parameters_that_move_a_layer_too_far(tmp_path: Path) -> None:
    """Each number is possible, all together are not: rotations of 50 arc-seconds move by a kilometre and more."""
    path = local_file(tmp_path, 2387, XIAN, SEVEN)
    path.write_text(path.read_text("utf-8").replace(str(list(SEVEN)), "[0.0, 0, 0, 53.1875, 53.1875, 53.1875, 0]"), encoding="utf-8")
    with pytest.raises(CRSError, match="datum_parameters move the layer by more than 1000 m; check their order, units") as caught:
        open_city(path)
    assert "53.1875" not in str(caught.value)


def contents(path: Path) -> list[bytes]:
    """A file's bytes, and what is packed inside it."""
    out = [path.read_bytes()]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            out += [archive.read(name) for name in archive.namelist()]
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        out += [table.to_csv().encode(), repr(table.attrs).encode()]
    return out


def test_parameters_reach_nothing_that_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "plan"
    path = local_file(folder, 2387, XIAN, SEVEN)
    districts = gpd.read_file(folder / "data" / "districts.geojson")
    assert len(districts) == 4
    parks = np.array([shapely.transform(square(0.2, 0.2, 0.3), lambda xy: np.array([to_local(*p, XIAN, SEVEN) for p in xy]))], dtype=object)
    gpd.GeoDataFrame({"name": ["p"]}, geometry=parks, crs=4610).to_parquet(folder / "data" / "parks.parquet")
    extra = f'\n[layers.parks]\nfile = "data/parks.parquet"\ndatum_parameters = {list(SEVEN)}\n'
    path.write_text(path.read_text("utf-8") + extra, encoding="utf-8")
    assert main(["run", str(path)]) == 0
    said = capsys.readouterr()
    written = [file for file in folder.rglob("*") if file.is_file() and file.parent != folder / "data" and file != path]
    assert {"run.json", "metrics.csv", "city.gpkg", "map.html", "metrics.parquet", "metrics.xlsx"} <= {file.name for file in written}
    assert any(".spatial-cache" in file.parts for file in written)
    needles = [str(abs(number)).encode() for number in SEVEN] + [struct.pack("<d", number) for number in SEVEN]
    needles += [struct.pack(">d", number) for number in SEVEN]
    haystacks = [*(content for file in written for content in contents(file)), said.out.encode(), said.err.encode()]
    for needle in needles:
        assert not any(needle in haystack for haystack in haystacks)
    assert b"datum_parameters" not in b"".join(haystacks)
    # The cache holds the districts alone; the digest of city.toml is not one of its text.
    kept = {file.stem for file in written if ".spatial-cache" in file.parts and file.suffix == ".parquet"}
    assert kept == {"districts"}
    (run,) = (json.loads(file.read_text("utf-8")) for file in written if file.name == "run.json")
    digest = next(entry["sha256"] for entry in run["inputs"] if entry["layer"] == "city.toml")
    assert digest != hashlib.sha256(path.read_bytes()).hexdigest()
    assert not any(str(abs(number)) in repr(parse_project(path)) for number in SEVEN)


def test_another_set_of_parameters_is_another_run(tmp_path: Path) -> None:
    """16 bits tell two sets apart, and leave whoever tries out numbers with one in 65,536 that fit."""
    path = local_file(tmp_path, 2387, XIAN, SEVEN)
    first = parse_project(path).digest()
    assert parse_project(path).digest() == first
    path.write_text(path.read_text("utf-8").replace("-87.6531", "-87.6532"), encoding="utf-8")
    second = parse_project(path).digest()
    assert second != first
    path.write_text(path.read_text("utf-8").replace("试城", "别城"), encoding="utf-8")
    assert parse_project(path).digest() != second
