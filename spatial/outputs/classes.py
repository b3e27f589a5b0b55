"""Classes and colours of a choropleth and of graded evidence: one answer for the web map and for QGIS."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spatial.catalogue import check_keys
from spatial.errors import nearest, shown
from spatial.outputs.natural_breaks import natural_groups
from spatial.outputs.palettes import DIVERGING, PALETTES, SEQUENTIAL, between, mixed
from spatial.outputs.palettes import PALETTE as PALETTE
from spatial.text import Lang
from spatial.units import Unit, unit_of

NO_DATA = "#d9d9d9"
PARTIAL = "#f0f0f0"
# Pale to dark and even to the eye, seen on the ground of a map and safe for the colour-blind; no colour of a choropleth is among them.
EVIDENCE_PALETTE = ("#fde3a1", "#fda26b", "#e15366", "#8f2a81", "#3a0f6e")
SINGLE_COUNTS = 6  # up to this many, each count is a class of its own
METHODS = ("quantile", "natural", "fixed", "diverging")
MOST_CLASSES = 7  # more are not told apart on a map

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Classing:
    """How the values of a metric are put into classes, as a map declares it.

    Attributes
    ----------
    method
        ``quantile`` (about as many areas in each), ``natural`` (breaks where values lie far apart, Jenks), ``fixed`` (``breaks`` as given) or
        ``diverging`` (about the target, or ``centre`` where there is none).
    palette
        ``colour-blind``, or one of the ramps in the colours of the planning drawing standards, ``official``, ``official-green`` ….
    count
        How many classes at most, 2 to 7. Quantiles and natural breaks make no more than one for every two values: with a class for each value,
        11.3 % and 11.4 % would look as far apart as 11 % and 80 %. Where that leaves fewer than ``count``, quantiles give way to natural breaks.
    breaks
        For ``fixed``: rising, in the unit that people read (per cent for shares). The first and the last class are open.
    centre
        For ``diverging`` without a target, in the same unit; ``None`` for the median.
    reverse
        Whether high values are the pale ones; with ``diverging``, whether what lies below the centre has the colours of what lies above.
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
        made = cls(**{**declared, "breaks": tuple(map(float, declared.get("breaks", ())))})
        return made if made.centre is None else replace(made, centre=float(made.centre))


QUANTILES = Classing()


def classing_faults(declared: Mapping[str, Any], where: str) -> list[str]:
    """List what is wrong with a declared table of classes."""
    messages = check_keys(declared, [each.name for each in fields(Classing)], where=where)
    for key, known in (("method", METHODS), ("palette", PALETTES)):
        value = declared.get(key, known[0])
        if value not in known:
            messages.append(f'{where}: there is no {key} "{shown(value)}"{nearest(str(value), known)}; known: {", ".join(known)}')
    count = declared.get("count", QUANTILES.count)
    if isinstance(count, bool) or not isinstance(count, int) or not 2 <= count <= MOST_CLASSES:
        messages.append(f"{where}: count must be a whole number from 2 to {MOST_CLASSES}, not {shown(count)}")
    if "reverse" in declared and not isinstance(declared["reverse"], bool):
        messages.append(f"{where}: reverse must be true or false, not {shown(declared['reverse'])}")
    if "centre" in declared and not _is_number(declared["centre"]):
        messages.append(f"{where}: centre must be a number, in the unit that the legend shows, not {shown(declared['centre'])}")
    return messages + _break_faults(declared, where)


def _break_faults(declared: Mapping[str, Any], where: str) -> list[str]:
    if "breaks" not in declared:
        return [f'{where}: method "fixed" needs breaks, as in breaks = [20, 40, 60, 80]'] if declared.get("method") == "fixed" else []
    breaks = declared["breaks"]
    if not isinstance(breaks, list) or not all(map(_is_number, breaks)):
        return [f"{where}: breaks must be a list of numbers, in the unit that the legend shows, not {shown(breaks)}"]
    if not 1 <= len(breaks) < MOST_CLASSES:
        return [f"{where}: breaks must be 1 to {MOST_CLASSES - 1} numbers, not {len(breaks)}: so many limits part one class more"]
    if any(a >= b for a, b in itertools.pairwise(breaks)):
        return [f"{where}: breaks must rise, not {shown(breaks)}"]
    if declared.get("method") != "fixed":
        return [f'{where}: breaks are for method = "fixed" only; add it, or remove breaks']
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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
    method
        How they were made, for the legend: ``quantile``, ``natural``, ``fixed``, ``target``, ``centre`` or ``median`` (diverging about it);
        empty where each value is a class of its own.
    """

    breaks: tuple[float, ...]
    colors: tuple[str, ...]
    labels: tuple[str, ...]
    method: str = ""

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


def classify(values: Floats, unit: str, lang: Lang = "en", classing: Classing = QUANTILES, target: float | None = None) -> Classes:
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
    target
        What is wanted of every area alike, in the values' own unit: the centre of diverging classes.

    Returns
    -------
    Classes
        Empty where there is no value; one class where all are equal, unless limits were given.
    """
    declared = unit_of(unit)
    # What reads the same is the same: digits that no legend shows make no class.
    known = np.sort(np.round(values[np.isfinite(values)] * declared.factor, declared.decimals) / declared.factor)
    if not len(known):
        return Classes((), (), ())
    if classing.method == "fixed":
        return _fixed(known, declared, lang, classing)
    if classing.method == "diverging":
        return _diverging(known, declared, lang, classing, target)
    single = np.unique(known)
    if declared.decimals == 0 and 1 < len(single) <= classing.count:  # whole numbers, few of them: “2 – 2” would say nothing
        names = tuple(_figure(float(value), declared, lang) for value in single)
        half = 0.5 / declared.factor  # values are rounded for the legend: 12,983.6 reads as 12,984 and belongs to it
        limits = (float(single[0]), *(float(value) - half for value in single[1:]), float(single[-1]))
        return Classes(limits, _sequence(classing, len(single)), names)
    low, high = float(known[0]), float(known[-1])
    if low == high:
        return Classes((low, high), _sequence(classing, 1), (_figure(low, declared, lang),))
    count = min(classing.count, max(2, math.ceil(len(known) / 2)))
    # Equal numbers say nothing of five districts: quantiles would join 33 with 67.2 % and part it from 67.6 %.
    method = "natural" if count < classing.count else classing.method
    said = _natural(known, declared, count) if method == "natural" else _quantiles(known, count)
    if declared.whole:
        said = [(_half_below(text), text) for _, text in said]
    inner = [limit for limit, _ in said]
    labels = _ranges([low, *(text for _, text in said), high], declared, lang)
    return Classes((low, *inner, high), _sequence(classing, len(labels)), labels, method)


def _fixed(known: Floats, unit: Unit, lang: Lang, classing: Classing) -> Classes:
    """Make the classes that were declared, empty ones too: two years, or two cities, are compared by them."""
    limits = [value / unit.factor for value in classing.breaks]
    figures = [_figure(value, unit, lang) for value in limits]
    labels = (f"< {figures[0]}", *_ranges(limits, unit, lang, open_end=True), f"≥ {figures[-1]}")
    breaks = (min(float(known[0]), limits[0]), *limits, max(float(known[-1]), limits[-1]))
    return Classes(breaks, _sequence(classing, len(labels)), labels, "fixed")


def _diverging(known: Floats, unit: Unit, lang: Lang, classing: Classing, target: float | None) -> Classes:
    """Make classes on both sides of a centre; an equal distance from it has an equal strength of colour."""
    if target is not None and math.isfinite(target):
        centre, method = float(target), "target"
    elif classing.centre is not None:
        centre, method = classing.centre / unit.factor, "centre"
    else:
        middle = float(np.median(known)) * unit.factor
        centre, method = round(middle, unit.decimals) / unit.factor, "median"
    low, high = float(known[0]), float(known[-1])
    far = np.sort(np.abs(known - centre))
    # Round limits in the gaps: with quantiles of the distance 67.2 and 67.6 % would be parted, and read 67.3.
    limits = [said for _, said in _natural(far, unit, min(classing.count // 2, math.ceil(len(far) / 2)))] if far[-1] > far[0] else []
    read = [round(limit * unit.factor, unit.decimals) / unit.factor for limit in limits]
    steps = [0.0, *sorted({step for step in read if step > 0})]
    # Of a side without values only the centre is left: it is where the other side begins.
    up = [centre + step for step in steps if centre + step < high or step == 0]
    down = [centre - step for step in steps if centre - step > low or step == 0]
    above = [*up, high] if high >= centre else [centre]
    below = [low, *reversed(down)] if low < centre else [centre]
    breaks = (*below, *above[1:])
    sides = DIVERGING[classing.palette]
    lower, upper = (sides[1], sides[0]) if classing.reverse else sides
    strength = {side: _strengths(side, len(steps)) for side in (lower, upper)}
    colors = (*reversed(strength[lower][: len(below) - 1]), *strength[upper][: len(above) - 1])
    return Classes(tuple(breaks), colors, _ranges(breaks, unit, lang), method)


def _strengths(side: Sequence[str], count: int) -> list[str]:
    """Colours of one side, from the centre outwards; a single one is neither pale nor dark."""
    return [side[1]] if count == 1 else list(between(side, count))


def _natural(known: Floats, unit: Unit, count: int) -> list[tuple[float, float]]:
    """Return limits between natural groups, each with the number that is said: the roundest that parts them."""
    groups = natural_groups(np.round(known * unit.factor, unit.decimals), count)
    half = 0.5 * 10.0**-unit.decimals  # values are rounded for the legend: what reads as the limit belongs above it
    found = []
    for below, above in itertools.pairwise(groups):
        said = _roundest(float(below[-1]), float(above[0]), unit.decimals)
        found.append((min(said, float(above[0]) - half) / unit.factor, said / unit.factor))
    return found


def _roundest(below: float, above: float, decimals: int) -> float:
    """Return the number with the fewest digits that lies above one and at most at the other, the nearest to the middle of them."""
    for digits in range(-15, decimals):
        step = 10.0**-digits
        fits = [n * step for n in range(math.floor(below / step), math.ceil(above / step) + 1) if below < n * step <= above]
        if fits:
            middle = (below + above) / 2
            best: float = min(fits, key=lambda value: abs(value - middle))
            return round(best, max(digits, 0))
    return above


def _quantiles(known: Floats, count: int) -> list[tuple[float, float]]:
    low, high = float(known[0]), float(known[-1])
    inner = _inner(known, low, high, count)
    if len(inner) < 2:  # most values are the same, often 0: what differs is classed by itself
        inner = _inner(np.unique(known), low, high, count)
    return [(float(value), float(value)) for value in inner]


def _sequence(classing: Classing, count: int) -> tuple[str, ...]:
    """Colours of classes, pale to dark; a single one is neither."""
    stops = SEQUENTIAL[classing.palette]
    colors = between(stops, count) if count > 1 else (stops[len(stops) // 2],)
    return tuple(reversed(colors)) if classing.reverse else colors


def _half_below(value: float) -> float:
    """Return the limit below the first whole number from a value on: estimates of 9,999.6 people read 10,000 and belong to it."""
    return math.ceil(value) - 0.5


def _ranges(breaks: Sequence[float], unit: Unit, lang: Lang, *, open_end: bool = False) -> tuple[str, ...]:
    """Name classes by their limits; of whole numbers by the first and the last in each, since 3 stands in one of “0 – 3” and “3 – 7” only.

    ``open_end``: the last limit, too, belongs to the class above it.
    """
    ends = list(itertools.pairwise(breaks))
    if unit.whole:
        inside = [(float(math.ceil(low)), float(math.ceil(high) - 1)) for low, high in ends]
        if ends and not open_end:
            inside[-1] = (inside[-1][0], ends[-1][1])
        ends = [whole if whole[0] <= whole[1] else given for whole, given in zip(inside, ends, strict=True)]
    return tuple(" – ".join(dict.fromkeys(_figure(end, unit, lang) for end in pair)) for pair in ends)


def _figure(value: float, unit: Unit, lang: Lang) -> str:
    """Show a number without its unit, with more digits than values have where a limit was given with more."""
    text = unit.figure(value)
    exact = f"{value * unit.factor:,.6f}".rstrip("0").rstrip(".")
    return exact if len(exact) > len(text) and len(exact.partition(".")[2]) <= 4 else text


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
    return (color,) * count if count < 2 else mixed(EVIDENCE_PALETTE, count)


def _inner(values: Floats, low: float, high: float, count: int) -> Floats:
    """Find rounded quantile breaks between the extremes, none of which leaves a class empty."""
    quantiles = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    # Of the bulk: a single outlier must not coarsen the legend.
    span = (float(quantiles[-1] - quantiles[0]) if len(quantiles) else 0.0) or high - low
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
