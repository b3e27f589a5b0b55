"""The demo city: what is stored is what the generator makes, and its metrics are those that can be worked out by hand."""

import pytest

from spatial.measurement import measure
from spatial.project import open_city
from tests import make_demo


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    make_demo.write(folder)
    return measure(open_city(folder))


def test_stored_demo_is_what_the_generator_makes(tmp_path):
    make_demo.write(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    stored = {path.relative_to(make_demo.TARGET): path.read_bytes() for path in make_demo.TARGET.rglob("*") if path.is_file()}
    assert stored == made


def test_density_is_eight(results):
    # Streets every 250 m: 2 / 0.25 = 8 km/km² in every district, those on the edges half on each side.
    for area in ("D1", "D2", "D3", "D4", "city"):
        assert results.get("road_network_density", area_id=area).value == pytest.approx(8.0, rel=1e-6)


def test_road_area_ratio_is_that_of_a_grid(results):
    # 1 − (1 − 20/250)² = 15.36 %; the streets on the outer edge lie half outside, as in an endless grid.
    for area in ("D1", "D4", "city"):
        assert results.get("road_area_ratio", area_id=area).value == pytest.approx(1 - (1 - 20 / 250) ** 2, rel=1e-4)


def test_measured_widths_are_no_estimate(results):
    row = results.get("road_area_ratio", area_id="D1")
    assert (row.status, row.quality) == ("ok", 1.0)


def test_people_add_up(results):
    people = {area: results.get("population", area_id=area).value for area in ("D1", "D2", "D3", "D4", "city")}
    assert people["D1"] == pytest.approx(60_000)
    assert people["city"] == pytest.approx(140_000)


def test_green_rate(results):
    # D1 holds one park of 230 m × 230 m in 4 km²: 1.3225 %.
    assert results.get("built_up_green_rate", area_id="D1").value == pytest.approx(230 * 230 / 4e6, rel=1e-6)


def test_it_says_that_it_is_synthetic(results):
    assert "synthetic" in results.city.attribution
