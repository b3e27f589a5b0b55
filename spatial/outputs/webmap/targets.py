"""Targets on the map page: what is wanted of a metric, where the city and its areas stand, and where the target line falls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spatial.areas import CITY
from spatial.outputs.classes import Classes
from spatial.outputs.target_words import PLAN_STANDING_TITLES, amount, goal, verdict
from spatial.outputs.task_groups import targets_to_show
from spatial.result import STATUS_TITLES, MetricInfo, Results
from spatial.targets.model import STATUSES, Standing
from spatial.text import Lang, Text
from spatial.unit_words import factor_between

# Only what is still wanted, and wanted of this very figure, is drawn as a line.
_LIVE = ("met", "on_track", "behind", "not_met", "met_late", "no_data")
# Of these units a city's figure and an area's can be held against one and the same number; counts and lengths cannot.
_ALIKE = ("1", "1/1000", "km/km2", "1/km2", "m2/person", "persons/km2", "ratio", "index", "class", "classes")
_POINTS = (">=", "<=", ">", "<", "==", "~=")

Number = Callable[[str], int]
Row = Mapping[str, Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """A target of the metric shown: its place in the page's list, what it wants of each area, and of all alike (NaN where it does not)."""

    target: int
    wanted: Floats
    alike: float
    indicative: npt.NDArray[np.bool_]


class PageTargets:
    """Targets of the metrics on the page.

    Parameters
    ----------
    results
        What the page shows.
    standing
        Its targets; ``None`` for a city without plans.
    ids
        Areas in the order of the page, without totals.
    number
        Gives a text its number in the page's list of texts.
    """

    def __init__(self, results: Results, standing: Standing | None, ids: Sequence[str], number: Number) -> None:
        self.results, self.standing, self.number = results, standing, number
        self.lang: Lang = results.lang
        self.rows = {str(key): row for row, key in enumerate(ids)}
        self.count = len(self.rows)
        self.listed: list[tuple[str, str, list[Row]]] = []
        self.values: dict[tuple[str, str], dict[str, float]] = {}
        self.elsewhere = 0
        if standing is None:
            return
        targets = targets_to_show(standing, results.city)
        # A share of nothing is owed by nobody: ten districts that have "met" it would speak well of a city that has not begun.
        nothing = targets["indicative"].fillna(False).astype(bool) & (targets["target"] == 0) & targets["operator"].isin([">=", ">"])
        targets = targets[~nothing]
        bound = results.table[results.table["metric"].isin(set(targets["measure"]))]
        self.values = {
            key: dict(zip(part["area_id"], part["value"], strict=True)) for key, part in bound.groupby(["metric", "variant"], sort=False)
        }
        listed: dict[int, list[Row]] = {}  # read as records at once: a row of a table of forty columns costs as much as all of them
        for key, row in zip(targets.groupby(["plan", "target_id"], sort=False).ngroup(), targets.to_dict("records"), strict=True):
            if key >= 0:
                listed.setdefault(int(key), []).append(row)
        for rows in listed.values():
            place = self._place(rows)
            if place is None:
                self.elsewhere += 1
            else:
                self.listed.append((*place, rows))

    def _place(self, rows: Sequence[Row]) -> tuple[str, str] | None:
        """Return metric and variant that a target is about; ``None`` where the page shows no such metric.

        Where a target names no variant it is the one that shows the figure it was held against (the year's increment or the total), else the
        default one.
        """
        first = rows[0]
        info = self.results.shown.get(str(first["measure"]))
        if info is None:
            return None
        if (said := _text(first["variant"])) in info.variants:
            return info.name, said
        names = sorted(info.variants, key=lambda name: name != info.default_variant)
        return info.name, next((name for name in names if self._agrees(rows[:1], info, name)), info.default_variant)

    def _agrees(self, rows: Sequence[Row], info: MetricInfo, variant: str) -> bool:
        """Tell whether the figures of a target are those that the page shows of a variant."""
        shown = self.values.get((info.name, variant))
        return shown is not None and all(self._same(row, info, shown) for row in rows)

    @staticmethod
    def _same(row: Row, info: MetricInfo, shown: Mapping[str, float]) -> bool:
        factor = factor_between(str(row["unit"]), info.unit)
        if factor is None:
            return False
        return bool(np.isclose(float(row["value"]) * factor, shown.get(row["area_id"], np.nan), rtol=1e-6, atol=0, equal_nan=True))

    def of(self, info: MetricInfo, variant: str) -> list[Line]:
        """Return the targets that can be drawn beside the values of a variant.

        A target that was held against another figure (an increment, a difference from another
        city's) has no place on their scale.
        """
        found = []
        for index, (metric, mine, rows) in enumerate(self.listed):
            if (metric, mine) != (info.name, variant):
                continue
            wanted, indicative = np.full(self.count, np.nan), np.zeros(self.count, bool)
            city = np.nan
            for row in rows:
                factor = factor_between(str(row["unit"]), info.unit)
                if row["status"] not in _LIVE or row["operator"] not in _POINTS or factor is None or _share(row["target"]) is None:
                    continue
                if not self._same(row, info, self.values[metric, mine]):
                    continue
                if row["area_id"] == CITY:
                    city = float(row["target"]) * factor
                elif row["area_id"] in self.rows:
                    wanted[self.rows[row["area_id"]]] = float(row["target"]) * factor
                    indicative[self.rows[row["area_id"]]] = pd.notna(row["indicative"]) and bool(row["indicative"])
            if np.isnan(wanted).all() and info.unit in _ALIKE:
                wanted[:] = city
            known = wanted[np.isfinite(wanted)]
            same = len(known) > 0 and np.allclose(known, known[0], rtol=1e-12, atol=0)
            for_all = len(known) == self.count or (len(known) > 0 and np.isclose(known[0], city, rtol=1e-12, atol=0))
            alike = float(known[0]) if same and for_all else np.nan
            if len(known):
                found.append(Line(index, wanted, alike, indicative))
        return found

    def centre(self, lines: Sequence[Line]) -> float | None:
        """Return what is wanted of every area alike: by the first binding target that says so, else by a stretch one; ``None`` where none does."""
        alike = [line for line in lines if np.isfinite(line.alike)]
        binding = [line for line in alike if str(self.listed[line.target][2][0]["strength"]) != "stretch"]
        return next((line.alike for line in (*binding, *alike)), None)

    def beside(self, lines: Sequence[Line], classes: Classes, top: float) -> dict[str, Any]:
        """Return where target lines stand: in the bars of the areas, per cent of ``top``, and in the classes of the legend.

        ``ticks`` are ``[target, places]``, one number where it is the same for every area.

        ``marks`` are ``[target, class, share]``: the class in which the target falls and how far up it; class -1 is below all, the number of
        classes is above all. Nothing where there is no line.
        """
        if not lines:
            return {}
        ticks = [[line.target, _places(line.wanted, top)] for line in lines if top > 0]
        marks = [[line.target, *_within(line.alike, classes)] for line in lines if np.isfinite(line.alike) and classes.colors]
        return {"ticks": ticks, "marks": marks}

    def pack(self, words: Mapping[str, str]) -> dict[str, Any] | None:
        """Pack the list of targets for the page; ``None`` where there is none to show."""
        if self.standing is None or not self.listed:
            return None
        titles = {status: verdict(status, self.lang) for status in STATUSES}
        listed = [self._target(metric, variant, rows) for metric, variant, rows in self.listed]
        return {"date": self.standing.date.isoformat(), "statuses": titles, "list": listed, "elsewhere": self._elsewhere(words)}

    def _elsewhere(self, words: Mapping[str, str]) -> str:
        return words["targets_elsewhere"].format(n=f"{self.elsewhere:,}") if self.elsewhere else ""

    def _target(self, metric: str, variant: str, rows: Sequence[Row]) -> dict[str, Any]:
        first = rows[0]
        known = [row for row in rows if pd.notna(row["value"])]
        plan = self.standing.plans.get(str(first["plan"])) if self.standing else None
        standing = _text(first["standing"]) or (plan.standing if plan else "")
        said = {
            "title": first[f"title_{self.lang}"],
            "plan": plan.title.get(self.lang) if plan else first["plan"],
            "standing": PLAN_STANDING_TITLES[standing].get(self.lang) if standing in PLAN_STANDING_TITLES else standing,
            "authority": first[f"authority_{self.lang}"],
            "clause": first["clause"],
            "lead": first["lead_unit"],
        }
        return {
            "metric": metric,
            "variant": variant,
            **{key: self.number(_text(value)) for key, value in said.items()},
            "differs": not self._agrees(known[:1], self.results.metrics[metric], variant),
            "stretch": str(first["strength"]) == "stretch",
            "disagrees": [self.number(text) for text in self._contradictions(str(first["target_id"]))],
            "rows": [self._row(row) for row in rows],
        }

    def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Pack how one area stands; row -1 is the city, -2 what is no area of this page: a province, a district of another map."""
        area = str(row["area_id"])
        unit = str(row["unit"])
        value = amount(row["value"], unit, self.lang)
        if pd.notna(row["low"]) and pd.notna(row["high"]) and row["low"] < row["high"]:
            value += f" ({amount(row['low'], unit, self.lang)} – {amount(row['high'], unit, self.lang)})"
        said = _text(row["value_status"])
        texts = {
            "area": _text(row["area_name"]),
            "goal": goal(row, self.lang),
            "value": value,
            "doubt": STATUS_TITLES[said].get(self.lang) if said in STATUS_TITLES and said != "ok" else "",
            "gap": amount(row["gap"], "pp" if unit == "1" else unit, self.lang) if pd.notna(row["gap"]) and row["gap"] > 0 else "",
            "baseline": self._baseline(row),
            "reached": _text(row["reached"]),
            "forecast": f"{int(row['forecast_year'])}" if pd.notna(row["forecast_year"]) else "",
            "assisting": _text(row["assisting_unit"]),
            "projects": Text("、", ", ").get(self.lang).join(part for part in _text(row["projects"]).split(";") if part),
            "note": _text(row[f"note_{self.lang}"]),
        }
        return {
            "row": -1 if area == CITY else self.rows.get(area, -2),
            "status": str(row["status"]),
            "indicative": bool(row["indicative"]) if pd.notna(row["indicative"]) else False,
            "progress": _share(row["progress"]),
            "expected": _share(row["expected"]),
            **{key: self.number(text) for key, text in texts.items()},
        }

    def _baseline(self, row: Mapping[str, Any]) -> str:
        if pd.isna(row["baseline"]):
            return ""
        said = amount(float(row["baseline"]), str(row["unit"]), self.lang, exact=True)
        return said if pd.isna(row["baseline_year"]) else f"{said} ({int(row['baseline_year'])})"

    def _contradictions(self, target_id: str) -> list[str]:
        found = self.standing.contradictions if self.standing else None
        if found is None or found.empty:
            return []
        mine = found[((found["target_id"] == target_id) | (found["other_id"] == target_id)) & (found["decided"].fillna("") == "")]
        return list(dict.fromkeys(mine[f"text_{self.lang}"].astype(str)))


def centres(results: Results, standing: Standing | None) -> Callable[[MetricInfo, str], float | None]:
    """Return what tells the target about which a variant of a metric is classed, as on the web map: for QGIS."""
    ids = [str(key) for key in results.areas.ids[results.areas.is_area]]
    targets = PageTargets(results, standing, ids, lambda _: 0)
    return lambda info, variant: targets.centre(targets.of(info, variant))


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def _share(value: Any) -> float | None:
    return None if pd.isna(value) or not np.isfinite(value) else round(float(value), 4)


def _places(wanted: Floats, top: float) -> float | list[float | None] | None:
    places = [_percent(value, top) for value in wanted]
    return places[0] if len(set(places)) == 1 else places


def _percent(value: float, top: float) -> float | None:
    return round(100 * float(value) / top, 2) if np.isfinite(value) and value >= 0 else None


def _within(value: float, classes: Classes) -> tuple[int, float]:
    """Return the class in which a value falls, and how far up it as a share of its width."""
    breaks, count = classes.breaks, len(classes.colors)
    if value < breaks[0]:
        return -1, 0.0
    if value > breaks[-1]:
        return count, 0.0
    index = classes.index(value)
    width = breaks[index + 1] - breaks[index]
    return index, round((value - breaks[index]) / width, 4) if width > 0 else 0.5
