"""What people read of a standing: how late, how much is missing, what is due, and nothing that no plan promised."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from spatial.outputs.target_views import pace
from spatial.outputs.task_views import changes_view, overdue_view
from spatial.outputs.views import missing_of, shown_as
from spatial.targets.duty import changes
from spatial.targets.model import TARGET_TABLE, TASK_TABLE
from tests.targets.standing_city import ledger


def row(**said) -> dict:
    blank = dict.fromkeys(TARGET_TABLE, "")
    numbers = {key: float("nan") for key in ("target", "baseline", "value", "low", "high", "progress", "gap", "forecast_year")}
    base = {
        **blank,
        **numbers,
        "target_id": "T",
        "area_id": "city",
        "operator": ">=",
        "unit": "km",
        "year": 2025,
        "status": "behind",
        "expected": 0.5,
    }
    return {**base, "indicative": False, "due": "", **said}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"forecast_year": 2025.5}, "about 2025-07, in time"),
        ({"forecast_year": 2026.0}, "about 2026-01, in time"),  # the very end of 2025
        ({"forecast_year": 2026.05}, "less than a month late"),
        ({"forecast_year": 2031.25}, "about 2031-04, 5.2 years late"),
        ({"forecast_year": 2025.75, "due": "2025-06-30"}, "0.3 years late"),  # half of 2025 is 181 of 365 days
        ({"forecast_year": 2100.9}, "about 2100-11, 74.9 years late"),
        ({"forecast_year": 2101.0}, "not in this century"),
        ({"expected": float("nan"), "baseline": 7.5, "status": "no_data"}, "cannot be held against the target"),
        ({}, "not at this pace"),
        ({"expected": float("nan")}, "without a baseline"),
        ({"yearly": True, "value": 3.0, "expected": 0.75, "unit": "count"}, "about 4 by the end of the year"),
        ({"yearly": True, "value": 3.0, "expected": 0.75, "unit": "count", "due": "2025-10-01"}, "about 4 by the deadline"),
        ({"yearly": True, "value": 3.0, "expected": 1.0, "unit": "count", "status": "not_met"}, "counted year by year"),
        ({"operator": "trend_down"}, "a trend"),
        ({"unit": "status"}, "stages"),
        ({"status": "met", "reached": "2025-03-01"}, "reached 2025-03-01"),
        ({"status": "met_late"}, "reached"),
    ],
)
def test_the_pace(said, words):
    assert words in pace(row(**said), "en")
    assert pace(row(**said), "zh")


@pytest.mark.parametrize(
    ("said", "zh", "en"),
    [
        ({"gap": 3.0}, "3.00 公里", "3.00 km"),
        ({"gap": 0.033, "unit": "1"}, "3.3 个百分点", "3.3 percentage points"),
        ({"gap": 2.0, "unit": "status"}, "2 级", "2 stages"),
        ({"gap": 0.0, "unit": "status", "status": "met"}, "", ""),
        ({"gap": 1.0, "unit": "boolean", "status": "not_met"}, "尚缺", "lacking"),
        ({"gap": 0.0, "unit": "boolean", "status": "met"}, "", ""),
        ({"gap": 0.0, "operator": ">", "status": "not_met"}, "尚须超过", "must be passed"),
        ({"gap": 0.0, "operator": "<", "status": "behind"}, "尚须低于", "must fall below"),
        ({"gap": 0.0, "operator": ">", "status": "met"}, "0.00 公里", "0.00 km"),
        ({}, "", ""),
    ],
)
def test_what_is_missing(said, zh, en):
    assert shown_as(missing_of(row(**said), "zh"), "zh") == zh
    assert shown_as(missing_of(row(**said), "en"), "en") == en


def due(*rows: dict, day: date = date(2026, 1, 5)) -> list[tuple[str, str]]:
    found = overdue_view(pd.DataFrame(list(rows)), pd.DataFrame(columns=list(TASK_TABLE)), day).rows
    return list(zip(found["id"], found["area_id"], strict=True))


def test_the_split_of_a_target_that_the_city_has_met_owes_nothing():
    """Six of six in the city; by our split one district has one too few, which no plan asked of it."""
    share = row(status="not_met", area_id="a", indicative=True)
    assert due(row(status="met"), share) == []
    assert due(row(status="not_met"), share, row(status="met", area_id="b", indicative=True)) == [("T", "city"), ("T", "a")]


def test_a_split_that_asks_more_of_the_areas_than_the_city_lacks_accuses_none():
    """One road is missing, and its task lies in no area: shared out by land two rural counties would each lack one."""
    city = row(status="not_met", unit="count", gap=1.0)
    counties = [row(status="not_met", unit="count", gap=1.0, area_id=key, indicative=True) for key in ("a", "b")]
    assert due(city, *counties) == [("T", "city")]
    assert due({**city, "gap": 2.0}, *counties) == [("T", "city"), ("T", "a"), ("T", "b")]


def test_a_target_of_a_district_is_listed():
    assert due(row(status="not_met", area_id="a", area_name="南关区")) == [("T", "a")]


def test_what_is_due_within_thirty_days_and_not_yet_met():
    for day, listed in (("2025-11-30", False), ("2025-12-01", True), ("2025-12-31", True)):
        assert bool(due(row(), day=date.fromisoformat(day))) == listed, day
    assert not due(row(status="met"), day=date(2025, 12, 31))


def test_quantities_are_read_in_the_language():
    one = {"id": "1", "type": "t", "quantity": 500.0, "unit": "dwellings"}
    found = changes_view(changes(ledger([one], "2025-05-31"), ledger([{**one, "quantity": 600.0}], "2025-06-30")))
    (change,) = found.records()
    cells = {column.title.en: [column.cell(change, lang) for lang in ("zh", "en")] for column in found.columns}
    assert cells["Before"] == ["500 套", "500 dwellings"]
    assert cells["Now"] == ["600 套", "600 dwellings"]
