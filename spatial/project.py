"""``city.toml`` → City, with a cache of parsed layers."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow
import pyproj
import shapely

from spatial import catalogue
from spatial import crs as crs_
from spatial.city import City, Layer, area_spec
from spatial.datum import DATUMS
from spatial.errors import CRSError, Faults, LayerError, OptionError, ProjectError, SourceError, nearest, plain, sample, shown
from spatial.files import fingerprint
from spatial.layers import INVALID_POLICIES, NAME, SENSITIVITIES, LayerSpec, Repair, layer_specs, typed, validate
from spatial.progress import Progress
from spatial.raster import MAX_PEOPLE, Raster, open_counts
from spatial.sources.files import RASTER_ENDINGS, FileOptions, read_vector
from spatial.sources.osm import READER_SCHEMA, OsmData, read_osm
from spatial.text import Text

CITY_KEYS = ("name", "crs", "date", "data_extent", "synthetic", "osm", "layers", "scopes")
OSM_KEYS = ("file",)
SCOPE_KEYS = ("built_up_area",)
LAYER_KEYS = (
    "file", "layer", "id", "name", "datum", "crs", "x", "y", "where", "merge", "fields", "values", "encoding", "source", "licence", "date",
    "sensitivity", "on_invalid", "allow_empty", "field", "total",
)  # fmt: skip
_RASTER_KEYS = ("file", "field", "source", "licence", "date", "sensitivity")
_TEXT_KEYS = ("file", "layer", "id", "name", "crs", "x", "y", "where", "encoding", "source", "licence", "field")
CACHE_FOLDER = ".spatial-cache"
CACHE_ENTRIES = 6
_DAY_S = 86400


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

    def paths(self) -> list[Path]:
        """Return what the project is made of: its files, and the folders that ``spatial init`` makes for the user's own."""
        base = self.path.parent
        files = [self.path, *([self.osm] if self.osm else []), *(local.path for local in self.layers.values() if local.path)]
        return [*files, *(base / name for name in ("data", "layers", "maps"))]


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
        + catalogue.check_keys(osm, OSM_KEYS, where=f"{where} [osm]")
        + catalogue.check_keys(scopes, SCOPE_KEYS, where=f"{where} [scopes]")
        + [m for key in ("name", "crs", "synthetic") for m in catalogue.check_type(raw, key, str, "text", where=where)]
        + catalogue.check_type(osm, "file", str, "text", where=f"{where} [osm]")
        + [m for key in scopes for m in catalogue.check_type(scopes, key, str, "a layer's name", where=f"{where} [scopes]")]
    ):
        faults.add(message)
    if "osm" in raw and not osm.get("file"):
        faults.add(f'{where} [osm]: file is missing; write file = "data/city.osm.pbf", or remove [osm]')
    locals_ = {name: _local(name, table, path, faults) for name, table in layers.items()}
    for name, scope_layer in scopes.items():
        if isinstance(scope_layer, str) and scope_layer not in layers:
            faults.add(
                f'{where} [scopes]: {name} = "{scope_layer}" names no layer{nearest(scope_layer, layers)}; add [layers.{scope_layer}]'
            )
    extent = _extent(raw.get("data_extent"), where, faults)
    day = _day(raw.get("date"), where, faults)
    if not layers and "osm" not in raw:
        faults.add(f"{where}: there is neither [osm] nor any [layers.…]; give at least one input")
    faults.raise_if_any()
    base = path.parent
    return Project(
        path, str(raw.get("name", base.resolve().name)), str(raw.get("crs", "auto")), day, extent, str(raw.get("synthetic", "")),
        base / osm["file"] if osm.get("file") else None, locals_, dict(scopes), specs,
    )  # fmt: skip


def _table(raw: Mapping[str, Any], key: str, where: str, faults: Faults) -> dict[str, Any]:
    value = raw.get(key, {})
    if not isinstance(value, dict):
        faults.add(f"{where}: {key} must be a table, written [{key}]")
        return {}
    return value


def _local(name: str, raw: Any, path: Path, faults: Faults) -> LocalLayer:
    where = f"{path} [layers.{name}]"
    if not NAME.fullmatch(name):
        faults.add(f"{path} [layers.{shown(name)}]: a layer's name has letters, digits and _ only")
    if not isinstance(raw, dict):
        faults.add(f'{where}: must be a table, as in [layers.parks] with file = "data/parks.gpkg"')
        return LocalLayer(name, None, FileOptions())
    messages = catalogue.check_keys(raw, LAYER_KEYS, where=where)
    messages += [m for key in _TEXT_KEYS for m in catalogue.check_type(raw, key, str, "text", where=where)]
    messages += [m for key in ("fields", "values") for m in catalogue.check_type(raw, key, dict, "a table", where=where)]
    messages += catalogue.check_type(raw, "allow_empty", bool, "true or false", where=where)
    for key, choices in (
        ("datum", DATUMS),
        ("merge", ("replace", "union")),
        ("on_invalid", INVALID_POLICIES),
        ("sensitivity", SENSITIVITIES),
    ):
        if key in raw and raw[key] not in choices:
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
    if name == "population" and str(raw.get("file", "")).lower().endswith(RASTER_ENDINGS):
        idle = [key for key in raw if key in LAYER_KEYS and key not in (*_RASTER_KEYS, "total")]
        if idle:
            messages.append(f"{where}: {', '.join(idle)} cannot be applied to a raster; remove it, or convert the raster")
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
        raw.get("id"), str(raw.get("datum", "wgs84")), raw.get("crs"), raw.get("x"), raw.get("y"),
    )  # fmt: skip
    source = "; ".join(str(raw[key]) for key in ("source", "licence", "date") if key in raw)
    file = path.parent / raw["file"] if isinstance(raw.get("file"), str) else None
    return LocalLayer(
        name, file, read, str(raw.get("merge", "replace")), str(raw.get("on_invalid", "error")), raw.get("allow_empty", False) is True,
        source, str(raw.get("sensitivity", "public")), raw.get("field"), total,
    )  # fmt: skip


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
        return value.isoformat()[:10] if isinstance(value, date) else date.fromisoformat(str(value)).isoformat()
    except ValueError:
        faults.add(f'{where}: date must be written as "2024-04-09", not {value!r}')
        return ""


def open_city(path: str | Path, *, progress: Progress | None = None, cache: bool = True) -> City:
    """Read a project into a City.

    Parameters
    ----------
    path
        ``city.toml`` or its folder.
    progress
        Where steps are reported.
    cache
        Whether parsed layers are kept beside ``city.toml``.

    Returns
    -------
    City
        Every layer in one projected CRS.

    Raises
    ------
    ProjectError, SourceError, LayerError, CRSError, OptionError
        As the inputs are; each names file, layer, how many, sample ids and the remedy.
    """
    project = parse_project(Path(path))
    progress = progress or Progress()
    notices: list[Text] = []
    own = sorted(file for kind in ("layers", "maps") for file in (project.path.parent / kind).glob("*.toml"))
    inputs = [{"layer": "city.toml", "file": project.path.name, "sha256": fingerprint(project.path)}]
    inputs += [{"layer": file.parent.name, "file": file.name, "sha256": fingerprint(file)} for file in own]
    osm, frames, rasters = None, {}, {}
    store = _Store(project, enabled=cache, notices=notices)
    if project.osm:
        with progress.step(f"read {project.osm.name}"):
            _check_file(project.osm, f"{project.path} [osm]")
            inputs.append({"layer": "osm", "file": project.osm.name, "sha256": fingerprint(project.osm)})
            osm = store.osm(project.osm, inputs[-1]["sha256"])
    for name, local in project.layers.items():
        if local.path is None:
            continue
        with progress.step(f"read {name}"):
            _check_file(local.path, f"{project.path} [layers.{name}]")
            inputs.append({"layer": name, "file": local.path.name, "sha256": fingerprint(local.path)})
            if name == "population" and local.path.suffix.lower() in RASTER_ENDINGS:
                rasters[name] = open_counts(local.path, where=f"{name}: {local.path}")
            else:
                frames[name] = store.local(local, inputs[-1]["sha256"])
    with progress.step("assemble the city"):
        return _assemble(project, osm, frames, rasters, notices, inputs)


def _check_file(path: Path, where: str) -> None:
    if os.path.isdir(path) and path.suffix.lower() != ".gdb":
        raise SourceError(f"{where}: {path}: is a folder; name the file inside it (only a geodatabase, .gdb, is a folder)")
    if not os.path.isfile(path) and not os.path.isdir(path):
        raise SourceError(f"{where}: {shown(path, 300)}: no such file; paths are relative to city.toml")


def _assemble(
    project: Project, osm: OsmData | None, frames: dict[str, tuple[gpd.GeoDataFrame, list[Repair]]], rasters: dict[str, Raster],
    notices: list[Text], inputs: list[dict[str, str]],
) -> City:  # fmt: skip
    place = _place(project, osm, frames)
    crs = (
        crs_.parse_crs(project.crs, where=str(project.path))
        if project.crs != "auto"
        else crs_.choose_crs(place.centroid.x, place.centroid.y)
    )
    crs_.check_city_crs(crs, place)
    wgs84 = pyproj.CRS(crs_.WGS84)
    box = project.data_extent or (osm.box if osm else None)
    extent = None
    if box:
        extent = crs_.reproject(np.array([shapely.segmentize(shapely.box(*box), 0.01)]), wgs84, crs)[0]
        if osm and not osm.box_is_header and not project.data_extent:
            notices.append(
                Text("提取文件没有范围框：数据范围取自要素", "the extract has no header box: its extent is taken from its features")
            )
    layers = {name: Layer(spec) for name, spec in project.specs.items()}
    if osm:
        notices += [repair.text() for repair in osm.repairs]
        for name, frame in osm.frames.items():
            layers[name] = Layer(project.specs[name], frame=_moved(frame, wgs84, crs), origin="osm", extent=extent)
    for name, local in project.layers.items():
        if name not in project.specs and (likely := difflib.get_close_matches(name.lower(), project.specs, n=1, cutoff=0.85)):
            notices.append(
                Text(f'图层 {name} 没有固定用途，只能用于 --by；是否应为 "{likely[0]}"？',
                     f'layer {name} has no role of its own and only serves --by; did you mean "{likely[0]}"?')
            )  # fmt: skip
        layers[name] = _local_layer(project, local, layers.get(name), frames.get(name), extent, crs)
    around = _surroundings(layers, extent)
    for name, raster in rasters.items():
        layers[name] = replace(layers[name], raster=raster, extent=raster.footprint(around, crs))
    _check_meeting(project, layers, extent, crs)
    for layer in layers.values():
        notices += [repair.text() for repair in layer.repairs]
        if layer.raster and layer.raster.nodata_cells:
            notices.append(
                Text(f"{layer.spec.name}：栅格有 {layer.raster.nodata_cells} 个无数据像元（共 {layer.raster.cells} 个）",
                     f"{layer.spec.name}: {layer.raster.nodata_cells} of {layer.raster.cells} raster cells have no data and count nobody")
            )  # fmt: skip
    day = project.date or (osm.newest if osm else "")
    city = City(
        project.name,
        crs,
        day,
        MappingProxyType(layers),
        extent,
        dict(project.scopes),
        tuple(notices),
        tuple(inputs),
        project.synthetic,
        project.path.parent,
    )
    if layers["districts"].frame is not None:
        try:
            city.areas("districts")
        except LayerError as error:
            raise LayerError(f"{project.layers['districts'].path}: {error}") from error
    return city


def _surroundings(layers: Mapping[str, Layer], extent: Any | None) -> Any:
    """Return a box, city CRS, that holds everything of the city."""
    boxes = [layer.frame.total_bounds for layer in layers.values() if layer.frame is not None and len(layer.frame)]
    boxes += [shapely.bounds(extent)] if extent is not None else []
    return shapely.box(*np.min(boxes, axis=0)[:2], *np.max(boxes, axis=0)[2:])


def _place(project: Project, osm: OsmData | None, frames: dict[str, tuple[gpd.GeoDataFrame, list[Repair]]]) -> Any:
    """Where the city lies, degrees: the extract's box, else the boundary, else what the local layers span."""
    box = project.data_extent or (osm.box if osm else None)
    if box:
        return shapely.box(*box)
    filled = [name for name, (frame, _) in frames.items() if len(frame)]
    order = [name for name in ("boundary", "built_up_area", "roads", "buildings", "landuse", "districts") if name in filled] or filled
    if not order:
        raise ProjectError(f"{project.path}: nothing tells where the city lies; give [osm], [layers.boundary] or data_extent")
    return shapely.box(*frames[order[0]][0].total_bounds)


def _local_layer(
    project: Project, local: LocalLayer, fed: Layer | None, read: tuple[gpd.GeoDataFrame, list[Repair]] | None, extent: Any | None,
    crs: pyproj.CRS,
) -> Layer:  # fmt: skip
    spec = project.specs.get(local.name) or area_spec(local.name)
    options = {"allow_empty": local.allow_empty, "field": local.field, "total": local.total, "file": local.path.name if local.path else ""}
    if read is None:  # a raster, or a stated total spread over buildings
        return Layer(spec, origin="local", extent=extent, options=options, source=local.source, sensitivity=local.sensitivity)
    frame, repairs = read
    moved = _moved(frame, pyproj.CRS(crs_.WGS84), crs)
    reach = shapely.box(*moved.total_bounds) if spec.dense and len(moved) and project.data_extent is None else None
    origin = "local"
    if local.merge == "union" and fed is not None and fed.frame is not None:
        moved = gpd.GeoDataFrame(pd.concat([fed.frame, moved], ignore_index=True), geometry="geometry", crs=crs)
        reach, origin = extent, "osm+local"
    return Layer(
        spec,
        moved,
        None,
        origin,
        reach if project.data_extent is None else extent,
        options,
        local.source,
        local.sensitivity,
        tuple(repairs),
    )


def _moved(frame: gpd.GeoDataFrame, source: pyproj.CRS, target: pyproj.CRS) -> gpd.GeoDataFrame:
    return frame.set_geometry(gpd.GeoSeries(crs_.reproject(frame.geometry.to_numpy(), source, target), index=frame.index, crs=target))


def _check_meeting(project: Project, layers: Mapping[str, Layer], extent: Any | None, crs: pyproj.CRS) -> None:
    """Every local layer must meet the city; one that does not is a wrong datum, zone or file."""
    city = extent
    if city is None:
        for name in ("boundary", "districts"):
            frame = layers[name].frame
            if frame is not None and len(frame):
                city = shapely.box(*frame.total_bounds)
                break
    if city is None:
        return
    faults = Faults(LayerError)
    for name, local in project.layers.items():
        layer = layers[name]
        if layer.raster:
            here, bounds, own = layer.extent, layer.raster.bounds, layer.raster.crs
            what = "the raster lies"
        elif layer.frame is not None and len(layer.frame):
            frame = layer.frame
            here, bounds, own = shapely.box(*frame.total_bounds), frame.total_bounds, crs
            what = f"all {len(frame)} features (ids {sample(frame['id'])}) lie"
        else:
            continue
        if not shapely.intersects(here, city):
            west, south, east, north = (plain(value) for value in bounds)
            faults.add(
                f"{name}: {local.path}: does not meet the city: {what} at x {west} … {east}, y {south} … {north} in {crs_.name_of(own)},"
                " where the city is not; check the layer's CRS, datum and place"
            )
    faults.raise_if_any()


class _Store:
    """Parsed layers as GeoParquet beside ``city.toml``: never trusted, rebuilt when stale or damaged, safe with two runs at once."""

    def __init__(self, project: Project, *, enabled: bool, notices: list[Text]) -> None:
        self.project, self.notices = project, notices
        self.folder = project.path.parent / CACHE_FOLDER
        self.enabled = enabled

    def osm(self, path: Path, digest: str) -> OsmData:

        specs = [spec for spec in self.project.specs.values() if spec.osm]
        key = _key(
            "osm",
            digest,
            READER_SCHEMA,
            importlib.metadata.version("osmium"),
            repr([(s.name, s.geometry, s.osm, s.exclude, s.node_refs, s.fields) for s in specs]),
        )
        kept = self._load(key)
        if kept is not None:
            meta, frames = kept
            if set(frames) == {spec.name for spec in specs}:
                return OsmData(
                    frames, tuple(meta["box"]) if meta["box"] else None, meta["box_is_header"], meta["newest"], _repairs_from(meta)
                )
        data = read_osm(path, specs)
        frames = {}
        for spec in specs:
            frame, repairs = (
                validate(data.frames[spec.name], spec, where=f"{path.name}: {spec.name}", on_invalid="repair")
                if len(data.frames[spec.name])
                else (data.frames[spec.name], [])
            )
            frame, more = typed(frame, spec)
            frames[spec.name] = frame
            data.repairs += [*repairs, *more]
        data = replace(data, frames=frames)
        self._save(key, frames, {"box": data.box, "box_is_header": data.box_is_header, "newest": data.newest}, data.repairs)
        return data

    def local(self, local: LocalLayer, digest: str) -> tuple[gpd.GeoDataFrame, list[Repair]]:
        assert local.path is not None
        spec = self.project.specs.get(local.name) or area_spec(local.name)
        key = _key(
            "local",
            digest,
            READER_SCHEMA,
            repr(local.read),
            local.on_invalid,
            repr((spec.geometry, spec.fields)),
            local.name,
            repr(local.allow_empty),
        )
        kept = self._load(key)
        if kept is not None and set(kept[1]) == {local.name}:
            return kept[1][local.name], _repairs_from(kept[0])
        frame, repairs = self._read_local(local, spec)
        self._save(key, {local.name: frame}, {}, repairs)
        return frame, repairs

    def _read_local(self, local: LocalLayer, spec: LayerSpec) -> tuple[gpd.GeoDataFrame, list[Repair]]:
        assert local.path is not None
        where = f"{local.name}: {local.path}"
        known = tuple(spec.fields) if local.name in self.project.specs else ("name",)
        if unknown := [key for key in (*local.read.fields, *local.read.values) if key not in known]:
            raise OptionError(
                f"{where}: {', '.join(unknown)} is no field of {spec.name}{nearest(unknown[0], known)}; it has {', '.join(known)}"
            )
        raw = read_vector(local.path, local.read, where=local.name, wanted=known, polygons=spec.geometry == "polygon")
        if raw.empty and not local.allow_empty:
            matched = f" no feature matches where = {local.read.where!r};" if local.read.where else " it holds no feature;"
            raise LayerError(f"{where}: is empty:{matched} if that is the truth, set allow_empty = true, then it counts as 0")
        missing = [name for name, declared in spec.fields.items() if declared.required and name not in raw]
        if missing and len(raw):
            raise OptionError(
                f'{where}: {spec.name} needs the field {missing[0]}; map the column that holds it: fields = {{ {missing[0]} = "…" }}'
            )
        if local.name == "population" and len(raw):
            _check_counts(raw, where, local)
        frame, repairs = validate(raw, spec, where=where, on_invalid=local.on_invalid) if len(raw) else (raw, [])
        if frame.empty and len(raw):
            said = "; ".join(repair.text().en for repair in repairs)
            raise LayerError(f"{where}: no usable feature is left of {len(raw)} ({said}); repair the file")
        frame, more = typed(frame, spec)
        moved = crs_.reproject(frame.geometry.to_numpy(), pyproj.CRS(frame.crs), pyproj.CRS(crs_.WGS84))
        if len(moved) and not np.isfinite(shapely.bounds(moved)).all():
            raise CRSError(
                f"{where}: coordinates cannot be moved from {crs_.name_of(pyproj.CRS(frame.crs))} to WGS-84; check the CRS of the file"
            )
        frame = frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=crs_.WGS84))
        return frame, [*repairs, *more]

    def _load(self, key: str) -> tuple[dict[str, Any], dict[str, gpd.GeoDataFrame]] | None:
        folder = self.folder / key
        if not self.enabled or not folder.is_dir():
            return None
        try:
            kept = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            meta = kept["content"]
            if kept["sha256"] != _key(json.dumps(meta)) or any(
                fingerprint(folder / f"{name}.parquet") != digest for name, digest in meta["files"].items()
            ):
                raise ValueError("digest")
            frames = {name: gpd.read_parquet(folder / f"{name}.parquet") for name in meta["files"]}
            os.utime(folder)
            return meta, frames
        except Exception as error:
            self.notices.append(
                Text(f"缓存条目已损坏，已重建（{type(error).__name__}）", f"a damaged cache entry was rebuilt ({type(error).__name__})")
            )
            shutil.rmtree(folder, ignore_errors=True)
            return None

    def _save(self, key: str, frames: Mapping[str, gpd.GeoDataFrame], meta: dict[str, Any], repairs: list[Repair]) -> None:
        if not self.enabled:
            return
        try:
            self.folder.mkdir(exist_ok=True)
            stage = Path(tempfile.mkdtemp(prefix=".part-", dir=self.folder))
            try:
                for name, frame in frames.items():
                    frame.to_parquet(stage / f"{name}.parquet", compression="zstd")
                files = {name: fingerprint(stage / f"{name}.parquet") for name in frames}
                counted = [{"layer": r.layer, "what": list(r.what), "count": r.count, "ids": list(r.ids)} for r in repairs]
                content = {**meta, "files": files, "repairs": counted}
                (stage / "manifest.json").write_text(
                    json.dumps({"sha256": _key(json.dumps(content)), "content": content}), encoding="utf-8"
                )
                stage.rename(self.folder / key)
            except OSError:
                if not (self.folder / key).is_dir():  # another run put the same entry there first: nothing to do
                    raise
            finally:
                shutil.rmtree(stage, ignore_errors=True)
            self._prune()
        except (OSError, pyarrow.ArrowException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            self.notices.append(
                Text(f"缓存无法写入（{reason}），不影响结果", f"the cache cannot be written ({reason}); results are not affected")
            )

    def _prune(self) -> None:
        """Keep the newest entries; an interrupted run's leftovers go after a day."""
        age = {}
        for entry in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another run was faster
                age[entry] = time.time() - entry.stat().st_mtime
        parts = [entry for entry in age if entry.name.startswith(".part-")]
        entries = sorted((entry for entry in age if entry not in parts), key=lambda entry: age[entry])
        for entry in [*(part for part in parts if age[part] > _DAY_S), *entries[CACHE_ENTRIES * (len(self.project.layers) + 1) :]]:
            shutil.rmtree(entry, ignore_errors=True)


def _repairs_from(meta: Mapping[str, Any]) -> list[Repair]:
    return [Repair(r["layer"], Text(*r["what"]), int(r["count"]), tuple(r["ids"])) for r in meta["repairs"]]


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _check_counts(frame: gpd.GeoDataFrame, where: str, local: LocalLayer) -> None:
    if "count" not in frame:
        raise OptionError(f'{where}: which column holds the number of people? name it: field = "…"')
    counts = pd.to_numeric(pd.Series(frame["count"], dtype=object), errors="coerce")
    ids = frame["id"].to_numpy()
    bad = counts.isna().to_numpy() | ~np.isfinite(counts.fillna(0).to_numpy(dtype=float))
    negative = (counts < 0).to_numpy()
    huge = (counts.where(~bad, 0) > MAX_PEOPLE).to_numpy()
    lines = np.isin(shapely.get_type_id(frame.geometry.to_numpy()), (1, 5))
    faults = Faults(LayerError)
    for mask, what in (
        (bad, "have no number of people"),
        (negative, "have a negative number of people"),
        (huge, f"have more than {MAX_PEOPLE:.0g} people"),
        (lines, "are lines, which hold no people,"),
    ):
        if mask.any():
            faults.add(
                f'{where}: {int(mask.sum())} of {len(frame)} features {what} in "{shown(local.field)}" (ids {sample(ids[mask])});'
                " correct them, or leave them out with where"
            )
    faults.raise_if_any()
