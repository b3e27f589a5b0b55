"""What a case came to, held against what its damage allows; only the standard library, so that it runs in the parent of all."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import re
import sqlite3
import zipfile
from pathlib import Path

from tests.corpus.limits import MOST_MEMORY_MB, SECONDS, Ended
from tests.corpus.scene import Expected

MOST_SAID = 6000
SECRET = "sentinel-7f3a"
_KEY = ("metric", "variant", "area_id", "scope", "date")
_NUMBERS = ("value", "low", "high", "numerator", "denominator", "coverage", "quality")
_TEXTS = ("area_name", "unit", "status")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

Snapshot = dict[str, tuple[object, ...]]


def snapshot(folder: Path) -> Snapshot:
    """Everything below a folder, with content and time of change, but for the cache."""
    found: Snapshot = {}
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".spatial-cache")
        for name in [*folders, *files]:
            path = Path(root, name)
            state = path.lstat()
            if path.is_symlink():
                what: tuple[object, ...] = ("link", os.readlink(path))
            elif path.is_dir():
                what = ("folder",)
            else:
                what = ("file", state.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
            found[str(path.relative_to(folder))] = what
    return found


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def table_of(project: Path) -> list[dict[str, str]] | None:
    """Rows of the one run in a project's output folder."""
    found = sorted(project.glob("out/*/metrics.csv"))
    if len(found) != 1:
        return None
    csv.field_size_limit(1 << 30)
    return list(csv.DictReader(io.StringIO(found[0].read_text(encoding="utf-8-sig"), newline="")))


def difference(one: list[dict[str, str]], other: list[dict[str, str]], but: tuple[str, ...] = (), rel: float = 2e-9) -> str:
    """The first difference between two tables that counts; notes do not. Empty where there is none."""
    key = [name for name in _KEY if name not in but]
    if len(one) != len(other):
        return f"{len(one)} rows for {len(other)}"
    if "area_id" in but:  # an id that is spelt otherwise moves its rows

        def order(row: dict[str, str]) -> tuple[str, ...]:
            return tuple(row[name] for name in (*key, *_NUMBERS))

        one, other = sorted(one, key=order), sorted(other, key=order)
    for a, b in zip(one, other, strict=True):
        named = " ".join(filter(None, (a["metric"], a["variant"], a["area_id"][:20])))
        for name in (*key, *_TEXTS):
            if name not in but and a[name] != b[name]:
                return f"{named}: {name} {a[name][:40]!r} for {b[name][:40]!r}"
        for name in _NUMBERS:
            if (a[name] == "") != (b[name] == "") or (
                a[name] and not math.isclose(float(a[name]), float(b[name]), rel_tol=rel, abs_tol=1e-9)
            ):
                return f"{named}: {name} {a[name]} for {b[name]}"
    return ""


def of_failure(said: str, ended: Ended, names: tuple[str, ...], changed: list[str], left: list[str]) -> list[str]:
    """Faults of a run that did not end with 0."""
    faults = []
    if ended.code == 70:
        faults.append("a fault of the program")
    elif ended.code not in (1, 2, 3, 4) or ended.code == 1:
        faults.append(f"exit code {ended.code}")
    lines = [line for line in said.splitlines() if not line.startswith("notice: ")]
    if not lines or not lines[0].startswith("error: "):
        faults.append("no line begins with error")
    if not any(name in said for name in names):
        faults.append(f"names neither of {', '.join(names)}")
    if changed:
        faults.append(f"touched {', '.join(changed[:3])}")
    return faults + _of_all(said, left)


def of_success(project: Path, said: str, changed: list[str], left: list[str], full: bool) -> list[str]:
    """Faults of a run that ended with 0, but for its table."""
    outside = [path for path in changed if not (path == "project/out" or path.startswith("project/out/"))]
    faults = [f"touched {', '.join(outside[:3])}"] if outside else []
    if table_of(project) is None:
        faults.append("no table")
    elif full:
        faults += _of_outputs(next(project.glob("out/*/metrics.csv")).parent)
    return faults + _of_all(said, left)


def bounded(ended: Ended) -> list[str]:
    faults = [f"did not end in {SECONDS} s"] if ended.late else []
    if ended.memory_mb > MOST_MEMORY_MB:
        faults.append(f"took {ended.memory_mb:.0f} MB")
    if ended.code < 0 and not ended.late:
        faults.append(f"killed by signal {-ended.code}")
    return faults


def _of_all(said: str, left: list[str]) -> list[str]:
    faults = []
    if "Traceback" in said or "fault of spatial" in said or "Warning:" in said:
        faults.append("a traceback or a warning of Python")
    if len(said) > MOST_SAID:
        faults.append(f"says {len(said)} characters")
    if hit := _UNSEEN.search(said):
        faults.append(f"says {hit[0]!r}")
    if SECRET in said:
        faults.append("tells what a file outside holds")
    if left:
        faults.append(f"left {', '.join(left[:3])} in the temporary folder")
    return faults


def _of_outputs(run: Path) -> list[str]:
    faults = []
    page = (run / "map.html").read_text(encoding="utf-8")
    for mark in (
        "<img src=x",
        "</script><script>alert",
        "<svg onload",
        "</style><svg",
        "</style><script>alert",
        "<!--<script>",
        '" onmouseover="alert',
    ):
        if mark in page:
            faults.append(f"the page holds {mark}")
    if page.count("<script") != page.count("</script>"):
        faults.append("a script of the page does not end")
    with zipfile.ZipFile(run / "metrics.xlsx") as book:
        for name in book.namelist():
            content = book.read(name).decode("utf-8", "replace")
            if name.startswith("xl/worksheets/") and "<f>" in content:
                faults.append("the workbook holds a formula")
            if "hyperlink" in content.lower() and name.startswith("xl/worksheets/"):
                faults.append("the workbook holds a link")
    text = (run / "metrics.csv").read_text(encoding="utf-8-sig")
    for row in csv.reader(io.StringIO(text, newline="")):
        if any(
            cell.lstrip(" \u00a0\ufeff\u3000")[:1] in "=+@\t" and cell.strip() and not re.fullmatch(r"[-+]?[\d.e+-]+", cell)
            for cell in row
            if cell
        ):
            faults.append("the CSV holds a formula")
            break
    if _UNSEEN.search(re.sub(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\x7f-\x9f\r]", "", text)):
        faults.append("the CSV holds control characters")
    with sqlite3.connect(f"file:{run / 'city.gpkg'}?mode=ro", uri=True) as database:
        if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            faults.append("the GeoPackage is damaged")
        for (name,) in database.execute("SELECT table_name FROM gpkg_contents"):
            if not re.fullmatch(r"[\w -]{1,80}", name):
                faults.append(f"the GeoPackage has a table {name[:30]!r}")
    for path in run.iterdir():
        content = path.read_bytes()
        if SECRET.encode() in content:
            faults.append(f"{path.name} tells what a file outside holds")
    json.loads((run / "run.json").read_text(encoding="utf-8"))
    return faults


Table = list[dict[str, str]]


def told(said: str, usual: str, expected: Expected, names: tuple[str, ...], table: Table = (), usual_table: Table = ()) -> bool:  # type: ignore[assignment]
    """Whether a notice, or a note in the table, says what an undamaged run does not, in the words expected (else naming the layer or the file)."""
    new = [line for line in said.splitlines() if line.startswith("notice: ") and line not in usual.splitlines()]
    if expected.words:
        new += {row["note"] for row in table} - {row["note"] for row in usual_table}
    words = expected.words or "|".join(re.escape(name) for name in names)
    return any(re.search(words, line) for line in new)
