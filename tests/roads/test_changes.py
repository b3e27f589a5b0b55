"""Roads of two days: towns whose answer fits in a comment, then what must hold whatever the streets are."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, affinity, box

from spatial.city import City
from spatial.roads.changes import BRANCH, KINDS, NEW, road_changes

CRS, EAST, NORTH = "EPSG:32651", 512_000.0, 4_860_000.0
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Road = dict[str, Any]


def road(identity: str, *points: tuple[float, float], highway: str = "residential", **tags: Any) -> Road:
    return {"id": identity, "highway": highway, "geometry": LineString(points), **tags}


def frame(rows: list[Road]) -> gpd.GeoDataFrame:
    shapes = [affinity.translate(row["geometry"], EAST, NORTH) for row in rows]
    return gpd.GeoDataFrame(pd.DataFrame(rows).drop(columns="geometry"), geometry=shapes, crs=CRS)


def town(before: list[Road], now: list[Road], **layers: list[Road]) -> City:
    outline = frame([{"id": "a", "name": "a", "geometry": box(-5000, -5000, 5000, 5000)}]).rename(columns={"id": "area_id"})
    return City.from_layers(
        crs=CRS,
        districts=outline,
        boundary=outline,
        roads=frame(now),
        roads_before=frame(before),
        **{k: frame(v) for k, v in layers.items()},
    )


def lengths(city: City, *classes: str) -> dict[str, float]:
    changes = road_changes(city).of(classes or BRANCH)
    return {kind: round(float(changes.length_m[changes.kind == kind].sum()), 6) for kind in KINDS if (changes.kind == kind).any()}


OLD = [road("w1", (0, 0), (1000, 0))]


def test_split_moved_and_tagged_anew_is_no_new_road() -> None:
    """1 km of residential street; later the same in two ways, 3 m aside, one of them tertiary; and one street of 500 m that leaves it: 500 m."""
    now = [
        road("w1", (0, 3), (400, 3)),
        road("w2", (400, 3), (1000, 3), highway="tertiary"),
        road("w3", (500, 3), (500, 503), highway="tertiary"),
    ]
    assert lengths(town(OLD, now)) == {"unknown": 500.0, "redrawn": 600.0, "kept": 400.0}
    # By class: 600 m of tertiary was residential, and so 600 m of residential went there.
    assert lengths(town(OLD, now), "tertiary") == {"unknown": 500.0, "retagged": 600.0}
    assert lengths(town(OLD, now), "residential") == {"kept": 400.0, "left": 600.0}


def test_a_line_shifted_by_five_metres_and_a_new_one_of_two_kilometres() -> None:
    """The check of the catalogue: 2 km."""
    now = [road("w9", (0, 5), (1000, 5)), road("w10", (0, 400), (2000, 400))]
    found = lengths(town(OLD, now))
    assert sum(found.get(kind, 0) for kind in NEW) == 2000.0
    assert found["redrawn"] == 1000.0


@pytest.mark.parametrize(("aside", "new"), [(14.0, 0.0), (16.0, 1000.0)])
def test_how_far_aside_a_road_is_the_same(aside: float, new: float) -> None:
    found = lengths(town(OLD, [road("w2", (0, aside), (1000, aside))]))
    assert sum(found.get(kind, 0) for kind in NEW) == new


def test_a_stub_of_less_than_thirty_metres_is_drawn_better_and_not_new() -> None:
    """A stub of 25 m alone is none; the same as the first of three ways of a street of 325 m belongs to it."""
    alone = [*OLD, road("w2", (500, 0), (500, 25))]
    street = [*alone, road("w3", (500, 25), (500, 150)), road("w4", (500, 150), (500, 325))]
    assert "unknown" not in lengths(town(OLD, alone))
    assert lengths(town(OLD, street))["unknown"] == 325.0


def test_what_was_under_construction_and_is_open_was_probably_built() -> None:
    before = [*OLD, road("w2", (0, 60), (800, 60), highway="construction")]
    now = [*OLD, road("w2", (0, 60), (800, 60), highway="tertiary")]
    city = town(before, now)
    assert lengths(city)["built"] == 800.0
    assert set(road_changes(city).evidence[road_changes(city).kind == "built"]) == {"construction"}


@pytest.mark.parametrize(
    ("opened", "kind"), [("2022", "built"), ("2022-05-01", "built"), ("2009", "mapped"), ("2019", "unknown"), ("old", "unknown")]
)
def test_the_day_of_opening_tells_where_it_is_on_one_side(opened: str, kind: str) -> None:
    """The earlier map is of May 2019: a road opened in "2019" may be on either side."""
    city = town(OLD, [*OLD, road("w2", (0, 60), (800, 60), opened=opened)])
    object.__setattr__(city.layer("roads_before"), "options", {"date": "2019-05-20"})
    assert lengths(city)[kind] == 800.0


def test_a_place_where_nothing_was_mapped_is_no_building_site() -> None:
    """A street 240 m from the one that was there cannot be told, 260 m away the map was blank."""
    near, far = (lengths(town(OLD, [*OLD, road("w2", (0, y), (800, y))])) for y in (240.0, 260.0))
    assert near["unknown"] == 800.0
    assert far["mapped"] == 800.0


def test_houses_that_were_there_before_speak_for_mapping_late() -> None:
    """Ways are numbered as they are drawn: of the earlier map the last is 900. Houses 100 … stand along the street of 200 m, or 1000 … do."""
    before = [*OLD, road("w900", (0, 100), (50, 100))]

    def found(first: int) -> dict[str, float]:
        houses = [{"id": f"w{first + n}", "building": "yes", "geometry": box(20 + 30 * n, 220, 35 + 30 * n, 232)} for n in range(6)]
        city = town(before, [*before, road("w950", (0, 200), (200, 200))], buildings=houses)
        object.__setattr__(city.layer("buildings"), "origin", "osm")
        return lengths(city)

    assert found(100)["mapped"] == 200.0
    assert found(1000)["unknown"] == 200.0


def test_a_street_that_became_two_carriageways_is_one_road() -> None:
    """1 km drawn as one line, then as two 40 m apart: kept, and its length is 1 km."""
    before = [road("w1", (0, 0), (1000, 0), highway="tertiary", name="A")]
    now = [
        road("w1", (0, -20), (1000, -20), highway="tertiary", name="A", oneway="yes"),
        road("w2", (1000, 20), (0, 20), highway="tertiary", name="A", oneway="yes"),
    ]
    found = lengths(town(before, now))
    assert set(found) <= {"kept", "redrawn"}
    assert sum(found.values()) == pytest.approx(1000.0, abs=1.0)


def test_a_new_street_beside_a_road_that_is_still_there_was_not_that_road() -> None:
    """12 m beside a service road that stands in both maps."""
    side = road("w5", (0, 300), (600, 300), highway="service")
    now = [*OLD, side, road("w6", (0, 312), (600, 312))]
    found = lengths(town([*OLD, side], now))
    assert found.get("retagged", 0.0) == 0.0
    assert sum(found.get(kind, 0) for kind in NEW) == 600.0
    # And where it is not there any more, it is the street now.
    assert lengths(town([*OLD, side], [*OLD, now[-1]]))["retagged"] == 600.0


def test_a_street_of_another_class_now_is_itself_whatever_crosses_it() -> None:
    """Its middle is crossed by a street that kept the class that it had; and a way that kept its id may be drawn 30 m aside."""
    cross = road("w5", (500, -300), (500, 300))
    assert lengths(town([*OLD, cross], [road("w1", (0, 0), (1000, 0), highway="secondary"), cross]), "secondary") == {"retagged": 1000.0}
    assert lengths(town(OLD, [road("w1", (0, 30), (1000, 30))])) == {"kept": 1000.0}
    assert lengths(town(OLD, [road("w2", (0, 30), (1000, 30))])) == {"unknown": 1000.0, "gone": 1000.0}


def test_what_is_not_on_the_map_now_is_gone_and_what_never_was_is_not() -> None:
    planned = road("w3", (0, 600), (500, 600), highway="proposed")
    found = lengths(town([*OLD, road("w2", (0, 300), (700, 300)), planned], OLD))
    assert found == {"kept": 1000.0, "gone": 700.0}


def test_a_street_that_goes_on_where_another_ended_is_new_from_there() -> None:
    assert lengths(town(OLD, [*OLD, road("w2", (1000, 0), (1200, 0))])) == {"kept": 1000.0, "unknown": 200.0}


def test_a_way_that_kept_its_id_and_was_built_on_is_new_from_there_and_one_that_was_drawn_better_is_not() -> None:
    # 1 km of which the same way is 1.2 km long later: 200 m, in steps of 10 m. The same way 25 m aside is drawn better, no street of 1 km is new.
    assert lengths(town(OLD, [road("w1", (0, 0), (1000, 0), (1200, 0))])) == {"unknown": 200.0, "kept": 1000.0}
    assert lengths(town(OLD, [road("w1", (-200, 0), (0, 0), (1000, 0))])) == {"unknown": 200.0, "kept": 1000.0}
    assert lengths(town(OLD, [road("w1", (0, 25), (1000, 25))])) == {"kept": 1000.0}


def test_nothing_changed() -> None:
    assert lengths(town(OLD, OLD)) == {"kept": 1000.0}


def test_no_road_counts_on_one_of_the_days() -> None:
    paths = [road("w7", (0, 50), (300, 50), highway="footway")]
    assert lengths(town(paths, OLD)) == {"unknown": 1000.0}
    assert lengths(town(OLD, paths)) == {"gone": 1000.0}


def streets(seed: int) -> tuple[list[Road], list[Road]]:
    """A random grid before and after: some streets moved a little, tagged anew, split, left away or new."""
    random = np.random.default_rng(seed)
    kinds = ["residential", "tertiary", "secondary", "service"]
    before, now = [], []
    for n in range(14):
        at, kind = 150.0 * n, str(random.choice(kinds))
        ends = ((at, 0.0), (at, 900.0)) if n % 2 else ((0.0, at), (900.0, at))
        if random.random() < 0.8:
            before.append(road(f"w{n}", *ends, highway=kind))
        if random.random() < 0.85:
            shift = float(random.uniform(-4, 4))
            moved = [(x + shift, y + shift) for x, y in ends]
            now.append(
                road(
                    f"w{n + 100 * int(random.random() < 0.3)}", *moved, highway=kind if random.random() < 0.6 else str(random.choice(kinds))
                )
            )
    return before or OLD, now or OLD


@few
@given(st.integers(0, 10_000))
def test_all_of_both_days_is_accounted_for_and_order_does_not_matter(seed: int) -> None:
    before, now = streets(seed)
    city, turned = town(before, now), town(before[::-1], now[::-1])
    changes = road_changes(city).of(BRANCH)

    def total(*kinds: str) -> float:
        return float(changes.length_m[np.isin(changes.kind, kinds)].sum())

    def drawn(rows: list[Road]) -> float:
        return sum(row["geometry"].length for row in rows if row["highway"] in BRANCH)

    assert total(*NEW, "retagged", "redrawn", "kept") == pytest.approx(drawn(now), abs=1e-6)
    # Of the earlier day what is kept is measured on the later one, which is drawn a little otherwise.
    assert total("left", "gone") <= drawn(before) + 1e-6
    assert lengths(turned) == pytest.approx(lengths(city), abs=1e-6)
    same = road_changes(town(now, now)).of(BRANCH)
    assert set(same.kind) <= {"kept"}


def test_points_of_the_compass_and_place_do_not_matter() -> None:
    now = [road("w1", (0, 3), (1000, 3)), road("w3", (500, 3), (500, 503))]

    def turned(rows: list[Road], angle: float) -> list[Road]:
        return [{**row, "geometry": affinity.rotate(row["geometry"], angle, origin=Point(0, 0))} for row in rows]

    for angle in (37.0, 90.0, 211.0):
        assert lengths(town(turned(OLD, angle), turned(now, angle))) == pytest.approx({"unknown": 500.0, "kept": 1000.0}, abs=1e-5)
