"""Rebuild the pictures of ``docs/gallery``: ``make gallery``.

Every declared map of the demo, one of them as a phone shows it, and the maps of Las Palmas from its OpenStreetMap extract alone, where
``SPATIAL_CASES`` names the folder of the real cases. Pictures are taken by a headless Chromium, reduced to 256 colours, and captioned in the README
beside them. Nothing but pictures is kept of the data of others, and each bears its attribution.
"""

from __future__ import annotations

import itertools
import os
import shutil
import struct
import sys
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
import shapely

from spatial import City, measure, open_city, write_map
from spatial.catalogue import shipped
from spatial.city_toml import parse_project
from spatial.outputs.map_specs import FIRST, MapSpec, map_specs
from spatial.outputs.webmap import metrics_of
from spatial.result import Results
from spatial.targets.model import Standing
from spatial.targets.standing import standing_of
from spatial.text import Text

GALLERY = Path(__file__).parent / "gallery"
WIDE, PHONE = (1200, 750), (390, 844)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--force-color-profile=srgb"]
MOST_BYTES = 150_000
COLOURS = 256
_NOTHING = Text("", "")
_DEMO = Text("合成示例城“子虚市”", "The synthetic demo city")
_LAS_PALMAS = Text(
    "拉斯帕尔马斯（西班牙），仅用 OpenStreetMap，500 米网格", "Las Palmas de Gran Canaria, from OpenStreetMap alone, cells of 500 m"
)
_LAS_PALMAS_TOML = """name = "Las Palmas de Gran Canaria"
[osm]
file = '{file}'
"""
_OUTLINE_TOML = """
[layers.boundary]
file = "boundary.gpkg"
source = "OpenStreetMap"
"""
# The town and its port, which lie at the eastern edge of an extract that is half sea.
_TOWN = "map=12.75/28.115/-15.438"
_OSM_METRICS = ["road_network_density", "intersection_density", "road_area_ratio", "built_up_area", "built_up_green_rate", "bus_stop_500m_coverage",
                "park_service_coverage", "data_completeness"]  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """One picture: of which page, how large, what the link says, and its caption."""

    name: str
    page: Path
    size: tuple[int, int]
    caption: Text
    link: str = ""


def main() -> int:
    """Make every picture that can be made, then the captions; say what was left out."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("gallery: Chromium is not installed; install it (apt-get install chromium) and run make gallery again", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    GALLERY.mkdir(exist_ok=True)
    taken: list[Shot] = []
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        for shot in itertools.chain(_demo(Path(scratch)), _las_palmas(Path(scratch))):
            if size := _take(browser, shot):
                taken.append(shot)
                print(f"{shot.name}.png  {size / 1000:.0f} kB")
            else:
                print(f"{shot.name}: this map has nothing to colour here, left out")
        browser.close()
    kept = {f"{shot.name}.png" for shot in taken}
    own = [path for path in GALLERY.glob("*.png") if path.name.startswith(("demo", "las-palmas"))]
    for path in own:  # of a map that is declared no more; those of Las Palmas stay where its extract is absent
        if path.name not in kept and (path.name.startswith("demo") or any(shot.name.startswith("las-palmas") for shot in taken)):
            path.unlink()
    if any(shot.name.startswith("las-palmas") for shot in taken):
        (GALLERY / "README.md").write_text(_captions(taken), encoding="utf-8")
    else:
        print("gallery: the captions are left as they are, since half of the pictures were not made")
    return 0


def _demo(scratch: Path) -> Iterator[Shot]:
    folder = scratch / "demo"
    shutil.copytree(shipped() / "data" / "demo", folder)
    city = open_city(folder, cache=False)
    results = measure(city)
    standing = standing_of(parse_project(folder / "city.toml"), city, results)
    for lang, name in (("en", "demo"), ("zh", "demo-zh")):
        said = results.with_lang(lang)  # type: ignore[arg-type]
        for spec, page in _pages(said, standing, folder / f"pages-{lang}", None if lang == "en" else [FIRST]):
            yield Shot(name if spec.name == FIRST else f"{name}-{spec.name.replace('_', '-')}", page, WIDE, _caption(_DEMO, spec))
            if spec.name == FIRST and lang == "zh":
                yield Shot("demo-phone", page, PHONE, _caption(_DEMO, spec, Text("，手机上", ", on a phone")))


def _las_palmas(scratch: Path) -> Iterator[Shot]:
    cases = Path(os.environ.get("SPATIAL_CASES") or Path(__file__).resolve().parents[2] / "shared" / "cases")
    extracts = sorted((cases / "las_palmas").glob("*.osm.pbf"))
    if not extracts:
        print(f"gallery: Las Palmas is left out: {cases} has no las_palmas/*.osm.pbf; set SPATIAL_CASES to where the real cases are")
        return
    folder = scratch / "las_palmas"
    folder.mkdir()
    (folder / "city.toml").write_text(_LAS_PALMAS_TOML.format(file=extracts[-1].resolve().as_posix()), encoding="utf-8")
    _outline(open_city(folder), folder / "boundary.gpkg")
    with (folder / "city.toml").open("a", encoding="utf-8") as file:
        file.write(_OUTLINE_TOML)
    results = measure(open_city(folder), _OSM_METRICS, "grid:500")
    for spec, page in _pages(results, None, folder / "pages", None):
        name = "las-palmas" if spec.name == FIRST else f"las-palmas-{spec.name.replace('_', '-')}"
        yield Shot(name, page, WIDE, _caption(_LAS_PALMAS, spec), _TOWN)


def _outline(city: City, path: Path) -> None:
    """Draw the outline of where there are streets: the extract is half sea, and its boundary is not OpenStreetMap's to give."""
    streets = city.frame("roads")
    streets = streets[~streets["highway"].isin(["track", "path", "footway", "steps", "cycleway", "service"])]
    ground = shapely.buffer(
        shapely.union_all(shapely.buffer(shapely.simplify(streets.geometry.to_numpy(), 20), 300, quad_segs=3)), -150, quad_segs=3
    )
    parts = [shapely.Polygon(part.exterior) for part in shapely.get_parts(ground) if shapely.area(part) > 2e6]
    gpd.GeoDataFrame({"id": ["1"]}, geometry=[shapely.union_all(parts)], crs=city.crs).to_file(path, driver="GPKG")


def _pages(results: Results, standing: Standing | None, folder: Path, names: list[str] | None) -> Iterator[tuple[MapSpec, Path]]:
    folder.mkdir()
    for name, spec in map_specs(results.city.folder).items():
        if (names is None or name in names) and metrics_of(results, spec, standing):
            yield spec, write_map(results, folder / f"{name}.html", standing, name=name)


def _caption(place: Text, spec: MapSpec, more: Text = _NOTHING) -> Text:
    return Text(f"{place.zh}：{spec.title.zh}{more.zh}", f"{place.en}: {spec.title.en}{more.en}")


def _take(browser: Any, shot: Shot) -> int:
    """Take a picture and return its size; 0 where the map has no area with a colour."""
    width, height = shot.size
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.goto(shot.page.as_uri() + (f"#{shot.link}" if shot.link else ""))
    page.wait_for_selector("body[data-ready=yes]")
    page.wait_for_timeout(1200)
    coloured = page.evaluate(
        """() => [...document.querySelectorAll(".legend .keys .count")].slice(0, 8).some((each) => Number(each.textContent.replace(/,/g, "")) > 0)
          && document.querySelectorAll(".legend .keys li").length > 4"""
    )
    picture = page.screenshot() if coloured else b""
    page.close()
    if not coloured:
        return 0
    written = _reduced(picture)
    if len(written) > MOST_BYTES:
        written = _reduced(picture, COLOURS // 4)
    (GALLERY / f"{shot.name}.png").write_bytes(written)
    return len(written)


def _reduced(picture: bytes, colours: int = COLOURS) -> bytes:
    """Write a picture with as many colours as its most frequent ones: a map has few, and letters need shades of grey."""
    with warnings.catch_warnings(), rasterio.io.MemoryFile(picture) as memory:
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with memory.open() as source:
            pixels = np.moveaxis(source.read([1, 2, 3]), 0, -1)
    known, index, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette = _palette(known, counts, colours)
    far = [
        ((known[start : start + 4096, None].astype(int) - palette[None].astype(int)) ** 2).sum(-1) for start in range(0, len(known), 4096)
    ]
    nearest = np.concatenate([each.argmin(1) for each in far]).astype(np.uint8)
    return _png(nearest[index.reshape(-1)].reshape(pixels.shape[:2]), palette)


def _palette(known: npt.NDArray[np.uint8], counts: npt.NDArray[np.int64], colours: int) -> npt.NDArray[np.uint8]:
    """Choose the most frequent colours, so that fills stay exact, and from each fuller cell of the colour cube one for the shades between."""
    if len(known) <= colours:
        return known
    frequent = np.argsort(-counts, kind="stable")[: colours // 2]
    cells = (known >> 4).astype(int) @ [256, 16, 1]
    order = np.lexsort((-counts, cells))
    first = order[np.r_[True, np.diff(cells[order]) != 0]]
    weight = np.bincount(cells, counts, minlength=4096)[cells[first]]
    first = first[np.argsort(-weight, kind="stable")]
    shades = first[~np.isin(first, frequent)][: colours - len(frequent)]
    return known[np.sort(np.concatenate([frequent, shades]))]


def _png(index: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> bytes:
    height, width = index.shape
    rows = np.hstack([np.zeros((height, 1), np.uint8), index]).tobytes()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"PLTE", palette.tobytes()), chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _captions(taken: list[Shot]) -> str:
    lines = ["# Gallery 图集", "", "Made by `make gallery` 由 `make gallery` 生成。Las Palmas: © OpenStreetMap contributors, ODbL.", ""]
    for shot in taken:
        lines += [f"![{shot.caption.en}]({shot.name}.png)", "", f"{shot.caption.zh}。{shot.caption.en}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
