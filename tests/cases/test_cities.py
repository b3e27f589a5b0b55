"""Real cities end to end: what the data cannot tell is said, what they can tell is right."""

import json

import pandas as pd
import pytest

from spatial.cli import main

pytestmark = pytest.mark.cases


def run(tmp_path, toml, *options):
    (tmp_path / "city.toml").write_text(toml, encoding="utf-8")
    assert main(["run", str(tmp_path), "--quiet", "--out", str(tmp_path / "result"), *options]) == 0
    folder = tmp_path / "result"
    assert {path.name for path in folder.iterdir()} == {
        "metrics.csv",
        "metrics.parquet",
        "metrics.xlsx",
        "city.gpkg",
        "city.qgz",
        "map.html",
        "run.json",
    }
    return pd.read_parquet(folder / "metrics.parquet"), json.loads((folder / "run.json").read_text(encoding="utf-8"))


def value(table, metric, variant="", area="city"):
    (row,) = table[(table.metric == metric) & (table.variant == variant) & (table.area_id == area)].itertuples()
    return row


@pytest.fixture(scope="module")
def harbin(cases, tmp_path_factory):
    """Extract, parcels as parks and land use, districts whose outlines are GCJ-02."""
    folder = cases / "harbin"
    return run(
        tmp_path_factory.mktemp("harbin"),
        f"""
name = "哈尔滨"
crs = "auto"
[osm]
file = "{folder}/harbin_202404.osm.pbf"
[layers.districts]
file = "{folder}/districts_230100.json"
id = "adcode"
name = "name"
datum = "gcj02"
[layers.parks]
file = "{folder}/哈尔滨市.shp"
where = "Level2_cn = '公园与绿地用地'"
[layers.landuse]
file = "{folder}/哈尔滨市.shp"
fields = {{ landuse = "Level2_cn" }}
values = {{ landuse = {{ "居住用地" = "residential", "工业用地" = "industrial", "商业服务用地" = "commercial" }} }}
[layers.built_up_area]
file = "{folder}/哈尔滨市.shp"
on_invalid = "repair"
[layers.population]
total = 2000000
""",
    )


def test_harbin_says_which_districts_the_extract_covers(harbin):
    table, _ = harbin
    density = table[(table.metric == "road_network_density") & (table.variant == "total")].set_index("area_id")
    covered = density.coverage[density.status == "partial"].drop("city")
    # The extract meets a handful of the eighteen districts, 10–47 % of each; the rest must not look like zero.
    assert len(covered) == 5
    assert covered.between(0.09, 0.48).all()
    untouched = density[density.coverage == 0]
    assert len(untouched) == 13
    assert untouched.value.isna().all()
    assert (untouched.status == "no_data").all()


def test_harbin_date_is_the_newest_edit(harbin):
    _, run_json = harbin
    assert run_json["date"].startswith("2024-04")
    assert run_json["crs"] == "EPSG:4551"


def test_harbin_says_what_it_guessed(harbin):
    table, _ = harbin
    row = value(table, "road_area_ratio", "paved")
    assert row.low < row.value < row.high
    assert "估算" in row.note
    assert "等级默认" in row.note
    assert value(table, "population").status == "partial"


def test_harbin_parcels_reach_beyond_the_extract(harbin, cases):
    """The built-up area is the file's own union, wherever the extract ends: geopandas says how large."""
    import geopandas as gpd

    table, _ = harbin
    parcels = gpd.read_file(cases / "harbin" / "哈尔滨市.shp").to_crs("EPSG:4551")
    parcels.geometry = parcels.make_valid()
    built = table[table.metric == "built_up_area"].set_index("area_id")
    assert built.value["city"] == pytest.approx(parcels.union_all().area / 1e6, rel=2e-3)  # a few parcels lie beyond the outlines
    assert (built.status == "ok").all()


def test_harbin_park_coverage_is_covered_as_far_as_its_own_layers(harbin):
    """Parcels are the parks, the land use and the built-up area: land needs no extract, people do."""
    table, _ = harbin
    coverage = table[table.metric == "park_service_coverage"].set_index(["variant", "area_id"]).coverage
    assert coverage["straight_line_2022", "230103"] == pytest.approx(1.0)
    assert coverage["straight_line_2022_people", "230103"] < 0.5


def test_no_value_lies_outside_its_own_range(harbin, las_palmas):
    for table, _ in (harbin, las_palmas):
        known = table.dropna(subset=["value", "low", "high"])
        assert len(known) > 20
        assert (known.low <= known.value + 1e-12).all()
        assert (known.high >= known.value - 1e-12).all()


def test_harbin_total_is_spread_whole(harbin):
    table, _ = harbin
    people = table[table.metric == "population"].set_index("area_id").value
    assert people["city"] == pytest.approx(2_000_000)
    assert people.drop("city").sum() == pytest.approx(2_000_000)


@pytest.fixture(scope="module")
def las_palmas(cases, tmp_path_factory):
    """Extract, municipal boundary, 29 school districts in EPSG:5635, raster in Mollweide."""
    folder = cases / "las_palmas"
    return run(
        tmp_path_factory.mktemp("las_palmas"),
        f"""
name = "Las Palmas"
[osm]
file = "{folder}/las_palmas_20230221.osm.pbf"
[layers.districts]
file = "{folder}/Las Palmas excerpt- gobcan_educacion_areainfluenciacentrosecundaria.geojson"
id = "Codigo"
name = "Denominaci"
[layers.boundary]
file = "{folder}/Las Palmas de Gran Canaria - Centro Nacional de Información Geográfica - WGS84 - EPSG4326.geojson"
[layers.population]
file = "{folder}/population_substitute.tif"
""",
    )


def test_las_palmas_overlap_and_rest_are_said(las_palmas):
    table, run_json = las_palmas
    assert any("areas overlap by" in notice for notice in run_json["notices"])
    ids = set(table.area_id)
    assert {"city", "outside_areas", "areas_outside_city"} < ids
    assert len(ids) == 29 + 3


def test_las_palmas_sums_close(las_palmas, cases):
    """Areas + outside − beyond − what lies in an overlap more than once = city, within 0.01 %; the overlap by geopandas and exactextract."""
    import geopandas as gpd
    import shapely
    from exactextract import exact_extract

    table, _ = las_palmas
    people = table[table.metric == "population"].set_index("area_id").value
    own = people.drop(["city", "outside_areas", "areas_outside_city"]).sum()
    schools = gpd.read_file(next((cases / "las_palmas").glob("*educacion*.geojson")))
    shapes = schools.geometry.to_numpy()
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    shared = shapely.intersection(shapes[a[a < b]], shapes[b[a < b]])
    parts = shapely.get_parts(shared)
    frame = gpd.GeoDataFrame(geometry=parts[shapely.area(parts) > 0], crs=schools.crs).to_crs("ESRI:54009")
    twice = exact_extract(str(cases / "las_palmas" / "population_substitute.tif"), frame, ["sum"], output="pandas")["sum"].sum()
    assert own + people["outside_areas"] - people["areas_outside_city"] - twice == pytest.approx(people["city"], rel=1e-4)


def test_las_palmas_people_against_another_library(las_palmas, cases):
    """The raster's own cells, masked by the boundary's cells at tenfold resolution with rasterio: within 1 %."""
    import geopandas as gpd
    import numpy as np
    import rasterio
    from rasterio.features import rasterize

    table, _ = las_palmas
    with rasterio.open(cases / "las_palmas" / "population_substitute.tif") as source:
        fine = source.transform * source.transform.scale(0.1, 0.1)
        (name,) = (cases / "las_palmas").glob("*EPSG4326.geojson")
        outline = gpd.read_file(name).to_crs(source.crs)
        mask = rasterize(outline.geometry, (source.height * 10, source.width * 10), transform=fine)
        share = mask.reshape(source.height, 10, source.width, 10).mean(axis=(1, 3))
        people = float((source.read(1, masked=True).filled(0) * share).sum())
    assert np.isfinite(people)
    assert value(table, "population").value == pytest.approx(people, rel=0.01)


def test_porto_alegre_is_found_to_be_thinned(cases, tmp_path):
    """One park in a whole city: the map lacks parks, the city does not."""
    folder = cases / "porto_alegre"
    table, _ = run(
        tmp_path,
        f"""
name = "Porto Alegre"
[osm]
file = "{folder}/poa_osm.pbf"
[layers.population]
file = "{folder}/poa_hexgrid.csv"
field = "population"
x = "lon"
y = "lat"
crs = "EPSG:4326"
""",
        "--by",
        "grid:4000",
    )
    row = value(table, "park_area_per_capita")
    assert (row.status, row.quality) == ("estimated", 0.0)
    assert "probably not mapped" in row.note
    assert value(table, "data_completeness", "parks").value < 0.1
    assert value(table, "population").value == pytest.approx(pd.read_csv(folder / "poa_hexgrid.csv").population.sum())
