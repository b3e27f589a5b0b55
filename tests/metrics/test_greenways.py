"""Greenways: lengths worked out by hand, the two tracks of one greenway, the ring with a part missing."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, Polygon, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics.land import built_up_area
from spatial.result import Results

CRS = "EPSG:32651"
EAST, NORTH = 512_000.0, 4_860_000.0
DISTRICTS = {"west": box(-5_000, -5_000, 0, 5_000), "east": box(0, -5_000, 5_000, 5_000)}

few = settings(
    max_examples=5, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate), suppress_health_check=[HealthCheck.too_slow]
)


def frame(shapes: list[Any], **columns: Any) -> gpd.GeoDataFrame:
    made = gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)
    return made.set_geometry(made.translate(EAST, NORTH))


def city(lines: list[LineString], names: list[str] | None = None, areas: dict[str, Polygon] | None = None, **layers: Any) -> City:
    areas = areas or DISTRICTS
    (centre,) = gpd.GeoSeries([Point(EAST, NORTH)], crs=CRS).to_crs("EPSG:4326")
    return City.from_layers(
        "绿城",
        crs=CRS,
        districts=frame(list(areas.values()), area_id=list(areas), name=list(areas)),
        greenways=frame(lines, name=names or ["绿道"] * len(lines)),
        centre=(centre.x, centre.y),
        **layers,
    )


def km(made: City, area: str = "city") -> float:
    return measure(made, "greenway_length").get("greenway_length", area_id=area).value


def line(*points: tuple[float, float]) -> LineString:
    return LineString(points)


def circle(radius: float, start: float = 0, end: float = 360) -> LineString:
    bearings = np.radians(np.linspace(start, end, round(end - start) * 2 + 1))
    return LineString(np.column_stack([radius * np.sin(bearings), radius * np.cos(bearings)]))


class TestLength:
    @pytest.mark.parametrize(("apart", "expected"), [(5, 2), (19, 2), (25, 4), (80, 4)])
    def test_foot_and_cycle_track_side_by_side_count_once(self, apart: float, expected: float) -> None:
        # Two tracks of 2 km: within 20 m they are one greenway, on the two banks of a river they are two.
        assert km(city([line((-1000, 0), (1000, 0)), line((-1000, apart), (1000, apart))])) == pytest.approx(expected, rel=1e-6)

    def test_a_track_beside_a_part_of_another(self) -> None:
        # 2 km, and 500 m of a second track beside it, drawn the other way: 2 km.
        assert km(city([line((-1000, 0), (1000, 0)), line((400, 10), (-100, 10))])) == pytest.approx(2.0, rel=6e-3)

    def test_ways_of_one_track_and_crossings_are_not_side_by_side(self) -> None:
        # Four ways of 500 m one behind the other, and one of 1 km across: 3 km.
        ways = [line((500 * k, 0), (500 * k + 500, 0)) for k in range(-2, 2)]
        assert km(city([*ways, line((3, -500), (3, 500))])) == pytest.approx(3.0, rel=1e-9)

    def test_on_a_common_edge_half_on_each_side(self) -> None:
        made = city([line((0, -1000), (0, 1000)), line((1000, 0), (2000, 0))])
        assert [km(made, area) for area in ("west", "east", "city")] == pytest.approx([1.0, 2.0, 3.0], rel=1e-3)

    def test_what_lies_beyond_the_city_is_not_counted(self) -> None:
        assert km(city([line((4000, 0), (7000, 0))])) == pytest.approx(1.0, rel=1e-6)

    @few
    @given(seed=st.integers(0, 100))
    def test_areas_add_up_and_the_order_of_rows_does_not_matter(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        lines = [
            LineString(np.cumsum(np.vstack([random.uniform(-4000, 4000, 2), random.uniform(-300, 300, (6, 2))]), axis=0)) for _ in range(12)
        ]
        made = city(lines)
        assert km(made, "west") + km(made, "east") == pytest.approx(km(made), rel=1e-6)
        mixed = [lines[k] for k in random.permutation(len(lines))]
        assert km(city(mixed)) == pytest.approx(km(made), rel=1e-12)

    def test_a_track_more_never_makes_it_shorter(self) -> None:
        first = [line((-1000, 0), (1000, 0))]
        lengths = [
            km(city(first + more))
            for more in ([], [line((-900, 15), (900, 15))], [line((-900, 15), (900, 15)), line((0, 500), (900, 500))])
        ]
        assert lengths == sorted(lengths)
        assert lengths[0] == pytest.approx(2.0)

    def test_the_total_is_the_same_for_every_choice_of_areas(self) -> None:
        made = city([line((-3000, -800), (2500, 900)), line((-3000, -790), (2500, 910))])
        totals = [measure(made, "greenway_length", by=by).get("greenway_length").value for by in ("districts", "grid:1000")]
        assert totals[0] == totals[1]

    def test_evidence_is_every_greenway_with_what_it_counts(self) -> None:
        results = measure(city([line((-1000, 0), (1000, 0)), line((-1000, 10), (1000, 10))], ["甲", "乙"]), "greenway_length")
        found = results.evidence["greenway_length.greenways"]
        assert found["name"].tolist() == ["甲", "乙"]
        assert found["length_m"].tolist() == pytest.approx([1000, 1000])

    def test_no_layer_and_none_in_it(self) -> None:
        areas = frame(list(DISTRICTS.values()), area_id=list(DISTRICTS), name=list(DISTRICTS))
        absent = measure(City.from_layers(crs=CRS, districts=areas), "greenway_length").get("greenway_length")
        assert absent.status == "no_data"
        empty = gpd.GeoDataFrame({"name": []}, geometry=[], crs=CRS)
        none = measure(City.from_layers(crs=CRS, districts=areas, greenways=empty), "greenway_length").get("greenway_length")
        assert (none.value, none.status) == (0, "ok")


class TestCoverage:
    def homes(self, **more: Any) -> City:
        # 4 km² of housing in a strip of 4 × 1 km; the greenway runs along its western edge.
        strip = box(0, 0, 4000, 1000)
        land = frame([strip], landuse=["residential"])
        return city([line((0, -3000), (0, 4000))], landuse=land, built_up_area=frame([strip]), **more)

    def test_a_strip_within_a_kilometre(self) -> None:
        # 1 km of the 4 km lies within 1 km of the greenway: 25 %.
        row = measure(self.homes(), "greenway_coverage").get("greenway_coverage")
        assert row.value == pytest.approx(0.25, rel=1e-3)
        assert (row.numerator, row.denominator) == (pytest.approx(1e6, rel=1e-3), pytest.approx(4e6, rel=1e-3))

    def test_tiled_equals_whole(self) -> None:
        made = self.homes()
        built_up_area(made)
        for name in ("greenway_coverage", "greenway_length"):
            whole = measure(made, name)
            for area in ("west", "east"):
                polygon = whole.areas.whole[list(whole.areas.ids).index(area)]
                alone = measure(made.subset(polygon, 1100.0), name).get(name, area_id=area)
                np.testing.assert_allclose(alone.value, whole.get(name, area_id=area).value, rtol=1e-9)


def ring(results: Results) -> tuple[float, float, float]:
    closed, gaps = (results.get("greenway_ring_closed", variant=each).value for each in ("closed", "gaps"))
    return results.get("ring_completeness", variant="greenway").value, closed, gaps


RING = ["ring_completeness", "greenway_ring_closed"]


class TestRing:
    def test_a_ring_with_a_tenth_missing(self) -> None:
        # 36 of 360 directions: 90 %, one gap, 2 × 4 km × sin 18° = 2.472 km from end to end.
        results = measure(city([circle(4000, 0, 324)], ["环城绿道"]), RING)
        assert ring(results) == (pytest.approx(0.9), 0, 1)
        gaps = results.evidence["greenway_ring_closed.gaps"]
        assert gaps["length_m"].tolist() == [pytest.approx(2 * 4000 * np.sin(np.radians(18)))]

    @pytest.mark.parametrize(("gap_m", "answer"), [(45, (1, 1, 0)), (60, (pytest.approx(359 / 360), 0, 1))])
    def test_gaps_up_to_fifty_metres_are_none(self, gap_m: float, answer: Any) -> None:
        # 60 m at 4 km are 0.86 of a degree.
        middle = np.degrees(gap_m / 4000) / 2
        assert ring(measure(city([circle(4000, 0.5 + middle, 360.5 - middle)], ["环城绿道"]), RING)) == answer

    def test_greenways_of_other_names_are_another_greenway(self) -> None:
        halves = [circle(4000, 0, 180), circle(4000, 180, 360)]
        assert ring(measure(city(halves, ["环城绿道东段", "环城绿道西段"]), RING)) == (1, 1, 0)
        # Each of two names is half a ring: 180 of 360 directions.
        assert ring(measure(city(halves, ["伊通河绿道", "南湖绿道"]), RING)) == (pytest.approx(0.5), 0, 1)

    def test_without_names_all_are_one(self) -> None:
        assert ring(measure(city([circle(4000, 0, 180), circle(4000, 180, 360)], ["", ""]), RING)) == (1, 1, 0)

    def test_a_greenway_that_passes_by_is_no_ring(self) -> None:
        results = measure(city([line((-4900, 2000), (4900, 2000))]), RING)
        value, closed, gaps = ring(results)
        assert closed == 0
        assert np.isnan(value)
        assert np.isnan(gaps)
        assert "goes half round" in results.get("greenway_ring_closed", variant="gaps").note
        assert not len(results.evidence["greenway_ring_closed.gaps"])


def test_geometries_of_several_parts() -> None:
    """A greenway in several parts counts as its parts; one of no length not at all."""
    parts = shapely.multilinestrings([line((0, 100), (500, 100)), line((0, 400), (500, 400))])
    assert km(city([parts, line((7, 7), (7, 7.001))])) == pytest.approx(1.0, rel=1e-5)
