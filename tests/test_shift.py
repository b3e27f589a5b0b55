"""Made-up streets, moved by the published shift: what is found, and what must never be called."""

import math
import time
from dataclasses import astuple

import numpy as np
import pyproj
import pytest
import shapely

from spatial.crs import choose_crs
from spatial.datum import to_wgs84, wgs84_to_bd09, wgs84_to_gcj02
from spatial.shift import NEAR_M, Shift, find_shift

CHANGCHUN = (125.33, 43.89)
GUANGZHOU = (113.27, 23.13)
LAS_PALMAS = (-15.43, 28.12)
DEGREES = pyproj.CRS.from_epsg(4326)
DONE = {
    "aligned": lambda lon, lat: (lon, lat),
    "gcj02": wgs84_to_gcj02,
    "over_converted": lambda lon, lat: to_wgs84(lon, lat, "gcj02"),
    "bd09": wgs84_to_bd09,
}


class Place:
    """A projected CRS, a centre in it, and the way to degrees and back."""

    def __init__(self, lon, lat):
        self.crs = choose_crs(lon, lat)
        self.way = pyproj.Transformer.from_crs(DEGREES, self.crs, always_xy=True)
        self.centre = np.array(self.way.transform(lon, lat))

    def moved(self, geometries, move):
        """What a datum does to geometries."""

        def change(xy):
            lon, lat = self.way.transform(xy[:, 0], xy[:, 1], direction="INVERSE")
            return np.column_stack(self.way.transform(*move(lon, lat)))

        return shapely.transform(geometries, change)

    def shift(self):
        """The published shift here, metres."""
        point = shapely.points(self.centre[None])
        return shapely.get_coordinates(self.moved(point, wgs84_to_gcj02))[0] - self.centre


def spacings(seed, size_m=7000.0):
    """Streets 80 to 400 m apart, as no planner repeats himself."""
    steps = np.random.default_rng(seed).uniform(80, 400, 60)
    along = np.cumsum(steps) - steps.sum() / 2
    return along[np.abs(along) < size_m / 2]


def turned(geometries, place, degrees):
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return shapely.transform(geometries, lambda xy: xy @ turn + place.centre)


def streets(place, xs, ys, degrees=0.0):
    up = [[(x, ys[0]), (x, ys[-1])] for x in xs]
    across = [[(xs[0], y), (xs[-1], y)] for y in ys]
    return turned(shapely.linestrings([*up, *across]), place, degrees)


def blocks(place, xs, ys, degrees=0.0, set_back_m=12.0):
    """Plots between the streets, set back from the centre lines."""
    west, south = (axis.ravel() for axis in np.meshgrid(xs[:-1], ys[:-1]))
    east, north = (axis.ravel() for axis in np.meshgrid(xs[1:], ys[1:]))
    b = set_back_m
    return turned(shapely.box(west + b, south + b, east - b, north - b), place, degrees)


def alike(one, other):
    """The same but for the last digits, since sums run in another order."""
    return one.verdict == other.verdict and astuple(one)[1:] == pytest.approx(astuple(other)[1:], abs=1e-2, nan_ok=True)


@pytest.mark.parametrize("where", [CHANGCHUN, GUANGZHOU], ids=["Changchun", "Guangzhou"])
@pytest.mark.parametrize("done", DONE)
@pytest.mark.parametrize("layer", [streets, blocks], ids=["streets", "blocks"])
def test_what_was_done_to_a_layer_is_found(where, done, layer):
    place = Place(*where)
    xs, ys = spacings(1), spacings(2)
    roads = streets(place, xs, ys, 17.0)
    found = find_shift(place.moved(layer(place, xs[4:-4], ys[4:-4], 17.0), DONE[done]), roads, place.crs)
    assert found.verdict == done
    expected = {"aligned": np.zeros(2), "gcj02": place.shift(), "over_converted": -place.shift()}
    if done in expected:
        assert math.hypot(found.east_m - expected[done][0], found.north_m - expected[done][1]) < NEAR_M
        assert found.expected_m == pytest.approx(np.hypot(*place.shift()), abs=15)


def test_changchun_is_some_590_m_off():
    place = Place(*CHANGCHUN)
    xs, ys = spacings(3), spacings(4)
    roads = streets(place, xs, ys)
    found = find_shift(place.moved(roads, wgs84_to_gcj02), roads, place.crs)
    assert found.verdict == "gcj02"
    assert math.hypot(found.east_m, found.north_m) == pytest.approx(590, abs=15)


def test_nothing_is_changed_and_the_answer_is_always_the_same():
    place = Place(*CHANGCHUN)
    xs, ys = spacings(1), spacings(2)
    roads, plots = streets(place, xs, ys), blocks(place, xs, ys)
    before = shapely.to_wkb(plots).tolist()
    assert find_shift(plots, roads, place.crs) == find_shift(plots, roads, place.crs)
    assert alike(find_shift(plots, roads, place.crs), find_shift(plots[::-1], roads[::-1], place.crs))
    assert shapely.to_wkb(plots).tolist() == before


@pytest.mark.parametrize(("east_m", "north_m"), [(-900.0, 400.0), (150.0, -120.0), (1058.0, 530.0), (-265.0, 527.0)])
def test_another_displacement_is_no_datum(east_m, north_m):
    """The third is the shift done twice, the fourth the shift turned by 90°."""
    place = Place(*CHANGCHUN)
    xs, ys = spacings(1), spacings(2)
    plots = shapely.transform(blocks(place, xs[4:-4], ys[4:-4], 17.0), lambda xy: xy + np.array([east_m, north_m]))
    assert find_shift(plots, streets(place, xs, ys, 17.0), place.crs).verdict == "unsure"


def test_streets_of_another_plan_say_nothing():
    place = Place(*CHANGCHUN)
    verdicts = {
        find_shift(
            blocks(place, spacings(seed), spacings(seed + 100), 7.0 * seed),
            streets(place, spacings(seed + 200), spacings(seed + 300)),
            place.crs,
        ).verdict
        for seed in range(6)
    }
    assert verdicts == {"unsure"}


@pytest.mark.parametrize("spacing_m", [100.0, 200.0, 590.0])
@pytest.mark.parametrize("done", ["aligned", "gcj02"])
def test_a_regular_grid_is_never_called_wrongly(spacing_m, done):
    """Every street looks like the next: an alarm may only be right, wherever the layer ends."""
    place = Place(*CHANGCHUN)
    lines = np.arange(-3000, 3001, spacing_m)
    roads = streets(place, lines, lines, 10.0)
    for aside in (np.zeros(2), place.shift(), np.array([700.0, -900.0])):
        near = [np.arange(round(a / spacing_m) - 4, round(a / spacing_m) + 5) * spacing_m for a in aside]
        plots = place.moved(blocks(place, *near, 10.0), DONE[done])
        assert find_shift(plots, roads, place.crs).verdict in {"unsure", done}


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("layer_moves", [0, 1, -1])
def test_a_grid_whose_period_is_the_shift_is_unsure(parts, layer_moves):
    """Streets run along the shift and across it, one shift apart: moved by it they lie on each other again."""
    place = Place(*CHANGCHUN)
    east, north = place.shift()
    period_m = math.hypot(east, north)
    lines = np.arange(-6 * parts, 6 * parts + 1) * period_m / parts
    turn = math.degrees(math.atan2(north, east))
    roads = streets(place, lines, lines, turn)
    ends = lines[3 * parts : -3 * parts]
    plots = shapely.transform(blocks(place, ends, ends, turn), lambda xy: xy + layer_moves * place.shift())
    assert find_shift(plots, roads, place.crs).verdict == "unsure"


def test_outside_china_there_is_no_alarm():
    place = Place(*LAS_PALMAS)
    xs, ys = spacings(1), spacings(2)
    roads, plots = streets(place, xs, ys), blocks(place, xs, ys)
    found = find_shift(plots, roads, place.crs)
    assert alike(found, find_shift(place.moved(plots, wgs84_to_gcj02), roads, place.crs))
    assert (found.verdict, found.expected_m) == ("aligned", pytest.approx(0, abs=1e-6))
    aside = shapely.transform(plots, lambda xy: xy + Place(*CHANGCHUN).shift())
    assert find_shift(aside, roads, place.crs).verdict == "unsure"


def mixed(place, layer, moved, done, other="aligned"):
    """Some shapes as one datum has them, the rest as another has."""
    return np.where(moved, place.moved(layer, DONE[done]), place.moved(layer, DONE[other]))


def test_parts_of_a_city_in_two_datums_are_mixed():
    """West of the city as it is, east of it in GCJ-02, in windows that lie apart."""
    place = Place(*CHANGCHUN)
    xs, ys = spacings(1, 40000.0), spacings(2)
    assert xs[-1] - xs[0] > 12000
    roads, plots = streets(place, xs, ys), blocks(place, xs, ys)
    east = shapely.get_x(shapely.centroid(plots)) >= place.centre[0]
    assert find_shift(plots, roads, place.crs).verdict == "aligned"
    found = find_shift(mixed(place, plots, east, "gcj02"), roads, place.crs)
    assert (found.verdict, {found.main, found.also}) == ("mixed", {"aligned", "gcj02"})


@pytest.mark.parametrize(
    ("done", "other"),
    [("gcj02", "aligned"), ("over_converted", "aligned"), ("bd09", "aligned"), ("gcj02", "over_converted"), ("bd09", "gcj02")],
)
@pytest.mark.parametrize("which", ["every second", "every fourth", "the west"])
def test_a_layer_in_two_datums_is_mixed(which, done, other):
    place = Place(*CHANGCHUN)
    xs, ys = spacings(1), spacings(2)
    roads, plots = streets(place, xs, ys, 17.0), blocks(place, xs[4:-4], ys[4:-4], 17.0)
    order = np.random.default_rng(3).permutation(len(plots))
    moved = {
        "every second": order % 2 == 0,
        "every fourth": order % 4 == 0,
        "the west": shapely.get_x(shapely.centroid(plots)) < place.centre[0],
    }[which]
    found = find_shift(mixed(place, plots, moved, done, other), roads, place.crs)
    assert (found.verdict, {found.main, found.also}) == ("mixed", {done, other})
    for name, east_m, north_m in ((found.main, found.east_m, found.north_m), (found.also, found.also_east_m, found.also_north_m)):
        made = shapely.get_coordinates(place.moved(shapely.points(place.centre[None]), DONE[name]))[0] - place.centre
        assert math.hypot(east_m - made[0], north_m - made[1]) < NEAR_M
    if which == "every fourth":
        assert found.main == other


def test_one_datum_is_never_mixed():
    place = Place(*CHANGCHUN)
    xs, ys = spacings(1), spacings(2)
    found = find_shift(blocks(place, xs, ys), streets(place, xs, ys), place.crs)
    assert (found.verdict, found.main, found.also, math.isnan(found.also_east_m)) == ("aligned", "", "", True)


@pytest.mark.parametrize("which", ["jittered", "regular"])
def test_a_regular_grid_half_moved_is_not_called_aligned_and_whole_not_mixed(which):
    place = Place(*CHANGCHUN)
    lines = np.arange(-3000.0, 3001.0, 200.0) + (np.random.default_rng(5).uniform(-20, 20, 31) if which == "jittered" else 0.0)
    roads, plots = streets(place, lines, lines, 10.0), blocks(place, lines[5:-5], lines[5:-5], 10.0)
    half = np.random.default_rng(6).permutation(len(plots)) % 2 == 0
    assert find_shift(mixed(place, plots, half, "gcj02"), roads, place.crs).verdict in {"mixed", "unsure"}
    assert find_shift(plots, roads, place.crs).verdict in {"aligned", "unsure"}


def test_what_has_no_edges_or_no_roads_is_unsure():
    place = Place(*CHANGCHUN)
    xs, ys = spacings(1), spacings(2)
    roads = streets(place, xs, ys)
    nothing = Shift("unsure")
    assert not nothing.windows
    for features in ([], shapely.points(place.centre + np.random.default_rng(1).uniform(-2000, 2000, (500, 2))), [None, shapely.Polygon()]):
        assert repr(find_shift(np.array(features, dtype=object), roads, place.crs)) == repr(nothing)
    plots = blocks(place, xs, ys)
    assert repr(find_shift(plots, roads[:0], place.crs)) == repr(nothing)
    far = shapely.transform(plots, lambda xy: xy + 50_000)
    assert repr(find_shift(far, roads, place.crs)) == repr(nothing)
    assert find_shift(plots[:2], roads, place.crs).verdict == "unsure"
    assert find_shift(roads[:1], roads, place.crs).verdict == "unsure"  # one straight street: it fits all along itself


def test_collections_and_coordinates_that_are_no_numbers_are_taken_as_they_come():
    place = Place(*CHANGCHUN)
    xs, ys = spacings(1), spacings(2)
    roads = streets(place, xs, ys)
    plots = place.moved(blocks(place, xs, ys), wgs84_to_gcj02)
    nested = shapely.geometrycollections([shapely.geometrycollections(plots), shapely.Point(0, 0)])
    with np.errstate(invalid="ignore"):
        broken = shapely.from_wkt("LINESTRING (1 1, NaN 0, 2 2)")
    found = find_shift(np.array([nested, broken, None], dtype=object), roads, place.crs)
    assert found.verdict == "gcj02"
    assert alike(found, find_shift(plots, roads, place.crs))


def test_a_large_layer_costs_no_more_than_its_windows():
    """80,000 plots in a square of 80 km, an outline of 4,000 km beside them."""
    place = Place(*CHANGCHUN)
    xs, ys = spacings(1), spacings(2)
    roads, small = streets(place, xs, ys), blocks(place, xs, ys)
    corner = place.centre + np.random.default_rng(1).uniform(-40_000, 40_000, (80_000, 2))
    many = shapely.box(corner[:, 0], corner[:, 1], corner[:, 0] + 20, corner[:, 1] + 20)
    outline = shapely.box(*(place.centre - 500_000), *(place.centre + 500_000))
    started = time.process_time()
    assert find_shift(np.array([*small, *many, outline], dtype=object), roads, place.crs).verdict == "aligned"
    assert (
        time.process_time() - started < 10
    )  # about 1.5 s; a slow machine may take longer, a cost that grows with the outline would be hours
