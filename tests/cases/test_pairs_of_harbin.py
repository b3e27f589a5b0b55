"""Carriageways of Harbin: who is in whose road at the hard spots, and lengths by another way."""

import numpy as np
import pyproj
import pytest
import shapely

from spatial.project import open_city
from spatial.roads import class_table
from spatial.roads.model import _build

pytestmark = pytest.mark.cases


@pytest.fixture(scope="module")
def harbin(cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("harbin")
    (folder / "city.toml").write_text(f'[osm]\nfile = "{cases}/harbin/harbin_202404.osm.pbf"\n', encoding="utf-8")
    city = open_city(folder, cache=False)
    return city, _build(city.frame("roads"))


def beside(harbin, lon, lat, *, within_m=60.0):
    """One-way roads of a class that has length about a place: name, tag, metres aside and number of carriageways."""
    city, model = harbin
    place = shapely.Point(*pyproj.Transformer.from_crs(4326, city.crs, always_xy=True).transform(lon, lat))
    roads = city.frame("roads").iloc[model.road]
    length = np.isin(model.road_class, [key for key, row in class_table().items() if row["length"]])
    oneway = roads["oneway"].isin(["yes", "-1"]).to_numpy()
    away = shapely.distance(model.lines, place)
    found = np.flatnonzero(length & oneway & (away <= within_m))
    return [(roads["name"].iloc[i] or "", roads["oneway"].iloc[i], float(away[i]), int(model.carriageways[i])) for i in found]


def test_four_lines_of_one_name_are_one_road(harbin):
    found = beside(harbin, 126.68834, 45.7590)
    assert [name for name, *_ in found] == ["红旗大街"] * 4
    assert {count for *_, count in found} == {4}


def test_a_long_bridge_and_the_road_below_it_are_two_roads(harbin):
    found = [row for row in beside(harbin, 126.5213, 45.7165) if row[0].startswith("阳明滩")]
    assert sorted(name for name, *_ in found) == ["阳明滩大桥", "阳明滩大桥", "阳明滩大道", "阳明滩大道"]
    assert {count for *_, count in found} == {2}


def test_two_streets_on_both_sides_of_a_park_do_not_pair(harbin):
    found = [row for row in beside(harbin, 126.5563, 45.7353, within_m=110) if row[0].startswith("景江")]
    assert {name for name, *_ in found} == {"景江东路", "景江西路"}
    assert {count for *_, count in found} == {1}


def test_twins_typed_by_two_people(harbin):
    found = [row for row in beside(harbin, 126.6213, 45.8082) if "33" in row[0]]
    assert len({name for name, *_ in found}) == 2
    assert {count for *_, count in found} == {2}


def test_a_carriageway_drawn_against_its_direction(harbin):
    found = beside(harbin, 126.6649, 45.7180, within_m=20)
    assert {(name, oneway) for name, oneway, *_ in found} == {("三合路", "yes"), ("三合路", "-1")}
    assert {count for *_, count in found} == {4}  # with a third of the name, and one without between them


def test_lengths_are_those_of_the_axes(harbin):
    """Roads that are two parallel lines all along: their length once is half of their lines, measured on the ellipsoid."""
    city, model = harbin
    geod = pyproj.Geod(ellps="GRS80")
    roads = city.frame("roads")
    once = shapely.length(model.lines) * model.weights
    for name, twins in (("群力第五大道", 2), ("学府路", 2), ("友谊西路", 2), ("红旗大街", 0)):
        mine = (roads["name"] == name).to_numpy()
        lines = roads.geometry[mine].to_crs(4326)
        drawn = sum(abs(geod.geometry_length(line)) for line in lines)
        counted = once[np.isin(model.road, np.flatnonzero(mine))].sum()
        if twins:
            assert counted == pytest.approx(drawn / twins, rel=0.04), name
        else:  # two lines here, four there: half of the outline of the ground on which they lie is as long as the road
            ground = shapely.union_all(shapely.buffer(roads.geometry[mine].to_numpy(), 40, cap_style="flat"))
            assert counted == pytest.approx(shapely.length(shapely.boundary(ground)) / 2, rel=0.2), name


def test_members_of_a_road_share_it_once(harbin):
    """Brute force at places drawn at random: what a line across meets of its road is as many ways as the road is said to have there."""
    city, model = harbin
    names = city.frame("roads")["name"].fillna("").to_numpy(dtype=object)
    links = model.links
    tree = shapely.STRtree(model.lines)
    named = np.flatnonzero(names[links.road] != "")
    right = []
    for i in np.random.default_rng(5).choice(named, 300, replace=False):
        met = tree.query(links.lines[i], predicate="dwithin", distance=0.05)
        met = met[model.classes("length")[met] & model.paired[met] & np.isin(names[model.road[met]], ["", names[links.road[i]]])]
        right.append(len(np.unique(model.road[met])) == links.carriageways[i])
    assert np.mean(right) > 0.85
