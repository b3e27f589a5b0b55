"""Packed layers in a real browser: read as they were written, drawn when they are wanted, found under the pointer."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely

from spatial import catalogue
from spatial.city import City
from spatial.crs import WGS84
from spatial.measurement import measure
from spatial.outputs.webmap import overlays as map_overlays
from spatial.outputs.webmap import write_map
from spatial.outputs.webmap.packing import Codes, Figures, Names, pack_layer
from tests.outputs.packed_layers import SIGN, read_layer
from tests.outputs.test_maps import CRS, HOSTILE, METRICS, blob_of, payload_of
from tests.outputs.test_maps_chromium import Opened, browser, opened  # noqa: F401

pytestmark = pytest.mark.chromium

WEST, SOUTH = 450_000.0, 3_100_000.0


def mixed() -> list[Any]:
    random = np.random.default_rng(5)
    found: list[Any] = [None, shapely.Polygon()]
    for x, y in random.uniform((120, -55), (121, 55), (300, 2)):
        box = shapely.box(x, y, x + 0.1, y + 0.1)
        found += [
            shapely.Point(x, y),
            shapely.LineString([(x, y), (x + 0.02, y + 0.03), (x + 0.01, y - 0.4)]),
            box.difference(shapely.affinity.scale(box, 0.5, 0.5)),
            shapely.GeometryCollection([shapely.Point(x, y), box, shapely.LineString([(x, y), (x + 1e-7, y)])]),
        ]
    return found


def test_the_page_reads_what_was_written(browser: Any) -> None:  # noqa: F811
    geometry = np.array(mixed(), object)
    count = len(geometry)
    figures = np.where(np.arange(count) % 3 == 0, np.nan, np.arange(count) * 1234.5 - 50_000)
    figures[-1] = 2.0**43 + 0.5
    columns = [Names([HOSTILE[row % len(HOSTILE)] for row in range(count)]), Codes(np.arange(count) * 977), Figures(figures, 1)]
    signs = (np.array([shapely.Point(120.5, 30.25)], object), np.array([5]))
    data = pack_layer(geometry, pyproj.CRS(WGS84), classes=np.arange(count) % 300, columns=columns, signs=signs)
    wanted = read_layer(data)
    page = browser.new_page()
    page.goto("about:blank")
    page.add_script_tag(content=(catalogue.shipped() / "maps" / "page" / "packed.js").read_text(encoding="utf-8"))
    found = page.evaluate(
        """(text) => {
          const layer = readLayer(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
          const lat = (y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * (y + layer.origin[1])))) * 180) / Math.PI;
          return {
            first: [...layer.first], kinds: [...layer.kinds], begin: [...layer.begin], classes: [...layer.classes], boxes: [...layer.boxes],
            x: Array.from(layer.x, (x) => (x + layer.origin[0] - 0.5) * 360), y: Array.from(layer.y, lat),
            columns: layer.columns.map(({ texts, values }) => Array.from(values, (v) => (texts ? texts[v] : Number.isNaN(v) ? null : v))),
          };
        }""",
        base64.b64encode(data).decode(),
    )
    page.close()
    paths = [path for row in wanted.paths for path in row]
    assert found["first"] == np.cumsum([0, *(len(row) for row in wanted.paths)]).tolist()
    assert found["kinds"] == [kind for kind, _ in paths]
    assert SIGN in found["kinds"]
    assert found["begin"] == np.cumsum([0, *(len(places) for _, places in paths)]).tolist()
    assert found["classes"] == wanted.classes
    places = np.array([place for _, each in paths for place in each]) * 1e-5
    # Half a metre at most is lost to rounding and 2 cm to 32 bits; of these the page adds only the latter.
    assert np.abs(np.array(found["x"]) - places[:, 0]).max() < 2e-7 + 2e-5 * (np.ptp(places[:, 0]) / 100)
    assert np.abs(np.array(found["y"]) - places[:, 1]).max() < 2e-5
    assert found["columns"] == wanted.columns


def streets(count: int) -> gpd.GeoDataFrame:
    """Streets that run north every 10 m, with names; one primary road along the middle, in two parts of one name."""
    ways = [shapely.LineString([(WEST + 10 * n + 5, SOUTH), (WEST + 10 * n + 5, SOUTH + 900)]) for n in range(count)]
    main = [shapely.LineString([(WEST + x, SOUTH + 950), (WEST + x + 1000, SOUTH + 950)]) for x in (0, 1000)]
    return gpd.GeoDataFrame(
        {
            "highway": ["primary", "primary"] + ["residential"] * count,
            "name": ["Middle Street"] * 2 + [f"Lane {n}" if n else HOSTILE[0] for n in range(count)],
            "lanes": [4.0, 4.0] + [np.nan] * count,
        },
        geometry=main + ways,
        crs=CRS,
    )


def street_results(count: int = 12) -> Any:
    """Two squares of 1 km with these streets and a park."""
    squares = [shapely.box(WEST + 1000 * n, SOUTH, WEST + 1000 * (n + 1), SOUTH + 1000) for n in (0, 1)]
    districts = gpd.GeoDataFrame({"area_id": ["a0", "a1"], "id": ["a0", "a1"], "name": ["North", "South"]}, geometry=squares, crs=CRS)
    parks = gpd.GeoDataFrame({"name": ["park"]}, geometry=[shapely.box(WEST + 1100, SOUTH + 100, WEST + 1200, SOUTH + 200)], crs=CRS)
    built = gpd.GeoDataFrame({"name": ["built"]}, geometry=[shapely.union_all(squares)], crs=CRS)
    layers = {"districts": districts, "parks": parks, "built_up_area": built, "roads": streets(count)}
    return measure(City.from_layers("Streets", crs=CRS, date="2024-05-01", **layers), METRICS, lang="en")


def show(view: Opened, title: str, wanted: bool = True) -> None:
    box = view.page.locator("label.layer", has_text=title).locator("input")
    if box.is_checked() != wanted:
        box.click()
    view.page.wait_for_timeout(400)


def at(view: Opened, east_m: float, north_m: float) -> tuple[float, float]:
    """Where a place of the small city, 2 km wide and 1 km high, stands on the screen."""
    boxes = [view.page.locator(".leaflet-areas-pane path").nth(row).bounding_box() for row in (0, 1)]
    left, right = boxes[0]["x"], boxes[1]["x"] + boxes[1]["width"]
    top, bottom = boxes[0]["y"], boxes[0]["y"] + boxes[0]["height"]
    return left + (right - left) * east_m / 2000, bottom - (bottom - top) * north_m / 1000


def test_a_layer_is_read_and_drawn_only_when_it_is_wanted(opened: Any) -> None:  # noqa: F811
    view = opened(results=street_results())
    show(view, "Parks", False)
    assert view.page.locator(".leaflet-overlay-parks-pane canvas").count() == 0
    show(view, "Parks")
    assert view.page.locator(".leaflet-overlay-parks-pane canvas").count() == 1
    show(view, "Parks", False)
    assert view.page.locator(".leaflet-overlay-parks-pane canvas").count() == 0
    assert view.quiet()
    assert len(view.requests) == 1


def test_a_click_on_a_street_says_its_facts(opened: Any) -> None:  # noqa: F811
    view = opened(results=street_results())
    show(view, "Roads")
    view.page.mouse.click(*at(view, 500, 950))
    facts = view.text(".card .hit")
    for wanted in ("Roads", "Middle Street", "primary road", "Lanes", "4"):
        assert wanted in facts
    view.page.mouse.click(*at(view, 5, 300))
    hit = view.page.locator(".card .hit", has_text="residential road").first
    assert HOSTILE[0] in hit.text_content()
    assert "Lanes" not in hit.text_content()  # absent is not 0
    assert view.page.locator("img").count() == 0
    show(view, "Roads", False)
    view.page.mouse.click(*at(view, 500, 950))
    assert view.page.locator(".card .hit", has_text="Middle Street").count() == 0
    assert view.quiet()


def inked(view: Opened, pane: str, x: float, y: float, reach: int = 6) -> float | None:
    """Where on the screen, at the height of a place and within reach of it, anything is drawn; ``None`` for nowhere."""
    found = view.page.evaluate(
        """([pane, x, y, reach]) => {
          const canvas = document.querySelector(`.leaflet-overlay-${pane}-pane canvas`), box = canvas.getBoundingClientRect();
          const scale = canvas.width / box.width;
          const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
          [copy.canvas.width, copy.canvas.height] = [canvas.width, canvas.height];
          copy.drawImage(canvas, 0, 0);
          const wide = Math.round((2 * reach + 1) * scale);
          const seen = copy.getImageData((x - box.x - reach) * scale, (y - box.y) * scale, wide, 1).data;
          const places = [...Array(wide).keys()].filter((i) => seen[4 * i + 3] > 15).map((i) => x - reach + i / scale);
          return places.sort((a, b) => Math.abs(a - x) - Math.abs(b - x))[0] ?? null;
        }""",
        [pane, x, y, reach],
    )
    return None if found is None else float(found)


def test_minor_streets_wait_until_the_reader_comes_closer(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(map_overlays, "CROWDED", 20)
    view = opened(results=street_results(150))
    assert view.page.locator("label.layer", has_text="Roads, major roads only from afar").count() == 1
    show(view, "Roads")
    main = at(view, 500, 950)
    assert any(inked(view, "roads", main[0], main[1] + off) for off in range(-3, 4))
    lane = at(view, 505, 500)
    assert inked(view, "roads", *lane, reach=20) is None
    view.page.mouse.click(*lane)
    assert view.page.locator(".card .hit").count() == 0  # what is not drawn is not found
    view.page.mouse.move(*lane)
    for _ in range(2):
        view.page.mouse.wheel(0, -240)
        view.page.wait_for_timeout(600)
    view.page.wait_for_timeout(400)
    drawn = inked(view, "roads", *lane, reach=40)
    assert drawn is not None
    view.page.mouse.click(drawn, lane[1])
    assert re.search(r"Lane (49|50|51)\b", view.page.locator(".card .hit", has_text="residential road").first.inner_text())
    assert view.quiet()


def test_a_drag_moves_the_picture_and_what_it_uncovers_is_drawn(opened: Any) -> None:  # noqa: F811
    view = opened(results=street_results())
    show(view, "Roads")
    place = at(view, 55, 500)
    assert inked(view, "roads", *place)
    view.page.mouse.move(900, 800)
    view.page.mouse.down()
    view.page.mouse.move(900, 700, steps=4)
    assert inked(view, "roads", place[0], place[1] - 100)  # while the button is held
    view.page.mouse.up()
    view.page.wait_for_timeout(600)
    assert inked(view, "roads", place[0], place[1] - 100)
    view.page.mouse.move(400, 800)
    view.page.mouse.down()
    view.page.mouse.move(1400, 100, steps=8)  # farther than the picture reaches
    view.page.wait_for_timeout(600)
    assert inked(view, "roads", *at(view, 55, 500))
    view.page.mouse.up()
    assert view.page.locator(".leaflet-overlay-roads-pane canvas").count() == 1
    assert view.quiet()


@pytest.fixture
def inside(browser: Any, tmp_path: Path) -> Any:  # noqa: F811
    """A page whose own objects a test can reach: the policy and the closed scope, which forbid it, are taken away."""
    pages = []

    def open_page(results: Any) -> Any:
        text = write_map(results, tmp_path / "map.html").read_text(encoding="utf-8")
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
        started = "page = openPage(L.map(frame, options), data, { link, lang, speak });"
        assert text.count(started) == 1
        path = tmp_path / "inside.html"
        path.write_text(text.replace(started, started + " window.page = page;"), encoding="utf-8")
        pages.append(browser.new_page(viewport={"width": 1440, "height": 900}))
        pages[-1].goto(path.as_uri())
        pages[-1].wait_for_selector("body[data-ready]", state="attached")
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


def test_the_index_names_everything_once(inside: Any) -> None:
    page = inside(street_results(3))
    found = page.evaluate(
        "async () => (await page.overlays.index()).map(({ text, overlay, row, at, bounds }) =>"
        " ({ text, overlay, row, at: [at.lat, at.lng], bounds: bounds.toBBoxString() }))"
    )
    names = [(each["overlay"], each["text"]) for each in found]
    assert sorted(name for layer, name in names if layer == "roads") == sorted(["Middle Street", HOSTILE[0], "Lane 1", "Lane 2"])
    middle = next(each for each in found if each["text"] == "Middle Street")
    west, south, east, north = map(float, middle["bounds"].split(","))
    whole = gpd.GeoSeries([shapely.LineString([(WEST, SOUTH + 950), (WEST + 2000, SOUTH + 950)])], crs=CRS).to_crs(4326).total_bounds
    assert [west, south, east, north] == pytest.approx(whole, abs=2e-5)  # both parts
    assert west <= middle["at"][1] <= east


def test_a_marked_street_is_marked_in_all_its_parts(inside: Any) -> None:
    page = inside(street_results(3))
    marks = ".leaflet-marks-pane path"
    assert page.locator(marks).count() == 0
    page.evaluate(
        "async () => { const hit = (await page.overlays.index()).find((each) => each.text === 'Middle Street'); await page.overlays.list.find((each) => each.name === hit.overlay).mark(hit.row); }"
    )
    assert page.locator(marks).count() == 2
    assert all(shape.get_attribute("d").count("M") == 2 for shape in page.locator(marks).all())
    page.evaluate("() => page.overlays.list.find((each) => each.name === 'roads').mark(null)")
    assert page.locator(marks).count() == 0


def test_another_language_has_its_own_words_for_the_same_rows(opened: Any) -> None:  # noqa: F811
    view = opened(results=street_results())
    show(view, "Roads")
    view.page.locator("[data-tool=language]").click()
    view.page.wait_for_timeout(500)
    show(view, "道路")
    view.page.mouse.click(*at(view, 500, 950))
    facts = view.text(".card .hit")
    assert "主干路" in facts
    assert "Middle Street" in facts
    assert view.quiet()


def test_layers_do_not_stand_twice_in_the_page(tmp_path: Path) -> None:
    page = write_map(street_results(40), tmp_path / "map.html").read_text(encoding="utf-8")
    assert b"Lane 17" in blob_of(page, "layer-roads")
    assert b"Lane 17" not in blob_of(page, "data")
    roads = [next(each for each in payload_of(page, lang)["overlays"] if each["name"] == "roads") for lang in ("zh", "en")]
    assert [column["title"] for column in roads[0]["columns"]] != [column["title"] for column in roads[1]["columns"]]
    assert roads[0]["blob"] == roads[1]["blob"]
