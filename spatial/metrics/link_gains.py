"""Who gains from opening dead ends: residents whose way to the street beyond a link becomes shorter, of one link or of several together."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from scipy.spatial import cKDTree

from spatial.city import City
from spatial.metrics.origins import people_origins
from spatial.network.extension import Extension, Hung, Rows, extend
from spatial.network.snap import SNAP_LIMIT_M, Attached, snap
from spatial.overlay import Floats, Geometries, Ints
from spatial.result import ratio
from spatial.roads.candidate_links import Links, candidate_links
from spatial.roads.dead_ends import road_ends

REACH_M, LIMIT_M, LEAST_SAVING_M = 1000.0, 3000.0, 100.0
"""Residents within this way of one end of a link are asked for; a longer way, or none, counts as the limit; who saves less does not gain (all to be confirmed)."""


@dataclass(frozen=True, eq=False)
class Trips:
    """Trips that links may shorten: from where people live near one end of a link to its other end.

    Attributes
    ----------
    links
        Candidate links.
    net
        The streets, with the ends of links as nodes.
    one, two
        Terminals (positions in ``terminal``) at both ends of every link, shape (k,).
    terminal
        Nodes where links end, each once.
    people
        Whether places stand for residents; else for the dead ends themselves, each with weight 1, because nobody knows who lives where.
    weight, hung
        Of the places, shape (p,): residents, and where they are on the network.
    of, place
        Trips sorted by terminal, shape (t,): the terminal that each leads to, and its place.
    """

    links: Links
    net: Extension
    one: Ints
    two: Ints
    terminal: Ints
    people: bool
    weight: Floats
    hung: Hung
    of: Ints
    place: Ints
    rows: Rows

    @functools.cached_property
    def first(self) -> Ints:
        """Where the trips of every terminal begin."""
        return np.searchsorted(self.of, np.arange(len(self.terminal) + 1))

    def metres(self, rows: Rows, terminals: Ints) -> Floats:
        """Ways of the trips to some terminals, in the order of ``trips_of``, at most the limit."""
        dense = np.full(len(self.net.xy), np.inf)
        found = [np.empty(0)]
        for position, terminal in enumerate(terminals.tolist()):
            node, metres = rows.row(position)
            dense[node] = metres
            found.append(np.minimum(self.hung.metres(dense, self.place[self.first[terminal] : self.first[terminal + 1]]), LIMIT_M))
            dense[node] = np.inf
        return np.concatenate(found)

    def trips_of(self, terminals: Ints) -> Ints:
        """Trips to some terminals, one terminal after another."""
        counts = self.first[terminals + 1] - self.first[terminals]
        return np.repeat(self.first[terminals] - np.r_[0, np.cumsum(counts)[:-1]][: len(counts)], counts) + np.arange(counts.sum())


@dataclass(frozen=True, eq=False)
class Gains:
    """What every link brings by itself, shape (k,): residents who save at least 100 m, and how many metres they save in all.

    ``people`` is False where places stand for dead ends, not for residents.
    """

    people: bool
    persons: Floats
    saved_m: Floats
    rank: Ints


def link_gains(city: City) -> Gains:
    """Ask of every candidate link who gains by it, once a city.

    Parameters
    ----------
    city
        With ``roads``; without ``population`` the dead ends themselves are counted.

    Returns
    -------
    Gains
        A resident gains by a link where the way by street from home, within 1 km of one of its ends, to its other end becomes at least 100 m shorter;
        ways longer than 3 km, and none at all, count as 3 km. Links are ranked by persons times metres saved; of equal ones the shorter goes first.
    """
    return city.memo("link_gains", lambda: _gains(link_trips(city)))


def link_trips(city: City) -> Trips:
    """Gather the trips that the candidate links of a city may shorten, once a city; see ``Trips``."""
    return city.memo("link_trips", lambda: _trips(city, candidate_links(city)))


def links_frame(city: City, chosen: Ints | None = None) -> gpd.GeoDataFrame:
    """Candidate links as evidence, the best first: what each is, crosses and brings.

    Parameters
    ----------
    city
        With ``roads``.
    chosen
        Rows of ``candidate_links``; all by default.
    """
    links, gains = candidate_links(city), link_gains(city)
    rows = np.argsort(gains.rank) if chosen is None else chosen
    persons = gains.persons if gains.people else np.full(len(links), np.nan)
    saved = ratio(gains.saved_m, gains.persons)
    columns: dict[str, Any] = {
        "link_rank": gains.rank,
        "name": links.name,
        "length_m": np.round(links.length_m, 1),
        "detour_before_m": np.round(np.where(np.isfinite(links.detour_m), links.detour_m, np.nan), 1),
        "detour_after_m": np.round(links.length_m, 1),
        "people": np.round(persons, 1),
        "saving_m": np.round(saved if gains.people else np.full(len(links), np.nan), 1),
        "person_kilometres": np.round(np.where(gains.people, gains.saved_m, np.nan) / 1e3, 2),
        "buildings": links.buildings,
        "buildings_m2": np.round(links.buildings_m2, 1),
        "water_m": np.round(links.water_m, 1),
        "tracks": links.tracks,
        "dead_ends": 1 + (links.ends[:, 1] >= 0).astype(np.int64),
        "planned": np.where(links.planned, "yes", "no").astype(object),
    }
    return gpd.GeoDataFrame({name: values[rows] for name, values in columns.items()}, geometry=list(links.lines[rows]), crs=city.crs)


def _trips(city: City, links: Links) -> Trips:
    graph = links.graph
    stops = Attached(*(np.concatenate([getattr(links.start, name), getattr(links.finish, name)]) for name in ("edge", "along_m", "gap_m")))
    net = extend(graph, stops)
    terminal, position = np.unique(net.stop, return_inverse=True)
    one, two = position.reshape(2, -1)
    rows = net.distances(terminal, LIMIT_M)
    points, weight, people = _places(city, links)
    near = _near(points, net.xy[terminal])
    points, weight = points[near], weight[near]
    hung = net.hang(snap(graph, points, limit_m=SNAP_LIMIT_M) if len(points) else Attached(np.empty(0, np.int64), np.empty(0), np.empty(0)))
    around = _within(net, rows, terminal, points, hung)
    of = np.concatenate(
        [
            np.empty(0, np.int64),
            *(np.repeat(far, len(around[home])) for a, b in ((one, two), (two, one)) for home, far in zip(a, b, strict=True)),
        ]
    )
    place = np.concatenate([np.empty(0, np.int64), *(around[home] for a in (one, two) for home in a)])
    trips = np.unique(np.column_stack([of, place]), axis=0).reshape(-1, 2).astype(np.int64)
    return Trips(links, net, one, two, terminal, people, weight, hung, trips[:, 0], trips[:, 1], rows)


def _places(city: City, links: Links) -> tuple[Geometries, Floats, bool]:
    """Where residents live; the dead ends where nobody knows."""
    if city.layer("population").missing is None:
        origins = people_origins(city)
        inhabited = origins.weight > 0
        if inhabited.any():
            return origins.points[inhabited], origins.weight[inhabited], True
    ends = np.unique(links.ends[links.ends >= 0])
    return shapely.points(road_ends(city).xy[ends]), np.ones(len(ends)), False


def _near(points: Geometries, xy: Floats) -> Ints:
    """Points from which a terminal can be within reach."""
    if not len(xy) or not len(points):
        return np.empty(0, np.int64)
    return np.flatnonzero(cKDTree(xy).query(shapely.get_coordinates(points), distance_upper_bound=REACH_M)[0] <= REACH_M)


def _within(net: Extension, rows: Rows, terminal: Ints, points: Geometries, hung: Hung) -> list[Ints]:
    """Places within reach of every terminal."""
    if not len(points):
        return [np.empty(0, np.int64)] * len(terminal)
    tree = cKDTree(shapely.get_coordinates(points))
    dense = np.full(len(net.xy), np.inf)
    found = []
    for position, xy in enumerate(net.xy[terminal]):
        node, metres = rows.row(position)
        dense[node] = metres
        close = np.sort(np.array(tree.query_ball_point(xy, REACH_M), dtype=np.int64))
        found.append(close[hung.metres(dense, close) <= REACH_M])
        dense[node] = np.inf
    return found


def _gains(trips: Trips) -> Gains:
    growth = Growth(trips)
    count = len(trips.links)
    persons, saved = np.zeros(count), np.zeros(count)
    for link in range(count):
        persons[link], saved[link] = growth.own_gain(link)
    order = np.lexsort((np.arange(count), np.round(trips.links.length_m, 3), -np.round(saved, 3)))
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(1, count + 1)
    return Gains(trips.people, persons, saved, rank)


class Growth:
    """The network while links are built one after another, and what each other link would add to it."""

    def __init__(self, trips: Trips) -> None:
        self.trips = trips
        self.now_m = trips.metres(trips.rows, np.arange(len(trips.terminal)))
        self.built: list[int] = []
        self._rows = [trips.rows.row(position) for position in range(len(trips.terminal))]
        self._at = np.full(len(trips.net.xy), -1)
        self._at[trips.terminal] = np.arange(len(trips.terminal))
        self._dense = (np.full(len(trips.net.xy), np.inf), np.full(len(trips.net.xy), np.inf))

    def gain(self, link: int) -> float:
        """Metres that all residents together would save by one more link, over all trips."""
        trips, saving = self._saving(link, None)
        return float((self.trips.weight[self.trips.place[trips]] * saving).sum())

    def own_gain(self, link: int) -> tuple[float, float]:
        """Residents who would save at least 100 m on their way to the other end of a link, and what they would save in all."""
        ends = np.unique([self.trips.one[link], self.trips.two[link]])
        trips, saving = self._saving(link, ends)
        some = saving >= LEAST_SAVING_M
        weight = self.trips.weight[self.trips.place[trips[some]]]
        return float(weight.sum()), float((weight * saving[some]).sum())

    def build(self, link: int) -> Ints:
        """Build a link; returns the terminals to or from which a way became shorter."""
        trips = self.trips
        touched = self._close_to(link)
        self.built.append(link)
        built = np.array(self.built)
        nodes = trips.terminal[trips.one[built]], trips.terminal[trips.two[built]], trips.links.length_m[built]
        rows = trips.net.distances(trips.terminal[touched], LIMIT_M, nodes)
        changed = np.zeros(len(touched), bool)
        for position, terminal in enumerate(touched.tolist()):
            node, metres = rows.row(position)
            was, far = self._rows[terminal]
            changed[position] = len(node) != len(was) or bool((metres < far - 1e-6).any())
            self._rows[terminal] = node, metres
        self.now_m[trips.trips_of(touched)] = trips.metres(rows, touched)
        return touched[changed]

    def concerned(self, terminals: Ints) -> Ints:
        """Links whose gain may have changed after ways to or from these terminals did."""
        near = np.zeros(len(self._rows), bool)
        for terminal in terminals.tolist():
            at = self._at[self._rows[terminal][0]]
            near[at[at >= 0]] = True
        return np.flatnonzero(near[self.trips.one] | near[self.trips.two])

    def all_saved(self, links: Ints) -> float:
        """Metres that all residents together would save if all of these links were built: no choice among them saves more."""
        trips = self.trips
        nodes = trips.terminal[trips.one[links]], trips.terminal[trips.two[links]], trips.links.length_m[links]
        everyone = np.arange(len(trips.terminal))
        then = trips.metres(trips.net.distances(trips.terminal, LIMIT_M, nodes), everyone)
        now = trips.metres(trips.rows, everyone)
        return float((trips.weight[trips.place] * (now - then)).sum())

    def _close_to(self, link: int) -> Ints:
        """Terminals within the limit of either end of a link."""
        nodes = np.concatenate([self._rows[end][0] for end in (self.trips.one[link], self.trips.two[link])])
        at = np.unique(self._at[nodes])
        return at[at >= 0]

    def _saving(self, link: int, terminals: Ints | None) -> tuple[Ints, Floats]:
        """Trips to some terminals, or to all near a link, and what each would save by it."""
        all_ = self.trips
        ends = int(all_.one[link]), int(all_.two[link])
        terminals = self._close_to(link) if terminals is None else terminals
        trips = all_.trips_of(terminals)
        to = all_.terminal[all_.of[trips]]
        for dense, end in zip(self._dense, ends, strict=True):
            node, metres = self._rows[end]
            dense[node] = metres
        one, two = self._dense
        place = all_.place[trips]
        there = np.minimum(one[to] + all_.hung.metres(two, place), two[to] + all_.hung.metres(one, place)) + all_.links.length_m[link]
        for dense, end in zip(self._dense, ends, strict=True):
            dense[self._rows[end][0]] = np.inf
        return trips, np.maximum(self.now_m[trips] - there, 0.0)
