"""Which carriageways are one road: ways cut where they begin or end to have a twin."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from spatial import overlay
from spatial.overlay import Floats, Geometries, Ints

SAMPLE_M = 20.0
TWIN_M, UNNAMED_TWIN_M, TWIN_DEGREES = 60.0, 40.0, 25.0

Bools = npt.NDArray[np.bool_]


def runs_of(
    lines: Geometries, roads: gpd.GeoDataFrame, kind: npt.NDArray[np.object_], direction: Ints, pairable: Bools
) -> tuple[Geometries, Ints, Bools]:
    """Cut each one-way road where it begins or ends to have a twin."""
    chosen = np.flatnonzero(pairable)
    length = shapely.length(lines[chosen])
    count = np.maximum(1, np.ceil(length / SAMPLE_M).astype(int))
    way = np.repeat(np.arange(len(chosen)), count)
    step = length[way] / count[way]
    nth = np.arange(len(way)) - np.repeat(np.cumsum(count) - count, count)
    flag = _twins(lines[chosen], (nth + 0.5) * step, direction[chosen][way], roads.iloc[chosen], kind[chosen], way)
    said = roads["dual_carriageway"].iloc[chosen].to_numpy(dtype=object)[way]
    flag = (flag | (said == "yes")) & (said != "no")
    begins = np.r_[True, (np.diff(way) != 0) | (np.diff(flag.astype(int)) != 0)] if len(way) else np.empty(0, bool)
    first = np.flatnonzero(begins)
    last = np.r_[first[1:], len(way)] - 1 if len(first) else first
    start, end = nth[first] * step[first], (nth[last] + 1) * step[last]
    whole = (nth[first] == 0) & (nth[last] == count[way[first]] - 1) if len(first) else np.empty(0, bool)
    cut = lines[chosen][way[first]] if len(first) else np.empty(0, object)
    for i in np.flatnonzero(~whole):
        cut[i] = _between(cut[i], float(start[i]), float(end[i]))
    rest = np.flatnonzero(~pairable)
    owner = np.concatenate([rest, chosen[way[first]] if len(first) else np.empty(0, int)]).astype(int)
    runs = np.concatenate([lines[rest], cut])
    paired = np.concatenate([np.zeros(len(rest), bool), flag[first] if len(first) else np.empty(0, bool)])
    order = np.argsort(owner, kind="stable")
    return runs[order], owner[order], paired[order]


def _between(line: Any, start: float, end: float) -> Any:
    from shapely.ops import substring

    return substring(line, start, end)


def _twins(lines: Geometries, at: Floats, direction: Ints, roads: gpd.GeoDataFrame, kind: npt.NDArray[np.object_], way: Ints) -> Bools:
    """Whether each sample has a carriageway of the same road beside it that runs the other way."""
    flag = np.zeros(len(way), bool)
    if not len(way):
        return flag
    here, back, ahead = (overlay.points_along(lines, way, at + shift) for shift in (0.0, -1.0, 1.0))
    heading = (ahead - back) * direction[:, None]
    norm = np.hypot(heading[:, 0], heading[:, 1])
    heading /= np.where(norm > 0, norm, 1.0)[:, None]
    found = cKDTree(here).query_pairs(np.hypot(TWIN_M, SAMPLE_M), output_type="ndarray")
    identity = roads["id"].to_numpy(dtype=object)
    a, b = found[:, 0], found[:, 1]
    opposite = np.einsum("ij,ij->i", heading[a], heading[b]) <= -np.cos(np.radians(TWIN_DEGREES))
    a, b = a[opposite], b[opposite]
    gap = here[b] - here[a]
    course = heading[a] - heading[b]  # of both together, so that neither road is the first
    course /= np.hypot(course[:, 0], course[:, 1])[:, None]
    along = np.abs(np.einsum("ij,ij->i", gap, course))
    aside = np.abs(gap[:, 0] * course[:, 1] - gap[:, 1] * course[:, 0])
    near = (along <= SAMPLE_M) & (aside <= TWIN_M) & (identity[way[a]] != identity[way[b]])
    a, b, aside = a[near], b[near], aside[near]
    name, ref = (roads[column].fillna("").to_numpy(dtype=object) for column in ("name", "ref"))
    wa, wb = way[a], way[b]
    same = ((name[wa] != "") & (name[wa] == name[wb])) | ((ref[wa] != "") & (ref[wa] == ref[wb]))
    nameless = (
        (kind[wa] == kind[wb])
        & (aside <= UNNAMED_TWIN_M)
        & ((name[wa] == "") | (name[wb] == ""))
        & ((ref[wa] == "") | (ref[wb] == "") | (ref[wa] == ref[wb]))
    )
    twin = same | nameless
    flag[a[twin]] = True
    flag[b[twin]] = True
    return flag
