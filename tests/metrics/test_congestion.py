"""Congestion: speeds whose ratio fits in a comment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from shapely import Point, Polygon, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics.congestion import speed_index
from tests.metrics.test_roads import CRS, Road, frame, polygons, road

WIDE = box(-1000, -1000, 6000, 1000)


def stretch(y: float, length_m: float, free: float | None, peak: float | None, name: str = "") -> Road:
    return road((0, y), (length_m, y), free_flow_kmh=free, peak_kmh=peak, name=name)


def town(stretches: list[Road], areas: dict[str, Polygon] | None = None, **layers: Any) -> City:
    speeds = frame(stretches)[["free_flow_kmh", "peak_kmh", "name", "geometry"]]
    return City.from_layers(crs=CRS, districts=polygons(areas or {"a": WIDE}), road_speeds=speeds, **layers)


def index(stretches: list[Road], *, variant: str = "all_roads", **layers: Any) -> Any:
    return measure(town(stretches, **layers), ["congestion_index"]).get("congestion_index", variant=variant)


def test_sixty_against_thirty() -> None:
    assert index([stretch(0, 1000, 60.0, 30.0)]).value == pytest.approx(2.0)


def test_a_mean_by_length() -> None:
    # 1 km at 60/30 = 2 and 3 km at 60/60 = 1: (2 + 3) / 4 = 1.25.
    row = index([stretch(0, 1000, 60.0, 30.0), stretch(50, 3000, 60.0, 60.0)])
    assert (row.value, row.numerator, row.denominator) == (pytest.approx(1.25), pytest.approx(5000), pytest.approx(4000))
    assert (row.status, row.quality) == ("ok", 1.0)


@pytest.mark.parametrize(
    ("free", "peak", "expected"),
    [(60, 30, 2.0), (60, 60, 1.0), (40, 50, 0.8), (40, 80, 0.5), (40, 81, None), (0, 30, None), (60, 0, None), (-60, -30, None), (60, -1, None),
     (999, 500, None), (60, np.nan, None), (np.nan, 30, None), (np.inf, 30, None), (1e308, 1e308, None)],
)  # fmt: skip
def test_impossible_speeds(free: float, peak: float, expected: float | None) -> None:
    found = speed_index(np.array([free], float), np.array([peak], float))[0]
    assert found == expected if expected is not None else np.isnan(found)


def test_what_is_left_out_is_counted() -> None:
    # 1 km at 2.0; 1 km each with a peak of 0, a peak faster than twice the free flow, and without a speed: 1 of 4 km can be used.
    wrong = [stretch(50, 1000, 60.0, 0.0), stretch(100, 1000, 20.0, 90.0), stretch(150, 1000, None, 30.0)]
    row = index([stretch(0, 1000, 60.0, 30.0), *wrong])
    assert (row.value, row.quality) == (pytest.approx(2.0), pytest.approx(0.25))
    assert "3 stretches whose speeds are missing or impossible" in row.note
    nothing = index(wrong)
    assert nothing.status == "no_data"
    assert "no road here has speeds that can be used" in nothing.note


def test_near_schools_hospitals_and_shops() -> None:
    # A street of 5 km, its first half at 60/30. A school on the street at 1,000 m and a mall at 4,000 m: 600 m around each, half at 2.0 and half at 1.0. A café
    # is no destination. Without the facilities there is no data, with commercial land at 2,000–2,100 m 700 m more at 2.0.
    streets = [road((0, 0), (2500, 0), free_flow_kmh=60.0, peak_kmh=30.0), road((2500, 0), (5000, 0), free_flow_kmh=60.0, peak_kmh=60.0)]
    for street in streets:
        street["name"] = ""
    sites = [
        {"amenity": "school", "geometry": Point(1000, 0)},
        {"shop": "mall", "geometry": Point(4000, 0)},
        {"amenity": "cafe", "geometry": Point(2500, 0)},
    ]
    row = index(streets, variant="near_destinations", facilities=frame(sites))
    assert (row.value, row.denominator) == (pytest.approx(1.5), pytest.approx(1200, rel=1e-3))
    shops = frame([{"landuse": "commercial", "geometry": box(2000, -10, 2100, 10)}])
    row = index(streets, variant="near_destinations", facilities=frame(sites), landuse=shops)
    assert row.denominator == pytest.approx(1900, rel=1e-2)
    assert row.value == pytest.approx((2 * 1300 + 600) / 1900, rel=1e-2)
    assert index(streets, variant="near_destinations").status == "no_data"


def test_areas_add_up_order_changes_nothing_and_a_tile_is_the_whole() -> None:
    random = np.random.default_rng(5)
    rows = [
        road(tuple(a), tuple(b), free_flow_kmh=float(free), peak_kmh=float(peak), name="")
        for a, b, free, peak in zip(
            random.uniform(-900, 900, (20, 2)),
            random.uniform(-900, 900, (20, 2)),
            random.integers(30, 80, 20),
            random.integers(10, 40, 20),
            strict=True,
        )
    ]
    areas = {"a": box(-1000, -1000, 0, 1000), "b": box(0, -1000, 1000, 1000)}
    sites = frame({"amenity": "school", "geometry": Point(*xy)} for xy in random.uniform(-900, 900, (6, 2)))
    made = town(rows, areas, facilities=sites)
    table = measure(made, ["congestion_index"]).table
    again = measure(town(rows[::-1], areas, facilities=sites), ["congestion_index"]).table
    np.testing.assert_allclose(table.value, again.value, rtol=1e-9)
    wide = table.pivot_table(index="variant", columns="area_id", values="numerator")
    np.testing.assert_allclose(wide.a + wide.b, wide.city, rtol=1e-9)
    shape = made.areas().whole[list(made.areas().ids).index("a")]
    tile = measure(made.subset(shape, halo_m=600.0), ["congestion_index"]).table.query("area_id == 'a'")
    np.testing.assert_allclose(tile.value, table.query("area_id == 'a'").value, rtol=1e-9)


def test_evidence_has_the_index_of_each_stretch() -> None:
    frame_ = measure(town([stretch(0, 1000, 60.0, 30.0, "人民大街"), stretch(50, 1000, 0.0, 30.0)]), ["congestion_index"]).evidence[
        "congestion_index.roads"
    ]
    assert frame_[["name", "congestion"]].to_numpy().tolist() == [["人民大街", 2.0]]


def test_the_note_says_for_how_much_road_it_speaks() -> None:
    # 1 km and 3 km with speeds, 1 km without: two stretches of 4.0 km.
    row = index([stretch(0, 1000, 60.0, 30.0), stretch(50, 3000, 60.0, 60.0), stretch(100, 1000, 60.0, 0.0)])
    assert "2 stretches of 4.0 km in all" in row.note
