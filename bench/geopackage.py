"""A GeoPackage of 200,000 roads, styled and with its project, against pyogrio writing the same frame alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

AIM_S = 2.0


def bench_write(extract: Path, features: int) -> None:
    """Write the roads of a city, as often as it takes to have so many (synthetic copies side by side), with one metric by 5 km cells."""
    from spatial.measurement import measure
    from spatial.outputs.geopackage import write_geopackage
    from spatial.outputs.map_specs import FIRST, map_spec
    from spatial.outputs.qgis_layers import qgis_tables
    from spatial.project import open_city

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "city.toml").write_text(f'name = "synthetic copies"\ncrs = "EPSG:32652"\n[osm]\nfile = "{extract}"\n', encoding="utf-8")
        city = open_city(folder, cache=False)
        results = measure(city, ["road_network_density"], "grid:5000")
        roads = city.layers["roads"].frame
        assert roads is not None
        west, _, east, _ = roads.total_bounds
        copies = [roads.set_geometry(roads.translate(xoff=(east - west) * n)) for n in range(-(-features // len(roads)))]
        many = gpd.GeoDataFrame(pd.concat(copies, ignore_index=True).iloc[:features], crs=roads.crs)
        layers = MappingProxyType({"roads": replace(city.layers["roads"], frame=many)})
        given = replace(results, city=replace(city, layers=MappingProxyType({**city.layers, **layers})), evidence={})
        (table,) = [table for table in qgis_tables(given, map_spec(FIRST, None)) if table.name == "roads"]
        plain = {
            "layer": "roads",
            "driver": "GPKG",
            "use_arrow": True,
            "geometry_type": "LineString",
            "dataset_options": {"VERSION": "1.2"},
        }
        # In turns: what else the machine does comes over both.
        pairs = []
        for _ in range(3):
            ours = _cpu(lambda: write_geopackage(given, folder / "city.gpkg"))
            (folder / "plain.gpkg").unlink(missing_ok=True)
            pairs.append((ours, _cpu(lambda: pyogrio.write_dataframe(table.frame, folder / "plain.gpkg", **plain))))
        ours, floor = np.min(pairs, axis=0)
        size = (folder / "city.gpkg").stat().st_size / 1e6
        print(f"GeoPackage: {len(many):,} roads (synthetic copies) with {many.shape[1]} columns, {size:.0f} MB, in {ours:.2f} CPU-s")
        print(f"  {ours / AIM_S:.2f} × the aim of {AIM_S:.0f} s; the same frame by pyogrio alone {floor:.2f} CPU-s: {ours / floor:.2f} ×")


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
