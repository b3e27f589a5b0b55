"""Which carriageways are one road, on many road ways made of copies of an extract."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

SAMPLE_M = 20.0


def bench_pairs(extract: Path, ways: int, aim_s: float) -> None:
    """Model of at least so many road ways against asking a tree for all pairs of points within the pairing distance, and its growth with size."""
    from spatial.project import open_city

    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "city.toml").write_text(f'[osm]\nfile = "{extract}"\n', encoding="utf-8")
        roads = open_city(name, cache=False).frame("roads")
    roads = roads[~roads["highway"].isin(["footway", "path", "steps", "cycleway", "pedestrian", "track"])].reset_index(drop=True)
    spent = {copies: _pair(_copies(roads, copies)) for copies in (1, -(-ways // len(roads)))}
    most = max(spent)
    print(f"  aim {aim_s:.0f} CPU-s: {spent[most] / aim_s:.2f} ×; cost by input {spent[most] / most / spent[1]:.2f} × (1 = linear)")


def _pair(roads: Any) -> float:
    from spatial.roads.classes import class_table, classify
    from spatial.roads.model import _build
    from spatial.roads.pairing import runs_of

    kinds = classify(roads)
    lines = np.asarray(roads.geometry.to_numpy(), dtype=object)
    oneway = roads["oneway"].isin(["yes", "-1"]).to_numpy()
    direction = np.where(roads["oneway"] == "-1", -1, oneway.astype(int))
    counted = np.isin(kinds, [key for key, row in class_table().items() if row["length"]])
    pairing = _best(lambda: runs_of(lines, roads, kinds, direction, counted))
    model = _best(lambda: _build(roads), 1)
    floor = _best(lambda: _floor(lines[counted & oneway]))
    print(f"pairing, {len(roads):,} road ways (synthetic copies but for the first): {pairing:.2f} CPU-s, the whole model {model:.2f}")
    print(f"  points every 20 m and a tree's pairs within 60 m alone: {floor:.2f} CPU-s; so {pairing / floor:.1f} ×")
    return pairing


def _copies(roads: Any, copies: int) -> Any:
    """Copies side by side, so far apart that none sees another."""
    width = float(np.ptp(roads.total_bounds[[0, 2]])) + 5_000.0
    parts = []
    for k in range(copies):
        part = roads.copy()
        part.geometry = shapely.transform(roads.geometry.to_numpy(), lambda xy, k=k: np.add(xy, [k * width, 0.0]))
        part["id"] = [f"{name}-{k}" for name in roads["id"]]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _floor(lines: Any) -> None:
    count = np.maximum(1, np.ceil(shapely.length(lines) / SAMPLE_M)).astype(int)
    index = np.repeat(np.arange(len(lines)), count)
    nth = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines[index], (nth + 0.5) / count[index], normalized=True))
    cKDTree(xy).query_pairs(float(np.hypot(60.0, SAMPLE_M)), output_type="ndarray")


def _best(work: Any, repeats: int = 2) -> float:
    least = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return least
