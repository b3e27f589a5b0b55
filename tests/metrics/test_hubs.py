"""Transfer at hubs: a station whose walks fit in a comment, then properties, then what is missing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Point, affinity, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.metrics.hubs import SEARCH_M
from spatial.result import Results

CRS = "EPSG:32651"
EAST, NORTH = 512_000.0, 4_860_000.0

Row = dict[str, Any]


def frame(rows: list[Row], columns: tuple[str, ...] = ()) -> gpd.GeoDataFrame:
    shapes = [affinity.translate(row["geometry"], EAST, NORTH) for row in rows]
    data = pd.DataFrame(rows, columns=None if rows else [*columns, "geometry"]).drop(columns="geometry")
    return gpd.GeoDataFrame(data, geometry=shapes, crs=CRS)


def place(x: float, y: float, **fields: Any) -> Row:
    return {"geometry": Point(x, y), **fields}


def station(x: float, y: float, name: str = "甲") -> Row:
    return place(x, y, railway="station", station="subway", name=name)


def entrance(x: float, y: float) -> Row:
    return place(x, y, railway="subway_entrance")


def bus(x: float, y: float) -> Row:
    return place(x, y, highway="bus_stop")


def taxi(x: float, y: float) -> Row:
    return place(x, y, amenity="taxi")


def parking(x: float, y: float, **fields: Any) -> Row:
    return place(x, y, amenity="parking", **fields)


# An axis of 4 km from west to east, and streets to the north every 100 m, so that ways are of streets and no short cut is left.
STREETS = [{"geometry": LineString([(x, 0) for x in range(-1500, 2600, 100)]), "highway": "residential"}] + [
    {"geometry": LineString([(x, 0), (x, 500)]), "highway": "residential"} for x in range(-1500, 2600, 100)
]
WEST, EASTERN = box(-1500, -1000, 1000, 1000), box(1000, -1000, 2600, 1000)


def run(stops: list[Row], facilities: list[Row] | None = None, roads: list[Row] | None = None) -> Results:
    layers = {
        "districts": frame([{"area_id": "w", "name": "w", "geometry": WEST}, {"area_id": "e", "name": "e", "geometry": EASTERN}]),
        "roads": frame(roads or STREETS),
        "transit_stops": frame(stops, ("railway",)),
    }
    if facilities is not None:
        layers["facilities"] = frame(facilities, ("amenity",))
    return measure(City.from_layers(crs=CRS, **layers), ["hub_transfer_distance"])


def metres(results: Results, variant: str = "mean", area: str = "city") -> float:
    return float(results.get("hub_transfer_distance", variant=variant, area_id=area).value)


# Analytic checks.


def test_a_hub_with_a_bus_stop_around_a_corner_and_a_car_park() -> None:
    """Entrance at (0, 50); bus stop 120 m away by the street: 50 m down and 70 m along the axis; car park 300 m: 50 down and 250 along → 210 m.

    The straight lines would be 86 m and 255 m; the station itself, at (0, 200), would add 150 m to each.
    """
    found = run([station(0, 200), entrance(0, 50), bus(70, 0)], [parking(-250, 0)])
    assert metres(found, "bus_stop") == pytest.approx(120.0)
    assert metres(found, "car_park") == pytest.approx(300.0)
    row = found.get("hub_transfer_distance")
    assert row.value == pytest.approx(210.0)
    assert (row.numerator, row.denominator) == (pytest.approx(420.0), 2)
    hub = found.evidence["hub_transfer_distance.hubs"].iloc[0]
    assert (hub["name"], hub["transfer_m"], hub["to_bus_stop_m"], hub["to_car_park_m"], hub["entrances"]) == ("甲", 210.0, 120.0, 300.0, 1)


def test_the_nearest_entrance_counts() -> None:
    """Entrances at (0, 0) and (100, 0), bus stop at (150, 0) → 50 m."""
    assert metres(run([station(0, 0), entrance(0, 0), entrance(100, 0), bus(150, 0)]), "bus_stop") == pytest.approx(50.0)


def test_without_entrances_the_station_is_measured_and_said_to_be_an_estimate() -> None:
    """Station at (0, 200), bus stop at (70, 0) → 270 m."""
    row = run([station(0, 200), bus(70, 0)]).get("hub_transfer_distance", variant="bus_stop")
    assert row.value == pytest.approx(270.0)
    assert (row.status, row.quality) == ("estimated", 0.0)


def test_stations_near_one_another_are_one_hub() -> None:
    """The main-line station 200 m from the metro is one hub with it: the metro's entrance is 30 m from the bus → 30 m, one pair."""
    mainline = place(-200, 0, railway="station", public_transport="station", name="火车站")
    row = run([mainline, station(0, 0), entrance(0, 0), bus(30, 0)]).get("hub_transfer_distance", variant="bus_stop")
    assert (row.value, row.denominator) == (pytest.approx(30.0), 1)


def test_a_mode_that_is_missing_counts_as_far() -> None:
    """Two hubs, one bus stop 100 m from the first and 1.9 km from the other → (100 + 1000) / 2."""
    found = run([station(0, 0), station(2000, 0, "乙"), entrance(0, 0), entrance(2000, 0), bus(100, 0)])
    assert metres(found, "bus_stop") == pytest.approx((100 + SEARCH_M) / 2)
    assert metres(found, "bus_stop", "w") == pytest.approx(100.0)
    assert metres(found, "bus_stop", "e") == pytest.approx(SEARCH_M)
    assert "a bus stop: 1, within 300 m: 1" in found.get("hub_transfer_distance", variant="bus_stop").note


# Properties.


def test_areas_add_up() -> None:
    found = run([station(0, 0), station(1000, 0, "乙"), station(2000, 0, "丙"), bus(100, 0), bus(1300, 0), bus(2010, 0)])
    rows = found.table[(found.table.variant == "bus_stop")].set_index("area_id")
    for column in ("numerator", "denominator"):
        assert rows.loc[["w", "e"], column].sum() == pytest.approx(rows.loc["city", column])


def test_tiled_equals_whole() -> None:
    random = np.random.default_rng(11)
    stops = [station(float(x), 0.0, f"{n}") for n, x in enumerate(random.uniform(-1400, 2500, 12))]
    stops += [entrance(float(x), 0.0) for x in random.uniform(-1400, 2500, 8)] + [
        bus(float(x), 400.0) for x in random.uniform(-1400, 2500, 9)
    ]
    whole = run(stops, [taxi(-1400, 0), parking(2500, 500)])
    areas = whole.areas.whole
    for name, polygon in zip(whole.areas.ids, areas, strict=True):
        if name in ("w", "e"):
            part = whole.city.subset(polygon, registered()["hub_transfer_distance"].halo_m)
            alone = measure(part, ["hub_transfer_distance"]).table.query("area_id == @name")
            expected = whole.table.query("area_id == @name")
            columns = ["value", "numerator", "denominator", "quality"]
            np.testing.assert_allclose(alone[columns].to_numpy(float), expected[columns].to_numpy(float), rtol=1e-9, equal_nan=True)


def test_another_facility_never_makes_it_worse() -> None:
    random = np.random.default_rng(5)
    stops = [station(x, 0, f"{x}") for x in (0, 600, 1900)]
    more = [bus(float(x), 0.0) for x in random.uniform(-1500, 2500, 4)]
    values = [metres(run([*stops, *more[:n]]), "bus_stop") for n in range(1, len(more) + 1)]
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(values))


def test_order_changes_nothing() -> None:
    stops = [
        station(0, 0),
        station(1000, 0, "乙"),
        entrance(10, 0),
        bus(100, 0),
        bus(1300, 0),
        place(40, 0, railway="station", public_transport="station"),
    ]
    one, two = run(stops), run(stops[::-1])
    pd.testing.assert_frame_equal(one.table, two.table)
    (key,) = one.evidence
    pd.testing.assert_frame_equal(
        pd.DataFrame(one.evidence[key].drop(columns="geometry")), pd.DataFrame(two.evidence[key].drop(columns="geometry"))
    )


# What is missing.


def test_no_station_is_no_data() -> None:
    row = run([bus(0, 0), place(500, 0, railway="tram_stop")]).get("hub_transfer_distance")
    assert row.status == "no_data"
    assert np.isnan(row.value)


def test_a_mode_that_nobody_mapped_is_left_out_and_said() -> None:
    found = run([station(0, 0), entrance(0, 0), bus(100, 0)], [taxi(40, 0)])
    row = found.get("hub_transfer_distance")
    assert row.value == pytest.approx(70.0)
    assert row.status == "estimated"
    assert "car park" in row.note
    assert found.get("hub_transfer_distance", variant="car_park").status == "no_data"


def test_a_mode_that_is_hardly_mapped_has_no_value_of_its_own() -> None:
    # One taxi rank for a million people: with it far off, all that the figure would say is how far we look.
    made = run([station(0, 0), entrance(0, 0), station(2000, 0, "乙"), bus(100, 0)], [taxi(40, 0)]).city
    layers = {**made.layers, "facilities": replace(made.layers["facilities"], origin="osm")}
    people = City.from_layers(
        crs=CRS, districts=made.frame("districts"), population=frame([place(0, 50, count=1_000_000)]),
    ).layers["population"]  # fmt: skip
    row = measure(replace(made, layers={**layers, "population": people}, _memory={}), ["hub_transfer_distance"]).get(
        "hub_transfer_distance", variant="taxi_rank"
    )
    assert row.status == "no_data"
    assert "probably not mapped" in row.note


def test_private_parking_is_no_mode() -> None:
    found = run([station(0, 0), entrance(0, 0)], [parking(50, 0, access="private"), parking(200, 0)])
    assert metres(found, "car_park") == pytest.approx(200.0)


def test_a_hub_that_no_way_comes_near_is_left_out() -> None:
    found = run([station(0, 0), station(0, -900, "岛"), entrance(0, 0), bus(100, 0)])
    row = found.get("hub_transfer_distance", variant="bus_stop")
    assert (row.value, row.denominator) == (pytest.approx(100.0), 1)
    assert "without a walkable way" in row.note


def test_an_area_without_a_station_has_no_value() -> None:
    row = run([station(0, 0), entrance(0, 0), bus(100, 0)]).get("hub_transfer_distance", variant="bus_stop", area_id="e")
    assert row.status == "no_data"
    assert "no station" in row.note


def test_several_values_in_one_tag_are_each_looked_at() -> None:
    """An extract writes ``subway_entrance;elevator``: it is an entrance."""
    stops = [station(0, 100), place(0, 0, railway="subway_entrance;elevator"), bus(300, 0)]
    assert metres(run(stops)) == metres(run([station(0, 100), entrance(0, 0), bus(300, 0)]))
