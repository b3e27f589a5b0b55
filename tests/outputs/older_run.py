"""A small city and an older run of it: what was measured a year before, as it stands in the folder of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spatial.crs import name_of
from spatial.outputs.webmap.beside import extent_in_degrees
from spatial.result import SCHEMA_VERSION, Results
from tests.outputs.test_maps import small_results

OLDER = {"a0": 0.9, "a1": 1.3}
"""Road network density (total) of the older run, km/km²; the areas of today have 1.2 (a0), 1.3 (a1), 1.4 (a2) and 1.5 (a3)."""


def older_run(folder: Path, results: Results | None = None, *, figures: Mapping[str, float] = OLDER, date: str = "2023-05-01") -> Path:
    """Write what is read of a run, with other figures of the road network density, total; areas that ``figures`` leaves out are not in it."""
    results = results or small_results()
    table = results.table[results.table["area_id"].isin([*figures, "city", "outside_areas"])].copy()
    named = (table["metric"] == "road_network_density") & (table["variant"] == "total") & table["area_id"].isin(list(figures))
    table["value"] = table["value"].where(~named, table["area_id"].map(pd.Series(figures)))
    target = folder / f"{date}-older"
    target.mkdir()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), target / "metrics.parquet")
    city = results.city
    run = {"schema_version": SCHEMA_VERSION, "city": city.name, "date": date, "crs": name_of(city.crs), "options": {"by": results.by}}
    (target / "run.json").write_text(json.dumps({**run, "data_extent": extent_in_degrees(city)}), encoding="utf-8")
    return target
