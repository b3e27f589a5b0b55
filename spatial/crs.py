"""Choose and assert the one projected CRS, and move coordinates without guessing.

PROJ's network access is off; a datum change that PROJ can only ballpark is an error, except between CGCS2000 and WGS-84.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import pyproj.network
import shapely

from spatial.errors import CRSError

pyproj.network.set_network_enabled(active=False)

WGS84 = "EPSG:4326"
MAX_DISTORTION = 1e-3

# A coarse outline of mainland China and Hainan (about 20 km), only to prefer CGCS2000 zones there: never drawn, never measured.
_CHINA = shapely.Polygon(
    [(73.5, 39.4), (76, 40.4), (80.2, 42.1), (80.2, 45.1), (82.4, 45.2), (83, 47.2), (85.6, 48.3), (87.3, 49.1), (91, 46.6), (90.9, 45.2),
     (95.4, 44.2), (96.4, 42.7), (101, 42.6), (105, 41.6), (110, 42.6), (111.9, 43.7), (112, 45), (114, 45), (116, 46.3), (119.7, 46.7),
     (118, 48), (116, 48), (116.7, 49.8), (119.3, 50.1), (120.1, 52.6), (122, 53.5), (125, 53.1), (127.6, 50.1), (128, 49.5), (130.8, 48.8),
     (131, 47.7), (134.8, 48.4), (133.1, 45.1), (131.3, 44.9), (131.2, 43.5), (130.6, 42.4), (129.9, 43), (128.1, 42), (126.9, 41.7),
     (124.36, 40.09), (124.1, 39.6), (121.5, 38.5), (123, 37), (120.5, 35), (122.5, 31.5), (122.3, 29), (120, 25.5), (117, 23), (114.3, 22.1),
     (111.5, 20), (109.5, 18), (108.4, 18.8), (108, 21.5), (106.7, 22), (105.3, 23.3), (102, 22.4), (99.2, 22), (97.6, 23.9), (98.6, 25.9),
     (98.7, 27.6), (97, 28.2), (92, 27.8), (88.9, 27.3), (85, 28.3), (81, 30.1), (78.7, 31.5), (78.9, 33.5), (76, 36), (74.5, 37.2)]
)  # fmt: skip


def choose_crs(lon: float, lat: float) -> pyproj.CRS:
    """Choose the projected CRS for a place.

    Parameters
    ----------
    lon, lat
        Centre of the data, degrees WGS-84.

    Returns
    -------
    pyproj.CRS
        In China the CGCS2000 3-degree Gauss-Kruger zone without zone prefix (Changchun: EPSG:4551), elsewhere UTM.

    Raises
    ------
    CRSError
        Beyond UTM (above 84° N, below 80° S), or not a place.
    """
    if not (math.isfinite(lon) and math.isfinite(lat)) or abs(lon) > 180 or not -80 <= lat <= 84:
        raise CRSError(f'no projected CRS can be chosen for longitude {lon}, latitude {lat}; state one: crs = "EPSG:…"')
    if _CHINA.contains(shapely.Point(lon, lat)):
        return pyproj.CRS.from_epsg(4534 + (round(lon / 3) * 3 - 75) // 3)
    zone = min(60, int((lon + 180) // 6) + 1)
    return pyproj.CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def parse_crs(value: Any, *, where: str) -> pyproj.CRS:
    """Read a stated CRS.

    Raises
    ------
    CRSError
        PROJ does not know it.
    """
    try:
        return pyproj.CRS.from_user_input(value)
    except pyproj.exceptions.CRSError:
        raise CRSError(f'{where}: crs "{value}" is not known; write it as "EPSG:4551"') from None


def check_city_crs(crs: pyproj.CRS, extent: Any) -> None:
    """Assert that a CRS can carry a city: projected, in metres, and true to scale inside ``extent``.

    Parameters
    ----------
    crs
        The city's CRS.
    extent
        Geometry in degrees WGS-84, where data lie.

    Raises
    ------
    CRSError
        Not projected, not in metres, distorted by more than 1 ‰ inside ``extent``, or ``extent`` crosses the antimeridian.
    """
    if not crs.is_projected or any(axis.unit_conversion_factor != 1.0 for axis in crs.axis_info[:2]):
        raise CRSError(f'crs "{name_of(crs)}" is not a projected CRS in metres; use "auto" or a metric one such as "EPSG:4551"')
    west, south, east, north = shapely.bounds(extent)
    if east - west > 180:
        raise CRSError("the data lie on both sides of the antimeridian (180°); cut them into two cities there")
    lon, lat = np.meshgrid(np.linspace(west, east, 5), np.linspace(south, north, 5))
    factors = pyproj.Proj(crs).get_factors(lon.ravel(), lat.ravel())
    scales = np.concatenate([np.atleast_1d(factors.meridional_scale), np.atleast_1d(factors.parallel_scale)])
    worst = float(np.nanmax(np.abs(scales - 1))) if np.isfinite(scales).any() else math.inf
    if not np.isfinite(scales).all() or worst > MAX_DISTORTION:
        raise CRSError(
            f"crs {name_of(crs)} distorts lengths by up to {worst * 1000:.1f} ‰ inside the data's extent"
            f' ({west:.3f}–{east:.3f} E, {south:.3f}–{north:.3f} N), more than {MAX_DISTORTION * 1000:.0f} ‰; use crs = "auto" or the zone of the place'
        )


def name_of(crs: pyproj.CRS) -> str:
    """Name a CRS shortly: ``EPSG:4551`` or its own name."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.name)


@functools.lru_cache(maxsize=64)
def _transformer(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    same_earth = {_datum_name(source), _datum_name(target)} <= {"WGS 84", "CGCS2000"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            return pyproj.Transformer.from_crs(source, target, always_xy=True, allow_ballpark=same_earth)
        except pyproj.exceptions.ProjError:
            pass
    raise CRSError(
        f"{name_of(source)} → {name_of(target)}: the datums differ and their relation is not known exactly;"
        " convert the layer with your office's parameters first, or state a CRS with them"
    )


def _datum_name(crs: pyproj.CRS) -> str:
    datum = crs.geodetic_crs.datum.name if crs.geodetic_crs and crs.geodetic_crs.datum else ""
    if "World Geodetic System 1984" in datum:
        return "WGS 84"
    return "CGCS2000" if "China 2000" in datum else datum


def reproject(geometry: Any, source: pyproj.CRS, target: pyproj.CRS) -> npt.NDArray[np.object_]:
    """Move an array of geometries from one CRS to another.

    Parameters
    ----------
    geometry
        Shapely geometries, any shape; x is east.
    source, target
        Where they are and where they go.

    Returns
    -------
    numpy.ndarray
        New geometries; the input is left as it is.

    Raises
    ------
    CRSError
        PROJ knows no exact way.
    """
    values = np.asarray(geometry, dtype=object)
    if source == target:
        return values
    move = _transformer(source, target)

    def moved(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(move.transform(xy[:, 0], xy[:, 1]))

    return np.asarray(shapely.transform(values, moved), dtype=object)


def outside_area_of_use(bounds: Sequence[float], crs: pyproj.CRS) -> str | None:
    """Tell whether coordinates can be of the declared CRS.

    Parameters
    ----------
    bounds
        West, south, east, north in ``crs``.
    crs
        As declared; its area of use is widened by 5°, since neighbouring zones are lawful.

    Returns
    -------
    str or None
        What is wrong, or ``None``.
    """
    move = _transformer(crs, pyproj.CRS(WGS84)) if not crs.is_geographic else None
    corners = np.array([[bounds[0], bounds[1]], [bounds[2], bounds[3]], [bounds[0], bounds[3]], [bounds[2], bounds[1]]])
    if move:
        lon, lat = move.transform(corners[:, 0], corners[:, 1])
    else:
        lon, lat = corners.T
    shown = f"x {bounds[0]:.6g} … {bounds[2]:.6g}, y {bounds[1]:.6g} … {bounds[3]:.6g}"
    if not (np.isfinite(lon).all() and np.isfinite(lat).all() and np.abs(lat).max() <= 90 and np.abs(lon).max() <= 180 + 1e-9):
        return f"coordinates ({shown}) cannot be of {name_of(crs)}"
    area = crs.area_of_use
    if area is None or area.east < area.west:
        return None
    margin = 5.0
    if lon.min() < area.west - margin or lon.max() > area.east + margin or lat.min() < area.south - margin or lat.max() > area.north + margin:
        return f"coordinates ({shown}) lie outside the area of use of {name_of(crs)} ({area.name})"
    return None
