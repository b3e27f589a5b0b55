"""GeoJSON, of which GDAL reads what it understands and passes over the rest in silence: what the file says is counted and compared with what was read."""

from __future__ import annotations

import codecs
import json
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from spatial import crs as crs_
from spatial.errors import CRSError, SourceError, sample, shown
from spatial.sources.options import JSON_ENDINGS, ZIP_ENDINGS, FileOptions

_MOST_PARSED = 1 << 30  # bytes: a larger file is not parsed a second time
_KEYS = re.compile(rb'"(geometry|properties|bbox)"\s*:|"type"\s*:\s*"(Feature)"')
_OPEN = re.compile(rb'\[\s*([-\d"tfn])')
_EMPTY = re.compile(rb",\s*(null|\[\s*\]|\{\s*\})\s*(?=[,\]])")  # in a list; the first of one matters as little as none
_CRS = re.compile(rb'"crs"\s*:\s*(?=\{)')
_ALGORITHM = b'"gdal_streamed_alg"'
_NESTED = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}

JsonFile = Path | zipfile.Path


@dataclass
class Said:
    """What the bytes of a GeoJSON file say, counted without parsing it.

    Attributes
    ----------
    keys
        How often ``geometry``, ``properties``, ``bbox`` and the type ``Feature`` stand in it.
    opened
        How many lists begin with each kind of value.
    crs
        Names under ``crs``.
    size
        Bytes.
    """

    keys: Counter[bytes] = field(default_factory=Counter)
    opened: Counter[bytes] = field(default_factory=Counter)
    crs: list[str] = field(default_factory=list)
    size: int = 0


def json_of(path: Path) -> JsonFile | None:
    """Return the file if it is GeoJSON by its name, or the one in an archive that is."""
    if path.suffix.lower() in JSON_ENDINGS:
        return path
    if path.suffix.lower() not in ZIP_ENDINGS:
        return None
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(JSON_ENDINGS)]
    return zipfile.Path(path, names[0]) if len(names) == 1 else None


def look_at(path: JsonFile, stated: str | None, where: str) -> Said:
    """Count what a GeoJSON file says, and refuse letters that are none: GDAL takes them.

    Parameters
    ----------
    path
        The file.
    stated
        ``encoding`` of ``city.toml``.
    where
        File and layer, for messages.

    Raises
    ------
    SourceError
        Not UTF-8 and no encoding stated, or a program of GDAL that reads other files.
    """
    said, rest, at, places = Said(), b"", 0, []
    decoder = codecs.getincrementaldecoder("utf-8")("ignore" if stated else "strict")
    with path.open("rb") as stream:
        try:
            while block := stream.read(1 << 20):
                decoder.decode(block)
                said.size += len(block)
                whole = rest + block
                cut = max(whole.rfind(b"}"), whole.rfind(b"]")) + 1  # nothing that is looked for reaches over it
                piece, rest = whole[:cut], whole[cut:]
                if _ALGORITHM in piece:
                    raise SourceError(f"{where}: is no layer but an instruction to read other files; save its result to a file")
                said.keys.update(key or kind for key, kind in _KEYS.findall(piece))
                said.opened.update(_OPEN.findall(piece))
                said.opened.update(_EMPTY.findall(piece))
                places += [at + match.end() for match in _CRS.finditer(piece)]
                at += cut
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{where}: is not UTF-8, as GeoJSON must be ({shown(error, 200)}); save it as UTF-8, or state its encoding, for example"
                ' encoding = "gbk"'
            ) from error
        for place in places[:100]:
            stream.seek(place)
            if name := _crs_name(stream.read(4096).decode("utf-8", "replace")):
                said.crs.append(name)
    return said


def compare(frame: gpd.GeoDataFrame, said: Said, path: JsonFile, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    """Assert that all of a GeoJSON file was read: every feature, every coordinate, in the CRS that it names.

    Parameters
    ----------
    frame
        As GDAL read it, whole.
    said
        Of ``look_at``. The file is parsed a second time only where the two do not agree.
    path, options, where
        As for ``look_at``; of the options the encoding, the datum and the CRS.

    Returns
    -------
    geopandas.GeoDataFrame
        The same, without a CRS where the file names one that is not known and the user states what it is.

    Raises
    ------
    SourceError
        Features or parts of geometries that GDAL passed over; lines that are cut; a key that stands twice.
    CRSError
        The CRS that the file names is not the one that was read.
    """
    keys, opened = said.keys, said.opened
    numbers = sum(count for first, count in opened.items() if first in b"-0123456789")
    simple = (
        sum(opened.values()) == numbers
        and keys[b"Feature"] == keys[b"geometry"] == keys[b"properties"] - len(said.crs) == len(frame)
        and numbers - keys[b"bbox"] == int(shapely.get_num_coordinates(np.asarray(frame.geometry.to_numpy(), dtype=object)).sum())
    )
    if not simple:
        _compare_features(len(frame), said, path, options.encoding, where)
    return _with_own_crs(frame, said, options, where)


def _compare_features(read: int, said: Said, path: JsonFile, encoding: str | None, where: str) -> None:
    if said.size > _MOST_PARSED:
        if said.keys[b"Feature"] != read:
            raise SourceError(f"{where}: {said.keys[b'Feature']} features are announced, {read} can be read; get the file again")
        return
    features = _features(path.read_bytes().decode(encoding or "utf-8-sig", "replace").removeprefix("\ufeff"), where)
    if empty := [row for row, each in enumerate(features) if not (isinstance(each, dict) and each.get("type") == "Feature")]:
        raise SourceError(
            f"{where}: {len(empty)} of {len(features)} features are null or do not say that they are features (rows {sample(empty)}); get the file again"
        )
    if broken := [row for row, each in enumerate(features) if each.get("geometry") is not None and not _is_sound(each["geometry"])]:
        raise SourceError(
            f"{where}: {len(broken)} of {len(features)} features have a geometry of an unknown type or coordinates that are no numbers"
            f" (rows {sample(broken)}); correct them, or get the file again"
        )
    if len(features) != read:
        raise SourceError(f"{where}: holds {len(features)} features, of which {read} can be read; get the file again")


def _features(text: str, where: str) -> list[Any]:
    """Return everything that stands where a feature should, of one JSON value or of one a line."""
    try:
        values = [json.loads(text, object_pairs_hook=_once)]
    except _TwiceError as error:
        raise SourceError(
            f'{where}: the key "{error}" stands twice in one object, of which one would be left out; get the file again'
        ) from None
    except RecursionError:
        raise SourceError(f"{where}: is nested too deeply; get the file again") from None
    except ValueError as whole:
        lines = [(number, line) for number, line in enumerate(text.replace("\x1e", "\n").split("\n"), start=1) if line.strip()]
        values, broken = [], []
        for number, line in lines:
            try:
                values.append(json.loads(line, object_pairs_hook=_once))
            except _TwiceError as error:
                raise SourceError(f'{where}: the key "{error}" stands twice on line {number}; get the file again') from None
            except (ValueError, RecursionError):
                broken.append(number)
        if not values:
            raise SourceError(f"{where}: is no valid JSON ({shown(whole, 100)}); get the file again") from None
        if broken:
            raise SourceError(
                f"{where}: {len(broken)} of {len(lines)} lines are cut or damaged (lines {sample(broken)}); get the file again"
            ) from None
    found: list[Any] = []
    for value in values:
        if isinstance(value, dict) and isinstance(value.get("features"), list):
            found += value["features"]
        elif isinstance(value, dict) and (value.get("type") in _NESTED or value.get("type") == "GeometryCollection"):
            found.append({"type": "Feature", "geometry": value})
        else:
            found.append(value)
    return found


class _TwiceError(ValueError):
    """A key of GeoJSON stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [key for key, _ in pairs]
        for key in ("features", "geometry", "coordinates", "geometries", "crs"):
            if names.count(key) > 1:
                raise _TwiceError(key)
    return table


def _is_sound(geometry: Any) -> bool:
    if not isinstance(geometry, dict):
        return False
    if geometry.get("type") == "GeometryCollection":
        parts = geometry.get("geometries")
        return isinstance(parts, list) and all(map(_is_sound, parts))
    kind = geometry.get("type")
    return isinstance(kind, str) and kind in _NESTED and _is_nest(geometry.get("coordinates"), _NESTED[kind])


def _is_nest(values: Any, deep: int) -> bool:
    if not isinstance(values, list):
        return False
    if deep:
        return all(_is_nest(value, deep - 1) for value in values)
    return len(values) != 1 and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _crs_name(text: str) -> str | None:
    """Read the name under ``crs``, or the code of an older form."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
        inner = value["properties"]
        if value["type"] == "name":
            return inner["name"] if isinstance(inner["name"], str) else None
        return f"EPSG:{int(inner['code'])}" if value["type"] == "EPSG" else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _with_own_crs(frame: gpd.GeoDataFrame, said: Said, options: FileOptions, where: str) -> gpd.GeoDataFrame:
    names = sorted(set(said.crs))
    if not names:
        return frame
    if len(names) > 1:
        raise CRSError(f"{where}: names {len(names)} CRS ({sample(names)}); keep the true one")
    name = "a text with parameters" if any(mark in names[0] for mark in "+[{") else shown(names[0])  # of a local grid, it may be
    read = pyproj.CRS(frame.crs) if frame.crs is not None else None
    try:
        own = pyproj.CRS.from_user_input(names[0])
    except pyproj.exceptions.CRSError:
        if read is not None and crs_.name_of(read) not in ("EPSG:4326", "OGC:CRS84", "WGS 84 (CRS84)"):
            return frame  # GDAL knows more names
        if options.crs or options.datum in ("gcj02", "bd09"):
            return frame.set_crs(None, allow_override=True)
        datum = next((datum for datum in ("gcj02", "bd09") if datum in re.sub(r"[\W_]", "", names[0].lower())), None)
        remedy = f'state it: datum = "{datum}"' if datum else 'state the true one: crs = "EPSG:4551"'
        raise CRSError(f'{where}: its "crs" names {name}, which is not known; {remedy}') from None
    if read is None or read.equals(own, ignore_axis_order=True):
        return frame
    if read.is_geographic and own.is_geographic and crs_.datum_of(read) == crs_.datum_of(own):
        return frame
    raise CRSError(
        f'{where}: its "crs" names {name} but GDAL reads {crs_.name_of(read)}; write it as "EPSG:4551" in the file, or remove it and'
        " state crs"
    )
