"""People: who lives where, and how densely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.overlay import Floats, Geometries, Pieces
from spatial.result import MetricResult, ratio
from spatial.text import Text

RESIDENTIAL = (
    "residential", "apartments", "house", "detached", "semidetached_house", "terrace", "dormitory", "bungalow", "semi", "yes", "houses", "farm",
)  # fmt: skip
OTHER_USES = (
    "industrial",
    "commercial",
    "retail",
    "railway",
    "military",
    "education",
    "institutional",
    "construction",
    "depot",
    "garages",
    "religious",
)


@dataclass(frozen=True, eq=False)
class Spread:
    """People put on points, because no better source was given."""

    points: Geometries
    people: Floats
    known_share: float


def people_in(city: City, pieces: Pieces, *, exclusive: np.ndarray | None = None) -> Floats:
    """Count the residents on every owner's ground.

    Parameters
    ----------
    city
        With a population raster, points, polygons or a stated total.
    pieces
        Disjoint pieces by owner, in the city's CRS.
    exclusive
        By owner: whether a point on its edge belongs to the first owner only.

    Returns
    -------
    numpy.ndarray
        People by owner. Raster cells and polygons are split by area, so that totals are kept.
    """
    layer = city.layer("population")
    exclusive = np.ones(pieces.count, bool) if exclusive is None else exclusive
    if layer.raster is not None:
        return layer.raster.sums(pieces.geometry, pieces.owner, pieces.count, city.crs)
    if layer.frame is None:
        spread = spread_over_buildings(city)
        index, owner = overlay.points_within(spread.points, pieces, exclusive)
        return overlay.sum_by(owner, spread.people[index], pieces.count)
    geometry, count = np.asarray(layer.frame.geometry.to_numpy(), dtype=object), layer.frame["count"].to_numpy(dtype=float)
    flat = shapely.get_dimensions(geometry) == 2
    index, owner = overlay.points_within(geometry[~flat], pieces, exclusive)
    people = overlay.sum_by(owner, count[~flat][index], pieces.count)
    index, mine = overlay.pairs(geometry[flat], pieces.geometry)
    share = shapely.area(shapely.intersection(geometry[flat][index], pieces.geometry[mine])) / shapely.area(geometry[flat][index])
    return people + overlay.sum_by(pieces.owner[mine], count[flat][index] * share, pieces.count)


def spread_over_buildings(city: City) -> Spread:
    """Spread the stated total over residential buildings by floor area.

    Parameters
    ----------
    city
        With ``buildings`` and ``[layers.population] total``.

    Returns
    -------
    Spread
        One point a building inside the city and the data; the people sum to the total. A building without levels gets the median of those
        with levels, else one; industrial, commercial and public land is left out.
    """
    return city.memo(("city-wide", "spread"), lambda: _spread(city))


def _spread(city: City) -> Spread:
    total = city.layer("population").options.get("total") or 0.0
    frame = city.layer("buildings").frame
    if frame is None or not len(frame):
        return Spread(np.empty(0, object), np.empty(0), 0.0)
    homes = frame[frame["building"].isin(RESIDENTIAL).to_numpy(dtype=bool) | frame["building"].isna().to_numpy(dtype=bool)]
    shapes = np.asarray(homes.geometry.to_numpy(), dtype=object)
    points = shapely.point_on_surface(shapes)
    keep = np.ones(len(points), bool)
    land = city.layer("landuse").frame
    if land is not None and len(land):
        other = np.asarray(land.geometry.to_numpy(), dtype=object)[land["landuse"].isin(OTHER_USES).to_numpy(dtype=bool)]
        vague = (homes["building"].isna() | (homes["building"] == "yes")).to_numpy(dtype=bool)
        keep[np.intersect1d(np.unique(overlay.pairs(points, other)[0]), np.flatnonzero(vague))] = False
    areas = city.areas("districts") if city.layer("districts").frame is not None or city.boundary() is not None else None
    if areas is not None:
        outline = areas.whole[np.flatnonzero(areas.ids == CITY)[0]]
        shapely.prepare(outline)
        keep &= shapely.intersects(outline, points)
    points, shapes, levels = points[keep], shapes[keep], homes["levels"].to_numpy(dtype=float)[keep]
    known = np.isfinite(levels) & (levels > 0)
    typical = float(np.median(levels[known])) if known.any() else 1.0
    floor = shapely.area(shapes) * np.where(known, levels, typical)
    if not floor.sum() > 0:
        return Spread(np.empty(0, object), np.empty(0), 0.0)
    return Spread(points, total * floor / floor.sum(), float(floor[known].sum() / floor.sum()))


def population_basis(city: City) -> tuple[bool, float | None, tuple[Text, ...]]:
    """How the people are known: whether spread (estimated), the share measured, and what to say."""
    layer = city.layer("population")
    if layer.raster is not None or layer.frame is not None:
        return False, None, ()
    spread = spread_over_buildings(city)
    if not len(spread.points):
        return True, 0.0, (Text("没有住宅建筑可分摊人口", "there is no residential building to spread the people over"),)
    note = Text(
        f"人口为估算：将给定总数 {layer.options['total']:,.0f} 按建筑面积分摊到 {len(spread.points):,} 栋住宅（{spread.known_share:.0%} 的建筑面积有层数）",
        f"people are estimated: the stated total of {layer.options['total']:,.0f} is spread over {len(spread.points):,} residential buildings by floor area"
        f" (levels known for {spread.known_share:.0%} of it)",
    )
    return True, spread.known_share, (note,)


def residents(city: City, areas: Areas) -> Floats:
    """Residents by row of ``areas``; NaN where a stated total has no building to rest on."""
    layer = city.layer("population")
    if layer.raster is None and layer.frame is None and not len(spread_over_buildings(city).points):
        return np.full(len(areas), np.nan)
    return city.memo(("residents", id(areas)), lambda: (areas, people_in(city, areas.pieces, exclusive=areas.exclusive)))[1]


def _quality(share: float | None, rows: int) -> Floats | None:
    return None if share is None else np.full(rows, share)


@metric(
    "population",
    title=Text("人口", "Population"),
    definition=Text(
        "常住人口：栅格按像元面积精确汇总，面数据按面积分摊，或将给定总数分摊到住宅建筑",
        "Residents: raster cells summed exactly, polygons split by area, or a stated total spread over residential buildings",
    ),
    standard=Text("优先级：分社区普查、格网、建筑；总量守恒", "census by community before grids before buildings; totals are kept"),
    unit="persons",
    bases=("persons", ""),
    needs=("population",),
)
def population(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Residents by area.

    Parameters
    ----------
    city
        With ``population``.
    areas
        Whole areas.
    variant
        Only ``""``.

    Returns
    -------
    MetricResult
        ``value`` and ``numerator`` persons.
    """
    people = residents(city, areas)
    estimated, known, notes = population_basis(city)
    return MetricResult(value=people, numerator=people, estimated=estimated, quality=_quality(known, len(areas)), notes=notes)


@metric(
    "population_density",
    title=Text("人口密度", "Population density"),
    definition=Text("常住人口 ÷ 区域面积", "Residents ÷ area"),
    standard=Text("无统一限值", "no common threshold"),
    unit="persons/km2",
    bases=("persons", "m2"),
    needs=("population",),
)
def population_density(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Residents per square kilometre of the whole area.

    Parameters
    ----------
    city
        With ``population``.
    areas
        Whole areas.
    variant
        Only ``""``.

    Returns
    -------
    MetricResult
        ``value`` persons/km², ``numerator`` persons, ``denominator`` m².
    """
    people = residents(city, areas)
    estimated, known, notes = population_basis(city)
    size = areas.measured_m2
    return MetricResult(ratio(people, size / 1e6), people, size, estimated=estimated, quality=_quality(known, len(areas)), notes=notes)
