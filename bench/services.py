"""All facility classes at all residents' places, in one process: from the opened city to the distances."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.tiling import tile

AIM_S = 10.0


def bench_classes(extract: Path, copies: int, people: int) -> None:
    """Distance on foot to every class from every home of n × n synthetic copies, the people spread over their buildings."""
    from spatial.metrics.facilities import facilities, facility_classes
    from spatial.metrics.origins import people_origins
    from spatial.metrics.walking import attached_origins, class_field, network_m, sources, walk
    from spatial.project import open_city

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tile(extract, folder / "copies.osm.pbf", copies)
        (folder / "city.toml").write_text(
            'name = "synthetic copies"\ncrs = "EPSG:32652"\n[osm]\nfile = "copies.osm.pbf"\n'
            f"[layers.population]\ntotal = {people * copies**2}\n",
            encoding="utf-8",
        )
        city = open_city(folder, cache=False)
    names = list(facility_classes(city).classes)
    steps: dict[str, tuple[float, float]] = {}

    def step(what: str, work: Callable[[], Any]) -> Any:
        cpu, wall = time.process_time(), time.perf_counter()
        made = work()
        steps[what] = time.process_time() - cpu, time.perf_counter() - wall
        return made

    graph = step("walking graph and obstacles", lambda: walk(city).graph)
    homes = step("homes", lambda: people_origins(city))
    attached = step("attach homes", lambda: attached_origins(city, "people", homes))
    step("facilities", lambda: [facilities(city, kind) for kind in names])
    ways = step("attach ways in", lambda: sum(len(sources(city, kind).places) for kind in names))
    step("search", lambda: [class_field(city, kind) for kind in names])
    far = step("read at homes", lambda: [network_m(city, kind, "people", homes) for kind in names])
    cpu, wall = (sum(column) for column in zip(*steps.values(), strict=True))
    print(
        f"{extract.stem} {copies} × {copies} (synthetic copies): {graph}; {len(homes):,} homes, {len(names)} classes with {ways:,} ways in"
    )
    print(f"  all distances in {cpu:.1f} CPU-s, {wall:.1f} s wall: {wall / AIM_S:.2f} × the aim of {AIM_S:.0f} s")
    for what, (used, passed) in steps.items():
        print(f"    {used:6.2f} CPU-s {passed:6.2f} s wall  {what}")
    finite = np.mean([np.isfinite(metres).mean() for metres in far])
    print(f"  {attached.reached.mean():.1%} of homes attached; of homes and classes {finite:.1%} within the largest limit")
