"""Sheets to print: one A4 landscape a metric, with title, legend, scale, north, sources and stamp."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from spatial.outputs.map_specs import MapSpec
from spatial.outputs.margin import said_of_areas, said_of_crs, said_of_date, stamp_of
from spatial.outputs.qgis_evidence import Table, style_names
from spatial.outputs.qgis_items import (
    CENTRE,
    GREY,
    INK,
    LEGEND,
    RED,
    chart_of,
    color_of,
    font,
    label,
    north_arrow,
    placed,
    scale_bar,
    scale_of,
    text_style,
)
from spatial.outputs.qgis_legend import Entry, entries, is_wide, wrapped
from spatial.outputs.qgis_style import Rule, Style, clean, unevaluated
from spatial.outputs.storable import unique_name
from spatial.result import Results
from spatial.text import Lang, Text

PAGE_MM = (297.0, 210.0)
_MAP_MM = (8.0, 24.0, 215.0, 163.0)  # x, y, width, height
_COLUMN_MM = (227.0, 62.0)  # x, width of what stands beside the map
_SHEET = Text("A4 横向", "A4 landscape")
_KEY = Text("图例（括号内为区域个数）", "Legend (with the number of areas)")
_ISSUED = Text("制图单位：", "Issued by ")
_SOURCES = Text("资料来源：", "Sources: ")
_MEASURED = Text("坐标系：", "Coordinate system: ")
_LONG = 60  # characters of a name that a title holds
_LONG_SOURCES = 260


@dataclass(frozen=True, eq=False)
class Sheets:
    """What the sheets of a project show.

    Attributes
    ----------
    tables, ids, titles
        By name of the table: the layer, its id and its title in the project.
    file
        Name of the GeoPackage.
    extent
        West, south, east, north that must be seen.
    """

    results: Results
    spec: MapSpec
    tables: Mapping[str, Table]
    ids: Mapping[str, str]
    titles: Mapping[str, str]
    file: str
    extent: tuple[float, float, float, float]

    @property
    def lang(self) -> Lang:
        """Language of every text."""
        return self.results.lang

    def shown(self) -> list[Table]:
        """Layers that every sheet draws over the areas, the uppermost first."""
        rank = {key: number for number, key in enumerate(self.spec.groups)}
        over = [table for table in self.tables.values() if table.shown and table.kind]
        return sorted(over, key=lambda table: (rank.get(table.group, len(rank)), -table.level))


def add_sheets(root: Element, sheets: Sheets) -> None:
    """Add to a project a map theme for every style of the areas, and sheets: the opening metric, then the first of each theme of the map.

    Each sheet costs QGIS a tenth of a second when it opens the project, which is why not every metric has one: a sheet shows another when its map
    follows another theme.

    Parameters
    ----------
    root
        Of the project.
    sheets
        What they show.
    """
    areas = sheets.tables["areas"]
    themes = SubElement(root, "visibility-presets")
    layouts = SubElement(root, "Layouts")
    taken: set[str] = set()
    printed = _printed(areas.styles, sheets.spec)
    kept = {table.name: style_names(table) for table in (*sheets.shown(), areas)}
    for number, style in enumerate(areas.styles):
        name = unique_name(unevaluated(style.name), taken)
        theme = SubElement(themes, "visibility-preset", {"name": name, "has-expanded-info": "0"})
        for table in (*sheets.shown(), areas):
            layer = SubElement(theme, "layer", id=sheets.ids[table.name], visible="1", expanded="0")
            if len(table.styles) > 1:
                layer.set("style", kept[table.name][number if table is areas else table.opens_with])
        if style in printed:
            _sheet(SubElement(layouts, "Layout"), sheets, style, name)


def _printed(styles: Sequence[Style], spec: MapSpec) -> list[Style]:
    coloured = {style.subject: style for style in styles if any(_is_class(rule) for head in style.rules for rule in head.rules)}
    named = [[metric for metric in theme.get("metrics", ()) if metric in coloured] for theme in spec.themes]
    return [styles[0], *(coloured[metrics[0]] for metrics in named if metrics)] if styles else []


def _is_class(rule: Rule) -> bool:
    return any("ok" in test.values for test in rule.where)


def _sheet(layout: Element, sheets: Sheets, style: Style, theme: str) -> None:
    lang, city = sheets.lang, sheets.results.city
    name = f"{_SHEET.get(lang)} · {theme}"
    for key, value in {"name": name, "units": "mm", "printResolution": "200", "worldFileMap": ""}.items():
        layout.set(key, value)
    page = SubElement(SubElement(layout, "PageCollection"), "LayoutItem")
    placed(page, "page", name, "65638", 0, 0, *PAGE_MM)
    x, y, width, height = _MAP_MM
    column, column_width = _COLUMN_MM
    scale = scale_of(sheets.extent, width, height)
    chart = chart_of(layout, name, theme, scale, sheets.extent, _MAP_MM)
    words = sheets.spec.words_in(lang)
    title = " · ".join(part for part in (_short(city.name), clean(style.name)) if part)
    label(layout, name, "title", title, (x, 5.5, width, 10), size=_fitting(title, width, 17), bold=True)
    facts = [said_of_areas(sheets.results, sheets.spec), said_of_date(city, words), *([city.synthetic] if city.synthetic else [])]
    label(layout, name, "facts", " · ".join(facts), (x, 15.5, width, 6.5), size=9, color=GREY)
    place = (column, 6, column_width, 14)
    if stamp := stamp_of(sheets.results, sheets.spec):
        item = label(layout, name, "stamp", "\n".join(stamp), place, size=9.5, bold=True, color=RED, align=CENTRE)
        item.set("frame", "true")
        item.set("outlineWidthM", "0.5,mm")
        item.remove(item[0])
        item.insert(0, color_of("FrameColor", RED))
    elif city.sheet.approval_number:
        approved = words["approved"].format(number=clean(city.sheet.approval_number))
        label(layout, name, "stamp", approved, place, size=9.5, bold=True, align=CENTRE)
    _legend(layout, sheets, style, name, chart)
    north_arrow(layout, name, chart, (x + width - 13, y + 3, 10, 13))
    label(layout, name, "north", words["north"], (x + width - 13, y + 16, 10, 4.5), size=8, bold=True, align=CENTRE)
    scale_bar(layout, name, chart, scale, (column, 163, column_width, 14), lang)
    expression = "[% '1 : ' || format_number(map_get(item_variables('map'), 'map_scale'), 0) %]"
    label(layout, name, "scale", expression, (column, 178, column_width, 5.5), size=8, evaluated=True)
    measured = _MEASURED.get(lang) + said_of_crs(city.crs, lang)
    label(layout, name, "crs", measured, (column, 184, column_width, 9), size=7, color=GREY)
    if city.sheet.issuing_unit:
        issued = _ISSUED.get(lang) + _short(city.sheet.issuing_unit)
        label(layout, name, "issued", issued, (column, 194, column_width, 10), size=8.5, bold=True)
    label(layout, name, "sources", _sources(sheets), (x, 189, width, 15), size=7, color=GREY)
    SubElement(layout, "Atlas", enabled="0", coverageLayer="", hideCoverage="0", filenamePattern="'output_'||@atlas_featurenumber")


def _sources(sheets: Sheets) -> str:
    """Attribution, and whose local layers were used, as far as they are not secret."""
    city, lang = sheets.results.city, sheets.lang
    given = [layer.source for layer in city.layers.values() if layer.origin != "absent" and layer.sensitivity != "secret"]
    parts = [part for part in dict.fromkeys([city.licence_notice, *given]) if part and part != city.synthetic]
    said = (_SOURCES.get(lang) + ("；" if lang == "zh" else "; ").join(map(clean, parts))) if parts else ""
    return said if len(said) <= _LONG_SOURCES else said[:_LONG_SOURCES] + " …"


def _fitting(text: str, width_mm: float, most: float) -> float:
    """Size of type, points, in which a text stands on one line, as far as it can be read then."""
    em_mm = 0.353 * sum(1.0 if is_wide(character) else 0.58 for character in text)
    return float(max(min(most, math.floor(2 * width_mm / em_mm) / 2), 9.0)) if em_mm else most


def _short(text: str) -> str:
    said = clean(text)
    return said if len(said) <= _LONG else said[:_LONG] + "…"


def _legend(layout: Element, sheets: Sheets, style: Style, sheet: str, chart: str) -> None:
    """Say what is drawn: the classes with how many areas each has, then the layers above with the kinds that occur."""
    column, width = _COLUMN_MM
    lang = sheets.lang
    item = placed(SubElement(layout, "LayoutItem"), "legend", sheet, LEGEND, column, 24, width, 60)
    said = {"title": _KEY.get(lang), "map_uuid": chart, "columnCount": "1", "resizeToContents": "1", "legendFilterByAtlas": "0"}
    sizes = {"symbolWidth": "6", "symbolHeight": "3.4", "boxSpace": "0", "columnSpace": "2", "lineSpacing": "0.6", "wrapChar": ""}
    for attribute, value in {**said, **sizes, "titleAlignment": "1", "symbolAlignment": "1", "fontColor": INK}.items():
        item.set(attribute, value)
    styles = SubElement(item, "styles")
    for name, size, bold, margins in (
        ("title", 11, True, {"marginBottom": "1.5"}),
        ("group", 9, True, {"marginTop": "2"}),
        ("subgroup", 8.5, True, {"marginTop": "2.5"}),
        ("symbol", 8, False, {"marginTop": "1.2"}),
        ("symbolLabel", 8, False, {"marginTop": "1", "marginLeft": "2"}),
    ):
        kept = SubElement(styles, "style", {"name": name, "alignment": "1", "indent": "0", **margins})
        SubElement(kept, "styleFont", description=font(size, bold=bold), style="")
        kept.append(text_style(size, bold=bold))
    tree = SubElement(item, "layer-tree-group")
    for table in (sheets.tables["areas"], *sheets.shown()):
        counted = table.name == "areas"
        found = entries(table, style if counted else table.styles[table.opens_with], lang, counted=counted)
        if found:
            _legend_layer(tree, sheets, table, found)


def _legend_layer(tree: Element, sheets: Sheets, table: Table, found: Sequence[Entry]) -> None:
    source = f"./{sheets.file}|layername={table.name}"
    title = sheets.titles[table.name]
    layer = SubElement(tree, "layer-tree-layer", id=sheets.ids[table.name], name=title, source=source, providerKey="ogr")
    layer.set("checked", "Qt::Checked")
    layer.set("expanded", "1")
    heading = next((entry.label for entry in found if entry.heading), title)
    nodes = [entry for entry in found if not entry.heading]
    said = {"legend/node-order": ",".join(str(entry.node) for entry in nodes)}
    said |= {f"legend/label-{entry.node}": wrapped(unevaluated(entry.label)) for entry in nodes}
    if len(nodes) == 1 and nodes[0].label == title:
        said["legend/title-style"] = "hidden"
    else:
        said["legend/title-label"] = wrapped(unevaluated(heading))
        said["legend/title-style"] = "subgroup"
    kept = SubElement(SubElement(layer, "customproperties"), "Option", type="Map")
    for key, value in said.items():
        SubElement(kept, "Option", type="QString", name=key, value=value)
