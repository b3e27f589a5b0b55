"""A site that nobody has built: what is measured if it stood."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

import spatial
from spatial.city import City
from spatial.errors import LayerError, OptionError
from spatial.measurement import measure
from spatial.metrics.facilities import facilities, facility_classes
from spatial.metrics.walking import walk
from spatial.scenario import classes_of, site_fields, with_site
from tests.outputs.served_city import CRS, SOUTH, WEST, frame, served_city

METRICS = ["school_coverage", "bus_stop_500m_coverage", "park_service_coverage"]


def value(city: City, metric: str, variant: str, area: str = "city") -> float:
    return float(measure(city, [metric]).get(metric, variant=variant, area_id=area).numerator)


def place(x: float, y: float = 0.0) -> tuple[float, float]:
    return WEST + x, SOUTH + 500 + y


def test_a_school_serves_those_within_its_limit() -> None:
    """Residents at 100 (50), 600 (40), 1,100 (30) and 1,900 m (20); primary schools at 50 m and before, 500 m on foot: 50. One more at 1,000 m: 40 and 30 more."""
    city = served_city()
    before = value(city, "school_coverage", "primary_school_network_residents")
    grown = with_site(city, "primary_school", place(1000), crs=CRS)
    assert before == 50
    assert value(grown, "school_coverage", "primary_school_network_residents") == 120
    assert value(grown, "school_coverage", "primary_school_network_residents", "n0") == 90
    assert value(city, "school_coverage", "primary_school_network_residents") == before


def test_a_park_serves_by_its_size() -> None:
    """From the park at 200–300 m: 50 and 40 within 300 m of its edge. One of 400 m² at 1,500 m serves nobody within 300 m; one of 5,000 m² the 30 and the 20."""
    city = served_city()
    variant = "network_2022_people"
    assert value(city, "park_service_coverage", variant) == 90
    small, large = (with_site(city, "park", place(1500, 45), area_m2=size, crs=CRS) for size in (400, 5000))
    assert value(small, "park_service_coverage", variant) == 90
    assert value(large, "park_service_coverage", variant) == 140


def test_exactly_the_least_size_serves() -> None:
    """400 m² are enough for 300 m: the 30 at 1,100 m from 1,300 m."""
    grown = with_site(served_city(), "park", place(1300), area_m2=400, crs=CRS)
    assert value(grown, "park_service_coverage", "network_2022_people") == 120


def test_degrees_and_metres_are_one_place() -> None:
    city = served_city()
    (degrees,) = gpd.GeoSeries([shapely.Point(place(1000))], crs=CRS).to_crs("EPSG:4326")
    one, two = with_site(city, "bus_stop", (degrees.x, degrees.y)), with_site(city, "bus_stop", place(1000), crs=CRS)
    assert shapely.distance(one.frame("transit_stops").geometry.iloc[-1], two.frame("transit_stops").geometry.iloc[-1]) < 1e-3


def test_what_a_site_cannot_change_is_kept() -> None:
    city = served_city()
    measure(city, METRICS)
    grown = with_site(city, "bus_stop", place(1000), crs=CRS)
    assert walk(grown) is walk(city)
    assert grown.areas() is city.areas()
    assert facilities(grown, "school") is facilities(city, "school")
    assert facilities(grown, "bus_stop").count == facilities(city, "bus_stop").count + 1


@pytest.mark.parametrize("kind", ["primary_school", "bus_stop", "park"])
def test_measuring_first_or_not_changes_nothing(kind: str) -> None:
    """What was kept from an earlier run equals what is computed anew."""
    size = 900 if kind == "park" else None
    measured, fresh = served_city(), served_city()
    measure(measured, METRICS)
    one, two = (measure(with_site(city, kind, place(900, 20), area_m2=size, crs=CRS), METRICS).table for city in (measured, fresh))
    np.testing.assert_array_equal(one[["value", "numerator", "quality"]].to_numpy(), two[["value", "numerator", "quality"]].to_numpy())
    assert one["note"].tolist() == two["note"].tolist()


@pytest.mark.parametrize("kind", ["primary_school", "bus_stop", "park"])
def test_a_site_never_lowers_coverage(kind: str) -> None:
    city = served_city()
    before = measure(city, METRICS).table.numerator.to_numpy()
    rng = np.random.default_rng(3)
    for x, y in zip(rng.uniform(0, 2000, 3), rng.uniform(-150, 150, 3), strict=True):
        grown = with_site(city, kind, place(x, y), area_m2=800 if kind == "park" else None, crs=CRS)
        after = measure(grown, METRICS).table.numerator.to_numpy()
        assert (np.nan_to_num(after) >= np.nan_to_num(before) - 1e-9).all()


def test_two_sites_are_two_facilities() -> None:
    """Ten metres apart they keep names of their own."""
    city = served_city()
    grown = with_site(with_site(city, "primary_school", place(1000), crs=CRS), "primary_school", place(1010), crs=CRS)
    assert facilities(grown, "primary_school").count == facilities(city, "primary_school").count + 2


def test_every_shipped_class_can_be_placed() -> None:
    """Each first rule is met by what is made from it."""
    empty = {
        name: frame([], **columns) for name, columns in (("facilities", {"amenity": []}), ("transit_stops", {"highway": []}), ("parks", {}))
    }
    city = served_city(facilities=empty["facilities"], transit_stops=empty["transit_stops"], parks=empty["parks"])
    for kind in facility_classes(city).classes:
        grown = with_site(city, kind, place(1000), area_m2=800 if kind == "park" else None, crs=CRS)
        assert facilities(grown, kind).count == 1


def test_a_primary_school_is_a_school_too() -> None:
    city = served_city()
    layer, fields = site_fields(facility_classes(city), "primary_school")
    row = gpd.GeoDataFrame({**fields, "name": [""]}, geometry=[shapely.Point(0, 0)], crs=CRS)
    assert classes_of(city, layer, row) == ("school", "primary_school")


def test_it_is_part_of_the_public_face() -> None:
    assert spatial.with_site is with_site


@pytest.mark.parametrize(
    ("kind", "point", "size", "said"),
    [
        ("parc", (0.0, 0.0), None, 'no facility class "parc"; did you mean "parcel"'),
        ("park", place(100), None, "needs area_m2"),
        ("park", place(100), -5.0, "needs area_m2"),
        ("park", place(100), float("nan"), "needs area_m2"),
        ("bus_stop", place(100), 400.0, "area_m2 is for parks"),
        ("bus_stop", (1.0,), None, "two numbers"),
        ("bus_stop", (float("nan"), 1.0), None, "two numbers"),
    ],
)
def test_what_cannot_be_placed_is_refused(kind: str, point: tuple[float, ...], size: float | None, said: str) -> None:
    with pytest.raises(OptionError, match=said.replace("?", r"\?")):
        with_site(served_city(), kind, point, area_m2=size, crs=CRS)


def test_an_absent_layer_is_named() -> None:
    with pytest.raises(LayerError, match=r"transit_stops was not supplied.*\[layers.transit_stops\]"):
        with_site(served_city(transit_stops=None), "bus_stop", place(100), crs=CRS)


def test_a_place_of_which_the_data_say_nothing_is_refused() -> None:
    city = served_city()
    (west, south, east, north) = (
        gpd.GeoSeries([shapely.box(*place(-100, -500), *place(1000, 500))], crs=CRS).to_crs("EPSG:4326").total_bounds
    )
    part = City.from_layers(
        "Part",
        crs=CRS,
        data_extent=(west, south, east, north),
        **{name: city.frame(name) for name in ("districts", "roads", "transit_stops")},
    )
    with_site(part, "bus_stop", place(900), crs=CRS)
    with pytest.raises(OptionError, match="says nothing of this place"):
        with_site(part, "bus_stop", place(1500), crs=CRS)
