"""How far it is to the nearest of many sources: one pass for all of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from spatial.errors import OptionError
from spatial.network.contract import Graph
from spatial.network.snap import Attached
from spatial.overlay import Floats, Ints

# What reprojecting adds to a coordinate must not decide whether a limit is met.
TOLERANCE = 1e-6
_PAIRS_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class Field:
    """Cost between every place of a graph and the nearest of its sources.

    Attributes
    ----------
    graph
        The graph.
    public
        Cost at every node for whoever keeps to public edges, shape (n,); inf beyond the limit.
    private
        Cost at every node for residents who may use private edges too, shape (n,).
    edge_cost
        Cost of every edge, shape (m,), or of every segment of them, shape (s,).
    per_m
        Cost of a metre of connector.
    limit
        Largest cost, inclusive.
    sources
        The attached sources.
    """

    graph: Graph
    public: Floats
    private: Floats
    edge_cost: Floats
    per_m: float
    limit: float
    sources: Attached


@dataclass(frozen=True, eq=False)
class Arcs:
    """The arcs of a graph as the rows of a sparse matrix, its private edges on a second layer of nodes.

    A trip runs from a place to a source; arcs run the other way, from sources outwards. A private edge is entered from a public node
    and never left for one: its arcs lead to the second layer only. Of parallel arcs the cheapest counts.

    Attributes
    ----------
    indptr, indices
        Rows as in ``csr_array``, int32.
    edge
        Edge of every arc before parallel ones are merged, shape (a,), and ``first``, where each merged arc begins.
    upper
        Node of the second layer of every node, shape (n,); its own number where no private edge ends.
    count
        Number of nodes of both layers.
    """

    indptr: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    edge: Ints
    first: Ints
    upper: Ints
    count: int

    def weights(self, edge_cost: Floats) -> Floats:
        """Cost of every merged arc."""
        return np.minimum.reduceat(edge_cost[self.edge], self.first) if len(self.first) else np.empty(0)


def field(graph: Graph, sources: Attached, *, limit: float, cost: Floats | None = None, per_m: float = 1.0) -> Field:
    """Find the cost from every node to the nearest source.

    Parameters
    ----------
    graph
        From ``street_graph``. In a driving graph the trip goes from places to sources.
    sources
        From ``snap``; those that are unreachable serve nobody.
    limit
        Largest cost, inclusive, above 0.
    cost
        Cost of every edge, shape (m,), not negative; by default its length in metres. A part of an edge costs its share. Or the cost of every
        segment, shape (s,): then a part of an edge costs what the segments on that part cost, steps the steps and the level the level.
    per_m
        Cost of a metre of connector, in the unit of ``cost``.

    Returns
    -------
    Field
        Ask it with ``at``. A source on a private edge serves the private edges that hang together with it and nothing else.

    Raises
    ------
    OptionError
        ``limit`` is not above 0, or a cost is negative or not a number, or there is not one an edge or a segment.
    """
    edge_cost = checked_cost(graph, cost, limit=limit)
    sources = sources.take(np.flatnonzero(sources.reached))
    sources = sources.take(np.argsort(sources.edge, kind="stable"))
    links = arcs(graph)
    node, begin, _ = beginnings(graph, sources, edge_cost, per_m)
    weights = (
        graph.memo("lengths of arcs", lambda: links.weights(graph.length_m)) if cost is None else links.weights(by_edge(graph, edge_cost))
    )
    reached = _spread(links, weights, node, begin, limit + TOLERANCE)
    public = reached[: len(graph.xy)]
    private = np.minimum(public, reached[links.upper])
    return Field(graph, public, private, edge_cost, per_m, limit, sources)


def at(field: Field, places: Attached) -> Floats:
    """Cost from places to the nearest source.

    Parameters
    ----------
    field
        From ``field``.
    places
        From ``snap`` on the same graph.

    Returns
    -------
    numpy.ndarray
        Shape (k,): both connectors included; inf where a place is unreachable or the cost is beyond the limit.
    """
    graph, out = field.graph, np.full(len(places), np.inf)
    real = np.flatnonzero(places.reached)
    mine = places.take(real)
    at_start, at_end = to_ends(graph, mine, field.edge_cost)
    private = graph.private[mine.edge]
    for node, part in ((graph.start[mine.edge], at_start), (graph.end[mine.edge], at_end)):
        out[real] = np.minimum(out[real], np.where(private, field.private[node], field.public[node]) + part)
    place, source, direct = same_edge(graph, mine, field.sources, field.edge_cost)
    np.minimum.at(out, real[place], direct + field.sources.gap_m[source] * field.per_m)
    out[real] += mine.gap_m * field.per_m
    out[out > field.limit + TOLERANCE] = np.inf
    return out


def checked_cost(graph: Graph, cost: Floats | None, *, limit: float) -> Floats:
    """Cost of every edge; refuse what no search can use."""
    if not limit > 0:
        raise OptionError(f"limit is {limit}; give a cost above 0")
    if cost is None:
        return graph.length_m
    if len(cost) not in (len(graph.start), len(graph.segment_edge)):
        raise OptionError(
            f"cost has {len(cost)} values for {len(graph.start)} edges and {len(graph.segment_edge)} segments; give one an edge, or one a segment"
        )
    if wrong := int((~(cost >= 0)).sum()):
        raise OptionError(f"cost: {wrong} of {len(cost)} values are negative or not a number; give costs of 0 or more")
    return np.asarray(cost, dtype=np.float64)


def by_edge(graph: Graph, cost: Floats) -> Floats:
    """Cost of every edge, where it is given by edge or by segment."""
    if len(cost) == len(graph.start):
        return cost
    return np.bincount(graph.segment_edge, weights=cost, minlength=len(graph.start)).astype(np.float64)


def arcs(graph: Graph) -> Arcs:
    """Arcs of a graph, built once."""
    return graph.memo("arcs", lambda: _arcs(graph))


def _arcs(graph: Graph) -> Arcs:
    count = len(graph.xy)
    upper = np.arange(count)
    doubled = np.unique(np.r_[graph.start[graph.private], graph.end[graph.private]])
    upper[doubled] = count + np.arange(len(doubled))
    # Outwards from the source an edge is run against the trip.
    source, target, edge = [], [], []
    for chosen, tail, head in ((graph.backward, graph.start, graph.end), (graph.forward, graph.end, graph.start)):
        for flags in (chosen & ~graph.private, chosen & graph.private):
            way = np.flatnonzero(flags)
            shut = graph.private[way]
            source.append(tail[way])
            target.append(np.where(shut, upper[head[way]], head[way]))
            edge.append(way)
        source.append(upper[tail[way]])
        target.append(upper[head[way]])
        edge.append(way)
    tails, heads, edges = (np.concatenate(part) for part in (source, target, edge))
    order = np.lexsort((edges, heads, tails))
    tails, heads, edges = tails[order], heads[order], edges[order]
    first = np.flatnonzero(np.r_[True, (np.diff(tails) != 0) | (np.diff(heads) != 0)][: len(tails)])
    total = count + len(doubled)
    indptr = np.searchsorted(tails[first], np.arange(total + 1)).astype(np.int32)
    return Arcs(indptr, heads[first].astype(np.int32), edges, first, upper, total)


def beginnings(graph: Graph, sources: Attached, edge_cost: Floats, per_m: float) -> tuple[Ints, Floats, Ints]:
    """Nodes where a search begins, the cost there, and the source; a source on an edge begins at both ends that lead to it."""
    links = arcs(graph)
    to_start, to_end = _parts(graph, sources, edge_cost)
    gap, private = sources.gap_m * per_m, graph.private[sources.edge]
    who = np.arange(len(sources))
    parts = []
    for node, part, open_ in (
        (graph.start[sources.edge], to_start, graph.forward[sources.edge]),
        (graph.end[sources.edge], to_end, graph.backward[sources.edge]),
    ):
        parts.append((np.where(private, links.upper[node], node)[open_], (gap + part)[open_], who[open_]))
    node, begin, source = (np.concatenate(column) for column in zip(*parts, strict=True))
    return node, begin, source


def to_ends(graph: Graph, places: Attached, edge_cost: Floats) -> tuple[Floats, Floats]:
    """Cost from places to the start and to the end of their edge, without connectors; inf against a one-way street."""
    to_start, to_end = _parts(graph, places, edge_cost)
    return np.where(graph.backward[places.edge], to_start, np.inf), np.where(graph.forward[places.edge], to_end, np.inf)


def same_edge(graph: Graph, places: Attached, sources: Attached, edge_cost: Floats) -> tuple[Ints, Ints, Floats]:
    """Pairs of a place and a source on one edge with the cost along it; ``sources`` in the order of their edges."""
    low = np.searchsorted(sources.edge, places.edge, "left")
    high = np.searchsorted(sources.edge, places.edge, "right")
    found: list[tuple[Ints, Ints, Floats]] = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    total = np.cumsum(high - low)
    cuts = np.searchsorted(total, np.arange(_PAIRS_AT_ONCE, total[-1] if len(total) else 0, _PAIRS_AT_ONCE), "right")
    bounds = np.unique(np.r_[0, cuts, len(places)])
    for begin, end in itertools.pairwise(bounds.tolist()):
        counts = (high - low)[begin:end]
        place = np.repeat(np.arange(begin, end), counts)
        source = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts) + low[place]
        edge = places.edge[place]
        ahead = sources.along_m[source] - places.along_m[place]
        allowed = np.where(ahead > 0, graph.forward[edge], np.where(ahead < 0, graph.backward[edge], True))
        between = np.abs(_upto(graph, edge, sources.along_m[source], edge_cost) - _upto(graph, edge, places.along_m[place], edge_cost))
        found.append((place[allowed], source[allowed], between[allowed]))
    place, source, direct = (np.concatenate(column) for column in zip(*found, strict=True))
    return place, source, direct


def _parts(graph: Graph, attached: Attached, edge_cost: Floats) -> tuple[Floats, Floats]:
    """Cost along the edge to its start and to its end."""
    length_m = graph.length_m[attached.edge]
    to_start = _upto(graph, attached.edge, attached.along_m, edge_cost)
    if edge_cost is graph.length_m:
        return to_start, length_m - to_start
    return to_start, np.maximum(_upto(graph, attached.edge, length_m, edge_cost) - to_start, 0.0)


def _upto(graph: Graph, edge: Ints, along_m: Floats, cost: Floats) -> Floats:
    """Cost from the start of an edge to a place along it."""
    length_m = graph.length_m[edge]
    along_m = np.clip(along_m, 0.0, length_m)
    if len(cost) == len(graph.start):
        return along_m * np.divide(cost[edge], length_m, out=np.zeros(len(edge)), where=length_m > 0)
    # One running sum over the segments of all edges, looked up where the place lies in it.
    first = graph.memo("first segments", lambda: np.searchsorted(graph.segment_edge, np.arange(len(graph.start) + 1)))
    metres, costs = np.r_[0.0, np.cumsum(graph.segment_length_m)], np.r_[0.0, np.cumsum(cost)]
    begin, end = first[edge], first[edge + 1]
    at_m = metres[begin] + along_m
    upper = np.clip(np.searchsorted(metres, at_m, "left"), begin + 1, end)
    low_m, high_m = metres[upper - 1], metres[upper]
    part = np.divide(at_m - low_m, high_m - low_m, out=np.ones(len(edge)), where=high_m > low_m)
    return costs[upper - 1] + np.clip(part, 0.0, 1.0) * (costs[upper] - costs[upper - 1]) - costs[begin]


def _spread(links: Arcs, weights: Floats, node: Ints, begin: Floats, limit: float) -> Floats:
    """Least cost of every node of both layers, from one made-up node that leads to all beginnings."""
    order = np.lexsort((begin, node))
    node, begin = node[order], begin[order]
    leads = np.r_[True, np.diff(node) != 0][: len(node)] & (begin <= limit)
    node, begin = node[leads], begin[leads]
    if not len(node):
        return np.full(links.count, np.inf)
    matrix = csr_array(
        (
            np.concatenate([weights, begin]),
            np.concatenate([links.indices, node.astype(np.int32)]),
            np.append(links.indptr, np.int32(len(links.indices) + len(node))),
        ),
        shape=(links.count + 1, links.count + 1),
    )
    return dijkstra(matrix, directed=True, indices=links.count, limit=limit)[:-1]
