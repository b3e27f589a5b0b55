"""GCJ-02 and BD-09: known points, and back again better than a micrometre."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatial.datum import DATUMS, to_wgs84, wgs84_to_bd09, wgs84_to_gcj02

METRES_PER_DEGREE = 111_320.0
FORWARD = {"gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09, "wgs84": lambda lon, lat: (lon, lat), "cgcs2000": lambda lon, lat: (lon, lat)}


@pytest.mark.parametrize("datum", DATUMS)
def test_undoing_a_datum_errs_less_than_a_micrometre(datum: str) -> None:
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.linspace(73.5, 135, 60), np.linspace(18, 53.5, 40)))
    back = to_wgs84(*FORWARD[datum](lon, lat), datum)
    assert np.hypot((back[0] - lon) * np.cos(np.radians(lat)), back[1] - lat).max() * METRES_PER_DEGREE < 1e-6


@given(st.floats(74, 134), st.floats(18, 53))
def test_the_shift_is_some_hundred_metres(lon: float, lat: float) -> None:
    east, north = wgs84_to_gcj02(np.array([lon]), np.array([lat]))
    shift_m = np.hypot((east - lon) * np.cos(np.radians(lat)), north - lat) * METRES_PER_DEGREE
    assert 20 < shift_m[0] < 1500


def test_known_points() -> None:
    """The pairs that the readme of the coordtransform package shows."""
    place = np.array([116.404]), np.array([39.915])
    assert np.ravel(wgs84_to_gcj02(*place)) == pytest.approx([116.41024449916938, 39.91640428150164], abs=1e-9)
    back = to_wgs84(np.array([116.41024449916938]), np.array([39.91640428150164]), "gcj02")
    assert np.ravel(back) == pytest.approx(np.ravel(place), abs=1e-9)
    bd09 = wgs84_to_bd09(*to_wgs84(*place, "gcj02"))
    assert np.ravel(bd09) == pytest.approx([116.41036949371029, 39.92133699351021], abs=1e-9)


def test_outside_china_nothing_moves() -> None:
    """Las Palmas."""
    lon, lat = wgs84_to_gcj02(np.array([-15.43]), np.array([28.12]))
    assert (lon[0], lat[0]) == (-15.43, 28.12)


def test_the_input_is_left_alone() -> None:
    lon, lat = np.array([125.3]), np.array([43.9])
    to_wgs84(lon, lat, "gcj02")
    assert (lon[0], lat[0]) == (125.3, 43.9)
