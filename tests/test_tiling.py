"""Tiled equals whole: each area from its own selection, for every metric that declares a halo."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, Point, box

from spatial.city import City
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.metrics.completeness import thin_layers
from spatial.metrics.land import built_up_area

CRS = "EPSG:32651"
X, Y = 500_000.0, 4_850_000.0
# What reaches farther is tested in a longer city: tests/metrics/test_reach_tiling.py.
LOCAL = sorted(name for name, metric in registered().items() if metric.halo_m is not None and metric.halo_m <= 1000)


def frame(shapes, **columns):
    made = gpd.GeoDataFrame(columns, geometry=list(shapes), crs=CRS)
    return made.set_geometry(made.translate(X, Y))


@pytest.fixture(scope="module")
def city():
    """A random city of 3 km × 3 km in nine districts; streets, parks, water, housing, buildings and people overlap every edge."""
    random = np.random.default_rng(7)

    def boxes(count, least, most):
        corners = random.uniform(-100, 2900, (count, 2))
        size = random.uniform(least, most, (count, 2))
        return [box(*corner, *(corner + extent)) for corner, extent in zip(corners, size, strict=True)]

    lines = []
    for at in np.arange(50, 3000, 145):
        wobble = random.uniform(-20, 20, 4)
        lines.append(LineString([(at + w, y) for w, y in zip(wobble, (-50, 900, 1800, 3050), strict=True)]))
        lines.append(LineString([(x, at + w) for w, x in zip(wobble, (-50, 900, 1800, 3050), strict=True)]))
    classes = random.choice(["primary", "secondary", "tertiary", "residential", "service", "living_street"], len(lines))
    oneway = random.choice(["yes", None], len(lines))
    return City.from_layers(
        "random",
        crs=CRS,
        districts=frame(
            [box(x, y, x + 1000, y + 1000) for x in (0, 1000, 2000) for y in (0, 1000, 2000)],
            area_id=[f"{x}{y}" for x in "abc" for y in "123"],
            name=[""] * 9,
        ),
        roads=frame(lines, highway=classes, oneway=oneway),
        parks=frame(boxes(25, 15, 250)),
        green=frame(boxes(40, 10, 200)),
        water=frame(boxes(10, 20, 200)),
        landuse=frame(boxes(60, 50, 400), landuse=random.choice(["residential", "industrial", "grass"], 60)),
        buildings=frame(boxes(300, 8, 40), building=["yes"] * 300),
        facilities=frame([Point(xy) for xy in random.uniform(0, 3000, (80, 2))], amenity=["cafe"] * 80),
        population=frame(boxes(80, 50, 300), count=random.uniform(1, 500, 80)),
    )


@pytest.fixture(scope="module")
def whole(city):
    built_up_area(city)  # city-wide: a part of the city is handed the answer
    thin_layers(city)
    return measure(city, LOCAL)


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("area", ["a1", "b2", "c3"])
def test_tiled_equals_whole(city, whole, name, area):
    polygon = whole.areas.whole[list(whole.areas.ids).index(area)]
    part = city.subset(polygon, registered()[name].halo_m)
    assert sum(len(layer.frame) for layer in part.layers.values() if layer.frame is not None) < sum(
        len(layer.frame) for layer in city.layers.values() if layer.frame is not None
    )
    alone = measure(part, [name]).table.query("area_id == @area")
    expected = whole.table.query("area_id == @area and metric == @name")
    columns = ["value", "low", "high", "numerator", "denominator", "quality"]
    np.testing.assert_allclose(
        alone[columns].to_numpy(dtype=float), expected[columns].to_numpy(dtype=float), rtol=1e-9, atol=1e-9, equal_nan=True
    )
    assert list(alone.status) == list(expected.status)


def test_numerators_add_up_to_the_city(whole):
    """Additive numerators over disjoint areas; junctions counted once though they may lie on an edge."""
    for _, part in whole.table.dropna(subset=["numerator"]).groupby(["metric", "variant"]):
        total = part.set_index("area_id").numerator
        assert total.drop("city").sum() == pytest.approx(total["city"], rel=1e-6, abs=1e-6), part.metric.iloc[0]
