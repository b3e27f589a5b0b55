"""How a target stands: every status, on the deadline and the day after, on the straight line and beside it."""

import math
from dataclasses import replace
from datetime import date

import pytest

from spatial.targets.model import STATUSES
from spatial.targets.progress import decimal_year
from spatial.targets.reading import Reading
from spatial.targets.verdict import verdict
from tests.targets.test_operators import target

NAN = math.nan
START, MIDDLE, DUE, AFTER = date(2021, 12, 31), date(2023, 12, 31), date(2025, 12, 31), date(2026, 1, 1)
RAIL = target(">=", 235.0, baseline=111.2, baseline_year=2021)


def reading(value, day, **more):
    return Reading(value, day, DUE, **{"start": START, "baseline": 111.2, "known_until": day, **more})


def test_on_the_line():
    """730 of 1,461 days are over at the end of 2023, so 0.49966 of 123.8 km: 173.057 km are on track, 173.05 are behind."""
    expected = 730 / 1461
    on = verdict(RAIL, reading(111.2 + expected * 123.8, MIDDLE), MIDDLE)
    assert (on.status, on.progress, on.expected) == ("on_track", pytest.approx(expected), pytest.approx(expected))
    assert on.gap == pytest.approx(235 - 111.2 - expected * 123.8)
    assert on.forecast_year == pytest.approx(decimal_year(DUE.toordinal()), abs=0.01)
    below = verdict(RAIL, reading(173.05, MIDDLE), MIDDLE)
    assert below.status == "behind"
    assert below.forecast_year > decimal_year(DUE.toordinal())
    assert verdict(RAIL, reading(174, MIDDLE), MIDDLE).status == "on_track"


@pytest.mark.parametrize("quarter", range(1, 4))
def test_quarters_of_a_target_that_is_to_fall(quarter):
    """80 bad roads at the end of 2021, none at the end of 2025; at the end of each year the line leaves so many."""
    day = date(2021 + quarter, 12, 31)
    left = 80 * (1 - (day - START).days / (DUE - START).days)
    asked = target("==", 0.0, baseline=80.0, baseline_year=2021)
    assert verdict(asked, reading(left, day, baseline=80.0), day).status == "on_track"
    assert verdict(asked, reading(left + 0.01, day, baseline=80.0), day).status == "behind"


@pytest.mark.parametrize(
    ("operator", "baseline", "wanted", "value"), [("<=", 0.05, 0.055, 0.06), (">=", 9.0, 5.0, 3.0), ("<", 0.0, 0.1, 0.2)]
)
def test_what_was_there_and_is_no_longer_is_behind(operator, baseline, wanted, value):
    """Out of work 5 %, at most 5.5 % is asked, and it is 6 %: not twice the way, but the wrong one."""
    asked = target(operator, wanted, baseline=baseline, baseline_year=2021)
    found = verdict(asked, reading(value, MIDDLE, baseline=baseline), MIDDLE)
    assert (found.status, found.gap) == ("behind", pytest.approx(abs(value - wanted)))
    assert math.isnan(found.progress)
    assert math.isnan(found.forecast_year)
    still = verdict(asked, reading(baseline, MIDDLE, baseline=baseline), MIDDLE)
    assert (still.status, math.isnan(still.progress)) == ("met", True)


def test_the_deadline_is_the_last_day_on_which_there_is_time():
    short, there = reading(234, DUE, by_deadline=NAN), reading(235, DUE)
    assert (verdict(RAIL, short, DUE).status, verdict(RAIL, short, DUE).expected) == ("behind", 1)
    found = verdict(RAIL, there, DUE)
    assert (found.status, found.gap, found.progress) == ("met", 0, pytest.approx(1))
    assert math.isnan(found.forecast_year)
    assert verdict(RAIL, reading(234, AFTER, by_deadline=234), AFTER).status == "not_met"
    assert verdict(RAIL, reading(234, AFTER, by_deadline=234), AFTER).gap == pytest.approx(1)
    assert verdict(RAIL, reading(235, AFTER, by_deadline=235), AFTER).status == "met"
    assert verdict(RAIL, reading(235, AFTER, by_deadline=234, reached="2026-01-01"), AFTER).status == "met_late"
    assert verdict(RAIL, reading(235, AFTER, by_deadline=234, reached="2026-01-01"), AFTER).reached == "2026-01-01"


def test_a_day_as_deadline_and_a_leap_day():
    """Due on 29 February 2024: that day is in time, 1 March is not."""
    asked = replace(RAIL, due=date(2024, 2, 29))
    for day, status in ((date(2024, 2, 28), "behind"), (date(2024, 2, 29), "behind"), (date(2024, 3, 1), "not_met")):
        assert verdict(asked, replace(reading(200, day, by_deadline=200), due=date(2024, 2, 29)), day).status == status


def test_met_on_the_deadline_and_lost_since():
    found = verdict(RAIL, reading(230, AFTER, by_deadline=236), AFTER)
    assert (found.status, found.gap) == ("met", 0)
    assert "no longer since" in found.notes[0].en


def test_what_was_added_later_does_not_count_for_a_period():
    """45 parks by the end of 2025 and 60 by March: the value of a target of that year stays 45 where 45 was enough."""
    asked = target(">=", 40.0, unit="count")
    found = verdict(asked, reading(60, AFTER, by_deadline=45, baseline=0.0), AFTER, increment=True)
    assert (found.status, found.value) == ("met", 45)
    late = verdict(replace(asked, value=50.0), reading(60, AFTER, by_deadline=45, baseline=0.0), AFTER, increment=True)
    assert (late.status, late.value) == ("met_late", 60)


def test_data_of_one_date_prove_no_deadline():
    """A map of after the deadline shows that it is there, not since when; one of before does not show that it is not."""
    young = verdict(RAIL, reading(240, AFTER, younger=True), AFTER)
    assert young.status == "met"
    assert "not proved" in young.notes[0].en
    assert verdict(RAIL, reading(200, AFTER, younger=True), AFTER).status == "not_met"
    old = verdict(RAIL, reading(200, AFTER, by_deadline=200, known_until=date(2025, 6, 30)), AFTER)
    assert old.status == "no_data"
    assert "2025-06-30" in old.notes[0].en
    assert verdict(RAIL, reading(240, AFTER, by_deadline=240, known_until=date(2025, 6, 30)), AFTER).status == "met"


def test_no_value_no_answer():
    nothing = verdict(RAIL, reading(NAN, MIDDLE, value_status="no_data"), MIDDLE)
    assert (nothing.status, nothing.notes) == ("no_data", ())
    assert math.isnan(nothing.progress)
    part = verdict(RAIL, reading(240, MIDDLE, value_status="partial"), MIDDLE)
    assert (part.status, part.value) == ("no_data", 240)


def test_without_a_baseline_no_line():
    """200 of 235 are known, and nothing says where it began."""
    asked = replace(RAIL, baseline=NAN, baseline_year=None)
    found = verdict(asked, reading(200, MIDDLE, start=None, baseline=NAN), MIDDLE)
    assert (found.status, found.progress) == ("no_data", pytest.approx(200 / 235))
    assert "no line" in found.notes[0].en
    assert verdict(asked, reading(235, MIDDLE, start=None, baseline=NAN), MIDDLE).status == "met"
    assert verdict(asked, reading(200, AFTER, start=None, baseline=NAN, by_deadline=200), AFTER).status == "not_met"
    ceiling = verdict(replace(asked, operator="<="), reading(300, MIDDLE, start=None, baseline=NAN), MIDDLE)
    assert math.isnan(ceiling.progress)  # 300 ÷ 235 would read as more than done


def test_what_was_not_to_move():
    """The baseline is the target already: whoever fell below it is behind, with no share of a way of no length."""
    asked = replace(RAIL, value=111.2)
    found = verdict(asked, reading(110, MIDDLE), MIDDLE)
    assert found.status == "behind"
    assert math.isnan(found.progress)


def test_trends():
    asked = target("trend_down", NAN, unit="t")
    assert verdict(asked, reading(4, MIDDLE, earlier=5.0), MIDDLE).status == "on_track"  # until its end a direction is only kept to
    assert verdict(asked, reading(4, AFTER, earlier=5.0, by_deadline=4.0), AFTER).status == "met"
    assert verdict(asked, reading(6, MIDDLE, earlier=5.0), MIDDLE).status == "behind"
    assert verdict(asked, reading(6, AFTER, earlier=5.0, by_deadline=6.0), AFTER).status == "not_met"
    one = verdict(asked, reading(4, MIDDLE, earlier=NAN), MIDDLE)
    assert one.status == "no_data"
    assert "two dated values" in one.notes[0].en


def test_a_yearly_figure_of_the_year_before_is_no_proof():
    asked = target(">=", 0.055, unit="1", period="year")
    good = verdict(asked, reading(0.06, MIDDLE, start=None, baseline=NAN, other_year=True), MIDDLE)
    assert (good.status, good.gap) == ("on_track", 0)
    assert verdict(asked, reading(0.05, MIDDLE, start=None, baseline=NAN, other_year=True), MIDDLE).status == "behind"
    assert verdict(asked, reading(0.06, AFTER, start=None, baseline=NAN, other_year=True), AFTER).status == "no_data"


def test_a_band_across_the_target_is_told():
    def said(low, high):
        return [note.en for note in verdict(RAIL, reading(236, MIDDLE, low=low, high=high), MIDDLE).notes]

    assert said(230, 240) == ["the target lies within the band of the value: the answer is not certain"]
    assert said(235, 240) == said(236, 236) == said(NAN, NAN) == []


def test_more_than_a_stated_number_is_said():
    exact = verdict(target(">", 30.0, baseline=10.0), reading(30.0, MIDDLE, baseline=10.0), MIDDLE)
    assert (exact.status, exact.gap, exact.progress) == ("on_track", 0, 1)
    assert exact.notes[0].en == "exactly the stated number, and more than that is asked"
    assert verdict(target("==", 30.0), reading(31, MIDDLE), MIDDLE).notes[0].en == "beyond the stated number"


def test_a_status_that_is_wanted():
    """Wanted: completed (4) by the end of 2025 from planned (0): started (2) is on the line at half time, approved (1) is behind."""
    asked = target(">=", 4.0, unit="status", wanted="completed")
    assert verdict(asked, reading(2, MIDDLE, baseline=0.0), MIDDLE).status == "on_track"
    assert verdict(asked, reading(1, MIDDLE, baseline=0.0), MIDDLE).status == "behind"
    assert verdict(asked, reading(5, MIDDLE, baseline=0.0), MIDDLE).status == "met"
    assert math.isnan(verdict(asked, reading(2, MIDDLE, baseline=0.0), MIDDLE).forecast_year)


def test_every_verdict_is_a_status():
    days, values = (MIDDLE, DUE, AFTER), (NAN, 100.0, 173.0, 235.0)
    found = {
        verdict(replace(RAIL, operator=operator), reading(value, day, by_deadline=deadline, earlier=150.0), day).status
        for operator in (">=", "<=", "==", "~=", ">", "<", "trend_up", "trend_down", "exists")
        for day in days for value in values for deadline in (value, 240.0)
    }  # fmt: skip
    assert found <= set(STATUSES)
    assert found == {"met", "on_track", "behind", "not_met", "met_late", "no_data"}
