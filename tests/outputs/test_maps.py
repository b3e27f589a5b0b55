"""The page's structure: what is in it, what is escaped, what is never shown as something else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tomllib
import zlib
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from spatial import catalogue
from spatial.city import City
from spatial.errors import OutputError
from spatial.measurement import measure
from spatial.outputs import webmap as maps
from spatial.outputs.map_specs import map_spec
from spatial.outputs.webmap import figures
from spatial.outputs.webmap import overlays as map_overlays
from spatial.outputs.webmap.payload import build_payload
from spatial.result import Results
from spatial.units import Unit, unit_of
from tests.outputs.packed_layers import read_layer

CRS = "EPSG:32628"
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "{{ 7 * 7 }} {% raw %} {# quote #} \"'` & \u2028 <!--",
    "\u202eright to left\u202c" + "x" * 10_000,
]
METRICS = ["road_network_density", "population_density"]


def small_city(names: list[str], *, extent_share: float = 1.0, crs: str = CRS, name: str = "Small city", **extra: Any) -> City:
    """Squares of 1 km side by side from (450000, 3100000), a road along the middle, a park in the first."""
    west, south = (450_000.0, 3_100_000.0) if crs == CRS else (450_000.0, 4_860_000.0)
    count = len(names)
    squares = [shapely.box(west + 1000 * n, south, west + 1000 * (n + 1), south + 1000) for n in range(count)]
    districts = gpd.GeoDataFrame(
        {"area_id": [f"a{n}" for n in range(count)], "id": [f"a{n}" for n in range(count)], "name": names}, geometry=squares, crs=crs
    )
    streets = [shapely.LineString([(west, south + 500), (west + 1000 * count, south + 500)])]
    streets += [shapely.LineString([(west + 1000 * n + 300, south), (west + 1000 * n + 300, south + 100 * (n + 2))]) for n in range(count)]
    roads = gpd.GeoDataFrame({"highway": ["primary"] + ["residential"] * count}, geometry=streets, crs=crs)
    parks = gpd.GeoDataFrame({"name": ["park"]}, geometry=[shapely.box(west + 100, south + 100, west + 200, south + 200)], crs=crs)
    extent = None
    if extent_share < 1:
        box = shapely.box(west - 100, south - 100, west + 1000 * count * extent_share, south + 1100)
        extent = gpd.GeoSeries([box], crs=crs).to_crs("EPSG:4326").iloc[0]
    built = gpd.GeoDataFrame({"name": ["built"]}, geometry=[shapely.union_all(squares)], crs=crs)
    return City.from_layers(
        name, crs=crs, date="2024-05-01", data_extent=extent, districts=districts, roads=roads, parks=parks, built_up_area=built, **extra
    )


_SMALL: dict[str, Results] = {}


def small_results(names: list[str] | None = None, **options: Any) -> Results:
    """The small city, measured once for the same options: nothing changes results, which are frozen."""
    lang = options.pop("lang", "en")
    names = names or ["North", "South", "East", "West"]
    if not all(isinstance(value, str | float) for value in options.values()):
        return measure(small_city(names, **options), METRICS, lang=lang)
    key = repr((names, sorted(options.items())))
    if key not in _SMALL:
        _SMALL[key] = measure(small_city(names, **options), METRICS)
    return _SMALL[key].with_lang(lang)


def page_of(results: Results, folder: Path) -> str:
    return maps.write_map(results, folder / "map.html").read_text(encoding="utf-8")


def payload_of(page: str, lang: str | None = None) -> dict[str, Any]:
    """Return the data of a page as its script has them, in the language that it opens in or another."""
    raw = json.loads(blob_of(page, "data"))
    return localized(raw, lang or raw["lang"])


def blob_of(page: str, key: str) -> bytes:
    """Return a binary part of a page, inflated."""
    found = re.search(rf'<script type="application/octet-stream" id="spatial-{key}">([^<]*)</script>', page)
    assert found
    return zlib.decompress(base64.b64decode(found[1]))


def localized(node: Any, lang: str) -> Any:
    if isinstance(node, list):
        return [localized(each, lang) for each in node]
    if not isinstance(node, dict):
        return node
    if node.keys() == {"zh", "en"}:
        return localized(node[lang], lang)
    return {key: localized(each, lang) for key, each in node.items()}


def decoded(packed: dict[str, Any]) -> list[Any]:
    """Turn packed polygons back into geometries, degrees."""
    shapes = []
    for parts in packed["shapes"]:
        rings = [[np.cumsum(np.reshape(path, (-1, 2)), axis=0) * packed["degrees"] for path in part] for part in parts]
        shapes.append(shapely.union_all([shapely.Polygon(part[0], part[1:]) for part in rings]))
    return shapes


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    results = small_results()
    first, second = maps.write_map(results, tmp_path / "a.html"), maps.write_map(small_results(), tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    page = page_of(small_results(), tmp_path)
    assert not re.search(r"<(script|link|img|iframe)\b[^>]*\b(src|href)\s*=", page.split('id="spatial-data"')[0])
    assert not re.search(r"url\(\s*[\"']?(?!data:|#)", page.split("<script>")[0])
    assert "<link" not in page
    for absent in ("jquery", "bootstrap", "fontawesome", "cdn."):
        assert absent not in page.lower()


def test_the_policy_allows_exactly_the_scripts_of_the_page(tmp_path: Path) -> None:
    page = page_of(small_results(), tmp_path)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe-eval" not in policy[1]
    assert page.index(policy[0]) < page.index("<script")
    allowed = set(re.findall(r"'sha256-([^']+)'", policy[1]))
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert allowed == {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}


def test_hostile_names_stay_data(tmp_path: Path) -> None:
    page = page_of(small_results(HOSTILE, name="</title><script>alert(3)</script> {{ 7 * 7 }}"), tmp_path)
    payload = payload_of(page)
    assert payload["areas"]["names"][: len(HOSTILE)] == HOSTILE
    assert payload["city"]["name"] == "</title><script>alert(3)</script> {{ 7 * 7 }}"
    assert "alert(1)>" not in page
    assert "<script>alert" not in page
    blobs = page.count('<script type="application/octet-stream"')
    assert blobs > 1
    assert page.count("<script>") == page.count("</script>") - blobs
    assert "<title>&lt;/title&gt;&lt;script&gt;alert(3)&lt;/script&gt; {{ 7 * 7 }}" in page


def test_a_lone_surrogate_does_not_break_the_page(tmp_path: Path) -> None:
    assert "<title>Broken ? " in page_of(small_results(name="Broken \ud800"), tmp_path)


def test_values_are_those_of_the_table_in_its_units(tmp_path: Path) -> None:
    results = small_results()
    payload = payload_of(page_of(results, tmp_path))
    metric = next(each for each in payload["metrics"] if each["name"] == "road_network_density")
    assert metric["unit"] == "km/km²"
    for variant in metric["variants"]:
        for row, area_id in enumerate(payload["areas"]["ids"]):
            wanted = results.get("road_network_density", variant=variant["name"], area_id=area_id)
            assert payload["texts"][variant["value"][row]] == unit_of("km/km2").show(wanted.value)
    assert not re.search(r"\d\.\d{5,}", " ".join(payload["texts"]))


def test_an_absent_value_is_a_dash_and_has_no_class(tmp_path: Path) -> None:
    payload = payload_of(page_of(small_results(), tmp_path))
    variant = next(each for each in payload["metrics"] if each["name"] == "population_density")["variants"][0]
    assert {payload["texts"][text] for text in variant["value"]} == {"—"}
    assert set(variant["class"]) == {-1}
    assert variant["colors"] == []


def test_it_opens_on_a_metric_that_has_values(tmp_path: Path) -> None:
    payload = payload_of(page_of(small_results(), tmp_path))
    assert payload["metrics"][payload["opens"]]["name"] == "road_network_density"


def test_totals_are_rows_and_never_shapes(tmp_path: Path) -> None:
    payload = payload_of(page_of(small_results(), tmp_path))
    assert payload["areas"]["count"] == 4
    assert payload["areas"]["ids"][4] == "city"
    assert len(payload["areas"]["shapes"]["shapes"]) == 4
    assert all(len(metric["variants"][0]["class"]) == 4 for metric in payload["metrics"])


def test_partial_areas_have_no_class_no_rank_and_stand_last(tmp_path: Path) -> None:
    payload = payload_of(page_of(small_results(extent_share=0.6), tmp_path))
    variant = payload["metrics"][payload["opens"]]["variants"][0]
    names = {0: "ok", 1: "estimated", 2: "partial", 3: "no_data"}
    # The data cover 2.4 of 4 squares.
    assert [names[code] for code in variant["status"][:4]] == ["ok", "ok", "partial", "no_data"]
    assert [index >= 0 for index in variant["class"]] == [True, True, False, False]
    assert set(variant["rank"][:2]) == {0, 1}
    assert variant["bar"][2:] == [0, 0]
    assert payload["areas"]["extent"]["shapes"]


def test_the_view_opens_on_what_the_data_cover(tmp_path: Path) -> None:
    whole = payload_of(page_of(small_results(), tmp_path))["areas"]
    half = payload_of(page_of(small_results(extent_share=0.5), tmp_path))["areas"]
    wide, narrow = (part["view"][1][1] - part["view"][0][1] for part in (whole, half))
    assert narrow == pytest.approx(wide / 2, rel=0.01)
    assert whole["extent"]["shapes"] == []


def test_outlines_come_back_within_a_metre(tmp_path: Path) -> None:
    results = small_results()
    shapes = decoded(payload_of(page_of(results, tmp_path))["areas"]["shapes"])
    back = gpd.GeoSeries(shapes, crs="EPSG:4326").to_crs(CRS)
    for drawn, given in zip(back, results.areas.whole[results.areas.is_area], strict=True):
        assert shapely.hausdorff_distance(drawn, given) < 1.5


def test_many_roads_are_reduced_to_the_major_ones_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = small_results()
    pages = [page_of(results, tmp_path)]
    monkeypatch.setattr(map_overlays, "MAX_FEATURES", 3)
    pages.append(page_of(results, tmp_path))
    roads, fewer = (next(each for each in payload_of(page)["overlays"] if each["name"] == "roads") for page in pages)
    assert roads["title"] == "Roads"
    assert fewer["title"] == "Roads, major roads only"
    assert [len(read_layer(blob_of(page, "layer-roads")).paths) for page in pages] == [5, 1]


def test_a_secret_layer_is_not_drawn_and_that_is_said(tmp_path: Path) -> None:
    from dataclasses import replace

    results = small_results()
    layers = {**results.city.layers, "parks": replace(results.city.layers["parks"], sensitivity="secret")}
    page = page_of(replace(results, city=replace(results.city, layers=layers)), tmp_path)
    payload = payload_of(page)
    assert 'id="spatial-layer-parks"' not in page
    assert "parks" not in [each["name"] for each in payload["overlays"]]
    assert any("Secret layers" in notice for notice in payload["notices"])
    assert payload["city"]["stamp"]


@pytest.mark.parametrize(("crs", "stamped"), [("EPSG:4551", True), (CRS, False), ("EPSG:32651", True)])
def test_places_in_china_carry_the_stamp(tmp_path: Path, crs: str, stamped: bool) -> None:
    payload = payload_of(page_of(small_results(crs=crs, lang="zh"), tmp_path))
    assert (payload["city"]["stamp"] == "内部工作图 未经审核 不得公开") is stamped


def test_what_no_language_changes_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    results = small_results()
    classed: list[int] = []
    asked: list[float] = []
    real, figure = figures.classify, Unit.figure
    monkeypatch.setattr(figures, "classify", lambda *given: classed.append(1) or real(*given))
    monkeypatch.setattr(Unit, "figure", lambda self, value: asked.append(value) or figure(self, value))
    data, _ = build_payload(results, map_spec("overview", None))
    variants = [variant for metric in data["metrics"] for variant in metric["variants"]]
    assert len(classed) == len(variants) > 0
    rows = len(data["areas"]["ids"])
    assert (
        0 < len(asked) <= len(variants) * (5 * rows + 20)
    )  # value, the ends of its range, numerator, denominator; and the limits of the classes


def test_the_language_is_that_of_the_results(tmp_path: Path) -> None:
    page = page_of(small_results(lang="zh"), tmp_path)
    payload = payload_of(page)
    assert '<html lang="zh-CN">' in page
    assert payload["statuses"]["no_data"] == "无数据"
    assert payload["areas"]["names"][4] == "全市"
    assert "Noto Sans CJK SC" in page


def bare_results() -> Results:
    """A city with an outline and nothing to report by."""
    west, south = 450_000.0, 3_100_000.0
    outline = gpd.GeoDataFrame({"id": ["b"]}, geometry=[shapely.box(west, south, west + 1000, south + 1000)], crs=CRS)
    roads = gpd.GeoDataFrame({"highway": ["primary"]}, geometry=[shapely.LineString([(west, south), (west + 900, south + 900)])], crs=CRS)
    return measure(City.from_layers(crs=CRS, boundary=outline, built_up_area=outline, roads=roads), METRICS)


def test_a_city_without_areas_or_name_still_has_a_map(tmp_path: Path) -> None:
    payload = payload_of(page_of(bare_results(), tmp_path))
    assert payload["areas"]["count"] == 0
    assert payload["city"]["name"] == "Unnamed city"
    assert len(payload["areas"]["outline"]["shapes"]) == 1


def test_a_failed_write_leaves_the_old_page(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("not a folder")
    with pytest.raises(OutputError):
        maps.write_map(small_results(), folder / "map.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_something_stands_there_before_the_data_are_read(tmp_path: Path) -> None:
    page = page_of(small_results(name="<b>Town</b>", lang="zh"), tmp_path)
    before = page.split('id="spatial-data"')[0].split("<body>")[1]
    assert "&lt;b&gt;Town&lt;/b&gt;" in before
    assert "规划指标总览" in before
    for said in ("正在载入……<br />Loading …", "本图需要启用 JavaScript", "浏览器版本过低", "the file may be incomplete"):
        assert said in before, said
    assert "正在载入……<br />Loading …" not in page_of(small_results(lang="en"), tmp_path)  # the reader's language first


# What came into browsers after Chrome 97, Firefox 104 and Safari 15.4, of which browser.js asks findLast.
TOO_NEW = re.compile(
    r"\.(toSorted|toReversed|toSpliced|isWellFormed|toWellFormed|groupBy|withResolvers|fromAsync|isSubsetOf|difference|symmetricDifference)\("
    r"|\bstructuredClone\(|\bcheckVisibility\(|/[a-z]*v[a-z]*\.test|\(\?<[=!]"
)


def test_the_page_keeps_to_what_the_browsers_it_names_can_do() -> None:
    folder = catalogue.shipped() / "maps" / "page"
    for path in sorted(folder.glob("*.js")):
        found = TOO_NEW.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path.name}: {found[0]}"
    words = tomllib.loads((folder / "page.toml").read_text(encoding="utf-8"))["words"]["old_browser"]
    for text in words.values():
        assert re.findall(r"\d+(?:\.\d+)?", text) == ["97", "113", "16.4"]  # DecompressionStream came to Firefox in 113, to Safari in 16.4
    # It runs where the language of the other parts is not understood.
    assert not re.search(r"=>|\blet\b|\bconst\b|`|\?\.|\?\?", re.sub(r"//.*", "", (folder / "browser.js").read_text(encoding="utf-8")))
