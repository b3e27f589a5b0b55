"""Read local vector files: anything that GDAL reads, GeoParquet, and tables with coordinate columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
from spatial.errors import CRSError, LayerError, OptionError, SourceError, SpatialError, nearest, plain, sample
from spatial.files import refuse_wrappers
from spatial.layers import Repair
from spatial.sources.conditions import as_written, filtered
from spatial.sources.drawings import close_lines
from spatial.sources.geojson import compare, json_of, look_at
from spatial.sources.nesting import refuse_deep
from spatial.sources.offline import nothing_beside
from spatial.sources.ogr import check_database, first_line, read_ogr
from spatial.sources.options import DATABASE_ENDINGS, MOST_COLUMNS, TABLE_ENDINGS, WORKBOOK_ENDINGS, ZIP_ENDINGS, FileOptions
from spatial.sources.shapefiles import check_parts
from spatial.sources.tables import located, read_table, unread_places
from spatial.sources.whole import check_archive
from spatial.sources.workbooks import read_workbook
from spatial.text import Text

MOST_ROWS, MOST_VALUES = 10_000_000, 300_000_000  # of a GeoParquet: a country's buildings
READER_SCHEMA = "3"  # changes with what this room makes of the same file
_OF_MAP_SERVICES = ', or datum = "gcj02" for coordinates of Amap or Tencent ("bd09" of Baidu)'


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
    told = [] if told is None else told
    frame = read_as_is(path, options, where, told, polygons=polygons)
    name, where = where, f"{where}: {path}"
    frame = mapped(frame, options, where, wanted, name, told)
    here = crs_of(frame, options, where)
    told += _notes(frame, here, options, name)
    return placed(frame, here, options, where)


def _notes(frame: gpd.GeoDataFrame, here: pyproj.CRS, options: FileOptions, name: str) -> list[Repair]:
    """Tell where a stated CRS replaced the file's own, and where parameters of an office were applied."""
    notes = []
    if options.crs and frame.crs is not None and not here.equals(pyproj.CRS(frame.crs), ignore_axis_order=True):
        own = crs_.name_of(pyproj.CRS(frame.crs))
        said = Text(
            f"坐标不可能属于文件所称的 {own}、按所写的 {crs_.name_of(here)} 读取的要素",
            f"features cannot be in {own}, as the file says: read in {crs_.name_of(here)}, as stated",
        )
        notes.append(Repair(name, said, len(frame)))
    if options.datum_parameters:
        said = Text(
            f"按所给参数由 {crs_.name_of(here)} 转为 WGS-84 的要素（其精度由提供参数的单位负责）",
            f"features are moved from {crs_.name_of(here)} to WGS-84 with the stated parameters, whose accuracy is that of the office that"
            " gave them",
        )
        notes.append(Repair(name, said, len(frame)))
    return notes


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
    crs = crs_of(frame, options, f"{where}: {path}")
    return _remedy(frame, crs, options, city, f"{where}: {path}")


def _remedy(
    frame: gpd.GeoDataFrame, crs: pyproj.CRS, options: FileOptions, city: tuple[float, float, float, float] | None, where: str
) -> str:
    """Say how the coordinates would lie right: on the city, or, where that is not known yet, in the area of use of some CRS."""
    bounds = shapely.bounds(np.asarray(frame.geometry.to_numpy(), dtype=object))
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if not len(bounds):
        return ""
    (west, south), (east, north) = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    other, swapped = placement.explain((float(west), float(south), float(east), float(north)), crs, city)
    said = []
    table = where.lower().endswith(TABLE_ENDINGS)
    if swapped:
        how = 'name the columns the other way round: x = "…" (east), y = "…" (north)' if table else "swap them in the file"
        said.append(f"x and y look swapped: {how}")
    if other and city is None:
        said.append(f'its coordinates are those of crs = "{other}"; state it')
    elif other:
        how = "state it" if options.crs or table else f"the file says {crs_.name_of(crs)}, assign {other} to it"
        said.append(f'crs = "{other}" would put it on the city; {how}')
    return "; ".join(said)


_NO_RESULT = Text(
    "没有计算结果、按空单元格读取的公式（请用电子表格软件打开并另存）",
    "formulas without a result, read as empty cells (open the workbook in a spreadsheet and save it again)",
)


def read_as_is(
    path: Path, options: FileOptions, where: str, told: list[Repair], *, polygons: bool = False, bare: bool = False
) -> gpd.GeoDataFrame:
    """Read all columns as the file has them, in its own CRS and datum.

    Parameters
    ----------
    path, options, where, polygons
        As for ``read_vector``.
    told
        Takes what the user should know about the reading, counted.
    bare
        Whether rows need no place: tables without coordinates, layers without geometry and workbooks are read too.

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
    workbook = bare and ending in WORKBOOK_ENDINGS
    if (options.x or options.y or options.geometry) and ending not in TABLE_ENDINGS and not workbook:
        raise OptionError(
            f"{where}: x and y name the coordinate columns of a table ({', '.join(TABLE_ENDINGS)}), as geometry does; remove them"
        )
    refuse_wrappers(path, where)
    if ending in (".parquet", ".geoparquet"):
        return filtered(_read_parquet(path, where), options.where, where)
    if workbook:
        table = read_workbook(path, options.layer, where=where)
        if empty := int(table.attrs["without_result"]):
            told.append(Repair(name, _NO_RESULT, empty))
        frame = filtered(located(table, x=options.x, y=options.y, geometry=options.geometry, bare=True, where=where), options.where, where)
        return _without_a_place(frame, options, name, told)
    if ending in TABLE_ENDINGS:
        frame, guessed = read_table(
            path, encoding=options.encoding, x=options.x, y=options.y, geometry=options.geometry, bare=bare, where=where
        )
        if guessed:
            told.append(
                Repair(name, Text("文件没有说明编码、按 GBK 读取的表（若显示有误，请写 encoding = …）",
                                  "tables are read as GBK, for the file does not say its encoding; if texts look wrong, state encoding = …"), 1)
            )  # fmt: skip
        frame = filtered(frame, options.where, where)
        return _without_a_place(frame, options, name, told) if bare else frame
    if ending in DATABASE_ENDINGS:
        check_database(path, where)
    elif ending == ".shp":
        check_parts(path, where)
    elif ending in (*ZIP_ENDINGS, ".kmz"):
        check_archive(path, where)
    text = json_of(path)
    said = look_at(text, options.encoding, where) if text is not None else None
    with nothing_beside(path):
        frame, kind = read_ogr(path, options, where, name, told, bare=bare)
    if kind in ("GeoJSON", "GeoJSONSeq") and (text is not None or ending not in ZIP_ENDINGS):  # by its content, whatever its name
        frame = compare(frame, said or look_at(path, options.encoding, where), text or path, options, where)
    frame = filtered(frame, options.where, where)
    if polygons and ending == ".dxf":
        frame = frame.set_geometry(gpd.GeoSeries(close_lines(frame.geometry.to_numpy()), index=frame.index, crs=frame.crs))
    return frame


def _without_a_place(frame: gpd.GeoDataFrame, options: FileOptions, name: str, told: list[Repair]) -> gpd.GeoDataFrame:
    """Tell of rows that need no place, but write one that cannot be read: they count where their words put them, which nobody asked for."""
    unread = unread_places(frame, x=options.x, y=options.y, geometry=options.geometry)
    if unread.any():
        rows = sample(frame.index[unread])
        what = Text(
            f"坐标无法读取、按没有位置处理的行（第 {rows} 行）",
            f"rows whose coordinates cannot be read, taken as without a place (rows {rows})",
        )
        told.append(Repair(name, what, int(unread.sum())))
    return frame


def _read_parquet(path: Path, where: str) -> gpd.GeoDataFrame:
    import pyarrow

    try:
        _check_parquet(path, where)
        with np.errstate(invalid="ignore"):
            frame = gpd.read_parquet(path, page_checksum_verification=True)
        for column in frame.columns:  # texts are decoded when they are first looked at, which is too late to say where they stand
            if isinstance(frame[column].dtype, pd.StringDtype):
                pyarrow.array(frame[column].array).validate(full=True)
        return frame
    except SpatialError:
        raise
    except (ValueError, OSError, pyarrow.ArrowException, shapely.errors.ShapelyError) as error:
        raise SourceError(f"{where}: cannot be read as GeoParquet ({first_line(error)}); get the file again") from error


def _check_parquet(path: Path, where: str) -> None:
    """Refuse, before it is unpacked, more than any city has, and geometries that GEOS would follow until the process dies."""
    import pyarrow
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        rows, columns = file.metadata.num_rows, file.metadata.num_columns
        if rows > MOST_ROWS or rows * columns > MOST_VALUES or columns > MOST_COLUMNS:
            raise SourceError(
                f"{where}: announces {rows} rows of {columns} columns, more than {MOST_ROWS:,} rows, {MOST_COLUMNS:,} columns or {MOST_VALUES:,}"
                " values, which no layer of a city has; cut it to the city and to the columns that are needed"
            )
        geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        binary = [name for name in geo.get("columns", {}) if name in file.schema_arrow.names]
        binary = [
            name
            for name in binary
            if pyarrow.types.is_binary(kind := file.schema_arrow.field(name).type) or pyarrow.types.is_large_binary(kind)
        ]
        for name in binary:
            first = 0
            for batch in file.iter_batches(columns=[name], batch_size=10_000):
                refuse_deep(batch.column(0).to_pylist(), where=where, first=first)
                first += batch.num_rows


def mapped(
    frame: gpd.GeoDataFrame, options: FileOptions, where: str, wanted: tuple[str, ...], name: str, told: list[Repair]
) -> gpd.GeoDataFrame:
    """Rename their columns and values to ours; ``id`` is the place in the file where no column is mapped to it.

    Raises
    ------
    OptionError
        A mapped column does not exist, or no column feeds a field whose values are mapped.
    LayerError
        Rows have no id in the column that was named for it.
    """
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
            data[ours] = as_written(frame[column]).to_numpy(dtype=object)
    data["id"] = np.array([str(row) for row in frame.index], dtype=object)
    if "id" in columns:
        rows, data["id"] = data["id"], np.array([_key(value).strip() for value in as_written(frame[columns["id"]])], dtype=object)
        if (empty := data["id"] == "").any():
            raise LayerError(
                f'{where}: {int(empty.sum())} of {len(frame)} features have no id in "{columns["id"]}" (rows {sample(rows[empty])});'
                " fill them, or remove id"
            )
    for ours, mapping in options.values.items():
        if ours not in data and len(frame):
            raise OptionError(f"{where}: values.{ours}: no column feeds this field; map one with fields = {{ {ours} = … }}")
        theirs_of = [_key(value) for value in data.get(ours, ())]
        theirs_of = [key if key in mapping else key.strip() for key in theirs_of]
        told += _idle_keys(ours, mapping, theirs_of, name)
        data[ours] = np.array([mapping.get(key, value) for key, value in zip(theirs_of, data.get(ours, ()), strict=True)], dtype=object)
    return gpd.GeoDataFrame(data, geometry=frame.geometry.to_numpy(), crs=frame.crs)


def _idle_keys(ours: str, mapping: Mapping[str, str], found: list[str], name: str) -> list[Repair]:
    """Tell of keys of ``values`` that match no row: codes where the column holds words, or the other way round.

    Idle keys of a table made for a whole province are no mistake: they are told where no key matches anything, or where most are idle and rows
    are left that no key matches.
    """
    held = dict.fromkeys(key for key in found if key)
    idle = [key for key in mapping if key not in held]
    left = [key for key in held if key not in mapping]
    if not held or not idle or not (len(idle) == len(mapping) or (len(idle) > len(mapping) / 2 and left)):
        return []
    what = Text(
        f"values.{ours} 共 {len(mapping)} 个键，其中没有一行与之相符的键（{sample(idle)}；该列的值为 {sample(left)}）",
        f"keys of values.{ours} (of {len(mapping)}) that match no row ({sample(idle)}; the column holds {sample(left)})",
    )
    return [Repair(name, what, len(idle))]


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


def crs_of(frame: gpd.GeoDataFrame, options: FileOptions, where: str) -> pyproj.CRS:
    """Take the CRS that the file says, or the one that city.toml states where the file says none, or one in which none of it can be."""
    stated = crs_.parse_crs(options.crs, where=where) if options.crs else None
    if frame.crs is None:
        if stated is None and options.datum not in ("gcj02", "bd09"):
            amap = _OF_MAP_SERVICES if where.lower().endswith(TABLE_ENDINGS) else ""
            raise CRSError(f'{where}: has no CRS; state it: crs = "EPSG:4326" (or the CGCS2000 zone, such as "EPSG:4551"){amap}')
        return stated or pyproj.CRS(crs_.WGS84)
    own = pyproj.CRS(frame.crs)
    code = own.to_epsg() if own.area_of_use is None else None
    own = pyproj.CRS.from_epsg(code) if code else own  # written out in a .prj, it has lost its area of use
    if stated is None or stated.equals(own, ignore_axis_order=True):
        return own
    bounds = shapely.bounds(np.asarray(frame.geometry.to_numpy(), dtype=object))
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if len(bounds) and crs_.outside_area_of_use(bounds, own).all():
        return stated
    raise CRSError(f'{where}: says {crs_.name_of(own)} but city.toml says crs = "{crs_.name_of(stated)}"; remove crs, or correct the file')


def placed(frame: gpd.GeoDataFrame, here: pyproj.CRS, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    """Assert that the coordinates can be of the CRS, and undo the declared datum.

    Raises
    ------
    CRSError
        They cannot be of it.
    """
    frame = frame.set_crs(here, allow_override=True)
    values = np.asarray(frame.geometry.to_numpy(), dtype=object)
    bounds = shapely.bounds(values)
    if (outside := crs_.outside_area_of_use(bounds, here)).any():
        west, south, east, north = (plain(value) for value in (*bounds[outside].min(axis=0)[:2], *bounds[outside].max(axis=0)[2:]))
        name = f"{crs_.name_of(here)} ({here.area_of_use.name})" if here.area_of_use else crs_.name_of(here)
        likely = _remedy(frame, here, options, None, where) if outside.all() else ""
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
