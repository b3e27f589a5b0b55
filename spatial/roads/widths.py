"""Widths of roads as (low, default, high), and where they come from."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.typing as npt

from spatial.catalogue import reference
from spatial.overlay import Floats, Ints
from spatial.roads.classes import class_table

SOURCES = ("carriageway", "width", "lanes", "default")

Bools = npt.NDArray[np.bool_]


def widths_of(roads: gpd.GeoDataFrame, kind: npt.NDArray[np.object_], carriageways: Ints) -> tuple[dict[str, Floats], Ints, int, int]:
    """Widths by variant as (low, default, high), and where the paved one comes from.

    A width of a class is that of the whole road: each of n carriageways takes 1/n of it. A road with side roads (three carriageways and more) is
    among the wide ones of its class, so its range begins at the default and its default is half-way up (to be confirmed). Measured widths and lanes
    are those of the one carriageway they stand on; of what is built on lanes only the sides of the road are shared.
    """
    table, limits = class_table(), reference("road_classes")
    unknown = {"lane_width": [0.0] * 3, "side": 0.0, "footways": 0.0, "carriageway": [0.0] * 3, "paved": [0.0] * 3, "redline": [0.0] * 3}
    rows = [table.get(key, unknown) for key in kind]
    share = (1.0 / carriageways)[:, None]

    def column(name: str) -> Floats:
        width = np.array([row[name] for row in rows], dtype=float).reshape(len(rows), -1 if rows else 3)
        if width.shape[1] == 3:
            wide = np.column_stack([width[:, 1], width[:, 1:].mean(axis=1), width[:, 2]])
            width = np.where(carriageways[:, None] > 2, wide, width)
        return width * share

    measured = {key: roads[field].to_numpy(dtype=float) for key, field in (("carriageway", "carriageway_width"), ("width", "width"))}
    rejected = 0
    for key, values in measured.items():
        bad = np.isfinite(values) & ((values <= limits["width_min"]) | (values > limits["width_max"]))
        rejected += int(bad.sum())
        measured[key] = np.where(bad, np.nan, values)
    lanes = roads["lanes"].to_numpy(dtype=float)
    odd_lanes = np.isfinite(lanes) & ~((lanes >= 1) & (lanes <= 16))
    lanes = np.where(odd_lanes, np.nan, lanes)
    lane_width = np.array([row["lane_width"] for row in rows], dtype=float).reshape(len(rows), 3)
    by_lanes = lanes[:, None] * lane_width
    footways, side = column("footways"), column("side")
    carriageway, width = measured["carriageway"][:, None], measured["width"][:, None]
    paved = _first(carriageway + footways, width, by_lanes + side, column("paved"))
    drive = _first(carriageway, np.maximum(width - footways, 2.5), by_lanes, column("carriageway"))
    source = np.select([np.isfinite(measured["carriageway"]), np.isfinite(measured["width"]), np.isfinite(lanes)], [0, 1, 2], 3)
    red = column("redline")
    red = np.where(np.isfinite(width), np.maximum(red, width), red)
    return {"paved": paved, "carriageway": drive, "redline": red, "statistic": paved}, source, rejected, int(odd_lanes.sum())


def _first(*choices: Floats) -> Floats:
    """Take the first choice that is known, row by row, as (low, default, high)."""
    shape = (len(choices[-1]), 3)
    out = np.broadcast_to(choices[-1], shape).copy()
    for choice in reversed(choices[:-1]):
        known = np.isfinite(choice).all(axis=1)
        out[known] = np.broadcast_to(choice, shape)[known]
    return out
