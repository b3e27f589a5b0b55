"""Classes and colours of a choropleth: one answer for the web map and for QGIS."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatial.text import Lang
from spatial.units import unit_of

PALETTE = ("#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494")  # YlGnBu, safe for the colour-blind
NO_DATA = "#d9d9d9"
PARTIAL = "#f0f0f0"


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


def classify(values: npt.NDArray[np.float64], unit: str, lang: Lang = "en") -> Classes:
    """Make at most five quantile classes with rounded breaks.

    Parameters
    ----------
    values
        Values that may be ranked and coloured (status ``ok`` or ``estimated``); NaN is left out.
    unit
        Code of the unit, for the labels.
    lang
        Language of the labels.

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
