"""Which carriageways are one road: ways cut where the number of carriageways of their road changes."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from spatial import overlay
from spatial.overlay import Floats, Geometries, Ints
from spatial.overlay.pieces import joined
from spatial.roads.crosssections import FLYOVER_M, SAMPLE_M, Sections, Stations, look_across, parted
from spatial.roads.names import name_keys

GAP_STATIONS = 3  # of about 20 m: a crossing does not part a pair
SPREAD_STATIONS, OPENING_STATIONS = 15, 3  # as far as a road may part around a square, and where it opens or closes
LINK_EVERY = 5  # stations: about 100 m
# On what the number at a place rests: 340 m along the road, 120 m across it, and for what is there 120 m across and 80 m along once more.
REACH_M = 700.0

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Runs:
    """Stretches of lines with one number of carriageways each.

    Attributes
    ----------
    lines, line
        The stretches, and which line each was cut from, shape (r,).
    carriageways
        How many carriageways their road has, shape (r,).
    by_name
        Share of the stretch that was paired by name or number, not by class alone, shape (r,).
    links, link_line, link_count, link_gap_m
        Lines across the paired roads about every 100 m: geometry, line, carriageways, and the largest gap between neighbours.
    crowded
        How many lines lie, somewhere, among so many others that they were not paired there.
    """

    lines: Geometries
    line: Ints
    carriageways: Ints
    by_name: Floats
    links: Geometries
    link_line: Ints
    link_count: Ints
    link_gap_m: Floats
    crowded: int


def runs_of(lines: Geometries, roads: gpd.GeoDataFrame, kind: npt.NDArray[np.object_], direction: Ints, pairable: Bools) -> Runs:
    """Cut roads where the number of their carriageways changes.

    Parameters
    ----------
    lines
        LineStrings, metres.
    roads
        ``name``, ``ref``, ``dual_carriageway``, ``bridge`` and ``layer`` of each.
    kind
        Class of each.
    direction
        +1 one-way along the line, -1 against it, 0 both ways.
    pairable
        Which are of a class that has carriageways; two-way ones only count between carriageways of their name.

    Returns
    -------
    Runs
        By line; what is not pairable stays whole.
    """
    names = name_keys(roads["name"].to_numpy(dtype=object))
    chosen = np.flatnonzero(pairable & ((direction != 0) | np.isin(names, names[pairable & (direction != 0) & (names > 0)])))
    stations = _stations(lines[chosen], roads.iloc[chosen], names[chosen], kind[chosen], direction[chosen])
    sections = look_across(stations)
    count = _steady(stations, sections)
    said = roads["dual_carriageway"].iloc[chosen].to_numpy(dtype=object)[stations.way]
    count = np.where(said == "no", 1, np.where(said == "yes", np.maximum(count, 2), count))
    return _cut(lines, chosen, stations, sections, count)


def _stations(lines: Geometries, roads: gpd.GeoDataFrame, names: Ints, kind: npt.NDArray[np.object_], direction: Ints) -> Stations:
    length = shapely.length(lines)
    count = np.maximum(1, np.ceil(length / SAMPLE_M - 1e-9).astype(int))
    way = np.repeat(np.arange(len(lines)), count)
    step = length[way] / count[way]
    nth = np.arange(len(way)) - np.repeat(np.cumsum(count) - count, count)
    empty = not len(way)
    low = np.empty((0, 2)) if empty else overlay.points_along(lines, way, nth * step)
    high = np.empty((0, 2)) if empty else overlay.points_along(lines, way, (nth + 1) * step)
    back = (direction[way] < 0)[:, None]
    following, before = _followed(lines, names, kind, direction, count)
    reference = pd.factorize(roads["ref"].fillna("").astype(str).str.strip())
    ref = np.where(reference[1].to_numpy() == "", 0, np.arange(len(reference[1])) + 1)[reference[0]] if len(lines) else np.empty(0, int)
    layer = pd.to_numeric(roads["layer"], errors="coerce").fillna(0).to_numpy(dtype=float)
    bridge, tunnel = (~roads[key].fillna("").isin(["no", "F", ""]).to_numpy(dtype=bool) for key in ("bridge", "tunnel"))
    level = np.where(length >= FLYOVER_M, (bridge & (layer >= 1)).astype(int) - tunnel.astype(int), 0)
    classes = pd.factorize(kind)[0] + 1
    return Stations(
        way=way,
        nth=nth,
        start=np.where(back, high, low),
        end=np.where(back, low, high),
        step=step,
        following=following,
        before=before,
        two_way=(direction == 0)[way],
        name=names[way],
        ref=ref[way],
        road_class=classes[way],
        level=level[way],
        alone=(roads["dual_carriageway"].to_numpy(dtype=object) == "no")[way],
    )


def _followed(lines: Geometries, names: Ints, kind: npt.NDArray[np.object_], direction: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Station that follows each in the direction of travel, and the one before; across ways only where one way alone goes on."""
    total = int(count.sum())
    first = np.cumsum(count) - count
    last = first + count - 1
    forward = direction >= 0
    own = np.arange(total)
    way = np.repeat(np.arange(len(lines)), count)
    ahead = forward[way]
    tail = own == last[way]
    head = own == first[way]
    following = np.where(ahead, np.where(tail, -1, own + 1), np.where(head, -1, own - 1))
    before = np.where(ahead, np.where(head, -1, own - 1), np.where(tail, -1, own + 1))
    if not len(lines):
        return following, before
    ends = [np.round(shapely.get_coordinates(shapely.get_point(lines, nth)), 3) for nth in (0, -1)]
    entry = np.where(forward[:, None], ends[0], ends[1])
    leave = np.where(forward[:, None], ends[1], ends[0])
    # One road goes on as itself: by its name, without one by its class, one-way as one-way.
    kinds = np.where(names > 0, -names, pd.factorize(kind)[0] + 1)
    place = np.unique(np.concatenate([entry, leave]), axis=0, return_inverse=True)[1].reshape(2, -1)
    key = np.column_stack([place.T, kinds, direction == 0])
    sides = np.unique(np.concatenate([key[:, [0, 2, 3]], key[:, [1, 2, 3]]]), axis=0, return_inverse=True)[1].reshape(2, -1)
    into, out = sides
    single_in, single_out = np.bincount(into, minlength=sides.max() + 1) == 1, np.bincount(out, minlength=sides.max() + 1) == 1
    leaving, entering = np.flatnonzero(single_out[out]), np.flatnonzero(single_in[into])
    a, b = joined(out[leaving], into[entering])
    a, b = leaving[a], entering[b]
    a, b = a[a != b], b[a != b]
    exit_, enter = np.where(forward, last, first), np.where(forward, first, last)
    following[exit_[a]] = enter[b]
    before[enter[b]] = exit_[a]
    return following, before


def _steady(stations: Stations, sections: Sections) -> Ints:
    """Close gaps at crossings and around squares, and drop what is shorter than two stations, along the road."""
    count = sections.count.astype(np.int64)
    if not len(count):
        return count
    ahead, back = stations.following, stations.before
    many = np.iinfo(np.int64).max

    def reach(step: Ints, passable: Bools, most: int) -> tuple[Ints, Ints]:
        """How many stations away the road is paired, along stations that may be passed, and its number there."""
        away = np.where(count > 1, 0, many)
        found = np.where(count > 1, count, 0)
        rest = np.flatnonzero((away == many) & passable & (step >= 0))
        for nth in range(1, most + 1):
            fresh = away[step[rest]] == nth - 1
            now = rest[fresh]
            found[now] = found[step[now]]
            away[now] = nth
            rest = rest[~fresh]
        return away, found

    def close(passable: Bools, most: int, opening: int = 0) -> Ints:
        (one, left), (two, right) = reach(ahead, passable, most), reach(back, passable, most)
        both = (one < many) & (two < many)
        inside = both & (np.where(both, one, 0) + np.where(both, two, 0) <= most + 1)
        near = np.minimum(one, two) <= opening
        value = np.where(inside, np.minimum(left, right), 2)
        return np.where((count == 1) & passable & (inside | near), value, count)

    count = close(~stations.alone, GAP_STATIONS)
    count = close(sections.spread | parted(stations, (count == 1) & ~sections.crowded), SPREAD_STATIONS, OPENING_STATIONS)
    own = np.arange(len(count))
    columns = [own]
    for step in (ahead, back):
        one = np.where(step >= 0, step, own)
        two = np.where(step[one] >= 0, step[one], one)
        columns += [one, two]
    return np.sort(count[np.stack(columns)], axis=0)[2]


def _cut(lines: Geometries, chosen: Ints, stations: Stations, sections: Sections, count: Ints) -> Runs:
    way, nth, step = stations.way, stations.nth, stations.step
    begins = np.r_[True, (np.diff(way) != 0) | (np.diff(count) != 0)][: len(way)]
    first = np.flatnonzero(begins)
    last = np.r_[first[1:], len(way)][: len(first)] - 1
    run = np.cumsum(begins) - 1
    size = np.bincount(way, minlength=len(chosen))
    whole = (nth[first] == 0) & (nth[last] == size[way[first]] - 1)
    cut = lines[chosen][way[first]]
    part = ~whole
    cut[part] = _stretches(cut[part], (nth * step)[first[part]], ((nth + 1) * step)[last[part]])
    named = np.bincount(run, weights=(sections.by_name * step) if len(run) else None, minlength=len(first))
    metres = np.bincount(run, weights=step if len(run) else None, minlength=len(first))
    rest = np.setdiff1d(np.arange(len(lines)), chosen)
    line = np.concatenate([rest, chosen[way[first]]]).astype(int)
    order = np.argsort(line, kind="stable")
    links = _links(lines[chosen], stations, sections, count)
    return Runs(
        lines=np.concatenate([lines[rest], cut])[order],
        line=line[order],
        carriageways=np.concatenate([np.ones(len(rest), int), count[first]])[order].astype(np.int64),
        by_name=np.concatenate([np.zeros(len(rest)), named / np.where(metres > 0, metres, 1.0)])[order],
        links=links[0],
        link_line=chosen[links[1]],
        link_count=links[2],
        link_gap_m=links[3],
        crowded=len(np.unique(way[sections.crowded])),
    )


def _stretches(lines: Geometries, low_m: Floats, high_m: Floats) -> Geometries:
    """Keep of each line what lies between two distances along it."""
    if not len(lines):
        return lines
    xy, line = shapely.get_coordinates(lines, return_index=True)
    begins = np.r_[True, np.diff(line) > 0]
    gap = np.r_[0.0, np.hypot(*np.diff(xy, axis=0).T)]
    gap[begins] = 0.0
    # Each line is summed up on its own, so that where its vertices lie does not depend on the lines before it.
    position = np.concatenate([np.cumsum(part) for part in np.split(gap, np.flatnonzero(begins)[1:])])
    # The last vertex comes with the end: a distance worked out to be that of the end may lie a hair beyond it.
    inner = (position > low_m[line]) & (position < high_m[line]) & ~np.r_[begins[1:], True]
    ends = [shapely.get_coordinates(shapely.line_interpolate_point(lines, metres)) for metres in (low_m, high_m)]
    rows, own = np.flatnonzero(inner), np.arange(len(lines))
    owner = np.concatenate([own, line[rows], own])
    order = np.argsort(owner, kind="stable")
    return np.asarray(shapely.linestrings(np.concatenate([ends[0], xy[rows], ends[1]])[order], indices=owner[order]))


def _links(lines: Geometries, stations: Stations, sections: Sections, count: Ints) -> tuple[Geometries, Ints, Ints, Floats]:
    """Draw lines across, each from one carriageway of a road alone: that which lies first in the plane."""
    place = np.round(shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True)), 3)
    rank = np.empty(len(lines), int)
    rank[np.lexsort(place.T[::-1])] = np.arange(len(lines))
    least = np.full(len(stations.way), len(lines))
    np.minimum.at(least, sections.station, rank[stations.way[sections.member]])
    middle = np.bincount(stations.way, minlength=len(lines)) // 2
    draws = (rank[stations.way] == least) & (count > 1) & ((stations.nth - middle[stations.way]) % LINK_EVERY == 0)
    shown = np.flatnonzero(draws[sections.station])
    if not len(shown):
        return np.empty(0, object), np.empty(0, int), np.empty(0, int), np.empty(0)
    order = shown[np.lexsort((sections.aside[shown], sections.station[shown]))]
    station, aside = sections.station[order], sections.aside[order]
    chord = stations.end[station] - stations.start[station]
    left = np.column_stack([-chord[:, 1], chord[:, 0]]) / np.hypot(*chord.T)[:, None]
    xy = (stations.start[station] + stations.end[station]) / 2 + left * aside[:, None]
    owners, index = np.unique(station, return_inverse=True)
    across = shapely.linestrings(xy, indices=index)
    step = np.diff(aside)
    gap = np.zeros(len(owners))
    inner = np.diff(index) == 0
    np.maximum.at(gap, index[1:][inner], step[inner])
    return across, stations.way[owners], np.bincount(index), gap
