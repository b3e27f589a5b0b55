"""Values as offices write them into a ledger: texts, numbers, days, words to compare."""

from __future__ import annotations

import datetime
import re
import unicodedata

FIRST_YEAR, LAST_YEAR = 1949, 2100
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+|\d{1,3}( \d{3})+)(\.\d+)?")
_DAY = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?(?:[t ]+\d{1,2}:\d{2}.*)?", re.IGNORECASE)
_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?")
_SERIAL_ZERO = datetime.date(1899, 12, 30)  # day 0 of spreadsheets, their 29 February 1900 allowed for
_YEAR = re.compile(r"(\d{4})(?:\.0+)?年?(?:度)?")
_SEPARATORS = re.compile(r"[;；、,，|/]+")
_NOTHING = ("", "nan", "none", "null", "nat", "<na>", "-", "—", "/", "无")


def text_of(value: object) -> str:
    """Return a cell as text: whole numbers without a point, blanks at the ends gone, an absent one empty."""
    if value is None or value != value:  # NaN, NaT
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    said = str(value)
    return "" if said in ("<NA>", "NaT") else said.strip()


def plain_of(value: object) -> str:
    """Return a text for comparing: full-width forms as plain ones, without any blanks, small letters."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text_of(value))).casefold()


def words_of(value: object) -> tuple[str, ...]:
    """Return the words of a cell that may hold several, ``;``, ``、``, ``,``, ``/`` or ``|`` between them, each ``plain_of``."""
    return tuple(word for part in _SEPARATORS.split(text_of(value)) if (word := plain_of(part)))


def number_of(value: object) -> float | None:
    """Read a number: ``1,201``, ``1 201.5``, full width.

    Returns
    -------
    float or None
        NaN where nothing is written; ``None`` where it is no plain number, or can be read in two ways (``1,20``).
    """
    said = unicodedata.normalize("NFKC", text_of(value)).strip()
    if said.casefold() in _NOTHING:
        return float("nan")
    if re.fullmatch(r"[+-]?\d+(\.\d+)?e[+-]?\d{1,3}", said, re.IGNORECASE):
        number = float(said)
        return number if abs(number) < 1e18 else None
    if not _NUMBER.fullmatch(said) or len(said) > 30:
        return None
    return float(said.replace(",", "").replace(" ", ""))


def day_of(value: object) -> datetime.date | str | None:
    """Read a day: ``2025-06-30``, ``2025/6/30``, ``2025.6.30``, ``2025年6月30日``, ``20250630``, the serial number of a spreadsheet.

    Returns
    -------
    datetime.date, None or str
        ``None`` where nothing is written; the text itself where it is no day of 1949–2100: a month or a year alone is none.
    """
    said = unicodedata.normalize("NFKC", text_of(value)).strip()
    if said.casefold() in _NOTHING:
        return None
    compact = re.sub(r"(?<=\d) (?=[年月日./-])|(?<=[年月./-]) (?=\d)", "", said)
    match = _DAY.fullmatch(compact) or _DIGITS.fullmatch(compact)
    try:
        if match:
            day = datetime.date(int(match[1]), int(match[2]), int(match[3]))
        elif serial := _SERIAL.fullmatch(compact):
            day = _SERIAL_ZERO + datetime.timedelta(days=int(serial[1]))
        else:
            return said
    except (ValueError, OverflowError):
        return said
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else said


def year_of(value: object) -> int | str | None:
    """Read a year: ``2025``, ``2025年``; ``None`` where nothing is written, the text itself where it is none of 1949–2100."""
    said = unicodedata.normalize("NFKC", text_of(value)).strip()
    if said.casefold() in _NOTHING:
        return None
    match = _YEAR.fullmatch(said)
    return int(match[1]) if match and FIRST_YEAR <= int(match[1]) <= LAST_YEAR else said
