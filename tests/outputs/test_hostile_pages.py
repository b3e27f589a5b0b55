"""Hostile texts everywhere at once, on the page in a real browser: shown as text, doing nothing, breaking no line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from spatial.errors import ProjectError
from spatial.outputs.map_specs import map_specs
from spatial.outputs.webmap import is_ours, write_map
from tests.outputs.hostile_city import ATTACKS, LONG, WORD, hostile, hostile_results, hostile_standing
from tests.outputs.test_maps import small_results
from tests.outputs.test_maps_chromium import Opened, browser  # noqa: F401

pytestmark = pytest.mark.chromium
SIZES = [(1440, 900), (390, 844)]
FORBIDDEN = "img, iframe, object, embed, link, base, form, meta[http-equiv=refresh], foreignObject"
_DONE = """() => {
  const all = [...document.querySelectorAll("*")];
  return {
    harmed: "harmed" in window,
    handlers: all.filter((each) => [...each.attributes].some(({ name }) => name.startsWith("on"))).length,
    links: all.flatMap((each) => ["href", "src", "action"].map((name) => each.getAttribute(name))).filter((said) => said && !/^(#|data:)/.test(said)),
    bold: [...document.querySelectorAll("b[onclick]")].length,
    fills: all.map((each) => each.getAttribute("fill") + getComputedStyle(each).backgroundImage).filter((said) => said.includes("http")),
  };
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The hostile city's page in both languages."""
    folder = tmp_path_factory.mktemp("hostile")
    made = {}
    for lang in ("zh", "en"):
        results = hostile_results(lang)  # type: ignore[arg-type]
        made[lang] = write_map(results, folder / f"{lang}.html", hostile_standing(results.areas))
    return made


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:  # noqa: F811
    views = []

    def open_page(path: Path, size: tuple[int, int] = SIZES[0], link: str = "") -> Opened:
        view = Opened(browser, path, size)
        views.append(view)
        if link:
            view.page.goto("about:blank")
            view.page.goto(path.as_uri() + "#" + link)
            view.page.wait_for_selector(".panel .keys", state="attached")
        return view

    yield open_page
    for view in views:
        view.page.close()


def harmless(view: Opened, width: int) -> None:
    done = view.page.evaluate(_DONE)
    assert done == {"harmed": False, "handlers": 0, "links": [], "bold": 0, "fills": []}
    assert view.page.locator(FORBIDDEN).count() == 0
    assert view.page.evaluate("document.documentElement.scrollWidth") <= width
    assert view.page.evaluate("document.querySelector('.panel').scrollWidth") <= width
    assert view.quiet()


def use_everything(view: Opened) -> str:
    """Show every metric, layer and area, unfold every text, open every tool but the one that changes the language; return all that was read."""
    page = view.page
    scripts = page.locator("script").count()
    for layer in page.locator(".panel input[type=checkbox]").all():
        layer.evaluate("box => box.checked || box.click()")
    for group in page.locator(".panel details").all():
        group.evaluate("each => { each.open = true; }")
    read = []
    metrics = page.locator("select[name=metric] option").evaluate_all("all => all.map((each) => each.value)")
    for value in metrics:
        page.select_option("select[name=metric]", value)
        for more in page.locator("button.more").all():
            more.dispatch_event("click")
        read.append(page.evaluate("document.body.textContent"))
    paths = page.locator(".leaflet-areas-pane path")
    for row in range(paths.count()):
        paths.nth(row).dispatch_event("keydown", {"key": "Enter"})
        for more in page.locator(".card button.more").all():
            more.dispatch_event("click")
    box = page.locator(".folium-map").bounding_box()
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * 0.5)
        page.mouse.down()
        page.mouse.up()
    for tool in page.locator(".tools button[aria-expanded]").all():
        tool.dispatch_event("click")
    assert page.locator("script").count() == scripts
    return "".join([*read, page.evaluate("document.body.textContent")])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_text_is_text_wherever_it_stands(opened: Any, pages: dict[str, Path], lang: str, size: tuple[int, int]) -> None:
    view = opened(pages[lang], size)
    shown = use_everything(view)
    harmless(view, size[0])
    for of in ("city", "source of parks", "notice", "title_" + lang, "plan", "note_" + lang):
        assert WORD.format(of) in shown, of
    view.page.locator(".tools button[data-tool=language]").dispatch_event("click")
    use_everything(view)
    harmless(view, size[0])


@pytest.mark.parametrize("size", SIZES)
def test_names_of_areas_stand_letter_by_letter(opened: Any, pages: dict[str, Path], size: tuple[int, int]) -> None:
    view = opened(pages["en"], size)
    paths = view.page.locator(".leaflet-areas-pane path")
    seen = []
    for row in range(paths.count()):
        paths.nth(row).dispatch_event("keydown", {"key": "Enter"})
        seen.append(view.page.locator(".card h2").first.text_content())
    assert seen == [*ATTACKS, LONG]


@pytest.mark.parametrize("size", SIZES)
def test_the_heading_stays_a_heading(opened: Any, pages: dict[str, Path], size: tuple[int, int]) -> None:
    view = opened(pages["en"], size)
    assert view.page.locator(".heading").bounding_box()["height"] < 0.3 * size[1]
    chart = view.page.locator(".folium-map").bounding_box()
    assert chart["height"] > 0.4 * size[1]
    assert chart["width"] > 0.5 * size[0]
    for name in (".attribution", ".stamp"):
        for mark in view.page.locator(name).all():
            box = mark.bounding_box()
            assert box["height"] < 0.3 * chart["height"], name
            assert box["x"] + box["width"] <= size[0] + 1, name


def test_marks_that_turn_letters_round_turn_nothing_beside_them(opened: Any, pages: dict[str, Path]) -> None:
    """A name with a right-to-left override stands in an element of its own, whose end is the end of what is turned."""
    view = opened(pages["en"])
    loose = view.page.evaluate(
        """(marks) => {
          const turned = [];
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            const { parentElement: box, data } = walk.currentNode;
            if (["SCRIPT", "STYLE", "OPTION"].includes(box.tagName) || ![...marks].some((mark) => data.includes(mark))) continue;
            const style = getComputedStyle(box);
            const alone = style.unicodeBidi.includes("isolate") || style.unicodeBidi === "plaintext" || box.dir === "auto" || style.display !== "inline";
            if (!alone) turned.push(box.outerHTML.slice(0, 120));
          }
          return turned;
        }""",
        "\u202e\u2067",
    )
    assert loose == []


@pytest.mark.parametrize(
    "link",
    [
        "metric=__proto__&variant=constructor&area=toString&layers=__proto__,constructor&tool=__proto__&lang=__proto__",
        "map=NaN/Infinity/1e999&tool="
        + quote("<img src=x onerror=window.harmed=1>")
        + "&area="
        + quote("</script><script>window.harmed=1</script>"),
        "map=1e300/95/9999&lang=" + quote("javascript:window.harmed=1"),
        "%E0%A4%A&metric=%ff&map=//&layers=" + quote(",".join(ATTACKS[:8])),
        "metric=" + "x" * 20_000,
        quote(hostile("link").encode("utf-8", "replace")),
    ],
)
def test_a_hostile_link_opens_the_page_as_if_it_said_nothing(opened: Any, tmp_path: Path, link: str) -> None:
    view = opened(write_map(small_results(), tmp_path / "map.html"), link=link)
    assert view.page.locator(".leaflet-areas-pane path").count() >= 4
    assert "Road network density" in view.text(".legend h2")
    view.page.select_option("select[name=metric]", label="Population density")
    view.page.locator(".leaflet-areas-pane path").first.dispatch_event("keydown", {"key": "Enter"})
    assert view.text(".card h2") == "North"
    box = view.page.locator(".leaflet-areas-pane path").first.bounding_box()
    assert box is not None
    assert view.page.evaluate("'harmed' in window") is False
    outside = [url for url in view.requests if not url.startswith(("file:", "data:", "about:"))]
    assert not outside
    assert not view.complaints


_COLOUR = "red;background:url(https://example.org/x.png)"


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (f'[overlays.parks.style]\ncolor = "{_COLOUR}"', "color must be a colour"),
        (f'[overlays.parks.style]\nfill = "{_COLOUR}"', "fill must be a colour"),
        ('[overlays.parks.style]\ndash = "1);url(x"', "dash must be"),
        ('[overlays.parks.style]\nweight = "1px"', "weight must be a number"),
        (f'[[overlays.stops.kinds]]\ntitle = {{ zh = "x", en = "x" }}\ncolor = "{_COLOUR}"', "color must be a colour"),
        ('[[overlays.stops.kinds]]\ncolor = "#112233"', "title"),
        ("[overlays.stops]\nkinds = [1]", "kinds"),
    ],
)
def test_what_goes_into_a_stylesheet_is_a_colour_or_an_error(tmp_path: Path, declared: str, said: str) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "overview.toml").write_text(declared + "\n", encoding="utf-8")
    with pytest.raises(ProjectError, match=said):
        map_specs(tmp_path)


def test_hostile_words_of_a_projects_own_map_are_text(opened: Any, tmp_path: Path) -> None:
    text = hostile("words").replace("\x00", "").replace("\x0b", "").replace("\x1f", "")
    said = "'''" + text.replace("'", "’") + "'''"
    both = f"{{ zh = {said}, en = {said} }}"
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "overview.toml").write_text(
        f"title = {both}\ndescription = {both}\n[groups]\ngreen = {both}\n[words]\nlegend = {both}\nhint = {both}\nlayers = {both}\n"
        f"[overlays.parks]\ntitle = {both}\nshown = true\n",
        encoding="utf-8",
    )
    results = hostile_results("en", tmp_path)
    view = opened(write_map(results, tmp_path / "map.html", hostile_standing(results.areas)))
    use_everything(view)
    harmless(view, SIZES[0][0])
    assert WORD.format("words").replace("'", "’") in view.page.evaluate("document.body.textContent")


def test_a_name_neither_breaks_the_policy_nor_hides_what_the_page_is(opened: Any, tmp_path: Path) -> None:
    """A word of our own template in a name, and a name longer than what programs read of a file's head."""
    results = small_results()
    name = "SCRIPT_HASHES script-src SCRIPT_HASHES;" + "长" * 10_000
    path = write_map(replace(results, city=replace(results.city, name=name)), tmp_path / "map.html")
    head = path.read_bytes()[:1_024]
    assert b"Content-Security-Policy" in head
    assert b"charset=UTF-8" in head
    assert is_ours(path)
    view = opened(path)
    assert view.page.title().startswith("SCRIPT_HASHES script-src SCRIPT_HASHES;长")
    assert view.quiet()
