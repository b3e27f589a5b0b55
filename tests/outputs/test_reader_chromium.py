"""What a reader does with the page: looks for a name, opens groups of layers, changes the language, follows a link."""

from __future__ import annotations

from typing import Any

import pytest

from spatial.measurement import measure
from spatial.outputs.webmap import page as page_module
from tests.outputs.served_city import served_results
from tests.outputs.test_maps import small_city
from tests.outputs.test_maps_chromium import Opened, browser, click_area, opened  # noqa: F401

pytestmark = pytest.mark.chromium

SIZES = [(1440, 900), (390, 844)]


def go(view: Opened, fragment: str, *, anew: bool = True) -> None:
    """Open the same file with another fragment; anew, or as a link inside the browser does, which loads nothing."""
    url = view.page.url.split("#")[0]
    if anew:
        view.page.goto("about:blank")
    view.page.goto(url + fragment)
    view.page.wait_for_selector(".panel .keys", state="attached")


def fragment(view: Opened) -> dict[str, str]:
    text = view.page.evaluate("location.hash").removeprefix("#")
    return dict(part.split("=", 1) for part in text.split("&") if part)


def tool(view: Opened, name: str) -> None:
    view.page.locator(f'.tool[data-tool="{name}"]').click()


def state(view: Opened) -> dict[str, Any]:
    return view.page.evaluate(
        """() => ({
          metric: document.querySelector("select[name=metric]").selectedIndex,
          variant: document.querySelector("select[name=variant]").selectedIndex,
          layers: [...document.querySelectorAll(".layer input")].map((each) => each.checked),
          area: document.querySelector(".card h2")?.textContent ?? null,
          tool: document.querySelector('.tool[aria-expanded="true"]')?.dataset.tool ?? null,
          scale: document.querySelector(".leaflet-control-scale-line").textContent,
        })"""
    )


# Layers


def test_layers_stand_in_groups_that_count_what_is_shown(opened: Any) -> None:  # noqa: F811
    view = opened(results=served_results())
    groups = view.page.locator(".layer-group")
    heads = [text.split("\n") for text in groups.locator(".head").all_inner_texts()]
    assert [head[0] for head in heads] == ["Services and their reach", "Parks and green", "Public transport", "Roads"]
    green = groups.nth(1)
    boxes = green.locator(".layer input")
    count = boxes.count()
    assert count >= 2
    whole = green.locator(".head input")
    assert green.locator(".count").first.inner_text() == f"0 / {count}"
    boxes.first.check()
    assert green.locator(".head .count").inner_text() == f"1 / {count}"
    assert whole.evaluate("box => box.indeterminate")
    whole.click()
    assert [box.is_checked() for box in boxes.all()] == [True] * count
    assert not whole.evaluate("box => box.indeterminate")
    whole.click()
    assert [box.is_checked() for box in boxes.all()] == [False] * count
    assert view.quiet()


def test_a_group_folds(opened: Any) -> None:  # noqa: F811
    view = opened()
    group = view.page.locator(".layer-group", has_text="Parks and green")
    fold = group.locator(".fold")
    assert group.locator(".layer").first.is_visible()
    fold.click()
    assert not group.locator(".layer").first.is_visible()
    assert fold.get_attribute("aria-expanded") == "false"


# Search


def test_search_finds_areas_best_first(opened: Any) -> None:  # noqa: F811
    view = opened(names=["West End", "Bend", "End", "End Street", "Ｅｎｄ ２"])
    view.page.keyboard.press("/")
    field = view.page.locator(".query")
    assert field.evaluate("each => each === document.activeElement")
    field.fill("E nD")
    found = view.page.locator(".found [role=option] .name").all_inner_texts()
    # The same; begins with it, the shorter first; a word begins with it; has it inside.
    assert found == ["End", "Ｅｎｄ ２", "End Street", "West End", "Bend"]
    assert view.text(".found small >> nth=0").startswith("area · ")
    assert view.text(".tool-body .said") == "5 found"
    field.fill("nowhere")
    assert "nothing called “nowhere”" in view.text(".tool-body .said")
    assert view.quiet()


def test_search_is_worked_with_the_keyboard(opened: Any) -> None:  # noqa: F811
    view = opened()
    tool(view, "search")
    view.page.keyboard.type("t")
    field = view.page.locator(".query")
    options = view.page.locator(".found [role=option]")
    names = options.locator(".name").all_inner_texts()
    assert sorted(names) == ["East", "North", "South", "West"]
    assert field.get_attribute("aria-activedescendant") == options.nth(0).get_attribute("id")
    view.page.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    view.page.keyboard.press("ArrowUp")
    view.page.keyboard.press("ArrowUp")
    assert options.nth(3).get_attribute("aria-selected") == "true"
    view.page.keyboard.press("Enter")
    assert view.text(".card h2") == names[3]
    view.page.keyboard.press("Escape")
    assert field.input_value() == ""
    view.page.keyboard.press("Escape")
    assert not view.page.locator(".tool-card").is_visible()
    assert view.page.evaluate("document.activeElement.dataset.tool") == "search"
    assert view.text(".card h2") == names[3]
    view.page.keyboard.press("Escape")
    assert view.page.locator(".card h2").count() == 0
    assert view.quiet()


@pytest.mark.parametrize("size", SIZES)
def test_search_goes_to_the_area(opened: Any, size: tuple[int, int]) -> None:  # noqa: F811
    view = opened(size, names=[f"Area {n}" for n in range(12)])
    tool(view, "search")
    view.page.locator(".query").fill("area 11")
    view.page.locator(".found [role=option]").click()
    view.page.wait_for_timeout(900)
    area = view.page.locator('.leaflet-areas-pane path[aria-label^="Area 11:"]').bounding_box()
    chart = view.page.locator(".folium-map").bounding_box()
    assert area["width"] > 0.3 * chart["width"] or area["height"] > 0.3 * chart["height"]
    middle = (area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    assert view.page.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('.leaflet-areas-pane') !== null", list(middle))
    assert view.text(".card h2") == "Area 11"
    assert view.quiet()


# Two neighbouring parts of a road and one far off under the same name, and a park, as the index of the layers tells them.
INDEX = """
{
  const made = makeOverlays;
  makeOverlays = (...all) => {
    const overlays = made(...all);
    const part = (row, text, overlay, west, east) => ({ text, overlay, row, at: [28.02, west], bounds: [[28.02, west], [28.02, east]] });
    overlays.index = async () => [
      part(0, "Long Road", "roads", -15.505, -15.5), part(1, "Long Road", "roads", -15.5, -15.495), part(2, "Long Road", "roads", -15.2, -15.1),
      { text: "<b>Long</b> park", overlay: "parks", row: 7, at: [28.021, -15.503] }, { text: "", overlay: "parks", row: 8, at: [28, -15] },
    ];
    overlays.list.forEach((overlay) => { overlay.mark = (row) => { document.body.dataset[overlay.name] = row; }; });
    return overlays;
  };
}
"""


def test_search_finds_what_the_layers_know_by_name(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    read = page_module._part
    monkeypatch.setattr(page_module, "_part", lambda path: read(path) + (INDEX if path.name == "main.js" else ""))
    view = opened(names=["Longford", "B"])
    tool(view, "search")
    view.page.locator(".query").fill("long")
    options = view.page.locator(".found [role=option]")
    options.nth(3).wait_for()
    assert [text.split("\n")[0] for text in options.all_inner_texts()] == ["Longford", "Long Road", "Long Road", "<b>Long</b> park"]
    kinds = options.locator("small").all_inner_texts()
    assert kinds[1:] == ["Roads · 2 parts", "Roads", "Parks"]
    options.nth(3).click()
    assert view.page.evaluate("document.body.dataset.parks") == "7"
    assert view.page.get_by_label("Parks", exact=True).is_checked()
    tool(view, "search")
    assert view.page.evaluate("document.body.dataset.parks") == "null"
    assert view.page.locator(".found b").count() == 0
    assert view.quiet()


def test_search_goes_to_a_park(opened: Any) -> None:  # noqa: F811
    """As the layers themselves tell their names."""
    view = opened(results=served_results())
    before = view.page.evaluate("location.hash")
    tool(view, "search")
    view.page.locator(".query").fill("park")
    option = view.page.locator(".found [role=option]", has_text="park").first
    option.wait_for()
    assert option.locator("small").inner_text() == "Parks"
    option.click()
    view.page.wait_for_selector(".leaflet-marks-pane path", state="attached")
    view.page.wait_for_timeout(600)
    assert view.page.get_by_label("Parks", exact=True).is_checked()
    assert "map=" in view.page.evaluate("location.hash") != before
    mark = view.page.locator(".leaflet-marks-pane path").first.bounding_box()
    assert mark["width"] > 40  # 100 m across
    view.page.keyboard.press("Escape")
    view.page.mouse.click(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    assert "park" in view.text(".card .hit")
    assert view.quiet()


def test_on_a_phone_no_scale_lies_over_the_opened_sheet(opened: Any) -> None:  # noqa: F811
    view = opened((390, 844))
    bar = view.page.locator(".margin .leaflet-control-scale").bounding_box()
    view.page.click(".expand")
    view.page.wait_for_timeout(400)
    under = "([x, y]) => document.elementFromPoint(x, y).closest('.panel') !== null"
    assert view.page.evaluate(under, [bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2])


# Card


def test_an_estimate_and_a_part_are_marked_wherever_a_figure_stands_alone(opened: Any) -> None:  # noqa: F811
    view = opened(extent_share=0.6)
    assert "partly covered *" in view.text(".legend")
    assert "estimated ≈" in view.text(".legend")
    assert view.page.locator(".areas .partial .value").inner_text().endswith(" *")
    assert view.page.locator(".tag", has_text="East").locator("b").text_content().endswith(" *")


def test_a_gap_has_no_formula(opened: Any) -> None:  # noqa: F811
    """Its denominator is the ground that it is part of: both stand there, and no sum is made of them."""
    view = opened(results=served_results(metrics=["pocket_park_gap", "park_area_per_capita"]))
    view.page.select_option("select[name=metric]", index=0)
    click_area(view, 0)
    facts = view.text(".card dl")
    assert "Numerator" in facts
    assert "÷" not in facts.split("Definition")[0]
    view.page.select_option("select[name=metric]", label="Park area per resident")
    # A park of 100 m × 100 m, 90 residents in the west.
    assert "10,000 m² ÷ 90 people = 111.11 m²/person" in view.text(".card dl")


def test_a_formula_whose_shown_figures_do_not_give_the_value_says_so(opened: Any) -> None:  # noqa: F811
    """In cells of 33.7 m metres are shown without decimals: 33.7 m ÷ 1,135.69 m² reads "34 m ÷ 1,136 m²"."""
    view = opened(results=measure(small_city(["North"]), ["road_network_density"], by="grid:33.7"))
    said = []
    for button in view.page.locator(".areas button").all()[:60:4]:
        button.click()
        if view.page.locator(".card dt", has_text="Formula").count():
            said.append(view.page.locator(".card dt:text-is('Formula') + dd").inner_text())
    for text in said:
        formula, _, note = text.partition(" km/km²")
        above, below, value = (
            float(part.replace(",", "").replace("m²", "").replace("m", "")) for part in formula.replace("=", "÷").split("÷")
        )
        assert (f"{above / below * 1000:.2f}" == f"{value:.2f}") is (note == ""), text
    assert any(text.endswith("(from unrounded figures)") for text in said)


# Language and link


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_language_is_switched_in_the_page_and_nothing_is_lost(opened: Any, lang: str) -> None:  # noqa: F811
    view = opened(results=served_results(lang=lang))
    view.page.locator("select[name=metric]").select_option(index=3)
    view.page.locator("select[name=variant]").select_option(index=1)
    view.page.locator(".layer input").nth(1).check()
    view.page.locator(".areas button").first.click()
    tool(view, "table")
    view.page.locator(".leaflet-control-zoom-in").click()
    view.page.wait_for_timeout(700)
    before, link = state(view), fragment(view)
    html = view.page.evaluate("document.documentElement.lang")
    title = view.page.title()
    tool(view, "language")
    view.page.wait_for_timeout(200)
    assert state(view) == before
    assert {**fragment(view), "lang": ""} == {**link, "lang": ""}
    assert view.page.evaluate("document.documentElement.lang") != html
    assert view.page.title() != title
    assert view.page.locator(".leaflet-control-zoom-in").count() == 1
    assert view.page.evaluate("document.activeElement.dataset.tool") == "language"
    zh = "Numerator" not in view.text(".tool-card") if lang == "en" else "分子" not in view.text(".tool-card")
    assert zh
    tool(view, "language")
    view.page.wait_for_timeout(200)
    assert state(view) == before
    assert view.page.title() == title
    assert "lang" not in fragment(view)
    assert view.quiet()


@pytest.mark.parametrize("size", SIZES)
def test_a_link_restores_everything(opened: Any, size: tuple[int, int]) -> None:  # noqa: F811
    view = opened(size, results=served_results())
    view.page.locator(".areas button", has_text="East").dispatch_event("click")
    area = fragment(view)["area"]
    link = f"#metric=bus_stop_500m_coverage&variant=straight_line_residents&layers=parks,roads&area={area}&tool=search&lang=zh&map=14/28.02/-15.49"
    go(view, link)
    assert view.page.locator("select[name=metric]").evaluate("each => each.selectedOptions[0].text") == "公交站点 500 米覆盖率"
    assert view.page.locator("select[name=variant]").evaluate("each => each.selectedOptions[0].text")
    assert view.page.locator(".layer:has(input:checked)").evaluate_all("all => all.map((each) => each.textContent)") == ["公园", "道路"]
    assert view.page.locator(".card h2").text_content() == "East"
    assert view.page.locator(".query").is_visible()
    assert view.page.evaluate("document.documentElement.lang") == "zh-CN"
    asked = dict(part.split("=") for part in link.removeprefix("#").split("&"))
    left = fragment(view)
    assert [float(each) for each in left.pop("map").split("/")] == [float(each) for each in asked.pop("map").split("/")]
    assert left == asked
    assert view.quiet()


HOSTILE_LINKS = [
    "#metric=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&variant=__proto__&layers=constructor&area=%00&tool=toString&lang=xx&map=NaN/NaN/NaN&table=a,b,c",
    "#map=1e308/1e308/-1e308&metric=&variant=&layers=&area=&tool=&lang=",
    "#map=5/45.75/126.65&area=230102&metric=service_of_another_city",  # another city's
    "#map=12/28.02&%E0%A4%A&&&=&==&lang=%",
    "#" + "x" * 20_000,
    "#map=-3/28/-15/9&tool=language",
]


@pytest.mark.parametrize("link", HOSTILE_LINKS)
def test_a_wrong_link_is_ignored_without_complaint(opened: Any, link: str) -> None:  # noqa: F811
    view = opened()
    wanted = state(view)
    for anew in (True, False):
        go(view, link, anew=anew)
        view.page.wait_for_timeout(100)
        assert state(view) == wanted
        assert view.page.locator("img").count() == 0
        assert view.quiet()


def test_a_changed_address_is_followed(opened: Any) -> None:  # noqa: F811
    view = opened()
    go(view, "#metric=population_density&area=a2&lang=zh", anew=False)
    view.page.wait_for_timeout(200)
    assert view.text(".card h2") == "East"
    assert view.text(".heading .kind") == "规划指标总览"
    assert "人口密度" in view.text(".legend h2")
    view.page.evaluate("location.hash = ''")
    view.page.wait_for_timeout(200)
    assert view.page.locator(".card h2").count() == 0
    assert "Road network density" in view.text(".legend h2")
    assert view.page.locator(".folium-map .tools").count() == 1
    assert view.quiet()
