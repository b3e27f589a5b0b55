"""One page in both languages: what is built once in each is joined, so that only what differs stands twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from spatial.text import Lang

T = TypeVar("T")


class TextRef(int):
    """Number of a text in the list of the page; nothing else of the page is one."""


class Texts:
    """Texts of the page in one language, each once; the empty one is 0."""

    def __init__(self) -> None:
        self.known: dict[str, TextRef] = {"": TextRef(0)}

    def number(self, text: str) -> TextRef:
        """Return the number of a text."""
        return self.known.setdefault(text, TextRef(len(self.known)))


@dataclass(frozen=True, eq=False)
class Column:
    """Texts of many rows: that of row ``n`` is ``texts[codes[n]]``; it reaches the page as numbers of its list of texts.

    Where both languages hold the very same ``codes``, rows are looked up and not compared.

    Attributes
    ----------
    codes
        One a row.
    texts
        Each that occurs; two may read the same.
    """

    codes: npt.NDArray[np.int64]
    texts: Sequence[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Column:
        """Make a column of the text of every row."""
        codes, known = pd.factorize(np.array([*texts, ""], dtype=object)[:-1])
        return cls(codes, known.tolist())


class Shared:
    """What both languages have in common: heavy parts are made once, binary ones travel beside the page's data.

    Attributes
    ----------
    blobs
        By key, a short name of ``[a-z0-9_-]`` that is unique in the page; the page finds them with ``blob(key)``.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self._made: dict[Any, Any] = {}

    def once(self, key: Any, build: Callable[[], T]) -> T:
        """Make what no language changes, the first time it is asked for."""
        if key not in self._made:
            self._made[key] = build()
        return self._made[key]


def in_both(build: Callable[[Lang, Texts], Any]) -> dict[str, Any]:
    """Build the data of a page in both languages and join them.

    Parameters
    ----------
    build
        Builds them in one: nested dicts and lists of plain values. Texts are numbered by ``Texts.number``, fill a ``Column``, or stand where they are
        used.

    Returns
    -------
    dict
        The same shape: what is equal in both stands as it is, what differs as ``{"zh": …, "en": …}``. ``texts`` lists the numbered texts.
    """
    sides = {}
    for lang in ("zh", "en"):
        texts = Texts()
        sides[lang] = build(lang, texts), list(texts.known)
    (zh, zh_texts), (en, en_texts) = sides["zh"], sides["en"]
    pairs: dict[tuple[str, str], int] = {("", ""): 0}

    def join(a: Any, b: Any) -> Any:
        if isinstance(a, TextRef) and isinstance(b, TextRef):
            return pairs.setdefault((zh_texts[a], en_texts[b]), len(pairs))
        if isinstance(a, Column) and isinstance(b, Column) and len(a.codes) == len(b.codes):
            return _rows(a, b)
        if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
            return {key: join(a[key], b[key]) for key in a}
        if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            if a is b:
                return a
            return [join(one, two) for one, two in zip(a, b, strict=True)]
        if type(a) is type(b) and a == b:
            return a
        return {"zh": _alone(a, 0), "en": _alone(b, 1)}

    def _rows(a: Column, b: Column) -> list[int]:
        codes = a.codes
        if a.codes is b.codes:
            said = list(zip(a.texts, b.texts, strict=True))
        else:
            codes, known = pd.factorize(a.codes * len(b.texts) + b.codes)
            said = [(a.texts[one], b.texts[two]) for one, two in zip(*np.divmod(known, max(1, len(b.texts))), strict=True)]
        numbers = np.array([pairs.setdefault(each, len(pairs)) for each in said], dtype=np.int64)
        return numbers[codes].tolist() if len(codes) else []

    def _alone(value: Any, side: int) -> Any:
        """Return a part that is shaped differently in the other language, its texts numbered all the same."""
        if isinstance(value, TextRef):
            text = (zh_texts, en_texts)[side][value]
            return pairs.setdefault((text, text), len(pairs))
        if isinstance(value, Column):
            return _rows(value, value)
        if isinstance(value, dict):
            return {key: _alone(each, side) for key, each in value.items()}
        if isinstance(value, list):
            return [_alone(each, side) for each in value]
        return value

    joined = join(zh, en)
    return {**joined, "texts": [one if one == two else {"zh": one, "en": two} for one, two in pairs]}
