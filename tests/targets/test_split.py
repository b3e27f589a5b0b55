"""A city's target shared out: it adds up to the last one, nobody gets less than nothing, and what is done stays where it was done."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatial.targets.split import BY_LAND, BY_NEED, BY_PEOPLE, BY_WHAT_IS_DONE, BY_WHAT_IS_LEFT, shares_of, split

WEIGHTS = st.lists(st.floats(0, 1e9), min_size=1, max_size=20).filter(any)


@given(st.integers(0, 10**7), WEIGHTS)
def test_whole_numbers_stay_whole(total, weights):
    parts = split(float(total), np.array(weights), whole=True)
    assert math.fsum(parts) == total
    assert (parts >= 0).all()
    assert (parts == np.floor(parts)).all()
    fair = total * np.array(weights) / max(weights) / math.fsum(np.array(weights) / max(weights))
    assert (abs(parts - fair) < 1 + 1e-6 * total).all()


@given(st.floats(0, 1e13), WEIGHTS)
def test_the_last_rounding_goes_to_the_largest(total, weights):
    parts = split(total, np.array(weights), whole=False)
    assert math.fsum(parts) == pytest.approx(total, rel=1e-14, abs=1e-12)
    assert (parts >= 0).all()


def test_largest_remainders():
    """10 by 1 : 1 : 1 is 3⅓ each: one is left and goes to the first. 7 by 5 : 3 : 2 is 3.5, 2.1, 1.4: the half gets it."""
    assert list(split(10, np.ones(3), whole=True)) == [4, 3, 3]
    assert list(split(7, np.array([5, 3, 2]), whole=True)) == [4, 2, 1]
    assert list(split(123.8, np.array([1.0, 2.0, 1.0]), whole=False)) == pytest.approx([30.95, 61.9, 30.95])
    assert list(split(1.5, np.array([1.0, 1.0]), whole=True)) == [0.75, 0.75]  # half a dwelling is what the plan asks for


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (math.nan, [1]), (1, [0, 0]), (1, [-1, 2]), (1, [math.nan]), (1, [])])
def test_what_cannot_be_shared(total, weights):
    with pytest.raises(ValueError, match="needs a total"):
        split(total, np.array(weights, dtype=float), whole=False)


def shares(total, *, upward=True, done=(0, 0), need=None, people=None, land=(1, 3), unit="count"):
    return shares_of(
        total, unit=unit, upward=upward, done=np.array(done, float), need=None if need is None else np.array(need, float),
        people=None if people is None else np.array(people, float), land_m2=np.array(land, float),
    )  # fmt: skip


def test_need_before_people_before_land():
    assert shares(40, need=[3, 1], people=[1, 1]).basis is BY_WHAT_IS_LEFT
    assert list(shares(40, need=[3, 1]).parts) == [30, 10]
    assert (list(shares(40, need=[0, 0], people=[1, 4]).parts), shares(40, people=[1, 4]).basis) == ([8, 32], BY_PEOPLE)
    assert (list(shares(40, people=[math.nan, 4]).parts), shares(40).basis) == ([10, 30], BY_LAND)


def test_what_is_done_stays():
    """50 parks; 10 and 6 are built, 34 are missing and 3 : 1 are on the list: 25.5 and 8.5, so 26 and 8 more (of equal halves the first)."""
    found = shares(50, done=[10, 6], need=[3, 1])
    assert list(found.parts) == [36, 14]
    there = shares(50, done=[45, 15], need=[3, 1])
    assert there.basis is BY_WHAT_IS_DONE
    assert list(there.parts) == [38, 12]  # 37.5 and 12.5


def test_nothing_is_shared_out_where_nothing_was_done():
    """At least 0 of them, none is done and some are on the list: 0 for everybody."""
    assert list(shares(0, done=[0, 0], need=[3, 1]).parts) == [0, 0]


def test_what_is_to_fall_falls_everywhere_alike():
    """At most 20 of the 80 bad roads that are left, 60 here and 20 there: 15 and 5."""
    found = shares(20, upward=False, done=[60, 20], need=[60, 20])
    assert (list(found.parts), found.basis) == ([15, 5], BY_NEED)
    assert list(shares(0, upward=False, done=[60, 20], need=[60, 20]).parts) == [0, 0]


@given(
    st.floats(0, 1e6),
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(1, 1e6)), min_size=1, max_size=12),
    st.booleans(),
    st.sampled_from(["count", "km", "CNY"]),
)
def test_every_way_of_sharing_adds_up(total, areas, upward, unit):
    done, need, land = (np.array(column) for column in zip(*areas, strict=True))
    found = shares(total, upward=upward, done=done, need=need, land=land, unit=unit)
    assert math.fsum(found.parts) == pytest.approx(total, rel=1e-12, abs=1e-9)
    assert (found.parts >= -1e-9 * max(total, 1)).all()
