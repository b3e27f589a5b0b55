"""Targets and tasks on the page in a real browser: words, places and colours as a person sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spatial.outputs.classes import classify
from spatial.outputs.task_groups import TASK_GROUPS
from spatial.outputs.webmap import write_map
from spatial.result import Results
from spatial.targets.model import Standing
from tests.outputs.graded_city import results
from tests.outputs.planned_city import HOSTILE_TARGET, HOSTILE_TASK, TASKS, planned_results, standing, target_row
from tests.outputs.test_maps_chromium import Opened, browser, click_area  # noqa: F401

pytestmark = pytest.mark.chromium


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:  # noqa: F811
    pages = []

    def open_page(made: Standing | None, size: tuple[int, int] = (1440, 900), given: Results | None = None, metric: str = "") -> Opened:
        path = write_map(given or planned_results("en"), tmp_path / "map.html", made)
        view = Opened(browser, path, size)
        pages.append(view)
        view.page.select_option("select[name=metric]", label=metric or ("Road area ratio" if made is None else "◎ Road area ratio"))
        return view

    yield open_page
    for made in pages:
        made.page.close()


def area_row(**said: Any) -> dict[str, Any]:
    return target_row(area_id="a", area_name="甲区", value=0.10, progress=np.nan, expected=np.nan, **said)


def test_without_plans_there_is_no_block_and_no_mark(opened: Any) -> None:
    view = opened(None, given=results("en"))
    assert not view.page.locator(".targets").is_visible()
    assert view.page.locator(".target, .target-line, .tick, .track, .tick-key").count() == 0
    assert "◎" not in view.page.locator("body").inner_text()
    assert view.quiet()


def test_the_block_says_what_is_wanted_and_how_it_stands(opened: Any) -> None:
    view = opened(standing([target_row(low=0.14, high=0.16, value_status="estimated", forecast_year=2027.4, lead_unit="住建局")]))
    said = view.text(".targets")
    for words in (
        "◎ Targets of plans (1)", "as of 2025-06-30", "! behind", "≥ 16.8% by 2025", "now 15.0% (14.0% – 16.0%)", "estimated",
        "progress 62.5% · expected by now (black tick) 90%", "1.8 percentage points missing", "baseline 12% (2020)",
        "at this pace reached in 2027", "lead: 住建局", "Example plan (synthetic) · 3.2 · in force · City of Example",
    ):  # fmt: skip
        assert words in said, words
    bar, done, tick = (view.page.locator(name).bounding_box() for name in (".course", ".course .done", ".course .expected"))
    assert done["width"] / bar["width"] == pytest.approx(0.625, abs=0.01)
    assert (tick["x"] + tick["width"] / 2 - bar["x"]) / bar["width"] == pytest.approx(0.9, abs=0.01)
    assert view.quiet()


@pytest.mark.parametrize(
    ("status", "said"),
    [("met", "✓ met"), ("on_track", "→ on track"), ("not_met", "✕ not met"), ("met_late", "✓ met late"), ("superseded", "– superseded"),
     ("not_comparable", "≠ not comparable"), ("no_data", "? no data to judge")],
)  # fmt: skip
def test_every_status_is_a_word_with_a_sign(opened: Any, status: str, said: str) -> None:
    view = opened(standing([target_row(status=status, strength="stretch")]))
    assert view.text(".targets .verdict") == said
    assert view.text(".targets .stretch") == "stretch"


def test_the_target_line_crosses_its_class(opened: Any) -> None:
    view = opened(standing())
    breaks = classify(np.array([0.10, 0.12, 0.18, 0.22]), "1", "en").breaks
    index = int(np.searchsorted(breaks, 0.168, side="right")) - 1
    share = (0.168 - breaks[index]) / (breaks[index + 1] - breaks[index])
    row = view.page.locator(".legend .keys li").nth(index)
    assert "≥ 16.8% by 2025" in row.inner_text()
    swatch, line = row.locator(".swatch").bounding_box(), row.locator(".target-line").bounding_box()
    assert line["y"] + line["height"] / 2 - swatch["y"] == pytest.approx(share * swatch["height"], abs=1)
    assert line["x"] < swatch["x"]
    assert line["x"] + line["width"] > swatch["x"] + swatch["width"]
    assert view.page.locator(".legend .target-line").count() == 1


def test_a_target_above_all_areas_has_a_row_above_the_classes(opened: Any) -> None:
    view = opened(standing([target_row(target=0.44)]))
    count = len(classify(np.array([0.10, 0.12, 0.18, 0.22]), "1", "en").colors)
    rows = view.page.locator(".legend .keys li")
    assert "≥ 44% by 2025" in rows.nth(count).inner_text()
    assert "estimated" in rows.nth(count + 1).inner_text()


def test_ticks_stand_on_the_scale_of_the_bars(opened: Any) -> None:
    view = opened(standing())
    ranked = view.page.locator(".areas button")
    first = ranked.nth(0)
    bar, tick = first.locator(".bar").bounding_box(), first.locator(".tick").bounding_box()
    # The first bar is 0.22, so that 0.168 stands at 76.4 % of it; the same place for every area.
    assert (tick["x"] + tick["width"] / 2 - bar["x"]) / bar["width"] == pytest.approx(0.168 / 0.22, abs=0.01)
    second = ranked.nth(1).locator(".tick").bounding_box()
    assert second["x"] == tick["x"]
    # Four of six areas are ranked: a partial one and one without data are held against nothing.
    assert view.page.locator(".areas .tick").count() == 4


def test_the_card_says_the_areas_own_target(opened: Any) -> None:
    view = opened(standing([target_row(), area_row(target=0.15, status="not_met", gap=0.05, indicative=True)]))
    assert "✕ not met 1" in view.text(".targets .by-area")
    click_area(view, 0)
    card = view.text(".card .target")
    for words in ("Road area ratio", "✕ not met", "≥ 15% by 2025", "now 10.0%", "indicative split", "5.0 percentage points missing"):
        assert words in card, words
    assert view.page.locator(".areas .tick.indicative").count() == 1
    assert view.quiet()


def test_an_area_without_a_target_is_shown_the_citys_for_reference(opened: Any) -> None:
    view = opened(standing())
    click_area(view, 0)
    assert "the city's target, ≥ 16.8% by 2025, for reference: none is set for this area" in view.text(".card .target")
    assert view.page.locator(".card .verdict").count() == 0


def test_a_target_of_an_area_or_of_a_province_says_whose_it_is(opened: Any) -> None:
    province = target_row(target_id="P1", area_id="", area_name="某省", status="not_comparable", value=np.nan, progress=np.nan)
    view = opened(standing([area_row(target=0.15, status="not_met"), province]))
    blocks = view.page.locator(".targets .target")
    for index, words in (
        (0, ("甲区", "≥ 15% by 2025", "now 10.0%", "✕ not met")),
        (1, ("某省", "≥ 16.8% by 2025", "now —", "≠ not comparable")),
    ):
        assert all(word in blocks.nth(index).inner_text() for word in words)
    assert "Judged by the target's own period" not in view.text(".targets")
    # One area has a target: one tick and no line for all; the province's is not drawn.
    assert view.page.locator(".areas .tick").count() == 1
    assert view.page.locator(".legend .target-line").count() == 0
    assert "targets differ by area" in view.text(".legend")
    assert view.quiet()


def test_many_unfinished_projects_are_folded(opened: Any) -> None:
    view = opened(standing([target_row(projects=";".join(f"t{number}" for number in range(300)))]))
    said = view.page.locator(".targets .said:has(.more)")
    height = said.bounding_box()["height"]
    assert height < 100
    said.locator(".more").click()
    assert said.bounding_box()["height"] > 2 * height
    assert view.page.evaluate("document.querySelector('.panel').scrollWidth") <= 372


def test_a_target_of_another_variant_is_one_step_away(opened: Any) -> None:
    view = opened(standing([target_row(variant="redline")]))
    assert view.page.locator(".targets .target").count() == 0
    view.page.get_by_text("Under the variant “red line”: 1 more").click()
    assert view.page.locator("select[name=variant]").input_value() == "1"
    assert "≥ 16.8% by 2025" in view.text(".targets .target")
    assert view.quiet()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_hostile_words_are_text_and_break_nothing(opened: Any, size: tuple[int, int]) -> None:
    hostile = target_row(title_en=HOSTILE_TARGET, note_en="<b>x</b>" + "y" * 5000, projects="'\"><svg onload=alert(3)>", clause="z" * 400)
    view = opened(standing([hostile]), size)
    show_tasks(view)
    view.page.locator(".leaflet-areas-pane path").nth(3).dispatch_event("click")
    assert HOSTILE_TARGET in view.page.locator(".targets .name").text_content()
    assert view.page.locator("img, .targets b b, svg[onload]").count() == 0
    assert view.page.locator("script:not([type])").count() == 4
    for wide in ("document.documentElement", "document.querySelector('.panel')"):
        assert view.page.evaluate(f"{wide}.scrollWidth") <= size[0]
    assert view.quiet()


def show_tasks(view: Opened) -> Any:
    row = view.page.locator("label.layer", has_text="Tasks of the ledger")
    row.locator("input").evaluate("box => box.click()")
    view.page.wait_for_timeout(200)
    return row.locator("xpath=following-sibling::ul[1]")


def test_tasks_are_hidden_until_they_are_wanted(opened: Any) -> None:
    view = opened(standing())
    assert view.page.locator(".leaflet-overlay-tasks-pane canvas").count() == 0
    legend = show_tasks(view)
    assert view.page.locator(".leaflet-overlay-tasks-pane canvas").count() == 1
    assert legend.text_content().endswith("not mapped: 1 of 8")
    front = view.text(".legend")  # the layer has the colour: its legend stands in front
    assert "Tasks of the ledger" in front
    assert "not mapped: 1 of 8" in front
    assert view.quiet()


def test_tasks_have_the_colours_that_the_legend_says(opened: Any) -> None:
    view = opened(standing())
    legend = show_tasks(view)
    titles = {group.name: group.title.en for group in TASK_GROUPS}
    seen = set()
    # The first five tasks stand in the middle of the first five areas, one a group.
    for row, (group, *_) in enumerate(TASKS[:5]):
        box = view.page.locator(".leaflet-areas-pane path").nth(row).bounding_box()
        pixel = view.page.evaluate(
            """([x, y]) => {
              const canvas = document.querySelector(".leaflet-overlay-tasks-pane canvas"), box = canvas.getBoundingClientRect();
              const scale = canvas.width / box.width;
              const [red, green, blue] = canvas.getContext("2d").getImageData((x - box.x) * scale, (y - box.y) * scale, 1, 1).data;
              return "#" + [red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("");
            }""",
            [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
        )
        sign = legend.locator("li", has_text=titles[group]).locator("svg > *").last
        fill, stroke = sign.get_attribute("fill"), sign.get_attribute("stroke")
        assert pixel == (stroke if fill == "none" else fill), group
        seen.add((fill, stroke, sign.evaluate("one => one.tagName")))
    assert len(seen) == 5


def test_a_task_says_what_it_is(opened: Any) -> None:
    view = opened(standing())
    show_tasks(view)
    box = view.page.locator(".leaflet-areas-pane path").nth(3).bounding_box()
    view.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    said = view.text(".card .hit")
    for words in (
        HOSTILE_TASK, "pocket_park", "main structure done", "2025-05-31", "30 days", "园林局", "1.2 million CNY", "专项债", "500 people",
    ):  # fmt: skip
        assert words in said, words
    # The line of t6 lies at a fifth of the height, the square of t7 at the lower left of the sixth area.
    box = view.page.locator(".leaflet-areas-pane path").nth(0).bounding_box()
    view.page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.8)
    assert "验收 1 号" in view.text(".card .hit")
    box = view.page.locator(".leaflet-areas-pane path").nth(5).bounding_box()
    view.page.mouse.click(box["x"] + box["width"] * 0.05, box["y"] + box["height"] * 0.95)
    assert "started" in view.text(".card .hit")
    assert view.quiet()
