"""Classes of a choropleth: readable breaks, no empty class, no class that a reader cannot tell from the next."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial.outputs.classes import EVIDENCE_PALETTE, METHODS, PALETTE, Classing, classify, classing_faults, grade, ramp
from spatial.outputs.natural_breaks import MOST, natural_groups
from spatial.outputs.palettes import DIVERGING, PALETTES
from spatial.units import unit_of


def test_what_reads_the_same_is_one_class():
    # 8.0000001 and 7.9999999 km/km² both read 8.00.
    classes = classify(np.array([8.0000001, 7.9999999, 8.0]), "km/km2")
    assert classes.labels == ("8.00",)


def test_five_classes_of_many_values():
    classes = classify(np.linspace(0, 0.5, 101), "1")
    assert len(classes.colors) == 5
    assert classes.labels[0] == "0.0 – 10.0"
    assert classes.index(0.0) == 0
    assert classes.index(0.5) == 4


def test_mostly_zero_keeps_classes():
    classes = classify(np.array([0.0] * 90 + list(np.linspace(1, 30, 10))), "km/km2")
    assert len(classes.colors) >= 3
    assert classes.index(0.0) == 0


def test_one_outlier_does_not_coarsen_the_legend():
    classes = classify(np.array([*np.linspace(0.10, 0.20, 99), 0.98]), "1")
    assert len(classes.colors) == 5


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_nothing_gives_no_class(values):
    classes = classify(np.array(values, dtype=float), "1")
    assert classes.colors == ()
    assert classes.index(1.0) == -1


def test_no_class_is_empty_and_breaks_rise():
    values = np.random.default_rng(3).lognormal(0, 1, 60)
    classes = classify(values, "km/km2")
    used = {classes.index(value) for value in values}
    assert used == set(range(len(classes.colors)))
    assert list(classes.breaks) == sorted(set(classes.breaks))
    assert set(classes.colors) <= set(PALETTE)


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (1, ["0", "1"]),
        (4, ["0", "1", "2", "3", "4"]),
        (6, ["0", "1", "2", "3", "4", "5", "6"]),
        (9, ["0", "1 – 2", "3 – 4", "5 – 6", "7 – 8", "9"]),
        (12, ["0", "1 – 3", "4 – 6", "7 – 9", "10 – 11", "12"]),
    ],
)
def test_counts_have_few_whole_classes_with_none_and_all_apart(most, labels):
    classes = grade(np.array([0.0, 1.0]), "classes", "#7b6fb0", most=most)
    assert list(classes.labels) == labels
    for count in range(most + 1):
        ends = [int(end) for end in labels[classes.index(count)].split(" – ")]
        assert ends[0] <= count <= ends[-1]


def test_a_count_above_what_was_declared_still_has_a_class():
    assert grade(np.array([7.0]), "classes", "#7b6fb0", most=3).labels[-1] == "7"


def test_evidence_of_one_value_has_its_own_colour():
    assert grade(np.array([5.0, 5.0]), "persons", "#d1495b").colors == ("#d1495b",)
    assert grade(np.array([np.nan]), "persons", "#d1495b").colors == ()


@pytest.mark.parametrize("count", range(2, 8))
def test_a_ramp_grows_darker_and_shares_no_colour_with_areas(count):
    colors = ramp("#d1495b", count)
    light = [sum(weight * int(color[at : at + 2], 16) for weight, at in ((0.3, 1), (0.6, 3), (0.1, 5))) for color in colors]
    assert light == sorted(light, reverse=True)
    assert len(set(colors)) == count
    assert (colors[0], colors[-1]) == (EVIDENCE_PALETTE[0], EVIDENCE_PALETTE[-1])
    assert not set(colors) & set(PALETTE)


def test_classes_of_many_values_are_those_of_each():
    values = np.array([*np.random.default_rng(5).lognormal(0, 1, 50), np.nan])
    classes = classify(values, "km/km2")
    assert classes.indices(values).tolist() == [classes.index(value) for value in values]


def test_few_whole_numbers_are_a_class_each():
    """Districts with 1, 1, 2, 2 and 3 compounds: three classes that say 1, 2 and 3; shares are never taken for whole numbers."""
    made = classify(np.array([1.0, 1, 2, 2, 3]), "count")
    assert made.labels == ("1", "2", "3")
    assert [made.index(value) for value in (1.0, 2.0, 3.0)] == [0, 1, 2]
    assert len(set(made.colors)) == 3
    assert "–" in classify(np.array([0.1, 0.2, 0.3]), "1").labels[0]


# What a map may declare.


def spread(groups):
    return sum(float(((np.array(group) - np.mean(group)) ** 2).sum()) for group in groups)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=11), st.integers(1, 5))
def test_natural_groups_are_the_best_there_are(values, count):
    """Held against every way to cut the sorted values, equal ones kept together."""
    single = sorted(set(values))
    groups = natural_groups(np.array(values, dtype=float), count)
    assert [value for group in groups for value in group] == single
    assert len(groups) == min(count, len(single))
    repeated = [[value for value in values if value in set(group)] for group in groups]
    ways = itertools.combinations(range(1, len(single)), len(groups) - 1)
    parted = ([single[a:b] for a, b in itertools.pairwise((0, *way, len(single)))] for way in ways)
    best = min(spread([[value for value in values if value in part] for part in parts]) for parts in parted)
    assert spread(repeated) == pytest.approx(best, abs=1e-9)


def test_natural_breaks_lie_in_the_gaps_and_are_round():
    values = np.array([0.101, 0.104, 0.11, 0.31, 0.32, 0.33, 0.801, 0.9])
    classes = classify(values, "1", "en", Classing("natural", count=3))
    assert classes.labels == ("10.1 – 20.0", "20.0 – 60.0", "60.0 – 90.0")
    assert classes.indices(values).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert classes.method == "natural"


def test_natural_breaks_of_neighbours_part_them_as_they_read():
    """12.3 and 12.4 read differently: 12.349 belongs to the one, 12.351 to the other."""
    classes = classify(np.array([0.123, 0.124]), "1", "en", Classing("natural"))
    assert [classes.index(value) for value in (0.12349, 0.12351)] == [0, 1]
    assert classes.labels == ("12.3 – 12.4", "12.4")


def test_natural_breaks_of_a_great_many_values_are_found():
    values = np.concatenate([np.random.default_rng(1).normal(at, 0.2, 30_000) for at in (1, 5, 9)])
    assert len(np.unique(values)) > MOST
    first, second = classify(values, "km/km2", "en", Classing("natural", count=3)).breaks[1:3]
    assert 2 < first < 4 < 6 < second < 8


def test_fixed_breaks_are_kept_and_the_ends_are_open():
    classes = classify(np.array([0.05, 0.3, 0.9]), "1", "en", Classing("fixed", breaks=(20.0, 40.0, 62.55)))
    assert classes.labels == ("< 20.0", "20.0 – 40.0", "40.0 – 62.55", "≥ 62.55")
    assert classes.indices(np.array([0.0, 0.1999, 0.2, 0.62, 0.6255, 5.0])).tolist() == [0, 0, 1, 2, 3, 3]
    low = classify(np.array([0.5, 0.55]), "1", "en", Classing("fixed", breaks=(20.0, 40.0)))
    assert low.labels == ("< 20.0", "20.0 – 40.0", "≥ 40.0")  # empty ones too: two years are held side by side
    assert list(low.breaks) == sorted(low.breaks)
    assert low.index(0.5) == 2


@pytest.mark.parametrize(
    ("options", "target", "centre", "method"),
    [
        ({}, 0.168, 0.168, "target"),
        ({"centre": 15.0}, None, 0.15, "centre"),
        ({"centre": 15.0}, 0.168, 0.168, "target"),
        ({}, None, 0.1, "median"),
    ],
)
def test_diverging_classes_break_exactly_at_the_centre(options, target, centre, method):
    values = np.array([0.02, 0.06, 0.09, 0.1, 0.14, 0.19, 0.3])
    classes = classify(values, "1", "en", Classing("diverging", count=6, **options), target)
    assert classes.method == method
    assert any(limit == pytest.approx(centre, abs=1e-12) for limit in classes.breaks)
    below, above = classes.index(centre - 1e-6), classes.index(centre + 1e-6)
    assert above == below + 1
    lower, upper = DIVERGING["colour-blind"]
    assert set(classes.colors[: below + 1]) <= set(lower)
    assert set(classes.colors[above:]) <= set(upper)


def test_equal_distances_from_the_centre_have_equal_strength():
    values = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    classes = classify(values, "1", "en", Classing("diverging", count=4), 0.5)
    lower, upper = DIVERGING["colour-blind"]
    assert lower.index(classes.colors[classes.index(0.1)]) == upper.index(classes.colors[classes.index(0.9)])
    turned = classify(values, "1", "en", Classing("diverging", count=4, reverse=True), 0.5)
    assert turned.colors[0] in upper


@pytest.mark.parametrize(("values", "side"), [([0.2, 0.3, 0.4], 1), ([0.01, 0.02, 0.05], 0), ([0.3, 0.3], 1), ([0.168], 1)])
def test_diverging_with_all_on_one_side(values, side):
    classes = classify(np.array(values), "1", "en", Classing("diverging"), 0.168)
    assert set(classes.colors) <= set(DIVERGING["colour-blind"][side])
    assert 0.168 in (classes.breaks[0], classes.breaks[-1])
    assert all(0 <= classes.index(value) < len(classes.colors) for value in values)


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("count", range(2, 8))
def test_palettes_grow_darker_and_keep_their_colours_apart(palette, count):
    values = np.linspace(0, 1, 400)
    colors = classify(values, "1", "en", Classing("quantile", palette, count)).colors
    light = [sum(weight * int(color[at : at + 2], 16) for weight, at in ((0.3, 1), (0.6, 3), (0.1, 5))) for color in colors]
    assert len(set(colors)) == count
    assert light == sorted(light, reverse=True)
    assert classify(values, "1", "en", Classing("quantile", palette, count, reverse=True)).colors == tuple(reversed(colors))


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=40), st.integers(2, 7))
def test_every_value_has_a_class_that_says_so(method, values, count):
    breaks = (10.0, 50.0) if method == "fixed" else ()
    classes = classify(np.array(values), "1", "en", Classing(method, count=count, breaks=breaks), 0.5)
    assert list(classes.breaks) == sorted(classes.breaks)
    assert len(classes.breaks) == len(classes.colors) + 1 == len(classes.labels) + 1
    assert all(0 <= classes.index(value) < len(classes.colors) for value in values)
    assert len(classes.colors) <= max(count, len(breaks) + 1)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"method": "quantiles"}, 'there is no method "quantiles"; did you mean "quantile"?'),
        ({"palette": "offical"}, 'did you mean "official"?'),
        ({"count": 9}, "from 2 to 7, not 9"),
        ({"count": True}, "from 2 to 7, not True"),
        ({"method": "fixed"}, "needs breaks"),
        ({"method": "fixed", "breaks": [20, 10]}, "must rise"),
        ({"method": "fixed", "breaks": ["20"]}, "list of numbers"),
        ({"method": "fixed", "breaks": []}, "1 to 6 numbers, not 0"),
        ({"breaks": [20]}, 'for method = "fixed" only'),
        ({"centre": "middle"}, "centre must be a number"),
        ({"reverse": 1}, "reverse must be true or false"),
        ({"breakz": [20]}, 'unknown key "breakz"; did you mean "breaks"?'),
    ],
)
def test_what_is_wrong_with_declared_classes_is_said(declared, said):
    (message,) = classing_faults(declared, "maps/roads.toml: classes")
    assert message.startswith("maps/roads.toml: classes")
    assert said in message


def test_right_classes_have_no_fault():
    assert classing_faults({"method": "fixed", "breaks": [5, 7.5], "palette": "official-green", "reverse": True}, "here") == []
    assert Classing.of({"method": "diverging", "centre": 15}).centre == 15.0


# What reads as a number of the legend is in its class, whatever digits the legend does not show.
@given(
    values=st.lists(st.floats(0, 30_000), min_size=1, max_size=40),
    unit=st.sampled_from(["persons/km2", "persons", "count"]),
)
def test_a_value_is_in_the_class_that_it_reads_as(values: list[float], unit: str) -> None:
    classes = classify(np.array(values), unit)
    for value in values:
        label = classes.labels[classes.index(value)]
        if " – " not in label:
            assert unit_of(unit).show(value, "en").removesuffix(unit_of(unit).label.en).strip() == label


# Of whole numbers a class names the first and the last in it: 3 stands in one class only.
@pytest.mark.parametrize(
    ("classing", "labels"),
    [
        (Classing("quantile", count=3), ("0 – 2", "3 – 5", "6 – 9")),
        (Classing("natural", count=3), ("0 – 3", "4 – 7", "8 – 9")),
        (Classing("fixed", breaks=(3, 4, 8)), ("< 3", "3", "4 – 7", "≥ 8")),
        (Classing("diverging", count=2, centre=5), ("0 – 4", "5 – 9")),
    ],
)
def test_classes_of_whole_numbers_share_none(classing, labels):
    values = np.array([0, 1, 2, 2, 4, 5, 5, 6, 8, 9, 9], dtype=float)
    for unit in ("count", "persons"):
        assert classify(values, unit, "en", classing).labels == labels
    assert classify(values, "persons/km2", "en", Classing("fixed", breaks=(3, 4))).labels == (
        "< 3",
        "3 – 4",
        "≥ 4",
    )  # not counted: anything between


@given(
    values=st.lists(st.floats(0, 30_000), min_size=1, max_size=40),
    method=st.sampled_from(["quantile", "natural"]),
    count=st.integers(2, 7),
)
def test_what_is_counted_reads_within_its_class(values: list[float], method: str, count: int) -> None:
    classes = classify(np.array(values), "persons", "en", Classing(method, count=count))
    for value in values:
        ends = [float(end.replace(",", "")) for end in classes.labels[classes.index(value)].split(" – ")]
        assert ends[0] <= round(value) <= ends[-1]
    firsts = [float(label.split(" – ")[0].replace(",", "")) for label in classes.labels]
    lasts = [float(label.split(" – ")[-1].replace(",", "")) for label in classes.labels]
    assert all(last < first for last, first in zip(lasts, firsts[1:], strict=False))


@pytest.mark.parametrize("method", ["quantile", "natural"])
@pytest.mark.parametrize(("areas", "most"), [(2, 2), (3, 2), (5, 3), (8, 4), (9, 5), (30, 5)])
def test_few_areas_have_few_classes(method, areas, most):
    values = np.cumsum(np.random.default_rng(areas).uniform(0.001, 0.05, areas))
    classes = classify(values, "1", "en", Classing(method))
    assert len(classes.colors) <= most
    assert set(classes.indices(values)) == set(range(len(classes.colors)))


@pytest.mark.parametrize("method", ["quantile", "natural"])
def test_districts_that_hardly_differ_have_one_colour(method):
    """Five districts: 67.2 and 67.6 % look alike, what lies far off does not; too few for equal numbers to mean something."""
    values = np.array([0.331, 0.672, 0.676, 0.786, 0.855])
    classes = classify(values, "1", "en", Classing(method))
    assert classes.indices(values).tolist() == [0, 1, 1, 2, 2]
    assert classes.method == "natural"  # and the legend says so


def test_limits_about_a_target_are_round_and_part_no_neighbours():
    """Five districts below a target of 100 %: 67.2 and 67.6 % have one colour."""
    values = np.array([0.331, 0.672, 0.676, 0.786, 0.855])
    classes = classify(values, "1", "en", Classing("diverging", count=6), 1.0)
    assert classes.labels == ("33.1 – 50.0", "50.0 – 70.0", "70.0 – 100.0")
    assert classes.indices(values).tolist() == [0, 1, 1, 2, 2]
