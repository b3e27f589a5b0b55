"""``spatial fetch``: ask OpenStreetMap's servers for the place of ``city.toml``, and keep the answer as one OSM file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from spatial import crs as crs_
from spatial.city_toml import Project, parse_project
from spatial.errors import FetchError, LayerError, OptionError, OutputError, sample, shown
from spatial.files import PART, atomic_path, writing
from spatial.osm_request import WITHOUT_INTERNET, OsmRequest
from spatial.progress import Progress
from spatial.sources.files import read_vector
from spatial.sources.options import FileOptions
from spatial.sources.osm import read_osm
from spatial.sources.osm_answer import base_of, merge_answers
from spatial.sources.overpass import ELSEWHERE, LICENCE, Patience, Servers, TooLargeError, UnreachableError, overpass_query
from spatial.sources.places import Place

Box = tuple[float, float, float, float]
PARTS_FOLDER = ".spatial-fetch"
TILE_M = 20_000.0
"""Longest edge of what is asked for at once; a dense inner city of that size is about what a public server gives within its time."""
LEAST_TILE_M = 1_000.0
MAX_TILES = 600
PART_MAX_AGE_S = 86_400.0
"""Answers of an unfinished fetch are used again for a day: older ones would mix two states of the map."""
_MADE = re.compile(
    rf"[0-9a-f]{{16}}\.osm|outline\.geojson|merged-[0-9]+\.osm\.gz|\.[0-9a-z-]+\.[a-z0-9_]{{8}}{re.escape(PART)}\.(osm|geojson)"
)
"""Names of what stands in the folder of an unfinished fetch; nothing else there is ours."""
_PER_DEGREE = 10_000_000
_DEGREE_LAT_M, _DEGREE_LON_M = 110_574.0, 111_320.0


@dataclass(frozen=True)
class Fetched:
    """What a fetch did.

    Attributes
    ----------
    path
        The OSM file.
    outline
        File with the outline of the place.
    box
        West, south, east, north of what the file covers, degrees.
    asked
        Requests that Overpass answered.
    new
        Whether the file is new; ``False`` where it was there already and nobody was asked.
    said
        What a reader should know: what the name was taken for, and what else it could mean.
    """

    path: Path
    outline: Path
    box: Box
    asked: int
    new: bool
    said: tuple[str, ...]


def fetch_osm(
    path: str | Path,
    *,
    again: bool = False,
    progress: Progress | None = None,
    patience: Patience | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch the OpenStreetMap data that ``[osm]`` names by place or polygon; needs the internet.

    Parameters
    ----------
    path
        ``city.toml`` or its folder.
    again
        Whether a file that is there already is fetched anew; it stays until the new one is whole.
    progress
        Where steps are reported.
    patience
        How long servers are waited for.
    sleep
        How to wait.

    Returns
    -------
    Fetched
        The kept file, checked by the reader that reads every extract.

    Raises
    ------
    ProjectError, OptionError
        ``city.toml`` is wrong, or names a file, so that there is nothing to fetch.
    FetchError
        A server cannot be reached, refuses, answers with nonsense or does not know the place; what came so far is kept for the next call.
    SourceError, CRSError, LayerError
        ``polygon`` cannot be used.
    OutputError
        The project's folder cannot be written.
    """
    project = parse_project(Path(path))
    request = project.request
    if request is None:
        raise OptionError(
            f'{project.path}: there is nothing to fetch: [osm] names no place and no polygon; write place = "Changchun, China"'
        )
    parts = project.path.parent / PARTS_FOLDER / request.kept.name.removesuffix(".osm.gz")
    for folder in (parts.parent, parts):
        if folder.is_symlink():
            raise OutputError(f"{folder}: is a link, and answers are not kept behind one; remove it, and fetch again")
    servers = Servers(progress or Progress(), patience or Patience(), sleep)
    try:
        with writing(parts, ELSEWHERE):
            parts.mkdir(parents=True, exist_ok=True)
            return _fetch(project, request, parts, servers, again=again)
    except FetchError as error:
        kept = len([part for part in parts.glob("*.osm") if not part.name.startswith(".")])
        more = f'. {kept} answers are kept; "spatial fetch {project.path}{" --again" if again else ""}" goes on from there' if kept else ""
        more += f". {WITHOUT_INTERNET}" if isinstance(error, UnreachableError) else ""
        raise FetchError(f"{error}{more}") from error
    finally:
        _remove_if_empty(parts)


def _fetch(project: Project, request: OsmRequest, parts: Path, servers: Servers, *, again: bool) -> Fetched:
    _drop(parts, older_s=PART_MAX_AGE_S)
    if not again and request.kept.is_file() and request.outline.is_file():
        box = box_around(_read_outline(request.outline, request), request.margin_m)
        if _box_of(request.kept) == box:
            return Fetched(request.kept, request.outline, box, 0, False, ())
    outline_file, said = _outline(request, parts, servers)
    outline = _read_outline(outline_file, request)
    box = box_around(outline, request.margin_m)
    tiles = tiles_of(box)
    if len(tiles) > MAX_TILES:
        raise FetchError(
            f"{_asked(request)} is too large: {len(tiles)} requests of {TILE_M / 1000:.0f} km, more than {MAX_TILES}; a city is meant;"
            " name a smaller place, give polygon without far islands, or take an extract with file"
        )
    got: list[Path] = []
    asked = sum(_tile(tile, f"fetch tile {n} of {len(tiles)}", request, parts, servers, got) for n, tile in enumerate(tiles, start=1))
    merged = parts / f"merged-{os.getpid()}.osm.gz"  # two fetches at once do not write into one file
    try:
        with servers.progress.step(f"merge {len(got)} answers"):
            features = merge_answers(got, box, merged)
            _check_merged(merged, features, box, project, request)
    except BaseException as error:
        for part in (merged, *(got if isinstance(error, FetchError) else ())):  # what cannot be used is not kept for the next call
            part.unlink(missing_ok=True)
        raise
    if outline_file != request.outline:
        with atomic_path(request.outline, ELSEWHERE) as part:
            shutil.copyfile(outline_file, part)
    with atomic_path(request.kept, ELSEWHERE) as part:
        shutil.copyfile(merged, part)
    said += () if request.date else _spread(got)
    _drop(parts)
    return Fetched(request.kept, request.outline, box, asked, True, said)


def box_around(outline: Any, margin_m: float) -> Box:
    """Return the box of an outline, widened: west, south, east, north in degrees, to seven places.

    Raises
    ------
    FetchError
        The outline lies on both sides of the antimeridian.
    """
    west, south, east, north = shapely.bounds(outline)
    if east - west > 180:
        raise FetchError("the outline lies on both sides of the antimeridian (180°); cut it into two cities there")
    south, north = max(-90.0, south - margin_m / _DEGREE_LAT_M), min(90.0, north + margin_m / _DEGREE_LAT_M)
    shortest_m = _DEGREE_LON_M * max(math.cos(math.radians(max(abs(south), abs(north)))), 0.01)
    west, east = max(-180.0, west - margin_m / shortest_m), min(180.0, east + margin_m / shortest_m)
    # Outwards, so that the outline lies inside also after rounding.
    low = [math.floor(value * _PER_DEGREE) / _PER_DEGREE for value in (west, south)]
    high = [math.ceil(value * _PER_DEGREE) / _PER_DEGREE for value in (east, north)]
    return (low[0], low[1], high[0], high[1])


def tiles_of(box: Box, size_m: float | None = None) -> list[Box]:
    """Divide a box into tiles of equal degrees, none wider or higher than ``size_m`` (default: ``TILE_M``), row by row from the south-west."""
    size_m = size_m or TILE_M
    west, south, east, north = box
    nearest_lat = 0.0 if south < 0 < north else min(abs(south), abs(north))
    columns = max(1, math.ceil((east - west) * _DEGREE_LON_M * math.cos(math.radians(nearest_lat)) / size_m))
    rows = max(1, math.ceil((north - south) * 111_700.0 / size_m))
    xs, ys = _edges(west, east, columns), _edges(south, north, rows)
    return [(left, low, right, high) for low, high in pairwise(ys) for left, right in pairwise(xs)]


def _edges(low: float, high: float, count: int) -> list[float]:
    return [low, *(round(low + (high - low) * step / count, 7) for step in range(1, count)), high]


def _tile(tile: Box, what: str, request: OsmRequest, parts: Path, servers: Servers, got: list[Path]) -> int:
    """Get one tile, in quarters where the whole is too much; return how many requests were answered."""
    query = overpass_query(tile, request.date)
    part = parts / f"{hashlib.sha256(query.encode()).hexdigest()[:16]}.osm"
    if part.is_file():
        got.append(part)
        return 0
    west, south, east, north = tile
    size_m = max((north - south) * _DEGREE_LAT_M, (east - west) * _DEGREE_LON_M * math.cos(math.radians((south + north) / 2)))
    divisible = size_m >= 2 * LEAST_TILE_M
    try:
        name = f"{what} ({west:.3f}, {south:.3f}, {east:.3f}, {north:.3f})"
        servers.download(request.server, query, part, name, box=tile, divisible=divisible)
    except TooLargeError:
        if not divisible:
            raise
        quarters = tiles_of(tile, size_m / 2 * 1.02)
        return sum(
            _tile(quarter, f"{what}, part {n} of {len(quarters)}", request, parts, servers, got) for n, quarter in enumerate(quarters, 1)
        )
    got.append(part)
    return 1


def _outline(request: OsmRequest, parts: Path, servers: Servers) -> tuple[Path, tuple[str, ...]]:
    """Return the file with the outline; ask the geocoder where a place is named, once for all calls of an unfinished fetch."""
    if request.polygon:
        return request.polygon, ()
    staged = parts / "outline.geojson"
    kept = _staged(staged)
    if kept is None:
        place = servers.geocode(request.geocoder, request.place)
        with atomic_path(staged, ELSEWHERE) as part:
            part.write_text(_geojson(place, request), encoding="utf-8")
        kept = _staged(staged) or {}
    said = [f'place = "{shown(request.place)}" is taken for {shown(kept["name"], 200)}' + (f" ({kept['osm']})" if kept["osm"] else "")]
    if kept["others"]:
        said.append(f"the name could also mean {sample(kept['others'], limit=3)}; write it more fully if one of these is meant")
    return staged, tuple(said)


def _staged(path: Path) -> dict[str, Any] | None:
    """Read what is known of the outline of an unfinished fetch; ``None`` where there is none, or it is damaged: then it is asked for anew."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        feature = json.loads(path.read_text(encoding="utf-8"))["features"][0]
        kept = feature["properties"]
        if not shapely.geometry.shape(feature["geometry"]).is_empty and isinstance(kept["others"], list):
            return {"name": str(kept["name"]), "osm": str(kept["osm"]), "others": kept["others"]}
    return None


def _geojson(place: Place, request: OsmRequest) -> str:
    properties = {
        "name": place.title, "osm": place.osm_id, "place": request.place, "licence": LICENCE, "source": request.geocoder,
        "others": list(place.others),
    }  # fmt: skip
    feature = {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(place.outline)}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}, ensure_ascii=False) + "\n"


def _read_outline(path: Path, request: OsmRequest) -> Any:
    """Read an outline as one geometry, degrees WGS-84."""
    where = "[osm] polygon" if request.polygon else "[osm] place"
    frame: gpd.GeoDataFrame = read_vector(path, FileOptions(), where=where, wanted=("name",), polygons=True)
    shapes = np.array([shape for shape in frame.geometry if shape is not None and not shape.is_empty], dtype=object)
    if not len(shapes) or (shapely.get_dimensions(shapes) != 2).any():
        raise LayerError(f"{where}: {path}: must hold polygons, the outline of the city; it holds {sample(sorted(set(frame.geom_type)))}")
    shapes = crs_.reproject(shapes, pyproj.CRS(frame.crs), pyproj.CRS(crs_.WGS84))
    return shapely.union_all(shapely.make_valid(shapes))


def _check_merged(merged: Path, features: int, box: Box, project: Project, request: OsmRequest) -> None:
    """Assert that the reader of every extract takes the file, with the box that was asked for and of the day that was asked for."""
    if not features:
        raise FetchError(f"{request.server}: knows nothing at all inside {_asked(request)}; check the place, and what this server covers")
    read = read_osm(merged, [spec for spec in project.specs.values() if spec.osm])
    if not read.box_is_header or read.box is None or not np.allclose(read.box, box, atol=1e-7):
        raise FetchError(f"{request.server}: the box of the merged answers is {read.box}, not {box}; this is a fault of spatial")
    if read.newest > (tomorrow := (datetime.now(UTC) + timedelta(days=1)).date().isoformat()):
        raise FetchError(
            f"{request.server}: answers with edits of {read.newest}, after tomorrow ({tomorrow}); these are no data of OpenStreetMap, or the"
            " clock of this machine is wrong"
        )
    if request.date and read.newest > request.date:
        raise FetchError(
            f"{request.server}: answers with edits of {read.newest}, after date = {request.date}: it does not know the past;"
            " take another server, or remove date"
        )


def _box_of(path: Path) -> Box | None:
    import osmium

    try:
        with osmium.io.Reader(str(path)) as reader:
            box = reader.header().box()
    except RuntimeError:  # damaged: fetched anew
        return None
    if not box.valid():
        return None
    return (box.bottom_left.lon, box.bottom_left.lat, box.top_right.lon, box.top_right.lat)


def _asked(request: OsmRequest) -> str:
    return f'place = "{shown(request.place)}"' if request.place else f'polygon = "{shown(request.polygon)}"'


def _spread(parts: list[Path]) -> tuple[str, ...]:
    """Say that the answers are of different days, since a feature edited between them may be missing from both."""
    bases = [base for part in parts if (base := base_of(part))]
    if not bases or max(bases) - min(bases) <= timedelta(days=1):
        return ()
    return (
        f"the answers show the map from {min(bases):%Y-%m-%d} to {max(bases):%Y-%m-%d}: what was moved between tiles meanwhile may be missing;"
        " fetch again with --again if that matters",
    )


def _drop(parts: Path, *, older_s: float = -math.inf) -> None:
    """Remove answers that are older than some seconds; whatever else stands there is somebody's own."""
    for part in parts.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another fetch was faster
            seen = part.lstat()
            if _MADE.fullmatch(part.name) and stat.S_ISREG(seen.st_mode) and time.time() - seen.st_mtime > older_s:
                part.unlink()


def _remove_if_empty(parts: Path) -> None:
    for folder in (parts, parts.parent):
        with contextlib.suppress(OSError):  # not empty, or gone
            folder.rmdir()
