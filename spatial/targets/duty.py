"""The duty list: what is overdue and due, under which unit, with which money; and which project answers which check-up problem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from spatial.areas import CITY, OUTSIDE, Areas
from spatial.city import City
from spatial.ledger.ladder import CANCELLED, TITLES, rank
from spatial.ledger.values import plain_of, words_of
from spatial.targets.changes import changes, named_by_row, proof_of
from spatial.targets.definitions import definitions
from spatial.targets.model import PROBLEMS, TASK_TABLE
from spatial.text import Text

__all__ = ["changes", "day_text", "definitions", "is_done", "problems", "tasks"]

DUE_WITHIN_DAYS = 30
DUE_ORDER = ("overdue", "due", "later", "undated", "done", "cancelled")
CHECKUP_TYPES = ("checkup_issue", "体检问题", "城市体检问题")


def tasks(city: City, areas: Areas, day: date) -> pd.DataFrame:
    """List every record of the ledger as a task: how late it is, where, who leads, whose money, which proof.

    Parameters
    ----------
    city
        With its ledger; without one the list is empty.
    areas
        Where tasks are said to lie: by geometry, else by the ledger's ``district``; else ``outside_areas``.
    day
        What due dates are held against. A record whose status was reached after it was not done on that day.

    Returns
    -------
    pandas.DataFrame
        Columns ``TASK_TABLE``, dates as ISO text; overdue first and the latest of them at the top, then what is due soonest.
    """
    if city.ledger is None or city.ledger.frame.empty:
        return pd.DataFrame(columns=list(TASK_TABLE))
    frame = city.ledger.frame
    area_ids, area_names = _placed(frame, areas)
    confirmed = _confirmed(city, frame)
    rows = []
    for number, record in enumerate(frame.drop(columns="geometry").to_dict("records")):
        due, days = _due(record, day)
        rows.append(
            {
                **{key: record[key] for key in TASK_TABLE if key in record},
                "area_id": area_ids[number],
                "area_name": area_names[number],
                "due": due,
                "days": days,
                "confirmed": confirmed[number],
                **{key: day_text(record[key]) for key in ("status_date", "start_date", "due_date")},
            }
        )
    table = pd.DataFrame(rows, columns=list(TASK_TABLE))
    table["days"] = table["days"].astype(int)
    order = table["due"].map(DUE_ORDER.index)
    return table.assign(_order=order, _late=-table["days"]).sort_values(
        ["_order", "_late", "due_date", "id", "name"], kind="stable", ignore_index=True
    )[list(TASK_TABLE)]


def is_done(record: Mapping[str, Any], day: date) -> bool:
    """Tell whether a record had been completed on a day; of one without a date of its status, that it has is all that is known."""
    return rank(record["status"]) >= rank("completed") and not _after(record, day)


def day_text(value: Any) -> str:
    """Write a day as ISO text, an absent one as an empty text."""
    return value.isoformat() if isinstance(value, date) else ""


def _after(record: Mapping[str, Any], day: date) -> bool:
    reached = record["status_date"]
    return isinstance(reached, date) and reached > day


def _due(record: Mapping[str, Any], day: date) -> tuple[str, int]:
    if record["status"] == CANCELLED and not _after(record, day):
        return "cancelled", 0
    if is_done(record, day):
        return "done", 0
    if not isinstance(record["due_date"], date):
        return "undated", 0
    days = (day - record["due_date"]).days
    if days > 0:
        return "overdue", days
    return ("due" if days >= -DUE_WITHIN_DAYS else "later"), days


def _placed(frame: gpd.GeoDataFrame, areas: Areas) -> tuple[list[str], list[str]]:
    """Id and name of the area that each record is the task of: one, where areas overlap the first; ``outside_areas`` where none has it."""
    from spatial.ledger.placing import places_of

    proper = areas.is_area
    if not proper.any():
        return [CITY] * len(frame), [""] * len(frame)
    places = places_of(frame, areas)
    first = np.full(len(frame), len(areas))
    kept = proper[places.owner]
    np.minimum.at(first, places.record[kept], places.owner[kept])
    ids = [str(areas.ids[row]) if row < len(areas) else OUTSIDE for row in first]
    return ids, [str(areas.names[row]) if row < len(areas) else "" for row in first]


def _confirmed(city: City, frame: gpd.GeoDataFrame) -> list[str]:
    """Say of each record whether the map confirms it; empty where no ledger metric of its type asks for that."""
    from spatial.ledger.confirm import confirmed
    from spatial.ledger.declared import ledger_metrics
    from spatial.ledger.selection import selected
    from spatial.roads.opened_links import proof_of_opening

    there = {plain_of(kind) for kind in frame["type"].unique()}
    asked, shown = np.zeros(len(frame), dtype=bool), np.ones(len(frame), dtype=bool)
    for metric in ledger_metrics(city.folder).values():
        if metric.confirm and there & {plain_of(kind) for kind in metric.select.types}:
            mine = selected(frame, metric.select)
            asked |= mine
            if mine.any():
                shown[mine] &= confirmed(frame[mine].reset_index(drop=True), metric, city, proof_of_opening)
    return ["" if not one else "yes" if seen else "no" for one, seen in zip(asked, shown, strict=True)]


def problems(city: City, areas: Areas, day: date) -> pd.DataFrame:
    """Tie check-up problems to the projects that answer them.

    Parameters
    ----------
    city
        Records of type ``checkup_issue`` (体检问题) are problems; a record whose ``answers`` names the id of one is a project for it.
    areas
        Where problems lie.
    day
        A project cancelled by then answers nothing.

    Returns
    -------
    pandas.DataFrame
        Columns ``PROBLEMS``, one row a problem and project: problems without a project first, then those of which every project is
        cancelled, then projects that answer an id which no problem has (the id stands in ``id``, ``name`` is empty), then the others.
    """
    if city.ledger is None or city.ledger.frame.empty:
        return pd.DataFrame(columns=list(PROBLEMS))
    frame = city.ledger.frame
    area_names = _placed(frame, areas)[1]
    records = frame.drop(columns="geometry").to_dict("records")
    known = {plain_of(record["id"]) for record in records if plain_of(record["type"]) in CHECKUP_TYPES and not named_by_row(record)}
    answers: dict[str, list[int]] = {}
    for nth, record in enumerate(records):
        for identity in dict.fromkeys(words_of(record["answers"])):
            answers.setdefault(identity, []).append(nth)
    rows: list[tuple[int, str, str, dict[str, Any]]] = []
    for nth, record in enumerate(records):
        if plain_of(record["type"]) not in CHECKUP_TYPES:
            continue
        base = {"id": record["id"], "name": record["name"], "area_name": area_names[nth]}
        projects = [records[other] for other in answers.get(plain_of(record["id"]), []) if other != nth]
        projects = [] if named_by_row(record) else projects
        alive = [project for project in projects if _due(project, day)[0] != "cancelled"]
        if not projects:
            rows.append((0, record["id"], "", {**base, **_without(record)}))
        for project in projects:
            rows.append((3 if alive else 1, record["id"], project["id"], {**base, **_answered(project, day, bool(alive))}))
    for identity in sorted(answers.keys() - known):
        for nth in answers[identity]:
            written = _as_written(records[nth]["answers"], identity)
            told = {"id": written, "name": "", "area_name": area_names[nth], **_answered(records[nth], day, True)}
            told |= {
                "text_zh": f"项目回应的体检问题“{written}”不在台账中：请核对编号",
                "text_en": f'the project answers a check-up problem "{written}" that the ledger does not have: check the id',
            }
            rows.append((2, identity, records[nth]["id"], told))
    rows.sort(key=lambda row: row[:3])
    return pd.DataFrame([row[3] for row in rows], columns=list(PROBLEMS))


def _as_written(said: str, identity: str) -> str:
    """Return an id as the ledger writes it, among several perhaps."""
    return next((word.strip() for word in re.split(r"[;；、,，|/]+", said) if plain_of(word) == identity), identity)


def _without(record: Mapping[str, Any]) -> dict[str, Any]:
    text = Text("没有项目回应这一体检问题", "no project answers this problem")
    if named_by_row(record):
        text = Text("该体检问题没有编号，任何项目都无法回应", "this problem has no id, so that no project can answer it")
    return {"project_id": "", "project_name": "", "status": "", "investment": np.nan, "investment_source": "", "people": np.nan,
            "text_zh": text.zh, "text_en": text.en}  # fmt: skip


def _answered(project: Mapping[str, Any], day: date, alive: bool) -> dict[str, Any]:
    due, days = _due(project, day)
    stage = TITLES[project["status"]]
    zh, en = [f"项目{stage.zh}"], [f"the project is {stage.en}"]
    if due == "cancelled" and not alive:
        zh, en = ["回应的项目已取消，目前没有项目回应"], ["the project that answered is cancelled: nothing answers this problem now"]
    elif due == "overdue":
        zh.append(f"已逾期 {days} 天")
        en.append(f"{days} day{'' if days == 1 else 's'} overdue")
    elif due == "done" and not proof_of(project):
        zh.append("无竣工佐证材料")
        en.append("nothing proves its completion")
    if due != "cancelled" and not project["investment"] > 0:
        zh.append("未列资金")
        en.append("no money is named")
    elif due != "cancelled" and not project["investment_source"]:
        zh.append("未列资金来源")
        en.append("the source of the money is not named")
    return {
        "project_id": project["id"],
        "project_name": project["name"],
        **{key: project[key] for key in ("status", "investment", "investment_source", "people")},
        "text_zh": "，".join(zh),
        "text_en": ", ".join(en),
    }
