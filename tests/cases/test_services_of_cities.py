"""Services on foot in real cities: against networkx on the raw node references, and what cannot be told is said."""

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.spatial import cKDTree

from spatial.measurement import measure
from spatial.metrics.facilities import facilities, mapped
from spatial.metrics.origins import people_origins
from spatial.project import open_city

pytestmark = pytest.mark.cases

OWN = """
[classes.fresh_food]
title = { zh = "生鲜", en = "fresh food" }
from = [
  { shop = ["supermarket", "bakery", "butcher", "fishmonger", "greengrocer", "deli"] }, { amenity = ["marketplace"] },
]

[metrics.fresh_food_coverage]
title = { zh = "生鲜 500 米覆盖率", en = "Fresh food within 500 m" }
standard = { zh = "测试", en = "for the test" }

[metrics.fresh_food_coverage.classes]
fresh_food = { distance_m = 500, status = "to be confirmed", source = "test" }
"""


@pytest.fixture(scope="module")
def las_palmas(cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("las_palmas")
    source = cases / "las_palmas"
    (outline,) = source.glob("*EPSG4326.geojson")
    (folder / "facilities.toml").write_text(OWN, encoding="utf-8")
    (folder / "city.toml").write_text(
        f"""
name = "Las Palmas"
[osm]
file = "{source}/las_palmas_20230221.osm.pbf"
[layers.boundary]
file = "{outline}"
[layers.built_up_area]
file = "{outline}"
[layers.population]
file = "{source}/population_substitute.tif"
""",
        encoding="utf-8",
    )
    return open_city(folder)


def test_las_palmas_against_networkx(las_palmas):
    """Every vertex a node, every place at its nearest vertex, nobody barred: within two points of a hundred of the product's share."""
    city = las_palmas
    roads = city.frame("roads")
    shut = roads.highway.isin(["motorway", "motorway_link", "construction", "proposed", "platform"]) | (roads.foot == "no")
    graph, place = nx.Graph(), {}
    for line, refs in zip(roads.geometry[~shut], roads.nodes[~shut], strict=True):
        xy = shapely.get_coordinates(line)
        for a, b, p, q in zip(refs[:-1], refs[1:], xy[:-1], xy[1:], strict=True):
            graph.add_edge(int(a), int(b), weight=float(np.hypot(*(p - q))))
            place[int(a)], place[int(b)] = p, q
    parts = sorted(nx.connected_components(graph), key=len)
    kept = [node for node in place if node in parts[-1]]
    tree = cKDTree(np.array([place[node] for node in kept]))
    shops = np.unique(facilities(city, "fresh_food").facility, return_index=True)[1]
    points = shapely.get_coordinates(shapely.point_on_surface(facilities(city, "fresh_food").shapes[shops]))
    gap, near = tree.query(points)
    graph.add_node("shops")
    for extra, index in zip(gap, near, strict=True):
        if extra <= 200 and (not graph.has_edge("shops", kept[index]) or graph["shops"][kept[index]]["weight"] > extra):
            graph.add_edge("shops", kept[index], weight=float(extra))
    far = nx.single_source_dijkstra_path_length(graph, "shops", cutoff=700)
    origins = people_origins(city)
    outline = city.boundary()
    shapely.prepare(outline)
    inside = shapely.intersects(outline, origins.points)
    extra, index = tree.query(shapely.get_coordinates(origins.points))
    ways = np.array([far.get(kept[i], np.inf) for i in index]) + extra
    expected = origins.weight[inside & (ways <= 500)].sum() / origins.weight[inside].sum()
    row = measure(city, ["fresh_food_coverage"]).get("fresh_food_coverage")
    assert row.value == pytest.approx(expected, abs=0.02)
    assert 0.5 < row.value < 0.9


def test_las_palmas_on_foot_is_less_than_straight(las_palmas):
    table = measure(las_palmas, ["fresh_food_coverage", "bus_stop_500m_coverage", "park_service_coverage"]).table
    value = table[table.area_id == "city"].set_index(["metric", "variant"]).value
    for metric, foot, straight in (
        ("fresh_food_coverage", "network_residents", "straight_line_residents"),
        ("bus_stop_500m_coverage", "network_residents", "straight_line_residents"),
        ("park_service_coverage", "network_2022_people", "straight_line_2022_people"),
    ):
        assert 0.3 < value[metric, foot] < value[metric, straight] < 1


def test_las_palmas_people_add_up(las_palmas):
    """The places stand for everybody of the raster, exactly."""
    assert people_origins(las_palmas).weight.sum() == pytest.approx(las_palmas.layer("population").raster.total, rel=1e-6)


@pytest.fixture(scope="module")
def harbin(cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("harbin")
    source = cases / "harbin"
    (folder / "city.toml").write_text(
        f"""
name = "哈尔滨"
[osm]
file = "{source}/harbin_202404.osm.pbf"
[layers.districts]
file = "{source}/districts_230100.json"
id = "adcode"
name = "name"
datum = "gcj02"
[layers.population]
total = 3000000
""",
        encoding="utf-8",
    )
    city = open_city(folder)
    return city, measure(
        city,
        [
            "service_15min_coverage",
            "health_coverage",
            "eldercare_coverage",
            "school_coverage",
            "rail_station_800m_coverage",
            "bus_stop_500m_coverage",
        ],
    )


def test_harbin_does_not_say_that_there_is_no_health_care(harbin):
    """222 schools, 8 pharmacies, hardly a clinic, no home for the elderly: not mapped is not absent."""
    city, results = harbin
    assert {kind: mapped(city, kind).verdict for kind in ("school", "pharmacy", "health_centre", "eldercare", "rail_station")} == {
        "school": "counts",
        "pharmacy": "thin",
        "health_centre": "thin",
        "eldercare": "absent",
        "rail_station": "counts",
    }
    assert np.isnan(results.get("eldercare_coverage").value)
    pharmacy = results.get("health_coverage", variant="pharmacy_network_residents")
    assert pharmacy.quality == 0.0
    assert "probably not mapped" in pharmacy.note
    together = results.get("service_15min_coverage", variant="tdt1063_network_residents")
    assert "elderly care (none in all the data)" in together.note
    assert together.value > 0
    mofcom = results.get("service_15min_coverage", variant="mofcom_network_residents")
    assert (mofcom.status, np.isnan(mofcom.value)) == ("no_data", True)


def test_harbin_people_are_an_estimate_and_nobody_is_lost(harbin):
    city, results = harbin
    row = results.get("school_coverage", variant="school_network_residents")
    assert "people are estimated" in row.note
    assert row.low <= row.value < row.high
    assert "unreachable, no walkable way near" in row.note
    assert people_origins(city).weight.sum() == pytest.approx(3_000_000)


def test_harbin_stations_have_entrances(harbin):
    city, results = harbin
    stations = facilities(city, "rail_station")
    assert 20 < stations.count < 100
    assert len(stations.entrances) > stations.count / 2
    assert 0.2 < results.get("rail_station_800m_coverage", variant="straight_line_residents").value < 0.8


def test_porto_alegre_hexagons(cases, tmp_path):
    """People in hexagons, schools in their middles: the share within 1,000 m by straight line lies between those of 800 and 1,200 m by centre."""
    table = pd.read_csv(cases / "porto_alegre" / "poa_hexgrid.csv")
    points = gpd.GeoSeries.from_xy(table.lon, table.lat, crs="EPSG:4326").to_crs("EPSG:32722")
    cells = gpd.GeoSeries(shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(points.tolist()))), crs=points.crs)
    cells = cells[cells.area < 150_000]  # those of the rim are open
    joined = gpd.sjoin(gpd.GeoDataFrame(table, geometry=points), gpd.GeoDataFrame(geometry=cells), predicate="within")
    hexagons = gpd.GeoDataFrame({"people": joined.population}, geometry=cells.loc[joined.index_right].to_numpy(), crs=points.crs)
    schools = joined[joined.schools > 0]
    hexagons.to_file(tmp_path / "hexagons.gpkg")
    gpd.GeoDataFrame({"amenity": "school"}, geometry=schools.geometry.tolist(), index=range(len(schools)), crs=points.crs).to_file(
        tmp_path / "schools.gpkg"
    )
    (tmp_path / "city.toml").write_text(
        f"""
name = "Porto Alegre"
[osm]
file = "{cases}/porto_alegre/poa_osm.pbf"
[layers.population]
file = "hexagons.gpkg"
field = "people"
[layers.facilities]
file = "schools.gpkg"
[layers.elevation]
file = "{cases}/porto_alegre/poa_elevation.tif"
""",
        encoding="utf-8",
    )
    city = open_city(tmp_path)
    assert people_origins(city).weight.sum() == pytest.approx(joined.population.sum())
    results = measure(city, ["school_coverage"], by="grid:5000")
    rows = {
        reach: results.get("school_coverage", variant=f"school_{reach}_residents") for reach in ("straight_line", "network", "walking_time")
    }
    gap, _ = cKDTree(shapely.get_coordinates(schools.geometry)).query(shapely.get_coordinates(joined.geometry))
    within = [joined.population[gap <= limit].sum() / joined.population.sum() for limit in (800, 1200)]
    assert within[0] < rows["straight_line"].numerator / joined.population.sum() < within[1]
    assert 0.3 < rows["network"].value < rows["straight_line"].value
    # Hills cost time: at 4 km/h fewer are within 15 minutes than within 1,000 m.
    assert rows["walking_time"].value < rows["network"].value - 0.005
