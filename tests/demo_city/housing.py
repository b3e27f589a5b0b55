"""Where people live in Zixu: compounds with walls and gates, old blocks, urban villages; and their schools."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from tests.demo_city import plan
from tests.demo_city.draft import Sheet
from tests.demo_city.parks import neighbourhood_park, pocket_park
from tests.demo_city.places import Places, Rect, made_up, numeral
from tests.demo_city.plan import Lot, draw, pick
from tests.demo_city.work import mall, shops

COMPOUND_LAST = {"w": ("小区", "新村", "家属院"), "m": ("花园", "家园", "嘉苑"), "n": ("府", "公馆", "华庭")}
SEALED_NAME, SEALED = "锁烟公馆", (8, 3, 1, 0)  # a new compound that only its residents pass through
LONELY, LONELY_NAME = (8, 11), "孤云家园"  # a quarter without a park, and one compound of it by name
WALLED, WALLED_SCHOOL, WALLED_COMPOUND = (5, 2, 0, 0), "照影小学", "照影华庭"
LOW_HOUSES = (5, 9)


@dataclass(frozen=True)
class Style:
    """How a compound is built: slabs or towers in rows that face south."""

    depth: float
    length: float
    gap: float
    pitch: float
    levels: tuple[int, int]
    person_m2: float
    private: bool


STYLES = {
    "w": Style(12.0, 60.0, 16.0, 50.0, (4, 6), 38.0, False),
    "m": Style(14.0, 50.0, 20.0, 74.0, (6, 10), 42.0, False),
    "n": Style(18.0, 30.0, 62.0, 105.0, (14, 22), 56.0, True),  # half empty
}


def housing_lot(sheet: Sheet, places: Places, lot: Lot, *, odd: bool, parks: bool) -> None:
    """Compounds; some blocks give ground to a school, a park or shops."""
    kind, cell = lot.kind, lot.cell
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    primary, middle = {"w": ((1, 1), (2, 0)), "m": ((1, 0), (2, 0)), "n": ((0, 0), (1, 0))}[kind]
    if cell == primary or (cell == middle and odd):
        strip = {"w": 105.0, "m": 115.0, "n": 140.0}[kind]
        school(sheet, places, lot, (x0, y0, x0 + strip, y1), "primary" if cell == primary else "middle")
        return _compound(sheet, places, lot, (x0 + strip + 2, y0, x1, y1), gates="SN")
    if kind == "w" and cell == (2, 1):
        return shops(sheet, places, lot)
    if kind == "w" and cell == (3, 2) and parks and draw("park", lot.key) < 0.35:
        return neighbourhood_park(sheet, places, lot, (x0, y0, x1, y1))
    if kind == "m" and cell == (0, 1) and parks and draw("park", lot.key) < 0.6:
        cut = x0 + 120.0
        neighbourhood_park(sheet, places, lot, (x0, y0, cut, y1))
        return _compound(sheet, places, lot, (cut + 2, y0, x1, y1), gates="SN")
    if kind == "m" and cell == (2, 1):
        cut = y0 + 90.0
        mall(sheet, places, lot, (x0, y0, x1, cut))
        return _compound(sheet, places, lot, (x0, cut + 2, x1, y1), gates="NE")
    if kind == "n" and cell == (1, 1) and parks and odd:
        cut = y1 - 95.0
        neighbourhood_park(sheet, places, lot, (x0, cut, x1, y1))
        return _compound(sheet, places, lot, (x0, y0, x1, cut - 2), gates="SE")
    if kind == "w" and parks and draw("pocket", lot.key) < 0.12:
        size = 40.0 + 25 * draw("size", lot.key)
        pocket_park(sheet, places, lot, (x1 - size, y0, x1, y0 + size * 0.8))
        sheet.box(x1 - size, y0 + size * 0.8, x1, y1, landuse="retail")
        for k in range(2):
            y = y0 + size * 0.8 + (y1 - y0 - size * 0.8) * (k + 0.5) / 2
            sheet.building(x1 - size / 2, y, size - 14, (y1 - y0 - size * 0.8) / 2 - 14, 2, building="retail")
        return _compound(sheet, places, lot, (x0, y0, x1 - size - 2, y1), gates="SN")
    gates = {"w": "SN", "m": "SN", "n": "SE"}[kind] if lot.key != SEALED else "SN"
    return _compound(sheet, places, lot, (x0, y0, x1, y1), gates=gates)


def walled_school(sheet: Sheet, places: Places, lot: Lot) -> None:
    """A school in the west of a block opens to the west; the compound behind its wall opens only to the east."""
    cut = lot.x0 + 130.0
    school(sheet, places, lot, (lot.x0, lot.y0, cut, lot.y1), "primary", WALLED_SCHOOL, side="W")
    _compound(sheet, places, lot, (cut + 2, lot.y0, lot.x1, lot.y1), gates="E", name=WALLED_COMPOUND)


def old_block(sheet: Sheet, places: Places, lot: Lot) -> None:
    """Rows of old houses of two to four storeys round an alley; one quarter of single-storey yards."""
    low = lot.quarter == LOW_HOUSES
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    sheet.box(x0, y0, x1, y1, landuse="residential")
    rows, columns = (4, 4) if low else (3, 3)
    step_x, step_y = (x1 - x0) / columns, (y1 - y0) / rows
    for r in range(rows):
        for c in range(columns):
            if draw("yard", lot.key, r, c) < 0.08:
                continue
            levels = 1 if low else 2 + int(3 * draw("old", lot.key, r, c))
            width = step_x - 5 - 6 * draw("width", lot.key, r, c)
            shop = r == 0 and not low and draw("shop", lot.key, c) < 0.25
            kind = "house" if low else "retail" if shop else "apartments"
            sheet.building(
                x0 + step_x * (c + 0.5), y0 + step_y * (r + 0.5), width, 10 if low else 12, levels, 0 if shop else 26.0, building=kind
            )
    if draw("alley", lot.key) < 0.4:
        y = round(y0 + step_y * (1 if rows == 3 else 2), 2)
        sheet.way([(lot.curb_west, y), (lot.curb_east, y)], highway="living_street" if draw("living", lot.key) < 0.5 else "footway")
    places.frontage += [(lot, (x0 + step_x * (c + 0.5), y)) for c in range(columns) for y in (y0 - 1.0, y1 + 1.0)]


def village(sheet: Sheet, places: Places, lot: Lot) -> None:
    """An urban village: single-storey yards along alleys, few services, no park, no bus."""
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    name = "北溟村" if lot.quarter[0] == 1 else "南柯村"
    sheet.box(x0, y0, x1, y1, landuse="residential", name=name)
    spine = round(x0 + (x1 - x0) * 0.47, 1)
    sheet.way([(spine, lot.curb_south), (spine, lot.curb_north)], highway="unclassified", name=f"{name}路")
    rows = int((y1 - y0) // 62)
    for r in range(rows):
        y = round(y0 + (y1 - y0) * (r + 0.5) / rows, 1)
        sheet.way([(x0 + 10, y), (x1 - 10, y)], highway="living_street")
        for side in (-1, 1):
            count = int((x1 - x0 - 20) // 29)
            for c in range(count):
                x = x0 + 10 + (x1 - x0 - 20) * (c + 0.5) / count
                if abs(x - spine) > 14 and draw("house", lot.key, r, side, c) < 0.75:
                    sheet.building(x, y + side * 12, 14 + 5 * draw("w", lot.key, r, side, c), 9, 1, 20.0, building="house")
    places.frontage += [(lot, (spine + 4, y0 + 30 + 60 * k)) for k in range(int((y1 - y0 - 60) // 60))]


def school(sheet: Sheet, places: Places, lot: Lot, ground: Rect, level: str, name: str = "", side: str = "") -> None:
    """A walled campus with one gate, buildings to the north and a sports ground to the south; the gate opens to the west, or to the south."""
    x0, y0, x1, y1 = ground
    number = 1 + sum(1 for kind, _, _ in places.schools.values() if kind == level)
    name = name or f"子虚市第{numeral(number)}{'小学' if level == 'primary' else '中学'}"
    middle = round((y0 + y1) / 2 + 4, 1)
    side = side or ("S" if draw("school gate", ground) < 0.5 or not plan.reaches(lot, "W", middle) else "W")
    gate = (round((x0 + x1) / 2, 1), y0 + 1) if side == "S" else (x0 + 1, middle)
    curb = (gate[0], lot.curb_south) if side == "S" else (lot.curb_west, middle)
    sheet.box(
        x0 + 1,
        y0 + 1,
        x1 - 1,
        y1 - 1,
        gates=[gate],
        amenity="school",
        name=name,
        barrier="wall",
        isced__level="1" if level == "primary" else "2;3",
    )
    sheet.box(x0, y0, x1, y1, landuse="education")
    sheet.way([curb, gate], highway="service")
    sheet.way([gate, (gate[0], middle - 10) if side == "S" else (x0 + 40, middle)], highway="service", access="private")
    sheet.at(*gate, barrier="gate", entrance="main")
    width = min(x1 - x0 - 24, 90.0)
    for k, y in enumerate((y1 - 22, middle + 16) if y1 - y0 > 130 else (y1 - 22,)):
        sheet.building((x0 + x1) / 2, y, width, 14, 4 - k, building="school")
    sheet.box(
        (x0 + x1) / 2 - 32, y0 + 14, (x0 + x1) / 2 + 32, min(y0 + 54, middle - 14), leisure="track", sport="athletics", access="private"
    )
    places.schools[name] = (level, ground, gate)
    places.facilities.append((level, name, gate))


def _compound(sheet: Sheet, places: Places, lot: Lot, ground: Rect, gates: str, name: str = "") -> None:
    style, kind = STYLES[lot.kind], lot.kind
    x0, y0, x1, y1 = ground
    if not name:
        named = {(*LONELY, 1, 1): LONELY_NAME, SEALED: SEALED_NAME}
        name = named.get(lot.key) or made_up("compound", ground) + pick(COMPOUND_LAST[kind], "c3", ground)
    sheet.box(x0, y0, x1, y1, landuse="residential", name=name)
    spine = round(x0 + (x1 - x0) * (0.5 if x1 - x0 < 130 else 0.42 + 0.16 * draw("spine", ground)), 1)
    rows = max(2, int((y1 - y0 - 24 - style.depth) // style.pitch) + 1)
    step = (y1 - y0 - 24 - style.depth) / (rows - 1)
    centres = [y0 + 12 + style.depth / 2 + step * k for k in range(rows)]
    lanes = [round((low + high) / 2 - 4, 1) for low, high in itertools.pairwise(centres)]
    wall = x0 + 1.5, y0 + 1.5, x1 - 1.5, y1 - 1.5
    middle = lanes[len(lanes) // 2]
    all_gates = {"S": (spine, wall[1]), "N": (spine, wall[3]), "W": (wall[0], middle), "E": (wall[2], middle)}
    street = {"S": (spine, lot.curb_south), "N": (spine, lot.curb_north), "W": (lot.curb_west, middle), "E": (lot.curb_east, middle)}
    gates = "".join(side for side in gates if plan.reaches(lot, side, spine if side in "SN" else middle))
    access = {"access": "private"} if style.private else {}
    inside = {"S": (spine, lanes[0]), "N": (spine, lanes[-1]), "W": (spine, middle), "E": (spine, middle)}
    if len(lanes) > 1:
        sheet.way([(spine, lane) for lane in lanes], highway="service", **access)
    for lane in lanes:
        sheet.way([(x0 + 8, lane), (x1 - 8, lane)], highway="service", service="driveway", **access)
    walled = kind != "w" or draw("wall", ground) < 0.65
    for side in gates:
        sheet.way([street[side], all_gates[side]], highway="service")
        sheet.way(
            [all_gates[side], inside[side] if side in "SN" else (x1 - 8 if side == "E" else x0 + 8, middle)], highway="service", **access
        )
        if walled:
            second = side != gates[0]
            tags = {"barrier": "lift_gate" if kind != "w" and not second else "gate"}
            if style.private or (kind == "m" and second):
                tags["access"] = "private"
            sheet.at(*all_gates[side], **tags)
    if walled:
        sheet.box(*wall, gates=[all_gates[side] for side in gates], barrier="wall" if kind == "w" else "fence")
    places.compounds.setdefault(name, (lot, ground, [all_gates[side] for side in gates]))
    kindergarten = kind != "w" and draw("kindergarten", ground) < 0.45
    for r, y in enumerate(centres):
        for half, (low, high) in enumerate(((x0 + 10, spine - 7), (spine + 7, x1 - 10))):
            if kindergarten and r == 0 and half == 0 and high - low > 40:
                _kindergarten(sheet, places, (low, y - style.depth / 2, high, y + style.depth / 2), name)
                continue
            for x, width in _in_row(low, high, style):
                low_levels, high_levels = style.levels
                levels = low_levels + int(draw("levels", ground) * (high_levels - low_levels)) + int(3 * draw("levels", ground, r, x))
                known = None if kind == "w" and draw("mapped", x, y) < 0.08 else levels
                sheet.building(
                    x, y, width, style.depth, known, style.person_m2 if known else style.person_m2 / levels, building="apartments"
                )
    if kind == "n" or (kind == "m" and draw("pitch", ground) < 0.2):
        sheet.box(
            x1 - 34, lanes[-1] + 3, x1 - 8, lanes[-1] + 17, leisure="pitch", sport="basketball", access="private" if style.private else ""
        )
    for k in range(int((x1 - x0) // 28)):
        x = x0 + 14 + 28 * k
        if abs(x - spine) > 10:
            places.frontage += [(lot, (x, y0 - 1.5)), (lot, (x, y1 + 1.5))]


def _in_row(low: float, high: float, style: Style) -> list[tuple[float, float]]:
    """Middles and widths of the buildings of a row."""
    room = high - low
    if style.gap > 40:  # towers
        count = max(1, int((room + style.gap) // (style.length + style.gap)))
        return [(low + room * (k + 0.5) / count, style.length) for k in range(count)]
    count = max(1, round(room / (style.length + style.gap)))
    width = min((room - (count - 1) * style.gap) / count, style.length * 1.35)
    return [(low + room * (k + 0.5) / count, width) for k in range(count) if width > 14]


def _kindergarten(sheet: Sheet, places: Places, ground: Rect, compound: str) -> None:
    x0, y0, x1, y1 = ground
    name = f"{compound}幼儿园"
    sheet.box(x0, y0 - 6, min(x1, x0 + 70), y1 + 10, amenity="kindergarten", name=name)
    sheet.building((x0 + min(x1, x0 + 70)) / 2, (y0 + y1) / 2, 30, 13, 3, building="kindergarten")
    places.facilities.append(("kindergarten", name, (x0, y0)))
