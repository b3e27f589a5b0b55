"""The local layers and rasters of Zixu: what a planning bureau would add to the extract."""

from __future__ import annotations

import itertools
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from tests.demo_city import plan
from tests.demo_city.draft import Sheet
from tests.demo_city.plan import COLUMNS, HOUSING, ROWS, kind_of

STEP = 50.0  # plan metres between vertices of an outline; multiples of it, so that neighbours share every vertex
CELL_M = 100.0
HEIGHT_CELL_M = 60.0
COMMUNITY_FIRST = "望听问临依怀枕沐迎栖"
COMMUNITY_SECOND = "溪云月枫松荷鹤雁霞泉竹星"


def outline(polygon: shapely.Polygon) -> shapely.Polygon:
    """A polygon with plan edges as it lies in the city, metres."""

    def ring(coordinates: np.ndarray) -> np.ndarray:
        pieces = []
        for start, end in itertools.pairwise(coordinates.tolist()):
            axis = 0 if start[0] != end[0] else 1
            low, high = sorted((start[axis], end[axis]))
            stops = [stop for stop in np.arange(np.ceil(low / STEP) * STEP, high, STEP).tolist() if stop > low]
            if start[axis] > end[axis]:
                stops.reverse()
            pieces.append(start)
            pieces += [[stop, start[1]] if axis == 0 else [start[0], stop] for stop in stops]
        return np.column_stack(plan.warp(*np.array([*pieces, pieces[0]]).T))

    return shapely.Polygon(
        ring(shapely.get_coordinates(polygon.exterior)), [ring(shapely.get_coordinates(hole)) for hole in polygon.interiors]
    )


def rectangle(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return outline(shapely.box(west, south, east, north))


def quarter(i: int, j: int) -> tuple[float, float, float, float]:
    return COLUMNS[i], ROWS[j], COLUMNS[i + 1], ROWS[j + 1]


def built_up() -> list[shapely.Polygon]:
    """Urban quarters and the railway land between them, united, plan metres."""
    grounds = [shapely.box(*quarter(i, j)) for j in range(len(ROWS) - 1) for i in range(len(COLUMNS) - 1) if _built_up(i, j)]
    return sorted(shapely.get_parts(shapely.union_all(grounds)).tolist(), key=lambda part: part.bounds)


def _built_up(i: int, j: int) -> bool:
    return plan.urban(i, j) or (j == plan.RAIL_ROW and plan.urban(i, j - 1) and plan.urban(i, j + 1))


def communities() -> list[tuple[str, str, tuple[float, float, float, float]]]:
    """Id, name and plan rectangle of each residents' committee: one for a quarter with housing."""
    found = [(i, j) for j in range(len(ROWS) - 1) for i in range(len(COLUMNS) - 1) if kind_of(i, j) in HOUSING]
    names = [first + second + "社区" for second in COMMUNITY_SECOND for first in COMMUNITY_FIRST]
    return [(f"C{n:03d}", names[(n * 7) % len(names)], quarter(i, j)) for n, (i, j) in enumerate(found, start=1)]


def layers() -> dict[str, gpd.GeoDataFrame]:
    """Layers of ``local.gpkg``, metres in the city's CRS."""

    def named(rows: list[tuple[str, str, tuple[float, float, float, float]]]) -> gpd.GeoDataFrame:
        ids, names, rectangles = zip(*rows, strict=True)
        return gpd.GeoDataFrame({"code": ids, "name": names}, geometry=[rectangle(*each) for each in rectangles], crs=plan.CRS)

    land = [outline(part) for part in built_up()]
    whole = (plan.WEST, plan.SOUTH, plan.EAST, plan.NORTH)
    return {
        "districts": named([(code, name, each) for code, (name, each) in plan.DISTRICTS.items()]),
        "zones": named([(code, name, each) for code, (name, each) in plan.ZONES.items()]),
        "communities": named(communities()),
        "boundary": named([("990100", plan.NAME, whole)]),
        "built_up_area": gpd.GeoDataFrame({"name": [f"建成区 {n}" for n in range(1, len(land) + 1)]}, geometry=land, crs=plan.CRS),
    }


def people(sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
    """Plan places of the homes, shape (n, 2), and the people in each: by floor area, adding up to the stated total."""
    homes = np.array([row[:5] for row in sheet.homes])
    count = homes[:, 2] * homes[:, 3] / homes[:, 4]
    return homes[:, :2], count * (plan.PEOPLE / count.sum())


def population(sheet: Sheet) -> tuple[np.ndarray, float, float]:
    """People by cell of 100 m, rows from the north, and the west and north edge, metres."""
    places, count = people(sheet)
    east, north = plan.warp(places[:, 0], places[:, 1])
    west, top, columns, rows = _frame(CELL_M)
    cells = np.zeros((rows, columns))
    np.add.at(cells, (((top - north) // CELL_M).astype(int), ((east - west) // CELL_M).astype(int)), count)
    return cells.astype("float32"), west, top


def elevation() -> tuple[np.ndarray, float, float]:
    """Metres above the sea by cell of 60 m, rows from the north, and the west and north edge."""
    west, top, columns, rows = _frame(HEIGHT_CELL_M)
    # The warp has no closed inverse: heights are known on a dense plan grid and each cell takes the mean of what falls into it.
    x, y = np.meshgrid(np.arange(plan.WEST - 4000, plan.EAST + 4000, 25.0), np.arange(plan.SOUTH - 4000, plan.NORTH + 4000, 25.0))
    east, north = plan.warp(x, y)
    row, column = ((top - north) // HEIGHT_CELL_M).astype(int), ((east - west) // HEIGHT_CELL_M).astype(int)
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    flat = (row * columns + column)[inside]
    count = np.bincount(flat, minlength=rows * columns)
    total = np.bincount(flat, weights=plan.height_m(x, y)[inside], minlength=rows * columns)
    with np.errstate(invalid="ignore"):
        heights = np.round(total / count, 1).reshape(rows, columns)
    return np.where(np.isnan(heights), -9999.0, heights).astype("float32"), west, top


def _frame(cell: float) -> tuple[float, float, int, int]:
    west, south, east, north = rectangle(plan.WEST, plan.SOUTH, plan.EAST, plan.NORTH).bounds
    west, south = np.floor(west / cell) * cell, np.floor(south / cell) * cell
    columns, rows = int(np.ceil((east - west) / cell)), int(np.ceil((north - south) / cell))
    return float(west), float(south + rows * cell), columns, rows


def write_layers(path: Path) -> None:
    path.unlink(missing_ok=True)
    for name, frame in layers().items():
        frame.to_file(path, layer=name, driver="GPKG", engine="pyogrio", geometry_type="Polygon", VERSION="1.2")


def write_raster(path: Path, cells: np.ndarray, west: float, north: float, cell: float, nodata: float | None) -> None:
    import rasterio

    path.unlink(missing_ok=True)
    height, width = cells.shape
    profile = {"driver": "GTiff", "count": 1, "height": height, "width": width, "dtype": "float32", "crs": plan.CRS, "nodata": nodata}
    with rasterio.open(
        path, "w", transform=rasterio.Affine(cell, 0, west, 0, -cell, north), compress="deflate", predictor=3, **profile
    ) as target:
        target.write(cells, 1)
