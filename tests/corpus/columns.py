"""Damage to ids, numbers and names in the columns of a layer, and to the text of tables and GeoJSON."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd

from tests.corpus.city import Subject
from tests.corpus.scene import Expected, Scene, damage

HOSTILE = {
    "formula": '=HYPERLINK("http://x","y")',
    "formula with a command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "plus": "+1+cmd|x",
    "tab formula": "\t=1+1",
    "image": "<img src=x onerror=alert(1)>",
    "script": "</script><script>alert(1)</script>",
    "comment": "<!--<script>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "template": "${alert(1)}`{{7*7}}",
    "style": "</style><svg onload=alert(1)>",
    "right to left": "\u202egnp.exe\u2066区",
    "escape": "\x1b]0;owned\x07\x1b[31m",
    "control": "a\x01b\x7fc\x85d",
    "zero": "a\x00b",
    "long": "区" * 10_000,
    "climbing": "../../../etc/passwd",
    "newline": 'a\r\nb,"c"\n',
    "astral": "𠮷野家🏙️",
    "combining": "Z" + "\u0300" * 500,
    "line separator": "a\u2028b\u2029c",
    "byte order": "\ufeffname\ufeff",
    "percent": "%s%n%x{0}{name}",
    "sql": "'; DROP TABLE areas;--",
    "xml": "]]><x>&lt;&#0;&amp;",
    "device": "CON",
    "blank": "\u3000 \u00a0",
}


def vector(subject: Subject) -> bool:
    return subject.vector and subject.kind in ("gpkg", "geojson", "parquet", "fgb", "shp", "csv")


@damage("text", lambda s: vector(s) and s.role in ("districts", "parks"))
def hostile_names(scene: Scene, rng: random.Random) -> Expected:
    kind = rng.choice(sorted(HOSTILE))
    frame = scene.frame()
    frame.loc[rng.randrange(len(frame)), "name"] = HOSTILE[kind]
    scene.rewrite(frame)
    scene.notes.append(kind)
    # What a file of that format cannot hold is cut or refused by the writer, before we see it.
    return Expected(("error", "same"), but=("area_name",), full=True)


@damage("text", lambda s: vector(s) and s.role == "districts")
def hostile_ids(scene: Scene, rng: random.Random) -> Expected:
    kind = rng.choice(sorted(set(HOSTILE) - {"blank"}))
    frame = scene.frame()
    frame.loc[rng.randrange(len(frame)), "code"] = HOSTILE[kind]
    scene.rewrite(frame)
    scene.notes.append(kind)
    return Expected(("error", "same"), but=("area_id", "area_name"), full=True)  # rows go in the order of ids


@damage("text", lambda s: vector(s) and s.role == "roads")
def hostile_tags(scene: Scene, rng: random.Random) -> Expected:
    """Hostile text in the name of a road; in its class the road is of no known class, which the file says."""
    kind = rng.choice(sorted(HOSTILE))
    frame = scene.frame()
    frame.loc[0, "name"] = HOSTILE[kind]
    scene.rewrite(frame)
    scene.notes.append(kind)
    return Expected(("error", "same"), full=True)


NO_PEOPLE = {
    "missing": None, "NaN": "nan", "infinite": "inf", "negative": "-1", "huge": "1e300", "a word": "many", "empty": "", "n/a": "N/A",
    "thousands, short": "1,2", "range": "10-20", "hexadecimal": "0x10", "two points": "1.2.3", "minus inf": "-inf", "dash": "—",
    "Chinese": "一百", "unit": "100人", "escape": "\x1b[31m5", "long": "9" * 400, "boolean": "True",
}  # fmt: skip
PEOPLE = {"full width": "１２", "blank": " 12 ", "plus": "+12", "exponent": "1.2e1", "zeros": "0012.000", "Arabic": "١٢"}


@damage("numbers", lambda s: vector(s) and s.role == "population" and s.kind != "shp")
def counts_that_are_none(scene: Scene, rng: random.Random) -> Expected:
    kind = rng.choice(sorted(NO_PEOPLE))
    frame = scene.frame()
    counts = frame["pop"].astype(str).astype(object)
    counts[rng.randrange(len(frame))] = NO_PEOPLE[kind]
    scene.rewrite(frame.assign(pop=counts))
    scene.notes.append(kind)
    return Expected(("error",))


@damage("numbers", lambda s: vector(s) and s.role == "population" and s.kind != "shp")
def counts_written_otherwise(scene: Scene, rng: random.Random) -> Expected:
    """Twelve, as people write it: 12, or an error, never another number."""
    kind = rng.choice(sorted(PEOPLE))
    frame = scene.frame()
    row = rng.randrange(len(frame))
    counts = frame["pop"].astype(str).astype(object)
    counts[row] = PEOPLE[kind]
    scene.rewrite(frame.assign(pop=counts))
    true = frame.copy()
    true.loc[row, "pop"] = 12.0
    scene.true_frame(true)
    scene.notes.append(kind)
    return Expected(("error", "truth"))


@damage("numbers", lambda s: s.role == "population" and s.kind in ("parquet", "gpkg", "fgb", "geojson"))
def counts_of_mixed_types(scene: Scene, rng: random.Random) -> Expected:
    """Whole numbers, integers of 64 bits, booleans, decimals: numbers stay what they are, the rest is refused."""
    frame = scene.frame()
    way = rng.choice(["int64", "float32", "huge integers", "boolean", "dates"])
    counts = {
        "int64": frame["pop"].astype("int64"),
        "float32": frame["pop"].astype("float32"),
        "huge integers": pd.Series([2**62] * len(frame)),
        "boolean": frame["pop"] > 50,
        "dates": pd.Series(pd.to_datetime(["2024-02-29"] * len(frame))),
    }[way]
    scene.rewrite(frame.assign(pop=counts))
    scene.notes.append(way)
    return Expected(("same",) if way in ("int64", "float32") else ("error",))


WIDTHS = {
    "nan": "nan", "infinite": "inf", "negative": "-5", "huge": "1e9", "two": "5;7", "word": "wide", "unit": "7 lightyears", "zero": "0",
    "kilometres": "12 km", "long": "1" * 400, "tenthousand": "99999", "feet": "9999'", "exponent": "3e2", "full width": "１２", "signed": "+7",
}  # fmt: skip


@damage("numbers", lambda s: vector(s) and s.role == "roads")
def impossible_widths(scene: Scene, rng: random.Random) -> Expected:
    """A width that no street has is told, and is not measured with."""
    kind = rng.choice(sorted(WIDTHS))
    field = rng.choice(["width", "lanes"])
    if field == "lanes" and kind in ("kilometres", "feet", "full width", "signed", "exponent"):
        kind = "two"
    frame = scene.frame()
    frame.loc[0, field] = WIDTHS[kind]
    scene.rewrite(frame)
    scene.notes.append(f"{field} {WIDTHS[kind][:20]}")
    if kind == "full width":
        true = scene.frame()
        true.loc[0, "width"] = "12"
        scene.true_frame(true)
        return Expected(("error", "told", "truth"), words=f"roads: .*{field}|road widths|lanes were not credible")
    # A road keeps its width where only its lanes cannot be read, so the table may be the same; it is told all the same.
    return Expected(("error", "told"), words=f"roads: .*{field}|road widths|lanes were not credible")


@damage("numbers", lambda s: vector(s) and s.role == "districts" and s.kind in ("parquet", "gpkg", "geojson", "csv"))
def ids_that_are_numbers(scene: Scene, rng: random.Random) -> Expected:
    """Floats that are whole are ids as integers are; two that fall together are told."""
    frame = scene.frame()
    way, codes = rng.choice(
        [("whole floats", [1.0, 2.0, 3.0, 4.0]), ("floats with a gap", [1.0, np.nan, 3.0, 4.0]), ("twice", [1.0, 1.0, 3.0, 4.0]),
         ("halves", [1.5, 2.5, 3.5, 4.5]), ("huge", [1e20, 2e20, 3e20, 4e20]), ("infinite", [1.0, 2.0, 3.0, np.inf]),
         ("booleans", [True, False, True, False]), ("long integers", [2**62 + n for n in range(4)]), ("beyond doubles", [2.0**53, 2.0**53 + 2, 5.0, 6.0])]
    )  # fmt: skip
    scene.rewrite(frame.assign(code=codes))
    scene.notes.append(way)
    bad = way in ("floats with a gap", "twice", "booleans")
    return Expected(("error",) if bad else ("error", "same"), but=("area_id", "area_name"))


@damage("text", lambda s: vector(s) and s.role == "districts")
def ids_that_fall_together(scene: Scene, rng: random.Random) -> Expected:
    frame = scene.frame()
    way = rng.choice(["twice", "but for blanks", "empty", "blank", "reserved", "outside", "missing"])
    frame.loc[1, "code"] = {
        "twice": "D001",
        "but for blanks": " D001 ",
        "empty": "",
        "blank": "  ",
        "reserved": "city",
        "outside": "outside_areas",
        "missing": None,
    }[way]
    scene.rewrite(frame)
    scene.notes.append(way)
    return Expected(("error",))


@damage("text", lambda s: vector(s) and s.role in ("population", "roads", "parks"))
def rows_twice(scene: Scene, rng: random.Random) -> Expected:
    """The same features with the same ids once more: a table that counts everybody twice is wrong."""
    frame = scene.frame()
    some = frame.iloc[rng.sample(range(len(frame)), 2)] if rng.random() < 0.5 else frame
    scene.policy(rng)
    scene.rewrite(pd.concat([frame, some], ignore_index=True))
    scene.notes.append(f"{len(some)} of {len(frame)}")
    return Expected(("error", "told"), words=scene.subject.role)


@damage("text", lambda s: s.kind == "csv")
def table_written_otherwise(scene: Scene, rng: random.Random) -> Expected:
    """Byte order marks, line ends, separators, quotes, blank lines: the same table; or it is refused."""
    text = scene.path.read_text(encoding="utf-8")
    way = rng.choice(["BOM", "CRLF", "CR", "semicolons", "tabs", "quoted", "blank lines", "no last line end", "utf-16", "gbk", "utf-32", "spaces after commas",
                      "comment", "sep=", "two heads", "totals", "blank column"])  # fmt: skip
    lines = text.rstrip("\n").split("\n")
    expected = Expected(
        ("same",) if way in ("BOM", "CRLF", "semicolons", "tabs", "quoted", "no last line end", "gbk") else ("error", "same")
    )
    content = text.encode()
    if way == "BOM":
        content = b"\xef\xbb\xbf" + content
    elif way in ("CRLF", "CR"):
        content = content.replace(b"\n", b"\r\n" if way == "CRLF" else b"\r")
    elif way in ("semicolons", "tabs"):
        content = content.replace(b",", b";" if way == "semicolons" else b"\t")
    elif way == "quoted":
        content = "\n".join(",".join(f'"{field}"' for field in line.split(",")) for line in lines).encode()
    elif way == "blank lines":
        content = "\n\n".join(lines).encode()
    elif way == "no last line end":
        content = content.rstrip(b"\n")
    elif way in ("utf-16", "gbk", "utf-32"):
        content = text.encode(way)
    elif way == "spaces after commas":
        content = text.replace(",", ", ").encode()
    elif way in ("comment", "sep="):
        content = (b"# made up\n" if way == "comment" else b"sep=,\n") + content
    elif way == "two heads":
        content = "\n".join([lines[0], *lines]).encode()
    elif way == "totals":  # a row of sums below the table
        content = (text + "," * lines[0].count(",") + "\n").encode()
    elif way == "blank column":
        content = "\n".join(f"{line}," for line in lines).encode()
    scene.path.write_bytes(content)
    scene.notes.append(way)
    return expected


@damage("text", lambda s: s.kind == "csv")
def table_with_a_wrong_head(scene: Scene, rng: random.Random) -> Expected:
    lines = scene.path.read_text(encoding="utf-8").split("\n")
    head = lines[0].split(",")
    way = rng.choice(["x twice", "id twice", "long", "none", "empty names", "capitals", "control"])
    used = "pop" if scene.subject.role == "population" else "name"
    if way == "x twice":
        head = [*head[:-2], "x", "x"]
    elif way == "id twice":  # which of the two is meant?
        lines = [",".join([line, line.split(",")[0]]) if line else line for line in lines]
        head = [*head, "code"]
    elif way == "long":
        head[head.index("x")] = "x" * 10_000
    elif way == "none":
        head = lines[1].split(",")
    elif way == "empty names":
        head = [""] * len(head)
    elif way == "capitals":
        head = [name.upper() for name in head]
    else:
        head[head.index(used)] = "\x1b[31m\x00" + used
    lines[0] = ",".join(head)
    scene.path.write_text("\n".join(lines), encoding="utf-8")
    scene.notes.append(way)
    outcomes = ("error", "same") if way in ("capitals", "control") else ("error",)
    return Expected(outcomes, but=("area_name",))


@damage("text", lambda s: s.kind == "csv")
def numbers_of_other_countries(scene: Scene, rng: random.Random) -> Expected:
    """A coordinate with a decimal comma, a degree sign, minutes, full-width digits: the place it means, or an error."""
    lines = scene.path.read_text(encoding="utf-8").split("\n")
    row = rng.randrange(1, len(lines) - 1)
    fields = lines[row].split(",")
    value = fields[-2]
    way, written = rng.choice(
        [("comma", f'"{value.replace(".", ",")}"'), ("degree", f"{value}°"), ("minutes", "125°18'"), ("east", f"{value}E"), ("blank", f" {value} "),
         ("nan", "NaN"), ("inf", "inf"), ("huge", "1e308"), ("zero", "0"), ("empty", ""), ("hexadecimal", "0x7D"), ("infinity", "Infinity"), ("null", "NULL")]
    )  # fmt: skip
    fields[-2] = written
    lines[row] = ",".join(fields)
    scene.path.write_text("\n".join(lines), encoding="utf-8")
    scene.notes.append(way)
    return Expected(("error", "same") if way in ("blank", "comma", "degree", "east") else ("error",))


@damage("text", lambda s: s.kind == "geojson")
def geojson_in_another_encoding(scene: Scene, rng: random.Random) -> Expected:
    text = scene.path.read_text(encoding="utf-8")
    way = rng.choice(["utf-8-sig", "utf-16", "gbk", "utf-32", "crlf", "escaped", "lone surrogate", "nul", "bad byte", "overlong"])
    content = text.encode()
    if way in ("utf-8-sig", "utf-16", "gbk", "utf-32"):
        content = text.encode(way)
    elif way == "crlf":
        content = text.replace(", ", ",\r\n").encode()
    elif way == "escaped":
        content = _escaped(text)
    elif way == "lone surrogate":
        content = text.replace('"D001"', '"D001", "more": "\\ud800"').encode()
    elif way == "nul":
        content = text.replace('"code"', '"co\\u0000de"').encode()
    else:
        bad = b"\xff" if way == "bad byte" else b"\xc0\xaf"
        at = content.index(b'"code": "') + 10
        content = content[:at] + bad + content[at:]
    scene.path.write_bytes(content)
    scene.notes.append(way)
    return Expected(("same",) if way in ("utf-8-sig", "crlf", "escaped") else ("error", "same"))


def _escaped(text: str) -> bytes:
    import json

    return json.dumps(json.loads(text), ensure_ascii=True).encode()


@damage("text", lambda s: s.vector and s.kind in ("gpkg", "parquet", "geojson", "fgb"))
def columns_of_strange_names(scene: Scene, rng: random.Random) -> Expected:
    """More columns than are asked for: they change nothing."""
    name = rng.choice(
        ["fid_", "ogc_fid", "CODE_", "a" * 10_000, "\u202ex", "select", "a;b", "x y", "'", "<b>", "row_in_file", "index", "геом", "__geom"]
    )
    scene.rewrite(scene.frame().assign(**{name: 1}))
    scene.notes.append(name[:20])
    return Expected(("error", "same"))
