"""Lengths and areas on the map in a real browser: against PROJ's geodesics, and driven by mouse, keys and touch."""

from __future__ import annotations

import math
import re
from typing import Any

import pyproj
import pytest

from spatial import catalogue
from tests.outputs.test_maps_chromium import Opened, browser, opened  # noqa: F401

pytestmark = pytest.mark.chromium

GEOD = pyproj.Geod(ellps="WGS84")
CITIES = {
    "Harbin": (45.75, 126.65),
    "Las Palmas": (28.1, -15.43),
    "Porto Alegre": (-30.03, -51.22),
    "Quito": (-0.2, -78.5),
    "Fiji": (-17.8, 179.99),
}


@pytest.fixture(scope="module")
def geodesy(browser: Any) -> Any:  # noqa: F811
    """Call a function of geodesy.js."""
    code = (catalogue.shipped() / "maps" / "page" / "geodesy.js").read_text(encoding="utf-8")
    page = browser.new_page()
    yield lambda name, *arguments: page.evaluate(f"(given) => {{ {code}; return {name}(...given); }}", list(arguments))
    page.close()


def ring(place: tuple[float, float], radius_m: float, corners: int, turn: float = 20.0) -> list[list[float]]:
    """A polygon about a place; corners at different distances, [lat, lon]."""
    found = []
    for corner in range(corners):
        lon, lat, _ = GEOD.fwd(place[1], place[0], turn + 360 * corner / corners, radius_m * (1 + 0.3 * (corner % 2)))
        found.append([lat, lon])
    return found


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize("metres", [1, 150, 4_000, 60_000, 900_000])
@pytest.mark.parametrize("bearing", [0, 37, 90, 200])
def test_lengths_are_those_of_proj(geodesy: Any, city: str, metres: float, bearing: float) -> None:
    lat, lon = CITIES[city]
    east, north, _ = GEOD.fwd(lon, lat, bearing, metres)
    assert geodesy("geodesicLength", [lat, lon], [north, east]) == pytest.approx(metres, rel=1e-7, abs=1e-4)


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize(("radius", "corners"), [(20, 4), (400, 3), (3_000, 7), (25_000, 3), (60_000, 12)])
def test_areas_are_those_of_proj(geodesy: Any, city: str, radius: float, corners: int) -> None:
    places = ring(CITIES[city], radius, corners)
    wanted, _ = GEOD.polygon_area_perimeter([lon for _, lon in places], [lat for lat, _ in places])
    assert geodesy("polygonArea", places) == pytest.approx(abs(wanted), rel=1e-4)
    assert geodesy("polygonArea", places[::-1]) == pytest.approx(abs(wanted), rel=1e-4)


def test_places_that_coincide_or_face_one_another(geodesy: Any) -> None:
    assert geodesy("geodesicLength", [45.0, 126.0], [45.0, 126.0]) == 0
    assert geodesy("geodesicLength", [0.0, 0.0], [0.0, 1.0]) == pytest.approx(GEOD.line_length([0, 1], [0, 0]), rel=1e-9)
    assert math.isnan(geodesy("geodesicLength", [0.1, 0.0], [-0.1, 179.9]))  # no length rather than a wrong one


def test_an_outline_that_crosses_itself_has_no_area(geodesy: Any) -> None:
    assert geodesy("crossesItself", [[0, 0], [1, 1], [1, 0], [0, 1]])
    assert not geodesy("crossesItself", [[0, 0], [0, 1], [1, 1], [1, 0]])
    assert not geodesy("crossesItself", [[0, 0], [0, 1], [1, 1]])


def measuring(view: Opened) -> Opened:
    view.page.click("[data-tool=measure]")
    return view


def corners(view: Opened) -> list[tuple[float, float]]:
    """Corners on the screen of the third square of 1 km, clockwise from the south-west."""
    box = view.page.locator(".leaflet-areas-pane path").nth(2).bounding_box()
    west, north, east, south = box["x"] + 1, box["y"] + 1, box["x"] + box["width"] - 1, box["y"] + box["height"] - 1
    return [(west, south), (west, north), (east, north), (east, south)]


def number(text: str) -> float:
    return float(re.search(r"[\d.,]+", text)[0].replace(",", ""))


def test_clicks_measure_and_select_nothing(opened: Any) -> None:  # noqa: F811
    view = measuring(opened())
    for x, y in corners(view)[:3]:
        view.page.mouse.click(x, y)
        view.page.wait_for_timeout(350)  # two single clicks, not a double one
    # Two edges of a square kilometre: 2 km, a pixel or two less at each end.
    assert number(view.text(".measured-total")) == pytest.approx(2.0, abs=0.03)
    assert view.text(".measured-total").endswith(" km")
    assert "last leg 9" in view.text(".measured-more") or "last leg 1.0" in view.text(".measured-more")
    assert view.text(".measured") == view.text(".measured-total")
    assert "Click an area" in view.text(".card")
    assert view.page.locator(".measured-total").get_attribute("aria-live") == "polite"
    assert view.quiet()


def test_an_area_in_the_units_of_planners(opened: Any) -> None:  # noqa: F811
    view = measuring(opened(lang="zh"))
    view.page.get_by_role("button", name="面积", exact=True).click()
    for x, y in corners(view)[:3]:  # half of a square kilometre
        view.page.mouse.click(x, y)
        view.page.wait_for_timeout(350)
    total, more = view.text(".measured-total"), view.text(".measured-more")
    hectares = number(total)
    assert total.endswith(" 公顷")
    assert hectares == pytest.approx(50, abs=1.5)
    assert number(more) == pytest.approx(hectares * 15, rel=0.001)
    for unit in ("亩", "平方米", "周长"):
        assert unit in more


def test_keys_end_cancel_and_take_back(opened: Any) -> None:  # noqa: F811
    view = measuring(opened())
    places = corners(view)
    for x, y in places[:3]:
        view.page.mouse.click(x, y)
        view.page.wait_for_timeout(350)
    view.page.keyboard.press("Backspace")
    assert number(view.text(".measured-total")) < 1100
    view.page.keyboard.press("Enter")
    said = view.text(".measured-total")
    view.page.mouse.move(*places[3])
    assert "to the pointer" not in view.text(".tool-card .hint")
    assert view.text(".measured-total") == said
    view.page.mouse.click(*places[3])  # what was ended stays until a new one is begun
    assert view.page.locator(".measured").count() == 0
    view.page.keyboard.press("Escape")
    assert view.page.locator(".leaflet-measure-pane path[stroke='#c2410c']").count() <= 1
    assert view.page.locator(".tool-card").is_visible()
    view.page.keyboard.press("Escape")
    assert not view.page.locator(".tool-card").is_visible()
    assert view.page.locator(".leaflet-measure-pane path").count() == 0


def test_a_double_click_ends_and_does_not_zoom(opened: Any) -> None:  # noqa: F811
    view = measuring(opened())
    places = corners(view)
    before = view.page.locator(".leaflet-areas-pane path").first.bounding_box()
    view.page.mouse.click(*places[0])
    view.page.wait_for_timeout(350)
    view.page.mouse.dblclick(*places[1])
    view.page.wait_for_timeout(400)
    said = view.text(".measured-total")
    assert number(said) == pytest.approx(1000, abs=15) or number(said) == pytest.approx(1.0, abs=0.02)
    view.page.mouse.move(*places[3])
    assert "to the pointer" not in view.text(".tool-card .hint")
    assert view.page.locator(".leaflet-areas-pane path").first.bounding_box() == before


def test_by_keyboard_alone(opened: Any) -> None:  # noqa: F811
    view = opened()
    view.page.locator("[data-tool=measure]").focus()
    view.page.keyboard.press("Enter")
    view.page.keyboard.press(" ")
    view.page.keyboard.press("ArrowRight")
    view.page.wait_for_timeout(500)
    view.page.keyboard.press(" ")
    assert number(view.text(".measured-total")) > 10
    assert view.quiet()


def test_the_link_and_the_other_language_keep_it(opened: Any) -> None:  # noqa: F811
    view = measuring(opened())
    for x, y in corners(view)[:2]:
        view.page.mouse.click(x, y)
        view.page.wait_for_timeout(350)
    said = number(view.text(".measured-total"))
    view.page.click("[data-tool=language]")
    assert number(view.text(".measured-total")) == said
    assert view.text(".measured-total").endswith(("米", "公里"))
    view.page.reload()
    view.page.wait_for_selector(".measured-total")
    assert number(view.text(".measured-total")) == said
    view.page.click(".tool-card .close")
    assert "measure" not in view.page.evaluate("location.hash")
    view.page.locator(".leaflet-areas-pane path").first.dispatch_event("click")


def test_a_link_that_makes_no_sense_is_passed_over(opened: Any) -> None:  # noqa: F811
    view = opened()
    view.page.evaluate("location.hash = 'tool=measure&measure=area,1,x,2,,%3Cimg%3E'")
    view.page.reload()
    view.page.wait_for_selector(".measured-total")
    assert view.text(".measured-total").startswith("0")
    assert view.quiet()


def test_a_finger_measures_on_a_phone(browser: Any, opened: Any) -> None:  # noqa: F811
    source = opened((390, 844))
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(source.page.url)
    page.wait_for_selector(".panel .keys", state="attached")
    page.tap("[data-tool=measure]")
    chart = page.locator(".folium-map").bounding_box()
    for share in (0.3, 0.7):
        page.touchscreen.tap(chart["x"] + chart["width"] * share, chart["y"] + chart["height"] * 0.8)
        page.wait_for_timeout(500)
    assert number(page.inner_text(".measured-total")) > 0.1
    page.get_by_role("button", name="Finish").tap()
    assert page.locator(".measured span").is_visible()
    context.close()
