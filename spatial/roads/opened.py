"""Which roads are open to traffic on a day: by the day they opened and by how far they have come."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from spatial.city import City
from spatial.ledger.ladder import CANCELLED, rank, status_of
from spatial.ledger.values import day_of, text_of
from spatial.overlay import Floats
from spatial.text import Text

Bools = npt.NDArray[np.bool_]
_OPEN_FROM = "opened"  # the step of the ladder from which a road carries traffic
_YEAR_OR_MONTH = re.compile(r"~?(\d{4})(?:\.0+)?(?:[-/.年](0?[1-9]|1[0-2])月?)?年?")


@dataclass(frozen=True, eq=False)
class Opened:
    """What a layer of roads says of their opening, by feature.

    Attributes
    ----------
    open
        Open on the day: what bears neither a day nor a status is open, since the map shows it as a road.
    sure
        Open whatever day an opening of which only the year or the month is known fell on.
    dated
        Whether a day of opening is known.
    unread
        How many days of opening cannot be read; they count as not written.
    unknown
        How many words of status no ladder knows; they count as not written.
    """

    open: Bools
    sure: Bools
    dated: Bools
    unread: int = 0
    unknown: int = 0


def opened_on(roads: gpd.GeoDataFrame, day: str) -> Opened:
    """Tell which roads were open on a day.

    Parameters
    ----------
    roads
        Columns ``opened`` (the day that traffic began) and ``status`` (a step of the ladder of tasks, in words), each of which may be missing.
    day
        ISO date; empty where the data have none, then no road is too new.

    Returns
    -------
    Opened
        Closed is what opened after the day, and what has a status below ``opened`` or was cancelled, whatever its day says: a day that was hoped
        for and passed opens nothing. A year or a month alone (``2025``, ``2025-06``) begins on its first day, and is ``sure`` from its last.
    """
    first, last, unread = _spans(_texts(roads, "opened"))
    status, unknown = _steps(_texts(roads, "status"))
    begun = np.ones(len(roads), bool) if not day else (first == "") | (first <= day)
    sure = np.ones(len(roads), bool) if not day else (last == "") | (last <= day)
    return Opened(begun & status, sure & status, first != "", unread, unknown)


def opened_roads(city: City) -> Opened:
    """Tell which rows of the layer ``roads`` were open on the city's date, worked out once.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return city.memo("roads_opened", lambda: opened_on(city.frame("roads"), city.date))


def opening_notes(opened: Opened, metres: Floats, day: str) -> list[Text]:
    """Say what share of a length has a day of opening, and what was left out.

    Parameters
    ----------
    opened
        Of the features that would count if all were open.
    metres
        Length of each, 0 for what would not count.
    day
        The day that was asked for.
    """
    total = metres.sum()
    notes = []
    if total > 0:
        share, on = metres[opened.dated].sum() / total, day or "—"
        some = Text(f"{share:.1%} 的长度注明了通车日期，其余", f"{share:.1%} of the length has a day of opening, the rest")
        none = Text("均未注明通车日期，", "no road has a day of opening; all")
        said = some if share > 0 else none
        notes.append(Text(f"截至 {on} 已通车：{said.zh}按数据所示已通车计", f"open on {on}: {said.en} counts as open, as the data show it"))
    closed = metres[~opened.open].sum()
    if closed > 0:
        notes.append(
            Text(
                f"按通车日期或建设状态尚未通车的 {closed / 1e3:.2f} 公里未计入",
                f"{closed / 1e3:.2f} km that had not opened by then, by their day or status, are left out",
            )
        )
    if opened.unread or opened.unknown:
        notes.append(
            Text(
                f"{opened.unread} 个通车日期、{opened.unknown} 个建设状态无法识别，视为未填写",
                f"{opened.unread} days of opening and {opened.unknown} words of status cannot be read and count as not written",
            )
        )
    return notes


def _texts(roads: gpd.GeoDataFrame, column: str) -> npt.NDArray[np.object_]:
    if column not in roads or roads[column].isna().all():
        return np.full(len(roads), "", dtype=object)
    return np.array([text_of(value) for value in roads[column]], dtype=object)


def _spans(said: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_], int]:
    """First and last day, ISO, that each text may mean; empty where nothing is written or it cannot be read; and how many cannot."""
    code, words = pd.factorize(said)
    spans = [_span(word) for word in words]
    unread = int(sum((code == index).sum() for index, span in enumerate(spans) if span is None))
    pairs = np.array([span or ("", "") for span in spans] or [("", "")], dtype="U10")
    return pairs[code, 0], pairs[code, 1], unread


def _span(word: str) -> tuple[str, str] | None:
    day = day_of(word)
    if day is None:
        return "", ""
    if not isinstance(day, str):
        return day.isoformat(), day.isoformat()
    match = _YEAR_OR_MONTH.fullmatch(unicodedata.normalize("NFKC", day).replace(" ", ""))
    if match is None or int(match[1]) < 1:
        return _old_day(day)
    year, month = int(match[1]), int(match[2] or 0)
    first, last = (month, month) if month else (1, 12)
    return f"{year:04d}-{first:02d}-01", f"{year:04d}-{last:02d}-{monthrange(year, last)[1]}"


def _old_day(word: str) -> tuple[str, str] | None:
    """Read an ISO day of a street that is older than any task of a ledger."""
    return (word, word) if re.fullmatch(r"1[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", word) else None


def _steps(said: npt.NDArray[np.object_]) -> tuple[Bools, int]:
    """Whether each status lets traffic pass, and how many words are not known."""
    code, words = pd.factorize(said)
    known = [None if word == "" else status_of(word) for word in words]
    unknown = int(sum((code == index).sum() for index, word in enumerate(words) if word != "" and known[index] is None))
    passes = [step is None or (step != CANCELLED and rank(step) >= rank(_OPEN_FROM)) for step in known]
    return np.array(passes or [True], dtype=bool)[code], unknown
