"""Maps as they are declared: those that come with the package, those of a project, and what colours the areas."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString

from spatial.errors import OptionError, ProjectError
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.metrics.facilities import facility_classes
from spatial.outputs.classes import METHODS, Classing
from spatial.outputs.map_specs import _KEYS, OF_TARGETS, SHOWS, map_spec, map_specs
from spatial.outputs.palettes import PALETTES
from spatial.outputs.qgis_layers import qgis_tables
from spatial.outputs.webmap import is_ours, write_map
from spatial.sheet import Sheet
from tests.outputs.packed_layers import read_layer
from tests.outputs.planned_city import planned_results
from tests.outputs.planned_city import standing as planned
from tests.outputs.served_city import served_results
from tests.outputs.test_maps import CRS, blob_of, payload_of, small_city, small_results

SHIPPED = ["overview", "circle", "dead_ends", "parks", "quality", "roads", "slow", "targets", "transit"]


def page_of(results: Any, folder: Path, name: str, standing: Any = None, lang: str | None = None) -> dict[str, Any]:
    return payload_of(write_map(results, folder / f"{name}.html", standing, name=name).read_text(encoding="utf-8"), lang)


def named(payload: dict[str, Any], metric: str, variant: str | None = None) -> dict[str, Any]:
    found = next(each for each in payload["metrics"] if each["name"] == metric)
    return next(each for each in found["variants"] if variant in (None, each["name"]))


def own(folder: Path, name: str, text: str) -> Path:
    (folder / "maps").mkdir(exist_ok=True)
    (folder / "maps" / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_shipped_maps() -> None:
    assert list(map_specs(None)) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_what_a_shipped_map_names_is_there(name: str) -> None:
    """Metrics, variants, evidence and facility classes are declared elsewhere and may be renamed there."""
    spec, known = map_spec(name, None), registered()
    assert spec.title.zh
    assert spec.title.en
    assert spec.description.zh
    if isinstance(spec.metrics, tuple):
        assert set(spec.metrics) <= set(known)
    metric, _, variant = spec.opens_with.partition("/")
    assert metric in known or (metric == "usable_metrics" and spec.has_usable)
    assert not variant or variant in known[metric].variants
    assert set(spec.evidence_metrics()) <= set(known)
    for overlay in spec.overlays.values():
        keys = overlay.get("evidence", [])
        for key in [keys] if isinstance(keys, str) else keys:
            owner, _, frame = key.partition(".")
            assert frame in known[owner].evidence, key
    assert spec.shown <= set(spec.overlays)
    classes = set(facility_classes(small_city(["a"])).classes)
    assert set(spec.what_if) <= classes


def test_a_shipped_map_offers_only_what_it_is_about() -> None:
    assert "tasks" in map_spec("targets", None).overlays
    assert "stops" not in map_spec("roads", None).overlays
    assert "road_surface" not in map_spec("overview", None).overlays


def test_a_project_adds_a_map_and_changes_another(tmp_path: Path) -> None:
    own(tmp_path, "density", 'title = { zh = "密度", en = "Density" }\nmetrics = ["road_network_density"]\nlayers = ["roads"]\n')
    own(tmp_path, "roads", 'metrics = ["road_network_density"]\n[classes.road_network_density]\nmethod = "fixed"\nbreaks = [1.1, 1.3]\n')
    assert list(map_specs(tmp_path)) == ["overview", "circle", "dead_ends", "density", *SHIPPED[3:]]
    results = small_results()
    results = replace(results, city=replace(results.city, folder=tmp_path))
    density = page_of(results, tmp_path, "density")
    assert density["title"] == "Density"
    assert [metric["name"] for metric in density["metrics"]] == ["road_network_density"]
    assert [overlay["name"] for overlay in density["overlays"]] == ["roads"]
    changed = named(page_of(results, tmp_path, "roads"), "road_network_density")
    # 1,000 m along the middle and 200, 300, 400 and 500 m of side streets in squares of 1 km².
    assert changed["ranges"] == ["< 1.10", "1.10 – 1.30", "≥ 1.30"]
    assert changed["class"] == [1, 2, 2, 2]
    assert changed["method"] == "fixed"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('title = { zh = "x", en = "x" }\nmetrics = []\n', "metrics names none"),
        ('title = { zh = "x", en = "x" }\nmetrics = "all"\n', '"targets"'),
        ('title = { zh = "x", en = "x" }\n[shows]\nevery = ["colour"]\n', "shows.every must be"),
        ('title = { zh = "x", en = "x" }\n[shows]\nevery = ["value", "quality"]\n', "shows.every must be"),
        ('title = { zh = "x", en = "x" }\n[classes]\nmethod = "jenks"\n', 'no method "jenks"'),
        ('title = { zh = "x", en = "x" }\n[classes.population]\npalette = "rainbow"\n', "classes.population"),
        ('title = { zh = "x", en = "x" }\nlayers = ["parcs"]\n', 'did you mean "parks"?'),
    ],
)
def test_a_declaration_that_cannot_be_used_names_its_file(tmp_path: Path, text: str, said: str) -> None:
    own(tmp_path, "mine", text)
    with pytest.raises(ProjectError, match=r"mine\.toml") as raised:
        map_specs(tmp_path)
    assert said in str(raised.value)


def test_a_map_of_unmeasured_metrics_says_which_it_needs(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r'map "parks" has nothing to show.*park_service_coverage') as raised:
        write_map(small_results(), tmp_path / "map.html", name="parks")
    assert "measure one of them" in str(raised.value)
    with pytest.raises(OptionError, match=r"\[plans"):
        write_map(small_results(), tmp_path / "map.html", name="targets")
    assert list(tmp_path.iterdir()) == []


def test_the_map_of_targets_shows_what_plans_speak_of(tmp_path: Path) -> None:
    results, standing = planned_results(), planned()
    assert map_spec("targets", None).metrics == OF_TARGETS
    payload = page_of(results, tmp_path, "targets", standing)
    names = {metric["name"] for metric in payload["metrics"]}
    wanted = set(standing.targets["measure"])
    assert names
    assert all(name in wanted or results.metrics[name].source == "ledger" for name in names)


def test_diverging_classes_break_at_the_target_of_the_plan(tmp_path: Path) -> None:
    """Wherever a target is the same for every area the legend has it as a limit, and its line falls on the limit of a class."""
    results, standing = planned_results(), planned()
    payload = page_of(results, tmp_path, "targets", standing)
    held = [variant for metric in payload["metrics"] for variant in metric["variants"] if variant["method"] == "target"]
    assert held
    for variant in held:
        assert any(share in (0.0, 1.0) for _, _, share in variant["marks"])


def test_a_map_opens_on_a_variant_that_has_values(tmp_path: Path) -> None:
    """Where the declared variant has no value another one of the metric is shown, and not another metric."""
    results = small_results()
    total = (results.rows["metric"] == "road_network_density") & (results.rows["variant"] == "total")
    rows = results.rows.assign(value=results.rows["value"].mask(total), status=results.rows["status"].mask(total, "no_data"))
    payload = page_of(replace(results, rows=rows), tmp_path, "overview")
    metric = payload["metrics"][payload["opens"]]
    assert metric["name"] == "road_network_density"
    assert metric["variants"][0]["name"] == "total"
    assert payload["opens_variant"] != 0
    assert metric["variants"][payload["opens_variant"]]["colors"]


def test_a_map_opens_on_what_it_says(tmp_path: Path) -> None:
    results = small_results(extent_share=0.5)
    results = replace(results, city=replace(results.city, folder=tmp_path))
    views = {}
    for view in ('"areas"', '"data"', "[-15.6, 28.0, -15.5, 28.1]"):
        own(tmp_path, "overview", f"view = {view}\n")
        views[view] = page_of(results, tmp_path, "overview")["areas"]["view"]
    # The data cover two of four squares of 1 km, and 100 m around them.
    (south, west), (north, east) = views['"areas"']
    (south_data, west_data), (north_data, east_data) = views['"data"']
    metre = 1 / 111_000
    assert (south - south_data, north_data - north) == (pytest.approx(100 * metre, rel=0.1), pytest.approx(100 * metre, rel=0.1))
    assert west_data < west < east <= east_data
    assert views["[-15.6, 28.0, -15.5, 28.1]"] == [[28.0, -15.6], [28.1, -15.5]]


def test_qgis_has_the_classes_of_the_overview(tmp_path: Path) -> None:
    """As declared, about the target of the plan: the same limits in the same colours."""
    own(
        tmp_path,
        "overview",
        '[classes.road_area_ratio]\nmethod = "diverging"\npalette = "official"\n[classes]\nmethod = "natural"\ncount = 3\n',
    )
    results, standing = planned_results(), planned()
    results = replace(results, city=replace(results.city, folder=tmp_path))
    payload = page_of(results, tmp_path, "overview", standing)
    areas = next(table for table in qgis_tables(results, map_spec("overview", tmp_path), standing) if table.name == "areas")
    drawn = {
        style.name: [rule.symbol.fill for rule in style.rules[0].rules if rule.symbol and rule.symbol.opacity == 0.9]
        for style in areas.styles
    }
    methods = set()
    for metric in payload["metrics"]:
        variant = metric["variants"][0]
        title = metric["title"] + (f"：{variant['title']}" if variant["title"] else "")
        assert drawn[title] == variant["colors"]
        methods.add(variant["method"])
    assert "target" in methods


# Data quality.


def test_quality_and_coverage_colour_the_areas(tmp_path: Path) -> None:
    # The data cover 2.4 of 4 squares.
    results = small_results(extent_share=0.6)
    payload = page_of(results, tmp_path, "quality")
    coverage = named(payload, "road_network_density", "coverage")
    assert [payload["texts"][at] for at in coverage["value"][:4]] == ["100.0%", "100.0%", "40.0%", "0.0%"]
    assert coverage["ranges"] == ["< 20.0", "20.0 – 40.0", "40.0 – 60.0", "60.0 – 80.0", "≥ 80.0"]
    assert coverage["class"] == [4, 4, 2, 0]  # what is not covered is known, and coloured
    quality = named(payload, "road_network_density", "quality")
    assert quality["status"][:4] == [0, 0, 2, 3]
    assert quality["class"][2:] == [-1, -1]  # the covered part speaks for no area


def test_usable_metrics_are_counted_and_the_others_named(tmp_path: Path) -> None:
    results = small_results(extent_share=0.6)
    payload = page_of(results, tmp_path, "quality", lang="zh")
    assert payload["metrics"][payload["opens"]]["name"] == "usable_metrics"
    known = named(payload, "usable_metrics", "usable_known")
    # The road network is measured in two squares and partly in the third; population is not given at all.
    assert [payload["texts"][at] for at in known["value"][:4]] == ["1 / 2", "1 / 2", "0 / 2", "0 / 2"]
    assert known["class"][:4] == [1, 1, 0, 0]
    notes = [payload["texts"][at] for at in known["note"][:4]]
    assert notes[0] == "无数据：人口密度"
    assert notes[2] == "数据仅覆盖部分：路网密度；无数据：人口密度"
    ok = named(payload, "usable_metrics", "usable_ok")
    counts = [int(payload["texts"][at].split(" / ")[0]) for at in ok["value"][:4]]
    table = results.table[(results.table.variant.isin(["total", ""])) & (results.table.status == "ok")]
    assert counts == [int((table.area_id == area).sum()) for area in payload["areas"]["ids"][:4]]
    # A city that is covered in part would read "0 / 2, measured" beside districts that have all.
    assert {payload["texts"][at] for shown in (known, ok) for at in shown["value"][4:]} == {""}


def test_statistics_and_ledger_are_no_matter_of_data_quality(tmp_path: Path) -> None:
    results, standing = planned_results(), planned()
    payload = page_of(results, tmp_path, "quality", standing)
    sources = {results.metrics[metric["name"]].source for metric in payload["metrics"] if metric["name"] in results.metrics}
    assert sources == {"layers"}


# What stands in the margin.


def with_sheet(results: Any, **sheet: str) -> Any:
    return replace(results, city=replace(results.city, sheet=Sheet(**sheet)))


def test_an_approved_map_bears_its_number_in_place_of_the_stamp(tmp_path: Path) -> None:
    results = small_results(crs="EPSG:4551", lang="zh")
    before = page_of(results, tmp_path, "overview")
    assert before["city"]["stamp"] == "内部工作图 未经审核 不得公开"
    assert before["sheet"]["approved"] == ""
    after = page_of(with_sheet(results, approval_number="吉S（2026）012号", issuing_unit="规划院"), tmp_path, "overview")
    assert after["city"]["stamp"] == ""
    assert after["sheet"]["approved"] == "审图号：吉S（2026）012号"
    assert after["sheet"]["issued"] == "制图单位：规划院"


def test_a_page_says_what_made_it(tmp_path: Path) -> None:
    path = write_map(small_results(), tmp_path / "map.html")
    assert is_ours(path)
    (tmp_path / "theirs.html").write_text("<html><head><title>spatial</title></head></html>", encoding="utf-8")
    assert not is_ours(tmp_path / "theirs.html")
    assert not is_ours(tmp_path / "absent.html")


def test_the_policy_opens_for_the_base_map_alone(tmp_path: Path) -> None:
    results = with_sheet(small_results(), base_map="tianditu", base_map_token="0a1b2c")
    page = write_map(results, tmp_path / "map.html").read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "img-src data: https://t0.tianditu.gov.cn;" in policy[1]
    assert policy[1].count("https:") == 1
    assert payload_of(page)["base"]["tiles"][0].endswith("&tk=0a1b2c")
    assert payload_of(page)["base"]["attribution"].startswith("天地图")
    plain = write_map(small_results(), tmp_path / "map.html").read_text(encoding="utf-8")
    assert "img-src data:;" in plain
    assert payload_of(plain)["base"] is None


def test_openstreetmap_under_a_map_of_china_is_told(tmp_path: Path) -> None:
    there = page_of(with_sheet(small_results(crs="EPSG:4551", lang="zh"), base_map="osm"), tmp_path, "overview")
    assert any("不得用于公开出版" in notice for notice in there["notices"])
    elsewhere = page_of(with_sheet(small_results(), base_map="osm"), tmp_path, "overview")
    assert not any("published map" in notice for notice in elsewhere["notices"])


# Names of places over a grid.


def test_names_of_districts_stand_over_a_grid_and_not_over_themselves(tmp_path: Path) -> None:
    city = small_city(["North", "South", "<b>East</b>", "West"])
    grid = page_of(measure(city, ["road_network_density"], "grid:500"), tmp_path, "overview")
    districts = next(overlay for overlay in grid["overlays"] if overlay["name"] == "districts")
    assert [text for _, _, text in districts["numbered"]] == ["North", "South", "<b>East</b>", "West"]
    assert districts["labelled"] is True
    assert np.all(np.diff([lon for _, lon, _ in districts["numbered"]]) > 0)  # each in its own square, from west to east
    itself = page_of(small_results(), tmp_path, "overview")
    assert "districts" not in [overlay["name"] for overlay in itself["overlays"]]


def test_a_map_of_services_has_its_evidence(tmp_path: Path) -> None:
    payload = page_of(served_results(), tmp_path, "circle")
    assert "cells" in [overlay["name"] for overlay in payload["overlays"]]
    assert all(overlay["name"] != "stops" for overlay in payload["overlays"])


def test_the_page_about_maps_tells_every_key_and_its_example_can_be_used(tmp_path: Path) -> None:
    said = (Path(__file__).parents[2] / "docs" / "maps.md").read_text(encoding="utf-8")
    keys = {*_KEYS, *(field.name for field in fields(Classing)), *METHODS, *PALETTES, *SHOWS, *SHIPPED}
    assert [key for key in sorted(keys) if f"`{key}`" not in said and f"`[{key}]`" not in said and f"[{key}" not in said] == []
    (example,) = re.findall(r"```toml\n(.*?)```", said, re.S)
    spec = map_specs(own(tmp_path, "green", example))["green"]
    assert spec.classing_of("park_service_coverage").breaks == (60, 70, 80, 90)
    assert spec.classing_of("built_up_green_rate").palette == "official-green"


def test_what_is_said_of_a_line_stands_beside_that_line(tmp_path: Path) -> None:
    """Lines of which something is said are not joined with their neighbours."""
    rail = gpd.GeoDataFrame(
        {"railway": ["subway", "subway"], "name": ["1 号线", "2 号线"], "routes": ["", ""]},
        geometry=[LineString([(450_000, 3_100_100), (451_000, 3_100_100)]), LineString([(451_000, 3_100_100), (452_000, 3_100_100)])],
        crs=CRS,
    )
    payload = page_of(measure(small_city(["a", "b"], rail=rail), ["road_network_density"], lang="zh"), tmp_path, "overview")
    overlay = next(each for each in payload["overlays"] if each["name"] == "rail")
    assert [column["title"] for column in overlay["columns"]] == ["名称", "类型", "所属线路"]
    layer = read_layer(blob_of((tmp_path / "overview.html").read_text(encoding="utf-8"), overlay["blob"]))
    east = [max(x for _, places in paths for x, _ in places) for paths in layer.paths]
    assert layer.columns[0] == ["1 号线", "2 号线"]
    assert east[0] < east[1]
