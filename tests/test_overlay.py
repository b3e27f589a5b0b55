"""Atoms that nested scopes share: what is laid over them once must be what each scope alone would give."""

import copy
import gc

import geopandas as gpd
import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, Point, box

from spatial import overlay
from spatial.areas import build_areas
from spatial.overlay import Atoms, Pieces
from spatial.overlay.surfaces import _overlapping

CRS = "EPSG:32628"


def as_array(*geometries):
    return np.array(geometries, dtype=object)


def two_districts():
    frame = gpd.GeoDataFrame({"area_id": ["a", "b"], "name": ["A", "B"]}, geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100)], crs=CRS)
    return build_areas(frame, None, where="districts").covered_by(None)


def scopes():
    """Rows a, b, city; the least is the west 40 m of district a, the best its west 60 m, the most all of a and the west 20 m of b."""
    ground = as_array(box(0, 0, 40, 100), box(40, 0, 60, 100), box(60, 0, 120, 100))
    return two_districts().nested(ground, np.array([0, 1, 2]), 3)


def test_each_scope_has_its_ground():
    assert [list(areas.measured_m2) for areas in scopes()] == [
        pytest.approx([4000, 0, 4000]),
        pytest.approx([6000, 0, 6000]),
        pytest.approx([10000, 2000, 12000]),
    ]


def test_a_surface_is_summed_by_scope():
    strip = as_array(box(-50, 0, 250, 10))  # 10 m wide: 40, 60, and 100 + 20 m of it
    found = [list(overlay.surface_within(strip, areas.pieces)) for areas in scopes()]
    assert found == [pytest.approx([400, 0, 400]), pytest.approx([600, 0, 600]), pytest.approx([1000, 200, 1200])]


def test_a_line_between_two_atoms_of_one_owner_counts_once():
    lines = as_array(LineString([(40, -50), (40, 150)]))  # the edge of the least, 100 m of it inside; inner to the others
    for areas in scopes():
        assert list(overlay.length_within(lines, areas.pieces)) == pytest.approx([100, 0, 100])


def test_a_line_that_turns_along_an_inner_edge_counts_once():
    lines = as_array(LineString([(20, 50), (60, 50), (60, 100)]), LineString([(0, 10), (200, 10)]))
    found = [list(overlay.length_within(lines, areas.pieces)) for areas in scopes()]
    # The first has 20 m in the least, all its 90 m in the best, along whose edge it turns north.
    assert found == [pytest.approx([20 + 40, 0, 60]), pytest.approx([90 + 60, 0, 150]), pytest.approx([90 + 100, 20, 210])]


def test_a_point_on_an_inner_edge_counts_once():
    points = as_array(Point(40, 50), Point(60, 50), Point(110, 50))
    for areas, expected in zip(scopes(), ([1, 0, 1], [2, 0, 2], [2, 1, 3]), strict=True):
        _, owner = overlay.points_within(points, areas.pieces, areas.exclusive)
        assert list(np.bincount(owner, minlength=3)) == expected


edges = st.lists(st.floats(0, 2500), min_size=2, max_size=2, unique=True).map(sorted)


@given(
    cuts=st.tuples(edges, edges),
    least=st.floats(10, 1100),
    more=st.floats(1, 1000),
    slope=st.floats(-0.9, 0.9),
)
def test_nested_scopes_equal_each_alone(cuts, least, more, slope):
    (west, east), (south, north) = cuts
    areas = two_large_districts()
    inner = shapely.affinity.skew(box(300, 300, 300 + least, 2000), slope * 40)
    outer = shapely.difference(shapely.buffer(inner, more, join_style="mitre"), inner)
    ground, level = as_array(inner, outer), np.array([0, 1])
    surface = overlay.dissolve(as_array(box(west, south, east, north)))
    lines = as_array(LineString([(west, south), (east, north)]), LineString([(west, north), (east, south), (3000, 3000)]))
    grid = np.arange(50.0, 2500, 370)
    points = shapely.points([(x, y + slope) for x in grid for y in grid])
    for nth, scoped in enumerate(areas.nested(ground, level, 2)):
        alone = Pieces(scoped.pieces.geometry, scoped.pieces.owner, scoped.pieces.count)
        whole = overlay.restrict(areas.pieces, as_array(shapely.union_all(ground[level <= nth])))
        close = {"rel": 1e-9, "abs": 1e-6}
        for other in (alone, whole):
            assert overlay.surface_within(surface, scoped.pieces) == pytest.approx(overlay.surface_within(surface, other), **close)
            assert overlay.length_within(lines, scoped.pieces) == pytest.approx(overlay.length_within(lines, other), **close)
            mine, theirs = (overlay.points_within(points, pieces, areas.exclusive) for pieces in (scoped.pieces, other))
            assert sorted(zip(*mine, strict=True)) == sorted(zip(*theirs, strict=True))
        narrower = overlay.restrict(scoped.pieces, surface)
        assert narrower.areas() == pytest.approx(overlay.surface_within(surface, scoped.pieces), **close)


def two_large_districts():
    frame = gpd.GeoDataFrame(
        {"area_id": ["a", "b"], "name": ["A", "B"]}, geometry=[box(0, 0, 1300, 2600), box(1300, 0, 2600, 2600)], crs=CRS
    )
    return build_areas(frame, None, where="districts").covered_by(None)


def test_an_overlay_is_made_once_for_all_scopes():
    made = []
    surface = as_array(box(0, 0, 1, 1))
    least, _, most = scopes()
    assert least.pieces.distinct[0] is most.pieces.distinct[0]
    for areas in (least, most):
        areas.pieces.distinct[0].once("work", surface, lambda: made.append(1))
    assert made == [1]


def test_what_was_made_is_forgotten_with_its_array():
    # A new array may stand where an old one stood: it must never be taken for the old one.
    atoms, made = Atoms(as_array(box(0, 0, 1, 1))), []
    gc.freeze()  # what other tests left is no matter of this one, and looking through it takes a second each time
    for number in range(50):
        other = as_array(Point(number, number))
        assert atoms.once("work", other, lambda number=number: made.append(number) or number) == number
        del other
        gc.collect()
    gc.unfreeze()
    assert made == list(range(50))
    kept = as_array(Point(0, 0))
    atoms.once("work", kept, lambda: "mine")
    assert copy.deepcopy(atoms).once("work", kept, lambda: "anew") == "anew"


def test_neighbours_along_a_tile_are_no_overlap():
    # The surface is cut along thirds of the tiles of the ground: most pairs that touch share an edge and no ground.
    ground = overlay.cut(as_array(box(0, 0, 3000, 3000)))
    surface = overlay.dissolve(as_array(box(100, 100, 2900, 2900)))
    mine, theirs = overlay.pairs(surface, ground.geometry)
    common = _overlapping(surface, ground.geometry)
    assert len(common[0]) < len(mine)
    assert shapely.area(shapely.intersection(surface[mine], ground.geometry[theirs])).sum() == pytest.approx(
        shapely.area(shapely.intersection(surface[common[0]], ground.geometry[common[1]])).sum(), rel=1e-12
    )
    assert overlay.surface_within(surface, ground) == pytest.approx([2800.0**2], rel=1e-12)


def test_tiles_leave_no_hairline_between_them():
    # A block of 3 km × 3 km far from the origin is cut into tiles of a third of a kilometre; put together again it is one polygon.
    block = shapely.box(512_345.6, 4_851_234.5, 515_345.6, 4_854_234.5)
    for pieces in (overlay.dissolve(np.array([block])), overlay.cut(np.array([block]), 1000 / 3).geometry):
        assert len(pieces) > 50
        assert shapely.union_all(pieces).geom_type == "Polygon"
        assert shapely.union_all(pieces).area == pytest.approx(9e6)


def test_a_sliver_across_a_tile_is_clipped():
    """What is left of a park that is all water: a triangle of almost no area, over which GEOS's fast clip gives up."""
    sliver = shapely.Polygon([(443923.95471808215, 4863170.323736368), (444000.3712345678, 4863169.679555281),
                              (444164.96971427964, 4863168.292011953)])  # fmt: skip
    square = box(443700, 4863000, 443900, 4863200)
    ground = overlay.dissolve(as_array(sliver, square), tile_m=1000 / 3)
    assert shapely.area(ground).sum() == pytest.approx(200 * 200)


@pytest.mark.parametrize("few", [0, 64])
def test_small_polygons_cut_together_are_those_cut_one_by_one(monkeypatch, few):
    # A triangle over four tiles, one inside a tile, one whose two tips alone reach another tile, an empty one, and a collection's worth of pieces.
    monkeypatch.setattr("spatial.overlay.pieces._FEW_TILES", few)
    triangle = shapely.Polygon([(10, 10), (190, 10), (10, 190)])
    comb = shapely.Polygon([(20, 20), (20, 130), (40, 130), (40, 90), (60, 90), (60, 130), (80, 130), (80, 20)])
    made = overlay.cut(as_array(triangle, box(30, 30, 40, 40), shapely.Polygon(), comb), 100.0)
    assert made.count == 4
    assert made.owner.tolist() == sorted(made.owner.tolist())
    assert made.areas() == pytest.approx([16200, 100, 0, 60 * 70 + 40 * 40])
    assert not (shapely.area(made.geometry) <= 0).any()
    tiles = np.floor((shapely.bounds(made.geometry) - 0.3712345678 + np.array([1, 1, -1, -1]) * 1e-6) / 100)
    assert (tiles[:, :2] == tiles[:, 2:]).all()  # each lies in one tile


def test_a_line_that_runs_back_over_itself_is_as_long_in_its_parts_as_it_is():
    # 100 m there, 60 m back over the same ground, and 40 m on to the other side: 100 + 60 of it lie in the west, and nothing in the east.
    west, east = box(-100, -50, 0, 50), box(0, -50, 100, 50)
    line = as_array(shapely.LineString([(-80, 0), (20, 0), (-40, 0), (-40, 40)]))
    pieces = overlay.Pieces(as_array(west, east), np.array([0, 1]), 2)
    assert overlay.length_within(line, pieces) == pytest.approx([80 + 40 + 40, 20 + 20])
