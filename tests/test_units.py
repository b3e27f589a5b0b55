"""Lengths and counts as people write them; a value that is absent is a dash, never 0."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatial.errors import OptionError
from spatial.units import UNITS, parse_count, parse_length_m, unit_of


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("7", 7.0),
        ("7 m", 7.0),
        ("7.5m", 7.5),
        ("7,5", 7.5),
        ("7.5 米", 7.5),
        (" 12 ", 12.0),
        (12, 12.0),
        (3.25, 3.25),
        ("0.5 km", 500.0),
        ("10 ft", 3.048),
        ("20'6\"", 6.2484),
        ("20'", 6.096),
    ],
)
def test_lengths(text: object, metres: float) -> None:
    assert parse_length_m(text) == pytest.approx(metres)


@pytest.mark.parametrize("text", [None, math.nan, "", "wide", "7;8", "-5", "about 7", "7 m 5", "1e3", "inf", "七米", "7\n8", [7]])
def test_what_is_no_length(text: object) -> None:
    assert math.isnan(parse_length_m(text))


@pytest.mark.parametrize(("text", "count"), [("4", 4), ("4.0", 4), (4, 4), (4.0, 4), ("0", 0)])
def test_counts(text: object, count: float) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", [None, math.nan, "", "2;3", "yes", "-1", "4.5", "9" * 400])
def test_what_is_no_count(text: object) -> None:
    assert math.isnan(parse_count(text))


@given(st.text())
def test_no_text_breaks_them(text: str) -> None:
    assert parse_length_m(text) >= 0 or math.isnan(parse_length_m(text))
    assert parse_count(text) >= 0 or math.isnan(parse_count(text))


@pytest.mark.parametrize(
    ("unit", "figure", "said"), [("1", "16.8", "16.8%"), ("persons", "12,345", "12,345 人"), ("status", "3", "3"), ("m", "—", "—")]
)
def test_a_figure_and_its_unit_are_put_together(unit: str, figure: str, said: str) -> None:
    assert unit_of(unit).labelled(figure, "zh") == said


@given(st.sampled_from(sorted(UNITS)), st.floats() | st.none(), st.sampled_from(["zh", "en"]))
def test_figures_are_the_same_in_every_language(code: str, value: float, lang: str) -> None:
    unit = unit_of(code)
    assert unit.labelled(unit.figure(value), lang) == unit.show(value, lang)
    assert unit.figure(value).strip("-,.0123456789") in ("", "—")


def test_presentation() -> None:
    assert unit_of("1").show(0.168) == "16.8%"
    assert unit_of("km/km2").show(1234.5, "zh") == "1,234.50 公里/平方公里"
    assert {unit.show(math.nan) for unit in UNITS.values()} == {"—"}
    with pytest.raises(OptionError, match='unit "furlong" is not known'):
        unit_of("furlong")
