"""Open the project in a real QGIS, from the GeoPackage and from the file beside it, after its folder was moved; print a sheet."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spatial.outputs.geopackage import write_geopackage
from tests.outputs.graded_city import results
from tests.outputs.planned_city import planned_results, standing
from tests.outputs.test_geopackage_qgis import _environment, qgis  # noqa: F401

pytestmark = pytest.mark.qgis

_OPEN = """
import json, sys
from qgis.core import QgsApplication, QgsExpressionContextUtils, QgsLayerTreeGroup, QgsLayoutExporter, QgsProject
uri, out, printed = sys.argv[1:4]
app = QgsApplication([], False)
app.initQgis()
messages = []
QgsApplication.messageLog().messageReceived.connect(lambda text, tag, level: messages.append(f"{tag}: {text}"))
project = QgsProject.instance()
said = {"read": project.read(uri), "error": project.error(), "title": project.title(), "crs": project.crs().authid(), "layers": {}}
view = project.viewSettings().defaultViewExtent()
said["view"] = [view.xMinimum(), view.yMinimum(), view.xMaximum(), view.yMaximum()]
said["groups"] = [node.name() for node in project.layerTreeRoot().children() if isinstance(node, QgsLayerTreeGroup)]
said["rights"] = project.metadata().abstract()
for node in project.layerTreeRoot().findLayers():
    layer = node.layer()
    renderer = layer.renderer() if layer.isSpatial() else None
    rules = renderer.rootRule().descendants() if renderer else []
    said["layers"][layer.id().rpartition("_")[0]] = {
        "valid": layer.isValid(), "shown": node.isVisible(), "count": layer.featureCount(), "title": node.name(),
        "crs": layer.crs().authid() if layer.isSpatial() else "", "renderer": renderer.type() if renderer else "",
        "rules": [rule.label() for rule in rules], "broken": [r.filterExpression() for r in rules if r.filter() and r.filter().hasParserError()],
        "aliases": {field.name(): layer.attributeDisplayName(index) for index, field in enumerate(layer.fields())},
        "styles": layer.styleManager().styles(), "current": layer.styleManager().currentStyle(),
        "rights": layer.metadata().rights(), "attribution": layer.attribution(),
    }
(areas,) = [layer for layer in project.mapLayers().values() if layer.id().startswith("areas_")]
for name in areas.styleManager().styles():
    areas.styleManager().setCurrentStyle(name)
    said.setdefault("switched", {})[name] = [[r.label() for r in areas.renderer().rootRule().descendants()][0], areas.attributeDisplayName(1)]
areas.styleManager().setCurrentStyle(said["layers"]["areas"]["current"])
said["themes"] = project.mapThemeCollection().mapThemes()
said["sheets"] = [layout.name() for layout in project.layoutManager().printLayouts()]
if printed == "yes":
    sheet = project.layoutManager().printLayouts()[0]
    said["labels"] = {key: sheet.itemById(key).currentText() for key in ("title", "facts", "stamp", "sources", "crs", "scale") if sheet.itemById(key)}
    said["bar"] = sheet.itemById("scale bar").rect().width()
    legend = sheet.itemById("legend")
    legend.adjustBoxSize()
    said["legend"] = [legend.rect().width(), legend.rect().height()]
    chart = sheet.itemById("map")
    said["drawn"] = sorted(layer.id().rpartition("_")[0] for layer in chart.layersToRender())
    said["extent"] = chart.extent().contains(view)
    exporter = QgsLayoutExporter(sheet)
    settings = QgsLayoutExporter.ImageExportSettings()
    settings.dpi = 100
    said["png"] = exporter.exportToImage(out + ".png", settings)
    said["pdf"] = exporter.exportToPdf(out + ".pdf", QgsLayoutExporter.PdfExportSettings())
    from qgis.PyQt.QtGui import QImage
    image = QImage(out + ".png")
    said["colors"] = sorted({image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)})
    del sheet, legend, chart, exporter
said["messages"] = messages
print("SAID" + json.dumps(said))
del areas
project.clear()
app.exitQgis()
"""


def opened(python: str, uri: str, out: Path, *, printed: bool = False) -> dict[str, Any]:
    command = [python, "-c", _OPEN, uri, str(out), "yes" if printed else "no"]
    ran = subprocess.run(command, capture_output=True, text=True, env=_environment(), timeout=300)
    (said,) = [line for line in ran.stdout.splitlines() if line.startswith("SAID")] or pytest.fail(ran.stdout + ran.stderr)
    return dict(json.loads(said.removeprefix("SAID")))


@pytest.fixture(scope="module")
def seen(qgis: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:  # noqa: F811
    folder = tmp_path_factory.mktemp("project")
    path = write_geopackage(planned_results("zh"), folder / "city.gpkg", standing())
    return opened(qgis, f"geopackage:{path}?projectName=city", folder / "sheet", printed=True) | {"folder": folder}


def test_it_opens_without_a_complaint(seen: dict[str, Any]) -> None:
    assert seen["read"]
    assert (seen["error"], seen["messages"], seen["crs"]) == ("", [], "EPSG:32651")
    for name, layer in seen["layers"].items():
        assert layer["valid"], name
        assert layer["broken"] == [], name
        assert layer["crs"] in ("EPSG:32651", ""), name
    counts = {name: seen["layers"][name]["count"] for name in ("areas", "totals", "roads", "parks", "metrics", "tasks_points")}
    assert counts == {"areas": 6, "totals": 2, "roads": 4, "parks": 1, "metrics": 24, "tasks_points": 5}


def test_groups_view_and_what_is_shown(seen: dict[str, Any]) -> None:
    assert seen["groups"] == ["测算结果", "公园绿地", "道路", "规划与任务", "数据表"]
    assert {name for name, layer in seen["layers"].items() if layer["shown"] and layer["crs"]} == {"areas", "roads"}
    assert seen["view"] == pytest.approx([350_000 - 120, 3_450_000 - 120, 356_000 + 120, 3_451_000 + 120], abs=0.01)


def test_styles_and_aliases_are_applied_and_another_metric_is_one_click_away(seen: dict[str, Any]) -> None:
    areas = seen["layers"]["areas"]
    assert areas["rules"][0] == "道路面积率：铺装面（物理） [%]"
    assert "估算（虚线边界）" in areas["rules"]
    assert areas["aliases"]["population"] == "人口（人）"
    assert seen["switched"] == {
        "人口": ["人口（人）", "区域编号"],
        "道路面积率：铺装面（物理）": ["道路面积率：铺装面（物理） [%]", "区域编号"],
    }
    assert seen["layers"]["roads"]["current"] == "道路（衬底）"
    assert seen["themes"] == ["人口", "道路面积率：铺装面（物理）"]
    assert seen["sheets"][0] == "A4 横向 · 道路面积率：铺装面（物理）"


def test_the_sheet_is_printed_with_all_that_must_stand_on_it(seen: dict[str, Any]) -> None:
    assert (seen["png"], seen["pdf"]) == (0, 0)
    assert (seen["folder"] / "sheet.pdf").read_bytes()[:5] == b"%PDF-"
    labels = seen["labels"]
    assert labels["title"].endswith("道路面积率：铺装面（物理）")
    assert labels["facts"] == "行政区 6 个 · 数据日期 2024-04-09"
    assert labels["stamp"] == "内部工作图 未经审核 不得公开"
    assert labels["scale"] == "1 : 30,000"
    assert labels["crs"] == "坐标系：WGS 84 / UTM zone 51N（EPSG:32651）"
    assert 30 < seen["bar"] < 62
    assert 30 < seen["legend"][0] <= 62
    assert 40 < seen["legend"][1] < 138  # down to the bar of the scale
    assert seen["drawn"] == ["areas", "roads"]
    assert seen["extent"]
    assert "#b3261e" in seen["colors"]  # the stamp
    assert len(seen["colors"]) > 20


def test_it_opens_from_beside_and_after_a_move(qgis: str, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "before").mkdir()
    write_geopackage(results("en"), tmp_path / "before" / "city.gpkg")
    (tmp_path / "before").rename(tmp_path / "after 之后")
    folder = tmp_path / "after 之后"
    for uri in (str(folder / "city.qgz"), f"geopackage:{folder / 'city.gpkg'}?projectName=city"):
        said = opened(qgis, uri, tmp_path / "x")
        assert said["read"]
        assert said["messages"] == []
        assert all(layer["valid"] for layer in said["layers"].values())
        assert said["layers"]["areas"]["count"] == 6


def test_a_name_is_text_on_the_sheet_and_never_an_expression(qgis: str, tmp_path: Path) -> None:  # noqa: F811
    hostile = "[% env('HOME') %]<b>&amp;"
    given = results("en")
    city = replace(given.city, name=hostile)
    metrics = {name: replace(info, title=info.title._replace(en=f"{info.title.en} [% 1 + 1 %]")) for name, info in given.metrics.items()}
    path = write_geopackage(replace(given, city=city, metrics=metrics), tmp_path / "city.gpkg")
    said = opened(qgis, str(path.with_suffix(".qgz")), tmp_path / "sheet", printed=True)
    assert said["messages"] == []
    assert said["labels"]["title"] == f"{hostile} · Road area ratio [% 1 + 1 %]: paved surface"
    assert said["layers"]["areas"]["rules"][0] == "Road area ratio [ % 1 + 1 %]: paved surface (%)"
