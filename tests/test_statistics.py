"""A table of statistics: every number converted once, every row that cannot be used told; districts and the city never stand for one another."""

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from spatial.areas import row_called
from spatial.errors import LayerError, ProjectError
from spatial.ledger.records import LEFT_OUT
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.plan_toml import TableFile
from spatial.sources.options import FileOptions
from spatial.statistics import FIELDS, make_statistics, statistic_metrics
from spatial.text import Text
from spatial.units import unit_of
from tests.analytic_city import analytic_city

DECLARED = statistic_metrics()


def table(*rows, **more):
    """One row as ``area, metric, series, year, value, unit, source`` in one text."""
    cells = [dict(zip(FIELDS, (cell.strip() for cell in row.split("|")), strict=True)) for row in rows]
    return pd.DataFrame([{**cell, "row": str(number)} for number, cell in enumerate(cells, start=2)], columns=[*FIELDS, "row"]).assign(
        **more
    )


def read(*rows, on_fault="leave_out", day=None, declared=DECLARED):
    file = TableFile(Path("statistics.csv"), FileOptions(), date=day, on_fault=on_fault, source="年鉴")
    return make_statistics(table(*rows), file, declared, where="[statistics] statistics.csv")


CONVERTED = [
    ("gdp_total", "", "3.5", "亿元", 3.5e8, "CNY"),
    ("grain_output", "", "260", "亿斤", 1.3e7, "t"),
    ("conservation_tillage", "", "1,200", "万亩", 8e5, "ha"),
    ("talent_retained", "", "１１", "万人", 1.1e5, "persons"),
    ("gdp_growth", "", "5.5", "%", 0.055, "1"),
    ("sector_growth", "retail", "-6", "个百分点", -0.06, "1"),
    ("gas_household_upgrade", "瓶改管", "197", "万户", 1.97e6, "households"),
    ("eldercare_beds_per_1000", "", "35", "张/千人", 0.035, "1/1000"),
    ("housing_sales_area", "", "568", "万平方米", 5.68e6, "m2"),
    ("tech_conversion", "", "4000", "", 4000, "count"),
    ("population_density", "", "420", "人/平方公里", 420, "persons/km2"),
    ("urban_management_score", "", "92.5", "分", 92.5, "index"),
]


@pytest.mark.parametrize(("metric", "series", "value", "unit", "expected", "code"), CONVERTED)
def test_units_are_converted_once(metric, series, value, unit, expected, code):
    found = read(f"长春市|{metric}|{series}|2024|{value}|{unit}|公报")
    assert found.left_out.empty
    row = found.frame.iloc[0]
    assert row["value"] == pytest.approx(expected)
    assert (row["unit"], row["year"], row["source"]) == (code, 2024, "公报")


def test_words_of_an_office_are_understood():
    found = read(
        "长春市|社会消费品零售总额|零售|2024|6|%|",
        "长春市|行业增速|社会消费品零售总额|2024年|6|%|",
        "长春市|Growth of a sector|retail sales of consumer goods|2023.0|6|%|",
    )
    assert list(found.frame["metric"]) == ["sector_growth", "sector_growth"]
    assert list(found.frame["series"]) == ["retail", "retail"]
    assert list(found.frame["year"]) == [2024, 2023]
    assert len(found.left_out) == 1


LEFT = [
    ("|gdp_total||2024|5|元|", "no area is given"),
    ("长春市|gdp_totl||2024|5|元|", 'the metric "gdp_totl" is not declared; did you mean "gdp_total"?'),
    ("长春市|||2024|5|元|", 'the metric "" is not declared'),
    ("长春市|sector_growth||2024|5|%|", 'sector_growth has no series ""'),
    ("长春市|gdp_growth|retail|2024|5|%|", 'gdp_growth has no series "retail"'),
    ("长春市|gdp_total||2024|约5|元|", 'the value "约5" is no number'),
    ("长春市|gdp_total||2024||元|", 'the value "" is no number'),
    ("长春市|gdp_total||2024|nan|元|", "is no number"),
    ("长春市|gdp_total||2024|inf|元|", "is no number"),
    ("长春市|gdp_total||2024|1e99|元|", "is no number"),
    ("长春市|gdp_total||2024|1,2|元|", "is no number"),
    ("长春市|gdp_total||2024|=1+1|元|", "is no number"),
    ("长春市|gdp_total||2024|5|吨|", 'the unit "吨" does not convert into CNY'),
    ("长春市|gdp_total||2024|5|光年|", 'the unit "光年" does not convert into CNY'),
    ("长春市|gdp_total||2024|5||", 'the unit "—" does not convert into CNY'),
    ("长春市|gdp_growth||2024|5.5||", 'the unit "—" does not convert into 1'),
    ("长春市|gdp_total||24|5|元|", 'the year "24" is impossible'),
    ("长春市|gdp_total||2424|5|元|", 'the year "2424" is impossible'),
    ("长春市|gdp_total|||5|元|", 'the year "" is impossible'),
    ("长春市|gdp_total||2025-06|5|元|", "is impossible"),
    ("长春市|gdp_total||2026|5|元|", "the year 2026 lies after the table's own date"),
]


@pytest.mark.parametrize(("row", "reason"), LEFT)
def test_what_cannot_be_used_is_left_out_and_told(row, reason):
    found = read("长春市|cpi||2024|2|%|", row, day=date(2025, 6, 30))
    assert list(found.frame["metric"]) == ["cpi"]
    assert tuple(found.left_out.columns) == LEFT_OUT
    out = found.left_out.iloc[0]
    assert reason in out["reason_en"]
    assert (out["source"], out["row"]) == ("statistics", "3")
    assert out["reason_zh"] != out["reason_en"]


def test_two_values_for_one_thing_are_both_out_and_equal_ones_count_once():
    found = read(
        "长春市|cpi||2024|2|%|", "长春市|cpi||2024|2.1|%|", "长春市|cpi||2023|1|%|", "长春市|cpi||2023|1.0|%|a",
        "绿园区|cpi||2024|3|%|", "长春市|gdp_growth||2024|3|%|",
    )  # fmt: skip
    assert sorted(zip(found.frame["area"], found.frame["metric"], found.frame["year"], strict=True)) == [
        ("绿园区", "cpi", 2024), ("长春市", "cpi", 2023), ("长春市", "gdp_growth", 2024),
    ]  # fmt: skip
    assert list(found.left_out["row"]) == ["2", "3", "5"]
    assert "rows 2, 3" in found.left_out["reason_en"].iloc[0]
    assert found.left_out["reason_en"].iloc[2] == "the same as row 4"


def test_all_faults_at_once_where_they_are_errors():
    with pytest.raises(LayerError) as error:
        read("长春市|cpi||2024|x|%|", "长春市|cpii||2024|1|%|", "长春市|cpi||2023|1|%|", on_fault="error")
    message = str(error.value)
    assert "row 2" in message
    assert "row 3" in message
    assert "row 4" not in message
    assert '2 rows cannot be used; correct them, or set on_fault = "leave_out"' in message


def test_a_table_without_its_columns():
    with pytest.raises(LayerError, match=r"column year, value is missing.*fields"):
        make_statistics(
            pd.DataFrame({"area": ["a"], "metric": ["cpi"], "row": ["2"]}), TableFile(Path("s.csv"), FileOptions()), DECLARED, where="s.csv"
        )


def test_empty_lines_and_an_empty_table():
    assert read("||||||", "长春市|cpi||2024|2|%|").left_out.empty
    nothing = read()
    assert nothing.frame.empty
    assert nothing.left_out.empty
    assert nothing.frame["value"].dtype == float


def test_every_declared_figure_is_whole():
    assert len(DECLARED) >= 62
    for figure in DECLARED.values():
        unit_of(figure.unit)
        for text in (figure.title, figure.definition, figure.standard, *figure.series.values()):
            assert text.zh
            assert text.en
    metric = registered()["urban_jobs_added"]
    assert (metric.source, metric.needs, metric.unit) == ("statistics", (), "persons")
    assert list(metric.variants) == ["urban", "rural_transfer"]
    assert list(registered()["cpi"].variants) == [""]


def test_a_yearbooks_figure_of_what_is_measured_stands_beside_it():
    """Each is kept in the table, and the metric of that name stays the measured one."""
    beside = {name: figure for name, figure in DECLARED.items() if figure.beside}
    assert "road_area_ratio" in beside
    for name, figure in beside.items():
        assert registered()[name].source == "layers"
        assert registered()[name].unit == figure.unit
    assert read("长春市|road_area_ratio||2024|16.8|%|").frame["value"].tolist() == [pytest.approx(0.168)]
    assert {name for name, metric in registered().items() if metric.source == "statistics"} == set(DECLARED) - set(beside)


def test_a_projects_own_figures(tmp_path):
    (tmp_path / "statistics.toml").write_text(
        '[snow_days]\ntitle = { zh = "降雪日数", en = "Days of snow" }\ndefinition = { zh = "一年内降雪的天数", en = "Days with snow in the year" }\n'
        'unit = "count"\n[urban_jobs_added.series]\nother = { zh = "其他", en = "Other" }\n',
        encoding="utf-8",
    )
    own = statistic_metrics(tmp_path)
    assert own["snow_days"].title == Text("降雪日数", "Days of snow")
    assert list(own["urban_jobs_added"].series) == ["urban", "rural_transfer", "other"]
    assert "snow_days" in registered(tmp_path)
    assert "snow_days" not in registered()


def test_wrong_declarations_are_gathered(tmp_path):
    (tmp_path / "statistics.toml").write_text(
        '[Snow]\nunit = "day"\ntitle = "snow"\n[cpi]\nunits = "1"\n[ice]\ntitle = { zh = "冰", en = "Ice" }\ndefinition = { zh = "冰", en = "Ice" }\n'
        'unit = "count"\nseries = "thick"\n',
        encoding="utf-8",
    )
    with pytest.raises(ProjectError) as error:
        statistic_metrics(tmp_path)
    for part in (
        "[Snow]: a name has small letters",
        "unit = day is not a unit",
        "title must be given in both languages",
        'unknown key "units"; did you mean "unit"?',
        "series must be a table",
    ):
        assert part in str(error.value)


def city_with(*rows, day="2025-06-30"):
    return replace(analytic_city(), name="子虚市 Zixu", date=day, statistics=read(*rows))


def test_a_figure_is_looked_up_and_nothing_is_made_of_it():
    """The city has 2024 and 2023, D1 has 2023 only, D2 has the year that is not over: nobody gets another's number, and D1 + D2 are no city."""
    city = city_with(
        "子虚市|gdp_total||2024|9|亿元|年鉴 2025", "Zixu|gdp_total||2023|8|亿元|", "D1|gdp_total||2023|3|亿元|", "D2|gdp_total||2025|4|亿元|",
        "丁区|gdp_total||2024|1|亿元|", "D3|cpi||2024|2|%|",
    )  # fmt: skip
    results = measure(city, ["gdp_total", "cpi"])
    row = results.get("gdp_total")
    assert (row["value"], row["unit"], row["status"], row["coverage"], row["note"]) == (
        9e8,
        "CNY",
        "ok",
        1.0,
        "the years differ between areas; 2024, source: 年鉴 2025",
    )
    assert results.get("gdp_total", area_id="D1")["value"] == 3e8
    assert "2023, source: 年鉴" in results.get("gdp_total", area_id="D1")["note"]
    empty = results.get("gdp_total", area_id="D2")
    assert (empty["status"], empty["note"]) == (
        "no_data",
        "the years differ between areas; no number of this area; the city's own is not copied down",
    )
    assert math.isnan(results.get("cpi")["value"])
    assert "not summed up" in results.get("cpi")["note"]


def test_a_year_counts_when_it_is_over():
    for day, value in (("2024-12-30", 8e8), ("2024-12-31", 9e8), ("", 9e8)):
        city = city_with("子虚|gdp_total||2024|9|亿元|", "子虚市|gdp_total||2023|8|亿元|", day=day)
        assert measure(city, ["gdp_total"]).get("gdp_total")["value"] == value


def test_a_figure_of_a_year_that_goes_on_is_there_and_does_not_count_yet():
    found = measure(city_with("子虚市|gdp_total||2025|9|亿元|", day="2025-09-30"), ["gdp_total"]).get("gdp_total")
    assert (found["status"], found["note"]) == ("no_data", "the table of statistics has a number only for a year that is not over")


@pytest.mark.parametrize("unit", ["", "%", "％"])
def test_a_cell_that_a_spreadsheet_shows_as_per_cent(unit):
    city = city_with(f"子虚市|unemployment_rate||2024|3.8%|{unit}|", day="2025-01-01")
    assert measure(city, ["unemployment_rate"]).get("unemployment_rate")["value"] == 0.038
    assert len(city_with("子虚市|gdp_total||2024|3.8%|亿元|", day="2025-01-01").statistics.left_out) == 1


def test_accidents_are_counted_as_yearbooks_count_them():
    found = measure(city_with("子虚市|construction_accidents|major|2024|3|起|", day="2025-01-01"), ["construction_accidents"])
    assert found.get("construction_accidents", variant="major")["value"] == 3


def test_a_number_that_could_not_be_read_is_told_where_it_is_missing():
    city = city_with(
        "子虚市|gdp_total||2024|x|亿元|", "子虚市|gdp_total||2023|8|亿元|", "D1|gdp_total||2024|5|吨|", "子虚市|cpi||2024|y|%|"
    )
    assert city.statistics.notices[0].en.startswith("3 rows of the table of statistics left out: ")
    assert city.statistics.notices[0].zh.startswith("统计表未计入 3 行：")
    results = measure(city, ["gdp_total", "cpi"])
    assert (
        results.get("gdp_total")["note"] == '2023, source: 年鉴; 1 row of the table of statistics left out: the value "x" is no number (1)'
    )
    assert '"吨" does not convert into CNY (1)' in results.get("gdp_total", area_id="D1")["note"]
    assert "left out" not in results.get("gdp_total", area_id="D2")["note"]
    assert (
        results.get("cpi")["note"]
        == 'the table of statistics has no number of it; 1 row of the table of statistics left out: the value "y" is no number (1)'
    )


def test_figures_that_nobody_gave_are_left_out_of_a_full_run():
    names = set(measure(city_with("子虚市|cpi||2024|2|%|")).metrics)
    assert "cpi" in names
    assert "gdp_total" not in names
    assert "cpi" not in measure(analytic_city()).metrics
    asked = measure(analytic_city(), ["cpi"]).get("cpi")
    assert (asked["status"], asked["note"]) == ("no_data", "no table of statistics was supplied")


def test_areas_by_their_names():
    areas = analytic_city().areas()
    areas = replace(areas, names=areas.names.copy())
    areas.names[:4] = ["南关区", "绿园 区", "农安县 Nong'an", "农安市"]
    called = {
        word: row_called(areas, word, ["子虚市 Zixu"])
        for word in ("南关", "绿园区", "D3", "农安", "农安县", "nong'an", "子虚", "zixu", "全市", "吉林省", "子虚市南关区", "")
    }
    assert called == {
        "南关": 0,
        "绿园区": 1,
        "D3": 2,
        "农安": None,
        "农安县": 2,
        "nong'an": 2,
        "子虚": 4,
        "zixu": 4,
        "全市": 4,
        "吉林省": None,
        "子虚市南关区": None,
        "": None,
    }


def test_the_example_of_contributing(tmp_path):
    """One table more and three numbers: 92.5 % for the city, 95 % for a district, and the word that is no number is told."""
    (tmp_path / "statistics.toml").write_text(
        '[snow_cleared]\ntitle = { zh = "机械化除雪率", en = "Snow cleared" }\ndefinition = { zh = "占比", en = "A share" }\nunit = "1"\n'
        '[snow_cleared.series]\narterial = { zh = "主次干路", en = "Arterials" }\nlocal = { zh = "支路", en = "Local streets" }\n',
        encoding="utf-8",
    )
    own = statistic_metrics(tmp_path)
    rows = [
        "子虚市|snow_cleared|arterial|2024|92.5|%|", "子虚市|机械化除雪率|支路|2024|61|%|", "D1|snow_cleared|arterial|2024|95|%|",
        "D1|snow_cleared|arterial|2024|unknown|%|",
    ]  # fmt: skip
    city = replace(analytic_city(), name="子虚市", folder=tmp_path, date="2025-06-30", statistics=read(*rows, declared=own))
    results = measure(city, ["snow_cleared"])
    assert results.get("snow_cleared")["value"] == pytest.approx(0.925)
    assert results.get("snow_cleared", variant="local")["value"] == pytest.approx(0.61)
    assert results.get("snow_cleared", area_id="D1")["value"] == pytest.approx(0.95)
    assert list(city.statistics.left_out["row"]) == ["5"]
