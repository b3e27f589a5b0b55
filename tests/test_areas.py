"""Areas: rows that close the sum, coverage, grids."""

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box, union_all

from spatial import overlay
from spatial.areas import build_areas, grid
from spatial.city import City
from spatial.errors import LayerError, OptionError, ProjectError
from spatial.measurement import measure

CRS = "EPSG:32651"


SPANS = ((0, 3_000_000), (0, 3_000_000), (1_000, 1_500_000), (1_000, 1_500_000))  # millimetres: x, y, width, height


def polygons(*boxes, ids=None):
    names = ids or [str(i) for i in range(len(boxes))]
    return gpd.GeoDataFrame({"area_id": names, "name": names}, geometry=[box(*b) for b in boxes], crs=CRS)


def test_rows_close_the_sum():
    # The city is 100 × 100; areas cover 60 × 100 of it and 10 × 100 beyond it.
    areas = build_areas(polygons((0, 0, 60, 100), (-10, 0, 0, 100)), box(0, 0, 100, 100), where="districts")
    size = dict(zip(areas.ids, areas.measured_m2, strict=True))
    assert size == pytest.approx({"0": 6000, "1": 1000, "city": 10_000, "outside_areas": 4000, "areas_outside_city": 1000})
    assert size["0"] + size["1"] + size["outside_areas"] - size["areas_outside_city"] == pytest.approx(size["city"])


def test_overlap_is_measured():
    areas = build_areas(polygons((0, 0, 60, 100), (50, 0, 100, 100)), None, where="districts")
    assert areas.overlap_m2 == pytest.approx(1000)


def test_ids_must_differ():
    with pytest.raises(LayerError, match=r"2 ids stand on more than one area \(ids a, b\)"):
        build_areas(polygons((0, 0, 1, 1), (1, 0, 2, 1), (2, 0, 3, 1), (3, 0, 4, 1), ids=["a", "b", "a", "b"]), None, where="districts")


def test_reserved_ids_are_refused():
    with pytest.raises(LayerError, match="reserved"):
        build_areas(polygons((0, 0, 1, 1), ids=["city"]), None, where="districts")


def test_coverage_by_the_data():
    areas = build_areas(polygons((0, 0, 100, 100), (100, 0, 200, 100)), None, where="districts").covered_by(box(0, 0, 125, 100))
    assert dict(zip(areas.ids, areas.coverage, strict=True)) == pytest.approx({"0": 1.0, "1": 0.25, "city": 0.625})


def test_partial_and_untouched_areas_say_so():
    frame = polygons((0, 0, 1000, 1000), (1000, 0, 2000, 1000), (2000, 0, 3000, 1000))
    frame = frame.set_geometry(frame.translate(500_000, 4_850_000))
    people = frame.assign(count=[10, 10, 10])
    extent = gpd.GeoSeries([box(500_000, 4_850_000, 501_250, 4_851_000)], crs=CRS).to_crs(4326)[0]
    city = City.from_layers(crs=CRS, districts=frame, population=people, data_extent=extent)
    table = measure(city, ["population"]).table.set_index("area_id")
    assert list(table.loc[["0", "1", "2"], "status"]) == ["ok", "partial", "no_data"]
    assert table.loc["1", "value"] == pytest.approx(2.5, rel=1e-3)
    assert table.loc["1", "coverage"] == pytest.approx(0.25, rel=1e-3)
    assert np.isnan(table.loc["2", "value"])


def test_grid_covers_the_city_once():
    outline = Polygon([(0, 0), (950, 0), (950, 400), (300, 1010)])
    cells = grid(outline, outline, 100, CRS)
    assert cells.area.sum() == pytest.approx(outline.area)
    assert union_all(cells.geometry.to_numpy()).symmetric_difference(outline).area == pytest.approx(0, abs=1e-6)
    assert cells["area_id"].is_unique


def test_cells_at_the_edge_of_the_data_are_whole():
    # The data end at x = 250: the third column is whole, and so half covered.
    cells = grid(box(0, 0, 1000, 100), box(0, 0, 250, 100), 100, CRS)
    assert list(cells.area) == pytest.approx([10_000] * 3)


def test_slivers_of_rounding_are_no_coverage():
    areas = build_areas(polygons((0, 0, 100, 100), (100, 0, 200, 100)), None, where="districts").covered_by(box(0, 0, 100 + 1e-9, 100))
    assert dict(zip(areas.ids, areas.coverage, strict=True)) == pytest.approx({"0": 1.0, "1": 0.0, "city": 0.5})
    assert areas.measured_m2[1] == 0


def test_grid_refuses_impossible_sizes():
    with pytest.raises(OptionError, match="at least 10 m"):
        grid(box(0, 0, 100, 100), box(0, 0, 100, 100), 1, CRS)
    with pytest.raises(OptionError, match="more than 1,000,000"):
        grid(box(0, 0, 100_000, 100_000), box(0, 0, 100_000, 100_000), 10, CRS)


def test_nothing_to_report_by():
    frame = polygons((500_000, 4_850_000, 500_100, 4_850_100)).assign(landuse="residential")
    city = City.from_layers(crs=CRS, landuse=frame)
    with pytest.raises(ProjectError, match="nothing to report by"):
        measure(city, ["population"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*(st.integers(least, most).map(lambda mm: mm / 1000) for least, most in SPANS)), min_size=1, max_size=12))
def test_dissolve_keeps_the_ground(boxes):
    shapes = np.array([box(x, y, x + w, y + h) for x, y, w, h in boxes], dtype=object)
    pieces = overlay.dissolve(shapes)
    whole = union_all(shapes)
    assert sum(piece.area for piece in pieces) == pytest.approx(whole.area, rel=1e-9)
    assert union_all(pieces).symmetric_difference(whole).area <= 1e-9 * whole.area


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 9), st.floats(100, 9000), st.floats(0, 1000))
def test_cut_keeps_the_ground(corners, size, shift):
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    polygon = Polygon(np.column_stack([size * np.cos(angle) + shift, size * np.sin(angle) - shift]))
    pieces = overlay.cut(np.array([polygon], dtype=object))
    assert pieces.areas()[0] == pytest.approx(polygon.area, rel=1e-9)


def test_a_line_on_the_edge_counts_half_though_digits_differ():
    # The edge runs at x = 0; the line wobbles around it by 2 cm, as projected outlines do.
    from shapely import LineString

    areas = build_areas(polygons((-100, 0, 0, 100), (0, 0, 100, 100)), None, where="districts")
    line = np.array([LineString([(0.02, 0), (-0.02, 50), (0.02, 100)])], dtype=object)
    lines, source, factor = overlay.astride(line, areas.edges)
    index, owner, length = overlay.line_parts(lines, areas.pieces)
    metres = overlay.sum_by(owner, length * factor[index], 3)
    assert metres == pytest.approx([50, 50, 100], abs=0.2)
    assert set(source) == {0}
