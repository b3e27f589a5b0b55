"""Layers that lie off the streets stop a run, whatever put them there; a confirmed one does not."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from spatial.alignment import is_off
from spatial.check import check_project
from spatial.datum import to_wgs84, wgs84_to_bd09, wgs84_to_gcj02
from spatial.errors import CRSError
from spatial.project import open_city
from spatial.shift import Shift
from tests.small_city import project

WEST, SOUTH = 125.30, 43.88


def streets() -> gpd.GeoDataFrame:
    """An old town of forty streets each way, none as far from its neighbour as another; degrees."""
    rng = np.random.default_rng(7)
    steps = np.cumsum(rng.uniform(0.0008, 0.0022, 40))
    across = [shapely.LineString([(WEST, SOUTH + y), (WEST + 0.06, SOUTH + y + rng.uniform(-0.004, 0.004))]) for y in steps * 0.75]
    along = [shapely.LineString([(WEST + x, SOUTH), (WEST + x + rng.uniform(-0.004, 0.004), SOUTH + 0.045)]) for x in steps]
    return gpd.GeoDataFrame({"highway": ["residential"] * 80}, geometry=[*across, *along], crs="EPSG:4326")


def blocks(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """What the streets enclose, drawn ten metres inside them, as land use is."""
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.union_all(roads.geometry.to_numpy()))))
    plots = shapely.buffer(faces, -0.0001)
    return gpd.GeoDataFrame({"landuse": ["residential"] * len(plots)}, geometry=plots, crs="EPSG:4326")[~shapely.is_empty(plots)]


def moved(frame: gpd.GeoDataFrame, how) -> gpd.GeoDataFrame:
    shapes = shapely.transform(frame.geometry.to_numpy(), lambda xy: np.column_stack(how(xy[:, 0], xy[:, 1])))
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))


MOVES = {
    "bd09": wgs84_to_bd09,
    "on them": lambda x, y: (x, y),
    "gcj02": wgs84_to_gcj02,
    "over_converted": lambda x, y: to_wgs84(x, y, "gcj02"),
    "another grid": lambda x, y: (x + 0.004, y - 0.0035),
}


def town(folder: Path, how: str, options: str = "") -> Path:
    roads = streets()
    path = project(folder, layers={"roads": roads, "landuse": moved(blocks(roads), MOVES[how])})
    outline = gpd.GeoDataFrame(
        {"adcode": [1], "name": ["a"]}, geometry=[shapely.box(WEST, SOUTH, WEST + 0.06, SOUTH + 0.045)], crs="EPSG:4326"
    )
    (folder / "data" / "districts.geojson").write_text(outline.to_json(drop_id=True), encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8") + options, encoding="utf-8")
    return path


def test_land_use_on_the_streets_is_read(tmp_path: Path) -> None:
    assert len(open_city(town(tmp_path, "on them")).frame("landuse")) > 300


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("gcj02", r'just where GCJ-02 read as WGS-84 would lie; nothing was moved\. .*write datum = "gcj02"'),
        ("over_converted", r"once too often; nothing was moved\. Use the file from before the conversion"),
        ("another grid", "where no known datum would put it: a local grid, its parameters or a conversion is wrong"),
    ],
)
def test_land_use_off_the_streets_is_told_with_the_remedy(tmp_path: Path, how: str, said: str) -> None:
    path = town(tmp_path, how)
    with pytest.raises(CRSError, match=said):
        open_city(path)
    report = check_project(path)
    assert [finding.about for finding in report.of("problem")] == ["landuse"]
    confirmed = town(tmp_path, how, "datum_confirmed = true\n")
    assert len(open_city(confirmed).frame("landuse")) > 300
    report = check_project(confirmed)
    assert not report.of("problem")
    assert "landuse" in {finding.about for finding in report.of("warning")}


def test_the_remedy_works(tmp_path: Path) -> None:
    path = town(tmp_path, "gcj02", 'datum = "gcj02"\n')
    assert len(open_city(path).frame("landuse")) > 300


def test_a_declared_datum_that_is_not_so_is_told(tmp_path: Path) -> None:
    with pytest.raises(CRSError, match=r'since the file is not in gcj02, as declared.*Remove datum = "gcj02"'):
        open_city(town(tmp_path, "on them", 'datum = "gcj02"\n'))


def test_a_datum_that_was_taken_for_another_is_named(tmp_path: Path) -> None:
    """BD-09 that is declared GCJ-02: what is left of the shift is that of no datum, but the file itself is BD-09."""
    with pytest.raises(CRSError, match=r'since the file is not in gcj02, as declared.*Write datum = "bd09"'):
        open_city(town(tmp_path, "bd09", 'datum = "gcj02"\n'))


def test_two_layers_of_one_file_are_judged_each_for_itself(tmp_path: Path) -> None:
    """A file of old plots on the streets and new ones in GCJ-02, told apart by ``where``."""
    path = town(tmp_path, "on them")
    plots = blocks(streets())
    both = pd.concat([plots.assign(src="old"), moved(plots, wgs84_to_gcj02).assign(src="new")], ignore_index=True)
    both.to_file(tmp_path / "data" / "both.gpkg")
    more = "".join(f'[layers.{name}]\nfile = "data/both.gpkg"\nwhere = "src = \'{name}\'"\n' for name in ("old", "new"))
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    assert [finding.about for finding in check_project(path).of("problem")] == ["new"]


def test_roads_that_all_others_leave_alike_are_the_wrong_ones(tmp_path: Path) -> None:
    """Roads in GCJ-02, land use and plots true: the roads are named first, with what to write."""
    path = town(tmp_path, "on them", '[layers.plots]\nfile = "data/plots.gpkg"\n')
    moved(streets(), wgs84_to_gcj02).to_file(tmp_path / "data" / "roads.gpkg", layer="roads")
    blocks(streets())[::2].to_file(tmp_path / "data" / "plots.gpkg")
    with pytest.raises(CRSError, match=r'^roads: .*landuse, plots all lie \d+ m off these roads alike.*write datum = "gcj02"'):
        open_city(path)


def test_a_layer_united_with_the_extract_is_judged_by_its_own_features(tmp_path: Path) -> None:
    """Roads of the extract, and the same in GCJ-02 with ``merge = "union"``: the true half does not hide the other."""
    write_roads_as_osm(streets(), tmp_path / "data" / "city.osm")
    path = town(tmp_path, "on them")
    text = path.read_text(encoding="utf-8").replace("[layers.roads]\n", '[osm]\nfile = "data/city.osm"\n[layers.roads]\nmerge = "union"\n')
    path.write_text(text, encoding="utf-8")
    report = check_project(path)  # the same streets twice
    assert "counts twice" in "".join(finding.text.en for finding in report.of("problem") if finding.about == "roads")
    moved(streets(), wgs84_to_gcj02).to_file(tmp_path / "data" / "roads.gpkg", layer="roads")
    with pytest.raises(CRSError, match=r"roads: .*just where GCJ-02 read as WGS-84 would lie"):
        open_city(path)


def write_roads_as_osm(roads: gpd.GeoDataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nodes, ways = [], []
    for number, line in enumerate(roads.geometry, start=1):
        refs = [len(nodes) + at + 1 for at in range(len(line.coords))]
        nodes += [f'<node id="{ref}" version="1" lon="{x:.7f}" lat="{y:.7f}"/>' for ref, (x, y) in zip(refs, line.coords, strict=True)]
        ways.append(
            f'<way id="{number}" version="1">' + "".join(f'<nd ref="{ref}"/>' for ref in refs) + '<tag k="highway" v="residential"/></way>'
        )
    path.write_text(f'<osm version="0.6">{"".join(nodes + ways)}</osm>', encoding="utf-8")


def test_the_streets_of_a_city_without_an_extract_may_be_the_wrong_ones(tmp_path: Path) -> None:
    with pytest.raises(CRSError, match="the streets are the local layer roads, whose datum may be the wrong one"):
        open_city(town(tmp_path, "gcj02"))


@pytest.mark.parametrize(("east", "lead", "off"), [(300.0, 20.0, True), (300.0, 5.0, False), (20.0, 20.0, False), (np.nan, 0.0, False)])
def test_off_for_no_known_cause_needs_a_clear_lead_and_a_distance(east: float, lead: float, off: bool) -> None:
    assert is_off(Shift("unsure", east, 0.0, 20.0, lead)) == off
