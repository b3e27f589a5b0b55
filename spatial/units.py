"""Units: what a column is measured in, how a person reads it, and how a width tag is understood."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from spatial.errors import OptionError
from spatial.text import Lang, Text

ABSENT = "—"


@dataclass(frozen=True)
class Unit:
    """One unit of the table.

    Attributes
    ----------
    code
        As it stands in the column ``unit``; shares have ``1``.
    label
        As a person reads it; a share is shown in per cent.
    factor
        Number by which a value is multiplied for presentation.
    decimals
        Digits after the point in presentation.
    whole
        Whether it counts things, so that nothing lies between two whole numbers.
    """

    code: str
    label: Text
    factor: float = 1.0
    decimals: int = 2
    whole: bool = False

    def show(self, value: float, lang: Lang = "en") -> str:
        """Present a value with its unit; an absent one is a dash, never 0."""
        return self.labelled(self.figure(value), lang)

    def figure(self, value: float) -> str:
        """Present a value without its unit, the same in every language; an absent one is a dash."""
        if value is None or not math.isfinite(value):
            return ABSENT
        return f"{value * self.factor:,.{self.decimals}f}"

    def labelled(self, figure: str, lang: Lang = "en") -> str:
        """Put the unit behind a figure, or behind a range of two; what is absent has none."""
        label = self.label.get(lang)
        if figure == ABSENT or not label:
            return figure
        return f"{figure}{'' if label == '%' else ' '}{label}"


MAX_PEOPLE = 1e11  # in one feature or cell: more is a no-data value that nobody declared

UNITS = {
    unit.code: unit
    for unit in (
        Unit("1", Text("%", "%"), 100.0, 1),
        Unit("m", Text("米", "m"), 1.0, 0),
        Unit("km", Text("公里", "km"), 1.0, 2),
        Unit("m2", Text("平方米", "m²"), 1.0, 0),
        Unit("ha", Text("公顷", "ha"), 1.0, 1),
        Unit("km2", Text("平方公里", "km²"), 1.0, 2),
        Unit("km/km2", Text("公里/平方公里", "km/km²"), 1.0, 2),
        Unit("1/km2", Text("个/平方公里", "per km²"), 1.0, 1),
        Unit("persons", Text("人", "people"), 1.0, 0, whole=True),
        Unit("persons/km2", Text("人/平方公里", "people/km²"), 1.0, 0),
        Unit("m2/person", Text("平方米/人", "m²/person"), 1.0, 2),
        Unit("count", Text("个", ""), 1.0, 0, whole=True),
        Unit("classes", Text("类", "classes"), 1.0, 1),
        Unit("ratio", Text("倍", "×"), 1.0, 2),
        Unit("pp", Text("个百分点", "percentage points"), 100.0, 1),
        Unit("index", Text("分", "points"), 1.0, 1),
        Unit("CNY", Text("元", "CNY"), 1.0, 0),
        Unit("t", Text("吨", "t"), 1.0, 0),
        Unit("t/d", Text("吨/日", "t/d"), 1.0, 0),
        Unit("m3", Text("立方米", "m³"), 1.0, 0),
        Unit("MW", Text("兆瓦", "MW"), 1.0, 1),
        Unit("PFLOPS", Text("PFLOPS", "PFLOPS"), 1.0, 0),
        Unit("households", Text("户", "households"), 1.0, 0, whole=True),
        Unit("dwellings", Text("套", "dwellings"), 1.0, 0, whole=True),
        Unit("places", Text("个学位（床位、车位）", "places"), 1.0, 0, whole=True),
        Unit("1/1000", Text("‰", "per 1,000"), 1000.0, 1),
        Unit("class", Text("类", "class"), 1.0, 0, whole=True),
        Unit("status", Text("", ""), 1.0, 0),
        Unit("boolean", Text("", ""), 1.0, 0),
    )
}


def unit_of(code: str) -> Unit:
    """Return the unit with this code.

    Raises
    ------
    OptionError
        The unit is not declared here.
    """
    try:
        return UNITS[code]
    except KeyError:
        raise OptionError(f'unit "{code}" is not known; known: {", ".join(sorted(UNITS))}') from None


# Of at most nine digits: a longer run of them is a mistake, and one of hundreds would be infinite.
_FEET = re.compile(r"""^(\d{1,9})'(?:\s*(\d{1,9})")?$""")
_LENGTH = re.compile(r"^(\d{1,9}(?:[.,]\d+)?)\s*(m|metres?|meters?|米|km|ft|feet)?$", re.IGNORECASE)
_FACTORS = {"km": 1000.0, "ft": 0.3048, "feet": 0.3048}


def parse_length_m(text: object) -> float:
    """Read a width or length tag in metres: ``7``, ``7 m``, ``7.5m``, ``7,5``, ``20'6"``.

    Returns
    -------
    float
        Metres; NaN where the text is absent or not one plain length.
    """
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return math.nan
    clean = str(text).strip()
    if feet := _FEET.match(clean):
        return int(feet[1]) * 0.3048 + int(feet[2] or 0) * 0.0254
    if not (match := _LENGTH.match(clean)):
        return math.nan
    return float(match[1].replace(",", ".")) * _FACTORS.get((match[2] or "m").lower(), 1.0)


def parse_count(text: object) -> float:
    """Read a count such as ``lanes``: ``4``, ``4.0``; NaN for ``2;3``, ``yes``, negatives and absurd numbers."""
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return math.nan
    match = re.fullmatch(r"(\d{1,9})(?:\.0+)?", str(text).strip())
    return float(match[1]) if match else math.nan
