"""Dead ends with ranked links, and the best thirty chosen together, in one process: from the opened city to the choice."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.tiling import tile

AIM_CPU_S = 20.0


def bench_links(extract: Path, sizes: Sequence[int], people: int) -> None:
    """Links of n × n synthetic copies of an extract, the people spread over their buildings; the aim is that of the largest."""
    from spatial.metrics.land import built_up_area
    from spatial.metrics.link_gains import link_gains, link_trips
    from spatial.metrics.origins import people_origins
    from spatial.project import open_city
    from spatial.roads.candidate_links import candidate_links
    from spatial.roads.dead_ends import road_ends
    from spatial.siting import choose_links

    seconds: dict[int, float] = {}
    for n in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            tile(extract, folder / "copies.osm.pbf", n)
            (folder / "city.toml").write_text(
                'name = "synthetic copies"\ncrs = "EPSG:32652"\n[osm]\nfile = "copies.osm.pbf"\n'
                f"[layers.population]\ntotal = {people * n**2}\n",
                encoding="utf-8",
            )
            city = open_city(folder, cache=False)
        # What other metrics need as well is not counted.
        built_up_area(city)
        people_origins(city)
        steps: dict[str, float] = {}

        def step(what: str, work: Callable[[], Any], steps: dict[str, float] = steps) -> Any:
            begin = time.process_time()
            made = work()
            steps[what] = time.process_time() - begin
            return made

        ends = step("find dead ends", lambda city=city: road_ends(city))
        links = step("draw links", lambda city=city: candidate_links(city))
        trips = step("ways to their ends", lambda city=city: link_trips(city))
        step("rank", lambda city=city: link_gains(city))
        chosen = step("choose thirty together", lambda city=city: choose_links(city, 30, "grid:4000"))
        seconds[n] = sum(steps.values())
        print(
            f"{extract.stem} {n} × {n} (synthetic copies): {len(ends)} ends, {int(ends.real.sum())} dead ends, {len(links)} links,"
            f" {len(trips.of):,} trips; {len(chosen.links)} chosen, {chosen.saved_km / max(chosen.all_km, 1e-9):.0%} of what all would save"
        )
        print(f"  {seconds[n]:.1f} CPU-s: " + ", ".join(f"{what} {used:.2f}" for what, used in steps.items()))
    largest, least = max(sizes), min(sizes)
    print(f"  aim {AIM_CPU_S:.0f} CPU-s: {seconds[largest] / AIM_CPU_S:.2f} ×")
    print(f"  cost by input: {seconds[largest] / (largest / least) ** 2 / seconds[least]:.2f} × (1 = linear)")
