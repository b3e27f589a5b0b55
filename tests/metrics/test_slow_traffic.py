"""Walking and cycling: streets and paths whose answer fits in a comment, then properties."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics.slow_network import slow_gaps
from spatial.metrics.slow_sides import APART, HERE, LANE, NONE, NOT_SAID, cycleway_tags, sidewalk_tags
from tests.metrics.test_roads import CRS, KILOMETRE, Road, few, frame, polygons, road
from tests.metrics.test_roads import city as street_city

METRICS = ["slow_traffic_network", "main_road_slow_lanes", "slow_network_connectivity", "slow_network_gaps"]


def path(*points: tuple[float, float], highway: str = "footway", **tags: Any) -> Road:
    return road(*points, highway=highway, **tags)


def row(roads: list[Road], metric: str, variant: str | None = None, *, shape: Polygon = KILOMETRE, **layers: gpd.GeoDataFrame) -> Any:
    return measure(city(roads, shape, **layers), [metric]).get(metric, variant=variant)


def city(roads: list[Road], shape: Polygon = KILOMETRE, **layers: gpd.GeoDataFrame) -> City:
    areas = polygons({"a": shape})
    return City.from_layers(crs=CRS, districts=areas, built_up_area=areas, roads=frame(roads), **layers)


class TestLength:
    def test_paths_count_once_and_sidewalks_by_side(self) -> None:
        # In 1 km²: a footway of 400 m; a street of 1,000 m with sidewalks on both sides, one of 1,000 m with one on the left: 400 + 2,000 + 1,000.
        roads = [
            path((-200, -300), (200, -300)),
            road((-600, 0), (600, 0), sidewalk="both"),
            road((-600, 300), (600, 300), sidewalk="left"),
        ]
        assert row(roads, "slow_traffic_network", "walk").numerator == pytest.approx(3400)
        assert row(roads, "slow_traffic_network", "walk").value == pytest.approx(3.4)
        assert row(roads, "slow_traffic_network", "cycle").value == 0

    def test_a_path_for_both_counts_once_in_the_total(self) -> None:
        roads = [
            path((-300, 0), (300, 0), highway="cycleway", foot="designated", segregated="yes"),
            path((0, 200), (0, 300), highway="cycleway"),
        ]
        assert [row(roads, "slow_traffic_network", variant).numerator for variant in ("walk", "cycle", "total")] == pytest.approx(
            [600, 700, 700]
        )

    def test_cycle_lanes_by_side(self) -> None:
        # Both sides of a street of both ways, one of a one-way street; painted lanes are part of the network.
        roads = [road((-600, 0), (600, 0), cycleway="track"), road((-600, 200), (600, 200), cycleway="lane", oneway="yes"),
                 road((-600, 400), (600, 400), cycleway_right="lane", cycleway_left="no")]  # fmt: skip
        assert row(roads, "slow_traffic_network", "cycle").numerator == pytest.approx(4000)

    def test_a_sidewalk_that_is_drawn_counts_as_drawn_alone(self) -> None:
        # Tags tell of both sides, and the northern one is drawn too: 1,000 m of path and 1,000 m of the southern side.
        street = road((-600, 0), (600, 0), highway="primary", sidewalk="both")
        assert row([street, path((-600, 12), (600, 12))], "slow_traffic_network", "walk").numerator == pytest.approx(2000)
        apart = road((-600, 0), (600, 0), highway="primary", sidewalk="separate")
        assert row([apart, path((-600, 12), (600, 12))], "slow_traffic_network", "walk").numerator == pytest.approx(1000)

    def test_private_paths_squares_and_aisles_have_no_length(self) -> None:
        roads = [path((0, 0), (100, 0), access="private"), path((0, 10), (100, 10), footway="access_aisle"), path((0, 20), (100, 20), foot="no"),
                 path((0, 50), (100, 50), (100, 150), (0, 150), (0, 50), highway="pedestrian", area="yes"), path((0, 200), (100, 200))]  # fmt: skip
        assert row(roads, "slow_traffic_network", "walk").numerator == pytest.approx(100)

    def test_what_is_not_known_of_main_roads_is_a_range(self) -> None:
        # 1 km of main road without a tag may have two sidewalks: 0.1 to 2.1 km/km².
        found = row([path((0, 300), (100, 300)), road((-600, 0), (600, 0), highway="primary")], "slow_traffic_network", "walk")
        assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 2.1))
        assert (found.quality, found.status) == (0, "estimated")


class TestMainRoads:
    def test_by_side(self) -> None:
        # 1,000 m with two sides, 1,000 m with one, 1,000 m with none: 1.5 of 3 km; side streets are not asked.
        roads = [road((-600, at), (600, at), highway=kind, sidewalk=said) for at, kind, said in
                 ((0, "primary", "both"), (200, "secondary", "right"), (400, "trunk", "no"), (-200, "residential", "no"))]  # fmt: skip
        found = row(roads, "main_road_slow_lanes", "footway")
        assert (found.numerator, found.denominator, found.quality, found.status) == (pytest.approx(1500), pytest.approx(3000), 1, "ok")

    def test_unknown_sides_are_a_range_and_too_many_no_data(self) -> None:
        told, untold = road((-600, 0), (600, 0), highway="primary", sidewalk="both"), road((-600, 200), (600, 200), highway="primary")
        found = row([told, untold], "main_road_slow_lanes", "footway")
        assert (found.value, found.low, found.high, found.quality, found.status) == (0.5, 0.5, 1.0, 0.5, "estimated")
        nothing = row([untold], "main_road_slow_lanes", "footway")
        assert nothing.status == "no_data"
        assert "too little to say" in nothing.note

    def test_a_path_beside_is_a_footway_and_one_across_is_none(self) -> None:
        street = road((-600, 0), (600, 0), highway="primary")
        beside = [path((-600, 15), (600, 15)), path((-600, -15), (600, -15))]
        assert row([street, *beside], "main_road_slow_lanes", "footway").value == pytest.approx(1)
        assert row([street, beside[0]], "main_road_slow_lanes", "footway").value == pytest.approx(0.5)
        far = [path((-600, 45), (600, 45)), path((0, -100), (0, 100))]
        assert row([street, *far], "main_road_slow_lanes", "footway").status == "no_data"

    def test_of_two_carriageways_the_outer_sides_are_asked(self) -> None:
        # Paths outside both carriageways: all. The carriageways are one road of 1,000 m.
        dual = [
            road((-600, 0), (600, 0), highway="primary", oneway="yes", name="x"),
            road((600, 20), (-600, 20), highway="primary", oneway="yes", name="x"),
        ]
        paths = [path((-600, -12), (600, -12)), path((-600, 32), (600, 32))]
        found = row([*dual, *paths], "main_road_slow_lanes", "footway")
        assert (found.value, found.denominator) == (pytest.approx(1), pytest.approx(1000, rel=1e-6))
        # A path on the median serves neither side.
        assert row([*dual, path((-600, 10), (600, 10))], "main_road_slow_lanes", "footway").status == "no_data"

    def test_a_painted_lane_is_no_track(self) -> None:
        roads = [
            road((-600, 0), (600, 0), highway="primary", cycleway="lane"),
            road((-600, 200), (600, 200), highway="primary", cycleway="track"),
        ]
        assert row(roads, "main_road_slow_lanes", "cycle_track").value == pytest.approx(0.5)

    def test_a_road_on_a_common_edge_counts_half_on_each_side(self) -> None:
        roads = [road((0, -600), (0, 600), highway="primary", sidewalk="both")]
        made = street_city(roads, {"a": box(-500, -500, 0, 500), "b": box(0, -500, 500, 500)})
        for name, length in (("main_road_slow_lanes", 500), ("slow_traffic_network", 1000)):
            results = measure(made, [name])
            assert [results.get(name, area_id=key).numerator for key in ("a", "b", "city")] == pytest.approx([length, length, 2 * length])


@pytest.mark.parametrize(
    ("tags", "walk"),
    [
        ({"sidewalk": "both"}, (HERE, HERE)), ({"sidewalk": "left"}, (HERE, NONE)), ({"sidewalk": "yes"}, (NOT_SAID, HERE)),
        ({"sidewalk": "none"}, (NONE, NONE)), ({"sidewalk": "separate"}, (APART, APART)), ({"sidewalk": "?"}, (NOT_SAID, NOT_SAID)),
        ({"sidewalk_both": "no", "sidewalk_left": "yes"}, (HERE, NONE)), ({"sidewalk": "both", "sidewalk_right": "no"}, (HERE, NONE)), ({}, (NOT_SAID, NOT_SAID)),
    ],
)  # fmt: skip
def test_tags_of_sidewalks(tags: dict[str, str], walk: tuple[int, int]) -> None:
    assert tuple(sidewalk_tags(city([road((0, 0), (1, 0), **tags)]).frame("roads"))[0]) == walk


@pytest.mark.parametrize(
    ("tags", "cycle"),
    [
        ({"cycleway": "track"}, (HERE, HERE)), ({"cycleway": "lane", "oneway": "yes"}, (NONE, LANE)), ({"cycleway": "no"}, (NONE, NONE)),
        ({"cycleway_left": "track", "cycleway_right": "lane"}, (HERE, LANE)), ({"cycleway": "shared_lane"}, (NONE, NONE)),
        ({"bicycle": "use_sidepath"}, (APART, APART)), ({}, (NOT_SAID, NOT_SAID)),
    ],
)  # fmt: skip
def test_tags_of_cycle_tracks(tags: dict[str, str], cycle: tuple[int, int]) -> None:
    assert tuple(cycleway_tags(city([road((0, 0), (1, 0), **tags)]).frame("roads"))[0]) == cycle


class TestConnectivity:
    def test_the_largest_part(self) -> None:
        # 600 m in one piece and 200 m apart: 0.75. A residential street that joins them makes it 1.
        roads = [path((-400, 0), (0, 0), (200, 0)), path((300, 0), (500, 0))]
        found = row(roads, "slow_network_connectivity")
        assert (found.numerator, found.denominator, found.value) == (pytest.approx(600), pytest.approx(800), pytest.approx(0.75))
        street = road((200, 0), (300, 0))
        assert row([*roads, street], "slow_network_connectivity", "dedicated").value == pytest.approx(0.75)
        assert row([*roads, street], "slow_network_connectivity", "with_streets").value == pytest.approx(1)
        assert row([*roads, {**street, "sidewalk": "both"}], "slow_network_connectivity", "dedicated").value == pytest.approx(1)


class TestGaps:
    def test_a_missing_link_of_30_metres_is_found(self) -> None:
        found = measure(city([path((-400, 0), (0, 0)), path((30, 0), (400, 0))]), ["slow_network_gaps"])
        assert found.get("slow_network_gaps").value == 1
        gap = found.evidence["slow_network_gaps.slow_gaps"].iloc[0]
        assert (gap.gap_m, gap.slow_rank, gap.joins_m, gap.barred) == (30, 1, 370, "no")
        assert np.isnan(gap.around_m)

    @pytest.mark.parametrize("far", [101, 150])
    def test_a_longer_one_is_none(self, far: float) -> None:
        assert row([path((-400, 0), (0, 0)), path((far, 0), (500, 0))], "slow_network_gaps").value == 0

    def test_where_a_street_joins_them_there_is_none(self) -> None:
        ends = [path((-400, 0), (0, 0)), path((30, 0), (400, 0))]
        assert row([*ends, road((0, 0), (30, 0), highway="tertiary")], "slow_network_gaps").value == 0
        assert row([*ends, path((0, 0), (30, 0), footway="crossing")], "slow_network_gaps").value == 0
        # A way round of 30 + 2 · 200 m leaves it open, and is said.
        around = road((0, 0), (0, 200), (30, 200), (30, 0), highway="tertiary")
        gaps = slow_gaps(city([*ends, around]))
        assert gaps.around_m == pytest.approx([430])

    def test_ends_must_lead_towards_one_another(self) -> None:
        # Two parallel paths end side by side: nobody wants to turn round.
        assert row([path((-400, 0), (0, 0)), path((-400, 30), (0, 30))], "slow_network_gaps").value == 0
        assert row([path((-400, 0), (0, 0)), path((30, -400), (30, 0))], "slow_network_gaps").value == 0

    def test_doors_buildings_and_dashes_make_none(self) -> None:
        ends = [path((-400, 0), (0, 0)), path((30, 0), (400, 0))]
        for house in (box(1, -5, 29, 5), box(-2, 1, 2, 5)):
            buildings = frame([{"geometry": house, "building": "yes"}])
            assert row(ends, "slow_network_gaps", buildings=buildings).value == 0
        assert row([ends[0], path((30, 0), (60, 0))], "slow_network_gaps").value == 0
        beside = frame([{"geometry": box(10, 20, 20, 30), "building": "yes"}])
        assert row(ends, "slow_network_gaps", buildings=beside).value == 1

    def test_a_railway_across_is_said(self) -> None:
        rail = frame([{"geometry": shapely.LineString([(15, -500), (15, 500)]), "railway": "rail"}])
        gaps = slow_gaps(city([path((-400, 0), (0, 0)), path((30, 0), (400, 0))], rail=rail))
        assert list(gaps.barred) == [True]

    def test_the_one_that_joins_most_comes_first(self) -> None:
        # 30 m between 100 m and 400 m; 90 m between 300 m and 400 m.
        roads = [path((-500, 0), (-400, 0)), path((-370, 0), (30, 0)), path((120, 0), (420, 0))]
        assert slow_gaps(city(roads)).joins_m == pytest.approx([300, 100])


@pytest.mark.parametrize("name", METRICS)
class TestInputs:
    def test_absent_is_no_data_and_empty_is_zero_or_nothing(self, name: str) -> None:
        areas = {"districts": polygons({"a": KILOMETRE}), "built_up_area": polygons({"a": KILOMETRE})}
        assert measure(City.from_layers(crs=CRS, **areas), [name]).get(name).status == "no_data"
        none = frame([road((0, 0), (1, 0))]).iloc[:0]
        empty = measure(City.from_layers(crs=CRS, roads=none, **areas), [name]).get(name)
        if name in ("slow_traffic_network", "slow_network_gaps"):
            assert (empty.value, empty.status) == (0, "ok")
        else:  # a share of nothing
            assert empty.status == "no_data"

    def test_streets_alone(self, name: str) -> None:
        found = row([road((-600, 0), (600, 0))], name)
        assert found.value == 0 or found.status == "no_data"


fewer = settings(few, max_examples=6)
AREAS = {"w": Polygon([(-500, -500), (40, -500), (-60, 500), (-500, 500)]), "e": Polygon([(40, -500), (500, -500), (500, 500), (-60, 500)])}
at = st.integers(-9, 9).map(lambda value: 50.0 * value)
ways = st.tuples(
    st.tuples(at, at), st.tuples(at, at), st.sampled_from(["footway", "cycleway", "primary", "secondary", "residential", "pedestrian"]),
    st.sampled_from([None, "both", "left", "no", "separate"]), st.sampled_from([None, "yes", "-1"]),
).filter(lambda way: way[0] != way[1])  # fmt: skip


def drawn(found: list[Any]) -> list[Road]:
    return [road(start, end, highway=kind, sidewalk=said, oneway=one) for start, end, kind, said, one in found]


@fewer
@given(st.lists(ways, min_size=1, max_size=8).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_areas_add_up_and_the_order_does_not_matter(both: tuple[list[Any], list[Any]]) -> None:
    one, other = (measure(street_city(drawn(found), AREAS), METRICS).table for found in both)
    numbers = ["value", "low", "high", "numerator", "denominator", "quality"]
    np.testing.assert_allclose(one[numbers].astype(float), other[numbers].astype(float), rtol=1e-9, atol=1e-6)
    for _, rows in one.groupby(["metric", "variant"]):
        total = rows.loc[rows.area_id == "city", ["numerator", "denominator"]].iloc[0].fillna(0)
        np.testing.assert_allclose(rows.loc[rows.area_id != "city", ["numerator", "denominator"]].sum(), total, rtol=1e-9, atol=1e-6)


@fewer
@given(st.lists(ways, min_size=1, max_size=6), ways)
def test_another_path_adds_its_length(found: list[Any], more: Any) -> None:
    # Without sidewalks by tags, whose place a path beside them would take.
    before, after = (
        row(drawn([(*way[:3], None, way[4]) for way in each]), "slow_traffic_network", "walk")
        for each in (found, [*found, (*more[:2], "footway", None, None)])
    )
    assert after.numerator - before.numerator == pytest.approx(shapely.LineString(more[:2]).length)
    assert after.denominator == before.denominator
