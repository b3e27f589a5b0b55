"""Walking and driving graphs of streets whose junctions can be counted by hand."""

import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial.network.contract import contract
from spatial.network.streets import street_graph
from tests.network.drawn import gates, grid, roads

CROSS = ([(0, 0), (1, 0), (2, 0)], [(1, -1), (1, 0), (1, 1)])


def summary(graph):
    return len(graph.xy), len(graph.start), round(float(graph.length_m.sum()), 6), len(graph.dead_ends())


def test_a_crossing_has_four_arms():
    graph = street_graph(roads(*CROSS))
    assert summary(graph) == (5, 4, 4.0, 4)
    assert shapely.length(graph.lines) == pytest.approx(graph.length_m)


def test_a_bridge_is_no_junction():
    over = street_graph(roads(CROSS[0], (CROSS[1], {"bridge": "yes", "layer": "1"})))
    assert summary(over) == (4, 2, 4.0, 4)
    by_reference = street_graph(roads(*CROSS, nodes=[[1, 2, 3], [4, 7, 5]]))  # the same place, another node
    assert summary(by_reference) == (4, 2, 4.0, 4)


def test_bends_are_no_nodes_and_segments_follow_their_edge():
    graph = street_graph(roads([(0, 0), (1, 0), (1, 1)], [(1, 1), (1, 2), (5, 2)]))
    assert summary(graph) == (2, 1, 7.0, 2)
    # The edge begins at one of its ends, whichever way it was drawn.
    back = slice(None, None, -1 if shapely.get_coordinates(graph.lines[0])[0, 0] == 5 else 1)
    assert graph.segment_row[back].tolist() == [0, 0, 1, 1]
    assert graph.segment_length_m[back].tolist() == [1.0, 1.0, 1.0, 4.0]
    assert shapely.get_coordinates(graph.lines[0])[back].tolist() == [[0, 0], [1, 0], [1, 1], [1, 2], [5, 2]]


def test_rings_and_parallel_streets_are_kept():
    ring = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    assert summary(street_graph(roads(ring))) == (1, 1, 4.0, 0)
    assert summary(street_graph(roads(ring, [(0, 0), (-1, 0)]))) == (2, 2, 5.0, 1)
    parallel = street_graph(roads([(0, 0), (2, 0)], [(0, 0), (1, 1), (2, 0)], [(-1, 0), (0, 0)], [(2, 0), (3, 0)]))
    assert summary(parallel)[:2] == (4, 4)
    assert len(parallel.dead_ends()) == 2


def test_without_roads_there_is_an_empty_graph():
    graph = street_graph(roads(CROSS[0]).iloc[:0])
    assert summary(graph) == (0, 0, 0.0, 0)
    assert len(graph.degree()) == 0


@pytest.mark.parametrize(
    ("tags", "walked", "driven"),
    [
        ({}, True, True),
        ({"highway": "motorway"}, False, True),
        ({"highway": "motorway", "foot": "yes"}, True, True),
        ({"highway": "trunk"}, True, True),
        ({"highway": "trunk", "motorroad": "yes"}, False, True),
        ({"highway": "trunk", "motorroad": "yes", "foot": "designated"}, True, True),
        ({"highway": "trunk", "name": "东部快速路"}, False, True),
        ({"highway": "primary", "name": "快速路辅路"}, True, True),
        ({"foot": "no"}, False, True),
        ({"access": "no"}, False, False),
        ({"access": "no", "foot": "permissive"}, True, False),
        ({"access": "no", "motor_vehicle": "yes"}, False, True),
        ({"motor_vehicle": "no"}, True, False),
        ({"highway": "construction"}, False, False),
        ({"highway": "construction", "foot": "yes"}, False, False),
        ({"highway": "raceway"}, False, False),
        ({"highway": "platform"}, False, False),
        ({"highway": "steps"}, True, False),
        ({"highway": "footway"}, True, False),
        ({"highway": "service"}, True, True),
    ],
)
def test_who_may_pass(tags, walked, driven):
    way = roads(([(0, 0), (1, 0)], tags))
    assert len(street_graph(way).start) == walked
    assert len(street_graph(way, mode="drive").start) == driven


@pytest.mark.parametrize(
    ("tags", "private"),
    [
        ({"access": "private"}, True),
        ({"foot": "private"}, True),
        ({"access": "residents"}, True),
        ({"access": "private", "foot": "yes"}, False),
        ({"access": "destination"}, False),
        ({"access": "customers"}, False),
    ],
)
def test_private_ways(tags, private):
    graph = street_graph(roads([(0, 0), (9, 0)], ([(9, 0), (10, 0)], tags)))
    assert graph.length_m[graph.private].sum() == (1.0 if private else 0.0)


@pytest.mark.parametrize(
    ("tags", "edges", "cut"),
    [
        ({"barrier": "gate"}, 1, False),
        ({"barrier": "bollard"}, 1, False),
        ({"barrier": "lift_gate", "access": "destination"}, 1, False),
        ({"entrance": "main"}, 1, False),
        ({"barrier": "gate", "locked": "yes"}, 2, True),
        ({"barrier": "gate", "locked": "yes", "foot": "yes"}, 1, False),
        ({"barrier": "wall"}, 2, True),
        ({"barrier": "gate", "access": "no"}, 2, True),
        ({"barrier": "gate", "foot": "no"}, 2, True),
        ({"barrier": "gate", "access": "no", "foot": "yes"}, 1, False),
    ],
)
@pytest.mark.parametrize("at", ["reference", "vertex", "line"])
def test_gates_on_foot(tags, edges, cut, at):
    line = [(0, 0), (1, 0), (5, 0)]
    if at == "reference":
        graph = street_graph(roads(line, nodes=[[1, 2, 3]]), gates(((9, 9), {**tags, "id": "n2"})))  # where it says it is does not matter
    else:
        graph = street_graph(roads(line), gates(((1.0 if at == "vertex" else 3.0, 0.3), tags)))
    assert len(graph.start) == edges
    assert len(set(graph.components().tolist())) == 1 + cut
    assert graph.length_m.sum() == pytest.approx(5.0)


def test_a_gate_of_an_extract_is_no_gate_of_what_lies_over_it():
    over = roads(*CROSS, nodes=[[1, 2, 3], [4, 7, 5]])
    graph = street_graph(over, gates(((1, 0), {"barrier": "wall", "id": "n7"})))
    assert sorted(graph.length_m.tolist()) == [1.0, 1.0, 2.0]
    elsewhere = street_graph(over, gates(((1, 0), {"barrier": "wall", "id": "n99"})))
    assert len(elsewhere.start) == 2


def test_two_gates_on_one_line_that_has_no_vertex_there():
    graph = street_graph(roads([(0, 0), (9, 0)]), gates(((6, 0), {"barrier": "wall"}), ((2, 0), {"barrier": "wall"})))
    assert sorted(graph.length_m.tolist()) == [2.0, 3.0, 4.0]


def test_a_gate_on_a_junction_closes_the_way_that_ends_there():
    graph = street_graph(roads([(0, 0), (1, 0), (2, 0)], [(1, 0), (1, 1)]), gates(((1, 0), {"barrier": "gate", "locked": "yes"})))
    assert sorted(graph.length_m.tolist()) == [1.0, 2.0]


STREET = [(-500, 0), (0, 0), (500, 0)]
INNER = [(0, 0), (0, 10), (0, 100)]  # into the compound, past its gate at (0, 10)
BACK = [(0, 100), (0, 190), (300, 190), (500, 0)]  # out again, past a gate at (0, 190)


def test_a_compound_behind_a_private_gate_is_private():
    graph = street_graph(roads(STREET, INNER), gates(((0, 10), {"barrier": "gate", "access": "private"})))
    assert graph.length_m[graph.private].tolist() == [90.0]
    assert len(set(graph.components().tolist())) == 1


def test_two_private_gates_let_nobody_through():
    both = gates(*(((0, y), {"barrier": "gate", "access": "private"}) for y in (10, 190)))
    graph = street_graph(roads(STREET, INNER, BACK), both)
    assert graph.length_m[graph.private].sum() == pytest.approx(180.0)


def test_with_another_way_in_a_private_gate_is_closed():
    graph = street_graph(roads(STREET, INNER, BACK), gates(((0, 10), {"barrier": "gate", "access": "private"})))
    assert not graph.private.any()
    assert len(set(graph.components().tolist())) == 1
    assert len(graph.dead_ends()) == 3  # one end of the street, both sides of the gate


def test_what_is_reached_over_private_ways_alone_is_private():
    graph = street_graph(roads(STREET, ([(0, 0), (0, 10)], {"access": "private"}), [(0, 10), (0, 100)]))
    assert graph.length_m[graph.private].sum() == 100.0


def test_a_private_gate_on_the_street_itself_does_not_close_the_street():
    graph = street_graph(roads(STREET, [(0, 0), (0, 100)]), gates(((0, 0), {"barrier": "gate", "access": "private"})))
    assert graph.length_m[graph.private].tolist() == [100.0]
    assert len(set(graph.components().tolist())) == 1


@pytest.mark.parametrize(
    ("tags", "along", "against"),
    [
        ({}, True, True),
        ({"oneway": "yes"}, True, False),
        ({"oneway": "-1"}, False, True),
        ({"oneway": "reversible"}, True, True),
        ({"oneway": "no", "highway": "motorway"}, True, True),
        ({"highway": "motorway"}, True, False),
        ({"junction": "roundabout"}, True, False),
    ],
)
def test_driving_has_directions_and_walking_has_none(tags, along, against):
    way = roads(([(0, 0), (1, 0)], {**tags, "foot": "yes"}))
    drive, walk = street_graph(way, mode="drive"), street_graph(way)
    drawn = drive.xy[drive.start[0]].tolist() == [0, 0]
    flags = (drive.forward[0], drive.backward[0]) if drawn else (drive.backward[0], drive.forward[0])
    assert flags == (along, against)
    assert walk.forward.all()
    assert walk.backward.all()


def test_a_street_that_becomes_one_way_keeps_a_node_there():
    graph = street_graph(roads([(0, 0), (1, 0)], ([(1, 0), (2, 0)], {"oneway": "yes"})), mode="drive")
    assert len(graph.start) == 2


def test_bollards_stop_cars_and_not_people():
    way, bollard = roads([(0, 0), (1, 0), (2, 0)]), gates(((1, 0), {"barrier": "bollard"}))
    assert len(street_graph(way, bollard).start) == 1
    assert len(street_graph(way, bollard, mode="drive").start) == 2


def test_the_order_of_rows_changes_nothing():
    frame = grid(3)
    shuffled = frame.sample(frac=1.0, random_state=3)
    left, right = street_graph(frame), street_graph(shuffled)
    assert np.array_equal(left.xy, right.xy)
    assert shapely.to_wkb(left.lines).tolist() == shapely.to_wkb(right.lines).tolist()
    assert frame["id"].to_numpy()[left.segment_row].tolist() == shuffled["id"].to_numpy()[right.segment_row].tolist()


def simplified(start, end):
    """Contract by hand, one node after the other, in networkx."""
    graph = nx.MultiGraph()
    graph.add_edges_from((u, v, {"n": 1}) for u, v in zip(start, end, strict=True) if u != v)
    for node in list(graph):
        ends = list(graph.edges(node, keys=True, data=True))
        far = [v for _, v, _, _ in ends]
        if len(ends) == 2 and node not in far and (far[0] != far[1] or graph.number_of_nodes() > 2):
            original = {v for u, v in [*zip(start, end, strict=True), *zip(end, start, strict=True)] if u == node and v != node}
            if len(original) == 2:
                graph.remove_node(node)
                graph.add_edge(far[0], far[1], n=sum(data["n"] for *_, data in ends))
    return graph


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=16))
@settings(max_examples=150)
def test_contraction_equals_contraction_node_by_node(pairs):
    start, end = (np.array(column) for column in zip(*pairs, strict=True))
    angle = np.arange(10) * 0.7
    xy = np.column_stack([np.cos(angle) * (1 + angle), np.sin(angle) * (1 + angle)])
    yes, no = np.ones(len(start), bool), np.zeros(len(start), bool)
    graph = contract(xy, start, end, np.arange(len(start)), yes, yes, no)
    oracle = simplified(start.tolist(), end.tolist())
    counts = np.bincount(graph.segment_edge, minlength=len(graph.start))
    assert len(graph.xy) == oracle.number_of_nodes()
    assert sorted(counts.tolist()) == sorted(data["n"] for *_, data in oracle.edges(data=True))
    assert sorted(graph.degree().tolist()) == sorted(degree for _, degree in oracle.degree())
