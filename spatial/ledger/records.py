"""What a ledger is: records of tasks and projects as one table, and every row that was left out of it, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import geopandas as gpd
import pandas as pd

from spatial.text import Text, joined

FIELDS = (
    "id", "name", "type", "subtype", "district", "address", "target_id", "unit", "quantity", "status", "status_date", "plan_year",
    "owner", "evidence", "source", "start_date", "due_date", "milestones", "lead_unit", "assisting_unit", "investment",
    "investment_source", "acceptance", "before", "after", "people", "weight", "answers",
)  # fmt: skip
"""Columns of a ledger as ``[ledger] fields`` names them: those of the catalogue (B2), then D4; ``answers`` is the id of the check-up problem that a
project answers."""

LEFT_OUT = ("source", "row", "id", "name", "reason_zh", "reason_en")
"""Columns of the table of what was left out: ``source`` is ``ledger``, ``statistics`` or the plan's name; ``row`` the line or row in the file, text."""


@dataclass(frozen=True, eq=False)
class Ledger:
    """A ledger, read and checked.

    Attributes
    ----------
    frame
        One row a record, index 0 … n-1. Columns ``FIELDS``, typed: texts are ``str`` (empty where absent), ``status`` one of
        ``ladder.STATUSES``, ``quantity`` float (NaN where absent) in the base unit whose code stands in ``unit`` (``count`` where absent),
        ``status_date``, ``start_date``, ``due_date`` as ``datetime.date`` or ``None``, ``plan_year`` Int64, ``investment`` float CNY,
        ``people``, ``weight`` float; beside them ``row`` (text: where it stands in the file) and ``geometry`` in the city's CRS or ``None``.
    left_out
        Columns ``LEFT_OUT``: rows of the file that are no record, each with its reason.
    date
        The day to which the ledger speaks.
    complete_for
        Types for which an absent record means that there is none: 0, not no data.
    source, sensitivity
        As declared.
    notices
        How many rows were left out, by reason, and what else a reader must know.
    """

    frame: gpd.GeoDataFrame
    left_out: pd.DataFrame
    date: date
    complete_for: tuple[str, ...] = ()
    source: str = ""
    sensitivity: str = "public"
    notices: tuple[Text, ...] = ()


class Why(NamedTuple):
    """Why a row is left out: the reason that many share, and the particulars of one."""

    reason: Text
    particulars: str = ""

    def text(self) -> Text:
        """Return both as one text."""
        if not self.particulars:
            return self.reason
        return Text(f"{self.reason.zh}：{self.particulars}", f"{self.reason.en}: {self.particulars}")


def left_out_of(frame: pd.DataFrame, reasons: dict[int, list[Why]], source: str = "ledger") -> pd.DataFrame:
    """Make the table of what was left out, columns ``LEFT_OUT``.

    Parameters
    ----------
    frame
        With ``id``, ``name`` and ``row``.
    reasons
        By position in ``frame``.
    source
        What the rows are of.
    """
    listed = list(reasons)
    texts = [(joined((why.text() for why in reasons[row]), "zh"), joined((why.text() for why in reasons[row]), "en")) for row in listed]
    columns = [
        [source] * len(listed),
        *([str(frame[name].iloc[row]) for row in listed] for name in ("row", "id", "name")),
        [zh for zh, _ in texts],
        [en for _, en in texts],
    ]
    return pd.DataFrame(dict(zip(LEFT_OUT, columns, strict=True)), columns=list(LEFT_OUT), dtype=object)
