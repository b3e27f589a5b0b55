"""Rings: lines of one name or number that run around a centre, how complete they are, and where they are broken."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial import overlay
from spatial.overlay import Floats, Geometries, Ints

DIRECTIONS = 360
# To be confirmed by a planner: from which share of the directions a broken ring is shown, how far from round it may be (its farthest tenth against its
# nearest tenth), and how small a loop is still a ring of the city and not a square or a roundabout beside its centre.
LEAST_SHARE, MOST_UNEVEN, LEAST_RADIUS_M = 0.5, 3.0, 1000.0
# What people call a ring is shown as a broken one from this share on, however far from round what there is of it may be (to be confirmed).
LEAST_KNOWN_SHARE = 0.2
SAME_RING_SHARE = 0.5
EDGE_M = 200.0  # so near the edge of the data a line does not end, it is cut
JOINT = " · "  # between the names of one ring
_HAIR_DEG = 1e-6


@dataclass(frozen=True, eq=False)
class Gap:
    """Where a ring is not there.

    Attributes
    ----------
    line
        From end to end, about the centre.
    length_m
        Straight from end to end.
    from_deg, to_deg
        Bearings from the centre, clockwise from north of the grid.
    cut
        Whether the data end there, so that nobody knows.
    """

    line: Any
    length_m: float
    from_deg: float
    to_deg: float
    cut: bool


@dataclass(frozen=True, eq=False)
class Ring:
    """Lines that run around a centre.

    Attributes
    ----------
    key
        The name or number they have in common.
    members
        Which of the lines they are, sorted.
    met
        Of the 360 one-degree directions from the centre, how many meet the ring.
    closed
        Whether every direction does and nobody gets out without crossing it.
    radius_m
        Mean distance from the centre over the directions that meet it.
    outline
        The ground that it encloses, drawn through its gaps where it is not closed.
    gaps
        Wider than what is bridged, clockwise.
    """

    key: str
    members: Ints
    met: int
    closed: bool
    radius_m: float
    outline: Any
    gaps: tuple[Gap, ...]

    @property
    def cut(self) -> bool:
        """Whether the edge of the data breaks it: it may be whole beyond."""
        return any(gap.cut for gap in self.gaps)


def find_rings(
    lines: Geometries,
    keys: Mapping[str, Ints],
    centre: Any,
    *,
    bridged_m: float,
    extent: Any | None = None,
    known: Collection[str] = (),
) -> list[Ring]:
    """Find the rings around a centre.

    Parameters
    ----------
    lines
        LineStrings, metres; carriageways each for itself.
    keys
        Names and numbers, each with the lines that bear it; a line may bear several.
    centre
        Point.
    bridged_m
        Gaps up to this are none: an interchange, a crossing.
    extent
        What the data cover, polygon; ``None`` for everywhere.
    known
        Keys that people call a ring: shown from a fifth of the directions on, others from a half.

    Returns
    -------
    list of Ring
        From the inside out. Two keys that are mostly one road (``G1001`` and ``绕城高速``) are one ring.

    References
    ----------
    Metric catalogue B1: gaps of up to 200 m are snapped, faces that hold the centre are rings, one name or number a ring, completeness is the share of
    360 one-degree directions. Here lines are widened by half the gap that is bridged: carriageways of one road and the ends at a gap grow together,
    and a ring is closed where the centre lies in a hole of what they cover. A direction is the ray in the middle of a degree.
    """
    if not len(lines) or not keys:
        return []
    segment, owner = overlay.segments(lines)
    first, last = _bearings(segment, centre)
    counted = _directions_by_line(first, last, owner, len(lines))
    found = []
    for key in sorted(keys):
        members = np.unique(keys[key])
        if counted[members].any(axis=0).sum() >= (LEAST_KNOWN_SHARE if key in known else LEAST_SHARE - 0.05) * DIRECTIONS:
            found.append((key, members))
    length = shapely.length(lines)
    rings = []
    for key, members in _each_once(found, length):
        mine = np.isin(owner, members)
        sure = not set(known).isdisjoint(key.split(JOINT))
        ring = _ring(key, members, lines[members], segment[mine], first[mine], last[mine], centre, bridged_m, extent, sure=sure)
        if ring is not None and (ring.closed or ring.met >= (LEAST_KNOWN_SHARE if sure else LEAST_SHARE) * DIRECTIONS):
            rings.append(ring)
    # A ring that is mostly a part of another one, as where a through road follows it, is told once, by the more complete of the two.
    best: list[Ring] = []
    for ring in sorted(rings, key=lambda ring: (not ring.closed, -ring.met, length[ring.members].sum(), ring.key)):
        shared = [
            length[np.intersect1d(ring.members, other.members)].sum() / min(length[r.members].sum() for r in (ring, other))
            for other in best
        ]
        if not any(share > SAME_RING_SHARE for share in shared):
            best.append(ring)
    return sorted(best, key=lambda ring: (ring.radius_m, ring.key))


def nested(rings: list[Ring]) -> list[Ring]:
    """Keep the closed rings that lie one inside the other, from the inside out."""
    kept: list[Ring] = []
    for ring in sorted((ring for ring in rings if ring.closed), key=lambda ring: (shapely.area(ring.outline), ring.key)):
        if not kept or shapely.area(shapely.intersection(ring.outline, kept[-1].outline)) >= 0.95 * shapely.area(kept[-1].outline):
            kept.append(ring)
    return kept


def bearing_deg(xy: Floats, centre: Any) -> Floats:
    """Bearing from the centre, clockwise from north of the grid, 0–360; shape as that of ``xy`` without its last axis."""
    return np.asarray(np.degrees(np.arctan2(xy[..., 0] - centre.x, xy[..., 1] - centre.y)) % 360.0)


def _bearings(segment: Floats, centre: Any) -> tuple[Floats, Floats]:
    """Bearings between which a segment is seen: the first within 0–360, the last at or beyond it, less than half a turn away."""
    ends = bearing_deg(segment, centre)
    turn = (ends[:, 1] - ends[:, 0] + 180.0) % 360.0 - 180.0
    return np.where(turn >= 0, ends[:, 0], ends[:, 1]), np.where(turn >= 0, ends[:, 0], ends[:, 1]) + np.abs(turn)


def _rays(first: Floats, last: Floats) -> tuple[Ints, Ints]:
    """Pairs of a segment and a ray in the middle of a degree that it crosses; rays are not yet brought within 0–359."""
    low, high = np.ceil(first - 0.5).astype(int), np.ceil(last - 0.5).astype(int)
    count = high - low
    which = np.repeat(np.arange(len(first)), count)
    return which, low[which] + np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)


def _directions_by_line(first: Floats, last: Floats, owner: Ints, count: int) -> npt.NDArray[np.bool_]:
    which, ray = _rays(first, last)
    met = np.zeros((count, DIRECTIONS), bool)
    met[owner[which], ray % DIRECTIONS] = True
    return met


def _each_once(found: list[tuple[str, Ints]], length: Floats) -> list[tuple[str, Ints]]:
    """Join the keys that are mostly one road."""
    kept: list[tuple[str, Ints]] = []
    for key, members in sorted(found, key=lambda each: (-length[each[1]].sum(), each[0])):
        for at, (other, theirs) in enumerate(kept):
            shared = length[np.intersect1d(members, theirs)].sum()
            if shared > SAME_RING_SHARE * max(length[members].sum(), length[theirs].sum()):
                kept[at] = (f"{other}{JOINT}{key}", np.union1d(members, theirs))
                break
        else:
            kept.append((key, members))
    return kept


def _ring(
    key: str, members: Ints, lines: Geometries, segment: Floats, first: Floats, last: Floats, centre: Any, bridged_m: float, extent: Any | None,
    *,
    sure: bool,
) -> Ring | None:  # fmt: skip
    radius = _radius_by_direction(segment, first, last, centre)
    there = np.isfinite(radius)
    if not there.any() or radius[there].mean() < LEAST_RADIUS_M:
        return None
    gaps = _gaps(segment, first, last, centre)
    wide = [gap for gap in gaps if np.hypot(*(gap[1][1] - gap[0][1])) > bridged_m]
    met = DIRECTIONS - sum(_rays_between(a, b) for (a, _), (b, _) in wide)
    hole = _hole(lines, centre, bridged_m)
    closed = not wide and hole is not None
    # A road that only passes by is seen from the centre under less than half a turn, and from ever farther away.
    if not closed and not sure and np.quantile(radius[there], 0.9) > MOST_UNEVEN * np.quantile(radius[there], 0.1):
        return None
    drawn = [_gap(a, b, centre, extent) for a, b in wide]
    if not closed and not wide:
        drawn = _jumps(lines, centre, bridged_m, extent)
    outline = hole if closed else _drawn_through(radius, centre)
    return Ring(key, members, met, closed, float(radius[there].mean()), outline, tuple(drawn))


def _radius_by_direction(segment: Floats, first: Floats, last: Floats, centre: Any) -> Floats:
    """Mean distance at which the ray of each direction meets the lines, NaN where it meets none, shape (360,)."""
    which, ray = _rays(first, last)
    angle = np.radians(ray + 0.5)
    ahead = np.column_stack([np.sin(angle), np.cos(angle)])
    start, along = segment[which, 0] - [centre.x, centre.y], segment[which, 1] - segment[which, 0]
    across = ahead[:, 0] * along[:, 1] - ahead[:, 1] * along[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (start[:, 0] * along[:, 1] - start[:, 1] * along[:, 0]) / across
    sure = np.isfinite(distance)
    ray, distance = ray[sure] % DIRECTIONS, distance[sure]
    order = np.lexsort((distance, ray))  # a sum depends on the order of its terms, and the answer must not depend on that of the rows
    ray, distance = ray[order], distance[order]
    count = np.bincount(ray, minlength=DIRECTIONS)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(ray, distance, minlength=DIRECTIONS) / np.where(count > 0, count, np.nan))


def _gaps(segment: Floats, first: Floats, last: Floats, centre: Any) -> list[tuple[tuple[float, Floats], tuple[float, Floats]]]:
    """Bearings that nothing covers, each with the ends of the lines on both sides, clockwise."""
    turned = np.abs(bearing_deg(segment[:, 0], centre) - first) > 1e-9
    low, high = np.where(turned[:, None], segment[:, 1], segment[:, 0]), np.where(turned[:, None], segment[:, 0], segment[:, 1])
    order = np.lexsort((last, first))
    reach, at = -np.inf, -1
    for nth in order:  # what reaches over north covers the beginning too
        if last[nth] - 360.0 > reach:
            reach, at = float(last[nth] - 360.0), int(nth)
    found = []
    begun = reach > -np.inf and reach >= 0
    if not begun:  # begin at the first line after north; the way round closes at its end
        begin = order[0]
        reach, at = float(last[begin]), int(begin)
    for nth in order:
        if first[nth] > reach + _HAIR_DEG:
            found.append(((reach, high[at]), (float(first[nth]), low[nth])))
        if last[nth] > reach:
            reach, at = float(last[nth]), int(nth)
    if not begun and reach < 360.0 + first[order[0]] - _HAIR_DEG:
        found.append(((reach, high[at]), (float(360.0 + first[order[0]]), low[order[0]])))
    return found


def _rays_between(start: float, end: float) -> int:
    """Count the rays in the middle of a degree from one bearing on and before the other."""
    return int(np.ceil(end - 0.5) - np.ceil(start - 0.5))


def _gap(a: tuple[float, Floats], b: tuple[float, Floats], centre: Any, extent: Any | None) -> Gap:
    """Draw a gap about the centre, the distance changing evenly from one end to the other."""
    (start, p), (end, q) = a, b
    r, s = (float(np.hypot(*(each - [centre.x, centre.y]))) for each in (p, q))
    steps = max(2, int(np.ceil(end - start)) + 1)
    angle, distance = np.radians(np.linspace(start, end, steps)), np.linspace(r, s, steps)
    arc = np.column_stack([centre.x + distance * np.sin(angle), centre.y + distance * np.cos(angle)])
    arc[0], arc[-1] = p, q
    return Gap(shapely.linestrings(arc), float(np.hypot(*(q - p))), start % 360.0, end % 360.0, _is_cut((p, q), extent, arc))


def _is_cut(ends: tuple[Floats, Floats], extent: Any | None, between: Floats | None = None) -> bool:
    """Tell whether the data end at one of the ends, or somewhere between: there the ring may go on."""
    if extent is None:
        return False
    xy = np.concatenate([np.stack(ends), np.empty((0, 2)) if between is None else between])
    return not shapely.contains_xy(shapely.buffer(extent, -EDGE_M), xy[:, 0], xy[:, 1]).all()


def _hole(lines: Geometries, centre: Any, bridged_m: float) -> Any | None:
    """Return the ground around the centre that the lines, grown together over narrow gaps, shut in; ``None`` where there is a way out."""
    band = shapely.union_all(shapely.buffer(lines, bridged_m / 2, quad_segs=16))
    for part in shapely.get_parts(band):
        for inner in shapely.get_rings(part)[1:]:
            hole = shapely.polygons(inner)
            if shapely.contains(hole, centre):
                return shapely.buffer(hole, bridged_m / 2)
    return None


def _jumps(lines: Geometries, centre: Any, bridged_m: float, extent: Any | None) -> list[Gap]:
    """Where a ring that is met in every direction falls apart all the same: from each piece to the one next to it."""
    a, b = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=bridged_m)
    count, label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(len(lines), len(lines))), directed=False)
    found = {}
    for piece in range(count if count > 1 else 0):
        mine, rest = shapely.multilinestrings(lines[label == piece]), shapely.multilinestrings(lines[label != piece])
        link = shapely.shortest_line(mine, rest)
        p, q = shapely.get_coordinates(link)
        start, end = bearing_deg(np.stack([p, q]), centre)
        found[tuple(np.round(sorted([tuple(p), tuple(q)]), 3).ravel())] = Gap(
            link, float(shapely.length(link)), float(start), float(end), _is_cut((p, q), extent)
        )
    return [found[key] for key in sorted(found)]


def _drawn_through(radius: Floats, centre: Any) -> Any:
    """Return the ground within a ring, its distance from the centre changing evenly over the directions that do not meet it."""
    there = np.flatnonzero(np.isfinite(radius))
    around = np.concatenate([there - DIRECTIONS, there, there + DIRECTIONS])
    distance = np.interp(np.arange(DIRECTIONS), around, np.tile(radius[there], 3))
    angle = np.radians(np.arange(DIRECTIONS) + 0.5)
    return shapely.make_valid(shapely.polygons(np.column_stack([centre.x + distance * np.sin(angle), centre.y + distance * np.cos(angle)])))
