"""The QGIS project of a run: layers in the groups of the map, the styles of the file, the opening view, sheets to print.

The same text stands in the GeoPackage, from where QGIS opens it, and in ``city.qgz`` beside it. Layers are named relative to it, so that a folder
can be moved. Nothing in it tells of the machine or the moment that made it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import pyproj
import shapely

from spatial import crs
from spatial.areas import FULL_COVERAGE
from spatial.outputs.map_specs import MapSpec
from spatial.outputs.qgis_evidence import Table, style_names
from spatial.outputs.qgis_layout import Sheets, add_sheets
from spatial.outputs.qgis_style import DOCTYPE, clean, quoted, styled, unevaluated
from spatial.outputs.storable import unique_name
from spatial.result import Results
from spatial.text import Lang, Text

NAME = "city"
"""What the project is called inside a GeoPackage."""

_TABLES = Text("数据表", "Tables")
_OSM_LICENCE = "Open Database License (ODbL) 1.0"
_FIXED = (1980, 1, 1, 0, 0, 0)  # the earliest moment that a zip can hold
_MARGIN = 0.02
_TYPES = {"point": "Point", "line": "Line", "polygon": "Polygon"}

Aliases = Mapping[str, Mapping[str, str]]


def project_archive(results: Results, spec: MapSpec, tables: Sequence[Table], aliases: Aliases, file: str) -> bytes:
    """Write the project as the zip that QGIS keeps, in a GeoPackage as in a ``.qgz``.

    Parameters
    ----------
    results
        A measured city.
    spec
        The map whose groups and opening view it has.
    tables
        The layers and tables of the file.
    aliases
        Table → column → title.
    file
        Name of the GeoPackage, which lies beside the project or holds it.

    Returns
    -------
    bytes
        The same for equal data.
    """
    text = _project(results, spec, tables, aliases, file)
    held = io.BytesIO()
    entry = zipfile.ZipInfo(f"{NAME}.qgs", _FIXED)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # whatever system wrote it
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(entry, text)
    return held.getvalue()


def _project(results: Results, spec: MapSpec, tables: Sequence[Table], aliases: Aliases, file: str) -> bytes:
    city, lang = results.city, results.lang
    title = " · ".join(part for part in (clean(city.name), clean(spec.title.get(lang))) if part)
    root = Element("qgis", version="3.22.0", projectname=title)
    SubElement(root, "homePath", path="")
    SubElement(root, "title").text = title
    reference = _reference(city.crs)
    SubElement(root, "projectCrs").append(reference)
    ids = {table.name: _id(table.name, city.name) for table in tables}
    names: set[str] = set()
    titles = {table.name: unique_name(unevaluated(table.title) or table.name, names) for table in tables}
    tree = SubElement(root, "layer-tree-group")
    for group, members in _groups(spec, tables, lang):
        place = tree
        if group:
            place = SubElement(tree, "layer-tree-group", name=unevaluated(group), checked="Qt::Checked", expanded="0")
        for table in members:
            shown = "Qt::Checked" if table.shown or table.name == "areas" else "Qt::Unchecked"
            SubElement(
                place,
                "layer-tree-layer",
                id=ids[table.name],
                name=titles[table.name],
                source=_source(file, table.name),
                providerKey="ogr",
                checked=shown,
                expanded=str(int(table.name == "areas")),
            )
    extent = opening_extent(results, spec)
    canvas = SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    SubElement(canvas, "units").text = "meters"
    _extent(SubElement(canvas, "extent"), extent)
    SubElement(canvas, "rotation").text = "0"
    SubElement(canvas, "destinationsrs").append(reference)
    layers = SubElement(root, "projectlayers")
    for table in tables:
        layers.append(_layer(table, ids[table.name], titles[table.name], aliases[table.name], file, results))
    sheets = Sheets(results, spec, {table.name: table for table in tables}, ids, titles, file, extent)
    add_sheets(root, sheets)
    _properties(root)
    described = SubElement(root, "projectMetadata")
    for key, value in (("identifier", ""), ("language", {"zh": "ZHO", "en": "ENG"}[lang]), ("type", "dataset"), ("title", title)):
        SubElement(described, key).text = value
    credit = clean(city.attribution)
    SubElement(described, "abstract").text = "\n".join(part for part in (clean(spec.description.get(lang)), credit) if part)
    SubElement(described, "author").text = clean(city.sheet.issuing_unit)
    _rights(described, credit)
    view = SubElement(root, "ProjectViewSettings", UseProjectScales="0", rotation="0")
    edges = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(_number, extent), strict=True))
    SubElement(view, "DefaultViewExtent", edges).append(reference)
    return (DOCTYPE + ElementTree.tostring(root, encoding="unicode")).encode("utf-8")


def _groups(spec: MapSpec, tables: Sequence[Table], lang: Lang) -> list[tuple[str, list[Table]]]:
    """Sort layers into groups as the panel of the map has them, the areas below, the tables last; what is drawn above stands above."""
    told = {key: title.get(lang) for key, title in spec.groups.items()}
    placed: dict[str, list[Table]] = {key: [] for key in told}
    ground: list[Table] = []
    for table in tables:
        if table.kind and table.group in placed:
            placed[table.group].append(table)
        elif table.kind:
            ground.append(table)
    found = [(told[key], sorted(members, key=lambda table: -table.level)) for key, members in placed.items() if members]
    found.append(("", sorted(ground, key=lambda table: table.name == "areas")))
    found.append((_TABLES.get(lang), [table for table in tables if not table.kind]))
    return found


def opening_extent(results: Results, spec: MapSpec) -> tuple[float, float, float, float]:
    """West, south, east, north of the view that the map opens with, in the city's CRS: the areas as far as the data reach."""
    areas, city = results.areas, results.city
    seen = areas.whole[areas.is_area] if areas.is_area.any() else areas.whole
    if isinstance(spec.view, tuple):
        box = np.array([shapely.segmentize(shapely.box(*spec.view), 0.01)], dtype=object)
        seen = crs.reproject(box, pyproj.CRS(crs.WGS84), city.crs)
    elif city.data_extent is not None:
        covered = float(results.table["coverage"].min()) >= FULL_COVERAGE
        part = shapely.intersection(seen, city.data_extent)
        part = part[shapely.area(part) > 0]
        if spec.view == "data":
            seen = np.array([city.data_extent], dtype=object)
        elif not covered and len(part):
            seen = part
    west, south, east, north = (float(edge) for edge in shapely.total_bounds(seen))
    margin = _MARGIN * max(east - west, north - south, 1.0)
    return west - margin, south - margin, east + margin, north + margin


def _id(table: str, city: str) -> str:
    """Id of a layer: projects of two cities can be put together."""
    return f"{table}_{hashlib.sha256(clean(city).encode()).hexdigest()[:8]}"


def _source(file: str, table: str) -> str:
    return f"./{file}|layername={table}"


def _number(value: float) -> str:
    return f"{value:.3f}"


def _extent(parent: Element, extent: Sequence[float]) -> None:
    for key, value in zip(("xmin", "ymin", "xmax", "ymax"), extent, strict=True):
        SubElement(parent, key).text = _number(value)


def _reference(reference: pyproj.CRS) -> Element:
    """Describe a CRS: by its code where it has one, else in full."""
    element = Element("spatialrefsys")
    code = reference.to_epsg()
    SubElement(element, "wkt").text = clean(reference.to_wkt("WKT2_2019"))
    SubElement(element, "srid").text = str(code or 0)
    SubElement(element, "authid").text = f"EPSG:{code}" if code else ""
    SubElement(element, "description").text = clean(reference.name)
    SubElement(element, "geographicflag").text = str(reference.is_geographic).lower()
    return element


def _layer(table: Table, key: str, title: str, aliases: Mapping[str, str], file: str, results: Results) -> Element:
    style = table.styles[table.opens_with]
    columns = [str(column) for column in table.frame.columns if column != "geometry"]
    layer = Element(
        "maplayer",
        type="vector",
        geometry=_TYPES.get(table.kind, "No geometry"),
        styleCategories="AllStyleCategories",
        labelsEnabled=str(int(bool(style.text))),
        simplifyDrawingHints="1" if table.kind in ("line", "polygon") else "0",
        simplifyDrawingTol="1",
        simplifyLocal="1",
        readOnly="0",
        hasScaleBasedVisibilityFlag="0",
    )
    SubElement(layer, "id").text = key
    SubElement(layer, "datasource").text = _source(file, table.name)
    SubElement(layer, "layername").text = title
    SubElement(layer, "abstract").text = clean(table.description)
    credit = clean(results.city.attribution)
    SubElement(layer, "attribution").text = credit
    described = SubElement(layer, "resourceMetadata")
    SubElement(described, "title").text = title
    SubElement(described, "abstract").text = clean(table.description)
    _rights(described, credit)
    if table.kind:
        SubElement(layer, "srs").append(_reference(results.city.crs))
        _extent(SubElement(layer, "extent"), [float(edge) for edge in table.frame.total_bounds] if len(table.frame) else [0.0] * 4)
    SubElement(layer, "provider", encoding="UTF-8").text = "ogr"
    if len(table.styles) > 1:
        layer.append(_styles(table, columns))
    layer.extend(styled(style, table.kind, columns, aliases))
    SubElement(layer, "blendMode").text = "0"
    SubElement(layer, "featureBlendMode").text = "0"
    SubElement(layer, "layerOpacity").text = "1"
    named = next((column for column in ("name", "title") if column in columns), "")
    if named:
        SubElement(layer, "previewExpression").text = quoted(named)
    return layer


def _styles(table: Table, columns: Sequence[str]) -> Element:
    """Keep every style of a layer under its name: another metric is one click away."""
    names = style_names(table)
    manager = Element("map-layer-style-manager", current=names[table.opens_with])
    for number, (name, style) in enumerate(zip(names, table.styles, strict=True)):
        kept = SubElement(manager, "map-layer-style", name=name)
        if number != table.opens_with:  # which the layer itself holds
            kept.append(styled(style, table.kind, columns, None))
    return manager


def _rights(described: Element, credit: str) -> None:
    if credit:
        SubElement(described, "rights").text = credit
    if "ODbL" in credit:
        SubElement(described, "license").text = _OSM_LICENCE


def _properties(root: Element) -> None:
    properties = SubElement(root, "properties")
    for group, key, kind, value in (
        ("SpatialRefSys", "ProjectionsEnabled", "int", "1"),  # without it the project has no CRS at all
        ("Paths", "Absolute", "bool", "false"),
        ("Measurement", "DistanceUnits", "QString", "meters"),
        ("Measurement", "AreaUnits", "QString", "ha"),
        ("PositionPrecision", "Automatic", "bool", "true"),
    ):
        place = properties.find(group)
        SubElement(SubElement(properties, group) if place is None else place, key, type=kind).text = value
