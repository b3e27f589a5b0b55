"""Sites dropped in a real browser: the page says what spatial says, and can be worked by mouse, keys and thumb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spatial.measurement import measure
from spatial.result import Results
from tests.demo_city.reading import city as demo_city
from tests.outputs.served_city import served_city
from tests.outputs.test_maps_chromium import Opened, browser  # noqa: F401
from tests.outputs.what_if_sites import Site, compare, dropped, seeded_sites, what_if_page

pytestmark = pytest.mark.chromium

METRICS = ["school_coverage", "bus_stop_500m_coverage", "park_service_coverage"]
KINDS = ["park", "primary_school", "bus_stop"]
TRIALS = [
    ("park", "park_service_coverage", "network_2022_people"),
    ("park", "park_service_coverage", "network_checkup_2022_people"),
    ("primary_school", "school_coverage", "primary_school_network_residents"),
    ("primary_school", "school_coverage", "network_residents"),
    ("bus_stop", "bus_stop_500m_coverage", "network_residents"),
]


@pytest.fixture(scope="module")
def street(tmp_path_factory: Any) -> tuple[Path, Results]:
    made = measure(served_city(), METRICS)
    return what_if_page(made, tmp_path_factory.mktemp("street"), KINDS), made


@pytest.fixture(scope="module")
def demo(tmp_path_factory: Any) -> tuple[Path, Results]:
    made = measure(demo_city(), METRICS)
    return what_if_page(made, tmp_path_factory.mktemp("demo"), KINDS), made


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:  # noqa: F811
    made = browser.new_page(viewport={"width": 1440, "height": 900})
    made.set_default_timeout(60_000)
    yield made
    made.close()


@pytest.fixture
def view(browser: Any, street: tuple[Path, Results]) -> Iterator[Opened]:  # noqa: F811
    made = Opened(browser, street[0], (1440, 900))
    made.page.set_default_timeout(60_000)
    made.page.click(".tool[data-tool=what_if]")
    made.page.wait_for_function("document.querySelector('.what_if .state').textContent.startsWith('Nothing')")
    yield made
    made.page.close()


@pytest.mark.parametrize(("kind", "metric", "variant"), TRIALS, ids=lambda each: str(each))
def test_the_street_says_what_spatial_says(page: Any, street: tuple[Path, Results], kind: str, metric: str, variant: str) -> None:
    path, made = street
    said = compare(page, path, made, seeded_sites(made.city, kind, 8, 5), metric, variant)
    assert "counted" in said["states"]


@pytest.mark.parametrize(("kind", "metric", "variant"), TRIALS[::2], ids=lambda each: str(each))
def test_the_demo_says_what_spatial_says(page: Any, demo: tuple[Path, Results], kind: str, metric: str, variant: str) -> None:
    path, made = demo
    said = compare(page, path, made, seeded_sites(made.city, kind, 16, 7), metric, variant)
    assert said["states"].count("counted") >= 8
    assert said["gaining"] > 0


def gained(view: Opened) -> float:
    return float(view.page.get_attribute(".what_if tbody tr.city", "data-gained"))


def test_a_site_is_dropped_dragged_and_removed(view: Opened) -> None:
    page = view.page
    page.select_option(".what_if select[name=kind]", label="bus stop")
    box = page.locator(".folium-map").bounding_box()
    x, y = box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2
    page.mouse.click(x, y)
    assert page.locator(".site-mark").count() == 1
    assert page.locator(".placed li").count() == 1
    before = gained(view)
    mark = page.locator(".site-mark").bounding_box()
    page.mouse.move(mark["x"] + 13, mark["y"] + 13)
    page.mouse.down()
    page.mouse.move(x + 160, y, steps=8)
    page.mouse.up()
    assert page.locator(".placed li").count() == 1
    assert gained(view) != before
    page.click(".placed .remove")
    assert page.locator(".site-mark").count() == 0
    assert page.locator(".what_if tbody tr").count() == 0
    assert "Nothing placed yet" in page.inner_text(".what_if .state")
    assert "sites=" not in page.url
    assert view.quiet()


def test_a_drag_of_the_map_drops_nothing(view: Opened) -> None:
    box = view.page.locator(".folium-map").bounding_box()
    x, y = box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.8
    view.page.mouse.move(x, y)
    view.page.mouse.down()
    view.page.mouse.move(x - 100, y - 60, steps=6)
    view.page.mouse.up()
    assert view.page.locator(".site-mark").count() == 0


def test_the_keyboard_places_moves_and_removes(view: Opened) -> None:
    page = view.page
    page.focus(".what_if .centre")
    assert page.is_visible(".what-if-cross")
    page.keyboard.press("Enter")
    assert page.locator(".site-mark").count() == 1
    page.focus(".site-mark")
    before = page.url
    page.keyboard.press("ArrowLeft")
    assert page.url != before
    page.keyboard.press("Delete")
    assert page.locator(".site-mark").count() == 0
    assert view.quiet()


def test_sites_outlive_a_change_of_language_and_a_closed_card(view: Opened) -> None:
    page = view.page
    page.click(".what_if .centre")
    said = page.inner_text(".what_if .newly b")
    page.click(".tool[data-tool=language]")
    page.wait_for_selector(".placed li")
    assert page.inner_text(".what_if .newly b") == said
    assert "情景推演" in page.inner_text(".tool-head h2")
    page.click(".tool[data-tool=what_if]")
    assert page.locator(".site-mark").count() == 0
    page.click(".tool[data-tool=what_if]")
    assert page.locator(".site-mark").count() == 1
    assert view.quiet()


def test_the_size_of_a_park_decides_how_far_it_serves(view: Opened) -> None:
    page = view.page
    page.fill(".what_if input[name=size]", "5000")
    assert "serves 500 m (edition 2022)" in page.inner_text(".what_if .size .serves")
    page.fill(".what_if input[name=size]", "300")
    assert "too small to serve (edition 2022)" in page.inner_text(".what_if .size .serves")
    page.click(".what_if .centre")
    assert "too small to count" in page.inner_text(".placed .refused")
    assert page.get_attribute(".placed li", "data-state") == "unaffected"


def test_no_number_where_there_can_be_none(page: Any, street: tuple[Path, Results]) -> None:
    """On the park, far from every street, beside another one, and outside what the page knows."""
    path, made = street
    (on_park, on_street) = (_degrees(made, x, y) for x, y in ((250, 60), (1400, 0)))
    far, away = _degrees(made, 1600, 450), (on_street[0] + 5, on_street[1])
    sites = [Site("park", 900, lat, lon) for lon, lat in (on_park, far, away, on_street, (on_street[0] + 1e-5, on_street[1]))]
    said = dropped(page, path, sites, "park_service_coverage", "network_2022_people")
    assert [line["state"] for line in said["sites"]] == ["touches", "far", "outside", "counted", "meets"]
    assert [line["gained"] for line in said["sites"]].count("") == 4


def test_a_hostile_address_is_no_site(page: Any, street: tuple[Path, Results]) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(
        street[0].as_uri()
        + "#tool=what_if&sites=park/1e9/NaN/1,<img src=x onerror=alert(1)>/1/2/3,park//,park/400/1e400/0&what_if=__proto__/x"
    )
    page.wait_for_selector(".what_if .state")
    page.wait_for_timeout(300)
    assert page.locator(".placed li").count() == 0
    assert not errors


def test_a_thumb_reaches_the_map_beside_the_card(browser: Any, street: tuple[Path, Results]) -> None:  # noqa: F811
    made = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    made.goto(street[0].as_uri() + "#lang=en&tool=what_if")
    made.wait_for_selector(".what_if .state")
    card, whole = made.locator(".tool-card").bounding_box(), made.locator(".folium-map").bounding_box()
    assert card["y"] - whole["y"] > 0.4 * whole["height"]
    made.touchscreen.tap(200, whole["y"] + 0.3 * whole["height"])
    made.wait_for_selector(".placed li")
    assert made.locator(".site-mark").count() == 1
    assert made.evaluate("document.documentElement.scrollWidth") == 390
    made.close()


def _degrees(made: Results, x: float, y: float) -> tuple[float, float]:
    import pyproj

    from tests.outputs.served_city import SOUTH, WEST

    lon, lat = pyproj.Transformer.from_crs(made.city.crs, "EPSG:4326", always_xy=True).transform(WEST + x, SOUTH + 500 + y)
    return round(lon, 7), round(lat, 7)
