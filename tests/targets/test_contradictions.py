"""Contradictions between plans: each kind planted once, none in a clean plan, and the city's declaration."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatial.ledger.declared import LedgerMetric, Select
from spatial.metrics.registry import Metric, declare
from spatial.result import MetricResult
from spatial.targets.contradictions import contradictions, decided, value_text
from spatial.targets.model import CONTRADICTIONS, Plan, Target
from spatial.text import Text

PLANS = {
    "action": Plan(
        "action", Text("行动计划", "Action plan"), "子虚市", Text("子虚市政府", "Zixu government"), "draft", "2023", Path("a.csv")
    ),
    "report": Plan("report", Text("工作报告", "Work report"), "子虚市", Text("", ""), "in_force", "2025", Path("b.csv")),
}


def made(name: str, unit: str, source: str, scope: str = "whole_area", variants: tuple[str, ...] = ()) -> Metric:
    text = Text(f"指标{name}", f"the {name}")
    titles = dict.fromkeys(variants, text)
    one = declare(name, MetricResult.without, title=text, definition=text, standard=text, unit=unit, needs=(), scope=scope, variants=titles)
    object.__setattr__(one, "source", source)
    return one


KNOWN = {
    one.name: one
    for one in (
        made("pocket_parks_built", "count", "ledger"),
        made("water_plants", "count", "ledger"),
        made("dangerous_bridges", "count", "ledger"),
        made("road_area_ratio", "1", "layers", "built_up_area", ("paved", "statistic")),
        made("housing_sales_growth", "1", "statistics"),
        made("gdp_total", "CNY", "statistics"),
        made("sector_growth", "1", "statistics", variants=("retail", "industry")),
    )
}


def ledger(name: str, kind: str, period: str) -> LedgerMetric:
    return LedgerMetric(name, Text(name, name), Text("", ""), kind, Select(), period=period)


LEDGER = {
    "pocket_parks_built": ledger("pocket_parks_built", "count", "year"),
    "water_plants": ledger("water_plants", "count", "stock"),
    "dangerous_bridges": ledger("dangerous_bridges", "remaining", "stock"),
}


def target(name: str, value: float = math.nan, **more: object) -> Target:
    year = int(str(more.get("year", 2025)))
    first = Target(
        id=name, plan="action", clause="一(二)", area="子虚市", level="city", scope="whole_territory", title=Text(f"目标{name}", f"target {name}"),
        theme="green", operator=">=", value=value, unit="count", tolerance=0.0, strength="binding", baseline=math.nan, baseline_year=None,
        year=2025, kind="ledger", measure="pocket_parks_built", due=datetime.date(year, 12, 31), row=2,
    )  # fmt: skip
    return dataclasses.replace(first, **more)  # type: ignore[arg-type]


def found(*targets: Target, counts: tuple[str, ...] = ()) -> pd.DataFrame:
    return contradictions(PLANS, targets, KNOWN, counts, ledger=LEDGER)


def kinds(*targets: Target) -> list[str]:
    return list(found(*targets)["kind"])


YEARLY = target("a", 50, period="year", baseline=0, baseline_year=2022)
OF_2025 = target("b", 30, period="year", baseline=0, baseline_year=2024, plan="report")


def test_fifty_a_year_against_thirty():
    """50 in each of 2023–2025 are 150; another plan has 30 in 2025."""
    (row,) = found(YEARLY, OF_2025).itertuples()
    assert (row.kind, row.target_id, row.other_id, row.measure, row.year, row.decided) == (
        "two_values",
        "a",
        "b",
        "pocket_parks_built",
        2025,
        "",
    )
    for part in ("≥ 50个/年", "≥ 30个/年", "150", "《行动计划》一(二)", "子虚市政府", "草案", "现行", 'counts = ["a"]'):
        assert part in row.text_zh
    for part in (
        "≥ 50 a year",
        "≥ 30 a year",
        "150",
        "Action plan 一(二)",
        "Zixu government",
        "draft",
        "in force",
        'counts = ["a"] or ["b"]',
    ):
        assert part in row.text_en


def test_the_city_declares_which_one_counts():
    (row,) = found(YEARLY, OF_2025, counts=("b",)).itertuples()
    assert row.decided == "b"
    table = found(YEARLY, OF_2025, counts=("b",))
    lost, kept = decided([YEARLY, OF_2025], table, ("b",))
    assert (lost.standing, lost.successor, kept) == ("superseded", "b", OF_2025)
    assert decided([YEARLY, OF_2025], found(YEARLY, OF_2025), ()) == [YEARLY, OF_2025]  # never our guess
    both = found(YEARLY, OF_2025, counts=("a", "b"))
    assert list(both["decided"]) == [""]
    assert decided([YEARLY, OF_2025], both, ("a", "b")) == [YEARLY, OF_2025]
    after = found(lost, kept, counts=("b",))  # what is decided is shown as superseded, and is no contradiction again
    assert list(after["kind"]) == ["superseded"]
    assert list(after["decided"]) == ["b"]


def test_what_one_declaration_overrules_is_out_of_the_others():
    """Of 50, 30 and 40 the second counts: the other two need no word on each other, and still have one while nothing is declared."""
    three = [YEARLY, OF_2025, target("c", 40, period="year", plan="report")]
    assert list(found(*three)["decided"]) == ["", "", ""]
    table = found(*three, counts=("b",))
    assert sorted(zip(table["target_id"], table["other_id"], table["decided"], strict=True)) == [("a", "b", "b"), ("b", "c", "b")]
    assert [one.successor for one in decided(three, table, ("b",))] == ["b", "", "b"]


def test_a_number_a_year_against_a_total():
    """50 a year over three years are 150."""
    for total, clash in ((150, False), (120, True), (200, True)):
        whole = target("c", total, period="plan", baseline=0, baseline_year=2022)
        assert bool(kinds(YEARLY, whole)) is clash
        assert bool(kinds(whole, YEARLY)) is clash
    assert "150" in found(YEARLY, target("c", 120, period="plan", baseline_year=2022)).iloc[0]["text_en"]
    assert not kinds(YEARLY, target("c", 120, period="plan", baseline_year=2020))  # of other years
    assert not kinds(YEARLY, target("c", 120, period="plan"))  # of years that nobody states


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ((">=", 5), (">=", 5.5), True),
        ((">=", 5), (">=", 5), False),
        ((">=", 5), ("<=", 9), False),
        ((">=", 9), ("<=", 5), True),
        (("<=", 9), ("<=", 10), True),
        (("==", 6), (">=", 6), False),
        (("==", 6), (">=", 7), True),
        (("==", 6), ("<=", 7), False),
        ((">", 6), ("<=", 6), True),
        (("<", 6), ("==", 6), True),
        (("~=", 6), (">=", 7), True),
        (("exists", 1), ("exists", 3), True),
        (("trend_up", math.nan), ("trend_down", math.nan), True),
        (("trend_up", math.nan), ("trend_up", math.nan), False),
        (("trend_up", math.nan), (">=", 5), False),
    ],
)
def test_which_values_cannot_both_be_meant(one, other, clash):
    pair = [
        target(name, value, operator=operator, measure="water_plants") for name, (operator, value) in zip("ab", (one, other), strict=True)
    ]
    assert kinds(*pair) == ["two_values"] * clash
    assert kinds(*reversed(pair)) == ["two_values"] * clash


@pytest.mark.parametrize(
    "more",
    [
        {"year": 2030, "due": datetime.date(2030, 12, 31)},
        {"due": datetime.date(2025, 5, 1)},
        {"area": "乌有区"},
        {"scope": "urban_area"},
        {"select": "subtype:社区"},
        {"select": "target"},
        {"measure": "water_plants"},
        {"period": "stock"},
        {"standing": "withdrawn"},
        {"unit": "boolean"},
    ],
)
def test_what_is_not_one_thing_does_not_clash(more):
    one = target("a", 50, period="year")
    assert kinds(one, target("b", 30, period="year")) == ["two_values"]
    assert not kinds(one, target("b", 30, **{"period": "year", **more}))


def test_so_many_a_year_is_asked_of_every_year_of_its_span():
    """50 a year from 2024 to 2027 and 30 in 2025 disagree; 30 in 2028 does not."""
    span = {"baseline": 0.0, "baseline_year": 2023, "year": 2027, "due": datetime.date(2027, 12, 31)}
    for year, found in ((2025, ["two_values"]), (2028, [])):
        assert (
            kinds(target("a", 50, period="year", **span), target("b", 30, period="year", year=year, due=datetime.date(year, 12, 31)))
            == found
        )


def test_an_area_is_one_with_and_without_its_ending():
    assert kinds(target("a", 50, area="子虚"), target("b", 30, area="子虚 市")) == ["two_values"]
    assert not kinds(target("a", 50, area="朝阳市"), target("b", 30, area="朝阳区"))


def test_a_stretch_beyond_the_binding_one_is_none():
    binding, stretch = target("a", 50), target("b", 60, strength="stretch")
    assert not kinds(binding, stretch)
    assert not kinds(stretch, binding)
    assert kinds(binding, dataclasses.replace(stretch, value=40)) == ["two_values"]
    low, lower = target("a", 10, operator="<="), target("b", 8, operator="<=", strength="stretch")
    assert not kinds(low, lower)
    assert kinds(low, dataclasses.replace(lower, value=12)) == ["two_values"]


def test_statuses_of_named_projects_are_their_own():
    first = target("a", 2.0, unit="status", wanted="started", select="target")
    assert not kinds(first, dataclasses.replace(first, id="b", value=5.0, wanted="opened"))


def test_a_scope_that_the_metric_lacks():
    ratio = {"kind": "metric", "measure": "road_area_ratio", "unit": "1", "variant": "statistic"}
    (row,) = found(target("a", 0.168, scope="urban_growth_boundary", **ratio)).itertuples()
    assert row.kind == "other_scope"
    assert "urban_growth_boundary" in row.text_zh
    assert "建成区" in row.text_zh
    assert "the built-up area" in row.text_en
    assert not kinds(target("a", 0.168, **ratio), target("b", 0.168, scope="built_up_area", **ratio))


def test_a_scope_is_called_as_people_call_it():
    (row,) = found(target("a", 0.168, kind="metric", measure="road_area_ratio", unit="1", scope="main_urban_area")).itertuples()
    assert "所指范围为主城区，" in row.text_zh
    assert "is about the main urban area, " in row.text_en


@pytest.mark.parametrize(
    ("more", "clash"),
    [
        ({"kind": "metric", "measure": "road_area_ratio", "unit": "1", "period": "plan"}, True),
        ({"kind": "metric", "measure": "road_area_ratio", "unit": "1", "baseline": 0.0, "baseline_year": 2022}, True),
        ({"kind": "metric", "measure": "road_area_ratio", "unit": "1", "baseline": 0.1, "baseline_year": 2022}, False),
        ({"measure": "water_plants", "baseline": 0.0, "baseline_year": 2022}, True),  # declared as a stock
        ({"measure": "water_plants", "baseline": 0.0, "baseline_year": 2022, "period": "plan"}, False),
        ({"measure": "water_plants", "baseline": 2.0, "baseline_year": 2022}, False),
        ({"baseline": 0.0, "baseline_year": 2022}, False),  # declared as of the year
        ({"baseline": 0.0, "baseline_year": 2022, "period": "stock"}, True),
        ({"measure": "dangerous_bridges", "operator": "==", "value": 0.0, "period": "year"}, True),
        ({"measure": "dangerous_bridges", "operator": "==", "value": 0.0}, False),
    ],
)
def test_an_increment_as_a_stock(more, clash):
    assert kinds(target("a", **{"value": 3.0, **more})) == ["increment_as_stock"] * clash


def test_without_declarations_the_row_itself_still_tells():
    said = target("a", 3.0, baseline=0.0, baseline_year=2022, period="stock")
    assert list(contradictions(PLANS, [said], KNOWN, ())["kind"]) == ["increment_as_stock"]


def test_a_superseded_row_is_shown_beside_its_successor():
    old = target("a", 50, standing="superseded", successor="b")
    (row,) = found(old, target("b", 30)).itertuples()
    assert (row.kind, row.target_id, row.other_id, row.decided) == ("superseded", "a", "b", "b")
    assert "≥ 50" in row.text_en
    assert "≥ 30" in row.text_en
    (row,) = found(old).itertuples()
    assert (row.kind, row.decided) == ("superseded", "")
    assert "stands in no plan of the city" in row.text_en
    assert "不在本市所用的各规划中" in row.text_zh
    (row,) = found(old, target("b", 30, standing="withdrawn")).itertuples()
    assert row.decided == ""
    assert "no longer counts" in row.text_en


def test_bound_to_nothing_and_awaited_that_exists():
    assert kinds(target("a", 3, measure="nothing")) == ["bound_to_nothing"]
    assert kinds(target("a", 3, kind="statistic")) == ["bound_to_nothing"]  # a ledger metric is no statistic
    assert kinds(target("a", 0.1, kind="statistic", measure="sector_growth", select="series:soe")) == ["bound_to_nothing"]
    assert not kinds(target("a", 0.1, kind="statistic", measure="sector_growth", select="series:retail"))
    assert kinds(target("a", 0.1, kind="metric", measure="road_area_ratio", variant="gone")) == ["bound_to_nothing"]
    assert kinds(target("a", 3, kind="awaited")) == ["awaited_exists"]
    assert "write kind ledger" in found(target("a", 3, kind="awaited")).iloc[0]["text_en"]
    assert not kinds(target("a", 3, kind="awaited", measure="nothing"))


CLEAN = [
    target("c1", 50, period="year", baseline=0.0, baseline_year=2022),
    target("c2", 150, period="plan", baseline=0.0, baseline_year=2022),
    target("c3", 50, period="year", plan="report"),
    target("c4", 0.168, kind="metric", measure="road_area_ratio", unit="1", variant="statistic"),
    target("c5", 0.055, kind="statistic", measure="housing_sales_growth", unit="1"),
    target("c6", 7, measure="water_plants", baseline=4.0, baseline_year=2022),
    target("c7", 0.0, operator="==", measure="dangerous_bridges"),
    target("c8", 235, kind="awaited", measure="rail_length", unit="km"),
]


def test_a_clean_plan_has_none():
    table = found(*CLEAN)
    assert table.empty
    assert tuple(table.columns) == CONTRADICTIONS
    assert decided(CLEAN, table, ()) == CLEAN


def test_every_planted_kind_is_found_in_one_go_and_in_a_steady_order():
    planted = [
        OF_2025,
        target("sup", 3, measure="water_plants", standing="superseded", successor="c6"),
        target("sco", 0.2, kind="metric", measure="road_area_ratio", unit="1", variant="paved", scope="main_urban_area"),
        target("inc", 3, measure="water_plants", select="subtype:x", baseline=0.0, baseline_year=2020),
        target("not", 3, measure="nothing"),
        target("now", 3, kind="awaited", measure="gdp_total"),
    ]
    table = found(*CLEAN, *planted)
    pairs = list(zip(table["kind"], table["target_id"], strict=True))
    assert pairs == [
        ("two_values", "c1"), ("two_values", "c3"), ("other_scope", "sco"), ("increment_as_stock", "inc"), ("superseded", "sup"),
        ("bound_to_nothing", "not"), ("awaited_exists", "now"),
    ]  # fmt: skip
    assert list(table["other_id"])[:2] == ["b", "b"]
    assert table["year"].dtype.kind == "i"
    assert (table[["text_zh", "text_en"]].map(len) > 20).all(axis=None)
    assert found(*CLEAN, *planted).equals(table)


@given(st.lists(st.sampled_from([10.0, 20.0, 30.0]), min_size=2, max_size=6))
def test_every_pair_of_different_values_is_told_once(values):
    listed = [target(f"t{place}", value) for place, value in enumerate(values)]
    different = sum(one != other for one, other in itertools.combinations(values, 2))
    table = found(*listed)
    assert len(table) == different
    assert len({frozenset(pair) for pair in zip(table["target_id"], table["other_id"], strict=True)}) == different
    winner = found(*listed, counts=("t0",))
    lost = [one for one in decided(listed, winner, ("t0",)) if one.standing == "superseded"]
    assert {one.value for one in lost} == set(values) - {values[0]}
    assert all(one.successor == "t0" for one in lost)


@pytest.mark.parametrize(
    ("more", "zh", "en"),
    [
        ({"value": 1.7e11, "unit": "CNY"}, "≥ 1,700亿元", "≥ 170 bn CNY"),
        ({"value": 1.48e6, "unit": "t/d"}, "≥ 148万吨/日", "≥ 1.48 million t/d"),
        ({"value": 0.168, "unit": "1"}, "≥ 16.8%", "≥ 16.8%"),
        ({"value": 0.02, "unit": "pp", "operator": ">"}, "> 2个百分点", "> 2 percentage points"),
        ({"value": 235.0, "unit": "km"}, "≥ 235公里", "≥ 235 km"),
        ({"value": 3.0, "unit": "status", "wanted": "main_structure"}, "≥ 主体完工", "≥ main structure done"),
        ({"value": 1.0, "operator": "exists", "unit": "boolean"}, "应有", "must exist"),
        ({"value": math.nan, "operator": "trend_down"}, "下降", "falling"),
        ({"value": 0.0, "operator": "=="}, "= 0个", "= 0"),
    ],
)
def test_values_are_told_in_units_that_people_use(more, zh, en):
    assert value_text(target("a", **more)) == Text(zh, en)
