"""Comments of the columns of a GeoPackage: every number says its unit, or that it has none."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from spatial.outputs.evidence import unit_of_column
from spatial.outputs.qgis_evidence import Table
from spatial.text import Lang, Text
from spatial.units import Unit, unit_of

_UNIT = Text("单位：", "unit: ")
_NONE = Text("无单位", "no unit")
_SHARE = Text("单位：比例 0–1", "unit: share 0–1")
_BESIDE = Text("单位见“单位”列", "unit: see the column “unit”")
_BASE = Text("基本单位（米、平方米、人、个）", "base unit (m, m², persons, count)")
_SHARES = frozenset({"coverage", "quality", "progress", "expected", "cut_share"})
_MEASURED = frozenset({"value", "low", "high", "target", "baseline", "gap", "quantity"})
_BASES = frozenset({"numerator", "denominator"})
_OTHERS = {"investment": "CNY", "area_m2": "m2", "n": "count"}
_DAYS, _YEAR = Text("单位：天", "unit: days"), Text("单位：年", "unit: year")
_PLAIN = {"days": _DAYS, "year": _YEAR, "baseline_year": _YEAR, "forecast_year": _YEAR}


def unit_words(unit: Unit, lang: Lang) -> str:
    """Say a unit as the comment of a column does; of a share as it is stored, not as it is shown."""
    if unit.code == "1":
        return _SHARE.get(lang)
    label = unit.label.get(lang) or (unit.code if unit.code else "")
    return _UNIT.get(lang) + label if label else _NONE.get(lang)


def commented(table: Table, lang: Lang) -> Table:
    """Give every column of numbers a comment with its unit.

    Parameters
    ----------
    table
        Columns whose description says a unit already keep it.
    lang
        Language of the comments.

    Returns
    -------
    Table
        The same with a description of every column of numbers; a column without a title has its own name as title.
    """
    columns = dict(table.columns)
    for column in table.frame.columns:
        kind = table.frame[column].dtype
        if column == "geometry" or not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
            continue
        title, said = columns.get(column, (str(column), ""))
        if any(word.get(lang).strip() in said for word in (_UNIT, _SHARE, _NONE)):
            continue
        comment = _unit_of(str(column), "unit" in table.frame, lang)
        columns[column] = (title, ("；" if lang == "zh" else "; ").join(part for part in (comment, said) if part))
    return replace(table, columns=columns)


def _unit_of(column: str, beside: bool, lang: Lang) -> str:
    end = column.rpartition("__")[2]
    if end in _SHARES:
        return _SHARE.get(lang)
    if column in _BASES:
        return _BASE.get(lang)
    if beside and column in _MEASURED:
        return _BESIDE.get(lang)
    if column in _PLAIN:
        return _PLAIN[column].get(lang)
    return unit_words(unit_of(_OTHERS[column]) if column in _OTHERS else unit_of_column(column), lang)
