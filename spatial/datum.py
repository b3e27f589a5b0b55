"""Chinese map datums: GCJ-02 and BD-09 to and from WGS-84.

The published offset of GCJ-02 is a formula of position; its inverse is found by iteration. CGCS2000 needs nothing: it agrees with
WGS-84 within centimetres.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

DATUMS = ("wgs84", "gcj02", "bd09", "cgcs2000")

_A = 6378245.0  # Krasovsky ellipsoid, which the published formula uses
_EE = 0.00669342162296594323
_STEPS = 6  # 5 steps err below 1e-8 m


def to_wgs84(lon: Array, lat: Array, datum: str) -> tuple[Array, Array]:
    """Move longitudes and latitudes of a declared datum to WGS-84.

    Parameters
    ----------
    lon, lat
        Degrees, in the declared datum.
    datum
        One of ``DATUMS``.

    Returns
    -------
    tuple of arrays
        Degrees, WGS-84; better than 1e-6 m against the forward formula.
    """
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    if datum == "bd09":
        lon, lat = _inverse(_gcj02_to_bd09, lon, lat)
    if datum in ("bd09", "gcj02"):
        return _inverse(wgs84_to_gcj02, lon, lat)
    return lon, lat


def wgs84_to_gcj02(lon: Array, lat: Array) -> tuple[Array, Array]:
    """Shift WGS-84 to GCJ-02; degrees. Places outside China's box are left as they are, as the map services do."""
    x, y = lon - 105.0, lat - 35.0
    sin, pi = np.sin, np.pi
    common = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + common
    north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3 + (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + common
    east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3 + (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    phi = np.radians(lat)
    magic = 1 - _EE * sin(phi) ** 2
    d_lat = np.degrees(north / (_A * (1 - _EE) / magic**1.5))
    d_lon = np.degrees(east / (_A / np.sqrt(magic) * np.cos(phi)))
    inside = (lon > 72.004) & (lon < 137.8347) & (lat > 0.8293) & (lat < 55.8271)
    return lon + np.where(inside, d_lon, 0), lat + np.where(inside, d_lat, 0)


def wgs84_to_bd09(lon: Array, lat: Array) -> tuple[Array, Array]:
    """Shift WGS-84 to BD-09; degrees."""
    return _gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))


def _gcj02_to_bd09(lon: Array, lat: Array) -> tuple[Array, Array]:
    factor = np.pi * 3000 / 180
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * factor)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * factor)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _inverse(forward: Any, lon: Array, lat: Array) -> tuple[Array, Array]:
    x, y = lon.copy(), lat.copy()
    for _ in range(_STEPS):
        fx, fy = forward(x, y)
        x, y = x - (fx - lon), y - (fy - lat)
    return x, y
