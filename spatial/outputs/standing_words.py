"""The one sentence that sums up a table: for the terminal above its totals, for the workbook above the table."""

from __future__ import annotations

from datetime import date

import pandas as pd

from spatial.outputs.target_words import amount
from spatial.text import Text

_UNSTATED = {"investment": Text("未列投资", "money"), "people": Text("未填受益人数", "people")}


def plural(count: int) -> str:
    """Return what makes an English noun plural."""
    return "" if count == 1 else "s"


def overdue_said(targets: pd.DataFrame, tasks: pd.DataFrame) -> Text:
    """Count targets that are due and not met, each once, and overdue tasks."""
    late = int((tasks["due"] == "overdue").sum())
    missed = int((targets.loc[~targets["indicative"].astype(bool), "status"] == "not_met").sum())
    return Text(
        f"到期未达到的目标 {missed} 项，逾期任务 {late} 项",
        f"{missed} target{plural(missed)} due and not met, {late} task{plural(late)} overdue",
    )


def changes_said(found: pd.DataFrame, since: date | None) -> Text:
    """Count differences from the older ledger, what was struck off and what of it nothing proves."""
    if since is None:
        return Text("未提供上期台账，无从比较", "there is no older ledger to compare with")
    struck = found[found["struck_off"].astype(bool)]
    bare = int((struck["proof"] == "").sum())
    return Text(
        f"与 {since} 的台账相比，{len(found)} 处变化；销号 {len(struck)} 项，其中 {bare} 项没有任何佐证",
        f"since the ledger of {since}, {len(found)} difference{plural(len(found))}; {len(struck)} struck off, {bare} of them without any proof",
    )


def problems_said(found: pd.DataFrame) -> Text:
    """Count check-up problems and those that no project answers; add up money and people, each project once."""
    named = found[found["name"] != ""]  # without those that only a project names
    count, bare = named["id"].nunique(), named[(named["project_id"] == "") | (named["status"] == "cancelled")]
    answered = named[(named["project_id"] != "") & (named["status"] != "cancelled")]
    unanswered = len(set(bare["id"]) - set(answered["id"]))
    projects = answered.drop_duplicates("project_id")
    money, people = (float(projects[column].astype(float).sum()) for column in ("investment", "people"))
    many = len(projects)
    poor, silent = (unstated(projects, column) for column in ("investment", "people"))
    return Text(
        f"{count} 个体检问题，{unanswered} 个没有项目回应；{many} 个项目（各计一次），投资合计 {amount(money, 'CNY', 'zh')}{poor.zh}，受益 {people:,.0f} 人{silent.zh}",
        f"{count} problem{plural(count)}, {unanswered} that no project answers; {many} project{plural(many)} with {amount(money, 'CNY', 'en')}{poor.en},"
        f" {people:,.0f} people gain{silent.en} (each project once)",
    )


def unstated(rows: pd.DataFrame, column: str) -> Text:
    """Say how many rows a sum of money or people knows nothing of; nothing where all state theirs."""
    missing = int((~(rows[column].astype(float) > 0)).sum())
    if not missing:
        return Text("", "")
    words, verb = _UNSTATED[column], "names" if missing == 1 else "name"
    return Text(f"（{len(rows)} 项中 {missing} 项{words.zh}）", f" ({missing} of {len(rows)} {verb} no {words.en})")
