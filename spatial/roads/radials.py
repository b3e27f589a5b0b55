"""Radials: roads that leave the inner ring outwards, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial.overlay import Floats, Geometries, Ints
from spatial.roads.rings import EDGE_M, bearing_deg

COUNTED_AT = 1.3  # mean radii of the ring
LEAST_REACH_M = 10_000.0
MERGED_DEG = 5.0
# To be confirmed: so near one another two stretches are one road (an interchange), and so near a ring a road leaves from it.
JOINED_M, LEAVES_WITHIN_M = 200.0, 1000.0
_BULGE_M = 1000.0  # where a ring bulges beyond the circle, roads are counted so far outside it


@dataclass(frozen=True, eq=False)
class Radial:
    """One radial road.

    Attributes
    ----------
    identity
        Its number, else its name, else empty.
    bearing_deg
        Where it is counted, from the centre, clockwise from north of the grid.
    members
        Which of the lines draw it: those of its identity that lead outwards nearer to its bearing than to that of its namesakes.
    reach_m
        How far from the ring it leads.
    cut
        Whether the edge of the data ends it before its reach is known.
    """

    identity: str
    bearing_deg: float
    members: Ints
    reach_m: float
    cut: bool


def counting_line(centre: Any, radius_m: float, ground: Any | None, city: Any | None, extent: Any | None) -> Any:
    """Return the line across which radials are counted.

    Parameters
    ----------
    centre
        Point.
    radius_m
        Mean radius of the inner ring.
    ground
        What the ring encloses; ``None`` without a ring.
    city, extent
        City limit and what the data cover, polygons; ``None`` for everywhere. The city limit matters where the data end there; it is taken as its
        convex hull, since a road along the shore does not leave the city.

    Returns
    -------
    LineString
        The circle at 1.3 × the mean radius; 1 km outside the ring where that bulges beyond; at the city limit or the edge of the data where these
        come first.
    """
    disc = shapely.buffer(centre, COUNTED_AT * radius_m, quad_segs=90)
    disc = disc if ground is None else shapely.union(disc, shapely.buffer(ground, _BULGE_M))
    for limit in (shapely.convex_hull(city) if extent is None and city is not None else None, extent):
        if limit is not None and shapely.contains(limit, centre):
            disc = shapely.intersection(disc, shapely.buffer(limit, -EDGE_M / 2))
    parts = shapely.get_parts(disc)
    return shapely.get_exterior_ring(parts[int(np.argmin(shapely.distance(parts, centre)))])


def find_radials(
    lines: Geometries,
    identities: Sequence[frozenset[str]],
    centre: Any,
    line: Any,
    ground: Any,
    *,
    city: Any | None,
    extent: Any | None,
    leaves_within_m: float = LEAVES_WITHIN_M,
) -> list[Radial]:
    """Find the radials among roads that belong to no ring.

    Parameters
    ----------
    lines
        LineStrings, metres; carriageways each for itself.
    identities
        Numbers of each line, else its name; empty where it has none.
    centre
        Point.
    line
        Across which they are counted, from ``counting_line``.
    ground
        What the ring, or without one the built-up area, takes up around the centre: they must leave from it.
    city, extent
        City limit and what the data cover; a road that ends at one of them is long enough.
    leaves_within_m
        How near the ring a road must come to be one that leaves it.

    Returns
    -------
    list of Radial
        By bearing.

    References
    ----------
    Metric catalogue B1: leaves the inner ring outwards for at least 10 km or to the city limit; distinct crossings of the circle at 1.3 × the mean
    radius; branches within 5° of bearing are merged unless their numbers differ.
    """
    if not len(lines):
        return []
    outside = shapely.difference(lines, shapely.buffer(ground, EDGE_M / 2))
    kept = np.flatnonzero(shapely.length(outside) > 0)
    outside = outside[kept]
    known = [identities[int(at)] for at in kept]
    label, leaves, reach, cut = _stretches(outside, known, ground, city, extent, leaves_within_m)
    crossed = shapely.intersection(outside, line)
    points, which = shapely.get_parts(shapely.extract_unique_points(crossed), return_index=True)
    good = leaves[which] & ((reach[label[which]] >= LEAST_REACH_M) | cut[label[which]].any(axis=1))
    points, which = points[good], which[good]
    if not len(points):
        return []
    bearing = bearing_deg(shapely.get_coordinates(points), centre)
    called = [known[int(at)] for at in which]
    group = _merged(bearing, called)
    found = []
    for nth in range(group.max() + 1):
        mine = np.flatnonzero(group == nth)
        names = frozenset().union(*(called[at] for at in mine))
        middle = float(np.degrees(np.angle(np.exp(1j * np.radians(bearing[mine])).mean())) % 360.0)
        pieces = np.unique(label[which[mine]])
        found.append((middle, names, pieces))
    found.sort(key=lambda each: (each[0], sorted(each[1])))
    at = bearing_deg(shapely.get_coordinates(shapely.centroid(outside)), centre)
    drawn = _drawn(found, at, known, label)
    return [
        Radial(
            "；".join(sorted(names)), middle, kept[drawn == nth], float(reach[pieces].max()),
            bool(cut[pieces, 1].any() and reach[pieces].max() < LEAST_REACH_M),
        )
        for nth, (middle, names, pieces) in enumerate(found)
    ]  # fmt: skip


def _stretches(
    outside: Geometries, called: list[frozenset[str]], ground: Any, city: Any | None, extent: Any | None, leaves_within_m: float
) -> tuple[Ints, npt.NDArray[np.bool_], Floats, npt.NDArray[np.bool_]]:
    """Label the lines that hang together, and tell of each line whether it leaves the ring, of each label how far it leads, and whether it ends at a limit.

    A road leaves the ring by itself: what only crosses one that does, on a bridge, leaves nothing. How far one can go on is another matter, since a road
    may change its number on the way.
    """
    a, b = shapely.STRtree(outside).query(outside, predicate="dwithin", distance=JOINED_M)
    count, label = _joined(a, b, len(outside))
    alike = np.array([bool(called[i] & called[j]) or not (called[i] and called[j]) for i, j in zip(a, b, strict=True)], dtype=bool)
    roads, road = _joined(a[alike], b[alike], len(outside))
    nearest = np.full(roads, np.inf)
    np.minimum.at(nearest, road, shapely.distance(outside, ground))
    xy, of = shapely.get_coordinates(outside, return_index=True)
    shapely.prepare(ground)
    farthest = np.zeros(count)
    np.maximum.at(farthest, label[of], shapely.distance(shapely.points(xy), ground))
    limits = np.zeros((count, 2), bool)
    for column, limit in enumerate((None if city is None else shapely.convex_hull(city), extent)):
        if limit is not None:
            beyond = ~shapely.contains_xy(shapely.buffer(limit, -EDGE_M), xy[:, 0], xy[:, 1])
            limits[label[of[beyond]], column] = True
    return label, (nearest <= leaves_within_m + EDGE_M)[road], farthest, limits


def _joined(a: Ints, b: Ints, count: int) -> tuple[int, Ints]:
    number, label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(count, count)), directed=False)
    return int(number), label


def _merged(bearing: Floats, called: list[frozenset[str]]) -> Ints:
    """Group crossings within 5° of one another that are called alike; one without any name or number goes with the nearest."""
    apart = np.abs((bearing[:, None] - bearing[None, :] + 180.0) % 360.0 - 180.0)
    alike = np.array([[bool(a & b) or (not a and not b) for b in called] for a in called], dtype=bool)
    nameless = np.array([not names for names in called], dtype=bool)
    link = (apart <= MERGED_DEG) & alike
    for at in np.flatnonzero(nameless):
        others = np.flatnonzero(~nameless & (apart[at] <= MERGED_DEG))
        if len(others):
            link[at, others[np.argmin(apart[at, others])]] = True
    # Of a group of nameless ones each goes its own way to a named neighbour, so that none of them ties two numbers together.
    tied = nameless & (link & ~nameless[None, :]).any(axis=1)
    link[np.ix_(tied, nameless)] = False
    link[np.ix_(nameless, tied)] = False
    return np.asarray(connected_components(coo_array(link), directed=False)[1])


def _drawn(found: list[tuple[float, frozenset[str], Ints]], at: Floats, called: list[frozenset[str]], label: Ints) -> Ints:
    """Which radial each line draws, -1 for none."""
    best, nearest = np.full(len(at), -1), np.full(len(at), np.inf)
    for nth, (middle, names, pieces) in enumerate(found):
        alike = np.array([bool(each & names) or not (each or names) for each in called], dtype=bool) & np.isin(label, pieces)
        apart = np.abs((at - middle + 180.0) % 360.0 - 180.0)
        mine = alike & (apart < np.minimum(nearest, 90.0))
        best[mine], nearest[mine] = nth, apart[mine]
    return best
