"""What may stand in a cell of a spreadsheet: harmless text, and figures of a fixed form."""

from __future__ import annotations

import re

import numpy as np

_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)  # with those that turn the order of letters round, so that a cell shows what it does not hold
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_CELL_LIMIT = 32_000


def safe_cell(text: object) -> str:
    """Make text harmless for a spreadsheet: no control characters, no formula.

    A text that begins like a formula gets an apostrophe before it; plain negative numbers are left alone.
    """
    clean = _CONTROL.sub("", str(text)).replace("\r\n", "\n").replace("\r", "\n")
    begins = clean.lstrip(" \u00a0\ufeff\u3000")
    if begins[:1] in ("=", "+", "-", "@", "\t", "\n", "|", "＝", "＋", "－", "＠") and not _NUMBER.fullmatch(clean):
        return "'" + clean
    return clean


def clipped(text: object) -> str:
    """Make text harmless and no longer than a cell of a workbook holds."""
    return safe_cell(text)[:_CELL_LIMIT]


def figure(value: float) -> str:
    """Ten significant digits; empty where there is no value; never a negative zero."""
    if not np.isfinite(value):
        return ""
    return f"{value + 0.0:.10g}" if value else "0"
