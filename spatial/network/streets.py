"""Walking and driving graphs from the layers ``roads`` and ``gates``."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import shapely

from spatial.network.contract import Bools, Graph, components, contract
from spatial.network.graph import SNAP_M, Network, build_network
from spatial.network.passage import CLOSED, PRIVATE, Mode, directions, gate_status, text, way_status
from spatial.overlay import Floats, Geometries, Ints

_LEVELS = ("nodes", "bridge", "tunnel", "layer")


def street_graph(roads: gpd.GeoDataFrame, gates: gpd.GeoDataFrame | None = None, *, mode: Mode = "walk") -> Graph:
    """Build the graph of streets that may be walked or driven.

    Parameters
    ----------
    roads
        Layer ``roads``, city CRS, metres; columns that are missing count as empty. Ways are joined as ``build_network`` joins them: by node
        references, local ones by shared vertices.
    gates
        Layer ``gates``; those of an extract are found by node id (``n123``), local ones within 0.5 m of a vertex, else of a line.
    mode
        ``walk`` (undirected) or ``drive`` (directed).

    Returns
    -------
    Graph
        A closed gate cuts the ways at its node; on a junction it cuts the ways that end there and lets the one that runs through go on. A
        private gate is taken out likewise; what is then cut off from the largest part of its connected whole is ``private`` and joined
        through the gate, as is everything that is reached over private ways alone. Where both sides of a private gate remain public
        (there is another way in), it is closed.

    References
    ----------
    Metric catalogue, A5.
    """
    status = way_status(roads, mode)
    lines, index = shapely.get_parts(np.asarray(roads.geometry.to_numpy(), dtype=object), return_index=True)
    kept = (status[index] != CLOSED) & (shapely.get_type_id(lines) == 1) & (shapely.get_num_coordinates(lines) > 1)
    lines, index = lines[kept], index[kept]
    columns = {name: roads[name].to_numpy(dtype=object)[index] if name in roads else np.full(len(index), None) for name in _LEVELS}
    used = gpd.GeoDataFrame(columns, geometry=lines, crs=roads.crs)
    network = build_network(used)
    apart, residents = np.empty(0, np.int64), np.empty(0, np.int64)
    if gates is not None and len(gates):
        network, gate, node = _placed(network, used, gates)
        passes = gate_status(gates, mode)
        apart = np.unique(node[passes[gate] == CLOSED])
        residents = np.setdiff1d(node[passes[gate] == PRIVATE], apart)
    private = (status == PRIVATE)[index[network.line]]
    network = _cut(network, _ends_at(network, apart))
    network, private = _gated(network, private, residents)
    forward, backward = directions(roads) if mode == "drive" else (np.ones(len(roads), bool), np.ones(len(roads), bool))
    row = index[network.line]
    return contract(network.xy, network.start, network.end, row, forward[row], backward[row], private)


def _placed(network: Network, used: gpd.GeoDataFrame, gates: gpd.GeoDataFrame) -> tuple[Network, Ints, Ints]:
    """Find the nodes of gates, with new ones where a gate lies on a line; returns pairs of gate and node."""
    ids = text(gates, "id")
    number = ids.where(ids.str.fullmatch(r"n\d{1,18}"), "n0").str.slice(1).astype("int64").to_numpy()
    at = np.searchsorted(network.ref, number)
    known = (number > 0) & (at < len(network.ref))
    known[known] = network.ref[at[known]] == number[known]
    by_id = np.flatnonzero(known)
    pairs = [(by_id, network.ref_node[at[by_id]])]
    # What an extract does not name lies on local roads; a local gate may lie on any.
    places = shapely.point_on_surface(np.asarray(gates.geometry.to_numpy(), dtype=object))
    free = np.flatnonzero(~known & ~(shapely.is_missing(places) | shapely.is_empty(places)))
    local_row = np.array([value is None or isinstance(value, float) for value in used["nodes"]], dtype=bool)[network.line]
    free = free if local_row.any() else free[number[free] == 0]
    if not len(free) or not len(network.start):
        return network, *_columns(pairs)
    local_node = np.zeros(len(network.xy), bool)
    local_node[np.r_[network.start[local_row], network.end[local_row]]] = True
    xy = shapely.get_coordinates(places[free])
    near, node = shapely.STRtree(shapely.points(network.xy)).query(shapely.points(xy), predicate="dwithin", distance=SNAP_M)
    fits = local_node[node] | (number[free[near]] == 0)
    near, node = near[fits], node[fits]
    pairs.append((free[near], node))
    rest = np.setdiff1d(np.arange(len(free)), near)
    drawn = shapely.linestrings(np.stack([network.xy[network.start], network.xy[network.end]], axis=1))
    found, segment = shapely.STRtree(drawn).query(shapely.points(xy[rest]), predicate="dwithin", distance=SNAP_M)
    fits = local_row[segment] | (number[free[rest[found]]] == 0)
    found, segment = found[fits], segment[fits]
    along = shapely.line_locate_point(drawn[segment], shapely.points(xy[rest[found]]))
    new = len(network.xy) + np.arange(len(found))
    pairs.append((free[rest[found]], new))
    return _with_nodes(network, drawn, segment, along), *_columns(pairs)


def _columns(pairs: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    left, right = (np.concatenate(column).astype(np.int64) for column in zip(*pairs, strict=True))
    return left, right


def _with_nodes(network: Network, drawn: Geometries, segment: Ints, along: Floats) -> Network:
    """Put new nodes, numbered after the others, into segments."""
    if not len(segment):
        return network
    new = len(network.xy) + np.arange(len(segment))
    spots = shapely.get_coordinates(shapely.line_interpolate_point(drawn[segment], along))
    every = np.arange(len(network.start))
    order = np.lexsort((np.r_[np.full(len(every), -1.0), along], np.r_[every, segment]))
    node = np.r_[network.start, new][order]
    owner = np.r_[every, segment][order]
    last = np.r_[np.diff(owner) != 0, True]
    end = np.where(last, network.end[owner], np.r_[node[1:], -1])
    return replace(network, xy=np.vstack([network.xy, spots]), start=node, end=end, line=network.line[owner])


def _ends_at(network: Network, nodes: Ints) -> Ints:
    """Find the ends of segments (2 i its start, 2 i + 1 its end) that a gate at a node concerns: on a junction not those of ways that run through."""
    chosen = np.zeros(len(network.xy), bool)
    chosen[nodes] = True
    node = np.column_stack([network.start, network.end]).ravel()
    at = np.flatnonzero(chosen[node])
    _, which, times = np.unique(np.column_stack([node[at], network.line[at // 2]]), axis=0, return_inverse=True, return_counts=True)
    ends = times[which.ravel()] == 1
    degree = np.bincount(node[at], minlength=len(network.xy))[node[at]]
    through = np.bincount(node[at], weights=~ends, minlength=len(network.xy))[node[at]] > 0
    return at[ends | (degree <= 2) | ~through]


def _cut(network: Network, ends: Ints) -> Network:
    """Give each of these ends a node of its own."""
    node = np.column_stack([network.start, network.end]).ravel()
    xy = np.vstack([network.xy, network.xy[node[ends]]])
    node[ends] = len(network.xy) + np.arange(len(ends))
    return replace(network, xy=xy, start=node[::2].copy(), end=node[1::2].copy())


def _gated(network: Network, private: Bools, gates: Ints) -> tuple[Network, Bools]:
    """Take private gates out and tell what is private behind them; see ``street_graph``."""
    if not len(gates) and not private.any():
        return network, private
    ends = _ends_at(network, gates)
    opened = _cut(network, ends)
    private = private | _behind(network, opened, private)
    owner = ends // 2
    node = np.column_stack([network.start, network.end]).ravel()
    public = ~private[owner]
    # Public ways that the gate parts stay parted, one of them excepted; residents pass it towards that one.
    count = np.bincount(node, weights=np.repeat(~private, 2), minlength=len(network.xy))
    through = count - np.bincount(node[ends[public]], minlength=len(network.xy)) > 0
    mine = np.flatnonzero(public)
    mine = mine[np.lexsort((ends[mine], *_beyond(network, ends[mine]), node[ends[mine]]))]
    first = np.r_[True, np.diff(node[ends[mine]]) != 0][: len(mine)]
    parted = mine[~first | through[node[ends[mine]]]]
    return _cut(network, ends[np.sort(parted)]), private


def _beyond(network: Network, ends: Ints) -> tuple[Floats, Floats]:
    """Place of the other end of a segment: an order that does not come from the rows."""
    node = np.column_stack([network.start, network.end]).ravel()
    far = network.xy[node[ends ^ 1]]
    return far[:, 1], far[:, 0]


def _behind(network: Network, opened: Network, private: Bools) -> Bools:
    """Public segments that hang together with the largest public part only through gates or private ways."""
    whole = components(len(network.xy), network.start, network.end)[network.start]
    part = components(len(opened.xy), opened.start[~private], opened.end[~private])[opened.start]
    step = network.xy[network.start] - network.xy[network.end]
    length_m = np.round(np.bincount(part[~private], weights=np.hypot(*step[~private].T), minlength=part.max(initial=-1) + 1), 3)
    at = np.flatnonzero(~private)
    at = at[np.lexsort((*network.xy[network.start[at]].T, -length_m[part[at]], whole[at]))]
    largest = np.full(whole.max(initial=-1) + 1, -1)
    leads = np.r_[True, np.diff(whole[at]) != 0][: len(at)]
    largest[whole[at[leads]]] = part[at[leads]]
    return ~private & (part != largest[whole])


__all__ = ["Graph", "street_graph"]
