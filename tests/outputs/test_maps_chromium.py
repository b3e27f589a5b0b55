"""The page in a real browser: silent on the network, switched by hand, usable on a phone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from spatial.measurement import measure
from spatial.outputs.webmap import write_map
from tests.outputs.served_city import served_results
from tests.outputs.test_maps import CRS, HOSTILE, METRICS, bare_results, small_city, small_results

pytestmark = pytest.mark.chromium

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic",
]  # fmt: skip


def _absent(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent("playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        _absent("chromium is not installed")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


class Opened:
    """A page with what it asked for and what it complained about."""

    def __init__(self, browser: Any, path: Path, size: tuple[int, int]) -> None:
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(".panel .keys", state="attached")

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def quiet(self) -> bool:
        outside = [url for url in self.requests if not url.startswith(("file:", "data:"))]
        assert not outside
        assert not self.complaints
        return True


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    pages = []

    def open_page(size: tuple[int, int] = (1440, 900), **options: Any) -> Opened:
        results = options.pop("results", None) or small_results(**options)
        made = Opened(browser, write_map(results, tmp_path / "map.html"), size)
        pages.append(made)
        return made

    yield open_page
    for made in pages:
        made.page.close()


def click_area(view: Opened, row: int) -> None:
    box = view.page.locator(".leaflet-areas-pane path").nth(row).bounding_box()
    view.page.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.3)


def test_it_asks_for_nothing_and_complains_of_nothing(opened: Any) -> None:
    view = opened()
    view.page.wait_for_timeout(300)
    assert view.quiet()
    assert len(view.requests) == 1


def test_the_policy_refuses_what_would_be_asked_for(opened: Any) -> None:
    view = opened()
    refused = view.page.evaluate(
        "() => new Promise((done) => { const i = new Image(); i.onload = () => done(false); i.onerror = () => done(true);"
        " i.src = 'https://example.org/x.png'; })"
    )
    assert refused
    assert any("Content Security Policy" in text for text in view.complaints)


def test_switching_the_metric_changes_the_legend(opened: Any) -> None:
    view = opened()
    assert "Road network density · total" in view.text(".legend h2")
    before = view.page.locator(".leaflet-areas-pane path").first.get_attribute("fill")
    view.page.select_option("select[name=metric]", label="Population density")
    assert "Population density" in view.text(".legend h2")
    assert "people/km²" in view.text(".legend .unit")
    assert view.page.locator(".leaflet-areas-pane path").first.get_attribute("fill") == "url(#fill-no_data-)" != before
    assert not view.page.locator(".field.variant").is_visible()
    assert view.quiet()


def test_switching_the_variant_changes_the_values(opened: Any) -> None:
    view = opened()
    total = view.text(".totals .city b")
    view.page.select_option("select[name=variant]", label="Primary road")
    assert "Primary road" in view.text(".legend h2")
    assert view.text(".totals .city b") != total


def test_a_click_shows_the_figures_of_the_area(opened: Any) -> None:
    view = opened()
    click_area(view, 0)
    # 1,000 m along the middle and 200 m of a side street in 1 km².
    assert view.text(".card h2") == "North"
    assert view.text(".card .figure b") == "1.20 km/km²"
    facts = view.text(".card dl")
    for wanted in ("Formula", "1,200 m ÷ 1,000,000 m² = 1.20 km/km²", "Definition", "Whole city", "Sources", "data of 2024-05-01"):
        assert wanted in facts
    view.page.keyboard.press("Escape")
    assert "Click an area" in view.text(".card")
    assert view.quiet()


def test_the_keyboard_reaches_an_area(opened: Any) -> None:
    view = opened()
    view.page.locator(".leaflet-areas-pane path").nth(1).focus()
    view.page.keyboard.press("Enter")
    assert view.text(".card h2") == "South"


def test_partial_and_absent_are_hatched_and_said(opened: Any) -> None:
    view = opened(extent_share=0.6)
    fills = [view.page.locator(".leaflet-areas-pane path").nth(row).get_attribute("fill") for row in range(4)]
    assert fills[0].startswith("#")
    assert fills[2:] == ["url(#fill-partial-)", "url(#fill-no_data-)"]
    assert "1 areas are not" in view.text(".message") or "2 areas are not" in view.text(".message")
    view.page.locator(".areas button").last.click()
    assert view.text(".card .figure b") == "—"
    assert view.text(".card .status") == "no data"


def test_a_wholly_partial_city_says_what_to_do(opened: Any) -> None:
    view = opened(names=["One"], extent_share=0.5)
    assert "No area is fully covered" in view.text(".message")
    assert "What the data cover" in view.text(".legend")
    assert view.quiet()


def test_a_city_without_areas_opens(opened: Any) -> None:
    view = opened(results=bare_results())
    assert view.text(".totals .city b").endswith("km/km²")
    assert not view.page.locator(".areas").is_visible()
    assert view.quiet()


def test_many_areas_are_drawn_on_a_canvas(opened: Any) -> None:
    results = measure(small_city(["North", "South", "East", "West"]), ["road_network_density"], by="grid:35")
    view = opened(results=results)
    assert len(results.areas) > 3_000
    assert view.page.locator(".leaflet-areas-pane canvas").count() == 1
    view.page.mouse.click(900, 450)
    assert view.page.locator(".card .figure b").is_visible()
    assert "more: click them on the map" in view.text(".areas")
    assert view.quiet()


def test_layers_can_be_switched(opened: Any) -> None:
    view = opened()
    box = view.page.get_by_label("Parks", exact=True)
    assert not box.is_checked()
    box.check()
    view.page.wait_for_timeout(100)
    assert view.page.locator(".leaflet-overlay-parks-pane canvas").count() == 1
    box.uncheck()
    assert view.quiet()


def test_a_dashed_line_is_drawn_open(opened: Any) -> None:
    """Track on three sides of a square: the picture has no ink on the fourth side, where a closed shape would have it."""
    west, south = 450_000.0, 3_100_000.0
    bend = shapely.LineString([(west + 200, south + 800), (west + 200, south + 200), (west + 800, south + 200), (west + 800, south + 800)])
    rail = gpd.GeoDataFrame({"railway": ["rail"]}, geometry=[bend], crs=CRS)
    view = opened(results=measure(small_city(["A", "B"], rail=rail), METRICS))
    view.page.locator("label.layer", has_text="Rail").locator("input").check()
    view.page.wait_for_timeout(200)
    sides = view.page.evaluate(
        """() => {
          const canvas = document.querySelector(".leaflet-overlay-rail-pane canvas");
          const { width, height } = canvas, ink = canvas.getContext("2d").getImageData(0, 0, width, height).data;
          const inked = [];
          for (let i = 3; i < ink.length; i += 4) if (ink[i]) inked.push([((i - 3) / 4) % width, Math.floor((i - 3) / 4 / width)]);
          const xs = inked.map(([x]) => x), ys = inked.map(([, y]) => y);
          const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
          const third = (right - left) / 3, middle = inked.filter(([x]) => x > left + third && x < right - third);
          return [middle.filter(([, y]) => y > bottom - 12).length, middle.filter(([, y]) => y < top + 12).length];
        }"""
    )
    assert sides[0] > 20
    assert sides[1] == 0


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_hostile_names_are_text_and_break_nothing(opened: Any, size: tuple[int, int]) -> None:
    view = opened(size, names=HOSTILE, name="<b onclick=alert(9)>x</b>" + "y" * 10_000)
    for row in range(len(HOSTILE)):
        view.page.locator(".areas button").nth(row).dispatch_event("click")
    assert view.page.locator("img").count() == 0
    assert view.page.locator(".heading b").count() == 0
    assert view.page.locator("script:not([type])").count() == 4
    assert view.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert view.page.locator(".heading").bounding_box()["height"] < 220
    assert view.quiet()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_phone_shows_the_map_and_opens_the_panel(opened: Any, lang: str) -> None:
    view = opened((390, 844), lang=lang)
    assert view.page.evaluate("document.documentElement.scrollWidth") <= 390
    chart, panel = (view.page.locator(name).bounding_box() for name in (".folium-map", ".panel"))
    assert chart["height"] > 0.6 * 844
    assert chart["y"] + chart["height"] <= panel["y"] + 1
    view.page.locator(".expand").click()
    view.page.wait_for_timeout(400)
    assert view.page.locator(".legend").is_visible()
    assert view.page.locator(".panel").bounding_box()["width"] <= 390
    assert view.page.evaluate("document.querySelector('.panel').scrollWidth") <= 390
    assert view.quiet()


def hover(view: Opened, east: float) -> None:
    """Point at a place on the street of the served city, by its share of the width of the two districts."""
    boxes = [view.page.locator(".leaflet-areas-pane path").nth(row).bounding_box() for row in (0, 1)]
    left, right = min(box["x"] for box in boxes), max(box["x"] + box["width"] for box in boxes)
    y = boxes[0]["y"] + boxes[0]["height"] / 2
    view.page.mouse.move(left + (right - left) * east, y)
    view.page.mouse.move(left + (right - left) * east + 1, y)


def test_a_graded_layer_has_a_legend_and_takes_the_colour_from_the_areas(opened: Any) -> None:
    view = opened(results=served_results())
    cells = view.page.locator("label.layer", has_text="Classes reached on foot")
    cells.locator("input").check()
    classes = view.page.locator(".legend > .classes")
    rows = [each.split() for each in classes.locator("li").all_inner_texts()]
    assert " ".join(rows[0]) == "Classes reached on foot"
    assert ["".join(row) for row in rows[1:5]] == ["02", "11", "20", "3(all)1"]  # class and count
    assert "Not coloured: " in view.text(".areas-legend summary")
    area = view.page.locator(".leaflet-areas-pane path").first
    assert area.get_attribute("fill-opacity") == "0"
    cells.locator("input").uncheck()
    assert area.get_attribute("fill-opacity") == "1"
    assert classes.count() == 0
    assert view.quiet()


def test_a_place_says_what_it_reaches(opened: Any) -> None:
    view = opened(results=served_results())
    view.page.locator("label.layer", has_text="Classes reached on foot").locator("input").check()
    # Residents at 600 m of a width of 2,200 m that begins at -100 m.
    hover(view, 700 / 2200)
    assert "1 / 3" in view.text(".hover")
    assert "West" in view.text(".hover")
    view.page.mouse.down()
    view.page.mouse.up()
    facts = view.text(".card .hit")
    for wanted in ("Residents", "40 people", "Distance to middle school", "550 m", "> 500 m"):
        assert wanted in facts
    hover(view, 0.45)
    assert "1 / 3" not in view.text(".hover")
    assert view.quiet()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_hostile_names_of_facilities_are_text(opened: Any, size: tuple[int, int]) -> None:
    view = opened(size, results=served_results())
    view.page.locator("label.layer", has_text="Public services counted").locator("input").evaluate("box => box.click()")
    hover(view, 150 / 2200)
    assert view.page.locator(".hover").count() == (size[0] > 760)  # a narrow screen has the card alone
    view.page.mouse.down()
    view.page.mouse.up()
    assert "<img src=x onerror=alert(1)>" in view.page.locator(".card .hit").first.text_content()
    assert view.page.locator("img").count() == 0
    assert view.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert view.page.evaluate("document.querySelector('.panel').scrollWidth") <= size[0]
    assert view.quiet()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_many_variants_are_chosen_in_two_steps(opened: Any, size: tuple[int, int]) -> None:
    view = opened(size, results=served_results())
    view.page.select_option("select[name=metric]", label="Schools within walking distance")
    subjects = view.page.locator("select[name=variant] option").all_inner_texts()
    assert len(subjects) == 4
    ways = view.page.locator("select[name=half] option").all_inner_texts()
    assert len(ways) == 6
    view.page.select_option("select[name=half]", label="residents, straight line")
    view.page.select_option("select[name=variant]", label="middle school 1000 m")
    head = view.page.locator(".legend h2").text_content()
    assert head == "Schools within walking distance · middle school 1000 m, residents, straight line"
    assert view.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for field in view.page.locator("select").all():
        box = field.bounding_box()
        assert box["x"] + box["width"] <= size[0]
    view.page.select_option("select[name=metric]", label="Road network density")
    assert not view.page.locator(".field.half").is_visible()
    groups = view.page.locator("select[name=metric] optgroup").evaluate_all("all => all.map((each) => each.label)")
    assert groups == ["Roads", "Parks and green", "Public transport", "15-minute circle", "Public services"]
    assert view.quiet()


def test_long_notes_are_folded(opened: Any) -> None:
    view = opened(results=served_results())
    view.page.select_option("select[name=metric]", label="15-minute service coverage")
    click_area(view, 0)
    note = view.page.locator(".card dd:has(.more)", has_text="Left out, probably not mapped")
    folded = note.bounding_box()["height"]
    assert folded < 100
    note.locator(".more").click()
    assert note.bounding_box()["height"] > 2 * folded
    assert note.locator(".more").inner_text() == "Less"
