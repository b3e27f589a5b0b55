"""How targets and tasks are called on the map and in the GeoPackage: amounts, goals, titles of columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from spatial.ledger.ladder import LADDER, TITLES
from spatial.targets.model import STATUS_TITLES
from spatial.text import Lang, Text
from spatial.units import unit_of

_SIGNS = {">=": "≥", "<=": "≤", ">": ">", "<": "<", "==": "=", "~=": "≈"}
_TRENDS = {"trend_up": Text("逐年上升", "rising"), "trend_down": Text("逐年下降", "falling"), "exists": Text("建成", "in place")}
_LARGE = (
    (1e12, Text("万亿", " trillion")),
    (1e8, Text("亿", "")),
    (1e9, Text("", " billion")),
    (1e6, Text("", " million")),
    (1e4, Text("万", "")),
)
_FROM = 1e6  # below, figures are written out; but money in Chinese is counted in 万元
PLAN_STANDING_TITLES = {"draft": Text("草案", "draft"), "in_force": Text("现行", "in force"), "past": Text("期满", "past")}
DUE_TITLES = {
    "overdue": Text("逾期", "overdue"),
    "due": Text("30 日内到期", "due within 30 days"),
    "later": Text("未到期", "later"),
    "done": Text("已完成", "done"),
    "cancelled": Text("已取消", "cancelled"),
    "undated": Text("未定期限", "no due date"),
}
_STATUS = Text("状态", "Status")
TARGET_TITLES = {
    "target_id": Text("目标编号", "Target id"), "title": Text("目标", "Target"), "goal": Text("目标要求", "What is wanted"),
    "status_title": Text("评定结果", "Verdict"), "plan_title": Text("规划", "Plan"), "plan": Text("规划文件", "Plan file"),
    "clause": Text("条款", "Clause"), "title_zh": Text("目标（中文）", "Target (Chinese)"), "title_en": Text("目标（英文）", "Target (English)"),
    "theme": Text("主题", "Theme"), "area_id": Text("区域编号", "Area id"), "area_name": Text("区域名称", "Area"),
    "level": Text("层级", "Level"), "strength": Text("约束力（binding 约束，stretch 力争）", "Strength (binding, stretch)"),
    "measure": Text("对应指标", "Measured by"), "variant": Text("口径", "Variant"), "operator": Text("比较符", "Operator"),
    "target": Text("目标值（基本单位）", "Target value (base unit)"), "wanted": Text("要求的状态", "Status wanted"),
    "unit": Text("单位（1 = 比例 0–1）", "Unit (1 = share 0–1)"), "baseline": Text("基期值", "Baseline"),
    "baseline_year": Text("基期年", "Year of the baseline"), "year": Text("目标年", "Year"), "value": Text("现状值", "Value"),
    "low": Text("下限", "Low"), "high": Text("上限", "High"), "value_status": Text("现状值状态", "Status of the value"),
    "quality": Text("实测或核实占比（0–1）", "Share measured or confirmed, not assumed (0–1)"), "progress": Text("进度（0–1）", "Progress (0–1)"),
    "expected": Text("序时进度（0–1）", "Expected progress (0–1)"), "status": Text("评定代码", "Verdict, code"), "gap": Text("差额", "Missing"),
    "reached": Text("达到日期", "Reached on"), "forecast_year": Text("按现速预计达到年", "Reached in, at this pace"),
    "indicative": Text("示意分解", "Indicative split"), "lead_unit": Text("牵头单位", "Lead unit"),
    "assisting_unit": Text("配合单位", "Assisting unit"), "projects": Text("未完成项目", "Unfinished projects"),
    "standing": Text("规划效力", "Standing of the plan"), "authority_zh": Text("发布机关（中文）", "Authority (Chinese)"),
    "authority_en": Text("发布机关（英文）", "Authority (English)"), "note_zh": Text("说明（中文）", "Note (Chinese)"),
    "note_en": Text("说明（英文）", "Note (English)"),
}  # fmt: skip
TASK_TITLES = {
    "id": Text("任务编号", "Task id"), "name": Text("任务名称", "Task"), "type": Text("类型", "Type"), "subtype": Text("子类", "Subtype"),
    "state_title": Text("进展", "State"), "status_title": _STATUS, "due_title": Text("期限", "Due"), "area_id": Text("区域编号", "Area id"),
    "area_name": Text("区域名称", "Area"), "target_id": Text("目标编号", "Target id"), "status": Text("状态代码", "Status, code"),
    "status_date": Text("状态日期", "Date of the status"), "start_date": Text("开工日期", "Start date"),
    "due_date": Text("完成期限", "Due date"), "due": Text("期限代码", "Due, code"), "state": Text("进展代码", "State, code"),
    "days": Text("超期天数（负数为剩余）", "Days over (below 0: left)"), "lead_unit": Text("牵头单位", "Lead unit"),
    "assisting_unit": Text("配合单位", "Assisting unit"), "investment": Text("投资（元）", "Investment (CNY)"),
    "investment_source": Text("资金来源", "Source of the money"), "people": Text("受益人数（人）", "People who gain"),
    "evidence": Text("佐证材料", "Evidence"), "acceptance": Text("验收文件", "Acceptance document"), "before": Text("整治前", "Before"),
    "after": Text("整治后", "After"), "confirmed": Text("图上核实", "Confirmed by the map"), "proof": Text("佐证", "Proof"),
    "mapped": Text("是否上图", "Mapped"),
}  # fmt: skip
LEFT_OUT_TITLES = {
    "source": Text("来源", "From"), "row": Text("行", "Row"), "id": Text("编号", "Id"), "name": Text("名称", "Name"),
    "reason": Text("原因", "Reason"), "reason_zh": Text("原因（中文）", "Reason (Chinese)"), "reason_en": Text("原因（英文）", "Reason (English)"),
}  # fmt: skip
CONTRADICTION_TITLES = {
    "kind": Text("矛盾类型", "Kind"), "kind_title": Text("矛盾", "What disagrees"), "target_id": Text("目标编号", "Target id"),
    "other_id": Text("另一目标", "Other target"), "measure": Text("指标", "Measured by"), "year": Text("年份", "Year"),
    "text": Text("说明", "Finding"), "text_zh": Text("说明（中文）", "Finding (Chinese)"), "text_en": Text("说明（英文）", "Finding (English)"),
    "decided": Text("以何者为准", "Which counts"),
}  # fmt: skip
CONTRADICTION_KINDS = {
    "two_values": Text("同一指标同一年份两个数值", "two values for one thing and year"),
    "other_scope": Text("指标没有的统计范围", "a scope that the metric lacks"),
    "increment_as_stock": Text("把增量写成总量", "an increment given as a stock"),
    "superseded": Text("已被替代", "superseded"),
    "bound_to_nothing": Text("未对应任何指标", "bound to nothing"),
    "awaited_exists": Text("所待指标已经存在", "the awaited metric exists"),
}


def amount(value: float, unit: str, lang: Lang, *, exact: bool = False) -> str:
    """Present an amount as people write it.

    Parameters
    ----------
    value
        In the base unit; a dash where there is none.
    unit
        Code of ``spatial.units``; of ``status`` the rank on the ladder, of ``boolean`` 1 or 0.
    lang
        Language.
    exact
        With all its digits and no more, as a plan states a figure; else with those of the unit.

    Returns
    -------
    str
        ``16.8%``, ``12.5 km``, ``3 亿元``, ``已竣工``; from a million on (money in Chinese from 1 万 on) with 万, 亿, million or billion.
    """
    if value is None or pd.isna(value) or not math.isfinite(value):
        return "—"
    if unit == "status":
        return TITLES[LADDER[min(max(round(value), 0), len(LADDER) - 1)]].get(lang)
    if unit == "boolean":
        return Text("是", "yes").get(lang) if value >= 0.5 else Text("否", "no").get(lang)
    declared = unit_of(unit)
    number, label, word = float(value) * declared.factor, declared.label.get(lang), ""
    if abs(number) >= (1e4 if unit == "CNY" and lang == "zh" else _FROM):
        number, word = next((number / size, text.get(lang)) for size, text in _LARGE if abs(number) >= size and text.get(lang))
    rounded = 4 if exact else 2 if word else declared.decimals
    shown = f"{number:,.{rounded}f}"
    if exact or word:
        shown = shown.rstrip("0").rstrip(".")
    if lang == "zh" and word:
        return f"{shown} {word}{label}"
    return shown + word + ("" if label == "%" or not label else " ") + label


def goal(row: Mapping[str, Any], lang: Lang) -> str:
    """Say what a row of the table of targets wants: ``≥ 16.8% by 2025``, ``2025 年 ≥ 16.8%``."""
    operator = str(row["operator"])
    if str(row["unit"]) == "status" and str(row["wanted"]) in TITLES:
        said = TITLES[str(row["wanted"])].get(lang)
    elif operator in _TRENDS:
        said = _TRENDS[operator].get(lang)
    else:
        said = f"{_SIGNS.get(operator, operator)} {amount(row['target'], str(row['unit']), lang, exact=True)}"
    if pd.isna(row["year"]):
        return said
    gap = "" if said[:1] > "\u2e80" else " "  # Chinese behind Chinese takes none
    due = row.get("due")
    if isinstance(due, str) and due and not due.endswith("-12-31"):
        return Text(f"截至 {due}{gap}{said}", f"{said} by {due}").get(lang)
    return Text(f"{int(row['year'])} 年{gap}{said}", f"{said} by {int(row['year'])}").get(lang)


def verdict(status: str, lang: Lang) -> str:
    """Return the title of a target's status; the word itself where it is none of ours."""
    return STATUS_TITLES[status].get(lang) if status in STATUS_TITLES else status
