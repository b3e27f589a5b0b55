"""The city's centre: declared, named, or the middle of what is built, and which of them is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from shapely import Point, box

from spatial.city import City
from spatial.errors import ProjectError
from spatial.metrics.centre import city_centre
from spatial.project import open_city
from tests.small_city import STEP, osm_xml

CRS = "EPSG:32651"
EAST, NORTH = 512_000.0, 4_860_000.0


def frame(shapes: list[Any], **columns: Any) -> gpd.GeoDataFrame:
    made = gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)
    return made.set_geometry(made.translate(EAST, NORTH))


def city(name: str = "子虚", **layers: Any) -> City:
    return City.from_layers(name, crs=CRS, boundary=frame([box(0, 0, 10_000, 10_000)]), **layers)


def found(made: City) -> tuple[float, float, bool]:
    centre = city_centre(made)
    return round(centre.point.x - EAST), round(centre.point.y - NORTH), centre.estimated


def test_a_declared_centre_is_no_estimate() -> None:
    point = frame([Point(1234, 4321)]).to_crs("EPSG:4326").geometry[0]
    places = frame([Point(5, 5)], name=["子虚市"], place=["city"])
    assert found(city(places=places, centre=(point.x, point.y))) == (1234, 4321, False)


def test_of_several_cities_the_one_of_the_name() -> None:
    # Districts are mapped as cities too.
    places = frame([Point(1, 1), Point(2, 2), Point(3, 3)], name=["香坊区", "子虚市", "南岗区"], place=["city"] * 3)
    assert found(city(places=places)) == (2, 2, True)
    towns = frame([Point(1, 1), Point(2, 2)], name=["乌有镇", "子虚"], place=["town", "town"])
    assert found(city(places=towns)) == (2, 2, True)


def test_the_only_city_whatever_its_name() -> None:
    places = frame([Point(1, 1), Point(2, 2)], name=["Las Palmas de Gran Canaria", "子虚"], place=["city", "village"])
    assert found(city("Las Palmas", places=places)) == (1, 1, True)


def test_else_the_middle_of_what_is_built() -> None:
    # Two of several cities and none of the name: 3 km² around (1000, 500) and 1 km² around (5500, 500): x = (3 × 1.5 + 5.5) / 4 km.
    places = frame([Point(1, 1), Point(2, 2)], name=["甲市", "乙市"], place=["city", "city"])
    built = frame([box(0, 0, 3000, 1000), box(5000, 0, 6000, 1000)])
    assert found(city(places=places, built_up_area=built)) == (2500, 500, True)


def test_else_the_middle_of_the_boundary() -> None:
    assert found(city()) == (5000, 5000, True)


def project(folder: Path, line: str) -> Path:
    (folder / "city.osm").write_text(osm_xml(), encoding="utf-8")
    (folder / "city.toml").write_text(f'name = "城"\n{line}\n[osm]\nfile = "city.osm"\n', encoding="utf-8")
    return folder


def test_city_toml_says_where_it_is(tmp_path: Path) -> None:
    made = open_city(project(tmp_path, "centre = [125.305, 43.905]"), cache=False)
    assert made.centre is not None
    back = gpd.GeoSeries([made.centre], crs=made.crs).to_crs("EPSG:4326")[0]
    assert (back.x, back.y) == (pytest.approx(125.30 + STEP / 2), pytest.approx(43.90 + STEP / 2))
    assert open_city(project(tmp_path, ""), cache=False).centre is None


@pytest.mark.parametrize("value", ["[125.3]", "[43.9, 125.3]", '"125.3, 43.9"', "[125.3, true]", "[nan, 43.9]"])
def test_a_centre_that_cannot_be_used_is_told(tmp_path: Path, value: str) -> None:
    with pytest.raises(ProjectError, match=r"centre must be \[longitude, latitude\]"):
        open_city(project(tmp_path, f"centre = {value}"), cache=False)


def test_a_centre_far_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="lies more than 50 km from the city"):
        open_city(project(tmp_path, "centre = [121.47, 31.23]"), cache=False)
