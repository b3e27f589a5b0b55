"""A geocoder and an Overpass server on 127.0.0.1, with a small made-up city behind them, and with every bad mood of real ones."""

from __future__ import annotations

import functools
import json
import re
import threading
import xml.etree.ElementTree as ET
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import shapely

from tests.small_city import BOX, osm_xml

Mood = Callable[[BaseHTTPRequestHandler, bytes], None]
"""What a server does with one request, given the answer that it would send if it were well."""


def place(
    name: str = "试城, 吉林省, 中国", outline: Any = None, kind: str = "boundary", number: int = 220100, **more: Any
) -> dict[str, Any]:
    """One entry of a geocoder's list, made up, in the form that Nominatim has."""
    outline = shapely.box(*BOX) if outline is None else outline
    west, south, east, north = shapely.bounds(outline)
    return {
        "place_id": number, "licence": "Data © OpenStreetMap contributors, ODbL 1.0.", "osm_type": "relation", "osm_id": number,
        "boundingbox": [str(south), str(north), str(west), str(east)], "lat": str((south + north) / 2), "lon": str((west + east) / 2),
        "display_name": name, "class": kind, "type": "administrative", "importance": 0.7, "geojson": shapely.geometry.mapping(outline),
    } | more  # fmt: skip


@dataclass
class MapServers:
    """What the servers know and what they were asked."""

    osm: str = field(default_factory=osm_xml)
    places: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"试城": [place()]})
    moods: deque[Mood | None] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    closing: threading.Event = field(default_factory=threading.Event)
    at_once: int = 0
    most_at_once: int = 0
    address: str = ""

    @property
    def overpass(self) -> str:
        return f"{self.address}/api"

    @property
    def geocoder(self) -> str:
        return f"{self.address}/nominatim"

    def queries(self) -> list[str]:
        """Overpass queries so far."""
        return [text for text in self.asked if text.startswith("[out:xml]")]

    def answer(self, path: str, body: bytes) -> bytes:
        if urlsplit(path).path == "/nominatim/search":
            name = parse_qs(urlsplit(path).query)["q"][0]
            self.asked.append(name)
            return json.dumps(self.places.get(name, [])).encode()
        assert path == "/api/interpreter", path
        query = parse_qs(body.decode())["data"][0]
        self.asked.append(query)
        return _extract(self.osm).inside(query).encode()


@functools.lru_cache(maxsize=2)
def _extract(osm: str) -> Extract:
    return Extract(osm)


class Extract:
    """An OSM file that can be asked as Overpass is."""

    def __init__(self, osm: str) -> None:
        root = ET.fromstring(osm)
        self.items = [(item.tag, item.get("id", ""), ET.tostring(item, encoding="unicode")) for item in root]
        at = {node.get("id", ""): (float(node.get("lon", "")), float(node.get("lat", ""))) for node in root.iter("node")}
        self.refs = {way.get("id", ""): [nd.get("ref", "") for nd in way.iter("nd")] for way in root.iter("way")}
        self.relations = {
            relation.get("id", ""): (
                [(member.get("type", ""), member.get("ref", "")) for member in relation.iter("member")],
                {tag.get("k"): tag.get("v") for tag in relation.iter("tag")},
            )
            for relation in root.iter("relation")
        }
        located = {key: [at[ref] for ref in refs if ref in at] for key, refs in self.refs.items()}
        shapes = {key: shapely.LineString(points if len(points) > 1 else points * 2) for key, points in located.items() if points}
        self.nodes, self.points = np.array(list(at)), shapely.points(np.array(list(at.values())).reshape(-1, 2))
        self.ways, self.lines = np.array(list(shapes)), np.array(list(shapes.values()), dtype=object)

    def inside(self, query: str) -> str:
        """What Overpass answers to our query: features that meet the box, whole ways, whole areas."""
        found = re.search(r"node\(([-\d.]+),([-\d.]+),([-\d.]+),([-\d.]+)\)", query)
        assert found, query
        south, west, north, east = map(float, found.groups())
        box = shapely.box(west, south, east, north)
        nodes = set(self.nodes[shapely.intersects(box, self.points)])
        ways = set(self.ways[shapely.intersects(box, self.lines)])
        relations, members_elsewhere = set(), set()
        for key, (members, tags) in self.relations.items():
            if any((kind == "way" and ref in ways) or (kind == "node" and ref in nodes) for kind, ref in members):
                relations.add(key)
                if tags.get("type") in ("multipolygon", "boundary") and tags.get("boundary") != "administrative":
                    members_elsewhere |= {ref for kind, ref in members if kind == "way"}
        ways |= members_elsewhere
        nodes |= {ref for key in ways for ref in self.refs.get(key, ())}
        kept = {"node": nodes, "way": ways, "relation": relations}
        inner = "".join(text for kind, key, text in self.items if key in kept.get(kind, ()))
        note = "<note>The data included in this document is from www.openstreetmap.org. The data is made available under ODbL.</note>"
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6" generator="made up">'
        return f'{head}{note}<meta osm_base="2024-04-10T00:00:00Z"/>{inner}</osm>'


def sends(body: bytes | str, code: int = 200, **headers: str) -> Mood:
    """A server that answers this, whatever it is asked; ``_`` in a header's name is ``-``."""
    content = body.encode() if isinstance(body, str) else body

    def mood(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(code)
        for name, value in ({"Content_Length": str(len(content))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return mood


def well(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    sends(answer)(handler, answer)


def breaks_off(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    """The line breaks in the middle of an answer whose length was told."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(answer)))
    handler.end_headers()
    handler.wfile.write(answer[: len(answer) // 2])


def ends_early(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    """Half an answer that looks whole to HTTP."""
    sends(answer[: len(answer) // 2])(handler, answer)


def says_nothing(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    """Takes the request and is never heard of again."""
    handler.server.servers.closing.wait(20)  # type: ignore[attr-defined]


def stops_halfway(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    """Half an answer, then silence on an open line."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(answer)))
    handler.end_headers()
    handler.wfile.write(answer[: len(answer) // 2])
    handler.wfile.flush()
    handler.server.servers.closing.wait(20)  # type: ignore[attr-defined]


def hangs_up(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    """Closes the line without a word."""


def slow(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    """Well, but in drops."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(answer)))
    handler.end_headers()
    step = len(answer) // 5 + 1
    for start in range(0, len(answer), step):
        handler.server.servers.closing.wait(0.05)  # type: ignore[attr-defined]
        handler.wfile.write(answer[start : start + step])
        handler.wfile.flush()


def drips(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    """A line that is never silent and never comes to its end: one header after the other."""
    _drip(handler, b"HTTP/1.0 200 OK\r\n", b"X-A: b\r\n")


def drips_below_the_header(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    """The same, a letter of the answer at a time."""
    _drip(handler, b"HTTP/1.0 200 OK\r\nContent-Length: 99999\r\n\r\n", b" ")


def _drip(handler: BaseHTTPRequestHandler, first: bytes, again: bytes) -> None:
    closing: threading.Event = handler.server.servers.closing  # type: ignore[attr-defined]
    handler.wfile.write(first)
    for _ in range(80):  # fewer than the headers that http.client takes
        if closing.wait(0.1):
            break
        handler.wfile.write(again)
        handler.wfile.flush()


def remarks(text: str) -> Mood:
    """Well-formed, code 200, and only a part: how Overpass says that it ran out of time or memory."""

    def mood(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
        sends(answer.replace(b"</osm>", f"<remark> {text} </remark></osm>".encode()))(handler, answer)

    return mood


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._any(b"")

    def do_POST(self) -> None:
        self._any(self.rfile.read(int(self.headers["Content-Length"])))

    def _any(self, body: bytes) -> None:
        servers: MapServers = self.server.servers  # type: ignore[attr-defined]
        servers.at_once += 1
        servers.most_at_once = max(servers.most_at_once, servers.at_once)
        servers.agents.add(self.headers["User-Agent"])
        try:
            answer = servers.answer(self.path, body)
            mood = servers.moods.popleft() if servers.moods else None
            (mood or well)(self, answer)
        except (BrokenPipeError, ConnectionResetError):  # the client has given up
            pass
        finally:
            servers.at_once -= 1

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def map_servers() -> Iterator[MapServers]:
    """Run the servers until the block ends."""
    servers = MapServers()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    http.servers = servers  # type: ignore[attr-defined]
    servers.address = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield servers
    finally:
        servers.closing.set()
        http.shutdown()
        http.server_close()
        thread.join()
