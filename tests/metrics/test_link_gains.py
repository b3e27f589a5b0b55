"""Who gains from opening a dead end: homes whose ways fit in a comment."""

from __future__ import annotations

import numpy as np
import pytest

from spatial.metrics.link_gains import Growth, link_gains, link_trips, links_frame
from tests.roads.stubs import COMB, FACING, line, town


def test_homes_along_a_stub():
    """To the street beyond it is 2,500 m from the tip, 100 m by the link: 40 people there save 2,400 m.

    10 in the middle of the stub have 2,400 m before and 200 m after; 5 on the street beyond, 100 m aside, the same to the tip. 7 live 1.1 km off.
    """
    city = town(COMB, people={(0, 200): 40, (0, 100): 10, (100, 300): 5, (-900, 0): 7})
    gains = link_gains(city)
    assert gains.people
    assert gains.persons == pytest.approx([55])
    assert gains.saved_m == pytest.approx([40 * 2400 + 10 * 2200 + 5 * 2200])
    frame = links_frame(city)
    assert frame["link_rank"].tolist() == [1]
    assert frame["person_kilometres"].tolist() == pytest.approx([129.0])
    assert frame["saving_m"].tolist() == pytest.approx([129_000 / 55], abs=0.05)
    assert frame["people"].iloc[0] * frame["saving_m"].iloc[0] == pytest.approx(129_000, rel=1e-4)


def test_who_saves_less_than_100_m_does_not_gain():
    """The way round is 900 m. 300 m back from the tip it is 600 m, and 400 m by the link; 370 m back 530 m and 470 m."""
    ring = [
        line((0, 0), (0, 200)),
        line((0, 0), (200, 0), (200, 300)),
        line((200, 300), (-900, 300)),
        line((200, 0), (1200, 0)),
        line((-900, 0), (0, 0)),
    ]
    city = town(ring, people={(100, 0): 20, (170, 0): 30})
    gains = link_gains(city)
    assert gains.persons == pytest.approx([20])
    assert gains.saved_m == pytest.approx([20 * 200])


def test_no_way_counts_as_three_kilometres():
    """Two streets of 3.4 km that nothing joins look at each other: 10 people at one tip save 3,000 − 120 m."""
    city = town([line((-60, 0), (-3460, 0)), line((60, 0), (3460, 0))], people={(-60, 0): 10})
    assert link_gains(city).saved_m == pytest.approx([10 * 2880])
    assert links_frame(city)["detour_before_m"].isna().all()


def test_without_population_dead_ends_stand_for_themselves():
    city = town(FACING)
    gains = link_gains(city)
    assert not gains.people
    assert gains.saved_m == pytest.approx([2 * 2880])  # from each tip to the other: 3,000 m before, 120 m after
    frame = links_frame(city)
    assert frame[["people", "saving_m", "person_kilometres"]].isna().all(axis=None)


def test_what_grows_is_what_is_computed_anew():
    """After each link that is built, the ways and gains are those of a network that had it from the start."""
    from tests.siting.test_link_choice import LADDER, LIVING

    city = town(LADDER, people=LIVING)
    trips = link_trips(city)
    assert len(trips.links) >= 3
    growth = Growth(trips)
    before = growth.now_m.copy()
    for link in range(3):
        expected = growth.gain(link)
        was = growth.now_m.copy()
        changed = growth.build(link)
        assert (growth.now_m <= was + 1e-9).all()
        assert (trips.weight[trips.place] * (was - growth.now_m)).sum() == pytest.approx(expected)
        assert set(np.unique(trips.of[np.flatnonzero(was - growth.now_m > 1e-6)])) <= set(changed.tolist())
        anew = trips.net.distances(
            trips.terminal,
            3000.0,
            tuple(part[: link + 1] for part in (trips.terminal[trips.one], trips.terminal[trips.two], trips.links.length_m)),
        )
        assert growth.now_m == pytest.approx(trips.metres(anew, np.arange(len(trips.terminal))))
    assert growth.all_saved(np.arange(3)) == pytest.approx((trips.weight[trips.place] * (before - growth.now_m)).sum())
