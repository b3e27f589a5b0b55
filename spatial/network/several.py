"""The first, second and third nearest facility, and how many lie within a limit: compiled where numba is installed, else with scipy."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from spatial.errors import OptionError
from spatial.network.contract import Graph
from spatial.network.reach import TOLERANCE, Arcs, arcs, beginnings, by_edge, checked_cost, same_edge, to_ends
from spatial.network.snap import Attached
from spatial.overlay import Floats, Ints

_VALUES_AT_ONCE = 4_000_000

Labels = tuple[Ints, Ints, Floats]


def k_nearest(
    graph: Graph,
    sources: Attached,
    facility: Ints,
    places: Attached,
    *,
    k: int = 3,
    limit: float,
    cost: Floats | None = None,
    per_m: float = 1.0,
    compiled: bool | None = None,
) -> tuple[Floats, Ints]:
    """Find the k nearest facilities of every place.

    Parameters
    ----------
    graph
        From ``street_graph``; in a driving graph the trip goes from places to facilities.
    sources
        Entrances, from ``snap``, shape (e,).
    facility
        Number of the facility that each entrance belongs to, 0 or more, shape (e,): several entrances are one facility.
    places
        From ``snap``, shape (p,).
    k
        How many.
    limit, cost, per_m
        As in ``field``.
    compiled
        Whether to use numba; by default where it is installed. The answer is the same.

    Returns
    -------
    tuple of arrays
        Costs, shape (p, k), ascending, both connectors included, inf beyond the limit; and the numbers of the facilities, -1 there. Of
        facilities at one cost the lower number is nearer.

    Raises
    ------
    OptionError
        ``k`` is below 1, a facility has no number, or what ``field`` refuses.
    """
    if k < 1:
        raise OptionError(f"k is {k}; give 1 or more")
    sources, facility, edge_cost = _checked(graph, sources, facility, cost, limit)
    found = _labels(graph, sources, facility, edge_cost, per_m, k, limit + TOLERANCE, _fast(compiled))
    real = np.flatnonzero(places.reached)
    mine = places.take(real)
    place, number, total = _joined(graph, mine, sources, facility, found, edge_cost, per_m)
    total = total + mine.gap_m[place] * per_m
    within = total <= limit + TOLERANCE
    place, number, total = _distinct((place[within], number[within], total[within]), k)
    first = np.searchsorted(place, np.arange(len(mine)))
    rank = np.arange(len(place)) - first[place]
    costs, numbers = np.full((len(places), k), np.inf), np.full((len(places), k), -1, dtype=np.int64)
    costs[real[place], rank], numbers[real[place], rank] = total, number
    return costs, numbers


def counts_within(
    graph: Graph,
    sources: Attached,
    facility: Ints,
    *,
    limit: float,
    cost: Floats | None = None,
    per_m: float = 1.0,
    compiled: bool | None = None,
) -> Ints:
    """Count the facilities within a limit of every node.

    Parameters
    ----------
    graph, sources, facility, limit, cost, per_m, compiled
        As in ``k_nearest``.

    Returns
    -------
    numpy.ndarray
        Distinct facilities, shape (n,). A node where only private edges end is counted for the residents there.

    Raises
    ------
    OptionError
        As in ``k_nearest``.
    """
    sources, facility, edge_cost = _checked(graph, sources, facility, cost, limit)
    links, count = arcs(graph), len(graph.xy)
    public = np.zeros(count, bool)
    public[np.r_[graph.start[~graph.private], graph.end[~graph.private]]] = True
    searches = _searches(graph, sources, facility, edge_cost, per_m)
    if _fast(compiled):
        return _compile(count_reached)(
            links.indptr, links.indices, links.weights(by_edge(graph, edge_cost)), *searches, public, links.upper, limit + TOLERANCE
        )
    out = np.zeros(count, dtype=np.int64)
    for _, costs in _by_facility(links, links.weights(by_edge(graph, edge_cost)), *searches, limit + TOLERANCE):
        reached = np.isfinite(costs)
        out += (reached[:, :count] | (~public & reached[:, links.upper])).sum(axis=0)
    return out


def has_numba() -> bool:
    """Say whether numba is installed; it is not imported."""
    return find_spec("numba") is not None


def _fast(compiled: bool | None) -> bool:
    return has_numba() if compiled is None else compiled


@functools.cache
def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    import numba

    return numba.njit(cache=True)(function)


def _checked(graph: Graph, sources: Attached, facility: Ints, cost: Floats | None, limit: float) -> tuple[Attached, Ints, Floats]:
    edge_cost = checked_cost(graph, cost, limit=limit)
    facility = np.asarray(facility, dtype=np.int64)
    if facility.shape != (len(sources),) or (facility < 0).any():
        raise OptionError(
            f"facility: {len(facility)} numbers for {len(sources)} entrances, least {facility.min(initial=0)}; give one each, 0 or more"
        )
    real = np.flatnonzero(sources.reached)
    real = real[np.argsort(sources.edge[real], kind="stable")]
    return sources.take(real), facility[real], edge_cost


def _searches(graph: Graph, sources: Attached, facility: Ints, edge_cost: Floats, per_m: float) -> tuple[Ints, Floats, Ints]:
    """Nodes where searches begin, the cost there and the facility, by facility; of several entrances the nearest to a node."""
    node, begin, source = beginnings(graph, sources, edge_cost, per_m)
    number = facility[source]
    order = np.lexsort((begin, node, number))
    node, begin, number = node[order], begin[order], number[order]
    first = np.r_[True, (np.diff(node) != 0) | (np.diff(number) != 0)][: len(node)]
    return node[first], begin[first], number[first]


def _labels(
    graph: Graph, sources: Attached, facility: Ints, edge_cost: Floats, per_m: float, k: int, limit: float, fast: bool
) -> tuple[Floats, Ints]:
    """Costs and numbers of the k nearest facilities at every node of both layers, shape (count, k)."""
    links = arcs(graph)
    weights = links.weights(by_edge(graph, edge_cost))
    searches = _searches(graph, sources, facility, edge_cost, per_m)
    if fast:
        return _compile(spread_several)(links.indptr, links.indices, weights, *searches, k, limit)
    kept: Labels = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    for numbers, costs in _by_facility(links, weights, *searches, limit):
        row, node = np.nonzero(np.isfinite(costs))
        more = (node.astype(np.int64), numbers[row], costs[row, node])
        kept = _distinct(_stacked([kept, more]), k)
    node, number, cost = kept
    rank = np.arange(len(node)) - np.searchsorted(node, np.arange(links.count))[node]
    costs, numbers = np.full((links.count, k), np.inf), np.full((links.count, k), -1, dtype=np.int64)
    costs[node, rank], numbers[node, rank] = cost, number
    return costs, numbers


def _distinct(labels: Labels, k: int) -> Labels:
    """Of every facility at a place the least cost, and of these the k least, by place and cost."""
    place, number, cost = labels
    order = np.lexsort((cost, number, place))
    place, number, cost = place[order], number[order], cost[order]
    first = np.r_[True, (np.diff(place) != 0) | (np.diff(number) != 0)][: len(place)]
    place, number, cost = place[first], number[first], cost[first]
    order = np.lexsort((number, cost, place))
    place, number, cost = place[order], number[order], cost[order]
    kept = np.arange(len(place)) - np.searchsorted(place, place) < k
    return place[kept], number[kept], cost[kept]


def _stacked(parts: list[Labels]) -> Labels:
    place, number, cost = (np.concatenate(column) for column in zip(*parts, strict=True))
    return place, number, cost


def _joined(
    graph: Graph, mine: Attached, sources: Attached, facility: Ints, found: tuple[Floats, Ints], edge_cost: Floats, per_m: float
) -> Labels:
    """Every way from a place to a facility: over both ends of its edge, and along it; (place, facility, cost) without its connector."""
    links, (costs, numbers) = arcs(graph), found
    private = graph.private[mine.edge]
    place, source, direct = same_edge(graph, mine, sources, edge_cost)
    parts: list[Labels] = [(place, facility[source], direct + sources.gap_m[source] * per_m)]
    for node, part in zip((graph.start[mine.edge], graph.end[mine.edge]), to_ends(graph, mine, edge_cost), strict=True):
        for at, who in ((node, np.arange(len(mine))), (links.upper[node[private]], np.flatnonzero(private))):
            row, rank = np.nonzero(np.isfinite(costs[at]))
            parts.append((who[row], numbers[at[row], rank], costs[at[row], rank] + part[who[row]]))
    place, number, total = _stacked(parts)
    real = np.isfinite(total)
    return place[real], number[real], total[real]


def _by_facility(links: Arcs, weights: Floats, node: Ints, begin: Floats, number: Ints, limit: float) -> Iterator[tuple[Ints, Floats]]:
    """Costs of every node from some facilities at a time: their numbers, shape (f,), and costs, shape (f, count)."""
    numbers, first = np.unique(number, return_index=True)
    first = np.append(first, len(number))
    chunk = max(1, _VALUES_AT_ONCE // max(1, links.count))
    for low in range(0, len(numbers), chunk):
        high = min(low + chunk, len(numbers))
        mine = slice(first[low], first[high])
        size = links.count + high - low
        indptr = np.concatenate([links.indptr, len(links.indices) + first[low + 1 : high + 1] - first[low]]).astype(np.int32)
        arcs_from = (np.concatenate([weights, begin[mine]]), np.concatenate([links.indices, node[mine].astype(np.int32)]), indptr)
        costs = dijkstra(csr_array(arcs_from, shape=(size, size)), indices=np.arange(links.count, size), limit=limit)
        yield numbers[low:high], costs[:, : links.count]


def spread_several(indptr: Any, indices: Any, weights: Any, node: Any, begin: Any, number: Any, k: int, limit: float) -> Any:
    """Search outwards from all facilities at once; a node passes on the first k that reach it. Written to be compiled."""
    count = len(indptr) - 1
    costs, numbers, taken = np.full((count, k), np.inf), np.full((count, k), -1), np.zeros(count, np.int64)
    heap = [(begin[i], number[i], node[i]) for i in range(len(node))]
    heapq.heapify(heap)
    while len(heap) > 0:
        cost, facility, at = heapq.heappop(heap)
        if cost > limit:
            break
        if taken[at] == k or (numbers[at] == facility).any():
            continue
        costs[at, taken[at]], numbers[at, taken[at]] = cost, facility
        taken[at] += 1
        for arc in range(indptr[at], indptr[at + 1]):
            ahead, total = np.int64(indices[arc]), cost + weights[arc]
            if total <= limit and taken[ahead] < k:
                heapq.heappush(heap, (total, facility, ahead))
    return costs, numbers


def count_reached(
    indptr: Any, indices: Any, weights: Any, node: Any, begin: Any, number: Any, public: Any, upper: Any, limit: float
) -> Any:
    """Search outwards from one facility after the other and count at every node. Written to be compiled."""
    count = len(indptr) - 1
    out, seen, best = np.zeros(len(upper), np.int64), np.full(count, -1), np.full(count, np.inf)
    owner = np.arange(count)
    for at in range(len(upper)):
        if not public[at] and upper[at] != at:
            owner[upper[at]] = at
    low = 0
    while low < len(number):
        high = low
        heap = [(begin[low], node[low])]
        while high + 1 < len(number) and number[high + 1] == number[low]:
            high += 1
            heap.append((begin[high], node[high]))
        heapq.heapify(heap)
        touched = [np.int64(node[low])]
        while len(heap) > 0:
            cost, at = heapq.heappop(heap)
            if cost > limit:
                break
            if seen[at] == low:
                continue
            seen[at] = low
            touched.append(at)
            mine = owner[at]
            if mine < len(upper) and (public[mine] or at == upper[mine]):
                out[mine] += 1
            for arc in range(indptr[at], indptr[at + 1]):
                ahead, total = np.int64(indices[arc]), cost + weights[arc]
                if total <= limit and total < best[ahead] and seen[ahead] != low:
                    best[ahead] = total
                    touched.append(ahead)
                    heapq.heappush(heap, (total, ahead))
        for changed in touched:
            best[changed] = np.inf
        low = high + 1
    return out
