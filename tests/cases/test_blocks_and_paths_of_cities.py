"""Street blocks and paths of Las Palmas, each found another way: blocks by flooding a picture of the streets, gaps by another library's shortest paths."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import networkx
import numpy as np
import pytest
import rasterio.features
import shapely
from rasterio.transform import from_origin
from scipy import ndimage

from spatial import overlay
from spatial.city import City
from spatial.metrics.land import built_up_area
from spatial.metrics.slow_network import slow_gaps, slow_network
from spatial.metrics.street_blocks import street_blocks
from spatial.network.passage import OPEN, way_status
from spatial.project import open_city
from spatial.roads import road_model

pytestmark = pytest.mark.cases
CELL_M = 2.0


@pytest.fixture(scope="module")
def las_palmas(cases: Path, tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("las_palmas")
    extract = cases / "las_palmas" / "las_palmas_20230221.osm.pbf"
    (folder / "city.toml").write_text(f'name = "Las Palmas"\n[osm]\nfile = "{extract}"\n', encoding="utf-8")
    return open_city(folder, cache=False)


def test_blocks_are_disjoint_and_inside_the_built_up_area(las_palmas: City) -> None:
    blocks = street_blocks(las_palmas)
    assert len(blocks.ground) > 500
    assert shapely.is_valid(blocks.ground).all()
    united = shapely.area(shapely.union_all(blocks.ground))
    assert united == pytest.approx(blocks.area_m2.sum(), rel=1e-9)
    built = shapely.union_all(built_up_area(las_palmas).outline)
    assert shapely.area(shapely.intersection(built, blocks.ground)).sum() == pytest.approx(united, rel=1e-9)
    assert (blocks.side_m >= np.sqrt(blocks.area_m2) - 1e-6).all()


def test_flooding_a_picture_of_the_streets_finds_the_same_blocks(las_palmas: City) -> None:
    """Around the place with most blocks, 2 km × 2 km: what a drop of ink fills before it meets a street."""
    blocks, model, roads = street_blocks(las_palmas), road_model(las_palmas), las_palmas.frame("roads")
    centre = np.median(shapely.get_coordinates(blocks.inside), axis=0)
    window = shapely.box(*(centre - 1000), *(centre + 1000))
    paved = ((roads["highway"] == "pedestrian") & (roads["area"] != "yes")).to_numpy() & (way_status(roads, "walk") == OPEN)
    lines = model.lines[(model.classes("municipal") | paved[model.road]) & ~model.tunnel]
    lines = lines[shapely.intersects(lines, window)]
    cells = int(2000 / CELL_M)
    picture = rasterio.features.rasterize(
        list(lines), (cells, cells), transform=from_origin(centre[0] - 1000, centre[1] + 1000, CELL_M, CELL_M), all_touched=True
    )
    filled, count = ndimage.label(picture == 0)
    size = np.bincount(filled.ravel(), minlength=count + 1) * CELL_M**2
    inner = shapely.contains_properly(window, blocks.ground)
    mine = np.flatnonzero(inner & (blocks.area_m2 > 2000))
    xy = shapely.get_coordinates(blocks.inside[mine])
    column = ((xy[:, 0] - centre[0] + 1000) / CELL_M).astype(int)
    row = ((centre[1] + 1000 - xy[:, 1]) / CELL_M).astype(int)
    inked = size[filled[row, column]]
    # A street drawn two cells wide takes its strip along the outline; parks, waters and stubs are not in the picture.
    strip = shapely.length(blocks.ground[mine]) * CELL_M
    alike = (inked <= blocks.area_m2[mine] * 1.01 + strip) & (inked >= blocks.area_m2[mine] - 1.5 * strip)
    assert len(mine) > 100
    assert alike.mean() > 0.95
    assert np.median(inked) == pytest.approx(np.median(blocks.area_m2[mine]), rel=0.15)


def test_no_gap_is_joined_by_a_short_way(las_palmas: City) -> None:
    gaps, roads = slow_gaps(las_palmas), las_palmas.frame("roads")
    assert len(gaps.lines) > 20
    open_ = (way_status(roads, "walk") == OPEN) | (roads["highway"] == "cycleway").to_numpy()
    graph: networkx.Graph = networkx.Graph()
    place = {}
    for refs, line in zip(roads["nodes"][open_], roads.geometry[open_], strict=True):
        xy = shapely.get_coordinates(line)
        for (a, b), (p, q) in zip(pairwise(refs), pairwise(xy), strict=True):
            graph.add_edge(a, b, weight=float(np.hypot(*(q - p))))
            place[tuple(np.round(p, 2))], place[tuple(np.round(q, 2))] = a, b
    for line, around in list(zip(gaps.lines, gaps.around_m, strict=True))[:40]:
        start, end = (place[tuple(np.round(point, 2))] for point in shapely.get_coordinates(line))
        found = networkx.single_source_dijkstra_path_length(graph, start, cutoff=1000).get(end, np.inf)
        assert found == pytest.approx(around, rel=1e-6)
        assert found > 2 * line.length
        assert 2 <= line.length < 100


def test_paths_are_as_long_as_they_are_drawn(las_palmas: City) -> None:
    slow, roads, model = slow_network(las_palmas), las_palmas.frame("roads"), road_model(las_palmas)
    runs = slow.paths[model.road]
    assert overlay.sum_by(model.road[runs], shapely.length(model.lines[runs]), len(roads)).sum() == pytest.approx(
        roads.length[slow.paths].sum(), rel=1e-9
    )
    kinds = set(roads["highway"][slow.paths])
    assert kinds <= {"footway", "path", "pedestrian", "steps", "cycleway"}
    closed = roads["access"].isin(["private", "no"]) & ~roads["foot"].isin(["yes", "designated", "permissive", "destination"])
    assert not closed[slow.paths].any()
