"""The figures of a page: every metric and variant, row by row in the page's order; what no language changes is made once for both."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spatial.outputs.classes import Classes, classify
from spatial.outputs.map_specs import OF_TARGETS, MapSpec
from spatial.outputs.webmap.beside import Beside
from spatial.outputs.webmap.data_quality import USABLE, Shown, quality_of, said_of, speaks_of_data, unusable_said, usable
from spatial.outputs.webmap.languages import Column, Shared
from spatial.outputs.webmap.provenance import Provenance, quotient
from spatial.outputs.webmap.targets import PageTargets
from spatial.result import STATUSES, MetricInfo, Results
from spatial.targets.model import Standing
from spatial.text import Lang
from spatial.units import ABSENT, UNITS, Unit, unit_of

MAX_CELLS = 120_000
SPLIT_FROM = 7  # with so many variants, what is counted and how it is measured are chosen one after the other

Floats = npt.NDArray[np.float64]
Rows = Mapping[str, npt.NDArray[Any]]
_NUMBERS = ("value", "low", "high", "coverage", "quality", "numerator", "denominator")
_TEXTS = {"status": "no_data", "note_zh": "", "note_en": ""}  # and what stands where a variant has no row for an area
_PLACE = {status: place for place, status in enumerate(STATUSES)}


def metrics_of(results: Results, spec: MapSpec, standing: Standing | None) -> dict[str, MetricInfo]:
    """Return the measured metrics that can be chosen on a map, by name."""
    known = results.shown
    if spec.metrics == OF_TARGETS:
        wanted = set() if standing is None else set(standing.targets["measure"])
        names = [name for name, info in known.items() if name in wanted or info.source == "ledger"]
    else:
        names = list(known) if spec.metrics is None else [name for name in spec.metrics if name in known]
    shown = {name: known[name] for name in names}
    return {name: info for name, info in shown.items() if spec.shows_of(name) == ("value",) or speaks_of_data(info)}


class PageFigures:
    """The metrics of a page in one language.

    Parameters
    ----------
    results, spec
        A measured city and the map.
    infos
        Metrics that can be chosen.
    order
        Rows of the areas in the order of the page: areas first, then totals.
    targets, beside, provenance
        What stands beside the figures.
    shared
        What both languages have in common.
    """

    def __init__(
        self,
        results: Results,
        spec: MapSpec,
        infos: Mapping[str, MetricInfo],
        order: npt.NDArray[Any],
        targets: PageTargets,
        beside: Beside | None,
        provenance: Provenance,
        shared: Shared,
    ) -> None:
        self.results, self.spec, self.infos = results, spec, infos
        self.targets, self.beside, self.provenance, self.shared = targets, beside, provenance, shared
        self.lang: Lang = results.lang
        self.words = spec.words_in(self.lang)
        self.ids = results.areas.ids[order]
        self.count = int(results.areas.is_area.sum())
        variants = sum(len(info.variants) for info in infos.values())
        self.all_variants = variants * len(order) * (1 if beside is None else 2) <= MAX_CELLS
        self._rows_of = shared.once("rows of the table", lambda: _rows_by_variant(results, list(infos), self.ids))

    def pack(self) -> list[dict[str, Any]]:
        """Return the metrics as the page has them."""
        return [*self._usable(), *map(self._metric, self.infos.values())]

    def _metric(self, info: MetricInfo) -> dict[str, Any]:
        columns = self.spec.shows_of(info.name)
        said = {
            "name": info.name,
            "title": info.title.get(self.lang),
            "definition": info.definition.get(self.lang),
            "standard": info.standard.get(self.lang),
        }
        if columns != ("value",):
            rows = self._rows_of(info.name, info.default_variant)
            notes = rows[f"note_{self.lang}"].tolist()
            variants = [self._shown(info.name, quality_of(rows, column), self.words["shows"][column], notes) for column in columns]
            return {**said, "definition": said_of(columns, self.words, said["definition"]), "unit": "%", "variants": variants}
        names = list(info.variants) if self.all_variants else [info.default_variant]
        halves = _halves([info.variants[name].get(self.lang) for name in names], self.lang)
        variants = [{**self._variant(info, name), "halves": half} for name, half in zip(names, halves, strict=True)]
        unit = unit_of(info.unit).label.get(self.lang) or UNITS["count"].label.zh * (self.lang == "zh") or "n"
        return {**said, "unit": unit, "variants": variants}

    def _usable(self) -> list[dict[str, Any]]:
        """Count the metrics that can be used in each area, where the map asks for it."""
        words = self.words["shows"]
        counted = [info for info in self.infos.values() if self.spec.shows_of(info.name) != ("value",)]
        parts = [self._rows_of(info.name, info.default_variant) for info in counted]
        if not self.spec.has_usable or not parts:
            return []
        shown = usable(parts, len(self.ids))
        titles = (info.title.get(self.lang) for info in counted)
        notes = unusable_said(dict(zip(titles, parts, strict=True)), len(self.ids), self.lang)
        return [
            {
                "name": USABLE,
                "title": words["usable"],
                "definition": words["usable_says"].format(n=len(parts)),
                "standard": words["usable_standard"],
                "unit": words["usable_unit"],
                "variants": [self._shown(USABLE, each, words[each.name], notes, len(parts)) for each in shown],
            }
        ]

    def _shown(self, metric: str, shown: Shown, title: str, notes: Sequence[str], most: int = 0) -> dict[str, Any]:
        """Pack figures that are no values of a metric, so that the page draws and lists them as it does values; counts out of ``most``.

        A count is an area's own: a city that is covered in part, or what lies outside the areas, would read "0 / 24" whatever is known of it.
        """
        unit = unit_of(shown.unit)
        classes, drawn = self._drawn((metric, shown.name), shown.value, shown.status, shown.unit, metric, None, most or 1.0)
        if most:
            value = Column.of(f"{v:g} / {most}" if row < self.count else "" for row, v in enumerate(shown.value))
        else:
            value = self._with_unit(self._numbers((metric, shown.name, "value"), shown.value, unit.figure), unit)
        nothing = self.shared.once("nothing", lambda: Column.of([""] * len(self.ids)))
        return {
            "name": shown.name,
            "title": title,
            "colors": list(classes.colors),
            "ranges": list(classes.labels),
            "method": classes.method,
            "value": value,
            **drawn,
            **dict.fromkeys(("range", "coverage", "quality", "numerator", "denominator"), nothing),
            "note": Column.of(notes),
            "halves": [],
        }

    def _variant(self, info: MetricInfo, variant: str) -> dict[str, Any]:
        unit, key, rows = unit_of(info.unit), (info.name, variant), self._rows_of(info.name, variant)
        lines = self.shared.once((key, "lines"), lambda: self.targets.of(info, variant))
        held = [line.wanted[np.isfinite(line.wanted)] for line in lines]
        value, count = rows["value"], self.count
        proper = np.isin(rows["status"], ("ok", "estimated")) & np.isfinite(value)
        top = float(np.max(np.concatenate([value[:count][proper[:count]], *held]), initial=0.0))
        classes, drawn = self._drawn(key, value, rows["status"], info.unit, info.name, self.targets.centre(lines), top)
        above, below = info.bases.get(variant, ("", ""))
        return {
            "name": variant,
            "title": info.variants[variant].get(self.lang),
            "colors": list(classes.colors),
            "ranges": list(classes.labels),
            "method": classes.method,
            "value": self._with_unit(self._numbers((*key, "value"), value, unit.figure), unit),
            "range": self._with_unit(self.shared.once((*key, "range"), lambda: _ranges(rows["low"], rows["high"], unit)), unit),
            **drawn,
            "coverage": self._numbers((*key, "coverage"), rows["coverage"], lambda v: f"{v:.1%}" if v < 1 else ""),
            "quality": self._numbers((*key, "quality"), rows["quality"], lambda v: f"{v:.0%}" if v < 1 else ""),
            "numerator": self._in_base_units((*key, "numerator"), rows["numerator"], above),
            "denominator": self._in_base_units((*key, "denominator"), rows["denominator"], below),
            "note": Column.of(rows[f"note_{self.lang}"].tolist()),
            "quotient": self.shared.once((key, "quotient"), lambda: quotient(info, rows)),
            "sources": self.provenance.of(info, variant),
            **self.shared.once((key, "target lines"), lambda: self.targets.beside(lines, classes, top)),
            **(
                {"beside": self.beside.columns(info, variant, self.ids, rows, classes, self.words["beside"], self.lang)}
                if self.beside
                else {}
            ),
        }

    def _drawn(
        self, key: tuple[str, str], value: Floats, status: npt.NDArray[Any], unit: str, metric: str, target: float | None, top: float
    ) -> tuple[Classes, dict[str, Any]]:
        """Return the classes of the areas, and how each row is drawn: status, class, rank, and the bar in per cent of ``top``."""

        def build() -> tuple[Classes, dict[str, Any]]:
            known = value[: self.count]
            good = (np.isin(status, ("ok", "estimated")) & np.isfinite(value))[: self.count]
            classes = classify(known[good], unit, self.lang, self.spec.classing_of(metric), target)
            share = np.rint(100 * known / top) if top > 0 else np.zeros(len(known))
            return classes, {
                "status": [_PLACE[each] for each in status],
                "class": np.where(good, classes.indices(known), -1).tolist(),
                "rank": np.argsort(np.where(good, -known, np.inf), kind="stable").tolist(),
                "bar": np.where(good, share, 0).astype(np.int64).tolist(),
            }

        return self.shared.once((key, "drawn"), build)

    def _numbers(self, key: tuple[str, ...], values: Floats, say: Callable[[float], str]) -> Column:
        """Say numbers in a way that no language changes."""

        def build() -> Column:
            codes, known = pd.factorize(values, use_na_sentinel=False)
            texts = Column.of(say(float(each)) for each in known)
            return Column(texts.codes[codes], texts.texts)

        return self.shared.once(key, build)

    def _with_unit(self, figures: Column, unit: Unit) -> Column:
        return Column(figures.codes, [unit.labelled(text, self.lang) if text else "" for text in figures.texts])

    def _in_base_units(self, key: tuple[str, ...], values: Floats, code: str) -> Column:
        """Show a numerator or denominator in its base unit; where the metric declares none, as a number."""
        unit = unit_of(code) if code else None
        figures = self._numbers(key, values, unit.figure if unit else lambda value: f"{value:,.0f}" if np.isfinite(value) else ABSENT)

        def said(text: str) -> str:
            if text == ABSENT:
                return ""
            return unit.labelled(text, self.lang) if unit else f"{text} ({self.words['base_units']})"

        return Column(figures.codes, [said(text) for text in figures.texts])


def _rows_by_variant(results: Results, names: Sequence[str], ids: npt.NDArray[Any]) -> Callable[[str, str], Rows]:
    """Return what finds the rows of a variant by the order of ``ids``, column by column."""
    table = results.rows[results.rows["metric"].isin(names)]
    place = pd.Index(ids, dtype=object).get_indexer(pd.Index(table["area_id"].to_numpy(dtype=object)))
    groups = table.groupby(["metric", "variant"], sort=False).indices
    columns: dict[str, npt.NDArray[Any]] = {name: table[name].to_numpy(dtype=float, na_value=np.nan) for name in _NUMBERS}
    columns |= {name: table[name].fillna(nothing).astype(str).to_numpy(dtype=object) for name, nothing in _TEXTS.items()}

    @functools.cache
    def rows_of(metric: str, variant: str) -> Rows:
        at = groups[metric, variant]
        at = at[place[at] >= 0]
        source = np.full(len(ids), -1)
        source[place[at]] = at
        there = source >= 0
        return {name: np.where(there, column[source], _TEXTS.get(name, np.nan)) for name, column in columns.items()}

    return rows_of


def _ranges(low: Floats, high: Floats, unit: Unit) -> Column:
    known = low <= high
    texts = np.full(len(low), "", dtype=object)
    texts[known] = [f"{unit.figure(a)} – {unit.figure(b)}" for a, b in zip(low[known], high[known], strict=True)]
    return Column.of(texts.tolist())


def _halves(titles: Sequence[str], lang: Lang) -> list[list[str]]:
    """Part titles of variants into what is counted and how it is measured, their last two parts; empty where that brings nothing."""
    comma = "，" if lang == "zh" else ", "
    parts = [title.split(comma) for title in titles]
    heads = [comma.join(part[:-2]) for part in parts]
    if len(titles) < SPLIT_FROM or len(set(heads)) < 2 or not all(heads):
        return [[] for _ in titles]
    return [[head, comma.join(part[-2:])] for head, part in zip(heads, parts, strict=True)]
