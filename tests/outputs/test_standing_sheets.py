"""How a city stands in the workbook and in the run's folder: whole, harmless, in units that people read, the same bytes every time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from spatial.city_toml import parse_project
from spatial.cli import main
from spatial.measurement import measure
from spatial.outputs.tables import write_tables
from spatial.project import open_city
from spatial.targets.model import TARGET_TABLE, TASK_TABLE
from spatial.targets.standing import standing_of
from tests.targets.standing_city import FORMULA, standing_project

SHEETS = {
    "zh": ["目标", "任务台账", "逾期与到期", "口径", "变化", "进度预测", "体检问题", "未计入"],
    "en": ["Targets", "Tasks", "Overdue", "Which definition", "Changes", "Forecast", "Check-up problems", "Left out"],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results and standing of the small city."""
    path = standing_project(tmp_path_factory.mktemp("standing"))
    city = open_city(path)
    results = measure(city, ["population", "lamps_lit"], lang="zh")
    return results, standing_of(parse_project(path), city, results)


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("tables")
    results, standing = made
    write_tables(results, out, standing)
    write_tables(results.with_lang("en"), out / "en", standing)
    return out


def book(folder: Path):
    return openpyxl.load_workbook(folder / "metrics.xlsx")


def rows_of(sheet, *, first: str) -> list[dict[str, object]]:
    """Rows below the head, which begins with ``first``."""
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    head = next(number for number, row in enumerate(rows) if row[0] == first)
    return [dict(zip(rows[head], row, strict=True)) for row in rows[head + 1 :] if any(cell is not None for cell in row)]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, encoding="utf-8-sig", dtype=str, keep_default_na=False)


def test_without_a_standing_everything_is_as_before(made, tmp_path):
    results, _ = made
    assert [path.name for path in write_tables(results, tmp_path)] == ["metrics.csv", "metrics.parquet", "metrics.xlsx"]
    assert not set(book(tmp_path).sheetnames) & set(SHEETS["zh"])


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_sheet_is_there_with_head_filter_and_frozen_panes(folder, lang):
    found = book(folder if lang == "zh" else folder / "en")
    assert [name for name in found.sheetnames if name in SHEETS[lang]] == SHEETS[lang]
    for name in SHEETS[lang]:
        sheet = found[name]
        assert "2025-06-30" in sheet["A1"].value
        assert "synthetic" in sheet["A1"].value
        assert sheet.freeze_panes
        assert sheet.auto_filter.ref, name


def test_targets_say_what_is_known_by_hand(folder):
    sheet = book(folder)["目标"]
    assert sheet["A2"].value == "约束 4 项：进度滞后 2 · 到期未达到 1 · 尚不能测算 1"
    assert sheet["A3"].value == "力争 1 项：进度正常 1"
    assert "1 行未计入" in sheet["A4"].value
    rows = [row for row in rows_of(sheet, first="编号") if row["示意"] is None]
    assert rows[-1]["编号"] == "T-people"  # what a plan only strives for stands apart
    lamps = next(row for row in rows if row["编号"] == "T-2024")
    assert (lamps["要求"], lamps["现状"], lamps["状态"], lamps["差额"], lamps["进度"]) == ("2024 年 ≥ 5 个", 3, "到期未达到", 2, 0.6)
    assert (lamps["未完成项目"], lamps["牵头单位"], lamps["约束力"], lamps["规划效力"]) == ("L4;L5;L6;L8", "住建局；城管局", "约束", "现行")
    assert next(row for row in rows if row["编号"] == "T-people")["约束力"] == "力争"


def test_what_is_indicative_is_marked_and_adds_up(folder):
    rows = rows_of(book(folder / "en")["Targets"], first="Id")
    split = [row for row in rows if row["Id"] == "T-2026" and row["Indicative"]]
    assert {row["Indicative"] for row in split} == {"indicative 示意"}
    assert sum(int(str(row["Wanted"]).split()[1]) for row in split) == 8


def test_units_are_those_that_people_read(folder):
    """A share as per cent, money in 万元, no float with fourteen digits."""
    sheet = book(folder)["任务台账"]
    cell = next(cell for row in sheet.iter_rows() for cell in row if cell.value == 120)
    assert cell.number_format == '#,##0.00" 万元"'
    people = next(cell for row in book(folder)["目标"].iter_rows() for cell in row if cell.number_format == '#,##0" 人"')
    share = next(cell for row in book(folder)["目标"].iter_rows() for cell in row if cell.value == 0.6)
    assert share.number_format == "0.0%"
    assert people.value == 10000
    for name in SHEETS["zh"]:
        for row in book(folder)[name].iter_rows():
            assert all(len(repr(cell.value)) < 12 for cell in row if isinstance(cell.value, float))


def test_a_status_is_coloured_and_stands_in_words(folder):
    sheet = book(folder)["目标"]
    colours = {
        cell.value: cell.fill.fgColor.rgb
        for row in sheet.iter_rows(min_row=5)
        for cell in row
        if cell.value in ("到期未达到", "进度滞后", "已达到")
    }
    assert len(colours) == 3
    assert len(set(colours.values())) == 3


def test_what_is_overdue_names_unit_project_and_district(folder):
    rows = rows_of(book(folder)["逾期与到期"], first="类别")
    target, task = rows[0], next(row for row in rows if row["类别"] == "任务")
    assert (target["编号"], target["超期天数"], target["差额"], target["未完成项目"]) == ("T-2024", 181, 2, "L4;L5;L6;L8")
    assert (task["编号"], task["超期天数"], task["区域"], task["牵头单位"], task["资金来源"]) == ("L4", 29, "宽城区", "城管局", "专项债")
    assert rows[-1]["超期天数"] == -10


def test_the_five_questions_have_their_places(folder):
    found = book(folder)
    assert [row["判定口径"] for row in rows_of(found["口径"], first="目标编号")] == ["是"] * 4
    struck = {row["编号"]: row["销号"] for row in rows_of(found["变化"], first="变化") if row["销号"]}
    assert struck == {"L2": "无佐证！", "L1": "有佐证"}
    forecast = [[cell.value for cell in row] for row in found["进度预测"].iter_rows()]
    assert any("晚 2.2 年" in str(row) for row in forecast)
    assert ["规划矛盾"] in [[cell for cell in row if cell] for row in forecast]
    assert [row["体检问题"] for row in rows_of(found["体检问题"], first="体检问题")] == ["C2", "C3", "CX-9", "C1"]
    assert [row["编号"] for row in rows_of(found["未计入"], first="来源")] == ["L10"]


def test_what_a_deputy_mayor_reads_first_stands_above_the_table(folder):
    """The same sentences as in the terminal; what changed says since when."""
    found = book(folder)
    assert found["逾期与到期"]["A2"].value == "到期未达到的目标 1 项，逾期任务 1 项"
    assert found["变化"]["A2"].value == "与 2025-05-31 的台账相比，6 处变化；销号 2 项，其中 1 项没有任何佐证"
    assert found["体检问题"]["A2"].value.startswith(
        "3 个体检问题，2 个没有项目回应；1 个项目（各计一次），投资合计 500 万元，受益 3,000 人"
    )
    assert "since the ledger of 2025-05-31" in book(folder / "en")["Changes"]["A2"].value


def test_no_formula_anywhere(folder):
    for path in (folder, folder / "en"):
        for sheet in book(path):
            for row in sheet.iter_rows():
                assert all(cell.data_type != "f" and cell.hyperlink is None for cell in row)
    names = read(folder / "tasks.csv")["name"]
    assert f"'{FORMULA}" in set(names)
    assert not [name for name in names if name.startswith(("=", "+", "@"))]


def test_tables_have_a_bom_are_sorted_and_whole(folder):
    for name, columns in (("targets.csv", [*TARGET_TABLE, "due"]), ("tasks.csv", [*TASK_TABLE, "note"])):
        raw = (folder / name).read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf")
        assert b"\r" not in raw
        assert list(read(folder / name).columns) == columns
    targets, tasks = read(folder / "targets.csv"), read(folder / "tasks.csv")
    assert tasks["id"].tolist() == sorted(tasks["id"])
    assert targets["target_id"].tolist() == sorted(targets["target_id"])
    assert targets.set_index("target_id").loc["T-later", "value"] == ""  # absent, not 0
    assert all("合成数据 synthetic data" in note for note in (*targets["note_zh"], *tasks["note"]))
    assert read(folder / "left_out.csv")[["source", "id"]].to_numpy().tolist() == [["ledger", "L10"]]


def test_the_same_input_gives_the_same_bytes(made, folder, tmp_path):
    results, standing = made
    shuffled = {name: getattr(standing, name).sample(frac=1, random_state=3) for name in ("targets", "tasks", "left_out")}
    write_tables(results, tmp_path / "again", standing)
    write_tables(results, tmp_path / "shuffled", replace(standing, **shuffled))
    for name in ("targets.csv", "tasks.csv", "left_out.csv", "metrics.xlsx"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name
    for name in ("targets.csv", "tasks.csv", "left_out.csv"):
        assert (tmp_path / "shuffled" / name).read_bytes() == (folder / name).read_bytes(), name


def test_no_single_record_of_a_secret_ledger(made, tmp_path):
    results, standing = made
    hidden = replace(results.city, ledger=replace(results.city.ledger, sensitivity="secret"))
    write_tables(replace(results, city=hidden), tmp_path, standing)
    assert read(tmp_path / "tasks.csv").empty
    assert read(tmp_path / "left_out.csv").empty
    texts = [str(cell.value) for sheet in book(tmp_path) for row in sheet.iter_rows() for cell in row]
    assert not [text for text in texts if ("路灯" in text and text != "已竣工的路灯数。") or text == "L4"]
    assert any("涉密" in text for text in texts)
    assert read(tmp_path / "targets.csv").set_index("target_id").loc["T-2024", "value"].iloc[0] == "3"  # what is counted stays


def test_a_run_names_its_plans(tmp_path, monkeypatch):
    """And writes the tables beside the metrics; what the map and the GeoPackage show of it, their own tests say."""
    import spatial.outputs.folder

    given = {}

    def light(results, path, *, standing=None):
        given[path.name] = standing
        path.write_text("light", encoding="utf-8")

    for name in ("write_map", "write_geopackage"):
        monkeypatch.setattr(spatial.outputs.folder, name, light)
    path = standing_project(tmp_path / "city")
    assert main(["run", str(path), "--quiet", "--metrics", "population", "--out", str(tmp_path / "out")]) == 0
    assert all(standing.date.isoformat() == "2025-06-30" for standing in given.values())
    assert set(given) == {"city.gpkg", "map.html"}
    run = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert {"targets.csv", "tasks.csv", "left_out.csv"} <= set(run["files"])
    assert run["plans"] == {
        "campaign": {"file": "campaign.csv", "title": "亮灯行动方案", "standing": "in_force"},
        "city": {"file": "plan.csv", "title": "试城规划", "standing": "in_force"},
    }
    assert run["targets_date"] == "2025-06-30"
    assert run["targets"] == {"behind": 2, "not_met": 1, "not_measurable": 1}
    assert run["stretch_targets"] == {"on_track": 1}
    assert run["tasks"] == {"cancelled": 2, "done": 3, "due": 1, "later": 2, "overdue": 1, "undated": 5}
    assert run["left_out"] == 1


def test_a_wrong_plan_is_told_before_the_city_is_read(tmp_path, monkeypatch, capsys):
    import spatial.project

    def read_all(*args, **kwargs):
        raise AssertionError("the city was read")

    monkeypatch.setattr(spatial.project, "open_city", read_all)
    path = standing_project(tmp_path)
    plan = path.parent / "data" / "plan.csv"
    plan.write_text(plan.read_text("utf-8").replace(">=,5,count", ">>,five,count"), encoding="utf-8")
    assert main(["run", str(path), "--quiet"]) not in (0, 70)
    assert "plan.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: (path.parent / "data" / "ledger-old.csv").write_text("id,name\n1,x\n", encoding="utf-8"), "ledger-old.csv"),
        (
            lambda path: path.write_text(path.read_text("utf-8").split("[ledger]")[0].replace('date = "2025-01-01"', ""), encoding="utf-8"),
            "--date",
        ),
    ],
    ids=["the older ledger", "the day"],
)
def test_what_cannot_be_judged_is_told_before_anything_is_measured(tmp_path, monkeypatch, capsys, change, words):
    import spatial.measurement

    def measure_all(*args, **kwargs):
        raise AssertionError("the city was measured")

    monkeypatch.setattr(spatial.measurement, "measure", measure_all)
    path = standing_project(tmp_path)
    change(path)
    assert main(["run", str(path), "--quiet"]) in (2, 3)
    assert words in capsys.readouterr().err
