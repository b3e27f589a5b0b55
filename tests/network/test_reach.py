"""Costs on networks whose answer fits in a comment; then properties; then networkx."""

import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spatial.errors import OptionError
from spatial.network.reach import at, field
from spatial.network.several import counts_within, has_numba, k_nearest
from spatial.network.snap import Attached, snap
from spatial.network.streets import street_graph
from tests.network.drawn import attached, brute, gates, grid, points, roads

GRID = street_graph(grid(12))
SMALL = street_graph(grid(3))
FAR = 10_000.0
BOTH = [False, pytest.param(True, marks=pytest.mark.skipif(not has_numba(), reason="numba, the extra [fast], is not installed"))]


def cost(graph, sources, places, limit=FAR, **options):
    return at(field(graph, attached(graph, *sources), limit=limit, **options), attached(graph, *places)).tolist()


def test_grid_of_100_m_has_221_nodes_within_1000_m():
    """2 n² + 2 n + 1 for n = 10: A5, first check."""
    reached = field(GRID, attached(GRID, (0, 0)), limit=1000.0)
    assert np.isfinite(reached.public).sum() == 221
    corners = street_graph(grid(12))
    assert np.abs(corners.xy[np.isfinite(reached.public)]).sum(axis=1).max() == 1000.0


def test_a_wall_with_one_gate_is_passed_at_the_gate():
    """Three streets cross a wall at y = 0, and only the one at x = 900 has a gate: 900 + 100 + 100 + 900."""
    streets = roads(
        [(0, -100), (450, -100), (900, -100)], [(0, 100), (450, 100), (900, 100)], *([(x, -100), (x, 0), (x, 100)] for x in (0, 450, 900))
    )
    wall = [((x, 0), {"barrier": "wall"}) for x in (0, 450)]
    graph = street_graph(streets, gates(*wall, ((900, 0), {"barrier": "gate"})))
    assert cost(graph, [(0, -100)], [(0, 100)]) == [2000.0]
    assert cost(street_graph(streets), [(0, -100)], [(0, 100)]) == [200.0]


def test_a_part_that_hangs_together_with_nothing_is_not_served():
    graph = street_graph(roads([(0, 0), (100, 0)], [(0, 50), (100, 50)]))
    assert cost(graph, [(0, 0)], [(100, 0), (100, 50)]) == [100.0, np.inf]


def test_many_sources_are_the_least_of_single_ones():
    sources = [(0, 0), (130, 270), (-300, 40), (55, -300)]
    places = [(x, y) for x in range(-300, 301, 75) for y in range(-300, 301, 75)]
    together = cost(SMALL, sources, places)
    assert together == pytest.approx(np.min([cost(SMALL, [source], places) for source in sources], axis=0).tolist())


STREET = street_graph(roads([(0, 0), (1000, 0)]))


@pytest.mark.parametrize(
    ("source", "place", "metres"),
    [
        ((200, 0), (700, 0), 500.0),  # the same edge, neither at an end
        ((700, 0), (200, 0), 500.0),
        ((300, 0), (300, 0), 0.0),
        ((0, 0), (0, 0), 0.0),
        ((0, 0), (1000, 0), 1000.0),
        ((200, 30), (700, 40), 570.0),  # both connectors
        ((-30, 0), (1040, 0), 1070.0),
    ],
)
def test_along_one_street(source, place, metres):
    assert cost(STREET, [source], [place]) == [metres]


def test_round_the_block_may_be_shorter_than_along_the_edge():
    """A loop of 1,000 m from and to one node, source and place 50 m to either side of the node: 100 m, not 900 along the edge."""
    graph = street_graph(roads([(0, 0), (0, 250), (250, 250), (250, 0), (0, 0)], [(0, 0), (-100, 0)]))
    assert cost(graph, [(0, 50)], [(50, 0)]) == [100.0]


def test_the_limit_is_inclusive():
    assert cost(STREET, [(0, 0)], [(600, 0), (600.01, 0)], limit=600.0) == [600.0, np.inf]
    assert cost(STREET, [(0, 0)], [(570, 30), (571, 30)], limit=600.0) == [600.0, np.inf]


def test_of_parallel_streets_the_shorter_counts():
    graph = street_graph(roads([(0, 0), (400, 0)], [(0, 0), (200, 300), (400, 0)], [(-100, 0), (0, 0)], [(400, 0), (500, 0)]))
    assert cost(graph, [(-100, 0)], [(500, 0)]) == [600.0]


def test_nobody_is_served_without_sources():
    assert cost(STREET, [], [(0, 0)]) == [np.inf]
    assert cost(STREET, [(0, 900)], [(0, 0)]) == [np.inf]
    assert cost(STREET, [(0, 0)], []) == []


def test_costs_other_than_metres():
    """20 minutes for the street, half a minute a metre of connector: 10 m + half of it + 4 m."""
    assert cost(STREET, [(0, 10)], [(500, 4)], cost=np.array([20.0]), per_m=0.5) == [5 + 10 + 2]
    assert cost(STREET, [(0, 0)], [(500, 0)], cost=np.array([0.0])) == [0.0]


@pytest.mark.parametrize(
    "options", [{"limit": 0.0}, {"limit": np.nan}, {"cost": np.array([1.0, 2.0])}, {"cost": np.array([-1.0])}, {"cost": np.array([np.nan])}]
)
def test_impossible_options_are_refused(options):
    with pytest.raises(OptionError, match="give"):
        field(STREET, attached(STREET, (0, 0)), **{"limit": FAR, **options})


COMPOUND = street_graph(
    roads(
        [(-500, 0), (0, 0), (500, 0)],
        [(0, 0), (0, 10), (0, 100)],
        [(0, 100), (0, 190), (0, 200)],
        [(-500, 0), (-500, 200), (0, 200), (500, 200)],
    ),
    gates(*(((0, y), {"barrier": "gate", "access": "private"}) for y in (10, 190))),
)


def test_residents_leave_through_the_gate_and_nobody_passes():
    """Through the compound it would be 200 m; round it 500 + 200 + 500."""
    assert cost(COMPOUND, [(0, 0)], [(0, 100), (0, 200)]) == [100.0, 1200.0]


def test_a_facility_in_a_compound_serves_its_residents_alone():
    assert cost(COMPOUND, [(0, 100)], [(0, 150), (0, 195), (0, 0)]) == [50.0, np.inf, np.inf]


def test_residents_take_the_gate_that_is_nearer():
    assert cost(COMPOUND, [(0, 0), (0, 200)], [(0, 40), (0, 180)]) == [40.0, 20.0]


def test_one_way_streets_bind_the_trip_to_the_facility():
    """A one-way ring of 400 m: from 100 m before the facility 100 m, from 100 m behind it 300."""
    ring = roads(([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)], {"oneway": "yes"}), [(0, 0), (-10, 0)])
    graph = street_graph(ring, mode="drive")
    assert cost(graph, [(100, 100)], [(100, 0), (0, 100), (100, 100)]) == [100.0, 300.0, 0.0]
    assert cost(street_graph(ring), [(100, 100)], [(100, 0), (0, 100)]) == [100.0, 100.0]


places_in = st.lists(st.tuples(st.integers(-310, 310), st.integers(-310, 310)), min_size=1, max_size=8)


@given(places_in, places_in, st.tuples(st.integers(-310, 310), st.integers(-310, 310)))
@settings(max_examples=60)
def test_another_source_never_raises_a_cost_and_no_way_is_shorter_than_straight(sources, places, another):
    before, after = (np.array(cost(SMALL, chosen, places)) for chosen in (sources, [*sources, another]))
    assert (after <= before + 1e-9).all()
    straight = shapely.distance(points(*places)[:, None], points(*sources)[None, :]).min(axis=1)
    assert (before >= straight - 1e-9).all()


@given(places_in, places_in, st.permutations(range(14)))
@settings(max_examples=30)
def test_the_order_of_roads_sources_and_places_changes_nothing(sources, places, order):
    again = street_graph(grid(3).iloc[list(order)])
    assert cost(SMALL, sources, places) == cost(again, sources[::-1], places[::-1])[::-1]


@st.composite
def networks(draw):
    """Streets between random corners of a grid, some of them private; parallel ones, rings and islands happen."""
    corner = st.tuples(st.integers(0, 4), st.integers(0, 4))
    ways = draw(st.lists(st.lists(corner, min_size=2, max_size=4), min_size=2, max_size=9))
    ways = [[a for a, b in zip(way, [None, *way[:-1]], strict=True) if a != b] for way in ways]
    ways = [[(100.0 * x, 100.0 * y) for x, y in way] for way in ways if len(way) > 1]
    assume(ways)
    return street_graph(roads(*ways))


spots = st.lists(st.tuples(st.integers(-50, 450), st.integers(-50, 450)), min_size=1, max_size=7)


@given(networks(), spots, spots, st.sampled_from([250.0, 700.0, FAR]), st.data())
@settings(max_examples=80)
def test_costs_and_facilities_equal_networkx(graph, sources, places, limit, data):
    begin, ask = attached(graph, *sources), attached(graph, *places)
    facility = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(sources), max_size=len(sources))))
    both = Attached(
        *(np.concatenate(pair) for pair in zip((begin.edge, begin.along_m, begin.gap_m), (ask.edge, ask.along_m, ask.gap_m), strict=True))
    )
    network = brute(graph, both)
    want = np.full((len(places), 4), np.inf)
    for i in np.flatnonzero(ask.reached):
        length = nx.single_source_dijkstra_path_length(network, ("place", len(sources) + i))
        for j, number in enumerate(facility):
            want[i, number] = min(want[i, number], length.get(("place", j), np.inf))
    want[want > limit + 1e-6] = np.inf
    nearest = at(field(graph, begin, limit=limit), ask)
    assert nearest == pytest.approx(want.min(axis=1), abs=1e-6)
    counts = np.zeros(len(graph.xy), int)
    for number in np.unique(facility):
        ends = [("place", j) for j in np.flatnonzero(begin.reached & (facility == number))]
        found = nx.multi_source_dijkstra_path_length(network, set(ends)) if ends else {}
        counts += np.array([found.get(node, np.inf) <= limit + 1e-6 for node in range(len(graph.xy))])
    for compiled in (False, True) if has_numba() else (False,):
        costs, numbers = k_nearest(graph, begin, facility, ask, k=3, limit=limit, compiled=compiled)
        assert costs == pytest.approx(np.sort(want, axis=1)[:, :3], abs=1e-6)
        assert ((numbers >= 0) == np.isfinite(costs)).all()
        for row in range(len(places)):
            known = numbers[row][numbers[row] >= 0]
            assert len(set(known)) == len(known)
            assert want[row, known] == pytest.approx(costs[row, : len(known)], abs=1e-6)
        assert counts_within(graph, begin, facility, limit=limit, compiled=compiled).tolist() == counts.tolist()


@pytest.mark.parametrize("compiled", BOTH)
def test_several_entrances_are_one_facility(compiled):
    """A campus with gates at 100 and 200 m, a second school at 500 m."""
    sources, places = attached(STREET, (100, 0), (200, 0), (500, 0)), attached(STREET, (0, 0))
    costs, numbers = k_nearest(STREET, sources, np.array([7, 7, 2]), places, k=3, limit=FAR, compiled=compiled)
    assert costs.tolist() == [[100.0, 500.0, np.inf]]
    assert numbers.tolist() == [[7, 2, -1]]
    by_place = dict(
        zip(STREET.xy[:, 0].tolist(), counts_within(STREET, sources, np.array([7, 7, 2]), limit=400.0, compiled=compiled), strict=True)
    )
    assert by_place == {0.0: 1, 1000.0: 0}


@pytest.mark.parametrize("compiled", BOTH)
def test_private_edges_bind_the_second_nearest_too(compiled):
    """Inside the compound: its own kiosk at 50 m, the shop at the street 100 m off; at the street the shop alone."""
    sources, places = attached(COMPOUND, (0, 0), (0, 150)), attached(COMPOUND, (0, 100), (50, 0))
    costs, numbers = k_nearest(COMPOUND, sources, np.array([0, 1]), places, k=2, limit=1000.0, compiled=compiled)
    assert costs.tolist() == [[50.0, 100.0], [50.0, np.inf]]
    assert numbers.tolist() == [[1, 0], [0, -1]]
    count = counts_within(COMPOUND, sources, np.array([0, 1]), limit=300.0, compiled=compiled)
    assert count[np.flatnonzero((COMPOUND.xy == (0, 0)).all(axis=1))[0]] == 1


@pytest.mark.parametrize("compiled", BOTH)
def test_a_node_inside_a_compound_counts_for_its_residents(compiled):
    """Two private lanes meet at (0, 100): the kiosk there and the shop at the street."""
    lane = {"access": "private"}
    graph = street_graph(
        roads([(-500, 0), (0, 0), (500, 0)], ([(0, 0), (0, 100)], lane), ([(0, 100), (50, 150)], lane), ([(0, 100), (-50, 150)], lane))
    )
    count = counts_within(graph, attached(graph, (0, 0), (0, 100)), np.array([0, 1]), limit=300.0, compiled=compiled)
    where = {tuple(xy): n for xy, n in zip(graph.xy.tolist(), count.tolist(), strict=True)}
    assert (where[0.0, 100.0], where[0.0, 0.0]) == (2, 1)


@pytest.mark.skipif(not has_numba(), reason="numba, the extra [fast], is not installed")
def test_with_and_without_numba_the_answer_is_the_same_to_the_last_digit():
    spots = np.random.default_rng(5).uniform(-1100, 1100, (400, 2))
    sources, places = attached(GRID, *spots[:80]), attached(GRID, *spots[80:])
    facility = np.arange(80) // 2
    slow, fast = (k_nearest(GRID, sources, facility, places, k=3, limit=900.0, compiled=flag) for flag in (False, True))
    assert slow[0].tobytes() == fast[0].tobytes()
    assert slow[1].tobytes() == fast[1].tobytes()
    left, right = (counts_within(GRID, sources, facility, limit=900.0, compiled=flag) for flag in (False, True))
    assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize(("facility", "k"), [(np.array([0, 1]), 3), (np.array([-1]), 3), (np.array([0]), 0)])
def test_impossible_facilities_are_refused(facility, k):
    with pytest.raises(OptionError, match="give"):
        k_nearest(STREET, attached(STREET, (0, 0)), facility, attached(STREET, (0, 0)), k=k, limit=FAR)


def test_polygons_and_points_at_one_place_cost_the_same():
    park = np.array([shapely.box(100, 0, 200, 100)], dtype=object)
    reached = field(STREET, snap(STREET, park), limit=FAR)
    assert at(reached, attached(STREET, (150, 0)))[0] == 0.0


@given(st.data(), spots, spots)
@settings(max_examples=60)
def test_a_trip_is_private_first_and_public_then(data, sources, places):
    """Oracle in two halves: from the place over private edges alone, then to the facility over public edges alone."""
    corner = st.tuples(st.integers(0, 3), st.integers(0, 3))
    lanes = data.draw(st.lists(st.tuples(corner, corner, st.booleans()), min_size=2, max_size=12))
    ways = [([(100.0 * x, 100.0 * y) for x, y in (a, b)], {"access": "private" if shut else None}) for a, b, shut in lanes if a != b]
    assume(ways)
    graph = street_graph(roads(*ways))
    begin, ask = attached(graph, *sources), attached(graph, *places)
    both = Attached(
        *(np.concatenate(pair) for pair in zip((begin.edge, begin.along_m, begin.gap_m), (ask.edge, ask.along_m, ask.gap_m), strict=True))
    )
    inside, outside = (brute(graph, both, edges) for edges in (np.flatnonzero(graph.private), np.flatnonzero(~graph.private)))
    want = np.full(len(places), np.inf)
    for i in np.flatnonzero(ask.reached):
        here = ("place", len(sources) + i)
        first = nx.single_source_dijkstra_path_length(inside, here) if graph.private[ask.edge[i]] else {here: 0.0}
        for j in np.flatnonzero(begin.reached):
            goal = ("place", int(j))
            if graph.private[begin.edge[j]]:
                want[i] = min(want[i], first.get(goal, np.inf))
            else:
                back = nx.single_source_dijkstra_path_length(outside, goal)
                want[i] = min(want[i], min((first[node] + back[node] for node in first if node in back), default=np.inf))
    assert at(field(graph, begin, limit=FAR), ask) == pytest.approx(want, abs=1e-6)
