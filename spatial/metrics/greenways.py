"""Greenways (绿道): how long they are, who lives near them, and whether they close a ring around the city."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.centre import Centre, city_centre
from spatial.metrics.origins import LEAST_HOUSING_M2, housing_mapped, residential_land
from spatial.metrics.registry import metric
from spatial.metrics.ring_evidence import gaps_frame
from spatial.metrics.ring_names import known_rings, ring_keys
from spatial.metrics.ring_roads import city_row, ring_notes
from spatial.overlay import Floats, Geometries
from spatial.result import Evidence, MetricResult, ratio
from spatial.roads.rings import Ring, find_rings, nested
from spatial.text import Text

PARALLEL_M, PARALLEL_DEG = 20.0, 25.0
GAP_M = 50.0
SERVED_M = 1000.0
_PIECE_M = 10.0


@dataclass(frozen=True, eq=False)
class Greenways:
    """Greenways cut into short pieces, so that each place of them counts once.

    Attributes
    ----------
    lines
        LineStrings, shape (n,), metres.
    name
        Shape (n,).
    pieces, source, weights
        Of at most 10 m, the line that each comes from, and the factor of its length: 1, or less where other tracks run beside it.
    """

    lines: Geometries
    name: Any
    pieces: Geometries
    source: overlay.Ints
    weights: Floats


def greenways(city: City) -> Greenways:
    """Return the greenways of a city.

    Parameters
    ----------
    city
        With ``greenways``.

    Returns
    -------
    Greenways
        Tracks up to 20 m apart that run alike (within 25°) share their length; a river between them is wider.

    Raises
    ------
    LayerError
        The city has no greenways.
    """

    def build() -> Greenways:
        frame = city.frame("greenways")
        lines, index = shapely.get_parts(np.asarray(frame.geometry.to_numpy(), dtype=object), return_index=True)
        kept = shapely.length(lines) > 0
        lines, index = lines[kept], index[kept]
        name = frame["name"].fillna("").astype(str).to_numpy(dtype=object)[index]
        pieces, source, middle = _cut(lines)
        return Greenways(lines, name, pieces, source, 1.0 / (1 + _beside(lines, source, middle)))

    return city.memo("greenways", build)


def _cut(lines: Geometries) -> tuple[Geometries, overlay.Ints, Floats]:
    """Cut lines into pieces of at most 10 m: the pieces, their line, and how far along it the middle of each lies."""
    count = np.maximum(1, np.ceil(shapely.length(lines) / _PIECE_M).astype(int))
    source = np.repeat(np.arange(len(lines)), count)
    step = (shapely.length(lines) / count)[source]
    nth = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
    # A piece holds the vertices of its line between its two ends.
    corners, of = shapely.get_coordinates(lines, return_index=True)
    hop = np.hypot(*np.diff(corners, axis=0, prepend=corners[:1]).T)
    hop[1:][np.diff(of) != 0] = 0.0
    along = np.cumsum(hop)
    along -= along[np.searchsorted(of, np.arange(len(lines)))][of]
    piece = np.cumsum(count)[of] - count[of] + np.clip((along / (shapely.length(lines) / count)[of]).astype(int), 0, count[of] - 1)
    begin, end = overlay.points_along(lines, source, nth * step), overlay.points_along(lines, source, (nth + 1) * step)
    xy = np.concatenate([begin, corners, end])
    which = np.concatenate([np.arange(len(source)), piece, np.arange(len(source))])
    at = np.concatenate([nth * step, along, (nth + 1) * step])
    order = np.lexsort((np.repeat([0, 1, 2], [len(source), len(corners), len(source)]), at, which))
    return shapely.linestrings(xy[order], indices=which[order]), source, (nth + 0.5) * step


def _beside(lines: Geometries, source: overlay.Ints, middle: Floats) -> overlay.Ints:
    """Count the other lines that run beside each piece, alike and within 20 m."""
    if not len(lines):
        return np.empty(0, int)
    here, back, ahead = (overlay.points_along(lines, source, middle + shift) for shift in (0.0, -1.0, 1.0))
    points = shapely.points(here)
    piece, other = shapely.STRtree(lines).query(points, predicate="dwithin", distance=PARALLEL_M)
    apart = other != source[piece]
    piece, other = piece[apart], other[apart]
    at = shapely.line_locate_point(lines[other], points[piece])
    foot, before, behind = (overlay.points_along(lines, other, at + shift) for shift in (0.0, -1.0, 1.0))
    mine, theirs = _unit(ahead[piece] - back[piece]), _unit(behind - before)
    alike = np.abs(np.einsum("ij,ij->i", mine, theirs)) >= np.cos(np.radians(PARALLEL_DEG))
    # What only begins ahead, as the next way of the same track does, is not beside.
    onward = np.abs(np.einsum("ij,ij->i", foot - here[piece], mine))
    inner = (at > 0) & (at < shapely.length(lines[other]))
    beside = alike & (inner | (onward <= 1.0)) & (onward <= PARALLEL_M / 2)
    return np.bincount(piece[beside], minlength=len(source))


def _unit(vector: Floats) -> Floats:
    size = np.hypot(vector[:, 0], vector[:, 1])
    return vector / np.where(size > 0, size, 1.0)[:, None]


def _origin_note(city: City) -> tuple[Text, ...]:
    if not city.layer("greenways").origin.startswith("osm"):
        return ()
    return (
        Text(
            "绿道按 OSM 名称（绿道、greenway）认定，未必齐全，以台账图层为准",
            "greenways are those that OpenStreetMap names so, perhaps not all: a layer of the ledger is the one to trust",
        ),
    )


@metric(
    "greenway_length",
    title=Text("绿道长度", "Greenway length"),
    definition=Text(
        "绿道长度；相距 20 米以内的并行步行道与自行车道只计一次，河道两岸分别建成的分别计",
        "Length of greenways; foot and cycle tracks side by side within 20 m count once, the two banks of a river each where both are built",
    ),
    standard=Text("无统一限值；20 米待核", "no common threshold; the 20 m are to be confirmed"),
    unit="km",
    bases=("m", ""),
    needs=("greenways",),
    evidence={"greenways": Evidence(Text("计入的绿道", "greenways counted"), "#00897b")},
    halo_m=100.0,
)
def greenway_length(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of greenways.

    Parameters
    ----------
    city
        With ``greenways``: the city's own layer, or what OpenStreetMap names so.
    areas
        Rows.
    variant
        Empty.

    Returns
    -------
    MetricResult
        ``value`` km, ``numerator`` m; a greenway on a common edge counts half on each side. ``evidence["greenways"]``: every greenway, with its length
        counted once.

    Raises
    ------
    LayerError
        The city has no greenways.
    """
    found = greenways(city)
    metres = _metres(found, areas)
    return MetricResult(metres / 1e3, metres, notes=_origin_note(city), evidence={"greenways": lambda: _frame(city, found)})


def _metres(found: Greenways, areas: Areas) -> Floats:
    """Length by row; the total is cut by its own outline alone, so that it is the same for every choice of areas."""
    total = int(np.flatnonzero(areas.ids == CITY)[0])

    def along(edges: Geometries, pieces: overlay.Pieces) -> Floats:
        lines, source, factor = overlay.astride(found.pieces, edges)
        index, owner, length = overlay.line_parts(lines, pieces)
        return overlay.sum_by(owner, length * (factor * found.weights[source])[index], len(areas))

    by_row = along(areas.edges, areas.pieces)
    by_row[total] = along(areas.edges_of(total), areas.pieces.only(areas.pieces.owner == total))[total]
    return by_row


def _frame(city: City, found: Greenways) -> gpd.GeoDataFrame:
    metres = overlay.sum_by(found.source, shapely.length(found.pieces) * found.weights, len(found.lines))
    return gpd.GeoDataFrame({"name": found.name, "length_m": metres}, geometry=list(found.lines), crs=city.crs)


@metric(
    "greenway_coverage",
    title=Text("绿道服务覆盖率", "Greenway coverage"),
    definition=Text(
        "建成区内距绿道 1 公里（直线）以内的居住用地 ÷ 全部居住用地",
        "Residential land of the built-up area within 1 km of a greenway, in a straight line ÷ all residential land",
    ),
    standard=Text("城市体检：绿道 1 公里服务半径；无统一限值", "city check-up: within 1 km of a greenway; no common threshold"),
    unit="1",
    bases=("m2", "m2"),
    needs=("greenways", "landuse"),
    scope="built_up_area",
    halo_m=SERVED_M + 100.0,
)
def greenway_coverage(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of residential land near a greenway.

    Parameters
    ----------
    city
        With ``greenways`` and ``landuse``.
    areas
        Rows, restricted to the built-up area.
    variant
        Empty.

    Returns
    -------
    MetricResult
        ``value`` 0–1, NaN where there is less than 1 ha of residential land; ``numerator``, ``denominator`` m². ``estimated`` where less than a tenth of
        the built-up area is mapped as residential.

    Raises
    ------
    LayerError
        The city has no greenways or no land use.
    """
    homes = residential_land(city)
    if not len(homes):
        return MetricResult.without(len(areas), Text("没有居住用地", "there is no residential land in the data"))

    def near() -> Geometries:
        return overlay.dissolve(shapely.buffer(greenways(city).lines, SERVED_M, quad_segs=24), overlay.TILE_M)

    lived = overlay.restrict(areas.pieces, homes)
    served = overlay.restrict(lived, city.memo("greenway_served", near)).areas()
    everyone = lived.areas()
    thin, quality, row_notes = housing_mapped(areas, everyone)
    return MetricResult(
        np.where(everyone < LEAST_HOUSING_M2, np.nan, ratio(served, everyone)),
        served,
        everyone,
        quality=quality,
        estimated=thin,
        notes=_origin_note(city),
        row_notes=row_notes,
    )


def greenway_rings(city: City) -> tuple[Centre, list[Ring]]:
    """Find the rings that greenways make around the centre, once a city.

    Greenways of one name, or of one ring of ``rings.toml``, are a ring; where none bears a name, all of them.
    """

    def build() -> tuple[Centre, list[Ring]]:
        centre = city_centre(city)
        found = greenways(city)
        keys = ring_keys(found.name, np.full(len(found.name), "", object), city.folder)
        return centre, find_rings(found.lines, keys, centre.point, bridged_m=GAP_M, extent=city.data_extent, known=known_rings(city.folder))

    return city.memo(("city-wide", "greenway_rings"), build)


@metric(
    "greenway_ring_closed",
    title=Text("环线绿道", "Greenway ring"),
    definition=Text(
        "环绕市中心、同一名称且闭合的绿道环条数（50 米以内的断开不计）；断点数取最完整的一条",
        "Closed greenways of one name around the centre (breaks of up to 50 m count as none); gaps are those of the most complete one",
    ),
    standard=Text("无统一标准；50 米待核", "no common standard; the 50 m are to be confirmed"),
    unit="count",
    bases=("count", ""),
    needs=("greenways",),
    variants={"closed": Text("闭合的环线", "closed rings"), "gaps": Text("断点数", "gaps")},
    evidence={"gaps": Evidence(Text("绿道环线断点（走向为示意）", "gaps of the greenway ring (schematic course)"), "#d62828")},
    halo_m=None,
)
def greenway_ring_closed(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Count the closed greenway rings, or the gaps of the most complete one.

    Parameters
    ----------
    city
        With ``greenways``.
    areas
        Rows; only the whole city has a value.
    variant
        ``closed`` or ``gaps``.

    Returns
    -------
    MetricResult
        ``value`` a count; of ``gaps`` none where no greenway goes at least half round the centre. ``evidence["gaps"]``: every gap with its length.

    Raises
    ------
    LayerError
        The city has no greenways.
    """
    centre, rings = greenway_rings(city)
    best = most_complete(rings)
    notes = [centre.note, *_origin_note(city), *ring_notes(rings)]
    evidence: dict[str, Callable[[], gpd.GeoDataFrame]] = {}
    low = high = None
    cut = sum(ring.cut for ring in rings)
    if variant == "closed":
        evidence["gaps"] = lambda: gaps_frame(city, rings)
        value = float(len(nested(rings)))
        low, high = (value, value + cut) if cut else (None, None)
    else:
        value = float(len(best.gaps)) if best else np.nan
    return city_row(areas, value, notes, estimated=centre.estimated or cut > 0, low=low, high=high, evidence=evidence)


def most_complete(rings: list[Ring]) -> Ring | None:
    """Return the ring that the most directions meet; of several the inner one."""
    return max(rings, key=lambda ring: (ring.closed, ring.met), default=None)
