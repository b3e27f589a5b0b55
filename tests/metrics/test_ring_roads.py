"""Rings and radials: circles and spokes whose answer stands in a comment, then what must not change it, then odd inputs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, affinity, box

from spatial.city import City
from spatial.errors import ProjectError
from spatial.measurement import measure
from spatial.result import Results

CRS = "EPSG:32651"
EAST, NORTH = 512_000.0, 4_860_000.0
NAMES = ["ring_radial_structure", "ring_completeness"]

few = settings(
    max_examples=4, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate), suppress_health_check=[HealthCheck.too_slow]
)

Road = dict[str, Any]


def at(bearing: float, radius: float) -> tuple[float, float]:
    """A place by bearing, degrees clockwise from north, and distance from the middle."""
    return radius * np.sin(np.radians(bearing)), radius * np.cos(np.radians(bearing))


def arc(radius: float, start: float = 0.0, end: float = 360.0, *, step: float = 0.5, **tags: Any) -> Road:
    bearings = np.linspace(start, end, max(1, round((end - start) / step)) + 1)
    return {"highway": "motorway", "geometry": LineString([at(b, radius) for b in bearings]), **tags}


def spoke(bearing: float, start: float, end: float, **tags: Any) -> Road:
    return {"highway": "motorway", "geometry": LineString([at(bearing, start), at(bearing, end)]), **tags}


def spokes(count: int, start: float = 15_000, end: float = 45_000, **tags: Any) -> list[Road]:
    return [spoke(20 + 360 / count * k, start, end, ref=f"G{k + 1}", **tags) for k in range(count)]


def frame(rows: list[Road], turn: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> gpd.GeoDataFrame:
    geometry = [
        affinity.translate(affinity.rotate(row["geometry"], turn, origin=(0, 0)), EAST + shift[0], NORTH + shift[1]) for row in rows
    ]
    return gpd.GeoDataFrame(pd.DataFrame(rows).drop(columns="geometry"), geometry=geometry, crs=CRS)


def degrees(x: float, y: float) -> tuple[float, float]:
    (point,) = gpd.GeoSeries([Point(EAST + x, NORTH + y)], crs=CRS).to_crs("EPSG:4326")
    return point.x, point.y


def city(rows: list[Road], centre: tuple[float, float] | None = (0, 0), half: float = 48_000, **more: Any) -> City:
    turn, shift = more.pop("turn", 0.0), more.pop("shift", (0.0, 0.0))
    x, y = shift
    districts = gpd.GeoDataFrame(
        {"area_id": ["west", "east"], "name": ["west", "east"]},
        geometry=[affinity.translate(box(a, -half, b, half), EAST + x, NORTH + y) for a, b in ((-half, 0), (0, half))],
        crs=CRS,
    )
    place = None if centre is None else degrees(centre[0] + x, centre[1] + y)
    return City.from_layers("环城", crs=CRS, districts=districts, roads=frame(rows, turn, shift), centre=place, **more)


def counted(made: City) -> tuple[float, float]:
    results = measure(made, NAMES[:1])
    return tuple(results.get("ring_radial_structure", variant=each).value for each in ("rings", "radials"))


def complete(results: Results, variant: str = "motorway") -> float:
    return results.get("ring_completeness", variant=variant).value


RING = arc(15_000, ref="G2501", name="绕城高速")
OUTER = arc(45_000, ref="G9999", name="都市圈环线")


class TestByHand:
    """The checks of the catalogue."""

    def test_one_ring_and_nine_spokes(self) -> None:
        # A circle of 15 km and nine spokes from it: (1, 9).
        assert counted(city([RING, *spokes(9)])) == (1, 9)

    def test_a_second_ring(self) -> None:
        # A circle of 45 km around it: (2, 9), and still nine spokes.
        assert counted(city([RING, OUTER, *spokes(9)])) == (2, 9)

    def test_a_ring_with_an_arc_missing(self) -> None:
        # 30 of 360 directions are missing: 330/360 = 91.7 %, and it is no closed ring. The chord of 30° at 15 km: 2 × 15 × sin 15° = 7.765 km.
        broken = arc(15_000, 90, 420, ref="G2501")
        results = measure(city([broken, *spokes(9)]), NAMES)
        assert complete(results) == pytest.approx(330 / 360)
        assert results.get("ring_radial_structure", variant="rings").value == 0
        gaps = results.evidence["ring_radial_structure.ring_gaps"]
        assert gaps["length_m"].tolist() == [pytest.approx(2 * 15_000 * np.sin(np.radians(15)))]
        assert (gaps["from_deg"][0], gaps["to_deg"][0]) == (pytest.approx(60), pytest.approx(90))
        # It is drawn about the centre, not across: in its middle it is 15 km away.
        middle = shapely.line_interpolate_point(gaps.geometry[0], 0.5, normalized=True)
        assert middle.distance(Point(EAST, NORTH)) == pytest.approx(15_000, rel=1e-3)
        # Its spokes are still counted, and said to leave a ring that is not closed.
        radials = results.get("ring_radial_structure", variant="radials")
        assert (radials.value, radials.status) == (9, "estimated")
        assert "not closed" in radials.note

    def test_a_centre_outside_has_no_ring(self) -> None:
        assert counted(city([RING, *spokes(9)], centre=(30_000, 0)))[0] == 0

    def test_both_carriageways_are_one_ring(self) -> None:
        # Two carriageways 20 m apart: one ring, 2π × 15 km = 94.2 km long, counted once.
        ways = [arc(14_990, ref="G2501", oneway="yes"), arc(15_010, ref="G2501", oneway="-1")]
        results = measure(city([*ways, *spokes(9)]), NAMES)
        assert results.get("ring_radial_structure", variant="rings").value == 1
        rings = results.evidence["ring_radial_structure.rings"]
        assert rings["length_km"].tolist() == [pytest.approx(2 * np.pi * 15, rel=2e-2)]
        assert rings["radius_km"].tolist() == [pytest.approx(15, rel=1e-3)]

    @pytest.mark.parametrize(("gap_m", "closed"), [(190, True), (230, False)])
    def test_an_interchange_is_no_gap(self, gap_m: float, closed: bool) -> None:
        # Up to 200 m is bridged. Half the arc of a gap, in degrees: gap / 15,000 m / 2.
        half = np.degrees(gap_m / 15_000) / 2
        results = measure(city([arc(15_000, half, 360 - half, ref="G2501")]), NAMES)
        assert (results.get("ring_radial_structure", variant="rings").value == 1) == closed
        assert len(results.evidence["ring_radial_structure.ring_gaps"]) == (0 if closed else 1)

    def test_two_halves_that_do_not_meet_are_no_ring(self) -> None:
        # Half a circle of 15 km and half of 18 km: every direction meets one, and there are two ways out, each 3 km wide.
        halves = [arc(15_000, 0, 180, ref="G1"), arc(18_000, 180, 360, ref="G1")]
        results = measure(city(halves), NAMES)
        assert complete(results) == 1.0
        assert results.get("ring_radial_structure", variant="rings").value == 0
        assert results.evidence["ring_radial_structure.ring_gaps"]["length_m"].max() == pytest.approx(3000, rel=1e-4)

    def test_a_spiral_is_no_ring(self) -> None:
        line = LineString([at(b, 12_000 + 20 * b) for b in np.arange(0, 361)])
        results = measure(city([{"highway": "motorway", "ref": "G1", "geometry": line}]), NAMES)
        assert complete(results) == 1.0
        assert results.get("ring_radial_structure", variant="rings").value == 0

    def test_expressways_and_arterials_have_rings_of_their_own(self) -> None:
        # A motorway ring, a third ring that is half expressway and half primary road, a second ring of secondary roads.
        third = [
            {**arc(9_000, 0, 180, name="东三环快速路"), "highway": "trunk"},
            {**arc(9_000, 180, 360, name="西三环路"), "highway": "primary"},
        ]
        second = {**arc(5_000, name="二环路"), "highway": "secondary"}
        results = measure(city([RING, *third, second]), NAMES[:1])
        values = {v: results.get("ring_radial_structure", variant=v).value for v in ("rings", "expressway_rings", "arterial_rings")}
        assert values == {"rings": 1, "expressway_rings": 1, "arterial_rings": 3}
        rings = results.evidence["ring_radial_structure.rings"].set_index("name")
        assert list(rings["radius_km"].round()) == [5, 9, 15]
        assert rings["level"].tolist() == ["arterial", "arterial", "motorway"]
        assert rings.loc["三环", "streets"] == "东三环快速路、西三环路"

    def test_roads_of_several_names_are_no_ring_until_the_project_says_so(self, tmp_path: Path) -> None:
        ways = [
            {**arc(6_000, 90 * k, 90 * k + 90, name=name), "highway": "primary"}
            for k, name in enumerate(("和兴路", "海城街", "红旗街", "文昌街"))
        ]
        made = city(ways)
        assert measure(made, NAMES[:1]).get("ring_radial_structure", variant="arterial_rings").value == 0
        (tmp_path / "rings.toml").write_text('[rings."二环"]\nstreets = ["和兴路", "海城街", "红旗街", "文昌街"]\n', encoding="utf-8")
        from dataclasses import replace

        declared = replace(made, folder=tmp_path, _memory={})
        assert measure(declared, NAMES[:1]).get("ring_radial_structure", variant="arterial_rings").value == 1
        (tmp_path / "rings.toml").write_text('[rings."二环"]\nstreets = "和兴路"\n', encoding="utf-8")
        with pytest.raises(ProjectError, match=r'rings\.toml \[rings\."二环"\]: write contains'):
            measure(replace(made, folder=tmp_path, _memory={}), NAMES[:1])

    def test_of_a_wide_gap_only_the_ends_are_drawn(self) -> None:
        # 170 of 360 directions are missing: where the ring would run is anybody's guess. 10° at 15 km are 2.618 km, twice.
        gaps = measure(city([arc(15_000, 0, 190, ref="G1")]), NAMES[:1]).evidence["ring_radial_structure.ring_gaps"]
        assert gaps.length.tolist() == [pytest.approx(2 * np.radians(10) * 15_000, rel=1e-2)]
        assert gaps["length_m"].tolist() == [pytest.approx(2 * 15_000 * np.sin(np.radians(85)))]

    def test_a_gap_names_the_roads_that_run_along_it(self) -> None:
        ways = [arc(15_000, 20, 360, ref="G1", name="绕城高速"), arc(15_050, 0, 20, ref="S7", name="滨江大道")]
        gaps = measure(city(ways), NAMES[:1]).evidence["ring_radial_structure.ring_gaps"]
        assert gaps["along"].tolist() == ["滨江大道"]


class TestRadials:
    def test_a_stub_is_no_radial(self) -> None:
        # Nine spokes, one of 8 km, one of 12 km: at least 10 km from the ring, so ten.
        assert counted(city([RING, *spokes(9), spoke(45, 15_000, 23_000, ref="S1"), spoke(85, 15_000, 27_000, ref="S2")]))[1] == 10

    def test_a_short_road_to_the_city_limit_is_one(self) -> None:
        # The city ends 21 km from the centre, and so do the roads: 6 km from the ring are enough.
        assert counted(city([RING, *spokes(8, end=21_000)], half=21_000 / np.sqrt(2) + 3_000))[1] == 8

    def test_branches_within_five_degrees_are_one_unless_their_numbers_differ(self) -> None:
        alike = [spoke(40, 15_000, 40_000, ref="G1"), spoke(43, 15_000, 40_000, ref="G1")]
        apart = [spoke(40, 15_000, 40_000, ref="G1"), spoke(43, 15_000, 40_000, ref="G2")]
        wide = [spoke(40, 15_000, 40_000, ref="G1"), spoke(46, 15_000, 40_000, ref="G1")]
        assert [counted(city([RING, *two]))[1] for two in (alike, apart, wide)] == [1, 2, 2]

    def test_a_nameless_branch_ties_no_two_numbers_together(self) -> None:
        three = [spoke(40, 15_000, 40_000, ref="G1"), spoke(42, 15_000, 40_000), spoke(44, 15_000, 40_000, ref="G2")]
        assert counted(city([RING, *three]))[1] == 2

    def test_a_road_that_passes_by_is_no_radial(self) -> None:
        # It crosses the circle of 19.5 km twice, 3 km outside the ring, and never meets it.
        by = {"highway": "motorway", "ref": "G5", "geometry": LineString([(-60_000, 18_500), (60_000, 18_500)])}
        assert counted(city([RING, by]))[1] == 0

    def test_where_the_ring_bulges_roads_are_counted_outside_it(self) -> None:
        # An ellipse of 10 × 30 km: mean radius below 20 km, so that the circle at 1.3 lies inside its tips; a spoke from each tip.
        bearings = np.radians(np.arange(0, 360.5, 0.5))
        ellipse = LineString(np.column_stack([30_000 * np.sin(bearings), 10_000 * np.cos(bearings)]))
        ways = [
            {"highway": "motorway", "ref": "G1", "geometry": ellipse},
            spoke(90, 30_000, 50_000, ref="G2"),
            spoke(270, 30_000, 50_000, ref="G3"),
        ]
        assert counted(city(ways)) == (1, 2)

    def test_they_are_drawn_and_named(self) -> None:
        results = measure(city([RING, *spokes(9)]), NAMES[:1])
        radials = results.evidence["ring_radial_structure.radials"]
        assert sorted(radials["name"]) == [f"G{k}" for k in range(1, 10)]
        assert radials["bearing_deg"].tolist() == pytest.approx([20 + 40 * k for k in range(9)], abs=0.1)
        assert radials["reach_km"].tolist() == pytest.approx([30] * 9, rel=1e-3)
        assert (radials.length / 1e3).tolist() == pytest.approx([30] * 9, rel=1e-2)
        assert "radials: G1, G2" in results.get("ring_radial_structure", variant="radials").note

    def test_without_a_ring_they_leave_the_built_up_area_and_that_is_said(self) -> None:
        # Built up: a square of 10 km, as large as a circle of 5.64 km; spokes from 4 km.
        built = frame([{"geometry": box(-5_000, -5_000, 5_000, 5_000)}])
        row = measure(city(spokes(7, 4_000, 30_000), built_up_area=built), NAMES[:1]).get("ring_radial_structure", variant="radials")
        assert (row.value, row.status) == (7, "estimated")
        assert "circle of 5.6 km" in row.note
        # One that passes by the built-up area, 500 m away, crosses the circle of counting twice and leaves nothing.
        by = {"highway": "motorway", "ref": "G5", "geometry": LineString([(-45_000, 6_150), (45_000, 6_150)])}
        assert counted(city([*spokes(7, 4_000, 30_000), by], built_up_area=built))[1] == 7


class TestWhatMayNotMatter:
    @few
    @given(turn=st.floats(0, 360), x=st.floats(-50_000, 50_000), y=st.floats(-50_000, 50_000))
    def test_turning_and_moving(self, turn: float, x: float, y: float) -> None:
        ways = [arc(15_000, 90, 420, ref="G2501"), arc(30_000, ref="G7"), *spokes(5)]
        results = measure(city(ways, turn=turn, shift=(x, y)), NAMES)
        assert complete(results) == 1.0
        assert results.get("ring_radial_structure", variant="rings").value == 1
        assert results.get("ring_radial_structure", variant="radials").value == 5
        gaps = results.evidence["ring_radial_structure.ring_gaps"]
        assert gaps["length_m"].tolist() == [pytest.approx(2 * 15_000 * np.sin(np.radians(15)), rel=1e-4)]

    @few
    @given(seed=st.integers(0, 1000))
    def test_the_order_of_rows_and_how_ways_are_cut(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        cuts = [0, *sorted(random.uniform(1, 359, 12)), 360]
        pieces = [arc(15_000, a, b, step=0.4, ref="G2501") for a, b in itertools.pairwise(cuts)]
        ways = [*pieces, arc(45_000, ref="G9"), *spokes(6)]
        mixed = [ways[k] for k in random.permutation(len(ways))]
        first, second = (measure(city(each), NAMES) for each in (ways, mixed))
        assert first.get("ring_radial_structure", variant="rings").value == 2
        pd.testing.assert_frame_equal(first.table, second.table)
        for key, found in first.evidence.items():
            assert found.equals(second.evidence[key]), key

    def test_streets_inside_and_noise_outside(self) -> None:
        random = np.random.default_rng(5)
        starts = random.uniform(-40_000, 40_000, (200, 2))
        noise = [
            {"highway": "primary", "name": f"路{k}", "geometry": LineString([p, p + random.uniform(-900, 900, 2)])}
            for k, p in enumerate(starts)
        ]
        assert counted(city([RING, *spokes(9), *noise])) == (1, 9)

    def test_more_of_a_ring_is_never_less_complete(self) -> None:
        shares = [complete(measure(city([arc(15_000, 0, end, ref="G1")]), NAMES[1:])) for end in (190, 250, 330, 360)]
        assert shares == pytest.approx([190 / 360, 250 / 360, 330 / 360, 1])

    def test_a_class_more_never_has_fewer_rings(self) -> None:
        ways = [RING, {**arc(8_000, name="三环路"), "highway": "primary"}, {**arc(11_000, name="四环快速路"), "highway": "trunk"}]
        results = measure(city(ways), NAMES[:1])
        assert [results.get("ring_radial_structure", variant=v).value for v in ("rings", "expressway_rings", "arterial_rings")] == [1, 2, 3]


class TestOddInputs:
    def test_a_part_of_the_city_has_no_rings(self) -> None:
        table = measure(city([RING]), NAMES).table
        parts = table[(table.area_id != "city") & (table.variant != "greenway")]
        assert len(parts)
        assert parts.value.isna().all()
        assert (parts.status == "no_data").all()
        assert parts.note.str.contains("of the whole city").all()

    def test_no_roads_at_all(self) -> None:
        boundary = gpd.GeoDataFrame(geometry=[box(EAST - 1, NORTH - 1, EAST + 9, NORTH + 9)], crs=CRS)
        results = measure(City.from_layers(crs=CRS, boundary=boundary), NAMES)
        assert (results.table.status == "no_data").all()

    def test_a_layer_without_a_road_has_no_ring_and_no_radial(self) -> None:
        none = frame([RING]).iloc[:0]
        made = city([RING])
        made = City.from_layers(crs=CRS, districts=made.frame("districts").rename(columns={"id": "area_id"}), roads=none)
        assert counted(made) == (0, 0)

    def test_roads_of_other_classes_are_no_ring(self) -> None:
        lanes = [{"highway": "residential", "name": "二环路", "geometry": arc(5_000)["geometry"]}]
        results = measure(city(lanes), NAMES)
        # Local roads are taken at their word: they hold no motorway, so that there is no ring. OpenStreetMap would give no data.
        assert results.get("ring_radial_structure", variant="arterial_rings").value == 0
        assert np.isnan(complete(results, "arterial"))

    def test_what_is_private_or_not_built_is_no_ring(self) -> None:
        assert counted(city([{**RING, "highway": "construction"}, spoke(0, 1, 2)]))[0] == 0
        assert counted(city([{**RING, "access": "private"}, spoke(0, 1, 2)]))[0] == 0

    def test_a_square_beside_the_centre_is_no_ring(self) -> None:
        assert counted(city([arc(400, ref="S1")]))[0] == 0

    def test_a_road_that_only_passes_by_is_no_broken_ring(self) -> None:
        # A straight road 5 km from the centre is seen under nearly half a turn.
        by = {"highway": "motorway", "ref": "G1", "geometry": LineString([(-200_000, 5_000), (200_000, 5_000)])}
        assert len(measure(city([by]), NAMES[:1]).evidence["ring_radial_structure.rings"]) == 0

    def test_a_ring_that_the_data_cut_says_so(self) -> None:
        # The data end 12 km east of the centre: what of the ring lies within is drawn as cut, and one ring may be whole.
        half = 48_000
        west, south = degrees(-half, -half)
        east, north = degrees(12_000, half)
        edge = float(np.degrees(np.arccos(12_000 / 15_000)))
        seen = arc(15_000, 90 + edge, 450 - edge, ref="G2501", name="绕城高速")
        row = measure(city([seen], data_extent=(west, south, east, north)), NAMES)
        rings = row.get("ring_radial_structure", variant="rings")
        assert (rings.value, rings.low, rings.high, rings.status) == (0, 0, 1, "partial")
        assert "cut by the edge of the data" in rings.note
        assert row.evidence["ring_radial_structure.rings"]["cut"].tolist() == ["yes"]
        share = row.get("ring_completeness", variant="motorway")
        assert (share.low, share.high) == (share.value, 1.0)
        gaps = row.evidence["ring_radial_structure.ring_gaps"]
        assert not len(gaps) or shapely.covers(shapely.buffer(row.city.data_extent, 1), gaps.geometry.to_numpy()).all()

    def test_no_ring_seen_is_no_count_where_the_data_do_not_cover_the_city(self) -> None:
        # A motorway that is no ring, 96 km of city: with the data up to its limit there is no ring; with data that end 12 km out nobody knows.
        by = spoke(0, 1_000, 11_000, ref="G1")
        assert measure(city([by]), NAMES).get("ring_radial_structure", variant="rings").value == 0
        west, south = degrees(-12_000, -12_000)
        east, north = degrees(12_000, 12_000)
        row = measure(city([by], data_extent=(west, south, east, north)), NAMES).get("ring_radial_structure", variant="rings")
        assert row.status == "no_data"
        assert np.isnan(row.value)
        assert "rings may lie beyond them" in row.note
