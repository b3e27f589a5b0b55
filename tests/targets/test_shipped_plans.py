"""The plans that come with the package: 481 rows, each a fact of the catalogue, each bound to what can answer it or said to be awaited."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path

import pytest

from spatial import catalogue
from spatial.metrics.registry import registered
from spatial.targets.contradictions import contradictions
from spatial.targets.model import COLUMNS
from spatial.targets.plans import note_of, shipped_plans, themes
from spatial.text import Text
from spatial.unit_words import factor_between, unit_word

FOLDER = catalogue.shipped() / "data" / "targets"
SIZES = {
    "changchun-action-plan-2023-2025": 78,
    "changchun-work-report-2025": 128,
    "jilin-city-quality-plan": 108,
    "liaoning-city-quality-opinion": 98,
    "luyuan-14th-five-year": 69,
}
AWAITED = 66
"""Targets whose metric does not exist yet: this number may only fall. A metric that comes to be is bound in ``data/targets``."""
SAME = {
    "section": "clause", "area": "area", "level": "level", "scope": "scope", "name_zh": "title_zh", "name_en": "title_en", "value": "value",
    "operator": "operator", "unit": "unit", "tolerance": "tolerance", "strength": "strength", "baseline_value": "baseline",
    "baseline_year": "baseline_year",
}  # fmt: skip
SOURCES = {"metric": "layers", "ledger": "ledger", "statistic": "statistics"}


def rows() -> list[dict[str, str]]:
    found = []
    for name in SIZES:
        with open(FOLDER / f"{name}.csv", encoding="utf-8", newline="") as file:
            found += [{**row, "plan": name} for row in csv.DictReader(file)]
    return found


ROWS = rows()


def test_every_plan_is_there_whole():
    plans, targets = shipped_plans()
    assert Counter(target.plan for target in targets) == SIZES
    assert set(plans) == set(SIZES)
    assert len(targets) == sum(SIZES.values()) == 481
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(SIZES)
    for plan in plans.values():
        assert plan.shipped
        assert plan.title.zh != plan.title.en
        assert all((plan.area, plan.authority.zh, plan.authority.en, plan.issued, plan.note.zh, plan.note.en)), plan.name
    assert {name: plan.standing for name, plan in plans.items() if plan.standing != "in_force"} == {
        "changchun-action-plan-2023-2025": "draft",
        "luyuan-14th-five-year": "past",
    }


def test_every_fact_is_that_of_the_catalogue(cases: Path):
    """Wording of notes and binding are ours; every number, unit, year, clause and title is a fact."""
    file = cases.parent / "catalogue" / "targets.csv"
    if not file.is_file():
        pytest.skip(f"the catalogue is absent: {file}")
    with open(file, encoding="utf-8-sig", newline="") as opened:
        known = {row["id"]: row for row in csv.DictReader(opened)}
    assert len(known) == 481
    assert {row["id"] for row in ROWS} == set(known)
    for row in ROWS:
        fact = known[row["id"]]
        assert row["plan"] == fact["plan"], row["id"]
        for theirs, ours in SAME.items():
            assert row[ours] == fact[theirs], (row["id"], ours)
        assert row["year"].startswith(fact["target_year"]), row["id"]
        assert row["year"] == fact["target_year"] or row["year"] in fact["note"], row["id"]


def test_files_are_plain_utf8_with_all_columns():
    for name in SIZES:
        content = (FOLDER / f"{name}.csv").read_bytes()
        assert not content.startswith(b"\xef\xbb\xbf")
        assert b"\r" not in content
        assert content.decode("utf-8").splitlines()[0] == ",".join(COLUMNS)


def test_the_number_of_awaited_metrics_only_falls():
    kinds = Counter(row["kind"] for row in ROWS)
    assert kinds["awaited"] <= AWAITED, "a target lost the metric that it was bound to"
    assert set(kinds) <= {"metric", "ledger", "statistic", "targets", "awaited"}
    assert kinds["metric"] >= 11


def test_what_is_awaited_does_not_exist_yet():
    found = registered(None)
    there = sorted({row["measure"] for row in ROWS if row["kind"] == "awaited" and row["measure"] in found})
    assert not there, f"{there} can be measured by now: bind their targets and lower AWAITED"


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_every_bound_target_finds_its_measure(kind):
    found = {name for name, metric in registered(None).items() if getattr(metric, "source", "layers") == SOURCES[kind]}
    missing = sorted({row["measure"] for row in ROWS if row["kind"] == kind} - found)
    assert not missing, f"bound to nothing: {missing}"


def test_every_series_and_variant_is_declared():
    found = registered(None)
    wrong = []
    for row in ROWS:
        metric = found.get(row["measure"])
        part = row["select"].removeprefix("series:") if row["select"].startswith("series:") else row["variant"]
        if row["kind"] != "awaited" and part and metric is not None and part not in metric.variants:
            wrong.append((row["id"], part))
        if row["versus"].startswith("metric:") and metric is not None:
            other = found[row["versus"].removeprefix("metric:")]
            assert factor_between(other.unit, metric.unit) == 1, row["id"]
    assert not wrong


def test_every_value_can_be_held_against_its_measure():
    """Read once more by other means than the reader: the unit's factor, and that of the measure."""
    found = registered(None)
    by_id = {row["id"]: row for row in ROWS}
    for target in shipped_plans()[1]:
        row, metric = by_id[target.id], found.get(target.measure)
        code, factor = unit_word(row["unit"])
        if not row["value"] or target.wanted:
            continue
        between = factor_between(code, metric.unit) if metric and code not in ("boolean", "status") else 1.0
        assert target.value == pytest.approx(float(row["value"]) * factor * between, rel=1e-12), target.id


def test_every_target_has_a_theme_and_texts_in_both_languages():
    known = themes()
    _, targets = shipped_plans()
    assert Counter(target.theme for target in targets).keys() == known.keys()
    for target in targets:
        assert target.title.zh, target.id
        assert not any(ord(letter) >= 0x2E80 for letter in target.title.en), target.id
        note = note_of(target)
        assert bool(note.zh) == bool(note.en), target.id
        assert note == Text("", "") or note.zh != note.en, target.id
        assert math.isnan(target.value) == target.operator.startswith("trend"), target.id


def test_increments_say_so_and_a_named_project_is_its_own():
    for target in shipped_plans()[1]:
        if target.baseline == 0 and target.kind == "ledger":
            assert target.period in ("year", "plan"), target.id
        if target.wanted:
            assert target.select == "target", target.id


def test_what_the_plans_contradict():
    """The three places where they do; equal numbers in two plans (10,000 km of rural roads) and the stages of one project are none."""
    plans, targets = shipped_plans()
    found = contradictions(plans, targets, registered(None), ())
    two = found[found["kind"] == "two_values"]
    assert {frozenset(pair) for pair in zip(two["target_id"], two["other_id"], strict=True)} == {
        frozenset({"changchun-annual-pocket-parks", "changchun-2025-pocket-parks"}),
        frozenset({"changchun-2025-housing-sales-growth", "changchun-2025-housing-sales-growth-report"}),
    }
    assert list(found[found["kind"] == "other_scope"]["target_id"]) == ["luyuan-2025-main-area-infrastructure"]
    assert not set(found["kind"]) & {"increment_as_stock", "superseded", "awaited_exists"}
    parks = two[two["target_id"].str.contains("pocket")].iloc[0]
    for part in ("50", "30", "150", "counts = ["):
        assert part in parks["text_zh"]
        assert part in parks["text_en"]
