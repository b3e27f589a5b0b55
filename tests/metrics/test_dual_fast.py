"""The two fast systems: residents whose distance fits in a comment, then properties, then what the data do not hold."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Point, affinity, box

from spatial.city import City
from spatial.measurement import measure
from spatial.result import Results

CRS = "EPSG:32651"
EAST, NORTH = 512_000.0, 4_860_000.0
GROUND = box(-5000, -5000, 5000, 5000)

Row = dict[str, Any]


def frame(rows: list[Row]) -> gpd.GeoDataFrame:
    shapes = [affinity.translate(row["geometry"], EAST, NORTH) for row in rows]
    return gpd.GeoDataFrame(pd.DataFrame(rows).drop(columns="geometry"), geometry=shapes, crs=CRS)


def road(*points: tuple[float, float], highway: str = "residential", **tags: Any) -> Row:
    return {"geometry": LineString(points), "highway": highway, **tags}


def person(x: float, y: float, count: float = 1.0) -> Row:
    return {"geometry": Point(x, y), "count": count}


STATION = {"geometry": Point(-3000, 0), "railway": "station", "station": "subway", "name": "甲"}
EXPRESSWAY = road((3000, -4000), (3000, 4000), highway="trunk", motorroad="yes")
RAMP = road((3000, 1000), (2900, 1200), highway="trunk_link")
STREET = road((-4000, 0), (4000, 0))


def run(people: list[Row], stops: list[Row] | None, roads: list[Row], areas: dict[str, Any] | None = None) -> Results:
    layers = {
        "districts": frame([{"area_id": key, "name": key, "geometry": shape} for key, shape in (areas or {"a": GROUND}).items()]),
        "built_up_area": frame([{"geometry": GROUND, "name": "built"}]),
        "roads": frame(roads),
        "population": frame(people),
    }
    if stops:
        layers["transit_stops"] = frame(stops)
    return measure(City.from_layers(crs=CRS, **layers), ["dual_fast_system"])


def share(results: Results, variant: str = "either") -> float:
    return float(results.get("dual_fast_system", variant=variant).value)


def test_near_rail_near_a_ramp_near_both() -> None:
    """10 people: 3 at the station, 4 beside the ramp, 1 beside the expressway 3 km from its ramp, 2 nowhere → rail 0.3, expressway 0.4, either 0.7."""
    people = [person(-2500, 0, 3), person(2000, 1100, 4), person(2990, -3000, 1), person(0, 4500, 2)]
    found = run(people, [STATION], [EXPRESSWAY, RAMP, STREET])
    assert [share(found, variant) for variant in ("rail", "expressway", "either", "both")] == pytest.approx([0.3, 0.4, 0.7, 0.0])
    row = found.get("dual_fast_system")
    assert (row.numerator, row.denominator, row.status) == (pytest.approx(7), 10, "ok")
    assert sorted(found.evidence["dual_fast_system.beyond"]["people"]) == [1.0, 2.0]
    assert len(found.evidence["dual_fast_system.ramps"]) == 1


def test_exactly_at_the_limit_counts() -> None:
    people = [person(-3000, 800), person(-3000, 800.01), person(900, 1200), person(899.9, 1200)]
    found = run(people, [STATION], [EXPRESSWAY, RAMP, STREET])
    assert share(found, "rail") == pytest.approx(0.25)
    assert share(found, "expressway") == pytest.approx(0.25)


def test_a_ramp_that_passes_under_is_no_ramp() -> None:
    """A link of other roads that crosses the expressway has no end on it; without a ramp the road itself counts and that is said."""
    crossing = road((2000, -2000), (4000, -2000), highway="primary_link")
    found = run([person(2500, 3900)], [STATION], [EXPRESSWAY, crossing, STREET])
    assert share(found, "expressway") == 1.0
    assert "measured to the road itself" in found.get("dual_fast_system").note


def test_what_the_data_do_not_hold_is_said() -> None:
    people = [person(-2500, 0, 3), person(0, 4500, 1)]
    without = run(people, [STATION], [STREET])
    row = without.get("dual_fast_system")
    assert (row.value, row.status, row.quality) == (pytest.approx(0.75), "estimated", 0.5)
    assert "no expressway" in row.note
    for variant in ("both", "expressway"):
        assert without.get("dual_fast_system", variant=variant).status == "no_data"
    bus = {"geometry": Point(0, 0), "highway": "bus_stop"}
    neither = run(people, [bus], [STREET]).get("dual_fast_system")
    assert neither.status == "no_data"
    assert "no rail station" in neither.note
    assert "no expressway" in neither.note
    assert run(people, None, [EXPRESSWAY]).get("dual_fast_system", variant="rail").status == "no_data"


def test_areas_add_up_and_variants_fit_together() -> None:
    random = np.random.default_rng(3)
    people = [person(x, y, n) for x, y, n in zip(*random.uniform(-4900, 4900, (2, 300)), random.uniform(1, 9, 300), strict=True)]
    areas = {"w": box(-5000, -5000, 500, 5000), "e": box(500, -5000, 5000, 5000)}
    found = run(people, [STATION], [EXPRESSWAY, RAMP, STREET], areas)
    table = found.table[found.table.metric == "dual_fast_system"].set_index(["variant", "area_id"])
    for variant in ("either", "both", "rail", "expressway"):
        for column in ("numerator", "denominator"):
            assert table.loc[(variant, "w"), column] + table.loc[(variant, "e"), column] == pytest.approx(
                table.loc[(variant, "city"), column]
            )
    assert share(found, "either") + share(found, "both") == pytest.approx(share(found, "rail") + share(found, "expressway"))
    again = run(people[::-1], [STATION], [STREET, RAMP, EXPRESSWAY], areas)
    np.testing.assert_allclose(again.table["value"].to_numpy(float), found.table["value"].to_numpy(float), rtol=1e-12)
    nearer = run(people, [STATION, {**STATION, "geometry": Point(0, 3000), "name": "乙"}], [EXPRESSWAY, RAMP, STREET], areas)
    assert share(nearer) >= share(found)
