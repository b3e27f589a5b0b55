"""What each metric will say with these inputs: measured, so that it is what a run gives."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from spatial.areas import CITY
from spatial.check.report import Column, Report, Table, listed
from spatial.city import City
from spatial.errors import SpatialError
from spatial.measurement import NOT_COVERED, measure
from spatial.metrics.land import built_up_area
from spatial.metrics.people import population_basis
from spatial.progress import Progress
from spatial.text import Text

STATUSES = ("ok", "estimated", "partial", "no_data")
_COLUMNS = (
    Column("metric", Text("指标", "metric")),
    Column("title", Text("名称", "title"), "json"),
    Column("variant", Text("口径", "variant"), "json"),
    Column("city", Text("全市", "whole city")),
    *(Column(status, Text(status, status), "count") for status in STATUSES),
    Column("why", Text("原因（最常见）", "why (most often)")),
)


def look_ahead(report: Report, city: City, by: str, progress: Progress) -> None:
    """Add one row a metric, of its official variant: how many areas get which status, and why."""
    try:
        results = measure(city, None, by, progress=progress)
    except SpatialError as error:
        report.add("problem", "metrics", Text(str(error), str(error)))
        return
    rows = []
    lacking: list[str] = []
    table = results.rows
    for name, info in results.metrics.items():
        here = table[(table["metric"] == name) & (table["variant"] == info.default_variant)]
        proper = here[here["area_id"].isin(results.areas.ids[results.areas.is_area])]
        total = here[here["area_id"] == CITY]
        counts = Counter(proper["status"])
        status = str(total["status"].iloc[0])
        if status == "no_data":
            lacking.append(name)
        rows.append(
            {"metric": name, "title": info.title, "variant": info.default_variant or None, "city": status}
            | {key: counts.get(key, 0) for key in STATUSES}
            | {"why": _why(pd.concat([total, proper]), city)}
        )
    remark = Text("各状态的区数；口径为该指标的默认口径", "areas by status, of each metric's official variant")
    report.tables.append(Table("metrics", Text("指标将如何", "What each metric will say"), _COLUMNS, rows, remark))
    if lacking:
        names = ", ".join(lacking)
        report.add("warning", "metrics", Text(f"{len(lacking)} 个指标全市 no_data：{listed(names)}",
                                              f"{len(lacking)} metrics will be no_data for the whole city: {names}"))  # fmt: skip


def _why(rows: pd.DataFrame, city: City) -> Text | None:
    """Return what most rows say that are not ok; how much of them the data cover and that data are made up is said elsewhere."""
    shorter = _shortened(city)
    told = Counter(
        Text(_kept(note_zh, "；", {long.zh: short.zh for long, short in shorter}), _kept(note_en, "; ", {x.en: y.en for x, y in shorter}))
        for note_zh, note_en, status in zip(rows["note_zh"], rows["note_en"], rows["status"], strict=True)
        if status != "ok"
    )
    del told[Text("", "")]
    return told.most_common(1)[0][0] if told else None


def _shortened(city: City) -> list[tuple[Text, Text]]:
    """Pair long notes, which stand in every row and among the findings too, with short ones."""
    pairs = [(note, Text("建成区为估算", "the built-up area is estimated")) for note in built_up_area(city).notes]
    if not city.layer("population").missing:
        pairs += [(note, Text("人口为估算", "people are estimated")) for note in population_basis(city)[2]]
    nothing = Text("", "")
    return [*pairs, (NOT_COVERED, nothing), (Text("且为估算", "and estimated"), nothing), (Text(city.synthetic, city.synthetic), nothing)]


def _kept(note: str, between: str, shorter: dict[str, str]) -> str:
    for long, short in shorter.items():  # before splitting, since a statement may itself hold what stands between statements
        note = note.replace(long, short) if long else note
    parts = note.split(between)
    return between.join(dict.fromkeys(part for part in parts if part and not part.startswith(("the data cover ", "数据仅覆盖"))))
