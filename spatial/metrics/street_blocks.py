"""Street blocks: the faces of the public street network that are built upon, with their sides and uses."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from spatial import catalogue, overlay
from spatial.city import City
from spatial.metrics.land import built_up_area
from spatial.network.graph import Network, build_network
from spatial.network.passage import OPEN, text, way_status
from spatial.overlay import Floats, Geometries, Ints
from spatial.result import ratio
from spatial.roads import road_model

UNKNOWN, OTHER = "unknown", "other"
_SAME_M = 0.001

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StreetBlocks:
    """Street blocks, in the order of their western and southern edges.

    Attributes
    ----------
    ground
        One polygon a block, shape (b,), disjoint, metres.
    inside
        A point in each of them, shape (b,): where the block counts.
    area_m2, side_m
        Area, and the longer side of the smallest rectangle around it.
    kind
        Key of ``kinds`` in ``data/blocks.toml``, ``other`` for another known use, ``unknown`` where the land use is not mapped.
    cut
        How many faces reach beyond what the data cover; they are no blocks, since streets beyond may divide them.
    """

    ground: Geometries
    inside: Geometries
    area_m2: Floats
    side_m: Floats
    kind: npt.NDArray[np.object_]
    cut: int

    def limit_m(self, unknown: str = "residential") -> Floats:
        """Longest side that the standard recommends, by block; those of unknown use are taken for ``unknown``."""
        table = catalogue.reference("blocks")
        limits = {key: float(row["limit_m"]) for key, row in table["kinds"].items()}
        limits |= {OTHER: float(table["other"]["limit_m"]), UNKNOWN: limits[unknown]}
        return np.array([limits[kind] for kind in self.kind], dtype=float)


def street_blocks(city: City) -> StreetBlocks:
    """Find the street blocks of a city.

    Parameters
    ----------
    city
        With ``roads``; ``landuse``, ``parks``, ``water``, ``rail`` and the built-up area say what is no block and what it is used for.

    Returns
    -------
    StreetBlocks
        Faces of the open municipal streets and pedestrian streets without tunnels, bounded by their axes (where a road has several carriageways, by the nearest one).
        Left out: road land (medians, islands, roundabouts, interchanges); waters, parks, fields and railways, which also divide a face; and what
        lies outside the built-up area. A street that ends inside a face does not divide it.
    """
    return city.memo(("city-wide", "street_blocks"), lambda: _build(city))


def _build(city: City) -> StreetBlocks:
    faces, cut = _faces(city)
    parts = overlay.without(faces, overlay.dissolve(_no_block(city))) if len(faces) else faces
    built = shapely.union_all(built_up_area(city).outline)
    shapely.prepare(built)
    inside = shapely.covers(built, parts)
    touched = ~inside & shapely.intersects(built, parts)
    parts = np.concatenate([parts[inside], shapely.intersection(built, parts[touched])])
    parts = shapely.get_parts(overlay.pieces.polygonal(parts))
    limits = catalogue.reference("blocks")["road_land"]
    parts = parts[shapely.area(parts) >= limits["least_m2"]]
    parts = parts[_wider(parts, limits["narrow_m"])]
    bounds = shapely.bounds(parts)
    parts = parts[np.lexsort((bounds[:, 3], bounds[:, 2], bounds[:, 1], bounds[:, 0]))]
    return StreetBlocks(parts, shapely.point_on_surface(parts), shapely.area(parts), _longer_side(parts), _kinds(city, parts), cut)


def _faces(city: City) -> tuple[Geometries, int]:
    """Faces of the street network that are no road land, and how many more reach beyond the data."""
    roads = city.frame("roads").reset_index(drop=True)
    bounds = _bounds(city, roads)
    if not bounds.any():
        return np.empty(0, object), 0
    lines = roads.loc[bounds, ["nodes", "bridge", "tunnel", "layer", "geometry"]].explode(index_parts=False)
    network = build_network(lines.reset_index(drop=True))  # joins the ends of local roads, which would leave a face open
    edges = shapely.union_all(shapely.linestrings(np.stack([network.xy[network.start], network.xy[network.end]], axis=1)))
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(edges)))
    limits = catalogue.reference("blocks")["road_land"]
    faces = faces[shapely.area(faces) >= limits["least_m2"]]
    faces = faces[_wider(faces, limits["narrow_m"])]
    faces = faces[~_road_land(city, faces, network, lines.index.to_numpy())]
    extent = city.layer("roads").extent
    if extent is None:
        return faces, 0
    shapely.prepare(extent)
    whole = shapely.covers(extent, faces)
    return faces[whole], int((~whole & shapely.intersects(extent, faces)).sum())


def _bounds(city: City, roads: gpd.GeoDataFrame) -> Bools:
    """Roads that bound blocks: open municipal streets and pedestrian ones, on the ground or above it."""
    model = road_model(city)
    bounds = np.zeros(len(roads), bool)
    bounds[model.road[model.classes("municipal") & ~model.tunnel]] = True
    paved = text(roads, "highway").isin(catalogue.reference("blocks")["bounds"]["highway"]).to_numpy(dtype=bool)
    outline = (text(roads, "area") == "yes").to_numpy(dtype=bool)
    below = ~text(roads, "tunnel").isin(("", "no", "F")).to_numpy(dtype=bool)
    return np.asarray(bounds | (paved & (way_status(roads, "walk") == OPEN) & ~outline & ~below), dtype=bool)


def _wider(polygons: Geometries, width_m: float) -> Bools:
    """Whether a circle of this diameter has room in each polygon."""
    radius, area = width_m / 2, shapely.area(polygons)
    # The largest circle in a polygon has a radius of area over perimeter at least, and is no larger than the polygon.
    room = np.asarray(area >= radius * shapely.length(polygons), dtype=bool)
    doubtful = ~room & (area > np.pi * radius**2)
    room[doubtful] = ~shapely.is_empty(shapely.buffer(polygons[doubtful], -radius, quad_segs=2))
    return room


def _road_land(city: City, faces: Geometries, network: Network, rows: Ints) -> Bools:
    """Whether a face is a median, the middle of a roundabout or ground inside an interchange, by the roads along its outline."""
    model, limits = road_model(city), catalogue.reference("blocks")["road_land"]
    roads = city.frame("roads")
    length = shapely.length(model.lines)
    paired = ratio(overlay.sum_by(model.road, length * model.paired, len(roads)), overlay.sum_by(model.road, length, len(roads))) >= 0.5
    link = np.zeros(len(roads), bool)
    link[model.road[model.road_class == "link"]] = True
    roundabout = roads["junction"].isin(["roundabout", "circular"]).to_numpy(dtype=bool)
    # A side of a face is a segment of the network, or a part of one where a bridge crosses it.
    sides, face = overlay.segments(shapely.get_exterior_ring(faces))
    drawn = np.stack([network.xy[network.start], network.xy[network.end]], axis=1)
    apart, segment = cKDTree(drawn.mean(axis=1)).query(sides.mean(axis=1))
    parts = np.flatnonzero(apart > _SAME_M)
    if len(parts):
        segment[parts] = shapely.STRtree(shapely.linestrings(drawn)).nearest(shapely.points(sides[parts].mean(axis=1)))
    road = rows[network.line[segment]]
    metres = np.hypot(*(sides[:, 1] - sides[:, 0]).T)
    outline = overlay.sum_by(face, metres, len(faces))

    def share(chosen: Bools) -> Floats:
        return overlay.sum_by(face, metres * chosen[road], len(faces)) / outline

    median = (share(paired) >= limits["median_share"]) & ~_wider(faces, limits["median_m"])
    ring = share(roundabout) >= limits["roundabout_share"]
    return np.asarray(median | ring | (share(link) >= limits["link_share"]), dtype=bool)


def _no_block(city: City) -> Geometries:
    """Waters, parks and fields of some size, and the ground of open railway tracks; those of absent layers are none."""
    rules = catalogue.reference("blocks")["ground"]
    found = [np.empty(0, object)]
    for name in ("water", "parks", "landuse"):
        frame = city.layer(name).frame
        if frame is None or not len(frame):
            continue
        polygons = np.asarray(frame.geometry.to_numpy(), dtype=object)
        chosen = shapely.area(polygons) >= rules["least_m2"]
        if name == "landuse":
            chosen &= frame["landuse"].isin(rules["undeveloped"]).to_numpy(dtype=bool)
        found.append(polygons[chosen])
    rail = city.layer("rail").frame
    if rail is not None and len(rail):
        above = rail["railway"].isin(rules["tracks"]) & ~rail["tunnel"].fillna("no").ne("no") & ~rail["bridge"].fillna("no").ne("no")
        tracks = np.asarray(rail.geometry.to_numpy(), dtype=object)[above.to_numpy(dtype=bool)]
        found.append(shapely.buffer(tracks, rules["rail_m"], quad_segs=2))
    return np.concatenate(found)


def _longer_side(polygons: Geometries) -> Floats:
    """Longer side of the smallest rectangle around each polygon, whichever way it lies, metres."""
    if not len(polygons):
        return np.empty(0)
    corners = shapely.get_coordinates(shapely.oriented_envelope(polygons)).reshape(-1, 5, 2)
    sides = np.hypot(*np.moveaxis(corners[:, 1:3] - corners[:, :2], -1, 0))
    return np.asarray(sides.max(axis=1), dtype=np.float64)


def _kinds(city: City, ground: Geometries) -> npt.NDArray[np.object_]:
    """Kind of district of each block: that with most of its ground."""
    kind = np.full(len(ground), UNKNOWN, dtype=object)
    frame = city.layer("landuse").frame
    if frame is None or not len(frame) or not len(ground):
        return kind
    table = catalogue.reference("blocks")
    names = [*table["kinds"], OTHER]
    number = {use: n for n, key in enumerate(names) for use in (table["kinds"][key] if key != OTHER else table[OTHER])["uses"]}
    of_use = frame["landuse"].map(number).fillna(-1).to_numpy(dtype=int)
    polygons = np.asarray(frame.geometry.to_numpy(), dtype=object)[of_use >= 0]
    of_use = of_use[of_use >= 0]
    block, use, area = overlay.polygon_parts(ground, overlay.Pieces(polygons, of_use, len(names)))
    sums = overlay.sum_by(block * len(names) + use, area, len(ground) * len(names)).reshape(len(ground), -1)
    known = sums.sum(axis=1) >= table["other"]["known_share"] * shapely.area(ground)
    kind[known] = np.array(names, dtype=object)[sums.argmax(axis=1)[known]]
    return kind
