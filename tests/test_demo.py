"""The demo city: what is stored is what the generator makes, and what was planned is what the package finds.

The facts of ``data/demo/truths.toml`` come from the plan. Each kind of fact has one check here, most by the package, walks by networkx on
the raw extract.
"""

from __future__ import annotations

import functools
import itertools
import tomllib
from collections import Counter
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

from spatial.measurement import measure
from spatial.roads import road_model
from tests import make_demo
from tests.demo_city.reading import FACTS, Raw, city, node_at, point, raw, walk_m, walkable, walks


@functools.cache
def people(by: str):
    return measure(city(), ["population"], by)


# What is stored.


def test_stored_city_is_what_the_generator_makes(tmp_path):
    """Contents, not bytes: a GeoPackage carries the hour, and a container another order."""
    make_demo.write(tmp_path)
    stored = make_demo.TARGET
    files = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {path.relative_to(stored) for path in stored.rglob("*") if path.is_file()}
    for name in (
        "city.toml",
        "maps/overview.toml",
        "outcomes.toml",
        "data/statistics.csv",
        "data/work-report-2025.csv",
        "data/action-plan-2024-2027.csv",
    ):
        assert (stored / name).read_text("utf-8") == (tmp_path / name).read_text("utf-8"), name
    assert_alike(tomllib.loads((tmp_path / "truths.toml").read_text("utf-8"))["fact"], FACTS)
    made, kept = Raw(tmp_path / "data" / "zixu.osm.pbf"), raw()
    assert made.box == kept.box
    assert made.ways == kept.ways
    assert made.relations == kept.relations
    assert {ref: tags for ref, (_, _, tags) in made.nodes.items()} == {ref: tags for ref, (_, _, tags) in kept.nodes.items()}
    places = [np.array([node[:2] for node in each.nodes.values()]) for each in (made, kept)]
    assert abs(places[0] - places[1]).max() <= 1  # the last digit that OSM keeps may differ between libraries
    for name in ("population.tif", "elevation.tif"):
        with rasterio.open(tmp_path / "data" / name) as a, rasterio.open(stored / "data" / name) as b:
            assert (a.crs, a.transform, a.nodata, a.dtypes, a.shape) == (b.crs, b.transform, b.nodata, b.dtypes, b.shape)
            assert np.allclose(a.read(1), b.read(1), rtol=1e-5, atol=1e-2)


def assert_alike(made: Any, stored: Any) -> None:
    """Facts with places that may differ in the last digit."""
    assert type(made) is type(stored)
    if isinstance(made, dict):
        assert made.keys() == stored.keys()
    if isinstance(made, dict | list):
        assert len(made) == len(stored)
        for key in made if isinstance(made, dict) else range(len(made)):
            assert_alike(made[key], stored[key])
    elif isinstance(made, float):
        assert made == pytest.approx(stored, abs=2e-7)
    else:
        assert made == stored


def test_stored_layers_are_what_the_generator_makes():
    from tests.demo_city.local import layers

    path = make_demo.TARGET / "data" / "local.gpkg"
    made = layers()
    assert {name for name, _ in pyogrio.list_layers(path)} == set(made)
    for name, frame in made.items():
        stored = gpd.read_file(path, layer=name)
        assert stored.crs == frame.crs
        assert stored.drop(columns="geometry").equals(frame.drop(columns="geometry"))
        assert shapely.equals_exact(stored.geometry, frame.geometry, 1e-3).all(), name


def test_stored_ledgers_are_what_the_generator_makes():
    from tests.demo_city.promises import DAY, WEEK_BEFORE
    from tests.demo_city.tasks import LAYER, frame, latest, tasks, tasks_before

    for day, rows in ((DAY, latest(tasks())), (WEEK_BEFORE, tasks_before())):
        made, stored = frame(rows), gpd.read_file(make_demo.TARGET / "data" / f"ledger-{day}.gpkg", layer=LAYER)
        assert stored.crs == made.crs
        assert stored.drop(columns="geometry").fillna("").equals(made.drop(columns="geometry").fillna(""))
        there = made.geometry.notna()
        assert (stored.geometry.notna() == there).all()
        assert shapely.equals_exact(stored.geometry[there], made.geometry[there], 1e-3).all()


def test_it_is_small_and_large_enough():
    """Under 3 MB; six to eight thousand buildings, most with their storeys."""
    assert sum(path.stat().st_size for path in make_demo.TARGET.rglob("*") if path.is_file()) < 3e6
    levels = ["building:levels" in tags for _, tags in raw().ways if "building" in tags]
    assert 6000 <= len(levels) <= 8000
    assert np.mean(levels) > 0.9


def test_it_says_that_it_is_synthetic():
    assert city().attribution == "合成数据 synthetic"  # and nobody else's
    assert "synthetic" in city().synthetic


def test_every_input_is_used_and_nothing_had_to_be_mended():
    ledger, statistics = (notice.en for notice in city().notices)  # the rows of no use that are planted in both tables, and nothing else
    assert ledger.startswith("ledger: 8 of 292 rows are left out")
    assert statistics.startswith("2 rows of the table of statistics left out")
    assert {"communities", "elevation", "gates", "walls", "zones"} <= set(city().layers)


def test_hostile_names_are_kept_as_they_are():
    names = set(city().frame("facilities")["name"].dropna())
    assert {"<script>alert('子虚')</script>便利店", "=1+1饭店"} <= names


def test_streets_hold_together():
    """A walker gets everywhere: what is not joined to the rest is a tenth of a percent at most."""
    graph = nx.compose(walks(private=False), walks(private=True))
    whole = graph.size("length")
    largest = graph.subgraph(max(nx.connected_components(graph), key=len))
    assert largest.size("length") > 0.999 * whole


def test_buildings_stand_apart():
    frame = city().frame("buildings")
    outlines = np.asarray(frame.geometry)
    a, b = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    overlap = shapely.area(shapely.intersection(outlines[a[a < b]], outlines[b[a < b]]))
    assert not (overlap > 1.0).any()


# What was planned.


def check_people(fact):
    row = people(fact.get("by", "districts")).get("population", area_id=fact.get("area_id", "city"))
    return row.value


def check_length(fact):
    model = road_model(city())
    highway = city().frame("roads")["highway"].to_numpy()[model.road]
    used = np.isin(highway, fact["highway"].split(","))
    return float((shapely.length(model.lines) * model.weights)[used].sum())


def check_ring(fact):
    roads = city().frame("roads")
    ring = roads[roads["name"].isin(fact["names"]) & (roads["oneway"] == "yes")]
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.union_all(ring.geometry.to_numpy()))))
    centre = shapely.Point(city().frame("boundary").geometry.iloc[0].centroid)
    assert any(face.contains(centre) for face in faces)
    return float(ring.length.sum()) / 2


def check_rail(fact):
    rail, stops = city().frame("rail"), city().frame("transit_stops")
    assert (stops["station"] == fact["railway"]).sum() == fact["stations"]
    return float(rail.length[rail["railway"] == fact["railway"]].sum())


def check_area(fact):
    return float(shapely.area(city().frame(fact["layer"]).geometry).sum())


def check_count_local(fact):
    return len(city().frame(fact["layer"]))


def check_parks(fact):
    area = city().frame("parks").area
    return int(((area >= fact["low_m2"]) & (area < fact["high_m2"])).sum())


def check_park_area(fact):
    del fact
    return float(city().frame("parks").area.sum())


def check_named_park(fact):
    parks = city().frame("parks")
    (park,) = parks.geometry[parks["name"] == fact["name"]]
    gates = city().frame("gates")
    assert (gates.distance(park.boundary) < 0.1).sum() == fact["gates"]
    return park.area


def check_ticketed_park(fact):
    parks = city().frame("parks")
    assert parks["name"][parks["fee"] == "yes"].to_list() == [fact["name"]]
    return float(parks.area[parks["fee"] == "yes"].sum())


def check_no_park_within(fact):
    land, parks = city().frame("landuse"), city().frame("parks")
    (compound,) = land.geometry[land["name"] == fact["name"]]
    nearest = float(parks.distance(compound).min())
    assert nearest > fact["limit_m"]
    return nearest


def check_only_crossing(fact):
    place = point(fact["where"])
    graph = walks(private=False).copy()
    assert walk_m(fact, graph) < 1.3 * fact["straight_m"]
    bridge = [
        refs for refs, tags in raw().ways if "bridge" in tags and walkable(tags) and shapely.LineString(raw().xy(refs)).distance(place) < 50
    ]
    assert len(bridge) == 2  # one of each direction
    graph.remove_edges_from([pair for refs in bridge for pair in itertools.pairwise(refs)])
    assert fact["at_least_m"] <= walk_m(fact, graph) <= fact["at_most_m"]


def check_detour(fact):
    assert point(fact["from"]).distance(point(fact["to"])) == pytest.approx(fact["straight_m"], abs=1.0)
    graph = walks(private=False)
    if fact.get("resident"):
        home = walks(private=True)
        graph = nx.compose(graph, home.subgraph(nx.node_connected_component(home, node_at(fact["from"]))))
        facilities = city().frame("facilities")
        (school,) = facilities.geometry[facilities["name"] == fact["school"]]
        assert school.distance(point(fact["from"])) == pytest.approx(fact["near_m"], abs=2.0)
        walls = shapely.union_all(city().frame("walls").geometry.to_numpy())
        assert shapely.LineString([point(fact["from"]), shapely.ops.nearest_points(point(fact["from"]), school)[1]]).intersects(walls)
    assert fact["at_least_m"] <= walk_m(fact, graph) <= fact["at_most_m"]


def check_one_facility(fact):
    stops = city().frame("transit_stops")
    same = stops.geometry[stops["name"] == fact["name"]]
    assert len(same) == fact["nodes"]
    return same.iloc[0].distance(same.iloc[1])


def check_count_nodes(fact):
    return sum(all(tags.get(key) == value for key, value in fact["tags"].items()) for _, _, tags in raw().nodes.values())


def check_no_stop_within(fact):
    stops = city().frame("transit_stops")
    nearest = float(stops[stops["highway"] == "bus_stop"].distance(point(fact["where"])).min())
    assert nearest > fact["limit_m"]
    return nearest


def check_dead_ends(fact):
    graph = walks(private=False)
    return sum(graph.degree(node_at(end)) == 1 for end in fact["at"])


OF_CLASS = {
    "primary": lambda f: (f["amenity"] == "school") & (f["isced_level"] == "1"),
    "middle": lambda f: (f["amenity"] == "school") & (f["isced_level"] == "2;3"),
    "eldercare": lambda f: (f["social_facility"] == "day_care") & (f["social_facility_for"] == "senior"),
    "market": lambda f: f["amenity"] == "marketplace",
    "parcel": lambda f: f["amenity"] == "parcel_locker",
    "community": lambda f: f["amenity"] == "community_centre",
    "convenience": lambda f: (f["shop"] == "convenience") & (f["disused"] != "yes"),
    "supermarket": lambda f: f["shop"] == "supermarket",
}


def check_facilities(fact):
    facilities = city().frame("facilities")
    kind = fact["of"]
    mine = facilities[OF_CLASS[kind](facilities) if kind in OF_CLASS else facilities["amenity"] == kind]
    if "area_id" in fact:
        districts = city().frame("districts")
        (district,) = districts.geometry[districts["id"] == fact["area_id"]]
        mine = mine[mine.within(district)]
    return len(mine)


def check_sites(fact):
    sites = measure(city(), [fact["metric"]]).evidence[f"{fact['metric']}.sites"]
    mine = sites[sites["class"] == fact["of"]]
    assert mine["reachable"].all()
    return len(mine)


def check_closed(fact):
    del fact
    return sum(
        tags.get("disused") == "yes" or tags.get("shop") == "vacant" or "disused:amenity" in tags for _, _, tags in raw().nodes.values()
    )


def check_height(fact):
    with rasterio.open(make_demo.TARGET / "data" / "elevation.tif") as heights:
        ((height,),) = heights.sample([point(fact["where"]).coords[0]])
        assert height >= heights.read(1).max() - 2
    return float(height)


CHECKS = {name.removeprefix("check_"): check for name, check in list(globals().items()) if name.startswith("check_")}


@pytest.mark.parametrize("fact", FACTS, ids=[fact["id"] for fact in FACTS])
def test_planted_fact(fact):
    found = CHECKS[fact["kind"]](fact)
    assert (found is None) == ("value" not in fact)
    if found is not None:
        assert found == pytest.approx(fact["value"], abs=max(fact["within"], 1e-9))


def test_facts_are_told_in_both_languages_and_lie_in_the_city():
    boundary = city().frame("boundary").geometry.iloc[0]
    assert max(Counter(fact["id"] for fact in FACTS).values()) == 1
    for fact in FACTS:
        assert fact["zh"].endswith("。"), fact["id"]
        assert fact["en"].endswith("."), fact["id"]
        assert boundary.covers(point(fact["where"])), fact["id"]
