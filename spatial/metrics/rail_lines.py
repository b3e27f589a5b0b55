"""Urban rail as planners count it: lines, each of its tracks once; the corridor once; and what carries no passengers."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from shapely.ops import substring

from spatial import overlay
from spatial.city import City
from spatial.overlay import Floats, Geometries, Ints
from spatial.roads.opened import opened_on
from spatial.text import Text

KINDS = {
    "subway": Text("地铁", "metro"),
    "light_rail": Text("轻轨", "light rail"),
    "tram": Text("有轨电车", "tram"),
    "monorail": Text("单轨", "monorail"),
}
"""Systems that count as urban rail; commuter trains on main-line railways do not."""

# Metric catalogue, rail_length: tracks at most 40 m apart and of similar bearing are one line; the angle is ours, to be confirmed.
PARALLEL_M, PARALLEL_DEGREES = 40.0, 25.0
STEP_M = 10.0  # how finely it is told where a second track begins and ends
SAME_STOP_M = 300.0
REASONS = ("construction", "not_open", "service", "no_route")
UNDER_CONSTRUCTION = ("construction", "proposed", "planned", "在建", "规划")

Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]
_DIGITS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_NUMBER = re.compile(
    r"([a-z]{0,2}[0-9]+|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])\s*号?线|\bline\s*([a-z]?[0-9]+)|^([0-9]+)$", re.I
)


@dataclass(frozen=True, eq=False)
class RailLines:
    """The urban rail lines of a city that carry passengers.

    Attributes
    ----------
    kind, name
        Of each line, shape (l,): a key of ``KINDS``, and as people call it; sorted by both.
    cut
        Whether the extract lacks a part of the line, shape (l,).
    on_route
        Whether the line is one of the map's routes, or stands in a local layer, rather than guessed from the names of tracks, shape (l,).
    of_extract
        Whether some of its tracks are those of an extract, which tells what it cut, shape (l,).
    stations
        How many stations its routes name, shape (l,); NaN where none does.
    runs
        LineStrings, shape (r,), metres: each line once, however many tracks it has.
    line
        The line of each run, shape (r,).
    network
        LineStrings, shape (n,): where several lines share a track or a corridor, once.
    left_out
        Tracks that do not count: ``name``, ``kind``, ``reason`` (one of ``REASONS``).
    unread
        How many days of opening cannot be read.
    """

    kind: Objects
    name: Objects
    cut: Bools
    on_route: Bools
    of_extract: Bools
    stations: Floats
    runs: Geometries
    line: Ints
    network: Geometries
    left_out: gpd.GeoDataFrame
    unread: int = 0

    def length_m(self) -> Floats:
        """Length of every line in the data, metres, shape (l,)."""
        return overlay.sum_by(self.line, shapely.length(self.runs), len(self.name))


def rail_lines(city: City) -> RailLines:
    """Tell the urban rail lines of a city, worked out once.

    Parameters
    ----------
    city
        With ``rail``; ``transit_stops`` gives the stations.

    Returns
    -------
    RailLines
        A line is what one or several route relations of one reference say (both directions together), in a local layer what its column
        ``routes`` says. Tracks without a route are a line by their number or name, except in an extract that has a route of that number, or, for
        tracks without a name, any route of their kind: then they are links and depot tracks. Yards, sidings, spurs and crossovers, tracks under
        construction and those that open after the date of the data are out.

    Raises
    ------
    LayerError
        The city has no rail.
    """
    return city.memo("rail_lines", lambda: _build(city))


def tracks_once(lines: Geometries) -> Geometries:
    """Keep of parallel tracks one.

    Parameters
    ----------
    lines
        LineStrings of one line, or of one network, metres, in any order.

    Returns
    -------
    numpy.ndarray
        LineStrings: ways are joined to tracks, and the longest track is kept whole; of the others what runs farther than ``PARALLEL_M`` from what
        is kept already, or at an angle above ``PARALLEL_DEGREES`` to it. So is a single track that turns at its end and comes back beside itself.
    """
    tracks = _joined(lines)
    if not len(tracks):
        return tracks
    count = np.maximum(1, np.ceil(shapely.length(tracks) / STEP_M).astype(int))
    track = np.repeat(np.arange(len(tracks)), count)
    step = (shapely.length(tracks) / count)[track]
    nth = np.arange(len(track)) - np.repeat(np.cumsum(count) - count, count)
    at = (nth + 0.5) * step
    here, back, ahead = (overlay.points_along(tracks, track, at + shift) for shift in (0.0, -1.0, 1.0))
    again = _beside_earlier(here, ahead - back, track, at)
    begins = np.r_[True, (np.diff(track) != 0) | (np.diff(again.astype(int)) != 0)]
    first = np.flatnonzero(begins)
    last = np.r_[first[1:], len(track)] - 1
    out = []
    for i, j in zip(first[~again[first]], last[~again[first]], strict=True):
        whole = nth[i] == 0 and nth[j] == count[track[i]] - 1
        out.append(tracks[track[i]] if whole else substring(tracks[track[i]], nth[i] * step[i], (nth[j] + 1) * step[j]))
    return np.array([*out, None], dtype=object)[:-1]


def _line_strings(geometry: Any) -> Geometries:
    parts = shapely.get_parts(geometry)
    return parts[shapely.get_type_id(parts) == 1]


def _joined(lines: Geometries) -> Geometries:
    """Join ways to tracks; the longest first, whatever the order and the direction of the ways."""
    lines = shapely.normalize(lines[shapely.length(lines) > 0])
    if not len(lines):
        return lines
    lines = lines[np.unique(shapely.to_wkb(lines), return_index=True)[1]]
    tracks = shapely.normalize(shapely.get_parts(shapely.line_merge(shapely.multilinestrings(lines))))
    middle = shapely.get_coordinates(shapely.line_interpolate_point(tracks, 0.5, normalized=True))
    return tracks[np.lexsort((middle[:, 1].round(3), middle[:, 0].round(3), -shapely.length(tracks).round(3)))]


def _beside_earlier(here: Floats, heading: Floats, track: Ints, at: Floats) -> Bools:
    """Whether each place lies beside a kept one of an earlier track, or of its own far along."""
    size = np.hypot(*heading.T)
    heading = heading / np.where(size > 0, size, 1.0)[:, None]
    pairs = cKDTree(here).query_pairs(np.hypot(PARALLEL_M, STEP_M), output_type="ndarray")
    a, b = pairs.min(axis=1), pairs.max(axis=1)
    apart = (track[a] != track[b]) | (np.abs(at[a] - at[b]) > 2 * STEP_M)  # its own neighbours are no second track
    alike = np.abs(np.einsum("ij,ij->i", heading[a], heading[b])) >= np.cos(np.radians(PARALLEL_DEGREES))
    a, b = a[apart & alike], b[apart & alike]
    gap = here[b] - here[a]
    turned = np.sign(np.einsum("ij,ij->i", heading[a], heading[b]))[:, None]
    course = heading[a] + turned * heading[b]
    course /= np.hypot(*course.T)[:, None]
    along = np.abs(np.einsum("ij,ij->i", gap, course))
    aside = np.abs(gap[:, 0] * course[:, 1] - gap[:, 1] * course[:, 0])
    near = (along <= 0.75 * STEP_M) & (aside <= PARALLEL_M)
    a, b = a[near], b[near]
    order = np.argsort(b, kind="stable")
    again = np.zeros(len(here), bool)
    for earlier, later in zip(a[order].tolist(), b[order].tolist(), strict=True):
        if not again[earlier]:
            again[later] = True
    return again


def _build(city: City) -> RailLines:
    frame = city.frame("rail")
    shapes, index = shapely.get_parts(np.asarray(frame.geometry.to_numpy(), dtype=object), return_index=True)
    linear = shapely.get_type_id(shapes) == 1
    shapes, tracks = shapes[linear], frame.iloc[index[linear]].reset_index(drop=True)
    kind, names = _texts(tracks, "railway"), _texts(tracks, "name")
    routes = [_urban(said, own) for said, own in zip(_texts(tracks, "routes"), kind, strict=True)]
    urban = np.isin(kind, list(KINDS))
    routed = np.array([bool(mine) for mine in routes], dtype=bool)
    opened = opened_on(tracks, city.date)
    service = _texts(tracks, "service")
    reason = np.full(len(tracks), "", dtype=object)
    extract = np.array([refs is not None and not isinstance(refs, float) for refs in tracks["nodes"]], dtype=bool)
    reason[extract & _links(kind, names, routes, urban & ~routed)] = "no_route"
    reason[(service == "yard") | (service == "spur") | ((service != "") & ~routed)] = "service"
    reason[~opened.open] = "not_open"
    reason[np.isin(kind, UNDER_CONSTRUCTION)] = "construction"
    counted = (urban | (routed & (reason != "construction"))) & (reason == "")
    shown = ~counted & (urban | routed | (reason == "construction"))
    left_out = gpd.GeoDataFrame(
        {"name": names[shown], "kind": kind[shown], "reason": reason[shown]}, geometry=list(shapes[shown]), crs=city.crs
    )
    torn = _texts(tracks, "clipped") != ""
    torn_routes = [_urban(said, own) for said, own in zip(_texts(tracks, "routes_cut"), kind, strict=True)]
    by_line: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i in np.flatnonzero(counted & (shapely.length(shapes) > 0)).tolist():
        for key in routes[i] or ((str(kind[i]), _called(names[i])),):
            by_line[key].append(i)
    keys = sorted(by_line)
    runs, line = [], []
    name, cut = np.empty(len(keys), object), np.zeros(len(keys), bool)
    on_route, of_extract = np.zeros(len(keys), bool), np.zeros(len(keys), bool)
    for number, key in enumerate(keys):
        mine = np.array(by_line[key], dtype=int)
        found = tracks_once(shapes[mine])
        runs.append(found)
        line.append(np.full(len(found), number))
        name[number] = _best_name(key, names[mine], shapely.length(shapes[mine]), [len(routes[i]) for i in mine])
        cut[number] = torn[mine].any() or any(key in torn_routes[i] for i in mine)
        of_extract[number] = extract[mine].any()
        on_route[number] = routed[mine].any() or not of_extract[number]
    every = np.concatenate([*runs, np.empty(0, object)])
    return RailLines(
        np.array([key[0] for key in keys], dtype=object),
        name,
        cut,
        on_route,
        of_extract,
        _stations(city, keys),
        every,
        np.concatenate([*line, np.empty(0, int)]).astype(int),
        tracks_once(_line_strings(shapely.union_all(every))),  # united, so that what lines share is there once before it is joined
        left_out,
        opened.unread,
    )


def _urban(said: str, kind: str) -> tuple[tuple[str, str], ...]:
    """Read the urban rail routes among the routes of a track: ``subway 3;train K7`` is line 3 of the metro."""
    found = []
    for route in said.split(";"):
        first, _, rest = route.strip().partition(" ")
        if first in KINDS and rest:
            found.append((first, _called(rest)))
        elif route.strip() and kind in KINDS and first not in ("bus", "trolleybus", "train"):  # a local layer may name the line alone
            found.append((kind, _called(route)))
    return tuple(dict.fromkeys(found))


def _called(label: str) -> str:
    """Give the two directions of a line one name: its number, else what stands before the colon or the brackets."""
    plain = unicodedata.normalize("NFKC", label).strip()
    number = _number(plain)
    if number:
        return number
    return re.split(r"[:(]|→|->|=>|↔|⇄", plain)[0].strip() or plain


def _number(label: str) -> str:
    match = _NUMBER.search(label)
    if match is None or re.search(r"延|支线|branch", label, re.I):
        return ""
    said = match[1] or match[2] or match[3]
    if said.isascii():
        return (said.lstrip("0") or "0") if said.isdigit() else said.upper()
    tens, ten, ones = said.partition("十")
    return str((_DIGITS.get(tens, 1) * 10 + _DIGITS.get(ones, 0)) if ten else _DIGITS[said])


def _links(kind: Objects, names: Objects, routes: list[tuple[tuple[str, str], ...]], free: Bools) -> Bools:
    """Tracks without a route where the map has routes: links to the depot, if they bear no name, or the name or number of a route or a part of it."""
    known = {key for mine in routes for key in mine}
    called = {name for name, mine in zip(names, routes, strict=True) if mine and name}
    out = np.zeros(len(kind), bool)
    for i in np.flatnonzero(free):
        of_kind = {label for each, label in known if each == kind[i]}
        match = _NUMBER.search(unicodedata.normalize("NFKC", names[i]))
        number = _number(match[0]) if match else ""
        out[i] = bool(of_kind) and (not names[i] or names[i] in called or _called(names[i]) in of_kind or number in of_kind)
    return out


def _best_name(key: tuple[str, str], names: Objects, length: Floats, shared: list[int]) -> str:
    """Name a line as most of its tracks are named, those of its own before those that it shares; else by its kind and number."""
    own = np.array(shared) <= 1
    chosen = own if (own & (names != "")).any() else np.ones(len(names), bool)
    by_name = pd.Series(length[chosen]).groupby(names[chosen]).sum()
    by_name = by_name[by_name.index != ""].sort_index().sort_values(ascending=False, kind="stable")
    if len(by_name):
        return str(by_name.index[0])
    return key[1]


def _stations(city: City, keys: list[tuple[str, str]]) -> Floats:
    """Count the stations that the routes of each line name; the two platforms of one station are one."""
    out = np.full(len(keys), np.nan)
    stops = city.layer("transit_stops").frame
    if stops is None or not len(stops):
        return out
    said = [_urban(text, kind) for text, kind in zip(_texts(stops, "routes"), _texts(stops, "station"), strict=True)]
    names = _texts(stops, "name")
    xy = shapely.get_coordinates(shapely.centroid(np.asarray(stops.geometry.to_numpy(), dtype=object)))
    by_line: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, found in enumerate(said):
        for key in found:
            by_line[key].append(i)
    for number, key in enumerate(keys):
        if mine := by_line.get(key):
            out[number] = _stops_once(xy[mine], names[mine])
    return out


def _stops_once(xy: Floats, names: Objects) -> int:
    near = cKDTree(xy).query_pairs(SAME_STOP_M, output_type="ndarray")
    a, b = near[:, 0], near[:, 1]
    same = (names[a] == names[b]) | (names[a] == "") | (names[b] == "")
    links = coo_array((np.ones(int(same.sum())), (a[same], b[same])), shape=(len(xy), len(xy)))
    return int(connected_components(links, directed=False)[0])


def _texts(frame: gpd.GeoDataFrame, column: str) -> Objects:
    if column not in frame:
        return np.full(len(frame), "", dtype=object)
    values: Any = frame[column].fillna("").astype(str).str.strip().to_numpy(dtype=object)
    return np.asarray(values, dtype=object)
