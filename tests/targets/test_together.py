"""Targets that others make together: each has its number, and the whole is reached when all nearly are."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pytest

from spatial.measurement import measure
from spatial.metrics import registered
from spatial.result import Results
from spatial.targets.contradictions import contradictions
from spatial.targets.definitions import definitions
from spatial.targets.judge import judge
from spatial.targets.model import Target
from tests.analytic_city import analytic_city
from tests.targets.test_judge import PLAN
from tests.targets.test_operators import target

# Gridville: 8 km/km² of streets, 140,000 people, as tests/targets/test_judge.py has it.
AREA = {"area": "子虚市"}
BEFORE, AFTER = date(2025, 6, 30), date(2026, 6, 30)


@pytest.fixture(scope="module")
def results() -> Results:
    return measure(
        replace(analytic_city(), name="子虚市 Zixu", date="2025-06-01"), ["road_network_density", "population", "dual_fast_system"]
    )


def density(value: float, **more: Any) -> Target:
    asked = {"kind": "metric", "measure": "road_network_density", "unit": "km/km2", "year": 2025, **AREA, **more}
    return replace(target(">=", value, **asked), id="density")


def people(value: float, **more: Any) -> Target:
    asked = {"kind": "metric", "measure": "population", "unit": "persons", "year": 2025, **AREA, **more}
    return replace(target(">=", value, **asked), id="people")


def whole(select: str = "both:density;both:people") -> Target:
    asked = {"kind": "targets", "measure": "dual_fast_system", "unit": "boolean", "select": select, "year": 2025, **AREA}
    return replace(target("exists", 1.0, **asked), id="whole")


def judged(results: Results, *targets: Target, day: date = BEFORE) -> pd.Series:
    table = judge(targets, {"p": PLAN}, results.city, results, day=day)
    return table[table["target_id"] == "whole"].iloc[0]


def test_the_part_that_has_come_least_far_decides(results: Results) -> None:
    """8 of 8.5 km/km² is 94 %, 140,000 of 200,000 people 70 %: not complete; from 7 and from 100,000 two thirds and 40 % of the way."""
    row = judged(results, whole(), density(8.5, baseline=7.0, baseline_year=2020), people(200_000, baseline=100_000, baseline_year=2020))
    assert (row["value"], row["status"], row["gap"]) == (0.0, "behind", 1.0)
    assert row["progress"] == pytest.approx(0.4, abs=1e-6)
    assert "94% of its number" in row["note_en"]
    assert "70% of its number" in row["note_en"]
    assert "the least has come to 70%" in row["note_en"]


def test_nearly_is_enough(results: Results) -> None:
    """96 % and 100 % → basically complete; 94 % and 100 % → not."""
    assert judged(results, density(8 / 0.96), people(140_000), whole())["value"] == 1.0
    assert judged(results, density(8 / 0.96), people(140_000), whole())["status"] == "met"
    assert judged(results, density(8 / 0.94), people(140_000), whole())["value"] == 0.0


def test_when_the_time_is_over(results: Results) -> None:
    """The data are of June 2025, before the deadline: of what falls short nobody knows how it stood at the end of the year."""
    assert judged(results, density(8.0), people(140_000), whole(), day=AFTER)["status"] == "met"
    unknown = judged(results, density(9.0), people(140_000), whole(), day=AFTER)
    assert (unknown["status"], math.isnan(unknown["value"])) == ("no_data", True)
    newer = replace(results, city=replace(results.city, date="2026-03-01"))
    assert judged(newer, density(9.0), people(140_000), whole(), day=AFTER)["status"] == "not_met"


def test_a_part_that_nobody_knows_leaves_the_whole_open(results: Results) -> None:
    awaited = replace(people(140_000), kind="awaited", measure="expressway_length")
    row = judged(results, density(8.0), awaited, whole())
    assert (row["status"], math.isnan(row["value"])) == ("no_data", True)
    assert "not measurable yet" in row["note_en"]
    assert "100% of its number" in row["note_en"]


def test_a_part_that_is_not_there_is_found(results: Results) -> None:
    row = judged(results, density(8.0), whole())
    assert row["status"] == "no_data"
    assert "no target people" in row["note_en"]
    for there, expected in (([people(140_000)], ["whole"]), ([people(140_000), density(8.0)], [])):
        found = contradictions({"p": PLAN}, [*there, whole()], registered(), ())
        assert list(found[found["kind"] == "bound_to_nothing"]["target_id"]) == expected


def test_order_changes_nothing(results: Results) -> None:
    parts = [density(8.5), people(150_000), whole()]
    one, two = judged(results, *parts), judged(results, *parts[::-1])
    pd.testing.assert_series_equal(one, two, check_names=False)


def test_the_share_within_reach_is_no_value_of_the_promise(results: Results) -> None:
    """The metric of the same name stands on the map for itself; no figure of it is set beside the promise."""
    assert "dual_fast_system" in results.metrics
    assert list(definitions([density(8.0), whole()], results.city, results)["target_id"].unique()) == ["density"]
