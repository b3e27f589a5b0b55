"""Rows of a plan → targets: every cell read, checked against what it is bound to, and converted into the unit of its measure."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from spatial.errors import nearest, shown
from spatial.ledger.declared import PERIODS
from spatial.ledger.ladder import STATUSES, rank, status_of
from spatial.metrics.registry import Metric
from spatial.targets.model import KINDS, OPERATORS, STANDINGS, STRENGTHS, Plan, Target
from spatial.targets.plan_csv import PlanFaults, or_all
from spatial.text import Lang, Text
from spatial.unit_words import converted, factor_between, unit_word
from spatial.units import unit_of

SOURCES = {"metric": "layers", "ledger": "ledger", "statistic": "statistics"}
LANGS: tuple[Lang, Lang] = ("zh", "en")
ABOUT = 0.05  # 左右
_SIGNS = {"≥": ">=", "≤": "<=", "=": "==", "≈": "~=", "＝": "=="}
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?(e[+-]?\d{1,2})?")
_DAY = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2}))日?)?年?")
_A_YEAR = re.compile(r"count/yr")
_YEARS = range(1949, 2101)


def make_target(
    line: int,
    cells: Mapping[str, str],
    plan: Plan,
    *,
    registered: Mapping[str, Metric],
    themes: Mapping[str, Text],
    faults: PlanFaults,
) -> Target:
    """Check one row and convert its numbers.

    Parameters
    ----------
    line, cells
        From ``read_rows``.
    plan
        Its document; a row without an area has the plan's.
    registered
        What a target can be bound to, by name. A shipped plan may name more than is there: such a row keeps the unit of its word.
    themes
        Known themes.
    faults
        Takes what is wrong; the target is only of use where nothing was added.
    """
    return _Row(line, cells, plan, registered, themes, faults).target()


@dataclass
class _Row:
    line: int
    cells: Mapping[str, str]
    plan: Plan
    registered: Mapping[str, Metric]
    themes: Mapping[str, Text]
    faults: PlanFaults

    def target(self) -> Target:
        cells = self.cells
        name = cells["id"]
        if not name:
            self.fault("id is missing; every target needs one that stays the same")
        title = Text(cells["title_zh"] or cells["title_en"], cells["title_en"] or cells["title_zh"])
        if not title.zh:
            self.fault("title_zh is missing")
        written = unicodedata.normalize("NFKC", cells["operator"]).lower()
        operator = self.word("operator", OPERATORS, given=_SIGNS.get(written, written))
        kind = self.word("kind", KINDS)
        measure = self.measure(kind)
        code, factor = self.unit(operator, kind, measure)
        value, wanted = self.value(operator, code, factor)
        year, due = self.year()
        baseline, baseline_year = self.baseline(code, factor, due)
        theme = cells["theme"]
        if theme and theme not in self.themes:
            self.fault(f'theme "{shown(theme)}" is not known{or_all(theme, self.themes)}')
        standing = self.word("standing", STANDINGS, default="")
        if cells["successor"] and standing not in ("superseded", "carried_over"):
            self.fault(f'successor "{shown(cells["successor"])}" needs standing superseded or carried_over')
        return Target(
            name, self.plan.name, cells["clause"], cells["area"] or self.plan.area, cells["level"], cells["scope"] or "whole_territory",
            title, theme, operator, value, code, self.tolerance(operator), self.word("strength", STRENGTHS, default="binding"), baseline,
            baseline_year, year, kind, cells["measure"], self.variant(measure), self.select(kind, measure), self.versus(kind, code),
            self.period(), cells["lead_unit"], standing, cells["successor"], cells["note"], due, wanted, self.line,
        )  # fmt: skip

    def fault(self, message: str) -> None:
        name = self.cells["id"]
        self.faults.add(self.plan.file, self.line, f"({shown(name)}) {message}" if name else message)

    def word(self, column: str, known: tuple[str, ...], *, default: str | None = None, given: str | None = None) -> str:
        word = self.cells[column].lower() if given is None else given
        if not word and default is not None:
            return default
        if word not in known:
            said = self.cells[column]
            choice = ", ".join(item for item in known if item)
            self.fault(
                f'{column} "{shown(said)}" is none of {choice}{nearest(word, known)}' if said else f"{column} is missing; one of {choice}"
            )
        return word

    def measure(self, kind: str) -> Metric | None:
        """Find what the target is bound to; ``None`` where there is nothing, or nothing yet."""
        name = self.cells["measure"]
        if not name:
            self.fault('measure is missing: the slug of a metric, ledger metric or statistic; with kind "awaited" what it will be called')
        if kind not in SOURCES or not name:
            return None
        found = self.registered.get(name)
        if found is None:
            if not self.plan.shipped:
                titled = next((other for other, made in self.registered.items() if name in made.title), "")
                near = f'; what is titled so is called "{titled}"' if titled else ""
                near = near or nearest(name, [other for other, made in self.registered.items() if source_of(made) == SOURCES[kind]])
                self.fault(f'is bound to nothing: there is no {kind} "{shown(name)}"{near or "; spatial list shows all"}')
            return None
        if source_of(found) != SOURCES[kind]:
            true = next(word for word, source in SOURCES.items() if source == source_of(found))
            self.fault(f'"{name}" is a {true}: write kind {true}')
            return None
        return found

    def unit(self, operator: str, kind: str, measure: Metric | None) -> tuple[str, float]:
        """Return the unit that the target is kept in, and the factor from what the row says."""
        said = self.cells["unit"]
        read = unit_word(said)
        if read is None:
            self.fault(f'unit "{shown(said)}" is not known; write it as docs/targets.md lists them (%, km, 亩, 万吨/日, 亿元, status …)')
            return "count", math.nan
        code, factor = read
        if code == "status" and kind not in ("ledger", "awaited"):
            self.fault(f"unit status fits records of a ledger, not a {kind}")
        if code == "boolean" and operator in OPERATORS and operator != "exists":
            self.fault(f'unit boolean needs operator exists, not "{operator}"')
        if kind == "targets" and (operator, code) != ("exists", "boolean"):
            self.fault("kind targets tells whether a whole exists: operator exists, unit boolean, value 1")
        if operator == "exists" and code not in ("boolean", "count"):
            self.fault(f'operator exists counts what must be there: unit boolean or count, not "{shown(said)}"')
        if measure is None or code == "status":
            return code, factor
        if operator.startswith("trend") and not self.cells["baseline"]:  # there is no number to convert
            return measure.unit, 1.0
        between = 1.0 if code == "boolean" and measure.unit == "count" else factor_between(code, measure.unit)
        if between is None:
            label = unit_of(measure.unit).label.en or measure.unit
            self.fault(f'unit "{shown(said)}" cannot be held against {measure.name}, which is in {label}')
            return code, factor
        return ("pp", factor) if code == "pp" and measure.unit == "1" else (measure.unit, factor * between)

    def value(self, operator: str, code: str, factor: float) -> tuple[float, str]:
        said = self.cells["value"]
        if operator.startswith("trend"):
            if said:
                self.fault(f'operator {operator} takes no value, the row has "{shown(said)}": leave it empty, or compare with >= or <=')
            return math.nan, ""
        if not said:
            self.fault("value is missing; only trend_up and trend_down go without")
            return math.nan, ""
        if code == "status":
            status = status_of(said)
            if status is None or rank(status) < 0:
                self.fault(f'status "{shown(said)}" is not known{nearest(said, STATUSES)}; one of {", ".join(STATUSES[:-1])}')
                return math.nan, ""
            if operator not in (">=", "=="):
                self.fault(f"a status is reached: operator >=, not {operator}")
            return float(rank(status)), status
        value = self.number("value", said)
        if status_of(said):
            self.fault(f'"{shown(said)}" is a status: write unit status')
        elif (code == "boolean" and value != 1) or (operator == "exists" and value < 1):
            self.fault(
                f'operator exists needs a value of at least 1{" and a boolean the value 1" * (code == "boolean")}, not "{shown(said)}"'
            )
        return converted(value, factor), ""

    def number(self, column: str, said: str) -> float:
        text = unicodedata.normalize("NFKC", said).replace("−", "-").lower()
        if not _NUMBER.fullmatch(text) or not math.isfinite(float(text.replace(",", ""))):
            if not status_of(said):
                self.fault(f'{column} "{shown(said)}" is no number; write digits alone, the unit stands in its own column')
            return math.nan
        return float(text.replace(",", ""))

    def tolerance(self, operator: str) -> float:
        said = self.cells["tolerance"]
        if not said:
            return ABOUT if operator == "~=" else 0.0
        value = self.number("tolerance", said.removesuffix("%")) / (100 if said.endswith("%") else 1)
        if not math.isnan(value) and not 0 <= value < 1:
            self.fault(f'tolerance "{shown(said)}" is not a share from 0 to below 1; 5 per cent is 0.05')
        return value

    def year(self) -> tuple[int, datetime.date]:
        said = self.cells["year"]
        match = _DAY.fullmatch(unicodedata.normalize("NFKC", said))
        try:
            if not match or int(match[1]) not in _YEARS:
                raise ValueError("year")
            due = datetime.date(int(match[1]), int(match[2] or 12), int(match[3] or 31))
        except ValueError:
            self.fault(f'year "{shown(said)}" is not possible; write 2025, or a last day as 2025-06-30' if said else "year is missing")
            due = datetime.date(_YEARS[-1], 12, 31)
        return due.year, due

    def baseline(self, code: str, factor: float, due: datetime.date) -> tuple[float, int | None]:
        said, year_said = self.cells["baseline"], self.cells["baseline_year"]
        value, year = math.nan, None
        if said and code == "status":
            status = status_of(said)
            if status is None or rank(status) < 0:
                self.fault(f'baseline "{shown(said)}" is no status{nearest(said, STATUSES)}')
            else:
                value = float(rank(status))
        elif said:
            value = converted(self.number("baseline", said), factor)
        if year_said:
            text = unicodedata.normalize("NFKC", year_said).removesuffix("年")
            if not re.fullmatch(r"\d{4}", text) or int(text) not in _YEARS:
                self.fault(f'baseline_year "{shown(year_said)}" is not possible; write 2022')
            elif (year := int(text)) >= due.year:
                self.fault(f"baseline_year {year} is not before the year {due.year}")
        elif said:
            self.fault("baseline has no baseline_year; a progress needs both")
        return value, year

    def variant(self, measure: Metric | None) -> str:
        said = self.cells["variant"]
        if said and measure is not None and not self.plan.shipped and said not in measure.variants:
            self.fault(f'{measure.name} has no variant "{shown(said)}"{or_all(said, measure.variants)}')
        return said

    def select(self, kind: str, measure: Metric | None) -> str:
        """Read ``subtype:…``, ``target`` or ``series:…``, several with a semicolon between; a series may be written by its title."""
        parts = []
        for said in self.cells["select"].replace("：", ":").replace("；", ";").split(";"):
            head, _, rest = (part.strip() for part in said.partition(":"))
            fits = {
                "subtype": kind == "ledger" and rest, "target": kind == "ledger" and not rest, "series": kind == "statistic" and rest,
                "both": kind == "targets" and rest,
            }  # fmt: skip
            if not said.strip():
                continue
            if not fits.get(head):
                self.fault(
                    f'select "{shown(said)}" is not understood; subtype:… or target with a ledger metric, series:… with a statistic, both:ID with targets'
                )
            elif head == "series" and measure is not None:
                rest = self.series(measure, rest)
            parts.append(f"{head}:{rest}" if rest else head)
        if kind == "targets" and len({part for part in parts if part.startswith("both:")}) < 2:
            self.fault("kind targets needs two targets of this plan at least: select both:ID;both:ID")
        return ";".join(parts)

    def series(self, measure: Metric, word: str) -> str:
        """Return the slug of a series, which may be written by its title."""
        by_title = {title.get(lang): slug for slug, title in measure.variants.items() for lang in LANGS}
        slug = word if word in measure.variants else by_title.get(word, word)
        if slug not in measure.variants and not self.plan.shipped:
            self.fault(f'{measure.name} has no series "{shown(word)}"{or_all(word, measure.variants)}')
        return slug

    def period(self) -> str:
        said = self.word("period", PERIODS, default="")
        if not _A_YEAR.fullmatch(self.cells["unit"].lower()):
            return said
        if said not in ("", "year"):
            self.fault(f'unit "{shown(self.cells["unit"])}" is a number a year: write period year, not {said}')
        return "year"

    def versus(self, kind: str, code: str) -> str:
        said = self.cells["versus"].replace("：", ":")
        if not said:
            return ""
        head, _, rest = (part.strip() for part in said.partition(":"))
        if head not in ("metric", "area") or not rest:
            self.fault(f'versus "{shown(said)}" is not understood; metric:gdp_growth or area:长春市')
        elif kind == "ledger" or code == "status":
            self.fault("versus needs a metric or a statistic: records of a ledger are not compared")
        elif head == "metric" and not self.plan.shipped:
            name, _, series = rest.partition("/")
            other = self.registered.get(name)
            if other is None:
                self.fault(f'versus names no metric: "{shown(name)}"{nearest(name, self.registered)}')
            elif series and series not in other.variants:
                self.fault(f'{name} has no series "{shown(series)}"{or_all(series, other.variants)}')
            elif factor_between(other.unit, code) is None:
                self.fault(f"versus {rest} is in {unit_of(other.unit).label.en or other.unit}, which cannot be taken off this target")
        return f"{head}:{rest}"


def source_of(metric: Metric) -> str:
    """Tell where the values of a registry metric come from: ``layers``, ``ledger`` or ``statistics``."""
    return metric.source
