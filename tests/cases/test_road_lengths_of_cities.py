"""Lengths of real roads: held against the raw extract, way by way on the ellipsoid."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import shapely

from spatial.measurement import measure
from spatial.metrics.road_lengths import BRANCHES
from spatial.project import open_city
from spatial.result import Results

pytestmark = pytest.mark.cases
LENGTHS = ("motorway_length", "expressway_length", "arterial_length", "branch_road_length", "bus_lane_length", "hamlet_paved_access")
HIGHWAYS = {"motorway": "motorway", "trunk": "primary", "primary": "primary", "secondary": "secondary", **{key: key for key in BRANCHES}}


def measured(file: Path, folder: Path) -> Results:
    (folder / "city.toml").write_text(f'name = "x"\n[osm]\nfile = "{file}"\n', encoding="utf-8")
    return measure(open_city(folder / "city.toml", cache=False), LENGTHS, by="grid:9000")


def raw_km(file: Path) -> dict[tuple[str, str], float]:
    """Kilometres inside the extract's box by class and ``one`` or ``two`` ways, with no line of the package: osmium and an ellipsoid."""
    import osmium
    import pyproj

    box = osmium.io.Reader(str(file)).header().box()
    window = shapely.box(box.bottom_left.lon, box.bottom_left.lat, box.top_right.lon, box.top_right.lat)
    earth, found = pyproj.Geod(ellps="WGS84"), defaultdict(float)
    for way in osmium.FileProcessor(str(file), osmium.osm.NODE | osmium.osm.WAY).with_locations():
        tags = way.tags
        if not way.is_way() or tags.get("highway") not in HIGHWAYS or tags.get("junction") == "roundabout":
            continue
        if tags.get("access") in ("private", "no") or tags.get("motor_vehicle") in ("private", "no"):
            continue
        at = [(node.lon, node.lat) for node in way.nodes if node.location.valid()]
        kind = HIGHWAYS[tags["highway"]]
        if tags["highway"] == "trunk" and (
            tags.get("motorroad") == "yes" or any(word in tags.get("name", "") for word in ("快速路", "高架"))
        ):
            kind = "expressway"
        single = tags.get("oneway") in ("yes", "-1", "1", "true") or (kind == "motorway" and "oneway" not in tags)
        if len(at) > 1:
            found[kind, "one" if single else "two"] += earth.geometry_length(shapely.intersection(shapely.LineString(at), window)) / 1e3
    return found


@pytest.fixture(scope="module")
def harbin(cases: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, dict[tuple[str, str], float]]:
    file = cases / "harbin" / "harbin_202404.osm.pbf"
    return measured(file, tmp_path_factory.mktemp("harbin")), raw_km(file)


@pytest.fixture(scope="module")
def las_palmas(cases: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, dict[tuple[str, str], float]]:
    file = cases / "las_palmas" / "las_palmas_20230221.osm.pbf"
    return measured(file, tmp_path_factory.mktemp("las_palmas")), raw_km(file)


def km(results: Results, metric: str, variant: str = "") -> float:
    return float(results.get(metric, variant=variant).value)


def test_fast_roads_are_half_of_their_carriageways(harbin, las_palmas):
    # Nearly all carriageways of expressways and motorways have a twin; a lone one counts whole, which adds some per cent.
    results, raw = harbin
    assert km(results, "expressway_length") == pytest.approx(raw["expressway", "one"] / 2 + raw["expressway", "two"], rel=0.06)
    results, raw = las_palmas
    assert km(results, "motorway_length") == pytest.approx(raw["motorway", "one"] / 2 + raw["motorway", "two"], rel=0.06)


@pytest.mark.parametrize("kind", ["primary", "secondary", "tertiary", "unclassified", "residential"])
def test_no_road_is_longer_than_its_ways_or_shorter_than_a_share_of_them(harbin, las_palmas, kind):
    # Two-way streets count whole but for those inside a corridor; one-way carriageways between a fourth (with side roads) and whole. Side roads of an
    # expressway leave their class.
    for results, raw in (harbin, las_palmas):
        found = km(results, "branch_road_length" if kind in BRANCHES else "arterial_length", kind)
        assert 0.9 * raw[kind, "two"] + raw[kind, "one"] / 4 <= found <= (raw[kind, "two"] + raw[kind, "one"]) * 1.001


def test_cells_sum_to_the_city_and_classes_to_the_total(harbin, las_palmas):
    for results, _ in (harbin, las_palmas):
        table = results.table[results.table.unit == "km"].dropna(subset=["value"])
        for key, part in table.groupby(["metric", "variant"]):
            by_area = part.set_index("area_id").value
            assert by_area.drop("city").sum() == pytest.approx(by_area["city"], rel=1e-6), key
        arterials = {variant: km(results, "arterial_length", variant) for variant in ("primary_secondary", "primary", "secondary")}
        assert arterials["primary_secondary"] == pytest.approx(arterials["primary"] + arterials["secondary"])
        branches = sum(km(results, "branch_road_length", kind) for kind in BRANCHES)
        assert km(results, "branch_road_length", "total") == pytest.approx(branches)


def test_what_the_map_shows_of_bus_lanes_and_hamlets_is_no_measurement(harbin, las_palmas):
    for results, _ in (harbin, las_palmas):
        row = results.get("bus_lane_length", variant="lane_km")
        assert row.status == "estimated"
        assert row.value >= results.get("bus_lane_length", variant="road_km").value > 0
        assert results.get("bus_lane_length", variant="added_in_year").status == "no_data"
    assert harbin[0].get("hamlet_paved_access").status == "no_data"  # nobody has mapped a hamlet there
    hamlets = las_palmas[0].get("hamlet_paved_access")
    assert (hamlets.status, hamlets.low <= hamlets.value <= hamlets.high) == ("estimated", True)
    drawn = [len(las_palmas[0].evidence[f"hamlet_paved_access.{name}"]) for name in ("served", "unserved")]
    assert sum(drawn) >= hamlets.denominator > 0
