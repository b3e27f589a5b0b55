"""By which definition a target is measured, what the other definitions give, and why a yearbook's figure differs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from spatial.areas import CITY, Areas, row_called
from spatial.city import City
from spatial.result import STATUS_TITLES, MetricInfo, Results
from spatial.targets.model import DEFINITIONS, Target
from spatial.text import Text
from spatial.unit_words import factor_between
from spatial.units import unit_of

YEARBOOK = "yearbook"


def definitions(targets: Sequence[Target], city: City, results: Results | None, judged: pd.DataFrame | None = None) -> pd.DataFrame:
    """Set side by side every figure that bears the name of what a target is bound to.

    Parameters
    ----------
    targets
        Those that are asked about; of one whose measure was not measured nothing is said.
    city
        Its statistics give the yearbook's figures, by the same name as the metric.
    results
        Figures and definitions of the metrics.
    judged
        The judge's table: the row that a target is held against shows the judge's value, which may have a period of its own.

    Returns
    -------
    pandas.DataFrame
        Columns ``DEFINITIONS``: by target its measure's variants, in the order of their declaration, then the yearbook's figure
        (``variant = "yearbook"``) with the difference from the row that is judged and what may explain it.
    """
    rows: list[dict[str, Any]] = []
    for target in targets:
        info = results.metrics.get(target.measure) if results else None
        if info is None or results is None or target.kind == "targets":  # what others make together has no figure of its own
            continue
        row = _row_of(target, results)
        area = str(results.areas.ids[row])
        mine = []
        for variant, title in info.variants.items():
            mine.append(_variant(target, info, variant, title, results, area))
        held = next((row for row in mine if row["judged"]), None)
        if held is not None and judged is not None:
            _as_judged(held, target, judged)
        rows += mine
        rows += _yearbook(target, info, city, results.areas, row, held)
    return pd.DataFrame(rows, columns=list(DEFINITIONS))


def _row_of(target: Target, results: Results) -> int:
    """Row of the area that a target is about: one of the areas by its name, else the city."""
    row = row_called(results.areas, target.area, (results.city.name,))
    return list(results.areas.ids).index(CITY) if row is None else row


def _variant(target: Target, info: MetricInfo, variant: str, title: Text, results: Results, area: str) -> dict[str, Any]:
    found = results.get(info.name, variant=variant, area_id=area)
    chosen = target.variant or (target.select.removeprefix("series:") if target.select.startswith("series:") else "")
    chosen = chosen if chosen in info.variants else info.default_variant
    note = results.rows[(results.rows.metric == info.name) & (results.rows.variant == variant) & (results.rows.area_id == area)].iloc[0]
    if target.kind == "ledger" and target.select and variant != chosen:  # a figure of more records than the target asks for
        named = title if title.zh else info.title
        title = Text(f"{named.zh}（该指标全部记录）", f"{named.en} (all records of the metric)")
    said = Text(info.definition.zh, info.definition.en)
    if found.status != "ok":
        state = STATUS_TITLES[found.status]
        said = Text(f"{said.zh} [{state.zh}：{note.note_zh}]", f"{said.en} [{state.en}: {note.note_en}]")
    return {
        "target_id": target.id, "measure": info.name, "variant": variant,
        "title_zh": title.zh or info.title.zh, "title_en": title.en or info.title.en, "definition_zh": said.zh, "definition_en": said.en,
        "value": float(found.value), "unit": info.unit, "status": found.status, "judged": variant == chosen,
        "target": target.value, "year": target.year, "data_year": _data_year(target, results.city), "difference": math.nan,
    }  # fmt: skip


def _as_judged(row: dict[str, Any], target: Target, judged: pd.DataFrame) -> None:
    own = judged[(judged["target_id"] == target.id) & ~judged["indicative"].astype(bool)]
    if len(own) and math.isfinite(own.iloc[0]["value"]):
        row |= {"value": float(own.iloc[0]["value"]), "status": own.iloc[0]["value_status"] or row["status"]}


def _data_year(target: Target, city: City) -> float:
    """Year of which a figure speaks: the ledger's, else that of the data; a statistic says its own in its note."""
    if target.kind == "statistic":
        return math.nan
    if target.kind == "ledger" and city.ledger is not None:
        return float(city.ledger.date.year)
    return float(city.date[:4]) if city.date[:4].isdigit() else math.nan


def _yearbook(target: Target, info: MetricInfo, city: City, areas: Areas, row: int, held: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Set the newest figure of a yearbook for this metric and area against the row that is judged."""
    if city.statistics is None or held is None or target.kind == "statistic":
        return []
    frame = city.statistics.frame
    frame = frame[frame["metric"] == info.name]
    names = (city.name, target.area) if areas.ids[row] == CITY else (city.name,)
    here = {area for area in frame["area"].unique() if row_called(areas, area, names) == row}
    found = frame[frame["area"].isin(here)].sort_values(["year", "series"], kind="stable")
    rows = []
    for _, newest in found.groupby("series", sort=True).tail(1).iterrows():
        factor = factor_between(str(newest["unit"]), info.unit)
        if factor is None:
            continue
        value = float(newest["value"]) * factor
        difference = value - held["value"]
        text = _difference(held, newest, difference, info)
        rows.append({
            **{key: held[key] for key in ("target_id", "measure", "unit", "target", "year")}, "variant": YEARBOOK,
            "title_zh": f"统计年鉴 {newest['year']} 年", "title_en": f"yearbook, {newest['year']}",
            "definition_zh": text.zh, "definition_en": text.en, "value": value, "status": "ok", "judged": False,
            "data_year": float(newest["year"]), "difference": difference,
        })  # fmt: skip
    return rows


def _difference(held: dict[str, Any], figure: pd.Series, difference: float, info: MetricInfo) -> Text:
    """Say by how much and why two figures of one name differ: only what is known of these two."""
    source = str(figure["source"])
    zh, en = [f"来源：{source}" if source else "来源未注明"], [f"source: {source}" if source else "no source is named"]
    if not math.isfinite(difference):
        zh.append("判定口径无数值，无从比较")
        en.append("the definition that is judged has no value to compare with")
        return Text("；".join(zh), "; ".join(en))
    unit = unit_of("pp" if info.unit == "1" else info.unit)
    more = ("高", "more") if difference > 0 else ("低", "less")
    if abs(difference) * unit.factor < 0.5 * 10**-unit.decimals:
        zh.append("与判定口径一致")
        en.append("agrees with the definition that is judged")
        return Text("；".join(zh), "; ".join(en))
    zh.append(f"比判定口径（{held['title_zh']}）{more[0]} {unit.show(abs(difference), 'zh')}")
    en.append(f"{unit.show(abs(difference), 'en')} {more[1]} than the definition that is judged ({held['title_en']})")
    reasons = [
        Text(
            "统计部门按统计报表口径汇总，本表按图面量算", "a yearbook adds up what offices report, while this figure is measured on the map"
        )
    ]
    if math.isfinite(held["data_year"]) and held["data_year"] != float(figure["year"]):
        years = f"{figure['year']}", f"{held['data_year']:.0f}"
        reasons.append(
            Text(f"年份不同（年鉴 {years[0]} 年，数据 {years[1]} 年）", f"the years differ (yearbook {years[0]}, data {years[1]})")
        )
    if held["status"] in ("estimated", "partial"):
        state = STATUS_TITLES[held["status"]]
        reasons.append(Text(f"量算值为“{state.zh}”", f"the measured figure is {state.en}"))
    zh.append(f"可能原因：{'、'.join(reason.zh for reason in reasons)}")
    en.append(f"possible reasons: {', '.join(reason.en for reason in reasons)}")
    return Text("；".join(zh), "; ".join(en))
