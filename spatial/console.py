"""What a terminal shows: the step at work, and tables whose columns stand in line also where they hold Chinese."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spatial.errors import printable, shown
from spatial.text import Lang, Text

if TYPE_CHECKING:
    import pandas as pd

    from spatial.outputs.views import Cell, Column, View

_WIDEST = 30
_LINE, _LAST, _BELOW = 150, 48, 110
_BESIDE = 90
_LONGEST, _WHOLE_TEXT = 500, 4000


def draw() -> Callable[[str], None]:
    """Return what writes the step at work to the error stream: over the one before on a terminal, else a line each."""
    tty = sys.stderr.isatty()

    def write(step: str) -> None:
        step = shown(step, 300)
        print(f"\r\033[K{step} …" if tty else f"{step} …", end="" if tty else "\n", file=sys.stderr, flush=True)

    return write


def clear(drawn: bool) -> None:
    """Take the last step off a terminal again."""
    if drawn and sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for each Chinese letter, none for a mark over another letter."""
    return sum(0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def table(view: View, lang: Lang, *, wide: bool = False) -> list[str]:
    """Write a view as lines for a terminal.

    Parameters
    ----------
    view
        Of its columns those are shown that are brief and not empty in every row.
    lang
        Of heads and cells.
    wide
        Whether those that are not brief are shown too.

    Returns
    -------
    list of str
        The head, a rule, one line a row; figures stand right, texts left and are cut where they are long, but for those of the last column,
        which go on below.
        Without a row, the one line that says so.
    """
    from spatial.outputs.views import shown_as

    records = view.records()
    if not records:
        return [view.empty.get(lang)]
    columns = [(column, [column.cell(record, lang) for record in records]) for column in view.columns if column.brief or wide]
    filled = [(column, cells) for column, cells in columns if any(shown_as(cell, lang) for cell in cells)]
    laid = [_column(column, cells, lang) for column, cells in filled[:-1]]
    left = sum(width(parts[0]) + 2 for parts in laid)
    last = _last(*filled[-1], lang)
    below = left > _BESIDE and any(width(text) > _LAST for text in last)  # no room beside the others: a line of its own
    lines = []
    for row, text in enumerate(last):
        beside = [parts[row] for parts in laid]
        if below:
            lines += ["  ".join(beside).rstrip(), *(f"    {part}" for part in wrapped(text) if row > 1)]
        else:
            first, *more = wrapped(text, max(_LAST, _LINE - left))
            lines += ["  ".join((*beside, first)).rstrip(), *(" " * left + part for part in more)]
    return lines


def _last(column: Column, cells: Sequence[Cell], lang: Lang) -> list[str]:
    from spatial.outputs.views import shown_as

    texts = [shown(shown_as(cell, lang), _WHOLE_TEXT) for cell in cells]
    title = column.title.get(lang)
    return [title, "-" * min(max(width(text) for text in (title, *texts)), _LAST), *texts]


def wrapped(text: str, limit: int = _BELOW) -> list[str]:
    """Break a text into lines of a width: between words, or between any two Chinese letters."""
    lines, line = [], ""
    for word in re.findall(r"[\u2e80-\uffef]|[^\s\u2e80-\uffef]+\s*|\s+", text):
        if line and width(line + word.rstrip()) > limit and word not in "，。；：、）》！？”":
            lines.append(line.rstrip())
            line = ""
        line += word
    return [*lines, line.rstrip()]


def _column(column: Column, cells: Sequence[Cell], lang: Lang) -> list[str]:
    from spatial.outputs.views import Figure, shown_as

    texts = [_cut(shown(shown_as(cell, lang), _LONGEST), _LONGEST if column.whole else _WIDEST) for cell in cells]
    title = column.title.get(lang)
    widest = max(width(text) for text in (title, *texts))
    right = any(isinstance(cell, Figure) for cell in cells)
    return [_padded(text, widest, right) for text in (title, "-" * widest, *texts)]


def _cut(text: str, limit: int) -> str:
    if width(text) <= limit:
        return text
    while width(text) > limit - 1:
        text = text[:-1]
    return f"{text}…"


def _padded(text: str, to: int, right: bool) -> str:
    gap = " " * (to - width(text))
    return gap + text if right else text + gap


def say(how: str, lang: Lang, head: str, views: Sequence[View], lines: Sequence[Text], more: Mapping[str, Any]) -> None:
    """Write tables, and what must be known of them.

    Parameters
    ----------
    how
        ``text``; ``wide``, with every column; ``json``: the rows whole, as the tables of a standing hold them.
    lang
        Language.
    head
        First line of the text: which city, which day.
    views
        One table, and perhaps another beside it.
    lines
        Totals and notes, after the tables.
    more
        What else the JSON says.
    """
    if how == "json":
        tables = {name: records_of(view.rows) for name, view in zip(("rows", "beside"), views, strict=False)}
        whole = json.dumps({**more, **tables, "said": [line.get(lang) for line in lines]}, ensure_ascii=False, indent=1)
        print("".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in whole))
        return
    text = [head] if head else []
    for nth, view in enumerate(views):
        text += ["", view.title.get(lang)] if nth else []
        text += table(view, lang, wide=how == "wide")
    print_lines([*text, *([""] if lines else []), *(line.get(lang) for line in lines)])


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, whatever an input put into them, harmless for the terminal."""
    for line in lines:
        print(printable(line.replace("\n", " ")))


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as JSON holds them: absent numbers ``None``, pairs of texts and days as texts."""
    return [{key: _plain(value) for key, value in record.items()} for record in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    import numpy as np
    import pandas as pd

    if isinstance(value, Text):
        return {"zh": value.zh, "en": value.en}
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | bool | int | float) else str(value)
