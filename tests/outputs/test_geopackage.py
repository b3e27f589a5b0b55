import contextlib
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from spatial.errors import OptionError, OutputError
from spatial.outputs import geopackage
from spatial.outputs.classes import NO_DATA, PARTIAL, classify
from spatial.outputs.geopackage import write_geopackage
from spatial.result import SCHEMA_VERSION
from tests.outputs.graded_city import CRS, HOSTILE, STATUSES, VALUES, results


@pytest.fixture(scope="module")
def zh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_geopackage(results("zh"), tmp_path_factory.mktemp("zh") / "城.gpkg")


@pytest.fixture(scope="module")
def en(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_geopackage(results("en"), tmp_path_factory.mktemp("en") / "city.gpkg")


def query(path: Path, text: str, *values: object) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(text, values).fetchall()


def style(path: Path, table: str, *, default: int = 1) -> list[ElementTree.Element]:
    found = query(path, "SELECT styleQML FROM layer_styles WHERE f_table_name = ? AND useAsDefault = ? ORDER BY id", table, default)
    return [ElementTree.fromstring(text.split("\n", 1)[1]) for (text,) in found]


def rules(root: ElementTree.Element) -> dict[str, tuple[str, ElementTree.Element]]:
    """Label → filter and symbol of every rule that draws."""
    symbols = {symbol.get("name"): symbol for symbol in root.find("renderer-v2/symbols")}
    return {rule.get("label"): (rule.get("filter"), symbols[rule.get("symbol")]) for rule in root.iter("rule") if rule.get("symbol")}


def fills(symbol: ElementTree.Element) -> list[str]:
    colors = [option.get("value") for option in symbol.findall("layer[@class='SimpleFill']/Option/Option[@name='color']")]
    return ["#" + "".join(f"{int(part):02x}" for part in color.split(",")[:3]) for color in colors]


def test_it_is_a_sound_geopackage_1_2(zh: Path) -> None:
    assert query(zh, "PRAGMA integrity_check") == [("ok",)]
    assert query(zh, "PRAGMA user_version") == [(10200,)]
    contents = dict(query(zh, "SELECT table_name, data_type FROM gpkg_contents"))
    assert {name: contents[name] for name in ("areas", "totals", "roads", "parks")} == dict.fromkeys(
        ("areas", "totals", "roads", "parks"), "features"
    )
    assert {name: contents[name] for name in ("metrics", "about", "layer_styles")} == dict.fromkeys(
        ("metrics", "about", "layer_styles"), "attributes"
    )
    assert len({name.lower() for name in contents}) == len(contents)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in contents)
    assert {row[0] for row in query(zh, "SELECT column_name FROM gpkg_geometry_columns")} == {"geom"}
    extensions = query(zh, "SELECT table_name FROM gpkg_extensions WHERE extension_name = 'gpkg_schema'")
    assert sorted(extensions) == [("gpkg_data_column_constraints",), ("gpkg_data_columns",)]


def test_areas_come_back_as_the_table_says(zh: Path) -> None:
    given = results("zh")
    wide = given.wide()
    read = gpd.read_file(zh, layer="areas")
    expected = wide[~wide.area_id.isin(["city", "outside_areas"])].reset_index(drop=True)
    assert list(read.columns) == list(expected.columns)
    assert read.crs == CRS
    assert set(read.geom_type) == {"MultiPolygon"}
    for column in expected.columns.drop(["geometry", "name"]):
        left, right = read[column].to_numpy(), expected[column].to_numpy()
        assert np.array_equal(left, right, equal_nan=left.dtype.kind == "f"), column
    assert list(read["road_area_ratio__paved__status"]) == list(STATUSES)
    assert shapely.equals(read.geometry.to_numpy(), expected.geometry.to_numpy()).all()
    assert query(zh, "SELECT count(*) FROM areas WHERE road_area_ratio__paved IS NULL") == [(1,)]  # NaN is NULL, not a number


def test_names_survive_but_for_what_sqlite_cannot_hold(zh: Path) -> None:
    read = gpd.read_file(zh, layer="areas")
    wide = results("zh").wide()
    expected = [name.replace("\x00", "") for name in wide["name"][:6]]
    assert list(read["name"]) == expected


def test_totals_stand_apart_and_are_never_filled(zh: Path) -> None:
    assert list(gpd.read_file(zh, layer="totals")["area_id"]) == ["city", "outside_areas"]
    drawn = rules(style(zh, "totals")[0])
    assert set(drawn) == {"全市", "各区之外"}
    assert all(symbol.find("layer/Option/Option[@name='style']").get("value") == "no" for _, symbol in drawn.values())


def test_the_long_table_is_whole(zh: Path) -> None:
    read = pyogrio.read_dataframe(zh, layer="metrics", read_geometry=False)
    table = results("zh").table
    assert list(read.columns) == list(table.columns)
    for column in table.columns:
        if column == "area_name":
            continue
        if table[column].dtype.kind == "f":
            assert np.array_equal(read[column].to_numpy(dtype=float), table[column].to_numpy(), equal_nan=True), column
        else:
            assert list(read[column]) == list(table[column]), column


def test_about_says_what_the_file_is(zh: Path) -> None:
    about = dict(query(zh, "SELECT key, value FROM about"))
    assert about["schema_version"] == SCHEMA_VERSION
    assert about["city"] == HOSTILE
    assert (about["date"], about["crs"], about["sensitivity"]) == ("2024-04-09", "EPSG:32651", "public")
    assert about["software"].startswith("spatial ")
    assert about["notice_1"] == "提示<1>"


def test_an_osm_city_carries_its_notice(tmp_path: Path) -> None:
    given = results()
    layers = dict(given.city.layers)
    layers["roads"] = replace(layers["roads"], origin="osm")
    path = write_geopackage(replace(given, city=replace(given.city, layers=MappingProxyType(layers))), tmp_path / "a.gpkg")
    assert "ODbL" in dict(query(path, "SELECT key, value FROM about"))["attribution"]
    described = query(path, "SELECT description FROM gpkg_contents WHERE table_name <> 'layer_styles'")
    assert all(text.count("ODbL") == 1 for (text,) in described)


def test_a_secret_layer_stays_out(tmp_path: Path) -> None:
    given = results()
    layers = dict(given.city.layers)
    layers["roads"] = replace(layers["roads"], sensitivity="secret")
    path = write_geopackage(replace(given, city=replace(given.city, layers=MappingProxyType(layers))), tmp_path / "a.gpkg")
    assert query(path, "SELECT count(*) FROM gpkg_contents WHERE table_name = 'roads'") == [(0,)]
    assert dict(query(path, "SELECT key, value FROM about"))["sensitivity"] == "secret"


# Values that may be ranked are 0.10, 0.12, 0.18 and 0.22; 0.50 covers a part of its area only.
def test_classes_are_those_of_the_web_map(zh: Path) -> None:
    classes = classify(np.array([0.10, 0.12, 0.18, 0.22]), "1", "zh")
    drawn = rules(style(zh, "areas")[0])
    ranked = {label: fills(symbol) for label, (where, symbol) in drawn.items() if ">=" in where or "<" in where}
    assert ranked == {f"{label} %": [color] for label, color in zip(classes.labels, classes.colors, strict=True)}


def chosen(where: str, value: float, status: str) -> bool:
    """Evaluate the filter of a rule as QGIS does, for the two columns of the paved ratio."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute('CREATE TABLE t ("road_area_ratio__paved" REAL, "road_area_ratio__paved__status" TEXT)')
        connection.execute("INSERT INTO t VALUES (?, ?)", (None if np.isnan(value) else value, status))
        return connection.execute(f"SELECT count(*) FROM t WHERE {where}").fetchone()[0] == 1


@pytest.mark.parametrize(("value", "status"), list(zip(VALUES, STATUSES, strict=True)))
def test_every_area_is_filled_once_and_by_its_status(zh: Path, value: float, status: str) -> None:
    classes = classify(np.array([0.10, 0.12, 0.18, 0.22]), "1", "zh")
    filled = [fills(symbol) for where, symbol in rules(style(zh, "areas")[0]).values() if chosen(where, value, status)]
    colors = [color for group in filled for color in group if color != "#000000"]
    expected = {"partial": PARTIAL, "no_data": NO_DATA}.get(status) or classes.colors[classes.index(value)]
    assert colors == [expected]


def test_partial_is_hatched_and_estimated_dashed(zh: Path) -> None:
    drawn = rules(style(zh, "areas")[0])
    (partial,) = [symbol for label, (_, symbol) in drawn.items() if label.startswith("数据仅覆盖部分")]
    assert partial.find("layer[@class='LinePatternFill']") is not None
    (estimated,) = [symbol for label, (_, symbol) in drawn.items() if label.startswith("估算")]
    assert estimated.find("layer/Option/Option[@name='outline_style']").get("value") == "dash"


def test_with_partial_areas_only_nothing_is_coloured(tmp_path: Path) -> None:
    path = write_geopackage(results(statuses=("partial",) * 5 + ("no_data",)), tmp_path / "a.gpkg")
    drawn = rules(style(path, "areas")[0])
    assert [fills(symbol)[0] for _, symbol in drawn.values()] == [PARTIAL, NO_DATA]


def test_the_first_metric_with_values_is_shown_and_others_can_be_chosen(zh: Path) -> None:
    (first,) = style(zh, "areas")
    assert next(first.iter("rule")).get("label") == "道路面积率：铺装面（物理） [%]"
    others = query(zh, "SELECT styleName FROM layer_styles WHERE f_table_name = 'areas' AND useAsDefault = 0")
    assert others == [("人口",)]
    (people,) = style(zh, "areas", default=0)
    assert all(label.endswith("人") for label, (where, _) in rules(people).items() if ">=" in where or "<" in where)


@pytest.mark.parametrize(
    ("lang", "value", "status"),
    [("zh", "道路面积率：铺装面（物理） [比例 0–1]", "状态"), ("en", "Road area ratio: paved surface (share 0–1)", "status")],
)
def test_aliases_in_both_places(request: pytest.FixtureRequest, lang: str, value: str, status: str) -> None:
    path = request.getfixturevalue(lang)
    titles = {
        column: (name, title, text)
        for column, name, title, text in query(
            path, "SELECT column_name, name, title, description FROM gpkg_data_columns WHERE table_name = 'areas'"
        )
    }
    assert titles["road_area_ratio__paved"][:2] == (value, value)
    assert titles["road_area_ratio__paved__status"][0].endswith(status)
    assert ("单位" if lang == "zh" else "unit") in titles["road_area_ratio__paved"][2]
    aliases = {alias.get("field"): alias.get("name") for alias in style(path, "areas")[0].iter("alias")}
    assert aliases == {column: said[0] for column, said in titles.items()}
    assert set(titles) == set(gpd.read_file(path, layer="areas").columns) - {"geometry"}


# An area has hundreds of columns and dozens of styles: aliases in each were a third of the file.
def test_a_layer_has_its_aliases_once(zh: Path) -> None:
    assert len(style(zh, "areas", default=0)) > 0
    for root in style(zh, "areas", default=0):
        assert root.get("styleCategories") == "Symbology|Labeling"
        assert root.find("aliases") is None
        assert root.find("renderer-v2") is not None


def test_inputs_keep_their_titles_and_lose_lists(zh: Path) -> None:
    roads = gpd.read_file(zh, layer="roads")
    assert len(roads) == 4
    assert "nodes" not in roads
    assert list(roads["road_class"]) == ["primary", "expressway", "", ""]
    aliases = [row[0] for row in query(zh, "SELECT name FROM gpkg_data_columns WHERE table_name = 'roads'")]
    assert len(set(aliases)) == len(aliases)
    assert "编号 [ref]" in aliases
    drawn = rules(style(zh, "roads")[0])
    assert drawn["主干路"][0] == "\"road_class\" IN ('primary')"
    assert sum(where == "ELSE" for where, _ in drawn.values()) == 1
    assert query(zh, "SELECT identifier FROM gpkg_contents WHERE table_name IN ('roads', 'parks') ORDER BY 1") == [("公园",), ("道路",)]


def test_evidence_of_every_kind_is_stored(zh: Path) -> None:
    names = {row[0] for row in query(zh, "SELECT table_name FROM gpkg_contents")}
    mixed = {name for name in names if name.startswith("population")}
    assert mixed == {"population_points", "population_lines", "population_polygons"}
    assert {"road_area_ratio__road_surface", "road_area_ratio__road_surface_2", "evidence_gpkg_contents__n"} <= names
    kinds = dict(query(zh, "SELECT table_name, geometry_type_name FROM gpkg_geometry_columns"))
    assert kinds["road_area_ratio__road_surface"] == "MULTIPOLYGON"
    assert [kinds[name] for name in sorted(mixed)] == ["LINESTRING", "POINT", "POLYGON"]
    point = gpd.read_file(zh, layer="population_points")
    assert list(point.columns) == ["fid_2", "Name", "name_2", "when", "mixed", "sure", "number", "geometry"]
    assert point["when"][0] == pd.Timestamp("2026-11-21 00:00", tz="UTC")
    assert (point["fid_2"][0], point["mixed"][0], bool(point["sure"][0])) == (7, "1", True)
    assert gpd.read_file(zh, layer="population_polygons")["Name"][0] == "丙"
    titles = dict(query(zh, "SELECT table_name, identifier FROM gpkg_contents"))
    assert titles["road_area_ratio__road_surface"] == "道路面积率：道路面"


def test_every_style_is_xml_whatever_the_names(zh: Path) -> None:
    found = query(zh, "SELECT styleQML, styleSLD, f_table_name FROM layer_styles")
    assert len(found) >= 10
    for qml, sld, table in found:
        ElementTree.fromstring(qml.split("\n", 1)[1])
        if sld:
            ElementTree.fromstring(sld.encode())
        assert query(zh, "SELECT count(*) FROM gpkg_contents WHERE table_name = ?", table) == [(1,)]


def _bytes(folder: Path) -> bytes:
    folder.mkdir()
    return write_geopackage(results(), folder / "city.gpkg").read_bytes()


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    one, two = (_bytes(tmp_path / name) for name in ("one", "two"))
    assert one == two
    assert one[24:28] == one[92:96] == b"\x00\x00\x00\x01"  # how often GDAL committed depends on the moment


def test_moments_are_those_of_the_data(zh: Path) -> None:
    assert {row[0] for row in query(zh, "SELECT last_change FROM gpkg_contents UNION SELECT update_time FROM layer_styles")} == {
        "2024-04-09T00:00:00.000Z"
    }


@pytest.mark.parametrize(
    "fault",
    [
        pyogrio.errors.DataLayerError("disk full"),
        sqlite3.OperationalError("database or disk is full"),
        OSError(28, "No space left on device"),
    ],
)
def test_a_failure_keeps_the_previous_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"before")

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(geopackage, "_annotate", fail)
    with pytest.raises(OutputError, match=re.escape(str(path))):
        write_geopackage(results(), path)
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gpkg"]


_LIMITED = """
import resource, sys
from spatial.errors import OutputError
from spatial.outputs.geopackage import write_geopackage
from tests.outputs.graded_city import results
given = results()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    write_geopackage(given, sys.argv[1])
except OutputError as error:
    print("refused", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of the size of files")
@pytest.mark.parametrize("size", [1_000, 90_000, 150_000, 250_000])
def test_no_space_at_any_point_is_told(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.gpkg"
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run([sys.executable, "-c", _LIMITED, str(path), str(size)], cwd=root, capture_output=True, text=True, timeout=120)
    assert ran.stdout.startswith("refused"), ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_logs_of_an_older_file_are_not_replayed(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    for ending in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).write_bytes(b"old")
    write_geopackage(results(), path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.gpkg", "a.qgz"]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"\.gpkg"):
        write_geopackage(results(), tmp_path / "a.shp")


def test_without_inputs_and_evidence(tmp_path: Path) -> None:
    given = results(evidence={})
    layers = {
        key: replace(layer, frame=None, origin="absent") if key in ("roads", "parks") else layer for key, layer in given.city.layers.items()
    }
    path = write_geopackage(replace(given, city=replace(given.city, layers=MappingProxyType(layers))), tmp_path / "a.gpkg")
    assert {row[0] for row in query(path, "SELECT table_name FROM gpkg_contents")} == {
        "areas",
        "totals",
        "metrics",
        "about",
        "layer_styles",
    }


def test_evidence_without_crs_or_with_one_name_twice(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame([[1, 2]], columns=["n", "n"], geometry=[shapely.Point(1, 2)])
    path = write_geopackage(results(evidence={"population.p": frame}), tmp_path / "a.gpkg")
    read = gpd.read_file(path, layer="population__p")
    assert read.crs == CRS
    assert read.drop(columns="geometry").to_dict("list") == {"n": [1], "n_2": [2]}


def test_results_are_not_changed(tmp_path: Path) -> None:
    given = results()
    before = {key: frame.copy(deep=True) for key, frame in given.evidence.items()}
    write_geopackage(given, tmp_path / "a.gpkg")
    for key, frame in before.items():
        pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(given.evidence[key]))


def test_areas_that_are_all_alike_are_painted(tmp_path: Path) -> None:
    """One class has no limits: its rule asks for the status alone, and no rule of any style ends in the air."""
    from spatial.measurement import measure
    from tests.analytic_city import analytic_city

    path = write_geopackage(measure(analytic_city(), ["road_area_ratio"]), tmp_path / "city.gpkg")
    styles = [row[0] for row in query(path, "SELECT styleQML FROM layer_styles")]
    filters = [clause for style in styles for clause in re.findall(r'filter="([^"]*)"', style)]
    assert any("road_area_ratio__paved__status" in clause for clause in filters)
    assert not [clause for clause in filters if clause.strip().endswith("AND") or not clause.strip()]
