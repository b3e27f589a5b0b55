"""What was planned where, and the pools of names."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.demo_city.draft import Point
from tests.demo_city.plan import Lot, pick

Rect = tuple[float, float, float, float]
COMPOUND_FIRST = "锦云翠星月兰桂枫梧松澄碧映照浣听望问枕怀"
COMPOUND_SECOND = "溪湖林苑亭台泉岚汀洲屿岸桥塘谷坞湾陌原畔"


@dataclass
class Places:
    """What was planned where, for the truths: rectangles in plan metres, gates as plan points."""

    compounds: dict[str, tuple[Lot, Rect, list[Point]]] = field(default_factory=dict)
    schools: dict[str, tuple[str, Rect, Point]] = field(default_factory=dict)
    parks: dict[str, tuple[Rect, list[Point], bool]] = field(default_factory=dict)
    facilities: list[tuple[str, str, Point]] = field(default_factory=list)
    frontage: list[tuple[Lot, Point]] = field(default_factory=list)


def made_up(*key: object) -> str:
    """Two characters of a name."""
    return pick(COMPOUND_FIRST, "first", *key) + pick(COMPOUND_SECOND, "second", *key)


def numeral(n: int) -> str:
    """Write a number below 100 in Chinese."""
    digits = "〇一二三四五六七八九"
    tens, ones = divmod(n, 10)
    return (digits[tens] if tens > 1 else "") + ("十" if tens else "") + (digits[ones] if ones else "")
