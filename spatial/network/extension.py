"""Streets that nobody has built yet: a network with places set into it and links added, and how far it is then."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from spatial.network.contract import Bools, Graph
from spatial.network.snap import Attached
from spatial.network.windows import Windows
from spatial.overlay import Floats, Ints

_VALUES_AT_ONCE = 2_000_000
_SAME_M = 0.01


@dataclass(frozen=True, eq=False)
class Rows:
    """Distances from sources to the nodes within a limit, as the rows of a sparse matrix.

    Attributes
    ----------
    indptr
        Where the row of each source begins, shape (k + 1,).
    node, metres
        Nodes in ascending order and how far they are.
    """

    indptr: Ints
    node: Ints
    metres: Floats

    def row(self, source: int) -> tuple[Ints, Floats]:
        """Nodes and distances of one source."""
        mine = slice(self.indptr[source], self.indptr[source + 1])
        return self.node[mine], self.metres[mine]

    def __len__(self) -> int:
        return len(self.indptr) - 1


@dataclass(frozen=True, eq=False)
class Hung:
    """Places between two nodes, shape (k,): the nodes, and how far it is to each, connector included; inf where a place is not attached."""

    one: Ints
    to_one: Floats
    other: Ints
    to_other: Floats

    def metres(self, dense: Floats, which: Ints | slice) -> Floats:
        """Distance of places, given that of every node."""
        near = dense[self.one[which]] + self.to_one[which]
        return np.minimum(near, dense[self.other[which]] + self.to_other[which])


@dataclass(frozen=True, eq=False)
class Extension:
    """A street network, undirected, with stops as nodes of their own.

    One-way rules are left out: what is asked is where streets lead, and rules change when a street is opened. A private edge is entered by
    whoever lives or goes there and never passed through; its nodes stand on a second layer.

    Attributes
    ----------
    xy
        Nodes, shape (n,), those of the second layer last.
    tail, head, length_m
        Arcs in both directions.
    stretch
        Which stretch of which street each arc runs along; -1 where it only leads to the second layer.
    stop
        Node of every stop; -1 where it is not attached.
    edge, from_m, to_m, ends
        Stretches between neighbouring nodes: edge of the graph, where on it they begin and end, and their nodes, shapes (s,) and (s, 2).
    """

    graph: Graph
    xy: Floats
    tail: Ints
    head: Ints
    length_m: Floats
    stretch: Ints
    stop: Ints
    edge: Ints
    from_m: Floats
    to_m: Floats
    ends: Ints
    _edge_begin: Floats
    _at: Floats
    _node: Ints
    _upper: Ints

    def hang(self, places: Attached) -> Hung:
        """Put places between the nodes beside them.

        Parameters
        ----------
        places
            Attached to the graph that was extended.
        """
        real = places.reached
        edge = np.where(real, places.edge, 0)
        at = self._edge_begin[edge] + np.clip(np.nan_to_num(places.along_m), 0.0, self.graph.length_m[edge])
        after = np.clip(np.searchsorted(self._at, at, "right"), 1, len(self._at) - 1)
        # Behind the last node of an edge the next edge begins: a place at its very end hangs on the last stretch.
        after = np.where(self._at[after] > self._edge_begin[edge] + self.graph.length_m[edge] + _SAME_M, after - 1, after)
        one, other = self._node[after - 1], self._node[after]
        gap = np.where(real, places.gap_m, np.inf)
        private = self.graph.private[edge]
        one, other = (np.where(private, self._upper[node], node) for node in (one, other))
        return Hung(one, gap + np.maximum(at - self._at[after - 1], 0.0), other, gap + np.maximum(self._at[after] - at, 0.0))

    def distances(
        self, sources: Ints, limit_m: float, links: tuple[Ints, Ints, Floats] | None = None, without: Bools | None = None
    ) -> Rows:
        """Find the nodes within a limit of each source.

        Parameters
        ----------
        sources
            Nodes, shape (k,).
        limit_m
            Largest distance, inclusive.
        links
            Nodes at both ends of added streets, and their lengths, not below the straight distance.
        without
            Stretches that are taken out, shape (s,).

        Returns
        -------
        Rows
            In the order of ``sources``. Sources are taken together by their place, each group on the part of the network that lies within the limit:
            the cost grows with the number of sources, not with the size of the city.
        """
        one, two, link_m = links if links is not None else (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        kept = None if without is None else ~np.append(without, False)
        local = np.full(len(self.xy), -1)
        counts = np.zeros(len(sources), np.int64)
        parts: list[tuple[Ints, Ints, Floats]] = []
        for mine, here in self._windows(sources, limit_m):
            local[here] = np.arange(len(here))
            arcs = self._arcs_from(here)
            if kept is not None:
                arcs = arcs[kept[self.stretch[arcs]]]
            tail = local[np.concatenate([self.tail[arcs], one, two])]
            head = local[np.concatenate([self.head[arcs], two, one])]
            used = (tail >= 0) & (head >= 0)
            metres = np.concatenate([self.length_m[arcs], link_m, link_m])[used]
            matrix = _least(tail[used], head[used], metres, len(here))
            position = local[sources[mine]]
            local[here] = -1
            times = max(1, -(-len(mine) * len(here) // _VALUES_AT_ONCE))
            for some, at in zip(np.array_split(mine, times), np.array_split(position, times), strict=True):
                far = dijkstra(matrix, indices=at, limit=limit_m + 1e-6)
                row, column = np.nonzero(np.isfinite(far))
                counts[some] = np.bincount(row, minlength=len(some))
                parts.append((some[row], here[column], far[row, column]))
        if not parts:
            return Rows(np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0))
        source, node, metres = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((node, source))
        return Rows(np.r_[0, np.cumsum(counts)], node[order], metres[order])

    def _windows(self, sources: Ints, limit_m: float) -> Iterator[tuple[Ints, Ints]]:
        """Yield sources that lie together, and the nodes that a trip from them can pass."""
        if not len(sources):
            return
        cell = np.floor(self.xy[sources] / (2 * limit_m)).astype(np.int64)  # twice as wide: less of the network is cut out twice
        _, group = np.unique(cell, axis=0, return_inverse=True)
        group = group.ravel()
        order = np.argsort(group, kind="stable")
        for mine in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
            low, high = self.xy[sources[mine]].min(axis=0) - limit_m - 1.0, self.xy[sources[mine]].max(axis=0) + limit_m + 1.0
            yield mine, self._nodes.within(low, high)

    @functools.cached_property
    def _nodes(self) -> Windows:
        return Windows(self.xy)

    @functools.cached_property
    def _arcs(self) -> tuple[Ints, Ints]:
        """Arcs by the node they leave, and where those of each node begin."""
        order = np.argsort(self.tail, kind="stable")
        return order, np.searchsorted(self.tail[order], np.arange(len(self.xy) + 1))

    def _arcs_from(self, nodes: Ints) -> Ints:
        order, begin = self._arcs
        size = begin[nodes + 1] - begin[nodes]
        return order[np.repeat(begin[nodes] - np.cumsum(size) + size, size) + np.arange(size.sum())]


def extend(graph: Graph, stops: Attached) -> Extension:
    """Set places into a network as nodes.

    Parameters
    ----------
    graph
        From ``street_graph``.
    stops
        Places on public edges, attached to ``graph``; their connectors are left out. One within 0.01 m of a node, or of another stop, is that.

    Returns
    -------
    Extension
        Distances along it are those of the graph without one-way rules.
    """
    edges = np.arange(len(graph.start))
    real = np.flatnonzero(stops.reached)
    # Edges stand one behind another on one line, a metre apart, so that one search finds the neighbours of any place.
    begin = np.cumsum(graph.length_m + 1.0) - (graph.length_m + 1.0)
    along = np.clip(stops.along_m[real], 0.0, graph.length_m[stops.edge[real]])
    at = np.concatenate([begin, begin + graph.length_m, begin[stops.edge[real]] + along])
    kind = np.concatenate([np.full(len(edges), -1), np.full(len(edges), -1), real])
    edge = np.concatenate([edges, edges, stops.edge[real]])
    node = np.concatenate([graph.start, graph.end, np.full(len(real), -1)])
    order = np.lexsort((kind, at, edge))
    at, kind, edge, node = at[order], kind[order], edge[order], node[order]
    own = kind < 0
    # A stop takes the node before it where that is the same place, else the one behind it.
    before = np.maximum.accumulate(np.where(own, np.arange(len(at)), 0))
    behind = np.minimum.accumulate(np.where(own, np.arange(len(at)), len(at) - 1)[::-1])[::-1]
    same_before, same_behind = ~own & (at - at[before] <= _SAME_M), ~own & (at[behind] - at <= _SAME_M)
    node = np.where(same_before, node[before], np.where(same_behind, node[behind], node))
    fresh = np.flatnonzero(node < 0)
    leads = np.r_[True, (np.diff(at[fresh]) > _SAME_M) | (np.diff(edge[fresh]) != 0)][: len(fresh)]
    node[fresh] = len(graph.xy) + np.cumsum(leads) - 1
    stop = np.full(len(stops), -1, np.int64)
    stop[kind[~own]] = node[~own]
    kept = own.copy()
    kept[fresh[leads]] = True
    at, edge, node = at[kept], edge[kept], node[kept]
    xy = np.vstack([graph.xy, _places(graph, edge, at - begin[edge], node >= len(graph.xy))])
    joined = np.flatnonzero(np.diff(edge) == 0)
    tail, head, length_m, private = node[joined], node[joined + 1], at[joined + 1] - at[joined], graph.private[edge[joined]]
    number = np.arange(len(joined))
    upper = np.arange(len(xy))
    doubled = np.unique(np.r_[tail[private], head[private]])
    upper[doubled] = len(xy) + np.arange(len(doubled))
    one, two, metres = tail[private], head[private], length_m[private]
    # Where public and private ways meet, whoever is there is on both.
    tails = [tail[~private], head[~private], upper[one], upper[two], doubled]
    heads = [head[~private], tail[~private], upper[two], upper[one], upper[doubled]]
    lengths = [length_m[~private], length_m[~private], metres, metres, np.zeros(len(doubled))]
    stretch = [number[~private], number[~private], number[private], number[private], np.full(len(doubled), -1)]
    return Extension(
        graph, np.vstack([xy, xy[doubled]]), np.concatenate(tails), np.concatenate(heads), np.concatenate(lengths), np.concatenate(stretch),
        stop, edge[joined], at[joined] - begin[edge[joined]], at[joined + 1] - begin[edge[joined]], np.column_stack([tail, head]),
        begin, at, node, upper,
    )  # fmt: skip


def _places(graph: Graph, edge: Ints, along_m: Floats, new: Bools) -> Floats:
    spots = shapely.line_interpolate_point(graph.lines[edge[new]], along_m[new])
    return shapely.get_coordinates(spots)


def _least(tail: Ints, head: Ints, length_m: Floats, count: int) -> csr_array:
    """Shortest of parallel arcs, as a matrix."""
    order = np.lexsort((length_m, head, tail))
    tail, head, length_m = tail[order], head[order], length_m[order]
    first = np.r_[True, (np.diff(tail) != 0) | (np.diff(head) != 0)][: len(tail)]
    tail, head, length_m = tail[first], head[first], length_m[first]
    indptr = np.searchsorted(tail, np.arange(count + 1)).astype(np.int32)
    return csr_array((length_m, head.astype(np.int32), indptr), shape=(count, count))
