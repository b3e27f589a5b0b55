"""Tables that people read: one declaration of columns for the terminal and for the workbook."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from spatial.areas import RESERVED
from spatial.outputs.target_words import amount
from spatial.text import Lang, Text

TONES = {
    "met": "good", "met_late": "good", "on_track": "good", "behind": "warn", "not_met": "bad", "overdue": "bad", "due": "warn", "done": "good",
}  # fmt: skip
"""Which statuses are coloured how; all others are grey. The word always stands in the cell, so that no colour must be told apart."""


@dataclass(frozen=True)
class Figure:
    """A number in its base unit; ``unit`` is a code of ``spatial.units``, or ``money`` (CNY) or ``number``."""

    value: float
    unit: str


Cell = str | Figure
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """One column of a view.

    Attributes
    ----------
    width
        In the workbook, characters.
    brief
        Whether the terminal, which is narrow, shows it too.
    tone
        What colours a cell: ``good``, ``warn``, ``bad``, ``idle`` or empty.
    whole
        Whether the terminal never cuts it: an id that one must be able to type.
    """

    title: Text
    width: int
    cell: Callable[[Row, Lang], Cell]
    brief: bool = False
    tone: Callable[[Row], str] = lambda row: ""
    whole: bool = False


@dataclass(frozen=True, eq=False)
class View:
    """A table to be read: its columns, its rows, and what is said where there is none."""

    title: Text
    columns: tuple[Column, ...]
    rows: pd.DataFrame
    empty: Text

    def records(self) -> list[dict[str, Any]]:
        """Return the rows one by one."""
        return self.rows.to_dict("records")


def shown_as(cell: Cell, lang: Lang) -> str:
    """Write a cell as text, with its unit."""
    if isinstance(cell, str):
        return cell
    if cell.unit == "number":
        return "" if pd.isna(cell.value) else f"{cell.value:,.10g}"
    return "" if pd.isna(cell.value) else amount(cell.value, "CNY" if cell.unit == "money" else cell.unit, lang)


def counted(values: Sequence[str], titles: Mapping[str, Text], lang: Lang) -> str:
    """Count words and write the counts in the order of their titles: ``met 5 · behind 2``."""
    found = [(titles[key].get(lang), list(values).count(key)) for key in titles]
    return " · ".join(f"{title} {count}" for title, count in found if count)


def text_of(key: str) -> Callable[[Row, Lang], Cell]:
    """Return what shows a text, empty where there is none."""
    return lambda row, lang: "" if row[key] is None or (isinstance(row[key], float) and math.isnan(row[key])) else str(row[key])


def in_both(key: str) -> Callable[[Row, Lang], Cell]:
    """Return what shows a text that is there in both languages."""
    return lambda row, lang: str(row[f"{key}_{lang}"] or "")


def figure_of(key: str) -> Callable[[Row, Lang], Cell]:
    """Return what shows a figure in the unit of its row; a status or a yes as a word."""

    def cell(row: Row, lang: Lang) -> Cell:
        if row["unit"] in ("status", "boolean"):
            return "" if pd.isna(row[key]) else amount(row[key], row["unit"], lang)
        return Figure(row[key], row["unit"])

    return cell


def gap_of(key: str) -> Callable[[Row, Lang], Cell]:
    """Return what shows how far one figure lies from another: of shares in percentage points, of steps on the ladder as a number."""
    units = {"1": "pp", "status": "number", "boolean": "number"}
    return lambda row, lang: Figure(row[key], units.get(row["unit"], str(row["unit"])))


def missing_of(row: Row, lang: Lang) -> Cell:
    """Show what is missing to a target: steps of the ladder as such, and that a number must be passed where it is only reached."""
    if pd.isna(row["gap"]):
        return ""
    unmet = row["status"] in ("behind", "on_track", "not_met")
    if row["unit"] == "boolean":
        return said_if(unmet, Text("尚缺", "lacking"), lang)
    if row["unit"] == "status":
        steps = round(row["gap"])
        return said_if(steps > 0, Text(f"{steps} 级", f"{steps} stage{'' if steps == 1 else 's'}"), lang)
    if unmet and row["gap"] == 0 and row["operator"] in (">", "<"):
        return {">": Text("尚须超过", "must be passed"), "<": Text("尚须低于", "must fall below")}[row["operator"]].get(lang)
    return gap_of("gap")(row, lang)


def share_of(key: str) -> Callable[[Row, Lang], Cell]:
    """Return what shows a share."""
    return lambda row, lang: Figure(row[key], "1")


def year_of(key: str) -> Callable[[Row, Lang], Cell]:
    """Return what shows a year."""
    return lambda row, lang: "" if pd.isna(row[key]) else f"{math.floor(row[key])}"


def days_of(row: Row, lang: Lang) -> Cell:
    """Show days past the due date; none for 0."""
    return Figure(float(row["days"]), "number") if row["days"] else ""


def titled(titles: Mapping[str, Text], key: Any, lang: Lang) -> str:
    """Return the title of a word; the word itself where it has none."""
    return titles[key].get(lang) if key in titles else str(key or "")


def area_of(row: Row, lang: Lang) -> Cell:
    """Show the name of an area; of the totals their titles."""
    return RESERVED[row["area_id"]].get(lang) if row["area_id"] in RESERVED else str(row["area_name"] or row["area_id"])


def indicative_of(row: Row, lang: Lang) -> Cell:
    """Say that a target is only our split of the city's."""
    return said_if(row["indicative"], Text("示意 indicative", "indicative 示意"), lang)


def said_if(value: Any, text: Text, lang: Lang) -> str:
    """Say a text where something is true."""
    return text.get(lang) if value else ""
