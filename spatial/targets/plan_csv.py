"""A plan's CSV as texts: encoding, head and rows, and everything that is wrong in it gathered file by file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from spatial.errors import nearest, sample, shown
from spatial.sources.encodings import is_chinese
from spatial.targets.model import COLUMNS

NEEDED = ("id", "title_zh", "operator", "unit", "year", "kind", "measure")
MOST_BYTES = 32 << 20


@dataclass
class PlanFaults:
    """What is wrong in the files of plans, file by file and line by line."""

    files: dict[Path, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, path: Path, line: int, message: str) -> None:
        """Keep one fault; line 0 is the file itself."""
        self.files.setdefault(path, []).append((line, message))

    def messages(self) -> list[str]:
        """Return a line a file that says how many, where and what to do, then one a fault."""
        found = []
        for path, faults in self.files.items():
            lines = sorted({line for line, _ in faults if line})
            if lines:
                more, listed = "s" * (len(lines) > 1), sample(lines, 12)
                found.append(
                    f"{path}: {len(lines)} row{more} cannot be used (line{more} {listed}); correct them: docs/targets.md says what each column holds"
                )
            found += [f"{path}{f' line {line}' if line else ''}: {message}" for line, message in sorted(faults)]
        return found


def read_rows(path: Path, faults: PlanFaults) -> list[tuple[int, dict[str, str]]]:
    """Read a plan's CSV as texts.

    Parameters
    ----------
    path
        UTF-8 with or without BOM, UTF-16 with its mark, or GBK; separated by comma, semicolon or tab.
    faults
        Takes what is wrong.

    Returns
    -------
    list of tuple
        Line and cells by column, every known column there, blank rows left out; nothing where the table as a whole cannot be used.
    """
    text = _text(path, faults)
    if text is None:
        return []
    head_line = text.partition("\n")[0]
    mark = max(",;\t", key=head_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    head: list[str] | None = None
    rows, last = [], 0
    try:
        for cells in reader:
            line, last = last + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if head is None:
                head = [_clean(cell).lower() for cell in _without_end(cells)]
                if not _check_head(head, path, faults):
                    return []
            elif len(cells) < len(head) or len(_without_end(cells)) > len(head):
                faults.add(path, line, f"has {len(cells)} cells where the head has {len(head)}; put texts with a comma in quotes")
            else:
                rows.append((line, dict.fromkeys(COLUMNS, "") | dict(zip(head, map(_clean, cells), strict=False))))
    except csv.Error as error:
        faults.add(path, 0, f"is not a table ({shown(error)} after line {last}); save it as CSV again")
        return []
    if head is None:
        faults.add(path, 0, f"is empty; its first line must name the columns {', '.join(NEEDED)}")
    return rows


def _text(path: Path, faults: PlanFaults) -> str | None:
    if path.exists() and not path.is_file():  # a pipe or a device never ends
        faults.add(path, 0, "is a folder, a pipe or a device; name the CSV of the plan")
        return None
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            faults.add(path, 0, f"has {size >> 20} MiB, more than any plan; keep the columns and rows that docs/targets.md names")
            return None
        content = path.read_bytes()
    except FileNotFoundError:
        faults.add(path, 0, "no such file; paths are relative to city.toml")
        return None
    except OSError as error:
        faults.add(path, 0, f"cannot be read ({error.strerror})")
        return None
    if content[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        faults.add(path, 0, "is a workbook; save its sheet as CSV")
        return None
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        if encoding == "utf-8-sig" and is_chinese(content):
            return content.decode("gb18030")
    faults.add(path, 0, "text is neither UTF-8 nor Chinese in GBK; save it as CSV in UTF-8")
    return None


def _without_end(cells: list[str]) -> list[str]:
    """Leave out empty cells at the end, which spreadsheets write for columns that were once used."""
    return cells[: next((place for place in range(len(cells), 0, -1) if cells[place - 1].strip()), 0)]


def _clean(cell: str) -> str:
    """Leave out what a terminal or a cell would obey, and the space around."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in cell).split())


def _check_head(head: list[str], path: Path, faults: PlanFaults) -> bool:
    before = len(faults.files.get(path, ()))
    if not set(head) & set(COLUMNS):
        faults.add(path, 0, f"its first line names no column of a plan (a title above the head?); it must name {', '.join(NEEDED)}")
        return False
    for name in head:
        if name not in COLUMNS:
            faults.add(path, 0, f'unknown column "{shown(name)}"{or_all(name, COLUMNS)}')
    if twice := sorted({name for name in head if head.count(name) > 1}):
        faults.add(path, 0, f"the column {sample(twice)} stands in the head more than once; remove one")
    if missing := [name for name in NEEDED if name not in head]:
        faults.add(path, 0, f"has no column {', '.join(missing)}; the first line must name {', '.join(NEEDED)}")
    return len(faults.files.get(path, ())) == before


def or_all(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word, or name them all where none is near."""
    listed = [name for name in known if name]
    return nearest(word, listed) or f"; there is {', '.join(listed) or 'none'}"
