"""Sheets of a workbook as tables: the values that its cells show, never a formula, a link or a macro."""

from __future__ import annotations

import datetime
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spatial.errors import OptionError, SourceError, SpatialError, nearest, sample, shown
from spatial.sources.options import MOST_COLUMNS
from spatial.sources.whole import check_archive

MOST_ROWS, MOST_BYTES, MOST_CELLS = 1_048_576, 1 << 30, 20_000_000
_OLD, _HEAD_BYTES = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 4096
_LOOKS_FOR_HEAD = 20
_LONGEST_CELL = 1 << 17  # bytes, with a formula of the longest kind
_FROM_1904 = 1462  # days from 30 December 1899 to 1 January 1904
_FORMULA_ALONE = re.compile(rb"<f(?:\s[^<>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>")


def read_workbook(path: Path, sheet: str | None, *, where: str) -> pd.DataFrame:
    """Read one sheet of a workbook.

    Parameters
    ----------
    path
        An XLSX or XLSM.
    sheet
        Its name; ``None`` for the first.
    where
        File, for messages.

    Returns
    -------
    pandas.DataFrame
        The columns of the first row with more than one text, those without a head left out; cells as texts, numbers, or days as ``2025-06-30``; indexed by
        the number of the row in the sheet; rows without anything are left out. In its ``attrs``: ``day_0``, what numbers of days are to be raised by
        so that they count as in most workbooks (1462 where this one counts from 1904), and ``without_result``, how many formulas nobody has calculated.

    Raises
    ------
    SourceError
        Not a workbook, protected by a password, damaged, or larger than any ledger.
    OptionError
        No such sheet.
    """
    _check(path, where)
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on styles, validations and extensions that do not matter here
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
            try:
                page = _sheet(book, sheet, where)
                table = _table(_rows(page, where), where)
                table.attrs["day_0"] = _FROM_1904 if book.epoch.year == 1904 else 0
                table.attrs["without_result"] = _without_result(path, page._worksheet_path)
                return table
            finally:
                book.close()
    except SpatialError:
        raise
    except Exception as error:  # whatever openpyxl stumbles over in a damaged workbook
        said = f"{type(error).__name__}: {shown(error, 160)}"
        raise SourceError(f"{where}: cannot be read as a workbook ({said}); open it in a spreadsheet and save it again as .xlsx") from error


def _check(path: Path, where: str) -> None:
    """Refuse what is no workbook, or would fill the memory, before it is unpacked."""
    with path.open("rb") as stream:
        head = stream.read(8)
    if head == _OLD:
        raise SourceError(f"{where}: is protected by a password, or an old .xls; save it as .xlsx without a password")
    if not zipfile.is_zipfile(path):
        raise SourceError(f"{where}: is not a workbook; save it as .xlsx")
    check_archive(path, where)
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if "xl/workbook.xml" not in {part.filename for part in parts}:
            raise SourceError(f"{where}: is an archive, not a workbook; save it as .xlsx")
        size = sum(part.file_size for part in parts)
        if size > MOST_BYTES:
            raise SourceError(f"{where}: unpacks to {size >> 20} MiB, more than any ledger has; keep the sheet that is needed")
        for part in parts:
            if part.filename.endswith((".xml", ".rels")):
                with archive.open(part) as stream:
                    if b"<!DOCTYPE" in stream.read(_HEAD_BYTES):
                        raise SourceError(
                            f"{where}: {shown(part.filename)} in it declares a document type, as no spreadsheet does; get the file again"
                        )


def _without_result(path: Path, part: str) -> int:
    """Count the formulas of a sheet that no program has calculated yet: their cells are read as empty."""
    count, rest = 0, b""
    with zipfile.ZipFile(path) as archive, archive.open(part.lstrip("/")) as stream:
        while block := stream.read(1 << 22):
            whole, end, rest = (rest[-_LONGEST_CELL:] + block).rpartition(b"</c>")
            count += len(_FORMULA_ALONE.findall(whole + end))
    return count


def _sheet(book: Any, name: str | None, where: str) -> Any:
    names = list(book.sheetnames)
    if name is not None and name not in names:
        raise OptionError(f'{where}: has no sheet "{shown(name)}"{nearest(name, names)}; it holds {sample(names, 12)}')
    if not names:
        raise SourceError(f"{where}: holds no sheet")
    sheet = book[names[0] if name is None else name]
    if not hasattr(sheet, "iter_rows"):
        raise SourceError(f'{where}: "{shown(sheet.title)}" is a chart; name the sheet of the table: layer = "…"')
    sheet.reset_dimensions()  # which programs state wrongly
    return sheet


def _rows(sheet: Any, where: str) -> list[tuple[int, list[Any]]]:
    """Return the rows that hold something, by their number."""
    found, cells = [], 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        values = list(row)
        while values and values[-1] in (None, ""):
            values.pop()
        if len(values) > MOST_COLUMNS:
            raise SourceError(
                f"{where}: row {number} has {len(values)} columns, more than {MOST_COLUMNS}; keep the columns that are needed"
            )
        cells += len(values)
        if number > MOST_ROWS or cells > MOST_CELLS:
            raise SourceError(f"{where}: has more than {MOST_ROWS:,} rows or {MOST_CELLS:,} cells, as no ledger has; keep what is needed")
        if any(_cell(value) != "" for value in values):
            found.append((number, values))
    return found


def _table(rows: list[tuple[int, list[Any]]], where: str) -> pd.DataFrame:
    if not rows:
        raise SourceError(f"{where}: the sheet is empty")
    first = next((at for at, (_, row) in enumerate(rows[:_LOOKS_FOR_HEAD]) if sum(_cell(value) != "" for value in row) > 1), 0)
    head = [str(_cell(value)).strip() for value in rows[first][1]]
    twice = sorted({name for name in head if name and head.count(name) > 1})
    if twice:
        raise SourceError(f"{where}: the column {sample(twice)} stands in the head more than once; rename or remove one")
    body = rows[first + 1 :]
    columns = {
        name: np.array([_cell(row[at]) if at < len(row) else "" for _, row in body], dtype=object) for at, name in enumerate(head) if name
    }
    return pd.DataFrame(columns, index=pd.Index([number for number, _ in body]))


def _cell(value: Any) -> Any:
    """Return what a cell shows: a day as in ISO 8601, a whole number without a point."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value).strip()
