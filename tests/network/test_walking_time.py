"""Minutes on foot on streets whose answer is one multiplication."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial.errors import OptionError
from spatial.network.reach import at, field
from spatial.network.streets import street_graph
from spatial.network.walking_time import BOUNDS, WalkingPace, walking_minutes, walking_pace
from tests.network.drawn import attached, roads

PACE = WalkingPace()
FLAT = roads([(0, 0), (1000, 0)])


def minutes(frame, height=None, pace=PACE, **options):
    return walking_minutes(street_graph(frame), frame, height, pace, **options).sum()


def tobler(slope, exponent=3.5):
    """Speed of Tobler's hiking function against that on the level, mean of both directions."""
    return np.mean([np.exp(exponent * (abs(way + 0.05) - 0.05)) for way in (slope, -slope)])


def test_1000_m_are_15_minutes_at_4_km_per_hour():
    assert minutes(FLAT) == pytest.approx(15.0)
    assert PACE.minutes_per_m() == pytest.approx(0.015)


def test_the_shipped_figures_are_the_defaults():
    assert walking_pace() == PACE


def test_a_slope_costs_what_tobler_says_in_both_directions():
    assert minutes(FLAT, lambda xy: 0.1 * xy[:, 0]) == pytest.approx(15 * tobler(0.1))
    assert minutes(FLAT, lambda xy: -0.1 * xy[:, 0]) == pytest.approx(15 * tobler(0.1))
    assert tobler(0.0) == 1.0
    # Tobler's own figures: 5.04 km/h on the level, 6 km/h at 5 % down; 20 % up 6 exp(−3.5 · 0.25).
    assert 5.04 / np.exp(3.5 * (abs(0.2 + 0.05) - 0.05)) == pytest.approx(6 * np.exp(-3.5 * 0.25), rel=2e-3)


def test_heights_may_be_given_by_vertex():
    frame = roads([(0, 0), (500, 0), (1000, 0)])
    assert minutes(frame, np.array([0.0, 50.0, 0.0])) == pytest.approx(15 * tobler(0.1))
    with pytest.raises(OptionError, match="give 3 heights"):
        minutes(frame, np.array([0.0, 1.0]))


def test_unknown_heights_are_flat():
    assert minutes(FLAT, lambda xy: np.full(len(xy), np.nan)) == pytest.approx(15.0)


@pytest.mark.parametrize("kind", ["bridge", "tunnel"])
def test_a_bridge_does_not_go_down_into_the_valley(kind):
    """The ground is 40 m lower under the middle; the bridge rises from 0 to 10 m over 1,000 m."""
    valley = np.array([0.0, -40.0, 10.0])
    carried = roads(([(0, 0), (500, 0), (1000, 0)], {kind: "yes", "highway": "residential"}))
    graph = street_graph(carried)
    heights = valley if graph.xy[graph.start[0], 0] == 0 else valley[::-1]
    assert walking_minutes(graph, carried, heights, PACE).sum() == pytest.approx(15 * tobler(0.01))
    ground = roads([(0, 0), (500, 0), (1000, 0)])
    assert walking_minutes(street_graph(ground), ground, heights, PACE).sum() == pytest.approx(7.5 * (tobler(0.08) + tobler(0.1)))


def test_steps_take_twice_as_long_whatever_the_ground_says():
    steps = roads(([(0, 0), (1000, 0)], {"highway": "steps"}))
    assert minutes(steps) == pytest.approx(30.0)
    assert minutes(steps, lambda xy: 0.3 * xy[:, 0]) == pytest.approx(30.0)


def test_a_footbridge_costs_one_climb_unless_its_steps_are_drawn():
    """100 m of bridge between streets: 1.5 minutes along it and 1 for up and down; with steps drawn, these cost."""
    street = ([(-100, 0), (0, 0)], [(100, 0), (200, 0)])
    over = ([(0, 0), (40, 0), (100, 0)], {"highway": "footway", "bridge": "yes"})
    assert minutes(roads(street[0], over, street[1])) == pytest.approx(3 * 1.5 + 1.0)
    cars = (over[0], {"highway": "primary", "bridge": "yes"})
    assert minutes(roads(street[0], cars, street[1])) == pytest.approx(3 * 1.5)
    steps = ([(100, 0), (200, 0)], {"highway": "steps"})
    assert minutes(roads(street[0], over, steps)) == pytest.approx(1.5 + 1.5 + 3.0)


def test_a_bridge_that_other_ways_meet_is_climbed_once():
    frame = roads(
        ([(0, 0), (50, 0)], {"highway": "footway", "bridge": "yes"}), ([(50, 0), (100, 0)], {"highway": "footway", "bridge": "yes"}),
        ([(50, 0), (50, 50)], {"highway": "footway", "bridge": "yes"}),
    )  # fmt: skip
    assert minutes(frame) == pytest.approx(150 * 0.015 + 1.0)


def test_winter_is_slower_and_slower_still_on_slopes_and_steps():
    level, slope = minutes(FLAT, winter=True) / minutes(FLAT), lambda xy: 0.1 * xy[:, 0]
    assert level == pytest.approx(1 / 0.8)
    assert minutes(FLAT, slope, winter=True) == pytest.approx(15 / 0.8 * tobler(0.1, 4.5))
    steps = roads(([(0, 0), (1000, 0)], {"highway": "steps"}))
    assert minutes(steps, winter=True) == pytest.approx(30 / 0.8 * 1.5)


@settings(max_examples=30)
@given(st.floats(-0.6, 0.6), st.sampled_from(["residential", "steps", "footway"]), st.booleans(), st.booleans())
def test_low_is_below_central_is_below_high_and_winter_is_above_summer(slope, highway, bridge, winter):
    frame = roads(([(0, 0), (300, 0), (1000, 50)], {"highway": highway, "bridge": "yes" if bridge else None}))
    low, central, high = (minutes(frame, lambda xy: slope * xy[:, 0], winter=winter, bound=bound) for bound in BOUNDS)
    assert low < central < high
    assert minutes(frame, lambda xy: slope * xy[:, 0], winter=True) > minutes(frame, lambda xy: slope * xy[:, 0])


def test_an_unknown_bound_is_refused():
    with pytest.raises(OptionError, match="central"):
        minutes(FLAT, bound="middle")


def test_reach_in_minutes():
    """15 minutes: 900 m of street and 100 m of connectors."""
    graph = street_graph(FLAT)
    cost, per_m = walking_minutes(graph, FLAT, None, PACE), PACE.minutes_per_m()
    found = field(graph, attached(graph, (0, 60)), limit=15.0, cost=cost, per_m=per_m)
    assert at(found, attached(graph, (900, 40), (950, 40))).tolist() == [pytest.approx(15.0), np.inf]


def test_steps_cost_where_they_are():
    """300 m of steps and 600 m of level street, one edge: from the foot to the top of the steps twice 4.5 min, not a third of the whole."""
    frame = roads(([(0, 0), (300, 0)], {"highway": "steps"}), [(300, 0), (900, 0)])
    graph = street_graph(frame)
    assert len(graph.start) == 1
    cost, per_m = walking_minutes(graph, frame, None, PACE), PACE.minutes_per_m()
    places = attached(graph, (300, 0), (600, 0), (900, 0))
    found = field(graph, attached(graph, (0, 0)), limit=60.0, cost=cost, per_m=per_m)
    assert at(found, places).tolist() == pytest.approx([9.0, 13.5, 18.0])
    back = field(graph, attached(graph, (600, 0)), limit=60.0, cost=cost, per_m=per_m)
    assert at(back, attached(graph, (0, 0), (300, 0))).tolist() == pytest.approx([13.5, 4.5])
