"""A city whose answers fit in a comment: density, road area, people and green land, worked out by hand."""

import pytest

from spatial.measurement import measure
from tests.analytic_city import analytic_city


@pytest.fixture(scope="module")
def results():
    return measure(analytic_city(), ["road_network_density", "road_area_ratio", "population", "built_up_green_rate"])


@pytest.mark.parametrize("area", ["D1", "D2", "D3", "D4", "city"])
def test_density_is_eight(results, area):
    # Streets every 250 m: 2 / 0.25 = 8 km/km² in every district, those on the edges half on each side.
    assert results.get("road_network_density", area_id=area).value == pytest.approx(8.0, rel=1e-6)


@pytest.mark.parametrize("area", ["D1", "D4", "city"])
def test_road_area_ratio_is_that_of_a_grid(results, area):
    # 1 − (1 − 20/250)² = 15.36 %; the streets on the outer edge lie half outside, as in an endless grid.
    assert results.get("road_area_ratio", area_id=area).value == pytest.approx(1 - (1 - 20 / 250) ** 2, rel=1e-4)


def test_measured_widths_are_no_estimate(results):
    row = results.get("road_area_ratio", area_id="D1")
    assert (row.status, row.quality) == ("ok", 1.0)


def test_people_add_up(results):
    people = {area: results.get("population", area_id=area).value for area in ("D1", "D2", "D3", "D4", "city")}
    assert people["D1"] == pytest.approx(60_000)
    assert people["city"] == pytest.approx(140_000)
    assert sum(people[area] for area in ("D1", "D2", "D3", "D4")) == pytest.approx(people["city"])


def test_green_rate(results):
    # D1 holds one park of 230 m × 230 m in 4 km²: 1.3225 %.
    assert results.get("built_up_green_rate", area_id="D1").value == pytest.approx(230 * 230 / 4e6, rel=1e-6)
