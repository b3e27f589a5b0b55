"""Gates, walls, facilities and heights of real cities: kept figures, and what another library reads."""

import numpy as np
import pyproj
import pytest
import shapely

from spatial.layers import layer_specs
from spatial.project import open_city
from spatial.raster import open_surface
from spatial.sources.osm import read_osm

pytestmark = pytest.mark.cases


@pytest.fixture(scope="module")
def las_palmas(cases):
    return read_osm(cases / "las_palmas" / "las_palmas_20230221.osm.pbf", layer_specs().values()).frames


def test_las_palmas_gates_are_the_tagged_nodes(las_palmas, cases):
    """Counted by osmium alone, tag by tag."""
    import osmium

    path = cases / "las_palmas" / "las_palmas_20230221.osm.pbf"
    nodes = osmium.FileProcessor(str(path), osmium.osm.NODE).with_filter(osmium.filter.KeyFilter("barrier", "entrance"))
    wanted = {f"n{node.id}" for node in nodes}
    gates = las_palmas["gates"]
    assert set(gates["id"]) == wanted
    assert len(gates) == len(wanted) == 1978
    assert (gates["barrier"] == "bollard").sum() == 1332
    assert (gates.geom_type == "Point").all()


def test_las_palmas_walls_are_lines_closed_ones_too(las_palmas):
    walls = las_palmas["walls"]
    assert set(walls["barrier"]) == {"wall", "fence", "hedge", "retaining_wall", "city_wall"}
    assert len(walls) == 4957
    assert (walls.geom_type == "LineString").all()
    assert walls.geometry.is_ring.sum() > 100


def test_las_palmas_facilities_are_points_and_polygons(las_palmas):
    facilities = las_palmas["facilities"]
    kinds = facilities.geom_type.value_counts()
    assert set(kinds.index) == {"Point", "MultiPolygon"}
    assert kinds.min() > 500
    assert not facilities["disused"].eq("yes").any()
    assert facilities["leisure"].eq("fitness_centre").sum() > 10


@pytest.fixture
def elevation(cases):
    return cases / "porto_alegre" / "poa_elevation.tif"


def test_porto_alegre_heights_at_the_centres_are_the_cells(elevation):
    import rasterio

    raster = open_surface(elevation, where="elevation")
    with rasterio.open(elevation) as source:
        band = source.read(1)
        rows, columns = np.divmod(np.arange(0, band.size, 97), band.shape[1])
        xy = np.column_stack(source.xy(rows, columns))
    heights = raster.sample(xy, raster.crs)
    assert heights == pytest.approx(band[rows, columns], abs=1e-6)
    assert raster.sample(xy + 1.0, raster.crs) == pytest.approx(np.full(len(xy), np.nan), nan_ok=True)


def test_porto_alegre_opens_with_its_elevation(cases, elevation, tmp_path):
    folder = cases / "porto_alegre"
    (tmp_path / "city.toml").write_text(
        f'[osm]\nfile = "{folder}/poa_osm.pbf"\n[layers.elevation]\nfile = "{elevation}"\n', encoding="utf-8"
    )
    city = open_city(tmp_path)
    raster = city.layer("elevation").raster
    assert raster.crs == pyproj.CRS.from_epsg(4326)
    roads = city.frame("roads").geometry.to_numpy()
    ends = shapely.get_coordinates(shapely.get_point(roads, 0))
    heights = raster.sample(ends, city.crs)
    assert np.isfinite(heights).mean() > 0.95
    assert np.nanmin(heights) >= 0
    assert np.nanmedian(heights) < 100
