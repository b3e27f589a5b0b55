"""Parks on foot, and where a pocket park is missing."""

import numpy as np
import pytest
from shapely import LineString, Point, box

from spatial.measurement import measure
from spatial.metrics.parks import service_parks
from spatial.metrics.walking import ways_in
from tests.metrics.test_services import at, crossings, grid, people_at, square_city, streets

HOMES = {"landuse": at(box(0, 0, 2000, 2000), landuse=["residential"])}


def of(results, name, variant):
    return results.get(name, variant=variant, area_id="a")


def test_the_gap_is_what_no_circle_covers():
    # A round park of radius 30 m (2,827 m²) serves 300 m: the gap is 4 − π (0.3 + 0.03)² km².
    park = at(Point(1000, 1000).buffer(30, quad_segs=64))
    results = measure(square_city(parks=park, **HOMES, population=people_at(crossings())), ["pocket_park_gap", "pocket_park_gap_residents"])
    row = of(results, "pocket_park_gap", "straight_line")
    assert row.value == pytest.approx((4 - np.pi * 0.33**2) * 100, rel=1e-3)
    # 441 people at the crossings; within 330 m of the middle stand 37 (29 within 300, and 8 at 316 m).
    assert of(results, "pocket_park_gap_residents", "straight_line").value == 441 - 37
    clusters = results.evidence["pocket_park_gap.clusters_straight_line"]
    assert len(clusters) == 1
    assert clusters.people[0] == pytest.approx(404, abs=1)  # a crossing on the very corner of the city may fall on either side
    assert clusters.area_ha[0] == pytest.approx(row.value, abs=0.01)


def test_gaps_are_ranked_by_people_and_small_ones_left_out():
    # Three plots far from the only park: 1 ha with two people, 1 ha with five, and 0.4 ha that is below half a hectare.
    plots = at(box(0, 0, 100, 100), box(1900, 1900, 2000, 2000), box(0, 1900, 80, 1950), landuse=["residential"] * 3)
    people = people_at([(50, 50)] * 2 + [(1950, 1950)] * 5 + [(40, 1925)])
    city = square_city(parks=at(box(990, 990, 1040, 1040)), landuse=plots, population=people)
    results = measure(city, ["pocket_park_gap"])
    clusters = results.evidence["pocket_park_gap.clusters_straight_line"]
    assert clusters[["rank", "people", "area_ha"]].to_numpy().tolist() == [[1, 5, 1.0], [2, 2, 1.0]]
    # The table counts all three: 2.4 ha.
    assert of(results, "pocket_park_gap", "straight_line").value == pytest.approx(2.4)


def test_on_foot_a_park_is_entered_at_its_gate():
    # A park of 100 m × 80 m (8,000 m², serves 500 m) whose gate is in the north. People 40 m south of its southern edge walk round by the
    # east: 30 + 50 + … m; those at its gate are there at once.
    park = at(box(1010, 1010, 1090, 1090).buffer(-0.0))
    gates = at(Point(1050, 1090), barrier=["gate"])
    people = people_at([(1050, 1100), (1000, 600), (1000, 700)])
    city = square_city(roads=streets(grid()), parks=park, gates=gates, population=people)
    row = of(measure(city, ["park_service_coverage"]), "park_service_coverage", "network_2022_people")
    # From the gate 10 m to the street at (1050, 1100), 50 m to (1000, 1100), then south: (1000, 700) is 460 m away, (1000, 600) 560 m.
    assert row.numerator == 2
    straight = of(measure(city, ["park_service_coverage"]), "park_service_coverage", "straight_line_2022_people")
    assert straight.numerator == 3


def test_an_open_park_is_entered_from_the_street_along_it():
    # No gate: the street at y = 1000 runs 10 m beside the southern edge, and so the park is entered from it, too.
    park = at(box(1010, 1010, 1090, 1090))
    city = square_city(roads=streets(grid()), parks=park, population=people_at([(1000, 600), (1050, 600)]))
    row = of(measure(city, ["park_service_coverage"]), "park_service_coverage", "network_2022_people")
    # (1000, 600) to the nearest point of the edge beside the street: 400 + 10 + 10 m.
    assert row.numerator == 2


def test_a_ticketed_park_serves_nobody_and_is_named():
    parks = at(box(0, 0, 100, 100), box(1900, 1900, 2000, 2000), fee=["yes", None])
    city = square_city(parks=parks, population=people_at([(50, 50), (1950, 1950)]))
    row = of(measure(city, ["park_service_coverage"]), "park_service_coverage", "straight_line_2022_people")
    assert row.value == 0.5
    assert "parks that charge a fee or are not open to all, left out: 1" in row.note


def test_on_foot_never_covers_more_than_the_straight_line():
    parks = at(box(310, 310, 390, 390), box(1210, 610, 1230, 640), box(1510, 1510, 1690, 1590))
    city = square_city(roads=streets(grid()), parks=parks, **HOMES, population=people_at(crossings()))
    results = measure(city, ["park_service_coverage", "pocket_park_gap_residents"])
    for edition in ("2022", "checkup_2022"):
        network, straight = (of(results, "park_service_coverage", f"{reach}_{edition}_people") for reach in ("network", "straight_line"))
        assert 0 < network.value < straight.value
    gaps = [of(results, "pocket_park_gap_residents", variant).value for variant in ("straight_line", "network")]
    assert gaps[0] < gaps[1]
    assert gaps[1] == 441 - of(results, "park_service_coverage", "network_2022_people").numerator


def test_a_river_between_home_and_park():
    # Home and park face each other over a river of 60 m; the only bridge is 800 m away.
    lines = [LineString([(0, 0), (1000, 0)]), LineString([(0, 80), (1000, 80)]), LineString([(1000, 0), (1000, 80)])]
    water = at(box(-50, 10, 990, 70))
    city = square_city(roads=streets(lines), parks=at(box(150, 85, 250, 185)), water=water, population=people_at([(200, 0), (900, 0)]))
    results = measure(city, ["park_service_coverage"])
    assert of(results, "park_service_coverage", "network_2022_people").numerator == 0
    assert of(results, "park_service_coverage", "straight_line_2022_people").numerator == 1


@pytest.mark.parametrize("thing", [{"barrier": ["bollard"]}, {"entrance": ["yes"]}, {"barrier": ["gate"], "access": ["private"]}])
def test_what_is_no_gate_of_the_park_does_not_close_the_rest(thing):
    # A bollard, a neighbour's door 6 m away and a private gate on the eastern edge; a path runs into the park from the west.
    park = at(box(1010, 1010, 1090, 1090))
    lines = [LineString([(700, 1050), (1050, 1050)])]
    city = square_city(roads=streets(lines), parks=park, gates=at(Point(1096, 1050), **thing), population=people_at([(700, 1050)]))
    assert of(measure(city, ["park_service_coverage"]), "park_service_coverage", "network_2022_people").numerator == 1


def test_a_tunnel_under_a_park_is_no_way_in():
    park = at(box(1010, 1010, 1090, 1090))
    roads = at(LineString([(700, 1050), (1400, 1050)]), highway=["residential"], tunnel=["yes"])
    city = square_city(roads=roads, parks=park, population=people_at([(700, 1050)]))
    # The park stands for itself then: its edge is 310 m along the street; but the street runs below, and nothing tells a better way in.
    found = ways_in(city, service_parks(city).shapes, np.array([0]), open_ground=True)[0]
    assert [shape.geom_type for shape in found] == ["Polygon"]


def test_people_whom_no_way_comes_near_are_no_false_zero():
    # All live 700 m from the only street: no data, whether by people, by land or as a gap.
    city = square_city(
        roads=streets([LineString([(0, 0), (500, 0)])]), parks=at(box(0, 10, 100, 110)), landuse=at(box(1500, 1500, 1700, 1700), landuse=["residential"]),
        population=people_at([(1600, 1600)]),
    )  # fmt: skip
    results = measure(city, ["park_service_coverage", "pocket_park_gap", "pocket_park_gap_residents"])
    for name, variant in (
        ("park_service_coverage", "network_2022"), ("park_service_coverage", "network_2022_people"),
        ("pocket_park_gap", "network"), ("pocket_park_gap_residents", "network"),
    ):  # fmt: skip
        row = of(results, name, variant)
        assert (row.status, np.isnan(row.value)) == ("no_data", True), (name, variant)
        assert "unreachable, no walkable way near" in row.note
