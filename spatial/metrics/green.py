"""Green land and parks: how much there is."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial import overlay
from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.people import population_basis, residents
from spatial.metrics.registry import metric
from spatial.overlay import Geometries
from spatial.result import Evidence, MetricResult, ratio
from spatial.text import Text

WATER_SHARE = 0.5


def _polygons(city: City, name: str) -> Geometries:
    frame = city.layer(name).frame
    return np.empty(0, object) if frame is None else np.asarray(frame.geometry.to_numpy(), dtype=object)


def parks_as_one(city: City) -> Geometries:
    """Parks, each once: polygons that touch or overlap are one park.

    Parameters
    ----------
    city
        With ``parks``, or without.

    Returns
    -------
    numpy.ndarray
        Polygons, metres.
    """
    return city.memo("parks_as_one", lambda: joined(_polygons(city, "parks")))


def joined(parks: Geometries) -> Geometries:
    """Unite polygons that touch or overlap, shape (n,) → (m,)."""
    if not len(parks):
        return parks
    a, b = overlay.pairs(parks, parks)
    count, label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(len(parks), len(parks))), directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(parks[order], np.searchsorted(label[order], np.arange(1, count)))
    return np.array([group[0] if len(group) == 1 else shapely.union_all(group) for group in groups], dtype=object)


@metric(
    "built_up_green_rate",
    title=Text("建成区绿地率", "Green land rate of the built-up area"),
    definition=Text(
        "建成区内绿地面积（公园、林地、草地等合并，重叠只计一次；公园中水面过半的扣除水面）÷ 建成区面积。不是绿化覆盖率",
        "Green land inside the built-up area (parks, woods, grass, united; the water of parks that are mostly water is left out) ÷ built-up area."
        " Not the rate of green cover, which is usually 3–5 points higher",
    ),
    standard=Text("绿地率；计划文本中的“绿化率”并非标准术语", "green land rate; the plans' term “greening rate” is not a standard one"),
    unit="1",
    bases=("m2", "m2"),
    evidence={"green_land": Evidence(Text("绿地", "green land"), "#81c784")},
    needs=("green",),
    scope="built_up_area",
    variants={"green_land": Text("绿地率", "green land")},
    halo_m=0.0,
    thin=("green",),
)
def built_up_green_rate(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Green land over built-up area.

    Parameters
    ----------
    city
        With ``green``; ``parks`` and ``water`` add to it.
    areas
        Rows, restricted to the built-up area.
    variant
        Only ``green_land``.

    Returns
    -------
    MetricResult
        ``value`` 0–1. ``evidence["green_land"]``: the united polygons.
    """
    ground = city.memo("green_land", lambda: _green_land(city))
    size = areas.measured_m2
    area = overlay.surface_within(ground, areas.pieces)
    green = {"green_land": lambda: gpd.GeoDataFrame({"area_m2": shapely.area(ground)}, geometry=list(ground), crs=city.crs)}
    return MetricResult(ratio(area, size), area, size, evidence=green)


def _green_land(city: City) -> Geometries:
    parks, water = parks_as_one(city), _polygons(city, "water")
    if len(parks) and len(water):
        wet = overlay.dissolve(water)
        index, mine = overlay.pairs(parks, wet)
        area = np.bincount(index, weights=shapely.area(shapely.intersection(parks[index], wet[mine])), minlength=len(parks))
        for i in np.flatnonzero(area > WATER_SHARE * shapely.area(parks)):
            parks = parks.copy()
            parks[i] = shapely.difference(parks[i], shapely.union_all(wet[mine[index == i]]))
    return overlay.dissolve(np.concatenate([parks, _polygons(city, "green")]))


@metric(
    "park_area_per_capita",
    title=Text("人均公园绿地面积", "Park area per resident"),
    definition=Text(
        "区域内公园面积（含园内水面，重叠只计一次）÷ 同一区域常住人口",
        "Park area, water inside parks included, counted once ÷ residents of the same area",
    ),
    standard=Text("GB 55014-2021：人均公园绿地 > 8.0 平方米", "GB 55014-2021: more than 8.0 m² per resident"),
    unit="m2/person",
    bases=("m2", "persons"),
    needs=("parks", "population"),
    thin=("parks",),
)
def park_area_per_capita(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Park area by resident, both of the whole area.

    Parameters
    ----------
    city
        With ``parks`` and ``population``.
    areas
        Whole areas.
    variant
        Only ``""``.

    Returns
    -------
    MetricResult
        ``value`` m²/person, NaN where nobody lives; ``numerator`` m², ``denominator`` persons.
    """
    ground = city.memo("park_land", lambda: overlay.dissolve(_polygons(city, "parks")))
    area = overlay.surface_within(ground, areas.pieces)
    people = residents(city, areas)
    estimated, _, notes = population_basis(city)
    return MetricResult(ratio(area, people), area, people, estimated=estimated, notes=notes)
