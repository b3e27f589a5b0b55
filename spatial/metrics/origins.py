"""Where trips begin: the places that stand for residents, for residential land and for communities.

A share of people or land within reach is judged at places: every building that people were spread over, every cell of a population raster, and
polygons cut into small cells. A place is within reach or it is not; an area counts each by the part that lies inside, so that areas add up.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.people import spread_over_buildings
from spatial.overlay import Floats, Geometries, Ints, Pieces
from spatial.result import ratio
from spatial.text import Text

PEOPLE_CELL_M, LAND_CELL_M = 100.0, 50.0
LEAST_HOUSING_SHARE, LEAST_HOUSING_M2 = 0.1, 10_000.0  # below: hardly mapped; too little to measure (both to be confirmed)


@dataclass(frozen=True, eq=False)
class Origins:
    """Places that stand for people or land.

    Attributes
    ----------
    points
        Where reach is judged, shape (k,), metres.
    weight
        People, or m², that each stands for, shape (k,).
    cells
        The ground that each stands for, shape (k,); ``None`` where it is a point.
    """

    points: Geometries
    weight: Floats
    cells: Geometries

    def __len__(self) -> int:
        """Return how many places there are."""
        return len(self.points)

    @functools.cached_property
    def flat(self) -> tuple[Ints, Geometries, Floats]:
        """Places that are cells: their index, cells and areas in m²."""
        index = np.flatnonzero(~shapely.is_missing(self.cells))
        return index, self.cells[index], shapely.area(self.cells[index])

    @functools.cached_property
    def dots(self) -> tuple[Ints, Geometries]:
        """Places that are points: their index and points."""
        index = np.flatnonzero(shapely.is_missing(self.cells))
        return index, self.points[index]


@dataclass(frozen=True, eq=False)
class Shares:
    """How much of every place belongs to which row: index of the place, of the row, and people or m²."""

    origin: Ints
    row: Ints
    weight: Floats
    rows: int

    def total(self, chosen: Floats | None = None) -> Floats:
        """Sum by row, of all places or by a weight of 0–1 for each, shape (rows,)."""
        return overlay.sum_by(self.row, self.weight if chosen is None else self.weight * chosen[self.origin], self.rows)


def people_origins(city: City) -> Origins:
    """Places that stand for the residents.

    Parameters
    ----------
    city
        With ``population``.

    Returns
    -------
    Origins
        Raster cells, divided or joined to about 100 m; polygons cut to 100 m; points and buildings as they are. The people sum to the total.
    """
    return city.memo("people_origins", lambda: _people(city))


def _people(city: City) -> Origins:
    layer = city.layer("population")
    if layer.raster is not None:
        around = layer.extent if layer.extent is not None else layer.raster.footprint(shapely.box(*_span(city)), city.crs)
        cells, people = layer.raster.places(around, city.crs, size_m=PEOPLE_CELL_M)
        return Origins(shapely.centroid(cells), people, cells)
    if layer.frame is None:
        spread = spread_over_buildings(city)
        return Origins(spread.points, spread.people, np.full(len(spread.points), None, dtype=object))
    geometry, count = np.asarray(layer.frame.geometry.to_numpy(), dtype=object), layer.frame["count"].to_numpy(dtype=float)
    flat = shapely.get_dimensions(geometry) == 2
    land = land_origins(geometry[flat], PEOPLE_CELL_M, count[flat])
    points, index = shapely.get_parts(geometry[~flat], return_index=True)
    each = (count[~flat] / np.maximum(shapely.get_num_geometries(geometry[~flat]), 1))[index]
    return Origins(
        np.concatenate([land.points, points]),
        np.concatenate([land.weight, each]),
        np.concatenate([land.cells, np.full(len(points), None, dtype=object)]),
    )


def _span(city: City) -> tuple[float, float, float, float]:
    west, south, east, north = shapely.total_bounds(city.total().whole)
    return float(west), float(south), float(east), float(north)


def residential_land(city: City) -> Geometries:
    """Residential land, united: disjoint polygons, metres."""

    def unite() -> Geometries:
        land = city.frame("landuse")
        homes = land[(land["landuse"] == "residential").to_numpy(dtype=bool)]
        return overlay.dissolve(np.asarray(homes.geometry.to_numpy(), dtype=object))

    return city.memo("residential_land", unite)


def housing_mapped(areas: Areas, all_m2: Floats) -> tuple[npt.NDArray[np.bool_], Floats, dict[int, list[Text]]]:
    """Judge whether residential land is mapped: it fills a good part of any built-up area, and a share of a sliver of it says little.

    Parameters
    ----------
    areas
        Rows, restricted to the built-up area.
    all_m2
        Residential land by row.

    Returns
    -------
    thin, quality, notes
        By row: whether less than a tenth is mapped as residential, 0–1, and what to say.
    """
    mapped = ratio(all_m2, areas.measured_m2)
    thin = np.nan_to_num(mapped) < LEAST_HOUSING_SHARE
    notes: dict[int, list[Text]] = {}
    for row in np.flatnonzero(thin & np.isfinite(mapped)):
        share = f"{mapped[row]:.1%}"
        notes[int(row)] = [
            Text(f"居住用地仅占建成区的 {share}，可能未测绘", f"only {share} of the built-up area is mapped as residential land")
        ]
        if all_m2[row] < LEAST_HOUSING_M2:
            notes[int(row)].append(Text("居住用地不足 1 公顷，不作计算", "less than 1 ha of residential land: too little to measure"))
    return thin, np.clip(np.nan_to_num(mapped) / LEAST_HOUSING_SHARE, 0, 1), notes


def land_origins(polygons: Geometries, cell_m: float = LAND_CELL_M, weight: Floats | None = None) -> Origins:
    """Cut land into cells.

    Parameters
    ----------
    polygons
        Valid polygons, metres.
    cell_m
        Size of a cell; the grid is fixed, whatever the polygons are.
    weight
        What each polygon holds, spread over its ground; its area in m² where nothing is given.

    Returns
    -------
    Origins
        Each cell is judged at a point inside it.
    """
    pieces = overlay.cut(polygons, cell_m)
    area = shapely.area(pieces.geometry)
    if weight is not None:
        whole = shapely.area(polygons)
        area = area * (weight / np.where(whole > 0, whole, 1.0))[pieces.owner]
    held = area > 0
    cells = pieces.geometry[held]
    return Origins(shapely.point_on_surface(cells), area[held], cells)


def shares(origins: Origins, areas: Areas) -> Shares:
    """Divide places among rows.

    Parameters
    ----------
    origins
        Places of the same city.
    areas
        Rows, restricted to a scope or not.

    Returns
    -------
    Shares
        A cell by the part of it that lies on a row's ground; a point on a common edge to the first row only.
    """
    return divided(origins, areas.pieces, areas.exclusive)


def divided(origins: Origins, pieces: Pieces, exclusive: npt.NDArray[np.bool_]) -> Shares:
    """Divide places among the owners of pieces; ``exclusive`` says by owner whether a point on its edge belongs to the first only."""
    cells, polygons, size = origins.flat
    dots, points = origins.dots
    index, row, area = overlay.polygon_parts(polygons, pieces)
    at, owner = overlay.points_within(points, pieces, exclusive)
    origin = np.concatenate([cells[index], dots[at]])
    weight = origins.weight[origin] * np.concatenate([area / size[index], np.ones(len(at))])
    used = weight > 0
    return Shares(origin[used], np.concatenate([row, owner])[used], weight[used], pieces.count)


def shares_of(city: City, key: str, origins: Origins, areas: Areas) -> Shares:
    """Divide places among rows, once for all metrics; ``key`` names the places."""
    return city.memo(("shares", key, id(areas)), lambda: (areas, shares(origins, areas)))[1]
