"""People: totals are kept, whatever the source."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely import Point, box

from spatial.city import City, Layer
from spatial.layers import layer_specs
from spatial.measurement import measure
from spatial.raster import open_counts

CRS = "EPSG:32651"
X, Y = 500_000.0, 4_850_000.0


def at(*geometries, **columns):
    frame = gpd.GeoDataFrame(columns, geometry=list(geometries), crs=CRS)
    return frame.set_geometry(frame.translate(X, Y))


def halves():
    return at(box(0, 0, 1000, 2000), box(1000, 0, 2000, 2000), area_id=["w", "e"], name=["West", "East"])


def people(city, area):
    return measure(city, ["population"]).get("population", area_id=area).value


def test_polygons_are_split_by_area():
    # 100 people on a block of which 3/4 lies west: 75 and 25.
    city = City.from_layers(crs=CRS, districts=halves(), population=at(box(250, 0, 1250, 100), count=[100]))
    assert (people(city, "w"), people(city, "e"), people(city, "city")) == (pytest.approx(75), pytest.approx(25), pytest.approx(100))


def test_a_point_on_the_common_edge_counts_once():
    city = City.from_layers(crs=CRS, districts=halves(), population=at(Point(1000, 50), Point(10, 10), count=[8, 1]))
    assert people(city, "w") + people(city, "e") == people(city, "city") == 9


def test_density():
    # 4,000 people on 4 km²: 1,000 per km².
    city = City.from_layers(crs=CRS, districts=halves(), population=at(box(0, 0, 2000, 2000), count=[4000]))
    assert measure(city, ["population_density"]).get("population_density").value == pytest.approx(1000)


def raster_city(path, values, *, crs=CRS, west=X, north=Y + 2000, size=500.0, nodata=None):
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1, dtype="float64", crs=crs,
        transform=from_origin(west, north, size, size), nodata=nodata,
    ) as sink:  # fmt: skip
        sink.write(values, 1)
    base = City.from_layers(crs=CRS, districts=halves())
    layer = Layer(layer_specs()["population"], raster=open_counts(path, where="population"), origin="local")
    return City(base.name, base.crs, base.date, {**base.layers, "population": layer})


def test_raster_cells_are_split_exactly(tmp_path):
    # 4 × 4 cells of 500 m with 10 people each; the edge runs between columns 2 and 3: 80 and 80.
    city = raster_city(tmp_path / "p.tif", np.full((4, 4), 10.0))
    assert (people(city, "w"), people(city, "e"), people(city, "city")) == (pytest.approx(80), pytest.approx(80), pytest.approx(160))


def test_raster_cells_cut_by_the_edge(tmp_path):
    # One cell of 2 km with 100 people: half in each district.
    city = raster_city(tmp_path / "p.tif", np.array([[100.0]]), size=2000.0)
    assert (people(city, "w"), people(city, "e")) == (pytest.approx(50), pytest.approx(50))


def test_no_data_cells_count_nobody_and_are_noticed(tmp_path):
    values = np.full((4, 4), 10.0)
    values[0, :] = -1
    city = raster_city(tmp_path / "p.tif", values, nodata=-1)
    assert people(city, "city") == pytest.approx(120)
    assert city.layer("population").raster.nodata_cells == 4


def test_raster_in_another_projection_keeps_its_total(tmp_path):
    # Mollweide, as global population grids are: the polygons move, the cells stay.
    import pyproj

    east, north = pyproj.Transformer.from_crs(CRS, "ESRI:54009", always_xy=True).transform(X + 1000, Y + 1000)
    values = np.random.default_rng(0).uniform(0, 9, (200, 200))
    city = raster_city(tmp_path / "p.tif", values, crs="ESRI:54009", west=east - 10_000, north=north + 10_000, size=100.0)
    whole = people(city, "city")
    assert people(city, "w") + people(city, "e") == pytest.approx(whole, rel=1e-9)
    # About 4 km² of 4.5 people per ha.
    assert whole == pytest.approx(4.5 * 400, rel=0.03)


def test_a_stated_total_is_spread_by_floor_area_and_is_an_estimate():
    # Footprints of 100 m²: 3 floors west, 1 floor east of 400 people: 300 and 100. The works building takes nobody.
    buildings = at(
        box(10, 10, 20, 20),
        box(1500, 10, 1510, 20),
        box(1600, 10, 1700, 110),
        building=["apartments", "house", "industrial"],
        levels=[3, 1, 9],
    )
    city = City.from_layers(crs=CRS, districts=halves(), buildings=buildings)
    layer = Layer(layer_specs()["population"], origin="local", options={"total": 400})
    city = City(city.name, city.crs, city.date, {**city.layers, "population": layer})
    row = measure(city, ["population"]).get("population", area_id="w")
    assert (row.value, row.status) == (pytest.approx(300), "estimated")
    assert people(city, "city") == pytest.approx(400)


def test_absent_people_are_no_data():
    row = measure(City.from_layers(crs=CRS, districts=halves()), ["population"]).get("population")
    assert (row.status, np.isnan(row.value)) == ("no_data", True)
