"""Service areas as polygons: strips along the streets that are within reach."""

from __future__ import annotations

import numpy as np
import shapely

from spatial import overlay
from spatial.errors import OptionError
from spatial.network.contract import Graph
from spatial.network.reach import TOLERANCE, Field
from spatial.overlay import Floats, Geometries, Ints

_SEGMENTS = 3
_ONCE_M = 2500.0


def service_area(graph: Graph, field: Field, *, limit: float, width_m: float = 50.0) -> Geometries:
    """Draw the ground along the streets from which a source is within reach.

    Parameters
    ----------
    graph
        The graph of ``field``, undirected.
    field
        From ``field``, with a limit of at least ``limit``.
    limit
        Largest cost, in the unit of the field.
    width_m
        How far to either side of a street the strip reaches.

    Returns
    -------
    numpy.ndarray
        Disjoint polygons. Whoever stands there and walks to the street, be it round a right angle, and along it is within ``limit``: the
        full width is drawn where the cost leaves room for it, half of it nearer to the limit. The strip knows no walls: a narrow one reaches over
        them, so shares are computed with ``at`` on attached places, never from these polygons.

    Raises
    ------
    OptionError
        ``limit`` or ``width_m`` is not above 0, ``limit`` is beyond that of the field, or the graph is directed.
    """
    if not (limit > 0 and width_m > 0) or limit > field.limit + TOLERANCE:
        raise OptionError(f"limit {limit}, width_m {width_m}: give both above 0, limit at most that of the field, {field.limit}")
    if not (graph.forward.all() and graph.backward.all()):
        raise OptionError("service areas are drawn on walking graphs; this graph has one-way streets")
    done, strips = np.zeros(len(graph.start), bool), []
    for side_m in (width_m, width_m / 2):
        edge, low_m, high_m = _reached(graph, field, limit - np.sqrt(2) * side_m * field.per_m)
        more = ~done[edge]
        strips.append(_strip(graph, edge[more], low_m[more], high_m[more], side_m))
        done[edge[(low_m <= 0) & (high_m >= graph.length_m[edge])]] = True
    return _united(np.concatenate(strips))


def _strip(graph: Graph, edge: Ints, low_m: Floats, high_m: Floats, width_m: float) -> Geometries:
    """Buffers of stretches of edges: many short ones, since one long buffer costs far more than its parts."""
    whole = (low_m <= 0) & (high_m >= graph.length_m[edge])
    lines = graph.lines[edge]
    cut = np.flatnonzero(~whole)
    lines[cut] = _pieces(graph, edge[cut], low_m[cut], high_m[cut])
    return shapely.buffer(lines, width_m, quad_segs=_SEGMENTS)


def _united(strips: Geometries) -> Geometries:
    """Unite strips: those of one facility at once, those of a whole city tile by tile."""
    west, south, east, north = shapely.total_bounds(strips) if len(strips) else np.zeros(4)
    if max(east - west, north - south) > _ONCE_M:
        return overlay.dissolve(strips, _ONCE_M)
    united = shapely.get_parts([shapely.union_all(strips)])
    return united[~shapely.is_empty(united)]


def _reached(graph: Graph, field: Field, within: float) -> tuple[Ints, Floats, Floats]:
    """Stretches of edges on which the cost is at most ``within``: edge, from and to, metres from its start."""
    cost, length_m = field.edge_cost, graph.length_m
    per_m = np.divide(cost, length_m, out=np.zeros(len(cost)), where=length_m > 0)
    room_start, room_end = (within - np.where(graph.private, field.private[node], field.public[node]) for node in (graph.start, graph.end))
    from_start, from_end = (np.clip(_metres(room, per_m), 0.0, length_m) for room in (room_start, room_end))
    reached = (room_start >= 0) | (room_end >= 0)
    whole = reached & (from_start + from_end >= length_m)
    left, right, on = np.flatnonzero(~whole & (room_start >= 0)), np.flatnonzero(~whole & (room_end >= 0)), np.flatnonzero(whole)
    room = within - field.sources.gap_m * field.per_m
    mine = np.flatnonzero((room >= 0) & ~whole[field.sources.edge])
    edge, at_m = field.sources.edge[mine], field.sources.along_m[mine]
    far = _metres(room[mine], per_m[edge])
    return (
        np.concatenate([on, left, right, edge]),
        np.concatenate([np.zeros(len(on) + len(left)), length_m[right] - from_end[right], np.maximum(at_m - far, 0.0)]),
        np.concatenate([length_m[on], from_start[left], length_m[right], np.minimum(at_m + far, length_m[edge])]),
    )


def _metres(room: Floats, per_m: Floats) -> Floats:
    """How far a remaining cost takes one; where a metre costs nothing, anywhere."""
    return np.where(
        per_m > 0, np.divide(room, per_m, out=np.full(len(room), -np.inf), where=per_m > 0), np.where(room >= 0, np.inf, -np.inf)
    )


def _pieces(graph: Graph, edge: Ints, low_m: Floats, high_m: Floats) -> Geometries:
    """Cut stretches out of edges; one without length is a point."""
    if not len(edge):
        return np.empty(0, object)
    xy, line = shapely.get_coordinates(graph.lines[edge], return_index=True)
    step = np.r_[0.0, np.hypot(*np.diff(xy, axis=0).T)]
    first = np.searchsorted(line, np.arange(len(edge)))
    total = np.cumsum(step)
    along = total - total[first][line]
    inner = (along > low_m[line]) & (along < high_m[line])
    index = np.arange(len(edge))
    begin = overlay.points_along(graph.lines[edge], index, low_m)
    end = overlay.points_along(graph.lines[edge], index, high_m)
    where = np.concatenate([index, line[inner], index])
    at = np.concatenate([np.full(len(edge), -1.0), along[inner], np.full(len(edge), np.inf)])
    order = np.lexsort((at, where))
    return shapely.linestrings(np.vstack([begin, xy[inner], end])[order], indices=where[order])
