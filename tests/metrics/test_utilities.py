"""Sewers: what of the built-up land they reach."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, box

from spatial.city import City
from spatial.measurement import measure

CRS = "EPSG:32651"
X, Y = 5e5, 4.85e6


def city(*pipes):
    def frame(geometry, **columns):
        return gpd.GeoDataFrame(columns, geometry=geometry, crs=CRS).set_geometry(gpd.GeoSeries(geometry, crs=CRS).translate(X, Y))

    districts = frame([box(0, 0, 500, 1000), box(500, 0, 1000, 1000)], area_id=["w", "e"], name=["W", "E"])
    return City.from_layers(
        crs=CRS, districts=districts, built_up_area=frame([box(0, 0, 1000, 1000)]), **({"sewers": frame(list(pipes))} if pipes else {})
    )


def test_a_pipe_serves_fifty_metres_on_either_side():
    """A pipe right across 1 km²: a strip of 100 m × 1,000 m = 10 ha of 100 ha; in the west half as much of half as much."""
    made = measure(city(LineString([(-200, 500), (1200, 500)])), ["sewer_coverage", "sewer_gap_area"])
    for area, share, gap in (("city", 0.1, 90), ("w", 0.1, 45), ("e", 0.1, 45)):
        assert made.get("sewer_coverage", area_id=area).value == pytest.approx(share, rel=1e-6)
        assert made.get("sewer_gap_area", area_id=area).value == pytest.approx(gap, rel=1e-6)
    assert made.evidence["sewer_gap_area.gaps"].geometry.area.sum() == pytest.approx(900_000, rel=1e-6)


def test_two_pipes_side_by_side_serve_once():
    """Two pipes 40 m apart reach 140 m, not 200: 14 ha."""
    made = measure(city(LineString([(-200, 480), (1200, 480)]), LineString([(-200, 520), (1200, 520)])), ["sewer_coverage"])
    assert made.get("sewer_coverage").value == pytest.approx(0.14, rel=1e-6)


def test_coverage_and_gap_make_the_whole():
    rng = np.random.default_rng(5)
    pipes = [LineString(rng.uniform(0, 1000, (2, 2))) for _ in range(8)]
    made = measure(city(*pipes), ["sewer_coverage", "sewer_gap_area"])
    for area in ("city", "w", "e"):
        row, gap = made.get("sewer_coverage", area_id=area), made.get("sewer_gap_area", area_id=area)
        assert row.numerator + gap.numerator == pytest.approx(row.denominator)


def test_without_the_layer_there_is_no_data():
    made = measure(city(), ["sewer_coverage", "sewer_gap_area"])
    assert set(made.table.status) == {"no_data"}
