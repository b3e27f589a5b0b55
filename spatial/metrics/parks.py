"""Who and what is served by a park, and where a pocket park is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial import overlay
from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.coverage import ALL, MOST_UNREACHED, lost_rows
from spatial.metrics.green import joined
from spatial.metrics.origins import LEAST_HOUSING_M2, Origins, housing_mapped, land_origins, people_origins, residential_land, shares_of
from spatial.metrics.people import people_in, population_basis, residents
from spatial.metrics.registry import metric
from spatial.metrics.walking import SNAP_LIMIT_M, SitesReached, Sources, attached_origins, attached_sources, walk, ways_in
from spatial.network.reach import at, field
from spatial.overlay import Floats, Geometries, Pieces
from spatial.result import Evidence, MetricResult, ratio
from spatial.text import Text

# Edition → (least area m², service radius m), largest parks first.
EDITIONS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "2022": ((5000.0, 500.0), (400.0, 300.0)),
    "checkup_2022": ((5000.0, 500.0), (2000.0, 300.0)),
}
MAX_RADIUS_M = 500.0
LEAST_CLUSTER_M2, CLUSTER_WITHIN_M = 5000.0, 30.0  # a gap that is worth a site; across a street it is one gap (to be confirmed)
HALO_M = MAX_RADIUS_M + 2 * SNAP_LIMIT_M + 600.0
EXACT_M = 1e-6

_EDITION_TITLES = {"2022": Text("2022 版", "edition 2022"), "checkup_2022": Text("2022 体检版", "check-up 2022")}
_REACH_TITLES = {
    "straight_line": Text("直线（官方口径）", "straight line (official)"),
    "network": Text("步行路网", "on foot along the network"),
}
_COVERAGES = {
    f"{reach}_{edition}{people}": (reach, edition, bool(people))
    for reach in _REACH_TITLES
    for edition in EDITIONS
    for people in ("", "_people")
}


@dataclass(frozen=True, eq=False)
class ServiceParks:
    """Parks open to all, each once, and how many were left out because they are closed or charge a fee."""

    shapes: Geometries
    left_out: int

    def radius_m(self, edition: str) -> Floats:
        """Service radius of each by an edition, metres; 0 for those too small to serve."""
        size = shapely.area(self.shapes)
        radius = np.zeros(len(size))
        for least, reach in sorted(EDITIONS[edition]):
            radius[size >= least] = reach
        return radius


def service_parks(city: City) -> ServiceParks:
    """Parks that serve: open to all and without a fee; polygons that touch are one.

    Parameters
    ----------
    city
        With ``parks``.

    Returns
    -------
    ServiceParks
        Polygons, metres.
    """

    def build() -> ServiceParks:
        frame = city.frame("parks")
        apart = frame["fee"].isin(["yes"]) | frame["access"].isin(["private", "no"])
        kept = np.asarray(frame.geometry.to_numpy(), dtype=object)[~apart.to_numpy(dtype=bool)]
        return ServiceParks(joined(kept), int(apart.sum()))

    return city.memo("service_parks", build)


def _park_notes(city: City) -> tuple[Text, ...]:
    out = service_parks(city).left_out
    return (Text(f"收费或不开放的公园 {out} 处不计", f"parks that charge a fee or are not open to all, left out: {out}"),) if out else ()


def served_ground(city: City, edition: str) -> Geometries:
    """Ground within the straight-line service radius of a park: disjoint polygons, metres."""

    def build() -> Geometries:
        parks = service_parks(city)
        radius = parks.radius_m(edition)
        used = radius > 0
        return overlay.dissolve(shapely.buffer(parks.shapes[used], radius[used], quad_segs=24), overlay.TILE_M)

    return city.memo(("park_service", edition), build)


def park_within(city: City, edition: str, key: str, origins: Origins) -> np.ndarray:
    """Whether each place is within the service radius of a park on foot, from its gates or where walkable ways meet its edge, shape (k,).

    Parameters
    ----------
    city
        With ``parks`` and ``roads``.
    edition
        Of ``EDITIONS``.
    key, origins
        The places and their name.
    """

    def find() -> np.ndarray:
        parks = service_parks(city)
        entered = _entered(city)
        radius = parks.radius_m(edition)
        near = np.zeros(len(origins), bool)
        for reach in np.unique(radius[radius > 0]):
            mine = entered.attached.take(radius[entered.facility] == reach)
            distance = at(field(walk(city).graph, mine, limit=float(reach) + EXACT_M), attached_origins(city, key, origins))
            near |= distance <= reach + EXACT_M
        return near

    return city.memo(("park_within", edition, key), find)


def _sources(city: City, parks: ServiceParks) -> Sources:
    return attached_sources(city, *ways_in(city, parks.shapes, np.arange(len(parks.shapes)), open_ground=True))


@metric(
    "park_service_coverage",
    title=Text("公园绿化活动场地服务半径覆盖率", "Park service coverage"),
    definition=Text(
        "建成区内公园服务半径覆盖的居住用地（或居民）÷ 全部居住用地（或居民）。官方口径为直线；路网口径从公园出入口（无出入口数据时从与步行路相接处）沿步行路量算。收费、不开放的公园不计",
        "Residential land (or residents) of the built-up area within the service radius of a park ÷ all residential land (or residents). Official: straight"
        " line; strict: on foot from the gates, or from where walkable ways meet the edge. Parks with a fee or not open to all are left out",
    ),
    standard=Text(
        "GB 55014-2021：> 80 %。2022 版：≥ 5000 平方米服务 500 米，400–5000 平方米服务 300 米（建城〔2022〕2号，待核）；2022 城市体检版：2000–5000 平方米服务 300 米",
        "GB 55014-2021: above 80 %. Edition 2022: parks from 5,000 m² serve 500 m, 400–5,000 m² serve 300 m (to be confirmed); city check-up 2022:"
        " 2,000–5,000 m² serve 300 m",
    ),
    unit="1",
    bases={name: ("persons", "persons") if people else ("m2", "m2") for name, (_, _, people) in _COVERAGES.items()},
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
        name: Text(
            f"{_EDITION_TITLES[edition].zh}，{'居民' if people else '居住用地'}，{_REACH_TITLES[reach].zh}",
            f"{_EDITION_TITLES[edition].en}, {'residents' if people else 'residential land'}, {_REACH_TITLES[reach].en}",
        )
        for name, (reach, edition, people) in _COVERAGES.items()
    },
    halo_m=HALO_M,
    thin=("parks",),
    variant_needs={
        name: (("population",) if people else ("landuse",)) + (("roads",) if reach == "network" else ())
        for name, (reach, _, people) in _COVERAGES.items()
    },
)
def park_service_coverage(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of residential land or residents near a park, as the crow flies or on foot.

    Parameters
    ----------
    city
        With ``parks``, and ``landuse``, ``population`` or ``roads`` by variant.
    areas
        Rows, restricted to the built-up area.
    variant
        Reach and edition, with ``_people`` for residents.

    Returns
    -------
    MetricResult
        ``value`` 0–1, NaN where there is less than 1 ha of residential land or nobody lives; ``estimated`` where less than a tenth of the
        built-up area is mapped as residential. ``numerator``, ``denominator`` m² or persons; on foot land is judged in cells of 50 m.
        ``evidence["served_…"]``: the service area; ``evidence["unserved_…"]``: residential land beyond it, by row area.
    """
    reach, edition, people = _COVERAGES[variant]
    if reason := _nothing(city, reach, people):
        return MetricResult.without(len(areas), reason)
    evidence: dict[str, Callable[[], gpd.GeoDataFrame]] = {}
    if reach == "straight_line" and not people:
        served = served_ground(city, edition)
        evidence = {
            f"served_{edition}": lambda: gpd.GeoDataFrame({"area_m2": shapely.area(served)}, geometry=list(served), crs=city.crs),
            f"unserved_{edition}": lambda: _unserved(city, areas, _lived(city, areas), served),
        }
    return replace(_answer(city, areas, reach, edition, people), evidence=evidence)


def _nothing(city: City, reach: str, people: bool) -> Text | None:
    """Why there is nothing to say for the whole city; ``None`` where there is."""
    if not people and not len(residential_land(city)):
        return Text("没有居住用地", "there is no residential land in the data")
    if reach == "network" and _parks_reached(city).none:
        return Text("没有一个公园可由步行路到达", "no walkable way comes near any park")
    return None


def _answer(city: City, areas: Areas, reach: str, edition: str, people: bool, *, gap: float = 0.0) -> MetricResult:
    """Share that is served or, with ``gap``, what is not served times ``gap``; those whom no way comes near are a range, and never a false 0."""
    near, everyone, lost = (_people_served if people else _land_served)(city, areas, reach, edition)
    gone, row_notes = lost_rows(lost, everyone, "residents" if people else "residential_land")
    reached = _parks_reached(city) if reach == "network" else None
    notes, estimated, quality = _park_notes(city), gone > MOST_UNREACHED, 1 - gone
    if reached is not None and reached.unreached:
        quality = quality * reached.share
        notes = (
            *notes,
            Text(
                f"没有步行路接近、未计入的公园 {reached.unreached}/{reached.count}",
                f"parks that no walkable way comes near, not counted: {reached.unreached} of {reached.count}",
            ),
        )
    if people:
        guessed, share, more = population_basis(city)
        estimated, quality, notes = estimated | guessed, quality * (1.0 if share is None else share), (*notes, *more)
        none = ~(everyone > 0)
    else:
        thin, mapped_share, more_rows = housing_mapped(areas, everyone)
        estimated, quality, none = estimated | thin, quality * mapped_share, everyone < LEAST_HOUSING_M2
        row_notes = {row: [*row_notes.get(row, ()), *more_rows.get(row, ())] for row in {*row_notes, *more_rows}}
    none |= gone >= ALL
    if gap:
        missing = np.maximum(everyone - near, 0.0)
        numerator, value, low, high = missing, missing * gap, (missing - lost) * gap, missing * gap
    else:
        numerator, value, low, high = near, ratio(near, everyone), ratio(near, everyone), ratio(near + lost, everyone)
    return MetricResult(
        np.where(none, np.nan, value),
        numerator,
        everyone,
        low=low if lost.any() else None,
        high=high if lost.any() else None,
        quality=quality,
        estimated=estimated,
        notes=notes,
        row_notes=row_notes,
    )


def _parks_reached(city: City) -> SitesReached:
    """Count the parks large enough to serve, and those of them that no walkable way comes near, once for the whole city."""

    def count() -> SitesReached:
        parks = service_parks(city)
        serving = np.flatnonzero(parks.radius_m("2022") > 0)
        entered = _entered(city)
        return SitesReached(
            len(np.intersect1d(entered.here, serving)), len(np.intersect1d(entered.unreached, serving)), len(entered.enclosed)
        )

    return city.memo(("city-wide", "parks reached"), count)


def _entered(city: City) -> Sources:
    return city.memo("park_sources", lambda: _sources(city, service_parks(city)))


def _lived(city: City, areas: Areas) -> Pieces:
    homes = residential_land(city)
    return city.memo(("homes within", id(areas)), lambda: (areas, overlay.restrict(areas.pieces, homes)))[1]


def _land_served(city: City, areas: Areas, reach: str, edition: str) -> tuple[Floats, Floats, Floats]:
    """Residential land by row, m²: within reach of a park, all of it, and what is unreachable."""
    if reach == "straight_line":
        lived = _lived(city, areas)
        return overlay.restrict(lived, served_ground(city, edition)).areas(), lived.areas(), np.zeros(len(areas))
    origins = city.memo("land_origins", lambda: land_origins(residential_land(city)))
    return _on_foot(city, areas, edition, "land", origins)


def _people_served(city: City, areas: Areas, reach: str, edition: str) -> tuple[Floats, Floats, Floats]:
    """Residents by row: within reach of a park, all of them, and those who are unreachable."""
    if reach == "straight_line":

        def near() -> Floats:
            return people_in(city, overlay.restrict(areas.pieces, served_ground(city, edition)), exclusive=areas.exclusive)

        served = city.memo(("park_people", edition, id(areas)), lambda: (areas, near()))[1]
        return served, residents(city, areas), np.zeros(len(areas))
    return _on_foot(city, areas, edition, "people", people_origins(city))


def _on_foot(city: City, areas: Areas, edition: str, key: str, origins: Origins) -> tuple[Floats, Floats, Floats]:
    near = park_within(city, edition, key, origins)
    here = shares_of(city, key, origins, areas)
    lost = attached_origins(city, key, origins).edge < 0
    return here.total(near.astype(float)), here.total(), here.total((lost & ~near).astype(float))


def _unserved(city: City, areas: Areas, lived: Pieces, served: Geometries) -> gpd.GeoDataFrame:
    """Residential land beyond every service area, cut by area."""
    mine = np.flatnonzero(np.isin(lived.owner, np.flatnonzero(_parts(areas))))
    left = overlay.without(lived.geometry[mine], served)
    good = shapely.area(left) > 1.0
    return gpd.GeoDataFrame(
        {"area_id": areas.ids[lived.owner[mine[good]]], "area_m2": shapely.area(left[good])}, geometry=list(left[good]), crs=city.crs
    )


def _parts(areas: Areas) -> np.ndarray:
    """Rows that together are the city, each place once: the areas and what lies outside them, or the city alone."""
    return areas.is_area | (areas.ids == "outside_areas") if areas.is_area.any() else np.ones(len(areas), bool)


_GAP_VARIANTS = {
    "straight_line": Text("直线（2022 版）", "straight line (edition 2022)"),
    "network": Text("步行路网（2022 版）", "on foot along the network (edition 2022)"),
}
_GAP_STANDARD = Text(
    "口袋公园建设指南（试行）2024：优先选在公园服务未覆盖处；服务半径同公园服务覆盖率 2022 版",
    "guide to pocket parks of 2024: choose sites where coverage is missing; service radii as in park_service_coverage, edition 2022",
)


@metric(
    "pocket_park_gap",
    title=Text("口袋公园缺口（居住用地）", "Pocket-park gap (residential land)"),
    definition=Text(
        "建成区内不在任何公园服务范围内的居住用地面积；缺口片区（≥ 0.5 公顷，相距 30 米以内并为一片）按居民数排序",
        "Residential land of the built-up area outside the service area of every park. Clusters from 0.5 ha (parts within 30 m are one) are ranked by"
        " residents",
    ),
    standard=_GAP_STANDARD,
    unit="ha",
    bases=("m2", "m2"),
    needs=("parks", "landuse"),
    scope="built_up_area",
    variants=_GAP_VARIANTS,
    halo_m=HALO_M,
    thin=("parks",),
    variant_needs={"network": ("roads",)},
    evidence={
        "clusters_straight_line": Evidence(Text("口袋公园缺口片区（直线）", "pocket-park gaps (straight line)"), "#d1495b", by="people"),
        "clusters_network": Evidence(Text("口袋公园缺口片区（路网）", "pocket-park gaps (on foot)"), "#d1495b", by="people"),
    },
)
def pocket_park_gap(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Residential land without a park near it.

    Parameters
    ----------
    city
        With ``parks`` and ``landuse``; ``roads`` for the network.
    areas
        Rows, restricted to the built-up area.
    variant
        ``straight_line`` or ``network``.

    Returns
    -------
    MetricResult
        ``value`` ha; ``numerator`` the gap, ``denominator`` all residential land, m². ``evidence["clusters_…"]``: gaps with ``rank``,
        ``people`` and ``area_ha``; people NaN where the population is not known.
    """
    if reason := _nothing(city, variant, people=False):
        return MetricResult.without(len(areas), reason)
    evidence = {f"clusters_{variant}": partial(_clusters, city, areas, variant)}
    return replace(_answer(city, areas, variant, "2022", people=False, gap=1e-4), evidence=evidence)


@metric(
    "pocket_park_gap_residents",
    title=Text("口袋公园缺口（居民）", "Pocket-park gap (residents)"),
    definition=Text("建成区内不在任何公园服务范围内的居民数", "Residents of the built-up area outside the service area of every park"),
    standard=_GAP_STANDARD,
    unit="persons",
    bases=("persons", "persons"),
    needs=("parks", "population"),
    scope="built_up_area",
    variants=_GAP_VARIANTS,
    halo_m=HALO_M,
    thin=("parks",),
    variant_needs={"network": ("roads",)},
)
def pocket_park_gap_residents(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Residents without a park near them.

    Parameters
    ----------
    city
        With ``parks`` and ``population``; ``roads`` for the network.
    areas
        Rows, restricted to the built-up area.
    variant
        ``straight_line`` or ``network``.

    Returns
    -------
    MetricResult
        ``value`` and ``numerator`` persons, NaN where nobody lives; ``denominator`` all residents.
    """
    if reason := _nothing(city, variant, people=True):
        return MetricResult.without(len(areas), reason)
    return _answer(city, areas, variant, "2022", people=True, gap=1.0)


def _clusters(city: City, areas: Areas, variant: str) -> gpd.GeoDataFrame:
    """Gaps of at least 0.5 ha, ranked by the people who live on them; parts within 30 m of each other are one."""
    parts = np.flatnonzero(_parts(areas))
    if variant == "straight_line":
        lived = _lived(city, areas)
        left = overlay.without(lived.geometry[np.isin(lived.owner, parts)], served_ground(city, "2022"))
    else:
        origins = city.memo("land_origins", lambda: land_origins(residential_land(city)))
        beyond = ~park_within(city, "2022", "land", origins)
        left = overlay.restrict(areas.pieces.take(parts), origins.cells[beyond]).geometry
    left = shapely.get_parts(overlay.dissolve(left[shapely.area(left) > 1.0]))
    a, b = shapely.STRtree(left).query(left, predicate="dwithin", distance=CLUSTER_WITHIN_M) if len(left) else np.empty((2, 0), int)
    count, label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(len(left), len(left))), directed=False)
    area = overlay.sum_by(label, shapely.area(left), count)
    large = np.flatnonzero(area >= LEAST_CLUSTER_M2)
    place = np.full(count, -1)
    place[large] = np.arange(len(large))
    kept = place[label] >= 0
    pieces = Pieces(left[kept], place[label[kept]], len(large))
    people = np.full(len(large), np.nan) if city.layer("population").missing else people_in(city, pieces)
    shapes = [shapely.union_all(pieces.geometry[pieces.owner == n]) for n in range(len(large))]
    order = np.lexsort((-area[large], -np.nan_to_num(people)))
    return gpd.GeoDataFrame(
        {
            "rank": np.arange(1, len(large) + 1),
            "people": np.round(people[order]),
            "area_ha": np.round(area[large][order] / 1e4, 2),
        },
        geometry=[shapes[n] for n in order],
        crs=city.crs,
    )
