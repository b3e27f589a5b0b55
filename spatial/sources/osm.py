"""Read OpenStreetMap files in one pass: filters in C++, then one dictionary look-up a feature in Python."""

from __future__ import annotations

import bz2
import contextlib
import gc
import gzip
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from spatial.errors import SourceError, SpatialError, sample
from spatial.layers import LayerSpec, Repair
from spatial.text import Text

READER_SCHEMA = "4"
_MUCH, _TIMES = 500 << 20, 200  # bytes, and how much smaller a packed file may be
ENDINGS = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
_NO_LOCATION = 2147483647
_PER_DEGREE = 1e7
MAX_SPAN_DENSE, MAX_SPAN = 5.0, 30.0  # degrees: no street, building or plot is longer; nature reserves are
Get = Callable[[str], str | None]
_DELETED = re.compile(rb"""action\s*=\s*["']delete["']""")
_RAIL_ROUTES = ("subway", "light_rail", "tram", "monorail", "train")
_ROUTES = ("bus", "trolleybus", *_RAIL_ROUTES)
_NO_TRACK = ("platform", "stop", "station", "entrance", "hail")
"""Beginnings of the roles by which a route names what is not its way."""


@dataclass
class OsmData:
    """What one OSM file gave.

    Attributes
    ----------
    frames
        One frame a layer, degrees WGS-84, with ``id`` such as ``w123`` (node n, way w, relation r).
    box
        West, south, east, north of the header, else of all points that were read; ``None`` for a file without any.
    box_is_header
        Whether ``box`` stood in the header.
    newest
        Newest edit among the features that were read, ISO date; empty where the file has no dates.
    repairs
        Clipped ways and rings that do not close, counted.
    edits
        Features that were read by the year of their last edit; empty where the file has no dates.
    """

    frames: dict[str, gpd.GeoDataFrame]
    box: tuple[float, float, float, float] | None
    box_is_header: bool
    newest: str
    repairs: list[Repair] = field(default_factory=list)
    edits: dict[str, int] = field(default_factory=dict)


Place = tuple[int, int]
Shape = str | Place | list[Place]
"""WKB in hexadecimal digits as osmium writes it, a point, or the points of a line; in degrees × 10⁷ where it is points."""


@dataclass(eq=False)
class _Columns:
    """Features of one layer while the file is read."""

    spec: LayerSpec
    ids: list[str] = field(default_factory=list)
    tags: list[tuple[str | None, ...]] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    nodes: list[list[int]] = field(default_factory=list)
    cut: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = [declared.tag for declared in self.spec.fields.values() if declared.tag]
        self.exclude = [(key, frozenset(values)) for key, values in self.spec.exclude.items()]
        self.words = [word.casefold() for word in self.spec.named]

    def keep(self, identity: str, get: Get, shape: Shape) -> None:
        """Keep the id, the declared tags and the shape of one feature."""
        self.ids.append(identity)
        self.tags.append(tuple(map(get, self.keys)))
        self.shapes.append(shape)

    def excludes(self, get: Get) -> bool:
        """Tell whether a tag of the feature, or its name, keeps it out of the layer."""
        if self.exclude and any(get(key) in values for key, values in self.exclude):
            return True
        return bool(self.spec.named) and not self.is_named(get("name"))

    def is_named(self, name: str | None) -> bool:
        """Tell whether a name bears one of the words that the layer asks for."""
        return name is not None and any(word in name.casefold() for word in self.words)


_Rule = tuple[str, dict[str, tuple[_Columns, ...]], tuple[_Columns, ...]]
"""A tag key, the layers by value, and the layers of any other value."""


def read_osm(path: Path, specs: Iterable[LayerSpec]) -> OsmData:
    """Read the layers of an OSM file.

    Parameters
    ----------
    path
        ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``.
    specs
        Layers to read; those without OSM rules are left out.

    Returns
    -------
    OsmData
        Ways with missing nodes are broken there and keep their located parts, counted; several parts of one way have the same ``id``.

    Raises
    ------
    SourceError
        The file is missing, truncated, corrupt, or not an OSM file.
    """
    if not path.exists():
        raise SourceError(f"{path}: no such file; check [osm] file in city.toml")
    if not path.name.endswith(ENDINGS):
        raise SourceError(f"{path}: is not an OSM file by its name; known: {', '.join(ENDINGS)}")
    import osmium

    _refuse_bomb(path)
    try:
        with _collector_paused():
            data = _Reader([spec for spec in specs if spec.osm]).read(path)
    except SpatialError:
        raise
    except (RuntimeError, ValueError, OSError, osmium.InvalidLocationError) as error:
        if "out of order" in str(error):
            raise SourceError(f'{path}: is not sorted as OSM files are ({error}); sort it with "osmium sort"') from error
        raise SourceError(f"{path}: cannot be read as OSM data, it may be truncated or corrupt ({error}); get the file again") from error
    _check_places(path, data)
    return data


def _refuse_bomb(path: Path) -> None:
    """Refuse what unpacks to far more than OSM data do, which pack to a tenth or a twentieth; the size is the one announced at the end."""
    if not path.name.endswith(".gz") or (packed := path.stat().st_size) < 18:
        return
    with path.open("rb") as stream:
        stream.seek(-4, 2)
        size = int.from_bytes(stream.read(4), "little")
    if size > _MUCH and size > _TIMES * packed:
        raise SourceError(
            f"{path}: cannot be read as OSM data, it may be truncated or corrupt (it would unpack to {size >> 20} MiB from {packed >> 10} KiB);"
            " get the file again"
        )


def _check_places(path: Path, data: OsmData) -> None:
    """Refuse places beyond the earth, which osmium lets through."""
    for name, frame in data.frames.items():
        bounds = shapely.bounds(frame.geometry.to_numpy())
        with np.errstate(invalid="ignore"):
            beyond = (bounds < np.array([-180, -90, -180, -90])).any(axis=1) | (bounds > np.array([180, 90, 180, 90])).any(axis=1)
        if beyond.any():
            raise SourceError(
                f"{path}: {int(beyond.sum())} features of {name} (ids {sample(frame['id'][beyond])}) lie beyond the earth, so the file is corrupt;"
                " get the file again"
            )


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the garbage collector: reading makes a million objects and no cycle, and the search for some was a fifth of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _refuse_changes(path: Path, program: str) -> None:
    """Refuse what an editor marks as deleted and keeps in its file; osmium does not look at the mark."""
    if program != "JOSM" or path.name.endswith(".pbf"):
        return
    opened = gzip.open if path.name.endswith(".gz") else bz2.open if path.name.endswith(".bz2") else open
    with opened(path, "rb") as stream:
        before = b""
        while block := stream.read(1 << 20):
            if _DELETED.search(before + block):
                raise SourceError(f"{path}: holds objects that were deleted in JOSM; upload or purge them there, and save the file again")
            before = block[-40:]


class _Reader:
    def __init__(self, specs: list[LayerSpec]) -> None:
        self.columns = {spec.name: _Columns(spec) for spec in specs}
        self.rules = {kind: _rules(kind, list(self.columns.values())) for kind in ("node", "way", "area")}
        self.newest = ""
        self.box = [np.inf, np.inf, -np.inf, -np.inf]
        self.clipped: list[str] = []
        self.lost: list[str] = []
        self.stretched: list[str] = []
        # Closed ways and relations that should become areas, and those that did; which is read first depends on the file.
        self.rings: set[int] = set()
        self.multipolygons: set[int] = set()
        self.built_rings: set[int] = set()
        self.built_multipolygons: set[int] = set()
        # Of layers that follow routes: the name of the route by the id of each way that it runs along.
        self.followed: dict[str, dict[str, str]] = {spec.name: {} for spec in specs if spec.routes}
        self.relations: list[tuple[str, list[tuple[str, int, str]]]] = []
        self.cut_routes: frozenset[str] = frozenset()

    def read(self, path: Path) -> OsmData:
        import osmium

        keys = {kind: [key for key, _, _ in rules] for kind, rules in self.rules.items()}
        reader = osmium.io.Reader(str(path))
        header_box, program = reader.header().box(), reader.header().get("generator")
        reader.close()
        _refuse_changes(path, program)
        processor = osmium.FileProcessor(str(path))
        processor = processor.with_areas(osmium.filter.KeyFilter(*keys["area"])) if keys["area"] else processor.with_locations()
        kinds = {"node": osmium.osm.NODE, "way": osmium.osm.WAY, "area": osmium.osm.AREA}
        asked = {**keys, "way": sorted({*keys["way"], *keys["area"]})}
        for kind, entity in kinds.items():  # what no layer of this kind asks for never reaches Python
            processor = processor.with_filter(osmium.filter.KeyFilter(*(asked[kind] or ["-"])).enable_for(entity))
        processor = processor.with_filter(osmium.filter.KeyFilter("route", *keys["area"]).enable_for(osmium.osm.RELATION))
        read_one = {
            osmium.osm.Node: self._node, osmium.osm.Way: self._way, osmium.osm.Area: self._area, osmium.osm.Relation: self._relation,
        }  # fmt: skip
        self.wkb, self.all_nodes = osmium.geom.WKBFactory(), osmium.geom.ALL
        self.unfit = (RuntimeError, osmium.InvalidLocationError)
        newest = None
        years: dict[int, int] = defaultdict(int)
        for item in processor:
            if not item.visible:
                raise SourceError(f"{path}: holds deleted objects, as a history or a change file does; give an extract of one day")
            stamp = item.timestamp
            years[stamp.year] += 1
            if newest is None or stamp > newest:
                newest = stamp
            read_one[type(item)](item)
        self._unassembled(path)
        self._follow_routes()
        self.cut_routes = self._cut(path)
        if newest is not None and newest.year > 1970:
            self.newest = newest.date().isoformat()
        edits = {str(year): years[year] for year in sorted(years) if year > 1970}
        box = None
        if valid := header_box.valid():
            box = (header_box.bottom_left.lon, header_box.bottom_left.lat, header_box.top_right.lon, header_box.top_right.lat)
            valid = box[0] < box[2] and box[1] < box[3]  # one that is a point or a line says nothing
            box = box if valid else None
        frames = {name: self._without_stretched(self._frame(columns), columns.spec) for name, columns in self.columns.items()}
        if box is None:
            bounds = [frame.total_bounds for frame in frames.values() if len(frame)]
            if bounds:
                low, high = np.min(bounds, axis=0), np.max(bounds, axis=0)
                box = (float(low[0]), float(low[1]), float(high[2]), float(high[3]))
        return OsmData(frames, box, valid, self.newest, self._repairs(), edits)

    def _matching(self, kind: str, get: Get) -> tuple[_Columns, ...]:
        """Layers that a feature belongs to; only tags that a rule names are looked at, which is cheaper than reading all of them."""
        found: tuple[_Columns, ...] = ()
        for key, by_value, otherwise in self.rules[kind]:
            value = get(key)
            if value is not None and (more := by_value.get(value, otherwise)):
                found = tuple(dict.fromkeys((*found, *more))) if found else more
        return tuple([columns for columns in found if not columns.excludes(get)]) if found else found

    def _node(self, node: Any) -> None:
        get = node.tags.get
        for columns in self._matching("node", get):
            location = node.location
            if location.valid():
                columns.keep(f"n{node.id}", get, (location.x, location.y))
            else:
                self.lost.append(f"n{node.id}")

    def _way(self, way: Any) -> None:
        if way.is_closed():
            self.rings.add(way.id)
        get = way.tags.get
        matching = self._matching("way", get)
        if not matching:
            return
        identity = f"w{way.id}"
        try:
            whole = self.wkb.create_linestring(way, self.all_nodes)
        except self.unfit:  # a node without a location, or fewer than two nodes
            whole = None
        if whole is None:
            refs = [(node.ref, node.x, node.y) for node in way.nodes]
            parts = _located_parts(refs)
            (self.clipped if parts else self.lost).append(identity)
            for columns in matching:
                for part in parts:
                    if side := _cut_at(part, refs):
                        columns.cut[len(columns.ids)] = side
                    columns.keep(identity, get, [(x, y) for _, x, y in part])
                    columns.nodes.append([ref for ref, _, _ in part])
            return
        for columns in matching:
            columns.keep(identity, get, whole)
            if columns.spec.node_refs:
                columns.nodes.append([node.ref for node in way.nodes])

    def _area(self, area: Any) -> None:
        from_way, origin = area.from_way(), area.orig_id()
        (self.built_rings if from_way else self.built_multipolygons).add(origin)
        get = area.tags.get
        matching = self._matching("area", get)
        if not matching:
            return
        identity = f"{'w' if from_way else 'r'}{origin}"
        try:
            shape = self.wkb.create_multipolygon(area)
        except RuntimeError:
            self.lost.append(identity)
            return
        for columns in matching:
            columns.keep(identity, get, shape)

    def _unassembled(self, path: Path) -> None:
        """Count the areas that could not be put together: rings with missing nodes, multipolygons with missing members."""
        import osmium

        self.lost += [f"r{identity}" for identity in self.multipolygons - self.built_multipolygons]
        if open_rings := sorted(self.rings - self.built_rings):
            for way in osmium.FileProcessor(str(path), osmium.osm.WAY).with_filter(osmium.filter.IdFilter(open_rings)):
                if self._matching("area", way.tags.get) and way.tags.get("area") != "no":
                    self.lost.append(f"w{way.id}")

    def _relation(self, relation: Any) -> None:
        tags = relation.tags
        if tags.get("type") in ("multipolygon", "boundary") and self._matching("area", tags.get):
            self.multipolygons.add(relation.id)
        if tags.get("type") == "route" and tags.get("route") in _ROUTES:
            label = tags.get("ref") or tags.get("name") or f"r{relation.id}"
            self.relations.append((f"{tags['route']} {label}", [(member.type, member.ref, member.role) for member in relation.members]))
        for layer, ways in self.followed.items():
            columns = self.columns[layer]
            if tags.get("type") == "route" and tags.get("route") in columns.spec.routes and columns.is_named(tags.get("name")):
                for member in relation.members:
                    if member.type == "w":
                        ways.setdefault(f"w{member.ref}", tags["name"])

    def _cut(self, path: Path) -> frozenset[str]:
        """Name the rail routes of which the file lacks a track, or a part of one: what is left of them must not look whole."""
        known = {identity for columns in self.columns.values() if "routes_cut" in columns.spec.fields for identity in columns.ids}
        if not known:
            return frozenset()
        torn = {*self.clipped, *self.lost}
        tracks: dict[str, set[int]] = defaultdict(set)
        for label, members in self.relations:
            if label.startswith(_RAIL_ROUTES):
                tracks[label] |= {ref for kind, ref, role in members if kind == "w" and not role.startswith(_NO_TRACK)}
        asked = {ref for refs in tracks.values() for ref in refs if f"w{ref}" not in known}
        if asked:  # platforms and stations without a role, or what the file does not have
            import osmium

            there = osmium.FileProcessor(str(path), osmium.osm.WAY).with_filter(osmium.filter.IdFilter(sorted(asked)))
            asked -= {way.id for way in there}
        return frozenset(label for label, refs in tracks.items() if refs & asked or any(f"w{ref}" in torn for ref in refs))

    def _follow_routes(self) -> None:
        """Bring the streets and paths that a named route runs along into the layers that follow such routes, under the route's name."""
        streets = self.columns.get("roads")
        if streets is None:
            return
        for layer, ways in self.followed.items():
            columns = self.columns[layer]
            there = set(columns.ids)
            for at, identity in enumerate(streets.ids if ways else ()):
                if identity in ways and identity not in there:
                    tags = {**dict(zip(streets.keys, streets.tags[at], strict=True)), "name": ways[identity]}
                    columns.keep(identity, tags.get, streets.shapes[at])
                    if columns.spec.node_refs:
                        columns.nodes.append(streets.nodes[at])

    def _frame(self, columns: _Columns) -> gpd.GeoDataFrame:
        spec = columns.spec
        geometry = _geometry(columns.shapes)
        if spec.geometry == "point":
            areas = shapely.get_dimensions(geometry) == 2
            geometry[areas] = shapely.point_on_surface(geometry[areas])
        data: dict[str, Any] = {"id": np.array(columns.ids, dtype=object)}
        named = [name for name, declared in spec.fields.items() if declared.tag]
        for name, values in zip(named, zip(*columns.tags, strict=True) if columns.tags else [()] * len(named), strict=True):
            data[name] = np.array(values, dtype=object)
        if spec.node_refs:
            nodes = np.empty(len(columns.nodes), object)
            nodes[:] = [np.array(refs, dtype=np.int64) for refs in columns.nodes]
            data["nodes"] = nodes
        if "cut" in spec.fields:
            data["cut"] = np.array([columns.cut.get(row) for row in range(len(columns.ids))], dtype=object)
        if "routes" in spec.fields:
            by_member: dict[str, list[str]] = defaultdict(list)
            for label, members in self.relations:
                for kind, ref, _ in members:
                    by_member[f"{kind}{ref}"].append(label)
            labels = [list(dict.fromkeys(by_member.get(i, ()))) for i in columns.ids]
            data["routes"] = np.array([";".join(mine) or None for mine in labels], dtype=object)
            if "routes_cut" in spec.fields:
                data["routes_cut"] = np.array([";".join(x for x in mine if x in self.cut_routes) or None for mine in labels], dtype=object)
        if "clipped" in spec.fields:
            torn = set(self.clipped)
            data["clipped"] = np.array(["yes" if i in torn else None for i in columns.ids], dtype=object)
        return gpd.GeoDataFrame(data, geometry=geometry, crs="EPSG:4326")

    def _without_stretched(self, frame: gpd.GeoDataFrame, spec: LayerSpec) -> gpd.GeoDataFrame:
        """Leave out what spans a part of the earth, as where one node lies at 0° N: it would be measured for hours, and wrongly."""
        bounds = shapely.bounds(frame.geometry.to_numpy())
        with np.errstate(invalid="ignore"):
            stretched = (bounds[:, 2:] - bounds[:, :2] > (MAX_SPAN_DENSE if spec.dense else MAX_SPAN)).any(axis=1)
        self.stretched += list(frame["id"][stretched])
        return frame[~stretched].reset_index(drop=True) if stretched.any() else frame

    def _repairs(self) -> list[Repair]:
        clipped = Text(
            "提取边界处缺少节点的线，仅保留有坐标的部分", "ways that lack nodes at the extract's edge, of which the located parts are kept"
        )
        lost = Text("坐标缺失或无法闭合的要素（已剔除）", "features that cannot be located whole or assembled, left out")
        far = Text(
            "跨度达数百公里、必有节点坐标错误的要素（已剔除）",
            "features that span hundreds of kilometres, so that a node of theirs is misplaced, left out",
        )
        counted = [(clipped, sorted(set(self.clipped))), (lost, sorted(set(self.lost))), (far, sorted(set(self.stretched)))]
        return [Repair("osm", what, len(ids), tuple(ids[:5])) for what, ids in counted if ids]


def _rules(kind: str, layers: list[_Columns]) -> list[_Rule]:
    """List what to look at in a node, a way or an area: tag keys in alphabetical order, and who asks for which of their values."""
    asked: dict[str, list[tuple[_Columns, Any]]] = defaultdict(list)
    for columns in layers:
        spec = columns.spec
        kinds = {"point": ("node", "area"), "line": ("way",), "polygon": ("area",), "any": ("node", "area")}[spec.geometry]
        if kind in (("node",) if spec.nodes_only else kinds):
            for alternative in spec.osm:
                for key, accepted in alternative.items():
                    asked[key].append((columns, accepted))
    rules = []
    for key, who in sorted(asked.items()):
        otherwise = tuple(dict.fromkeys(columns for columns, accepted in who if accepted is True))
        values = sorted({value for _, accepted in who if accepted is not True for value in accepted})
        by_value = {
            value: tuple(dict.fromkeys(columns for columns, accepted in who if accepted is True or value in accepted)) for value in values
        }
        rules.append((key, by_value, otherwise))
    return rules


def _located_parts(refs: list[tuple[int, int, int]]) -> list[list[tuple[int, int, int]]]:
    """Break a way where nodes have no location; a part needs two different places."""
    if all(x != _NO_LOCATION for _, x, _ in refs):
        parts = [refs]
    else:
        parts = [[]]
        for ref in refs:
            if ref[1] != _NO_LOCATION:
                parts[-1].append(ref)
            elif parts[-1]:
                parts.append([])
    return [part for part in parts if len(part) > 1 and any(point[1:] != part[0][1:] for point in part)]


def _cut_at(part: list[tuple[int, int, int]], refs: list[tuple[int, int, int]]) -> str | None:
    """Say at which of its ends a located part of a way goes on to a node without a location."""
    starts, ends = part[0] is not refs[0], part[-1] is not refs[-1]
    return "both" if starts and ends else "start" if starts else "end" if ends else None


def _geometry(shapes: list[Shape]) -> Any:
    geometry = np.empty(len(shapes), object)
    written = np.array([isinstance(shape, str) for shape in shapes], dtype=bool)
    # GEOS takes five times as long for hexadecimal digits as for bytes.
    geometry[written] = shapely.from_wkb([bytes.fromhex(shape) for shape in shapes if isinstance(shape, str)])
    points = np.array([isinstance(shape, tuple) for shape in shapes], dtype=bool)
    if points.any():
        geometry[points] = shapely.points(_degrees([shape for shape in shapes if isinstance(shape, tuple)]))
    if lines := [shape for shape in shapes if isinstance(shape, list)]:
        parts = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
        geometry[~(written | points)] = shapely.linestrings(_degrees([point for line in lines for point in line]), indices=parts)
    return geometry


def _degrees(places: list[Place]) -> Any:
    """Longitude and latitude, as near to seven decimals as osmium writes them."""
    return np.array(places, dtype=float) / _PER_DEGREE
