"""Directness: how much longer the way on foot is than the straight line."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from spatial import overlay
from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.metrics.walking import walk
from spatial.network.contract import Graph
from spatial.overlay import Floats, Ints
from spatial.result import Evidence, MetricResult, ratio
from spatial.text import Text

SAMPLE_M = 500.0
NEAR_M, FAR_M = 200.0, 600.0
MOST = 3.0
CHUNK = 256


@metric(
    "detour_index",
    title=Text("步行绕行系数", "Detour index on foot"),
    definition=Text(
        f"从每 {SAMPLE_M:.0f} 米网格中的一个路口，到直线 {NEAR_M:.0f}–{FAR_M:.0f} 米外的所有路口：步行路网距离之和 ÷ 直线距离之和；超过 {MOST:g} 倍（含不可达）按 {MOST:g} 倍计",
        f"From one junction in every cell of {SAMPLE_M:.0f} m to all junctions {NEAR_M:.0f}–{FAR_M:.0f} m away as the crow flies: sum of walking distances ÷"
        f" sum of straight distances; ways longer than {MOST:g} times, or none at all, count as {MOST:g} times",
    ),
    standard=Text("无统一限值；规则方格网约为 1.27", "no common threshold; a square grid has about 1.27"),
    unit="ratio",
    bases=("m", "m"),
    needs=("roads",),
    scope="built_up_area",
    halo_m=MOST * FAR_M + 1000.0,
    evidence={"origins": Evidence(Text("绕行系数抽样路口", "junctions sampled for the detour index"), "#7a4fa3", by="detour_index")},
)
def detour_index(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Network distance over straight distance between junctions.

    Parameters
    ----------
    city
        With ``roads``.
    areas
        Rows, restricted to the built-up area; a trip counts where it begins.
    variant
        Only ``""``.

    Returns
    -------
    MetricResult
        ``value`` from 1 to 3, NaN where no junction was sampled; ``numerator`` sum of walking distances, ``denominator`` of straight ones, m.
        ``evidence["origins"]``: the sampled junctions with ``detour_index`` and the share of ways that are cut at 3 times.

    References
    ----------
    Barthélemy, M. (2011): Spatial networks, Physics Reports 499, detour index (route factor); the range of distances and the cut are ours.
    """
    node, walked, straight, cut = city.memo("detours", lambda: _detours(walk(city).graph))
    points = shapely.points(walk(city).graph.xy[node]) if len(node) else np.empty(0, object)
    index, row = overlay.points_within(points, areas.pieces, areas.exclusive)
    above, below = (overlay.sum_by(row, sums[index], len(areas)) for sums in (walked, straight))
    share = ratio(overlay.sum_by(row, (cut * straight)[index], len(areas)), below)
    notes = {
        int(n): [Text(f"{share[n]:.0%} 的路程（按直线距离计）超过 {MOST:g} 倍或不可达", f"{share[n]:.0%} of the trips, by straight distance, are longer than {MOST:g} times or impossible")]
        for n in np.flatnonzero(np.nan_to_num(share) >= 0.005)
    }  # fmt: skip
    return MetricResult(
        ratio(above, below), above, below, row_notes=notes, evidence={"origins": lambda: _frame(city, points, walked, straight, cut, index)}
    )


def _frame(city: City, points: overlay.Geometries, walked: Floats, straight: Floats, cut: Floats, index: Ints) -> gpd.GeoDataFrame:
    used = np.unique(index)
    columns = {"detour_index": np.round(ratio(walked, straight)[used], 2), "cut_share": np.round(cut[used], 3)}
    return gpd.GeoDataFrame(columns, geometry=list(points[used]), crs=city.crs)


def _detours(graph: Graph) -> tuple[Ints, Floats, Floats, Floats]:
    """Return sampled junctions with their sums of walking and straight distances, m, and the share that is cut."""
    open_edges = ~graph.private
    used = np.unique(np.concatenate([graph.start[open_edges], graph.end[open_edges]]))
    degree = np.bincount(np.concatenate([graph.start[open_edges], graph.end[open_edges]]), minlength=len(graph.xy))
    junctions = used[degree[used] >= 3]
    sampled = _one_a_cell(graph.xy, junctions)
    if not len(sampled):
        return sampled, np.empty(0), np.empty(0), np.empty(0)
    matrix = _matrix(graph, open_edges)
    tree = shapely.STRtree(shapely.points(graph.xy[junctions]))
    walked, straight, cut = np.zeros(len(sampled)), np.zeros(len(sampled)), np.zeros(len(sampled))
    for begin in range(0, len(sampled), CHUNK):
        mine = sampled[begin : begin + CHUNK]
        far = dijkstra(matrix, indices=mine, limit=MOST * FAR_M)
        at, other = tree.query(shapely.points(graph.xy[mine]), predicate="dwithin", distance=FAR_M)
        crow = np.hypot(*(graph.xy[mine[at]] - graph.xy[junctions[other]]).T)
        kept = crow >= NEAR_M
        at, other, crow = at[kept], junctions[other[kept]], crow[kept]
        way = far[at, other]
        long = way > MOST * crow
        here = slice(begin, begin + len(mine))
        walked[here] = overlay.sum_by(at, np.minimum(way, MOST * crow), len(mine))
        straight[here] = overlay.sum_by(at, crow, len(mine))
        cut[here] = np.nan_to_num(ratio(overlay.sum_by(at, crow * long, len(mine)), straight[here]))
    some = straight > 0
    return sampled[some], walked[some], straight[some], cut[some]


def _one_a_cell(xy: Floats, nodes: Ints) -> Ints:
    """Return the junction nearest to the middle of each cell of a fixed grid, whatever else is in the data."""
    if not len(nodes):
        return nodes
    cell = np.floor(xy[nodes] / SAMPLE_M)
    away = np.hypot(*(xy[nodes] - (cell + 0.5) * SAMPLE_M).T)
    order = np.lexsort((xy[nodes, 1], xy[nodes, 0], np.round(away, 6), cell[:, 1], cell[:, 0]))
    first = np.r_[True, (np.diff(cell[order], axis=0) != 0).any(axis=1)][: len(order)]
    return nodes[order[first]]


def _matrix(graph: Graph, used: np.ndarray) -> csr_array:
    """Shortest of parallel edges between two nodes; loops are of no use to a shortest way."""
    low, high = np.minimum(graph.start, graph.end)[used], np.maximum(graph.start, graph.end)[used]
    length = graph.length_m[used]
    real = low != high
    low, high, length = low[real], high[real], length[real]
    order = np.lexsort((length, high, low))
    first = np.r_[True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)][: len(order)]
    kept = order[first]
    ends = np.concatenate([low[kept], high[kept]]), np.concatenate([high[kept], low[kept]])
    return csr_array((np.tile(length[kept], 2), ends), shape=(len(graph.xy), len(graph.xy)))
