"""Looking across a road: which carriageways of it lie beside one another at a place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from spatial.overlay import Floats, Ints

SAMPLE_M = 20.0
NEXT_M = 60.0  # from one carriageway to the next (A4)
CORRIDOR_M = 120.0  # from one to the farthest: main carriageways, green strips and side roads of the widest streets
UNNAMED_M = 40.0
TWIN_DEGREES, SPREAD_DEGREES = 25.0, 60.0
PARTING_COSINE = 0.2  # the two sides of a square may stand upright to one another where they part
MOST_NEAR = 150  # stretches within 60 m of one: twice what the densest interchange has. More is a heap of copies or of tracks, and no road
BATCH = 16_384  # stations or pairs looked at together: what is worked out for them stays in the processor's cache
FLYOVER_M = 200.0  # a shorter bridge carries the road over something; a longer one over a road is a road of its own

_NEAR_M = float(np.hypot(NEXT_M, SAMPLE_M))

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Stations:
    """Stretches of carriageways of about 20 m, each seen as the chord between its ends.

    Attributes
    ----------
    way, nth
        Line and position on it, shape (s,).
    start, end
        Ends in the direction of travel, shape (s, 2).
    step
        Length along the line, metres.
    following, before
        Station that goes on in the direction of travel, and the one before; -1 where the carriageway ends or forks.
    two_way
        Whether the line is driven both ways.
    name, ref, road_class
        Numbers; 0 for none.
    level
        1 on a long bridge above the ground, -1 in a long tunnel, else 0.
    alone
        Whether the map says that it is no part of a dual road.
    """

    way: Ints
    nth: Ints
    start: Floats
    end: Floats
    step: Floats
    following: Ints
    before: Ints
    two_way: Bools
    name: Ints
    ref: Ints
    road_class: Ints
    level: Ints
    alone: Bools


@dataclass(frozen=True, eq=False)
class Sections:
    """What every station sees across its road.

    Attributes
    ----------
    count
        Carriageways of its road there, itself among them, shape (s,).
    by_name
        Whether they were told by name or number, not by class alone.
    spread
        Whether neither has a name and another of its class runs the other way, aslant or a little far.
    station, member, aside
        Each member of each cross-section of two and more: whose, which station, and metres to the left.
    crowded
        Whether so many lines lie there that nobody can tell which are one road, shape (s,): each is then taken for itself.
    """

    count: Ints
    by_name: Bools
    spread: Bools
    station: Ints
    member: Ints
    aside: Floats
    crowded: Bools


def look_across(stations: Stations) -> Sections:
    """Find the carriageways of one road beside every station.

    Parameters
    ----------
    stations
        Of all carriageways that may belong together.

    Returns
    -------
    Sections
        A function of what lies within ``CORRIDOR_M`` of a station.

    References
    ----------
    Carriageways whose neighbours are no farther than ``NEXT_M`` form a corridor, of whatever road they are; in it those of one name or number
    are one road, the other way or the same way: the main carriageways and their side roads. One without a name joins the nearest of its class
    that runs the other way within ``UNNAMED_M``, unless that has a nearer partner of its own name, and
    on both sides of a flyover at any distance in the corridor; beside a road that has both its directions
    also one that runs the same way, and whatever lies among its carriageways. A road on a long bridge or in a long tunnel is another than that on the ground, where each has both its
    directions. A two-way line belongs to the road only between carriageways of its name on both sides: the main road between its frontages.
    """
    crowded = _crowded(stations)
    near, stray = _near(stations, crowded), _stray(stations)
    count = len(stations.way)
    # No station asks what another sees; only the order of what it sees itself matters, and that is kept.
    parts = [
        _roads_in(
            stations, _corridors(stations, first, min(first + BATCH, count), *_kept(stray, *_seen(stations, near, first, first + BATCH)))
        )
        for first in range(0, max(count, 1), BATCH)
    ]
    members, by_name, spread, station, member, aside = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Sections(members, by_name, spread, station, member, aside, crowded)


def _crowded(stations: Stations) -> Bools:
    """Find stations in heaps of lines."""
    middle = (stations.start + stations.end) / 2
    crowded = np.zeros(len(middle), bool)
    if not len(middle):
        return crowded
    # Squares first: where the nine around a station hold no more than a heap, no circle in them does.
    column, row = (np.floor(middle / _NEAR_M) - np.floor(middle.min(axis=0) / _NEAR_M)).astype(np.int64).T + 1
    width = row.max() + 2
    squares, at, size = np.unique(column * width + row, return_inverse=True, return_counts=True)
    around = np.zeros(len(squares), np.int64)
    for step in (dx * width + dy for dx in (-1, 0, 1) for dy in (-1, 0, 1)):
        place = np.minimum(np.searchsorted(squares, squares + step), len(squares) - 1)
        around += np.where(squares[place] == squares + step, size[place], 0)
    doubtful = np.flatnonzero(around[at] > MOST_NEAR)
    if len(doubtful):
        crowded[doubtful] = cKDTree(middle).query_ball_point(middle[doubtful], _NEAR_M, return_length=True) > MOST_NEAR
    return crowded


def _kept(stray: Bools, a: Ints, b: Ints, aside: Floats, cosine: Floats) -> tuple[Ints, Ints, Floats, Floats]:
    kept = ~stray[a] & ~stray[b]
    return a[kept], b[kept], aside[kept], cosine[kept]


def _stray(stations: Stations) -> Bools:
    """Find stations of two-way lines without a carriageway of their name near: none of a corridor, whatever bears that name elsewhere in the city."""
    stray = stations.two_way.copy()
    one_way = ~stray & (stations.name > 0)
    # The name as a third coordinate: what is near has the same.
    place = np.column_stack([(stations.start + stations.end) / 2, stations.name * 1e4])
    if stray.any() and one_way.any():
        stray[stray] = ~np.isfinite(cKDTree(place[one_way]).query(place[stray], distance_upper_bound=CORRIDOR_M)[0])
    return stray


def parted(stations: Stations, single: Bools) -> Bools:
    """Find single carriageways that have another single one of their name near, which does not run the same way.

    Parameters
    ----------
    stations
        Of all carriageways that may belong together.
    single
        Which of them have nothing beside them.

    Returns
    -------
    numpy.ndarray
        Where a road may be parting around a square: too far or too much aslant to be seen across it.
    """
    chosen = np.flatnonzero(single & (stations.name > 0) & ~stations.two_way & ~stations.alone)
    middle = ((stations.start + stations.end) / 2)[chosen]
    out = np.zeros(len(single), bool)
    if len(chosen) > 1:
        found = chosen[cKDTree(middle).query_pairs(CORRIDOR_M, output_type="ndarray")]
        a, b = found[:, 0], found[:, 1]
        chord = stations.end - stations.start
        cosine = np.einsum("ij,ij->i", chord[a], chord[b]) / np.maximum(np.hypot(*chord[a].T) * np.hypot(*chord[b].T), 1e-9)
        met = (stations.name[a] == stations.name[b]) & (cosine <= PARTING_COSINE)
        out[a[met]] = True
        out[b[met]] = True
    return out


@dataclass(frozen=True, eq=False)
class _View:
    """Rows sorted by station and from right to left: what lies in its corridor, itself at 0; of ``count`` stations from ``first`` on."""

    first: int
    count: int
    station: Ints
    other: Ints
    aside: Floats
    way_to: Ints  # +1 as the station, -1 the other way, 0 both ways
    strict: Bools


@dataclass(frozen=True, eq=False)
class _Near:
    """What every station sees up to the next carriageway: ``other[begin[i]:begin[i + 1]]``, metres to the left, and the cosine."""

    begin: Ints
    other: Ints
    aside: Floats
    cosine: Floats
    chords: _Chords
    crowded: Bools


@dataclass(frozen=True, eq=False)
class _Chords:
    """Middle and direction of every station by coordinate, and the length of its chord."""

    x: Floats
    y: Floats
    east: Floats
    north: Floats
    size: Floats


def _chords(stations: Stations) -> _Chords:
    middle, chord = (stations.start + stations.end) / 2, stations.end - stations.start
    size = np.hypot(*chord.T)
    unit = chord / np.where(size > 0, size, 1.0)[:, None]
    x, y, east, north = (np.ascontiguousarray(values) for values in (*middle.T, *unit.T))
    return _Chords(x, y, east, north, size)


def _met(stations: Stations, chords: _Chords, a: Ints, b: Ints, limit_m: float) -> tuple[Ints, Ints, Floats, Floats]:
    """Keep the pairs where the cross-section of ``a`` meets the chord ``b``, with metres to the left and the cosine between them."""
    east, north, east_b, north_b = chords.east[a], chords.north[a], chords.east[b], chords.north[b]
    cosine = east * east_b + north * north_b
    along_road = np.flatnonzero((np.abs(cosine) >= np.cos(np.radians(SPREAD_DEGREES))) & ~_itself(stations, a, b))
    a, b, cosine = a[along_road], b[along_road], cosine[along_road]
    east, north, east_b, north_b = (values[along_road] for values in (east, north, east_b, north_b))
    right, up = chords.x[b] - chords.x[a], chords.y[b] - chords.y[a]
    shift = -(right * east + up * north) / cosine
    aside = east * (up + shift * north_b) - north * (right + shift * east_b)
    met = (np.abs(shift) <= chords.size[b] / 2 + 1e-6) & (chords.size[a] > 0) & (np.abs(aside) <= limit_m)
    return a[met], b[met], aside[met], cosine[met]


def _near(stations: Stations, crowded: Bools) -> _Near:
    chords = _chords(stations)
    looking = np.flatnonzero(~crowded)
    found = looking[cKDTree(np.column_stack([chords.x, chords.y])[looking]).query_pairs(_NEAR_M, output_type="ndarray")].reshape(-1, 2)
    # Most pairs are stations of one line after one another; these, and crossing lines, go before anything is worked out.
    there, back = [], []
    for first in range(0, max(len(found), 1), 4 * BATCH):
        a, b = np.ascontiguousarray(found[first : first + 4 * BATCH].T, dtype=np.int64)
        apart = ~_itself(stations, a, b)
        a, b = a[apart], b[apart]
        there.append(_met(stations, chords, a, b, NEXT_M))
        back.append(_met(stations, chords, b, a, NEXT_M))
    a, b, aside, cosine = (np.concatenate(values) for values in zip(*there, *back, strict=True))
    order = np.argsort(a, kind="stable")
    begin = np.searchsorted(a[order], np.arange(len(stations.way) + 1))
    return _Near(begin, b[order], aside[order], cosine[order], chords, crowded)


def _seen(stations: Stations, near: _Near, first: int, beyond: int) -> tuple[Ints, Ints, Floats, Floats]:
    """Return pairs (station, other), metres to the left and cosine, of stations from ``first`` to ``beyond``: what is near, then on from there."""
    count = len(stations.way)
    first, beyond = min(first, count), min(beyond, count)
    mine = slice(near.begin[first], near.begin[beyond])
    a = np.repeat(np.arange(first, beyond), np.diff(near.begin[first : beyond + 1]))
    b, aside, cosine = near.other[mine], near.aside[mine], near.cosine[mine]
    front_a, front_b = a, b
    for _ in range(2):
        # From what was seen last on to what that sees, and one station before and after, since cross-sections are not quite parallel.
        size = near.begin[front_b + 1] - near.begin[front_b]
        step = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        c = near.other[np.repeat(near.begin[front_b], size) + step]
        c = np.concatenate([c, stations.following[c], stations.before[c]])
        far_a = np.tile(np.repeat(front_a, size), 3)
        key = np.sort((far_a * count + c)[(c >= 0) & (c != far_a) & ~near.crowded[c]])
        key = key[np.r_[True, np.diff(key) > 0][: len(key)]]
        known = np.sort(a * count + b)
        at = np.minimum(np.searchsorted(known, key), max(len(known) - 1, 0))
        key = key[known[at] != key] if len(known) else key
        more = _met(stations, near.chords, key // count, key % count, CORRIDOR_M)
        if not len(more[0]):
            break
        front_a, front_b = more[:2]
        a, b, aside, cosine = (np.concatenate(both) for both in zip((a, b, aside, cosine), more, strict=True))
    return a, b, aside, cosine


def _itself(stations: Stations, a: Ints, b: Ints) -> Bools:
    """Whether two stations lie on one stretch of a line; where it turns back it is beside itself, if it comes from far enough away."""
    same: Bools = stations.way[a] == stations.way[b]
    a, b = a[same], b[same]
    same[same] = np.abs(stations.nth[a] - stations.nth[b]) * stations.step[a] < 5 * SAMPLE_M
    return same


def _corridors(stations: Stations, first: int, beyond: int, a: Ints, b: Ints, aside: Floats, cosine: Floats) -> _View:
    own = np.arange(first, beyond)
    count = len(own)
    station, other = np.concatenate([own, a]), np.concatenate([own, b])
    aside = np.concatenate([np.zeros(count), aside])
    cosine = np.concatenate([np.ones(count), cosine])
    order = np.lexsort((np.round(aside, 6), station))
    station, other, aside, cosine = station[order], other[order], aside[order], cosine[order]
    # A cross-section through the very end of a station meets the next one too.
    twice = np.zeros(len(station), bool)
    touch = (station[1:] == station[:-1]) & (np.diff(aside) < 1e-3)
    touch &= (stations.following[other[1:]] == other[:-1]) | (stations.following[other[:-1]] == other[1:])
    twice[1:] = touch & (other[1:] != station[1:])
    twice[:-1] |= touch & (other[1:] == station[1:])
    station, other, aside, cosine = station[~twice], other[~twice], aside[~twice], cosine[~twice]
    breaks = np.r_[True, (np.diff(station) != 0) | (np.diff(aside) > NEXT_M)][: len(station)]
    corridor = np.cumsum(breaks) - 1
    mine = np.zeros(corridor[-1] + 1 if len(corridor) else 0, bool)
    mine[corridor[other == station]] = True
    kept = mine[corridor]
    way_to = np.where(stations.two_way[other], 0, np.sign(cosine)).astype(np.int64)
    strict = np.abs(cosine) >= np.cos(np.radians(TWIN_DEGREES))
    return _View(first, count, station[kept], other[kept], aside[kept], way_to[kept], strict[kept])


def _roads_in(stations: Stations, view: _View) -> tuple[Ints, Bools, Bools, Ints, Ints, Floats]:
    """Return the columns of ``Sections``, for the stations of a view."""
    count, at = view.count, view.station - view.first
    rows = len(view.station)
    size = np.bincount(at, minlength=count)
    first = np.cumsum(size) - size
    several = np.flatnonzero(size[at] > 1)
    repeat = size[at[several]]
    left = np.repeat(several, repeat)
    right = np.arange(repeat.sum()) - np.repeat(np.cumsum(repeat) - repeat, repeat) + first[at[left]]
    pair = left != right
    left, right = left[pair], right[pair]
    one, two = view.other[left], view.other[right]
    same = ((stations.name[one] > 0) & (stations.name[one] == stations.name[two])) | (
        (stations.ref[one] > 0) & (stations.ref[one] == stations.ref[two]) & ~stations.two_way[one] & ~stations.two_way[two]
    )
    allowed = ~stations.alone[one] & ~stations.alone[two]
    way = view.way_to[left] * view.way_to[right]
    own = view.other == view.station
    spread = np.zeros(count, bool)
    nameless = (stations.name[one] == 0) & (stations.name[two] == 0) & (stations.road_class[one] == stations.road_class[two])
    nameless &= np.abs(view.aside[left] - view.aside[right]) <= NEXT_M
    spread[at[left[own[left] & allowed & (way < 0) & nameless]]] = True
    # From here on only what runs along the road.
    straight = view.strict[left] & view.strict[right] & allowed
    left, right, one, two, same, way = (values[straight] for values in (left, right, one, two, same, way))
    gap = np.abs(view.aside[left] - view.aside[right])
    same &= ~_other_level(stations, view, left, right, same & (way < 0))
    same &= _between(stations, view, left, right, same)
    link = same | _unnamed(stations, view, left, right, one, two, gap, same, way)
    link |= _among(stations, view, left, right, one, two, link)
    reached, by_name = own.copy(), np.zeros(rows, bool)
    left, right, same = left[link], right[link], same[link]
    for _ in range(6):
        fresh = right[reached[left]]
        if reached[fresh].all():
            break
        reached[fresh] = True
    by_name[left[same]] = True
    members = np.bincount(at[reached], minlength=count)
    told = np.zeros(count, bool)
    told[at[own & by_name]] = True
    shown = reached & (members[at] > 1)
    return members, told, spread, view.station[shown], view.other[shown], view.aside[shown]


def _other_level(stations: Stations, view: _View, left: Ints, right: Ints, opposite: Bools) -> Bools:
    """Find pairs of two levels where each has its other direction on its own level."""
    level = stations.level[view.other]
    beside = level[left] == level[right]
    whole = np.zeros(len(level), bool)
    whole[left[opposite & beside]] = True
    return np.asarray(~beside & whole[left] & whole[right], dtype=np.bool_)


def _between(stations: Stations, view: _View, left: Ints, right: Ints, same: Bools) -> Bools:
    """Tell which pairs may stand: a two-way line only between one-way carriageways of its name on both sides."""
    both_ways: Bools = stations.two_way[view.other]
    if not both_ways.any():
        return np.ones(len(left), bool)
    inside = np.zeros((2, len(both_ways)), bool)
    frontage = same & both_ways[left] & ~both_ways[right]
    side = (view.aside[right] > view.aside[left]).astype(int)
    inside[side[frontage], left[frontage]] = True
    main: Bools = inside[0] & inside[1]
    return (~both_ways[left] | main[left]) & (~both_ways[right] | main[right]) & ~(both_ways[left] & both_ways[right])


def _among(stations: Stations, view: _View, left: Ints, right: Ints, one: Ints, two: Ints, link: Bools) -> Bools:
    """Find what has no name and lies between the carriageways of a road of its class, or has them between its own."""
    low_m, high_m = view.aside.copy(), view.aside.copy()
    np.minimum.at(low_m, left[link], view.aside[right[link]])
    np.maximum.at(high_m, left[link], view.aside[right[link]])

    def within(inner: Ints, outer: Ints) -> Bools:
        return np.asarray((view.aside[inner] > low_m[outer]) & (view.aside[inner] < high_m[outer]), dtype=np.bool_)

    free = (stations.name[one] == 0) | (stations.name[two] == 0)
    free &= (stations.ref[one] == 0) | (stations.ref[two] == 0)
    free &= (stations.road_class[one] == stations.road_class[two]) & (stations.level[one] == stations.level[two])
    free &= ~stations.two_way[one] & ~stations.two_way[two]
    return np.asarray(free & (within(left, right) | within(right, left)), dtype=np.bool_)


def _under(stations: Stations, view: _View, left: Ints, right: Ints) -> Bools:
    """Whether a flyover runs between two carriageways on the ground: what lies on both sides of it is the road below."""
    level = stations.level[view.other]
    high = level > 0
    low_m, high_m = np.full(view.count, np.inf), np.full(view.count, -np.inf)
    np.minimum.at(low_m, view.station[high] - view.first, view.aside[high])
    np.maximum.at(high_m, view.station[high] - view.first, view.aside[high])
    one, two, at = view.aside[left], view.aside[right], view.station[left] - view.first
    inside = (np.minimum(one, two) < low_m[at]) & (np.maximum(one, two) > high_m[at]) & np.isfinite(low_m[at])
    return np.asarray(inside & (level[left] == 0) & (level[right] == 0), dtype=np.bool_)


def _unnamed(stations: Stations, view: _View, left: Ints, right: Ints, one: Ints, two: Ints, gap: Floats, same: Bools, way: Ints) -> Bools:
    """Pair what has no name: with the nearest of its class that runs the other way, or beside a road that has both directions."""
    open_ = ~same & (stations.road_class[one] == stations.road_class[two]) & (stations.level[one] == stations.level[two])
    under = _under(stations, view, left, right)
    open_ &= ((gap <= UNNAMED_M) | (under & (way < 0))) & ~stations.two_way[one] & ~stations.two_way[two]
    open_ &= (stations.name[one] == 0) | (stations.name[two] == 0)
    open_ &= (stations.ref[one] == 0) | (stations.ref[two] == 0)

    rows = len(view.station)

    def nearest(chosen: Bools) -> Floats:
        out = np.full(rows, np.inf)
        np.minimum.at(out, left[chosen], gap[chosen])
        return out

    partner = nearest(same & (way < 0))
    facing = open_ & (way < 0) & (gap < partner[left]) & (gap < partner[right])
    least = nearest(facing)
    facing &= (gap <= least[left] + 1e-6) & (gap <= least[right] + 1e-6)
    whole = np.zeros(rows, bool)
    whole[left[(same | facing) & (way < 0)]] = True
    taken = np.zeros(rows, bool)
    taken[left[same | facing]] = True
    nameless = stations.name == 0
    next_to = np.abs(left - right) == 1  # rows lie from right to left
    beside = open_ & next_to & (way > 0) & nameless[one] & ~taken[left] & whole[right]
    least = nearest(beside)
    beside &= gap <= least[left] + 1e-6
    back = np.zeros(len(left), bool)
    if beside.any():  # both orders of a pair
        key, other = left * np.int64(rows) + right, right * np.int64(rows) + left
        back = np.isin(other, key[beside])
    return facing | beside | back
