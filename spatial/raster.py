"""A handle on a raster that stays in its own CRS: polygons and points move to it, so that totals are kept and heights stay measured ones."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from spatial import crs as crs_
from spatial.errors import CRSError, Faults, LayerError, SourceError, shown
from spatial.files import refuse_wrappers
from spatial.units import MAX_PEOPLE

LOWEST_M, HIGHEST_M = -500.0, 9000.0  # beyond the Dead Sea and Mount Everest: a no-data value that nobody declared
_TILE = 1024
_NODATA_REMEDY = "declare that value as no-data in the file, for example with gdal_edit.py -a_nodata"
_FEET = ("ft", "foot", "feet", "us-ft", "us survey foot", "ussurveyfoot")
DRIVERS = ("GTiff", "HFA", "AAIGrid")  # formats that hold their cells themselves
MOST_CELLS, MOST_CELLS_AT_ONCE, MOST_BLOCKS = 2_000_000_000, 60_000_000, 300_000
MOST_CELLS_A_BYTE = 20_000  # of a large file: the emptiest country packs to some hundred


@dataclass(frozen=True)
class Raster:
    """A checked raster of counts or of heights, read by windows.

    Attributes
    ----------
    path
        The file.
    crs
        Its own CRS.
    bounds
        West, south, east, north in ``crs``.
    total
        Sum of all valid cells; NaN for heights, which do not add up.
    nodata_cells, cells
        How many cells have no data, of how many.
    """

    path: Path
    crs: pyproj.CRS
    bounds: tuple[float, float, float, float]
    total: float
    nodata_cells: int
    cells: int

    def sums(self, polygons: npt.NDArray[np.object_], owner: npt.NDArray[np.int64], count: int, crs: pyproj.CRS) -> npt.NDArray[np.float64]:
        """Sum of the cells on every owner's ground, each cell by the exact share that lies inside.

        Parameters
        ----------
        polygons
            Shape (n,), in ``crs``; those of one owner do not overlap.
        owner
            Index of the owner, shape (n,).
        count
            How many owners there are.
        crs
            CRS of the polygons; their edges are densified before they move, so that neighbours stay neighbours.

        Returns
        -------
        numpy.ndarray
            Shape (count,).
        """
        from exactextract import exact_extract

        out = np.zeros(count)
        simple, part = shapely.get_parts(polygons, return_index=True)
        owner = owner[part]
        moved = crs_.reproject(shapely.segmentize(simple, 500.0), crs, self.crs)
        used = np.isfinite(shapely.bounds(moved)).all(axis=1) & shapely.intersects(moved, shapely.box(*self.bounds))
        if not used.any():
            return out
        order = np.argsort(owner[used], kind="stable")
        owners, indices = np.unique(owner[used][order], return_inverse=True)
        # The shares of a cell add up over the parts, so they need not be united into a valid outline first.
        ground = shapely.multipolygons(moved[used][order], indices=indices)
        found = exact_extract(str(self.path), _features(owners, ground, self.crs), ["sum"], output="pandas", include_cols=["n"])
        out[found["n"].to_numpy(dtype=int)] = np.nan_to_num(found["sum"].to_numpy(dtype=float))
        return out

    def sample(self, xy: npt.NDArray[np.float64], crs: pyproj.CRS) -> npt.NDArray[np.float64]:
        """Heights at points, bilinear between the centres of the four cells around each.

        Parameters
        ----------
        xy
            Shape (n, 2), in ``crs``.
        crs
            CRS of the points; they move to the raster's.

        Returns
        -------
        numpy.ndarray
            Shape (n,), as the band says (metres). NaN outside the raster, where the cell under the point has no data, and for points that are
            not finite. Neighbours without data, or beyond the raster's edge, have no weight.

        Raises
        ------
        SourceError
            The file is gone or damaged since it was opened.
        CRSError
            PROJ knows no exact way between the two CRS.
        """
        points = np.asarray(xy, dtype=float).reshape(-1, 2)
        heights = np.full(len(points), np.nan)
        finite = np.isfinite(points).all(axis=1)
        moved = np.full(points.shape, np.inf)
        moved[finite] = shapely.get_coordinates(crs_.reproject(shapely.points(points[finite]), crs, self.crs))
        with _opened(self.path, str(self.path)) as source:
            to_cells = ~source.transform
            with np.errstate(invalid="ignore"):
                columns = to_cells.a * moved[:, 0] + to_cells.b * moved[:, 1] + to_cells.c
                rows = to_cells.d * moved[:, 0] + to_cells.e * moved[:, 1] + to_cells.f
                inside = finite & (columns >= 0) & (columns <= source.width) & (rows >= 0) & (rows <= source.height)
            if not inside.any():
                return heights
            at = np.flatnonzero(inside)
            column = np.clip(columns[at] - 0.5, 0, source.width - 1)
            row = np.clip(rows[at] - 0.5, 0, source.height - 1)
            tile = (row // _TILE).astype(np.int64) * (source.width // _TILE + 1) + (column // _TILE).astype(np.int64)
            order = np.argsort(tile, kind="stable")
            for group in np.split(order, np.flatnonzero(np.diff(tile[order])) + 1):  # one window at a time, however large the file
                heights[at[group]] = _bilinear(source, column[group], row[group])
        return heights

    def places(self, around: Any, crs: pyproj.CRS, *, size_m: float) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float64]]:
        """Return the cells that hold something, as polygons of about ``size_m``.

        Parameters
        ----------
        around
            Polygon in ``crs``; cells that do not meet its bounds are left out.
        crs
            Projected CRS, metres, of ``around`` and of the answer.
        size_m
            Larger cells are divided into equal parts no larger than this; much smaller ones are joined, by a whole number.

        Returns
        -------
        polygons, count
            Shape (k,); the counts sum to those of the cells.
        """
        from rasterio.windows import Window, from_bounds

        own = crs_.reproject(np.array([shapely.segmentize(shapely.box(*shapely.bounds(around)), 500.0)]), crs, self.crs)[0]
        with _opened(self.path, str(self.path)) as source:
            window = from_bounds(*shapely.bounds(own), transform=source.transform)
            column, row = max(int(np.floor(window.col_off)) - 1, 0), max(int(np.floor(window.row_off)) - 1, 0)
            width = min(int(np.ceil(window.col_off + window.width)) + 1, source.width) - column
            height = min(int(np.ceil(window.row_off + window.height)) + 1, source.height) - row
            if width <= 0 or height <= 0:
                return np.empty(0, object), np.empty(0)
            if width * height > MOST_CELLS_AT_ONCE:
                raise LayerError(
                    f"{self.path}: has {width} × {height} cells over the city, too many to stand for its people one by one; sum them to larger cells,"
                    f" for example with gdalwarp -r sum -tr 100 100 {self.path.name} coarse.tif"
                )
            band = source.read(1, window=Window(column, row, width, height), masked=True)
            transform, source_size = source.transform, (source.width, source.height)
        count = (
            np.where(np.isnan(band.filled(np.nan)), 0.0, band.filled(0.0).astype(float))
            if band.dtype.kind == "f"
            else band.filled(0).astype(float)
        )
        middle = crs_.reproject(_boxes(transform, np.array([column + width / 2]), np.array([row + height / 2]), 1.0), self.crs, crs)
        side = float(np.sqrt(shapely.area(middle)[0]))
        many = max(int(np.floor(0.6 * size_m / side)), 1)
        if many > 1:  # blocks begin at multiples of their size, whatever the window
            before, left = row % many, column % many
            padded = np.pad(count, ((before, -(before + height) % many), (left, -(left + width) % many)))
            count = padded.reshape(padded.shape[0] // many, many, padded.shape[1] // many, many).sum(axis=(1, 3))
            row, column = row - before, column - left
        y, x = np.nonzero(count > 0)
        held = count[y, x]
        parts = max(int(np.ceil(side * many / size_m - 1e-9)), 1)
        step = many / parts
        inner_y, inner_x = (index.ravel() for index in np.mgrid[0:parts, 0:parts])
        columns = column + (x * many)[:, None] + inner_x * step
        rows = row + (y * many)[:, None] + inner_y * step
        # A block at the raster's edge ends there: nobody is put where the raster holds no cell.
        width_all, height_all = source_size
        boxes = crs_.reproject(_boxes(transform, columns.ravel(), rows.ravel(), step, width_all, height_all), self.crs, crs)
        return boxes, np.repeat(held / parts**2, parts**2)

    def footprint(self, around: Any, crs: pyproj.CRS) -> Any:
        """Return the part of ``around`` (a box in ``crs``) that the raster covers; a raster of the world cannot be moved as a whole."""
        fine = shapely.segmentize(around, shapely.length(around) / 200)
        ground = crs_.reproject(np.array([fine]), crs, self.crs)[0]
        box = shapely.box(*self.bounds)
        if shapely.covers(box, ground):
            return around
        return crs_.reproject(np.array([shapely.intersection(box, ground)]), self.crs, crs)[0]


def _features(owners: npt.NDArray[np.int64], ground: npt.NDArray[np.object_], crs: pyproj.CRS) -> Any:
    """Hand polygons over as WKB: by way of a frame each would be written and read as GeoJSON, which costs more than the sums."""
    from exactextract.feature import FeatureSource, JSONFeature

    class Ground(JSONFeature):  # type: ignore[misc]
        def __init__(self, n: int, wkb: bytes) -> None:
            super().__init__({"type": "Feature", "properties": {"n": n}})
            self.wkb = wkb

        def geometry(self) -> bytes:
            return self.wkb

    class Grounds(FeatureSource):  # type: ignore[misc]
        def count(self) -> int:
            return len(owners)

        def __iter__(self) -> Iterator[Ground]:
            return (Ground(n, wkb) for n, wkb in zip(owners.tolist(), shapely.to_wkb(ground), strict=True))

        def srs_wkt(self) -> str:
            return crs.to_wkt()

    return Grounds()


def open_raster(path: Path, kind: str, *, where: str) -> Raster:
    """Open a raster as the layer's declaration says: ``counts`` (``open_counts``) or ``surface`` (``open_surface``)."""
    return open_surface(path, where=where) if kind == "surface" else open_counts(path, where=where)


def open_counts(path: Path, *, where: str) -> Raster:
    """Open and check a raster whose first band counts something.

    Parameters
    ----------
    path
        GeoTIFF or another format of GDAL.
    where
        File and layer, for messages.

    Returns
    -------
    Raster
        Its totals are computed here, block by block.

    Raises
    ------
    SourceError
        Missing, truncated or not a raster.
    CRSError
        The raster has no CRS.
    LayerError
        Several bands; no cell has data; a cell is negative or infinite; the cells sum to more people than live on earth.
    """
    total, empty, cells, negative, infinite, worst = 0.0, 0, 0, 0, 0, 0.0
    with _opened(path, where) as source:
        if source.transform.b or source.transform.d:
            raise LayerError(
                f"{where}: its rows do not run from west to east; set it straight, for example with gdalwarp {path.name} straight.tif"
            )
        crs = _checked_crs(source, path, where, what="counts people")
        if (source.scales[0], source.offsets[0]) != (1.0, 0.0):
            raise LayerError(
                f"{where}: its cells are to be multiplied by {source.scales[0]:g} and moved by {source.offsets[0]:g}, which is not done to counts;"
                f" write plain numbers, for example with gdal_translate -unscale -ot Float64 {path.name} plain.tif"
            )
        bounds = tuple(source.bounds)
        for values, size in _blocks(source):
            cells, empty = cells + size, empty + size - values.size
            finite = np.abs(values) < MAX_PEOPLE
            infinite += int((~finite & (values > 0)).sum())
            total += float(values[finite].sum())
            negative += int((values < 0).sum())
            worst = min(worst, float(values.min(initial=0)))
    faults = Faults(LayerError)
    if negative:
        faults.add(f"{where}: {negative} of {cells} cells are negative (lowest {worst:g}), so they are no counts; {_NODATA_REMEDY}")
    if infinite:
        faults.add(f"{where}: {infinite} of {cells} cells are infinite or beyond {MAX_PEOPLE:.0g}, so they are no counts; {_NODATA_REMEDY}")
    elif total > MAX_PEOPLE:
        faults.add(
            f"{where}: the cells sum to {total:.3g} people, more than {MAX_PEOPLE:.0g}; give a raster of people by cell; {_NODATA_REMEDY}"
        )
    if empty == cells:
        faults.add(f"{where}: none of {cells} cells has data, so nothing is known of the people; give the right raster or no-data value")
    faults.raise_if_any()
    return Raster(path, crs, bounds, total, empty, cells)


def open_surface(path: Path, *, where: str) -> Raster:
    """Open and check a raster whose first band holds ground heights.

    Parameters
    ----------
    path
        GeoTIFF or another format of GDAL.
    where
        File and layer, for messages.

    Returns
    -------
    Raster
        Heights in metres; its cells are looked at block by block.

    Raises
    ------
    SourceError
        Missing, truncated or not a raster.
    CRSError
        The raster has no CRS.
    LayerError
        Several bands; heights in feet; no cell has data; heights below -500 m or above 9000 m.
    """
    empty, cells, absurd, low, high = 0, 0, 0, np.inf, -np.inf
    with _opened(path, where) as source:
        crs = _checked_crs(source, path, where, what="holds the heights")
        bounds = tuple(source.bounds)
        in_feet = str(source.units[0] or "").strip().lower() in _FEET
        for values, size in _blocks(source):
            cells, empty = cells + size, empty + size - values.size
            heights = values * source.scales[0] + source.offsets[0]
            absurd += int((~((heights >= LOWEST_M) & (heights <= HIGHEST_M))).sum())
            low, high = min(low, float(heights.min(initial=np.inf))), max(high, float(heights.max(initial=-np.inf)))
    faults = Faults(LayerError)
    if in_feet:
        faults.add(f"{where}: its heights are in feet; convert them to metres, for example with gdal_calc.py --calc A*0.3048")
    if absurd and not in_feet:
        faults.add(
            f"{where}: {absurd} of {cells} cells are below {LOWEST_M:g} m or above {HIGHEST_M:g} m (from {low:g} to {high:g}), so they are no"
            f" heights in metres; {_NODATA_REMEDY}"
        )
    if empty == cells:
        faults.add(f"{where}: none of {cells} cells has data, so no height is known; give the right raster or no-data value")
    faults.raise_if_any()
    return Raster(path, crs, bounds, np.nan, empty, cells)


@contextlib.contextmanager
def _opened(path: Path, where: str) -> Iterator[Any]:
    """Open a raster; whatever GDAL cannot read of it, then or later, is a ``SourceError``."""
    import rasterio

    if not path.exists():
        raise SourceError(f"{where}: no such file; check the path in city.toml")
    refuse_wrappers(path, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # said below, as an error that names the file
            opened = rasterio.open(path)
        with opened as source:
            if source.driver not in DRIVERS:
                raise SourceError(
                    f"{where}: is a {source.driver} file; known: {', '.join(DRIVERS)}; convert it, for example with gdal_translate"
                )
            if source.width * source.height > MOST_CELLS or max(y * x for y, x in source.block_shapes) > MOST_CELLS_AT_ONCE:
                raise LayerError(
                    f"{where}: has {source.width} × {source.height} cells, too many to look at; cut it to the city, for example with"
                    f" gdal_translate -projwin WEST NORTH EAST SOUTH -co TILED=YES {path.name} city.tif"
                )
            cells, size = source.width * source.height, path.stat().st_size
            if cells > 100_000_000 and cells > MOST_CELLS_A_BYTE * size:
                raise LayerError(
                    f"{where}: announces {source.width} × {source.height} cells in {size} bytes, so next to nothing is in it; give the whole file, or"
                    f" cut it to the city, for example with gdal_translate -projwin WEST NORTH EAST SOUTH {path.name} city.tif"
                )
            if any(
                math.prod(-(-size // step) for size, step in zip(source.shape, block, strict=True)) > MOST_BLOCKS
                for block in source.block_shapes
            ):
                raise LayerError(
                    f"{where}: its {source.width} × {source.height} cells are stored in more than {MOST_BLOCKS} pieces; store them in tiles,"
                    f" for example with gdal_translate -co TILED=YES {path.name} tiled.tif"
                )
            if np.dtype(source.dtypes[0]).kind == "c":
                raise LayerError(f"{where}: its cells are complex numbers; give a raster of plain numbers")
            yield source
    except rasterio.errors.RasterioError as error:
        raise SourceError(
            f"{where}: cannot be read as a raster, it may be truncated or corrupt ({_first_line(error)}); get the file again"
        ) from error


def _checked_crs(source: Any, path: Path, where: str, *, what: str) -> pyproj.CRS:
    if source.crs is None:
        raise CRSError(f"{where}: the raster has no CRS; assign one, for example with gdal_edit.py -a_srs EPSG:4326")
    if source.count != 1:
        raise LayerError(
            f"{where}: has {source.count} bands; keep the one that {what}, for example with gdal_translate -b 1 {path.name} band1.tif"
        )
    crs = pyproj.CRS.from_wkt(source.crs.to_wkt())
    if not (crs.is_geographic or crs.is_projected):
        raise CRSError(
            f"{where}: the raster's CRS, {shown(crs.name)}, is a local one that lies nowhere on earth; assign the true one, for example with"
            " gdal_edit.py -a_srs EPSG:4551"
        )
    return crs


def _blocks(source: Any) -> Iterator[tuple[npt.NDArray[np.float64], int]]:
    """Yield the valid values of each block, and how many cells the block has."""
    for _, window in source.block_windows(1):
        band = source.read(1, window=window, masked=True)
        yield np.ma.masked_where(np.isnan(band), band).compressed().astype(float), band.size


def _bilinear(source: Any, column: npt.NDArray[np.float64], row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Heights at positions in cells (centres at whole numbers, inside the raster) that lie close together; one window is read."""
    from rasterio.windows import Window

    left, top = int(column.min()), int(row.min())
    width = min(int(column.max()) + 2, source.width) - left
    height = min(int(row.max()) + 2, source.height) - top
    band = source.read(1, window=Window(left, top, width, height), masked=True).astype(float).filled(np.nan)
    band = band * source.scales[0] + source.offsets[0]
    column, row = column - left, row - top
    west, north = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
    east, south = np.minimum(west + 1, width - 1), np.minimum(north + 1, height - 1)
    right, down = column - west, row - north
    corners = np.stack([band[north, west], band[north, east], band[south, west], band[south, east]])
    weights = np.stack([(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down])
    weights[np.isnan(corners)] = 0
    with np.errstate(invalid="ignore"):
        found = np.nansum(weights * np.nan_to_num(corners), axis=0) / weights.sum(axis=0)
    under = band[np.where(down < 0.5, north, south), np.where(right < 0.5, west, east)]
    heights: npt.NDArray[np.float64] = np.where(np.isnan(under), np.nan, found)
    return heights


def _boxes(
    transform: Any,
    column: npt.NDArray[np.float64],
    row: npt.NDArray[np.float64],
    step: float,
    width: float = np.inf,
    height: float = np.inf,
) -> npt.NDArray[np.object_]:
    """Squares of ``step`` cells as polygons in the raster's CRS, from their upper left corners in cells; none reaches beyond the raster."""
    corners = np.stack([np.stack([column + dx, row + dy]) for dx, dy in ((0, 0), (step, 0), (step, step), (0, step), (0, 0))], axis=-1)
    corners = np.stack([np.clip(corners[0], -np.inf, width), np.clip(corners[1], -np.inf, height)])
    x = transform.a * corners[0] + transform.b * corners[1] + transform.c
    y = transform.d * corners[0] + transform.e * corners[1] + transform.f
    return np.asarray(shapely.polygons(np.stack([x, y], axis=-1)), dtype=object)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
