"""Values that a metric of the layers gives: one date, rows of the table of results."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd

from spatial.areas import row_called
from spatial.result import Floats
from spatial.targets.model import Target
from spatial.targets.reading import Ground, Reading, Unfit, begin_of, conversion, due_of, scope_title
from spatial.text import Text

WHOLE = ("", "whole_territory", "whole_area")
"""Scopes by which a plan states none."""
_UNDATED = Text("数据没有日期", "the data are undated")


def layer_values(target: Target, ground: Ground) -> LayerValues | Unfit:
    """Find what a metric of the results says of a target; ``Unfit`` where scope or unit do not fit or it was not measured."""
    results = ground.results
    if results is None or target.measure not in results.metrics:
        return Unfit("no_data", Text(f"未测算 {target.measure}", f"{target.measure} was not measured"))
    info = results.metrics[target.measure]
    variant = target.variant or info.default_variant
    if variant not in info.variants:
        return Unfit(
            "not_comparable", Text(f"{target.measure} 没有口径“{variant}”", f'{target.measure} has no variant "{variant}"')
        )  # fmt: skip
    factor = conversion(info.unit, target)
    if factor is None:
        return Unfit("not_comparable", Text(f"单位 {target.unit} 与 {info.unit} 不可换算", f"{target.unit} and {info.unit} do not convert"))
    rows = _rows_of(ground, target.measure, variant)
    scope = str(rows["scope"].iloc[0])
    notes: list[Text] = []
    named, wanted = scope_title(scope), scope_title(target.scope)
    if target.scope not in WHOLE and target.scope != scope:
        return Unfit(
            "not_comparable",
            Text(f"目标范围为{wanted.zh}，指标范围为{named.zh}", f"the target is for {wanted.en}, the metric for {named.en}"),
        )
    if target.scope in WHOLE and scope not in WHOLE:
        notes.append(
            Text(f"规划未注明范围；按指标自身范围（{named.zh}）测算", f"the plan states no scope; measured in the metric's own, {named.en}")
        )
    less = _versus(target, ground, variant)
    if isinstance(less, Unfit):
        return less
    return LayerValues(target, ground, rows, factor, less, tuple(notes))


def _rows_of(ground: Ground, measure: str, variant: str) -> pd.DataFrame:
    assert ground.results is not None
    table = ground.results.rows
    found = table[(table["metric"] == measure) & (table["variant"] == variant)].set_index("area_id")
    return found.reindex(ground.areas.ids)


def _versus(target: Target, ground: Ground, variant: str) -> Floats | Unfit | None:
    """Return what is taken off, by row: another metric in the same area, or the same metric in another."""
    if not target.versus:
        return None
    kind, _, name = target.versus.partition(":")
    assert ground.results is not None
    if kind == "metric" and name in ground.results.metrics:
        info = ground.results.metrics[name]
        other = _rows_of(ground, name, info.default_variant)
        return np.where(other["status"].isin(["ok", "estimated"]), other["value"].astype(float), np.nan)
    if kind == "area" and (row := row_called(ground.areas, name, ground.names)) is not None:
        other = _rows_of(ground, target.measure, variant).iloc[row]
        known = float(other["value"]) if other["status"] in ("ok", "estimated") else math.nan
        return np.full(len(ground.areas), known)
    return Unfit("no_data", Text(f"没有可比对的 {target.versus}", f"there is no {target.versus} to hold it against"))


class LayerValues:
    """A metric of the results, by row of the areas.

    Parameters
    ----------
    rows
        Rows of the results in the order of the areas.
    factor
        Into the target's unit.
    less
        What is taken off, in the metric's unit; ``None`` for nothing.
    """

    increment = False

    def __init__(
        self, target: Target, ground: Ground, rows: pd.DataFrame, factor: float, less: Floats | None, notes: tuple[Text, ...]
    ) -> None:  # fmt: skip
        self.target = target
        self.ground, self.rows, self.factor, self.notes = ground, rows, factor, notes
        self.less: Floats = np.zeros(len(rows)) if less is None else less
        self.data_day = date.fromisoformat(ground.city.date) if ground.city.date else None

    def values(self) -> Floats:
        """Return what was wholly measured."""
        whole = self.rows["status"].isin(["ok", "estimated"])
        return np.where(whole, (self.rows["value"].astype(float) - self.less) * self.factor, np.nan)

    def need(self) -> Floats | None:
        """Nothing tells what is left to do."""
        return None

    def open_records(self, row: int) -> pd.DataFrame | None:
        """No records stand behind a metric of the layers."""
        return None

    def left_out(self) -> pd.DataFrame | None:
        """Features are left out when the city is read."""
        return None

    def read(self, target: Target, row: int) -> Reading:
        """Read a row; what is only partly covered is shown and held against nothing."""
        found = self.rows.iloc[row]
        status = str(found["status"]) if isinstance(found["status"], str) else "no_data"
        notes = list(self.notes)
        if status != "ok" and isinstance(found["note_zh"], str):
            notes.append(Text(str(found["note_zh"]), str(found["note_en"])))
        if status == "partial":
            share = float(found["coverage"])
            notes.append(Text(f"数据仅覆盖 {share:.1%}，不与目标比较", f"only {share:.1%} is covered: not held against the target"))
        due, day, less = due_of(target), self.ground.day, self.less[row]
        if self.data_day is None:
            notes.append(_UNDATED)
        elif self.data_day > day:
            notes.append(Text(f"数据日期 {self.data_day} 晚于评估日", f"the data are of {self.data_day}, later than the day"))
        elif self.data_day < day:
            notes.append(Text(f"数据日期 {self.data_day}", f"data of {self.data_day}"))
        value, low, high = ((float(found[name]) - less) * self.factor for name in ("value", "low", "high"))
        start = begin_of(target, self.ground.plans.get(target.plan)) if math.isfinite(target.baseline) else None
        younger = self.data_day is None or self.data_day > due
        return Reading(
            value, day, due, math.nan if younger else value, self.data_day, younger, start, target.baseline, target.baseline, low, high, status,
            float(found["quality"]) if status != "no_data" else math.nan, "", False, tuple(notes),
        )  # fmt: skip
