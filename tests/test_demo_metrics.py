"""What the metrics say about places that were planted in the demo city."""

from __future__ import annotations

import functools

import geopandas as gpd
import numpy as np
import pytest

from spatial.measurement import measure
from spatial.network.reach import at, field
from spatial.network.snap import snap
from spatial.network.streets import street_graph
from tests.demo_city.reading import FACTS, city, planted, point


@functools.cache
def reach():
    return measure(city(), ["park_service_coverage", "pocket_park_gap", "school_coverage", "bus_stop_500m_coverage"])


def shown(evidence: str, identity: str) -> gpd.GeoDataFrame:
    """Features of an evidence layer that hold a planted place."""
    frame = reach().evidence[evidence].to_crs(city().crs)
    return frame[frame.covers(point(planted(identity)["where"]))]


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact["kind"] == "detour"], ids=lambda fact: fact["id"])
def test_the_package_walks_round_what_stands_in_the_way(fact):
    graph = street_graph(city().frame("roads"), city().frame("gates"))
    home, target = (snap(graph, np.array([point(fact[end])], object), limit_m=1.0) for end in ("from", "to"))
    (found,) = at(field(graph, target, limit=20_000), home)
    assert fact["at_least_m"] <= found <= fact["at_most_m"]


def test_a_compound_without_a_park_is_shown_as_unserved():
    assert len(shown("park_service_coverage.unserved_2022", "no_park"))
    assert len(shown("pocket_park_gap.clusters_straight_line", "no_park"))


def test_a_school_behind_a_wall_does_not_serve():
    # 9 m in a straight line, more than the 500 m of a primary school on foot.
    assert planted("school_behind_the_wall")["at_least_m"] > 500
    (cell,) = shown("school_coverage.beyond", "school_behind_the_wall").itertuples()
    assert not cell.primary_school_m <= 500


def test_a_village_without_a_bus_is_beyond_reach():
    (cell,) = shown("bus_stop_500m_coverage.beyond", "village_without_bus").itertuples()
    assert cell.people > 0


def test_good_and_bad_districts():
    """The old town's shops are near and its schools too; north of the railway little is."""
    share = {area: reach().get("school_coverage", area_id=area).value for area in ("990101", "990105")}
    assert share["990101"] > share["990105"] + 0.2
