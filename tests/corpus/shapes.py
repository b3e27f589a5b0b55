"""Damage to geometry, written by formats that keep it as it is."""

from __future__ import annotations

import json
import random

import geopandas as gpd
import numpy as np
import shapely

from tests.corpus.city import Subject
from tests.corpus.scene import Expected, Scene, damage
from tests.small_city import SOUTH, STEP, WEST

NAN, INF = float("nan"), float("inf")


def keeps(subject: Subject) -> bool:
    """Formats that keep any geometry."""
    return subject.vector and subject.kind in ("parquet", "gpkg", "fgb", "geojson")


def polygons(subject: Subject) -> bool:
    return keeps(subject) and subject.role in ("districts", "population", "parks")


def put(scene: Scene, rng: random.Random, change: object) -> int:
    """Change the geometry of one feature; return its row."""
    frame = scene.frame()
    row = rng.randrange(len(frame))
    shapes = frame.geometry.to_numpy().copy()
    shapes[row] = change(shapes[row])  # type: ignore[operator]
    scene.rewrite(frame.set_geometry(gpd.GeoSeries(shapes, crs=frame.crs)))
    scene.notes.append(f"row {row}")
    return row


def unusable(scene: Scene, policy: str) -> Expected:
    """What a geometry that cannot be used leads to: an error, or where a policy was stated a counted repair."""
    return Expected(("error",) if policy == "error" else ("error", "told"), words=rf"{scene.subject.role}: .*: 1\b")


@damage("geometry", keeps)
def not_a_number(scene: Scene, rng: random.Random) -> Expected:
    policy, value = scene.policy(rng), rng.choice([NAN, INF, -INF])

    def change(shape: shapely.Geometry) -> shapely.Geometry:
        xy = shapely.get_coordinates(shape)
        xy[min(1, len(xy) - 1), rng.randrange(2)] = value  # the second, so that a ring stays closed
        return shapely.set_coordinates(shape, xy)

    put(scene, rng, change)
    scene.notes.append(str(value))
    return unusable(scene, policy)


@damage("geometry", keeps)
def far_beyond_the_world(scene: Scene, rng: random.Random) -> Expected:
    policy, value = scene.policy(rng), rng.choice([1e308, -1e308, 1e30, 181.0 + WEST, 1e-320, 4.5e6])
    put(scene, rng, lambda shape: shapely.transform(shape, lambda xy: np.column_stack([np.full(len(xy), value), xy[:, 1]])))
    scene.notes.append(f"x = {value:g}")
    return Expected(("error",) if policy == "error" or abs(value) > 180 else ("error", "told"), words=scene.subject.role)


@damage("geometry", keeps)
def one_point_far_beyond_the_world(scene: Scene, rng: random.Random) -> Expected:
    value = rng.choice([1e308, -1e308, 1e30, 360 + WEST, 1e17])

    def change(shape: shapely.Geometry) -> shapely.Geometry:
        xy = shapely.get_coordinates(shape)
        xy[min(1, len(xy) - 1), rng.randrange(2)] = value
        return shapely.set_coordinates(shape, xy)

    scene.policy(rng)
    put(scene, rng, change)
    scene.notes.append(f"{value:g}")
    return Expected(("error",))


@damage("geometry", lambda s: keeps(s) and s.kind != "fgb")  # a FlatGeobuf with an index holds no feature without
def no_geometry(scene: Scene, rng: random.Random) -> Expected:
    policy = scene.policy(rng)
    empty = {"Point": shapely.Point(), "LineString": shapely.LineString(), "Polygon": shapely.Polygon()}
    none = rng.random() < 0.5
    put(scene, rng, lambda shape: None if none else empty[shape.geom_type])
    return unusable(scene, policy)


@damage("geometry", polygons)
def bowtie(scene: Scene, rng: random.Random) -> Expected:
    policy = scene.policy(rng)

    def change(shape: shapely.Geometry) -> shapely.Geometry:
        (a, b, c, d) = shapely.get_coordinates(shape)[:4]
        return shapely.Polygon([a, c, b, d])

    put(scene, rng, change)
    return unusable(scene, policy)


@damage("geometry", polygons)
def zero_area(scene: Scene, rng: random.Random) -> Expected:
    policy = scene.policy(rng)

    def change(shape: shapely.Geometry) -> shapely.Geometry:
        a, b = shapely.get_coordinates(shape)[:2]
        return shapely.Polygon([a, b, b, a] if rng.random() < 0.5 else [a, a, a, a])

    put(scene, rng, change)
    return unusable(scene, policy)


@damage("geometry", polygons)
def self_touching_ring(scene: Scene, rng: random.Random) -> Expected:
    """A ring that touches itself in a point encloses a hole: GEOS calls it invalid, its ground is clear."""
    policy = scene.policy(rng)
    row = 0

    def change(shape: shapely.Geometry) -> shapely.Geometry:
        west, south, east, north = shape.bounds
        x, y, w, h = (west + east) / 2, (south + north) / 2, (east - west) / 8, (north - south) / 8
        hole = [(west, south), (x, y), (x + w, y + h), (x - w, y + h), (x, y), (west, south)]
        return shapely.Polygon([(west, south), (east, south), (east, north), (west, north), *hole])

    row = put(scene, rng, change)
    frame = scene.frame()
    shapes = frame.geometry.to_numpy().copy()
    west, south, east, north = shapes[row].bounds
    x, y, w, h = (west + east) / 2, (south + north) / 2, (east - west) / 8, (north - south) / 8
    shapes[row] = shapely.difference(shapes[row], shapely.Polygon([(x, y), (x + w, y + h), (x - w, y + h)]))
    scene.true_frame(frame.set_geometry(gpd.GeoSeries(shapes, crs=frame.crs)))
    return Expected(("error", "truth", "told") if policy != "drop" else ("error", "told"), words=scene.subject.role)


@damage("geometry", polygons)
def written_otherwise(scene: Scene, rng: random.Random) -> Expected:
    """Another start, the other direction, doubled corners, heights, one-part multi-polygons: the same ground."""
    way = rng.choice(["reversed", "doubled corners", "multi", "another start", *(["heights"] if scene.subject.kind != "fgb" else [])])

    def change(shape: shapely.Geometry) -> shapely.Geometry:
        ring = shapely.get_coordinates(shape)
        return {
            "reversed": shapely.reverse(shape),
            "doubled corners": shapely.Polygon(np.repeat(ring, 2, axis=0)),
            "heights": shapely.force_3d(shape, rng.choice([55.0, -1e308, 0.0])),
            "multi": shapely.MultiPolygon([shape]),
            "another start": shapely.Polygon(np.roll(ring[:-1], 2, axis=0)),
        }[way]

    put(scene, rng, change)
    scene.notes.append(way)
    return Expected(("same",))


@damage("geometry", lambda s: s.role in ("parks", "population") and s.kind in ("parquet", "gpkg", "fgb"))
def a_million_corners(scene: Scene, rng: random.Random) -> Expected:
    put(scene, rng, lambda shape: shapely.segmentize(shape, shape.length / 1e6))
    return Expected(("same",), rel=1e-6)  # a straight line in degrees is none in metres


@damage("geometry", polygons)
def a_star_that_crosses_itself(scene: Scene, rng: random.Random) -> Expected:
    """A star whose hundred edges all cross one another; GEOS takes the square of their number, so that 400 take 13 s."""
    policy, count = scene.policy(rng), 101

    def change(shape: shapely.Geometry) -> shapely.Geometry:
        turn = np.arange(count) * (2 * np.pi * (count // 2) / count)
        x, y = shape.centroid.coords[0]
        return shapely.Polygon(np.column_stack([x + STEP / 20 * np.cos(turn), y + STEP / 20 * np.sin(turn)]))

    put(scene, rng, change)
    return unusable(scene, policy)


@damage("geometry", polygons)
def hole_outside_its_shell(scene: Scene, rng: random.Random) -> Expected:
    policy = scene.policy(rng)
    hole = [(WEST - 0.02, SOUTH - 0.02), (WEST - 0.01, SOUTH - 0.02), (WEST - 0.01, SOUTH - 0.01)]
    put(scene, rng, lambda shape: shapely.Polygon(shapely.get_coordinates(shape), [hole]))
    return unusable(scene, policy)


@damage("geometry", lambda s: keeps(s) and s.role != "population")  # points hold people as polygons do
def another_kind_of_geometry(scene: Scene, rng: random.Random) -> Expected:
    policy = scene.policy(rng)
    other = {"Point": shapely.LineString, "LineString": shapely.Polygon, "Polygon": shapely.Point}

    def change(shape: shapely.Geometry) -> shapely.Geometry:
        make = other[shape.geom_type]
        x, y = shape.centroid.coords[0]
        return make(x, y) if make is shapely.Point else make([(x, y), (x + STEP / 9, y), (x, y + STEP / 9)])

    put(scene, rng, change)
    return unusable(scene, policy)


@damage("geometry", keeps)
def across_the_antimeridian_or_at_the_pole(scene: Scene, rng: random.Random) -> Expected:
    """The whole layer lies elsewhere on the earth: it does not meet the city, or the city is one that no zone carries."""
    where = rng.choice(["180", "north pole", "south pole", "both sides"])
    shift = {
        "180": (180 - WEST - STEP, 0),
        "north pole": (0, 90 - SOUTH - 2 * STEP),
        "south pole": (0, -90 - SOUTH),
        "both sides": (180 - WEST - STEP, 0),
    }
    frame = scene.frame()

    def move(xy: np.ndarray) -> np.ndarray:
        moved = xy + np.array(shift[where])
        if where == "both sides":
            moved[:, 0] = np.where(moved[:, 0] > 180, moved[:, 0] - 360, moved[:, 0])
        return moved

    scene.rewrite(frame.set_geometry(gpd.GeoSeries(shapely.transform(frame.geometry.to_numpy(), move), crs=frame.crs)))
    scene.notes.append(where)
    return Expected(("error",))


@damage("geometry", keeps)
def swapped_axes(scene: Scene, rng: random.Random) -> Expected:
    frame = scene.frame()
    scene.rewrite(frame.set_geometry(gpd.GeoSeries(shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1]), crs=frame.crs)))
    return Expected(("error",))


@damage("geometry", lambda s: s.vector and s.kind in ("parquet", "gpkg", "fgb", "shp", "zip"))
def metres_called_degrees_or_no_crs(scene: Scene, rng: random.Random) -> Expected:
    frame = scene.frame()
    way = rng.choice(["metres called degrees", "degrees called metres", "no CRS", "another zone"])
    scene.rewrite(
        {
            "metres called degrees": lambda: frame.to_crs("EPSG:4551").set_crs("EPSG:4326", allow_override=True),
            "degrees called metres": lambda: frame.set_crs("EPSG:4551", allow_override=True),
            "no CRS": lambda: frame.set_crs(None, allow_override=True),
            "another zone": lambda: frame.to_crs("EPSG:4551").set_crs("EPSG:4540", allow_override=True),
        }[way]()
    )
    scene.notes.append(way)
    return Expected(("error",))


@damage("geometry", lambda s: s.kind == "geojson")
def geojson_written_wrong(scene: Scene, rng: random.Random) -> Expected:
    """Coordinates that are texts, too few, too many, nested wrong; features without type; another member in place of features."""
    content = json.loads(scene.path.read_text(encoding="utf-8"))
    feature = rng.choice(content["features"])
    geometry = feature["geometry"]
    way = rng.choice(
        ["texts", "one number", "flat", "nested", "null", "open ring", "two corners", "no type", "unknown type", "no features", "features twice",
         "feature is null", "feature is a number", "geometry is a text", "huge number", "closed after a cut"]
    )  # fmt: skip
    coordinates = geometry["coordinates"]
    expected = Expected(("error",))
    if way == "texts":
        geometry["coordinates"] = json.loads(json.dumps(coordinates), parse_float=str)
    elif way == "one number":
        geometry["coordinates"] = [125.3]
    elif way == "flat":
        geometry["coordinates"] = shapely.get_coordinates(shapely.geometry.shape(geometry)).ravel().tolist() * 2
        expected = Expected(("error", "same") if geometry["type"] == "Point" else ("error",))  # a point may have more than two numbers
    elif way == "nested":
        geometry["coordinates"] = [[coordinates]]
    elif way == "null":
        geometry["coordinates"] = None
    elif way == "open ring" and geometry["type"] == "Polygon":
        coordinates[0].pop()
        expected = Expected(("error", "same"))
    elif way == "two corners" and geometry["type"] == "Polygon":
        coordinates[0] = coordinates[0][:2]
    elif way == "no type":
        del feature["type"]
        expected = Expected(("error", "same"))
    elif way == "unknown type":
        geometry["type"] = "Circle"
    elif way == "no features":
        content["things"] = content.pop("features")
    elif way == "feature is null":
        content["features"][0] = None
    elif way == "feature is a number":
        content["features"].append(7)
        expected = Expected(("error", "same"))
    elif way == "geometry is a text":
        feature["geometry"] = "POINT (125.3 43.9)"
    text = json.dumps(content, ensure_ascii=False)
    if way == "features twice":
        text = text[:-1] + ', "features": []}'
        expected = Expected(("error", "same"))
    elif way == "huge number":
        text = text.replace("125.3", "1" + "0" * 400 + ".3", 1)
    elif way == "closed after a cut":  # whoever mends a cut file by closing it leaves half a feature
        at = text.rindex('"coordinates"')
        text = text[: at + 30] + "]]]}}]}"
    elif way in ("open ring", "two corners") and geometry["type"] != "Polygon":
        text = text.replace("FeatureCollection", "FeatureCollectoin", 1)
        expected = Expected(("error", "same"))
    scene.path.write_text(text, encoding="utf-8")
    scene.notes.append(way)
    return expected
