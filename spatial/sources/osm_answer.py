"""Check answers of an Overpass server, and merge many into one OSM file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

from spatial.errors import FetchError, SourceError, shown

_BASE = re.compile(rb"<meta\s[^>]*?osm_base=[\"']([^\"'<>]{10,40})[\"']")
_KINDS = ("node", "way", "relation")


class BrokenAnswerError(Exception):
    """An answer that begins as OSM data and does not end; it may come whole the next time."""


class RemarkedAnswerError(Exception):
    """An answer in which the server says that it is not complete."""


@dataclass(frozen=True)
class Answer:
    """What a whole answer holds.

    Attributes
    ----------
    elements
        Nodes, ways and relations; an area may be empty.
    base
        State of the server's data, as it says: ``2024-04-10T00:00:00Z``, or another text where the server was filled by hand.
    """

    elements: int
    base: str


@dataclass
class _Seen:
    root: str = ""
    inside: str = ""
    remark: str = ""
    base: str | None = None
    elements: int = 0
    west: float = math.inf
    south: float = math.inf
    east: float = -math.inf
    north: float = -math.inf

    def node(self, attributes: dict[str, str]) -> None:
        try:
            lon, lat = float(attributes["lon"]), float(attributes["lat"])
        except (KeyError, ValueError):  # osmium says what is wrong with it
            return
        self.west, self.east = min(self.west, lon), max(self.east, lon)
        self.south, self.north = min(self.south, lat), max(self.north, lat)

    def meets(self, box: tuple[float, float, float, float]) -> bool:
        west, south, east, north = box
        return self.west <= east and self.east >= west and self.south <= north and self.north >= south


def check_answer(path: Path, where: str, box: tuple[float, float, float, float] | None = None) -> Answer:
    """Read an answer from end to end.

    Parameters
    ----------
    path
        XML as it came.
    where
        Who answered, for messages.
    box
        West, south, east, north of what was asked for, degrees; ``None`` asks nothing of the place.

    Returns
    -------
    Answer
        What it holds.

    Raises
    ------
    BrokenAnswerError
        It is OSM data that break off.
    RemarkedAnswerError
        The server remarks that it stopped early: what came is a part, however well-formed.
    FetchError
        It is something else: a web page, JSON, nothing, XML that declares entities, OSM data that do not say of when they are, that lie
        elsewhere, or that have impossible values.
    """
    seen = _Seen()
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: Any) -> None:
        raise FetchError(f"{where}: answers with XML that declares a document type, which OSM data never do; it is not read")

    def begin(name: str, attributes: dict[str, str]) -> None:
        if not seen.root:
            seen.root = name
            if name != "osm":
                raise FetchError(_nonsense(where, path))
        seen.inside = name
        if name in _KINDS:
            seen.elements += 1
            if name == "node":
                seen.node(attributes)
        elif name == "meta" and "osm_base" in attributes:
            seen.base = attributes["osm_base"]

    def text(data: str) -> None:
        if seen.inside == "remark" and len(seen.remark) < 500:
            seen.remark += data

    def end(_: str) -> None:
        if seen.inside == "remark" and not seen.remark:
            seen.remark = "?"
        seen.inside = ""

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, text
    try:
        with path.open("rb") as source:
            parser.ParseFile(source)
    except expat.ExpatError as error:
        if seen.remark:
            raise RemarkedAnswerError(" ".join(seen.remark.split())) from error
        if seen.root:
            raise BrokenAnswerError(expat.ErrorString(error.code)) from error
        raise FetchError(_nonsense(where, path)) from error
    if seen.remark:
        raise RemarkedAnswerError(" ".join(seen.remark.split()))
    if seen.base is None:
        raise FetchError(
            f"{where}: answers with OSM data without <meta osm_base=…>, with which every answer of Overpass begins; something else may have"
            " answered, and what it left out cannot be known; try another server"
        )
    _check_values(path, where)
    if box and seen.elements and not seen.meets(box):
        raise FetchError(
            f"{where}: answers with data of another place, nothing of which lies inside what was asked for; try another server"
        )
    return Answer(seen.elements, seen.base)


def base_of(path: Path) -> datetime | None:
    """Read of when a kept answer is; ``None`` where it does not say it as a time."""
    with path.open("rb") as source:
        found = _BASE.search(source.read(4096))
    try:
        return datetime.fromisoformat(found[1].decode("ascii")).astimezone(UTC) if found else None
    except (ValueError, OverflowError):
        return None


def _check_values(path: Path, where: str) -> None:
    """Let osmium read every value, so that what is kept can be merged."""
    import osmium

    try:
        for _ in osmium.FileProcessor(str(path)).with_filter(osmium.filter.KeyFilter("-")):  # hardly a feature reaches Python
            pass
    except (RuntimeError, ValueError, osmium.InvalidLocationError) as error:
        raise FetchError(f"{where}: answers with OSM data that cannot be read ({shown(error, 120)}); try another server") from error


def merge_answers(parts: Sequence[Path], box: tuple[float, float, float, float], target: Path) -> int:
    """Merge answers into one sorted OSM XML file with a header box.

    Parameters
    ----------
    parts
        Checked answers; a feature that stands in several is kept once, in its newest version.
    box
        West, south, east, north of what was asked for; stands in the header, so that the reader knows what the data cover.
    target
        New file, ``.osm`` or ``.osm.gz``. Who edited what is left out; versions and dates are kept.

    Returns
    -------
    int
        How many nodes, ways and relations it holds.

    Raises
    ------
    SourceError
        An answer cannot be read any more, or the file cannot be written.
    """
    import osmium

    count = 0
    header = osmium.io.Header()
    header.set("generator", "spatial")
    header.add_box(osmium.osm.Box(*box))
    kind = "osm.gz" if target.name.endswith(".gz") else "osm"
    try:
        together = osmium.MergeInputReader()
        for part in parts:
            together.add_file(str(part))
        target.unlink(missing_ok=True)
        writer = osmium.SimpleWriter(osmium.io.File(str(target), f"{kind},add_metadata=version+timestamp"), header=header)
        try:
            together.apply(writer, simplify=True)
        finally:
            writer.close()
        for _ in osmium.FileProcessor(str(target)):
            count += 1
    except (RuntimeError, ValueError, osmium.InvalidLocationError) as error:
        raise SourceError(
            f"{target.parent}: the answers cannot be merged ({shown(error, 200)}); free some space if the disk is full, else remove that folder, and fetch again"
        ) from error
    return count


def _nonsense(where: str, path: Path) -> str:
    with path.open("rb") as source:
        head = source.read(200).decode("utf-8", "replace").strip()
    said = f'answers with what is no OSM data ("{shown(" ".join(head.split()))}")' if head else "answers with nothing"
    return f"{where}: {said}; check that the address is that of an Overpass server, and that no log-in page stands before it"
