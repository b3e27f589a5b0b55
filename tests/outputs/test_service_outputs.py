"""Service metrics in map, GeoPackage and workbook: what is for tables only, what is graded, what is said of a place, what names cannot do."""

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest

from spatial.errors import ProjectError
from spatial.measurement import measure
from spatial.outputs.evidence import graded, service_areas
from spatial.outputs.geopackage import write_geopackage
from spatial.outputs.map_specs import FIRST, map_spec
from spatial.outputs.tables import write_tables
from spatial.outputs.webmap import overlays as map_overlays
from spatial.outputs.webmap import write_map
from spatial.result import Results
from tests.outputs.packed_layers import facts_of, read_layer
from tests.outputs.served_city import HOSTILE_SITES, METRICS, PEOPLE, served_city, served_results
from tests.outputs.test_maps import blob_of, page_of, payload_of

CELLS = "service_15min_coverage.cells_gb50180"
FEW = "service_15min_by_class"


@pytest.fixture(scope="module")
def results() -> Results:
    return served_results()


@pytest.fixture(scope="module")
def page(results: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(results, tmp_path_factory.mktemp("map"))


@pytest.fixture(scope="module")
def payload(page: str) -> dict[str, Any]:
    return payload_of(page)


@pytest.fixture(scope="module")
def package(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_geopackage(results, tmp_path_factory.mktemp("gpkg") / "city.gpkg")


def overlay(payload: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in payload["overlays"] if each["name"] == name)


def said(page: str, drawn: dict[str, Any], title: str) -> list[Any]:
    return facts_of(drawn, blob_of(page, drawn["blob"]), title)


# ---- tables only


def test_what_is_for_tables_only_has_no_column_and_no_map(results: Results, payload: dict[str, Any], package: Path) -> None:
    assert FEW in set(results.table["metric"])
    assert not [column for column in results.wide().columns if column.startswith(FEW)]
    assert FEW not in [metric["name"] for metric in payload["metrics"]]
    areas = gpd.read_file(package, layer="areas")
    assert not [column for column in areas.columns if column.startswith(FEW)]
    assert [column for column in areas.columns if column.startswith("school_coverage__")]
    with contextlib.closing(sqlite3.connect(package)) as connection:
        assert connection.execute("SELECT count(*) FROM metrics WHERE metric = ?", (FEW,)).fetchone()[0] > 0


def test_the_workbook_has_it_in_the_long_table_only(results: Results, tmp_path: Path) -> None:
    write_tables(results, tmp_path)
    book = openpyxl.load_workbook(tmp_path / "metrics.xlsx")
    title = results.metrics[FEW].title.en
    assert not any(title in str(cell.value) for cell in book["Summary"][1])
    assert FEW in {cell.value for cell in book["metrics"]["A"]}
    assert title in {cell.value for cell in book["Definitions"]["B"]}


def test_measured_alone_it_is_shown_all_the_same(tmp_path: Path) -> None:
    alone = served_results(metrics=[FEW])
    assert [metric["name"] for metric in payload_of(page_of(alone, tmp_path))["metrics"]] == [FEW]
    assert any(column.startswith(FEW) for column in alone.wide().columns)


# ---- graded evidence


# Of three classes that are mapped residents at 100 m reach all (school 50 m, stop 100 m), at 600 m the middle school, beyond none.
def test_cells_are_graded_by_the_classes_they_reach(payload: dict[str, Any]) -> None:
    cells = overlay(payload, "cells")
    assert [(group["label"], group["count"]) for group in cells["groups"]] == [("0", 2), ("1", 1), ("2", 0), ("3 (all)", 1)]
    assert len({group["color"] for group in cells["groups"]}) == 4
    assert cells["title"] == "Classes reached on foot (residential-area standard (GB 50180))"
    assert cells["fades"]


def test_facts_are_those_of_the_evidence(page: str, payload: dict[str, Any]) -> None:
    cells = overlay(payload, "cells")
    assert said(page, cells, "Residents") == [30, 20, 40, 50]
    assert said(page, cells, "Classes reached on foot") == ["0 / 3", "0 / 3", "1 / 3", "3 / 3"]
    assert said(page, cells, "Distance to bus stop") == ["> 500 m", "> 500 m", "> 500 m", 100]
    assert said(page, cells, "Distance to middle school") == ["> 1,000 m", "> 1,000 m", 550, 50]


def test_points_come_back_where_they_were(results: Results, page: str, payload: dict[str, Any]) -> None:
    layer = read_layer(blob_of(page, overlay(payload, "cells")["blob"]))
    back = [layer.geometry(row)[0] for row in range(len(layer.paths))]
    points = gpd.GeoSeries(back, crs="EPSG:4326").to_crs(results.city.crs)
    assert points.distance(results.evidence[CELLS].geometry.reset_index(drop=True)).max() < 1


def test_gaps_stand_under_their_rank(payload: dict[str, Any]) -> None:
    gaps = overlay(payload, "gaps")
    ((lat, lon, text),) = gaps["numbered"]
    assert text == "1"
    south, west = payload["areas"]["view"][0]
    assert lat > south
    assert lon > west


def test_too_many_points_keep_where_most_people_live_and_say_so(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_overlays, "MAX_FEATURES", 2)
    page = page_of(results, tmp_path)
    payload = payload_of(page)
    cells = overlay(payload, "cells")
    assert sorted(said(page, cells, "Residents")) == [40, 50]
    assert cells["title"].endswith("the 2 with most residents of 4")


def test_distances_stay_out_where_there_are_too_many(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_overlays, "MAX_FACTS", 10)
    titles = [column["title"] for column in overlay(payload_of(page_of(results, tmp_path)), "cells")["columns"]]
    assert "Residents" in titles
    assert not any(title.startswith("Distance") for title in titles)


@pytest.mark.parametrize(("name", "column"), [("cells_gb50180", "reached"), ("cells_tdt1063", "reached")])
def test_qgis_grades_every_place_once_as_the_map_does(results: Results, package: Path, name: str, column: str) -> None:
    frame = results.evidence[f"service_15min_coverage.{name}"]
    table = f"service_15min_coverage__{name}"
    grades = graded(results, frame, column, "#7b6fb0")
    assert grades is not None
    with contextlib.closing(sqlite3.connect(package)) as connection:
        (text,) = connection.execute("SELECT styleQML FROM layer_styles WHERE f_table_name = ?", (table,)).fetchone()
        root = ElementTree.fromstring(text.split("\n", 1)[1])
        drawn = {rule.get("label"): rule.get("filter") for rule in root.iter("rule") if rule.get("symbol")}
        assert tuple(drawn) == grades.classes.labels
        found = {label: connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0] for label, where in drawn.items()}
    counts = pd.Series(grades.classes.indices(frame[column].to_numpy(float))).value_counts()
    assert list(found.values()) == [counts.get(index, 0) for index in range(len(found))]
    assert sum(found.values()) == len(frame)


def test_gaps_without_a_population_are_not_graded() -> None:
    # Without a population nobody knows how many people a gap concerns.
    results = served_results(metrics=["pocket_park_gap"], population=None)
    frame = results.evidence["pocket_park_gap.clusters_straight_line"]
    assert frame["people"].isna().all()
    assert graded(results, frame, "people", "#d1495b") is None


@pytest.mark.parametrize(
    ("lang", "titles"),
    [
        ("en", {"reached": "Classes reached on foot", "people": "Residents", "middle_school_m": "Distance to middle school (m)"}),
        ("zh", {"reached": "步行可达类别数", "people": "居民（人）", "middle_school_m": "距初中（米）"}),
    ],
)
def test_columns_have_titles(results: Results, tmp_path: Path, lang: Any, titles: dict[str, str]) -> None:
    path = write_geopackage(results.with_lang(lang), tmp_path / "a.gpkg")
    query = "SELECT column_name, name FROM gpkg_data_columns WHERE table_name = 'service_15min_coverage__cells_gb50180'"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = dict(connection.execute(query).fetchall())
        layers = [row[0] for row in connection.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'")]
        known = {table: set() for table in layers}
        for table, column in connection.execute("SELECT table_name, column_name FROM gpkg_data_columns"):
            known.setdefault(table, set()).add(column)
        bare = {
            table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} - known[table] - {"fid", "geom"}
            for table in layers
            if "__" in table
        }
    assert {column: found[column] for column in titles} == titles
    assert {table: columns for table, columns in bare.items() if columns} == {}


def test_a_title_is_not_said_twice(package: Path) -> None:
    with contextlib.closing(sqlite3.connect(package)) as connection:
        (title,) = connection.execute("SELECT identifier FROM gpkg_contents WHERE table_name = 'school_coverage__beyond'").fetchone()
    assert title == "residents not reached (Schools within walking distance)"


# ---- service areas


# Within 500 m of the stop at 0 m lies the street to 500 m and no farther, on either side 50 m of it.
def test_the_service_area_is_drawn_for_what_was_measured(results: Results, payload: dict[str, Any], package: Path) -> None:
    ((name, _, frame),) = service_areas(results, map_spec(FIRST, results.city.folder))
    assert name == "bus_area"
    assert frame.total_bounds[2] <= served_city().frame("transit_stops").geometry.x[0] + 500
    assert overlay(payload, "bus_area")["title"] == "Within 500 m on foot of a bus stop"
    stored = gpd.read_file(package, layer="service_area__bus_area")
    assert stored.area.sum() == pytest.approx(frame.area.sum())
    assert "rail_area" not in [each["name"] for each in payload["overlays"]]


def test_it_is_made_once(results: Results) -> None:
    (first,) = [frame for _, _, frame in service_areas(results, map_spec(FIRST, results.city.folder))]
    (again,) = [frame for _, _, frame in service_areas(results, map_spec(FIRST, results.city.folder))]
    assert again is first


def test_it_costs_nothing_where_the_class_was_not_measured() -> None:
    assert list(service_areas(served_results(metrics=["road_network_density"]), map_spec(FIRST, None))) == []


def with_secret(results: Results, name: str) -> Results:
    layers = {**results.city.layers, name: replace(results.city.layers[name], sensitivity="secret")}
    return replace(results, city=replace(results.city, layers=MappingProxyType(layers)))


def test_a_secret_layer_shows_in_no_service_area_and_no_evidence(results: Results, tmp_path: Path) -> None:
    hidden = with_secret(results, "transit_stops")
    assert list(service_areas(hidden, map_spec(FIRST, hidden.city.folder))) == []
    payload = payload_of(page_of(hidden, tmp_path))
    names = [each["name"] for each in payload["overlays"]]
    assert "stops" not in names
    assert "facilities" in names
    assert "Secret layers are not drawn: Public-transport stops" in payload["notices"]


def test_secret_residents_show_in_no_cells(results: Results, tmp_path: Path) -> None:
    hidden = with_secret(results, "population")
    names = {each["name"] for each in payload_of(page_of(hidden, tmp_path))["overlays"]}
    assert not names & {"cells", "beyond_bus", "gaps"}
    path = write_geopackage(hidden, tmp_path / "a.gpkg")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        stored = {row[0] for row in connection.execute("SELECT table_name FROM gpkg_contents")}
    assert "school_coverage__sites" in stored
    assert not {"service_15min_coverage__cells_gb50180", "school_coverage__beyond"} & stored


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ('{ class = "bus_stopp", distance_m = 500 }', 'class "bus_stopp" is not known; did you mean "bus_stop"'),
        ('{ class = "bus_stop", distance_m = 5000 }', "at most at 500"),
        ('{ class = "bus_stop", distance_m = "far" }', "distance_m must lie above 0"),
    ],
)
def test_a_wrong_declaration_is_told(results: Results, tmp_path: Path, declared: str, fault: str) -> None:
    (tmp_path / "maps").mkdir()
    style = 'style = { color = "#000000", weight = 1 }\ntitle = { zh = "甲", en = "A" }'
    (tmp_path / "maps" / "overview.toml").write_text(f"[overlays.mine]\nservice_area = {declared}\n{style}\n", encoding="utf-8")
    with pytest.raises(ProjectError) as told:
        write_map(replace(results, city=replace(results.city, folder=tmp_path)), tmp_path / "map.html")
    assert fault in str(told.value)
    assert "overlays.mine.service_area" in str(told.value)


# The shipped map asks for 500 m; a project whose declarations ask for no more than 300 m has no such area, and no error.
def test_a_shipped_area_gives_way_to_the_project(tmp_path: Path) -> None:
    limit = 'bus_stop = { distance_m = 300, status = "verified", source = "own" }\n'
    tables = ["sets.gb50180.classes", "metrics.bus_stop_500m_coverage.classes"]
    (tmp_path / "facilities.toml").write_text("".join(f"[{table}]\n{limit}" for table in tables), encoding="utf-8")
    results = measure(replace(served_city(), folder=tmp_path), ["bus_stop_500m_coverage"])
    assert results.get("bus_stop_500m_coverage").value > 0
    assert list(service_areas(results, map_spec(FIRST, results.city.folder))) == []


# ---- selectors


def test_every_metric_stands_under_one_theme(payload: dict[str, Any]) -> None:
    listed = [index for theme in payload["themes"] for index in theme["metrics"]]
    assert sorted(listed) == list(range(len(METRICS) - 1))
    theme = next(each for each in payload["themes"] if each["title"] == "Public services")
    assert [payload["metrics"][index]["name"] for index in theme["metrics"]] == ["school_coverage"]


def test_a_metric_that_no_theme_names_stands_under_the_last(results: Results, tmp_path: Path) -> None:
    info = replace(results.metrics["road_network_density"], name="mine")
    rows = results.rows[results.rows.metric == "road_network_density"].assign(metric="mine")
    other = replace(results, rows=rows, metrics={"mine": info})
    assert payload_of(page_of(other, tmp_path))["themes"] == [{"title": "Other", "metrics": [0]}]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_halves_of_a_title_are_the_title(results: Results, tmp_path: Path, lang: Any) -> None:
    payload = payload_of(page_of(results.with_lang(lang), tmp_path))
    comma = "，" if lang == "zh" else ", "
    by_name = {metric["name"]: metric["variants"] for metric in payload["metrics"]}
    for variants in by_name.values():
        assert all(comma.join(each["halves"]) == each["title"] for each in variants if each["halves"])
    schools = by_name["school_coverage"]
    assert len({tuple(each["halves"]) for each in schools}) == len(schools) == 24
    assert len({each["halves"][0] for each in schools}) == 4
    assert not any(each["halves"] for each in by_name["bus_stop_500m_coverage"])


# ---- hostile names


def test_hostile_names_of_facilities_stay_data(results: Results, tmp_path: Path) -> None:
    page = page_of(results, tmp_path)
    payload = payload_of(page)
    assert set(HOSTILE_SITES) == set(said(page, overlay(payload, "facilities"), "Name"))
    assert "alert(1)>" not in page
    assert "<script>alert" not in page
    sites = overlay(payload, "facilities")
    assert [(group["label"], group["count"]) for group in sites["groups"]] == [("schools, kindergartens, childcare", len(HOSTILE_SITES))]
    assert said(page, sites, "Kind of facility") == ["primary school, middle school, school of any level"] * len(HOSTILE_SITES)


def test_hostile_names_of_facilities_survive_the_geopackage(package: Path) -> None:
    stored = gpd.read_file(package, layer="school_coverage__sites")
    assert set(stored["name"]) == {name.replace("\x00", "") for name in HOSTILE_SITES}
    with contextlib.closing(sqlite3.connect(package)) as connection:
        for qml, sld in connection.execute("SELECT styleQML, styleSLD FROM layer_styles"):
            ElementTree.fromstring(qml.split("\n", 1)[1])
            if sld:
                ElementTree.fromstring(sld.encode())


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = served_results(), served_results()
    assert write_map(one, tmp_path / "a.html").read_bytes() == write_map(two, tmp_path / "b.html").read_bytes()
    for folder in "ab":  # the project inside names its file
        (tmp_path / folder).mkdir()
    first, second = (write_geopackage(each, tmp_path / folder / "city.gpkg") for each, folder in ((one, "a"), (two, "b")))
    assert first.read_bytes() == second.read_bytes()


def test_people_of_the_city_are_those_of_the_cells(results: Results) -> None:
    assert results.evidence[CELLS]["people"].sum() == sum(people for _, people in PEOPLE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("overlays = 5", "overlays must be a table"),
        ('[overlays.mine]\nlayer = "parks"', "needs style"),
        ("[overlays.mine]\nevidence = 5\nstyle = {}", "evidence must be a text or a list, not 5"),
        ("[overlays.mine]\nservice_area = 5\nstyle = {}", "service_area must be a table"),
        ('[overlays.mine]\nlayer = "parks"\nstyle = {}\nby = ["name"]', "by must be a text"),
        ('[overlays.mine]\nlayer = "parks"\nstyle = {}\nvalues = { name = 5 }', "values.name must be a table of"),
        ('[overlays.mine]\nlayer = "parks"\nstyle = {}\nfrom_zoom = "near"', "from_zoom must be a number"),
        ('[overlays.mine]\nlayr = "parks"\nstyle = {}', 'did you mean "layer"'),
    ],
)
def test_a_map_that_cannot_be_used_is_told(results: Results, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "overview.toml").write_text(text + "\n", encoding="utf-8")
    with pytest.raises(ProjectError, match=r"overview\.toml") as error:
        write_map(replace(results, city=replace(results.city, folder=tmp_path)), tmp_path / "map.html")
    assert said in str(error.value)
