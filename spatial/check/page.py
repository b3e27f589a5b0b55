"""The page of a check, as text for a terminal: findings first, then the facts, each with its unit."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from spatial.check.report import Level, Report, Table
from spatial.errors import shown
from spatial.text import Lang, Text

WIDTH = 118
CELL, LAST_CELL, ROWS = 44, 100, 40
TOTALS = 3  # rows at the end that close a sum
_CLOSING = "、，。；：！？）》”’"  # never at the beginning of a line
_PARTS = re.compile(r"\s+|[\u1100-\uffdc]|[^\s\u1100-\uffdc]+")  # spaces, wide characters one by one, words
_TITLES: dict[Level, Text] = {
    "problem": Text("问题（会使数字出错，或无法运行）", "Problems (a number would be wrong, or the run would stop)"),
    "warning": Text("警告（数字较弱，或需核实）", "Warnings (a number is weaker, or wants a look)"),
    "note": Text("说明", "Notes"),
}


def page(report: Report, lang: Lang) -> str:
    """Write a report as one readable page.

    Parameters
    ----------
    report
        From ``check_project``.
    lang
        ``zh`` or ``en``.

    Returns
    -------
    str
        Plain text; nothing in it is obeyed by a terminal. Wide characters count two columns.
    """
    lines = [_verdict(report, lang), ""]
    width = max((_width(title.get(lang)) for title, _ in report.head), default=0)
    lines += [f"{_padded(title.get(lang), width)}  {_safe(value.get(lang))}" for title, value in report.head]
    for level, title in _TITLES.items():
        found = report.of(level)
        if found:
            lines += ["", f"{title.get(lang)}: {len(found)}"]
            for number, finding in enumerate(found, start=1):
                about = f"[{finding.about}] " if finding.about else ""
                lines += _wrapped(f"{about}{_safe(finding.text.get(lang))}", f"{number:>3}. ")
    for table in report.tables:
        if table.rows:
            lines += ["", *_table(table, lang)]
    return "\n".join(lines)


def _verdict(report: Report, lang: Lang) -> str:
    problems, warnings = len(report.of("problem")), len(report.of("warning"))
    if problems:
        said = Text(f"{problems} 个问题，{warnings} 个警告：先解决问题，再用数字",
                    f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}: solve the problems before using a number")  # fmt: skip
    else:
        said = Text(f"没有问题，{warnings} 个警告", f"no problem, {_count(warnings, 'warning')}")
    return f"{report.project}: {said.get(lang)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _table(table: Table, lang: Lang) -> list[str]:
    columns = [column for column in table.columns if column.kind != "json"]
    titles = [column.title.get(lang) for column in columns]
    shown_rows = table.rows if len(table.rows) <= ROWS else [*table.rows[: ROWS - TOTALS], *table.rows[-TOTALS:]]
    cells = [
        [_cell(row.get(column.key), column.kind, lang, CELL if column is not columns[-1] else LAST_CELL) for column in columns]
        for row in shown_rows
    ]
    widths = [max(_width(title), *(_width(row[index]) for row in cells)) for index, title in enumerate(titles)]
    right = [column.kind != "text" for column in columns]
    lines = [table.title.get(lang), _row(titles, widths, right)]
    lines += [_row(row, widths, right) for row in cells]
    if left_out := len(table.rows) - len(shown_rows):
        more = Text(f"另有 {left_out} 行，见 --json", f"{left_out} rows more: see --json")
        lines.insert(len(lines) - TOTALS, f"  … {more.get(lang)}")
    return lines + (_wrapped(table.remark.get(lang), "") if table.remark else [])


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = [_padded(cell, width, right=side) for cell, width, side in zip(cells, widths, right, strict=True)]
    return "  " + "  ".join(parts).rstrip()


def _cell(value: Any, kind: str, lang: Lang, width: int) -> str:
    if isinstance(value, Text):
        value = value.get(lang)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "—"
    if kind == "share":
        return f"{value:.1%}"
    if kind == "count":
        return f"{value:,.0f}"
    if kind == "number":
        return f"{value:,.2f}"
    text = shown(value, 500)
    return text if _width(text) <= width else _cut(text, width)


def _safe(text: str) -> str:
    """Keep line breaks of a message, and nothing else that a terminal would obey."""
    return "\n".join(shown(line, 2000) for line in text.split("\n"))


def _wrapped(text: str, bullet: str) -> list[str]:
    rest = " " * len(bullet)
    lines: list[str] = []
    for line in text.split("\n"):
        lines += _broken(line, WIDTH - len(bullet))
    return [(bullet if index == 0 else rest) + line for index, line in enumerate(lines)]


def _broken(line: str, width: int) -> list[str]:
    """Break a line at spaces and beside wide characters, by the columns that it takes; a longer word stays whole, as a path should."""
    out, now = [], ""
    for part in _PARTS.findall(line):
        if now.strip() and _width((now + part).rstrip()) > width and part not in _CLOSING:
            out.append(now.rstrip())
            now = ""
        now = now + part if now or part.strip() else now
    return [*out, now.rstrip()]


def _cut(text: str, width: int) -> str:
    while _width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def _padded(text: str, width: int, *, right: bool = False) -> str:
    gap = " " * max(0, width - _width(text))
    return gap + text if right else text + gap


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
