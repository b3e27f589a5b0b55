"""Bus lanes: kilometres by direction and by road."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from spatial import overlay
from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.network.passage import directions, text
from spatial.overlay import Floats, Geometries, Ints
from spatial.result import Evidence, MetricResult
from spatial.roads import class_table
from spatial.roads.lengths import lines_by_area
from spatial.roads.opened import Opened, opened_on, opening_notes
from spatial.text import Text

PIECE_M = 20.0
BESIDE_M, BESIDE_DEGREES = 60.0, 25.0
"""How far apart, and how much aslant, carriageways of one road may be: as for dual carriageways."""
HALO_M = 100.0

_LANE, _AGAINST = ("lane",), ("opposite_lane",)
_BUSWAYS = ("busway", "bus_guideway")
_UNBUILT = ("construction", "proposed", "planned", "abandoned", "disused", "razed")
_BARRED = ("no", "private")

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class BusLanes:
    """Bus lanes as pieces of at most 20 m.

    Attributes
    ----------
    pieces
        LineStrings, shape (p,), metres.
    line
        Row of the layer ``bus_lanes`` that each was cut from, shape (p,).
    directions
        In how many directions the line has a lane, by row of the layer: 0, 1 or 2; 0 too for what is not in use.
    share
        Part of a road that each piece is, shape (p,): of two carriageways that both have a lane one half.
    opened
        What the layer says of the days from which lanes are in use, by row.
    all_directions
        As ``directions``, were everything in use.
    depots
        Ways for buses alone that are no street (depots, stations), left out, metres.
    """

    pieces: Geometries
    line: Ints
    directions: Ints
    share: Floats
    opened: Opened
    all_directions: Ints
    depots: float


@metric(
    "bus_lane_length",
    title=Text("公交专用道里程", "Bus lanes"),
    definition=Text(
        "已启用的公交专用道长度：默认按方向计（双向设道的路段计两次，同方向多条只计一次）；另按道路计（同一道路只计一次）",
        "Length of bus lanes in use: by direction (a road with a lane each way counts twice, several lanes of one direction once);"
        " and by road, each road once",
    ),
    standard=Text(
        "规划目标按单向车道公里解读（待确认）；无统一限值",
        "a target is read as kilometres by direction (to be confirmed); no common threshold",
    ),
    unit="km",
    bases=("m", ""),
    evidence={"lanes": Evidence(Text("公交专用道", "bus lanes"), "#d95f02")},
    needs=("bus_lanes",),
    variants={
        "lane_km": Text("按方向（单向公里）", "by direction"),
        "road_km": Text("按道路（道路公里）", "by road"),
        "added_in_year": Text("当年新增（按方向）", "added in the year, by direction"),
    },
    increments=("added_in_year",),
    halo_m=HALO_M,
)
def bus_lane_length(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of bus lanes.

    Parameters
    ----------
    city
        With ``bus_lanes``; metres.
    areas
        Rows; a lane on a common edge counts half on each side.
    variant
        ``lane_km``, ``road_km``, or ``added_in_year``: what came into use in the calendar year of the data's date, of a local layer with ``opened``.

    Returns
    -------
    MetricResult
        ``value`` km, ``numerator`` m; ``estimated`` where the extract alone speaks, which shows what was mapped.
        ``evidence["lanes"]``: the lines that count, with the number of directions.

    Raises
    ------
    LayerError
        The layer was not supplied as features.

    References
    ----------
    Tags ``busway*``, ``lanes:bus``, ``lanes:psv``, ``bus:lanes``, ``psv:lanes`` with ``:forward`` and ``:backward``, ``highway=busway``, and streets that
    are barred to cars and designated for buses. A service way for buses alone is a depot or a station and no bus lane. A lane of some hours of
    the day counts like any other.
    """
    lanes = city.memo("bus_lanes", lambda: _lanes(city))
    if variant == "added_in_year" and not (city.date and (lanes.opened.dated & (lanes.all_directions > 0)).any()):
        why = Text(
            "没有一条公交专用道注明启用日期，无法判断当年新增", "no bus lane says since when it is in use, so that none can be called new"
        )
        return MetricResult.without(len(areas), why)
    index, owner, metres = lines_by_area(city, lanes.pieces, areas)
    factor = {
        "lane_km": lanes.directions[lanes.line].astype(float),
        "road_km": np.where(lanes.directions[lanes.line] > 0, lanes.share, 0.0),
        "added_in_year": (lanes.directions * _new(city))[lanes.line].astype(float),
    }[variant]
    length = overlay.sum_by(owner, metres * factor[index], len(areas))
    mapped_only = city.layer("bus_lanes").origin == "osm"
    on_line = overlay.sum_by(lanes.line, shapely.length(lanes.pieces), len(lanes.directions))
    by_line = np.asarray(on_line * lanes.all_directions, dtype=np.float64)
    notes = opening_notes(lanes.opened, by_line, city.date) if lanes.opened.dated.any() or not lanes.opened.open.all() else []
    if mapped_only:
        notes.append(
            Text(
                "仅为 OSM 已标注的公交专用道，实际可能更多；请提供图层 bus_lanes",
                "only what OpenStreetMap has mapped, there may be more; supply the layer bus_lanes",
            )
        )
    if lanes.depots > 0:
        notes.append(
            Text(
                f"场站内部的公交车行道 {lanes.depots / 1e3:.2f} 公里不计",
                f"{lanes.depots / 1e3:.2f} km of service ways for buses (depots, stations) are left out",
            )
        )
    evidence = {"lanes": lambda: _frame(city, lanes)} if variant == "lane_km" else {}
    return MetricResult(length / 1e3, length, estimated=mapped_only, notes=notes, evidence=evidence)


def directions_with_lane(lanes: gpd.GeoDataFrame) -> Ints:
    """Say in how many directions each way has a bus lane.

    Parameters
    ----------
    lanes
        Layer ``bus_lanes``; columns that are missing count as empty.

    Returns
    -------
    numpy.ndarray
        0, 1 or 2, by row; 0 for ways that are not built.
    """
    along, against = directions(lanes)
    single = along ^ against
    forward, backward = np.zeros(len(lanes), bool), np.zeros(len(lanes), bool)

    def both(where: Bools) -> None:
        forward[where] = True
        backward[where & ~single] = True

    highway = text(lanes, "highway")
    both(highway.isin(_BUSWAYS).to_numpy())
    both(_bus_streets(lanes))
    for column, side in (("busway", "both"), ("busway_both", "both"), ("busway_right", "right"), ("busway_left", "left")):
        said = text(lanes, column)
        lane, opposite = said.isin(_LANE).to_numpy(), said.isin(_AGAINST).to_numpy()
        if side == "both":
            both(lane)
        else:  # the side tells the direction of a two-way street; which of the two it is changes no length
            forward |= lane & (single | (side == "right"))
            backward |= lane & ~single & (side == "left")
        backward |= opposite
    for group in ("bus", "psv"):
        count = pd.to_numeric(text(lanes, f"lanes_{group}"), errors="coerce").fillna(0).to_numpy()
        marked = text(lanes, f"{group}_lanes").str.count("designated").to_numpy()
        for number in (count, marked):
            both(number >= 2)
            forward |= number >= 1
        for way, flag in (("forward", forward), ("backward", backward)):
            flag |= pd.to_numeric(text(lanes, f"lanes_{group}_{way}"), errors="coerce").fillna(0).to_numpy() >= 1
            flag |= text(lanes, f"{group}_lanes_{way}").str.contains("designated", regex=False).to_numpy()
    found = forward.astype(np.int64) + backward
    stated = lanes["directions"].to_numpy(dtype=float) if "directions" in lanes else np.full(len(lanes), np.nan)
    # A line of the office's own layer that bears no tag of OSM is a lane by being there.
    bare = (highway == "").to_numpy() & (found == 0)
    found[bare] = np.where(single[bare], 1, 2)
    found = np.where(np.isfinite(stated), np.clip(np.nan_to_num(stated), 0, 2), found).astype(np.int64)
    found[highway.isin(_UNBUILT).to_numpy()] = 0
    return found


def _bus_streets(lanes: gpd.GeoDataFrame) -> Bools:
    """Find public streets that are barred to cars and designated for buses."""
    barred = np.logical_or.reduce([text(lanes, column).isin(_BARRED).to_numpy() for column in ("access", "motor_vehicle", "vehicle")])
    streets = [tag for row in class_table().values() if row["municipal"] for tag in row["highway"]] + ["trunk"]
    return barred & _designated(lanes) & text(lanes, "highway").isin(streets).to_numpy()


def _designated(lanes: gpd.GeoDataFrame) -> Bools:
    return np.asarray((text(lanes, "bus") == "designated") | (text(lanes, "psv") == "designated"), dtype=bool)


def _lanes(city: City) -> BusLanes:
    lines, index = shapely.get_parts(np.asarray(city.frame("bus_lanes").geometry.to_numpy(), dtype=object), return_index=True)
    frame = city.frame("bus_lanes")
    opened = opened_on(frame, city.date)
    everything = directions_with_lane(frame)
    used = everything * opened.open
    depot = (text(frame, "highway") == "service").to_numpy() & _designated(frame) & (everything == 0)
    chosen = np.flatnonzero(everything[index] > 0)
    ends, owner = overlay.segments(shapely.segmentize(lines[chosen], PIECE_M))
    line = index[chosen][owner]
    pieces = shapely.linestrings(ends) if len(ends) else np.empty(0, object)
    names = text(frame, "name").to_numpy(dtype=object)
    share = np.ones(len(pieces))
    there = np.flatnonzero(used[line] > 0)
    share[there] = 1 / (1 + _others_beside(ends[there], line[there], names[line[there]]))
    metres = shapely.length(np.asarray(frame.geometry.to_numpy(), dtype=object))
    return BusLanes(pieces, line, used, share, opened, everything, float(metres[depot].sum()))


def _others_beside(ends: Floats, line: Ints, names: npt.NDArray[np.object_]) -> Floats:
    """Count, for each piece, the other carriageways with a bus lane that run beside it: of its name, or without one.

    Of those on one side, one behind the other, the pieces between 2 and 60 m aside whose middles lie abreast count as one carriageway a line.
    """
    count = np.zeros(len(ends))
    if len(ends) < 2:
        return count
    middle, course = ends.mean(axis=1), ends[:, 1] - ends[:, 0]
    length = np.hypot(course[:, 0], course[:, 1])
    course = course / np.where(length > 0, length, 1.0)[:, None]
    pairs = cKDTree(middle).query_pairs(np.hypot(BESIDE_M, PIECE_M), output_type="ndarray")
    a, b = np.concatenate([pairs, pairs[:, ::-1]]).T
    gap = middle[b] - middle[a]
    along = np.abs(np.einsum("ij,ij->i", gap, course[a]))
    aside = np.abs(gap[:, 0] * course[a, 1] - gap[:, 1] * course[a, 0])
    parallel = np.abs(np.einsum("ij,ij->i", course[a], course[b])) >= np.cos(np.radians(BESIDE_DEGREES))
    reach = (length[a] + length[b]) / 2  # so near that what is abreast of one lies on the other
    same = (names[a] == names[b]) | (names[a] == "") | (names[b] == "")
    near = parallel & (line[a] != line[b]) & (along <= reach) & (aside >= 2.0) & (aside <= BESIDE_M) & same
    a, b = a[near], b[near]
    # A carriageway of several ways end to end is one: lanes are told apart by how far aside they run, to half a lane group.
    offset = np.round((gap[near][:, 0] * course[a, 1] - gap[near][:, 1] * course[a, 0]) / 8.0).astype(np.int64)
    if not len(a):
        return count
    apart = np.unique(np.column_stack([a, offset]), axis=0)
    # Neighbouring offsets are one carriageway that bends.
    follows = np.r_[False, (np.diff(apart[:, 0]) == 0) & (np.diff(apart[:, 1]) == 1)]
    return np.bincount(apart[~follows, 0], minlength=len(ends)).astype(float)


def _new(city: City) -> Bools:
    """Tell which lanes came into use in the year of the data's date."""
    frame = city.frame("bus_lanes")
    before = opened_on(frame, f"{int(city.date[:4]) - 1}-12-31") if city.date else None
    now = opened_on(frame, city.date)
    return now.dated & now.open & ~before.open if before is not None else np.zeros(len(frame), bool)


def _frame(city: City, lanes: BusLanes) -> gpd.GeoDataFrame:
    frame = city.frame("bus_lanes")
    mine = lanes.directions > 0
    columns = {column: frame[column].fillna("").to_numpy(dtype=object)[mine] for column in ("id", "name", "opened")}
    return gpd.GeoDataFrame({**columns, "directions": lanes.directions[mine]}, geometry=frame.geometry.to_numpy()[mine], crs=city.crs)
