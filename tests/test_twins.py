"""The same shapes in two files: which lies where the other would after one shift, and what only looks like it."""

import numpy as np
import pytest
import shapely

from spatial.datum import to_wgs84, wgs84_to_bd09, wgs84_to_gcj02
from spatial.twins import find_twin_shift
from tests.test_shift import CHANGCHUN, LAS_PALMAS, Place


def shapes(place, count=40, seed=1, across_m=20_000.0):
    """Made-up blots."""
    random = np.random.default_rng(seed)
    middle = place.centre + random.uniform(-across_m / 2, across_m / 2, (count, 2))
    return shapely.buffer(shapely.points(middle), random.uniform(50, 400, count), quad_segs=2)


@pytest.fixture(scope="module")
def place():
    return Place(*CHANGCHUN)


@pytest.mark.parametrize(("datum", "move"), [("gcj02", wgs84_to_gcj02), ("bd09", wgs84_to_bd09)])
def test_either_order_tells_which_was_shifted(place, datum, move):
    a = shapes(place)
    b = place.moved(a, move)
    forth, back = find_twin_shift(a, b, place.crs), find_twin_shift(b, a, place.crs)
    assert (forth.relation, forth.datum, forth.share) == ("b_shifted", datum, 1.0)
    assert (back.relation, back.datum, back.share) == ("a_shifted", datum, 1.0)
    assert forth.rest_m < 1e-3


def test_converted_once_too_often(place):
    a = shapes(place)
    b = place.moved(a, lambda lon, lat: to_wgs84(lon, lat, "gcj02"))
    assert find_twin_shift(a, b, place.crs).relation == "a_shifted"


def test_a_rough_conversion_is_known_too(place):
    """One step instead of an iteration, and six decimals."""
    a = shapes(place)

    def rough(lon, lat):
        east, north = wgs84_to_gcj02(lon, lat)
        return np.round(2 * lon - east, 6), np.round(2 * lat - north, 6)

    found = find_twin_shift(a, place.moved(a, rough), place.crs)
    assert (found.relation, found.datum) == ("a_shifted", "gcj02")
    assert 0.1 < found.rest_m < 5


def test_points_have_twins_too(place):
    points = shapely.points(place.centre + np.random.default_rng(2).uniform(-5000, 5000, (30, 2)))
    assert find_twin_shift(points, place.moved(points, wgs84_to_gcj02), place.crs).relation == "b_shifted"


def test_the_same_twice_in_another_order_with_a_few_more(place):
    a = shapes(place)
    assert find_twin_shift(a, a[::-1], place.crs).relation == "same"
    assert find_twin_shift(a, a[:-2], place.crs).relation == "same"
    assert find_twin_shift(a[:-2], place.moved(a, wgs84_to_gcj02), place.crs).relation == "b_shifted"
    assert find_twin_shift(a, a[:20], place.crs).relation == "unrelated"


def test_other_shapes_and_other_displacements_are_unrelated(place):
    a = shapes(place)
    assert find_twin_shift(a, shapes(place, seed=2), place.crs).relation == "unrelated"
    east, north = place.shift()
    for aside in ((100.0, 0.0), (east + 30, north), (-north, east), (2 * east, 2 * north)):
        assert find_twin_shift(a, shapely.transform(a, lambda xy, aside=aside: xy + aside), place.crs).relation == "unrelated"


def test_vertices_so_dense_that_anything_fits_are_unrelated(place):
    """50 by 50 points every 8 m, and 2,500 others among them."""
    x, y = (axis.ravel() * 8.0 for axis in np.meshgrid(np.arange(50), np.arange(50)))
    a = shapely.points(np.column_stack([x, y]) + place.centre)
    b = shapely.transform(a, lambda xy: xy + np.array([3.0, 2.0]))
    assert find_twin_shift(a, b, place.crs).relation == "unrelated"
    assert find_twin_shift(a, shapely.transform(b, lambda xy: xy + place.shift()), place.crs).relation == "unrelated"


def test_a_pattern_one_shift_apart_is_unrelated(place):
    """Trees in rows along the shift: after it, nearly all stand on another one."""
    rows = np.array([[i * place.shift() + [0, 37.0 * j * j] for i in range(30)] for j in range(5)]).reshape(-1, 2)
    a = shapely.points(rows + place.centre)
    b = shapely.transform(a, lambda xy: xy + place.shift())
    assert find_twin_shift(a, b, place.crs).relation == "unrelated"


def test_too_little_is_unrelated(place):
    line = shapely.linestrings([place.centre, place.centre + 500])
    assert find_twin_shift([line], [line], place.crs).relation == "unrelated"
    assert find_twin_shift([], [line], place.crs).relation == "unrelated"
    box = shapely.box(*place.centre, *(place.centre + np.array([700, 300])))
    assert find_twin_shift([box], place.moved([box], wgs84_to_gcj02), place.crs).relation == "b_shifted"


def test_outside_china_only_the_same_is_the_same():
    place = Place(*LAS_PALMAS)
    a = shapes(place)
    assert find_twin_shift(a, place.moved(a, wgs84_to_gcj02), place.crs).relation == "same"
    assert find_twin_shift(a, shapely.transform(a, lambda xy: xy + Place(*CHANGCHUN).shift()), place.crs).relation == "unrelated"
