"""Urban rail of real cities: lines as the routes of an extract say them, held against the routes read by another way."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import osmium
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from spatial.city import City
from spatial.layers import layer_specs
from spatial.measurement import measure
from spatial.metrics.rail_lines import RailLines, rail_lines
from spatial.sources.osm import read_osm

pytestmark = pytest.mark.cases
REFS = ("1", "2", "3")


@pytest.fixture(scope="module")
def file(cases: Path) -> Path:
    return cases / "harbin" / "harbin_202404.osm.pbf"


@pytest.fixture(scope="module")
def city(file: Path) -> City:
    data = read_osm(file, [layer_specs()[name] for name in ("rail", "transit_stops")])
    box = gpd.GeoDataFrame({"area_id": ["all"], "name": ["all"]}, geometry=[shapely.box(*data.box)], crs="EPSG:4326")  # type: ignore[misc]
    return City.from_layers(districts=box, **data.frames)


@pytest.fixture(scope="module")
def lines(city: City) -> RailLines:
    return rail_lines(city)


@pytest.fixture(scope="module")
def routes(file: Path) -> dict[str, list[Any]]:
    """Members of the metro routes by their reference, one list a relation."""
    found: dict[str, list[Any]] = {ref: [] for ref in REFS}
    for relation in osmium.FileProcessor(str(file), osmium.osm.RELATION):
        if relation.tags.get("route") == "subway":
            found[relation.tags["ref"]].append([(member.type, member.ref) for member in relation.members])
    return found


@pytest.fixture(scope="module")
def ways(file: Path) -> dict[int, tuple[float, bool]]:
    """Length along the ellipsoid of every track, and whether the file lacks a node of it."""
    geod, found = Geod(ellps="WGS84"), {}
    processor = osmium.FileProcessor(str(file)).with_locations().with_filter(osmium.filter.KeyFilter("railway"))
    for way in processor:
        if way.is_way():
            places = [(node.lon, node.lat) if node.location.valid() else None for node in way.nodes]
            metres = sum(geod.inv(*a, *b)[2] for a, b in pairwise(places) if a and b)
            found[way.id] = metres, None in places
    return found


@pytest.mark.parametrize("ref", REFS)
def test_a_line_is_half_of_what_its_two_directions_name(
    ref: str, lines: RailLines, routes: dict[str, list[Any]], ways: dict[int, tuple[float, bool]]
) -> None:
    members = [number for relation in routes[ref] for kind, number in relation if kind == "w"]
    assert len(routes[ref]) == 2
    (mine,) = [i for i, name in enumerate(lines.name) if f"{ref}号线" in name and lines.kind[i] == "subway"]
    # The plane of the city's zone differs from the ellipsoid by less than 1 ‰.
    assert lines.length_m()[mine] == pytest.approx(sum(ways[number][0] for number in members) / 2, rel=1e-3)
    assert bool(lines.cut[mine]) == any(ways[number][1] for number in members)


def test_the_line_that_is_whole_has_all_its_stations(lines: RailLines, routes: dict[str, list[Any]]) -> None:
    whole = [i for i in range(len(lines.name)) if not lines.cut[i]]
    assert len(whole) == 1
    stops = {number for relation in routes["3"] for kind, number in relation if kind == "n"}
    assert lines.stations[whole[0]] == len(stops)


def test_depots_links_and_what_is_being_built_are_told_apart(city: City, lines: RailLines, ways: dict[int, tuple[float, bool]]) -> None:
    """Every metre of metro track in the file either counts or is left out for a reason."""
    rail = city.frame("rail")
    metro = rail[rail["railway"] == "subway"]
    counted = lines.length_m()[lines.kind == "subway"].sum()
    left_out = lines.left_out[lines.left_out["kind"] == "subway"]
    assert counted + left_out.length.sum() == pytest.approx(metro.length.sum(), rel=1e-9)
    assert set(left_out["reason"]) == {"service", "no_route"}
    assert left_out["reason"].eq("service").sum() == metro["service"].eq("yard").sum()
    assert counted > 0.6 * metro.length.sum()


def test_the_row_of_the_city_names_what_is_cut(city: City) -> None:
    row = measure(city, ["rail_length"], lang="zh").get("rail_length")
    cut = row.note.split("被数据边缘截断")[0].split("；")[-1]
    assert "1号线" in cut
    assert "2号线" in cut
    assert "3号线" not in cut
    assert row.value == pytest.approx(rail_lines(city).length_m().sum() / 1e3, rel=1e-2)


def test_lines_of_changchun_by_the_ground_beside_them(cases: Path) -> None:
    """Ways of Geofabrik's schema without routes: the strip 100 m to both sides of all tracks of a line, divided by its width, is its length."""
    folder = cases / "changchun"
    ways = gpd.read_file(folder / "weiman" / "data_gis_rail_clipped.geojson").to_crs("EPSG:4551").rename(columns={"fclass": "railway"})
    stops = pd.read_csv(folder / "metro_stations_gcj02.csv", dtype={"line": str})
    points = gpd.points_from_xy(stops["lng_gcj02"], stops["lat_gcj02"], crs="EPSG:4326")
    stations = gpd.GeoDataFrame(
        {"name": stops["name"], "routes": stops["line"], "station": "light_rail", "railway": "station"}, geometry=points
    ).to_crs("EPSG:4551")
    box = gpd.GeoDataFrame({"area_id": ["all"], "name": ["all"]}, geometry=[shapely.box(*stations.total_bounds)], crs="EPSG:4551")
    found = rail_lines(City.from_layers(districts=box, rail=ways[["railway", "name", "geometry"]], transit_stops=stations))
    light = ways[ways["railway"] == "light_rail"].assign(name=ways["name"].fillna("").str.strip())
    assert set(found.name) == set(light["name"])
    assert set(found.kind) == {"light_rail"}
    lengths = dict(zip(found.name, found.length_m(), strict=True))
    for name, tracks in light.groupby("name"):
        strip = shapely.union_all(shapely.buffer(shapely.line_merge(tracks.union_all()), 100.0, cap_style="flat"))
        assert lengths[name] == pytest.approx(strip.area / 200.0, rel=0.05), name
    by_line = dict(zip(found.name, found.stations, strict=True))
    for name, number in (("长春轨道交通4号线", "4"), ("长春快速轨道交通3号线", "3")):
        assert by_line[name] == stops.loc[stops["line"] == number, "name"].nunique()
