"""Tiled equals whole for every metric that reaches far: a city of 16 km × 1.6 km, each district from its own selection."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, Point, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.metrics.facilities import facility_classes, mapped
from spatial.metrics.land import built_up_area
from spatial.metrics.walking import sites_reached

CRS = "EPSG:32651"
X, Y = 500_000.0, 4_850_000.0
# What looks farther than the strip is long (dead ends) has a test of its own.
FAR = sorted(name for name, metric in registered().items() if metric.halo_m is not None and 1000 < metric.halo_m < 8000)
LENGTH, WIDTH, STEP = 16_000, 1600, 100


def frame(shapes, **columns):
    made = gpd.GeoDataFrame(columns, geometry=list(shapes), crs=CRS)
    return made.set_geometry(made.translate(X, Y))


@pytest.fixture(scope="module")
def city():
    random = np.random.default_rng(11)
    pieces = [((x, y), (x + STEP, y)) for x in range(0, LENGTH, STEP) for y in range(0, WIDTH + 1, STEP)]
    pieces += [((x, y), (x, y + STEP)) for x in range(0, LENGTH + 1, STEP) for y in range(0, WIDTH, STEP)]
    kept = [LineString(piece) for piece in pieces if random.random() > 0.2]

    def points(count):
        return [Point(x, y) for x, y in zip(random.uniform(0, LENGTH, count), random.uniform(0, WIDTH, count), strict=True)]

    def boxes(count, least, most):
        x, y, w, h = random.uniform(0, LENGTH, count), random.uniform(0, WIDTH, count), *random.uniform(least, most, (2, count))
        return [box(*each) for each in zip(x, y, x + w, y + h, strict=True)]

    kinds = random.choice(["school", "library", "clinic", "pharmacy", "kindergarten", "marketplace", "post_office"], 300)
    names = [f"小学{n}" if kind == "school" else f"{kind}{n}" for n, kind in enumerate(kinds)]
    return City.from_layers(
        "strip",
        crs=CRS,
        districts=frame([box(x, 0, x + 1600, WIDTH) for x in range(0, LENGTH, 1600)], area_id=[f"d{x}" for x in range(10)], name=[""] * 10),
        roads=frame(kept, highway=random.choice(["residential", "tertiary", "footway"], len(kept))),
        facilities=frame([*points(270), *boxes(30, 40, 200)], amenity=kinds, name=names),
        transit_stops=frame(points(60), highway=["bus_stop"] * 60, railway=random.choice(["tram_stop", None], 60)),
        parks=frame(boxes(60, 15, 250)),
        walls=frame([LineString([(x, y), (x + 150, y)]) for x, y in random.uniform(0, 15_000, (40, 2)) * [1, 0.1]], barrier=["wall"] * 40),
        water=frame(boxes(10, 20, 200)),
        landuse=frame(boxes(300, 50, 400), landuse=random.choice(["residential", "industrial"], 300)),
        communities=frame([box(x, y, x + 400, y + 400) for x in range(0, LENGTH, 400) for y in range(0, WIDTH, 400)]),
        population=frame([*points(600), *boxes(60, 50, 300)], count=random.uniform(1, 500, 660)),
    )


@pytest.fixture(scope="module")
def whole(city):
    built_up_area(city)  # city-wide: a part of the city is handed the answers
    for name in facility_classes(city).classes:
        mapped(city, name)
        sites_reached(city, name)
    return measure(city, FAR)


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("area", ["d0", "d4"])
def test_tiled_equals_whole(city, whole, name, area):
    polygon = whole.areas.whole[list(whole.areas.ids).index(area)]
    part = city.subset(polygon, registered()[name].halo_m)
    assert len(part.layer("roads").frame) < 0.7 * len(city.layer("roads").frame)
    alone = measure(part, [name]).table.query("area_id == @area")
    expected = whole.table.query("area_id == @area and metric == @name")
    columns = ["value", "low", "high", "numerator", "denominator", "quality"]
    np.testing.assert_allclose(
        alone[columns].to_numpy(dtype=float), expected[columns].to_numpy(dtype=float), rtol=1e-9, atol=1e-9, equal_nan=True
    )
    assert list(alone.status) == list(expected.status)


def test_most_have_a_value(whole):
    """Else there is nothing to compare."""
    assert whole.table.query("area_id == 'd4'").value.notna().mean() > 0.5


def test_numerators_add_up_to_the_city(whole):
    for (metric, variant), part in whole.table.dropna(subset=["numerator"]).groupby(["metric", "variant"]):
        total = part.set_index("area_id").numerator
        assert total.drop("city").sum() == pytest.approx(total["city"], rel=1e-6, abs=1e-6), (metric, variant)


def test_a_larger_limit_never_lowers_a_share(whole):
    """Of one class in several sets, the longer limit reaches at least as many."""
    table = whole.table.query("metric == 'service_15min_by_class' and area_id == 'city'").set_index("variant").value
    assert table["mofcom_market_residents"] >= table["gb50180_market_residents"] > 0
    assert table["gb50180_culture_residents"] == table["tdt1063_culture_residents"]
