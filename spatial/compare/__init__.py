"""Two runs of a city against each other: what changed, what only seems to, and how much of the change of roads is mapping."""

from __future__ import annotations

from spatial.compare.changes import Comparison, compare_runs
from spatial.compare.road_table import road_table
from spatial.compare.runs import Run, read_run

__all__ = ["Comparison", "Run", "compare_runs", "read_run", "road_table"]
