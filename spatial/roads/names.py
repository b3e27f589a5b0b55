"""Whether two carriageways bear the name of one road."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd

from spatial.overlay import Ints

# What tells the parts of one road apart, never two roads: brackets without a number in them, the side road, the direction, a bridge on the way,
# the name once more in Latin letters.
_BRACKETS = re.compile(r"[(\[【][^)\]】\d]*[)\]】]")
_PART = re.compile(r"[\s·•・\-–—]*(?:[东南西北左右内外]侧?)?(?:辅路|辅道|辅线|侧路|主路|主道|左幅|右幅|上行线?|下行线?)$|[·•・]桥$")
_LATIN = re.compile(r"(?<=[\u4e00-\u9fff])\s*[-–—/]?\s*[a-z][a-z .'-]*$")
_KIND = re.compile(r"(?<=[\u4e00-\u9fff]{2})(?:大街|大道|街|路|道)$")
_DIGITS = re.compile(r"\d+")


def name_keys(names: Sequence[object]) -> Ints:
    """Give the names of one road one number; 0 for none.

    Parameters
    ----------
    names
        As they stand in the layer; ``None`` and blanks are none.

    Returns
    -------
    numpy.ndarray
        ``滨北路`` and ``滨北路辅路``, ``规划路33南`` and ``规划路南33``, ``香滨街`` and ``香滨路`` have the same number; ``景江东路`` and
        ``景江西路`` have not. Which number it is depends on what else is there.

    References
    ----------
    The two sides of one road are often typed by two people. Names of the same characters in another order are taken as one, numbers in them
    being whole, and so are names that only call the road a street or an avenue. This is asked of parallel carriageways side by side alone.
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
    road = _PART.sub("", _LATIN.sub("", _BRACKETS.sub("", plain)).strip()).strip() or plain
    numbers = _DIGITS.findall(road)
    road = road if numbers else _KIND.sub("", road)
    letters = "".join(sorted(_DIGITS.sub("", road).replace(" ", "")))
    return " ".join([letters, *numbers])
