"""Dead ends by area: a comb whose answer fits in a comment, what areas and tiles must keep, and what stands beside the number."""

import numpy as np
import pytest
from shapely import LineString, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.roads.dead_ends import KINDS, REAL
from tests.roads.test_road_ends import CRS, EAST, NORTH, comb, frame, road, split, stub

METRIC = "dead_end_roads_open"
WEST, EAST_HALF = box(-3000, -3000, 0, 3000), box(0, -3000, 3000, 3000)


def city(roads, *, built=None, **layers) -> City:
    made = {name: frame(rows) for name, rows in layers.items()}
    outline = [{"name": "all", "geometry": box(-3000, -3000, 3000, 3000)}]
    districts = [{"area_id": "west", "name": "西", "geometry": WEST}, {"area_id": "east", "name": "东", "geometry": EAST_HALF}]
    scope = [{"name": "built", "geometry": built or outline[0]["geometry"]}]
    return City.from_layers(
        crs=CRS, boundary=frame(outline), districts=frame(districts), built_up_area=frame(scope), roads=frame(roads), **made
    )


def counts(made: City, variant: str = "suspected") -> dict[str, float]:
    table = measure(made, [METRIC]).table
    rows = table[(table.metric == METRIC) & (table.variant == variant)]
    return dict(zip(rows.area_id, rows.value, strict=True))


def test_a_comb_of_five_facing_a_street_and_facing_away() -> None:
    # Teeth at x = −200, −100, 0, 100, 200; the one on the common edge belongs to one district only.
    found = counts(city(comb()))
    assert found["city"] == 5
    assert sorted((found["west"], found["east"])) == [2, 3]
    assert counts(city(comb(up=-100)))["city"] == 0


def test_only_ends_inside_the_built_up_area_count() -> None:
    made = city(comb(), built=box(-150, -500, 150, 500))
    assert counts(made)["city"] == 3
    results = measure(made, [METRIC])
    assert len(results.evidence[f"{METRIC}.dead_ends"]) == 5
    assert "2 more lie outside the ground that is measured" in results.get(METRIC).note


def test_a_suspicion_is_an_estimate_and_a_planned_road_confirms() -> None:
    plan = [{"highway": "construction", "geometry": LineString([(0, 100), (0, 200)])}]
    results = measure(city(comb(), planned_roads=plan), [METRIC])
    assert results.get(METRIC, variant="suspected").value == 5
    assert results.get(METRIC, variant="confirmed").value == 1
    assert results.get(METRIC, variant="suspected").status == "estimated"
    assert results.get(METRIC, variant="confirmed").status == "ok"


def test_without_planned_roads_nothing_is_known_of_the_confirmed() -> None:
    row = measure(city(comb()), [METRIC]).get(METRIC, variant="confirmed")
    assert row.status == "no_data"
    assert np.isnan(row.value)


def test_no_end_is_zero_and_no_road_is_no_data() -> None:
    ring = road((-900, 0), (900, 0), (900, 200), (-900, 200), (-900, 0))
    assert counts(city([ring]))["city"] == 0
    made = City.from_layers(crs=CRS, boundary=frame([{"name": "all", "geometry": WEST}]))
    assert measure(made, [METRIC]).get(METRIC).status == "no_data"


def test_tiled_equals_whole() -> None:
    roads = [*comb(), road((400, 0), (400, 190)), *split(road((0, 900), (800, 900)), 300), road((300, 900), (300, 800))]
    whole = city(roads)
    halo_m = registered()[METRIC].halo_m
    assert halo_m is not None
    found = counts(whole)
    for area_id, shape in zip(whole.areas().ids, whole.areas().whole, strict=True):
        assert counts(whole.subset(shape, halo_m=halo_m))[area_id] == found[area_id]


class TestEvidence:
    def test_what_is_counted_and_what_is_told_apart(self) -> None:
        lost, bridge = road((400, 0), (400, 190)), road((600, 0), (600, -80))
        roads = [*split(road((-1000, 0), (1000, 0), highway="secondary"), -200, -100, 0, 100, 200, 400, 600), *comb()[6:], lost, bridge]
        results = measure(city(roads), [METRIC])
        dead, data, rest = (results.evidence[f"{METRIC}.{name}"] for name in ("dead_ends", "joining_errors", "other_ends"))
        assert len(dead) == results.get(METRIC).value == 5
        assert set(dead.end_kind) <= set(REAL)
        assert data.end_kind.tolist() == ["joining_error"]
        assert data.gap_m.tolist() == pytest.approx([10.0])
        assert rest.end_kind.tolist() == ["no_street_ahead"]
        assert set(rest.end_kind) <= set(KINDS)

    def test_the_longest_way_round_for_its_gap_comes_first(self) -> None:
        dead = measure(city(comb()), [METRIC]).evidence[f"{METRIC}.dead_ends"]
        assert dead.detour_rank.tolist() == [1, 2, 3, 4, 5]
        assert dead.detour_ratio.is_monotonic_decreasing
        # From the middle tooth: down 100 m, 1,000 m to the end of the street, 200 m up, 1,000 m back.
        assert dead.detour_m.iloc[0] == 2300
        assert dead.geometry.iloc[0].x == pytest.approx(EAST, abs=0.01)
        assert dead.geometry.iloc[0].y == pytest.approx(NORTH + 100, abs=0.01)

    def test_where_no_way_leads_the_length_is_empty_and_the_rank_the_first(self) -> None:
        far = [road((2000, -900), (2800, -900)), road((2000, -700), (2800, -700)), road((2400, -900), (2400, -800))]
        far = [*split(far[0], 2400), *far[1:]]
        dead = measure(city([*stub(), *far]), [METRIC]).evidence[f"{METRIC}.dead_ends"]
        assert np.isnan(dead.detour_m.iloc[0])
        assert np.isfinite(dead.detour_m.iloc[1])
