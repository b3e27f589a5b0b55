"""Footways and cycle tracks along streets: told by the tags of the street, side by side, or by a path drawn beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from spatial import catalogue, overlay
from spatial.city import City
from spatial.network.passage import text
from spatial.overlay import Floats, Geometries, Ints
from spatial.roads import road_model

Bools = npt.NDArray[np.bool_]

SAMPLE_M = 20.0
TWIN_M = 60.0
LEFT, RIGHT = 0, 1
NOT_SAID, NONE, HERE, APART, LANE = -1, 0, 1, 2, 3
"""What tags say of a side: nothing, none, a footway or track, one that is drawn as a path of its own, a lane that is only painted."""

_SIDEWALK = {"yes": HERE, "no": NONE, "none": NONE, "separate": APART}
_CYCLEWAY = {
    "track": HERE, "opposite_track": HERE, "lane": LANE, "opposite_lane": LANE, "separate": APART, "sidepath": APART, "no": NONE, "none": NONE,
    "shared_lane": NONE, "share_busway": NONE, "shared": NONE, "opposite": NONE, "opposite_share_busway": NONE,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sides:
    """Places along streets, each with its two sides.

    Attributes
    ----------
    run
        Run of the road model that each place lies on, shape (p,).
    metres
        Length of the carriageway that each place stands for, shape (p,).
    points
        Two points a place, 0.2 m to each side of the line, shape (2 p,), so that a street on a common edge counts half in each area.
    needed
        Which sides should have a footway, shape (p, 2): of one of several carriageways only the outer.
    said
        ``walk`` and ``cycle`` → what the tags say of each side, shape (p, 2).
    drawn
        ``walk`` and ``cycle`` → whether a path runs beside, shape (p, 2).
    """

    run: Ints
    metres: Floats
    points: Geometries
    needed: Bools
    said: dict[str, Ints]
    drawn: dict[str, Bools]

    def there(self, mode: str) -> Bools:
        """Which sides have a footway or a separated track, shape (p, 2)."""
        return np.asarray(self.drawn[mode] | np.isin(self.said[mode], (HERE, APART)), dtype=bool)

    def unknown(self, mode: str) -> Bools:
        """Of which sides nothing is known, shape (p, 2)."""
        return np.asarray((self.said[mode] == NOT_SAID) & ~self.drawn[mode], dtype=bool)

    def on_the_line(self, mode: str) -> Bools:
        """Which sides have one that is drawn with the street and not as a path of its own, painted cycle lanes too, shape (p, 2)."""
        return np.asarray(np.isin(self.said[mode], (HERE, LANE)) & ~self.drawn[mode], dtype=bool)


def sides_of(city: City, paths: dict[str, Bools]) -> Sides:
    """Look at both sides of main roads, and of every street whose tags speak of a footway or a cycle track.

    Parameters
    ----------
    city
        With ``roads``.
    paths
        ``walk`` and ``cycle`` → which roads are paths of their own, by road.
    """
    model, roads = road_model(city), city.frame("roads")
    tags = {"walk": sidewalk_tags(roads), "cycle": cycleway_tags(roads)}
    spoken = np.any([np.isin(said, (HERE, LANE)).any(axis=1) for said in tags.values()], axis=0)
    main = np.isin(model.road_class, catalogue.reference("slow_traffic")["main_roads"])
    run = np.flatnonzero(model.open & (main | spoken[model.road]) & ~(paths["walk"] | paths["cycle"])[model.road])
    place, at, metres = _places(model.lines[run], SAMPLE_M)
    here, course = _courses(model.lines[run], place, at)
    mine = run[place]
    aside = 2 * overlay.EDGE_M * np.column_stack([-course[:, 1], course[:, 0]])
    points = np.atleast_1d(shapely.points(np.concatenate([here + aside, here - aside])))
    drawn = {mode: _beside(here, course, model.lines[chosen[model.road]]) for mode, chosen in paths.items()}
    return Sides(
        mine, metres, points, _outer(here, course, model.road[mine], model.paired[mine]), {mode: said[model.road[mine]] for mode, said in tags.items()},
        drawn,
    )  # fmt: skip


def sidewalk_tags(roads: gpd.GeoDataFrame) -> Ints:
    """Read what ``sidewalk`` and its sides say, shape (n, 2): left, right as the line runs; ``yes`` tells of one side only."""
    either = text(roads, "sidewalk")
    whole = np.full((len(roads), 2), NOT_SAID)
    for word, sides in {
        "both": (HERE, HERE), "left": (HERE, NONE), "right": (NONE, HERE), "yes": (NOT_SAID, HERE), "no": (NONE, NONE), "none": (NONE, NONE),
        "separate": (APART, APART),
    }.items():  # fmt: skip
        whole[(either == word).to_numpy()] = sides
    return _by_side(roads, "sidewalk", _SIDEWALK, whole)


def cycleway_tags(roads: gpd.GeoDataFrame) -> Ints:
    """Read what ``cycleway`` and its sides say, shape (n, 2); of a one-way street it speaks of the side of its traffic alone."""
    said = _words(text(roads, "cycleway"), _CYCLEWAY)
    whole = np.column_stack([said, said])
    lone = text(roads, "oneway").isin(("yes", "true", "1", "-1")).to_numpy() & np.isin(said, (HERE, LANE))
    whole[lone, LEFT] = NONE
    whole[(text(roads, "bicycle") == "use_sidepath").to_numpy() & (said == NOT_SAID)] = APART
    return _by_side(roads, "cycleway", _CYCLEWAY, whole)


def _by_side(roads: gpd.GeoDataFrame, tag: str, words: dict[str, int], whole: Ints) -> Ints:
    """Let what is said of one side win over what is said of both, and that over what is said of the street."""
    both = _words(text(roads, f"{tag}_both"), words)
    sides = np.column_stack([_words(text(roads, f"{tag}_{side}"), words) for side in ("left", "right")])
    return np.where(sides != NOT_SAID, sides, np.where((both != NOT_SAID)[:, None], both[:, None], whole)).astype(np.int64)


def _words(tag: Any, words: dict[str, int]) -> Ints:
    return np.asarray(tag.map(words).fillna(NOT_SAID).to_numpy(dtype=float), dtype=np.int64)


def _places(lines: Geometries, spacing_m: float) -> tuple[Ints, Floats, Floats]:
    """Places in the middle of equal stretches of each line: the line, the distance from its start and the length of the stretch."""
    length = shapely.length(lines)
    count = np.maximum(1, np.ceil(length / spacing_m).astype(int))
    line = np.repeat(np.arange(len(lines)), count)
    step = (length / count)[line] if len(lines) else np.empty(0)
    nth = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    return line, (nth + 0.5) * step, step


def _courses(lines: Geometries, line: Ints, at: Floats) -> tuple[Floats, Floats]:
    """Coordinates of places on lines, and the direction in which the line runs there."""
    if not len(line):
        return np.empty((0, 2)), np.empty((0, 2))
    here, back, ahead = (overlay.points_along(lines, line, at + shift) for shift in (0.0, -1.0, 1.0))
    course = ahead - back
    size = np.hypot(course[:, 0], course[:, 1])
    return here, course / np.where(size > 0, size, 1.0)[:, None]


def _beside(here: Floats, course: Floats, paths: Geometries) -> Bools:
    """Whether a parallel path runs on the left and on the right of each place."""
    rules = catalogue.reference("slow_traffic")["beside"]
    found = np.zeros((len(here), 2), bool)
    if not len(here) or not len(paths):
        return found
    there, along = _courses(paths, *_places(paths, SAMPLE_M / 2)[:2])
    near = cKDTree(here).sparse_distance_matrix(cKDTree(there), float(np.hypot(rules["reach_m"], SAMPLE_M / 2)), output_type="ndarray")
    place, path = near["i"], near["j"]
    gap = there[path] - here[place]
    forward = np.abs((gap * course[place]).sum(axis=1))
    leftward = course[place, 0] * gap[:, 1] - course[place, 1] * gap[:, 0]
    parallel = np.abs((course[place] * along[path]).sum(axis=1)) >= np.cos(np.radians(rules["degrees"]))
    good = parallel & (forward <= SAMPLE_M / 2) & (np.abs(leftward) <= rules["reach_m"])
    found[place[good & (leftward > 0)], LEFT] = True
    found[place[good & (leftward < 0)], RIGHT] = True
    return found


def _outer(here: Floats, course: Floats, road: Ints, paired: Bools) -> Bools:
    """Sides that should have a footway: both, or of one of several carriageways the one away from its nearest neighbour."""
    needed = np.ones((len(here), 2), bool)
    chosen = np.flatnonzero(paired)
    if len(chosen) < 2:
        return needed
    near = cKDTree(here[chosen]).query_pairs(TWIN_M, output_type="ndarray")
    pairs = chosen[np.concatenate([near, near[:, ::-1]])]
    a, b = pairs[road[pairs[:, 0]] != road[pairs[:, 1]]].T
    gap = here[b] - here[a]
    forward, leftward = (gap * course[a]).sum(axis=1), course[a, 0] * gap[:, 1] - course[a, 1] * gap[:, 0]
    apart = (np.abs(forward) <= SAMPLE_M) & (np.abs((course[a] * course[b]).sum(axis=1)) >= 0.9)
    a, leftward = a[apart], leftward[apart]
    order = np.lexsort((np.round(np.abs(leftward), 6), a))
    first = order[np.r_[True, np.diff(a[order]) != 0][: len(order)]]
    needed[a[first], np.where(leftward[first] > 0, LEFT, RIGHT)] = False
    return needed
