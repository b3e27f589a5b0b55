"""What has the colour of the map has its legend in front: in the panel, on a phone, in the picture and on paper; and it gives the colour back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.outputs.served_city import served_results
from tests.outputs.test_maps_chromium import Opened, browser, opened  # noqa: F401
from tests.outputs.test_sheet_chromium import SIZES, sheet

pytestmark = pytest.mark.chromium

TITLE = "Classes reached on foot"

# Each look at the clock costs it 4 ms: a frame has time for one step of drawing, as with a hundred thousand features.
SLOW = "() => { const now = performance.now.bind(performance); let looks = 0; performance.now = () => now() + 4 * looks++; }"


def faded(opened: Any, size: tuple[int, int] = SIZES[0]) -> Opened:  # noqa: F811
    view: Opened = opened(size, results=served_results())
    box = view.page.locator("label.layer", has_text=TITLE).locator("input")
    box.evaluate("each => each.click()")  # on a phone the list lies in the closed sheet
    view.page.wait_for_selector("body.faded", state="attached")
    return view


def drawings(view: Opened) -> list[dict[str, Any]]:
    """The canvases on the sheet: how fine they are, whether they are the drawing for its zoom, whether anything stands on them."""
    return view.page.evaluate(
        """() => [...document.querySelectorAll("body > .sheet .sheet-map canvas")].map((each) => ({
             ratio: Math.round(each.width / parseFloat(each.style.width)),
             stretched: /scale\\((?!1\\))/.test(each.style.transform),
             drawn: each.getContext("2d").getImageData(0, 0, each.width, each.height).data.some((value) => value > 0),
           }))"""
    )


def test_the_legend_in_front_is_that_of_what_has_the_colour(opened: Any) -> None:  # noqa: F811
    view = faded(opened)
    assert view.text(".legend > h2").startswith(TITLE)
    rows = view.page.locator(".legend > .classes li").all_inner_texts()
    assert any("(all)" in row for row in rows)
    swatches = view.page.locator(".legend > .classes .swatch").count()
    assert swatches >= 3
    own = view.page.locator(".areas-legend")
    assert own.get_attribute("open") is None
    metric = view.page.locator("select[name=metric] option:checked").inner_text()
    assert metric.strip("◎ ") in own.locator("summary").inner_text()
    assert not view.page.locator(".message").is_visible()
    again = view.page.locator(".layers .classes:visible", has_text="(all)")
    assert again.count() == 0  # once is enough
    assert view.quiet()


def test_a_button_gives_the_areas_their_colour_back(opened: Any) -> None:  # noqa: F811
    view = faded(opened)
    view.page.click(".give-back")
    assert view.page.locator("body.faded").count() == 0
    metric = view.page.locator("select[name=metric] option:checked").inner_text()
    assert view.text(".legend > h2").startswith(metric.strip("◎ "))
    assert not view.page.locator("label.layer", has_text=TITLE).locator("input").is_checked()
    assert view.page.locator(".legend > .keys .count").count() > 0


def test_a_phone_names_what_has_the_colour(opened: Any) -> None:  # noqa: F811
    view = faded(opened, SIZES[1])
    assert view.text(".ramp .of").startswith(TITLE)
    ramp, window = view.page.locator(".ramp .scale").bounding_box(), 844
    assert ramp["y"] + ramp["height"] <= window
    assert view.page.locator(".ramp .of").bounding_box()["y"] + 10 < ramp["y"]


def test_side_by_side_the_areas_have_the_colour(opened: Any) -> None:  # noqa: F811
    view = faded(opened)
    view.page.click("[data-tool=swipe]")
    assert view.page.locator("body.faded").count() == 0
    assert view.page.locator(".leaflet-beside-pane path").first.get_attribute("fill-opacity") == "1"
    view.page.click("[data-tool=swipe]")
    assert view.page.locator("body.faded").count() == 1


def test_on_paper_no_figure_stands_that_no_legend_explains(opened: Any) -> None:  # noqa: F811
    view = faded(opened)
    made = sheet(view)
    assert made.locator(".sheet-key .layer").first.inner_text().startswith(TITLE)
    assert "(all)" in made.locator(".sheet-key .classes").first.inner_text()
    assert made.locator(".tag b").count() > 0
    assert made.locator(".tag b").evaluate_all("all => all.every((each) => getComputedStyle(each).display === 'none')")


@pytest.mark.parametrize("by_browser", [True, False])
def test_the_sheet_waits_for_what_takes_long_to_draw(opened: Any, by_browser: bool) -> None:  # noqa: F811
    """Every layer at once, by the tool and by the browser's own command to print, which does not wait."""
    view = opened(results=served_results())
    for box in view.page.locator(".layer-group .head input").all():
        box.check()
    view.page.wait_for_function("document.querySelectorAll('.folium-map canvas').length > 2")
    shown = view.page.locator(".folium-map canvas").count()
    view.page.evaluate(SLOW)
    if by_browser:
        view.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    else:
        sheet(view)
    found = drawings(view)
    assert len(found) == shown
    assert all(each["ratio"] == 2 and not each["stretched"] and each["drawn"] for each in found), found
