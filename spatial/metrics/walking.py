"""On foot: the walking network of a city, how facilities and people are attached to it, and how far each place is from each class."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial.city import City
from spatial.metrics.facilities import Facilities, facilities, facility_classes
from spatial.metrics.origins import Origins
from spatial.network.contract import Graph
from spatial.network.reach import Field, at, field
from spatial.network.service_areas import service_area
from spatial.network.snap import Attached, obstacle_lines, snap
from spatial.network.streets import street_graph
from spatial.network.walking_time import Bound, walking_minutes, walking_pace
from spatial.overlay import Floats, Geometries, Ints, segments

SNAP_LIMIT_M = 200.0
LARGE_M2 = 10_000.0
GATE_WITHIN_M, DOOR_WITHIN_M = 10.0, 1.0
SPACING_M, TOUCH_M = 50.0, 25.0
ISLAND_M = 1000.0
METRES_PER_MINUTE = 1000.0 / 15.0
GATES = (
    "gate", "lift_gate", "swing_gate", "sliding_gate", "wicket_gate", "kissing_gate", "turnstile", "full-height_turnstile", "entrance",
)  # fmt: skip
NO_WAY_IN = ("emergency", "exit", "service", "garage", "no", "fire_exit")


@dataclass(frozen=True, eq=False)
class Walk:
    """The walking network, the lines that nobody walks through, and those of them that are no walls: railways, expressways, shores."""

    graph: Graph
    obstacles: Geometries
    without_walls: Geometries


@dataclass(frozen=True, eq=False)
class Placed:
    """Places on the walking network; ``enclosed`` are those behind walls whose gate is not mapped, taken to the nearest way all the same."""

    attached: Attached
    enclosed: npt.NDArray[np.bool_]


def walk(city: City) -> Walk:
    """Build the walking network.

    Parameters
    ----------
    city
        With ``roads``; ``gates``, ``walls``, ``rail`` and ``water`` add barriers.

    Returns
    -------
    Walk
        Metres.
    """
    return city.memo("walk", lambda: _build(city))


def _build(city: City) -> Walk:
    roads = city.frame("roads")
    gates, walls, rail, water = (city.layer(name).frame for name in ("gates", "walls", "rail", "water"))
    return Walk(
        street_graph(roads, gates, mode="walk"), obstacle_lines(walls, rail, water, roads), obstacle_lines(None, rail, water, roads)
    )


def attach(city: City, places: Geometries, *, limit_m: float = SNAP_LIMIT_M) -> Placed:
    """Attach places to the walking network.

    Parameters
    ----------
    city
        With ``roads``.
    places
        Points or polygons, metres.
    limit_m
        Farther ones are not attached.

    Returns
    -------
    Placed
        To the nearest way that no wall, railway, expressway or shore bars; a piece of network under 1 km that joins nothing, often a path
        that was not drawn to its street, takes a place only where nothing else does. Where walls bar every way within the limit they have
        a gate that nobody mapped, and the nearest way beyond them counts. ``edge`` −1 where a place is unreachable.
    """
    net = walk(city)
    edge, along_m, gap_m = np.full(len(places), -1, dtype=np.int64), np.full(len(places), np.nan), np.full(len(places), np.nan)
    enclosed = np.zeros(len(places), bool)
    for obstacles in (net.obstacles, net.without_walls):
        for least_part_m in (ISLAND_M, 0.0):
            lost = np.flatnonzero(edge < 0)
            if len(lost):
                found = snap(net.graph, places[lost], limit_m=limit_m, obstacles=obstacles, least_part_m=least_part_m)
                edge[lost], along_m[lost], gap_m[lost] = found.edge, found.along_m, found.gap_m
                enclosed[lost] = (found.edge >= 0) & (obstacles is net.without_walls)
    return Placed(Attached(edge, along_m, gap_m), enclosed)


@dataclass(frozen=True, eq=False)
class Sources:
    """The ways into the facilities of a class, attached to the network.

    Attributes
    ----------
    places
        Points and polygons, shape (w,).
    facility
        Which facility each leads to, shape (w,).
    attached
        Their places on the network.
    here
        The facilities where roads are known.
    unreached
        Those of them that no walkable way comes near.
    enclosed
        Those of them that are behind walls without a mapped gate.
    """

    places: Geometries
    facility: Ints
    attached: Attached
    here: Ints
    unreached: Ints
    enclosed: Ints

    @property
    def count(self) -> int:
        """How many facilities there are where roads are known."""
        return len(self.here)


def sources(city: City, name: str) -> Sources:
    """Attach the facilities of a class: at mapped entrances, large grounds at gates or where a walkable way meets their edge.

    Parameters
    ----------
    city
        With ``roads``.
    name
        A declared class.

    Returns
    -------
    Sources
        No ground above 1 ha is entered at its centre.
    """
    return city.memo(("sources", name), lambda: _sources(city, facilities(city, name), facility_classes(city).classes[name].open_ground))


def _sources(city: City, found: Facilities, open_ground: bool) -> Sources:
    entered = np.isin(found.facility, found.of)
    places, facility, beside = ways_in(city, found.shapes[~entered], found.facility[~entered], open_ground=open_ground)
    places, facility = np.concatenate([found.entrances, places]), np.concatenate([found.of, facility])
    return attached_sources(city, places, facility, beside)


def attached_sources(city: City, places: Geometries, facility: Ints, beside: Attached) -> Sources:
    """Attach ways in; a facility of which none can be attached is unreached. The last places are attached already, as ``beside`` says.

    A place whose nearest way is private serves those who live along it; it is attached to the nearest public way as well, where no wall
    stands between, since whoever goes to a facility is its guest.
    """
    net = walk(city)
    first = attach(city, places[: len(places) - len(beside)])
    placed = Placed(_joined(first.attached, beside), np.concatenate([first.enclosed, np.zeros(len(beside), bool)]))
    inner = np.flatnonzero((placed.attached.edge >= 0) & ~placed.enclosed)
    inner = inner[net.graph.private[placed.attached.edge[inner]]]
    outer = snap(net.graph, places[inner], limit_m=SNAP_LIMIT_M, obstacles=net.obstacles, private=False, least_part_m=ISLAND_M)
    guests = outer.take(outer.reached)
    attached = _joined(placed.attached, guests)
    enclosed = np.concatenate([placed.enclosed, np.zeros(len(guests), bool)])
    places, facility = (np.concatenate([part, part[inner[outer.reached]]]) for part in (places, facility))
    extent = city.layer("roads").extent
    known = np.ones(len(places), bool)
    if extent is not None:
        shapely.prepare(extent)
        known = shapely.intersects(extent, places)
    here = np.unique(facility[known])
    reached = facility[attached.edge >= 0]
    through = facility[(attached.edge >= 0) & ~enclosed]
    return Sources(places, facility, attached, here, np.setdiff1d(here, reached), np.setdiff1d(np.intersect1d(here, reached), through))


def _joined(one: Attached, two: Attached) -> Attached:
    return Attached(
        np.concatenate([one.edge, two.edge]), np.concatenate([one.along_m, two.along_m]), np.concatenate([one.gap_m, two.gap_m])
    )


@dataclass(frozen=True)
class SitesReached:
    """Of the facilities of a class: how many there are where roads are known, how many no way comes near, how many are behind walls."""

    count: int
    unreached: int
    enclosed: int

    @property
    def none(self) -> bool:
        """Whether there are facilities and not one can be reached."""
        return 0 < self.count == self.unreached

    @property
    def share(self) -> float:
        """Share that can be reached, 0–1."""
        return 1 - self.unreached / self.count if self.count else 1.0


def sites_reached(city: City, name: str) -> SitesReached:
    """Count the facilities of a class that can be reached, once for the whole city."""

    def count() -> SitesReached:
        found = sources(city, name)
        return SitesReached(found.count, len(found.unreached), len(found.enclosed))

    return city.memo(("city-wide", "sites reached", name), count)


def ways_in(city: City, shapes: Geometries, facility: Ints, *, open_ground: bool = False) -> tuple[Geometries, Ints, Attached]:
    """Find where facilities are entered.

    Parameters
    ----------
    city
        With ``roads``.
    shapes
        Points and polygons, metres.
    facility
        Number of the facility of each, shape (f,).
    open_ground
        Whether the ground is open to all round: private gates are none of its ways in, walkable ways that meet its edge are ways in beside its
        gates, and without gates every walkable way that runs within 25 m of its edge.

    Returns
    -------
    places, facility, beside
        Points as they are, unless a polygon of the same facility tells more. A large polygon (above 1 ha) has its gates; without any, the points
        where walkable ways meet its edge at grade. A small one has its gates and entrances; without any, it is entered where it is nearest to a
        way and from every side along which a walkable way runs. A polygon with none of these stands for itself: its nearest point counts.
        ``beside`` says where the last places, those beside a way, are attached.
    """
    lines = shapely.get_dimensions(shapes) == 1
    if lines.any():  # a line is entered all along: every 50 m and at its ends
        spots, along = _every(shapes[lines], SPACING_M)
        ends = shapely.points(shapely.get_coordinates(shapely.get_point(shapes[lines], -1)))
        facility = np.concatenate([facility[~lines], facility[lines][along], facility[lines]])
        shapes = np.concatenate([shapes[~lines], spots, ends])
    flat = np.flatnonzero(shapely.get_dimensions(shapes) == 2)
    dots = np.setdiff1d(np.arange(len(shapes)), flat)
    dots = dots[~np.isin(facility[dots], facility[flat])]
    if not len(flat):
        return shapes, facility, _no_places()
    rings = shapely.boundary(shapes[flat])
    large = shapely.area(shapes[flat]) > LARGE_M2
    gates, at_gate = _gates(city, rings, public=open_ground)
    known = np.zeros(len(flat), bool)
    known[at_gate] = True
    asked = np.flatnonzero((large & ~known) | open_ground)
    meetings, at_meeting = _meetings(city, rings[asked])
    sides = np.flatnonzero((~large | open_ground) & ~known)
    spots, at_side, beside = _beside(city, rings[sides])
    known[asked[at_meeting]] = True
    if open_ground:
        known[sides[at_side]] = True
    whole = np.concatenate([dots, flat[~known]])
    places = np.concatenate([shapes[whole], gates, meetings, spots])
    of = np.concatenate([whole, flat[at_gate], flat[asked[at_meeting]], flat[sides[at_side]]])
    return places, facility[of], beside


def _gates(city: City, rings: Geometries, *, public: bool) -> tuple[Geometries, Ints]:
    """Gates within 10 m of the edges of grounds and doors within 1 m, and which ground each belongs to; a bollard is no gate."""
    found = [(np.empty(0, object), np.empty(0, np.int64))]
    for points, within_m in gate_points(city, public=public):
        ring, point = shapely.STRtree(points).query(rings, predicate="dwithin", distance=within_m)
        found.append((points[point], ring))
    places, ring = (np.concatenate(column) for column in zip(*found, strict=True))
    _, first = np.unique(np.column_stack([ring, shapely.get_coordinates(places).round(3)]), axis=0, return_index=True)
    return places[first], ring[first]


def gate_points(city: City, *, public: bool) -> list[tuple[Geometries, float]]:
    """Gates and doors that let people in, and within how many metres of the edge of a ground they belong to it.

    Parameters
    ----------
    city
        With ``gates``, or without.
    public
        Whether private ones are left out.
    """
    frame = city.layer("gates").frame
    if frame is None or not len(frame):
        return []
    shut = frame["entrance"].isin(NO_WAY_IN) | frame["access"].isin(["no"]) | frame["foot"].isin(["no"]) | frame["locked"].isin(["yes"])
    if public:
        shut |= frame["access"].isin(["private"]) & ~frame["foot"].isin(["yes", "designated"])
    points = np.asarray(frame.geometry.to_numpy(), dtype=object)
    kinds = ((frame["barrier"].isin(GATES), GATE_WITHIN_M), (frame["entrance"].notna(), DOOR_WITHIN_M))
    found = [(points[(kind & ~shut).to_numpy(dtype=bool)], within_m) for kind, within_m in kinds]
    return [(chosen, within_m) for chosen, within_m in found if len(chosen)]


def _meetings(city: City, rings: Geometries) -> tuple[Geometries, Ints]:
    """Points where public walkable ways meet the edges of grounds, neither under nor over them."""
    net = walk(city)
    tree, pieces = net.graph.memo("pieces at grade", lambda: _at_grade(city, net.graph))
    ring, piece = tree.query(rings, predicate="intersects")
    xy, index = shapely.get_coordinates(shapely.intersection(rings[ring], pieces[piece]), return_index=True)
    return (shapely.points(xy) if len(xy) else np.empty(0, object)), ring[index]


def _at_grade(city: City, graph: Graph) -> tuple[shapely.STRtree, Geometries]:
    """Straight pieces of public ways that are neither on bridges nor in tunnels."""
    pieces = shapely.linestrings(segments(graph.lines)[0])[open_at_grade(city, graph)]
    return shapely.STRtree(pieces), pieces


def open_at_grade(city: City, graph: Graph) -> npt.NDArray[np.bool_]:
    """Whether each segment of the walking network is open to all and neither on a bridge nor in a tunnel, shape (s,)."""
    roads = city.frame("roads")
    level = np.ones(len(roads), bool)
    for column in ("bridge", "tunnel"):
        level &= (roads[column].isna() | roads[column].isin(["no", "F", "0", "building_passage"])).to_numpy(dtype=bool)
    return np.asarray(level[graph.segment_row] & ~graph.private[graph.segment_edge], dtype=bool)


def _beside(city: City, rings: Geometries) -> tuple[Geometries, Ints, Attached]:
    """Points every 50 m along the edges of grounds beside which a public way runs that no wall bars, their ground, and where they are attached."""
    if not len(rings):
        return np.empty(0, object), np.empty(0, np.int64), _no_places()
    spots, along = _every(rings, SPACING_M)
    net = walk(city)
    found = snap(net.graph, spots, limit_m=TOUCH_M, obstacles=net.obstacles, private=False, least_part_m=ISLAND_M)
    return spots[found.reached], along[found.reached], found.take(found.reached)


def _no_places() -> Attached:
    return Attached(np.empty(0, np.int64), np.empty(0), np.empty(0))


def _every(rings: Geometries, spacing_m: float) -> tuple[Geometries, Ints]:
    """Points along rings, at least one a ring and at most ``spacing_m`` apart."""
    parts, of = shapely.get_parts(rings, return_index=True)
    count = np.maximum(np.ceil(shapely.length(parts) / spacing_m).astype(int), 1)
    part = np.repeat(np.arange(len(parts)), count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return shapely.line_interpolate_point(parts[part], step / count[part], normalized=True), of[part]


def attached_origins(city: City, key: str, origins: Origins) -> Attached:
    """Attach the places of ``origins``, once; ``key`` names them."""
    return placed_origins(city, key, origins).attached


def placed_origins(city: City, key: str, origins: Origins) -> Placed:
    """Attach the places of ``origins``, once, and say which are behind walls; ``key`` names them."""
    return city.memo(("attached", key), lambda: attach(city, origins.points))


def network_m(city: City, name: str, key: str, origins: Origins) -> Floats:
    """Measure the walking distance from places to the nearest facility of a class.

    Parameters
    ----------
    city
        With ``roads``.
    name
        A declared class.
    key, origins
        The places and their name.

    Returns
    -------
    numpy.ndarray
        Metres, shape (k,); inf beyond the largest distance that the class is asked for, and where a place is unreachable.
    """
    return city.memo(("network_m", name, key), lambda: at(class_field(city, name), attached_origins(city, key, origins)))


def class_field(city: City, name: str) -> Field:
    """Distance on foot from the nearest facility of a class to every node, metres, up to the largest that is asked for."""
    limit = facility_classes(city).farthest_m(name)
    return city.memo(("field", name), lambda: field(walk(city).graph, sources(city, name).attached, limit=limit))


def class_service_area(city: City, name: str, distance_m: float) -> gpd.GeoDataFrame:
    """Draw the ground from which a class is reached on foot; shares are never computed from it.

    Parameters
    ----------
    city
        With ``roads``.
    name
        A declared class.
    distance_m
        Along the network, above 0 and at most what the class is asked for.

    Returns
    -------
    geopandas.GeoDataFrame
        Disjoint polygons along the streets within reach, ``area_m2``, in the city's CRS.
    """
    shapes = service_area(walk(city).graph, class_field(city, name), limit=distance_m)
    return gpd.GeoDataFrame({"area_m2": shapely.area(shapes)}, geometry=list(shapes), crs=city.crs)


def straight_m(city: City, name: str, key: str, origins: Origins) -> Floats:
    """Straight-line distance from places to the nearest facility of a class, from its entrances where they are mapped; inf beyond the limit."""
    limit = facility_classes(city).farthest_m(name)
    return city.memo(("straight_m", name, key), lambda: nearest_m(facilities(city, name).ways(), origins.points, limit))


def nearest_m(shapes: Geometries, points: Geometries, limit_m: float) -> Floats:
    """Distance to the nearest of ``shapes``; inf beyond ``limit_m``."""
    out = np.full(len(points), np.inf)
    if len(shapes) and len(points):
        # A little beyond, since the search leaves out what lies exactly at its limit.
        (point, _), distance = shapely.STRtree(shapes).query_nearest(
            points, max_distance=limit_m * (1 + 1e-9) + 1e-6, return_distance=True, all_matches=False
        )
        out[point] = distance
    return out


def walking_min(city: City, name: str, key: str, origins: Origins, *, winter: bool, bound: Bound) -> Floats:
    """Minutes on foot from places to the nearest facility of a class; inf beyond, and where a place is unreachable."""
    return city.memo(("walking_min", name, key, winter, bound), lambda: _minutes(city, name, key, origins, winter, bound))


def unknown_ground(city: City) -> float:
    """Share of the length of the walking network whose height is not known, 0–1."""
    return city.memo(("city-wide", "unknown_ground"), lambda: _unknown_ground(city))


def _unknown_ground(city: City) -> float:
    raster, graph = city.layer("elevation").raster, walk(city).graph
    if raster is None:
        return 1.0
    ends, _ = segments(graph.lines)
    unknown = np.isnan(raster.sample(ends.reshape(-1, 2), city.crs)).reshape(-1, 2).any(axis=1)
    total = graph.segment_length_m.sum()
    return float(graph.segment_length_m[unknown].sum() / total) if total else 0.0


def _minutes(city: City, name: str, key: str, origins: Origins, winter: bool, bound: Bound) -> Floats:
    graph = walk(city).graph
    cost, per_m = city.memo(("minutes by edge", winter, bound), lambda: _cost(city, graph, winter, bound))
    limit = facility_classes(city).farthest_m(name) / METRES_PER_MINUTE
    reach = field(graph, sources(city, name).attached, limit=limit, cost=cost, per_m=per_m)
    return at(reach, attached_origins(city, key, origins))


def _cost(city: City, graph: Graph, winter: bool, bound: Bound) -> tuple[Floats, float]:
    raster = city.layer("elevation").raster
    heights = (lambda xy: raster.sample(xy, city.crs)) if raster is not None else None
    pace = walking_pace()
    return walking_minutes(graph, city.frame("roads"), heights, pace, winter=winter, bound=bound), pace.minutes_per_m(winter, bound)
