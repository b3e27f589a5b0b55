"""Heights from a raster: right on a plane, nothing where nothing is known, a window at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

import spatial.raster as raster_module
from spatial.errors import CRSError, LayerError, SourceError
from spatial.raster import Raster, open_counts, open_raster, open_surface
from tests.small_city import write_raster

METRES = pyproj.CRS.from_epsg(4551)
DEGREES = pyproj.CRS.from_epsg(4326)
EAST, NORTH, CELL_M = 450_000.0, 4_860_000.0, 10.0
"""North-west corner of every raster here that is in metres."""


def plane(rows: int, columns: int) -> np.ndarray:
    """100 m at the north-west cell, 2 m more a column eastward and 3 m less a row southward."""
    return 100 + 2.0 * np.arange(columns)[None, :] - 3.0 * np.arange(rows)[:, None]


def surface(path: Path, values: Any, nodata: float | None = None) -> Raster:
    rows, columns = np.shape(values)
    bounds = (EAST, NORTH - rows * CELL_M, EAST + columns * CELL_M, NORTH)
    return open_surface(write_raster(path, values, crs="EPSG:4551", bounds=bounds, nodata=nodata), where="elevation")


def at(*cells: tuple[float, float]) -> np.ndarray:
    """Points by column and row, counted in cells from the north-west corner; (0.5, 0.5) is the first centre."""
    places = np.array(cells)
    return np.column_stack([EAST + places[:, 0] * CELL_M, NORTH - places[:, 1] * CELL_M])


@pytest.fixture(scope="module")
def slope(tmp_path_factory: pytest.TempPathFactory) -> Raster:
    return surface(tmp_path_factory.mktemp("slope") / "dem.tif", plane(40, 60))


def test_a_centre_has_the_height_of_its_cell_and_half_way_the_mean(slope: Raster) -> None:
    #            first centre  one column on  one row on   half-way between four centres: (100 + 102 + 97 + 99) / 4
    points = at((0.5, 0.5), (1.5, 0.5), (0.5, 1.5), (1.0, 1.0))
    assert slope.sample(points, METRES) == pytest.approx([100, 102, 97, 99.5], abs=1e-9)


@given(st.lists(st.tuples(st.floats(0.5, 59.5), st.floats(0.5, 39.5)), min_size=1, max_size=30))
def test_a_plane_is_met_exactly_between_the_outer_centres(slope: Raster, cells: list[tuple[float, float]]) -> None:
    column, row = np.array(cells).T
    assert slope.sample(at(*cells), METRES) == pytest.approx(100 + 2 * (column - 0.5) - 3 * (row - 0.5), abs=1e-6)


@given(st.permutations(range(50)))
def test_the_order_of_the_points_does_not_matter(slope: Raster, order: list[int]) -> None:
    points = at(*[(1.17 * n % 60, 0.73 * n % 40) for n in range(50)])
    assert (slope.sample(points[order], METRES) == slope.sample(points, METRES)[order]).all()


def test_the_outer_half_cell_keeps_the_height_of_the_edge_and_beyond_it_nothing_is_known(slope: Raster) -> None:
    points = at((0, 0.5), (60, 39.5), (0.25, 0.25), (-0.01, 0.5), (60.01, 5), (5, -0.01), (5, 40.01), (np.nan, 1), (np.inf, 1))
    found = slope.sample(points, METRES)
    assert found[:3] == pytest.approx([100, 100 + 2 * 59 - 3 * 39, 100], abs=1e-9)
    assert np.isnan(found[3:]).all()


@pytest.mark.parametrize(("hole", "nodata"), [(-32768.0, -32768.0), (np.nan, None)])
def test_a_cell_without_data_has_no_height_and_no_weight(tmp_path: Path, hole: float, nodata: float | None) -> None:
    # 10 20
    # 30 no  in the corner of four: each of the three known ones weighs a third.
    raster = surface(tmp_path / "dem.tif", [[10, 20], [30, hole]], nodata)
    assert (raster.nodata_cells, raster.cells) == (1, 4)
    found = raster.sample(at((0.999999, 0.999999), (1.5, 1.5), (1.01, 1.01), (1.5, 0.5)), METRES)
    assert found[0] == pytest.approx(20, abs=1e-3)
    assert np.isnan(found[1:3]).all()
    assert found[3] == 20


def test_points_move_to_the_crs_of_the_raster(tmp_path: Path) -> None:
    # 0.001° cells, 1 m up a column: the height is the longitude. The points are given in metres.
    bounds = (125.3, 43.9, 125.4, 43.95)
    values = np.tile(np.arange(100.0), (50, 1))
    raster = open_surface(write_raster(tmp_path / "dem.tif", values, bounds=bounds), where="elevation")
    longitude, latitude = np.array([125.3105, 125.35, 125.3777]), np.array([43.91, 43.92, 43.9333])
    east, north = pyproj.Transformer.from_crs(DEGREES, METRES, always_xy=True).transform(longitude, latitude)
    found = raster.sample(np.column_stack([east, north]), METRES)
    assert found == pytest.approx((longitude - 125.3) / 0.001 - 0.5, abs=1e-4)


def test_a_crs_that_cannot_be_reached_is_an_error(slope: Raster) -> None:
    with pytest.raises(CRSError, match="the datums differ"):
        slope.sample(at((1, 1)), pyproj.CRS.from_epsg(2343))


def test_no_point_gives_no_height(slope: Raster) -> None:
    assert slope.sample(np.empty((0, 2)), METRES).shape == (0,)


def test_a_large_raster_is_read_by_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points on both sides of where two windows meet lie on the same plane, and no window is larger than it must be."""
    raster = surface(tmp_path / "dem.tif", 3000 + plane(1100, 2100))
    opened, shapes = raster_module._opened, []

    class Recorded:
        def __init__(self, source: Any) -> None:
            self.source = source

        def __getattr__(self, name: str) -> Any:
            return getattr(self.source, name)

        def read(self, *args: Any, **options: Any) -> Any:
            band = self.source.read(*args, **options)
            shapes.append(band.shape)
            return band

    @contextlib.contextmanager
    def recorded(path: Path, where: str) -> Iterator[Any]:
        with opened(path, where) as source:
            yield Recorded(source)

    monkeypatch.setattr(raster_module, "_opened", recorded)
    cells = [(x, y) for x in (1023.4, 1024.2, 1024.5, 1024.6, 2047.9) for y in (1023.7, 1024.3, 1025.0)] + [(1.0, 1.0)]
    column, row = np.array(cells).T
    assert raster.sample(at(*cells), METRES) == pytest.approx(3100 + 2 * (column - 0.5) - 3 * (row - 0.5), abs=1e-9)
    assert max(max(shape) for shape in shapes) <= 1026
    shapes.clear()
    raster.sample(at((700.3, 800.2)), METRES)
    assert shapes == [(2, 2)]


def test_scaled_heights_are_read_as_heights(tmp_path: Path) -> None:
    import rasterio

    path = write_raster(tmp_path / "dem.tif", [[1000, 1200], [1400, 1600]], crs="EPSG:4551", bounds=(EAST, NORTH - 20, EAST + 20, NORTH))
    with rasterio.open(path, "r+") as target:  # decimetres above a datum 50 m down
        target.scales, target.offsets = (0.1,), (-50.0,)
    assert open_surface(path, where="x").sample(at((0.5, 0.5), (1, 1)), METRES) == pytest.approx([50, 80])


def test_heights_do_not_add_up_and_depressions_are_no_fault(tmp_path: Path) -> None:
    raster = surface(tmp_path / "dem.tif", [[-154, 3]])
    assert np.isnan(raster.total)
    assert raster.sample(at((0.5, 0.5)), METRES) == -154


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ([[1, 9001], [3, 4]], "1 of 4 cells are below -500 m or above 9000 m (from 1 to 9001), so they are no heights in metres; declare"),
        ([[-32768, 2], [-501, 4]], "2 of 4 cells are below -500 m or above 9000 m (from -32768 to 4)"),
        ([[np.inf, 2], [3, 4]], "1 of 4 cells are below -500 m or above 9000 m"),
        ([[np.nan, np.nan]], "none of 2 cells has data, so no height is known"),
        (np.ones((2, 2, 2)), "has 2 bands; keep the one that holds the heights"),
    ],
)
def test_what_is_no_surface(tmp_path: Path, values: Any, part: str) -> None:
    path = write_raster(tmp_path / "dem.tif", values)
    with pytest.raises(LayerError) as caught:
        open_raster(path, "surface", where=f"elevation: {path}")
    assert part in str(caught.value)
    assert "dem.tif: " in str(caught.value)


def test_feet_are_refused(tmp_path: Path) -> None:
    import rasterio

    path = write_raster(tmp_path / "dem.tif", [[1, 2]])
    with rasterio.open(path, "r+") as target:
        target.units = ("ft",)
    with pytest.raises(LayerError, match="heights are in feet; convert them to metres"):
        open_surface(path, where="elevation")


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        open_surface(tmp_path / "dem.tif", where="elevation")
    with pytest.raises(CRSError, match="the raster has no CRS"):
        open_surface(write_raster(tmp_path / "dem.tif", [[1, 2]], crs=None), where="elevation")
    raster = surface(tmp_path / "dem.tif", plane(4, 4))
    raster.path.unlink()
    with pytest.raises(SourceError, match="no such file"):
        raster.sample(at((1, 1)), METRES)


def test_counts_and_heights_are_told_apart_by_the_declaration(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "x.tif", [[1, -2], [3, 4]])
    assert open_raster(path, "surface", where="x").cells == 4
    with pytest.raises(LayerError, match="1 of 4 cells are negative"):
        open_raster(path, "counts", where="x")


class TestPlaces:
    """Cells as places: divided or joined, and nobody lost."""

    def raster(self, tmp_path, size, cells=8):
        values = np.arange(cells * cells, dtype=float).reshape(cells, cells)
        bounds = (500_000, 4_850_000, 500_000 + cells * size, 4_850_000 + cells * size)
        path = write_raster(tmp_path / "people.tif", values, crs="EPSG:32651", bounds=bounds)
        return open_counts(path, where="people"), shapely.box(*bounds)

    @pytest.mark.parametrize(("size", "expected"), [(100, 100), (250, 250 / 3), (20, 60), (99, 99)])
    def test_size_of_the_places(self, tmp_path, size, expected):
        # 250 m is divided by three; 20 m is joined three by three, since 0.6 × 100 m hold three cells.
        raster, ground = self.raster(tmp_path, size)
        places, people = raster.places(ground, pyproj.CRS("EPSG:32651"), size_m=100.0)
        assert people.sum() == pytest.approx(sum(range(64)))
        assert np.sqrt(np.max(shapely.area(places))) == pytest.approx(expected)

    def test_each_place_holds_its_cell(self, tmp_path):
        raster, ground = self.raster(tmp_path, 100)
        places, people = raster.places(ground, pyproj.CRS("EPSG:32651"), size_m=100.0)
        assert len(places) == 63  # the cell in the north-west corner is empty
        south_west = np.argmin(shapely.bounds(places)[:, 0] + shapely.bounds(places)[:, 1])
        assert people[south_west] == 56
        assert shapely.bounds(places[south_west]) == pytest.approx([500_000, 4_850_000, 500_100, 4_850_100])

    def test_only_around(self, tmp_path):
        raster, _ = self.raster(tmp_path, 100)
        west = shapely.box(500_000, 4_850_000, 500_150, 4_850_150)
        places, _ = raster.places(west, pyproj.CRS("EPSG:32651"), size_m=100.0)
        assert 4 <= len(places) < 63
        away = shapely.box(600_000, 4_850_000, 600_150, 4_850_150)
        assert len(raster.places(away, pyproj.CRS("EPSG:32651"), size_m=100.0)[0]) == 0

    def test_joined_cells_end_where_the_raster_ends(self, tmp_path):
        # 8 cells of 20 m joined by threes: the last block holds two, and its people are not put beyond the edge.
        raster, ground = self.raster(tmp_path, 20)
        places, people = raster.places(ground, pyproj.CRS("EPSG:32651"), size_m=100.0)
        assert shapely.covers(shapely.buffer(ground, 1e-6), places).all()
        assert people.sum() == pytest.approx(sum(range(64)))


@pytest.mark.parametrize("opened", [open_counts, open_surface])
def test_a_wrapper_under_another_name_is_refused(tmp_path, opened):
    real = write_raster(tmp_path / "real.tif", plane(4, 4), crs="EPSG:32651", bounds=(500_000, 4_850_000, 500_400, 4_850_400))
    text = f'<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Float32" band="1"><SimpleSource><SourceFilename>{real}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>'
    (tmp_path / "dem.tif").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match="only names other files"):
        opened(tmp_path / "dem.tif", where="elevation")


def test_a_raster_too_large_to_look_at_is_named(tmp_path):
    import rasterio
    from rasterio.transform import from_origin

    path = tmp_path / "bomb.tif"
    profile = {"driver": "GTiff", "width": 200_000, "height": 200_000, "count": 1, "dtype": "uint8", "crs": "EPSG:32651", "tiled": True}
    with rasterio.open(path, "w", transform=from_origin(500_000, 4_900_000, 1, 1), SPARSE_OK=True, **profile):
        pass
    for opened in (open_counts, open_surface):
        with pytest.raises(LayerError, match="200000 × 200000 cells, too many"):
            opened(path, where="elevation")


def test_a_raster_of_nothing_is_refused_before_it_is_read(tmp_path):
    import rasterio

    path, size = tmp_path / "p.tif", 40_000
    place = rasterio.transform.from_bounds(125.2, 43.8, 125.5, 44.0, size, size)
    form = {
        "driver": "GTiff",
        "width": size,
        "height": size,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:4326",
        "transform": place,
        "nodata": -1,
    }
    with rasterio.open(path, "w", **form, tiled=True, blockxsize=4096, blockysize=4096, SPARSE_OK="TRUE"):
        pass
    with pytest.raises(LayerError, match=r"announces 40000 × 40000 cells in \d+ bytes, so next to nothing is in it"):
        open_counts(path, where="population")


def test_a_turned_raster_of_people_is_refused(tmp_path):
    import rasterio
    from affine import Affine

    path = tmp_path / "turned.tif"
    profile = {"driver": "GTiff", "count": 1, "height": 4, "width": 4, "dtype": "float32", "crs": "EPSG:4551"}
    with rasterio.open(
        path, "w", transform=Affine.translation(5e5, 4.86e6) * Affine.rotation(20) * Affine.scale(100, -100), **profile
    ) as target:
        target.write(np.ones((1, 4, 4), "float32"))
    with pytest.raises(LayerError, match=r"turned\.tif: its rows do not run from west to east; set it straight"):
        open_counts(path, where=f"population: {path}")
