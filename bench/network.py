"""The network against its peers: contraction against osmnx, nearest against plain scipy and pandana, service areas."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import shapely


def bench_graph(extract: Path) -> None:
    """Walking graph against osmnx.simplify_graph on the same segments: equal nodes, edges, length and dead ends."""
    from spatial.network.contract import contract
    from spatial.network.graph import build_network
    from spatial.network.passage import CLOSED, way_status
    from spatial.network.streets import street_graph

    city = _city(extract)
    roads = city.frame("roads")
    whole = _best(lambda: street_graph(roads, city.layer("gates").frame))
    network = build_network(roads[way_status(roads, "walk") != CLOSED])
    open_ = np.ones(len(network.start), bool)

    def ours() -> Any:
        return contract(network.xy, network.start, network.end, network.line, open_, open_, ~open_)

    graph, seconds = ours(), _best(ours)
    print(f"walking graph of {extract.stem}: {graph}, {len(graph.dead_ends())} dead ends")
    print(f"  rules, joining, gates and contraction {whole:.2f} CPU-s, of that contraction {seconds:.3f}")
    try:
        import osmnx
    except ImportError:
        print("  osmnx is not installed; pip install osmnx to compare")
        return
    peer = _peer_graph(network)
    start = time.process_time()
    simple = osmnx.convert.to_undirected(osmnx.simplify_graph(peer))
    theirs = time.process_time() - start
    # osmnx drops rings that nothing meets; each is one node and one edge here.
    alone = np.flatnonzero((graph.start == graph.end) & (graph.degree()[graph.start] == 2))
    mine = (
        len(graph.xy) - len(alone),
        len(graph.start) - len(alone),
        round(float(graph.length_m.sum() - graph.length_m[alone].sum()), 3),
        len(graph.dead_ends()),
    )
    metres = round(sum(length for *_, length in simple.edges(data="length")), 3)
    other = (simple.number_of_nodes(), simple.number_of_edges(), metres, sum(degree == 1 for _, degree in simple.degree()))
    for what, left, right in zip(("nodes", "edges", "metres", "dead ends"), mine, other, strict=True):
        print(f"  {what}: {left:,} here, {right:,} by osmnx{'' if left == right else '  DIFFERENT'}")
    print(f"  contraction {seconds:.3f} CPU-s, osmnx {theirs:.2f}: {seconds / theirs:.3f} ×")


def bench_nearest(extract: Path) -> None:
    """Nearest of 200 facilities to every node against plain scipy on the same matrix, and pandana."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    from spatial.network.contract import contract
    from spatial.network.graph import build_network
    from spatial.network.reach import arcs, field
    from spatial.network.several import counts_within, has_numba, k_nearest
    from spatial.network.snap import Attached

    network = build_network(_city(extract).frame("roads"))
    yes = np.ones(len(network.start), bool)
    graph = contract(network.xy, network.start, network.end, network.line, yes, yes, ~yes)
    edge = np.random.default_rng(1).choice(len(graph.start), 200, replace=False)
    sources = Attached(edge, np.zeros(200), np.zeros(200))
    links, limit, scale = arcs(graph), 1000.0, 1e5 / len(graph.xy)
    matrix = csr_array((links.weights(graph.length_m), links.indices, links.indptr), shape=(links.count, links.count))
    at = graph.start[edge]
    ours = _best(lambda: field(graph, sources, limit=limit))
    plain = _best(lambda: dijkstra(matrix, indices=at, min_only=True, limit=limit))
    same = np.allclose(field(graph, sources, limit=limit).public, dijkstra(matrix, indices=at, min_only=True, limit=limit + 1e-6))
    print(f"nearest, {len(graph.xy):,} nodes, 200 sources, 1 km: {ours * scale:.4f} CPU-s per 100k nodes and class")
    print(f"  scipy alone {plain * scale:.4f}: {ours / plain:.2f} ×; distances {'equal' if same else 'DIFFERENT'}")
    _against_pandana(graph, at, field(graph, sources, limit=limit).public, limit, ours)
    everywhere = Attached(np.arange(len(graph.start)), np.zeros(len(graph.start)), np.zeros(len(graph.start)))
    for fast in (False, True) if has_numba() else (False,):
        name = "numba" if fast else "scipy"
        three = _best(lambda fast=fast: k_nearest(graph, sources, np.arange(200), everywhere, limit=limit, compiled=fast))
        count = _best(lambda fast=fast: counts_within(graph, sources, np.arange(200), limit=limit, compiled=fast))
        print(f"  three nearest {three:.3f} CPU-s, counts {count / 200 * 1e3:.3f} ms a facility, by {name}")


def _against_pandana(graph: Any, at: Any, far: Any, limit: float, ours: float) -> None:
    """Distances of equal edges at equal nodes, and the cost; without pandana say so."""
    try:
        import pandana
    except ImportError:
        print("  pandana is not installed (AGPL, never a dependency); pip install pandana to compare")
        return
    import pandas as pd

    edges = (pd.Series(graph.start), pd.Series(graph.end), pd.DataFrame({"m": graph.length_m}))
    start = time.process_time()
    peer = pandana.Network(pd.Series(graph.xy[:, 0]), pd.Series(graph.xy[:, 1]), *edges)
    built = time.process_time() - start
    peer.set_pois("x", limit, 1, *(pd.Series(graph.xy[at, axis]) for axis in (0, 1)))
    theirs = _best(lambda: peer.nearest_pois(limit, "x", num_pois=1))
    found = peer.nearest_pois(limit, "x", num_pois=1)[1].to_numpy()
    # What it does not find it gives the limit; a facility is at the nearest node by place, which is ours but for nodes at one place.
    both = np.isfinite(far) & (found < limit)
    apart = int((np.isfinite(far) != (found < limit)).sum())
    gap_m = np.abs(found - far)[both].max(initial=0.0)
    scale = 1e5 / len(graph.xy)
    print(f"  pandana {theirs * scale:.4f}, and {built:.1f} to build: {ours / theirs:.3f} ×")
    print(f"  distances at {both.sum():,} nodes differ by at most {gap_m:.4f} m; {apart} nodes are within 1 km by one only")


def bench_service_areas(extract: Path) -> None:
    """Draw 500 service areas of 1 km, one after the other and on two threads."""
    from spatial.network.reach import field
    from spatial.network.service_areas import service_area
    from spatial.network.snap import snap
    from spatial.network.streets import street_graph

    city = _city(extract)
    graph = street_graph(city.frame("roads"), city.layer("gates").frame)
    places = shapely.point_on_surface(np.asarray(city.frame("facilities").geometry.to_numpy(), dtype=object))
    attached = snap(graph, places)
    chosen = np.random.default_rng(1).choice(np.flatnonzero(attached.reached), 500, replace=False)

    def draw(one: int) -> Any:
        return service_area(graph, field(graph, attached.take([one]), limit=1000.0), limit=1000.0)

    draw(int(chosen[0]))
    for threads in (1, 2):
        wall, cpu = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(threads) as pool:
            areas = list(pool.map(draw, chosen.tolist()))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        size = sum(shapely.area(parts).sum() for parts in areas) / len(areas) / 1e6
        print(f"500 service areas of 1 km, {threads} thread{'s' * (threads > 1)}: {wall:.1f} s wall, {cpu:.1f} CPU-s, mean {size:.2f} km²")


def _city(extract: Path) -> Any:
    from spatial.project import open_city

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "city.toml").write_text(f'name = "{extract.stem}"\n[osm]\nfile = "{extract}"\n', encoding="utf-8")
        return open_city(folder, cache=False)


def _best(work: Callable[[], object], repeats: int = 3) -> float:
    """Least CPU seconds of several: what a noisy machine adds is never negative."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def _peer_graph(network: Any) -> Any:
    import networkx as nx

    peer = nx.MultiDiGraph(crs="EPSG:32628")
    peer.add_nodes_from((node, {"x": x, "y": y}) for node, (x, y) in enumerate(network.xy.tolist()))
    step = network.xy[network.start] - network.xy[network.end]
    for start, end, way, length in zip(
        network.start.tolist(), network.end.tolist(), network.line.tolist(), np.hypot(*step.T).tolist(), strict=True
    ):
        if start != end:
            for one, other in ((start, end), (end, start)):
                peer.add_edge(one, other, osmid=way, length=length)
    peer.remove_nodes_from([node for node, degree in list(peer.degree()) if not degree])
    return peer
