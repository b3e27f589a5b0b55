"""Carriageways of one road: corridors whose answer fits in a comment, then properties."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.ops import substring

from spatial.roads import HALO_M, road_model, unknown_note
from spatial.roads.pairing import _stretches
from tests.roads.streets import carriageways, city, lane, model, once_m, street


class TestWhatIsOneRoad:
    def test_main_carriageways_and_their_side_roads(self):
        # Four lines of one name on 1 km, 10 to 15 m apart: 1 km of road, where halves would give 2.
        lanes = [
            lane(0, name="红旗大街"),
            lane(11, name="红旗大街"),
            lane(26, east=False, name="红旗大街"),
            lane(37, east=False, name="红旗大街"),
        ]
        assert carriageways(lanes) == [4, 4, 4, 4]
        assert once_m(lanes) == pytest.approx(1000)

    def test_side_roads_by_another_name(self):
        # 滨北路 with 滨北路辅路 on either side, of a lower class.
        lanes = [
            lane(0, name="滨北路辅路", highway="secondary"), lane(20, name="滨北路"), lane(40, east=False, name="滨北路"),
            lane(60, east=False, name="滨北路辅路", highway="secondary"),
        ]  # fmt: skip
        assert carriageways(lanes) == [4, 4, 4, 4]

    def test_express_and_local_lanes_of_one_direction(self):
        assert carriageways([lane(0, name="x"), lane(14, name="x")]) == [2, 2]

    @pytest.mark.parametrize(
        ("one", "other", "count"),
        [
            ("规划路33南", "规划路南33", 2),  # one road, typed by two people
            ("规划路297", "规划路298", 1),
            ("香滨街", "香滨路", 2),
            ("景江东路", "景江西路", 1),
            ("文昌街 - Wenchang Street", "文昌街", 2),
            ("机场第二通道（迎宾路高架）", "机场第二通道", 2),
            ("中山路", "人民路", 1),
        ],
    )
    def test_names(self, one, other, count):
        assert carriageways([lane(0, name=one), lane(20, east=False, name=other)]) == [count, count]

    def test_a_number_joins_what_names_part(self):
        assert carriageways([lane(0, name="x", ref="G1"), lane(20, east=False, name="y", ref="G1")]) == [2, 2]

    @pytest.mark.parametrize(("gap", "count"), [(59, 2), (61, 1)])
    def test_sixty_metres_to_the_next(self, gap, count):
        assert carriageways([lane(0, name="x"), lane(gap, east=False, name="x")]) == [count, count]

    def test_farther_apart_with_others_between(self):
        # The road under a bridge: 70 m apart, with the bridge's own carriageways between; two roads of 1 km, not three or one.
        bridge = {"name": "阳明滩大桥", "highway": "trunk", "bridge": "yes", "layer": "1"}
        lanes = [lane(0, name="阳明滩大道"), lane(25, **bridge), lane(40, east=False, **bridge), lane(70, east=False, name="阳明滩大道")]
        assert carriageways(lanes) == [2, 2, 2, 2]
        assert once_m(lanes) == pytest.approx(2000)

    def test_a_viaduct_of_the_same_name_is_a_road_of_its_own(self):
        # Both count in length (A4); a short bridge of the road itself changes nothing.
        above = {"name": "三环路", "bridge": "yes", "layer": "1"}
        lanes = [lane(0, name="三环路"), lane(15, **above), lane(30, east=False, **above), lane(45, east=False, name="三环路")]
        assert carriageways(lanes) == [2, 2, 2, 2]
        short = [
            lane(0, name="x"), lane(20, east=False, name="x", start=550), lane(20, east=False, name="x", start=450, end=550, bridge="yes", layer="1"),
            lane(20, east=False, name="x", end=450),
        ]  # fmt: skip
        assert once_m(short) == pytest.approx(1000)

    def test_against_the_drawing(self):
        # oneway=-1: drawn east, driven west.
        assert carriageways([lane(0, name="x"), lane(20, name="x", oneway="-1")]) == [2, 2]
        assert carriageways([lane(0), lane(20, oneway="-1")]) == [2, 2]

    def test_without_a_name(self):
        near, far = lane(20, east=False), lane(45, east=False)
        assert carriageways([lane(0, name="x"), near]) == [2, 2]
        assert carriageways([lane(0), near]) == [2, 2]
        assert carriageways([lane(0), far]) == [1, 1]
        assert carriageways([lane(0), lane(20, east=False, highway="secondary")]) == [1, 1]
        assert carriageways([lane(0), lane(20)]) == [1, 1]  # two streets the same way

    def test_the_nameless_leave_a_pair_of_one_name_alone(self):
        # 20 m beside the pair and against its neighbour: a street of its own.
        assert carriageways([lane(0, name="x"), lane(15, east=False, name="x"), lane(-20, east=False)]) == [2, 2, 1]
        # With its neighbour: its side road. Among the carriageways: part of the road.
        assert carriageways([lane(0, name="x"), lane(15, east=False, name="x"), lane(-20)]) == [3, 3, 3]
        assert carriageways([lane(0, name="x"), lane(15), lane(30, east=False, name="x")]) == [3, 3, 3]

    def test_no_double_pairing(self):
        # Two nameless dual roads side by side, 25 m from one another: two roads of two carriageways.
        lanes = [lane(0), lane(12, east=False), lane(37), lane(49, east=False)]
        assert carriageways(lanes) == [2, 2, 2, 2]

    def test_the_map_decides_where_it_says_so(self):
        assert carriageways([lane(0, name="x", dual_carriageway="no"), lane(20, east=False, name="x", dual_carriageway="no")]) == [1, 1]
        assert carriageways([lane(0, dual_carriageway="yes")]) == [2]

    def test_what_is_no_carriageway(self):
        # A two-way frontage road of the same name, a service road, a ramp, a private road, the ring of a roundabout.
        main = [lane(0, name="x"), lane(15, east=False, name="x")]
        for other in (
            lane(30, name="x", oneway="no"),
            lane(30, east=False, name="x", highway="service"),
            lane(30, east=False, name="x", highway="primary_link"),
            lane(30, east=False, name="x", access="private"),
            lane(30, east=False, name="x", junction="roundabout"),
        ):
            assert carriageways([*main, other]) == [2, 2, 1]

    def test_a_two_way_road_between_its_frontages(self):
        # One road of 1 km, drawn as a two-way line between two one-way frontages of its name.
        lanes = [lane(0, name="x"), lane(20, name="x", oneway="no"), lane(40, east=False, name="x")]
        assert carriageways(lanes) == [3, 3, 3]

    def test_crossing_roads_are_not_beside_one_another(self):
        cross = street((500, -300), (500, 300), name="x", oneway="yes")
        assert carriageways([lane(0, name="x"), cross], x=100) == [1]


class TestAlongTheRoad:
    def test_a_gap_at_a_crossing_is_closed(self):
        # The way back is missing on 50 m: 1 km all the same.
        lanes = [lane(0, name="x"), lane(20, east=False, name="x", start=525), lane(20, east=False, name="x", end=475)]
        assert once_m(lanes) == pytest.approx(500 + 475, abs=1)

    def test_a_longer_gap_is_one_way(self):
        # 200 m without a way back: those count whole on the one line that is there.
        lanes = [lane(0, name="x"), lane(20, east=False, name="x", start=600), lane(20, east=False, name="x", end=400)]
        assert once_m(lanes) == pytest.approx(400 + 400 + 200, abs=21)

    def test_a_road_that_parts_around_a_square(self):
        # 1 km of dual road, of which the middle parts to 90 m around a square: each line half, all the way.
        def side(sign):
            return [(0, sign * 6), (400, sign * 6), (440, sign * 45), (560, sign * 45), (600, sign * 6), (1000, sign * 6)]

        lanes = [street(*side(-1), name="x", oneway="yes"), street(*side(1)[::-1], name="x", oneway="yes")]
        length = sum(row["geometry"].length for row in lanes)
        assert once_m(lanes) == pytest.approx(length / 2, rel=0.01)

    def test_a_stub_does_not_change_the_number(self):
        # 25 m of a turning lane that bears the name are no third carriageway of the road.
        lanes = [lane(0, name="x"), lane(15, east=False, name="x"), lane(-5, name="x", start=500, end=525)]
        assert set(carriageways(lanes, x=300)) == {2}
        assert model(lanes).carriageways.max() <= 3
        assert once_m(lanes) == pytest.approx(1000, abs=15)

    def test_the_ring_of_a_roundabout_is_no_length(self):
        ring = street(*[(500 + 20 * np.cos(a), 20 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 24)], junction="roundabout", oneway="yes")
        made = model([lane(0, oneway="no", end=480), ring])
        assert once_m([lane(0, oneway="no", end=480), ring]) == pytest.approx(480)
        assert made.classes("length").all()  # and yet a way to drive


def test_links_are_drawn_from_one_outermost_carriageway_to_the_other():
    # Four carriageways within 37 m, the widest gap 15 m: a line about every 100 m, each 37 m long.
    made = model([lane(0, name="x"), lane(11, name="x"), lane(26, east=False, name="x"), lane(37, east=False, name="x")])
    assert 8 <= len(made.links.lines) <= 11
    assert shapely.length(made.links.lines) == pytest.approx(37)
    assert made.links.gap_m == pytest.approx(15)
    assert set(made.links.carriageways) == {4}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_surface_of_a_class_is_shared_by_its_carriageways(count):
    # A primary road is 34 m wide; with side roads half-way up to 42 m; each carriageway has its share.
    lanes = [lane(14.0 * n, east=n * 2 < count, name="x", highway="primary") for n in range(count)]
    made = model(lanes if count > 1 else [lane(0, name="x", oneway="no")])
    assert made.widths["paved"][:, 1] * count == pytest.approx(34 if count < 3 else 38)


def test_lanes_are_those_of_the_carriageway():
    # Three lanes of 3.5 m on each of two carriageways, and half of the sides (13 m) each.
    made = model([lane(0, name="x", lanes=3), lane(20, east=False, name="x", lanes=3)])
    assert made.widths["paved"][:, 1] == pytest.approx(3 * 3.5 + 13 / 2)


offsets = st.lists(st.integers(0, 14), min_size=1, max_size=6, unique=True).map(lambda numbers: [8.0 * n for n in numbers])


@settings(max_examples=4)
@given(offsets, st.lists(st.booleans(), min_size=6, max_size=6), st.lists(st.sampled_from(["x", "y", None]), min_size=6, max_size=6))
def test_weights_across_a_road_sum_to_one_whatever_the_order(places, ways, names):
    """And of lines of one name no more than one road is made; the order and the place of the lines say nothing."""
    lanes = [lane(y, east=way, name=name) for y, way, name in zip(places, ways, names, strict=False)]
    count = carriageways(lanes)
    assert carriageways(lanes[::-1]) == count[::-1]
    assert sum(1 / n for n in count) == pytest.approx(round(sum(1 / n for n in count)))
    turned = [{**row, "geometry": affinity.rotate(row["geometry"], 180, origin=(500, 0))} for row in lanes]
    assert carriageways(turned) == count


def test_a_part_of_the_city_sees_what_the_whole_sees():
    def side(sign):
        return [(-3000, sign * 6), (400, sign * 6), (440, sign * 45), (560, sign * 45), (600, sign * 6), (4000, sign * 6)]

    pieces = [list(zip(side(sign), side(sign)[1:], strict=False)) for sign in (-1, 1)]
    lanes = [street(a, b, name="x", oneway="yes") for a, b in pieces[0]] + [street(b, a, name="x", oneway="yes") for a, b in pieces[1]]
    whole = city(lanes)
    tile = whole.areas().whole[0]
    window = shapely.box(*np.add(shapely.bounds(tile), [1000, 500, -2050, -500]))  # its edge lies in the square
    part = whole.subset(window, halo_m=HALO_M)

    def weighed(made):
        found = road_model(made)
        return float((shapely.length(shapely.intersection(found.lines, window)) * found.weights).sum())

    assert weighed(part) == pytest.approx(weighed(whole), rel=1e-9)


def test_a_heap_of_copies_is_taken_line_by_line_and_told() -> None:
    """600 one-way lines of one name within 48 m, as tracks of buses are: 36 million cross-sections if each looked at each. The pair beside them stays one."""
    heap = [lane(k * 0.08, end=200, name="轨迹") for k in range(600)]
    pair = [lane(y, east=y < 510, name="大街", start=1000, end=2000) for y in (500, 520)]
    town = city([*heap, *pair])
    made = road_model(town)
    assert made.carriageways.tolist() == [1] * 600 + [2, 2]
    assert made.crowded == 600
    assert next(note.en for note in unknown_note(town)).startswith("600 carriageways lie in heaps")
    assert road_model(city(pair)).crowded == 0


def test_what_bears_a_name_far_away_says_nothing_here():
    # Carriageways 100 m apart are two roads, though a two-way street runs between them; a one-way street of that street's name 4 km on changes nothing.
    here = [lane(0, name="x"), lane(100, east=False, name="x"), lane(50, name="y", oneway="no")]
    assert once_m(here) == pytest.approx(3000.0)
    assert once_m([*here, lane(-900, name="y", start=5000, end=5400)]) == pytest.approx(3400.0)


@pytest.mark.parametrize("batch", [1, 7])
def test_looking_at_a_few_stations_at_a_time_sees_the_same(monkeypatch, batch):
    # Stations of one road fall into different batches, as they do in a large city.
    lanes = [
        lane(0, name="红旗大街"),
        lane(11, name="红旗大街"),
        lane(26, east=False, name="红旗大街"),
        lane(37, east=False, name="红旗大街"),
    ]
    lanes += [lane(300, name="中山路"), lane(330, east=False), lane(600, east=False)]
    whole = model(lanes)
    monkeypatch.setattr("spatial.roads.crosssections.BATCH", batch)
    parts = model(lanes)
    assert whole.carriageways.max() == 4
    assert parts.carriageways.tolist() == whole.carriageways.tolist()
    assert parts.by_name.tolist() == whole.by_name.tolist()
    assert shapely.to_wkb(parts.lines).tolist() == shapely.to_wkb(whole.lines).tolist()
    assert shapely.to_wkb(parts.links.lines).tolist() == shapely.to_wkb(whole.links.lines).tolist()


def test_a_stretch_is_what_shapely_cuts():
    bent = shapely.linestrings([[0, 0], [30, 0], [30, 40], [70, 40], [100, 80]])  # vertices at 30, 70, 110 and 160 m
    low, high = np.array([0.0, 30.0, 10.0, 71.0, 120.0]), np.array([30.0, 110.0, 20.0, 160.0, 160.0 + 1e-12])
    made = _stretches(np.array([bent] * 5, dtype=object), low, high)
    assert [shapely.to_wkt(line) for line in made] == [shapely.to_wkt(substring(bent, *ends)) for ends in zip(low, high, strict=True)]
    assert shapely.get_num_points(made).tolist() == [2, 3, 2, 3, 2]
