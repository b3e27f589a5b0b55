"""Urban rail: kilometres in operation, by line and as a network."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.rail_lines import KINDS, PARALLEL_M, RailLines, rail_lines
from spatial.metrics.registry import metric
from spatial.overlay import Floats
from spatial.result import Evidence, MetricResult, ratio
from spatial.roads import lines_by_area
from spatial.text import Text

MOST_LINES = 12  # named one by one in a note; all are in the evidence

_LEFT_OUT = {
    "construction": Text("在建或规划（含铁路）", "under construction or planned, railways included"),
    "not_open": Text("数据日期时尚未开通", "not open on the date of the data"),
    "service": Text("车辆段、停车线、渡线与联络线", "yards, sidings, spurs and crossovers"),
    "no_route": Text("不属于任何运营线路的轨道", "tracks of no line in operation"),
}


@metric(
    "rail_length",
    title=Text("轨道交通运营里程", "Urban rail length in operation"),
    definition=Text(
        f"地铁、轻轨、有轨电车、单轨运营线路的长度：同一线路相距 {PARALLEL_M:.0f} 米以内的平行轨道只计一次（待核），车辆段、停车线、渡线和在建线路不计；"
        "共线段在线路里程中每条线各计一次，在线网里程中只计一次",
        f"Length of metro, light rail, tram and monorail lines in operation: parallel tracks of a line within {PARALLEL_M:.0f} m once (to be confirmed),"
        " without yards, sidings, crossovers and lines under construction; where lines share a track each counts in the sum of lines, and the track once in the network",
    ),
    standard=Text(
        "行动计划按各线运营里程之和理解（待核）；市域铁路与国铁不计",
        "the plan's figure is read as the sum of the lines in operation (to be confirmed); commuter trains and main-line railways do not count",
    ),
    unit="km",
    bases=("m", ""),
    needs=("rail",),
    variants={
        "lines": Text("线路里程（各线之和）", "sum of lines"),
        "network": Text("线网里程（共线只计一次）", "network, shared tracks once"),
        **{kind: Text(f"线路里程：{title.zh}", f"sum of lines: {title.en}") for kind, title in KINDS.items()},
    },
    halo_m=None,
    evidence={
        "lines": Evidence(Text("运营线路", "lines in operation"), "#6b21a8", shows=("transit_stops",)),
        "cut": Evidence(Text("被数据边缘截断的线路", "lines cut by the edge of the data"), "#f5d0fe"),
        "left_out": Evidence(Text("未计入的轨道", "tracks left out"), "#8a8f98"),
    },
)
def rail_length(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of the urban rail lines in operation.

    Parameters
    ----------
    city
        With ``rail``; ``transit_stops`` gives the stations of each line.
    areas
        Whole areas.
    variant
        ``lines``, ``network``, or a kind of rail.

    Returns
    -------
    MetricResult
        ``value`` km, ``numerator`` m; ``quality``: share of the length that lies on routes of the map or in a local layer, the rest being lines by
        the names of their tracks. ``evidence["lines"]``: one feature a line, as far as the data go, with ``complete`` = ``no`` where the
        extract lacks a part and ``unknown`` where a local layer does not tell; ``evidence["cut"]``: those that are cut, once more, so that they can be
        drawn otherwise; ``evidence["left_out"]``: tracks that do not count, and why.

    Raises
    ------
    LayerError
        The city has no rail.

    References
    ----------
    Metric catalogue, B1 rail_length. Of parallel tracks the longest is measured, not their mean, so that a line can be drawn once; on a line of two
    tracks side by side the difference is that of the two sides of its bends.
    """
    rail = rail_lines(city)
    of_extract = city.layer("rail").origin == "osm"
    known = set(rail.kind) | set(rail.left_out["kind"])
    if of_extract and not (known & (set(KINDS) if variant in ("lines", "network") else {variant})):
        what = KINDS.get(variant, Text("城市轨道交通", "urban rail"))
        return MetricResult.without(len(areas), Text(f"整个 OSM 提取中没有{what.zh}线路", f"the whole OSM extract has no {what.en} line"))
    if variant == "network":
        _, row, part_m = lines_by_area(city, rail.network, areas)
        length = overlay.sum_by(row, part_m, len(areas))
        said = [*_shared(rail), *_caveats(rail, range(len(rail.name)))]
        # Of the lines in the data: a shared track belongs to several.
        metres = rail.length_m()
        share = float(metres[rail.on_route].sum() / metres.sum()) if len(metres) else 1.0
        return MetricResult(
            length / 1e3,
            length,
            quality=np.where(length > 0, min(share, 1.0), 1.0),
            notes=_unread(rail),
            row_notes={int(row): said for row in np.flatnonzero(areas.ids == CITY)},
        )
    index, row, metres = lines_by_area(city, rail.runs, areas)
    line = rail.line[index]
    mine = np.ones(len(line), bool) if variant == "lines" else rail.kind[line] == variant
    row, metres, line = row[mine], metres[mine], line[mine]
    length = overlay.sum_by(row, metres, len(areas))
    sure = overlay.sum_by(row, metres * rail.on_route[line], len(areas))
    evidence = {}
    if variant == "lines":
        evidence = {
            "lines": lambda: _lines(city, rail),
            "cut": lambda: _lines(city, rail)[rail.cut].reset_index(drop=True),
            "left_out": lambda: _left_out(rail),
        }
    notes = {}
    for total in np.flatnonzero(areas.ids == CITY):
        here = row == total
        notes[int(total)] = _by_line(rail, overlay.sum_by(line[here], metres[here], len(rail.name)), variant)
    return MetricResult(
        length / 1e3,
        length,
        quality=np.clip(np.where(length > 0, ratio(sure, length), 1.0), 0, 1),
        notes=_unread(rail),
        row_notes=notes,
        evidence=evidence,
    )


def _by_line(rail: RailLines, length_m: Floats, variant: str) -> list[Text]:
    """Say what each line has in the city, which are cut, which are guessed, and what was left out."""
    order = [int(i) for i in np.lexsort((rail.name.astype(str), -length_m.round(3))) if length_m[i] > 0]
    said = [Text(*(_one(rail, i, length_m[i], lang) for lang in ("zh", "en"))) for i in order]
    notes = []
    if said:
        more = len(said) - MOST_LINES
        zh, en = "、".join(each.zh for each in said[:MOST_LINES]), ", ".join(each.en for each in said[:MOST_LINES])
        notes.append(Text(f"{zh} 等 {len(said)} 条", f"{en} and {more} more") if more > 0 else Text(zh, en))
    notes += _caveats(rail, order)
    if variant == "lines":
        km = shapely.length(np.asarray(rail.left_out.geometry.to_numpy(), dtype=object)) / 1e3
        for reason, title in _LEFT_OUT.items():
            length = km[(rail.left_out["reason"] == reason).to_numpy(dtype=bool)].sum()
            if length >= 0.005:
                notes.append(Text(f"数据内未计入：{title.zh} {length:.1f} 公里", f"not counted in the data: {title.en}, {length:.1f} km"))
    return notes


def _caveats(rail: RailLines, chosen: Sequence[int]) -> list[Text]:
    """Say which lines are cut by the edge of the data and which are told by the names of tracks."""
    notes = []
    if cut := [_called(rail, i) for i in chosen if rail.cut[i]]:
        notes.append(
            Text(
                f"{'、'.join(each.zh for each in cut)}被数据边缘截断：只有数据内的里程",
                f"cut by the edge of the data, of which only this part is known: {', '.join(each.en for each in cut)}",
            )
        )
    if guessed := [_called(rail, i) for i in chosen if not rail.on_route[i]]:
        notes.append(
            Text(
                f"{'、'.join(each.zh for each in guessed)}没有运营线路关系，按轨道名称归并",
                f"told by the names of tracks, for want of a route: {', '.join(each.en for each in guessed)}",
            )
        )
    return notes


def _one(rail: RailLines, i: int, length_m: float, lang: str) -> str:
    stops = rail.stations[i]
    if lang == "zh":
        return f"{_called(rail, i).zh} {length_m / 1e3:.2f} 公里" + (
            f"（{stops:.0f} 站）" if np.isfinite(stops) and not rail.cut[i] else ""
        )
    return f"{_called(rail, i).en} {length_m / 1e3:.2f} km" + (f" ({stops:.0f} stations)" if np.isfinite(stops) and not rail.cut[i] else "")


def _called(rail: RailLines, i: int) -> Text:
    name, kind = str(rail.name[i]), KINDS[rail.kind[i]]
    if not name:
        return Text(f"未命名{kind.zh}", f"{kind.en} without a name")
    return Text(f"{name}号线", f"{kind.en} {name}") if name.isdigit() else Text(name, name)


def _shared(rail: RailLines) -> list[Text]:
    """Say how much several lines share."""
    shared = shapely.length(rail.runs).sum() - shapely.length(rail.network).sum()
    if shared < 1.0:
        return []
    return [
        Text(
            f"数据内各线共用走廊 {shared / 1e3:.2f} 公里，线网里程只计一次",
            f"lines share {shared / 1e3:.2f} km of track or corridor in the data, once in the network",
        )
    ]


def _unread(rail: RailLines) -> list[Text]:
    if not rail.unread:
        return []
    return [
        Text(
            f"{rail.unread} 段轨道的开通时间无法识别，视为未填写",
            f"the opening of {rail.unread} tracks cannot be read and counts as not written",
        )
    ]


def _lines(city: City, rail: RailLines) -> gpd.GeoDataFrame:
    drawn = [shapely.multilinestrings(list(rail.runs[rail.line == i])) for i in range(len(rail.name))]
    columns = {
        "name": rail.name,
        "kind": rail.kind,
        "length_km": np.round(rail.length_m() / 1e3, 3),
        "stations": rail.stations,
        "complete": np.select([rail.cut, rail.of_extract], ["no", "yes"], "unknown").astype(object),
    }
    return gpd.GeoDataFrame(columns, geometry=drawn, crs=city.crs)


def _left_out(rail: RailLines) -> gpd.GeoDataFrame:
    found = rail.left_out.assign(length_km=np.round(rail.left_out.length / 1e3, 3))
    order = np.lexsort((shapely.to_wkb(found.geometry.to_numpy()), found["name"].astype(str), found["reason"].astype(str)))
    return found.iloc[order].reset_index(drop=True)
