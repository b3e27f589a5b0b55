"""Ends a few metres short of another street: the map lacks a junction, not the city a street."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely

from spatial.network.contract import Bools, Graph
from spatial.overlay import Floats, Ints, segments
from spatial.roads.classes import class_table
from spatial.roads.ways_round import ways_round

# Beyond half of its widest red line a street is still met within this: wide roads have verges and side strips of their own. All three are this
# project's proposal, to be confirmed.
WIDE_MORE_M, MORE_M, INNER_M = 15.0, 8.0, 8.0
SIDEWAYS_M = 15.0  # a street that an end does not point at must be nearer
JOINED_M = 150.0  # where the network leads there within this, the junction is only a little farther on
_WIDE, _INNER = ("motorway", "expressway", "primary", "secondary"), ("living_street", "service", "link")
_AHEAD, _ALONG = 0.5, 0.8  # cosines: 60° and about 37°


def joining_errors(
    graph: Graph, xy: Floats, heading: Floats, own: Ints, along_m: Floats, *, kind: npt.NDArray[np.object_], on_ground: Bools
) -> tuple[Floats, Ints]:
    """Find the streets that ends ought to meet.

    Parameters
    ----------
    graph
        Of all that may be driven.
    xy, heading, own, along_m
        Ends: place, unit vector outwards, edge and place on it, shape (n, …).
    kind
        Class of every road, a key of ``data/road_classes.toml``.
    on_ground
        Which roads are neither bridge nor tunnel: the others cannot be met from below or above.

    Returns
    -------
    tuple of arrays
        Place on the nearest street that is missed, shape (n, 2), NaN where none is; and its road, -1 where there is none.
    """
    place, row = np.full((len(xy), 2), np.nan), np.full(len(xy), -1)
    reach = _reach_m(kind)[graph.segment_row]
    chosen = np.flatnonzero(on_ground[graph.segment_row])
    if not len(xy) or not len(chosen):
        return place, row
    side = segments(graph.lines)[0][chosen]
    drawn, points = shapely.linestrings(side), shapely.points(xy)
    end, near = shapely.STRtree(drawn).query(points, predicate="dwithin", distance=reach.max(initial=0.0))
    other = graph.segment_edge[chosen[near]] != own[end]
    end, near = end[other], near[other]
    spot = shapely.get_coordinates(shapely.get_point(shapely.shortest_line(points[end], drawn[near]), 1))
    way = spot - xy[end]
    gap = np.hypot(way[:, 0], way[:, 1])
    ahead = np.where(gap > 0, np.einsum("ij,ij->i", way, heading[end]) / np.where(gap > 0, gap, 1.0), 1.0)
    course = side[near, 1] - side[near, 0]
    alongside = np.abs(np.einsum("ij,ij->i", course, heading[end])) > _ALONG * np.hypot(course[:, 0], course[:, 1])
    limit = np.where(ahead >= _AHEAD, reach[chosen[near]], np.minimum(reach[chosen[near]], SIDEWAYS_M))
    # The other carriageway of a road runs alongside; only what lies in line ahead is missed by an end that is parallel to it.
    close = (gap <= limit) & (~alongside | (ahead >= _ALONG))
    end, near, spot, gap = end[close], near[close], spot[close], gap[close]
    edge = graph.segment_edge[chosen[near]]
    at = shapely.line_locate_point(graph.lines[edge], shapely.points(spot))
    missed = ~np.isfinite(ways_round(graph, own[end], along_m[end], edge, at, limit_m=JOINED_M))
    end, near, spot, gap = end[missed], near[missed], spot[missed], gap[missed]
    order = np.lexsort((spot[:, 1], spot[:, 0], np.round(gap, 6), end))
    first = order[np.r_[True, np.diff(end[order]) != 0][: len(order)]]
    place[end[first]], row[end[first]] = spot[first], graph.segment_row[chosen[near[first]]]
    return place, row


def _reach_m(kind: npt.NDArray[np.object_]) -> Floats:
    """How near to the axis of a road a street's end is as good as joined, by road: its axis lies in the middle of its red line."""
    reach = {
        key: INNER_M if key in _INNER else row["redline"][2] / 2 + (WIDE_MORE_M if key in _WIDE else MORE_M)
        for key, row in class_table().items()
    }
    return np.array([reach.get(key, 0.0) for key in kind], dtype=float)
