"""The centre of Changchun from local layers alone: no extract, files whose names lie about their datum, two broken districts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from spatial.check import check_project
from spatial.cli import main
from spatial.datum import wgs84_to_gcj02
from spatial.errors import CRSError
from spatial.project import open_city
from tests.outputs.test_maps import payload_of

pytestmark = pytest.mark.cases
CITY = """
name = "长春市中心"
[layers.districts]
file = "{folder}/districts_220100.json"
id = "adcode"
name = "name"
datum = "{districts}"
on_invalid = "repair"
[layers.boundary]
file = "{folder}/weiman/Boundary_Scope_gcj02_50cd04b.geojson"
[layers.roads]
file = "{folder}/weiman/static_road_clipped.geojson"
id = "osm_id"
fields = {{ highway = "fclass" }}
values = {{ oneway = {{ B = "no", F = "yes", T = "-1" }}, bridge = {{ F = "no", T = "yes" }}, tunnel = {{ F = "no", T = "yes" }} }}
[layers.rail]
file = "{folder}/weiman/data_gis_rail_clipped.geojson"
id = "osm_id"
fields = {{ railway = "fclass" }}
[layers.transit_stops]
file = "{folder}/metro_stations_gcj02.csv"
x = "lng_gcj02"
y = "lat_gcj02"
{stations}
fields = {{ station = "line", railway = "line" }}
values = {{ railway = {{ "1" = "station", "2" = "station", "3" = "station", "4" = "station", "6" = "station", "8" = "station" }}, station = {{ "1" = "subway", "2" = "subway", "6" = "subway", "3" = "light_rail", "4" = "light_rail", "8" = "light_rail" }} }}
[layers.landuse]
file = "{folder}/weiman/data_gis_landuse_clipped.geojson"
fields = {{ landuse = "Type" }}
values = {{ landuse = {{ "居住用地" = "residential", "商业服务业" = "commercial", "工业用地" = "industrial", "教育科研" = "education" }} }}
[layers.parks]
file = "{folder}/weiman/data_gis_landuse_clipped.geojson"
where = "Type = '公园与绿地'"
[layers.protected_buildings]
file = "{folder}/weiman/static_protected_buildings.geojson"
id = "OBJECTID"
"""
TWICE = """
[layers.plots]
file = "{folder}/weiman/Key_Plots_wgs84_50cd04b.json"
[layers.scope]
file = "{folder}/weiman/Boundary_Scope_wgs84_50cd04b.geojson"
"""


@pytest.fixture
def folder(cases: Path) -> Path:
    return cases / "changchun"


def project(tmp_path: Path, folder: Path, *, more: str = "", **datums: str) -> Path:
    text = (CITY + more).format(folder=folder, **{"districts": "gcj02", "stations": 'datum = "gcj02"', **datums})
    (tmp_path / "city.toml").write_text(text, encoding="utf-8")
    return tmp_path / "city.toml"


def to_light_rail_m(path: Path) -> Any:
    """Distance of each station of the elevated lines 3, 4 and 8 to the nearest light rail track, where one is within 1 km of it."""
    city = open_city(path)
    tracks = shapely.union_all(city.frame("rail").query("railway == 'light_rail'").geometry.to_numpy())
    stations = city.frame("transit_stops").query("station == 'light_rail'").geometry.to_numpy()
    away = shapely.distance(stations, tracks)
    return away[away < 1000]


def test_metro_stations_lie_on_their_tracks(tmp_path, folder):
    """Declared GCJ-02 they lie on them; read as they are they would lie hundreds of metres off."""
    declared = to_light_rail_m(project(tmp_path, folder))
    assert len(declared) > 20
    assert np.median(declared) < 5
    assert (declared < 30).mean() > 0.9
    assert np.median(to_light_rail_m(project(tmp_path, folder, stations='crs = "EPSG:4326"'))) > 100


def test_it_runs_and_its_map_is_right(tmp_path, folder):
    path = project(tmp_path, folder)
    asked = ["--quiet", "--metrics", "road_network_density,park_service_coverage", "--out"]
    assert main(["run", str(path), *asked, str(tmp_path / "out")]) == 0
    table = pd.read_csv(tmp_path / "out" / "metrics.csv", dtype={"area_id": str}, keep_default_na=False)
    density = table[(table["metric"] == "road_network_density") & (table["variant"] == "total")].set_index("area_id")
    assert density.loc["220102", "status"] == "partial"
    assert density.loc["220112", "status"] == "no_data"
    assert density.loc["city", "status"] == "estimated"
    assert 5 < float(density.loc["city", "value"]) < 20
    page = (tmp_path / "out" / "map.html").read_text(encoding="utf-8")
    assert "© OpenStreetMap contributors, ODbL" in payload_of(page)["attribution"]  # its roads and tracks are cuts of OpenStreetMap
    assert main(["run", str(path), *asked, str(tmp_path / "out2")]) == 0
    assert (tmp_path / "out" / "metrics.csv").read_bytes() == (tmp_path / "out2" / "metrics.csv").read_bytes()


def test_two_districts_that_cut_themselves_are_an_error_or_a_counted_repair(tmp_path, folder):
    path = project(tmp_path, folder)
    city = open_city(path)
    assert any("districts: geometries are invalid (self-intersection or the like): repaired: 2" in notice.en for notice in city.notices)
    path.write_text(path.read_text(encoding="utf-8").replace('on_invalid = "repair"', 'on_invalid = "error"'), encoding="utf-8")
    assert main(["run", str(path), "--quiet"]) == 3


def test_geofabrik_roads_keep_their_direction_and_bridges(tmp_path, folder):
    roads = open_city(project(tmp_path, folder)).frame("roads")
    assert set(roads["oneway"]) == {"no", "yes"}
    assert set(roads["bridge"]) == {"no", "yes"}


def test_files_whose_names_lie_are_found_out(tmp_path, folder):
    """What calls itself WGS-84 was converted once too often; what calls itself GCJ-02 lies on the streets as WGS-84."""
    path = project(tmp_path, folder, more=TWICE)
    report = check_project(path)
    problems = {finding.about: finding.text.en for finding in report.of("problem")}
    assert set(problems) == {"plots", "scope"}
    for said in problems.values():
        assert "as WGS-84 that was converted from GCJ-02 once too often" in said
    notes = [finding.text.en for finding in report.of("note") if finding.about == "boundary"]
    assert any("Boundary_Scope_gcj02_50cd04b.geojson says gcj02, yet read as wgs84 it lies on the streets" in note for note in notes)
    verdicts = {row["layer"]: row for table in report.tables if table.key == "datums" for row in table.rows}
    assert verdicts["landuse"]["verdict"].en == "on the local roads (±40 m)"
    assert main(["check", str(path), "--quiet"]) == 3
    with pytest.raises(CRSError, match=r"plots: .*once too often"):
        open_city(path)


def test_a_declared_gcj02_that_is_none_and_an_undeclared_one_that_is(tmp_path, folder):
    """Land use is WGS-84: declared GCJ-02 it is converted once too often. Moved to GCJ-02 and not declared, it is told with the remedy."""
    import geopandas as gpd

    path = project(tmp_path, folder)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[layers.landuse]\n", '[layers.landuse]\ndatum = "gcj02"\n'), encoding="utf-8")
    with pytest.raises(CRSError, match=r'landuse: .*since the file is not in gcj02, as declared.*Remove datum = "gcj02"'):
        open_city(path)
    land = gpd.read_file(folder / "weiman" / "data_gis_landuse_clipped.geojson")
    moved = shapely.transform(land.geometry.to_numpy(), lambda xy: np.column_stack(wgs84_to_gcj02(xy[:, 0], xy[:, 1])))
    land.set_geometry(gpd.GeoSeries(moved, crs=4326)).to_file(tmp_path / "land.gpkg")
    path.write_text(text.replace(f"{folder}/weiman/data_gis_landuse_clipped.geojson", "land.gpkg"), encoding="utf-8")
    with pytest.raises(CRSError, match=r'(?s)landuse: .*just where GCJ-02 read as WGS-84 would lie.*write datum = "gcj02".*parks: '):
        open_city(path)
    confirmed = path.read_text(encoding="utf-8").replace('file = "land.gpkg"', 'file = "land.gpkg"\ndatum_confirmed = true')
    path.write_text(confirmed, encoding="utf-8")
    assert open_city(path).frame("landuse").shape[0] == 454
    path.write_text(confirmed.replace("datum_confirmed = true", 'datum = "gcj02"'), encoding="utf-8")
    assert open_city(path).frame("landuse").shape[0] == 454
