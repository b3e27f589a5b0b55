"""Targets held against measured metrics and statistics: their area, their scope, their unit, and what the city's areas carry."""

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from spatial.measurement import measure
from spatial.targets.judge import judge
from spatial.targets.model import STATUSES, TARGET_TABLE, Plan
from spatial.text import Text
from tests.analytic_city import analytic_city
from tests.targets.test_operators import target
from tests.test_statistics import read as statistics_of

NAN = math.nan
DAY = date(2025, 6, 30)
PLAN = Plan("p", Text("规划", "Plan"), "子虚市", Text("市政府", "The city"), "in_force", "2021-03-01", Path("p.csv"))
# Gridville: streets every 250 m, so 8 km/km²; 140,000 people on 16 km², of whom 60, 40, 25, 15 thousand live in D1 … D4.
DENSITY = {"kind": "metric", "measure": "road_network_density", "unit": "km/km2", "area": "子虚市"}


@pytest.fixture(scope="module")
def city():
    return replace(analytic_city(), name="子虚市 Zixu", date="2025-06-01")


@pytest.fixture(scope="module")
def results(city):
    return measure(city, ["road_network_density", "population", "park_area_per_capita", "built_up_area"])


def held(targets, city, results=None, *, day=DAY, plan=PLAN, area=""):
    table = judge(targets, {"p": plan}, city, results, day=day, area=area)
    assert tuple(table.columns) == TARGET_TABLE
    assert set(table["status"]) <= set(STATUSES)
    return table


def one(asked, city, results=None, **more):
    return held([asked], city, results, **more).iloc[0]


def test_a_metric_of_the_layers(city, results):
    """8 km/km² of at least 8.5, from 7 at the end of 2020: two thirds of the way, and 1,642 of 1,826 days are over."""
    row = one(target(">=", 8.5, baseline=7.0, baseline_year=2020, **DENSITY), city, results)
    assert row["value"] == pytest.approx(8.0, rel=1e-3)
    assert (row["status"], row["area_id"], row["area_name"], row["unit"]) == ("behind", "city", "子虚市 Zixu", "km/km2")
    assert row["progress"] == pytest.approx(2 / 3, abs=0.01)
    assert row["expected"] == pytest.approx(1642 / 1826)
    assert row["gap"] == pytest.approx(0.5, abs=0.01)
    assert 2027 < row["forecast_year"] < 2028  # 4.5 years for 1 km/km²: 6.75 for 1.5
    assert (row["authority_zh"], row["standing"], row["value_status"]) == ("市政府", "in_force", "ok")
    assert "data of 2025-06-01" in row["note_en"]
    assert "metric's own, the built-up area" in row["note_en"]


def test_the_areas_have_the_same_rate(city, results):
    table = held([target(">=", 8.5, baseline=7.0, baseline_year=2020, **DENSITY)], city, results)
    assert list(table["area_id"]) == ["city", "D1", "D2", "D3", "D4"]
    assert list(table["indicative"]) == [False, True, True, True, True]
    assert set(table["target"]) == {8.5}
    assert table["baseline"].isna().sum() == 4  # the city's baseline is none of theirs
    assert set(table["status"][1:]) == {"no_data"}  # known, and nothing says where they began
    assert table["progress"][1] == pytest.approx(8 / 8.5, abs=0.01)
    assert table["note_en"][1].startswith("indicative: the same target as the city's")


def test_a_district_answers_for_itself(city, results):
    table = held([target(">=", 8.0, tolerance=0.01, **{**DENSITY, "area": "D2"})], city, results)
    assert (list(table["area_id"]), list(table["status"])) == (["D2"], ["met"])


NOT_COMPARABLE = [
    ({"area": "哈尔滨市"}, "neither this city nor one of its areas"),
    ({"area": "子虚市D1"}, "neither this city nor one of its areas"),
    ({"scope": "main_urban_area"}, "the target is for the main urban area, the metric for the built-up area"),
    ({"unit": "t"}, "t and km/km2 do not convert"),
    ({"variant": "bicycle"}, 'has no variant "bicycle"'),
]


@pytest.mark.parametrize(("change", "why"), NOT_COMPARABLE)
def test_what_is_not_comparable(city, results, change, why):
    row = one(target(">=", 8.0, **{**DENSITY, **change}), city, results)
    assert row["status"] == "not_comparable"
    assert why in row["note_en"]
    assert math.isnan(row["value"])


def test_a_scope_that_fits_and_another_name_of_the_city(city, results):
    assert one(target(">=", 7.9, **{**DENSITY, "scope": "built_up_area"}), city, results)["status"] == "met"
    assert one(target(">=", 7.9, **{**DENSITY, "area": "子虚新区"}), city, results)["status"] == "not_comparable"
    assert one(target(">=", 7.9, **{**DENSITY, "area": "子虚新区"}), city, results, area="子虚新区")["status"] == "met"
    assert one(target(">=", 7.9, **{**DENSITY, "area": ""}), city, results)["status"] == "met"  # the plan's own


def test_what_has_become_of_a_row_comes_first(city, results):
    for standing in ("withdrawn", "superseded", "carried_over"):
        row = one(target(">=", 8.0, standing=standing, successor="t9", **{**DENSITY, "area": "哈尔滨市"}), city, results)
        assert (row["status"], row["note_en"]) == (standing, "see its successor: t9")


def test_what_no_metric_measures_yet(city, results):
    row = one(target(">=", 8.0, **{**DENSITY, "kind": "awaited", "measure": "parking_supply"}), city, results)
    assert (row["status"], row["measure"]) == ("not_measurable", "parking_supply")


def test_what_was_not_measured(city, results):
    for given in (None, results):
        row = one(target(">=", 8.0, **{**DENSITY, "measure": "detour_index", "unit": "ratio"}), city, given)
        assert (row["status"], row["note_en"]) == ("no_data", "detour_index was not measured")


def test_a_part_of_an_area_is_held_against_nothing(city, results):
    rows = results.rows.copy()
    mine = (rows["metric"] == "road_network_density") & (rows["area_id"] == "city")
    rows.loc[mine, ["status", "coverage", "note_zh", "note_en"]] = ["partial", 0.6, "数据仅覆盖 60.0%", "the data cover 60.0% of it"]
    row = one(target(">=", 7.0, **DENSITY), city, replace(results, rows=rows))
    assert (row["status"], row["value_status"], row["value"]) == ("no_data", "partial", pytest.approx(8, rel=1e-3))
    assert "only 60.0% is covered: not held against the target" in row["note_en"]


def test_a_band_across_the_target(city, results):
    rows = results.rows.copy()
    mine = (rows["metric"] == "road_network_density") & (rows["variant"] == "total") & (rows["area_id"] == "city")
    rows.loc[mine, ["low", "high"]] = [7.5, 8.5]
    row = one(target(">=", 7.9, **DENSITY), city, replace(results, rows=rows))
    assert (row["status"], row["low"], row["high"]) == ("met", 7.5, 8.5)
    assert "the answer is not certain" in row["note_en"]


def test_data_of_after_the_deadline(city, results):
    """Due at the end of 2024, mapped in June 2025."""
    met = one(target(">=", 7.9, **{**DENSITY, "year": 2024}), city, results)
    assert (met["status"], "not proved" in met["note_en"]) == ("met", True)
    assert one(target(">=", 9.0, **{**DENSITY, "year": 2024}), city, results)["status"] == "not_met"


def test_a_number_of_people_is_shared_out(city, results):
    """Everybody lives somewhere: 280,000 by 60 : 40 : 25 : 15 are 120, 80, 50, 30 thousand; 7 by people are 3, 2, 1.25, 0.75."""
    table = held([target(">=", 280_000.0, kind="metric", measure="population", unit="persons", area="子虚市")], city, results)
    assert list(table["target"]) == [280_000, 120_000, 80_000, 50_000, 30_000]
    assert table["note_en"][1].startswith("indicative split: by residents")
    few = held([target(">=", 7.0, kind="metric", measure="population", unit="persons", area="子虚市")], city, results)
    assert list(few["target"][1:]) == [3, 2, 1, 1]
    assert set(few["status"]) == {"met"}


def test_hectares_against_square_kilometres(city, results):
    """16 km² are built up: 1,600 ha, of which at most 1,500 may be; by people 643, 429, 268, 161 ha, and each district has 400."""
    table = held([target("<=", 1500.0, kind="metric", measure="built_up_area", unit="ha", area="子虚市", year=2024)], city, results)
    assert table["value"][0] == pytest.approx(1600)
    assert (table["gap"][0], table["status"][0]) == (pytest.approx(100), "not_met")
    assert list(table["target"][1:]) == pytest.approx([642.857, 428.571, 267.857, 160.714], abs=2e-3)
    assert math.fsum(table["target"][1:]) == pytest.approx(1500, rel=1e-14)
    assert list(table["status"][1:]) == ["met", "met", "not_met", "not_met"]


GDP = {"kind": "statistic", "unit": "CNY", "measure": "gdp_total", "area": "子虚市"}


@pytest.fixture(scope="module")
def counted(city):
    """GDP 5, 6, 8 billion in 2020, 2022, 2024; growth 6 % against 5 % of the province; jobs of three years."""
    rows = [f"子虚市|gdp_total||{year}|{value}|亿元|年鉴" for year, value in ((2020, 50), (2022, 60), (2024, 80), (2025, 99))]
    rows += ["子虚市|gdp_growth||2024|6|%|", "长春市|gdp_growth||2024|5|%|", "子虚市|gdp_growth||2023|4|%|", "D1|gdp_growth||2024|7|%|"]
    rows += [f"子虚市|urban_jobs_added|城镇新增就业|{year}|{jobs}|万人|" for year, jobs in ((2021, 1), (2022, 2), (2023, 3), (2024, 1))]
    rows += ["子虚市|cpi||2024|x|%|", "子虚市|income_growth||2024|7|%|", "子虚市|income_growth||2022|9|%|", "D1|cpi||2024|y|%|"]
    rows += ["子虚市|cpi||2023|2|%|"]
    return replace(city, statistics=statistics_of(*rows))


def test_a_statistic_speaks_for_its_year(counted):
    """10 billion by 2025 from 5 at the end of 2020: at the end of 2024, 1,461 of 1,826 days, 8 are 60 % of the way. 2025 is not over."""
    row = one(target(">=", 1e10, **GDP), counted)
    assert (row["value"], row["baseline"], row["baseline_year"]) == (8e9, 5e9, 2020)
    assert (row["progress"], row["expected"]) == (pytest.approx(0.6), pytest.approx(1461 / 1826))
    assert row["status"] == "behind"
    assert row["note_en"].startswith("figure of 2024")
    assert row["forecast_year"] == pytest.approx(2020.997 + 4 / 0.6, abs=0.01)
    assert one(target(">=", 7.8e9, **GDP), counted)["status"] == "met"
    assert one(target(">=", 8.2e9, **{**GDP, "year": 2026}), counted)["status"] == "on_track"  # 3 of 3.2, and 4 of 6 years


def test_a_statistic_after_its_deadline(counted):
    for number, year, status, value, reached in (
        (6e9, 2022, "met", 6e9, "2022"), (7e9, 2022, "met_late", 8e9, "2024"), (9e9, 2022, "not_met", 6e9, ""), (5e9, 2022, "met", 6e9, "2020"),
    ):  # fmt: skip
        row = one(target(">=", number, **{**GDP, "year": year}), counted)
        assert (row["status"], row["value"], row["reached"]) == (status, value, reached)


def test_a_yearbook_that_is_not_out_yet(counted):
    """On 1 March 2026 the figure of 2025 is there; on the same day of 2027 that of 2026 is not, and nobody missed anything."""
    assert one(target(">=", 9.9e9, **GDP), counted, day=date(2026, 3, 1))["status"] == "met"
    row = one(target(">=", 1e11, **{**GDP, "year": 2026}), counted, day=date(2027, 3, 1))
    assert (row["status"], "the data end on 2025-12-31" in row["note_en"]) == ("no_data", True)


def test_relative_targets_are_points(counted):
    """6 % − 5 % of the same year = 1 point; against income growth of 2024, 7 %: −1."""
    area = one(target(">", 0.0, kind="statistic", measure="gdp_growth", unit="pp", area="子虚市", versus="area:长春市"), counted)
    assert (area["value"], area["status"]) == (pytest.approx(0.01), "met")
    metric = one(target(">", 0.0, kind="statistic", measure="gdp_growth", unit="pp", area="子虚市", versus="metric:income_growth"), counted)
    assert metric["value"] == pytest.approx(-0.01)
    nobody = one(target(">", 0.0, kind="statistic", measure="gdp_growth", unit="pp", area="子虚市", versus="area:吉林市"), counted)
    assert nobody["status"] == "no_data"


def test_jobs_of_a_plan_are_summed(counted):
    """1 + 2 + 3 + 1 = 70,000 from 2021 to 2024 of 80,000 by 2025: 87.5 % in 1,461 of 1,826 days."""
    asked = target(
        ">=", 80_000.0, kind="statistic", measure="urban_jobs_added", unit="persons", area="子虚市", select="series:urban", period="plan",
        baseline=0.0, baseline_year=2020,
    )  # fmt: skip
    row = one(asked, counted)
    assert (row["value"], row["progress"], row["status"]) == (70_000, pytest.approx(0.875), "on_track")
    assert "sum of the years from 2021" in row["note_en"]
    assert one(replace(asked, baseline_year=2019), counted)["status"] == "no_data"  # 2020 is missing
    assert one(replace(asked, select="series:none"), counted)["status"] == "no_data"
    nowhere = one(replace(asked, baseline=NAN, baseline_year=None), counted, plan=replace(PLAN, issued=""))
    assert "where the increment begins is not known" in nowhere["note_en"]


def test_a_yearly_target_waits_for_its_own_year(counted):
    asked = target(">=", 0.055, kind="statistic", measure="gdp_growth", unit="1", area="子虚市", period="year")
    row = one(asked, counted)
    assert (row["status"], row["value"]) == ("on_track", 0.06)
    assert "that of 2025 is not there yet" in row["note_en"]
    assert one(replace(asked, year=2024), counted)["status"] == "met"
    assert one(replace(asked, year=2023), counted)["status"] == "not_met"


def test_trends_of_a_series(counted):
    up = target("trend_up", NAN, kind="statistic", measure="gdp_growth", unit="1", area="子虚市")
    assert one(up, counted)["status"] == "on_track"  # 4 %, then 6 %
    assert one(replace(up, year=2024), counted)["status"] == "met"
    assert one(replace(up, operator="trend_down"), counted)["status"] == "behind"
    assert one(replace(up, measure="cpi"), counted)["status"] == "no_data"  # one year alone
    assert one(replace(up, measure="income_growth"), counted)["status"] == "behind"  # 9 %, then 7 %
    assert one(replace(up, baseline=0.07), counted)["status"] == "behind"


def test_rows_that_were_left_out_are_told(counted):
    row = one(target("<=", 0.03, kind="statistic", measure="cpi", unit="1", area="子虚市"), counted)
    assert '1 row of the table of statistics left out: the value "x" is no number (1)' in row["note_en"]
    assert '"y"' not in row["note_en"]  # that row is the district's


def test_a_district_has_its_own_figure_and_no_other(counted):
    table = held([target(">=", 0.065, kind="statistic", measure="gdp_growth", unit="1", area="子虚市")], counted)
    found = table.set_index("area_id")
    assert list(found.index) == ["city", "D1", "D2", "D3", "D4"]
    assert (found.loc["D1", "value"], found.loc["D1", "status"]) == (0.07, "met")
    assert found.loc["D2", "status"] == "no_data"
    assert len(held([target(">=", 1e10, **GDP)], counted)) == 1  # no district has a number: no rows of them


def test_without_a_table(city):
    assert one(target(">=", 1e10, **GDP), city)["note_en"] == "no table of statistics was supplied"
    assert one(target(">=", 1e10, **{**GDP, "kind": "ledger", "measure": "parks_built"}), city)["status"] == "no_data"


def test_the_same_input_gives_the_same_bytes(counted, results):
    asked = [target(">=", 8.5, **DENSITY), target(">=", 1e10, **GDP), target("trend_up", NAN, **GDP)]
    first, second = (held(asked, counted, results).to_csv(index=False) for _ in range(2))
    assert first == second
    assert held([], counted, results).empty


def test_kilometres_of_a_network_are_no_districts_share(city):
    """Two lines through D1: of 235 km wanted no district gets its part by residents or land, only the city is judged."""
    results = measure(city, ["arterial_length"])
    asked = target(
        ">=",
        235.0,
        kind="metric",
        measure="arterial_length",
        variant="primary_secondary",
        unit="km",
        area="子虚市",
        scope="whole_territory",
    )
    table = held([asked], city, results)
    assert list(table["area_id"]) == ["city"]
    assert not table["note_zh"][0].startswith("；")
