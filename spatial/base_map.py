"""What lies under a map: none by default, a service of ``data/base_maps.toml``, or a template of tiles; never one that is shifted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from spatial import catalogue
from spatial.errors import Faults, ProjectError, nearest, shown
from spatial.osm_request import is_near
from spatial.sheet import Sheet
from spatial.text import Text

NONE = "none"
_EXAMPLE = "https://tiles.example.org/{z}/{x}/{y}.png"
# Names of the WMTS standard for what tile templates call by one letter.
_WMTS = {"TileMatrix": "z", "TileRow": "y", "TileCol": "x"}
_ALLOWED = re.compile(r"[A-Za-z0-9\-._~:/?@!$&()*+,=%{}]+")  # of an address: none that ends a text, a list or a policy of the page
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class BaseMap:
    """Tiles under a map.

    Attributes
    ----------
    title
        As the list of layers calls it.
    tiles
        Templates with ``{z}``, ``{x}`` and ``{y}``, the undermost first, with the user's token in them; they stand in the page and nowhere else.
    attribution
        Whose they are; a mark that must stay visible comes first.
    max_zoom
        Up to which zoom there are tiles.
    """

    title: Text
    tiles: tuple[str, ...]
    attribution: str
    max_zoom: int = 19

    @property
    def origins(self) -> tuple[str, ...]:
        """Scheme, host and port of each server that is asked, each once."""
        parts = (urlsplit(template) for template in self.tiles)
        return tuple(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts))


def base_map_of(sheet: Sheet) -> BaseMap | None:
    """Return what lies under the maps of a city.

    Returns
    -------
    BaseMap or None
        ``None`` where nothing does, which is the default.

    Raises
    ------
    ProjectError
        The base map cannot be used; says why, and what to do instead.
    """
    faults = Faults(ProjectError)
    for message in base_map_faults(sheet, "base_map"):
        faults.add(message)
    faults.raise_if_any()
    if sheet.base_map == NONE:
        return None
    if "://" not in sheet.base_map:
        declared = _declared()["maps"][sheet.base_map]
        tiles = tuple(str(tile).replace("{token}", sheet.base_map_token) for tile in declared["tiles"])
        said = sheet.base_map_attribution or declared["attribution"]
        credit = f"{declared['mark']} · {said}" if "mark" in declared else said
        return BaseMap(Text(**declared["title"]), tiles, credit, int(declared["max_zoom"]))
    template = _plain(sheet.base_map)
    host = urlsplit(template).hostname or ""
    return BaseMap(Text(host, host), (template,), sheet.base_map_attribution)


def base_map_faults(sheet: Sheet, where: str) -> list[str]:
    """List what is wrong with the base map of a sheet; the address itself is never shown, since it may hold a token."""
    name, table = sheet.base_map, _declared()
    if name == NONE:
        return []
    if (service := _refused(name, table)) is not None:
        return [f"{where}: {_why(service)}"]
    if "://" not in name:
        return _service_faults(sheet, table["maps"], where)
    message = _template_fault(name)
    if message:
        return [f"{where}: {message}"]
    if not sheet.base_map_attribution.strip():
        return [f'{where}: tiles need base_map_attribution, whose they are, as in base_map_attribution = "© City survey"']
    return []


def is_openstreetmap(sheet: Sheet) -> bool:
    """Tell whether the base map is drawn from OpenStreetMap, by its name or by the host of a template."""
    known = _declared()["maps"]["osm"]["hosts"]
    return sheet.base_map == "osm" or any(host == each or host.endswith(f".{each}") for host in [_host(sheet.base_map)] for each in known)


def is_in_own_network(sheet: Sheet) -> bool:
    """Tell whether the tiles come from this machine or from a number of one's own network."""
    return bool(host := _host(sheet.base_map)) and is_near(host)


def _host(template: str) -> str:
    """Return the host of a template; empty for a name, and where it cannot be read."""
    try:
        return (urlsplit(template).hostname or "").lower().rstrip(".") if "://" in template else ""
    except ValueError:
        return ""


def _declared() -> Mapping[str, Any]:
    return catalogue.reference("base_maps")


def _refused(name: str, table: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the shifted service that a name or an address means."""
    host = _host(name)
    for service in table["refused"]:
        if name.strip().lower() in service["names"] or any(host == known or host.endswith(f".{known}") for known in service["hosts"]):
            return dict(service)
    return None


def _why(service: Mapping[str, Any]) -> str:
    return (
        f"{service['title']} draws its tiles in {service['datum']}, some hundred metres beside where everything lies (about 590 m at Changchun): areas and"
        ' evidence would stand beside their streets, and shifting what was measured would falsify it. Take base_map = "tianditu" with your own token,'
        ' which is not shifted, "osm", or tiles of your survey office'
    )


def _service_faults(sheet: Sheet, known: Mapping[str, Any], where: str) -> list[str]:
    if sheet.base_map not in known:
        names = [NONE, *known]
        return [
            f'{where}: there is no base map "{shown(sheet.base_map)}"{nearest(sheet.base_map, names)}; known: {", ".join(names)}, or a template of tiles'
            f' such as "{_EXAMPLE}"'
        ]
    if not any("{token}" in tile for tile in known[sheet.base_map]["tiles"]):
        return []
    if not sheet.base_map_token:
        return [f'{where}: "{sheet.base_map}" needs base_map_token, your own, which its site gives to registered users']
    if not _TOKEN.fullmatch(sheet.base_map_token):
        return [f"{where}: base_map_token has other signs than letters, digits, _ and -; copy it again from the site of the service"]
    return []


def _plain(template: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: f"{{{_WMTS.get(match[1], match[1])}}}", template)


def _template_fault(template: str) -> str:
    try:
        parts = urlsplit(template)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return f'the template of tiles is no address; write it as "{_EXAMPLE}"'
    if not _ALLOWED.fullmatch(template) or not re.fullmatch(r"[A-Za-z0-9.-]+", host):
        return f'the template of tiles has signs that no address has (other letters are written %E5%…); write it as "{_EXAMPLE}"'
    if parts.username is not None or parts.password is not None:
        return "the template of tiles holds a user or a password; the page is passed on to others, and it cannot be used"
    if parts.netloc.lower() != (host if port is None else f"{host}:{port}"):
        return f'the host of the template of tiles cannot be read; write it as "{_EXAMPLE}"'
    if parts.scheme != "https" and not (parts.scheme == "http" and is_near(host)):
        return "the template of tiles must begin with https:// (http:// is for this machine or a number of one's own network)"
    named = re.findall(r"\{([^{}]*)\}", _plain(template))
    if "s" in named:
        return "{s} of the template of tiles means several servers; write one of them out, as in https://a.tiles.example.org/…"
    if unknown := [name for name in named if name not in ("z", "x", "y")]:
        return f"{{{shown(unknown[0])}}} of the template of tiles is not known; write out what it stands for; {{z}}, {{x}} and {{y}} are filled in"
    if missing := [name for name in ("z", "x", "y") if name not in named]:
        return f'the template of tiles lacks {{{missing[0]}}}; write it as "{_EXAMPLE}"'
    return ""
