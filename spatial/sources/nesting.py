"""How deep geometries lie inside one another: GEOS follows them without a bound, and the process dies of it, so they are measured before."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

from spatial.errors import SourceError, sample

MOST_DEEP = 32  # no program writes a collection in a collection more than twice
_SIMPLE = tuple(b"\1" + kind + b"\0\0\0" for kind in (b"\1", b"\2", b"\3"))  # points, lines and polygons hold no others
_BRACKET = re.compile(r"[()]")


def refuse_deep(values: Iterable[bytes | str | None], *, where: str, first: int = 0) -> None:
    """Refuse WKB (bytes) and WKT (text) that nest deeper than ``MOST_DEEP``.

    Parameters
    ----------
    values
        One a row.
    where
        File and layer, for messages.
    first
        Number of the first row, for messages.

    Raises
    ------
    SourceError
        Some are nested deeper.
    """
    deep = [
        row
        for row, value in enumerate(values, start=first)
        if value and (_wkb_deep(value) if isinstance(value, bytes) else _wkt_deep(value))
    ]
    if deep:
        raise SourceError(
            f"{where}: {len(deep)} geometries lie more than {MOST_DEEP} deep inside one another (rows {sample(deep)}), as no true ones do; get the file again"
        )


def _wkt_deep(text: str) -> bool:
    if text.count("(") <= MOST_DEEP:
        return False
    deep = 0
    for bracket in _BRACKET.finditer(text):
        deep += 1 if bracket[0] == "(" else -1
        if deep > MOST_DEEP:
            return True
    return False


def _wkb_deep(content: bytes) -> bool:
    """Follow the heads, without calling oneself; what is broken is left to GEOS, which says so."""
    if len(content) < MOST_DEEP * 9 or content[:5] in _SIMPLE:
        return False
    at, open_ = 0, [1]
    try:
        while open_:
            order = "<" if content[at] == 1 else ">"
            (said,) = struct.unpack_from(f"{order}I", content, at + 1)
            at += 9 if said & 0x20000000 else 5
            kind, iso = (said & 0xFFFF) % 1000, (said & 0xFFFF) // 1000
            size = 8 * (2 + (2 if iso == 3 else 1 if iso else 0) + bool(said & 0x80000000) + bool(said & 0x40000000))
            open_[-1] -= 1
            if kind == 1:
                at += size
            else:
                (number,) = struct.unpack_from(f"{order}I", content, at)
                at += 4
                if kind in (2, 8):
                    at += number * size
                elif kind in (3, 17):
                    for _ in range(number):
                        (corners,) = struct.unpack_from(f"{order}I", content, at)
                        at += 4 + corners * size
                else:
                    open_.append(number)
                    if len(open_) > MOST_DEEP + 1:
                        return True
            while open_ and not open_[-1]:
                open_.pop()
    except (struct.error, IndexError):
        return False
    return False
