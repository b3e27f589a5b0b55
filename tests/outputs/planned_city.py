"""The graded city with a plan and a ledger, both by hand and synthetic: what map and GeoPackage must show of a standing."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial.ledger.records import FIELDS, LEFT_OUT, Ledger
from spatial.result import Results
from spatial.targets.model import (
    CHANGES,
    CONTRADICTIONS,
    DEFINITIONS,
    PROBLEMS,
    TARGET_TABLE,
    TASK_TABLE,
    Plan,
    Standing,
)
from spatial.text import Lang, Text
from tests.outputs.graded_city import EAST, NORTH, results, square

DAY = datetime.date(2025, 6, 30)
HOSTILE_TASK = "<img src=x onerror=alert(1)>"
HOSTILE_TARGET = "</script><script>alert(2)</script>"
PLAN = Plan(
    "plan",
    Text("示例规划（合成）", "Example plan (synthetic)"),
    "城",
    Text("示例市人民政府", "City of Example"),
    "in_force",
    "2021",
    Path("plan.csv"),
)
# Group → id, status, due, and where; the overdue one and the hostile one are points, one a kind is a line and a polygon, one has no place.
TASKS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("planned", "t1", "approved", "later", shapely.Point(EAST + 500, NORTH + 500)),
    ("under_way", "t2", "started", "due", shapely.Point(EAST + 1500, NORTH + 500)),
    ("done", "t3", "completed", "done", shapely.Point(EAST + 2500, NORTH + 500)),
    ("overdue", "t4", "main_structure", "overdue", shapely.Point(EAST + 3500, NORTH + 500)),
    ("cancelled", "t5", "cancelled", "cancelled", shapely.Point(EAST + 4500, NORTH + 500)),
    ("done", "t6", "opened", "done", shapely.LineString([(EAST + 200, NORTH + 200), (EAST + 2800, NORTH + 200)])),
    ("overdue", "t7", "started", "overdue", square(5, 300.0)),
    ("planned", "t8", "planned", "undated", None),
)  # fmt: skip


def target_row(**said: Any) -> dict[str, Any]:
    """A row of the table of targets: the city's road area ratio, 15 % of at least 16.8 % by 2025, unless said otherwise."""
    base: dict[str, Any] = dict.fromkeys(TARGET_TABLE, "")
    numbers = ("target", "baseline", "value", "low", "high", "quality", "progress", "expected", "gap", "forecast_year")
    base |= dict.fromkeys(numbers, np.nan)
    base |= {
        "target_id": "R1", "plan": "plan", "clause": "3.2", "title_zh": "道路面积率", "title_en": "Road area ratio", "area_id": "city",
        "area_name": "城", "level": "city", "strength": "binding", "measure": "road_area_ratio", "variant": "paved", "operator": ">=",
        "target": 0.168, "unit": "1", "baseline": 0.12, "baseline_year": 2020, "year": 2025, "value": 0.15, "value_status": "ok",
        "quality": 1.0, "progress": 0.625, "expected": 0.9, "status": "behind", "gap": 0.018, "indicative": False, "standing": "in_force",
        "authority_zh": "示例市人民政府", "authority_en": "City of Example",
    }  # fmt: skip
    return base | said


def task_rows() -> list[dict[str, Any]]:
    rows = []
    for number, (_, key, status, due, _) in enumerate(TASKS):
        row: dict[str, Any] = dict.fromkeys(TASK_TABLE, "")
        row |= {
            "id": key, "name": HOSTILE_TASK if key == "t4" else f"任务 {number}", "type": "pocket_park", "status": status, "due": due,
            "status_date": datetime.date(2025, 3, 1), "start_date": None, "due_date": None if due == "undated" else datetime.date(2025, 5, 31),
            "days": 30 if due == "overdue" else 0, "lead_unit": "园林局", "investment": 1_200_000.0 if key == "t4" else np.nan,
            "investment_source": "专项债" if key == "t4" else "", "people": 500.0, "acceptance": "验收 1 号" if due == "done" else "",
        }  # fmt: skip
        rows.append(row)
    return rows


def ledger(sensitivity: str = "public") -> Ledger:
    """The records behind ``task_rows``, in another order than the table of tasks."""
    records = []
    for row, (*_, place) in zip(task_rows(), TASKS, strict=True):
        record: dict[str, Any] = dict.fromkeys(FIELDS, "")
        record |= {key: row[key] for key in ("id", "name", "type", "status", "status_date", "due_date", "lead_unit", "investment")}
        records.append({**record, "row": row["id"], "geometry": place})
    frame = gpd.GeoDataFrame(records[::-1], geometry="geometry", crs="EPSG:32651")
    return Ledger(frame, pd.DataFrame(columns=list(LEFT_OUT)), DAY, sensitivity=sensitivity)


def standing(targets: Sequence[dict[str, Any]] | None = None, **tables: Any) -> Standing:
    rows = [target_row()] if targets is None else list(targets)
    left_out = [["ledger", "9", "t9", HOSTILE_TASK, "无类型", "no type"], ["plan", "4", "R9", "", "无单位", "no unit"]]
    made: dict[str, Any] = {
        "tasks": pd.DataFrame(task_rows(), columns=list(TASK_TABLE)),
        "contradictions": pd.DataFrame(columns=list(CONTRADICTIONS)),
        "changes": pd.DataFrame(columns=list(CHANGES)),
        "problems": pd.DataFrame(columns=list(PROBLEMS)),
        "definitions": pd.DataFrame(columns=list(DEFINITIONS)),
        "left_out": pd.DataFrame(left_out, columns=list(LEFT_OUT)),
        **tables,
    }
    return Standing(DAY, {"plan": PLAN}, pd.DataFrame(rows, columns=list(TARGET_TABLE)), **made)


def planned_results(lang: Lang = "zh", sensitivity: str = "public") -> Results:
    made = results(lang)
    return replace(made, city=replace(made.city, ledger=ledger(sensitivity)))
