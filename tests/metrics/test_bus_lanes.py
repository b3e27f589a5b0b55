"""Bus lanes: one street a tag, then cities whose kilometres fit in a comment."""

from __future__ import annotations

import dataclasses
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Polygon, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics.bus_lanes import HALO_M, directions_with_lane
from tests.metrics.test_roads import CRS, Road, few, frame, polygons, road

WIDE = box(-1000, -1000, 6_000, 1000)


def lane_city(lanes: list[Road], areas: dict[str, Polygon] | None = None, *, date: str = "2025-06-30", origin: str = "local") -> City:
    made = City.from_layers(crs=CRS, date=date, districts=polygons(areas or {"a": WIDE}), bus_lanes=frame(lanes))
    return dataclasses.replace(made, layers={**made.layers, "bus_lanes": dataclasses.replace(made.layers["bus_lanes"], origin=origin)})


def kilometres(lanes: list[Road], **more: Any) -> tuple[float, float]:
    results = measure(lane_city(lanes, **more), ["bus_lane_length"])
    return tuple(float(results.get("bus_lane_length", variant=variant).value) for variant in ("lane_km", "road_km"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("tags", "count"),
    [
        ({"busway": "lane"}, 2),
        ({"busway": "lane", "oneway": "yes"}, 1),
        ({"busway": "opposite_lane", "oneway": "yes"}, 1),
        ({"busway": "no"}, 0),
        ({"busway_both": "lane"}, 2),
        ({"busway_right": "lane"}, 1),
        ({"busway_left": "lane"}, 1),
        ({"busway_left": "lane", "busway_right": "lane"}, 2),
        ({"busway_left": "lane", "busway_right": "lane", "oneway": "yes"}, 1),
        ({"busway_left": "opposite_lane", "busway_right": "lane", "oneway": "yes"}, 2),
        ({"lanes_psv": "1", "oneway": "yes"}, 1),
        ({"lanes_psv": "2", "oneway": "yes"}, 1),
        ({"lanes_psv": "2"}, 2),
        ({"lanes_bus": "1"}, 1),
        ({"lanes_bus_forward": "1"}, 1),
        ({"lanes_bus_forward": "1", "lanes_bus_backward": "1"}, 2),
        ({"lanes_psv": "many"}, 0),
        ({"psv_lanes": "yes|yes|designated", "oneway": "yes"}, 1),
        ({"bus_lanes": "|||"}, 0),
        ({"bus_lanes": "yes|yes"}, 0),
        ({"bus_lanes_forward": "|designated", "bus_lanes_backward": "|designated"}, 2),
        ({"bus_lanes_forward": "|designated", "lanes_bus_forward": "1", "busway_right": "lane"}, 1),
        ({"highway": "busway"}, 2),
        ({"highway": "busway", "oneway": "-1"}, 1),
        ({"psv": "designated", "motor_vehicle": "no"}, 2),
        ({"psv": "designated"}, 0),  # buses may drive there, and all others too
        ({"highway": "service", "psv": "designated", "access": "no"}, 0),  # a depot
        ({"highway": "construction", "busway": "lane"}, 0),
        ({"highway": None}, 2),  # a line of the office's own layer
        ({"highway": None, "oneway": "yes"}, 1),
        ({"highway": None, "directions": 1.0}, 1),
        ({"directions": 2.0, "oneway": "yes"}, 2),
    ],
)
def test_in_how_many_directions_a_street_has_a_lane(tags: dict[str, Any], count: int) -> None:
    lanes = gpd.GeoDataFrame([{"highway": "primary", **tags}], geometry=[LineString([(0, 0), (1, 0)])], crs=CRS)
    assert directions_with_lane(lanes)[0] == count


def test_five_kilometres_with_lanes_both_ways() -> None:
    # 10 km by direction, 5 km of road.
    assert kilometres([road((0, 0), (5000, 0), highway="primary", busway="lane")]) == pytest.approx((10.0, 5.0))


def test_a_dual_carriageway_with_a_lane_on_each_side_is_one_road() -> None:
    # Two carriageways of 5 km, drawn as three ways, a lane each: 10 km by direction, 5 km of road. With a lane on one of them: 5 and 5.
    tags = {"highway": "primary", "oneway": "yes", "name": "人民大街", "busway_right": "lane"}
    there, first, second = road((0, 0), (5000, 0), **tags), road((5000, 30), (2000, 30), **tags), road((2000, 30), (0, 30), **tags)
    assert kilometres([there, first, second]) == pytest.approx((10.0, 5.0))
    assert kilometres([there]) == pytest.approx((5.0, 5.0))
    assert kilometres([there, {**first, "name": "解放大路"}]) == pytest.approx((8.0, 8.0))  # two streets
    crossing = road((2500, -500), (2500, 500), highway="secondary", busway="lane", name="人民大街")
    assert kilometres([there, first, second, crossing]) == pytest.approx((12.0, 6.0))


def test_what_came_into_use_in_the_year_is_told_apart() -> None:
    # On 2025-06-30: 5 km of 2020 and 1 km of May 2025, both ways; 2 km of next August are not in use; 1 km says nothing.
    lanes = [
        road((0, 0), (5000, 0), opened="2020-01-01"),
        road((0, 200), (1000, 200), opened="2025-05-01"),
        road((0, 400), (2000, 400), opened="2025-08-01"),
        road((0, 600), (1000, 600), highway=None),
    ]
    for lane in lanes:
        lane["highway"] = None
    results = measure(lane_city(lanes), ["bus_lane_length"])
    values = {variant: results.get("bus_lane_length", variant=variant).value for variant in ("lane_km", "road_km", "added_in_year")}
    assert values == pytest.approx({"lane_km": 14.0, "road_km": 7.0, "added_in_year": 2.0})
    assert "4.00 km that had not opened" in results.get("bus_lane_length").note
    undated = measure(lane_city([lanes[3]]), ["bus_lane_length"]).get("bus_lane_length", variant="added_in_year")
    assert undated.status == "no_data"
    no_day = measure(lane_city(lanes, date=""), ["bus_lane_length"]).get("bus_lane_length", variant="added_in_year")
    assert no_day.status == "no_data"


def test_what_the_map_alone_shows_is_an_estimate_and_depots_are_told() -> None:
    lanes = [
        road((0, 0), (1000, 0), highway="primary", busway="lane"),
        road((0, 50), (300, 50), highway="service", bus="designated", access="no"),
    ]
    row = measure(lane_city(lanes, origin="osm"), ["bus_lane_length"]).get("bus_lane_length")
    assert (row.value, row.status) == (pytest.approx(2.0), "estimated")
    assert "0.30 km of service ways for buses" in row.note
    assert measure(lane_city(lanes), ["bus_lane_length"]).get("bus_lane_length").status == "ok"


corner = st.integers(-9, 9)


@settings(few, max_examples=4)
@given(st.lists(st.tuples(corner, corner, st.sampled_from(["lane", None]), st.sampled_from(["yes", None])), min_size=1, max_size=6))
def test_areas_add_up_order_changes_nothing_and_a_tile_is_the_whole(drawn: list[tuple[Any, ...]]) -> None:
    lanes = [
        road((-400, 50 * south + at), (400, 50 * north + at), highway="primary", busway=busway, oneway=oneway, name="x" if at % 2 else None)
        for at, (south, north, busway, oneway) in enumerate(drawn)
    ]
    areas = {"a": box(-500, -1000, 0, 1000), "b": box(0, -1000, 500, 1000)}
    made = lane_city(lanes, areas)
    table = measure(made, ["bus_lane_length"]).table
    again = measure(lane_city(lanes[::-1], areas), ["bus_lane_length"]).table
    np.testing.assert_allclose(table.value, again.value, rtol=1e-9, atol=1e-12)
    wide = table.pivot_table(index="variant", columns="area_id", values="value")
    np.testing.assert_allclose(wide.a + wide.b, wide.city, rtol=1e-9, atol=1e-12)
    assert wide.city["road_km"] <= wide.city["lane_km"] + 1e-12
    shape = made.areas().whole[list(made.areas().ids).index("a")]
    tile = measure(made.subset(shape, halo_m=HALO_M), ["bus_lane_length"]).table.query("area_id == 'a'")
    np.testing.assert_allclose(tile.value, table.query("area_id == 'a'").value, rtol=1e-9, atol=1e-12)
