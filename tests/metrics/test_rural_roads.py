"""Rural roads: hamlets and kilometres that can be counted by hand."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, Point, Polygon, box

from spatial.city import City
from spatial.measurement import measure
from spatial.roads.hard_surface import HARD, SOFT, UNKNOWN, surface_of
from tests.metrics.test_roads import CRS, Road, frame, polygons, road

WIDE = box(-5000, -5000, 5000, 5000)


def hamlets(*places: Any) -> gpd.GeoDataFrame:
    return frame({"name": f"屯{number}", "geometry": place} for number, place in enumerate(places))


def country(roads: list[Road], *places: Any, areas: dict[str, Polygon] | None = None, built: Polygon | None = None, **more: Any) -> City:
    layers: dict[str, Any] = {"districts": polygons(areas or {"a": WIDE}), "roads": frame(roads)}
    if places:
        layers["hamlets"] = hamlets(*places)
    if built is not None:
        layers["built_up_area"] = polygons({"built": built})
    return City.from_layers(crs=CRS, date="2025-06-30", **layers, **more)


def access(roads: list[Road], *places: Any) -> Any:
    return measure(country(roads, *places), ["hamlet_paved_access"]).get("hamlet_paved_access")


COUNTY = road((-3000, 0), (0, 0), (3000, 0), highway="tertiary")


@pytest.mark.parametrize(
    ("word", "state"),
    [("asphalt", HARD), ("concrete:plates", HARD), ("水泥路", HARD), ("硬化", HARD), ("gravel", SOFT), ("土路", SOFT), ("砂石", SOFT),
     ("未硬化", SOFT), ("asphalt;gravel", SOFT), ("asphalt;concrete", HARD), ("glass", UNKNOWN), (None, UNKNOWN), ("", UNKNOWN)],
)  # fmt: skip
def test_surfaces(word: str | None, state: int) -> None:
    roads = gpd.GeoDataFrame({"surface": [word]}, geometry=[LineString([(0, 0), (1, 0)])], crs=CRS)
    assert surface_of(roads)[0] == state


class TestHamletPavedAccess:
    def test_a_paved_island_is_not_connected(self) -> None:
        # Three hamlets: by a concrete road from the county road, by a concrete road that joins nothing, and by none at all: 1 of 3.
        joined = road((0, 0), (0, 2000), surface="concrete")
        island = road((2000, 1000), (2000, 3000), surface="concrete")
        row = access([COUNTY, joined, island], Point(100, 1900), Point(2100, 2900), Point(-2500, 2500))
        assert (row.value, row.numerator, row.denominator) == (pytest.approx(1 / 3), 1, 3)
        assert (row.low, row.high) == (pytest.approx(1 / 3), pytest.approx(1 / 3))

    def test_hard_roads_link_it_all_the_way(self) -> None:
        # Concrete, then 500 m of dirt: the far end is not reached; paved, it is.
        near, far = road((0, 0), (0, 500), surface="concrete"), road((0, 1000), (0, 2000), surface="concrete")
        for surface, value in (("dirt", 0), ("concrete", 1)):
            assert access([COUNTY, near, road((0, 500), (0, 1000), surface=surface), far], Point(0, 2100)).value == value

    def test_what_is_taken_for_hard_is_said(self) -> None:
        # One hamlet by a county road without a written surface, one by none: half, an estimate, and why.
        row = access([COUNTY], Point(0, 100), Point(0, 3000))
        assert (row.value, row.status) == (0.5, "estimated")
        assert "1 of those reached are so by roads of unwritten surface" in row.note

    @pytest.mark.parametrize(("away", "value"), [(199.0, 1), (201.0, 0)])
    def test_two_hundred_metres_from_the_point_or_the_outline(self, away: float, value: int) -> None:
        assert access([COUNTY], Point(0, away)).value == value
        assert access([COUNTY], box(-300, away, 300, away + 900)).value == value

    def test_an_unknown_surface_is_never_hard(self) -> None:
        # Nothing is written: the county road counts as hard, the village road does not, but it might be: 1 of 2, at most 2 of 2.
        row = access([COUNTY, road((0, 0), (0, 2000))], Point(0, 100), Point(0, 1900))
        assert (row.low, row.value, row.high) == (0.5, 0.5, 1.0)
        assert (row.status, row.quality) == ("estimated", 0.0)
        assert "1 more hamlets depend on roads of unknown surface" in row.note
        paved = access([{**COUNTY, "surface": "asphalt"}, road((0, 0), (0, 2000), surface="dirt")], Point(0, 100), Point(0, 1900))
        assert (paved.value, paved.status, paved.quality) == (0.5, "ok", 1.0)

    def test_nobody_turns_into_a_hamlet_from_a_motorway(self) -> None:
        motorway = road((-3000, 2000), (0, 2000), (3000, 2000), highway="motorway", surface="asphalt")
        link = road((0, 0), (0, 2000), highway="motorway_link", surface="asphalt")
        assert access([COUNTY, motorway, link], Point(2000, 2100), Point(100, 1000)).value == 0

    @pytest.mark.parametrize(
        "tags", [{"access": "private"}, {"highway": "footway"}, {"highway": "construction"}, {"opened": "2025-12-31"}, {"status": "在建"}]
    )
    def test_a_road_that_is_not_open_reaches_nobody(self, tags: dict[str, str]) -> None:
        assert (
            access([COUNTY, road((0, 0), (0, 2000), **{"highway": "unclassified", "surface": "concrete", **tags})], Point(0, 2100)).value
            == 0
        )

    def test_a_hard_track_does(self) -> None:
        assert access([COUNTY, road((0, 0), (0, 2000), highway="track", surface="concrete")], Point(0, 2100)).value == 1

    def test_a_road_that_leaves_the_data_may_be_linked_beyond(self) -> None:
        # A concrete road that ends at the edge of the extract, 0.02 degrees north; nobody knows what it joins there.
        roads = [COUNTY, road((2000, 1000), (2000, 4000), surface="concrete")]
        town = country(roads, Point(2000, 1100))
        assert measure(town, ["hamlet_paved_access"]).get("hamlet_paved_access").high == 0
        west, south, east, _ = frame([road((-4900, -4900), (4900, -4900))]).to_crs(4326).total_bounds
        north = float(frame([road((2000, 3990), (2001, 3990))]).to_crs(4326).total_bounds[3])
        cut = country(roads, Point(2000, 1100), data_extent=(west, south, east, north))
        row = measure(cut, ["hamlet_paved_access"]).get("hamlet_paved_access")
        assert (row.value, row.high) == (0, 1)

    def test_areas_add_up_and_evidence_is_every_hamlet_once(self) -> None:
        areas = {"w": box(-5000, -5000, 0, 5000), "e": box(0, -5000, 5000, 5000)}
        places = [Point(x, y) for x in (-2000, 0, 2000) for y in (100, 900)]
        results = measure(country([COUNTY], *places, areas=areas), ["hamlet_paved_access"])
        parts = {area: results.get("hamlet_paved_access", area_id=area) for area in ("w", "e", "city")}
        assert parts["w"].denominator + parts["e"].denominator == parts["city"].denominator == 6
        assert parts["w"].numerator + parts["e"].numerator == parts["city"].numerator == 3
        drawn = [set(results.evidence[f"hamlet_paved_access.{name}"]["name"]) for name in ("served", "unserved")]
        assert [len(names) for names in drawn] == [3, 3]
        assert not drawn[0] & drawn[1]


class TestRuralPavedShare:
    # 4 km by 4 km, its west built up. In the open east: 1 km asphalt, 2 km gravel, 1 km unknown.
    built = box(-5000, -5000, 0, 5000)
    roads = (
        road((-1000, 0), (1000, 0), highway="unclassified", surface="asphalt"),  # half of it in town
        road((100, 500), (2100, 500), highway="tertiary", surface="gravel"),
        road((100, 900), (1100, 900), highway="residential"),
        road((-2000, 1500), (-100, 1500), highway="residential", surface="dirt"),  # in town
        road((100, 2000), (3100, 2000), highway="primary", surface="asphalt"),
    )

    def test_known_hard_of_known_and_the_range_of_the_unknown(self) -> None:
        # Hard 1 of 3 km known; 1 of 4 to 2 of 4. With the primary road of 3 km: 4 of 6; 4 of 7 to 5 of 7.
        results = measure(country(list(self.roads), built=self.built), ["rural_paved_share"])
        rural, everything = (results.get("rural_paved_share", variant=variant) for variant in ("rural_roads", "all_roads"))
        assert (rural.low, rural.value, rural.high) == (pytest.approx(1 / 4), pytest.approx(1 / 3), pytest.approx(2 / 4))
        assert (rural.numerator, rural.denominator, rural.quality) == (pytest.approx(1000), pytest.approx(3000), pytest.approx(0.75))
        assert rural.status == "estimated"
        assert (everything.low, everything.value, everything.high) == (pytest.approx(4 / 7), pytest.approx(4 / 6), pytest.approx(5 / 7))
        drawn = {name: results.evidence[f"rural_paved_share.{name}"].length.sum() for name in ("soft", "unknown")}
        assert drawn == {"soft": pytest.approx(2000), "unknown": pytest.approx(1000)}

    def test_all_known_is_measured(self) -> None:
        row = measure(country([self.roads[0], self.roads[1]], built=self.built), ["rural_paved_share"]).get("rural_paved_share")
        assert (row.value, row.status, row.quality) == (pytest.approx(1 / 3), "ok", 1.0)

    def test_where_hardly_a_surface_is_written_there_is_no_value(self) -> None:
        # 1 km of asphalt and 2 km of nothing: "100 % hard" of a third would look like a finding.
        roads = [self.roads[0], road((100, 500), (2100, 500), highway="tertiary")]
        row = measure(country(roads, built=self.built), ["rural_paved_share"]).get("rural_paved_share")
        assert row.status == "no_data"
        assert "only 33.3% have a surface" in row.note
        assert "between 33.3% and 100.0%" in row.note

    def test_areas_add_up(self) -> None:
        areas = {"n": box(-5000, 700, 5000, 5000), "s": box(-5000, -5000, 5000, 700)}
        table = (
            measure(country(list(self.roads), areas=areas, built=self.built), ["rural_paved_share"])
            .table.query("variant == 'all_roads'")
            .set_index("area_id")
        )
        for column in ("numerator", "denominator"):
            assert table[column]["n"] + table[column]["s"] == pytest.approx(table[column]["city"])
        assert np.isfinite(table.value["city"])
