"""``docs/targets.md`` says what the code does, and its example is a plan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spatial.city_toml import parse_project
from spatial.ledger.declared import PERIODS
from spatial.ledger.ladder import LADDER
from spatial.metrics.registry import declare, registered
from spatial.result import MetricResult
from spatial.targets import plans as plans_
from spatial.targets.model import COLUMNS, KINDS, OPERATORS, STANDINGS, STATUS_TITLES, STATUSES, STRENGTHS
from spatial.targets.plan_csv import NEEDED
from spatial.targets.plans import read_plans, themes
from spatial.text import Text
from spatial.unit_words import unit_word

PAGE = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(title: str) -> str:
    return "\n".join(line.split("|")[1] for line in section(title).splitlines() if line.startswith("|"))


def words(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def test_every_column_operator_kind_and_status_stands_on_the_page():
    assert words(first_cells("Columns")) == set(COLUMNS)
    assert words(section("Columns").split("\n\n", 1)[0]) == {"id", *NEEDED}
    assert words(first_cells("Operators")) == set(OPERATORS)
    assert words(first_cells("Binding")) == {"kind", *KINDS}
    assert words(first_cells("Statuses")) == set(STATUSES)
    for status, title in STATUS_TITLES.items():
        assert f"| `{status}` | {title.zh} |" in PAGE
    for word in (*themes(), *PERIODS, *STRENGTHS, *(name for name in STANDINGS if name), *LADDER):
        assert f"`{word}`" in PAGE, word


def test_every_unit_of_the_page_is_read():
    cells = "\n".join(
        line.split("|")[2] for line in section("Units").splitlines() if line.startswith("|") and "words" not in line and "---" not in line
    )
    plain = [word.strip("`… ") for part in re.split(r"[,·]", re.sub(r"\([^)]*\)", "", cells)) for word in part.split("\n")]
    for word in [word for word in plain if word] + ["万人", "亿元", "万吨/日", "亿斤", "万平方米", "百分点", "mu"]:
        assert unit_word(word) is not None, word


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered, and what the example names beside it."""
    text = Text("…", "…")
    known = {}
    for name, unit, source in (
        ("pocket_parks_built", "count", "ledger"),
        ("project_milestone", "count", "ledger"),
        ("gdp_growth", "1", "statistics"),
    ):
        known[name] = declare(name, MetricResult.without, title=text, definition=text, standard=text, unit=unit, needs=())
        object.__setattr__(known[name], "source", source)
    monkeypatch.setattr(plans_, "registered", lambda own: {**known, **registered(own)})


@pytest.mark.usefixtures("everything")
def test_the_example_is_a_plan(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "plan.csv").write_text(re.search(r"```csv\n(.*?)```", PAGE, re.S)[1], encoding="utf-8")
    toml = "\n".join(line[4:] for line in PAGE.split("## Example")[0].splitlines() if line.startswith("    "))
    (tmp_path / "city.toml").write_text(f'name = "子虚市"\n[layers.boundary]\nfile = "data/b.geojson"\n{toml}', encoding="utf-8")
    plans, targets = read_plans(parse_project(tmp_path), own=tmp_path)
    assert list(plans) == ["zixu-2025", "changchun-action-plan-2023-2025"]
    mine = {target.id: target for target in targets if target.plan == "zixu-2025"}
    assert [target.kind for target in mine.values()] == ["metric", "ledger", "ledger", "statistic", "metric", "awaited"]
    assert (mine["zixu-roads"].value, mine["zixu-bypass"].wanted, mine["zixu-bypass"].due.isoformat()) == (0.168, "started", "2024-06-30")
