"""Whether two carriageways bear the name of one road."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd

from spatial.overlay import Ints

# What tells the parts of one road apart, never two roads: brackets without a number in them, the side road, the direction, a bridge on the way.
_BRACKETS = re.compile(r"[((\[【][^))\]】\d]*[))\]】]")
_PART = re.compile(r"[\s·•・\-–—]*(?:[东南西北左右内外]侧?)?(?:辅路|辅道|辅线|侧路|主路|主道|左幅|右幅|上行线?|下行线?)$|[·•・]桥$")
_DIGITS = re.compile(r"\d+")


def name_keys(names: Sequence[object]) -> Ints:
    """Give each name a number, so that those of one road have one number; 0 for none.

    Parameters
    ----------
    names
        As they stand in the layer; ``None`` and blanks are none.

    Returns
    -------
    numpy.ndarray
        ``滨北路`` and ``滨北路辅路``, ``规划路33南`` and ``规划路南33`` have the same number. Which number depends on what else is there.

    References
    ----------
    The two sides of one road are often typed by two people. Names of the same characters in another order are taken as one, numbers in them
    being whole; two parallel carriageways a street's width apart whose names are anagrams of one another and yet two streets have not been met.
    """
    text = pd.Series(list(names), dtype=object).map(lambda name: name if isinstance(name, str) else "")
    codes, unique = pd.factorize(text)
    keys = np.array([_key(name) for name in unique], dtype=object)
    numbers, known = pd.factorize(keys)
    empty = np.array([key == "" for key in known], dtype=bool)
    order = np.cumsum(~empty)
    return np.asarray(np.where(empty[numbers], 0, order[numbers])[codes] if len(codes) else np.empty(0), dtype=np.int64)


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    road = _PART.sub("", _BRACKETS.sub("", plain)).strip() or plain
    letters = "".join(sorted(_DIGITS.sub("", road).replace(" ", "")))
    return letters + "".join(f" {number}" for number in _DIGITS.findall(road)) if road else ""
