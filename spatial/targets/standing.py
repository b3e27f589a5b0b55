"""How a city stands on a day: plans, judge and duty list put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import pandas as pd

from spatial.areas import RESERVED
from spatial.city import City
from spatial.city_toml import Project
from spatial.errors import OptionError, shown
from spatial.ledger.declared import LedgerMetric, ledger_metrics
from spatial.ledger.ladder import CANCELLED, rank
from spatial.ledger.records import LEFT_OUT, Ledger
from spatial.ledger.values import plain_of
from spatial.metrics import Metric, registered
from spatial.result import Results
from spatial.targets.changes import changes
from spatial.targets.definitions import definitions
from spatial.targets.duty import problems, tasks
from spatial.targets.model import CHANGES, TARGET_TABLE, Plan, Standing, Target
from spatial.text import Text

_MOST_TYPES = 8


def standing_of(
    project: Project, city: City, results: Results | None, *, day: date | None = None, by: str = "districts"
) -> Standing | None:
    """Say how a city stands: its targets, its tasks, what changed, what disagrees.

    Parameters
    ----------
    project
        Names the plans, the ledger, and which rows count.
    city
        With ledger and statistics, from ``open_city``.
    results
        Figures of the metrics that targets are bound to; ``None`` where none of them is one of the map.
    day
        On which it is judged; default the ledger's date, else that of the data, never today.
    by
        Areas to report by, where there are no results that say so.

    Returns
    -------
    Standing or None
        ``None`` where the project names neither a plan nor a ledger.

    Raises
    ------
    PlanError
        A plan cannot be used.
    OptionError
        Nothing tells the day.
    SourceError, LayerError
        The older ledger cannot be used.
    """
    if not project.planned.plans and project.planned.ledger is None:
        return None
    from spatial.targets.judge import judgement

    day = day_of(city, day)
    plans, targets, found = plans_of(project)
    areas = results.areas if results else city.areas(by)
    called = [replace(target, area=city.name) if target.area and target.area == project.planned.area else target for target in targets]
    judged = judgement(called, plans, city, results, day=day) if targets else None
    table = judged.table if judged else pd.DataFrame(columns=list(TARGET_TABLE))
    yearly = table["target_id"].isin(_yearly(targets, ledger_metrics(city.folder)))
    table = table.assign(forecast_year=table["forecast_year"].where(~yearly), yearly=yearly)
    deadlines = {target.id: target.due.isoformat() for target in targets if target.due}
    listed = tasks(city, areas, day)
    return Standing(
        day,
        plans,
        table.assign(due=table["target_id"].map(deadlines).fillna("").astype(object)),
        listed,
        found,
        changes_of(project, city, listed),
        problems(city, areas, day),
        definitions(called, city, results, table),
        left_out_of(city, judged.left_out if judged else None),
        tuple(notes_of(city, day)),
        project.planned.ledger.previous_date if project.planned.ledger and project.planned.ledger.previous else None,
    )


def _yearly(targets: Sequence[Target], declared: Mapping[str, LedgerMetric]) -> list[str]:
    """List the targets of the ledger that begin anew each year: thirty parks a year are not reached in 2037 by three a year."""
    return [
        target.id
        for target in targets
        if target.kind == "ledger"
        and target.unit != "status"
        and (metric := declared.get(target.measure)) is not None
        and metric.kind != "remaining"
        and (target.period or metric.period) == "year"
    ]


def check_standing(project: Project, city: City) -> None:
    """Learn before minutes of measuring whether a city can be judged: the day, and the older ledger.

    Raises
    ------
    OptionError
        Nothing tells the day.
    SourceError, LayerError
        The older ledger cannot be used.
    """
    if project.planned.plans or project.planned.ledger is not None:
        day_of(city, None)
        _previous(project, city)


def day_of(city: City, day: date | None) -> date:
    """Return the day on which a city is judged: the one that is asked for, else the ledger's, else that of the data.

    Raises
    ------
    OptionError
        None of them is known.
    """
    if day is not None:
        return day
    if city.ledger is not None:
        return city.ledger.date
    if not city.date:
        raise OptionError('nothing tells the day on which to judge: give --date 2025-06-30, or date = "2025-06-30" in city.toml')
    return date.fromisoformat(city.date)


def plans_of(project: Project) -> tuple[dict[str, Plan], list[Target], pd.DataFrame]:
    """Read the plans that a project names, and what in them disagrees.

    Returns
    -------
    tuple
        Plans by name; targets, of which those that the city's declaration overrules are superseded; the table ``CONTRADICTIONS``.

    Raises
    ------
    PlanError
        A plan cannot be used.
    """
    from spatial.targets.contradictions import contradictions, decided
    from spatial.targets.plans import read_plans

    own = project.path.parent
    plans, targets = read_plans(project, own=own)
    counts = project.planned.counts
    found = contradictions(plans, targets, registered(own), counts, ledger=ledger_metrics(own))
    return plans, decided(targets, found, counts), found


def metrics_needed(targets: Sequence[Target], known: Mapping[str, Metric], kinds: Sequence[str] = ("metric",)) -> list[str]:
    """List the metrics without which targets cannot be judged, in the order of the registry.

    Parameters
    ----------
    kinds
        Targets of the ledger and of statistics are judged without being measured; to set their definitions side by side, name these kinds too.
    """
    wanted = {target.measure for target in targets if target.kind in kinds}
    wanted |= {target.versus.removeprefix("metric:") for target in targets if target.versus.startswith("metric:")}
    return [name for name in known if name in wanted]


def changes_of(project: Project, city: City, listed: pd.DataFrame) -> pd.DataFrame:
    """Compare the ledger with the older one that the project names; an empty table where it names none.

    Parameters
    ----------
    listed
        The tasks, which say in which area each record lies.
    """
    old = _previous(project, city)
    if city.ledger is None or old is None:
        return pd.DataFrame(columns=list(CHANGES))
    return in_areas(changes(old, city.ledger), listed)


def _previous(project: Project, city: City) -> Ledger | None:
    """Read the older ledger that a project names, once."""
    from spatial.project import read_ledger

    said = project.planned.ledger
    if said is None or said.previous is None:
        return None
    return city.memo(("older ledger", str(said.previous), said.previous_date), lambda: read_ledger(project, city, previous=True))


def in_areas(found: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Say in which area each change lies: as the tasks are placed, else by the district that the ledger states."""
    named = listed[(listed["id"] != "") & ~listed["area_id"].isin(list(RESERVED))]
    names = dict(zip(named["id"], named["area_name"], strict=True))
    return found.assign(area_name=[names.get(identity, area) for identity, area in zip(found["id"], found["area_name"], strict=True)])


def left_out_of(city: City, judged: pd.DataFrame | None = None) -> pd.DataFrame:
    """Gather the rows of ledger and statistics that count nowhere, and the records that do not count for a target, each with its reason."""
    tables = [part.left_out for part in (city.ledger, city.statistics) if part is not None and len(part.left_out)]
    tables += [judged] if judged is not None and len(judged) else []
    return pd.concat(tables, ignore_index=True)[list(LEFT_OUT)] if tables else pd.DataFrame(columns=list(LEFT_OUT))


def of_no_metric(ledger: Ledger, declared: Mapping[str, LedgerMetric]) -> list[Text]:
    """Tell of records that are tasks and count for no target, whatever they name: their type is a word that no metric knows.

    Parameters
    ----------
    ledger
        Whose types are looked at.
    declared
        The ledger metrics, by name.

    Returns
    -------
    list of Text
        One sentence, with the types and how many records bear each; none where every type is known.
    """
    asked = [each for metric in declared.values() for each in (metric.select, metric.denominator) if each]
    known = {plain_of(word) for select in asked for word in select.types}
    kinds = Counter(str(word) for word in ledger.frame["type"] if plain_of(word) not in {*known, "checkup_issue"})
    if not kinds:
        return []
    most = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    zh = "、".join(f"{shown(word)} {count}" for word, count in most[:_MOST_TYPES]) + (" …" if len(most) > _MOST_TYPES else "")
    en = ", ".join(f"{shown(word)} {count}" for word, count in most[:_MOST_TYPES]) + (" …" if len(most) > _MOST_TYPES else "")
    total = sum(kinds.values())
    return [
        Text(
            f"{total} 条记录只列为任务，不计入任何目标：没有台账指标使用其类型（{zh}）；类型可写指标的中文名，见 spatial list",
            f"{total} record{'s' if total > 1 else ''} listed as tasks and counted for no target: no ledger metric asks for the type ({en});"
            " a metric's own title is a type, see spatial list",
        )
    ]


def notes_of(city: City, day: date) -> list[Text]:
    """Say what a reader must know: what the ledger knows of the day, which records no metric asks for, how many rows count nowhere."""
    notes = []
    ledger = city.ledger
    if ledger is not None and day > ledger.date:
        frame = ledger.frame
        since = sum(
            due is not None and ledger.date < due < day and status != CANCELLED and rank(status) < rank("completed")
            for due, status in zip(frame["due_date"], frame["status"], strict=True)
        )
        notes.append(
            Text(
                f"台账截至 {ledger.date}：此后至 {day} 的进展未知"
                + (f"；{since} 项任务在此期间到期，列为逾期，是否已完成须核实" if since else ""),
                f"the ledger speaks to {ledger.date}: what was done since, until {day}, is not known"
                + (f"; {since} task{'s' if since > 1 else ''} fell due in between and may have been done" if since else ""),
            )
        )
    if ledger is not None and day < ledger.date:
        later = sum(reached is not None and reached > day for reached in ledger.frame["status_date"])
        if later:
            notes.append(
                Text(
                    f"{later} 项任务的状态日期晚于 {day}，按当日尚未达到该状态处理",
                    f"{later} task{'s' if later > 1 else ''} reached the stage stated after {day} and had not reached it on that day",
                )
            )
    for source, zh, en in (("ledger", "台账", "ledger"), ("statistics", "统计表", "statistics")):
        part = city.ledger if source == "ledger" else city.statistics
        if part is not None and len(part.left_out):
            rows = len(part.left_out)
            notes.append(
                Text(
                    f"{zh}有 {rows} 行未计入，逐行原因见工作簿“未计入”或 spatial targets left-out",
                    f'{rows} row{"s" if rows > 1 else ""} of the {en} left out; why, is in the sheet "Left out" and in spatial targets left-out',
                )
            )
    if ledger is not None:
        notes += of_no_metric(ledger, ledger_metrics(city.folder))
    return notes
