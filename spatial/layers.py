"""What a layer is (``LayerSpec``), and how a raw frame is checked, repaired and typed by it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from spatial import catalogue
from spatial.errors import CRSError, Faults, LayerError, OptionError, ProjectError, nearest, sample, shown
from spatial.overlaps import duplicates as duplicates  # said here too, for whoever asks what is wrong with a layer
from spatial.overlaps import overlap_share as overlap_share
from spatial.text import Text
from spatial.units import MAX_PEOPLE, parse_count, parse_length_m

GEOMETRIES = {"point": (0, 4), "line": (1, 5), "polygon": (3, 6), "any": (0, 1, 3, 4, 5, 6)}
FIELD_TYPES = ("text", "length", "count", "number", "ids")
INVALID_POLICIES = ("error", "repair", "drop")
RASTERS = ("counts", "surface")
SENSITIVITIES = ("public", "internal", "secret")
MOST_CROSSINGS = 50_000  # of one geometry's edges with one another: mending it takes some seconds
_SMALL = 100  # coordinates
ADDED_UP = ("roads", "population", "buildings")
"""Layers whose features are added up, so that one that stands twice counts twice; elsewhere surfaces are united and points merged."""

OVERLAP_TOLD = 0.01
"""Share of the area of population polygons from which their overlap is told: neighbours drawn by hand share slivers."""

_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class FieldSpec:
    """One column of a layer: its OSM tag, its type, its title."""

    name: str
    tag: str | None
    type: str
    title: Text
    required: bool = False


@dataclass(frozen=True)
class LayerSpec:
    """What one input layer is.

    Attributes
    ----------
    name
        As in ``city.toml``.
    geometry
        ``point``, ``line``, ``polygon`` or ``any``; ``raster`` where the layer is never made of features.
    raster
        What a raster of it holds: ``counts`` that add up, or heights of a ``surface``; empty where the layer takes none.
    osm
        Alternatives, each a mapping of tag key to ``True`` or the accepted values; empty where OSM does not feed the layer.
    node_refs
        Whether the node references of ways are kept.
    nodes_only
        Whether a layer of points takes nodes alone, never the inside of an area that bears the tag.
    named
        Words of which a feature of the extract must bear one in its name; empty where any name will do.
    routes
        Kinds of route relation that bring the ways they run along into the layer, where the relation meets ``named``.
    dense
        Whether the layer fills the city, so that its own box tells how far local data reach.
    style
        Colours and widths for map and GeoPackage.
    earlier
        The layer that this one shows as it was at an earlier day: it has its fields and, from an OSM file of its own, its rules; the extract of the
        city never feeds it. Empty for all others.
    """

    name: str
    title: Text
    geometry: str
    fields: Mapping[str, FieldSpec] = field(default_factory=dict)
    osm: tuple[Mapping[str, Any], ...] = ()
    exclude: Mapping[str, Any] = field(default_factory=dict)
    node_refs: bool = False
    nodes_only: bool = False
    dense: bool = False
    style: Mapping[str, Any] = field(default_factory=dict)
    raster: str = ""
    named: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    earlier: str = ""


@dataclass(frozen=True)
class Repair:
    """Something that was changed, dropped or noticed in a layer, counted.

    ``what`` names the things that are counted, in a form that a number can follow: Chinese ends in them (``没有几何的要素``), since ``，3 个`` comes next.
    """

    layer: str
    what: Text
    count: int
    ids: tuple[str, ...] = ()

    def text(self) -> Text:
        """Say it with its count and sample ids."""
        ids = sample(self.ids)
        return Text(
            f"{self.layer}：{self.what.zh}，{self.count} 个" + (f"（id {ids}）" if ids else ""),
            f"{self.layer}: {self.what.en}: {self.count}" + (f" (id {ids})" if ids else ""),
        )


_LAYER_KEYS = ("title", "geometry", "raster", "fields", "osm", "dense", "style", "earlier")
_FIELD_KEYS = ("tag", "type", "title", "required")
_OSM_KEYS = ("match", "exclude", "node_refs", "nodes_only", "named", "routes")


def layer_specs(own: Path | None = None) -> dict[str, LayerSpec]:
    """Parse every layer declaration, shipped and a user's own.

    Raises
    ------
    ProjectError
        Unknown keys or impossible values, all gathered.
    """
    faults = Faults(ProjectError)
    specs = {name: _parse_spec(name, raw, faults) for name, raw in catalogue.declarations("layers", own).items()}
    for name, spec in specs.items():
        if spec.earlier:
            now = specs.get(spec.earlier)
            if spec.osm or now is None or now.earlier or now.geometry != spec.geometry:
                faults.add(
                    f'layers/{name}.toml: earlier = "{shown(spec.earlier)}" must name another layer of the same geometry, and there are no'
                    f" rules in [osm] then{nearest(spec.earlier, specs)}"
                )
            else:
                specs[name] = replace(spec, fields={**now.fields, **spec.fields}, dense=now.dense)
    faults.raise_if_any()
    return specs


def _parse_spec(name: str, raw: dict[str, Any], faults: Faults) -> LayerSpec:
    where = raw["__path__"]
    messages = catalogue.check_keys(raw, _LAYER_KEYS, where=where)
    if not NAME.fullmatch(name):
        messages.append(f"{where}: a layer's name has letters, digits and _ only; rename the file")
    osm, declared_fields, style = (_table(raw, key, where, messages) for key in ("osm", "fields", "style"))
    messages += catalogue.check_keys(osm, _OSM_KEYS, where=f"{where} [osm]")
    for table, key in ((raw, "dense"), (osm, "node_refs"), (osm, "nodes_only")):
        messages += catalogue.check_type(table, key, bool, "true or false", where=where)
    if raw.get("geometry") not in (*GEOMETRIES, "raster"):
        messages.append(f"{where}: geometry must be one of {', '.join(GEOMETRIES)}, raster, not {raw.get('geometry')!r}")
    if raw.get("raster") not in RASTERS and ("raster" in raw or raw.get("geometry") == "raster"):
        messages.append(f"{where}: raster says what the cells hold, {' or '.join(RASTERS)}, not {raw.get('raster')!r}")
    if raw.get("geometry") == "raster" and (osm or declared_fields):
        messages.append(f"{where}: a layer that is a raster has neither [osm] nor fields")
    messages += catalogue.check_type(raw, "earlier", str, "a layer's name", where=where)
    if osm.get("nodes_only") and raw.get("geometry") not in ("point", "any"):
        messages.append(f"{where} [osm]: nodes_only is for a layer of points")
    match, exclude = osm.get("match", []), osm.get("exclude", {})
    if not (isinstance(match, list) and all(isinstance(rule, dict) and all(map(_is_tag_rule, rule.values())) for rule in match)):
        messages.append(f'{where} [osm]: match is a list of alternatives, as in [{{ leisure = ["park"] }}, {{ building = true }}]')
    if not (isinstance(exclude, dict) and all(_is_texts(values) for values in exclude.values())):
        messages.append(f'{where} [osm]: exclude maps a tag to a list of values, as in {{ access = ["private", "no"] }}')
    for key in ("named", "routes"):
        if not _is_texts(osm.get(key, [])):
            messages.append(f'{where} [osm]: {key} is a list of texts, as in ["绿道"]')
    if osm.get("routes") and (raw.get("geometry") != "line" or not osm.get("named")):
        messages.append(f"{where} [osm]: routes is for a layer of lines that says what they are named")
    messages += style_faults(style, where=f"{where} [style]")
    fields = {key: _parse_field(key, declared, where, messages) for key, declared in declared_fields.items()}
    title = _title(raw, name, where, messages)
    for message in messages:
        faults.add(message)
    return LayerSpec(
        name=name,
        title=title,
        geometry=str(raw.get("geometry", "")),
        fields=fields,
        osm=() if messages else tuple(match),
        exclude={} if messages else exclude,
        node_refs=bool(osm.get("node_refs", False)),
        nodes_only=bool(osm.get("nodes_only", False)),
        dense=bool(raw.get("dense", False)),
        style=style,
        raster=str(raw.get("raster", "")),
        named=() if messages else tuple(osm.get("named", ())),
        routes=() if messages else tuple(osm.get("routes", ())),
        earlier=str(raw.get("earlier", "")),
    )


def style_faults(style: Mapping[str, Any], *, where: str) -> list[str]:
    """List what is wrong with colours and sizes: they go into pages and into QGIS, where a text that is no colour says something else."""
    messages = []
    for key in ("color", "fill"):
        value = style.get(key, "#000000")
        if not (isinstance(value, str) and (_COLOR.fullmatch(value) or (key == "fill" and value == "none"))):
            messages.append(f'{where}: {key} must be a colour such as "#2e7d32", not {shown(value)}')
    for key, most in (("width", 100), ("size", 100), ("weight", 100), ("radius", 100), ("opacity", 1), ("fill_opacity", 1)):
        value = style.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            messages.append(f"{where}: {key} must be a number from 0 to {most}, not {shown(value)}")
    if not re.fullmatch(r"[\d. ,]*", str(style.get("dash", ""))):
        messages.append(f'{where}: dash must be lengths such as "2 4", not {shown(style["dash"])}')
    return messages


def _parse_field(key: str, declared: Any, where: str, messages: list[str]) -> FieldSpec:
    where = f"{where} [fields.{key}]"
    if not isinstance(declared, dict):
        messages.append(f"{where}: must be a table")
        declared = {}
    if key in ("id", "geometry") or not NAME.fullmatch(key):
        messages.append(f"{where}: a field's name has letters, digits and _ only, and is neither id nor geometry")
    messages += catalogue.check_keys(declared, _FIELD_KEYS, where=where)
    messages += catalogue.check_type(declared, "tag", str, "text", where=where)
    messages += catalogue.check_type(declared, "required", bool, "true or false", where=where)
    kind = declared.get("type", "text")
    if kind not in FIELD_TYPES:
        messages.append(f"{where}: type {kind!r} is not one of {', '.join(FIELD_TYPES)}{nearest(str(kind), FIELD_TYPES)}")
    return FieldSpec(key, declared.get("tag"), str(kind), _title(declared, key, where, messages), declared.get("required") is True)


def _table(raw: Mapping[str, Any], key: str, where: str, messages: list[str]) -> dict[str, Any]:
    messages += catalogue.check_type(raw, key, dict, "a table", where=where)
    value = raw.get(key, {})
    return value if isinstance(value, dict) else {}


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_tag_rule(value: Any) -> bool:
    return value is True or _is_texts(value)


def _title(raw: Mapping[str, Any], fallback: str, where: str, messages: list[str]) -> Text:
    title = _table(raw, "title", where, messages)
    return Text(str(title.get("zh", fallback)), str(title.get("en", fallback)))


def typed(frame: gpd.GeoDataFrame, spec: LayerSpec) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Give a frame exactly the columns of its spec, typed; other columns of a local layer are left out.

    Returns
    -------
    tuple
        The frame with ``id``, the fields and ``geometry``; and what could not be read as its type (``lanes = "2;3"``), counted.
    """
    columns: dict[str, Any] = {
        "id": frame["id"].astype(str) if "id" in frame else pd.Series(np.arange(len(frame)).astype(str), frame.index)
    }
    repairs = []
    for name, declared in spec.fields.items():
        if name not in frame:
            columns[name] = pd.Series([None] * len(frame), index=frame.index, dtype=object)
            if declared.type in ("length", "count", "number"):
                columns[name] = columns[name].astype(float)
            continue
        raw = frame[name]
        if declared.type == "ids":
            columns[name] = raw
        elif declared.type == "text":
            columns[name] = _by_value(raw, _as_text)
        else:
            read = {"length": parse_length_m, "count": parse_count, "number": _number}[declared.type]
            values = _by_value(raw, read).astype(float)
            unread = raw.notna() & values.isna() & (raw.map(str) != "")
            if unread.any():
                what = Text(
                    f"字段 {name} 无法读作数值、视为缺失的要素",
                    f"features whose {name} cannot be read as a {declared.type}: taken as unknown",
                )
                repairs.append(Repair(spec.name, what, int(unread.sum()), tuple(columns["id"][unread][:5])))
            columns[name] = values
    return gpd.GeoDataFrame(columns, geometry=frame.geometry, crs=frame.crs), repairs


def _by_value(column: pd.Series, read: Callable[[Any], Any]) -> pd.Series:
    """Read each value that occurs once, however often it occurs; objects that cannot be told apart are read one by one."""
    column = column.astype(object)
    try:
        known = {value: read(value) for value in column.dropna().unique()}
    except TypeError:
        return column.map(read)
    absent = read(None)
    values = [known.get(value, absent) for value in column]
    return pd.Series(values, index=column.index)  # of the type that pandas infers, as it does when the cache is read


def _as_text(value: Any) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()  # of full-width spaces too


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return _with_separators(value)


def _with_separators(value: Any) -> float:
    """Read ``1,201`` or ``１，２０１`` as 1201, and nothing else: ``1,2`` and ``0,201`` may be decimal commas."""
    text = unicodedata.normalize("NFKC", value).strip() if isinstance(value, str) else ""
    return float(text.replace(",", "")) if _THOUSANDS.fullmatch(text) else np.nan


def validate(frame: gpd.GeoDataFrame, spec: LayerSpec, *, where: str, on_invalid: str) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Check and repair the geometry of a frame.

    Parameters
    ----------
    frame
        With ``id``, any CRS.
    spec
        What the layer is.
    where
        File and layer, for messages.
    on_invalid
        ``error``, ``repair`` or ``drop``.

    Returns
    -------
    tuple
        A frame whose geometries are valid, finite, two-dimensional, not empty and of the declared kind, and what was done, counted.

    Raises
    ------
    LayerError
        No geometry is of the declared kind; with ``on_invalid="error"`` also any that is missing, not finite, invalid, of zero size, or of
        another kind, all gathered.
    """
    faults = Faults(LayerError)
    repairs: list[Repair] = []
    geometry = _without_collections(frame, spec)
    ids = frame["id"].astype(str).to_numpy()
    total = len(frame)
    dropped = np.zeros(total, bool)

    def handle(bad: npt.NDArray[np.bool_], what: Text, *, repaired: bool = False) -> None:
        """Raise, or count what is repaired or dropped."""
        nonlocal dropped
        if not bad.any():
            return
        if on_invalid == "error":
            faults.add(f"{where}: {int(bad.sum())} of {total} {what.en} (ids {sample(ids[bad])})")
        done = Text("已修复", "repaired") if repaired else Text("已剔除", "dropped")
        named = ids[bad][:5] if repaired else _called(frame[bad].head(5))
        repairs.append(Repair(spec.name, Text(f"{what.zh}（{done.zh}）", f"{what.en}: {done.en}"), int(bad.sum()), tuple(named)))
        if not repaired:
            dropped = dropped | bad

    missing = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    flawed = _has_nonfinite(geometry)
    sound = ~(missing | flawed)
    wrong = sound & ~np.isin(shapely.get_type_id(geometry), GEOMETRIES[spec.geometry])
    if total and wrong.sum() == sound.sum() > 0:
        raise LayerError(
            f"{where}: no feature is a {spec.geometry}, which {spec.name} needs; it holds {_kinds(geometry[wrong])}; give the right file or layer"
        )
    sound &= ~wrong
    invalid = np.zeros(total, bool)
    invalid[sound] = ~shapely.is_valid(geometry[sound])
    mended = geometry.copy()
    large = invalid & (shapely.get_num_coordinates(geometry) > _SMALL)
    if on_invalid == "repair":
        tangled = np.array([bool(large[row]) and _is_tangled(geometry[row]) for row in range(total)], dtype=bool)
        if tangled.any():
            raise LayerError(
                f"{where}: {int(tangled.sum())} of {total} geometries cross themselves more than {MOST_CROSSINGS:,} times (ids {sample(ids[tangled])}),"
                ' of which no repair makes what was meant; correct them, or set on_invalid = "drop" for this layer'
            )
    # Of small ones it is known at no cost whether anything would be left of them; large ones are mended only where that is asked for.
    mend = invalid if on_invalid == "repair" else invalid & ~large
    mended[mend] = shapely.make_valid(geometry[mend], method="structure", keep_collapsed=False)
    flat = sound & _is_flat(mended) & ~(invalid & ~mend)
    invalid &= ~flat
    handle(missing, Text("没有几何的要素", "features have no geometry"))
    handle(flawed, Text("坐标为 NaN 或无穷的要素", "features have NaN or infinite coordinates"))
    handle(wrong, Text("几何类型不符的要素", f"features are not of kind {spec.geometry}"))
    handle(flat, Text("面积或长度为零的要素", "features have zero area or length"))
    handle(
        invalid,
        Text("几何无效（自相交等）的要素", "geometries are invalid (self-intersection or the like)"),
        repaired=on_invalid == "repair",
    )
    if faults.messages:
        faults.add('repair the file, or set on_invalid = "repair" or "drop" for this layer')
    faults.raise_if_any()
    kept = frame.set_geometry(gpd.GeoSeries(mended, index=frame.index, crs=frame.crs))[~dropped]
    return kept.reset_index(drop=True), repairs


def _called(frame: gpd.GeoDataFrame) -> list[str]:
    """Call features by id and name, where they have one: a district that is left out makes the city smaller, and its id says little."""
    names = [_as_text(value) for value in frame["name"]] if "name" in frame else [None] * len(frame)
    return [f"{key} {name}" if name and name != key else key for key, name in zip(frame["id"].astype(str), names, strict=True)]


def without_copies(frame: gpd.GeoDataFrame, spec: LayerSpec, *, where: str, on_invalid: str) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Find features that stand twice, with the same id and the same geometry: their people, or metres, would count twice.

    Parameters
    ----------
    frame
        With ``id`` as the file states it.
    spec, where, on_invalid
        As for ``validate``.

    Returns
    -------
    tuple
        The frame with the first of each, and what was dropped, counted.

    Raises
    ------
    LayerError
        Some stand twice, and ``on_invalid`` is ``error``.
    """
    copies = pd.DataFrame({"id": frame["id"].to_numpy(), "shape": shapely.to_wkb(frame.geometry.to_numpy())}).duplicated().to_numpy()
    if not copies.any():
        return frame, []
    ids = frame["id"].astype(str).to_numpy()[copies]
    if on_invalid == "error":
        raise LayerError(
            f"{where}: {int(copies.sum())} of {len(frame)} features stand in the file before, with the same id and geometry (ids {sample(ids)});"
            ' remove them, or set on_invalid = "drop" for this layer'
        )
    what = Text("编号与几何均重复的要素（已剔除）", "features that stand twice, with the same id and geometry: dropped")
    return frame[~copies], [Repair(spec.name, what, int(copies.sum()), tuple(ids[:5]))]


def counted_twice(frame: gpd.GeoDataFrame, spec: LayerSpec) -> list[Repair]:
    """Notice features of a layer that is added up which count more than once: copies under another id, and polygons of people that overlap.

    Parameters
    ----------
    frame
        With ``id``, valid geometries, any CRS; nothing is taken out of it.
    spec
        What the layer is.

    Returns
    -------
    list of Repair
        Empty for layers that are not added up.
    """
    if spec.name not in ADDED_UP or not len(frame):
        return []
    ids = frame["id"].astype(str).to_numpy()
    notices = []
    if len(copies := duplicates(frame)):
        what = Text("与另一要素几何完全相同、会被重复计入的要素", "features that have the very geometry of another, and count beside it")
        notices.append(Repair(spec.name, what, len(copies), tuple(ids[copies][:5])))
    if spec.name == "population":
        share, overlapping = overlap_share(frame)
        if share > OVERLAP_TOLD:
            what = Text(
                f"相互重叠（重叠占总面积的 {share:.0%}）、重叠处人口重复计入的面要素",
                f"polygons overlap by {share:.0%} of their area, and people there count more than once; polygons that do",
            )
            notices.append(Repair(spec.name, what, len(overlapping), overlapping[:5]))
    return notices


def _without_collections(frame: gpd.GeoDataFrame, spec: LayerSpec) -> npt.NDArray[np.object_]:
    """Return flat geometries; a collection whose parts are all of one right kind becomes one multi-part geometry, others stay."""
    geometry = np.asarray(shapely.force_2d(frame.geometry.to_numpy()), dtype=object).copy()
    for row in np.flatnonzero(shapely.get_type_id(geometry) == 7):
        parts = _leaves(geometry[row])
        kinds = {int(kind) for kind in shapely.get_type_id(parts)}
        if len(kinds) == 1 and kinds <= set(GEOMETRIES[spec.geometry]):
            geometry[row] = {0: shapely.multipoints, 1: shapely.multilinestrings, 3: shapely.multipolygons}[kinds.pop()](parts)
    return geometry


def _leaves(geometry: Any) -> npt.NDArray[np.object_]:
    """Single-part geometries of a collection, however deep."""
    parts = np.array([geometry], dtype=object)
    while (shapely.get_type_id(parts) > 3).any():
        parts = shapely.get_parts(parts)
    return parts


def _is_flat(geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Polygons without area, lines without length."""
    dimension = shapely.get_dimensions(geometry)
    with np.errstate(invalid="ignore"):
        area = (dimension == 2) & (shapely.area(geometry) == 0)
        length = (dimension == 1) & (shapely.length(geometry) == 0)
    flat: npt.NDArray[np.bool_] = area | length | shapely.is_empty(geometry)
    return flat


def _has_nonfinite(geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    xy, index = shapely.get_coordinates(geometry, return_index=True)
    bad = np.zeros(len(geometry), bool)
    bad[index[~np.isfinite(xy).all(axis=1)]] = True
    return bad


def _is_tangled(geometry: Any) -> bool:
    """Tell whether the edges of a geometry cross more often than a repair can bear, counting no further than needed."""
    xy, ring = shapely.get_coordinates(_rings(geometry), return_index=True)
    edges = shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1)[ring[:-1] == ring[1:]])
    tree = shapely.STRtree(edges)
    crossings, step = 0, max(2_000_000 // max(len(edges), 1), 1)
    for start in range(0, len(edges), step):
        pairs = tree.query(edges[start : start + step], predicate="crosses")
        crossings += pairs.shape[1]
        if crossings > 2 * MOST_CROSSINGS:  # each is found from both edges
            return True
    return False


def _rings(geometry: Any) -> Any:
    """Outlines and holes of a geometry."""
    parts = shapely.get_parts(geometry)
    return shapely.get_rings(parts[shapely.get_dimensions(parts) == 2])


def _kinds(geometry: npt.NDArray[np.object_]) -> str:
    return ", ".join(sorted({shape.geom_type for shape in geometry}))


def check_counts(frame: gpd.GeoDataFrame, *, where: str, column: str | None, remedy: str) -> None:
    """Assert that ``count`` holds a number of people for every feature.

    Parameters
    ----------
    frame
        With ``id`` and ``count``.
    where
        File and layer, for messages.
    column
        How the user calls the column.
    remedy
        What to do about it.

    Raises
    ------
    OptionError
        There is no such column.
    LayerError
        Counts that are missing, not finite, negative or absurd, or that stand on lines; all kinds gathered.
    """
    if "count" not in frame:
        raise OptionError(f'{where}: which column holds the number of people? name it: field = "…" (a frame: count)')
    given = pd.Series(frame["count"].to_numpy(dtype=object), dtype=object)
    counts = pd.to_numeric(given.mask(given.map(lambda value: isinstance(value, bool | np.bool_))), errors="coerce").astype(float)
    counts = counts.where(counts.notna(), given.map(_with_separators))
    ids = frame["id"].to_numpy()
    bad = counts.isna().to_numpy() | ~np.isfinite(counts.fillna(0).to_numpy(dtype=float))
    kinds = (
        (bad, "have no number of people"),
        ((counts < 0).to_numpy() & ~bad, "have a negative number of people"),
        ((counts > MAX_PEOPLE).to_numpy() & ~bad, f"have more than {MAX_PEOPLE:.0g} people"),
        (np.isin(shapely.get_type_id(frame.geometry.to_numpy()), (1, 5)), "are lines, which hold no people,"),
    )
    faults = Faults(LayerError)
    for mask, what in kinds:
        if mask.any():
            texts = [value for value in given[mask] if isinstance(value, str) and value.strip()]
            such = f'such as "{shown(texts[0])}"; ' if texts else ""
            faults.add(
                f'{where}: {int(mask.sum())} of {len(frame)} features {what} in "{shown(column or "count")}" ({such}ids {sample(ids[mask])}); {remedy}'
            )
    faults.raise_if_any()


def check_frame(frame: object, spec: LayerSpec) -> gpd.GeoDataFrame:
    """Assert that a frame in memory can be a layer, as reading a file does; return it with an ``id``.

    Raises
    ------
    LayerError
        Not a frame with geometry, a column name twice, a required field missing, ids missing, or counts that are none.
    CRSError
        The frame has no CRS.
    """
    where = spec.name
    if spec.geometry == "raster":
        raise LayerError(f"{where}: is read from a raster, never from features")
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        raise LayerError(f"{where}: needs a GeoDataFrame with an active geometry, not {type(frame).__name__}")
    if frame.crs is None:
        raise CRSError(f"{where}: the frame has no CRS; set one with frame.set_crs(…)")
    twice = sorted({str(column) for column in frame.columns[frame.columns.duplicated()]})
    if twice:
        raise LayerError(f"{where}: the columns {', '.join(twice)} stand in the frame more than once; rename or drop one")
    missing = [name for name, declared in spec.fields.items() if declared.required and name not in frame]
    if missing and len(frame):
        raise LayerError(f"{where}: needs the column {missing[0]}; the frame has {', '.join(map(str, frame.columns))}")
    given = next((column for column in ("id", "area_id") if column in frame), None)
    values = frame[given].to_numpy(dtype=object) if given else np.arange(len(frame)).astype(str).astype(object)
    ids = np.array([_as_text(value) for value in values], dtype=object)
    absent = np.array([value is None or not value.strip() for value in ids], dtype=bool)
    if absent.any():
        rows = [str(row) for row in np.flatnonzero(absent)]
        raise LayerError(f"{where}: {int(absent.sum())} of {len(frame)} features have no {given} (rows {sample(rows)}); give each one")
    checked = frame.assign(id=ids)
    if spec.name == "population" and len(frame):
        check_counts(checked, where=where, column="count", remedy="correct them, or leave those features out")
    return checked
