"""Hubs: how far one walks from a rail station to the bus, the taxi and the car park."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.coverage import counted
from spatial.metrics.facilities import facilities, mapped
from spatial.metrics.registry import metric
from spatial.metrics.walking import SNAP_LIMIT_M, sources, walk
from spatial.network.reach import at, field
from spatial.overlay import Floats, Geometries, Ints
from spatial.result import Evidence, MetricResult, ratio
from spatial.text import Text

STATION = "hub_station"
MODES = ("bus_stop", "taxi_rank", "car_park")
# To be confirmed: how near stations are one hub, beyond which a mode counts as missing, and what a short change is.
HUB_M, SEARCH_M, GOAL_M = 250.0, 1000.0, 300.0
EXACT_M = 1e-6

_TITLES = {
    "bus_stop": Text("到公交站", "to a bus stop"),
    "taxi_rank": Text("到出租车候车点", "to a taxi rank"),
    "car_park": Text("到公共停车场", "to a public car park"),
}


@dataclass(frozen=True, eq=False)
class Hubs:
    """Stations with rail, those near one another together.

    Attributes
    ----------
    points
        One point a hub, shape (h,), metres.
    names
        Names of its stations, shape (h,).
    entrances
        How many entrances are mapped, shape (h,).
    walk_m
        By mode: metres on foot from the nearest way into the hub to the nearest facility of the mode, shape (h,); inf where there is none within
        ``SEARCH_M``, NaN where no walkable way comes near the hub.
    """

    points: Geometries
    names: npt.NDArray[np.object_]
    entrances: Ints
    walk_m: dict[str, Floats]


@metric(
    "hub_transfer_distance",
    title=Text("枢纽换乘距离", "Transfer distance at hubs"),
    definition=Text(
        f"从有轨道或铁路的客运站出入口，沿步行路网到最近公交站、出租车候车点、公共停车场的距离，按站与方式平均；相距 {HUB_M:.0f} 米以内的车站为同一枢纽，"
        f"超过 {SEARCH_M:.0f} 米或没有的按 {SEARCH_M:.0f} 米计（均待核）；站厅到出入口的室内距离不在数据中",
        "Walking distance from the entrances of a station with rail to the nearest bus stop, taxi rank and public car park, the mean over hubs and modes;"
        f" stations within {HUB_M:.0f} m are one hub, and a mode that is farther than {SEARCH_M:.0f} m or missing counts as {SEARCH_M:.0f} m (both to be confirmed); the way"
        " indoors from the platform to the entrance is not in the data",
    ),
    standard=Text("换乘距离不超过 200–300 米（待核）", "at most 200–300 m (to be confirmed)"),
    unit="m",
    bases=("m", "count"),
    needs=("transit_stops", "roads"),
    variants={"mean": Text("各方式平均", "mean of all modes"), **_TITLES},
    variant_needs={"taxi_rank": ("facilities",), "car_park": ("facilities",)},
    halo_m=SEARCH_M + 2 * SNAP_LIMIT_M + 2 * HUB_M + 600.0,
    evidence={"hubs": Evidence(Text("枢纽换乘距离", "transfer distance of hubs"), "#b45309", by="transfer_m")},
)
def hub_transfer_distance(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Mean walk from rail to other modes at the hubs of each area.

    Parameters
    ----------
    city
        With ``transit_stops`` and ``roads``; ``facilities`` gives taxi ranks and car parks.
    areas
        Whole areas; a hub belongs to the one where its middle lies.
    variant
        ``mean``, or a mode.

    Returns
    -------
    MetricResult
        ``value`` m, ``numerator`` sum of metres, ``denominator`` how many pairs of hub and mode; NaN where there is no hub, or none that a walkable
        way comes near. A mode that is hardly mapped in the whole city is left out of the mean and said, and has no value of its own. ``quality``: share of hubs whose entrances are mapped, times how well the modes are;
        ``estimated`` where less than half of them are. ``evidence["hubs"]``: every hub with its distance to each mode, ``transfer_m`` their mean.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Metric catalogue, hub_transfer_distance. A missing mode counts as ``SEARCH_M``, so that a new car park never makes a city worse; the notes
    say at how many hubs each is missing.
    """
    if mapped(city, STATION).verdict == "absent":
        return MetricResult.without(len(areas), Text("数据中没有轨道或铁路客运站", "there is no station with rail in the data"))
    modes = counted(city, MODES if variant == "mean" else (variant,), "network")
    if not modes.used or (variant != "mean" and mapped(city, variant).verdict != "counts"):
        # Where a mode is hardly mapped nearly every hub would stand at SEARCH_M: that figure would be ours, not the city's.
        return MetricResult.without(len(areas), modes.notes[0])
    hubs = _hubs(city, modes.used)
    index, row = overlay.points_within(hubs.points, areas.pieces, areas.exclusive)
    away = np.minimum(np.stack([hubs.walk_m[mode] for mode in modes.used]), SEARCH_M)
    total = overlay.sum_by(row, np.nansum(away, axis=0)[index], len(areas))
    pairs = overlay.sum_by(row, np.isfinite(away).sum(axis=0).astype(float)[index], len(areas))
    known = np.nan_to_num(
        ratio(
            overlay.sum_by(row, (hubs.entrances > 0)[index].astype(float), len(areas)), np.bincount(row, minlength=len(areas)).astype(float)
        )
    )
    notes = {}
    for i in np.unique(row):
        notes[int(i)] = _row_notes(hubs, modes.used, index[row == i], whole=areas.ids[i] == CITY)
    for i in np.setdiff1d(np.arange(len(areas)), row):
        notes[int(i)] = [Text("没有轨道或铁路客运站", "no station with rail here")]
    return MetricResult(
        ratio(total, pairs),
        total,
        pairs,
        quality=np.clip(known * modes.quality, 0, 1),
        estimated=modes.estimated | (known < 0.5),
        notes=modes.notes,
        row_notes=notes,
        evidence={"hubs": partial(_frame, city, hubs, np.unique(index))} if variant == "mean" else {},
    )


def _row_notes(hubs: Hubs, modes: tuple[str, ...], mine: Ints, *, whole: bool) -> list[Text]:
    entered = int((hubs.entrances[mine] > 0).sum())
    notes = [
        Text(
            f"{len(mine)} 个枢纽，其中 {entered} 个测绘了出入口，其余从站点量起",
            f"hubs: {len(mine)}, with mapped entrances: {entered}; the others are measured from the station",
        )
    ]
    if whole:
        for mode in modes:
            away = hubs.walk_m[mode][mine]
            near, short = np.isfinite(away).sum(), (away <= GOAL_M + EXACT_M).sum()
            notes.append(
                Text(
                    f"{_TITLES[mode].zh} {SEARCH_M:.0f} 米内的枢纽 {near} 个，其中 {GOAL_M:.0f} 米内 {short} 个",
                    f"hubs within {SEARCH_M:.0f} m on foot {_TITLES[mode].en}: {near}, within {GOAL_M:.0f} m: {short}",
                )
            )
    if lost := int(np.isnan(next(iter(hubs.walk_m.values()))[mine]).sum()):
        notes.append(Text(f"{lost} 个枢纽附近没有步行路，未计", f"hubs without a walkable way near, left out: {lost}"))
    return notes


def _hubs(city: City, modes: tuple[str, ...]) -> Hubs:
    """Gather the hubs, and measure to the modes that are asked for."""
    hub, points, names, entrances = city.memo("hub_places", lambda: _places(city))
    ways_in = sources(city, STATION)
    near = np.zeros(len(points), bool)
    near[hub[ways_in.facility[ways_in.attached.reached]]] = True
    away = {}
    for mode in modes:
        metres = city.memo(("hub_m", mode), lambda mode=mode: _walk_m(city, mode))  # type: ignore[misc]
        nearest = np.full(len(points), np.inf)
        np.minimum.at(nearest, hub[ways_in.facility], metres)
        away[mode] = np.where(near, nearest, np.nan)
    return Hubs(points, names, entrances, away)


def _walk_m(city: City, mode: str) -> Floats:
    """Metres on foot from every way into a station to the nearest facility of a mode."""
    reach = field(walk(city).graph, sources(city, mode).attached, limit=SEARCH_M)
    return at(reach, sources(city, STATION).attached)


def _places(city: City) -> tuple[Ints, Geometries, npt.NDArray[np.object_], Ints]:
    """Hub of each station, and of each hub its middle, its names and how many entrances it has; in the order of their places."""
    found = facilities(city, STATION)
    near = shapely.STRtree(found.shapes).query(found.shapes, predicate="dwithin", distance=HUB_M)
    a, b = found.facility[near[0]], found.facility[near[1]]
    links = coo_array((np.ones(len(a)), (a, b)), shape=(found.count, found.count))
    count, label = connected_components(links, directed=False)
    middle = np.atleast_1d(shapely.centroid(found.shapes))
    xy = np.column_stack(
        [
            overlay.sum_by(label[found.facility], part, count) / np.bincount(label[found.facility], minlength=count)
            for part in shapely.get_coordinates(middle).T
        ]
    )
    order = np.lexsort((xy[:, 1].round(3), xy[:, 0].round(3)))
    place = np.empty(count, int)
    place[order] = np.arange(count)
    hub = place[label]
    names = np.array(
        [" / ".join(sorted({str(name) for name in found.names[hub[found.facility] == i] if name})) for i in range(count)], dtype=object
    )
    return hub, np.atleast_1d(shapely.points(xy[order])), names, np.bincount(hub[found.of], minlength=count)


def _frame(city: City, hubs: Hubs, used: Ints) -> gpd.GeoDataFrame:
    away = np.stack(list(hubs.walk_m.values()))[:, used]
    mean = np.minimum(away, SEARCH_M).mean(axis=0)
    columns = {"name": hubs.names[used], "transfer_m": np.round(mean, 1)}
    columns |= {
        f"to_{mode}_m": np.round(np.where(np.isfinite(hubs.walk_m[mode]), hubs.walk_m[mode], np.nan)[used], 1)
        for mode in MODES
        if mode in hubs.walk_m
    }
    columns["entrances"] = hubs.entrances[used]
    return gpd.GeoDataFrame(columns, geometry=list(hubs.points[used]), crs=city.crs)
