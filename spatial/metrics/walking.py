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
from spatial.overlay import Floats, Geometries, Ints

SNAP_LIMIT_M = 200.0
LARGE_M2 = 10_000.0
GATE_WITHIN_M = {"large": 10.0, "small": 1.0}
SPACING_M, TOUCH_M = 50.0, 25.0
ISLAND_M = 1000.0
METRES_PER_MINUTE = 1000.0 / 15.0
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
    count
        How many facilities there are where roads are known.
    unreached
        Those of them that no walkable way comes near.
    enclosed
        Those of them that are behind walls without a mapped gate.
    """

    places: Geometries
    facility: Ints
    attached: Attached
    count: int
    unreached: Ints
    enclosed: Ints


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
    places, facility = ways_in(city, found.shapes[~entered], found.facility[~entered], open_ground=open_ground)
    places, facility = np.concatenate([places, found.entrances]), np.concatenate([facility, found.of])
    return attached_sources(city, places, facility)


def attached_sources(city: City, places: Geometries, facility: Ints) -> Sources:
    """Attach ways in; a facility of which none can be attached is unreached."""
    placed = attach(city, places)
    extent = city.layer("roads").extent
    known = np.ones(len(places), bool)
    if extent is not None:
        shapely.prepare(extent)
        known = shapely.intersects(extent, places)
    here = np.unique(facility[known])
    through = facility[(placed.attached.edge >= 0) & ~placed.enclosed]
    reached = facility[placed.attached.edge >= 0]
    return Sources(
        places, facility, placed.attached, len(here), np.setdiff1d(here, reached), np.setdiff1d(np.intersect1d(here, reached), through)
    )


def ways_in(city: City, shapes: Geometries, facility: Ints, *, open_ground: bool = False) -> tuple[Geometries, Ints]:
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
        Whether a ground is also entered from a walkable way that runs within 25 m of its edge, every 50 m of it.

    Returns
    -------
    places, facility
        Points as they are. A polygon has its gates and entrances; without any, one above 1 ha (or open) the points where walkable ways meet
        its edge; without those, and for small ones, the polygon itself: its nearest point counts.
    """
    flat = np.flatnonzero(shapely.get_dimensions(shapes) == 2)
    if not len(flat):
        return shapes, facility
    large = (shapely.area(shapes[flat]) > LARGE_M2) | open_ground
    rings = shapely.boundary(shapes[flat])
    gates, at_gate = _gates(city, rings, large)
    known = np.zeros(len(flat), bool)
    known[at_gate] = True
    asked = np.flatnonzero(large & ~known)
    meetings, at_meeting = _meetings(city, rings[asked], open_ground)
    known[asked[at_meeting]] = True
    whole = np.concatenate([np.flatnonzero(shapely.get_dimensions(shapes) != 2), flat[~known]])
    places = np.concatenate([shapes[whole], gates, meetings])
    return places, np.concatenate([facility[whole], facility[flat[at_gate]], facility[flat[asked[at_meeting]]]])


def _gates(city: City, rings: Geometries, large: np.ndarray) -> tuple[Geometries, Ints]:
    """Gates and entrances on the edges of grounds, and which ground each belongs to."""
    frame = city.layer("gates").frame
    if frame is None or not len(frame):
        return np.empty(0, object), np.empty(0, np.int64)
    shut = frame["entrance"].isin(NO_WAY_IN) | frame["access"].isin(["no"]) | frame["foot"].isin(["no"]) | frame["locked"].isin(["yes"])
    wall = frame["entrance"].isna() & ~frame["barrier"].isin(["gate", "entrance", "lift_gate", "swing_gate", "sliding_gate", "kissing_gate", "turnstile", "full-height_turnstile", "wicket_gate", "bollard", "cycle_barrier"])  # fmt: skip
    points = np.asarray(frame.geometry.to_numpy(), dtype=object)[~(shut | wall).to_numpy(dtype=bool)]
    reach = np.where(large, GATE_WITHIN_M["large"], GATE_WITHIN_M["small"])
    if not len(points):
        return np.empty(0, object), np.empty(0, np.int64)
    ring, point = shapely.STRtree(points).query(rings, predicate="dwithin", distance=reach)
    return points[point], ring


def _meetings(city: City, rings: Geometries, open_ground: bool) -> tuple[Geometries, Ints]:
    """Points where public walkable ways meet the edges of grounds, and along open edges where a way runs beside."""
    net = walk(city)
    lines = net.graph.lines[~net.graph.private]
    if not len(lines) or not len(rings):
        return np.empty(0, object), np.empty(0, np.int64)
    tree = shapely.STRtree(lines)
    ring, line = tree.query(rings, predicate="intersects")
    met = shapely.intersection(rings[ring], lines[line])
    xy, index = shapely.get_coordinates(met, return_index=True)
    places, of = shapely.points(xy) if len(xy) else np.empty(0, object), ring[index]
    if not open_ground:
        return places, of
    spots, along = _every(rings, SPACING_M)
    attached = snap(net.graph, spots, limit_m=TOUCH_M, obstacles=net.obstacles, private=False, least_part_m=ISLAND_M)
    beside = attached.edge >= 0
    return np.concatenate([places, spots[beside]]), np.concatenate([of, along[beside]])


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
