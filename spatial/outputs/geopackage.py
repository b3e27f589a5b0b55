"""A GeoPackage that opens styled in QGIS: areas, totals, evidence, inputs, the long table, and what it is."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

from spatial.errors import OptionError, OutputError
from spatial.files import atomic_path, nearly_full
from spatial.outputs.map_specs import FIRST, map_spec
from spatial.outputs.qgis_evidence import Table, style_names
from spatial.outputs.qgis_layers import qgis_tables
from spatial.outputs.qgis_project import NAME, project_archive
from spatial.outputs.qgis_style import clean, qml, quoted, sld
from spatial.outputs.storable import unique_name
from spatial.result import Results
from spatial.targets.model import Standing

_GDAL_TYPES = {"point": ("Point", "MultiPoint"), "line": ("LineString", "MultiLineString"), "polygon": ("Polygon", "MultiPolygon")}
_SIDE_FILES = ("-wal", "-shm", "-journal")
_UNDATED = "2000-01-01"
_NOW = "OGR_CURRENT_DATE"
_FAULTS = (DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, sqlite3.Error)
_LAYER_STYLES = """CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"""
_SCHEMA_EXTENSION = (
    """CREATE TABLE IF NOT EXISTS gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
definition TEXT NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))""",
    """CREATE TABLE IF NOT EXISTS gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT,
description TEXT, mime_type TEXT, constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
CONSTRAINT gdc_tn UNIQUE (table_name, name))""",
    """CREATE TABLE IF NOT EXISTS gpkg_data_column_constraints (constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT,
min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value))""",
)
_PROJECTS = "CREATE TABLE qgis_projects (name TEXT PRIMARY KEY, metadata BLOB, content BLOB)"  # as QGIS makes it


def write_geopackage(results: Results, path: str | Path, standing: Standing | None = None) -> Path:
    """Write a measured city as one GeoPackage that QGIS opens styled, with a project inside and the same project as ``.qgz`` beside it.

    The project has the layers in the groups of the overview map, its opening view, and a sheet to print for every metric.

    Layers ``areas`` (every metric and variant with its status, but for those for tables only) and ``totals`` (the city and what closes the
    sum), every evidence frame that shows no secret layer, the service areas of the overview map, the inputs that it draws; tables ``metrics`` (the long table) and ``about``. Titles, aliases and legends are in
    ``results.lang``. Areas of status ``partial`` and ``no_data`` are never coloured as a class. List columns are left out.

    Parameters
    ----------
    results
        From ``measure``.
    path
        Ends in ``.gpkg``; an existing file is replaced when the new one is whole. The project finds it by this name, in whatever folder.
    standing
        How the city stands: adds ``tasks_points``, ``tasks_lines`` and ``tasks_polygons`` (those that have records), styled by how far each has
        come, and the tables ``targets``, ``tasks``, ``left_out`` and ``contradictions``; no record of a secret ledger. ``None`` for a city
        without plans.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OptionError
        ``path`` does not end in ``.gpkg``.
    ProjectError
        The overview map of the project declares a service area that cannot be made.
    OutputError
        No space, no permission, or the file cannot be written whole; a file that was there before is kept.
    """
    path = Path(path)
    if path.suffix.lower() != ".gpkg":
        raise OptionError(f"{path}: a GeoPackage must end in .gpkg")
    spec = map_spec(FIRST, results.city.folder)
    tables = qgis_tables(results, spec, standing)
    project = project_archive(results, spec, tables, {table.name: _aliases(table) for table in tables}, path.name)
    day = results.city.date if re.fullmatch(r"\d{4}-\d\d-\d\d", results.city.date) else _UNDATED
    with atomic_path(path.with_suffix(".qgz")) as archive:
        archive.write_bytes(project)
        return write_package(path, tables, day, project)


def write_package(path: Path, tables: Sequence[Table], day: str, project: bytes | None = None) -> Path:
    """Write tables and their styles as a GeoPackage; every moment in it is the day of the data, so that equal data give equal files.

    Parameters
    ----------
    path
        An existing file is replaced when the new one is whole.
    tables
        Layers and tables, at least one.
    day
        ISO date.
    project
        Of QGIS, kept inside; ``None`` for none.

    Raises
    ------
    OutputError
        No space, no permission, or the file cannot be written whole; a file that was there before is kept.
    """
    moment = f"{day}T00:00:00.000Z"
    with atomic_path(path) as part, _clock_at(moment):
        part.unlink()  # GDAL takes an empty file for a broken one
        try:
            for table in tables:
                _write(table, part)
            with contextlib.closing(sqlite3.connect(part)) as connection:
                _annotate(connection, tables, moment)
                if project is not None:
                    _embed(connection, project, moment)
                _check_whole(connection, tables, path)
            _settle_change_counter(part)
        except _FAULTS as error:
            if nearly_full(part.parent):  # which SQLite tells in riddles, such as a table that is not there
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise OutputError(f"{path}: cannot be written: {error}; free some space or choose another folder with --out") from error
        finally:
            _drop_side_files(part)
    _drop_side_files(path)  # of an older file that QGIS holds open: SQLite would replay its log into the new one
    return path


@contextlib.contextmanager
def _clock_at(moment: str) -> Iterator[None]:
    """Let GDAL write this moment for now: what it first wrote stays in the free bytes of a page after it was overwritten."""
    before = {_NOW: pyogrio.get_gdal_config_option(_NOW)}
    pyogrio.set_gdal_config_options({_NOW: moment})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def _settle_change_counter(part: Path) -> None:
    """Count the changes of the file as one: how many commits GDAL made depends on the moment, and equal data give equal files.

    SQLite's file header has the counter at byte 24 and, at byte 92, the count for which its other figures hold; both must agree.
    """
    with part.open("r+b") as file:
        for offset in (24, 92):
            file.seek(offset)
            file.write((1).to_bytes(4, "big"))


def _drop_side_files(path: Path) -> None:
    for ending in _SIDE_FILES:
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _geometry_type(table: Table) -> str:
    one, many = _GDAL_TYPES[table.kind]
    ids = shapely.get_type_id(np.asarray(table.frame["geometry"].to_numpy(), dtype=object))
    return one if len(ids) and table.name not in ("areas", "totals") and not (ids > 3).any() else many


def _write(table: Table, part: Path) -> None:
    placed = {"geometry_type": _geometry_type(table), "GEOMETRY_NAME": "geom"} if table.kind else {}
    first = {} if part.exists() else {"dataset_options": {"VERSION": "1.2"}}
    pyogrio.write_dataframe(table.frame, part, layer=table.name, driver="GPKG", use_arrow=True, FID="fid", **placed, **first)


def _annotate(connection: sqlite3.Connection, tables: Sequence[Table], moment: str) -> None:
    """Titles, aliases and styles; every moment is the data's, so that equal data give equal files."""
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")  # the file has its place only after it was synced whole
    for statement in (*_SCHEMA_EXTENSION, _LAYER_STYLES):
        connection.execute(statement)
    extension = (
        "INSERT INTO gpkg_extensions VALUES (?, NULL, 'gpkg_schema', 'http://www.geopackage.org/spec120/#extension_schema', 'read-write')"
    )
    connection.executemany(extension, [("gpkg_data_columns",), ("gpkg_data_column_constraints",)])
    insert = "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) VALUES (?, 'attributes', ?, '', ?)"
    connection.execute(insert, ("layer_styles", "layer_styles", moment))
    identifiers = {"layer_styles"}
    for table in tables:
        update = "UPDATE gpkg_contents SET identifier = ?, description = ? WHERE table_name = ?"
        connection.execute(update, (unique_name(clean(table.title), identifiers), clean(table.description), table.name))
        aliases = _aliases(table)
        rows = [(table.name, column, aliases[column], aliases[column], clean(table.columns[column][1])) for column in aliases]
        connection.executemany("INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, NULL)", rows)
        columns = [column for column in table.frame.columns if column != "geometry"]
        for index, (style, name) in enumerate(zip(table.styles, style_names(table), strict=True)):
            connection.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML, styleSLD,"
                " useAsDefault, description, owner, update_time) VALUES ('', '', ?, ?, ?, ?, ?, ?, '', '', ?)",
                (
                    table.name,
                    "geom" if table.kind else "",
                    name,
                    # Once a layer: an area has hundreds of columns and dozens of styles, and a style without aliases leaves them as they are.
                    qml(style, table.kind, columns, aliases if index == 0 else None),
                    sld(style, table.kind, table.name) if style.rules else "",
                    int(index == 0),
                    moment,
                ),
            )
    connection.execute("UPDATE gpkg_contents SET last_change = ?", (moment,))
    connection.commit()


def _embed(connection: sqlite3.Connection, project: bytes, moment: str) -> None:
    """Put the project where QGIS looks for it."""
    connection.execute(_PROJECTS)
    kept = json.dumps({"last_modified_time": moment[:19], "last_modified_user": "spatial"})
    connection.execute("INSERT INTO qgis_projects VALUES (?, ?, ?)", (NAME, kept, project.hex()))
    connection.commit()


def _aliases(table: Table) -> dict[str, str]:
    """Column → title, each once: QGIS and the extension gpkg_schema take a title for one column only."""
    titles = {column: clean(title) or column for column, (title, _) in table.columns.items()}
    said = list(titles.values())
    taken: set[str] = set()
    return {column: unique_name(title if said.count(title) == 1 else f"{title} [{column}]", taken) for column, title in titles.items()}


def _check_whole(connection: sqlite3.Connection, tables: Iterable[Table], path: Path) -> None:
    """Count what was written: GDAL tells some failures (a full disk at the last page) to nobody."""
    for table in tables:
        name = quoted(table.name)
        (count,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
        if count != len(table.frame):
            raise OutputError(f"{path}: layer {table.name} has {count} of {len(table.frame)} features; free some space and run again")
