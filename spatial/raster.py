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
from spatial.errors import CRSError, LayerError, SourceError


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

    def sums(self, polygons: npt.NDArray[np.object_], crs: pyproj.CRS) -> npt.NDArray[np.float64]:
        """Sum of the cells inside every polygon, each cell by the exact share that lies inside.

        Parameters
        ----------
        polygons
            Shape (n,), in ``crs``; empty ones give 0.
        crs
            CRS of the polygons; their edges are densified before they move, so that neighbours stay neighbours.

        Returns
        -------
        numpy.ndarray
            Shape (n,).
        """
        from exactextract import exact_extract

        out = np.zeros(len(polygons))
        used = np.flatnonzero(~(shapely.is_missing(polygons) | shapely.is_empty(polygons)))
        if not len(used):
            return out
        moved = crs_.reproject(shapely.segmentize(polygons[used], 500.0), crs, self.crs)
        reach = np.isfinite(shapely.bounds(moved)).all(axis=1) & shapely.intersects(moved, shapely.box(*self.bounds))
        if not reach.any():
            return out
        frame = gpd.GeoDataFrame({"n": used[reach]}, geometry=list(moved[reach]), crs=self.crs)
        found = exact_extract(str(self.path), frame, ["sum"], output="pandas", include_cols=["n"])
        out[found["n"].to_numpy(dtype=int)] = np.nan_to_num(found["sum"].to_numpy(dtype=float))
        return out

    def footprint(self, crs: pyproj.CRS) -> Any:
        """Return the raster's box as a polygon in ``crs``."""
        return crs_.reproject(np.array([shapely.segmentize(shapely.box(*self.bounds), (self.bounds[2] - self.bounds[0]) / 50)]), self.crs, crs)[0]


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
        A cell is negative.
    """
    import rasterio

    if not path.exists():
        raise SourceError(f"{where}: no such file; check the path in city.toml")
    total, empty, cells, negative, worst = 0.0, 0, 0, 0, 0.0
    try:
        with rasterio.open(path) as source:
            if source.crs is None:
                raise CRSError(f"{where}: the raster has no CRS; assign one, for example with gdal_edit.py -a_srs EPSG:4326")
            crs = pyproj.CRS.from_wkt(source.crs.to_wkt())
            bounds = tuple(source.bounds)
            for _, window in source.block_windows(1):
                band = source.read(1, window=window, masked=True)
                values = np.ma.masked_invalid(band).compressed().astype(float)
                cells, empty = cells + band.size, empty + band.size - values.size
                total += float(values.sum())
                negative += int((values < 0).sum())
                worst = min(worst, float(values.min(initial=0)))
    except rasterio.errors.RasterioError as error:
        raise SourceError(f"{where}: cannot be read as a raster, it may be truncated or corrupt ({_first_line(error)}); get the file again") from error
    if negative:
        raise LayerError(
            f"{where}: {negative} of {cells} cells are negative (lowest {worst:g}), so they are no counts;"
            " declare that value as no-data in the file, for example with gdal_edit.py -a_nodata"
        )
    return Raster(path, crs, bounds, total, empty, cells)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
