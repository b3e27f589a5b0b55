"""One thing in two files: the same shapes, in two datums.

Folders that were handed on often hold a layer twice, before and after a conversion, with names that say which is which, or the opposite. The
vertices tell: moved by the published shift, those of one file come to lie on those of the other. Which of the two is right, roads must say
(``spatial.shift``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from scipy.spatial import cKDTree

from spatial.crs import WGS84, reproject
from spatial.datum import to_wgs84, wgs84_to_bd09, wgs84_to_gcj02

Array = npt.NDArray[np.float64]
Move = Callable[[Array, Array], tuple[Array, Array]]
Relation = Literal["same", "b_shifted", "a_shifted", "unrelated"]

ALIKE = 0.9  # of the vertices, each way
REST_M = 10.0  # one-step conversions err by up to 5 m
SCATTER_M = 3.0

_FEWEST = 4  # a rectangle
_COUNTS_ALIKE = 0.8
_ASKED = 4000  # vertices of each that are looked up
_ASIDE_M = 60.0  # a displacement that nothing explains: vertices that match there too are only dense


@dataclass(frozen=True)
class Twin:
    """How the shapes of one layer lie to those of another.

    Attributes
    ----------
    relation
        ``same``: on each other. ``b_shifted``: b lies where a would after one shift from WGS-84 to ``datum``. ``a_shifted``: the reverse.
        ``unrelated``: none of these, or it cannot be told.
    datum
        ``gcj02`` or ``bd09`` of a shifted relation, else empty.
    share
        Share of vertices that have a partner, the smaller of both ways.
    rest_m
        What is left between partners after the shift, metres.
    """

    relation: Relation
    datum: str = ""
    share: float = 0.0
    rest_m: float = 0.0


class _Match(NamedTuple):
    share: float
    rest_m: float


def find_twin_shift(a: Any, b: Any, crs: pyproj.CRS) -> Twin:
    """Tell whether two layers are the same shapes, and whether a datum lies between them.

    Parameters
    ----------
    a, b
        Shapely geometries of any kind, points too; as they were read.
    crs
        Of both, projected, in metres.

    Returns
    -------
    Twin
        A relation needs 90 % of the vertices of each to have a partner in the other, all displaced alike, at one relation only; patterns that
        repeat themselves and vertices so dense that any displacement fits are ``unrelated``.

    Raises
    ------
    CRSError
        ``crs`` cannot be brought to WGS-84.
    """
    of_a, of_b = _vertices(a), _vertices(b)
    fewer, more = sorted((len(of_a), len(of_b)))
    if fewer < _FEWEST or fewer < _COUNTS_ALIKE * more:
        return Twin("unrelated")
    some_a, some_b, all_a, all_b = _some(of_a), _some(of_b), cKDTree(of_a), cKDTree(of_b)
    found: list[Twin] = []

    def hold(relation: Relation, datum: str, to_b: Move | None, to_a: Move | None) -> None:
        there, back = _match(some_a, to_b, all_b, crs), _match(some_b, to_a, all_a, crs)
        if share := min(there.share, back.share):
            found.append(Twin(relation, datum, share, there.rest_m))

    hold("same", "", None, None)
    for datum, forward in (("gcj02", wgs84_to_gcj02), ("bd09", wgs84_to_bd09)):
        undo = functools.partial(to_wgs84, datum=datum)
        hold("b_shifted", datum, forward, undo)
        hold("a_shifted", datum, undo, forward)
    if len(found) != 1 or found[0].share < ALIKE:
        return Twin("unrelated")
    return found[0]


def _vertices(geometries: Any) -> Array:
    """Return the distinct vertices of all geometries, shape (n, 2)."""
    xy = shapely.get_coordinates(np.asarray(geometries, dtype=object))
    distinct = np.unique(xy[np.isfinite(xy).all(axis=1)].view(np.complex128).ravel())
    return np.column_stack([distinct.real, distinct.imag])


def _some(xy: Array) -> Array:
    """Take evenly, so that much costs no more."""
    return xy[np.linspace(0, len(xy) - 1, min(len(xy), _ASKED)).astype(int)]


def _moved(xy: Array, move: Move, crs: pyproj.CRS) -> Array:
    """Shift places between WGS-84 and another datum, in metres of ``crs``."""
    degrees = pyproj.CRS.from_user_input(WGS84)
    lon, lat = shapely.get_coordinates(reproject(shapely.points(xy), crs, degrees)).T
    return np.asarray(shapely.get_coordinates(reproject(shapely.points(np.column_stack(move(lon, lat))), degrees, crs)))


def _match(asked: Array, move: Move | None, others: cKDTree, crs: pyproj.CRS) -> _Match:
    """Tell which share of vertices, moved, has a partner among others, all displaced alike; 0 where it means nothing."""
    nothing = _Match(0.0, 0.0)
    moved = _moved(asked, move, crs) if move else asked
    if move and np.abs(moved - asked).max() < 1.0:
        return nothing  # outside China
    distance, partner = others.query(moved, distance_upper_bound=REST_M)
    near = np.isfinite(distance)
    by_chance = np.isfinite(others.query(moved + _ASIDE_M, distance_upper_bound=REST_M)[0])
    if near.mean() < ALIKE / 2 or by_chance.mean() > ALIKE / 2:
        return nothing
    apart = others.data[partner[near]] - moved[near]
    rest = np.median(apart, axis=0)
    alike = np.hypot(*(apart - rest).T) <= SCATTER_M
    return _Match(float(alike.sum() / len(moved)), float(np.hypot(*rest)))
