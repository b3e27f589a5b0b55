"""What is fuzzed: each target takes bytes, and raises ``Broken`` or any error but ours where a parser does what it must not."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(tempfile.gettempdir()) / f"spatial-fuzz-{os.getpid()}"


# The package is imported inside the targets, after it was instrumented.


class Broken(AssertionError):
    """A parser returned what is impossible."""


def city_toml(data: bytes) -> None:
    """Bytes as ``city.toml``: a project whose values are possible, or one of our errors."""
    from spatial.city_toml import parse_project

    path = _written("city.toml", data)
    project = parse_project(path)
    if project.data_extent is not None:
        west, south, east, north = project.data_extent
        _assert(-180 <= west < east <= 180 and -90 <= south < north <= 90, project.data_extent)
    _assert(project.date == "" or (len(project.date) == 10 and "1900" <= project.date[:4] <= "2100"), project.date)
    for local in project.layers.values():
        _assert(local.total is None or 0 < local.total < math.inf, local.total)
        _assert(local.path is not None or local.total is not None, local)
    _assert(bool(project.layers) or project.osm is not None, project)


def layer_declaration(data: bytes) -> None:
    """Bytes as a layer of a project's own: specs of known kinds, or one of our errors."""
    from spatial.layers import FIELD_TYPES, GEOMETRIES, layer_specs

    spec = layer_specs(_written("layers/own.toml", data).parents[1])["own"]
    _assert(spec.geometry in (*GEOMETRIES, "raster"), spec.geometry)
    _assert(all(field.type in FIELD_TYPES for field in spec.fields.values()), spec.fields)


def facilities(data: bytes) -> None:
    """Bytes as ``facilities.toml``: distances above 0 and finite, or one of our errors."""
    from spatial.metrics.facility_classes import declared_facilities

    declared = declared_facilities(_written("facilities.toml", data).parent)
    _assert(0 < declared.covered_from <= 1, declared.covered_from)
    for group in (*declared.sets.values(), *declared.metrics.values()):
        for name, limit in group.limits.items():
            _assert(name in declared.classes and 0 < limit.distance_m < math.inf, (name, limit))
    for kind in declared.classes.values():
        numbers = (kind.thin_per_10000, kind.entrances_within_m, kind.same_within_m, kind.least_m2)
        _assert(all(0 <= number < math.inf for number in numbers), numbers)


def tag_values(data: bytes) -> None:
    """Bytes as the value of a width and of a number of lanes: a number that is possible, or NaN."""
    from spatial.units import parse_count, parse_length_m

    text = data.decode("utf-8", "surrogateescape")
    for read, most in ((parse_length_m, 1e12), (parse_count, 1e9)):
        value = read(text)
        _assert(math.isnan(value) or 0 <= value <= most, (text, value))


def table(data: bytes) -> None:
    """Bytes as a table with coordinates: as many rows as a strict reader finds, or one of our errors."""
    from spatial.sources.files import FileOptions, read_vector

    path = _written("table.csv", data)
    frame = read_vector(path, FileOptions(crs="EPSG:4326"), where="places", wanted=("name",))
    _assert(len(frame) <= data.count(b"\n") + data.count(b"\r") + 1, len(frame))
    points = frame.geometry[~frame.geometry.isna()]
    _assert(bool(points.x.between(-180, 180).all() and points.y.between(-90, 90).all()), points)


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (city_toml, layer_declaration, facilities, tag_values, table)
}

SEEDS: dict[str, list[bytes]] = {
    "city_toml": [
        b'name = "x"\ncrs = "EPSG:4551"\ndate = 2024-04-09\ndata_extent = [125.3, 43.9, 125.4, 44.0]\n[osm]\nfile = "a.osm.pbf"\nmade_up = true\n'
        b'[layers.parks]\nfile = "a.shp"\nid = "i"\nfields = { name = "Name" }\nvalues = { fee = { B = "no" } }\non_invalid = "drop"\nmerge = "union"\n',
        b'synthetic = "x"\n[layers.population]\ntotal = 600000\n[layers.districts]\nfile = "d.gpkg"\nwhere = "a = 1"\ndatum = "gcj02"\nencoding = "gbk"\n'
        b'[scopes]\nbuilt_up_area = "districts"\n',
    ],
    "layer_declaration": [
        b'title = { zh = "x", en = "y" }\ngeometry = "point"\n[osm]\nmatch = [{ amenity = ["a"] }, { building = true }]\nexclude = { access = ["no"] }\nnodes_only = true\n'
        b'[fields.capacity]\ntag = "capacity"\ntype = "count"\nrequired = true\n[style]\ncolor = "#00695c"\nsize = 2.0\n',
        b'geometry = "raster"\nraster = "surface"\ndense = true\n',
    ],
    "facilities": [
        b'[classes.toilet]\ntitle = { zh = "x", en = "y" }\nfrom = [{ amenity = ["toilets"], name_has = ["z"] }]\nthin_per_10000 = 0.2\nsame_within_m = 50\nleast_m2 = 10\n'
        b'[metrics.toilet_coverage]\ntitle = { zh = "x", en = "y" }\nstandard = { zh = "x", en = "y" }\nofficial = "network"\n[metrics.toilet_coverage.classes]\n'
        b'toilet = { distance_m = 500, status = "to be confirmed", source = "x" }\n',
        b"[communities]\ncovered_from = 0.8\n",
    ],
    "tag_values": [b"7", b"7.5 m", b"7,5", b"20'6\"", b"12 km", b"2;3", b"4.0", "7米".encode(), b"30 ft"],
    "table": [
        b"name,x,y\na,125.3,43.9\n",
        b'name;x;y\r\n"a;b";125,3;43\r\n',
        b"name\tlon\tlat\n\xef\xbb\xbf\t1\t2\n",
        "名称,经度,纬度\n甲,125.3,43.9\n".encode("gbk"),
    ],
}


def one_input(name: str, data: bytes) -> None:
    """Give bytes to a target; our own errors are right answers, as long as they can be told."""
    from spatial.errors import SpatialError, printable

    try:
        TARGETS[name](data)
    except SpatialError as error:
        told = printable(error)
        _assert(0 < len(told) < 100_000 and all(letter.isprintable() or letter == "\n" for letter in told), told)


def _written(name: str, data: bytes) -> Path:
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _assert(right: bool, what: object) -> None:
    if not right:
        raise Broken(str(what)[:500])
