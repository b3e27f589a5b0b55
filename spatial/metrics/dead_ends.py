"""Dead ends: public streets that stop though another lies ahead."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.link_gains import links_frame
from spatial.metrics.registry import metric
from spatial.network.contract import Bools
from spatial.result import Evidence, MetricResult
from spatial.roads import unknown_note
from spatial.roads.ahead import AHEAD_M, HALF_ANGLE
from spatial.roads.dead_ends import DETACHED_M, DETOUR_LIMIT_M, DETOUR_MORE_M, DETOUR_RATIO, RoadEnds, road_ends
from spatial.text import Text

# What told an end from another, and what a link crosses: the kind of an end says where a gate or a campus is.
_AROUND = ("planned_roads", "gates", "road_ends", "landuse", "facilities", "water", "rail", "buildings")


@metric(
    "dead_end_roads_open",
    title=Text("断头路存量", "Dead-end roads still open"),
    definition=Text(
        f"建成区内公共道路（支路及以上）的尽端个数：前方 {HALF_ANGLE:.0f}° 内、{AHEAD_M:.0f} 米内另有公共道路，且驾车绕行为直线的 {DETOUR_RATIO:g} 倍以上、"
        f"多出 {DETOUR_MORE_M:.0f} 米以上；小区、大院、厂区内部尽端，大门、水边、铁路、数据边界和地图未相接处另列",
        f"Ends of public streets inside the built-up area that another public street lies ahead of, within {HALF_ANGLE:.0f}° and {AHEAD_M:.0f} m,"
        f" to which the drive is {DETOUR_RATIO:g} times as long and {DETOUR_MORE_M:.0f} m longer; ends inside compounds, campuses and works, at"
        " gates, water, railways and the edge of the data, and streets that the map fails to join are listed apart",
    ),
    standard=Text(
        "无统一标准；官方口径为规划红线内未建成的道路，阈值待核",
        "no common standard; officially a planned red line whose road is not built; thresholds to be confirmed",
    ),
    unit="count",
    needs=("roads",),
    scope="built_up_area",
    variants={
        "suspected": Text("疑似与确认合计", "suspected and confirmed"),
        "confirmed": Text("确认（有规划或在建道路接续）", "confirmed by a planned road"),
    },
    variant_needs={"confirmed": ("planned_roads",)},
    evidence={
        "dead_ends": Evidence(Text("断头路（疑似、确认）", "dead ends, suspected and confirmed"), "#c62828", shows=_AROUND),
        "joining_errors": Evidence(Text("数据问题：道路未相接", "data problems: streets not joined"), "#ef6c00", shows=_AROUND),
        "other_ends": Evidence(Text("其他尽端（已甄别）", "other ends, told apart"), "#78909c", shows=_AROUND),
        "links": Evidence(Text("断头路候选连接线", "links that would open dead ends"), "#6a1b9a", shows=_AROUND),
    },
    halo_m=DETOUR_LIMIT_M + AHEAD_M + DETACHED_M,
)
def dead_end_roads_open(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Count the public streets that stop though another lies ahead.

    Parameters
    ----------
    city
        With ``roads``; what else tells ends apart is used where it is there.
    areas
        Rows, restricted to the built-up area.
    variant
        ``suspected`` (with the confirmed) or ``confirmed``.

    Returns
    -------
    MetricResult
        ``value`` count; ``estimated`` for ``suspected``, which topology finds and no office has confirmed. ``evidence["dead_ends"]``: the ends
        counted anywhere in the city, ranked by the way round; ``joining_errors`` and ``other_ends``: what was told apart, and as what; ``links``: what would open
        each, and who gains.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Metric catalogue, ``dead_end_roads_open`` and D1: officially a dead end is a planned red line whose road is unbuilt, which the map does not
    know. Ends are counted, so that two stubs that face each other are two. How each is told apart: ``spatial.roads.dead_ends``.
    """
    ends = road_ends(city)
    counted = ends.real if variant == "suspected" else ends.kind == "confirmed"
    points = city.memo(("road_end_points", variant), lambda: np.atleast_1d(shapely.points(ends.xy[counted])))
    _, owner = overlay.points_within(points, areas.pieces, areas.exclusive)
    count = np.bincount(owner, minlength=len(areas)).astype(float)
    notes = [*unknown_note(city)]
    beyond = int(counted.sum() - count[areas.ids == CITY].sum())
    rows = {int(row): [_beyond(beyond)] for row in np.flatnonzero(areas.ids == CITY)} if beyond > 0 else {}
    evidence = {}
    if variant == "suspected":
        notes += _notes(city, ends)
        evidence = {
            "dead_ends": lambda: _frame(city, ends, ends.real),
            "joining_errors": lambda: _frame(city, ends, np.isin(ends.kind, ("joining_error", "detached"))),
            "other_ends": lambda: _frame(city, ends, ~ends.real & ~np.isin(ends.kind, ("joining_error", "detached"))),
            "links": lambda: links_frame(city),
        }
    return MetricResult(count, estimated=variant == "suspected", notes=notes, row_notes=rows, evidence=evidence)


def _beyond(number: int) -> Text:
    """Say how many ends the map shows beyond those that count."""
    return Text(
        f"统计范围以外另有 {number} 处，图上一并显示，不计入",
        f"{number} more lie outside the ground that is measured: shown on the map, not counted",
    )


def _notes(city: City, ends: RoadEnds) -> list[Text]:
    notes = [
        Text(
            "由路网推断，疑似断头路须逐条核实；两个相对的尽端计为两个",
            "told from the network: each suspected dead end is to be checked on the ground; two ends that face each other count as two",
        )
    ]
    if city.layer("planned_roads").missing:
        notes.append(
            Text(
                "无规划道路图层（planned_roads），没有一条得到确认",
                "there are no planned roads (planned_roads) that could confirm any",
            )
        )
    return notes


def _frame(city: City, ends: RoadEnds, chosen: Bools) -> gpd.GeoDataFrame:
    """Draw ends as points, those with the longest way round for their gap first."""
    at = np.flatnonzero(chosen)
    ratio, detour = ends.detour_ratio[at], ends.detour_m[at]
    order = np.lexsort((np.round(ends.gap_m[at], 3), -np.nan_to_num(np.round(ratio, 6), nan=-1.0, posinf=np.inf)))
    at, ratio, detour = at[order], ratio[order], detour[order]
    columns = {
        "detour_rank": np.arange(1, len(at) + 1),
        "name": ends.name[at],
        "end_kind": ends.kind[at],
        "id": city.frame("roads")["id"].to_numpy(dtype=object)[ends.road[at]],
        "gap_m": np.round(ends.gap_m[at], 1),
        "detour_m": np.round(np.where(np.isfinite(detour), detour, np.nan)),
        "detour_ratio": np.round(np.where(np.isfinite(ratio), ratio, np.nan), 1),
    }
    return gpd.GeoDataFrame(columns, geometry=list(shapely.points(ends.xy[at])), crs=city.crs)
