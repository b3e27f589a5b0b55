"""How a city stands, as a public edition may tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from spatial.city import City
from spatial.result import Results
from spatial.targets.model import Standing
from spatial.text import Text

_ROW = ("target_id", "area_id", "indicative")
_OF_RECORDS = ("projects", "lead_unit", "assisting_unit", "note_zh", "note_en")  # what a row of a target repeats of single records


def published_standing(
    judge: Callable[[City, Results, date | None], Standing | None],
    results: Results,
    inner: Results,
    outer: Results,
    free: set[tuple[str, str]],
    by_area: set[tuple[str, str]],
) -> Standing | None:
    """Judge the city again by what is public, and keep the targets that stand as they do with everything known.

    Parameters
    ----------
    judge
        Says how a city stands by its results, on a day.
    results, inner, outer
        With all layers, without the secret ones, and with public ones alone.
    free, by_area
        Metrics and variants that are published whole, and those of which only figures of areas are.

    Returns
    -------
    Standing or None
        Without targets of plans that are drafts, without changes and what was left out of the inputs; records only of a ledger that is public.
    """
    full = judge(results.city, results, None)
    if full is None:
        return None
    public = full if outer is results else judge(outer.city, outer, full.date)
    inside = full if inner is results else judge(inner.city, inner, full.date)
    if public is None or inside is None:
        return None
    drafts = {name for name, plan in full.plans.items() if plan.standing == "draft"}
    targets = full.targets[~full.targets["plan"].isin(drafts)]
    measured = set(results.metrics)
    figures = [(str(metric), str(variant)) for metric, variant in zip(targets["measure"], targets["variant"], strict=True)]
    of_none = np.array([metric not in measured for metric, _ in figures], dtype=bool)
    whole = _same(targets, public.targets) & (of_none | _among(figures, free))
    counted = _same(targets, inside.targets) & ~whole & _among(figures, by_area)
    kept = pd.concat([targets[whole], targets[counted].assign(**dict.fromkeys(_OF_RECORDS, ""))]).sort_index()
    ids = set(kept["target_id"])
    gone = len(set(targets["target_id"]) - ids)
    said = (
        [Text(f"{gone} 项目标依据未公开资料，不予公布", f"targets that rest on data that are not public, left out: {gone}")] if gone else []
    )
    definitions = _about(public.definitions, ids, ("target_id",))
    shown = [
        metric not in measured or (metric, variant) in free
        for metric, variant in zip(definitions["measure"], definitions["variant"], strict=True)
    ]
    return replace(
        public,
        plans={name: plan for name, plan in public.plans.items() if name not in drafts},
        targets=kept,
        changes=public.changes.iloc[:0],
        contradictions=_about(public.contradictions, ids, ("target_id", "other_id")),
        definitions=definitions[np.array(shown, dtype=bool)],
        left_out=public.left_out.iloc[:0],
        notes=(*said, *public.notes),
        since=None,
    )


def _among(figures: list[tuple[str, str]], kept: set[tuple[str, str]]) -> npt.NDArray[np.bool_]:
    """Tell which metrics and variants are kept; a target that names no variant is held against the first."""
    first = {metric for metric, _ in kept}
    return np.array([key in kept or (not key[1] and key[0] in first) for key in figures], dtype=bool)


def _about(table: pd.DataFrame, ids: set[str], columns: tuple[str, ...]) -> pd.DataFrame:
    """Keep the rows that speak of targets which are published, and of no other."""
    kept = np.ones(len(table), bool)
    for column in columns:
        kept &= (table[column].isin(ids) | (table[column].fillna("") == "")).to_numpy(dtype=bool)
    return table[kept]


def _same(rows: pd.DataFrame, other: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell which rows another standing has too, in everything but the names of records."""
    twins = {tuple(row[key] for key in _ROW): row for row in other.to_dict("records")}
    return np.array([_alike(row, twins.get(tuple(row[key] for key in _ROW))) for row in rows.to_dict("records")], dtype=bool)


def _alike(row: dict[str, object], twin: dict[str, object] | None) -> bool:
    if twin is None:
        return False
    return all(value == twin.get(key) or (_is_nan(value) and _is_nan(twin.get(key))) for key, value in row.items())


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and np.isnan(value)
