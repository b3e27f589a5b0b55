"""Branch roads by two maps: areas add up, tiles are the whole, what is absent says so, and the earlier map is read from its own file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shapely import box

from spatial.city import City
from spatial.cli import main
from spatial.errors import OptionError
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.project import open_city
from spatial.result import Results
from spatial.roads.change_evidence import newest_way
from spatial.roads.changes import REACH_M
from tests.roads.test_changes import CRS, OLD, frame, road, streets, town
from tests.small_city import SOUTH, STEP, WEST, osm_xml, project

NAME = "new_branch_roads_mapped"


def value(results: Results, variant: str, area: str = "city") -> pd.Series:
    return results.get(NAME, variant=variant, area_id=area)


def in_tiles(seed: int) -> City:
    before, now = streets(seed)
    tiles = [
        {"area_id": f"{x}{y}", "name": "", "geometry": box(x, y, x + 700, y + 700)} for x in (-100, 600, 1300) for y in (-100, 600, 1300)
    ]
    return City.from_layers(crs=CRS, districts=frame(tiles), roads=frame(now), roads_before=frame(before))


def test_half_a_kilometre_in_the_right_district_and_an_estimate() -> None:
    """The street of 500 m runs from y = 3 to 503: 197 m of it lie south of 200, 303 m north of it."""
    now = [
        road("w1", (0, 3), (400, 3)),
        road("w2", (400, 3), (1000, 3), highway="tertiary"),
        road("w3", (500, 3), (500, 503), highway="tertiary"),
    ]
    districts = frame([
        {"area_id": "south", "name": "", "geometry": box(-100, -100, 1100, 200)}, {"area_id": "north", "name": "", "geometry": box(-100, 200, 1100, 900)},
    ])  # fmt: skip
    results = measure(City.from_layers(crs=CRS, districts=districts, roads=frame(now), roads_before=frame(OLD)), NAME)
    assert [round(value(results, "new", area).value, 6) for area in ("south", "north", "city")] == [0.197, 0.303, 0.5]
    assert value(results, "new").status == "estimated"
    assert value(results, "net").value == pytest.approx(0.5)
    assert value(results, "redrawn").value == pytest.approx(0.6)
    assert list(results.evidence[f"{NAME}.unknown"]["length_m"]) == [500.0]
    assert results.evidence[f"{NAME}.built"].empty


@pytest.mark.parametrize("seed", [3, 8])
def test_areas_add_up_and_the_kinds_to_the_difference(seed: int) -> None:
    results = measure(in_tiles(seed), NAME)
    table = results.table.set_index(["variant", "area_id"])["numerator"]
    for variant in registered()[NAME].variants:
        areas = table[variant].drop(["city", "outside_areas"], errors="ignore")
        assert areas.sum() == pytest.approx(table[variant, "city"], abs=1e-6)
    assert table["new", "city"] == pytest.approx(sum(table[kind, "city"] for kind in ("built", "mapped", "unknown")), abs=1e-6)
    # What is left of the difference is the same streets drawn a little otherwise: here shifted, none of them longer.
    rest = table["net", "city"] - table["new", "city"] - table["retagged", "city"] + table["left", "city"] + table["gone", "city"]
    assert abs(rest) <= 15.0 * 14


@pytest.mark.parametrize("seed", [3])
def test_tiles_are_the_whole(seed: int) -> None:
    """Every district from its own selection."""
    city = in_tiles(seed)
    whole = measure(city, NAME).table.set_index(["variant", "area_id"])
    areas = city.areas()
    newest_way(city)
    for row in (0, 4):
        part = city.subset(areas.whole[row], REACH_M)
        tile = measure(part, NAME).table.set_index(["variant", "area_id"])
        for variant in registered()[NAME].variants:
            assert tile.loc[(variant, areas.ids[row]), "numerator"] == pytest.approx(
                whole.loc[(variant, areas.ids[row]), "numerator"], abs=1e-6
            )


def test_without_an_earlier_map_there_is_no_figure() -> None:
    city = town(OLD, OLD)
    absent = replace(city, layers={name: layer for name, layer in city.layers.items() if name != "roads_before"} | {
        "roads_before": replace(city.layer("roads_before"), frame=None, origin="absent")
    })  # fmt: skip
    row = value(measure(absent, NAME), "new")
    assert row.status == "no_data"
    assert "roads_before was not supplied" in row.note


def test_adding_a_street_never_lowers_what_is_new() -> None:
    more = [*OLD, road("w8", (0, 100), (300, 100))]
    figures = [value(measure(town(OLD, now), NAME), "new").value for now in (OLD, more, [*more, road("w9", (0, 200), (300, 200))])]
    assert figures == pytest.approx([0.0, 0.3, 0.6])


def two_maps(folder: Path, *options: str) -> Path:
    """The small city, and as its earlier map the same without its local street."""
    plan = project(folder, osm=True)
    lines = osm_xml().splitlines()
    street = next(line for line in lines if 'v="residential"' in line and "highway" in line)
    earlier = "\n".join(line for line in lines if line != street).replace("2024-04-09", "2019-06-01")
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "2019.osm").write_text(earlier, encoding="utf-8")
    with (folder / "city.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join(["", "[layers.roads_before]", 'file = "data/2019.osm"', *options, ""]))
    return plan


def test_the_earlier_map_is_an_osm_file_of_its_own(tmp_path: Path) -> None:
    """The extract of the city does not feed the layer, and the file feeds nothing else; kept in the cache it says the same."""
    two_maps(tmp_path)
    for _ in range(2):
        city = open_city(tmp_path)
        before = city.layer("roads_before")
        assert before.origin == "osm"
        assert before.options["date"] == "2019-06-01"
        assert len(before.frame) == len(city.frame("roads")) - 1
        assert list(before.frame.columns) == list(city.frame("roads").columns)
        assert before.frame["nodes"].notna().all()
        assert before.extent.area == pytest.approx(city.layer("roads").extent.area, rel=1e-6)
    street = STEP * 111_100
    results = measure(city, NAME)
    assert value(results, "new").value * 1e3 == pytest.approx(street, rel=0.01)
    assert "maps of 2019-06-01 and 2024-04-09" in value(results, "new").note
    assert WEST
    assert SOUTH
    assert "OpenStreetMap" in city.attribution


def test_a_stated_date_goes_before_the_newest_edit(tmp_path: Path) -> None:
    two_maps(tmp_path, 'date = "2019-12-31"')
    assert open_city(tmp_path).layer("roads_before").options["date"] == "2019-12-31"


def test_an_osm_file_takes_no_options_of_other_files(tmp_path: Path) -> None:
    two_maps(tmp_path, 'where = "highway = 1"')
    with pytest.raises(OptionError, match="read by the rules of roads; remove where"):
        open_city(tmp_path)


def test_a_run_tells_both_maps(tmp_path: Path) -> None:
    two_maps(tmp_path)
    assert main(["run", str(tmp_path), "--quiet", "--metrics", NAME, "--out", str(tmp_path / "a"), "--lang", "en"]) == 0
    told = json.loads((tmp_path / "a" / "run.json").read_text(encoding="utf-8"))
    assert {entry["layer"] for entry in told["inputs"]} >= {"osm", "roads_before"}
    assert told["layers"]["roads_before"]["date"] == "2019-06-01"


@pytest.mark.cases
def test_the_two_maps_of_harbin(cases: Path, tmp_path: Path) -> None:
    """By another way: highway lengths of both files as osmium and the geodesic give them, carriageways apart; OSM grew, residential streets shrank."""
    folder = cases / "harbin"
    (tmp_path / "city.toml").write_text(
        f'name = "哈尔滨"\n[osm]\nfile = "{folder}/harbin_202404.osm.pbf"\n[layers.roads_before]\nfile = "{folder}/harbin_2019.osm.pbf"\n'
        f'[layers.districts]\nfile = "{folder}/districts_230100.json"\nid = "adcode"\nname = "name"\ndatum = "gcj02"\n',
        encoding="utf-8",
    )
    results = measure(open_city(tmp_path, cache=False), NAME)
    kinds = {variant: float(value(results, variant).value) for variant in registered()[NAME].variants}
    assert kinds["new"] == pytest.approx(kinds["built"] + kinds["mapped"] + kinds["unknown"])
    # Most of what was a branch road bears another class now: the fall of residential is re-tagging, not demolition.
    assert kinds["left"] > 5 * kinds["gone"]
    now, then = (by_class(folder / f"harbin_{name}.osm.pbf") for name in ("202404", "2019"))
    assert kinds["net"] == pytest.approx(now - then, abs=0.1 * now)
    assert np.isfinite(list(kinds.values())).all()
    assert value(results, "new").status == "partial"


def by_class(path: Path) -> float:
    """Kilometres of tertiary, unclassified and residential ways on the ellipsoid, private ones left out."""
    import osmium
    import pyproj

    geod, metres = pyproj.Geod(ellps="WGS84"), 0.0
    ways = osmium.FileProcessor(str(path)).with_locations().with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
    for way in ways.with_filter(osmium.filter.KeyFilter("highway")):
        if way.tags["highway"] not in ("tertiary", "unclassified", "residential", "road") or way.tags.get("access") in ("private", "no"):
            continue
        places = [node.location for node in way.nodes if node.location.valid()]
        metres += geod.line_length([place.lon for place in places], [place.lat for place in places]) if len(places) > 1 else 0.0
    return metres / 1e3
