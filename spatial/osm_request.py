"""``[osm]`` of ``city.toml``: a file, or what is to be asked of OpenStreetMap's servers; asks nobody."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spatial import catalogue
from spatial.errors import Faults, SourceError, shown
from spatial.sources.options import RASTER_ENDINGS

OSM_KEYS = ("file", "place", "polygon", "date", "server", "geocoder", "margin_m", "made_up")
WAYS = ("file", "place", "polygon")
SERVER, GEOCODER = "https://overpass-api.de/api", "https://nominatim.openstreetmap.org"
MARGIN_M = 2000.0
"""Twice the longest walk that a shipped metric follows (1,000 m): whoever lives at the edge finds every facility in reach, and each of these
all of its users."""
MAX_MARGIN_M = 50_000.0
ATTIC_SINCE = date(2012, 9, 13)
"""The day from which OpenStreetMap's servers know the past: older data stood under another licence."""
_MAX_NAME = 200
_SLUG = 40
_GOES_WITH = {"date": ("place", "polygon"), "server": ("place", "polygon"), "margin_m": ("place", "polygon"), "geocoder": ("place",),
              "made_up": ("file",)}  # fmt: skip


@dataclass(frozen=True)
class OsmRequest:
    """What ``spatial fetch`` asks for, and where the answers are kept.

    Attributes
    ----------
    place
        Name for the geocoder; empty where ``polygon`` is given.
    polygon
        A local outline in place of the geocoder's.
    date
        State of the data at the beginning of that day (UTC), ISO; empty for now.
    server, geocoder
        Base addresses of Overpass and Nominatim.
    margin_m
        How far beyond the outline's box data are asked for.
    kept
        The answer: one OSM XML file, read like any extract.
    outline
        The geocoder's outline, or ``polygon`` itself.
    """

    place: str
    polygon: Path | None
    date: str
    server: str
    geocoder: str
    margin_m: float
    kept: Path
    outline: Path


def parse_osm(table: Mapping[str, Any], path: Path, faults: Faults) -> tuple[Path | None, OsmRequest | None]:
    """Check ``[osm]``.

    Parameters
    ----------
    table
        As it stands in ``city.toml``; an empty one is a fault.
    path
        ``city.toml``, for messages and as what paths are relative to.
    faults
        Where every fault is gathered.

    Returns
    -------
    tuple
        The OSM file that is read, and, for a place or a polygon, the request that it answers.
    """
    where = f"{path} [osm]"
    before = len(faults.messages)
    for message in catalogue.check_keys(table, OSM_KEYS, where=where) + [
        message for key in (*WAYS, "server", "geocoder") for message in catalogue.check_type(table, key, str, "text", where=where)
    ]:
        faults.add(message)
    for message in catalogue.check_type(table, "made_up", bool, "true or false", where=where):
        faults.add(message)
    given = [key for key in WAYS if table.get(key)]
    if not given:
        faults.add(f'{where}: file is missing; write file = "data/city.osm.pbf", or place = "…" or polygon = "…", or remove [osm]')
    elif len(given) > 1:
        faults.add(f"{where}: {' and '.join(given)} are given; keep one of them")
    else:
        for key, companions in _GOES_WITH.items():
            if key in table and given[0] not in companions:
                faults.add(f"{where}: {key} goes with {' or '.join(companions)}, not with {given[0]}; remove it")
    day = _day(table.get("date"), where, faults)
    margin_m = _margin(table.get("margin_m", MARGIN_M), where, faults)
    for key in ("server", "geocoder"):
        if isinstance(table.get(key), str) and (fault := address_fault(table[key])):
            faults.add(f"{where}: {key} {fault}")
    place, polygon = table.get("place"), table.get("polygon")
    if isinstance(place, str) and place:
        _check_place(place, where, faults)
    if isinstance(polygon, str) and polygon.lower().endswith(RASTER_ENDINGS):
        faults.add(f"{where}: polygon must be a vector file with the city's outline, not a raster")
    if len(faults.messages) > before:
        return None, None
    if given == ["file"]:
        return path.parent / table["file"], None
    request = _request(table, path.parent, day, margin_m)
    return request.kept, request


def check_fetched(request: OsmRequest, city_toml: Path) -> None:
    """Assert that the answers of a request are there; nothing is asked for.

    Raises
    ------
    SourceError
        They are not; says how to get them, and how to do without.
    """
    asked = f'place = "{shown(request.place)}"' if request.place else f'polygon = "{shown(request.polygon)}"'
    for path in (request.kept, request.outline):
        if path != request.polygon and not path.is_file():
            raise SourceError(
                f'{city_toml} [osm]: {asked} is not fetched yet ({path.name} is not in {path.parent}); "spatial fetch {city_toml}" gets it and'
                f" needs the internet. {WITHOUT_INTERNET}"
            )


WITHOUT_INTERNET = (
    "Without internet: get an extract of the city (.osm.pbf) from a colleague or an extract service, put it into data/ and write"
    ' file = "data/city.osm.pbf" in [osm] in place of place or polygon'
)


def address_fault(address: str) -> str:
    """Say what is wrong with the base address of a server; empty where nothing is.

    Plain http is readable and changeable on its way: it is for a server on this machine or in one's own network, named by its number.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f'"{shown(address)}" is no address; write it as "{SERVER}"'
    if not host or not address.isprintable() or any(letter.isspace() for letter in address):
        return f'"{shown(address)}" is no address; write it as "{SERVER}"'
    if parts.username is not None or parts.password is not None:
        return "holds a user or a password; city.toml is passed on to others, and this cannot be used"  # and it is not shown
    if parts.query or parts.fragment:
        return f'"{shown(address)}" has a ? or #; give the base address alone, such as "{SERVER}"'
    if parts.scheme == "https" or (parts.scheme == "http" and is_near(host)):
        return ""
    if parts.scheme == "http":
        return f'"{shown(address)}" is not encrypted; use https:// (http:// is for this machine or a number of one\'s own network)'
    return f'"{shown(address)}" must begin with https://'


def is_near(host: str) -> bool:
    """Tell whether a host is this machine or a number of one's own network."""
    if host == "localhost":
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return False
    return number.is_loopback or (number.is_private and not number.is_unspecified and not number.is_link_local)


def slug(name: str) -> str:
    """Make a file name of any text: letters and digits of every script stay, all else becomes ``-``; never empty, never a path.

    >>> slug("Las Palmas / España")
    'las-palmas-españa'
    >>> slug("../..")
    'place'
    """
    plain = "".join(letter if letter.isalnum() else "-" for letter in unicodedata.normalize("NFKC", name).lower())
    words = "-".join(word for word in plain.split("-") if word)[:_SLUG]
    return words.encode("utf-8")[:120].decode("utf-8", "ignore").strip("-") or "place"


def _request(table: Mapping[str, Any], base: Path, day: str, margin_m: float) -> OsmRequest:
    place, polygon = str(table.get("place", "")).strip(), table.get("polygon")
    server, geocoder = (str(table.get(key, default)).rstrip("/") for key, default in (("server", SERVER), ("geocoder", GEOCODER)))
    server = server.removesuffix("/interpreter")
    # Other servers may know other things: what one said is not taken for the answer of another.
    asked = {"place": place, "polygon": polygon or "", "date": day, "margin_m": margin_m, "server": server, "geocoder": geocoder}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:10]
    stem = f"{slug(place or Path(str(polygon)).stem)}-{digest}"
    data = base / "data"
    outline = base / polygon if polygon else data / f"{stem}.geojson"
    return OsmRequest(
        place, base / polygon if polygon else None, day, server, geocoder, margin_m, data / f"{stem}.osm.gz", outline
    )  # fmt: skip


def _check_place(place: str, where: str, faults: Faults) -> None:
    if not place.isprintable():
        faults.add(f'{where}: place = "{shown(place)}" holds letters that cannot be shown; write the plain name')
    elif len(place) > _MAX_NAME:
        faults.add(f"{where}: place has {len(place)} letters, at most {_MAX_NAME} are sent to a geocoder; write the plain name")
    elif not any(letter.isalnum() for letter in place):
        faults.add(f'{where}: place = "{shown(place)}" is no name; write it as in "Changchun, China"')


def _day(value: Any, where: str, faults: Faults) -> str:
    if value is None:
        return ""
    try:
        day = date.fromisoformat(value.isoformat()[:10] if isinstance(value, date) else str(value))
    except ValueError:
        faults.add(f'{where}: date must be written as "2024-04-09", not {value!r}')
        return ""
    if day < ATTIC_SINCE:
        faults.add(f"{where}: date = {day}: the servers know the past from {ATTIC_SINCE} on; take a later day, or an old extract with file")
    return day.isoformat()


def _margin(value: Any, where: str, faults: Faults) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= MAX_MARGIN_M:
        faults.add(f"{where}: margin_m must be metres from 0 to {MAX_MARGIN_M:.0f}, not {value!r}")
        return MARGIN_M
    return float(value)
