"""A handle on a raster that stays in its own CRS: polygons move to it, so that totals are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from spatial import crs as crs_
from spatial.errors import CRSError, Faults, LayerError, SourceError
from spatial.units import MAX_PEOPLE


@dataclass(frozen=True)
class Raster:
    """A checked raster of counts, read by windows.

    Attributes
    ----------
    path
        The file.
    crs
        Its own CRS.
    bounds
        West, south, east, north in ``crs``.
    total
        Sum of all valid cells.
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
        frame = gpd.GeoDataFrame({"n": owners}, geometry=list(ground), crs=self.crs)
        found = exact_extract(str(self.path), frame, ["sum"], output="pandas", include_cols=["n"])
        out[found["n"].to_numpy(dtype=int)] = np.nan_to_num(found["sum"].to_numpy(dtype=float))
        return out

    def footprint(self, around: Any, crs: pyproj.CRS) -> Any:
        """Return the part of ``around`` (a box in ``crs``) that the raster covers; a raster of the world cannot be moved as a whole."""
        fine = shapely.segmentize(around, shapely.length(around) / 200)
        ground = crs_.reproject(np.array([fine]), crs, self.crs)[0]
        box = shapely.box(*self.bounds)
        if shapely.covers(box, ground):
            return around
        return crs_.reproject(np.array([shapely.intersection(box, ground)]), self.crs, crs)[0]


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
    import rasterio

    if path.suffix.lower() == ".vrt":
        raise SourceError(f"{where}: a VRT only names other files, whose changes nobody would notice; give those files themselves")
    if not path.exists():
        raise SourceError(f"{where}: no such file; check the path in city.toml")
    total, empty, cells, negative, infinite, worst = 0.0, 0, 0, 0, 0, 0.0
    try:
        with rasterio.open(path) as source:
            if source.crs is None:
                raise CRSError(f"{where}: the raster has no CRS; assign one, for example with gdal_edit.py -a_srs EPSG:4326")
            if source.count != 1:
                raise LayerError(
                    f"{where}: has {source.count} bands; keep the one that counts people, for example with gdal_translate -b 1 {path.name} band1.tif"
                )
            crs = pyproj.CRS.from_wkt(source.crs.to_wkt())
            bounds = tuple(source.bounds)
            for _, window in source.block_windows(1):
                band = source.read(1, window=window, masked=True)
                values = np.ma.masked_where(np.isnan(band), band).compressed().astype(float)
                cells, empty = cells + band.size, empty + band.size - values.size
                finite = np.abs(values) < MAX_PEOPLE
                infinite += int((~finite & (values > 0)).sum())
                total += float(values[finite].sum())
                negative += int((values < 0).sum())
                worst = min(worst, float(values.min(initial=0)))
    except rasterio.errors.RasterioError as error:
        raise SourceError(
            f"{where}: cannot be read as a raster, it may be truncated or corrupt ({_first_line(error)}); get the file again"
        ) from error
    faults = Faults(LayerError)
    remedy = "declare that value as no-data in the file, for example with gdal_edit.py -a_nodata"
    if negative:
        faults.add(f"{where}: {negative} of {cells} cells are negative (lowest {worst:g}), so they are no counts; {remedy}")
    if infinite:
        faults.add(f"{where}: {infinite} of {cells} cells are infinite or beyond {MAX_PEOPLE:.0g}, so they are no counts; {remedy}")
    elif total > MAX_PEOPLE:
        faults.add(f"{where}: the cells sum to {total:.3g} people, more than {MAX_PEOPLE:.0g}; give a raster of people by cell; {remedy}")
    if empty == cells:
        faults.add(f"{where}: none of {cells} cells has data, so nothing is known of the people; give the right raster or no-data value")
    faults.raise_if_any()
    return Raster(path, crs, bounds, total, empty, cells)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
