"""Junctions and edges from node references; from shared vertices where a local layer has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

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
    """

    xy: Floats
    start: Ints
    end: Ints
    line: Ints

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
    keys: list[Any] = [None, None]
    xy, index = shapely.get_coordinates(lines, return_index=True)
    by_ref = referenced[index]
    key = np.empty(len(xy), dtype=np.int64)
    if referenced.any():
        key[by_ref] = np.concatenate([np.asarray(refs, dtype=np.int64) for refs in roads["nodes"][referenced]])
    if (~referenced).any():
        xy, index, by_ref, key = _with_snapped_ends(roads, lines, xy, index, by_ref, key)
        own, _ = _vertex_keys(roads, xy, index, ~by_ref)
        key[~by_ref] = -1 - own  # negative: never an OSM id
    del keys
    _, first, node = np.unique(key, return_index=True, return_inverse=True)
    follows = np.flatnonzero(np.diff(index) == 0)
    return Network(xy[first], node[follows], node[follows + 1], index[follows])


def _vertex_keys(roads: gpd.GeoDataFrame, xy: Floats, index: Ints, chosen: npt.NDArray[np.bool_]) -> tuple[Ints, int]:
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
    return key.ravel().astype(np.int64), len(key)


def _levels(roads: gpd.GeoDataFrame) -> Ints:
    parts = [roads[column].fillna("").astype(str).replace({"no": "", "F": "", "0": "", "0.0": ""}) for column in ("bridge", "tunnel", "layer")]
    _, level = np.unique(parts[0] + "|" + parts[1] + "|" + parts[2], return_inverse=True)
    return np.asarray(level, dtype=np.int64)


def _with_snapped_ends(
    roads: gpd.GeoDataFrame, lines: Any, xy: Floats, index: Ints, by_ref: npt.NDArray[np.bool_], key: Ints
) -> tuple[Floats, Ints, npt.NDArray[np.bool_], Ints]:
    """Give a line a vertex where another's end lies within 0.5 m of it on the same level, and move that end there."""
    level = _levels(roads)
    first = np.r_[0, np.flatnonzero(np.diff(index)) + 1]
    last = np.r_[first[1:], len(index)] - 1
    ends = np.concatenate([first, last])
    ends = ends[~by_ref[ends]]
    tree = shapely.STRtree(lines)
    end, line = tree.query(shapely.points(xy[ends]), predicate="dwithin", distance=SNAP_M)
    other = (index[ends[end]] != line) & (level[index[ends[end]]] == level[line]) & ~by_ref[first[line]]
    end, line = end[other], line[other]
    place = np.round(xy, 2)
    known = {(int(i), float(x), float(y)) for i, (x, y) in zip(index, place, strict=True)} if len(end) else set()
    insert: list[tuple[int, float, float, float]] = []
    xy = xy.copy()
    for e, target in zip(ends[end], line, strict=True):
        if (int(target), float(place[e][0]), float(place[e][1])) in known:
            continue
        at = shapely.line_locate_point(lines[target], shapely.Point(xy[e]))
        spot = shapely.get_coordinates(shapely.line_interpolate_point(lines[target], at))[0]
        xy[e] = spot
        insert.append((int(target), float(at), float(spot[0]), float(spot[1])))
    if not insert:
        return xy, index, by_ref, key
    step = np.r_[0.0, np.hypot(*np.diff(xy, axis=0).T)]
    step[first] = 0.0
    along = np.cumsum(step) - np.repeat(np.cumsum(step)[first], last - first + 1)
    targets = np.array([row[0] for row in insert])
    all_index = np.r_[index, targets]
    all_along = np.r_[along, [row[1] for row in insert]]
    all_xy = np.vstack([xy, [[row[2], row[3]] for row in insert]])
    order = np.lexsort((np.r_[np.zeros(len(index)), np.ones(len(insert))], all_along, all_index))
    return all_xy[order], all_index[order], np.r_[by_ref, by_ref[first[targets]]][order], np.r_[key, np.zeros(len(insert), np.int64)][order]
