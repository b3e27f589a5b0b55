"""The network of paths for walking and cycling: what belongs to it, its connected parts, and the short gaps between its loose ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from spatial import catalogue, overlay
from spatial.city import City
from spatial.metrics.slow_sides import HERE, LANE, Sides, cycleway_tags, sides_of, sidewalk_tags
from spatial.metrics.walking import walk
from spatial.network.contract import components
from spatial.network.graph import Network, build_network
from spatial.network.passage import OPEN, text, way_status
from spatial.overlay import Floats, Geometries, Ints

Bools = npt.NDArray[np.bool_]

CHUNK = 128
NETWORK_COLUMNS = ("nodes", "bridge", "tunnel", "layer")
_CALM = ("living_street", "residential", "service", "unclassified", "track")


@dataclass(frozen=True, eq=False)
class SlowNetwork:
    """Paths for walking and cycling.

    Attributes
    ----------
    walk, cycle
        Which roads are paths of their own that may be walked or cycled, by row of the layer ``roads``.
    streets
        Which other roads have a footway or a cycle track that is drawn with them, or are shared by law (living streets).
    outlines
        Which of the paths are outlines of squares: they connect and have no length.
    sides
        Of main roads, and of streets whose tags speak of one.
    """

    walk: Bools
    cycle: Bools
    streets: Bools
    outlines: Bools
    sides: Sides

    @property
    def paths(self) -> Bools:
        """Paths of their own that have a length."""
        return (self.walk | self.cycle) & ~self.outlines

    @property
    def network(self) -> Bools:
        """Roads that are in the network."""
        return self.walk | self.cycle | self.streets


@dataclass(frozen=True, eq=False)
class Gaps:
    """Short gaps of the network: first those that nothing joins, by what they would join, then by the way on foot that they would save.

    Attributes
    ----------
    lines
        From one loose end to the other, straight, shape (g,), metres.
    middles
        Where each gap counts, shape (g,).
    around_m
        The way on foot between the two ends as it is, shape (g,); infinite where there is none within 1 km.
    joins_m
        Length of the shorter of the two connected parts, shape (g,); of a gap within one part the length of that.
    barred
        Whether a railway, an expressway or a shore lies across, shape (g,): it takes a bridge.
    """

    lines: Geometries
    middles: Geometries
    around_m: Floats
    joins_m: Floats
    barred: Bools


def slow_network(city: City) -> SlowNetwork:
    """Find the paths for walking and cycling.

    Parameters
    ----------
    city
        With ``roads``.

    Returns
    -------
    SlowNetwork
        Footways, paths, steps, pedestrian streets, cycleways and crossings that are open; a cycleway is walked where its tags say so, a path cycled
        where it is designated for it.
    """
    return city.memo("slow_network", lambda: _build(city))


def _build(city: City) -> SlowNetwork:
    roads = city.frame("roads")
    highway, foot, bicycle = (text(roads, column) for column in ("highway", "foot", "bicycle"))
    closed = text(roads, "access").isin(("no", "private"))
    open_ = _truths(way_status(roads, "walk") == OPEN)
    kind = highway.isin(("footway", "path", "pedestrian", "steps")) & ~text(roads, "footway").isin(("access_aisle",))
    shared = (highway == "cycleway") & (foot.isin(("yes", "designated", "permissive")) | (text(roads, "segregated") == "yes"))
    walked = _truths(kind | shared) & open_
    designated = highway.isin(("footway", "path", "pedestrian")) & bicycle.isin(("designated", "official"))
    cycled = _truths(((highway == "cycleway") | designated | ((highway == "path") & (bicycle == "yes"))) & ~closed & (bicycle != "no"))
    paths = {"walk": walked, "cycle": cycled}
    tagged = np.any([np.isin(said, (HERE, LANE)).any(axis=1) for said in (sidewalk_tags(roads), cycleway_tags(roads))], axis=0)
    streets = open_ & ~walked & ~cycled & (tagged | _truths(highway == "living_street"))
    return SlowNetwork(walked, cycled, streets, _truths(text(roads, "area") == "yes"), sides_of(city, paths))


def _truths(series: Any) -> Bools:
    """Truths of a column as an array."""
    return np.asarray(series, dtype=bool)


def largest_part(city: City, *, with_streets: bool) -> Bools:
    """Which roads of the network are in its largest connected part.

    Parameters
    ----------
    city
        With ``roads``.
    with_streets
        Whether calm streets (residential, service, unclassified, tracks) connect, too; they never count themselves.
    """
    return city.memo(("slow_part", with_streets), lambda: _largest_part(city, with_streets))


def _largest_part(city: City, with_streets: bool) -> Bools:
    slow, roads = slow_network(city), city.frame("roads").reset_index(drop=True)
    used = slow.network
    if with_streets:
        used = used | (_truths(text(roads, "highway").isin(_CALM)) & (way_status(roads, "walk") == OPEN))
    part = np.zeros(len(roads), bool)
    lines = _lines(roads, used)
    if not len(lines):
        return part
    network = build_network(lines.reset_index(drop=True))
    label = components(len(network.xy), network.start, network.end)
    row = lines.index.to_numpy()[network.line]
    counts = (slow.paths | slow.streets)[row]
    length = np.hypot(*(network.xy[network.end] - network.xy[network.start]).T) * counts
    size = overlay.sum_by(label[network.start], length, int(label.max()) + 1)
    best = np.flatnonzero(size >= size.max() - 1e-6)
    west = np.full(len(size), np.inf)
    np.minimum.at(west, label, network.xy[:, 0])
    chosen = best[np.argmin(west[best])]
    part[row[label[network.start] == chosen]] = True
    return part & slow.network


def _lines(roads: gpd.GeoDataFrame, used: Bools) -> gpd.GeoDataFrame:
    """Chosen roads one line a row, by the position of each in the layer."""
    lines = roads.loc[used, [*NETWORK_COLUMNS, "geometry"]].explode(index_parts=False)
    return lines[(lines.geom_type == "LineString").to_numpy()]


def slow_gaps(city: City) -> Gaps:
    """Find the short gaps of the network.

    Parameters
    ----------
    city
        With ``roads``; ``buildings`` say which ends lead to a door and which gaps are built over.

    Returns
    -------
    Gaps
        Pairs of loose ends less than 100 m apart that lead towards one another, with no building and no path of the network between, and no way on
        foot of at most twice the gap. An end is in one gap at most, the shortest. Ends at the edge of the data are none.
    """
    return city.memo("slow_gaps", lambda: _gaps(city))


def _gaps(city: City) -> Gaps:
    rules = catalogue.reference("slow_traffic")["gaps"]
    roads = city.frame("roads").reset_index(drop=True)
    lines = _lines(roads, slow_network(city).network)
    if not len(lines):
        return _none()
    network = build_network(lines.reset_index(drop=True))
    xy, ahead, part_m = _loose_ends(city, network, rules)
    if len(xy) < 2:
        return _none()
    a, b = cKDTree(xy).query_pairs(rules["most_m"], output_type="ndarray").T
    straight = np.hypot(*(xy[b] - xy[a]).T)
    a, b, straight = (each[straight >= rules["least_m"]] for each in (a, b, straight))
    towards = (xy[b] - xy[a]) / straight[:, None]
    least = np.cos(np.radians(rules["ahead_degrees"]))
    good = ((ahead[a] * towards).sum(axis=1) >= least) & (-(ahead[b] * towards).sum(axis=1) >= least)
    a, b, straight = a[good], b[good], straight[good]
    links = shapely.linestrings(np.stack([xy[a], xy[b]], axis=1)) if len(a) else np.empty(0, object)
    free = ~_crosses_buildings(city, links) & ~_crosses_paths(network, links)
    a, b, straight, links = a[free], b[free], straight[free], links[free]
    around = _ways_around(roads, xy, a, b, rules["cap_m"])
    apart = (around > rules["joined_ratio"] * straight) & (around - straight >= rules["least_saved_m"])
    a, b, straight, around, links = a[apart], b[apart], straight[apart], around[apart], links[apart]
    kept = _each_end_once(xy, a, b, straight)
    a, b, straight, around, links = a[kept], b[kept], straight[kept], around[kept], links[kept]
    joins = np.minimum(part_m[a], part_m[b])
    worth = np.round(np.where(np.isfinite(around), around - straight, joins), 3)
    order = np.lexsort((xy[a, 1], xy[a, 0], -worth, np.isfinite(around)))
    links = links[order]
    middles = shapely.line_interpolate_point(links, 0.5, normalized=True)
    return Gaps(links, middles, around[order], joins[order], _barred(city, links))


def _none() -> Gaps:
    nothing = np.empty(0, object)
    return Gaps(nothing, nothing, np.empty(0), np.empty(0), np.empty(0, bool))


def _loose_ends(city: City, network: Network, rules: dict[str, Any]) -> tuple[Floats, Floats, Floats]:
    """Places where one path ends and nothing of the network goes on, from west to east; the direction in which each leads, and the length of its part."""
    alone = network.degree() == 1
    node, other = np.concatenate([np.column_stack([network.start, network.end]), np.column_stack([network.end, network.start])]).T
    chosen = alone[node] & (node != other)
    node, first = np.unique(node[chosen], return_index=True)
    before = other[chosen][first]
    xy, back = network.xy[node], network.xy[before]
    label = components(len(network.xy), network.start, network.end)
    length = np.hypot(*(network.xy[network.end] - network.xy[network.start]).T)
    part_m = overlay.sum_by(label[network.start], length, int(label.max()) + 1)[label[node]]
    points = np.atleast_1d(shapely.points(xy)) if len(xy) else np.empty(0, object)
    kept = part_m >= rules["least_path_m"]
    extent = city.layer("roads").extent
    if extent is not None:
        kept &= ~shapely.dwithin(shapely.boundary(extent), points, rules["most_m"])
    houses = city.layer("buildings").frame
    if houses is not None and len(houses):
        doors = shapely.STRtree(houses.geometry.to_numpy()).query(points, predicate="dwithin", distance=rules["door_m"])[0]
        kept[doors] = False
    xy, back, part_m = xy[kept], back[kept], part_m[kept]
    size = np.hypot(*(xy - back).T)
    order = np.lexsort((xy[:, 1], xy[:, 0]))
    return xy[order], ((xy - back) / np.where(size > 0, size, 1.0)[:, None])[order], part_m[order]


def _crosses_buildings(city: City, links: Geometries) -> Bools:
    crossed = np.zeros(len(links), bool)
    houses = city.layer("buildings").frame
    if houses is not None and len(houses) and len(links):
        crossed[shapely.STRtree(houses.geometry.to_numpy()).query(links, predicate="intersects")[0]] = True
    return crossed


def _crosses_paths(network: Network, links: Geometries) -> Bools:
    """Whether another path of the network lies across: then the gap is to that one, and the ends are not each other's."""
    crossed = np.zeros(len(links), bool)
    if len(links):
        drawn = shapely.linestrings(np.stack([network.xy[network.start], network.xy[network.end]], axis=1))
        crossed[shapely.STRtree(drawn).query(links, predicate="crosses")[0]] = True
    return crossed


def _barred(city: City, links: Geometries) -> Bools:
    barred = np.zeros(len(links), bool)
    obstacles = walk(city).without_walls
    if len(links) and len(obstacles):
        barred[shapely.STRtree(obstacles).query(links, predicate="intersects")[0]] = True
    return barred


def _ways_around(roads: gpd.GeoDataFrame, xy: Floats, a: Ints, b: Ints, cap_m: float) -> Floats:
    """Shortest way on foot between pairs of ends over all that may be walked, metres; infinite beyond the cap."""
    around = np.full(len(a), np.inf)
    if not len(a):
        return around
    lines = _lines(roads, (way_status(roads, "walk") == OPEN) | _cycleways(roads))
    network = build_network(lines.reset_index(drop=True))
    length = np.hypot(*(network.xy[network.end] - network.xy[network.start]).T)
    low, high = np.minimum(network.start, network.end), np.maximum(network.start, network.end)
    order = np.lexsort((length, high, low))
    order = order[low[order] != high[order]]
    first = np.r_[True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)][: len(order)]
    low, high, length = (each[order[first]] for each in (low, high, length))
    count = len(network.xy)
    matrix = csr_array((np.tile(length, 2), (np.r_[low, high], np.r_[high, low])), shape=(count, count))
    node = cKDTree(network.xy).query(xy)[1]
    sources, which = np.unique(node[a], return_inverse=True)
    for begin in range(0, len(sources), CHUNK):
        mine = (which >= begin) & (which < begin + CHUNK)
        far = dijkstra(matrix, indices=sources[begin : begin + CHUNK], limit=cap_m)
        around[mine] = far[which[mine] - begin, node[b[mine]]]
    return around


def _cycleways(roads: gpd.GeoDataFrame) -> Bools:
    """Cycleways, which may be forbidden to walkers and still join what they join."""
    return _truths((text(roads, "highway") == "cycleway") & ~text(roads, "access").isin(("no", "private")))


def _each_end_once(xy: Floats, a: Ints, b: Ints, straight: Floats) -> Ints:
    """Keep gaps from the shortest on, an end in one gap only."""
    taken: set[int] = set()
    kept = []
    for pair in np.lexsort((xy[b, 1], xy[b, 0], xy[a, 1], xy[a, 0], np.round(straight, 3))).tolist():
        if int(a[pair]) not in taken and int(b[pair]) not in taken:
            taken |= {int(a[pair]), int(b[pair])}
            kept.append(pair)
    return np.array(kept, dtype=np.int64)
