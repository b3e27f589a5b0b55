"""Tasks as people read them: what is overdue, what changed on which proof, which project answers which problem, what counts nowhere."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from typing import Any

import pandas as pd

from spatial.areas import OUTSIDE
from spatial.ledger.ladder import TITLES
from spatial.outputs.target_views import due_of
from spatial.outputs.target_words import DUE_TITLES, amount, verdict
from spatial.outputs.views import (
    TONES,
    Cell,
    Column,
    Figure,
    Row,
    View,
    area_of,
    days_of,
    in_both,
    indicative_of,
    missing_of,
    text_of,
    titled,
)
from spatial.targets.changes import proof_of
from spatial.targets.split import ADDITIVE
from spatial.text import Lang, Text

CHANGE_TITLES = {
    "new": Text("新增", "new"), "gone": Text("消失", "gone"), "status": Text("状态", "status"), "quantity": Text("数量", "quantity"),
    "due_date": Text("期限", "due date"), "other": Text("其他", "other"),
}  # fmt: skip
SOURCE_TITLES = {"ledger": Text("台账", "ledger"), "statistics": Text("统计表", "statistics")}


def tasks_view(tasks: pd.DataFrame) -> View:
    """Every task: how late it is, who leads, whose money, which proof."""
    columns = (
        Column(Text("期限状态", "Due"), 13, lambda row, lang: titled(DUE_TITLES, row["due"], lang), True, lambda row: TONES.get(row["due"], "idle")),
        Column(Text("超期天数", "Days over"), 9, days_of, True),
        Column(Text("编号", "Id"), 12, text_of("id"), True, whole=True),
        Column(Text("名称", "Task"), 34, text_of("name"), True),
        Column(Text("区域", "Area"), 14, _place, True),
        Column(Text("进展", "Stage"), 12, lambda row, lang: titled(TITLES, row["status"], lang), True),
        Column(Text("完成期限", "Due date"), 11, text_of("due_date"), True),
        Column(Text("牵头单位", "Lead unit"), 18, text_of("lead_unit"), True),
        Column(Text("配合单位", "Assisting unit"), 18, text_of("assisting_unit")),
        Column(Text("投资", "Investment"), 12, lambda row, lang: Figure(row["investment"], "money"), True),
        Column(Text("资金来源", "Source of money"), 14, text_of("investment_source"), True),
        Column(Text("佐证", "Proof"), 34, lambda row, lang: proof_of(row), True),
        Column(Text("图上核实", "On the map"), 10, _confirmed),
        Column(Text("受益人数", "People who gain"), 12, lambda row, lang: Figure(row["people"], "persons")),
        Column(Text("类型", "Type"), 16, text_of("type")),
        Column(Text("子类", "Subtype"), 14, text_of("subtype")),
        Column(Text("对应目标", "Target"), 14, text_of("target_id")),
        Column(Text("开工日期", "Start date"), 11, text_of("start_date")),
        Column(Text("状态日期", "Date of stage"), 11, text_of("status_date")),
    )  # fmt: skip
    return View(Text("任务台账", "Tasks"), columns, tasks, Text("台账中没有任务", "the ledger has no task"))


def overdue_view(targets: pd.DataFrame, tasks: pd.DataFrame, day: date) -> View:
    """Everything due and not done, targets before tasks: by how much, where, under which unit, in which project."""
    rows = [*_due_targets(targets, day), *_due_tasks(tasks)]
    columns = (
        Column(Text("类别", "What"), 8, lambda row, lang: row["what"].get(lang), True),
        Column(Text("状态", "Status"), 14, lambda row, lang: row["state"].get(lang), True, lambda row: row["tone"]),
        Column(Text("超期天数", "Days over"), 9, days_of, True),
        Column(Text("编号", "Id"), 14, text_of("id"), True, whole=True),
        Column(Text("名称", "Name"), 34, in_both("name"), True),
        Column(Text("区域", "Area"), 14, _place, True),
        Column(Text("差额", "Missing"), 14, missing_of, True),
        Column(Text("到期日", "Due on"), 11, text_of("due_date"), True),
        Column(Text("示意", "Indicative"), 14, indicative_of, True, lambda row: "idle" if row["indicative"] else ""),
        Column(Text("牵头单位", "Lead unit"), 18, text_of("lead_unit"), True),
        Column(Text("配合单位", "Assisting unit"), 18, text_of("assisting_unit")),
        Column(Text("未完成项目", "Unfinished projects"), 24, text_of("projects"), True),
        Column(Text("投资", "Investment"), 12, lambda row, lang: Figure(row["investment"], "money")),
        Column(Text("资金来源", "Source of money"), 14, text_of("investment_source")),
        Column(Text("佐证", "Proof"), 30, text_of("proof")),
    )
    names = ("what", "state", "tone", "days", "id", "name_zh", "name_en", "area_id", "area_name", "gap", "unit", "operator", "status", "due_date", "indicative", "lead_unit",
             "assisting_unit", "projects", "investment", "investment_source", "proof")  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(names))
    return View(
        Text("逾期与到期", "Overdue"),
        columns,
        frame,
        Text("没有逾期或 30 日内到期的目标和任务", "nothing is overdue or due within 30 days"),
    )


def _due_targets(targets: pd.DataFrame, day: date) -> list[dict[str, Any]]:
    records = targets.to_dict("records")
    # What the city owes is shared out over its areas; where it owes nothing, no area does by a split that no plan made.
    listed = {row["target_id"]: row["gap"] for row in records if not row["indicative"] and _is_due(row, due_of(row), day)}
    # What lies in no area, or more than its share in one, makes a split ask more of the others than the city lacks: that accuses nobody.
    shares: Counter[str] = Counter()
    for row in records:
        if row["indicative"] and row["unit"] in ADDITIVE and _is_due(row, due_of(row), day):
            shares[row["target_id"]] += row["gap"]
    listed = {key: owed for key, owed in listed.items() if not shares[key] > owed * (1 + 1e-9)}
    rows = []
    for row in records:
        due = due_of(row)
        if not _is_due(row, due, day) or (row["indicative"] and row["target_id"] not in listed):
            continue
        rows.append({
            **{key: row[key] for key in ("area_id", "area_name", "gap", "unit", "operator", "status", "indicative", "lead_unit", "assisting_unit", "projects")},
            "what": Text("目标", "target"), "state": Text(verdict(row["status"], "zh"), verdict(row["status"], "en")),
            "tone": TONES[row["status"]], "days": (day - due).days, "id": row["target_id"], "name_zh": row["title_zh"],
            "name_en": row["title_en"], "due_date": due.isoformat(), "investment": math.nan, "investment_source": "", "proof": "",
        })  # fmt: skip
    return sorted(rows, key=lambda row: (-row["days"], row["id"], bool(row["indicative"]), row["area_id"]))


def _is_due(row: Row, due: date, day: date) -> bool:
    return row["status"] == "not_met" or (row["status"] in ("behind", "on_track") and 0 <= (due - day).days <= 30)


def _due_tasks(tasks: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            **{key: row[key] for key in ("area_id", "area_name", "lead_unit", "assisting_unit", "investment", "investment_source", "id", "days", "due_date")},
            "what": Text("任务", "task"), "state": DUE_TITLES[row["due"]], "tone": TONES[row["due"]], "name_zh": row["name"],
            "name_en": row["name"], "gap": math.nan, "unit": "count", "operator": "", "status": "", "indicative": False, "projects": row["id"], "proof": proof_of(row),
        }
        for row in tasks.to_dict("records") if row["due"] in ("overdue", "due")
    ]  # fmt: skip


def left_out_view(left_out: pd.DataFrame) -> View:
    """Rows of the ledger, of statistics and of plans that count nowhere, with the reason."""
    columns = (
        Column(Text("来源", "From"), 14, lambda row, lang: titled(SOURCE_TITLES, row["source"], lang), True),
        Column(Text("行", "Row"), 10, text_of("row"), True),
        Column(Text("编号", "Id"), 14, text_of("id"), True, whole=True),
        Column(Text("名称", "Name"), 34, text_of("name"), True),
        Column(Text("原因", "Reason"), 70, in_both("reason"), True),
    )
    return View(Text("未计入", "Left out"), columns, left_out, Text("没有未计入的行", "no row was left out"))


def changes_view(table: pd.DataFrame) -> View:
    """Every difference from the older ledger, and what proves that a task may be struck off."""
    columns = (
        Column(Text("变化", "Change"), 9, lambda row, lang: titled(CHANGE_TITLES, row["what"], lang), True),
        Column(Text("编号", "Id"), 12, text_of("id"), True, whole=True),
        Column(Text("名称", "Task"), 34, text_of("name"), True),
        Column(Text("类型", "Type"), 16, text_of("type")),
        Column(Text("区域", "Area"), 14, text_of("area_name")),
        Column(Text("原为", "Before"), 16, lambda row, lang: _stage(row, "before", lang), True),
        Column(Text("现为", "Now"), 16, lambda row, lang: _stage(row, "after", lang), True),
        Column(
            Text("销号", "Struck off"), 12, _struck_off, True, lambda row: ("good" if row["proof"] else "bad") if row["struck_off"] else ""
        ),
        Column(Text("佐证", "Proof"), 34, text_of("proof")),
        Column(Text("说明", "What it means"), 70, in_both("text"), True),
    )
    return View(Text("变化", "Changes"), columns, table, Text("与上期台账相比没有变化", "nothing differs from the older ledger"))


def problems_view(table: pd.DataFrame) -> View:
    """Which project answers which check-up problem, whose money, how many gain; problems without a project first."""
    columns = (
        Column(Text("体检问题", "Problem"), 12, text_of("id"), True, whole=True),
        Column(Text("问题名称", "What is wrong"), 34, text_of("name"), True),
        Column(Text("区域", "Area"), 14, text_of("area_name"), True),
        Column(Text("项目编号", "Project"), 12, lambda row, lang: str(row["project_id"]) or Text("无项目", "none").get(lang), True,
               lambda row: "" if row["project_id"] else "bad"),
        Column(Text("项目名称", "Project's name"), 34, text_of("project_name"), True),
        Column(Text("进展", "Stage"), 12, lambda row, lang: titled(TITLES, row["status"], lang), True),
        Column(Text("投资", "Investment"), 12, lambda row, lang: Figure(row["investment"], "money"), True),
        Column(Text("资金来源", "Source of money"), 14, text_of("investment_source"), True),
        Column(Text("受益人数", "People who gain"), 12, lambda row, lang: Figure(row["people"], "persons"), True),
        Column(Text("说明", "What it means"), 60, in_both("text"), True),
    )  # fmt: skip
    return View(Text("体检问题", "Check-up problems"), columns, table, Text("台账中没有体检问题", "the ledger has no check-up problem"))


def _place(row: Row, lang: Lang) -> Cell:
    """Show the area of a task: one that states none, or a development zone that is no area here, does not lie outside the city."""
    return Text("未归入任何区", "in no area").get(lang) if row["area_id"] == OUTSIDE else area_of(row, lang)


def _confirmed(row: Row, lang: Lang) -> Cell:
    words = {"yes": Text("已核实", "confirmed"), "no": Text("未核实", "not confirmed")}
    return titled(words, row["confirmed"], lang)


def _stage(row: Row, key: str, lang: Lang) -> str:
    if row["what"] == "quantity" and row[key]:
        value, _, unit = row[key].partition(" ")
        return amount(float(value), unit or "count", lang, exact=True) if value[:1].isdigit() else ""
    return titled(TITLES, row[key], lang) if row["what"] in ("status", "new", "gone") else str(row[key])


def _struck_off(row: Row, lang: Lang) -> Cell:
    if not row["struck_off"]:
        return ""
    return Text("有佐证", "with proof").get(lang) if row["proof"] else Text("无佐证！", "NO PROOF").get(lang)
