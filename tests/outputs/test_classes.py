"""Classes of a choropleth: readable breaks, no empty class, no class that a reader cannot tell from the next."""

import numpy as np
import pytest

from spatial.outputs.classes import EVIDENCE_PALETTE, PALETTE, classify, grade, ramp


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
