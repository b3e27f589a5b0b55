"""A sheet to draw OSM features on, in plan metres, and the writing of it as a .osm.pbf."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely

from tests.demo_city import plan

LONGEST = 90.0  # metres between vertices, so that straight plan lines follow the bends of the city
STAMP = f"{plan.DATE}T00:00:00Z"
Point = tuple[float, float]
Tags = dict[str, str]


@dataclass
class Way:
    """A way of the street network, or a ring; ``level`` above or below 0 lets it cross others without a junction."""

    points: list[Point]
    tags: Tags
    level: int = 0
    meets: bool = True
    shared: frozenset[Point] = frozenset()
    metric: bool = False


@dataclass
class Sheet:
    """What was drawn. Numbers returned by the methods are handles for relations."""

    ways: list[Way] = field(default_factory=list)
    nodes: list[tuple[Point, Tags]] = field(default_factory=list)
    node_tags: dict[Point, Tags] = field(default_factory=lambda: defaultdict(dict))
    relations: list[tuple[list[tuple[str, int, str]], Tags]] = field(default_factory=list)
    homes: list[tuple[float, float, float, float, float, str]] = field(
        default_factory=list
    )  # plan x, y, area m², levels, m² a person, purpose

    def way(self, points: list[Point], level: int = 0, **tags: str) -> int:
        """Draw a way that meets others of its level wherever they cross or touch; one above or below the ground meets them at its ends."""
        self.ways.append(Way([_cm(point) for point in points], _named(tags), level))
        return len(self.ways) - 1

    def line(self, points: list[Point], **tags: str) -> int:
        """Draw a line that meets nothing: tracks, water courses."""
        self.ways.append(Way([_cm(point) for point in points], _named(tags), meets=False))
        return len(self.ways) - 1

    def ring(self, points: list[Point], gates: list[Point] | None = None, **tags: str) -> int:
        """Draw a closed way; ``gates`` are points of it that it shares with the streets."""
        points = [_cm(point) for point in points]
        shared = [_cm(gate) for gate in gates or []]
        for gate in shared:
            if gate not in points:
                after = min(
                    range(len(points)),
                    key=lambda k: shapely.LineString([points[k], points[(k + 1) % len(points)]]).distance(shapely.Point(gate)),
                )
                points.insert(after + 1, gate)
        self.ways.append(Way([*points, points[0]], _named(tags), meets=False, shared=frozenset(shared)))
        return len(self.ways) - 1

    def box(self, x0: float, y0: float, x1: float, y1: float, gates: list[Point] | None = None, **tags: str) -> int:
        return self.ring([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], gates, **tags)

    def building(self, x: float, y: float, width: float, depth: float, levels: int | None, person_m2: float = 0.0, **tags: str) -> int:
        """Draw a right-angled building around a plan point, its front along the plan's x; ``person_m2`` houses people in it."""
        east, north = plan.warp(x, y)
        turn = plan.heading(x, y)
        corners = np.array([(-width, -depth), (width, -depth), (width, depth), (-width, depth), (-width, -depth)]) / 2
        corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + [float(east), float(north)]
        if levels is not None:
            tags["building:levels"] = str(levels)
        if person_m2:
            self.homes.append((x, y, width * depth, float(levels or 1), person_m2, tags["building"]))
        self.ways.append(Way([tuple(corner) for corner in corners.tolist()], _named(tags), meets=False, metric=True))
        return len(self.ways) - 1

    def node(self, x: float, y: float, **tags: str) -> int:
        """Draw a point of its own."""
        self.nodes.append((_cm((x, y)), _named(tags)))
        return len(self.nodes) - 1

    def at(self, x: float, y: float, **tags: str) -> None:
        """Put tags on a node of the streets: gates, crossings."""
        self.node_tags[_cm((x, y))].update(_named(tags))

    def relation(self, members: list[tuple[str, int, str]], **tags: str) -> None:
        self.relations.append((members, _named(tags)))


def _cm(point: Point) -> Point:
    return round(float(point[0]), 2) + 0.0, round(float(point[1]), 2) + 0.0


def _named(tags: Tags) -> Tags:
    """``addr__city`` → ``addr:city``."""
    return {key.replace("__", ":"): value for key, value in tags.items() if value}


@dataclass(frozen=True)
class Extract:
    """Numbered OSM objects, sorted by number; coordinates in degrees."""

    nodes: list[tuple[float, float, Tags]]
    ways: list[tuple[list[int], Tags]]
    relations: list[tuple[list[tuple[str, int, str]], Tags]]


def assemble(sheet: Sheet) -> Extract:
    """Number nodes and ways, with junctions where ways of one level meet."""
    noded = _noded(sheet.ways)
    numbers: dict[object, int] = {}
    xy: list[Point] = []
    metric: list[bool] = []
    ways: list[tuple[list[int], Tags]] = []
    for number, way in enumerate(sheet.ways):
        points = noded[number]
        refs = []
        for k, point in enumerate(points):
            end = k in (0, len(points) - 1)
            if way.meets:
                key: object = (point, 0 if end else way.level)
            else:
                key = (point, 0) if point in way.shared else (point, "way", number)
            if key not in numbers:
                numbers[key] = len(xy)
                xy.append(point)
                metric.append(way.metric)
            refs.append(numbers[key] + 1)
        ways.append((refs, way.tags))
    tags: list[Tags] = [{} for _ in xy]
    for point, given in sorted(sheet.node_tags.items()):
        tags[numbers[(point, 0)]] = given  # a KeyError here is a gate without a way
    first_free = len(xy)
    for point, given in sheet.nodes:
        xy.append(point)
        metric.append(False)
        tags.append(given)
    flat = np.array(xy)
    east, north = plan.warp(flat[:, 0], flat[:, 1])
    own = np.array(metric)
    degrees = plan.to_degrees(np.where(own, flat[:, 0], east), np.where(own, flat[:, 1], north))
    offset = {"n": first_free + 1, "w": 1, "r": 1}
    relations = [([(kind, offset[kind] + handle, role) for kind, handle, role in members], given) for members, given in sheet.relations]
    return Extract([(float(lon), float(lat), given) for (lon, lat), given in zip(degrees, tags, strict=True)], ways, relations)


def _noded(ways: list[Way]) -> list[list[Point]]:
    """Insert a vertex wherever ways of one level cross or touch, then split long pieces."""
    extra: dict[int, set[Point]] = defaultdict(set)
    meeting = [k for k, way in enumerate(ways) if way.meets]
    for level in sorted({ways[k].level for k in meeting}):
        mine = [k for k in meeting if ways[k].level == level]
        lines = np.array([shapely.LineString(ways[k].points) for k in mine])
        a, b = shapely.STRtree(lines).query(lines, predicate="intersects")
        a, b = a[a < b], b[a < b]
        for first, second, crossing in zip(a, b, shapely.intersection(lines[a], lines[b]), strict=True):
            for point in shapely.get_coordinates(crossing).tolist():
                extra[mine[first]].add(_cm((point[0], point[1])))
                extra[mine[second]].add(_cm((point[0], point[1])))
    ground = [k for k in meeting if ways[k].level == 0]
    tree = shapely.STRtree([shapely.LineString(ways[k].points) for k in ground])
    ends = [point for k in meeting if ways[k].level for point in (ways[k].points[0], ways[k].points[-1])]
    for end, hit in zip(*tree.query([shapely.Point(end) for end in ends], predicate="dwithin", distance=0.005), strict=True):
        extra[ground[hit]].add(ends[end])
    return [_with(way.points, extra[k]) if not way.metric else way.points for k, way in enumerate(ways)]


def _with(points: list[Point], extra: set[Point]) -> list[Point]:
    new = extra - set(points)
    if new:
        segments = shapely.linestrings([[points[k], points[k + 1]] for k in range(len(points) - 1)])
        after: dict[int, list[tuple[float, Point]]] = defaultdict(list)
        for point in sorted(new):
            k = int(np.argmin(shapely.distance(segments, shapely.Point(point))))
            after[k].append((float(np.hypot(point[0] - points[k][0], point[1] - points[k][1])), point))
        points = [p for k, start in enumerate(points) for p in (start, *(point for _, point in sorted(after[k])))]
    out = [points[0]]
    for start, end in itertools.pairwise(points):
        pieces = max(1, int(np.ceil(np.hypot(end[0] - start[0], end[1] - start[1]) / LONGEST)))
        out += [_cm((start[0] + (end[0] - start[0]) * k / pieces, start[1] + (end[1] - start[1]) * k / pieces)) for k in range(1, pieces)]
        out.append(end)
    return out


def write_pbf(extract: Extract, path: Path, box: tuple[float, float, float, float]) -> None:
    """Write objects in the order of their numbers, with the header box that says what the data cover."""
    import osmium
    from osmium.osm import mutable

    path.unlink(missing_ok=True)
    header = osmium.io.Header()
    header.add_box(osmium.osm.Box(*box))
    with osmium.SimpleWriter(str(path), header=header) as writer:
        for number, (lon, lat, tags) in enumerate(extract.nodes, start=1):
            writer.add_node(mutable.Node(id=number, version=1, timestamp=STAMP, location=(lon, lat), tags=tags))
        for number, (refs, tags) in enumerate(extract.ways, start=1):
            writer.add_way(mutable.Way(id=number, version=1, timestamp=STAMP, nodes=refs, tags=tags))
        for number, (members, tags) in enumerate(extract.relations, start=1):
            writer.add_relation(mutable.Relation(id=number, version=1, timestamp=STAMP, members=members, tags=tags))
