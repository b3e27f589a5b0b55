"""Choose and assert the one projected CRS, and move coordinates without guessing.

PROJ's network access is off; a datum change that PROJ can only ballpark, or whose parameters were made for another region, is an error,
except between CGCS2000 and WGS-84, which agree within centimetres.
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
import shapely
from pyproj import network
from pyproj.transformer import TransformerGroup

from spatial.errors import CRSError, shown

network.set_network_enabled(active=False)  # type: ignore[attr-defined]

WGS84 = "EPSG:4326"
MAX_DISTORTION = 1e-3
MAX_DATUM_ERROR_M = 5.0
MAX_LOCAL_SHIFT_M = 1000.0  # the datums of a country lie within some hundred metres of WGS-84
_MARGIN = 5.0  # degrees

# A coarse outline of mainland China and Hainan (about 20 km), only to prefer CGCS2000 zones there: never drawn, never measured.
_CHINA = shapely.Polygon(
    [(73.5, 39.4), (76, 40.4), (80.2, 42.1), (80.2, 45.1), (82.4, 45.2), (83, 47.2), (85.6, 48.3), (87.3, 49.1), (91, 46.6), (90.9, 45.2),
     (95.4, 44.2), (96.4, 42.7), (101, 42.6), (105, 41.6), (110, 42.6), (111.9, 43.7), (112, 45), (114, 45), (116, 46.3), (119.7, 46.7),
     (118, 48), (116, 48), (116.7, 49.8), (119.3, 50.1), (120.1, 52.6), (122, 53.5), (125, 53.1), (127.6, 50.1), (128, 49.5), (130.8, 48.8),
     (131, 47.7), (132.6, 47.8), (134.3, 48.45), (134.8, 48.4), (133.1, 45.1), (131.3, 44.9), (131.2, 43.5), (130.6, 42.4), (129.9, 43), (128.1, 42), (126.9, 41.7),
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
    if in_china(lon, lat):
        return pyproj.CRS.from_epsg(4534 + (round(lon / 3) * 3 - 75) // 3)
    zone = min(60, int((lon + 180) // 6) + 1)
    return pyproj.CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def in_china(lon: float, lat: float) -> bool:
    """Tell whether a place in degrees lies in mainland China or Hainan, within some 20 km."""
    return bool(_CHINA.contains(shapely.Point(lon, lat)))


def extent_in_china(bounds: Sequence[float], crs: pyproj.CRS) -> bool:
    """Tell whether an extent (west, south, east, north) is one of a place in China: by its datum, or by where its middle lies."""
    if crs.geodetic_crs is not None and crs.geodetic_crs.to_epsg() == 4490:
        return True
    west, south, east, north = bounds
    middle = reproject([shapely.Point((west + east) / 2, (south + north) / 2)], crs, pyproj.CRS(WGS84))[0]
    return in_china(float(middle.x), float(middle.y))


def parse_crs(value: Any, *, where: str) -> pyproj.CRS:
    """Read a stated CRS.

    Raises
    ------
    CRSError
        PROJ does not know it. A text that has parameters is not repeated: they may be those of a local grid, which are sensitive.
    """
    try:
        return pyproj.CRS.from_user_input(value)
    except pyproj.exceptions.CRSError:
        kind = next((kind for mark, kind in (("[", "WKT"), ("{", "PROJJSON"), ("+", "PROJ"), ("=", "PROJ")) if mark in str(value)), None)
        said = f"crs, a {kind} text, is not one that PROJ can read; correct it, or" if kind else f'crs "{shown(value)}" is not known;'
        raise CRSError(f'{where}: {said} write it as "EPSG:4551"') from None


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
        Not projected, not in metres, made for another part of the world, distorted by more than 1 ‰ inside ``extent``, or ``extent``
        crosses the antimeridian.
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
    if not _in_area_of_use(np.column_stack([lon.ravel(), lat.ravel()]), crs).all():
        raise CRSError(f'crs {name_of(crs)} is not made for the data\'s extent; use crs = "auto" or the zone of the place')


def name_of(crs: pyproj.CRS) -> str:
    """Name a CRS shortly: ``EPSG:4551`` or its own name."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.name)


def _transformer(source: pyproj.CRS, target: pyproj.CRS, values: npt.NDArray[np.object_]) -> pyproj.Transformer:
    """Return the way between two CRS that is right where the geometries are."""
    datums = {datum_of(source), datum_of(target)}
    if len(datums) == 1 or datums == {"WGS 84", "CGCS2000"}:
        return _plain_transformer(source, target)
    place = _bounds_in_degrees(values, source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # says that a better grid is not installed
        ways = TransformerGroup(source, target, always_xy=True, allow_ballpark=False).transformers
    fit = [way for way in ways if way.area_of_use and _contains(way.area_of_use, place) and 0 <= way.accuracy <= MAX_DATUM_ERROR_M]
    if fit:
        return min(fit, key=lambda way: way.accuracy)
    raise CRSError(
        f"{name_of(source)} → {name_of(target)}: the datums differ and their relation is not known within {MAX_DATUM_ERROR_M:.0f} m here;"
        " state your office's parameters, datum_parameters = [dx, dy, dz, rx, ry, rz, ppm], or convert the layer with them first"
    )


@functools.lru_cache(maxsize=64)
def _plain_transformer(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    """Between CRS of one datum, or of WGS-84 and CGCS2000."""
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def _bounds_in_degrees(values: npt.NDArray[np.object_], crs: pyproj.CRS) -> tuple[float, float, float, float]:
    """Where finite coordinates lie, degrees of the CRS's own datum."""
    xy = shapely.get_coordinates(values)
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not crs.is_geographic and crs.geodetic_crs is not None:
        xy = np.column_stack(_plain_transformer(crs, crs.geodetic_crs).transform(xy[:, 0], xy[:, 1]))
        xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        return (0.0, 0.0, 0.0, 0.0)
    (west, south), (east, north) = xy.min(axis=0), xy.max(axis=0)
    return (float(west), float(south), float(east), float(north))


def _contains(area: Any, place: tuple[float, float, float, float]) -> bool:
    west, south, east, north = place
    across = area.west > area.east  # the area crosses the antimeridian
    return area.south <= south and north <= area.north and (across or (area.west <= west and east <= area.east))


def datum_of(crs: pyproj.CRS) -> str:
    """Name the datum of a CRS; WGS-84 and CGCS2000 under one name each, however a file writes them."""
    datum = crs.geodetic_crs.datum.name if crs.geodetic_crs and crs.geodetic_crs.datum else ""
    if "World Geodetic System 1984" in datum:
        return "WGS 84"
    return "CGCS2000" if "China 2000" in datum.replace("_", " ") else datum


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
    if source == target or not shapely.get_num_coordinates(values).any():
        return values
    move = _transformer(source, target, values)

    def moved(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(move.transform(xy[:, 0], xy[:, 1]))

    return np.asarray(shapely.transform(values, moved), dtype=object)


def centre_in(place: tuple[float, float] | None, crs: pyproj.CRS) -> Any | None:
    """Move a stated longitude and latitude, degrees WGS-84, into a CRS as a point; nothing stays nothing."""
    return None if place is None else reproject(np.array([shapely.Point(place)], object), pyproj.CRS(WGS84), crs)[0]


def to_wgs84(geometry: Any, source: pyproj.CRS, parameters: Sequence[float], *, where: str) -> npt.NDArray[np.object_]:
    """Move geometries from a local datum, such as Xian-1980, to WGS-84 with the parameters of an office.

    The parameters are sensitive: no message repeats them.

    Parameters
    ----------
    geometry
        Shapely geometries; x is east.
    source
        Their CRS, on the local datum.
    parameters
        From that datum to WGS-84: dx, dy, dz in metres, and rx, ry, rz in arc-seconds and the scale in ppm (or only the first three);
        position-vector convention, as ``+towgs84`` has it.
    where
        File and layer, for messages.

    Returns
    -------
    numpy.ndarray
        New geometries, degrees WGS-84. Heights are taken as 0 on the local ellipsoid, which moves no place by a millimetre.

    Raises
    ------
    CRSError
        The CRS stands on WGS-84 or CGCS2000 already, or the parameters move the layer by more than a datum of the Earth can.
    """
    own = source.geodetic_crs
    if own is None or datum_of(source) in ("WGS 84", "CGCS2000"):
        raise CRSError(f"{where}: {name_of(source)} needs no datum_parameters; remove them, or state the CRS that they are for: crs")
    own = own.source_crs if own.is_bound and own.source_crs is not None else own
    ellipsoid = own.ellipsoid
    assert ellipsoid is not None
    dx, dy, dz, rx, ry, rz, ppm = [*parameters, *[0.0] * 7][:7]
    major_m, flattening = ellipsoid.semi_major_metre, ellipsoid.inverse_flattening
    shift = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad"
        f" +step +proj=cart +a={major_m!r} +rf={flattening!r}"
        f" +step +proj=helmert +x={dx!r} +y={dy!r} +z={dz!r} +rx={rx!r} +ry={ry!r} +rz={rz!r} +s={ppm!r} +convention=position_vector"
        " +step +inv +proj=cart +ellps=WGS84 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    degrees = reproject(geometry, source.source_crs if source.is_bound and source.source_crs is not None else source, own)

    def moved(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        lon, lat, _ = shift.transform(xy[:, 0], xy[:, 1], np.zeros(len(xy)))
        return np.column_stack([lon, lat])

    out = np.asarray(shapely.transform(degrees, moved), dtype=object)
    before, after = shapely.get_coordinates(degrees), shapely.get_coordinates(out)
    east, north = (after - before).T * 111_320.0
    with np.errstate(invalid="ignore"):
        if (np.hypot(east * np.cos(np.radians(before[:, 1])), north) > MAX_LOCAL_SHIFT_M).any():
            raise CRSError(
                f"{where}: datum_parameters move the layer by more than {MAX_LOCAL_SHIFT_M:.0f} m; check their order, units (metres, arc-seconds,"
                " ppm), signs (position-vector convention) and direction (from the file's datum to WGS-84)"
            )
    return out


def outside_area_of_use(bounds: npt.NDArray[np.float64], crs: pyproj.CRS) -> npt.NDArray[np.bool_]:
    """Tell which features cannot be of the declared CRS.

    Parameters
    ----------
    bounds
        West, south, east, north by feature in ``crs``, shape (n, 4); rows that are not finite are left alone.
    crs
        As declared; its area of use is widened by 5°, since neighbouring zones are lawful.

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    corners = np.stack([bounds[:, [0, 2, 0, 2]], bounds[:, [1, 3, 3, 1]]], axis=-1).reshape(-1, 2)
    if not crs.is_geographic and crs.geodetic_crs is not None:
        corners = np.column_stack(_plain_transformer(crs, crs.geodetic_crs).transform(corners[:, 0], corners[:, 1]))
    inside = _in_area_of_use(corners, crs).reshape(-1, 4).all(axis=1)
    return np.logical_and(~inside, np.isfinite(bounds).all(axis=1))


def _in_area_of_use(degrees: npt.NDArray[np.float64], crs: pyproj.CRS) -> npt.NDArray[np.bool_]:
    """Tell which points, shape (n, 2), lie within the area of use or less than 5° from it."""
    low, high = np.array([-180.0, -90.0]), np.array([180.0, 90.0])
    if area := crs.area_of_use:
        around = [area.west - _MARGIN, area.south - _MARGIN, area.east + _MARGIN, area.north + _MARGIN]
        if area.west > area.east:  # across the antimeridian
            around[0], around[2] = low[0], high[0]
        low, high = np.maximum(low, around[:2]), np.minimum(high, around[2:])
    with np.errstate(invalid="ignore"):
        return np.logical_and.reduce((degrees >= low - 1e-9) & (degrees <= high + 1e-9), axis=1)
