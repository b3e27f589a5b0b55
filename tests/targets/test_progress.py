"""The straight line: quarter points, both directions, leap years, and the year in which it arrives."""

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatial.targets.progress import decimal_year, expected_share, forecast, share_of_way, year_end


def test_quarter_points():
    """From the end of 2021 to the end of 2025: 1,461 days, of which 365, 730, 1,096 (2024 is a leap year) are over at the ends of the years."""
    start, due = date(2021, 12, 31), date(2025, 12, 31)
    expected = [expected_share(start, date(year, 12, 31), due) for year in range(2021, 2026)]
    assert expected == pytest.approx([0, 365 / 1461, 730 / 1461, 1096 / 1461, 1])
    assert expected_share(start, date(2020, 1, 1), due) == 0
    assert expected_share(start, date(2030, 1, 1), due) == 1
    assert math.isnan(expected_share(due, due, due))


def test_the_way_up_and_down():
    """Rail from 111.2 to 235 km: at 173.1 half way. From 80 bad roads to 0: with 20 left three quarters."""
    assert share_of_way(111.2, 173.1, 235) == pytest.approx(0.5)
    assert share_of_way(80, 20, 0) == pytest.approx(0.75)
    assert share_of_way(80, 100, 0) == pytest.approx(-0.25)
    assert math.isnan(share_of_way(5, 6, 5))
    assert math.isnan(share_of_way(0.097, 0.09, 9.7 * 0.01))  # 0.09699999999999999: nothing was to be moved
    assert math.isnan(share_of_way(math.nan, 6, 5))


def test_the_year_of_a_day():
    assert decimal_year(date(2025, 1, 1).toordinal()) == 2025
    assert decimal_year(date(2025, 7, 2).toordinal() + 0.5) == 2025.5
    assert decimal_year(date(2024, 7, 2).toordinal()) == 2024.5  # of 366 days
    assert math.floor(decimal_year(year_end(2024).toordinal())) == 2024
    assert math.floor(decimal_year(year_end(2023).toordinal())) == 2023


def test_when_it_will_be_there():
    """10 km in 365 days and 20 still to go: 730 days more, of which the leap year 2024 takes one."""
    start, day = year_end(2021), year_end(2022)
    assert forecast(start, 0, day, 10, 30) == pytest.approx(decimal_year((day + timedelta(days=730)).toordinal()))
    assert forecast(start, 30, day, 20, 0) == pytest.approx(decimal_year((day + timedelta(days=730)).toordinal()))
    for nothing in (
        (start, 5, day, 5, 30),
        (start, 5, day, 4, 30),
        (start, math.nan, day, 4, 30),
        (start, 5, start, 6, 30),
        (start, 0, day, 1e-6, 30),
    ):
        assert math.isnan(forecast(*nothing))


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0.001, 0.999))
def test_on_the_line_it_arrives_on_the_day(baseline, target, part):
    """Whoever is exactly where the line says arrives when it ends."""
    if abs(target - baseline) < 1e-3:
        return
    start, due = date(2020, 12, 31), date(2035, 12, 31)
    day = start + timedelta(days=max(1, round(part * (due - start).days)))
    value = baseline + expected_share(start, day, due) * (target - baseline)
    assert share_of_way(baseline, value, target) == pytest.approx(expected_share(start, day, due), rel=1e-6)
    assert forecast(start, baseline, day, value, target) == pytest.approx(decimal_year(due.toordinal()), abs=0.02)
