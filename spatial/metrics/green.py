"""Green: parks, green land, and who lives near a park."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial import overlay
from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.people import people_in, population_basis, residents
from spatial.metrics.registry import metric
from spatial.overlay import Geometries, Pieces
from spatial.result import Evidence, MetricResult, ratio
from spatial.text import Text

# Edition → (least area m², service radius m), largest parks first.
EDITIONS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "2022": ((5000.0, 500.0), (400.0, 300.0)),
    "checkup_2022": ((5000.0, 500.0), (2000.0, 300.0)),
}
MAX_RADIUS_M = 500.0
WATER_SHARE = 0.5
LEAST_HOUSING_SHARE, LEAST_HOUSING_M2 = 0.1, 10_000.0  # below: hardly mapped; too little to measure (both to be confirmed)


def _polygons(city: City, name: str) -> Geometries:
    frame = city.layer(name).frame
    return np.empty(0, object) if frame is None else np.asarray(frame.geometry.to_numpy(), dtype=object)


def parks_as_one(city: City) -> Geometries:
    """Parks, each once: polygons that touch or overlap are one park.

    Returns
    -------
    numpy.ndarray
        Polygons, metres.
    """
    return city.memo("parks_as_one", lambda: _joined(_polygons(city, "parks")))


def _joined(parks: Geometries) -> Geometries:
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


@metric(
    "park_service_coverage",
    title=Text("公园绿化活动场地服务半径覆盖率", "Park service coverage"),
    definition=Text(
        "建成区内公园服务半径（直线）覆盖的居住用地（或居民）÷ 全部居住用地（或居民）",
        "Residential land (or residents) of the built-up area within the straight-line service radius of a park ÷ all residential land (or residents)",
    ),
    standard=Text(
        "GB 55014-2021：> 80 %。2022 版：≥ 5000 平方米服务 500 米，400–5000 平方米服务 300 米（建城〔2022〕2号，待核）；2022 城市体检版：2000–5000 平方米服务 300 米",
        "GB 55014-2021: above 80 %. Edition 2022: parks from 5,000 m² serve 500 m, 400–5,000 m² serve 300 m (to be confirmed); city check-up 2022:"
        " 2,000–5,000 m² serve 300 m",
    ),
    unit="1",
    bases={
        "straight_line_2022": ("m2", "m2"),
        "straight_line_checkup_2022": ("m2", "m2"),
        "straight_line_2022_people": ("persons", "persons"),
        "straight_line_checkup_2022_people": ("persons", "persons"),
    },
    evidence={
        "served_2022": Evidence(Text("公园服务范围（2022 版）", "served by a park (edition 2022)"), "#80cbc4"),
        "served_checkup_2022": Evidence(Text("公园服务范围（2022 体检版）", "served by a park (check-up 2022)"), "#80cbc4"),
        "unserved_2022": Evidence(Text("服务范围外的居住用地（2022 版）", "residential land not served (edition 2022)"), "#e57373"),
        "unserved_checkup_2022": Evidence(
            Text("服务范围外的居住用地（2022 体检版）", "residential land not served (check-up 2022)"), "#e57373"
        ),
    },
    needs=("parks",),
    scope="built_up_area",
    variants={
        "straight_line_2022": Text("2022 版，居住用地，直线", "edition 2022, residential land, straight line"),
        "straight_line_checkup_2022": Text("2022 体检版，居住用地，直线", "check-up 2022, residential land, straight line"),
        "straight_line_2022_people": Text("2022 版，居民，直线", "edition 2022, residents, straight line"),
        "straight_line_checkup_2022_people": Text("2022 体检版，居民，直线", "check-up 2022, residents, straight line"),
    },
    halo_m=MAX_RADIUS_M,
    thin=("parks",),
    variant_needs={
        "straight_line_2022": ("landuse",),
        "straight_line_checkup_2022": ("landuse",),
        "straight_line_2022_people": ("population",),
        "straight_line_checkup_2022_people": ("population",),
    },
)
def park_service_coverage(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of residential land or residents near a park, as the crow flies.

    Parameters
    ----------
    city
        With ``parks``, and ``landuse`` or ``population`` by variant.
    areas
        Rows, restricted to the built-up area.
    variant
        ``straight_line_`` + edition, with ``_people`` for residents.

    Returns
    -------
    MetricResult
        ``value`` 0–1, NaN where there is less than 1 ha of residential land or nobody lives; ``estimated`` where less than a tenth of the
        built-up area is mapped as residential. ``numerator``, ``denominator`` m² or persons.
        ``evidence["served_…"]``: the service area; ``evidence["unserved_…"]``: residential land beyond it, by row area.
    """
    edition = variant.removeprefix("straight_line_").removesuffix("_people")
    served = city.memo(("park_service", edition), lambda: _service_area(parks_as_one(city), edition))
    if variant.endswith("_people"):
        return _people_served(city, areas, served)
    land = city.frame("landuse")
    residential = (land["landuse"] == "residential").to_numpy(dtype=bool)
    homes = city.memo("residential_land", lambda: overlay.dissolve(_polygons(city, "landuse")[residential]))
    if not len(homes):
        return MetricResult.without(len(areas), Text("没有居住用地", "there is no residential land in the data"))
    lived = overlay.restrict(areas.pieces, homes)
    near = overlay.restrict(lived, served)
    all_m2, near_m2 = lived.areas(), near.areas()
    # Housing fills a good part of any built-up area; where hardly any is mapped, a share of it says little of the area.
    mapped = ratio(all_m2, areas.measured_m2)
    thin = np.nan_to_num(mapped) < LEAST_HOUSING_SHARE
    little = all_m2 < LEAST_HOUSING_M2
    notes: dict[int, list[Text]] = {}
    for row in np.flatnonzero(thin & np.isfinite(mapped)):
        share = f"{mapped[row]:.1%}"
        notes[int(row)] = [
            Text(f"居住用地仅占建成区的 {share}，可能未测绘", f"only {share} of the built-up area is mapped as residential land")
        ]
        if little[row]:
            notes[int(row)].append(Text("居住用地不足 1 公顷，不作计算", "less than 1 ha of residential land: too little to measure"))
    return MetricResult(
        np.where(little, np.nan, ratio(near_m2, all_m2)),
        near_m2,
        all_m2,
        quality=np.clip(mapped / LEAST_HOUSING_SHARE, 0, 1),
        estimated=thin,
        row_notes=notes,
        evidence={
            f"served_{edition}": lambda: gpd.GeoDataFrame({"area_m2": shapely.area(served)}, geometry=list(served), crs=city.crs),
            f"unserved_{edition}": lambda: _unserved(city, areas, lived, served),
        },
    )


def _service_area(parks: Geometries, edition: str) -> Geometries:
    size = shapely.area(parks)
    radius = np.zeros(len(parks))
    for least, reach in sorted(EDITIONS[edition]):
        radius[size >= least] = reach
    used = radius > 0
    return overlay.dissolve(shapely.buffer(parks[used], radius[used], quad_segs=24), overlay.TILE_M)


def _unserved(city: City, areas: Areas, lived: Pieces, served: Geometries) -> gpd.GeoDataFrame:
    """Residential land beyond every service area, cut by area."""
    mine = np.flatnonzero(
        np.isin(
            lived.owner,
            np.flatnonzero(areas.is_area | (areas.ids == "outside_areas") if areas.is_area.any() else np.ones(len(areas), bool)),
        )
    )
    left = overlay.without(lived.geometry[mine], served)
    good = shapely.area(left) > 1.0
    return gpd.GeoDataFrame(
        {"area_id": areas.ids[lived.owner[mine[good]]], "area_m2": shapely.area(left[good])}, geometry=list(left[good]), crs=city.crs
    )


def _people_served(city: City, areas: Areas, served: Geometries) -> MetricResult:
    estimated, _, notes = population_basis(city)
    everyone = residents(city, areas)
    near = people_in(city, overlay.restrict(areas.pieces, served), exclusive=areas.exclusive)
    return MetricResult(ratio(near, everyone), near, everyone, estimated=estimated, notes=notes)
