"""Street blocks: grids whose blocks can be counted, then what is no block, then properties."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Polygon, affinity, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics.street_blocks import street_blocks
from spatial.result import Results
from spatial.scenario import with_site
from tests.metrics.test_roads import CRS, EAST, NORTH, Road, few, frame, polygons, road

METRICS = ["block_size", "block_side", "oversized_blocks"]
KILOMETRE = box(0, 0, 1200, 1200)


def ground(rows: Iterable[tuple[Polygon | LineString, dict[str, Any]]]) -> gpd.GeoDataFrame:
    return frame({"geometry": shape, **tags} for shape, tags in rows)


def city(roads: list[Road], areas: dict[str, Polygon] | None = None, *, built: Polygon | None = None, **layers: gpd.GeoDataFrame) -> City:
    areas = areas or {"a": KILOMETRE}
    outline = built or shapely.union_all(list(areas.values()))
    return City.from_layers(crs=CRS, districts=polygons(areas), built_up_area=polygons({"built": outline}), roads=frame(roads), **layers)


def grid(spacing: float, size: float = 1200, **tags: Any) -> list[Road]:
    """Streets along and across a square, with a vertex at every crossing."""
    at = np.arange(0, size + 1, spacing)
    lines = [[(x, y) for y in at] for x in at] + [[(x, y) for x in at] for y in at]
    return [road(*line, **tags) for line in lines]


def measured(made: City) -> Results:
    return measure(made, METRICS)


def shares(made: City, variant: str = "longer_side") -> Any:
    return measured(made).get("oversized_blocks", variant=variant)


class TestGrids:
    @pytest.mark.parametrize(("spacing", "ha", "over"), [(200, 4.0, 0.0), (300, 9.0, 0.0), (400, 16.0, 1.0), (600, 36.0, 1.0)])
    def test_a_grid_of_streets(self, spacing: int, ha: float, over: float) -> None:
        # Squares of 200 m have 4 ha. 300 m are within the residential limit, 400 m are not.
        results = measured(city(grid(spacing)))
        for variant in ("mean", "median"):
            assert results.get("block_size", variant=variant).value == pytest.approx(ha)
            assert results.get("block_side", variant=variant).value == pytest.approx(spacing)
        assert results.get("block_size", variant="mean").denominator == (1200 / spacing) ** 2
        assert results.get("oversized_blocks").value == over
        assert results.get("oversized_blocks").denominator == pytest.approx(1200**2)

    def test_all_blocks_of_700_metres_are_too_large(self) -> None:
        row = shares(city(grid(700, 1400), {"a": box(0, 0, 1400, 1400)}))
        # Even as industry, which may have 600 m: no use of the land changes the answer, so that it is no estimate.
        assert (row.value, row.low, row.high, row.status) == (1.0, 1.0, 1.0, "ok")

    def test_unknown_use_is_an_estimate_with_a_range(self) -> None:
        # Blocks of 250 m: right for dwellings and industry, too large for a commercial centre.
        row = shares(city(grid(250, 1000), {"a": box(0, 0, 1000, 1000)}))
        assert (row.value, row.low, row.high, row.quality, row.status) == (0.0, 0.0, 1.0, 0.0, "estimated")

    def test_the_limit_is_that_of_the_main_land_use(self) -> None:
        # Four blocks of 400 m: industry (≤ 600), dwellings (≤ 300), shops (≤ 200) over half of the third, a school (as dwellings).
        uses = [
            (box(0, 0, 400, 400), {"landuse": "industrial"}), (box(400, 0, 800, 400), {"landuse": "residential"}),
            (box(0, 400, 200, 800), {"landuse": "retail"}), (box(400, 400, 800, 800), {"landuse": "education"}),
        ]  # fmt: skip
        made = city(grid(400, 800), {"a": box(0, 0, 800, 800)}, landuse=ground(uses))
        row = shares(made)
        assert (row.value, row.low, row.high, row.quality, row.status) == (0.75, 0.75, 0.75, 1.0, "ok")
        assert [shares(made, kind).value for kind in ("industrial", "residential", "commercial")] == [0.0, 1.0, 1.0]
        assert shares(made, "number").numerator == 3
        shown = measured(made).evidence["oversized_blocks.oversized"]
        assert sorted(shown["limit_m"]) == [200, 300, 300]

    def test_a_long_block_is_too_large_and_its_square_is_not(self) -> None:
        # 500 m × 100 m, turned by 30°: the longer side is 500 m, the square of its ground has 224 m.
        strip = affinity.rotate(box(300, 500, 800, 600), 30)
        corners = list(strip.exterior.coords)
        made = city([road(*corners)])
        assert measured(made).get("block_side").value == pytest.approx(500)
        assert (shares(made).value, shares(made, "square_root").value) == (1.0, 0.0)


class TestNoBlocks:
    def test_medians_and_roundabouts(self) -> None:
        # Two carriageways 24 m apart through the middle: the strip between them is road land, the halves are blocks of 588 m × 1,200 m.
        dual = [
            road((0, 588), (1200, 588), highway="primary", oneway="yes", name="x"),
            road((1200, 612), (0, 612), highway="primary", oneway="yes", name="x"),
        ]
        frame_ = [road((0, 0), (1200, 0)), road((1200, 0), (1200, 588), (1200, 612), (1200, 1200)), road((1200, 1200), (0, 1200)),
                  road((0, 1200), (0, 612), (0, 588), (0, 0))]  # fmt: skip
        assert street_blocks(city([*frame_, *dual])).area_m2 == pytest.approx([588 * 1200] * 2)
        ring = list(shapely.Point(600, 600).buffer(80, quad_segs=16).exterior.coords)
        roundabout = [road(*ring, junction="roundabout", oneway="yes")]
        arms = [road((680, 600), (1200, 600)), road((520, 600), (0, 600))]
        blocks = street_blocks(city([*grid(1200), *roundabout, *arms]))
        # π · 80² less a little, since the circle has 64 corners, lies in no block.
        assert len(blocks.ground) == 2
        assert blocks.area_m2.sum() == pytest.approx(1200**2 - shapely.Polygon(ring).area)

    def test_waters_parks_and_fields_divide_and_do_not_count(self) -> None:
        # A river of 100 m right through leaves two blocks of 1,200 m × 550 m; a pond of 50 m × 50 m stays a part of its block.
        river = ground([(box(-10, 550, 1210, 650), {}), (box(100, 100, 150, 150), {})])
        assert street_blocks(city(grid(1200), water=river)).area_m2 == pytest.approx([550 * 1200] * 2)
        field = ground([(box(0, 0, 1200, 600), {"landuse": "farmland"}), (box(0, 600, 1200, 1200), {"landuse": "residential"})])
        assert street_blocks(city(grid(1200), landuse=field)).area_m2 == pytest.approx([600 * 1200])
        assert not len(street_blocks(city(grid(1200), parks=ground([(KILOMETRE, {})]))).ground)

    def test_a_railway_divides_and_a_tunnel_does_not(self) -> None:
        track = LineString([(600, -10), (600, 1210)])
        # 5 m to each side of the track: two blocks of 595 m.
        assert street_blocks(city(grid(1200), rail=ground([(track, {"railway": "rail"})]))).area_m2 == pytest.approx([595 * 1200] * 2)
        for tags in ({"railway": "rail", "tunnel": "yes"}, {"railway": "subway"}, {"railway": "rail", "bridge": "yes"}):
            assert street_blocks(city(grid(1200), rail=ground([(track, tags)]))).area_m2 == pytest.approx([1200**2])
        below = road((600, 0), (600, 1200), highway="primary", tunnel="yes")
        assert len(street_blocks(city([*grid(1200), below])).ground) == 1

    def test_a_street_that_ends_inside_does_not_divide(self) -> None:
        stub = road((600, 0), (600, 900))
        inner = [road((600, 0), (600, 1200), highway="service"), road((0, 600), (1200, 600), highway="footway")]
        private = road((300, 0), (300, 1200), access="private")
        assert len(street_blocks(city([*grid(1200), stub, *inner, private])).ground) == 1

    def test_a_pedestrian_street_divides_and_a_square_does_not(self) -> None:
        street = road((600, 0), (600, 1200), highway="pedestrian")
        assert street_blocks(city([*grid(1200), street])).area_m2 == pytest.approx([600 * 1200] * 2)
        square = road((500, 0), (700, 0), (700, 200), (500, 200), (500, 0), highway="pedestrian", area="yes")
        closed = {**street, "access": "private"}
        assert len(street_blocks(city([*grid(1200), square, closed])).ground) == 1

    def test_only_what_is_built_up(self) -> None:
        # The built-up area ends in the middle of the second row of blocks.
        blocks = street_blocks(city(grid(400), built=box(0, 0, 1200, 600)))
        assert sorted(blocks.area_m2) == pytest.approx([80_000] * 3 + [160_000] * 3)

    def test_streets_that_miss_one_another_by_a_hand_close_a_face(self) -> None:
        open_ = [road((0, 0), (1200, 0)), road((1200, 0), (1200, 1200)), road((1200, 1200), (0, 1200)), road((0, 1199.7), (0, 0.3))]
        assert street_blocks(city(open_)).area_m2 == pytest.approx([1200**2], rel=1e-3)

    def test_a_block_at_the_edge_of_the_data_is_not_whole(self) -> None:
        # The data end in the middle of the eastern column of blocks: three of nine are cut.
        made = city(grid(400))
        west, south, east, north = gpd.GeoSeries([box(EAST - 10, NORTH - 10, EAST + 1000, NORTH + 1210)], crs=CRS).to_crs(4326).total_bounds
        layers = {name: made.frame(name) for name in ("districts", "built_up_area", "roads")}
        clipped = City.from_layers(crs=CRS, data_extent=(west, south, east, north), **layers)
        blocks = street_blocks(clipped)
        assert (len(blocks.ground), blocks.cut) == (6, 3)
        row = measured(clipped).get("block_size", variant="mean")
        assert row.value == pytest.approx(16)
        assert "3 blocks reach beyond" in row.note


class TestInputs:
    @pytest.mark.parametrize("name", METRICS)
    def test_absent_and_empty(self, name: str) -> None:
        layers = {"districts": polygons({"a": KILOMETRE}), "built_up_area": polygons({"a": KILOMETRE})}
        absent = measure(City.from_layers(crs=CRS, **layers), [name]).get(name)
        assert absent.status == "no_data"
        none = frame([road((0, 0), (1, 0))]).iloc[:0]
        empty = measure(City.from_layers(crs=CRS, roads=none, **layers), [name]).get(name)
        assert np.isnan(empty.value)
        assert measure(city([road((0, 0), (900, 0))]), [name]).get(name).status == "no_data"

    def test_without_land_use_no_kind_is_known(self) -> None:
        results = measured(city(grid(400)))
        assert results.get("oversized_blocks", variant="industrial").status == "no_data"
        assert results.get("oversized_blocks").quality == 0

    def test_a_new_park_changes_the_blocks_and_a_new_school_does_not(self) -> None:
        made = city(
            grid(400),
            parks=ground([(box(5, 5, 15, 15), {"leisure": "park"})]),
            facilities=ground([(shapely.Point(9, 9), {"amenity": "school"})]),
        )
        before = street_blocks(made)
        park = with_site(made, "park", (EAST + 200, NORTH + 200), area_m2=100_000, crs=CRS)
        assert street_blocks(park).area_m2.sum() == pytest.approx(before.area_m2.sum() - 100_000, rel=1e-6)
        assert street_blocks(with_site(made, "school", (EAST + 200, NORTH + 200), crs=CRS)) is before


fewer = settings(few, max_examples=6)
AREAS = {
    "w": Polygon([(-50, -50), (530, -50), (470, 1250), (-50, 1250)]),
    "e": Polygon([(530, -50), (1250, -50), (1250, 1250), (470, 1250)]),
}
lines = st.lists(st.tuples(st.integers(1, 11), st.booleans()), min_size=0, max_size=8, unique=True)


def streets(chosen: list[tuple[int, bool]]) -> list[Road]:
    """A square whose chosen streets run right through it."""
    across = [(100.0 * at, upright) for at, upright in chosen]
    cuts = [0.0, *sorted({at for at, _ in across}), 1200.0]
    through = [*across, (0.0, True), (0.0, False), (1200.0, True), (1200.0, False)]
    return [road(*[(at, cut) if upright else (cut, at) for cut in cuts]) for at, upright in through]


@fewer
@given(lines)
def test_blocks_are_the_rectangles_between_streets_and_add_up(chosen: list[tuple[int, bool]]) -> None:
    made = city(streets(chosen), AREAS)
    x, y = ([0, *sorted({at for at, upright in chosen if upright is kind}), 12] for kind in (True, False))
    expected = sorted(float(a * b * 1e4) for a in np.diff(x) for b in np.diff(y))
    assert sorted(street_blocks(made).area_m2) == pytest.approx(expected)
    table = measured(made).table
    for _, rows in table.groupby(["metric", "variant"]):
        sums = rows.loc[rows.area_id != "city", ["numerator", "denominator"]].sum()
        total = rows.loc[rows.area_id == "city", ["numerator", "denominator"]].iloc[0].fillna(0)
        np.testing.assert_allclose(sums, total, rtol=1e-9, atol=1e-6)


@fewer
@given(lines.flatmap(lambda chosen: st.tuples(st.just(chosen), st.permutations(streets(chosen)))))
def test_the_order_of_streets_does_not_matter(both: tuple[list[tuple[int, bool]], list[Road]]) -> None:
    one, other = street_blocks(city(streets(both[0]))), street_blocks(city(both[1]))
    assert one.side_m == pytest.approx(other.side_m)
    assert shapely.area(shapely.symmetric_difference(one.ground, other.ground)).sum() < 1e-6


@fewer
@given(lines, st.integers(1, 11))
def test_another_street_never_enlarges_a_block(chosen: list[tuple[int, bool]], at: int) -> None:
    before, after = (street_blocks(city(streets(each))) for each in (chosen, [*chosen, (at, True)]))
    assert after.side_m.max() <= before.side_m.max() + 1e-6
    assert after.area_m2.sum() == pytest.approx(before.area_m2.sum())
