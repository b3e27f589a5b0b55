"""Where people work, learn and trade in Zixu: shops, offices, government, university, hospitals, factories, the stadium."""

from __future__ import annotations

from tests.demo_city.draft import Sheet
from tests.demo_city.parks import neighbourhood_park
from tests.demo_city.places import Places, Rect, made_up
from tests.demo_city.plan import Lot, draw, pick


def shops(sheet: Sheet, places: Places, lot: Lot) -> None:
    """A block of shops and offices."""
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    sheet.box(x0, y0, x1, y1, landuse="retail" if lot.kind in "ow" else "commercial")
    width, depth = x1 - x0, y1 - y0
    if lot.kind == "c":
        sheet.building(x0 + width / 2, y0 + depth * 0.3, width * 0.75, depth * 0.4, 4, building="retail")
        for k in (0.3, 0.7):
            sheet.building(x0 + width * k, y0 + depth * 0.75, 38, 30, 12 + int(20 * draw("office", lot.key, k)), building="office")
    else:
        sheet.building(x0 + width / 2, y0 + depth * 0.28, width * 0.8, depth * 0.28, 3, building="retail")
        sheet.building(x0 + width * 0.3, y0 + depth * 0.72, width * 0.3, depth * 0.25, 6, building="commercial")
        sheet.building(x0 + width * 0.72, y0 + depth * 0.72, width * 0.3, depth * 0.25, 5, building="commercial")
    if lot.kind == "o":
        y = round(y0 + depth * 0.5, 2)
        sheet.way([(lot.curb_west, y), (lot.curb_east, y)], highway="pedestrian", name="子虚老街")
    for k in range(int(width // 16)):
        places.frontage += [(lot, (x0 + 8 + 16 * k, y0 - 1.0)), (lot, (x0 + 8 + 16 * k, y1 + 1.0))]


def mall(sheet: Sheet, places: Places, lot: Lot, ground: Rect) -> None:
    x0, y0, x1, y1 = ground
    sheet.box(*ground, landuse="retail")
    sheet.building((x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) * 0.8, (y1 - y0) * 0.6, 4, building="retail", shop="mall")
    places.frontage += [(lot, (x0 + 8 + 16 * k, y0 - 1.0)) for k in range(int((x1 - x0) // 16))]


def government(sheet: Sheet, places: Places, lot: Lot) -> None:
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    x, y = lot.middle
    if lot.cell[0] == 1:
        neighbourhood_park(sheet, places, lot, (x0, y0, x1, y1))
        return
    sheet.box(x0, y0, x1, y1, landuse="institutional")
    sheet.building(x, y + 40, (x1 - x0) * 0.6, 22, 9, building="government")
    sheet.building(x, y - 60, (x1 - x0) * 0.5, 30, 5, building="civic")
    if lot.cell == (0, 0):
        sheet.node(x, y - 60, amenity="library", name="子虚市图书馆")
        places.facilities.append(("culture", "子虚市图书馆", (x, y - 60)))
        sheet.way([(x, lot.curb_south), (x, y - 76)], highway="service")
    else:
        sheet.way([(x, lot.curb_north), (x, y + 52)], highway="service")


def university(sheet: Sheet, places: Places, lot: Lot) -> None:
    """A walled campus with four gates, lecture halls in the middle and dormitories to the north."""
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    x, y = lot.middle
    name = "乌有大学" if lot.quarter[1] == 7 else "子虚工学院"
    gates = [(x, y0 + 1), (x, y1 - 1), (x0 + 1, y), (x1 - 1, y)]
    sheet.box(x0 + 1, y0 + 1, x1 - 1, y1 - 1, gates=gates, amenity="university", name=name, barrier="wall")
    sheet.box(x0, y0, x1, y1, landuse="education")
    sheet.way([(x, lot.curb_south), gates[0], gates[1], (x, lot.curb_north)], highway="service", name=f"{name}路")
    sheet.way([(lot.curb_west, y), gates[2], gates[3], (lot.curb_east, y)], highway="service")
    for gate in gates:
        sheet.at(*gate, barrier="gate", entrance="main" if gate == gates[0] else "yes")
    for low, high in ((x0, x), (x, x1)):
        lane = round(low + (high - low) / 2, 1)
        sheet.way([(lane, y0 + 40), (lane, y1 - 40)], highway="service")
        for k in range(4):
            for side in (-1, 1):
                sheet.building(lane + side * 62, y0 + 60 + 52 * k, 70, 18, 4 + k % 3, building="university")
                if y1 - 60 - 44 * k > y + 30:
                    sheet.building(lane + side * 58, y1 - 60 - 44 * k, 64, 14, 6, 24.0, building="dormitory")
    sheet.box(x - 180, y - 70, x - 30, y - 10, leisure="track", sport="athletics")


def hospital(sheet: Sheet, places: Places, lot: Lot, name: str) -> None:
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    x, y = lot.middle
    gate = (x, y0 + 1)
    sheet.box(x0 + 1, y0 + 1, x1 - 1, y1 - 1, gates=[gate], amenity="hospital", name=name, barrier="fence")
    sheet.box(x0, y0, x1, y1, landuse="institutional")
    sheet.way([(x, lot.curb_south), gate, (x, y - 12)], highway="service")
    sheet.at(*gate, barrier="gate", entrance="main")
    sheet.building(x, y, (x1 - x0) * 0.6, 22, 12, building="hospital")
    sheet.building(x, (y + y1) / 2, (x1 - x0) * 0.5, 16, 5, building="hospital")
    places.facilities.append(("hospital", name, gate))


def factory(sheet: Sheet, lot: Lot) -> None:
    """Halls behind a wall with one gate; in the development zone also a workers' house."""
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    spine = round(x0 + (x1 - x0) * 0.5, 1)
    gate = (spine, y0 + 1.5)
    sheet.box(
        x0,
        y0,
        x1,
        y1,
        landuse="industrial",
        name=f"{made_up('factory', lot.key)}{pick(('机械厂', '制药厂', '客车厂', '物流园', '食品厂', '重机厂'), 'f3', lot.key)}",
    )
    sheet.box(x0 + 1.5, y0 + 1.5, x1 - 1.5, y1 - 1.5, gates=[gate], barrier="wall")
    sheet.way([(spine, lot.curb_south), gate], highway="service")
    sheet.way([gate, (spine, y1 - 30)], highway="service", access="private")
    sheet.at(*gate, barrier="gate", access="private")
    rows = max(2, int((y1 - y0 - 30) // 85))
    for r in range(rows):
        y = y0 + 15 + (y1 - y0 - 30) * (r + 0.5) / rows
        for low, high in ((x0 + 15, spine - 10), (spine + 10, x1 - 15)):
            parts = 1 if draw("halls", lot.key, r, low) < 0.45 else 2
            for k in range(parts):
                width = (high - low) / parts - 14
                depth = 34 + 22 * draw("hall", lot.key, r, low, k)
                if draw("gap", lot.key, r, low, k) < 0.12:
                    continue
                sheet.building(
                    low + (high - low) * (k + 0.5) / parts,
                    y,
                    width,
                    depth,
                    1 + (r == 0 and k == 0) * 3,
                    building="office" if r == 0 and k == 0 and width < 90 else "industrial",
                )


def stadium(sheet: Sheet, places: Places, lot: Lot) -> None:
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    x, y = lot.middle
    gates = [(x, y0), (x, y1)]
    sheet.box(x0, y0, x1, y1, gates=gates, leisure="sports_centre", name="水月体育中心")
    sheet.box(x0 + 3, y0 + 3, x1 - 3, y1 - 3, landuse="recreation_ground")
    sheet.way([(x, lot.curb_south), gates[0], (x, y - 110)], highway="footway")
    sheet.way([(x, lot.curb_north), gates[1], (x, y + 110)], highway="footway")
    sheet.building(x, y, 260, 200, None, building="stadium", name="水月体育场")
    for k in range(5):
        sheet.box(x0 + 40 + 62 * k, y0 + 40, x0 + 90 + 62 * k, y0 + 120, leisure="pitch", sport="tennis")
    places.facilities.append(("sports", "水月体育中心", gates[0]))
