"""Places attached to one street, or to the next where something stands between."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, box

from spatial.network.snap import obstacle_lines, snap
from spatial.network.streets import street_graph
from tests.network.drawn import CRS, attached, grid, points, roads

STREET = street_graph(roads([(0, 0), (1000, 0)]))
TWO = street_graph(roads([(0, 0), (1000, 0)], [(0, 90), (1000, 90)]))


def layer(*shapes, **tags):
    return gpd.GeoDataFrame({key: [value] * len(shapes) for key, value in tags.items()}, geometry=list(shapes), crs=CRS)


def spot(graph, found, row=0):
    return shapely.get_coordinates(shapely.line_interpolate_point(graph.lines[found.edge[row]], found.along_m[row]))[0].tolist()


def test_nearest_point_of_the_nearest_street():
    found = attached(STREET, (300, 40))
    assert (found.gap_m.tolist(), spot(STREET, found)) == ([40.0], [300.0, 0.0])


@pytest.mark.parametrize(("gap_m", "reached"), [(0.0, True), (199.9, True), (200.0, True), (200.1, False)])
def test_the_limit_itself_is_within(gap_m, reached):
    found = attached(STREET, (300, gap_m))
    assert found.reached.tolist() == [reached]
    assert found.edge[0] == (0 if reached else -1)
    assert np.isnan(found.gap_m[0]) == (not reached)


def test_nothing_and_empty_places_are_unreachable():
    places = np.array([None, Point(), Point(5, 5)], dtype=object)
    assert snap(STREET, places).reached.tolist() == [False, False, True]
    assert len(snap(STREET, places[:0])) == 0
    assert not attached(street_graph(roads([(0, 0), (1, 0)]).iloc[:0]), (0, 0)).reached.any()


def test_a_polygon_is_attached_by_its_nearest_point():
    found = snap(STREET, np.array([box(100, 30, 200, 90)], dtype=object))
    assert found.gap_m.tolist() == [30.0]
    assert 100 <= spot(STREET, found)[0] <= 200


def test_a_polygon_that_a_street_runs_into_is_attached_at_its_middle():
    found = snap(STREET, np.array([box(100, -10, 200, 90)], dtype=object))
    assert (found.gap_m.tolist(), spot(STREET, found)) == ([0.0], [150.0, 0.0])


def test_behind_a_wall_the_next_street_is_taken():
    wall = obstacle_lines(walls=layer(LineString([(0, 20), (1000, 20)]), barrier="wall"))
    assert spot(TWO, attached(TWO, (300, 40))) == [300.0, 0.0]
    found = attached(TWO, (300, 40), obstacles=wall)
    assert (found.gap_m.tolist(), spot(TWO, found)) == ([50.0], [300.0, 90.0])


def test_walled_in_is_unreachable():
    wall = obstacle_lines(walls=layer(box(290, 30, 310, 50).exterior, barrier="wall"))
    assert not attached(TWO, (300, 40), obstacles=wall).reached.any()


@pytest.mark.parametrize(("y", "free"), [(20.0, True), (20.05, True), (20.2, False), (0.05, True)])
def test_touching_is_not_crossing(y, free):
    wall = obstacle_lines(walls=layer(LineString([(0, 20), (1000, 20)]), barrier="wall"))
    start = (300, y)
    assert (attached(TWO, start, obstacles=wall).gap_m[0] == y) == free


def test_a_wall_with_one_gap_bars_only_what_is_behind_it():
    walls = layer(LineString([(0, 20), (295, 20)]), LineString([(305, 20), (1000, 20)]), barrier="wall")
    found = attached(STREET, (300, 40), (400, 40), obstacles=obstacle_lines(walls=walls))
    assert found.reached.tolist() == [True, False]


@pytest.mark.parametrize(("place", "reached"), [((300, 100), False), ((300, 60), True), ((300, 150), False)])
def test_water_bars_who_is_beyond_it_and_not_who_is_on_it(place, reached):
    """A lake from y = 30 to 130 with an island from 90 to 110: the far shore and the island are barred, a boat on the lake is not."""
    lake = box(0, 30, 1000, 130).difference(box(280, 90, 320, 110))
    found = attached(STREET, place, obstacles=obstacle_lines(water=layer(lake)))
    assert found.reached.tolist() == [reached]


@pytest.mark.parametrize(
    ("layers", "barred"),
    [
        ({"rail": layer(LineString([(0, 20), (1000, 20)]), railway="rail")}, True),
        ({"rail": layer(LineString([(0, 20), (1000, 20)]), railway="rail", bridge="yes")}, False),
        ({"rail": layer(LineString([(0, 20), (1000, 20)]), railway="rail", tunnel="yes")}, False),
        ({"rail": layer(LineString([(0, 20), (1000, 20)]), railway="rail", layer="-1")}, False),
        ({"rail": layer(LineString([(0, 20), (1000, 20)]), railway="subway")}, False),
        ({"rail": layer(LineString([(0, 20), (1000, 20)]), railway="tram")}, False),
        ({"rail": layer(LineString([(0, 20), (1000, 20)]), railway="disused")}, False),
        ({"roads": layer(LineString([(0, 20), (1000, 20)]), highway="motorway")}, True),
        ({"roads": layer(LineString([(0, 20), (1000, 20)]), highway="trunk", name="南环快速路")}, True),
        ({"roads": layer(LineString([(0, 20), (1000, 20)]), highway="motorway", bridge="viaduct", layer="1")}, False),
        ({"roads": layer(LineString([(0, 20), (1000, 20)]), highway="residential")}, False),
        ({"water": layer(LineString([(0, 20), (1000, 20)]))}, False),  # a river drawn as a line has no width
    ],
)
def test_what_nobody_walks_across(layers, barred):
    found = attached(STREET, (300, 40), obstacles=obstacle_lines(**layers))
    assert found.reached.tolist() == [not barred]


def test_places_may_be_kept_off_private_edges():
    graph = street_graph(roads([(0, 0), (1000, 0)], ([(500, 0), (500, 100)], {"access": "private"})))
    inside, outside = attached(graph, (510, 60)), attached(graph, (510, 60), private=False)
    assert graph.private[inside.edge].tolist() == [True]
    assert (graph.private[outside.edge].tolist(), outside.gap_m.tolist()) == ([False], [60.0])


def test_at_a_junction_a_public_edge_is_taken():
    graph = street_graph(roads([(0, 0), (1000, 0)], ([(1000, 0), (1500, 500)], {"access": "private"}), [(1000, 0), (1500, -500)]))
    found = attached(graph, (1010, 0))
    assert not graph.private[found.edge].any()


@given(st.permutations(range(14)))
@settings(max_examples=30)
def test_the_order_of_roads_and_places_changes_nothing(order):
    frame, places = grid(3), points(*((x, y) for x in range(-250, 251, 50) for y in range(-250, 251, 50)))
    left = street_graph(frame)
    right = street_graph(frame.iloc[list(order)])
    one, two = snap(left, places), snap(right, places[::-1])
    assert one.edge.tolist() == two.edge[::-1].tolist()
    assert one.along_m.tolist() == two.along_m[::-1].tolist()


@given(st.lists(st.tuples(st.floats(-400, 400), st.floats(-400, 400)), min_size=1, max_size=20))
@settings(max_examples=50)
def test_gap_is_the_least_distance_to_any_street(xy):
    graph = street_graph(grid(3))
    found = attached(graph, *xy)
    least = shapely.distance(points(*xy)[:, None], graph.lines[None, :]).min(axis=1)
    assert found.gap_m == pytest.approx(least, abs=1e-9)
    ends = shapely.line_interpolate_point(graph.lines[found.edge], found.along_m)
    assert shapely.distance(points(*xy), ends) == pytest.approx(least, abs=1e-6)
