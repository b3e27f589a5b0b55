"""Damage to what people write: ``city.toml``, ``layers/``, ``maps/``, ``facilities.toml``."""

from __future__ import annotations

import random
import re

from tests.corpus.city import Subject
from tests.corpus.columns import HOSTILE
from tests.corpus.scene import Expected, Scene, damage


def toml(subject: Subject) -> bool:
    return subject.role == "toml"


def of_city(subject: Subject) -> bool:
    return subject.role == "toml" and subject.kind == "city"


WRONG = ["3", "-1", "1e400", "nan", "inf", "true", "[]", "[[[]]]", "{}", '""', '"\\u0000"', '"\\u001b[31m"', "2024-04-09", "00:00:01", f'"{"x" * 10_000}"', "9" * 30,
         '["a", 1]', "{ a = 1 }", '"../../.."', '"=1+1"', '"\\u202e"', "-0.0", "1979-05-27T07:32:00Z"]  # fmt: skip


@damage("declarations", toml)
def values_of_wrong_types(scene: Scene, rng: random.Random) -> Expected:
    """Any value replaced by any other; where it is taken, it must not change a number in silence but as it says."""
    text = scene.path.read_text(encoding="utf-8")
    places = list(re.finditer(r"(?m)(?:^|[{,] ?)([\w.]+) = (\"[^\"]*\"|[\d.]+|true|\[\{.*\}\])", text))
    match = rng.choice(places)
    value = rng.choice(WRONG)
    scene.path.write_text(text[: match.start(2)] + value + text[match.end(2) :], encoding="utf-8")
    scene.notes.append(f"{match[1]} = {value[:20]}")
    free = match[1] in (
        "name",
        "synthetic",
        "zh",
        "en",
        "source",
        "color",
        "fill",
        "weight",
        "fill_opacity",
        "size",
        "title",
        "shown",
        "opens_with",
        "layer",
    )
    declared = scene.subject.kind in ("facilities", "maps") or match[1] in ("thin_per_10000", "distance_m", "match")
    return Expected(("error", "same", *(("declared",) if declared and not free else ())), full=True)


@damage("declarations", toml)
def bytes_of_a_declaration(scene: Scene, rng: random.Random) -> Expected:
    text = scene.path.read_text(encoding="utf-8")
    way = rng.choice(
        [
            "bom",
            "crlf",
            "gbk",
            "utf-16",
            "nul",
            "cr",
            "tab",
            "cut in a text",
            "cut in a table",
            "bad byte",
            "twice",
            "deep",
            "long line",
            "long number",
            "smart quotes",
        ]
    )
    content = text.encode()
    expected = Expected(("error",))
    if way == "bom":
        content, expected = b"\xef\xbb\xbf" + content, Expected(("same",))
    elif way == "crlf":
        content, expected = content.replace(b"\n", b"\r\n"), Expected(("same",))
    elif way == "gbk":
        content = text.replace("made", "制").encode("gbk") if text.isascii() else text.encode("gbk")
        expected = Expected(("error", "same") if text.isascii() else ("error",))
    elif way == "utf-16":
        content = text.encode("utf-16")
    elif way == "nul":
        content = content.replace(b'"', b'"\0', 1)
    elif way == "cr":
        content = content.replace(b"\n", b"\r")
    elif way == "tab":
        content, expected = content.replace(b" = ", b"\t=\t"), Expected(("same",))
    elif way == "cut in a text":
        quotes = [match.start() for match in re.finditer('"', text)]
        content = text[: rng.choice(quotes[::2]) + 1].encode()
    elif way == "cut in a table":
        content = text[: rng.choice([match.start() for match in re.finditer(" = ", text)]) + 2].encode()
    elif way == "bad byte":
        content = content.replace(b'"', b'"\xff', 1)
    elif way == "twice":
        content += content
    elif way == "deep":
        content += b"zz = " + b"[" * 100_000
    elif way == "long line":
        content, expected = content + b"\n# " + b"x" * 2_000_000, Expected(("same",))
    elif way == "long number":
        content = content.replace(b'"', b"1" * 10_000 + b' "', 1)
    elif way == "smart quotes":
        content = text.replace('"', "“").encode()
    scene.path.write_bytes(content)
    scene.notes.append(way)
    return expected


@damage("declarations", toml)
def unknown_keys(scene: Scene, rng: random.Random) -> Expected:
    """A key that nobody knows, or a known one misspelt, is told; a map may hold more than we know of."""
    text = scene.path.read_text(encoding="utf-8")
    key = rng.choice(['"\\u001b[31m"', '"<b>"', f'"{"k" * 10_000}"', "nmae", '""', '"区"', '"a.b"', "__class__", "fiel", "extend"])
    tables = [match.end() for match in re.finditer(r"(?m)^\[[^\]]+\]\n", text)]
    at = rng.choice([0, *tables])
    scene.path.write_text(f"{text[:at]}{key} = 1\n{text[at:]}", encoding="utf-8")
    scene.notes.append(f"{key[:20]} at {at}")
    return Expected(("error",))


@damage("declarations", toml)
def unknown_tables(scene: Scene, rng: random.Random) -> Expected:
    text = scene.path.read_text(encoding="utf-8")
    table = rng.choice(["[osmm]", '["../x"]', '[layers."../x"]', "[layers.districts.more]", '[layers."\\u001b"]', "[classes]", "[[layers]]", "[fields.id]", "[a.b.c.d]",
                        "[metrics.population]", "[sets.x]", "[overlays]", f"[layers.{'x' * 300}]"])  # fmt: skip
    scene.path.write_text(f"{text}\n{table}\n", encoding="utf-8")
    scene.notes.append(table[:30])
    return Expected(("error", "same"), full=True)


DATES = {
    "no day": ('"2024-02-30"', None), "Republic of China": ('"民国113年"', None), "Republic of China, digits": ('"0113-04-09"', None), "Persian": ('"1403-01-01"', None),
    "Buddhist": ('"2567-04-09"', None), "Hebrew": ('"5784-08-01"', None), "Islamic": ('"1445-09-30"', None), "lunar": ('"二〇二四年四月九日"', None),
    "slashes": ('"2024/04/09"', None), "day first": ('"09-04-2024"', None), "American": ('"04/09/2024"', None), "short": ('"24-04-09"', None), "week": ('"2024-W15-2"', "2024-04-09"),
    "compact": ('"20240409"', "2024-04-09"), "TOML date": ("2024-04-09", "2024-04-09"), "TOML time": ("2024-04-09T23:59:59Z", "2024-04-09"), "month": ('"2024-04"', None),
    "year": ("2024", None), "serial": ("45391", None), "full width": ('"２０２４-04-09"', "2024-04-09"), "Arabic digits": ('"٢٠٢٤-٠٤-٠٩"', "2024-04-09"), "zero": ('"0000-00-00"', None),
    "far": ('"9999-12-31"', None), "blank": ('" 2024-04-09 "', "2024-04-09"), "local time": ('"2024-04-09T10:00:00+08:00"', "2024-04-09"), "first": ('"0001-01-01"', None),
    "TOML Persian": ("1403-01-01", None), "long": (f'"{"2" * 10_000}"', None),
}  # fmt: skip


@damage("dates", of_city)
def dates_of_many_calendars(scene: Scene, rng: random.Random) -> Expected:
    """A date is the day that it means in our calendar, or an error: a folder named after the year 1403 is wrong."""
    kind = rng.choice(sorted(DATES))
    written, meant = DATES[kind]
    text = scene.path.read_text(encoding="utf-8")
    scene.path.write_text(f"date = {written}\n{text}", encoding="utf-8")
    scene.notes.append(f"{kind}: {written[:20]}")
    return Expected(("error", "same") if meant else ("error",))


@damage("declarations", of_city)
def extents(scene: Scene, rng: random.Random) -> Expected:
    value = rng.choice(["[125.32, 43.92, 125.3, 43.9]", "[43.9, 125.3, 43.92, 125.32]", "[125.3, 43.9, 125.3, 43.92]", "[nan, 43.9, 125.32, 43.92]", "[-inf, -inf, inf, inf]",
                        "[125.3, 43.9, 125.32]", "[[125.3, 43.9], [125.32, 43.92]]", '["125.3", "43.9", "125.32", "43.92"]', "[179, 43.9, -179, 43.92]", "[125.3, 89, 125.32, 90]",
                        "[10, 10, 11, 11]", "[-180, -90, 180, 90]", "125.3", "[true, true, true, true]", "[1e308, 0, 1e309, 1]", "[125.3, 43.9, 125.3000000001, 43.9000000001]"])  # fmt: skip
    text = scene.path.read_text(encoding="utf-8")
    scene.path.write_text(f"data_extent = {value}\n{text}", encoding="utf-8")
    scene.notes.append(value)
    # The tiny one is lawful: the data cover next to nothing, and every row says so.
    return Expected(("error", "partial"))


@damage("declarations", of_city)
def systems(scene: Scene, rng: random.Random) -> Expected:
    value = rng.choice(["EPSG:4326", "EPSG:3857", "EPSG:0", "EPSG:99999999999999999999", "4551", "+proj=tmerc +lon_0=126 +units=us-ft", "+proj=pipeline +step +proj=merc",
                        "+init=/etc/passwd", "PROJCS[", "urn:ogc:def:crs:EPSG::4326", "IGNF:LAMB93", "+proj=gnom +lat_0=43.9 +lon_0=125.3 +units=m", "EPSG:4978", "EPSG:5773", "x" * 10_000,
                        "\\u001b[31m", "+proj=utm +zone=20", "EPSG:2343", "EPSG:32633", "{}", "EPSG:4490+5773"])  # fmt: skip
    text = scene.path.read_text(encoding="utf-8")
    scene.path.write_text(f'crs = "{value}"\n{text}', encoding="utf-8")
    scene.notes.append(value[:40])
    return Expected(("error",))


@damage("declarations", of_city)
def paths(scene: Scene, rng: random.Random) -> Expected:
    value = rng.choice(["/etc/passwd", "/dev/zero", "/dev/stdin", "data", ".", "", "/vsicurl/http://example.com/x.gpkg", "/vsizip/data/x.zip", "http://example.com/x",
                        "data/districts.geojson\\u0000.shp", "x" * 10_000, "\\u001b[31m.shp", "PG:dbname=x", "MEM:::", "~/x.gpkg", "$HOME/x.gpkg", "data/*.geojson",
                        "city.toml", "CON", "\\\\\\\\server\\\\share", "file:///etc/passwd", "data/" * 2000])  # fmt: skip
    text = scene.path.read_text(encoding="utf-8")
    old = rng.choice(['file = "data/districts.geojson"', 'file = "data/city.osm"', 'file = "data/population.geojson"'])
    scene.path.write_text(text.replace(old, f'file = "{value}"'), encoding="utf-8")
    scene.notes.append(f"{old[13:-1]} → {value[:40]}")
    return Expected(("error",))


@damage("declarations", of_city)
def conditions_and_columns(scene: Scene, rng: random.Random) -> Expected:
    """Conditions that select nothing or are none, columns that are not there."""
    line = rng.choice(
        ['where = "1=1; DROP TABLE x"', "where = \"code = 'nobody'\"", 'where = "("', f'where = "{"(" * 5000}"', "where = \"code LIKE '%'\"", 'where = ""', 'where = "\\u0000"',
         "where = \"code IN (SELECT code FROM districts)\"", "where = \"load_extension('x')\"", 'layer = "nope"', 'layer = "\\u001b"', 'encoding = "utf-7"', 'encoding = "rot13"',
         'encoding = "idna"', 'encoding = "utf-16"', 'fields = { name = "nope" }', 'fields = { name = "name", nmae = "x" }', "values = { name = {} }", 'values = { nope = { a = "b" } }',
         'datum = "gcj02"', 'datum = "bd09"', 'x = "a"', 'merge = "union"', "allow_empty = true", 'sensitivity = "secret"', "where = \"1 = 0\"\nallow_empty = true"]
    )  # fmt: skip
    text = scene.path.read_text(encoding="utf-8")
    stated = 'file = "data/districts.geojson"\n'
    scene.path.write_text(text.replace(stated, f"{stated}{line}\n"), encoding="utf-8")
    scene.notes.append(line[:50])
    # A datum moves the districts as it says; that there are none leaves nothing to report by.
    moved = line.startswith("datum")
    return Expected(("error", "same", "declared") if moved else ("error", "same"), but=("area_name",) if "values" in line else ())


@damage("declarations", of_city)
def hostile_names_of_a_city(scene: Scene, rng: random.Random) -> Expected:
    kind = rng.choice(sorted(HOSTILE))
    key = rng.choice(["name", "synthetic", "source", "licence", "date"])
    text = scene.path.read_text(encoding="utf-8")
    written = "".join(f"\\U{ord(letter):08x}" if not letter.isalnum() else letter for letter in HOSTILE[kind])
    if key in ("name", "synthetic"):
        text = re.sub(rf'(?m)^{key} = ".*?"$', lambda _: f'{key} = "{written}"', text, count=1)
    else:
        stated = 'file = "data/districts.geojson"\n'
        text = text.replace(stated, f'{stated}{key} = "{written}"\n')
    scene.path.write_text(text, encoding="utf-8")
    scene.notes.append(f"{key}: {kind}")
    return Expected(("error", "same"), full=True)


STYLES = [
    "red;background:url(javascript:alert(1))",
    "</style><script>alert(1)</script>",
    "expression(alert(1))",
    "#" + "f" * 10_000,
    "\\u001b[31m",
    "url(http://example.com/x)",
    "\\u0022 onload=\\u0022alert(1)",
]


@damage("declarations", lambda s: s.role == "toml" and s.kind in ("layers", "maps"))
def hostile_styles_and_titles(scene: Scene, rng: random.Random) -> Expected:
    text = scene.path.read_text(encoding="utf-8")
    kind = rng.choice(sorted(HOSTILE))
    if rng.random() < 0.5:
        value = rng.choice(STYLES)
        text = re.sub(r'"#[0-9a-f]{6}"', lambda _: f'"{value}"', text, count=1)
    else:
        value = "".join(f"\\U{ord(letter):08x}" if not letter.isalnum() else letter for letter in HOSTILE[kind])
        text = re.sub(r'en = "[^"]*"', lambda _: f'en = "{value}"', text, count=1)
    scene.path.write_text(text, encoding="utf-8")
    scene.notes.append(value[:30])
    return Expected(("error", "same"), full=True)


@damage("declarations", lambda s: s.role == "toml" and s.kind == "facilities")
def impossible_distances(scene: Scene, rng: random.Random) -> Expected:
    text = scene.path.read_text(encoding="utf-8")
    value = rng.choice(["-1", "0", "nan", "inf", "1e308", "true", '"500"', "[]", "1e-300", "9" * 40, "-0.0"])
    key = rng.choice(["distance_m = 500", "thin_per_10000 = 0.2"])
    scene.path.write_text(text.replace(key, f"{key.split(' = ')[0]} = {value}"), encoding="utf-8")
    scene.notes.append(f"{key.split(' = ')[0]} = {value}")
    lawful = value == "1e-300" or (key.startswith("thin") and value in ("0", "-0.0", "1e308", "9" * 40))
    return Expected(("error", "same", "declared") if lawful else ("error",))
