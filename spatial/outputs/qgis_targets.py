"""Targets and tasks in a GeoPackage: styled layers of the tasks, and tables that can be read without a code book."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial.ledger.ladder import TITLES
from spatial.outputs.qgis_evidence import KINDS, Table
from spatial.outputs.qgis_style import Condition, Rule, Style, Symbol, quoted
from spatial.outputs.storable import one_kind, storable
from spatial.outputs.target_words import (
    CONTRADICTION_KINDS,
    CONTRADICTION_TITLES,
    DUE_TITLES,
    LEFT_OUT_TITLES,
    TARGET_TITLES,
    TASK_TITLES,
    goal,
    verdict,
)
from spatial.outputs.task_groups import TASK_GROUPS, TaskGroup, may_show, placed_tasks, targets_to_show
from spatial.result import Results
from spatial.targets.model import Standing
from spatial.text import Lang, Text

LAYERS = {kind: f"tasks_{kind}s" for kind in ("point", "line", "polygon")}
NAMES = (*LAYERS.values(), "targets", "tasks", "left_out", "contradictions")
_KIND_TITLES = {"point": Text("点", "points"), "line": Text("线", "lines"), "polygon": Text("面", "polygons")}
_PAPER = "#ffffff"


def target_tables(results: Results, standing: Standing) -> list[Table]:
    """Prepare what the file holds of plans and ledger.

    Parameters
    ----------
    results
        The measured city with its ledger; for language and places.
    standing
        How the city stands.

    Returns
    -------
    list of Table
        ``tasks_points``, ``tasks_lines``, ``tasks_polygons`` as far as there are such records, and the tables ``targets``, ``tasks`` (with those
        that have no place), ``left_out`` and ``contradictions``. Of a secret ledger there is no record: no tasks, none that was left out, no
        project named by a target.
    """
    lang, shown = results.lang, may_show(results.city)
    tables: list[Table] = []
    if shown and results.city.ledger is not None:
        placed = placed_tasks(standing, results.city.ledger)
        readable = _readable_tasks(placed, lang)
        tables += _layers(readable, lang)
        listed = pd.DataFrame(readable.drop(columns="geometry")).assign(mapped=~placed.geometry.isna().to_numpy())
        why = Text("台账全部任务，含未上图的", "All tasks of the ledger, also those that are not mapped")
        tables.append(_table("tasks", Text("台账任务表", "Tasks"), why, listed, TASK_TITLES, lang))
    day = standing.date.isoformat()
    why = Text(f"一行一项目标和区域，评定日 {day}", f"One row a target and area, as of {day}")
    targets = _readable_targets(targets_to_show(standing, results.city), standing, lang)
    tables.append(_table("targets", Text("规划目标", "Targets of plans"), why, targets, TARGET_TITLES, lang))
    left = standing.left_out if shown else standing.left_out[standing.left_out["source"] != "ledger"]
    left = left.assign(reason=left[f"reason_{lang}"])
    why = Text("未计入的行及原因", "Rows that were not counted, and why")
    tables.append(
        _table("left_out", Text("未计入", "Left out"), why, _first(left, ["source", "row", "id", "name", "reason"]), LEFT_OUT_TITLES, lang)
    )
    found = standing.contradictions
    kinds = found["kind"].map(lambda kind: CONTRADICTION_KINDS[kind].get(lang) if kind in CONTRADICTION_KINDS else kind)
    found = found.assign(kind_title=kinds, text=found[f"text_{lang}"])
    why = Text("规划之间、规划与指标之间不一致之处", "Where plans disagree with one another or with the metrics")
    found = _first(found, ["kind_title", "target_id", "other_id", "text", "decided"])
    tables.append(_table("contradictions", Text("规划矛盾", "Contradictions"), why, found, CONTRADICTION_TITLES, lang))
    return tables


def _table(name: str, title: Text, why: Text, frame: pd.DataFrame, titles: Mapping[str, Text], lang: Lang) -> Table:
    stored, names = storable(frame.reset_index(drop=True))
    return Table(name, title.get(lang), why.get(lang), stored, columns=_columns(names, titles, lang), styles=[Style(title.get(lang))])


def _columns(names: Mapping[str, str], titles: Mapping[str, Text], lang: Lang) -> dict[str, tuple[str, str]]:
    return {new: (titles[old].get(lang), "") for old, new in names.items() if old in titles}


def _first(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Put what a person reads before the codes."""
    return frame[[*columns, *(column for column in frame.columns if column not in columns)]]


def _titled(words: Callable[[str], str], values: pd.Series) -> list[str]:
    return [words(text) for text in values.fillna("").astype(str)]


def _readable_targets(targets: pd.DataFrame, standing: Standing, lang: Lang) -> pd.DataFrame:
    plans = {name: plan.title.get(lang) for name, plan in standing.plans.items()}
    said = targets.assign(
        title=targets[f"title_{lang}"],
        goal=[goal(row, lang) for row in targets.to_dict("records")],
        status_title=_titled(lambda status: verdict(status, lang), targets["status"]),
        plan_title=_titled(lambda plan: plans.get(plan, plan), targets["plan"]),
    )
    return _first(said, ["target_id", "title", "area_name", "goal", "value", "unit", "status_title", "gap", "plan_title"])


def _readable_tasks(placed: gpd.GeoDataFrame, lang: Lang) -> gpd.GeoDataFrame:
    groups = {group.name: group.title.get(lang) for group in TASK_GROUPS}
    said = placed.assign(
        state_title=_titled(groups.__getitem__, placed["state"]),
        status_title=_titled(lambda status: TITLES[status].get(lang) if status in TITLES else status, placed["status"]),
        due_title=_titled(lambda due: DUE_TITLES[due].get(lang) if due in DUE_TITLES else due, placed["due"]),
    )
    return _first(said, ["id", "name", "type", "state_title", "status_title", "due_title", "due_date", "days", "lead_unit", "proof"])


def _layers(tasks: gpd.GeoDataFrame, lang: Lang) -> list[Table]:
    mapped = tasks[~tasks.geometry.isna()]
    types = shapely.get_type_id(np.asarray(mapped.geometry.to_numpy(), dtype=object))
    if (types == 7).any():
        mapped = mapped.explode(index_parts=False)
        types = shapely.get_type_id(np.asarray(mapped.geometry.to_numpy(), dtype=object))
    title = Text("台账任务", "Tasks of the ledger").get(lang)
    why = Text("按进展分类；全部任务（含未上图的）见表 tasks", "By how far each has come; the table tasks has all, also those not mapped")
    tables = []
    for kind, ids in KINDS.items():
        mine = mapped[np.isin(types, ids)]
        if mine.empty:
            continue
        stored, names = storable(mine.reset_index(drop=True))
        rules = tuple(
            Rule(group.title.get(lang), _symbol(group, kind, level), (Condition(names["state"], (group.name,)),))
            for level, group in reversed(list(enumerate(TASK_GROUPS)))
        )
        said = f"{title}（{_KIND_TITLES[kind].zh}）" if lang == "zh" else f"{title}: {_KIND_TITLES[kind].en}"
        columns = _columns(names, TASK_TITLES, lang)
        state, name = quoted(names["state"]), quoted(names["name"])
        text = f"CASE WHEN {state} = 'overdue' THEN {name} ELSE '' END"  # all names would hide the map
        tables.append(Table(LAYERS[kind], said, why.get(lang), one_kind(stored, kind), kind, columns, [Style(title, rules, text)]))
    return tables


def _symbol(group: TaskGroup, kind: str, level: int) -> Symbol:
    """Draw a group in QGIS in the colour and shape that it has on the page."""
    dashed = bool(group.dash)
    if kind == "line":
        return Symbol(stroke=group.color, width=0.3 * group.weight, dashed=dashed, level=level)
    if kind == "polygon":
        return Symbol(group.color, group.color, 0.2 * group.weight, dashed=dashed, opacity=0.55, level=level)
    if group.shape in ("ring", "cross"):
        return Symbol(_PAPER, group.color, 0.7, size=3.2, shape=group.shape, level=level)
    return Symbol(group.color, _PAPER, 0.3, size=3.6, shape=group.shape, level=level)
