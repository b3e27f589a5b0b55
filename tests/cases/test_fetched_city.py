"""A real extract, served by an Overpass server on 127.0.0.1 tile by tile, reads as if it had been given as a file."""

from pathlib import Path

import geopandas as gpd
import osmium
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from spatial import fetch as fetch_room
from spatial.fetch import fetch_osm
from spatial.layers import layer_specs
from spatial.sources.osm import read_osm
from tests.map_servers import map_servers

pytestmark = pytest.mark.cases


def as_xml(pbf: Path, folder: Path) -> str:
    writer = osmium.SimpleWriter(str(folder / "all.osm"))
    for item in osmium.FileProcessor(str(pbf)):
        writer.add(item)
    writer.close()
    return (folder / "all.osm").read_text(encoding="utf-8")


def test_porto_alegre_fetched_in_tiles_equals_the_extract(cases, tmp_path, monkeypatch):
    pbf = cases / "porto_alegre" / "poa_osm.pbf"
    specs = [spec for spec in layer_specs().values() if spec.osm]
    given = read_osm(pbf, specs)
    gpd.GeoDataFrame(geometry=[shapely.box(*given.box)], crs="EPSG:4326").to_file(tmp_path / "outline.gpkg")
    width_m = (given.box[2] - given.box[0]) * 111_320 * 0.87
    monkeypatch.setattr(fetch_room, "TILE_M", width_m / 2.5)
    with map_servers() as servers:
        servers.osm = as_xml(pbf, tmp_path)
        (tmp_path / "city.toml").write_text(
            f'[osm]\npolygon = "outline.gpkg"\nserver = "{servers.overpass}"\nmargin_m = 0\n', encoding="utf-8"
        )
        done = fetch_osm(tmp_path)
    assert done.asked >= 9
    fetched = read_osm(done.path, specs)
    # Whatever lies wholly outside the box, as members of routes do, was not asked for.
    box = shapely.box(*done.box)
    for name, frame in given.frames.items():
        inside = frame[shapely.intersects(frame.geometry.to_numpy(), box)].reset_index(drop=True)
        other = fetched.frames[name]
        other = other[shapely.intersects(other.geometry.to_numpy(), box)].reset_index(drop=True)
        assert_geodataframe_equal(other, inside)
    assert len(fetched.frames["roads"]) > 1000
    assert done.box == pytest.approx(given.box, abs=2e-7)
