"""The demo city as the tests read it: by the package, and by hand from the raw extract."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmium
import pyproj
import shapely

from spatial.city import City
from spatial.project import open_city
from tests.demo_city import TARGET

FACTS = tomllib.loads((TARGET / "truths.toml").read_text(encoding="utf-8"))["fact"]
EXTRACT = TARGET / "data" / "zixu.osm.pbf"
SLOW = {"motorway", "motorway_link"}


@functools.cache
def city() -> City:
    """The stored city, opened once."""
    return open_city(TARGET, cache=False)


@functools.cache
def metric_of() -> Any:
    return pyproj.Transformer.from_crs("EPSG:4326", city().crs, always_xy=True).transform


def point(lonlat: list[float]) -> shapely.Point:
    return shapely.Point(*metric_of()(*lonlat))


class Raw:
    """The extract as it stands in the file, read without the package."""

    def __init__(self, path: Path) -> None:
        self.nodes: dict[int, tuple[int, int, dict[str, str]]] = {}
        self.ways: list[tuple[list[int], dict[str, str]]] = []
        self.relations: list[tuple[list[tuple[str, int, str]], dict[str, str]]] = []
        for item in osmium.FileProcessor(str(path)):
            tags = dict(item.tags)
            if item.is_node():
                self.nodes[item.id] = (item.location.x, item.location.y, tags)
            elif item.is_way():
                self.ways.append(([node.ref for node in item.nodes], tags))
            elif item.is_relation():
                self.relations.append(([(member.type, member.ref, member.role) for member in item.members], tags))
        box = osmium.io.Reader(str(path)).header().box()
        self.box = (box.bottom_left.x, box.bottom_left.y, box.top_right.x, box.top_right.y)

    def xy(self, refs: list[int]) -> np.ndarray:
        lonlat = np.array([self.nodes[ref][:2] for ref in refs]) * 1e-7
        return np.column_stack(metric_of()(lonlat[:, 0], lonlat[:, 1]))


@functools.cache
def raw() -> Raw:
    return Raw(EXTRACT)


def walkable(tags: dict[str, str]) -> bool:
    return "highway" in tags and tags["highway"] not in SLOW and tags.get("motorroad") != "yes" and tags.get("area") != "yes"


def is_private(tags: dict[str, str]) -> bool:
    return tags.get("access") in ("private", "no")


@functools.cache
def walks(private: bool) -> nx.Graph:
    graph = nx.Graph()
    for refs, tags in raw().ways:
        if walkable(tags) and is_private(tags) == private:
            xy = raw().xy(refs)
            for a, b, length in zip(refs[:-1], refs[1:], np.hypot(*np.diff(xy, axis=0).T), strict=True):
                graph.add_edge(a, b, length=float(length))
    return graph


def node_at(lonlat: list[float]) -> int:
    """The node of a walkable way at a place."""
    x, y = np.round(np.array(lonlat) * 1e7).astype(int)
    refs = [ref for refs, tags in raw().ways if walkable(tags) for ref in refs]
    at = np.array([raw().nodes[ref][:2] for ref in refs])
    nearest = int(np.argmin(np.hypot((at[:, 0] - x) * 0.72, at[:, 1] - y)))
    assert abs(at[nearest] - [x, y]).max() <= 100  # a metre
    return refs[nearest]


def walk_m(fact: dict[str, Any], graph: nx.Graph) -> float:
    return nx.shortest_path_length(graph, node_at(fact["from"]), node_at(fact["to"]), weight="length")


def planted(identity: str) -> dict[str, Any]:
    return next(fact for fact in FACTS if fact["id"] == identity)
