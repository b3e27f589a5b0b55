"""Lengths by class: roads whose kilometres fit in a comment, then what must hold of any of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box, unary_union

from spatial.city import City
from spatial.measurement import measure
from spatial.statistics import Statistics
from tests.metrics.test_roads import CRS, KILOMETRE, Road, carriageway, city, few, frame, polygons, road

LENGTHS = ("motorway_length", "expressway_length", "arterial_length", "branch_road_length")
WIDE = box(-1000, -1000, 11_000, 1000)


def dated_city(roads: list[Road], areas: dict[str, Polygon], date: str) -> City:
    outline = polygons({"all": unary_union(list(areas.values()))})
    return City.from_layers(crs=CRS, date=date, districts=polygons(areas), boundary=outline, built_up_area=outline, roads=frame(roads))


def km(made: City, metric: str, variant: str | None = None, area_id: str = "city") -> float:
    return float(measure(made, [metric]).get(metric, variant=variant, area_id=area_id).value)


def lengths(roads: list[Road], shape: Polygon = WIDE) -> dict[str, float]:
    made = city(roads, {"a": shape})
    table = measure(made, LENGTHS).table.query("area_id == 'city'")
    return dict(zip(table.metric + "/" + table.variant, table.value, strict=True))


def test_two_carriageways_are_one_road_and_a_lone_one_is_whole():
    # 2 × 10 km of motorway 20 m apart → 10 km, not 20; a one-way secondary street of 3 km → 3 km.
    found = lengths(
        [carriageway(0, 10_000, east=True), carriageway(20, 10_000, east=False), carriageway(-800, 3_000, east=True, highway="secondary")]
    )
    assert found["motorway_length/"] == pytest.approx(10.0)
    assert found["arterial_length/primary_secondary"] == found["arterial_length/secondary"] == pytest.approx(3.0)


def classes(length_m: float = 1200.0) -> list[Road]:
    tags: list[dict[str, Any]] = [
        {"highway": "motorway", "oneway": "no"}, {"highway": "trunk", "name": "东部快速路"}, {"highway": "trunk", "motorroad": "yes"},
        {"highway": "trunk", "name": "102 国道"}, {"highway": "primary"}, {"highway": "secondary"}, {"highway": "tertiary"}, {"highway": "unclassified"},
        {"highway": "residential"}, {"highway": "primary_link"}, {"highway": "service"}, {"highway": "living_street"}, {"highway": "footway"},
        {"highway": "construction"}, {"highway": "proposed"}, {"highway": "residential", "access": "private"},
    ]  # fmt: skip
    return [road((0, 50 * at), (length_m, 50 * at), **tag) for at, tag in enumerate(tags)]


def test_each_class_and_both_readings_of_arterials():
    # 1.2 km of each: two kinds of expressway; the national road counts as primary beside the primary one; links, inner roads, what is not built or private
    # count nowhere. 主干+次干 = 2.4 + 1.2, 快速+主干 = 2.4 + 2.4.
    found = {key: round(value, 9) for key, value in lengths(classes()).items()}
    assert found == {
        "motorway_length/": 1.2, "expressway_length/": 2.4,
        "arterial_length/primary_secondary": 3.6, "arterial_length/trunk_roads": 4.8, "arterial_length/primary": 2.4, "arterial_length/secondary": 1.2,
        "branch_road_length/total": 3.6, "branch_road_length/tertiary": 1.2, "branch_road_length/unclassified": 1.2, "branch_road_length/residential": 1.2,
    }  # fmt: skip


def test_classes_sum_to_the_length_that_density_counts():
    made = city([*classes(), carriageway(-300, 5000, east=True), carriageway(-320, 5000, east=False)], {"a": WIDE})
    parts = sum(km(made, name) for name in LENGTHS)  # the first variants: 主干+次干, all branches
    total = measure(made, ["road_network_density"]).get("road_network_density", variant="total").numerator
    assert parts * 1000 == pytest.approx(total)


def test_districts_sum_to_the_city_and_a_road_on_their_edge_is_halved():
    # 1 km on the common edge: 0.5 on each side; 1 km across: 0.3 and 0.7.
    halves = {"a": box(-1000, -500, 0, 500), "b": box(0, -500, 1000, 500)}
    made = city([road((0, -500), (0, 500), highway="primary"), road((-300, 100), (700, 100), highway="primary")], halves)
    assert [km(made, "arterial_length", area_id=area) for area in ("a", "b", "city")] == pytest.approx([0.8, 1.2, 2.0])


def test_what_opens_after_the_day_is_not_open():
    # On 2025-06-30: 1 km long open, 1 km opened in May, 1 km that opens in October, 1 km still 在建, one 已通车, one whose word nobody knows.
    rows = [
        road((0, 0), (1000, 0), highway="motorway", oneway="no"),
        road((0, 100), (1000, 100), highway="motorway", oneway="no", opened="2025-05-01"),
        road((0, 200), (1000, 200), highway="motorway", oneway="no", opened="2025年10月1日"),
        road((0, 300), (1000, 300), highway="motorway", oneway="no", status="在建"),
        road((0, 400), (1000, 400), highway="motorway", oneway="no", status="已通车"),
        road((0, 500), (1000, 500), highway="motorway", oneway="no", status="快了"),
    ]
    row = measure(dated_city(rows, {"a": WIDE}, "2025-06-30"), ["motorway_length"]).get("motorway_length")
    assert row.value == pytest.approx(4.0)
    assert "33.3% of the length has a day of opening" in row.note  # of six kilometres two
    assert "2.00 km that had not opened" in row.note
    assert "1 words of status" in row.note
    assert km(dated_city(rows, {"a": WIDE}, "2025-10-01"), "motorway_length") == pytest.approx(5.0)
    assert km(dated_city(rows, {"a": WIDE}, "2024-12-31"), "motorway_length") == pytest.approx(3.0)


def test_a_road_of_which_one_half_is_open_is_as_long_as_it_is_and_the_day_holds_for_density_and_area_too():
    # 2 × 1 km, 20 m apart. The second half opens in 2026: until then 1 km by the first half, afterwards 1 km by both; before the first, nothing.
    def rows(first: str, second: str) -> list[Road]:
        tags = {"highway": "primary", "name": "人民大街"}
        return [carriageway(0, 1000, east=True, opened=first, **tags), carriageway(20, 1000, east=False, opened=second, **tags)]

    asked = ["arterial_length", "road_network_density", "road_area_ratio"]
    for first, second, metres, wide_m in (("2020", "2026-01-01", 1000, 34), ("2020", "2021", 1000, 34), ("2026-02-01", "2026", 0, 0)):
        results = measure(dated_city(rows(first, second), {"a": WIDE}, "2025-06-30"), asked)
        assert [results.get(name).numerator for name in ("arterial_length", "road_network_density")] == pytest.approx([metres] * 2)
        assert results.get("road_area_ratio", variant="paved").numerator == pytest.approx(1000 * wide_m if metres else 0.0)
    assert "1.00 km that had not opened" in results.get("arterial_length").note  # a road with two carriageways, 1 km
    assert "2.0 km of roads yet to be opened" in results.get("road_network_density").note  # lines, as drawn


def test_a_year_that_is_not_over_makes_a_range():
    rows = [road((0, 0), (1000, 0), highway="primary"), road((0, 100), (1000, 100), highway="primary", opened="2025")]
    row = measure(dated_city(rows, {"a": WIDE}, "2025-06-30"), ["arterial_length"]).get("arterial_length", variant="primary")
    assert (row.low, row.value, row.high) == (pytest.approx(1.0), pytest.approx(2.0), pytest.approx(2.0))
    after = measure(dated_city(rows, {"a": WIDE}, "2025-12-31"), ["arterial_length"]).get("arterial_length", variant="primary")
    assert np.isnan(after.low)
    assert after.value == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        (3.55, "Primary and secondary roads reproduce it"),
        (4.7, "Expressways and primary roads reproduce it"),
        (9.0, "neither reproduces it"),
    ],
)
def test_the_note_says_which_reading_gives_the_stated_length(stated: float, says: str):
    made = city(classes(), {"a": WIDE})
    table = pd.DataFrame(
        {
            "area": ["试城", "试城", "a"],
            "metric": ["arterial_length"] * 3,
            "series": [""] * 3,
            "year": [2022, 2021, 2023],
            "value": [stated, 99.0, 1.0],
            "unit": ["km"] * 3,
            "source": [""] * 3,
        }
    )
    made = dataclasses.replace(made, name="试城", statistics=Statistics(table, pd.DataFrame()))
    row = measure(made, ["arterial_length"]).get("arterial_length")
    assert f"{stated:.1f} km of arterials for 2022" in row.note
    assert says.lower() in row.note.lower()
    assert "statistics state" not in measure(made, ["arterial_length"]).get("arterial_length", area_id="a").note


def test_a_class_that_the_whole_extract_lacks_is_no_data_and_a_local_layer_gives_zero():
    made = city([road((0, 0), (1000, 0), highway="primary")], {"a": KILOMETRE})
    assert km(made, "motorway_length") == 0.0
    layers = {**made.layers, "roads": dataclasses.replace(made.layers["roads"], origin="osm")}
    row = measure(dataclasses.replace(made, layers=layers), ["motorway_length"]).get("motorway_length")
    assert row.status == "no_data"
    assert "the whole OSM extract has no motorway" in row.note


def test_evidence_is_what_counts():
    results = measure(dated_city(classes(), {"a": WIDE}, "2025-06-30"), LENGTHS)
    shown = results.evidence
    assert sorted(shown) == sorted(f"{name}.roads" for name in LENGTHS)
    for name in LENGTHS:
        drawn = (shown[f"{name}.roads"].length / shown[f"{name}.roads"]["carriageways"]).sum() / 1000
        assert drawn == pytest.approx(results.get(name).value)
    assert set(shown["arterial_length.roads"]["road_class"]) == {"primary", "secondary"}


steps = st.lists(
    st.tuples(
        st.sampled_from(["motorway", "trunk", "primary", "secondary", "tertiary", "residential"]),
        st.sampled_from(["yes", "-1", None]),
        st.sampled_from(["", "2024", "2025-03-01", "2026-01-01"]),
        st.integers(-9, 9),
        st.integers(-9, 9),
    ),
    min_size=1,
    max_size=6,
)


@settings(few, max_examples=5)
@given(steps)
def test_a_later_day_never_shortens_and_order_changes_nothing(drawn: list[tuple[Any, ...]]):
    rows = [
        road((-400, 50 * south + at), (400, 50 * north + at), highway=highway, oneway=oneway, opened=opened or None)
        for at, (highway, oneway, opened, south, north) in enumerate(drawn)
    ]
    halves = {"a": box(-500, -1000, 0, 1000), "b": box(0, -1000, 500, 1000)}
    earlier = None
    for day in ("2024-06-30", "2025-06-30"):
        table = measure(dated_city(rows, halves, day), LENGTHS).table
        again = measure(dated_city(rows[::-1], halves, day), LENGTHS).table
        np.testing.assert_allclose(table.value, again.value, rtol=1e-9, atol=1e-9)
        wide = table.pivot_table(index=["metric", "variant"], columns="area_id", values="value")
        np.testing.assert_allclose(wide.a + wide.b, wide.city, rtol=1e-9, atol=1e-9)
        assert earlier is None or (wide.city >= earlier - 1e-9).all()
        earlier = wide.city


def test_expressways_told_by_tags_alone_are_estimated_and_a_local_list_measures_them():
    # 2.4 km tagged or named as expressways; 1.2 km of trunk that counts as primary may be one too → 2.4 … 3.6; primary 1.2 … 2.4.
    made = city(classes(), {"a": WIDE})
    found = measure(made, ["expressway_length", "arterial_length"])
    fast, main = found.get("expressway_length"), found.get("arterial_length", variant="primary")
    both = found.get("arterial_length", variant="trunk_roads")
    assert (fast.status, fast.value, fast.low, fast.high) == ("estimated", *map(pytest.approx, (2.4, 2.4, 3.6)))
    assert "another 1.2 km of trunk roads" in fast.note
    assert (main.status, main.value, main.low, main.high) == ("estimated", *map(pytest.approx, (2.4, 1.2, 2.4)))
    assert (both.status, both.value) == ("ok", pytest.approx(4.8))
    assert found.get("arterial_length", variant="secondary").status == "ok"
    listed = measure(dataclasses.replace(made, road_classes={"东部快速路": "expressway"}), ["expressway_length", "arterial_length"])
    assert listed.get("expressway_length").status == listed.get("arterial_length").status == "ok"
    assert "tags alone" not in listed.get("expressway_length").note
    worded = city([road((0, 0), (1000, 0), highway="快速路")], {"a": WIDE})
    assert measure(worded, ["expressway_length"]).get("expressway_length").status == "ok"
