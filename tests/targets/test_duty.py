"""The duty list: every date against the day, every change with its proof, every check-up problem with its project."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, Point, box

from spatial.city import City
from spatial.ledger.ladder import STATUSES
from spatial.ledger.records import LEFT_OUT, Ledger
from spatial.targets.duty import changes, problems, tasks
from spatial.targets.model import CHANGES, PROBLEMS, TASK_TABLE
from tests.targets.standing_city import ledger

DAY = date(2025, 6, 30)
CRS = "EPSG:4551"


def city(made: Ledger | None) -> City:
    """Two districts, 1 km each, side by side."""
    frame = gpd.GeoDataFrame(
        {"area_id": ["a", "b"], "name": ["南关区", "朝阳区"]},
        geometry=[box(5e5, 4.85e6, 501e3, 4851e3), box(501e3, 4.85e6, 502e3, 4851e3)],
        crs=CRS,
    )
    return replace(City.from_layers("试城", crs=CRS, districts=frame), ledger=made)


def listed(*rows: dict, day: date = DAY):
    made = city(ledger(rows, "2025-06-30"))
    return tasks(made, made.areas(), day)


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ("2025-06-29", ("overdue", 1)),
        ("2025-06-30", ("due", 0)),  # the day itself is in time
        ("2025-07-30", ("due", -30)),
        ("2025-07-31", ("later", -31)),
        ("2024-02-29", ("overdue", 487)),  # 2024-02-29 to 2025-02-28 are 365 days, to 2025-06-30 another 122
        (None, ("undated", 0)),
    ],
)
def test_days_are_counted_against_the_day(due, expected):
    (row,) = listed({"id": "1", "type": "t", "status": "started", "due_date": due}).itertuples()
    assert (row.due, row.days) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [("planned", "overdue"), ("main_structure", "overdue"), ("completed", "done"), ("opened", "done"), ("cancelled", "cancelled")],
)
def test_what_is_completed_is_done_however_late(status, expected):
    row = listed({"id": "1", "type": "t", "status": status, "due_date": "2025-01-01"}).iloc[0]
    assert row["due"] == expected
    assert row["days"] == (180 if expected == "overdue" else 0)  # 1 January to 30 June: 30 + 28 + 31 + 30 + 31 + 30


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_status_reached_after_the_day_was_not_reached_on_it(status):
    record = {"id": "1", "type": "t", "status": status, "status_date": "2025-06-20", "due_date": "2025-06-01"}
    assert listed(record, day=date(2025, 6, 11)).iloc[0][["due", "days"]].tolist() == ["overdue", 10]
    assert listed(record, day=date(2025, 6, 20)).iloc[0]["due"] == ("done" if status == "completed" else "cancelled")


def test_the_latest_comes_first():
    rows = [("1", "2025-06-29"), ("2", "2025-05-01"), ("3", "2025-07-20"), ("4", "2025-07-01"), ("5", "2026-01-01"), ("6", None)]
    found = listed(*({"id": identity, "type": "t", "due_date": due} for identity, due in rows))
    assert found["id"].tolist() == ["2", "1", "4", "3", "5", "6"]
    assert list(found.columns) == list(TASK_TABLE)


def test_a_task_lies_where_its_geometry_lies_else_in_its_district_else_outside():
    found = listed(
        {"id": "1", "type": "t", "geometry": Point(501_500, 4.8505e6), "district": "南关区"},
        {"id": "2", "type": "t", "geometry": LineString([(500_100, 4.8505e6), (500_900, 4.8505e6)])},
        {"id": "3", "type": "t", "district": "朝阳"},
        {"id": "4", "type": "t", "district": "无此区"},
        {"id": "5", "type": "t"},
    ).set_index("id")
    assert found["area_id"].to_dict() == {"1": "b", "2": "a", "3": "b", "4": "outside_areas", "5": "outside_areas"}
    assert found.loc["3", "area_name"] == "朝阳区"


def test_without_a_ledger_there_is_no_task():
    made = city(None)
    assert tasks(made, made.areas(), DAY).empty
    assert problems(made, made.areas(), DAY).empty
    assert tasks(city(ledger([], "2025-06-30")), made.areas(), DAY).empty


# What changed.


def compared(old: list[dict], new: list[dict]):
    found = changes(ledger(old, "2025-05-31"), ledger(new, "2025-06-30"))
    assert list(found.columns) == list(CHANGES)
    return found


LAMP = {"id": "1", "name": "路灯", "type": "t", "district": "南关区", "status": "started", "due_date": "2025-06-15"}


def test_equal_ledgers_do_not_differ():
    assert compared([LAMP], [LAMP]).empty
    assert compared([], []).empty


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        ({"acceptance": "A1"}, "A1"),
        ({"evidence": "photo"}, "photo"),
        ({"before": "x.jpg", "after": "y.jpg"}, "x.jpg → y.jpg"),
        ({"acceptance": "A1", "evidence": "photo", "before": "x", "after": "y"}, "A1 · photo · x → y"),
        ({"before": "x.jpg"}, ""),  # one picture proves no change
        ({"after": "y.jpg"}, ""),
        ({}, ""),
    ],
)
def test_what_is_struck_off_needs_a_proof(proof, said):
    found = compared([LAMP], [{**LAMP, "status": "completed", "status_date": "2025-06-10", **proof}])
    row = found[found["what"] == "status"].iloc[0]
    assert row["struck_off"]
    assert row["proof"] == said
    assert ("WITHOUT ANY PROOF" in row["text_en"]) == (not said)
    assert ("没有任何佐证" in row["text_zh"]) == (not said)
    assert (row["before"], row["after"]) == ("started", "completed")


@pytest.mark.parametrize(
    ("change", "what", "words"),
    [
        ({"status": "main_structure"}, "status", "from started to main structure done"),
        ({"status": "planned"}, "status", "fell back"),
        ({"status": "cancelled"}, "status", "cancelled"),
        ({"quantity": 3.0, "unit": "km"}, "quantity", "quantity from — to 3.00 km"),
        ({"due_date": "2025-07-15"}, "due_date", "put off by 30 days, to 2025-07-15"),
        ({"due_date": "2025-06-14"}, "due_date", "brought forward by 1 day, to 2025-06-14"),
        ({"due_date": None}, "due_date", "was taken away"),
        ({"lead_unit": "城管局", "investment": 5.0}, "other", "changed: lead unit, investment"),
        ({"geometry": Point(5e5, 4.85e6)}, "other", "changed: geometry"),
    ],
)
def test_each_difference_is_told(change, what, words):
    (row,) = compared([LAMP], [{**LAMP, **change}]).itertuples()
    assert row.what == what
    assert words in row.text_en
    assert row.text_zh
    assert not row.struck_off


def test_opened_after_completed_is_no_second_striking_off():
    done = {**LAMP, "status": "completed"}
    assert not compared([done], [{**done, "status": "opened"}])["struck_off"].any()


def test_what_vanishes_before_it_is_done_is_told_loudly():
    found = compared([LAMP, {**LAMP, "id": "2", "status": "opened"}], [])
    assert found["id"].tolist() == ["1", "2"]
    assert "look into it" in found.iloc[0]["text_en"]
    assert "look into it" not in found.iloc[1]["text_en"]


def test_new_and_already_done_needs_a_proof_too():
    """Unless it was done before the older ledger spoke."""
    new = {**LAMP, "status": "completed"}
    assert compared([], [{**new, "status_date": "2025-06-10"}])["struck_off"].tolist() == [True]
    assert compared([], [{**new, "status_date": "2025-05-31"}])["struck_off"].tolist() == [False]


def test_a_date_before_the_older_ledger_is_told():
    found = compared([LAMP], [{**LAMP, "status": "completed", "status_date": "2025-04-01", "acceptance": "A1"}])
    assert "before the older ledger of 2025-05-31" in found.iloc[0]["text_en"]


def test_records_without_an_id_go_by_name_type_and_district():
    bare = {key: value for key, value in LAMP.items() if key != "id"}
    twice = [bare, {**bare, "district": "朝阳区"}]
    found = compared(twice, [bare, {**bare, "district": "朝阳区", "status": "completed"}])
    assert found["what"].tolist() == ["status"]
    assert found.iloc[0]["area_name"] == "朝阳区"
    alike = [{**bare, "status": status} for status in ("started", "completed", "opened", "cancelled")]
    assert compared([], alike).equals(compared([], alike[::-1]))


def test_a_record_that_reading_called_by_its_row_is_known_by_its_name():
    """A row put in above: the others have moved down by one, and nothing else has changed."""
    rows = [{"name": name, "type": "断头路", "district": "南关区", "status": "started"} for name in ("甲路", "乙路")]
    moved = [{**row, "id": f"row {number}"} for number, row in enumerate([{**rows[0], "name": "新路"}, *rows], start=2)]
    old = [{**row, "id": f"row {number}"} for number, row in enumerate(rows, start=2)]
    assert compared(old, moved)[["what", "name"]].to_numpy().tolist() == [["new", "新路"]]
    assert compared(moved, old)[["what", "id", "name"]].to_numpy().tolist() == [["gone", "", "新路"]]


def test_an_id_written_another_way_is_the_same():
    assert compared([{**LAMP, "id": "KD-01"}], [{**LAMP, "id": "kd－01"}]).empty


def test_a_row_that_was_left_out_has_not_vanished_and_is_not_new():
    """A quantity that is no number hides a record; nobody took it from the ledger."""
    out = pd.DataFrame([["ledger", "2", "1", "路灯", "数量不是数字：约5000", "the quantity is no number: 约5000"]], columns=list(LEFT_OUT))
    whole, hidden = (ledger(rows, day) for rows, day in (([LAMP], "2025-05-31"), ([], "2025-06-30")))
    (row,) = changes(whole, replace(hidden, left_out=out)).itertuples()
    assert (row.what, row.id, row.struck_off) == ("other", "1", False)
    assert "left out, so that nothing compares: the quantity is no number" in row.text_en
    assert "数量不是数字" in row.text_zh
    done = {**LAMP, "status": "completed", "status_date": "2025-06-10"}
    (row,) = changes(replace(ledger([], "2025-05-31"), left_out=out), ledger([done], "2025-06-30")).itertuples()
    assert (row.what, row.struck_off) == ("other", True)  # dated after the older ledger: it needs a proof all the same
    assert "older ledger was left out" in row.text_en


def test_what_is_entered_late_says_so():
    (row,) = compared([], [{**LAMP, "status": "completed", "status_date": "2025-04-01"}]).itertuples()
    assert (row.what, row.struck_off) == ("new", False)
    assert "entered late: done on 2025-04-01" in row.text_en


def test_the_order_of_the_rows_changes_nothing():
    old = [LAMP, {**LAMP, "id": "2"}, {**LAMP, "id": "3"}]
    new = [{**LAMP, "status": "completed"}, {**LAMP, "id": "2", "status": "planned"}, {**LAMP, "id": "4"}]
    assert compared(old, new).equals(compared(old[::-1], new[::-1]))


ROWS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(STATUSES), max_size=6)


@given(ROWS, ROWS)
def test_every_record_is_told_apart_by_its_id(old, new):
    """What is new, gone, or came to be done follows from the two tables of statuses alone."""
    found = compared(*([{**LAMP, "id": identity, "status": status} for identity, status in rows.items()] for rows in (old, new)))

    def ids(mask) -> set[str]:
        return set(found["id"][mask])

    done = {"completed", "opened"}
    assert ids(found["what"] == "new") == new.keys() - old.keys()
    assert ids(found["what"] == "gone") == old.keys() - new.keys()
    assert ids(found["what"] == "status") == {key for key in old.keys() & new.keys() if old[key] != new[key]}
    assert ids(found["struck_off"].astype(bool)) == {key for key in new if new[key] in done and old.get(key) not in done}
    assert set(found["proof"]) <= {""}


# Check-up problems.


def answered(*rows: dict):
    made = city(ledger(rows, "2025-06-30"))
    found = problems(made, made.areas(), DAY)
    assert list(found.columns) == list(PROBLEMS)
    return found


ISSUE = {"id": "C1", "name": "停车难", "type": "体检问题", "district": "南关区"}
PROJECT = {
    "id": "P1",
    "name": "停车楼",
    "type": "停车",
    "answers": "C1",
    "status": "started",
    "investment": 5e6,
    "investment_source": "中央",
    "people": 3000,
}


def test_a_project_answers_a_problem_with_its_money_and_people():
    (row,) = answered(ISSUE, PROJECT).itertuples()
    assert (row.id, row.project_id, row.status, row.area_name) == ("C1", "P1", "started", "南关区")
    assert (row.investment, row.investment_source, row.people) == (5e6, "中央", 3000)


def test_problems_without_a_project_come_first():
    found = answered(ISSUE, PROJECT, {**ISSUE, "id": "C9", "type": "checkup_issue"})
    assert found[["id", "project_id"]].to_numpy().tolist() == [["C9", ""], ["C1", "P1"]]
    assert "no project" in found.iloc[0]["text_en"]


def test_a_problem_without_an_id_says_why_nothing_answers_it():
    """Reading calls it by its row, which is no number that an office could write into a project."""
    (row,) = answered({**ISSUE, "id": "row 2"}).itertuples()
    assert "has no id" in row.text_en


def test_one_project_may_answer_several_and_several_one():
    second = {**PROJECT, "id": "P2", "answers": "c1"}
    found = answered(ISSUE, {**ISSUE, "id": "C2"}, {**PROJECT, "answers": "C1；C2"}, second)
    assert found[["id", "project_id"]].to_numpy().tolist() == [["C1", "P1"], ["C1", "P2"], ["C2", "P1"]]


def test_a_cancelled_project_answers_nothing():
    (row,) = answered(ISSUE, {**PROJECT, "status": "cancelled"}).itertuples()
    assert "nothing answers" in row.text_en
    assert "目前没有项目回应" in row.text_zh


def test_a_project_that_answers_what_nobody_knows_is_told():
    found = answered(ISSUE, PROJECT, {**PROJECT, "id": "P3", "answers": "CX-9"})
    row = found[found["project_id"] == "P3"].iloc[0]
    assert (row["id"], row["name"]) == ("CX-9", "")
    assert 'check-up problem "CX-9"' in row["text_en"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"investment": None}, "no money is named"),
        ({"investment_source": ""}, "the source of the money is not named"),
        ({"due_date": "2025-06-29"}, "1 day overdue"),
        ({"status": "completed"}, "nothing proves its completion"),
    ],
)
def test_what_is_wrong_with_an_answer_is_told(change, words):
    (row,) = answered(ISSUE, {**PROJECT, **change}).itertuples()
    assert words in row.text_en
