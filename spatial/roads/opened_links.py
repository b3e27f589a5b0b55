"""Dead ends that were opened (打通断头路): what the street network proves of a record of the ledger."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import shapely

from spatial.ledger.confirm import Layers, Proof
from spatial.network.contract import Bools, Graph
from spatial.network.extension import Extension, extend
from spatial.network.snap import Attached
from spatial.network.streets import street_graph
from spatial.overlay import Geometries, Ints
from spatial.text import Text

END_M, ALONG_M, BUILT_SHARE, PARALLEL = 20.0, 15.0, 0.8, 0.8  # how exactly a ledger draws a road (to be confirmed)
LIMIT_M = 10_000.0
NARROWER = 0.4
_SAMPLES = np.linspace(0.0, 1.0, 7)
_BOTTLENECK = "卡脖"
_WIDTH = re.compile(r"(\d+(?:\.\d+)?)\s*(?:米|m\b)")

NO_MAP = Text("地图没有道路可供核对", "the map has no roads to hold it against")
NO_LINE = Text("没有一条完整的线形", "it is not drawn as one line")
OFF = Text("两端未与可通车道路相接", "its ends do not meet streets that may be driven")
NOT_BUILT = Text("地图上沿线没有道路", "the map shows no road along it")
NO_DEAD_END = Text("去掉该路后两端都不是断头", "without it neither of its ends is a dead end")
NOT_SHORTER = Text("两端之间的路程没有缩短", "it does not shorten the way between its ends")


def proof_of_opening(records: gpd.GeoDataFrame, city: Layers) -> Proof:
    """Prove that roads were opened, from the streets with and without them.

    Parameters
    ----------
    records
        With ``type``, ``before``, ``after`` and the lines of the roads, city CRS.
    city
        Its layers ``roads`` and ``gates``.

    Returns
    -------
    Proof
        A record is confirmed where the map shows a road along at least 80 % of its line (within 15 m), where without that road one of its ends was a
        dead end (a street of more than 20 m that stops there), and where the way between its ends is shorter with it than without it.
        A bottleneck (卡脖路) needs no dead end and no shorter way where ``before`` and ``after`` state widths ("8 米", "20 m") of which the first is at
        least 40 % less, and its road joins both ends. ``detour_m`` holds the ways before and after, by record; inf where there was none within 10 km.

    References
    ----------
    Metric catalogue, B1, ``dead_end_roads_opened``. An earlier map is not asked for: the road's own line is taken out of the present one, so
    that nothing else that was mapped meanwhile counts as opened.
    """
    count = len(records)
    lines = np.array([_line(shape) for shape in records.geometry.to_numpy()], dtype=object)
    graph = city.memo(("city-wide", "streets for proof"), lambda: _streets(city))
    proof = Proof(np.zeros(count, bool), [NO_MAP] * count, np.full((count, 2), np.nan))
    if graph is None:
        return proof
    drawn = np.flatnonzero(~shapely.is_missing(lines))
    place, at_end, stops = _stops(graph, lines[drawn])
    net = extend(graph, stops)
    for row in range(count):
        proof.why[row] = NO_LINE
    for position, row in enumerate(drawn.tolist()):
        mine = place == position
        ends = [np.unique(net.stop[mine & (at_end == end)]) for end in (0, 1)]
        narrow = _widened(str(records["type"].iloc[row]), str(records["before"].iloc[row]), str(records["after"].iloc[row]))
        proof.why[row], proof.detour_m[row] = _judge(net, lines[row], ends, narrow)
        proof.confirmed[row] = proof.why[row] is None
    return proof


def _judge(net: Extension, line: shapely.LineString, ends: list[Ints], narrow: bool) -> tuple[Text | None, list[float]]:
    """Say why a record is not proved, ``None`` where it is; and the ways between its ends before and after."""
    unknown = [np.nan, np.nan]
    if not len(ends[0]) or not len(ends[1]) or np.isin(ends[0], ends[1]).any():
        return OFF, unknown
    own, built_m = _along(net, line)
    if built_m < BUILT_SHARE * line.length:
        return NOT_BUILT, unknown
    others = net.ends[~own & ~net.graph.private[net.edge]]
    if not all(np.isin(end, others).any() for end in ends):
        return OFF, unknown
    metres = [_way(net, ends, without) for without in (own, None)]
    if narrow:
        return (None if np.isfinite(metres[1]) else NOT_SHORTER), metres
    if not any(_dead_end(net, node, own) for end in ends for node in end.tolist()):
        return NO_DEAD_END, metres
    return (None if metres[1] < metres[0] - 1.0 else NOT_SHORTER), metres


def _line(shape: shapely.Geometry | None) -> shapely.LineString | None:
    """One line of a record, of pieces that follow one another too; ``None`` where it is drawn otherwise."""
    if shape is None or shapely.is_empty(shape) or shapely.get_dimensions(shape) != 1:
        return None
    merged = shapely.line_merge(shape)
    return merged if shapely.get_type_id(merged) == 1 and not merged.is_ring else None


def _streets(city: Layers) -> Graph | None:
    roads, gates = (getattr(city.layers.get(name), "frame", None) for name in ("roads", "gates"))
    if roads is None or roads.empty or "highway" not in roads:
        return None
    graph = street_graph(roads, gates, mode="drive")
    return graph if len(graph.start) else None


def _stops(graph: Graph, lines: Geometries) -> tuple[Ints, Ints, Attached]:
    """Nearest places on all public streets within 20 m of either end of each line: the line's number, which end, and the place."""
    points = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    who, edge = graph.tree.query(points, predicate="dwithin", distance=END_M)
    public = ~graph.private[edge]
    who, edge = who[public], edge[public]
    along = shapely.line_locate_point(graph.lines[edge], points[who])
    count = max(len(lines), 1)
    return who % count, who // count, Attached(edge.astype(np.int64), along, np.zeros(len(who)))


def _along(net: Extension, line: shapely.LineString) -> tuple[Bools, float]:
    """Stretches that run along a line, and how many metres of the line they cover."""
    shapely.prepare(line)
    near = np.flatnonzero(np.isin(net.edge, net.graph.tree.query(line, predicate="dwithin", distance=ALONG_M)))
    length = (net.to_m - net.from_m)[near]
    at = net.from_m[near, None] + length[:, None] * _SAMPLES
    spots = shapely.line_interpolate_point(net.graph.lines[net.edge[near]][:, None], at)
    within = shapely.dwithin(spots, line, ALONG_M).all(axis=1) if len(near) else np.zeros(0, bool)
    near, spots, length = near[within], spots[within], length[within]
    place = shapely.line_locate_point(line, spots).reshape(-1, len(_SAMPLES))
    low, high = place.min(axis=1), place.max(axis=1)
    # A street that crosses the line within its strip covers next to nothing of it.
    own = (high - low >= PARALLEL * length) & (length > 0)
    mask = np.zeros(len(net.edge), bool)
    mask[near[own]] = True
    low, high = low[own], high[own]
    order = np.argsort(low, kind="stable")
    reached = np.maximum.accumulate(np.r_[-np.inf, high[order]])[:-1] if own.any() else np.empty(0)
    return mask, float(np.maximum(high[order] - np.maximum(low[order], reached), 0.0).sum())


def _dead_end(net: Extension, node: int, own: Bools) -> bool:
    """Whether a street of more than 20 m stops at a node once the road is taken out: what is left of a junction that was drawn short is none."""
    length_m, before = 0.0, -1
    while True:
        public = ~own & ~net.graph.private[net.edge]
        mine = np.flatnonzero(public & (net.ends == node).any(axis=1))
        mine = mine[mine != before]
        if (net.ends[mine] == node).sum() != 1:
            return bool(before >= 0 and length_m > END_M)
        length_m += float(net.to_m[mine[0]] - net.from_m[mine[0]])
        if length_m > END_M:
            return True
        before = int(mine[0])
        one, other = net.ends[before].tolist()
        node = other if one == node else one


def _way(net: Extension, ends: list[Ints], without: Bools | None) -> float:
    """Shortest way between the streets at either end."""
    rows = net.distances(ends[0], LIMIT_M, without=without)
    found = rows.metres[np.isin(rows.node, ends[1])]
    return float(found.min()) if len(found) else np.inf


def _widened(kind: str, before: str, after: str) -> bool:
    """Whether the record of a bottleneck states that it was at least 40 % narrower before."""
    widths = [_WIDTH.search(text) for text in (before, after)]
    if _BOTTLENECK not in kind or widths[0] is None or widths[1] is None:
        return False
    narrow, wide = float(widths[0][1]), float(widths[1][1])
    return wide > 0 and narrow <= (1 - NARROWER) * wide
