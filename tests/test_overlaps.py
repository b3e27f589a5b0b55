"""What stands in a layer more than once is counted and told: copies, and polygons of people that overlap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from spatial.layers import Repair, counted_twice, duplicates, layer_specs, overlap_share
from spatial.project import open_city
from tests.small_city import project, square

UNIT = shapely.box(0, 0, 1, 1)


def frame(*shapes: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": [f"p{n}" for n in range(len(shapes))]}, geometry=list(shapes), crs="EPSG:4551")


def moved(shape: Any, x: float, y: float = 0.0) -> Any:
    return shapely.transform(shape, lambda xy: xy + np.array([x, y]))


def hexagons(count: int, size_m: float) -> list[Any]:
    """A honeycomb whose cells only touch, but for what rounding leaves."""
    column, row = np.meshgrid(np.arange(count), np.arange(count))
    x, y = 1.5 * size_m * column.ravel(), 3**0.5 * size_m * (row + column % 2 / 2).ravel()
    turn = np.arange(6) * np.pi / 3
    return list(shapely.polygons(np.stack([x[:, None] + size_m * np.cos(turn), y[:, None] + size_m * np.sin(turn)], axis=2)))


@pytest.mark.parametrize(
    ("shapes", "share", "ids"),
    [
        ([UNIT, moved(UNIT, 1)], 0, ()),  # they touch
        ([UNIT, moved(UNIT, 5)], 0, ()),
        ([UNIT, UNIT], 1 / 2, ("p0", "p1")),
        ([UNIT, moved(UNIT, 0.5), moved(UNIT, 9)], 0.5 / 3, ("p0", "p1")),
        ([UNIT, UNIT, UNIT], 2 / 3, ("p0", "p1", "p2")),  # three lie on one: two too many
        ([UNIT, moved(UNIT, 1), shapely.box(0, 0, 2, 1)], 1 / 2, ("p0", "p1", "p2")),  # two cells and their total
        ([UNIT, moved(UNIT, 0.5), moved(UNIT, 1)], 1 / 3, ("p0", "p1", "p2")),  # the ends touch, the one between lies on both
        ([UNIT, moved(UNIT, 0.6), moved(UNIT, 0.3)], 1.4 / 3, ("p0", "p1", "p2")),  # 3 on a ground of 1.6
        ([UNIT, shapely.Point(0.5, 0.5), shapely.LineString([(0, 0), (1, 1)])], 0, ()),
        ([UNIT, moved(UNIT, 0.999)], 0.001 / 2, ()),  # a sliver counts, and is not worth a name
        ([], 0, ()),
    ],
)
def test_the_share_is_what_the_union_lacks(shapes: list[Any], share: float, ids: tuple[str, ...]) -> None:
    found, named = overlap_share(frame(*shapes))
    assert found == pytest.approx(share, abs=1e-9)
    assert named == ids
    again, _ = overlap_share(frame(*shapes[::-1]))
    assert again == pytest.approx(share, abs=1e-9)


def test_polygons_at_random_against_their_union() -> None:
    place = np.random.default_rng(3)
    discs = [shapely.Point(x, y).buffer(r) for x, y, r in place.uniform((0, 0, 1), (30, 30, 4), (60, 3))]
    total = sum(disc.area for disc in discs)
    assert overlap_share(frame(*discs))[0] == pytest.approx(1 - shapely.union_all(discs).area / total, abs=1e-3)


@pytest.mark.parametrize("crs", ["EPSG:4551", "EPSG:4326"])
def test_a_honeycomb_only_touches(crs: str) -> None:
    cells = frame(*(moved(cell, 500_000, 4_860_000) for cell in hexagons(30, 100.0))).to_crs(crs)
    assert overlap_share(cells) == (0.0, ())


def test_the_same_line_the_other_way_round_is_the_same() -> None:
    line = shapely.LineString([(0, 0), (1, 0), (1, 1)])
    ring = shapely.Polygon([(1, 0), (1, 1), (0, 1), (0, 0)])
    given = frame(line, line.reverse(), UNIT, ring, shapely.Point(0, 0), None, None, shapely.force_3d(line, 5.0))
    assert list(duplicates(given)) == [1, 3, 7]
    assert list(duplicates(frame())) == []


def told(spec: str, *shapes: Any) -> list[Repair]:
    return counted_twice(frame(*shapes), layer_specs()[spec])


def test_only_layers_that_are_added_up() -> None:
    assert [notice.count for notice in told("buildings", UNIT, UNIT, moved(UNIT, 3))] == [1]
    assert told("buildings", UNIT, moved(UNIT, 0.5)) == []  # a podium and its tower overlap rightly
    assert told("parks", UNIT, UNIT) == []
    assert told("population", UNIT, moved(UNIT, 0.995)) == []  # slivers of blocks drawn by hand
    assert told("roads") == []


def test_overlapping_people_are_told_when_the_city_is_read(tmp_path: Path) -> None:
    """20 cells, 10 of them once more 1 cm aside, and one over all: 0.8 + 0.4 + 1 on a ground of 1."""
    cells = [square(column / 5, row / 5, 0.2) for row in range(4) for column in range(5)]
    copies = [moved(cell, 1e-7) for cell in cells[:10]]
    people = gpd.GeoDataFrame({"count": [10.0] * 31}, geometry=[*cells, *copies, square(0, 0, 1)], crs="EPSG:4326")
    path = project(tmp_path, 'field = "count"\n', layers={"population": people})
    for _ in ("read", "from the cache"):
        said = [notice for notice in open_city(path).notices if notice.en.startswith("population: ")]
        assert [notice.en for notice in said] == [
            "population: polygons overlap by 55% of their area, and people there count more than once; polygons that do: 31 (id 1, 2, 3, 4, 5)"
        ]
        assert said[0].zh == "population：相互重叠（重叠占总面积的 55%）、重叠处人口重复计入的面要素，31 个（id 1, 2, 3, 4, 5）"


def test_copies_are_told_when_the_city_is_read(tmp_path: Path) -> None:
    way = shapely.LineString([(125.301, 43.901), (125.309, 43.901)])
    roads = gpd.GeoDataFrame({"highway": ["residential"] * 3}, geometry=[way, way.reverse(), moved(way, 0, 0.001)], crs="EPSG:4326")
    (notice,) = [notice for notice in open_city(project(tmp_path, layers={"roads": roads})).notices if notice.en.startswith("roads")]
    assert notice.en == "roads: features that have the very geometry of another, and count beside it: 1 (id 2)"
    assert notice.zh == "roads：与另一要素几何完全相同、会被重复计入的要素，1 个（id 2）"
