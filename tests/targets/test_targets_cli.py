"""``spatial targets``: every command answers in both languages, as text and as JSON, and says clearly what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spatial.cli import main
from tests.targets.standing_city import FORMULA, LEDGER, PLANS, standing_project


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return standing_project(tmp_path_factory.mktemp("targets")).parent


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    """Run a command; its output, having asserted its exit code."""

    def run(*arguments: object, code: int = 0) -> str:
        words = [str(word) for word in arguments]
        quiet = [] if words[0] in ("list", "check") else ["--quiet"]
        assert main(["targets", *words, *quiet]) == code
        captured = capsys.readouterr()
        return captured.err if code not in (0, 3) or not captured.out else captured.out

    return run


@pytest.mark.parametrize(
    ("command", "code", "zh", "en"),
    [
        (["list"], 0, ["T-2024", "2024 年 ≥ 5 个", "尚不能测算", "5 项目标，2 个规划"], ["≥ 5 by 2024", "stretch", "not measurable yet", "5 targets of 2 plans"]),
        (["check"], 3, ["T-2026", "U-2026", "未定"], ["two values for one thing", "undecided", '[targets] counts = ["T-2026"]']),
        (["status"], 0, ["到期未达到", "37.5%", "49.9%", "力争 1 项：进度正常 1", "约束 4 项：进度滞后 2", "《试城规划》（试城人民政府，现行）"], ["not met", "10,000 people", "binding 4: behind 2 · not met 1", "stretch 1: on track 1"]),
        (["overdue"], 0, ["L4", "29", "城管局", "L4;L5;L6;L8", "逾期任务 1 项"], ["due within 30 days", "1 target due and not met, 1 task overdue"]),
        (["define", "T-people"], 0, ["常住人口", "10,000 人", "据此判定"], ["Population (judged by it)", "Residents"]),
        (["changes"], 0, ["无佐证", "推迟 12 天", "验收〔2025〕1号", "销号 2 项，其中 1 项没有任何佐证"], ["NO PROOF", "look into it", "2 struck off, 1 of them"]),
        (["forecast"], 0, ["晚 2.2 年", "可按期", "规划矛盾"], ["about 2027-02, 2.2 years late", "in time", "1 more has no value"]),
        (["problems"], 0, ["雨后积水", "无项目", "500 万元", "3 个体检问题，2 个没有项目回应"], ["CX-9", "中央预算", "3 problems, 2 that no project answers", "3,000 people gain (each project once)"]),
        (["tasks"], 0, ["逾期 1 · 30 日内到期 1", "120 万元", "a.jpg → b.jpg"], ["in no area", "14 tasks: overdue 1", "6.2 million CNY in all, 1.2 million CNY of it overdue (12 of 14 name no money)"]),
        (["left-out"], 0, ["未来路灯", "2026-01-01"], ["L10", "lies after"]),
    ],
    ids=["list", "check", "status", "overdue", "define", "changes", "forecast", "problems", "tasks", "left-out"],
)  # fmt: skip
def test_every_command_answers_in_both_languages(city, said, command, code, zh, en):
    for lang, words in (("zh", zh), ("en", en)):
        text = said(*command, city, "--lang", lang, code=code)
        for word in words:
            assert word in text, (lang, word, text)
        if command[0] not in ("list", "check"):
            assert "合成数据 synthetic data" in text
            assert "left-out" in text  # how many rows were left out, and where they are listed


@pytest.mark.parametrize(
    "command", [["status"], ["overdue"], ["define", "T-people"], ["forecast"], ["changes"], ["problems"], ["tasks"], ["left-out"]]
)
def test_json_is_json(city, said, command):
    found = json.loads(said(*command, city, "--json"))
    assert found["date"] == "2025-06-30"
    assert found["left_out"] == 1
    assert found["rows"]
    assert all(isinstance(line, str) for line in found["said"])


def test_wide_shows_every_column(city, said):
    narrow, wide = (said("status", city, "--lang", "en", *more) for more in ((), ("--wide",)))
    for word in ("Baseline", "Measured or confirmed", "Government of the trial city"):
        assert word not in narrow.splitlines()[1]
        assert word in wide
    assert "Assisting unit" in said("tasks", city, "--lang", "en", "--wide")


def test_json_of_what_needs_no_city(city, said):
    assert len(json.loads(said("list", city, "--json"))["rows"]) == 5
    found = json.loads(said("check", city, "--json", code=3))
    assert found["undecided"] == sum(not row["decided"] for row in found["rows"])


def test_filters(city, said):
    def ids(*arguments: str) -> set[str]:
        return {row.get("target_id") or row["id"] for row in json.loads(said(*arguments, city, "--json"))["rows"]}

    assert ids("list", "--plan", "campaign") == {"U-2026"}
    assert ids("list", "--theme", "governance") == {"T-people"}
    assert ids("list", "--kind", "awaited") == {"T-later"}
    assert ids("list", "--area", "别处") == set()
    assert ids("status", "--plan", "campaign") == {"U-2026"}
    assert ids("status", "--status", "not_met") == {"T-2024"}
    assert ids("forecast", "--theme", "governance") == {"T-people"}
    assert ids("tasks", "--due", "overdue") == {"L4"}


def test_single_areas_only_where_they_are_asked_for(city, said):
    assert not any(row["indicative"] for row in json.loads(said("status", city, "--json"))["rows"])
    rows = json.loads(said("status", city, "--json", "--by", "districts"))["rows"]
    split = [row["target"] for row in rows if row["target_id"] == "T-2024" and row["indicative"]]
    assert len(split) == 4
    assert sum(split) == 5


def test_another_day(city, said):
    rows = json.loads(said("tasks", city, "--json", "--date", "2025-06-10"))["rows"]
    assert {row["id"]: row["days"] for row in rows if row["due"] == "overdue"} == {"L4": 9}
    assert json.loads(said("status", city, "--json", "--date", "2024-12-31"))["date"] == "2024-12-31"


def test_an_older_ledger_may_be_named(city, said):
    """The ledger held against itself: nothing changed."""
    old = city / "data" / "ledger.csv"
    found = json.loads(said("changes", city, "--json", "--old", old, "--old-date", "2025-06-30"))
    assert found["rows"] == []
    assert "nothing differs" in said("changes", city, "--lang", "en", "--old", old, "--old-date", "2025-06-30")


def test_a_formula_and_a_terminal_code_are_text(city, said):
    assert FORMULA[:20] in said("tasks", city, "--lang", "en")


def test_the_folder_one_is_in(city, said, monkeypatch):
    monkeypatch.chdir(city)
    assert "L4" in said("tasks")
    assert "5 targets" in said("list")


def test_outside_a_project_the_shipped_plans_are_listed(tmp_path, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = json.loads(said("list", "--json"))["rows"]
    assert len(rows) == 481
    assert len({row["id"] for row in rows}) == 481


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["define", "T-2025"], 'there is no target "T-2025"; did you mean "T-20'),
        (["status", "--plan", "citi"], 'there is no plan "citi"; did you mean "city"?'),
        (["status", "--theme", "x"], 'there is no theme "x"'),
        (["list", "--theme", "x"], 'there is no theme "x"'),
        (["status", "--status", "meet"], 'there is no status "meet"; did you mean "met"?'),
        (["status", "--by", "distrikts"], "did you mean"),
        (["changes", "--old", "x.csv"], "--old-date 2025-05-31"),
    ],
)
def test_what_is_not_known_is_told_before_the_city_is_read(city, said, monkeypatch, command, words):
    import spatial.project

    def read(*args, **kwargs):
        raise AssertionError("the city was read")

    monkeypatch.setattr(spatial.project, "open_city", read)
    assert words in said(*command, city, code=2)


@pytest.mark.parametrize(
    "command", [["list"], ["check"], ["status"], ["overdue"], ["define", "T"], ["forecast"], ["changes"], ["problems"], ["tasks"]]
)
def test_without_plan_or_ledger_one_line_says_so(tmp_path, said, command):
    path = standing_project(tmp_path, "")
    text = said(*command, path, code=2)
    assert len(text.splitlines()) == 1
    needs_ledger = command[0] in ("changes", "problems", "tasks")
    assert ("names no ledger" if needs_ledger else "names no plan") in text


def test_a_ledger_alone_has_a_duty_list_and_no_status(tmp_path, said):
    path = standing_project(tmp_path, LEDGER)
    assert "29" in said("overdue", path)
    assert "names no plan" in said("status", path, code=2)


def test_no_older_ledger(tmp_path, said):
    path = standing_project(tmp_path, PLANS + LEDGER.replace('previous = "data/ledger-old.csv"\nprevious_date = "2025-05-31"\n', ""))
    assert "names no older ledger" in said("changes", path, code=2)


def test_an_older_ledger_is_not_the_younger_one(tmp_path, city, said):
    old = city / "data" / "ledger.csv"
    assert "--old-date 2025-07-01 lies after" in said("changes", city, "--old", old, "--old-date", "2025-07-01", code=2)
    path = standing_project(tmp_path, PLANS + LEDGER.replace("2025-05-31", "2025-07-31"))
    assert "previous_date 2025-07-31 lies after the date 2025-06-30" in said("changes", path, code=2)


@pytest.mark.parametrize("day", ["30.6.2025", "2025-02-29", "yesterday"])
def test_a_day_that_is_none(city, capsys, day):
    with pytest.raises(SystemExit) as stopped:
        main(["targets", "status", str(city), "--date", day])
    assert stopped.value.code == 2
    assert "write it as 2025-06-30" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["list", "check", "status", "overdue", "define", "changes", "forecast", "problems", "tasks", "left-out"]
)
def test_help(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main(["targets", command, "--help"])
    assert stopped.value.code == 0
    assert "city.toml" in capsys.readouterr().out


def test_the_help_names_the_command_for_each_question(capsys):
    with pytest.raises(SystemExit):
        main(["targets", "--help"])
    text = capsys.readouterr().out
    for command in ("overdue", "define TARGET", "changes", "forecast", "problems"):
        assert f"spatial targets {command}" in text


def test_why_the_yearbook_differs(tmp_path, said):
    """10,000 people on the map, 1.1 万人 in the yearbook: 1,000 more, of another year."""
    path = standing_project(tmp_path, PLANS + LEDGER + '\n[statistics]\nfile = "data/statistics.csv"\n')
    rows = "area,metric,series,year,value,unit,source\n试城,population,,2023,1.1,万人,试城统计年鉴 2024\n试城,population,,2022,9000,人,旧年鉴\n"
    (path.parent / "data" / "statistics.csv").write_text(rows, encoding="utf-8")
    text = said("define", "T-people", path, "--lang", "en")
    for words in (
        "yearbook, 2023",
        "11,000 people",
        "试城统计年鉴 2024",
        "1,000 people more",
        "the years differ (yearbook 2023, data 2025)",
    ):
        assert words in " ".join(text.split()), words
    assert "高 1,000 人" in said("define", "T-people", path, "--lang", "zh").replace("\n    ", "")


def test_why_targets_cannot_be_judged_is_a_reason_and_not_the_frame(tmp_path, said):
    """Two increments of types of which the ledger has no record, one with a scope: the period and the scope are no reasons."""
    rows = """\
id,clause,area,scope,title_zh,title_en,theme,operator,value,unit,strength,baseline,baseline_year,year,kind,measure,period
N-1,一,试城,,打通断头路,Dead ends,transport,>=,5,count,binding,0,2024,2025,ledger,dead_end_roads_opened,year
N-2,二,试城,urban_area,老旧小区,Old compounds,renewal,>=,8,count,binding,0,2022,2025,ledger,old_communities_renovated,plan
"""
    path = standing_project(tmp_path)
    (tmp_path / "data" / "campaign.csv").write_text(rows, encoding="utf-8")
    out = said("status", path, "--plan", "campaign", "--lang", "zh")
    assert "2 项无法判定：台账中没有该类型的记录" in out
    assert "无法判定：2024-12-31" not in out
    assert "2 cannot be judged: the ledger has no record of this type" in said("status", path, "--plan", "campaign", "--lang", "en")


def test_records_that_no_metric_asks_for_are_told(city, said):
    """Two parking projects and a toilet, which answer check-up problems, are of types that no ledger metric knows; check-up problems are known."""
    out = said("tasks", city, "--lang", "en")
    assert "3 records listed as tasks and counted for no target: no ledger metric asks for the type (停车项目 2, 公厕项目 1)" in out
    assert "3 条记录只列为任务，不计入任何目标" in said("status", city, "--lang", "zh")
