"""What the streets prove of roads that a ledger says were opened."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from spatial.ledger.declared import ledger_metrics
from spatial.roads.opened_links import LIMIT_M, NO_DEAD_END, NO_LINE, NO_MAP, NOT_BUILT, NOT_SHORTER, OFF, proof_of_opening
from tests.ledger.town import CRS, line, town

# Two stubs face each other 120 m apart in the middle of a loop: 1,140 m back along each, and 120 m across between them, make 2.4 km.
WEST, EAST = line((400, 500), (100, 500), (100, 1340)), line((520, 500), (820, 500), (820, 1340))
ACROSS = line((100, 1340), (820, 1340))
LINK = line((400, 500), (520, 500))


def streets(*lines: shapely.LineString, highway: str = "residential", **columns: list[str]) -> gpd.GeoDataFrame:
    ids = [f"r{n}" for n in range(len(lines))]
    return gpd.GeoDataFrame({"id": ids, "highway": [highway] * len(lines), **columns}, geometry=list(lines), crs=CRS)


def records(*lines: shapely.Geometry | None, kind: str = "断头路", before: str = "", after: str = "") -> gpd.GeoDataFrame:
    n = len(lines)
    return gpd.GeoDataFrame({"type": [kind] * n, "before": [before] * n, "after": [after] * n}, geometry=list(lines), crs=CRS)


def prove(roads: gpd.GeoDataFrame, *lines: shapely.Geometry | None, **more: str):
    return proof_of_opening(records(*lines, **more), town(roads=roads))


def test_two_stubs_that_face_each_other():
    """120 m apart, 3,000 m round (300 + 840 + 720 + 840 + 300): the link is confirmed, 3.00 km before and 0.12 km after."""
    found = prove(streets(WEST, EAST, ACROSS, LINK), LINK)
    assert found.confirmed.tolist() == [True]
    assert found.detour_m[0] == pytest.approx([3000, 120])


def test_the_check_of_the_catalogue():
    """Detour 2.4 km → 0.12 km: 300 + 540 + 720 + 540 + 300."""
    west, east = line((400, 500), (100, 500), (100, 1040)), line((520, 500), (820, 500), (820, 1040))
    found = prove(streets(west, east, line((100, 1040), (820, 1040)), LINK), LINK)
    assert found.confirmed.tolist() == [True]
    assert found.detour_m[0] == pytest.approx([2400, 120])


def test_what_the_map_does_not_show_is_not_confirmed():
    assert prove(streets(WEST, EAST, ACROSS), LINK).why == [NOT_BUILT]


def test_a_road_that_joins_two_parts_is_confirmed():
    """No way before at all."""
    found = prove(streets(WEST, EAST, LINK), LINK)
    assert found.confirmed.tolist() == [True]
    assert found.detour_m[0] == pytest.approx([np.inf, 120])


def test_one_street_drawn_in_one_piece_is_cut_where_the_record_ends():
    whole = line((100, 1340), (100, 500), (820, 500), (820, 1340))
    found = prove(streets(whole, ACROSS), LINK)
    assert found.confirmed.tolist() == [True]
    assert found.detour_m[0] == pytest.approx([3000, 120])


def test_a_street_between_two_junctions_opened_no_dead_end():
    """Both ends of the record lie at cross streets, also where it is drawn 10 m short of them."""
    grid = [line((400, 100), (400, 1340)), line((520, 100), (520, 1340)), line((400, 1340), (520, 1340)), LINK]
    assert prove(streets(*grid), LINK, line((410, 500), (510, 500))).why == [NO_DEAD_END, NO_DEAD_END]


def test_a_road_that_leads_nowhere_opens_nothing():
    """It goes on from a dead end, and the dead end is farther out now."""
    on = line((400, 500), (700, 500))
    assert prove(streets(line((100, 500), (400, 500)), on), on).why == [OFF]


def test_dual_carriageways_are_one_road():
    """The record is drawn between two carriageways 16 m apart, and both are taken out."""
    roads = streets(
        line((100, 492), (400, 492), (520, 492), (820, 492)), line((820, 508), (520, 508), (400, 508), (100, 508)),
        line((100, 492), (100, 508)), line((820, 492), (820, 508)), line((100, 508), (100, 1340), (820, 1340), (820, 508)),
        oneway=["yes", "yes", "", "", ""],
    )  # fmt: skip
    found = prove(roads, LINK)
    assert found.confirmed.tolist() == [True]
    assert found.detour_m[0][0] > 2900


def test_private_roads_prove_nothing():
    roads = streets(WEST, EAST, ACROSS, LINK, access=["", "", "", "private"])
    assert prove(roads, LINK).why in ([NOT_BUILT], [NOT_SHORTER])


def test_records_without_a_line_and_cities_without_roads():
    whole = streets(WEST, EAST, ACROSS, LINK)
    fork = shapely.MultiLineString([LINK, line((460, 500), (460, 700))])
    point = shapely.Point(LINK.coords[0])
    assert prove(whole, None, point, fork, line((1500, 100), (1600, 100))).why == [NO_LINE, NO_LINE, NO_LINE, OFF]
    assert proof_of_opening(records(LINK), town()).why == [NO_MAP]
    assert len(proof_of_opening(records(LINK).iloc[:0], town(roads=whole)).why) == 0


def test_a_line_in_two_pieces_is_one():
    halves = shapely.MultiLineString([line((400, 500), (460, 500)), line((520, 500), (460, 500))])
    assert prove(streets(WEST, EAST, ACROSS, LINK), halves).confirmed.tolist() == [True]


@pytest.mark.parametrize(("before", "confirmed"), [("8 m", True), ("宽 12 米", True), ("13 米", False), ("前.jpg", False)])
def test_a_bottleneck_was_forty_per_cent_narrower(before, confirmed):
    """20 m now: 12 m was 40 % less, 13 m was 35 % less. The street between two junctions was no dead end."""
    grid = [line((400, 100), (400, 1340)), line((520, 100), (520, 1340)), line((400, 1340), (520, 1340)), LINK]
    assert prove(streets(*grid), LINK, kind="卡脖路", before=before, after="20 m").confirmed.tolist() == [confirmed]
    assert not prove(streets(*grid), LINK, before=before, after="20 m").confirmed.any()  # no bottleneck by its type


@pytest.mark.parametrize("turn", [0, 35, 90, 200])
def test_turning_and_the_order_of_rows_change_nothing(turn):
    from shapely import affinity

    lines = [affinity.rotate(each, turn, origin=line((460, 700), (461, 700)).coords[0]) for each in (WEST, EAST, ACROSS, LINK)]
    city = town(roads=streets(*reversed(lines)))
    found = proof_of_opening(records(lines[3], lines[3].reverse()), city)
    assert found.confirmed.all()
    assert found.detour_m == pytest.approx(np.array([[3000, 120], [3000, 120]]), abs=1e-3)


def test_the_metric_asks_for_this_proof():
    assert ledger_metrics()["dead_end_roads_opened"].confirm == "network"
    assert LIMIT_M >= 10_000
