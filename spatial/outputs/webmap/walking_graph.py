"""The walking network as a page needs it to attach a place and to walk from it: streets, barriers, gates, and the city's metres."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from spatial.city import City
from spatial.crs import WGS84
from spatial.errors import OutputError
from spatial.metrics.walking import ISLAND_M, SNAP_LIMIT_M, gate_points, open_at_grade, walk
from spatial.network.contract import Graph
from spatial.network.snap import Attached
from spatial.outputs.webmap.streams import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEP_M = 0.001  # finer than what is known, so that the page decides as we do who is just within a limit
EXACT_M = 0.002  # how far the fitted projection may be off
_GRID, _MOST_DEGREE = 24, 9


def pack_graph(city: City, streams: Streams, corner: Floats) -> None:
    """Write the walking network of a city.

    Parameters
    ----------
    city
        With ``roads``.
    streams
        Where it is written: nodes and edges in the order of the graph, which decides between streets at one distance.
    corner
        What all coordinates are relative to, metres.
    """
    net = walk(city)
    graph = net.graph
    xy = _steps(graph.xy, corner)
    streams.steps("node_x", xy[:, 0])
    streams.steps("node_y", xy[:, 1])
    streams.steps("start", graph.start)
    streams.whole("end", graph.end - graph.start)
    streams.bits("private", graph.private)
    part = graph.components()[graph.start]
    streams.bits("main", np.bincount(part, weights=graph.length_m)[part] >= ISLAND_M if len(part) else [])
    count = shapely.get_num_coordinates(graph.lines)
    streams.whole("vertices", count - 2)
    vertex = _steps(shapely.get_coordinates(graph.lines), corner)
    first = np.cumsum(count) - count
    inner = np.ones(len(vertex), bool)
    inner[first] = inner[first + count - 1] = False
    step = np.diff(vertex, axis=0, prepend=vertex[:1])[inner]
    streams.whole("step_x", step[:, 0])
    streams.whole("step_y", step[:, 1])
    streams.bits("grade", open_at_grade(city, graph))
    _pack_obstacles(graph, net.obstacles, len(net.obstacles) - len(net.without_walls), streams, corner)
    gates = gate_points(city, public=True)
    at = _steps(shapely.get_coordinates(np.concatenate([points for points, _ in gates])) if gates else np.empty((0, 2)), corner)
    streams.steps("gate_x", at[:, 0])
    streams.steps("gate_y", at[:, 1])
    streams.whole("gate_within", np.concatenate([np.full(len(points), round(within_m)) for points, within_m in gates]) if gates else [])


def pack_attached(attached: Attached, streams: Streams) -> None:
    """Write where places are attached, in their order; 0 where they are not, else one more than the edge."""
    there = attached.reached
    streams.steps("at_edge", np.where(there, attached.edge + 1, 0))
    streams.whole("along", np.rint(np.where(there, attached.along_m, 0) / STEP_M))
    streams.whole("gap", np.rint(np.where(there, attached.gap_m, 0) / STEP_M))


def pack_polygons(name: str, polygons: npt.NDArray[np.object_], streams: Streams, corner: Floats) -> None:
    """Write the rings of polygons, by number of points; what is asked of them is only whether they are touched."""
    rings = shapely.get_rings(shapely.get_parts(polygons))
    at = _steps(shapely.get_coordinates(rings), corner)
    streams.whole(f"{name}_size", shapely.get_num_coordinates(rings))
    streams.steps(f"{name}_x", at[:, 0])
    streams.steps(f"{name}_y", at[:, 1])


def _pack_obstacles(graph: Graph, obstacles: npt.NDArray[np.object_], walls: int, streams: Streams, corner: Floats) -> None:
    """Write what bars connectors, the walls first, as far as a connector can come near it."""
    near = np.zeros(len(obstacles), bool)
    if len(obstacles) and len(graph.lines):
        west, south, east, north = shapely.bounds(obstacles).T
        around = shapely.box(west - SNAP_LIMIT_M, south - SNAP_LIMIT_M, east + SNAP_LIMIT_M, north + SNAP_LIMIT_M)
        near[np.unique(graph.tree.query(around)[0])] = True
    kept = obstacles[near]
    shells = (shapely.get_type_id(kept) == 2) & shapely.is_ccw(kept)
    at = _steps(shapely.get_coordinates(kept), corner)
    streams.whole("barrier_size", shapely.get_num_coordinates(kept))
    streams.bits("barrier_wall", np.flatnonzero(near) < walls)
    streams.bits("barrier_shell", shells)
    streams.steps("barrier_x", at[:, 0])
    streams.steps("barrier_y", at[:, 1])


def _steps(xy: Floats, corner: Floats) -> Ints:
    return np.rint((xy - corner) / STEP_M).astype(np.int64)


def fitted_projection(crs: pyproj.CRS, bounds: tuple[float, float, float, float], corner: Floats) -> dict[str, Any]:
    """Fit polynomials to the projection of a city, both ways.

    Parameters
    ----------
    crs
        Of the city.
    bounds
        West, south, east, north in it, metres.
    corner
        What the page's coordinates are relative to.

    Returns
    -------
    dict
        ``metres`` (centre and half size, relative to the corner), ``degrees`` (centre and half size, longitude and latitude), and coefficients of
        the terms uⁱvʲ with i + j ≤ ``degree``, by i, then j: ``to_lon``, ``to_lat``, ``to_x``, ``to_y``. Off by less than 2 mm within the bounds.

    Raises
    ------
    OutputError
        No polynomial of a reasonable degree is as true as that.
    """
    move: Any = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True)
    edges: Floats = np.cos(np.pi * (2 * np.arange(_GRID) + 1) / (2 * _GRID))
    low_m, high_m = np.array(bounds[:2]), np.array(bounds[2:])
    middle, half = (low_m + high_m) / 2, (high_m - low_m) / 2
    unit = np.stack(np.meshgrid(edges, edges, indexing="ij"), axis=-1).reshape(-1, 2)
    tried = np.stack(np.meshgrid(np.linspace(-1, 1, 31), np.linspace(-1, 1, 31), indexing="ij"), axis=-1).reshape(-1, 2)
    lonlat, lonlat_tried = (np.column_stack(move.transform(*(middle + part * half).T)) for part in (unit, tried))
    low, high = lonlat_tried.min(axis=0), lonlat_tried.max(axis=0)
    centre: Floats = np.round((low + high) / 2, 6)
    spread: Floats = np.round((high - low) / 2 * 1.001, 6)
    per_degree = np.array([111_320.0 * np.cos(np.radians(centre[1])), 111_320.0])
    for degree in range(2, _MOST_DEGREE + 1):
        back, back_tried = (_terms((part - centre) / spread, degree) for part in (lonlat, lonlat_tried))
        there, there_tried = _terms(unit, degree), _terms(tried, degree)
        to_degrees: Any = np.round(np.linalg.lstsq(there, (lonlat - centre) / spread, rcond=None)[0], 13)
        to_metres: Any = np.round(np.linalg.lstsq(back, unit, rcond=None)[0], 13)
        off = max(
            np.abs((there_tried @ to_degrees * spread + centre - lonlat_tried) * per_degree).max(),
            np.abs((back_tried @ to_metres - tried) * half).max(),
        )
        if off < EXACT_M:
            return {
                "degree": degree,
                "metres": [*(middle - corner).round(3).tolist(), *half.tolist()],
                "degrees": [*centre.tolist(), *spread.tolist()],
                **{name: to_degrees[:, axis].tolist() for axis, name in enumerate(("to_lon", "to_lat"))},
                **{name: to_metres[:, axis].tolist() for axis, name in enumerate(("to_x", "to_y"))},
            }
    raise OutputError(
        f"the projection {crs.name} cannot be fitted to {EXACT_M} m over {bounds[2] - bounds[0]:.0f} × {bounds[3] - bounds[1]:.0f} m"
    )


def _terms(uv: Floats, degree: int) -> Floats:
    return np.stack([uv[:, 0] ** i * uv[:, 1] ** j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=1)
