"""What would open a dead end: a candidate link for each, straight or along a planned road, with what it crosses and the detour that it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree
from shapely.ops import substring

from spatial.city import City
from spatial.network.contract import Bools, Graph
from spatial.network.snap import Attached
from spatial.overlay import Floats, Geometries, Ints
from spatial.roads.around_ends import planned_roads, tracks
from spatial.roads.dead_ends import RoadEnds, drive, road_ends
from spatial.roads.ways_round import ways_round

FACING_M, FACING_COS, FACING_LONGER = 500.0, float(np.cos(np.radians(45.0))), 1.5
WIDTH_M = 12.0  # of the strip that a link takes: carriageway and footways of a local street (to be confirmed)
PLANNED_M, PLANNED_LONGEST_M = 20.0, 2000.0
DETOUR_LIMIT_M = 5000.0
_ON_STREET_M = 2.0


@dataclass(frozen=True, eq=False)
class Links:
    """Candidate links, one a row, sorted by place.

    Attributes
    ----------
    lines
        From the dead end outwards, shape (k,), metres.
    ends
        Rows of ``road_ends``, shape (k, 2): the dead end that it opens, and the one that it ends at, -1 where it ends at a street.
    planned
        Whether it follows a planned road, shape (k,).
    name
        Of the street that ends; of both where it joins two of different names.
    length_m, detour_m
        Its length, which is the way to its other end with it; and the way without it, inf where there is none within 5 km.
    buildings, buildings_m2, water_m, tracks
        What it crosses: buildings in its strip and the ground that they cover whole, metres over water, railway tracks at grade; NaN where the
        city has no such layer.
    graph, start, finish
        The streets that may be driven, and where on them each link begins and ends.
    """

    lines: Geometries
    ends: Ints
    planned: Bools
    name: npt.NDArray[np.object_]
    length_m: Floats
    detour_m: Floats
    buildings: Floats
    buildings_m2: Floats
    water_m: Floats
    tracks: Floats
    graph: Graph
    start: Attached
    finish: Attached

    def __len__(self) -> int:
        return len(self.lines)


def candidate_links(city: City) -> Links:
    """Draw a link from every dead end that is suspected or confirmed, once a city; see ``Links``.

    Parameters
    ----------
    city
        With ``roads``; ``planned_roads``, ``buildings``, ``water`` and ``rail`` add to it.

    Returns
    -------
    Links
        Along the planned road that goes on within 20 m of a dead end as far as the first street that it meets, else straight to the street ahead.
        Two dead ends that look at each other (both within 45°, at most 500 m apart) have one link between them; it stands for those of both
        where it is at most half as long again as the shorter of these, else all are there to choose from.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return city.memo("candidate_links", lambda: _draw(city))


def _draw(city: City) -> Links:
    ends, graph = road_ends(city), drive(city)
    real = np.flatnonzero(ends.real)
    tree = shapely.STRtree(graph.lines[~graph.private])
    along, planned = _planned(city, ends, real, graph, tree)
    singles = np.setdiff1d(real[np.isfinite(ends.target_xy[real]).all(axis=1)], planned)
    one, two = _facing(ends, np.setdiff1d(real, planned), tree, graph)
    gap = np.where(np.isfinite(ends.gap_m), ends.gap_m, np.inf)
    apart = np.hypot(*(ends.xy[one] - ends.xy[two]).T) if len(one) else np.empty(0)
    whole = apart <= FACING_LONGER * np.minimum(gap[one], gap[two])
    singles = np.setdiff1d(singles, np.r_[one[whole], two[whole]])
    straight = shapely.linestrings(np.stack([ends.xy[singles], ends.target_xy[singles]], axis=1)) if len(singles) else np.empty(0, object)
    joint = shapely.linestrings(np.stack([ends.xy[one], ends.xy[two]], axis=1)) if len(one) else np.empty(0, object)
    lines = np.concatenate([along, straight, joint]).astype(object)
    pair = np.concatenate([
        np.column_stack([planned, np.full(len(planned), -1)]), np.column_stack([singles, np.full(len(singles), -1)]), np.column_stack([one, two]),
    ]).astype(np.int64).reshape(-1, 2)  # fmt: skip
    on_plan = np.arange(len(lines)) < len(along)
    start, finish = (_attached(graph, tree, shapely.get_point(lines, nth)) for nth in (0, -1))
    used = start.reached & finish.reached & (shapely.length(lines) > 0)
    xy = np.concatenate([shapely.get_coordinates(shapely.get_point(lines, nth)) for nth in (0, -1)], axis=1)
    order = np.lexsort(xy.T[::-1])
    order = order[used[order]]
    lines, pair, on_plan, start, finish = lines[order], pair[order], on_plan[order], start.take(order), finish.take(order)
    detour = ends.detour_m[pair[:, 0]].copy()  # what leads straight to the street ahead was measured when that was found
    others = np.flatnonzero(on_plan | (pair[:, 1] >= 0))
    detour[others] = ways_round(
        graph, start.edge[others], start.along_m[others], finish.edge[others], finish.along_m[others], limit_m=DETOUR_LIMIT_M, used=~graph.private
    )  # fmt: skip
    return Links(
        lines, pair, on_plan, _names(ends, pair), shapely.length(lines), detour, *_crossings(city, lines), graph, start, finish
    )  # fmt: skip


def _attached(graph: Graph, tree: shapely.STRtree, points: Geometries) -> Attached:
    """Places of points on public streets, at most 2 m away."""
    public = np.flatnonzero(~graph.private)
    edge, along = np.full(len(points), -1, np.int64), np.full(len(points), np.nan)
    if len(points) and len(public):
        who, near = tree.query_nearest(points, max_distance=_ON_STREET_M, all_matches=True)
        who, first = np.unique(who, return_index=True)
        edge[who] = public[near[first]]
        along[who] = shapely.line_locate_point(graph.lines[edge[who]], points[who])
    return Attached(edge, along, np.where(edge >= 0, 0.0, np.nan))


def _facing(ends: RoadEnds, real: Ints, tree: shapely.STRtree, graph: Graph) -> tuple[Ints, Ints]:
    """Pairs of dead ends that look at each other, with no street between; each end in one pair at most, the nearest first."""
    none = np.empty(0, np.int64)
    if len(real) < 2:
        return none, none
    pair = cKDTree(ends.xy[real]).query_pairs(FACING_M, output_type="ndarray")
    a, b = real[pair[:, 0]], real[pair[:, 1]]
    way = ends.xy[b] - ends.xy[a]
    apart = np.hypot(way[:, 0], way[:, 1])
    unit = way / np.where(apart > 0, apart, 1.0)[:, None]
    sees = (np.einsum("ij,ij->i", ends.heading[a], unit) >= FACING_COS) & (np.einsum("ij,ij->i", ends.heading[b], -unit) >= FACING_COS)
    for one, two in ((a, b), (b, a)):  # or one of them is what the other would meet
        sees |= np.hypot(*(np.nan_to_num(ends.target_xy[one], nan=np.inf) - ends.xy[two]).T) <= 1.0
    a, b, apart, unit = a[sees & (apart > 1)], b[sees & (apart > 1)], apart[sees & (apart > 1)], unit[sees & (apart > 1)]
    between = shapely.linestrings(np.stack([ends.xy[a] + unit, ends.xy[b] - unit], axis=1)) if len(a) else np.empty(0, object)
    free = np.ones(len(a), bool)
    free[tree.query(between, predicate="intersects")[0]] = False
    a, b, apart = a[free], b[free], apart[free]
    order = np.lexsort((b, a, np.round(apart, 3)))
    taken: set[int] = set()
    chosen = []
    for k in order.tolist():
        if a[k] not in taken and b[k] not in taken:
            taken |= {int(a[k]), int(b[k])}
            chosen.append(k)
    return a[chosen], b[chosen]


def _planned(city: City, ends: RoadEnds, real: Ints, graph: Graph, tree: shapely.STRtree) -> tuple[Geometries, Ints]:
    """Links along planned roads: from a dead end to the first street that the planned road meets."""
    merged = planned_roads(city)
    if not len(merged) or not len(real):
        return np.empty(0, object), np.empty(0, np.int64)
    who, plan = shapely.STRtree(merged).query_nearest(shapely.points(ends.xy[real]), max_distance=PLANNED_M, all_matches=False)
    public = graph.lines[~graph.private]
    found: list[tuple[Any, int]] = []
    for end, line in zip(real[who].tolist(), merged[plan], strict=True):
        if (
            link := _along_plan(ends.xy[end], ends.heading[end], line, public[tree.query(line, predicate="dwithin", distance=PLANNED_M)])
        ) is not None:
            found.append((link, end))
    lines = np.empty(len(found), object)
    lines[:] = [link for link, _ in found]
    return lines, np.array([end for _, end in found], dtype=np.int64)


def _along_plan(xy: Floats, heading: Floats, line: Any, streets: Geometries) -> Any | None:
    """Line from a dead end along a planned road to the first street beyond it; ``None`` where the road meets none."""
    here = float(line.project(shapely.Point(xy)))
    meets: list[tuple[float, Any]] = []
    for street in streets:
        crossing = shapely.get_parts(shapely.intersection(line, street))
        for part in shapely.centroid(crossing[~shapely.is_empty(crossing)]):
            meets.append((float(line.project(part)), part))
        for tip in (0.0, line.length):
            spot = street.interpolate(street.project(line.interpolate(tip)))
            if spot.distance(line.interpolate(tip)) <= PLANNED_M:
                meets.append((tip, spot))
    ahead = []
    for at, spot in meets:
        way = np.array([spot.x, spot.y]) - xy
        if PLANNED_M < abs(at - here) <= PLANNED_LONGEST_M and way @ heading > 0:
            ahead.append((abs(at - here), at, spot))
    if not ahead:
        return None
    _, at, spot = min(ahead, key=lambda each: (each[0], each[2].x, each[2].y))
    middle = shapely.get_coordinates(substring(line, here, at))
    path = np.vstack([xy, middle, [spot.x, spot.y]])
    return shapely.LineString(path[np.r_[True, np.hypot(*np.diff(path, axis=0).T) > 0.01]])


def _names(ends: RoadEnds, pair: Ints) -> npt.NDArray[np.object_]:
    out = np.empty(len(pair), dtype=object)
    for k, (one, two) in enumerate(pair.tolist()):
        names = [str(ends.name[end]) for end in (one, two) if end >= 0]
        out[k] = " — ".join(dict.fromkeys(name for name in names if name))
    return out


def _crossings(city: City, lines: Geometries) -> tuple[Floats, Floats, Floats, Floats]:
    """Count buildings, the m² that they cover, metres over water and tracks; NaN where the layer is absent."""
    unknown = np.full(len(lines), np.nan)
    count, ground, water, rails = unknown.copy(), unknown.copy(), unknown.copy(), unknown.copy()
    frame = city.layer("buildings").frame
    if frame is not None and city.layer("buildings").missing is None:
        shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
        strips = shapely.buffer(lines, WIDTH_M / 2, cap_style="flat")
        who, hit = shapely.STRtree(shapes).query(strips, predicate="intersects")
        count = np.bincount(who, minlength=len(lines)).astype(float)
        ground = np.bincount(who, weights=shapely.area(shapes[hit]), minlength=len(lines)).astype(float)
    frame = city.layer("water").frame
    if frame is not None and city.layer("water").missing is None:
        shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
        who, hit = shapely.STRtree(shapes).query(lines, predicate="intersects")
        water = np.zeros(len(lines))
        for k in np.unique(who):
            water[k] = shapely.length(shapely.intersection(lines[k], shapely.union_all(shapes[hit[who == k]])))
    if city.layer("rail").frame is not None and city.layer("rail").missing is None:
        who, _ = shapely.STRtree(tracks(city)).query(lines, predicate="intersects")
        rails = np.bincount(who, minlength=len(lines)).astype(float)
    return count, ground, water, rails
