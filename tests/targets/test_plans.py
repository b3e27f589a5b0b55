"""A city's own plan: what is read, what is converted, and that every fault of every row is told at once."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spatial.city_toml import parse_project
from spatial.errors import PlanError, ProjectError
from spatial.ledger.declared import ledger_metrics
from spatial.metrics.registry import Metric, declare
from spatial.result import MetricResult
from spatial.targets import plans as plans_
from spatial.targets.model import COLUMNS, Target
from spatial.targets.plan_csv import MOST_BYTES
from spatial.targets.plans import note_of, read_plans, themes
from spatial.text import Text

CITY = 'name = "子虚市"\n[layers.boundary]\nfile = "data/boundary.geojson"\n'
ROW = {
    "id": "zixu-parks", "title_zh": "新建口袋公园", "operator": ">=", "value": "30", "unit": "个", "year": "2025", "kind": "ledger",
    "measure": "pocket_parks_built",
}  # fmt: skip


def made(name: str, unit: str, source: str, variants: tuple[str, ...] = ()) -> Metric:
    text = Text(name, name)
    one = declare(
        name, MetricResult.without, title=text, definition=text, standard=text, unit=unit, needs=(), variants=dict.fromkeys(variants, text)
    )
    object.__setattr__(one, "source", source)
    return one


KNOWN = {
    one.name: one
    for one in (
        made("road_area_ratio", "1", "layers", ("paved", "statistic")),
        made("pocket_parks_built", "count", "ledger"),
        made("afforestation_area", "ha", "ledger"),
        made("project_milestone", "count", "ledger"),
        made("spatial_plan_system", "boolean", "ledger"),
        made("shantytown_redeveloped", "dwellings", "ledger"),
        made("sewage_capacity", "t/d", "ledger"),
        made("gdp_growth", "1", "statistics"),
        made("gdp_total", "CNY", "statistics"),
        made("grain_output", "t", "statistics"),
        made("sector_growth", "1", "statistics", ("retail", "industry")),
    )
}
KNOWN["sector_growth"].variants["retail"] = Text("社会消费品零售总额", "Retail sales")  # type: ignore[index]


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans_, "registered", lambda own: KNOWN)


def sheet(*rows: dict[str, str]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def project_of(folder: Path, content: str | bytes, more: str = "", plan: str = 'file = "data/plan.csv"'):
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "plan.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "city.toml").write_text(f"{CITY}[plans.own]\n{plan}\n{more}", encoding="utf-8")
    return parse_project(folder)


def read(folder: Path, *rows: dict[str, str], more: str = "") -> list[Target]:
    return read_plans(project_of(folder, sheet(*rows), more), own=folder)[1]


def one(folder: Path, **cells: str) -> Target:
    (target,) = read(folder, {**ROW, **cells})
    return target


def faults(folder: Path, *rows: dict[str, str], more: str = "") -> str:
    with pytest.raises(PlanError) as caught:
        read(folder, *rows, more=more)
    return str(caught.value)


def fault(folder: Path, **cells: str) -> str:
    return faults(folder, {**ROW, **cells})


def test_a_row_with_what_is_needed_alone(tmp_path):
    target = one(tmp_path)
    assert (target.id, target.plan, target.row) == ("zixu-parks", "own", 2)
    assert (target.operator, target.value, target.unit, target.tolerance) == (">=", 30, "count", 0)
    assert (target.area, target.scope, target.strength, target.standing) == ("子虚市", "whole_territory", "binding", "")
    assert target.title == Text("新建口袋公园", "新建口袋公园")
    assert target.due == datetime.date(2025, 12, 31)
    assert math.isnan(target.baseline)
    assert target.baseline_year is None


@pytest.mark.parametrize(
    ("measure", "kind", "value", "unit", "base", "code"),
    [
        ("afforestation_area", "ledger", "15", "亩", 1.0, "ha"),  # 15 mu are a hectare
        ("afforestation_area", "ledger", "2", "km2", 200.0, "ha"),
        ("afforestation_area", "ledger", "1.5", "万公顷", 15000.0, "ha"),
        ("sewage_capacity", "ledger", "290", "万吨/日", 2.9e6, "t/d"),
        ("gdp_total", "statistic", "1,350", "亿元", 1.35e11, "CNY"),
        ("gdp_total", "statistic", "１３５", "亿元", 1.35e10, "CNY"),
        ("grain_output", "statistic", "260", "亿斤", 1.3e7, "t"),
        ("road_area_ratio", "metric", "16.8", "%", 0.168, "1"),
        ("gdp_growth", "statistic", "7", "%", 0.07, "1"),  # and not 0.07000000000000001
        ("gdp_growth", "statistic", "2", "个百分点", 0.02, "pp"),
        ("shantytown_redeveloped", "ledger", "1.2", "万套", 12000.0, "dwellings"),
        ("shantytown_redeveloped", "ledger", "300", "count", 300.0, "dwellings"),
    ],
)
def test_values_come_into_the_unit_of_the_measure(tmp_path, measure, kind, value, unit, base, code):
    target = one(tmp_path, measure=measure, kind=kind, value=value, unit=unit, baseline=value, baseline_year="2020")
    assert (target.value, target.unit) == (pytest.approx(base, rel=1e-14), code)
    assert target.baseline == target.value
    if measure in ("road_area_ratio", "gdp_growth"):
        assert target.value == base


def test_a_measure_that_is_called_by_its_title_is_told_its_name(tmp_path, monkeypatch):
    titled = dataclasses.replace(KNOWN["pocket_parks_built"], title=Text("口袋公园建设", "Pocket parks built"))
    monkeypatch.setattr(plans_, "registered", lambda own: KNOWN | {"pocket_parks_built": titled})
    assert 'what is titled so is called "pocket_parks_built"' in fault(tmp_path, measure="口袋公园建设")


@pytest.mark.parametrize(("sign", "operator"), [("≥", ">="), ("≤", "<="), ("=", "=="), ("＞", ">"), ("≈", "~="), (">=", ">=")])
def test_operators_as_people_write_them(tmp_path, sign, operator):
    assert one(tmp_path, operator=sign).operator == operator


def test_about_tolerates_five_per_cent_unless_the_plan_says_otherwise(tmp_path):
    assert one(tmp_path, operator="~=").tolerance == 0.05
    assert one(tmp_path, operator="~=", tolerance="0").tolerance == 0
    assert one(tmp_path, operator=">=", tolerance="3%").tolerance == 0.03


def test_a_trend_has_no_value(tmp_path):
    target = one(tmp_path, operator="trend_up", value="", unit="个")
    assert math.isnan(target.value)
    assert "takes no value" in fault(tmp_path, operator="trend_up")
    assert "value is missing" in fault(tmp_path, value="")


def test_a_status_is_a_step_of_the_ladder(tmp_path):
    target = one(tmp_path, measure="project_milestone", value="主体完工", unit="status", select="target")
    assert (target.value, target.unit, target.wanted, target.select) == (3.0, "status", "main_structure", "target")
    assert 'did you mean "started"' in fault(tmp_path, measure="project_milestone", value="startd", unit="status")
    assert "is not known" in fault(tmp_path, measure="project_milestone", value="cancelled", unit="status")
    assert "write unit status" in fault(tmp_path, value="started")
    assert "operator >=, not <" in fault(tmp_path, measure="project_milestone", value="started", unit="status", operator="<")
    assert "unit status fits records of a ledger" in fault(tmp_path, measure="gdp_growth", kind="statistic", value="started", unit="status")


def test_what_must_exist(tmp_path):
    target = one(tmp_path, measure="spatial_plan_system", operator="exists", value="1", unit="boolean")
    assert (target.value, target.unit) == (1.0, "boolean")
    assert one(tmp_path, operator="exists", value="1", unit="boolean").unit == "count"  # at least one of what is counted
    assert "unit boolean needs operator exists" in fault(tmp_path, measure="spatial_plan_system", value="1", unit="boolean")
    assert "unit boolean or count" in fault(tmp_path, measure="road_area_ratio", kind="metric", operator="exists", value="1", unit="%")
    assert "the value 1" in fault(tmp_path, measure="spatial_plan_system", operator="exists", value="2", unit="boolean")


def test_a_last_day_within_the_year(tmp_path):
    for said in ("2021-05-01", "2021/5/1", "2021.5.1", "2021年5月1日"):
        target = one(tmp_path, year=said)
        assert (target.year, target.due) == (2021, datetime.date(2021, 5, 1))
    assert one(tmp_path, year="2021年").due == datetime.date(2021, 12, 31)


def test_a_number_a_year_is_of_the_year(tmp_path):
    assert one(tmp_path, unit="count/yr").period == "year"
    assert "write period year, not stock" in fault(tmp_path, unit="count/yr", period="stock")


def test_a_relative_target(tmp_path):
    growth = {"measure": "sector_growth", "kind": "statistic", "value": "2", "unit": "pp", "select": "series:retail"}
    assert one(tmp_path, **growth, versus="metric:gdp_growth").versus == "metric:gdp_growth"
    assert one(tmp_path, **growth, versus="area：长春市").versus == "area:长春市"
    assert 'did you mean "gdp_growth"' in fault(tmp_path, **growth, versus="metric:gdp_groth")
    assert "cannot be taken off" in fault(tmp_path, **growth, versus="metric:gdp_total")
    assert "not understood" in fault(tmp_path, **growth, versus="gdp_growth")
    assert "not compared" in fault(tmp_path, versus="area:长春市")


def test_what_of_the_measure_is_meant(tmp_path):
    assert one(tmp_path, select="subtype：社区；target").select == "subtype:社区;target"
    sector = {"measure": "sector_growth", "kind": "statistic", "unit": "%"}
    assert one(tmp_path, **sector, select="series:industry").select == "series:industry"
    assert one(tmp_path, **sector, select="series:社会消费品零售总额").select == "series:retail"
    growth = {"measure": "gdp_growth", "kind": "statistic", "value": "2", "unit": "pp"}
    assert one(tmp_path, **growth, versus="metric:sector_growth/retail").versus == "metric:sector_growth/retail"
    assert 'has no series "retial"' in fault(tmp_path, **growth, versus="metric:sector_growth/retial")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"id": ""}, "id is missing"),
        ({"title_zh": ""}, "title_zh is missing"),
        ({"operator": "=>"}, 'operator "=>" is none of'),
        ({"operator": ""}, "operator is missing"),
        ({"value": "thirty"}, 'value "thirty" is no number'),
        ({"value": "1_000"}, 'value "1_000" is no number'),
        ({"value": "nan"}, "is no number"),
        ({"value": "1e999"}, "is no number"),
        ({"unit": "parsec"}, 'unit "parsec" is not known'),
        ({"unit": "亩"}, 'unit "亩" cannot be held against pocket_parks_built'),
        ({"measure": "shantytown_redeveloped", "unit": "户"}, "which is in dwellings"),
        ({"year": "25"}, 'year "25" is not possible'),
        ({"year": "2025-02-30"}, "is not possible"),
        ({"year": "3025"}, "is not possible"),
        ({"year": ""}, "year is missing"),
        ({"strength": "bindig"}, 'did you mean "binding"'),
        ({"standing": "gone"}, 'standing "gone" is none of'),
        ({"kind": "metrik"}, 'did you mean "metric"'),
        ({"period": "month"}, 'period "month" is none of'),
        ({"measure": "pocket_park_built"}, 'there is no ledger "pocket_park_built"; did you mean "pocket_parks_built"'),
        ({"measure": "gdp_growth"}, '"gdp_growth" is a statistic: write kind statistic'),
        ({"measure": ""}, "measure is missing"),
        ({"baseline": "3"}, "baseline has no baseline_year"),
        ({"baseline": "x", "baseline_year": "2020"}, 'baseline "x" is no number'),
        ({"baseline": "3", "baseline_year": "2026"}, "baseline_year 2026 is not before the year 2025"),
        ({"baseline": "3", "baseline_year": "two"}, 'baseline_year "two" is not possible'),
        ({"tolerance": "5"}, "5 per cent is 0.05"),
        ({"tolerance": "-0.1"}, "is not a share"),
        ({"theme": "greenery"}, 'theme "greenery" is not known; did you mean "green"'),
        ({"select": "kind:a"}, "is not understood"),
        ({"select": "series:a"}, "is not understood"),
        ({"measure": "sector_growth", "kind": "statistic", "unit": "%", "select": "series:retial"}, 'did you mean "retail"'),
        ({"measure": "road_area_ratio", "kind": "metric", "unit": "%", "variant": "statistics"}, 'did you mean "statistic"'),
        ({"successor": "changchun-2025-pocket-parks"}, "needs standing superseded or carried_over"),
        ({"standing": "superseded", "successor": "zixu-other"}, 'successor "zixu-other" does not exist'),
        ({"standing": "superseded", "successor": "zixu-parks"}, "is its own successor"),
    ],
)  # fmt: skip
def test_every_fault_of_a_row(tmp_path, cells, message):
    text = fault(tmp_path, **cells)
    assert message in text
    assert "data/plan.csv: 1 row cannot be used (line 2); correct them: docs/targets.md" in text
    assert len(text.splitlines()) == 2, text  # one fault is told once


def test_all_faults_are_told_in_one_error(tmp_path):
    good = {**ROW, "id": "good"}
    text = faults(tmp_path, {**ROW, "value": "x", "year": "y"}, good, {**ROW, "unit": "parsec"}, {**ROW, "id": "z", "kind": ""})
    assert "3 rows cannot be used (lines 2, 4, 5)" in text
    assert text.count("\n") == 5
    for part in (
        "line 2: (zixu-parks) value",
        "line 2: (zixu-parks) year",
        "line 4: (zixu-parks) unit",
        'line 4: id "zixu-parks"',
        "line 5:",
    ):
        assert part in text


def test_an_id_stands_once_in_all_plans(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "other.csv").write_text(sheet(ROW), encoding="utf-8")
    text = faults(tmp_path, ROW, more='[plans.other]\nfile = "data/other.csv"\n')
    assert "other.csv line 2" in text
    assert "is there already (plan own, line 2)" in text


def test_a_successor_in_a_shipped_plan_that_the_city_does_not_name_is_no_fault(tmp_path):
    target = one(tmp_path, standing="superseded", successor="changchun-2025-pocket-parks")
    assert target.successor == "changchun-2025-pocket-parks"


def test_ids_that_count_must_exist(tmp_path):
    assert 'did you mean "zixu-parks"' in faults(tmp_path, ROW, more='[targets]\ncounts = ["zixu-park"]\n')
    assert read(tmp_path, ROW, more='[targets]\ncounts = ["zixu-parks"]\n')


def test_an_awaited_metric_need_not_exist(tmp_path):
    target = one(tmp_path, kind="awaited", measure="rail_length", unit="km", value="235")
    assert (target.value, target.unit) == (235, "km")


def test_a_target_that_others_make(tmp_path):
    whole = {"kind": "targets", "measure": "dual_fast_system", "operator": "exists", "value": "1", "unit": "boolean"}
    target = one(tmp_path, **whole, select="both:zixu-rail；both:zixu-roads")
    assert (target.kind, target.select, target.unit) == ("targets", "both:zixu-rail;both:zixu-roads", "boolean")
    assert "needs two targets" in fault(tmp_path, **whole, select="both:zixu-rail")
    assert "needs two targets" in fault(tmp_path, **whole, select="both:zixu-rail;both:zixu-rail")
    assert "operator exists, unit boolean" in fault(tmp_path, **{**whole, "operator": ">=", "unit": "km"}, select="both:a;both:b")
    assert "is not understood" in fault(tmp_path, select="both:zixu-rail;both:zixu-roads")


def test_encodings_and_marks(tmp_path):
    text = sheet({**ROW, "note": "名录未尽，以后补充"})
    for content in (
        text.encode(), b"\xef\xbb\xbf" + text.encode(), text.encode("gb18030"), text.encode("utf-16"), text.replace("\n", "\r\n").encode(),
        text.replace(",", ";").encode(), text.replace(",", "\t").encode(),
    ):  # fmt: skip
        (target,) = read_plans(project_of(tmp_path, content), own=tmp_path)[1]
        assert (target.title.zh, target.note) == ("新建口袋公园", "名录未尽，以后补充")


def test_empty_columns_at_the_end_are_none(tmp_path):
    content = "".join(f"{line},,\n" for line in sheet(ROW).splitlines()) + ",,,,,,,,,\n\n"
    assert [target.id for target in read_plans(project_of(tmp_path, content), own=tmp_path)[1]] == ["zixu-parks"]


ODD = st.sampled_from(
    ["", "1", "-1", "２５", "1e9", "1e99", "nan", "0x1", "%", "亩", "status", "已竣工", "2025", "0001-01-01", "9999", "ledger", "metric", "target",
     "subtype:", "series:x", "metric:", ":", ";", "==", "exists", "trend_up", "stock", "\x00", "\u202e", "=1+1", '"', ",", "a" * 300]
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(COLUMNS), ODD, max_size=8), min_size=1, max_size=3))
def test_any_cells_give_targets_or_one_error(tmp_path, changes):
    rows = [{**ROW, "id": f"t{place}", **cells} for place, cells in enumerate(changes)]
    told, targets = "plan.csv", []
    try:
        targets = read(tmp_path, *rows)
    except PlanError as error:
        told = str(error)
    assert "plan.csv" in told
    assert "\x00" not in told
    assert len(targets) == (len(rows) if told == "plan.csv" else 0)
    for target in targets:
        assert 1949 <= target.year <= 2100
        assert math.isfinite(target.value) or target.operator.startswith("trend")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_give_one_error(tmp_path, content):
    with pytest.raises(PlanError, match=r"plan\.csv"):
        read_plans(project_of(tmp_path, content), own=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; its first line must name the columns"),
        (b"PK\x03\x04aaaa", "is a workbook; save its sheet as CSV"),
        (b"\xff\xff\xfe\x00\x81", "text is neither UTF-8 nor Chinese in GBK"),
        (b'id,"title', "is not a table"),
        ("2025年目标表,,\n" + sheet(ROW), "names no column of a plan (a title above the head?)"),
        (sheet(ROW).replace("\n", ",,\n", 1) + "a,b,c,d,e,f,g,h,i\n", "line 3: has 9 cells where the head has 8"),
        (b"id,title_zh,operator\n", "has no column unit, year, kind, measure"),
        (sheet({**ROW, "baseline_yr": "2022"}), 'unknown column "baseline_yr"; did you mean "baseline_year"'),
        ("id,id,title_zh,operator,unit,year,kind,measure\n", "stands in the head more than once"),
        (sheet(ROW) + "zixu-2,a,b\n", "line 3: has 3 cells where the head has 8"),
    ],
)
def test_a_file_that_is_no_plan(tmp_path, content, message):
    with pytest.raises(PlanError) as caught:
        read_plans(project_of(tmp_path, content), own=tmp_path)
    assert message in str(caught.value)
    assert "plan.csv" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(PlanError, match=r"none\.csv: no such file; paths are relative to city\.toml"):
        read_plans(project_of(tmp_path, sheet(ROW), plan='file = "data/none.csv"'), own=tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in the file system")
def test_what_never_ends_is_not_read(tmp_path):
    """A pipe, a device, a file that no plan fills: for the plan and for the project's declarations."""
    project_of(tmp_path, sheet(ROW))
    os.mkfifo(tmp_path / "data" / "pipe.csv")
    for file in ("data/pipe.csv", "/dev/zero", "data"):
        with pytest.raises(PlanError, match=r"is a folder, a pipe or a device; name the CSV of the plan"):
            read_plans(project_of(tmp_path, sheet(ROW), plan=f'file = "{file}"'), own=tmp_path)
    project = project_of(tmp_path, sheet(ROW))
    with (tmp_path / "data" / "plan.csv").open("r+b") as stream:
        stream.truncate(MOST_BYTES + 1)  # takes no place
    with pytest.raises(PlanError, match=r"plan\.csv: has 32 MiB, more than any plan"):
        read_plans(project, own=tmp_path)
    (tmp_path / "data" / "ledger").mkdir()
    (tmp_path / "data" / "ledger" / "endless.toml").symlink_to("/dev/zero")
    with pytest.raises(ProjectError, match=r"endless\.toml: is a folder, a pipe or a device, not a file"):
        ledger_metrics(tmp_path)


def test_a_plan_that_nobody_ships(tmp_path):
    with pytest.raises(PlanError, match='did you mean "luyuan-14th-five-year"'):
        read_plans(project_of(tmp_path, sheet(ROW), "[plans.luyuan-14th-5-year]\n"), own=tmp_path)


def test_hostile_cells_are_texts(tmp_path):
    target = one(tmp_path, title_zh='=cmd|"/c calc"!A1', note="a\x1b[31mred\x07\nb", title_en="<script>alert(1)</script>")
    assert target.title == Text('=cmd|"/c calc"!A1', "<script>alert(1)</script>")
    assert target.note == "a [31mred b"
    assert "\x1b" not in fault(tmp_path, id="\x1b[31m", value="\x1b")


def test_a_note_in_two_languages(tmp_path):
    assert note_of(one(tmp_path, note="中文 | English")) == Text("中文", "English")
    assert note_of(one(tmp_path, note="一种")) == Text("一种", "一种")
    assert note_of(one(tmp_path)) == Text("", "")


def test_what_city_toml_says_of_a_plan(tmp_path):
    said = 'file = "data/plan.csv"\ntitle = { zh = "子虚计划", en = "Zixu plan" }\nauthority = "子虚市政府"\nstanding = "draft"\nissued = "2024"'
    plans, _ = read_plans(project_of(tmp_path, sheet(ROW), plan=said), own=tmp_path)
    plan = plans["own"]
    assert (plan.title.en, plan.authority.zh, plan.standing, plan.issued, plan.shipped) == (
        "Zixu plan",
        "子虚市政府",
        "draft",
        "2024",
        False,
    )
    shipped, targets = read_plans(
        project_of(tmp_path, sheet(ROW), '[plans.luyuan-14th-five-year]\nstanding = "in_force"\n[targets]\narea = "长春市"\n'), own=tmp_path
    )
    assert (shipped["luyuan-14th-five-year"].standing, shipped["luyuan-14th-five-year"].area) == ("in_force", "绿园区")
    assert shipped["own"].area == "长春市"
    assert len(targets) == 70
    assert {target.area for target in targets} == {"长春市", "绿园区"}


def test_themes_are_few_and_have_both_titles():
    assert 0 < len(themes()) <= 12
    assert all(title.zh and title.en and title.zh != title.en for title in themes().values())


def test_every_column_is_a_field_of_a_target():
    fields = set(Target.__dataclass_fields__)
    assert set(COLUMNS) - {"title_zh", "title_en"} <= fields
