"""Targets and tasks in the GeoPackage: which layers and tables there are, how they are styled, what never gets in."""

from __future__ import annotations

import datetime
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from spatial.outputs import geopackage
from spatial.outputs.geopackage import write_geopackage
from spatial.outputs.qgis_targets import NAMES
from spatial.outputs.task_groups import TASK_GROUPS
from spatial.targets.model import CONTRADICTIONS, TARGET_TABLE, TASK_TABLE
from tests.outputs.graded_city import results
from tests.outputs.planned_city import HOSTILE_TARGET, HOSTILE_TASK, TASKS, planned_results, standing, target_row
from tests.outputs.test_geopackage import fills, query, rules, style
from tests.outputs.test_geopackage_qgis import _environment, near, qgis  # noqa: F401

COLORS = {group.name: group.color for group in TASK_GROUPS}


@pytest.fixture(scope="module")
def zh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = pd.DataFrame(
        [["two_values", "R1", "R2", "road_area_ratio", 2025, "两个数值", "two values", "R1"]], columns=list(CONTRADICTIONS)
    )
    made = standing(
        [target_row(), target_row(target_id="R2", title_zh=HOSTILE_TARGET, status="superseded", projects="t2")], contradictions=found
    )
    return write_geopackage(planned_results(), tmp_path_factory.mktemp("zh") / "city.gpkg", made)


def names(path: Path) -> list[str]:
    return [name for name, _ in pyogrio.list_layers(path)]


def test_without_plans_there_is_none_of_it(tmp_path: Path) -> None:
    path = write_geopackage(results(), tmp_path / "city.gpkg")
    assert not set(NAMES) & set(names(path))
    (tmp_path / "again").mkdir()
    assert path.read_bytes() == write_geopackage(results(), tmp_path / "again" / "city.gpkg", None).read_bytes()


def test_no_byte_tells_when_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also none that GDAL wrote before the moment was set for good: it stays in the free bytes of a page."""
    monkeypatch.setattr(geopackage, "_annotate", lambda *_: None)
    content = write_geopackage(planned_results(), tmp_path / "a.gpkg", standing([target_row()])).read_bytes()
    days = {datetime.date.today(), datetime.datetime.now(datetime.UTC).date()}
    assert b"T00:00:00" in content
    assert not any(day.isoformat().encode() in content for day in days)


def test_every_task_lies_in_the_layer_of_its_kind(zh: Path) -> None:
    layers = {name: gpd.read_file(zh, layer=name) for name in ("tasks_points", "tasks_lines", "tasks_polygons")}
    assert {name: sorted(layer["id"]) for name, layer in layers.items()} == {
        "tasks_points": ["t1", "t2", "t3", "t4", "t5"], "tasks_lines": ["t6"], "tasks_polygons": ["t7"],
    }  # fmt: skip
    places = {key: place for _, key, _, _, place in TASKS}
    for layer in layers.values():
        assert layer.crs == "EPSG:32651"
        assert all(shape.equals(places[key]) for key, shape in zip(layer["id"], layer.geometry, strict=True))
    assert dict(zip(layers["tasks_points"]["id"], layers["tasks_points"]["state"], strict=True)) == {
        key: group for group, key, *_ in TASKS[:5]
    }


def test_a_kind_without_a_task_has_no_layer(tmp_path: Path) -> None:
    only = standing(tasks=standing().tasks.iloc[:3])
    found = names(write_geopackage(planned_results(), tmp_path / "city.gpkg", only))
    assert [name for name in NAMES if name in found] == ["tasks_points", "targets", "tasks", "left_out", "contradictions"]


def test_tasks_are_drawn_in_the_colours_of_their_groups(zh: Path) -> None:
    drawn = rules(style(zh, "tasks_points")[0])
    assert list(drawn) == [group.title.zh for group in reversed(TASK_GROUPS)]
    for group in TASK_GROUPS:
        condition, symbol = drawn[group.title.zh]
        assert condition == f"\"state\" IN ('{group.name}')"
        said = {option.get("name"): option.get("value") for option in symbol.findall("layer/Option/Option")}
        painted = said["outline_color"] if group.shape in ("ring", "cross") else said["color"]
        assert painted == ",".join(str(int(group.color[at : at + 2], 16)) for at in (1, 3, 5)) + ",255"
    shapes = [symbol.find("layer/Option/Option[@name='name']").get("value") for _, symbol in drawn.values()]
    assert shapes == ["triangle", "square", "circle", "circle", "cross2"]
    polygons = rules(style(zh, "tasks_polygons")[0])
    assert fills(polygons["逾期未完成"][1]) == [COLORS["overdue"]]


def test_other_programs_get_the_shapes_too(zh: Path) -> None:
    ((sld,),) = query(zh, "SELECT styleSLD FROM layer_styles WHERE f_table_name = 'tasks_points'")
    assert [word for word in ("triangle", "square", ">x<") if word in sld] == ["triangle", "square", ">x<"]


def test_titles_and_units_stand_on_the_columns(zh: Path) -> None:
    titles = dict(query(zh, "SELECT column_name, title FROM gpkg_data_columns WHERE table_name = 'tasks_points'"))
    assert titles["investment"] == "投资（元）"
    assert titles["days"] == "超期天数（负数为剩余）"
    assert set(TASK_TABLE) <= set(titles)
    titles = dict(query(zh, "SELECT column_name, title FROM gpkg_data_columns WHERE table_name = 'targets'"))
    assert set(TARGET_TABLE) <= set(titles)
    identifiers = dict(query(zh, "SELECT table_name, identifier FROM gpkg_contents"))
    assert identifiers["tasks_lines"] == "台账任务（线）"
    assert identifiers["targets"] == "规划目标"


def test_the_table_of_targets_can_be_read(zh: Path) -> None:
    read = pyogrio.read_dataframe(zh, layer="targets", read_geometry=False)
    assert set(TARGET_TABLE) <= set(read.columns)
    first = read.iloc[0]
    assert list(first[["title", "goal", "status_title", "plan_title"]]) == ["道路面积率", "2025 年 ≥ 16.8%", "进度滞后", "示例规划（合成）"]
    assert (first["target"], first["value"]) == (0.168, 0.15)
    assert list(read["title"])[1] == HOSTILE_TARGET
    assert list(read["status_title"])[1] == "已被替代"


def test_the_table_of_tasks_has_those_without_a_place(zh: Path) -> None:
    read = pyogrio.read_dataframe(zh, layer="tasks", read_geometry=False)
    assert list(read["id"]) == [key for _, key, *_ in TASKS]
    assert list(read["mapped"]) == [place is not None for *_, place in TASKS]
    assert read.set_index("id").loc["t4", "name"] == HOSTILE_TASK
    assert list(read["due_date"].dropna().unique()) == ["2025-05-31"]
    assert read.set_index("id").loc["t3", "proof"] == "验收 1 号"


def test_what_was_left_out_and_what_disagrees_is_listed(zh: Path) -> None:
    left = pyogrio.read_dataframe(zh, layer="left_out", read_geometry=False)
    assert list(left["reason"]) == ["无类型", "无单位"]
    found = pyogrio.read_dataframe(zh, layer="contradictions", read_geometry=False).iloc[0]
    assert list(found[["kind_title", "text", "decided"]]) == ["同一指标同一年份两个数值", "两个数值", "R1"]


def test_the_file_says_the_day_and_the_plans(zh: Path) -> None:
    about = dict(query(zh, "SELECT key, value FROM about"))
    assert about["targets_as_of"] == "2025-06-30"
    assert about["plan_plan"] == "示例规划（合成）"


def test_a_secret_ledger_leaves_no_record(tmp_path: Path) -> None:
    made = standing([target_row(projects="t2;t7", lead_unit="园林局", assisting_unit="属地街道办")])
    path = write_geopackage(planned_results("en", "secret"), tmp_path / "city.gpkg", made)
    assert [name for name in NAMES if name in names(path)] == ["targets", "left_out", "contradictions"]
    whole = path.read_bytes()
    for secret in (HOSTILE_TASK, "t2;t7", "园林局", "专项债", "属地街道办"):
        assert secret.encode() not in whole
    assert list(pyogrio.read_dataframe(path, layer="left_out", read_geometry=False)["source"]) == ["plan"]
    about = dict(query(path, "SELECT key, value FROM about"))
    assert about["sensitivity"] == "secret"
    assert any("The ledger is secret" in said for said in about.values())


def test_empty_tables_are_written_as_empty_tables(tmp_path: Path) -> None:
    nothing = {name: getattr(standing(), name).iloc[:0] for name in ("tasks", "left_out")}
    given = planned_results()
    bare = replace(given, city=replace(given.city, ledger=replace(given.city.ledger, frame=given.city.ledger.frame.iloc[:0])))
    path = write_geopackage(bare, tmp_path / "city.gpkg", standing([], **nothing))
    assert [name for name in NAMES if name in names(path)] == ["targets", "tasks", "left_out", "contradictions"]
    assert all(query(path, f"SELECT count(*) FROM {name}") == [(0,)] for name in ("targets", "tasks", "left_out", "contradictions"))
    # Plans without a ledger: no tasks at all.
    path = write_geopackage(results(), tmp_path / "plans.gpkg", standing(**nothing))
    assert [name for name in NAMES if name in names(path)] == ["targets", "left_out", "contradictions"]


def test_a_record_of_several_shapes_stands_in_the_layer_of_each(tmp_path: Path) -> None:
    given = planned_results()
    frame = given.city.ledger.frame
    both = shapely.GeometryCollection([TASKS[0][4], TASKS[5][4]])
    shapes = [both if key == "t1" else shape for key, shape in zip(frame["id"], frame.geometry, strict=True)]
    mixed = replace(given, city=replace(given.city, ledger=replace(given.city.ledger, frame=frame.set_geometry(shapes, crs=frame.crs))))
    path = write_geopackage(mixed, tmp_path / "city.gpkg", standing())
    assert sorted(gpd.read_file(path, layer="tasks_lines")["id"]) == ["t1", "t6"]
    assert "t1" in set(gpd.read_file(path, layer="tasks_points")["id"])
    assert query(path, "SELECT count(*) FROM tasks") == [(8,)]


def test_equal_data_give_equal_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    first, second = (write_geopackage(planned_results(), folder / "city.gpkg", standing()).read_bytes() for folder in folders)
    assert first == second


def test_english(tmp_path: Path) -> None:
    path = write_geopackage(planned_results("en"), tmp_path / "city.gpkg", standing())
    assert next(iter(rules(style(path, "tasks_lines")[0]))) == "overdue"
    read = pyogrio.read_dataframe(path, layer="targets", read_geometry=False).iloc[0]
    assert list(read[["title", "goal", "status_title"]]) == ["Road area ratio", "≥ 16.8% by 2025", "behind"]


_DRAW = """
import json, sys
from qgis.core import (QgsApplication, QgsExpression, QgsExpressionContext, QgsExpressionContextUtils, QgsMapRendererSequentialJob,
    QgsMapSettings, QgsRectangle, QgsVectorLayer)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor
app = QgsApplication([], False)
app.initQgis()
messages, said = [], {}
QgsApplication.messageLog().messageReceived.connect(lambda text, tag, level: messages.append(f"{tag}: {text}"))
for name in ("tasks_points", "tasks_lines", "tasks_polygons", "targets", "tasks"):
    layer = QgsVectorLayer(f"{sys.argv[1]}|layername={name}", name, "ogr")
    colors, texts = {}, []
    if layer.labelsEnabled():
        expression = QgsExpression(layer.labeling().settings().fieldName)
        context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
        for feature in layer.getFeatures():
            context.setFeature(feature)
            texts += [expression.evaluate(context)]
    layer.setLabelsEnabled(False)
    for feature in layer.getFeatures() if layer.isSpatial() else ():
        at = feature.geometry().pointOnSurface().asPoint()
        settings = QgsMapSettings()
        settings.setLayers([layer])
        settings.setDestinationCrs(layer.crs())
        settings.setExtent(QgsRectangle(at.x() - 10, at.y() - 10, at.x() + 10, at.y() + 10))
        settings.setOutputSize(QSize(101, 101))
        settings.setBackgroundColor(QColor("#123456"))
        job = QgsMapRendererSequentialJob(settings)
        job.start()
        job.waitForFinished()
        colors[feature["id"]] = job.renderedImage().pixelColor(50, 50).name()
        del job, settings
    legend = [item.label() for item in layer.renderer().legendSymbolItems()] if layer.renderer() else []
    said[name] = {"valid": layer.isValid(), "count": layer.featureCount(), "legend": legend, "colors": colors, "texts": texts,
                  "aliases": [layer.attributeDisplayName(index) for index in range(layer.fields().count())]}
    del layer
print("SAID" + json.dumps({"messages": messages, "layers": said}))
app.exitQgis()
"""


@pytest.mark.qgis
def test_qgis_draws_the_tasks_as_the_legend_says(qgis: str, zh: Path) -> None:  # noqa: F811
    ran = subprocess.run([qgis, "-c", _DRAW, str(zh)], capture_output=True, text=True, env=_environment(), timeout=180)
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("SAID")] or pytest.fail(ran.stdout + ran.stderr)
    said = json.loads(line.removeprefix("SAID"))
    layers = said["layers"]
    assert said["messages"] == []
    assert {name: layer["count"] for name, layer in layers.items()} == {
        "tasks_points": 5, "tasks_lines": 1, "tasks_polygons": 1, "targets": 2, "tasks": 8,
    }  # fmt: skip
    legend = [group.title.zh for group in reversed(TASK_GROUPS)]
    assert all(layers[name]["legend"] == legend for name in ("tasks_points", "tasks_lines", "tasks_polygons"))
    drawn = {**layers["tasks_points"]["colors"], **layers["tasks_lines"]["colors"]}
    # The middle of a ring is empty, that of a cross its stroke, all others the colour of their group.
    wanted = {key: "#ffffff" if group == "planned" else COLORS[group] for group, key, *_, place in TASKS[:6] if place is not None}
    assert drawn.keys() == wanted.keys()
    for key, color in drawn.items():
        assert near(color, tuple(int(wanted[key][at : at + 2], 16) for at in (1, 3, 5))), key
    assert layers["tasks_polygons"]["colors"]["t7"] != "#123456"
    assert sorted(layers["tasks_points"]["texts"]) == ["", "", "", "", HOSTILE_TASK]  # only what is overdue has its name beside it
    assert {"投资（元）", "完成期限", "佐证"} <= set(layers["tasks"]["aliases"])
    assert {"目标要求", "评定结果"} <= set(layers["targets"]["aliases"])
