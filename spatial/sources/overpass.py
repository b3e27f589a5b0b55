"""Ask OpenStreetMap's servers: the only room of this package that touches the network, politely and one request at a time.

A place name goes to a Nominatim server through osmnx's geocoder, a query to an Overpass server; what comes back is checked, never trusted.
"""

from __future__ import annotations

import contextlib
import email.utils
import io
import json
import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from spatial.errors import FetchError, shown
from spatial.files import atomic_path
from spatial.progress import Progress
from spatial.sources.in_time import in_time
from spatial.sources.osm_answer import BrokenAnswerError, RemarkedAnswerError, check_answer
from spatial.sources.places import Place, chosen_place, no_outline, read_places

T = TypeVar("T")
Box = tuple[float, float, float, float]
ELSEWHERE = "copy the project to a folder that can be written, and fetch there"
LICENCE = "© OpenStreetMap contributors, ODbL 1.0"
OVERPASS_TIMEOUT_S = 180
OVERPASS_MEMORY = 1 << 29
_BUSY = (408, 425, 429, 500, 502, 503, 504, 509)
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Patience:
    """How long servers are waited for, how often they are asked, and how much is taken from them.

    Attributes
    ----------
    tries
        Requests for one answer, the first included.
    connect_s, silence_s
        Seconds without a connection, and without a byte; a server that computes says nothing for as long as the query allows it.
    answer_s
        Seconds for one whole answer.
    wait_s, longest_wait_s
        Pause before the second try, doubled with each further one, and the longest pause; a server that asks for more is left alone.
    answer_bytes, place_bytes
        Size of an Overpass answer and of a geocoder's, from which it is refused.
    """

    tries: int = 5
    connect_s: float = 20.0
    silence_s: float = OVERPASS_TIMEOUT_S + 60.0
    answer_s: float = 1800.0
    wait_s: float = 15.0
    longest_wait_s: float = 300.0
    answer_bytes: int = 1 << 29
    place_bytes: int = 1 << 26


class TooLargeError(FetchError):
    """An answer is larger than what is taken, or too much for the server: ask for less at a time."""


class UnreachableError(FetchError):
    """There is no way to a server, as on a machine without internet."""


class _BusyError(Exception):
    """A server that may answer later."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.why, self.wait_s = why, wait_s


@dataclass
class Servers:
    """Requests to servers, one after the other.

    Attributes
    ----------
    progress
        Says what is asked and what is waited for.
    patience
        Limits.
    sleep
        How to wait.
    """

    progress: Progress
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    _reached: set[str] = field(default_factory=set)

    def geocode(self, geocoder: str, name: str) -> Place:
        """Ask a geocoder for the outline of a place.

        Parameters
        ----------
        geocoder
            Base address of a Nominatim server.
        name
            Name of the place.

        Raises
        ------
        FetchError
            The server cannot be reached, is busy for too long, answers with nonsense, does not know the place, or knows no outline of it.
        """
        import requests

        def ask() -> Place:
            answers: list[dict[str, Any]] = []
            deadline = time.monotonic() + self.patience.answer_s

            def read(response: Any, **_: Any) -> Any:
                with response:
                    _check_status(response, geocoder)
                    body = b"".join(self._body(response, self.patience.place_bytes, geocoder))
                if time.monotonic() > deadline:  # given up: osmnx, which has its own settings again, must get nothing to keep
                    raise self._too_late()
                answers.extend(read_places(body, geocoder))
                if not answers:
                    raise FetchError(
                        f'place = "{shown(name)}": the geocoder {_host(geocoder)} does not know it; write it as in "Changchun, China",'
                        ' or give an outline of your own with polygon = "data/outline.geojson"'
                    )
                read_anew = requests.Response()  # for osmnx, whose first versions take the answers in any order
                read_anew.status_code, read_anew.url, read_anew.reason = 200, response.url, "OK"
                read_anew.encoding, read_anew.raw = "utf-8", io.BytesIO(json.dumps(answers).encode())
                return read_anew

            with self._told(geocoder), _osmnx(geocoder, self.patience, read) as geocoder_module:
                try:
                    (found,) = self._in_time(lambda: iter([geocoder_module.geocode_to_gdf(name)]), deadline)
                except TypeError:  # what osmnx raises where no answer has an outline
                    raise no_outline(name, geocoder, answers) from None
            return chosen_place(found, answers, name, geocoder)

        return self._patiently(f'ask {_host(geocoder)} for "{shown(name)}"', geocoder, ask)

    def download(self, server: str, query: str, target: Path, what: str, *, box: Box | None = None, divisible: bool = False) -> None:
        """Ask an Overpass server and keep its answer, whole and checked.

        Parameters
        ----------
        server
            Base address; the query goes to its ``interpreter``.
        query
            Overpass QL with ``out:xml``.
        target
            File for the answer; it appears when it is whole.
        what
            Name of the step.
        box
            West, south, east, north that the query asks for, degrees: an answer from elsewhere is refused.
        divisible
            Whether the caller can ask for less at a time: then a server that runs out of time or memory is not asked for the same again.

        Raises
        ------
        TooLargeError
            The answer is larger than ``patience.answer_bytes``, or the server ran out of time or memory over what is divisible.
        FetchError
            The server cannot be reached, is busy for too long, or answers with nonsense.
        OutputError
            The file cannot be written.
        """

        def ask() -> None:
            # The line's failures are told inside: to atomic_path they would look like those of the disk.
            with atomic_path(target, ELSEWHERE) as part, self._told(server):
                self._post(f"{server}/interpreter", query, part, server)
                try:
                    check_answer(part, f"{server}/interpreter", box)
                except BrokenAnswerError as error:
                    raise _BusyError(f"its answer broke off ({error})") from error
                except RemarkedAnswerError as error:
                    if divisible and ("out of memory" in str(error) or "timed out" in str(error)):
                        raise TooLargeError(
                            f'{server}: gave up over the query: "{shown(error, 200)}"; the area may be too large'
                        ) from error
                    raise _BusyError(f'it remarks "{shown(error, 200)}"') from error

        self._patiently(what, server, ask)

    def _patiently(self, what: str, server: str, ask: Callable[[], T]) -> T:
        """Ask until there is an answer, waiting longer each time; give up after a bounded number of tries."""
        why = ""
        longest_s = self.patience.longest_wait_s
        for tried in range(1, self.patience.tries + 1):
            try:
                with self.progress.step(what):
                    answer = ask()
            except _BusyError as busy:
                why, wished_s = busy.why, busy.wait_s
            else:
                self._reached.add(server)
                return answer
            self._reached.add(server)
            if wished_s is not None and wished_s > longest_s:
                raise FetchError(f"{server}: {why}; run the same command again after that")
            if tried < self.patience.tries:
                wait_s = min(self.patience.wait_s * 2 ** (tried - 1), longest_s) if wished_s is None else wished_s
                with self.progress.step(f"{_host(server)}: {why}; waiting {wait_s:.0f} s, then try {tried + 1} of {self.patience.tries}"):
                    self.sleep(wait_s)
        raise FetchError(f"{server}: {why}; asked {self.patience.tries} times; try again later, or another server")

    def _post(self, url: str, query: str, target: Path, server: str) -> None:
        import requests

        timeout = (self.patience.connect_s, self.patience.silence_s)
        headers = {"User-Agent": user_agent()}

        def answer() -> Iterator[bytes]:
            with requests.post(
                url, {"data": query}, headers=headers, timeout=timeout, proxies=_proxies(server), stream=True, allow_redirects=False
            ) as response:
                _check_status(response, server)
                yield from self._body(response, self.patience.answer_bytes, server)

        with (
            target.open("wb") as kept,
            contextlib.closing(self._in_time(answer, time.monotonic() + self.patience.answer_s)) as blocks,
        ):
            for block in blocks:
                kept.write(block)

    def _in_time(self, make: Callable[[], Iterator[T]], deadline: float) -> Generator[T, None, None]:
        try:
            yield from in_time(make, deadline)
        except TimeoutError as error:
            raise self._too_late() from error

    def _too_late(self) -> _BusyError:
        return _BusyError(f"its answer took longer than {self.patience.answer_s:.0f} s")

    @contextlib.contextmanager
    def _told(self, server: str) -> Iterator[None]:
        """Turn what goes wrong on the line into an answer that may come later, or into one clear error."""
        import requests
        import urllib3

        try:
            yield
        except requests.exceptions.ConnectTimeout as error:
            if server in self._reached:
                raise _BusyError("it takes no connection") from error
            raise UnreachableError(f"{server}: cannot be reached (no connection in time); this needs the internet") from error
        except requests.exceptions.SSLError as error:
            raise FetchError(f"{server}: its certificate cannot be trusted ({_reason(error)}); ask whoever runs your network") from error
        except requests.exceptions.ProxyError as error:
            raise FetchError(f"{server}: the proxy of this machine does not let through ({_reason(error)}); check HTTPS_PROXY") from error
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise _BusyError("it does not answer in time") from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError, urllib3.exceptions.HTTPError) as error:
            raise _BusyError("its answer broke off") from error
        except requests.exceptions.ConnectionError as error:
            if "timed out" in str(error):  # silence in the middle of an answer
                raise _BusyError("it does not answer in time") from error
            if server in self._reached or "Connection aborted" in str(error):
                raise _BusyError(f"the connection is lost ({_reason(error)})") from error
            raise UnreachableError(f"{server}: cannot be reached ({_reason(error)}); this needs the internet") from error
        except requests.exceptions.RequestException as error:
            raise FetchError(f"{server}: cannot be asked ({_reason(error)})") from error

    def _body(self, response: Any, limit: int, server: str) -> Iterator[bytes]:
        """Yield the body of an answer; refuse one that is too large."""
        size = 0
        announced = response.headers.get("Content-Length", "")
        if announced.isascii() and announced.isdecimal() and int(announced[:18]) > limit:
            raise TooLargeError(f"{server}: its answer has {int(announced[:18])} bytes, more than the {limit} that are taken")
        for block in response.iter_content(_CHUNK):
            size += len(block)
            if size > limit:
                raise TooLargeError(f"{server}: its answer has more than the {limit} bytes that are taken")
            yield block


def overpass_query(box: Box, day: str) -> str:
    """Write the query for everything inside a box.

    Parameters
    ----------
    box
        West, south, east, north, degrees.
    day
        ISO date of the state that is asked for; empty for now.

    Returns
    -------
    str
        Nodes, ways and relations that meet the box, whole ways, and whole areas: members of multipolygons wherever they lie. Of routes and
        administrative boundaries only the members inside come, since they run through whole countries.
    """
    west, south, east, north = box
    here = f"({south:.7f},{west:.7f},{north:.7f},{east:.7f})"
    attic = f'[date:"{day}T00:00:00Z"]' if day else ""
    return (
        f"[out:xml][timeout:{OVERPASS_TIMEOUT_S}][maxsize:{OVERPASS_MEMORY}]{attic};"
        f"node{here}->.nodes;way{here}->.ways;rel{here}->.relations;"
        'rel.relations["type"~"^(multipolygon|boundary)$"]["boundary"!="administrative"]->.areas;'
        "(.nodes;.ways;.relations;.ways >;.areas >;);out meta;"
    )


def user_agent() -> str:
    """Name this project to a server, as its operators ask for."""
    from spatial import __version__

    return f"spatial-planning/{__version__} (planning metrics; spatial fetch)"


def _check_status(response: Any, server: str) -> None:
    code = response.status_code
    if code == 200:
        return
    said = f"it answers {code} {shown(response.reason or '', 40)}".rstrip()
    if code in _BUSY:
        wait_s = _retry_after(response.headers.get("Retry-After"))
        raise _BusyError(f"{said} and asks to wait {wait_s:.0f} s" if wait_s is not None else said, wait_s)
    if 300 <= code < 400:
        onward = shown(response.headers.get("Location", "elsewhere"), 200)
        raise FetchError(f"{server}: sends on to {onward}, which is not followed; if you trust it, name it in [osm] (server or geocoder)")
    with contextlib.suppress(Exception):
        text = next(response.iter_content(4096), b"").decode("utf-8", "replace")
        reason = " ".join(re.sub(r"<[^>]*>", " ", text.split("<body>")[-1]).split())
        said = f'{said}: "{shown(reason, 200)}"' if reason else said
    raise FetchError(f"{server}: {said}; check the address, and that this server may be used")


def _retry_after(value: str | None) -> float | None:
    """Seconds that a server asks to wait, from a number or a date."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        then = email.utils.parsedate_to_datetime(value)
        return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return None


def _reason(error: BaseException) -> str:
    """Name what lies at the bottom of an error in few words: ``Connection refused``."""
    seen: BaseException | None = error
    said = type(error).__name__
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            said = seen.strerror
        inner = getattr(seen, "reason", None) or (seen.args[0] if seen.args else None)
        seen = inner if isinstance(inner, BaseException) else (seen.__cause__ or seen.__context__)
    return shown(said, 120)


def _host(server: str) -> str:
    return urlsplit(server).netloc


def _proxies(server: str) -> dict[str, str]:
    """Let this machine's own servers be asked directly, whatever proxy the environment names."""
    from ipaddress import ip_address

    host = urlsplit(server).hostname or ""
    with contextlib.suppress(ValueError):
        if ip_address(host).is_loopback:
            return {"no_proxy": host}
    return {"no_proxy": host} if host == "localhost" else {}


@contextlib.contextmanager
def _osmnx(geocoder: str, patience: Patience, read: Callable[..., Any]) -> Iterator[Any]:
    """Lend osmnx our settings: no cache or log folder, no redirects, our name and limits; afterwards it has its own again."""
    from osmnx import geocoder as geocoder_module
    from osmnx import settings

    kwargs = {"hooks": {"response": read}, "allow_redirects": False, "stream": True, "proxies": _proxies(geocoder)}
    ours = {
        "use_cache": False, "cache_only_mode": False, "log_file": False, "log_console": False, "nominatim_url": geocoder,
        "http_user_agent": user_agent(), "http_referer": user_agent(), "http_accept_language": "*", "default_crs": "EPSG:4326",
        "requests_timeout": (patience.connect_s, patience.silence_s), "requests_kwargs": kwargs,
    }  # fmt: skip
    theirs = {name: getattr(settings, name) for name in ours}
    try:
        for name, value in ours.items():
            setattr(settings, name, value)
        yield geocoder_module
    finally:
        for name, value in theirs.items():
            setattr(settings, name, value)
