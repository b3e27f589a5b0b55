"""Damage to what an extract says, in the text of OSM XML and in the blobs of a PBF file."""

from __future__ import annotations

import bz2
import gzip
import random
import re
import struct
import zlib
from xml.sax.saxutils import quoteattr

from tests.corpus.city import Subject
from tests.corpus.columns import HOSTILE
from tests.corpus.scene import Expected, Scene, damage


def in_text(subject: Subject) -> bool:
    return subject.role == "osm" and subject.kind != "osm.pbf"


def in_blobs(subject: Subject) -> bool:
    return subject.kind == "osm.pbf"


def text_of(scene: Scene) -> str:
    content = scene.path.read_bytes()
    unpack = {"osm.gz": gzip.decompress, "osm.bz2": bz2.decompress}.get(scene.subject.kind, bytes)
    return unpack(content).decode()


def put(scene: Scene, text: str | bytes) -> None:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    pack = {"osm.gz": gzip.compress, "osm.bz2": bz2.compress}.get(scene.subject.kind, bytes)
    scene.path.write_bytes(pack(content))


def _true_extract(scene: Scene, text: str) -> None:
    pack = {"osm.gz": gzip.compress, "osm.bz2": bz2.compress}.get(scene.subject.kind, bytes)
    (scene.true_project() / scene.subject.file).write_bytes(pack(text.encode()))


@damage("extracts", in_text)
def entities(scene: Scene, rng: random.Random) -> Expected:
    """A DOCTYPE whose entities grow without bound, or name a file above the project."""
    text = text_of(scene)
    head, rest = text.split("\n", 1)
    way = rng.choice(["bomb", "quadratic", "file", "parameter", "harmless"])
    lines = {
        "bomb": '<!ENTITY a0 "xxxxxxxxxx">' + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9)),
        "quadratic": f'<!ENTITY a9 "{"x" * 100_000}">',
        "file": '<!ENTITY a9 SYSTEM "../../../sentinel.txt">',
        "parameter": '<!ENTITY % p SYSTEM "../../../sentinel.txt"> %p; <!ENTITY a9 "x">',
        "harmless": '<!ENTITY a9 "x">',
    }[way]
    used = "&a9;" * (1000 if way == "quadratic" else 1)
    rest = rest.replace('v="人民大街"', f'v="{used}"')
    put(scene, f"{head}\n<!DOCTYPE osm [{lines}]>\n{rest}")
    scene.notes.append(way)
    return Expected(("error", "same") if way in ("harmless", "parameter") else ("error",), full=True)


@damage("extracts", in_text)
def impossible_places(scene: Scene, rng: random.Random) -> Expected:
    text = text_of(scene)
    axis, value = rng.choice(
        [("lat", "91"), ("lat", "-91"), ("lon", "181"), ("lon", "500"), ("lat", "NaN"), ("lon", "inf"), ("lon", ""), ("lat", "43,9"), ("lon", "1e2"),
         ("lat", "4e1"), ("lon", "0x7d"), ("lat", "1e308"), ("lon", "125.3E"), ("lat", "１２")]
    )  # fmt: skip
    nodes = re.findall(rf'{axis}="[^"]*"', text)
    put(scene, text.replace(rng.choice(nodes), f'{axis}="{value}"', 1))
    scene.notes.append(f"{axis}={value}")
    lawful = value in ("1e2", "4e1")
    return Expected(("error", "told", "read") if lawful else ("error", "told"), words="osm")


@damage("extracts", in_text)
def missing_nodes(scene: Scene, rng: random.Random) -> Expected:
    """Nodes that a way names are not in the file, as at the edge of an extract; or the way names none."""
    text = text_of(scene)
    nodes = re.findall(r"<node [^>]*/>\n", text)
    count = rng.choice([1, 2, 5, len(nodes)])
    for node in rng.sample(nodes, count):
        text = text.replace(node, "")
    put(scene, text)
    scene.notes.append(f"{count} of {len(nodes)}")
    return Expected(("error", "told"), words="osm: ")


@damage("extracts", in_text)
def not_in_order(scene: Scene, rng: random.Random) -> Expected:
    """Ways before nodes, or ids in another order; osmium needs them sorted, so it is told."""
    text = text_of(scene)
    elements = re.findall(r"<node [^>]*/>\n|<way .*?</way>\n", text, re.S)
    start, end = text.index(elements[0]), text.index(elements[-1]) + len(elements[-1])
    way = rng.choice(["reversed", "shuffled", "ways first", "twice"])
    if way == "reversed":
        elements.reverse()
    elif way == "shuffled":
        rng.shuffle(elements)
    elif way == "ways first":
        elements.sort(key=lambda element: element.startswith("<node"))
    else:
        elements += elements
    put(scene, text[:start] + "".join(elements) + text[end:])
    scene.notes.append(way)
    return Expected(("error",))


@damage("extracts", in_text)
def elements_twice(scene: Scene, rng: random.Random) -> Expected:
    """One way, or node, stands twice, next to itself, as where two extracts were joined."""
    text = text_of(scene)
    element = rng.choice(re.findall(r"<node [^>]*/>\n|<way .*?</way>\n", text, re.S))
    put(scene, text.replace(element, element * 2))
    scene.notes.append(element[:20])
    return Expected(("error", "same", "told"), words="osm")


@damage("extracts", in_text)
def deleted_objects(scene: Scene, rng: random.Random) -> Expected:
    """A history, a change file, or an editor's file with deletions: what is deleted is not there, or the file is refused."""
    text = text_of(scene)
    way = rng.choice(["visible", "action", "change file", "change delete"])
    element = rng.choice(re.findall(r"<way .*?</way>\n", text, re.S))
    without = text.replace(element, "")
    if way == "visible":
        put(scene, text.replace(element, element.replace("<way ", '<way visible="false" ')))
    elif way == "action":  # as JOSM writes it
        own = text.replace('generator="made up"', "generator='JOSM'")
        put(scene, own.replace(element, element.replace("<way ", '<way action="delete" ')))
    elif way == "change file":
        put(scene, text.replace("<osm ", "<osmChange ").replace("</osm>", "</osmChange>"))
        without = text
    else:
        body = text.replace("<osm ", "<osmChange ").replace("</osm>", "</osmChange>")
        put(scene, body.replace(element, f"<delete>{element}</delete>"))
    _true_extract(scene, without)
    scene.notes.append(way)
    return Expected(("error", "told", "truth"), words="osm")


@damage("extracts", in_text)
def strange_ids(scene: Scene, rng: random.Random) -> Expected:
    text = text_of(scene)
    new = rng.choice(["-1", "0", str(2**62), str(2**63), str(2**64), "1.5", "abc", "", "１"])
    node = rng.choice([1, 2, 5])
    put(scene, text.replace(f'<node id="{node}"', f'<node id="{new}"').replace(f'ref="{node}"', f'ref="{new}"'))
    scene.notes.append(f"node {node} is {new}")
    return Expected(("error", "same"))


@damage("extracts", in_text)
def box_of_the_header(scene: Scene, rng: random.Random) -> Expected:
    """A box that is reversed, endless, elsewhere or no box."""
    text = text_of(scene)
    way, box = rng.choice(
        [("reversed", (125.32, 43.92, 125.3, 43.9)), ("the world", (-180, -90, 180, 90)), ("elsewhere", (10, 10, 11, 11)), ("a point", (125.3, 43.9, 125.3, 43.9)),
         ("beyond", (125.3, 43.9, 999, 43.92)), ("no numbers", ("a", "b", "c", "d")), ("NaN", ("NaN", "NaN", "NaN", "NaN"))]
    )  # fmt: skip
    west, south, east, north = box
    put(scene, re.sub(r"<bounds [^>]*/>", f'<bounds minlon="{west}" minlat="{south}" maxlon="{east}" maxlat="{north}"/>', text))
    scene.notes.append(way)
    return Expected(("error", "told", "same") if way == "reversed" else ("error", "told"), words="extract|extent|header")


@damage("extracts", in_text)
def dates_of_edits(scene: Scene, rng: random.Random) -> Expected:
    """A date of another calendar, of no calendar, or of the future may be refused; it must not become the date of the data."""
    text = text_of(scene)
    stamp = rng.choice(["2024-02-30T00:00:00Z", "1403-01-01T00:00:00Z", "2567-04-09T00:00:00Z", "0113-04-09T00:00:00Z", "2024-13-01T00:00:00Z", "民国113年",
                        "9999-12-31T23:59:59Z", "2024-04-09", "", "1969-12-31T00:00:00Z", "2024-04-09T25:00:00Z"])  # fmt: skip
    put(scene, text.replace("2024-04-09T00:00:00Z", stamp, 1))
    scene.notes.append(stamp)
    return Expected(("error", "same", "told"), words="date|edit")


@damage("extracts", in_text)
def hostile_tags_in_an_extract(scene: Scene, rng: random.Random) -> Expected:
    kind = rng.choice(sorted(HOSTILE))
    text = text_of(scene)
    put(scene, text.replace('v="人民大街"', f"v={quoteattr(HOSTILE[kind])}").replace('v="南湖公园"', f"v={quoteattr(HOSTILE[kind])}"))
    scene.notes.append(kind)
    return Expected(("error", "same"), full=True)


@damage("extracts", in_text)
def broken_rings(scene: Scene, rng: random.Random) -> Expected:
    """The ring of the park crosses itself, is open, or has two corners."""
    text = text_of(scene)
    park = next(element for element in re.findall(r"<way .*?</way>", text, re.S) if "leisure" in element)
    refs = re.findall(r'<nd ref="\d+"/>', park)
    way = rng.choice(["crosses", "open", "two corners", "no corner", "one corner"])
    changed = {
        "crosses": [refs[0], refs[2], refs[1], refs[3], refs[0]],
        "open": refs[:-1],
        "two corners": [refs[0], refs[1], refs[0]],
        "no corner": [],
        "one corner": refs[:1],
    }[way]
    put(scene, text.replace(park, park.replace("".join(refs), "".join(changed))))
    scene.notes.append(way)
    if way == "open":  # by OSM's own rule a line that bears the tag of an area is no area
        _true_extract(scene, text.replace(park, ""))
        return Expected(("error", "told", "truth"), words="osm: ")
    return Expected(("error", "told"), words="osm: |parks: ")


@damage("extracts", in_text)
def multipolygons_that_lack_members(scene: Scene, rng: random.Random) -> Expected:
    text = text_of(scene)
    members = rng.choice([[999], [4, 999], [1], []])
    inner = "".join(f'<member type="way" ref="{ref}" role="outer"/>' for ref in members)
    stamp = 'version="1" timestamp="2024-04-09T00:00:00Z"'
    relation = f'<relation id="1" {stamp}>{inner}<tag k="type" v="multipolygon"/><tag k="leisure" v="park"/></relation>'
    put(scene, text.replace("</osm>", f"{relation}</osm>"))
    scene.notes.append(str(members))
    return Expected(("error", "told"), words="osm: ")


@damage("extracts", in_text)
def text_that_is_not_xml(scene: Scene, rng: random.Random) -> Expected:
    text = text_of(scene)
    way = rng.choice(
        [
            "zero reference",
            "bad entity",
            "two roots",
            "unclosed",
            "utf-16",
            "gbk",
            "bad byte",
            "latin",
            "old version",
            "no root",
            "bom",
            "crlf",
            "namespace",
        ]
    )
    content: str | bytes = text
    if way == "zero reference":
        content = text.replace("人民大街", "&#0;")
    elif way == "bad entity":
        content = text.replace("人民大街", "&nosuch;")
    elif way == "two roots":
        content = text + text.split("\n", 1)[1]
    elif way == "unclosed":
        content = text.replace("</osm>", "")
    elif way == "utf-16":
        content = text.replace("UTF-8", "UTF-16").encode("utf-16")
    elif way == "gbk":
        content = text.encode("gbk")
    elif way == "bad byte":
        content = text.encode().replace("人".encode(), b"\xff", 1)
    elif way == "latin":
        content = text.replace("UTF-8", "ISO-8859-1").encode()
    elif way == "old version":
        content = text.replace('version="0.6"', 'version="0.5"')
    elif way == "no root":
        content = text.replace("<osm ", "<gpx ").replace("</osm>", "</gpx>")
    elif way == "bom":
        content = b"\xef\xbb\xbf" + text.encode()
    elif way == "crlf":
        content = text.replace("\n", "\r\n")
    elif way == "namespace":
        content = text.replace("<osm ", '<osm xmlns="http://example.com" ')
    put(scene, content)
    scene.notes.append(way)
    lawful = way in ("bom", "crlf", "utf-16", "latin", "namespace")
    return Expected(("error", "same") if lawful else ("error",))


def blobs(content: bytes) -> list[tuple[bytes, bytes]]:
    """Head and body of each blob of a PBF file."""
    found, at = [], 0
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        head = content[at + 4 : at + 4 + size]
        body = _field(head, 3)
        found.append((head, content[at + 4 + size : at + 4 + size + body]))
        at += 4 + size + body
    return found


def _field(message: bytes, wanted: int) -> int:
    """A varint field of a message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 0:
            value, at = _varint(message, at)
            if key >> 3 == wanted:
                return value
        else:
            size, at = _varint(message, at)
            at += size
    raise AssertionError(wanted)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def blob(kind: bytes, body: bytes) -> bytes:
    head = b"\x0a" + varint(len(kind)) + kind + b"\x18" + varint(len(body))
    return struct.pack(">I", len(head)) + head + body


@damage("extracts", in_blobs)
def blobs_that_lie(scene: Scene, rng: random.Random) -> Expected:
    """Sizes of thousands of millions, data that unpack to more than is said, unknown compressions and features, blobs left out or twice."""
    content = scene.path.read_bytes()
    parts = blobs(content)
    way = rng.choice(["head size", "body size", "raw size", "bomb", "unknown compression", "no header", "header twice", "required feature", "data twice", "unknown blob",
                      "header only"])  # fmt: skip
    raw = [struct.pack(">I", len(head_body[0])) + head_body[0] + head_body[1] for head_body in parts]
    expected = Expected(("error",))
    if way == "head size":
        raw[1] = struct.pack(">I", 0x7FFFFFFF) + raw[1][4:]
    elif way == "body size":
        kind = b"OSMData"
        head = b"\x0a" + varint(len(kind)) + kind + b"\x18" + varint(0x7FFFFFFF)
        raw[1] = struct.pack(">I", len(head)) + head + parts[1][1]
    elif way == "raw size":
        packed = parts[1][1][parts[1][1].index(b"\x1a") :]
        raw[1] = blob(b"OSMData", b"\x10" + varint(0x7FFFFFFF) + packed)
    elif way == "bomb":
        packed = zlib.compress(bytes(1 << 28), 9)
        raw[1] = blob(b"OSMData", b"\x10" + varint(1 << 28) + b"\x1a" + varint(len(packed)) + packed)
    elif way == "unknown compression":
        raw[1] = blob(b"OSMData", b"\x10\x08\x2a\x08abcdefgh")
    elif way == "no header":
        raw = raw[1:]
    elif way == "header twice":
        raw.insert(1, raw[0])
        expected = Expected(("error", "same"))
    elif way == "required feature":
        header = b"\x22" + varint(11) + b"NoSuchThing"
        raw[0] = blob(b"OSMHeader", b"\x0a" + varint(len(header)) + header)
    elif way == "data twice":
        raw += raw[1:]
    elif way == "unknown blob":
        raw.append(blob(b"Strange", b"\x0a\x02hi"))
        expected = Expected(("error", "same"))
    else:
        raw = raw[:1]
        expected = Expected(("error", "told"), words="extract holds no feature")
    scene.path.write_bytes(b"".join(raw))
    scene.notes.append(way)
    return expected
