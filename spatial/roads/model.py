"""The roads as planners count them: classes, dual carriageways once, widths with their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial.city import City, Layer
from spatial.errors import sample
from spatial.overlay import Floats, Geometries, Ints
from spatial.roads.classes import class_table, classify, reclassed, unknown_classes, unmatched
from spatial.roads.crosssections import MOST_NEAR
from spatial.roads.opened import opened_on
from spatial.roads.pairing import REACH_M, Runs, runs_of
from spatial.roads.widths import widths_of
from spatial.text import Text

HALO_M = REACH_M + 150.0  # what decides the carriageways of a place, and half the largest width

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PairLinks:
    """Short lines across the roads of several carriageways, about every 100 m, that show what was taken for one road.

    Attributes
    ----------
    lines
        From the outermost carriageway to the other outermost, shape (k,).
    road
        Position of one of them in the layer ``roads``.
    carriageways
        How many the road has there.
    gap_m
        Largest distance between two neighbours, metres.
    """

    lines: Geometries
    road: Ints
    carriageways: Ints
    gap_m: Floats


@dataclass(frozen=True, eq=False)
class RoadModel:
    """Roads as runs: stretches of one way with one number of carriageways each.

    Attributes
    ----------
    lines
        LineStrings, shape (r,), metres.
    road
        Position in the layer ``roads``, shape (r,).
    road_class
        Key of ``data/road_classes.toml``, shape (r,); empty where no class counts it.
    carriageways
        How many carriageways the road has here, shape (r,): 1, or 2 and more where others of the same road run beside this one.
    by_name
        Share of the run that was paired by name or number, not by class alone, shape (r,).
    ring
        Whether it is the ring of a roundabout: ground, and a way to drive, but no length of road (B1).
    widths
        Variant → array (r, 3): low, default, high; metres.
    source
        Index into ``SOURCES`` of the paved width, shape (r,).
    open
        Whether the public may drive there on the day of the data: not private, not under construction, not opened later.
    coming
        Whether it is to be open and is not yet, by its day of opening or its status: the other half of a road of which one is open already is no
        carriageway of it, and roads of which nothing is open have their carriageways among themselves.
    unknown_classes
        Class of each road that no table knows (``省道``, an empty cell), by road: it is left out, and that must be said.
    unmatched
        Names and numbers of ``[roads]`` in ``city.toml`` that no road bears.
    links
        Where carriageways were joined.
    crowded
        How many lines lie among so many others that nobody can tell which are one road: not paired there, and that must be said.
    """

    lines: Geometries
    road: Ints
    road_class: npt.NDArray[np.object_]
    carriageways: Ints
    by_name: Floats
    ring: Bools
    widths: dict[str, Floats]
    source: Ints
    open: Bools
    coming: Bools
    tunnel: Bools
    minor_service: Bools
    rejected_widths: int
    rejected_lanes: int
    unknown_classes: tuple[str, ...]
    unmatched: tuple[str, ...]
    links: PairLinks
    crowded: int

    @property
    def weights(self) -> Floats:
        """Factor of length: each road once, however many carriageways it has; 0 for the rings of roundabouts."""
        return np.asarray(np.where(self.ring, 0.0, 1.0 / self.carriageways), dtype=np.float64)

    @property
    def paired(self) -> Bools:
        """Whether the run is one of several carriageways."""
        return self.carriageways > 1

    def classes(self, flag: str, *, coming: bool = False) -> Bools:
        """Which runs are open, or ``coming`` as well, and of a class that has ``flag`` set (``municipal``, ``length``)."""
        table = class_table()
        return (self.open | self.coming if coming else self.open) & np.isin(
            self.road_class, [key for key, row in table.items() if row[flag]]
        )


def road_model(city: City) -> RoadModel:
    """Build the model once a city; see ``RoadModel``.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return city.memo(
        "road_model", lambda: _build(city.frame("roads"), stated=city.road_classes, drawn=city.layers.get("road_classes"), day=city.date)
    )


def _build(roads: gpd.GeoDataFrame, *, stated: Mapping[str, str] | None = None, drawn: Layer | None = None, day: str = "") -> RoadModel:
    lines, index = shapely.get_parts(np.asarray(roads.geometry.to_numpy(), dtype=object), return_index=True)
    roads = roads.iloc[index].reset_index(drop=True)
    missing = unmatched(roads, stated or {})
    kind = classify(roads, stated)
    if drawn is not None and drawn.frame is not None and len(drawn.frame):
        lines, source, kind = reclassed(lines, kind, drawn.frame)
        index, roads = index[source], roads.iloc[source].reset_index(drop=True)
    direction = _direction(roads)
    ring = roads["junction"].isin(["roundabout", "mini_roundabout"]).to_numpy(dtype=bool)
    closed = (roads["access"].isin(["private", "no"]) | roads["motor_vehicle"].isin(["no", "private"])).to_numpy(dtype=bool)
    pairable = np.isin(kind, [k for k, row in class_table().items() if row["length"]]) & ~ring & ~closed
    coming = ~opened_on(roads, day).open & ~closed
    runs = runs_of(lines, roads, kind, direction, pairable & ~coming)
    if (pairable & coming).any():
        runs = _either(runs, runs_of(lines, roads, kind, direction, pairable & coming), coming)
    mine = roads.iloc[runs.line]
    road_class = kind[runs.line]
    widths, source, rejected, odd_lanes = widths_of(mine, road_class, runs.carriageways)
    return RoadModel(
        lines=runs.lines,
        road=index[runs.line],
        road_class=road_class,
        carriageways=runs.carriageways,
        by_name=runs.by_name,
        ring=ring[runs.line],
        widths=widths,
        source=source,
        open=~(closed | coming)[runs.line] & (road_class != ""),
        coming=coming[runs.line] & (road_class != ""),
        tunnel=(mine["tunnel"].notna() & ~mine["tunnel"].isin(["no", "F", ""])).to_numpy(dtype=bool),
        minor_service=mine["service"].isin(["driveway", "parking_aisle", "drive-through"]).to_numpy(dtype=bool),
        rejected_widths=rejected,
        rejected_lanes=odd_lanes,
        unknown_classes=unknown_classes(roads),
        unmatched=missing,
        links=PairLinks(runs.links, index[runs.link_line], runs.link_count, runs.link_gap_m),
        crowded=runs.crowded,
    )


def _either(now: Runs, later: Runs, coming: Bools) -> Runs:
    """Take each line's runs from those of the roads that are open, or from those of the roads that are not yet."""
    mine, theirs = ~coming[now.line], coming[later.line]
    order = np.argsort(np.concatenate([now.line[mine], later.line[theirs]]), kind="stable")
    of_run: dict[str, Any] = {
        name: np.concatenate([getattr(now, name)[mine], getattr(later, name)[theirs]])[order]
        for name in ("lines", "line", "carriageways", "by_name")
    }
    of_link: dict[str, Any] = {
        name: np.concatenate([getattr(now, name), getattr(later, name)]) for name in ("links", "link_line", "link_count", "link_gap_m")
    }
    return Runs(**of_run, **of_link, crowded=max(now.crowded, later.crowded))


def _direction(roads: gpd.GeoDataFrame) -> Ints:
    """+1 one-way along the line, -1 against it, 0 both ways."""
    value = roads["oneway"].fillna("").astype(str).str.lower()
    forward = value.isin(["yes", "true", "1"]) | ((value == "") & ((roads["highway"] == "motorway") | (roads["junction"] == "roundabout")))
    return forward.to_numpy(dtype=int) - value.isin(["-1", "reverse"]).to_numpy(dtype=int)


def unknown_note(city: City) -> tuple[Text, ...]:
    """Say how many local roads are left out because their class is not known, and which stated names no road bears."""
    model = road_model(city)
    said = []
    if unknown := model.unknown_classes:
        found = sample(sorted({value or "—" for value in unknown}))
        said.append(
            Text(
                f"{len(unknown)} 条道路的等级（{found}）无法识别，未计入；请用 values 映射到 highway",
                f"{len(unknown)} roads of an unknown class ({found}) are left out; map their classes to highway with values",
            )
        )
    if model.unmatched:
        names = sample(model.unmatched)
        said.append(
            Text(
                f"city.toml [roads] 所列 {len(model.unmatched)} 个名称或编号（{names}）没有对应道路",
                f"{len(model.unmatched)} names or numbers of [roads] in city.toml ({names}) are borne by no road",
            )
        )
    if model.crowded:
        said.append(
            Text(
                f"{model.crowded} 条单向道路密集重叠（60 米内逾 {MOST_NEAR} 段），无法判断哪些是同一条路，各自计入；请检查图层是否有重复要素或轨迹线",
                f"{model.crowded} carriageways lie in heaps (more than {MOST_NEAR} stretches within 60 m), so that nobody can tell which are one road: each"
                " is counted; see whether the layer holds copies or tracks",
            )
        )
    return tuple(said)
