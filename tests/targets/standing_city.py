"""A small made-up city with two plans, a ledger of fifteen rows and an older one: every outcome is known by hand.

On 2025-06-30, of eight street lamps: L1, L2, L3 are done (L1 proved by a document, L2 by nothing, L3 by pictures), L4 is 29 days overdue, L5 is due in
ten days, L6 later, L7 cancelled, L8 has no due date. One row, L10, was completed in 2026 and is left out. Of three check-up problems C1 is answered by
P1, C2 by nothing, C3 by P2, which is cancelled; P3 answers CX-9, which nobody knows.

Since 2025-05-31: L1 and L2 came to be done, L4 was put off by 12 days, L7 was cancelled, L8 is new, L9 vanished before it was done.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from spatial.ledger.records import FIELDS as RECORD_FIELDS
from spatial.ledger.records import LEFT_OUT, Ledger
from tests.small_city import project, square

FIELDS = ("id", "name", "type", "district", "status", "status_date", "due_date", "lead_unit", "assisting_unit", "investment", "investment_source",
          "acceptance", "evidence", "before", "after", "people", "answers")  # fmt: skip
FORMULA = '=HYPERLINK("http://evil.example","x")'

NOW: list[dict[str, str]] = [
    {"id": "L1", "name": "人民大街路灯", "type": "路灯", "district": "南关区", "status": "已竣工", "status_date": "2025-06-10", "due_date": "2025-06-15",
     "acceptance": "验收〔2025〕1号"},
    {"id": "L2", "name": "解放大路路灯", "type": "路灯", "district": "南关区", "status": "completed", "status_date": "2025-06-20", "due_date": "2025-06-15"},
    {"id": "L3", "name": "南湖路灯", "type": "路灯", "district": "朝阳区", "status": "opened", "status_date": "2024-11-01", "before": "a.jpg", "after": "b.jpg"},
    {"id": "L4", "name": "宽城路灯", "type": "路灯", "district": "宽城", "status": "started", "status_date": "2025-03-01", "due_date": "2025-06-01",
     "lead_unit": "城管局", "assisting_unit": "供电公司", "investment": "1200000", "investment_source": "专项债"},
    {"id": "L5", "name": "绿园路灯", "type": "路灯", "district": "绿园区", "status": "approved", "status_date": "2025-03-01", "due_date": "2025-07-10",
     "lead_unit": "住建局"},
    {"id": "L6", "name": FORMULA, "type": "路灯", "district": "绿园区", "status": "planned", "due_date": "2025-12-31"},
    {"id": "L7", "name": "站前路灯", "type": "路灯", "district": "宽城区", "status": "cancelled", "status_date": "2025-06-05", "due_date": "2025-05-01"},
    {"id": "L8", "name": "会展路灯", "type": "路灯", "status": "started", "status_date": "2025-06-01"},
    {"id": "L10", "name": "未来路灯", "type": "路灯", "district": "南关区", "status": "completed", "status_date": "2026-01-01"},
    {"id": "C1", "name": "停车难", "type": "体检问题", "district": "南关区", "status": "planned"},
    {"id": "C2", "name": "雨后积水", "type": "体检问题", "district": "朝阳区", "status": "planned"},
    {"id": "C3", "name": "公厕不足", "type": "checkup_issue", "district": "宽城区", "status": "planned"},
    {"id": "P1", "name": "停车楼", "type": "停车项目", "district": "南关区", "status": "started", "status_date": "2025-04-01", "due_date": "2025-12-31",
     "investment": "5000000", "investment_source": "中央预算", "people": "3000", "answers": "C1"},
    {"id": "P2", "name": "公厕", "type": "公厕项目", "district": "宽城区", "status": "已取消", "status_date": "2025-02-01", "answers": "C3"},
    {"id": "P3", "name": "无主项目", "type": "停车项目", "district": "南关区", "status": "planned", "answers": "CX-9"},
]  # fmt: skip


def _before(row: dict[str, str]) -> dict[str, str]:
    """A row as it stood a month earlier."""
    older = {
        "L1": {"status": "started", "status_date": "2025-03-01", "acceptance": ""},
        "L2": {"status": "started", "status_date": "2025-03-01"},
        "L4": {"due_date": "2025-05-20"},
        "L7": {"status": "planned", "status_date": ""},
    }
    return {**row, **older.get(row["id"], {})}


OLD = [_before(row) for row in NOW if row["id"] not in ("L8", "L10")]
OLD.append({"id": "L9", "name": "铁北路灯", "type": "路灯", "district": "宽城区", "status": "started", "status_date": "2025-03-01"})

PLAN = """\
id,clause,area,title_zh,title_en,theme,operator,value,unit,strength,baseline,baseline_year,year,kind,measure,period
T-2024,一,试城,2024 年亮灯,Lamps lit in 2024,utilities,>=,5,count,binding,,,2024,ledger,lamps_lit,stock
T-2026,二,试城,2026 年亮灯,Lamps lit in 2026,utilities,>=,8,count,binding,0,2023,2026,ledger,lamps_lit,stock
T-people,三,试城,常住人口,Residents,governance,>=,12000,persons,stretch,8000,2020,2030,metric,population,
T-later,四,试城,地下管廊,Utility tunnels,utilities,>=,12,km,binding,,,2030,awaited,some_tunnel_length,
"""
OTHER = """\
id,clause,area,title_zh,title_en,theme,operator,value,unit,strength,baseline,baseline_year,year,kind,measure,period
U-2026,1,试城,亮灯行动,Lamp campaign,utilities,>=,9,count,binding,0,2023,2026,ledger,lamps_lit,stock
"""
LAMPS = """\
title = { zh = "亮灯数", en = "Lamps lit" }
definition = { zh = "已竣工的路灯数。", en = "Street lamps that are completed." }
kind = "count"
types = ["路灯"]
required = "completed"
unit = "count"
period = "stock"
confirm = "before_after"
"""
PLANS = """
[plans.city]
file = "data/plan.csv"
title = { zh = "试城规划", en = "Plan of the trial city" }
area = "试城"
authority = { zh = "试城人民政府", en = "Government of the trial city" }
standing = "in_force"
issued = "2023"

[plans.campaign]
file = "data/campaign.csv"
title = { zh = "亮灯行动方案", en = "Lamp campaign" }
area = "试城"
authority = { zh = "试城城管局", en = "Bureau of the trial city" }
standing = "in_force"
issued = "2024"
"""
LEDGER = """
[ledger]
file = "data/ledger.csv"
date = "2025-06-30"
previous = "data/ledger-old.csv"
previous_date = "2025-05-31"
"""


def standing_project(folder: Path, text: str = PLANS + LEDGER) -> Path:
    """Write the project; ``text`` says what of plans and ledger it names.

    Returns
    -------
    Path
        ``city.toml``.
    """
    people = gpd.GeoDataFrame({"count": [4000, 3000, 2000, 1000]}, geometry=[square(x, y) for y in (0, 1) for x in (0, 1)], crs="EPSG:4326")
    path = project(folder, "\n".join(["[layers.population]", 'file = "data/population.gpkg"', 'field = "count"', text]))
    people.to_file(folder / "data" / "population.gpkg", layer="population", driver="GPKG")
    head = 'synthetic = "合成数据 synthetic data"\ndate = "2025-01-01"\n'
    path.write_text(head + path.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "data" / "ledger").mkdir()
    (folder / "data" / "ledger" / "lamps_lit.toml").write_text(LAMPS, encoding="utf-8")
    (folder / "data" / "plan.csv").write_text(PLAN, encoding="utf-8")
    (folder / "data" / "campaign.csv").write_text(OTHER, encoding="utf-8")
    for name, rows in (("ledger", NOW), ("ledger-old", OLD)):
        with (folder / "data" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, restval="")
            writer.writeheader()
            writer.writerows(rows)
    return path


def ledger(rows: Sequence[Mapping[str, Any]], day: str, crs: Any = "EPSG:4551", **said: Any) -> Ledger:
    """Make a ledger of typed records, as reading makes it; what a row does not say is absent."""
    dates, numbers = ("status_date", "start_date", "due_date"), ("quantity", "investment", "people", "weight")
    columns: dict[str, Any] = {}
    for field in RECORD_FIELDS:
        cells = [row.get(field) for row in rows]
        if field in dates:
            columns[field] = pd.Series([date.fromisoformat(cell) if cell else None for cell in cells], dtype=object)
        elif field in numbers:
            columns[field] = [float("nan") if cell is None else float(cell) for cell in cells]
        elif field == "plan_year":
            columns[field] = pd.array([cell if cell else pd.NA for cell in cells], dtype="Int64")
        else:
            columns[field] = [cell or ("count" if field == "unit" else "planned" if field == "status" else "") for cell in cells]
    columns["row"] = [str(number + 2) for number in range(len(rows))]
    frame = gpd.GeoDataFrame(columns, geometry=[row.get("geometry") for row in rows], crs=crs)
    return Ledger(frame, pd.DataFrame(columns=list(LEFT_OUT)), date.fromisoformat(day), **said)
