"""Streets drawn by hand: roads and gates as the layers hold them, and an independent answer by networkx."""

import itertools

import geopandas as gpd
import networkx as nx
import numpy as np
import shapely
from shapely import LineString, Point

from spatial.network.snap import snap

CRS = 32652


def roads(*ways, nodes=None):
    """Each way is (coordinates, tags) or coordinates; ``nodes`` are references by way, else the roads are local."""
    ways = [way if isinstance(way, tuple) and isinstance(way[1], dict) else (way, {}) for way in ways]
    columns = ("highway", "foot", "access", "motorroad", "motor_vehicle", "oneway", "bridge", "tunnel", "layer", "junction", "name")
    frame = gpd.GeoDataFrame(
        {column: [tags.get(column, "residential" if column == "highway" else None) for _, tags in ways] for column in columns},
        geometry=[LineString(line) for line, _ in ways],
        crs=CRS,
    )
    frame["id"] = [f"w{number}" for number in range(len(ways))]
    frame["nodes"] = None
    if nodes is not None:
        frame["nodes"] = [None if refs is None else np.array(refs) for refs in nodes]
    return frame


def gates(*rows):
    """Each row is (place, tags); ``id`` among the tags, ``g0`` … by default: a local gate."""
    columns = ("barrier", "entrance", "access", "foot", "locked")
    frame = gpd.GeoDataFrame(
        {column: [tags.get(column) for _, tags in rows] for column in columns}, geometry=[Point(place) for place, _ in rows], crs=CRS
    )
    frame["id"] = [tags.get("id", f"g{number}") for number, (_, tags) in enumerate(rows)]
    return frame


def grid(blocks, spacing_m=100.0):
    """Square grid around the origin, ``blocks`` to every side."""
    ticks = [step * spacing_m for step in range(-blocks, blocks + 1)]
    return roads(*([(x, y) for y in ticks] for x in ticks), *([(x, y) for x in ticks] for y in ticks))


def points(*xy):
    return shapely.points(np.array(xy, dtype=float).reshape(-1, 2))


def attached(graph, *xy, **options):
    return snap(graph, points(*xy), **options)


def brute(graph, attached, edges=None):
    """Multigraph of the same streets (or some) with one more node a place, joined by its connector; edges are cut at the places."""
    edges = range(len(graph.start)) if edges is None else edges
    network = nx.MultiGraph()
    network.add_nodes_from(range(len(graph.xy)))
    for edge in edges:
        mine = sorted((attached.along_m[i], i) for i in np.flatnonzero(attached.edge == edge))
        stops = [(0.0, int(graph.start[edge])), *((at, ("on", i)) for at, i in mine), (graph.length_m[edge], int(graph.end[edge]))]
        for (a, u), (b, v) in itertools.pairwise(stops):
            network.add_edge(u, v, weight=b - a)
    for i in np.flatnonzero(np.isin(attached.edge, edges)):
        network.add_edge(("on", i), ("place", i), weight=attached.gap_m[i])
    return network
