"""How complete the rings of a city are: roads by class, and greenways."""

from __future__ import annotations

import numpy as np

from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.greenways import greenway_rings, most_complete
from spatial.metrics.registry import metric
from spatial.metrics.ring_roads import city_row, ring_notes, ring_roads
from spatial.result import MetricResult
from spatial.roads.rings import DIRECTIONS
from spatial.text import Text


@metric(
    "ring_completeness",
    title=Text("环线完整度", "Ring completeness"),
    definition=Text(
        "最完整的一条环线（同一名称或编号）：自市中心 360 个方向中与其相交的比例；100 % 还须首尾闭合才算闭合环线",
        "Of the most complete ring of one name or number: share of 360 directions from the centre that meet it; a ring is closed only if its ends meet as well",
    ),
    standard=Text("无统一标准", "no common standard"),
    unit="1",
    bases=("count", "count"),
    needs=(),
    variants={
        "motorway": Text("高速公路", "motorways"),
        "expressway": Text("含快速路", "expressways included"),
        "arterial": Text("含快速路、主次干路", "expressways and arterials included"),
        "greenway": Text("绿道", "greenways"),
    },
    variant_needs={"motorway": ("roads",), "expressway": ("roads",), "arterial": ("roads",), "greenway": ("greenways",)},
    halo_m=None,
)
def ring_completeness(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of the directions from the centre that meet the most complete ring.

    Parameters
    ----------
    city
        With ``roads`` or ``greenways`` by variant.
    areas
        Rows; only the whole city has a value.
    variant
        ``motorway``, ``expressway``, ``arterial`` or ``greenway``.

    Returns
    -------
    MetricResult
        ``value`` 0–1, none where nothing of one name goes half round the centre; ``numerator`` directions met, ``denominator`` 360; ``high`` is 1 where
        the edge of the data cuts the ring. ``estimated`` then, and where the centre is not declared.

    Raises
    ------
    LayerError
        The city has no roads, or no greenways.
    """
    if variant == "greenway":
        centre, rings = greenway_rings(city)
    else:
        roads = ring_roads(city)
        centre, rings = roads.centre, roads.rings[variant]
    best = most_complete(rings)
    notes = [centre.note, *ring_notes([best] if best else [])]
    if best is None:
        return city_row(areas, np.nan, notes, estimated=False)
    share = best.met / DIRECTIONS
    return city_row(
        areas,
        share,
        notes,
        estimated=centre.estimated or best.cut,
        numerator=float(best.met),
        denominator=float(DIRECTIONS),
        low=share if best.cut else None,
        high=1.0 if best.cut else None,
    )
