"""Urban rail: lines whose length fits in a comment, then properties, then what an extract says of its lines."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, Point, affinity, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics.rail_lines import PARALLEL_M, STEP_M, rail_lines, tracks_once
from spatial.result import Results

CRS = "EPSG:32651"
EAST, NORTH = 512_000.0, 4_860_000.0

few = settings(
    max_examples=5, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate), suppress_health_check=[HealthCheck.too_slow]
)

Row = dict[str, Any]


def track(*points: tuple[float, float], railway: str = "subway", **fields: Any) -> Row:
    return {"railway": railway, "geometry": LineString(points), **fields}


def from_osm(row: Row, first: int) -> Row:
    """A track with node references, as an extract gives it."""
    return {**row, "nodes": np.arange(first, first + shapely.get_num_coordinates(row["geometry"]))}


def extract(*rows: Row) -> list[Row]:
    return [from_osm(row, 1 + 1000 * i) for i, row in enumerate(rows)]


def frame(rows: Iterable[Row], *, east: float = EAST, north: float = NORTH) -> gpd.GeoDataFrame:
    rows = list(rows)
    shapes = [affinity.translate(row["geometry"], east, north) for row in rows]
    return gpd.GeoDataFrame(pd.DataFrame(rows).drop(columns="geometry"), geometry=shapes, crs=CRS)


def city(rows: Iterable[Row], areas: dict[str, Any] | None = None, *, stops: Iterable[Row] = (), date: str = "", **place: float) -> City:
    shapes = areas or {"a": box(-20_000, -20_000, 20_000, 20_000)}
    layers = {
        "districts": frame([{"area_id": key, "name": key, "geometry": shape} for key, shape in shapes.items()], **place),
        "rail": frame(rows, **place),
    }
    if stops:
        layers["transit_stops"] = frame(stops, **place)
    return City.from_layers(crs=CRS, date=date, **layers)


def run(rows: Iterable[Row], areas: dict[str, Any] | None = None, **more: Any) -> Results:
    return measure(city(rows, areas, **more), ["rail_length"])


def km(rows: Iterable[Row], variant: str = "lines", **more: Any) -> float:
    return float(run(rows, **more).get("rail_length", variant=variant).value)


# Analytic checks.


def test_two_parallel_tracks_are_one_line() -> None:
    """Two tracks of 10 km, 15 m apart → 10 km, not 20; two lines 500 m apart → 20."""
    assert km([track((0, 0), (10_000, 0)), track((10_000, 15), (0, 15))]) == pytest.approx(10.0, abs=1e-9)
    assert km([track((0, 0), (10_000, 0)), track((10_000, 500), (0, 500))]) == pytest.approx(20.0, abs=1e-9)


def test_a_yard_is_no_line() -> None:
    """A fan of ten yard tracks of 500 m, 5 km together → 0, and the line that passes by → 3 km."""
    fan = [track((0, 0), (500, 5.0 * k), service="yard") for k in range(10)]
    assert km(fan) == 0.0
    result = run([*fan, track((0, -60), (3000, -60))])
    assert result.get("rail_length").value == pytest.approx(3.0)
    assert set(result.evidence["rail_length.left_out"]["reason"]) == {"service"}


def test_tracks_in_many_pieces_are_one_line() -> None:
    """4 km of double track in pieces of 400 m that do not begin where those of the other track do → 4 km to within a step."""
    one = [track((x, 0), (x + 400, 0)) for x in range(0, 4000, 400)]
    two = [track((x, 12), (min(x + 500, 4000), 12)) for x in range(0, 4000, 500)]
    assert km([*one, *two]) == pytest.approx(4.0, abs=STEP_M / 1e3)


def test_a_track_that_turns_and_comes_back_is_one_line() -> None:
    """5 km out, around a loop, and 5 km back 8 m beside → 5 km and the loop, which is wider than 40 m: about a circle of 100 m radius."""
    angle = np.linspace(-np.pi + 0.08, np.pi - 0.08, 60)
    loop = [(5100 + 100 * np.cos(a), 100 * np.sin(a)) for a in angle]
    there_and_back = [(0, loop[0][1]), *loop, (0, loop[-1][1])]
    round_km = LineString(loop).length / 1e3
    assert km([track(*there_and_back)]) == pytest.approx(5.0 + round_km, abs=0.1)


def test_a_second_track_counts_where_it_leaves_the_first() -> None:
    """10 km, and a track beside it for 4 km that then turns off at a right angle for 3 km → 13 km to within a step."""
    assert km([track((0, 0), (10_000, 0)), track((0, 10), (4000, 10), (4000, 3010))]) == pytest.approx(13.0 - 0.04, abs=0.04 + STEP_M / 1e3)


def test_a_shared_section_counts_for_each_line_and_once_in_the_network() -> None:
    """Lines 1 and 2 share 4 km and have 6 km and 3 km of their own → lines 10 + 7 = 17 km, network 13 km."""
    rows = [
        track((0, 0), (4000, 0), routes="subway 1;subway 2"),
        track((4000, 0), (10_000, 0), routes="subway 1"),
        track((4000, 0), (4000, 3000), routes="subway 2"),
    ]
    result = run(extract(*rows))
    assert result.get("rail_length").value == pytest.approx(17.0)
    assert result.get("rail_length", variant="network").value == pytest.approx(13.0)
    assert "4.00 km" in result.get("rail_length", variant="network").note
    assert list(result.evidence["rail_length.lines"]["length_km"]) == [10.0, 7.0]


def test_kinds_add_up_to_the_sum_of_lines() -> None:
    """Metro 5 km, light rail 3 km, tram 2 km, and a main-line railway that is no urban rail → 5, 3, 2, 0; together 10."""
    rows = [
        track((0, 0), (5000, 0)),
        track((0, 500), (3000, 500), railway="light_rail"),
        track((0, 900), (2000, 900), railway="tram"),
        track((0, 1500), (9000, 1500), railway="rail"),
    ]
    result = run(rows)
    parts = [result.get("rail_length", variant=kind).value for kind in ("subway", "light_rail", "tram", "monorail")]
    assert parts == pytest.approx([5.0, 3.0, 2.0, 0.0])
    assert result.get("rail_length").value == pytest.approx(10.0)
    assert result.get("rail_length").numerator == pytest.approx(10_000.0)


def test_a_line_through_several_areas_splits_exactly() -> None:
    """12 km through three areas of 4 km, of which 2 km run on the edge between two: 1 km to each side."""
    areas = {"west": box(0, -5000, 4000, 5000), "middle": box(4000, -5000, 8000, 5000), "east": box(8000, -5000, 12_000, 5000)}
    rows = [track((0, 0), (4000, 0), (4000, 2000), (10_000, 2000), name="1号线")]
    found = {area: run(rows, areas).get("rail_length", area_id=area).value for area in (*areas, "city")}
    assert found == pytest.approx({"west": 5.0, "middle": 5.0, "east": 2.0, "city": 12.0}, abs=1e-3)


def test_what_opens_later_and_what_is_being_built_do_not_count() -> None:
    rows = [
        track((0, 0), (5000, 0), name="1号线", opened="2019-06-30"),
        track((5000, 0), (7000, 0), name="1号线", opened="2025-10"),
        track((0, 800), (3000, 800), name="2号线", status="在建"),
        track((0, 1600), (9000, 1600), railway="construction", name="3号线"),
    ]
    assert km(rows, date="2024-04-09") == pytest.approx(5.0)
    assert km(rows, date="2025-11-01") == pytest.approx(7.0)
    left_out = run(rows, date="2024-04-09").evidence["rail_length.left_out"]
    assert sorted(left_out["reason"]) == ["construction", "not_open", "not_open"]


# Lines of an extract.


def test_directions_and_names_make_one_line() -> None:
    rows = extract(
        track((0, 0), (3000, 0), routes="subway 地铁3号线: 甲→乙", name="地铁3号线"),
        track((3000, 10), (0, 10), routes="subway 地铁3号线: 乙→甲", name="地铁三号线"),
    )
    result = run(rows)
    assert result.get("rail_length").value == pytest.approx(3.0)
    assert len(result.evidence["rail_length.lines"]) == 1


@pytest.mark.parametrize(
    ("one", "two", "count"),
    [
        ("3", "3号线", 1),
        ("十二号线", "12", 1),
        ("S1", "1", 2),
        ("S1号线", "1号线", 2),
        ("Line 2", "2", 1),
        ("机场线", "机场线(北)", 1),
        ("4", "5", 2),
    ],
)
def test_which_labels_are_one_line(one: str, two: str, count: int) -> None:
    rows = extract(track((0, 0), (3000, 0), routes=f"subway {one}"), track((3000, 0), (6000, 0), routes=f"subway {two}"))
    assert len(rail_lines(city(rows)).name) == count


def test_tracks_of_no_route_are_links_where_the_map_has_routes() -> None:
    """Depot links bear the name of the line, its number, or none; a line of another name is a line."""
    rows = extract(
        track((0, 0), (8000, 0), routes="subway 3", name="地铁3号线"),
        track((0, 0), (0, 900), name="地铁3号线"),
        track((2000, 0), (2000, 700), name="3号线出入段"),
        track((4000, 0), (4000, 600)),
        track((0, 3000), (5000, 3000), name="4号线"),
        track((0, 6000), (2000, 6000), railway="tram"),
    )
    result = run(rows)
    assert result.get("rail_length").value == pytest.approx(8.0 + 5.0 + 2.0)
    assert result.get("rail_length").quality == pytest.approx(8 / 15)
    assert sorted(result.evidence["rail_length.left_out"]["length_km"]) == pytest.approx([0.6, 0.7, 0.9])
    # A local layer is taken at its word.
    local = [{key: value for key, value in row.items() if key != "nodes"} for row in rows]
    assert km(local) == pytest.approx(15.0 + 2.2)


def test_a_cut_line_never_looks_whole() -> None:
    rows = extract(
        track((0, 0), (3000, 0), routes="subway 1;subway 2", routes_cut="subway 2", name="1号线"),
        track((3000, 0), (5000, 0), routes="subway 2", routes_cut="subway 2", name="2号线"),
        track((0, 900), (2000, 900), routes="light_rail 5", clipped="yes", name="5号线"),
    )
    result = run(rows)
    lines = result.evidence["rail_length.lines"].set_index("name")["complete"]
    assert lines.to_dict() == {"1号线": "yes", "2号线": "no", "5号线": "no"}
    assert list(result.evidence["rail_length.cut"]["name"]) == ["5号线", "2号线"]
    for variant in ("lines", "network"):
        said = result.get("rail_length", variant=variant).note
        assert "cut by the edge" in said
        assert "2号线" in said.split("cut by the edge")[1]
        assert "1号线" not in said.split("cut by the edge")[1]


def test_stations_of_both_platforms_are_one() -> None:
    stop = [
        {"geometry": Point(0, 0), "name": "甲", "routes": "subway 1"},
        {"geometry": Point(0, 30), "name": "甲", "routes": "subway 1"},
        {"geometry": Point(1500, 0), "name": "乙", "routes": "subway 1;bus 7"},
        {"geometry": Point(2500, 0), "name": "丙", "routes": "bus 7"},
    ]
    lines = run(extract(track((0, 0), (3000, 0), routes="subway 1")), stops=stop).evidence["rail_length.lines"]
    assert list(lines["stations"]) == [2.0]


def test_what_is_not_given_is_not_zero() -> None:
    districts = frame([{"area_id": "a", "name": "a", "geometry": box(0, 0, 1000, 1000)}])
    absent = measure(City.from_layers(crs=CRS, districts=districts), ["rail_length"]).get("rail_length")
    assert absent.status == "no_data"
    assert np.isnan(absent.value)
    empty = run([track((0, 0), (3000, 0), railway="rail")]).get("rail_length")
    assert (empty.status, empty.value) == ("ok", 0.0)


def test_odd_lines_do_no_harm() -> None:
    """A line in parts, a track twice, one without a name, a day of opening that nobody can read."""
    parts = {"railway": "subway", "geometry": MultiLineString([[(0, 0), (1000, 0)], [(1000, 0), (2500, 0)]])}
    rows = [parts, track((0, 0), (1000, 0)), track((1000, 0), (0, 0)), track((5000, 0), (6000, 0), opened="soon")]
    result = run(rows).get("rail_length")
    assert result.value == pytest.approx(3.5)
    assert "cannot be read" in result.note


# Properties.


def network(random: np.random.Generator) -> list[Row]:
    """Lines of two tracks with some noise, shared stretches, and links."""
    rows = []
    for number in range(1, 4):
        xs = np.arange(0, 6001, 500.0)
        ys = 1200.0 * number + np.cumsum(random.uniform(-120, 120, len(xs)))
        for aside in (0.0, 14.0):
            rows.append(track(*zip(xs, ys + aside, strict=True), routes=f"subway {number}"))
    shared = [(6000.0, 0.0), (6000.0, 7000.0)]
    rows.append(track(*shared, routes="subway 1;subway 2"))
    return extract(*rows)


@few
@given(st.integers(0, 10_000), st.floats(-3000, 3000), st.floats(0, 2 * np.pi))
def test_order_place_and_turn_change_nothing(seed: int, shift: float, turn: float) -> None:
    random = np.random.default_rng(seed)
    rows = network(random)
    areas = {"a": box(-9000, -9000, 3000, 9000), "b": box(3000, -9000, 20_000, 9000)}
    before = run(rows, areas)
    order = random.permutation(len(rows))
    again = run([rows[i] for i in order], areas)
    pd.testing.assert_frame_equal(before.table, again.table)
    for key in before.evidence:
        assert before.evidence[key].to_wkb().equals(again.evidence[key].to_wkb()), key
    # Moved and turned the tracks are sampled elsewhere.
    moved = [
        {**row, "geometry": affinity.translate(affinity.rotate(row["geometry"], turn, origin=(0, 0), use_radians=True), shift, -shift)}
        for row in rows
    ]
    assert km(moved) == pytest.approx(float(before.get("rail_length").value), rel=5e-3)


@few
@given(st.integers(0, 10_000))
def test_areas_add_up_and_the_network_is_never_longer_than_its_lines(seed: int) -> None:
    rows = network(np.random.default_rng(seed))
    areas = {f"{i}{j}": box(-500 + 2500 * i, -500 + 2500 * j, 2000 + 2500 * i, 2000 + 2500 * j) for i in range(4) for j in range(4)}
    result = run(rows, areas)
    for variant in ("lines", "network", "subway"):
        parts = result.table[(result.table.variant == variant) & result.table.area_id.isin(list(areas))]
        assert parts["value"].sum() == pytest.approx(result.get("rail_length", variant=variant).value, rel=1e-9)
    assert result.get("rail_length", variant="network").value <= result.get("rail_length").value
    alone = measure(city(rows, {"22": areas["22"]}), ["rail_length"]).get("rail_length", area_id="22")
    assert alone.value == pytest.approx(result.get("rail_length", area_id="22").value, rel=1e-9)


@few
@given(st.lists(st.tuples(st.floats(0, 3000), st.floats(0, 3000)), min_size=2, max_size=6, unique=True))
def test_what_is_kept_lies_on_the_tracks_and_leaves_nothing_out(points: list[tuple[float, float]]) -> None:
    """No kept metre is new, and no track runs farther than 40 m from all that was kept."""
    lines = np.array([LineString(pair) for pair in itertools.pairwise(points)] + [None], dtype=object)[:-1]
    kept = tracks_once(lines)
    every = shapely.union_all(lines)
    assert shapely.length(kept).sum() <= shapely.length(lines).sum() + 1e-6
    if shapely.length(lines).sum() > 1:
        assert shapely.difference(shapely.union_all(kept), shapely.buffer(every, 0.01)).length < 1e-6
        assert shapely.difference(every, shapely.buffer(shapely.union_all(kept), PARALLEL_M + STEP_M)).length < 1e-6


def test_adding_a_track_never_shortens_a_line() -> None:
    tracks = np.array([LineString([(1000 * (k > 0), 20.0 * k), (5000 + 1000 * (k > 0), 20.0 * k)]) for k in range(6)], dtype=object)
    lengths = [shapely.length(tracks_once(tracks[:n])).sum() for n in range(1, 7)]
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(lengths))
