"""Pipes under the city: what of the developed land they reach."""

from __future__ import annotations

import numpy as np
import shapely

from spatial import catalogue, overlay
from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.overlay import Geometries
from spatial.result import Evidence, MetricResult, ratio
from spatial.text import Text

DISTANCE_M = float(catalogue.reference("sewers")["distance_m"])
_STANDARD = Text(
    f"距污水管 {DISTANCE_M:g} 米以内视为已覆盖：待确认",
    f"land within {DISTANCE_M:g} m of a foul sewer is taken as served: to be confirmed",
)
_HALO_M = 2 * DISTANCE_M


def _served(city: City) -> Geometries:
    """Ground near a sewer, united, in the city's CRS."""
    pipes = np.asarray(city.frame("sewers").geometry.to_numpy(), dtype=object)
    return city.memo("ground near sewers", lambda: overlay.dissolve(shapely.buffer(pipes, DISTANCE_M, quad_segs=32)))


@metric(
    "sewer_coverage",
    title=Text("污水管网覆盖率", "Sewer coverage"),
    definition=Text(
        f"建成区内距污水管 {DISTANCE_M:g} 米以内的面积 ÷ 建成区面积",
        f"Built-up area within {DISTANCE_M:g} m of a foul sewer ÷ built-up area",
    ),
    standard=_STANDARD,
    unit="1",
    needs=("sewers",),
    scope="built_up_area",
    bases=("m2", "m2"),
    halo_m=_HALO_M,
)
def sewer_coverage(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Built-up land near a sewer over built-up land.

    Parameters
    ----------
    city
        With ``sewers``, lines in one projected CRS, metres.
    areas
        Restricted to the built-up area.

    Returns
    -------
    MetricResult
        ``value`` 0–1; numerator and denominator m²; NaN where nothing is built up.
    """
    covered = overlay.surface_within(_served(city), areas.pieces)
    return MetricResult(ratio(covered, areas.measured_m2), covered, areas.measured_m2)


@metric(
    "sewer_gap_area",
    title=Text("污水管网空白区", "Sewer gaps"),
    definition=Text(
        f"建成区内距污水管超过 {DISTANCE_M:g} 米的面积；已有其他合法处理设施的，应先从建成区图层中扣除",
        f"Built-up area farther than {DISTANCE_M:g} m from a foul sewer; ground with another lawful treatment is to be left out of the built-up layer",
    ),
    standard=_STANDARD,
    unit="ha",
    needs=("sewers",),
    scope="built_up_area",
    bases=("m2", ""),
    halo_m=_HALO_M,
    evidence={"gaps": Evidence(Text("污水管网空白区", "sewer gaps"), "#8d6e63")},
)
def sewer_gap_area(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Built-up land beyond the reach of sewers.

    Parameters
    ----------
    city
        With ``sewers``, lines in one projected CRS, metres.
    areas
        Restricted to the built-up area.

    Returns
    -------
    MetricResult
        ``value`` ha, numerator m²; ``evidence["gaps"]``: the ground itself.
    """
    import geopandas as gpd

    served = _served(city)
    gap = np.maximum(areas.measured_m2 - overlay.surface_within(served, areas.pieces), 0.0)

    def gaps() -> gpd.GeoDataFrame:
        ground = shapely.union_all(areas.pieces.geometry)
        parts = shapely.get_parts(shapely.difference(ground, shapely.union_all(served)))
        parts = parts[(shapely.get_type_id(parts) == 3) & (shapely.area(parts) >= 1.0)]
        return gpd.GeoDataFrame({"area_ha": np.round(shapely.area(parts) / 1e4, 2)}, geometry=parts, crs=city.crs)

    return MetricResult(gap / 1e4, gap, evidence={"gaps": gaps})
