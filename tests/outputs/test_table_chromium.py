"""The table of areas in a real browser: it sorts, shows on the map what it points at, and goes to a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from spatial.measurement import measure
from tests.outputs.test_maps import small_city
from tests.outputs.test_maps_chromium import Opened, browser, opened  # noqa: F401
from tests.outputs.test_reader_chromium import SIZES, fragment, go, tool

pytestmark = pytest.mark.chromium


def names(view: Opened) -> list[str]:
    return view.page.locator(".seen tbody th").all_text_contents()


def sort(view: Opened, title: str) -> None:
    view.page.locator(".seen thead button", has_text=title).click()


def test_it_has_what_is_known_of_the_metric(opened: Any) -> None:  # noqa: F811
    view = opened()
    tool(view, "table")
    # In each square of 1 km²: 1,000 m along the middle and a side street of 200, 300, 400 and 500 m.
    assert view.page.locator(".seen thead span").all_inner_texts() == ["Name", "Value", "Status", "Numerator", "Denominator"]
    assert view.page.locator(".seen thead small").all_inner_texts() == ["km/km²", "m", "m²"]
    first = view.page.locator(".seen tbody tr[data-row]").first
    assert first.locator("th, td").all_inner_texts() == ["West", "1.50", "measured", "1,500", "1,000,000"]
    assert view.page.locator(".seen tfoot tr").first.locator("th, td").all_inner_texts()[:2] == ["Whole city", "1.35"]
    assert view.page.locator('[aria-sort="descending"]').inner_text().startswith("Value")
    assert view.quiet()


def test_it_sorts_by_any_column_and_back(opened: Any) -> None:  # noqa: F811
    view = opened()
    tool(view, "table")
    assert names(view) == ["West", "East", "South", "North"]
    sort(view, "Value")
    assert names(view) == ["North", "South", "East", "West"]
    assert view.page.locator('[aria-sort="ascending"]').inner_text().startswith("Value")
    sort(view, "Name")
    assert names(view) == ["East", "North", "South", "West"]
    sort(view, "Name")
    assert names(view) == ["West", "South", "North", "East"]
    sort(view, "Numerator")
    assert names(view) == ["West", "East", "South", "North"]
    assert fragment(view)["table"] == "one,numerator,down"
    go(view, "#tool=table&table=one,name,up")
    assert names(view) == ["East", "North", "South", "West"]
    assert view.quiet()


@pytest.mark.parametrize("way", ["down", "up"])
def test_partial_areas_stand_after_the_complete_and_those_without_data_last(opened: Any, way: str) -> None:  # noqa: F811
    view = opened(extent_share=0.6)  # the data cover 2.4 of 4 squares
    go(view, f"#tool=table&table=one,value,{way}")
    assert names(view) == (["South", "North", "East", "West"] if way == "down" else ["North", "South", "East", "West"])
    cells = view.page.locator(".seen tbody tr[data-row]")
    assert cells.nth(2).locator(".partial").first.inner_text().endswith(" *")
    assert cells.nth(3).locator(".no_data").first.inner_text() == "—"
    assert "40.0%" in cells.nth(2).inner_text()


def test_all_metrics_of_the_theme_stand_side_by_side(opened: Any) -> None:  # noqa: F811
    metrics = ["road_network_density", "detour_index", "population_density"]
    view = opened(results=measure(small_city(["North", "South"]), metrics))
    tool(view, "table")
    view.page.locator(".scope [data-all=true]").click()
    heads = view.page.locator(".seen thead span").all_inner_texts()
    assert len(heads) == 3
    assert heads[1].startswith("Road network density")
    assert "Population density" not in " ".join(heads)
    assert view.text(".tool-card .of") == "Roads"
    view.page.select_option("select[name=metric]", label="Population density")
    assert view.text(".tool-card .of") == "Land and people"
    assert view.page.locator(".seen thead span").all_inner_texts()[1].startswith("Population density")
    assert view.quiet()


def test_table_and_map_point_at_one_another(opened: Any) -> None:  # noqa: F811
    view = opened()
    tool(view, "table")
    row = view.page.locator('.seen tbody tr[data-row="1"]')
    outline = view.page.locator(".leaflet-outlines-pane path[stroke-dasharray='4 3']")
    row.hover()
    assert outline.get_attribute("d") not in (None, "M0 0")
    drawn, area = outline.bounding_box(), view.page.locator(".leaflet-areas-pane path").nth(1).bounding_box()
    assert drawn["x"] == pytest.approx(area["x"], abs=4)
    row.click()
    assert view.text(".card h2") == "South"
    assert row.get_attribute("aria-current") == "true"
    view.page.mouse.move(1200, 20)
    assert outline.get_attribute("d") == "M0 0"
    view.page.evaluate("document.querySelector('.leaflet-areas-pane path').dispatchEvent(new MouseEvent('mouseover', { bubbles: true }))")
    assert "pointed" in view.page.locator('.seen tbody tr[data-row="0"]').get_attribute("class")
    view.page.locator(".leaflet-areas-pane path").nth(3).focus()
    view.page.keyboard.press("Enter")
    assert view.page.locator(".seen tr[aria-current] th").inner_text() == "West"
    view.page.locator(".tool-head .close").click()
    assert "table" not in fragment(view)
    assert view.quiet()


def test_thousands_of_rows_scroll(opened: Any) -> None:  # noqa: F811
    view = opened(results=measure(small_city(["North", "South", "East", "West"]), ["road_network_density"], by="grid:35"))
    tool(view, "table")
    count = int(view.page.locator(".seen table").get_attribute("aria-rowcount"))
    assert count > 3_000
    assert view.page.locator(".seen tr").count() < 80
    tops = view.page.evaluate(
        """async () => {
          const seen = document.querySelector(".seen"), found = [];
          for (const share of [0, 0.25, 0.5, 1]) {
            seen.scrollTop = share * (seen.scrollHeight - seen.clientHeight);
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            const box = seen.getBoundingClientRect();
            const row = document.elementFromPoint(box.x + 40, box.y + box.height / 2).closest("tr");
            found.push(Number(row.getAttribute("aria-rowindex")));
          }
          return found;
        }"""
    )
    assert tops == sorted(tops)
    assert tops[1] == pytest.approx(count / 4, rel=0.05)
    assert tops[3] > count - 20
    spent = view.page.evaluate(
        """async () => {
          const start = performance.now();
          document.querySelectorAll(".seen thead button")[1].click();
          return performance.now() - start;
        }"""
    )
    assert spent < 500
    view.page.locator(".seen tbody tr[data-row]").first.focus()
    view.page.keyboard.press("End")
    assert view.page.evaluate("Number(document.activeElement.getAttribute('aria-rowindex'))") > 3_000
    view.page.keyboard.press("ArrowUp")
    view.page.keyboard.press("Home")
    assert view.page.evaluate("document.activeElement.getAttribute('aria-rowindex')") == "2"
    assert view.quiet()


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", 'a "quoted", name', "two\nlines\there", "＝1", "<img src=x onerror=alert(1)>"]


def test_it_goes_to_a_spreadsheet_without_formulas(opened: Any, tmp_path: Path) -> None:  # noqa: F811
    view = opened(names=FORMULAS, name="../a/b: <c>")
    tool(view, "table")
    sort(view, "Name")
    with view.page.expect_download() as started:
        view.page.locator(".scope button", has_text="CSV").click()
    file = started.value
    assert file.suggested_filename.endswith("Road network density · total.csv")
    assert not set(file.suggested_filename) & set('/\\:<>"|?*')
    file.save_as(tmp_path / "t.csv")
    raw = (tmp_path / "t.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(raw.decode("utf-8-sig").splitlines()))
    assert rows[0] == ["Name", "Value (km/km²)", "Status", "Numerator (m)", "Denominator (m²)"]
    assert {row[0] for row in rows[1:]} == {
        "'=1+1", "'+cmd|' /C calc'!A0", "-2", "'@SUM(A1)", 'a "quoted", name', "two lines here", "'＝1", "<img src=x onerror=alert(1)>",
        "Whole city",
    }  # fmt: skip
    first = next(row for row in rows if row[0] == "'=1+1")
    assert first[1:] == ["1.2", "measured", "1200", "1000000"]
    assert view.page.locator("img").count() == 0
    view.page.wait_for_timeout(200)
    assert all(url.startswith(("file:", "data:", "blob:")) for url in view.requests)
    assert view.complaints == []


def test_it_is_copied(opened: Any) -> None:  # noqa: F811
    view = opened(names=["=1+1", "B"])
    view.page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    tool(view, "table")
    view.page.locator(".scope button", has_text="Copy").click()
    view.page.wait_for_function("window.copied")
    lines = view.page.evaluate("window.copied").split("\n")
    assert lines[0].split("\t")[:2] == ["Name", "Value (km/km²)"]
    assert [line.split("\t")[0] for line in lines[1:]] == ["B", "'=1+1", "Whole city"]
    assert "2 rows copied" in view.text(".tool-card [role=status]")


@pytest.mark.parametrize("size", SIZES)
def test_it_fits_the_page(opened: Any, size: tuple[int, int]) -> None:  # noqa: F811
    view = opened(size, names=["黑龙江省哈尔滨市道里区群力新区第七大道" * 4, "B" * 300])
    tool(view, "table")
    assert view.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert view.page.evaluate("document.querySelector('.tool-card').scrollWidth") <= size[0]
    box = view.page.locator(".tool-card").bounding_box()
    assert box["y"] + box["height"] <= size[1]
    assert view.page.locator(".seen").bounding_box()["height"] > 80
    assert view.quiet()


def test_an_area_under_the_table_is_moved_to_where_it_is_seen(opened: Any) -> None:  # noqa: F811
    view = opened(results=measure(small_city(["North"]), ["road_network_density"], by="grid:250"))
    tool(view, "table")
    for row in range(16):
        view.page.locator(f'.seen tbody tr[data-row="{row}"]').click()
        view.page.wait_for_timeout(350)
        area = view.page.locator(".leaflet-areas-pane path").nth(row).bounding_box()
        card = view.page.locator(".tool-card").bounding_box()
        assert area["y"] + area["height"] / 2 <= card["y"], row
        assert area["y"] + area["height"] / 2 >= 0
    assert view.quiet()


def test_all_totals_stay_in_sight(opened: Any) -> None:  # noqa: F811
    """The city's row is seen without scrolling where what lies outside the areas has a row too."""
    view = opened(names=[f"Area {n}" for n in range(40)])
    tool(view, "table")
    foot, seen = view.page.locator(".seen tfoot"), view.page.locator(".seen").bounding_box()
    foot.evaluate("each => each.append(each.firstElementChild.cloneNode(true))")
    for row in foot.locator("tr").all():
        box = row.bounding_box()
        assert seen["y"] <= box["y"]
        assert box["y"] + box["height"] <= seen["y"] + seen["height"] + 1
