"""What ``city.toml`` says of plans, of the ledger and of statistics, parsed and checked; nothing else is read."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spatial import catalogue
from spatial.errors import Faults, nearest, shown
from spatial.sources.options import FileOptions
from spatial.text import Text

PLAN_STANDINGS = ("draft", "in_force", "past")
ON_FAULT = ("leave_out", "error")
_PLAN_KEYS = ("file", "title", "area", "authority", "standing", "issued", "note")
_LEDGER_KEYS = ("date", "previous", "previous_date", "complete_for", "on_fault")
_FILE_KEYS = ("file", "layer", "id", "name", "datum", "crs", "x", "y", "where", "fields", "values", "encoding", "source", "licence",
              "sensitivity", "geometry", "datum_parameters")  # fmt: skip
_TARGET_KEYS = ("area", "counts")
_STATISTICS_KEYS = ("file", "layer", "fields", "values", "encoding", "where", "source", "licence", "date", "sensitivity", "on_fault")


@dataclass(frozen=True)
class PlanFile:
    """One ``[plans.NAME]``; ``path`` is ``None`` for a plan of that name that came with the package."""

    name: str
    path: Path | None
    title: Text | None = None
    area: str = ""
    authority: Text | None = None
    standing: str = ""
    issued: str = ""
    note: Text = field(default=Text("", ""))


@dataclass(frozen=True)
class TableFile:
    """``[ledger]`` or ``[statistics]``: where the table is and how it is read.

    Attributes
    ----------
    date
        The day to which a ledger speaks; statistics carry their years.
    previous, previous_date
        An older ledger of the same form, to tell what changed.
    complete_for
        Types of which the ledger has every record: none means 0.
    on_fault
        ``leave_out`` what cannot be used, row by row, or take it for an ``error``.
    """

    path: Path
    read: FileOptions
    date: datetime.date | None = None
    previous: Path | None = None
    previous_date: datetime.date | None = None
    complete_for: tuple[str, ...] = ()
    on_fault: str = "leave_out"
    source: str = ""
    sensitivity: str = "public"


@dataclass(frozen=True)
class PlanInputs:
    """Everything that targets need beside the city.

    Attributes
    ----------
    area
        What plans call the city; empty for its name.
    counts
        Ids of targets that count where plans contradict one another: the city's declaration.
    """

    plans: Mapping[str, PlanFile] = field(default_factory=dict)
    ledger: TableFile | None = None
    statistics: TableFile | None = None
    area: str = ""
    counts: tuple[str, ...] = ()

    def paths(self) -> list[Path]:
        """Return every file that is read."""
        tables = [table for table in (self.ledger, self.statistics) if table]
        previous = [table.previous for table in tables if table.previous]
        return [*(plan.path for plan in self.plans.values() if plan.path), *(table.path for table in tables), *previous]


def parse_plans(
    raw: Mapping[str, Any], path: Path, faults: Faults, *, options_of: Callable[[str, dict[str, Any]], tuple[FileOptions, str, str]]
) -> PlanInputs:
    """Parse ``[plans.…]``, ``[ledger]``, ``[statistics]`` and ``[targets]``.

    Parameters
    ----------
    raw
        The whole of ``city.toml``.
    path
        The file, for messages and relative paths.
    faults
        Takes what is wrong.
    options_of
        Checks the keys that a table shares with a layer; returns how its file is read, its source and its sensitivity.
    """
    plans = {name: _plan(name, table, path, faults) for name, table in _table(raw, "plans", path, faults).items()}
    said = _table(raw, "targets", path, faults)
    where = f"{path} [targets]"
    for message in catalogue.check_keys(said, _TARGET_KEYS, where=where) + catalogue.check_type(said, "area", str, "text", where=where):
        faults.add(message)
    return PlanInputs(
        plans,
        _table_file("ledger", raw, path, faults, options_of),
        _table_file("statistics", raw, path, faults, options_of),
        said["area"] if isinstance(said.get("area"), str) else "",
        _texts(said, "counts", where, faults),
    )


def _table(raw: Mapping[str, Any], key: str, path: Path, faults: Faults) -> dict[str, Any]:
    value = raw.get(key, {})
    if not isinstance(value, dict):
        faults.add(f"{path}: {key} must be a table, written [{key}]")
        return {}
    return value


def _texts(table: Mapping[str, Any], key: str, where: str, faults: Faults) -> tuple[str, ...]:
    value = table.get(key, [])
    if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        faults.add(f'{where}: {key} must be a list of texts, as in {key} = ["…"]')
        return ()
    return tuple(value)


def _text(table: Mapping[str, Any], key: str, where: str, faults: Faults) -> Text | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        return Text(value, value)
    if isinstance(value, dict) and {"zh", "en"} == set(value) and all(isinstance(item, str) for item in value.values()):
        return Text(value["zh"], value["en"])
    faults.add(f'{where}: {key} must be a text, or {{ zh = "…", en = "…" }}')
    return None


def _plan(name: str, table: Any, path: Path, faults: Faults) -> PlanFile:
    where = f"{path} [plans.{shown(name)}]"
    if not isinstance(table, dict):
        faults.add(f'{where}: must be a table, as in [plans.{shown(name)}] with file = "data/plan.csv"')
        return PlanFile(name, None)
    messages = catalogue.check_keys(table, _PLAN_KEYS, where=where)
    messages += [m for key in ("file", "area", "issued", "standing") for m in catalogue.check_type(table, key, str, "text", where=where)]
    standing = table.get("standing", "")
    if standing and standing not in PLAN_STANDINGS:
        messages.append(
            f"{where}: standing = {shown(standing)} is not one of {', '.join(PLAN_STANDINGS)}{nearest(str(standing), PLAN_STANDINGS)}"
        )
    for message in messages:
        faults.add(message)
    file = path.parent / table["file"] if isinstance(table.get("file"), str) else None
    return PlanFile(
        name, file, _text(table, "title", where, faults), str(table.get("area", "")), _text(table, "authority", where, faults),
        str(standing), str(table.get("issued", "")), _text(table, "note", where, faults) or Text("", ""),
    )  # fmt: skip


def _table_file(
    key: str, raw: Mapping[str, Any], path: Path, faults: Faults, options_of: Callable[..., tuple[FileOptions, str, str]]
) -> TableFile | None:
    if key not in raw:
        return None
    table, where = _table(raw, key, path, faults), f"{path} [{key}]"
    own = _LEDGER_KEYS if key == "ledger" else ("date", "on_fault")
    allowed = (*_FILE_KEYS, *_LEDGER_KEYS) if key == "ledger" else _STATISTICS_KEYS
    for message in catalogue.check_keys(table, allowed, where=where) + [
        m for name in ("file", "previous") for m in catalogue.check_type(table, name, str, "text", where=where)
    ]:
        faults.add(message)
    if not isinstance(table.get("file"), str) or not table["file"]:
        faults.add(f'{where}: file is missing; write file = "data/{key}.csv"')
        return None
    if key == "ledger" and "date" not in table:
        faults.add(f'{where}: date is missing: the day to which the ledger speaks, date = "2025-06-30"')
    if "previous" in table and "previous_date" not in table:
        faults.add(f'{where}: previous_date is missing: the day to which the older ledger speaks, previous_date = "2025-05-31"')
    on_fault = table.get("on_fault", "leave_out")
    if on_fault not in ON_FAULT:
        faults.add(f"{where}: on_fault = {shown(on_fault)} is not one of {', '.join(ON_FAULT)}{nearest(str(on_fault), ON_FAULT)}")
    read, source, sensitivity = options_of(key, {name: value for name, value in table.items() if name in _FILE_KEYS and name not in own})
    previous = path.parent / table["previous"] if isinstance(table.get("previous"), str) else None
    day, before = _day(table, "date", where, faults), _day(table, "previous_date", where, faults)
    if day is not None and before is not None and before > day:
        faults.add(f"{where}: previous_date {before} lies after the date {day} of the ledger: the older one comes first")
    return TableFile(
        path.parent / table["file"], read, day, previous, before,
        _texts(table, "complete_for", where, faults), str(on_fault), source, sensitivity,
    )  # fmt: skip


def _day(table: Mapping[str, Any], key: str, where: str, faults: Faults) -> datetime.date | None:
    value = table.get(key)
    if value is None:
        return None
    try:
        day = value if isinstance(value, datetime.date) else datetime.date.fromisoformat(str(value))
        day = datetime.date(day.year, day.month, day.day)
        if not 1949 <= day.year <= 2100:
            raise ValueError("year")
    except ValueError:
        faults.add(f'{where}: {key} must be written as "2025-06-30", in the Gregorian calendar, not {shown(value)}')
        return None
    return day
