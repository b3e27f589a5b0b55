"""What stands around a road's end and tells what it is: gates, marks, other ways, ground, planned roads, the edge of the data."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from scipy.spatial import cKDTree

from spatial.city import City
from spatial.network.contract import Bools
from spatial.network.passage import text
from spatial.overlay import Floats, Geometries, Ints

GATE_M, MARK_M, EDGE_M, TWIN_M = 30.0, 15.0, 500.0, 40.0
TOUCH_M, BEYOND_M, YARD_M = 0.1, 60.0, 40.0
_ASIDE = -0.2  # cosine of about 102°: ahead or aside, not back
COMPOUND_M2 = 600_000.0  # a housing block is not larger; a whole quarter drawn as one polygon is no compound
# Stands beside a way or over it, not across it.
_OPEN_BARRIERS = ("", "no", "kerb", "toll_booth", "height_restrictor", "border_control", "entrance", "cattle_grid", "bump_gate")
_BUILT = ("completed", "opened", "built", "建成", "已建", "已建成", "竣工", "通车", "已通车")
# Layer, field and words; the Chinese ones are those of GB 50137-2011 and of common land-use maps.
_GROUND = {
    "campus": (
        ("facilities", "amenity", ("school", "university", "college", "kindergarten", "hospital")),
        (
            "landuse",
            "landuse",
            ("education", "school", "university", "college", "hospital", "military", "cemetery", "教育科研用地", "医疗卫生用地"),
        ),
    ),
    "works": (("landuse", "landuse", ("industrial", "railway", "port", "depot", "quarry", "工业用地", "物流仓储用地")),),
    "homes": (("landuse", "landuse", ("residential", "居住用地")),),
}


def on_ground(ways: gpd.GeoDataFrame) -> Bools:
    """Tell which ways are neither bridge nor tunnel."""
    ground = np.ones(len(ways), bool)
    for column in ("bridge", "tunnel"):
        ground &= text(ways, column).isin(("", "no", "F", "0")).to_numpy()
    return ground


def at_edge_of_data(city: City, roads: gpd.GeoDataFrame, rows: Ints, xy: Floats, heading: Floats) -> Bools:
    """Find ends where the extract lacks the rest of the way, or whose street ahead would lie beyond what the data cover."""
    side = text(roads, "cut").to_numpy(dtype=object)[rows]
    lines = np.asarray(roads.geometry.to_numpy(), dtype=object)[rows]
    found = np.zeros(len(rows), bool)
    for nth, word in ((0, "start"), (-1, "end")):
        here = np.flatnonzero(np.isin(side, (word, "both")))
        tip = shapely.get_coordinates(shapely.get_point(shapely.get_geometry(lines[here], nth), nth))
        found[here] |= np.hypot(*(tip - xy[here]).T) < TOUCH_M
    if city.data_extent is not None and len(xy):
        shapely.prepare(city.data_extent)
        found |= ~shapely.covers(city.data_extent, shapely.linestrings(np.stack([xy, xy + EDGE_M * heading], axis=1)))
    return found


def second_carriageways(roads: gpd.GeoDataFrame, rows: Ints, xy: Floats, heading: Floats, oneway: Bools) -> Bools:
    """Find ends that are but one carriageway of a street.

    Of ends side by side that look the same way and bear one name (nameless ones must be one-way) all but the first; and one-way ends beside which
    the street of that name goes on, as where two carriageways become one.
    """
    second, name = np.zeros(len(xy), bool), text(roads, "name").to_numpy(dtype=object)
    mine = name[rows]
    if len(xy) > 1:
        pair = cKDTree(xy).query_pairs(TWIN_M, output_type="ndarray")
        a, b = pair[:, 0], pair[:, 1]
        same = (mine[a] == mine[b]) & ((mine[a] != "") | (oneway[a] & oneway[b])) & (np.einsum("ij,ij->i", heading[a], heading[b]) > 0.8)
        second[np.maximum(a, b)[same]] = True
    asked = np.flatnonzero(oneway & (mine != ""))
    beyond = shapely.points(xy[asked] + BEYOND_M * heading[asked])
    lines = np.asarray(roads.geometry.to_numpy(), dtype=object)
    end, line = shapely.STRtree(lines).query(beyond, predicate="dwithin", distance=TWIN_M)
    second[asked[end[(name[line] == mine[asked[end]]) & (line != rows[asked[end]])]]] = True
    return second


def at_gates(gates: gpd.GeoDataFrame | None, xy: Floats) -> Bools:
    """Find ends within 30 m of something that stands across a way; entrances of buildings and kerbs do not."""
    if gates is None or not len(gates):
        return np.zeros(len(xy), bool)
    across = ~text(gates, "barrier").isin(_OPEN_BARRIERS).to_numpy()
    return _near(xy, shapely.get_coordinates(shapely.point_on_surface(gates.geometry.to_numpy()[across])), GATE_M)


def marked_without_exit(city: City, roads: gpd.GeoDataFrame, rows: Ints, xy: Floats) -> Bools:
    """Find ends that mappers say are meant to be ends: the mark lies on the end or on the way."""
    marks = city.layer("road_ends").frame
    found = text(roads, "noexit").eq("yes").to_numpy()[rows]
    if marks is not None and len(marks):
        said = marks.geometry.to_numpy()[text(marks, "noexit").eq("yes").to_numpy()]
        found |= _near(xy, shapely.get_coordinates(shapely.point_on_surface(said)), MARK_M)
    return found


def at_turning_places(city: City, xy: Floats) -> Bools:
    """Find ends with a turning circle or loop."""
    marks = city.layer("road_ends").frame
    if marks is None or not len(marks):
        return np.zeros(len(xy), bool)
    said = marks.geometry.to_numpy()[text(marks, "highway").isin(("turning_circle", "turning_loop", "mini_roundabout")).to_numpy()]
    return _near(xy, shapely.get_coordinates(shapely.point_on_surface(said)), MARK_M)


def among_buildings(city: City, xy: Floats) -> Bools:
    """Find ends within 40 m of a building: what is nameless there is a yard."""
    found = np.zeros(len(xy), bool)
    shapes = polygons_of(city, "buildings")
    if len(shapes) and len(xy):
        found[shapely.STRtree(shapes).query(shapely.points(xy), predicate="dwithin", distance=YARD_M)[0]] = True
    return found


def near_ways(roads: gpd.GeoDataFrame, chosen: Bools, xy: Floats, limit_m: float) -> Bools:
    """Find ends within a distance of chosen ways."""
    found = np.zeros(len(xy), bool)
    lines = np.asarray(roads.geometry.to_numpy(), dtype=object)[chosen]
    if len(lines) and len(xy):
        found[shapely.STRtree(lines).query(shapely.points(xy), predicate="dwithin", distance=limit_m)[0]] = True
    return found


def on_vertices(roads: gpd.GeoDataFrame, chosen: Bools, xy: Floats) -> Bools:
    """Find ends that are a vertex of chosen ways: there a way of another kind goes on."""
    return _near(xy, shapely.get_coordinates(np.asarray(roads.geometry.to_numpy(), dtype=object)[chosen]), TOUCH_M)


def ground(city: City, what: str) -> Geometries:
    """Polygons of ``campus``, ``works`` or ``homes``, from land use and, for campuses, from facilities drawn as areas."""
    found = [np.empty(0, object)]
    for layer, column, words in _GROUND[what]:
        frame = city.layer(layer).frame
        if frame is not None and len(frame):
            shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
            found.append(shapes[text(frame, column).isin(words).to_numpy() & (shapely.get_dimensions(shapes) == 2)])
    return np.concatenate(found)


def inside(polygons: Geometries, places: Sequence[Floats]) -> Bools:
    """Tell of which ends all places, each an array of shape (n, 2), lie in one and the same polygon."""
    count, out = len(places[0]), np.zeros(len(places[0]), bool)
    if not len(polygons) or not count:
        return out
    tree = shapely.STRtree(polygons)
    pairs = [end * len(polygons) + polygon for end, polygon in (tree.query(shapely.points(xy), predicate="within") for xy in places)]
    together = pairs[0]
    for other in pairs[1:]:
        together = np.intersect1d(together, other)
    out[together // len(polygons)] = True
    return out


def planned_on(city: City, xy: Floats, heading: Floats, ahead_only: Bools) -> tuple[Bools, Floats]:
    """Find ends from which a planned road goes on.

    Parameters
    ----------
    city, xy, heading
        Ends: place and unit vector outwards, shape (n, 2).
    ahead_only
        Ends that a planned road must continue within 60° of the heading, shape (n,): a nameless lane beside a new road is none of its parts.

    Returns
    -------
    tuple of arrays
        Whether one does: it comes within 15 m and leads 30 m or more ahead or aside, never only back along the street; and where the planned
        road as a whole leads to, shape (n, 2), NaN where none does.
    """
    goes, target = np.zeros(len(xy), bool), np.full((len(xy), 2), np.nan)
    frame = city.layer("planned_roads").frame
    if frame is None or not len(frame) or not len(xy):
        return goes, target
    lines = shapely.get_parts(np.asarray(frame.geometry.to_numpy(), dtype=object)[~text(frame, "status").isin(_BUILT).to_numpy()])
    lines = lines[shapely.get_type_id(lines) == 1]
    end, _, cosine = _tips(lines, xy, heading)
    goes[end[~ahead_only[end] | (cosine >= 0.5)]] = True
    whole = shapely.get_parts(shapely.line_merge(shapely.union_all(lines)))
    end, tip, cosine = _tips(whole, xy, heading)
    order = np.lexsort((tip[:, 1], tip[:, 0], -np.round(cosine, 9), end))
    first = order[np.r_[True, np.diff(end[order]) != 0][: len(order)]]
    target[end[first]] = tip[first]
    return goes, target


def planned_roads(city: City) -> Geometries:
    """Lines of the planned roads that are not built yet, joined where they go on; none where no plan is there."""
    frame = city.layer("planned_roads").frame
    if frame is None or not len(frame):
        return np.empty(0, object)
    lines = shapely.get_parts(np.asarray(frame.geometry.to_numpy(), dtype=object)[~text(frame, "status").isin(_BUILT).to_numpy()])
    return np.asarray(shapely.get_parts(shapely.line_merge(shapely.union_all(lines[shapely.get_type_id(lines) == 1]))), dtype=object)


def _tips(lines: Geometries, xy: Floats, heading: Floats) -> tuple[Ints, Floats, Floats]:
    """Find ends of lines that pass an end of a road and lead on from it: road's end, place, cosine to the heading."""
    end, line = shapely.STRtree(lines).query(shapely.points(xy), predicate="dwithin", distance=MARK_M)
    end = np.tile(end, 2)
    tip = shapely.get_coordinates(np.concatenate([shapely.get_point(lines[line], nth) for nth in (0, -1)]))
    way = tip - xy[end]
    far = np.hypot(way[:, 0], way[:, 1])
    cosine = np.einsum("ij,ij->i", way, heading[end]) / np.where(far > 0, far, 1.0)
    on = (far >= 2 * MARK_M) & (cosine > _ASIDE)
    return end[on], tip[on], cosine[on]


def polygons_of(city: City, name: str) -> Geometries:
    """Polygons of a layer; none where it is absent."""
    frame = city.layer(name).frame
    shapes = np.empty(0, object) if frame is None else np.asarray(frame.geometry.to_numpy(), dtype=object)
    return shapes[shapely.get_dimensions(shapes) == 2]


def tracks(city: City) -> Geometries:
    """Railway tracks at grade, those out of use and of trams left out: no street crosses them without a bridge or a crossing."""
    frame = city.layer("rail").frame
    if frame is None or not len(frame):
        return np.empty(0, object)
    kept = text(frame, "railway").isin(("rail", "narrow_gauge", "")).to_numpy() & on_ground(frame)
    return np.asarray(frame.geometry.to_numpy(), dtype=object)[kept]


def _near(xy: Floats, places: Floats, limit_m: float) -> Bools:
    if not len(places) or not len(xy):
        return np.zeros(len(xy), bool)
    return np.asarray(cKDTree(places).query(xy)[0] <= limit_m, dtype=bool)
