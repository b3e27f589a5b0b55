"""How much of the change of roads between two maps was built, how much was mapped, and how much cannot be told."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyproj

from spatial import overlay
from spatial.areas import CITY
from spatial.city import City
from spatial.crs import reproject
from spatial.measurement import measured_areas
from spatial.roads import class_table, length_by_area, road_model
from spatial.roads.changes import NEW, before, road_changes
from spatial.roads.lengths import lines_by_area

ROAD_COLUMNS = (
    "road_class",
    "before_km",
    "after_km",
    "change_km",
    "built_km",
    "mapped_km",
    "unknown_km",
    "retagged_km",
    "left_km",
    "gone_km",
    "redrawn_km",
)
ALL = "total"


def with_earlier_roads(now: City, then: City) -> City:
    """Return a city with the roads of another day of it as the layer ``roads_before``.

    Parameters
    ----------
    now, then
        The city on two days, each in whatever CRS.

    Raises
    ------
    LayerError
        The earlier one has no roads.
    """
    frame = then.frame("roads")
    moved = frame.set_geometry(
        list(reproject(np.asarray(frame.geometry.to_numpy(), dtype=object), then.crs, pyproj.CRS(now.crs))), crs=now.crs
    )
    layer = then.layer("roads")
    extent = None if layer.extent is None else reproject(np.array([layer.extent], dtype=object), then.crs, pyproj.CRS(now.crs))[0]
    spec = now.layer("roads_before").spec
    earlier = replace(layer, spec=spec, frame=moved, extent=extent, options={**layer.options, "date": then.date})
    return replace(now, layers=MappingProxyType({**now.layers, "roads_before": earlier}), _memory={})


def road_table(city: City) -> pd.DataFrame:
    """Length of roads by class on two days, and what the difference consists of.

    Parameters
    ----------
    city
        With ``roads`` and ``roads_before``.

    Returns
    -------
    pandas.DataFrame
        ``ROAD_COLUMNS``: one row a class that counts for length, and ``total``, in which a change of class is none. Kilometres within the city as far
        as both maps cover it, dual carriageways once. Of the difference: what is new and was probably ``built``, probably ``mapped`` late, or
        ``unknown``; ``retagged`` came from another class, ``left`` went to one; ``gone`` is not on the map now; ``redrawn`` is what is left: the same
        roads drawn longer or shorter. All of it is estimated.

    Raises
    ------
    LayerError
        One of the layers was not supplied.
    """
    (areas,) = measured_areas(city, [("new_branch_roads_mapped", "new")])
    whole = int(np.flatnonzero(areas.ids == CITY)[0])
    classes = [key for key, row in class_table().items() if row["length"]]
    changes = road_changes(city)
    index, owner, length = lines_by_area(city, changes.lines, areas)
    mine = owner == whole
    km = overlay.sum_by(index[mine], length[mine] * changes.weights[index[mine]], len(changes.lines)) / 1e3
    days = [before(city), city]
    sums = {}
    for key in (*classes, ALL):
        chosen = tuple(classes) if key == ALL else (key,)
        there = []
        for day in days:
            model = road_model(day)
            there.append(length_by_area(day, areas, model.classes("length") & np.isin(model.road_class, chosen), once=True)[whole] / 1e3)
        kind, which = changes.judged(chosen)
        parts = {name: float(km[which[kind == name]].sum()) for name in (*NEW, "retagged", "left", "gone")}
        change = there[1] - there[0]
        redrawn = change - sum(parts[name] for name in (*NEW, "retagged")) + parts["left"] + parts["gone"]
        sums[key] = [*there, change, *parts.values(), redrawn]
    table = pd.DataFrame.from_dict(sums, orient="index", columns=list(ROAD_COLUMNS[1:])).rename_axis("road_class").reset_index()
    return table[(table[["before_km", "after_km"]].sum(axis=1) > 0) | (table["road_class"] == ALL)].reset_index(drop=True)


def shares(table: pd.DataFrame) -> dict[str, float]:
    """Share of what is new on the map that was probably built, probably mapped late, or cannot be told; none where nothing is new."""
    row = table[table["road_class"] == ALL].iloc[0]
    new = float(row[[f"{name}_km" for name in NEW]].sum())
    return {name: float(row[f"{name}_km"]) / new for name in NEW} if new > 0 else {}
