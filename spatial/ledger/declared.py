"""Ledger metrics as they are declared: one TOML each in ``data/ledger/``, shipped or of a project."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spatial import catalogue
from spatial.errors import Faults, ProjectError, nearest, shown
from spatial.ledger.ladder import LADDER
from spatial.ledger.records import FIELDS
from spatial.ledger.values import plain_of
from spatial.text import Text
from spatial.unit_words import factor_between
from spatial.units import UNITS

FOLDER = "data/ledger"
KINDS = ("count", "ratio", "remaining", "exists", "overlay")
PERIODS = ("year", "plan", "stock")
QUANTITIES = ("records", "quantity", "length", "area")
CONFIRMS = ("polygon", "before_after", "network")
_KEYS = (
    "title", "definition", "kind", "types", "subtypes", "required", "quantity", "unit", "period", "denominator", "each", "within", "of",
    "least_m2", "most_m2", "same_within_m", "confirm", "standard", "or_whole", "left", "mapped", "answered", "filled", "phases",
)  # fmt: skip
_NO_STANDARD = Text("无统一标准：按各规划和台账的口径", "no common standard: as each plan and ledger has it")
_OF_KIND = {
    "each": ("exists",),
    "within": ("overlay",),
    "of": ("overlay",),
    "or_whole": ("overlay",),
    "left": ("overlay",),
    "denominator": ("ratio",),
}
_MEASURED = {"length": "m", "area": "m2"}


@dataclass(frozen=True)
class Select:
    """Which records a filter lets through.

    Attributes
    ----------
    types
        Words of the column ``type``, the slug of the metric and its Chinese title included; empty for all.
    subtypes
        Words of the column ``subtype``; empty for all.
    """

    types: tuple[str, ...] = ()
    subtypes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LedgerMetric:
    """One TOML of ``data/ledger``.

    Attributes
    ----------
    kind
        ``count`` what has come far enough; ``ratio`` its share of what is listed; ``remaining`` what is listed and has not;
        ``exists`` whether all that must exist do; ``overlay`` united area.
    select
        Which records it is about.
    required
        The status from which a record counts.
    quantity
        ``records``, ``quantity`` (column, in ``unit``), ``length`` or ``area`` of the geometry.
    unit
        Code of ``spatial.units``.
    period
        Default: ``year`` and ``plan`` count what reached the status in the period, ``stock`` all that has.
    denominator
        Of a ratio: the records that are all; ``None`` for the same records whatever their status.
    each
        Of ``exists``: subtypes that must all be there.
    within
        Of ``overlay``: a layer of the city that the area is cut to.
    of
        Of ``overlay`` with a share: the layer whose area is the denominator.
    least_m2, most_m2
        Records whose polygon (or stated area) lies outside are shown, not counted.
    same_within_m
        Records of one name and type within this distance are one; 0 where names do not tell, such as the species of trees.
    confirm
        ``polygon`` (a record is confirmed by its polygon), ``before_after`` (by geometries or pictures before and after), ``network`` (by the streets
        with and without its road), or empty.
    standard
        Standard or clause that it follows.
    or_whole
        Of ``overlay``: whether the whole polygons count, which is told, where the layer ``within`` was not supplied.
    left
        Of ``overlay``: the ground of what is listed and has not come far enough, instead of what has.
    mapped
        Whether a record has come far enough only if it stands on the map.
    answered
        Whether a record has come far enough only if another record names it in ``answers``.
    filled
        Columns that must be filled in before a record has come far enough.
    phases
        Whether names that differ only by their phase (一期, 二期) are one.
    """

    name: str
    title: Text
    definition: Text
    kind: str
    select: Select
    required: str = "completed"
    quantity: str = "records"
    unit: str = "count"
    period: str = "stock"
    denominator: Select | None = None
    each: tuple[str, ...] = ()
    within: str = ""
    of: str = ""
    least_m2: float = 0.0
    most_m2: float = float("inf")
    same_within_m: float = 50.0
    confirm: str = ""
    standard: Text = field(default=Text("", ""))
    parameters: Mapping[str, str] = field(default_factory=dict)
    or_whole: bool = False
    left: bool = False
    mapped: bool = False
    answered: bool = False
    filled: tuple[str, ...] = ()
    phases: bool = False


def ledger_metrics(own: Path | None = None) -> dict[str, LedgerMetric]:
    """Return every declared ledger metric by name.

    Parameters
    ----------
    own
        The project's folder: a file of its ``data/ledger/`` adds a metric, or overrides a shipped one of that name key by key.

    Returns
    -------
    dict
        Sorted by name.

    Raises
    ------
    ProjectError
        A file cannot be parsed, has an unknown key, or says what cannot be; all faults of all files are gathered.
    """
    if own is None or not (own / FOLDER).is_dir() or own.resolve() == catalogue.shipped():
        return dict(_shipped())
    return _parsed(catalogue.declarations(FOLDER, own))


@functools.cache
def _shipped() -> dict[str, LedgerMetric]:
    return _parsed(catalogue.declarations(FOLDER))


def _parsed(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, LedgerMetric]:
    faults = Faults(ProjectError)
    found = {name: metric for name, table in raw.items() if (metric := _parse(name, table, faults))}
    faults.raise_if_any()
    return found


def _parse(name: str, table: Mapping[str, Any], faults: Faults) -> LedgerMetric | None:
    where = str(table.get("__path__", name))
    messages = _faults(name, table, where)
    for message in messages:
        faults.add(message)
    if messages:
        return None
    title = Text(**table["title"])
    denominator = table.get("denominator")
    return LedgerMetric(
        name, title, Text(**table["definition"]), table["kind"],
        Select(_types(name, title, table.get("types", ())), tuple(table.get("subtypes", ()))),
        table.get("required", "completed"), table.get("quantity", "area" if table["kind"] == "overlay" else "records"),
        table.get("unit", "count"), table.get("period", "stock"),
        Select(tuple(denominator.get("types", ())), tuple(denominator.get("subtypes", ()))) if denominator else None,
        tuple(table.get("each", ())), table.get("within", ""), table.get("of", ""), float(table.get("least_m2", 0.0)),
        float(table.get("most_m2", "inf")), float(table.get("same_within_m", 50.0)), table.get("confirm", ""),
        Text(**table["standard"]) if "standard" in table else _NO_STANDARD,
        or_whole=table.get("or_whole", False), left=table.get("left", False), mapped=table.get("mapped", False),
        answered=table.get("answered", False), filled=tuple(table.get("filled", ())), phases=table.get("phases", False),
    )  # fmt: skip


def _types(name: str, title: Text, types: Any) -> tuple[str, ...]:
    """Add the slug and the Chinese title to the words by which a ledger may call the type."""
    return tuple({plain_of(word): str(word) for word in (*types, title.zh, name)}.values())


def _faults(name: str, table: Mapping[str, Any], where: str) -> list[str]:
    """List what is wrong with one declaration."""
    said = catalogue.check_keys(table, _KEYS, where=where)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        said.append(f"{where}: the name of the file is the name of the metric: small letters, digits and _ only")
    for key in ("title", "definition", "standard"):
        value = table.get(key)
        if value is None and key != "standard":
            said.append(f'{where}: {key} is missing; write {key} = {{ zh = "…", en = "…" }}')
        elif value is not None and not (
            isinstance(value, dict) and set(value) == {"zh", "en"} and all(isinstance(v, str) and v for v in value.values())
        ):
            said.append(f'{where}: {key} must be {{ zh = "…", en = "…" }}')
    for key, known in (
        ("kind", KINDS),
        ("required", LADDER),
        ("quantity", QUANTITIES),
        ("unit", tuple(UNITS)),
        ("period", PERIODS),
        ("confirm", CONFIRMS),
    ):
        if key in table and table[key] not in known:
            said.append(f"{where}: {key} = {shown(table[key])} is not one of {', '.join(known)}{nearest(str(table[key]), known)}")
    if "kind" not in table:
        said.append(f"{where}: kind is missing: one of {', '.join(KINDS)}")
    for key in ("types", "subtypes", "each", "filled"):
        said += _list_faults(table, key, where)
    for key in ("or_whole", "left", "mapped", "answered", "phases"):
        said += catalogue.check_type(table, key, bool, "true or false", where=where)
    for key in ("within", "of"):
        said += catalogue.check_type(table, key, str, "the name of a layer", where=where)
    for key in ("least_m2", "most_m2", "same_within_m"):
        said += catalogue.check_type(table, key, (int, float), "a number", where=where)
        if isinstance(table.get(key), int | float) and not table[key] >= 0:
            said.append(f"{where}: {key} must be 0 or more")
    said += [
        f"{where}: filled names no column of a ledger: {shown(key)}{nearest(str(key), FIELDS)}"
        for key in table.get("filled", ())
        if key not in FIELDS
    ]
    denominator = table.get("denominator")
    if denominator is not None and not isinstance(denominator, dict):
        said.append(f'{where}: denominator must be {{ types = ["…"] }}')
    elif denominator is not None:
        said += catalogue.check_keys(denominator, ("types", "subtypes"), where=f"{where} denominator")
        for key in ("types", "subtypes"):
            said += _list_faults(denominator, key, f"{where} denominator")
    return said or _unfit(table, where)


def _list_faults(table: Mapping[str, Any], key: str, where: str) -> list[str]:
    value = table.get(key, [])
    right = isinstance(value, list) and all(isinstance(word, str) and word.strip() for word in value)
    return [] if right else [f'{where}: {key} must be a list of texts, as in {key} = ["…"]']


def _unfit(table: Mapping[str, Any], where: str) -> list[str]:
    """List what does not fit together, where each value for itself is right."""
    kind, unit = table["kind"], table.get("unit", "count")
    quantity = table.get("quantity", "area" if kind == "overlay" else "records")
    said = [
        f"{where}: {key} has a meaning only with kind = {' or '.join(kinds)}"
        for key, kinds in _OF_KIND.items()
        if key in table and kind not in kinds
    ]
    share = kind == "ratio" or bool(table.get("of"))
    if share and unit != "1":
        said.append(f'{where}: a share has unit = "1"')
    elif kind == "exists" and unit != "boolean":
        said.append(f'{where}: kind = exists has unit = "boolean"')
    elif kind == "overlay" and quantity != "area":
        said.append(f'{where}: kind = overlay measures areas; remove quantity, or write quantity = "area"')
    elif not share and kind != "exists" and quantity in _MEASURED and factor_between(_MEASURED[quantity], unit) is None:
        said.append(f"{where}: {quantity} is not measured in {unit}")
    elif not share and kind not in ("exists", "overlay") and quantity == "records" and unit != "count":
        said.append(f'{where}: records are counted in unit = "count"; for another unit write quantity = "quantity", "length" or "area"')
    if table.get("or_whole") and not table.get("within"):
        said.append(f"{where}: or_whole has a meaning only with within")
    return said
