"""Shapefiles: whether all parts are there, and which encoding their text is in, whatever they claim."""

from __future__ import annotations

import contextlib
import functools
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import geopandas as gpd
import numpy as np

from spatial.errors import SourceError, shown
from spatial.sources.encodings import Piece, TextPlan, choose_encoding, codec_of, decoded

# What the language byte of a dbf stands for.
_BY_LANGUAGE = {
    0x01: "437", 0x02: "850", 0x03: "1252", 0x13: "932", 0x26: "866", 0x4D: "936", 0x4E: "949", 0x4F: "950", 0x57: "1252", 0x58: "1252",
    0x65: "866", 0x78: "950", 0x79: "949", 0x7A: "936", 0x7B: "932", 0xC9: "1251",
}  # fmt: skip


def check_parts(path: Path, where: str, inner: str = "") -> None:
    """Assert that a Shapefile is whole: GDAL reads what is left of a truncated one, and its header says how long it was.

    Parameters
    ----------
    path
        The ``.shp``, or the archive that holds it.
    where
        File and layer, for messages.
    inner
        Name of the ``.shp`` inside the archive; empty for a file of its own.

    Raises
    ------
    SourceError
        A part is missing, truncated, or of another file.
    """
    with contextlib.ExitStack() as stack:
        parts = (
            _opened_in(path, inner, stack)
            if inner
            else {
                ending: _Part(part.name, part.stat().st_size, functools.partial(part.open, "rb")) for ending, part in _parts(path).items()
            }
        )
        _check(parts, PurePosixPath(inner).stem if inner else path.stem, where)


@dataclass(frozen=True)
class _Part:
    """One of the files of a Shapefile, on the disk or in an archive."""

    name: str
    size: int
    open: Callable[[], Any]

    def head(self, size: int) -> bytes:
        with self.open() as stream:
            content: bytes = stream.read(size)
        return content


def _opened_in(path: Path, inner: str, stack: contextlib.ExitStack) -> dict[str, _Part]:
    archive = stack.enter_context(zipfile.ZipFile(path))
    base = str(PurePosixPath(inner).with_suffix("")).lower()
    return {
        PurePosixPath(entry.filename).suffix.lower(): _Part(entry.filename, entry.file_size, functools.partial(archive.open, entry))
        for entry in archive.infolist()
        if str(PurePosixPath(entry.filename).with_suffix("")).lower() == base
    }


def _check(parts: dict[str, _Part], stem: str, where: str) -> None:
    if missing := [ending for ending in (".shp", ".shx", ".dbf") if ending not in parts]:
        raise SourceError(f"{where}: {', '.join(stem + ending for ending in missing)} is missing; a Shapefile is not whole without it")
    head = parts[".shp"].head(28)
    announced, size = 2 * int.from_bytes(head[24:28], "big"), parts[".shp"].size
    if len(head) < 28 or size < announced:
        raise SourceError(f"{where}: is truncated ({announced} bytes are announced, {size} are there); get the file again")
    entries = parts[".shx"].head(-1)[100:]
    index = np.frombuffer(entries[: len(entries) // 8 * 8], ">i4").reshape(-1, 2).astype(np.int64) * 2
    end = int((index.sum(axis=1) + 8).max(initial=100))
    if end != announced:
        raise SourceError(
            f"{where}: {parts['.shx'].name} is the index of another file, or damaged (it ends at byte {end} of {announced}); get the file again"
        )
    head = parts[".dbf"].head(12)
    rows, first, width = _layout(head)
    if len(head) == 12 and rows != len(index):
        raise SourceError(
            f"{where}: {parts['.dbf'].name} has {rows} rows for {len(index)} geometries, so one of the two is of another file; get the file again"
        )
    announced, size = first + rows * width, parts[".dbf"].size
    if len(head) < 12 or size < announced:
        raise SourceError(
            f"{where}: {parts['.dbf'].name} is truncated ({announced} bytes are announced, {size} are there); get the file again"
        )


def text_plan(path: Path, inner: str, stated: str | None, *, where: str) -> TextPlan:
    """Decide from its bytes how the text of a Shapefile is decoded.

    Parameters
    ----------
    path
        The ``.shp``, or the archive that holds it.
    inner
        Name of the ``.shp`` inside the archive; empty for a file of its own.
    stated
        ``encoding`` of ``city.toml``.
    where
        File and layer, for messages.

    Raises
    ------
    SourceError
        The text is not of the stated encoding.
    """
    dbf, said = _read(path, inner)
    claimed = said if codec_of(said) else _BY_LANGUAGE.get(int(dbf[29]))
    return choose_encoding(list(_pieces(dbf)), claimed=claimed, stated=stated, where=where)


def decode_frame(frame: gpd.GeoDataFrame, encoding: str) -> gpd.GeoDataFrame:
    """Decode the column names and texts of a frame that was read as raw bytes; names that a cut makes equal are numbered."""
    names: dict[Any, str] = {}
    for column in frame.columns:
        name = base = decoded(str(column), encoding) if column != frame.geometry.name else str(column)
        number = 1
        while name in names.values():
            number += 1
            name = f"{base}_{number}"
        names[column] = name
    texts = {}
    for column in frame.columns:
        if column != frame.geometry.name and frame[column].dtype.kind not in "biufM":
            known = {value: decoded(value, encoding) for value in frame[column].unique() if isinstance(value, str)}
            texts[column] = frame[column].astype(object).map(lambda value, known=known: known.get(value, value))
    return frame.assign(**texts).rename(columns=names)


def _parts(path: Path) -> dict[str, Path]:
    return {part.suffix.lower(): part for part in path.parent.iterdir() if part.stem == path.stem}


def _layout(head: Any) -> tuple[int, int, int]:
    """Rows, bytes before the first of them, and bytes of each."""
    rows, first, width = (int.from_bytes(bytes(head[slice(*at)]), "little") for at in ((4, 8), (8, 10), (10, 12)))
    return rows, first, width


def _pieces(dbf: Any) -> Iterator[Piece]:
    """Yield every distinct column name and text that is not ASCII."""
    rows, first, width = _layout(dbf)
    table = np.asarray(dbf[first : first + rows * width]).reshape(rows, width)
    offset = 1
    for start in range(32, first - 31, 32):
        field = bytes(dbf[start : start + 32])
        if field[0] == 0x0D:
            break
        name = field[:11].split(b"\0")[0]
        if not name.isascii():
            yield name, len(name) >= 10, 1
        text = field[11:12] == b"C"
        length = field[16] + 256 * field[17] if text else field[16]
        if text and length:
            column = table[:, offset : offset + length]
            foreign = np.ascontiguousarray(column[(column >= 0x80).any(axis=1)])
            for value, number in Counter(foreign.view(f"S{length}").ravel().tolist()).items():
                content = value.split(b"\0")[0].rstrip(b" ")
                if not content.isascii():
                    yield content, len(content) == length, number
        offset += length


def _read(path: Path, inner: str) -> tuple[Any, str | None]:
    """Return the bytes of the dbf, and what the cpg says."""
    if not inner:
        parts = _parts(path)
        said = parts[".cpg"].read_bytes() if ".cpg" in parts else b""
        return np.memmap(parts[".dbf"], np.uint8, "r"), said.decode("ascii", "replace").strip() or None
    with zipfile.ZipFile(path) as archive:
        found = {name.lower(): name for name in archive.namelist()}
        base = str(PurePosixPath(inner).with_suffix("")).lower()
        if f"{base}.dbf" not in found:
            raise SourceError(f"{where_in(path, inner)}: the .dbf is missing; a Shapefile is not whole without it")
        said = archive.read(found[f"{base}.cpg"]) if f"{base}.cpg" in found else b""
        return np.frombuffer(archive.read(found[f"{base}.dbf"]), np.uint8), said.decode("ascii", "replace").strip() or None


def where_in(path: Path, inner: str) -> str:
    """Name a file inside an archive."""
    return f"{path} ({shown(inner)})"
