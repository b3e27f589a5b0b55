"""Text in two languages, carried together until somebody reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Lang = Literal["zh", "en"]


class Text(NamedTuple):
    """The same statement in Chinese and in English."""

    zh: str
    en: str

    def get(self, lang: Lang) -> str:
        """Return the text in one language."""
        return self.zh if lang == "zh" else self.en

    def format(self, **values: object) -> Text:
        """Fill both texts with the same values."""
        return Text(self.zh.format(**values), self.en.format(**values))


def joined(texts: Iterable[Text], lang: Lang) -> str:
    """Join statements in one language, each once, in the order given."""
    seen = dict.fromkeys(said for text in texts if (said := text.get(lang)))
    return ("；" if lang == "zh" else "; ").join(seen)
