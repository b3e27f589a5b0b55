"""The OSM reader: what it keeps, what it breaks, and that nothing is lost without being counted."""

import bz2
import gc
import gzip

import pytest

from spatial.errors import SourceError
from spatial.layers import layer_specs
from spatial.sources.osm import read_osm

BOUNDS = '<bounds minlat="43.8" minlon="125.2" maxlat="44" maxlon="125.4"/>'


def node(identity, lon, lat, **tags):
    return f'<node id="{identity}" lon="{lon}" lat="{lat}" timestamp="2024-03-02T00:00:00Z" version="1">{_tags(tags)}</node>'


def way(identity, *refs, **tags):
    return f'<way id="{identity}" timestamp="2024-04-09T01:02:03Z" version="1">{"".join(f"<nd ref={chr(34)}{r}{chr(34)}/>" for r in refs)}{_tags(tags)}</way>'


def relation(identity, *members, **tags):
    listed = "".join(f'<member type="{kind}" ref="{ref}" role="{role}"/>' for kind, ref, role in members)
    return f'<relation id="{identity}" timestamp="2020-01-01T00:00:00Z" version="1">{listed}{_tags(tags)}</relation>'


def _tags(tags):
    return "".join(f'<tag k="{key.replace("__", ":")}" v="{value}"/>' for key, value in tags.items())


def write(path, *items, bounds=BOUNDS):
    path.write_text(f'<osm version="0.6" generator="test">{bounds}{"".join(items)}</osm>', encoding="utf-8")
    return path


def read(path):
    return read_osm(path, layer_specs().values())


SQUARE = [node(1, 125.30, 43.90), node(2, 125.31, 43.90), node(3, 125.31, 43.91), node(4, 125.30, 43.91)]


def test_a_way_is_broken_where_nodes_are_missing_and_counted(tmp_path):
    # 1–2, then 98 missing, then 3–4; a lone node between two missing ones is no line.
    data = read(write(tmp_path / "c.osm", *SQUARE, way(10, 1, 2, 98, 3, 4, highway="primary"), way(11, 97, 1, 96, highway="primary")))
    roads = data.frames["roads"]
    assert list(roads["id"]) == ["w10", "w10"]
    assert [list(refs) for refs in roads["nodes"]] == [[1, 2], [3, 4]]
    assert roads["cut"].tolist() == ["end", "start"]
    said = " ".join(repair.text().en for repair in data.repairs)
    assert "located parts are kept: 1 (id w10)" in said
    assert "left out: 1 (id w11)" in said


def test_rings_and_multipolygons_that_cannot_be_closed_are_counted(tmp_path):
    whole = way(20, 1, 2, 3, 4, 1, leisure="park", name="whole")
    torn = way(21, 1, 2, 99, 4, 1, leisure="park", name="torn")
    gone = relation(30, ("way", 777, "outer"), type="multipolygon", leisure="park")
    data = read(write(tmp_path / "c.osm", *SQUARE, whole, torn, gone))
    assert list(data.frames["parks"]["name"]) == ["whole"]
    (lost,) = [repair for repair in data.repairs if "left out" in repair.what.en]
    assert set(lost.ids) == {"w21", "r30"}


def test_multipolygon_with_a_hole(tmp_path):
    inner = [node(5, 125.304, 43.904), node(6, 125.306, 43.904), node(7, 125.306, 43.906), node(8, 125.304, 43.906)]
    rings = [way(20, 1, 2, 3, 4, 1), way(21, 5, 6, 7, 8, 5)]
    lake = relation(30, ("way", 20, "outer"), ("way", 21, "inner"), type="multipolygon", natural="water")
    (shape,) = read(write(tmp_path / "c.osm", *SQUARE, *inner, *rings, lake)).frames["water"].geometry
    # 0.01° square minus a hole of 0.002°.
    assert shape.area == pytest.approx(0.01**2 - 0.002**2)


def test_route_relations_name_their_tracks(tmp_path):
    track = way(40, 1, 2, railway="subway")
    line = relation(50, ("way", 40, ""), ("node", 9, "stop"), type="route", route="subway", ref="3号线")
    stop = node(9, 125.305, 43.90, railway="station", station="subway", name="站")
    data = read(write(tmp_path / "c.osm", *SQUARE, stop, track, line))
    assert list(data.frames["rail"]["routes"]) == ["subway 3号线"]
    assert list(data.frames["transit_stops"]["routes"]) == ["subway 3号线"]


def test_greenways_are_slow_ways_of_that_name_and_whatever_a_route_of_that_name_runs_along(tmp_path):
    items = [
        way(40, 1, 2, highway="cycleway", name="伊通河绿道"),
        way(41, 2, 3, highway="path", name="Green Street"),
        way(42, 3, 4, highway="residential", name="绿道街"),  # a street that is named after one
        way(43, 4, 1, highway="footway"),
        way(44, 1, 3, highway="service"),
        relation(50, ("way", 43, ""), ("way", 40, ""), ("node", 1, ""), ("way", 999, ""), type="route", route="hiking", name="环城绿道"),
        relation(51, ("way", 44, ""), type="route", route="bus", name="绿道专线"),
        relation(52, ("way", 44, ""), type="route", route="bicycle", name="Coast to coast"),
    ]
    data = read(write(tmp_path / "c.osm", *SQUARE, *items))
    found = data.frames["greenways"].set_index("id")
    assert dict(found["name"]) == {"w40": "伊通河绿道", "w43": "环城绿道"}
    assert dict(found["highway"]) == {"w40": "cycleway", "w43": "footway"}
    assert data.frames["roads"].set_index("id").geometry["w43"].equals(found.geometry["w43"])
    assert not data.repairs


def test_places_are_nodes_of_cities_and_towns(tmp_path):
    items = [node(9, 125.305, 43.905, place="city", name="子虚市"), node(8, 125.3, 43.9, place="village", name="村")]
    yard = way(20, 1, 2, 3, 4, 1, place="city", name="outline")
    places = read(write(tmp_path / "c.osm", *SQUARE, *items, yard)).frames["places"]
    assert list(places["id"]) == ["n9"]


def test_a_route_that_the_file_lacks_a_part_of_is_cut(tmp_path):
    """Line 1 lacks a track, line 2 a node of one, line 3 only a platform; line 4 has a station building without a role; a bus is no matter of rail."""
    tracks = [
        way(40, 1, 2, railway="subway"),
        way(41, 3, 99, 4, 1, railway="subway"),
        way(42, 2, 3, railway="subway", start_date="2020-10-15"),
    ]
    house = way(43, 1, 2, 3, 4, 1, building="train_station")
    lines = [
        relation(50, ("way", 40, ""), ("way", 777, ""), ("way", 42, ""), type="route", route="subway", ref="1"),
        relation(51, ("way", 41, ""), type="route", route="light_rail", ref="2"),
        relation(52, ("way", 42, "forward"), ("way", 778, "platform_entry_only"), type="route", route="subway", ref="3"),
        relation(53, ("way", 42, ""), ("way", 43, ""), type="route", route="tram", ref="4"),
        relation(54, ("way", 42, ""), ("way", 779, ""), type="route", route="bus", ref="5"),
    ]
    rail = read(write(tmp_path / "c.osm", *SQUARE, *tracks, house, *lines)).frames["rail"].set_index("id")
    assert rail.loc["w40", "routes_cut"] == "subway 1"
    assert rail.loc["w41", "routes_cut"] == "light_rail 2"
    assert rail.loc["w42", "routes"] == "subway 1;subway 3;tram 4;bus 5"
    assert rail.loc["w42", "routes_cut"] == "subway 1"
    assert list(rail["clipped"].fillna("")) == ["", "yes", ""]
    assert rail.loc["w42", "opened"] == "2020-10-15"


def test_a_facility_is_a_point_or_a_polygon(tmp_path):
    clinic = node(9, 125.305, 43.905, amenity="clinic")
    school = way(20, 1, 2, 3, 4, 1, amenity="school", name="小学")
    facilities = read(write(tmp_path / "c.osm", *SQUARE, clinic, school)).frames["facilities"].set_index("id")
    assert facilities.geometry["n9"].geom_type == "Point"
    assert facilities.geometry["w20"].geom_type == "MultiPolygon"


def test_a_gate_is_a_node_never_the_area_that_a_fence_encloses(tmp_path):
    gate = node(9, 125.305, 43.90, barrier="gate", access="private", locked="yes", foot="no")
    door = node(8, 125.306, 43.90, entrance="main", name="南门")
    yard = way(20, 1, 2, 3, 4, 1, barrier="fence", area="yes")
    gates = read(write(tmp_path / "c.osm", *SQUARE, gate, door, yard)).frames["gates"].set_index("id")
    assert sorted(gates.index) == ["n8", "n9"]
    assert list(gates.loc["n9", ["barrier", "access", "foot", "locked"]]) == ["gate", "private", "no", "yes"]
    assert list(gates.loc["n8", ["entrance", "name"]]) == ["main", "南门"]
    assert list(gates.geom_type) == ["Point", "Point"]


def test_a_closed_wall_is_a_line_and_what_it_encloses_is_still_an_area(tmp_path):
    # A school behind its own fence: one way, two layers. What is stepped over is no wall.
    school = way(20, 1, 2, 3, 4, 1, amenity="school", barrier="fence", height="2.5")
    kerb = way(21, 1, 2, barrier="kerb")
    rail = way(22, 2, 3, barrier="guard_rail")
    data = read(write(tmp_path / "c.osm", *SQUARE, school, kerb, rail))
    walls = data.frames["walls"]
    assert list(walls["id"]) == ["w20"]
    assert list(walls["height"]) == ["2.5"]
    (line,) = walls.geometry
    assert line.geom_type == "LineString"
    assert line.length == pytest.approx(0.04)
    assert data.frames["facilities"].set_index("id").geometry["w20"].geom_type == "MultiPolygon"
    assert not data.repairs


def test_a_wall_is_broken_where_nodes_are_missing(tmp_path):
    walls = read(write(tmp_path / "c.osm", *SQUARE, way(10, 1, 2, 98, 3, 4, barrier="wall", highway="path"))).frames["walls"]
    assert list(walls["id"]) == ["w10", "w10"]
    assert [list(line.coords) for line in walls.geometry] == [[(125.30, 43.90), (125.31, 43.90)], [(125.31, 43.91), (125.30, 43.91)]]


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        ({"leisure": "fitness_centre"}, True),
        ({"leisure": "ice_rink", "sport": "ice_skating"}, True),
        ({"leisure": "garden"}, False),
        ({"tourism": "museum"}, True),
        ({"tourism": "hotel"}, False),
        ({"amenity": "school", "isced__level": "1"}, True),
        ({"amenity": "school", "disused": "yes"}, False),
        ({"amenity": "clinic", "abandoned": "yes"}, False),
        ({"amenity": "clinic", "disused": "no"}, True),
        ({"shop": "vacant"}, False),
        ({"disused__shop": "bakery"}, False),
    ],
)
def test_what_counts_as_a_facility(tmp_path, tags, kept):
    facilities = read(write(tmp_path / "c.osm", *SQUARE, node(9, 125.305, 43.905, **tags))).frames["facilities"]
    assert list(facilities["id"]) == (["n9"] if kept else [])


def test_the_fields_of_a_facility(tmp_path):
    home = node(9, 125.305, 43.905, amenity="social_facility", social_facility="day_care", social_facility__for="senior")
    school = node(8, 125.306, 43.905, amenity="school", isced__level="1;2")
    facilities = read(write(tmp_path / "c.osm", home, school)).frames["facilities"].set_index("id")
    assert facilities.loc["n9", "social_facility_for"] == "senior"
    assert facilities.loc["n8", "isced_level"] == "1;2"


def test_one_feature_in_two_layers_has_one_shape(tmp_path):
    shop = way(20, 1, 2, 3, 4, 1, building="retail", shop="mall", landuse="retail")
    frames = read(write(tmp_path / "c.osm", *SQUARE, shop)).frames
    shapes = [frames[name].geometry.iloc[0] for name in ("buildings", "facilities", "landuse")]
    assert shapes[0].equals(shapes[1])
    assert shapes[0].equals(shapes[2])


@pytest.mark.parametrize("content", ["", "<broken"])
def test_the_garbage_collector_runs_again_after_reading(tmp_path, content):
    path = write(tmp_path / "c.osm", *SQUARE, content)
    if content:
        with pytest.raises(SourceError):
            read(path)
    else:
        read(path)
    assert gc.isenabled()


def test_private_parks_and_no_buildings_are_left_out(tmp_path):
    private = way(20, 1, 2, 3, 4, 1, leisure="park", access="private")
    nothing = way(21, 1, 2, 3, 4, 1, building="no")
    data = read(write(tmp_path / "c.osm", *SQUARE, private, nothing))
    assert data.frames["parks"].empty
    assert data.frames["buildings"].empty


def test_the_date_is_that_of_the_newest_edit(tmp_path):
    assert read(write(tmp_path / "c.osm", *SQUARE, way(10, 1, 2, highway="primary"))).newest == "2024-04-09"


def test_without_a_header_box_the_features_tell(tmp_path):
    data = read(write(tmp_path / "c.osm", *SQUARE, way(10, 1, 3, highway="primary"), bounds=""))
    assert not data.box_is_header
    assert data.box == pytest.approx((125.30, 43.90, 125.31, 43.91))


@pytest.mark.parametrize(("ending", "pack"), [(".osm.gz", gzip.compress), (".osm.bz2", bz2.compress)])
def test_packed_files_read_alike(tmp_path, ending, pack):
    plain = write(tmp_path / "c.osm", *SQUARE, way(10, 1, 2, highway="primary"))
    packed = tmp_path / f"d{ending}"
    packed.write_bytes(pack(plain.read_bytes()))
    assert read(packed).frames["roads"].geometry.equals(read(plain).frames["roads"].geometry)


def test_an_empty_extract_has_empty_layers(tmp_path):
    data = read(write(tmp_path / "c.osm"))
    assert all(frame.empty for frame in data.frames.values())


def test_what_is_no_osm_file_says_so(tmp_path):
    (tmp_path / "c.osm.pbf").write_bytes(b"not a protocol buffer" * 20)
    with pytest.raises(SourceError, match="cannot be read as OSM data"):
        read(tmp_path / "c.osm.pbf")
    with pytest.raises(SourceError, match="is not an OSM file by its name"):
        read(write(tmp_path / "c.xml"))
