"""Run the benchmarks that are named, or all; each prints its figures and the ratio to its floor."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import geopackage, maps, network, pairing, services
from bench.tiling import tile

ROOT = Path(__file__).resolve().parents[1]
CASES = Path(os.environ.get("SPATIAL_CASES", ROOT.parent / "shared" / "cases"))
LAS_PALMAS = CASES / "las_palmas"
HARBIN = CASES / "harbin"
AIM_CPU_S, AIM_MB = 12.0, 650.0


def cpu_of(*command: str, cwd: Path | None = None) -> tuple[float, float]:
    """CPU seconds and wall seconds of a command that must succeed."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd or ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - wall


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def best(work: Callable[[], float], repeats: int = 3) -> float:
    """Least of several: what a noisy machine adds is never negative."""
    return min(work() for _ in range(repeats))


def las_palmas_toml() -> str:
    outline = next(LAS_PALMAS.glob("*EPSG4326.geojson"))
    schools = next(LAS_PALMAS.glob("*educacion*.geojson"))
    return f"""
name = "Las Palmas"
[osm]
file = "{LAS_PALMAS}/las_palmas_20230221.osm.pbf"
[layers.districts]
file = "{schools}"
id = "Codigo"
name = "Denominaci"
[layers.boundary]
file = "{outline}"
[layers.population]
file = "{LAS_PALMAS}/population_substitute.tif"
"""


def bench_run() -> None:
    """Las Palmas cold: everything that this version does, from the extract to the map."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "city.toml").write_text(las_palmas_toml(), encoding="utf-8")
        seconds, wall = cpu_of(sys.executable, "-m", "spatial", "run", str(folder), "--no-cache", "--quiet", "--out", str(folder / "cold"))
        (folder / "cache").mkdir()
        cpu_of(sys.executable, "-m", "spatial", "run", str(folder), "--quiet", "--out", str(folder / "fill"))
        warm, _ = cpu_of(sys.executable, "-m", "spatial", "run", str(folder), "--quiet", "--out", str(folder / "warm"))
        run = json.loads((folder / "cold" / "run.json").read_text(encoding="utf-8"))
        peak = max(step["peak_mb"] for step in run["steps"])
        floor, _ = cpu_of(sys.executable, "-c", "import geopandas, osmium, folium, rasterio, scipy.spatial, pyarrow.parquet")
        print(f"Las Palmas cold: {seconds:.1f} CPU-s, {wall:.1f} s wall, {peak} MB peak; from cache {warm:.1f} CPU-s")
        print(f"  aims {AIM_CPU_S:.0f} CPU-s and {AIM_MB:.0f} MB: {seconds / AIM_CPU_S:.2f} × and {peak / AIM_MB:.2f} ×")
        print(f"  of that, importing the libraries alone: {floor:.1f} CPU-s; so {seconds / floor:.1f} × an empty program")
        for step in sorted(run["steps"], key=lambda step: -step["cpu_s"])[:10]:
            print(f"    {step['cpu_s']:6.2f} CPU-s  {step['step']}")


def bench_reader() -> None:
    """pbf → layers against pyosmium dropping everything in C++."""
    import osmium

    from spatial.layers import layer_specs
    from spatial.sources.osm import read_osm

    path = LAS_PALMAS / "las_palmas_20230221.osm.pbf"
    specs = list(layer_specs().values())
    read_osm(path, specs)

    def drop() -> None:
        for _ in osmium.FileProcessor(str(path)).with_areas().with_filter(osmium.filter.KeyFilter("no such key")):
            pass

    ours, floor = best(lambda: cpu(lambda: read_osm(path, specs))), best(lambda: cpu(drop))
    print(f"reader: {ours:.2f} CPU-s, dropping everything {floor:.2f}: {ours / floor:.1f} ×")


def bench_surface() -> None:
    """Road surface against one global union of the same strips."""
    import shapely

    from spatial import overlay
    from spatial.project import open_city
    from spatial.roads import road_model
    from spatial.roads.surface import _strips

    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "city.toml").write_text(las_palmas_toml(), encoding="utf-8")
        model = road_model(open_city(name, cache=False))
    used = model.classes("municipal") & ~model.tunnel
    strips = _strips(model.lines[used], model.widths["paved"][used, 1] / 2)
    ours = best(lambda: cpu(lambda: overlay.dissolve(strips)))
    peer = best(lambda: cpu(lambda: shapely.union_all(strips)), 1)
    exact = shapely.area(shapely.union_all(strips))
    error = abs(shapely.area(overlay.dissolve(strips)).sum() / exact - 1)
    km = shapely.length(model.lines[used]).sum() / 1e3
    print(
        f"road surface: {km:.0f} km in {ours:.2f} CPU-s, one global union {peer:.2f}: {ours / peer:.2f} ×; difference of area {error:.1e}"
    )


def bench_pairing() -> None:
    """Which carriageways are one road, on 60,000 road ways made of copies of Harbin."""
    pairing.bench_pairs(HARBIN / "harbin_202404.osm.pbf", 60_000, 5.0)


def bench_growth() -> None:
    """Harbin tiled 4 × 4 (synthetic copies) against Harbin: cost by input."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tile(HARBIN / "harbin_202404.osm.pbf", folder / "harbin4x4.osm.pbf", 4)
        seconds = {}
        for label, path in (("1", HARBIN / "harbin_202404.osm.pbf"), ("16 (synthetic copies)", folder / "harbin4x4.osm.pbf")):
            # The copies reach over two zones; one conformal zone in their middle serves both runs.
            (folder / "city.toml").write_text(f'name = "Harbin"\ncrs = "EPSG:32652"\n[osm]\nfile = "{path}"\n', encoding="utf-8")
            seconds[label], _ = cpu_of(
                sys.executable,
                "-m",
                "spatial",
                "run",
                str(folder),
                "--no-cache",
                "--quiet",
                "--by",
                "grid:2000",
                "--out",
                str(folder / "out"),
                "--force",
            )
            run = json.loads((folder / "out" / "run.json").read_text(encoding="utf-8"))
            print(f"Harbin × {label}: {seconds[label]:.1f} CPU-s, {max(step['peak_mb'] for step in run['steps'])} MB peak")
        one, many = seconds.values()
        print(f"  cost by input: {many / 16 / one:.2f} × (1 = linear)")


def bench_start() -> None:
    """What a user waits for before anything happens."""
    empty = best(lambda: cpu_of(sys.executable, "-c", "pass")[0])
    for label, command in (("import spatial", ["-c", "import spatial"]), ("spatial run --help", ["-m", "spatial", "run", "--help"])):
        seconds = best(lambda command=command: cpu_of(sys.executable, *command)[0])
        print(f"{label}: {seconds:.2f} CPU-s, an empty program {empty:.2f}: {seconds / empty:.1f} ×")


def bench_network() -> None:
    """Walking graph, nearest facilities and service areas of Las Palmas against their peers."""
    extract = LAS_PALMAS / "las_palmas_20230221.osm.pbf"
    network.bench_graph(extract)
    network.bench_nearest(extract)
    network.bench_service_areas(extract)


def bench_services() -> None:
    """Harbin 4 × 4 with all facility classes."""
    services.bench_classes(HARBIN / "harbin_202404.osm.pbf", 4, 5_000_000)


def bench_maps() -> None:
    """The map page with 50,000 roads, 100,000 buildings and 10,000 cells, made of copies of Harbin, beside plain folium."""
    maps.bench_page(HARBIN / "harbin_202404.osm.pbf")


def bench_what_if() -> None:
    """A park that is dropped and dragged in the page of Las Palmas."""
    maps.bench_what_if(las_palmas_toml())


def bench_geopackage() -> None:
    """200,000 roads written for QGIS."""
    geopackage.bench_write(HARBIN / "harbin_202404.osm.pbf", 200_000)


BENCHES = {name.removeprefix("bench_"): work for name, work in list(globals().items()) if name.startswith("bench_")}


def main(names: list[str]) -> int:
    """Run what is named; the names are the functions of this file without ``bench_``."""
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    if not CASES.is_dir():
        print(f"the real cities are not at {CASES}; set SPATIAL_CASES", file=sys.stderr)
        return 1
    for name in names or BENCHES:
        BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
