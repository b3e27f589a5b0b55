"""Rings, radials and greenways of real cities: what is cut says so, and what is counted can be counted another way."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from spatial.measurement import measure
from spatial.metrics.ring_roads import ring_roads
from spatial.project import open_city

pytestmark = pytest.mark.cases
NAMES = ["ring_radial_structure", "ring_completeness", "greenway_length", "greenway_ring_closed"]


@pytest.fixture(scope="module")
def harbin(cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("harbin")
    (folder / "city.toml").write_text(
        f"""
name = "哈尔滨"
[osm]
file = "{cases}/harbin/harbin_202404.osm.pbf"
[layers.districts]
file = "{cases}/harbin/districts_230100.json"
id = "adcode"
name = "name"
datum = "gcj02"
""",
        encoding="utf-8",
    )
    city = open_city(folder, cache=False)
    return city, measure(city, NAMES)


def test_the_centre_is_the_city_and_none_of_its_districts(harbin):
    """The extract holds six places that are called cities."""
    city, results = harbin
    places = city.frame("places")
    assert (places["place"] == "city").sum() > 1
    (mine,) = places[places["name"] == "哈尔滨市"].geometry
    assert results.evidence["ring_radial_structure.centre"].geometry[0].equals(mine)


def test_the_third_ring_is_drawn_as_far_as_the_data_go(harbin):
    city, results = harbin
    rings = results.evidence["ring_radial_structure.rings"].set_index("name")
    third = rings.loc["三环"]
    assert (third["closed"], third["cut"]) == ("no", "yes")
    # Another way: cut the plane into 360 sectors around the centre and see which of them a road with 三环 in its name crosses.
    roads = city.frame("roads")
    mine = roads["name"].fillna("").str.contains("三环") & roads["highway"].isin(["motorway", "trunk", "primary", "secondary"])
    (x, y), united = city_centre_xy(results), shapely.union_all(roads.geometry[mine].to_numpy())
    angle = np.radians(np.arange(360) + 0.5)
    rays = shapely.linestrings(
        np.stack(
            [np.column_stack([np.full(360, x), np.full(360, y)]), np.column_stack([x + 3e4 * np.sin(angle), y + 3e4 * np.cos(angle)])],
            axis=1,
        )
    )
    seen = int(shapely.intersects(rays, united).sum())
    assert third["completeness_deg"] == pytest.approx(seen, abs=2)  # breaks of up to 200 m are bridged
    row = results.get("ring_radial_structure", variant="arterial_rings")
    assert (row.value, row.status) == (0, "partial")
    assert row.high >= 1
    gaps = results.evidence["ring_radial_structure.ring_gaps"]
    assert shapely.covers(shapely.buffer(city.data_extent, 1.0), gaps.geometry.to_numpy()).all()


def city_centre_xy(results):
    (point,) = results.evidence["ring_radial_structure.centre"].geometry
    return point.x, point.y


def test_radials_are_not_counted_where_the_data_do_not_reach(harbin):
    _, results = harbin
    row = results.get("ring_radial_structure", variant="radials")
    assert row.status == "no_data"
    assert "circle of counting" in row.note


def test_no_named_greenway_is_no_data_and_never_zero(harbin):
    _, results = harbin
    table = results.table[results.table.metric.str.startswith("greenway")]
    assert (table.status == "no_data").all()


def test_naming_the_streets_of_a_ring_makes_it_more_complete(harbin, tmp_path):
    """The gaps of the third ring name the roads that run along them; a project that says so has fewer gaps."""
    from dataclasses import replace

    city, results = harbin
    gaps = results.evidence["ring_radial_structure.ring_gaps"]
    streets = sorted({name for along in gaps["along"][gaps["name"] == "三环"] for name in along.split("、") if name})
    assert streets
    listed = ", ".join(f'"{name}"' for name in streets)
    (tmp_path / "rings.toml").write_text(f'[rings."三环"]\nstreets = [{listed}]\n', encoding="utf-8")
    memory = {key: value for key, value in city._memory.items() if key == "road_model"}
    declared = ring_roads(replace(city, folder=tmp_path, _memory=memory))
    found = next(ring for ring in declared.rings["arterial"] if ring.key == "三环")
    before = next(ring for ring in ring_roads(city).rings["arterial"] if ring.key == "三环")
    assert found.met > before.met
