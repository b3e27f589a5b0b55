"""What stands in the legend of a sheet: the kinds that occur, and how many features each has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from spatial.outputs.qgis_evidence import Table
from spatial.outputs.qgis_style import Condition, Rule, Style
from spatial.text import Lang

_COLUMNS = 34  # as wide as the column of a sheet is, in half-width characters of its legend
_WIDE = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60"
_CLOSING = "）。，；：、？！"
# What stays together on a line: one wide character with the punctuation that closes it, or a word with the spaces behind it.
_WORDS = re.compile(rf"[（【《]*[{_WIDE}][{_CLOSING}]*|[^{_WIDE}\s]+[{_CLOSING}]*\s*|\s+")

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Entry:
    """One line of a legend.

    Attributes
    ----------
    node
        Which of the layer's legend nodes it is, counted as QGIS counts them.
    heading
        Whether it only stands over others.
    """

    node: int
    label: str
    count: int
    heading: bool = False


def entries(table: Table, style: Style, lang: Lang, *, counted: bool) -> list[Entry]:
    """List the lines of a legend that have features.

    Parameters
    ----------
    table
        The layer.
    style
        One of its styles.
    lang
        Language.
    counted
        Whether each line says how many features it has.

    Returns
    -------
    list of Entry
        In the order of the style's rules; headings have no count.
    """
    found: list[Entry] = []
    _gather(style.rules, np.ones(len(table.frame), dtype=bool), table.frame, found, [0])
    said = []
    for entry in found:
        if entry.heading:
            said.append(entry)
        elif entry.count:
            number = f"（{entry.count:,}）" if lang == "zh" else f" ({entry.count:,})"
            said.append(Entry(entry.node, entry.label + (number if counted else ""), entry.count))
    return said


def _gather(rules: Sequence[Rule], among: Mask, frame: pd.DataFrame, found: list[Entry], node: list[int]) -> None:
    met = [among & _met(rule.where, frame) for rule in rules]
    taken = np.any([mask for mask, rule in zip(met, rules, strict=True) if not rule.otherwise], axis=0) if rules else among
    for mask, rule in zip(met, rules, strict=True):
        mine = among & ~taken if rule.otherwise else mask
        found.append(Entry(node[0], rule.label, int(mine.sum()), rule.symbol is None))
        node[0] += 1
        _gather(rule.rules, mine, frame, found, node)


def _met(where: Sequence[Condition], frame: pd.DataFrame) -> Mask:
    met = np.ones(len(frame), dtype=bool)
    for test in where:
        column = frame[test.field]
        if test.values:
            met &= column.isin(list(test.values)).to_numpy(dtype=bool)
        if test.low is not None:
            met &= column.ge(test.low).fillna(False).to_numpy(dtype=bool)
        if test.high is not None:
            met &= column.lt(test.high).fillna(False).to_numpy(dtype=bool)
    return met


def is_wide(character: str) -> bool:
    """Whether a character takes the room of a Chinese one."""
    return unicodedata.east_asian_width(character) in "WF"


def wrapped(text: str, columns: int = _COLUMNS) -> str:
    """Break a text into lines of so many half-width characters, which QGIS before 3.30 does not: at spaces, or beside any Chinese character."""
    lines, line = [], ""
    for word in _WORDS.findall(text):
        if line and _width(line) + _width(word.rstrip()) > columns:
            lines.append(line.rstrip())
            line = ""
        line += word.lstrip() if not line else word
        while _width(line.rstrip()) > columns:  # one word longer than a line
            lines.append(line[:columns])
            line = line[columns:]
    return "\n".join([*lines, line.rstrip()])


def _width(text: str) -> int:
    return sum(2 if is_wide(character) else 1 for character in text)
