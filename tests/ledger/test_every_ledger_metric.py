"""Every declared ledger metric against records made from its declaration; the number is worked out here by the rule, not by the code."""

from __future__ import annotations

import functools
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import shapely

from spatial.areas import CITY
from spatial.ledger.answer import answer
from spatial.ledger.declared import ledger_metrics
from spatial.ledger.ladder import LADDER
from tests.ledger.town import CRS, SINCE, X, Y, at, box, ledger, line, town

METRICS = ledger_metrics()
SIZE = {1: 1, 2: 2, 3: 4, 4: 8, 5: 1, 6: 16, 7: 32, 8: 64, 9: 128, 10: 256}  # sums of some tell which ones they were
_UNIT_M = {"m": 1, "km": 1000}
_UNIT_M2 = {"m2": 1, "ha": 1e4, "km2": 1e6}


def shape(metric, number, east, north):
    """A drawing at a place whose length or area is the record's size: 10 m, or 20 m², a unit of size."""
    if metric.quantity == "length":
        return line((east, north), (east + 3 * SIZE[number], north))
    if metric.quantity == "area":
        return box(east, north, east + 2, north + 10 * SIZE[number] / 4)
    if metric.confirm == "polygon":
        return box(east, north, east + 50, north + 50)
    return at(east, north)


def drawn(metric, number):
    """What that drawing measures, in base units."""
    return 3.0 * SIZE[number] if metric.quantity == "length" else 5.0 * SIZE[number]


def stated(metric, number):
    """Quantity and unit that say the same in words."""
    if metric.quantity == "length":
        return drawn(metric, number), "米"
    if metric.quantity == "area":
        return drawn(metric, number), "平方米"
    return SIZE[number], metric.unit if metric.unit not in ("1", "count", "boolean") else "个"


def ten(metric):
    """Records of known outcome; their numbers are their ids."""
    required = LADDER.index(metric.required)
    below = LADDER[required - 1] if required else "cancelled"
    kind = metric.title.zh
    places = {1: (100, 100), 2: (300, 100), 3: (400, 100), 4: (500, 100), 7: (9000, 9000), 8: (1500, 100), 9: (1300, 100), 10: (600, 100)}
    status = {2: below, 3: "cancelled", 8: "opened"}
    days = {4: "2024-03-01", 8: "2025年2月1日", 10: "2025-06-15"}
    rows = []
    for number in range(1, 11):
        quantity, unit = stated(metric, number)
        row = {
            "id": str(number), "name": f"记录{number}", "type": kind, "status": status.get(number, metric.required), "quantity": quantity, "unit": unit,
            "status_date": days.get(number, "2025/3/1"), "lead_unit": "住建局", "due_date": "2025-12-31", "evidence": "批复 1 号",
        }  # fmt: skip
        if metric.each:
            row["subtype"] = "、".join(metric.each)
        elif metric.select.subtypes:
            row["subtype"] = metric.select.subtypes[0]
        if number in places:
            row["geometry"] = shape(metric, number, *places[number])
        rows.append(row)
    rows[4] |= {
        "name": " 记录 1",
        "geometry": shape(metric, 5, 100, 110) if metric.quantity not in ("area",) else shape(metric, 5, 100, 100),
    }
    rows[5] |= {"district": "西岭"}
    rows[8]["type"] = "别的类型"
    if metric.answered:
        rows.append({"id": "p", "name": "项目", "type": "项目", "status": "started", "answers": "1; 4、6,8, 10"})
    return rows


def who(metric, since):
    """Which records have come far enough, which are listed: by the rule, from the outcomes that ``ten`` plants."""
    listed = {1, 2, 4, 6, 8, 10}  # 3 cancelled, 5 a duplicate, 7 outside, 9 of another type
    if metric.required == "planned":
        listed -= {2}  # there is no step below
    reached = {1, 4, 6, 8}  # 10 only after the day
    if not metric.same_within_m:  # names do not tell: 5 is a record of its own
        reached, listed = reached | {5}, listed | {5}
    if metric.mapped:
        reached -= {6}
    if since is not None:
        reached -= {4}
    return reached, listed


AS_OF = date(2025, 6, 1)


def since_of(metric):
    increments = metric.period in ("year", "plan") and metric.kind != "remaining" and not metric.left
    return SINCE if increments else None


@functools.cache
def place(names):
    return town(**{name: gpd.GeoDataFrame({"id": ["w"]}, geometry=[box(0, 0, 1000, 1000)], crs=CRS) for name in names})


def asked(metric, rows):
    city = place(frozenset({metric.within, metric.of} - {""}))
    return answer(ledger(rows), city, city.areas(), metric, as_of=AS_OF, since=since_of(metric)), city.areas()


def amount(metric, number):
    if metric.kind == "exists" or (metric.quantity == "records"):
        return 1.0
    return drawn(metric, number) if metric.quantity in ("length", "area") else float(SIZE[number])


def total(metric, numbers):
    return sum(amount(metric, number) for number in numbers)


def in_unit(metric, base):
    return base / {**_UNIT_M, **_UNIT_M2}.get(metric.unit, 1.0)


def expected(metric):
    """The city's value."""
    reached, listed = who(metric, since_of(metric))
    left = listed - reached - ({4} if since_of(metric) else set())
    if metric.kind == "exists":
        return 1.0
    if metric.kind == "ratio":
        return total(metric, reached) / total(metric, listed)
    if metric.kind == "remaining":
        return in_unit(metric, total(metric, left))
    if metric.kind == "overlay":
        mine = left if metric.left else reached
        if metric.within or metric.of:  # district A is the layer: 8 lies outside it, 6 has no polygon
            mine = mine - {6, 8}
        return total(metric, mine) / 1e6 if metric.of else in_unit(metric, total(metric, mine))
    return in_unit(metric, total(metric, reached))


@pytest.mark.parametrize("name", METRICS)
def test_ten_records_of_known_outcome(name):
    metric = METRICS[name]
    given, areas = asked(metric, ten(metric))
    city = int(np.flatnonzero(areas.ids == CITY)[0])
    assert given.known
    assert given.value[city] == pytest.approx(expected(metric), rel=1e-9), given.notes
    reasons = dict(zip(given.left_out["id"], given.left_out["reason_en"], strict=True))
    if metric.same_within_m:
        assert reasons["5"] == "duplicate of: 1"
    late = "of 1 the status came later than the day: they count as not there yet"
    if metric.kind in ("ratio", "remaining") or metric.left:
        assert ("10" in reasons, late in [note.en for note in given.notes]) == (False, True)
    else:
        assert reasons["10"].startswith("its status came later than the day")
    assert "3" not in (*given.counted, *given.open)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.kind in ("count", "remaining")])
def test_one_status_moves_the_number_by_its_quantity(name):
    metric = METRICS[name]
    rows = ten(metric)
    before, areas = asked(metric, rows)
    moved = 1 if metric.kind == "remaining" else 7
    rows[moved] = {**rows[moved], "status": metric.required if metric.kind == "remaining" else "cancelled"}
    after, _ = asked(metric, rows)
    city = int(np.flatnonzero(areas.ids == CITY)[0])
    assert before.numerator[city] - after.numerator[city] == pytest.approx(amount(metric, moved + 1), rel=1e-9)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.kind not in ("exists",)])
def test_areas_and_the_rest_sum_to_the_city(name):
    metric = METRICS[name]
    given, areas = asked(metric, ten(metric))
    city = areas.ids == CITY
    assert given.numerator[~city].sum() == pytest.approx(given.numerator[city][0], rel=1e-9)
    assert given.records[~city].sum() == given.records[city][0]


@pytest.mark.parametrize("name", METRICS)
def test_a_ledger_without_its_type_says_nothing(name):
    metric = METRICS[name]
    given, _ = asked(metric, [{"id": "1", "name": "别的", "type": "别的类型", "status": "completed"}])
    assert not given.known
    assert np.isnan(given.value).all()


def test_a_tower_in_use_is_not_approved_by_that():
    """Three stand above the limit: one is in use without a word of an approval, one has its document, one waits for it."""
    metric = METRICS["supertall_beyond_limits"]
    said = (("opened", ""), ("completed", "建高〔2021〕1 号"), ("planned", ""))
    rows = [
        {"id": str(n), "name": f"楼{n}", "type": "超高层建筑", "status": status, "status_date": "2024-01-01", "evidence": proof}
        for n, (status, proof) in enumerate(said)
    ]
    given, areas = asked(metric, rows)
    assert given.value[areas.ids == CITY] == [2.0]
    assert given.open == ("0", "2")


def test_what_must_all_exist_is_not_there_without_one_of_it():
    for metric in METRICS.values():
        if not metric.each:
            continue
        rows = [{**row, "subtype": "、".join(metric.each[1:])} for row in ten(metric)]
        given, areas = asked(metric, rows)
        city = areas.ids == CITY
        assert given.value[city] == [0.0]
        assert given.numerator[city] == [len(metric.each) - 1]


def test_shapes_of_this_test_lie_in_the_town():
    inside = shapely.box(X, Y, X + 2000, Y + 1500)
    for metric in METRICS.values():
        outside = [row["id"] for row in ten(metric) if row.get("geometry") is not None and not shapely.covers(inside, row["geometry"])]
        assert outside == ["7"]
