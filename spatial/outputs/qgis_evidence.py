"""Evidence and service areas in a GeoPackage: one layer a kind of geometry, graded and titled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial.outputs.classes import NO_DATA
from spatial.outputs.evidence import KIND_COLORS, Graded, column_title, declared_evidence, graded, kinds_of
from spatial.outputs.map_specs import overlay_title
from spatial.outputs.qgis_style import Condition, Rule, Style, Symbol, clean, quoted
from spatial.outputs.storable import one_kind, storable, unique_name
from spatial.result import Results
from spatial.text import Lang, Text

_RANKS = 30  # more numbers on a map are not read
KINDS = {"point": (0, 4), "line": (1, 2, 5), "polygon": (3, 6)}


@dataclass(frozen=True, eq=False)
class Table:
    """One table of the file, ready to be written.

    Attributes
    ----------
    kind
        ``point``, ``line``, ``polygon``; empty without geometry.
    columns
        Column → title and description.
    styles
        The first is the one QGIS applies.
    group
        In which it stands in the project: one of the map's; empty for none of them.
    level
        Of two layers of a group, the one with the higher level is drawn above.
    shown
        Whether the project opens with it.
    opens_with
        Which of the styles it has then.
    """

    name: str
    title: str
    description: str
    frame: pd.DataFrame
    kind: str = ""
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    styles: Sequence[Style] = ()
    group: str = ""
    level: int = 0
    shown: bool = False
    opens_with: int = 0


def style_names(table: Table) -> list[str]:
    """Names of the styles of a table, as file and project have them: each once."""
    taken: set[str] = set()
    return [unique_name(clean(style.name), taken) for style in table.styles]


def evidence_tables(results: Results, key: str, frame: gpd.GeoDataFrame, taken: set[str]) -> list[Table]:
    """Prepare a frame of evidence.

    Parameters
    ----------
    results
        For titles and language.
    key
        ``metric.frame``.
    frame
        In the city's CRS.
    taken
        Names of tables; those made here are added.

    Returns
    -------
    list of Table
        Graded by the column that the evidence names, by kind of facility, or drawn in its own colour.
    """
    lang = results.lang
    head, declared = declared_evidence(results, key)
    said = declared.title.get(lang)
    title = said if not head or head in said else head + ("：" if lang == "zh" else ": ") + said
    if isinstance(frame, gpd.GeoDataFrame) and frame.crs is None:
        frame = frame.set_crs(results.city.crs)
    stored, names = storable(frame)
    columns = {new: (words, "") for old, new in names.items() if (words := column_title(results, old))}
    layer = re.sub(r"[^a-z0-9_]+", "_", key.replace(".", "__").lower()).strip("_") or "evidence"
    if re.match(r"gpkg_|rtree_|sqlite_|layer_styles$|\d", layer):
        layer = f"evidence_{layer}"
    why = in_brackets(Text("指标依据", "Evidence").get(lang), key, lang)
    if "geometry" not in stored:
        return [Table(unique_name(layer, taken), title, why, stored, columns=columns, styles=[Style(said)])]
    # No outlines on polygons: the evidence is computed in tiles, whose edges are no finding.
    polygons = bool((shapely.get_dimensions(np.asarray(stored["geometry"].to_numpy(), dtype=object)) == 2).any())
    symbol = Symbol(declared.color, None if polygons else _darker(declared.color), 0.16, opacity=0.8)
    grades = graded(results, frame, declared.by, declared.color)
    kinds = kinds_of(results, frame)
    if grades is not None:
        rules = _graded_rules(grades, names[grades.column], polygons, lang, gaps=bool(frame[grades.column].isna().any()))
    elif len(kinds) > 1:
        rules = _kind_rules(kinds, names["class"])
    else:
        rules = (Rule(said, symbol),)
    rank = quoted(names["rank"]) if "rank" in names and grades is not None else ""
    text = f"CASE WHEN {rank} <= {_RANKS} THEN to_string({rank}) ELSE '' END" if rank else ""
    return by_kind(layer, title, why, stored, columns, Style(said, rules, text), taken, "polygon")


def service_area_tables(results: Results, name: str, overlay: Mapping[str, Any], frame: gpd.GeoDataFrame, taken: set[str]) -> list[Table]:
    """Prepare a service area that the overview map declares."""
    lang = results.lang
    stored, names = storable(frame)
    columns = {new: (words, "") for old, new in names.items() if (words := column_title(results, old))}
    title = overlay_title(overlay, lang) or name
    why = Text("沿步行路网生成，仅供查看；覆盖率不由此面计算", "along walkable ways, to look at: no share is computed from it").get(lang)
    style = overlay["style"]
    symbol = Symbol(style.get("fill", style["color"]), None, opacity=0.6)  # made in tiles, whose edges mean nothing
    layer = re.sub(r"[^a-z0-9_]+", "_", f"service_area__{name}".lower())
    return by_kind(layer, title, why, stored, columns, Style(title, (Rule(title, symbol),)), taken, "polygon")


def _graded_rules(grades: Graded, column: str, polygons: bool, lang: Lang, *, gaps: bool) -> tuple[Rule, ...]:
    """One rule a class under a heading with the unit; the first and the last are open; with ``gaps`` one for what has no value."""
    classes = grades.classes
    last = len(classes.colors) - 1
    limits = zip(classes.labels, classes.colors, classes.breaks, classes.breaks[1:], strict=False)
    rules = []
    for index, (label, color, low, high) in enumerate(limits):
        where = Condition(column, (), float(low) if index else None, float(high) if index < last else None)
        symbol = Symbol(color, None if polygons else _darker(color), 0.1, size=1.5, opacity=0.9)
        rules.append(Rule(label, symbol, (where,) if last else (Condition(column, (), float(low)),)))
    if gaps:
        nothing = Symbol(NO_DATA, None if polygons else "#8c8c8c", 0.1, size=1.2)
        rules.append(Rule(Text("无数值", "no value").get(lang), nothing, otherwise=True))
    return (Rule(in_brackets(grades.title, grades.unit, lang), rules=tuple(rules)),)


def _kind_rules(kinds: Mapping[str, str], column: str) -> tuple[Rule, ...]:
    symbols = [Symbol(KIND_COLORS[index % len(KIND_COLORS)], "#ffffff", 0.16, size=2.0) for index in range(len(kinds))]
    return tuple(Rule(title, symbol, (Condition(column, (kind,)),)) for (kind, title), symbol in zip(kinds.items(), symbols, strict=True))


def in_brackets(title: str, inside: str, lang: Lang) -> str:
    """Add a remark in brackets, in square ones behind a title that ends with a bracket."""
    if not inside:
        return title
    if title.endswith((")", "）")):
        return f"{title} [{inside}]"
    return f"{title}（{inside}）" if lang == "zh" else f"{title} ({inside})"


def _darker(color: str) -> str:
    return "#" + "".join(f"{int(int(color[at : at + 2], 16) * 0.65):02x}" for at in (1, 3, 5))


def by_kind(
    name: str,
    title: str,
    description: str,
    frame: pd.DataFrame,
    columns: Mapping[str, tuple[str, str]],
    style: Style,
    taken: set[str],
    usual: str,
) -> list[Table]:
    """One table a kind of geometry: a GeoPackage layer holds one; ``usual`` is that of an empty frame."""
    geometry = np.asarray(frame["geometry"].to_numpy(), dtype=object)
    if (shapely.get_type_id(geometry) == 7).any():
        frame = frame.explode(index_parts=False, ignore_index=True)
        geometry = np.asarray(frame["geometry"].to_numpy(), dtype=object)
    types = shapely.get_type_id(geometry)
    kinds = [kind for kind, ids in KINDS.items() if np.isin(types, ids).any()] or [usual if usual in KINDS else "polygon"]
    tables = []
    for index, kind in enumerate(kinds):
        mine = np.isin(types, KINDS[kind]) | ((types == -1) & (index == 0))
        own = unique_name(name if len(kinds) == 1 else f"{name}_{kind}s", taken)
        drawn = style if kind != "line" else Style(style.name, tuple(_as_line(rule) for rule in style.rules), style.text)
        tables.append(Table(own, title, description, one_kind(frame[mine], kind), kind, columns, [drawn]))
    return tables


def _as_line(rule: Rule) -> Rule:
    symbol = rule.symbol
    if symbol is None or symbol.fill is None or symbol.fill == symbol.stroke:
        return rule
    return Rule(rule.label, Symbol(stroke=symbol.fill, width=max(symbol.width, 0.4), level=symbol.level), rule.where, rule.otherwise)
