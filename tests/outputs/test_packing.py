"""Packed layers: every place, class and fact comes back, whatever the features are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial.crs import WGS84, reproject
from spatial.outputs.webmap.packing import Codes, Figures, Names, folded, pack_layer, varints
from tests.outputs.packed_layers import HOLE, LINE, POINT, RING, SIGN, read_layer

DEGREES = pyproj.CRS(WGS84)
METRES = pyproj.CRS("EPSG:32651")
HOSTILE = ["<img src=x onerror=alert(1)>", "</script>", "a\x00b", "\u202eback", "x" * 10_000, "", "区", "\ud800"]

lon, lat = st.floats(120, 121).map(lambda v: round(v, 4)), st.floats(-60, 60).map(lambda v: round(v, 4))
points = st.builds(shapely.Point, lon, lat)
lines = st.lists(st.tuples(lon, lat), min_size=2, max_size=6).map(shapely.LineString)
boxes = st.builds(lambda x, y, w, h: shapely.box(x, y, x + w, y + h), lon, lat, st.floats(0.001, 0.2), st.floats(0.001, 0.2))
holed = boxes.map(lambda box: box.difference(shapely.affinity.scale(box, 0.5, 0.5)))
single = st.one_of(points, lines, boxes, holed)
several = st.lists(single, min_size=1, max_size=3).map(shapely.GeometryCollection)
features = st.one_of(
    single, several, st.builds(shapely.MultiLineString, st.lists(lines, min_size=1, max_size=3)), st.none(), st.just(shapely.Point())
)


def packed(geometry: list[Any], **said: Any) -> Any:
    said.setdefault("classes", np.zeros(len(geometry)))
    return read_layer(pack_layer(np.array([*geometry, None], object)[:-1], DEGREES, **said))


@given(st.lists(st.integers(0, 2**52)))
def test_numbers_are_read_back(values: list[int]) -> None:
    data, at, back = varints(np.array(values, np.int64)), 0, []
    while at < len(data):
        value = shift = 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        back.append(value)
    assert back == values


def test_small_numbers_of_either_sign_stay_small() -> None:
    assert folded(np.array([0, -1, 1, -2, 2, -(2**51)])).tolist() == [0, 1, 2, 3, 4, 2**52 - 1]
    assert len(varints(folded(np.array([63, -64])))) == 2


@settings(max_examples=150, deadline=None)
@given(st.lists(features, max_size=8))
def test_every_feature_comes_back_within_half_a_step(geometry: list[Any]) -> None:
    layer = packed(geometry)
    assert len(layer.paths) == len(geometry)
    for row, feature in enumerate(geometry):
        if feature is None or feature.is_empty:
            assert layer.paths[row] == []
            continue
        flat = _flat(feature)
        back = layer.geometry(row)
        assert sum(len(places) for _, places in layer.paths[row]) <= shapely.get_num_coordinates(feature)
        for given_part in flat:
            nearest = min(shapely.hausdorff_distance(given_part, part) for part in back)
            assert nearest <= 0.5e-5 * 2**0.5 + 1e-12
        assert len(back) == len(flat)


def _flat(feature: Any) -> list[Any]:
    parts = shapely.get_parts(np.array([feature], object))
    return [feature] if len(parts) == 1 and shapely.get_type_id(parts[0]) < 4 else [one for part in parts for one in _flat(part)]


def test_a_step_is_about_a_metre_on_the_ground() -> None:
    random = np.random.default_rng(1)
    given_ = shapely.points(random.uniform(300_000, 700_000, 500), random.uniform(0, 8_000_000, 500))
    layer = read_layer(pack_layer(given_, METRES, classes=np.zeros(500)))
    back = reproject(np.array([layer.geometry(row)[0] for row in range(500)], object), DEGREES, METRES)
    assert 0.3 < shapely.distance(given_, back).max() < 0.8


def test_holes_follow_their_ring_and_run_the_other_way() -> None:
    outer = shapely.box(120, 30, 121, 31)
    for drawn in (outer, outer.reverse()):
        layer = packed([drawn.difference(shapely.box(120.2, 30.2, 120.4, 30.4)).difference(shapely.box(120.6, 30.6, 120.8, 30.8))])
        assert [kind for kind, _ in layer.paths[0]] == [RING, HOLE, HOLE]
        turns = [shapely.LinearRing(places).is_ccw for _, places in layer.paths[0]]
        assert turns == [True, False, False]
        assert all(places[0] != places[-1] for _, places in layer.paths[0])  # a ring closes itself


def test_what_is_smaller_than_a_step_keeps_its_place_and_loses_its_holes() -> None:
    tiny = shapely.box(120, 30, 120.00001, 30.00001).difference(shapely.box(120.000004, 30.000004, 120.000005, 30.000005))
    dot = shapely.LineString([(120, 30), (120.000001, 30.000001)])
    layer = packed([tiny, dot])
    assert [kind for kind, _ in layer.paths[0]] == [RING]
    assert layer.paths[1] == [(LINE, [(12_000_000, 3_000_000)])]


def test_nothing_is_a_layer_too() -> None:
    layer = packed([], columns=[Names([]), Codes(np.array([], np.int64)), Figures(np.array([]), 1)])
    assert (layer.paths, layer.classes, layer.columns) == ([], [], [[], [], []])
    assert packed([None, shapely.Point(), shapely.Polygon()]).paths == [[], [], []]


def test_one_feature_of_mixed_kinds_keeps_them_all() -> None:
    mixed = shapely.GeometryCollection(
        [shapely.MultiPoint([(120, 30), (120.1, 30)]), shapely.GeometryCollection([shapely.box(120, 30, 121, 31)])]
    )
    assert [kind for kind, _ in packed([mixed]).paths[0]] == [POINT, POINT, RING]


def test_signs_stand_with_their_features() -> None:
    roads = [shapely.LineString([(120, 30), (121, 30)]), None, shapely.LineString([(120, 31), (121, 31)])]
    layer = packed(roads, signs=(np.array([shapely.Point(120.5, 31), shapely.Point(120.5, 30)], object), np.array([2, 0])))
    assert [[kind for kind, _ in paths] for paths in layer.paths] == [[LINE, SIGN], [], [LINE, SIGN]]
    assert layer.paths[0][1][1] == [(12_050_000, 3_000_000)]
    assert layer.paths[2][1][1] == [(12_050_000, 3_100_000)]


@given(st.lists(st.one_of(st.just(float("nan")), st.integers(-(10**9), 10**9).map(lambda v: v / 100))))
def test_figures_come_back_and_what_is_absent_is_not_zero(values: list[float]) -> None:
    (column,) = packed([None] * len(values), columns=[Figures(np.array(values, float), 2)]).columns
    assert column == pytest.approx([None if np.isnan(value) else value for value in values])
    assert all((back is None) == bool(np.isnan(value)) for back, value in zip(column, values, strict=True))


def test_hostile_names_come_back_as_they_are_each_once() -> None:
    names = [*HOSTILE, *HOSTILE]
    layer = packed([None] * len(names), columns=[Names(names)])
    assert layer.columns[0] == [name.replace("\ud800", "?") for name in names]
    assert len(layer.tables[0]) == len(set(HOSTILE))


def test_the_same_features_give_the_same_bytes() -> None:
    geometry = np.array([shapely.Point(120, 30), shapely.box(120, 30, 121, 31)], object)
    first, second = (pack_layer(geometry, DEGREES, classes=[0, 1], columns=[Names(["b", "a"])]) for _ in range(2))
    assert first == second
