"""Road polygons win over lines where they lie."""

import pytest
import shapely

from spatial.measurement import measure
from spatial.roads import surface
from tests.roads.streets import city, street


def area_m2(made, variant="paved"):
    return float(shapely.area(surface(made, variant)).sum())


def strip(kind, *, start=300.0, end=700.0, half=5.0, **columns):
    return {"kind": kind, "geometry": shapely.box(start, -half, end, half), **columns}


ROAD = street((0, 0), (1000, 0), highway="residential", width=20.0)


@pytest.mark.parametrize(
    ("kind", "variant", "area"),
    [
        # 1 km × 20 m by the line; 400 m of it drawn 10 m wide: 600 × 20 + 400 × 10 = 16,000 m².
        ("paved", "paved", 16_000),
        ("paved", "statistic", 16_000),
        ("铺装", "paved", 16_000),
        ("paved", "redline", 20_000),
        # A red line is never narrower than the road measured in it, 20 m; where it is drawn it is what is drawn.
        ("redline", "redline", 16_000),
        ("红线", "redline", 16_000),
        ("redline", "paved", 20_000),
        (None, "paved", 16_000),
        (None, "redline", 20_000),
    ],
)
def test_lines_give_way_to_what_is_drawn(kind, variant, area):
    made = city([ROAD], road_polygons=[strip(kind, highway=None)])
    assert area_m2(made, variant) == pytest.approx(area)


def test_a_wider_polygon_and_a_crossing_line():
    # Drawn 40 m wide on 400 m; the street across is inside it on 40 m and 20 m wide outside: 12,000 + 16,000 + (600 − 40) · 20.
    across = street((500, -300), (500, 300), highway="residential", width=20.0)
    made = city([ROAD, across], road_polygons=[strip("paved", half=20.0, highway=None)])
    assert area_m2(made) == pytest.approx(600 * 20 + 400 * 40 + 560 * 20)


def test_polygons_of_other_things_do_not_count():
    # Service yards count in the statistic alone, cycleways nowhere; sidewalks are part of the paved road.
    for tag, variant, area in [
        ("service", "paved", 20_000), ("service", "statistic", 20_000 + 4_000), ("cycleway", "paved", 20_000), ("footway", "paved", 24_000),
        ("footway", "carriageway", 17_000),
    ]:  # fmt: skip
        far = {"kind": None, "highway": tag, "geometry": shapely.box(300, 100, 700, 110)}
        assert area_m2(city([ROAD], road_polygons=[far]), variant) == pytest.approx(area), (tag, variant)


def test_the_metric_says_what_was_drawn_and_that_it_is_measured():
    # A street of unknown width: 9 m on 600 m by its class, 10 m on the 400 m that are drawn, and of these nothing is assumed.
    made = city([street((0, 0), (1000, 0), highway="residential")], road_polygons=[strip("paved", highway=None)])
    row = measure(made, ["road_area_ratio"]).get("road_area_ratio")
    assert row.numerator == pytest.approx(600 * 9 + 4000)
    assert row.low * row.denominator == pytest.approx(600 * 6 + 4000)
    assert row.high * row.denominator == pytest.approx(600 * 14 + 4000)
    assert 0.3 < row.quality < 0.5
    assert "43%" in row.note
