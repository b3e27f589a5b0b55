"""Roads: cities whose answer fits in a comment, then properties, then oracles that others wrote."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import geopandas as gpd
import networkx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shapely import LineString, Polygon, affinity, box

from spatial import overlay
from spatial.city import City
from spatial.errors import CRSError, LayerError
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.result import Results
from spatial.roads import HALO_M, surface

CRS = "EPSG:32651"
# Cities are drawn around (0, 0) and stand at a real place: sums of small numbers at large coordinates.
EAST, NORTH = 512_000.0, 4_860_000.0
METRICS = ("road_area_ratio", "road_network_density", "intersection_density")
NUMBERS = ["value", "low", "high", "numerator", "denominator", "quality", "coverage"]

few = settings(
    max_examples=6, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate), suppress_health_check=[HealthCheck.too_slow]
)

Road = dict[str, Any]


def road(*points: tuple[float, float], highway: str = "residential", **tags: Any) -> Road:
    return {"highway": highway, "geometry": LineString(points), **tags}


def frame(rows: Iterable[Road], *, east: float = EAST, north: float = NORTH) -> gpd.GeoDataFrame:
    rows = list(rows)
    geometry = [affinity.translate(row["geometry"], east, north) for row in rows]
    return gpd.GeoDataFrame(pd.DataFrame(rows).drop(columns="geometry"), geometry=geometry, crs=CRS)


def polygons(shapes: dict[str, Polygon], **place: float) -> gpd.GeoDataFrame:
    return frame(({"area_id": key, "name": key, "geometry": shape} for key, shape in shapes.items()), **place)


def city(
    roads: Iterable[Road], areas: dict[str, Polygon], *, built: Polygon | None = None, boundary: Polygon | None = None, **place: float
) -> City:
    """Make a city that is built up all over unless said otherwise."""
    outline = boundary or shapely.union_all(list(areas.values()))
    layers = {
        "districts": polygons(areas, **place),
        "boundary": polygons({"all": outline}, **place),
        "built_up_area": polygons({"built": built or outline}, **place),
        "roads": frame(roads, **place),
    }
    return City.from_layers(crs=CRS, **layers)


def area_m2(roads: Iterable[Road], shape: Polygon, *, variant: str = "paved") -> float:
    return float(measure(city(roads, {"a": shape}), ["road_area_ratio"]).get("road_area_ratio", variant=variant).numerator)


def length_m(roads: Iterable[Road], shape: Polygon, *, variant: str = "total") -> float:
    return float(measure(city(roads, {"a": shape}), ["road_network_density"]).get("road_network_density", variant=variant).numerator)


def junctions(roads: Iterable[Road], shape: Polygon, *, variant: str = "nodes") -> int:
    return int(measure(city(roads, {"a": shape}), ["intersection_density"]).get("intersection_density", variant=variant).numerator)


KILOMETRE = box(-500, -500, 500, 500)


class TestRoadAreaRatio:
    def test_a_crossing_counts_once(self) -> None:
        # Two roads of 20 m across 1 km²: 2 · 1000 · 20 − 20² = 39,600 m² = 3.96 % (length × width says 4.00 %).
        cross = [road((-600, 0), (600, 0), width=20.0), road((0, -600), (0, 600), width=20.0)]
        row = measure(city(cross, {"a": KILOMETRE}), ["road_area_ratio"]).get("road_area_ratio")
        assert row.numerator == pytest.approx(39_600)
        assert row.value == pytest.approx(0.0396)
        assert row.denominator == pytest.approx(1e6)
        assert (row.status, row.quality) == ("ok", 1.0)

    @pytest.mark.parametrize(("spacing", "width", "share"), [(200, 20, 0.19), (250, 10, 0.0784)])
    def test_grid(self, spacing: int, width: int, share: float) -> None:
        # What roads of width w leave free of a block of side s is (s − w)²: share 1 − (1 − w/s)².
        row = measure(city(grid(spacing, width=float(width)), {"a": KILOMETRE}), ["road_area_ratio"]).get("road_area_ratio")
        assert row.value == pytest.approx(share)

    def test_dual_carriageways_are_united(self) -> None:
        # Two lines 10 m apart, each 12 m wide: a strip of 22 m, not 24; 1 km of it is 22,000 m².
        dual = [
            road((-600, 0), (600, 0), highway="primary", oneway="yes", width=12.0, name="x"),
            road((600, 10), (-600, 10), highway="primary", oneway="yes", width=12.0, name="x"),
        ]
        assert area_m2(dual, KILOMETRE) == pytest.approx(22_000)

    def test_road_on_the_common_edge_of_two_squares(self) -> None:
        # 20 m wide and 1 km long on the edge: 10 m lie on each side.
        roads = [road((0, -600), (0, 600), width=20.0)]
        results = measure(city(roads, {"a": box(-1000, -500, 0, 500), "b": box(0, -500, 1000, 500)}), ["road_area_ratio"])
        assert [results.get("road_area_ratio", area_id=key).numerator for key in ("a", "b")] == pytest.approx([10_000, 10_000])

    def test_bounds(self) -> None:
        # 11 roads of 100 m, 100 m apart, pave 1 km² all over; the edges of the ranges do not pass 100 % either.
        rows = [road((-600, y), (600, y), width=100.0) for y in range(-500, 501, 100)]
        row = measure(city(rows, {"a": KILOMETRE}), ["road_area_ratio"]).get("road_area_ratio")
        assert row.value == pytest.approx(1.0)
        assert row.low <= row.value <= row.high <= 1.0

    def test_no_less_than_any_single_class(self) -> None:
        classes = ["primary", "secondary", "residential"]
        rows = [road((-600, 15 * n), (600, 15 * n), highway=highway) for n, highway in enumerate(classes)]
        assert area_m2(rows, KILOMETRE) >= max(area_m2([row], KILOMETRE) for row in rows)

    def test_elevated_over_ground_counts_once_and_tunnels_not_at_all(self) -> None:
        ground = road((-600, 0), (600, 0), highway="primary", width=30.0)
        above = road((-600, 0), (600, 0), highway="trunk", width=20.0, bridge="viaduct", layer="1", name="高架")
        below = road((-600, 300), (600, 300), highway="primary", width=30.0, tunnel="yes", layer="-1")
        assert area_m2([ground, above, below], KILOMETRE) == pytest.approx(30_000)
        assert area_m2([ground, above, below], KILOMETRE, variant="statistic") == pytest.approx(60_000)

    def test_links_and_inner_roads(self) -> None:
        # Links are road area; inner roads only by the statistic, parking aisles never.
        link = road((-600, 0), (600, 0), highway="primary_link", width=8.0)
        inner = road((-600, 100), (600, 100), highway="service", width=5.0)
        aisle = road((-600, 200), (600, 200), highway="service", service="parking_aisle", width=5.0)
        footway = road((-600, 300), (600, 300), highway="footway", width=5.0)
        assert area_m2([link, inner, aisle, footway], KILOMETRE) == pytest.approx(8_000)
        assert area_m2([link, inner, aisle, footway], KILOMETRE, variant="statistic") == pytest.approx(13_000)

    def test_closed_roads_do_not_count(self) -> None:
        closed = [
            road((-600, 0), (600, 0), access="private", width=10.0),
            road((-600, 50), (600, 50), motor_vehicle="no", width=10.0),
            road((-600, 100), (600, 100), highway="construction", width=10.0),
            road((-600, 150), (600, 150), highway="proposed", width=10.0),
        ]
        assert area_m2([*closed, road((-600, 200), (600, 200), width=10.0)], KILOMETRE) == pytest.approx(10_000)

    @pytest.mark.parametrize(
        ("tags", "width", "quality"),
        [
            ({"carriageway_width": 6.0, "width": 20.0, "lanes": 4}, 6.0 + 3.0, 1.0),  # with its footways
            ({"width": 20.0, "lanes": 4}, 20.0, 1.0),
            ({"lanes": 4}, 4 * 3.0 + 3.0, 1.0),
            ({}, 9.0, 0.0),
            ({"width": 2.0, "lanes": 4}, 4 * 3.0 + 3.0, 1.0),  # not credible
            ({"width": 101.0}, 9.0, 0.0),
        ],
    )
    def test_where_a_width_comes_from(self, tags: dict[str, float], width: float, quality: float) -> None:
        row = measure(city([road((-600, 0), (600, 0), **tags)], {"a": KILOMETRE}), ["road_area_ratio"]).get("road_area_ratio")
        assert row.numerator == pytest.approx(1000 * width)
        assert row.quality == quality
        assert row.status == ("ok" if quality == 1 else "estimated")

    def test_range_of_widths(self) -> None:
        # A residential street is 6, 9 or 14 m wide; nothing overlaps.
        row = measure(city([road((-600, 0), (600, 0))], {"a": KILOMETRE}), ["road_area_ratio"]).get("road_area_ratio")
        assert [row.low, row.value, row.high] == pytest.approx([0.006, 0.009, 0.014])

    def test_a_dead_end_is_not_longer_than_it_is(self) -> None:
        # 400 m × 10 m; no half circle at either end.
        assert area_m2([road((-200, 0), (200, 0), width=10.0)], KILOMETRE) == pytest.approx(4_000)

    def test_only_the_built_up_area_counts(self) -> None:
        # The western half is built up: 500 m × 20 m of 0.5 km².
        made = city([road((-600, 0), (600, 0), width=20.0)], {"a": KILOMETRE}, built=box(-500, -500, 0, 500))
        row = measure(made, ["road_area_ratio"]).get("road_area_ratio", area_id="a")
        assert (row.numerator, row.denominator) == (pytest.approx(10_000), pytest.approx(500_000))


def grid(spacing: float, reach: float = 1500.0, **tags: Any) -> list[Road]:
    """Streets that run far beyond the square; none on its edge."""
    at = np.arange(-reach + spacing / 2, reach, spacing)
    return [road((-reach, y), (reach, y), **tags) for y in at] + [road((x, -reach), (x, reach), **tags) for x in at]


def carriageway(y: float, length_m: float, *, east: bool, **tags: Any) -> Road:
    points = [(0.0, y), (length_m, y)]
    return road(*(points if east else points[::-1]), **{"highway": "motorway", "oneway": "yes", **tags})


class TestRoadNetworkDensity:
    wide = box(-1000, -1000, 11_000, 1000)

    def test_two_carriageways_are_one_road(self) -> None:
        # 2 · 10 km, 20 m apart, count 10 km; a lone one-way street of 3 km counts whole.
        dual = [carriageway(0, 10_000, east=True), carriageway(20, 10_000, east=False)]
        lone = carriageway(-800, 3_000, east=True, highway="secondary")
        assert length_m(dual, self.wide) == pytest.approx(10_000)
        assert length_m([lone], self.wide) == pytest.approx(3_000)
        assert length_m([*dual, lone], self.wide) == pytest.approx(13_000)

    def test_motorways_are_one_way_without_saying_so(self) -> None:
        dual = [carriageway(0, 10_000, east=True, oneway=None), carriageway(20, 10_000, east=False, oneway=None)]
        assert length_m(dual, self.wide) == pytest.approx(10_000)

    def test_drawn_against_its_direction(self) -> None:
        dual = [carriageway(0, 10_000, east=True), carriageway(20, 10_000, east=True, oneway="-1")]
        assert length_m(dual, self.wide) == pytest.approx(10_000)

    def test_what_is_no_pair(self) -> None:
        # Two-way streets, the same direction, too far apart, another name, or told so.
        tell = {"dual_carriageway": "no"}
        for other in (
            [carriageway(0, 10_000, east=True, oneway="no"), carriageway(20, 10_000, east=False, oneway="no")],
            [carriageway(0, 10_000, east=True), carriageway(20, 10_000, east=True)],
            [carriageway(0, 10_000, east=True, name="x"), carriageway(70, 10_000, east=False, name="x")],
            [carriageway(0, 10_000, east=True, name="x"), carriageway(20, 10_000, east=False, name="y")],
            [carriageway(0, 10_000, east=True, **tell), carriageway(20, 10_000, east=False, **tell)],
        ):
            assert length_m(other, self.wide) == pytest.approx(20_000)

    def test_a_dual_road_that_becomes_one(self) -> None:
        # 10 km one way and 4 km back: 10 km of road; the end of the pair is found to a sample of 20 m on either line.
        roads = [carriageway(0, 10_000, east=True), carriageway(20, 4_000, east=False)]
        assert length_m(roads, self.wide) == pytest.approx(10_000, abs=20)

    @pytest.mark.parametrize(("degrees", "gap", "metres"), [(22, 7, 700), (24, 12, 1010)])
    def test_a_pair_that_spreads_does_not_depend_on_which_is_first(self, degrees: float, gap: float, metres: float) -> None:
        # Seen from either road the other stands a little further aside: near the limit of 40 m that decided.
        far = (metres * np.cos(np.radians(degrees)), gap + metres * np.sin(np.radians(degrees)))
        out = carriageway(0, 1_000, east=True, highway="primary")
        back = road(far, (0, gap), highway="primary", oneway="yes")
        assert length_m([out, back], self.wide) == pytest.approx(length_m([back, out], self.wide))

    @pytest.mark.parametrize("spacing", [100, 200, 250, 500])
    def test_endless_grid(self, spacing: int) -> None:
        # 2 / s km/km² with s in km: 20, 10, 8, 4.
        row = measure(city(grid(spacing), {"a": KILOMETRE}), ["road_network_density"]).get("road_network_density")
        assert row.value == pytest.approx(2 / (spacing / 1000))
        assert row.numerator == pytest.approx(2 / (spacing / 1000) * 1000)

    def test_grid_on_the_edges_of_the_square(self) -> None:
        # Streets at −500, −250, 0, 250, 500: three count whole and two half, each way, so 8 km on 1 km².
        at = range(-500, 501, 250)
        rows = [road((-500, y), (500, y)) for y in at] + [road((x, -500), (x, 500)) for x in at]
        assert length_m(rows, KILOMETRE) == pytest.approx(8_000)

    @pytest.mark.parametrize("top", [(0.0, 4_000.0), (1_300.0, 4_000.0), (-777.7, 3_333.3)])
    @pytest.mark.parametrize(("inset", "off_m"), [(0.1, 1e-6), (0.0, 0.5)])
    def test_half_of_a_road_on_a_common_edge(self, top: tuple[float, float], inset: float, off_m: float) -> None:
        # Upright or slanted, through many tiles: half on each side; to half a metre where the road reaches the city's own edge aslant.
        bottom = (0.0, -300.0)
        edge = LineString([bottom, top])
        line = LineString([edge.interpolate(part, normalized=True) for part in (inset, 1 - inset)])
        west = Polygon([bottom, top, (-3000, 4000), (-3000, -300)])
        east = Polygon([bottom, (3000, -300), (3000, 4000), top])
        results = measure(city([road(*line.coords)], {"east": east, "west": west}), ["road_network_density"])
        metres = {key: results.get("road_network_density", area_id=key).numerator for key in ("east", "west", "city")}
        assert metres["east"] == pytest.approx(line.length / 2, abs=off_m)
        assert metres["west"] == pytest.approx(line.length / 2, abs=off_m)
        assert metres["east"] + metres["west"] == pytest.approx(metres["city"], abs=off_m)

    def test_tunnels_and_bridges_count_links_and_inner_roads_do_not(self) -> None:
        rows = [
            road((-600, 0), (600, 0), highway="primary"),
            road((-600, 0), (600, 0), highway="trunk", bridge="yes", layer="1"),
            road((-600, 200), (600, 200), highway="secondary", tunnel="yes"),
            road((-600, 300), (600, 300), highway="motorway_link"),
            road((-600, 350), (600, 350), highway="living_street"),
            road((-600, 400), (600, 400), highway="service"),
            road((-600, 450), (600, 450), highway="footway"),
        ]
        assert length_m(rows, KILOMETRE) == pytest.approx(3_000)

    def test_classes_add_up(self) -> None:
        tags = ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "primary_link")
        rows = [road((-600, 50 * n), (600, 50 * n), highway=tag, oneway="no") for n, tag in enumerate(tags)]
        rows.append(road((-600, -50), (600, -50), highway="trunk", motorroad="yes", oneway="no"))
        results = measure(city(rows, {"a": KILOMETRE}), ["road_network_density"])
        table = results.table[results.table.area_id == "city"].set_index("variant").numerator
        assert table["total"] == pytest.approx(8_000)
        assert table.drop("total").sum() == pytest.approx(8_000)
        assert (table["primary"], table["expressway"]) == (pytest.approx(2_000), pytest.approx(1_000))


class TestIntersectionDensity:
    def test_crossing_tee_and_bend(self) -> None:
        # A crossing of four and a tee of three are junctions; a bend and an end are none: 2 on 1 km².
        roads = [
            road((-400, 0), (0, 0), (200, 0), (400, 0)),
            road((0, -400), (0, 0), (0, 300)),
            road((0, 300), (300, 300)),
            road((200, 0), (200, -200)),
        ]
        row = measure(city(roads, {"a": KILOMETRE}), ["intersection_density"]).get("intersection_density")
        assert (row.numerator, row.value) == (2, pytest.approx(2.0))

    def test_a_bridge_over_a_street_is_no_junction(self) -> None:
        street = road((-400, 0), (0, 0), (400, 0))
        above = {"bridge": "yes", "layer": "1"}
        assert junctions([street, road((0, -400), (0, 400), **above)], KILOMETRE) == 0
        assert junctions([street, road((0, -400), (0, 0), (0, 400), **above)], KILOMETRE) == 0  # drawn with a common vertex
        assert junctions([street, road((0, -400), (0, 0), (0, 400))], KILOMETRE) == 1

    def test_node_references_decide_where_there_are_some(self) -> None:
        # The same place twice: node 2 on the street, node 5 on the bridge.
        street = road((-400, 0), (0, 0), (400, 0), nodes=[1, 2, 3])
        above = road((0, -400), (0, 0), (0, 400), nodes=[4, 5, 6])
        crossing = road((0, -400), (0, 0), (0, 400), nodes=[4, 2, 6])
        assert junctions([street, above], KILOMETRE) == 0
        assert junctions([street, crossing], KILOMETRE) == 1

    @pytest.mark.parametrize(("gap", "count"), [(0.0, 1), (0.4, 1), (0.6, 0)])
    def test_an_end_beside_a_line(self, gap: float, count: int) -> None:
        # Local lines are joined where an end lies within 0.5 m of a line; that line has no vertex there.
        assert junctions([road((-400, 0), (400, 0)), road((10, gap), (10, 300))], KILOMETRE) == count

    def test_an_end_beside_a_line_on_another_level(self) -> None:
        tunnel = road((-400, 0), (400, 0), tunnel="yes", layer="-1")
        assert junctions([tunnel, road((10, 0.3), (10, 300))], KILOMETRE) == 0

    def test_ends_that_miss_one_another_by_a_little_are_one_junction(self) -> None:
        # Two, three and four roads that end within 0.3 m of one another: two make no junction.
        ends = [
            road((0, 0), (300, 0)),
            road((0.2, 0.1), (0, 300)),
            road((-0.1, 0.2), (-300, -300)),
            road((0.1, -0.1), (0, -400)),
        ]
        assert [junctions(ends[:count], KILOMETRE) for count in (2, 3, 4)] == [0, 1, 1]

    def test_ends_on_both_sides_of_a_line_are_one_junction(self) -> None:
        # A crossing of which both arms stop 0.4 m short of the street.
        assert junctions([road((-400, 0), (400, 0)), road((10, 0.4), (10, 300)), road((10, -0.4), (10, -300))], KILOMETRE) == 1

    def test_an_end_near_a_line_stays_with_the_vertex_it_shares(self) -> None:
        # The branch ends on the upper street, 0.3 m beside the lower one: a junction of all three.
        roads = [road((-400, 0.3), (0, 0.3), (400, 0.3)), road((-400, 0), (400, 0)), road((0, 0.3), (0, 300))]
        assert junctions(roads, KILOMETRE) == 1

    def test_a_local_road_that_ends_on_a_street_of_the_extract(self) -> None:
        street = road((-400, 0), (400, 0), nodes=[1, 2])
        assert junctions([street, road((10, 0.2), (10, 300), nodes=None)], KILOMETRE) == 1

    def test_dual_carriageways_cross_once(self) -> None:
        # Two roads of two carriageways 20 m apart meet at four nodes, which are one junction.
        at, far = (-10.0, 10.0), 400.0
        roads = [road((-far, y), (-10, y), (10, y), (far, y), highway="primary") for y in at]
        roads += [road((x, -far), (x, -10), (x, 10), (x, far), highway="primary") for x in at]
        assert junctions(roads, KILOMETRE, variant="nodes") == 4
        assert junctions(roads, KILOMETRE, variant="consolidated") == 1

    def test_a_junction_on_a_common_edge_counts_once(self) -> None:
        cross = [road((-400, 0), (0, 0), (400, 0)), road((0, -400), (0, 0), (0, 400))]
        results = measure(city(cross, {"a": box(-500, -500, 0, 500), "b": box(0, -500, 500, 500)}), ["intersection_density"])
        counts = {key: results.get("intersection_density", area_id=key).numerator for key in ("a", "b", "city")}
        assert counts == {"a": 1, "b": 0, "city": 1}

    def test_inner_roads_make_no_junctions(self) -> None:
        roads = [road((-400, 0), (0, 0), (400, 0)), road((0, -400), (0, 0), (0, 400), highway="service")]
        assert junctions(roads, KILOMETRE) == 0


@pytest.mark.parametrize("name", METRICS)
class TestInputs:
    def test_absent_is_no_data(self, name: str) -> None:
        made = City.from_layers(crs=CRS, districts=polygons({"a": KILOMETRE}), built_up_area=polygons({"a": KILOMETRE}))
        row = measure(made, [name]).get(name)
        assert row.status == "no_data"
        assert np.isnan(row.value)

    def test_empty_is_zero(self, name: str) -> None:
        none = frame([road((0, 0), (1, 0))]).iloc[:0]
        made = City.from_layers(crs=CRS, districts=polygons({"a": KILOMETRE}), built_up_area=polygons({"a": KILOMETRE}), roads=none)
        row = measure(made, [name]).get(name)
        assert (row.value, row.numerator, row.status) == (0, 0, "ok")

    def test_elsewhere_is_zero(self, name: str) -> None:
        made = city([road((5000, 0), (6000, 0), width=10.0)], {"a": KILOMETRE})
        row = measure(made, [name]).get(name)
        assert (row.value, row.numerator, row.status) == (0, 0, "ok")

    def test_one_road(self, name: str) -> None:
        row = measure(city([road((-600, 0), (600, 0), width=10.0)], {"a": KILOMETRE}), [name]).get(name)
        assert row.value == pytest.approx({"road_area_ratio": 0.01, "road_network_density": 1.0, "intersection_density": 0.0}[name])

    def test_no_built_up_area_is_no_data(self, name: str) -> None:
        made = city([road((-600, 0), (600, 0))], {"a": KILOMETRE, "b": box(2000, 0, 3000, 1000)}, built=KILOMETRE)
        assert measure(made, [name]).get(name, area_id="b").status == "no_data"


def test_invalid_and_without_crs() -> None:
    line = road((0, 0), (0, 0))
    with pytest.raises(LayerError, match="roads: 1 of 1"):
        city([line], {"a": KILOMETRE})
    lost = frame([road((0, 0), (1, 0))]).set_crs(None, allow_override=True)
    with pytest.raises(CRSError, match="roads: the frame has no CRS"):
        City.from_layers(crs=CRS, districts=polygons({"a": KILOMETRE}), roads=lost)


# Properties. Four districts with slanted edges, one of them concave; the city reaches beyond them and is not built up all over.
DISTRICTS = {
    "nw": Polygon([(-1500, 1400), (-1500, 100), (-200, -50), (130, 240), (40, 1500)]),
    "ne": Polygon([(40, 1500), (130, 240), (1600, 310), (1500, 1500)]),
    "sw": Polygon([(-1500, 100), (-1400, -1500), (-300, -1300), (-200, -50)]),
    "se": Polygon([(130, 240), (-200, -50), (-300, -1300), (1500, -1500), (1600, 310)]),
}
BOUNDARY = box(-1700, -1600, 1800, 1700)
BUILT = Polygon([(-1600, -1200), (-900, -1580), (1500, -1300), (1700, 1600), (-400, 1650), (-300, 700), (-1500, 600)])

where = st.floats(-2000, 2000, width=32).map(lambda value: round(value, 2))
point = st.tuples(where, where)
highways = st.sampled_from(["motorway", "trunk", "primary", "secondary", "residential", "service", "primary_link", "footway"])


@st.composite
def any_road(draw: Callable[..., Any], *, measured: bool = False) -> Road:
    points = draw(st.lists(point, min_size=2, max_size=4, unique=True))
    width = st.floats(3, 40).map(lambda value: round(value, 1))
    tags = {
        "highway": draw(highways),
        "width": draw(width if measured else st.none() | width),
        "oneway": draw(st.sampled_from([None, "yes", "-1", "no"])),
        "name": draw(st.sampled_from([None, "甲", "乙"])),
        "lanes": draw(st.sampled_from([None, 2, 4])),
        "bridge": draw(st.sampled_from([None, None, "yes"])),
        "tunnel": draw(st.sampled_from([None, None, None, "yes"])),
    }
    return road(*points, **tags)


@st.composite
def networks(draw: Callable[..., Any]) -> list[Road]:
    """Roads at random; some have a second carriageway, some branch off at a vertex of another."""
    roads = draw(st.lists(any_road(), min_size=1, max_size=8))
    for base in list(roads):
        kind = draw(st.sampled_from(["alone", "twin", "branch"]))
        if kind == "twin":
            beside = affinity.translate(base["geometry"], 14, 9).reverse()
            roads += [{**base, "oneway": "yes", "geometry": beside}]
            base["oneway"] = "yes"
        elif kind == "branch":
            start = draw(st.sampled_from(list(base["geometry"].coords)))
            end = draw(point.filter(lambda value, start=start: value != start))
            roads.append(road(start, end, highway="residential"))
    return roads


def measured(roads: Iterable[Road], **place: float) -> Results:
    return measure(city(roads, DISTRICTS, built=BUILT, boundary=BOUNDARY, **place), METRICS)


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Values agree within 1e-9, sums within a square millimetre where they are next to nothing; words agree."""
    key = ["metric", "variant", "area_id"]
    one, other = (table.sort_values(key).reset_index(drop=True) for table in (one, other))
    pd.testing.assert_frame_equal(one[[*key, "status", "unit"]], other[[*key, "status", "unit"]])
    for column in NUMBERS:
        least = 1e-6 if column in ("numerator", "denominator") else 1e-12
        np.testing.assert_allclose(one[column].astype(float), other[column].astype(float), rtol=1e-9, atol=least, err_msg=column)


@few
@given(networks())
def test_areas_add_up(roads: list[Road]) -> None:
    table = measured(roads).table
    assert "outside_areas" in set(table.area_id)
    for _, rows in table.groupby(["metric", "variant"]):
        total = rows.loc[rows.area_id == "city", ["numerator", "denominator"]].iloc[0]
        parts = rows.loc[rows.area_id != "city", ["numerator", "denominator"]].sum()
        # A road that crosses an outline at an angle of a degree is moved off it, by decimetres: far below the 0.01 % of the catalogue of metrics.
        np.testing.assert_allclose(parts, total, rtol=2e-5, atol=1e-6)


@few
@given(networks().flatmap(lambda roads: st.tuples(st.just(roads), st.permutations(roads))))
def test_order_does_not_matter(both: tuple[list[Road], list[Road]]) -> None:
    roads, shuffled = both
    assert_same(measured(roads).table, measured(shuffled).table)


@few
@given(networks())
def test_moving_everything_changes_nothing(roads: list[Road]) -> None:
    moved = measured(roads, east=EAST + 1234.5, north=NORTH - 987.25)
    assert_same(measured(roads).table, moved.table)


def test_how_a_road_ends_far_away_does_not_change_it_here() -> None:
    # A slanted road that begins at a street in the west and ends at one in the east, which the western tile does not hold.
    roads = [road((-900, -300), (-900, 0), (-900, 300)), road((-900, 0), (900, 500), width=40.0), road((900, 500), (900, 900))]
    west, east = box(-1000, -1000, 0, 1000), box(0, -1000, 1000, 1000)
    whole = city(roads, {"west": west, "east": east})
    shape = whole.areas().whole[whole.areas().ids == "west"][0]
    tile = whole.subset(shape, halo_m=150.0)
    assert len(tile.frame("roads")) == 2
    areas = [measure(made, ["road_area_ratio"]).get("road_area_ratio", area_id="west").numerator for made in (whole, tile)]
    assert areas[0] == pytest.approx(areas[1], rel=1e-9)


@few
@given(networks())
def test_tiled_equals_whole(roads: list[Road]) -> None:
    whole = city(roads, DISTRICTS, built=BUILT, boundary=BOUNDARY)
    for name in METRICS:
        # Of a side road (辅路), of which there is none here, the density asks along its whole length, whatever that is.
        halo_m = HALO_M if name == "road_network_density" else registered()[name].halo_m
        assert halo_m is not None
        table = measure(whole, [name]).table
        for area_id, shape in zip(whole.areas().ids, whole.areas().whole, strict=True):
            tile = measure(whole.subset(shape, halo_m=halo_m), [name]).table
            assert_same(table[table.area_id == area_id], tile[tile.area_id == area_id])


@few
@given(st.lists(any_road(measured=True), min_size=1, max_size=6), any_road(measured=True))
def test_another_road_never_lowers_road_area(roads: list[Road], another: Road) -> None:
    # Widths are given: a lone one-way road of unknown width is taken for a whole road, and for half of one once its twin is drawn.
    variants = ["paved", "carriageway", "statistic"]
    before, after = measured(roads), measured([*roads, another])
    for variant in variants:
        less, more = (results.get("road_area_ratio", variant=variant).numerator for results in (before, after))
        assert more >= less * (1 - 1e-9)


# Oracles that nobody here wrote.
@few
@given(st.lists(st.tuples(st.floats(0, 6.283), st.floats(-600, 600), st.floats(3, 60)), min_size=1, max_size=12))
def test_road_surface_is_what_shapely_unites(chords: list[tuple[float, float, float]]) -> None:
    # Straight roads right through the city, so that no cap and no bend has a say.
    roads, strips = [], []
    for angle, aside, width in chords:
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        start, end = across * aside - 2500 * along, across * aside + 2500 * along
        roads.append(road(tuple(start), tuple(end), width=width))
        strips.append(shapely.buffer(LineString([start, end]), width / 2, cap_style="flat"))
    plain = shapely.area(shapely.intersection(shapely.union_all(strips), box(-1000, -1000, 1000, 1000)))
    assert area_m2(roads, box(-1000, -1000, 1000, 1000)) == pytest.approx(plain, rel=1e-9)


@few
@given(st.lists(st.tuples(st.lists(point, min_size=2, max_size=5, unique=True), st.floats(3, 60)), min_size=1, max_size=8))
def test_bends_are_rounder_in_shapely(lines: list[tuple[list[tuple[float, float]], float]]) -> None:
    # Our circles have 16 corners: never larger than true ones, smaller by 2.6 % of a circle at a bend; dead ends are flat.
    everywhere = box(-2500, -2500, 2500, 2500)
    ours = area_m2([road(*points, width=width) for points, width in lines], everywhere)
    round_, flat = (
        shapely.area(
            shapely.union_all([shapely.buffer(LineString(points), width / 2, quad_segs=segments, cap_style=cap) for points, width in lines])
        )
        for segments, cap in ((64, "round"), (4, "flat"))
    )
    assert flat * (1 - 1e-9) <= ours <= round_


lattice = st.lists(st.booleans(), min_size=2 * 6 * 6, max_size=2 * 6 * 6)


@few
@given(lattice)
def test_junctions_are_the_nodes_of_degree_three(chosen: list[bool]) -> None:
    graph = networkx.Graph()
    roads = []
    for index, taken in enumerate(chosen):
        column, row, upright = index % 6, index // 6 % 6, index // 36
        start = (100.0 * column - 300, 100.0 * row - 300)
        end = (start[0] + 100 * (1 - upright), start[1] + 100 * upright)
        if taken:
            graph.add_edge(start, end)
            roads.append(road(start, end))
    if not roads:
        return
    expected = sum(degree >= 3 for _, degree in graph.degree())
    assert junctions(roads, KILOMETRE, variant="nodes") == expected
    assert junctions(roads, KILOMETRE, variant="consolidated") == expected
    assert junctions(chained(roads), KILOMETRE, variant="nodes") == expected


def chained(roads: list[Road]) -> list[Road]:
    """The same streets as long lines of many vertices, as a local layer has them."""
    merged = shapely.line_merge(shapely.MultiLineString([row["geometry"] for row in roads]))
    return [road(*line.coords) for line in shapely.get_parts(merged)]


def test_chained_lines_have_inner_vertices() -> None:
    rows = [road(*pair) for pair in pairwise([(0.0, 0.0), (100.0, 0.0), (200.0, 0.0)])]
    assert len(chained(rows)) == 1


@pytest.mark.parametrize("variant", ["paved", "carriageway", "redline", "statistic"])
def test_the_surface_over_some_ground_is_there_that_of_all_roads(variant):
    # A cross inside the district, a street that ends 5 m outside it, and one a kilometre away that nothing is asked of.
    near = [road((0, 500), (1000, 500)), road((500, 0), (500, 1000)), road((1005, 0), (1005, 1000), highway="primary")]
    town = city([*near, road((2000, 0), (2000, 1000))], {"a": box(0, 0, 1000, 1000)})
    areas = town.areas().covered_by(None)
    part, whole = surface(town, variant, over=areas.pieces.distinct[0]), surface(town, variant)
    assert shapely.area(part).sum() < shapely.area(whole).sum() - 1000
    assert overlay.surface_within(part, areas.pieces) == pytest.approx(overlay.surface_within(whole, areas.pieces), rel=1e-12)
