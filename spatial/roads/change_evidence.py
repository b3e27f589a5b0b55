"""What speaks for a road that is new on the map having been built, and what for its having been mapped late."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.city import City
from spatial.overlay import Geometries, Ints

if TYPE_CHECKING:
    from spatial.roads.changes import Day, Stretches

# To be confirmed by a planner of the place.
BLANK_M = 250.0  # a place with no way at all within this distance had not been mapped
OLD_HOUSES_M, OLD_HOUSES_SHARE = 40.0, 0.5  # buildings that the map had before, along at least this share of a street
_EVERY_M = 20.0

Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.object_]


def judged(city: City, now: Day, then: Day, found: Stretches, kind: Words, under_way: Bools) -> tuple[Words, Words]:
    """Say of what is new whether it was probably built or probably mapped late, and what speaks for it."""
    evidence = np.full(len(kind), "", dtype=object)
    kind = kind.copy()
    new = np.flatnonzero(kind == "new")
    opened = now.frame["opened"].fillna("").astype(str).to_numpy(dtype=object)[found.road[new]]
    since = _since(opened, str(city.layer("roads_before").options.get("date", "")))
    blank = _blank(found.lines[new], then)
    houses = _old_houses(city, found.lines[new], then)
    speaks = np.select(
        [under_way[new], since > 0, since < 0, houses, blank], ["construction", "opened", "older", "houses", "blank"], default=""
    ).astype(object)
    evidence[new] = speaks
    kind[new] = np.select([np.isin(speaks, ("construction", "opened")), speaks != ""], ["built", "mapped"], default="unknown").astype(
        object
    )
    return kind, evidence


def _since(opened: Words, day: str) -> Ints:
    """Tell of dates of opening whether they lie after a day, +1, or before it, -1; 0 where that cannot be told."""
    out = np.zeros(len(opened), dtype=int)
    form = re.compile(r"\d{4}(-\d\d){0,2}")
    if not form.fullmatch(day):
        return out
    for i, text in enumerate(opened):
        if text and form.fullmatch(text):
            size = min(len(text), len(day))
            out[i] = (text[:size] > day[:size]) - (text[:size] < day[:size])
    return out


def _blank(lines: Geometries, then: Day) -> Bools:
    """Whether the map of the earlier day knew no way at all near each line, wherever it runs: what leaves a mapped road is no blank."""
    known = np.asarray(then.frame.geometry.to_numpy(), dtype=object)
    if not len(lines) or not len(known):
        return np.ones(len(lines), bool)
    tree = shapely.STRtree(known)
    near = np.zeros(len(lines), bool)
    near[tree.query(lines, predicate="dwithin", distance=BLANK_M)[0]] = True
    return ~near


def _old_houses(city: City, lines: Geometries, then: Day) -> Bools:
    """Whether buildings stand along each line that were on the map before: OpenStreetMap numbers its ways in the order in which they are drawn."""
    out = np.zeros(len(lines), bool)
    layer = city.layer("buildings")
    newest = newest_way(city)
    if not newest or layer.origin != "osm" or layer.frame is None or not len(lines):
        return out
    numbers = way_numbers(layer.frame["id"])
    old = np.asarray(layer.frame.geometry.to_numpy(), dtype=object)[(numbers > 0) & (numbers <= newest)]
    if not len(old):
        return out
    count = np.maximum(1, np.ceil(shapely.length(lines) / (_EVERY_M)).astype(int))
    way = np.repeat(np.arange(len(lines)), count)
    nth = np.arange(len(way)) - np.repeat(np.cumsum(count) - count, count)
    here = shapely.points(overlay.points_along(lines, way, (nth + 0.5) * (shapely.length(lines) / count)[way]))
    beside = np.zeros(len(way), bool)
    beside[shapely.STRtree(old).query(here, predicate="dwithin", distance=OLD_HOUSES_M)[0]] = True
    return np.bincount(way, weights=beside, minlength=len(lines)) >= OLD_HOUSES_SHARE * count


def newest_way(city: City) -> int:
    """Return the highest number of a way of the earlier day, of an OSM file; 0 where none is known. Kept for parts of the city."""
    return city.memo(("city-wide", "newest way before"), lambda: int(way_numbers(city.frame("roads_before")["id"]).max(initial=0)))


def way_numbers(ids: Any) -> Ints:
    """Return the numbers of OSM ways (``w123``); 0 of anything else."""
    return np.array([int(each[1:]) if re.fullmatch(r"w\d{1,15}", str(each)) else 0 for each in ids], dtype=np.int64)
