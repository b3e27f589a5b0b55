"""What a layer is (``LayerSpec``), and how a raw frame is checked, repaired and typed by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial import catalogue
from spatial.errors import Faults, LayerError, ProjectError, nearest, sample
from spatial.text import Text
from spatial.units import parse_count, parse_length_m

GEOMETRIES = {"point": (0, 4), "line": (1, 5), "polygon": (3, 6), "any": (0, 1, 3, 4, 5, 6)}
FIELD_TYPES = ("text", "length", "count", "number", "ids")
INVALID_POLICIES = ("error", "repair", "drop")
SENSITIVITIES = ("public", "internal", "secret")


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
        ``point``, ``line``, ``polygon`` or ``any``.
    osm
        Alternatives, each a mapping of tag key to ``True`` or the accepted values; empty where OSM does not feed the layer.
    node_refs
        Whether the node references of ways are kept.
    dense
        Whether the layer fills the city, so that its own box tells how far local data reach.
    style
        Colours and widths for map and GeoPackage.
    """

    name: str
    title: Text
    geometry: str
    fields: Mapping[str, FieldSpec] = field(default_factory=dict)
    osm: tuple[Mapping[str, Any], ...] = ()
    exclude: Mapping[str, Any] = field(default_factory=dict)
    node_refs: bool = False
    dense: bool = False
    style: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Repair:
    """Something that was changed, dropped or noticed in a layer, counted."""

    layer: str
    what: Text
    count: int
    ids: tuple[str, ...] = ()

    def text(self) -> Text:
        """Say it with its count and sample ids."""
        ids = f" (id {sample(self.ids)})" if self.ids else ""
        return Text(f"{self.layer}：{self.what.zh} {self.count} 个{ids}", f"{self.layer}: {self.count} {self.what.en}{ids}")


_LAYER_KEYS = ("title", "geometry", "fields", "osm", "dense", "style")
_FIELD_KEYS = ("tag", "type", "title", "required")
_OSM_KEYS = ("match", "exclude", "node_refs")


def layer_specs(own: Path | None = None) -> dict[str, LayerSpec]:
    """Parse every layer declaration, shipped and a user's own.

    Raises
    ------
    ProjectError
        Unknown keys or impossible values, all gathered.
    """
    faults = Faults(ProjectError)
    specs = {name: _parse_spec(name, raw, faults) for name, raw in catalogue.declarations("layers", own).items()}
    faults.raise_if_any()
    return specs


def _parse_spec(name: str, raw: dict[str, Any], faults: Faults) -> LayerSpec:
    where = raw["__path__"]
    osm = raw.get("osm", {})
    for message in (
        catalogue.check_keys(raw, _LAYER_KEYS, where=where)
        + catalogue.check_keys(osm, _OSM_KEYS, where=f"{where} [osm]")
        + catalogue.check_type(raw, "fields", dict, "a table", where=where)
    ):
        faults.add(message)
    if raw.get("geometry") not in GEOMETRIES:
        faults.add(f"{where}: geometry must be one of {', '.join(GEOMETRIES)}, not {raw.get('geometry')!r}")
    fields = {}
    for key, declared in raw.get("fields", {}).items():
        for message in catalogue.check_keys(declared, _FIELD_KEYS, where=f"{where} [fields.{key}]"):
            faults.add(message)
        kind = declared.get("type", "text")
        if kind not in FIELD_TYPES:
            faults.add(f"{where} [fields.{key}]: type {kind!r} is not one of {', '.join(FIELD_TYPES)}{nearest(str(kind), FIELD_TYPES)}")
        fields[key] = FieldSpec(key, declared.get("tag"), kind, _title(declared, key), bool(declared.get("required", False)))
    return LayerSpec(
        name=name,
        title=_title(raw, name),
        geometry=str(raw.get("geometry")),
        fields=fields,
        osm=tuple(osm.get("match", ())),
        exclude=osm.get("exclude", {}),
        node_refs=bool(osm.get("node_refs", False)),
        dense=bool(raw.get("dense", False)),
        style=raw.get("style", {}),
    )


def _title(raw: Mapping[str, Any], fallback: str) -> Text:
    title = raw.get("title", {})
    return Text(str(title.get("zh", fallback)), str(title.get("en", fallback)))


def typed(frame: gpd.GeoDataFrame, spec: LayerSpec) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Give a frame exactly the columns of its spec, typed; other columns of a local layer are left out.

    Returns
    -------
    tuple
        The frame with ``id``, the fields and ``geometry``; and what could not be read as its type (``lanes = "2;3"``), counted.
    """
    columns: dict[str, Any] = {"id": frame["id"].astype(str) if "id" in frame else pd.Series(np.arange(len(frame)).astype(str), frame.index)}
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
            columns[name] = raw.astype(object).map(_as_text)
        else:
            read = {"length": parse_length_m, "count": parse_count, "number": _number}[declared.type]
            values = raw.astype(object).map(read).astype(float)
            unread = raw.notna() & values.isna() & (raw.astype(str) != "")
            if unread.any():
                what = Text(f"要素的字段 {name} 无法读作数值，视为缺失", f"features whose {name} cannot be read as a {declared.type}: taken as unknown")
                repairs.append(Repair(spec.name, what, int(unread.sum()), tuple(columns["id"][unread][:5])))
            columns[name] = values
    return gpd.GeoDataFrame(columns, geometry=frame.geometry, crs=frame.crs), repairs


def _as_text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


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
        A frame whose geometries are valid, finite, not empty and of the declared kind (collections are split), and what was done, counted.

    Raises
    ------
    LayerError
        With ``on_invalid="error"``: any geometry that is missing, not finite, invalid, of zero size, or of another kind. All kinds gathered.
    """
    faults = Faults(LayerError)
    repairs: list[Repair] = []
    remedy = 'repair the file, or set on_invalid = "repair" or "drop" for this layer'
    geometry = np.asarray(shapely.force_2d(frame.geometry.to_numpy()), dtype=object)
    ids = frame["id"].astype(str).to_numpy()
    total = len(frame)

    def handle(bad: np.ndarray[Any, Any], what: Text, *, repairable: bool) -> np.ndarray[Any, Any]:
        """Return which features are dropped."""
        if not bad.any():
            return bad
        if on_invalid == "error":
            faults.add(f"{where}: {int(bad.sum())} of {total} {what.en} (ids {sample(ids[bad])}); {remedy}")
        done = Text("已修复", "repaired") if repairable and on_invalid == "repair" else Text("已剔除", "dropped")
        repairs.append(Repair(spec.name, Text(f"{what.zh}（{done.zh}）", f"{what.en}: {done.en}"), int(bad.sum()), tuple(ids[bad][:5])))
        return bad & (not (repairable and on_invalid == "repair"))

    missing = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    bounds = shapely.bounds(np.where(missing, None, geometry))
    flawed = ~missing & ~np.isfinite(bounds).all(axis=1)
    flawed |= ~missing & ~flawed & _has_nonfinite(geometry, missing)
    dropped = handle(missing, Text("没有几何的要素", "features have no geometry"), repairable=False)
    dropped = dropped | handle(flawed, Text("坐标为 NaN 或无穷的要素", "features have NaN or infinite coordinates"), repairable=False)
    sound = ~(missing | flawed)
    invalid = np.zeros(total, bool)
    invalid[sound] = ~shapely.is_valid(geometry[sound])
    if spec.geometry in ("polygon", "any"):
        flat = sound & np.isin(shapely.get_type_id(geometry), (3, 6)) & (shapely.area(np.where(sound, geometry, None)) == 0)
        invalid &= ~flat
        dropped = dropped | handle(flat, Text("面积为零的面", "polygons have zero area"), repairable=False)
    dropped = dropped | handle(invalid, Text("几何无效（自相交等）的要素", "geometries are invalid (self-intersection or the like)"), repairable=True)
    if invalid.any() and on_invalid == "repair":
        geometry[invalid] = shapely.make_valid(geometry[invalid], method="structure", keep_collapsed=False)
        emptied = invalid & shapely.is_empty(geometry)
        dropped = dropped | emptied
    faults.raise_if_any()
    result = frame.set_geometry(gpd.GeoSeries(geometry, index=frame.index, crs=frame.crs))[~dropped]
    return _of_kind(result, spec, where=where, repairs=repairs, on_invalid=on_invalid)


def _has_nonfinite(geometry: np.ndarray[Any, Any], missing: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    xy, index = shapely.get_coordinates(np.where(missing, None, geometry), return_index=True)
    bad = np.zeros(len(geometry), bool)
    bad[index[~np.isfinite(xy).all(axis=1)]] = True
    return bad


def _of_kind(
    frame: gpd.GeoDataFrame, spec: LayerSpec, *, where: str, repairs: list[Repair], on_invalid: str
) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Keep only the declared kind of geometry; take collections apart first."""
    wanted = GEOMETRIES[spec.geometry]
    kinds = shapely.get_type_id(frame.geometry.to_numpy())
    if np.isin(kinds, (7,)).any():
        frame = frame.explode(index_parts=False)
        kinds = shapely.get_type_id(frame.geometry.to_numpy())
    wrong = ~np.isin(kinds, wanted)
    if wrong.any():
        if wrong.all() and on_invalid != "drop":
            raise LayerError(f"{where}: no feature is a {spec.geometry}, which {spec.name} needs; it holds {_kinds(frame)}; give the right file or layer")
        if on_invalid == "error":
            raise LayerError(
                f"{where}: {int(wrong.sum())} of {len(frame)} features are not of kind {spec.geometry}"
                f' (ids {sample(frame["id"][wrong])}); split the layer, or set on_invalid = "drop" for it'
            )
        what = Text("几何类型不符的要素（已剔除）", f"features are not of kind {spec.geometry}: dropped")
        repairs.append(Repair(spec.name, what, int(wrong.sum()), tuple(frame["id"][wrong][:5])))
        frame = frame[~wrong]
    return frame.reset_index(drop=True), repairs


def _kinds(frame: gpd.GeoDataFrame) -> str:
    return ", ".join(sorted(set(frame.geom_type)))
