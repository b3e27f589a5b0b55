"""Rings, their gaps, radials and the centre as frames to draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.ops import substring

from spatial.city import City
from spatial.metrics.centre import Centre
from spatial.overlay import Geometries
from spatial.roads.radials import Radial
from spatial.roads.rings import Gap, Ring

if TYPE_CHECKING:
    from spatial.metrics.ring_roads import RingRoads

_STREETS = 6
# A gap is drawn as an arc up to this width, of a wider one its two ends; all of this is to be confirmed.
WIDEST_DRAWN_DEG, ENDS_DRAWN_DEG = 90.0, 10.0
# A road runs along a gap where it is so near at nine tenths of it; of wider gaps nobody can say it (to be confirmed).
ALONG_M, LEAST_ALONG, WIDEST_ALONG_DEG = 300.0, 0.9, 60.0


def rings_frame(city: City, found: RingRoads) -> gpd.GeoDataFrame:
    """Return every ring once, as complete as any level shows it: ``name``, ``streets``, ``level``, lengths, directions met, ``closed`` and ``cut``."""
    shown = shown_rings(found.rings)
    columns = {
        "name": [ring.key for _, ring in shown],
        "streets": [_streets(found, ring) for _, ring in shown],
        "level": [level for level, _ in shown],
        "length_km": [math.fsum(shapely.length(found.lines[r.members]) * found.weights[r.members]) / 1e3 for _, r in shown],
        "radius_km": [ring.radius_m / 1e3 for _, ring in shown],
        "completeness_deg": [ring.met for _, ring in shown],
        "closed": [_yes(ring.closed) for _, ring in shown],
        "cut": [_yes(ring.cut) for _, ring in shown],
    }
    return gpd.GeoDataFrame(columns, geometry=[_drawn(found.lines[r.members]) for _, r in shown], crs=city.crs)


def ring_gaps_frame(city: City, found: RingRoads) -> gpd.GeoDataFrame:
    """Return the gaps of those rings; ``along`` names the roads that run along a gap: streets that the ring may bear another name on."""
    shown = shown_rings(found.rings)
    level_of = {id(ring): level for level, ring in shown}

    def along(ring: Ring, gap: Gap) -> str:
        others = found.at(level_of[id(ring)])
        others[ring.members] = False
        return _along(gap, found.lines[others], found.name[others])

    return gaps_frame(city, [ring for _, ring in shown], along)


def gaps_frame(city: City, rings: Iterable[Ring], along: Callable[[Ring, Gap], str] | None = None) -> gpd.GeoDataFrame:
    """Return the gaps of rings as lines: ``name`` of the ring, ``length_m``, bearings, and whether the edge of the data makes them."""
    rows = [(ring, gap, _course(gap)) for ring in rings for gap in ring.gaps]
    if city.data_extent is not None:  # beyond, nobody knows whether there is one
        rows = [(ring, gap, shapely.intersection(line, city.data_extent)) for ring, gap, line in rows]
        rows = [row for row in rows if shapely.length(row[2]) > 0]
    columns = {
        "name": [ring.key for ring, _, _ in rows],
        "length_m": [gap.length_m for _, gap, _ in rows],
        "from_deg": [gap.from_deg for _, gap, _ in rows],
        "to_deg": [gap.to_deg for _, gap, _ in rows],
        "cut": [_yes(gap.cut) for _, gap, _ in rows],
        **({"along": [along(ring, gap) for ring, gap, _ in rows]} if along else {}),
    }
    return gpd.GeoDataFrame(columns, geometry=[line for _, _, line in rows], crs=city.crs)


def radials_frame(city: City, found: RingRoads, radials: Sequence[Radial]) -> gpd.GeoDataFrame:
    """Return the radials as lines: ``name``, ``bearing_deg`` from the centre, ``reach_km`` beyond the ring, and whether the edge of the data cuts it."""
    columns = {
        "name": [each.identity for each in radials],
        "bearing_deg": [each.bearing_deg for each in radials],
        "reach_km": [each.reach_m / 1e3 for each in radials],
        "cut": [_yes(each.cut) for each in radials],
    }
    return gpd.GeoDataFrame(columns, geometry=[_drawn(found.lines[each.members]) for each in radials], crs=city.crs)


def centre_frame(city: City, centre: Centre) -> gpd.GeoDataFrame:
    """Return the centre as a point, and where it comes from."""
    return gpd.GeoDataFrame({"source": [centre.source.zh]}, geometry=[centre.point], crs=city.crs)


def shown_rings(rings: Mapping[str, list[Ring]]) -> list[tuple[str, Ring]]:
    """Return each ring once, at the highest level at which it is as complete as it gets, from the inside out."""
    shown: list[tuple[str, Ring]] = []
    for level, of_level in rings.items():
        for ring in of_level:
            twin = next((at for at, (_, other) in enumerate(shown) if _same(ring, other)), None)
            if twin is None:
                shown.append((level, ring))
            elif (ring.closed, ring.met) > (shown[twin][1].closed, shown[twin][1].met):
                shown[twin] = (level, ring)
    return sorted(shown, key=lambda each: (each[1].radius_m, each[1].key))


def _drawn(lines: Geometries) -> Any:
    """Return lines as one geometry that does not depend on their order."""
    return shapely.normalize(shapely.multilinestrings(lines))


def _same(ring: Ring, other: Ring) -> bool:
    shared = len(np.intersect1d(ring.members, other.members))
    return ring.key == other.key or shared > 0.5 * min(len(ring.members), len(other.members))


def _streets(found: RingRoads, ring: Ring) -> str:
    """Name the streets that make most of a ring."""
    return _longest(found.name[ring.members], shapely.length(found.lines[ring.members]) * found.weights[ring.members])


def _along(gap: Gap, lines: Geometries, names: Any) -> str:
    """Name the roads that run along a narrow gap nearly all the way; empty where there are none."""
    turn = (gap.to_deg - gap.from_deg) % 360.0
    if turn > WIDEST_ALONG_DEG or not len(lines):
        return ""
    places = shapely.line_interpolate_point(gap.line, np.linspace(0, 1, 21), normalized=True)
    place, line = shapely.STRtree(lines).query_nearest(places, max_distance=ALONG_M, all_matches=False)
    return _longest(names[line], np.ones(len(line))) if len(place) >= LEAST_ALONG * len(places) else ""


def _course(gap: Gap) -> Any:
    """Draw a gap; of one so wide that nobody can guess its course only where it begins and ends."""
    turn = (gap.to_deg - gap.from_deg) % 360.0
    if turn <= WIDEST_DRAWN_DEG or shapely.length(gap.line) == 0:
        return gap.line
    share = ENDS_DRAWN_DEG / turn
    return shapely.multilinestrings([substring(gap.line, a, b, normalized=True) for a, b in ((0.0, share), (1.0 - share, 1.0))])


def _longest(names: Any, weight: Any) -> str:
    total = pd.Series(weight, dtype=float).groupby(names).sum().drop("", errors="ignore")
    return "、".join(total.sort_values(ascending=False, kind="stable").index[:_STREETS])


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"
