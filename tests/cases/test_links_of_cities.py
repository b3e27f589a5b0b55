"""Links that open dead ends in Harbin: their detours by networkx on raw node references, and the choice against a network with all its links at once."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
import shapely

from spatial.metrics.link_gains import LIMIT_M, link_gains, link_trips
from spatial.network.passage import OPEN, way_status
from spatial.project import open_city
from spatial.roads.candidate_links import candidate_links
from spatial.roads.dead_ends import road_ends
from spatial.siting import choose_links

pytestmark = pytest.mark.cases


@pytest.fixture(scope="module")
def harbin(cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("harbin")
    (folder / "city.toml").write_text(
        f'name = "哈尔滨"\n[osm]\nfile = "{cases}/harbin/harbin_202404.osm.pbf"\n[layers.districts]\nfile = "{cases}/harbin/districts_230100.json"\n'
        'id = "adcode"\nname = "name"\ndatum = "gcj02"\n[layers.population]\ntotal = 2000000\n',
        encoding="utf-8",
    )
    return open_city(folder, cache=False)


def raw_streets(city) -> networkx.Graph:
    """Every vertex of every way that the public may drive is a node; gates are left out of account."""
    roads = city.frame("roads")
    graph = networkx.Graph()
    for line, refs in zip(*(roads[way_status(roads, "drive") == OPEN][name] for name in ("geometry", "nodes")), strict=True):
        xy = np.asarray(line.coords)
        for a, b, one, two in zip(refs[:-1], refs[1:], xy[:-1], xy[1:], strict=True):
            metres = float(np.hypot(*(one - two)))
            if metres < graph.get_edge_data(a, b, {"weight": np.inf})["weight"]:
                graph.add_edge(a, b, weight=metres)
            graph.nodes[a]["xy"], graph.nodes[b]["xy"] = one, two
    return graph


def test_detours_are_those_of_networkx(harbin):
    """From the vertex at the dead end to both ends of the piece of street on which the link ends; without gates no way is longer, and most are equal."""
    links, graph = candidate_links(harbin), raw_streets(harbin)
    nodes, pieces = list(graph), list(graph.edges)
    places = np.array([graph.nodes[node]["xy"] for node in nodes])
    tree = shapely.STRtree(shapely.linestrings(np.array([[graph.nodes[a]["xy"], graph.nodes[b]["xy"]] for a, b in pieces])))
    equal = []
    for k in np.flatnonzero(np.isfinite(links.detour_m))[::4].tolist():
        begin, end = shapely.get_coordinates(links.lines[k])[[0, -1]]
        away = np.hypot(*(places - begin).T)
        known = networkx.single_source_dijkstra_path_length(graph, nodes[away.argmin()], cutoff=6000, weight="weight")
        sides = pieces[tree.nearest(shapely.Point(end))]
        far = min(known.get(node, np.inf) + np.hypot(*(graph.nodes[node]["xy"] - end)) for node in sides)
        assert away.min() < 0.1
        assert far <= links.detour_m[k] + 1.0
        equal.append(abs(far - links.detour_m[k]) <= 1.0)
    assert len(equal) >= 8
    assert np.mean(equal) >= 0.8


def test_links_begin_at_dead_ends_and_shorten(harbin):
    links, ends = candidate_links(harbin), road_ends(harbin)
    assert ends.real[links.ends[:, 0]].all()
    assert len(links) >= 0.8 * ends.real.sum() / 2
    straight = ~links.planned
    assert (links.length_m[straight] <= 500 + 1e-6).all()
    assert (links.detour_m[straight] > links.length_m[straight]).all()


def test_the_choice_is_that_of_a_network_with_all_its_links(harbin):
    """What the steps add is what the whole saves, and more links never save less."""
    chosen = choose_links(harbin, 12)
    trips, gains = link_trips(harbin), link_gains(harbin)
    links = candidate_links(harbin)
    rank = {rank: row for row, rank in enumerate(gains.rank.tolist())}
    rows = np.array([rank[k] for k in chosen.links["link_rank"]])
    nodes = trips.terminal[trips.one[rows]], trips.terminal[trips.two[rows]], links.length_m[rows]
    everyone = np.arange(len(trips.terminal))
    now = trips.metres(trips.rows, everyone)
    then = trips.metres(trips.net.distances(trips.terminal, LIMIT_M, nodes), everyone)
    saved = (trips.weight[trips.place] * (now - then)).sum() / 1e3
    assert chosen.saved_km == pytest.approx(saved, rel=1e-9)
    assert chosen.links["added"].sum() == pytest.approx(saved, abs=0.5)
    assert chosen.saved_km < chosen.all_km
    assert (gains.persons <= trips.weight.sum() + 1e-6).all()
