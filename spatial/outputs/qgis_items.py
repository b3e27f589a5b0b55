"""What a sheet of QGIS is put together from: a map, texts, a scale bar and an arrow, each at its place in millimetres."""

from __future__ import annotations

import base64
import math
import uuid
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from spatial.outputs.qgis_style import EVALUATED, clean
from spatial.text import Lang, Text

# The first that a system has: Noto and Source Han on Linux, YaHei on Windows, PingFang on a Mac.
FONTS = ("Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "SimHei", "WenQuanYi Micro Hei", "sans-serif")
INK, GREY, RED = "#1a1a1a", "#555555", "#b3261e"
_LABEL, LEGEND, _MAP, _PICTURE, _SCALE = "65641", "65642", "65639", "65640", "65646"
_LEFT, CENTRE = "1", "4"
_NORTH = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 32"><path d="M12 1 L21 31 L12 24 Z" fill="#1a1a1a"/>'
    '<path d="M12 1 L3 31 L12 24 Z" fill="#ffffff" stroke="#1a1a1a" stroke-width="1" stroke-linejoin="round"/></svg>'
)
_SPACE = uuid.UUID("6f2f2f4e-7f0b-5f44-9a57-2c1f6f1d6f10")


def chart_of(layout: Element, sheet: str, theme: str, scale: int, extent: Sequence[float], place: tuple[float, float, float, float]) -> str:
    """Add the map, which shows a theme at a scale about the middle of an extent; return its id."""
    x, y, width, height = place
    west, south, east, north = extent
    across, up = (side / 1000.0 * scale / 2 for side in (width, height))
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    item = placed(SubElement(layout, "LayoutItem"), "map", sheet, _MAP, x, y, width, height)
    said = {"frame": "true", "keepLayerSet": "false", "followPreset": "true", "followPresetName": theme, "mapRotation": "0"}
    for attribute, value in {**said, "drawCanvasItems": "false", "labelMargin": "0,mm", "mapFlags": "0", "isTemporal": "0"}.items():
        item.set(attribute, value)
    edges = (middle_x - across, middle_y - up, middle_x + across, middle_y + up)
    SubElement(item, "Extent", dict(zip(("xmin", "ymin", "xmax", "ymax"), (f"{edge:.3f}" for edge in edges), strict=True)))
    SubElement(item, "LayerSet")
    return item.get("uuid", "")


def label(
    layout: Element,
    sheet: str,
    key: str,
    text: str,
    place: tuple[float, float, float, float],
    *,
    size: float,
    bold: bool = False,
    color: str = INK,
    align: str = _LEFT,
    evaluated: bool = False,
) -> Element:
    """Add a text, as it stands unless it is to be evaluated."""
    item = placed(SubElement(layout, "LayoutItem"), key, sheet, _LABEL, *place)
    middle, top = "128", "32"
    said = {"labelText": text if evaluated else literal_text(text), "halign": align, "htmlState": "0", "marginX": "0", "marginY": "0"}
    for attribute, value in {**said, "valign": middle if key in ("title", "stamp", "north") else top}.items():
        item.set(attribute, value)
    SubElement(item, "LabelFont", description=font(size, bold=bold), style="")
    item.append(color_of("FontColor", color))
    item.append(text_style(size, bold=bold, color=color))
    return item


def north_arrow(layout: Element, sheet: str, chart: str, place: tuple[float, float, float, float]) -> None:
    """Add an arrow that turns with the map."""
    item = placed(SubElement(layout, "LayoutItem"), "north arrow", sheet, _PICTURE, *place)
    drawn = "base64:" + base64.b64encode(_NORTH.encode()).decode()
    said = {"file": drawn, "mode": "0", "resizeMode": "0", "anchorPoint": "4", "mapUuid": chart, "northMode": "0", "northOffset": "0"}
    for attribute, value in {**said, "pictureRotation": "0", "svgFillColor": "26,26,26,255", "svgBorderColor": "26,26,26,255"}.items():
        item.set(attribute, value)


def scale_bar(layout: Element, sheet: str, chart: str, scale: int, place: tuple[float, float, float, float], lang: Lang) -> None:
    """Add a bar of two parts, each a round length of about 2 cm."""
    wanted = 0.024 * scale
    power = 10.0 ** math.floor(math.log10(wanted))
    length = max(step * power for step in (1, 2, 2.5, 5) if step * power <= wanted)
    far = length >= 1000
    item = placed(SubElement(layout, "LayoutItem"), "scale bar", sheet, _SCALE, *place)
    said = {
        "mapUuid": chart,
        "style": "Single Box",
        "unitType": "km" if far else "meters",
        "unitLabel": (Text("公里", "km") if far else Text("米", "m")).get(lang),
        "numMapUnitsPerScaleBarUnit": "1",
        "numUnitsPerSegment": f"{length / 1000 if far else length:g}",
        "numSegments": "2",
        "numSegmentsLeft": "0",
        "segmentSizeMode": "0",
        "segmentMillimeters": "24",
        "minBarWidth": "30",
        "maxBarWidth": "60",
        "height": "2",
        "labelBarSpace": "1.5",
        "boxContentSpace": "0.5",
        "outlineWidth": "0.2",
        "alignment": "0",
        "lineJoinStyle": "miter",
        "lineCapStyle": "square",
    }
    for attribute, value in said.items():
        item.set(attribute, value)
    item.append(text_style(8))
    item.append(color_of("strokeColor", INK))
    item.append(color_of("fillColor", INK))
    item.append(color_of("fillColor2", "#ffffff"))


def placed(item: Element, key: str, sheet: str, kind: str, x: float, y: float, width: float, height: float) -> Element:
    """Give an item its kind, name and place; its id is always the same for the same sheet."""
    own = "{" + str(uuid.uuid5(_SPACE, f"{sheet}/{key}")) + "}"
    said = {
        "type": kind,
        "id": "" if key == "page" else key,
        "uuid": own,
        "templateUuid": own,
        "position": f"{x:g},{y:g},mm",
        "positionOnPage": f"{x:g},{y:g},mm",
        "size": f"{width:g},{height:g},mm",
        "referencePoint": "0",
        "itemRotation": "0",
        "opacity": "1",
        "frame": "false",
        "background": "true" if key in ("page", "map") else "false",
        "outlineWidthM": "0.2,mm",
        "frameJoinStyle": "miter",
        "visibility": "1",
        "zValue": {"page": "0", "map": "1"}.get(key, "2"),
        "excludeFromExports": "0",
        "positionLock": "false",
        "groupUuid": "",
        "blendMode": "0",
    }
    for attribute, value in said.items():
        item.set(attribute, value)
    item.append(color_of("FrameColor", INK))
    item.append(color_of("BackgroundColor", "#ffffff"))
    return item


def color_of(name: str, color: str) -> Element:
    """Write a colour as an element of this name."""
    red, green, blue = (str(int(color[at : at + 2], 16)) for at in (1, 3, 5))
    return Element(name, red=red, green=green, blue=blue, alpha="255")


def text_style(size: float, *, bold: bool = False, color: str = INK) -> Element:
    """Describe a font for QGIS from 3.24 on, which looks for the first of the families that there is."""
    rgb = ",".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5)) + ",255"
    said = {"fontFamily": FONTS[0], "fontSize": f"{size:g}", "fontSizeUnit": "Point", "fontWeight": "75" if bold else "50"}
    style = Element("text-style", {**said, "textColor": rgb, "textOpacity": "1", "namedStyle": "", "allowHtml": "0"})
    families = SubElement(style, "families")
    for name in FONTS:
        SubElement(families, "family", name=name)
    return style


def font(size: float, *, bold: bool = False) -> str:
    """Describe a font for QGIS before 3.24."""
    return f"{FONTS[0]},{size:g},-1,5,{75 if bold else 50},0,0,0,0,0"


def scale_of(extent: Sequence[float], width_mm: float, height_mm: float) -> int:
    """Return the largest scale of a round number at which an extent in metres fits a frame: 50,000 for 1 : 50,000."""
    west, south, east, north = extent
    least = max((east - west) / width_mm, (north - south) / height_mm, 0.1) * 1000.0
    power = 10.0 ** math.floor(math.log10(least))
    return round(next(step * power for step in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 8, 10) if step * power >= least * (1 - 1e-9)))


def literal_text(text: str) -> str:
    """Write a text for a label of a sheet, where QGIS evaluates what stands between ``[%`` and ``%]``: it remains the text that it is."""
    return _escaped(clean(text))


def _escaped(text: str) -> str:
    return text.replace("[%", "[% '[' || '%' %]") if EVALUATED.search(text) else text
