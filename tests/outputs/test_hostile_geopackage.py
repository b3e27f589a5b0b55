"""Hostile texts everywhere at once, in the GeoPackage: kept as they are, and no style, alias or expression is broken by them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path
from typing import Any

import pyogrio
import pytest

from spatial.outputs.geopackage import write_geopackage
from tests.outputs.hostile_city import ATTACKS, LONG, WORD, hostile, hostile_results, hostile_standing
from tests.outputs.test_geopackage_qgis import _environment, qgis  # noqa: F401

NAMES = [name.replace("\x00", "") for name in (*ATTACKS, LONG)]  # a database ends a text there
_LOOK = """
import json, sys
from qgis.core import QgsApplication, QgsExpression, QgsRenderContext, QgsVectorLayer
path, names = sys.argv[1], json.loads(sys.argv[2])
app = QgsApplication([], False)
app.initQgis()
messages = []
QgsApplication.messageLog().messageReceived.connect(lambda text, tag, level: messages.append(f"{tag}: {text}"))
said = {}
for name in names:
    layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
    broken = []
    if layer.renderer() and layer.renderer().type() == "RuleRenderer":
        broken = [r.filterExpression() for r in layer.renderer().rootRule().descendants() if r.filter() is not None and r.filter().hasParserError()]
    if layer.labelsEnabled():
        expression = QgsExpression(layer.labeling().settings().fieldName)
        broken += [expression.parserErrorString()] if expression.hasParserError() else []
    at = layer.fields().indexOf("name")
    said[name] = {"valid": layer.isValid(), "broken": broken, "names": [f.attribute(at) for f in layer.getFeatures()] if name == "areas" else []}
print("SAID" + json.dumps({"layers": said, "messages": messages}))
app.exitQgis()
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = hostile_results("en")
    return write_geopackage(results, tmp_path_factory.mktemp("hostile") / "city.gpkg", hostile_standing(results.areas))


def test_names_are_read_again_as_they_were(package: Path) -> None:
    areas = pyogrio.read_dataframe(package, layer="areas")
    assert list(areas["name"]) == NAMES
    parks = pyogrio.read_dataframe(package, layer="parks")
    assert list(parks["name"]) == [hostile("park").replace("\x00", "")]
    about = dict(pyogrio.read_dataframe(package, layer="about", read_geometry=False).to_numpy())
    assert about["city"].startswith(WORD.format("city"))
    assert WORD.format("source of parks") in about["source_parks"]


def test_every_style_is_whole_xml_and_no_text_became_part_of_it(package: Path) -> None:
    with closing(sqlite3.connect(package)) as connection:
        styles = connection.execute("SELECT f_table_name, styleQML, styleSLD FROM layer_styles").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(styles) > 3
    for table, qml, sld in styles:
        for text in filter(None, (qml, sld)):
            tags = {each.tag.rpartition("}")[2] for each in ET.fromstring(text).iter()}
            assert not tags & {"img", "script", "b"}, table


def test_no_table_is_lost_and_none_came_from_a_name(package: Path) -> None:
    names = [name for name, _ in pyogrio.list_layers(package)]
    assert {"areas", "totals", "roads", "parks", "metrics", "about", "targets"} <= set(names)
    assert not [name for name in names if not name.replace("_", "").isalnum()]


@pytest.mark.qgis
def test_qgis_opens_every_layer_without_a_complaint(qgis: str, package: Path) -> None:  # noqa: F811
    names = [name for name, _ in pyogrio.list_layers(package) if name != "layer_styles"]
    ran = subprocess.run(
        [qgis, "-c", _LOOK, str(package), json.dumps(names)], capture_output=True, text=True, env=_environment(), timeout=180
    )
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("SAID")] or pytest.fail(ran.stdout + ran.stderr)
    said: dict[str, Any] = json.loads(line.removeprefix("SAID"))
    assert said["messages"] == []
    assert [name for name, layer in said["layers"].items() if not layer["valid"] or layer["broken"]] == []
    assert said["layers"]["areas"]["names"] == NAMES
