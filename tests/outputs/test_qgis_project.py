"""The project in a GeoPackage and beside it: its layers, groups, styles, words and colours, read without QGIS."""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
import zipfile
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
import shapely

from spatial.measurement import measure
from spatial.outputs.classes import NO_DATA, PARTIAL
from spatial.outputs.geopackage import write_geopackage
from spatial.outputs.map_specs import map_spec
from spatial.outputs.margin import said_of_crs, stamp_of
from spatial.outputs.qgis_items import literal_text, scale_of
from spatial.outputs.qgis_legend import entries, wrapped
from spatial.outputs.qgis_project import opening_extent
from spatial.outputs.qgis_style import Condition, Rule, Style, Symbol, unevaluated
from spatial.outputs.webmap import write_map
from spatial.project import open_city
from spatial.result import Results
from spatial.sheet import Sheet
from tests import make_demo
from tests.outputs.graded_city import HOSTILE, results
from tests.outputs.planned_city import planned_results, standing
from tests.outputs.served_city import served_results
from tests.outputs.test_maps import payload_of

EVALUATED = "[% env('HOME') %]"


def written(folder: Path, given: Results, made: object = None) -> Path:
    folder.mkdir(exist_ok=True)
    return write_geopackage(given, folder / "city.gpkg", made)  # type: ignore[arg-type]


def query(path: Path, text: str, *values: object) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(text, values).fetchall()


def embedded(path: Path) -> bytes:
    ((name, content),) = query(path, "SELECT name, content FROM qgis_projects")
    assert name == "city"
    return bytes.fromhex(content)


def project(path: Path) -> Element:
    with zipfile.ZipFile(io.BytesIO(embedded(path))) as archive:
        (name,) = archive.namelist()
        assert name == "city.qgs"
        return ElementTree.fromstring(archive.read(name).decode().split("\n", 1)[1])


def osm(given: Results) -> Results:
    layers = dict(given.city.layers)
    layers["roads"] = replace(layers["roads"], origin="osm")
    return replace(given, city=replace(given.city, layers=MappingProxyType(layers)))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("planned"), planned_results("zh"), standing())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("served"), served_results("en"))


def test_the_file_beside_is_the_project_inside(path: Path) -> None:
    assert path.with_suffix(".qgz").read_bytes() == embedded(path)


def test_equal_results_give_equal_projects_in_any_folder(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, results()).with_suffix(".qgz").read_bytes() for name in ("one", "two"))
    assert one == two
    assert str(tmp_path).encode() not in zipfile.ZipFile(io.BytesIO(one)).read("city.qgs")


def test_every_table_is_a_layer_that_is_found_beside_the_project(path: Path) -> None:
    root = project(path)
    sources = [layer.findtext("datasource") for layer in root.findall("projectlayers/maplayer")]
    tables = [name for (name,) in query(path, "SELECT table_name FROM gpkg_contents") if name != "layer_styles"]
    assert sorted(sources) == sorted(f"./city.gpkg|layername={name}" for name in tables)
    ids = [layer.findtext("id") for layer in root.findall("projectlayers/maplayer")]
    listed = [layer.get("id") for layer in root.find("layer-tree-group").iter("layer-tree-layer")]
    assert len(set(ids)) == len(ids)
    assert sorted(listed) == sorted(ids)
    assert root.find("properties/SpatialRefSys/ProjectionsEnabled").text == "1"
    assert root.findtext("projectCrs/spatialrefsys/authid") == "EPSG:32651"


def tree(root: Element) -> dict[str, list[str]]:
    """Group → ids of its layers, without what makes an id one of this city; those in no group under an empty name."""
    top = root.find("layer-tree-group")
    found = {group.get("name"): group.findall("layer-tree-layer") for group in top.findall("layer-tree-group")}
    found[""] = top.findall("layer-tree-layer")
    return {name: [layer.get("id").rpartition("_")[0] for layer in layers] for name, layers in found.items()}


def test_groups_are_those_of_the_map_in_its_order(served: Path) -> None:
    root = project(served)
    groups = tree(root)
    titles = [title.en for title in map_spec("overview", None).groups.values()]
    assert [name for name in groups if name in titles] == [title for title in titles if title in groups]
    assert {"parks", "pocket_park_gap__clusters_network"} <= set(groups["Parks and green"])
    assert {"bus_stop_500m_coverage__beyond", "bus_stop_500m_coverage__sites"} <= set(groups["Public transport"])
    assert "school_coverage__beyond" in groups["Services and their reach"]  # beside the schools, though no overlay draws it
    assert groups["Roads"] == ["roads"]
    assert groups[""] == ["totals", "areas"]  # the areas are drawn undermost
    assert set(groups["Tables"]) == {"metrics", "about"}


def test_what_is_drawn_above_on_the_page_stands_above(served: Path) -> None:
    order = [name for name, overlay in map_spec("overview", None).overlays.items() if overlay["group"] == "green"]
    drawn = [name for name in tree(project(served))["Parks and green"] if name in ("parks", "pocket_park_gap__clusters_network")]
    assert order.index("parks") < order.index("gaps_network")
    assert drawn == ["pocket_park_gap__clusters_network", "parks"]


def test_it_opens_with_what_the_map_opens_with(path: Path) -> None:
    layers = project(path).find("layer-tree-group").iter("layer-tree-layer")
    shown = {layer.get("id").rpartition("_")[0] for layer in layers if layer.get("checked") == "Qt::Checked"}
    assert shown == {"areas", "roads"}  # and the water, of which there is none


def test_styles_are_those_of_the_file(path: Path) -> None:
    root = project(path)
    stored = {(table, name): text for table, name, text in query(path, "SELECT f_table_name, styleName, styleQML FROM layer_styles")}
    compared = 0
    for layer in root.findall("projectlayers/maplayer"):
        table = layer.findtext("id").rpartition("_")[0]
        kept = layer.find("map-layer-style-manager")
        names = [name for owner, name in stored if owner == table]
        current = names[0] if kept is None else kept.get("current")
        parts = dict.fromkeys([current], layer)
        parts |= {each.get("name"): each[0] for each in ([] if kept is None else kept) if len(each)}
        assert set(parts) == set(names), table
        for name, part in parts.items():
            original = ElementTree.fromstring(stored[table, name].split("\n", 1)[1])
            for tag in ("renderer-v2", "labeling"):
                assert [ElementTree.tostring(each) for each in part.findall(tag)] == [
                    ElementTree.tostring(each) for each in original.findall(tag)
                ]
                compared += 1
        aliases = ElementTree.fromstring(stored[table, names[0]].split("\n", 1)[1]).find("aliases")
        assert ElementTree.tostring(layer.find("aliases")) == ElementTree.tostring(aliases)
    assert compared > 20


def test_roads_open_thin_and_grey_and_can_be_coloured_by_class(path: Path) -> None:
    (kept,) = [
        layer.find("map-layer-style-manager")
        for layer in project(path).findall("projectlayers/maplayer")
        if layer.findtext("id").startswith("roads_")
    ]
    assert [each.get("name") for each in kept] == ["道路", "道路（衬底）"]
    assert kept.get("current") == "道路（衬底）"


def colours(renderer: Element) -> dict[str, str]:
    """Label of a class → its fill; without unit, without what is no class."""
    symbols = {symbol.get("name"): symbol for symbol in renderer.find("symbols")}
    found = {}
    for rule in renderer.iter("rule"):
        if rule.get("symbol") and "'ok', 'estimated'" in (rule.get("filter") or ""):
            color = symbols[rule.get("symbol")].find("layer/Option/Option[@name='color']").get("value")
            found[rule.get("label")] = "#" + "".join(f"{int(part):02x}" for part in color.split(",")[:3])
    return found


def check_colours(path: Path, page: Path, lang: str) -> int:
    """Compare every style of the areas with the page's metric of that name; how many had classes."""
    payload = payload_of(page.read_text(encoding="utf-8"), lang)
    stored = dict(query(path, "SELECT styleName, styleQML FROM layer_styles WHERE f_table_name = 'areas'"))
    opening = payload["metrics"][payload["opens"]]["title"]
    (default,) = query(path, "SELECT styleName FROM layer_styles WHERE f_table_name = 'areas' AND useAsDefault = 1")
    assert default[0].startswith(opening)
    coloured = 0
    for metric in payload["metrics"]:
        variant = metric["variants"][0]
        colon = "：" if lang == "zh" else ": "
        name = metric["title"] + (colon + variant["title"] if variant["title"] else "")
        (text,) = [text for style, text in stored.items() if style == name]
        found = colours(ElementTree.fromstring(text.split("\n", 1)[1]).find("renderer-v2"))
        assert list(found.values()) == variant["colors"], name
        assert all(label.startswith(words) for label, words in zip(found, variant["ranges"], strict=True)), name
        coloured += bool(found)
    assert payload["colors"] == {"no_data": NO_DATA, "partial": PARTIAL}
    return coloured


def test_classes_and_colours_are_those_of_the_page_for_every_metric_of_the_demo(tmp_path: Path) -> None:
    shutil.copytree(make_demo.TARGET, tmp_path / "demo")
    given = measure(open_city(tmp_path / "demo", cache=False), None, lang="zh")
    path = write_geopackage(given, tmp_path / "city.gpkg")
    assert check_colours(path, write_map(given, tmp_path / "map.html"), "zh") >= 20


def test_a_map_that_opens_with_a_variant_and_its_own_classes(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    declared = 'opens_with = "road_area_ratio/redline"\n[classes.road_area_ratio]\ncount = 2\n'
    (tmp_path / "maps" / "overview.toml").write_text(declared, encoding="utf-8")
    given = results("en")
    given = replace(given, city=replace(given.city, folder=tmp_path))
    path = write_geopackage(given, tmp_path / "city.gpkg")
    (name, text) = query(path, "SELECT styleName, styleQML FROM layer_styles WHERE f_table_name = 'areas' AND useAsDefault = 1")[0]
    assert name == "Road area ratio: red line"
    page = payload_of(write_map(given, tmp_path / "map.html").read_text(encoding="utf-8"), "en")
    (metric,) = [metric for metric in page["metrics"] if metric["name"] == "road_area_ratio"]
    (variant,) = [variant for variant in metric["variants"] if variant["name"] == "redline"]
    found = colours(ElementTree.fromstring(text.split("\n", 1)[1]).find("renderer-v2"))
    assert (list(found), list(found.values())) == ([f"{words} %" for words in variant["ranges"]], variant["colors"])


@pytest.mark.parametrize(("lang", "unit", "none"), [("zh", "单位", "无单位"), ("en", "unit", "no unit")])
def test_every_number_says_its_unit_or_that_it_has_none(tmp_path: Path, lang: str, unit: str, none: str) -> None:
    path = written(tmp_path, planned_results(lang), standing())  # type: ignore[arg-type]
    checked = 0
    for (table,) in query(path, "SELECT table_name FROM gpkg_contents WHERE table_name <> 'layer_styles'"):
        said = dict(query(path, "SELECT column_name, description FROM gpkg_data_columns WHERE table_name = ?", table))
        info = pyogrio.read_info(path, layer=table)
        for column, kind in zip(info["fields"], info["dtypes"], strict=True):
            if kind.startswith(("float", "int")):
                assert unit in said[column], (table, column)
                checked += 1
    assert checked > 20
    areas = dict(query(path, "SELECT column_name, description FROM gpkg_data_columns WHERE table_name = 'areas'"))
    roads = dict(query(path, "SELECT column_name, description FROM gpkg_data_columns WHERE table_name = 'tasks'"))
    assert areas["population"].startswith({"zh": "单位：人", "en": "unit: people"}[lang])
    assert areas["road_area_ratio__paved"].startswith({"zh": "单位：比例 0–1", "en": "unit: share 0–1"}[lang])
    assert roads["investment"].startswith({"zh": "单位：元", "en": "unit: CNY"}[lang])
    assert none in {text for (text,) in query(path, "SELECT description FROM gpkg_data_columns")} or none == "no unit"


def test_the_notice_stands_where_osm_data_are_inside_and_nowhere_else(tmp_path: Path) -> None:
    with_osm, without = written(tmp_path / "osm", osm(results())), written(tmp_path / "local", results())
    assert b"ODbL" not in zipfile.ZipFile(without.with_suffix(".qgz")).read("city.qgs")
    root = project(with_osm)
    assert root.findtext("projectMetadata/rights") == "© OpenStreetMap contributors, ODbL"
    assert root.findtext("projectMetadata/license").startswith("Open Database License")
    for layer in root.findall("projectlayers/maplayer"):
        assert "ODbL" in layer.findtext("attribution")
        assert "ODbL" in layer.findtext("resourceMetadata/rights")
    for sheet in root.findall("Layouts/Layout"):
        assert "ODbL" in item(sheet, "sources").get("labelText")


def item(sheet: Element, key: str) -> Element:
    (found,) = [each for each in sheet.findall("LayoutItem") if each.get("id") == key]
    return found


def sheet_of(given: Results, **said: str) -> Results:
    return replace(given, city=replace(given.city, sheet=Sheet(**said)))


def test_a_token_is_nowhere_and_the_issuing_unit_is_printed(tmp_path: Path) -> None:
    given = sheet_of(results(), issuing_unit="规划局", base_map="tianditu", base_map_token="t0k3n-of-the-user")
    path = written(tmp_path, given)
    assert b"t0k3n" not in path.read_bytes() + zipfile.ZipFile(path.with_suffix(".qgz")).read("city.qgs")
    assert item(project(path).find("Layouts/Layout"), "issued").get("labelText") == "制图单位：规划局"


def test_the_stamp_gives_way_to_the_approval_number(tmp_path: Path) -> None:
    given, spec = results("zh"), map_spec("overview", None)  # in zone 51 at 31° N: in China
    assert stamp_of(given, spec) == ["内部工作图 未经审核 不得公开"]
    assert stamp_of(given.with_lang("en"), spec)[0] == "内部工作图 未经审核 不得公开"
    approved = sheet_of(given, approval_number="吉S(2026)001号")
    assert stamp_of(approved, spec) == []
    assert stamp_of(replace(given, edition="public"), spec) == []  # refused where it would have to stand, and so on page and sheet alike
    assert stamp_of(served_results("en", ["road_network_density"]), spec) == []  # public data of another country
    for shown, said in ((given, "内部工作图 未经审核 不得公开"), (approved, "审图号：吉S(2026)001号")):
        assert item(project(written(tmp_path, shown)).find("Layouts/Layout"), "stamp").get("labelText") == said


def test_a_sheet_names_its_coordinate_system_as_the_page_does(tmp_path: Path) -> None:
    zone = pyproj.CRS("EPSG:4551")
    assert said_of_crs(zone, "zh") == "CGCS2000 3°带，中央经线 126°E（EPSG:4551）"
    given = results("zh")
    page = payload_of(write_map(given, tmp_path / "map.html").read_text(encoding="utf-8"), "zh")
    said = item(project(written(tmp_path, given)).find("Layouts/Layout"), "crs").get("labelText")
    assert said == f"坐标系：{said_of_crs(given.city.crs, 'zh')}"
    assert said_of_crs(given.city.crs, "zh") in page["city"]["crs"]


def test_names_never_become_expressions_or_break_the_project(tmp_path: Path) -> None:
    given = replace(results(), city=replace(results().city, name=EVALUATED + HOSTILE))
    root = project(written(tmp_path, given))
    assert root.findtext("title").startswith(EVALUATED)  # a title is never evaluated
    title = item(root.find("Layouts/Layout"), "title").get("labelText")
    assert "[% env" not in title
    assert title.startswith("[% '[' || '%' %] env('HOME') %]")
    assert literal_text("5 [%] and nothing") == "5 [%] and nothing"
    assert unevaluated(f"x {EVALUATED}") == "x [ % env('HOME') %]"


def test_legends_list_what_occurs_with_its_number() -> None:
    class Given:
        frame = pd.DataFrame({"value": [1.0, 2.0, np.nan, 9.0], "status": ["ok", "ok", "no_data", "partial"]})

    ok = Condition("status", ("ok",))
    classes = (
        Rule("low", Symbol(), (ok, Condition("value", (), None, 2.0))),
        Rule("high", Symbol(), (ok, Condition("value", (), 2.0))),
        Rule("never", Symbol(), (Condition("status", ("estimated",)),)),
        Rule("rest", Symbol(), otherwise=True),
    )
    found = entries(Given(), Style("s", (Rule("head", rules=classes),)), "en", counted=True)  # type: ignore[arg-type]
    assert [(entry.node, entry.label, entry.count) for entry in found if not entry.heading] == [
        (1, "low (1)", 1),
        (2, "high (1)", 1),
        (4, "rest (2)", 2),
    ]
    assert [entry.label for entry in found if entry.heading] == ["head"]


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("公园服务：2022 版，居住用地", 12, ["公园服务：", "2022 版，居", "住用地"]),
        ("parks within reach of homes", 12, ["parks within", "reach of", "homes"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
        ("", 10, [""]),
    ],
)
def test_legends_break_between_words_or_chinese_characters(text: str, columns: int, lines: list[str]) -> None:
    assert wrapped(text, columns).split("\n") == lines


@pytest.mark.parametrize(("metres", "scale"), [(20_000, 125_000), (21_500, 125_000), (10_000, 60_000), (300, 2_000)])
def test_scales_are_round_and_hold_the_extent(metres: float, scale: int) -> None:
    assert scale_of((0, 0, metres, metres / 2), 200, 160) <= scale * 1.01
    made = scale_of((0, 0, metres, metres / 2), 200, 160)
    assert made >= metres / 0.2
    assert str(made).rstrip("0") in {"1", "125", "15", "2", "25", "3", "4", "5", "6", "75", "8"}


def test_the_view_is_what_the_data_cover(tmp_path: Path) -> None:
    given, spec = results(), map_spec("overview", None)
    west, south, east, north = opening_extent(given, spec)
    assert (east - west, north - south) == pytest.approx((6000 + 240, 1000 + 240))
    half = shapely.box(*shapely.total_bounds(given.areas.whole)[[0, 1]], 352_500.0, 3_451_000.0)
    west, _, east, _ = opening_extent(replace(given, city=replace(given.city, data_extent=half)), spec)
    assert (west, east) == pytest.approx((350_000 - 50, 352_500 + 50))
    boxed = replace(spec, view=(121.0, 31.0, 121.2, 31.1))
    west, south, east, north = opening_extent(given, boxed)
    inside = gpd.GeoSeries([shapely.Point(121.1, 31.05)], crs="EPSG:4326").to_crs("EPSG:32651").iloc[0]
    assert west < inside.x < east
    assert south < inside.y < north


def test_reread_without_loss(tmp_path: Path) -> None:
    """Every value and geometry of a frame with real types comes back, by geopandas as it went in."""
    given = served_results("en")
    path = written(tmp_path, given)
    for key, frame in given.evidence.items():
        read = gpd.read_file(path, layer=key.replace(".", "__"))
        assert shapely.equals(read.geometry.to_numpy(), frame.geometry.to_numpy()).all(), key
        for column in frame.columns.drop(frame.geometry.name):
            if column not in read or frame[column].map(lambda value: isinstance(value, list)).any():
                continue
            if pd.api.types.is_numeric_dtype(frame[column].dtype):
                assert np.array_equal(read[column].to_numpy(float), frame[column].to_numpy(float, na_value=np.nan), equal_nan=True), column
            else:
                assert [str(text) for text in read[column]] == [str(text).replace("\x00", "") for text in frame[column]], column
