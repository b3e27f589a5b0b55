"""Which encoding a text is in, told from its bytes; what a file claims only breaks ties."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from spatial.errors import SourceError, shown
from spatial.text import Text

RAW = "iso8859-1"  # one byte, one letter: text read so can be decoded later
CHINESE = ("gbk", "gb2312", "gb18030")
# Claims of programs that know no better: they say little.
_HABITS = ("utf-8", "ascii", RAW, "cp1252", "cp437", "cp850")
_EVERYDAY = 0.7  # share of everyday characters from which bytes are Chinese; European text that decodes has next to none
_ENOUGH = 2000  # texts, evenly taken, tell it as well as all
_NAMES = {"utf-8": "UTF-8", "gb18030": "GBK", "gbk": "GBK", "gb2312": "GBK", RAW: "Latin-1"}
_WIDE = "\u07ff"  # the last letter of two bytes in UTF-8

Piece = tuple[bytes, bool, int]
"""A text, whether it fills its field to the last byte, and how often it stands."""


@dataclass(frozen=True)
class TextPlan:
    """How texts are decoded.

    Attributes
    ----------
    encoding
        A Python codec; ``None`` where all is ASCII.
    texts, cut
        How many texts are not ASCII, and how many of them end in the middle of a character because their field was full.
    notice
        What the user should know; ``None`` where the file claims, or the user states, what its bytes say.
    """

    encoding: str | None
    texts: int = 0
    cut: int = 0
    notice: Text | None = None


def choose_encoding(pieces: Sequence[Piece], *, claimed: str | None, stated: str | None, where: str) -> TextPlan:
    """Decide how texts are decoded.

    Parameters
    ----------
    pieces
        Every distinct text that is not ASCII.
    claimed
        What the file says of itself.
    stated
        ``encoding`` of ``city.toml``, which wins.
    where
        File and layer, for messages.

    Returns
    -------
    TextPlan
        Without ``stated``: UTF-8 if all texts are strictly so; else a claimed Asian or Cyrillic encoding that fits; else GB 18030 if all
        decode and most is everyday Chinese; else what is claimed, or Latin-1.

    Raises
    ------
    SourceError
        The texts are not of the stated encoding.
    """
    if not pieces:
        return TextPlan(None)
    count = sum(number for _, _, number in pieces)
    claim = codec_of(claimed)
    utf8, gbk = _cut(pieces, "utf-8"), _cut(pieces, "gb18030")
    wide = utf8 is not None and any(max(_decode(text, "utf-8")) > _WIDE for text, _, _ in pieces)
    if stated:
        chosen = "gb18030" if codec_of(stated) in CHINESE else codec_of(stated) or stated
        cut = _cut(pieces, chosen)
        if cut is None:
            likely = "utf-8" if utf8 is not None else "gbk" if gbk is not None and _everyday_share(pieces) >= _EVERYDAY else None
            hint = f'it reads as {likely}: write encoding = "{likely}", or remove encoding' if likely else "state its true encoding"
            raise SourceError(f"{where}: text is not {shown(stated)}; {hint}")
        return TextPlan(chosen, count, cut, _doubted(stated) if wide and chosen != "utf-8" else None)
    if utf8 is not None:
        # Two-byte letters alone are as well Chinese in GBK, if that is what the file claims.
        chosen = "gb18030" if claim in CHINESE and gbk is not None and not wide else "utf-8"
    elif claim and claim not in _HABITS and claim not in CHINESE and _cut(pieces, claim) is not None:
        chosen = claim
    elif gbk is not None and (claim in CHINESE or _everyday_share(pieces) >= _EVERYDAY):
        chosen = "gb18030"
    else:
        chosen = claim if claim and _cut(pieces, claim) is not None else RAW
    cut = gbk if chosen == "gb18030" else utf8 if chosen == "utf-8" else _cut(pieces, chosen)
    agrees = chosen == claim or (chosen == "gb18030" and claim in CHINESE)
    return TextPlan(chosen, count, cut or 0, None if agrees else _guessed(chosen, claim))


def is_chinese(content: bytes) -> bool:
    """Tell whether bytes that are not UTF-8 are Chinese in GBK."""
    pieces = [(content, False, 1)]
    return _cut(pieces, "gb18030") is not None and _everyday_share(pieces) >= _EVERYDAY


def decoded(raw: str, encoding: str) -> str:
    """Decode a text that was read as ``RAW``; half a character at its end is left out."""
    return raw if raw.isascii() else codecs.getincrementaldecoder(encoding)("replace").decode(raw.encode(RAW), final=False)


def codec_of(name: str | None) -> str | None:
    """Name the codec of ``UTF-8``, ``936``, ``ISO 88591``, ``ANSI 1252``; ``None`` where it is not known."""
    if not name:
        return None
    name = name.strip().lower().removeprefix("ansi ").removeprefix("oem ").strip()
    if name.startswith(("iso 8859", "8859")):
        name = f"iso8859-{name.removeprefix('iso ').removeprefix('8859').lstrip('-_ ')}"
    name = {"65001": "utf-8", "54936": "gb18030", "936": "gbk"}.get(name, f"cp{name}" if name.isdigit() else name)
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        return None


def _guessed(chosen: str, claim: str | None) -> Text:
    name, stated = _NAMES.get(chosen, chosen), _NAMES.get(claim or "", claim)
    if claim is None:
        return Text(
            f"文件没有说明编码、按 {name} 读取的文本（若显示有误，请写 encoding = …）",
            f"texts are read as {name}, for the file does not say its encoding; if they look wrong, state encoding = …",
        )
    return Text(
        f"文件自称 {stated}、但按 {name} 读取的文本（若显示有误，请写 encoding = …）",
        f"texts are read as {name} although the file claims {stated}; if they look wrong, state encoding = …",
    )


def _doubted(stated: str) -> Text:
    return Text(
        f"按所写的 {stated} 读取、但字节是 UTF-8 的文本（若显示有误，请删去 encoding）",
        f"texts are read as {stated}, as stated, but their bytes are UTF-8; if they look wrong, remove encoding",
    )


def _everyday_share(pieces: Sequence[Piece]) -> float:
    """Share of letters beyond ASCII that are signs or first-level characters of GB 2312, which most Chinese text consists of.

    Latin-1 that happens to decode has its accented letters before plain ones, or gives rare characters.
    """
    everyday = total = 0
    for text, _, number in pieces[:: 1 + len(pieces) // _ENOUGH]:
        for letter in _decode(text, "gb18030"):
            if not letter.isascii():
                code = letter.encode("gb18030")
                total += number
                everyday += number * (len(code) == 2 and code[1] >= 0xA1 and (0xA1 <= code[0] <= 0xA3 or 0xB0 <= code[0] <= 0xD7))
    return everyday / total if total else 0.0


def _decode(text: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(encoding)("strict").decode(text, final=False)


def _cut(pieces: Sequence[Piece], encoding: str) -> int | None:
    """Count the texts whose last letter is cut by the end of a full field; ``None`` where they are not of the encoding."""
    cut = 0
    for text, full, number in pieces:
        with contextlib.suppress(UnicodeError, LookupError):
            text.decode(encoding)
            continue
        try:
            decoder = codecs.getincrementaldecoder(encoding)("strict")
            decoder.decode(text, final=False)
            rest = decoder.getstate()[0]
        except (UnicodeError, LookupError):
            return None
        if rest and not full:
            return None
        cut += number if rest else 0
    return cut
