"""The map as a sheet in a real browser: what its margin says, the picture that is saved, the page that is printed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spatial.measurement import measure
from spatial.outputs.webmap import write_map
from spatial.result import Results
from spatial.sheet import Sheet
from tests.outputs.pictures import color_at, pixels, rgb, share_of
from tests.outputs.served_city import served_results
from tests.outputs.test_maps import HOSTILE, small_city
from tests.outputs.test_maps_chromium import Opened, browser, click_area, opened  # noqa: F401

pytestmark = pytest.mark.chromium

SIZES = [(1440, 900), (390, 844)]
CGCS2000 = "EPSG:4551"


def issued(lang: str = "zh", **said: str) -> Results:
    """A small city in China, issued by somebody."""
    results = measure(small_city(["北区", "南区"], crs=CGCS2000, name="示例市"), ["road_network_density"], lang=lang)
    return replace(results, city=replace(results.city, sheet=Sheet(issuing_unit="示例市自然资源局", **said)))


def picture(view: Opened, folder: Path) -> tuple[str, np.ndarray]:
    """Save the picture; its name and its pixels."""
    with view.page.expect_download() as download:
        view.page.click("[data-tool=picture]")
    path = folder / "picture.png"
    download.value.save_as(path)
    view.page.wait_for_selector(".curtain.said")
    return download.value.suggested_filename, pixels(path.read_bytes())


def sheet(view: Opened) -> Any:
    """Have the sheet made as for a printer, which is not there."""
    view.page.evaluate("() => { window.print = () => { document.body.dataset.printed = 'yes'; }; }")
    view.page.click("[data-tool=print]")
    view.page.wait_for_selector("body[data-printed]")
    return view.page.locator("body > .sheet")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("lang", "wanted"),
    [
        (
            "zh",
            [
                "制图单位：示例市自然资源局",
                "审图号：示S(2024)001号",
                "数据日期 2024-05-01",
                "按 CGCS2000 3°带，中央经线 126°E（EPSG:4551） 量算",
            ],
        ),
        ("en", ["Issued by 示例市自然资源局", "Map approval number 示S(2024)001号", "data of 2024-05-01", "EPSG:4551"]),
    ],
)
def test_the_margin_says_what_a_map_must(opened: Any, size: tuple[int, int], lang: str, wanted: list[str]) -> None:  # noqa: F811
    view = opened(size, results=issued(lang, approval_number="示S(2024)001号"))
    said = view.text(".margin")
    for words in wanted:
        assert words in said
    assert re.search(r"\d+ k?m", view.text(".margin .leaflet-control-scale"))
    chart, strip = view.page.locator(".folium-map").bounding_box(), view.page.locator(".margin").bounding_box()
    assert strip["y"] >= chart["y"] + chart["height"] - 1  # nothing that lies on the map can cover it
    assert strip["x"] + strip["width"] <= size[0]
    for part in view.page.locator(".margin span").all():
        assert part.evaluate("each => each.scrollHeight <= each.clientHeight + 1")  # none is cut
    assert view.quiet()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tool", ["swipe", "measure"])
def test_tools_cover_neither_stamp_nor_north(opened: Any, size: tuple[int, int], tool: str) -> None:  # noqa: F811
    view = opened(size, results=issued("en"))
    view.page.click(f"[data-tool={tool}]")
    card = view.page.locator(".tool-card").bounding_box()
    for name in (".stamp", ".north"):
        mark = view.page.locator(f".folium-map > {name}").bounding_box()
        apart = mark["y"] + mark["height"] <= card["y"] or mark["x"] + mark["width"] <= card["x"] or mark["x"] >= card["x"] + card["width"]
        assert apart, (name, mark, card)


def test_the_scale_bar_is_right(opened: Any) -> None:  # noqa: F811
    """A square of 1 km (scale factor 0.9996) is as wide as the bar of the scale says."""
    view = opened()
    bar = view.page.locator(".margin .leaflet-control-scale-line").bounding_box()["width"]
    text = view.text(".margin .leaflet-control-scale-line")
    metres = float(text.split()[0]) * (1000 if "km" in text else 1)
    square = view.page.locator(".leaflet-areas-pane path").nth(1).bounding_box()["width"]
    assert 1000 * bar / metres == pytest.approx(square, rel=0.03)


@pytest.mark.parametrize("size", SIZES)
def test_the_picture_shows_areas_legend_and_text(opened: Any, tmp_path: Path, size: tuple[int, int]) -> None:  # noqa: F811
    view = opened(size)
    before = view.page.locator(".leaflet-areas-pane path").first.bounding_box()
    name, made = picture(view, tmp_path)
    assert name == "Small-city-overview-road_network_density.png"
    assert made.shape[1] == 2400
    assert made.shape[0] >= 1696
    assert color_at(made, 3, 3) == (255, 255, 255)
    # Four squares side by side on the left, each in its colour, and the same colours in the legend on the right.
    chart, legend = made[:, :1760], made[:, 1780:]
    for row in range(4):
        color = view.page.locator(".leaflet-areas-pane path").nth(row).get_attribute("fill")
        assert share_of(chart, color) > 0.02, color
        assert share_of(legend, color) > 0.0005, color
    colors = [view.page.locator(".leaflet-areas-pane path").nth(row).get_attribute("fill") for row in range(4)]
    middles = [np.argwhere((chart == np.array(rgb(color))).all(axis=-1))[:, 1].mean() for color in colors]
    assert middles == sorted(middles)
    # The header has ink, and so has the margin; the lowest pixels have none: nothing is cut off.
    assert (made[60:190, 60:1200] < 100).all(axis=-1).mean() > 0.005
    assert (made[-150:-20, 60:1500] < 140).all(axis=-1).mean() > 0.003
    assert (made[-12:] == 255).all()
    assert view.page.locator(".leaflet-areas-pane path").first.bounding_box() == before
    assert view.quiet()


def test_the_picture_holds_canvases_patterns_and_numbers(opened: Any, tmp_path: Path) -> None:  # noqa: F811
    view = opened(extent_share=0.6)
    view.page.locator(".leaflet-control-zoom-out").click()  # beyond what the data cover
    view.page.wait_for_timeout(500)
    _, without = picture(view, tmp_path)
    hatched = without[400:1400, 1000:1700]
    assert share_of(hatched, "#d9d9d9") > 0.01  # no data: grey, and hatched with something darker
    assert ((hatched > 180) & (hatched < 215)).all(axis=-1).mean() > 0.005
    view.page.wait_for_selector(".curtain", state="detached")
    view.page.get_by_label("Parks", exact=True).check()
    _, made = picture(view, tmp_path)
    assert (without[: made.shape[0], :1760] != made[: without.shape[0], :1760]).any(axis=-1).sum() > 1000
    assert view.quiet()


def test_the_picture_of_many_areas(opened: Any, tmp_path: Path) -> None:  # noqa: F811
    results = measure(small_city(["North", "South", "East", "West"]), ["road_network_density"], by="grid:35")
    view = opened(results=results)
    _, made = picture(view, tmp_path)
    colors = view.page.locator(".legend .swatch rect").first.get_attribute("fill")
    assert share_of(made[:, :1760], colors) > 0.05
    assert view.quiet()


def test_the_picture_of_two_sides(opened: Any, tmp_path: Path) -> None:  # noqa: F811
    view = opened()
    view.page.click("[data-tool=swipe]")
    view.page.select_option(".swipe-choice select >> nth=0", label="Population density")  # no data: grey
    _, made = picture(view, tmp_path)
    assert share_of(made[:, 900:1760], "#d9d9d9") > 0.02
    assert share_of(made[:, :880], "#d9d9d9") == 0
    assert view.page.locator(".swipe-line").get_attribute("aria-valuenow") == "50"
    assert view.quiet()


def test_hostile_names_make_a_safe_file_and_a_whole_picture(opened: Any, tmp_path: Path) -> None:  # noqa: F811
    view = opened(names=HOSTILE, name='../..\\<b onclick=alert(9)>x\u202e</b>:*?"|' + "y" * 300)
    name, made = picture(view, tmp_path)
    assert re.fullmatch(r"[\w-]{1,140}\.png", name)
    assert share_of(made[:, :1760], view.page.locator(".leaflet-areas-pane path").first.get_attribute("fill")) > 0.01
    assert view.page.locator("img").count() == 0
    assert view.quiet()


def test_what_colours_the_map_is_what_the_sheet_explains(opened: Any) -> None:  # noqa: F811
    view = opened(results=served_results())
    view.page.locator("label.layer", has_text="Classes reached on foot").locator("input").check()
    made = sheet(view)
    assert made.locator(".subject").inner_text().startswith("Classes reached on foot")
    assert made.locator(".sheet-key .legend").count() == 0
    assert "(all)" in made.locator(".sheet-key .classes").first.inner_text()


def test_the_sheet_says_all_that_the_map_says(opened: Any) -> None:  # noqa: F811
    view = opened(results=issued())
    made = sheet(view)
    said = made.inner_text()
    for words in (
        "示例市",
        "路网密度",
        "公里/平方公里",
        "内部工作图 未经审核 不得公开",
        "制图单位：示例市自然资源局",
        "数据日期 2024-05-01",
        "图例",
        "无数据",
        "北",
        "全市",
    ):
        assert words in said, words
    assert made.locator(".sheet-margin").inner_text() == view.page.locator("body > .margin").inner_text().replace(
        view.text("body > .margin .leaflet-control-scale"), made.locator(".leaflet-control-scale").inner_text()
    )
    assert made.locator(".tools, .tool-card, .leaflet-control-zoom").count() == 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("asked", ["button", "browser"])
def test_one_page_of_a4_is_printed(opened: Any, size: tuple[int, int], asked: str) -> None:  # noqa: F811
    view = opened(size)
    if asked == "button":
        sheet(view)
    printed = view.page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert [float(box[1]), float(box[2])] == pytest.approx([841.9, 595.3], abs=1.5)
    assert view.page.locator("body > .sheet").count() == 0  # and the page is as it was
    assert not view.page.evaluate("document.body.classList.contains('composing')")
    assert view.quiet()


def test_print_keeps_the_colours(opened: Any) -> None:  # noqa: F811
    view = opened()
    sheet(view)
    view.page.set_viewport_size({"width": 1122, "height": 793})
    view.page.emulate_media(media="print")
    shown = pixels(view.page.screenshot())
    for row in range(4):
        assert share_of(shown, view.page.locator(".sheet .leaflet-areas-pane path").nth(row).get_attribute("fill")) > 0.02
    box = view.page.locator("body > .sheet").bounding_box()
    assert (box["x"], box["y"]) == (0, 0)
    assert box["width"] == pytest.approx(1122, abs=1)
    assert box["height"] <= 794
    assert not view.page.locator(".panel").is_visible()


def test_a_browser_that_cannot_draw_says_so(opened: Any) -> None:  # noqa: F811
    view = opened()
    view.page.evaluate("() => { HTMLCanvasElement.prototype.toBlob = () => { throw new DOMException('tainted', 'SecurityError'); }; }")
    view.page.click("[data-tool=picture]")
    view.page.wait_for_selector(".curtain.said")
    assert "print it to a PDF" in view.text(".curtain")
    assert not view.page.evaluate("document.body.classList.contains('composing')")


def test_a_selected_area_is_outlined_in_the_picture(opened: Any, tmp_path: Path) -> None:  # noqa: F811
    view = opened()
    click_area(view, 0)
    _, made = picture(view, tmp_path)
    assert share_of(made[:, :1760], "#e8590c") > 0.0005


def test_the_same_page_is_written_twice(tmp_path: Path) -> None:
    first, second = (write_map(issued(), tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


@pytest.mark.parametrize("size", SIZES)
def test_no_text_pushes_the_licence_out_of_sight(opened: Any, size: tuple[int, int]) -> None:  # noqa: F811
    """However much a city says of where its data come from."""
    given = issued("en")
    layers = {name: replace(layer, origin="osm") if name == "roads" else layer for name, layer in given.city.layers.items()}
    results = replace(given, city=replace(given.city, layers=layers, synthetic="made up for a course on planning " * 60))
    assert results.city.licence_notice
    view = opened(size, results=results)
    notice = view.page.locator(".margin .licence")
    assert "© OpenStreetMap contributors" in notice.inner_text()
    box = notice.bounding_box()
    covered = "([x, y]) => document.elementFromPoint(x, y).closest('.licence') !== null"
    assert view.page.evaluate(covered, [box["x"] + 20, box["y"] + box["height"] / 2])
    on_paper = sheet(view).locator(".sheet-margin .licence")
    assert on_paper.evaluate("each => each.scrollHeight <= each.clientHeight + 1 && each.getBoundingClientRect().height > 8")
