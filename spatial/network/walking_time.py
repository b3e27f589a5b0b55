"""Minutes on foot: speed, slope, steps and footbridges, in summer and in winter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import shapely

from spatial.catalogue import reference
from spatial.errors import OptionError
from spatial.network.contract import Bools, Graph, components
from spatial.network.passage import text
from spatial.overlay import Floats, Ints

Bound = Literal["low", "central", "high"]
BOUNDS: tuple[Bound, ...] = ("low", "central", "high")
Triple = tuple[float, float, float]
_FOOTWAYS = ("footway", "path", "pedestrian", "cycleway", "corridor")


@dataclass(frozen=True)
class WalkingPace:
    """How fast people walk; each figure low, central, high, low being the shorter time. See ``data/walking.toml`` for sources.

    Attributes
    ----------
    speed_kmh
        On level ground, summer.
    steps_factor
        Time on steps as a multiple of level ground.
    footbridge_min
        Minutes that a footbridge or underpass costs beside its length, where no mapped steps lead to it.
    slope_exponent, slope_offset, slope_limit
        Of Tobler's hiking function; a stretch steeper than the limit counts as the limit.
    winter_speed_factor, winter_slope_exponent, winter_steps_factor, winter_footbridge_factor
        What winter changes.
    """

    speed_kmh: Triple = (5.0, 4.0, 3.5)
    steps_factor: Triple = (1.5, 2.0, 2.5)
    footbridge_min: Triple = (0.5, 1.0, 1.5)
    slope_exponent: float = 3.5
    slope_offset: float = 0.05
    slope_limit: float = 0.5
    winter_speed_factor: Triple = (0.9, 0.8, 0.7)
    winter_slope_exponent: Triple = (3.5, 4.5, 6.0)
    winter_steps_factor: Triple = (1.2, 1.5, 2.0)
    winter_footbridge_factor: Triple = (1.2, 1.5, 2.0)

    def minutes_per_m(self, winter: bool = False, bound: Bound = "central") -> float:
        """Minutes for a metre of level ground."""
        which = _which(bound)
        return 0.06 / (self.speed_kmh[which] * (self.winter_speed_factor[which] if winter else 1.0))


def walking_pace() -> WalkingPace:
    """Read ``data/walking.toml``.

    Returns
    -------
    WalkingPace
        As shipped.

    Raises
    ------
    ProjectError
        The installation is damaged.
    """
    table = reference("walking")
    slope = table["slope"]
    figures: dict[str, Any] = {name: tuple(float(value) for value in row["value"]) for name, row in table.items() if name != "slope"}
    return WalkingPace(
        **figures, slope_exponent=float(slope["exponent"]), slope_offset=float(slope["offset"]), slope_limit=float(slope["limit"])
    )


def walking_minutes(
    graph: Graph,
    roads: gpd.GeoDataFrame,
    elevation_m: Floats | Callable[[Floats], Floats] | None,
    pace: WalkingPace,
    *,
    winter: bool = False,
    bound: Bound = "central",
) -> Floats:
    """Minutes that every segment takes on foot; ``by_edge`` of ``reach`` sums them.

    Parameters
    ----------
    graph
        Walking graph of ``roads``.
    roads
        The layer that the graph was built from.
    elevation_m
        Heights in metres: at the vertices of ``graph.lines`` in order, shape (v,), or a function from places (v, 2) to heights; None for flat
        ground. NaN is flat too.
    pace
        From ``walking_pace``.
    winter
        Whether there is snow and ice.
    bound
        Which end of the stated ranges: ``low`` is the shortest time.

    Returns
    -------
    numpy.ndarray
        Minutes by segment, shape (s,), the mean of both directions: a trip goes there and comes back, and the graph stays undirected.

    Raises
    ------
    OptionError
        ``bound`` is unknown, or there is not one height a vertex.

    Notes
    -----
    Time of a segment of length d with slope s: d / v · (f(s) + f(−s)) / 2, f(s) = exp(a (|s + 0.05| − 0.05)), a = 3.5: the inverse of Tobler's
    function, 1 on the level. Slightly downhill is faster than level, both directions together are not. Bridges and tunnels rise evenly
    from one end to the other, whatever the ground between them does. Steps have their own factor in place of the slope.

    References
    ----------
    W. Tobler (1993), Three presentations on geographical analysis and modeling, NCGIA technical report 93-1.
    """
    which = _which(bound)
    per_m = pace.minutes_per_m(winter, bound)
    exponent = pace.winter_slope_exponent[which] if winter else pace.slope_exponent
    row = graph.segment_row
    steps = _tagged(roads, row, text(roads, "highway") == "steps")
    raised = _tagged(roads, row, ~text(roads, "bridge").isin(("", "no", "F", "0")))
    sunk = _tagged(roads, row, ~text(roads, "tunnel").isin(("", "no", "F", "0", "building_passage", "avalanche_protector")))
    slope = np.clip(_slopes(graph, elevation_m, raised | sunk), -pace.slope_limit, pace.slope_limit)
    factor = (_tobler(slope, exponent, pace.slope_offset) + _tobler(-slope, exponent, pace.slope_offset)) / 2
    stairs = pace.steps_factor[which] * (pace.winter_steps_factor[which] if winter else 1.0)
    minutes = graph.segment_length_m * per_m * np.where(steps, stairs, factor)
    climb_min = pace.footbridge_min[which] * (pace.winter_footbridge_factor[which] if winter else 1.0)
    for_walkers = _tagged(roads, row, text(roads, "highway").isin(_FOOTWAYS))
    return minutes + climb_min * _climbed(graph, (raised | sunk) & for_walkers, steps)


def _which(bound: Bound) -> int:
    if bound not in BOUNDS:
        raise OptionError(f"bound is {bound!r}; known: {', '.join(BOUNDS)}")
    return BOUNDS.index(bound)


def _tagged(roads: gpd.GeoDataFrame, row: Ints, chosen: object) -> Bools:
    return np.asarray(chosen, dtype=bool)[row]


def _tobler(slope: Floats, exponent: float, offset: float) -> Floats:
    return np.exp(exponent * (np.abs(slope + offset) - offset))


def _slopes(graph: Graph, elevation_m: Floats | Callable[[Floats], Floats] | None, carried: Bools) -> Floats:
    """Slope of every segment in the direction of its edge; a run of carried segments rises evenly from its first vertex to its last."""
    if elevation_m is None:
        return np.zeros(len(graph.segment_edge))
    xy, line = shapely.get_coordinates(graph.lines, return_index=True)
    height = np.asarray(elevation_m(xy) if callable(elevation_m) else elevation_m, dtype=np.float64)
    if height.shape != (len(xy),):
        raise OptionError(f"elevation_m has shape {height.shape}; give {len(xy)} heights, one a vertex of the lines of the graph")
    follows = np.flatnonzero(np.diff(line) == 0)
    from_m, to_m = height[follows], height[follows + 1]
    first, last = _runs(graph, carried)
    length_m = graph.segment_length_m
    total = np.r_[0.0, np.cumsum(length_m)]
    run_m = total[last + 1] - total[first]
    run = np.repeat(np.arange(len(first)), last - first + 1)
    rise = np.where(carried, (to_m[last] - from_m[first])[run], to_m - from_m)
    over = np.where(carried, run_m[run], length_m)
    slope = np.divide(rise, over, out=np.zeros(len(rise)), where=over > 0)
    return np.where(np.isfinite(slope), slope, 0.0)


def _runs(graph: Graph, kind: Bools) -> tuple[Ints, Ints]:
    """First and last segment of every stretch of one edge on which ``kind`` does not change."""
    changes = (np.diff(graph.segment_edge) != 0) | (np.diff(kind) != 0)
    first = np.flatnonzero(np.r_[True, changes][: len(kind)])
    return first, np.r_[first[1:], len(kind)][: len(first)] - 1


def _climbed(graph: Graph, carried: Bools, steps: Bools) -> Floats:
    """Share of one climb that every segment of a footbridge bears, by length; none where mapped steps meet the bridge."""
    if not carried.any():
        return np.zeros(len(carried))
    label, place = _bridges(graph, carried)
    meets = np.zeros(label.max() + 1, bool)
    at_steps = np.isin(place[1], place[2][np.repeat(steps, 2)])
    meets[label[place[0][at_steps]]] = True
    length_m = np.where(carried, graph.segment_length_m, 0.0)
    whole = np.bincount(label[carried], weights=length_m[carried], minlength=len(meets))
    share = np.zeros(len(carried))
    share[carried] = length_m[carried] / np.where(whole[label[carried]] > 0, whole[label[carried]], 1.0) * ~meets[label[carried]]
    return share


def _bridges(graph: Graph, carried: Bools) -> tuple[Ints, tuple[Ints, Ints, Ints]]:
    """Tell bridges apart by a number, by segment (−1 off them); ends of their segments as (segment, vertex), and the vertices of all segments."""
    xy, line = shapely.get_coordinates(graph.lines, return_index=True)
    first = np.r_[True, np.diff(line) != 0]
    last = np.r_[first[1:], True]
    vertex = len(graph.xy) + np.arange(len(xy))
    vertex[first], vertex[last] = graph.start, graph.end
    follows = np.flatnonzero(np.diff(line) == 0)
    ends = np.column_stack([vertex[follows], vertex[follows + 1]])
    part = components(len(graph.xy) + len(xy), ends[carried, 0], ends[carried, 1])
    _, number = np.unique(part[ends[carried, 0]], return_inverse=True)
    label = np.full(len(carried), -1)
    label[carried] = number
    mine = np.flatnonzero(carried)
    return label, (np.repeat(mine, 2), ends[mine].ravel(), ends.ravel())
