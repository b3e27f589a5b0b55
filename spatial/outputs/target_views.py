"""Targets as people read them: how far, by which definition, when reached, and where plans disagree."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from spatial.outputs.target_words import CONTRADICTION_KINDS, PLAN_STANDING_TITLES, amount, goal, verdict
from spatial.outputs.views import (
    TONES,
    Cell,
    Column,
    Row,
    View,
    area_of,
    counted,
    figure_of,
    gap_of,
    in_both,
    indicative_of,
    missing_of,
    said_if,
    share_of,
    text_of,
    titled,
    year_of,
)
from spatial.result import STATUS_TITLES as MEASURED_TITLES
from spatial.targets.model import STATUS_TITLES, Plan, Target
from spatial.text import Lang, Text

# A figure of a ledger or a yearbook is not measured by anybody here: what can be said of all three kinds is that nothing of it is missing.
VALUE_TITLES = {**MEASURED_TITLES, "ok": Text("完整", "complete")}
LANGS: tuple[Lang, Lang] = ("zh", "en")
STRENGTH_TITLES = {"binding": Text("约束", "binding"), "stretch": Text("力争", "stretch")}
KIND_TITLES = {"metric": Text("图上指标", "metric"), "ledger": Text("台账", "ledger"), "statistic": Text("统计", "statistic")}


def targets_view(targets: pd.DataFrame, plans: Mapping[str, Plan], themes: Mapping[str, Text]) -> View:
    """Every target and area: what is wanted, what is there, how far it is and how far it should be."""
    columns = (
        Column(Text("编号", "Id"), 14, text_of("target_id"), True, whole=True),
        Column(Text("目标", "Target"), 34, in_both("title"), True),
        Column(Text("区域", "Area"), 14, area_of, True),
        Column(Text("要求", "Wanted"), 20, goal, True),
        Column(Text("现状", "Value"), 14, figure_of("value"), True),
        Column(Text("状态", "Status"), 13, lambda row, lang: verdict(row["status"], lang), True, lambda row: TONES.get(row["status"], "idle")),
        Column(Text("进度", "Progress"), 10, share_of("progress"), True),
        Column(Text("序时进度", "Expected"), 10, share_of("expected"), True),
        Column(Text("差额", "Missing"), 14, missing_of, True),
        Column(Text("示意", "Indicative"), 14, indicative_of, True, lambda row: "idle" if row["indicative"] else ""),
        Column(Text("约束力", "Strength"), 10, lambda row, lang: titled(STRENGTH_TITLES, row["strength"], lang), True),
        Column(Text("牵头单位", "Lead unit"), 18, text_of("lead_unit"), True),
        Column(Text("配合单位", "Assisting unit"), 18, text_of("assisting_unit")),
        Column(Text("未完成项目", "Unfinished projects"), 24, text_of("projects")),
        Column(Text("预计达到年份", "Reached at this pace"), 12, year_of("forecast_year")),
        Column(Text("已于何时达到", "Reached on"), 12, text_of("reached")),
        Column(Text("下限", "Low"), 12, figure_of("low")),
        Column(Text("上限", "High"), 12, figure_of("high")),
        Column(Text("现状值状态", "State of value"), 12, lambda row, lang: titled(VALUE_TITLES, row["value_status"], lang)),
        Column(Text("实测或核实占比", "Measured or confirmed"), 10, share_of("quality")),
        Column(Text("基期值", "Baseline"), 12, figure_of("baseline")),
        Column(Text("基期年", "Baseline year"), 9, year_of("baseline_year")),
        Column(Text("指标", "Measured by"), 26, lambda row, lang: " / ".join(part for part in (row["measure"], row["variant"]) if part)),
        Column(Text("主题", "Theme"), 14, lambda row, lang: titled(themes, row["theme"], lang)),
        Column(Text("规划", "Plan"), 28, lambda row, lang: plans[row["plan"]].title.get(lang) if row["plan"] in plans else str(row["plan"])),
        Column(Text("条款", "Clause"), 10, text_of("clause")),
        Column(Text("发布机关", "Authority"), 20, in_both("authority")),
        Column(Text("规划效力", "Standing"), 10, lambda row, lang: _standing(row, plans, lang)),
        Column(Text("说明", "Note"), 60, in_both("note")),
    )  # fmt: skip
    return View(Text("目标", "Targets"), columns, _stretch_last(targets), Text("没有目标", "no target"))


def by_strength(targets: pd.DataFrame) -> list[Text]:
    """Count targets by status, those that bind apart from those that a plan only strives for."""
    said = []
    for strength, title in STRENGTH_TITLES.items():
        statuses = list(targets.loc[targets["strength"] == strength, "status"])
        if statuses:
            zh, en = (counted(statuses, STATUS_TITLES, lang) for lang in ("zh", "en"))
            said.append(Text(f"{title.zh} {len(statuses)} 项：{zh}", f"{title.en} {len(statuses)}: {en}"))
    return said


def _stretch_last(targets: pd.DataFrame) -> pd.DataFrame:
    return targets.iloc[(targets["strength"] == "stretch").to_numpy().argsort(kind="stable")]


def listed_view(targets: Sequence[Target], plans: Mapping[str, Plan], themes: Mapping[str, Text]) -> View:
    """Targets as the plans state them, before anything is measured."""
    columns = (
        Column(Text("编号", "Id"), 14, text_of("id"), True, whole=True),
        Column(Text("目标", "Target"), 34, in_both("title"), True),
        Column(Text("地区", "Area"), 14, text_of("area"), True),
        Column(Text("要求", "Wanted"), 20, goal, True),
        Column(Text("约束力", "Strength"), 10, lambda row, lang: titled(STRENGTH_TITLES, row["strength"], lang), True),
        Column(Text("主题", "Theme"), 14, lambda row, lang: titled(themes, row["theme"], lang), True),
        Column(Text("测算方式", "Measured by"), 26, _measured, True),
        Column(Text("条目状态", "Row"), 12, lambda row, lang: titled(STATUS_TITLES, row["standing"], lang), True),
        Column(Text("规划效力", "Standing"), 10, lambda row, lang: _standing({**row, "standing": ""}, plans, lang), True),
        Column(Text("规划", "Plan"), 28, text_of("plan"), True, whole=True),
        Column(Text("条款", "Clause"), 10, text_of("clause"), True),
    )
    fields = ("id", "plan", "clause", "area", "level", "scope", "theme", "operator", "unit", "tolerance", "strength", "baseline", "baseline_year", "year",
              "kind", "measure", "variant", "select", "versus", "period", "lead_unit", "standing", "successor", "note", "wanted")  # fmt: skip
    rows = [
        {**{key: getattr(target, key) for key in fields}, "target": target.value, "title_zh": target.title.zh, "title_en": target.title.en,
         "due": target.due.isoformat() if target.due else ""}
        for target in targets
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=[*fields, "target", "title_zh", "title_en", "due"])
    return View(Text("目标", "Targets"), columns, frame, Text("没有符合条件的目标", "no target is like that"))


def _measured(row: Row, lang: Lang) -> Cell:
    if row["kind"] == "awaited":
        return Text(f"尚不能测算（{row['measure']}）", f"not measurable yet ({row['measure']})").get(lang)
    return f"{titled(KIND_TITLES, row['kind'], lang)}: {row['measure']}"


def definitions_view(table: pd.DataFrame) -> View:
    """By which definition each target is measured, beside the others and the yearbook."""
    columns = (
        Column(Text("目标编号", "Target id"), 14, text_of("target_id"), True, whole=True),
        Column(Text("指标", "Metric"), 26, text_of("measure")),
        Column(Text("口径", "Definition"), 26, in_both("title"), True, whole=True),
        Column(Text("判定口径", "Judged"), 12, lambda row, lang: said_if(row["judged"], Text("是", "yes"), lang), True,
               lambda row: "good" if row["judged"] else ""),
        Column(Text("数值", "Value"), 14, figure_of("value"), True),
        Column(Text("数据年份", "Year of data"), 9, year_of("data_year"), True),
        Column(Text("与判定口径之差", "Difference"), 14, gap_of("difference"), True),
        Column(Text("数值状态", "State of value"), 12, lambda row, lang: titled(VALUE_TITLES, row["status"], lang), True),
        Column(Text("目标值", "Target"), 14, figure_of("target")),
        Column(Text("目标年", "Target year"), 9, year_of("year")),
        Column(Text("含义", "What it means"), 90, in_both("definition"), True),
    )  # fmt: skip
    return View(Text("口径", "Which definition"), columns, table, Text("没有可比较的口径", "there is no definition to compare"))


def forecast_view(targets: pd.DataFrame) -> View:
    """When each target will be reached at the pace so far; targets without a value have none."""
    shown = targets[~targets["indicative"].astype(bool) & pd.to_numeric(targets["value"]).notna()]
    columns = (
        Column(Text("编号", "Id"), 14, text_of("target_id"), True, whole=True),
        Column(Text("目标", "Target"), 34, in_both("title"), True),
        Column(Text("要求", "Wanted"), 20, goal, True),
        Column(Text("现状", "Value"), 14, figure_of("value"), True),
        Column(Text("进度", "Progress"), 10, share_of("progress"), True),
        Column(Text("序时进度", "Expected"), 10, share_of("expected"), True),
        Column(Text("状态", "Status"), 13, lambda row, lang: verdict(row["status"], lang), True, lambda row: TONES.get(row["status"], "idle")),
        Column(Text("按目前进度", "At this pace"), 44, pace, True),
    )  # fmt: skip
    return View(Text("进度预测", "Forecast"), columns, _stretch_last(shown), Text("没有可预测的目标", "there is no target to forecast"))


def pace(row: Row, lang: Lang) -> str:
    """Say when a target will be reached at the pace so far, and how late that is."""
    if row["status"] in ("met", "met_late"):
        return Text(f"已达到 {row['reached']}".strip(), f"reached {row['reached']}".strip()).get(lang)
    if bool(row.get("yearly", False)):
        return _by_year_end(row).get(lang)
    due = due_of(row)
    deadline = due.year + (due.timetuple().tm_yday) / (366 if calendar.isleap(due.year) else 365)
    year = row["forecast_year"]
    if pd.isna(year):
        return _no_pace(row).get(lang)
    if year >= 2101:
        return Text("按目前进度本世纪内无法达到", "not in this century").get(lang)
    month = min(int((year % 1) * 12) + 1, 12)
    late = year - deadline
    if late <= 1e-6:
        return Text(f"约 {int(year)} 年 {month} 月达到，可按期", f"about {int(year)}-{month:02}, in time").get(lang)
    if late < 1 / 12:
        return Text(f"约 {int(year)} 年 {month} 月达到，晚不足一个月", f"about {int(year)}-{month:02}, less than a month late").get(lang)
    return Text(f"约 {int(year)} 年 {month} 月达到，晚 {late:.1f} 年", f"about {int(year)}-{month:02}, {late:.1f} years late").get(lang)


def _by_year_end(row: Row) -> Text:
    """Say what the year will come to, of a target that begins anew each year."""
    if row["status"] not in ("behind", "on_track") or not row["expected"] > 0 or not row["value"] >= 0:
        return Text("逐年计数，不跨年推算", "counted year by year, and not carried into the next")
    whole = row["value"] / row["expected"]
    zh, en = (amount(whole, str(row["unit"]), lang) for lang in LANGS)
    due = due_of(row)
    if (due.month, due.day) != (12, 31):
        return Text(f"按目前进度，到期时约 {zh}", f"about {en} by the deadline")
    return Text(f"按目前进度，到年末约 {zh}", f"about {en} by the end of the year")


def _no_pace(row: Row) -> Text:
    if row["operator"] in ("trend_up", "trend_down"):
        return Text("趋势目标，逐年比较，没有达到之日", "a trend is compared year by year and has no day on which it is reached")
    if row["unit"] in ("status", "boolean") or row["operator"] == "exists":
        return Text("按阶段推进，不作推算", "goes by stages, which are not extrapolated")
    if pd.isna(row["expected"]) and pd.isna(row["baseline"]):
        return Text("没有基期值，无从推算", "without a baseline, nothing tells the pace")
    if pd.isna(row["expected"]) or row["status"] == "no_data":
        return Text("现状值不能与目标比较，不作推算", "the value cannot be held against the target, and nothing follows from it")
    return Text("按目前进度无法达到", "not at this pace")


def due_of(row: Row) -> date:
    """Return the last day on which a target may be met: as the plan states it, else the end of its year."""
    stated = row.get("due")
    return date.fromisoformat(stated) if isinstance(stated, str) and stated else date(int(row["year"]), 12, 31)


def contradictions_view(table: pd.DataFrame) -> View:
    """Where plans disagree, and which row counts by the city's declaration."""
    undecided = Text("未定", "undecided")
    columns = (
        Column(Text("矛盾", "What disagrees"), 28, lambda row, lang: titled(CONTRADICTION_KINDS, row["kind"], lang), True),
        Column(Text("目标编号", "Target id"), 14, text_of("target_id"), True, whole=True),
        Column(Text("另一目标", "Other target"), 14, text_of("other_id"), True, whole=True),
        Column(Text("以何者为准", "Which counts"), 14, lambda row, lang: str(row["decided"]) or undecided.get(lang), True,
               lambda row: "good" if row["decided"] else "warn"),
        Column(Text("说明", "Finding"), 90, in_both("text"), True),
    )  # fmt: skip
    return View(Text("规划矛盾", "Contradictions"), columns, table, Text("各规划之间没有矛盾", "the plans do not contradict one another"))


def _standing(row: Row, plans: Mapping[str, Plan], lang: Lang) -> str:
    known = plans[row["plan"]].standing if row["plan"] in plans else str(row["standing"] or "")
    return titled(PLAN_STANDING_TITLES, known, lang)
