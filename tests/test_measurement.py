"""What is decided once for all metrics: coverage, band, status, notes; and the Python face of the results."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, box

from spatial.city import City
from spatial.errors import LayerError, MetricError, OptionError
from spatial.measurement import measure
from spatial.metrics import metric, registered, registry
from spatial.metrics.land import built_up_area
from spatial.result import COLUMNS, KEY, MetricResult
from spatial.text import Text
from spatial.units import unit_of

CRS = "EPSG:32651"
X, Y = 500_000.0, 4_850_000.0


def at(*shapes, **columns):
    frame = gpd.GeoDataFrame(columns, geometry=[box(*s) if isinstance(s, tuple) else s for s in shapes], crs=CRS)
    return frame.set_geometry(frame.translate(X, Y))


def streets(step=200, size=2000):
    lines = [LineString([(k, y) for y in range(0, size + 1, step)]) for k in range(0, size + 1, step)]
    lines += [LineString([(x, k) for x in range(0, size + 1, step)]) for k in range(0, size + 1, step)]
    return at(*lines, highway=["residential"] * len(lines))


def district():
    return at((0, 0, 2000, 2000), area_id=["a"], name=["A"])


def test_table_has_the_contract():
    results = measure(City.from_layers(crs=CRS, date="2025-01-01", districts=district(), roads=streets()))
    table = results.table
    assert list(table.columns) == list(COLUMNS)
    assert not table.duplicated(list(KEY)).any()
    assert set(table.status) <= {"ok", "estimated", "partial", "no_data"}
    assert (table.value.isna() == (table.status == "no_data")).all()
    assert table.coverage.between(0, 1).all()
    assert table.quality.dropna().between(0, 1).all()
    both = table.low.notna() & table.value.notna()
    assert (table.low[both] <= table.value[both] + 1e-12).all()
    assert (table.high[both] >= table.value[both] - 1e-12).all()


def test_built_up_area_is_estimated_by_streets_and_says_so():
    # Streets every 200 m: 10 km/km², above 8; so the district is built up, give or take its edge.
    city = City.from_layers(crs=CRS, districts=district(), roads=streets())
    built = built_up_area(city)
    assert built.estimated
    row = measure(city, ["road_network_density"]).get("road_network_density", area_id="a")
    assert row.status == "estimated"
    assert "estimated" in row.note
    assert row.denominator == pytest.approx(4e6, rel=0.15)


def test_the_band_of_the_methods_is_carried():
    # Land use tells of the west half only, streets of all: the band spans both.
    land = at((0, 0, 1000, 2000), landuse=["residential"])
    city = City.from_layers(crs=CRS, districts=district(), roads=streets(), landuse=land, parks=at((100, 100, 300, 300)))
    results = measure(city, ["built_up_area", "road_network_density"])
    area = results.get("built_up_area", area_id="a")
    assert area.low == pytest.approx(2.0, rel=0.1)
    assert area.high >= area.value > area.low
    density = results.get("road_network_density", area_id="a")
    assert density.low < density.high


def test_a_declared_built_up_area_is_no_estimate():
    city = City.from_layers(crs=CRS, districts=district(), roads=streets(), built_up_area=at((0, 0, 2000, 2000)))
    row = measure(city, ["road_network_density"]).get("road_network_density", area_id="a")
    assert row.status == "ok"
    assert np.isnan(row.low)


def test_a_sliver_of_estimated_ground_gives_no_value():
    # Of the second district only a strip of 5 m is built up.
    frame = at((0, 0, 2000, 2000), (2000, 0, 4000, 2000), area_id=["a", "b"], name=["A", "B"])
    land = at((0, 0, 2005, 2000), landuse=["residential"])
    city = City.from_layers(crs=CRS, districts=frame, roads=streets(), landuse=land)
    row = measure(city, ["road_network_density"]).get("road_network_density", area_id="b")
    assert row.status == "no_data"
    assert np.isnan(row.value)


def test_results_are_easy_to_read():
    city = City.from_layers(
        "<b>x</b>", crs=CRS, districts=at((0, 0, 9, 9), area_id=["a"], name=["<img src=x>"]), population=at((0, 0, 9, 9), count=[7])
    )
    results = measure(city, ["population"])
    wide = results.wide()
    assert list(wide.columns) == ["area_id", "name", "population", "population__status", "geometry"]
    assert wide.set_index("area_id").population["a"] == pytest.approx(7)
    html = results._repr_html_()
    assert "&lt;img" in html
    assert "<img" not in html
    with pytest.raises(KeyError):
        results.get("population", area_id="nowhere")


def test_unknown_names_suggest_the_nearest():
    city = City.from_layers(crs=CRS, districts=district())
    with pytest.raises(OptionError, match='did you mean "population"'):
        measure(city, ["popluation"])
    with pytest.raises(OptionError, match='did you mean "districts"'):
        measure(city, ["population"], by="distritcs")


def test_order_of_features_changes_nothing():
    roads = streets()
    one = measure(City.from_layers(crs=CRS, districts=district(), roads=roads)).table
    two = measure(City.from_layers(crs=CRS, districts=district(), roads=roads.iloc[::-1].reset_index(drop=True))).table
    np.testing.assert_allclose(one.value, two.value, rtol=1e-9, equal_nan=True)


def test_city_total_is_the_same_for_every_choice_of_areas():
    city = City.from_layers(
        crs=CRS, districts=district(), roads=streets(), parks=at((10, 10, 90, 90)), population=at((0, 0, 2000, 2000), count=[5000])
    )
    by_district, by_grid = (measure(city, by=by).table.query("area_id == 'city'") for by in ("districts", "grid:300"))
    np.testing.assert_allclose(by_district.value, by_grid.value, rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("name", sorted(registered()))
def test_every_declaration_is_whole(name):
    """Both languages, a unit, a docstring with its sections; ``explain`` and the docs rest on them."""
    metric = registered()[name]
    for text in (metric.title, metric.definition, metric.standard):
        assert text.zh
        assert text.en
    unit_of(metric.unit)
    assert "Returns\n" in (metric.function.__doc__ or "")
    assert set(metric.bases) == set(metric.variants)


@pytest.mark.parametrize("name", sorted(registered()))
def test_absent_layers_are_no_data_not_an_exception(name):
    table = measure(City.from_layers(crs=CRS, districts=district()), [name]).table
    assert (table.status == "no_data").all()
    assert table.value.isna().all()
    assert (table.note != "").all()


def test_local_roads_of_an_unknown_class_are_counted_aloud():
    roads = streets().assign(highway=["residential"] * 20 + ["省道", None])
    city = City.from_layers(crs=CRS, districts=district(), roads=roads, built_up_area=at((0, 0, 2000, 2000)))
    row = measure(city, ["road_network_density"]).get("road_network_density", area_id="a")
    assert "2 roads of an unknown class" in row.note
    assert "省道" in row.note


def test_any_polygon_layer_serves_to_report_by():
    blocks = at((0, 0, 500, 500), (500, 0, 1000, 500), count=[3, 4])
    table = measure(City.from_layers(crs=CRS, districts=district(), population=blocks), ["population"], by="population").table
    assert list(table.set_index("area_id").value[["0", "1", "city"]]) == pytest.approx([3, 4, 7])


@pytest.mark.parametrize("size", ["1e300", "inf", "nan", "-5", "x"])
def test_impossible_grids_are_an_option_error(size):
    city = City.from_layers(crs=CRS, districts=district())
    with pytest.raises(OptionError, match="grid"):
        measure(city, ["population"], by=f"grid:{size}")


def test_an_estimate_by_a_single_method_has_a_range():
    city = City.from_layers(crs=CRS, districts=district(), roads=streets())
    row = measure(city, ["built_up_area"]).get("built_up_area", area_id="a")
    assert row.low < row.value <= row.high
    density = measure(city, ["road_network_density"]).get("road_network_density", area_id="a")
    assert density.low <= density.value <= density.high
    assert density.low < density.high


def test_crossings_that_nobody_can_join_are_said():
    # Two straight lines cross without a vertex there; two others share one: 1 junction, 1 crossing left out.
    lines = [
        LineString([(0, 500), (1000, 500)]),
        LineString([(500, 0), (500, 1000)]),
        LineString([(1200, 1500), (1500, 1500), (1800, 1500)]),
        LineString([(1500, 1200), (1500, 1500), (1500, 1800)]),
    ]
    roads = at(*lines, highway=["residential"] * 4)
    city = City.from_layers(crs=CRS, districts=district(), roads=roads, built_up_area=at((0, 0, 2000, 2000)))
    row = measure(city, ["intersection_density"]).get("intersection_density", area_id="a")
    assert row.numerator == 1
    assert row.status == "estimated"
    assert "1 crossings of local roads" in row.note


def test_a_bridge_over_a_street_is_no_unjoined_crossing():
    lines = [LineString([(0, 500), (1000, 500)]), LineString([(500, 0), (500, 1000)])]
    roads = at(*lines, highway=["residential"] * 2, bridge=["yes", None], layer=["1", None])
    city = City.from_layers(crs=CRS, districts=district(), roads=roads, built_up_area=at((0, 0, 2000, 2000)))
    assert measure(city, ["intersection_density"]).get("intersection_density", area_id="a").status == "ok"


def test_a_road_beside_the_built_up_area_is_estimated_with_its_true_range():
    # The axis of a road of default width runs 12 m outside a built-up strip: 17 − 12 = 5 m of its 34 m reach in, 1 m at 26, 9 m at 42.
    road = at(LineString([(0, 512), (1000, 512)]), highway=["primary"])
    city = City.from_layers(
        crs=CRS, districts=at((0, 0, 1000, 1000), area_id=["a"], name=["A"]), roads=road, built_up_area=at((0, 0, 1000, 500))
    )
    row = measure(city, ["road_area_ratio"]).get("road_area_ratio", area_id="a")
    assert row.status == "estimated"
    assert [row.low, row.value, row.high] == pytest.approx([1000 / 5e5, 5000 / 5e5, 9000 / 5e5], rel=1e-3)


def test_a_red_line_is_never_narrower_than_the_road_in_it():
    road = at(LineString([(0, 500), (2000, 500)]), highway=["residential"], width=[30])
    city = City.from_layers(crs=CRS, districts=district(), roads=road, built_up_area=at((0, 0, 2000, 2000)))
    results = measure(city, ["road_area_ratio"])
    paved, red = (results.get("road_area_ratio", variant=variant, area_id="a") for variant in ("paved", "redline"))
    assert red.value >= paved.value
    assert red.status == "estimated"
    assert paved.status == "ok"


def test_hardly_any_housing_mapped_is_said():
    # 4 ha of housing on 400 ha of built-up land: 1 %.
    layers = {"parks": at((0, 0, 100, 100)), "landuse": at((0, 0, 200, 200), landuse=["residential"])}
    city = City.from_layers(crs=CRS, districts=district(), built_up_area=at((0, 0, 2000, 2000)), **layers)
    row = measure(city, ["park_service_coverage"]).get("park_service_coverage", area_id="a")
    assert (row.value, row.status, row.quality) == (pytest.approx(1.0), "estimated", pytest.approx(0.1))
    assert "only 1.0%" in row.note


class TestFramesInMemory:
    """What the command line refuses in a file, ``from_layers`` refuses in a frame."""

    def test_roads_need_their_class(self):
        with pytest.raises(LayerError, match="roads: needs the column highway"):
            City.from_layers(crs=CRS, districts=district(), roads=streets()[["geometry"]])

    @pytest.mark.parametrize(("count", "said"), [(-5, "negative"), (None, "no number"), (np.inf, "no number"), (1e308, "more than")])
    def test_counts_are_checked(self, count, said):
        with pytest.raises(LayerError, match=said):
            City.from_layers(crs=CRS, districts=district(), population=at((0, 0, 9, 9), count=[count]))

    def test_ids_are_checked(self):
        with pytest.raises(LayerError, match="1 of 1 features have no area_id"):
            City.from_layers(crs=CRS, districts=at((0, 0, 9, 9), area_id=[None], name=["x"]))

    @pytest.mark.parametrize("wrong", [None, 5, district().geometry])
    def test_only_frames_are_layers(self, wrong):
        with pytest.raises(LayerError, match="districts: needs a GeoDataFrame"):
            City.from_layers(crs=CRS, districts=wrong)

    def test_a_layer_of_another_place_is_refused(self):
        with pytest.raises(LayerError, match="roads: lies more than 50 km from the city"):
            City.from_layers(
                crs=CRS, districts=district(), roads=streets().translate(2e5, 0).to_frame("geometry").assign(highway="primary")
            )

    @pytest.mark.parametrize("options", [{"on_invalid": "foo"}, {"date": "../../x"}])
    def test_options_are_checked(self, options):
        with pytest.raises(OptionError):
            City.from_layers(crs=CRS, districts=district(), **options)

    def test_a_city_cannot_be_changed_by_who_reads_it(self):
        city = City.from_layers(crs=CRS, districts=district(), roads=streets())
        city.frame("roads")["highway"] = "none"
        assert set(city.frame("roads")["highway"]) == {"residential"}
        results = measure(city, "population")
        table = results.table
        table.loc[0, "note"] = "changed"
        assert "changed" not in set(results.table.note)


class TestMetricsOfOthers:
    """A metric of another package that answers wrongly is named, never shown."""

    @pytest.fixture
    def declare(self, monkeypatch):
        registry.registered()  # loads them
        monkeypatch.setattr(registry, "_METRICS", {**registry._METRICS})

        def declare(answer, **options):
            words = dict.fromkeys(("title", "definition", "standard"), Text("x", "x"))
            function = type(answer)(
                answer.__code__, {**globals(), "__name__": "other"}, answer.__name__, answer.__defaults__, answer.__closure__
            )
            function.__module__ = "other"
            return metric("other_metric", unit="1", needs=(), **words, **options)(function)

        return declare

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (lambda city, areas, *, variant: MetricResult(np.zeros(1)), "value must be an array of 2 numbers"),
            (lambda city, areas, *, variant: MetricResult(np.full(len(areas), np.inf)), "infinite"),
            (lambda city, areas, *, variant: None, "must return a MetricResult"),
            (lambda city, areas, *, variant: 1 / 0, "failed with ZeroDivisionError"),
            (lambda city, areas, *, variant: MetricResult(np.zeros(len(areas)), quality=np.full(len(areas), 7.0)), "quality"),
            (lambda city, areas, *, variant: MetricResult(np.zeros(len(areas)), evidence={"x": areas.frame().to_crs(4326)}), "evidence x"),
        ],
    )
    def test_wrong_answers(self, declare, answer, said):
        declare(answer)
        with pytest.raises(MetricError, match=f"metric other_metric.*{said}"):
            measure(City.from_layers(crs=CRS, districts=district()), ["other_metric"])

    @pytest.mark.parametrize("name", ["", "a b", "area_id", "../x", "Größe"])
    def test_names_are_plain(self, name):
        with pytest.raises(MetricError, match="small letters"):
            metric(name, title=Text("x", "x"), definition=Text("x", "x"), standard=Text("x", "x"), unit="1", needs=())
