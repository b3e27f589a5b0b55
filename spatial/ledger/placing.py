"""Which area a record lies in: by its geometry, else by the district that it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.areas import CITY, OUTSIDE, Areas, row_called
from spatial.overlay import Floats, Geometries, Ints

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Places:
    """Where records lie.

    Attributes
    ----------
    record, owner
        Index of a record and of a row of the areas, by assignment; every record is the city's.
    unassigned, contradicted
        By record: whether no area has it, and whether the district that it names is not where it lies (where it lies counts).
    """

    record: Ints
    owner: Ints
    unassigned: Mask
    contradicted: Mask

    def sums(self, amounts: Floats, rows: int) -> Floats:
        """Sum the amounts of records by row of the areas, shape (rows,)."""
        return overlay.sum_by(self.owner, amounts[self.record], rows)


def places_of(records: gpd.GeoDataFrame, areas: Areas) -> Places:
    """Give records to areas.

    Parameters
    ----------
    records
        In the CRS of ``areas``, index 0 … n-1.
    areas
        Rows to report by.

    Returns
    -------
    Places
        A record with a geometry goes by a point on it, one without by ``district``; what no area has goes to the row that closes the sum, where there is one.
    """
    shapes = np.asarray(records.geometry.to_numpy(), dtype=object)
    there = np.flatnonzero(~shapely.is_missing(shapes))
    proper = areas.is_area
    points = point_on(shapes[there], _city(areas))
    index, owner = overlay.points_within(points, areas.pieces, areas.exclusive)
    index, owner = there[index], owner
    kept = proper[owner]
    record, rows = index[kept], owner[kept]
    rows_of = {said: district_of(said, areas) for said in set(records["district"])}
    named = np.array([rows_of[said] for said in records["district"]], dtype=np.int64)
    lies_in = {(int(r), int(o)) for r, o in zip(record, rows, strict=True)}
    located = np.zeros(len(records), dtype=bool)
    located[record] = True
    contradicted = np.array([located[r] and n >= 0 and (r, int(n)) not in lies_in for r, n in enumerate(named)], dtype=bool)
    by_name = shapely.is_missing(shapes) & (named >= 0)
    unassigned = ~located & ~by_name
    totals = [np.flatnonzero(areas.ids == CITY)]
    record = np.concatenate([record, np.flatnonzero(by_name), np.arange(len(records)) if len(totals[0]) else np.empty(0, int)])
    rows = np.concatenate([rows, named[by_name], np.full(len(records), totals[0][0]) if len(totals[0]) else np.empty(0, int)])
    rest = np.flatnonzero(areas.ids == OUTSIDE)
    if len(rest):
        record = np.concatenate([record, np.flatnonzero(unassigned)])
        rows = np.concatenate([rows, np.full(int(unassigned.sum()), rest[0])])
    return Places(record.astype(np.int64), rows.astype(np.int64), unassigned & bool(proper.any()), contradicted)


def _city(areas: Areas) -> Any | None:
    rows = np.flatnonzero(areas.ids == CITY)
    return areas.whole[rows[0]] if len(rows) else None


def point_on(shapes: Geometries, city: Any | None) -> Geometries:
    """Return a point on each geometry, of a line its middle; inside the city where the geometry reaches beyond it."""
    inside = shapes.copy()
    if city is not None and len(shapes):
        shapely.prepare(city)
        beyond = ~shapely.covers(city, shapes)
        cut = shapely.intersection(shapes[beyond], city)
        inside[beyond] = np.where(shapely.is_empty(cut), shapes[beyond], cut)
    points = shapely.point_on_surface(inside)
    lines = shapely.get_type_id(inside) == 1
    points[lines] = shapely.line_interpolate_point(inside[lines], 0.5, normalized=True)
    return points


def district_of(said: str, areas: Areas) -> int:
    """Return the row of the area that a text names, as plans and yearbooks name them; -1 where it names none, several, or the whole city."""
    row = row_called(areas, said)
    return row if row is not None and areas.is_area[row] else -1


def lengths(shapes: Geometries, areas: Areas) -> tuple[Ints, Ints, Floats]:
    """Lengths of lines by record and row of the areas, m: cut exactly, half on each side of a common boundary."""
    lines, source = shapely.get_parts(shapes, return_index=True)
    straight = shapely.get_type_id(lines) == 1
    lines, source = lines[straight], source[straight]
    total = areas.ids == CITY
    found = []
    for rows in (~total, total):  # the total only astride its own edge, so that it is the same for every choice of areas
        if not rows.any():
            continue
        moved, origin, factor = overlay.astride(lines, areas.edges_of(rows))
        index, owner, length = overlay.line_parts(moved, areas.pieces)
        mine = rows[owner]
        found.append((source[origin[index[mine]]], owner[mine], length[mine] * factor[index[mine]]))
    record, owner, length = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return record, owner, length


def grounds(shapes: Geometries, areas: Areas) -> tuple[Ints, Ints, Floats]:
    """Areas of polygons by record and row of the areas, m², cut exactly."""
    parts, source = shapely.get_parts(shapes, return_index=True)
    flat = shapely.get_type_id(parts) == 3
    parts, source = parts[flat], source[flat]
    index, owner, size = overlay.polygon_parts(parts, areas.pieces)
    return source[index], owner, size
