"""Junctions and edges from node references; from shared vertices where a local layer has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial.overlay import Floats, Ints

SNAP_M = 0.5


@dataclass(frozen=True, eq=False)
class Network:
    """An undirected street network, before anything is contracted.

    Attributes
    ----------
    xy
        Nodes, shape (n, 2), metres: every vertex of every line, each once.
    start, end
        Node indices of every segment between two vertices, shape (s,).
    line
        Index of the line of each segment, shape (s,).
    ref, ref_node
        Node references (OSM ids, ascending) and the node that each became, shape (r,); two references are one node where a local road ends.
    """

    xy: Floats
    start: Ints
    end: Ints
    line: Ints
    ref: Ints
    ref_node: Ints

    def degree(self) -> Ints:
        """How many segments meet at every node, shape (n,); a segment drawn twice counts once."""
        low, high = np.minimum(self.start, self.end), np.maximum(self.start, self.end)
        real = low != high
        unique = np.unique(np.column_stack([low, high])[real], axis=0)
        return np.bincount(unique.ravel(), minlength=len(self.xy))


def build_network(roads: gpd.GeoDataFrame) -> Network:
    """Join roads at their junctions.

    Parameters
    ----------
    roads
        LineStrings in metres; with ``nodes`` (node references by vertex) where they come from OSM, else joined at shared vertices and where an
        end lies within 0.5 m of a line, never where bridge, tunnel or layer differ.

    Returns
    -------
    Network
        A bridge over a street shares no node with it and makes no junction.
    """
    referenced = np.array([value is not None and not isinstance(value, float) for value in roads["nodes"]], dtype=bool)
    lines = np.asarray(roads.geometry.to_numpy(), dtype=object)
    xy, index = shapely.get_coordinates(lines, return_index=True)
    local = ~referenced[index]
    key = np.empty(len(xy), dtype=np.int64)
    if referenced.any():
        key[~local] = np.concatenate([np.asarray(refs, dtype=np.int64) for refs in roads["nodes"][referenced]])
    ref = np.where(local, 0, key)
    if local.any():
        key[local] = -1 - _vertex_keys(roads, xy, index, local)  # negative: never an OSM id
        xy, index, key, origin = _with_joined_ends(roads, lines, xy, index, key, local)
        ref = np.r_[ref, 0][origin]
    _, node = np.unique(key, return_inverse=True)
    # Joined ends stand where the westernmost of them does, whatever the order of the roads.
    order = np.lexsort((xy[:, 1], xy[:, 0], node))
    first = order[np.r_[True, np.diff(node[order]) != 0][: len(order)]]
    follows = np.flatnonzero(np.diff(index) == 0)
    known, at = np.unique(ref, return_index=True)
    real = known != 0
    return Network(xy[first], node[follows], node[follows + 1], index[follows], known[real], node[at[real]])


def _vertex_keys(roads: gpd.GeoDataFrame, xy: Floats, index: Ints, chosen: npt.NDArray[np.bool_]) -> Ints:
    """One key a place; vertices inside a line meet others only on their own level, ends meet every level."""
    place = np.round(xy[chosen], 2)
    level = _levels(roads)[index[chosen]]
    inner = np.ones(len(index), bool)
    inner[np.r_[0, np.flatnonzero(np.diff(index)) + 1]] = False
    inner[np.r_[np.flatnonzero(np.diff(index)), len(index) - 1]] = False
    inner = inner[chosen]
    _, at = np.unique(place[:, 0] + 1j * place[:, 1], return_inverse=True)
    ends_here = np.zeros(at.max(initial=-1) + 1, bool)
    ends_here[at[~inner]] = True
    # Where no line ends, levels stay apart (a bridge over a street drawn with a common vertex).
    apart = np.where(ends_here[at], 0, level + 1)
    _, key = np.unique(np.column_stack([at, apart]), axis=0, return_inverse=True)
    return key.ravel().astype(np.int64)


def _levels(roads: gpd.GeoDataFrame) -> Ints:
    parts = [
        roads[column].fillna("").astype(str).replace({"no": "", "F": "", "0": "", "0.0": ""}) for column in ("bridge", "tunnel", "layer")
    ]
    _, level = np.unique(parts[0] + "|" + parts[1] + "|" + parts[2], return_inverse=True)
    return np.asarray(level, dtype=np.int64)


def _with_joined_ends(
    roads: gpd.GeoDataFrame, lines: Any, xy: Floats, index: Ints, key: Ints, local: npt.NDArray[np.bool_]
) -> tuple[Floats, Ints, Ints, Ints]:
    """Join an end with each line on its level that passes within 0.5 m: with a vertex that near, else with a new one. Nothing is moved.

    The last array tells where each vertex stood before, -1 for a new one.
    """
    level = _levels(roads)
    first = np.r_[0, np.flatnonzero(np.diff(index)) + 1]
    last = np.r_[first[1:], len(index)] - 1
    ends = np.concatenate([first, last])
    ends = ends[local[ends]]
    near, line = shapely.STRtree(lines).query(shapely.points(xy[ends]), predicate="dwithin", distance=SNAP_M)
    end = ends[near]
    _, node = np.unique(key, return_inverse=True)
    size = node.max() + 1
    meets = np.isin(line * size + node[end], index * size + node)
    missed = ~meets & (level[index[end]] == level[line])
    same: list[tuple[int, int]] = []
    new: dict[int, list[tuple[float, int]]] = {}
    for e, target in zip(end[missed].tolist(), line[missed].tolist(), strict=True):
        vertices = np.arange(first[target], last[target] + 1)
        distance = np.hypot(*(xy[vertices] - xy[e]).T)
        at = float(shapely.line_locate_point(lines[target], shapely.Point(xy[e])))
        beside = [other for along, other in new.get(target, []) if abs(along - at) <= SNAP_M]
        if distance.min() <= SNAP_M:
            same.append((e, int(vertices[distance.argmin()])))
        elif beside:
            same.append((e, beside[0]))
        else:
            new.setdefault(target, []).append((at, e))
    joined = np.array(same, dtype=np.int64).reshape(-1, 2)
    links = coo_array((np.ones(len(joined)), (node[joined[:, 0]], node[joined[:, 1]])), shape=(size, size))
    _, label = connected_components(links, directed=False)
    node = label[node].astype(np.int64)
    rows = [(target, at, e) for target, found in new.items() for at, e in found]
    if not rows:
        return xy, index, node, np.arange(len(xy))
    targets, distances, of = (np.array(column) for column in zip(*rows, strict=True))
    step = np.r_[0.0, np.hypot(*np.diff(xy, axis=0).T)]
    step[first] = 0.0
    along = np.cumsum(step) - np.repeat(np.cumsum(step)[first], last - first + 1)
    spots = shapely.get_coordinates(shapely.line_interpolate_point(lines[targets], distances))
    order = np.lexsort((np.r_[along, distances], np.r_[index, targets]))
    origin = np.where(order < len(xy), order, -1)
    return np.vstack([xy, spots])[order], np.r_[index, targets][order], np.r_[node, node[of]][order], origin


def unjoined_crossings(roads: gpd.GeoDataFrame) -> npt.NDArray[np.object_]:
    """Find places where local roads on one level cross and neither has a vertex there: junctions that nobody can find.

    Parameters
    ----------
    roads
        As for ``build_network``; roads with node references are left out, since there the references tell.

    Returns
    -------
    numpy.ndarray
        Points where roads cross without a common vertex.
    """
    local = roads[roads["nodes"].isna()]
    lines = np.asarray(local.geometry.to_numpy(), dtype=object)
    if len(lines) < 2:
        return np.empty(0, object)
    a, b = shapely.STRtree(lines).query(lines, predicate="crosses")
    level = _levels(local)
    pair = (a < b) & (level[a] == level[b])
    a, b = a[pair], b[pair]
    met = shapely.intersection(lines[a], lines[b])
    points, index = shapely.get_parts(met, return_index=True)
    dots = shapely.get_type_id(points) == 0
    points, index = points[dots], index[dots]
    xy, of_line = shapely.get_coordinates(lines, return_index=True)
    vertices = shapely.multipoints(shapely.points(xy), indices=of_line)
    gaps = np.maximum(*(shapely.distance(vertices[side[index]], points) for side in (a, b)))
    return np.asarray(points[gaps > SNAP_M], dtype=object)
