"""What is wrong with a layer that lies where it cannot: axes swapped, another zone, a zone prefix too many or too few."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyproj

from spatial.crs import WGS84, datum_of, name_of

# First EPSG codes of the Gauss-Kruger families of China by datum: 3-degree zones without and with zone prefix (central meridians 75° to
# 135°), then 6-degree zones without and with it (again 75° to 135°).
_FAMILIES = {
    "CGCS2000": ((4534, 3, False), (4513, 3, True), (4502, 6, False), (4491, 6, True)),
    "WGS 84": ((4534, 3, False), (4513, 3, True), (4502, 6, False), (4491, 6, True)),
    "Xian 1980": ((2370, 3, False), (2349, 3, True), (2338, 6, False), (2327, 6, True)),
    "Beijing 1954": ((2422, 3, False), (2401, 3, True), (21453, 6, False), (21413, 6, True)),
}
_NEAR = 5.0  # degrees beyond its area of use, where a CRS is still taken: neighbouring zones are lawful


def explain(bounds: tuple[float, float, float, float], crs: pyproj.CRS, city: tuple[float, float, float, float] | None) -> tuple[str, bool]:
    """Find out under which reading a misplaced layer would lie right.

    Parameters
    ----------
    bounds
        West, south, east, north of the layer in its own coordinates.
    crs
        What it is said to be in.
    city
        Where the city lies, degrees WGS-84; ``None`` where that is not known yet, then the area of use of a CRS decides.

    Returns
    -------
    tuple
        The CRS that fits (empty where the declared one does), and whether x and y have to be swapped; ``("", False)`` where nothing fits.
    """
    box = np.array([(bounds[0], bounds[1]), (bounds[2], bounds[1]), (bounds[2], bounds[3]), (bounds[0], bounds[3])])
    for candidate, swapped in _readings(box, crs, by_place=city is not None):
        xy = box[:, ::-1] if swapped else box
        degrees = _degrees(xy, candidate)
        if degrees is None:
            continue
        (west, south), (east, north) = degrees.min(axis=0), degrees.max(axis=0)
        if city is not None:
            fits = west <= city[2] and east >= city[0] and south <= city[3] and north >= city[1] and east - west < 20
        else:
            area = candidate.area_of_use or pyproj.CRS(WGS84).area_of_use
            fits = area is not None and (
                west >= area.west - _NEAR and east <= area.east + _NEAR and south >= area.south - _NEAR and north <= area.north + _NEAR
            )
        if fits:
            return ("" if candidate == crs else name_of(candidate)), swapped
    return "", False


def _readings(box: npt.NDArray[np.float64], crs: pyproj.CRS, *, by_place: bool) -> Iterator[tuple[pyproj.CRS, bool]]:
    """Yield what the coordinates could be, the likeliest first."""
    yield crs, True
    degrees = bool((np.abs(box) <= 180).all())
    if degrees:
        for swapped in (False, True):
            if not crs.is_geographic and np.abs(box[:, 0 if swapped else 1]).max() <= 90:
                yield pyproj.CRS(WGS84), swapped
        return
    code, family = crs.to_epsg() or 0, _FAMILIES.get(datum_of(crs), ())
    for swapped in (False, True):
        prefix = int((box[:, 1] if swapped else box[:, 0]).min() // 1_000_000)
        for bare, with_prefix in zip(family[::2], family[1::2], strict=True):
            number = code - with_prefix[0]
            if prefix == 0 and 0 <= number <= (20 if bare[1] == 3 else 10):  # the declared zone, but for its prefix
                yield _known(bare[0] + number), swapped
        if by_place and crs.utm_zone and datum_of(crs) == "WGS 84":
            for number in range(1, 61):
                yield _known((32600 if crs.utm_zone.endswith("N") else 32700) + number), swapped
        for first, width, prefixed in family:
            if prefixed:
                number = prefix - (25 if width == 3 else 13)
                if 0 <= number <= (20 if width == 3 else 10):
                    yield _known(first + number), swapped
            elif by_place and prefix == 0:
                for number in range(21 if width == 3 else 11):
                    yield _known(first + number), swapped


@functools.lru_cache(maxsize=256)
def _known(code: int) -> pyproj.CRS:
    return pyproj.CRS.from_epsg(code)


def _degrees(xy: npt.NDArray[np.float64], crs: pyproj.CRS) -> npt.NDArray[np.float64] | None:
    """Move corners to degrees of the CRS's own datum, which is near enough to tell one city from another."""
    if crs.is_geographic or crs.geodetic_crs is None:
        moved = xy
    else:
        moved = np.column_stack(pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(xy[:, 0], xy[:, 1]))
    return moved if np.isfinite(moved).all() and (np.abs(moved[:, 1]) <= 90).all() else None
