"""Statistics: dated numbers of areas that a yearbook or an office states, and what of them could not be read."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

FIELDS = ("area", "metric", "series", "year", "value", "unit", "source")
"""Columns of a table of statistics, tidy: one number a row. ``series`` tells several of one metric apart (a sector, a kind), else it is empty."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """A table of statistics, read and checked.

    Attributes
    ----------
    frame
        Columns ``FIELDS``: texts ``str``, ``year`` int, ``value`` float in the base unit whose code stands in ``unit``; beside them ``row`` (text).
    left_out
        Columns ``spatial.ledger.records.LEFT_OUT``.
    """

    frame: pd.DataFrame
    left_out: pd.DataFrame
    source: str = ""
