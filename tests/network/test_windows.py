"""Points in a window, as a look at every point finds them."""

import numpy as np
import pytest

from spatial.network.windows import Windows

CORNERS = [((2, 3), (5, 4)), ((0, 0), (9, 9)), ((3, 3), (3, 3)), ((20, 0), (30, 9)), ((5, 5), (4, 4))]


@pytest.mark.parametrize(("low", "high"), CORNERS)
def test_points_on_the_edge_of_a_window_lie_in_it(low, high):
    xy = np.random.default_rng(7).integers(0, 10, (300, 2)).astype(float)
    low, high = np.array(low, float), np.array(high, float)
    expected = np.flatnonzero(((xy >= low) & (xy <= high)).all(axis=1))
    assert Windows(xy).within(low, high).tolist() == expected.tolist()


def test_no_point_at_all():
    assert not len(Windows(np.empty((0, 2))).within(np.zeros(2), np.ones(2)))
