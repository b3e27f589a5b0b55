"""Sites dropped in a real page, and what spatial itself says of the same sites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely

from spatial.city import City
from spatial.crs import WGS84
from spatial.measurement import measure
from spatial.metrics.origins import people_origins
from spatial.outputs.webmap import write_map
from spatial.result import Results
from spatial.scenario import with_site

WITHIN = 1e-3
MAP = "what_if_trial"


@dataclass(frozen=True)
class Site:
    """A site as the address of a page keeps it."""

    kind: str
    area_m2: float
    lat: float
    lon: float

    def text(self) -> str:
        return f"{self.kind}/{self.area_m2:g}/{self.lat!r}/{self.lon!r}"

    def put(self, city: City) -> City:
        return with_site(city, self.kind, (self.lon, self.lat), area_m2=self.area_m2 or None)


def what_if_page(results: Results, folder: Path, kinds: list[str]) -> Path:
    """Write a page on which kinds of sites can be dropped."""
    (folder / "maps").mkdir(exist_ok=True)
    listed = ", ".join(f'"{kind}"' for kind in kinds)
    (folder / "maps" / f"{MAP}.toml").write_text(f'title = {{ zh = "推演", en = "Trial" }}\nwhat_if = [{listed}]\n', encoding="utf-8")
    return write_map(replace(results, city=replace(results.city, folder=folder)), folder / "map.html", name=MAP)


def seeded_sites(city: City, kind: str, count: int, seed: int) -> list[Site]:
    """Places near where people live, and some far off."""
    rng = np.random.default_rng(seed)
    homes = people_origins(city)
    mine = np.flatnonzero(shapely.intersects(city.total().whole[0], homes.points) & (homes.weight > 0))
    degrees = pyproj.Transformer.from_crs(city.crs, WGS84, always_xy=True)
    found = []
    for n in rng.choice(mine, size=count, p=homes.weight[mine] / homes.weight[mine].sum()):
        xy = shapely.get_coordinates(homes.points[n])[0] + rng.uniform(-150, 150, 2)
        lon, lat = (round(each, 7) for each in degrees.transform(*xy))
        found.append(Site(kind, float(rng.choice([400, 900, 2000, 5000, 12000])) if kind == "park" else 0.0, lat, lon))
    return found


def dropped(page: Any, path: Path, sites: list[Site], metric: str, variant: str) -> dict[str, Any]:
    """Open a page with sites in its address and read what its card says."""
    page.goto("about:blank")
    listed = ",".join(site.text() for site in sites)
    page.goto(f"{path.as_uri()}#lang=en&tool=what_if&what_if={metric}/{variant}&sites={listed}")
    page.wait_for_selector(".placed li", timeout=60_000)
    found: dict[str, Any] = page.evaluate(
        "() => ({ ms: +document.querySelector('.result').dataset.ms,"
        " sites: [...document.querySelectorAll('.placed li')].map((line) => ({ ...line.dataset })),"
        " rows: [...document.querySelectorAll('.what_if tbody tr')].map((line) => ({ ...line.dataset })),"
        " chosen: document.querySelector('select[name=measure]').selectedIndex })"
    )
    return found


def served(results: Results, metric: str, variant: str) -> dict[str, float]:
    """Residents served, by area."""
    table = results.table
    rows = table[(table["metric"] == metric) & (table["variant"] == variant) & (table["status"] != "no_data")]
    return dict(zip(rows["area_id"], rows["numerator"], strict=True))


def compare(page: Any, path: Path, results: Results, sites: list[Site], metric: str, variant: str) -> dict[str, Any]:
    """Assert that the page says of sites, alone and together, what ``measure(with_site(…))`` says; return the worst difference and the states."""
    said = dropped(page, path, sites, metric, variant)
    before = served(results, metric, variant)
    worst, gaining = 0.0, 0
    grown = results.city
    for site, line in zip(sites, said["sites"], strict=True):
        if line["state"] != "counted":
            continue
        after = served(measure(site.put(results.city), [metric], by=results.by), metric, variant)
        worst = max(worst, apart(float(line["gained"]), after["city"] - before["city"], before["city"]))
        gaining += after["city"] - before["city"] > 0.5
        grown = site.put(grown)
    after = served(measure(grown, [metric], by=results.by), metric, variant)
    rows = {row["area"]: row for row in said["rows"]}
    for area, people in after.items():
        if area in ("outside_areas", "beyond_boundary"):
            continue
        worst = max(worst, apart(float(rows[area]["gained"]) if area in rows else 0.0, people - before[area], before[area]))
        if area in rows:
            assert abs(float(rows[area]["before"]) - before[area]) <= 1e-5 * max(before[area], 1.0)
    assert worst <= WITHIN
    return {"worst": worst, "gaining": gaining, "states": [line["state"] for line in said["sites"]], "ms": said["ms"]}


def apart(one: float, two: float, of: float) -> float:
    """Relative difference of two gains; what single precision adds to a sum of many people is none."""
    return 0.0 if abs(one - two) <= 1e-8 * of + 1e-3 else abs(one - two) / max(abs(one), abs(two))
