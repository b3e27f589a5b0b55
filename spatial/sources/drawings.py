"""Drawings (DXF): the encoding of their text, and closed lines as polygons."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from spatial.sources.encodings import TextPlan, choose_encoding, decoded

_LINE = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")
_VERSION = re.compile(rb"\$ACADVER\s+1\s+AC(\d{4})")
_PAGE = re.compile(rb"\$DWGCODEPAGE\s+3\s+(\w+)")
_UTF8_SINCE = 1021  # AutoCAD 2007; such files still name a code page, which GDAL follows
_ESCAPED = re.compile(r"\\U\+([0-9A-Fa-f]{4})")


def drawing_text_plan(path: Path, stated: str | None, *, where: str) -> TextPlan:
    """Decide from its bytes how the text of a DXF is decoded.

    Parameters
    ----------
    path
        The drawing.
    stated
        ``encoding`` of ``city.toml``.
    where
        File and layer, for messages.

    Raises
    ------
    SourceError
        The text is not of the stated encoding.
    """
    content = path.read_bytes()
    version, page = _VERSION.search(content), _PAGE.search(content)
    claimed = page[1].decode("ascii", "replace").lower().removeprefix("ansi_").removeprefix("dos") if page else None
    if version and int(version[1]) >= _UTF8_SINCE:
        claimed = "utf-8"
    pieces = [(line, False, number) for line, number in Counter(_LINE.findall(content)).items()]
    return choose_encoding(pieces, claimed=claimed, stated=stated, where=where)


def unescape(frame: gpd.GeoDataFrame, encoding: str | None) -> gpd.GeoDataFrame:
    r"""Decode texts that were read as raw bytes, and ``\U+7EFF`` in them, as older drawings write what their code page lacks."""
    texts = {}
    for column in frame.columns:
        if column != frame.geometry.name and frame[column].dtype.kind not in "biufM":
            known = {value: _plain(value, encoding) for value in frame[column].unique() if isinstance(value, str)}
            texts[column] = frame[column].astype(object).map(lambda value, known=known: known.get(value, value))
    return frame.assign(**texts)


def _plain(value: str, encoding: str | None) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), decoded(value, encoding) if encoding else value)


def close_lines(geometry: Any) -> Any:
    """Turn closed lines into polygons."""
    out = np.asarray(geometry, dtype=object).copy()
    closed = (shapely.get_type_id(out) == 1) & shapely.is_closed(out) & (shapely.get_num_coordinates(out) >= 4)
    for row in np.flatnonzero(closed):
        out[row] = shapely.Polygon(shapely.get_coordinates(out[row]))
    return out
