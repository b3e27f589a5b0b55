"""The page without a mouse, without a screen, on a phone, and where it cannot be built at all."""

from __future__ import annotations

from typing import Any

import pytest

from spatial.measurement import measure
from tests.outputs.test_maps import small_city
from tests.outputs.test_maps_chromium import browser, opened  # noqa: F401
from tests.outputs.test_reader_chromium import SIZES, tool

pytestmark = pytest.mark.chromium


def test_the_tab_key_goes_through_the_page_in_few_steps(opened: Any) -> None:  # noqa: F811
    view = opened()
    stops = []
    for _ in range(12):
        view.page.keyboard.press("Tab")
        stops.append(
            view.page.evaluate(
                """() => {
                  const each = document.activeElement, style = getComputedStyle(each);
                  return [each.tagName + "." + (each.getAttribute("class") || ""), style.outlineStyle !== "none" || style.stroke === "rgb(232, 89, 12)"];
                }"""
            )
        )
    names = [name for name, _ in stops]
    assert sum(name.startswith("path") for name in names) == 1  # all areas are one stop
    assert sum(name.startswith("BUTTON.tool") for name in names) == 1
    assert any(name.startswith("SELECT") for name in names)
    assert all(seen for _, seen in stops), stops


def test_arrows_move_between_areas_and_tools(opened: Any) -> None:  # noqa: F811
    view = opened()  # North, South, East and West stand side by side, from west to east
    said = "document.activeElement.getAttribute('aria-label')"
    view.page.locator(".leaflet-areas-pane path").first.focus()
    view.page.keyboard.press("ArrowRight")
    view.page.keyboard.press("ArrowRight")
    assert view.page.evaluate(said).startswith("East: ")
    view.page.keyboard.press("ArrowUp")
    assert view.page.evaluate(said).startswith("East: ")
    view.page.keyboard.press("ArrowLeft")
    view.page.keyboard.press("Enter")
    assert view.text(".card h2") == "South"
    tools = view.page.locator(".tool")
    tools.first.focus()
    view.page.keyboard.press("ArrowDown")
    assert view.page.evaluate("document.activeElement.dataset.tool") == tools.nth(1).get_attribute("data-tool")
    view.page.keyboard.press("End")
    assert view.page.evaluate("document.activeElement.dataset.tool") == "language"
    assert [each.get_attribute("tabindex") for each in tools.all()].count("0") == 1


def test_parts_have_roles_and_names(opened: Any) -> None:  # noqa: F811
    view = opened()
    assert view.page.get_by_role("banner").count() == 1
    assert view.page.get_by_role("main", name="Map: Small city · Planning metrics overview").count() == 1
    assert view.page.get_by_role("complementary", name="Planning metrics overview").count() == 1
    assert view.page.get_by_role("toolbar", name="Tools").count() == 1
    assert view.page.locator(".card").get_attribute("aria-live") == "polite"
    nameless = view.page.evaluate(
        """() => [...document.querySelectorAll("button, a[href], select, input, [role=button], [tabindex='0']")]
          .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.[0]?.textContent.trim()))
          .map((each) => each.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


CONTRAST = """() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { rgb: [r, g, b], a }; };
  const light = ([...rgb]) => {
    const [r, g, b] = rgb.map((each) => each / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (each) => {
    const layers = [];
    for (let at = each; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a > 0) layers.push(colour);
      if (colour.a === 1) break;
    }
    return layers.reverse().reduce((under, { rgb, a }) => rgb.map((each, at) => each * a + under[at] * (1 - a)), [255, 255, 255]);
  };
  const poor = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const each = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || each.closest("script, style, option, .tag") || !each.checkVisibility()) continue;
    const [one, two] = [light(parse(getComputedStyle(each).color).rgb), light(ground(each))].sort((a, b) => b - a);
    seen++;
    const ratio = (one + 0.05) / (two + 0.05);
    if (ratio < 4.5) poor.push([ratio.toFixed(2), each.outerHTML.slice(0, 160)]);
  }
  return [seen, poor];
}"""


@pytest.mark.parametrize("size", SIZES)
def test_text_stands_out_from_its_ground(opened: Any, size: tuple[int, int]) -> None:  # noqa: F811
    view = opened(size, extent_share=0.6)
    view.page.locator(".areas button").first.dispatch_event("click")
    for name in ("table", "search"):
        view.page.locator(f'.tool[data-tool="{name}"]').dispatch_event("click")
        if name == "search":
            view.page.locator(".query").fill("t")
        seen, poor = view.page.evaluate(CONTRAST)
        assert seen > 40
        assert poor == []


def test_many_areas_are_reached_through_the_table(opened: Any) -> None:  # noqa: F811
    results = measure(small_city(["North", "South", "East", "West"]), ["road_network_density"], by="grid:35")
    view = opened(results=results)
    assert "open the table of areas" in view.text(".card")
    tool(view, "table")
    view.page.locator(".seen tbody tr[data-row]").first.focus()
    view.page.keyboard.press("ArrowDown")
    view.page.keyboard.press("Enter")
    assert view.page.locator(".card .figure b").is_visible()
    assert view.quiet()


def test_who_wants_no_motion_has_none(browser: Any, opened: Any) -> None:  # noqa: F811
    view = opened()
    url = view.page.url
    page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page.goto(url)
    page.wait_for_selector(".panel .keys", state="attached")
    scale = page.inner_text(".leaflet-control-scale-line")
    page.locator(".leaflet-control-zoom-in").click()
    assert page.locator(".leaflet-zoom-anim").count() == 0
    assert page.inner_text(".leaflet-control-scale-line") != scale
    page.close()


# Phone


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("size", [(390, 844), (844, 390), (1440, 900), (320, 568)])
def test_tools_cover_neither_stamp_nor_north_nor_zoom(opened: Any, lang: str, size: tuple[int, int]) -> None:  # noqa: F811
    view = opened(size, lang=lang, crs="EPSG:4551", name="黑龙江省哈尔滨市道里区群力新区" * 3)
    boxes = {
        name: view.page.locator(name).bounding_box()
        for name in (".tools", ".stamp", ".north", ".leaflet-control-zoom", ".home", ".leaflet-control-scale")
    }

    def apart(a: dict[str, float], b: dict[str, float]) -> bool:
        return (
            a["x"] + a["width"] <= b["x"]
            or b["x"] + b["width"] <= a["x"]
            or a["y"] + a["height"] <= b["y"]
            or b["y"] + b["height"] <= a["y"]
        )

    for name, box in boxes.items():
        assert name == ".tools" or apart(boxes[".tools"], box), name
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0] + 1
    assert apart(boxes[".stamp"], boxes[".leaflet-control-zoom"])
    assert apart(boxes[".stamp"], boxes[".north"])
    assert view.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert view.quiet()


def test_on_a_phone_a_tool_is_a_sheet_and_targets_are_large(opened: Any) -> None:  # noqa: F811
    view = opened((390, 844))
    tool(view, "search")
    card = view.page.locator(".tool-card").bounding_box()
    assert card["x"] == 0
    assert card["width"] == 390
    assert card["y"] + card["height"] == pytest.approx(844, abs=1)
    assert view.page.evaluate("document.elementFromPoint(195, 800).closest('.tool-card') !== null")
    view.page.locator(".query").fill("t")
    small = view.page.evaluate(
        """() => [...document.querySelectorAll(".tool, .tool-card button, .found li, .leaflet-control-zoom a, .home a, .expand, .query")]
          .filter((each) => each.checkVisibility()).map((each) => [each.className, each.getBoundingClientRect()])
          .filter(([, box]) => box.height < 36 || box.width < 36).map(([name]) => name)"""
    )
    assert small == []
    view.page.locator(".tool-head .close").click()
    assert not view.page.locator(".tool-card").is_visible()


# Before the page, and instead of it


def test_without_script_the_page_says_so(browser: Any, opened: Any) -> None:  # noqa: F811
    view = opened(lang="zh", name="<b>甲市</b>")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(view.page.url.split("#")[0])
    said = page.inner_text(".waiting")
    assert "<b>甲市</b>" in said
    assert "本图需要启用 JavaScript" in said
    assert "This map needs JavaScript" in said
    assert "Loading" not in said
    context.close()


def test_an_old_browser_is_told_which_to_use(browser: Any, opened: Any) -> None:  # noqa: F811
    view = opened()
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script("delete window.DecompressionStream")
    page.goto(view.page.url.split("#")[0])
    page.wait_for_timeout(200)
    said = page.inner_text(".waiting")
    assert "Firefox 113" in said
    assert "浏览器版本过低" in said
    assert "Loading" not in said
    assert page.locator(".panel").count() == 0
    assert complaints == []
    page.close()


def test_a_file_that_was_cut_off_says_so(browser: Any, opened: Any, tmp_path: Any) -> None:  # noqa: F811
    view = opened()
    text = (tmp_path / "map.html").read_text(encoding="utf-8")
    at = text.index('id="spatial-data">') + 200
    (tmp_path / "cut.html").write_text(text[:at] + text[at + 40 :], encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "cut.html").as_uri())
    page.wait_for_timeout(300)
    assert "may be incomplete" in page.inner_text(".waiting")
    assert view.page.locator(".waiting").count() == 0
    page.close()
