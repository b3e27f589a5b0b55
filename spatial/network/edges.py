"""Edges: the stretches of ways between the nodes where ways meet."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from spatial.errors import LayerError, sample


def split_edges(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Split ways into edges at the nodes they share.

    A way is cut at every inner node that is visited at least twice, by two of the given ways or by one way that meets itself (the neck of a
    lollipop). Nodes decide, never places: a bridge over a street has no node in common with it and cuts nothing. What must not cut must
    not be given: with footways in the frame, a street is cut where a footway joins it.

    Parameters
    ----------
    roads
        LineStrings in any CRS, with ``id`` and ``nodes`` (OSM node ids, one a vertex). Several rows may have one ``id``: the parts of a way
        that lacks nodes; they stay apart.

    Returns
    -------
    geopandas.GeoDataFrame
        One row an edge, in the order of the rows and along each: ``id`` of the way, ``source``, ``target`` (node ids), ``geometry`` in
        the direction of the way; the index is that of the row it was cut from. A closed way that nothing meets is one edge from a node to
        itself. A node that is written twice in a row is one visit and makes no edge; a way of one node alone cuts others and has none.

    Raises
    ------
    LayerError
        A road has no node ids, or not one a vertex (a local layer has none: ``build_network`` joins such roads by shared vertices).

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import LineString
    >>> roads = gpd.GeoDataFrame(
    ...     {"id": ["w1", "w2"], "nodes": [[1, 2, 3], [2, 4]]},
    ...     geometry=[LineString([(0, 0), (1, 0), (2, 0)]), LineString([(1, 0), (1, 1)])],
    ... )
    >>> split_edges(roads)[["id", "source", "target"]].to_numpy().tolist()
    [['w1', 1, 2], ['w1', 2, 3], ['w2', 2, 4]]
    """
    lines = np.asarray(roads.geometry.to_numpy(), dtype=object)
    listed = [np.atleast_1d(np.asarray([] if refs is None else refs)) for refs in roads["nodes"]]
    wrong = np.array([len(refs) for refs in listed], dtype=int) != shapely.get_num_coordinates(lines)
    wrong |= shapely.get_type_id(lines) != 1
    if wrong.any():
        raise LayerError(
            f"roads: {int(wrong.sum())} of {len(roads)} lines do not have one node id a vertex (ids {sample(roads['id'][wrong])});"
            " read them from an OSM extract, or join them by shared vertices with build_network"
        )
    xy, line = shapely.get_coordinates(lines, return_index=True)
    node = np.concatenate([np.empty(0, np.int64), *listed]).astype(np.int64)
    kept = np.r_[True, (np.diff(line) != 0) | (np.diff(node) != 0)][: len(line)]
    xy, line, node = xy[kept], line[kept], node[kept]
    _, place, visits = np.unique(node, return_inverse=True, return_counts=True)
    met = visits[place] > 1
    long = (np.bincount(line, minlength=len(lines)) > 1)[line]
    xy, line, node, met = xy[long], line[long], node[long], met[long]
    first = np.r_[True, np.diff(line) != 0][: len(line)]
    last = np.r_[first[1:], True][: len(line)]
    inner = met & ~first & ~last
    # An inner cut ends one edge and begins the next: it stands twice.
    at = np.repeat(np.arange(len(line)), 1 + inner)
    again = np.r_[False, np.diff(at) == 0][: len(at)]
    begin = np.flatnonzero(first[at] | again)
    end = np.r_[begin[1:], len(at)][: len(begin)] - 1
    edge = np.repeat(np.arange(len(begin)), end - begin + 1)
    owner = line[at[begin]]
    geometry = shapely.linestrings(xy[at], indices=edge) if len(begin) else np.empty(0, object)
    columns = {"id": roads["id"].to_numpy(dtype=object)[owner], "source": node[at[begin]], "target": node[at[end]]}
    return gpd.GeoDataFrame(columns, index=roads.index[owner], geometry=geometry, crs=roads.crs)
