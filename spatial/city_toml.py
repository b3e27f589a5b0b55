"""``city.toml``, parsed and checked; nothing else is read."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from spatial import catalogue
from spatial.base_map import base_map_faults
from spatial.datum import DATUMS
from spatial.errors import Faults, OptionError, ProjectError, nearest, shown
from spatial.files import fingerprint
from spatial.layers import INVALID_POLICIES, NAME, SENSITIVITIES, LayerSpec, layer_specs
from spatial.osm_request import OsmRequest, parse_osm
from spatial.plan_toml import PlanInputs, parse_plans
from spatial.sheet import Sheet, parse_sheet
from spatial.sources.options import RASTER_ENDINGS, FileOptions
from spatial.units import MAX_PEOPLE

CITY_KEYS = (
    "name",
    "crs",
    "date",
    "data_extent",
    "synthetic",
    "osm",
    "layers",
    "scopes",
    "plans",
    "ledger",
    "statistics",
    "targets",
    "map",
    "roads",
)
SCOPE_KEYS = ("built_up_area",)
LAYER_KEYS = (
    "file", "layer", "id", "name", "datum", "crs", "x", "y", "where", "merge", "fields", "values", "encoding", "source", "licence", "date",
    "sensitivity", "on_invalid", "allow_empty", "field", "total", "datum_parameters", "datum_confirmed", "geometry",
)  # fmt: skip
_RASTER_KEYS = ("file", "source", "licence", "date", "sensitivity")
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_TEXT_KEYS = ("file", "layer", "id", "name", "crs", "x", "y", "where", "encoding", "source", "licence", "field", "geometry")
# Of the shifts, metres, the rotations, arc-seconds, and the scale, ppm: beyond them nothing on the Earth lies.
_PARAMETERS = ("dx", "dy", "dz", "rx", "ry", "rz", "ppm")
_PARAMETER_LIMITS = (2000.0, 2000.0, 2000.0, 60.0, 60.0, 60.0, 100.0)


@dataclass(frozen=True)
class LocalLayer:
    """One ``[layers.NAME]`` of ``city.toml``, checked."""

    name: str
    path: Path | None
    read: FileOptions
    merge: str = "replace"
    on_invalid: str = "error"
    allow_empty: bool = False
    source: str = ""
    sensitivity: str = "public"
    field: str | None = None
    total: float | None = None
    datum_confirmed: bool = False


@dataclass(frozen=True)
class Project:
    """``city.toml``, checked but not yet read."""

    path: Path
    name: str
    crs: str
    date: str
    data_extent: tuple[float, float, float, float] | None
    synthetic: str
    osm: Path | None
    layers: Mapping[str, LocalLayer]
    scopes: Mapping[str, str]
    specs: Mapping[str, LayerSpec] = field(default_factory=dict)
    osm_made_up: bool = False
    request: OsmRequest | None = None
    planned: PlanInputs = field(default_factory=PlanInputs)
    sheet: Sheet = field(default_factory=Sheet)
    road_classes: Mapping[str, str] = field(default_factory=dict)
    unstated: tuple[str, ...] = ()  # tables of local files that do not say who may see them

    def check_areas(self, by: str) -> None:
        """Assert that there are areas of this name to report by.

        Raises
        ------
        OptionError
            Neither a layer nor a grid.
        """
        known = {*self.specs, *self.layers}
        if not by.startswith("grid:") and by not in known:
            raise OptionError(f'--by "{by}" is neither a layer nor a grid such as grid:500{nearest(by, known)}')

    def paths(self) -> list[Path]:
        """Return what the project is made of: its files, and the folders of the user's own declarations and data."""
        base = self.path.parent
        files = [self.path, *([self.osm] if self.osm else []), *(local.path for local in self.layers.values() if local.path)]
        return [*files, *self.planned.paths(), *(base / name for name in ("data", "data/ledger", "layers", "maps"))]

    def digest(self) -> str:
        """Return what tells two versions of ``city.toml`` apart, SHA-256.

        ``datum_parameters``, and a ``crs`` that is written out, are no part of it but by 16 bits of a slow digest: who tries out numbers is left with a great many that fit.
        """
        grids: dict[tuple[str, ...], FileOptions] = {
            ("layers", name): local.read for name, local in self.layers.items() if local.read.is_local_grid
        }
        if self.planned.ledger and self.planned.ledger.read.is_local_grid:
            grids["ledger",] = self.planned.ledger.read
        secret = {name: (read.datum_parameters, read.crs) for name, read in grids.items()}
        if not secret:
            return fingerprint(self.path)
        raw = catalogue.read_toml(self.path)
        for place in secret:
            table = functools.reduce(dict.__getitem__, place, raw)
            for key in ("datum_parameters", "crs"):
                table.pop(key, None)
        rest = json.dumps(raw, sort_keys=True, default=str).encode()
        mark = hashlib.pbkdf2_hmac("sha256", repr(sorted(secret.items())).encode(), hashlib.sha256(rest).digest(), 200_000)[:2]
        return hashlib.sha256(rest + mark).hexdigest()


def parse_project(path: Path) -> Project:
    """Parse and check ``city.toml``; nothing else is read.

    Parameters
    ----------
    path
        The file, or the folder that holds it.

    Raises
    ------
    ProjectError
        Not TOML, unknown keys (the nearest known one is suggested), impossible values; all gathered.
    """
    path = path / "city.toml" if os.path.isdir(path) else path
    raw = catalogue.read_toml(path)
    faults = Faults(ProjectError)
    specs = layer_specs(path.parent)
    where = str(path)
    osm, layers, scopes = (_table(raw, key, where, faults) for key in ("osm", "layers", "scopes"))
    for message in (
        catalogue.check_keys(raw, CITY_KEYS, where=where)
        + catalogue.check_keys(scopes, SCOPE_KEYS, where=f"{where} [scopes]")
        + [m for key in ("name", "crs", "synthetic") for m in catalogue.check_type(raw, key, str, "text", where=where)]
        + [m for key in scopes for m in catalogue.check_type(scopes, key, str, "a layer's name", where=f"{where} [scopes]")]
    ):
        faults.add(message)
    osm_file, request = parse_osm(osm, path, faults) if "osm" in raw else (None, None)
    if osm.get("made_up") is True and not raw.get("synthetic"):
        faults.add(f'{where} [osm]: made_up is for data that are no OpenStreetMap data at all; say so with synthetic = "synthetic data"')
    locals_ = {name: _local(name, table, specs.get(name), path, faults) for name, table in layers.items()}
    for name, scope_layer in scopes.items():
        if isinstance(scope_layer, str) and scope_layer not in layers:
            faults.add(
                f'{where} [scopes]: {name} = "{scope_layer}" names no layer{nearest(scope_layer, layers)}; add [layers.{scope_layer}]'
            )
    extent = _extent(raw.get("data_extent"), where, faults)
    day = _day(raw.get("date"), where, faults)

    def options_of(key: str, table: dict[str, Any]) -> tuple[FileOptions, str, str]:
        local = _local(key, table, None, path, faults, where=f"{where} [{key}]")
        return local.read, local.source, local.sensitivity

    planned = parse_plans(raw, path, faults, options_of=options_of)
    sheet = parse_sheet(raw, where, faults)
    road_classes = _road_classes(_table(raw, "roads", where, faults), f"{where} [roads]", faults)
    for message in base_map_faults(sheet, f"{where} [map]"):
        faults.add(message)
    if not layers and "osm" not in raw:
        faults.add(f"{where}: there is neither [osm] nor any [layers.…]; give at least one input")
    faults.raise_if_any()
    base = path.parent
    if request and "boundary" not in locals_:  # who names a place expects the total of that place
        source = "" if request.polygon else "© OpenStreetMap contributors, ODbL 1.0"
        locals_["boundary"] = LocalLayer("boundary", request.outline, FileOptions(), source=source)
    return Project(
        path, str(raw.get("name", base.resolve().name)), str(raw.get("crs", "auto")), day or (request.date if request else ""), extent,
        str(raw.get("synthetic", "")), osm_file, locals_, dict(scopes), specs, osm.get("made_up") is True, request, planned, sheet,
        road_classes, _unstated(raw),
    )  # fmt: skip


def _road_classes(table: Mapping[str, Any], where: str, faults: Faults) -> dict[str, str]:
    """Return the class of each road that ``[roads]`` names, by name or number."""
    for message in catalogue.check_keys(table, ("classes",), where=where) + catalogue.check_type(
        table, "classes", dict, "a table", where=where
    ):
        faults.add(message)
    classes = table.get("classes", {})
    if not isinstance(classes, dict):
        return {}
    rows = {key: row for key, row in catalogue.reference("road_classes").items() if isinstance(row, dict)}
    words = {word: key for key, row in rows.items() for word in (key, *row.get("words", ()))}
    found: dict[str, str] = {}
    for word, names in classes.items():
        if word not in words:
            faults.add(f"{where}: classes: {shown(word)} is no class of road{nearest(word, words)}")
        elif not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
            faults.add(f'{where}: classes: {word} must be a list of names or numbers of roads, as in {word} = ["东部快速路", "S102"]')
        else:
            for name in names:
                if found.setdefault(name.strip(), words[word]) != words[word]:
                    faults.add(f"{where}: classes: {shown(name)} is stated as {found[name.strip()]} and as {words[word]}; keep one")
    return found


def _unstated(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the layers, and ``ledger`` and ``statistics``, whose tables state no sensitivity: they count as public, but nobody has said so."""
    tables = {**raw.get("layers", {}), **{name: raw[name] for name in ("ledger", "statistics") if name in raw}}
    return tuple(name for name, table in tables.items() if "sensitivity" not in table)


def _table(raw: Mapping[str, Any], key: str, where: str, faults: Faults) -> dict[str, Any]:
    value = raw.get(key, {})
    if not isinstance(value, dict):
        faults.add(f"{where}: {key} must be a table, written [{key}]")
        return {}
    return value


def _local(name: str, raw: Any, spec: LayerSpec | None, path: Path, faults: Faults, *, where: str = "") -> LocalLayer:
    where = where or f"{path} [layers.{name}]"
    if not NAME.fullmatch(name):
        faults.add(f"{path} [layers.{shown(name)}]: a layer's name has letters, digits and _ only")
    if not isinstance(raw, dict):
        faults.add(f'{where}: must be a table, as in [layers.parks] with file = "data/parks.gpkg"')
        return LocalLayer(name, None, FileOptions())
    messages = catalogue.check_keys(raw, LAYER_KEYS, where=where)
    messages += [m for key in _TEXT_KEYS for m in catalogue.check_type(raw, key, str, "text", where=where)]
    messages += [m for key in ("fields", "values") for m in catalogue.check_type(raw, key, dict, "a table", where=where)]
    for key in ("allow_empty", "datum_confirmed"):
        messages += catalogue.check_type(raw, key, bool, "true or false", where=where)
    for key, choices in (
        ("datum", DATUMS),
        ("merge", ("replace", "union")),
        ("on_invalid", INVALID_POLICIES),
        ("sensitivity", SENSITIVITIES),
    ):
        if key in raw and isinstance(raw[key], list | dict):  # perhaps parameters of a local datum, which no message repeats
            messages.append(f"{where}: {key} must be one of {', '.join(choices)}")
        elif key in raw and raw[key] not in choices:
            messages.append(f"{where}: {key} = {raw[key]!r} is not one of {', '.join(choices)}{nearest(str(raw[key]), choices)}")
    total = raw.get("total")
    if total is not None and (
        name != "population" or isinstance(total, bool) or not isinstance(total, int | float) or not 0 < total < MAX_PEOPLE
    ):
        messages.append(f"{where}: total must be a number of people above 0, and stands with [layers.population] only")
    if not raw.get("file") and not (name == "population" and total is not None):
        messages.append(f'{where}: file is missing; write file = "data/…"')
    if raw.get("file") and total is not None:
        messages.append(f"{where}: total is for a population without a file; remove one of the two")
    messages += _raster_faults(raw, spec, where)
    messages += _parameter_faults(raw, where)
    if isinstance(raw.get("encoding"), str) and not _is_encoding(raw["encoding"]):
        messages.append(f'{where}: encoding "{shown(raw["encoding"])}" is not known; known are for example utf-8, gbk, gb18030')
    fields = raw.get("fields", {}) if isinstance(raw.get("fields", {}), dict) else {}
    values = raw.get("values", {}) if isinstance(raw.get("values", {}), dict) else {}
    if not all(isinstance(value, str) for value in fields.values()):
        messages.append(f'{where}: fields maps our field to their column, as in fields = {{ name = "Name" }}')
    if not all(
        isinstance(value, dict) and all(isinstance(ours, str | int | float) for ours in value.values()) for value in values.values()
    ):
        messages.append(f'{where}: values maps our field to a table of their value = our value, as in {{ oneway = {{ B = "no" }} }}')
        values = {}
    for message in messages:
        faults.add(message)
    fields = {**fields, **({"name": raw["name"]} if isinstance(raw.get("name"), str) else {})}
    if isinstance(raw.get("field"), str):
        fields = {**fields, "count": raw["field"]}
    read = FileOptions(
        raw.get("layer"), raw.get("where"), raw.get("encoding"), fields,
        {ours: {str(k): str(v) for k, v in mapping.items()} for ours, mapping in values.items()},
        raw.get("id"), str(raw.get("datum", "wgs84")), raw.get("crs"), raw.get("x"), raw.get("y"), raw.get("geometry"),
        tuple(map(float, raw["datum_parameters"])) if "datum_parameters" in raw and not messages else (),
    )  # fmt: skip
    source = "; ".join(str(raw[key]) for key in ("source", "licence", "date") if key in raw)
    file = path.parent / raw["file"] if isinstance(raw.get("file"), str) else None
    return LocalLayer(
        name, file, read, str(raw.get("merge", "replace")), str(raw.get("on_invalid", "error")), raw.get("allow_empty", False) is True,
        source, str(raw.get("sensitivity", "public")), raw.get("field"), total, raw.get("datum_confirmed") is True,
    )  # fmt: skip


def _raster_faults(raw: Mapping[str, Any], spec: LayerSpec | None, where: str) -> list[str]:
    """List what does not fit together: a raster, or features, where the layer takes none; options that a raster cannot follow."""
    file = raw.get("file")
    if not isinstance(file, str) or not file:
        return []
    kind, features = (spec.raster, spec.geometry != "raster") if spec else ("", True)
    if not file.lower().endswith(RASTER_ENDINGS):
        endings = ", ".join(RASTER_ENDINGS)
        return [] if features else [f"{where}: file must be a raster ({endings}), which is all that this layer is read from"]
    if not kind:
        return [f"{where}: file is a raster, and this layer is made of features; give a vector file"]
    followed = (*_RASTER_KEYS, "total", *(["field"] if kind == "counts" else []))
    idle = [key for key in raw if key in LAYER_KEYS and key not in followed]
    return [f"{where}: {', '.join(idle)} cannot be applied to a raster; remove it, or convert the raster"] if idle else []


def _parameter_faults(raw: Mapping[str, Any], where: str) -> list[str]:
    """List what is wrong with the parameters of a local datum, without repeating any of them."""
    if "datum_parameters" not in raw:
        return []
    values = raw["datum_parameters"]
    if not (
        isinstance(values, list)
        and len(values) in (3, 7)
        and all(isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in values)
    ):
        return [f"{where}: datum_parameters must be 3 or 7 numbers: [dx, dy, dz] in metres, or with rx, ry, rz in arc-seconds and ppm"]
    messages = []
    if beyond := [name for name, value, limit in zip(_PARAMETERS, values, _PARAMETER_LIMITS, strict=False) if abs(value) > limit]:
        messages.append(
            f"{where}: datum_parameters: {', '.join(beyond)} cannot be so large; the order is [{', '.join(_PARAMETERS)}],"
            " in metres, arc-seconds and ppm, position-vector convention"
        )
    if raw.get("datum", "wgs84") != "wgs84":
        messages.append(f"{where}: datum_parameters are of the datum that the layer's CRS has; remove datum")
    return messages


def _is_encoding(name: str) -> bool:
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def _extent(value: Any, where: str, faults: Faults) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    numbers = isinstance(value, list) and len(value) == 4 and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if not numbers or not (-180 <= value[0] < value[2] <= 180 and -90 <= value[1] < value[3] <= 90):
        faults.add(f"{where}: data_extent must be [west, south, east, north] in degrees, west below east, south below north, not {value!r}")
        return None
    return (float(value[0]), float(value[1]), float(value[2]), float(value[3]))


def _day(value: Any, where: str, faults: Faults) -> str:
    if value is None:
        return ""
    try:
        day = value if isinstance(value, date) else date.fromisoformat(str(value))
        if not _FIRST_YEAR <= day.year <= _LAST_YEAR:  # of another calendar: 1403 is 2024 in Iran, 2567 in Thailand, 113 in Taiwan
            raise ValueError("year")
    except ValueError:
        faults.add(f'{where}: date must be written as "2024-04-09", in the Gregorian calendar, not {shown(value)}')
        return ""
    return day.isoformat()[:10]
