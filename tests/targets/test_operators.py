"""When a value meets a target: every operator below, at and above its number, within its tolerance, downwards, and without a value."""

import math

import pytest

from spatial.targets.model import OPERATORS, Target
from spatial.targets.operators import allowance, beyond, gap, meets, side
from spatial.text import Text

NAN = math.nan


def target(operator, value=100.0, *, tolerance=0.0, baseline=NAN, unit="km", **more):
    return Target(
        **{
            "id": "t", "plan": "p", "clause": "1", "area": "", "level": "city", "scope": "", "title": Text("目标", "target"),
            "theme": "transport", "operator": operator, "value": value, "unit": unit, "tolerance": tolerance, "strength": "binding",
            "baseline": baseline, "baseline_year": None, "year": 2025, "kind": "metric", "measure": "road_length", **more,
        }
    )  # fmt: skip


# operator, number, tolerance, baseline → (value, met, gap) …
CASES = {
    # At least 100: one short is short by one.
    (">=", 100, 0, NAN): [(99, False, 1), (100, True, 0), (101, True, 0), (NAN, False, NAN)],
    # 5 % may be missing: 95 is met, and what is missing is told to the number itself.
    (">=", 100, 0.05, NAN): [(94.9, False, 5.1), (95, True, 0), (99, True, 0), (1000, True, 0), (NAN, False, NAN)],
    (">", 100, 0, NAN): [(99, False, 1), (100, False, 0), (100.1, True, 0), (NAN, False, NAN)],
    (">", 100, 0.05, NAN): [(95, False, 5), (95.1, True, 0)],
    ("<=", 100, 0, NAN): [(99, True, 0), (100, True, 0), (101, False, 1), (NAN, False, NAN)],
    ("<=", 100, 0.05, NAN): [(105, True, 0), (105.1, False, 5.1), (0, True, 0)],
    ("<", 100, 0, NAN): [(99.9, True, 0), (100, False, 0), (101, False, 1), (NAN, False, NAN)],
    ("<", 100, 0.05, NAN): [(104.9, True, 0), (105, False, 5)],
    # 左右: 5 % on the unfavourable side only; upward without a baseline, and from one that lies lower.
    ("~=", 100, 0, NAN): [(94.9, False, 5.1), (95, True, 0), (100, True, 0), (150, True, 0), (NAN, False, NAN)],
    ("~=", 100, 0, 50): [(94.9, False, 5.1), (95, True, 0), (150, True, 0)],
    ("~=", 100, 0.1, NAN): [(89.9, False, 10.1), (90, True, 0)],
    # From 200 down to about 100: 105 is near enough, 50 is better than asked.
    ("~=", 100, 0, 200): [(105, True, 0), (105.1, False, 5.1), (50, True, 0)],
    ("==", 100, 0, NAN): [(99, False, 1), (100, True, 0), (101, True, 0), (NAN, False, NAN)],
    ("==", 100, 0.05, 50): [(94.9, False, 5.1), (95, True, 0), (101, True, 0)],
    ("==", 100, 0, 200): [(101, False, 1), (100, True, 0), (99, True, 0)],
    # To nothing: downwards, and the tolerance is a share of the baseline, 5 % of 40 = 2.
    ("==", 0, 0, NAN): [(1, False, 1), (0, True, 0), (NAN, False, NAN)],
    ("==", 0, 0.05, 40): [(3, False, 3), (2, True, 0), (0, True, 0)],
    # A tolerance of a number below 0 is a share of its size: growth of at least −10 %, 5 % of it off.
    (">=", -0.10, 0.05, NAN): [(-0.106, False, 0.006), (-0.105, True, 0), (0.02, True, 0)],
    # More than nothing: what is left of a difference of equal shares is nothing.
    (">", 0, 0, NAN): [(0, False, 0), (1e-17, False, 0), (0.001, True, 0), (-0.001, False, 0.001)],
    ("<", 0, 0, NAN): [(0, False, 0), (-0.001, True, 0)],
    ("exists", 3, 0, NAN): [(2, False, 1), (3, True, 0), (4, True, 0), (NAN, False, NAN)],
}


@pytest.mark.parametrize(
    ("operator", "number", "tolerance", "baseline", "value", "met", "missing"),
    [(*key, *case) for key, cases in CASES.items() for case in cases],
)
def test_meeting(operator, number, tolerance, baseline, value, met, missing):
    asked = target(operator, float(number), tolerance=tolerance, baseline=baseline)
    assert meets(asked, value) is met
    assert gap(asked, value) == pytest.approx(missing, abs=1e-9, nan_ok=True)


TRENDS = [
    ("trend_up", 5, 6, True, 0), ("trend_up", 5, 5, False, 0), ("trend_up", 5, 4, False, 1), ("trend_up", NAN, 6, False, NAN),
    ("trend_up", 5, NAN, False, NAN), ("trend_down", 5, 4, True, 0), ("trend_down", 5, 5, False, 0), ("trend_down", 5, 7, False, 2),
    ("trend_down", NAN, 4, False, NAN),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "earlier", "value", "met", "missing"), TRENDS)
def test_trends_need_two_values_and_a_change(operator, earlier, value, met, missing):
    asked = target(operator, NAN)
    assert meets(asked, value, earlier=earlier) is met
    assert gap(asked, value, earlier=earlier) == pytest.approx(missing, nan_ok=True)


def test_every_operator_is_tried():
    assert {key[0] for key in CASES} | {case[0] for case in TRENDS} == set(OPERATORS)


def test_a_sum_of_thirds_is_the_whole():
    """0.1 + 0.2 is a little more than 0.3, and 0.3 of a limit "below 0.3" is not below it."""
    assert meets(target("<=", 0.3), 0.1 + 0.2)
    assert not meets(target("<", 0.3), 0.3 - 1e-16)
    assert meets(target(">=", 1e12), 1e12 - 1e-3)  # a tenth of a cent of a thousand billion


def test_the_side_of_a_number_that_says_none():
    assert side(target("==", 0.0)) == "down"
    assert side(target("==", 5.0)) == "up"
    assert side(target("~=", 5.0, baseline=9.0)) == "down"
    assert side(target("==", -5.0, baseline=-9.0)) == "up"
    assert side(target("==", 0.0, baseline=-9.0)) == "up"


def test_more_than_a_stated_number_is_told():
    assert beyond(target("==", 30.0), 31.0)
    assert not beyond(target("==", 30.0), 30.0)
    assert not beyond(target(">=", 30.0), 31.0)
    assert not beyond(target("~=", 30.0), 31.0)  # 31 is about 30
    assert beyond(target("~=", 30.0), 40.0)
    assert allowance(target("~=", 30.0)) == pytest.approx(1.5)


def test_a_status_is_a_rank():
    """Wanted: completed, rank 4. Opened (5) is more; a finished main structure (3) is less."""
    asked = target(">=", 4.0, unit="status", wanted="completed")
    assert [meets(asked, rank) for rank in (3.0, 4.0, 5.0, -1.0)] == [False, True, True, False]
