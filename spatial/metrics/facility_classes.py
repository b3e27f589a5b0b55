"""What counts as which kind of facility, and how far it may be: the declarations of ``facilities.toml``, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from spatial.catalogue import check_keys, own_reference
from spatial.errors import Faults, ProjectError, shown
from spatial.text import Text

TABLES = ("communities", "classes", "sets", "metrics")
CLASS_KEYS = (
    "title",
    "from",
    "without",
    "part_of",
    "thin_per_10000",
    "entrances",
    "entrances_within_m",
    "same_within_m",
    "least_m2",
    "open_only",
    "open_ground",
)
SET_KEYS = ("title", "standard", "classes")
GROUP_KEYS = (*SET_KEYS, "official", "layer")
COMMUNITY_KEYS = ("covered_from", "status")
LIMIT_KEYS = ("distance_m", "status", "source", "alone")
STATUSES = ("verified", "to be confirmed")
REACHES = ("network", "straight_line")
MIN_DISTANCE_M, MAX_DISTANCE_M = 50.0, 5000.0
SAME_WITHIN_M = 50.0

# A rule: the layer, and by field the accepted values (whole) or pieces of text (contained).
Rule = tuple[str, Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class FacilityClass:
    """One kind of facility.

    Attributes
    ----------
    rules
        Alternatives: layer, accepted values by field, contained texts by field.
    without
        Rules of what does not belong to it all the same.
    part_of
        The class that this one is a level of; empty for none.
    entrances
        Rules of the points that are the way in, within ``entrances_within_m``.
    thin_per_10000
        Fewer by 10,000 residents: not mapped.
    same_within_m
        Features of one name within this are one facility, metres.
    least_m2
        Polygons below are left out.
    open_only
        Private ones are left out.
    open_ground
        Entered wherever a walkable way runs along the edge.
    """

    name: str
    title: Text
    rules: tuple[Rule, ...]
    thin_per_10000: float = 0.0
    without: tuple[Rule, ...] = ()
    part_of: str = ""
    entrances: tuple[Rule, ...] = ()
    entrances_within_m: float = 0.0
    same_within_m: float = SAME_WITHIN_M
    least_m2: float = 0.0
    open_only: bool = False
    open_ground: bool = False

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers that it is looked for in."""
        return tuple(dict.fromkeys(layer for layer, _, _ in self.rules))


@dataclass(frozen=True)
class Limit:
    """How far a class may be, metres; ``alone`` keeps it out of what must be reached together."""

    distance_m: float
    status: str
    source: str
    alone: bool = False


@dataclass(frozen=True)
class Group:
    """Classes that are judged together: a set of the 15-minute circle, or a coverage metric of its own.

    Attributes
    ----------
    limits
        By class.
    official
        The reach that an official value has: ``network`` or ``straight_line``.
    layer
        The layer without which there is no data.
    """

    name: str
    title: Text
    standard: Text
    limits: Mapping[str, Limit]
    official: str = "network"
    layer: str = "facilities"

    @property
    def together(self) -> tuple[str, ...]:
        """Classes that must all be reached."""
        return tuple(name for name, limit in self.limits.items() if not limit.alone)


@dataclass(frozen=True)
class Declared:
    """Everything that ``facilities.toml`` says.

    Attributes
    ----------
    covered_from
        Share of its residents from which a community is covered.
    """

    classes: Mapping[str, FacilityClass]
    sets: Mapping[str, Group]
    metrics: Mapping[str, Group]
    covered_from: float

    def farthest_m(self, name: str) -> float:
        """Return the largest distance that any set or metric allows a class, metres; 1,000 where none does."""
        allowed = [group.limits[name].distance_m for group in (*self.sets.values(), *self.metrics.values()) if name in group.limits]
        return max(allowed, default=1000.0)


def declared_facilities(own: Path | None = None) -> Declared:
    """Read and check the facility classes, sets and coverage metrics.

    Parameters
    ----------
    own
        The project's folder, whose ``facilities.toml`` adds to the shipped one.

    Returns
    -------
    Declared
        In the order of the file.

    Raises
    ------
    ProjectError
        All faults of the declarations at once, each with its place.
    """
    table = own_reference("facilities", own)
    where = str(own / "facilities.toml") if own and (own / "facilities.toml").is_file() else "facilities.toml"
    faults = Faults(ProjectError)
    for message in check_keys(table, TABLES, where=where):
        faults.add(message)
    table = _limits_of_its_own(table)
    parts = {key: _tables(table.get(key, {}), f"{where}: {key}", faults) for key in ("classes", "sets", "metrics")}
    classes = {name: _class(name, raw, f"{where}: classes.{name}", faults) for name, raw in parts["classes"].items()}
    for name, kind in classes.items():
        if kind.part_of and kind.part_of not in classes:
            faults.add(f"{where}: classes.{name}: part_of names no class: {shown(kind.part_of)}; known: {', '.join(classes)}")
    groups = {
        kind: {name: _group(name, raw, classes, keys, f"{where}: {kind}.{name}", faults) for name, raw in parts[kind].items()}
        for kind, keys in (("sets", SET_KEYS), ("metrics", GROUP_KEYS))
    }
    communities = table.get("communities", {})
    for message in check_keys(communities, COMMUNITY_KEYS, where=f"{where}: communities") if isinstance(communities, dict) else ():
        faults.add(message)
    share = communities.get("covered_from", 0.9) if isinstance(communities, dict) else None
    if not _is_number(share) or not 0 < share <= 1:
        faults.add(f"{where}: communities.covered_from must be a share above 0 and up to 1, not {shown(share)}")
    faults.raise_if_any()
    return Declared(classes, groups["sets"], groups["metrics"], float(share) if _is_number(share) else 0.9)


def _limits_of_its_own(table: dict[str, Any]) -> dict[str, Any]:
    """Take the mark of a shipped limit away from one that a project has changed without saying where its own figure comes from."""
    shipped = own_reference("facilities", None)
    for kind in ("sets", "metrics"):
        for name, group in table.get(kind, {}).items() if isinstance(table.get(kind), dict) else ():
            known = shipped[kind].get(name, {}).get("classes", {})
            listed = group.get("classes") if isinstance(group, dict) else None
            for key, limit in listed.items() if isinstance(listed, dict) else ():
                before = known.get(key, {})
                same = isinstance(limit, dict) and all(limit.get(part) == before.get(part) for part in ("status", "source"))
                if before and same and limit.get("distance_m") != before["distance_m"]:
                    listed = {**(listed or {}), key: {**limit, "status": "to be confirmed", "source": "the project"}}
                    table = {**table, kind: {**table[kind], name: {**group, "classes": listed}}}
                    group = table[kind][name]
    return table


def _tables(raw: Any, where: str, faults: Faults) -> dict[str, dict[str, Any]]:
    if not isinstance(raw, dict):
        faults.add(f"{where} must be tables, not {shown(raw)}")
        return {}
    for name, value in raw.items():
        if not isinstance(value, dict):
            faults.add(f"{where}.{name} must be a table, not {shown(value)}")
        elif not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            faults.add(f"{where}.{name}: a name has small letters, digits and _ only")
    return {name: value for name, value in raw.items() if isinstance(value, dict)}


def _class(name: str, raw: Mapping[str, Any], where: str, faults: Faults) -> FacilityClass:
    for message in check_keys(raw, CLASS_KEYS, where=where):
        faults.add(message)
    rules = _rules(raw.get("from"), f"{where}.from", faults)
    if not rules:
        faults.add(f'{where}: from is missing: say what belongs to it, as in from = [{{ amenity = ["library"] }}]')
    if "entrances" in raw and "entrances_within_m" not in raw:
        faults.add(f"{where}: entrances need entrances_within_m, metres: how far from the facility they may lie")
    part_of = raw.get("part_of", "")
    if not isinstance(part_of, str):
        faults.add(f"{where}: part_of must be the name of a class, not {shown(part_of)}")
    numbers = {key: _number(raw, key, default, where, faults) for key, default in (
        ("thin_per_10000", 0.0), ("entrances_within_m", 0.0), ("same_within_m", SAME_WITHIN_M), ("least_m2", 0.0),
    )}  # fmt: skip
    for key in ("open_only", "open_ground"):
        if not isinstance(raw.get(key, False), bool):
            faults.add(f"{where}: {key} must be true or false, not {shown(raw[key])}")
    return FacilityClass(
        name,
        _text(raw, "title", where, faults),
        rules,
        without=_rules(raw["without"], f"{where}.without", faults) if "without" in raw else (),
        part_of=str(part_of),
        entrances=_rules(raw["entrances"], f"{where}.entrances", faults) if "entrances" in raw else (),
        open_only=raw.get("open_only") is True,
        open_ground=raw.get("open_ground") is True,
        **numbers,
    )


def _rules(raw: Any, where: str, faults: Faults) -> tuple[Rule, ...]:
    if not isinstance(raw, list) or not all(isinstance(rule, dict) for rule in raw):
        if raw is not None:
            faults.add(f'{where} must be a list of tables such as {{ amenity = ["library"] }}, not {shown(raw)}')
        return ()
    found = []
    for rule in raw:
        layer = rule.get("layer", "facilities")
        if not isinstance(layer, str):
            faults.add(f"{where}: layer must be the name of a layer, not {shown(layer)}")
            continue
        whole: dict[str, tuple[str, ...]] = {}
        contained: dict[str, tuple[str, ...]] = {}
        for key, values in rule.items():
            if key == "layer":
                continue
            if not isinstance(values, list) or not values or not all(isinstance(value, str) and value for value in values):
                faults.add(f'{where}: {key} must be a list of texts such as ["library"], not {shown(values)}')
            elif key.endswith("_has"):
                contained[key.removesuffix("_has")] = tuple(value.casefold() for value in values)
            else:
                whole[key] = tuple(values)
        if not whole and not contained and "layer" not in rule:
            faults.add(f'{where}: a rule without a field takes in every facility; say which, as in {{ amenity = ["library"] }}')
        found.append((layer, whole, contained))
    return tuple(found)


def _group(
    name: str, raw: Mapping[str, Any], classes: Mapping[str, FacilityClass], keys: tuple[str, ...], where: str, faults: Faults
) -> Group:
    for message in check_keys(raw, keys, where=where):
        faults.add(message)
    listed = raw.get("classes")
    if not isinstance(listed, dict) or not listed:
        faults.add(
            f'{where}: classes is missing: name at least one, as in classes.kindergarten = {{ distance_m = 300, status = "to be confirmed" }}'
        )
        listed = {}
    limits = {}
    for key, value in listed.items():
        here = f"{where}.classes.{key}"
        if key not in classes:
            faults.add(f"{here}: there is no class of this name; known: {', '.join(classes)}")
        if not isinstance(value, dict):
            faults.add(f'{here} must be a table such as {{ distance_m = 500, status = "to be confirmed" }}, not {shown(value)}')
            continue
        for message in check_keys(value, LIMIT_KEYS, where=here):
            faults.add(message)
        distance = value.get("distance_m")
        if not _is_number(distance) or not MIN_DISTANCE_M <= distance <= MAX_DISTANCE_M:
            faults.add(
                f"{here}: distance_m must be from {MIN_DISTANCE_M:g} to {MAX_DISTANCE_M:g} metres on foot (not minutes or km), not {shown(distance)}"
            )
            distance = 1.0
        if value.get("status") not in STATUSES:
            faults.add(f'{here}: status must be "verified" or "to be confirmed", not {shown(value.get("status"))}')
        if not isinstance(value.get("alone", False), bool):
            faults.add(f"{here}: alone must be true or false, not {shown(value['alone'])}")
        limits[key] = Limit(float(distance), str(value.get("status")), str(value.get("source", "")), value.get("alone") is True)
    if limits and all(limit.alone for limit in limits.values()):
        faults.add(f"{where}: every class is alone, so that nothing is left to be reached together")
    official = raw.get("official", "network")
    if official not in REACHES:
        faults.add(f"{where}: official must be one of {', '.join(REACHES)}, not {shown(official)}")
    layer = raw.get("layer", "facilities")
    if not isinstance(layer, str):
        faults.add(f"{where}: layer must be the name of a layer, not {shown(layer)}")
    return Group(name, _text(raw, "title", where, faults), _text(raw, "standard", where, faults), limits, str(official), str(layer))


def _text(raw: Mapping[str, Any], key: str, where: str, faults: Faults) -> Text:
    value = raw.get(key)
    if not isinstance(value, dict) or not all(isinstance(value.get(lang), str) and value[lang] for lang in ("zh", "en")):
        faults.add(f'{where}: {key} must be {{ zh = "…", en = "…" }}, not {shown(value)}')
        return Text("", "")
    return Text(value["zh"], value["en"])


def _number(raw: Mapping[str, Any], key: str, default: float, where: str, faults: Faults) -> float:
    value = raw.get(key, default)
    if not _is_number(value) or value < 0:
        faults.add(f"{where}: {key} must be a number from 0, not {shown(value)}")
        return default
    return float(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
