"""The examples of CONTRIBUTING.md work as they stand there."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pytest
from shapely import LineString, Point, box

from spatial.city import City
from spatial.city_toml import parse_project
from spatial.layers import layer_specs
from spatial.measurement import measure
from spatial.metrics import registry
from spatial.outputs.webmap import write_map
from spatial.project import open_city
from spatial.targets.judge import judgement
from spatial.targets.standing import day_of, metrics_needed, plans_of
from tests import make_demo
from tests.outputs.test_maps import payload_of

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(heading, language):
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.search(rf"```{language}\n(.*?)```", section, re.S).group(1)


def test_a_layer_is_one_toml(tmp_path):
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "charging.toml").write_text(block("Add a layer", "toml"), encoding="utf-8")
    (tmp_path / "city.toml").write_text('crs = "EPSG:32651"\n[osm]\nfile = "city.osm"\n', encoding="utf-8")
    nodes = '<node id="1" lat="43.9" lon="125.3"><tag k="amenity" v="charging_station"/><tag k="capacity" v="12"/></node>'
    (tmp_path / "city.osm").write_text(
        f'<osm version="0.6"><bounds minlat="43.8" minlon="125.2" maxlat="44" maxlon="125.4"/>{nodes}</osm>', encoding="utf-8"
    )
    frame = open_city(tmp_path).frame("charging")
    assert list(frame["capacity"]) == [12]
    assert layer_specs(tmp_path)["charging"].title.zh == "充电站"


@pytest.fixture
def with_example_metric(monkeypatch):
    registry.registered()  # loads them
    monkeypatch.setattr(registry, "_METRICS", {**registry._METRICS})
    exec(compile(block("Add a metric", "python"), "CONTRIBUTING.md", "exec"), {"__name__": "example"})


@pytest.mark.usefixtures("with_example_metric")
def test_a_metric_is_a_function_and_a_declaration():
    # Two buildings of 100 m², one half inside the other, on 1 ha: 150 m² of 10,000 = 1.5 %.
    def at(*boxes, **columns):
        return gpd.GeoDataFrame(columns, geometry=[box(*b) for b in boxes], crs="EPSG:32651").translate(5e5, 4.85e6)

    districts = gpd.GeoDataFrame({"area_id": ["a"], "name": ["A"]}, geometry=at((0, 0, 100, 100)), crs="EPSG:32651")
    buildings = gpd.GeoDataFrame({"building": ["yes", "yes"]}, geometry=at((0, 0, 10, 10), (5, 0, 15, 10)), crs="EPSG:32651")
    city = City.from_layers(crs="EPSG:32651", districts=districts, buildings=buildings)
    row = measure(city, ["building_density"]).get("building_density", area_id="a")
    assert row.value == pytest.approx(0.015)


def test_a_coverage_metric_is_toml_alone(tmp_path):
    # One toilet, two people: one beside it, one 600 m along the street.
    (tmp_path / "facilities.toml").write_text(block("Add a facility class, a set or a coverage metric", "toml"), encoding="utf-8")

    def at(*shapes, **columns):
        return gpd.GeoDataFrame(columns, geometry=list(shapes), crs="EPSG:32651").set_geometry(
            gpd.GeoSeries(shapes, crs="EPSG:32651").translate(5e5, 4.85e6)
        )

    ground = box(-100, -100, 1100, 100)
    city = City.from_layers(
        crs="EPSG:32651", districts=at(ground, area_id=["a"], name=["A"]), built_up_area=at(ground), facilities=at(Point(0, 0), amenity=["toilets"]),
        roads=at(LineString([(0, 0), (1000, 0)]), highway=["residential"]), population=at(Point(10, 0), Point(600, 0), count=[1, 1]),
    )  # fmt: skip
    assert measure(replace(city, folder=tmp_path), ["toilet_coverage"]).get("toilet_coverage", area_id="a").value == 0.5


def test_a_map_is_one_toml(tmp_path):
    make_demo.write(tmp_path)
    (tmp_path / "maps").mkdir(exist_ok=True)
    (tmp_path / "maps" / "overview.toml").write_text(block("Change or add to a map", "toml"), encoding="utf-8")
    results = measure(open_city(tmp_path), ["built_up_area", "population"], lang="zh")
    page = write_map(results, tmp_path / "map.html").read_text(encoding="utf-8")
    assert "建筑总览" in page


def test_a_map_of_ones_own_is_one_toml(tmp_path):
    """The second example: a map that a project adds, classed about 8 km/km²."""
    section = TEXT.split("## Change or add to a map\n", 1)[1]
    text = re.findall(r"```toml\n(.*?)```", section, re.S)[1]
    make_demo.write(tmp_path)
    (tmp_path / "maps").mkdir(exist_ok=True)
    (tmp_path / "maps" / "density.toml").write_text(text, encoding="utf-8")
    results = measure(open_city(tmp_path), ["road_network_density", "intersection_density"], lang="zh")
    data = payload_of(write_map(results, tmp_path / "density.html", name="density").read_text(encoding="utf-8"))
    assert data["title"] == "路网密度对照"
    assert [metric["name"] for metric in data["metrics"]] == ["road_network_density", "intersection_density"]
    total = data["metrics"][0]["variants"][0]
    assert total["method"] == "centre"
    assert any("8.00" in label.split(" – ") for label in total["ranges"])


@pytest.fixture
def demo(tmp_path):
    """A copy of the demo city, whose ledger and statistics are joined by what the examples need."""
    shutil.copytree(make_demo.TARGET, tmp_path / "city")
    return tmp_path / "city"


def status_of(folder, *targets):
    """The rows of these targets for the city, as the command tells them."""
    project, city = parse_project(folder), open_city(folder, cache=False)
    plans, listed, _ = plans_of(project)
    results = measure(city, metrics_needed(listed, registry.registered(folder)))
    table = judgement(listed, plans, city, results, day=day_of(city, None)).table
    table = table[(table.area_id == "city") & ~table.indicative].set_index("target_id")
    return [table.loc[name] for name in targets]


def test_a_target_is_a_row_of_a_csv(demo):
    """31 parks were built in 2025 and 30 are asked for; the product grew by 5.6 %, 5.5 % was the stretch; 17.9 % of roads is the yearbook's word."""
    said = (
        (demo / "city.toml").read_text("utf-8").split("[plans.")[0]
        + "[ledger]"
        + (demo / "city.toml").read_text("utf-8").split("[ledger]")[1]
    )
    (demo / "city.toml").write_text(said + "\n" + block("Add a target", "toml"), encoding="utf-8")
    (demo / "data" / "plan.csv").write_text(block("Add a target", "csv"), encoding="utf-8")
    roads, parks, product = status_of(demo, "zixu-roads", "zixu-parks", "zixu-gdp")
    assert (parks.target, parks.unit) == (30, "count")
    assert (product.status, product.strength, product.value) == ("met", "stretch", pytest.approx(0.056))
    assert roads.status == ("met" if roads.value >= 0.168 else "not_met")


def test_a_ledger_metric_is_one_toml(demo):
    (demo / "data" / "ledger").mkdir()
    (demo / "data" / "ledger" / "street_benches.toml").write_text(block("Add a ledger metric", "toml"), encoding="utf-8")
    rows = "id,type,district,status,status_date,quantity\n1,座椅,乌有区,已竣工,2025-03-01,40\n2,公共座椅,水月区,已竣工,2025-04-01,25\n3,座椅,水月区,在建,2025-04-01,9\n"
    (demo / "data" / "benches.csv").write_text(rows, encoding="utf-8")
    said = (demo / "city.toml").read_text("utf-8").split("[plans.")[0] + '[ledger]\nfile = "data/benches.csv"\ndate = "2025-12-31"\n'
    (demo / "city.toml").write_text(said, encoding="utf-8")
    results = measure(open_city(demo, cache=False), ["street_benches"])
    assert results.get("street_benches").value == 65
    assert results.get("street_benches", area_id="990104").value == 25


def test_a_statistic_is_toml_alone(demo):
    (demo / "statistics.toml").write_text(block("Add a statistic", "toml"), encoding="utf-8")
    (demo / "data" / "statistics.csv").write_text(block("Add a statistic", "csv"), encoding="utf-8")
    city = open_city(demo, cache=False)
    results = measure(city, ["snow_cleared"])
    assert results.get("snow_cleared", variant="arterial").value == pytest.approx(0.925)
    assert results.get("snow_cleared", variant="local").value == pytest.approx(0.61)
    assert results.get("snow_cleared", variant="arterial", area_id="990104").value == pytest.approx(0.95)
    assert results.get("snow_cleared", variant="arterial", area_id="990101").status == "no_data"  # never the city's
    assert len(city.statistics.left_out) == 1
