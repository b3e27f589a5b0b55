"""Shops and services of Zixu: how many of each class a quarter gets, by how well it is served."""

from __future__ import annotations

from tests.demo_city import plan
from tests.demo_city.draft import Point, Sheet
from tests.demo_city.places import COMPOUND_SECOND, Places
from tests.demo_city.plan import COLUMNS, ROWS, draw, kind_of, pick

# Class → tags, names, and the number in a quarter that is well served.
CLASSES: dict[str, tuple[dict[str, str], str, float]] = {
    "convenience": ({"shop": "convenience"}, "便利店", 8.0),
    "restaurant": ({"amenity": "restaurant"}, "饭店", 6.0),
    "fast_food": ({"amenity": "fast_food"}, "早餐铺", 3.0),
    "pharmacy": ({"amenity": "pharmacy"}, "大药房", 2.4),
    "parcel": ({"amenity": "parcel_locker"}, "快递柜", 7.0),
    "hairdresser": ({"shop": "hairdresser"}, "理发店", 2.2),
    "bakery": ({"shop": "bakery"}, "面包房", 1.2),
    "laundry": ({"shop": "laundry"}, "洗衣店", 1.5),
    "supermarket": ({"shop": "supermarket"}, "超市", 1.4),
    "greengrocer": ({"shop": "greengrocer"}, "鲜果店", 1.0),
    "market": ({"amenity": "marketplace"}, "菜市场", 1.1),
    "clinic": ({"amenity": "clinic", "healthcare": "centre"}, "社区卫生服务中心", 0.9),
    "doctors": ({"amenity": "doctors"}, "卫生服务站", 1.2),
    "childcare": ({"amenity": "childcare"}, "托育园", 1.0),
    "eldercare": ({"amenity": "social_facility", "social_facility": "day_care", "social_facility__for": "senior"}, "日间照料中心", 1.8),
    "nursing_home": ({"amenity": "social_facility", "social_facility": "nursing_home", "social_facility__for": "senior"}, "养老院", 0.25),
    "community": ({"amenity": "community_centre"}, "社区服务站", 2.0),
    "culture": ({"amenity": "library"}, "社区书屋", 0.6),
    "arts": ({"amenity": "arts_centre"}, "文化馆", 0.1),
    "fitness": ({"leisure": "fitness_station"}, "健身点", 3.0),
    "kindergarten": ({"amenity": "kindergarten"}, "幼儿园", 4.0),
    "repair": ({"shop": "hardware"}, "五金修理铺", 0.7),
    "bank": ({"amenity": "bank"}, "银行", 0.8),
}

# How well each kind of quarter is served; north of the railway less, in the development zone hardly.
LEVELS = {"o": 1.0, "c": 0.9, "w": 0.9, "m": 0.7, "n": 0.4, "g": 0.3, "v": 0.2, "u": 0.3, "e": 0.05, "i": 0.05, "l": 0.05}
NORTH_OF_THE_RAILWAY = 0.45
PREFIXES = ("云来", "如意", "福满", "百味", "康宁", "利民", "惠家", "顺风", "喜乐", "东篱", "南柯", "蓬门", "半日", "小满", "清和", "邻里", "万家", "平安")  # fmt: skip

HOSTILE = (("convenience", "<script>alert('子虚')</script>便利店"), ("restaurant", "=1+1饭店"))


def draw_services(sheet: Sheet, places: Places) -> None:
    """Put services along the front of the blocks, in an order that no list decides, so that neighbours differ."""
    spots: dict[tuple[int, int], list[Point]] = {}
    for lot, spot in places.frontage:
        spots.setdefault(lot.quarter, []).append(spot)
    hostile = dict(HOSTILE)
    for quarter, free in sorted(spots.items()):
        free = sorted(set(free), key=lambda spot: draw("spot", spot))
        kind = kind_of(*quarter)
        level = LEVELS[kind] * (NORTH_OF_THE_RAILWAY if quarter[1] > plan.RAIL_ROW else 1.0)
        size = (COLUMNS[quarter[0] + 1] - COLUMNS[quarter[0]]) * (ROWS[quarter[1] + 1] - ROWS[quarter[1]]) / 5.4e5
        for name, (tags, label, most) in CLASSES.items():
            count = int(most * level * size + draw("count", name, quarter))
            for n in range(count):
                if not free:
                    break
                x, y = free.pop()
                full = pick(PREFIXES, "name", name, quarter, n) + pick(COMPOUND_SECOND, "second", name, quarter, n) + label
                full = hostile.pop(name, full) if kind == "o" else full
                sheet.node(x, y, name=full, **tags)
                places.facilities.append((name, full, (x, y)))
        if free and kind in "ow" and draw("disused", quarter) < 0.3:
            sheet.node(*free.pop(), shop="convenience", disused="yes", name="旧日便利店")
        if free and kind in "ow" and draw("vacant", quarter) < 0.3:
            sheet.node(*free.pop(), shop="vacant")
        if free and kind == "o" and draw("closed", quarter) < 0.3:
            sheet.node(*free.pop(), disused__amenity="pharmacy", name="停业大药房")
