"""Real cities: what their extracts must give on foot."""

import networkx as nx
import numpy as np
import pytest
import shapely

from spatial.network.contract import contract
from spatial.network.graph import build_network
from spatial.network.passage import CLOSED, way_status
from spatial.network.reach import at, field
from spatial.network.several import k_nearest
from spatial.network.snap import obstacle_lines, snap
from spatial.network.streets import street_graph
from spatial.project import open_city

pytestmark = pytest.mark.cases


def opened(folder, extract):
    (folder / "city.toml").write_text(f'name = "case"\n[osm]\nfile = "{extract}"\n', encoding="utf-8")
    return open_city(folder, cache=False)


@pytest.fixture(scope="module", params=["las_palmas/las_palmas_20230221.osm.pbf", "harbin/harbin_202404.osm.pbf"])
def city(request, cases, tmp_path_factory):
    return opened(tmp_path_factory.mktemp("network"), cases / request.param)


@pytest.fixture(scope="module")
def walking(city):
    return street_graph(city.frame("roads"), city.layer("gates").frame)


def test_contraction_loses_no_metre_and_no_dead_end(city):
    """Against networkx on every vertex: as many dead ends, as many metres; a junction is a node where not two streets meet."""
    roads = city.frame("roads")
    network = build_network(roads[way_status(roads, "walk") != CLOSED])
    yes = np.ones(len(network.start), bool)
    graph = contract(network.xy, network.start, network.end, network.line, yes, yes, ~yes)
    vertices = nx.MultiGraph()
    vertices.add_edges_from((u, v) for u, v in zip(network.start.tolist(), network.end.tolist(), strict=True) if u != v)
    stay = sum(degree != 2 or len(set(vertices[node])) == 1 for node, degree in vertices.degree())
    rings = sum(all(vertices.degree(node) == 2 for node in part) and len(part) > 2 for part in nx.connected_components(vertices))
    step = network.xy[network.start] - network.xy[network.end]
    assert len(graph.xy) == stay + rings
    assert len(graph.dead_ends()) == sum(degree == 1 for _, degree in vertices.degree())
    assert graph.length_m.sum() == pytest.approx(np.hypot(*step.T).sum())
    assert shapely.length(graph.lines) == pytest.approx(graph.length_m)


def test_most_of_the_network_hangs_together(walking):
    part = np.bincount(walking.components()[walking.start], weights=walking.length_m)
    assert part.max() / part.sum() > 0.94
    assert walking.length_m[walking.private].sum() / part.sum() < 0.03


def test_every_way_that_is_walked_is_in_the_graph_once(city, walking):
    roads = city.frame("roads")
    walked = way_status(roads, "walk") != CLOSED
    metres = np.bincount(walking.segment_row, weights=walking.segment_length_m, minlength=len(roads))
    assert metres[walked] == pytest.approx(roads.length.to_numpy()[walked], abs=0.01)
    assert not metres[~walked].any()


def test_walking_is_never_shorter_than_flying(city, walking):
    places = shapely.centroid(city.frame("buildings").geometry.to_numpy()[::20])
    facilities = shapely.point_on_surface(city.frame("facilities").geometry.to_numpy()[::20])
    sources, asked = snap(walking, facilities, private=False), snap(walking, places)
    metres = at(field(walking, sources, limit=1500.0), asked)
    served = np.isfinite(metres)
    assert served.mean() > 0.3
    straight = shapely.STRtree(facilities).query_nearest(places, return_distance=True, all_matches=False)[1]
    assert (metres[served] >= straight[served] - 1e-6).all()
    costs, numbers = k_nearest(walking, sources, np.arange(len(sources)), asked, k=2, limit=1500.0)
    assert np.array_equal(np.isfinite(costs[:, 0]), served)
    assert costs[served, 0] == pytest.approx(metres[served])
    assert (numbers[:, 0] != numbers[:, 1])[np.isfinite(costs[:, 1])].all()


def test_barriers_only_ever_lengthen_a_connector(city, walking):
    frames = (city.layer(name).frame for name in ("walls", "rail", "water", "roads"))
    barriers = obstacle_lines(*frames)
    places = shapely.centroid(city.frame("buildings").geometry.to_numpy()[::10])
    free, barred = snap(walking, places), snap(walking, places, obstacles=barriers)
    both = barred.reached
    assert (barred.gap_m[both] >= free.gap_m[both] - 1e-6).all()
    assert 0.85 < both.mean() < free.reached.mean()
    # None of what is left crosses a barrier, by a plain look at each.
    ends = shapely.get_coordinates(shapely.line_interpolate_point(walking.lines[barred.edge[both]], barred.along_m[both]))
    xy = shapely.get_coordinates(places[both])
    keep = np.hypot(*(ends - xy).T) > 0.3
    share = 0.12 / np.hypot(*(ends - xy).T)[keep, None]
    inner = shapely.linestrings(
        np.stack([xy[keep] * (1 - share) + ends[keep] * share, xy[keep] * share + ends[keep] * (1 - share)], axis=1)
    )
    lines = barriers[shapely.get_type_id(barriers) == 1]
    assert len(shapely.STRtree(lines).query(inner, predicate="intersects")[0]) == 0
