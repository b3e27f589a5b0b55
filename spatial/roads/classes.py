"""Road classes: from OSM tags or local words to the class that a planner counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial.catalogue import reference
from spatial.city import City
from spatial.network.passage import expressways
from spatial.overlay import Geometries, Ints

DRAWN_M, DRAWN_LEAST_M = 15.0, 100.0  # how near a road lies to the line that states its class, and along how much of it


def class_table() -> dict[str, Any]:
    """Road classes by key, as declared in ``data/road_classes.toml``."""
    return {key: row for key, row in reference("road_classes").items() if isinstance(row, dict)}


def classify(roads: gpd.GeoDataFrame, stated: Mapping[str, str] | None = None) -> npt.NDArray[np.object_]:
    """Class of every road.

    Parameters
    ----------
    roads
        ``highway``, ``name``, ``ref``, ``motorroad`` and ``area``; ``highway`` may hold the Chinese word of a class (``快速路``).
    stated
        Name or number of a road → its class, as ``[roads]`` of ``city.toml`` says; it wins over the tags, but makes no road of a footway and no
        main road of a link.

    Returns
    -------
    numpy.ndarray
        Key of ``data/road_classes.toml`` by road, empty where none fits.
    """
    highway = roads["highway"].fillna("").to_numpy(dtype=object)
    by_tag = {tag: key for key, row in class_table().items() for tag in (*row["highway"], *row.get("words", ()))}
    out = np.array([by_tag.get(tag, "") for tag in highway], dtype=object)
    out[(highway == "trunk") & expressways(roads)] = "expressway"
    out[(roads["area"] == "yes").to_numpy(dtype=bool)] = ""
    if stated:
        may = ~np.isin(out, ["", "link"])
        found = np.array([next((stated[word] for word in called if word in stated), "") for called in _called(roads)], dtype=object)
        out = np.where(may & (found != ""), found, out)
    return out


def expressways_stated(city: City) -> bool:
    """Whether the city itself says which of its roads are expressways: by name or number, by drawing, or in the words of a local layer."""
    word = set(class_table()["expressway"]["words"]) | {"expressway"}
    drawn = city.layers.get("road_classes")
    said: list[Any] = [] if drawn is None or drawn.frame is None else list(drawn.frame["road_class"])
    return (
        "expressway" in (city.road_classes or {}).values()
        or any(str(value).strip() in word for value in said)
        or bool(city.frame("roads")["highway"].isin(word).any())
    )


def unmatched(roads: gpd.GeoDataFrame, stated: Mapping[str, str]) -> tuple[str, ...]:
    """Return the stated names and numbers that no road bears."""
    if not stated:
        return ()
    return tuple(sorted(set(stated) - {word for called in _called(roads) for word in called}))


def _called(roads: gpd.GeoDataFrame) -> Iterator[tuple[str, ...]]:
    """Yield what each road is called: its name, then each of its numbers (``G1;S102``)."""
    for name, ref in zip(roads["name"].fillna(""), roads["ref"].fillna(""), strict=True):
        yield (str(name).strip(), *(part.strip() for part in str(ref).split(";")))


def reclassed(
    lines: Geometries, kind: npt.NDArray[np.object_], drawn: gpd.GeoDataFrame
) -> tuple[Geometries, Ints, npt.NDArray[np.object_]]:
    """Cut roads where a drawn class lies over them.

    Parameters
    ----------
    lines
        LineStrings, metres.
    kind
        Class of each by name and tags.
    drawn
        Layer ``road_classes``: lines, within ``DRAWN_M`` of which a road is theirs, or polygons, with ``road_class``.

    Returns
    -------
    tuple
        The pieces, the line that each is of, and their classes. Where two classes are drawn over one another the higher one counts. A road that
        only crosses what is drawn is not touched: a piece must be ``DRAWN_LEAST_M`` long, or more than half of its line.
    """
    table = class_table()
    word = {word: key for key, row in table.items() for word in (key, *row["highway"], *row.get("words", ()))}
    classes = np.array([word.get(str(value).strip(), "") for value in drawn["road_class"]], dtype=object)
    pieces, source, out = list(lines), list(range(len(lines))), list(kind)
    may = ~np.isin(kind, ["", "link"])
    done = np.zeros(len(lines), bool)
    for key in table:
        shapes = np.asarray(drawn.geometry.to_numpy(), dtype=object)[classes == key]
        if not len(shapes):
            continue
        wide = np.where(shapely.get_dimensions(shapes) == 1, shapely.buffer(shapes, DRAWN_M, cap_style="flat"), shapes)
        ground = shapely.union_all(wide)
        shapely.prepare(ground)
        for i in np.flatnonzero(may & ~done & shapely.intersects(ground, lines)):
            inside = _long_parts(shapely.intersection(lines[i], ground), lines[i])
            if not inside:
                continue
            done[i] = True
            outside = shapely.get_parts(
                shapely.line_merge(shapely.difference(lines[i], shapely.union_all([p.buffer(1e-6) for p in inside])))
            )
            both = [(p, key) for p in inside] + [(p, kind[i]) for p in outside if shapely.get_type_id(p) == 1 and p.length > 1e-3]
            both.sort(key=lambda part: lines[i].project(part[0].interpolate(0.5, normalized=True)))
            both = [(p, k) if _runs_along(p, lines[i]) else (shapely.reverse(p), k) for p, k in both]
            pieces[i], out[i] = both[0]
            for piece, name in both[1:]:
                pieces.append(piece)
                source.append(int(i))
                out.append(name)
    order = np.argsort(np.array(source, dtype=np.int64), kind="stable")
    return np.array(pieces, dtype=object)[order], np.array(source, dtype=np.int64)[order], np.array(out, dtype=object)[order]


def _long_parts(inside: Any, line: Any) -> list[Any]:
    parts = [part for part in shapely.get_parts(shapely.line_merge(inside)) if shapely.get_type_id(part) == 1]
    return [part for part in parts if part.length >= min(DRAWN_LEAST_M, line.length / 2)]


def _runs_along(part: Any, line: Any) -> bool:
    return bool(line.project(part.interpolate(0.25, normalized=True)) <= line.project(part.interpolate(0.75, normalized=True)))


def unknown_classes(roads: gpd.GeoDataFrame) -> tuple[str, ...]:
    """Return the classes of local roads that no table knows, one a road; an extract has no such."""
    known = {tag for row in class_table().values() for tag in (*row["highway"], *row.get("words", ()))}
    known |= {"trunk", *reference("road_classes")["uncounted"]}
    tags = roads["highway"].fillna("").astype(str)
    return tuple(tags[~tags.isin(known) & roads["nodes"].isna()])
