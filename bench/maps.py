"""The map page of a big city in real Chromium, beside plain ``folium.GeoJson`` on the same layers in the same run."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

ROADS, BUILDINGS, CELLS = 50_000, 100_000, 10_000
MOST_MB, MOST_S, LEAST_FPS = 5.0, 2.0, 50.0
MOST_MS = 200.0  # from a park that is dropped to who is newly served
SEED = 7
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-quic",
]  # fmt: skip
METRICS = ["road_network_density", "intersection_density"]


def bench_page(extract: Path) -> None:
    """Write both pages and drive them: size, time to interactive, frames while dragging, the gap of a zoom, a click."""
    layers = big_layers(extract)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages, seconds = {}, {}
        for label, write in (("spatial", write_ours), ("folium.GeoJson", write_plain)):
            begun = time.process_time()
            pages[label] = write(layers, folder)
            seconds[label] = time.process_time() - begun
        counts = ", ".join(f"{len(frame):,} {layer}" for layer, frame in layers.items())
        print(f"map of {extract.stem} (synthetic copies, facts made up where the extract has none): {counts}")
        place = layers["buildings"].geometry.iloc[len(layers["buildings"]) // 2].representative_point()
        place = gpd.GeoSeries([place], crs=layers["buildings"].crs).to_crs(4326).iloc[0]
        found = {label: driven(path, (place.y, place.x), ours=label == "spatial") for label, path in pages.items()}
    for label, one in found.items():
        print(
            f"  {label}: {one['mb']:.2f} MB written in {seconds[label]:.1f} CPU-s, interactive after {one['interactive_s']:.2f} s, {one['interactive_cpu_s']:.2f} CPU-s of its thread"
        )
        for place in ("far", "near"):
            print(
                f"    {place}: {one[f'{place}_fps']:.0f} fps while dragging ({one[f'{place}_frame_cpu_ms']:.1f} CPU-ms a frame, longest gap {one[f'{place}_gap_ms']:.0f} ms),"
                f" zoom gap {one[f'{place}_zoom_ms']:.0f} ms, click answered in {one[f'{place}_click_ms']:.0f} ms"
            )
    ours, plain = found["spatial"], found["folium.GeoJson"]
    print(f"  ours is {ours['mb'] / plain['mb']:.3f} × the size and {ours['interactive_s'] / plain['interactive_s']:.3f} × the wait")
    fps = min(ours["far_fps"], ours["near_fps"])
    print(
        f"  aims {MOST_MB:g} MB, {MOST_S:g} s, {LEAST_FPS:g} fps: {ours['mb'] / MOST_MB:.2f} ×, {ours['interactive_s'] / MOST_S:.2f} ×,"
        f" {fps / LEAST_FPS:.2f} ×"
    )


def bench_what_if(declaration: str) -> None:
    """Drag a park down through a city, across it and back: what travels for it, and how long the page takes to say whom it serves."""
    from playwright.sync_api import sync_playwright

    from spatial.measurement import measure
    from spatial.outputs.webmap import write_map
    from spatial.project import open_city

    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        (folder / "city.toml").write_text(declaration, encoding="utf-8")
        results = measure(open_city(folder, cache=False), ["park_service_coverage"], lang="en")
        path = write_map(results, folder / "parks.html", name="parks")
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(240_000)
        page.goto(path.as_uri() + "#tool=what_if")
        # The page says by itself how long it computed; the very first time stands for what is compiled on the way.
        page.wait_for_function("document.querySelector('.what_if .state').textContent.startsWith('Nothing')")
        page.evaluate(_LISTEN)
        page.mouse.click(1080, 360)  # in the town, beside the card
        page.wait_for_selector(".site-mark")
        first = page.evaluate("window.__ms.splice(0)")
        mark = page.locator(".site-mark").bounding_box()
        x, y = mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for step in range(60):
            page.mouse.move(x + 60 * np.sin(step), y + 5 * step)
            page.wait_for_timeout(40)
        page.mouse.up()
        dragged = page.evaluate("window.__ms")
        held = page.evaluate("document.getElementById('spatial-what-if').textContent.length") / 1e6
        browser.close()
    print(
        f"what-if, a park in Las Palmas: {held:.2f} MB travel for it; {first[0]:.0f} ms when dropped, then {np.median(dragged):.0f} ms"
        f" (most {max(dragged):.0f} ms) at each of {len(dragged)} places while dragged"
    )
    print(f"  aim {MOST_MS:.0f} ms: {max([*first, *dragged]) / MOST_MS:.2f} × at worst, {np.median(dragged) / MOST_MS:.2f} × mostly")


def chromium() -> str:
    """Return the program, which must be there."""
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed")
    return program


def big_layers(extract: Path) -> dict[str, gpd.GeoDataFrame]:
    """Roads and buildings of an extract, copied side by side until there are enough, and what cells of equal size make of them."""
    from spatial.project import open_city

    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "city.toml").write_text(f'name = "x"\n[osm]\nfile = "{extract}"\n', encoding="utf-8")
        city = open_city(name, cache=False)
    box = shapely.box(*city.data_extent.bounds)
    random = np.random.default_rng(SEED)
    found = {}
    for layer, count in (("roads", ROADS), ("buildings", BUILDINGS)):
        frame = city.layer(layer).frame
        frame = frame[frame.within(box)]
        copies = -(-count // len(frame))
        side = int(np.ceil(np.sqrt(copies)))
        found[layer] = pd.concat([_shifted(frame, box, k, side) for k in range(copies)], ignore_index=True).iloc[:count]
    roads, buildings = found["roads"], found["buildings"]
    roads["width"] = roads["width"].fillna(pd.Series(random.choice([5.0, 7.0, 10.5, 14.0, 21.0], len(roads)), index=roads.index))
    roads["lanes"] = roads["lanes"].fillna(pd.Series(random.choice([1.0, 2.0, 3.0, 4.0], len(roads)), index=roads.index))
    levels = pd.Series(random.integers(1, 34, len(buildings)).astype(float), index=buildings.index)
    buildings["levels"] = buildings["levels"].fillna(levels)
    buildings["height"] = buildings["height"].fillna((levels * 3 + random.integers(0, 20, len(buildings)) / 10).round(1))
    west, south, east, north = roads.total_bounds
    size = np.sqrt((east - west) * (north - south) / CELLS)
    columns, lines = int((east - west) // size) + 1, int((north - south) // size) + 1
    corners = [(west + i * size, south + j * size) for j in range(lines) for i in range(columns)][:CELLS]
    cells = gpd.GeoDataFrame(
        {"area_id": [f"c{n}" for n in range(len(corners))], "name": [f"Cell {n}" for n in range(len(corners))]},
        geometry=[shapely.box(x, y, x + size, y + size) for x, y in corners],
        crs=roads.crs,
    )
    return {**found, "cells": cells}


def _shifted(frame: gpd.GeoDataFrame, box: Any, k: int, side: int) -> gpd.GeoDataFrame:
    west, south, east, north = box.bounds
    east_m, north_m = (k % side) * (east - west + 0.37), (k // side) * (north - south + 0.61)
    names = frame["name"].fillna("").map(lambda text: f"{text} {k}" if text else "")
    ids = frame["id"].astype(str) + f"-{k}"
    return frame.assign(id=ids, name=names, geometry=frame.geometry.translate(east_m, north_m))


def write_ours(layers: Mapping[str, gpd.GeoDataFrame], folder: Path) -> Path:
    """The page as ``spatial`` writes it, roads and buildings shown."""
    from spatial.city import City
    from spatial.measurement import measure
    from spatial.outputs.webmap import write_map

    (folder / "maps").mkdir(exist_ok=True)
    (folder / "maps" / "overview.toml").write_text('shown = ["buildings", "roads"]\n', encoding="utf-8")
    built = gpd.GeoDataFrame({"name": ["all"]}, geometry=[layers["cells"].union_all().envelope], crs=layers["cells"].crs)
    city = City.from_layers(
        "Synthetic copies",
        crs=layers["roads"].crs,
        roads=layers["roads"],
        buildings=layers["buildings"],
        districts=layers["cells"].assign(id=layers["cells"]["area_id"]),
        built_up_area=built,
        on_invalid="repair",
    )
    return write_map(measure(replace(city, folder=folder), METRICS, lang="en"), folder / "ours.html")


def write_plain(layers: Mapping[str, gpd.GeoDataFrame], folder: Path) -> Path:
    """The same layers with the same facts by ``folium.GeoJson``, Leaflet from the installed package."""
    import folium
    from branca.element import CssLink, Figure, JavascriptLink

    from spatial.outputs.webmap.page import _leaflet

    chart = folium.Map(location=None, tiles=None, prefer_canvas=True, attribution_control=False)
    chart.default_js, chart.default_css = [], []
    figure: Figure = chart.get_root()
    leaflet = _leaflet()
    for name, link in (("leaflet.css", CssLink("leaflet.css")), ("leaflet.js", JavascriptLink("leaflet.js"))):
        link.code = leaflet[name]
        figure.header.add_child(link, name=name)
    facts = {"cells": ["name"], "buildings": ["name", "building", "levels", "height"], "roads": ["name", "highway", "width", "lanes"]}
    for layer, columns in facts.items():
        frame = layers[layer][[*columns, "geometry"]].to_crs(4326)
        frame = frame.assign(**{column: frame[column].fillna("") for column in columns if frame[column].dtype == object})
        folium.GeoJson(frame, name=layer, tooltip=folium.GeoJsonTooltip(columns), popup=folium.GeoJsonPopup(columns)).add_to(chart)
    west, south, east, north = layers["cells"].to_crs(4326).total_bounds
    chart.fit_bounds([[south, west], [north, east]])
    path = folder / "plain.html"
    path.write_text(figure.render(embedded=True), encoding="utf-8")
    return path


# Folium keeps its map in a global variable.
_GO_NEAR = """([lat, lon]) => {
  const map = Object.entries(window).find(([key, value]) => key.startsWith("map_") && value?.setView)[1];
  map.setView([lat, lon], 15, { animate: false });
}"""
# Interactive: the first moment after which 400 ms pass without a frame that takes 100.
_CALM = """() => new Promise((done) => {
  let last = performance.now(), calm = last;
  (function frame() {
    const now = performance.now();
    if (now - last > 100) calm = now;
    last = now;
    if (now - calm > 400) done(calm / 1000); else requestAnimationFrame(frame);
  })();
})"""
_WATCH = """() => { window.__frames = []; window.__watched = true; let last = performance.now();
  (function frame() { const now = performance.now(); window.__frames.push(now - last); last = now; requestAnimationFrame(frame); })(); }"""
_LISTEN = """() => { window.__ms = [];
  new MutationObserver((all) => all.forEach(({ target }) => target.dataset?.ms && window.__ms.push(+target.dataset.ms)))
    .observe(document.querySelector(".what_if"), { subtree: true, attributeFilter: ["data-ms"] }); }"""
# From the press of the button to the frame in which the page has changed.
_ANSWER = """() => { window.__answer = new Promise((done) => {
  let begun = 0;
  addEventListener("mousedown", () => { begun = performance.now(); }, { capture: true, once: true });
  const seen = new MutationObserver(() => begun && requestAnimationFrame(() => { seen.disconnect(); done(performance.now() - begun); }));
  seen.observe(document.body, { childList: true, subtree: true, characterData: true });
  setTimeout(() => done(NaN), 10000);
}); }"""


def driven(path: Path, near: tuple[float, float], *, ours: bool) -> dict[str, float]:
    """Open a page and use it as a person would, first as it opens, then close to the ground at a latitude and longitude."""
    from playwright.sync_api import sync_playwright

    found = {"mb": path.stat().st_size / 1e6}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(240_000)
        meter = page.context.new_cdp_session(page)
        meter.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(path.as_uri(), wait_until="load")
        if ours:
            page.wait_for_selector("body[data-ready]", state="attached")
        found["interactive_s"] = page.evaluate(_CALM)
        found["interactive_cpu_s"] = _cpu(meter)
        page.evaluate(_WATCH)
        for place in ("far", "near"):
            if place == "near":
                page.evaluate(_GO_NEAR, list(near))
                page.wait_for_timeout(3000)
                page.evaluate(_CALM)
            found |= {f"{place}_{key}": value for key, value in _used(page, meter).items()}
        browser.close()
    return found


def _cpu(meter: Any) -> float:
    """CPU seconds of the page's own thread so far: what other programs take of the machine is not in it."""
    return next(float(each["value"]) for each in meter.send("Performance.getMetrics")["metrics"] if each["name"] == "TaskDuration")


def _used(page: Any, meter: Any) -> dict[str, float]:
    page.mouse.move(1100, 600)
    page.mouse.down()
    page.mouse.move(1090, 596)
    page.evaluate("window.__frames.length = 0")
    begun = _cpu(meter)
    for step in range(60):
        page.mouse.move(1090 - 8 * step, 596 - 4 * step)
        time.sleep(0.016)
    cpu_s = _cpu(meter) - begun
    frames = page.evaluate("window.__frames.slice()")
    page.mouse.up()
    page.wait_for_timeout(1200)
    page.evaluate("window.__frames.length = 0")
    page.mouse.wheel(0, -120)
    page.wait_for_timeout(1500)
    zoom = page.evaluate("Math.max(...window.__frames)")
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(1500)
    page.evaluate(_ANSWER)
    page.mouse.click(900, 450)
    click = page.evaluate("window.__answer")
    return {
        "fps": 1000 * len(frames) / sum(frames) if frames else 0.0,
        "frame_cpu_ms": 1000 * cpu_s / max(1, len(frames)),
        "gap_ms": max(frames, default=float("nan")),
        "zoom_ms": zoom,
        "click_ms": click,
    }
