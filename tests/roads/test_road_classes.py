"""What class a road is: by tags, by the words of local layers, by what the city states and draws."""

import numpy as np
import pytest
import shapely
from shapely import LineString

from spatial.city_toml import parse_project
from spatial.errors import ProjectError
from spatial.roads import class_table, road_model
from tests.roads.streets import city, frame, lane, street


def length_of(made, road_class):
    model = road_model(made)
    return float((shapely.length(model.lines) * model.weights)[model.open & (model.road_class == road_class)].sum())


@pytest.mark.parametrize(
    ("word", "road_class"),
    [
        ("高速公路", "motorway"),
        ("快速路", "expressway"),
        ("主干路", "primary"),
        ("次干路", "secondary"),
        ("支路", "tertiary"),
        ("匝道", "link"),
    ],
)
def test_words_of_local_layers(word, road_class):
    made = city([street((0, 0), (1000, 0), highway=word)])
    assert road_model(made).road_class.tolist() == [road_class]
    assert road_model(made).unknown_classes == ()


def test_every_word_belongs_to_one_class():
    words = [word for row in class_table().values() for word in (*row["highway"], *row["words"])]
    assert len(words) == len(set(words))


def test_what_is_not_open():
    # 1 km open; under construction, proposed, private and closed to cars are not.
    rows = [street((0, y), (1000, y), **tags) for y, tags in enumerate([{}, {"highway": "construction"}, {"highway": "proposed"}])]
    rows += [street((0, 50), (1000, 50), access="private"), street((0, 80), (1000, 80), motor_vehicle="no")]
    assert length_of(city(rows), "primary") == pytest.approx(1000)


class TestStated:
    rows = (
        street((0, 0), (1000, 0), name="东部快速路", highway="primary"),
        street((0, 100), (1000, 100), ref="S102;G1", highway="trunk"),
        street((0, 200), (1000, 200), name="东部快速路", highway="primary_link"),
        street((0, 300), (1000, 300), name="东部快速路", highway="footway"),
        street((0, 400), (1000, 400), name="东部快速路西段", highway="primary"),
    )

    def made(self, **classes):
        from dataclasses import replace

        return replace(city(self.rows), road_classes=classes, _memory={})

    def test_by_name_and_by_number(self):
        # The road of the name and the road of the number; neither its ramp, nor its footway, nor a longer name.
        assert length_of(self.made(东部快速路="expressway", G1="expressway"), "expressway") == pytest.approx(2000)
        assert length_of(city(self.rows), "expressway") == 0

    def test_a_name_that_no_road_bears_is_told(self):
        assert road_model(self.made(东部快速="expressway")).unmatched == ("东部快速",)

    def test_city_toml(self, tmp_path):
        text = 'name = "x"\n[osm]\nfile = "x.osm.pbf"\n[roads]\nclasses = { "快速路" = ["东部快速路"], primary = ["S102"] }\n'
        (tmp_path / "city.toml").write_text(text, encoding="utf-8")
        assert parse_project(tmp_path).road_classes == {"东部快速路": "expressway", "S102": "primary"}

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ('classes = { expresway = ["x"] }', "did you mean"),
            ('classes = { expressway = "x" }', "must be a list of names"),
            ('classes = { expressway = ["x"], primary = ["x"] }', "stated as expressway and as primary"),
            ('class = { expressway = ["x"] }', "class"),
        ],
    )
    def test_faults(self, tmp_path, line, said):
        (tmp_path / "city.toml").write_text(f'[osm]\nfile = "x.osm.pbf"\n[roads]\n{line}\n', encoding="utf-8")
        with pytest.raises(ProjectError, match=said):
            parse_project(tmp_path)


class TestDrawn:
    def test_it_wins_where_it_lies(self):
        # A primary road of 1 km, of which the middle 400 m are drawn as expressway 5 m beside it; the street across is not touched.
        roads = [street((0, 0), (1000, 0)), street((500, -300), (500, 300), highway="secondary")]
        drawn = [{"road_class": "快速路", "geometry": LineString([(300, 5), (700, 5)])}]
        made = city(roads, road_classes=drawn)
        assert length_of(made, "expressway") == pytest.approx(400)
        assert length_of(made, "primary") == pytest.approx(600)
        assert length_of(made, "secondary") == pytest.approx(600)

    def test_over_what_is_stated_by_name_and_as_a_polygon(self):
        drawn = [{"road_class": "secondary", "geometry": shapely.box(-10, -10, 500, 10)}]
        made = city([lane(0, name="x", highway="primary")], road_classes=drawn)
        assert length_of(made, "secondary") == pytest.approx(500)

    def test_a_pair_stays_a_pair_and_runs_the_same_way(self):
        roads = [lane(0, name="x"), lane(20, east=False, name="x")]
        drawn = [{"road_class": "expressway", "geometry": shapely.box(300, -50, 700, 50)}]
        model = road_model(city(roads, road_classes=drawn))
        assert set(model.carriageways) == {2}
        west = [line for line, road in zip(model.lines, model.road, strict=True) if road == 1]
        assert all(line.coords[0][0] > line.coords[-1][0] for line in west)
        assert np.sum(shapely.length(model.lines)) == pytest.approx(2000)

    def test_the_layer_may_be_empty(self):
        none = frame([{"road_class": "primary", "geometry": LineString([(0, 0), (1, 0)])}]).iloc[:0]
        from spatial.city import City

        made = City.from_layers(crs=none.crs, roads=frame([lane(0)]), road_classes=none)
        assert road_model(made).road_class.tolist() == ["primary"]
