"""What stands on every block of Zixu, and the open country round it."""

from __future__ import annotations

from tests.demo_city import plan
from tests.demo_city.draft import Sheet
from tests.demo_city.housing import LONELY, WALLED, housing_lot, old_block, school, village, walled_school
from tests.demo_city.parks import PARK_NAMES, TICKETED_NAME, large_park, pocket_park, river
from tests.demo_city.places import Places
from tests.demo_city.plan import COLUMNS, LOTS, ROWS, Lot, kind_of
from tests.demo_city.work import factory, government, hospital, shops, stadium, university

HOSPITALS = {
    (5, 6, 2, 1): "乌有人民医院",
    (2, 8, 1, 0): "镜花医院",
    (9, 8, 1, 1): "亡是医院",
    (3, 1, 1, 0): "水月医院",
    (4, 12, 1, 1): "海市职工医院",
}
NO_PARKS = {LONELY, (8, 9), (7, 11), (7, 12), (9, 11), (1, 11), (2, 11)}


def draw_ground(sheet: Sheet) -> Places:
    """Fill every block, the river, the railway land, hill and fields."""
    places = Places()
    for key, lot in LOTS.items():
        _fill(sheet, places, key, lot)
    river(sheet, places)
    _open_country(sheet)
    return places


def _fill(sheet: Sheet, places: Places, key: tuple[int, int, int, int], lot: Lot) -> None:
    kind, (a, b) = lot.kind, lot.cell
    odd = (lot.quarter[0] + lot.quarter[1]) % 2 == 1
    parks = lot.quarter not in NO_PARKS
    if key in HOSPITALS:
        return hospital(sheet, places, lot, HOSPITALS[key])
    if key == WALLED:
        return walled_school(sheet, places, lot)
    if kind == "o":
        if (a, b) == (1, 3) or (odd and (a, b) == (4, 1)):
            return school(sheet, places, lot, (lot.x0, lot.y0, lot.x1, lot.y1), "primary" if b == 3 else "middle")
        if (a, b) == (4, 1) and not odd and parks:
            return pocket_park(sheet, places, lot, (lot.x0, lot.y0, lot.x1, lot.y1))
        if (a, b) in {(2, 2), (3, 2)}:
            return shops(sheet, places, lot)
        return old_block(sheet, places, lot)
    if kind in "wmn":
        return housing_lot(sheet, places, lot, odd=odd, parks=parks)
    if kind == "c":
        return pocket_park(sheet, places, lot, (lot.x0, lot.y0, lot.x1, lot.y1)) if (a, b) == (1, 2) else shops(sheet, places, lot)
    if kind == "g":
        return government(sheet, places, lot)
    if kind == "u":
        return university(sheet, places, lot)
    if kind in "ile":
        return factory(sheet, lot)
    if kind == "s":
        return stadium(sheet, places, lot)
    if kind == "v":
        return village(sheet, places, lot)
    ticketed = kind == "P"
    return large_park(sheet, places, lot, TICKETED_NAME if ticketed else PARK_NAMES[lot.quarter], ticketed=ticketed)


def _open_country(sheet: Sheet) -> None:
    """Railway land, fields, and the wooded hill with its paths."""
    for i in range(len(COLUMNS) - 1):
        sheet.box(COLUMNS[i], ROWS[plan.RAIL_ROW] + 12, COLUMNS[i + 1], ROWS[plan.RAIL_ROW + 1] - 12, landuse="railway")
        for j in range(len(ROWS) - 1):
            x0 = COLUMNS[i] + _margin(i - 1, j) if i else plan.WEST
            x1 = COLUMNS[i + 1] - _margin(i + 1, j) if i < len(COLUMNS) - 2 else plan.EAST
            y0 = ROWS[j] + _margin(i, j - 1) if j else plan.SOUTH
            y1 = ROWS[j + 1] - _margin(i, j + 1) if j < len(ROWS) - 2 else plan.NORTH
            if kind_of(i, j) == "f":
                sheet.box(x0, y0, x1, y1, landuse="forest", name="虚无山" if j < 4 else "镜山")
            elif kind_of(i, j) == ".":
                sheet.box(x0, y0, x1, y1, landuse="farmland")
    sheet.building(0.0, 1655.0, 150, 26, 3, building="train_station", name="子虚站")
    sheet.box(-85, 1608, 45, 1640, highway="pedestrian", area="yes", name="子虚站站前广场")
    top = plan.HILLTOP
    sheet.way([(-3400 - 9, -2150), (-3700, -2200), (-3950, -2420), (-4250, -2450)], highway="path", name="登虚道")
    sheet.way([(-4250, -2450), (-4420, -2620)], highway="steps", name="登虚道", step_count="260")
    sheet.way([(-4420, -2620), top], highway="path", name="登虚道")
    sheet.node(*top, natural="peak", name="虚无山", ele=str(round(float(plan.height_m(*top)))))


def _margin(i: int, j: int) -> float:
    """How far fields and woods keep from a neighbouring quarter: from a street, the river's bank or the railway, but not from other fields."""
    return 0.0 if kind_of(i, j) in ".f" else 27.0
