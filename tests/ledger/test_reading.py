"""Rows of a ledger: what each cell means, what is left out and why, what is an error whatever is declared."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial.errors import LayerError
from spatial.ledger.records import FIELDS, LEFT_OUT
from spatial.ledger.values import day_of, number_of, words_of, year_of
from tests.ledger.town import at, box, ledger, line

JUNE = datetime.date(2025, 6, 30)


def row(identity="1", **said):
    return {"id": identity, "name": f"事{identity}", "type": "事", "status": "已竣工", **said}


def reasons(found):
    return dict(zip(found.left_out["id"], found.left_out["reason_en"], strict=True))


@pytest.mark.parametrize(
    "said",
    ["2025-06-30", "2025/6/30", "2025.6.30", "2025年6月30日", "20250630", "２０２５－０６－３０", "45838", "2025-06-30 00:00:00", "2025-06-30T08:00:00+08:00", " 2025 年 6 月 30 日 "],
)  # fmt: skip
def test_days(said):
    assert day_of(said) == JUNE


@pytest.mark.parametrize(
    "said",
    ["2025-06", "2025年6月", "2025", "2025-02-30", "2025-13-01", "0025-06-30", "30.06.2025", "2125-01-01", "六月三十日", "1e9", "99999"],
)
def test_what_is_no_day(said):
    assert day_of(said) == said


def test_a_leap_day():
    assert day_of("2024-2-29") == datetime.date(2024, 2, 29)
    assert day_of("2025-2-29") == "2025-2-29"


@pytest.mark.parametrize(
    ("said", "number"),
    [("1,201", 1201), ("１２０１", 1201), ("1 201.5", 1201.5), ("-3", -3), ("1e3", 1000), ("12,345,678", 12345678), (7.0, 7)],
)
def test_numbers(said, number):
    assert number_of(said) == number


@pytest.mark.parametrize("said", ["1,20", "1.2.3", "约30", "3km", "inf", "1e999", "--1", "0x10", "1_000"])
def test_what_is_no_number(said):
    assert number_of(said) is None


@pytest.mark.parametrize("said", ["", None, float("nan"), "-", "无", "null"])
def test_nothing_is_no_number_and_no_fault(said):
    assert math.isnan(number_of(said))
    assert day_of(said) is None
    assert year_of(said) is None


def test_words_and_years():
    assert words_of("公租房； 人才房、A/b") == ("公租房", "人才房", "a", "b")
    assert (year_of("2025年度"), year_of("2025.0"), year_of("25")) == (2025, 2025, "25")


def test_a_record_is_typed():
    found = ledger([
        row(quantity="1,200", unit="亩", status_date="2025/6/1", plan_year="2025年", investment="1.2亿元", people="300", due_date="2026.1.1", geometry=at(1, 1)),
        row("2", investment="3000", people="many", plan_year="?"),
    ])  # fmt: skip
    first, second = found.frame.iloc[0], found.frame.iloc[1]
    assert first.quantity == pytest.approx(80)  # ha
    assert (first.unit, first.status, first.status_date, first.due_date) == (
        "ha",
        "completed",
        datetime.date(2025, 6, 1),
        datetime.date(2026, 1, 1),
    )
    assert (first.investment, first.people, first.plan_year, first.row) == (1.2e8, 300, 2025, "2")
    assert (second.investment, second.unit, second.status_date) == (3000, "count", None)
    assert math.isnan(second.people)
    assert math.isnan(second.quantity)
    assert list(found.frame.columns) == [*FIELDS, "row", "geometry"]
    assert len(found.left_out) == 0
    assert [note.en for note in found.notices] == [
        "ledger: of 1 rows people is no number of 0 or more, and taken as absent",
        "ledger: of 1 rows plan_year is no year, and taken as absent",
    ]


FAULTS = {
    "no type": {"type": " "},
    "no status": {"status": ""},
    "status_date is no possible day: 2025-02-30": {"status_date": "2025-02-30"},
    "status_date is no possible day: 2025-06": {"status_date": "2025-06"},
    "due_date is no possible day: 月底": {"due_date": "月底"},
    "status_date lies after the ledger's own date: 2025-07-01": {"status_date": "2025-07-01"},
    "the quantity is no number: 约30": {"quantity": "约30"},
    "the quantity is negative: -1": {"quantity": "-1"},
    "the unit does not convert: 庹": {"unit": "庹"},
    "it lies outside the city": {"geometry": at(9000, 9000)},
}


@pytest.mark.parametrize(("reason", "said"), FAULTS.items())
def test_a_row_that_cannot_be_used_is_left_out_and_told(reason, said):
    found = ledger([row("1"), {**row("2"), **said}])
    assert list(found.frame["id"]) == ["1"]
    assert reasons(found) == {"2": reason}
    assert tuple(found.left_out.columns) == LEFT_OUT
    assert found.left_out.iloc[0][["source", "row", "name"]].tolist() == ["ledger", "3", "事2"]
    assert found.left_out.iloc[0]["reason_zh"] != reason
    assert found.notices[0].en == f"ledger: 1 of 2 rows are left out ({reason.partition(': ')[0]}: 1)"


@pytest.mark.parametrize(("reason", "said"), FAULTS.items())
def test_or_it_is_an_error(reason, said):
    with pytest.raises(LayerError) as caught:
        ledger([row("1"), {**row("2"), **said}], on_fault="error")
    assert f"ledger: table.csv: {reason.partition(': ')[0]}: 1 of 2 rows (ids 2; rows 3)" in str(caught.value)
    assert 'on_fault = "leave_out"' in str(caught.value)


def test_all_faults_are_gathered():
    with pytest.raises(LayerError) as caught:
        ledger([{**row(str(n)), **said} for n, said in enumerate(FAULTS.values())], on_fault="error")
    assert len(str(caught.value).split("\n")) == 9  # two of the ten are days that cannot be


def test_a_row_of_several_faults_tells_them_all():
    found = ledger([row("1", quantity="x", status_date="2099-01-01", type="")])
    assert reasons(found)["1"] == "status_date lies after the ledger's own date: 2099-01-01; the quantity is no number: x; no type"


def test_due_and_start_may_lie_ahead():
    assert len(ledger([row("1", start_date="2026-01-01", due_date="2027-01-01")]).frame) == 1


def test_one_id_on_two_records_leaves_both_out():
    found = ledger([row("1"), row("1", quantity="3"), row("2")])
    assert list(found.frame["id"]) == ["2"]
    assert list(found.left_out["row"]) == ["2", "3"]
    assert "none of them counts: → 3" in found.left_out["reason_en"].iloc[0]


def test_a_row_that_stands_twice_counts_once():
    found = ledger([row("1", geometry=at(5, 5)), row("1", geometry=at(5, 5)), row("1 ", geometry=at(5, 5))])
    assert len(found.frame) == 1
    assert list(found.left_out["reason_en"]) == ["duplicate of row: 2", "duplicate of row: 2"]
    bare = ledger(
        [
            {"type": "事", "status": "done", "name": "a"},
            {"type": "事", "status": "done", "name": "a"},
            {"type": "事", "status": "done", "name": "b"},
        ]
    )
    assert list(bare.frame["id"]) == ["row 2", "row 4"]
    assert len(ledger([row("1"), row("1")], on_fault="error").frame) == 1  # no fault, only once more


@pytest.mark.parametrize(("said", "people"), [("1.2万人", 12_000.0), ("3,000 人", 3000.0), ("300户", math.nan), ("人", math.nan)])
def test_people_may_bear_their_unit_and_households_are_none(said, people):
    assert ledger([row(people=said)]).frame["people"].iloc[0] == pytest.approx(people, nan_ok=True)


@pytest.mark.parametrize(
    ("said", "day"),
    [("2025年12月", "2025-12-31"), ("2024年2月底前", "2024-02-29"), ("2025 年 9 月末", "2025-09-30"), ("2025/6", "2025-06-30"), ("２０２５年６月", "2025-06-30"),
     ("2025年12月前", None), ("2025.1", None), ("2025年13月", None), ("年底前", None)],
)  # fmt: skip
def test_a_deadline_may_name_its_month(said, day):
    """A status that was reached "in June" was reached on no day that could be held against another."""
    found = ledger([row(due_date=said)])
    assert [str(due) for due in found.frame["due_date"]] == ([day] if day else [])
    assert len(found.left_out) == (day is None)
    assert ledger([row(status_date="2024年6月")]).frame.empty


def test_an_unknown_status_is_an_error_whatever_is_declared():
    rows = [row("1", status="快了"), row("2", status="快了"), row("3", status="差不多"), row("4")]
    with pytest.raises(LayerError) as caught:
        ledger(rows)
    lines = str(caught.value).split("\n")
    assert len(lines) == 2
    assert 'the status "快了" of 2 of 4 rows (ids 1, 2) is not known' in lines[0]
    assert 'values = { status = { "快了" = "…" } }' in lines[0]


@pytest.mark.parametrize("missing", ["type", "status"])
def test_a_missing_column_is_an_error(missing):
    import geopandas as gpd

    from spatial.ledger.reading import make_ledger
    from tests.ledger.town import Said

    data = {name: ["x"] for name in ("id", "type", "status", "row") if name != missing}
    with pytest.raises(LayerError, match=f"no column for {missing}"):
        make_ledger(gpd.GeoDataFrame(data, geometry=[None], crs="EPSG:4326"), Said(), crs="EPSG:4551", boundary=None, where="ledger")


def test_what_crosses_the_edge_of_the_city_is_in_it():
    found = ledger(
        [row("1", geometry=line((-500, 500), (500, 500))), row("2", geometry=box(-100, -100, 10, 10)), row("3", geometry=at(-1, 5))]
    )
    assert list(found.frame["id"]) == ["1", "2"]


def test_a_ledger_of_no_rows():
    found = ledger([])
    assert len(found.frame) == 0
    assert len(found.left_out) == 0
    assert list(found.frame.columns) == [*FIELDS, "row", "geometry"]


def test_a_hostile_name_stays_a_text():
    evil = '=cmd|"/c calc"!A1</script><script>alert(1)</script>\'; DROP TABLE x;--\x1b[31m'
    found = ledger([row("1", name=evil), row("2", name=evil, unit=evil)])
    assert found.frame["name"].tolist() == [evil]
    assert "\x1b" not in found.left_out["reason_en"].iloc[0]
    with pytest.raises(LayerError) as caught:
        ledger([row("1", status=evil)])
    assert "\x1b" not in str(caught.value)


_CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["1,201", "１２", "-5", "1e308", "9" * 40, "2025-06-30", "45838", "00000", "2025年", "亿元", "1.2亿元", "万万", "=1+1", "\x00", "NaN", "inf", "None"]),
    st.floats(allow_nan=True), st.integers(), st.none(), st.booleans(),
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(st.dictionaries(st.sampled_from([name for name in FIELDS if name != "status"]), _CELLS), min_size=1, max_size=4))
def test_whatever_stands_in_a_cell_is_kept_or_told(rows):
    found = ledger([{**row, "status": "在建"} for row in rows])
    assert len(found.frame) + len(found.left_out) == len(rows)
    assert np.isfinite(found.frame["quantity"].dropna()).all()
    assert (found.frame["investment"].dropna() < 1e30).all()
    for day in (*found.frame["status_date"], *found.frame["due_date"]):
        assert day is None or isinstance(day, datetime.date)
    for text in (*found.left_out["reason_zh"], *found.left_out["reason_en"]):
        assert text
        assert text.isprintable()


def test_many_records_of_one_id_name_a_few_others():
    """A column that is no id, such as the year, mapped to id: 3,000 rows, of which each names five others and counts the rest."""
    found = ledger([row("2025", name=f"事{number}") for number in range(3000)])
    assert len(found.frame) == 0
    last = found.left_out.iloc[-1]
    assert last["reason_en"] == "its id stands on other records too, and none of them counts: → 2, 3, 4, 5, 6 +2994"
    assert found.left_out["reason_en"].str.len().max() < 120
