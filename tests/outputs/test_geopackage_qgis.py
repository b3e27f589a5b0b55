"""Open the GeoPackage in a real QGIS (the system's Python), without a project: styles and aliases must come from the file itself."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spatial.outputs.classes import NO_DATA, PALETTE, PARTIAL, classify, ramp
from spatial.outputs.geopackage import write_geopackage
from spatial.text import Lang
from tests.outputs.graded_city import STATUSES, VALUES, results
from tests.outputs.served_city import PEOPLE, served_results

pytestmark = pytest.mark.qgis
PYTHON = "/usr/bin/python3"

_LOOK = """
import json, sys
from qgis.core import (QgsApplication, QgsExpression, QgsExpressionContext, QgsExpressionContextUtils, QgsMapRendererSequentialJob, QgsMapSettings,
    QgsRenderContext, QgsVectorLayer)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtXml import QDomDocument
path, names, picture = sys.argv[1], sys.argv[2].split(","), sys.argv[3]
app = QgsApplication([], False)
app.initQgis()
messages = []
QgsApplication.messageLog().messageReceived.connect(lambda text, tag, level: messages.append(f"{tag}: {text}"))
layers = {name: QgsVectorLayer(f"{path}|layername={name}", name, "ogr") for name in names}
said = {"messages": messages, "layers": {}}
for name, layer in layers.items():
    renderer = layer.renderer()
    entry = {
        "valid": layer.isValid(), "crs": layer.crs().authid(), "count": layer.featureCount(), "geometry": layer.isSpatial(),
        "renderer": renderer.type() if renderer else "", "aliases": {f.name(): layer.attributeDisplayName(i) for i, f in enumerate(layer.fields())},
        "styles": layer.listStylesInDatabase()[2], "legend": [item.label() for item in renderer.legendSymbolItems()] if renderer else [],
        "labels": layer.labelsEnabled(), "broken": [],
    }
    if renderer and renderer.type() == "RuleRenderer":
        entry["broken"] = [r.filterExpression() for r in renderer.rootRule().descendants() if r.filter() is not None and r.filter().hasParserError()]
        entry["symbols"] = [s.symbolLayer(i).layerType() for s in renderer.symbols(QgsRenderContext()) for i in range(s.symbolLayerCount())]
    if layer.labelsEnabled():
        expression = QgsExpression(layer.labeling().settings().fieldName)
        context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
        entry["texts"] = []
        for feature in layer.getFeatures():
            context.setFeature(feature)
            entry["texts"].append(expression.evaluate(context))
        entry["broken"] += [expression.parserErrorString()] if expression.hasParserError() else []
    said["layers"][name] = entry
areas = layers["areas"]
own, ids, titles, _, _ = areas.listStylesInDatabase()  # the layer's own ones first
said["chosen"] = {}
for key, name in list(zip(ids, titles))[own - 1::-1]:  # as the button "Load style from database" does; the first one last, which is drawn below
    text, _ = areas.getStyleFromDatabase(key)
    document = QDomDocument()
    document.setContent(text)
    areas.importNamedStyle(document)
    said["chosen"][name] = [areas.renderer().rootRule().children()[0].label(), [areas.attributeDisplayName(i) for i in range(len(areas.fields()))]]
areas.setLabelsEnabled(False)
settings = QgsMapSettings()
settings.setLayers([areas])
settings.setDestinationCrs(areas.crs())
settings.setExtent(areas.extent())
settings.setOutputSize(QSize(1200, 200))
settings.setBackgroundColor(QColor("white"))
job = QgsMapRendererSequentialJob(settings)
job.start()
job.waitForFinished()
image = job.renderedImage()
image.save(picture)
said["size"] = [image.width(), image.height()]
said["pixels"] = [[image.pixelColor(x, y).name() for y in range(20, 180, 2)] for x in range(100, 1200, 200)]
print("SAID" + json.dumps(said))
layers.clear()
del areas, settings, job
app.exitQgis()
"""


@pytest.fixture(scope="session")
def qgis() -> str:
    """The Python of the system that knows QGIS."""
    reason = f"{PYTHON} is absent"
    if Path(PYTHON).exists():
        ran = subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, text=True, env=_environment())
        reason = "" if ran.returncode == 0 else f"{PYTHON} cannot import qgis (apt-get install qgis python3-qgis)"
    if reason and os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{reason}; the build machine must open the file in QGIS")
    if reason:
        pytest.skip(reason)
    return PYTHON


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "GDAL", "PROJ", "VIRTUAL"))}
    return {**kept, "QT_QPA_PLATFORM": "offscreen"}


def look(qgis: str, folder: Path, lang: Lang) -> dict[str, Any]:
    path = write_geopackage(results(lang), folder / "city.gpkg")
    names = (
        "areas,totals,roads,parks,metrics,about,road_area_ratio__road_surface,population_points,population_lines,evidence_gpkg_contents__n"
    )
    command = [qgis, "-c", _LOOK, str(path), names, str(folder / "areas.png")]
    ran = subprocess.run(command, capture_output=True, text=True, env=_environment(), timeout=180)
    (said,) = [line for line in ran.stdout.splitlines() if line.startswith("SAID")] or pytest.fail(ran.stdout + ran.stderr)
    return json.loads(said.removeprefix("SAID"))


@pytest.fixture(scope="module")
def seen(qgis: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return look(qgis, tmp_path_factory.mktemp("qgis"), "zh")


def test_all_layers_open_without_a_complaint(seen: dict[str, Any]) -> None:
    assert seen["messages"] == []
    for name, layer in seen["layers"].items():
        assert layer["valid"], name
        assert layer["broken"] == [], name
        assert layer["crs"] == ("EPSG:32651" if layer["geometry"] else ""), name
    assert [seen["layers"][name]["count"] for name in ("areas", "totals", "roads", "metrics")] == [6, 2, 4, 24]


def test_the_styles_of_the_file_are_applied(seen: dict[str, Any]) -> None:
    layers = seen["layers"]
    assert {layer["renderer"] for layer in layers.values()} == {"RuleRenderer", ""}
    assert layers["areas"]["symbols"].count("LinePatternFill") == 1
    assert set(layers["roads"]["symbols"]) == {"SimpleLine"}
    assert {"道路面积率：铺装面（物理）", "人口"} <= set(layers["areas"]["styles"])


def test_the_legend_says_unit_and_every_status(seen: dict[str, Any]) -> None:
    labels = classify(np.array([0.10, 0.12, 0.18, 0.22]), "1", "zh").labels
    assert seen["layers"]["areas"]["legend"] == [
        "道路面积率：铺装面（物理） [%]",
        *(f"{label} %" for label in labels),
        "数据仅覆盖部分，不参与分级",
        "无数据",
        "估算（虚线边界）",
    ]


def test_aliases_are_applied(seen: dict[str, Any]) -> None:
    aliases = seen["layers"]["areas"]["aliases"]
    assert aliases["road_area_ratio__paved"] == "道路面积率：铺装面（物理） [比例 0–1]"
    assert aliases["population"] == "人口（人）"
    assert seen["layers"]["metrics"]["aliases"]["denominator"] == "分母"
    assert seen["layers"]["roads"]["aliases"]["highway"] == "道路等级（highway）"


def test_another_style_of_the_file_leaves_the_aliases_as_they_are(seen: dict[str, Any]) -> None:
    aliases = list(seen["layers"]["areas"]["aliases"].values())
    assert {name: label for name, (label, _) in seen["chosen"].items()} == {
        "道路面积率：铺装面（物理）": "道路面积率：铺装面（物理） [%]",
        "人口": "人口（人）",
    }
    assert all(kept == aliases for _, kept in seen["chosen"].values())


def test_labels_say_value_and_doubt(seen: dict[str, Any]) -> None:
    texts = seen["layers"]["areas"]["texts"]
    assert texts[0] == "甲区\n10.0 %"
    assert texts[2].endswith("]]>\n≈ 18.0 %")
    assert texts[3] == "'; DROP TABLE areas; --\n22.0 %"
    assert texts[4:] == ["戊\n50.0 %（部分）", "己"]


def blended(color: str, opacity: float = 0.9) -> tuple[int, ...]:
    return tuple(round(int(color[at : at + 2], 16) * opacity + 255 * (1 - opacity)) for at in (1, 3, 5))


def near(pixel: str, color: tuple[int, ...]) -> bool:
    return all(abs(int(pixel[at : at + 2], 16) - part) <= 3 for at, part in zip((1, 3, 5), color, strict=True))


def test_the_picture_shows_each_area_in_its_colour(seen: dict[str, Any]) -> None:
    classes = classify(np.array([0.10, 0.12, 0.18, 0.22]), "1", "zh")
    assert seen["size"] == [1200, 200]
    for column, (pixels, value, status) in enumerate(zip(seen["pixels"], VALUES, STATUSES, strict=True)):
        if status in ("ok", "estimated"):
            assert all(near(pixel, blended(classes.colors[classes.index(value)])) for pixel in pixels), column
            continue
        main = {"partial": PARTIAL, "no_data": NO_DATA}[status]
        assert any(near(pixel, blended(main, 1.0)) for pixel in pixels), column
        assert not any(near(pixel, blended(color)) for pixel in pixels for color in PALETTE), column
        assert (len(set(pixels)) > 1) == (status == "partial"), column  # hatched or plain


def test_english(qgis: str, tmp_path: Path) -> None:
    areas = look(qgis, tmp_path, "en")["layers"]["areas"]
    assert areas["legend"][0] == "Road area ratio: paved surface (%)"
    assert areas["legend"][-3:] == ["partly covered, not ranked", "no data", "estimated (dashed outline)"]
    assert areas["aliases"]["road_area_ratio__paved"] == "Road area ratio: paved surface (share 0–1)"


_DRAW = """
import json, sys
from qgis.core import QgsApplication, QgsMapRendererSequentialJob, QgsMapSettings, QgsRectangle, QgsVectorLayer
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor
path, name = sys.argv[1:3]
app = QgsApplication([], False)
app.initQgis()
layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
legend = [item.label() for item in layer.renderer().legendSymbolItems()]
places = [(f.geometry().asPoint().x(), f.geometry().asPoint().y()) for f in layer.getFeatures()]
colors = []
for x, y in places:
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(QgsRectangle(x - 10, y - 10, x + 10, y + 10))
    settings.setOutputSize(QSize(101, 101))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    colors.append(job.renderedImage().pixelColor(50, 50).name())
    del job, settings
aliases = {field.name(): layer.attributeDisplayName(index) for index, field in enumerate(layer.fields())}
print("SAID" + json.dumps({"legend": legend, "colors": colors, "aliases": aliases}))
del layer
app.exitQgis()
"""


def test_places_are_graded_by_the_classes_they_reach(qgis: str, tmp_path: Path) -> None:
    given = served_results("zh")
    path = write_geopackage(given, tmp_path / "city.gpkg")
    name = "service_15min_coverage.cells_gb50180"
    command = [qgis, "-c", _DRAW, str(path), name.replace(".", "__")]
    ran = subprocess.run(command, capture_output=True, text=True, env=_environment(), timeout=180)
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("SAID")] or pytest.fail(ran.stdout + ran.stderr)
    said = json.loads(line.removeprefix("SAID"))
    assert said["legend"] == ["步行可达类别数", "0", "1", "2", "3（全部）"]
    assert said["aliases"]["bus_stop_m"] == "距公交站（米）"
    colors = ramp("#7b6fb0", 4)
    wanted = [blended(colors[reached]) for reached in given.evidence[name]["reached"]]
    assert len(wanted) == len(PEOPLE)
    assert all(near(pixel, color) for pixel, color in zip(said["colors"], wanted, strict=True)), said["colors"]
