"""A base map in a real browser: its server is asked and nobody else, and what lies over it can be read."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from spatial.sheet import Sheet
from tests.outputs.test_maps import small_results
from tests.outputs.test_maps_chromium import browser as browser
from tests.outputs.test_maps_chromium import opened as opened

pytestmark = pytest.mark.chromium

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


class _Tiles(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.wfile.write(PIXEL)

    def log_message(self, *said: Any) -> None:
        """Keep the tests quiet."""


@pytest.fixture
def tiles() -> Iterator[tuple[str, list[str]]]:
    """A server of tiles on this machine: its address, and what was asked of it."""
    asked: list[str] = []
    handler = type("Tiles", (_Tiles,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def results_on(address: str, *, attribution: str = "© Survey <b>office</b>", **options: Any) -> Any:
    results = small_results(**options)
    template = address + "/{z}/{x}/{y}.png?key=k-1"
    return replace(results, city=replace(results.city, sheet=Sheet(base_map=template, base_map_attribution=attribution)))


def outside(view: Any) -> set[str]:
    return {"/".join(url.split("/")[:3]) for url in view.requests if not url.startswith(("file:", "data:"))}


def test_only_the_server_of_the_base_map_is_asked(opened: Any, tiles: tuple[str, list[str]]) -> None:
    address, asked = tiles
    view = opened(results=results_on(address))
    view.page.wait_for_selector(".leaflet-tile-loaded")
    assert outside(view) == {address}
    assert asked
    assert all(path.endswith(".png?key=k-1") for path in asked)
    assert not view.complaints
    refused = view.page.evaluate(
        "() => new Promise((done) => { const i = new Image(); i.onload = () => done(false); i.onerror = () => done(true);"
        " i.src = 'http://127.0.0.1:9/x.png'; })"
    )
    assert refused
    assert any("Content Security Policy" in text for text in view.complaints)


def test_areas_let_the_base_map_through_and_its_mark_stays(opened: Any, tiles: tuple[str, list[str]]) -> None:
    view = opened(results=results_on(tiles[0]))
    path = view.page.locator(".leaflet-areas-pane path").first
    assert path.get_attribute("fill-opacity") == "0.65"
    assert "© Survey <b>office</b>" in view.text(".attribution")
    assert view.page.locator(".base-mark").is_visible()
    assert "127.0.0.1" in view.text(".base-row")


def test_the_base_map_is_switched_off_and_the_link_keeps_it(opened: Any, tiles: tuple[str, list[str]]) -> None:
    address, asked = tiles
    view = opened(results=results_on(address))
    view.page.wait_for_selector(".leaflet-tile-loaded")
    view.page.locator(".base-row input[type=checkbox]").uncheck()
    assert view.page.locator(".leaflet-areas-pane path").first.get_attribute("fill-opacity") == "1"
    assert not view.page.locator(".base-mark").is_visible()
    assert "base=off" in view.page.evaluate("location.hash")
    before = len(asked)
    view.page.evaluate("document.querySelector('.tool[data-tool=language]').click()")  # the page is built anew in the other language
    view.page.wait_for_timeout(300)
    assert not view.page.locator(".base-row input[type=checkbox]").is_checked()
    assert len(asked) == before
    view.page.locator(".base-row input[type=checkbox]").check()
    view.page.wait_for_selector(".leaflet-tile-loaded")
    assert "base=off" not in view.page.evaluate("location.hash")


def test_the_strength_of_the_base_map_is_set(opened: Any, tiles: tuple[str, list[str]]) -> None:
    view = opened(results=results_on(tiles[0]))
    view.page.wait_for_selector(".leaflet-tile-loaded")
    view.page.locator(".base-row .strength").fill("0.4")
    faded = view.page.evaluate("[...document.querySelectorAll('.leaflet-tile-pane .leaflet-layer')].map((each) => each.style.opacity)")
    assert faded == ["0.4"]


def test_a_server_that_is_away_is_told(opened: Any) -> None:
    view = opened(results=results_on("http://127.0.0.1:9"))
    view.page.wait_for_function("!document.querySelector('.base-row .failed').hidden")
    assert "no network" in view.text(".base-row .failed")


def test_a_page_without_a_base_map_has_no_row_for_it_and_asks_for_nothing(opened: Any) -> None:
    view = opened()
    assert view.page.locator(".base-row").count() == 0
    assert view.page.locator(".leaflet-areas-pane path").first.get_attribute("fill-opacity") == "1"
    assert view.quiet()


def test_the_issuing_unit_and_the_number_of_an_approved_map_stand_on_it(opened: Any) -> None:
    results = small_results(crs="EPSG:4551", lang="zh")
    sheet = Sheet(issuing_unit="<b>规划院</b>", approval_number="吉S（2026）012号")
    view = opened(results=replace(results, city=replace(results.city, sheet=sheet)))
    assert view.text(".margin .approval") == "审图号：吉S（2026）012号"
    assert view.text(".margin .issuer") == "制图单位：<b>规划院</b>"
    assert view.page.locator(".stamp").count() == 0
    assert "不得公开" not in view.text("body")
    assert view.quiet()
