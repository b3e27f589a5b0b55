"""Read local vector files: anything that GDAL reads, GeoParquet, and tables with coordinate columns."""

from __future__ import annotations

import contextlib
import io
import re
import sqlite3
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from spatial import crs as crs_
from spatial import datum as datum_
from spatial import placement
from spatial.errors import CRSError, LayerError, OptionError, SourceError, SpatialError, nearest, plain, sample, shown
from spatial.files import refuse_wrappers
from spatial.layers import Repair
from spatial.sources.encodings import TextPlan
from spatial.sources.offline import nothing_beside, offline
from spatial.sources.shapefiles import check_parts, decode_frame, text_plan
from spatial.sources.tables import read_table
from spatial.text import Text

READER_SCHEMA = "2"  # changes with what this room makes of the same file
ARC_STEP_DEGREES = 1  # curves become chords of one degree, which lie within 0.004 % of the radius from them

RASTER_ENDINGS = (".tif", ".tiff", ".img", ".asc")
TABLE_ENDINGS = (".csv", ".tsv", ".txt")
_OWN_SQL = (".gpkg", ".sqlite", ".db")  # GDAL would hand a condition to their own SQL, where a misspelt column is a text
_ZIPPED = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".dxf", ".kml", ".gml", ".tab")
_ROW = "row_in_file"
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


@dataclass(frozen=True)
class FileOptions:
    """How a local file is read, as ``[layers.NAME]`` of ``city.toml`` says.

    Attributes
    ----------
    layer
        Layer inside the file; needed where it holds several.
    where
        OGR SQL condition on the file's own columns; never evaluated as Python.
    fields
        Our field → their column.
    values
        Our field → their value → our value.
    datum
        One of ``spatial.datum.DATUMS``.
    crs
        CRS of a file that does not say it.
    geometry
        The one column of a table that holds the place.
    datum_parameters
        From the file's own datum to WGS-84 (``spatial.crs.to_wgs84``); sensitive, never shown and never kept.
    """

    layer: str | None = None
    where: str | None = None
    encoding: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    id: str | None = None
    datum: str = "wgs84"
    crs: str | None = None
    x: str | None = None
    y: str | None = None
    geometry: str | None = None
    datum_parameters: tuple[float, ...] = field(default=(), repr=False)


def read_vector(
    path: Path, options: FileOptions, *, where: str, wanted: tuple[str, ...], polygons: bool = False, told: list[Repair] | None = None
) -> gpd.GeoDataFrame:
    """Read a local vector file or table.

    Parameters
    ----------
    path
        The file.
    options
        How to read it.
    where
        Name of the layer, for messages.
    wanted
        Our field names; a column of that name is taken as it is unless ``fields`` maps another.
    polygons
        Whether the layer consists of polygons: closed lines of a drawing (DXF), which knows no polygons, become some.
    told
        Takes what the user should know about the reading, counted.

    Returns
    -------
    geopandas.GeoDataFrame
        ``id``, the mapped fields and geometry, in the file's CRS with the declared datum already undone.

    Raises
    ------
    SourceError
        Missing, truncated, corrupt or unknown kind of file.
    CRSError
        No CRS, or coordinates that cannot be of it.
    OptionError
        A mapped column, the layer inside the file or the condition does not exist.
    """
    frame = read_as_is(path, options, where, [] if told is None else told, polygons=polygons)
    where = f"{where}: {path}"
    frame = _mapped(frame, options, where, wanted)
    return _placed(frame, options, where)


def explain_place(path: Path, options: FileOptions, city: tuple[float, float, float, float], *, where: str) -> str:
    """Say under which reading a layer that does not meet the city would.

    Parameters
    ----------
    path, options, where
        As for ``read_vector``.
    city
        Where the city lies, degrees WGS-84.

    Returns
    -------
    str
        For the end of a message; empty where no reading is known.
    """
    frame = read_as_is(path, options, where, [])
    crs = _crs_of(frame, options, f"{where}: {path}")
    return _remedy(frame, crs, options, city, path.suffix.lower() in TABLE_ENDINGS)


def _remedy(
    frame: gpd.GeoDataFrame, crs: pyproj.CRS, options: FileOptions, city: tuple[float, float, float, float] | None, table: bool
) -> str:
    bounds = shapely.bounds(np.asarray(frame.geometry.to_numpy(), dtype=object))
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if not len(bounds):
        return ""
    (west, south), (east, north) = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    other, swapped = placement.explain((float(west), float(south), float(east), float(north)), crs, city)
    said = []
    if swapped:
        how = 'name the columns the other way round: x = "…" (east), y = "…" (north)' if table else "swap them in the file"
        said.append(f"x and y look swapped: {how}")
    if other:
        how = f'crs = "{other}" would put it on the city' if city else f'its coordinates are those of crs = "{other}"'
        said.append(how if options.crs or table else f"{how}; the file says {crs_.name_of(crs)}, assign {other} to it")
    return "; ".join(said)


def read_as_is(path: Path, options: FileOptions, where: str, told: list[Repair], *, polygons: bool = False) -> gpd.GeoDataFrame:
    """Read all columns as the file has them, in its own CRS and datum.

    Parameters
    ----------
    path, options, where, polygons
        As for ``read_vector``.
    told
        Takes what the user should know about the reading, counted.

    Returns
    -------
    geopandas.GeoDataFrame
        Rows that meet ``options.where``, indexed by their number in the file; the CRS that the file states, or none.

    Raises
    ------
    SourceError, OptionError, LayerError
        As ``read_vector``.
    """
    name, where = where, f"{where}: {path}"
    if not path.exists():
        raise SourceError(f"{where}: no such file; check the path in city.toml")
    ending = path.suffix.lower()
    if (options.x or options.y or options.geometry) and ending not in TABLE_ENDINGS:
        raise OptionError(
            f"{where}: x and y name the coordinate columns of a table ({', '.join(TABLE_ENDINGS)}), as geometry does; remove them"
        )
    refuse_wrappers(path, where)
    if ending in (".parquet", ".geoparquet"):
        return _filtered(_read_parquet(path, where), options, where)
    if ending in TABLE_ENDINGS:
        frame, guessed = read_table(path, encoding=options.encoding, x=options.x, y=options.y, geometry=options.geometry, where=where)
        if guessed:
            told.append(
                Repair(name, Text("个表按 GBK 读取，文件没有说明编码；若显示有误，请写 encoding = …",
                                  "tables are read as GBK, for the file does not say its encoding; if texts look wrong, state encoding = …"), 1)
            )  # fmt: skip
        return _filtered(frame, options, where)
    if ending in _OWN_SQL:
        _check_database(path, where)
        return _filtered(_read_ogr(path, replace(options, where=None), where, name, told), options, where)
    if ending == ".shp":
        check_parts(path, where)
    with nothing_beside(path):
        frame = _read_ogr(path, options, where, name, told)
    if polygons and ending == ".dxf":
        frame = frame.set_geometry(gpd.GeoSeries(_closed(frame.geometry.to_numpy()), index=frame.index, crs=frame.crs))
    return frame


def _check_database(path: Path, where: str) -> None:
    """SQLite reads damaged pages as far as it can; its own check does not."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError:  # locked, or no permission: GDAL says which
        return
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        raise SourceError(f"{where}: is truncated or corrupt ({_first_line(said)}); get the file again")


def _closed(geometry: Any) -> Any:
    """Turn closed lines into polygons."""
    out = np.asarray(geometry, dtype=object).copy()
    closed = (shapely.get_type_id(out) == 1) & shapely.is_closed(out) & (shapely.get_num_coordinates(out) >= 4)
    out[closed] = shapely.polygons(shapely.linearrings([shapely.get_coordinates(line) for line in out[closed]])) if closed.any() else []
    return out


@offline()
def _read_ogr(path: Path, options: FileOptions, where: str, name: str, told: list[Repair]) -> gpd.GeoDataFrame:
    import pyogrio

    source, plan = str(path), TextPlan(None)
    try:
        if path.suffix.lower() == ".zip":
            source = _inside_zip(f"/vsizip/{path}", where)
        layer = _inner_layer(pyogrio.list_layers(source), options, where)
        encoding, whole = options.encoding, options.where is None
        if inner := _shapefile(path, source, layer):
            plan = text_plan(path, "" if path.suffix.lower() == ".shp" else inner, options.encoding, where=where)
            # Python decodes, since GDAL trusts what the file claims; a condition has to wait for that.
            encoding, whole = ("ISO-8859-1", True) if plan.encoding else (None, whole)
        info = pyogrio.read_info(source, layer=layer, encoding=encoding, force_feature_count=whole)
        if options.where:
            _check_names(options.where, info["fields"], where)
        condition = None if whole or options.where is None else _quoted(options.where, info["fields"])
        with warnings.catch_warnings(record=True) as caught, np.errstate(invalid="ignore"), _curves():
            warnings.simplefilter("always")
            frame = pyogrio.read_dataframe(
                source,
                layer=layer,
                encoding=encoding,
                where=condition,
                on_invalid="ignore",
                fid_as_index=True,
                datetime_as_string=True,
            )
    except SpatialError:
        raise
    except UnicodeDecodeError as error:
        raise SourceError(f'{where}: text is not {error.encoding}; state its encoding, for example encoding = "gbk"') from error
    except (ValueError, RuntimeError, OSError) as error:
        if options.where and "SQL" in str(error):
            raise _bad_condition(options, where) from error
        if "Geometry type is not supported" in str(error):
            raise LayerError(
                f"{where}: holds surfaces of triangles or faces (TIN, PolyhedralSurface), which have no plan area; convert them to polygons"
            ) from error
        raise SourceError(f"{where}: cannot be read, it may be truncated or corrupt ({_first_line(error)}); get the file again") from error
    broken = [
        str(w.message)
        for w in caught
        if any(word in str(w.message).lower() for word in ("corrupt", "malformed", "cannot read", "error", "truncat"))
    ]
    if broken or (whole and 0 <= info["features"] != len(frame)):
        said = broken[0][:160] if broken else f"{info['features']} features are announced, {len(frame)} can be read"
        raise SourceError(f"{where}: is truncated or corrupt ({said}); get the file again")
    if not isinstance(frame, gpd.GeoDataFrame):
        raise LayerError(f"{where}: holds no geometry, only a table; give a layer with geometry, or a CSV with coordinate columns")
    if plan.encoding:
        frame = _filtered(decode_frame(frame, plan.encoding), options, where)
        if plan.notice:
            told.append(Repair(name, plan.notice, plan.texts))
        if plan.cut:
            told.append(
                Repair(name, Text("处文本被字段长度截断，末尾的半个字符已略去", "texts are cut by the length of their field: half a character at the end is left out"), plan.cut)
            )  # fmt: skip
    return frame


def _shapefile(path: Path, source: str, layer: str) -> str:
    """Name the Shapefile inside an archive, or of its own; empty where the source is none."""
    if path.suffix.lower() == ".shp":
        return path.name
    inner = source.removeprefix(f"/vsizip/{path}").strip("/")
    if path.suffix.lower() != ".zip" or inner.lower().endswith(tuple(ending for ending in (*_ZIPPED, ".gdb") if ending != ".shp")):
        return ""
    if inner.lower().endswith(".shp"):
        return inner
    with zipfile.ZipFile(path) as archive:  # a folder of Shapefiles, each a layer
        return next((name for name in archive.namelist() if name.lower() == f"{inner}/{layer}.shp".strip("/").lower()), "")


@contextlib.contextmanager
def _curves() -> Iterator[None]:
    """Let GDAL draw arcs with chords of ``ARC_STEP_DEGREES``."""
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_ARC_STEPSIZE")
    pyogrio.set_gdal_config_options({"OGR_ARC_STEPSIZE": ARC_STEP_DEGREES})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_ARC_STEPSIZE": before})


def _check_names(condition: str, columns: Iterable[Any], where: str) -> None:
    """OGR SQL cannot tell columns apart that differ only by case, and would take the first."""
    text = re.sub(r"'(?:[^']|'')*'", "''", condition).lower()
    alike: dict[str, list[str]] = {}
    for column in columns:
        alike.setdefault(str(column).lower(), []).append(str(column))
    for lower, names in alike.items():
        if len(names) > 1 and re.search(rf"(?<!\w){re.escape(lower)}(?!\w)", text):
            raise OptionError(f"{where}: where cannot tell the columns {', '.join(names)} apart, which differ only by case; rename one")


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


def _quoted(condition: str, columns: Iterable[Any]) -> str:
    """Put double quotes around column names that OGR SQL takes only so, such as Chinese ones; texts in quotes are left alone."""
    names = sorted((str(name) for name in columns if not str(name).isascii()), key=len, reverse=True)
    if not names:
        return condition
    known = re.compile("|".join(map(re.escape, names)))
    parts = re.split(r"""('(?:[^']|'')*'|"[^"]*")""", condition)
    return "".join(part if index % 2 else known.sub(lambda match: f'"{match[0]}"', part) for index, part in enumerate(parts))


def _bad_condition(options: FileOptions, where: str) -> OptionError:
    return OptionError(
        f'{where}: where = "{shown(options.where, 200)}" is not a condition on its columns;'
        " write OGR SQL, as in where = \"kind = 'park' AND area > 100\""
    )


def _inner_layer(layers: Any, options: FileOptions, where: str) -> str:
    """Name the layer to read; tables without geometry, such as saved styles, are no choice."""
    names = [str(name) for name, _ in layers]
    if options.layer is not None:
        if options.layer not in names:
            raise OptionError(f'{where}: has no layer "{options.layer}"{nearest(options.layer, names)}; it holds {sample(names, 12)}')
        return options.layer
    names = [str(name) for name, kind in layers if kind] or names
    if not names:
        raise SourceError(f"{where}: holds no layer")
    if len(names) > 1:
        raise OptionError(f'{where}: holds {len(names)} layers; name one: layer = "{names[0]}" (there are {sample(names, 12)})')
    return names[0]


def _read_parquet(path: Path, where: str) -> gpd.GeoDataFrame:
    import pyarrow

    try:
        with np.errstate(invalid="ignore"):
            return gpd.read_parquet(path)
    except (ValueError, OSError, pyarrow.ArrowException) as error:
        raise SourceError(f"{where}: cannot be read as GeoParquet ({_first_line(error)}); get the file again") from error


def _filtered(frame: gpd.GeoDataFrame, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    """Apply an OGR SQL condition in memory, so that one syntax serves every kind of file."""
    if not options.where or frame.empty:
        return frame
    import pyogrio

    _check_names(options.where, (column for column in frame.columns if column != frame.geometry.name), where)
    condition = options.where.lower()
    theirs = [column for column in frame.columns if column != frame.geometry.name and str(column).lower() in condition]
    table = pd.DataFrame({column: _comparable(frame[column]) for column in theirs})
    table[_ROW] = np.arange(len(frame))
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a table without geometry has no CRS
            pyogrio.write_dataframe(table, buffer, driver="GeoJSONSeq", layer="layer")
        kept = pyogrio.read_dataframe(buffer.getvalue(), where=_quoted(options.where, theirs), columns=[_ROW], read_geometry=False)
    except (ValueError, RuntimeError) as error:
        raise _bad_condition(options, where) from error
    return frame.iloc[kept[_ROW].to_numpy(dtype=int)]


def _comparable(column: pd.Series) -> pd.Series:
    """Make a column of a table that holds only plain numbers numeric; a code with leading zeros stays text."""
    if pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column):
        text = column.astype(object)
        given = text[text.notna() & (text != "")]
        if len(given) and given.map(lambda value: bool(_PLAIN_NUMBER.fullmatch(str(value)))).all():
            return pd.to_numeric(text.where(text != "", None))
    return column


def _mapped(frame: gpd.GeoDataFrame, options: FileOptions, where: str, wanted: tuple[str, ...]) -> gpd.GeoDataFrame:
    """Rename their columns and values to ours."""
    columns = dict(options.fields)
    if options.id:
        columns["id"] = options.id
    theirs = [column for column in frame.columns if column != frame.geometry.name]
    missing = [column for column in columns.values() if column not in theirs]
    if missing and (theirs or len(frame)):
        hints = "; ".join(f'"{column}"{nearest(column, theirs)}' for column in missing)
        raise OptionError(f"{where}: has no column {hints}; it has {', '.join(map(str, theirs[:20]))}")
    columns = {ours: column for ours, column in columns.items() if column in theirs}
    data: dict[str, Any] = {}
    for ours in wanted:
        column = columns.get(ours) or _same_name(theirs, ours, where)
        if column is not None:
            data[ours] = frame[column].to_numpy(dtype=object)
    data["id"] = np.array([str(row) for row in frame.index], dtype=object)
    if "id" in columns:
        rows, data["id"] = data["id"], np.array([_key(value).strip() for value in frame[columns["id"]]], dtype=object)
        if (empty := data["id"] == "").any():
            raise LayerError(
                f'{where}: {int(empty.sum())} of {len(frame)} features have no id in "{columns["id"]}" (rows {sample(rows[empty])});'
                " fill them, or remove id"
            )
    for ours, mapping in options.values.items():
        if ours not in data and len(frame):
            raise OptionError(f"{where}: values.{ours}: no column feeds this field; map one with fields = {{ {ours} = … }}")
        data[ours] = np.array([mapping.get(_key(value), value) for value in data.get(ours, ())], dtype=object)
    return gpd.GeoDataFrame(data, geometry=frame.geometry.to_numpy(), crs=frame.crs)


def _same_name(theirs: Iterable[Any], ours: str, where: str) -> Any | None:
    """Find the column of one of our names: exactly so, else the one that differs by case."""
    alike = [name for name in theirs if str(name).lower() == ours]
    if len(alike) > 1 and ours not in alike:
        raise OptionError(
            f'{where}: the columns {", ".join(map(str, alike))} differ only by case; say which is {ours}: fields = {{ {ours} = "{alike[0]}" }}'
        )
    return ours if ours in alike else next(iter(alike), None)


def _key(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _crs_of(frame: gpd.GeoDataFrame, options: FileOptions, where: str) -> pyproj.CRS:
    """Take the CRS that the file says or city.toml states; they must not contradict each other."""
    stated = crs_.parse_crs(options.crs, where=where) if options.crs else None
    if frame.crs is None:
        if stated is None and options.datum not in ("gcj02", "bd09"):
            raise CRSError(f'{where}: has no CRS; state it: crs = "EPSG:4326" (or the CGCS2000 zone, such as "EPSG:4551")')
        return stated or pyproj.CRS(crs_.WGS84)
    own = pyproj.CRS(frame.crs)
    if stated is not None and not stated.equals(own, ignore_axis_order=True):
        raise CRSError(
            f'{where}: says {crs_.name_of(own)} but city.toml says crs = "{crs_.name_of(stated)}"; remove crs, or correct the file'
        )
    code = own.to_epsg() if own.area_of_use is None else None
    return pyproj.CRS.from_epsg(code) if code else own  # written out in a .prj, it has lost its area of use


def _placed(frame: gpd.GeoDataFrame, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    """Assert the CRS and undo the declared datum."""
    here = _crs_of(frame, options, where)
    frame = frame.set_crs(here, allow_override=True)
    values = np.asarray(frame.geometry.to_numpy(), dtype=object)
    bounds = shapely.bounds(values)
    if (outside := crs_.outside_area_of_use(bounds, here)).any():
        west, south, east, north = (plain(value) for value in (*bounds[outside].min(axis=0)[:2], *bounds[outside].max(axis=0)[2:]))
        name = f"{crs_.name_of(here)} ({here.area_of_use.name})" if here.area_of_use else crs_.name_of(here)
        likely = _remedy(frame[outside], here, options, None, _is_table(where))
        raise CRSError(
            f"{where}: {int(outside.sum())} of {len(frame)} features (ids {sample(frame['id'][outside])}) lie at x {west} … {east},"
            f" y {south} … {north}, outside the area of use of {name};"
            f" {likely or 'state the true CRS of the layer, swap its axes, or correct them'}"
        )
    if options.datum_parameters:
        moved = crs_.to_wgs84(values, here, options.datum_parameters, where=where)
    elif options.datum in ("gcj02", "bd09"):
        geographic = crs_.reproject(values, here, pyproj.CRS(crs_.WGS84))
        with np.errstate(invalid="ignore"):
            moved = shapely.transform(geographic, lambda xy: np.column_stack(datum_.to_wgs84(xy[:, 0], xy[:, 1], options.datum)))
    else:
        return frame
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index), crs=crs_.WGS84).set_crs(crs_.WGS84, allow_override=True)


def _is_table(where: str) -> bool:
    return where.lower().endswith(TABLE_ENDINGS)


def _first_line(error: object) -> str:
    """Take from a library's message what helps; the file is named already, and how to name drivers helps nobody."""
    first = str(error).split("; It might help")[0].splitlines()
    return shown(first[0], 200) if first else type(error).__name__
