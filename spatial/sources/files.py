"""Read local vector files: anything that GDAL reads, GeoParquet, and tables with coordinate columns."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import json
import re
import sqlite3
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
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
from spatial.errors import CRSError, LayerError, OptionError, SourceError, SpatialError, nearest, plain, sample, shown
from spatial.files import refuse_wrappers

RASTER_ENDINGS = (".tif", ".tiff", ".img", ".asc")
TABLE_ENDINGS = (".csv", ".tsv", ".txt")
_OWN_SQL = (".gpkg", ".sqlite", ".db")  # GDAL would hand a condition to their own SQL, where a misspelt column is a text
_ZIPPED = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".dxf", ".kml", ".gml", ".tab")
_MOST_UNPACKED = 4 << 30  # bytes: a larger archive is not unpacked twice
_ROW = "row_in_file"
_BODY, _FEATURE = re.compile(rb'"geometry"\s*:'), re.compile(rb'"type"\s*:\s*"Feature"')
_NULL_ELEMENT = re.compile(rb"[\[,]\s*null\s*[,\]]")
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
X_NAMES = ("x", "lon", "lng", "longitude", "经度", "东坐标")
Y_NAMES = ("y", "lat", "latitude", "纬度", "北坐标")


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


def read_vector(path: Path, options: FileOptions, *, where: str, wanted: tuple[str, ...], polygons: bool = False) -> gpd.GeoDataFrame:
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
    where = f"{where}: {path}"
    if not path.exists():
        raise SourceError(f"{where}: no such file; check the path in city.toml")
    ending = path.suffix.lower()
    if (options.x or options.y) and ending not in TABLE_ENDINGS:
        raise OptionError(f"{where}: x and y name the coordinate columns of a table ({', '.join(TABLE_ENDINGS)}); remove them")
    refuse_wrappers(path, where)
    if ending in (".parquet", ".geoparquet"):
        frame = _filtered(_read_parquet(path, where), options, where)
    elif ending in TABLE_ENDINGS:
        frame = _filtered(_read_table(path, options, where), options, where)
    elif ending in _OWN_SQL:
        _check_database(path, where)
        frame = _filtered(_read_ogr(path, replace(options, where=None), where), options, where)
    else:
        if ending == ".shp":
            _check_shapefile(path, where)
        elif ending in (".geojson", ".json") and options.encoding is None:
            _check_geojson(path, where)
        frame = _read_ogr(path, options, where)
    if polygons and ending == ".dxf":
        frame = frame.set_geometry(gpd.GeoSeries(_closed(frame.geometry.to_numpy()), index=frame.index, crs=frame.crs))
    frame = _mapped(frame, options, where, wanted)
    return _placed(frame, options, where)


def _check_shapefile(path: Path, where: str) -> None:
    """GDAL reads what is left of a truncated Shapefile; its header says how long it was."""
    parts = {part.suffix.lower(): part for part in path.parent.iterdir() if part.stem == path.stem}
    if missing := [ending for ending in (".shx", ".dbf") if ending not in parts]:
        raise SourceError(f"{where}: {', '.join(path.stem + ending for ending in missing)} is missing; a Shapefile is not whole without it")
    with path.open("rb") as stream:
        head = stream.read(28)
    announced, size = 2 * int.from_bytes(head[24:28], "big"), path.stat().st_size
    if len(head) < 28 or size < announced:
        raise SourceError(f"{where}: is truncated ({announced} bytes are announced, {size} are there); get the file again")
    entries = parts[".shx"].read_bytes()[100:]
    index = np.frombuffer(entries[: len(entries) // 8 * 8], ">i4").reshape(-1, 2).astype(np.int64) * 2
    end = int((index.sum(axis=1) + 8).max(initial=100))
    if end != announced:
        raise SourceError(
            f"{where}: {parts['.shx'].name} is the index of another file, or damaged (it ends at byte {end} of {announced}); get the file again"
        )
    with parts[".dbf"].open("rb") as stream:
        head = stream.read(12)
    rows, first, width = (int.from_bytes(head[slice(*at)], "little") for at in ((4, 8), (8, 10), (10, 12)))
    if len(head) == 12 and rows != len(index):
        raise SourceError(
            f"{where}: {parts['.dbf'].name} has {rows} rows for {len(index)} geometries, so one of the two is of another file; get the file again"
        )
    announced, size = first + rows * width, parts[".dbf"].stat().st_size
    if len(head) < 12 or size < announced:
        raise SourceError(
            f"{where}: {parts['.dbf'].name} is truncated ({announced} bytes are announced, {size} are there); get the file again"
        )


def _check_geojson(path: Path, where: str) -> None:
    """GDAL takes letters that are none, and leaves out a feature that is null; both would pass for whole."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    suspect, before, bodies, features_said = False, b"", 0, 0
    with path.open("rb") as stream:
        try:
            while block := stream.read(1 << 20):
                decoder.decode(block)
                suspect = suspect or _NULL_ELEMENT.search(before + block) is not None
                bodies += sum(match.end() > len(before) for match in _BODY.finditer(before + block))
                features_said += sum(match.end() > len(before) for match in _FEATURE.finditer(before + block))
                before = block[-40:]
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise SourceError(f"{where}: is not UTF-8, as GeoJSON must be ({_first_line(error)}); save it as UTF-8") from error
    if not suspect and bodies == features_said:
        return
    try:
        features = json.loads(path.read_bytes().decode("utf-8-sig")).get("features")
    except (ValueError, AttributeError, RecursionError):  # GDAL says what is wrong
        return
    if isinstance(features, list) and (
        empty := [row for row, each in enumerate(features) if not (isinstance(each, dict) and each.get("type") == "Feature")]
    ):
        raise SourceError(
            f"{where}: {len(empty)} of {len(features)} features are null or do not say that they are features (rows {sample(empty)}); get the file again"
        )


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


def _read_ogr(path: Path, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    import pyogrio

    source = str(path)
    try:
        with warnings.catch_warnings(record=True) as caught, np.errstate(invalid="ignore"):
            warnings.simplefilter("always")
            if path.suffix.lower() == ".zip":
                _check_archive(path, where)
                source = _inside_zip(f"/vsizip/{path}", where)
            layer = _inner_layer(pyogrio.list_layers(source), options, where)
            info = pyogrio.read_info(source, layer=layer, encoding=options.encoding, force_feature_count=options.where is None)
            condition = _quoted(options.where, info["fields"]) if options.where else None
            frame = pyogrio.read_dataframe(
                source,
                layer=layer,
                encoding=options.encoding,
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
        raise SourceError(f"{where}: cannot be read, it may be truncated or corrupt ({_first_line(error)}); get the file again") from error
    broken = [
        str(w.message)
        for w in caught
        if any(word in str(w.message).lower() for word in ("corrupt", "malformed", "cannot read", "error", "truncat"))
    ]
    if broken or (options.where is None and 0 <= info["features"] != len(frame)):
        said = broken[0][:160] if broken else f"{info['features']} features are announced, {len(frame)} can be read"
        raise SourceError(f"{where}: is truncated or corrupt ({said}); get the file again")
    if not isinstance(frame, gpd.GeoDataFrame):
        raise LayerError(f"{where}: holds no geometry, only a table; give a layer with geometry, or a CSV with coordinate columns")
    return frame


def _check_archive(path: Path, where: str) -> None:
    """GDAL passes over a part of an archive that it cannot unpack, such as the one that says how names are written."""
    damaged: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
            for entry in archive.infolist():
                stream.seek(entry.header_offset + 6)
                flags, *_, crc, packed, size = struct.unpack("<HHHHLLL", stream.read(20))
                said = (entry.CRC, entry.compress_size, entry.file_size)
                if not flags & 8 and 0xFFFFFFFF not in (packed, size) and (crc, packed, size) != said:
                    damaged.append(entry.filename)
            if not damaged and sum(entry.file_size for entry in archive.infolist()) <= _MOST_UNPACKED:
                damaged += [name for name in (archive.testzip(),) if name]
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError) as error:  # locked, or of an unknown method
        raise SourceError(
            f"{where}: cannot be unpacked, it may be truncated or corrupt ({_first_line(error)}); get the file again"
        ) from error
    if damaged:
        raise SourceError(f"{where}: {sample(damaged)} in it is truncated or corrupt; get the file again")


def _inside_zip(root: str, where: str) -> str:
    """Find the one file in an archive, or the one folder of Shapefiles, however deep."""
    import pyogrio

    found = [name for name in pyogrio.vsi_listtree(root) if not name.endswith("/")]
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
            frame = gpd.read_parquet(path, page_checksum_verification=True)
        for column in frame.columns:  # texts are decoded when they are first looked at, which is too late to say where they stand
            if isinstance(frame[column].dtype, pd.StringDtype):
                pyarrow.array(frame[column].array).validate(full=True)
        return frame
    except (ValueError, OSError, pyarrow.ArrowException, shapely.errors.ShapelyError) as error:
        raise SourceError(f"{where}: cannot be read as GeoParquet ({_first_line(error)}); get the file again") from error


def _read_table(path: Path, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    encodings = [options.encoding] if options.encoding else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = path.read_bytes().decode(encoding)
            break
        except (UnicodeDecodeError, LookupError):
            continue
    else:
        raise SourceError(f'{where}: text is not {" or ".join(encodings)}; state its encoding, for example encoding = "gbk"')
    try:
        dialect = "\t" if path.suffix.lower() == ".tsv" else csv.Sniffer().sniff(text[:4096], delimiters=",;\t|").delimiter
    except csv.Error:
        dialect = ","
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header: columns would shift
            table = pd.read_csv(io.StringIO(text), sep=dialect, dtype=str, keep_default_na=False, index_col=False)
        _check_rows(text, dialect, where)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise SourceError(f"{where}: is not a table ({_first_line(error)})") from error
    x, y = (_column(table, given, names, where, axis) for given, names, axis in ((options.x, X_NAMES, "x"), (options.y, Y_NAMES, "y")))
    table.index = pd.RangeIndex(2, len(table) + 2)  # a row without an id of its own goes by its line
    east, north = (pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float) for name in (x, y))
    located = ~(np.isnan(east) | np.isnan(north))
    points = np.full(len(table), None, dtype=object)
    points[located] = shapely.points(east[located], north[located])
    return gpd.GeoDataFrame(table, geometry=points, crs=None)


def _check_rows(text: str, dialect: str, where: str) -> None:
    """Refuse rows that end early and columns that stand twice: pandas fills the first and renames the second."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=dialect)
    head = next(rows, [])
    twice = sorted({name for name in head if name.strip() and head.count(name) > 1})
    if twice:
        raise SourceError(f"{where}: the column {sample(twice)} stands in the head more than once; rename or remove one")
    short = [rows.line_num for row in rows if row and len(row) < len(head)]
    if short:
        raise SourceError(
            f"{where}: {len(short)} rows have fewer fields than the head (lines {sample(short)}); complete them, or get the file again"
        )


def _column(table: pd.DataFrame, given: str | None, names: tuple[str, ...], where: str, axis: str) -> str:
    if given is not None:
        if given not in table:
            raise OptionError(f'{where}: has no column "{given}"{nearest(given, table.columns)}; it has {", ".join(table.columns)}')
        return given
    found = [column for column in table.columns if column.strip().lower() in names]
    if len(found) != 1:
        raise OptionError(f'{where}: which column holds {axis}? name it: {axis} = "…" (it has {", ".join(table.columns)})')
    return found[0]


def _filtered(frame: gpd.GeoDataFrame, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    """Apply an OGR SQL condition in memory, so that one syntax serves every kind of file."""
    if not options.where or frame.empty:
        return frame
    import pyogrio

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
        column = columns.get(ours) or next((name for name in theirs if str(name).lower() == ours), None)
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


def _key(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _placed(frame: gpd.GeoDataFrame, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    """Assert the CRS and undo the declared datum."""
    stated = crs_.parse_crs(options.crs, where=where) if options.crs else None
    shifted = options.datum in ("gcj02", "bd09")
    if frame.crs is None:
        if stated is None and not shifted:
            raise CRSError(f'{where}: has no CRS; state it: crs = "EPSG:4326" (or the CGCS2000 zone, such as "EPSG:4551")')
        frame = frame.set_crs(stated or crs_.WGS84)
    elif stated is not None and not stated.equals(pyproj.CRS(frame.crs), ignore_axis_order=True):
        raise CRSError(
            f'{where}: says {crs_.name_of(pyproj.CRS(frame.crs))} but city.toml says crs = "{options.crs}"; remove crs, or correct the file'
        )
    here = pyproj.CRS(frame.crs)
    values = np.asarray(frame.geometry.to_numpy(), dtype=object)
    bounds = shapely.bounds(values)
    if (outside := crs_.outside_area_of_use(bounds, here)).any():
        west, south, east, north = (plain(value) for value in (*bounds[outside].min(axis=0)[:2], *bounds[outside].max(axis=0)[2:]))
        name = f"{crs_.name_of(here)} ({here.area_of_use.name})" if here.area_of_use else crs_.name_of(here)
        raise CRSError(
            f"{where}: {int(outside.sum())} of {len(frame)} features (ids {sample(frame['id'][outside])}) lie at x {west} … {east},"
            f" y {south} … {north}, outside the area of use of {name}; state the true CRS of the layer, swap its axes, or correct them"
        )
    if not shifted:
        return frame
    geographic = crs_.reproject(values, here, pyproj.CRS(crs_.WGS84))
    with np.errstate(invalid="ignore"):
        moved = shapely.transform(geographic, lambda xy: np.column_stack(datum_.to_wgs84(xy[:, 0], xy[:, 1], options.datum)))
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index), crs=crs_.WGS84).set_crs(crs_.WGS84, allow_override=True)


def _first_line(error: object) -> str:
    """Take from a library's message what helps; the file is named already, and how to name drivers helps nobody."""
    first = str(error).split("; It might help")[0].splitlines()
    return shown(first[0], 200) if first else type(error).__name__
