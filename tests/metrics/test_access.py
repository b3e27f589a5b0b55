"""The detour index: a grid, a river with one bridge, and what must hold."""

import itertools

import numpy as np
import pytest

from spatial.measurement import measure
from tests.metrics.test_services import grid, square_city, streets


def expected_of_a_grid():
    """Mean way over mean straight distance between crossings of a 100 m grid that are 200–600 m apart, in an endless grid."""
    steps = range(-600, 601, 100)
    pairs = [(abs(x) + abs(y), np.hypot(x, y)) for x, y in itertools.product(steps, steps) if 200 <= np.hypot(x, y) <= 600]
    walked, straight = (sum(part) for part in zip(*pairs, strict=True))
    return walked / straight


def test_a_grid_has_four_over_pi():
    # Sampled crossings lie at least 600 m inside, where the grid is as good as endless; its index is about 4/π.
    city = square_city(4000, roads=streets(grid(4000)))
    results = measure(city, ["detour_index"])
    frame = results.evidence["detour_index.origins"]
    inner = frame[frame.geometry.x.between(500_700, 503_300) & frame.geometry.y.between(4_850_700, 4_853_300)]
    assert len(inner) >= 25
    assert inner.detour_index.tolist() == pytest.approx([round(expected_of_a_grid(), 2)] * len(inner))
    assert expected_of_a_grid() == pytest.approx(4 / np.pi, rel=0.03)
    assert 1.0 < results.get("detour_index", area_id="a").value < 1.4


def test_a_river_with_one_bridge_lengthens_the_way():
    # The river between y = 1000 and 1100 takes all bridges but the one in the west: ways across count up to three times.
    river = [((x, 1000), (x, 1100)) for x in range(100, 2001, 100)]
    plain, cut = (
        measure(square_city(roads=streets(grid(without=without))), ["detour_index"]).get("detour_index", area_id="a")
        for without in ((), river)
    )
    assert cut.value > plain.value + 0.1
    assert cut.value <= 3.0
    assert "longer than 3 times" in cut.note
    assert cut.denominator == pytest.approx(plain.denominator, rel=0.01)


def test_order_of_roads_changes_nothing():
    lines = grid()
    one, two = (
        measure(square_city(roads=streets(part)), ["detour_index"]).get("detour_index", area_id="a") for part in (lines, lines[::-1])
    )
    assert one.value == pytest.approx(two.value, rel=1e-12)
