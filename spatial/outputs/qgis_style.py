"""Styles for QGIS: rules and symbols, written as QML and as SLD."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

KINDS = {"point": 0, "line": 1, "polygon": 2}
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_SYMBOLS = {"point": "marker", "line": "line", "polygon": "fill"}
EVALUATED = re.compile(r"\[%.*?%\]", re.DOTALL)  # what QGIS takes for an expression in legends and labels of sheets
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OGC, _SE, _SLD = "http://www.opengis.net/ogc", "http://www.opengis.net/se", "http://www.opengis.net/sld"

# Shape of a point → what QGIS and what SLD calls it; a ring is a circle that its fill makes empty.
SHAPES = {"circle": ("circle", "circle"), "ring": ("circle", "circle"), "square": ("square", "square"), "triangle": ("triangle", "triangle"),
          "cross": ("cross2", "x")}  # fmt: skip

Value = str | float


@dataclass(frozen=True)
class Condition:
    """What a feature must meet: ``field in values``, or ``low <= field < high``; an absent limit does not bind."""

    field: str
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Symbol:
    """How one class is drawn; widths and sizes in millimetres, colours ``#rrggbb``, ``None`` for nothing.

    Attributes
    ----------
    hatch
        Colour of diagonal lines over the fill.
    level
        Symbols of a higher level are drawn over all of a lower one, whatever feature they belong to.
    shape
        Of points: a key of ``SHAPES``.
    """

    fill: str | None = None
    stroke: str | None = None
    width: float = 0.2
    dashed: bool = False
    hatch: str | None = None
    size: float = 1.6
    opacity: float = 1.0
    level: int = 0
    shape: str = "circle"


@dataclass(frozen=True)
class Rule:
    """One line of a legend: a class, or a heading over ``rules``.

    Attributes
    ----------
    where
        All must be met; none for every feature.
    otherwise
        Whether it takes what no other rule beside it takes.
    """

    label: str
    symbol: Symbol | None = None
    where: tuple[Condition, ...] = ()
    otherwise: bool = False
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Style:
    """A named style of one layer; ``text`` is a QGIS expression for the labels, empty for none; ``subject`` the metric that it paints."""

    name: str
    rules: tuple[Rule, ...] = ()
    text: str = ""
    subject: str = ""


def clean(text: object) -> str:
    """Leave out what XML cannot hold: control characters, lone surrogates."""
    return _NOT_XML.sub("", str(text))


def unevaluated(text: object) -> str:
    """Part the brackets in which QGIS would evaluate an expression: legends and names of layers are no place for one."""
    said = clean(text)
    return said.replace("[%", "[ %") if EVALUATED.search(said) else said


def quoted(field: str) -> str:
    """Quote the name of a column for a QGIS expression."""
    return '"' + field.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for a QGIS expression."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def qml(style: Style, kind: str, columns: Sequence[str], aliases: Mapping[str, str] | None) -> str:
    """Write a style with the aliases of the columns as QGIS keeps it.

    Parameters
    ----------
    style
        Without rules only the aliases are written (a table has no symbols).
    kind
        ``point``, ``line``, ``polygon``; empty for a table.
    columns
        In the order of the layer, without the feature id.
    aliases
        Column → title; ``None`` for a style that leaves those of the layer as they are.
    """
    return DOCTYPE + ElementTree.tostring(styled(style, kind, columns, aliases), encoding="unicode")


def styled(style: Style, kind: str, columns: Sequence[str], aliases: Mapping[str, str] | None) -> Element:
    """Build the element ``qgis`` of a style; a layer of a project has the same parts. Without aliases those of the layer stay as they are."""
    categories = "Symbology|Labeling" + ("|Fields|Forms" if aliases is not None else "")
    root = Element("qgis", version="3.22.0", styleCategories=categories, labelsEnabled=str(int(bool(style.text))))
    if style.rules:
        renderer = SubElement(root, "renderer-v2", type="RuleRenderer", symbollevels="0", forceraster="0", enableorderby="0")
        top = SubElement(renderer, "rules", key="root")
        symbols: list[Symbol] = []
        for rule in style.rules:
            _rule(top, rule, symbols)
        shelf = SubElement(renderer, "symbols")
        for index, symbol in enumerate(symbols):
            _symbol(shelf, str(index), symbol, kind)
    if style.text:
        _labeling(root, style.text, kind)
    if aliases is not None:
        listed = SubElement(root, "aliases")
        for index, column in enumerate(columns, start=1):  # 0 is the feature id
            SubElement(listed, "alias", field=clean(column), index=str(index), name=clean(aliases.get(column, "")))
    if kind:
        SubElement(root, "layerGeometryType").text = str(KINDS[kind])
    return root


def _rule(parent: Element, rule: Rule, symbols: list[Symbol]) -> None:
    said = {"key": f"rule{sum(1 for _ in parent.iter('rule'))}-{len(symbols)}", "label": unevaluated(rule.label)}
    if rule.otherwise:
        said["filter"] = "ELSE"
    elif rule.where:
        said["filter"] = clean(" AND ".join(_expression(test) for test in rule.where))
    if rule.symbol is not None:
        said["symbol"] = str(len(symbols))
        symbols.append(rule.symbol)
    element = SubElement(parent, "rule", said)
    for inner in rule.rules:
        _rule(element, inner, symbols)


def _expression(test: Condition) -> str:
    field = quoted(test.field)
    parts = []
    if test.values:
        parts.append(f"{field} IN ({', '.join(literal(value) for value in test.values)})")
    if test.low is not None:
        parts.append(f"{field} >= {test.low!r}")
    if test.high is not None:
        parts.append(f"{field} < {test.high!r}")
    return " AND ".join(parts)


def _rgba(color: str | None) -> str:
    if color is None:
        return "0,0,0,0"
    return ",".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5)) + ",255"


def _symbol(parent: Element, name: str, symbol: Symbol, kind: str) -> None:
    element = SubElement(parent, "symbol", type=_SYMBOLS[kind], name=name, alpha=f"{symbol.opacity:g}", clip_to_extent="1", force_rhr="0")
    width = {"width_unit": "MM", "width": f"{symbol.width:g}"}
    line = "dash" if symbol.dashed else "solid"
    outline = {
        "outline_color": _rgba(symbol.stroke),
        "outline_style": line if symbol.stroke else "no",
        **{f"outline_{key}": value for key, value in width.items()},
    }
    if kind == "line":
        _layer(
            element,
            "SimpleLine",
            {
                "line_color": _rgba(symbol.stroke),
                "line_style": line,
                **{f"line_{key}": value for key, value in width.items()},
                "capstyle": "round",
                "joinstyle": "round",
            },
            symbol.level,
        )
    elif kind == "point":
        marker = {"name": SHAPES[symbol.shape][0], "color": _rgba(symbol.fill), "size": f"{symbol.size:g}", "size_unit": "MM", **outline}
        _layer(element, "SimpleMarker", marker, symbol.level)
    else:
        fill = {"color": _rgba(symbol.fill), "style": "solid" if symbol.fill else "no", "joinstyle": "round", **outline}
        _layer(element, "SimpleFill", fill, symbol.level)
        if symbol.hatch:
            hatch = _layer(element, "LinePatternFill", {"angle": "45", "distance": "2.2", "distance_unit": "MM"}, symbol.level)
            _symbol(hatch, f"@{name}@1", Symbol(stroke=symbol.hatch, width=0.3), "line")


def _layer(parent: Element, kind: str, options: Mapping[str, str], level: int) -> Element:
    layer = SubElement(parent, "layer", {"class": kind, "enabled": "1", "locked": "0", "pass": str(level)})
    kept = SubElement(layer, "Option", type="Map")
    for key, value in options.items():
        SubElement(kept, "Option", type="QString", name=key, value=value)
    for key, value in options.items():  # QGIS before 3.18 reads these
        SubElement(layer, "prop", k=key, v=value)
    return layer


def _labeling(root: Element, text: str, kind: str) -> None:
    # No font is named: QGIS then takes that of the desktop, which knows Chinese, and warns of no substitute.
    settings = SubElement(SubElement(root, "labeling", type="simple"), "settings", calloutType="simple")
    written = SubElement(
        settings,
        "text-style",
        fieldName=clean(text),
        isExpression="1",
        fontSize="8.5",
        fontWeight="50",
        fontSizeUnit="Point",
        textColor="30,30,30,255",
        textOpacity="1",
    )
    SubElement(
        written,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
        bufferOpacity="0.85",
        bufferJoinStyle="128",
    )
    SubElement(settings, "text-format", multilineAlign="1", wrapChar="")
    SubElement(
        settings,
        "placement",
        placement="1" if kind == "polygon" else "0",
        dist="1.2" if kind == "point" else "0",
        quadOffset="4",
        centroidInside="1",
        priority="5",
    )
    SubElement(settings, "rendering", obstacle="0", fontLimitPixelSize="0", scaleVisibility="0", drawLabels="1")


def sld(style: Style, kind: str, layer: str) -> str:
    """Write the rules of a style as SLD 1.1, for other programs; labels and headings are left out."""
    for prefix, space in (("ogc", _OGC), ("se", _SE), ("", _SLD)):
        ElementTree.register_namespace(prefix, space)
    root = Element(f"{{{_SLD}}}StyledLayerDescriptor", version="1.1.0")
    named = SubElement(root, f"{{{_SLD}}}NamedLayer")
    SubElement(named, f"{{{_SE}}}Name").text = clean(layer)
    user = SubElement(named, f"{{{_SLD}}}UserStyle")
    SubElement(user, f"{{{_SE}}}Name").text = clean(style.name)
    kept = SubElement(user, f"{{{_SE}}}FeatureTypeStyle")
    for rule in _leaves(style.rules):
        _sld_rule(kept, rule, kind)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _leaves(rules: Sequence[Rule], where: tuple[Condition, ...] = ()) -> list[Rule]:
    out = []
    for rule in rules:
        if rule.symbol is not None:
            out.append(Rule(rule.label, rule.symbol, (*where, *rule.where), rule.otherwise))
        out += _leaves(rule.rules, (*where, *rule.where))
    return out


def _sld_rule(parent: Element, rule: Rule, kind: str) -> None:
    element = SubElement(parent, f"{{{_SE}}}Rule")
    SubElement(element, f"{{{_SE}}}Name").text = clean(rule.label)
    if rule.otherwise:
        SubElement(element, f"{{{_SE}}}ElseFilter")
    elif rule.where:
        _sld_filter(SubElement(element, f"{{{_OGC}}}Filter"), rule.where)
    symbol = rule.symbol or Symbol()
    if kind == "polygon":
        painted = SubElement(element, f"{{{_SE}}}PolygonSymbolizer")
        if symbol.fill:
            _parameters(SubElement(painted, f"{{{_SE}}}Fill"), {"fill": symbol.fill, "fill-opacity": f"{symbol.opacity:g}"})
        _stroke(painted, symbol)
        if symbol.hatch:
            hatched = SubElement(element, f"{{{_SE}}}PolygonSymbolizer")
            graphic = SubElement(SubElement(SubElement(hatched, f"{{{_SE}}}Fill"), f"{{{_SE}}}GraphicFill"), f"{{{_SE}}}Graphic")
            mark = SubElement(graphic, f"{{{_SE}}}Mark")
            SubElement(mark, f"{{{_SE}}}WellKnownName").text = "slash"
            _parameters(SubElement(mark, f"{{{_SE}}}Stroke"), {"stroke": symbol.hatch})
    elif kind == "line":
        _stroke(SubElement(element, f"{{{_SE}}}LineSymbolizer"), symbol)
    else:
        graphic = SubElement(SubElement(element, f"{{{_SE}}}PointSymbolizer"), f"{{{_SE}}}Graphic")
        mark = SubElement(graphic, f"{{{_SE}}}Mark")
        SubElement(mark, f"{{{_SE}}}WellKnownName").text = SHAPES[symbol.shape][1]
        _parameters(SubElement(mark, f"{{{_SE}}}Fill"), {"fill": symbol.fill or "#ffffff"})
        if symbol.shape != "circle":  # whose outline is most of what is seen
            _stroke(mark, symbol)
        SubElement(graphic, f"{{{_SE}}}Size").text = _pixels(symbol.size)


def _sld_filter(parent: Element, where: Sequence[Condition]) -> None:
    compared: list[tuple[str, list[tuple[str, Value]]]] = []
    for test in where:
        if test.values:
            compared.append(("PropertyIsEqualTo", [(test.field, value) for value in test.values]))
        if test.low is not None:
            compared.append(("PropertyIsGreaterThanOrEqualTo", [(test.field, test.low)]))
        if test.high is not None:
            compared.append(("PropertyIsLessThan", [(test.field, test.high)]))
    place = SubElement(parent, f"{{{_OGC}}}And") if len(compared) > 1 else parent
    for name, sides in compared:
        inner = SubElement(place, f"{{{_OGC}}}Or") if len(sides) > 1 else place
        for field, value in sides:
            one = SubElement(inner, f"{{{_OGC}}}{name}")
            SubElement(one, f"{{{_OGC}}}PropertyName").text = clean(field)
            SubElement(one, f"{{{_OGC}}}Literal").text = clean(value)


def _stroke(parent: Element, symbol: Symbol) -> None:
    if symbol.stroke:
        dash = {"stroke-dasharray": "4 2"} if symbol.dashed else {}
        _parameters(SubElement(parent, f"{{{_SE}}}Stroke"), {"stroke": symbol.stroke, "stroke-width": _pixels(symbol.width), **dash})


def _parameters(parent: Element, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        SubElement(parent, f"{{{_SE}}}SvgParameter", name=name).text = value


def _pixels(millimetres: float) -> str:
    return f"{millimetres / 0.28:.2f}"  # the OGC's pixel is 0.28 mm
