"""Links chosen together, against every set that could have been chosen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from spatial.errors import LayerError, OptionError
from spatial.metrics.link_gains import link_trips
from spatial.siting import choose_links
from tests.roads.stubs import box, layer, line, streets, town

# Two long streets 300 m apart, joined at one end; stubs rise from the lower one and end 100 m short of the upper one. Neighbours serve much the same people.
RUNGS = (-600, -500, 100, 700)
LADDER = [
    *(line((x, 0), (x, 200)) for x in RUNGS),
    *(line((a, 0), (b, 0)) for a, b in itertools.pairwise((-1500, *RUNGS, 1500))),
    line((1500, 0), (1500, 300)),
    line((-1500, 300), (1500, 300)),
]
LIVING = {(-600, 100): 80.0, (-500, 150): 70.0, (100, 100): 60.0, (700, 50): 10.0, (300, 300): 25.0}


def best_of(city, count):
    """What the best set of this size saves, by trying all."""
    trips = link_trips(city)
    now = trips.metres(trips.rows, np.arange(len(trips.terminal)))
    nodes = trips.terminal[trips.one], trips.terminal[trips.two], trips.links.length_m
    found = []
    for some in itertools.combinations(range(len(trips.links)), count):
        rows = trips.net.distances(trips.terminal, 3000.0, tuple(part[list(some)] for part in nodes))
        found.append(float((trips.weight[trips.place] * (now - trips.metres(rows, np.arange(len(trips.terminal))))).sum()))
    return max(found) / 1e3


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_choice_against_every_other(count):
    """One is the best one; of two neighbours only one is taken first; no set is better than the bound."""
    city = town(LADDER, people=LIVING)
    chosen = choose_links(city, count)
    best = best_of(city, count)
    assert chosen.candidates == 4
    assert len(chosen.links) == count
    assert chosen.saved_km <= best + 1e-6
    assert chosen.saved_km >= (best if count == 1 else 0.95 * best) - 1e-6
    assert best <= chosen.all_km + 1e-6
    assert chosen.links["added"].sum() == pytest.approx(chosen.saved_km, abs=0.02)
    assert chosen.links["share"].iloc[-1] == pytest.approx(chosen.saved_km / chosen.all_km, abs=1e-4)


def test_neighbours_are_not_both_first():
    """By themselves the two on the left are first and second; together the second adds least where the first stands."""
    chosen = choose_links(town(LADDER, people=LIVING), 4)
    assert set(chosen.links["link_rank"].iloc[:2]) != {1, 2}
    assert (np.diff(chosen.links["added"]) <= 1e-6).all()


def test_all_are_chosen_that_save_anything():
    city = town(LADDER, people=LIVING)
    chosen = choose_links(city, 99)
    assert len(chosen.links) <= 4
    assert chosen.saved_km == pytest.approx(chosen.all_km)
    assert chosen.links["order"].tolist() == list(range(1, len(chosen.links) + 1))
    assert set(chosen.links["area_name"]) == {"区"}


def test_more_links_never_save_less_and_order_of_roads_changes_nothing():
    saved = [choose_links(town(LADDER, people=LIVING), count).saved_km for count in (1, 2, 3, 4)]
    assert saved == sorted(saved)
    turned = choose_links(town(LADDER[::-1], people=dict(reversed(LIVING.items()))), 4)
    straight = choose_links(town(LADDER, people=LIVING), 4)
    assert turned.links.drop(columns=["geometry", "name"]).equals(straight.links.drop(columns=["geometry", "name"]))


def test_without_people_dead_ends_weigh_the_same():
    chosen = choose_links(town(LADDER), 2)
    assert not chosen.people
    assert any("no population" in note.en for note in chosen.notes)
    assert chosen.links["people"].isna().all()
    assert chosen.links["added"].iloc[0] > 0


def test_outside_the_built_up_area_there_is_nothing_to_choose():
    city = town(LADDER, people=LIVING)
    small = type(city).from_layers(
        "子虚市",
        crs="EPSG:4551",
        districts=city.frame("districts"),
        built_up_area=layer([box(2000, 2000, 3000, 3000)]),
        roads=streets(LADDER),
    )
    chosen = choose_links(small, 3)
    assert (len(chosen.links), chosen.candidates, chosen.saved_km) == (0, 0, 0.0)


def test_what_cannot_be_asked():
    city = town(LADDER)
    with pytest.raises(OptionError, match="at least 1"):
        choose_links(city, 0)
    bare = type(city).from_layers("x", crs="EPSG:4551", districts=city.frame("districts"))
    with pytest.raises(LayerError, match="roads"):
        choose_links(bare)


def test_what_is_avoided_is_not_chosen():
    """A house stands in the way of the best link."""
    best = choose_links(town(LADDER, people=LIVING), 1).links.geometry.iloc[0].centroid
    city = town(LADDER, people=LIVING, buildings=layer([best.buffer(5)]))
    assert choose_links(city, 9).candidates == 4
    clear = choose_links(city, 9, avoid=["buildings", "water", "rail"])
    assert clear.candidates == 3
    assert (clear.links["buildings"] == 0).all()
    with pytest.raises(OptionError, match="avoid"):
        choose_links(city, 9, avoid=["hills"])
