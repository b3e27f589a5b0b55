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
MAIN = {"highway": "trunk", "name": "东部快速路"}
SIDE = {"highway": "secondary", "name": "东部快速路辅路"}
ABOVE = {"bridge": "yes", "layer": "1"}


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


ODD = {
    "a lone carriageway": ([carriageway(0, 1000, east=True, **MAIN), carriageway(-25, 1000, east=True, **SIDE)], 1.0),
    # Farther apart than carriageways of one road may be: two roads of 1 km, of which one has a side road.
    "parted by 130 m": (
        [carriageway(0, 1000, east=True, **MAIN), carriageway(130, 1000, east=False, **MAIN), carriageway(-25, 1000, east=True, **SIDE)],
        2.0,
    ),
    "a pair above its side roads": (
        [
            *(carriageway(y, 1000, east=east, **MAIN, **ABOVE) for y, east in ((0, True), (15, False))),
            *(carriageway(y, 1000, east=east, **SIDE) for y, east in ((-25, True), (40, False))),
        ],
        1.0,
    ),
    "a main road that is not open": (
        [carriageway(0, 1000, east=True, access="private", **MAIN), carriageway(-25, 1000, east=True, **SIDE)],
        0.0,
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_every_road_counts_once_in_some_class_and_the_density_holds_the_same_classes(what: str) -> None:
    roads, expressway_km = ODD[what]
    table = measure(city(roads, {"a": WIDE}), [*LENGTHS, "road_network_density"]).table.query("area_id == 'city'")
    found = dict(zip(table.metric + "/" + table.variant, table.numerator / 1e3, strict=True))
    assert found["expressway_length/"] == pytest.approx(expressway_km)
    assert found["arterial_length/secondary"] == pytest.approx(1.0 if expressway_km == 0.0 else 0.0)
    total = found["expressway_length/"] + found["arterial_length/primary_secondary"] + found["branch_road_length/total"]
    assert found["road_network_density/total"] == pytest.approx(total)
    assert found["road_network_density/expressway"] == pytest.approx(found["expressway_length/"])
