"""What a check says of the plans of a city and of the types in its ledger."""

from __future__ import annotations

from pathlib import Path

from spatial.check import check_project
from tests.targets.standing_city import standing_project


def test_a_plan_that_cannot_be_used_and_types_that_no_metric_asks_for_are_told(tmp_path: Path) -> None:
    path = standing_project(tmp_path)
    found = check_project(path)
    assert not found.of("problem")
    assert any("no ledger metric asks for the type (停车项目 2, 公厕项目 1)" in one.text.en for one in found.of("warning"))
    plan = tmp_path / "data" / "plan.csv"
    plan.write_text(plan.read_text(encoding="utf-8").replace(">=,5,count", ">=,五,count"), encoding="utf-8")
    (problem,) = check_project(path).of("problem")
    assert problem.about == "plans"
    assert 'value "五" is no number' in problem.text.en
