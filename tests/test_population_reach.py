"""Polygons of people that cover a part of the city say nothing of the rest; points do not tell how far they reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest

from spatial.measurement import measure
from spatial.project import open_city
from tests.small_city import BOX, project, square


def people(tmp_path: Path, *shapes: Any, text: str = "", top: str = "") -> pd.DataFrame:
    given = gpd.GeoDataFrame({"count": [100.0] * len(shapes)}, geometry=list(shapes), crs="EPSG:4326")
    path = project(tmp_path, f'field = "count"\n{text}', layers={"population": given})
    path.write_text(top + path.read_text("utf-8"), encoding="utf-8")
    return measure(open_city(path), ["population"]).table.set_index("area_id")


def test_districts_beyond_the_cells_have_no_number(tmp_path: Path) -> None:
    """One cell on most of the first of four."""
    table = people(tmp_path, square(0, 0, 0.9))
    assert dict(table.status) == {"220101": "partial", "220102": "no_data", "220103": "no_data", "220104": "no_data", "city": "partial"}
    assert table.value["220101"] == pytest.approx(100, rel=1e-4)  # a parallel is no straight line in the city's CRS
    assert table.value[["220102", "220103", "220104"]].isna().all()
    assert "the data do not cover this area" in table.note["220103"]


def test_cells_that_end_a_little_inside_reach_the_edge(tmp_path: Path) -> None:
    """A hundredth of the city's width on each side is ground where nobody lives; a tenth is not."""
    assert set(people(tmp_path / "near", square(0.02, 0.02, 1.96)).status) == {"ok"}
    assert set(people(tmp_path / "far", square(0.2, 0.2, 1.6)).status) == {"partial"}


def test_points_of_people_are_complete_everywhere(tmp_path: Path) -> None:
    table = people(tmp_path, square(0, 0).centroid)
    assert dict(table.value) == {"220101": 100, "220102": 0, "220103": 0, "220104": 0, "city": 100}
    assert set(table.status) == {"ok"}


def test_what_the_data_cover_can_be_stated(tmp_path: Path) -> None:
    table = people(tmp_path, square(0, 0), top=f"data_extent = {list(BOX)}\n")
    assert table.value["220104"] == 0
    assert table.status["220104"] == "ok"
