"""Facilities of a class: each once, with the ways in, and whether the class is mapped at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial import overlay
from spatial.areas import CITY
from spatial.city import City
from spatial.errors import ProjectError, nearest
from spatial.metrics.facility_classes import Declared, FacilityClass, Rule, declared_facilities
from spatial.metrics.green import joined
from spatial.metrics.land import built_up_area
from spatial.metrics.people import residents
from spatial.overlay import Geometries, Ints
from spatial.text import Text

Mask = npt.NDArray[np.bool_]
CLOSED = ("disused", "abandoned")
TYPICAL, LEVELS_KNOWN_FROM = 5.0, 2 / 3
PEOPLE_PER_KM2 = 10_000.0  # of built-up land, where nothing is known of the residents: 100 m² a person, as Chinese plans reckon


@dataclass(frozen=True, eq=False)
class Facilities:
    """Facilities of one class, each once.

    Attributes
    ----------
    shapes
        Points and polygons that belong to it, shape (f,), metres.
    facility
        Which facility each is part of, shape (f,), from 0.
    ids, names
        Shape (f,).
    count
        How many facilities there are.
    entrances, of
        Mapped entrance points and their facility; empty where the class has none.
    """

    shapes: Geometries
    facility: Ints
    ids: npt.NDArray[np.object_]
    names: npt.NDArray[np.object_]
    count: int
    entrances: Geometries
    of: Ints

    def ways(self) -> Geometries:
        """Where a straight line to each facility ends: its entrances where they are mapped, else its shape."""
        entered = np.isin(self.facility, self.of)
        return np.concatenate([self.shapes[~entered], self.entrances])


def facility_classes(city: City) -> Declared:
    """Return the declared classes of this city, its project's own included."""
    return city.memo(("city-wide", "facility classes"), lambda: declared_facilities(city.folder))


def facilities(city: City, name: str) -> Facilities:
    """Gather the facilities of a class.

    Parameters
    ----------
    city
        Layers that were not supplied add nothing.
    name
        A declared class.

    Returns
    -------
    Facilities
        Closed ones (disused, abandoned) are out; features of one name near one another, and points inside a polygon of the class, are one.
        In the order of their ids.

    Raises
    ------
    ProjectError
        The class asks for a layer or a field that does not exist.
    """
    return city.memo(("facilities", name), lambda: _gather(city, facility_classes(city).classes[name]))


def _gather(city: City, kind: FacilityClass) -> Facilities:
    found = _features(city, kind.rules, f"facilities.toml: classes.{kind.name}.from")
    closed = np.logical_or.reduce([_is(found, key, ("yes", "true", "1")) for key in CLOSED])
    private = _is(found, "access", ("private", "no")) if kind.open_only else np.zeros(len(found), bool)
    shapes = np.asarray(found.geometry.to_numpy(), dtype=object)
    apart = set(zip(*_keys(_features(city, kind.without, f"facilities.toml: classes.{kind.name}.without")), strict=True))
    left_out = np.array([key in apart for key in zip(*_keys(found), strict=True)], dtype=bool)
    found = found[~(closed | private | left_out)]
    found = found[_size_of_ground(np.asarray(found.geometry.to_numpy(), dtype=object), kind) >= kind.least_m2]
    shapes = np.asarray(found.geometry.to_numpy(), dtype=object)
    names = _texts(found["name"]).to_numpy(dtype=object)
    facility, count = _merged(shapes, names, kind)
    ids = found["id"].to_numpy(dtype=object)
    shapes, part = shapely.get_parts(shapes, return_index=True)  # each part of a feature is entered for itself
    facility, names, ids = facility[part], names[part], ids[part]
    entrances, of = np.empty(0, object), np.empty(0, np.int64)
    if kind.entrances and len(shapes):
        doors = np.asarray(_features(city, kind.entrances, f"facilities.toml: classes.{kind.name}.entrances").geometry.to_numpy(), object)
        door, shape = shapely.STRtree(shapes).query_nearest(doors, max_distance=max(kind.entrances_within_m, 1e-9), all_matches=False)
        entrances, of = doors[door], facility[shape]
    return Facilities(shapes, facility, ids, names, count, entrances, of)


def _keys(found: gpd.GeoDataFrame) -> tuple[list[str], list[bytes]]:
    return found["id"].astype(str).tolist(), shapely.to_wkb(found.geometry.to_numpy()).tolist()


def _size_of_ground(shapes: Geometries, kind: FacilityClass) -> npt.NDArray[np.float64]:
    """Area of each polygon, of open grounds together with what they touch; points are as large as need be."""
    area = np.where(shapely.get_dimensions(shapes) == 2, shapely.area(shapes), np.inf)
    flat = np.flatnonzero(np.isfinite(area))
    if kind.open_ground and len(flat):
        grounds = joined(shapes[flat])
        area[flat] = shapely.area(grounds)[shapely.STRtree(grounds).query_nearest(shapes[flat], all_matches=False)[1]]
    return area


def _features(city: City, rules: Iterable[Rule], where: str) -> gpd.GeoDataFrame:
    """Features that meet one of the rules, each once, in the order of their ids and places."""
    by_layer: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule[0] not in city.layers:
            raise ProjectError(f'{where}: there is no layer "{rule[0]}"{nearest(rule[0], city.layers)}')
        by_layer.setdefault(rule[0], []).append(rule)
    kept = []
    for layer, mine in by_layer.items():
        frame = city.layer(layer).frame
        known = city.layer(layer).spec.fields
        for field in {field for _, whole, contained in mine for field in (*whole, *contained)}:
            if field not in known and (frame is None or field not in frame.columns):
                raise ProjectError(
                    f'{where}: layer {layer} has no field "{field}"{nearest(field, known)}; declare it in layers/{layer}.toml'
                )
        if frame is not None and len(frame):
            kept.append(frame[np.logical_or.reduce([meets(frame, rule) for rule in mine])])
    columns = ["id", "name", "access", *CLOSED]
    if not kept:
        return gpd.GeoDataFrame({key: np.empty(0, object) for key in columns}, geometry=[], crs=city.crs)
    whole = pd.concat([part.reindex(columns=[*columns, "geometry"]) for part in kept], ignore_index=True)
    frame = gpd.GeoDataFrame(whole, geometry="geometry", crs=city.crs)
    frame = frame.assign(_at=shapely.to_wkb(frame.geometry.to_numpy())).sort_values(["id", "_at"], kind="stable", ignore_index=True)
    return frame.drop_duplicates(["id", "_at"], ignore_index=True).drop(columns="_at")


def meets(frame: gpd.GeoDataFrame, rule: Rule) -> Mask:
    """Whether each feature meets a rule, whatever its layer."""
    _, whole, contained = rule
    met = np.ones(len(frame), bool)
    for field, values in whole.items():
        met &= _is(frame, field, values)
    for field, texts in contained.items():
        said = _texts(frame[field]).str.casefold() if field in frame else pd.Series("", index=frame.index)
        met &= np.logical_or.reduce([said.str.contains(text, regex=False).to_numpy(dtype=bool) for text in texts])
    return met


def _is(frame: gpd.GeoDataFrame, field: str, values: Iterable[str]) -> Mask:
    """Whether a field, or one of its values between semicolons, is among those accepted."""
    if field not in frame:
        return np.zeros(len(frame), bool)
    accepted = set(values)
    column = frame[field]
    plain = column.isin(accepted).to_numpy(dtype=bool, copy=True)
    several = np.flatnonzero(_texts(column).str.contains(";", regex=False).to_numpy(dtype=bool) & ~plain)
    for row in several:
        plain[row] = not accepted.isdisjoint(part.strip() for part in str(column.iloc[row]).split(";"))
    return plain


def _texts(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").astype(str)


def normalized(name: str) -> str:
    """Return a name without what two mappers write differently: width, case, spaces, punctuation and a closing 站."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\W_]+", "", folded).removesuffix("站")


def _merged(shapes: Geometries, names: npt.NDArray[np.object_], kind: FacilityClass) -> tuple[Ints, int]:
    """Return the number of the facility that each shape is part of, and how many there are."""
    if not len(shapes):
        return np.empty(0, np.int64), 0
    called = np.array([normalized(name) for name in names], dtype=object)
    flat = np.flatnonzero(shapely.get_dimensions(shapes) == 2)
    thin = np.setdiff1d(np.arange(len(shapes)), flat)
    pairs = [_of_one_name(shapes, called, kind.same_within_m)]
    # A point inside a polygon of its class is that polygon, unless it bears another name (a restaurant in a food court).
    a, b = shapely.STRtree(shapes[flat]).query(shapes[thin], predicate="intersects")
    a, b = thin[a], flat[b]
    same = (called[a] == called[b]) | (called[a] == "") | (called[b] == "")
    pairs.append((a[same], b[same]))
    if kind.open_ground:
        a, b = shapely.STRtree(shapes[flat]).query(shapes[flat], predicate="intersects")
        pairs.append((flat[a], flat[b]))
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    count, label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(len(shapes), len(shapes))), directed=False)
    return label.astype(np.int64), int(count)


def _of_one_name(shapes: Geometries, called: npt.NDArray[np.object_], within_m: float) -> tuple[Ints, Ints]:
    """Pairs of one name near one another; what stands at one place is paired once, since a list of thousands at one spot has millions of pairs."""
    place = shapely.to_wkb(shapes)
    _, name = np.unique(called.astype(str), return_inverse=True)
    _, spot = np.unique(place, return_inverse=True)
    order = np.lexsort((np.arange(len(shapes)), spot, name))
    again = np.flatnonzero((np.diff(name[order]) == 0) & (np.diff(spot[order]) == 0) & (called[order[1:]] != ""))
    left, right = [order[again]], [order[again + 1]]
    first = np.delete(order, again + 1)
    first = first[called[first] != ""]
    groups = np.split(first, np.flatnonzero(np.diff(name[first])) + 1)
    for group in groups:
        if len(group) > 1:
            a, b = shapely.STRtree(shapes[group]).query(shapes[group], predicate="dwithin", distance=within_m)
            left.append(group[a[a < b]])
            right.append(group[b[a < b]])
    return np.concatenate(left), np.concatenate(right)


@dataclass(frozen=True)
class Mapped:
    """Whether a class is mapped: ``counts``, ``thin`` or ``absent``, how many there are, how well (0–1), and what to say."""

    verdict: str
    count: int
    per_10000: float
    quality: float
    note: Text


def mapped(city: City, name: str) -> Mapped:
    """Judge once for the whole city whether a class is mapped: not mapped is not absent.

    Parameters
    ----------
    city
        Any.
    name
        A declared class.

    Returns
    -------
    Mapped
        ``absent`` without one feature in all the data (unless local layers are declared to be empty); ``thin`` where layers are from OSM, wholly
        or in part, and hold fewer by 10,000 residents than the class declares (by built-up area at 10,000 people/km² where nothing is known of
        the residents), or where more than a third of the class that it is a level of fits no level. Quality rises to 1 at a typical number.
    """
    return city.memo(("city-wide", "mapped", name), lambda: _judge(city, facility_classes(city).classes[name]))


def _judge(city: City, kind: FacilityClass) -> Mapped:
    found = facilities(city, kind.name)
    zh, en = kind.title.zh, kind.title.en
    layers = [city.layer(layer) for layer in kind.layers if city.layer(layer).frame is not None]
    if not found.count and layers and all(layer.origin == "local" and layer.options.get("allow_empty") for layer in layers):
        return Mapped("counts", 0, 0.0, 1.0, Text(f"{zh}（0 个）", f"{en} (0)"))
    if not found.count:
        why = Text("全部数据中没有一个", "none in all the data") if layers else Text("未提供图层", "its layer was not supplied")
        return Mapped("absent", 0, 0.0, 0.0, Text(f"{zh}（{why.zh}）", f"{en} ({why.en})"))
    people, outline = _people_and_ground(city, kind)
    first = np.unique(found.facility, return_index=True)[1]
    shapely.prepare(outline)
    here = int(shapely.intersects(outline, found.shapes[first]).sum()) if outline is not None else found.count
    rate = here / people * 1e4 if people > 0 else np.inf
    said = Text(f"{here} 个，每万人 {rate:.2g} 个", f"{here}, {rate:.2g} per 10,000 residents")
    if not any(layer.origin.startswith("osm") for layer in layers):
        return Mapped("counts", here, float(rate), 1.0, Text(f"{zh}（{said.zh}）", f"{en} ({said.en})"))
    known, of_all = _levels_known(city, kind)
    if known < of_all:
        said = Text(f"{said.zh}，{of_all} 所中 {of_all - known} 所学段不明", f"{said.en}, {of_all - known} of {of_all} of unknown level")
    counted = Text(f"{zh}（{said.zh}）", f"{en} ({said.en})")
    share = known / of_all if of_all else 1.0
    if rate < kind.thin_per_10000 or share < LEVELS_KNOWN_FROM:
        return Mapped("thin", here, float(rate), 0.0, counted)
    typical = TYPICAL * kind.thin_per_10000
    return Mapped("counts", here, float(rate), share * (min(1.0, rate / typical) if typical else 1.0), counted)


def _levels_known(city: City, kind: FacilityClass) -> tuple[int, int]:
    """Of the class that this one is a level of: how many fit some level, of how many."""
    if not kind.part_of:
        return 0, 0
    whole = facilities(city, kind.part_of)
    levels = [facilities(city, name) for name, other in facility_classes(city).classes.items() if other.part_of == kind.part_of]
    known = np.isin(whole.ids.astype(str), np.concatenate([level.ids.astype(str) for level in levels]))
    return len(np.unique(whole.facility[known])), whole.count


def _people_and_ground(city: City, kind: FacilityClass) -> tuple[float, object]:
    """Residents of the part of the city that the class's layers cover, and that part."""
    layers = [city.layer(layer) for layer in kind.layers if city.layer(layer).frame is not None]
    extents = [layer.extent for layer in layers if layer.extent is not None]
    extent = shapely.intersection_all(extents) if extents else None

    def find() -> tuple[float, object]:
        areas = city.total().covered_by(extent)
        row = int(np.flatnonzero(areas.ids == CITY)[0])
        people = 0.0 if city.layer("population").missing else float(residents(city, areas)[row])
        if not people > 0:
            built = built_up_area(city)
            people = float(overlay.surface_within(built.ground, areas.pieces)[row]) / 1e6 * PEOPLE_PER_KM2
        return people, shapely.union_all(areas.pieces.geometry[areas.pieces.owner == row])

    return city.memo(("city-wide", "people to judge by", None if extent is None else shapely.to_wkb(extent)), find)
