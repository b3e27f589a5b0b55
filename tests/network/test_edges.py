"""Edges of ways drawn by hand."""

import geopandas as gpd
import pytest
from shapely import LineString

from spatial.errors import LayerError
from spatial.network.edges import split_edges

PLACES = {1: (0, 0), 2: (1, 0), 3: (2, 0), 4: (1, 1), 5: (1, 2), 6: (2, 1), 7: (1, 0)}  # 7 is a bridge over 2


def ways(**nodes: list[int]) -> gpd.GeoDataFrame:
    lines = [LineString([PLACES[ref] for ref in refs]) for refs in nodes.values()]
    return gpd.GeoDataFrame({"id": list(nodes), "nodes": list(nodes.values())}, geometry=lines, index=range(10, 10 + len(nodes)), crs=3857)


@pytest.mark.parametrize(
    ("nodes", "edges"),
    [
        ({"a": [1, 2, 3]}, [("a", 1, 3)]),
        ({"a": [1, 2, 3], "b": [2, 4, 5]}, [("a", 1, 2), ("a", 2, 3), ("b", 2, 5)]),
        ({"a": [1, 2, 3], "b": [7, 4, 5]}, [("a", 1, 3), ("b", 7, 5)]),  # the same place, another node
        ({"a": [2, 3, 6, 4, 2]}, [("a", 2, 2)]),  # a ring that nothing meets
        ({"a": [2, 3, 6, 4, 2], "b": [6, 5]}, [("a", 2, 6), ("a", 6, 2), ("b", 6, 5)]),
        ({"a": [1, 2, 3, 6, 4, 2]}, [("a", 1, 2), ("a", 2, 2)]),  # a lollipop is cut at its neck
        ({"a": [1, 2, 2, 3]}, [("a", 1, 3)]),  # written twice is one visit
        ({"a": [1, 2, 3], "b": [2, 2]}, [("a", 1, 2), ("a", 2, 3)]),  # a way of one node
    ],
)
def test_where_ways_are_cut(nodes: dict[str, list[int]], edges: list[tuple[str, int, int]]) -> None:
    given = ways(**nodes)
    found = split_edges(given)
    assert list(found[["id", "source", "target"]].itertuples(index=False, name=None)) == edges
    assert [given["id"][index] for index in found.index] == found["id"].tolist()
    assert found.length.sum() == pytest.approx(given.length.sum())
    assert found.crs == given.crs
    for row in found.itertuples():
        assert (row.geometry.coords[0], row.geometry.coords[-1]) == (PLACES[row.source], PLACES[row.target])


def test_nothing_gives_nothing() -> None:
    found = split_edges(ways(a=[1, 2]).iloc[:0])
    assert list(found.columns) == ["id", "source", "target", "geometry"]
    assert found.empty


def test_roads_without_node_ids_are_named() -> None:
    roads = ways(a=[1, 2], b=[2, 3])
    roads["nodes"] = [[1, 2], None]
    with pytest.raises(LayerError, match=r"1 of 2 lines do not have one node id a vertex \(ids b\)"):
        split_edges(roads)
