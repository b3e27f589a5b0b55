"""Classes and colours of a choropleth and of graded evidence: one answer for the web map and for QGIS."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from spatial.catalogue import check_keys
from spatial.text import Lang
from spatial.units import unit_of

PALETTE = ("#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494")  # YlGnBu, safe for the colour-blind
NO_DATA = "#d9d9d9"
PARTIAL = "#f0f0f0"
# Pale to dark and even to the eye, seen on the ground of a map and safe for the colour-blind; no colour of a choropleth is among them.
EVIDENCE_PALETTE = ("#fde3a1", "#fda26b", "#e15366", "#8f2a81", "#3a0f6e")
SINGLE_COUNTS = 6  # up to this many, each count is a class of its own


METHODS = ("quantile", "natural", "fixed", "diverging")
PALETTES = ("colour-blind", "official")


@dataclass(frozen=True)
class Classing:
    """How the values of a metric are put into classes, as a map declares it.

    Attributes
    ----------
    method
        ``quantile`` (about as many areas in each), ``natural`` (breaks where values lie far apart, Jenks), ``fixed`` (``breaks`` as given) or
        ``diverging`` (about the target, or ``centre`` where there is none).
    palette
        ``colour-blind``, or ``official``, the colours of the planning drawing standards.
    count
        How many classes at most, 2 to 7.
    breaks
        For ``fixed``: rising, in the unit that people read (per cent for shares).
    centre
        For ``diverging`` without a target, in the same unit; ``None`` for the median.
    reverse
        Whether high values are the pale ones.
    """

    method: str = "quantile"
    palette: str = "colour-blind"
    count: int = 5
    breaks: tuple[float, ...] = ()
    centre: float | None = None
    reverse: bool = False

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> Classing:
        """Return what a checked table declares."""
        return cls(**{**declared, "breaks": tuple(map(float, declared.get("breaks", ())))})


QUANTILES = Classing()


def classing_faults(declared: Mapping[str, Any], where: str) -> list[str]:
    """List what is wrong with a declared table of classes."""
    return check_keys(declared, [each.name for each in fields(Classing)], where=where)


@dataclass(frozen=True)
class Classes:
    """Break points and colours of a choropleth.

    Attributes
    ----------
    breaks
        Rising, one more than there are colours; the first and the last are the extremes of the values.
    colors
        One a class, ``#rrggbb``, light to dark.
    labels
        One a class, with the unit in the last place only where the legend's title lacks it.
    """

    breaks: tuple[float, ...]
    colors: tuple[str, ...]
    labels: tuple[str, ...]

    def index(self, value: float) -> int:
        """Class of a value; -1 where there is none."""
        if not np.isfinite(value) or not self.colors:
            return -1
        return int(np.clip(np.searchsorted(self.breaks, value, side="right") - 1, 0, len(self.colors) - 1))

    def indices(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Classes of values, shape (n,); -1 where there is none."""
        if not self.colors:
            return np.full(len(values), -1)
        found = np.clip(np.searchsorted(self.breaks, values, side="right") - 1, 0, len(self.colors) - 1)
        return np.where(np.isfinite(values), found, -1)


def classify(values: npt.NDArray[np.float64], unit: str, lang: Lang = "en", classing: Classing = QUANTILES) -> Classes:
    """Make the classes of a choropleth; by default at most five quantile classes with rounded breaks.

    Parameters
    ----------
    values
        Values that may be ranked and coloured (status ``ok`` or ``estimated``); NaN is left out.
    unit
        Code of the unit, for the labels.
    lang
        Language of the labels.
    classing
        How the map declares them.

    Returns
    -------
    Classes
        Empty where there is no value; one class where all are equal.
    """
    declared = unit_of(unit)
    # What reads the same is the same: digits that no legend shows make no class.
    known = np.sort(np.round(values[np.isfinite(values)] * declared.factor, declared.decimals) / declared.factor)
    if not len(known):
        return Classes((), (), ())
    low, high = float(known[0]), float(known[-1])
    single = np.unique(known)
    if declared.decimals == 0 and 1 < len(single) <= len(PALETTE):  # whole numbers, few of them: “2 – 2” would say nothing
        pick = np.linspace(0, len(PALETTE) - 1, len(single)).round().astype(int)
        names = tuple(declared.show(float(value), lang).removesuffix(declared.label.get(lang)).strip() for value in single)
        return Classes((*(float(value) for value in single), high), tuple(PALETTE[i] for i in pick), names)
    inner = _inner(known, low, high) if high > low else np.empty(0)
    if high > low and len(inner) < 2:  # most values are the same, often 0: what differs is classed by itself
        inner = _inner(np.unique(known), low, high)
    breaks = (low, *(float(value) for value in inner), high)
    count = len(breaks) - 1
    pick = np.linspace(0, len(PALETTE) - 1, count).round().astype(int) if count > 1 else np.array([2])
    shown = [declared.show(value, lang).removesuffix(declared.label.get(lang)).strip() for value in breaks]
    labels = tuple(f"{a} – {b}" for a, b in itertools.pairwise(shown))
    if len(breaks) == 2 and low == high:
        labels = (shown[0],)
    return Classes(breaks, tuple(PALETTE[i] for i in pick), labels)


def grade(values: npt.NDArray[np.float64], unit: str, color: str, lang: Lang = "en", *, most: int | None = None) -> Classes:
    """Make the classes of a column of evidence, from pale to dark.

    Parameters
    ----------
    values
        NaN is left out.
    unit
        Code of the unit, for the labels.
    color
        ``#rrggbb`` of a single class.
    lang
        Language of the labels.
    most
        For counts: how many there can be; each has a class of its own, or none, all and four groups between. ``None`` for quantiles.

    Returns
    -------
    Classes
        Empty where there is no value.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return Classes((), (), ())
    if most is None:
        made = classify(known, unit, lang)
        return Classes(made.breaks, ramp(color, len(made.colors)), made.labels)
    top = max(int(known.max()), most, 1)
    counts = np.arange(1, top)
    groups = np.array_split(counts, min(4, len(counts))) if top > SINGLE_COUNTS else [np.array([count]) for count in counts]
    groups = [np.array([0]), *groups, np.array([top])]
    labels = [f"{group[0]} – {group[-1]}" if len(group) > 1 else f"{group[0]}" for group in groups]
    return Classes((*(float(group[0]) for group in groups), float(top)), ramp(color, len(groups)), tuple(labels))


def ramp(color: str, count: int) -> tuple[str, ...]:
    """Colours of classes of evidence from pale to dark; a single one is ``color``."""
    if count < 2:
        return (color,) * count
    stops = np.array([[int(each[at : at + 2], 16) for at in (1, 3, 5)] for each in EVIDENCE_PALETTE], dtype=float)
    at = np.linspace(0, len(stops) - 1, count)
    mixed = np.rint(np.column_stack([np.interp(at, np.arange(len(stops)), stops[:, part]) for part in range(3)])).astype(int)
    return tuple("#" + "".join(f"{part:02x}" for part in row) for row in mixed.tolist())


def _inner(values: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.float64]:
    """Find rounded quantile breaks between the extremes, none of which leaves a class empty."""
    quantiles = np.quantile(values, np.linspace(0, 1, len(PALETTE) + 1)[1:-1])
    span = float(quantiles[-1] - quantiles[0]) or high - low  # of the bulk: a single outlier must not coarsen the legend
    found = np.unique([_rounded(float(value), span) for value in quantiles])
    kept: list[float] = []
    for value in found[(found > low) & (found < high)]:
        below = kept[-1] if kept else -np.inf
        if ((values >= below) & (values < value)).any() and (values >= value).any():
            kept.append(float(value))
    return np.array(kept)


def _rounded(value: float, span: float) -> float:
    """Round to two significant digits of the span, so that a legend can be read."""
    if span <= 0:
        return value
    step = 10.0 ** (np.floor(np.log10(span)) - 1)
    return float(np.round(value / step) * step)
