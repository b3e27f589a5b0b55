"""What a check found: findings, and tables of facts that a page shows and JSON carries."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from spatial.text import Lang, Text

Level = Literal["problem", "warning", "note"]
LEVELS: tuple[Level, ...] = ("problem", "warning", "note")
SCHEMA_VERSION = 1
_UNSEEN = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")  # what a terminal may obey


@dataclass(frozen=True)
class Finding:
    """One thing found: a ``problem`` makes a number wrong or stops the run, a ``warning`` makes one weaker, a ``note`` is to be known."""

    level: Level
    about: str
    text: Text


@dataclass(frozen=True)
class Column:
    """One column of a table: its key in JSON, its title, and how a page writes it (``text``, ``count``, ``share``, ``number``; ``json`` leaves it to JSON)."""

    key: str
    title: Text
    kind: str = "text"


@dataclass(frozen=True)
class Table:
    """Facts of one subject; ``rows`` hold plain values by column, ``None`` where nothing is known, or a ``Text``."""

    key: str
    title: Text
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    remark: Text | None = None


@dataclass
class Report:
    """A checked project.

    Attributes
    ----------
    project
        ``city.toml`` as given.
    head
        Name, CRS, date and the like, in the order of the page.
    tables
        Facts by subject.
    findings
        Problems first, in the order found.
    lang
        What the city's people read, unless they ask for another.
    """

    project: str
    head: list[tuple[Text, Text]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    lang: Lang = "en"

    def add(self, level: Level, about: str, text: Text) -> None:
        """Keep a finding; the same one twice is kept once."""
        finding = Finding(level, about, text)
        if finding not in self.found:
            self.found.append(finding)

    @property
    def findings(self) -> list[Finding]:
        """All findings, problems first."""
        return sorted(self.found, key=lambda finding: LEVELS.index(finding.level))

    def of(self, level: Level) -> list[Finding]:
        """Return the findings of one level."""
        return [finding for finding in self.found if finding.level == level]

    def to_json(self, lang: Lang) -> str:
        """Return everything as JSON: numbers unrounded, shares 0–1, ``null`` where nothing is known."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "project": self.project,
            "problems": len(self.of("problem")),
            "warnings": len(self.of("warning")),
            "about": {title.en: value.get(lang) for title, value in self.head},
            "findings": [{"level": f.level, "about": f.about, "text": f.text.get(lang)} for f in self.findings],
            "tables": {table.key: [_plain(row, table.columns, lang) for row in table.rows] for table in self.tables},
        }
        return _UNSEEN.sub(lambda letter: f"\\u{ord(letter[0]):04x}", json.dumps(content, ensure_ascii=False, indent=1))


def listed(names: str) -> str:
    """Write a list of names as Chinese does."""
    return names.replace(", ", "、")


def _plain(row: Mapping[str, Any], columns: Iterable[Column], lang: Lang) -> dict[str, Any]:
    return {column.key: _value(row.get(column.key), lang) for column in columns}


def _value(value: Any, lang: Lang) -> Any:
    if isinstance(value, Text):
        return value.get(lang)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value
