"""By which rules a public edition is made, which layers of a city it rests on, and when there can be none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import shapely

from spatial.base_map import is_in_own_network, is_openstreetmap
from spatial.catalogue import check_keys, own_reference
from spatial.city import City, Layer
from spatial.crs import extent_in_china
from spatial.errors import Faults, OptionError, ProjectError, nearest, shown
from spatial.layers import SENSITIVITIES
from spatial.text import Text

PUBLIC = "public"
EDITIONS = (PUBLIC,)
_OUTLINES = ("districts", "boundary")
_TABLES = ("ledger", "statistics")  # what a city has beside its layers, and states a sensitivity for


@dataclass(frozen=True)
class Rules:
    """``[public]`` of ``data/editions.toml``, joined with a project's own.

    Attributes
    ----------
    grid_m
        To what geometry is generalised.
    smallest_area_m
        Edge of the smallest cell and of the square that an area must reach.
    max_zoom
        Of the page.
    layers, fields
        Layers whose features may be drawn, and their columns.
    roads
        Classes of roads that may be drawn, by their tag.
    evidence, evidence_fields
        Patterns of evidence that may be shown, and its columns.
    withheld_of_tasks
        Columns of the ledger that stay out.
    at_least
        The lowest sensitivity of a layer, whatever is said of it.
    """

    grid_m: float
    smallest_area_m: float
    max_zoom: int
    layers: tuple[str, ...]
    fields: tuple[str, ...]
    roads: tuple[str, ...]
    evidence: tuple[str, ...]
    evidence_fields: tuple[str, ...]
    withheld_of_tasks: tuple[str, ...]
    at_least: Mapping[str, str] = field(default_factory=dict)


_LIMITS = {"grid_m": (1, 1_000), "smallest_area_m": (100, 1_000_000), "max_zoom": (5, 19)}


def rules_of(own: Path | None) -> Rules:
    """Read the rules of the public edition.

    Parameters
    ----------
    own
        The project's folder, whose ``editions.toml`` changes the shipped one key by key; ``None`` for what is shipped.

    Raises
    ------
    ProjectError
        A key is unknown or a value impossible; all faults at once.
    """
    where = f"{own / 'editions.toml' if own else 'editions.toml'} [{PUBLIC}]"
    table = own_reference("editions", own)
    known = [each.name for each in fields(Rules)]
    faults = Faults(ProjectError)
    said = table.get(PUBLIC)
    said = said if isinstance(said, dict) else {}
    for message in [*check_keys(table, EDITIONS, where=where), *check_keys(said, known, where=where)]:
        faults.add(message)
    for key in known:
        value = said.get(key)
        if key in _LIMITS:
            low, high = _LIMITS[key]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                faults.add(f"{where}: {key} must be a number from {low:,} to {high:,}, not {shown(value)}")
        elif key == "at_least":
            if not (isinstance(value, dict) and all(level in SENSITIVITIES for level in value.values())):
                faults.add(f'{where}: at_least names layers and their sensitivity, as in {{ sewers = "internal" }}, not {shown(value)}')
        elif not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            faults.add(f"{where}: {key} must be a list of names, not {shown(value)}")
    faults.raise_if_any()
    made: dict[str, Any] = {key: tuple(said[key]) if isinstance(said[key], list) else said[key] for key in known}
    return Rules(**{**made, "max_zoom": int(said["max_zoom"])})


def check_edition(name: str) -> str:
    """Return the name of an edition.

    Raises
    ------
    OptionError
        There is none of this name.
    """
    if name not in EDITIONS:
        raise OptionError(f'--edition "{shown(name)}" is not known{nearest(name, EDITIONS)}; known: {", ".join(EDITIONS)}')
    return name


def above(city: City, level: str) -> set[str]:
    """Name the layers, and ``ledger`` and ``statistics``, whose sensitivity is above a level."""
    least = rules_of(city.folder).at_least
    stated = {name: layer.sensitivity for name, layer in city.layers.items() if layer.origin != "absent"}
    stated |= {name: part.sensitivity for name in _TABLES if (part := getattr(city, name)) is not None}
    return {
        name
        for name, said in stated.items()
        if max(SENSITIVITIES.index(said), SENSITIVITIES.index(least.get(name, PUBLIC))) > SENSITIVITIES.index(level)
    }


def released(city: City, by: str, *, level: str = PUBLIC) -> City:
    """Return the city as if what is above a level had never been supplied; the same city where nothing is.

    Parameters
    ----------
    city
        With all layers.
    by
        The areas that will be reported by.
    level
        The highest sensitivity that stays.

    Returns
    -------
    City
        Without those layers, ledger and statistics, their files and every notice that may speak of them; nothing that was derived is kept.

    Raises
    ------
    OptionError
        There can be no public edition: the areas are not public or too small; the sensitivity of a local file of a real place is not stated; the
        base map lies in a network of one's own; or of a real place in China, the approval number is missing, or outlines or base map are
        OpenStreetMap's. All reasons at once.
    """
    _refuse(city, by)
    hidden = above(city, level)
    if not hidden:
        return city
    layers = {name: Layer(layer.spec) if name in hidden else layer for name, layer in city.layers.items()}
    return replace(
        city,
        layers=MappingProxyType(layers),
        data_extent=_extent(city, layers),
        scopes={name: layer for name, layer in city.scopes.items() if layer not in hidden},
        notices=_notices(city, layers, hidden),
        inputs=_inputs(city, hidden),
        ledger=None if "ledger" in hidden else city.ledger,
        statistics=None if "statistics" in hidden else city.statistics,
        _memory={},
    )


def _refuse(city: City, by: str) -> None:
    rules, faults = rules_of(city.folder), Faults(OptionError)
    hidden = above(city, PUBLIC)
    for name in dict.fromkeys((by, *_OUTLINES)):
        if name in hidden:
            level = max(city.layers[name].sensitivity, rules.at_least.get(name, PUBLIC), key=SENSITIVITIES.index)
            faults.add(
                f"--edition public: the layer {name}, whose outlines would be drawn, is {level};"
                " report by areas that are public (--by), or give public outlines"
            )
    if not any(name in hidden for name in (by, *_OUTLINES)):
        size_m2 = _typical_m2(city, by)
        if size_m2 < rules.smallest_area_m**2 * (1 - 1e-6):
            faults.add(
                f"--edition public: areas of {by} measure {size_m2 / 1e6:.2g} km² (half of them less), below the square of"
                f" {rules.smallest_area_m:,.0f} m that public figures need; use districts, or --by grid:{rules.smallest_area_m:g} or coarser"
            )
    if not city.synthetic and (unstated := [name for name in city.unstated if name not in hidden]):
        tables = ", ".join(f"[{name}]" if name in _TABLES else f"[layers.{name}]" for name in unstated)
        faults.add(
            f"--edition public: city.toml does not say who may see {tables}; write sensitivity = "
            '"public", "internal" or "secret" into each of these tables: only what is stated to be public is published'
        )
    if is_in_own_network(city.sheet):
        faults.add(
            "--edition public: base_map names a server of your own network, which the public does not reach and need not know;"
            ' choose "none" or a public service'
        )
    if not city.synthetic and extent_in_china(shapely.total_bounds(city.total().whole), city.crs):
        _refuse_in_china(city, by, faults)
    faults.raise_if_any()


def _typical_m2(city: City, by: str) -> float:
    """Return the size of a cell, or of the middle one of areas, of which a few may be small; endless where there are none."""
    areas = city.areas(by)
    if by.startswith("grid:"):  # whose cells are cut at the outline
        return float(by.removeprefix("grid:").removesuffix("m")) ** 2
    size = shapely.area(areas.whole[areas.is_area])
    return float(np.median(size)) if len(size) else np.inf


def _refuse_in_china(city: City, by: str, faults: Faults) -> None:
    if not city.sheet.approval_number.strip():
        faults.add(
            "--edition public: a public map of a place in China bears an approval number (审图号), and [map] in city.toml states none;"
            " have the map approved and state approval_number, or leave --edition out for an internal working map"
        )
    drawn = [name for name in dict.fromkeys((by, *_OUTLINES)) if name in city.layers and city.layers[name].origin != "absent"]
    if of_osm := [name for name in drawn if city.layers[name].origin.startswith("osm") or city.layers[name].options.get("openstreetmap")]:
        faults.add(
            f"--edition public: {', '.join(of_osm)}: outlines from OpenStreetMap may not stand on a public map of China;"
            " give official outlines (标准地图) as local layers"
        )
    if is_openstreetmap(city.sheet):
        faults.add(
            '--edition public: base_map shows OpenStreetMap, whose boundaries may not stand on a public map of China; choose "none" or "tianditu"'
        )


def _extent(city: City, layers: Mapping[str, Layer]) -> Any | None:
    """Return what the data cover; where no extract tells, only layers that stay may tell it."""
    if any(layer.origin.startswith("osm") for layer in layers.values()):
        return city.data_extent
    reaches = [layer.extent for layer in layers.values() if layer.extent is not None]
    return shapely.union_all(reaches) if reaches else None


def _notices(city: City, layers: Mapping[str, Layer], hidden: set[str]) -> tuple[Text, ...]:
    """Keep what is said of layers that stay: a notice that cannot be told to be of one may be of another."""
    ours = {repair.text() for layer in layers.values() for repair in layer.repairs}
    ours |= {text for name in _TABLES if name not in hidden and (part := getattr(city, name)) is not None for text in part.notices}
    staying = [name for name, layer in layers.items() if layer.origin != "absent"]
    words = [word for name in hidden for word in _words(city, name)]
    return tuple(
        notice
        for notice in city.notices
        if (notice in ours or any(notice.en.startswith(f"{name}: ") for name in staying))
        and not any(word in notice.zh or word in notice.en for word in words)
    )


def _words(city: City, name: str) -> list[str]:
    """List what tells a withheld layer: its name, file and source."""
    layer = city.layers.get(name)
    said = [name] if layer is None else [name, str(layer.options.get("file", "")), layer.source]
    return [word for word in said if word]


def _inputs(city: City, hidden: set[str]) -> tuple[Mapping[str, str], ...]:
    """Keep the files of what stays; the others leave a mark that tells equal inputs from others and nothing of what is in them."""
    gone = {*hidden, *(("previous ledger",) if "ledger" in hidden else ())}
    kept: list[Mapping[str, str]] = []
    left: list[Mapping[str, str]] = []
    for entry in city.inputs:
        own = entry["layer"] == "layers" and Path(entry["file"]).stem in gone
        (left if entry["layer"] in gone or own else kept).append(entry)
    if not left:
        return tuple(kept)
    mark = hashlib.sha256("".join(entry["sha256"] for entry in left).encode()).hexdigest()[:4]
    return (*kept, {"layer": "withheld", "file": "", "sha256": mark})
