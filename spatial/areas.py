"""The polygons to report by: districts, a grid, any layer; the city total; what closes the sum."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.errors import LayerError, OptionError, sample
from spatial.overlay import Geometries, Ints, Pieces
from spatial.text import Text

CITY, OUTSIDE, BEYOND = "city", "outside_areas", "areas_outside_city"
RESERVED = {
    CITY: Text("全市", "Whole city"),
    OUTSIDE: Text("各区之外", "Outside all areas"),
    BEYOND: Text("各区超出市界部分", "Areas beyond the city's boundary"),
}
FULL_COVERAGE = 0.99
_NO_EDGES = np.empty(0, object)
SLIVER_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class Areas:
    """Polygons to report by, with the rows that close the sum.

    Attributes
    ----------
    ids, names
        Text, shape (n,); the areas in the order of their ids, then ``city``, ``outside_areas`` and, where areas reach beyond the
        city, ``areas_outside_city``.
    whole
        The polygons as given, shape (n,), metres.
    pieces
        The measured part: what the data cover, and inside the scope of the metric.
    coverage
        Share of each whole polygon that the data cover, 0–1, shape (n,).
    overlap_m2
        Sum of the areas of the polygons minus the area of their union.
    """

    ids: npt.NDArray[np.object_]
    names: npt.NDArray[np.object_]
    whole: Geometries
    pieces: Pieces
    coverage: npt.NDArray[np.float64]
    overlap_m2: float
    crs: Any
    scope_edges: Geometries = field(default_factory=lambda: _NO_EDGES)
    scope_declared: bool = False

    def __len__(self) -> int:
        """Return the number of rows, totals included."""
        return len(self.ids)

    @property
    def is_area(self) -> npt.NDArray[np.bool_]:
        """Which rows are areas proper and not totals."""
        return np.array([identity not in RESERVED for identity in self.ids], dtype=bool)

    @property
    def exclusive(self) -> npt.NDArray[np.bool_]:
        """Which rows share their edges with neighbours: all but the total, which has none, and the part beyond the city."""
        return np.array([identity not in (CITY, BEYOND) for identity in self.ids], dtype=bool)

    @functools.cached_property
    def measured_m2(self) -> npt.NDArray[np.float64]:
        """Area of the measured part by row, m²."""
        return self.pieces.areas()

    @functools.cached_property
    def geometry(self) -> Geometries:
        """The measured part by row as one geometry each."""
        out = np.empty(len(self), object)
        order = np.argsort(self.pieces.owner, kind="stable")
        groups = np.split(self.pieces.geometry[order], np.searchsorted(self.pieces.owner[order], np.arange(1, len(self))))
        for index, group in enumerate(groups):
            out[index] = shapely.union_all(group)
        return out

    def covered_by(self, extent: Any | None) -> Areas:
        """Restrict the measured part to ``extent`` (a polygon, or ``None`` for everywhere), cut it into small pieces, note the coverage."""
        if extent is None:
            return replace(self, pieces=overlay.cut(self.whole))
        shapely.prepare(extent)
        inside = shapely.covers(extent, self.whole)
        clipped = self.whole.copy()
        clipped[~inside] = shapely.intersection(self.whole[~inside], extent)
        pieces = overlay.cut(clipped)
        size = shapely.area(self.whole)
        share = np.where(inside, 1.0, np.clip(pieces.areas() / np.where(size > 0, size, 1.0), 0, 1))
        dust = share < SLIVER_SHARE  # two outlines that touch leave slivers of rounding, which are no coverage
        kept = ~dust[pieces.owner]
        pieces = Pieces(pieces.geometry[kept], pieces.owner[kept], pieces.count)
        return replace(self, pieces=pieces, coverage=np.where(dust, 0.0, share))

    @functools.cached_property
    def edges(self) -> Geometries:
        """Outlines of the areas and of the scope, shape (e,): what runs along them counts half on each side."""
        return self.edges_of(slice(None))

    def edges_of(self, rows: Any) -> Geometries:
        """Outlines of some rows and of the scope, as LineStrings."""
        rings = shapely.get_parts(np.atleast_1d(shapely.boundary(self.whole[rows])))
        return np.concatenate([rings[shapely.get_type_id(rings) == 1], self.scope_edges])

    def nested(self, ground: Geometries, level: Ints, levels: int, edges: Geometries | None = None) -> tuple[Areas, ...]:
        """Restrict the measured part to scopes that lie one inside the other; the coverage is left as it is.

        Parameters
        ----------
        ground
            Disjoint polygons, shape (g,).
        level
            The first scope that holds each of them, shape (g,); every later scope holds it too.
        levels
            How many scopes there are.
        edges
            Outlines of a declared scope, which may run along roads; an estimated one has none.

        Returns
        -------
        tuple of Areas
            The same rows, one answer a scope. Their pieces share their atoms, so that whatever is laid over one (``overlay.surface_within``,
            ``line_parts``, ``points_within``, ``restrict``) with the same array is only summed anew for the others.
        """
        pieces, source = overlay.split(self.pieces, ground)
        declared = edges is not None and len(edges) > 0
        held = level[source]
        return tuple(
            replace(
                self,
                pieces=pieces.only(held <= nth),
                scope_edges=edges if edges is not None and declared else _NO_EDGES,
                scope_declared=declared,
            )
            for nth in range(levels)
        )

    def frame(self) -> gpd.GeoDataFrame:
        """Return the whole polygons with ``area_id`` and ``name``, in the city's CRS."""
        return gpd.GeoDataFrame({"area_id": self.ids, "name": self.names}, geometry=list(self.whole), crs=self.crs)


def titles(areas: Areas) -> list[Text]:
    """Return what people call each row: its name, or of the rows that close the sum their title."""
    return [RESERVED.get(identity, Text(str(name), str(name))) for identity, name in zip(areas.ids, areas.names, strict=True)]


def build_areas(polygons: gpd.GeoDataFrame, boundary: Any | None, *, where: str) -> Areas:
    """Make the rows to report by.

    Parameters
    ----------
    polygons
        Columns ``area_id``, ``name`` and polygons, in the city's CRS; may be empty, then only the city is reported.
    boundary
        The city's outline; ``None`` for the union of the areas.
    where
        The layer's name, for messages.

    Returns
    -------
    Areas
        Rows in the order of their ids.

    Raises
    ------
    LayerError
        Ids are given twice or are one of the reserved ones; or there is neither an area nor a boundary.
    """
    ids = polygons["area_id"].astype(str).to_numpy(dtype=object)
    unique, counts = np.unique(ids.astype(str), return_counts=True)
    if (counts > 1).any():
        raise LayerError(
            f"{where}: {int((counts > 1).sum())} ids stand on more than one area (ids {sample(unique[counts > 1])});"
            " name a column with unique values as id, or dissolve the parts of one area"
        )
    if taken := [value for value in ids if value in RESERVED]:
        raise LayerError(f"{where}: the id {sample(taken)} is reserved for the totals; rename it")
    order = np.argsort(ids.astype(str), kind="stable")
    ids, names = ids[order], polygons["name"].astype(str).to_numpy(dtype=object)[order]
    whole = np.asarray(polygons.geometry.to_numpy(), dtype=object)[order]
    united = shapely.union_all(whole) if len(whole) else shapely.Polygon()
    if boundary is None:
        if not len(whole):
            raise LayerError(f"{where}: there is no area and no boundary to report by")
        boundary = united
    total = shapely.area(boundary)
    extra = [(CITY, boundary)]
    rest = shapely.difference(boundary, united)
    beyond = shapely.difference(united, boundary)
    if len(whole) and shapely.area(rest) > SLIVER_SHARE * total:
        extra.append((OUTSIDE, rest))
    if shapely.area(beyond) > SLIVER_SHARE * total:
        extra.append((BEYOND, beyond))
    whole = np.concatenate([whole, np.array([geometry for _, geometry in extra], dtype=object)])
    ids = np.concatenate([ids, np.array([key for key, _ in extra], dtype=object)])
    names = np.concatenate([names, np.array([RESERVED[key].en for key, _ in extra], dtype=object)])
    overlap = float(shapely.area(whole[: len(order)]).sum() - shapely.area(united))
    uncut = Pieces(whole, np.arange(len(ids)), len(ids))
    return Areas(ids, names, whole, uncut, np.ones(len(ids)), max(overlap, 0.0), polygons.crs)


def grid(outline: Any, ground: Any, size_m: float, crs: Any) -> gpd.GeoDataFrame:
    """Square cells over what the data cover of a city, cut at the city's outline only.

    Parameters
    ----------
    outline
        The city, polygon, metres.
    ground
        What the data cover of it; a cell that reaches beyond is whole and so only partly covered.
    size_m
        Edge of a cell, 10 m to 1,000 km.
    crs
        The city's CRS.

    Returns
    -------
    geopandas.GeoDataFrame
        ``area_id`` such as ``E0012N0034`` (columns and rows from the south-west corner of ``ground``), ``name``, geometry.

    Raises
    ------
    OptionError
        ``size_m`` is out of range, or gives more than 1,000,000 cells.
    """
    if not 10 <= size_m <= 1e6:
        raise OptionError(f"grid:{size_m:g}: the cell size must be at least 10 m and at most 1,000 km")
    west, south, east, north = shapely.bounds(ground)
    columns, rows = int(np.ceil((east - west) / size_m)), int(np.ceil((north - south) / size_m))
    if columns * rows > 1_000_000:
        raise OptionError(f"grid:{size_m:g} gives {columns * rows:,} cells, more than 1,000,000; choose a larger size")
    column, row = (index.ravel() for index in np.meshgrid(np.arange(columns), np.arange(rows)))
    cells = np.atleast_1d(
        shapely.box(west + column * size_m, south + row * size_m, west + (column + 1) * size_m, south + (row + 1) * size_m)
    )
    shapely.prepare(ground)
    shapely.prepare(outline)
    touched = shapely.intersects(ground, cells)
    inside = shapely.covers(outline, cells)
    cells[touched & ~inside] = shapely.intersection(outline, cells[touched & ~inside])
    kept = touched & (shapely.area(cells) > 1e-6 * size_m**2)
    ids = [f"E{c:04d}N{r:04d}" for c, r in zip(column[kept], row[kept], strict=True)]
    polygons = [_only_polygons(cell) for cell in cells[kept]]
    return gpd.GeoDataFrame({"area_id": ids, "name": ids}, geometry=polygons, crs=crs)


def _only_polygons(geometry: Any) -> Any:
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    return shapely.union_all([part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"])


_ENDINGS = ("自治县", "自治旗", "市", "区", "县", "旗")


def row_called(areas: Areas, word: str, city: Iterable[str] = ()) -> int | None:
    """Find the row that a plan or a yearbook calls by this name.

    Parameters
    ----------
    areas
        Rows with ids and names.
    word
        ``绿园区``, ``绿园``, an id, or a name of the whole city.
    city
        What the whole city is called; of a name in two languages (``子虚市 Zixu``) each part is one, and so it is of areas.

    Returns
    -------
    int
        Index of the row; ``None`` where nothing is called so. Spaces are forgiven, and a missing 市, 区 or 县 where only one area can be meant.
    """
    wanted = _bare(word)
    if not wanted:
        return None
    whole = {CITY, _bare(RESERVED[CITY].zh), _bare(RESERVED[CITY].en), *(part for name in city for part in _parts(name))}
    if wanted in whole or _short(wanted) in {_short(name) for name in whole}:
        return next((row for row, identity in enumerate(areas.ids) if identity == CITY), None)
    rows = [int(row) for row in np.flatnonzero(areas.is_area)]
    exact = [row for row in rows if wanted == _bare(str(areas.ids[row]))] or [row for row in rows if wanted == _bare(str(areas.names[row]))]
    parts = {row: _parts(str(areas.names[row])) for row in rows}
    for found in (exact, [row for row in rows if wanted in parts[row]], [row for row in rows if _short(wanted) in map(_short, parts[row])]):
        if len(found) == 1:
            return found[0]
    return None


def _parts(name: str) -> list[str]:
    """Return a name and, of one in two languages or with a place in brackets, each of its parts."""
    return [part for part in dict.fromkeys(_bare(part) for part in (name, *re.split(r"[\s·/,，、;；()（）]+", name))) if part]


def _bare(name: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", name)).casefold()


def _short(name: str) -> str:
    ending = next((ending for ending in _ENDINGS if name.endswith(ending) and len(name) > len(ending) + 1), "")
    return name.removesuffix(ending)
