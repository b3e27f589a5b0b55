"""Days of opening and words of status, as they are written."""

from __future__ import annotations

import geopandas as gpd
import pytest
from shapely import LineString

from spatial.roads.opened import opened_on


def layer(**columns: list[object]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=[LineString([(0, 0), (1, 0)])] * len(next(iter(columns.values()))), crs="EPSG:4551")


@pytest.mark.parametrize(
    ("written", "open_", "sure", "dated"),
    [
        (None, True, True, False),
        ("", True, True, False),
        ("2025-06-30", True, True, True),
        ("2025-07-01", False, False, True),
        ("2025/7/1", False, False, True),
        ("2025年7月1日", False, False, True),
        ("20250701", False, False, True),
        ("2025", True, False, True),
        ("2025.0", True, False, True),
        ("2025年", True, False, True),
        ("2025-06", True, True, True),
        ("2025-07", False, False, True),
        ("2025年7月", False, False, True),
        ("2026", False, False, True),
        ("~1990", True, True, True),
        ("1928", True, True, True),
        ("1928-05-01", True, True, True),
        ("mid C19", True, True, False),
        ("2025-13", True, True, False),
        ("before the flood", True, True, False),
    ],
)
def test_a_day_of_opening(written: object, open_: bool, sure: bool, dated: bool) -> None:
    found = opened_on(layer(opened=[written]), "2025-06-30")
    assert (found.open[0], found.sure[0], found.dated[0]) == (open_, sure, dated)
    assert found.unread == (written not in (None, "") and not dated)


@pytest.mark.parametrize(
    ("word", "open_"),
    [
        ("已通车", True),
        ("opened", True),
        ("投用", True),
        ("已竣工", False),
        ("在建", False),
        ("规划", False),
        ("取消", False),
        ("？", True),
        (None, True),
    ],
)
def test_a_status(word: object, open_: bool) -> None:
    found = opened_on(layer(status=[word]), "2025-06-30")
    assert found.open[0] == open_
    assert found.unknown == (word == "？")


def test_a_day_that_was_hoped_for_opens_nothing() -> None:
    assert not opened_on(layer(opened=["2020-01-01"], status=["在建"]), "2025-06-30").open[0]
    assert not opened_on(layer(opened=["2026-01-01"], status=["已通车"]), "2025-06-30").open[0]


def test_without_a_day_nothing_is_too_new_and_without_columns_all_are_open() -> None:
    assert opened_on(layer(opened=["2999-01-01", "2024"]), "").open.all()
    plain = opened_on(layer(name=["a", "b"]), "2025-06-30")
    assert plain.open.all()
    assert not plain.dated.any()
    assert len(opened_on(layer(opened=[])[:0], "2025-06-30").open) == 0
