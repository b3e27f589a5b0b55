"""Green: service areas, rates and shares whose answers fit in a comment."""

import itertools

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box

from spatial.city import City
from spatial.measurement import measure

CRS = "EPSG:32651"
X, Y = 500_000.0, 4_850_000.0


def at(*geometries, **columns):
    moved = [geometry if not isinstance(geometry, tuple) else box(*geometry) for geometry in geometries]
    frame = gpd.GeoDataFrame(columns, geometry=moved, crs=CRS)
    return frame.set_geometry(frame.translate(X, Y))


def square_city(**layers):
    """One district and built-up area of 2 km × 2 km, all of it housing."""
    base = {
        "districts": at((0, 0, 2000, 2000), area_id=["a"], name=["A"]),
        "built_up_area": at((0, 0, 2000, 2000)),
        "landuse": at((0, 0, 2000, 2000), landuse=["residential"]),
    }
    return City.from_layers("square", crs=CRS, **{**base, **layers})


def test_service_area_of_a_square_park():
    # a = 100 m square (10,000 m²) serves r = 500 m: a² + 4ar + πr² of 4 km².
    city = square_city(parks=at((950, 950, 1050, 1050)))
    row = measure(city, ["park_service_coverage"]).get("park_service_coverage", area_id="a")
    assert row.numerator == pytest.approx(100**2 + 4 * 100 * 500 + np.pi * 500**2, rel=2e-3)
    assert row.denominator == pytest.approx(4e6)


def test_service_area_of_a_round_park():
    # A circle of radius ρ = 30 m (2,827 m²) serves 300 m: π(0.03 + 0.3)² km².
    city = square_city(parks=at(Point(1000, 1000).buffer(30, 64)))
    row = measure(city, ["park_service_coverage"]).get("park_service_coverage", area_id="a")
    assert row.numerator == pytest.approx(np.pi * 330**2, rel=2e-3)


@pytest.mark.parametrize(
    ("side", "variant", "radius"),
    [(19, "2022", 0), (20, "2022", 300), (70, "2022", 300), (71, "2022", 500), (44, "checkup_2022", 0), (45, "checkup_2022", 300)],
)
def test_editions_differ_by_size(side, variant, radius):
    # 19² = 361 < 400; 20² = 400; 71² = 5,041 ≥ 5,000; 44² = 1,936 < 2,000; 45² = 2,025.
    city = square_city(parks=at((1000, 1000, 1000 + side, 1000 + side)))
    row = measure(city, ["park_service_coverage"]).get("park_service_coverage", variant=f"straight_line_{variant}", area_id="a")
    assert row.numerator == pytest.approx(side**2 + 4 * side * radius + np.pi * radius**2 if radius else 0, rel=2e-3, abs=1e-9)


def test_a_park_in_two_touching_plots_is_one():
    # Two plots of 60 m × 60 m (3,600 m² each) make 7,200 m²: 500 m, not 300.
    city = square_city(parks=at((940, 970, 1000, 1030), (1000, 970, 1060, 1030)))
    row = measure(city, ["park_service_coverage"]).get("park_service_coverage", area_id="a")
    assert row.numerator == pytest.approx(120 * 60 + 2 * 180 * 500 + np.pi * 500**2, rel=2e-3)


def test_people_within_reach():
    # 4 of 10 people stand within 500 m of the park: 0.4.
    people = at(Point(1000, 1300), Point(1000, 1900), count=[4, 6])
    city = square_city(parks=at((950, 950, 1050, 1050)), population=people)
    row = measure(city, ["park_service_coverage"]).get("park_service_coverage", variant="straight_line_2022_people", area_id="a")
    assert (row.value, row.numerator, row.denominator) == (pytest.approx(0.4), pytest.approx(4), pytest.approx(10))


def test_unserved_land_is_the_rest():
    city = square_city(parks=at((950, 950, 1050, 1050)))
    results = measure(city, ["park_service_coverage"])
    row = results.get("park_service_coverage", area_id="a")
    unserved = results.evidence["park_service_coverage.unserved_2022"]
    assert unserved.area.sum() == pytest.approx(row.denominator - row.numerator, rel=1e-6)


def test_green_is_a_union_not_a_sum():
    # Two greens of 0.8 km² each overlap by 0.2 in 4 km²: (0.8 + 0.8 − 0.2) / 4 = 35 %.
    city = square_city(green=at((0, 0, 1000, 800), (0, 600, 1000, 1400)))
    row = measure(city, ["built_up_green_rate"]).get("built_up_green_rate", area_id="a")
    assert row.value == pytest.approx(0.35)


def test_water_of_a_lake_park_is_no_green_land():
    # A park of 1 ha that is 60 % water gives 0.4 ha of green land; one that is 40 % water gives 1 ha.
    parks = at((0, 0, 100, 100), (500, 0, 600, 100))
    water = at((0, 0, 60, 100), (500, 0, 540, 100))
    city = square_city(green=at((1900, 1900, 1910, 1910)), parks=parks, water=water)
    row = measure(city, ["built_up_green_rate"]).get("built_up_green_rate", area_id="a")
    assert row.numerator == pytest.approx(4000 + 10_000 + 100)


def test_park_area_by_resident():
    # 2 parks of 1 ha, half of one inside the other: 1.5 ha for 3,000 people = 5 m².
    city = square_city(parks=at((0, 0, 100, 100), (50, 0, 150, 100)), population=at((0, 0, 2000, 2000), count=[3000]))
    row = measure(city, ["park_area_per_capita"]).get("park_area_per_capita", area_id="a")
    assert row.value == pytest.approx(5.0)


def test_nobody_is_no_data_not_infinite():
    city = square_city(parks=at((0, 0, 100, 100)), population=at((0, 0, 2000, 2000), count=[0]))
    row = measure(city, ["park_area_per_capita"]).get("park_area_per_capita", area_id="a")
    assert np.isnan(row.value)
    assert row.status == "no_data"


def test_absent_parks_are_no_data():
    row = measure(square_city(), ["park_service_coverage"]).get("park_service_coverage", area_id="a")
    assert (row.status, np.isnan(row.value)) == ("no_data", True)
    assert "parks" in row.note


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1900), st.integers(0, 1900), st.integers(25, 200)), min_size=1, max_size=6))
def test_adding_a_park_never_lowers_coverage(places):
    parks = [(x, y, x + side, y + side) for x, y, side in places]
    shares = []
    for count in range(1, len(parks) + 1):
        city = square_city(parks=at(*parks[:count]))
        shares.append(measure(city, ["park_service_coverage"]).get("park_service_coverage", area_id="a").value)
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(shares))
