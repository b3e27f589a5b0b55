"""Where a figure comes from, and whether it is the quotient that the page writes down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spatial.metrics import registered
from spatial.outputs.webmap.provenance import quotient
from spatial.result import MetricInfo
from spatial.text import Text
from tests.outputs.served_city import served_results
from tests.outputs.test_maps import page_of, payload_of, small_results


def metric(unit: str) -> MetricInfo:
    return MetricInfo("m", Text("名", "name"), Text("定义", "definition"), unit, Text("—", "—"), {"": Text("", "")}, "")


def rows(*figures: tuple[float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(figures, columns=["value", "numerator", "denominator"])


@pytest.mark.parametrize(
    ("unit", "figures", "factor"),
    [
        ("1", (0.25, 1, 4), 100),  # 1 ÷ 4 = 25%
        ("km/km2", (1.2, 1_200, 1e6), 1_000),  # 1,200 m ÷ 1 km²
        ("1/km2", (12, 12, 1e6), 1e6),
        ("persons/km2", (50, 100, 2e6), 1e6),
        ("m2/person", (20, 10_000, 500), 1),
        ("1/1000", (0.003, 12, 4_000), 1_000),  # 3 per 1,000
        ("ratio", (1.4, 1_400, 1_000), 1),
    ],
)
def test_a_quotient_says_by_what_it_is_multiplied(unit: str, figures: tuple[float, float, float], factor: float) -> None:
    assert quotient(metric(unit), rows(figures, (np.nan, np.nan, np.nan))) == factor


def test_what_is_no_quotient_has_none() -> None:
    # A gap of 6 ha (60,000 m²) in 1 km²: the denominator is the ground that it is part of.
    assert quotient(metric("ha"), rows((6, 60_000, 1e6))) is None
    assert quotient(metric("1"), rows((0.25, 1, 4), (0.3, 1, 4))) is None  # one row that is otherwise is enough
    assert quotient(metric("1"), rows((0.0, 0, 4))) is None  # nothing shows it
    assert quotient(metric("persons"), rows((7, 7, np.nan))) is None
    assert quotient(metric("1"), rows((0.0, 0, 0), (0.25, 1, 4))) is None  # 0 ÷ 0 is no 0


def test_every_metric_says_what_it_needs() -> None:
    for each in registered(None).values():
        needs = each.info().needs
        assert needs.keys() == each.variants.keys()
        for variant in each.variants:
            assert set(each.needs_of(variant)) <= set(needs[variant])
            assert ("built_up_area" in needs[variant]) or each.scope != "built_up_area"


def test_a_metric_names_the_sources_of_its_layers(tmp_path: Path) -> None:
    payload = payload_of(page_of(small_results(), tmp_path))
    roads = next(each for each in payload["metrics"] if each["name"] == "road_network_density")["variants"][0]
    assert [payload["sources"][index] for index in roads["sources"]] == ["Roads: local data", "Built-up area: local data"]
    assert roads["quotient"] == 1_000
    people = next(each for each in payload["metrics"] if each["name"] == "population_density")["variants"][0]
    assert people["quotient"] is None
    assert people["sources"] == []  # what was not supplied has no source


def test_a_declared_source_is_said(tmp_path: Path) -> None:
    results = small_results()
    layers = {**results.city.layers, "roads": replace(results.city.layers["roads"], source="survey <2023>")}
    payload = payload_of(page_of(replace(results, city=replace(results.city, layers=layers)), tmp_path))
    assert "Roads: local data (survey <2023>)" in payload["sources"]


def test_shares_of_residents_are_quotients(tmp_path: Path) -> None:
    payload = payload_of(page_of(served_results(), tmp_path))
    shares = [each for each in payload["metrics"] if each["unit"] == "%"]
    made = [variant["quotient"] for each in shares for variant in each["variants"] if variant["quotient"] is not None]
    assert made
    assert set(made) == {100}
