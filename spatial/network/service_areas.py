"""Service areas as polygons: strips along the streets that are within reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from spatial import overlay
from spatial.errors import OptionError
from spatial.network.contract import Graph
from spatial.network.reach import TOLERANCE, Field, by_edge
from spatial.overlay import Floats, Geometries, Ints

_SEGMENTS = 3
_ONCE_M = 2500.0
_CELLS_M = (400.0, 200.0, 100.0)


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
        edge, low_m, high_m = edge[more], low_m[more], high_m[more]
        whole = (low_m <= 0) & (high_m >= graph.length_m[edge])
        done[edge[whole]] = True
        strips.append(_whole_strips(graph, np.unique(edge[whole]), side_m, _CELLS_M if _near_by(graph, edge) else ()))
        strips.append(_strips(_pieces(graph, edge[~whole], low_m[~whole], high_m[~whole]), side_m))
    return _united(np.concatenate(strips))


def _near_by(graph: Graph, edge: Ints) -> bool:
    """Whether edges lie so close together that they are united at once; what spans a city is drawn once and shares nothing."""
    return bool(len(edge)) and float(np.ptp(graph.xy[graph.start[edge]], axis=0).max()) <= _ONCE_M


def _strips(lines: Geometries, width_m: float) -> Geometries:
    """Draw stretches of edges: many short buffers, since one long buffer costs far more than its parts."""
    return shapely.buffer(lines, width_m, quad_segs=_SEGMENTS)


def _whole_strips(graph: Graph, edge: Ints, width_m: float, cells_m: tuple[float, ...]) -> Geometries:
    """Draw whole edges; those of a cell that is there with all its edges are united once, for every area that holds it."""
    if not cells_m:
        drawn = graph.memo(("strips", width_m), lambda: np.full(len(graph.start), None, dtype=object))
        missing = edge[shapely.is_missing(drawn[edge])]
        drawn[missing] = _strips(graph.lines[missing], width_m)
        strips: Geometries = drawn[edge]
        return strips
    cell, order, first = graph.memo(("cells", cells_m[0]), lambda: _cells(graph, cells_m[0]))
    count = np.diff(first)
    full = (np.bincount(cell[edge], minlength=len(count)) == count) & (count > 1)

    def united(one: int) -> Any:
        key, mine = ("strips", width_m, cells_m[0], one), order[first[one] : first[one + 1]]
        return graph.memo(key, lambda: shapely.union_all(_whole_strips(graph, mine, width_m, cells_m[1:])))

    found = [united(one) for one in np.flatnonzero(full).tolist()]
    return np.concatenate([np.array(found, dtype=object), _whole_strips(graph, edge[~full[cell[edge]]], width_m, cells_m[1:])])


def _cells(graph: Graph, size_m: float) -> tuple[Ints, Ints, Ints]:
    """Cell of every edge by its middle, the edges by cell, and where each cell begins; what is reached apart is a cell apart."""
    middle = shapely.get_coordinates(shapely.line_interpolate_point(graph.lines, 0.5, normalized=True))
    apart = graph.components()[graph.start] * 2 + graph.private
    cell = np.unique(np.column_stack([np.floor(middle / size_m), apart]), axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(cell, kind="stable")
    return cell, order, np.searchsorted(cell[order], np.arange(cell.max(initial=-1) + 2))


def _united(strips: Geometries) -> Geometries:
    """Unite strips: those of one facility at once, those of a whole city tile by tile."""
    west, south, east, north = shapely.total_bounds(strips) if len(strips) else np.zeros(4)
    if max(east - west, north - south) > _ONCE_M:
        return overlay.dissolve(strips, _ONCE_M)
    united = shapely.get_parts([shapely.union_all(strips)])
    return united[~shapely.is_empty(united)]


def _reached(graph: Graph, field: Field, within: float) -> tuple[Ints, Floats, Floats]:
    """Stretches of edges on which the cost is at most ``within``: edge, from and to, metres from its start."""
    at_start, at_end = (np.where(graph.private, field.private[node], field.public[node]) for node in (graph.start, graph.end))
    near = np.flatnonzero(np.minimum(at_start, at_end) <= within)
    length_m, per_m = graph.length_m[near], _per_m(graph, field, near)
    room_start, room_end = within - at_start[near], within - at_end[near]
    from_start, from_end = (np.clip(_metres(room, per_m), 0.0, length_m) for room in (room_start, room_end))
    whole = from_start + from_end >= length_m
    left, right = ~whole & (room_start >= 0), ~whole & (room_end >= 0)
    room = within - field.sources.gap_m * field.per_m
    mine = np.flatnonzero((room >= 0) & ~np.isin(field.sources.edge, near[whole]))
    edge, at_m = field.sources.edge[mine], field.sources.along_m[mine]
    far = _metres(room[mine], _per_m(graph, field, edge))
    return (
        np.concatenate([near[whole], near[left], near[right], edge]),
        np.concatenate([np.zeros(whole.sum() + left.sum()), (length_m - from_end)[right], np.maximum(at_m - far, 0.0)]),
        np.concatenate([length_m[whole], from_start[left], length_m[right], np.minimum(at_m + far, graph.length_m[edge])]),
    )


def _per_m(graph: Graph, field: Field, edge: Ints) -> Floats:
    """Cost of a metre of edges; one without length costs nothing."""
    length_m = graph.length_m[edge]
    return np.divide(by_edge(field.graph, field.edge_cost)[edge], length_m, out=np.zeros(len(edge)), where=length_m > 0)


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
