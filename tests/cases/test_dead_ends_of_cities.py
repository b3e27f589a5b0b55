"""Ends of streets in real cities: what must hold of every one of them, whatever the figures are."""

import networkx
import numpy as np
import pytest
import shapely

from spatial import open_city
from spatial.roads.ahead import AHEAD_M
from spatial.roads.dead_ends import DETOUR_MORE_M, DETOUR_RATIO, KINDS, drive, road_ends

pytestmark = pytest.mark.cases


@pytest.fixture(scope="module")
def harbin(cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ends")
    (folder / "city.toml").write_text(f'name = "哈尔滨"\n[osm]\nfile = "{cases}/harbin/harbin_202404.osm.pbf"\n', encoding="utf-8")
    return open_city(folder)


def test_every_real_end_is_what_its_definition_says(harbin):
    ends = road_ends(harbin)
    assert set(ends.kind) <= set(KINDS)
    suspected = ends.kind == "suspected"
    assert 0 < suspected.sum() < len(ends) / 2
    gap, way = ends.gap_m[suspected], ends.detour_m[suspected]
    assert (gap <= AHEAD_M).all()
    assert (way >= DETOUR_RATIO * gap).all()
    assert (way >= gap + DETOUR_MORE_M).all()
    ahead = np.einsum("ij,ij->i", ends.target_xy[suspected] - ends.xy[suspected], ends.heading[suspected]) / gap
    assert (ahead >= np.cos(np.radians(45)) - 1e-6).all()


def test_no_real_end_lies_where_the_extract_is_cut(harbin):
    """The edge of the data is cut by hundreds of ways whose nodes it lacks: none of them may count."""
    ends = road_ends(harbin)
    roads = harbin.frame("roads")
    cut = roads[roads["cut"].notna()]
    assert len(cut) > 100
    tips = np.concatenate(
        [
            shapely.get_coordinates(shapely.get_point(line, nth))
            for line, side in zip(cut.geometry, cut["cut"], strict=True)
            for nth, word in ((0, "start"), (-1, "end"))
            if side in (word, "both")
        ]
    )
    away = np.hypot(*(ends.xy[ends.real][:, None] - tips[None]).transpose(2, 0, 1)).min(axis=1)
    assert away.min() > 1.0


def test_the_way_round_is_that_of_another_library(harbin):
    """From each end to a node near its target: within the edge that the target lies on, networkx finds the same length."""
    ends, graph = road_ends(harbin), drive(harbin)
    plain = networkx.Graph()
    for start, end, metres in zip(graph.start[~graph.private], graph.end[~graph.private], graph.length_m[~graph.private], strict=True):
        if not plain.has_edge(start, end) or plain[start][end]["weight"] > metres:
            plain.add_edge(int(start), int(end), weight=float(metres))
    chosen = np.flatnonzero((ends.kind == "suspected") & np.isfinite(ends.detour_m))[:25]
    edge = graph.tree.nearest(shapely.points(ends.target_xy[chosen]))
    along = shapely.line_locate_point(graph.lines[edge], shapely.points(ends.target_xy[chosen]))
    own = graph.tree.nearest(shapely.points(ends.xy[chosen]))
    at = shapely.line_locate_point(graph.lines[own], shapely.points(ends.xy[chosen]))
    for k, wanted in enumerate(ends.detour_m[chosen]):
        length = graph.length_m
        ways = [
            out + networkx.dijkstra_path_length(plain, int(a), int(b)) + back
            for a, out in ((graph.start[own[k]], at[k]), (graph.end[own[k]], length[own[k]] - at[k]))
            for b, back in ((graph.start[edge[k]], along[k]), (graph.end[edge[k]], length[edge[k]] - along[k]))
        ]
        assert min(ways) == pytest.approx(wanted, abs=0.1)
