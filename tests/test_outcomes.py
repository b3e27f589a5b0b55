"""The demo city's plans and ledger plant some fifty known outcomes: every status, every operator. The answers were worked out on paper."""

from __future__ import annotations

import functools
import tomllib
from datetime import date

import numpy as np
import pytest

from spatial.city_toml import parse_project
from spatial.measurement import measure
from spatial.project import open_city
from spatial.targets.model import OPERATORS, STATUSES, Standing
from spatial.targets.plans import read_plans
from spatial.targets.standing import standing_of
from tests.make_demo import TARGET

OUTCOMES = {each["target"]: each for each in tomllib.loads((TARGET / "outcomes.toml").read_text("utf-8"))["outcome"]}


@functools.cache
def project():
    return parse_project(TARGET)


@functools.cache
def city():
    return open_city(TARGET, cache=False)


@functools.cache
def bound() -> dict[str, str]:
    """Target → measure, of the demo's own plans."""
    _, targets = read_plans(project(), own=TARGET)
    return {each.id: each.measure for each in targets if each.kind == "metric"}


@functools.cache
def standing(day: str = "") -> Standing:
    results = measure(city(), sorted(set(bound().values())))
    found = standing_of(project(), city(), results, day=date.fromisoformat(day) if day else None)
    assert found is not None
    return found


def row(target: str, day: str = ""):
    table = standing(day).targets
    whole = table[(table.target_id == target) & ~table.indicative]
    assert len(whole) == 1, whole[["target_id", "area_id", "status"]]
    return whole.iloc[0]


def test_every_status_and_every_operator_is_planted():
    _, targets = read_plans(project(), own=TARGET)
    assert len(OUTCOMES) >= 40
    assert {each.id for each in targets} == set(OUTCOMES)
    assert {each["status"] for each in OUTCOMES.values()} == set(STATUSES)
    assert {each.operator for each in targets} == set(OPERATORS)


@pytest.mark.parametrize("target", sorted(OUTCOMES))
def test_outcome(target):
    known, found = OUTCOMES[target], row(target)
    assert found.status == known["status"], found.note_en
    assert found["plan"] == known["plan"]
    if "value" in known:
        assert found.value == pytest.approx(known["value"], rel=1e-6)  # people of a raster
    if "gap" in known:
        assert found.gap == pytest.approx(known["gap"], rel=1e-9, abs=1e-9)


def test_the_year_before_the_line_is_another():
    """Half a year earlier only what had been done by then counts: 5 compounds, no park of the year, but the rentals of that June."""
    half = "2025-06-30"
    assert row("zixu-old-compounds", half).value == 5  # those of September 2024, LX-020 among them
    assert row("zixu-affordable-rental", half).value == 2100
    assert row("zixu-2025-pocket-parks", half).value == 0


def test_indicative_rows_add_up_to_the_city():
    table = standing().targets
    split = table[
        table.indicative & table.target.notna() & (table.measure == "old_communities_renovated") & (table.target_id == "zixu-old-compounds")
    ]
    assert split.target.sum() == pytest.approx(20)
    assert np.allclose(split.target, np.round(split.target))  # compounds are whole
    assert split.value.sum() == 9


def test_areas_add_up_to_the_city():
    """Also where a record has no place and names no area: one pocket park stands in the row that closes the sum."""
    names = ["pocket_parks_built", "old_communities_renovated", "charging_piles_built", "afforestation_area", "old_trees_registered"]
    table = measure(city(), names).table
    for (name, variant), rows in table.groupby(["metric", "variant"]):
        parts = rows[rows.area_id != "city"]
        for column in ("numerator", "denominator"):
            whole = rows.set_index("area_id").loc["city", column]
            assert np.isnan(whole) or parts[column].sum() == pytest.approx(whole), (name, variant, column)
    closing = table[(table.area_id == "outside_areas") & (table.variant == "total")].set_index("metric")
    assert closing.loc["pocket_parks_built", "value"] == 1
    assert list(closing.index) == ["pocket_parks_built"]


def test_what_was_left_out_is_told_row_by_row():
    left = standing().left_out
    said = {
        number: " ".join(left.reason_en[left.id == number])
        for number in ("KP-106", "KP-107", "KP-108", "BZ-013", "BZ-014", "LX-001", "KP-109")
    }
    assert "outside" in said["KP-106"]
    assert "date" in said["KP-107"]
    assert "date" in said["KP-108"]
    assert "quantity" in said["BZ-013"]
    assert "unit" in said["BZ-014"] or "担" in said["BZ-014"]
    assert (left.id == "LX-001").sum() == 2
    assert "KP-001" in said["KP-109"] or "duplicate" in said["KP-109"]
    assert set(left.source) >= {"ledger", "statistics"}
    assert (left.source == "statistics").sum() == 2


def test_the_five_questions_have_their_answers():
    found = standing()
    overdue = found.tasks[found.tasks.due == "overdue"].set_index("id")
    # 1. Due and not met: by how much, where, under which unit, in which project.
    assert overdue.loc["DT-101", "days"] == 5
    assert overdue.loc["DT-101", "lead_unit"] == "市交通局"
    assert {"DT-101", "KP-102", "ZD-003", "XX-001", "HL-001", "HL-002", "HL-003", "CQ-001", "CQ-002"} == set(overdue.index)
    assert "ZD-003" in row("zixu-stadium").projects
    # 2. By which definition: every variant of the road area ratio, the one that is judged, and the yearbook's 17.9 % beside them.
    roads = found.definitions[found.definitions.target_id == "zixu-road-area"].set_index("variant")
    assert set(roads.index) == {"paved", "carriageway", "redline", "statistic", "yearbook"}
    assert list(roads.index[roads.judged.astype(bool)]) == ["statistic"]
    assert roads.loc["yearbook", "value"] == pytest.approx(0.179)
    assert roads.loc["yearbook", "difference"] == pytest.approx(0.179 - row("zixu-road-area").value)
    assert row("zixu-road-area").high < 0.168  # not met by the whole band of an estimate
    # 3. What changed in a week, on which proof.
    changed = found.changes.set_index("id")
    assert changed.loc["KP-029", "struck_off"]
    assert "子园验" in changed.loc["KP-029", "proof"]
    assert changed.loc["LD-030", "struck_off"]
    assert changed.loc["LD-030", "proof"] == ""
    assert changed.loc["TJ-003", "what"] == "new"
    assert changed.loc["ZZ-001", "what"] == "gone"
    assert changed.loc["LX-011", "what"] == "due_date"
    assert changed.loc["BZ-003", "what"] == "quantity"
    assert changed.loc["ZD-001", "what"] == "status"
    assert set(changed.index) == {"KP-029", "LD-030", "TJ-003", "ZZ-001", "LX-011", "BZ-003", "ZD-001"}
    # 4. When, at this pace, and which counts where plans disagree.
    assert row("zixu-old-compounds").forecast_year == pytest.approx(
        2028.5, abs=0.1
    )  # 9 in 736 days: 20 after 1,636 days from the end of 2023
    disagree = found.contradictions[found.contradictions.kind == "two_values"].set_index("measure")
    assert disagree.loc["pocket_parks_built", "decided"] == "zixu-2025-pocket-parks"
    assert disagree.loc["water_leakage_rate", "decided"] == ""
    # 5. Which project answers a problem, with whose money; which problems have none.
    answers = found.problems.set_index("id")
    assert answers.loc["TJ-002", "project_id"] == "ZD-002"
    assert answers.loc["TJ-002", "investment"] == pytest.approx(8.5e8)
    assert answers.loc["TJ-001", "project_id"] == ""
    assert answers.loc["TJ-003", "project_id"] == ""
