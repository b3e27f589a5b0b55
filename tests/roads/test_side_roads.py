"""Side roads of an expressway belong to it: four lines of which the road is ten kilometres long."""

from __future__ import annotations

import numpy as np
import pytest
from shapely import box

from spatial.measurement import measure
from spatial.roads.side_roads import length_classes
from tests.metrics.test_roads import Road, carriageway, city

WIDE = box(-1000, -1000, 11_000, 1000)
LENGTHS = ("expressway_length", "arterial_length", "branch_road_length")


def expressway(*, at: tuple[float, float] = (-40.0, 60.0), side: str = "东部快速路辅路", highway: str = "secondary") -> list[Road]:
    main = {"highway": "trunk", "name": "东部快速路"}
    beside = {"highway": highway, "name": side}
    return [
        carriageway(0, 10_000, east=True, **main),
        carriageway(20, 10_000, east=False, **main),
        carriageway(at[0], 10_000, east=True, **beside),
        carriageway(at[1], 10_000, east=False, **beside),
    ]


def kilometres(roads: list[Road]) -> list[float]:
    results = measure(city(roads, {"a": WIDE}), LENGTHS)
    return [float(results.get(name).value) for name in LENGTHS]


@pytest.mark.parametrize(
    ("side", "highway"), [("东部快速路辅路", "secondary"), ("东部快速路（辅道）", "primary"), ("东部快速路南侧辅路", "tertiary")]
)
def test_side_roads_make_an_expressway_no_longer_and_are_no_arterials(side: str, highway: str) -> None:
    assert kilometres(expressway(side=side, highway=highway)) == pytest.approx([10.0, 0.0, 0.0])


def test_a_side_road_of_another_road_or_far_away_stays_what_it_is() -> None:
    # The pair 300 m aside is a road of its own, 10 km; so is that of another name right beside the expressway.
    for roads in (expressway(at=(-300, -320)), expressway(at=(-40, -60), side="西部快速路辅路")):
        assert kilometres(roads) == pytest.approx([10.0, 10.0, 0.0])


def test_a_road_that_nothing_fast_runs_beside_keeps_its_class() -> None:
    made = city([carriageway(0, 1000, east=True, highway="secondary", name="人民大街辅路")], {"a": WIDE})
    kind, counts = length_classes(made)
    assert list(np.unique(kind)) == ["secondary"]
    assert counts.all()
