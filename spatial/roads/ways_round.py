"""How far it is to drive from places on a network to places on it, near ones only."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from spatial.network.contract import Bools, Graph
from spatial.network.windows import Windows
from spatial.overlay import Floats, Ints

_TILE_M = 5000.0


def ways_round(
    graph: Graph, from_edge: Ints, from_along_m: Floats, to_edge: Ints, to_along_m: Floats, *, limit_m: float, used: Bools | None = None
) -> Floats:
    """Shortest ways between pairs of places on edges, in either direction of one-way streets.

    Parameters
    ----------
    graph
        From ``street_graph``.
    from_edge, from_along_m, to_edge, to_along_m
        Edge of either place and its distance from the edge's start, shape (k,).
    limit_m
        Longest way that is looked for.
    used
        Edges that may be used on the way, shape (m,), beside those on which it begins and ends; all by default.

    Returns
    -------
    numpy.ndarray
        Metres, shape (k,); inf beyond the limit and where nothing leads there. One-way rules are left aside: what is asked is whether the
        network goes round, and the carriageways of a dual road would give a way round where a crossing is all that is missing.

    References
    ----------
    Dijkstra, by square of the places it starts from: no way of ``limit_m`` leaves the square by more than that, so that the cost grows with
    the number of places and not with their product with the size of the city.
    """
    out = np.full(len(from_edge), np.inf)
    if not len(from_edge):
        return out
    used = np.ones(len(graph.start), bool) if used is None else used
    start, end, length_m = graph.start[used], graph.end[used], graph.length_m[used]
    source, inverse = np.unique(np.r_[graph.start[from_edge], graph.end[from_edge]], return_inverse=True)
    sides = inverse.reshape(2, -1)
    begins = np.stack([from_along_m, graph.length_m[from_edge] - from_along_m])
    arrives = np.stack([to_along_m, graph.length_m[to_edge] - to_along_m])
    targets = np.stack([graph.start[to_edge], graph.end[to_edge]])
    square = np.floor(graph.xy[source] / _TILE_M).astype(np.int64)
    _, tile = np.unique(square, axis=0, return_inverse=True)
    tile = tile.ravel()
    middles = Windows((graph.xy[start] + graph.xy[end]) / 2)
    for k in range(tile.max(initial=-1) + 1):
        here = np.flatnonzero(tile == k)
        low, high = graph.xy[source[here]].min(axis=0) - limit_m, graph.xy[source[here]].max(axis=0) + limit_m
        near = middles.within(low, high)
        nodes, ends = np.unique(np.r_[start[near], end[near], source[here]], return_inverse=True)
        count = len(near)
        matrix = _shortest(ends[:count], ends[count : 2 * count], length_m[near], len(nodes))
        distance = dijkstra(matrix, directed=False, indices=np.searchsorted(nodes, source[here]), limit=limit_m)
        position = np.full(len(source), -1)
        position[here] = np.arange(len(here))
        for i in (0, 1):
            mine = np.flatnonzero(position[sides[i]] >= 0)
            for j in (0, 1):
                at = np.searchsorted(nodes, targets[j, mine])
                known = at < len(nodes)
                known[known] = nodes[at[known]] == targets[j, mine[known]]
                pair = mine[known]
                metres = distance[position[sides[i, pair]], at[known]] + begins[i, pair] + arrives[j, pair]
                out[pair] = np.minimum(out[pair], metres)
    same = from_edge == to_edge
    out[same] = np.minimum(out[same], np.abs(from_along_m - to_along_m)[same])
    return np.where(out <= limit_m, out, np.inf)


def _shortest(start: Ints, end: Ints, length_m: Floats, count: int) -> csr_array:
    """Matrix of edges; of parallel ones the shortest, where a sparse matrix would add them up."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    real = low != high
    low, high, metres = low[real], high[real], np.maximum(length_m[real], 1e-6)
    order = np.lexsort((metres, high, low))
    low, high, metres = low[order], high[order], metres[order]
    first = np.r_[True, (np.diff(low) != 0) | (np.diff(high) != 0)][: len(low)]
    return csr_array((metres[first], (low[first], high[first])), shape=(count, count))
