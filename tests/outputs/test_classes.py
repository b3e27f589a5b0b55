"""Classes of a choropleth: readable breaks, no empty class, no class that a reader cannot tell from the next."""

import numpy as np
import pytest

from spatial.outputs.classes import PALETTE, classify


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
