"""What a GeoPackage of a run holds: its layers and tables with titles, aliases and styles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from spatial import crs
from spatial.areas import BEYOND, CITY, OUTSIDE, RESERVED
from spatial.layers import SENSITIVITIES
from spatial.outputs.classes import NO_DATA, PARTIAL, Classing
from spatial.outputs.classes import classify as class_breaks
from spatial.outputs.evidence import COLUMN_TITLES, secret_layers, service_areas
from spatial.outputs.map_specs import TASKS, MapSpec
from spatial.outputs.qgis_comments import commented, unit_words
from spatial.outputs.qgis_evidence import Table, by_kind, evidence_tables, in_brackets, service_area_tables
from spatial.outputs.qgis_style import Condition, Rule, Style, Symbol, literal, quoted
from spatial.outputs.qgis_targets import NAMES, target_tables
from spatial.outputs.storable import one_kind, storable
from spatial.outputs.task_groups import may_show
from spatial.outputs.webmap.targets import centres
from spatial.result import SCHEMA_VERSION, STATUS_TITLES, MetricInfo, Results
from spatial.roads import class_table, classify
from spatial.targets.model import Standing
from spatial.text import Lang, Text
from spatial.units import unit_of

INPUTS = ("parks", "roads")  # beside those that the map draws
RESULTS = "results"  # the group of what no map draws
_LABELLED_AREAS = 300  # a grid of thousands of cells is read without labels

_BESIDE = {"low": Text("下限", "low"), "high": Text("上限", "high"), "coverage": Text("数据覆盖", "covered by the data")}
_ROADS = {
    "motorway": ("#b03a2e", 0.9),
    "expressway": ("#d35400", 0.8),
    "primary": ("#e67e22", 0.66),
    "secondary": ("#d4ac0d", 0.5),
    "tertiary": ("#7f8c8d", 0.4),
    "unclassified": ("#99a3a4", 0.3),
    "residential": ("#a6acaf", 0.26),
    "link": ("#c98a5a", 0.3),
    "living_street": ("#b5a7c9", 0.26),
    "service": ("#c5c9cb", 0.18),
}
_OTHER_ROADS = Text("其他（步行道、自行车道等，不计入市政道路）", "other (footways, cycleways …: no municipal road)")
_SECRET_LEDGER = Text("台账涉密，其记录不写入本文件", "The ledger is secret: none of its records is in this file")
_TOTALS = {
    CITY: Symbol(stroke="#1a1a1a", width=0.9),
    OUTSIDE: Symbol(stroke="#7d6608", width=0.1, hatch="#b7950b"),  # lies on no area, so that it may be hatched
    BEYOND: Symbol(stroke="#c0392b", width=0.4, dashed=True),
}


def qgis_tables(results: Results, spec: MapSpec, standing: Standing | None = None) -> list[Table]:
    """Prepare everything that the file holds.

    Parameters
    ----------
    results
        From ``measure``; it is not changed.
    spec
        The map whose classes, groups and service areas the layers have.
    standing
        How the city stands, with its targets and tasks; ``None`` for a city without plans.

    Returns
    -------
    list of Table
        In the order of the file's list, with titles, aliases, units and styles in ``results.lang``; each description carries the attribution.
    """
    drawn = (str(overlay["layer"]) for overlay in spec.overlays.values() if "layer" in overlay and not _is_areas(overlay, results))
    inputs = dict.fromkeys([*INPUTS, *drawn])
    taken = {"areas", "totals", "metrics", "about", *inputs, *(NAMES if standing else ())}
    tables = _areas(results, spec, standing)
    for name in inputs:
        tables += _placed(_input(results, name, spec), spec, "layer", name)
    for key, frame in results.evidence.items():
        if not secret_layers(results, key):
            tables += _placed(evidence_tables(results, key, frame, taken), spec, "evidence", key)
    for name, overlay, frame in service_areas(results, spec):
        tables += _placed(service_area_tables(results, name, overlay, frame, taken), spec, "", name)
    if standing is not None:
        tables += _placed(target_tables(results, standing), spec, "source", TASKS)
    lang = results.lang
    tables.append(
        _plain(
            "metrics",
            Text("指标总表", "All metrics"),
            Text("一行一个指标、口径和区域", "One row a metric, variant and area"),
            results.table,
            lang,
        )
    )
    about = Text("关于本文件", "About this file")
    tables.append(
        _plain("about", about, Text("数据来源、日期、版本与提示", "Sources, date, versions and notices"), _about(results, standing), lang)
    )
    credit = results.city.attribution
    return [
        commented(table if credit in table.description else replace(table, description=f"{table.description} · {credit}".strip(" ·")), lang)
        for table in tables
    ]


def _is_areas(overlay: Mapping[str, Any], results: Results) -> bool:
    """Whether an overlay names what the areas themselves name, so that the page leaves it out."""
    return "labelled" in overlay and overlay["layer"] == results.by


def _placed(tables: list[Table], spec: MapSpec, key: str, value: str) -> list[Table]:
    """Put layers into the group of the overlay that draws them: the one of that name, or whose ``key`` says ``value``.

    Evidence that no overlay draws stands beside other evidence of its metric.
    """
    metric = value.partition(".")[0] + "."
    found = beside = None
    for level, (name, overlay) in enumerate(spec.overlays.items()):
        said = overlay.get(key, ())
        given = [said] if isinstance(said, str) else list(said)
        if (value in given) if key else value == name:
            found = (str(overlay["group"]), level, name in spec.shown)
            break
        if key == "evidence" and beside is None and any(each.startswith(metric) for each in given):
            beside = (str(overlay["group"]), -1, False)
    group, level, shown = found or beside or (RESULTS, -1, False)
    return [replace(table, group=group, level=level, shown=shown) if table.kind else table for table in tables]


def _plain(name: str, title: Text, description: Text, frame: pd.DataFrame, lang: Lang) -> Table:
    frame, names = storable(frame)
    columns = {new: (COLUMN_TITLES[old].get(lang), "") for old, new in names.items() if old in COLUMN_TITLES}
    return Table(name, title.get(lang), description.get(lang), frame, columns=columns, styles=[Style(title.get(lang))])


def _areas(results: Results, spec: MapSpec, standing: Standing | None) -> list[Table]:
    lang = results.lang
    centre = centres(results, standing)
    wide = results.wide()
    is_area = ~wide["area_id"].isin(list(RESERVED)).to_numpy()
    frame, names = storable(wide)
    columns = {names[key]: (COLUMN_TITLES[key].get(lang), "") for key in ("area_id", "name")}
    for metric, variant in _variants(results):
        title, description = _metric_words(results.metrics[metric], variant, lang)
        column = _column(metric, variant)
        columns[names[column]] = (title, description)
        status = Text("状态", "status").get(lang)
        states = "; ".join(f"{key} = {said.get(lang)}" for key, said in STATUS_TITLES.items())
        head = _metric_title(results.metrics[metric], variant, lang)
        columns[names[f"{column}__status"]] = (f"{head} · {status}", states)
        for extra, word in _BESIDE.items():
            if f"{column}__{extra}" in names:
                columns[names[f"{column}__{extra}"]] = (f"{head} · {word.get(lang)}", description if extra != "coverage" else "")
    labelled = int(is_area.sum()) <= _LABELLED_AREAS
    drawn = frame[is_area]
    styles = [
        _choropleth(
            drawn,
            results.metrics[metric],
            variant,
            names,
            lang,
            spec.classing_of(metric),
            centre(results.metrics[metric], variant),
            labelled=labelled,
        )
        for metric, variant in _ranked(results, spec, wide[is_area])
    ]
    title = Text("各区指标", "Metrics by area").get(lang)
    description = Text(
        "一行一个区域；状态 partial、no_data 的区域不参与分级", "One row an area; areas of status partial or no_data are in no class"
    ).get(lang)
    present = [key for key in RESERVED if key in set(wide["area_id"])]
    outlines = Style(
        Text("轮廓", "outlines").get(lang),
        tuple(Rule(RESERVED[key].get(lang), _TOTALS[key], (Condition(names["area_id"], (key,)),)) for key in present),
    )
    totals = Text("全市合计与差额", "City total and remainders").get(lang)
    closing = Text("全市合计，以及各区之外的部分；不与各区叠加分级", "The city total and what lies outside the areas; in no class").get(
        lang
    )
    return [
        Table("areas", title, description, one_kind(drawn, "polygon", multi=True), "polygon", columns, styles or [Style(title)]),
        Table("totals", totals, closing, one_kind(frame[~is_area], "polygon", multi=True), "polygon", columns, [outlines]),
    ]


def _variants(results: Results) -> list[tuple[str, str]]:
    measured = results.rows[["metric", "variant"]].drop_duplicates().to_numpy()
    return [(str(metric), str(variant)) for metric, variant in measured if metric in results.shown]


def _column(metric: str, variant: str) -> str:
    return f"{metric}__{variant}" if variant else metric


def _ranked(results: Results, spec: MapSpec, areas: pd.DataFrame) -> list[tuple[str, str]]:
    """Metrics and variants, the one that the map opens with in front: it has values that may be coloured, or any at all."""
    name, _, variant = spec.opens_with.partition("/")
    shown = {metric: info.default_variant for metric, info in results.shown.items()}
    if name in shown and variant in results.metrics[name].variants:
        shown[name] = variant

    def order(metric: str) -> tuple[bool, bool, bool]:
        column = _column(metric, shown[metric])
        known = areas[column].notna()
        return (not (known & areas[f"{column}__status"].isin(["ok", "estimated"])).any(), not known.any(), metric != name)

    return [(metric, shown[metric]) for metric in sorted(shown, key=order)]


def _metric_title(info: MetricInfo, variant: str, lang: Lang) -> str:
    said = info.variants.get(variant, Text(variant, variant)).get(lang)
    return info.title.get(lang) + (("：" if lang == "zh" else ": ") + said if said else "")


def _metric_words(info: MetricInfo, variant: str, lang: Lang) -> tuple[str, str]:
    """Title and description of a value column, with the unit it is stored in."""
    unit = Text("比例 0–1", "share 0–1").get(lang) if info.unit == "1" else unit_of(info.unit).label.get(lang)
    stop = "。" if lang == "zh" else ". "
    return (
        in_brackets(_metric_title(info, variant, lang), unit, lang),
        stop.join([unit_words(unit_of(info.unit), lang), info.definition.get(lang), info.standard.get(lang)]),
    )


def _choropleth(
    areas: pd.DataFrame,
    info: MetricInfo,
    variant: str,
    names: Mapping[str, str],
    lang: Lang,
    classing: Classing,
    target: float | None,
    *,
    labelled: bool,
) -> Style:
    column = _column(info.name, variant)
    value, status = names[column], names[f"{column}__status"]
    states = areas[status].to_numpy(dtype=object)
    rankable = np.isin(states, ["ok", "estimated"])
    classes = class_breaks(areas[value].to_numpy(dtype=float)[rankable], info.unit, lang, classing, target)
    unit = unit_of(info.unit).label.get(lang)
    colored = Condition(status, ("ok", "estimated"))
    last = len(classes.colors) - 1
    rules = [
        Rule(
            f"{label} {unit}".strip(),
            Symbol(color, "#6b6b6b", 0.15, opacity=0.9),
            # The first and the last class are open; a single one needs no limit at all.
            (colored, Condition(value, (), float(low) if index else None, float(high) if index < last else None))[: 2 if last else 1],
        )
        for index, (label, color, low, high) in enumerate(
            zip(classes.labels, classes.colors, classes.breaks, classes.breaks[1:], strict=False)
        )
    ]
    kept = {"partial": Symbol(PARTIAL, "#8c8c8c", 0.2, hatch="#9a9a9a"), "no_data": Symbol(NO_DATA, "#8c8c8c", 0.2)}
    not_ranked = Text("，不参与分级", ", not ranked").get(lang)
    for key, symbol in kept.items():
        if (states == key).any():
            said = STATUS_TITLES[key].get(lang) + (not_ranked if key == "partial" else "")
            rules.append(Rule(said, symbol, (Condition(status, (key,)),)))
    if (states == "estimated").any():
        said = in_brackets(STATUS_TITLES["estimated"].get(lang), Text("虚线边界", "dashed outline").get(lang), lang)
        rules.append(
            Rule(
                said, Symbol(stroke="#1a1a1a", width=0.35 if labelled else 0.15, dashed=True, level=1), (Condition(status, ("estimated",)),)
            )
        )
    title = _metric_title(info, variant, lang)
    text = _label_text(value, status, info.unit, names, lang) if labelled else ""
    return Style(title, (Rule(in_brackets(title, unit, lang), rules=tuple(rules)),), text, info.name)


def _label_text(value: str, status: str, unit: str, names: Mapping[str, str], lang: Lang) -> str:
    """QGIS expression: the area's name, below it the value; an estimate has ≈, a partial value says so."""
    declared = unit_of(unit)
    label = declared.label.get(lang)
    number = f"format_number({quoted(value)} * {declared.factor!r}, {declared.decimals})" + (f" || {literal(' ' + label)}" if label else "")
    partly = literal(Text("（部分）", " (part)").get(lang))
    shown = (
        f"CASE WHEN {quoted(value)} IS NULL THEN '' WHEN {quoted(status)} = 'partial' THEN '\\n' || {number} || {partly}"
        f" WHEN {quoted(status)} = 'estimated' THEN '\\n≈ ' || {number} ELSE '\\n' || {number} END"
    )
    return f"coalesce({quoted(names['name'])}, '') || {shown}"


def _input(results: Results, name: str, spec: MapSpec) -> list[Table]:
    layer = results.city.layers.get(name)
    if layer is None or layer.frame is None or layer.sensitivity == "secret":
        return []
    lang = results.lang
    given = layer.frame
    roads = name == "roads" and {"highway", "name", "motorroad", "area"} <= set(given.columns)
    frame, names = storable(given.assign(road_class=classify(given)) if roads else given)
    titles = {key: text.get(lang) for key, text in COLUMN_TITLES.items()} | {key: f.title.get(lang) for key, f in layer.spec.fields.items()}
    columns = {new: (titles[old], _said_of_field(layer.spec.fields.get(old), lang)) for old, new in names.items() if old in titles}
    title = layer.spec.title.get(lang)
    drawn = next((overlay for overlay in spec.overlays.values() if overlay.get("layer") == name), None)
    style = _declared_symbol(layer.spec.style) if drawn is None else _overlay_symbol(drawn["style"])
    rules = _road_rules(style, names["road_class"], lang) if roads else (Rule(title, style),)
    source = layer.source or (results.city.attribution if layer.origin.startswith("osm") else "")
    described = "; ".join(part for part in (source, layer.sensitivity if layer.sensitivity != "public" else "") if part)
    tables = by_kind(name, title, described, frame, columns, Style(title, rules), set(), layer.spec.geometry)
    if not roads:
        return tables
    # Under a choropleth the colours of the classes would be in the way: the project opens with thin grey lines, as the page does.
    behind = Style(in_brackets(title, Text("衬底", "behind").get(lang), lang), _roads_behind(style, names["road_class"], lang))
    return [replace(table, styles=[*table.styles, behind], opens_with=1) if table.kind == "line" else table for table in tables]


def _said_of_field(spec: Any, lang: Lang) -> str:
    """Say the unit of a column by its type, and its tag."""
    if spec is None:
        return ""
    unit = {"length": unit_of("m"), "count": unit_of("count")}.get(spec.type)
    parts = ([unit_words(unit, lang)] if unit else []) + ([f"OSM: {spec.tag}"] if spec.tag else [])
    return ("；" if lang == "zh" else "; ").join(parts)


def _declared_symbol(style: Mapping[str, Any]) -> Symbol:
    color = str(style.get("color", "#666666"))
    fill = style.get("fill", color)
    return Symbol(
        None if fill == "none" else str(fill), color, float(style.get("width", 0.2)), size=float(style.get("size", 1.6)), opacity=0.85
    )


def _overlay_symbol(style: Mapping[str, Any]) -> Symbol:
    """Draw as the page does; its widths are pixels, of which four make a millimetre."""
    fill = style.get("fill")
    width = round(float(style["weight"]) / 4, 2)
    return Symbol(
        None if fill is None else str(fill),
        str(style["color"]),
        width,
        dashed="dash" in style,
        size=round(float(style.get("radius", 3)) / 2, 2),
        opacity=float(style.get("fill_opacity", style.get("opacity", 1.0))),
    )


def _road_rules(declared: Symbol, column: str, lang: Lang) -> tuple[Rule, ...]:
    rules = []
    for level, (key, row) in enumerate(reversed(class_table().items()), start=1):
        color, width = _ROADS.get(key, (declared.stroke, declared.width))
        rules.append(Rule(Text(**row["title"]).get(lang), Symbol(stroke=color, width=width, level=level), (Condition(column, (key,)),)))
    rest = Symbol(stroke="#a9bfa5", width=0.14)
    return (*reversed(rules), Rule(_OTHER_ROADS.get(lang), rest, otherwise=True))


def _roads_behind(drawn: Symbol, column: str, lang: Lang) -> tuple[Rule, ...]:
    """Roads by their width on the page, in its one colour."""
    wide = {
        Text("高速公路、快速路", "motorways and expressways"): (("motorway", "expressway"), 0.55),
        Text("主干路、次干路", "primary and secondary roads"): (("primary", "secondary"), 0.35),
    }
    rules = [
        Rule(title.get(lang), replace(drawn, width=width, level=2 - level), (Condition(column, classes),))
        for level, (title, (classes, width)) in enumerate(wide.items())
    ]
    return (*rules, Rule(Text("支路及其他", "other roads and ways").get(lang), replace(drawn, width=0.14), otherwise=True))


def _about(results: Results, standing: Standing | None) -> pd.DataFrame:
    from spatial import __version__

    city = results.city
    present = [layer for layer in city.layers.values() if layer.origin != "absent"]
    levels = [layer.sensitivity for layer in present] + ([city.ledger.sensitivity] if city.ledger else [])
    level = max(map(SENSITIVITIES.index, levels), default=0)
    notices = list(results.notices)
    if standing is not None:
        notices += [*standing.notes, *([] if may_show(city) else [_SECRET_LEDGER])]
    rows = [
        ("schema_version", SCHEMA_VERSION),
        ("software", f"spatial {__version__}"),
        ("city", city.name),
        ("date", city.date),
        ("crs", crs.name_of(city.crs)),
        ("areas", results.by),
        ("language", results.lang),
        ("sensitivity", SENSITIVITIES[level]),
        ("attribution", city.attribution),
        *((f"source_{layer.spec.name}", layer.source) for layer in present if layer.source and layer.sensitivity != "secret"),
        *((f"notice_{number}", notice.get(results.lang)) for number, notice in enumerate(notices, start=1)),
        *((("targets_as_of", standing.date.isoformat()),) if standing else ()),
        *((f"plan_{name}", plan.title.get(results.lang)) for name, plan in (standing.plans if standing else {}).items()),
    ]
    # Half a letter, as a name given in Python may hold, is no text that a column can hold.
    return pd.DataFrame([(key, value.encode("utf-8", "replace").decode()) for key, value in rows], columns=["key", "value"])
