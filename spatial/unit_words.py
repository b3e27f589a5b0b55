"""Units as plans, ledgers and yearbooks write them, each converted once into a base unit of ``spatial.units``."""

from __future__ import annotations

import math
import re
import unicodedata

MU_M2 = 10_000 / 15
_LARGE = {"": 1.0, "十": 1e1, "百": 1e2, "千": 1e3, "万": 1e4, "十万": 1e5, "百万": 1e6, "千万": 1e7, "亿": 1e8, "万亿": 1e12}
_BASE: dict[str, tuple[str, float]] = {
    "1": ("1", 1.0), "%": ("1", 0.01), "percent": ("1", 0.01), "百分之": ("1", 0.01), "‰": ("1/1000", 0.001),
    "pp": ("pp", 0.01), "个百分点": ("pp", 0.01), "百分点": ("pp", 0.01), "%/yr": ("1", 0.01), "% change": ("1", 0.01),
    "m": ("m", 1.0), "米": ("m", 1.0), "km": ("km", 1.0), "公里": ("km", 1.0), "千米": ("km", 1.0), "里程公里": ("km", 1.0),
    "车道公里": ("km", 1.0), "m2": ("m2", 1.0), "m²": ("m2", 1.0), "平方米": ("m2", 1.0), "平米": ("m2", 1.0), "㎡": ("m2", 1.0),
    "ha": ("ha", 1.0), "公顷": ("ha", 1.0), "hm2": ("ha", 1.0), "ha change": ("ha", 1.0), "km2": ("km2", 1.0), "km²": ("km2", 1.0),
    "平方公里": ("km2", 1.0), "平方千米": ("km2", 1.0), "mu": ("ha", MU_M2 / 1e4), "亩": ("ha", MU_M2 / 1e4),
    "m3": ("m3", 1.0), "m³": ("m3", 1.0), "立方米": ("m3", 1.0), "方": ("m3", 1.0),
    "t": ("t", 1.0), "吨": ("t", 1.0), "kg": ("t", 0.001), "公斤": ("t", 0.001), "千克": ("t", 0.001), "斤": ("t", 0.0005),
    "jin": ("t", 0.0005), "t/d": ("t/d", 1.0), "吨/日": ("t/d", 1.0), "吨/天": ("t/d", 1.0), "吨每日": ("t/d", 1.0),
    "cny": ("CNY", 1.0), "元": ("CNY", 1.0), "人民币元": ("CNY", 1.0), "yuan": ("CNY", 1.0),
    "persons": ("persons", 1.0), "person-times": ("persons", 1.0), "人": ("persons", 1.0), "人次": ("persons", 1.0),
    "households": ("households", 1.0), "户": ("households", 1.0), "dwellings": ("dwellings", 1.0), "套": ("dwellings", 1.0),
    "places": ("places", 1.0), "spaces": ("places", 1.0), "学位": ("places", 1.0), "个学位": ("places", 1.0), "床位": ("places", 1.0),
    "张": ("places", 1.0), "张床位": ("places", 1.0), "泊位": ("places", 1.0), "个泊位": ("places", 1.0), "车位": ("places", 1.0),
    "托位": ("places", 1.0), "places/1000": ("1/1000", 0.001), "beds/1000": ("1/1000", 0.001), "个/千人": ("1/1000", 0.001),
    "张/千人": ("1/1000", 0.001), "mw": ("MW", 1.0), "兆瓦": ("MW", 1.0), "kw": ("MW", 0.001), "千瓦": ("MW", 0.001),
    "pflops": ("PFLOPS", 1.0), "p": ("PFLOPS", 1.0), "index": ("index", 1.0), "分": ("index", 1.0), "点": ("index", 1.0),
    "ratio": ("ratio", 1.0), "倍": ("ratio", 1.0), "piles/vehicle": ("ratio", 1.0), "sinuosity change": ("ratio", 1.0),
    "class": ("class", 1.0), "类": ("class", 1.0), "km/km2": ("km/km2", 1.0), "公里/平方公里": ("km/km2", 1.0),
    "m2/person": ("m2/person", 1.0), "平方米/人": ("m2/person", 1.0), "status": ("status", 1.0), "boolean": ("boolean", 1.0),
    "persons/km2": ("persons/km2", 1.0), "人/平方公里": ("persons/km2", 1.0),
    "count/yr": ("count", 1.0), "classrooms": ("count", 1.0), "kinds": ("count", 1.0), "count": ("count", 1.0),
}  # fmt: skip
_COUNTED = ("个", "处", "条", "座", "项", "家", "所", "片", "栋", "幢", "部", "台", "根", "株", "棵", "枪", "桩", "次", "件", "种", "间", "村",
            "屯", "街", "路", "宗", "起", "例", "盏", "口", "批", "块", "支", "辆", "间教室", "项目", "地块", "单元")  # fmt: skip
_BASE |= dict.fromkeys(_COUNTED, ("count", 1.0))
_LARGE_FIRST = sorted((word for word in _LARGE if word), key=len, reverse=True)


def unit_word(word: object) -> tuple[str, float] | None:
    """Read a unit as people write it.

    Parameters
    ----------
    word
        ``亿元``, ``万吨/日``, ``亩``, ``km``; an absent one is a plain number.

    Returns
    -------
    tuple
        Code of ``spatial.units`` and the factor into it: ``亿元`` → ``("CNY", 1e8)``; ``亩`` → ``("ha", 0.0667)``; ``None`` where the word
        is not known.
    """
    if word is None or (isinstance(word, float) and math.isnan(word)):
        return "count", 1.0
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", str(word))).strip().lower()
    if not text:
        return "count", 1.0
    if text in _BASE:
        return _BASE[text]
    for large in _LARGE_FIRST:
        if text.startswith(large):
            rest = text.removeprefix(large)
            if not rest:
                return "count", _LARGE[large]
            if rest in _BASE and _BASE[rest][0] not in ("1", "pp", "boolean", "status"):
                code, factor = _BASE[rest]
                return code, factor * _LARGE[large]
    return None


_SAME = {"m": ("length", 1.0), "km": ("length", 1000.0), "m2": ("area", 1.0), "ha": ("area", 1e4), "km2": ("area", 1e6),
         "1": ("share", 1.0), "pp": ("share", 1.0), "1/1000": ("share", 1.0)}  # fmt: skip
_COUNTS = ("count", "households", "dwellings", "places", "persons")


def factor_between(code: str, wanted: str) -> float | None:
    """Return the factor from one base unit into another; ``None`` where the one says nothing of the other.

    Persons, households, dwellings and places are never one another; a plain count is taken as any of them. An index may be a ratio, such as that of
    two speeds, never the reverse.
    """
    if code == wanted:
        return 1.0
    if code in _SAME and wanted in _SAME and _SAME[code][0] == _SAME[wanted][0]:
        return _SAME[code][1] / _SAME[wanted][1]
    if code == "count" and wanted in (*_COUNTS, "index", "class", "ratio", "boolean", "status", "PFLOPS"):
        return 1.0
    if (code, wanted) == ("index", "ratio"):
        return 1.0
    return None


def converted(value: float, factor: float) -> float:
    """Convert a number as people do on paper: ``7 %`` is 0.07, not 0.07000000000000001, or what equals a target would miss it."""
    return float(f"{value * factor:.15g}")
