"""Candidate links: where they lead, how long they are, what they cross, which detour they end."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from spatial.roads.candidate_links import candidate_links
from spatial.roads.dead_ends import road_ends
from tests.roads.stubs import COMB, FACING, box, layer, line, town


def test_a_stub_that_points_at_a_street():
    """100 m to the street ahead; before 200 + 1,000 + 300 + 1,000 = 2,500 m."""
    links = candidate_links(town(COMB))
    assert len(links) == 1
    assert links.length_m == pytest.approx([100])
    assert links.detour_m == pytest.approx([2500])
    assert links.ends[0, 1] == -1
    assert links.name.tolist() == ["街0"]
    assert not links.planned[0]


def test_two_stubs_that_face_each_other_have_one_link():
    """120 m between them, 3,000 m round; it bears both names."""
    links = candidate_links(town(FACING))
    assert len(links) == 1
    assert (links.ends >= 0).all()
    assert links.length_m == pytest.approx([120])
    assert links.detour_m == pytest.approx([3000])
    assert sorted(links.name[0].split(" — ")) == ["街0", "街1"]


def test_what_a_link_crosses():
    """In a strip 12 m wide: two houses of 100 m² and of 400 m², not one 7 m beside it; 20 m of water, drawn twice; two tracks of which one is a tunnel."""
    houses = layer([box(5, 220, 15, 230), box(-20, 240, 0, 260), box(7, 270, 17, 280)])
    water = layer([box(-100, 262, 100, 282), box(-100, 262, 100, 270)], name=["河", "河"])
    rail = layer([line((-500, 285), (500, 285)), line((-500, 290), (500, 290))], railway=["rail", "rail"], tunnel=["", "yes"])
    city = town(COMB, buildings=houses)
    assert (candidate_links(city).buildings.tolist(), candidate_links(city).buildings_m2.tolist()) == ([2], [500])
    from spatial.roads.candidate_links import _crossings

    found = _crossings(town(COMB, buildings=houses, water=water, rail=rail), np.array([line((0, 200), (0, 300))], dtype=object))
    assert [float(value[0]) for value in found] == pytest.approx([2, 500, 20, 1])


def test_what_nobody_mapped_is_unknown_and_what_is_empty_is_none():
    bare = candidate_links(town(COMB))
    assert all(np.isnan(each).all() for each in (bare.buildings, bare.buildings_m2, bare.water_m, bare.tracks))
    empty = candidate_links(town(COMB, buildings=layer([])))
    assert empty.buildings.tolist() == [0]


def test_a_planned_road_is_followed():
    """It goes on from the stub, turns, and meets the other street: 50 + 300 + 50 m; a straight link would be 100 m."""
    plan = layer(
        [line((0, 200), (0, 250), (300, 250)), line((300, 250), (300, 300))], name=["规划路", "规划路"], status=["planned", "planned"]
    )
    links = candidate_links(town(COMB, planned_roads=plan))
    assert links.planned.tolist() == [True]
    assert links.length_m == pytest.approx([400])
    assert links.detour_m == pytest.approx([200 + 1000 + 300 + 700])
    built = layer([line((0, 200), (0, 250), (300, 250), (300, 300))], name=["规划路"], status=["completed"])
    assert candidate_links(town(COMB, planned_roads=built)).planned.tolist() == [False]


def test_no_dead_end_no_link():
    links = candidate_links(town(COMB[1:]))
    assert len(links) == 0
    assert links.ends.shape == (0, 2)


def test_the_order_of_the_roads_changes_nothing():
    one, two = candidate_links(town([*COMB, *(shapely.transform(each, lambda xy: xy - [0, 2000]) for each in FACING)])), None
    two = candidate_links(town([*reversed([*COMB, *(shapely.transform(each, lambda xy: xy - [0, 2000]) for each in FACING)])]))
    assert shapely.equals_exact(one.lines, two.lines, 1e-9).all()
    assert np.allclose(one.detour_m, two.detour_m)


def test_links_begin_at_dead_ends():
    city = town([*COMB, *(shapely.transform(each, lambda xy: xy - [0, 2000]) for each in FACING)])
    links, ends = candidate_links(city), road_ends(city)
    assert len(links) == 2
    assert ends.real[links.ends[:, 0]].all()
    assert np.allclose(shapely.get_coordinates(shapely.get_point(links.lines, 0)), ends.xy[links.ends[:, 0]])
