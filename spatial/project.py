"""``city.toml`` → City."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from spatial import catalogue
from spatial import crs as crs_
from spatial.alignment import alignments, refuse_shifted
from spatial.cache import LayerStore, LocalData
from spatial.city import City, Layer, area_spec
from spatial.city_toml import LocalLayer, Project, parse_project
from spatial.errors import CRSError, Faults, LayerError, ProjectError, SourceError, SpatialError, named, nearest, plain, sample, shown
from spatial.files import fingerprint
from spatial.layers import LayerSpec
from spatial.ledger.declared import FOLDER as LEDGER_FOLDER
from spatial.ledger.records import Ledger
from spatial.osm_request import check_fetched
from spatial.planned import TABLES, ledger_of, planned_files, read_previous, statistics_of, table_rows
from spatial.progress import Progress
from spatial.raster import Raster, open_raster
from spatial.sources.files import explain_place
from spatial.sources.options import RASTER_ENDINGS
from spatial.sources.osm import OsmData
from spatial.text import Text

EDGE_SHARE = 0.02  # of the city's width and height: how far inside the outline a complete layer may end


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
    read = read_inputs(project, progress=progress, cache=cache)
    with progress.step("assemble the city"):
        city = assemble(project, read)
    with progress.step("hold local layers against the streets"):
        refuse_shifted(project, alignments(project, city, read.frames(), read.osm))
    return city


def read_ledger(project: Project, city: City, previous: bool = False) -> Ledger | None:
    """Read the ledger of a project.

    Parameters
    ----------
    project
        From ``parse_project``.
    city
        Its city, whose CRS and outline the records are held against.
    previous
        Whether the older ledger is wanted, to tell what changed.

    Returns
    -------
    Ledger or None
        ``None`` where the project names none.

    Raises
    ------
    SourceError, LayerError, CRSError, OptionError
        As for ``open_city``.
    """
    if not previous:
        return city.ledger
    return read_previous(project, city.crs, _outline(city.layers))


@dataclass
class Inputs:
    """What the files of a project gave, before they are one city.

    Attributes
    ----------
    osm
        Layers of the extract, if any.
    local
        Layers of local files, by name.
    rasters
        Handles, by name of the layer.
    notices
        What a reader must know.
    files
        Layer, name and SHA-256 of every file, for ``run.json``.
    tables
        Rows of the ledger and of the statistics, by ``ledger`` and ``statistics``.
    """

    osm: OsmData | None = None
    local: dict[str, LocalData] = field(default_factory=dict)
    rasters: dict[str, Raster] = field(default_factory=dict)
    notices: list[Text] = field(default_factory=list)
    files: list[dict[str, str]] = field(default_factory=list)
    tables: dict[str, gpd.GeoDataFrame] = field(default_factory=dict)

    def frames(self) -> dict[str, gpd.GeoDataFrame]:
        """Return the local layers of features, degrees WGS-84."""
        return {name: data.frame for name, data in self.local.items()}


def read_inputs(
    project: Project, *, progress: Progress, cache: bool = True, on_fault: Callable[[str, SpatialError], None] | None = None
) -> Inputs:
    """Read every file of a project.

    Parameters
    ----------
    project
        From ``parse_project``.
    progress
        Where steps are reported.
    cache
        Whether parsed layers are kept beside ``city.toml``.
    on_fault
        Called with the layer's name and its error, after which reading goes on without that layer; ``None`` raises the first error.

    Returns
    -------
    Inputs
        What could be read.

    Raises
    ------
    SourceError, LayerError, CRSError, OptionError
        As the inputs are, where ``on_fault`` is ``None``.
    """
    read = Inputs(files=_declarations(project))
    store = LayerStore(project, enabled=cache, notices=read.notices)

    @contextlib.contextmanager
    def reading(name: str, shown_as: str) -> Iterator[None]:
        try:
            with progress.step(f"read {shown(shown_as)}"):
                yield
        except SpatialError as error:
            if on_fault is None:
                raise
            on_fault(name, error)

    if project.osm:
        with reading("osm", project.osm.name):
            _check_file(project, project.osm, f"{project.path} [osm]")
            digest = fingerprint(project.osm)
            read.osm = store.osm(project.osm, digest)
            read.files.append({"layer": "osm", "file": project.osm.name, "sha256": digest})
    for name, local in project.layers.items():
        if local.path is None:
            continue
        with reading(name, name):
            _check_file(project, local.path, f"{project.path} [layers.{name}]")
            digest = fingerprint(local.path)
            if (spec := project.specs.get(name)) and spec.raster and local.path.suffix.lower() in RASTER_ENDINGS:
                read.rasters[name] = open_raster(local.path, spec.raster, where=f"{name}: {local.path}")
            else:
                read.local[name] = store.local(local, digest)
            read.files.append({"layer": name, "file": local.path.name, "sha256": digest})
    for name, where, file in planned_files(project):
        with reading(name, name):
            _check_file(project, file, where)
            read.files.append({"layer": name, "file": file.name, "sha256": fingerprint(file)})
            if name in TABLES:
                read.tables[name] = table_rows(project, name, told=read.notices)
    return read


def _declarations(project: Project) -> list[dict[str, str]]:
    """List what a project says beside its data: ``city.toml``, its own declarations and reference tables."""
    own = sorted(file for kind in ("layers", "maps", LEDGER_FOLDER) for file in (project.path.parent / kind).glob("*.toml"))
    tables = sorted(file for file in project.path.parent.glob("*.toml") if (catalogue.shipped() / "data" / file.name).is_file())
    said = [*((file.parent.name, file) for file in own), *(("data", file) for file in tables)]
    return [
        {"layer": "city.toml", "file": project.path.name, "sha256": project.digest()},
        *({"layer": layer, "file": file.name, "sha256": fingerprint(file)} for layer, file in said),
    ]


def _check_file(project: Project, path: Path, where: str) -> None:
    if project.request and path in (project.request.kept, project.request.outline):
        check_fetched(project.request, project.path)
    if os.path.isdir(path) and path.suffix.lower() != ".gdb":
        raise SourceError(f"{where}: {path}: is a folder; name the file inside it (only a geodatabase, .gdb, is a folder)")
    if not os.path.isfile(path) and not os.path.isdir(path):
        raise SourceError(f"{where}: {shown(path, 300)}: no such file; paths are relative to city.toml{_alike(path)}")


def _alike(path: Path) -> str:
    """Suggest a file of the same folder that is spelt nearly so."""
    try:
        return nearest(path.name, [entry.name for entry in path.parent.iterdir()])
    except OSError:
        return ""


def assemble(project: Project, read: Inputs) -> City:
    """Put what was read into one City.

    Raises
    ------
    CRSError
        No CRS fits the place, or the stated one does not.
    LayerError
        A layer does not meet the city, or the districts cannot be areas.
    ProjectError
        Nothing tells where the city lies.
    """
    osm, rasters = read.osm, read.rasters
    frames = read.frames()
    notices = list(read.notices)
    place = _place(project, osm, frames)
    crs = crs_.parse_crs(project.crs, where=str(project.path)) if project.crs != "auto" else None
    with named(str(project.path), CRSError):
        crs = crs or crs_.choose_crs(place.centroid.x, place.centroid.y)
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
        if not any(len(frame) for frame in osm.frames.values()):  # cut behind its header, or of another kind of data
            notices.append(
                Text(
                    "提取文件中没有任何图层的要素：请检查文件是否完整",
                    "the extract holds no feature of any layer: is it whole, and the right one?",
                )
            )
        notices += [repair.text() for repair in osm.repairs]
        for name, frame in osm.frames.items():
            layers[name] = Layer(
                project.specs[name],
                frame=_moved(frame, wgs84, crs),
                origin="osm",
                extent=extent,
                source=project.synthetic if project.osm_made_up else "",
            )
    for name, local in project.layers.items():
        if name not in project.specs and (likely := difflib.get_close_matches(name.lower(), project.specs, n=1, cutoff=0.85)):
            notices.append(
                Text(f'图层 {name} 没有固定用途，只能用于 --by；是否应为 "{likely[0]}"？',
                     f'layer {name} has no role of its own and only serves --by; did you mean "{likely[0]}"?')
            )  # fmt: skip
        layers[name] = _local_layer(project, local, layers.get(name), read.local.get(name), extent, crs)
    if project.data_extent is None:
        layers = _reaching_the_edge(layers)
    around = _surroundings(layers, extent)
    for name, raster in rasters.items():
        with named(f"{name}: {raster.path}", CRSError):
            layers[name] = replace(layers[name], raster=raster, extent=raster.footprint(around, crs))
    _check_meeting(project, layers, extent, crs)
    for layer in layers.values():
        notices += [repair.text() for repair in layer.repairs]
        if layer.raster and layer.raster.nodata_cells:
            notices.append(
                Text(f"{layer.spec.name}：栅格有 {layer.raster.nodata_cells} 个无数据像元（共 {layer.raster.cells} 个）",
                     f"{layer.spec.name}: {layer.raster.nodata_cells} of {layer.raster.cells} raster cells have no data"
                     + (" and count nobody" if layer.spec.raster == "counts" else ""))
            )  # fmt: skip
    if extent is None:  # local layers that fill the city tell how far the data reach
        reaches = [layer.extent for layer in layers.values() if layer.spec.dense and layer.extent is not None]
        extent = shapely.union_all(reaches) if reaches else None
    day = project.date or (osm.newest if osm else "")
    outline = _outline(layers)
    ledger = ledger_of(project, read.tables.get("ledger"), crs, outline)
    statistics = statistics_of(project, read.tables.get("statistics"))
    for table in (ledger, statistics):
        notices += table.notices if table else ()
    city = City(
        project.name,
        crs,
        day,
        MappingProxyType(layers),
        extent,
        dict(project.scopes),
        tuple(notices),
        tuple(read.files),
        project.synthetic,
        project.path.parent,
        ledger,
        statistics,
        project.sheet,
        project.unstated,
        project.road_classes,
    )
    if layers["districts"].frame is not None:
        with named(str(project.layers["districts"].path), LayerError):
            city.areas("districts")
    return city


def _outline(layers: Mapping[str, Layer]) -> Any | None:
    """Return the city's outline, in which the records of a ledger must lie."""
    frames = (layers[name].frame for name in ("boundary", "districts"))
    frame = next((frame for frame in frames if frame is not None and len(frame)), None)
    return None if frame is None else shapely.union_all(frame.geometry.to_numpy())


def _reaching_the_edge(layers: Mapping[str, Layer]) -> dict[str, Layer]:
    """Let the box of a dense local layer reach the edge of the city's box on every side where it falls short by a little.

    The last street or parcel ends somewhat inside the outline; that says where nothing is built, not that the layer is silent there.
    """
    outlines = [layers[name].frame for name in ("boundary", "districts")]
    outline = next((frame for frame in outlines if frame is not None and len(frame)), None)
    if outline is None:
        return dict(layers)
    city = outline.total_bounds
    tolerance = EDGE_SHARE * np.tile(city[2:] - city[:2], 2)
    reaching = {}
    for name, layer in layers.items():
        if layer.origin == "local" and layer.extent is not None and _fills_its_box(layer.spec, layer.frame):
            own = shapely.bounds(layer.extent)
            short = (own - city) * np.array([1, 1, -1, -1])
            layer = replace(layer, extent=shapely.box(*np.where((short > 0) & (short <= tolerance), city, own)))
        reaching[name] = layer
    return reaching


def _surroundings(layers: Mapping[str, Layer], extent: Any | None) -> Any:
    """Return a box, city CRS, that holds everything of the city."""
    boxes = [layer.frame.total_bounds for layer in layers.values() if layer.frame is not None and len(layer.frame)]
    boxes += [shapely.bounds(extent)] if extent is not None else []
    return shapely.box(*np.min(boxes, axis=0)[:2], *np.max(boxes, axis=0)[2:])


def _place(project: Project, osm: OsmData | None, frames: Mapping[str, gpd.GeoDataFrame]) -> Any:
    """Where the city lies, degrees: the extract's box, else the boundary, else what the local layers span."""
    box = project.data_extent or (osm.box if osm else None)
    if box:
        return shapely.box(*box)
    filled = [name for name, frame in frames.items() if len(frame)]
    order = [name for name in ("boundary", "built_up_area", "roads", "buildings", "landuse", "districts") if name in filled] or filled
    if not order:
        raise ProjectError(f"{project.path}: nothing tells where the city lies; give [osm], [layers.boundary] or data_extent")
    return shapely.box(*frames[order[0]].total_bounds)


def _local_layer(
    project: Project, local: LocalLayer, fed: Layer | None, read: LocalData | None, extent: Any | None, crs: pyproj.CRS
) -> Layer:
    spec = project.specs.get(local.name) or area_spec(local.name)
    options = {"allow_empty": local.allow_empty, "field": local.field, "total": local.total, "file": local.path.name if local.path else ""}
    options |= {"datum": local.read.datum if local.read.datum != "wgs84" else "", "where": local.read.where or "", "merge": local.merge}
    if _is_openstreetmap(local):
        options["openstreetmap"] = True
    if read is None:  # a raster, or a stated total spread over buildings
        return Layer(spec, origin="local", extent=extent, options=options, source=local.source, sensitivity=local.sensitivity)
    moved = _moved(read.frame, pyproj.CRS(crs_.WGS84), crs)
    reach = shapely.box(*moved.total_bounds) if _fills_its_box(spec, moved) and len(moved) and project.data_extent is None else None
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
        tuple(read.repairs),
    )


def _fills_its_box(spec: LayerSpec, frame: gpd.GeoDataFrame | None) -> bool:
    """Tell whether a local layer is complete inside its own box and silent beyond: dense ones, and people given by polygons.

    Cells or blocks of a part of the city say nothing of the rest; addresses do not say how far they reach.
    """
    if spec.dense or spec.name != "population" or frame is None:
        return spec.dense
    return bool((shapely.get_dimensions(np.asarray(frame.geometry.to_numpy(), dtype=object)) == 2).any())


def _is_openstreetmap(local: LocalLayer) -> bool:
    """Tell whether a local file is a cut of OpenStreetMap: by what is said of it, or since its features go by OSM ids."""
    said = local.source.casefold()
    return "openstreetmap" in said or "odbl" in said or (local.read.id or "").casefold() in ("osm_id", "osm_way_id", "osmid")


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
    check = "check the layer's CRS, datum and place"
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
            likely = "" if layer.raster or local.path is None else explain_place(local.path, local.read, _degrees(city, crs), where=name)
            faults.add(
                f"{name}: {local.path}: does not meet the city: {what} at x {west} … {east}, y {south} … {north} in {crs_.name_of(own)},"
                f" where the city is not; {likely or check}"
            )
    faults.raise_if_any()


def _degrees(geometry: Any, crs: pyproj.CRS) -> tuple[float, float, float, float]:
    west, south, east, north = shapely.bounds(crs_.reproject(np.array([geometry], dtype=object), crs, pyproj.CRS(crs_.WGS84))[0])
    return float(west), float(south), float(east), float(north)
