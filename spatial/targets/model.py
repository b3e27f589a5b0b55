"""What a plan and a target are, and the tables that say how they stand."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from spatial.text import Text

COLUMNS = (
    "id", "clause", "area", "level", "scope", "title_zh", "title_en", "theme", "operator", "value", "unit", "tolerance", "strength",
    "baseline", "baseline_year", "year", "kind", "measure", "variant", "select", "versus", "period", "lead_unit", "standing", "successor",
    "note",
)  # fmt: skip
"""Columns of a plan's CSV."""

OPERATORS = (">=", "<=", ">", "<", "==", "~=", "trend_up", "trend_down", "exists")
KINDS = ("metric", "ledger", "statistic", "targets", "awaited")
STRENGTHS = ("binding", "stretch")
STANDINGS = ("", "withdrawn", "superseded", "carried_over")
PLAN_STANDINGS = ("draft", "in_force", "past")

STATUSES = (
    "met", "on_track", "behind", "not_met", "met_late", "withdrawn", "superseded", "carried_over", "no_data", "not_comparable",
    "not_measurable",
)  # fmt: skip
STATUS_TITLES = {
    "met": Text("已达到", "met"),
    "on_track": Text("进度正常", "on track"),
    "behind": Text("进度滞后", "behind"),
    "not_met": Text("到期未达到", "not met"),
    "met_late": Text("逾期达到", "met late"),
    "withdrawn": Text("已撤销", "withdrawn"),
    "superseded": Text("已被替代", "superseded"),
    "carried_over": Text("已结转", "carried over"),
    "no_data": Text("无法判定（缺数据）", "no data to judge"),
    "not_comparable": Text("不可比", "not comparable"),
    "not_measurable": Text("尚不能测算", "not measurable yet"),
}


@dataclass(frozen=True)
class Plan:
    """A plan document.

    Attributes
    ----------
    name
        Stem of its CSV.
    area
        The city, district or province it is about.
    authority
        Who issued it.
    standing
        One of ``PLAN_STANDINGS``.
    issued
        Year or ISO day, text.
    file
        Its CSV.
    shipped
        Whether it came with the package.
    """

    name: str
    title: Text
    area: str
    authority: Text
    standing: str
    issued: str
    file: Path
    shipped: bool = False
    note: Text = field(default=Text("", ""))


@dataclass(frozen=True)
class Target:
    """One row of a plan, checked; values in base units (a share is 0–1).

    Attributes
    ----------
    value
        NaN for trends; for ``unit = "status"`` the rank on the ladder of ``wanted``.
    wanted
        The status that is wanted, for ``unit = "status"``; else empty.
    tolerance
        Share of the value that may be missing on the unfavourable side.
    baseline
        NaN where the plan states none.
    kind, measure, variant
        What it is bound to: a metric of the registry, a ledger metric, a statistic; ``targets``: what other targets of its plan make together;
        ``awaited`` names a metric that does not exist yet.
    select
        Narrower than the measure: ``subtype:公租房``, ``target`` (records that name this target in ``target_id``), ``series:…`` of a statistic;
        ``both:ID`` for each of the targets that it is made of.
    versus
        Of a relative target: ``metric:gdp_growth`` or ``area:长春市``, whose value is taken off.
    period
        ``year``, ``plan``, ``stock``; empty for what the measure itself says.
    standing, successor
        What has become of the row, and the id of the row that took its place.
    due
        The last day of ``year``, or the day that the CSV's column ``year`` states (``2021-05-01``).
    row
        Line in the CSV.
    falls
        Whether ``==`` and ``~=`` go down, where what the target is bound to says it; ``None``: told from the baseline.
    """

    id: str
    plan: str
    clause: str
    area: str
    level: str
    scope: str
    title: Text
    theme: str
    operator: str
    value: float
    unit: str
    tolerance: float
    strength: str
    baseline: float
    baseline_year: int | None
    year: int
    kind: str
    measure: str
    variant: str = ""
    select: str = ""
    versus: str = ""
    period: str = ""
    lead_unit: str = ""
    standing: str = ""
    successor: str = ""
    note: str = ""
    due: date | None = None
    wanted: str = ""
    row: int = 0
    falls: bool | None = None


TARGET_TABLE = (
    "target_id", "plan", "clause", "title_zh", "title_en", "theme", "area_id", "area_name", "level", "strength", "measure", "variant",
    "operator", "target", "wanted", "unit", "baseline", "baseline_year", "year", "value", "low", "high", "value_status", "quality",
    "progress", "expected", "status", "gap", "reached", "forecast_year", "indicative", "lead_unit", "assisting_unit", "projects",
    "standing", "authority_zh", "authority_en", "note_zh", "note_en",
)  # fmt: skip
"""One row a target and area. ``area_id`` is ``city`` for the city itself. ``target``, ``baseline``, ``value``, ``low``, ``high``, ``gap`` in base
units of ``unit``; ``gap`` is what is missing, above 0, or 0; ``progress`` and ``expected`` shares from the baseline to the target (NaN where there is
none); ``reached`` ISO day or year when the target was reached; ``forecast_year`` the year in which it will be at this pace (fraction, NaN where
none); ``indicative`` whether the target of the row is our split of the city's; ``projects`` ids of unfinished records, semicolons between."""

TASK_TABLE = (
    "id", "name", "type", "subtype", "area_id", "area_name", "target_id", "status", "status_date", "start_date", "due_date", "due", "days",
    "lead_unit", "assisting_unit", "investment", "investment_source", "people", "evidence", "acceptance", "before", "after", "confirmed",
)  # fmt: skip
"""One row a record of the ledger. ``due``: ``overdue``, ``due`` (within 30 days), ``later``, ``done``, ``cancelled``, ``undated``; ``days`` past the
due date (above 0) or until it (below 0), 0 where neither; ``confirmed`` ``yes``, ``no`` or empty where nothing confirms this type."""

CONTRADICTIONS = ("kind", "target_id", "other_id", "measure", "year", "text_zh", "text_en", "decided")
"""One row a finding of ``check``. ``kind``: ``two_values``, ``other_scope``, ``increment_as_stock``, ``superseded``, ``bound_to_nothing``,
``awaited_exists``; ``decided`` the id of the row that the city's declaration says counts, or empty."""

CHANGES = ("id", "name", "type", "area_name", "what", "before", "after", "proof", "struck_off", "text_zh", "text_en")
"""One row a difference between two ledgers. ``what``: ``new``, ``gone``, ``status``, ``quantity``, ``due_date``, ``other``; ``struck_off`` whether it
came to be done; ``proof`` the acceptance document, evidence or before/after that says so, empty where nothing does."""

PROBLEMS = (
    "id",
    "name",
    "area_name",
    "project_id",
    "project_name",
    "status",
    "investment",
    "investment_source",
    "people",
    "text_zh",
    "text_en",
)
"""One row a check-up problem and project that answers it (``answers``); a problem without a project has an empty ``project_id``."""

DEFINITIONS = (
    "target_id",
    "measure",
    "variant",
    "title_zh",
    "title_en",
    "definition_zh",
    "definition_en",
    "value",
    "unit",
    "status",
    "judged",
    "target",
    "year",
    "data_year",
    "difference",
)
"""One row a bound metric's variant, and a yearbook's figure where there is one (``variant = "yearbook"``): why figures of one name differ.
``judged`` whether the target is held against this row; ``target`` and ``year`` what is wanted and when; ``data_year`` the year that the figure speaks of;
``difference`` of a yearbook's figure from the one that is judged, in ``unit`` (NaN elsewhere)."""


@dataclass(frozen=True, eq=False)
class Standing:
    """How a city stands on a day: every table that commands, workbook, map and GeoPackage show.

    Attributes
    ----------
    date
        The day.
    plans
        Plans that apply to this city, by name.
    targets, tasks, contradictions, changes, problems, definitions, left_out
        Tables with the columns ``TARGET_TABLE``, ``TASK_TABLE``, ``CONTRADICTIONS``, ``CHANGES``, ``PROBLEMS``, ``DEFINITIONS`` and
        ``spatial.ledger.records.LEFT_OUT``.
    notes
        What a reader must know beside the tables.
    since
        The day of the older ledger that ``changes`` compares with; ``None`` where there is none.
    """

    date: date
    plans: dict[str, Plan]
    targets: pd.DataFrame
    tasks: pd.DataFrame
    contradictions: pd.DataFrame
    changes: pd.DataFrame
    problems: pd.DataFrame
    definitions: pd.DataFrame
    left_out: pd.DataFrame
    notes: tuple[Text, ...] = field(default=())
    since: datetime.date | None = None
