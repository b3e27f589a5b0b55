"""Congestion: how much slower the peak hour is, from measured speeds alone."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from spatial import overlay
from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.overlay import Floats, Geometries
from spatial.result import Evidence, MetricResult, ratio
from spatial.roads.lengths import lines_by_area
from spatial.text import Text

NEAR_M = 300.0
"""How far around a school, a hospital or a business area its roads are looked at (to be confirmed)."""

FASTER_AT_MOST = 2.0
"""A peak speed above so many times the free-flow speed is a mistake of the table (to be confirmed)."""

FASTEST_KMH = 200.0
DESTINATIONS = {"amenity": ("school", "hospital"), "shop": ("mall", "department_store")}
BUSINESS_USES = ("commercial", "retail")
_CIRCLE = 16

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Speeds:
    """Stretches of road with measured speeds.

    Attributes
    ----------
    lines
        LineStrings, shape (s,), metres.
    row
        Row of the layer ``road_speeds``, shape (s,).
    index
        Free-flow ÷ peak speed, by row; NaN where a speed is missing or impossible.
    """

    lines: Geometries
    row: npt.NDArray[np.int64]
    index: Floats

    @property
    def known(self) -> Bools:
        """Which stretches have an index."""
        return np.isfinite(self.index[self.row])


@metric(
    "congestion_index",
    title=Text("拥堵指数", "Congestion index"),
    definition=Text(
        "路段自由流速度 ÷ 高峰速度（高峰行程时间为畅通时的倍数），按路段长度加权平均；只用实测车速，不由地图推算",
        "Free-flow speed ÷ peak speed of stretches of road (how many times as long a trip takes in the peak), mean weighted by length; from measured"
        " speeds alone, never from a map",
    ),
    standard=Text(
        "无统一限值，越低越好，1 为畅通；学校、医院、商圈周边取 300 米（待确认）",
        "no common threshold, lower is better, 1 is free flow; 300 m around schools, hospitals and business areas (to be confirmed)",
    ),
    unit="ratio",
    bases=("m", "m"),
    evidence={"roads": Evidence(Text("路段拥堵指数", "congestion of roads"), "#b30000", by="congestion")},
    needs=("road_speeds",),
    variants={
        "all_roads": Text("全部有车速的路段", "all roads with speeds"),
        "near_destinations": Text("学校、医院、商圈周边 300 米", "within 300 m of schools, hospitals, business areas"),
    },
    variant_needs={"near_destinations": ("facilities",)},
    halo_m=2 * NEAR_M,
)
def congestion_index(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Free-flow over peak speed, by length.

    Parameters
    ----------
    city
        With ``road_speeds``: lines with ``free_flow_kmh`` and ``peak_kmh``; metres. ``near_destinations`` asks for ``facilities`` and takes
        commercial and retail ``landuse`` where there is some.
    areas
        Rows; a line on a common edge counts half on each side.
    variant
        ``all_roads`` or ``near_destinations``.

    Returns
    -------
    MetricResult
        ``value`` 1 where nothing is slower than free flow; ``numerator`` Σ length × index, ``denominator`` Σ length, m; ``quality``: share of
        length whose speeds can be used. ``evidence["roads"]``: the stretches with their index.

    Raises
    ------
    LayerError
        The layer was not supplied as features.

    References
    ----------
    A stretch counts by its length, not by its traffic, and once for each direction that the table has. Speeds that are missing, not above 0,
    above 200 km/h, or faster in the peak than twice the free flow are left out and counted.
    """
    speeds = city.memo("road_speeds", lambda: _speeds(city))
    if variant == "near_destinations":
        lines, row = city.memo("road_speeds_near", lambda: _near(speeds, _destinations(city)))
    else:
        lines, row = speeds.lines, speeds.row
    index, owner, metres = lines_by_area(city, lines, areas)
    value = speeds.index[row[index]]
    known = np.isfinite(value)
    length = overlay.sum_by(owner[known], metres[known], len(areas))
    weighted = overlay.sum_by(owner[known], (metres * value)[known], len(areas))
    everything = overlay.sum_by(owner, metres, len(areas))
    wrong = int((~np.isfinite(speeds.index)).sum())
    used = np.isfinite(speeds.index)
    km = float(shapely.length(speeds.lines[used[speeds.row]]).sum()) / 1e3
    notes = [
        Text(
            f"全市有可用车速的路段 {int(used.sum())} 个、{km:.1f} 公里：只代表这些路段",
            f"speeds that can be used: {int(used.sum())} stretches of {km:.1f} km in all; the index speaks for these alone",
        )
    ]
    if wrong:
        notes.append(
            Text(
                f"{wrong} 个路段的车速缺失或不可信（非正数、高于 {FASTEST_KMH:g} 公里/小时，或高峰快于自由流的 {FASTER_AT_MOST:g} 倍），未计入",
                f"{wrong} stretches whose speeds are missing or impossible (not above 0, above {FASTEST_KMH:g} km/h, or the peak more than"
                f" {FASTER_AT_MOST:g} times the free flow) are left out",
            )
        )
    source = city.layer("road_speeds").source
    if source:
        notes.append(Text(f"车速来源：{source}", f"speeds from: {source}"))
    rows = {
        int(at): [Text("该区没有可用车速的路段", "no road here has speeds that can be used")]
        for at in np.flatnonzero((length == 0) & (areas.coverage > 0))
    }
    quality = np.where(everything > 0, np.clip(np.nan_to_num(ratio(length, everything)), 0, 1), 1.0)
    evidence = {"roads": lambda: _frame(city, speeds)} if variant == "all_roads" else {}
    return MetricResult(ratio(weighted, length), weighted, length, quality=quality, notes=notes, row_notes=rows, evidence=evidence)


def speed_index(free_flow_kmh: Floats, peak_kmh: Floats) -> Floats:
    """Divide free-flow by peak speeds; NaN where either is missing or impossible."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        possible = (free_flow_kmh > 0) & (peak_kmh > 0) & (np.fmax(free_flow_kmh, peak_kmh) <= FASTEST_KMH)
        possible &= peak_kmh <= FASTER_AT_MOST * free_flow_kmh
        return np.where(possible, free_flow_kmh / peak_kmh, np.nan)


def _speeds(city: City) -> Speeds:
    frame = city.frame("road_speeds")
    lines, row = shapely.get_parts(np.asarray(frame.geometry.to_numpy(), dtype=object), return_index=True)
    return Speeds(lines, row, speed_index(frame["free_flow_kmh"].to_numpy(dtype=float), frame["peak_kmh"].to_numpy(dtype=float)))


def _destinations(city: City) -> Geometries:
    """Schools, hospitals, large shops, and business land."""
    facilities = city.frame("facilities")
    wanted = np.logical_or.reduce([facilities[field].isin(values).to_numpy(dtype=bool) for field, values in DESTINATIONS.items()])
    shapes = [np.asarray(facilities.geometry.to_numpy(), dtype=object)[wanted]]
    land = city.layer("landuse").frame
    if land is not None and len(land):
        shapes.append(np.asarray(land.geometry.to_numpy(), dtype=object)[land["landuse"].isin(BUSINESS_USES).to_numpy(dtype=bool)])
    return np.concatenate(shapes)


def _near(speeds: Speeds, destinations: Geometries) -> tuple[Geometries, npt.NDArray[np.int64]]:
    """Cut from every stretch what lies near a destination."""
    line, site = shapely.STRtree(destinations).query(speeds.lines, predicate="dwithin", distance=NEAR_M)
    sites, which = np.unique(site, return_inverse=True)
    ground = shapely.buffer(destinations[sites], NEAR_M, quad_segs=_CIRCLE)
    parts, rows = [np.empty(0, object)], [np.empty(0, np.int64)]
    for index, mine in pd.Series(which).groupby(line):
        near = shapely.intersection(speeds.lines[index], shapely.union_all(ground[mine.to_numpy()]))
        found = shapely.get_parts(shapely.get_parts(near))
        found = found[(shapely.get_type_id(found) == 1) & (shapely.length(found) > 0)]
        parts.append(found)
        rows.append(np.full(len(found), speeds.row[index]))
    return np.concatenate(parts), np.concatenate(rows)


def _frame(city: City, speeds: Speeds) -> gpd.GeoDataFrame:
    frame, known = city.frame("road_speeds"), speeds.known
    of = speeds.row[known]
    return gpd.GeoDataFrame(
        {
            "id": frame["id"].to_numpy(dtype=object)[of],
            "name": frame["name"].fillna("").to_numpy(dtype=object)[of],
            "free_flow_kmh": frame["free_flow_kmh"].to_numpy(dtype=float)[of],
            "peak_kmh": frame["peak_kmh"].to_numpy(dtype=float)[of],
            "congestion": speeds.index[of],
        },
        geometry=list(speeds.lines[known]),
        crs=city.crs,
    )
