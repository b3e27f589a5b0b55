"""The registry: it drives the command line, the docs, the tests, the map and the report."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spatial.areas import Areas
from spatial.city import City
from spatial.errors import MetricError, OptionError, ProjectError, nearest
from spatial.result import Evidence, MetricInfo, MetricResult
from spatial.text import Text
from spatial.units import unit_of

MODULES = (
    "roads", "road_lengths", "bus_lanes", "rural_roads", "congestion", "rail", "hubs", "dual_fast", "green", "parks",
    "people", "land", "completeness", "services", "access", "utilities", "blocks", "slow_traffic", "ring_roads",
    "greenways", "ring_completeness", "road_changes", "dead_ends", "ledger", "statistics",
)  # fmt: skip
SOURCES = ("layers", "ledger", "statistics")
SCOPES = {
    "whole_area": Text("全域（各区整体）", "the whole of each area"),
    "built_up_area": Text("建成区", "the built-up area"),
}


@dataclass(frozen=True)
class Metric:
    """A declared metric.

    Attributes
    ----------
    name
        Noun, as in the table.
    function
        ``(city, areas, *, variant) -> MetricResult``; never changes its arguments.
    needs
        Layers without which there is no data.
    scope
        ``whole_area`` or ``built_up_area``: what ``areas`` is restricted to.
    variants
        Name → title; the first is the default.
    halo_m
        How far beyond an area features matter; ``None`` = city-wide.
    thin
        Needed layers whose thinness makes the value an estimate.
    bases
        Units of numerator and denominator by variant; empty texts where there is none.
    evidence
        What the frames of evidence are, by name.
    variant_needs
        Layers that a variant needs beside ``needs``.
    tables_only
        Whether it has so many variants that maps and GeoPackages leave it to the tables.
    source
        ``layers``, ``ledger`` or ``statistics``: what it is computed from. The extract says nothing of what records and yearbooks cover.
    increments
        Variants that tell what was added in the year of the data, not all that is there.
    """

    name: str
    function: Callable[..., MetricResult]
    title: Text
    definition: Text
    standard: Text
    unit: str
    needs: tuple[str, ...]
    scope: str
    variants: Mapping[str, Text]
    halo_m: float | None
    thin: tuple[str, ...] = ()
    bases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    variant_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tables_only: bool = False
    source: str = "layers"
    increments: tuple[str, ...] = ()

    def needs_of(self, variant: str) -> tuple[str, ...]:
        """Layers without which a variant has no data."""
        return (*self.needs, *self.variant_needs.get(variant, ()))

    def __call__(self, city: City, areas: Areas, *, variant: str) -> MetricResult:
        """Compute one variant."""
        return self.function(city, areas, variant=variant)

    def info(self) -> MetricInfo:
        """Return what the outputs need to know."""
        return MetricInfo(
            self.name,
            self.title,
            self.definition,
            self.unit,
            self.standard,
            self.variants,
            next(iter(self.variants)),
            self.bases,
            self.evidence,
            self.tables_only,
            self.source,
            {variant: self.needs_of(variant) + ((self.scope,) if self.scope == "built_up_area" else ()) for variant in self.variants},
        )


Family = Callable[[Path | None], Iterable[Metric]]
_METRICS: dict[str, Metric] = {}
_FAMILIES: dict[str, Family] = {}


def metric(name: str, **declaration: Any) -> Callable[[Callable[..., MetricResult]], Metric]:
    """Declare and register a metric; see ``declare`` for the arguments.

    Raises
    ------
    OptionError
        The unit or scope is unknown, or another function has the name.
    MetricError
        The name or the texts are not what they must be.
    """
    made = declare(name, MetricResult.without, **declaration)

    def register(function: Callable[..., MetricResult]) -> Metric:
        known = _METRICS.get(name)
        if known is not None and known.function.__module__ != function.__module__:
            raise OptionError(f'metric "{name}" is declared twice: {known.function.__module__} and {function.__module__}')
        _METRICS[name] = replace(made, function=function)
        return _METRICS[name]

    return register


def family(make: Family) -> Family:
    """Register a function that makes metrics from declarations; it is given the project's folder, or ``None`` for what is shipped."""
    _FAMILIES[f"{make.__module__}.{make.__qualname__}"] = make
    return make


def declare(
    name: str,
    function: Callable[..., MetricResult],
    *,
    title: Text,
    definition: Text,
    standard: Text,
    unit: str,
    needs: tuple[str, ...],
    scope: str = "whole_area",
    variants: Mapping[str, Text] | None = None,
    halo_m: float | None = 0.0,
    thin: tuple[str, ...] = (),
    bases: tuple[str, str] | Mapping[str, tuple[str, str]] = ("", ""),
    evidence: Mapping[str, Evidence] | None = None,
    variant_needs: Mapping[str, tuple[str, ...]] | None = None,
    tables_only: bool = False,
    source: str = "layers",
    increments: tuple[str, ...] = (),
) -> Metric:
    """Make a metric; see ``Metric`` for the arguments.

    Raises
    ------
    OptionError
        The unit or scope is unknown.
    MetricError
        The name or the texts are not what they must be.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in ("area_id", "name", "geometry", "note"):
        raise MetricError(f'metric "{name}": a name has small letters, digits and _ only, and is none of area_id, name, geometry, note')
    if isinstance(needs, str) or not all(isinstance(text, Text) for text in (title, definition, standard, *(variants or {}).values())):
        raise MetricError(
            f"metric {name}: needs is a tuple of layer names; title, definition, standard and the titles of variants are Text(zh, en)"
        )
    unit_of(unit)
    named = variants or {"": Text("", "")}
    by_variant = {key: bases if isinstance(bases, tuple) else bases[key] for key in named}
    for part in {part for pair in by_variant.values() for part in pair if part}:
        unit_of(part)
    if scope not in SCOPES:
        raise OptionError(f'metric {name}: scope "{scope}" is not known; known: {", ".join(SCOPES)}')
    if source not in SOURCES:
        raise OptionError(f'metric {name}: source "{source}" is not known; known: {", ".join(SOURCES)}')

    return Metric(
        name,
        function,
        title,
        definition,
        standard,
        unit,
        needs,
        scope,
        named,
        halo_m,
        thin,
        by_variant,
        evidence or {},
        variant_needs or {},
        tables_only,
        source,
        increments,
    )


@functools.cache
def _load() -> None:
    for module in MODULES:
        importlib.import_module(f"spatial.metrics.{module}")
    from importlib.metadata import entry_points

    for point in entry_points(group="spatial.metrics"):
        point.load()


def registered(own: Path | None = None) -> dict[str, Metric]:
    """Every metric by name, those of other packages (entry point ``spatial.metrics``) included.

    Parameters
    ----------
    own
        The project's folder, whose declarations add metrics and variants.

    Raises
    ------
    ProjectError
        A declaration of the project cannot be used, or takes the name of a metric that is there already.
    """
    _load()
    found = dict(_METRICS)
    for make in _FAMILIES.values():
        for made in make(own):
            if made.name in found:
                raise ProjectError(
                    f'metric "{made.name}" is declared in {own or "a declaration"} and is there already; choose another name'
                )
            found[made.name] = made
    return dict(sorted(found.items()))


def find(names: Iterable[str], own: Path | None = None) -> list[Metric]:
    """Return the metrics of these names, each once, in the order given.

    Raises
    ------
    OptionError
        A name is unknown; the nearest known one is suggested.
    """
    known = registered(own)
    chosen = list(dict.fromkeys(names))
    if unknown := [name for name in chosen if name not in known]:
        raise OptionError(f'metric "{unknown[0]}" is not known{nearest(unknown[0], known) or ";"} "spatial list" shows all')
    return [known[name] for name in chosen]
