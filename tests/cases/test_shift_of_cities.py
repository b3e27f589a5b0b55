"""Real layers against real streets: as they are, moved on purpose, and those whose names say the opposite of what they are."""

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from spatial.crs import choose_crs
from spatial.datum import to_wgs84, wgs84_to_bd09, wgs84_to_gcj02
from spatial.layers import layer_specs
from spatial.shift import find_shift
from spatial.sources.osm import read_osm
from spatial.twins import find_twin_shift

pytestmark = pytest.mark.cases

DEGREES = pyproj.CRS.from_epsg(4326)
DONE = {
    "aligned": lambda lon, lat: (lon, lat),
    "gcj02": wgs84_to_gcj02,
    "over_converted": lambda lon, lat: to_wgs84(lon, lat, "gcj02"),
    "bd09": wgs84_to_bd09,
    "unsure": lambda lon, lat: wgs84_to_gcj02(*wgs84_to_gcj02(lon, lat)),  # twice
}


class Town:
    """Geometries in degrees, and how they come into the town's CRS, after something was done to them."""

    def __init__(self, lon, lat, roads):
        self.crs = choose_crs(lon, lat)
        self.way = pyproj.Transformer.from_crs(DEGREES, self.crs, always_xy=True)
        self.roads = self.metres(roads)

    def metres(self, geometries, done="aligned"):
        return shapely.transform(
            np.asarray(geometries, dtype=object), lambda xy: np.column_stack(self.way.transform(*DONE[done](xy[:, 0], xy[:, 1])))
        )

    def shift(self, geometries, done="aligned"):
        return find_shift(self.metres(geometries, done), self.roads, self.crs)


@pytest.fixture(scope="module")
def harbin_layers(cases):
    return read_osm(cases / "harbin" / "harbin_202404.osm.pbf", layer_specs().values()).frames


@pytest.fixture(scope="module")
def harbin(harbin_layers):
    return Town(126.64, 45.74, harbin_layers["roads"].geometry)


@pytest.fixture(scope="module")
def harbin_parcels(cases):
    return gpd.read_file(cases / "harbin" / "哈尔滨市.shp").geometry


@pytest.fixture(scope="module")
def changchun_parcels(cases):
    return gpd.read_file(cases / "changchun" / "长春市.shp").geometry


@pytest.fixture(scope="module")
def weiman(cases):
    """Central Changchun, by the names of its files."""
    folder = cases / "changchun" / "weiman"
    return {path.name.split(".")[0]: gpd.read_file(path).geometry.to_numpy() for path in folder.glob("*.*json") if "meta" not in path.name}


@pytest.fixture(scope="module")
def parks(cases):
    land_use = gpd.read_file(cases / "changchun" / "weiman" / "data_gis_landuse_clipped.geojson")
    return land_use[land_use["Type"] == "公园与绿地"].geometry.to_numpy()


@pytest.fixture(scope="module")
def changchun(weiman):
    return Town(125.33, 43.89, weiman["static_road_clipped"])


@pytest.mark.parametrize("done", DONE)
def test_harbin_parcels(harbin, harbin_parcels, done):
    found = harbin.shift(harbin_parcels, done)
    assert found.verdict == done
    assert found.z > 30  # 54 to 67, leads by 48 to 62
    assert found.lead > 20
    if done == "gcj02":
        assert math.hypot(found.east_m, found.north_m) == pytest.approx(found.expected_m, abs=20) == pytest.approx(512, abs=5)


def test_harbin_roads_of_2019(harbin, cases):
    older = read_osm(cases / "harbin" / "harbin_2019.osm.pbf", layer_specs().values()).frames["roads"].geometry
    assert harbin.shift(older).verdict == "aligned"
    assert harbin.shift(older, "gcj02").verdict == "gcj02"


@pytest.mark.parametrize("layer", ["parcels", "data_gis_landuse_clipped", "data_gis_road_clipped"])
@pytest.mark.parametrize("done", DONE)
def test_changchun_parcels_land_use_and_roads(changchun, changchun_parcels, weiman, layer, done):
    shapes = changchun_parcels if layer == "parcels" else weiman[layer]
    found = changchun.shift(shapes, done)
    assert found.verdict == done
    assert found.lead > 10  # 20 to 51
    assert found.expected_m == pytest.approx(591, abs=5)


def half(shapes, which):
    if which == "every second":
        return np.arange(len(shapes)) % 2 == 0
    x = shapely.get_x(shapely.centroid(shapes))
    return x < np.median(x)


@pytest.mark.parametrize("which", ["every second", "the west"])
@pytest.mark.parametrize("layer", ["parcels", "data_gis_landuse_clipped"])
def test_half_of_changchun_in_gcj02_is_mixed(changchun, changchun_parcels, weiman, layer, which):
    """Aligned by 2 to 4 sd of lead, if only the best fit were looked at."""
    shapes = np.asarray(changchun_parcels if layer == "parcels" else weiman[layer])
    found = find_shift(
        np.where(half(shapes, which), changchun.metres(shapes, "gcj02"), changchun.metres(shapes)), changchun.roads, changchun.crs
    )
    assert (found.verdict, {found.main, found.also}) == ("mixed", {"aligned", "gcj02"})
    apart_m = math.hypot(found.also_east_m - found.east_m, found.also_north_m - found.north_m)
    assert apart_m == pytest.approx(found.expected_m, abs=25)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
@pytest.mark.parametrize("done", ["gcj02", "over_converted", "bd09"])
def test_a_share_of_the_land_use_in_another_datum_is_found(changchun, weiman, done, share):
    shapes = weiman["data_gis_landuse_clipped"]
    moved = np.random.default_rng(1).permutation(len(shapes)) < share * len(shapes)
    found = find_shift(np.where(moved, changchun.metres(shapes, done), changchun.metres(shapes)), changchun.roads, changchun.crs)
    few, many = ("aligned", done) if share > 0.5 else (done, "aligned")
    assert (found.verdict, found.main, found.also) == ("mixed", many, few)


def test_two_dozen_parks_half_in_gcj02_are_not_aligned(changchun, parks):
    """So few shapes do not always tell what the other half is, but that not all is well."""
    assert changchun.shift(parks).verdict == "aligned"
    for moved in (half(parks, "every second"), *(np.random.default_rng(seed).permutation(len(parks)) % 2 == 0 for seed in range(3))):
        shapes = np.where(moved, changchun.metres(parks, "gcj02"), changchun.metres(parks))
        assert find_shift(shapes, changchun.roads, changchun.crs).verdict in {"mixed", "unsure"}


def test_roads_lie_on_themselves(harbin, changchun):
    for town in (harbin, changchun):
        found = find_shift(town.roads, town.roads, town.crs)
        assert (found.verdict, found.east_m, found.north_m) == ("aligned", 0, 0)


def test_layers_of_harbins_extract_raise_no_alarm(harbin, harbin_layers):
    verdicts = {name: harbin.shift(frame.geometry).verdict for name, frame in harbin_layers.items()}
    assert set(verdicts.values()) == {"aligned", "unsure"}
    points, few = {"gates", "transit_stops", "places", "road_ends", "hamlets"}, {"bus_lanes", "road_polygons", "greenways"}
    assert {name for name, verdict in verdicts.items() if verdict == "unsure"} == {*points, *few, "water"}


def test_what_has_no_edges_along_streets_stays_unsure(changchun, harbin, weiman, cases):
    """Rail, a few buildings, points; district outlines are GCJ-02 in truth, which streets cannot tell."""
    for name in ("data_gis_rail_clipped", "static_protected_buildings"):
        assert changchun.shift(weiman[name]).verdict == "unsure"
    stations = pd.read_csv(cases / "changchun" / "metro_stations_gcj02.csv")
    assert changchun.shift(shapely.points(stations["lng_gcj02"], stations["lat_gcj02"])).windows == 0
    for town, file in ((changchun, "changchun/districts_220100.json"), (harbin, "harbin/districts_230100.json")):
        assert town.shift(gpd.read_file(cases / file).geometry).verdict == "unsure"


@pytest.mark.parametrize("what", ["Boundary_Scope", "Key_Plots"])
def test_files_whose_names_say_the_opposite(changchun, weiman, what):
    """Named gcj02, they lie on the streets; named wgs84, they were converted once too often; the one is the other's twin."""
    named_gcj02, named_wgs84 = weiman[f"{what}_gcj02_50cd04b"], weiman[f"{what}_wgs84_50cd04b"]
    assert changchun.shift(named_gcj02).verdict == "aligned"
    assert changchun.shift(named_wgs84).verdict == "over_converted"
    twins = find_twin_shift(changchun.metres(named_gcj02), changchun.metres(named_wgs84), changchun.crs)
    assert (twins.relation, twins.datum, twins.share) == ("a_shifted", "gcj02", 1.0)
    assert twins.rest_m < 2.5


def test_no_other_two_files_of_changchun_are_twins_in_two_datums(changchun, weiman, cases):
    layers = {name: changchun.metres(shapes) for name, shapes in weiman.items() if "wgs84" not in name}
    layers["districts"] = changchun.metres(gpd.read_file(cases / "changchun" / "districts_220100.json").geometry)
    found = {(a, b): find_twin_shift(layers[a], layers[b], changchun.crs).relation for a in layers for b in layers if a < b}
    same = {("Boundary_Scope_gcj02_50cd04b", "data_gis_Boundary_Scope"), ("Key_Plots_gcj02_50cd04b", "data_gis_Key_Plots_District")}
    assert {pair for pair, relation in found.items() if relation == "same"} == same
    assert {relation for pair, relation in found.items() if pair not in same} == {"unrelated"}


@pytest.mark.parametrize(
    ("file", "lon", "lat", "layers"),
    [
        ("las_palmas/las_palmas_20230221.osm.pbf", -15.43, 28.12, {"roads": "aligned", "landuse": "aligned", "water": "unsure"}),
        ("porto_alegre/poa_osm.pbf", -51.2, -30.05, {"roads": "aligned", "landuse": "aligned", "parks": "unsure"}),
    ],
    ids=["Las Palmas", "Porto Alegre"],
)
def test_outside_china_there_is_no_alarm(cases, file, lon, lat, layers):
    frames = read_osm(cases / file, layer_specs().values()).frames
    town = Town(lon, lat, frames["roads"].geometry)
    assert {name: town.shift(frames[name].geometry).verdict for name in layers} == layers
    assert town.shift(frames["landuse"].geometry).expected_m == pytest.approx(0, abs=1e-6)


def test_parts_of_a_city_raise_no_alarm(harbin, harbin_layers, harbin_parcels):
    """Squares of 1.5 to 6 km of layers with and without edges along streets."""
    random = np.random.default_rng(7)
    verdicts = {}
    for name in ("water", "buildings", "rail", "parcels"):
        metres = harbin.metres(harbin_parcels if name == "parcels" else harbin_layers[name].geometry)
        tree = shapely.STRtree(metres)
        for part in range(4):
            middle = shapely.get_coordinates(harbin.roads[random.integers(len(harbin.roads))])[0]
            half = random.uniform(750, 3000)
            some = metres[tree.query(shapely.box(*(middle - half), *(middle + half)))]
            verdicts[name, part] = find_shift(some, harbin.roads, harbin.crs).verdict
    assert set(verdicts.values()) == {"aligned", "unsure"}
    assert [verdicts["parcels", part] for part in range(4)].count("aligned") >= 3
