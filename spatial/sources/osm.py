"""Read OpenStreetMap files in one pass: filters in C++, then one dictionary look-up a feature in Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from spatial.errors import SourceError
from spatial.layers import LayerSpec, Repair
from spatial.text import Text

READER_SCHEMA = "1"
ENDINGS = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
_NO_LOCATION = 2147483647
_SCALE = 1e-7
_ROUTES = ("bus", "trolleybus", "subway", "light_rail", "tram", "monorail", "train")

Rule = tuple[str, frozenset[str] | None]


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
    """

    frames: dict[str, gpd.GeoDataFrame]
    box: tuple[float, float, float, float] | None
    box_is_header: bool
    newest: str
    repairs: list[Repair] = field(default_factory=list)


@dataclass
class _Columns:
    """Features of one layer while the file is read."""

    spec: LayerSpec
    ids: list[str] = field(default_factory=list)
    tags: list[tuple[str | None, ...]] = field(default_factory=list)
    wkb: list[str] = field(default_factory=list)
    lines: list[list[tuple[int, int]]] = field(default_factory=list)
    nodes: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = [declared.tag for declared in self.spec.fields.values() if declared.tag]

    def keep(self, identity: str, get: Callable[[str], str | None]) -> None:
        """Keep the id and the declared tags of one feature."""
        self.ids.append(identity)
        self.tags.append(tuple([get(key) for key in self.keys]))


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
    try:
        return _Reader([spec for spec in specs if spec.osm]).read(path)
    except (RuntimeError, ValueError, OSError) as error:
        raise SourceError(f"{path}: cannot be read as OSM data, it may be truncated or corrupt ({error}); get the file again") from error


class _Reader:
    def __init__(self, specs: list[LayerSpec]) -> None:
        self.columns = {spec.name: _Columns(spec) for spec in specs}
        self.rules: dict[str, dict[str, list[tuple[frozenset[str] | None, _Columns]]]] = {
            "node": defaultdict(list),
            "way": defaultdict(list),
            "area": defaultdict(list),
        }
        for columns in self.columns.values():
            kinds = {"point": ("node", "area"), "line": ("way",), "polygon": ("area",), "any": ("node", "area")}[columns.spec.geometry]
            for alternative in columns.spec.osm:
                for key, accepted in alternative.items():
                    for kind in kinds:
                        self.rules[kind][key].append((None if accepted is True else frozenset(accepted), columns))
        self.newest = ""
        self.box = [np.inf, np.inf, -np.inf, -np.inf]
        self.clipped: list[str] = []
        self.lost: list[str] = []
        # Closed ways and relations that should become areas, and those that did; which is read first depends on the file.
        self.rings: set[int] = set()
        self.multipolygons: set[int] = set()
        self.built_rings: set[int] = set()
        self.built_multipolygons: set[int] = set()
        self.relations: list[tuple[str, list[tuple[str, int]]]] = []

    def read(self, path: Path) -> OsmData:
        import osmium

        keys = {kind: sorted(rules) for kind, rules in self.rules.items()}
        reader = osmium.io.Reader(str(path))
        header_box = reader.header().box()
        reader.close()
        processor = osmium.FileProcessor(str(path))
        processor = processor.with_areas(osmium.filter.KeyFilter(*keys["area"])) if keys["area"] else processor.with_locations()
        kinds = {"node": osmium.osm.NODE, "way": osmium.osm.WAY, "area": osmium.osm.AREA}
        asked = {**keys, "way": sorted({*keys["way"], *keys["area"]})}
        for kind, entity in kinds.items():  # what no layer of this kind asks for never reaches Python
            processor = processor.with_filter(osmium.filter.KeyFilter(*(asked[kind] or ["-"])).enable_for(entity))
        processor = processor.with_filter(osmium.filter.KeyFilter("route", *keys["area"]).enable_for(osmium.osm.RELATION))
        wkb = osmium.geom.WKBFactory()
        newest = None
        for item in processor:
            stamp = item.timestamp
            if newest is None or stamp > newest:
                newest = stamp
            if item.is_node():
                self._node(item)
            elif item.is_way():
                if item.is_closed():
                    self.rings.add(item.id)
                self._way(item)
            elif item.is_area():
                self._area(item, wkb)
            elif item.is_relation():
                self._relation(item)
        self._unassembled(path)
        if newest is not None and newest.year > 1970:
            self.newest = newest.date().isoformat()
        valid = header_box.valid()
        box = (
            (header_box.bottom_left.lon, header_box.bottom_left.lat, header_box.top_right.lon, header_box.top_right.lat) if valid else None
        )
        frames = {name: self._frame(columns) for name, columns in self.columns.items()}
        if box is None:
            bounds = [frame.total_bounds for frame in frames.values() if len(frame)]
            if bounds:
                low, high = np.min(bounds, axis=0), np.max(bounds, axis=0)
                box = (float(low[0]), float(low[1]), float(high[2]), float(high[3]))
        return OsmData(frames, box, valid, self.newest, self._repairs())

    def _matching(self, kind: str, get: Callable[[str], str | None]) -> list[_Columns]:
        """Layers that a feature belongs to; only tags that a rule names are looked at, which is cheaper than reading all of them."""
        found: list[_Columns] = []
        for key, rules in self.rules[kind].items():
            value = get(key)
            if value is None:
                continue
            for accepted, columns in rules:
                if (accepted is None or value in accepted) and columns not in found and not _excluded(columns.spec, get):
                    found.append(columns)
        return found

    def _node(self, node: Any) -> None:
        get = node.tags.get
        for columns in self._matching("node", get):
            location = node.location
            if not location.valid():
                self.lost.append(f"n{node.id}")
                continue
            columns.keep(f"n{node.id}", get)
            columns.lines.append([(location.x, location.y)])

    def _way(self, way: Any) -> None:
        get = way.tags.get
        for columns in self._matching("way", get):
            refs = [(node.ref, node.location.x, node.location.y) for node in way.nodes]
            parts = _located_parts(refs)
            if len(parts) != 1 or len(parts[0]) != len(refs):
                (self.clipped if parts else self.lost).append(f"w{way.id}")
            for part in parts:
                columns.keep(f"w{way.id}", get)
                columns.lines.append([(x, y) for _, x, y in part])
                columns.nodes.append([ref for ref, _, _ in part])

    def _area(self, area: Any, wkb: Any) -> None:
        (self.built_rings if area.from_way() else self.built_multipolygons).add(area.orig_id())
        get = area.tags.get
        matching = self._matching("area", get)
        if not matching:
            return
        identity = f"{'w' if area.from_way() else 'r'}{area.orig_id()}"
        try:
            shape = wkb.create_multipolygon(area)
        except RuntimeError:
            self.lost.append(identity)
            return
        for columns in matching:
            columns.keep(identity, get)
            columns.wkb.append(shape)
            columns.lines.append([])

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
            self.relations.append((f"{tags['route']} {label}", [(member.type, member.ref) for member in relation.members]))

    def _frame(self, columns: _Columns) -> gpd.GeoDataFrame:
        spec = columns.spec
        geometry = _lines(columns.lines) if spec.geometry == "line" else _points_and_areas(columns, as_points=spec.geometry == "point")
        data: dict[str, Any] = {"id": np.array(columns.ids, dtype=object)}
        named = [name for name, declared in spec.fields.items() if declared.tag]
        for name, values in zip(named, zip(*columns.tags, strict=True) if columns.tags else [()] * len(named), strict=True):
            data[name] = np.array(values, dtype=object)
        if spec.node_refs:
            nodes = np.empty(len(columns.nodes), object)
            nodes[:] = [np.array(refs, dtype=np.int64) for refs in columns.nodes]
            data["nodes"] = nodes
        if "routes" in spec.fields:
            by_member: dict[str, list[str]] = defaultdict(list)
            for label, members in self.relations:
                for kind, ref in members:
                    by_member[f"{kind}{ref}"].append(label)
            data["routes"] = np.array(
                [";".join(dict.fromkeys(by_member[i])) if i in by_member else None for i in columns.ids], dtype=object
            )
        return gpd.GeoDataFrame(data, geometry=geometry, crs="EPSG:4326")

    def _repairs(self) -> list[Repair]:
        clipped = Text(
            "提取边界处缺少节点的线，仅保留有坐标的部分", "ways that lack nodes at the extract's edge, of which the located parts are kept"
        )
        lost = Text("坐标缺失或无法闭合的要素（已剔除）", "features that cannot be located whole or assembled, left out")
        counted = [(clipped, sorted(set(self.clipped))), (lost, sorted(set(self.lost)))]
        return [Repair("osm", what, len(ids), tuple(ids[:5])) for what, ids in counted if ids]


def _excluded(spec: LayerSpec, get: Callable[[str], str | None]) -> bool:
    return bool(spec.exclude) and any(get(key) in values for key, values in spec.exclude.items())


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


def _lines(lines: list[list[tuple[int, int]]]) -> Any:
    counts = np.array([len(line) for line in lines], dtype=int)
    if not len(counts):
        return np.empty(0, object)
    xy = np.array([point for line in lines for point in line], dtype=float) * _SCALE
    return shapely.linestrings(np.round(xy, 7), indices=np.repeat(np.arange(len(lines)), counts))


def _points_and_areas(columns: _Columns, *, as_points: bool) -> Any:
    geometry = np.empty(len(columns.ids), object)
    from_area = np.array([not line for line in columns.lines], dtype=bool)
    if from_area.any():
        shapes = shapely.from_wkb(columns.wkb)
        geometry[from_area] = shapely.point_on_surface(shapes) if as_points else shapes
    if (~from_area).any():
        xy = np.array([line[0] for line in columns.lines if line], dtype=float) * _SCALE
        geometry[~from_area] = shapely.points(np.round(xy, 7))
    return geometry
