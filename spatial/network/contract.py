"""From every vertex a node to junctions and dead ends: a contracted multigraph."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial.overlay import Floats, Geometries, Ints

Bools = npt.NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A street network: nodes are junctions and dead ends (and one place on every ring that nothing meets), edges the streets between them.

    Parallel edges and edges from a node to itself are kept. The order of nodes and edges follows from node references and places, not
    from the order of the roads.

    Attributes
    ----------
    xy
        Nodes, shape (n, 2), metres, city CRS.
    start, end
        Node indices of every edge, shape (m,).
    length_m
        Length of every edge, shape (m,).
    lines
        LineStrings from ``start`` to ``end``, shape (m,).
    forward, backward
        Whether an edge is passable from start to end and from end to start, shape (m,); on foot both.
    private
        Edges open to residents only, shape (m,): those inside may leave through them, nobody passes through.
    segment_edge, segment_row, segment_length_m
        The segments between two vertices, edge by edge and in order along each, shape (s,): their edge, the row of ``roads`` that they come
        from, and their length, so that costs can depend on what the ways are.
    """

    xy: Floats
    start: Ints
    end: Ints
    length_m: Floats
    lines: Geometries
    forward: Bools
    backward: Bools
    private: Bools
    segment_edge: Ints
    segment_row: Ints
    segment_length_m: Floats
    _memory: dict[Any, Any] = field(default_factory=dict)

    def degree(self) -> Ints:
        """How many edges end at every node, shape (n,); an edge from a node to itself ends there twice."""
        return np.bincount(np.r_[self.start, self.end], minlength=len(self.xy)).astype(np.int64)

    def dead_ends(self) -> Ints:
        """Nodes where one edge ends and no other."""
        return np.flatnonzero(self.degree() == 1).astype(np.int64)

    def components(self) -> Ints:
        """Tell the connected parts apart by a number, by node, whichever way its edges may be passed, shape (n,)."""
        return self.memo("components", lambda: components(len(self.xy), self.start, self.end))

    @functools.cached_property
    def tree(self) -> shapely.STRtree:
        """Spatial index of the lines."""
        return shapely.STRtree(self.lines)

    def memo(self, key: Any, build: Callable[[], T]) -> T:
        """Keep what is derived from the graph alone, once."""
        if key not in self._memory:
            self._memory[key] = build()
        return self._memory[key]

    def __repr__(self) -> str:
        return f"Graph({len(self.xy)} nodes, {len(self.start)} edges, {self.length_m.sum() / 1e3:.1f} km)"


def components(count: int, start: Ints, end: Ints) -> Ints:
    """Tell the connected parts apart by a number, by node."""
    links = coo_array((np.ones(len(start)), (start, end)), shape=(count, count))
    return connected_components(links, directed=False)[1].astype(np.int64)


def contract(xy: Floats, start: Ints, end: Ints, row: Ints, forward: Bools, backward: Bools, private: Bools) -> Graph:
    """Contract segments to streets.

    A node stays where its segments are not exactly two, lead to one neighbour, or differ in direction or in who may pass; otherwise it
    becomes a vertex of an edge. This is what ``osmnx.simplify_graph`` does, and rings that nothing meets are kept.

    Parameters
    ----------
    xy
        Nodes, shape (n, 2), metres.
    start, end
        Node indices of the segments, shape (s,); a segment from a node to itself is left out.
    row
        Row of ``roads`` of every segment.
    forward, backward, private
        By segment, as in ``Graph``.

    Returns
    -------
    Graph
        Nodes that no segment touches are left out.
    """
    real = start != end
    start, end, row, private = start[real], end[real], row[real], private[real]
    # A segment walked in one direction: 2 i from start to end, 2 i + 1 back; x ^ 1 turns round.
    tail, head = np.column_stack([start, end]).ravel(), np.column_stack([end, start]).ravel()
    go = np.column_stack([forward[real], backward[real]]).ravel()
    other = _passed(len(xy), xy, tail, head, go, np.repeat(private, 2))
    inner = other >= 0
    here = np.arange(len(tail))
    first, rank = np.where(inner, other ^ 1, here), inner.astype(np.int64)
    while (first != first[first]).any():  # the way back to the first half doubles in every round
        rank += rank[first]
        first = first[first]
    roots = np.flatnonzero(~inner)
    back = first[roots ^ 1]  # where the same edge begins from its other end
    swapped = (tail[roots] > tail[back]) | ((tail[roots] == tail[back]) & (head[roots] > head[back]))
    roots, back = roots[~swapped], back[~swapped]
    order = np.lexsort((row[roots // 2], private[roots // 2], head[back], tail[back], head[roots], tail[roots]))
    roots, back = roots[order], back[order]
    number = np.full(len(tail), -1)
    number[roots] = np.arange(len(roots))
    edge = number[first]
    chosen = np.flatnonzero(edge >= 0)
    chosen = chosen[np.lexsort((rank[chosen], edge[chosen]))]
    edge = edge[chosen]
    step = xy[head[chosen]] - xy[tail[chosen]]
    step_m = np.hypot(step[:, 0], step[:, 1])
    used, ends = np.unique(np.r_[tail[roots], tail[back]], return_inverse=True)
    begins = np.flatnonzero(np.r_[True, np.diff(edge) != 0][: len(edge)])
    vertices = np.insert(head[chosen], begins, tail[chosen[begins]])
    lines = shapely.linestrings(xy[vertices], indices=np.insert(edge, begins, edge[begins])) if len(edge) else np.empty(0, object)
    return Graph(
        xy=xy[used],
        start=ends[: len(roots)].astype(np.int64),
        end=ends[len(roots) :].astype(np.int64),
        length_m=np.bincount(edge, weights=step_m, minlength=len(roots)).astype(np.float64),
        lines=lines,
        forward=go[roots],
        backward=go[roots ^ 1],
        private=private[roots // 2],
        segment_edge=edge.astype(np.int64),
        segment_row=row[chosen // 2].astype(np.int64),
        segment_length_m=step_m,
    )


def _passed(count: int, xy: Floats, tail: Ints, head: Ints, go: Bools, private: Bools) -> Ints:
    """Of every half that leaves a node which is to become a vertex, the other half that leaves it; -1 at nodes that stay."""
    order = np.argsort(tail, kind="stable")
    degree = np.bincount(tail, minlength=count)
    at = np.flatnonzero(degree == 2)
    one = order[(np.cumsum(degree) - degree)[at]]
    two = order[(np.cumsum(degree) - degree)[at] + 1]
    same = (head[one] != head[two]) & (private[one] == private[two]) & (go[one ^ 1] == go[two]) & (go[two ^ 1] == go[one])
    at, one, two = at[same], one[same], two[same]
    # A ring that nothing meets keeps its westernmost place.
    part = components(count, tail[::2], head[::2])
    stays = np.ones(count, bool)
    stays[at] = False
    whole = np.ones(part.max(initial=-1) + 1, bool)
    whole[part[stays]] = False
    ring = np.flatnonzero(whole[part] & (degree > 0))
    ring = ring[np.lexsort((ring, xy[ring, 1], xy[ring, 0], part[ring]))]
    stays[ring[np.r_[True, np.diff(part[ring]) != 0][: len(ring)]]] = True
    one, two = one[~stays[at]], two[~stays[at]]
    other = np.full(len(tail), -1)
    other[one], other[two] = two, one
    return other
