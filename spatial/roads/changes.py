"""Roads of two days against each other: what is new on the map, and what speaks for building or for mapping."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial import overlay
from spatial.city import City
from spatial.overlay import Floats, Geometries, Ints
from spatial.roads.change_evidence import BLANK_M, judged
from spatial.roads.classes import classify
from spatial.roads.model import HALO_M, RoadModel, road_model

# All to be confirmed by a planner of the place.
SAMPLE_M = 10.0
SAME_M = 15.0  # a line that lies nearer to one of the other day is that road, drawn again
DUAL_M = 40.0  # the same where one of them is a carriageway of several: they were one line in the middle of the street before
COURSE_DEGREES = 30.0  # a street that leaves another at a steeper angle is not drawn over it
PAST_END_M = 4.0  # a street that goes on where another ended is new from there on
LEAST_M = 30.0  # less that is new, with all that hangs together with it, is a bend drawn better
REACH_M = BLANK_M + HALO_M

BRANCH = ("tertiary", "unclassified", "residential")
_UNDER_WAY = ("construction", "proposed", "planned")
_WAYS = (
    "track",
    "pedestrian",
    "busway",
    "rest_area",
    "services",
)  # no class counts them, and yet a road that lies there is none that was built

NEW = ("built", "mapped", "unknown")
KINDS = (*NEW, "retagged", "redrawn", "kept", "left", "gone")

Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class RoadChanges:
    """Stretches of the roads that count for length, by what became of them.

    Attributes
    ----------
    lines
        LineStrings, shape (n,), metres; of the later day, or of the earlier one where ``kind`` is ``left`` or ``gone``.
    known
        Whether the other day has a way of this id.
    identity, name
        Of the way, on the day of the line.
    road_class
        Class of the line; ``was`` its class on the other day, where it was there: a key of ``data/road_classes.toml`` or a value of ``highway``.
    weights
        Factor of length: each road once.
    kind
        ``built``, ``mapped``, ``unknown``: not there before, and probably built, probably mapped late, or neither can be told; ``retagged``: there,
        as a road of another class; ``redrawn``: there, as another way; ``kept``; and of the earlier day ``left``: there still, and of another class; ``gone``: not there. So all of today is
        new, retagged, redrawn or kept; all of the earlier day is kept, redrawn, left or gone.
    evidence
        Of what is new: ``construction`` (it was under construction or planned), ``opened`` (its date of opening lies since), ``older`` (that date
        lies before), ``houses`` (buildings stand along it that the map had before), ``blank`` (no way at all was mapped near).
    """

    lines: Geometries
    known: Bools
    identity: Words
    name: Words
    road_class: Words
    was: Words
    weights: Floats
    kind: Words
    evidence: Words

    @property
    def length_m(self) -> Floats:
        """Length of every stretch, each road once."""
        return np.asarray(shapely.length(self.lines) * self.weights, dtype=np.float64)

    def of(self, classes: tuple[str, ...]) -> RoadChanges:
        """Return what concerns some classes taken as one: a change among them is none, and what comes from another class is ``retagged``."""
        kind, chosen = self.judged(classes)
        return RoadChanges(**{key: getattr(self, key)[chosen] for key in _FIELDS} | {"kind": kind})

    def judged(self, classes: tuple[str, ...]) -> tuple[Words, Ints]:
        """Return the kind of each stretch that concerns some classes taken as one, and which stretch it is."""
        mine, among = np.isin(self.road_class, classes), np.isin(self.was, classes)
        kind = np.where((self.kind == "retagged") & among, np.where(self.known, "kept", "redrawn"), self.kind).astype(object)
        chosen = np.flatnonzero(mine & ~((kind == "left") & among))
        return kind[chosen], chosen


_FIELDS = ("lines", "known", "identity", "name", "road_class", "was", "weights", "kind", "evidence")


def before(city: City) -> City:
    """Return the city with the roads of the earlier day in place of today's."""

    def build() -> City:
        earlier = replace(city.layer("roads_before"), spec=city.layer("roads").spec)
        return replace(city, layers=MappingProxyType({**city.layers, "roads": earlier}), _memory={})

    return city.memo("roads before", build)


def road_changes(city: City) -> RoadChanges:
    """Hold the roads of a city against those of an earlier day, once a city.

    Parameters
    ----------
    city
        With ``roads`` and ``roads_before``; metres.

    Returns
    -------
    RoadChanges
        Every stretch of every class that counts for length, and of the earlier day what is gone.

    Raises
    ------
    LayerError
        One of the two was not supplied.

    References
    ----------
    Every road is walked in steps of 10 m; a step is an old road where a line of the other day runs the same way within 15 m (40 m between a line and
    the carriageways that it became). So a way that was split, joined, moved a little or given another id is no new road, and a new street that
    leaves an old one is new from its first metre. Of what may lie there, the same way goes first, then one of the same class, then of another, and a neighbour that is
    still there as itself is nobody's past. The timestamps and versions of the ways are not asked: they tell when somebody drew, which is what
    must be told apart from building.
    """
    return city.memo("road changes", lambda: _changes(city))


def _changes(city: City) -> RoadChanges:
    now, then = Day(city), Day(before(city))
    found = _held(now, then)
    kind = np.where(found.was == "", "new", np.where(found.was == found.road_class, "kept", "retagged")).astype(object)
    known = pd.Series(found.identity).isin(then.frame["id"]).to_numpy()
    kind[(kind == "kept") & ~known] = "redrawn"
    under_way = np.isin(found.was, _UNDER_WAY)
    kind[under_way] = "new"
    kind = _without_bends(found, kind)
    kind, evidence = judged(city, now, then, found, kind, under_way)
    again = _held(then, now)
    lost = again.take(np.flatnonzero(again.was != again.road_class))
    fate = np.where((lost.was == "") | np.isin(lost.was, _UNDER_WAY), "gone", "left").astype(object)
    still = pd.Series(lost.identity).isin(now.frame["id"]).to_numpy()
    nothing = np.full(len(fate), "", dtype=object)
    parts = [
        RoadChanges(found.lines, known, found.identity, found.name, found.road_class, found.was, found.weights, kind, evidence),
        RoadChanges(lost.lines, still, lost.identity, lost.name, lost.road_class, lost.was, lost.weights, fate, nothing),
    ]
    return RoadChanges(**{key: np.concatenate([getattr(part, key) for part in parts]) for key in _FIELDS})


class Day:
    """The roads of one day: what counts, and all that a line of the other day may be."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.model: RoadModel = road_model(city)
        self.frame: gpd.GeoDataFrame = city.frame("roads")
        self.counted = np.flatnonzero(self.model.classes("length"))

    def candidates(self) -> tuple[Geometries, Words, Bools, Words]:
        """Lines, what each is, whether it is one of several carriageways, and the id of its way."""
        model, highway = self.model, self.frame["highway"].fillna("").to_numpy(dtype=object)
        identity = self.frame["id"].to_numpy(dtype=object)
        others = np.flatnonzero(np.isin(highway, (*_UNDER_WAY, *_WAYS)) & (classify(self.frame) == ""))
        shapes = np.asarray(self.frame.geometry.to_numpy(), dtype=object)[others]
        lines, index = shapely.get_parts(shapes, return_index=True)
        roads = np.flatnonzero(model.road_class != "")
        return (
            np.concatenate([model.lines[roads], lines]),
            np.concatenate([model.road_class[roads], highway[others][index]]).astype(object),
            np.concatenate([model.paired[roads], np.zeros(len(lines), bool)]),
            np.concatenate([identity[model.road[roads]], identity[others][index]]).astype(object),
        )


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of the counted roads of one day along which the other day has one and the same."""

    lines: Geometries
    identity: Words
    name: Words
    road_class: Words
    was: Words
    weights: Floats
    road: Ints

    def take(self, chosen: Ints) -> Stretches:
        """Return some of them."""
        return Stretches(**{key: getattr(self, key)[chosen] for key in self.__dataclass_fields__})


def _held(day: Day, other: Day) -> Stretches:
    """Cut the counted roads of one day where that which lies there on the other day changes."""
    model, runs = day.model, day.counted
    lines = model.lines[runs]
    length = shapely.length(lines)
    count = np.maximum(1, np.ceil(length / SAMPLE_M).astype(int))
    way = np.repeat(np.arange(len(runs)), count)
    step = (length / count)[way]
    nth = np.arange(len(way)) - np.repeat(np.cumsum(count) - count, count)
    own = day.frame["id"].to_numpy(dtype=object)[model.road[runs]][way]
    was = _other_day(lines, way, (nth + 0.5) * step, model.road_class[runs][way], model.paired[runs][way], own, day, other)
    begins = np.r_[True, (np.diff(way) != 0) | (was[1:] != was[:-1])] if len(way) else np.empty(0, bool)
    first = np.flatnonzero(begins)
    last = np.r_[first[1:], len(way)] - 1 if len(first) else first
    cut = lines[way[first]]
    for i in np.flatnonzero((nth[first] > 0) | (nth[last] < count[way[first]] - 1)):
        cut[i] = _between(cut[i], float(nth[first[i]] * step[first[i]]), float((nth[last[i]] + 1) * step[last[i]]))
    road = model.road[runs[way[first]]]
    return Stretches(
        cut,
        day.frame["id"].to_numpy(dtype=object)[road],
        day.frame["name"].fillna("").to_numpy(dtype=object)[road],
        model.road_class[runs[way[first]]],
        was[first],
        model.weights[runs[way[first]]],
        road,
    )


def _between(line: Any, start: float, end: float) -> Any:
    from shapely.ops import substring

    return substring(line, start, end)


def _other_day(lines: Geometries, way: Ints, at: Floats, kind: Words, dual: Bools, own: Words, day: Day, other: Day) -> Words:
    """Return what runs where a road's steps lie on the other day: its class, a value of ``highway`` that no class counts, or nothing."""
    was = np.full(len(way), "", dtype=object)
    there, what, twin, identity = other.candidates()
    if not len(way) or not len(there):
        return was
    here = overlay.points_along(lines, way, at)
    course = _unit(overlay.points_along(lines, way, at + 1.0) - overlay.points_along(lines, way, at - 1.0))
    sides, owner = overlay.segments(there)
    sides_course = _unit(sides[:, 1] - sides[:, 0])
    step, side, away = _near(here, dual, sides, twin[owner])
    along = np.abs(np.einsum("ij,ij->i", course[step], sides_course[side])) >= np.cos(np.radians(COURSE_DEGREES))
    along &= ~_beyond(here[step], sides, owner, side, sides_course)
    step, side, away = step[along], side[along], away[along]
    line = owner[side]
    classes, code = np.unique(np.concatenate([kind, what]).astype(str), return_inverse=True)
    mine, theirs = code[: len(kind)], code[len(kind) :]
    _, number = np.unique(np.concatenate([own, identity]).astype(str), return_inverse=True)
    own_number, number = number[: len(own)], number[len(own) :]
    same, itself = theirs[line] == mine[step], number[line] == own_number[step]
    # A neighbour of another class that is still there as itself is nobody's past.
    settled = _still_there(sides, sides_course, what[owner], day)
    free = same | itself | ~settled[side]
    step, line, away, same, itself = step[free], line[free], away[free], same[free], itself[free]
    branch, under_way = np.isin(classes, BRANCH), np.isin(classes, _UNDER_WAY)
    rank = np.select([itself, same, branch[theirs[line]] & branch[mine[step]], ~under_way[theirs[line]]], [0, 1, 2, 3], default=4)
    # Of two that lie alike the one of the lower id, in whatever order they are read.
    order = np.lexsort((number[line], away, rank, step))
    chosen, where = np.unique(step[order], return_index=True)
    was[chosen] = what[line[order][where]]
    # A way that kept its id and was drawn better is the same road somewhat farther too.
    lost = pd.DataFrame({"own": own, "step": np.arange(len(way))})[was == ""]
    pairs = lost.merge(pd.DataFrame({"own": identity, "line": np.arange(len(there))}), on="own")
    away = shapely.distance(shapely.points(here[pairs["step"]]), there[pairs["line"]])
    near = away <= DUAL_M
    near[near] = ~_past(here[pairs["step"][near]], there[pairs["line"][near]])
    pairs = pairs.assign(away=away)[near].sort_values(["step", "away", "line"], kind="stable").drop_duplicates("step")
    was[pairs["step"].to_numpy()] = what[pairs["line"].to_numpy()]
    return was


def _near(here: Floats, dual: Bools, sides: Floats, twin: Bools) -> tuple[Ints, Ints, Floats]:
    """Pairs of a place and a side near it, and how far they lie apart; farther ones only where one of the two is of several carriageways.

    Each side asks for the places around it: there are ten times as many places as sides, and boxes are cheaper than distances.
    """
    low, high = sides.min(axis=1), sides.max(axis=1)

    def around(chosen: Ints, places: Ints, reach: Floats) -> tuple[Ints, Ints]:
        boxes = shapely.box(*(low[chosen] - reach[:, None]).T, *(high[chosen] + reach[:, None]).T)
        side, place = shapely.STRtree(shapely.points(here[places])).query(boxes)
        return places[place], chosen[side]

    every = np.arange(len(sides))
    found = [
        around(every, np.arange(len(here)), np.where(twin, DUAL_M, SAME_M)),
        around(every[~twin], np.flatnonzero(dual), np.full((~twin).sum(), DUAL_M)),
    ]
    step, side = np.concatenate(found, axis=1)
    start, course = sides[side, 0], sides[side, 1] - sides[side, 0]
    square = np.einsum("ij,ij->i", course, course)
    share = np.clip(np.einsum("ij,ij->i", here[step] - start, course) / np.where(square > 0, square, 1.0), 0.0, 1.0)
    away = np.hypot(*(start + share[:, None] * course - here[step]).T)
    near = away <= np.where(dual[step] | twin[side], DUAL_M, SAME_M)
    return step[near], side[near], away[near]


def _beyond(here: Floats, sides: Floats, owner: Ints, side: Ints, course: Floats) -> Bools:
    """Whether each place lies past the end of the line that it is near."""
    first = np.r_[True, owner[1:] != owner[:-1]]
    last = np.r_[owner[1:] != owner[:-1], True]
    along = np.einsum("ij,ij->i", here - sides[side, 0], course[side])
    length = np.hypot(*(sides[:, 1] - sides[:, 0]).T)[side]
    return np.asarray((first[side] & (along < -PAST_END_M)) | (last[side] & (along > length + PAST_END_M)))


def _past(places: Floats, lines: Geometries) -> Bools:
    """Whether each place lies ahead of an end of its line: there a way that kept its id was built on, not drawn better."""
    at, length = shapely.line_locate_point(lines, shapely.points(places)), shapely.length(lines)
    step = np.minimum(1.0, length / 2)
    past = np.zeros(len(places), bool)
    for tip, inner, ends in ((0.0 * length, step, at <= 0), (length, length - step, at >= length)):
        end, before = (shapely.get_coordinates(shapely.line_interpolate_point(lines, where)) for where in (tip, inner))
        past |= ends & (np.einsum("ij,ij->i", places - end, _unit(end - before)) > PAST_END_M)
    return past


def _still_there(sides: Floats, course: Floats, what: Words, day: Day) -> Bools:
    """Whether each segment of the other day has, on this day, a line of the same kind upon it that runs the same way."""
    lines, kind, _, _ = day.candidates()
    found = np.zeros(len(sides), bool)
    if not len(sides) or not len(lines):
        return found
    own, owner = overlay.segments(lines)
    segment, side = shapely.STRtree(shapely.linestrings(own)).query(
        shapely.points(sides.mean(axis=1)), predicate="dwithin", distance=SAME_M / 2
    )
    along = np.abs(np.einsum("ij,ij->i", course[segment], _unit(own[:, 1] - own[:, 0])[side])) >= np.cos(np.radians(COURSE_DEGREES))
    segment, side = segment[along], side[along]
    found[segment[what[segment] == kind[owner[side]]]] = True
    return found


def _unit(vectors: Floats) -> Floats:
    norm = np.hypot(vectors[:, 0], vectors[:, 1])[:, None]
    return np.asarray(vectors / np.where(norm > 0, norm, 1.0), dtype=np.float64)


def _without_bends(found: Stretches, kind: Words) -> Words:
    """Take what is new for less than 30 m, with all new that it touches, as drawn again."""
    new = np.flatnonzero(kind == "new")
    if not len(new):
        return kind
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(found.lines[new], at)) for at in (0, -1)])
    _, place = np.unique(np.round(ends, 2), axis=0, return_inverse=True)
    count = len(new)
    places = place.reshape(2, count)
    links = coo_array((np.ones(2 * count), (np.tile(np.arange(count), 2), count + places.ravel())), shape=(count + place.max() + 1,) * 2)
    _, label = connected_components(links, directed=False)
    length = np.bincount(label[:count], weights=shapely.length(found.lines[new]), minlength=label.max() + 1)
    kind = kind.copy()
    kind[new[length[label[:count]] < LEAST_M]] = "redrawn"
    return kind
