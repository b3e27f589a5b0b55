"""Changes of a city that nobody has built yet: what would be measured if they stood."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial.city import City, Layer
from spatial.crs import WGS84, parse_crs, reproject
from spatial.errors import LayerError, OptionError, nearest, shown
from spatial.metrics.completeness import thin_layers
from spatial.metrics.facilities import facility_classes, mapped, meets
from spatial.metrics.facility_classes import Declared, Rule

SITE = "what-if-"
PARK = "park"

# A hair more than asked for: rounding must not make a park of exactly 400 m² too small to serve.
_HAIR_M = 1e-6

# What a site cannot change, of what a city has derived already: by the first word of its key.
_KEPT = frozenset({
    "areas", "attached", "boundary", "bus_lanes", "built_up_scopes", "community_origins", "detours", "hamlet places", "hamlets reached", "homes within", "land_origins", "minutes by edge", "outline",
    "people by community", "people_origins", "residential_land", "residents", "length_classes", "road_model", "road_speeds", "roads_opened", "shares", "walk",
    "branch road changes", "newest way before", "road changes", "roads before",
    "built_up_area", "facility classes", "mapped", "people to judge by", "spread", "thin_layers", "unknown_ground",
    "centre", "greenway_rings", "greenway_served", "greenways", "ring_roads", "expressway_entries", "rail_lines",
    "candidate_links", "drive", "link_gains", "link_trips", "road_end_points", "road_ends", "streets for proof",
})  # fmt: skip
_KEPT_BY_CLASS = frozenset({"facilities", "field", "network_m", "sites reached", "sources", "straight_m", "walking_min"})
_KEPT_BUT_OF_PARKS = frozenset({
    "park_people", "park_service", "park_sources", "park_within", "parks reached", "service_parks", "street_blocks",
})  # fmt: skip


def with_site(city: City, kind: str, point: Sequence[float], *, area_m2: float | None = None, crs: Any = WGS84) -> City:
    """Put a facility or a park on a place where there is none.

    Parameters
    ----------
    city
        Stays as it is.
    kind
        A class of ``facilities.toml``; ``park`` for a park.
    point
        Longitude and latitude, or x and y in ``crs``: the place of a facility, the centre of a park.
    area_m2
        Of a park, above 0: a square whose sides run along the axes of the city's CRS, open to all and without a fee. Not for other classes, which
        are points.
    crs
        Of ``point``.

    Returns
    -------
    City
        The site is a feature of the layer that the first rule of its class names, with the first value that the rule accepts of each field.
        Measure it as any city: what a site cannot change (the walking network, the residents and their ways) is not computed again. Whether
        a class is mapped well enough to count stays as the data have it: a wish does not make them better.

    Raises
    ------
    OptionError
        An unknown class, an area that is missing, superfluous or not above 0, a point that is not two numbers or lies where the data say nothing.
    LayerError
        The layer of the class was not supplied.

    Examples
    --------
    >>> import spatial
    >>> city = spatial.open_city("city.toml")                                       # doctest: +SKIP
    >>> planned = spatial.with_site(city, "park", (126.63, 45.75), area_m2=2000)    # doctest: +SKIP
    >>> spatial.measure(planned, ["park_service_coverage"]).table                   # doctest: +SKIP
    """
    declared = facility_classes(city)
    if kind not in declared.classes:
        raise OptionError(
            f'there is no facility class "{shown(kind)}"{nearest(kind, declared.classes)}; known: {", ".join(declared.classes)}'
        )
    layer_name, fields = site_fields(declared, kind)
    layer = city.layer(layer_name)
    if layer.frame is None:
        raise LayerError(
            f"{layer_name} was not supplied, so that there is nothing to add a site of class {kind} to; give [layers.{layer_name}]"
        )
    place = _placed(city, layer, point, crs)
    shape = place if kind != PARK else square(place.x, place.y, _area(kind, area_m2))
    if kind != PARK and area_m2 is not None:
        raise OptionError(f"area_m2 is for parks; a site of class {kind} is a point")
    number = 1 + int(layer.frame["id"].astype(str).str.startswith(SITE).sum())
    name = " ".join(part for part in (fields.get("name", ""), f"{SITE}{number}") if part)
    row = gpd.GeoDataFrame({**fields, "id": [f"{SITE}{number}"], "name": [name]}, geometry=[shape], crs=city.crs)
    changed = classes_of(city, layer_name, row)
    if kind not in changed:
        raise OptionError(
            f"classes.{kind}: what meets its first rule is left out by its other rules; name another rule first in facilities.toml"
        )
    for each in changed:
        mapped(city, each)
    thin_layers(city)
    frame = pd.concat([layer.frame, row], ignore_index=True) if len(layer.frame) else row.reindex(columns=layer.frame.columns)
    grown = replace(layer, frame=gpd.GeoDataFrame(frame, geometry="geometry", crs=city.crs))
    memory = {key: value for key, value in city._memory.items() if _stays(key, changed, layer_name)}
    return replace(city, layers=MappingProxyType({**city.layers, layer_name: grown}), _memory=memory)


def site_fields(declared: Declared, kind: str) -> tuple[str, dict[str, str]]:
    """Return the layer and the fields of a feature that belongs to a class by the first of its rules."""
    layer, whole, contained = declared.classes[kind].rules[0]
    return layer, {**{field: values[0] for field, values in whole.items()}, **{field: texts[0] for field, texts in contained.items()}}


def classes_of(city: City, layer: str, row: gpd.GeoDataFrame) -> tuple[str, ...]:
    """Name the classes that a feature of a layer belongs to, whatever its size."""

    def one_of(rules: tuple[Rule, ...]) -> bool:
        return any(rule[0] == layer and bool(meets(row, rule)[0]) for rule in rules)

    return tuple(name for name, each in facility_classes(city).classes.items() if one_of(each.rules) and not one_of(each.without))


def square(x: float, y: float, area_m2: float) -> shapely.Polygon:
    """Draw the ground of a park around its centre, metres."""
    half = math.sqrt(area_m2) / 2 + _HAIR_M
    return shapely.box(x - half, y - half, x + half, y + half)


def _area(kind: str, area_m2: float | None) -> float:
    if area_m2 is None or not math.isfinite(area_m2) or area_m2 <= 0:
        raise OptionError(f"a site of class {kind} needs area_m2, square metres above 0, not {shown(area_m2)}")
    return float(area_m2)


def _placed(city: City, layer: Layer, point: Sequence[float], crs: Any) -> shapely.Point:
    """Return the place in the city's CRS; refuse one where the data say nothing."""
    if len(point) != 2 or not all(isinstance(each, int | float | np.number) and math.isfinite(each) for each in point):
        raise OptionError(f"point must be two numbers, longitude and latitude, not {shown(point)}")
    given = shapely.Point(float(point[0]), float(point[1]))
    place: shapely.Point = reproject(np.array([given], object), parse_crs(crs, where="with_site"), city.crs)[0]
    for each in (layer, city.layer("roads")):
        if each.extent is not None and not shapely.intersects(each.extent, place):
            raise OptionError(
                f"point {shown(tuple(point))}: layer {each.spec.name} says nothing of this place; choose one inside what the data cover"
            )
    return place


def _stays(key: Hashable, changed: tuple[str, ...], layer: str) -> bool:
    words = key if isinstance(key, tuple) else (key,)
    words = words[1:] if words[0] == "city-wide" else words
    if words[0] in _KEPT_BY_CLASS:
        return words[1] not in changed
    return words[0] in _KEPT or (words[0] in _KEPT_BUT_OF_PARKS and layer != "parks")
