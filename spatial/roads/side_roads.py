"""Side roads (辅路) of an expressway or motorway: they belong to it, and are no arterials or branches of their own."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import shapely

from spatial.city import City
from spatial.overlay import Ints
from spatial.roads.model import RoadModel, road_model
from spatial.roads.names import name_keys

SIDE_M = 60.0
"""How far from the axis of the expressway its side road runs, metres; as wide as a pair of carriageways may be (to be confirmed)."""

CLUSTERED_FROM = 3
"""Carriageways from which a side road is one of those of the expressway: two may be only each other's."""

BESIDE_M = 120.0
"""How far from a side road the carriageways of its expressway may lie that are one road with it, metres (to be confirmed)."""

FAST = ("expressway", "motorway")
_SIDE_NAME = re.compile("辅路|辅道|辅线|侧路")

Bools = npt.NDArray[np.bool_]


def length_classes(city: City) -> tuple[npt.NDArray[np.object_], Bools]:
    """Class of every run for its length, and whether the run adds to it.

    Parameters
    ----------
    city
        With ``roads``.

    Returns
    -------
    tuple of arrays
        By run of ``road_model``: the class, ``expressway`` or ``motorway`` for a road that is named a side road of one (``东部快速路辅路``) and runs
        within 60 m of it for half its length; and ``False`` for those side roads that the model does not hold for carriageways of the main
        road, whose length is that of the main road beside them already. A side road that is the other half of a lone carriageway of the main
        road counts: else that would be half as long as it is.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return city.memo("length_classes", lambda: _classes(city))


def _classes(city: City) -> tuple[npt.NDArray[np.object_], Bools]:
    model = road_model(city)
    kind, counts = model.road_class.copy(), np.ones(len(model.road_class), bool)
    names = city.frame("roads")["name"]
    key = name_keys(names.to_numpy(dtype=object))[model.road]
    called_side = names.fillna("").astype(str).str.contains(_SIDE_NAME).to_numpy(dtype=bool)[model.road]
    side = np.flatnonzero(called_side & (key > 0) & model.classes("length") & ~np.isin(kind, FAST))
    fast = np.flatnonzero(np.isin(kind, FAST) & model.open)
    if not len(side) or not len(fast):
        return kind, counts
    a, b = shapely.STRtree(model.lines[fast]).query(model.lines[side], predicate="dwithin", distance=BESIDE_M)
    mine = key[side[a]] == key[fast[b]]
    a, b = side[a[mine]], fast[b[mine]]
    for run in np.unique(a):
        main = b[a == run]
        close = main[shapely.dwithin(model.lines[main], model.lines[run], SIDE_M)]
        near = shapely.intersection(model.lines[run], shapely.buffer(shapely.union_all(model.lines[close]), SIDE_M))
        if shapely.length(near) >= shapely.length(model.lines[run]) / 2:
            kind[run] = next(each for each in FAST if each in kind[close])
            counts[run] = model.carriageways[run] >= CLUSTERED_FROM or (model.paired[run] and _lacks_half(model, run, main))
    return kind, counts


def _lacks_half(model: RoadModel, run: int, main: Ints) -> bool:
    """Whether what the main road counts beside a side road is nearer to half its length than to the whole."""
    line = model.lines[run]
    beside = shapely.intersection(model.lines[main], shapely.buffer(line, BESIDE_M, cap_style="flat"))
    return bool((shapely.length(beside) * model.weights[main]).sum() < 0.75 * shapely.length(line))
