"""Tables whose rows are places: coordinates in two columns or in one, however people write them."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from spatial import crs as crs_
from spatial.errors import LayerError, OptionError, SourceError, nearest, sample, shown
from spatial.sources.encodings import is_chinese
from spatial.sources.nesting import refuse_deep

X_NAMES = ("x", "lon", "lng", "longitude", "经度", "东坐标", "横坐标", "easting")
Y_NAMES = ("y", "lat", "latitude", "纬度", "北坐标", "纵坐标", "northing")

_SPACES = re.compile(r"\s+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_SPACED = re.compile(r"[+-]?\d{1,3}( \d{3})+(\.\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_EITHER = re.compile(r"[+-]?\d{1,3},\d{3}")  # 125,324 may be 125.324 or 125324
_ANGLE = re.compile(
    r"(?P<sign>[+-]?)(?P<d>\d{1,3}) ?[°度:d] ?(?:(?P<m>\d{1,2}(?:\.\d+)?) ?(?:['分:m] ?(?:(?P<s>\d{1,2}(?:\.\d+)?) ?(?:[\"秒s]|'')?)?)?)?"
)
_DEGREES = re.compile(r"(?P<d>[+-]?\d{1,3}(?:\.\d+)?) ?[°度d]?")
_SECONDS = re.compile(r"[+-]?\d+ ?d.*m ?[\d.]+ ?s")  # the last letter is no south
_MARKS = str.maketrans({"º": "°", "˚": "°", "′": "'", "’": "'", "‘": "'", "`": "'", "″": '"', "”": '"', "“": '"', "−": "-", "–": "-"})
_SIDES = {"n": 1, "s": -1, "e": 1, "w": -1}
_SIDE = re.compile(r"([nsew]) ?([+-]?\d.*)|([+-]?\d.*?) ?([nsew])")
_WORDS = (("东经", "e"), ("西经", "w"), ("北纬", "n"), ("南纬", "s"), ("东", "e"), ("西", "w"), ("北", "n"), ("南", "s"))
_SRID = re.compile(r"\s*SRID\s*=\s*(\d+)\s*;", re.IGNORECASE)
_MADE_UP = re.compile(r"Unnamed: \d+")  # what pandas calls a column whose head is empty
_HEAD_BELOW = "the head may not be in the first line; remove the lines above it"
_NO_PLACE = ("", "-", "—", "/", "无", "nan", "None")
_HEX = re.compile(r"[0-9A-Fa-f]{42,}")


def read_table(
    path: Path, *, encoding: str | None, x: str | None, y: str | None, geometry: str | None, where: str, bare: bool = False
) -> tuple[gpd.GeoDataFrame, str | None]:
    """Read a CSV or the like.

    Parameters
    ----------
    path
        The file.
    encoding
        As stated; else UTF-8 (UTF-16 with its mark), then GBK where the text is Chinese.
    x, y
        Columns of the coordinates: numbers, also with a decimal comma, thousands separators, full-width digits; degrees, minutes and
        seconds; with a hemisphere.
    geometry
        The one column that holds the place instead: WKT, hexadecimal WKB, or ``x, y`` in this order.
    where
        File and layer, for messages.
    bare
        Whether the rows need no place.

    Returns
    -------
    tuple
        Every column as text; a row whose place cannot be read has no geometry. And the encoding where it was guessed.

    Raises
    ------
    SourceError
        Not a table, or not of the encoding.
    OptionError
        No such column, or none that is known to hold a coordinate.
    LayerError
        Numbers that can be read in two ways, or latitudes where x is.
    """
    text, guessed = _text(path, encoding, where)
    delimiter = ","
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header: columns would shift
            delimiter = _delimiter(path, text)
            table = pd.read_csv(io.StringIO(text), sep=delimiter, dtype=str, keep_default_na=False, index_col=False)
        lines = _lines_of_rows(text, delimiter, where)
    except (ValueError, csv.Error, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        first = str(error).splitlines()
        hint = f"; {_HEAD_BELOW}" if _is_title(text, delimiter) else ""
        raise SourceError(f"{where}: is not a table ({shown(first[0], 200) if first else type(error).__name__}){hint}") from error
    # A row without an id of its own goes by its line.
    table.index = pd.Index(lines) if len(lines) == len(table) else pd.RangeIndex(2, len(table) + 2)
    return located(table, x=x, y=y, geometry=geometry, where=where, bare=bare), guessed


def located(table: pd.DataFrame, *, x: str | None, y: str | None, geometry: str | None, where: str, bare: bool = False) -> gpd.GeoDataFrame:
    """Make places of the coordinates of a table of texts; see ``read_table``."""
    points, srid = np.full(len(table), None, dtype=object), None
    if geometry is not None:
        points, srid = _in_one_column(table, geometry, where)
    elif not bare or x or y or _has_coordinates(table):
        names = tuple(_column(table, given, known, where, axis) for given, known, axis in ((x, X_NAMES, "x"), (y, Y_NAMES, "y")))
        east, north = (_numbers(table[name], name, axis, names, where) for name, axis in zip(names, "xy", strict=True))
        there = ~(np.isnan(east) | np.isnan(north))
        points[there] = shapely.points(east[there], north[there])
    crs = crs_.parse_crs(f"EPSG:{srid}", where=f'{where}: the SRID in "{shown(geometry)}"') if srid else None
    taken = {"geometry": "geometry_"} if "geometry" in table else {}
    return gpd.GeoDataFrame(table.rename(columns=taken), geometry=points, crs=crs)


def unread_places(frame: gpd.GeoDataFrame, *, x: str | None, y: str | None, geometry: str | None) -> npt.NDArray[np.bool_]:
    """Tell which rows of a table write a place that cannot be read.

    Parameters
    ----------
    frame
        From ``read_table`` or ``located``.
    x, y, geometry
        As they were given.
    """
    if geometry:
        columns = ["geometry_" if geometry == "geometry" else geometry]
    elif x or y or _has_coordinates(frame):
        columns = [name for name in frame.columns if name in (x, y) or str(name).strip().lower() in (*X_NAMES, *Y_NAMES)]
    else:
        columns = []
    written = np.zeros(len(frame), dtype=bool)
    for name in columns:
        written |= np.array([str(value).strip() not in _NO_PLACE for value in frame[name]], dtype=bool)
    return written & shapely.is_missing(np.asarray(frame.geometry.to_numpy(), dtype=object))


def _has_coordinates(table: pd.DataFrame) -> bool:
    """Tell whether columns for both axes are there, under names that are known."""
    names = {str(column).strip().lower() for column in table.columns}
    return bool(names & set(X_NAMES)) and bool(names & set(Y_NAMES))


def _is_title(text: str, delimiter: str) -> bool:
    """Tell whether the first line is one text alone, as a title over a table is."""
    first, *others = [line.strip("\r") for line in text.split("\n")[:20]]
    return delimiter not in first.rstrip(delimiter) and any(line.strip(delimiter).count(delimiter) for line in others)


def _known_columns(table: pd.DataFrame) -> str:
    """List the columns of a table for a message, without the names that pandas makes up for those that have none."""
    names = [str(column) for column in table.columns]
    made_up = [name for name in names if _MADE_UP.fullmatch(name)]
    listed = ", ".join(name for name in names if name not in made_up)
    if len(names) == 1 and not made_up:
        return f"it has {listed} alone: {_HEAD_BELOW}"
    if 2 * len(made_up) < len(names):
        return f"it has {listed}"
    return f"it has {listed or 'none'}, and {len(made_up)} without a name: {_HEAD_BELOW}"


def _lines_of_rows(text: str, delimiter: str, where: str) -> list[int]:
    """Say on which line each row begins; refuse rows that end early and columns that stand twice: pandas fills the first and renames the second."""
    before = csv.field_size_limit(
        max(len(text), 1 << 17)
    )  # of the whole process; an outline of some thousand corners is longer than it allows
    try:
        head: list[str] = []
        lines, short, last = [], [], 0
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for row in rows:
            begins, last = last + 1, rows.line_num
            if not row or (len(row) == 1 and row[0] and not row[0].strip()):  # blank, as pandas has it
                continue
            if not head:
                head = row
                continue
            lines.append(begins)
            if len(row) < len(head):
                short.append(begins)
    finally:
        csv.field_size_limit(before)
    twice = sorted({name for name in head if name.strip() and head.count(name) > 1})
    if twice:
        raise SourceError(f"{where}: the column {sample(twice)} stands in the head more than once; rename or remove one")
    if short:
        raise SourceError(
            f"{where}: {len(short)} rows have fewer fields than the head (lines {sample(short)}); complete them, or get the file again"
        )
    return lines


def _text(path: Path, stated: str | None, where: str) -> tuple[str, str | None]:
    content = path.read_bytes()
    marked = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    for encoding in [stated] if stated else [marked, "gb18030"]:
        try:
            text = content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if stated or encoding == marked or is_chinese(content):
            return text, "gb18030" if encoding == "gb18030" and not stated else None
    tried = stated or "UTF-8 or Chinese in GBK"
    raise SourceError(f'{where}: text is not {tried}; state its encoding, for example encoding = "gbk"')


def _delimiter(path: Path, text: str) -> str:
    """Take what stands in the header; the rows may hold decimal commas."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    head = re.sub(r'"[^"]*"', "", text.partition("\n")[0])
    found = [mark for mark in ",;\t|" if mark in head]
    if len(found) == 1:
        return found[0]
    try:
        return csv.Sniffer().sniff(text[:4096], delimiters=",;\t|").delimiter
    except csv.Error:
        return ","


def _column(table: pd.DataFrame, given: str | None, names: tuple[str, ...], where: str, axis: str) -> str:
    if given is not None:
        return _existing(table, given, where)
    found = [str(column) for column in table.columns if column.strip().lower() in names]
    if len(found) != 1:
        whole = next((column for column in table.columns if _looks_like_wkt(table[column])), None)
        hint = f'; or, if "{shown(whole)}" holds the whole place: geometry = "{shown(whole)}"' if whole else ""
        raise OptionError(f'{where}: which column holds {axis}? name it: {axis} = "…" ({_known_columns(table)}){hint}')
    return found[0]


def _existing(table: pd.DataFrame, given: str, where: str) -> str:
    if given not in table:
        raise OptionError(f'{where}: has no column "{given}"{nearest(given, table.columns)}; {_known_columns(table)}')
    return given


def _looks_like_wkt(column: pd.Series) -> bool:
    first = next((value for value in column if value.strip()), "")
    return bool(re.match(r"\s*(SRID=\d+;)?\s*(MULTI)?(POINT|LINESTRING|POLYGON)\b", first, re.IGNORECASE))


def _in_one_column(table: pd.DataFrame, name: str, where: str) -> tuple[npt.NDArray[np.object_], str | None]:
    values = [unicodedata.normalize("NFKC", value).strip() for value in table[_existing(table, name, where)]]
    places = np.full(len(values), None, dtype=object)
    srids = np.full(len(values), "", dtype=object)
    for row, value in enumerate(values):
        if match := _SRID.match(value):
            srids[row] = match[1].lstrip("0")
            value = value[match.end() :]
        if _HEX.fullmatch(value):
            content = bytes.fromhex(value) if len(value) % 2 == 0 else b""
            refuse_deep([content], where=where, first=row + 1)
            places[row] = shapely.from_wkb(content, on_invalid="ignore")
            own = int(shapely.get_srid(places[row]))
            srids[row] = srids[row] or (str(own) if own > 0 else "")
        elif "(" in value or value.upper().endswith("EMPTY"):
            refuse_deep([value], where=where, first=row + 1)
            places[row] = shapely.from_wkt(value, on_invalid="ignore")
        elif len(pair := re.split(r"\s*[,;]\s*|\s+", value)) == 2:
            x, y = (_number(part, axis, comma=False) for part, axis in zip(pair, "xy", strict=True))
            places[row] = shapely.Point(x, y) if not (np.isnan(x) or np.isnan(y)) else None
    stated = sorted({srid for srid in srids if srid})
    if len(stated) > 1:
        raise LayerError(f'{where}: "{shown(name)}" holds places in {len(stated)} CRS (SRID {sample(stated)}); give one layer each')
    bare = ~shapely.is_missing(places) & (srids == "")
    if stated and bare.any():
        raise LayerError(
            f'{where}: {int(bare.sum())} of {len(values)} places in "{shown(name)}" say no SRID while others say {shown(stated[0])}'
            f" (rows {sample(np.flatnonzero(bare) + 1)}); write it before all of them or before none"
        )
    return places, stated[0] if stated else None


def _numbers(column: pd.Series, name: str, axis: str, names: tuple[str, ...], where: str) -> npt.NDArray[np.float64]:
    """Read coordinates; NaN where a text is none."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float).copy()
    rest = np.flatnonzero(np.isnan(numbers))
    texts = {row: _clean(column.iloc[row]) for row in rest}
    texts = {row: text for row, text in texts.items() if text}
    comma = any(_COMMA.fullmatch(text) and not _EITHER.fullmatch(text) for text in texts.values())
    thousands = any(_THOUSANDS.fullmatch(text) and not _EITHER.fullmatch(text) for text in texts.values())
    either = [text for text in texts.values() if _EITHER.fullmatch(text)]
    if either and comma == thousands:
        decimal = either[0].replace(",", ".")
        raise LayerError(
            f'{where}: {len(either)} of {len(column)} values in "{shown(name)}", such as {shown(either[0])}, may be'
            f" {decimal} or {either[0].replace(',', '')}; write decimal points and no separators"
        )
    other = [row for row, text in texts.items() if (side := _side(text)[0]) and (side in "ns") != (axis == "y")]
    if other:
        raise LayerError(
            f'{where}: {len(other)} of {len(column)} values in "{shown(name)}", such as {shown(column.iloc[other[0]])}, are'
            f' {"latitudes" if axis == "x" else "longitudes"}: x and y look swapped; write x = "{names[1]}", y = "{names[0]}"'
        )
    for row, text in texts.items():
        numbers[row] = _number(text, axis, comma=comma)
    return numbers


def _clean(value: str) -> str:
    """Full-width and small forms to plain ones, one kind of space and minus."""
    text = unicodedata.normalize("NFKC", value.translate(_MARKS))
    return _SPACES.sub(" ", text).strip().lower()


def _side(text: str) -> tuple[str, str]:
    """Split a hemisphere from its angle."""
    if _SECONDS.fullmatch(text) or not any(letter.isdigit() for letter in text):
        return "", text
    for word, letter in _WORDS:
        if text.startswith(word):
            return letter, text.removeprefix(word).lstrip(" :")
        if text.endswith(word):
            return letter, text.removesuffix(word).rstrip()
    if match := _SIDE.fullmatch(text):
        return (match[1], match[2]) if match[1] else (match[4], match[3])
    return "", text


def _number(text: str, axis: str, *, comma: bool) -> float:
    """Read one coordinate, degrees or metres; NaN where it can be read in no way or in two."""
    side, text = _side(_clean(text))
    sign = _SIDES.get(side, 1)
    if side and (side in "ns") != (axis == "y"):
        return np.nan
    if not side:
        text = re.sub(r"(?<=\d)\s*(m|米)$", "", text)
    if comma and _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    elif _THOUSANDS.fullmatch(text) and not comma:
        text = text.replace(",", "")
    elif _SPACED.fullmatch(text):
        text = text.replace(" ", "")
    try:
        value = float(text if "_" not in text else "")
    except ValueError:
        if match := _DEGREES.fullmatch(text):
            value = float(match["d"])
        elif match := _ANGLE.fullmatch(text):
            minutes, seconds = float(match["m"] or 0), float(match["s"] or 0)
            if minutes >= 60 or seconds >= 60 or (match["s"] and "." in match["m"]):
                return np.nan
            value = (float(match["d"]) + minutes / 60 + seconds / 3600) * (-1 if match["sign"] == "-" else 1)
        else:
            return np.nan
    return np.nan if side and value < 0 else sign * value
