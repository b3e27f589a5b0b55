"""Which dead ends to open first (打通断头路): links chosen one after another, each for what it still adds to those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from spatial.city import City
from spatial.crs import WGS84, reproject
from spatial.errors import LayerError, OptionError, nearest, shown
from spatial.measurement import measured_areas
from spatial.metrics.link_gains import LEAST_SAVING_M, LIMIT_M, REACH_M, Growth, link_trips, links_frame
from spatial.metrics.people import population_basis
from spatial.overlay import Ints, points_within
from spatial.roads.candidate_links import candidate_links
from spatial.roads.dead_ends import road_ends
from spatial.text import Text

METRIC = "dead_end_roads_open"
AVOIDABLE = {"buildings": "buildings", "water": "water_m", "rail": "tracks"}
_LEAST_M = 1e-3


@dataclass(frozen=True, eq=False)
class Chosen:
    """Links chosen together, in the order of the choice.

    Attributes
    ----------
    links
        One row a link, city CRS: ``order``; ``area_id``, ``area_name`` of the dead end; what ``links_frame`` says of it (``link_rank``, ``people``,
        ``saving_m`` and ``person_kilometres`` are those of the link alone); ``added``, what it adds to the links before it, and ``share``, what it and
        they save of what all candidates together would; ``lon``, ``lat`` of the dead end and ``to_lon``, ``to_lat`` of its other end.
    candidates
        How many links there were to choose from.
    dead_ends
        How many dead ends they would open.
    saved_km, all_km
        What the chosen links save together, and what all candidates would: no choice of any number saves more. Person-kilometres; kilometres of
        the dead ends' own detours where nobody knows who lives where.
    people
        Whether residents are counted.
    notes
        Method, bound, and what the figures rest on.
    """

    links: gpd.GeoDataFrame
    candidates: int
    dead_ends: int
    saved_km: float
    all_km: float
    people: bool
    notes: tuple[Text, ...]


def choose_links(city: City, count: int = 30, by: str = "districts", *, avoid: Sequence[str] = ()) -> Chosen:
    """Choose links that open dead ends so that all together save residents the most.

    Parameters
    ----------
    city
        With ``roads``; without ``population`` every dead end counts the same.
    count
        How many links, at least 1; fewer are chosen where no other would save anything.
    by
        Areas to name the links by.
    avoid
        What no link may cross: of ``buildings``, ``water`` and ``rail``; a layer that is absent keeps none back.

    Returns
    -------
    Chosen
        Of the dead ends in the built-up area. Each step takes the link that saves most on the network with those before it, and computes again what
        every link near it would still add; a dead end is opened once.

    Raises
    ------
    LayerError
        The city has no roads.
    OptionError
        ``count`` is below 1, or ``avoid`` names something else.

    References
    ----------
    Greedy choice: for gains that only shrink as others are built it reaches at least 1 − 1/e of the best set (Nemhauser, Wolsey and Fisher,
    1978, Mathematical Programming 14). Here two links in a row may help one another, so that no share is guaranteed; instead the sum is held against
    what all candidates together would save, which no choice exceeds.
    """
    if count < 1:
        raise OptionError(f"-n {count}: choose at least 1 link")
    check_avoided(avoid)
    if city.layer("roads").missing is not None:
        raise LayerError("roads: there are none, so that no dead end can be found; give [osm] or [layers.roads]")
    links, ends = candidate_links(city), road_ends(city)
    (areas,) = measured_areas(city, [(METRIC, "suspected")], by)
    spots = shapely.points(ends.xy[links.ends[:, 0]]) if len(links) else np.empty(0, object)
    inside, row = points_within(spots, areas.pieces, areas.exclusive)
    proper = areas.is_area[row]
    area = np.full(len(links), -1)
    area[inside[proper]] = row[proper]
    growth = Growth(link_trips(city))
    pool = np.unique(inside)
    for name in avoid:
        pool = pool[~(getattr(links, AVOIDABLE[name])[pool] > 0)]
    chosen, added = _greedy(growth, links.ends, links.length_m, pool, count)
    total = growth.all_saved(pool) / 1e3
    saved = np.cumsum(added) / 1e3
    people = growth.trips.people
    frame = links_frame(city, chosen)
    frame.insert(0, "order", np.arange(1, len(chosen) + 1))
    here = area[chosen]
    frame.insert(1, "area_id", [str(areas.ids[k]) if k >= 0 else "" for k in here])
    frame.insert(2, "area_name", [str(areas.names[k]) if k >= 0 else "" for k in here])
    frame["added"] = np.round(np.diff(saved, prepend=0.0), 2)
    frame["share"] = np.round(saved / total, 4) if total > 0 else 0.0
    for nth, names in ((0, ("lon", "lat")), (-1, ("to_lon", "to_lat"))):
        points = reproject(shapely.get_point(links.lines[chosen], nth), city.crs, pyproj.CRS(WGS84)) if len(chosen) else np.empty(0, object)
        frame[names[0]], frame[names[1]] = np.round(shapely.get_coordinates(points).reshape(-1, 2), 6).T
    opened = links.ends[pool]
    return Chosen(
        frame, len(pool), len(np.unique(opened[opened >= 0])), float(saved[-1]) if len(saved) else 0.0, total, people,
        _notes(city, people, int(links_without_way(city, chosen))),
    )  # fmt: skip


def check_avoided(avoid: Sequence[str]) -> None:
    """Refuse what is not known to be avoidable.

    Raises
    ------
    OptionError
        A name is none of ``buildings``, ``water`` and ``rail``.
    """
    if wrong := [name for name in avoid if name not in AVOIDABLE]:
        raise OptionError(f'avoid "{shown(wrong[0])}" is not one of {", ".join(AVOIDABLE)}{nearest(wrong[0], AVOIDABLE)}')


def links_without_way(city: City, chosen: Ints) -> int:
    """Count the links between whose ends there is no way of 5 km or less without them."""
    return int(np.isinf(candidate_links(city).detour_m[chosen]).sum())


def _greedy(growth: Growth, ends: Ints, length_m: np.ndarray, pool: Ints, count: int) -> tuple[Ints, list[float]]:
    """Take the best link, build it, ask again those whose ways it changed."""
    gain = np.full(len(ends), -1.0)
    for link in pool.tolist():
        gain[link] = growth.gain(link)
    left = np.zeros(len(ends), bool)
    left[pool] = True
    order: list[int] = []
    added: list[float] = []
    while len(order) < count and left.any():
        candidates = np.flatnonzero(left)
        best = int(candidates[np.lexsort((candidates, np.round(length_m[candidates], 3), -np.round(gain[candidates], 3)))[0]])
        if gain[best] <= _LEAST_M:
            break
        order.append(best)
        added.append(float(gain[best]))
        opened = ends[best][ends[best] >= 0]
        left &= ~np.isin(ends, opened).any(axis=1)
        for link in growth.concerned(growth.build(best)).tolist():
            if left[link]:
                gain[link] = growth.gain(link)
    return np.array(order, dtype=np.int64), added


def _notes(city: City, people: bool, cut_off: int) -> tuple[Text, ...]:
    """Say what was asked, and what the figures rest on."""
    notes = [
        Text(
            f"方法：逐条选取，每一步取在已选连接线之上节省最多者，并重新计算受其影响的其余连接线；住户为沿街道 {REACH_M:.0f} 米内、到连接线另一端的路程（不计单行）；"
            f"超过 {LIMIT_M / 1e3:.0f} 公里或不通按 {LIMIT_M / 1e3:.0f} 公里计；省路不足 {LEAST_SAVING_M:.0f} 米者不算受益（各限值待核）",
            f"Method: one link after another, each the one that saves most on the network with those before it, with every link near it computed again; residents"
            f" within {REACH_M:.0f} m by street of one end, on their way to the other end, one-way rules left out; ways above {LIMIT_M / 1e3:.0f} km, or none at all, count as"
            f" {LIMIT_M / 1e3:.0f} km; who saves less than {LEAST_SAVING_M:.0f} m does not gain (all limits to be confirmed)",
        ),
        Text(
            "上限：全部候选连接线同时建成所节省的总量，任何选法都不会超过",
            "Bound: what all candidates together would save; no choice saves more",
        ),
        Text(
            "候选连接线为直线或规划道路走向的示意，不是线位设计",
            "Links are straight, or along planned roads: they show where, and are no design",
        ),
    ]
    if not people:
        notes.append(
            Text(
                "没有人口数据：各断头路等权，按其自身绕行节省的公里数选取",
                "There is no population: all dead ends weigh the same, by the detour that each saves",
            )
        )
    elif population_basis(city)[0]:
        notes += population_basis(city)[2]
    if cut_off:
        notes.append(
            Text(
                f"所选中 {cut_off} 条两端之间此前 5 公里内不通；先核对地图是否漏绘路口",
                f"Of those chosen {cut_off} join ends with no way of 5 km or less between them: check first that the map lacks no junction",
            )
        )
    return tuple(notes)
