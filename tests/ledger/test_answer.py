"""What a ledger answers, by numbers that fit in a comment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial.areas import CITY, OUTSIDE
from spatial.ledger.answer import answer, says_something
from spatial.ledger.confirm import Proof
from spatial.ledger.declared import LedgerMetric, Select, ledger_metrics
from spatial.ledger.records import LEFT_OUT
from spatial.text import Text
from tests.ledger.town import CRS, DAY, SINCE, at, box, ledger, line, town

CITY_ = town()
AREAS = CITY_.areas()


def metric(kind="count", **said):
    return LedgerMetric("things", Text("事", "things"), Text("事", "things"), kind, Select(("事",)), **said)


def row(identity, status="completed", day="2025-03-01", **said):
    return {"id": identity, "name": f"事{identity}", "type": "事", "status": status, "status_date": day, **said}


def ask(rows, declared, *, as_of=DAY, since=None, city=CITY_, said=None, **more):
    return answer(ledger(rows, **(said or {})), city, city.areas(), declared, as_of=as_of, since=since, **more)


def by_area(values):
    return dict(zip(AREAS.ids, values, strict=True))


def test_the_ten_records_of_the_catalogue_counted():
    """Planned, cancelled, wrong year, duplicate, outside, no place: 3 count, one in each district and one without a place, which B names."""
    rows = [
        row("1", geometry=at(100, 100)),
        row("2", geometry=at(1500, 100)),
        row("3", "planned", geometry=at(200, 100)),
        row("4", "cancelled", geometry=at(300, 100)),
        row("5", day="2024-06-30", geometry=at(400, 100)),
        {**row("6", geometry=at(130, 100)), "name": "事 1"},
        row("7", geometry=at(5000, 100)),
        row("8", district="西岭区"),
        row("9", day="", geometry=at(600, 100)),
        row("10", "main_structure", geometry=at(700, 100)),
    ]
    found = ask(rows, metric(), since=SINCE)
    assert by_area(found.value) == {"A": 1, "B": 2, "city": 3, "outside_areas": 0}
    assert found.counted == ("1", "2", "8")
    assert found.open == ("3", "10")
    assert dict(zip(found.left_out["id"], found.left_out["reason_en"], strict=True)) == {
        "6": "duplicate of: 1",
        "9": "it has no status_date, and no period takes it",
    }
    stock = ask(rows, metric())
    assert by_area(stock.value) == {"A": 3, "B": 2, "city": 5, "outside_areas": 0}
    assert tuple(found.left_out.columns) == LEFT_OUT


def test_a_share_is_of_what_is_listed():
    """3 of 5 are done, one more was cancelled: 0.6; in A 2 of 3, in B 1 of 2."""
    rows = [
        row("1", geometry=at(100, 100)), row("2", geometry=at(200, 100)), row("3", "started", geometry=at(300, 100)),
        row("4", geometry=at(1500, 100)), row("5", "planned", geometry=at(1600, 100)), row("6", "cancelled", geometry=at(400, 100)),
    ]  # fmt: skip
    found = ask(rows, metric("ratio", unit="1"))
    assert by_area(found.value)["city"] == pytest.approx(0.6)
    assert by_area(found.value)["A"] == pytest.approx(2 / 3)
    assert by_area(found.value)["B"] == 0.5
    assert np.isnan(by_area(found.value)["outside_areas"])
    assert by_area(found.denominator)["city"] == 5


def test_a_share_of_other_records():
    """2 done of 8 that another type lists."""
    rows = [row("1"), row("2"), *({**row(f"l{n}", "planned"), "type": "全部"} for n in range(8))]
    found = ask(rows, metric("ratio", unit="1", denominator=Select(("全部",))))
    assert by_area(found.value)["city"] == 0.25


def test_a_problem_is_answered_as_long_as_its_project_lives():
    """Of three problems one project is planned in March, one cancelled in May and one lives: on 1 February 2, on 1 April 3, on 30 June 2."""
    problems = [row(number, "planned", "2025-01-01") for number in "123"]
    projects = [
        {"id": f"p{number}", "name": f"p{number}", "type": "项目", "status": status, "status_date": day, "answers": number}
        for number, status, day in (("1", "planned", "2025-03-01"), ("2", "cancelled", "2025-05-01"), ("3", "started", "2025-06-01"))
    ]
    asked = metric("ratio", unit="1", answered=True, required="planned")
    days = (date(2025, 2, 1), date(2025, 4, 1), DAY)
    assert [by_area(ask([*problems, *projects], asked, as_of=day).numerator)["city"] for day in days] == [2, 3, 2]


def test_a_share_above_one_is_told():
    """Three done of two that another type lists."""
    rows = [row("1"), row("2"), row("3"), *({**row(f"l{n}", "planned"), "type": "全部"} for n in range(2))]
    found = ask(rows, metric("ratio", unit="1", denominator=Select(("全部",))))
    total = list(AREAS.ids).index("city")
    assert found.value[total] == 1.5
    assert "more than is listed: to be checked" in [note.en for note in found.row_notes[total]]


def test_what_remains_falls_with_what_is_done():
    """Bridges: 3 listed and open in the city, one of them with a later date; 1 done, 1 cancelled."""
    rows = [row("1"), row("2", "started"), row("3", "planned"), row("4", "cancelled"), row("5", day="2025-06-20")]
    found = ask(rows, metric("remaining"), as_of=date(2025, 6, 1))
    assert by_area(found.value)["city"] == 3
    assert by_area(ask(rows, metric("remaining")).value)["city"] == 2


def test_what_does_not_say_how_much_is_left_is_not_nothing():
    """In A 10 are done; in B two are open and say no number: nothing is left in A, and of B and the city nobody knows. With 4 stated, 4 and more."""
    rows = [
        row("1", quantity="10", geometry=at(100, 100)), row("2", "started", geometry=at(1500, 100)),
        row("3", "planned", geometry=at(1600, 100)),
    ]  # fmt: skip
    found = ask(rows, metric("remaining", quantity="quantity"))
    assert by_area(found.value) == pytest.approx({"A": 0, "B": np.nan, "city": np.nan, "outside_areas": 0}, nan_ok=True)
    assert found.open == ("2", "3")
    more = ask([*rows, row("4", "planned", quantity="4", geometry=at(1700, 100))], metric("remaining", quantity="quantity"))
    assert by_area(more.value)["city"] == by_area(more.value)["B"] == 4
    assert "2 of 4 records left out (it states no quantity: 2)" in [note.en for note in more.notes]


def test_ground_that_is_left_and_not_drawn_is_not_nothing():
    """One open record without a polygon: what of it lies in the layer is not known."""
    city = town(ring=gpd.GeoDataFrame({"id": ["r"]}, geometry=[box(0, 0, 2000, 1500)], crs=CRS))
    left = metric("overlay", unit="ha", quantity="area", within="ring", left=True)
    rows = [row("1", geometry=box(0, 0, 100, 100)), row("2", "planned", quantity="3", unit="公顷", district="A")]
    assert by_area(ask(rows, left, city=city).value) == pytest.approx(
        {"A": np.nan, "B": 0, "city": np.nan, "outside_areas": 0}, nan_ok=True
    )


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_rows_says_nothing_of_duplicates(turned):
    """One site twice: the record that came far enough, then the one with a number, the earliest, the one of the lower id."""

    def of(*rows, **said):
        found = ask(rows[::-1] if turned else rows, metric(**said))
        return by_area(found.value)["city"], sorted(found.counted)

    one = {"name": "春晓", "geometry": at(100, 100)}
    by_number = {"quantity": "quantity"}
    assert of({**row("1"), **one}, {**row("2", quantity="50"), **one}, **by_number) == (50, ["2"])
    assert of({**row("1", quantity="30"), **one}, {**row("2", quantity="50"), **one}, **by_number) == (30, ["1"])
    assert of({**row("1", "planned", quantity="30"), **one}, {**row("2", quantity="50"), **one}, **by_number) == (50, ["2"])
    named = [
        {**row(number, **said), "name": "春晓"}
        for number, said in (("1", {}), ("2", {"address": "东路 1 号"}), ("3", {"address": "西路 2 号"}))
    ]
    assert of(*named)[0] == 2  # the one without an address is one of the two
    assert of({**named[0], "status": "planned"}, *named[1:])[0] == 2
    assert of(named[0], {**named[1], "status": "planned"})[0] == 1
    words = [{**row(number, district=said), "name": "春晓"} for number, said in (("1", "东风区"), ("2", "东风"), ("3", "西岭区"))]
    assert of(*words)[0] == 2


def test_what_exists():
    rows = [{**row("1"), "subtype": "甲；乙"}, {**row("2"), "subtype": "丙"}]
    assert by_area(ask(rows, metric("exists", unit="boolean")).value)["city"] == 1
    assert by_area(ask(rows, metric("exists", unit="boolean", each=("甲", "乙", "丙"))).value)["city"] == 1
    some = ask(rows, metric("exists", unit="boolean", each=("甲", "丁")))
    assert (by_area(some.value)["city"], by_area(some.numerator)["city"], by_area(some.denominator)["city"]) == (0, 1, 2)
    assert by_area(ask([row("1", "planned")], metric("exists", unit="boolean")).value)["city"] == 0
    one = ask(rows, metric("exists", unit="boolean", each=("甲", "丁")), subtypes=("甲",))  # of the two that must be there one is asked for
    assert by_area(one.value)["city"] == 1


def test_united_ground_counts_overlaps_once_and_is_cut():
    """Two squares of 400 m that overlap by half (24 ha together), a fifth of a third one (16 ha) beyond the layer: 24 + 12.8 ha."""
    rows = [row("1", geometry=box(0, 0, 400, 400)), row("2", geometry=box(200, 0, 600, 400)), row("3", geometry=box(1600, 0, 2000, 400))]
    layer = gpd.GeoDataFrame({"id": ["g"]}, geometry=[box(0, 0, 1920, 1500)], crs=CRS)
    city = town(growth=layer)
    found = ask(rows, metric("overlay", unit="ha", quantity="area", within="growth"), city=city)
    assert by_area(found.value) == pytest.approx({"A": 24, "B": 12.8, "city": 36.8, "outside_areas": 0})
    share = ask(rows, metric("overlay", unit="1", quantity="area", within="growth", of="growth"), city=city)
    assert by_area(share.value)["city"] == pytest.approx(36.8 / 288)
    none = ask(rows, metric("overlay", unit="ha", quantity="area", within="growth"))
    assert np.isnan(none.value).all()
    assert none.notes[-1].en == "layer growth was not supplied"
    whole = ask(rows, metric("overlay", unit="ha", quantity="area", within="growth", or_whole=True))
    assert by_area(whole.value)["city"] == pytest.approx(40)


def test_lengths_are_cut_where_districts_meet_and_halved_along_the_border():
    """A line of 1 km across the border at 600 m, one of 200 m along it, one of 3 km that is only stated, in A."""
    rows = [
        row("1", geometry=line((400, 500), (1400, 500))),
        row("2", geometry=line((1000, 100), (1000, 300))),
        row("3", quantity="3", unit="公里", district="A"),
        row("4", quantity="3", unit="个"),
    ]
    found = ask(rows, metric(unit="km", quantity="length"))
    assert by_area(found.value) == pytest.approx({"A": 0.6 + 0.1 + 3, "B": 0.4 + 0.1, "city": 4.2, "outside_areas": 0})
    assert by_area(found.numerator)["city"] == pytest.approx(4200)
    assert list(found.left_out["reason_en"]) == ["its unit is not one of the metric: count"]


def test_stretches_of_one_road_add_up_and_the_same_stretch_twice_does_not():
    """Two stretches of 300 m that meet, and the first again 5 m beside it."""
    road = {"name": "长江路"}
    rows = [
        row("1", geometry=line((100, 100), (400, 100))) | road,
        row("2", geometry=line((400, 100), (700, 100))) | road,
        row("3", geometry=line((100, 105), (400, 105))) | road,
    ]
    found = ask(rows, metric(unit="m", quantity="length"))
    assert by_area(found.value)["city"] == pytest.approx(600)
    assert list(found.left_out["id"]) == ["3"]
    assert by_area(ask(rows, metric()).value)["city"] == 1  # as records they are one road


def test_quantities_in_any_unit():
    """1.2 万套 and 88 dwellings; one without a number is not taken as 1."""
    rows = [row("1", quantity="1.2", unit="万套"), row("2", quantity="８８"), row("3"), row("4", quantity="9", unit="公里")]
    found = ask(rows, metric(unit="dwellings", quantity="quantity"))
    assert by_area(found.value)["city"] == 12_088
    assert dict(zip(found.left_out["id"], found.left_out["reason_en"], strict=True)) == {
        "3": "it states no quantity",
        "4": "its unit is not one of the metric: km",
    }
    assert np.isnan(ask([row("1")], metric(unit="dwellings", quantity="quantity")).value).all()


@pytest.mark.parametrize(("side", "counts"), [(19.97, 0), (20, 1), (100, 1), (100.01, 0)])
def test_parks_from_400_to_10000_square_metres(side, counts):
    """399, 400, 10 000, 10 002 m²."""
    declared = ledger_metrics()["pocket_parks_built"]
    record = {**row("1", geometry=box(10, 10, 10 + side, 10 + side)), "type": "口袋公园"}
    found = ask([record], declared, since=SINCE)
    assert by_area(found.value)["city"] == counts
    assert by_area(found.confirmed)["city"] == counts
    assert (list(found.left_out["reason_en"]) == []) == bool(counts)


@pytest.mark.parametrize(("side", "counts"), [(10, 0), (15, 1), (80, 0)])
def test_a_park_in_two_plots_is_as_large_as_both(side, counts):
    """Two squares 20 m apart under one name: 200, 450, 12 800 m²."""
    declared = ledger_metrics()["pocket_parks_built"]
    plots = [box(10, 10, 10 + side, 10 + side), box(30 + side, 10, 30 + 2 * side, 10 + side)]
    rows = [{**row(str(n), geometry=plot), "name": "甲园", "type": "口袋公园"} for n, plot in enumerate(plots)]
    found = ask(rows, declared, since=SINCE)
    assert (by_area(found.value)["city"], by_area(found.confirmed)["city"]) == (counts, counts)
    assert "1" in set(found.left_out["id"])


def test_what_the_map_confirms_is_shown_apart():
    """Two records that reached their status: the streets prove one of them; whoever knows no streets proves none."""
    rows = [{**row(n, geometry=line((400, y), (520, y))), "type": "断头路"} for n, y in (("1", 500), ("2", 600))]
    declared = ledger_metrics()["dead_end_roads_opened"]

    def prove(records, city):
        far = Text("远", "far")
        return Proof(np.array([True, False]), [None, far], np.array([[2400.0, 120.0], [np.nan, np.nan]]))

    found = ask(rows, declared, since=SINCE, prove=prove)
    assert (by_area(found.value)["city"], by_area(found.confirmed)["city"]) == (2, 1)
    told = [note.en for note in found.row_notes[int(np.flatnonzero(AREAS.ids == CITY)[0])]]
    assert told[:3] == [
        "the map confirms 1 of 2",
        "the ways between the ends of those confirmed: 2.40 km before, 0.12 km after, in all",
        "not confirmed: far: 1",
    ]
    assert by_area(ask(rows, declared, since=SINCE).confirmed)["city"] == 0


def test_phases_of_one_compound_are_one():
    declared = ledger_metrics()["old_communities_renovated"]
    names = ["幸福小区", "幸福小区（一期）", "幸福小区二期", "幸福里小区"]
    rows = [{**row(str(n), district="A"), "name": name, "type": "老旧小区"} for n, name in enumerate(names)]
    assert by_area(ask(rows, declared).value)["city"] == 2


def test_a_village_of_two_years_counts_in_the_first():
    rows = [row("1", day="2023-05-01", district="A"), {**row("2", day="2025-05-01", district="A"), "name": "事1"}]
    assert by_area(ask(rows, metric(), since=SINCE).value)["city"] == 0
    assert by_area(ask(rows, metric()).value)["city"] == 1


def test_two_addresses_tell_namesakes_without_a_place_apart():
    rows = [
        {**row("1", district="A", address="一号"), "name": "违建"}, {**row("2", district="A", address="二号"), "name": "违建"},
        {**row("3", district="A", address="一号"), "name": "违建"}, {**row("4", district="B", address="一号"), "name": "违建"},
    ]  # fmt: skip
    found = ask(rows, metric())
    assert by_area(found.value)["city"] == 3
    assert list(found.left_out["id"]) == ["3"]


def test_a_problem_is_answered_by_a_project_that_was_not_cancelled():
    declared = ledger_metrics()["checkup_project_link"]
    rows = [
        *({**row(f"Q{n}", "planned"), "type": "体检问题"} for n in (1, 2, 3, 4)),
        {**row("P1", "started"), "type": "项目", "answers": "q1、Q2"},
        {**row("P2", "cancelled"), "type": "项目", "answers": "Q3"},
    ]
    assert by_area(ask(rows, declared).value)["city"] == 0.5


def test_subtypes_and_targets_select():
    rows = [row("1", subtype="公租房; 人才房", target_id="t1"), row("2", subtype="保租房", target_id="t1;t2"), row("3", target_id="t12")]
    assert by_area(ask(rows, metric(), subtypes=("公租房",)).value)["city"] == 1
    assert by_area(ask(rows, metric(), target_id="t1").value)["city"] == 2
    assert by_area(ask(rows, metric(), target_id="T2").value)["city"] == 1
    assert not ask(rows, metric(), target_id="t9").known


def test_ranks_tell_how_far_the_last_of_several_is():
    rows = [
        row("1", "started", geometry=at(100, 100)),
        row("2", "opened", geometry=at(1500, 100)),
        row("3", "cancelled", geometry=at(1500, 200)),
    ]
    assert by_area(ask(rows, metric()).ranks) == pytest.approx({"A": 2, "B": 5, "city": 2, "outside_areas": np.nan}, nan_ok=True)
    assert by_area(ask(rows, metric(), as_of=date(2025, 2, 1)).ranks)["city"] == 0  # their statuses came later


def test_none_is_zero_only_where_the_ledger_is_complete():
    other = {**row("1"), "type": "别的"}
    assert np.isnan(ask([other], metric()).value).all()
    complete = ask([other], metric(), said={"complete_for": ("事",)})
    assert complete.known
    assert (complete.value == 0).all()
    assert says_something(ledger([other], complete_for=("things",)), metric())
    assert not says_something(ledger([other]), metric())
    assert not says_something(None, metric())


@pytest.mark.parametrize("said", ["西岭区", "西岭", " 西 岭 区 ", "B", "b", "西岭县"])
def test_districts_by_what_people_write(said):
    assert by_area(ask([row("1", district=said)], metric()).value)["B"] == 1


def test_what_no_district_has_goes_to_the_rest_and_is_told():
    """One in the strip of the city that belongs to none, one that names a district nobody knows, one in A that says B: where it lies counts."""
    rows = [row("1", geometry=at(500, 1200)), row("2", district="南山"), row("3", geometry=at(500, 500), district="B")]
    found = ask(rows, metric())
    assert by_area(found.value) == {"A": 1, "B": 0, "city": 3, "outside_areas": 2}
    notes = found.row_notes[int(np.flatnonzero(AREAS.ids == CITY)[0])]
    assert [note.en for note in notes] == [
        "1 are not mapped",
        "2 are not assigned to any area",
        "of 1 the district is not where they lie; where they lie counts",
    ]


def test_a_name_that_two_districts_share_is_none():
    districts = gpd.GeoDataFrame(
        {"id": ["1", "2"], "name": ["朝阳区", "朝阳县"]}, geometry=[box(0, 0, 1000, 1000), box(1000, 0, 2000, 1000)], crs=CRS
    )
    from spatial.city import City

    city = City.from_layers("t", crs=CRS, districts=districts)
    found = answer(ledger([row("1", district="朝阳"), row("2", district="朝阳区")]), city, city.areas(), metric(), as_of=DAY, since=None)
    assert dict(zip(city.areas().ids, found.value, strict=True)) == {"1": 1, "2": 0, "city": 2}


_PLACES = st.one_of(st.none(), st.tuples(st.integers(1, 1999), st.integers(1, 1499)))
_ROWS = st.lists(
    st.tuples(_PLACES, st.sampled_from(["A", "西岭", "", "无此区"]), st.sampled_from(["planned", "started", "completed", "opened", "cancelled"]),
              st.integers(0, 500), st.sampled_from(["2024-05-01", "2025-05-01", ""])), max_size=25)  # fmt: skip


@settings(max_examples=60)
@given(_ROWS, st.sampled_from(["count", "remaining", "ratio"]), st.sampled_from(["records", "quantity"]))
def test_areas_and_the_rest_always_sum_to_the_city(made, kind, quantity):
    rows = [
        row(str(n), status, day, district=district, quantity=str(size), geometry=None if place is None else at(*place))
        for n, (place, district, status, size, day) in enumerate(made)
    ]
    found = ask(rows, metric(kind, unit="1" if kind == "ratio" else "count", quantity=quantity))
    if not found.known:
        assert not rows
        return
    total, parts = AREAS.ids == CITY, AREAS.ids != CITY
    assert OUTSIDE in AREAS.ids
    assert found.numerator[parts].sum() == pytest.approx(found.numerator[total][0])
    assert found.waiting[parts].sum() == pytest.approx(found.waiting[total][0])
    again = ask(rows[::-1], metric(kind, unit="1" if kind == "ratio" else "count", quantity=quantity))
    assert again.numerator == pytest.approx(found.numerator)  # whatever the order of the rows


def test_twenty_thousand_records():
    """4 of 5 count, a hundredth of the city in each cell."""
    rows = [
        row(str(n), "planned" if n % 5 == 0 else "completed", geometry=at(5 + 10 * (n % 199), 5 + 10 * (n // 199 % 149)))
        for n in range(20_000)
    ]
    found = ask(rows, metric())
    assert by_area(found.value)["city"] == 16_000


def test_a_thousand_of_one_name_at_one_place_are_one():
    rows = [{**row(str(n), geometry=at(100 + n % 3, 100)), "name": "充电站"} for n in range(1000)]
    found = ask(rows, metric())
    assert by_area(found.value)["city"] == 1
    assert len(found.left_out) == 999


def test_words_of_another_slug_do_not_count():
    assert by_area(ask([{**row("1"), "type": "THINGS"}], replace(metric(), select=Select(("things", "事")))).value)["city"] == 1
    assert not ask([{**row("1"), "type": "thingsx"}], metric()).known


_ENDS = st.tuples(st.sampled_from([0, 300, 500, 1000, 1400, 2000]), st.sampled_from([0, 250, 500, 1000, 1250, 1500]))


@settings(max_examples=60)
@given(st.lists(st.tuples(_ENDS, _ENDS, st.sampled_from(["planned", "completed"])), min_size=1, max_size=12))
def test_lengths_of_areas_and_the_rest_sum_to_the_city(made):
    """Across borders, along them, and along the edge of the city, where half lies outside."""
    rows = [row(str(n), status, geometry=line(a, b)) for n, (a, b, status) in enumerate(made) if a != b]
    found = ask(rows, metric(unit="m", quantity="length")) if rows else None
    if found is None or not found.known:
        return
    total = AREAS.ids == CITY
    assert found.numerator[~total].sum() == pytest.approx(found.numerator[total][0], rel=1e-3, abs=1.0)


@settings(max_examples=40)
@given(st.lists(st.tuples(_ENDS, st.integers(20, 900), st.sampled_from(["planned", "completed"])), min_size=1, max_size=10))
def test_united_ground_of_areas_and_the_rest_sums_to_the_city(made):
    rows = [row(str(n), status, geometry=box(*corner, corner[0] + size, corner[1] + size)) for n, (corner, size, status) in enumerate(made)]
    found = ask(rows, metric("overlay", unit="ha", quantity="area"))
    total = AREAS.ids == CITY
    if found.known:
        assert found.value[~total].sum() == pytest.approx(found.value[total][0], rel=1e-9)
        assert found.value[total][0] <= 300 + 1e-9  # the city has 300 ha
