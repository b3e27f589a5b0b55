"""The two fast systems (双快), rail and expressways: who lives near either."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.coverage import NOBODY
from spatial.metrics.facilities import facilities, mapped
from spatial.metrics.origins import Origins, people_origins, shares_of
from spatial.metrics.people import population_basis
from spatial.metrics.registry import metric
from spatial.metrics.walking import nearest_m
from spatial.overlay import Floats, Geometries
from spatial.result import Evidence, MetricResult, ratio
from spatial.roads import road_model
from spatial.text import Text, joined

# Metric catalogue, dual_fast_system; all to be confirmed.
STATION_M, EXPRESSWAY_M = 800.0, 2000.0
TOUCH_M, EXACT_M = 1.0, 1e-6
VARIANTS = {
    "either": Text("轨道站或快速路任一", "a rail station or an expressway"),
    "both": Text("轨道站与快速路兼有", "a rail station and an expressway"),
    "rail": Text(f"轨道站 {STATION_M:.0f} 米", f"a rail station within {STATION_M:.0f} m"),
    "expressway": Text(f"快速路 {EXPRESSWAY_M / 1e3:.0f} 公里", f"an expressway within {EXPRESSWAY_M / 1e3:.0f} km"),
}

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Near:
    """Which places with residents are near rail and near an expressway, shape (k,) each; ``None`` where the data know of none."""

    rail: Bools | None
    expressway: Bools | None
    notes: tuple[Text, ...]

    def of(self, variant: str) -> Bools | None:
        """Which places count for a variant; ``None`` where it cannot be told."""
        if variant in ("rail", "expressway"):
            return self.rail if variant == "rail" else self.expressway
        known = [near for near in (self.rail, self.expressway) if near is not None]
        if not known or (variant == "both" and len(known) < 2):
            return None
        return np.logical_or.reduce(known) if variant == "either" else np.logical_and.reduce(known)


@metric(
    "dual_fast_system",
    title=Text("“双快”交通体系覆盖", "Dual-fast system within reach"),
    definition=Text(
        f"建成区内距轨道站 {STATION_M:.0f} 米以内或距快速路出入口匝道 {EXPRESSWAY_M / 1e3:.0f} 公里以内（直线，均待核）的居民 ÷ 建成区居民；"
        "“基本建成”另按轨道里程与快速路里程两项目标中完成较少的一项判断，见目标表",
        f"Residents of the built-up area within {STATION_M:.0f} m of a rail station or {EXPRESSWAY_M / 1e3:.0f} km of an expressway ramp, in a straight line"
        " (both to be confirmed) ÷ its residents; whether it is basically complete is judged by the lesser of the targets for rail and expressway length",
    ),
    standard=Text(
        "“基本建成”取轨道、快速路里程目标均完成 95 % 以上（待核）；本覆盖率无统一限值",
        "basically complete: at least 95 % of both length targets (to be confirmed); no common threshold for this share",
    ),
    unit="1",
    bases=("persons", "persons"),
    needs=("population",),
    scope="built_up_area",
    variants=VARIANTS,
    variant_needs={
        "either": ("transit_stops", "roads"),
        "both": ("transit_stops", "roads"),
        "rail": ("transit_stops",),
        "expressway": ("roads",),
    },
    halo_m=EXPRESSWAY_M + 600.0,
    evidence={
        "beyond": Evidence(Text("远离轨道站与快速路的居民", "residents far from rail and expressways"), "#a3324b"),
        "ramps": Evidence(Text("快速路出入口匝道", "expressway ramps"), "#c2410c"),
    },
)
def dual_fast_system(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of the residents near rail or an expressway.

    Parameters
    ----------
    city
        With ``population``, and ``transit_stops`` and ``roads`` as the variant asks.
    areas
        Rows, restricted to the built-up area.
    variant
        ``either``, ``both``, ``rail`` or ``expressway``.

    Returns
    -------
    MetricResult
        ``value`` 0–1, ``numerator`` and ``denominator`` persons. Where the data hold no station or no expressway at all, ``either`` is over the other alone,
        ``estimated`` and said so. ``evidence["beyond"]``: places with residents near neither; ``evidence["ramps"]``: what was measured to.

    Raises
    ------
    LayerError
        ``roads`` were supplied without geometry.

    References
    ----------
    Metric catalogue, dual_fast_system. An expressway is entered at its ramps: links that begin or end on it; where none is mapped, all along.
    """
    origins = people_origins(city)
    if not len(origins):
        return MetricResult.without(len(areas), NOBODY)
    near = _near(city, variant)
    reached = near.of(variant)
    if reached is None:
        why = [joined(near.notes, lang) for lang in ("zh", "en")]
        return MetricResult.without(len(areas), Text(*why))
    guessed, known, more = population_basis(city)
    here = shares_of(city, "people", origins, areas)
    everyone, served = here.total(), here.total(reached.astype(float))
    lacking = variant == "either" and (near.rail is None or near.expressway is None)
    evidence = {}
    if variant == "either":
        evidence = {"beyond": partial(_beyond, city, areas, origins, ~reached), "ramps": partial(_ramps_frame, city)}
    return MetricResult(
        ratio(served, everyone),
        served,
        everyone,
        quality=None
        if known is None and not lacking
        else np.full(len(areas), (1.0 if known is None else known) * (0.5 if lacking else 1.0)),
        estimated=guessed or lacking,
        notes=(*near.notes, *more),
        evidence=evidence,
    )


def _near(city: City, variant: str) -> Near:
    """Tell what lies near, of what the variant asks for."""
    rail, expressway, notes = None, None, []
    points = people_origins(city).points
    if variant != "expressway":
        if mapped(city, "rail_station").verdict == "absent":
            notes.append(Text("数据中没有轨道站", "there is no rail station in the data"))
        else:
            rail = nearest_m(facilities(city, "rail_station").ways(), points, STATION_M) <= STATION_M + EXACT_M
    if variant != "rail":
        entries, ramps = expressway_entries(city)
        if not len(entries):
            notes.append(Text("数据中没有快速路", "there is no expressway in the data"))
        else:
            expressway = nearest_m(entries, points, EXPRESSWAY_M) <= EXPRESSWAY_M + EXACT_M
            if not ramps:
                notes.append(Text("快速路未测绘匝道，按路线量算", "no ramp of the expressways is mapped: measured to the road itself"))
    return Near(rail, expressway, tuple(notes))


def expressway_entries(city: City) -> tuple[Geometries, bool]:
    """Return where expressways are entered, and whether these are ramps: links with an end on an expressway; the expressways where there is none."""
    return city.memo("expressway_entries", lambda: _entries(city))


def _entries(city: City) -> tuple[Geometries, bool]:
    model = road_model(city)
    roads = model.lines[model.open & (model.road_class == "expressway")]
    links = model.lines[model.open & (model.road_class == "link")]
    if not len(roads) or not len(links):
        return roads, False
    ends = np.concatenate([shapely.get_point(links, 0), shapely.get_point(links, -1)])
    end, _ = shapely.STRtree(roads).query(ends, predicate="dwithin", distance=TOUCH_M)
    ramps = links[np.unique(end % len(links))]
    return (ramps, True) if len(ramps) else (roads, False)


def _beyond(city: City, areas: Areas, origins: Origins, missed: Bools) -> gpd.GeoDataFrame:
    here = shares_of(city, "people", origins, areas)
    inside = here.row == int(np.flatnonzero(areas.ids == CITY)[0])
    people: Floats = overlay.sum_by(here.origin[inside], here.weight[inside], len(origins))
    chosen = np.flatnonzero(missed & (people > 0))
    shapes = np.where(shapely.is_missing(origins.cells), origins.points, origins.cells)
    return gpd.GeoDataFrame({"people": np.round(people[chosen], 2)}, geometry=list(shapes[chosen]), crs=city.crs)


def _ramps_frame(city: City) -> gpd.GeoDataFrame:
    entries, _ = expressway_entries(city)
    entries = entries[np.argsort(shapely.to_wkb(entries))] if len(entries) else entries
    return gpd.GeoDataFrame({"length_m": np.round(shapely.length(entries), 1)}, geometry=list(entries), crs=city.crs)
