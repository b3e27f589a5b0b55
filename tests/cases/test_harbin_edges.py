"""Harbin, April 2024: the reader and the edges against car edges that another tool (bfmap) made from the same extract.

That tool cuts a way at every located node which ways with a ``highway`` tag visit at least twice, footways included, and draws a straight line
over missing nodes. The product breaks a way there. So the comparison bridges: the parts of a way are joined in their order, with the located
nodes that stand alone between missing ones, which are no line and which the reader leaves out.
"""

from itertools import groupby
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from spatial.layers import layer_specs
from spatial.network.edges import split_edges
from spatial.sources.osm import read_osm

pytestmark = pytest.mark.cases

WITH_LINKS = ("motorway", "trunk", "primary", "secondary", "tertiary")
CAR = [*WITH_LINKS, *(f"{key}_link" for key in WITH_LINKS), "residential", "living_street", "service", "unclassified"]

Vertex = tuple[int, float, float]


def geodesic_m(lines: np.ndarray) -> np.ndarray:
    """Length of each line in degrees on the WGS-84 ellipsoid, m."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    _, _, step = Geod(ellps="WGS84").inv(*xy[:-1].T, *xy[1:].T)
    return np.bincount(line[1:], np.where(np.diff(line) == 0, step, 0.0), minlength=len(lines))


def runs_of_located(vertices: list[Vertex | None]) -> list[list[Vertex]]:
    """Stretches of a way between missing nodes."""
    return [list(run) for located, run in groupby(vertices, key=lambda vertex: vertex is not None) if located]


@pytest.fixture(scope="module")
def extract(cases: Path) -> Path:
    return cases / "harbin" / "harbin_202404.osm.pbf"


@pytest.fixture(scope="module")
def roads(extract: Path) -> gpd.GeoDataFrame:
    """What the product reads: every way with a highway tag, broken at missing nodes."""
    return read_osm(extract, [layer_specs()["roads"]]).frames["roads"]


@pytest.fixture(scope="module")
def clipped(extract: Path) -> dict[str, list[Vertex | None]]:
    """Ways that lack nodes, vertex by vertex as the file lists them, ``None`` where a node is missing."""
    ways = {}
    highways = osmium.filter.KeyFilter("highway").enable_for(osmium.osm.WAY)
    for item in osmium.FileProcessor(str(extract)).with_locations().with_filter(highways):
        if item.is_way() and not all(node.location.valid() for node in item.nodes):
            ways[f"w{item.id}"] = [(n.ref, n.lon, n.lat) if n.location.valid() else None for n in item.nodes]
    return ways


@pytest.fixture(scope="module")
def bridged(roads: gpd.GeoDataFrame, clipped: dict[str, list[Vertex | None]]) -> gpd.GeoDataFrame:
    """The same ways with a straight line over missing nodes, as the other tool drew them."""
    located = {way: [vertex for vertex in vertices if vertex] for way, vertices in clipped.items()}
    # A way of a single located node has no length, but it meets others there: it is drawn from that node to itself.
    drawn = {way: vertices if len(vertices) > 1 else vertices * 2 for way, vertices in located.items() if vertices}
    columns = {"id": list(drawn), "nodes": [[ref for ref, _, _ in vertices] for vertices in drawn.values()]}
    lines = [shapely.LineString([(lon, lat) for _, lon, lat in vertices]) for vertices in drawn.values()]
    whole = roads.loc[~roads["id"].isin(clipped), ["id", "nodes", "geometry"]]
    return pd.concat([whole, gpd.GeoDataFrame(columns, geometry=lines, crs=roads.crs)], ignore_index=True)


@pytest.fixture(scope="module")
def theirs(cases: Path) -> gpd.GeoDataFrame:
    """Edges of the other tool; its ``length`` is Web Mercator and is not read."""
    table = pd.read_csv(cases / "harbin" / "bfmap_ways.csv", usecols=["osm_id", "source", "target", "geom"])
    table["id"] = "w" + table.pop("osm_id").astype(str)
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries.from_wkt(table.pop("geom")), crs="EPSG:4326")


@pytest.fixture(scope="module")
def their_m(theirs: gpd.GeoDataFrame) -> pd.Series:
    return by_way(theirs)


def by_way(lines: gpd.GeoDataFrame) -> pd.Series:
    return pd.Series(geodesic_m(lines.geometry.to_numpy()), index=lines["id"]).groupby(level=0).sum()


def test_the_14_car_classes_are_the_ways_of_the_other_tool(roads: gpd.GeoDataFrame, theirs: gpd.GeoDataFrame) -> None:
    cars = set(roads.loc[roads["highway"].isin(CAR), "id"])
    assert len(CAR) == 14
    assert cars == set(theirs["id"])
    assert len(cars) == 7_896


def test_a_clipped_way_keeps_every_stretch_between_missing_nodes(roads: gpd.GeoDataFrame, clipped: dict[str, list[Vertex | None]]) -> None:
    read: dict[str, list[tuple[list[int], list[tuple[float, float]]]]] = {way: [] for way in clipped}
    for row in roads[roads["id"].isin(clipped)].itertuples():
        read[row.id].append((row.nodes.tolist(), list(row.geometry.coords)))
    for way, vertices in clipped.items():
        runs = [run for run in runs_of_located(vertices) if len(run) > 1]
        assert read[way] == [([ref for ref, _, _ in run], [(lon, lat) for _, lon, lat in run]) for run in runs]


def test_every_way_is_as_long_as_theirs(bridged: gpd.GeoDataFrame, theirs: gpd.GeoDataFrame, their_m: pd.Series) -> None:
    ours_m = by_way(bridged[bridged["id"].isin(theirs["id"])])
    assert set(ours_m.index) == set(their_m.index)
    assert (ours_m - their_m).abs().max() < 0.1
    assert ours_m.sum() == pytest.approx(3_277_200, abs=5)


def test_the_product_breaks_where_they_bridge(roads: gpd.GeoDataFrame, theirs: gpd.GeoDataFrame, their_m: pd.Series) -> None:
    # Nine car ways leave the window and come back: 2.56 km of straight lines that no one has surveyed.
    bridges_m = their_m - by_way(roads[roads["id"].isin(theirs["id"])])
    assert (bridges_m.abs() > 0.1).sum() == 9
    assert bridges_m.sum() == pytest.approx(2_560, abs=5)
    assert bridges_m.min() > -0.1


def test_at_least_999_of_1000_edges_are_theirs(bridged: gpd.GeoDataFrame, theirs: gpd.GeoDataFrame) -> None:
    edges = split_edges(bridged)
    ours = keys(edges[edges["id"].isin(theirs["id"])])
    known = keys(theirs)
    same = len(ours.intersection(known))
    assert same / len(known) >= 0.999
    assert same / len(ours) >= 0.999


def test_broken_ways_spoil_less_than_one_edge_in_a_thousand(roads: gpd.GeoDataFrame, theirs: gpd.GeoDataFrame) -> None:
    edges = split_edges(roads)
    ours, known = keys(edges[edges["id"].isin(theirs["id"])]), keys(theirs)
    assert len(ours.intersection(known)) / len(known) >= 0.999


def test_edges_of_a_way_add_up_to_it(roads: gpd.GeoDataFrame) -> None:
    edges = split_edges(roads)
    pd.testing.assert_series_equal(by_way(edges), by_way(roads), rtol=1e-9)


def keys(edges: gpd.GeoDataFrame) -> pd.MultiIndex:
    """Way, both ends and every vertex (1e-7 degrees, as OSM stores them): an edge is the same when all of them are; each is there once."""
    shape = shapely.to_wkt(edges.geometry.to_numpy(), rounding_precision=7, trim=True)
    found = pd.MultiIndex.from_arrays([edges["id"], edges["source"], edges["target"], shape])
    assert found.is_unique
    return found
