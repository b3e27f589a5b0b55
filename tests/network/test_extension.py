"""Networks with stops and added links, against networkx on the same streets."""

from __future__ import annotations

import geopandas as gpd
import networkx
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shapely import LineString

from spatial.network.contract import Graph
from spatial.network.extension import extend
from spatial.network.snap import Attached
from spatial.network.streets import street_graph

CRS = "EPSG:32651"
FAR = 1e6
few = settings(
    max_examples=12, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate), suppress_health_check=[HealthCheck.too_slow]
)


def graph(*lines: LineString, **columns: list[str]) -> Graph:
    names = ("highway", "access", "oneway", "name", "foot", "motor_vehicle", "motorroad", "junction", "bridge", "tunnel", "layer")
    data = {name: columns.get(name, [None] * len(lines)) for name in names}
    data["highway"] = columns.get("highway", ["residential"] * len(lines))
    frame = gpd.GeoDataFrame(data, geometry=list(lines), crs=CRS)
    frame["nodes"] = None
    return street_graph(frame, mode="drive")


def attached(net: Graph, *points: tuple[float, float]) -> Attached:
    spots = shapely.points(np.array(points, float).reshape(-1, 2))
    who, edge = net.tree.query_nearest(spots, all_matches=False)
    along = shapely.line_locate_point(net.lines[edge], spots)
    return Attached(edge[np.argsort(who)].astype(np.int64), along, shapely.distance(net.lines[edge], spots))


def between(rows, net, row: int, node: int) -> float:
    nodes, metres = rows.row(row)
    hit = metres[nodes == node]
    return float(hit[0]) if len(hit) else np.inf


def test_two_stops_on_one_street():
    """A street of 100 m, stops at 20 and 70 m: 50 m apart, with a place 5 m beside it at 40 m 25 m and 35 m away."""
    net = graph(LineString([(0, 0), (100, 0)]))
    ground = extend(net, attached(net, (20, 0), (70, 0)))
    rows = ground.distances(ground.stop, FAR)
    assert between(rows, ground, 0, ground.stop[1]) == pytest.approx(50)
    hung = ground.hang(attached(net, (40, 5)))
    found = []
    for row in (0, 1):
        dense = np.full(len(ground.xy), np.inf)
        node, metres = rows.row(row)
        dense[node] = metres
        found.append(float(hung.metres(dense, slice(None))[0]))
    assert found == pytest.approx([25, 35])


def test_stops_at_nodes_and_at_one_place_are_one():
    net = graph(LineString([(0, 0), (100, 0)]), LineString([(100, 0), (200, 0)]), LineString([(100, 0), (100, 80)]))
    ground = extend(net, attached(net, (100, 0), (0, 0), (50, 0), (50.004, 0), (100, 40)))
    assert ground.stop[2] == ground.stop[3]
    assert (ground.xy[ground.stop[:2]] == [[100, 0], [0, 0]]).all()
    assert len(ground.xy) == len(net.xy) + 2


def test_one_way_rules_are_left_out():
    net = graph(LineString([(0, 0), (100, 0)]), LineString([(100, 0), (100, 50)]), oneway=["yes", "-1"])
    ground = extend(net, attached(net, (10, 0), (100, 30)))
    rows = ground.distances(ground.stop, FAR)
    assert between(rows, ground, 0, ground.stop[1]) == between(rows, ground, 1, ground.stop[0]) == pytest.approx(120)


def test_nobody_passes_through_a_private_street():
    """It would be a short cut of 100 m; round about it is 300 m. Who lives on it comes in by either end."""
    net = graph(
        LineString([(0, 0), (100, 0)]),
        LineString([(0, 0), (0, 100), (100, 100), (100, 0)]),
        LineString([(0, 0), (-50, 0)]),
        LineString([(100, 0), (150, 0)]),
        access=["private", "", "", ""],
    )
    ground = extend(net, attached(net, (-50, 0), (150, 0)))
    rows = ground.distances(ground.stop, FAR)
    assert between(rows, ground, 0, ground.stop[1]) == pytest.approx(400)
    dense = np.full(len(ground.xy), np.inf)
    node, metres = rows.row(0)
    dense[node] = metres
    assert ground.hang(attached(net, (90, 0))).metres(dense, slice(None)) == pytest.approx([140])


def test_links_and_streets_taken_out():
    net = graph(LineString([(0, 0), (100, 0), (100, 100), (0, 100)]))
    ground = extend(net, attached(net, (0, 0), (0, 100), (50, 0)))
    link = np.array([ground.stop[0]]), np.array([ground.stop[1]]), np.array([100.0])
    assert between(ground.distances(ground.stop[:1], FAR, link), ground, 0, ground.stop[1]) == pytest.approx(100)
    out = (ground.ends == ground.stop[2]).any(axis=1)
    assert out.sum() == 2
    assert between(ground.distances(ground.stop[:1], FAR, without=out), ground, 0, ground.stop[1]) == np.inf
    assert between(ground.distances(ground.stop[:1], 299.0), ground, 0, ground.stop[1]) == np.inf
    assert between(ground.distances(ground.stop[:1], 300.0), ground, 0, ground.stop[1]) == pytest.approx(300)


def test_without_stops_or_streets():
    net = graph(LineString([(0, 0), (100, 0)]))
    nothing = Attached(np.empty(0, np.int64), np.empty(0), np.empty(0))
    ground = extend(net, nothing)
    assert len(ground.distances(ground.stop, FAR)) == 0
    lost = extend(net, Attached(np.array([-1]), np.array([np.nan]), np.array([np.nan])))
    assert lost.stop.tolist() == [-1]
    assert len(lost.hang(nothing).one) == 0


@few
@given(st.integers(0, 10_000), st.sampled_from([150.0, 400.0, FAR]))
def test_distances_are_those_of_networkx(seed, limit_m):
    """A grid of 5 × 5 with streets left out, stops and links anywhere; windows of the limit, not of the city."""
    rng = np.random.default_rng(seed)
    lines = [LineString([(i, j), (i + 1, j)]) for i in range(4) for j in range(5)] + [
        LineString([(j, i), (j, i + 1)]) for i in range(4) for j in range(5)
    ]
    lines = [shapely.transform(line, lambda xy: xy * 100) for line in lines if rng.random() < 0.75]
    net = graph(*lines)
    spots = [
        tuple(shapely.get_coordinates(shapely.line_interpolate_point(rng.choice(lines), rng.random(), normalized=True))[0])
        for _ in range(6)
    ]
    stops = attached(net, *spots)
    ground = extend(net, stops)
    pick = rng.choice(6, (2, 2), replace=False) if len(set(ground.stop.tolist())) == 6 else np.array([[0, 1], [2, 3]])
    straight = np.hypot(*(ground.xy[ground.stop[pick[:, 0]]] - ground.xy[ground.stop[pick[:, 1]]]).T)
    link = ground.stop[pick[:, 0]], ground.stop[pick[:, 1]], straight
    peer = networkx.Graph()
    peer.add_nodes_from(range(len(ground.xy)))
    for (a, b), metres in [
        *zip(ground.ends.tolist(), (ground.to_m - ground.from_m).tolist(), strict=True),
        *zip(pick.tolist(), straight.tolist(), strict=True),
    ]:
        if metres in straight.tolist() and [a, b] in pick.tolist():
            a, b = int(ground.stop[a]), int(ground.stop[b])
        if a != b and metres < peer.get_edge_data(a, b, {"weight": np.inf})["weight"]:
            peer.add_edge(a, b, weight=metres)
    assert np.isclose((ground.to_m - ground.from_m).sum(), net.length_m.sum())
    rows = ground.distances(ground.stop, limit_m, link)
    for row, stop in enumerate(ground.stop.tolist()):
        known = networkx.single_source_dijkstra_path_length(peer, stop, cutoff=limit_m + 1e-6)
        node, metres = rows.row(row)
        assert dict(zip(node.tolist(), metres.tolist(), strict=True)) == pytest.approx(known)
