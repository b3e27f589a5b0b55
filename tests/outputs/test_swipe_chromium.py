"""Two figures side by side in a real browser: the line parts the areas, each side keeps its own legend, labels and values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spatial.measurement import measure
from spatial.outputs.webmap import write_map
from tests.outputs.older_run import older_run
from tests.outputs.pictures import color_at, pixels, rgb
from tests.outputs.test_maps import small_city, small_results
from tests.outputs.test_maps_chromium import Opened, browser, click_area, opened  # noqa: F401

pytestmark = pytest.mark.chromium


def shot(view: Opened) -> Callable[[float, float], tuple[int, ...]]:
    """Return the colour of a place on the screen."""
    picture = pixels(view.page.screenshot())
    return lambda x, y: color_at(picture, x, y)


def swiped(view: Opened) -> Opened:
    view.page.click("[data-tool=swipe]")
    return view


def colours(view: Opened, pane: str) -> list[str]:
    return [each.get_attribute("fill") for each in view.page.locator(f".leaflet-{pane}-pane path").all()]


def place(view: Opened, row: int) -> tuple[float, float]:
    """A place inside an area where no label, road or legend stands."""
    box = view.page.locator(".leaflet-areas-pane path").nth(row).bounding_box()
    return box["x"] + box["width"] * 0.62, box["y"] + box["height"] * 0.2


def test_each_side_has_its_own_colours(opened: Any) -> None:  # noqa: F811
    view = swiped(opened())
    view.page.select_option(".swipe-choice select >> nth=1", label="Primary road")  # 1 km/km² everywhere: one class
    first, second = colours(view, "areas"), colours(view, "beside")
    assert len(first) == len(second) == 4
    assert first != second
    seen = shot(view)
    assert seen(*place(view, 0)) == rgb(first[0])
    assert seen(*place(view, 3)) == rgb(second[3])
    view.page.locator(".swipe-line").focus()
    view.page.keyboard.press("End")
    assert shot(view)(*place(view, 3)) == rgb(first[3])
    view.page.keyboard.press("Home")
    assert shot(view)(*place(view, 0)) == rgb(second[0])
    assert view.quiet()


def test_the_line_is_dragged_and_keeps_its_place_in_the_link(opened: Any) -> None:  # noqa: F811
    view = swiped(opened())
    chart, handle = view.page.locator(".folium-map").bounding_box(), view.page.locator(".swipe-line").bounding_box()
    view.page.mouse.move(handle["x"] + handle["width"] / 2, 300)
    view.page.mouse.down()
    view.page.mouse.move(chart["x"] + chart["width"] * 0.25, 320, steps=4)
    view.page.mouse.up()
    line = view.page.locator(".swipe-line")
    assert line.get_attribute("aria-valuenow") == "25"
    assert "at=25" in view.page.evaluate("location.hash")
    line.focus()
    view.page.keyboard.press("ArrowRight")
    assert line.get_attribute("aria-valuenow") == "27"
    assert line.get_attribute("role") == "slider"
    assert "27%" in line.get_attribute("aria-valuetext")
    assert "Click an area" in view.text(".card")  # dragging the line selects nothing


def test_the_cut_follows_the_map(opened: Any) -> None:  # noqa: F811
    view = swiped(opened())
    chart = view.page.locator(".folium-map").bounding_box()
    middle = chart["x"] + chart["width"] / 2
    for _ in range(2):
        view.page.mouse.move(middle - 40, 500)
        view.page.mouse.down()
        view.page.mouse.move(middle + 60, 480, steps=3)
        view.page.mouse.up()
        view.page.wait_for_timeout(400)
        second = colours(view, "beside")
        seen = shot(view)
        boxes = [each.bounding_box() for each in view.page.locator(".leaflet-beside-pane path").all()]
        right = next(
            row for row, box in enumerate(boxes) if box["x"] > middle + 4 and box["x"] + box["width"] < chart["x"] + chart["width"]
        )
        assert seen(*place(view, right)) == rgb(second[right])
        view.page.keyboard.press("+")
        view.page.wait_for_timeout(500)


def test_both_values_of_an_area_are_shown(opened: Any) -> None:  # noqa: F811
    view = swiped(opened())
    click_area(view, 0)
    assert "1.20 km/km²" in view.text(".swipe-legend.first .here")
    right = view.text(".swipe-legend.second .here")
    assert "North" in right
    assert "1.20 km/km²" not in right
    view.page.mouse.move(*place(view, 1))
    view.page.mouse.move(place(view, 1)[0] + 1, place(view, 1)[1])
    assert view.page.locator(".hover .figures").count() == 2


def test_titles_classes_and_labels_are_those_of_the_side(opened: Any) -> None:  # noqa: F811
    view = swiped(opened())
    left, right = view.text(".swipe-legend.first h3"), view.text(".swipe-legend.second h3")
    assert left == "Road network density · total"
    assert right.startswith("Road network density · ")
    assert right != left
    view.page.select_option(".swipe-choice select >> nth=0", label="Population density")
    assert view.text(".swipe-legend.second h3") == "Population density"
    assert "no data" in view.text(".swipe-legend.second .keys")
    assert colours(view, "beside") == ["url(#fill-no_data-)"] * 4
    labels = {each.inner_text().split("\n")[0]: each.inner_text().split("\n")[-1] for each in view.page.locator(".tag:not(.hidden)").all()}
    assert labels["North"] == "1.20"
    assert labels["West"] == "—"


def test_closing_it_leaves_the_map_as_it_was(opened: Any) -> None:  # noqa: F811
    view = swiped(opened())
    view.page.click(".tool-card .close")
    assert view.page.locator(".swipe-line, .swipe-legend, .leaflet-beside-pane path").count() == 0
    first = colours(view, "areas")
    assert shot(view)(*place(view, 3)) == rgb(first[3])
    assert not {"beside", "at", "tool"} & set(view.page.evaluate("[...new URLSearchParams(location.hash.slice(1)).keys()]"))
    assert view.quiet()


def test_the_other_language_and_the_link_show_the_same(opened: Any) -> None:  # noqa: F811
    view = swiped(opened())
    view.page.select_option(".swipe-choice select >> nth=0", label="Population density")
    view.page.click("[data-tool=language]")
    assert view.text(".swipe-legend.second h3") == "人口密度"
    view.page.reload()
    view.page.wait_for_selector(".swipe-legend")
    assert view.text(".swipe-legend.second h3") == "人口密度"
    assert view.quiet()


def test_many_areas_are_parted_too(opened: Any) -> None:  # noqa: F811
    view = swiped(opened(results=measure(small_city(["North", "South", "East", "West"]), ["road_network_density"], by="grid:35")))
    assert view.page.locator(".leaflet-beside-pane canvas").count() == 1
    cuts = [
        view.page.evaluate(f"getComputedStyle(document.querySelector('.leaflet-{name}-pane')).clipPath") for name in ("areas", "beside")
    ]
    assert all(cut.startswith("polygon(") for cut in cuts)
    chart = view.page.locator(".folium-map").bounding_box()
    view.page.mouse.click(chart["x"] + chart["width"] * 0.75, chart["y"] + chart["height"] / 2)
    assert view.page.locator(".swipe-legend.second .here").is_visible()
    assert view.quiet()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_it_fits_the_screen(opened: Any, size: tuple[int, int]) -> None:  # noqa: F811
    view = swiped(opened(size))
    chart = view.page.locator(".folium-map").bounding_box()
    boxes = [view.page.locator(name).bounding_box() for name in (".swipe-legend.first", ".swipe-legend.second")]
    for box in boxes:
        assert box["x"] >= chart["x"]
        assert box["x"] + box["width"] <= chart["x"] + chart["width"]
        assert box["y"] + box["height"] <= chart["y"] + chart["height"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]


def test_another_run_stands_on_the_right(browser: Any, tmp_path: Path) -> None:  # noqa: F811
    results = small_results()
    view = Opened(browser, write_map(results, tmp_path / "map.html", beside=older_run(tmp_path, results)), (1440, 900))
    swiped(view)
    assert view.text(".swipe-legend.second .run") == "run of 2023-05-01"
    assert view.text(".swipe-legend.second h3") == view.text(".swipe-legend.first h3") == "Road network density · total"
    # 0.90 in the older run lies below all classes of this one and takes the first colour; two areas were not in it.
    second = colours(view, "beside")
    assert second[0] == colours(view, "areas")[0]
    assert second[2:] == ["url(#fill-no_data-)"] * 2
    view.page.locator(".areas button", has_text="North").click()
    assert "0.90 km/km²" in view.text(".swipe-legend.second .here")
    assert "0.90 km/km² · this run against it: +0.30 km/km²" in view.text(".card dl")
    view.page.select_option(".swipe-choice select >> nth=0", label="this run")
    assert view.text(".swipe-legend.second .run") == "data of 2024-05-01"
    assert view.quiet()
    view.page.close()
