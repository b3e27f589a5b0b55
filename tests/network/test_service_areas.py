"""Polygons that lie where the service reaches, and nowhere else."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from spatial.errors import OptionError
from spatial.network.reach import at, field
from spatial.network.service_areas import service_area
from spatial.network.snap import Attached
from spatial.network.streets import street_graph
from tests.network.drawn import attached, gates, grid, roads

GRID = street_graph(grid(12))
STREET = street_graph(roads([(0, 0), (1000, 0)]))


def area(graph, source, limit, **options):
    return service_area(graph, field(graph, attached(graph, source), limit=limit), limit=limit, **options)


def test_on_a_grid_it_fills_the_diamond_and_not_the_circle():
    """A5, first check: 2 · 1000² = 2.0 km², a plain circle would be 3.14."""
    parts = area(GRID, (0, 0), 1000.0)
    drawn = shapely.union_all(parts)
    diamond = Polygon([(1000, 0), (0, 1000), (-1000, 0), (0, -1000)])
    assert diamond.buffer(1e-6).covers(drawn)
    assert drawn.area == pytest.approx(2.0e6, rel=0.03)
    assert shapely.area(parts).sum() == pytest.approx(drawn.area)
    assert shapely.is_valid(parts).all()


def test_along_one_street():
    """Limit 300 m, width 20: the strip ends 300 − √2 · 10 + 10 m off at the farthest, and is 40 m wide in its middle."""
    drawn = shapely.union_all(area(STREET, (500, 0), 300.0, width_m=20.0))
    west, south, east, north = drawn.bounds
    assert (west, east) == (pytest.approx(500 - 300 + 4.142, abs=0.01), pytest.approx(500 + 300 - 4.142, abs=0.01))
    assert (south, north) == (pytest.approx(-20), pytest.approx(20))
    assert drawn.intersection(box(400, -99, 600, 99)).area == pytest.approx(200 * 40)


def test_a_connector_is_part_of_the_way():
    assert shapely.union_all(area(STREET, (500, 100), 300.0, width_m=20.0)).bounds[0] == pytest.approx(500 - 200 + 4.142, abs=0.01)


def test_nothing_is_drawn_where_nothing_is_reached():
    assert len(area(STREET, (500, 190), 180.0)) == 0
    assert len(area(STREET, (500, 900), 500.0)) == 0
    assert len(area(STREET, (500, 0), 10.0)) == 0  # no room for a strip of 50 m, nor of 25


def test_the_wall_stops_it():
    cut = street_graph(roads([(0, 0), (1000, 0)]), gates(((600, 0), {"barrier": "wall"})))
    assert shapely.union_all(area(cut, (500, 0), 400.0, width_m=20.0)).bounds[2] == pytest.approx(620.0)


def test_private_streets_are_drawn_for_their_residents():
    graph = street_graph(roads([(0, 0), (500, 0), (1000, 0)], ([(500, 0), (500, 100)], {"access": "private"})))
    assert shapely.union_all(area(graph, (500, 0), 400.0, width_m=20.0)).covers(shapely.Point(500, 100))


def test_walking_time_draws_in_minutes():
    """0.015 minutes a metre: 4.5 minutes are 300 m."""
    found = field(STREET, attached(STREET, (500, 0)), limit=4.5, cost=STREET.length_m * 0.015, per_m=0.015)
    assert shapely.union_all(service_area(STREET, found, limit=4.5, width_m=20.0)).bounds[0] == pytest.approx(500 - 300 + 4.142, abs=0.01)


@pytest.mark.parametrize(("limit", "width_m"), [(0.0, 50.0), (300.0, 0.0), (301.0, 50.0)])
def test_impossible_options_are_refused(limit, width_m):
    found = field(STREET, attached(STREET, (500, 0)), limit=300.0)
    with pytest.raises(OptionError, match="give"):
        service_area(STREET, found, limit=limit, width_m=width_m)


def test_one_way_streets_are_refused():
    graph = street_graph(roads(([(0, 0), (1000, 0)], {"oneway": "yes"})), mode="drive")
    with pytest.raises(OptionError, match="one-way"):
        area(graph, (500, 0), 300.0)


SMALL = street_graph(grid(3))
spot = st.tuples(st.integers(-310, 310), st.integers(-310, 310))


@given(st.lists(spot, min_size=1, max_size=3), st.sampled_from([120.0, 300.0, 450.0]), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_whoever_stands_within_is_within_the_limit(sources, limit, random):
    """Places drawn inside the polygon, walked from by the network: none is beyond the limit."""
    found = field(SMALL, attached(SMALL, *sources), limit=limit)
    parts = service_area(SMALL, found, limit=limit)
    places = [(random.uniform(-400, 400), random.uniform(-400, 400)) for _ in range(60)]
    inside = np.array([shapely.intersects(parts, shapely.Point(place)).any() for place in places], dtype=bool)
    # Any street will do: the nearest one may lead away from the facility.
    cost_m = np.min([at(found, beside(edge, places)) for edge in range(len(SMALL.start))], axis=0)
    assert (cost_m[inside] <= limit + 1e-6).all()


def beside(edge, places):
    """Places attached to one edge, however far."""
    line, spots = SMALL.lines[edge], shapely.points(np.array(places))
    return Attached(np.full(len(places), edge), shapely.line_locate_point(line, spots), shapely.distance(line, spots))


def test_what_areas_share_is_drawn_once_and_changes_nothing():
    """Cells of 100 to 400 m hold a few streets of 100 m each: an area drawn first, after others, and without cells covers the same ground."""
    graph, fresh = street_graph(grid(12)), street_graph(grid(12))
    for source in ((-300, -300), (400, 0), (50, 600)):
        area(graph, source, 900.0)
    again, first = (shapely.union_all(area(each, (0, 0), 900.0)) for each in (graph, fresh))
    assert shapely.equals_exact(again, first)  # the same coordinates, in the same order
    found = field(fresh, attached(fresh, (0, 0)), limit=900.0)
    far = 900.0 - np.sqrt(2) * 50.0
    inner = np.flatnonzero((found.public[fresh.start] + found.public[fresh.end] + fresh.length_m) / 2 <= far)
    plain = shapely.union_all(shapely.buffer(fresh.lines[inner], 50.0, quad_segs=3))
    assert len([key for key in fresh._memory if key[0] == "strips" and len(key) == 4]) > 10  # cells were united
    assert first.buffer(1e-6).covers(plain)


def test_several_sources_on_one_street_draw_it_once():
    """Their stretches are whole edges twice over, and must not stand in for another edge of the cell."""
    graph = street_graph(roads([(0, 0), (40, 0)], [(0, 0), (0, 900)]))
    drawn = shapely.union_all(area(graph, (10, 0), 200.0, width_m=10.0))
    twice = shapely.union_all(service_area(graph, field(graph, attached(graph, (10, 0), (10, 0)), limit=200.0), limit=200.0, width_m=10.0))
    assert twice.equals(drawn)
    assert twice.bounds[3] < 200.0
