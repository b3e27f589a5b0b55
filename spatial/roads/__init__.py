"""The roads as planners count them: classes, dual carriageways once, widths with their source, lengths and surface."""

from __future__ import annotations

from spatial.roads.classes import class_table, classify
from spatial.roads.lengths import length_by_area, parts_by_area
from spatial.roads.model import HALO_M, RoadModel, road_model, unknown_note
from spatial.roads.surface import drawn_ground, drawn_share, strips_by_run, surface, used_runs
from spatial.roads.widths import SOURCES

__all__ = [
    "HALO_M",
    "SOURCES",
    "RoadModel",
    "class_table",
    "classify",
    "drawn_ground",
    "drawn_share",
    "length_by_area",
    "parts_by_area",
    "road_model",
    "strips_by_run",
    "surface",
    "unknown_note",
    "used_runs",
]
