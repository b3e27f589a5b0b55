"""How a city stands: on which day, with which plans, and with nothing where it has none."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from spatial.city_toml import parse_project
from spatial.errors import OptionError
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.project import open_city
from spatial.targets.model import CHANGES, CONTRADICTIONS, PROBLEMS, TARGET_TABLE, TASK_TABLE
from spatial.targets.standing import metrics_needed, plans_of, standing_of
from tests.targets.standing_city import LEDGER, PLANS, standing_project


def stand(folder, text=PLANS + LEDGER, day=None, measured=True):
    path = standing_project(folder, text)
    project, city = parse_project(path), open_city(path)
    return standing_of(project, city, measure(city, ["population"]) if measured else None, day=day)


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    return stand(tmp_path_factory.mktemp("standing"))


def test_the_day_is_that_of_the_ledger_never_today(standing):
    assert standing.date == date(2025, 6, 30)


def test_every_table_has_its_columns(standing):
    for name, columns in (("tasks", TASK_TABLE), ("contradictions", CONTRADICTIONS), ("changes", CHANGES), ("problems", PROBLEMS)):
        assert list(getattr(standing, name).columns) == list(columns), name
    assert set(TARGET_TABLE) <= set(standing.targets.columns)
    assert list(standing.plans) == ["city", "campaign"]


def test_it_says_what_is_known_by_hand(standing):
    own = standing.targets[~standing.targets["indicative"].astype(bool)].set_index("target_id")
    assert own["status"].to_dict() == {
        "T-2024": "not_met", "T-2026": "behind", "T-people": "on_track", "T-later": "not_measurable", "U-2026": "behind",
    }  # fmt: skip
    assert own["value"].fillna(-1).to_dict() == {"T-2024": 3, "T-2026": 3, "T-people": pytest.approx(10_000), "T-later": -1, "U-2026": 3}
    assert own.loc["T-2024", "due"] == "2024-12-31"
    assert standing.tasks["due"].value_counts().to_dict() == {"undated": 5, "done": 3, "later": 2, "cancelled": 2, "overdue": 1, "due": 1}
    assert standing.tasks.iloc[0][["id", "days", "lead_unit", "investment", "area_name"]].tolist() == ["L4", 29, "城管局", 1.2e6, "宽城区"]
    assert standing.left_out[["source", "id"]].to_numpy().tolist() == [["ledger", "L10"]]
    assert set(standing.contradictions["kind"]) >= {"two_values"}
    assert standing.tasks.set_index("id")["confirmed"][["L1", "L3", "P1"]].tolist() == ["no", "yes", ""]


def test_changes_lie_where_the_tasks_lie(standing):
    assert standing.changes.set_index(["id", "what"])["area_name"][("L4", "due_date")] == "宽城区"  # the ledger says 宽城
    struck = standing.changes[standing.changes["struck_off"].astype(bool)].set_index("id")["proof"]
    assert struck.to_dict() == {"L2": "", "L1": "验收〔2025〕1号"}


def test_another_day_is_another_answer(tmp_path):
    """On 10 June L1 had just been done, L2 not; L4 was nine days overdue."""
    found = stand(tmp_path, day=date(2025, 6, 10)).tasks.set_index("id")
    assert found["due"][["L1", "L2", "L4"]].tolist() == ["done", "due", "overdue"]
    assert found["days"][["L2", "L4"]].tolist() == [-5, 9]


def test_a_day_after_the_ledger_is_told(tmp_path):
    notes = stand(tmp_path, day=date(2025, 7, 5)).notes
    assert any("what was done since" in note.en and "截至 2025-06-30" in note.zh for note in notes)
    assert not any("fell due" in note.en for note in notes)


def test_what_begins_anew_each_year_is_reached_in_no_later_one(tmp_path):
    """Two lamps lit this year of nine that it asks for: no later year brings the other seven. Of all the lamps there are, the line goes on."""
    path = standing_project(tmp_path)
    plan = tmp_path / "data" / "campaign.csv"
    plan.write_text(plan.read_text(encoding="utf-8").replace("U-2026", "Y-2025").replace(">=,9,count,binding,0,2023,2026", ">=,9,count,binding,,,2025")
                    .replace("lamps_lit,stock", "lamps_lit,year"), encoding="utf-8")  # fmt: skip
    city = open_city(path)
    table = standing_of(parse_project(path), city, None).targets.query("not indicative").set_index("target_id")
    assert bool(table.loc["Y-2025", "yearly"])
    assert pd.isna(table.loc["Y-2025", "forecast_year"])
    assert not table.loc["T-2026", "yearly"]
    assert table.loc["T-2026", "forecast_year"] > 2026


def test_tasks_that_fell_due_after_the_ledger_may_be_done(tmp_path):
    """L5 is due on 10 July, of which the ledger of 30 June cannot know."""
    notes = stand(tmp_path, day=date(2025, 7, 15)).notes
    assert any("1 task fell due in between" in note.en and "1 项任务在此期间到期" in note.zh for note in notes)


def test_without_plan_and_ledger_there_is_nothing_to_say(tmp_path):
    assert stand(tmp_path, "") is None


def test_plans_without_a_ledger(tmp_path):
    """Judged on the day of the data, 2025-01-01; nothing is known of lamps."""
    found = stand(tmp_path, PLANS)
    assert found.date == date(2025, 1, 1)
    assert found.tasks.empty
    assert found.changes.empty
    assert found.problems.empty
    assert found.left_out.empty
    own = found.targets[~found.targets["indicative"].astype(bool)].set_index("target_id")["status"]
    assert own["T-2024"] == "no_data"
    assert own["T-people"] == "on_track"


def test_a_ledger_without_plans(tmp_path):
    found = stand(tmp_path, LEDGER, measured=False)
    assert found.targets.empty
    assert found.plans == {}
    assert len(found.tasks) == 14


def test_nothing_tells_the_day(tmp_path):
    path = standing_project(tmp_path, PLANS)
    path.write_text(path.read_text("utf-8").replace('date = "2025-01-01"\n', ""), encoding="utf-8")
    with pytest.raises(OptionError, match="--date 2025-06-30"):
        standing_of(parse_project(path), open_city(path), None)


def test_the_city_decides_which_counts(tmp_path):
    path = standing_project(tmp_path, PLANS + LEDGER + '\n[targets]\ncounts = ["U-2026"]\n')
    _, targets, found = plans_of(parse_project(path))
    two = found[found["kind"] == "two_values"]
    assert two["decided"].tolist() == ["U-2026"]
    assert {target.id: target.standing for target in targets}["T-2026"] == "superseded"


def test_the_name_that_plans_give_the_city(tmp_path):
    """The plan is of 大试城, the project is called 试城: [targets] area says that they are one."""
    for number, (extra, status) in enumerate((("", "not_comparable"), ('\n[targets]\narea = "大试城"\n', "on_track"))):
        path = standing_project(tmp_path / str(number), PLANS + LEDGER + extra)
        plan = path.parent / "data" / "plan.csv"
        plan.write_text(plan.read_text("utf-8").replace("三,试城", "三,大王庄" if not extra else "三,大试城"), encoding="utf-8")
        city = open_city(path)
        found = standing_of(parse_project(path), city, measure(city, ["population"]))
        assert found.targets.set_index("target_id").loc[["T-people"], "status"].iloc[0] == status


def test_only_what_targets_are_bound_to_is_measured(tmp_path):
    path = standing_project(tmp_path)
    _, targets, _ = plans_of(parse_project(path))
    assert metrics_needed(targets, registered(path.parent)) == ["population"]
    assert set(metrics_needed(targets, registered(path.parent), ("metric", "ledger"))) == {"population", "lamps_lit"}
