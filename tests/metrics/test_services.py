"""Services on foot: cities whose answer fits in a comment, then what must hold for all."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPoint, Point, box

from spatial.city import City
from spatial.errors import ProjectError
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.metrics.facilities import facilities, mapped
from spatial.metrics.facility_classes import declared_facilities
from spatial.metrics.walking import sources
from tests.small_city import project

CRS = "EPSG:32651"
X, Y = 500_000.0, 4_850_000.0
STEP = 100


def at(*shapes, **columns):
    frame = gpd.GeoDataFrame(columns, geometry=list(shapes), crs=CRS)
    return frame.set_geometry(frame.translate(X, Y))


def grid(size=2000, x0=0, y0=0, without=()):
    """Streets every 100 m, with a vertex at every crossing; ``without`` leaves out a piece between two crossings."""
    steps = range(0, size + 1, STEP)
    pieces = [((x, y), (x + STEP, y)) for x in steps[:-1] for y in steps] + [((x, y), (x, y + STEP)) for x in steps for y in steps[:-1]]
    return [LineString([(a + x0, b + y0) for a, b in piece]) for piece in pieces if piece not in without]


def streets(lines):
    return at(*lines, highway=["residential"] * len(lines))


def people_at(points):
    return at(*[Point(p) for p in points], count=[1.0] * len(points))


def crossings(size=2000, x0=0):
    steps = range(0, size + 1, STEP)
    return [(x + x0, y) for x in steps for y in steps]


def square_city(size=2000, **layers):
    ground = box(-50, -50, size + 50, size + 50)
    return City.from_layers(crs=CRS, districts=at(ground, area_id=["a"], name=["A"]), built_up_area=at(ground), **layers)


def share(city, name, variant, area="a"):
    return measure(city, [name]).get(name, variant=variant, area_id=area)


def school(x, y, **columns):
    return at(Point(x, y), amenity=["school"], name=["实验小学"], **columns)


def test_a_grid_gives_a_diamond_on_foot_and_a_circle_by_straight_line():
    # 21 × 21 crossings with one person each, a library in the middle, 1,000 m: 2·10² + 2·10 + 1 = 221 on foot; 317 lattice points in a circle.
    city = square_city(roads=streets(grid()), population=people_at(crossings()), facilities=at(Point(1000, 1000), amenity=["library"]))
    table = measure(city, ["culture_coverage"])
    on_foot = table.get("culture_coverage", variant="network_residents", area_id="a")
    assert (on_foot.numerator, on_foot.denominator) == (221, 441)
    assert table.get("culture_coverage", variant="straight_line_residents", area_id="a").numerator == 317
    # 4 km/h: 15 minutes are the same 1,000 m.
    timed = table.get("culture_coverage", variant="walking_time_residents", area_id="a")
    assert timed.numerator == 221
    assert timed.low < timed.value < timed.high
    winter = table.get("culture_coverage", variant="winter_residents", area_id="a")
    assert winter.numerator < 221


def test_connectors_count_at_both_ends():
    # The library stands 40 m beside the street: from 960 m on, people are beyond 1,000 m. A person 30 m beside loses as much.
    lines = [LineString([(0, 0), (2000, 0)])]
    people = people_at([(960, 0), (961, 0), (930, 30), (931, 30)])
    city = square_city(roads=streets(lines), population=people, facilities=at(Point(0, 40), amenity=["library"]))
    assert share(city, "culture_coverage", "network_residents").numerator == 2


def test_a_wall_is_passed_at_its_gate():
    # A wall along y = 1050 cuts every street but the one at x = 0, where the gate is: the way from (2000, 1000) to the school at (2000, 1100)
    # is 2,000 + 100 + 2,000 m, not 100.
    wall = [((x, 1000), (x, 1100)) for x in range(100, 2001, 100)]
    city = square_city(
        roads=streets(grid(without=wall)), population=people_at([(2000, 1000), (2000, 1100), (0, 1000)]), facilities=school(2000, 1100),
        walls=at(LineString([(50, 1050), (2100, 1050)]), barrier=["wall"]),
    )  # fmt: skip
    assert share(city, "school_coverage", "primary_school_network_residents").numerator == 1
    assert share(city, "school_coverage", "primary_school_straight_line_residents").numerator == 2


def test_a_building_behind_a_wall_is_not_taken_through_it():
    # The home at (500, 20) is 20 m from Wall Street (y = 0) but a wall lies between; Garden Street (y = 150) is open to it. The school stands on
    # Wall Street 100 m away; by Garden Street it is 130 + 1,500 + 150 + 1,500 m.
    lines = [
        LineString([(0, 0), (600, 0)]),
        LineString([(600, 0), (2000, 0)]),
        LineString([(0, 150), (2000, 150)]),
        LineString([(2000, 0), (2000, 150)]),
    ]
    city = square_city(
        roads=streets(lines), population=people_at([(500, 20)]), facilities=school(600, 0),
        walls=at(LineString([(0, 10), (1900, 10)]), barrier=["wall"]),
    )  # fmt: skip
    assert share(city, "school_coverage", "primary_school_network_residents").numerator == 0
    open_city = square_city(roads=streets(lines), population=people_at([(500, 20)]), facilities=school(600, 0))
    assert share(open_city, "school_coverage", "primary_school_network_residents").numerator == 1


def test_a_part_that_hangs_together_with_nothing_has_no_coverage():
    lines = [*grid(900), *grid(900, x0=1100)]
    people = people_at([*crossings(900), *crossings(900, x0=1100)])
    city = square_city(roads=streets(lines), population=people, facilities=at(Point(500, 500), amenity=["library"]))
    # All 100 crossings of the western part are within 1,000 m (500 + 500 at most); the eastern part has none.
    row = share(city, "culture_coverage", "network_residents")
    assert (row.numerator, row.denominator) == (100, 200)


def test_the_unreachable_are_counted_and_never_a_false_zero():
    # One person at the library, three more than 200 m from any street.
    lines = [LineString([(0, 0), (500, 0)])]
    far = [(1500, 1500), (1500, 1600), (1500, 1700)]
    city = square_city(roads=streets(lines), population=people_at([(0, 0), *far]), facilities=at(Point(0, 0), amenity=["library"]))
    row = share(city, "culture_coverage", "network_residents")
    assert (row.value, row.low, row.high) == (0.25, 0.25, 1.0)
    assert row.status == "estimated"
    assert "unreachable, no walkable way near: 3 residents (75.0%)" in row.note
    assert row.quality == pytest.approx(0.25)
    alone = square_city(roads=streets(lines), population=people_at(far), facilities=at(Point(0, 0), amenity=["library"]))
    row = share(alone, "culture_coverage", "network_residents")
    assert (row.status, np.isnan(row.value)) == ("no_data", True)


def test_two_stops_of_one_name_are_one_and_a_closed_shop_is_none():
    shops = at(
        Point(0, 0), Point(30, 0), Point(500, 0), Point(900, 0), shop=["supermarket"] * 4, name=["Fresh 1", "fresh-1", "Fresh 1", "Closed"],
        disused=[None, None, None, "yes"],
    )  # fmt: skip
    city = square_city(roads=streets(grid()), facilities=shops)
    assert facilities(city, "market").count == 2


def test_a_point_inside_a_polygon_of_its_class_is_the_same_facility():
    shapes = at(box(0, 0, 50, 50), Point(20, 20), Point(21, 21), amenity=["school"] * 3, name=["", "一小", "二小"])
    city = square_city(roads=streets(grid()), facilities=shapes)
    # Both points bear a name that the nameless polygon could have; one polygon is one school.
    assert facilities(city, "school").count == 1
    apart = at(box(0, 0, 50, 50), Point(20, 20), amenity=["restaurant"] * 2, name=["Food hall", "Noodles"])
    assert facilities(square_city(roads=streets(grid()), facilities=apart), "food").count == 2


def test_a_large_ground_is_entered_at_its_gate():
    # A school of 300 m × 80 m (2.4 ha) between the streets at y = 1000 and 1100; its gate is on the north side, at (1150, 1090).
    ground = at(box(1010, 1010, 1310, 1090), amenity=["school"], name=["小学"])
    gates = at(Point(1150, 1090), barrier=["gate"])
    city = square_city(roads=streets(grid()), facilities=ground, gates=gates, population=people_at([(1100, 1100), (1100, 1000)]))
    found = sources(city, "primary_school")
    assert [(p.x - X, p.y - Y) for p in found.places] == [(1150, 1090)]
    without = sources(square_city(roads=streets(grid()), facilities=ground), "primary_school")
    # Without a gate the streets at x = 1100, 1200 and 1300, which run through it, meet its edge north and south.
    assert sorted((round(p.x - X), round(p.y - Y)) for p in without.places) == [(x, y) for x in (1100, 1200, 1300) for y in (1010, 1090)]


def test_a_station_is_measured_from_its_entrances():
    stops = at(
        Point(1000, 1000), Point(1200, 1000), railway=["station", "subway_entrance"], station=["subway", None], name=["人民广场", None]
    )
    city = square_city(roads=streets(grid()), transit_stops=stops, population=people_at([(200, 1000), (300, 1000), (2000, 1000)]))
    # 800 m from the entrance at x = 1200: 2000 is, 300 and 200 are not, though 200 is 800 m from the station's point.
    assert share(city, "rail_station_800m_coverage", "straight_line_residents").numerator == 1
    assert share(city, "rail_station_800m_coverage", "network_residents").numerator == 1


def of_osm(city, *names):
    return replace(city, layers={**city.layers, **{name: replace(city.layer(name), origin="osm") for name in names}})


def many(kind, count, **columns):
    return at(
        *[Point(100 * (n % 20), 100 * (n // 20)) for n in range(count)], amenity=[kind] * count, name=[f"{kind}{n}" for n in range(count)]
    )


def test_not_mapped_is_not_absent():
    # 200,000 people; 222 libraries, one clinic, no home for the elderly: one class counts, one is thin, one is not there.
    both = gpd.GeoDataFrame(gpd.pd.concat([many("library", 222), many("clinic", 1)], ignore_index=True), crs=CRS)
    people = people_at(crossings()).assign(count=200_000 / 441)
    city = of_osm(square_city(roads=streets(grid()), population=people, facilities=both), "facilities")
    assert [mapped(city, kind).verdict for kind in ("culture", "health_centre", "eldercare")] == ["counts", "thin", "absent"]
    results = measure(city, ["culture_coverage", "health_coverage", "eldercare_coverage", "service_15min_coverage"])
    assert results.get("culture_coverage", area_id="a").status == "ok"
    clinic = results.get("health_coverage", variant="health_centre_network_residents", area_id="a")
    assert (clinic.status, clinic.quality) == ("estimated", 0.0)
    assert clinic.value == pytest.approx(221 / 441, abs=0.4)
    assert "probably not mapped" in clinic.note
    home = results.get("eldercare_coverage", area_id="a")
    assert (home.status, np.isnan(home.value)) == ("no_data", True)
    assert "none in all the data" in home.note
    # The composite is over the one class that counts, and says so; never a false 0 %.
    together = results.get("service_15min_coverage", variant="gb50180_network_residents", area_id="a")
    assert together.value == pytest.approx(1.0, abs=0.01)
    assert together.status == "estimated"
    assert "over 1 of 12 classes: culture" in together.note
    assert "elderly care (none in all the data)" in together.note
    assert np.isnan(results.get("service_15min_coverage", variant="mofcom_network_residents", area_id="a").value)


def test_a_local_layer_is_taken_at_its_word():
    people = people_at(crossings()).assign(count=1e6)
    city = square_city(roads=streets(grid()), population=people, facilities=school(0, 0))
    assert mapped(city, "primary_school").verdict == "counts"


def test_classes_reached_by_cell():
    shapes = at(Point(0, 0), Point(0, 0), amenity=["library", "clinic"])
    city = square_city(roads=streets(grid()), population=people_at([(0, 0), (2000, 2000)]), facilities=shapes)
    results = measure(city, ["service_15min_coverage", "service_15min_classes_reached"])
    cells = results.evidence["service_15min_coverage.cells_tdt1063"].sort_values("reached")
    assert cells.reached.tolist() == [0, 2]
    assert cells.culture_m.fillna(-1).tolist() == [-1, 0]
    assert results.get("service_15min_classes_reached", variant="tdt1063", area_id="a").value == pytest.approx(1.0)


def test_communities_are_covered_as_a_whole_or_not():
    # Ten people in the west, nine of them within reach: 90 %, covered. Ten in the east, none.
    homes = [(100, 0)] * 9 + [(1500, 0)] + [(1900, 1900)] * 10
    blocks = at(box(-50, -50, 1600, 1600), box(1700, 1700, 2050, 2050), area_id=["w", "e"], name=["西", "东"])
    city = square_city(
        roads=streets(grid()), population=people_at(homes), communities=blocks, facilities=at(Point(0, 0), amenity=["library"])
    )
    row = share(city, "culture_coverage", "network_communities")
    assert (row.numerator, row.denominator) == (1, 2)


def test_residential_land_is_judged_in_cells():
    # Housing of 2 km × 2 km; within 1,000 m on foot of the library in the middle lies the diamond of 2.0 km².
    city = square_city(
        roads=streets(grid()),
        landuse=at(box(0, 0, 2000, 2000), landuse=["residential"]),
        facilities=at(Point(1000, 1000), amenity=["library"]),
    )
    row = share(city, "culture_coverage", "network_residential_land")
    assert row.denominator == pytest.approx(4e6)
    assert row.numerator == pytest.approx(2.0e6, rel=0.02)


FACILITIES = """
[classes.toilet]
title = { zh = "公共厕所", en = "public toilet" }
from = [{ amenity = ["toilets"] }]

[sets.mine]
title = { zh = "本市标准", en = "city standard" }
standard = { zh = "本市规定", en = "rule of the city" }

[sets.mine.classes]
toilet = { distance_m = 500, status = "verified", source = "made up" }

[metrics.toilet_coverage]
title = { zh = "公厕覆盖率", en = "Public toilets within 500 m" }
standard = { zh = "本市规定", en = "rule of the city" }

[metrics.toilet_coverage.classes]
toilet = { distance_m = 500, status = "verified", source = "made up" }
"""


def test_a_class_a_set_and_a_metric_are_one_toml(tmp_path):
    """A project adds all three without a line of code, and the command line runs them."""
    from spatial.project import open_city

    middle = Point(125.5, 43.9)
    toml = project(tmp_path, layers={
        "facilities": gpd.GeoDataFrame({"amenity": ["toilets"]}, geometry=[middle], crs="EPSG:4326"),
        "population": gpd.GeoDataFrame({"count": [5.0]}, geometry=[middle], crs="EPSG:4326"),
        "built_up_area": gpd.GeoDataFrame({"name": ["x"]}, geometry=[middle.buffer(0.05)], crs="EPSG:4326"),
        "boundary": gpd.GeoDataFrame({"name": ["x"]}, geometry=[middle.buffer(0.05)], crs="EPSG:4326"),
        "roads": gpd.GeoDataFrame({"highway": ["residential"]}, geometry=[LineString([(125.49, 43.9), (125.51, 43.9)])], crs="EPSG:4326"),
    })  # fmt: skip
    text = toml.read_text(encoding="utf-8")
    start = text.index("[layers.districts]")
    toml.write_text(text[:start] + text[text.index("[layers.", start + 1) :], encoding="utf-8")
    (tmp_path / "facilities.toml").write_text(FACILITIES, encoding="utf-8")
    assert "toilet_coverage" not in registered()
    assert "toilet_coverage" in registered(tmp_path)
    results = measure(open_city(toml), ["toilet_coverage", "service_15min_coverage"])
    assert results.get("toilet_coverage").value == 1.0
    assert results.get("service_15min_coverage", variant="mine_network_residents").value == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[classes.Bad]", "small letters"),
        ("[clases.x]", 'did you mean "classes"'),
        ("[classes.x]\ntitle = { zh = 'a', en = 'b' }", "from is missing"),
        ("[classes.park]\nthin_per_10000 = -1", "must be a number from 0"),
        ("[classes.park]\nfrom = [{ amenity = 'x' }]", "must be a list of texts"),
        ("[sets.tdt1063.classes]\nnothing = { distance_m = 5, status = 'verified' }", "there is no class of this name"),
        ("[sets.tdt1063.classes.park]\ndistance_m = 0", "distance_m must be from 50"),
        ("[sets.tdt1063.classes.park]\nstatus = 'sure'", "status must be"),
        ("[metrics.school_coverage]\nofficial = 'by air'", "official must be one of"),
        ("[communities]\ncovered_from = 2", "covered_from"),
    ],
)
def test_a_wrong_declaration_is_one_clear_error(tmp_path, text, said):
    (tmp_path / "facilities.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError, match=r"facilities\.toml") as error:
        declared_facilities(tmp_path)
    assert said in str(error.value)


def test_a_class_that_asks_for_an_unknown_field_says_so(tmp_path):
    declared = declared_facilities()
    wrong = replace(declared.classes["school"], rules=(("facilities", {"amenty": ("school",)}, {}),))
    city = square_city(facilities=school(0, 0)).with_memory(
        ("city-wide", "facility classes"), replace(declared, classes={**declared.classes, "school": wrong})
    )
    with pytest.raises(ProjectError, match='no field "amenty"; did you mean "amenity"'):
        facilities(city, "school")


def test_a_metric_of_a_project_must_not_take_a_name(tmp_path):
    (tmp_path / "facilities.toml").write_text(FACILITIES.replace("toilet_coverage", "population"), encoding="utf-8")
    with pytest.raises(ProjectError, match="is there already"):
        registered(tmp_path)


def test_every_limit_is_marked():
    declared = declared_facilities()
    for group in (*declared.sets.values(), *declared.metrics.values()):
        for limit in group.limits.values():
            assert limit.status in ("verified", "to be confirmed")
            assert limit.source


def share_of(points, roads):
    city = square_city(1000, roads=roads, population=people_at(crossings(1000)), facilities=at(*points, amenity=["library"] * len(points)))
    table = measure(city, ["culture_coverage"])
    return [table.get("culture_coverage", variant=f"{reach}_residents", area_id="a").value for reach in ("network", "straight_line")]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=4))
def test_adding_a_facility_never_lowers_coverage_and_walking_is_never_shorter(places):
    roads = streets(grid(1000))
    points = [Point(place) for place in places]
    before = 0.0
    for count in range(1, len(points) + 1):
        on_foot, straight = share_of(points[:count], roads)
        assert on_foot >= before
        assert on_foot <= straight
        before = on_foot


def test_a_point_in_a_large_ground_is_no_way_in():
    # The school of 2.4 ha is mapped twice, as a ground with a gate in the north and as a point inside: from the south street one walks round,
    # 50 m west or east along it, up to y = 1100, to (1150, 1100) and 10 m down to the gate; the point is but 50 m away.
    both = at(box(1010, 1010, 1310, 1090), Point(1150, 1050), amenity=["school"] * 2, name=["第一小学"] * 2)
    lines = [LineString([(1000, 1000), (1400, 1000)]), LineString([(1000, 1000), (1000, 1100)]), LineString([(1000, 1100), (1400, 1100)])]
    city = square_city(
        roads=streets(lines),
        facilities=both,
        gates=at(Point(1150, 1090), barrier=["gate"]),
        population=people_at([(1150, 1000), (1350, 1000)]),
    )
    # 150 + 100 + 150 + 10 = 410 m from the first, 610 m from the second.
    assert share(city, "school_coverage", "primary_school_network_residents").numerator == 1
    assert facilities(city, "primary_school").count == 1


def test_a_facility_on_a_private_road_serves_the_public_street_beside_it():
    # A school 5 m from a private campus road and 35 m from the public street: the homes on both reach it.
    roads = at(
        LineString([(0, 0), (1000, 0)]), LineString([(500, 40), (600, 40)]), highway=["residential", "service"], access=[None, "private"]
    )  # fmt: skip
    city = square_city(roads=roads, facilities=school(550, 35), population=people_at([(550, 0), (300, 0), (560, 42)]))
    assert share(city, "school_coverage", "primary_school_network_residents").numerator == 3


def test_when_no_facility_can_be_reached_there_is_nothing_to_say():
    # The only library is 1.4 km from the street: no data, not 0 %.
    lines = [LineString([(0, 0), (500, 0)])]
    city = square_city(roads=streets(lines), facilities=at(Point(0, 1400), amenity=["library"]), population=people_at([(0, 0)]))
    row = share(city, "culture_coverage", "network_residents")
    assert (row.status, np.isnan(row.value)) == ("no_data", True)
    assert "culture 1 of 1" in row.note


def test_one_local_feature_does_not_make_a_class_mapped():
    # 200,000 people; one clinic of OSM and one added from a local list by merge = "union": still hardly mapped.
    people = people_at(crossings()).assign(count=200_000 / 441)
    city = square_city(roads=streets(grid()), population=people, facilities=many("clinic", 1))
    layer = replace(city.layer("facilities"), origin="osm+local")
    assert mapped(replace(city, layers={**city.layers, "facilities": layer}), "health_centre").verdict == "thin"


def test_a_list_that_is_declared_empty_is_a_zero():
    people = people_at(crossings())
    city = square_city(roads=streets(grid()), population=people, facilities=many("library", 1))
    layer = replace(city.layer("facilities"), options={"allow_empty": True})
    row = share(replace(city, layers={**city.layers, "facilities": layer}), "eldercare_coverage", "network_residents")
    assert (row.status, row.value) == ("ok", 0.0)


def test_levels_that_nobody_mapped_make_their_classes_thin():
    # 40 schools without a level and three primary schools in a city of 50,000: of 43 schools 40 say nothing.
    names = [f"学校{n}" for n in range(40)] + ["一小学", "二小学", "三小学"]
    schools = many("school", 43).assign(name=names)
    city = of_osm(
        square_city(roads=streets(grid()), population=people_at(crossings()).assign(count=50_000 / 441), facilities=schools), "facilities"
    )
    assert mapped(city, "school").verdict == "counts"
    assert mapped(city, "primary_school").verdict == "thin"
    row = share(city, "school_coverage", "primary_school_network_residents")
    assert (row.status, row.quality) == ("estimated", 0.0)
    assert "40 of 43 of unknown level" in row.note


def test_a_senior_high_school_is_no_middle_school():
    names = ["第二高级中学", "第三中学", "职业中学", "实验小学"]
    city = square_city(roads=streets(grid()), facilities=many("school", 4).assign(name=names))
    assert facilities(city, "middle_school").names.tolist() == ["第三中学"]
    assert sorted(facilities(city, "high_school").names) == ["第二高级中学", "职业中学"]


def test_communities_without_residents_do_not_count():
    blocks = at(box(-50, -50, 400, 400), box(1700, 1700, 2050, 2050), area_id=["w", "e"], name=["西", "东"])
    city = square_city(
        roads=streets(grid()), population=people_at([(100, 0)]), communities=blocks, facilities=at(Point(0, 0), amenity=["library"])
    )
    row = share(city, "culture_coverage", "network_communities")
    assert (row.numerator, row.denominator) == (1, 1)
    assert "communities without residents, left out: 1" in row.note


def test_walking_time_says_that_the_ground_is_taken_as_level():
    city = square_city(roads=streets(grid()), population=people_at(crossings()), facilities=at(Point(1000, 1000), amenity=["library"]))
    row = share(city, "culture_coverage", "walking_time_residents")
    assert row.status == "estimated"
    assert "no elevation" in row.note


def test_a_limit_that_a_project_changes_is_no_longer_verified(tmp_path):
    (tmp_path / "facilities.toml").write_text("[metrics.bus_stop_500m_coverage.classes.bus_stop]\ndistance_m = 800\n", encoding="utf-8")
    limit = declared_facilities(tmp_path).metrics["bus_stop_500m_coverage"].limits["bus_stop"]
    assert (limit.distance_m, limit.status, limit.source) == (800.0, "to be confirmed", "the project")
    assert declared_facilities().metrics["bus_stop_500m_coverage"].limits["bus_stop"].status == "verified"


def test_thousands_at_one_spot_are_no_matter():
    # A list that was geocoded to one centroid: 30,000 schools of one name are one, 30,000 of as many names are as many.
    spot = [Point(1000, 1000)] * 30_000
    same = at(*spot, amenity=["school"] * 30_000, name=["小学"] * 30_000)
    other = at(*spot, amenity=["school"] * 30_000, name=[f"小学{n}" for n in range(30_000)])
    assert facilities(square_city(roads=streets(grid()), facilities=same), "school").count == 1
    assert facilities(square_city(roads=streets(grid()), facilities=other), "school").count == 30_000


def test_each_part_of_a_facility_is_entered_for_itself():
    # One library in two places 1,600 m apart reaches as many as two libraries there.
    places = [Point(200, 200), Point(1800, 1800)]
    people = people_at(crossings())
    one = square_city(roads=streets(grid()), population=people, facilities=at(MultiPoint(places), amenity=["library"]))
    two = square_city(roads=streets(grid()), population=people, facilities=at(*places, amenity=["library"] * 2))
    rows = [share(city, "culture_coverage", "network_residents") for city in (one, two)]
    assert rows[0].numerator == rows[1].numerator > 0
    assert [facilities(city, "culture").count for city in (one, two)] == [1, 2]


def test_evidence_tells_what_the_table_tells():
    # Kindergartens count, childcare is hardly mapped: those not reached are those whom the value leaves out, by the part of their cell inside.
    both = gpd.GeoDataFrame(gpd.pd.concat([many("kindergarten", 20), many("childcare", 1)], ignore_index=True), crs=CRS)
    people = at(*[box(x, y, x + 200, y + 200) for x in range(-100, 2000, 200) for y in range(-100, 2000, 200)], count=[2000.0] * 121)
    city = of_osm(square_city(roads=streets(grid()), population=people, facilities=both), "facilities")
    results = measure(city, ["childcare_coverage"])
    row = results.get("childcare_coverage", area_id="city")
    beyond = results.evidence["childcare_coverage.beyond"]
    assert "childcare_m" not in beyond
    assert 0 < beyond.people.sum() == pytest.approx(row.denominator - row.numerator, rel=1e-4)


def test_what_is_hardly_mapped_accuses_nobody():
    people = people_at(crossings()).assign(count=200_000 / 441)
    city = of_osm(square_city(roads=streets(grid()), population=people, facilities=many("clinic", 1)), "facilities")
    assert "health_coverage.beyond" not in measure(city, ["health_coverage"]).evidence
