"""Every figure of one name side by side: which is judged, and why the yearbook's differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import geopandas as gpd
import pandas as pd
import pytest
from shapely import box

from spatial.city import City
from spatial.ledger.records import LEFT_OUT
from spatial.measurement import measure
from spatial.statistics import FIELDS, Statistics
from spatial.targets.definitions import definitions
from spatial.targets.model import DEFINITIONS, Target
from spatial.text import Text

CRS = "EPSG:4551"


def target(measure: str = "road_network_density", **said) -> Target:
    base = Target(
        "T1", "plan", "1", "试城", "", "", Text("目标", "target"), "transport", ">=", 8.0, "km/km2", 0.0, "binding", float("nan"), None, 2025,
        "metric", measure, due=date(2025, 12, 31),
    )  # fmt: skip
    return replace(base, **said)


@pytest.fixture(scope="module")
def results():
    """One square kilometre, built up, with 2 km of streets and 1,000 people."""
    whole = box(5e5, 4.85e6, 501e3, 4851e3)
    frame = gpd.GeoDataFrame({"area_id": ["a"], "name": ["南关区"]}, geometry=[whole], crs=CRS)
    roads = gpd.GeoDataFrame(
        {"highway": ["primary", "residential"]},
        geometry=gpd.GeoSeries.from_wkt(["LINESTRING (500000 4850500, 501000 4850500)", "LINESTRING (500500 4850000, 500500 4851000)"]),
        crs=CRS,
    )
    city = City.from_layers(
        "试城",
        crs=CRS,
        date="2025-01-01",
        districts=frame,
        roads=roads,
        built_up_area=frame.drop(columns="area_id"),
        population=frame.assign(count=[1000]),
    )
    return measure(city, ["road_area_ratio", "population"])


def stated(results, *rows) -> City:
    frame = pd.DataFrame([{**dict.fromkeys(FIELDS, ""), **row, "row": "2"} for row in rows], columns=[*FIELDS, "row"])
    return replace(results.city, statistics=Statistics(frame, pd.DataFrame(columns=list(LEFT_OUT))))


def test_every_variant_stands_beside_the_one_that_is_judged(results):
    variants = list(results.metrics["road_area_ratio"].variants)
    assert len(variants) > 1
    found = definitions([target("road_area_ratio", variant=variants[1])], results.city, results)
    assert list(found.columns) == list(DEFINITIONS)
    assert found["variant"].tolist() == variants
    assert found["judged"].tolist() == [variant == variants[1] for variant in variants]
    for row in found.itertuples():
        assert row.value == pytest.approx(results.get("road_area_ratio", variant=row.variant).value, nan_ok=True)
        assert row.definition_zh
        assert row.definition_en
    assert definitions([target("road_area_ratio")], results.city, results)["judged"].tolist()[0]


def test_the_newest_yearbook_is_set_against_what_is_judged(results):
    """1,000 people measured; 900 in the yearbook of 2023, 1,200 in that of 2024: 200 more."""
    rows = [
        {"area": "试城", "metric": "population", "year": year, "value": value, "unit": "persons", "source": "年鉴"}
        for year, value in ((2023, 900.0), (2024, 1200.0))
    ]
    city = stated(results, *rows)
    found = definitions([target("population", unit="persons")], city, replace(results, city=city))
    assert found["variant"].tolist() == ["", "yearbook"]
    held, book = found.iloc[0], found.iloc[1]
    assert (held["judged"], book["judged"]) == (True, False)
    assert (book["value"], book["data_year"], book["difference"]) == (1200, 2024, pytest.approx(200))
    assert "200 people more" in book["definition_en"]
    assert "the years differ (yearbook 2024, data 2025)" in book["definition_en"]
    assert "高 200 人" in book["definition_zh"]
    assert "年鉴" in book["definition_zh"]


def test_a_yearbook_that_agrees_needs_no_reason(results):
    city = stated(results, {"area": "全市", "metric": "population", "year": 2025, "value": 1000.0, "unit": "persons"})
    book = definitions([target("population", unit="persons")], city, replace(results, city=city)).iloc[1]
    assert "agrees" in book["definition_en"]
    assert "possible reasons" not in book["definition_en"]


def test_shares_differ_in_percentage_points(results):
    value = results.get("road_area_ratio").value
    city = stated(results, {"area": "试城", "metric": "road_area_ratio", "year": 2024, "value": value + 0.012, "unit": "1"})
    book = definitions([target("road_area_ratio")], city, replace(results, city=city)).iloc[-1]
    assert book["difference"] == pytest.approx(0.012)
    assert "1.2 percentage points more" in book["definition_en"]


def test_a_statistic_is_its_own_yearbook(results):
    city = stated(results, {"area": "试城", "metric": "population", "year": 2024, "value": 1.0, "unit": "persons"})
    found = definitions([target("population", unit="persons", kind="statistic")], city, replace(results, city=city))
    assert found["variant"].tolist() == [""]


@pytest.mark.parametrize(
    "row",
    [
        {"area": "别市", "metric": "population", "year": 2024, "value": 1.0, "unit": "persons"},  # another city
        {"area": "试城", "metric": "gdp_total", "year": 2024, "value": 1.0, "unit": "CNY"},  # another figure
        {"area": "试城", "metric": "population", "year": 2024, "value": 1.0, "unit": "km"},  # a unit that says nothing of people
    ],
)
def test_a_figure_of_something_else_is_no_yearbook(results, row):
    city = stated(results, row)
    assert definitions([target("population", unit="persons")], city, replace(results, city=city))["variant"].tolist() == [""]


def test_a_district_is_held_against_its_own_figure(results):
    rows = [
        {"area": area, "metric": "population", "year": 2025, "value": value, "unit": "persons"}
        for area, value in (("南关区", 700.0), ("试城", 1.0))
    ]
    city = stated(results, *rows)
    found = definitions([target("population", unit="persons", area="南关区")], city, replace(results, city=city))
    assert found["value"].tolist() == [pytest.approx(1000), 700]


def test_the_judge_s_own_value_stands_in_the_row_that_is_judged(results):
    judged = pd.DataFrame(
        {"target_id": ["T1", "T1"], "indicative": [False, True], "value": [750.0, 1.0], "value_status": ["estimated", "ok"]}
    )
    found = definitions([target("population", unit="persons")], results.city, results, judged)
    assert found.iloc[0][["value", "status"]].tolist() == [750.0, "estimated"]


def test_a_figure_of_more_records_than_are_asked_for_says_so(results):
    """Of public rental dwellings alone the judge counts; the other variant is of all dwellings, which its title says."""
    variants = results.metrics["road_area_ratio"].variants
    found = definitions([target("road_area_ratio", kind="ledger", select="subtype:公租房")], results.city, results)
    judged = found["judged"].astype(bool)
    assert judged.sum() == 1
    assert not found.loc[judged, "title_zh"].str.contains("全部记录").any()
    assert found.loc[~judged, "title_zh"].str.endswith("（该指标全部记录）").all()
    assert found.loc[~judged, "title_en"].str.endswith(" (all records of the metric)").sum() == len(variants) - 1


def test_what_was_not_measured_has_no_definition(results):
    assert definitions([target("rail_length"), target("population")], results.city, None).empty
    assert definitions([target("no_such_metric")], results.city, results).empty
    assert list(definitions([], results.city, results).columns) == list(DEFINITIONS)
