"""Read what GDAL reads, without its guesses: encodings, half files, damaged databases, curves."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np

from spatial.errors import LayerError, OptionError, SourceError, SpatialError, nearest, sample, shown
from spatial.layers import Repair
from spatial.sources.drawings import drawing_text_plan, unescape
from spatial.sources.encodings import TextPlan
from spatial.sources.offline import offline
from spatial.sources.options import DATABASE_ENDINGS, MOST_COLUMNS, ZIP_ENDINGS, FileOptions
from spatial.sources.shapefiles import check_parts, decode_frame, text_plan
from spatial.text import Text

ARC_STEP_DEGREES = 1  # curves become chords of one degree, which lie within 0.004 % of the radius from them
_SAVED_STYLES = ("layer_styles", "qgis_projects")
_TRIES = 3  # to copy a database between two edits of another program
_DRIVERS = (
    "ESRI Shapefile", "GPKG", "SQLite", "OpenFileGDB", "GeoJSON", "GeoJSONSeq", "ESRIJSON", "TopoJSON", "FlatGeobuf", "DXF", "DGN", "KML", "LIBKML",
    "GML", "GPX", "GeoRSS", "MapInfo File", "S57", "CSV", "XLSX", "ODS",
)  # fmt: skip
_ZIPPED = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".dxf", ".kml", ".gml", ".tab")


@offline()
def read_ogr(
    path: Path, options: FileOptions, where: str, name: str, told: list[Repair], *, bare: bool = False
) -> tuple[gpd.GeoDataFrame, str]:
    """Read one layer of a file, whole.

    Parameters
    ----------
    path
        The file, a geodatabase or an archive.
    options
        Of them the layer and the encoding; the condition waits for ``filtered``, since GDAL's own differ by format.
    where
        File and layer, for messages.
    name
        The layer, for what is told.
    told
        Takes what the user should know about the reading, counted.
    bare
        Whether a table without geometry will do.

    Returns
    -------
    tuple
        The features by their number in the file, and GDAL's name of the format.

    Raises
    ------
    SourceError
        Truncated, corrupt, not of the encoding, of an unknown format, or without a layer.
    OptionError
        No such layer, or none named where there are several.
    LayerError
        A table without geometry, or surfaces of triangles.
    """
    with _undisturbed(path, where) as readable:
        return _read(readable, options, where, name, told, bare)


def _read(path: Path, options: FileOptions, where: str, name: str, told: list[Repair], bare: bool) -> tuple[gpd.GeoDataFrame, str]:
    import pyogrio

    source, plan, drawing = str(path), TextPlan(None), path.suffix.lower() == ".dxf"
    zipped = path.suffix.lower() in ZIP_ENDINGS
    if not zipped and ("!" in source or ";" in path.name):
        raise SourceError(
            f"{where}: a path with ! or ; cannot be opened, for it means a file inside another; rename the file or its folder"
        )
    try:
        with warnings.catch_warnings(record=True) as caught, np.errstate(invalid="ignore"), _settings(raw_text=drawing):
            warnings.simplefilter("always")
            if zipped:
                source = _inside_zip(_root(path), where)
            layer = _inner_layer(pyogrio.list_layers(source), options, where)
            encoding = options.encoding
            # Python decodes Shapefiles and drawings, since GDAL trusts what they claim.
            if inner := _shapefile(path, source, layer):
                if zipped:
                    check_parts(path, where, inner)
                plan = text_plan(path, inner if zipped else "", options.encoding, where=where)
                encoding = "ISO-8859-1" if plan.encoding else None
            elif drawing:
                plan = drawing_text_plan(path, options.encoding, where=where)
                encoding = None
            info = pyogrio.read_info(source, layer=layer, encoding=encoding, force_feature_count=True)
            _check_kind(info, where)
            frame = pyogrio.read_dataframe(
                source, layer=layer, encoding=encoding, on_invalid="ignore", fid_as_index=True, datetime_as_string=True
            )
    except SpatialError:
        raise
    except UnicodeDecodeError as error:
        raise SourceError(f'{where}: text is not {error.encoding}; state its encoding, for example encoding = "gbk"') from error
    except (ValueError, RuntimeError, OSError, IndexError, zipfile.BadZipFile) as error:
        if "Geometry type is not supported" in str(error):
            raise LayerError(
                f"{where}: holds surfaces of triangles or faces (TIN, PolyhedralSurface), which have no plan area; convert them to polygons"
            ) from error
        raise SourceError(f"{where}: cannot be read, it may be truncated or corrupt ({first_line(error)}); get the file again") from error
    broken = [
        str(w.message)
        for w in caught
        if any(word in str(w.message).lower() for word in ("corrupt", "malformed", "cannot read", "error", "truncat"))
    ]
    if broken or 0 <= info["features"] != len(frame):
        said = broken[0][:160] if broken else f"{info['features']} features are announced, {len(frame)} can be read"
        raise SourceError(f"{where}: is truncated or corrupt ({said}); get the file again")
    if not isinstance(frame, gpd.GeoDataFrame) and bare:
        frame = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries([None] * len(frame), index=frame.index))
    if not isinstance(frame, gpd.GeoDataFrame):
        raise LayerError(f"{where}: holds no geometry, only a table; give a layer with geometry, or a CSV with coordinate columns")
    if drawing:
        frame = unescape(frame, plan.encoding)
    elif plan.encoding:
        frame = decode_frame(frame, plan.encoding)
    if plan.encoding:
        if plan.notice:
            told.append(Repair(name, plan.notice, plan.texts))
        if plan.cut:
            told.append(
                Repair(name, Text("被字段长度截断、末尾半个字符已略去的文本", "texts are cut by the length of their field: half a character at the end is left out"), plan.cut)
            )  # fmt: skip
    return frame, str(info["driver"])


def _check_kind(info: dict[str, Any], where: str) -> None:
    """Refuse what GDAL opens and is no file of features of its own, and what has a column for every feature."""
    if info["driver"] not in _DRIVERS:
        raise SourceError(
            f"{where}: is a {info['driver']} file; known: {', '.join(_DRIVERS)}; convert it, for example with ogr2ogr layer.gpkg FILE"
        )
    if len(info["fields"]) > MOST_COLUMNS:
        raise SourceError(
            f"{where}: has {len(info['fields'])} columns ({sample(info['fields'], 3)}), more than {MOST_COLUMNS}; values stand where names of columns"
            " should: keep the columns that are needed"
        )


def check_database(path: Path, where: str) -> None:
    """SQLite reads damaged pages as far as it can; its own check does not."""
    try:
        with (
            _undisturbed(path, where) as readable,
            contextlib.closing(sqlite3.connect(f"{readable.resolve().as_uri()}?mode=ro", uri=True)) as database,
        ):
            said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError:  # locked, or no permission: GDAL says which
        return
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        raise SourceError(f"{where}: is truncated or corrupt ({first_line(said)}); get the file again")


@contextlib.contextmanager
def _undisturbed(path: Path, where: str) -> Iterator[Path]:
    """Give a database that reading does not change: SQLite, also when it only reads, moves edits left beside a file into it and removes them.

    Then a private copy is read, and the file stays as its fingerprint was taken.
    """
    beside = [path.with_name(path.name + side) for side in ("-wal", "-journal")] if path.suffix.lower() in DATABASE_ENDINGS else []
    if not any(_stamp(part) for part in beside):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="spatial-", ignore_cleanup_errors=True) as folder:
        try:
            for _ in range(_TRIES):
                before = [_stamp(part) for part in (path, *beside)]
                for part in (path, *beside):
                    copy = Path(folder, part.name)
                    copy.unlink(missing_ok=True)
                    if _stamp(part):
                        shutil.copyfile(part, copy)
                if before == [_stamp(part) for part in (path, *beside)]:
                    break
            else:
                raise SourceError(f"{where}: another program is writing it; save and close it there")
        except SpatialError:
            raise
        except OSError as error:
            raise SourceError(
                f"{where}: edits lie beside it ({sample(part.name for part in beside if _stamp(part))}), and it cannot be copied for reading"
                f" ({error.strerror}); close it in the program that edits it"
            ) from error
        copy = Path(folder, path.name)
        # SQLite takes over what was finished and undoes what was not; GDAL, which only reads, cannot. What is wrong with the file is told later.
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(copy)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield copy


def _stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of a file; ``None`` where it is absent or empty."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return (seen.st_size, seen.st_mtime_ns) if seen.st_size else None


def _inside_zip(root: str, where: str) -> str:
    """Find the one file in an archive, or the one folder of Shapefiles, however deep."""
    import pyogrio

    try:
        found = [name for name in pyogrio.vsi_listtree(root) if not name.endswith("/")]
    except NotADirectoryError:  # an archive of a single file is that file to GDAL
        return root
    bases = sorted(
        {name for name in found if name.lower().endswith(_ZIPPED)} | {f"{name.split('.gdb/')[0]}.gdb" for name in found if ".gdb/" in name}
    )
    folders = {base.rpartition("/")[0] for base in bases}
    if len(bases) > 1 and len(folders) > 1:
        inside = [base.removeprefix(f"{root}/") for base in bases]
        raise OptionError(f"{where}: holds {len(bases)} files in several folders ({sample(inside)}); unpack it and name one of them")
    if not bases:
        return root
    return bases[0] if len(bases) == 1 else folders.pop()


def _root(path: Path) -> str:
    """Name an archive as GDAL does; braces say where its name ends, which it knows by itself of ``.zip`` only."""
    return f"/vsizip/{path}" if path.suffix.lower() == ".zip" else f"/vsizip/{{{path}}}"


def _inner_layer(layers: Any, options: FileOptions, where: str) -> str:
    """Name the layer to read; tables without geometry, such as saved styles, are no choice."""
    names = [str(name) for name, _ in layers]
    if options.layer is not None:
        if options.layer not in names:
            raise OptionError(f'{where}: has no layer "{options.layer}"{nearest(options.layer, names)}; it holds {sample(names, 12)}')
        return options.layer
    names = [str(name) for name, kind in layers if kind] or [name for name in names if name not in _SAVED_STYLES] or names
    if not names:
        raise SourceError(f"{where}: holds no layer")
    if len(names) > 1:
        raise OptionError(f'{where}: holds {len(names)} layers; name one: layer = "{names[0]}" (there are {sample(names, 12)})')
    return names[0]


def _shapefile(path: Path, source: str, layer: str) -> str:
    """Name the Shapefile inside an archive, or of its own; empty where the source is none."""
    if path.suffix.lower() == ".shp":
        return path.name
    inner = source.removeprefix(_root(path)).strip("/")
    if path.suffix.lower() not in ZIP_ENDINGS or inner.lower().endswith(tuple(ending for ending in (*_ZIPPED, ".gdb") if ending != ".shp")):
        return ""
    if inner.lower().endswith(".shp"):
        return inner
    with zipfile.ZipFile(path) as archive:  # a folder of Shapefiles, each a layer
        return next((name for name in archive.namelist() if name.lower() == f"{inner}/{layer}.shp".strip("/").lower()), "")


@contextlib.contextmanager
def _settings(*, raw_text: bool) -> Iterator[None]:
    """Let GDAL draw arcs with chords of ``ARC_STEP_DEGREES``, and leave the text of a drawing as its bytes are."""
    import pyogrio

    wanted = {"OGR_ARC_STEPSIZE": ARC_STEP_DEGREES, **({"DXF_ENCODING": "ISO-8859-1"} if raw_text else {})}
    before = {name: pyogrio.get_gdal_config_option(name) for name in wanted}
    pyogrio.set_gdal_config_options(wanted)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def first_line(error: object) -> str:
    """Take from a library's message what helps; the file is named already, and how to name drivers helps nobody."""
    first = str(error).split("; It might help")[0].splitlines()
    return shown(first[0], 200) if first else type(error).__name__
