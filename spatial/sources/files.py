"""Read local vector files: anything that GDAL reads, GeoParquet, and tables with coordinate columns."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from spatial import crs as crs_
from spatial import datum as datum_
from spatial.errors import CRSError, LayerError, OptionError, SourceError, nearest

RASTER_ENDINGS = (".tif", ".tiff", ".vrt", ".img", ".asc")
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


def read_vector(path: Path, options: FileOptions, *, where: str, wanted: tuple[str, ...]) -> gpd.GeoDataFrame:
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
    if not path.exists():
        raise SourceError(f"{where}: {path}: no such file; check the path in city.toml")
    name = path.name.lower()
    if name.endswith((".parquet", ".geoparquet")):
        frame = _filtered(_read_parquet(path, where), options, where)
    elif name.endswith((".csv", ".tsv", ".txt")):
        frame = _filtered(_read_table(path, options, where), options, where)
    else:
        frame = _read_ogr(path, options, where)
    frame = _mapped(frame, options, where, wanted)
    return _placed(frame, path, options, where)


def _read_ogr(path: Path, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    import pyogrio

    source = f"/vsizip/{path}" if path.suffix.lower() == ".zip" else str(path)
    try:
        layer = _inner_layer(pyogrio.list_layers(source)[:, 0].tolist(), options, f"{where}: {path}")
        info = pyogrio.read_info(source, layer=layer, encoding=options.encoding, force_feature_count=options.where is None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            frame = pyogrio.read_dataframe(
                source, layer=layer, encoding=options.encoding, where=options.where, on_invalid="ignore", fid_as_index=True, datetime_as_string=True
            )
    except pyogrio.errors.DataLayerError as error:
        raise OptionError(f"{where}: {path}: {error}") from error
    except (pyogrio.errors.DataSourceError, pyogrio.errors.GeometryError, pyogrio.errors.FeatureError) as error:
        raise SourceError(f"{where}: {path}: cannot be read, it may be truncated or corrupt ({_first_line(error)}); get the file again") from error
    except UnicodeDecodeError as error:
        raise SourceError(f'{where}: {path}: text is not {error.encoding}; state its encoding, for example encoding = "gbk"') from error
    except (ValueError, RuntimeError) as error:
        if options.where and "where" in str(error).lower():
            raise OptionError(f"{where}: {path}: where = {options.where!r} is not a condition on its columns ({_first_line(error)})") from error
        raise SourceError(f"{where}: {path}: cannot be read ({_first_line(error)})") from error
    broken = [str(w.message) for w in caught if any(word in str(w.message).lower() for word in ("corrupt", "malformed", "cannot read", "error", "truncat"))]
    if broken or (options.where is None and 0 <= info["features"] != len(frame)):
        said = broken[0][:160] if broken else f"{info['features']} features are announced, {len(frame)} can be read"
        raise SourceError(f"{where}: {path}: is truncated or corrupt ({said}); get the file again")
    if not isinstance(frame, gpd.GeoDataFrame):
        raise LayerError(f"{where}: {path}: holds no geometry, only a table; give a layer with geometry, or a CSV with coordinate columns")
    return frame


def _inner_layer(names: list[str], options: FileOptions, where: str) -> str:
    if options.layer is not None:
        if options.layer not in names:
            raise OptionError(f'{where}: has no layer "{options.layer}"{nearest(options.layer, names)}; it holds {", ".join(names)}')
        return options.layer
    if not names:
        raise SourceError(f"{where}: holds no layer")
    if len(names) > 1:
        raise OptionError(f'{where}: holds {len(names)} layers; name one: layer = "{names[0]}" (there are {", ".join(names[:12])})')
    return names[0]


def _read_parquet(path: Path, where: str) -> gpd.GeoDataFrame:
    import pyarrow

    try:
        return gpd.read_parquet(path)
    except (ValueError, OSError, pyarrow.ArrowException) as error:
        raise SourceError(f"{where}: {path}: cannot be read as GeoParquet ({_first_line(error)}); get the file again") from error


def _read_table(path: Path, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    encodings = [options.encoding] if options.encoding else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = path.read_bytes().decode(encoding)
            break
        except (UnicodeDecodeError, LookupError):
            continue
    else:
        raise SourceError(f'{where}: {path}: text is not {" or ".join(encodings)}; state its encoding, for example encoding = "gbk"')
    try:
        dialect = "\t" if path.suffix.lower() == ".tsv" else csv.Sniffer().sniff(text[:4096], delimiters=",;\t|").delimiter
    except csv.Error:
        dialect = ","
    try:
        table = pd.read_csv(io.StringIO(text), sep=dialect, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise SourceError(f"{where}: {path}: is not a table ({_first_line(error)})") from error
    x, y = (_column(table, given, names, f"{where}: {path}", axis) for given, names, axis in ((options.x, X_NAMES, "x"), (options.y, Y_NAMES, "y")))
    east, north = (pd.to_numeric(table[name], errors="coerce") for name in (x, y))
    bad = east.isna() | north.isna()
    if bad.any():
        rows = [str(row + 2) for row in np.flatnonzero(bad)[:5]]
        raise LayerError(f"{where}: {path}: {int(bad.sum())} of {len(table)} rows have no numbers in {x}, {y} (lines {', '.join(rows)}); fill or remove them")
    return gpd.GeoDataFrame(table, geometry=shapely.points(east, north), crs=None)


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
    """Apply an OGR SQL condition to a frame in memory, so that one syntax serves every kind of file."""
    if options.where is None:
        return frame
    import pyogrio

    buffer = io.BytesIO()
    flat = frame.rename_geometry("geometry")
    pyogrio.write_dataframe(flat.assign(row_in_file=np.arange(len(flat))), buffer, driver="GeoJSONSeq", layer="layer")
    try:
        kept = pyogrio.read_dataframe(buffer.getvalue(), where=options.where, columns=["row_in_file"], read_geometry=False)
    except (ValueError, RuntimeError) as error:
        raise OptionError(f"{where}: where = {options.where!r} is not a condition on its columns ({_first_line(error)})") from error
    return frame.iloc[kept["row_in_file"].to_numpy(dtype=int)]


def _mapped(frame: gpd.GeoDataFrame, options: FileOptions, where: str, wanted: tuple[str, ...]) -> gpd.GeoDataFrame:
    """Rename their columns and values to ours."""
    columns = dict(options.fields)
    if options.id:
        columns["id"] = options.id
    theirs = [column for column in frame.columns if column != frame.geometry.name]
    missing = [column for column in columns.values() if column not in theirs]
    if missing:
        hints = "; ".join(f'"{column}"{nearest(column, theirs)}' for column in missing)
        raise OptionError(f"{where}: has no column {hints}; it has {', '.join(map(str, theirs[:20]))}")
    data: dict[str, Any] = {}
    for ours in wanted:
        column = columns.get(ours) or next((name for name in theirs if name.lower() == ours), None)
        if column is not None:
            data[ours] = frame[column].to_numpy(dtype=object)
    data["id"] = _ids(frame[columns["id"]]) if "id" in columns else np.array([str(i) for i in frame.index], dtype=object)
    for ours, mapping in options.values.items():
        if ours not in data:
            raise OptionError(f"{where}: values.{ours}: no column feeds this field; map one with fields = {{ {ours} = … }}")
        data[ours] = np.array([mapping.get(_key(value), value) for value in data[ours]], dtype=object)
    return gpd.GeoDataFrame(data, geometry=frame.geometry.to_numpy(), crs=frame.crs)


def _ids(column: pd.Series) -> Any:
    """Ids as text; a whole number read as a float loses its point, an absent one stays empty."""
    return np.array([_key(value) for value in column], dtype=object)


def _key(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _placed(frame: gpd.GeoDataFrame, path: Path, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    """Assert the CRS and undo the declared datum."""
    stated = crs_.parse_crs(options.crs, where=where) if options.crs else None
    shifted = options.datum in ("gcj02", "bd09")
    if frame.crs is None:
        if stated is None and not shifted:
            raise CRSError(f'{where}: {path}: has no CRS; state it: crs = "EPSG:4326" (or the CGCS2000 zone, such as "EPSG:4551")')
        frame = frame.set_crs(stated or crs_.WGS84)
    elif stated is not None and stated != pyproj.CRS(frame.crs):
        raise CRSError(
            f'{where}: {path}: says {crs_.name_of(pyproj.CRS(frame.crs))} but city.toml says crs = "{options.crs}"; remove crs, or correct the file'
        )
    here = pyproj.CRS(frame.crs)
    values = frame.geometry.to_numpy()
    finite = np.isfinite(shapely.bounds(values)).all(axis=1)
    if finite.any():
        wrong = crs_.outside_area_of_use(shapely.total_bounds(values[finite]), here)
        if wrong:
            raise CRSError(f"{where}: {path}: {wrong}; state the true CRS of the layer, or swap its axes")
    if not shifted:
        return frame
    geographic = crs_.reproject(values, here, pyproj.CRS(crs_.WGS84))
    moved = shapely.transform(geographic, lambda xy: np.column_stack(datum_.to_wgs84(xy[:, 0], xy[:, 1], options.datum)))
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index), crs=crs_.WGS84).set_crs(crs_.WGS84, allow_override=True)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
