"""Ends of streets: combs and stubs whose answer fits in a comment, then what tells ends apart, one kind a test."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import LineString, Point, Polygon, affinity, box

from spatial.city import City
from spatial.network.streets import street_graph
from spatial.roads.dead_ends import KINDS, RoadEnds, road_ends
from spatial.roads.ways_round import ways_round

CRS = "EPSG:32651"
EAST, NORTH = 512_000.0, 4_860_000.0

Road = dict[str, Any]


def road(*points: tuple[float, float], highway: str = "tertiary", **tags: Any) -> Road:
    return {"highway": highway, "geometry": LineString(points), **tags}


def frame(rows: Iterable[Road], *, turn: float = 0.0, east: float = EAST, north: float = NORTH) -> gpd.GeoDataFrame:
    rows = list(rows)
    geometry = [affinity.translate(affinity.rotate(row["geometry"], turn, origin=(0, 0)), east, north) for row in rows]
    return gpd.GeoDataFrame(pd.DataFrame(rows).drop(columns="geometry"), geometry=geometry, crs=CRS)


def city(roads: Iterable[Road], *, data_extent: Any = None, place: dict[str, float] | None = None, **layers: list[dict[str, Any]]) -> City:
    place = place or {}
    outline = box(-3000, -3000, 3000, 3000)
    made = {name: frame(rows, **place) for name, rows in layers.items()}
    return City.from_layers(
        crs=CRS,
        boundary=frame([{"name": "all", "geometry": outline}], **place),
        roads=frame(roads, **place),
        data_extent=data_extent,
        **made,
    )


def ends(roads: Iterable[Road], **more: Any) -> RoadEnds:
    return road_ends(city(roads, **more))


def kinds(found: RoadEnds) -> dict[tuple[int, int], str]:
    """Kind by place, in the metres in which the city was drawn."""
    xy = np.round(found.xy - (EAST, NORTH)).astype(int)
    return {(int(x), int(y)): str(kind) for (x, y), kind in zip(xy, found.kind, strict=True)}


STREET = road((-1000, 0), (1000, 0), highway="secondary")
AHEAD = road((-1000, 200), (1000, 200), highway="secondary")
JOINED = road((-1000, 0), (-1000, 200), highway="secondary")
RING = [STREET, AHEAD, JOINED, road((1000, 0), (1000, 200), highway="secondary")]


def split(line: Road, *at: float) -> list[Road]:
    """Cut a street along y where others join it."""
    (x0, y), (x1, _) = line["geometry"].coords
    xs = [x0, *at, x1]
    return [{**line, "geometry": LineString([(a, y), (b, y)])} for a, b in pairwise(xs)]


def comb(*, highway: str = "tertiary", up: float = 100.0, **tags: Any) -> list[Road]:
    """Five stubs of 100 m on a street; the street ahead is 200 m from it."""
    teeth = [road((x, 0), (x, up), highway=highway, **tags) for x in (-200, -100, 0, 100, 200)]
    return [*split(STREET, -200, -100, 0, 100, 200), *RING[1:], *teeth]


def stub(up: float = 100.0, highway: str = "tertiary", **tags: Any) -> list[Road]:
    """One stub in the middle of the street."""
    return [*split(STREET, 0), *RING[1:], road((0, 0), (0, up), highway=highway, **tags)]


class TestAnalytic:
    @pytest.mark.parametrize("highway", ["tertiary", "residential", "unclassified", "primary"])
    def test_comb_of_five_facing_a_street(self, highway: str) -> None:
        # Five stubs, 100 m from the street ahead; round by the ring it is 100 + 800 + 200 + 800 m at least.
        found = ends(comb(highway=highway))
        assert found.real.sum() == len(found) == 5
        assert found.gap_m == pytest.approx([100.0] * 5)
        assert sorted(found.detour_m) == pytest.approx([1900, 1900, 2100, 2100, 2300])
        assert found.target_xy[:, 1] == pytest.approx(NORTH + 200, abs=0.01)
        assert np.all(found.heading == pytest.approx(np.tile([0.0, 1.0], (5, 1)), abs=1e-9))

    def test_comb_facing_away(self) -> None:
        found = ends(comb(up=-100))
        assert found.real.sum() == 0
        assert set(found.kind) == {"no_street_ahead"}

    def test_nothing_leads_round(self) -> None:
        # The street ahead hangs together with nothing: no way at all is the longest way round.
        found = ends([*split(STREET, 0), AHEAD, road((0, 0), (0, 100))])
        end = kinds(found)
        assert end[(0, 100)] == "suspected"
        assert np.isinf(found.detour_m[list(end).index((0, 100))])

    def test_a_short_way_round_is_no_dead_end(self) -> None:
        # Both streets are joined 100 m to the east: round it is 100 + 100 + 200 + 100 = 500 m for a gap of 100 m, 400 more.
        roads = [*split(STREET, 0, 100), *split(AHEAD, 100), *RING[2:], road((0, 0), (0, 100)), road((100, 0), (100, 200))]
        assert kinds(ends(roads)) == {(0, 100): "short_way_round"}

    def test_the_street_must_lie_within_500_m_and_45_degrees(self) -> None:
        far = road((-1000, 650), (1000, 650))
        for up, kind in ((151, "suspected"), (149, "no_street_ahead")):
            assert kinds(ends([*split(STREET, 0), far, road((0, 0), (0, up))]))[(0, up)] == kind
        beside = road((120, 50), (120, 150))  # abreast of the end, not ahead
        assert kinds(ends([*split(STREET, 0), beside, road((0, 0), (0, 100))]))[(0, 100)] == "no_street_ahead"

    def test_two_that_face_each_other_are_two(self) -> None:
        # Two stubs 120 m apart in line, of small streets that lead nowhere else; a street beyond does not come between.
        found = ends([*stub(40, "residential"), *split(AHEAD, 0), road((0, 160), (0, 200), highway="residential")])
        assert kinds(found) == {(0, 40): "suspected", (0, 160): "suspected"}
        assert found.gap_m == pytest.approx([120.0, 120.0])
        assert found.detour_m == pytest.approx([40 + 1000 + 200 + 1000 + 40] * 2)


class TestToldApart:
    def test_joining_error(self) -> None:
        # 10 m short of a street: the map lacks the junction. It points at where it should have been.
        found = ends(stub(190))
        assert kinds(found) == {(0, 190): "joining_error"}
        assert found.target_xy[0] - (EAST, NORTH) == pytest.approx([0, 200], abs=0.01)
        assert found.gap_m == pytest.approx([10.0])
        assert np.isnan(found.detour_m[0])

    def test_under_a_bridge_nothing_is_missed(self) -> None:
        bridge = {**AHEAD, "bridge": "yes", "layer": "1"}
        assert kinds(ends([*split(STREET, 0), bridge, *RING[2:], road((0, 0), (0, 190))]))[(0, 190)] == "no_street_ahead"

    def test_gate(self) -> None:
        at_29, at_31 = ([{"barrier": "gate", "geometry": Point(0, 100 + d)}] for d in (29, 31))
        assert kinds(ends(stub(), gates=at_29)) == {(0, 100): "gate"}
        assert kinds(ends(stub(), gates=at_31)) == {(0, 100): "suspected"}
        assert kinds(ends(stub(), gates=[{"entrance": "yes", "geometry": Point(0, 110)}])) == {(0, 100): "suspected"}

    def test_a_way_on_that_is_no_public_street(self) -> None:
        on = road((0, 100), (0, 150), highway="service")
        assert kinds(ends([*stub(), on])) == {(0, 100): "goes_on"}
        assert kinds(ends([*stub(), road((0, 100), (60, 100), highway="pedestrian")])) == {(0, 100): "pedestrian_street"}
        assert kinds(ends([*stub(), road((0, 100), (60, 130), highway="footway")])) == {(0, 100): "suspected"}

    def test_marks(self) -> None:
        noexit = [{"noexit": "yes", "geometry": Point(0, 100)}]
        circle = [{"highway": "turning_circle", "geometry": Point(0, 100)}]
        assert kinds(ends(stub(), road_ends=noexit)) == {(0, 100): "no_exit"}
        assert kinds(ends(stub(noexit="yes"))) == {(0, 100): "no_exit"}
        assert kinds(ends(stub(highway="residential"), road_ends=circle)) == {(0, 100): "turning"}
        assert kinds(ends(stub(), road_ends=circle)) == {(0, 100): "suspected"}  # buses turn at the end of a main street too

    def test_private(self) -> None:
        assert kinds(ends(stub(access="private")))[(0, 100)] == "private"

    @pytest.mark.parametrize(
        ("landuse", "kind"), [("residential", "compound"), ("industrial", "works"), ("education", "campus"), ("commercial", "suspected")]
    )
    def test_ground(self, landuse: str, kind: str) -> None:
        # A nameless small street that lies in a block; a named one of a higher class runs through it.
        block = [{"landuse": landuse, "geometry": box(-150, 10, 150, 190)}]
        assert kinds(ends(stub(highway="residential"), landuse=block)) == {(0, 100): kind}
        assert kinds(ends(stub(name="合利街"), landuse=block)) == {(0, 100): "suspected"}

    def test_a_whole_quarter_is_no_compound(self) -> None:
        quarter = [{"landuse": "residential", "geometry": box(-500, 10, 500, 900)}]
        found = ends([*comb(highway="residential"), road((0, 100), (0, 100.0001))], landuse=quarter)
        assert "compound" not in set(found.kind)

    def test_bank_and_rail(self) -> None:
        river = [{"natural": "water", "geometry": box(-900, 120, 900, 160)}]
        tracks = [{"railway": "rail", "geometry": LineString([(-900, 150), (900, 150)])}]
        below = [{**tracks[0], "tunnel": "yes"}]
        assert kinds(ends(stub(), water=river)) == {(0, 100): "bank"}
        assert kinds(ends(stub(), rail=tracks)) == {(0, 100): "rail"}
        assert kinds(ends(stub(), rail=below)) == {(0, 100): "suspected"}

    def test_edge_of_the_data(self) -> None:
        roads = stub(highway="tertiary")
        east, north = EAST, NORTH
        corners = gpd.GeoSeries([box(east - 1500, north - 1500, east + 1500, north + 300)], crs=CRS).to_crs(4326).total_bounds
        assert kinds(ends(roads, data_extent=tuple(corners)))[(0, 100)] == "data_edge"
        roads[-1]["cut"] = "end"
        assert kinds(ends(roads)) == {(0, 100): "data_edge"}
        roads[-1]["cut"] = "start"  # where it begins: what ends is its other side
        assert kinds(ends(roads)) == {(0, 100): "suspected"}

    def test_both_carriageways_are_one_end(self) -> None:
        pair = [road((0, 0), (0, 100), oneway="yes", name="x"), road((15, 100), (15, 0), oneway="yes", name="x")]
        found = ends([*split(STREET, 0, 15), *RING[1:], *pair])
        assert sorted(found.kind) == ["other_carriageway", "suspected"]

    def test_an_island_of_the_map(self) -> None:
        roads = [*RING, road((-100, -300), (-100, -50)), road((-100, -200), (50, -200))]
        assert kinds(ends(roads))[(-100, -50)] == "detached"

    def test_a_small_street_must_point_somewhere(self) -> None:
        # 60 m long and alone: most of its like are meant to end. A main street of that length is not.
        assert kinds(ends(stub(60, "residential"))) == {(0, 60): "minor_street"}
        assert kinds(ends(stub(60, "tertiary"))) == {(0, 60): "suspected"}

    def test_every_kind_has_a_title(self) -> None:
        assert set(ends(comb()).kind) <= set(KINDS)


class TestPlannedRoads:
    PLAN = ({"highway": "construction", "geometry": LineString([(0, 100), (0, 200)])},)

    def test_an_end_that_a_planned_road_continues_is_confirmed(self) -> None:
        found = ends(stub(), planned_roads=list(self.PLAN))
        assert kinds(found) == {(0, 100): "confirmed"}
        assert found.gap_m == pytest.approx([100.0])
        assert found.detour_m == pytest.approx([2300.0])

    def test_across_water_a_planned_bridge_confirms(self) -> None:
        river = [{"natural": "water", "geometry": box(-900, 120, 900, 160)}]
        assert kinds(ends(stub(), water=river, planned_roads=list(self.PLAN))) == {(0, 100): "confirmed"}

    @pytest.mark.parametrize("status", ["已建成", "completed"])
    def test_what_is_built_is_no_plan(self, status: str) -> None:
        assert kinds(ends(stub(), planned_roads=[{**self.PLAN[0], "status": status}])) == {(0, 100): "suspected"}

    def test_a_plan_for_the_street_itself_says_nothing(self) -> None:
        back = {"highway": "construction", "geometry": LineString([(0, 0), (0, 100)])}
        assert kinds(ends(stub(), planned_roads=[back])) == {(0, 100): "suspected"}

    def test_a_planned_road_that_leads_to_no_street(self) -> None:
        short = {"highway": "proposed", "geometry": LineString([(0, -100), (0, -160)])}
        found = ends(stub(-100), planned_roads=[short])
        assert kinds(found) == {(0, -100): "confirmed"}
        assert found.target_road.tolist() == [-1]
        assert np.isnan(found.gap_m[0])


class TestProperties:
    def test_order_does_not_matter(self) -> None:
        roads = [*comb(), road((400, 0), (400, 190)), road((300, 0), (300, -80))]
        rng = np.random.default_rng(3)
        one = ends(roads)
        for _ in range(3):
            other = ends([roads[i] for i in rng.permutation(len(roads))])
            for name in ("xy", "heading", "kind", "target_xy", "gap_m", "detour_m"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)

    @pytest.mark.parametrize("place", [{"turn": 33.0}, {"turn": 90.0}, {"east": EAST + 1234.5, "north": NORTH - 987.25}])
    def test_moving_and_turning_change_nothing(self, place: dict[str, float]) -> None:
        roads = [*comb(), road((400, 0), (400, 190)), road((300, 0), (300, -80))]
        one, other = ends(roads), ends(roads, place=place)
        assert sorted(one.kind) == sorted(other.kind)
        assert np.sort(other.gap_m) == pytest.approx(np.sort(one.gap_m), abs=1e-6, nan_ok=True)

    def test_joining_an_end_takes_it_away(self) -> None:
        roads = [*comb(), *split(AHEAD, 0), road((0, 100), (0, 200))]
        found = kinds(ends([row for row in roads if row["geometry"] is not AHEAD["geometry"]]))
        assert (0, 100) not in found
        # By the new street round it is 100 + 100 + 200 + 100 m to its neighbours on both sides, 400 m more than the gap.
        assert {place for place, kind in found.items() if kind == "suspected"} == {(-200, 100), (200, 100)}

    def test_a_city_whose_streets_all_join_has_no_end(self) -> None:
        found = ends(RING)
        assert len(found) == 0
        assert found.real.sum() == 0

    def test_a_place_to_turn_drawn_as_a_loop_is_no_end(self) -> None:
        loop = road((0, 100), (20, 120), (0, 140), (-20, 120), (0, 100))
        assert kinds(ends([*stub(), loop])) == {}


class TestWaysRound:
    @staticmethod
    def grid_graph() -> Any:
        lines = [road((x, 0), (x, 100), (x, 200)) for x in (0, 100, 200)] + [road((0, y), (100, y), (200, y)) for y in (0, 100, 200)]
        return street_graph(frame(lines).assign(nodes=None), mode="drive")

    def test_on_a_grid_it_is_what_one_can_count(self) -> None:
        graph = self.grid_graph()
        everything = np.arange(len(graph.start))
        start = np.zeros(len(everything), int)
        found = ways_round(graph, start, np.zeros(len(start)), everything, np.zeros(len(start)), limit_m=1000.0)
        # From a junction of a square grid the way to any other is the sum of both distances.
        apart = np.abs(graph.xy[graph.start] - graph.xy[graph.start[0]]).sum(axis=1)
        assert found == pytest.approx(apart, abs=1e-6)

    def test_beyond_the_limit_and_without_a_way_it_is_infinite(self) -> None:
        graph = self.grid_graph()
        apart = np.abs(graph.xy[graph.end] - graph.xy[graph.start[0]]).sum(axis=1)
        met = np.isin(graph.start, (graph.start[0], graph.end[0])) | np.isin(graph.end, (graph.start[0], graph.end[0]))
        far = int(np.argmax(np.where(met, 0.0, apart)))
        one = (np.array([0]), np.array([0.0]), np.array([far]), graph.length_m[[far]])
        assert ways_round(graph, *one, limit_m=apart[far] + 1e-6)[0] == pytest.approx(apart[far])
        assert np.isinf(ways_round(graph, *one, limit_m=apart[far] - 1)[0])
        assert np.isinf(ways_round(graph, *one, limit_m=999.0, used=np.zeros(len(graph.start), bool))[0])

    def test_squares_of_sources_change_nothing(self) -> None:
        """Against a plain search over the whole graph."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import dijkstra

        rng = np.random.default_rng(8)
        lines = [road(*rng.integers(0, 60, (2, 2)) * 100.0) for _ in range(50)]
        lines += [road((0, y), (6000, y)) for y in range(0, 6001, 2000)]
        noded = shapely.get_parts(shapely.node(shapely.union_all([row["geometry"] for row in lines if row["geometry"].length])))
        graph = street_graph(frame({"highway": "tertiary", "geometry": line} for line in noded).assign(nodes=None), mode="drive")
        pick = rng.integers(0, len(graph.start), (2, 200))
        zero = np.zeros(200)
        found = ways_round(graph, pick[0], zero, pick[1], zero, limit_m=1500.0)
        n = len(graph.xy)
        weight = np.full((n, n), np.inf)
        np.minimum.at(weight, (graph.start, graph.end), graph.length_m)
        weight = np.minimum(weight, weight.T)
        real = np.isfinite(weight)
        plain = dijkstra(coo_array((weight[real], np.nonzero(real)), shape=(n, n)).tocsr(), directed=False)
        wanted = plain[graph.start[pick[0]], graph.start[pick[1]]]
        assert np.isfinite(found).sum() > 5
        np.testing.assert_allclose(found, np.where(wanted <= 1500.0, wanted, np.inf), atol=1e-6)


def test_a_school_drawn_as_an_area_is_a_campus() -> None:
    school: Polygon = box(-150, 10, 150, 190)
    found = ends(stub(highway="residential", name="校园路"), facilities=[{"amenity": "school", "geometry": school}])
    assert kinds(found) == {(0, 100): "campus"}
