"""Repaired copies of local layers, and a list of what was changed; inputs are never touched."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from spatial.city import area_spec
from spatial.city_toml import LocalLayer, Project, parse_project
from spatial.errors import LayerError, OutputError, SpatialError, sample
from spatial.files import fingerprint, staged_folder, writing
from spatial.layers import GEOMETRIES, LayerSpec, validate
from spatial.outputs.cells import safe_cell
from spatial.outputs.storable import storable
from spatial.sources.files import crs_of, read_as_is
from spatial.sources.options import RASTER_ENDINGS
from spatial.text import Text

CHANGES, MARK = "changes.csv", "repair.json"
_ROW = "row_of_the_file"
_HEAD = ("layer", "file", "row", "id", "change", "why", "why_zh", "before", "after")
_NOTHING = Text("没有几何", "no geometry")
_NOT_FINITE = Text("坐标为 NaN 或无穷", "NaN or infinite coordinates")
_KIND = Text("几何类型不符", "another kind of geometry than the layer needs")
_FLAT = Text("面积或长度为零", "zero area or length")
_TWICE = Text("与前面一行各列完全相同", "alike an earlier row in every column")


@dataclass(frozen=True)
class Replaced:
    """What ``city.toml`` has to say for a copy: its file, keys to remove, and columns that have another name in it."""

    layer: str
    file: str
    idle: tuple[str, ...]
    renamed: dict[str, str]

    def text(self) -> Text:
        """Say what to write."""
        zh = f'在 [layers.{self.layer}] 中把 file 一行改为 file = "{self.file}"'
        en = f'in [layers.{self.layer}] replace the line of file by file = "{self.file}"'
        if self.idle:
            zh, en = f"{zh}，并删去 {'、'.join(self.idle)}", f"{en}, and remove {', '.join(self.idle)}"
        for old, new in self.renamed.items():
            zh, en = f"{zh}，列名 {old} 改为 {new}", f"{en}, and write {new} for the column {old}"
        return Text(zh, en)


@dataclass(frozen=True)
class Repaired:
    """What was written: the folder, by layer the number of changes, what ``city.toml`` needs, and what no repair can save."""

    folder: Path
    changes: dict[str, int]
    lines: list[Replaced]
    left: list[str]


@dataclass(frozen=True)
class _Change:
    row: int
    identity: str
    change: str
    why: Text
    before: str = ""
    after: str = ""


def repair_project(path: str | Path, folder: Path | None = None) -> Repaired:
    """Write a repaired copy of every local vector layer that needs one.

    Parameters
    ----------
    path
        ``city.toml`` or its folder.
    folder
        Where the copies go; ``None`` for ``out/repaired`` beside ``city.toml``. A folder of an earlier repair is replaced, any other that holds
        something is left alone.

    Returns
    -------
    Repaired
        Copies are GeoPackages with the columns of the file but lists, in its own CRS and datum; features without usable geometry and rows that repeat
        another in every column are left out, invalid geometries are rebuilt. ``changes.csv`` names each. Extracts and rasters are not repaired.

    Raises
    ------
    ProjectError
        ``city.toml`` cannot be understood.
    OutputError
        The folder cannot be written or holds something else.
    """
    project = parse_project(Path(path))
    target = (folder or project.path.parent / "out" / "repaired").resolve()
    earlier = _earlier(target, project)
    changes: dict[str, list[_Change]] = {}
    lines: list[Replaced] = []
    left: list[str] = []
    with staged_folder(target, replace=earlier) as stage, writing(target):
        for name, local in project.layers.items():
            if local.path is None or local.path.suffix.lower() in RASTER_ENDINGS:
                continue
            spec = project.specs.get(name) or area_spec(name)
            try:
                frame, found = _repaired(local, spec)
            except SpatialError as error:
                left.append(str(error).split("\n")[0])
                continue
            if found:
                changes[name] = found
                kept, names = storable(frame)
                kept.to_file(stage / f"{name}.gpkg", layer=name, driver="GPKG", engine="pyogrio")
                lines.append(Replaced(name, _shown(target, f"{name}.gpkg", project), _idle(local), _renamed(local, names)))
        with (stage / CHANGES).open("w", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream).writerows([_HEAD, *_listed(changes, project)])
        files = {file.name: fingerprint(file) for file in sorted(stage.iterdir())}
        (stage / MARK).write_text(json.dumps({"repaired_by": "spatial", "files": files}, indent=1) + "\n", encoding="utf-8")
    return Repaired(target, {name: len(found) for name, found in changes.items()}, lines, left)


def _earlier(target: Path, project: Project) -> bool:
    """Tell whether an earlier repair stands there, untouched since; whatever else does is left alone."""
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target}: is a file; choose a folder with --out")
    there = {entry.name for entry in target.iterdir()} if target.is_dir() else set()
    if not there:
        return False
    kept = [*(file.resolve() for file in project.paths()), Path.cwd(), Path.home()]
    if held := [path for path in kept if path == target or target in path.parents]:
        raise OutputError(f"{target}: holds {held[0]}; it is never replaced; choose a new folder with --out")
    try:
        told = json.loads((target / MARK).read_text(encoding="utf-8"))
        files = told["files"] if told["repaired_by"] == "spatial" else {}
    except (OSError, ValueError, KeyError, TypeError):
        raise OutputError(f"{target}: is not empty and holds no earlier repair; choose another folder with --out") from None
    others = sorted(there - {*files, MARK})
    others += [name for name, digest in files.items() if name in there and fingerprint(target / name) != digest]
    if others:
        raise OutputError(f"{target}: {sample(others)} came there or was changed since; move it away, or choose another folder with --out")
    return True


def _repaired(local: LocalLayer, spec: LayerSpec) -> tuple[gpd.GeoDataFrame, list[_Change]]:
    """Repair one layer as reading it with ``on_invalid = "repair"`` does, and say what became of each row."""
    assert local.path is not None
    where = f"{local.name}: {local.path}"
    raw = read_as_is(local.path, local.read, local.name, [], polygons=spec.geometry == "polygon")
    raw = raw.set_crs(crs_of(raw, local.read, where), allow_override=True)
    ids = raw[local.read.id].astype(str) if local.read.id in raw else raw.index.astype(str)
    rows = np.arange(len(raw))
    frame = gpd.GeoDataFrame({"id": np.asarray(ids, dtype=object), _ROW: rows}, geometry=raw.geometry.to_numpy(), crs=raw.crs)
    kept, _ = validate(frame, spec, where=where, on_invalid="repair") if len(frame) else (frame, [])
    if len(raw) and kept.empty:
        raise LayerError(f"{where}: no usable feature is left of {len(raw)}; there is nothing to repair it from")
    mended = raw.iloc[kept[_ROW].to_numpy(dtype=int)].set_geometry(kept.geometry.to_numpy(), crs=raw.crs)
    again = _repeats(mended)
    found = list(_changes(frame, kept, spec, again, pyproj.CRS(raw.crs)))
    return mended[~again].reset_index(drop=True), found


def _repeats(frame: gpd.GeoDataFrame) -> npt.NDArray[np.bool_]:
    """Which rows repeat an earlier one in geometry and every column, the declared id included: two flats of a house are two."""
    shapes = shapely.to_wkb(shapely.normalize(np.asarray(frame.geometry.to_numpy(), dtype=object)))
    told = [column for column in frame.columns if column != frame.geometry.name]
    content = pd.DataFrame(frame[told]).astype(str).assign(_shape=list(shapes))
    repeated: npt.NDArray[np.bool_] = content.duplicated().to_numpy(dtype=bool)
    return repeated


def _changes(
    frame: gpd.GeoDataFrame, kept: gpd.GeoDataFrame, spec: LayerSpec, again: npt.NDArray[np.bool_], crs: pyproj.CRS
) -> Iterator[_Change]:
    before = np.asarray(frame.geometry.to_numpy(), dtype=object)
    ids = frame["id"].to_numpy()
    rows = kept[_ROW].to_numpy(dtype=int)
    after = np.asarray(kept.geometry.to_numpy(), dtype=object)
    for row in sorted(set(range(len(frame))) - set(rows.tolist())):
        yield _Change(row, str(ids[row]), "left out", _why_dropped(before[row], spec))
    for position, row in enumerate(rows):
        if again[position]:
            yield _Change(row, str(ids[row]), "left out", _TWICE)
        elif not shapely.is_valid(before[row]):
            reason = shapely.is_valid_reason(before[row]).split("[")[0]
            yield _Change(
                row,
                str(ids[row]),
                "rebuilt",
                Text(f"几何无效：{reason}", f"invalid: {reason}"),
                _size(before[row], crs),
                _size(after[position], crs),
            )


def _why_dropped(shape: object, spec: LayerSpec) -> Text:
    if shape is None or shapely.is_empty(shape):
        return _NOTHING
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return _NOT_FINITE
    return _FLAT if shapely.get_type_id(shape) in GEOMETRIES[spec.geometry] else _KIND


def _size(shape: Any, crs: pyproj.CRS) -> str:
    """Parts, points and area or length of a geometry, metric; of crossing rings the area is what their signs leave of it."""
    if (globe := crs.get_geod()) and crs.is_geographic:
        area, length = globe.geometry_area_perimeter(shape)
    else:
        unit = crs.axis_info[0].unit_conversion_factor
        area, length = shapely.area(shape) * unit**2, shapely.length(shape) * unit
    size = f"{abs(area):.0f} m²" if shapely.get_dimensions(shape) == 2 else f"{length:.0f} m"
    return f"{shapely.get_num_geometries(shape)} parts, {shapely.get_num_coordinates(shape)} points, {size}"


def _listed(changes: dict[str, list[_Change]], project: Project) -> Iterator[list[str]]:
    for name, found in changes.items():
        local = project.layers[name]
        for change in sorted(found, key=lambda change: change.row):
            file = local.path.name if local.path else ""
            said = (
                name,
                file,
                str(change.row + 1),
                change.identity,
                change.change,
                change.why.en,
                change.why.zh,
                change.before,
                change.after,
            )
            yield [safe_cell(cell) for cell in said]


def _shown(target: Path, file: str, project: Project) -> str:
    base = project.path.parent.resolve()
    return ((target / file).relative_to(base) if base in target.parents else target / file).as_posix()


def _idle(local: LocalLayer) -> tuple[str, ...]:
    """Keys of a layer that its copy has no more use for."""
    return tuple(key for key in ("layer", "where", "encoding", "crs", "x", "y", "geometry") if getattr(local.read, key) is not None)


def _renamed(local: LocalLayer, names: dict[str, str]) -> dict[str, str]:
    """Columns that ``city.toml`` names and that a GeoPackage holds under another name."""
    used = {*local.read.fields.values(), *([local.read.id] if local.read.id else [])}
    return {column: names[column] for column in sorted(used) if column in names and names[column] != column}
