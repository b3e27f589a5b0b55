"""In which datum does a layer really lie? The streets tell.

A file in GCJ-02 that is read as WGS-84 lies some hundred metres off, and every number of it is wrong and looks right. A layer with edges along
streets (roads, parcels, land use, blocks) is held against roads that are known to be right: both are drawn into rasters by bearing, correlated
over every displacement up to ``REACH_M``, and the best one is compared with what the datums would make there. Then the shapes that do not lie
where the best one has them are correlated alone: a layer of which only some shapes were converted is no better than one in the wrong datum.
Nothing is ever moved here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from spatial.crs import WGS84, reproject
from spatial.datum import to_wgs84, wgs84_to_gcj02

Array = npt.NDArray[np.float64]
Cause = Literal["aligned", "gcj02", "over_converted", "bd09"]
Verdict = Literal[Cause, "mixed", "unsure"]

REACH_M = 1600.0  # in China BD-09 lies up to 1.5 km off
NEAR_M = 40.0  # half a wide street, and what the shift varies by inside a window
MIN_Z = 5.0
MIN_LEAD = 1.0
MIN_ALARM_LEAD = 2.0
MIN_LENGTH_M = 1500.0  # of the layer's edges, and of roads: less is no street pattern

_CAUSES: tuple[Cause, ...] = ("aligned", "gcj02", "over_converted", "bd09")
_CELL_M = 10.0
_BEARINGS = 6
_WINDOW_M = 6000.0  # the shift varies by some metres a kilometre: a wider window would smear it
_WINDOWS = 4
_COARSE_M = 500.0  # cells in which windows are looked for
_MAX_COARSE = 2000  # of them a side: a layer of a whole country costs no memory
_SAME_PEAK_M = 150.0  # a peak is as wide as a street with the plots on both sides
_SHARP_M = 12.0
_BROAD_M = 80.0
_MIN_REST_M = 300.0  # three plots; a rest of noise comes to no clear peak
# What speaks for a second datum, yet not clearly, takes a call back: lead below which, height from which.
_DOUBTS = ((10.0, MIN_Z), (5.0, 4.0))
_REPEATED = 0.5  # roads that look like themselves after the shift cannot tell it
_CHUNK = 2_000_000  # samples drawn at once


@dataclass(frozen=True)
class Shift:
    """Where a layer lies relative to the roads.

    Attributes
    ----------
    verdict
        ``aligned``: on the streets. ``gcj02``, ``bd09``: where that datum lies when it is read as WGS-84. ``over_converted``: opposite to
        GCJ-02, which was undone though the layer was WGS-84 already. ``mixed``: some shapes lie as one of these, others as another.
        ``unsure``: nothing of that can be said.
    east_m, north_m
        Displacement of the best fit, the layer relative to the roads; NaN where nothing was computed. Of an unsure verdict it means nothing.
        Of a mixed one it is that of the larger or clearer group.
    z, lead
        Height of the best fit over the mean of all displacements, and over the next best one, in standard deviations.
    expected_m
        Length of the local GCJ-02 shift, 0 outside China.
    windows
        Windows that were looked at, of 6 km.
    main, also
        Of a mixed verdict, what that group and the other one are (``aligned``, ``gcj02``, ``over_converted``, ``bd09``); else empty.
    also_east_m, also_north_m
        Displacement of the other group; NaN where there is none.
    """

    verdict: Verdict
    east_m: float = math.nan
    north_m: float = math.nan
    z: float = 0.0
    lead: float = 0.0
    expected_m: float = 0.0
    windows: int = 0
    main: Cause | Literal[""] = ""
    also: Cause | Literal[""] = ""
    also_east_m: float = math.nan
    also_north_m: float = math.nan


class _Window(NamedTuple):
    """One window: how well each displacement fits, and what the datums would make there."""

    surface: Array  # in standard deviations; square, rows north, columns east, no displacement in the middle
    shifts: dict[Cause, Array]
    repeated: float  # how much the roads look like themselves one GCJ-02 shift away, 0–1
    itself: Array  # how well the roads fit themselves
    lines: Array
    streets: Array
    centre: Array


class _Samples(NamedTuple):
    """Points along edges: of which edge, their cells in the rasters of both bearings next to it, and the share of the upper one."""

    edge: npt.NDArray[np.intp]
    below: npt.NDArray[np.intp]
    above: npt.NDArray[np.intp]
    share: npt.NDArray[np.float32]


class _Peak(NamedTuple):
    """The best displacement of a surface."""

    east_m: float
    north_m: float
    z: float
    lead: float


def find_shift(features: Any, roads: Any, crs: pyproj.CRS) -> Shift:
    """Tell whether a layer lies on the streets or where an undeclared datum would put it.

    Parameters
    ----------
    features
        Shapely geometries; lines and the edges of polygons count, points do not.
    roads
        Shapely geometries that are known to be WGS-84, as OpenStreetMap's are.
    crs
        Of both, projected, in metres.

    Returns
    -------
    Shift
        A call needs a peak within ``NEAR_M`` of what a datum makes, clear of noise and of every other displacement; an alarm more so than a
        word of comfort. Layers without edges along streets, regular grids and small overlaps end in ``unsure``. So does what speaks for a
        second datum, yet not clearly enough for ``mixed``. A few shapes among many, or places outside the windows, are not seen.

    Raises
    ------
    CRSError
        ``crs`` cannot be brought to WGS-84.
    """
    lines, streets = _segments(features), _segments(roads)
    looked_at = [_look(lines, streets, centre, crs) for centre in _windows(lines, streets)]
    windows = [window for window in looked_at if window is not None]
    if not windows:
        return Shift("unsure")
    # The shift differs from window to window. Each cause aligns them in its own way; the right one makes the sharpest peak.
    first = windows[0]
    peak = max((_peak(_pooled(windows, cause)) for cause in first.shifts), key=lambda peak: peak.z)
    repeated = float(np.mean([window.repeated for window in windows]))
    verdict = _called(peak, first.shifts, repeated)
    apart = {_called(_peak(window.surface), window.shifts, window.repeated) for window in windows}
    if len(apart - {"unsure"} | {verdict}) > 1:
        verdict = "unsure"
    shift = Shift(verdict, *peak, expected_m=float(np.hypot(*first.shifts["gcj02"])), windows=len(windows))
    return _with_the_rest(shift, windows)


def _with_the_rest(shift: Shift, windows: list[_Window]) -> Shift:
    """Look at the shapes that do not lie where one datum has them, whether another datum has put them where they are."""
    if shift.expected_m < 1.0:
        return shift
    # Two groups of one size may fit best where the streets of the one cross those of the other: the datums' places are asked, not the best fit.
    fits = {cause: _near(_pooled(windows, cause), windows[0].shifts[cause]) for cause in _CAUSES}
    for main in sorted((cause for cause in _CAUSES if fits[cause].z >= MIN_Z), key=lambda cause: -fits[cause].z):
        place = np.array([fits[main].east_m, fits[main].north_m])
        rests = _rests(windows, main, place - windows[0].shifts[main])
        for cause in _CAUSES:
            for group in _groups(rests) if cause != main else []:
                also = _clear(group, cause, main, MIN_ALARM_LEAD)
                # What lies there has side peaks that hide the first group: so it is taken out in turn.
                others = _groups(_rests(windows, cause, also - group[0].shifts[cause])) if also is not None else []
                if also is not None and any(_clear(other, main, cause, MIN_LEAD) is not None for other in others):
                    shift = replace(shift, verdict="mixed", main=main, east_m=float(place[0]), north_m=float(place[1]))
                    return replace(shift, also=cause, also_east_m=float(also[0]), also_north_m=float(also[1]))
                height = _near(_pooled(group, cause), group[0].shifts[cause]).z
                if shift.verdict == main and any(shift.lead < lead and height >= z for lead, z in _DOUBTS):
                    shift = replace(shift, verdict="unsure")
    return shift


def _groups(windows: list[_Window]) -> list[list[_Window]]:
    """Return all windows, and each alone: a part of the town may be all that was moved."""
    return [windows, *([window] for window in windows if len(windows) > 1)] if windows else []


def _clear(rests: list[_Window], cause: Cause, other: Cause, lead: float) -> Array | None:
    """Return the best displacement of what one cause left unexplained, where it is clearly what another one makes."""
    peak = _peak(_pooled(rests, cause))
    repeated = float(np.mean([_repeated(rest.itself, rest.shifts[cause] - rest.shifts[other]) for rest in rests]))
    named = _called(peak._replace(lead=max(peak.lead, MIN_ALARM_LEAD)), rests[0].shifts, repeated)
    return np.array([peak.east_m, peak.north_m]) if peak.lead >= lead and named == cause else None


def _segments(geometries: Any) -> Array:
    """Return the edges of lines and polygons, shape (n, 5): from x, y to x, y, and the number of the line that it is of."""
    parts = shapely.get_parts(np.asarray(geometries, dtype=object).ravel())
    while (shapely.get_type_id(parts) > 3).any():  # collections of collections
        parts = shapely.get_parts(parts)
    kind = shapely.get_type_id(parts)
    lines = np.concatenate([parts[(kind == 1) | (kind == 2)], shapely.get_rings(parts[kind == 3])])
    xy, line = shapely.get_coordinates(lines, return_index=True)
    edges = np.hstack([xy[:-1], xy[1:], line[1:, None]])[line[1:] == line[:-1]]
    edges = edges[np.isfinite(edges).all(axis=1)]
    return edges[(edges[:, :2] != edges[:, 2:4]).any(axis=1)]


def _lengths(edges: Array) -> Array:
    return np.hypot(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1])


def _windows(lines: Array, streets: Array) -> list[Array]:
    """Choose centres of windows that hold most of both, not overlapping, the fullest first."""
    from scipy.ndimage import uniform_filter

    if not len(lines) or not len(streets):
        return []
    of_lines, of_streets = lines[:, :4].reshape(-1, 2), streets[:, :4].reshape(-1, 2)
    low = np.maximum(of_lines.min(axis=0), of_streets.min(axis=0) - REACH_M)
    high = np.minimum(of_lines.max(axis=0), of_streets.max(axis=0) + REACH_M)
    if (low > high).any():
        return []
    cell = max(_COARSE_M, float((high - low).max()) / _MAX_COARSE)
    shape = np.floor((high - low) / cell).astype(int) + 1
    size = max(1, round(_WINDOW_M / cell) // 2 * 2 + 1)

    def within_reach(edges: Array) -> Array:
        grid = np.zeros(shape)
        place = np.floor(((edges[:, :2] + edges[:, 2:4]) / 2 - low) / cell).astype(int)
        inside = ((place >= 0) & (place < shape)).all(axis=1)
        np.add.at(grid, (place[inside, 0], place[inside, 1]), _lengths(edges)[inside])
        return np.asarray(uniform_filter(grid, size, mode="constant")) * size * size

    both = np.minimum(within_reach(lines), within_reach(streets))
    enough = both.max() / 5
    centres: list[Array] = []
    while len(centres) < _WINDOWS and both.max() > 0 and both.max() >= enough:
        i, j = (int(index) for index in np.unravel_index(np.argmax(both), both.shape))
        centres.append(low + (np.array([i, j]) + 0.5) * cell)
        both[max(0, i - size) : i + size + 1, max(0, j - size) : j + size + 1] = 0
    return centres


def _look(lines: Array, streets: Array, centre: Array, crs: pyproj.CRS) -> _Window | None:
    """Correlate in one window; nothing where it holds too little."""
    lines = _clip(lines, centre, _WINDOW_M / 2)
    streets = _clip(streets, centre, _WINDOW_M / 2 + REACH_M)
    weight = _lengths(lines)[:, None]
    if min(weight.sum(), _lengths(streets).sum()) < MIN_LENGTH_M:
        return None
    shifts = _expected(((lines[:, :2] + lines[:, 2:4]) / 2 * weight).sum(axis=0) / weight.sum(), crs)
    surface, itself = _correlate(lines, streets, centre)
    sd = float(surface[np.hypot(*_lags(surface)) <= REACH_M].std())
    return _Window(surface / sd, shifts, _repeated(itself, shifts["gcj02"]), itself, lines, streets, centre) if sd > 0 else None


def _repeated(itself: Array, shift: Array) -> float:
    """Tell how much the roads look like themselves after a shift, 0–1."""
    east, north = _lags(itself)
    around = np.hypot(east - shift[0], north - shift[1]) <= NEAR_M
    middle = itself.shape[0] // 2
    return float(itself[around].max() / itself[middle, middle]) if np.hypot(*shift) > _SAME_PEAK_M and around.any() else 0.0


def _rests(windows: list[_Window], cause: Cause, aside: Array) -> list[_Window]:
    """Return what a cause leaves unexplained in each window; ``aside`` is what the best fit is off it."""
    return [rest for window in windows if (rest := _rest(window, window.shifts[cause] + aside)) is not None]


def _rest(window: _Window, place: Array) -> _Window | None:
    """Correlate the shapes alone that do not lie on the streets once the layer is moved back by ``place``; nothing where that is little."""
    lines = _off_streets(window, place)
    if _lengths(lines).sum() < _MIN_REST_M:
        return None
    surface, _ = _correlate(lines, window.streets, window.centre)
    surface = _flat(surface, place)
    sd = float(surface[np.hypot(*_lags(surface)) <= REACH_M].std())
    return window._replace(surface=surface / sd, lines=lines) if sd > 0 else None


def _off_streets(window: _Window, place: Array) -> Array:
    """Return the edges of the lines that fit the streets no better than chance where the layer is displaced by ``place``."""
    from scipy import fft

    size = _size()
    corner = window.centre - (_WINDOW_M / 2 + REACH_M)
    band = _band(size)
    near = np.concatenate([fft.irfft2(fft.rfft2(drawn) * band, s=(size, size)).ravel() for drawn in _draw(window.streets, corner, size)])
    line = window.lines[:, 4].astype(int)
    fit = np.zeros(line.max() + 1)
    for samples in _sampled(window.lines, corner + place, size):
        at = (1 - samples.share) * near[samples.below] + samples.share * near[samples.above]
        fit += np.bincount(line[samples.edge], at, minlength=len(fit))
    return window.lines[fit[line] <= 0]


def _flat(surface: Array, place: Array) -> Array:
    """Take a peak, or the pit that it left, out of a surface."""
    east, north = _lags(surface)
    here = np.hypot(east - place[0], north - place[1]) <= _SAME_PEAK_M
    return np.where(here, surface[~here & (np.hypot(east, north) <= REACH_M)].mean(), surface)


def _near(surface: Array, place: Array) -> _Peak:
    """Find the best displacement near a place; its lead may be below 0."""
    east, north = _lags(surface)
    disc, away = np.hypot(east, north) <= REACH_M, np.hypot(east - place[0], north - place[1])
    top = np.unravel_index(np.argmax(np.where(away <= NEAR_M, surface, -np.inf)), surface.shape)
    return _measured(surface, top, surface[disc & (away > _SAME_PEAK_M)])


def _lags(surface: Array) -> tuple[Array, Array]:
    """Return east and north displacement of every cell of a surface, metres."""
    reach = surface.shape[0] // 2
    lag = np.arange(-reach, reach + 1) * _CELL_M
    east, north = np.meshgrid(lag, lag)
    return east, north


def _pooled(windows: list[_Window], cause: Cause) -> Array:
    """Add up windows, laid so that what a cause makes of each comes to lie where it makes it in the first."""
    total = np.zeros_like(windows[0].surface)
    for window in windows:
        east, north = np.rint((windows[0].shifts[cause] - window.shifts[cause]) / _CELL_M).astype(int)
        total += np.roll(window.surface, (north, east), axis=(0, 1))
    return total


def _peak(surface: Array) -> _Peak:
    """Find the best displacement, and by how much it is better than chance and than the next best."""
    east, north = _lags(surface)
    disc = np.hypot(east, north) <= REACH_M
    top = np.unravel_index(np.argmax(np.where(disc, surface, -np.inf)), surface.shape)
    return _measured(surface, top, surface[disc & (np.hypot(east - east[top], north - north[top]) > _SAME_PEAK_M)])


def _measured(surface: Array, top: tuple[np.intp, ...], others: Array) -> _Peak:
    east, north = _lags(surface)
    sd = float(others.std())
    z, lead = (float(surface[top] - level) / sd for level in (others.mean(), others.max()))
    return _Peak(float(east[top]), float(north[top]), z, lead)


def _called(peak: _Peak, shifts: dict[Cause, Array], repeated: float) -> Verdict:
    """Name the one cause that explains a clear peak, if there is one."""
    if peak.z < MIN_Z or peak.lead < MIN_LEAD or repeated > _REPEATED:
        return "unsure"
    nothing_moves = bool(np.hypot(*shifts["gcj02"]) < 1.0)
    places = {cause: shifts[cause] for cause in (_CAUSES[:1] if nothing_moves else _CAUSES)}
    (best, verdict), *rest = sorted((math.hypot(peak.east_m - x, peak.north_m - y), cause) for cause, (x, y) in places.items())
    ambiguous = bool(rest) and rest[0][0] < best + NEAR_M
    if best > NEAR_M or ambiguous or (verdict != "aligned" and peak.lead < MIN_ALARM_LEAD):
        return "unsure"
    return verdict


def _clip(edges: Array, centre: Array, half_m: float) -> Array:
    """Cut edges to a square, by the share of each at which it enters and leaves."""
    low, high = centre - half_m, centre + half_m
    start, end = edges[:, :2], edges[:, 2:4]
    near = ((np.maximum(start, end) >= low) & (np.minimum(start, end) <= high)).all(axis=1)
    start, end = start[near], end[near]
    along = end - start
    still = along == 0  # between low and high, since they are near
    step = np.where(still, 1.0, along)
    at_low, at_high = (low - start) / step, (high - start) / step
    enter = np.where(still, 0.0, np.minimum(at_low, at_high)).max(axis=1).clip(0, 1)[:, None]
    leave = np.where(still, 1.0, np.maximum(at_low, at_high)).min(axis=1).clip(0, 1)[:, None]
    cut = np.hstack([start + enter * along, start + leave * along, edges[near, 4:]])
    return np.asarray(cut[(enter < leave)[:, 0]])


def _expected(place: Array, crs: pyproj.CRS) -> dict[Cause, Array]:
    """Return how far a layer that lies at ``place`` was moved there, by what may have been done to it; metres in ``crs``."""
    degrees = pyproj.CRS.from_user_input(WGS84)
    lon, lat = shapely.get_coordinates(reproject(shapely.points(place[None]), crs, degrees)).T
    came_from = (lon, lat), to_wgs84(lon, lat, "gcj02"), wgs84_to_gcj02(lon, lat), to_wgs84(lon, lat, "bd09")
    points = shapely.points([(x[0], y[0]) for x, y in came_from])
    return dict(zip(_CAUSES, place - shapely.get_coordinates(reproject(points, degrees, crs)), strict=True))


def _correlate(lines: Array, streets: Array, centre: Array) -> tuple[Array, Array]:
    """Correlate lines with streets, and streets with themselves, over every displacement within reach.

    Returns
    -------
    tuple of numpy.ndarray
        Square, rows north, columns east, no displacement in the middle.
    """
    from scipy import fft

    size = _size()
    corner = centre - (_WINDOW_M / 2 + REACH_M)
    band = _band(size)
    cross = np.zeros(band.shape, np.complex64)
    own = np.zeros(band.shape, np.float32)
    for drawn, drawn_streets in zip(_draw(lines, corner, size), _draw(streets, corner, size), strict=True):
        spectrum = fft.rfft2(drawn_streets)
        cross += fft.rfft2(drawn) * spectrum.conj()
        own += np.abs(spectrum) ** 2
    reach = int(REACH_M // _CELL_M)
    lag = np.arange(-reach, reach + 1) % size
    surface, itself = (fft.irfft2(product * band, s=(size, size))[np.ix_(lag, lag)] for product in (cross, own))
    return np.asarray(surface, float), np.asarray(itself, float)


@functools.cache
def _size() -> int:
    """Cells a side of a raster that holds a window and what is within reach."""
    from scipy import fft

    return int(fft.next_fast_len(math.ceil((_WINDOW_M + 2 * REACH_M) / _CELL_M), real=True))


@functools.cache
def _band(size: int) -> npt.NDArray[np.float32]:
    """Pass what can be aligned: what is finer than a street's width is noise, what is broader than a block is density."""
    from scipy import fft

    wave = (fft.rfftfreq(size)[None, :] ** 2 + fft.fftfreq(size)[:, None] ** 2) * 2 * (np.pi / _CELL_M) ** 2
    return np.asarray(np.exp(-wave * _SHARP_M**2) * -np.expm1(-wave * _BROAD_M**2), np.float32)


def _draw(edges: Array, corner: Array, size: int) -> npt.NDArray[np.float32]:
    """Draw edges into one raster a bearing; an edge between two bearings is shared by both, and many in one cell count once."""
    rasters = np.zeros(_BEARINGS * size * size, np.float32)
    for samples in _sampled(edges, corner, size):
        np.maximum.at(rasters, samples.below, 1 - samples.share)
        np.maximum.at(rasters, samples.above, samples.share)
    return rasters.reshape(_BEARINGS, size, size)


def _sampled(edges: Array, corner: Array, size: int) -> Iterator[_Samples]:
    """Walk along edges in steps of half a cell."""
    along = edges[:, 2:4] - edges[:, :2]
    bearing = np.arctan2(along[:, 1], along[:, 0]) / np.pi % 1 * _BEARINGS
    lower = np.floor(bearing)
    share = (bearing - lower).astype(np.float32)
    below, above = lower.astype(int) % _BEARINGS, (lower.astype(int) + 1) % _BEARINGS
    count = np.ceil(_lengths(edges) / (_CELL_M / 2)).astype(int)
    before = np.cumsum(count)
    for first in range(0, int(before[-1]) if len(before) else 0, _CHUNK):
        sample = np.arange(first, min(first + _CHUNK, int(before[-1])))
        edge = np.searchsorted(before, sample, side="right")
        part = (sample - (before - count)[edge] + 0.5) / count[edge]
        place = np.floor((edges[edge, :2] + part[:, None] * along[edge] - corner) / _CELL_M).astype(int).clip(0, size - 1)
        cell = place[:, 1] * size + place[:, 0]
        yield _Samples(edge, below[edge] * size * size + cell, above[edge] * size * size + cell, share[edge])
